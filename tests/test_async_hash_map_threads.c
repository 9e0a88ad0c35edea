/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_async_hash_map_threads.c: the asynchronous hash map with 2 and 8 threads, each with a runtime of its own.
 *
 * Method: few keys, so that threads meet at them, and batches of operations, so that one thread has several in
 * flight. A value says which key, writer and put it belongs to, and the rest of it follows from that; so
 * values that are torn, foreign, or come from a put that failed are seen. What each operation was told is counted for
 * each key, and must balance. Copies go through the synchronous mover, through one threads mover for all, and through
 * one that takes its time. The allocator counts blocks, and overwrites what is freed.
 */
#include "map_kit.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#define THREADS_MAX KIT_GANG_MAX
#define KEYS_MAX 64
#define BATCH 16
#define VALUE_SIZE_MAX 400
#define PUTS_MAX (1 << 14)

static struct data_mover_sync *sync_mover;
static struct data_mover_threads *threads_mover;

/* ---- values ------------------------------------------------------------------------------------------------ */

/* Which put of which thread a value comes from. */
static uint64_t stamp_of(uint64_t key, unsigned thread, unsigned put)
{
	return key << 32 | (uint64_t)thread << 24 | put;
}

static size_t size_of_stamp(uint64_t stamp)
{
	return sizeof(stamp) + kit_word(stamp, 1) % (VALUE_SIZE_MAX - sizeof(stamp));
}

static size_t make_value(unsigned char *value, uint64_t stamp)
{
	const size_t size = size_of_stamp(stamp);

	memcpy(value, &stamp, sizeof(stamp));
	kit_value_fill(value + sizeof(stamp), size - sizeof(stamp), stamp);
	return size;
}

/* Whether it is the whole value of some put of this key; *stamp says of which. */
static int is_whole(uint64_t key, const unsigned char *value, size_t size, uint64_t *stamp)
{
	if (size < sizeof(*stamp))
		return 0;
	memcpy(stamp, value, sizeof(*stamp));
	return *stamp >> 32 == key && size == size_of_stamp(*stamp) &&
	       kit_value_is(value + sizeof(*stamp), size - sizeof(*stamp), *stamp);
}

/* ---- a field: a map and what the threads note ------------------------------------------------------------------ */

enum { FAILED, SUCCEEDED, UNKNOWN };

union operation {
	struct future base;
	struct async_hash_map_put_fut put;
	struct async_hash_map_get_copy_fut get;
	struct async_hash_map_remove_fut remove;
	struct async_hash_map_lookup_fut lookup;
};

enum kind { PUT, GET, REMOVE, LOOKUP, KINDS };

struct slot {
	enum kind kind;
	uint64_t key;
	uint64_t stamp;
	union operation operation;
	unsigned char buffer[VALUE_SIZE_MAX];
};

struct worker {
	struct runtime *runtime;
	struct vdm *vdm;
	struct kit_mover slow;
	uint64_t seed;
	unsigned puts;
	unsigned char outcome[PUTS_MAX]; /* of each put */
	uint64_t got[PUTS_MAX];          /* stamps that gets have brought in this round */
	unsigned gets;
	uint64_t statuses[KINDS][ASYNC_HASH_MAP_MOVER_ERROR + 1];
	struct slot slots[BATCH];
};

struct field {
	struct kit_errors errors;
	struct kit_allocator allocator;
	struct async_hash_map *map;
	uint64_t blocks;
	unsigned threads;
	unsigned keys;
	unsigned batches;
	hl_u64 put[KEYS_MAX];
	hl_u64 removed[KEYS_MAX];
	hl_u64 visits;
	struct worker workers[THREADS_MAX];
};

static struct field *field_new(unsigned threads, unsigned keys, size_t capacity)
{
	struct field *const field = kit_zeroed(1, sizeof(*field));

