/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * reference.c: AtomicHashArray as its description tells it (folly), in plain C: an array of keys and values; insert
 * hashes to a cell, swaps EMPTY for LOCKED, writes the value, stores the key, or goes on to the next cell; find walks until
 * it meets the key or EMPTY; erase swaps the key for ERASED, which stays. Load 0.8; the same hash, reduction and memory as ours.
 */
#include <hashloom/alloc.h>
#include <hashloom/atomic.h>

#include <stdlib.h>

#include "../map_hash.h"
#include "../maps.h"

/* No key of the benchmark is one of these. */
#define CELL_EMPTY UINT64_C(0)
#define CELL_LOCKED UINT64_C(1)
#define CELL_ERASED UINT64_C(2)

struct cell {
	hl_u64 key;
	uint64_t value;
};

struct map {
	struct cell *cells;
	uint64_t cells_count;
};

static inline uint64_t first_cell(const struct map *map, uint64_t key)
{
	return (map_hash(key) >> 32) * map->cells_count >> 32;
}

static inline uint64_t next_cell(const struct map *map, uint64_t i)
{
	return i + 1 == map->cells_count ? 0 : i + 1;
}

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	uint64_t i = first_cell(map, key);

	for (uint64_t left = map->cells_count; left > 0; left--) {
		struct cell *const cell = &map->cells[i];
		uint64_t seen = hl_u64_load_acquire(&cell->key);

		if (seen == CELL_EMPTY && hl_u64_cas_acquire(&cell->key, &seen, CELL_LOCKED)) {
			cell->value = value;
			hl_u64_store_release(&cell->key, key);
			return 1;
		}
		while (seen == CELL_LOCKED)
			seen = hl_u64_load_acquire(&cell->key);
		if (seen == key)
			return 0;
		i = next_cell(map, i);
	}
	return 0;
}

static inline struct cell *find_cell(const struct map *map, uint64_t key)
{
	uint64_t i = first_cell(map, key);

	for (uint64_t left = map->cells_count; left > 0; left--) {
		struct cell *const cell = &map->cells[i];
		const uint64_t seen = hl_u64_load_acquire(&cell->key);

		if (seen == key)
			return cell;
		if (seen == CELL_EMPTY)
			return NULL;
		i = next_cell(map, i);
	}
	return NULL;
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const struct cell *const cell = find_cell(map, key);

	if (cell == NULL)
		return 0;
	*value = cell->value;
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	struct cell *const cell = find_cell(map, key);
	uint64_t expected = key;

	return cell != NULL && hl_u64_cas_acq_rel(&cell->key, &expected, CELL_ERASED);
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	size_t count = 0;

	for (uint64_t i = 0; i < map->cells_count; i++) {
		if (hl_u64_load_acquire(&map->cells[i].key) > CELL_ERASED) {
			*sum += map->cells[i].value;
			count++;
		}
	}
	return count;
}

#include "../map_workloads.h"

static void *create(size_t entries_max)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();
	struct map *const map = malloc(sizeof(*map));

	if (map == NULL)
		return NULL;
	map->cells_count = entries_max * 10 / 8 + 1;
	map->cells = allocator->allocate(allocator->context, map->cells_count * sizeof(*map->cells), 64,
					 HASHLOOM_ALLOC_ZEROED);
	if (map->cells == NULL) {
		free(map);
		return NULL;
	}
	return map;
}

static void destroy(void *opaque)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();
	struct map *const map = opaque;

	allocator->release(allocator->context, map->cells, map->cells_count * sizeof(*map->cells), 64);
	free(map);
}

MAP_BENCH map_bench_reference = { "reference", MAP_SHARED_READS | MAP_SHARED, create, destroy, NULL, NULL, NULL,
				  MAP_LOOPS };
