/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_threads.c: the atomic hash map with 2 to 8 threads, each reuse policy.
 *
 * Method: the mistakes that such maps really had (PITFALLS), as races between threads; what every thread was told is written
 * down and must fit together, and afterwards slabs, lines, cells and counters are compared (kit_core_error). The maps are typed ones, so that
 * the code that users compile runs. prove/scenarios_map*.c go through interleavings one by one; here they come from
 * the machine, and ThreadSanitizer looks on.
 */
#include "map_kit.h"

#include <hashloom/atomic_hash_map.h>

#define THREADS_MAX KIT_GANG_MAX

#define ATOMIC_HASH_MAP_NAME never_map
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_ARITHMETIC 1
#include <hashloom/atomic_hash_map_typed.h>

#define ATOMIC_HASH_MAP_NAME same_map
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_ARITHMETIC 1
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_SAME_KEY
#include <hashloom/atomic_hash_map_typed.h>

#define ATOMIC_HASH_MAP_NAME any_map
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_ARITHMETIC 1
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_map_typed.h>

struct wide {
	uint64_t words[4];
};

#define ATOMIC_HASH_MAP_NAME wide_map
#define ATOMIC_HASH_MAP_VALUE struct wide
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_ANY_KEY
#define ATOMIC_HASH_MAP_LOCKS 1
#include <hashloom/atomic_hash_map_typed.h>

/* The three maps of words behind one table, so that a test runs with each. */
#define MAP_FUNCTIONS(name)                                                                        \
	static int name##_f_insert(void *map, uint64_t key, uint64_t value, uint64_t **where)      \
	{                                                                                          \
		return name##_insert(map, key, value, where);                                      \
	}                                                                                          \
	static uint64_t *name##_f_find(void *map, uint64_t key)                                    \
	{                                                                                          \
		return name##_find(map, key);                                                      \
	}                                                                                          \
	static int name##_f_erase(void *map, uint64_t key)                                         \
	{                                                                                          \
		return name##_erase(map, key);                                                     \
	}                                                                                          \
	static int name##_f_take(void *map, uint64_t key, uint64_t *value)                         \
	{                                                                                          \
		return name##_take(map, key, value);                                               \
	}                                                                                          \
	static int name##_f_load(void *map, uint64_t key, uint64_t *value)                         \
	{                                                                                          \
		return name##_load(map, key, value);                                               \
	}                                                                                          \
	static int name##_f_fetch_add(void *map, uint64_t key, uint64_t summand)                   \
	{                                                                                          \
		return name##_fetch_add(map, key, summand, NULL);                                  \
	}                                                                                          \
	static int name##_f_upsert(void *map, uint64_t key, uint64_t value)                        \
	{                                                                                          \
		return name##_upsert(map, key, value, add_words, NULL, NULL);                      \
	}                                                                                          \
	static uint64_t *name##_f_next(void *map, uint64_t *position, uint64_t *key)               \
	{                                                                                          \
		return name##_next(map, position, key);                                            \
	}                                                                                          \
	static uint32_t name##_f_id(void *map, const uint64_t *value)                              \
	{                                                                                          \
		return name##_id(map, value);                                                      \
	}                                                                                          \
	static uint64_t *name##_f_at(void *map, uint32_t id, uint64_t *key)                        \
	{                                                                                          \
		return name##_at(map, id, key);                                                    \
	}                                                                                          \
	static size_t name##_f_find_batch(void *map, const uint64_t *keys, size_t count, uint64_t **values) \
	{                                                                                          \
		return name##_find_batch(map, keys, count, values);                                \
	}                                                                                          \
	static size_t name##_f_insert_batch(void *map, const uint64_t *keys, const uint64_t *values, size_t count, \
					    int *results)                                          \
	{                                                                                          \
		return name##_insert_batch(map, keys, values, count, results);                     \
	}                                                                                          \
	static size_t name##_f_erase_batch(void *map, const uint64_t *keys, size_t count, int *results) \
	{                                                                                          \
		return name##_erase_batch(map, keys, count, results);                              \
	}                                                                                          \
	static size_t name##_f_upsert_batch(void *map, const uint64_t *keys, const uint64_t *values, size_t count) \
	{                                                                                          \
		return name##_upsert_batch(map, keys, values, count, add_words, NULL, NULL);       \
	}

static uint64_t add_words(uint64_t stored, uint64_t offered, void *argument)
{
	(void)argument;
	return stored + offered;
}

MAP_FUNCTIONS(never_map)
MAP_FUNCTIONS(same_map)
MAP_FUNCTIONS(any_map)

