/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* ck_hs.c: Concurrency Kit's ck_hs, a set of pointers to entries, which come from an arena; 2 threads only read. */
#include <ck_hs.h>

#include "../map_hash.h"
#include "../maps.h"
#include "ck_memory.h"
#include "node_arena.h"

struct entry {
	uint64_t key;
	uint64_t value;
};

struct map {
	ck_hs_t set;
	struct node_arena arena;
};

static unsigned long hash_entry(const void *entry, unsigned long seed)
{
	(void)seed;
	return map_hash(((const struct entry *)entry)->key);
}

static bool entries_equal(const void *a, const void *b)
{
	return ((const struct entry *)a)->key == ((const struct entry *)b)->key;
}

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	struct entry *const entry = node_arena_take(&map->arena, sizeof(*entry));

	*entry = (struct entry){ key, value };
	return ck_hs_put(&map->set, map_hash(key), entry);
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const struct entry wanted = { key, 0 };
	const struct entry *const found = ck_hs_get(&map->set, map_hash(key), &wanted);

	if (found == NULL)
		return 0;
	*value = found->value;
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	const struct entry wanted = { key, 0 };

	return ck_hs_remove(&map->set, map_hash(key), &wanted) != NULL;
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	ck_hs_iterator_t iterator = CK_HS_ITERATOR_INITIALIZER;
	void *entry;
	size_t count = 0;

	while (ck_hs_next(&map->set, &iterator, &entry)) {
		*sum += ((const struct entry *)entry)->value;
		count++;
	}
	return count;
}

#include "../map_workloads.h"

/* It grows when half full. */
static void *create(size_t entries_max)
{
	struct map *const map = malloc(sizeof(*map));

	if (map != NULL && !ck_hs_init(&map->set, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, hash_entry, entries_equal, &ck_memory,
				       entries_max * 2, 1)) {
		free(map);
		return NULL;
	}
	node_arena_init(&map->arena);
	return map;
}

static void destroy(void *opaque)
{
	struct map *const map = opaque;

	ck_hs_destroy(&map->set);
	node_arena_destroy(&map->arena);
	free(map);
}

MAP_BENCH map_bench_ck_hs = { "ck_hs", MAP_GROWS | MAP_SHARED_READS | MAP_REUSES, create, destroy, NULL, NULL, NULL,
			      MAP_LOOPS };
