/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map.c: the type-erased atomic hash map: create and its limits, insert, emplace, find, erase, ids, iteration, retain,
 * clear, and the end of values: guarantees A.1 to A.7, on one thread and where two meet.
 *
 * Method: most tests run on each rig of map_rig.h. A value is a pattern that follows from its key and a salt, so that values that are
 * mixed up, cut or overlapping are seen; the allocator of a map sees what is not given back.
 */
#include "map_rig.h"

#include <limits.h>

#define KEYS 60

/* ---- create ------------------------------------------------------------------------------------------ */

#define GOOD 1
#define BAD 0

struct limit {
	const char *name;
	size_t entries_max;
	struct atomic_hash_map_config config;
	int is_good;
};

static const struct limit limits[] = {
	{ "all zero", 1, { .value_size = 0 }, GOOD },
	{ "no entries", 0, { .value_size = 8 }, BAD },
	{ "more entries than ids", UINT32_MAX, { .value_size = 8 }, BAD },
	{ "more entries than 32 bits", SIZE_MAX, { .value_size = 8 }, BAD },
	{ "more cells than ids", UINT32_MAX, { .value_size = 1, .load_permille = 1000 }, BAD },
	{ "key_size 1", 1, { .key_size = 1 }, BAD },
	{ "key_size 3", 1, { .key_size = 3 }, BAD },
	{ "key_size 4", 1, { .key_size = 4 }, GOOD },
	{ "key_size 5", 1, { .key_size = 5 }, BAD },
	{ "key_size 8", 1, { .key_size = 8 }, GOOD },
	{ "key_size 9", 1, { .key_size = 9 }, BAD },
	{ "key_size 16", 1, { .key_size = 16 }, BAD },
	{ "value_size 1", 1, { .value_size = 1 }, GOOD },
	{ "value_size beyond 2^30", 1, { .value_size = ((size_t)1 << 30) + 1 }, BAD },
	{ "value_size all", 1, { .value_size = SIZE_MAX }, BAD },
	{ "alignment 1", 1, { .value_size = 3, .value_alignment = 1 }, GOOD },
	{ "alignment 3", 1, { .value_size = 3, .value_alignment = 3 }, BAD },
	{ "alignment 48", 1, { .value_size = 96, .value_alignment = 48 }, BAD },
	{ "alignment 64", 1, { .value_size = 3, .value_alignment = 64 }, GOOD },
	{ "alignment 128", 1, { .value_size = 3, .value_alignment = 128 }, BAD },
	{ "alignment all", 1, { .value_size = 3, .value_alignment = SIZE_MAX }, BAD },
	{ "load 1", 1, { .load_permille = 1 }, GOOD },
	{ "load 1000", 1, { .load_permille = 1000 }, GOOD },
	{ "load 1001", 1, { .load_permille = 1001 }, BAD },
	{ "load all", 1, { .load_permille = UINT_MAX }, BAD },
	{ "growth 1", 1, { .growth_permille = 1 }, BAD },
	{ "growth 999", 1, { .growth_permille = 999 }, BAD },
	{ "growth 1000", 1, { .growth_permille = 1000 }, GOOD },
	{ "growth 63000", 1, { .growth_permille = 63000 }, GOOD },
	{ "growth 63001", 1, { .growth_permille = 63001 }, BAD },
	{ "growth all", 1, { .growth_permille = UINT_MAX }, BAD },
	{ "counter cache 1", 1, { .counter_cache = 1 }, GOOD },
	{ "counter cache all", 1, { .counter_cache = UINT32_MAX }, GOOD },
	{ "cells 1", 1, { .cells_count = 1 }, GOOD },
	{ "cells 16", 1, { .cells_count = 16 }, GOOD },
	{ "cells beyond ids", 1, { .cells_count = UINT64_C(1) << 32 }, BAD },
	{ "cells all", 1, { .cells_count = UINT64_MAX }, BAD },
	{ "keys 0, 1, 2", 1, { .empty_key = 0, .locked_key = 1, .erased_key = 2 }, GOOD },
	{ "empty and locked key alike", 1, { .empty_key = 1, .locked_key = 1, .erased_key = 2 }, BAD },
	{ "empty and erased key alike", 1, { .empty_key = 1, .locked_key = 2, .erased_key = 1 }, BAD },
	{ "locked and erased key alike", 1, { .empty_key = 1, .locked_key = 2, .erased_key = 2 }, BAD },
	{ "two keys 0", 1, { .empty_key = 1 }, BAD },
	{ "alike in their lower halves", 1,
	  { .key_size = 4, .empty_key = 1, .locked_key = UINT64_C(0x100000001), .erased_key = 2 }, BAD },
	{ "different in their upper halves alone", 1,
	  { .key_size = 8, .empty_key = 1, .locked_key = UINT64_C(0x100000001), .erased_key = 2 }, GOOD },
	{ "reuse 3", 1, { .reuse = (enum hashloom_reuse)3 }, BAD },
	{ "reuse -1", 1, { .reuse = (enum hashloom_reuse)-1 }, BAD },
	{ "probing 2", 1, { .probing = (enum hashloom_probing)2 }, BAD },
	{ "probing -1", 1, { .probing = (enum hashloom_probing)-1 }, BAD },
};

static void test_map_create_takes_numbers_in_range_and_no_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(limits); i++) {
		struct kit_allocator memory;
		struct atomic_hash_map_config config = limits[i].config;
		struct atomic_hash_map *const untouched = (struct atomic_hash_map *)(void *)&memory;
		struct atomic_hash_map *map = untouched;

		kit_allocator_init(&memory);
		config.allocator = &memory.hooks;
		const int result = atomic_hash_map_create(limits[i].entries_max, &config, &map);

		if (result != (limits[i].is_good ? HASHLOOM_OK : HASHLOOM_ERROR_INVALID_ARGUMENT))
			fail_msg("%s: %d", limits[i].name, result);
		if (!limits[i].is_good) {
			assert_ptr_equal(map, untouched);
			assert_int_equal(kit_allocator_blocks(&memory), 0);
			kit_assert_no_errors(&memory.errors);
			continue;
		}
		assert_int_equal(atomic_hash_map_size(map), 0);
		assert_int_equal(atomic_hash_map_slabs(map), 1);
		atomic_hash_map_destroy(map);
		kit_allocator_assert_done(&memory);
	}
}

/* 2^30 bytes are a good size, but here is no memory for them. */
static void test_map_create_with_the_largest_value_asks_for_memory(void **state)
{
	const size_t size = (size_t)1 << 30;
	struct kit_allocator memory;
	const struct atomic_hash_map_config config = { .value_size = size, .allocator = &memory.hooks };
	struct atomic_hash_map *map = NULL;

	(void)state;
	KIT_SKIP_WITH_SMALL_ADDRESSES();
	kit_allocator_init(&memory);
	kit_allocator_fail(&memory, 1, KIT_NO_FAILURE);
	assert_int_equal(atomic_hash_map_create(1, &config, &map), HASHLOOM_ERROR_NO_MEMORY);
	assert_null(map);
	kit_allocator_assert_done(&memory);
}

