/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_faults_nomem.c: memory that runs out at each point of the calls that allocate and are swept nowhere else: all ways to insert, of the
 * type-erased, the typed and the string map; and real movers that refuse, through the calls of the asynchronous map.
 *
 * A sweep makes a map with an allocator that refuses every call from the n-th on, for n from 0 until none is refused. What fails says NO_MEMORY and
 * changes nothing; when there is memory again, it succeeds. In the end a check of the map finds nothing, and all memory is back.
 */
#include "map_kit.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/atomic_hash_map.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/intern.h>

#define ATOMIC_HASH_MAP_NAME typed_map
#define ATOMIC_HASH_MAP_VALUE uint64_t
#include <hashloom/atomic_hash_map_typed.h>

#define KEYS 1500 /* from 10 on: some slabs */
#define BATCH 50

/* ---- the type-erased map ------------------------------------------------------------------------------------ */

/* Inserts n keys from `key` on; results gets what each came to. Values are the keys. */
typedef void (*insert_fn)(struct atomic_hash_map *map, const uint64_t *keys, size_t n, int *results);

static int construct(void *value, void *argument)
{
	memcpy(value, argument, sizeof(uint64_t));
	return 0;
}

static void combine(void *stored, const void *offered, void *argument)
{
	(void)stored;
	(void)offered;
	(void)argument;
}

static int lookup_equal(const void *argument, uint64_t key)
{
	return *(const uint64_t *)argument == key;
}

static int lookup_key(void *argument, uint64_t *key)
{
	*key = *(const uint64_t *)argument;
	return 0;
}

static void by_insert(struct atomic_hash_map *map, const uint64_t *keys, size_t n, int *results)
{
	for (size_t i = 0; i < n; i++)
		results[i] = atomic_hash_map_insert(map, keys[i], &keys[i], NULL);
}

static void by_emplace(struct atomic_hash_map *map, const uint64_t *keys, size_t n, int *results)
{
	for (size_t i = 0; i < n; i++)
		results[i] = atomic_hash_map_emplace(map, keys[i], construct, (void *)(uintptr_t)&keys[i], NULL);
}

static void by_emplace_as(struct atomic_hash_map *map, const uint64_t *keys, size_t n, int *results)
{
	for (size_t i = 0; i < n; i++) {
		void *const key = (void *)(uintptr_t)&keys[i];
		const struct atomic_hash_map_lookup lookup = { kit_hash_good(keys[i]), lookup_equal, lookup_key, key };

		results[i] = atomic_hash_map_emplace_as(map, &lookup, construct, key, NULL);
	}
}

static void by_upsert(struct atomic_hash_map *map, const uint64_t *keys, size_t n, int *results)
{
	for (size_t i = 0; i < n; i++)
		results[i] = atomic_hash_map_upsert(map, keys[i], &keys[i], combine, NULL, NULL);
}

static void by_insert_batch(struct atomic_hash_map *map, const uint64_t *keys, size_t n, int *results)
{
	(void)atomic_hash_map_insert_batch(map, keys, keys, n, results);
}

static void by_upsert_batch(struct atomic_hash_map *map, const uint64_t *keys, size_t n, int *results)
{
	(void)atomic_hash_map_upsert_batch(map, keys, keys, n, combine, NULL, results);
}

static const insert_fn ways[] = { by_insert, by_emplace, by_emplace_as, by_upsert, by_insert_batch, by_upsert_batch };

/* Inserts all keys; those that were refused again, with memory. Returns how many were. */
static unsigned insert_all(struct atomic_hash_map *map, insert_fn insert, struct kit_allocator *allocator, uint64_t after)
{
	uint64_t keys[BATCH];
	int results[BATCH];
	unsigned refused = 0;

	for (uint64_t first = 0; first < KEYS; first += BATCH) {
		unsigned inserted = 0;

		for (uint64_t i = 0; i < BATCH; i++)
			keys[i] = first + i;
		insert(map, keys, BATCH, results);
		for (uint64_t i = 0; i < BATCH; i++) {
			const uint64_t *const value = atomic_hash_map_find(map, keys[i]);

			assert_true(results[i] == 1 || results[i] == HASHLOOM_ERROR_NO_MEMORY);
			assert_int_equal(value != NULL, results[i] == 1);
			inserted += results[i] == 1;
		}
		assert_int_equal(atomic_hash_map_size(map), first + inserted);
		if (inserted == BATCH)
			continue;
		refused += BATCH - inserted;
		kit_allocator_heal(allocator);
		insert(map, keys, BATCH, results);
		for (uint64_t i = 0; i < BATCH; i++)
			assert_int_equal(*(uint64_t *)atomic_hash_map_find(map, keys[i]), keys[i]);
		/* So that each further slab is refused, too. */
		kit_allocator_fail(allocator, after, KIT_NO_FAILURE);
	}
	return refused;
}

