/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * dpdk.c: DPDK's rte_hash with lock-free readers, several writers and reclamation through its RCU QSBR; its bulk lookup for
 * batches. The environment is initialised without huge pages, devices or files. Sized for a load of 0.8 at most: it cannot grow.
 */
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <pthread.h>
#include <stdlib.h>

#include "../map_hash.h"
#include "../maps.h"

#define THREADS_MAX 8
#define HEAP_MB "6144"

struct map {
	struct rte_hash *table;
	size_t heap_before;
};

static struct rte_rcu_qsbr *qsbr;
static unsigned threads_count;
static _Thread_local unsigned thread_id;

static uint32_t hash_key(const void *key, uint32_t length, uint32_t seed)
{
	(void)length;
	(void)seed;
	return (uint32_t)(map_hash(*(const uint64_t *)key) >> 32);
}

static inline void *pointer(uint64_t number)
{
	return (void *)(uintptr_t)number;
}

static inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return rte_hash_add_key_data(map->table, &key, pointer(value)) == 0;
}

static inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	void *found;

	if (rte_hash_lookup_data(map->table, &key, &found) < 0)
		return 0;
	*value = (uint64_t)(uintptr_t)found;
	return 1;
}

static inline int map_erase(struct map *map, uint64_t key)
{
	return rte_hash_del_key(map->table, &key) >= 0;
}

static inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	uint32_t position = 0;
	size_t count = 0;
	const void *key;
	void *value;

	for (; rte_hash_iterate(map->table, &key, &value, &position) >= 0; count++)
		*sum += (uint64_t)(uintptr_t)value;
	return count;
}

#define MAP_FIND_BATCH
static inline size_t map_find_batch(struct map *map, const uint64_t *keys, size_t count, uint64_t *sum)
{
	const void *pointers[MAP_BATCH];
	void *values[MAP_BATCH];
	uint64_t hits = 0;

	for (size_t i = 0; i < count; i++)
		pointers[i] = &keys[i];
	(void)rte_hash_lookup_bulk_data(map->table, pointers, (uint32_t)count, &hits, values);
	for (uint64_t left = hits; left != 0; left &= left - 1)
		*sum += (uint64_t)(uintptr_t)values[__builtin_ctzll(left)];
	return (size_t)__builtin_popcountll(hits);
}

#define MAP_QUIESCENT
static inline void map_quiescent(struct map *map)
{
	(void)map;
	rte_rcu_qsbr_quiescent(qsbr, thread_id);
}

#include "../map_workloads.h"

static size_t heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;

	return rte_malloc_get_socket_stats((int)rte_socket_id(), &stats) == 0 ? stats.heap_allocsz_bytes : 0;
}

static void library_init(void)
{
	static char arguments[][16] = { "hashloom-bench", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
					HEAP_MB, "-l", "0", "--log-level", "error" };
	char *argv[sizeof(arguments) / sizeof(arguments[0]) + 1] = { NULL };
	const int argc = (int)(sizeof(arguments) / sizeof(arguments[0]));
	const size_t qsbr_size = rte_rcu_qsbr_get_memsize(THREADS_MAX);

	for (int i = 0; i < argc; i++)
		argv[i] = arguments[i];
	if (rte_eal_init(argc, argv) < 0)
		abort();
	qsbr = aligned_alloc(64, (qsbr_size + 63) / 64 * 64);
	if (qsbr == NULL || rte_rcu_qsbr_init(qsbr, THREADS_MAX) != 0)
		abort();
}

static void *create(size_t entries_max)
{
	static unsigned number;
	char name[16];
	const struct rte_hash_parameters parameters = {
		.name = name,
		.entries = (uint32_t)(entries_max * 10 / 8),
		.key_len = sizeof(uint64_t),
		.hash_func = hash_key,
		.socket_id = (int)rte_socket_id(),
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_MULTI_WRITER_ADD,
	};
	struct rte_hash_rcu_config reclaim = { .v = qsbr, .mode = RTE_HASH_QSBR_MODE_DQ };
	struct map *const map = malloc(sizeof(*map));

	if (map == NULL)
		return NULL;
	snprintf(name, sizeof(name), "bench%u", number++);
	map->heap_before = heap_bytes();
	map->table = rte_hash_create(&parameters);
	if (map->table == NULL || rte_hash_rcu_qsbr_add(map->table, &reclaim) != 0) {
		rte_hash_free(map->table);
		free(map);
		return NULL;
	}
	return map;
}

static void destroy(void *opaque)
{
	struct map *const map = opaque;

	rte_hash_free(map->table);
	free(map);
}

static size_t bytes(const void *opaque)
{
	return heap_bytes() - ((const struct map *)opaque)->heap_before;
}

/* The first thread to enter becomes the environment's main thread. */
static void thread_enter(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, library_init);
	if (rte_lcore_id() == LCORE_ID_ANY && rte_thread_register() != 0)
		abort();
	thread_id = __atomic_fetch_add(&threads_count, 1, __ATOMIC_RELAXED) % THREADS_MAX;
	(void)rte_rcu_qsbr_thread_register(qsbr, thread_id);
	rte_rcu_qsbr_thread_online(qsbr, thread_id);
}

static void thread_leave(void)
{
	rte_rcu_qsbr_thread_offline(qsbr, thread_id);
	(void)rte_rcu_qsbr_thread_unregister(qsbr, thread_id);
	__atomic_fetch_sub(&threads_count, 1, __ATOMIC_RELAXED);
	if (rte_lcore_id() != rte_get_main_lcore())
		rte_thread_unregister();
}

MAP_BENCH map_bench_dpdk = { "DPDK rte_hash", MAP_SHARED_READS | MAP_SHARED | MAP_REUSES, create, destroy, bytes,
			     thread_enter, thread_leave, MAP_LOOPS };
