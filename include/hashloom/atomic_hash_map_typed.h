/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_map_typed.h: an atomic hash map with key and value types of the user's, as static functions.
 *
 * Include it once for each map, with the parameters defined before; it undefines them:
 *
 *     #define ATOMIC_HASH_MAP_NAME   scores            the struct's name and the functions' prefix
 *     #define ATOMIC_HASH_MAP_VALUE  uint64_t          the value's type, assignable, 1 byte to 1 GiB
 *     #include <hashloom/atomic_hash_map_typed.h>      (examples/scores.c)
 *
 * Optional parameters:
 *
 *     ATOMIC_HASH_MAP_KEY         the key's type, an integer or pointer of 4 or 8 bytes; default uint64_t
 *     ATOMIC_HASH_MAP_HASH        uint64_t f(KEY): all 64 bits must be mixed, or searches get long; default: our own, of the key's bits
 *     ATOMIC_HASH_MAP_EQUAL       int f(KEY, KEY) for keys with one hash; default: same bits. With it the four keys of D.1 are refused
 *     ATOMIC_HASH_MAP_REUSE       HASHLOOM_REUSE_NEVER (default), HASHLOOM_REUSE_SAME_KEY or HASHLOOM_REUSE_ANY_KEY
 *     ATOMIC_HASH_MAP_PROBING     HASHLOOM_PROBING_LINEAR (default) or HASHLOOM_PROBING_QUADRATIC
 *     ATOMIC_HASH_MAP_FIXED       1: the map does not grow, it is an atomic hash array
 *     ATOMIC_HASH_MAP_LOCKS       1: each cell has a lock (4 bytes), for values of more than 8 bytes that change
 *     ATOMIC_HASH_MAP_ARITHMETIC  1: the value is a number, there is NAME_fetch_add
 *     ATOMIC_HASH_MAP_EMPTY_KEY, ATOMIC_HASH_MAP_LOCKED_KEY, ATOMIC_HASH_MAP_ERASED_KEY
 *                                 all three or none, integer constants: keys that are kept in cells of their own; default -1, -2, -3
 *     ATOMIC_HASH_MAP_LOOKUP      a type that stands for a key, with
 *     ATOMIC_HASH_MAP_LOOKUP_HASH     uint64_t f(const LOOKUP *): the same number as HASH of the key that it stands for, so define HASH, too
 *     ATOMIC_HASH_MAP_LOOKUP_EQUAL    int f(const LOOKUP *, KEY)
 *     ATOMIC_HASH_MAP_LOOKUP_KEY      int f(LOOKUP *, KEY *key): makes the key when it is really inserted; 0, or a negative number
 *
 * What the functions promise stands in atomic_hash_map.h, whose functions have the same names and meaning; here they are compiled for
 * the types, and no call through a pointer is left. Differences: the map is a struct of the caller's; values are passed by value and
 * found as VALUE *; callbacks get VALUE *. NAME stands for the prefix:
 *
 *     int       NAME_create(map, size_t entries_max);  int NAME_create_with(map, entries_max, const struct atomic_hash_map_config *);
 *     void      NAME_destroy(map);
 *     int       NAME_insert(map, KEY, VALUE, VALUE **where);
 *     int       NAME_emplace(map, KEY, int (*construct)(VALUE *, void *argument), void *argument, VALUE **where);
 *     VALUE    *NAME_find(map, KEY);  VALUE *NAME_find_near(map, KEY);  size_t NAME_count(map, KEY);
 *     int       NAME_erase(map, KEY);  int NAME_take(map, KEY, VALUE *);
 *     int       NAME_load(map, KEY, VALUE *);  int NAME_store(map, KEY, VALUE);  int NAME_exchange(map, KEY, VALUE, VALUE *before);
 *     int       NAME_compare_exchange(map, KEY, VALUE *expected, VALUE);  int NAME_fetch_add(map, KEY, VALUE summand, VALUE *before);
 *     int       NAME_upsert(map, KEY, VALUE, VALUE (*combine)(VALUE stored, VALUE offered, void *argument), void *argument, VALUE *result);
 *     VALUE    *NAME_lock(map, KEY);  void NAME_unlock(map, VALUE *);                              (with LOCKS)
 *     size_t    NAME_find_batch(map, const KEY *, size_t count, VALUE **values);
 *     size_t    NAME_insert_batch(map, const KEY *, const VALUE *, size_t count, int *results);
 *     size_t    NAME_erase_batch(map, const KEY *, size_t count, int *results);
 *     size_t    NAME_upsert_batch(map, const KEY *, const VALUE *, size_t count, combine, argument, int *results);
 *     VALUE    *NAME_find_as(map, const LOOKUP *);  int NAME_erase_as(map, const LOOKUP *);        (with LOOKUP)
 *     int       NAME_emplace_as(map, LOOKUP *, construct, argument, VALUE **where);                construct NULL: zero bytes
 *     int       NAME_upsert_as(map, LOOKUP *, VALUE, combine, argument, VALUE *result);
 *     uint32_t  NAME_id(map, const VALUE *);  VALUE *NAME_at(map, uint32_t id, KEY *);  int NAME_key_to_id(map, KEY, uint32_t *id);
 *     VALUE    *NAME_next(map, uint64_t *position, KEY *);  VALUE *NAME_next_before(map, uint64_t *position, uint64_t end, KEY *);
 *     uint64_t  NAME_ids(map);  int NAME_for_each(map, part, parts, int (*callback)(KEY, VALUE *, void *argument), argument);
 *     size_t    NAME_retain(map, int (*keep)(KEY, VALUE *, void *argument), argument);
 *     size_t    NAME_size(map);  int NAME_empty(map);  size_t NAME_capacity(map);  size_t NAME_space_remaining(map);  size_t NAME_slabs(map);
 *     void      NAME_clear(map);  int NAME_compact(map, entries_max);  void NAME_release(map, uint32_t id);
 *     void      NAME_statistics(map, struct atomic_hash_map_stats *);  int NAME_check(map, struct atomic_hash_map_report *);
 *
 * create_with takes from the config what the template does not say (load, growth, counters, destroy_value, retire, allocator) and looks at nothing else.
 *
 * There is no include guard: each inclusion makes another map, whose name must be new, an identifier without `struct`. Key and value are complete types, no
 * arrays. Functions that are not used cost nothing; those that are need the library. In C++ include atomic_hash_map.h before, if the template is to
 * be in a namespace.
 */
