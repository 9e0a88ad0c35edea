/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_async_hash_map_cancel.c: operations of the asynchronous hash map that are cancelled: M.8 and M.9.
 *
 * Method: each kind of operation, on a small map and on one that prefetches, through movers of every temper, is cancelled after no poll,
 * after one, and so on until it was complete before. Each time the map must be in order, hold as many blocks as keys, and either be as it
 * was, if the operation says CANCELLED, or as the operation's outcome asks. The lock of a group is held by hand, so that publish and
 * unlink wait. Then threads cancel at random what they do to a few keys, and what each was told must add up. SEED= repeats the choices.
 */
#include "map_kit.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_sim.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>

#define SMALL 4
#define LARGE 40000 /* on this one finds yield to prefetch */
#define VALUE_SIZE 100
#define KEY 7
#define OTHER 8
#define ABSENT 9
#define POLLS_MAX 10000

/* ---- the stage --------------------------------------------------------------------------------- */

struct stage {
	struct kit_allocator allocator;
	struct async_hash_map *map;
	uint64_t blocks; /* of the empty map */
	struct data_mover_sim *sim;
	struct data_mover_sync *sync;
};

static unsigned char value[VALUE_SIZE];
static unsigned char buffer[VALUE_SIZE];

static enum async_hash_map_status put_now(struct stage *stage, uint64_t key)
{
	struct async_hash_map_put_fut put =
		async_hash_map_put(stage->map, data_mover_sync_get_vdm(stage->sync), key, value, VALUE_SIZE);

	FUTURE_BUSY_POLL(&put);
	return FUTURE_OUTPUT(&put)->status;
}

/* A map with two keys in it. */
static void stage_init(struct stage *stage, size_t capacity, const struct data_mover_sim_cfg *cfg)
{
	kit_allocator_init(&stage->allocator);
	stage->map = async_hash_map_new_with_allocator(capacity, &stage->allocator.hooks);
	stage->sim = data_mover_sim_new(cfg);
	stage->sync = data_mover_sync_new();
	assert_true(stage->map != NULL && stage->sim != NULL && stage->sync != NULL);
	stage->blocks = kit_allocator_blocks(&stage->allocator);
	kit_value_fill(value, VALUE_SIZE, KEY);
	assert_int_equal(put_now(stage, KEY), ASYNC_HASH_MAP_OK);
	assert_int_equal(put_now(stage, OTHER), ASYNC_HASH_MAP_OK);
}

/* In order, nothing held, and a block for each key. */
static void assert_in_order(const struct stage *stage)
{
	struct async_hash_map_report report;
	struct data_mover_sim_stats stats;

	assert_int_equal(async_hash_map_check(stage->map, &report), 0);
	assert_int_equal(kit_allocator_blocks(&stage->allocator) - stage->blocks, async_hash_map_count(stage->map));
	data_mover_sim_statistics(stage->sim, &stats);
	assert_int_equal(stats.made, stats.completed + stats.cancelled);
}

/* As many keys fit as ever, and no more. */
static void assert_room(struct stage *stage, size_t capacity)
{
	if (capacity > SMALL)
		return;
	for (uint64_t key = 1000; async_hash_map_count(stage->map) < capacity; key++)
		assert_int_equal(put_now(stage, key), ASYNC_HASH_MAP_OK);
	assert_int_equal(put_now(stage, 2000), ASYNC_HASH_MAP_FULL);
}

static void stage_finish(struct stage *stage)
{
	async_hash_map_delete(stage->map);
	kit_allocator_assert_done(&stage->allocator);
	data_mover_sim_delete(stage->sim);
	data_mover_sync_delete(stage->sync);
}

static int is_present(const struct stage *stage, uint64_t key)
{
	struct async_hash_map_lookup_fut lookup = async_hash_map_lookup(stage->map, key);

	FUTURE_BUSY_POLL(&lookup);
	return FUTURE_OUTPUT(&lookup)->status == ASYNC_HASH_MAP_OK;
}

