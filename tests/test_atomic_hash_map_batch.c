/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_batch.c: the batch calls give what single calls give, key by key.
 *
 * Method: two maps of one configuration; one gets batches, the other the same keys one by one. Results, entries and counts must be
 * alike, also with repeated and reserved keys, whatever the count, and when some of the keys find no room.
 */
#include "map_walk.h"

static const size_t counts[] = { 0, 1, 2, 31, 32, 33, 64, 1000 };

#define COUNT_MAX 1000

struct twins {
	struct map batch;
	struct map single;
	uint64_t keys[COUNT_MAX];
	void *found[COUNT_MAX + 1];
	int results[COUNT_MAX + 1];
	unsigned char values[COUNT_MAX * RIG_VALUE_MAX];
};

#define UNTOUCHED 12345

static void choose_keys(struct twins *twins, size_t count, uint64_t *random, unsigned range, unsigned salt)
{
	const struct atomic_hash_map_config *const config = &twins->batch.config;

	for (size_t i = 0; i < count; i++) {
		/* Some stand beside their double. */
		twins->keys[i] = i > 0 && i % 7 == 0 ? twins->keys[i - 1] : rig_key(config, kit_random_below(random, range));
		kit_value_fill(twins->values + i * config->value_size, config->value_size, rig_stamp(twins->keys[i], salt + (unsigned)i));
	}
	for (size_t i = 0; i <= COUNT_MAX; i++) {
		twins->results[i] = UNTOUCHED;
		twins->found[i] = &twins->results[i];
	}
}

/* Both maps have the same entries. */
static void check_alike(struct twins *twins)
{
	uint64_t position = 0;
	uint64_t key;

	check_equal(atomic_hash_map_size(twins->batch.handle), atomic_hash_map_size(twins->single.handle));
	for (const void *value; (value = atomic_hash_map_next(twins->single.handle, &position, &key)) != NULL;) {
		const void *const other = atomic_hash_map_find(twins->batch.handle, key);

		check(other != NULL);
		check(memcmp(value, other, twins->batch.config.value_size) == 0);
	}
	walk_check(&twins->batch);
}

static void check_finds(struct twins *twins, size_t count)
{
	const size_t found = atomic_hash_map_find_batch(twins->batch.handle, twins->keys, count, twins->found);
	size_t there = 0;

	for (size_t i = 0; i < count; i++) {
		check(twins->found[i] == atomic_hash_map_find(twins->batch.handle, twins->keys[i]));
		there += twins->found[i] != NULL;
	}
	check_equal(found, there);
	check(twins->found[count] == &twins->results[count]);
}

static void combine_xor(void *stored, const void *offered, void *argument)
{
	const size_t size = *(const size_t *)argument;

	for (size_t i = 0; i < size; i++)
		((unsigned char *)stored)[i] = (unsigned char)(((unsigned char *)stored)[i] * 3 + ((const unsigned char *)offered)[i]);
}

enum step { STEP_INSERT, STEP_ERASE, STEP_UPSERT, STEPS };

static void do_step(struct twins *twins, enum step step, size_t count, int want_results)
{
	struct atomic_hash_map *const batch = twins->batch.handle;
	struct atomic_hash_map *const single = twins->single.handle;
	size_t size = twins->batch.config.value_size;
	int *const results = want_results ? twins->results : NULL;
	size_t successes = 0;
	const size_t done =
		step == STEP_INSERT ? atomic_hash_map_insert_batch(batch, twins->keys, twins->values, count, results) :
		step == STEP_ERASE  ? atomic_hash_map_erase_batch(batch, twins->keys, count, results) :
				      atomic_hash_map_upsert_batch(batch, twins->keys, twins->values, count, combine_xor, &size, results);

	for (size_t i = 0; i < count; i++) {
		const unsigned char *const value = twins->values + i * size;
		const int result = step == STEP_INSERT ? atomic_hash_map_insert(single, twins->keys[i], value, NULL) :
				   step == STEP_ERASE  ? atomic_hash_map_erase(single, twins->keys[i]) :
							 atomic_hash_map_upsert(single, twins->keys[i], value, combine_xor, &size, NULL);

		successes += result == 1;
		check_equal(twins->results[i], want_results ? result : UNTOUCHED);
	}
	check_equal(done, successes);
	check_equal(twins->results[count], UNTOUCHED);
}