struct functions {
	const struct hl_ahm_policy *policy;
	int (*insert)(void *map, uint64_t key, uint64_t value, uint64_t **where);
	uint64_t *(*find)(void *map, uint64_t key);
	int (*erase)(void *map, uint64_t key);
	int (*take)(void *map, uint64_t key, uint64_t *value);
	int (*load)(void *map, uint64_t key, uint64_t *value);
	int (*fetch_add)(void *map, uint64_t key, uint64_t summand);
	int (*upsert)(void *map, uint64_t key, uint64_t value);
	uint64_t *(*next)(void *map, uint64_t *position, uint64_t *key);
	uint32_t (*id)(void *map, const uint64_t *value);
	uint64_t *(*at)(void *map, uint32_t id, uint64_t *key);
	size_t (*find_batch)(void *map, const uint64_t *keys, size_t count, uint64_t **values);
	size_t (*insert_batch)(void *map, const uint64_t *keys, const uint64_t *values, size_t count, int *results);
	size_t (*erase_batch)(void *map, const uint64_t *keys, size_t count, int *results);
	size_t (*upsert_batch)(void *map, const uint64_t *keys, const uint64_t *values, size_t count);
};

#define FUNCTIONS(name)                                                                            \
	{                                                                                          \
		&name##_hl_policy, name##_f_insert, name##_f_find, name##_f_erase, name##_f_take, name##_f_load, \
		name##_f_fetch_add, name##_f_upsert, name##_f_next, name##_f_id, name##_f_at, name##_f_find_batch, \
		name##_f_insert_batch, name##_f_erase_batch, name##_f_upsert_batch                 \
	}

static const struct functions all_functions[] = { FUNCTIONS(never_map), FUNCTIONS(same_map), FUNCTIONS(any_map) };

#define NEVER 1U
#define SAME 2U
#define ANY 4U
#define ALL 7U

/* ---- one race ---------------------------------------------------------------------------------------------------- */

#define KEYS_MAX 4096

struct race {
	const struct functions *do_;
	struct hl_ahm map; /* what each typed map is */
	struct kit_allocator allocator;
	struct kit_errors errors;
	unsigned threads;
	unsigned keys;
	unsigned steps;
	hl_u64 progress; /* what the test says it is */
	hl_u64 meetings;
	hl_u32 working; /* threads that write, and are not done */
	hl_u64 counts[KEYS_MAX];
	hl_u64 sums[KEYS_MAX];
	hl_u32 ids[KEYS_MAX];
	hl_u64 epoch; /* of readers: each writes the epoch that it began in; UINT64_MAX: none */
	hl_u64 reads[THREADS_MAX];
};


static struct race *race_new(const struct functions *functions, size_t entries_max, struct atomic_hash_map_config config)
{
	struct race *const race = kit_zeroed_lines(sizeof(*race));

	kit_allocator_init(&race->allocator);
	config.allocator = &race->allocator.hooks;
	race->do_ = functions;
	assert_int_equal(hl_ahm_create(functions->policy, &race->map, entries_max, &config), HASHLOOM_OK);
	return race;
}

static void race_verify(struct race *race)
{
	const char *const error = kit_core_error(race->do_->policy, &race->map, 1);

	if (error != NULL)
		kit_error(&race->errors, error);
}

static void race_delete(struct race *race)
{
	race_verify(race);
	kit_assert_no_errors(&race->errors);
	hl_ahm_destroy(race->do_->policy, &race->map);
	kit_allocator_assert_done(&race->allocator);
	free(race);
}

static void race_run(struct race *race, unsigned threads, void (*work)(void *arg, unsigned thread, unsigned round))
{
	struct kit_gang gang = { threads, 1, NULL, work, NULL, race, { 0 }, { 0 } };

	race->threads = threads;
	kit_gang_run(&gang);
}

/* never uses a cell for each insert, and those of one key all lie on one path. */
static unsigned steps_for(const struct functions *functions, unsigned keys, unsigned steps)
{
	return functions->policy->cell.reuse == HASHLOOM_REUSE_NEVER && keys < 200 ? steps / 20 : steps;
}

#define FOR_MAPS(policies, functions)                                                              \
	for (const struct functions *functions = all_functions;                                    \
	     functions < all_functions + KIT_COUNT(all_functions); functions++)                    \
		if ((policies) >> (functions - all_functions) & 1)

static const struct atomic_hash_map_config plain_config = { .value_size = 8 };

/* ---- k + 1 comes, k goes: never another key's value -------------------------------------------------------------- */

