/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_stress.c: a program that works an atomic hash map hard, with threads that know what must be there.
 *
 *     map_stress --operations N --threads T --reuse never|same_key|any_key --seed S
 *
 * Keys are numbers, and a key belongs to the thread that is its remainder modulo T, which alone inserts and erases it, and keeps
 * a byte for each of its keys: whether it is there, and how often it came, which makes its value. So each answer that the owner gets is known.
 * All threads find and load everywhere: what they see must be a value of the key. Counters are keys above all
 * others; all threads upsert them, and in the end their sums must be right. Iterations and batches go on beside it. The map begins with
 * 1,000 cells and grows. In the end size, iteration and a find of each key must agree with what the threads know.
 *
 * With never each insert takes a cell for ever. So that 2^32 ids and 8 GB suffice only one operation in 64 inserts or erases there, and
 * of these every second one at most needs a new cell; 10^9 operations make less than 10^7 cells, of 16 bytes.
 *
 * Exit status: 0; 1: something was wrong, with a message; 2: the arguments were.
 */
#include <hashloom/atomic_hash_map.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64
#define KEYS_PER_THREAD 250000
#define COUNTERS 1000
#define COUNTERS_BEGIN (UINT64_C(1) << 40)
#define WALK_EVERY 8000000 /* operations of a thread */
#define BATCH 32

struct worker {
	unsigned thread;
	pthread_t handle;
	uint64_t random;
	uint64_t operations;
	uint8_t *turns; /* bit 0: it is there; the others: how often it came */
	uint64_t present;
	uint64_t inserts;
	uint64_t hits;
	uint64_t walks;
	uint64_t sums[COUNTERS];
};

static struct atomic_hash_map *map;
static unsigned threads_count = 8;
static enum hashloom_reuse reuse = HASHLOOM_REUSE_NEVER;
static hl_u32 failed;

/* Says the first thing that is wrong. */
static void fail(const char *what, uint64_t key)
{
	if (hl_u32_exchange_acq_rel(&failed, 1) == 0)
		fprintf(stderr, "map_stress: %s: key %llu\n", what, (unsigned long long)key);
}