static void test_map_create_without_memory_gives_all_back(void **state)
{
	struct kit_allocator memory;
	const struct atomic_hash_map_config config = { .value_size = 8, .allocator = &memory.hooks };
	struct atomic_hash_map *map = NULL;

	(void)state;
	kit_allocator_init(&memory);
	for (uint64_t after = 0; after < 2; after++) {
		kit_allocator_fail(&memory, after, 1);
		assert_int_equal(atomic_hash_map_create(100, &config, &map), HASHLOOM_ERROR_NO_MEMORY);
		assert_null(map);
		assert_int_equal(kit_allocator_blocks(&memory), 0);
	}
	kit_allocator_heal(&memory);
	assert_int_equal(atomic_hash_map_create(100, &config, &map), HASHLOOM_OK);
	assert_int_equal(kit_allocator_blocks(&memory), 2);
	atomic_hash_map_destroy(map);
	kit_allocator_assert_done(&memory);
}

static void test_map_create_takes_the_memory_that_the_header_says(void **state)
{
	static const struct {
		struct atomic_hash_map_config config;
		uint64_t cell;
	} cases[] = {
		{ { .value_size = 8 }, 16 },
		{ { .key_size = 4, .value_size = 4 }, 8 },
		{ { .key_size = 4, .value_size = 0 }, 4 },
		{ { .key_size = 8, .value_size = 0 }, 8 },
		{ { .key_size = 4, .value_size = 4, .has_locks = 1 }, 12 },
		{ { .key_size = 4, .value_size = 8, .has_locks = 1 }, 16 },
		{ { .key_size = 8, .value_size = 4, .has_locks = 1 }, 16 },
		{ { .value_size = 24 }, 32 },
		{ { .value_size = 64, .value_alignment = 64 }, 128 },
		{ { .key_size = 4, .value_size = 12, .value_alignment = 4 }, 16 },
		{ { .key_size = 4, .value_size = 3, .load_permille = 500 }, 8 },
	};
	const size_t entries = 100000;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(cases); i++) {
		struct map map;
		const uint64_t load = cases[i].config.load_permille == 0 ? 800 : cases[i].config.load_permille;

		map_open(&map, &cases[i].config, entries);
		const uint64_t bytes = hl_u64_load_relaxed(&map.memory.bytes);
		const uint64_t said = (cases[i].cell * 15 + 16) * entries * 1000 / (15 * load);

		if (bytes < said || bytes > said + 5120)
			fail_msg("case %zu: %llu bytes, not %llu", i, (unsigned long long)bytes, (unsigned long long)said);
		assert_true(atomic_hash_map_capacity(map.handle) >= entries * 1000 / load);
		assert_int_equal(kit_allocator_blocks(&map.memory), 2);
		map_close(&map);
	}
}

static void test_map_settings_are_those_of_the_config_or_the_defaults(void **state)
{
	struct atomic_hash_map_config config = { .value_size = 8 };
	struct map map;

	(void)state;
	map_open(&map, &config, 1000);
	assert_int_equal(atomic_hash_map_load_permille(map.handle), 800);
	assert_int_equal(atomic_hash_map_counter_cache(map.handle), 1000);
	assert_int_equal(atomic_hash_map_capacity(map.handle), 1260);
	assert_int_equal(atomic_hash_map_space_remaining(map.handle), 1008);
	assert_true(atomic_hash_map_ids(map.handle) >= 1260);
	map_close(&map);

	config.load_permille = 500;
	config.counter_cache = 7;
	config.cells_count = 31;
	map_open(&map, &config, 1000);
	assert_int_equal(atomic_hash_map_load_permille(map.handle), 500);
	assert_int_equal(atomic_hash_map_counter_cache(map.handle), 7);
	assert_int_equal(atomic_hash_map_capacity(map.handle), 45);
	assert_int_equal(atomic_hash_map_space_remaining(map.handle), 22);
	atomic_hash_map_set_counter_cache(map.handle, 1);
	assert_int_equal(atomic_hash_map_counter_cache(map.handle), 1);
	atomic_hash_map_set_counter_cache(map.handle, UINT32_MAX);
	assert_int_equal(atomic_hash_map_counter_cache(map.handle), UINT32_MAX);
	map_close(&map);
}

static void test_map_destroy_takes_null(void **state)
{
	(void)state;
	atomic_hash_map_destroy(NULL);
}

static void test_map_with_the_default_allocator(void **state)
{
	const struct atomic_hash_map_config config = { .value_size = 8 };
	struct atomic_hash_map *map = NULL;
	uint64_t value = 5;

	(void)state;
	assert_int_equal(atomic_hash_map_create(1, &config, &map), HASHLOOM_OK);
	for (uint64_t key = 0; key < 1000; key++)
		assert_int_equal(atomic_hash_map_insert(map, key, &value, NULL), 1);
	assert_int_equal(atomic_hash_map_size(map), 1000);
	atomic_hash_map_destroy(map);
}

/* ---- insert, find, erase ------------------------------------------------------------------------------ */

/* Room for all that a test inserts, erased ones too. */
static size_t room(const struct rig *rig, size_t keys)
{
	return rig->config.is_fixed ? keys : keys / 8 + 1;
}

/* A.1, A.2, A.3: each key once, with its own value, at one place, whatever comes in between. */
RIG_TEST(test_map_A1_A2_A3_insert_find, RIG_ALL)
{
	uint32_t ids[KEYS];
	void *places[KEYS];
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS));
	check_equal(map_check_counts(&map), 0);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);

		map_check_absent(&map, key);
		ids[i] = map_insert_new(&map, key, 1);
		places[i] = atomic_hash_map_find(map.handle, key);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);
		void *where = NULL;

		check_equal(map_insert(&map, key, 2, &where), 0);
		check(where == places[i]);
		check_equal(map_insert(&map, key, 3, NULL), 0);
		map_check_entry(&map, key, 1, ids[i]);
		for (unsigned j = 0; j < i; j++)
			check(ids[j] != ids[i] && places[j] != places[i]);
	}
	check_equal(map_check_counts(&map), KEYS);
	check_equal(atomic_hash_map_space_remaining(map.handle) > 0, !rig->config.is_fixed || atomic_hash_map_capacity(map.handle) * 8 / 10 > KEYS);
	map_close(&map);
}

