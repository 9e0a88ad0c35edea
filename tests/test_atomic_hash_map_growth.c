/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_growth.c: maps that grow, that may not, and that find no memory for it: A.3 over a growth of a thousand times, B.1,
 * B.2, settings, compact, statistics.
 *
 * Method: maps of one group of cells take all sizes up to some ten thousand entries; after each stage a walker compares lines,
 * cells and counts (map_walk.h). The allocator fails when it is told to.
 */
#include "map_walk.h"

#include <sys/mman.h>

/* ---- growth ------------------------------------------------------------------------------------------- */

/* A.3: where an entry is and what it is called does not change, whatever is added. */
POLICY_TEST(test_map_A3_places_are_permanent_over_growth)
{
	for (unsigned n = 0; n < 12; n++) {
		const struct atomic_hash_map_config config = {
			.key_size = n % 2 == 0 ? 8 : 4,
			.value_size = n % 3 == 0 ? 0 : n % 3 == 1 ? 8 : 12,
			.reuse = reuse,
			.growth_permille = n / 3 == 0 ? 0 : n / 3 == 1 ? 1000 : n / 3 == 2 ? 63000 : 1001,
			.load_permille = n / 3 == 2 ? 1000 : n / 3 == 3 ? 300 : 0,
			.has_locks = n == 4 || n == 8,
			.probing = n % 4 == 1 ? HASHLOOM_PROBING_QUADRATIC : HASHLOOM_PROBING_LINEAR,
		};
		const unsigned count = KIT_REPEAT(16000);
		void **const places = kit_zeroed(count, sizeof(*places));
		struct map map;
		size_t slabs = 1;
		size_t capacity = 15;

		map_open(&map, &config, 1);
		for (unsigned i = 0; i < count; i++) {
			check_equal(map_insert(&map, rig_key(&config, i), 1, &places[i]), 1);
			if (atomic_hash_map_slabs(map.handle) == slabs)
				continue;
			slabs++;
			check_equal(atomic_hash_map_slabs(map.handle), slabs);
			check(atomic_hash_map_capacity(map.handle) >= capacity * 2);
			capacity = atomic_hash_map_capacity(map.handle);
			walk_check(&map);
		}
		check(slabs >= (n / 3 == 2 ? 3U : 4U));
		walk_check(&map);
		for (unsigned i = 0; i < count; i++) {
			const uint64_t key = rig_key(&config, i);
			const uint32_t id = atomic_hash_map_id(map.handle, places[i]);
			uint64_t key_at = 0;

			check(atomic_hash_map_find(map.handle, key) == places[i]);
			check(map_has_value(&map, places[i], key, 1));
			check(atomic_hash_map_at(map.handle, id, &key_at) == places[i]);
			check_equal(key_at, key);
			check_equal(map_insert(&map, key, 2, NULL), 0);
		}
		check_equal(map_check_counts(&map), count);
		map_close(&map);
		free(places);
	}
}

/* How large the slabs are: as the config says. */
static void test_map_growth_is_what_the_config_says(void **state)
{
	static const struct {
		unsigned growth;
		unsigned load;
		size_t capacities[4];
	} cases[] = {
		{ 0, 0, { 15, 120, 960, 7680 } },
		{ 3000, 0, { 15, 60, 240, 960 } },
		{ 1000, 0, { 15, 30, 60, 120 } },
		{ 7000, 0, { 15, 120, 960, 7680 } },
		{ 63000, 100, { 15, 960, 61440, 3932160 } },
		{ 1100, 0, { 15, 45, 105, 225 } },
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(cases); i++) {
		const struct atomic_hash_map_config config = {
			.value_size = 0, .growth_permille = cases[i].growth, .load_permille = cases[i].load, .cells_count = 1
		};
		struct map map;
		uint64_t key = 0;

		map_open(&map, &config, 1);
		for (size_t slabs = 1; slabs <= 4; slabs++) {
			while (atomic_hash_map_slabs(map.handle) < slabs)
				check_equal(map_insert(&map, key++, 1, NULL), 1);
			check_equal(atomic_hash_map_capacity(map.handle), cases[i].capacities[slabs - 1]);
			check(atomic_hash_map_ids(map.handle) >= atomic_hash_map_capacity(map.handle));
		}
		map_close(&map);
	}
}

