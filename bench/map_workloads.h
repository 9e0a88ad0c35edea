/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_workloads.h: the loops that are measured, compiled into each implementation's file (C or C++), around
 *
 *     struct map                                                       its map
 *     static int map_insert(struct map *, uint64_t key, uint64_t value)    1: new, 0: there already or no room
 *     static int map_find(struct map *, uint64_t key, uint64_t *value)     1: found
 *     static int map_erase(struct map *, uint64_t key)                     1: erased
 *     static size_t map_iterate(struct map *, uint64_t *sum)               entries; adds the values up
 *
 * defined before, and, each announced by a macro of its name in capitals,
 *
 *     map_quiescent(struct map *)                    called each 1024 operations
 *     map_find_near(...)                             as map_find
 *     map_find_batch(struct map *, keys, count, uint64_t *sum)    hits; count is MAP_BATCH at most
 *     map_insert_batch(struct map *, keys, values, count)         new ones
 *     map_erase_batch(struct map *, keys, count)                  erased ones
 *
 * MAP_CREATE_GROWING: a function like create, for maps that will get more entries than that, if it is another one.
 *
 * Values are 64 bits. Whoever lets choose gets map_hash(), but for absl, whose own is of the same kind.
 */
#include "maps.h"

#include <time.h>

#define MAP_QUIESCENT_EACH 1024

/* The result is used, as far as the compiler knows. */
#define MAP_USE(value) __asm__ __volatile__("" : : "r"(value) : "memory")

#ifndef MAP_QUIESCENT
#define map_quiescent(map) ((void)(map))
#endif

static inline uint64_t map_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Behind operation i; 1: the time for this measurement is over. */
static inline int map_is_late(struct map *map, const struct map_work *work, size_t i)
{
	if (i % MAP_QUIESCENT_EACH != 0)
		return 0;
	map_quiescent(map);
	return map_now_ns() > work->end_ns;
}

static size_t map_loop_insert(void *opaque, const struct map_work *work)
{
	struct map *const map = (struct map *)opaque;
	size_t done = 0;

	for (size_t i = 0; i < work->count; i++) {
		done += (size_t)map_insert(map, work->keys[i], work->values[i]);
		if (map_is_late(map, work, i))
			break;
	}
	map_quiescent(map);
	return done;
}

/* The bucket of a time: three bits behind the leading one. */
static inline unsigned map_time_bucket(uint64_t ns)
{
	const uint64_t time = ns + 8;
	const unsigned log = 63 - (unsigned)__builtin_clzll(time);

	return log * 8 + (unsigned)(time >> (log - 3) & 7);
}

static size_t map_loop_insert_timed(void *opaque, const struct map_work *work)
{
	struct map *const map = (struct map *)opaque;
	uint64_t before = map_now_ns();
	size_t done = 0;

	for (size_t i = 0; i < work->count; i++) {
		done += (size_t)map_insert(map, work->keys[i], work->values[i]);
		const uint64_t now = map_now_ns();
		const uint64_t time = now - before;

		before = now;
		work->times[map_time_bucket(time)]++;
		if (time > *work->time_max)
			*work->time_max = time;
		if (map_is_late(map, work, i))
			break;
	}
	map_quiescent(map);
	return done;
}

static size_t map_loop_find(void *opaque, const struct map_work *work)
{
	struct map *const map = (struct map *)opaque;
	size_t done = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < work->count; i++) {
		uint64_t value = 0;

		done += (size_t)map_find(map, work->keys[i], &value);
		sum += value;
		if (map_is_late(map, work, i))
			break;
	}
	MAP_USE(sum);
	map_quiescent(map);
	return done;
}

