/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * soak_tables.c: twelve atomic hash maps: type-erased and typed, of each reuse policy, growing and fixed.
 *
 * Keys are numbers, and a key belongs to the thread that is its remainder modulo the threads, which alone inserts and erases it, and keeps
 * a byte for each of its keys: whether it is there, and how often it came, which makes its value. So each answer that the owner gets is known.
 * All threads find and load everywhere: what they see must be a value of the key. Counters are keys above all others; all threads upsert them,
 * and their sums must be right. Batches and iterations go on beside it.
 *
 * The maps with reuse live for the whole run and age. With never each insert takes a cell for ever: these are made anew for each round,
 * and a thread that has used up its inserts only looks. Each map begins with half of the keys, and about so many stay.
 */
#include "soak.h"

#include <hashloom/atomic_hash_map.h>

#include <stdlib.h>

#define KEYS 5000 /* of a thread, in each map */
#define INSERTS_MAX (16 * KEYS) /* of a thread, in a map that keeps its cells */
#define COUNTERS 4
#define COUNTERS_BEGIN (UINT64_C(1) << 40)
#define CALLS 256 /* of work() */
#define WALK_EVERY 4096 /* times of work() */
#define BATCH 32

struct table_calls {
	void *(*open)(size_t entries_max, const struct atomic_hash_map_config *config); /* NULL: no memory */
	void (*close)(void *map);
	int (*insert)(void *map, uint64_t key, uint64_t value);
	int (*take)(void *map, uint64_t key, uint64_t *value);
	const void *(*find)(const void *map, uint64_t key);
	size_t (*find_batch)(const void *map, const uint64_t *keys, size_t count, void **values);
	int (*load)(void *map, uint64_t key, uint64_t *value);
	int (*add)(void *map, uint64_t key, uint64_t summand); /* 1: inserted; 0: added */
	int (*next)(const void *map, uint64_t *position, uint64_t *key);
	size_t (*size)(const void *map);
	size_t (*slabs)(const void *map);
	int (*check)(const void *map, struct atomic_hash_map_report *report);
};

/* ---- typed ------------------------------------------------------------------------------------------------- */

static uint64_t add_typed(uint64_t stored, uint64_t offered, void *argument)
{
	(void)argument;
	return stored + offered;
}

#define SOAK_NAME typed_never
#define SOAK_REUSE HASHLOOM_REUSE_NEVER
#define SOAK_FIXED 0
#include "soak_typed.h"

#define SOAK_NAME typed_any_key
#define SOAK_REUSE HASHLOOM_REUSE_ANY_KEY
#define SOAK_FIXED 0
#include "soak_typed.h"

#define SOAK_NAME typed_same_key
#define SOAK_REUSE HASHLOOM_REUSE_SAME_KEY
#define SOAK_FIXED 0
#include "soak_typed.h"

#define SOAK_NAME typed_never_fixed
#define SOAK_REUSE HASHLOOM_REUSE_NEVER
#define SOAK_FIXED 1
#include "soak_typed.h"

#define SOAK_NAME typed_any_key_fixed
#define SOAK_REUSE HASHLOOM_REUSE_ANY_KEY
#define SOAK_FIXED 1
#include "soak_typed.h"

#define SOAK_NAME typed_same_key_fixed
#define SOAK_REUSE HASHLOOM_REUSE_SAME_KEY
#define SOAK_FIXED 1
#include "soak_typed.h"

/* ---- type-erased ------------------------------------------------------------------------------------------- */

static void *erased_open(size_t entries_max, const struct atomic_hash_map_config *config)
{
	struct atomic_hash_map *map = NULL;

	return atomic_hash_map_create(entries_max, config, &map) == HASHLOOM_OK ? map : NULL;
}

static void erased_close(void *map)
{
	atomic_hash_map_destroy(map);
}

static int erased_insert(void *map, uint64_t key, uint64_t value)
{
	return atomic_hash_map_insert(map, key, &value, NULL);
}

static int erased_take(void *map, uint64_t key, uint64_t *value)
{
	return atomic_hash_map_take(map, key, value);
}

static const void *erased_find(const void *map, uint64_t key)
{
	return atomic_hash_map_find(map, key);
}

static size_t erased_find_batch(const void *map, const uint64_t *keys, size_t count, void **values)
{
	return atomic_hash_map_find_batch(map, keys, count, values);
}