/* ---- operations ----------------------------------------------------------------------------------- */

enum kind { PUT, GET, REMOVE, LOOKUP, KINDS };

struct operation {
	enum kind kind;
	uint64_t key;
	union {
		struct async_hash_map_put_fut put;
		struct async_hash_map_get_copy_fut get;
		struct async_hash_map_remove_fut remove;
		struct async_hash_map_lookup_fut lookup;
	};
	struct future *future;
};

static void operation_init(struct operation *operation, struct async_hash_map *map, struct vdm *vdm, enum kind kind, uint64_t key)
{
	operation->kind = kind;
	operation->key = key;
	switch (kind) {
	case PUT:
		operation->put = async_hash_map_put(map, vdm, key, value, VALUE_SIZE);
		operation->future = FUTURE_AS_RUNNABLE(&operation->put);
		break;
	case GET:
		memset(buffer, 0xbb, sizeof(buffer));
		operation->get = async_hash_map_get_copy(map, vdm, key, buffer, VALUE_SIZE);
		operation->future = FUTURE_AS_RUNNABLE(&operation->get);
		break;
	case REMOVE:
		operation->remove = async_hash_map_remove(map, key);
		operation->future = FUTURE_AS_RUNNABLE(&operation->remove);
		break;
	default:
		operation->lookup = async_hash_map_lookup(map, key);
		operation->future = FUTURE_AS_RUNNABLE(&operation->lookup);
		break;
	}
}

static enum async_hash_map_status status_of(const struct operation *operation)
{
	switch (operation->kind) {
	case PUT:
		return FUTURE_OUTPUT(&operation->put)->status;
	case GET:
		return FUTURE_OUTPUT(&operation->get)->status;
	case REMOVE:
		return FUTURE_OUTPUT(&operation->remove)->status;
	default:
		return FUTURE_OUTPUT(&operation->lookup)->status;
	}
}

static void poll_to_the_end(struct operation *operation)
{
	for (int polls = 0; future_poll(operation->future, NULL) != FUTURE_STATE_COMPLETE; polls++)
		assert_true(polls < POLLS_MAX);
	assert_int_equal(status_of(operation) == ASYNC_HASH_MAP_CANCELLED, future_is_cancelled(operation->future));
}

/* M.6: an output that is not OK says nothing else. */
static void assert_says_nothing(const struct operation *operation)
{
	if (operation->kind == GET) {
		assert_null(operation->get.output.value);
		assert_int_equal(operation->get.output.size + operation->get.output.copied, 0);
	} else if (operation->kind == REMOVE) {
		assert_int_equal(operation->remove.output.key + operation->remove.output.size, 0);
	} else if (operation->kind == LOOKUP) {
		assert_int_equal(operation->lookup.output.id + operation->lookup.output.size, 0);
	}
}

/* What it would have been told on a map with KEY and OTHER, and with a mover that does not fail. */
static enum async_hash_map_status expected_status(const struct operation *operation)
{
	const int was_there = operation->key == KEY || operation->key == OTHER;

	if (operation->key > ASYNC_HASH_MAP_KEY_MAX)
		return ASYNC_HASH_MAP_INVALID_KEY;
	if (operation->kind == PUT)
		return was_there ? ASYNC_HASH_MAP_EXISTS : ASYNC_HASH_MAP_OK;
	return was_there ? ASYNC_HASH_MAP_OK : ASYNC_HASH_MAP_NOT_FOUND;
}

/* ---- every kind, at every poll -------------------------------------------------------------------------- */

enum temper { CALM, SLOW, REFUSES, FAILS, TORN, TEMPERS };

static struct data_mover_sim_cfg temper_cfg(enum temper temper, uint64_t seed)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed);

	cfg.delay_min = cfg.delay_max = temper == CALM ? 0 : 3;
	if (temper == REFUSES) {
		cfg.permille[DATA_MOVER_SIM_REFUSE_START] = 600;
		cfg.permille[DATA_MOVER_SIM_REFUSE_NEW] = 100;
	}
	if (temper == FAILS)
		cfg.permille[DATA_MOVER_SIM_FAIL_PARTLY] = 500;
	if (temper == TORN)
		cfg.permille[DATA_MOVER_SIM_TEAR] = DATA_MOVER_SIM_ALWAYS;
	return cfg;
}

