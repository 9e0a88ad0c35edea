/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_array_threads.c: the atomic hash array with 2 and 8 threads, both reuse policies.
 *
 * Method: many short rounds on arrays so small that claims collide; threads start each round together. What every
 * thread was told is written down and must fit together: who won, who was refused, how often a key came and
 * went. Afterwards the array's lines are compared with its cells (kit_map_error). The arrays are made with
 * the core, as maps that do not grow, because the front ends hide the lines. prove/scenarios_array.c goes through
 * interleavings one by one; here they come from the machine, and ThreadSanitizer looks on.
 */
#include "map_kit.h"

#define THREADS_MAX KIT_GANG_MAX
#define VALUE_SIZE_MAX 2048

/* ---- maps: a policy and an array ----------------------------------------------------------------------- */

struct map {
	struct kit_map kit;
	size_t value_size;
	enum hashloom_reuse reuse;
	struct kit_errors errors;
};

static void map_init(struct map *map, size_t entries_max, size_t value_size, atomic_hash_array_hash_fn hash,
		     enum hashloom_reuse reuse)
{
	const struct atomic_hash_map_config config = { .value_size = value_size,
						       .load_permille = 1000,
						       .hash = hash,
						       .reuse = reuse,
						       .is_fixed = 1 };

	memset(map, 0, sizeof(*map));
	map->value_size = value_size;
	map->reuse = reuse;
	assert_true(value_size <= VALUE_SIZE_MAX);
	kit_map_init(&map->kit, entries_max, &config);
}

/* Empty again, as after create; nothing runs. */
static void map_reset(struct map *map)
{
	kit_map_reset(&map->kit);
}

/* What must hold when nothing runs. */
static void map_verify(struct map *map)
{
	const char *const error = kit_map_error(&map->kit, 0);

	if (error != NULL)
		kit_error(&map->errors, error);
}

static void map_finish(struct map *map)
{
	kit_assert_no_errors(&map->errors);
	kit_map_finish(&map->kit);
}

static int map_insert(struct map *map, uint64_t key, uint64_t stamp, void **where)
{
	uint64_t value[VALUE_SIZE_MAX / sizeof(uint64_t)];

	kit_value_fill(value, map->value_size, stamp);
	return kit_map_insert(&map->kit, key, value, where);
}

static void *map_find(const struct map *map, uint64_t key)
{
	return kit_map_find(&map->kit, key);
}

static int map_erase(struct map *map, uint64_t key)
{
	return kit_map_erase(&map->kit, key);
}

static size_t map_capacity(const struct map *map)
{
	return hl_aha_cells_count(&map->kit.map.slabs[0]);
}

static size_t map_count(const struct map *map)
{
	uint64_t position = 0;
	uint64_t key;
	size_t count = 0;

	while (kit_map_next(&map->kit, &position, &key) != NULL)
		count++;
	return count;
}

/* ---- A.1: races of inserts -------------------------------------------------------------------------------- */

#define RACE_KEYS 24

/* Each round all threads insert all keys into an empty array, each thread in an order of its own. */
struct race {
	struct map map;
	unsigned threads;
	unsigned keys;
	int results[THREADS_MAX][RACE_KEYS];
	void *where[THREADS_MAX][RACE_KEYS];
	unsigned full;
	unsigned losers;
};

static void race_prepare(void *arg, unsigned round)
{
	struct race *const race = arg;

	(void)round;
	map_reset(&race->map);
}

static uint64_t race_stamp(uint64_t key, unsigned thread)
{
	return key * THREADS_MAX + thread;
}

static void race_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t seed = (uint64_t)round << 8 | thread;
	size_t order[RACE_KEYS];

	/* every other round all come in the same order, and meet at every key */
	for (size_t i = 0; i < race->keys; i++)
		order[i] = i;
	if (round % 2 == 1)
		kit_shuffle(order, race->keys, &seed);
	for (size_t i = 0; i < race->keys; i++) {
		const size_t key = order[i];

		race->results[thread][key] =
			map_insert(&race->map, key, race_stamp(key, thread), &race->where[thread][key]);
		if (race->results[thread][key] >= 0)
			kit_expect(&race->map.errors, map_find(&race->map, key) == race->where[thread][key]);
	}
}