static int erased_load(void *map, uint64_t key, uint64_t *value)
{
	return atomic_hash_map_load(map, key, value);
}

static void add_erased(void *stored, const void *offered, void *argument)
{
	uint64_t sum;
	uint64_t summand;

	(void)argument;
	memcpy(&sum, stored, sizeof(sum));
	memcpy(&summand, offered, sizeof(summand));
	sum += summand;
	memcpy(stored, &sum, sizeof(sum));
}

static int erased_add(void *map, uint64_t key, uint64_t summand)
{
	return atomic_hash_map_upsert(map, key, &summand, add_erased, NULL, NULL);
}

static int erased_next(const void *map, uint64_t *position, uint64_t *key)
{
	return atomic_hash_map_next(map, position, key) != NULL;
}

static size_t erased_size(const void *map)
{
	return atomic_hash_map_size(map);
}

static size_t erased_slabs(const void *map)
{
	return atomic_hash_map_slabs(map);
}

static int erased_check(const void *map, struct atomic_hash_map_report *report)
{
	return atomic_hash_map_check(map, report);
}

static const struct table_calls erased_calls = {
	erased_open, erased_close, erased_insert, erased_take, erased_find,  erased_find_batch,
	erased_load, erased_add,   erased_next,	  erased_size, erased_slabs, erased_check,
};

/* ---- the tables, and what each thread knows of them ------------------------------------------------------------ */

#define TABLES 12

static const struct {
	const struct table_calls *calls;
	enum hashloom_reuse reuse;
	int is_fixed;
} shapes[TABLES] = {
	{ &erased_calls, HASHLOOM_REUSE_NEVER, 0 },	      { &typed_never_calls, HASHLOOM_REUSE_NEVER, 0 },
	{ &erased_calls, HASHLOOM_REUSE_ANY_KEY, 0 },	      { &typed_any_key_calls, HASHLOOM_REUSE_ANY_KEY, 0 },
	{ &erased_calls, HASHLOOM_REUSE_SAME_KEY, 0 },	      { &typed_same_key_calls, HASHLOOM_REUSE_SAME_KEY, 0 },
	{ &erased_calls, HASHLOOM_REUSE_NEVER, 1 },	      { &typed_never_fixed_calls, HASHLOOM_REUSE_NEVER, 1 },
	{ &erased_calls, HASHLOOM_REUSE_ANY_KEY, 1 },	      { &typed_any_key_fixed_calls, HASHLOOM_REUSE_ANY_KEY, 1 },
	{ &erased_calls, HASHLOOM_REUSE_SAME_KEY, 1 },	      { &typed_same_key_fixed_calls, HASHLOOM_REUSE_SAME_KEY, 1 },
};

struct own {
	uint8_t turns[KEYS]; /* bit 0: it is there; the others: how often it came */
	uint64_t present;
	uint64_t inserts_left;
	uint64_t sums[COUNTERS];
};

static void *maps[TABLES];
static struct own *owns; /* TABLES of each thread */

static struct own *own_of(unsigned thread, unsigned table)
{
	return &owns[thread * TABLES + table];
}

/* Key and turn can be told from a value. */
static uint64_t value_of(uint64_t key, uint8_t turn)
{
	return key << 8 | turn >> 1;
}

static void begin(void)
{
	owns = soak_zeroed((size_t)soak_threads * TABLES, sizeof(*owns));
}

static void end(void)
{
	for (unsigned table = 0; table < TABLES; table++) {
		if (maps[table] != NULL)
			shapes[table].calls->close(maps[table]);
	}
	free(owns);
}

static void renew(void)
{
	for (unsigned table = 0; table < TABLES; table++) {
		const int is_never = shapes[table].reuse == HASHLOOM_REUSE_NEVER;
		const size_t entries_max = (size_t)soak_threads * (is_never ? INSERTS_MAX : KEYS) + COUNTERS;
		const struct atomic_hash_map_config config = { .value_size = sizeof(uint64_t),
							       .reuse = shapes[table].reuse,
							       .is_fixed = shapes[table].is_fixed,
							       .allocator = &soak_allocator };

		if (maps[table] != NULL && !is_never)
			continue;
		if (maps[table] != NULL)
			shapes[table].calls->close(maps[table]);
		maps[table] = shapes[table].calls->open(shapes[table].is_fixed ? entries_max : 1000, &config);
		for (unsigned thread = 0; thread < soak_threads; thread++)
			memset(own_of(thread, table), 0, sizeof(struct own));
		if (maps[table] == NULL)
			soak_fail("no memory for a map", table);
	}
}

