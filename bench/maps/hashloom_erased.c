/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* hashloom_erased.c: ours, with the value's size known at run time only. */
#include "../maps.h"
#include "hashloom.h"

#include <stdlib.h>
#include <string.h>

#ifdef BENCH_STAND_IN
#include <hashloom/atomic_hash_array.h>
#define ERASED(name) atomic_hash_array_##name
#define ERASED_STRUCT atomic_hash_array
#define ERASED_CONFIG atomic_hash_array_config
#else
#include <hashloom/atomic_hash_map.h>
#define ERASED(name) atomic_hash_map_##name
#define ERASED_STRUCT atomic_hash_map
#define ERASED_CONFIG atomic_hash_map_config
#endif

struct map {
	struct ERASED_STRUCT *erased;
};

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return ERASED(insert)(map->erased, key, &value, NULL) == 1;
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const uint64_t *const found = ERASED(find)(map->erased, key);

	if (found == NULL)
		return 0;
	*value = *found;
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	return ERASED(erase)(map->erased, key) == 1;
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	uint64_t position = 0;
	uint64_t key;
	size_t count = 0;

	for (const uint64_t *value; (value = ERASED(next)(map->erased, &position, &key)) != NULL; count++)
		*sum += *value;
	return count;
}

#ifndef BENCH_STAND_IN
static inline int map_find_near(struct map *map, uint64_t key, uint64_t *value)
{
	const uint64_t *const found = atomic_hash_map_find_near(map->erased, key);

	if (found == NULL)
		return 0;
	*value = *found;
	return 1;
}

static inline size_t map_find_batch(struct map *map, const uint64_t *keys, size_t count, uint64_t *sum)
{
	void *values[MAP_BATCH];
	size_t hits = 0;

	atomic_hash_map_find_batch(map->erased, keys, count, values);
	for (size_t i = 0; i < count; i++) {
		if (values[i] != NULL) {
			*sum += *(const uint64_t *)values[i];
			hits++;
		}
	}
	return hits;
}

static inline size_t map_insert_batch(struct map *map, const uint64_t *keys, const uint64_t *values, size_t count)
{
	return atomic_hash_map_insert_batch(map->erased, keys, values, count, NULL);
}

static inline size_t map_erase_batch(struct map *map, const uint64_t *keys, size_t count)
{
	return atomic_hash_map_erase_batch(map->erased, keys, count, NULL);
}
#endif

#include "../map_workloads.h"

static void *create(size_t entries_max)
{
	struct map *const map = malloc(sizeof(*map));
	const struct ERASED_CONFIG config = { .value_size = sizeof(uint64_t) };

	if (map != NULL && ERASED(create)(entries_max, &config, &map->erased) != HASHLOOM_OK) {
		free(map);
		return NULL;
	}
	return map;
}

static void destroy(void *opaque)
{
	struct map *const map = opaque;

	ERASED(destroy)(map->erased);
	free(map);
}

MAP_BENCH map_bench_hashloom_erased = { "hashloom type-erased", MAP_OURS_TRAITS | MAP_BRIEF, create, destroy, NULL, NULL, NULL,
					MAP_LOOPS };