static void chase_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	const int is_any = race->do_->policy->cell.reuse == HASHLOOM_REUSE_ANY_KEY;

	(void)round;
	if (thread == 0) {
		for (uint64_t key = 0; key < race->steps; key++) {
			kit_expect(&race->errors, race->do_->insert(&race->map, key + 1, key + 1, NULL) == 1);
			hl_u64_store_release(&race->progress, key + 1);
			kit_expect(&race->errors, race->do_->erase(&race->map, key) == (key > 0));
		}
		return;
	}
	for (uint64_t key = 0; key < race->steps;) {
		uint64_t value = 0;

		key = hl_u64_load_acquire(&race->progress);
		for (uint64_t k = key > 0 ? key - 1 : 0; k < key + 2; k++) {
			/* by load always; by address where it is the key's for ever */
			if (race->do_->load(&race->map, k, &value)) {
				kit_expect(&race->errors, value == k);
				hl_u64_fetch_add_relaxed(&race->meetings, 1);
			}
			const uint64_t *const found = is_any ? NULL : race->do_->find(&race->map, k);

			if (found != NULL)
				kit_expect(&race->errors, hl_u64_load_relaxed((const hl_u64 *)(const void *)found) == k);
		}
		kit_expect(&race->errors, hl_ahm_size(&race->map) < SIZE_MAX / 2);
	}
}

static void test_map_a_reader_sees_nothing_or_the_keys_own_value(void **state)
{
	(void)state;
	FOR_MAPS(ALL, functions)
		for (unsigned threads = 2; threads <= 8; threads *= 2) {
			struct race *const race = race_new(functions, 10, plain_config);

			race->steps = KIT_REPEAT(40000);
			race_run(race, threads, chase_work);
			kit_note_luck(hl_u64_load_relaxed(&race->meetings));
			race_delete(race);
		}
}

/* ---- growth ------------------------------------------------------------------------------------------------------- */

/* Four threads insert all keys, each from another beginning; the others look, and one iterates. */
static void growth_insert(struct race *race, unsigned thread)
{
	const unsigned n = race->steps;
	const unsigned begin = n / 8 * thread;

	for (unsigned i = 0; i < n; i++) {
		const uint64_t key = (begin + i) % n;
		const int result = race->do_->insert(&race->map, key, key * 3, NULL);

		kit_expect(&race->errors, result == 0 || result == 1);
		hl_u64_fetch_add_relaxed(&race->meetings, (uint64_t)result);
		if (thread == 0)
			hl_u64_store_release(&race->progress, i + 1);
	}
	hl_u32_fetch_sub_release(&race->working, 1);
}

/* What was there before the walk is given by it exactly once. */
static void growth_walk(struct race *race, uint8_t *seen)
{
	const uint64_t before = hl_u64_load_acquire(&race->progress);
	uint64_t position = 0;
	uint64_t key = 0;

	memset(seen, 0, race->steps);
	for (uint64_t *value; (value = race->do_->next(&race->map, &position, &key)) != NULL;) {
		kit_expect(&race->errors, key < race->steps && *value == key * 3);
		if (key < race->steps)
			seen[key]++;
	}
	for (uint64_t k = 0; k < race->steps; k++)
		kit_expect(&race->errors, seen[k] <= 1 && (k >= before || seen[k] == 1));
}

static void growth_find(struct race *race, unsigned thread, uint8_t *seen)
{
	uint64_t seed = thread;

	for (unsigned turn = 0; hl_u32_load_acquire(&race->working) > 0; turn++) {
		const uint64_t told = hl_u64_load_acquire(&race->progress);

		for (unsigned i = 0; i < 50 && told > 0; i++) {
			const uint64_t key = i == 0 ? told - 1 : kit_random_below(&seed, told);
			const uint64_t *const value = race->do_->find(&race->map, key);

			kit_expect(&race->errors, value != NULL && *value == key * 3);
		}
		kit_expect(&race->errors, race->do_->find(&race->map, race->steps + kit_random_below(&seed, 1000)) == NULL);
		if (turn % 16 == 0 && thread + 1 == race->threads)
			growth_walk(race, seen);
		sched_yield();
	}
	growth_walk(race, seen);
}

static void growth_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint8_t *seen;

	(void)round;
	if (thread < 4) {
		growth_insert(race, thread);
		return;
	}
	seen = malloc(race->steps);
	growth_find(race, thread, seen);
	free(seen);
}

/* Writers of same_key and any_key share the locks of the first slab: from one group on it takes long, so they grow less far. */
static void test_map_growth_under_inserts_finds_and_iterations(void **state)
{
	struct atomic_hash_map_config config = plain_config;

	(void)state;
	FOR_MAPS(ALL, functions)
		for (unsigned growth = 0; growth <= 1000; growth += 1000) {
			const int is_never = functions->policy->cell.reuse == HASHLOOM_REUSE_NEVER;
			const int is_small = is_never || growth == 0;

			config.growth_permille = growth;
			struct race *const race = race_new(functions, is_small ? 10 : 2000, config);

			race->steps = is_never ? KIT_REPEAT(200000) : is_small ? KIT_REPEAT(4000) : KIT_REPEAT(30000);
			hl_u32_store_relaxed(&race->working, 4);
			race_run(race, 6, growth_work);
			/* A.1 */
			assert_int_equal(hl_u64_load_relaxed(&race->meetings), race->steps);
			assert_int_equal(hl_ahm_size(&race->map), race->steps);
			assert_true(hl_u32_load_relaxed(&race->map.slabs_count) > 2);
			race_delete(race);
		}
}

