/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_map_core.h: the algorithm of the atomic hash map, a chain of arrays ("slabs"), behind all its front ends.
 *
 * Users include atomic_hash_map.h (type-erased) or atomic_hash_map_typed.h (a map for their types). Both call these functions with
 * a policy; where it is a constant, straight code is left. A chain of one slab that may not grow is an atomic hash array.
 *
 * The chain
 *
 *     slabs_count --.
 *     slabs[0]  [1]  v  ...        each larger than all before it together; cells never move
 *
 * A slab is the algorithm of atomic_hash_array_core.h. Slabs are added when the entries reach the load factor, and when no cell of an
 * insert's path is free. They are added by whoever notices, under a lock that nobody waits for unless he has no cell at all; the others go on in
 * the last slab. All but the last slab are closed. That is a hint: which slab a key goes to is decided by its cells.
 *
 *   - Reuse `never`: an insert walks the slabs from the first. In a closed one it changes the first EMPTY cell of its path to SEALED, in the
 *     last one to LOCKED. All inserts of a key walk the same path, and an insert that is late and takes a closed slab for the last one competes
 *     for that very cell. So a key is never in two slabs, and nobody counts or waits for inserts that are pending.
 *   - The others: the lock of the key's home group in the first slab (or, if that is small, of a table) excludes the other writers of the key. An insert that found
 *     the key in no slab takes a free cell of the home group of a closed slab, the oldest first, else walks the last slab.
 *
 * A find looks from the last slab, that mostly has the most entries, to the first. The order does not matter: a key that was there all the
 * time was in one cell all the time.
 *
 * A pending insert whose value is made by a callback holds no lock meanwhile. Under the policies with locks its tag says PENDING: another insert
 * that finds such a cell on its path lets the lock go and waits for it.
 *
 * Changes of values and erases of one key exclude each other: by the home lock, or by the cell's lock if it has one. Order: cell's
 * lock, then home lock; the home lock is held for a search and a few stores, never over a callback.
 *
 * Keys whose words stand for states lie in side cells, four behind the cells of the first slab, one for each. A side cell has no tag; its
 * word is EMPTY, LOCKED, ERASED or the policy's side word.
 *
 * Counters are striped over cache lines. The load is looked at every so many inserts of a stripe, before anything is claimed.
 *
 *   tag     order                                      pairs with                                  for
 *   AHM-1   growth: slabs_count release                every call: slabs_count acquire             the slab's addresses, its zeros
 *   AHM-2   growth lock: exchange acquire              unlock: store release                       who grows
 *   AHM-3   erase: erased add release                  size: erased load acquire                   who counts an erase counts its insert
 *   AHM-4   cell lock: exchange acquire                unlock: store release                       the value
 *   AHM-5   word-sized value: store release            load acquire                                what the writer wrote before
 */
#ifndef HASHLOOM_ATOMIC_HASH_MAP_CORE_H
#define HASHLOOM_ATOMIC_HASH_MAP_CORE_H

#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/thread_stripe.h>

HL_BEGIN_DECLS

#define HL_AHM_SLABS_MAX 32
#define HL_AHM_SIDE_CELLS 4
#define HL_AHM_COUNTER_CACHE 1000
#define HL_AHM_BATCH 32
#define HL_AHM_LOCKS 256

typedef void (*atomic_hash_map_retire_fn)(void *context, uint32_t id);
typedef void (*atomic_hash_map_destroy_value_fn)(void *context, void *value);
typedef int (*atomic_hash_map_construct_fn)(void *value, void *argument);
typedef void (*atomic_hash_map_combine_fn)(void *stored, const void *offered, void *argument);
typedef int (*atomic_hash_map_entry_fn)(uint64_t key, void *value, void *argument);

/* All zero is the default but for value_size. The typed maps take only what their template does not say: the lines marked *. */
struct atomic_hash_map_config {
	size_t key_size;	  /* 4 or 8 bytes; 0: 8 */
	size_t value_size;	  /* bytes, 0 to 2^30; 0: a set, whose stores and combines do nothing */
	size_t value_alignment;	  /* a power of two up to 64; 0: 8, or less if value_size is. Values of 1 to 8 bytes have at least their size's */
	unsigned load_permille;	  /* * entries per thousand cells before the map grows, 1 to 1000; 0: 800. Above 900 misses get slow */
	unsigned growth_permille; /* * cells of a new slab per thousand of all that there are, 1000 to 63000; 0: 7000 up to 64 MiB, then 1000 */
	uint32_t counter_cache;	  /* * inserts of a thread between two looks at the load; 0: 1000 */
	uint64_t cells_count;	  /* * of the first slab, rounded up to a multiple of 15; 0: as entries_max and load say */
	uint64_t empty_key;	  /* three keys whose words stand for the states of a cell (D.1), all different; all 0: -1, -2, -3 */
	uint64_t locked_key;
	uint64_t erased_key;
	enum hashloom_reuse reuse;
	enum hashloom_probing probing;
	int is_fixed;  /* the map never grows: an atomic hash array */
	int has_locks; /* each cell has a lock, 4 bytes */
	atomic_hash_array_hash_fn hash;	  /* all 64 bits must be mixed, or searches get long; must not block; NULL: our own */
	atomic_hash_array_equal_fn equal; /* of keys with the same hash; must not block; NULL: same bits */
	atomic_hash_map_destroy_value_fn destroy_value; /* * called once when a value is given up; must not call the map; NULL: nothing to do.
						With all bytes zero if a construct failed where the key had a value before */
	void *destroy_context;
	atomic_hash_map_retire_fn retire; /* * ANY_KEY: called by erases instead of giving the cell free; see atomic_hash_map_release(). The other policies do not call it */
	void *retire_context;
	const struct hashloom_allocator *allocator; /* * copied; NULL: the default */
};

/* Of one slab, and of all. */
struct atomic_hash_map_slab_stats {
	uint64_t cells_count;
	uint64_t entries;
	uint64_t tombstones; /* cells of erased entries that are not free */
	uint64_t sealed;     /* cells lost where inserts passed on to the next slab */
	uint64_t overflowed; /* groups that searches pass */
	uint64_t probes;     /* groups that the finds of all entries look at, in this slab */
	uint64_t probes_max; /* of one entry */
	uint64_t bytes;
};

struct atomic_hash_map_stats {
	struct atomic_hash_map_slab_stats total;
	uint32_t slabs_count;
	struct atomic_hash_map_slab_stats slabs[HL_AHM_SLABS_MAX];
};

/* How many cells, and the lowest of their ids; UINT32_MAX: none. */
struct atomic_hash_map_finding {
	uint64_t count;
	uint32_t first;
};

/* What atomic_hash_map_check() sees. In a map where nothing runs and nothing has died, size is entries, and all others are none. */
struct atomic_hash_map_report {
	uint64_t entries;			    /* cells that hold one */
	uint64_t size;				    /* as atomic_hash_map_size() */
	struct atomic_hash_map_finding claimed;	    /* by an insert that has not published: inserts of its key wait for it, and of other keys whose path has the cell */
	struct atomic_hash_map_finding unreleased;  /* ANY_KEY: of erased entries, and not free again; with `retire` also those that are retired */
	struct atomic_hash_map_finding unreachable; /* entries that no find comes to (SAME_KEY: and cells kept for a key that its inserts do not come to) */
	struct atomic_hash_map_finding damaged;	    /* in a state that no step leads to: somebody has overwritten it */
	struct atomic_hash_map_finding cell_locks;  /* whose lock is held */
	uint64_t home_locks;			    /* locks of groups that are held: writers of the keys whose home it is wait */
	uint64_t overflow_wrong;		    /* ANY_KEY: slabs whose overflow counts are not those of their entries: searches get longer */
	int64_t overflow_excess;		    /* by how much in all */
	int is_growing;				    /* a slab is being made */
};

struct hl_ahm_policy {
	struct hl_aha_policy cell;
	uint64_t side_word; /* of a side cell that holds its key */
	int is_fixed;	    /* one slab, an array */
};

struct hl_ahm_stripe {
	hl_u64 inserted __attribute__((aligned(HL_CACHE_LINE))); /* written by inserts, before they publish */
	hl_u64 erased;						 /* written by erases, afterwards */
	hl_u64 revived;						 /* inserts that took no new cell: same_key, side cells */
};

