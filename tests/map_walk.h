/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_walk.h: looks into a map in which nothing runs: whether lines, cells, counts and statistics say the same, and each entry can be
 * reached. It has the source of the map in it, and not the library's, so that it knows what a map consists of.
 */
#ifndef HL_MAP_WALK_H
#define HL_MAP_WALK_H

#include <atomic_hash_map.c>

#include "map_rig.h"

struct walk {
	const struct hl_ahm_policy *policy;
	const struct hl_ahm *map;
	uint32_t retired; /* cells that the test holds back: of erased entries, not released */
	int may_stick;	  /* overflow counts may have stayed at their maximum */
	int own_hash;	  /* keys come from lookups that have a hash of their own: nothing is said about paths */
};

/* The entries (same_key: and tombstones) whose path goes past a group. */
struct walk_passed {
	unsigned count;
	unsigned bits; /* what a filter must have of them */
};

struct walk_slab {
	uint64_t entries;
	uint64_t tombstones;
	uint64_t sealed;
	uint64_t overflowed;
	uint64_t probes;
	uint64_t probes_max;
	struct walk_passed *passed; /* for each group */
};

/* Counts the groups that a search for a key passes on its way to a cell; returns how many it looks at. */
static inline uint64_t walk_path(const struct walk *walk, const struct hl_aha *slab, uint64_t hash, uint32_t cell,
				 struct walk_passed *passed)
{
	uint64_t group = hl_aha_home(slab, hash);
	uint64_t looked = 1;

	for (; group != cell / HL_AHA_LANES && looked <= slab->groups_count + HL_AHA_QUADRATIC_STEPS; looked++) {
		passed[group].count++;
		passed[group].bits |= hl_aha_overflow_bits(&walk->policy->cell, hash);
		group = hl_aha_next_group(&walk->policy->cell, slab, group, looked - 1);
	}
	return looked;
}

static inline const char *walk_entry(const struct walk *walk, uint32_t slab_at, uint32_t cell, uint64_t word, struct walk_slab *counts)
{
	const struct hl_aha_policy *const policy = &walk->policy->cell;
	const struct hl_aha *const slab = &walk->map->slabs[slab_at];
	const uint8_t tag = hl_u8_load_relaxed(hl_aha_tag_of(slab, cell));
	const struct hl_aha_lookup lookup = hl_aha_lookup_key(policy, hl_aha_key(policy, word));

	if (tag == 0 && policy->reuse != HASHLOOM_REUSE_SAME_KEY)
		return "an entry has no tag";
	counts->tombstones += tag == 0;
	counts->entries += tag != 0;
	if (walk->own_hash)
		return NULL;
	if (tag == 0) {
		(void)walk_path(walk, slab, lookup.hash, cell, counts->passed);
		return hl_aha_find_tombstone(policy, slab, &lookup) == cell ? NULL : "a tombstone cannot be found again";
	}
	if (tag != hl_aha_tag(lookup.hash))
		return "an entry has another tag than its key";
	for (uint32_t i = 0; i < hl_u32_load_relaxed(&walk->map->slabs_count); i++) {
		if (hl_aha_find(policy, &walk->map->slabs[i], &lookup) != (i == slab_at ? cell : HL_AHA_NONE))
			return "an entry is not found, or a key is there twice";
	}
	const uint64_t looked = walk_path(walk, slab, lookup.hash, cell, counts->passed);

	counts->probes += looked;
	counts->probes_max = looked > counts->probes_max ? looked : counts->probes_max;
	return NULL;
}

static inline const char *walk_cell(const struct walk *walk, uint32_t slab_at, uint32_t cell, struct walk_slab *counts)
{
	const struct hl_aha_policy *const policy = &walk->policy->cell;
	const struct hl_aha *const slab = &walk->map->slabs[slab_at];
	const uint64_t word = hl_aha_word_load_acquire(policy, slab, cell);
	const int is_side = cell >= hl_aha_cells_count(slab);
	const uint8_t tag = is_side ? 0 : hl_u8_load_relaxed(hl_aha_tag_of(slab, cell));

	if (policy->lock_offset != 0 && hl_u32_load_relaxed(hl_ahm_cell_lock_word(walk->policy, hl_ahm_make_place(slab, cell))) != 0)
		return "a cell's lock is held";
	if (word == policy->locked_word)
		return "a cell is claimed, and nobody fills it";
	if (word == HL_AHA_EMPTY)
		return tag == 0 ? NULL : "an empty cell has a tag";
	if (is_side && word == walk->policy->side_word) {
		counts->entries++;
		return NULL;
	}
	if (word == policy->erased_word) {
		counts->tombstones++;
		return is_side || (tag != 0) == (policy->reuse == HASHLOOM_REUSE_NEVER) ? NULL : "an erased cell has a wrong tag";
	}
	if (is_side)
		return "a side cell's word is none";
	if (word == policy->sealed_word) {
		counts->sealed++;
		if (policy->reuse != HASHLOOM_REUSE_NEVER || slab_at + 1 == hl_u32_load_relaxed(&walk->map->slabs_count))
			return "a cell is sealed that must not be";
		return tag == 0 ? NULL : "a sealed cell has a tag";
	}
	return walk_entry(walk, slab_at, cell, word, counts);
}