/* Maps so small that all meet at the border of each slab, again and again. */
static void border_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t inserted = 0;

	(void)round;
	for (uint64_t key = 0; key < race->keys; key++) {
		uint64_t *where = NULL;
		const int result = race->do_->insert(&race->map, key, key << 8 | thread, &where);

		kit_expect(&race->errors, result == 0 || result == 1);
		kit_expect(&race->errors, result < 0 || *where >> 8 == key);
		kit_expect(&race->errors, result < 0 || race->do_->find(&race->map, key) == where);
		inserted += result == 1;
	}
	hl_u64_fetch_add_relaxed(&race->meetings, inserted);
}

static void test_map_A1_a_key_enters_one_slab_only(void **state)
{
	struct atomic_hash_map_config config = { .value_size = 8, .cells_count = 15, .growth_permille = 1000, .load_permille = 1000 };

	(void)state;
	FOR_MAPS(ALL, functions)
		for (unsigned turn = 0; turn < KIT_REPEAT(400); turn++) {
			struct race *race;

			config.load_permille = turn % 2 == 0 ? 1000 : 700;
			race = race_new(functions, 1, config);
			race->keys = 200;
			/* growth on need only, at first */
			if (turn % 4 < 2)
				hl_u32_store_relaxed(&race->map.counter_mask, UINT32_MAX);
			race_run(race, turn % 3 == 0 ? 8 : 2, border_work);
			assert_int_equal(hl_u64_load_relaxed(&race->meetings), 200);
			race_delete(race);
		}
}

/* Memory is lacking now and then: inserts are refused and nothing else happens; the growth lock is given back. */
static void poor_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t inserted = 0;

	(void)round;
	for (uint64_t key = 0; key < race->keys; key++) {
		int result = race->do_->insert(&race->map, key, key, NULL);

		for (unsigned turn = 0; result == HASHLOOM_ERROR_NO_MEMORY; turn++) {
			hl_u64_fetch_add_relaxed(&race->progress, 1);
			kit_expect(&race->errors, key == 0 || race->do_->find(&race->map, key - 1) != NULL);
			if (thread == 0 && turn == 3)
				kit_allocator_fail(&race->allocator, 1, 20);
			sched_yield();
			result = race->do_->insert(&race->map, key, key, NULL);
		}
		kit_expect(&race->errors, result == 0 || result == 1);
		inserted += result == 1;
	}
	hl_u64_fetch_add_relaxed(&race->meetings, inserted);
}

static void test_map_B1_growth_that_fails_is_tried_again(void **state)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .cells_count = 15, .growth_permille = 1000 };

	(void)state;
	FOR_MAPS(ALL, functions)
		for (unsigned turn = 0; turn < KIT_REPEAT(40); turn++) {
			struct race *const race = race_new(functions, 1, config);

			race->keys = KEYS_MAX;
			kit_allocator_fail(&race->allocator, 0, 30);
			race_run(race, 4, poor_work);
			assert_true(hl_u64_load_relaxed(&race->progress) > 0);
			assert_int_equal(hl_u64_load_relaxed(&race->meetings), race->keys);
			race_delete(race);
		}
}

/* ---- ids and addresses -------------------------------------------------------------------------------------------- */

/* Threads insert and erase the same keys. A.3, A.5: what one was told of a key's id the others are told. */
static void ids_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	const int is_same = race->do_->policy->cell.reuse == HASHLOOM_REUSE_SAME_KEY;
	uint64_t seed = thread;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const uint64_t key = kit_random_below(&seed, race->keys);
		uint64_t *where = NULL;
		const int result = race->do_->insert(&race->map, key, key, &where);
		uint32_t id;
		uint32_t before = 0;
		uint64_t key_at = key;

		kit_expect(&race->errors, result == 0 || result == 1);
		if (result < 0)
			continue;
		id = race->do_->id(&race->map, where) + 1;
		if (!hl_u32_cas_acq_rel(&race->ids[key], &before, id))
			kit_expect(&race->errors, before == id);
		kit_expect(&race->errors, race->do_->at(&race->map, id - 1, &key_at) == where || is_same);
		kit_expect(&race->errors, key_at == key);
		if (is_same && kit_random_below(&seed, 2))
			(void)race->do_->erase(&race->map, key);
	}
}

