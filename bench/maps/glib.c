/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * glib.c: GLib's GHashTable under a GRWLock, a reader's for finds. It cannot be told how many entries will come, so it
 * always grows, and is not among the grown maps.
 */
#include <glib.h>

#include "../map_hash.h"
#include "../maps.h"

struct map {
	GHashTable *table;
	GRWLock lock;
};

static guint hash_key(gconstpointer key)
{
	return (guint)(map_hash((uint64_t)(uintptr_t)key) >> 32);
}

static inline void *pointer(uint64_t number)
{
	return (void *)(uintptr_t)number;
}

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	g_rw_lock_writer_lock(&map->lock);
	const gboolean is_new = g_hash_table_insert(map->table, pointer(key), pointer(value));
	g_rw_lock_writer_unlock(&map->lock);
	return is_new;
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	gpointer found_key;
	gpointer found_value;

	g_rw_lock_reader_lock(&map->lock);
	const gboolean found = g_hash_table_lookup_extended(map->table, pointer(key), &found_key, &found_value);
	g_rw_lock_reader_unlock(&map->lock);
	if (found)
		*value = (uint64_t)(uintptr_t)found_value;
	return found;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	g_rw_lock_writer_lock(&map->lock);
	const gboolean erased = g_hash_table_remove(map->table, pointer(key));
	g_rw_lock_writer_unlock(&map->lock);
	return erased;
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	GHashTableIter iterator;
	gpointer value;
	size_t count = 0;

	g_rw_lock_reader_lock(&map->lock);
	g_hash_table_iter_init(&iterator, map->table);
	for (; g_hash_table_iter_next(&iterator, NULL, &value); count++)
		*sum += (uint64_t)(uintptr_t)value;
	g_rw_lock_reader_unlock(&map->lock);
	return count;
}

#include "../map_workloads.h"

static void *create(size_t entries_max)
{
	struct map *const map = g_new(struct map, 1);

	(void)entries_max;
	map->table = g_hash_table_new(hash_key, NULL);
	g_rw_lock_init(&map->lock);
	return map;
}

static void destroy(void *opaque)
{
	struct map *const map = opaque;

	g_hash_table_destroy(map->table);
	g_rw_lock_clear(&map->lock);
	g_free(map);
}

MAP_BENCH map_bench_glib = { "GHashTable + rwlock", MAP_SHARED_READS | MAP_SHARED | MAP_REUSES, create, destroy, NULL, NULL,
			     NULL, MAP_LOOPS };