#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/atomic_hash_map_core.h>

#ifndef ATOMIC_HASH_MAP_NAME
#error "define ATOMIC_HASH_MAP_NAME, the map's name, before including atomic_hash_map_typed.h"
#endif
#ifndef ATOMIC_HASH_MAP_VALUE
#error "define ATOMIC_HASH_MAP_VALUE, the type of the values, before including atomic_hash_map_typed.h"
#endif
#ifndef ATOMIC_HASH_MAP_KEY
#define ATOMIC_HASH_MAP_KEY uint64_t
#endif
#ifndef ATOMIC_HASH_MAP_REUSE
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_NEVER
#endif
#ifndef ATOMIC_HASH_MAP_PROBING
#define ATOMIC_HASH_MAP_PROBING HASHLOOM_PROBING_LINEAR
#endif
#ifndef ATOMIC_HASH_MAP_FIXED
#define ATOMIC_HASH_MAP_FIXED 0
#endif
#ifndef ATOMIC_HASH_MAP_LOCKS
#define ATOMIC_HASH_MAP_LOCKS 0
#endif
#ifndef ATOMIC_HASH_MAP_ARITHMETIC
#define ATOMIC_HASH_MAP_ARITHMETIC 0
#endif
#if defined(ATOMIC_HASH_MAP_LOOKUP) &&                                                             \
	(!defined(ATOMIC_HASH_MAP_LOOKUP_HASH) || !defined(ATOMIC_HASH_MAP_LOOKUP_EQUAL) || !defined(ATOMIC_HASH_MAP_LOOKUP_KEY))
#error "ATOMIC_HASH_MAP_LOOKUP needs ATOMIC_HASH_MAP_LOOKUP_HASH, _EQUAL and _KEY"
#endif
#if defined(ATOMIC_HASH_MAP_EMPTY_KEY) != defined(ATOMIC_HASH_MAP_LOCKED_KEY) ||                   \
	defined(ATOMIC_HASH_MAP_EMPTY_KEY) != defined(ATOMIC_HASH_MAP_ERASED_KEY)
#error "define all three of ATOMIC_HASH_MAP_EMPTY_KEY, ATOMIC_HASH_MAP_LOCKED_KEY and ATOMIC_HASH_MAP_ERASED_KEY, or none"
#endif
#ifndef ATOMIC_HASH_MAP_EMPTY_KEY
#define ATOMIC_HASH_MAP_EMPTY_KEY UINT64_MAX
#define ATOMIC_HASH_MAP_LOCKED_KEY (UINT64_MAX - 1)
#define ATOMIC_HASH_MAP_ERASED_KEY (UINT64_MAX - 2)
#endif

#define HL_PASTE2(a, b) a##b
#define HL_PASTE(a, b) HL_PASTE2(a, b)
#define HL_NAME(suffix) HL_PASTE(ATOMIC_HASH_MAP_NAME, suffix)
#define HL_MAP struct ATOMIC_HASH_MAP_NAME
#define HL_KEY HL_NAME(_hl_key_type)
#define HL_VALUE HL_NAME(_hl_value_type)
#define HL_POLICY (&HL_NAME(_hl_policy))
#define HL_FUNCTION HL_UNUSED static inline