static inline const char *walk_group(const struct walk *walk, const struct hl_aha *slab, uint64_t group, struct walk_slab *counts)
{
	const uint8_t byte = hl_u8_load_relaxed(hl_aha_byte(slab, group, HL_AHA_OVERFLOW_BYTE));
	const unsigned count = byte & HL_AHA_OVERFLOW_MAX;
	const struct walk_passed passed = counts->passed[group];

	counts->overflowed += count > 0;
	if (byte & HL_AHA_LOCK)
		return "a group is locked";
	if (walk->own_hash)
		return NULL;
	if (walk->policy->cell.reuse != HASHLOOM_REUSE_ANY_KEY)
		return (count & passed.bits) == passed.bits ? NULL : "entries went past a group that does not say so";
	if (count == HL_AHA_OVERFLOW_MAX && (walk->may_stick || passed.count >= HL_AHA_OVERFLOW_MAX))
		return NULL;
	return count == passed.count ? NULL : "an overflow count is wrong";
}

static inline int walk_statistics_agree(const struct walk *walk, const struct walk_slab *counts, uint32_t slab_at,
					const struct atomic_hash_map_slab_stats *said)
{
	const struct hl_aha *const slab = &walk->map->slabs[slab_at];
	const uint64_t cells = hl_aha_cells_count(slab);

	return said->cells_count == cells && said->entries == counts->entries && said->tombstones == counts->tombstones &&
	       said->sealed == counts->sealed && said->overflowed == counts->overflowed &&
	       (walk->own_hash || (said->probes == counts->probes && said->probes_max == counts->probes_max)) &&
	       said->bytes >= cells * walk->policy->cell.cell_size + slab->groups_count * HL_AHA_LINE;
}

static inline const char *walk_slab(const struct walk *walk, uint32_t slab_at, struct walk_slab *counts,
				    const struct atomic_hash_map_slab_stats *said)
{
	const struct hl_aha *const slab = &walk->map->slabs[slab_at];
	const uint64_t cells = hl_aha_cells_count(slab) + (slab_at == 0 ? HL_AHM_SIDE_CELLS : 0);
	const char *error = NULL;

	counts->passed = kit_zeroed(slab->groups_count, sizeof(*counts->passed));
	for (uint64_t cell = 0; error == NULL && cell < cells; cell++)
		error = walk_cell(walk, slab_at, (uint32_t)cell, counts);
	for (uint64_t group = 0; error == NULL && group < slab->groups_count; group++)
		error = walk_group(walk, slab, group, counts);
	free(counts->passed);
	if (error == NULL && !walk_statistics_agree(walk, counts, slab_at, said))
		error = "the statistics are not what a walk sees";
	return error;
}

/* NULL, or what is wrong. */
static inline const char *walk_error(const struct walk *walk, const struct atomic_hash_map *handle)
{
	const uint32_t slabs_count = hl_u32_load_relaxed(&walk->map->slabs_count);
	struct atomic_hash_map_stats statistics;
	uint64_t id_base = 0;
	uint64_t entries = 0;
	uint64_t tombstones = 0;
	uint64_t cells = 0;

	atomic_hash_map_statistics(handle, &statistics);
	for (uint32_t i = 0; i < slabs_count; i++) {
		struct walk_slab counts = { 0 };
		const char *const error = walk_slab(walk, i, &counts, &statistics.slabs[i]);

		if (error != NULL)
			return error;
		if (walk->map->slabs[i].id_base != id_base)
			return "a slab's ids do not follow those before it";
		id_base += hl_aha_cells_count(&walk->map->slabs[i]) + (i == 0 ? HL_AHM_SIDE_CELLS : 0);
		entries += counts.entries;
		tombstones += counts.tombstones;
		cells += hl_aha_cells_count(&walk->map->slabs[i]);
	}
	if (id_base != atomic_hash_map_ids(handle) || cells != atomic_hash_map_capacity(handle))
		return "ids or capacity are not those of the slabs";
	if (statistics.total.entries != entries || statistics.total.tombstones != tombstones || statistics.total.cells_count != cells)
		return "the statistics' total is not the sum of the slabs";
	if (walk->policy->cell.reuse == HASHLOOM_REUSE_ANY_KEY && tombstones > walk->retired + (uint64_t)HL_AHM_SIDE_CELLS)
		return "an erased cell was not released";
	if (hl_u32_load_relaxed(&walk->map->growing) != 0)
		return "the growth lock is held";
	return atomic_hash_map_size(handle) == entries ? NULL : "the size is not the number of entries";
}

static inline struct walk walk_of(const struct map *map)
{
	return (struct walk){ .policy = &map->handle->policy, .map = &map->handle->map, .may_stick = map->config.hash != NULL };
}

static inline void walk_check_with(const struct map *map, struct walk walk)
{
	const char *const error = walk_error(&walk, map->handle);

	if (error != NULL)
		fail_msg("%s: %s", rig_now == NULL ? "" : rig_now->name, error);
}

static inline void walk_check(const struct map *map)
{
	walk_check_with(map, walk_of(map));
}

#endif