/* Who was told what of one key: returns 1 if it got in. */
static int race_verify_key(struct race *race, size_t key)
{
	const size_t value_size = race->map.value_size;
	struct kit_errors *const errors = &race->map.errors;
	const void *where = NULL;
	unsigned told[3] = { 0 }; /* new, there already, full */

	for (unsigned thread = 0; thread < race->threads; thread++) {
		const int result = race->results[thread][key];

		told[result == 1 ? 0 : result == 0 ? 1 : 2]++;
		kit_expect(errors, result >= 0 || result == HASHLOOM_ERROR_FULL);
		if (result == 1) {
			where = race->where[thread][key];
			kit_expect(errors, kit_value_is(where, value_size, race_stamp(key, thread)));
		}
	}
	for (unsigned thread = 0; thread < race->threads; thread++)
		kit_expect(errors, race->results[thread][key] < 0 || race->where[thread][key] == where);
	kit_expect(errors, told[0] <= 1);
	kit_expect(errors, told[0] == 1 || told[1] == 0);
	/* A.6: a key that found no room for one thread finds none for any */
	if (race->map.reuse == HASHLOOM_REUSE_NEVER)
		kit_expect(errors, told[2] == 0 || told[2] == race->threads);
	kit_expect(errors, map_find(&race->map, key) == where);
	race->losers += told[1];
	race->full += told[2];
	return told[0] == 1;
}

static void race_verify(void *arg, unsigned round)
{
	struct race *const race = arg;
	const size_t capacity = map_capacity(&race->map);
	size_t winners = 0;

	(void)round;
	for (size_t key = 0; key < race->keys; key++)
		winners += (size_t)race_verify_key(race, key);
	kit_expect(&race->map.errors, winners == (race->keys < capacity ? race->keys : capacity));
	kit_expect(&race->map.errors, map_count(&race->map) == winners);
	map_verify(&race->map);
}

static void run_race(unsigned threads, unsigned keys, size_t entries_max, size_t value_size,
		     atomic_hash_array_hash_fn hash, enum hashloom_reuse reuse, unsigned rounds)
{
	struct race *const race = kit_zeroed_lines(sizeof(*race));
	struct kit_gang gang = { threads, rounds, race_prepare, race_work, race_verify, race, { 0 }, { 0 } };

	race->threads = threads;
	race->keys = keys;
	map_init(&race->map, entries_max, value_size, hash, reuse);
	kit_gang_run(&gang);
	map_finish(&race->map);
	assert_true(keys <= entries_max ? race->losers == rounds * keys * (threads - 1) : race->full > 0);
	free(race);
}

static void run_races(size_t value_size, unsigned keys, size_t entries_max, unsigned rounds)
{
	static const atomic_hash_array_hash_fn hashes[] = { kit_hash_good, kit_hash_ones, kit_hash_one_home };

	for (size_t i = 0; i < KIT_COUNT(hashes); i++)
		for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_ANY_KEY; reuse++) {
			run_race(2, keys, entries_max, value_size, hashes[i], (enum hashloom_reuse)reuse,
				 KIT_REPEAT(rounds));
			run_race(8, keys, entries_max, value_size, hashes[i], (enum hashloom_reuse)reuse,
				 KIT_REPEAT(rounds / 6));
		}
}

static void test_array_A1_of_racing_inserts_of_a_key_exactly_one_is_new(void **state)
{
	(void)state;
	run_races(8, 12, 15, 1200);
}

/* Values that take long to copy: others find the cell claimed and wait. */
static void test_array_A1_racing_inserts_of_large_values(void **state)
{
	(void)state;
	run_races(VALUE_SIZE_MAX, 12, 15, 400);
}