/* So that `const HL_KEY *` is what it looks like, for pointers too. */
typedef ATOMIC_HASH_MAP_KEY HL_KEY;
typedef ATOMIC_HASH_MAP_VALUE HL_VALUE;

/* ---- the policy ------------------------------------------------------------------------------------- */

HL_STATIC_ASSERT(sizeof(HL_KEY) == 4 || sizeof(HL_KEY) == 8, "ATOMIC_HASH_MAP_KEY must be a type of 4 or 8 bytes");
HL_STATIC_ASSERT(sizeof(HL_VALUE) >= 1 && sizeof(HL_VALUE) <= ((size_t)1 << 30),
		 "ATOMIC_HASH_MAP_VALUE must be a type of 1 byte to 1 GiB");
HL_STATIC_ASSERT(__alignof__(HL_VALUE) <= HL_CACHE_LINE, "ATOMIC_HASH_MAP_VALUE may be aligned to a cache line at most");

#define HL_MASK (sizeof(HL_KEY) == 4 ? (uint64_t)UINT32_MAX : UINT64_MAX)
#define HL_EMPTY_BITS ((uint64_t)(ATOMIC_HASH_MAP_EMPTY_KEY) & HL_MASK)
#define HL_LOCKED_WORD (((uint64_t)(ATOMIC_HASH_MAP_LOCKED_KEY) & HL_MASK) ^ HL_EMPTY_BITS)
#define HL_ERASED_WORD (((uint64_t)(ATOMIC_HASH_MAP_ERASED_KEY) & HL_MASK) ^ HL_EMPTY_BITS)
#define HL_IS_FREE(word) (HL_LOCKED_WORD != (word) && HL_ERASED_WORD != (word))
#define HL_SEALED_WORD ((uint64_t)(HL_IS_FREE(1) ? 1 : HL_IS_FREE(2) ? 2 : 3))
#define HL_IS_FREE_TOO(word) (HL_IS_FREE(word) && HL_SEALED_WORD != (word))
#define HL_SIDE_WORD ((uint64_t)(HL_IS_FREE_TOO(1) ? 1 : HL_IS_FREE_TOO(2) ? 2 : HL_IS_FREE_TOO(3) ? 3 : 4))

HL_STATIC_ASSERT((int)(ATOMIC_HASH_MAP_REUSE) >= 0 && (int)(ATOMIC_HASH_MAP_REUSE) <= HASHLOOM_REUSE_SAME_KEY,
		 "ATOMIC_HASH_MAP_REUSE must be one of enum hashloom_reuse");
HL_STATIC_ASSERT((int)(ATOMIC_HASH_MAP_PROBING) >= 0 && (int)(ATOMIC_HASH_MAP_PROBING) <= HASHLOOM_PROBING_QUADRATIC,
		 "ATOMIC_HASH_MAP_PROBING must be one of enum hashloom_probing");
HL_STATIC_ASSERT(HL_LOCKED_WORD != 0 && HL_ERASED_WORD != 0 && HL_LOCKED_WORD != HL_ERASED_WORD,
		 "the empty, locked and erased key must be different");

/* As init_layout() in atomic_hash_map_core.c: key, lock, value; values of up to 8 bytes in a slot of 1, 2, 4 or 8. */
#define HL_ROUND_UP(size, multiple) (((size) + (multiple) - 1) / (multiple) * (multiple))
#define HL_LARGER(a, b) ((a) > (b) ? (a) : (b))
#define HL_SLOT_SIZE                                                                               \
	(sizeof(HL_VALUE) > 8 ? sizeof(HL_VALUE) :                                                 \
	 sizeof(HL_VALUE) > 4 ? 8 :                                                                \
	 sizeof(HL_VALUE) > 2 ? 4 :                                                                \
				sizeof(HL_VALUE))
#define HL_SLOT_ALIGNMENT HL_LARGER(__alignof__(HL_VALUE), HL_SLOT_SIZE > 8 ? 1 : HL_SLOT_SIZE)
#define HL_LOCK_SIZE (ATOMIC_HASH_MAP_LOCKS ? sizeof(hl_u32) : 0)
#define HL_VALUE_OFFSET HL_ROUND_UP(sizeof(HL_KEY) + HL_LOCK_SIZE, HL_SLOT_ALIGNMENT)
#define HL_CELL_SIZE HL_ROUND_UP(HL_VALUE_OFFSET + HL_SLOT_SIZE, HL_LARGER(sizeof(HL_KEY), HL_SLOT_ALIGNMENT))

HL_MAP {
	struct hl_ahm map;
};

/* The bits of a key, and the key of such bits. */
HL_ALWAYS_INLINE uint64_t HL_NAME(_hl_bits)(HL_KEY key)
{
	uint32_t bits32 = 0;
	uint64_t bits64 = 0;

	if (sizeof(key) == 4) {
		memcpy(&bits32, &key, sizeof(bits32));
		return bits32;
	}
	memcpy(&bits64, &key, sizeof(key));
	return bits64;
}