/* ---- calls --------------------------------------------------------------------------------------------------- */

static void come(struct soak_worker *worker, unsigned table, uint64_t number)
{
	struct own *const own = own_of(worker->thread, table);
	const uint64_t key = number * soak_threads + worker->thread;
	uint8_t *const turn = &own->turns[number];

	*turn = (uint8_t)((*turn + 2) | 1);
	own->present++;
	own->inserts_left--;
	worker->counts[SOAK_INSERT]++;
	if (shapes[table].calls->insert(maps[table], key, value_of(key, *turn)) != 1)
		soak_fail("an insert of a key that is not there", key);
}

/* Into maps that were just made. */
static void enter(struct soak_worker *worker)
{
	for (unsigned table = 0; table < TABLES; table++) {
		struct own *const own = own_of(worker->thread, table);

		if (own->present != 0 || maps[table] == NULL)
			continue;
		own->inserts_left = shapes[table].reuse == HASHLOOM_REUSE_NEVER ? INSERTS_MAX : UINT64_MAX;
		for (uint64_t number = 0; number < KEYS; number += 2)
			come(worker, table, number);
	}
}

static void come_or_go(struct soak_worker *worker, unsigned table, uint64_t number)
{
	const struct table_calls *const calls = shapes[table].calls;
	struct own *const own = own_of(worker->thread, table);
	const uint64_t key = number * soak_threads + worker->thread;
	const uint8_t turn = own->turns[number];
	uint64_t taken = 0;

	if (own->inserts_left == 0)
		return;
	worker->counts[SOAK_ERASE]++;
	if (!(turn & 1)) {
		if (calls->take(maps[table], key, &taken) != 0)
			soak_fail("a take of a key that is not there", key);
		come(worker, table, number);
		return;
	}
	worker->counts[SOAK_INSERT]++;
	if (calls->insert(maps[table], key, taken) != 0)
		soak_fail("an insert of a key that is there", key);
	if (calls->take(maps[table], key, &taken) != 1 || taken != value_of(key, turn))
		soak_fail("a take of a key that is there", key);
	own->turns[number] ^= 1;
	own->present--;
}

static void find_own(struct soak_worker *worker, unsigned table, uint64_t number)
{
	const uint64_t key = number * soak_threads + worker->thread;
	const uint8_t turn = own_of(worker->thread, table)->turns[number];
	const hl_u64 *const value = shapes[table].calls->find(maps[table], key);

	if ((value != NULL) != (turn & 1) || (value != NULL && hl_u64_load_relaxed(value) != value_of(key, turn)))
		soak_fail("a find of an own key", key);
	worker->counts[SOAK_FIND]++;
	worker->hits += value != NULL;
}

/* With any_key the cell may be another's by then, and its address tells nothing; a load does. */
static void find_any(struct soak_worker *worker, unsigned table, uint64_t key)
{
	const hl_u64 *const value = shapes[table].calls->find(maps[table], key);

	if (value != NULL && shapes[table].reuse != HASHLOOM_REUSE_ANY_KEY && hl_u64_load_relaxed(value) >> 8 != key)
		soak_fail("a find of another's key", key);
	worker->counts[SOAK_FIND]++;
	worker->hits += value != NULL;
}

static void load_any(struct soak_worker *worker, unsigned table, uint64_t key)
{
	uint64_t value = 0;
	const int is_there = shapes[table].calls->load(maps[table], key, &value);

	if (is_there && value >> 8 != key)
		soak_fail("a load of another's key", key);
	worker->counts[SOAK_LOAD]++;
	worker->hits += (uint64_t)is_there;
}

static void add(struct soak_worker *worker, unsigned table, uint64_t random)
{
	const uint64_t counter = soak_below(random, COUNTERS);
	const uint64_t summand = 1 + (random & 7);

	if (shapes[table].calls->add(maps[table], COUNTERS_BEGIN + counter, summand) < 0)
		soak_fail("an upsert", COUNTERS_BEGIN + counter);
	own_of(worker->thread, table)->sums[counter] += summand;
	worker->counts[SOAK_UPDATE]++;
}

