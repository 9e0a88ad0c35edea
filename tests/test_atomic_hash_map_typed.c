/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_typed.c: every function of a map with types of the user's, in C (test_cpp.cpp has them in C++).
 *
 * Method: one thread and two maps: "sums", numbers by 8-byte keys, whose cells go to any key; and "pairs", values of 16 bytes with locks
 * by 4-byte keys. What a function is told, it must tell back through another.
 */
#include "test_kit.h"

struct pair {
	uint64_t one;
	uint64_t other; /* the same number, or somebody wrote a half */
};

#define ATOMIC_HASH_MAP_NAME sums
#define ATOMIC_HASH_MAP_VALUE uint32_t
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_ANY_KEY
#define ATOMIC_HASH_MAP_ARITHMETIC 1
#include <hashloom/atomic_hash_map_typed.h>

#define ATOMIC_HASH_MAP_NAME pairs
#define ATOMIC_HASH_MAP_KEY uint32_t
#define ATOMIC_HASH_MAP_VALUE struct pair
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_SAME_KEY
#define ATOMIC_HASH_MAP_LOCKS 1
#include <hashloom/atomic_hash_map_typed.h>

/* Values of more than 8 bytes without locks do not change. */
#define ATOMIC_HASH_MAP_NAME fixed_pairs
#define ATOMIC_HASH_MAP_VALUE struct pair
#include <hashloom/atomic_hash_map_typed.h>

#define COUNT 100 /* keys, from 0 on; key and value are the same number */

static struct pair pair_of(uint64_t number)
{
	return (struct pair){ number, number };
}

static int is_pair_of(const struct pair *pair, uint64_t number)
{
	return pair != NULL && pair->one == number && pair->other == number;
}

static void make_sums(struct sums *map)
{
	assert_int_equal(sums_create(map, 10), HASHLOOM_OK);
	for (uint32_t key = 0; key < COUNT; key++)
		assert_int_equal(sums_insert(map, key, key, NULL), 1);
}

static void make_pairs(struct pairs *map)
{
	assert_int_equal(pairs_create(map, 10), HASHLOOM_OK);
	for (uint32_t key = 0; key < COUNT; key++)
		assert_int_equal(pairs_insert(map, key, pair_of(key), NULL), 1);
}

static int construct_pair(struct pair *value, void *argument)
{
	const uint64_t *const number = argument;

	if (*number == 0)
		return -77;
	*value = pair_of(*number);
	return 0;
}

static void test_map_typed_emplace_constructs_zeroes_or_fails(void **state)
{
	struct pairs map;
	struct pair *where = NULL;
	uint64_t number = 5;

	(void)state;
	assert_int_equal(pairs_create(&map, 10), HASHLOOM_OK);
	assert_int_equal(pairs_emplace(&map, 1, construct_pair, &number, &where), 1);
	assert_true(is_pair_of(where, 5) && where == pairs_find(&map, 1));
	number = 6;
	assert_int_equal(pairs_emplace(&map, 1, construct_pair, &number, &where), 0);
	assert_true(is_pair_of(where, 5));
	assert_int_equal(pairs_emplace(&map, 2, NULL, NULL, &where), 1);
	assert_true(is_pair_of(where, 0));
	number = 0;
	assert_int_equal(pairs_emplace(&map, 3, construct_pair, &number, NULL), -77);
	assert_null(pairs_find(&map, 3));
	assert_int_equal(pairs_size(&map), 2);
	pairs_destroy(&map);
}

static void test_map_typed_words_change(void **state)
{
	struct sums map;
	uint32_t seen = 0;

	(void)state;
	make_sums(&map);
	assert_int_equal(sums_load(&map, 7, &seen), 1);
	assert_int_equal(seen, 7);
	assert_int_equal(sums_store(&map, 7, 70), 1);
	assert_int_equal(sums_exchange(&map, 7, 71, &seen), 1);
	assert_int_equal(seen, 70);
	assert_int_equal(sums_compare_exchange(&map, 7, &seen, 72), 2);
	assert_int_equal(seen, 71);
	assert_int_equal(sums_compare_exchange(&map, 7, &seen, 72), 1);
	assert_int_equal(sums_fetch_add(&map, 7, 8, &seen), 1);
	assert_int_equal(seen, 72);
	assert_int_equal(sums_fetch_add(&map, 7, UINT32_MAX, NULL), 1);
	assert_int_equal(*sums_find(&map, 7), 79);

	seen = 1;
	assert_int_equal(sums_load(&map, COUNT, &seen), 0);
	assert_int_equal(sums_exchange(&map, COUNT, 1, &seen), 0);
	assert_int_equal(sums_compare_exchange(&map, COUNT, &seen, 2), 0);
	assert_int_equal(sums_fetch_add(&map, COUNT, 1, &seen), 0);
	assert_int_equal(seen, 1);
	sums_destroy(&map);
}

static void test_map_typed_pairs_change_under_their_locks(void **state)
{
	struct pairs map;
	struct pair seen = pair_of(0);

	(void)state;
	make_pairs(&map);
	assert_int_equal(pairs_exchange(&map, 7, pair_of(70), &seen), 1);
	assert_true(is_pair_of(&seen, 7));
	assert_int_equal(pairs_compare_exchange(&map, 7, &seen, pair_of(71)), 2);
	assert_true(is_pair_of(&seen, 70));
	assert_int_equal(pairs_compare_exchange(&map, 7, &seen, pair_of(71)), 1);

	struct pair *const held = pairs_lock(&map, 7);
	assert_true(is_pair_of(held, 71));
	*held = pair_of(72);
	pairs_unlock(&map, held);
	assert_int_equal(pairs_load(&map, 7, &seen), 1);
	assert_true(is_pair_of(&seen, 72));
	assert_null(pairs_lock(&map, COUNT));
	pairs_destroy(&map);
}