HL_ALWAYS_INLINE HL_KEY HL_NAME(_hl_key)(uint64_t bits64)
{
	const uint32_t bits32 = (uint32_t)bits64;
	HL_KEY key;

	if (sizeof(key) == 4)
		memcpy(&key, &bits32, sizeof(bits32));
	else
		memcpy(&key, &bits64, sizeof(key));
	return key;
}

#ifdef ATOMIC_HASH_MAP_HASH
HL_FUNCTION uint64_t HL_NAME(_hl_hash)(uint64_t bits)
{
	HL_STATIC_ASSERT(sizeof(ATOMIC_HASH_MAP_HASH(HL_NAME(_hl_key)(bits))) == 8,
			 "ATOMIC_HASH_MAP_HASH must give 64 bits, all of them mixed");
	return ATOMIC_HASH_MAP_HASH(HL_NAME(_hl_key)(bits));
}
#define HL_HASH HL_NAME(_hl_hash)
#else
#define HL_HASH NULL
#endif

#ifdef ATOMIC_HASH_MAP_EQUAL
HL_FUNCTION int HL_NAME(_hl_equal)(uint64_t a, uint64_t b)
{
	return ATOMIC_HASH_MAP_EQUAL(HL_NAME(_hl_key)(a), HL_NAME(_hl_key)(b));
}
#define HL_EQUAL HL_NAME(_hl_equal)
#else
#define HL_EQUAL NULL
#endif

static const struct hl_ahm_policy HL_NAME(_hl_policy) = {
	{ sizeof(HL_KEY), sizeof(HL_VALUE), HL_VALUE_OFFSET, ATOMIC_HASH_MAP_LOCKS ? sizeof(HL_KEY) : 0, HL_CELL_SIZE, HL_EMPTY_BITS,
	  HL_LOCKED_WORD, HL_ERASED_WORD, HL_SEALED_WORD, HL_HASH, HL_EQUAL, ATOMIC_HASH_MAP_REUSE, ATOMIC_HASH_MAP_PROBING },
	HL_SIDE_WORD,
	ATOMIC_HASH_MAP_FIXED,
};

HL_ALWAYS_INLINE struct hl_aha_lookup HL_NAME(_hl_lookup)(HL_KEY key)
{
	return hl_aha_lookup_key(&HL_POLICY->cell, HL_NAME(_hl_bits)(key));
}

/* ---- create, destroy -------------------------------------------------------------------------------- */

HL_FUNCTION int HL_NAME(_create_with)(HL_MAP *map, size_t entries_max, const struct atomic_hash_map_config *config)
{
	return hl_ahm_create(HL_POLICY, &map->map, entries_max, config);
}

HL_FUNCTION int HL_NAME(_create)(HL_MAP *map, size_t entries_max)
{
	struct atomic_hash_map_config config;

	memset(&config, 0, sizeof(config));
	return hl_ahm_create(HL_POLICY, &map->map, entries_max, &config);
}

HL_FUNCTION void HL_NAME(_destroy)(HL_MAP *map)
{
	hl_ahm_destroy(HL_POLICY, &map->map);
}

/* ---- insert ----------------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE int HL_NAME(_hl_insert)(HL_MAP *map, const struct hl_aha_lookup *lookup, const struct hl_ahm_make *make,
					 HL_VALUE **where)
{
	struct hl_ahm_place place;
	const int result = hl_ahm_insert(HL_POLICY, &map->map, lookup, make, &place);

	if (result >= 0 && where != NULL)
		*where = (HL_VALUE *)hl_ahm_value(HL_POLICY, place);
	return result;
}

HL_FUNCTION int HL_NAME(_insert)(HL_MAP *map, HL_KEY key, HL_VALUE value, HL_VALUE **where)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);
	const struct hl_ahm_make make = { &value, NULL, NULL, NULL };

	return HL_NAME(_hl_insert)(map, &lookup, &make, where);
}

/* What the callbacks of an emplace are. */
struct HL_NAME(_hl_emplace) {
	int (*construct)(HL_VALUE *value, void *argument);
	void *argument;
	void *lookup;
};

HL_FUNCTION int HL_NAME(_hl_construct)(void *value, void *argument)
{
	const struct HL_NAME(_hl_emplace) *const emplace = (const struct HL_NAME(_hl_emplace) *)argument;

	if (emplace->construct != NULL)
		return emplace->construct((HL_VALUE *)value, emplace->argument);
	memset(value, 0, sizeof(HL_VALUE));
	return 0;
}

HL_FUNCTION int HL_NAME(_emplace)(HL_MAP *map, HL_KEY key, int (*construct)(HL_VALUE *value, void *argument), void *argument,
				  HL_VALUE **where)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);
	struct HL_NAME(_hl_emplace) emplace = { construct, argument, NULL };
	const struct hl_ahm_make make = { NULL, HL_NAME(_hl_construct), NULL, &emplace };

	return HL_NAME(_hl_insert)(map, &lookup, &make, where);
}