static void test_array_A1_racing_inserts_in_several_groups(void **state)
{
	(void)state;
	run_races(16, RACE_KEYS, 45, 600);
}

/* More keys than cells: each cell is fought for, and each key is there once or nowhere (PITFALLS 1). */
static void test_array_A6_racing_inserts_when_there_is_not_room_for_all(void **state)
{
	(void)state;
	run_races(8, RACE_KEYS, 15, 1200);
}

/* ---- inserts, erases and finds on the same keys ------------------------------------------------------------ */

#define CHURN_KEYS 40

/* Threads insert and erase at random. Stable keys are never erased, and must always be found. */
struct churn {
	struct map map;
	unsigned keys;
	unsigned stable; /* keys behind the others that stay */
	unsigned steps;
	hl_u64 inserted[CHURN_KEYS];
	hl_u64 erased[CHURN_KEYS];
	hl_u64 full;
};

/* With `never` a value stays for ever, so it can be read without any protection (A.4). */
static void churn_find(struct churn *churn, uint64_t key)
{
	void *const value = map_find(&churn->map, key);

	if (value != NULL && churn->map.reuse == HASHLOOM_REUSE_NEVER)
		kit_expect(&churn->map.errors, kit_value_is(value, churn->map.value_size, key));
}

static void churn_find_stable(struct churn *churn, uint64_t key)
{
	const void *const value = map_find(&churn->map, key);

	kit_expect(&churn->map.errors, value != NULL);
	if (value != NULL)
		kit_expect(&churn->map.errors, kit_value_is(value, churn->map.value_size, key));
	kit_expect(&churn->map.errors, map_insert(&churn->map, key, 0, NULL) == 0);
}

static void churn_work(void *arg, unsigned thread, unsigned round)
{
	struct churn *const churn = arg;
	uint64_t seed = (uint64_t)round << 8 | thread;

	for (unsigned step = 0; step < churn->steps; step++) {
		const size_t key = kit_random_below(&seed, churn->keys);
		const size_t what = kit_random_below(&seed, 8);

		if (what < 3) {
			const int result = map_insert(&churn->map, key, key, NULL);

			kit_expect(&churn->map.errors,
				   result == 0 || result == 1 || result == HASHLOOM_ERROR_FULL);
			if (result == 1)
				hl_u64_fetch_add_relaxed(&churn->inserted[key], 1);
			if (result < 0)
				hl_u64_fetch_add_relaxed(&churn->full, 1);
		} else if (what < 6) {
			if (map_erase(&churn->map, key))
				hl_u64_fetch_add_relaxed(&churn->erased[key], 1);
		} else {
			churn_find(churn, key);
			kit_expect(&churn->map.errors, kit_map_size(&churn->map.kit) < SIZE_MAX / 2);
		}
		if (churn->stable > 0)
			churn_find_stable(churn, churn->keys + kit_random_below(&seed, churn->stable));
	}
}

static void churn_verify(void *arg, unsigned round)
{
	struct churn *const churn = arg;
	size_t present = churn->stable;

	(void)round;
	for (size_t key = 0; key < churn->keys; key++) {
		const uint64_t balance = hl_u64_load_relaxed(&churn->inserted[key]) -
					 hl_u64_load_relaxed(&churn->erased[key]);

		kit_expect(&churn->map.errors, balance <= 1);
		kit_expect(&churn->map.errors, balance == (map_find(&churn->map, key) != NULL));
		present += balance;
	}
	kit_expect(&churn->map.errors, map_count(&churn->map) == present);
	kit_expect(&churn->map.errors, kit_map_size(&churn->map.kit) == present);
	map_verify(&churn->map);
}