/* entries_max are the entries that the first slab takes: not one less. */
POLICY_TEST(test_map_the_first_slab_takes_entries_max)
{
	static const size_t sizes[] = { 1, 2, 11, 12, 13, 24, 96, 100, 120, 1000, 1200, 12000, 12001 };

	for (unsigned load = 0; load < 4; load++) {
		for (size_t i = 0; i < KIT_COUNT(sizes); i++) {
			const struct atomic_hash_map_config config = {
				.value_size = 8,
				.reuse = reuse,
				.load_permille = load == 0 ? 0 : load == 1 ? 500 : load == 2 ? 1000 : 900,
				.counter_cache = i % 2 == 0 ? 1 : 0,
			};
			struct map map;

			map_open(&map, &config, sizes[i]);
			for (uint64_t key = 0; key < sizes[i]; key++)
				check_equal(map_insert(&map, key, 1, NULL), 1);
			check_equal(atomic_hash_map_slabs(map.handle), 1);
			map_close(&map);
		}
	}
}

/* The counter cache: with 1 the map looks at each insert, and grows near its load; otherwise not much later. */
POLICY_TEST(test_map_counter_cache_says_how_often_the_load_is_looked_at)
{
	static const uint32_t caches[] = { 1, 100, 0, 100000 };

	for (size_t i = 0; i < KIT_COUNT(caches); i++) {
		struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse, .counter_cache = caches[i] };
		struct map map;
		uint64_t key = 0;

		for (unsigned set_later = 0; set_later < 2; set_later++) {
			config.counter_cache = set_later ? 0 : caches[i];
			map_open(&map, &config, 40000);
			if (set_later && caches[i] != 0)
				atomic_hash_map_set_counter_cache(map.handle, caches[i]);
			const uint64_t limit = atomic_hash_map_space_remaining(map.handle);

			for (key = 0; atomic_hash_map_slabs(map.handle) == 1; key++) {
				check_equal(map_insert(&map, key, 1, NULL), 1);
				check(key < limit * 11 / 10);
			}
			/* Small maps look more often than they are told. */
			check(key >= limit && key <= limit + limit / 100 + 2);
			if (caches[i] == 1)
				check(key <= limit + 1);
			map_close(&map);
		}
	}
}

/* A cache of more than 1 is used: the map looks less often than at each insert. */
static void test_map_counter_cache_is_used(void **state)
{
	uint64_t late = 0;

	(void)state;
	for (size_t entries = 100000; entries < 100100; entries += 10) {
		const struct atomic_hash_map_config config = { .value_size = 0, .counter_cache = 64, .load_permille = 500 };
		struct map map;

		map_open(&map, &config, entries);
		atomic_hash_map_set_counter_cache(map.handle, 128);
		const uint64_t limit = atomic_hash_map_space_remaining(map.handle);
		uint64_t key = 0;

		for (; atomic_hash_map_slabs(map.handle) == 1; key++)
			check_equal(map_insert(&map, key, 1, NULL), 1);
		check(key >= limit && key <= limit + 130);
		late = key - limit > late ? key - limit : late;
		map_close(&map);
	}
	check(late > 2);
}