	kit_allocator_init(&field->allocator);
	field->map = async_hash_map_new_with_allocator(capacity, &field->allocator.hooks);
	assert_non_null(field->map);
	field->blocks = kit_allocator_blocks(&field->allocator);
	field->threads = threads;
	field->keys = keys;
	for (unsigned i = 0; i < threads; i++) {
		struct worker *const worker = &field->workers[i];

		worker->runtime = runtime_new();
		assert_non_null(worker->runtime);
		worker->seed = i + 1;
		kit_mover_init(&worker->slow);
		worker->slow.checks_per = 5;
		worker->vdm = i % 3 == 0 ? data_mover_sync_get_vdm(sync_mover) :
			      i % 3 == 1 ? data_mover_threads_get_vdm(threads_mover) :
					   &worker->slow.vdm;
	}
	return field;
}

static void field_delete(struct field *field)
{
	kit_assert_no_errors(&field->errors);
	for (unsigned i = 0; i < field->threads; i++)
		runtime_delete(field->workers[i].runtime);
	async_hash_map_delete(field->map);
	kit_allocator_assert_done(&field->allocator);
	free(field);
}

static uint64_t field_statuses(const struct field *field, enum kind kind, enum async_hash_map_status status)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < field->threads; i++)
		count += field->workers[i].statuses[kind][status];
	return count;
}

/* ---- batches ------------------------------------------------------------------------------------------------------ */

static void slot_begin(struct field *field, unsigned thread, struct slot *slot)
{
	struct worker *const worker = &field->workers[thread];
	struct async_hash_map *const map = field->map;

	switch (slot->kind) {
	case PUT:
		kit_expect(&field->errors, worker->puts < PUTS_MAX);
		slot->stamp = stamp_of(slot->key, thread, worker->puts);
		worker->outcome[worker->puts++ % PUTS_MAX] = UNKNOWN;
		slot->operation.put = async_hash_map_put(map, worker->vdm, slot->key, slot->buffer,
							 make_value(slot->buffer, slot->stamp));
		break;
	case GET:
		memset(slot->buffer, 0, sizeof(slot->buffer));
		slot->operation.get = async_hash_map_get_copy(map, worker->vdm, slot->key, slot->buffer,
							      sizeof(slot->buffer));
		break;
	case REMOVE:
		slot->operation.remove = async_hash_map_remove(map, slot->key);
		break;
	default:
		slot->operation.lookup = async_hash_map_lookup(map, slot->key);
		break;
	}
}

static void put_end(struct field *field, struct worker *worker, struct slot *slot)
{
	const enum async_hash_map_status status = slot->operation.put.output.status;

	kit_expect(&field->errors, status == ASYNC_HASH_MAP_OK || status == ASYNC_HASH_MAP_EXISTS ||
					   status == ASYNC_HASH_MAP_FULL);
	worker->outcome[slot->stamp & 0xffffff] = status == ASYNC_HASH_MAP_OK ? SUCCEEDED : FAILED;
	if (status == ASYNC_HASH_MAP_OK)
		hl_u64_fetch_add_relaxed(&field->put[slot->key], 1);
	worker->statuses[PUT][status]++;
}

static void get_end(struct field *field, struct worker *worker, struct slot *slot)
{
	const struct async_hash_map_get_copy_output *const output = &slot->operation.get.output;
	uint64_t stamp;

	worker->statuses[GET][output->status]++;
	if (output->status != ASYNC_HASH_MAP_OK) {
		kit_expect(&field->errors, output->status == ASYNC_HASH_MAP_NOT_FOUND);
		kit_expect(&field->errors, output->value == NULL && output->size == 0 && output->copied == 0);
		return;
	}
	kit_expect(&field->errors, output->copied == output->size);
	if (!is_whole(slot->key, slot->buffer, output->size, &stamp))
		kit_error(&field->errors, "a get brought a value that is torn or foreign");
	else if (worker->gets < PUTS_MAX)
		worker->got[worker->gets++] = stamp;
}