static void assert_outcome(const struct stage *stage, const struct operation *operation, int may_fail)
{
	const enum async_hash_map_status status = status_of(operation);
	const int was_there = operation->key == KEY || operation->key == OTHER;
	const int is_there = status != ASYNC_HASH_MAP_OK ? was_there : operation->kind != REMOVE;

	if (status != ASYNC_HASH_MAP_CANCELLED &&
	    !(may_fail && (status == ASYNC_HASH_MAP_MOVER_ERROR || status == ASYNC_HASH_MAP_NO_MEMORY)))
		assert_int_equal(status, expected_status(operation));
	if (status != ASYNC_HASH_MAP_OK)
		assert_says_nothing(operation);
	if (operation->key <= ASYNC_HASH_MAP_KEY_MAX)
		assert_int_equal(is_present(stage, operation->key), is_there);
	assert_int_equal(async_hash_map_count(stage->map), 2 + (is_there - was_there));
	if (operation->kind != GET)
		return;
	if (status == ASYNC_HASH_MAP_OK)
		assert_true(kit_value_is(buffer, VALUE_SIZE, KEY));
	else if (status != ASYNC_HASH_MAP_MOVER_ERROR)
		assert_true(kit_all_bytes_are(buffer, 0xbb, VALUE_SIZE));
}

/* Returns 0 when it was complete before that many polls. */
static int check_cancelled_after(int polls, size_t capacity, enum temper temper, enum kind kind, uint64_t key, uint64_t seed, size_t *cut)
{
	const struct data_mover_sim_cfg cfg = temper_cfg(temper, seed);
	struct operation operation;
	struct stage stage;
	int was_complete = 0;

	stage_init(&stage, capacity, &cfg);
	operation_init(&operation, stage.map, data_mover_sim_get_vdm(stage.sim), kind, key);
	for (int i = 0; i < polls && !was_complete; i++)
		was_complete = future_poll(operation.future, NULL) == FUTURE_STATE_COMPLETE;
	future_cancel(operation.future);
	if (polls % 2 == 1)
		future_cancel(operation.future);
	poll_to_the_end(&operation);
	assert_true(!was_complete || status_of(&operation) != ASYNC_HASH_MAP_CANCELLED);
	assert_true(polls > 0 || status_of(&operation) == ASYNC_HASH_MAP_CANCELLED);
	*cut += status_of(&operation) == ASYNC_HASH_MAP_CANCELLED;
	assert_outcome(&stage, &operation, temper == REFUSES || temper == FAILS);
	assert_in_order(&stage);
	assert_room(&stage, capacity);
	stage_finish(&stage);
	return !was_complete;
}

static void test_map_cancel_M8_every_kind_at_every_poll(void **state)
{
	static const uint64_t keys[] = { KEY, ABSENT, UINT64_MAX };
	static const size_t capacities[] = { SMALL, LARGE };
	uint64_t seed = kit_seed();
	size_t cut = 0;
	size_t cut_later = 0; /* although it had begun */

	(void)state;
	for (unsigned which = 0; which < 2 * TEMPERS * KINDS * 3; which++) {
		const size_t capacity = capacities[which & 1];
		const enum temper temper = (enum temper)(which / 2 % TEMPERS);
		const enum kind kind = (enum kind)(which / 2 / TEMPERS % KINDS);
		const uint64_t key = keys[which / 2 / TEMPERS / KINDS];

		for (unsigned turn = 0; turn < (capacity == SMALL ? 20 : 3); turn++, seed++) {
			for (int polls = 0; check_cancelled_after(polls, capacity, temper, kind, key, seed,
								  polls == 0 ? &cut : &cut_later);
			     polls++)
				assert_true(polls < POLLS_MAX);
		}
	}
	assert_true(cut > 0);
	assert_true(cut_later > 0);
}