static void test_map_space_remaining_counts_down(void **state)
{
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		const struct atomic_hash_map_config config = { .value_size = 8, .reuse = (enum hashloom_reuse)reuse, .is_fixed = 1 };
		struct map map;

		map_open(&map, &config, 120);
		check_equal(atomic_hash_map_capacity(map.handle), 150);
		check_equal(atomic_hash_map_space_remaining(map.handle), 120);
		for (uint64_t key = 0; key < 150; key++) {
			check_equal(map_insert(&map, key, 1, NULL), 1);
			check_equal(atomic_hash_map_space_remaining(map.handle), key < 120 ? 119 - key : 0);
		}
		for (uint64_t key = 0; key < 100; key++)
			check_equal(atomic_hash_map_erase(map.handle, key), 1);
		check_equal(atomic_hash_map_space_remaining(map.handle), reuse == HASHLOOM_REUSE_ANY_KEY ? 70 : 0);
		check_equal(atomic_hash_map_size(map.handle), 50);
		if (reuse != HASHLOOM_REUSE_NEVER)
			check_equal(map_insert(&map, 0, 1, NULL), 1);
		check_equal(atomic_hash_map_space_remaining(map.handle), reuse == HASHLOOM_REUSE_ANY_KEY ? 69 : 0);
		map_close(&map);
	}
	(void)state;
}

/* ---- fixed maps ---------------------------------------------------------------------------------------- */

/* B.1: a fixed map has room for what it was asked for, then it says FULL, changes nothing, and all else goes on. */
RIG_TEST(test_map_B1_fixed_maps_are_full_when_their_cells_are, RIG_FIXED)
{
	static const size_t asked[] = { 1, 12, 15, 16, 40, 100 };

	for (size_t a = 0; a < KIT_COUNT(asked); a++) {
		struct atomic_hash_map_config config = rig->config;
		uint32_t ids[400];
		uint64_t taken = 0;
		struct map map;

		config.load_permille = a % 2 == 0 ? 1000 : 0;
		map_open(&map, &config, asked[a]);
		const size_t capacity = atomic_hash_map_capacity(map.handle);

		for (unsigned i = 4; taken < capacity && i < 400; i++) {
			const uint64_t key = rig_key(&config, i);

			/* Those that may lie in side cells are not counted. */
			if ((rig_reserved_key(&config, 0) ^ key) <= 8)
				continue;
			check_equal(map_insert(&map, key, 1, NULL), 1);
			check_equal(atomic_hash_map_key_to_id(map.handle, key, &ids[taken]), 1);
			taken++;
		}
		check(taken == capacity && taken >= asked[a]);
		walk_check(&map);
		for (uint64_t key = 100000; key < 100040; key++) {
			void *where = &map;

			check_equal(map_insert(&map, key, 1, &where), HASHLOOM_ERROR_FULL);
			check(where == &map);
			map_check_absent(&map, key);
		}
		walk_check(&map);
		check_equal(atomic_hash_map_slabs(map.handle), 1);
		check_equal(atomic_hash_map_size(map.handle), capacity);
		uint64_t position = 0;
		uint64_t key = 0;

		check(atomic_hash_map_next(map.handle, &position, &key) != NULL);
		map_erase_present(&map, key);
		check_equal(map_insert(&map, 100000, 1, NULL), config.reuse == HASHLOOM_REUSE_ANY_KEY ? 1 : HASHLOOM_ERROR_FULL);
		check_equal(map_insert(&map, key, 2, NULL), config.reuse == HASHLOOM_REUSE_SAME_KEY ? 1 : HASHLOOM_ERROR_FULL);
		walk_check(&map);
		map_close(&map);
	}
}

/* ---- no memory ----------------------------------------------------------------------------------------- */

struct state_of_map {
	size_t size;
	size_t capacity;
	size_t slabs;
	uint64_t ids;
	uint64_t bytes;
	size_t remaining;
};

static struct state_of_map state_of(const struct map *map)
{
	return (struct state_of_map){
		atomic_hash_map_size(map->handle), atomic_hash_map_capacity(map->handle), atomic_hash_map_slabs(map->handle),
		atomic_hash_map_ids(map->handle),  hl_u64_load_relaxed(&map->memory.bytes), atomic_hash_map_space_remaining(map->handle)
	};
}