/* ---- find, erase ------------------------------------------------------------------------------------ */

/* What the home groups leave open. A function of its own keeps find short, and inlined. */
HL_APART HL_VALUE *HL_NAME(_hl_find_further)(const HL_MAP *map, uint64_t hash, uint64_t word,
									      uint32_t further)
{
	const struct hl_aha_lookup lookup = { hash, word, NULL, NULL };

	return (HL_VALUE *)hl_ahm_value(HL_POLICY, hl_ahm_find_further(HL_POLICY, &map->map, &lookup, further));
}

HL_ALWAYS_INLINE HL_VALUE *HL_NAME(_hl_find)(const HL_MAP *map, const struct hl_aha_lookup *lookup)
{
	uint32_t further;
	void *value;

	if (HL_LIKELY(hl_ahm_find_value(HL_POLICY, &map->map, lookup, &value, &further)))
		return (HL_VALUE *)value;
	return HL_NAME(_hl_find_further)(map, lookup->hash, lookup->word, further);
}

HL_ALWAYS_INLINE HL_VALUE *HL_NAME(_find)(const HL_MAP *map, HL_KEY key)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);

	return HL_NAME(_hl_find)(map, &lookup);
}

HL_ALWAYS_INLINE HL_VALUE *HL_NAME(_find_near)(const HL_MAP *map, HL_KEY key)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);

	hl_ahm_prefetch_near(HL_POLICY, &map->map, lookup.hash);
	return HL_NAME(_hl_find)(map, &lookup);
}

HL_FUNCTION size_t HL_NAME(_count)(const HL_MAP *map, HL_KEY key)
{
	return HL_NAME(_find)(map, key) != NULL;
}

HL_FUNCTION int HL_NAME(_take)(HL_MAP *map, HL_KEY key, HL_VALUE *value)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);

	return hl_ahm_erase(HL_POLICY, &map->map, &lookup, value);
}

HL_FUNCTION int HL_NAME(_erase)(HL_MAP *map, HL_KEY key)
{
	return HL_NAME(_take)(map, key, NULL);
}

/* ---- values that change ----------------------------------------------------------------------------- */

HL_FUNCTION int HL_NAME(_load)(HL_MAP *map, HL_KEY key, HL_VALUE *value)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);

	return hl_ahm_load(HL_POLICY, &map->map, &lookup, value);
}

HL_ALWAYS_INLINE int HL_NAME(_hl_change)(HL_MAP *map, HL_KEY key, hl_ahm_change_fn change, void *operands)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);

	if (!hl_ahm_may_change(HL_POLICY))
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	return hl_ahm_change(HL_POLICY, &map->map, &lookup, change, operands);
}

HL_FUNCTION int HL_NAME(_exchange)(HL_MAP *map, HL_KEY key, HL_VALUE value, HL_VALUE *before)
{
	struct hl_ahm_operands operands = { sizeof(HL_VALUE), &value, NULL, before, 0 };

	return HL_NAME(_hl_change)(map, key, hl_ahm_change_exchange, &operands);
}

HL_FUNCTION int HL_NAME(_store)(HL_MAP *map, HL_KEY key, HL_VALUE value)
{
	return HL_NAME(_exchange)(map, key, value, NULL);
}

HL_FUNCTION int HL_NAME(_compare_exchange)(HL_MAP *map, HL_KEY key, HL_VALUE *expected, HL_VALUE value)
{
	struct hl_ahm_operands operands = { sizeof(HL_VALUE), &value, expected, expected, 0 };
	const int result = HL_NAME(_hl_change)(map, key, hl_ahm_change_compare_exchange, &operands);

	return result == 1 && !operands.is_equal ? 2 : result;
}

#if ATOMIC_HASH_MAP_ARITHMETIC
struct HL_NAME(_hl_add) {
	HL_VALUE summand;
	HL_VALUE before;
};

HL_FUNCTION int HL_NAME(_hl_change_add)(void *value, void *argument)
{
	struct HL_NAME(_hl_add) *const add = (struct HL_NAME(_hl_add) *)argument;
	HL_VALUE sum;

	memcpy(&add->before, value, sizeof(sum));
	sum = (HL_VALUE)(add->before + add->summand);
	memcpy(value, &sum, sizeof(sum));
	return 1;
}

HL_FUNCTION int HL_NAME(_fetch_add)(HL_MAP *map, HL_KEY key, HL_VALUE summand, HL_VALUE *before)
{
	struct HL_NAME(_hl_add) add = { summand, 0 };
	const int result = HL_NAME(_hl_change)(map, key, HL_NAME(_hl_change_add), &add);

	if (result == 1 && before != NULL)
		*before = add.before;
	return result;
}
#endif