struct hl_ahm {
	hl_u32 slabs_count;
	hl_u32 counter_mask;
	struct hl_aha slabs[HL_AHM_SLABS_MAX]; /* written before slabs_count says that they are there */
	struct hashloom_allocator allocator;
	atomic_hash_map_destroy_value_fn destroy_value;
	void *destroy_context;
	atomic_hash_map_retire_fn retire;
	void *retire_context;
	uint64_t entries_max; /* a fixed map's promise */
	unsigned load_permille;
	unsigned growth_permille;
	uint32_t counter_cache;
	hl_u32 growing __attribute__((aligned(HL_CACHE_LINE))); /* the growth lock */
	hl_u32 grow_failed;					/* no memory for a slab that is due: each insert tries again */
	hl_u64 cells_total;
	hl_u8 locks[HL_AHM_LOCKS] __attribute__((aligned(HL_CACHE_LINE))); /* of a small first slab; see hl_ahm_home_lock() */
	struct hl_ahm_stripe stripes[HL_STRIPES];
};

/* Where an entry is. slab NULL: nowhere. */
struct hl_ahm_place {
	const struct hl_aha *slab;
	uint32_t cell;
};

/* How a new entry is made. */
struct hl_ahm_make {
	const void *value;					/* copied, if there is no `construct` */
	atomic_hash_map_construct_fn construct;		/* 0, or a negative number: the insert fails with it */
	int (*convert)(void *argument, uint64_t *key);	/* the key of a lookup by another type; NULL: the lookup has it */
	void *argument;
};

/*
 * Support of the front ends, in the library: what is not on a hot path. Internal. What they do stands with the functions of
 * atomic_hash_map.h.
 *
 * hl_ahm_grow: adds a slab behind the `seen` that there were: OK (or somebody else did), NO_MEMORY, FULL. is_needed: waits for
 * another thread that grows the map; otherwise goes on without.
 * hl_ahm_grow_if_due: the same if the load says so, without waiting: OK, NO_MEMORY.
 * hl_ahm_used: cells that are taken, about, and rather too few.
 * hl_ahm_check_slabs: of hl_ahm_check() what is in cells and lines, for slabs that are no map's.
 */
HASHLOOM_API int hl_ahm_policy_init(struct hl_ahm_policy *policy, const struct atomic_hash_map_config *config);
HASHLOOM_API int hl_ahm_create(const struct hl_ahm_policy *policy, struct hl_ahm *map, size_t entries_max,
			       const struct atomic_hash_map_config *config);
HASHLOOM_API void hl_ahm_destroy(const struct hl_ahm_policy *policy, struct hl_ahm *map);
HASHLOOM_API int hl_ahm_grow(const struct hl_ahm_policy *policy, struct hl_ahm *map, uint32_t seen, int is_needed);
HASHLOOM_API int hl_ahm_grow_if_due(const struct hl_ahm_policy *policy, struct hl_ahm *map);
HASHLOOM_API uint64_t hl_ahm_used(const struct hl_ahm_policy *policy, const struct hl_ahm *map);
HASHLOOM_API size_t hl_ahm_size(const struct hl_ahm *map);
HASHLOOM_API size_t hl_ahm_space_remaining(const struct hl_ahm_policy *policy, const struct hl_ahm *map);
HASHLOOM_API uint64_t hl_ahm_ids(const struct hl_ahm *map);
HASHLOOM_API void hl_ahm_set_counter_cache(struct hl_ahm *map, uint32_t counter_cache);
HASHLOOM_API void hl_ahm_clear(const struct hl_ahm_policy *policy, struct hl_ahm *map);
HASHLOOM_API int hl_ahm_compact(const struct hl_ahm_policy *policy, struct hl_ahm *map, size_t entries_max);
HASHLOOM_API void hl_ahm_statistics(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
				    struct atomic_hash_map_stats *statistics);
HASHLOOM_API int hl_ahm_check(const struct hl_ahm_policy *policy, const struct hl_ahm *map, struct atomic_hash_map_report *report);
HASHLOOM_API void hl_ahm_check_slabs(const struct hl_aha_policy *policy, const struct hl_aha *slabs, uint32_t slabs_count,
				     struct atomic_hash_map_report *report);

/* ---- places ----------------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE uint32_t hl_ahm_slabs_count(const struct hl_ahm_policy *policy, const struct hl_ahm *map)
{
	/* acquire. pairs with [AHM-1] in hl_ahm_grow(). if relaxed: a slab's addresses may not be there yet */
	return policy->is_fixed ? 1 : hl_u32_load_acquire(&map->slabs_count);
}

HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_make_place(const struct hl_aha *slab, uint32_t cell)
{
	const struct hl_ahm_place place = { cell == HL_AHA_NONE ? NULL : slab, cell };

	return place;
}

HL_ALWAYS_INLINE void *hl_ahm_value(const struct hl_ahm_policy *policy, struct hl_ahm_place place)
{
	return place.slab == NULL ? NULL : hl_aha_value(&policy->cell, place.slab, place.cell);
}

/* A word that is a state's: its key lies in a side cell, as far as the lookup is by word. */
HL_ALWAYS_INLINE int hl_ahm_is_side(const struct hl_ahm_policy *policy, const struct hl_aha_lookup *lookup)
{
	return lookup->equal == NULL && policy->cell.equal == NULL && !hl_aha_is_key(&policy->cell, lookup->word);
}

HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_side_place(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t word)
{
	const unsigned side = word == HL_AHA_EMPTY		? 0U :
			      word == policy->cell.locked_word ? 1U :
			      word == policy->cell.erased_word ? 2U :
								  3U;

	return hl_ahm_make_place(&map->slabs[0], (uint32_t)hl_aha_cells_count(&map->slabs[0]) + side);
}

/* The key word that a side cell is for. */
HL_ALWAYS_INLINE uint64_t hl_ahm_side_key_word(const struct hl_ahm_policy *policy, uint64_t side)
{
	return side == 0 ? HL_AHA_EMPTY :
	       side == 1 ? policy->cell.locked_word :
	       side == 2 ? policy->cell.erased_word :
			   policy->cell.sealed_word;
}

HL_ALWAYS_INLINE int hl_ahm_is_side_place(struct hl_ahm_place place)
{
	return place.cell >= hl_aha_cells_count(place.slab);
}

/* 1 and the key word of the entry in a place, or 0. */
HL_ALWAYS_INLINE int hl_ahm_entry_at(const struct hl_ahm_policy *policy, struct hl_ahm_place place, uint64_t *word)
{
	if (HL_UNLIKELY(hl_ahm_is_side_place(place))) {
		*word = hl_ahm_side_key_word(policy, place.cell - hl_aha_cells_count(place.slab));
		/* acquire. pairs with [AHA-1] */
		return hl_aha_word_load_acquire(&policy->cell, place.slab, place.cell) == policy->side_word;
	}
	*word = hl_aha_entry_word(&policy->cell, place.slab, place.cell);
	return *word != HL_AHA_EMPTY;
}

/* Whether a place holds what is looked for, now. */
HL_ALWAYS_INLINE int hl_ahm_holds(const struct hl_ahm_policy *policy, struct hl_ahm_place place,
				  const struct hl_aha_lookup *lookup)
{
	uint64_t word;

	return hl_ahm_entry_at(policy, place, &word) && hl_aha_matches(&policy->cell, lookup, word);
}

/* ---- ids -------------------------------------------------------------------------------------------- */

/* Ids of the slabs follow each other; those of the side cells stand behind the first slab's. */
HL_ALWAYS_INLINE uint64_t hl_ahm_slab_ids(const struct hl_ahm *map, uint32_t slab)
{
	return hl_aha_cells_count(&map->slabs[slab]) + (slab == 0 ? HL_AHM_SIDE_CELLS : 0);
}

HL_ALWAYS_INLINE uint32_t hl_ahm_id(struct hl_ahm_place place)
{
	return (uint32_t)(place.slab->id_base + place.cell);
}

/* The place of an id; slab NULL for a number that is no id. */
HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_place_of_id(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t id)
{
	uint32_t slab = hl_ahm_slabs_count(policy, map) - 1;

	while (slab > 0 && id < map->slabs[slab].id_base)
		slab--;
	if (id - map->slabs[slab].id_base >= hl_ahm_slab_ids(map, slab))
		return hl_ahm_make_place(NULL, HL_AHA_NONE);
	return hl_ahm_make_place(&map->slabs[slab], (uint32_t)(id - map->slabs[slab].id_base));
}