static void slot_end(struct field *field, struct worker *worker, struct slot *slot)
{
	kit_expect(&field->errors, slot->operation.base.context.state == FUTURE_STATE_COMPLETE);
	switch (slot->kind) {
	case PUT:
		put_end(field, worker, slot);
		break;
	case GET:
		get_end(field, worker, slot);
		break;
	case REMOVE:
		worker->statuses[REMOVE][slot->operation.remove.output.status]++;
		if (slot->operation.remove.output.status == ASYNC_HASH_MAP_OK) {
			hl_u64_fetch_add_relaxed(&field->removed[slot->key], 1);
			kit_expect(&field->errors, slot->operation.remove.output.key == slot->key);
			kit_expect(&field->errors, slot->operation.remove.output.size >= sizeof(uint64_t));
		}
		break;
	default:
		worker->statuses[LOOKUP][slot->operation.lookup.output.status]++;
		break;
	}
}

/* Starts what the slots say, waits for all, and notes the outcomes. */
static void run_slots(struct field *field, unsigned thread, size_t n)
{
	struct worker *const worker = &field->workers[thread];
	struct future *futures[BATCH];

	for (size_t i = 0; i < n; i++) {
		slot_begin(field, thread, &worker->slots[i]);
		futures[i] = &worker->slots[i].operation.base;
	}
	runtime_wait_multiple(worker->runtime, futures, n);
	for (size_t i = 0; i < n; i++)
		slot_end(field, worker, &worker->slots[i]);
}

/* ---- churn -------------------------------------------------------------------------------------------------------- */

static void churn_work(void *arg, unsigned thread, unsigned round)
{
	static const enum kind kinds[] = { PUT, PUT, PUT, GET, GET, GET, REMOVE, REMOVE, LOOKUP };
	struct field *const field = arg;
	struct worker *const worker = &field->workers[thread];

	(void)round;
	for (unsigned batch = 0; batch < field->batches; batch++) {
		for (size_t i = 0; i < BATCH; i++) {
			worker->slots[i].kind = kinds[kit_random_below(&worker->seed, KIT_COUNT(kinds))];
			worker->slots[i].key = kit_random_below(&worker->seed, field->keys);
		}
		run_slots(field, thread, BATCH);
		kit_expect(&field->errors,
			   async_hash_map_count(field->map) <= async_hash_map_capacity(field->map));
	}
}

struct inventory {
	struct field *field;
	unsigned times[KEYS_MAX];
	size_t keys;
};

static int take_inventory(uint64_t key, const void *value, size_t size, void *arg)
{
	struct inventory *const inventory = arg;
	uint64_t stamp;

	if (key >= KEYS_MAX || !is_whole(key, value, size, &stamp)) {
		kit_error(&inventory->field->errors, "foreach brought a value that is torn or foreign");
		return 1;
	}
	inventory->times[key]++;
	inventory->keys++;
	return 0;
}

/* No get has seen a value whose put failed. */
static void verify_gets(struct field *field)
{
	for (unsigned i = 0; i < field->threads; i++) {
		struct worker *const worker = &field->workers[i];

		for (unsigned k = 0; k < worker->gets; k++) {
			const uint64_t stamp = worker->got[k];
			const struct worker *const writer = &field->workers[stamp >> 24 & 0xff];

			kit_expect(&field->errors, (stamp & 0xffffff) < writer->puts);
			kit_expect(&field->errors, writer->outcome[stamp & 0xffffff] == SUCCEEDED);
		}
		worker->gets = 0;
	}
}

static void churn_verify(void *arg, unsigned round)
{
	struct field *const field = arg;
	struct inventory inventory = { .field = field };
	size_t present = 0;

	(void)round;
	kit_expect(&field->errors, async_hash_map_foreach(field->map, take_inventory, &inventory) == 0);
	for (uint64_t key = 0; key < field->keys; key++) {
		const uint64_t balance = hl_u64_load_relaxed(&field->put[key]) -
					 hl_u64_load_relaxed(&field->removed[key]);

		kit_expect(&field->errors, balance <= 1);
		kit_expect(&field->errors, inventory.times[key] == balance);
		present += balance;
	}
	kit_expect(&field->errors, inventory.keys == present);
	kit_expect(&field->errors, async_hash_map_count(field->map) == present);
	verify_gets(field);
	/* each present value has its block, and no other is left */
	kit_expect(&field->errors, kit_allocator_blocks(&field->allocator) - field->blocks == present);
}