static void on_twins(const struct rig *rig, size_t entries_max, unsigned range)
{
	struct twins *const twins = kit_zeroed(1, sizeof(*twins));
	uint64_t random = 7;

	for (size_t c = 0; c < KIT_COUNT(counts); c++) {
		map_open(&twins->batch, &rig->config, entries_max);
		map_open(&twins->single, &rig->config, entries_max);
		for (unsigned turn = 0; turn < 6; turn++) {
			const enum step step = (enum step)((turn + c) % STEPS);

			choose_keys(twins, counts[c], &random, range, turn);
			if (step != STEP_UPSERT || (rig->config.value_size > 0 && rig_can_change(rig)))
				do_step(twins, step, counts[c], turn != 4);
			check_finds(twins, counts[c]);
			check_alike(twins);
		}
		map_close(&twins->batch);
		map_close(&twins->single);
	}
	free(twins);
}

RIG_TEST(test_map_batches_are_as_single_calls, RIG_GROWING)
{
	on_twins(rig, 40, 150);
}

/* Fixed and too small: an error in one key does not keep the others from being done. */
RIG_TEST(test_map_batches_go_on_after_an_error, RIG_FIXED)
{
	on_twins(rig, 40, 150);
}

/* Larger than one slab, so that the lines of several are asked for. */
POLICY_TEST(test_map_batches_over_many_slabs)
{
	for (unsigned n = 0; n < 4; n++) {
		struct rig rig = { "many slabs", { .value_size = 8, .reuse = reuse, .has_locks = n & 1, .key_size = n & 2 ? 4 : 8 } };

		on_twins(&rig, 1, 3000);
	}
}

/* Without memory: each key has its own error, and nothing is half done. */
POLICY_TEST(test_map_batches_without_memory)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
	struct twins *const twins = kit_zeroed(1, sizeof(*twins));
	size_t refused = 0;

	map_open(&twins->batch, &config, 10);
	for (uint64_t i = 0; i < 64; i++)
		twins->keys[i] = i / 2;
	kit_allocator_fail(&twins->batch.memory, 0, KIT_NO_FAILURE);
	const size_t inserted = atomic_hash_map_insert_batch(twins->batch.handle, twins->keys, twins->values, 64, twins->results);

	check_equal(atomic_hash_map_size(twins->batch.handle), inserted);
	check(inserted >= 10 && inserted < 32);
	for (uint64_t i = 0; i < 64; i++) {
		refused += twins->results[i] == HASHLOOM_ERROR_NO_MEMORY;
		check_equal(atomic_hash_map_count(twins->batch.handle, twins->keys[i]), twins->results[i] >= 0);
		check_equal(twins->results[i], i < 2 * inserted ? i % 2 == 0 : HASHLOOM_ERROR_NO_MEMORY);
	}
	check_equal(refused, 64 - 2 * inserted);
	walk_check(&twins->batch);
	kit_allocator_heal(&twins->batch.memory);
	check_equal(atomic_hash_map_insert_batch(twins->batch.handle, twins->keys, twins->values, 64, NULL), 32 - inserted);
	map_close(&twins->batch);
	free(twins);
}

/* With destroy_value and retire: a batch of erases lets values go as single ones do. */
struct goings {
	size_t ended;
	size_t retired;
	uint32_t ids[100];
};

static void count_ended(void *context, void *value)
{
	(void)value;
	((struct goings *)context)->ended++;
}

static void count_retired(void *context, uint32_t id)
{
	struct goings *const goings = context;

	goings->ids[goings->retired++ % 100] = id;
}

static void test_map_batches_of_erases_retire(void **state)
{
	struct goings goings = { 0, 0, { 0 } };
	const struct atomic_hash_map_config config = {
		.value_size = 8, .reuse = HASHLOOM_REUSE_ANY_KEY, .destroy_value = count_ended, .destroy_context = &goings, .retire = count_retired, .retire_context = &goings
	};
	uint64_t keys[50];
	uint64_t values[50] = { 0 };
	struct map map;

	(void)state;
	map_open(&map, &config, 100);
	for (uint64_t i = 0; i < 50; i++)
		keys[i] = i;
	check_equal(atomic_hash_map_insert_batch(map.handle, keys, values, 50, NULL), 50);
	check_equal(atomic_hash_map_erase_batch(map.handle, keys, 50, NULL), 50);
	check_equal(goings.retired, 50);
	check_equal(goings.ended, 0);
	struct walk walk = walk_of(&map);

	walk.retired = 50;
	walk_check_with(&map, walk);
	for (unsigned i = 0; i < 50; i++)
		atomic_hash_map_release(map.handle, goings.ids[i]);
	check_equal(goings.ended, 50);
	walk_check(&map);
	map_close(&map);
	check_equal(goings.ended, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_batches_are_as_single_calls),
		cmocka_unit_test(test_map_batches_go_on_after_an_error),
		cmocka_unit_test(test_map_batches_over_many_slabs),
		cmocka_unit_test(test_map_batches_without_memory),
		cmocka_unit_test(test_map_batches_of_erases_retire),
	};

	return KIT_RUN(tests);
}