RIG_TEST(test_map_erase_take, RIG_ALL)
{
	unsigned char copy[RIG_VALUE_MAX];
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS * 2));
	for (unsigned i = 0; i < KEYS; i++)
		(void)map_insert_new(&map, rig_key(&rig->config, i), 1);
	for (unsigned i = 0; i < KEYS; i += 2)
		map_erase_present(&map, rig_key(&rig->config, i));
	check_equal(map_check_counts(&map), KEYS / 2);
	for (unsigned i = 1; i < KEYS; i += 4) {
		const uint64_t key = rig_key(&rig->config, i);

		memset(copy, 0xee, sizeof(copy));
		check_equal(atomic_hash_map_take(map.handle, key, copy), 1);
		check(map_has_value(&map, copy, key, 1));
		check(kit_all_bytes_are(copy + rig->config.value_size, 0xee, sizeof(copy) - rig->config.value_size));
		map_check_absent(&map, key);
	}
	check_equal(map_check_counts(&map), KEYS / 4);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);

		if (i % 4 != 3)
			(void)map_insert_new(&map, key, 2);
		check_equal(map_has_value(&map, atomic_hash_map_find(map.handle, key), key, i % 4 != 3 ? 2 : 1), 1);
	}
	check_equal(map_check_counts(&map), KEYS);
	map_close(&map);
}

/* Values lie where their type wants them, and load writes no more than their size. */
RIG_TEST(test_map_values_are_aligned_and_load_copies_their_size, RIG_ALL)
{
	const size_t size = rig->config.value_size;
	const size_t slot = size == 3 ? 4 : size == 5 ? 8 : size;
	const size_t alignment = rig->config.value_alignment != 0 ? rig->config.value_alignment : size == 0 ? 1 : size <= 8 ? slot : 8;
	unsigned char copy[RIG_VALUE_MAX];
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS));
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);
		void *where = NULL;

		check_equal(map_insert(&map, key, 1, &where), 1);
		check_equal((uintptr_t)where % alignment, 0);
		memset(copy, 0xee, sizeof(copy));
		check_equal(atomic_hash_map_load(map.handle, key, copy), 1);
		check(map_has_value(&map, copy, key, 1));
		check(kit_all_bytes_are(copy + size, 0xee, sizeof(copy) - size));
	}
	map_close(&map);
}

/* ---- what becomes of erased cells -------------------------------------------------------------------- */

/* A.4: an id is never another's, and the bytes stay. */
RIG_TEST(test_map_A4_never_gives_ids_to_others, RIG_NEVER)
{
	const void *erased[KEYS];
	uint32_t ids[KEYS];
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS * 3));
	for (unsigned i = 4; i < KEYS; i++) {
		ids[i] = map_insert_new(&map, rig_key(&rig->config, i), 1);
		erased[i] = atomic_hash_map_find(map.handle, rig_key(&rig->config, i));
		map_erase_present(&map, rig_key(&rig->config, i));
	}
	for (unsigned i = 4; i < 2 * KEYS; i++) {
		const uint32_t id = map_insert_new(&map, rig_key(&rig->config, i), 2);

		/* A reserved key of a rig of its own keys has its cell again (D.1). */
		if ((rig_reserved_key(&rig->config, 0) ^ rig_key(&rig->config, i)) <= 8)
			continue;
		for (unsigned j = 4; j < KEYS; j++)
			check(ids[j] != id);
	}
	for (unsigned i = 4; i < KEYS; i++) {
		/* Reserved keys may be among those of the custom rigs: their cells are theirs again and again (D.1). */
		if (ids[i] >= atomic_hash_map_capacity(map.handle) || rig->config.empty_key != 0)
			continue;
		check(map_has_value(&map, erased[i], rig_key(&rig->config, i), 1));
		check(atomic_hash_map_at(map.handle, ids[i], NULL) == NULL);
	}
	map_close(&map);
}

/* A.5: a key has one id and one address, and the bytes stay until it comes back. */
POLICY_TEST(test_map_A5_same_key_has_one_place)
{
	static const size_t sizes[] = { 1, 8, 24 };
	void *places[500];
	uint32_t ids[500];

	for (size_t s = 0; s < KIT_COUNT(sizes); s++) {
		const struct atomic_hash_map_config config = { .value_size = sizes[s], .reuse = reuse };
		unsigned moved = 0;
		struct map map;

		map_open(&map, &config, 10);
		for (unsigned i = 0; i < 500; i++) {
			ids[i] = map_insert_new(&map, rig_key(&config, i), 1);
			places[i] = atomic_hash_map_find(map.handle, rig_key(&config, i));
		}
		for (unsigned i = 0; i < 500; i++)
			map_erase_present(&map, rig_key(&config, i));
		check_equal(map_check_counts(&map), 0);
		if (reuse == HASHLOOM_REUSE_SAME_KEY) {
			for (unsigned i = 0; i < 500; i++)
				check(map_has_value(&map, places[i], rig_key(&config, i), 1));
		}
		for (unsigned i = 500; i-- > 0;) {
			const uint64_t key = rig_key(&config, i);
			const uint32_t id = map_insert_new(&map, key, 2);

			moved += id != ids[i];
			if (reuse == HASHLOOM_REUSE_SAME_KEY || i < 4)
				check(id == ids[i] && atomic_hash_map_find(map.handle, key) == places[i]);
		}
		/* The control: the other policies do move them. */
		check_equal(moved > 0, reuse != HASHLOOM_REUSE_SAME_KEY);
		map_close(&map);
	}
}

/* A.6: a map that is as small as can be takes any number of keys one after the other, and does not grow. */
POLICY_TEST(test_map_A6_any_key_uses_cells_again)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse, .is_fixed = 1 };
	struct map map;
	unsigned refused = 0;

	map_open(&map, &config, 1);
	check_equal(atomic_hash_map_capacity(map.handle), 15);
	for (uint64_t key = 0; key < 1000; key++) {
		const int result = map_insert(&map, key, 1, NULL);

		refused += result == HASHLOOM_ERROR_FULL;
		check(result == 1 || result == HASHLOOM_ERROR_FULL);
		check_equal(atomic_hash_map_erase(map.handle, key), result == 1);
	}
	check_equal(refused, reuse == HASHLOOM_REUSE_ANY_KEY ? 0 : 985);
	check_equal(map_check_counts(&map), 0);
	/* same_key: those that had a cell still have it. never: that was all. */
	check_equal(map_insert(&map, 3, 2, NULL), reuse == HASHLOOM_REUSE_NEVER ? HASHLOOM_ERROR_FULL : 1);
	check_equal(map_insert(&map, 999, 2, NULL), reuse == HASHLOOM_REUSE_ANY_KEY ? 1 : HASHLOOM_ERROR_FULL);
	map_close(&map);
}

/* The same through some hundred cells with load, erased in other orders than inserted: nothing ages. */
POLICY_TEST(test_map_any_key_does_not_age)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse, .counter_cache = 1 };
	struct atomic_hash_map_stats statistics;
	uint64_t random = 1;
	struct map map;

	map_open(&map, &config, 400);
	for (uint64_t key = 0; key < 200; key++)
		check_equal(map_insert(&map, key, 1, NULL), 1);
	for (uint64_t key = 200; key < 20000; key++) {
		check_equal(map_insert(&map, key, 1, NULL), 1);
		/* One of the last two hundred that is still there. */
		for (uint64_t victim = key - kit_random_below(&random, 200); !atomic_hash_map_erase(map.handle, victim);)
			victim = victim == 0 ? key : victim - 1;
	}
	check_equal(map_check_counts(&map), 200);
	check_equal(atomic_hash_map_slabs(map.handle) == 1, reuse == HASHLOOM_REUSE_ANY_KEY);
	atomic_hash_map_statistics(map.handle, &statistics);
	check_equal(statistics.total.tombstones, reuse == HASHLOOM_REUSE_ANY_KEY ? 0 : 19800);
	map_close(&map);
}