static void run_churn(unsigned threads, unsigned keys, size_t capacity, unsigned rounds)
{
	struct field *const field = field_new(threads, keys, capacity);
	struct kit_gang gang = { threads, rounds, NULL, churn_work, churn_verify, field, { 0 }, { 0 } };

	field->batches = 20;
	kit_gang_run(&gang);
	assert_true(field_statuses(field, PUT, ASYNC_HASH_MAP_OK) > rounds);
	assert_true(field_statuses(field, PUT, ASYNC_HASH_MAP_EXISTS) > rounds);
	assert_true(field_statuses(field, GET, ASYNC_HASH_MAP_OK) > rounds);
	assert_true(field_statuses(field, GET, ASYNC_HASH_MAP_NOT_FOUND) > rounds);
	assert_true(field_statuses(field, REMOVE, ASYNC_HASH_MAP_OK) > rounds);
	assert_true(field_statuses(field, LOOKUP, ASYNC_HASH_MAP_OK) > rounds);
	if (keys > capacity)
		assert_true(field_statuses(field, PUT, ASYNC_HASH_MAP_FULL) > 0);
	field_delete(field);
}

static void test_map_churn_by_2_threads(void **state)
{
	(void)state;
	run_churn(2, 2, 2, KIT_REPEAT(40));
	run_churn(2, 8, 100, KIT_REPEAT(40));
	run_churn(2, 40, 20, KIT_REPEAT(40));
}

static void test_map_churn_by_8_threads(void **state)
{
	(void)state;
	run_churn(8, 2, 10, KIT_REPEAT(12));
	run_churn(8, 8, 4, KIT_REPEAT(12));
	run_churn(8, 16, 100, KIT_REPEAT(12));
	run_churn(8, 60, 30, KIT_REPEAT(12));
}

/* A table that is polled twice for each find. */
static void test_map_churn_in_a_large_table(void **state)
{
	(void)state;
	run_churn(8, 8, 30000, KIT_REPEAT(8));
}

/* ---- M.1 ------------------------------------------------------------------------------------------------------------ */

/* Each round all threads put the same keys, which are removed at the end of the round. */
static void contest_work(void *arg, unsigned thread, unsigned round)
{
	struct field *const field = arg;
	struct worker *const worker = &field->workers[thread];

	(void)round;
	for (size_t i = 0; i < field->keys; i++) {
		worker->slots[i].kind = PUT;
		worker->slots[i].key = i;
	}
	run_slots(field, thread, field->keys);
	for (size_t i = 0; i < field->keys; i++)
		worker->slots[i].kind = GET;
	run_slots(field, thread, field->keys);
}

static void contest_verify(void *arg, unsigned round)
{
	struct field *const field = arg;

	for (uint64_t key = 0; key < field->keys; key++)
		kit_expect(&field->errors, hl_u64_load_relaxed(&field->put[key]) == round + 1);
	kit_expect(&field->errors, async_hash_map_count(field->map) == field->keys);
	kit_expect(&field->errors,
		   kit_allocator_blocks(&field->allocator) - field->blocks == field->keys);
	/* all saw the one that won */
	verify_gets(field);
	for (size_t i = 0; i < field->keys; i++) {
		field->workers[0].slots[i].kind = REMOVE;
		field->workers[0].slots[i].key = i;
	}
	run_slots(field, 0, field->keys);
	kit_expect(&field->errors, async_hash_map_count(field->map) == 0);
}

static void run_contest(unsigned threads, unsigned keys, unsigned rounds)
{
	struct field *const field = field_new(threads, keys, 20);
	struct kit_gang gang = { threads, rounds, NULL, contest_work, contest_verify, field, { 0 }, { 0 } };

	kit_gang_run(&gang);
	assert_int_equal(field_statuses(field, PUT, ASYNC_HASH_MAP_OK), rounds * keys);
	assert_int_equal(field_statuses(field, PUT, ASYNC_HASH_MAP_EXISTS), rounds * keys * (threads - 1));
	assert_int_equal(field_statuses(field, GET, ASYNC_HASH_MAP_OK), rounds * keys * threads);
	field_delete(field);
}