struct HL_NAME(_hl_combiner) {
	HL_VALUE (*combine)(HL_VALUE stored, HL_VALUE offered, void *argument);
	void *argument;
};

HL_FUNCTION void HL_NAME(_hl_combine)(void *value, const void *offered, void *argument)
{
	const struct HL_NAME(_hl_combiner) *const combiner = (const struct HL_NAME(_hl_combiner) *)argument;
	HL_VALUE *const stored = (HL_VALUE *)value;

	*stored = combiner->combine(*stored, *(const HL_VALUE *)offered, combiner->argument);
}

HL_ALWAYS_INLINE int HL_NAME(_hl_upsert)(HL_MAP *map, const struct hl_aha_lookup *lookup, const struct hl_ahm_make *make,
					 HL_VALUE (*combine)(HL_VALUE stored, HL_VALUE offered, void *argument), void *argument,
					 HL_VALUE *result)
{
	struct HL_NAME(_hl_combiner) combiner = { combine, argument };

	return hl_ahm_upsert(HL_POLICY, &map->map, lookup, make, HL_NAME(_hl_combine), &combiner, result);
}

HL_FUNCTION int HL_NAME(_upsert)(HL_MAP *map, HL_KEY key, HL_VALUE value,
				 HL_VALUE (*combine)(HL_VALUE stored, HL_VALUE offered, void *argument), void *argument,
				 HL_VALUE *result)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);
	const struct hl_ahm_make make = { &value, NULL, NULL, NULL };

	return HL_NAME(_hl_upsert)(map, &lookup, &make, combine, argument, result);
}

#if ATOMIC_HASH_MAP_LOCKS
HL_FUNCTION HL_VALUE *HL_NAME(_lock)(HL_MAP *map, HL_KEY key)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);

	return (HL_VALUE *)hl_ahm_lock_entry(HL_POLICY, &map->map, &lookup);
}

HL_FUNCTION void HL_NAME(_unlock)(HL_MAP *map, HL_VALUE *value)
{
	hl_ahm_cell_unlock(HL_POLICY, hl_ahm_place_of_value(HL_POLICY, &map->map, value));
}
#endif

/* ---- batches ---------------------------------------------------------------------------------------- */

HL_FUNCTION size_t HL_NAME(_find_batch)(const HL_MAP *map, const HL_KEY *keys, size_t count, HL_VALUE **values)
{
	const struct hl_ahm_batch batch = { keys, sizeof(HL_KEY), NULL, NULL, NULL, NULL };

	return hl_ahm_find_batch(HL_POLICY, &map->map, &batch, count, (void **)values);
}

HL_FUNCTION size_t HL_NAME(_insert_batch)(HL_MAP *map, const HL_KEY *keys, const HL_VALUE *values, size_t count, int *results)
{
	const struct hl_ahm_batch batch = { keys, sizeof(HL_KEY), (const char *)values, NULL, NULL, results };

	return hl_ahm_do_batch(HL_POLICY, &map->map, &batch, count, hl_ahm_insert_step);
}

HL_FUNCTION size_t HL_NAME(_erase_batch)(HL_MAP *map, const HL_KEY *keys, size_t count, int *results)
{
	const struct hl_ahm_batch batch = { keys, sizeof(HL_KEY), NULL, NULL, NULL, results };

	return hl_ahm_do_batch(HL_POLICY, &map->map, &batch, count, hl_ahm_erase_step);
}

HL_FUNCTION size_t HL_NAME(_upsert_batch)(HL_MAP *map, const HL_KEY *keys, const HL_VALUE *values, size_t count,
					  HL_VALUE (*combine)(HL_VALUE stored, HL_VALUE offered, void *argument),
					  void *argument, int *results)
{
	struct HL_NAME(_hl_combiner) combiner = { combine, argument };
	const struct hl_ahm_batch batch = { keys,      sizeof(HL_KEY), (const char *)values, HL_NAME(_hl_combine),
					    &combiner, results };

	return hl_ahm_do_batch(HL_POLICY, &map->map, &batch, count, hl_ahm_upsert_step);
}

/* ---- lookups ---------------------------------------------------------------------------------------- */

#ifdef ATOMIC_HASH_MAP_LOOKUP
HL_FUNCTION int HL_NAME(_hl_lookup_equal)(const void *argument, uint64_t bits)
{
	return ATOMIC_HASH_MAP_LOOKUP_EQUAL((const ATOMIC_HASH_MAP_LOOKUP *)argument, HL_NAME(_hl_key)(bits));
}

HL_ALWAYS_INLINE struct hl_aha_lookup HL_NAME(_hl_lookup_as)(const ATOMIC_HASH_MAP_LOOKUP *given)
{
	const struct hl_aha_lookup lookup = { ATOMIC_HASH_MAP_LOOKUP_HASH(given), 0, HL_NAME(_hl_lookup_equal), given };

	return lookup;
}