static void test_map_typed_large_values_without_locks_do_not_change(void **state)
{
	struct fixed_pairs map;
	struct pair seen = pair_of(1);

	(void)state;
	assert_int_equal(fixed_pairs_create(&map, 10), HASHLOOM_OK);
	assert_int_equal(fixed_pairs_insert(&map, 1, seen, NULL), 1);
	assert_int_equal(fixed_pairs_store(&map, 1, pair_of(2)), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(fixed_pairs_compare_exchange(&map, 1, &seen, pair_of(2)), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_true(is_pair_of(fixed_pairs_find(&map, 1), 1));
	fixed_pairs_destroy(&map);
}

static struct pair add_pairs(struct pair stored, struct pair offered, void *argument)
{
	++*(size_t *)argument;
	return (struct pair){ stored.one + offered.one, stored.other + offered.other };
}

static void test_map_typed_batches(void **state)
{
	enum { ALL = COUNT + 50 };
	struct pairs map;
	struct pair values[ALL];
	struct pair *found[ALL];
	uint32_t keys[ALL];
	int results[ALL];
	size_t combined = 0;

	(void)state;
	make_pairs(&map);
	for (uint32_t i = 0; i < ALL; i++) {
		keys[i] = i;
		values[i] = pair_of(i);
	}
	assert_int_equal(pairs_find_batch(&map, keys, ALL, found), COUNT);
	assert_int_equal(pairs_insert_batch(&map, keys, values, ALL, results), ALL - COUNT);
	for (uint32_t i = 0; i < ALL; i++)
		assert_true((found[i] == NULL) == (i >= COUNT) && results[i] == (i >= COUNT));
	assert_int_equal(pairs_erase_batch(&map, keys, COUNT, results), COUNT);
	assert_int_equal(pairs_upsert_batch(&map, keys, values, ALL, add_pairs, &combined, results), COUNT);
	assert_int_equal(combined, ALL - COUNT);
	for (uint32_t i = 0; i < ALL; i++)
		assert_true(is_pair_of(pairs_find(&map, i), i < COUNT ? i : 2 * i));
	pairs_destroy(&map);
}

static void test_map_typed_ids_and_counts(void **state)
{
	struct sums map;
	struct atomic_hash_map_stats statistics;
	uint64_t key = 0;
	uint32_t id = UINT32_MAX;

	(void)state;
	assert_int_equal(sums_create(&map, 10), HASHLOOM_OK);
	assert_true(sums_empty(&map));
	sums_destroy(&map);

	make_sums(&map);
	for (uint64_t i = 0; i < COUNT; i++) {
		assert_int_equal(sums_key_to_id(&map, i, &id), 1);
		assert_true(id < sums_ids(&map) && id == sums_id(&map, sums_find_near(&map, i)));
		assert_ptr_equal(sums_at(&map, id, &key), sums_find(&map, i));
		assert_int_equal(key, i);
	}
	assert_int_equal(sums_key_to_id(&map, COUNT, &id), 0);
	assert_null(sums_find_near(&map, COUNT));
	assert_true(!sums_empty(&map) && sums_slabs(&map) > 1);
	assert_true(sums_space_remaining(&map) + COUNT <= sums_capacity(&map));
	sums_statistics(&map, &statistics);
	assert_int_equal(statistics.total.entries, COUNT);
	sums_destroy(&map);
}

static int is_even(uint64_t key, uint32_t *value, void *argument)
{
	*(size_t *)argument += *value == key;
	return key % 2 == 0;
}

static void test_map_typed_retain_keeps_what_it_is_told(void **state)
{
	struct sums map;
	size_t asked = 0;

	(void)state;
	make_sums(&map);
	assert_int_equal(sums_retain(&map, is_even, &asked), COUNT / 2);
	assert_int_equal(asked, COUNT);
	for (uint64_t key = 0; key < COUNT; key++)
		assert_int_equal(sums_count(&map, key), key % 2 == 0);
	sums_destroy(&map);
}

static void test_map_typed_for_each_stops_when_told_and_takes_parts(void **state)
{
	struct sums map;
	size_t asked = 0;
	uint64_t position = 0;

	(void)state;
	make_sums(&map);
	assert_int_equal(sums_for_each(&map, 0, 1, is_even, &asked), 1);
	assert_true(asked >= 1 && asked <= COUNT / 2 + 1);
	assert_int_equal(sums_for_each(&map, 2, 2, is_even, &asked), HASHLOOM_ERROR_INVALID_ARGUMENT);
	for (asked = 0; sums_next(&map, &position, NULL) != NULL; asked++)
		;
	assert_int_equal(asked, COUNT);
	sums_destroy(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_typed_emplace_constructs_zeroes_or_fails),
		cmocka_unit_test(test_map_typed_words_change),
		cmocka_unit_test(test_map_typed_pairs_change_under_their_locks),
		cmocka_unit_test(test_map_typed_large_values_without_locks_do_not_change),
		cmocka_unit_test(test_map_typed_batches),
		cmocka_unit_test(test_map_typed_ids_and_counts),
		cmocka_unit_test(test_map_typed_retain_keeps_what_it_is_told),
		cmocka_unit_test(test_map_typed_for_each_stops_when_told_and_takes_parts),
	};

	return KIT_RUN(tests);
}