static void run_churn(struct churn *churn, unsigned threads, unsigned rounds)
{
	struct kit_gang gang = { threads, rounds, NULL, churn_work, churn_verify, churn, { 0 }, { 0 } };
	uint64_t inserted = 0;
	uint64_t erased = 0;

	for (uint64_t key = churn->keys; key < churn->keys + churn->stable; key++)
		assert_int_equal(map_insert(&churn->map, key, key, NULL), 1);
	kit_gang_run(&gang);
	for (size_t key = 0; key < churn->keys; key++) {
		inserted += hl_u64_load_relaxed(&churn->inserted[key]);
		erased += hl_u64_load_relaxed(&churn->erased[key]);
	}
	map_finish(&churn->map);
	assert_true(inserted > threads && erased > threads);
}

static void churn_any(atomic_hash_array_hash_fn hash, unsigned keys, unsigned stable, size_t entries_max)
{
	static const unsigned threads[] = { 2, 8 };

	for (size_t i = 0; i < KIT_COUNT(threads); i++) {
		struct churn *const churn = kit_zeroed_lines(sizeof(*churn));

		churn->keys = keys;
		churn->stable = stable;
		churn->steps = 2000;
		map_init(&churn->map, entries_max, 16, hash, HASHLOOM_REUSE_ANY_KEY);
		run_churn(churn, threads[i], KIT_REPEAT(80) / threads[i]);
		/*
		 * Writers of one home exclude each other, so they are never told FULL while there is room. With several
		 * homes they can be: a cell that comes free behind a search is missed.
		 */
		if (keys + stable <= entries_max && (entries_max <= HL_AHA_LANES || hash(1) >> 32 == hash(2) >> 32))
			assert_int_equal(hl_u64_load_relaxed(&churn->full), 0);
		free(churn);
	}
}

static void test_array_any_key_churn_in_one_group(void **state)
{
	(void)state;
	churn_any(kit_hash_good, 10, 0, 15);
	churn_any(kit_hash_zero, 15, 0, 15);
}

static void test_array_any_key_churn_of_more_keys_than_cells(void **state)
{
	(void)state;
	churn_any(kit_hash_good, 30, 0, 15);
	churn_any(kit_hash_ones, CHURN_KEYS, 0, 30);
}

/* One home, three groups: counts go up and down all the time, and are exact in the end. */
static void test_array_any_key_churn_over_several_groups(void **state)
{
	(void)state;
	churn_any(kit_hash_zero, CHURN_KEYS, 0, 45);
	churn_any(kit_hash_ones, CHURN_KEYS, 0, 60);
	churn_any(kit_hash_one_home, CHURN_KEYS, 0, 45);
	churn_any(kit_hash_one_tag, CHURN_KEYS, 0, 45);
}

/* Entries that stay are found whatever comes and goes before them on their path (A.2). */
static void test_array_A2_entries_that_stay_are_always_found(void **state)
{
	(void)state;
	churn_any(kit_hash_zero, 25, 15, 45);
	churn_any(kit_hash_ones, 30, 10, 45);
	churn_any(kit_hash_good, 30, 10, 45);
	churn_any(kit_hash_one_tag, 30, 14, 45);
}

/* Cells are used up: rounds until there are none. */
static void churn_never(atomic_hash_array_hash_fn hash, unsigned keys, unsigned stable, unsigned threads,
			size_t entries_max)
{
	struct churn *const churn = kit_zeroed_lines(sizeof(*churn));

	churn->keys = keys;
	churn->stable = stable;
	churn->steps = 100;
	map_init(&churn->map, entries_max, 32, hash, HASHLOOM_REUSE_NEVER);
	run_churn(churn, threads, 8);
	free(churn);
}

static void test_array_never_churn(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(12); turn++) {
		churn_never(kit_hash_good, 10, 0, 2, 400);
		churn_never(kit_hash_good, 10, 5, 8, 800);
		churn_never(kit_hash_one_tag, CHURN_KEYS, 2, 8, 1600);
		churn_never(kit_hash_ones, 6, 3, 8, 200);
	}
}

/* ---- what was heard of is found (A.2) ------------------------------------------------------------------------ */

struct hearsay {
	struct map map;
	hl_u64 told; /* all keys below are there */
	unsigned keys;
};