/* The place of a value of this map. */
HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_place_of_value(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
							   const void *value)
{
	uint32_t slab = hl_ahm_slabs_count(policy, map) - 1;

	for (; slab > 0; slab--) {
		const char *const first = (const char *)hl_aha_value(&policy->cell, &map->slabs[slab], 0);
		const uint64_t offset = (uint64_t)((uintptr_t)value - (uintptr_t)first);

		if (offset < hl_ahm_slab_ids(map, slab) * policy->cell.cell_size)
			break;
	}
	return hl_ahm_make_place(&map->slabs[slab], hl_aha_id_of(&policy->cell, &map->slabs[slab], value));
}

/* ---- the lock of a key's writers -------------------------------------------------------------------- */

/* A bit of the key's home group in the first slab; if that is small, and may be followed by large ones, a byte of a table. */
HL_ALWAYS_INLINE hl_u8 *hl_ahm_home_lock(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t hash)
{
	if (policy->is_fixed || map->slabs[0].groups_count >= HL_AHM_LOCKS)
		return hl_aha_home_lock(&map->slabs[0], hash);
	return (hl_u8 *)(uintptr_t)&map->locks[(hash >> 32) % HL_AHM_LOCKS];
}

HL_ALWAYS_INLINE void hl_ahm_lock_home(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t hash)
{
	hl_aha_lock_byte(hl_ahm_home_lock(policy, map, hash));
}

HL_ALWAYS_INLINE void hl_ahm_unlock_home(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t hash)
{
	hl_aha_unlock_byte(hl_ahm_home_lock(policy, map, hash));
}

/* ---- find ------------------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE void hl_ahm_prefetch(const struct hl_ahm *map, uint32_t slabs_count, uint64_t hash)
{
	for (uint32_t slab = slabs_count; slab-- > 0;)
		hl_aha_prefetch_line(&map->slabs[slab], hash);
}

/*
 * Looks where nearly all is, in the home groups of the slabs. FOUND and *found, *slab, or ABSENT, or FURTHER and *further: a bit for each slab in
 * which it may be in a group further on, and none for a reserved key.
 */
HL_ALWAYS_INLINE enum hl_aha_find_result hl_ahm_find_home(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
							  const struct hl_aha_lookup *lookup, struct hl_aha_found *found,
							  const struct hl_aha **slab, uint32_t *further)
{
	uint32_t i = hl_ahm_slabs_count(policy, map) - 1;

	*further = 0;
	if (HL_UNLIKELY(hl_ahm_is_side(policy, lookup)))
		return HL_AHA_FURTHER;
	do {
		*slab = &map->slabs[i];
		const enum hl_aha_find_result result =
			hl_aha_find_in_group(&policy->cell, *slab, lookup, hl_aha_home(*slab, lookup->hash), found);

		if (HL_LIKELY(result == HL_AHA_FOUND))
			return HL_AHA_FOUND;
		*further |= (uint32_t)(result == HL_AHA_FURTHER) << i;
	} while (HL_UNLIKELY(i-- > 0));
	return *further == 0 ? HL_AHA_ABSENT : HL_AHA_FURTHER;
}

/* What hl_ahm_find_home() left open. */
HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_find_further(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
							 const struct hl_aha_lookup *lookup, uint32_t further)
{
	struct hl_aha_found found;

	if (hl_ahm_is_side(policy, lookup)) {
		const struct hl_ahm_place side = hl_ahm_side_place(policy, map, lookup->word);

		return hl_ahm_holds(policy, side, lookup) ? side : hl_ahm_make_place(NULL, HL_AHA_NONE);
	}
	for (; further != 0; further &= further - 1) {
		const struct hl_aha *const slab = &map->slabs[__builtin_ctz(further)];

		if (hl_aha_find_further(&policy->cell, slab, lookup, &found) == HL_AHA_FOUND)
			return hl_ahm_make_place(slab, found.id);
	}
	return hl_ahm_make_place(NULL, HL_AHA_NONE);
}

/* Wait-free. */
HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_find(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
						 const struct hl_aha_lookup *lookup)
{
	struct hl_aha_found found = { HL_AHA_NONE, NULL };
	const struct hl_aha *slab = NULL;
	uint32_t further;

	switch (hl_ahm_find_home(policy, map, lookup, &found, &slab, &further)) {
	case HL_AHA_FOUND:
		return hl_ahm_make_place(slab, found.id);
	case HL_AHA_ABSENT:
		return hl_ahm_make_place(NULL, HL_AHA_NONE);
	default:
		return hl_ahm_find_further(policy, map, lookup, further);
	}
}

/* 1 and *value, which is NULL if the key is not there; or 0 and *further: ask hl_ahm_find_further(). */
HL_ALWAYS_INLINE int hl_ahm_find_value(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
				       const struct hl_aha_lookup *lookup, void **value, uint32_t *further)
{
	struct hl_aha_found found;
	const struct hl_aha *slab;
	const enum hl_aha_find_result result = hl_ahm_find_home(policy, map, lookup, &found, &slab, further);

	*value = result == HL_AHA_FOUND ? found.cell + policy->cell.value_offset : NULL;
	return result != HL_AHA_FURTHER;
}

/* Asks for the line of cells of a slab where an insert begins to look for room, beside the tags. */
HL_ALWAYS_INLINE void hl_ahm_prefetch_first_cell(const struct hl_ahm_policy *policy, const struct hl_aha *slab, uint64_t hash)
{
	const uint64_t group = hl_aha_home(slab, hash);
	const unsigned lane = hl_aha_first_lane(&policy->cell, group, hash);

	__builtin_prefetch(hl_aha_cell(&policy->cell, slab, (uint32_t)(group * HL_AHA_LANES + lane)));
}

/* For finds that wait for each other. */
HL_ALWAYS_INLINE void hl_ahm_prefetch_near(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t hash)
{
	for (uint32_t slab = hl_ahm_slabs_count(policy, map); slab-- > 0;)
		hl_ahm_prefetch_first_cell(policy, &map->slabs[slab], hash);
}

/* ---- counters --------------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE struct hl_ahm_stripe *hl_ahm_my_stripe(struct hl_ahm *map)
{
	return &map->stripes[hl_thread_stripe()];
}

/*
 * Looks at the load every so many inserts, before anything is claimed or locked, and adds a slab if one is due: OK, or NO_MEMORY. As long as a slab is
 * lacking each insert looks.
 */
HL_ALWAYS_INLINE int hl_ahm_look_at_load(const struct hl_ahm_policy *policy, struct hl_ahm *map)
{
	if (policy->is_fixed)
		return HASHLOOM_OK;
	const uint64_t inserted = hl_u64_load_relaxed(&hl_ahm_my_stripe(map)->inserted);

	if (HL_LIKELY((inserted & hl_u32_load_relaxed(&map->counter_mask)) != 0 && !hl_u32_load_relaxed(&map->grow_failed)))
		return HASHLOOM_OK;
	return hl_ahm_grow_if_due(policy, map);
}

HL_ALWAYS_INLINE void hl_ahm_count_erase(struct hl_ahm *map)
{
	/* release. pairs with [AHM-3] in hl_ahm_size(). if relaxed: the size may wrap below zero */
	hl_u64_fetch_add_release(&hl_ahm_my_stripe(map)->erased, 1);
}

/* ---- values ----------------------------------------------------------------------------------------- */

/* Values of up to 8 bytes lie in a slot of 1, 2, 4 or 8 and are read and written as one word. */
HL_ALWAYS_INLINE size_t hl_ahm_slot_size(size_t value_size)
{
	return value_size > 4 ? 8 : value_size > 2 ? 4 : value_size;
}

HL_ALWAYS_INLINE int hl_ahm_is_word(const struct hl_ahm_policy *policy)
{
	return policy->cell.value_size >= 1 && policy->cell.value_size <= 8;
}

