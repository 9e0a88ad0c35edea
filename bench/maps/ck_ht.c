/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* ck_ht.c: Concurrency Kit's ck_ht with keys and values in place; one writer, so 2 threads only read. */
#include <ck_ht.h>

#include "../map_hash.h"
#include "../maps.h"
#include "ck_memory.h"

struct map {
	ck_ht_t table;
};

static void hash_key(struct ck_ht_hash *hash, const void *key, size_t length, uint64_t seed)
{
	(void)length;
	(void)seed;
	hash->value = map_hash(*(const uintptr_t *)key);
}

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	const ck_ht_hash_t hash = { map_hash(key) };
	ck_ht_entry_t entry;

	ck_ht_entry_set_direct(&entry, hash, key, value);
	return ck_ht_put_spmc(&map->table, hash, &entry);
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const ck_ht_hash_t hash = { map_hash(key) };
	ck_ht_entry_t entry;

	ck_ht_entry_key_set_direct(&entry, key);
	if (!ck_ht_get_spmc(&map->table, hash, &entry))
		return 0;
	*value = ck_ht_entry_value_direct(&entry);
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	const ck_ht_hash_t hash = { map_hash(key) };
	ck_ht_entry_t entry;

	ck_ht_entry_key_set_direct(&entry, key);
	return ck_ht_remove_spmc(&map->table, hash, &entry);
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	ck_ht_iterator_t iterator = CK_HT_ITERATOR_INITIALIZER;
	ck_ht_entry_t *entry;
	size_t count = 0;

	while (ck_ht_next(&map->table, &iterator, &entry)) {
		*sum += ck_ht_entry_value_direct(entry);
		count++;
	}
	return count;
}

#include "../map_workloads.h"

/* It grows when half full. */
static void *create(size_t entries_max)
{
	struct map *const map = malloc(sizeof(*map));

	if (map != NULL && !ck_ht_init(&map->table, CK_HT_MODE_DIRECT, hash_key, &ck_memory, entries_max * 2, 1)) {
		free(map);
		return NULL;
	}
	return map;
}

static void destroy(void *opaque)
{
	struct map *const map = opaque;

	ck_ht_destroy(&map->table);
	free(map);
}

MAP_BENCH map_bench_ck_ht = { "ck_ht", MAP_GROWS | MAP_SHARED_READS | MAP_REUSES, create, destroy, NULL, NULL, NULL,
			      MAP_LOOPS };