/* Thread 0 inserts and tells; the others have heard, and must find. */
static void hearsay_work(void *arg, unsigned thread, unsigned round)
{
	struct hearsay *const hearsay = arg;
	uint64_t seed = (uint64_t)round << 8 | thread;

	if (thread == 0) {
		for (uint64_t key = 0; key < hearsay->keys; key++) {
			kit_expect(&hearsay->map.errors, map_insert(&hearsay->map, key, key, NULL) == 1);
			hl_u64_store_release(&hearsay->told, key + 1);
		}
		return;
	}
	for (uint64_t told = 0; told < hearsay->keys;) {
		told = hl_u64_load_acquire(&hearsay->told);
		if (told == 0) {
			sched_yield();
			continue;
		}
		const uint64_t key = kit_random_below(&seed, 2) ? told - 1 : kit_random_below(&seed, told);
		const void *const value = map_find(&hearsay->map, key);

		kit_expect(&hearsay->map.errors,
			   value != NULL && kit_value_is(value, hearsay->map.value_size, key));
	}
}

static void hearsay_prepare(void *arg, unsigned round)
{
	struct hearsay *const hearsay = arg;

	(void)round;
	map_reset(&hearsay->map);
	hl_u64_store_relaxed(&hearsay->told, 0);
}

static void test_array_A2_who_has_heard_of_an_insert_finds_it(void **state)
{
	static const atomic_hash_array_hash_fn hashes[] = { kit_hash_good, kit_hash_zero };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(hashes); i++)
		for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_ANY_KEY; reuse++) {
			struct hearsay *const hearsay = kit_zeroed_lines(sizeof(*hearsay));
			struct kit_gang gang = { 3, KIT_REPEAT(100), hearsay_prepare, hearsay_work, NULL,
						 hearsay, { 0 }, { 0 } };

			hearsay->keys = 120;
			map_init(&hearsay->map, hearsay->keys, 24, hashes[i], (enum hashloom_reuse)reuse);
			kit_gang_run(&gang);
			map_finish(&hearsay->map);
			free(hearsay);
		}
}

/* ---- the race of PITFALLS: k + 1 comes, k goes ---------------------------------------------------------------- */

struct chase {
	struct map map;
	hl_u64 newest;
	unsigned keys;
	hl_u64 hits;
	hl_u64 reused; /* hits whose cell was another's when the value was read */
};

/* The value is one atomic word, which the reader checks the key after (A.5: the user's own protection). */
static int chase_insert(struct map *map, uint64_t key)
{
	return kit_map_insert(&map->kit, key, &key, NULL) == 1;
}

/* Keys only grow, so a cell that is still the key's after its value was read was the key's when it was. */
static void chase_look(struct chase *chase, uint64_t key)
{
	struct map *const map = &chase->map;
	void *const value = map_find(map, key);
	uint64_t key_now = key;
	uint64_t word;

	if (value == NULL)
		return;
	hl_u64_fetch_add_relaxed(&chase->hits, 1);
	word = hl_u64_load_acquire(value);
	if (map->reuse == HASHLOOM_REUSE_ANY_KEY &&
	    (kit_map_at(&map->kit, kit_map_id(&map->kit, value), &key_now) == NULL || key_now != key)) {
		hl_u64_fetch_add_relaxed(&chase->reused, 1);
		return;
	}
	kit_expect(&map->errors, word == key);
}

static void chase_work(void *arg, unsigned thread, unsigned round)
{
	struct chase *const chase = arg;

	(void)round;
	if (thread == 0) {
		for (uint64_t key = 1; key < chase->keys; key++) {
			kit_expect(&chase->map.errors, chase_insert(&chase->map, key));
			hl_u64_store_relaxed(&chase->newest, key);
			kit_expect(&chase->map.errors, map_erase(&chase->map, key - 1) == 1);
		}
		return;
	}
	for (uint64_t key = 0; key + 1 < chase->keys;) {
		key = hl_u64_load_relaxed(&chase->newest);
		chase_look(chase, key);
		chase_look(chase, key + 1);
		if (key > 0)
			chase_look(chase, key - 1);
		kit_expect(&chase->map.errors, kit_map_size(&chase->map.kit) < SIZE_MAX / 2);
	}
}