/* Returns how many inserts were refused. */
static unsigned sweep_map(int reuse, insert_fn insert, uint64_t after)
{
	struct atomic_hash_map_report report;
	struct kit_allocator allocator;
	struct atomic_hash_map *map;

	kit_allocator_init(&allocator);
	const struct atomic_hash_map_config config = {
		.value_size = 8, .reuse = (enum hashloom_reuse)reuse, .growth_permille = 1000, .allocator = &allocator.hooks
	};

	assert_int_equal(atomic_hash_map_create(10, &config, &map), HASHLOOM_OK);
	kit_allocator_fail(&allocator, after, KIT_NO_FAILURE);
	const unsigned refused = insert_all(map, insert, &allocator, after);

	assert_int_equal(atomic_hash_map_check(map, &report), 0);
	assert_int_equal(report.entries, KEYS);
	atomic_hash_map_destroy(map);
	kit_allocator_assert_done(&allocator);
	return refused;
}

static void test_map_each_way_to_insert_without_memory(void **state)
{
	(void)state;
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		for (size_t way = 0; way < KIT_COUNT(ways); way++) {
			uint64_t after = 0;

			while (sweep_map(reuse, ways[way], after) > 0)
				after++;
			assert_in_range(after, 5, 20);
		}
	}
}

/* ---- a typed map -------------------------------------------------------------------------------------------- */

static uint64_t typed_combine(uint64_t stored, uint64_t offered, void *argument)
{
	(void)argument;
	return stored + offered;
}

static unsigned sweep_typed(uint64_t after)
{
	struct kit_allocator allocator;
	struct atomic_hash_map_report report;
	struct typed_map map;
	unsigned refused = 0;

	kit_allocator_init(&allocator);
	const struct atomic_hash_map_config config = { .growth_permille = 1000, .allocator = &allocator.hooks };

	kit_allocator_fail(&allocator, after, KIT_NO_FAILURE);
	int result = typed_map_create_with(&map, 10, &config);

	if (result != HASHLOOM_OK) {
		assert_int_equal(result, HASHLOOM_ERROR_NO_MEMORY);
		return 1;
	}
	for (uint64_t key = 0; key < KEYS; key++) {
		result = key % 2 == 0 ? typed_map_insert(&map, key, key, NULL) : typed_map_upsert(&map, key, key, typed_combine, NULL, NULL);
		assert_true(result == 1 || result == HASHLOOM_ERROR_NO_MEMORY);
		assert_int_equal(typed_map_count(&map, key), result == 1);
		if (result != 1) {
			refused++;
			kit_allocator_heal(&allocator);
			assert_int_equal(typed_map_insert(&map, key, key, NULL), 1);
			kit_allocator_fail(&allocator, after, KIT_NO_FAILURE);
		}
	}
	assert_int_equal(typed_map_check(&map, &report), 0);
	assert_int_equal(report.entries, KEYS);
	typed_map_destroy(&map);
	kit_allocator_assert_done(&allocator);
	return refused;
}

static void test_map_typed_without_memory_at_each_point(void **state)
{
	uint64_t after = 0;

	(void)state;
	while (sweep_typed(after) > 0)
		after++;
	assert_in_range(after, 5, 20);
}

/* ---- strings in batches ------------------------------------------------------------------------------------- */

static unsigned sweep_intern_batch(uint64_t after, int counts)
{
	static char texts[BATCH][32];
	struct hashloom_bytes strings[BATCH];
	struct kit_allocator allocator;
	struct hashloom_intern *intern;
	uint32_t ids[BATCH];
	int results[BATCH];
	unsigned refused = 0;

	kit_allocator_init(&allocator);
	const struct hashloom_intern_config config = { .strings_expected = 10, .value_size = 8, .allocator = &allocator.hooks };

	assert_int_equal(hashloom_intern_create(&config, &intern), HASHLOOM_OK);
	kit_allocator_fail(&allocator, after, KIT_NO_FAILURE);
	for (size_t first = 0; first < KEYS; first += BATCH) {
		for (size_t i = 0; i < BATCH; i++)
			strings[i] = (struct hashloom_bytes){ texts[i],
							      (size_t)snprintf(texts[i], sizeof(texts[i]), "string %zu", first + i) };
		for (unsigned turn = 0; turn < 2; turn++) {
			if (counts)
				(void)hashloom_intern_count_batch(intern, strings, NULL, BATCH, ids, results);
			else
				(void)hashloom_intern_add_batch(intern, strings, BATCH, ids, results);
			for (size_t i = 0; i < BATCH; i++) {
				assert_true(results[i] >= 0 || (turn == 0 && results[i] == HASHLOOM_ERROR_NO_MEMORY));
				assert_int_equal(hashloom_intern_find(intern, strings[i].data, strings[i].length, NULL), results[i] >= 0);
				refused += results[i] < 0;
				if (results[i] >= 0)
					assert_true(!counts || *(uint64_t *)hashloom_intern_value(intern, ids[i]) >= 1);
			}
			kit_allocator_heal(&allocator);
		}
		kit_allocator_fail(&allocator, after, KIT_NO_FAILURE);
	}
	assert_int_equal(hashloom_intern_count(intern), KEYS);
	hashloom_intern_destroy(intern);
	kit_allocator_assert_done(&allocator);
	return refused;
}

