/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* hashloom_typed.c: ours, compiled for the value's type; hashloom_any_key.c compiles it with the other policy. */
#include "../maps.h"
#include "hashloom.h"

#include <stdlib.h>

#ifndef TYPED_REUSE
#define TYPED_REUSE HASHLOOM_REUSE_NEVER
#define TYPED_BENCH map_bench_hashloom
#define TYPED_NAME "hashloom"
#define TYPED_TRAITS 0
#endif

#ifdef BENCH_STAND_IN
#define ATOMIC_HASH_ARRAY_NAME typed
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_REUSE TYPED_REUSE
#include <hashloom/atomic_hash_array_typed.h>
#else
#define ATOMIC_HASH_MAP_NAME typed
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_REUSE TYPED_REUSE
#include <hashloom/atomic_hash_map_typed.h>
#endif

struct map {
	struct typed typed;
};

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return typed_insert(&map->typed, key, value, NULL) == 1;
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const uint64_t *const found = typed_find(&map->typed, key);

	if (found == NULL)
		return 0;
	*value = *found;
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	return typed_erase(&map->typed, key) == 1;
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	uint64_t position = 0;
	size_t count = 0;

	for (uint64_t key, *value; (value = typed_next(&map->typed, &position, &key)) != NULL; count++)
		*sum += *value;
	return count;
}

#ifndef BENCH_STAND_IN
static inline int map_find_near(struct map *map, uint64_t key, uint64_t *value)
{
	const uint64_t *const found = typed_find_near(&map->typed, key);

	if (found == NULL)
		return 0;
	*value = *found;
	return 1;
}

static inline size_t map_find_batch(struct map *map, const uint64_t *keys, size_t count, uint64_t *sum)
{
	uint64_t *values[MAP_BATCH];
	size_t hits = 0;

	typed_find_batch(&map->typed, keys, count, values);
	for (size_t i = 0; i < count; i++) {
		if (values[i] != NULL) {
			*sum += *values[i];
			hits++;
		}
	}
	return hits;
}

static inline size_t map_insert_batch(struct map *map, const uint64_t *keys, const uint64_t *values, size_t count)
{
	return typed_insert_batch(&map->typed, keys, values, count, NULL);
}

static inline size_t map_erase_batch(struct map *map, const uint64_t *keys, size_t count)
{
	return typed_erase_batch(&map->typed, keys, count, NULL);
}
#endif

#include "../map_workloads.h"

static void *create(size_t entries_max)
{
	struct map *const map = aligned_alloc(64, (sizeof(*map) + 63) / 64 * 64);

	if (map != NULL && typed_create(&map->typed, entries_max) != HASHLOOM_OK) {
		free(map);
		return NULL;
	}
	return map;
}

static void destroy(void *opaque)
{
	struct map *const map = opaque;

	typed_destroy(&map->typed);
	free(map);
}

MAP_BENCH TYPED_BENCH = { TYPED_NAME, MAP_OURS_TRAITS | TYPED_TRAITS, create, destroy, NULL, NULL, NULL, MAP_LOOPS };
