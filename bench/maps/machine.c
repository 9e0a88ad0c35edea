/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * machine.c: not a map but the machine's limit: one cache line read for each key, from a table of as many bytes as the
 * reference takes,
 * independent of each other, or each line's address out of the one before; an insert writes a word to a line.
 */
#include <hashloom/alloc.h>

#include <stdlib.h>

#include "../map_hash.h"
#include "../maps.h"

#define LINE_WORDS 8

struct map {
	uint64_t *words;
	uint64_t lines_count;
};

static inline uint64_t *line_of(const struct map *map, uint64_t key)
{
	return &map->words[((map_hash(key) >> 32) * map->lines_count >> 32) * LINE_WORDS];
}

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	*line_of(map, key) = value;
	return 1;
}

/* In a chain what is read decides where to read next; the key added keeps it from ending in a short circle. */
static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	*value = *line_of(map, key) + key + 1;
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	(void)map;
	(void)key;
	return 0;
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	for (uint64_t i = 0; i < map->lines_count * LINE_WORDS; i++)
		*sum += map->words[i];
	return 0;
}

#include "../map_workloads.h"

static size_t size_of(const struct map *map)
{
	return map->lines_count * LINE_WORDS * sizeof(*map->words);
}

static void *create(size_t entries_max)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();
	struct map *const map = malloc(sizeof(*map));

	if (map == NULL)
		return NULL;
	map->lines_count = (entries_max * 2 * 10 / 8 + LINE_WORDS) / LINE_WORDS;
	map->words = allocator->allocate(allocator->context, size_of(map), 64, HASHLOOM_ALLOC_ZEROED);
	if (map->words == NULL) {
		free(map);
		return NULL;
	}
	return map;
}

static void destroy(void *opaque)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();
	struct map *const map = opaque;

	allocator->release(allocator->context, map->words, size_of(map), 64);
	free(map);
}

MAP_BENCH map_bench_machine = { "machine (one line)", MAP_SHARED_READS | MAP_SHARED | MAP_LIMIT, create, destroy, NULL,
				NULL, NULL, MAP_LOOPS };