static int construct_one(void *value, void *argument)
{
	memset(value, 1, RIG_VALUE_MAX < 8 ? 0 : *(const size_t *)argument);
	return 0;
}

/* B.1: without memory an insert says so and changes nothing; finds, erases and changes go on, and so do inserts when memory is back. */
RIG_TEST(test_map_B1_growth_without_memory, RIG_GROWING)
{
	struct map map;
	unsigned count = 0;
	unsigned failures = 0;

	map_open(&map, &rig->config, 10);
	for (unsigned turn = 0; turn < 3; turn++) {
		size_t size = rig->config.value_size;

		kit_allocator_fail(&map.memory, 0, KIT_NO_FAILURE);
		/* Until sixty more inserts have failed. */
		for (unsigned more = 0; more < 5000 && failures < 60 * (turn + 1); more++) {
			const struct state_of_map before = state_of(&map);
			const uint64_t key = rig_key(&rig->config, count + 4);
			void *where = &map;
			const int result = more % 3 == 2 ?
						   atomic_hash_map_emplace(map.handle, key, construct_one, &size, &where) :
						   map_insert(&map, key, 1, &where);

			if (result == 1 && more % 3 == 2) {
				map_erase_present(&map, key);
				if (rig->config.reuse == HASHLOOM_REUSE_NEVER)
					count++;
			} else if (result == 1) {
				count++;
			} else {
				const struct state_of_map after = state_of(&map);

				check_equal(result, HASHLOOM_ERROR_NO_MEMORY);
				check(where == &map);
				check(memcmp(&before, &after, sizeof(before)) == 0);
				map_check_absent(&map, key);
				failures++;
			}
		}
		check_equal(failures, 60 * (turn + 1));
		walk_check(&map);
		(void)map_check_counts(&map);
		kit_allocator_heal(&map.memory);
		for (unsigned i = 0; i < 20; i++, count++)
			(void)map_insert_new(&map, rig_key(&rig->config, count + 4), 1);
		check_equal(atomic_hash_map_slabs(map.handle), turn + 2);
		walk_check(&map);
		(void)map_check_counts(&map);
	}
	map_close(&map);
}

/* Keys that have their cells already need no memory: an insert that finds its key, or its key's old cell. */
POLICY_TEST(test_map_B1_without_memory_what_is_there_goes_on)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
	uint64_t key = 0;
	uint64_t number = 1;
	struct map map;

	map_open(&map, &config, 10);
	kit_allocator_fail(&map.memory, 0, KIT_NO_FAILURE);
	while (map_insert(&map, key, 1, NULL) == 1)
		key++;
	check(key >= 10);
	for (uint64_t i = 0; i < key; i++) {
		uint64_t taken = 0;

		check_equal(map_insert(&map, i, 2, NULL), 0);
		check_equal(atomic_hash_map_store(map.handle, i, &number), 1);
		check_equal(atomic_hash_map_fetch_add(map.handle, i, 4, NULL), 1);
		check_equal(atomic_hash_map_take(map.handle, i, &taken), 1);
		check_equal(taken, 5);
		const int result = map_insert(&map, i, 3, NULL);

		/* The cell is this key's (same_key), or free (any_key, and the load is low enough again). */
		check_equal(result, reuse == HASHLOOM_REUSE_NEVER ? HASHLOOM_ERROR_NO_MEMORY : 1);
		check_equal(atomic_hash_map_count(map.handle, i), result == 1);
	}
	walk_check(&map);
	kit_allocator_heal(&map.memory);
	for (uint64_t i = 0; i < 1000; i++)
		check_equal(map_insert(&map, i, 1, NULL), reuse == HASHLOOM_REUSE_NEVER || i >= key);
	check_equal(map_check_counts(&map), 1000);
	walk_check(&map);
	map_close(&map);
}