/* ---- who waits for the lock ----------------------------------------------------------------------------------- */

/* The array is the map's first member. */
static struct hl_aha *array_of(struct async_hash_map *map)
{
	return (struct hl_aha *)(void *)map;
}

static void test_map_cancel_M9_put_and_remove_that_wait_for_the_lock(void **state)
{
	static const struct {
		enum kind kind;
		uint64_t key;
	} cases[] = { { PUT, ABSENT }, { REMOVE, KEY } };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(cases); i++) {
		const struct data_mover_sim_cfg cfg = temper_cfg(CALM, 1);
		const uint64_t hash = hl_aha_hash(cases[i].key);
		struct async_hash_map_report report;
		struct operation operation;
		struct stage stage;

		stage_init(&stage, SMALL, &cfg);
		assert_true(hl_aha_try_lock(array_of(stage.map), hash));
		operation_init(&operation, stage.map, data_mover_sync_get_vdm(stage.sync), cases[i].kind, cases[i].key);
		for (int polls = 0; polls < 5; polls++)
			assert_int_equal(future_poll(operation.future, NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(async_hash_map_check(stage.map, &report), 1);
		assert_int_equal(report.pins, cases[i].kind == REMOVE);
		future_cancel(operation.future);
		/* it does not wait for the lock any more */
		assert_int_equal(future_poll(operation.future, NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(status_of(&operation), ASYNC_HASH_MAP_CANCELLED);
		hl_aha_unlock(array_of(stage.map), hash);
		assert_outcome(&stage, &operation, 0);
		assert_in_order(&stage);
		assert_room(&stage, SMALL);
		stage_finish(&stage);
	}
}

/* ---- what others do meanwhile ----------------------------------------------------------------------------------- */

/* A get whose copy is in flight when its key is removed and it is cancelled: the block stays until the copy has ended. */
static void test_map_cancel_M8_get_in_flight_of_a_removed_key(void **state)
{
	const struct data_mover_sim_cfg cfg = temper_cfg(SLOW, 1);
	struct operation get;
	struct operation remove;
	struct stage stage;

	(void)state;
	stage_init(&stage, SMALL, &cfg);
	data_mover_sim_hold(stage.sim);
	operation_init(&get, stage.map, data_mover_sim_get_vdm(stage.sim), GET, KEY);
	assert_int_equal(future_poll(get.future, NULL), FUTURE_STATE_RUNNING);
	operation_init(&remove, stage.map, NULL, REMOVE, KEY);
	poll_to_the_end(&remove);
	assert_int_equal(status_of(&remove), ASYNC_HASH_MAP_OK);
	future_cancel(get.future);
	for (int i = 0; i < 10; i++)
		assert_int_equal(future_poll(get.future, NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(kit_allocator_blocks(&stage.allocator) - stage.blocks, 2);
	assert_int_equal(data_mover_sim_finish(stage.sim, &get.get.data.copy.fut), 1);
	poll_to_the_end(&get);
	assert_int_equal(status_of(&get), ASYNC_HASH_MAP_OK);
	assert_true(kit_value_is(buffer, VALUE_SIZE, KEY));
	assert_in_order(&stage);
	assert_room(&stage, SMALL);
	stage_finish(&stage);
}

/* One whose copy had not begun gives its pin back, which is the last one. */
static void test_map_cancel_M8_get_that_has_not_begun_its_copy_of_a_removed_key(void **state)
{
	const struct data_mover_sim_cfg cfg = temper_cfg(SLOW, 1);
	struct operation get;
	struct operation remove;
	struct stage stage;

	(void)state;
	stage_init(&stage, SMALL, &cfg);
	assert_int_equal(data_mover_sim_force(stage.sim, DATA_MOVER_SIM_REFUSE_START, 1), HASHLOOM_OK);
	operation_init(&get, stage.map, data_mover_sim_get_vdm(stage.sim), GET, KEY);
	assert_int_equal(future_poll(get.future, NULL), FUTURE_STATE_RUNNING);
	operation_init(&remove, stage.map, NULL, REMOVE, KEY);
	poll_to_the_end(&remove);
	assert_int_equal(kit_allocator_blocks(&stage.allocator) - stage.blocks, 2);
	future_cancel(get.future);
	assert_int_equal(future_poll(get.future, NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(status_of(&get), ASYNC_HASH_MAP_CANCELLED);
	assert_says_nothing(&get);
	assert_true(kit_all_bytes_are(buffer, 0xbb, VALUE_SIZE));
	assert_in_order(&stage);
	assert_room(&stage, SMALL);
	stage_finish(&stage);
}

/* A put whose copy is in flight is drained; then it is not published, and leaves no block, also when another put has overtaken it. */
static void test_map_cancel_M8_put_in_flight_is_drained_and_not_published(void **state)
{
	(void)state;
	for (int is_overtaken = 0; is_overtaken <= 1; is_overtaken++) {
		const struct data_mover_sim_cfg cfg = temper_cfg(TORN, 1);
		struct operation put;
		struct stage stage;

		stage_init(&stage, SMALL, &cfg);
		data_mover_sim_hold(stage.sim);
		operation_init(&put, stage.map, data_mover_sim_get_vdm(stage.sim), PUT, ABSENT);
		assert_int_equal(future_poll(put.future, NULL), FUTURE_STATE_RUNNING);
		if (is_overtaken)
			assert_int_equal(put_now(&stage, ABSENT), ASYNC_HASH_MAP_OK);
		future_cancel(put.future);
		assert_int_equal(future_poll(put.future, NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(kit_allocator_blocks(&stage.allocator) - stage.blocks, 3 + is_overtaken);
		assert_int_equal(data_mover_sim_finish(stage.sim, &put.put.data.copy.fut), 1);
		assert_int_equal(future_poll(put.future, NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(status_of(&put), ASYNC_HASH_MAP_CANCELLED);
		assert_int_equal(is_present(&stage, ABSENT), is_overtaken);
		assert_in_order(&stage);
		assert_room(&stage, SMALL);
		stage_finish(&stage);
	}
}

/* A put for which there is no memory says so also when it is cancelled afterwards; without room for its block nothing is held. */
static void test_map_cancel_of_a_put_without_memory(void **state)
{
	const struct data_mover_sim_cfg cfg = temper_cfg(SLOW, 1);
	struct operation put;
	struct stage stage;

	(void)state;
	stage_init(&stage, SMALL, &cfg);
	assert_int_equal(data_mover_sim_force(stage.sim, DATA_MOVER_SIM_REFUSE_NEW, 1), HASHLOOM_OK);
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			kit_allocator_fail(&stage.allocator, 0, 1);
		operation_init(&put, stage.map, data_mover_sim_get_vdm(stage.sim), PUT, ABSENT);
		assert_int_equal(future_poll(put.future, NULL), FUTURE_STATE_COMPLETE);
		future_cancel(put.future);
		poll_to_the_end(&put);
		assert_int_equal(status_of(&put), ASYNC_HASH_MAP_NO_MEMORY);
	}
	assert_in_order(&stage);
	stage_finish(&stage);
}

/* ---- operations as entries of a chain -------------------------------------------------------------------------------- */

struct pair_data {
	FUTURE_CHAIN_ENTRY(struct async_hash_map_put_fut, put);
	FUTURE_CHAIN_ENTRY_LAST(struct async_hash_map_get_copy_fut, get);
};

struct pair_output {
	int unused;
};

FUTURE(pair_fut, struct pair_data, struct pair_output);

static void test_map_cancel_X4_operations_in_a_chain(void **state)
{
	int cancelled_puts = 0;
	int cancelled_gets = 0;

	(void)state;
	for (int polls = 0, was_complete = 0; !was_complete; polls++) {
		struct data_mover_sim_cfg cfg = temper_cfg(SLOW, 1);
		struct pair_fut pair;
		struct stage stage;

		cfg.permille[DATA_MOVER_SIM_REFUSE_START] = 600; /* so that the get waits to begin */
		stage_init(&stage, SMALL, &cfg);
		struct vdm *const vdm = data_mover_sim_get_vdm(stage.sim);
		FUTURE_CHAIN_ENTRY_INIT(&pair.data.put, async_hash_map_put(stage.map, vdm, ABSENT, value, VALUE_SIZE), NULL, NULL);
		FUTURE_CHAIN_ENTRY_INIT(&pair.data.get, async_hash_map_get_copy(stage.map, vdm, ABSENT, buffer, VALUE_SIZE), NULL, NULL);
		FUTURE_CHAIN_INIT(&pair);
		for (int i = 0; i < polls; i++)
			was_complete = future_poll(&pair.base, NULL) == FUTURE_STATE_COMPLETE;
		future_cancel(&pair.base);
		FUTURE_BUSY_POLL(&pair);
		const int no_put = pair.data.put.fut.output.status == ASYNC_HASH_MAP_CANCELLED;
		const int no_get = pair.data.get.fut.output.status == ASYNC_HASH_MAP_CANCELLED;
		assert_true(!no_put || no_get); /* what follows is cancelled, too */
		assert_int_equal(future_is_cancelled(&pair.base), no_get);
		assert_int_equal(is_present(&stage, ABSENT), !no_put);
		cancelled_puts += no_put;
		cancelled_gets += no_get;
		assert_in_order(&stage);
		stage_finish(&stage);
	}
	assert_true(cancelled_puts > 1);
	assert_true(cancelled_gets > cancelled_puts);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------- */

#define KEYS 3
#define THREADS 4
#define THREAD_BUFFER 64

struct field {
	struct kit_errors errors;
	struct async_hash_map *map;
	struct vdm *vdm;
	uint64_t seed;
	unsigned turns;
	hl_u64 balance[KEYS]; /* puts that were OK, less removes that were */
	hl_u64 cut;	      /* operations that had begun and were CANCELLED */
	hl_u64 done;
};

/* So many bytes that say the key. */
static size_t size_of_key(uint64_t key)
{
	return 40 + (size_t)key;
}

static void field_note(struct field *field, const struct operation *operation, const unsigned char *got, int polls)
{
	const enum async_hash_map_status status = status_of(operation);
	const int is_cancelled = future_is_cancelled(operation->future);

	kit_expect(&field->errors, is_cancelled == (status == ASYNC_HASH_MAP_CANCELLED));
	kit_expect(&field->errors, status != ASYNC_HASH_MAP_INCOMPLETE && status != ASYNC_HASH_MAP_MOVER_ERROR);
	hl_u64_fetch_add_relaxed(is_cancelled && polls > 0 ? &field->cut : &field->done, 1);
	if (status != ASYNC_HASH_MAP_OK)
		return;
	if (operation->kind == PUT)
		hl_u64_fetch_add_relaxed(&field->balance[operation->key], 1);
	else if (operation->kind == REMOVE)
		hl_u64_fetch_sub_relaxed(&field->balance[operation->key], 1);
	else if (operation->kind == GET)
		kit_expect(&field->errors, operation->get.output.size == size_of_key(operation->key) &&
						   kit_value_is(got, size_of_key(operation->key), operation->key));
}

static void field_work(struct field *field, unsigned char *bytes, uint64_t *random)
{
	const uint64_t key = kit_random_below(random, KEYS);
	struct operation operation = { .kind = (enum kind)kit_random_below(random, KINDS), .key = key };
	const int is_to_be_cancelled = kit_random_below(random, 2) == 0;
	const int polls_before = (int)kit_random_below(random, 4);
	int polls = 0;

	if (operation.kind == PUT) {
		kit_value_fill(bytes, size_of_key(key), key);
		operation.put = async_hash_map_put(field->map, field->vdm, key, bytes, size_of_key(key));
		operation.future = FUTURE_AS_RUNNABLE(&operation.put);
	} else if (operation.kind == GET) {
		operation.get = async_hash_map_get_copy(field->map, field->vdm, key, bytes, THREAD_BUFFER);
		operation.future = FUTURE_AS_RUNNABLE(&operation.get);
	} else {
		operation_init(&operation, field->map, field->vdm, operation.kind, key);
	}
	while (polls < polls_before && future_poll(operation.future, NULL) != FUTURE_STATE_COMPLETE)
		polls++;
	if (is_to_be_cancelled)
		future_cancel(operation.future);
	while (future_poll(operation.future, NULL) != FUTURE_STATE_COMPLETE)
		sched_yield();
	field_note(field, &operation, bytes, polls);
	/* whoever still copies to or from here is seen by ThreadSanitizer */
	memset(bytes, 0xee, THREAD_BUFFER);
}

struct worker {
	struct field *field;
	unsigned number;
};

static void *worker_run(void *arg)
{
	const struct worker *const worker = arg;
	uint64_t random = worker->field->seed + worker->number;
	unsigned char bytes[THREAD_BUFFER];

	for (unsigned turn = 0; turn < worker->field->turns; turn++)
		field_work(worker->field, bytes, &random);
	return NULL;
}

/* Nothing is done in the poll. */
static struct data_mover_threads *make_threads(void)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.threads = 2;
	cfg.queue = 2;
	cfg.notifier = FUTURE_NOTIFIER_NONE;
	cfg.inline_max = 0;
	struct data_mover_threads *const mover = data_mover_threads_new_cfg(&cfg);
	assert_non_null(mover);
	return mover;
}

static void test_map_cancel_M8_threads_that_cancel_at_random(void **state)
{
	struct data_mover_threads *const mover = make_threads();
	struct field field = { .vdm = data_mover_threads_get_vdm(mover), .seed = kit_seed(), .turns = KIT_REPEAT(20000) };
	struct async_hash_map_report report;
	struct kit_allocator allocator;
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	size_t present = 0;

	(void)state;
	kit_allocator_init(&allocator);
	field.map = async_hash_map_new_with_allocator(KEYS, &allocator.hooks);
	assert_non_null(field.map);
	const uint64_t blocks = kit_allocator_blocks(&allocator);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ &field, i };
		threads[i] = kit_start(worker_run, &workers[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		kit_join(threads[i]);
	kit_assert_no_errors(&field.errors);
	assert_int_equal(async_hash_map_check(field.map, &report), 0);
	for (unsigned key = 0; key < KEYS; key++) {
		struct stage stage = { .map = field.map };
		const uint64_t balance = hl_u64_load_relaxed(&field.balance[key]);

		assert_in_range(balance, 0, 1);
		assert_int_equal(is_present(&stage, key), balance);
		present += balance;
	}
	assert_int_equal(async_hash_map_count(field.map), present);
	assert_int_equal(kit_allocator_blocks(&allocator) - blocks, present);
	assert_true(hl_u64_load_relaxed(&field.cut) > 0);
	assert_true(hl_u64_load_relaxed(&field.done) > 0);
	async_hash_map_delete(field.map);
	kit_allocator_assert_done(&allocator);
	data_mover_threads_delete(mover);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_cancel_M8_every_kind_at_every_poll),
		cmocka_unit_test(test_map_cancel_M9_put_and_remove_that_wait_for_the_lock),
		cmocka_unit_test(test_map_cancel_M8_get_in_flight_of_a_removed_key),
		cmocka_unit_test(test_map_cancel_M8_get_that_has_not_begun_its_copy_of_a_removed_key),
		cmocka_unit_test(test_map_cancel_M8_put_in_flight_is_drained_and_not_published),
		cmocka_unit_test(test_map_cancel_of_a_put_without_memory),
		cmocka_unit_test(test_map_cancel_X4_operations_in_a_chain),
		cmocka_unit_test(test_map_cancel_M8_threads_that_cancel_at_random),
	};

	return KIT_RUN(tests);
}