#define MAP_DEFINE_DEPENDENT(name, find)                                                           \
	static size_t name(void *opaque, const struct map_work *work)                              \
	{                                                                                          \
		struct map *const map = (struct map *)opaque;                                      \
		uint64_t key = work->keys[0];                                                      \
		size_t done = 0;                                                                   \
		for (size_t i = 0; i < work->count; i++) {                                         \
			done += (size_t)find(map, key, &key);                                      \
			if (map_is_late(map, work, i))                                             \
				break;                                                             \
		}                                                                                  \
		MAP_USE(key);                                                                      \
		map_quiescent(map);                                                                \
		return done;                                                                       \
	}

MAP_DEFINE_DEPENDENT(map_loop_dependent, map_find)

static size_t map_loop_erase(void *opaque, const struct map_work *work)
{
	struct map *const map = (struct map *)opaque;
	size_t done = 0;

	for (size_t i = 0; i < work->count; i++) {
		done += (size_t)map_erase(map, work->keys[i]);
		if (map_is_late(map, work, i))
			break;
	}
	map_quiescent(map);
	return done;
}

/* Returns how many finds there were that found: how often the others succeed is not known beforehand either. */
static size_t map_loop_mixed(void *opaque, const struct map_work *work)
{
	struct map *const map = (struct map *)opaque;
	size_t done = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < work->count; i++) {
		const uint64_t key = work->keys[i];
		uint64_t value = 0;

		if (work->operations[i] == MAP_FIND)
			done += (size_t)map_find(map, key, &value);
		else if (work->operations[i] == MAP_INSERT)
			(void)map_insert(map, key, key);
		else
			(void)map_erase(map, key);
		sum += value;
		if (map_is_late(map, work, i))
			break;
	}
	MAP_USE(sum);
	map_quiescent(map);
	return done;
}

static size_t map_loop_iterate(void *opaque, const struct map_work *work)
{
	struct map *const map = (struct map *)opaque;
	uint64_t sum = 0;
	const size_t done = map_iterate(map, &sum);

	(void)work;
	MAP_USE(sum);
	map_quiescent(map);
	return done;
}

#define MAP_DEFINE_BATCHES(name, statement)                                                        \
	static size_t name(void *opaque, const struct map_work *work)                              \
	{                                                                                          \
		struct map *const map = (struct map *)opaque;                                      \
		uint64_t sum = 0;                                                                  \
		size_t done = 0;                                                                   \
		for (size_t i = 0; i < work->count; i += MAP_BATCH) {                              \
			const size_t left = work->count - i;                                       \
			const size_t count = left < MAP_BATCH ? left : MAP_BATCH;                  \
			done += statement;                                                         \
			if (map_is_late(map, work, i))                                             \
				break;                                                             \
		}                                                                                  \
		MAP_USE(sum);                                                                      \
		map_quiescent(map);                                                                \
		return done;                                                                       \
	}

#ifdef MAP_FIND_NEAR
MAP_DEFINE_DEPENDENT(map_loop_near, map_find_near)
#else
#define map_loop_near NULL
#endif

#ifdef MAP_FIND_BATCH
MAP_DEFINE_BATCHES(map_loop_find_batch, map_find_batch(map, work->keys + i, count, &sum))
#else
#define map_loop_find_batch NULL
#endif

#ifdef MAP_INSERT_BATCH
MAP_DEFINE_BATCHES(map_loop_insert_batch, map_insert_batch(map, work->keys + i, work->values + i, count))
#else
#define map_loop_insert_batch NULL
#endif

#ifdef MAP_ERASE_BATCH
MAP_DEFINE_BATCHES(map_loop_erase_batch, map_erase_batch(map, work->keys + i, count))
#else
#define map_loop_erase_batch NULL
#endif

#ifndef MAP_CREATE_GROWING
#define MAP_CREATE_GROWING NULL
#endif

/* All the loops, in the order of struct map_bench. */
#define MAP_LOOPS                                                                                  \
	map_loop_insert, map_loop_insert_timed, map_loop_insert_batch, map_loop_find,              \
		map_loop_dependent, map_loop_near, map_loop_find_batch, map_loop_erase,            \
		map_loop_erase_batch, map_loop_mixed, map_loop_iterate, MAP_CREATE_GROWING