HL_ALWAYS_INLINE void hl_ahm_slot_load(const struct hl_ahm_policy *policy, const void *slot, void *value)
{
	const size_t size = hl_ahm_slot_size(policy->cell.value_size);

	/* acquire. pairs with [AHM-5] in hl_ahm_slot_store() */
	if (size == 1) {
		const uint8_t bits = hl_u8_load_acquire((const hl_u8 *)slot);
		memcpy(value, &bits, policy->cell.value_size);
	} else if (size == 2) {
		const uint16_t bits = hl_u16_load_acquire((const hl_u16 *)slot);
		memcpy(value, &bits, policy->cell.value_size);
	} else if (size == 4) {
		const uint32_t bits = hl_u32_load_acquire((const hl_u32 *)slot);
		memcpy(value, &bits, policy->cell.value_size);
	} else {
		const uint64_t bits = hl_u64_load_acquire((const hl_u64 *)slot);
		memcpy(value, &bits, policy->cell.value_size);
	}
}

HL_ALWAYS_INLINE void hl_ahm_slot_store(const struct hl_ahm_policy *policy, void *slot, const void *value)
{
	const size_t size = hl_ahm_slot_size(policy->cell.value_size);
	uint8_t bits8 = 0;
	uint16_t bits16 = 0;
	uint32_t bits32 = 0;
	uint64_t bits64 = 0;

	/* release. pairs with [AHM-5] in hl_ahm_slot_load() */
	if (size == 1) {
		memcpy(&bits8, value, policy->cell.value_size);
		hl_u8_store_release((hl_u8 *)slot, bits8);
	} else if (size == 2) {
		memcpy(&bits16, value, policy->cell.value_size);
		hl_u16_store_release((hl_u16 *)slot, bits16);
	} else if (size == 4) {
		memcpy(&bits32, value, policy->cell.value_size);
		hl_u32_store_release((hl_u32 *)slot, bits32);
	} else {
		memcpy(&bits64, value, policy->cell.value_size);
		hl_u64_store_release((hl_u64 *)slot, bits64);
	}
}

/* ---- locks of cells --------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE hl_u32 *hl_ahm_cell_lock_word(const struct hl_ahm_policy *policy, struct hl_ahm_place place)
{
	return (hl_u32 *)(void *)(hl_aha_cell(&policy->cell, place.slab, place.cell) + policy->cell.lock_offset);
}

HL_ALWAYS_INLINE int hl_ahm_cell_try_lock(const struct hl_ahm_policy *policy, struct hl_ahm_place place)
{
	hl_u32 *const word = hl_ahm_cell_lock_word(policy, place);

	/* acquire. pairs with [AHM-4] in hl_ahm_cell_unlock() */
	return hl_u32_load_relaxed(word) == 0 && hl_u32_exchange_acquire(word, 1) == 0;
}

HL_ALWAYS_INLINE void hl_ahm_cell_lock(const struct hl_ahm_policy *policy, struct hl_ahm_place place)
{
	for (unsigned spins = 0; !hl_ahm_cell_try_lock(policy, place); spins++)
		hl_aha_pause(spins);
}

HL_ALWAYS_INLINE void hl_ahm_cell_unlock(const struct hl_ahm_policy *policy, struct hl_ahm_place place)
{
	/* release. pairs with [AHM-4] in hl_ahm_cell_try_lock() */
	hl_u32_store_release(hl_ahm_cell_lock_word(policy, place), 0);
}

/* ---- insert ----------------------------------------------------------------------------------------- */

/* What the search of an insert under the lock came to. */
struct hl_ahm_search {
	struct hl_ahm_place place;
	int is_pending; /* place is LOCKED under the same tag, or PENDING: it may become this key's entry */
};

HL_ALWAYS_INLINE struct hl_ahm_search hl_ahm_search_slab(const struct hl_ahm_policy *policy, const struct hl_aha *slab,
							 const struct hl_aha_lookup *lookup)
{
	const struct hl_aha_policy *const cell = &policy->cell;
	const uint8_t tag = hl_aha_tag(lookup->hash);
	const uint64_t length = hl_aha_path_length(cell, slab);
	struct hl_ahm_search search = { { NULL, HL_AHA_NONE }, 0 };
	uint64_t group = hl_aha_home(slab, lookup->hash);

	for (uint64_t passed = 0; passed < length; passed++) {
		const struct hl_aha_line line = hl_aha_line_load(slab, group);

		for (unsigned lanes = hl_aha_line_match(line, tag) | hl_aha_line_match(line, HL_AHA_TAG_PENDING); lanes != 0;
		     lanes &= lanes - 1) {
			const uint32_t id = hl_aha_id(group, lanes);
			const uint64_t word = hl_aha_word_load_acquire(cell, slab, id);

			search.is_pending = word == cell->locked_word;
			if (search.is_pending || hl_aha_matches(cell, lookup, word)) {
				search.place = hl_ahm_make_place(slab, id);
				return search;
			}
		}
		if (!hl_aha_overflows(cell, line, lookup->hash))
			break;
		group = hl_aha_next_group(cell, slab, group, passed);
	}
	return search;
}

HL_ALWAYS_INLINE struct hl_ahm_search hl_ahm_search_slabs(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
						    const struct hl_aha_lookup *lookup, uint32_t slabs_count)
{
	struct hl_ahm_search search = { { NULL, HL_AHA_NONE }, 0 };

	for (uint32_t slab = slabs_count; slab-- > 0 && search.place.slab == NULL;)
		search = hl_ahm_search_slab(policy, &map->slabs[slab], lookup);
	return search;
}

/* Claims a cell for a key that is in no slab; the home lock is held. slab NULL: no cell is free. */
HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_claim_any(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t hash,
						      uint32_t slabs_count)
{
	const struct hl_aha *const last = &map->slabs[slabs_count - 1];

	for (const struct hl_aha *slab = map->slabs; slab < last; slab++) {
		const uint32_t cell = hl_aha_claim_free(&policy->cell, slab, hl_aha_home(slab, hash), hash);

		if (cell != HL_AHA_NONE)
			return hl_ahm_make_place(slab, cell);
	}
	return hl_ahm_make_place(last, hl_aha_claim_any(&policy->cell, last, hash));
}

enum hl_ahm_claim {
	HL_AHM_CLAIMED, /* a fresh cell */
	HL_AHM_REVIVED, /* one that was the same key's: it goes back to its word when the insert fails */
	HL_AHM_PRESENT,
};

/* What an insert holds. */
struct hl_ahm_claimed {
	struct hl_ahm_place place;
	uint64_t word_before;
};

/* same_key: makes the tombstone of this key LOCKED, if there is one; the home lock is held. */
HL_ALWAYS_INLINE int hl_ahm_claim_tombstone(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
					    const struct hl_aha_lookup *lookup, uint32_t slabs_count,
					    struct hl_ahm_claimed *claimed)
{
	for (uint32_t slab = slabs_count; slab-- > 0;) {
		const uint32_t cell = hl_aha_find_tombstone(&policy->cell, &map->slabs[slab], lookup);

		if (cell == HL_AHA_NONE)
			continue;
		claimed->place = hl_ahm_make_place(&map->slabs[slab], cell);
		claimed->word_before = hl_aha_word_load_relaxed(&policy->cell, &map->slabs[slab], cell);
		hl_aha_word_store_release(&policy->cell, &map->slabs[slab], cell, policy->cell.locked_word);
		return 1;
	}
	return 0;
}

/* The claims: an enum hl_ahm_claim and *claimed, or an error. With never no lock is held on return, with the others the home lock if CLAIMED or REVIVED. */
HL_ALWAYS_INLINE int hl_ahm_claim_never(const struct hl_ahm_policy *policy, struct hl_ahm *map,
					const struct hl_aha_lookup *lookup, struct hl_ahm_claimed *claimed)
{
	uint32_t slabs_count = hl_ahm_slabs_count(policy, map);

	if (slabs_count > 1)
		hl_ahm_prefetch(map, slabs_count, lookup->hash);
	/* Ends: the slabs are finite, and each turn goes on to the next one. */
	for (uint32_t slab = 0;;) {
		uint32_t cell = HL_AHA_NONE;
		const enum hl_aha_claim_result result =
			hl_aha_claim(&policy->cell, &map->slabs[slab], lookup, slab + 1 < slabs_count, &cell);

		claimed->place = hl_ahm_make_place(&map->slabs[slab], cell);
		if (result == HL_AHA_CLAIMED || result == HL_AHA_PRESENT)
			return result == HL_AHA_CLAIMED ? HL_AHM_CLAIMED : HL_AHM_PRESENT;
		if (policy->is_fixed)
			return HASHLOOM_ERROR_FULL;
		if (++slab < slabs_count)
			continue;
		if (result == HL_AHA_FULL) {
			const int error = hl_ahm_grow(policy, map, slabs_count, 1);

			if (error != HASHLOOM_OK)
				return error;
		}
		/* A seal is written by who saw a further slab: [AHA-7] makes it visible here. */
		slabs_count = hl_ahm_slabs_count(policy, map);
		hl_assert(slab < slabs_count);
	}
}