/* ---- emplace ----------------------------------------------------------------------------------------- */

struct construction {
	size_t size;
	uint64_t stamp;
	int result;
	unsigned calls;
	void *where;
};

static int construct(void *value, void *argument)
{
	struct construction *const construction = argument;

	construction->calls++;
	construction->where = value;
	kit_value_fill(value, construction->size, construction->stamp);
	return construction->result;
}

RIG_TEST(test_map_emplace_makes_the_value_in_its_cell_once, RIG_ALL)
{
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS));
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);
		struct construction construction = { rig->config.value_size, rig_stamp(key, 1), 0, 0, NULL };
		void *where = NULL;

		check_equal(atomic_hash_map_emplace(map.handle, key, construct, &construction, &where), 1);
		check_equal(construction.calls, 1);
		check(where != NULL && where == construction.where);
		map_check_entry(&map, key, 1, atomic_hash_map_id(map.handle, where));
		check_equal(atomic_hash_map_size(map.handle), i + 1);
		construction.stamp = rig_stamp(key, 2);
		check_equal(atomic_hash_map_emplace(map.handle, key, construct, &construction, i % 2 == 0 ? NULL : &where), 0);
		check_equal(construction.calls, 1);
		check(where == construction.where);
		map_check_entry(&map, key, 1, atomic_hash_map_id(map.handle, where));
	}
	check_equal(map_check_counts(&map), KEYS);
	map_close(&map);
}

/* As often as you like: the cell is free again, and takes the key, or another one. */
RIG_TEST(test_map_emplace_that_fails_leaves_the_cell_free, RIG_ALL)
{
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS));
	const size_t capacity = atomic_hash_map_capacity(map.handle);

	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < capacity + 20; i++) {
			const uint64_t key = rig_key(&rig->config, i);
			struct construction construction = { rig->config.value_size, 0, -1000 - (int)i, 0, NULL };
			void *where = &map;

			check_equal(atomic_hash_map_emplace(map.handle, key, construct, &construction, &where), -1000 - (int)i);
			check_equal(construction.calls, 1);
			check(where == &map);
			map_check_absent(&map, key);
		}
		check_equal(map_check_counts(&map), 0);
		check_equal(atomic_hash_map_slabs(map.handle), 1);
	}
	/* A fixed map still takes all that it has cells for. */
	for (unsigned i = 0; i < (rig->config.is_fixed ? capacity : KEYS); i++) {
		const uint64_t key = rig_key(&rig->config, i + 4);

		if (rig_is_reserved(&rig->config, key))
			continue;
		check_equal(map_insert(&map, key, 1, NULL), 1);
		check(map_has_value(&map, atomic_hash_map_find(map.handle, key), key, 1));
	}
	map_close(&map);
}

/* Under same_key, and for a side cell always, the cell is this key's already: also after a failure it is found again. */
POLICY_TEST(test_map_emplace_of_an_erased_key_that_fails)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
	struct map map;

	map_open(&map, &config, 100);
	for (unsigned i = 0; i < 50; i++) {
		const uint64_t key = rig_key(&config, i);
		struct construction construction = { 8, rig_stamp(key, 2), -77, 0, NULL };
		const uint32_t id = map_insert_new(&map, key, 1);

		map_erase_present(&map, key);
		check_equal(atomic_hash_map_emplace(map.handle, key, construct, &construction, NULL), -77);
		map_check_absent(&map, key);
		check_equal(atomic_hash_map_emplace(map.handle, key, construct, &construction, NULL), -77);
		map_check_absent(&map, key);
		construction.result = 0;
		check_equal(atomic_hash_map_emplace(map.handle, key, construct, &construction, NULL), 1);
		check_equal(construction.calls, 3);
		if (reuse == HASHLOOM_REUSE_SAME_KEY)
			map_check_entry(&map, key, 2, id);
	}
	check_equal(map_check_counts(&map), 50);
	map_close(&map);
}

/* ---- ids and iteration -------------------------------------------------------------------------------- */

/* at of every number: the entries, and nothing else. */
RIG_TEST(test_map_at_gives_entries_only, RIG_ALL)
{
	struct map map;
	size_t entries = 0;

	map_open(&map, &rig->config, room(rig, KEYS));
	for (unsigned i = 0; i < KEYS; i++)
		check_equal(map_insert(&map, rig_key(&rig->config, i), 1, NULL), 1);
	for (unsigned i = 0; i < KEYS; i += 3)
		check_equal(atomic_hash_map_erase(map.handle, rig_key(&rig->config, i)), 1);
	const uint64_t ids = atomic_hash_map_ids(map.handle);

	for (uint64_t id = 0; id < ids + 20; id++) {
		uint64_t key = 0;
		const void *const value = atomic_hash_map_at(map.handle, (uint32_t)id, &key);

		if (value == NULL)
			continue;
		entries++;
		check(id < ids);
		check(atomic_hash_map_find(map.handle, key) == value);
		check(map_has_value(&map, value, key, 1));
		check_equal(atomic_hash_map_id(map.handle, value), id);
	}
	check_equal(entries, atomic_hash_map_size(map.handle));
	check(atomic_hash_map_at(map.handle, UINT32_MAX, NULL) == NULL);
	check(atomic_hash_map_at(map.handle, (uint32_t)ids, NULL) == NULL);
	map_close(&map);
}

static int count_visit(uint64_t key, void *value, void *argument)
{
	unsigned *const visits = argument;

	(void)value;
	visits[key]++;
	return 0;
}

/* A.7: ranges and parts of any number: each entry once. */
RIG_TEST(test_map_A7_ranges_and_parts_cover_each_entry_once, RIG_ALL)
{
	static const uint32_t parts_of[] = { 1, 2, 3, 7, 64, 1000 };
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS));
	/* Keys that can be indices; 42 and 7 are reserved in some rigs. */
	for (unsigned i = 0; i < KEYS; i++)
		check_equal(map_insert(&map, i, 1, NULL), 1);
	const uint64_t ids = atomic_hash_map_ids(map.handle);

	for (size_t p = 0; p < KIT_COUNT(parts_of); p++) {
		const uint32_t parts = parts_of[p];
		unsigned visits[KEYS] = { 0 };
		unsigned visits_of_ranges[KEYS] = { 0 };

		for (uint32_t part = 0; part < parts; part++) {
			uint64_t position = ids * part / parts;
			const uint64_t end = ids * (part + 1) / parts;
			uint64_t key;

			check_equal(atomic_hash_map_for_each(map.handle, part, parts, count_visit, visits), 0);
			for (const void *value; (value = atomic_hash_map_next_before(map.handle, &position, end, &key)) != NULL;) {
				check(key < KEYS);
				check(atomic_hash_map_find(map.handle, key) == value);
				check(atomic_hash_map_id(map.handle, value) < end && position <= end);
				visits_of_ranges[key]++;
			}
		}
		for (unsigned i = 0; i < KEYS; i++)
			check(visits[i] == 1 && visits_of_ranges[i] == 1);
	}
	map_close(&map);
}