/* An insert that fails has no value: what the caller offered stays his, and what was there before stays the map's. */
static unsigned ends[1000];

static void count_end(void *context, void *value)
{
	uint64_t number;

	(void)context;
	memcpy(&number, value, sizeof(number));
	if (number < KIT_COUNT(ends))
		ends[number]++;
}

static int construct_counted(void *value, void *argument)
{
	uint64_t *const next = argument;

	memcpy(value, next, sizeof(*next));
	++*next;
	return 0;
}

POLICY_TEST(test_map_B1_destroy_value_and_inserts_without_memory)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse, .destroy_value = count_end, .counter_cache = 1 };
	uint64_t made = 0;
	uint64_t constructed = 500;
	struct map map;

	memset(ends, 0, sizeof(ends));
	map_open(&map, &config, 10);
	kit_allocator_fail(&map.memory, 0, KIT_NO_FAILURE);
	for (unsigned i = 0; i < 100; i++) {
		const uint64_t key = rig_key(&config, i);

		if (i % 2 == 0 && atomic_hash_map_insert(map.handle, key, &made, NULL) == 1)
			made++;
		if (i % 2 == 1)
			(void)atomic_hash_map_emplace(map.handle, key, construct_counted, &constructed, NULL);
		(void)atomic_hash_map_erase(map.handle, rig_key(&config, i / 2));
		/* Back again, or not. */
		if (atomic_hash_map_insert(map.handle, rig_key(&config, i / 2), &made, NULL) == 1)
			made++;
	}
	map_close(&map);
	check(made > 5 && made < 500);
	for (uint64_t i = 0; i < KIT_COUNT(ends); i++)
		check_equal(ends[i], i < made || (i >= 500 && i < constructed));
}

/* B.1: ids are used up: a map of all the cells that there may be does not grow, and goes on. Its memory is never touched. */
static void *allocate_untouched(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)context;
	(void)alignment;
	(void)content;
	return memory == MAP_FAILED ? NULL : memory;
}

static void release_untouched(void *context, void *memory, size_t size, size_t alignment)
{
	(void)context;
	(void)alignment;
	munmap(memory, size);
}

static uint64_t hash_dense(uint64_t key)
{
	return key << 32 | (hl_aha_hash(key) & UINT32_MAX);
}

POLICY_TEST(test_map_B1_no_ids_are_left)
{
	const struct hashloom_allocator allocator = { allocate_untouched, release_untouched, NULL };
	const struct atomic_hash_map_config config = {
		.key_size = 4,
		.value_size = 0,
		.reuse = reuse,
		.hash = hash_dense,
		.load_permille = 1,
		.cells_count = (UINT32_MAX - 4) / 15 * 15,
		.allocator = &allocator,
	};
	struct atomic_hash_map_config too_large = config;
	struct atomic_hash_map *map = NULL;

	too_large.cells_count += 1;
	check_equal(atomic_hash_map_create(1, &too_large, &map), HASHLOOM_ERROR_INVALID_ARGUMENT);
	const int created = atomic_hash_map_create(1, &config, &map);

	if (created == HASHLOOM_ERROR_NO_MEMORY || sizeof(void *) < sizeof(uint64_t)) {
		print_message("note: this machine lends no 22 GB of addresses\n");
		return;
	}
	check_equal(created, HASHLOOM_OK);
	check_equal(atomic_hash_map_capacity(map), config.cells_count);
	check(atomic_hash_map_ids(map) <= UINT32_MAX);
	check_equal(hl_ahm_grow(&map->policy, &map->map, 1, 1), HASHLOOM_ERROR_FULL);
	check_equal(hl_ahm_grow(&map->policy, &map->map, 1, 0), HASHLOOM_ERROR_FULL);
	/* The cells at the end have ids too. */
	for (uint64_t key = UINT32_MAX - 20; key > UINT32_MAX - 60; key--) {
		void *where = NULL;
		uint64_t key_at = 0;

		check_equal(atomic_hash_map_insert(map, key, NULL, &where), 1);
		check(atomic_hash_map_id(map, where) > UINT32_MAX - 200);
		check(atomic_hash_map_at(map, atomic_hash_map_id(map, where), &key_at) == where);
		check_equal(key_at, key);
	}
	uint64_t position = atomic_hash_map_ids(map) - 200;
	size_t seen = 0;

	while (atomic_hash_map_next(map, &position, NULL) != NULL)
		seen++;
	check_equal(seen, 40);
#if RIG_STEP == 1
	/* Past the load: growth is due, and fails for want of ids, but the cells are there. */
	if (reuse == HASHLOOM_REUSE_NEVER) {
		for (uint64_t key = 0; key < 4400000; key++) {
			if (atomic_hash_map_insert(map, key, NULL, NULL) != 1)
				check_equal(key, -1);
		}
		check_equal(atomic_hash_map_slabs(map), 1);
		check_equal(atomic_hash_map_space_remaining(map), 0);
		check_equal(atomic_hash_map_size(map), 4400040);
	}
#endif
	atomic_hash_map_destroy(map);
}