static void test_intern_batches_without_memory(void **state)
{
	(void)state;
	for (int counts = 0; counts <= 1; counts++) {
		uint64_t after = 0;

		while (sweep_intern_batch(after, counts) > 0)
			after++;
		assert_in_range(after, 1, 100);
	}
}

/* ---- movers that refuse -------------------------------------------------------------------------------------- */

#define OPERATIONS_MAX 65536 /* that a mover holds: V.4 */

static enum async_hash_map_status put(struct async_hash_map *map, struct vdm *vdm, uint64_t key)
{
	struct async_hash_map_put_fut future = async_hash_map_put(map, vdm, key, &key, sizeof(key));

	FUTURE_BUSY_POLL(&future);
	return FUTURE_OUTPUT(&future)->status;
}

static enum async_hash_map_status get(struct async_hash_map *map, struct vdm *vdm, uint64_t key)
{
	uint64_t copy = 0;
	struct async_hash_map_get_copy_fut future = async_hash_map_get_copy(map, vdm, key, &copy, sizeof(copy));

	FUTURE_BUSY_POLL(&future);
	assert_true(FUTURE_OUTPUT(&future)->status != ASYNC_HASH_MAP_OK || copy == key);
	return FUTURE_OUTPUT(&future)->status;
}

static enum async_hash_map_status look_up(struct async_hash_map *map, uint64_t key)
{
	struct async_hash_map_lookup_fut future = async_hash_map_lookup(map, key);

	FUTURE_BUSY_POLL(&future);
	return FUTURE_OUTPUT(&future)->status;
}

static enum async_hash_map_status remove_key(struct async_hash_map *map, uint64_t key)
{
	struct async_hash_map_remove_fut future = async_hash_map_remove(map, key);

	FUTURE_BUSY_POLL(&future);
	return FUTURE_OUTPUT(&future)->status;
}

/* A mover that holds all the operations that it can refuses puts and gets, which leave nothing behind; what copies nothing goes on. */
static void check_refusing_mover(struct vdm *vdm)
{
	static struct vdm_operation_future held[OPERATIONS_MAX];
	static char bytes[2];
	struct async_hash_map_report report;
	struct kit_allocator allocator;
	size_t count = 0;

	kit_allocator_init(&allocator);
	struct async_hash_map *const map = async_hash_map_new_with_allocator(10, &allocator.hooks);
	const uint64_t blocks = kit_allocator_blocks(&allocator);

	assert_int_equal(put(map, vdm, 1), ASYNC_HASH_MAP_OK);
	for (; count < OPERATIONS_MAX; count++) {
		held[count] = vdm_memcpy(vdm, &bytes[1], &bytes[0], 1, 0);
		if (FUTURE_STATE(&held[count]) == FUTURE_STATE_COMPLETE)
			break;
	}
	assert_in_range(count, 1000, OPERATIONS_MAX);
	for (unsigned turn = 0; turn < 100; turn++) {
		assert_int_equal(put(map, vdm, 2), ASYNC_HASH_MAP_NO_MEMORY);
		assert_int_equal(get(map, vdm, 1), ASYNC_HASH_MAP_NO_MEMORY);
		assert_int_equal(put(map, vdm, 1), ASYNC_HASH_MAP_EXISTS);
		assert_int_equal(get(map, vdm, 2), ASYNC_HASH_MAP_NOT_FOUND);
		assert_int_equal(look_up(map, 1), ASYNC_HASH_MAP_OK);
	}
	assert_int_equal(async_hash_map_check(map, &report), 0);
	assert_int_equal(report.keys, 1);
	assert_int_equal(kit_allocator_blocks(&allocator), blocks + 1);
	assert_int_equal(remove_key(map, 1), ASYNC_HASH_MAP_OK);
	assert_int_equal(kit_allocator_blocks(&allocator), blocks);
	for (size_t i = 0; i < count; i++)
		FUTURE_BUSY_POLL(&held[i]);
	assert_int_equal(put(map, vdm, 2), ASYNC_HASH_MAP_OK);
	assert_int_equal(get(map, vdm, 2), ASYNC_HASH_MAP_OK);
	async_hash_map_delete(map);
	kit_allocator_assert_done(&allocator);
}

static void test_async_hash_map_real_movers_that_refuse(void **state)
{
	struct data_mover_sync *const sync = data_mover_sync_new();
	struct data_mover_threads *const threads = data_mover_threads_new(1, 4, FUTURE_NOTIFIER_NONE);

	(void)state;
	check_refusing_mover(data_mover_sync_get_vdm(sync));
	check_refusing_mover(data_mover_threads_get_vdm(threads));
	data_mover_sync_delete(sync);
	data_mover_threads_delete(threads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_each_way_to_insert_without_memory),
		cmocka_unit_test(test_map_typed_without_memory_at_each_point),
		cmocka_unit_test(test_intern_batches_without_memory),
		cmocka_unit_test(test_async_hash_map_real_movers_that_refuse),
	};

	return KIT_RUN(tests);
}
