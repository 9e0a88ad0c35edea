/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * urcu.c: liburcu's cds_lfht (split-ordered lists) with the QSBR flavour, resizing itself where it has to
 * grow. Nodes come from an arena and go with it, so no grace period is paid for an erase.
 */
#include <urcu/urcu-qsbr.h>
#include <urcu/rculfhash.h>

#include "../map_hash.h"
#include "../maps.h"
#include "node_arena.h"

struct node {
	struct cds_lfht_node links;
	uint64_t key;
	uint64_t value;
} __attribute__((aligned(16)));

struct map {
	struct cds_lfht *table;
	struct node_arena arena;
};

static inline struct node *node_of(struct cds_lfht_node *links)
{
	return caa_container_of(links, struct node, links);
}

static int node_matches(struct cds_lfht_node *links, const void *key)
{
	return node_of(links)->key == *(const uint64_t *)key;
}

static inline struct cds_lfht_node *lookup(struct map *map, uint64_t key)
{
	struct cds_lfht_iter iterator;

	cds_lfht_lookup(map->table, map_hash(key), node_matches, &key, &iterator);
	return cds_lfht_iter_get_node(&iterator);
}

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	struct node *const node = (struct node *)node_arena_take(&map->arena, sizeof(*node));

	cds_lfht_node_init(&node->links);
	node->key = key;
	node->value = value;
	return cds_lfht_add_unique(map->table, map_hash(key), node_matches, &key, &node->links) == &node->links;
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	struct cds_lfht_node *const found = lookup(map, key);

	if (found == NULL)
		return 0;
	*value = node_of(found)->value;
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	return cds_lfht_del(map->table, lookup(map, key)) == 0;
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	struct cds_lfht_iter iterator;
	struct cds_lfht_node *links;
	size_t count = 0;

	cds_lfht_for_each(map->table, &iterator, links) {
		*sum += node_of(links)->value;
		count++;
	}
	return count;
}

#define MAP_QUIESCENT
static inline void map_quiescent(struct map *map)
{
	(void)map;
	urcu_qsbr_quiescent_state();
}

static void *create_growing(size_t entries_max);

#define MAP_CREATE_GROWING create_growing
#include "../map_workloads.h"

static void *create_with(size_t entries_max, int flags)
{
	struct map *const map = malloc(sizeof(*map));
	size_t buckets = 1;

	if (map == NULL)
		return NULL;
	while (buckets < entries_max)
		buckets *= 2;
	map->table = cds_lfht_new_flavor(buckets, 1, 0, flags, &urcu_qsbr_flavor, NULL);
	if (map->table == NULL) {
		free(map);
		return NULL;
	}
	node_arena_init(&map->arena);
	return map;
}

static void *create(size_t entries_max)
{
	return create_with(entries_max, 0);
}

static void *create_growing(size_t entries_max)
{
	return create_with(entries_max, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING);
}

static void destroy(void *opaque)
{
	struct map *const map = opaque;
	struct cds_lfht_iter iterator;
	struct cds_lfht_node *links;

	cds_lfht_for_each(map->table, &iterator, links)
		(void)cds_lfht_del(map->table, links);
	/* it waits for a resize, and that for us */
	urcu_qsbr_thread_offline();
	if (cds_lfht_destroy(map->table, NULL) != 0)
		abort();
	urcu_qsbr_thread_online();
	node_arena_destroy(&map->arena);
	free(map);
}

static void thread_enter(void)
{
	urcu_qsbr_register_thread();
}

static void thread_leave(void)
{
	urcu_qsbr_unregister_thread();
}

MAP_BENCH map_bench_urcu = { "liburcu lfht", MAP_GROWS | MAP_SHARED_READS | MAP_SHARED | MAP_REUSES, create, destroy, NULL,
			     thread_enter, thread_leave, MAP_LOOPS };