static void find_batch(struct soak_worker *worker, unsigned table, uint64_t random)
{
	const struct own *const own = own_of(worker->thread, table);
	uint64_t keys[BATCH];
	void *values[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		keys[i] = soak_below(random * (2 * i + 1), KEYS) * soak_threads + worker->thread;
	worker->hits += shapes[table].calls->find_batch(maps[table], keys, BATCH, values);
	for (unsigned i = 0; i < BATCH; i++) {
		if ((values[i] != NULL) != (own->turns[keys[i] / soak_threads] & 1))
			soak_fail("a find_batch of own keys", keys[i]);
	}
	worker->counts[SOAK_FIND] += BATCH;
}

/* Own keys that are there come once, those that are not never. */
static void walk(struct soak_worker *worker, unsigned table)
{
	const struct own *const own = own_of(worker->thread, table);
	uint64_t position = 0;
	uint64_t mine = 0;
	uint64_t key = 0;

	while (shapes[table].calls->next(maps[table], &position, &key) && !soak_has_failed()) {
		if (key >= COUNTERS_BEGIN || key % soak_threads != worker->thread)
			continue;
		mine++;
		if (key / soak_threads >= KEYS || !(own->turns[key / soak_threads] & 1))
			soak_fail("an iteration gives a key that is not there", key);
	}
	if (mine != own->present)
		soak_fail("an iteration does not give each key once; so many", mine);
	if (shapes[table].calls->size(maps[table]) > SIZE_MAX / 2)
		soak_fail("the size is below zero", 0);
	worker->counts[SOAK_WALK]++;
}

/* A block of calls for one map. */
static void work(struct soak_worker *worker)
{
	const uint64_t choice = soak_random(worker);
	const unsigned table = (unsigned)soak_below(choice, TABLES);

	for (unsigned i = 0; i < CALLS; i++) {
		const uint64_t random = soak_random(worker);
		const unsigned what = (unsigned)(random & 63);
		const uint64_t number = soak_below(random, KEYS);
		const uint64_t any = number * soak_threads + (random >> 8) % soak_threads;

		if (what < 8)
			come_or_go(worker, table, number);
		else if (what < 12)
			add(worker, table, random);
		else if (what < 28)
			find_own(worker, table, number);
		else if (what < 36)
			load_any(worker, table, any);
		else
			find_any(worker, table, any);
	}
	find_batch(worker, table, choice);
	if (choice % WALK_EVERY == 0)
		walk(worker, table);
}

/* ---- after a round ------------------------------------------------------------------------------------------- */

static void check_own(struct soak_worker *worker)
{
	for (unsigned table = 0; table < TABLES; table++) {
		for (uint64_t number = 0; number < KEYS; number++)
			find_own(worker, table, number);
	}
}

/* Returns how many counters are there. */
static uint64_t check_counters(unsigned table)
{
	uint64_t present = 0;

	for (uint64_t i = 0; i < COUNTERS; i++) {
		const hl_u64 *const value = shapes[table].calls->find(maps[table], COUNTERS_BEGIN + i);
		uint64_t sum = 0;

		for (unsigned thread = 0; thread < soak_threads; thread++)
			sum += own_of(thread, table)->sums[i];
		if (sum != (value == NULL ? 0 : hl_u64_load_relaxed(value)))
			soak_fail("a counter", COUNTERS_BEGIN + i);
		present += value != NULL;
	}
	return present;
}

static void check(void)
{
	for (unsigned table = 0; table < TABLES; table++) {
		uint64_t present = check_counters(table);
		struct atomic_hash_map_report report;
		uint64_t position = 0;
		uint64_t seen = 0;

		for (unsigned thread = 0; thread < soak_threads; thread++)
			present += own_of(thread, table)->present;
		while (shapes[table].calls->next(maps[table], &position, NULL))
			seen++;
		if (shapes[table].calls->check(maps[table], &report) != 0)
			soak_fail("a check finds something in map", table);
		if (seen != present || report.size != present || report.entries != present)
			soak_fail("size and iteration; there must be so many", present);
		if (shapes[table].calls->slabs(maps[table]) > (shapes[table].is_fixed ? 1 : 8))
			soak_fail("there are too many slabs in map", table);
	}
}

const struct soak_part soak_tables = { begin, end, renew, enter, work, check_own, check };
