/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_values.c: values that change: load, store, exchange, compare_exchange, fetch_add, upsert, take, lock: C.1, C.2.
 *
 * Method: on each rig the results are those of the same steps on plain memory. A lost change, or one of an entry that is gone, is
 * provoked where two threads meet, and from callbacks that do to the map what another thread would have done meanwhile.
 */
#include "map_rig.h"

#define KEYS 24

static void make(const struct map *map, void *value, uint64_t key, unsigned salt)
{
	kit_value_fill(value, map->config.value_size, rig_stamp(key, salt));
}

/* All that lies behind the value is as it was. */
static int is_untouched_behind(const struct map *map, const unsigned char *value)
{
	return kit_all_bytes_are(value + map->config.value_size, 0xee, RIG_VALUE_MAX - map->config.value_size);
}

/* ---- results --------------------------------------------------------------------------------------------- */

RIG_TEST(test_map_C1_store_exchange_compare_exchange, RIG_CHANGING)
{
	unsigned char value[RIG_VALUE_MAX];
	unsigned char before[RIG_VALUE_MAX];
	unsigned char next[RIG_VALUE_MAX];
	const size_t size = rig->config.value_size;
	struct map map;

	if (size == 0)
		return;
	map_open(&map, &rig->config, KEYS * 2);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);

		/* Not there: nothing happens. */
		memset(before, 0xee, sizeof(before));
		memcpy(next, before, sizeof(next));
		check_equal(atomic_hash_map_store(map.handle, key, value), 0);
		check_equal(atomic_hash_map_exchange(map.handle, key, value, before), 0);
		check_equal(atomic_hash_map_compare_exchange(map.handle, key, before, next), 0);
		check(kit_all_bytes_are(before, 0xee, sizeof(before)));
		map_check_absent(&map, key);

		(void)map_insert_new(&map, key, 1);
		make(&map, value, key, 2);
		check_equal(atomic_hash_map_store(map.handle, key, value), 1);
		check(map_has_value(&map, atomic_hash_map_find(map.handle, key), key, 2));
		make(&map, value, key, 3);
		check_equal(atomic_hash_map_exchange(map.handle, key, value, before), 1);
		check(map_has_value(&map, before, key, 2) && is_untouched_behind(&map, before));
		make(&map, value, key, 4);
		check_equal(atomic_hash_map_exchange(map.handle, key, value, NULL), 1);
		check(map_has_value(&map, atomic_hash_map_find(map.handle, key), key, 4));

		/* Different in the last byte alone, and in the first. */
		for (size_t at = 0; at < size; at += size > 1 ? size - 1 : 1) {
			memset(before, 0xee, sizeof(before));
			make(&map, before, key, 4);
			before[at] ^= 1;
			make(&map, next, key, 5);
			check_equal(atomic_hash_map_compare_exchange(map.handle, key, before, next), 2);
			check(map_has_value(&map, before, key, 4) && is_untouched_behind(&map, before));
			check(map_has_value(&map, atomic_hash_map_find(map.handle, key), key, 4));
		}
		check_equal(atomic_hash_map_compare_exchange(map.handle, key, before, next), 1);
		check(map_has_value(&map, before, key, 4));
		check(map_has_value(&map, atomic_hash_map_find(map.handle, key), key, 5));

		memset(before, 0xee, sizeof(before));
		check_equal(atomic_hash_map_take(map.handle, key, before), 1);
		check(map_has_value(&map, before, key, 5) && is_untouched_behind(&map, before));
		check_equal(atomic_hash_map_take(map.handle, key, before), 0);
		check_equal(map_insert(&map, key, 6, NULL), 1);
	}
	/* Their neighbours were not touched. */
	for (unsigned i = 0; i < KEYS; i++)
		check(map_has_value(&map, atomic_hash_map_find(map.handle, rig_key(&rig->config, i)), rig_key(&rig->config, i), 6));
	check_equal(map_check_counts(&map), KEYS);
	map_close(&map);
}