static int stop_at_third(uint64_t key, void *value, void *argument)
{
	unsigned *const calls = argument;

	(void)key;
	(void)value;
	return ++*calls == 3 ? 42 : 0;
}

static void test_map_for_each_stops_when_told(void **state)
{
	const struct atomic_hash_map_config config = { .value_size = 8 };
	unsigned calls = 0;
	struct map map;

	(void)state;
	map_open(&map, &config, 1);
	for (uint64_t key = 0; key < 100; key++)
		check_equal(map_insert(&map, key, 1, NULL), 1);
	check_equal(atomic_hash_map_for_each(map.handle, 0, 1, stop_at_third, &calls), 42);
	check_equal(calls, 3);
	map_close(&map);
}

/* The last of billions of parts: no overflow on the way. */
static void test_map_for_each_takes_as_many_parts_as_there_are_numbers(void **state)
{
	const struct atomic_hash_map_config config = { .value_size = 0 };
	unsigned visits[100] = { 0 };
	struct map map;

	(void)state;
	map_open(&map, &config, 100);
	for (uint64_t key = 0; key < 100; key++)
		check_equal(map_insert(&map, key, 1, NULL), 1);
	/* 129 ids in 2^32-1 parts: part n has an id where n * 129 / (2^32-1) steps. */
	check_equal(atomic_hash_map_for_each(map.handle, UINT32_MAX - 1, UINT32_MAX, count_visit, visits), 0);
	check_equal(atomic_hash_map_for_each(map.handle, 0, UINT32_MAX, count_visit, visits), 0);
	for (unsigned i = 0; i < 100; i++)
		check(visits[i] <= 1);
	map_close(&map);
}

/* A.7 while the map changes under it: what is there all the time comes once, and it ends. */
POLICY_TEST(test_map_A7_iteration_while_the_map_changes)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
	unsigned visits[2000] = { 0 };
	uint64_t position = 0;
	uint64_t next = 200;
	uint64_t key;
	struct map map;

	map_open(&map, &config, 10);
	for (uint64_t i = 0; i < 200; i++)
		check_equal(map_insert(&map, i, 1, NULL), 1);
	for (const void *value; (value = atomic_hash_map_next(map.handle, &position, &key)) != NULL;) {
		check(map_has_value(&map, value, key, 1));
		visits[key]++;
		if (key < 200 && key % 2 == 1)
			check_equal(atomic_hash_map_erase(map.handle, key), 1);
		for (unsigned i = 0; i < 3 && next < 1500; i++)
			check_equal(map_insert(&map, next++, 1, NULL), 1);
	}
	for (unsigned i = 0; i < 2000; i++)
		check(i < 200 ? visits[i] == 1 : visits[i] <= 1);
	check(atomic_hash_map_slabs(map.handle) > 2);
	map_close(&map);
}

/* Empty slabs, at the beginning, in the middle and at the end, do not hold an iteration up. */
POLICY_TEST(test_map_iteration_passes_empty_slabs)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
	struct map map;

	map_open(&map, &config, 1);
	check_equal(map_walk_count(&map), 0);
	for (uint64_t key = 0; key < 2000; key++)
		check_equal(map_insert(&map, key, 1, NULL), 1);
	const size_t slabs = atomic_hash_map_slabs(map.handle);
	uint64_t first_ids[40];
	struct atomic_hash_map_stats statistics;

	atomic_hash_map_statistics(map.handle, &statistics);
	first_ids[0] = 0;
	for (size_t slab = 0; slab < slabs; slab++)
		first_ids[slab + 1] = first_ids[slab] + statistics.slabs[slab].cells_count + (slab == 0 ? 4 : 0);
	check_equal(first_ids[slabs], atomic_hash_map_ids(map.handle));
	check(slabs >= 4);
	for (size_t kept = 0; kept < slabs; kept++) {
		size_t left = 0;

		/* The entries of one slab stay, those of the others go. */
		for (uint64_t key = 0; key < 2000; key++) {
			(void)map_insert(&map, key, 1, NULL);
			uint32_t id = 0;

			check_equal(atomic_hash_map_key_to_id(map.handle, key, &id), 1);
			if (id < first_ids[kept] || id >= first_ids[kept + 1])
				check_equal(atomic_hash_map_erase(map.handle, key), 1);
			else
				left++;
		}
		check_equal(map_walk_count(&map), left);
		check_equal(map_check_counts(&map), left);
	}
	for (uint64_t key = 0; key < 2000; key++)
		(void)atomic_hash_map_erase(map.handle, key);
	check_equal(map_check_counts(&map), 0);
	map_close(&map);
}

/* ---- retain, clear ------------------------------------------------------------------------------------ */

static int keep_even(uint64_t key, void *value, void *argument)
{
	struct map *const map = argument;

	if (!map_has_value(map, value, key, 1))
		kit_error(&map->memory.errors, "retain: a wrong value");
	return key % 2 == 0;
}

RIG_TEST(test_map_retain, RIG_ALL)
{
	struct map map;
	size_t odd = 0;

	map_open(&map, &rig->config, room(rig, KEYS));
	for (unsigned i = 0; i < KEYS; i++) {
		check_equal(map_insert(&map, rig_key(&rig->config, i), 1, NULL), 1);
		odd += rig_key(&rig->config, i) % 2;
	}
	check_equal(atomic_hash_map_retain(map.handle, keep_even, &map), odd);
	check_equal(atomic_hash_map_retain(map.handle, keep_even, &map), 0);
	check_equal(map_check_counts(&map), KEYS - odd);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);

		check_equal(atomic_hash_map_count(map.handle, key), key % 2 == 0);
	}
	map_close(&map);
}

RIG_TEST(test_map_clear, RIG_ALL)
{
	struct map map;

	map_open(&map, &rig->config, room(rig, KEYS));
	const size_t capacity = atomic_hash_map_capacity(map.handle);
	const size_t remaining = atomic_hash_map_space_remaining(map.handle);
	const uint64_t bytes = hl_u64_load_relaxed(&map.memory.bytes);

	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < KEYS; i++)
			(void)map_insert_new(&map, rig_key(&rig->config, i), turn);
		for (unsigned i = 0; i < KEYS; i += 5)
			map_erase_present(&map, rig_key(&rig->config, i));
		check_equal(atomic_hash_map_slabs(map.handle) > 1, !rig->config.is_fixed);
		atomic_hash_map_clear(map.handle);
		check_equal(map_check_counts(&map), 0);
		check_equal(atomic_hash_map_slabs(map.handle), 1);
		check_equal(atomic_hash_map_capacity(map.handle), capacity);
		check_equal(atomic_hash_map_space_remaining(map.handle), remaining);
		check_equal(hl_u64_load_relaxed(&map.memory.bytes), bytes);
		for (unsigned i = 0; i < KEYS; i++)
			map_check_absent(&map, rig_key(&rig->config, i));
	}
	map_close(&map);
}