HL_ALWAYS_INLINE int hl_ahm_claim_locked(const struct hl_ahm_policy *policy, struct hl_ahm *map,
					 const struct hl_aha_lookup *lookup, struct hl_ahm_claimed *claimed)
{
	/* A turn is repeated after another insert has ended, or another slab was added. */
	for (;;) {
		hl_ahm_lock_home(policy, map, lookup->hash);
		const uint32_t slabs_count = hl_ahm_slabs_count(policy, map);
		const struct hl_ahm_search search = hl_ahm_search_slabs(policy, map, lookup, slabs_count);

		claimed->place = search.place;
		if (search.place.slab != NULL) {
			hl_ahm_unlock_home(policy, map, lookup->hash);
			if (!search.is_pending)
				return HL_AHM_PRESENT;
			(void)hl_aha_await_cell(&policy->cell, search.place.slab, search.place.cell);
			continue;
		}
		if (policy->cell.reuse == HASHLOOM_REUSE_SAME_KEY &&
		    hl_ahm_claim_tombstone(policy, map, lookup, slabs_count, claimed))
			return HL_AHM_REVIVED;
		claimed->place = hl_ahm_claim_any(policy, map, lookup->hash, slabs_count);
		if (claimed->place.slab != NULL)
			return HL_AHM_CLAIMED;
		hl_ahm_unlock_home(policy, map, lookup->hash);
		const int error = policy->is_fixed ? HASHLOOM_ERROR_FULL : hl_ahm_grow(policy, map, slabs_count, 1);

		if (error != HASHLOOM_OK)
			return error;
	}
}

/* The side cell of a reserved key, under any policy the same key's for ever. */
HL_ALWAYS_INLINE int hl_ahm_claim_side(const struct hl_ahm_policy *policy, struct hl_ahm *map,
				       const struct hl_aha_lookup *lookup, struct hl_ahm_claimed *claimed)
{
	const struct hl_ahm_place place = hl_ahm_side_place(policy, map, lookup->word);
	const uint64_t erased_word = policy->cell.erased_word;
	uint64_t word;

	claimed->place = place;
	claimed->word_before = erased_word;
	/* A turn is repeated after another insert or erase of this key. */
	for (;;) {
		if (hl_aha_await_cell(&policy->cell, place.slab, place.cell) == policy->side_word)
			return HL_AHM_PRESENT;
		if (hl_aha_word_take(&policy->cell, place.slab, place.cell, &word, policy->cell.locked_word))
			return HL_AHM_CLAIMED;
		if (word != erased_word)
			continue;
		hl_ahm_lock_home(policy, map, lookup->hash);
		const int is_erased = hl_aha_word_load_acquire(&policy->cell, place.slab, place.cell) == erased_word;

		if (is_erased)
			hl_aha_word_store_release(&policy->cell, place.slab, place.cell, policy->cell.locked_word);
		hl_ahm_unlock_home(policy, map, lookup->hash);
		if (is_erased)
			return HL_AHM_REVIVED;
	}
}

/* Gives a fresh cell back. */
HL_ALWAYS_INLINE void hl_ahm_abort_fresh(const struct hl_ahm_policy *policy, const struct hl_aha_lookup *lookup,
					 struct hl_ahm_place place)
{
	const struct hl_aha_policy *const cell = &policy->cell;

	if (cell->reuse != HASHLOOM_REUSE_NEVER && !hl_ahm_is_side_place(place)) {
		hl_u8_store_relaxed(hl_aha_tag_of(place.slab, place.cell), HL_AHA_TAG_FREE);
		hl_aha_overflow_undo(cell, place.slab, lookup->hash, hl_aha_path_length(cell, place.slab),
				     place.cell / HL_AHA_LANES);
	}
	hl_aha_abort(cell, place.slab, place.cell);
}

/* Makes a revived cell a tombstone again, in one step for whoever holds the home lock. */
HL_ALWAYS_INLINE void hl_ahm_abort_revived(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
					   const struct hl_aha_lookup *lookup, const struct hl_ahm_claimed *claimed)
{
	const struct hl_ahm_place place = claimed->place;

	hl_ahm_lock_home(policy, map, lookup->hash);
	if (!hl_ahm_is_side_place(place))
		hl_u8_store_relaxed(hl_aha_tag_of(place.slab, place.cell), HL_AHA_TAG_FREE);
	hl_aha_word_store_release(&policy->cell, place.slab, place.cell, claimed->word_before);
	hl_ahm_unlock_home(policy, map, lookup->hash);
}

HL_ALWAYS_INLINE int hl_ahm_construct(const struct hl_ahm_policy *policy, void *value, const struct hl_ahm_make *make)
{
	if (make->construct != NULL)
		return make->construct(value, make->argument);
	if (policy->cell.value_size == 0)
		return HASHLOOM_OK;
	if (hl_ahm_is_word(policy))
		hl_ahm_slot_store(policy, value, make->value);
	else
		memcpy(value, make->value, policy->cell.value_size);
	return HASHLOOM_OK;
}

/* Makes key and value: OK and *word, or an error of the callbacks. */
HL_ALWAYS_INLINE int hl_ahm_fill(const struct hl_ahm_policy *policy, const struct hl_ahm *map, const struct hl_ahm_make *make,
				 struct hl_ahm_place place, int is_revived, uint64_t *word)
{
	void *const value = hl_ahm_value(policy, place);
	uint64_t key;

	if (make->convert != NULL) {
		const int error = make->convert(make->argument, &key);

		if (error < 0)
			return error;
		*word = hl_aha_word(&policy->cell, key);
		/* A side cell is found by word alone. */
		if (!hl_aha_is_key(&policy->cell, *word))
			return HASHLOOM_ERROR_INVALID_KEY;
	}
	if (is_revived && map->destroy_value != NULL)
		map->destroy_value(map->destroy_context, value);
	const int error = hl_ahm_construct(policy, value, make);

	/* The value from before is given up, this one is half made: destroy_value and readers of old addresses find zeros. */
	if (error < 0 && is_revived && policy->cell.value_size > 0)
		memset(value, 0, policy->cell.value_size);
	return error;
}

/* Counts an entry and lets it be found. */
HL_ALWAYS_INLINE void hl_ahm_publish(const struct hl_ahm_policy *policy, struct hl_ahm *map, struct hl_ahm_place place,
				     int is_revived, uint64_t word, uint64_t hash)
{
	struct hl_ahm_stripe *const stripe = hl_ahm_my_stripe(map);

	hl_u64_fetch_add_relaxed(&stripe->inserted, 1);
	if (is_revived)
		hl_u64_fetch_add_relaxed(&stripe->revived, 1);
	if (HL_UNLIKELY(hl_ahm_is_side_place(place)))
		hl_aha_word_store_release(&policy->cell, place.slab, place.cell, policy->side_word);
	else
		hl_aha_publish(&policy->cell, place.slab, word, hash, place.cell);
}