static void test_map_M1_of_puts_of_one_key_exactly_one_succeeds(void **state)
{
	(void)state;
	run_contest(2, 1, KIT_REPEAT(2000));
	run_contest(8, 1, KIT_REPEAT(400));
	run_contest(2, BATCH, KIT_REPEAT(800));
	run_contest(8, BATCH, KIT_REPEAT(160));
}

/* Of removes of one key exactly one succeeds: the same contest, backwards. */
static void withdraw_prepare(void *arg, unsigned round)
{
	struct field *const field = arg;

	(void)round;
	for (size_t i = 0; i < field->keys; i++) {
		field->workers[0].slots[i].kind = PUT;
		field->workers[0].slots[i].key = i;
	}
	run_slots(field, 0, field->keys);
}

static void withdraw_work(void *arg, unsigned thread, unsigned round)
{
	struct field *const field = arg;

	(void)round;
	for (size_t i = 0; i < field->keys; i++) {
		field->workers[thread].slots[i].kind = REMOVE;
		field->workers[thread].slots[i].key = i;
	}
	run_slots(field, thread, field->keys);
}

static void withdraw_verify(void *arg, unsigned round)
{
	struct field *const field = arg;

	for (uint64_t key = 0; key < field->keys; key++)
		kit_expect(&field->errors, hl_u64_load_relaxed(&field->removed[key]) == round + 1);
	kit_expect(&field->errors, async_hash_map_count(field->map) == 0);
	kit_expect(&field->errors, kit_allocator_blocks(&field->allocator) == field->blocks);
}

static void test_map_of_removes_of_one_key_exactly_one_succeeds(void **state)
{
	static const unsigned threads[] = { 2, 8 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(threads); i++) {
		struct field *const field = field_new(threads[i], 4, 20);
		const unsigned rounds = KIT_REPEAT(1600) / threads[i];
		struct kit_gang gang = { threads[i], rounds, withdraw_prepare, withdraw_work, withdraw_verify, field,
					 { 0 }, { 0 } };

		kit_gang_run(&gang);
		assert_int_equal(field_statuses(field, REMOVE, ASYNC_HASH_MAP_OK), rounds * 4);
		field_delete(field);
	}
}

/* ---- M.5: the capacity is exact ------------------------------------------------------------------------------------------ */

/* Threads put keys of their own: as many as fit, fit. */
static void crowd_work(void *arg, unsigned thread, unsigned round)
{
	struct field *const field = arg;
	struct worker *const worker = &field->workers[thread];
	const unsigned each = field->keys / field->threads;

	(void)round;
	for (size_t i = 0; i < each; i++) {
		worker->slots[i].kind = PUT;
		worker->slots[i].key = thread * each + i;
	}
	run_slots(field, thread, each);
}

static void crowd_verify(void *arg, unsigned round)
{
	struct field *const field = arg;
	const size_t capacity = async_hash_map_capacity(field->map);
	const unsigned each = field->keys / field->threads;
	struct inventory inventory = { .field = field };

	kit_expect(&field->errors, async_hash_map_count(field->map) == capacity);
	kit_expect(&field->errors, async_hash_map_foreach(field->map, take_inventory, &inventory) == 0);
	kit_expect(&field->errors, inventory.keys == capacity);
	kit_expect(&field->errors, field_statuses(field, PUT, ASYNC_HASH_MAP_OK) == capacity * (round + 1));
	for (uint64_t key = 0; key < field->keys; key++)
		kit_expect(&field->errors, inventory.times[key] <= 1);
	for (unsigned thread = 0; thread < field->threads; thread++) {
		for (size_t i = 0; i < each; i++) {
			field->workers[0].slots[i].kind = REMOVE;
			field->workers[0].slots[i].key = thread * each + i;
		}
		run_slots(field, 0, each);
	}
	kit_expect(&field->errors, async_hash_map_count(field->map) == 0);
}