/* ---- compact ---------------------------------------------------------------------------------------------- */

RIG_TEST(test_map_compact_moves_all_to_one_slab, RIG_ALL)
{
	static const size_t wanted[] = { 1, 300, 5 };
	struct map map;

	map_open(&map, &rig->config, rig->config.is_fixed ? 800 : 5);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < 120; i++)
			check_equal(map_insert(&map, rig_key(&rig->config, i), 1, NULL), turn == 0 || i % 3 == 1);
		for (unsigned i = 1; i < 120; i += 3)
			check_equal(atomic_hash_map_erase(map.handle, rig_key(&rig->config, i)), 1);
		check_equal(atomic_hash_map_compact(map.handle, wanted[turn]), HASHLOOM_OK);
		walk_check(&map);
		check_equal(map_check_counts(&map), 80);
		check_equal(atomic_hash_map_slabs(map.handle), 1);
		struct atomic_hash_map_stats statistics;

		atomic_hash_map_statistics(map.handle, &statistics);
		check(statistics.total.tombstones == 0 && statistics.total.sealed == 0);
		const size_t entries = wanted[turn] > 80 ? wanted[turn] : 80;
		const size_t capacity = atomic_hash_map_capacity(map.handle);

		check(capacity * 8 / 10 >= entries && capacity <= entries * 10 / 8 + 15);
		check_equal(atomic_hash_map_space_remaining(map.handle), capacity * 8 / 10 - 80);
		check_equal(kit_allocator_blocks(&map.memory), 2);
		for (unsigned i = 0; i < 120; i++) {
			const uint64_t key = rig_key(&rig->config, i);

			if (i % 3 == 1)
				map_check_absent(&map, key);
			else
				map_check_entry(&map, key, 1, atomic_hash_map_id(map.handle, atomic_hash_map_find(map.handle, key)));
		}
		if (rig->config.is_fixed)
			check_equal(atomic_hash_map_compact(map.handle, 800), HASHLOOM_OK);
	}
	map_close(&map);
}

POLICY_TEST(test_map_compact_that_fails_changes_nothing)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
	struct map map;

	map_open(&map, &config, 5);
	for (unsigned i = 0; i < 100; i++)
		check_equal(map_insert(&map, rig_key(&config, i), 1, NULL), 1);
	for (unsigned i = 0; i < 100; i += 2)
		check_equal(atomic_hash_map_erase(map.handle, rig_key(&config, i)), 1);
	const struct state_of_map before = state_of(&map);
	void *const place = atomic_hash_map_find(map.handle, rig_key(&config, 51));

	kit_allocator_fail(&map.memory, 0, 1);
	check_equal(atomic_hash_map_compact(map.handle, 10), HASHLOOM_ERROR_NO_MEMORY);
	check_equal(atomic_hash_map_compact(map.handle, UINT32_MAX), HASHLOOM_ERROR_INVALID_ARGUMENT);
	check_equal(atomic_hash_map_compact(map.handle, SIZE_MAX), HASHLOOM_ERROR_INVALID_ARGUMENT);
	const struct state_of_map after = state_of(&map);

	check(memcmp(&before, &after, sizeof(before)) == 0);
	check(atomic_hash_map_find(map.handle, rig_key(&config, 51)) == place);
	walk_check(&map);
	check_equal(map_check_counts(&map), 50);
	map_close(&map);
}

