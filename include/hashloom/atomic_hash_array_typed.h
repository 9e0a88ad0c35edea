/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_array_typed.h: an atomic hash array with a value type of the user's, as static functions.
 *
 * Include it once for each map, with the parameters defined before; it undefines them:
 *
 *     #define ATOMIC_HASH_ARRAY_NAME  scores           the struct's name and the functions' prefix
 *     #define ATOMIC_HASH_ARRAY_VALUE uint64_t         the value's type, assignable, 1 byte to 1 GiB
 *     #define ATOMIC_HASH_ARRAY_HASH  my_hash          optional: uint64_t my_hash(uint64_t key); its upper half and its lowest byte count
 *     #define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY   optional; the default is HASHLOOM_REUSE_NEVER
 *     #include <hashloom/atomic_hash_array_typed.h>    (examples/atomic_ids.c)
 *
 * What the functions promise stands in atomic_hash_array.h, whose functions have the same names and meaning; here they
 * are compiled for the type, and no call through a pointer is left. NAME stands for the prefix:
 *
 *     int NAME_create(struct NAME *map, size_t entries_max);
 *     void NAME_destroy(struct NAME *map);
 *     int NAME_insert(struct NAME *map, uint64_t key, VALUE value, VALUE **where);
 *     VALUE *NAME_find(const struct NAME *map, uint64_t key);
 *     int NAME_erase(struct NAME *map, uint64_t key);
 *     uint32_t NAME_id(const struct NAME *map, const VALUE *value);
 *     VALUE *NAME_at(const struct NAME *map, uint32_t id, uint64_t *key);
 *     VALUE *NAME_next(const struct NAME *map, uint64_t *position, uint64_t *key);
 *     size_t NAME_size(const struct NAME *map);
 *
 * There is no include guard: each inclusion makes another map.
 */
#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic.h>
#include <hashloom/atomic_hash_array_core.h>

#ifndef ATOMIC_HASH_ARRAY_NAME
#error "define ATOMIC_HASH_ARRAY_NAME, the map's name, before including atomic_hash_array_typed.h"
#endif
#ifndef ATOMIC_HASH_ARRAY_VALUE
#error "define ATOMIC_HASH_ARRAY_VALUE, the type of the values, before including atomic_hash_array_typed.h"
#endif
#ifndef ATOMIC_HASH_ARRAY_HASH
#define ATOMIC_HASH_ARRAY_HASH hl_aha_hash
#endif
#ifndef ATOMIC_HASH_ARRAY_REUSE
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_NEVER
#endif

#define HL_PASTE2(a, b) a##b
#define HL_PASTE(a, b) HL_PASTE2(a, b)
#define HL_MAP ATOMIC_HASH_ARRAY_NAME
#define HL_VALUE ATOMIC_HASH_ARRAY_VALUE
#define HL_NAME(suffix) HL_PASTE(ATOMIC_HASH_ARRAY_NAME, suffix)
#define HL_CELL HL_NAME(_hl_cell)
#define HL_POLICY (&HL_NAME(_hl_policy))

struct HL_CELL {
	hl_u64 key_word;
	HL_VALUE value;
};

HL_STATIC_ASSERT(sizeof(HL_VALUE) >= 1 && sizeof(HL_VALUE) <= ((size_t)1 << 30),
		 "ATOMIC_HASH_ARRAY_VALUE must be a type of 1 byte to 1 GiB");
HL_STATIC_ASSERT(__alignof__(HL_VALUE) <= HL_CACHE_LINE, "ATOMIC_HASH_ARRAY_VALUE may be aligned to a cache line at most");

struct HL_MAP {
	struct hl_aha array;
};

static const struct hl_aha_policy HL_NAME(_hl_policy) = {
	sizeof(HL_VALUE),	 offsetof(struct HL_CELL, value), sizeof(struct HL_CELL),
	ATOMIC_HASH_ARRAY_HASH, ATOMIC_HASH_ARRAY_REUSE,
};

HL_UNUSED static inline int HL_NAME(_create)(struct HL_MAP *map, size_t entries_max)
{
	return hl_aha_create(HL_POLICY, &map->array, entries_max, HL_AHA_LOAD_PERMILLE, hashloom_allocator_default());
}

HL_UNUSED static inline void HL_NAME(_destroy)(struct HL_MAP *map)
{
	hl_aha_destroy(&map->array, hashloom_allocator_default());
}

HL_UNUSED static inline int HL_NAME(_insert)(struct HL_MAP *map, uint64_t key, HL_VALUE value, HL_VALUE **where)
{
	void *found;
	const int result = hl_aha_insert(HL_POLICY, &map->array, key, &value, &found);

	if (result >= 0 && where != NULL)
		*where = (HL_VALUE *)found;
	return result;
}

HL_UNUSED static inline HL_VALUE *HL_NAME(_find)(const struct HL_MAP *map, uint64_t key)
{
	return (HL_VALUE *)hl_aha_find_value(HL_POLICY, &map->array, key);
}

HL_UNUSED static inline int HL_NAME(_erase)(struct HL_MAP *map, uint64_t key)
{
	return hl_aha_remove(HL_POLICY, &map->array, key);
}

HL_UNUSED static inline uint32_t HL_NAME(_id)(const struct HL_MAP *map, const HL_VALUE *value)
{
	return hl_aha_id_of(HL_POLICY, &map->array, value);
}

HL_UNUSED static inline HL_VALUE *HL_NAME(_at)(const struct HL_MAP *map, uint32_t id, uint64_t *key)
{
	return (HL_VALUE *)hl_aha_at(HL_POLICY, &map->array, id, key);
}

HL_UNUSED static inline HL_VALUE *HL_NAME(_next)(const struct HL_MAP *map, uint64_t *position, uint64_t *key)
{
	return (HL_VALUE *)hl_aha_next(HL_POLICY, &map->array, position, key);
}

HL_UNUSED static inline size_t HL_NAME(_size)(const struct HL_MAP *map)
{
	return hl_aha_size(&map->array);
}

#undef HL_PASTE2
#undef HL_PASTE
#undef HL_MAP
#undef HL_VALUE
#undef HL_NAME
#undef HL_CELL
#undef HL_POLICY
#undef ATOMIC_HASH_ARRAY_NAME
#undef ATOMIC_HASH_ARRAY_VALUE
#undef ATOMIC_HASH_ARRAY_HASH
#undef ATOMIC_HASH_ARRAY_REUSE