/* ---- the end of values -------------------------------------------------------------------------------- */

#define VALUES_MAX 4096

/* A value is a number of its own, from 1, and is made, lives and ends once. Zeros may end at any time: a value that was not made. */
struct ledger {
	unsigned ended[VALUES_MAX];
	uint64_t made;
	unsigned unknown;
	uint32_t retired[VALUES_MAX];
	unsigned retired_count;
};

static void ledger_end(void *context, void *value)
{
	struct ledger *const ledger = context;
	uint64_t number;

	memcpy(&number, value, sizeof(number));
	if (number < ledger->made)
		ledger->ended[number] += number > 0;
	else
		ledger->unknown++;
}

static void ledger_retire(void *context, uint32_t id)
{
	struct ledger *const ledger = context;

	if (ledger->retired_count < VALUES_MAX)
		ledger->retired[ledger->retired_count++] = id;
}

static int ledger_insert(struct map *map, struct ledger *ledger, uint64_t key)
{
	uint64_t value[3] = { ledger->made, 0, 0 };

	return atomic_hash_map_insert(map->handle, key, value, NULL) == 1 ? (int)ledger->made++ : -1;
}

static unsigned ledger_ended(const struct ledger *ledger)
{
	unsigned ended = 0;

	for (uint64_t i = 1; i < ledger->made; i++)
		ended += ledger->ended[i];
	return ended;
}

static void check_all_ended_once(const struct ledger *ledger)
{
	check_equal(ledger->unknown, 0);
	for (uint64_t i = 1; i < ledger->made; i++)
		check_equal(ledger->ended[i], 1);
}

static struct atomic_hash_map_config ledger_config(struct ledger *ledger, enum hashloom_reuse reuse, size_t value_size)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->made = 1;
	return (struct atomic_hash_map_config){
		.value_size = value_size, .reuse = reuse, .destroy_value = ledger_end, .destroy_context = ledger
	};
}

POLICY_TEST(test_map_destroy_value_runs_once_for_each_value)
{
	for (unsigned size = 8; size <= 24; size += 16) {
		struct ledger ledger;
		const struct atomic_hash_map_config config = ledger_config(&ledger, reuse, size);
		struct map map;

		map_open(&map, &config, 5);
		for (unsigned i = 0; i < 300; i++)
			check(ledger_insert(&map, &ledger, rig_key(&config, i)) >= 0);
		check_equal(ledger_insert(&map, &ledger, rig_key(&config, 0)), -1);
		check_equal(ledger_ended(&ledger), 0);
		for (unsigned i = 0; i < 300; i += 2)
			check_equal(atomic_hash_map_erase(map.handle, rig_key(&config, i)), 1);
		/* Two of the 150 lie in side cells, which keep their bytes. */
		check_equal(ledger_ended(&ledger), reuse == HASHLOOM_REUSE_ANY_KEY ? 148 : 0);
		for (unsigned i = 0; i < 300; i += 4)
			check(ledger_insert(&map, &ledger, rig_key(&config, i)) >= 0);
		/* One of those that come back lies in a side cell, and takes the place of its old value. */
		check_equal(ledger_ended(&ledger), reuse == HASHLOOM_REUSE_ANY_KEY ? 149 : reuse == HASHLOOM_REUSE_SAME_KEY ? 75 : 1);
		map_close(&map);
		check_all_ended_once(&ledger);
		check_equal(ledger.made, 376);
	}
}

POLICY_TEST(test_map_destroy_value_in_clear)
{
	struct ledger ledger;
	const struct atomic_hash_map_config config = ledger_config(&ledger, reuse, 8);
	struct map map;

	map_open(&map, &config, 5);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < 100; i++)
			check(ledger_insert(&map, &ledger, rig_key(&config, i)) >= 0);
		for (unsigned i = 0; i < 100; i += 3)
			check_equal(atomic_hash_map_erase(map.handle, rig_key(&config, i)), 1);
		atomic_hash_map_clear(map.handle);
		check_all_ended_once(&ledger);
	}
	map_close(&map);
	check_all_ended_once(&ledger);
}

/* compact: what moves lives on; what was erased ends. */
POLICY_TEST(test_map_destroy_value_in_compact)
{
	struct ledger ledger;
	const struct atomic_hash_map_config config = ledger_config(&ledger, reuse, 24);
	struct map map;

	map_open(&map, &config, 5);
	for (unsigned i = 0; i < 200; i++)
		check_equal(ledger_insert(&map, &ledger, rig_key(&config, i)), (int)i + 1);
	for (unsigned i = 0; i < 200; i += 2)
		check_equal(atomic_hash_map_erase(map.handle, rig_key(&config, i)), 1);
	check_equal(atomic_hash_map_compact(map.handle, 1), HASHLOOM_OK);
	for (unsigned i = 0; i < 200; i++)
		check_equal(ledger.ended[i + 1], i % 2 == 0);
	check_equal(map_check_counts(&map), 100);
	map_close(&map);
	check_all_ended_once(&ledger);
}

static int fail_to_make(void *value, void *argument)
{
	(void)argument;
	memset(value, 0xff, 8);
	return -5;
}

/* A value that was not made has no end; one that had to give way to it has one. */
POLICY_TEST(test_map_destroy_value_after_an_emplace_that_fails)
{
	struct ledger ledger;
	const struct atomic_hash_map_config config = ledger_config(&ledger, reuse, 8);
	struct map map;

	map_open(&map, &config, 50);
	for (unsigned i = 0; i < 40; i++) {
		check_equal(atomic_hash_map_emplace(map.handle, rig_key(&config, i), fail_to_make, NULL, NULL), -5);
		check(ledger_insert(&map, &ledger, rig_key(&config, i)) >= 0);
		check_equal(atomic_hash_map_erase(map.handle, rig_key(&config, i)), 1);
		check_equal(atomic_hash_map_emplace(map.handle, rig_key(&config, i), fail_to_make, NULL, NULL), -5);
		check_equal(atomic_hash_map_emplace(map.handle, rig_key(&config, i), fail_to_make, NULL, NULL), -5);
		if (i % 2 == 0)
			check(ledger_insert(&map, &ledger, rig_key(&config, i)) >= 0);
	}
	map_close(&map);
	check_all_ended_once(&ledger);
}