static void test_map_A3_A5_ids_and_addresses_stay(void **state)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .cells_count = 15, .growth_permille = 1000 };

	(void)state;
	FOR_MAPS(ALL, functions)
		for (unsigned turn = 0; turn < KIT_REPEAT(20); turn++) {
			struct race *const race = race_new(functions, 1, config);

			race->keys = turn % 2 == 0 ? 2000 : 40;
			race->steps = 4000;
			race_run(race, 4 + turn % 2 * 4, ids_work);
			race_delete(race);
		}
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static void upsert_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t seed = thread;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const uint64_t key = kit_random_below(&seed, race->keys);
		const uint64_t summand = 1 + kit_random_below(&seed, 9);
		const int result = race->do_->upsert(&race->map, key, summand);

		kit_expect(&race->errors, result == 0 || result == 1);
		hl_u64_fetch_add_relaxed(&race->counts[key], (uint64_t)result);
		hl_u64_fetch_add_relaxed(&race->sums[key], summand);
	}
}

static void test_map_upsert_counts_exactly(void **state)
{
	static const unsigned keys[] = { 1, 7, KEYS_MAX };

	(void)state;
	FOR_MAPS(ALL, functions)
		for (size_t i = 0; i < KIT_COUNT(keys); i++) {
			struct race *const race = race_new(functions, 1, plain_config);

			race->keys = keys[i];
			race->steps = KIT_REPEAT(40000);
			race_run(race, 8, upsert_work);
			for (uint64_t key = 0; key < race->keys; key++) {
				const uint64_t *const value = race->do_->find(&race->map, key);

				assert_int_equal(hl_u64_load_relaxed(&race->counts[key]), value != NULL);
				assert_int_equal(hl_u64_load_relaxed(&race->sums[key]), value == NULL ? 0 : *value);
			}
			race_delete(race);
		}
}

/* What is put in by inserts, upserts and fetch_adds, and what is taken out: nothing is lost or made. */
static void conserve_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t seed = thread;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const uint64_t key = kit_random_below(&seed, race->keys);
		const uint64_t amount = 1 + kit_random_below(&seed, 9);
		uint64_t taken = 0;

		switch (kit_random_below(&seed, 4)) {
		case 0:
			if (race->do_->insert(&race->map, key, amount, NULL) == 1)
				hl_u64_fetch_add_relaxed(&race->sums[key], amount);
			break;
		case 1:
			if (race->do_->upsert(&race->map, key, amount) >= 0)
				hl_u64_fetch_add_relaxed(&race->sums[key], amount);
			break;
		case 2:
			if (race->do_->fetch_add(&race->map, key, amount) == 1)
				hl_u64_fetch_add_relaxed(&race->sums[key], amount);
			break;
		default:
			if (race->do_->take(&race->map, key, &taken) == 1)
				hl_u64_fetch_sub_relaxed(&race->sums[key], taken);
			break;
		}
	}
}

static void test_map_C1_what_is_added_is_taken_or_remains(void **state)
{
	static const unsigned keys[] = { 1, 5, 300 };

	(void)state;
	FOR_MAPS(ALL, functions)
		for (size_t i = 0; i < KIT_COUNT(keys); i++) {
			struct race *const race = race_new(functions, 1, plain_config);

			race->keys = keys[i];
			race->steps = steps_for(functions, keys[i], KIT_REPEAT(40000));
			race_run(race, 8, conserve_work);
			for (uint64_t key = 0; key < race->keys; key++) {
				const uint64_t *const value = race->do_->find(&race->map, key);

				assert_int_equal(hl_u64_load_relaxed(&race->sums[key]), value == NULL ? 0 : *value);
			}
			race_delete(race);
		}
}

/* ---- churn -------------------------------------------------------------------------------------------------------- */

/* The keys that are the same modulo the threads are one thread's, which knows what is there. */
static void churn_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint8_t *const mine = calloc(race->keys, 1);
	uint64_t seed = thread;
	uint64_t present = 0;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const uint64_t key = kit_random_below(&seed, race->keys);
		uint64_t value = 0;

		kit_expect(&race->errors, hl_ahm_size(&race->map) < SIZE_MAX / 2);
		if (key % race->threads != thread) {
			if (race->do_->load(&race->map, key, &value))
				kit_expect(&race->errors, value >> 32 == key);
			continue;
		}
		kit_expect(&race->errors, (race->do_->find(&race->map, key) != NULL) == mine[key]);
		if (mine[key]) {
			kit_expect(&race->errors, race->do_->take(&race->map, key, &value) == 1 && value >> 32 == key);
			present--;
		} else {
			kit_expect(&race->errors, race->do_->insert(&race->map, key, key << 32 | step, NULL) == 1);
			present++;
		}
		mine[key] ^= 1;
	}
	hl_u64_fetch_add_relaxed(&race->meetings, present);
	free(mine);
}