/* A number of the value's size, modulo its range, and no carry into what lies beside it. */
RIG_TEST(test_map_C1_fetch_add, RIG_ALL)
{
	const size_t size = rig->config.value_size;
	struct map map;

	map_open(&map, &rig->config, KEYS);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);
		const uint64_t mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * (size & 7)) - 1;
		uint64_t before = 0;
		uint64_t sum = 0;

		if (size != 1 && size != 2 && size != 8) {
			check_equal(atomic_hash_map_fetch_add(map.handle, key, 1, &before), HASHLOOM_ERROR_INVALID_ARGUMENT);
			check_equal(map_insert(&map, key, 1, NULL), 1);
			check_equal(atomic_hash_map_fetch_add(map.handle, key, 1, &before), HASHLOOM_ERROR_INVALID_ARGUMENT);
			check(map_has_value(&map, atomic_hash_map_find(map.handle, key), key, 1) && before == 0);
			continue;
		}
		check_equal(atomic_hash_map_fetch_add(map.handle, key, 1, &before), 0);
		check_equal(atomic_hash_map_insert(map.handle, key, &sum, NULL), 1);
		for (unsigned turn = 0; turn < 20; turn++) {
			const uint64_t summand = kit_word(turn, i) << (turn % 8 * 8);
			uint64_t now = 0;

			before = 0;
			check_equal(atomic_hash_map_fetch_add(map.handle, key, summand, turn % 5 == 4 ? NULL : &before), 1);
			check(turn % 5 == 4 || before == sum);
			sum = (sum + summand) & mask;
			check_equal(atomic_hash_map_load(map.handle, key, &now), 1);
			check(now == sum);
		}
	}
	map_close(&map);
}

static void test_map_C1_fetch_add_of_4_bytes(void **state)
{
	for (unsigned locks = 0; locks < 2; locks++) {
		const struct atomic_hash_map_config config = { .key_size = 4, .value_size = 4, .has_locks = (int)locks };
		struct map map;
		uint32_t value = UINT32_MAX - 1;
		uint32_t before = 0;

		map_open(&map, &config, 10);
		for (uint64_t key = 0; key < 10; key++)
			check_equal(atomic_hash_map_insert(map.handle, key, &value, NULL), 1);
		for (uint64_t key = 0; key < 10; key++) {
			check_equal(atomic_hash_map_fetch_add(map.handle, key, UINT64_C(0x100000003), &before), 1);
			check_equal(before, UINT32_MAX - 1);
			check_equal(atomic_hash_map_load(map.handle, key, &before), 1);
			check_equal(before, 1);
		}
		map_close(&map);
	}
	(void)state;
}

struct combining {
	size_t size;
	unsigned calls;
	const void *offered;
	int is_right;
};

/* The sum of the bytes, and a look at the arguments. */
static void combine_bytes(void *stored, const void *offered, void *argument)
{
	struct combining *const combining = argument;
	unsigned char *const to = stored;
	const unsigned char *const from = offered;

	combining->calls++;
	combining->is_right &= offered == combining->offered;
	for (size_t i = 0; i < combining->size; i++)
		to[i] = (unsigned char)(to[i] + from[i]);
}