/* take hands a copy out and ends the value in the cell, as erase does. */
POLICY_TEST(test_map_destroy_value_after_take_and_retain)
{
	struct ledger ledger;
	const struct atomic_hash_map_config config = ledger_config(&ledger, reuse, 8);
	struct map map;
	uint64_t taken = 0;

	map_open(&map, &config, 50);
	for (unsigned i = 4; i < 40; i++) {
		const int number = ledger_insert(&map, &ledger, rig_key(&config, i));

		check_equal(atomic_hash_map_take(map.handle, rig_key(&config, i), &taken), 1);
		check_equal(taken, number);
		check_equal(ledger.ended[number], reuse == HASHLOOM_REUSE_ANY_KEY);
	}
	map_close(&map);
	check_all_ended_once(&ledger);
}

/* ---- retire, release ---------------------------------------------------------------------------------- */

static void test_map_A6_retired_cells_wait_for_their_release(void **state)
{
	struct ledger ledger;
	struct atomic_hash_map_config config = ledger_config(&ledger, HASHLOOM_REUSE_ANY_KEY, 8);
	struct map map;

	(void)state;
	config.retire = ledger_retire;
	config.retire_context = &ledger;
	config.is_fixed = 1;
	map_open(&map, &config, 1);
	for (uint64_t key = 0; key < 15; key++)
		check(ledger_insert(&map, &ledger, key) >= 0);
	for (uint64_t key = 0; key < 15; key++) {
		uint32_t id = 0;
		const void *const value = atomic_hash_map_find(map.handle, key);
		uint64_t number;

		check_equal(atomic_hash_map_key_to_id(map.handle, key, &id), 1);
		check_equal(atomic_hash_map_erase(map.handle, key), 1);
		check_equal(ledger.retired_count, key + 1);
		check_equal(ledger.retired[key], id);
		check(atomic_hash_map_at(map.handle, id, NULL) == NULL);
		/* Nobody gets the cell, and its value stays. */
		memcpy(&number, value, sizeof(number));
		check_equal(number, key + 1);
		check_equal(ledger_insert(&map, &ledger, 100 + key), -1);
		check_equal(atomic_hash_map_insert(map.handle, key, &number, NULL), HASHLOOM_ERROR_FULL);
	}
	check_equal(ledger_ended(&ledger), 0);
	check_equal(map_check_counts(&map), 0);
	for (unsigned i = 0; i < 15; i++) {
		uint32_t id = 0;

		check_equal(ledger.ended[i + 1], 0);
		atomic_hash_map_release(map.handle, ledger.retired[i]);
		check_equal(ledger.ended[i + 1], 1);
		check(ledger_insert(&map, &ledger, 200 + i) >= 0);
		check_equal(atomic_hash_map_key_to_id(map.handle, 200 + i, &id), 1);
		check_equal(id, ledger.retired[i]);
	}
	check_equal(ledger_insert(&map, &ledger, 300), -1);
	map_close(&map);
	check_all_ended_once(&ledger);
}

/* Those that were never released end with the map; take and retain retire too; side cells do not, they are their key's. */
static void test_map_retired_values_end_with_the_map(void **state)
{
	for (unsigned way = 0; way < 3; way++) {
		struct ledger ledger;
		struct atomic_hash_map_config config = ledger_config(&ledger, HASHLOOM_REUSE_ANY_KEY, 8);
		struct map map;
		uint64_t taken = 0;

		config.retire = ledger_retire;
		config.retire_context = &ledger;
		map_open(&map, &config, 1);
		for (unsigned i = 0; i < 100; i++)
			check(ledger_insert(&map, &ledger, rig_key(&config, i)) >= 0);
		for (unsigned i = 0; i < 50; i++)
			check_equal(atomic_hash_map_take(map.handle, rig_key(&config, i), &taken), 1);
		check_equal(ledger.retired_count, 46);
		check_equal(ledger_ended(&ledger), 0);
		if (way == 1)
			atomic_hash_map_clear(map.handle);
		if (way == 2)
			check_equal(atomic_hash_map_compact(map.handle, 1), HASHLOOM_OK);
		check_equal(ledger_ended(&ledger), way == 0 ? 0 : way == 1 ? 100 : 50);
		check_equal(map_check_counts(&map), way == 1 ? 0 : 50);
		map_close(&map);
		check_all_ended_once(&ledger);
	}
	(void)state;
}

/* ---- two threads --------------------------------------------------------------------------------------- */

#define SHARED_KEYS 300

struct meeting {
	struct map map;
	struct kit_errors errors;
	hl_u32 is_new[SHARED_KEYS];
	hl_u32 erased[SHARED_KEYS];
	hl_ptr where[SHARED_KEYS];
	unsigned erases;
};

static void meet_insert(void *arg, unsigned thread, unsigned round)
{
	struct meeting *const meeting = arg;

	(void)round;
	for (unsigned n = 0; n < SHARED_KEYS; n++) {
		const unsigned i = thread % 2 == 0 ? n : (n + SHARED_KEYS / 2) % SHARED_KEYS;
		const uint64_t key = rig_key(&meeting->map.config, i);
		unsigned char value[RIG_VALUE_MAX];
		void *where = NULL;

		kit_value_fill(value, meeting->map.config.value_size, rig_stamp(key, 1));
		const int result = atomic_hash_map_insert(meeting->map.handle, key, value, &where);

		kit_expect(&meeting->errors, result == 0 || result == 1);
		kit_expect(&meeting->errors, where != NULL && map_has_value(&meeting->map, where, key, 1));
		kit_expect(&meeting->errors, atomic_hash_map_find(meeting->map.handle, key) == where);
		if (result == 1) {
			hl_u32_fetch_add_relaxed(&meeting->is_new[i], 1);
			hl_ptr_store_release(&meeting->where[i], where);
		}
	}
}

static void meet_erase(void *arg, unsigned thread, unsigned round)
{
	struct meeting *const meeting = arg;

	(void)round;
	(void)thread;
	for (unsigned i = 0; i < SHARED_KEYS; i++) {
		const int result = atomic_hash_map_erase(meeting->map.handle, rig_key(&meeting->map.config, i));

		kit_expect(&meeting->errors, result == 0 || result == 1);
		hl_u32_fetch_add_relaxed(&meeting->erased[i], (uint32_t)(result == 1));
	}
}