static void run_crowd(unsigned threads, size_t capacity, unsigned rounds)
{
	struct field *const field = field_new(threads, KEYS_MAX, capacity);
	struct kit_gang gang = { threads, rounds, NULL, crowd_work, crowd_verify, field, { 0 }, { 0 } };

	/* as many in a batch as there are slots */
	field->keys = KEYS_MAX / threads > BATCH ? BATCH * threads : KEYS_MAX;
	kit_gang_run(&gang);
	assert_int_equal(field_statuses(field, PUT, ASYNC_HASH_MAP_FULL), (field->keys - capacity) * rounds);
	field_delete(field);
}

static void test_map_M5_as_many_puts_succeed_as_there_is_room(void **state)
{
	(void)state;
	run_crowd(2, 32, KIT_REPEAT(300));
	run_crowd(2, 20, KIT_REPEAT(300));
	run_crowd(8, 64, KIT_REPEAT(60));
	run_crowd(8, 50, KIT_REPEAT(60));
	run_crowd(8, 1, KIT_REPEAT(60));
}

/* ---- foreach while others change the map ----------------------------------------------------------------------------------- */

/* Thread 0 and 1 visit; keys from the other threads' range upwards stay. */
static void visit_work(void *arg, unsigned thread, unsigned round)
{
	struct field *const field = arg;

	if (thread > 1) {
		churn_work(arg, thread, round);
		return;
	}
	for (unsigned turn = 0; turn < 4 * field->batches; turn++) {
		struct inventory inventory = { .field = field };

		kit_expect(&field->errors, async_hash_map_foreach(field->map, take_inventory, &inventory) == 0);
		for (uint64_t key = field->keys; key < KEYS_MAX; key++)
			kit_expect(&field->errors, inventory.times[key] == 1);
		hl_u64_fetch_add_relaxed(&field->visits, inventory.keys - (KEYS_MAX - field->keys));
	}
}

static void visit_verify(void *arg, unsigned round)
{
	struct field *const field = arg;
	const size_t count = async_hash_map_count(field->map);

	(void)round;
	/* no visitor has left a mark */
	kit_expect(&field->errors, kit_allocator_blocks(&field->allocator) - field->blocks == count);
}

static void test_map_foreach_during_churn_sees_whole_values(void **state)
{
	static const unsigned threads[] = { 3, 8 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(threads); i++) {
		struct field *const field = field_new(threads[i], KEYS_MAX, 100);
		struct kit_gang gang = { threads[i], KIT_REPEAT(16), NULL, visit_work, visit_verify, field,
					 { 0 }, { 0 } };

		field->batches = 20;
		field->keys = 40;
		for (uint64_t key = field->keys; key < KEYS_MAX; key++) {
			field->workers[0].slots[0].kind = PUT;
			field->workers[0].slots[0].key = key;
			run_slots(field, 0, 1);
		}
		kit_gang_run(&gang);
		kit_note_luck(hl_u64_load_relaxed(&field->visits));
		field_delete(field);
	}
}

/* ---- all ----------------------------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	(void)state;
	sync_mover = data_mover_sync_new();
	threads_mover = data_mover_threads_new(2, 64, FUTURE_NOTIFIER_WAKER);
	return sync_mover == NULL || threads_mover == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	data_mover_threads_delete(threads_mover);
	data_mover_sync_delete(sync_mover);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_churn_by_2_threads),
		cmocka_unit_test(test_map_churn_by_8_threads),
		cmocka_unit_test(test_map_churn_in_a_large_table),
		cmocka_unit_test(test_map_M1_of_puts_of_one_key_exactly_one_succeeds),
		cmocka_unit_test(test_map_of_removes_of_one_key_exactly_one_succeeds),
		cmocka_unit_test(test_map_M5_as_many_puts_succeed_as_there_is_room),
		cmocka_unit_test(test_map_foreach_during_churn_sees_whole_values),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(KIT_HANG_S);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