RIG_TEST(test_map_C1_upsert_hands_back_what_it_wrote, RIG_CHANGING)
{
	const size_t size = rig->config.value_size;
	struct map map;

	if (size == 0)
		return;
	map_open(&map, &rig->config, KEYS * 2);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);
		unsigned char offered[RIG_VALUE_MAX];
		unsigned char result[RIG_VALUE_MAX];
		struct combining combining = { size, 0, offered, 1 };

		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned char sum[RIG_VALUE_MAX];

			make(&map, offered, key, 1);
			memset(result, 0xee, sizeof(result));
			combining.calls = 0;
			check_equal(atomic_hash_map_upsert(map.handle, key, offered, combine_bytes, &combining, result), 1);
			check_equal(combining.calls, 0);
			check(map_has_value(&map, result, key, 1) && is_untouched_behind(&map, result));
			memcpy(sum, offered, size);
			for (unsigned n = 2; n < 6; n++) {
				make(&map, offered, key, n);
				for (size_t b = 0; b < size; b++)
					sum[b] = (unsigned char)(sum[b] + offered[b]);
				check_equal(atomic_hash_map_upsert(map.handle, key, offered, combine_bytes, &combining,
								   n == 4 ? NULL : result), 0);
				check_equal(combining.calls, n - 1);
				if (n != 4)
					check(memcmp(result, sum, size) == 0 && is_untouched_behind(&map, result));
				check(memcmp(atomic_hash_map_find(map.handle, key), sum, size) == 0);
			}
			check(combining.is_right);
			check_equal(atomic_hash_map_erase(map.handle, key), 1);
		}
		check_equal(atomic_hash_map_upsert(map.handle, key, offered, combine_bytes, &combining, NULL), 1);
	}
	check_equal(map_check_counts(&map), KEYS);
	map_close(&map);
}

/* Larger values without locks may not be changed; load and take go. */
RIG_TEST(test_map_C2_large_values_need_locks, RIG_ALL)
{
	struct map map;

	if (rig_can_change(rig))
		return;
	map_open(&map, &rig->config, KEYS);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);
		unsigned char value[RIG_VALUE_MAX];
		struct combining combining = { rig->config.value_size, 0, value, 1 };
		int result = 0;

		for (unsigned turn = 0; turn < 2; turn++) {
			make(&map, value, key, 9);
			check_equal(atomic_hash_map_store(map.handle, key, value), HASHLOOM_ERROR_INVALID_ARGUMENT);
			check_equal(atomic_hash_map_exchange(map.handle, key, value, value), HASHLOOM_ERROR_INVALID_ARGUMENT);
			check_equal(atomic_hash_map_compare_exchange(map.handle, key, value, value), HASHLOOM_ERROR_INVALID_ARGUMENT);
			check_equal(atomic_hash_map_fetch_add(map.handle, key, 1, value), HASHLOOM_ERROR_INVALID_ARGUMENT);
			check_equal(atomic_hash_map_upsert(map.handle, key, value, combine_bytes, &combining, value),
				    HASHLOOM_ERROR_INVALID_ARGUMENT);
			check_equal(atomic_hash_map_upsert_batch(map.handle, &key, value, 1, combine_bytes, &combining, &result), 0);
			check_equal(result, HASHLOOM_ERROR_INVALID_ARGUMENT);
			check(map_has_value(&map, value, key, 9));
			check(atomic_hash_map_lock(map.handle, key) == NULL);
			if (turn == 0) {
				map_check_absent(&map, key);
				(void)map_insert_new(&map, key, 1);
			}
		}
		check_equal(combining.calls, 0);
		check_equal(atomic_hash_map_load(map.handle, key, value), 1);
		check(map_has_value(&map, value, key, 1));
		check_equal(atomic_hash_map_take(map.handle, key, value), 1);
		check(map_has_value(&map, value, key, 1));
	}
	map_close(&map);
}

static void combine_nothing(void *stored, const void *offered, void *argument)
{
	(void)stored;
	(void)offered;
	++*(unsigned *)argument;
}