/* 1: new; 0: there already; or an error, and nothing changed. *place: where the entry is, unless there was an error. */
HL_ALWAYS_INLINE int hl_ahm_insert(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				   const struct hl_ahm_make *make, struct hl_ahm_place *place)
{
	const int is_side = hl_ahm_is_side(policy, lookup);
	const int has_lock = !is_side && policy->cell.reuse != HASHLOOM_REUSE_NEVER;
	/* The home lock is kept for a plain copy, and given up before a callback, the cell being LOCKED and PENDING. */
	const int keeps_lock = has_lock && make->construct == NULL && make->convert == NULL &&
			       (policy->cell.reuse != HASHLOOM_REUSE_SAME_KEY || map->destroy_value == NULL);
	struct hl_ahm_claimed claimed = { { NULL, HL_AHA_NONE }, HL_AHA_EMPTY };
	uint64_t word = lookup->word;

	if (lookup->equal == NULL && policy->cell.equal != NULL && !hl_aha_is_key(&policy->cell, word))
		return HASHLOOM_ERROR_INVALID_KEY;
	/* The compare-and-swap that follows lets nothing overtake it: tags and cell had better come together. */
	hl_ahm_prefetch_first_cell(policy, &map->slabs[hl_ahm_slabs_count(policy, map) - 1], lookup->hash);
	const int load_error = hl_ahm_look_at_load(policy, map);
	const int claim = is_side  ? hl_ahm_claim_side(policy, map, lookup, &claimed) :
			  has_lock ? hl_ahm_claim_locked(policy, map, lookup, &claimed) :
				     hl_ahm_claim_never(policy, map, lookup, &claimed);
	const int is_revived = claim == HL_AHM_REVIVED;

	if (claim < 0)
		return claim;
	*place = claimed.place;
	if (claim == HL_AHM_PRESENT)
		return 0;
	if (has_lock && !keeps_lock) {
		/* relaxed: to finds it is as good as FREE, and writers of the key come through the lock */
		hl_u8_store_relaxed(hl_aha_tag_of(place->slab, place->cell), HL_AHA_TAG_PENDING);
		hl_ahm_unlock_home(policy, map, lookup->hash);
	}
	const int error = is_revived || is_side || load_error == HASHLOOM_OK ?
				  hl_ahm_fill(policy, map, make, *place, is_revived, &word) :
				  load_error;
	if (error >= 0)
		hl_ahm_publish(policy, map, *place, is_revived, word, lookup->hash);
	else if (is_revived)
		hl_ahm_abort_revived(policy, map, lookup, &claimed);
	else
		hl_ahm_abort_fresh(policy, lookup, *place);
	if (keeps_lock)
		hl_ahm_unlock_home(policy, map, lookup->hash);
	return error < 0 ? error : 1;
}

/* The same as a function, for callers that take their time. */
HL_APART int hl_ahm_insert_apart(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				 const struct hl_ahm_make *make, struct hl_ahm_place *place)
{
	return hl_ahm_insert(policy, map, lookup, make, place);
}

/* ---- erase ------------------------------------------------------------------------------------------ */

/* Lets the cell of an erased entry go, when nobody reads its value any more. any_key only. */
HL_ALWAYS_INLINE void hl_ahm_release(const struct hl_ahm_policy *policy, struct hl_ahm *map, struct hl_ahm_place place)
{
	if (map->destroy_value != NULL)
		map->destroy_value(map->destroy_context, hl_ahm_value(policy, place));
	hl_aha_release(&policy->cell, place.slab, place.cell);
}

HL_ALWAYS_INLINE void hl_ahm_unlink(const struct hl_ahm_policy *policy, struct hl_ahm_place place, uint64_t hash)
{
	if (HL_UNLIKELY(hl_ahm_is_side_place(place)))
		hl_aha_word_store_release(&policy->cell, place.slab, place.cell, policy->cell.erased_word);
	else
		hl_aha_unlink(&policy->cell, place.slab, hash, place.cell);
}

/* Copies a value that nobody changes meanwhile. */
HL_ALWAYS_INLINE void hl_ahm_value_copy(const struct hl_ahm_policy *policy, struct hl_ahm_place place, void *value)
{
	if (hl_ahm_is_word(policy))
		hl_ahm_slot_load(policy, hl_ahm_value(policy, place), value);
	else if (policy->cell.value_size > 0)
		memcpy(value, hl_ahm_value(policy, place), policy->cell.value_size);
}

/* Erases what is in a place, if it still is what is looked for. taken: gets a copy of the value; may be NULL. 1 or 0. */
HL_ALWAYS_INLINE int hl_ahm_erase_place(const struct hl_ahm_policy *policy, struct hl_ahm *map, struct hl_ahm_place place,
					const struct hl_aha_lookup *lookup, void *taken)
{
	if (policy->cell.lock_offset != 0)
		hl_ahm_cell_lock(policy, place);
	hl_ahm_lock_home(policy, map, lookup->hash);
	const int is_there = hl_ahm_holds(policy, place, lookup);

	if (is_there && taken != NULL)
		hl_ahm_value_copy(policy, place, taken);
	if (is_there)
		hl_ahm_unlink(policy, place, lookup->hash);
	hl_ahm_unlock_home(policy, map, lookup->hash);
	if (policy->cell.lock_offset != 0)
		hl_ahm_cell_unlock(policy, place);
	if (!is_there)
		return 0;
	hl_ahm_count_erase(map);
	if (policy->cell.reuse == HASHLOOM_REUSE_ANY_KEY && !hl_ahm_is_side_place(place)) {
		if (map->retire != NULL)
			map->retire(map->retire_context, hl_ahm_id(place));
		else
			hl_ahm_release(policy, map, place);
	}
	return 1;
}

/* 1: erased; 0: not there. */
HL_ALWAYS_INLINE int hl_ahm_erase(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				  void *taken)
{
	hl_ahm_prefetch_first_cell(policy, &map->slabs[hl_ahm_slabs_count(policy, map) - 1], lookup->hash);
	const struct hl_ahm_place place = hl_ahm_find(policy, map, lookup);

	return place.slab != NULL && hl_ahm_erase_place(policy, map, place, lookup, taken);
}

/* Erases the entry in a place, if its key is still this one. */
HL_ALWAYS_INLINE int hl_ahm_erase_entry(const struct hl_ahm_policy *policy, struct hl_ahm *map, struct hl_ahm_place place,
					uint64_t word)
{
	const struct hl_aha_lookup lookup = hl_aha_lookup_key(&policy->cell, hl_aha_key(&policy->cell, word));

	return hl_ahm_erase_place(policy, map, place, &lookup, NULL);
}

/* ---- values that change ------------------------------------------------------------------------------ */

/* Changes a copy of a word-sized value, or a value in place; returns whether it is to be written. */
typedef int (*hl_ahm_change_fn)(void *value, void *argument);

/* Holds off erases and other changes of the entry in a place. */
HL_ALWAYS_INLINE void hl_ahm_lock(const struct hl_ahm_policy *policy, const struct hl_ahm *map, struct hl_ahm_place place,
				  uint64_t hash)
{
	if (policy->cell.lock_offset != 0)
		hl_ahm_cell_lock(policy, place);
	else
		hl_ahm_lock_home(policy, map, hash);
}

HL_ALWAYS_INLINE void hl_ahm_unlock(const struct hl_ahm_policy *policy, const struct hl_ahm *map, struct hl_ahm_place place,
				    uint64_t hash)
{
	if (policy->cell.lock_offset != 0)
		hl_ahm_cell_unlock(policy, place);
	else
		hl_ahm_unlock_home(policy, map, hash);
}

/*
 * Runs `change` on the value of an entry while it holds off erases and other changes. 1, or 0: not there. With cells that have no lock of
 * their own it is one of the functions below, that end soon and call nobody.
 */
HL_ALWAYS_INLINE int hl_ahm_change(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				   hl_ahm_change_fn change, void *argument)
{
	const struct hl_ahm_place place = hl_ahm_find(policy, map, lookup);
	uint64_t copy = 0;

	if (place.slab == NULL)
		return 0;
	hl_ahm_lock(policy, map, place, lookup->hash);
	const int is_there = hl_ahm_holds(policy, place, lookup);

	if (is_there && hl_ahm_is_word(policy)) {
		hl_ahm_slot_load(policy, hl_ahm_value(policy, place), &copy);
		if (change(&copy, argument))
			hl_ahm_slot_store(policy, hl_ahm_value(policy, place), &copy);
	} else if (is_there && policy->cell.value_size > 0) {
		(void)change(hl_ahm_value(policy, place), argument);
	}
	hl_ahm_unlock(policy, map, place, lookup->hash);
	return is_there;
}

/* The arguments of the changes, and the changes. */
struct hl_ahm_operands {
	size_t size;
	const void *offered;
	const void *expected;
	void *seen; /* gets the value from before; may be NULL */
	int is_equal;
};

HL_ALWAYS_INLINE int hl_ahm_change_read(void *value, void *argument)
{
	const struct hl_ahm_operands *const operands = (const struct hl_ahm_operands *)argument;

	memcpy(operands->seen, value, operands->size);
	return 0;
}