static void churn(unsigned policies, unsigned keys, struct atomic_hash_map_config config)
{
	FOR_MAPS(policies, functions)
		for (unsigned threads = 2; threads <= 8; threads *= 2) {
			struct race *const race = race_new(functions, 1, config);

			race->keys = keys;
			race->steps = steps_for(functions, keys, KIT_REPEAT(60000) / threads * 2);
			race_run(race, threads, churn_work);
			assert_int_equal(hl_ahm_size(&race->map), hl_u64_load_relaxed(&race->meetings));
			race_delete(race);
		}
}

static void test_map_churn_of_keys_that_threads_own(void **state)
{
	(void)state;
	churn(ALL, 1000, plain_config);
	churn(ALL, 16, (struct atomic_hash_map_config){ .value_size = 8, .cells_count = 15, .growth_permille = 1000 });
}

/* Hardly a cell is free, and none is lost: the map does not grow for ever. */
static void test_map_any_key_churn_at_high_load(void **state)
{
	(void)state;
	churn(ANY, 600, (struct atomic_hash_map_config){
				.value_size = 8, .cells_count = 330, .growth_permille = 1000, .load_permille = 1000 });
	churn(ANY | SAME, 15, (struct atomic_hash_map_config){
				.value_size = 8, .cells_count = 15, .growth_permille = 1000, .load_permille = 1000 });
}

/* Inserts and erases of the same keys by all: how often each came and went. */
static void count_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t seed = thread;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const unsigned key = (unsigned)kit_random_below(&seed, race->keys);
		/* one of them lies in a side cell */
		const uint64_t real = key == 0 ? UINT64_MAX - 2 : key;

		if (kit_random_below(&seed, 2)) {
			if (race->do_->insert(&race->map, real, real, NULL) == 1)
				hl_u64_fetch_add_relaxed(&race->counts[key], 1);
		} else if (race->do_->erase(&race->map, real)) {
			hl_u64_fetch_sub_relaxed(&race->counts[key], 1);
		}
		kit_expect(&race->errors, hl_ahm_size(&race->map) < SIZE_MAX / 2);
		kit_expect(&race->errors, hl_ahm_space_remaining(race->do_->policy, &race->map) < SIZE_MAX / 2);
	}
}

static void test_map_sizes_are_never_below_zero_and_exact_in_the_end(void **state)
{
	static const unsigned keys[] = { 2, 9, 100 };

	(void)state;
	FOR_MAPS(ALL, functions)
		for (size_t i = 0; i < KIT_COUNT(keys); i++) {
			struct race *const race = race_new(functions, 1, plain_config);
			uint64_t present = 0;

			race->keys = keys[i];
			race->steps = steps_for(functions, keys[i], KIT_REPEAT(20000));
			race_run(race, 8, count_work);
			for (unsigned key = 0; key < race->keys; key++) {
				const uint64_t count = hl_u64_load_relaxed(&race->counts[key]);

				assert_int_equal(count, race->do_->find(&race->map, key == 0 ? UINT64_MAX - 2 : key) != NULL);
				present += count;
			}
			assert_int_equal(hl_ahm_size(&race->map), present);
			race_delete(race);
		}
}

/* ---- entries that come and go do not make a map grow -------------------------------------------------------------- */

static void turnover_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const uint64_t key = thread * 1000 + step % race->keys;

		(void)race->do_->erase(&race->map, key);
		kit_expect(&race->errors, race->do_->insert(&race->map, key, key, NULL) == 1);
		/* never more than are there, and those whose erase is not counted yet */
		kit_expect(&race->errors, hl_ahm_size(&race->map) <= hl_u64_load_relaxed(&race->map.cells_total) + HL_AHM_SIDE_CELLS);
	}
}

static void test_map_any_key_does_not_grow_by_turnover(void **state)
{
	(void)state;
	FOR_MAPS(ANY, functions) {
		struct race *const race = race_new(functions, 1000, plain_config);

		race->keys = 100;
		race->steps = KIT_REPEAT(200000);
		race_run(race, 4, turnover_work);
		assert_int_equal(hl_u32_load_relaxed(&race->map.slabs_count), 1);
		assert_int_equal(hl_ahm_size(&race->map), 400);
		race_delete(race);
	}
}

/* ---- batches ------------------------------------------------------------------------------------------------------ */

#define BATCH 70

static void batch_keys(uint64_t *keys, uint64_t *values, unsigned limit, uint64_t *seed)
{
	for (unsigned i = 0; i < BATCH; i++) {
		keys[i] = kit_random_below(seed, limit);
		values[i] = 1 + kit_random_below(seed, 5);
	}
}