/* A value of no bytes is not larger than 8: the calls say what they say of any other. */
RIG_TEST(test_map_C2_values_of_no_bytes_can_be_changed, RIG_ALL)
{
	struct map map;
	unsigned char nothing[1] = { 0xee };
	unsigned calls = 0;

	if (rig->config.value_size != 0)
		return;
	map_open(&map, &rig->config, KEYS);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);

		check_equal(atomic_hash_map_store(map.handle, key, nothing), 0);
		check_equal(atomic_hash_map_compare_exchange(map.handle, key, nothing, nothing), 0);
		check_equal(atomic_hash_map_upsert(map.handle, key, nothing, combine_nothing, &calls, nothing), 1);
		check_equal(atomic_hash_map_upsert(map.handle, key, NULL, combine_nothing, &calls, nothing), 0);
		check_equal(atomic_hash_map_upsert(map.handle, key, NULL, combine_nothing, &calls, NULL), 0);
		check_equal(atomic_hash_map_store(map.handle, key, nothing), 1);
		check_equal(atomic_hash_map_exchange(map.handle, key, nothing, nothing), 1);
		check_equal(atomic_hash_map_compare_exchange(map.handle, key, nothing, nothing), 1);
		check_equal(atomic_hash_map_load(map.handle, key, nothing), 1);
		check_equal(nothing[0], 0xee);
	}
	check_equal(map_check_counts(&map), KEYS);
	map_close(&map);
}

/* ---- between the look and the change --------------------------------------------------------------------- */

struct interfering {
	struct map *map;
	uint64_t key;
	unsigned calls;
	unsigned what;
};

/* What another thread would do while the combination is being made. */
static void combine_while_others_change(void *stored, const void *offered, void *argument)
{
	struct interfering *const other = argument;
	uint64_t number;
	uint64_t summand;

	memcpy(&number, stored, sizeof(number));
	memcpy(&summand, offered, sizeof(summand));
	number += summand;
	memcpy(stored, &number, sizeof(number));
	if (other->calls++ > 0)
		return;
	/* Without locks and with values of a word it runs without a lock. */
	if (other->what == 0)
		(void)atomic_hash_map_fetch_add(other->map->handle, other->key, 1000, NULL);
	else
		(void)atomic_hash_map_erase(other->map->handle, other->key);
	if (other->what == 2) {
		summand = 5000;
		(void)atomic_hash_map_insert(other->map->handle, other->key, &summand, NULL);
	}
}

/* C.1: neither the other's change is lost, nor is an entry changed that is gone. */
POLICY_TEST(test_map_C1_upsert_looks_again_before_it_writes)
{
	for (unsigned what = 0; what < 3; what++) {
		for (unsigned i = 0; i < 8; i++) {
			const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
			const uint64_t key = rig_key(&config, i);
			struct map map;
			struct interfering other = { &map, key, 0, what };
			uint64_t one = 1;
			uint64_t ten = 10;
			uint64_t now = 0;
			uint64_t result = 0;

			map_open(&map, &config, 10);
			check_equal(atomic_hash_map_insert(map.handle, key, &ten, NULL), 1);
			check_equal(atomic_hash_map_upsert(map.handle, key, &one, combine_while_others_change, &other, &result),
				    what == 1);
			check_equal(atomic_hash_map_load(map.handle, key, &now), 1);
			check_equal(now, what == 0 ? 1011 : what == 1 ? 1 : 5001);
			check_equal(result, now);
			check_equal(other.calls, what == 1 ? 1 : 2);
			check_equal(atomic_hash_map_size(map.handle), 1);
			map_close(&map);
		}
	}
}

/* ---- locks ------------------------------------------------------------------------------------------------ */

RIG_TEST(test_map_lock_gives_the_value, RIG_LOCKS)
{
	struct map map;

	map_open(&map, &rig->config, KEYS * 4);
	for (unsigned i = 0; i < KEYS; i++) {
		const uint64_t key = rig_key(&rig->config, i);
		const uint64_t other = rig_key(&rig->config, i + KEYS);

		check(atomic_hash_map_lock(map.handle, key) == NULL);
		(void)map_insert_new(&map, key, 1);
		void *const value = atomic_hash_map_lock(map.handle, key);

		check(value != NULL && value == atomic_hash_map_find(map.handle, key));
		/* Whoever holds it may write, and may call the map for others. */
		make(&map, value, key, 2);
		(void)map_insert_new(&map, other, 1);
		map_erase_present(&map, other);
		atomic_hash_map_unlock(map.handle, value);
		map_check_entry(&map, key, 2, atomic_hash_map_id(map.handle, value));
		check(atomic_hash_map_lock(map.handle, key) == value);
		atomic_hash_map_unlock(map.handle, value);
		map_erase_present(&map, key);
		check(atomic_hash_map_lock(map.handle, key) == NULL);
		check_equal(map_insert(&map, key, 3, NULL), 1);
	}
	map_close(&map);
}

