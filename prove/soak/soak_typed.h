/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * soak_typed.h: a typed map behind the functions of struct table_calls. Included by soak_tables.c once for each map, with SOAK_NAME, SOAK_REUSE and SOAK_FIXED
 * defined; it undefines them.
 */
#define ATOMIC_HASH_MAP_NAME SOAK_NAME
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_REUSE SOAK_REUSE
#define ATOMIC_HASH_MAP_FIXED SOAK_FIXED
#include <hashloom/atomic_hash_map_typed.h>

#define SOAK_PASTE2(a, b) a##b
#define SOAK_PASTE(a, b) SOAK_PASTE2(a, b)
#define SOAK(suffix) SOAK_PASTE(SOAK_NAME, suffix)

static void *SOAK(_call_open)(size_t entries_max, const struct atomic_hash_map_config *config)
{
	struct SOAK_NAME *const map = aligned_alloc(HL_CACHE_LINE, sizeof(*map));

	if (map != NULL && SOAK(_create_with)(map, entries_max, config) == HASHLOOM_OK)
		return map;
	free(map);
	return NULL;
}

static void SOAK(_call_close)(void *map)
{
	SOAK(_destroy)(map);
	free(map);
}

static int SOAK(_call_insert)(void *map, uint64_t key, uint64_t value)
{
	return SOAK(_insert)(map, key, value, NULL);
}

static int SOAK(_call_take)(void *map, uint64_t key, uint64_t *value)
{
	return SOAK(_take)(map, key, value);
}

static const void *SOAK(_call_find)(const void *map, uint64_t key)
{
	return SOAK(_find)(map, key);
}

static size_t SOAK(_call_find_batch)(const void *map, const uint64_t *keys, size_t count, void **values)
{
	return SOAK(_find_batch)(map, keys, count, (uint64_t **)values);
}

static int SOAK(_call_load)(void *map, uint64_t key, uint64_t *value)
{
	return SOAK(_load)(map, key, value);
}

static int SOAK(_call_add)(void *map, uint64_t key, uint64_t summand)
{
	return SOAK(_upsert)(map, key, summand, add_typed, NULL, NULL);
}

static int SOAK(_call_next)(const void *map, uint64_t *position, uint64_t *key)
{
	return SOAK(_next)(map, position, key) != NULL;
}

static size_t SOAK(_call_size)(const void *map)
{
	return SOAK(_size)(map);
}

static size_t SOAK(_call_slabs)(const void *map)
{
	return SOAK(_slabs)(map);
}

static int SOAK(_call_check)(const void *map, struct atomic_hash_map_report *report)
{
	return SOAK(_check)(map, report);
}

static const struct table_calls SOAK(_calls) = {
	SOAK(_call_open), SOAK(_call_close), SOAK(_call_insert), SOAK(_call_take), SOAK(_call_find),  SOAK(_call_find_batch),
	SOAK(_call_load), SOAK(_call_add),   SOAK(_call_next),	 SOAK(_call_size), SOAK(_call_slabs), SOAK(_call_check),
};

#undef SOAK_PASTE2
#undef SOAK_PASTE
#undef SOAK
#undef SOAK_NAME
#undef SOAK_REUSE
#undef SOAK_FIXED