/* Even keys are counters of upserts, single ones and batches; odd keys come and go in batches. */
static void batch_turn(struct race *race, uint64_t *seed)
{
	uint64_t keys[BATCH];
	uint64_t values[BATCH];
	uint64_t *found[BATCH];
	int results[BATCH];

	batch_keys(keys, values, race->keys / 2, seed);
	for (unsigned i = 0; i < BATCH; i++) {
		keys[i] *= 2;
		hl_u64_fetch_add_relaxed(&race->sums[keys[i]], values[i]);
	}
	(void)race->do_->upsert_batch(&race->map, keys, values, BATCH);
	kit_expect(&race->errors, race->do_->find_batch(&race->map, keys, BATCH, found) == BATCH);
	hl_u64_fetch_add_relaxed(&race->sums[keys[0]], 1);
	kit_expect(&race->errors, race->do_->upsert(&race->map, keys[0], 1) == 0);
	batch_keys(keys, values, race->keys / 2, seed);
	for (unsigned i = 0; i < BATCH; i++)
		keys[i] = keys[i] * 2 + 1;
	(void)race->do_->insert_batch(&race->map, keys, values, BATCH, results);
	for (unsigned i = 0; i < BATCH; i++)
		hl_u64_fetch_add_relaxed(&race->counts[keys[i]], results[i] == 1);
	(void)race->do_->erase_batch(&race->map, keys, BATCH / 2, results);
	for (unsigned i = 0; i < BATCH / 2; i++)
		hl_u64_fetch_sub_relaxed(&race->counts[keys[i]], results[i] == 1);
	if (race->do_->erase(&race->map, keys[BATCH - 1]))
		hl_u64_fetch_sub_relaxed(&race->counts[keys[BATCH - 1]], 1);
}

static void batch_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t seed = thread;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++)
		batch_turn(race, &seed);
}

static void test_map_batches_beside_single_calls(void **state)
{
	(void)state;
	FOR_MAPS(ALL, functions) {
		struct race *const race = race_new(functions, 1, plain_config);

		race->keys = 1000;
		race->steps = KIT_REPEAT(300);
		race_run(race, 6, batch_work);
		for (unsigned key = 0; key < race->keys; key++) {
			const uint64_t *const value = race->do_->find(&race->map, key);

			if (key % 2 == 0)
				assert_int_equal(hl_u64_load_relaxed(&race->sums[key]), value == NULL ? 0 : *value);
			else
				assert_int_equal(hl_u64_load_relaxed(&race->counts[key]), value != NULL);
		}
		race_delete(race);
	}
}

/* ---- locks -------------------------------------------------------------------------------------------------------- */

static struct wide add_wide(struct wide stored, struct wide offered, void *argument)
{
	(void)argument;
	for (size_t i = 0; i < KIT_COUNT(stored.words); i++)
		stored.words[i] += offered.words[i];
	return stored;
}

static int is_whole(const struct wide *value)
{
	return value->words[0] == value->words[1] && value->words[1] == value->words[2] && value->words[2] == value->words[3];
}

struct lock_race {
	struct wide_map map;
	struct kit_errors errors;
	hl_u64 sum;
	unsigned steps;
};

static void lock_work(void *arg, unsigned thread, unsigned round)
{
	struct lock_race *const race = arg;
	uint64_t seed = thread;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const uint64_t key = kit_random_below(&seed, 20);
		const struct wide one = { { 1, 1, 1, 1 } };
		struct wide value = one;
		struct wide *locked;

		switch (kit_random_below(&seed, 4)) {
		case 0:
			if (wide_map_upsert(&race->map, key, one, add_wide, NULL, &value) >= 0)
				hl_u64_fetch_add_relaxed(&race->sum, 1);
			break;
		case 1:
			locked = wide_map_lock(&race->map, key);
			if (locked == NULL)
				break;
			kit_expect(&race->errors, is_whole(locked));
			*locked = add_wide(*locked, one, NULL);
			wide_map_unlock(&race->map, locked);
			hl_u64_fetch_add_relaxed(&race->sum, 1);
			break;
		case 2:
			if (wide_map_take(&race->map, key, &value))
				hl_u64_fetch_sub_relaxed(&race->sum, value.words[0]);
			break;
		default:
			(void)wide_map_load(&race->map, key, &value);
			break;
		}
		kit_expect(&race->errors, is_whole(&value));
	}
}

static void test_map_C2_large_values_under_locks_are_whole(void **state)
{
	struct lock_race *const race = kit_zeroed_lines(sizeof(*race));
	struct kit_gang gang = { 8, 1, NULL, lock_work, NULL, race, { 0 }, { 0 } };
	uint64_t position = 0;
	uint64_t sum = 0;
	uint64_t key;

	(void)state;
	assert_int_equal(wide_map_create(&race->map, 4), HASHLOOM_OK);
	race->steps = KIT_REPEAT(60000);
	kit_gang_run(&gang);
	kit_assert_no_errors(&race->errors);
	for (struct wide *value; (value = wide_map_next(&race->map, &position, &key)) != NULL;)
		sum += value->words[3];
	assert_int_equal(sum, hl_u64_load_relaxed(&race->sum));
	assert_null(kit_core_error(&wide_map_hl_policy, &race->map.map, 0));
	wide_map_destroy(&race->map);
	free(race);
}