struct waiting {
	struct map *map;
	uint64_t key;
	unsigned call;
	hl_u32 is_in;
	hl_u32 done;
	int result;
};

static void *call_for_a_locked_key(void *arg)
{
	struct waiting *const waiting = arg;
	struct atomic_hash_map *const map = waiting->map->handle;
	unsigned char value[RIG_VALUE_MAX];
	unsigned char other[RIG_VALUE_MAX];
	struct combining combining = { waiting->map->config.value_size, 0, value, 1 };
	void *locked;

	make(waiting->map, value, waiting->key, 2);
	make(waiting->map, other, waiting->key, 3);
	hl_u32_store_release(&waiting->is_in, 1);
	switch (waiting->call) {
	case 0:
		waiting->result = atomic_hash_map_erase(map, waiting->key);
		break;
	case 1:
		waiting->result = atomic_hash_map_take(map, waiting->key, value);
		break;
	case 2:
		waiting->result = atomic_hash_map_load(map, waiting->key, value);
		break;
	case 3:
		waiting->result = atomic_hash_map_store(map, waiting->key, value);
		break;
	case 4:
		waiting->result = atomic_hash_map_exchange(map, waiting->key, value, NULL);
		break;
	case 5:
		waiting->result = atomic_hash_map_compare_exchange(map, waiting->key, other, value) == 2;
		break;
	case 6:
		waiting->result = atomic_hash_map_upsert(map, waiting->key, value, combine_bytes, &combining, NULL) == 0;
		break;
	case 7:
		locked = atomic_hash_map_lock(map, waiting->key);
		waiting->result = locked != NULL;
		if (locked != NULL)
			atomic_hash_map_unlock(map, locked);
		break;
	default:
		waiting->result = atomic_hash_map_fetch_add(map, waiting->key, 1, NULL);
		break;
	}
	hl_u32_store_release(&waiting->done, 1);
	return NULL;
}

/* Each call that the lock holds off waits for it. */
POLICY_TEST(test_map_lock_holds_the_others_off)
{
	static const size_t sizes[] = { 3, 8, 24 };

	for (unsigned n = 0; n < 3 * 9 * 2; n++) {
		const struct atomic_hash_map_config config = { .value_size = sizes[n % 3], .reuse = reuse, .has_locks = 1 };
		struct map map;
		struct waiting waiting = { .map = &map, .key = n < 27 ? 5 : UINT64_MAX, .call = n / 3 % 9 };

		if (waiting.call == 8 && config.value_size != 8)
			continue;
		map_open(&map, &config, 10);
		check_equal(map_insert(&map, waiting.key, 1, NULL), 1);
		void *const value = atomic_hash_map_lock(map.handle, waiting.key);
		const pthread_t thread = kit_start(call_for_a_locked_key, &waiting);

		kit_wait_for(&waiting.is_in, 1);
		kit_sleep_us(300);
		check_equal(hl_u32_load_acquire(&waiting.done), 0);
		check(map_has_value(&map, value, waiting.key, 1));
		check(atomic_hash_map_find(map.handle, waiting.key) == value);
		atomic_hash_map_unlock(map.handle, value);
		kit_join(thread);
		check_equal(waiting.result, 1);
		map_close(&map);
	}
}

/* ---- two threads ------------------------------------------------------------------------------------------ */

#define SHARED_KEYS 8
#define ADDS 4000

struct adding {
	struct map map;
	struct kit_errors errors;
	hl_u64 taken;
};