/* A.1: of two inserts of a key one is new; of two erases one gets 1. */
POLICY_TEST(test_map_A1_two_threads_insert_and_erase_the_same_keys)
{
	static const size_t sizes[] = { 0, 3, 8, 24 };
	struct meeting *const meeting = kit_zeroed(1, sizeof(*meeting));

	for (unsigned round = 0; round < KIT_REPEAT(40); round++) {
		const struct atomic_hash_map_config config = {
			.value_size = sizes[round % 4],
			.key_size = round & 4 ? 4 : 8,
			.reuse = reuse,
			.has_locks = round & 8 ? 1 : 0,
			.probing = round & 16 ? HASHLOOM_PROBING_QUADRATIC : HASHLOOM_PROBING_LINEAR,
		};
		struct kit_gang gang = { .threads = 2, .rounds = 1, .work = meet_insert, .arg = meeting };

		memset(meeting, 0, sizeof(*meeting));
		map_open(&meeting->map, &config, 1);
		kit_gang_run(&gang);
		kit_assert_no_errors(&meeting->errors);
		check_equal(map_check_counts(&meeting->map), SHARED_KEYS);
		for (unsigned i = 0; i < SHARED_KEYS; i++) {
			check_equal(hl_u32_load_relaxed(&meeting->is_new[i]), 1);
			check(atomic_hash_map_find(meeting->map.handle, rig_key(&config, i)) == hl_ptr_load_acquire(&meeting->where[i]));
		}
		gang = (struct kit_gang){ .threads = 2, .rounds = 1, .work = meet_erase, .arg = meeting };
		kit_gang_run(&gang);
		kit_assert_no_errors(&meeting->errors);
		check_equal(map_check_counts(&meeting->map), 0);
		for (unsigned i = 0; i < SHARED_KEYS; i++)
			check_equal(hl_u32_load_relaxed(&meeting->erased[i]), 1);
		map_close(&meeting->map);
	}
	free(meeting);
}

struct slow {
	struct map map;
	hl_u32 is_in;
	hl_u32 may_go;
	hl_u32 done;
	int construct_result;
	int result;
	uint64_t key;
	void *where;
};

static int construct_slowly(void *value, void *argument)
{
	struct slow *const slow = argument;

	kit_value_fill(value, 8, rig_stamp(slow->key, 1));
	hl_u32_store_release(&slow->is_in, 1);
	kit_wait_for(&slow->may_go, 1);
	return slow->construct_result;
}

static void *insert_while_other_constructs(void *arg)
{
	struct slow *const slow = arg;
	uint64_t value = 0;

	kit_wait_for(&slow->is_in, 1);
	slow->result = atomic_hash_map_insert(slow->map.handle, slow->key, &value, &slow->where);
	hl_u32_store_release(&slow->done, 1);
	return NULL;
}

static void *emplace_slowly(void *arg)
{
	struct slow *const slow = arg;
	const int result = atomic_hash_map_emplace(slow->map.handle, slow->key, construct_slowly, slow, NULL);

	return result == (slow->construct_result < 0 ? slow->construct_result : 1) ? slow : NULL;
}

/* An insert of the same key waits for the construct, and gets its value, or, if it failed, the cell. Others are not held up. */
POLICY_TEST(test_map_emplace_makes_the_others_wait_and_nobody_else)
{
	for (unsigned turn = 0; turn < 4; turn++) {
		const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
		struct slow *const slow = kit_zeroed(1, sizeof(*slow));
		pthread_t first;
		pthread_t second;
		void *is_right = NULL;

		slow->construct_result = turn % 2 == 0 ? 0 : -9;
		map_open(&slow->map, &config, 10000);
		slow->key = turn < 2 ? 5 : UINT64_MAX - 1;
		const uint64_t home = (hl_aha_hash(slow->key) >> 32) * (atomic_hash_map_capacity(slow->map.handle) / 15) >> 32;
		size_t others = 0;

		first = kit_start(emplace_slowly, slow);
		second = kit_start(insert_while_other_constructs, slow);
		kit_wait_for(&slow->is_in, 1);
		/* Not there yet: finds do not wait, and no key of another group does. */
		check(atomic_hash_map_find(slow->map.handle, slow->key) == NULL);
		check_equal(atomic_hash_map_erase(slow->map.handle, slow->key), 0);
		check_equal(map_walk_count(&slow->map), 0);
		for (uint64_t key = 100; key < 1100; key++) {
			if ((hl_aha_hash(key) >> 32) * (atomic_hash_map_capacity(slow->map.handle) / 15) >> 32 == home)
				continue;
			check_equal(map_insert(&slow->map, key, 1, NULL), 1);
			others++;
		}
		kit_sleep_us(2000);
		check_equal(hl_u32_load_acquire(&slow->done), 0);
		hl_u32_store_release(&slow->may_go, 1);
		assert_int_equal(pthread_join(first, &is_right), 0);
		kit_join(second);
		check(is_right == slow);
		check_equal(slow->result, slow->construct_result < 0);
		check(atomic_hash_map_find(slow->map.handle, slow->key) == slow->where);
		if (slow->construct_result == 0)
			check(map_has_value(&slow->map, slow->where, slow->key, 1));
		check_equal(map_check_counts(&slow->map), others + 1);
		map_close(&slow->map);
		free(slow);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_create_takes_numbers_in_range_and_no_others),
		cmocka_unit_test(test_map_create_with_the_largest_value_asks_for_memory),
		cmocka_unit_test(test_map_create_without_memory_gives_all_back),
		cmocka_unit_test(test_map_create_takes_the_memory_that_the_header_says),
		cmocka_unit_test(test_map_settings_are_those_of_the_config_or_the_defaults),
		cmocka_unit_test(test_map_destroy_takes_null),
		cmocka_unit_test(test_map_with_the_default_allocator),
		cmocka_unit_test(test_map_A1_A2_A3_insert_find),
		cmocka_unit_test(test_map_erase_take),
		cmocka_unit_test(test_map_values_are_aligned_and_load_copies_their_size),
		cmocka_unit_test(test_map_A4_never_gives_ids_to_others),
		cmocka_unit_test(test_map_A5_same_key_has_one_place),
		cmocka_unit_test(test_map_A6_any_key_uses_cells_again),
		cmocka_unit_test(test_map_any_key_does_not_age),
		cmocka_unit_test(test_map_emplace_makes_the_value_in_its_cell_once),
		cmocka_unit_test(test_map_emplace_that_fails_leaves_the_cell_free),
		cmocka_unit_test(test_map_emplace_of_an_erased_key_that_fails),
		cmocka_unit_test(test_map_at_gives_entries_only),
		cmocka_unit_test(test_map_A7_ranges_and_parts_cover_each_entry_once),
		cmocka_unit_test(test_map_for_each_stops_when_told),
		cmocka_unit_test(test_map_for_each_takes_as_many_parts_as_there_are_numbers),
		cmocka_unit_test(test_map_A7_iteration_while_the_map_changes),
		cmocka_unit_test(test_map_iteration_passes_empty_slabs),
		cmocka_unit_test(test_map_retain),
		cmocka_unit_test(test_map_clear),
		cmocka_unit_test(test_map_destroy_value_runs_once_for_each_value),
		cmocka_unit_test(test_map_destroy_value_in_clear),
		cmocka_unit_test(test_map_destroy_value_in_compact),
		cmocka_unit_test(test_map_destroy_value_after_an_emplace_that_fails),
		cmocka_unit_test(test_map_destroy_value_after_take_and_retain),
		cmocka_unit_test(test_map_A6_retired_cells_wait_for_their_release),
		cmocka_unit_test(test_map_retired_values_end_with_the_map),
		cmocka_unit_test(test_map_A1_two_threads_insert_and_erase_the_same_keys),
		cmocka_unit_test(test_map_emplace_makes_the_others_wait_and_nobody_else),
	};

	return KIT_RUN(tests);
}