/* ---- retired cells, and epochs of our own ------------------------------------------------------------------------- */

/* Each erase retires a cell in its own thread; it is released when every reader has begun anew since. */
static __thread uint32_t retired_id;

static void retire(void *context, uint32_t id)
{
	(void)context;
	retired_id = id + 1;
}

static void wait_for_readers(struct race *race, unsigned self)
{
	const uint64_t epoch = hl_u64_fetch_add_acq_rel(&race->epoch, 1) + 1;

	for (unsigned thread = 0; thread < race->threads; thread++)
		for (unsigned spins = 0; thread != self && hl_u64_load_acquire(&race->reads[thread]) < epoch; spins++)
			hl_aha_pause(spins);
}

/* Values are words that are not atomic: what is released too soon ThreadSanitizer sees, or a value of another key. */
static void retire_read(struct race *race, unsigned thread, uint64_t *seed)
{
	hl_u64_store_relaxed(&race->reads[thread], hl_u64_load_acquire(&race->epoch));
	/* Ordered with the writer's: either he sees us reading, or we see what he has unlinked. */
	(void)hl_u64_fetch_add_acq_rel(&race->epoch, 0);
	for (unsigned i = 0; i < 20; i++) {
		const uint64_t key = kit_random_below(seed, race->keys);
		const uint64_t *const value = race->do_->find(&race->map, key);

		if (value == NULL)
			continue;
		kit_expect(&race->errors, *(const volatile uint64_t *)value >> 32 == key);
		sched_yield();
		kit_expect(&race->errors, *(const volatile uint64_t *)value >> 32 == key);
	}
	hl_u64_store_release(&race->reads[thread], UINT64_MAX);
}

static void retire_work(void *arg, unsigned thread, unsigned round)
{
	struct race *const race = arg;
	uint64_t seed = thread;

	(void)round;
	for (unsigned step = 0; step < race->steps; step++) {
		const uint64_t key = kit_random_below(&seed, race->keys);

		if (thread % 2 == 0) {
			retire_read(race, thread, &seed);
			continue;
		}
		(void)race->do_->insert(&race->map, key, key << 32 | step, NULL);
		retired_id = 0;
		if (!race->do_->erase(&race->map, kit_random_below(&seed, race->keys)))
			continue;
		kit_expect(&race->errors, retired_id != 0);
		wait_for_readers(race, thread);
		hl_ahm_release(race->do_->policy, &race->map,
			       hl_ahm_place_of_id(race->do_->policy, &race->map, retired_id - 1));
	}
}

static void test_map_A6_retired_cells_are_not_used_before_they_are_released(void **state)
{
	const struct atomic_hash_map_config config = {
		.value_size = 8, .cells_count = 30, .growth_permille = 1000, .load_permille = 1000, .retire = retire
	};

	(void)state;
	FOR_MAPS(ANY, functions) {
		struct race *const race = race_new(functions, 1, config);

		race->keys = 20;
		race->steps = KIT_REPEAT(4000);
		for (unsigned i = 0; i < THREADS_MAX; i++)
			hl_u64_store_relaxed(&race->reads[i], UINT64_MAX);
		race_run(race, 6, retire_work);
		race_delete(race);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_a_reader_sees_nothing_or_the_keys_own_value),
		cmocka_unit_test(test_map_growth_under_inserts_finds_and_iterations),
		cmocka_unit_test(test_map_A1_a_key_enters_one_slab_only),
		cmocka_unit_test(test_map_B1_growth_that_fails_is_tried_again),
		cmocka_unit_test(test_map_A3_A5_ids_and_addresses_stay),
		cmocka_unit_test(test_map_upsert_counts_exactly),
		cmocka_unit_test(test_map_C1_what_is_added_is_taken_or_remains),
		cmocka_unit_test(test_map_churn_of_keys_that_threads_own),
		cmocka_unit_test(test_map_any_key_churn_at_high_load),
		cmocka_unit_test(test_map_sizes_are_never_below_zero_and_exact_in_the_end),
		cmocka_unit_test(test_map_any_key_does_not_grow_by_turnover),
		cmocka_unit_test(test_map_batches_beside_single_calls),
		cmocka_unit_test(test_map_C2_large_values_under_locks_are_whole),
		cmocka_unit_test(test_map_A6_retired_cells_are_not_used_before_they_are_released),
	};

	return KIT_RUN(tests);
}