static void test_map_compact_of_an_empty_map(void **state)
{
	const struct atomic_hash_map_config config = { .value_size = 8 };
	struct map map;

	(void)state;
	map_open(&map, &config, 1000);
	check_equal(atomic_hash_map_compact(map.handle, 0), HASHLOOM_OK);
	check_equal(atomic_hash_map_capacity(map.handle), 15);
	check_equal(map_check_counts(&map), 0);
	for (unsigned i = 0; i < 100; i++)
		(void)map_insert_new(&map, rig_key(&config, i), 1);
	walk_check(&map);
	map_close(&map);
}

/* ---- insides ----------------------------------------------------------------------------------------------- */

/* After all kinds of steps lines, cells, counts and statistics agree, on each rig. */
RIG_TEST(test_map_lines_and_cells_agree, RIG_ALL)
{
	uint64_t random = 42;
	struct map map;

	map_open(&map, &rig->config, rig->config.is_fixed ? 200 : 10);
	for (unsigned stage = 0; stage < 4; stage++) {
		for (unsigned n = 0; n < 100; n++) {
			const uint64_t key = rig_key(&rig->config, kit_random_below(&random, 90));

			if (kit_random_below(&random, 3) > 0)
				(void)map_insert(&map, key, 1, NULL);
			else
				(void)atomic_hash_map_erase(map.handle, key);
		}
		walk_check(&map);
	}
	map_close(&map);
}

/* What a walk must see when it should: a negative control for the walker. */
POLICY_TEST(test_map_the_walker_sees_what_is_wrong)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse, .has_locks = 1, .load_permille = 1000 };
	struct map map;

	map_open(&map, &config, 10);
	for (uint64_t key = 0; key < 118; key++)
		check_equal(map_insert(&map, key, 1, NULL), 1);
	const struct walk walk = walk_of(&map);
	const struct hl_aha *const slab = &map.handle->map.slabs[1];
	const struct hl_aha_policy *const policy = &map.handle->policy.cell;
	uint32_t entry = 0;
	uint32_t empty = 0;

	check(walk_error(&walk, map.handle) == NULL);
	while (!hl_aha_is_key(policy, hl_aha_word_load_relaxed(policy, slab, entry)))
		entry++;
	while (hl_aha_word_load_relaxed(policy, slab, empty) != HL_AHA_EMPTY && empty + 1 < hl_aha_cells_count(slab))
		empty++;
	hl_u8 *const tag = hl_aha_tag_of(slab, entry);
	hl_u8 *const overflow = hl_aha_byte(slab, 0, HL_AHA_OVERFLOW_BYTE);
	const uint8_t was_tag = hl_u8_load_relaxed(tag);
	const uint8_t was_overflow = hl_u8_load_relaxed(overflow);
	const uint64_t was_word = hl_aha_word_load_relaxed(policy, slab, entry);

	hl_u8_store_relaxed(tag, (uint8_t)(was_tag ^ 0x80));
	check(walk_error(&walk, map.handle) != NULL);
	hl_u8_store_relaxed(tag, was_tag);
	hl_u8_store_relaxed(overflow, was_overflow | HL_AHA_LOCK);
	check(walk_error(&walk, map.handle) != NULL);
	hl_u8_store_relaxed(overflow, was_overflow);
	/* A count that is off by one; a filter that has lost what went past. */
	uint64_t group = 0;

	while (hl_aha_line_overflow(hl_aha_line_load(slab, group)) == 0)
		check(++group < slab->groups_count);
	hl_u8 *const full = hl_aha_byte(slab, group, HL_AHA_OVERFLOW_BYTE);
	const uint8_t was_full = hl_u8_load_relaxed(full);

	hl_u8_store_relaxed(full, reuse == HASHLOOM_REUSE_ANY_KEY ? (uint8_t)(was_full + 1) : 0);
	check(walk_error(&walk, map.handle) != NULL);
	hl_u8_store_relaxed(full, was_full);
	hl_aha_word_store_release(policy, slab, entry, policy->locked_word);
	check(walk_error(&walk, map.handle) != NULL);
	hl_aha_word_store_release(policy, slab, entry, was_word);
	if (hl_aha_word_load_relaxed(policy, slab, empty) == HL_AHA_EMPTY) {
		hl_u8_store_relaxed(hl_aha_tag_of(slab, empty), 9);
		check(walk_error(&walk, map.handle) != NULL);
		hl_u8_store_relaxed(hl_aha_tag_of(slab, empty), 0);
	}
	void *const locked = atomic_hash_map_lock(map.handle, 5);

	check(walk_error(&walk, map.handle) != NULL);
	atomic_hash_map_unlock(map.handle, locked);
	check(walk_error(&walk, map.handle) == NULL);
	map_close(&map);
}