static void chase_prepare(void *arg, unsigned round)
{
	struct chase *const chase = arg;

	(void)round;
	map_reset(&chase->map);
	hl_u64_store_relaxed(&chase->newest, 0);
	kit_expect(&chase->map.errors, chase_insert(&chase->map, 0));
}

static void run_chase(unsigned threads, atomic_hash_array_hash_fn hash, enum hashloom_reuse reuse, unsigned keys)
{
	struct chase *const chase = kit_zeroed_lines(sizeof(*chase));
	struct kit_gang gang = { threads, 3, chase_prepare, chase_work, NULL, chase, { 0 }, { 0 } };

	chase->keys = keys;
	map_init(&chase->map, reuse == HASHLOOM_REUSE_NEVER ? keys : 2, 8, hash, reuse);
	kit_gang_run(&gang);
	kit_note_luck(hl_u64_load_relaxed(&chase->hits));
	map_finish(&chase->map);
	free(chase);
}

static void test_array_a_finder_sees_nothing_or_the_keys_own_value(void **state)
{
	(void)state;
	run_chase(2, kit_hash_good, HASHLOOM_REUSE_NEVER, KIT_REPEAT(30000));
	run_chase(8, kit_hash_good, HASHLOOM_REUSE_NEVER, KIT_REPEAT(20000));
	run_chase(4, kit_hash_ones, HASHLOOM_REUSE_NEVER, KIT_REPEAT(500));
	run_chase(2, kit_hash_good, HASHLOOM_REUSE_ANY_KEY, KIT_REPEAT(30000));
	run_chase(8, kit_hash_zero, HASHLOOM_REUSE_ANY_KEY, KIT_REPEAT(20000));
}

/* ---- A.7: iteration while others change the array ---------------------------------------------------------------- */

#define WALK_KEYS 32

/* Thread 0 and 1 iterate; the others insert and erase keys of their own. */
struct walk {
	struct map map;
	unsigned stable;
	unsigned turns;
	hl_u64 begun[WALK_KEYS]; /* inserts of each key that have begun or will at once */
	hl_u32 walkers;          /* that are not done */
	hl_u64 comers_seen;
};

static void walk_once(struct walk *walk)
{
	unsigned stable[WALK_KEYS] = { 0 };
	unsigned comers[WALK_KEYS] = { 0 };
	uint64_t begun[WALK_KEYS];
	uint64_t position = 0;
	uint64_t behind = 0;
	uint64_t key;
	unsigned seen = 0;

	for (size_t i = 0; i < WALK_KEYS; i++)
		begun[i] = hl_u64_load_acquire(&walk->begun[i]);
	for (void *value; (value = kit_map_next(&walk->map.kit, &position, &key)) != NULL;) {
		kit_expect(&walk->map.errors, position > behind);
		behind = position;
		/* with any_key the values of comers may be overwritten (A.5) */
		if (key >= 1000 || walk->map.reuse == HASHLOOM_REUSE_NEVER)
			kit_expect(&walk->map.errors, kit_value_is(value, walk->map.value_size, key));
		if (key >= 1000 && key < 1000 + walk->stable) {
			stable[key - 1000]++;
		} else if (key < WALK_KEYS) {
			comers[key]++;
			seen++;
		} else {
			kit_error(&walk->map.errors, "a key that was never inserted");
		}
	}
	for (size_t i = 0; i < walk->stable; i++)
		kit_expect(&walk->map.errors, stable[i] == 1);
	/* one that was there, or was about to be, and one for each insert that has begun since */
	for (size_t i = 0; i < WALK_KEYS; i++)
		kit_expect(&walk->map.errors,
			   comers[i] <= 1 + hl_u64_load_acquire(&walk->begun[i]) - begun[i]);
	hl_u64_fetch_add_relaxed(&walk->comers_seen, seen);
}