HL_FUNCTION int HL_NAME(_hl_convert)(void *argument, uint64_t *bits)
{
	const struct HL_NAME(_hl_emplace) *const emplace = (const struct HL_NAME(_hl_emplace) *)argument;
	HL_KEY key;
	const int error = ATOMIC_HASH_MAP_LOOKUP_KEY((ATOMIC_HASH_MAP_LOOKUP *)emplace->lookup, &key);

	if (error >= 0)
		*bits = HL_NAME(_hl_bits)(key);
	return error;
}

HL_FUNCTION HL_VALUE *HL_NAME(_find_as)(const HL_MAP *map, const ATOMIC_HASH_MAP_LOOKUP *given)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup_as)(given);

	return (HL_VALUE *)hl_ahm_value(HL_POLICY, hl_ahm_find(HL_POLICY, &map->map, &lookup));
}

HL_FUNCTION int HL_NAME(_erase_as)(HL_MAP *map, const ATOMIC_HASH_MAP_LOOKUP *given)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup_as)(given);

	return hl_ahm_erase(HL_POLICY, &map->map, &lookup, NULL);
}

HL_FUNCTION int HL_NAME(_emplace_as)(HL_MAP *map, ATOMIC_HASH_MAP_LOOKUP *given,
				     int (*construct)(HL_VALUE *value, void *argument), void *argument, HL_VALUE **where)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup_as)(given);
	struct HL_NAME(_hl_emplace) emplace = { construct, argument, given };
	const struct hl_ahm_make make = { NULL, HL_NAME(_hl_construct), HL_NAME(_hl_convert), &emplace };

	return HL_NAME(_hl_insert)(map, &lookup, &make, where);
}

HL_FUNCTION int HL_NAME(_upsert_as)(HL_MAP *map, ATOMIC_HASH_MAP_LOOKUP *given, HL_VALUE value,
				    HL_VALUE (*combine)(HL_VALUE stored, HL_VALUE offered, void *argument), void *argument,
				    HL_VALUE *result)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup_as)(given);
	struct HL_NAME(_hl_emplace) emplace = { NULL, NULL, given };
	const struct hl_ahm_make make = { &value, NULL, HL_NAME(_hl_convert), &emplace };

	return HL_NAME(_hl_upsert)(map, &lookup, &make, combine, argument, result);
}
#endif

/* ---- ids, iteration --------------------------------------------------------------------------------- */

HL_FUNCTION uint32_t HL_NAME(_id)(const HL_MAP *map, const HL_VALUE *value)
{
	return hl_ahm_id(hl_ahm_place_of_value(HL_POLICY, &map->map, value));
}

HL_FUNCTION int HL_NAME(_key_to_id)(const HL_MAP *map, HL_KEY key, uint32_t *id)
{
	const struct hl_aha_lookup lookup = HL_NAME(_hl_lookup)(key);
	const struct hl_ahm_place place = hl_ahm_find(HL_POLICY, &map->map, &lookup);

	if (place.slab == NULL)
		return 0;
	*id = hl_ahm_id(place);
	return 1;
}

HL_FUNCTION HL_VALUE *HL_NAME(_at)(const HL_MAP *map, uint32_t id, HL_KEY *key)
{
	const struct hl_ahm_place place = hl_ahm_place_of_id(HL_POLICY, &map->map, id);
	uint64_t word;

	if (place.slab == NULL || !hl_ahm_entry_at(HL_POLICY, place, &word))
		return NULL;
	if (key != NULL)
		*key = HL_NAME(_hl_key)(hl_aha_key(&HL_POLICY->cell, word));
	return (HL_VALUE *)hl_ahm_value(HL_POLICY, place);
}

HL_FUNCTION HL_VALUE *HL_NAME(_next_before)(const HL_MAP *map, uint64_t *position, uint64_t end, HL_KEY *key)
{
	uint64_t word;
	const struct hl_ahm_place place = hl_ahm_next(HL_POLICY, &map->map, position, end, &word);

	if (place.slab != NULL && key != NULL)
		*key = HL_NAME(_hl_key)(hl_aha_key(&HL_POLICY->cell, word));
	return (HL_VALUE *)hl_ahm_value(HL_POLICY, place);
}

HL_FUNCTION HL_VALUE *HL_NAME(_next)(const HL_MAP *map, uint64_t *position, HL_KEY *key)
{
	return HL_NAME(_next_before)(map, position, UINT64_MAX, key);
}

HL_FUNCTION uint64_t HL_NAME(_ids)(const HL_MAP *map)
{
	return hl_ahm_ids(&map->map);
}

HL_FUNCTION int HL_NAME(_for_each)(const HL_MAP *map, uint32_t part, uint32_t parts,
				   int (*callback)(HL_KEY key, HL_VALUE *value, void *argument), void *argument)
{
	const uint64_t ids = hl_ahm_ids(&map->map);
	HL_VALUE *value;
	HL_KEY key;

	if (part >= parts)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	uint64_t position = ids * part / parts;

	while ((value = HL_NAME(_next_before)(map, &position, ids * (part + UINT64_C(1)) / parts, &key)) != NULL) {
		const int result = callback(key, value, argument);

		if (result != 0)
			return result;
	}
	return 0;
}