/* PITFALLS 5: the size does not go below zero, also when one thread erases what another inserted. */
static struct map sizes_map;

static void *erase_all(void *arg)
{
	(void)arg;
	for (uint64_t key = 0; key < 5000; key++)
		(void)atomic_hash_map_erase(sizes_map.handle, key);
	return NULL;
}

POLICY_TEST(test_map_size_is_never_below_zero)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };

	map_open(&sizes_map, &config, 100);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (uint64_t key = 0; key < 5000; key++)
			check_equal(map_insert(&sizes_map, key, 1, NULL), 1);
		const pthread_t thread = kit_start(erase_all, NULL);

		for (unsigned i = 0; i < 2000; i++)
			check(atomic_hash_map_size(sizes_map.handle) <= 5000);
		kit_join(thread);
		check_equal(atomic_hash_map_size(sizes_map.handle), 0);
		check_equal(atomic_hash_map_empty(sizes_map.handle), 1);
	}
	walk_check(&sizes_map);
	map_close(&sizes_map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_A3_places_are_permanent_over_growth),
		cmocka_unit_test(test_map_growth_is_what_the_config_says),
		cmocka_unit_test(test_map_the_first_slab_takes_entries_max),
		cmocka_unit_test(test_map_counter_cache_says_how_often_the_load_is_looked_at),
		cmocka_unit_test(test_map_counter_cache_is_used),
		cmocka_unit_test(test_map_space_remaining_counts_down),
		cmocka_unit_test(test_map_B1_fixed_maps_are_full_when_their_cells_are),
		cmocka_unit_test(test_map_B1_growth_without_memory),
		cmocka_unit_test(test_map_B1_without_memory_what_is_there_goes_on),
		cmocka_unit_test(test_map_B1_destroy_value_and_inserts_without_memory),
		cmocka_unit_test(test_map_B1_no_ids_are_left),
		cmocka_unit_test(test_map_compact_moves_all_to_one_slab),
		cmocka_unit_test(test_map_compact_that_fails_changes_nothing),
		cmocka_unit_test(test_map_compact_of_an_empty_map),
		cmocka_unit_test(test_map_lines_and_cells_agree),
		cmocka_unit_test(test_map_the_walker_sees_what_is_wrong),
		cmocka_unit_test(test_map_size_is_never_below_zero),
	};

	return KIT_RUN(tests);
}