HL_ALWAYS_INLINE int hl_ahm_change_exchange(void *value, void *argument)
{
	const struct hl_ahm_operands *const operands = (const struct hl_ahm_operands *)argument;

	if (operands->seen != NULL)
		memcpy(operands->seen, value, operands->size);
	memcpy(value, operands->offered, operands->size);
	return 1;
}

HL_ALWAYS_INLINE int hl_ahm_change_compare_exchange(void *value, void *argument)
{
	struct hl_ahm_operands *const operands = (struct hl_ahm_operands *)argument;

	operands->is_equal = memcmp(value, operands->expected, operands->size) == 0;
	if (operands->is_equal)
		memcpy(value, operands->offered, operands->size);
	else
		memcpy(operands->seen, value, operands->size);
	return operands->is_equal;
}

/*
 * Reads a value whole: 1, or 0: not there. With `never`, a word and no locks it is wait-free: the value stays that of the key. Otherwise
 * the cell may go to another entry between the look at the key and the look at the value, and the lock keeps that off.
 */
HL_ALWAYS_INLINE int hl_ahm_load(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				 void *value)
{
	struct hl_ahm_operands operands = { policy->cell.value_size, NULL, NULL, value, 1 };

	if (policy->cell.lock_offset != 0 || policy->cell.reuse != HASHLOOM_REUSE_NEVER || !hl_ahm_is_word(policy) ||
	    hl_ahm_is_side(policy, lookup))
		return hl_ahm_change(policy, map, lookup, hl_ahm_change_read, &operands);
	const struct hl_ahm_place place = hl_ahm_find(policy, map, lookup);

	if (place.slab == NULL)
		return 0;
	hl_ahm_slot_load(policy, hl_ahm_value(policy, place), value);
	return 1;
}

/* Whether values may be changed at all: words, values with a lock, and no values. */
HL_ALWAYS_INLINE int hl_ahm_may_change(const struct hl_ahm_policy *policy)
{
	return policy->cell.lock_offset != 0 || policy->cell.value_size <= 8;
}

/* Locks the cell of an entry: its value, or NULL: not there. For cells with locks. */
HL_ALWAYS_INLINE void *hl_ahm_lock_entry(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
					 const struct hl_aha_lookup *lookup)
{
	const struct hl_ahm_place place = hl_ahm_find(policy, map, lookup);

	if (place.slab == NULL)
		return NULL;
	hl_ahm_cell_lock(policy, place);
	if (hl_ahm_holds(policy, place, lookup))
		return hl_ahm_value(policy, place);
	hl_ahm_cell_unlock(policy, place);
	return NULL;
}

/* Copies a word-sized value of an entry: 1, or 0: not there. A cell that others may reuse is looked at under the lock. */
HL_ALWAYS_INLINE int hl_ahm_peek(const struct hl_ahm_policy *policy, const struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				 struct hl_ahm_place place, void *copy)
{
	int is_there = 1;

	if (policy->cell.reuse != HASHLOOM_REUSE_NEVER || hl_ahm_is_side_place(place)) {
		hl_ahm_lock(policy, map, place, lookup->hash);
		is_there = hl_ahm_holds(policy, place, lookup);
	}
	if (is_there)
		hl_ahm_slot_load(policy, hl_ahm_value(policy, place), copy);
	if (policy->cell.reuse != HASHLOOM_REUSE_NEVER || hl_ahm_is_side_place(place))
		hl_ahm_unlock(policy, map, place, lookup->hash);
	return is_there;
}

/* What is combined, and with what. */
struct hl_ahm_combination {
	const void *offered;
	atomic_hash_map_combine_fn combine;
	void *argument;
	void *result; /* gets the value that was written; may be NULL */
};

/* Without locks of cells: combines a copy, and writes it if the value is still the one that was copied. 1: combined; 0: look again. */
HL_ALWAYS_INLINE int hl_ahm_combine_copy(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
					 const struct hl_aha_lookup *lookup, struct hl_ahm_place place,
					 const struct hl_ahm_combination *combination)
{
	void *const value = hl_ahm_value(policy, place);
	uint64_t before = 0;
	uint64_t after = 0;
	uint64_t now = 0;

	if (!hl_ahm_peek(policy, map, lookup, place, &before))
		return 0;
	after = before;
	combination->combine(&after, combination->offered, combination->argument);
	hl_ahm_lock(policy, map, place, lookup->hash);
	int is_same = hl_ahm_holds(policy, place, lookup);

	if (is_same)
		hl_ahm_slot_load(policy, value, &now);
	is_same = is_same && now == before;
	if (is_same)
		hl_ahm_slot_store(policy, value, &after);
	hl_ahm_unlock(policy, map, place, lookup->hash);
	if (is_same && combination->result != NULL)
		memcpy(combination->result, &after, policy->cell.value_size);
	return is_same;
}

/* With locks of cells: combines in place, or a copy of a word. 1: combined; 0: look again. */
HL_ALWAYS_INLINE int hl_ahm_combine_locked(const struct hl_ahm_policy *policy, const struct hl_ahm_place place,
					   const struct hl_aha_lookup *lookup, const struct hl_ahm_combination *combination)
{
	void *const value = hl_ahm_value(policy, place);
	uint64_t copy = 0;

	hl_ahm_cell_lock(policy, place);
	const int is_there = hl_ahm_holds(policy, place, lookup);

	if (is_there && hl_ahm_is_word(policy)) {
		hl_ahm_slot_load(policy, value, &copy);
		combination->combine(&copy, combination->offered, combination->argument);
		hl_ahm_slot_store(policy, value, &copy);
	} else if (is_there) {
		combination->combine(value, combination->offered, combination->argument);
	}
	if (is_there && combination->result != NULL)
		hl_ahm_value_copy(policy, place, combination->result);
	hl_ahm_cell_unlock(policy, place);
	return is_there;
}

/*
 * Inserts the value offered, or combines it with the one that is there: 1: inserted; 0: combined; or an error. *result: what was written; may be NULL.
 * Needs values of a word, or cells with locks. Each turn that fails is another's success.
 */
HL_ALWAYS_INLINE int hl_ahm_upsert(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				   const struct hl_ahm_make *make, atomic_hash_map_combine_fn combine, void *argument, void *result)
{
	const struct hl_ahm_combination combination = { make->value, combine, argument, result };

	if (!hl_ahm_may_change(policy))
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	for (;;) {
		struct hl_ahm_place place = hl_ahm_find(policy, map, lookup);

		if (policy->cell.value_size == 0)
			return hl_ahm_insert_apart(policy, map, lookup, make, &place);

		if (place.slab == NULL) {
			const int inserted = hl_ahm_insert_apart(policy, map, lookup, make, &place);

			if (inserted == 1 && result != NULL)
				memcpy(result, make->value, policy->cell.value_size);
			if (inserted != 0)
				return inserted;
		}
		if (policy->cell.lock_offset != 0 ? hl_ahm_combine_locked(policy, place, lookup, &combination) :
						    hl_ahm_combine_copy(policy, map, lookup, place, &combination))
			return 0;
	}
}

/* ---- batches ---------------------------------------------------------------------------------------- */

/* What a batch works on. */
struct hl_ahm_batch {
	const void *keys;
	size_t key_stride; /* 4 or 8 */
	const char *values;
	atomic_hash_map_combine_fn combine;
	void *argument;
	int *results;
};

/* Some keys of a batch, on their way. */
struct hl_ahm_block {
	size_t count;
	uint64_t hashes[HL_AHM_BATCH];
	uint32_t groups[HL_AHM_BATCH];	   /* the home in the last slab */
	uint16_t candidates[HL_AHM_BATCH]; /* its lanes with the tag; bit 15: it may be elsewhere */
};

HL_ALWAYS_INLINE struct hl_aha_lookup hl_ahm_block_lookup(const struct hl_ahm_policy *policy, const struct hl_ahm_batch *batch,
							  const struct hl_ahm_block *block, size_t first, size_t i)
{
	const uint64_t bits = batch->key_stride == 4 ? ((const uint32_t *)batch->keys)[first + i] :
						       ((const uint64_t *)batch->keys)[first + i];
	const uint64_t key = bits & hl_aha_key_mask(&policy->cell);
	const struct hl_aha_lookup lookup = { block == NULL ? hl_aha_hash_key(&policy->cell, key) : block->hashes[i],
					      hl_aha_word(&policy->cell, key), NULL, NULL };

	return lookup;
}