static void walk_work(void *arg, unsigned thread, unsigned round)
{
	struct walk *const walk = arg;
	uint64_t seed = (uint64_t)round << 8 | thread;

	if (thread < 2) {
		for (unsigned turn = 0; turn < walk->turns; turn++)
			walk_once(walk);
		hl_u32_fetch_sub_release(&walk->walkers, 1);
		return;
	}
	while (hl_u32_load_acquire(&walk->walkers) > 0) {
		/* keys of this thread: thread - 2, thread + 4, ... */
		const size_t key = (kit_random_below(&seed, WALK_KEYS / 6) * 6 + thread - 2);

		if (map_find(&walk->map, key) != NULL) {
			kit_expect(&walk->map.errors, map_erase(&walk->map, key) == 1);
		} else {
			hl_u64_fetch_add_release(&walk->begun[key], 1);
			if (map_insert(&walk->map, key, key, NULL) == HASHLOOM_ERROR_FULL)
				sched_yield();
		}
	}
}

static void walk_prepare(void *arg, unsigned round)
{
	struct walk *const walk = arg;

	(void)round;
	map_reset(&walk->map);
	hl_u32_store_relaxed(&walk->walkers, 2);
	for (uint64_t key = 0; key < walk->stable; key++)
		kit_expect(&walk->map.errors, map_insert(&walk->map, 1000 + key, 1000 + key, NULL) == 1);
}

static void run_walk(unsigned threads, unsigned stable, size_t entries_max, atomic_hash_array_hash_fn hash,
		     enum hashloom_reuse reuse)
{
	struct walk *const walk = kit_zeroed_lines(sizeof(*walk));
	struct kit_gang gang = { threads, KIT_REPEAT(12), walk_prepare, walk_work, NULL, walk, { 0 }, { 0 } };

	walk->stable = stable;
	walk->turns = KIT_REPEAT(100);
	map_init(&walk->map, entries_max, 16, hash, reuse);
	kit_gang_run(&gang);
	kit_note_luck(hl_u64_load_relaxed(&walk->comers_seen));
	map_verify(&walk->map);
	map_finish(&walk->map);
	free(walk);
}

static void test_array_A7_iteration_while_others_come_and_go(void **state)
{
	(void)state;
	run_walk(3, 20, 60, kit_hash_good, HASHLOOM_REUSE_ANY_KEY);
	run_walk(8, 20, 60, kit_hash_zero, HASHLOOM_REUSE_ANY_KEY);
	run_walk(8, 5, 15, kit_hash_good, HASHLOOM_REUSE_ANY_KEY);
	run_walk(8, 20, 2000, kit_hash_good, HASHLOOM_REUSE_NEVER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array_A1_of_racing_inserts_of_a_key_exactly_one_is_new),
		cmocka_unit_test(test_array_A1_racing_inserts_of_large_values),
		cmocka_unit_test(test_array_A1_racing_inserts_in_several_groups),
		cmocka_unit_test(test_array_A6_racing_inserts_when_there_is_not_room_for_all),
		cmocka_unit_test(test_array_any_key_churn_in_one_group),
		cmocka_unit_test(test_array_any_key_churn_of_more_keys_than_cells),
		cmocka_unit_test(test_array_any_key_churn_over_several_groups),
		cmocka_unit_test(test_array_A2_entries_that_stay_are_always_found),
		cmocka_unit_test(test_array_never_churn),
		cmocka_unit_test(test_array_A2_who_has_heard_of_an_insert_finds_it),
		cmocka_unit_test(test_array_a_finder_sees_nothing_or_the_keys_own_value),
		cmocka_unit_test(test_array_A7_iteration_while_others_come_and_go),
	};

	return KIT_RUN(tests);
}