static int has_failed(void)
{
	return hl_u32_load_relaxed(&failed) != 0;
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Key and turn can be told from a value. */
static uint64_t value_of(uint64_t key, uint8_t turn)
{
	return key << 8 | turn >> 1;
}

/* A number below `limit` from the upper bits of a random one. */
static uint64_t below(uint64_t random, uint64_t limit)
{
	return (random >> 32) * limit >> 32;
}

/* ---- operations ------------------------------------------------------------------------------------------ */

static void come_or_go(struct worker *worker, uint64_t number)
{
	const uint64_t key = number * threads_count + worker->thread;
	uint8_t *const turn = &worker->turns[number];
	uint64_t value = value_of(key, (uint8_t)(*turn + 2));
	uint64_t taken = 0;

	if (*turn & 1) {
		if (atomic_hash_map_insert(map, key, &value, NULL) != 0)
			fail("an insert of a key that is there", key);
		if (atomic_hash_map_take(map, key, &taken) != 1 || taken != value_of(key, *turn))
			fail("a take of a key that is there", key);
		*turn ^= 1;
		worker->present--;
		return;
	}
	if (atomic_hash_map_take(map, key, &taken) != 0)
		fail("a take of a key that is not there", key);
	if (atomic_hash_map_insert(map, key, &value, NULL) != 1)
		fail("an insert of a key that is not there", key);
	*turn = (uint8_t)((*turn + 2) | 1);
	worker->present++;
	worker->inserts++;
}

static void look_at_own(struct worker *worker, uint64_t number)
{
	const uint64_t key = number * threads_count + worker->thread;
	const uint8_t turn = worker->turns[number];
	const hl_u64 *const value = atomic_hash_map_find(map, key);

	if ((value != NULL) != (turn & 1) || (value != NULL && hl_u64_load_relaxed(value) != value_of(key, turn)))
		fail("a find of an own key", key);
	worker->hits += value != NULL;
}

/* A cell may be another's by then with any_key, and its address tells nothing; a load does. */
static void look_at_any(struct worker *worker, uint64_t key)
{
	uint64_t value = 0;

	if (atomic_hash_map_load(map, key, &value)) {
		if (value >> 8 != key)
			fail("a load of another's key", key);
		worker->hits++;
	}
}

static void find_any(struct worker *worker, uint64_t key)
{
	const hl_u64 *const value = atomic_hash_map_find(map, key);

	if (value == NULL)
		return;
	worker->hits++;
	if (reuse != HASHLOOM_REUSE_ANY_KEY && hl_u64_load_relaxed(value) >> 8 != key)
		fail("a find of another's key", key);
}

static void add(void *stored, const void *offered, void *argument)
{
	uint64_t sum;
	uint64_t summand;

	(void)argument;
	memcpy(&sum, stored, sizeof(sum));
	memcpy(&summand, offered, sizeof(summand));
	sum += summand;
	memcpy(stored, &sum, sizeof(sum));
}

static void count(struct worker *worker, uint64_t random)
{
	const uint64_t counter = below(random, COUNTERS);
	const uint64_t summand = 1 + (random & 7);

	if (atomic_hash_map_upsert(map, COUNTERS_BEGIN + counter, &summand, add, NULL, NULL) < 0)
		fail("an upsert", COUNTERS_BEGIN + counter);
	worker->sums[counter] += summand;
}

static void find_batch(struct worker *worker, uint64_t random)
{
	uint64_t keys[BATCH];
	void *values[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		keys[i] = below(random * (2 * i + 1), KEYS_PER_THREAD) * threads_count + worker->thread;
	(void)atomic_hash_map_find_batch(map, keys, BATCH, values);
	for (unsigned i = 0; i < BATCH; i++)
		if ((values[i] != NULL) != (worker->turns[keys[i] / threads_count] & 1))
			fail("a find_batch of own keys", keys[i]);
}

/* Own keys that are there come once, those that are not never. */
static void walk(struct worker *worker)
{
	uint64_t position = 0;
	uint64_t mine = 0;
	uint64_t key = 0;

	while (atomic_hash_map_next(map, &position, &key) != NULL && !has_failed()) {
		if (key >= COUNTERS_BEGIN || key % threads_count != worker->thread)
			continue;
		mine++;
		if (key / threads_count >= KEYS_PER_THREAD || !(worker->turns[key / threads_count] & 1))
			fail("an iteration gives a key that is not there", key);
	}
	if (mine != worker->present)
		fail("an iteration does not give each key once; so many", mine);
	worker->walks++;
}

static void operate(struct worker *worker, uint64_t random)
{
	const unsigned writes = reuse == HASHLOOM_REUSE_NEVER ? 1 : 16;
	const unsigned what = (unsigned)(random & 63);
	const uint64_t number = below(random, KEYS_PER_THREAD);

	if (what < writes)
		come_or_go(worker, number);
	else if (what < writes + 8)
		count(worker, random);
	else if (what < writes + 24)
		look_at_own(worker, number);
	else if (what < writes + 32)
		look_at_any(worker, number * threads_count + (random >> 8) % threads_count);
	else
		find_any(worker, number * threads_count + (random >> 8) % threads_count);
}

static void *work(void *arg)
{
	struct worker *const worker = arg;

	for (uint64_t i = 1; i <= worker->operations && !has_failed(); i++) {
		const uint64_t random = next_random(&worker->random);

		operate(worker, random);
		if (i % 8192 == 0) {
			find_batch(worker, random);
			if (atomic_hash_map_size(map) > SIZE_MAX / 2)
				fail("the size is below zero", 0);
		}
		if (i % WALK_EVERY == 0 || i == worker->operations)
			walk(worker);
	}
	return NULL;
}

/* ---- in the end ------------------------------------------------------------------------------------------ */

static void check_keys(const struct worker *worker)
{
	for (uint64_t number = 0; number < KEYS_PER_THREAD; number++) {
		const uint64_t key = number * threads_count + worker->thread;
		const uint8_t turn = worker->turns[number];
		const uint64_t *const value = atomic_hash_map_find(map, key);

		if ((value != NULL) != (turn & 1) || (value != NULL && *value != value_of(key, turn)))
			fail("in the end: a find", key);
	}
}

static uint64_t check_counters(const struct worker *workers)
{
	uint64_t present = 0;

	for (uint64_t i = 0; i < COUNTERS; i++) {
		const uint64_t *const value = atomic_hash_map_find(map, COUNTERS_BEGIN + i);
		uint64_t sum = 0;

		for (unsigned thread = 0; thread < threads_count; thread++)
			sum += workers[thread].sums[i];
		if (sum != (value == NULL ? 0 : *value))
			fail("in the end: a counter", COUNTERS_BEGIN + i);
		present += value != NULL;
	}
	return present;
}

static void check_end(const struct worker *workers)
{
	uint64_t present = check_counters(workers);
	uint64_t position = 0;
	uint64_t seen = 0;

	for (unsigned thread = 0; thread < threads_count; thread++) {
		check_keys(&workers[thread]);
		present += workers[thread].present;
	}
	while (atomic_hash_map_next(map, &position, NULL) != NULL)
		seen++;
	if (seen != present || atomic_hash_map_size(map) != present)
		fail("in the end: size and iteration; there must be so many", present);
}

/* ---- main ------------------------------------------------------------------------------------------------ */

static int usage(void)
{
	fprintf(stderr, "usage: map_stress [--operations N] [--threads T] [--reuse never|same_key|any_key] [--seed S]\n");
	return 2;
}

static int parse_reuse(const char *name)
{
	static const char *const names[] = { "never", "any_key", "same_key" };

	for (int i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0) {
			reuse = (enum hashloom_reuse)i;
			return 1;
		}
	return 0;
}

static int run(uint64_t operations, uint64_t seed)
{
	const struct atomic_hash_map_config config = { .value_size = sizeof(uint64_t), .cells_count = 1000, .reuse = reuse };
	struct worker *const workers = calloc(threads_count, sizeof(*workers));
	uint64_t inserts = 0;
	uint64_t hits = 0;

	if (workers == NULL || atomic_hash_map_create(1, &config, &map) != HASHLOOM_OK)
		return 1;
	for (unsigned i = 0; i < threads_count; i++) {
		struct worker *const worker = &workers[i];

		worker->thread = i;
		worker->random = seed * 1000 + i;
		worker->operations = operations / threads_count;
		worker->turns = calloc(KEYS_PER_THREAD, 1);
		if (worker->turns == NULL || pthread_create(&worker->handle, NULL, work, worker) != 0) {
			fprintf(stderr, "map_stress: no memory, or no thread\n");
			exit(1);
		}
	}
	for (unsigned i = 0; i < threads_count; i++) {
		(void)pthread_join(workers[i].handle, NULL);
		inserts += workers[i].inserts;
		hits += workers[i].hits;
	}
	check_end(workers);
	printf("inserts %llu, hits %llu, entries %zu, cells %zu, slabs %zu\n", (unsigned long long)inserts,
	       (unsigned long long)hits, atomic_hash_map_size(map), atomic_hash_map_capacity(map), atomic_hash_map_slabs(map));
	atomic_hash_map_destroy(map);
	for (unsigned i = 0; i < threads_count; i++)
		free(workers[i].turns);
	free(workers);
	return has_failed();
}

int main(int argc, char **argv)
{
	uint64_t operations = 10000000;
	uint64_t seed = (uint64_t)time(NULL);
	struct timespec begin;
	struct timespec end;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage();
		if (strcmp(argv[i], "--operations") == 0)
			operations = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--threads") == 0)
			threads_count = (unsigned)strtoul(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--reuse") != 0 || !parse_reuse(argv[i + 1]))
			return usage();
	}
	if (threads_count < 1 || threads_count > THREADS_MAX)
		return usage();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	const int result = run(operations, seed);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%llu operations, %u threads, reuse %d, seed %llu: %s, %.1f s\n", (unsigned long long)operations, threads_count,
	       (int)reuse, (unsigned long long)seed, result == 0 ? "right" : "WRONG",
	       (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	return result;
}