/* Hashes the keys from `first` on, at most a block, and asks for their lines. */
HL_ALWAYS_INLINE void hl_ahm_block_begin(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint32_t slabs_count,
					 const struct hl_ahm_batch *batch, size_t first, size_t count,
					 struct hl_ahm_block *block)
{
	const struct hl_aha *const last = &map->slabs[slabs_count - 1];

	block->count = count - first < HL_AHM_BATCH ? count - first : HL_AHM_BATCH;
	for (size_t i = 0; i < block->count; i++) {
		const uint64_t hash = hl_ahm_block_lookup(policy, batch, NULL, first, i).hash;
		const uint64_t group = hl_aha_home(last, hash);

		block->hashes[i] = hash;
		block->groups[i] = (uint32_t)group;
		__builtin_prefetch(last->lines + group * HL_AHA_LINE);
		if (slabs_count > 1)
			hl_ahm_prefetch(map, slabs_count - 1, hash);
	}
}

/* Looks at the tags, and asks for the cells. */
HL_ALWAYS_INLINE void hl_ahm_block_match(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint32_t slabs_count,
					 struct hl_ahm_block *block)
{
	const struct hl_aha *const last = &map->slabs[slabs_count - 1];

	for (size_t i = 0; i < block->count; i++) {
		const uint64_t hash = block->hashes[i];
		const struct hl_aha_line line = hl_aha_line_load(last, block->groups[i]);
		const unsigned lanes = hl_aha_line_match(line, hl_aha_tag(hash));
		const int is_open = slabs_count > 1 || hl_aha_overflows(&policy->cell, line, hash);
		const unsigned candidates = lanes | (unsigned)is_open << HL_AHA_LANES;

		block->candidates[i] = (uint16_t)candidates;
		/* Without a match it is a cell that nobody waits for: cheaper than a branch that cannot be foreseen. */
		__builtin_prefetch(hl_aha_cell(&policy->cell, last,
					       hl_aha_id(block->groups[i], candidates | 1U << HL_AHA_LANES)));
	}
}

/* Compares the keys; what remains open is looked for in the ordinary way. Returns how many are there. */
HL_ALWAYS_INLINE size_t hl_ahm_block_compare(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint32_t slabs_count,
					     const struct hl_ahm_batch *batch, size_t first, const struct hl_ahm_block *block,
					     void **values)
{
	const struct hl_aha *const last = &map->slabs[slabs_count - 1];
	size_t found = 0;

	for (size_t i = 0; i < block->count; i++) {
		const struct hl_aha_lookup lookup = hl_ahm_block_lookup(policy, batch, block, first, i);
		const int is_side = hl_ahm_is_side(policy, &lookup);
		void *value = NULL;

		for (unsigned lanes = block->candidates[i] & HL_AHA_LANES_MASK; lanes != 0; lanes &= lanes - 1) {
			const uint32_t cell = hl_aha_id(block->groups[i], lanes);

			if (HL_LIKELY(hl_aha_matches(&policy->cell, &lookup,
						     hl_aha_word_load_acquire(&policy->cell, last, cell)))) {
				value = hl_aha_value(&policy->cell, last, cell);
				break;
			}
		}
		if (HL_UNLIKELY(is_side) || (value == NULL && block->candidates[i] >> HL_AHA_LANES != 0))
			value = hl_ahm_value(policy, hl_ahm_find(policy, map, &lookup));
		values[i] = value;
		found += value != NULL;
	}
	return found;
}

/*
 * Finds count keys; counts those that are there. Blocks of keys are on their way together: the lines of the next one are asked for
 * before the cells of this one are waited for.
 */
HL_ALWAYS_INLINE size_t hl_ahm_find_batch(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
					  const struct hl_ahm_batch *batch, size_t count, void **values)
{
	const uint32_t slabs_count = hl_ahm_slabs_count(policy, map);
	struct hl_ahm_block blocks[2];
	size_t found = 0;

	if (count > 0)
		hl_ahm_block_begin(policy, map, slabs_count, batch, 0, count, &blocks[0]);
	for (size_t first = 0, turn = 0; first < count; first += HL_AHM_BATCH, turn ^= 1) {
		hl_ahm_block_match(policy, map, slabs_count, &blocks[turn]);
		if (first + HL_AHM_BATCH < count)
			hl_ahm_block_begin(policy, map, slabs_count, batch, first + HL_AHM_BATCH, count, &blocks[turn ^ 1]);
		found += hl_ahm_block_compare(policy, map, slabs_count, batch, first, &blocks[turn], values + first);
	}
	return found;
}

typedef int (*hl_ahm_step_fn)(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
			      const struct hl_ahm_batch *batch, size_t i);

/* Asks for the cells that inserts and erases will most likely touch. */
HL_ALWAYS_INLINE void hl_ahm_block_prefetch(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint32_t slabs_count,
					    const struct hl_ahm_block *block)
{
	for (size_t i = 0; i < block->count; i++)
		hl_aha_prefetch_cell(&policy->cell, &map->slabs[slabs_count - 1], block->hashes[i]);
}

/* Does the step for each key; counts those that return 1. */
HL_ALWAYS_INLINE size_t hl_ahm_do_batch(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_ahm_batch *batch,
					size_t count, hl_ahm_step_fn step)
{
	struct hl_ahm_block block;
	size_t successes = 0;

	for (size_t first = 0; first < count; first += HL_AHM_BATCH) {
		const uint32_t slabs_count = hl_ahm_slabs_count(policy, map);

		hl_ahm_block_begin(policy, map, slabs_count, batch, first, count, &block);
		hl_ahm_block_prefetch(policy, map, slabs_count, &block);
		for (size_t i = 0; i < block.count; i++) {
			const struct hl_aha_lookup lookup = hl_ahm_block_lookup(policy, batch, &block, first, i);
			const int result = step(policy, map, &lookup, batch, first + i);

			successes += result == 1;
			if (batch->results != NULL)
				batch->results[first + i] = result;
		}
	}
	return successes;
}

HL_ALWAYS_INLINE int hl_ahm_insert_step(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
					const struct hl_ahm_batch *batch, size_t i)
{
	const struct hl_ahm_make make = { batch->values + i * policy->cell.value_size, NULL, NULL, NULL };
	struct hl_ahm_place place;

	return hl_ahm_insert(policy, map, lookup, &make, &place);
}

HL_ALWAYS_INLINE int hl_ahm_erase_step(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
				       const struct hl_ahm_batch *batch, size_t i)
{
	(void)batch;
	(void)i;
	return hl_ahm_erase(policy, map, lookup, NULL);
}

HL_ALWAYS_INLINE int hl_ahm_upsert_step(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
					const struct hl_ahm_batch *batch, size_t i)
{
	const struct hl_ahm_make make = { batch->values + i * policy->cell.value_size, NULL, NULL, NULL };

	return hl_ahm_upsert(policy, map, lookup, &make, batch->combine, batch->argument, NULL);
}

/* ---- iteration -------------------------------------------------------------------------------------- */

/* The entry of the lowest id from *position to before `end`, its key word, and *position behind it; slab NULL: none is left. Wait-free. */
HL_ALWAYS_INLINE struct hl_ahm_place hl_ahm_next(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t *position,
						 uint64_t end, uint64_t *word)
{
	while (*position < end) {
		const struct hl_ahm_place place = hl_ahm_place_of_id(policy, map, *position);

		if (place.slab == NULL)
			break;
		if (!hl_ahm_is_side_place(place)) {
			const uint64_t group = place.cell / HL_AHA_LANES;
			const unsigned lane = place.cell % HL_AHA_LANES;
			const unsigned used =
				~hl_aha_line_match(hl_aha_line_load(place.slab, group), HL_AHA_TAG_FREE) & HL_AHA_LANES_MASK & ~0U << lane;

			if (used == 0) {
				*position += HL_AHA_LANES - lane;
				continue;
			}
			const unsigned skipped = (unsigned)__builtin_ctz(used) - lane;

			if (skipped > 0) {
				*position += skipped;
				continue;
			}
		}
		(*position)++;
		if (hl_ahm_entry_at(policy, place, word))
			return place;
	}
	return hl_ahm_make_place(NULL, HL_AHA_NONE);
}

HL_END_DECLS

#endif