static void add_one(void *stored, const void *offered, void *argument)
{
	uint64_t sum;
	uint64_t summand;

	(void)argument;
	memcpy(&sum, stored, sizeof(sum));
	memcpy(&summand, offered, sizeof(summand));
	sum += summand;
	memcpy(stored, &sum, sizeof(sum));
}

/* One by fetch_add, compare_exchange, upsert and exchange in turn; and now and then the key is taken out, with what it came to. */
static void add_in_all_ways(void *arg, unsigned thread, unsigned round)
{
	struct adding *const adding = arg;
	struct atomic_hash_map *const map = adding->map.handle;
	const uint64_t one = 1;

	(void)round;
	for (unsigned i = 0; i < KIT_REPEAT(ADDS); i++) {
		const uint64_t key = rig_key(&adding->map.config, (i + thread) % SHARED_KEYS);
		uint64_t now[3] = { 0, 0, 0 };

		if (i % 16 == 7 && atomic_hash_map_take(map, key, now) == 1)
			hl_u64_fetch_add_relaxed(&adding->taken, now[0]);
		if (i % 3 == 0 && adding->map.config.value_size == 8 && atomic_hash_map_fetch_add(map, key, 1, NULL) == 1)
			continue;
		if (i % 3 == 1 && atomic_hash_map_load(map, key, now) == 1) {
			uint64_t sum[3] = { now[0] + 1, 0, 0 };

			if (atomic_hash_map_compare_exchange(map, key, now, sum) == 1)
				continue;
		}
		uint64_t offered[3] = { one, 0, 0 };
		const int result = atomic_hash_map_upsert(map, key, offered, add_one, NULL, now);

		kit_expect(&adding->errors, result == 0 || result == 1);
		kit_expect(&adding->errors, now[0] >= 1);
	}
}

/* C.1: what two threads add is all there, however they do it, and whatever is taken out meanwhile. */
POLICY_TEST(test_map_C1_two_threads_lose_no_change)
{
	struct adding *const adding = kit_zeroed(1, sizeof(*adding));

	for (unsigned kind = 0; kind < 3; kind++) {
		const struct atomic_hash_map_config config = {
			.value_size = kind == 2 ? 24 : 8, .reuse = reuse, .has_locks = kind > 0, .counter_cache = 1
		};
		struct kit_gang gang = { .threads = 2, .rounds = 1, .work = add_in_all_ways, .arg = adding };
		uint64_t sum = 0;

		memset(adding, 0, sizeof(*adding));
		map_open(&adding->map, &config, 100);
		kit_gang_run(&gang);
		kit_assert_no_errors(&adding->errors);
		for (unsigned i = 0; i < SHARED_KEYS; i++) {
			uint64_t now[3] = { 0, 0, 0 };

			(void)atomic_hash_map_load(adding->map.handle, rig_key(&config, i), now);
			sum += now[0];
		}
		check_equal(sum + hl_u64_load_relaxed(&adding->taken), 2 * KIT_REPEAT(ADDS));
		(void)map_check_counts(&adding->map);
		map_close(&adding->map);
	}
	free(adding);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_C1_store_exchange_compare_exchange),
		cmocka_unit_test(test_map_C1_fetch_add),
		cmocka_unit_test(test_map_C1_fetch_add_of_4_bytes),
		cmocka_unit_test(test_map_C1_upsert_hands_back_what_it_wrote),
		cmocka_unit_test(test_map_C2_large_values_need_locks),
		cmocka_unit_test(test_map_C2_values_of_no_bytes_can_be_changed),
		cmocka_unit_test(test_map_C1_upsert_looks_again_before_it_writes),
		cmocka_unit_test(test_map_lock_gives_the_value),
		cmocka_unit_test(test_map_lock_holds_the_others_off),
		cmocka_unit_test(test_map_C1_two_threads_lose_no_change),
	};

	return KIT_RUN(tests);
}