HL_FUNCTION size_t HL_NAME(_retain)(HL_MAP *map, int (*keep)(HL_KEY key, HL_VALUE *value, void *argument), void *argument)
{
	uint64_t position = 0;
	uint64_t word;
	size_t erased = 0;

	for (;;) {
		const struct hl_ahm_place place = hl_ahm_next(HL_POLICY, &map->map, &position, UINT64_MAX, &word);

		if (place.slab == NULL)
			return erased;
		if (!keep(HL_NAME(_hl_key)(hl_aha_key(&HL_POLICY->cell, word)), (HL_VALUE *)hl_ahm_value(HL_POLICY, place), argument))
			erased += (size_t)hl_ahm_erase_entry(HL_POLICY, &map->map, place, word);
	}
}

/* ---- counts, all at once ---------------------------------------------------------------------------- */

HL_FUNCTION size_t HL_NAME(_size)(const HL_MAP *map)
{
	return hl_ahm_size(&map->map);
}

HL_FUNCTION int HL_NAME(_empty)(const HL_MAP *map)
{
	return hl_ahm_size(&map->map) == 0;
}

HL_FUNCTION size_t HL_NAME(_capacity)(const HL_MAP *map)
{
	return (size_t)hl_u64_load_relaxed(&map->map.cells_total);
}

HL_FUNCTION size_t HL_NAME(_space_remaining)(const HL_MAP *map)
{
	return hl_ahm_space_remaining(HL_POLICY, &map->map);
}

HL_FUNCTION size_t HL_NAME(_slabs)(const HL_MAP *map)
{
	return hl_u32_load_relaxed(&map->map.slabs_count);
}

HL_FUNCTION void HL_NAME(_clear)(HL_MAP *map)
{
	hl_ahm_clear(HL_POLICY, &map->map);
}

HL_FUNCTION int HL_NAME(_compact)(HL_MAP *map, size_t entries_max)
{
	return hl_ahm_compact(HL_POLICY, &map->map, entries_max);
}

HL_FUNCTION void HL_NAME(_release)(HL_MAP *map, uint32_t id)
{
	hl_ahm_release(HL_POLICY, &map->map, hl_ahm_place_of_id(HL_POLICY, &map->map, id));
}

HL_FUNCTION void HL_NAME(_statistics)(const HL_MAP *map, struct atomic_hash_map_stats *statistics)
{
	hl_ahm_statistics(HL_POLICY, &map->map, statistics);
}

HL_FUNCTION int HL_NAME(_check)(const HL_MAP *map, struct atomic_hash_map_report *report)
{
	return hl_ahm_check(HL_POLICY, &map->map, report);
}

#undef HL_PASTE2
#undef HL_PASTE
#undef HL_NAME
#undef HL_MAP
#undef HL_KEY
#undef HL_VALUE
#undef HL_POLICY
#undef HL_FUNCTION
#undef HL_MASK
#undef HL_EMPTY_BITS
#undef HL_LOCKED_WORD
#undef HL_ERASED_WORD
#undef HL_IS_FREE
#undef HL_SEALED_WORD
#undef HL_IS_FREE_TOO
#undef HL_SIDE_WORD
#undef HL_ROUND_UP
#undef HL_LARGER
#undef HL_SLOT_SIZE
#undef HL_SLOT_ALIGNMENT
#undef HL_LOCK_SIZE
#undef HL_VALUE_OFFSET
#undef HL_CELL_SIZE
#undef HL_HASH
#undef HL_EQUAL
#undef ATOMIC_HASH_MAP_NAME
#undef ATOMIC_HASH_MAP_KEY
#undef ATOMIC_HASH_MAP_VALUE
#undef ATOMIC_HASH_MAP_HASH
#undef ATOMIC_HASH_MAP_EQUAL
#undef ATOMIC_HASH_MAP_REUSE
#undef ATOMIC_HASH_MAP_PROBING
#undef ATOMIC_HASH_MAP_FIXED
#undef ATOMIC_HASH_MAP_LOCKS
#undef ATOMIC_HASH_MAP_ARITHMETIC
#undef ATOMIC_HASH_MAP_EMPTY_KEY
#undef ATOMIC_HASH_MAP_LOCKED_KEY
#undef ATOMIC_HASH_MAP_ERASED_KEY
#undef ATOMIC_HASH_MAP_LOOKUP
#undef ATOMIC_HASH_MAP_LOOKUP_HASH
#undef ATOMIC_HASH_MAP_LOOKUP_EQUAL
#undef ATOMIC_HASH_MAP_LOOKUP_KEY
