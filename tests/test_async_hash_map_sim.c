/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_async_hash_map_sim.c: the asynchronous hash map through a mover at its worst: M.1 to M.7 when copies
 * tear, come in another order, are refused and fail.
 *
 * Method: one thread polls a crowd of operations in random order through the simulated mover, over a row
 * of seeds. Values tell their key and their put apart, in every word, so a mixture of two is seen. At the
 * end the map must hold what the outcomes add up to, and the allocator as many blocks. A few orders that
 * matter are set by hand, with the mover held. SEED= repeats a run exactly.
 */
#include "map_kit.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_sim.h>
#include <hashloom/data_mover_sync.h>

#define SEEDS 300
#define VALUE_MAX 200
#define KEYS 6
#define CROWD 40

struct stage {
	struct kit_allocator allocator;
	struct async_hash_map *map;
	uint64_t blocks; /* those of the empty map */
	struct data_mover_sim *mover;
	struct vdm *vdm;
};

static void stage_init(struct stage *stage, size_t capacity, const struct data_mover_sim_cfg *cfg)
{
	kit_allocator_init(&stage->allocator);
	stage->map = async_hash_map_new_with_allocator(capacity, &stage->allocator.hooks);
	assert_non_null(stage->map);
	stage->blocks = kit_allocator_blocks(&stage->allocator);
	stage->mover = data_mover_sim_new(cfg);
	assert_non_null(stage->mover);
	stage->vdm = data_mover_sim_get_vdm(stage->mover);
}

static void stage_finish(struct stage *stage)
{
	async_hash_map_delete(stage->map);
	kit_allocator_assert_done(&stage->allocator);
	data_mover_sim_delete(stage->mover);
}

/* Whether each key that is present has a block, and nothing else has one. */
static void assert_blocks(const struct stage *stage)
{
	assert_int_equal(kit_allocator_blocks(&stage->allocator) - stage->blocks,
			 async_hash_map_count(stage->map));
}

/* All events that a poller without a waker notices. */
static struct data_mover_sim_cfg at_its_worst(uint64_t seed)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed);

	cfg.operations_max = CROWD / 2; /* so that there is no room at times */
	cfg.delay_min = 0;
	cfg.permille[DATA_MOVER_SIM_REFUSE_NEW] = 50;
	cfg.permille[DATA_MOVER_SIM_REFUSE_START] = 200;
	cfg.permille[DATA_MOVER_SIM_FAIL] = 100;
	cfg.permille[DATA_MOVER_SIM_FAIL_PARTLY] = 100;
	cfg.permille[DATA_MOVER_SIM_TEAR] = 700;
	return cfg;
}

/* ---- a crowd of operations ------------------------------------------------------------------- */

enum kind {
	PUT,
	GET,
	REMOVE,
	KINDS,
};

struct operation {
	enum kind kind;
	uint64_t key;
	uint64_t stamp; /* of a put */
	size_t size;
	unsigned char bytes[VALUE_MAX];
	union {
		struct async_hash_map_put_fut put;
		struct async_hash_map_get_copy_fut get;
		struct async_hash_map_remove_fut remove;
	};
	struct future *future;
	enum async_hash_map_status status;
};

static uint64_t stamp_of(uint64_t key, size_t which)
{
	return key << 32 | which;
}

/* A value's size follows from its stamp, so that sizes are told apart like bytes. */
static size_t size_of_stamp(uint64_t stamp)
{
	return 1 + (size_t)(stamp * 37 % (VALUE_MAX - 1));
}

static void operation_init(struct operation *operation, struct stage *stage, enum kind kind,
			   uint64_t key, size_t which)
{
	*operation = (struct operation){.kind = kind, .key = key};
	operation->stamp = stamp_of(key, which);
	operation->size = size_of_stamp(operation->stamp);
	if (kind == PUT) {
		kit_value_fill(operation->bytes, operation->size, operation->stamp);
		operation->put = async_hash_map_put(stage->map, stage->vdm, key, operation->bytes,
						    operation->size);
		operation->future = FUTURE_AS_RUNNABLE(&operation->put);
	} else if (kind == GET) {
		operation->get = async_hash_map_get_copy(stage->map, stage->vdm, key,
							 operation->bytes, VALUE_MAX);
		operation->future = FUTURE_AS_RUNNABLE(&operation->get);
	} else {
		operation->remove = async_hash_map_remove(stage->map, key);
		operation->future = FUTURE_AS_RUNNABLE(&operation->remove);
	}
}

/* Polls once; 1 when it is complete. What a put copied from is overwritten then: it was lent. */
static int operation_poll(struct operation *operation)
{
	if (future_poll(operation->future, NULL) != FUTURE_STATE_COMPLETE)
		return 0;
	operation->status = operation->kind == PUT   ? FUTURE_OUTPUT(&operation->put)->status
			    : operation->kind == GET ? FUTURE_OUTPUT(&operation->get)->status
						     : FUTURE_OUTPUT(&operation->remove)->status;
	if (operation->kind == PUT)
		memset(operation->bytes, 0xee, sizeof(operation->bytes));
	return 1;
}

static void crowd_run(struct operation *crowd, size_t n, uint64_t *random)
{
	size_t left = n;

	for (unsigned turn = 0; left > 0; turn++) {
		struct operation *const operation = &crowd[kit_random_below(random, n)];

		assert_true(turn < 100000);
		if (operation->future->context.state != FUTURE_STATE_COMPLETE)
			left -= (size_t)operation_poll(operation);
	}
}

/* Runs a get to its end; failures of the mover are tried again. */
static struct async_hash_map_get_copy_output get_surely(struct stage *stage, uint64_t key,
							unsigned char *buffer)
{
	for (unsigned try = 0; try < 1000; try++) {
		struct async_hash_map_get_copy_fut get =
			async_hash_map_get_copy(stage->map, stage->vdm, key, buffer, VALUE_MAX);

		FUTURE_BUSY_POLL(&get);
		if (FUTURE_OUTPUT(&get)->status != ASYNC_HASH_MAP_MOVER_ERROR &&
		    FUTURE_OUTPUT(&get)->status != ASYNC_HASH_MAP_NO_MEMORY)
			return *FUTURE_OUTPUT(&get);
	}
	fail_msg("a get that never succeeds");
	return (struct async_hash_map_get_copy_output){.status = ASYNC_HASH_MAP_INCOMPLETE};
}

static int is_failure_of_mover(enum async_hash_map_status status)
{
	return status == ASYNC_HASH_MAP_MOVER_ERROR || status == ASYNC_HASH_MAP_NO_MEMORY;
}

/* M.3, M.6: the whole of a value that somebody put and was not told to have failed, or nothing. */
static void assert_got(const struct operation *get, const struct operation *crowd, size_t n)
{
	const struct async_hash_map_get_copy_output *const output = FUTURE_OUTPUT(&get->get);
	size_t sources = 0;

	if (get->status != ASYNC_HASH_MAP_OK) {
		assert_true(get->status == ASYNC_HASH_MAP_NOT_FOUND ||
			    is_failure_of_mover(get->status));
		assert_null(output->value);
		assert_int_equal(output->size + output->copied, 0);
		return;
	}
	assert_int_equal(output->copied, output->size);
	for (size_t i = 0; i < n; i++)
		sources += crowd[i].kind == PUT && crowd[i].key == get->key &&
			   crowd[i].status == ASYNC_HASH_MAP_OK && crowd[i].size == output->size &&
			   kit_value_is(get->bytes, output->size, crowd[i].stamp);
	assert_int_equal(sources, 1);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* Puts of one key at the same time: one succeeds, or each says that the mover failed it. */
static void test_map_sim_M1_one_of_the_puts_that_do_not_fail(void **state)
{
	struct operation *const crowd = kit_zeroed(CROWD, sizeof(*crowd));
	uint64_t seed = kit_seed();
	size_t outcomes[ASYNC_HASH_MAP_INCOMPLETE + 1] = {0};
	unsigned char buffer[VALUE_MAX];

	(void)state;
	for (unsigned turn = 0; turn < SEEDS; turn++, seed++) {
		const struct data_mover_sim_cfg cfg = at_its_worst(seed);
		const size_t n = 1 + turn % 5;
		const struct operation *winner = NULL;
		uint64_t random = seed;
		struct stage stage;

		stage_init(&stage, KEYS, &cfg);
		for (size_t i = 0; i < n; i++)
			operation_init(&crowd[i], &stage, PUT, 7, i);
		crowd_run(crowd, n, &random);
		for (size_t i = 0; i < n; i++) {
			outcomes[crowd[i].status]++;
			if (crowd[i].status == ASYNC_HASH_MAP_OK) {
				assert_null(winner);
				winner = &crowd[i];
			}
		}
		for (size_t i = 0; i < n && winner == NULL; i++)
			assert_true(is_failure_of_mover(crowd[i].status));
		assert_int_equal(async_hash_map_count(stage.map), winner != NULL);
		assert_blocks(&stage);
		const struct async_hash_map_get_copy_output got = get_surely(&stage, 7, buffer);
		assert_int_equal(got.status,
				 winner != NULL ? ASYNC_HASH_MAP_OK : ASYNC_HASH_MAP_NOT_FOUND);
		if (winner != NULL)
			assert_true(got.size == winner->size &&
				    kit_value_is(buffer, got.size, winner->stamp));
		stage_finish(&stage);
	}
	assert_true(outcomes[ASYNC_HASH_MAP_OK] > SEEDS / 2);
	assert_true(outcomes[ASYNC_HASH_MAP_EXISTS] > 0);
	assert_true(outcomes[ASYNC_HASH_MAP_MOVER_ERROR] > 0);
	assert_true(outcomes[ASYNC_HASH_MAP_NO_MEMORY] > 0);
	free(crowd);
}

/* Puts, gets and removes of a few keys, all at once: outcomes add up, and values are whole. */
static void test_map_sim_M3_M6_a_crowd_adds_up(void **state)
{
	struct operation *const crowd = kit_zeroed(CROWD, sizeof(*crowd));
	uint64_t seed = kit_seed();
	size_t got = 0;

	(void)state;
	for (unsigned turn = 0; turn < SEEDS; turn++, seed++) {
		const struct data_mover_sim_cfg cfg = at_its_worst(seed);
		int present[KEYS] = {0};
		uint64_t random = seed;
		struct stage stage;

		stage_init(&stage, KEYS, &cfg);
		for (size_t i = 0; i < CROWD; i++)
			operation_init(&crowd[i], &stage,
				       (enum kind)kit_random_below(&random, KINDS),
				       kit_random_below(&random, KEYS), i);
		crowd_run(crowd, CROWD, &random);
		for (size_t i = 0; i < CROWD; i++) {
			const int is_ok = crowd[i].status == ASYNC_HASH_MAP_OK;

			if (crowd[i].kind == GET) {
				assert_got(&crowd[i], crowd, CROWD);
				got += (size_t)is_ok;
			} else {
				present[crowd[i].key] += crowd[i].kind == PUT ? is_ok : -is_ok;
			}
		}
		for (uint64_t key = 0; key < KEYS; key++) {
			unsigned char buffer[VALUE_MAX];

			assert_in_range(present[key], 0, 1);
			assert_int_equal(get_surely(&stage, key, buffer).status,
					 present[key] ? ASYNC_HASH_MAP_OK
						      : ASYNC_HASH_MAP_NOT_FOUND);
		}
		assert_blocks(&stage);
		stage_finish(&stage);
	}
	assert_true(got > SEEDS);
	free(crowd);
}

/* A put that fails leaves its room to others: after many, as many keys fit as ever, and no more. */
static void test_map_sim_M5_failed_puts_take_no_room(void **state)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(kit_seed());
	struct operation *const operation = kit_zeroed(1, sizeof(*operation));
	struct stage stage;

	(void)state;
	stage_init(&stage, KEYS, &cfg);
	for (unsigned turn = 0; turn < 300; turn++) {
		static const enum data_mover_sim_event events[] = {
			DATA_MOVER_SIM_REFUSE_NEW, DATA_MOVER_SIM_FAIL, DATA_MOVER_SIM_FAIL_PARTLY};
		const size_t which = turn % KIT_COUNT(events);

		assert_int_equal(data_mover_sim_force(stage.mover, events[which], 1), HASHLOOM_OK);
		operation_init(operation, &stage, PUT, turn, turn);
		while (!operation_poll(operation))
			continue;
		assert_int_equal(operation->status, which == 0 ? ASYNC_HASH_MAP_NO_MEMORY
							       : ASYNC_HASH_MAP_MOVER_ERROR);
		assert_int_equal(async_hash_map_count(stage.map), 0);
		assert_blocks(&stage);
	}
	for (uint64_t key = 0; key <= KEYS; key++) {
		operation_init(operation, &stage, PUT, 1000 + key, key);
		while (!operation_poll(operation))
			continue;
		assert_int_equal(operation->status,
				 key < KEYS ? ASYNC_HASH_MAP_OK : ASYNC_HASH_MAP_FULL);
	}
	assert_blocks(&stage);
	stage_finish(&stage);
	free(operation);
}

/* Polls until the operation's copy is in flight. */
static void poll_until_in_flight(struct stage *stage, struct operation *operation)
{
	const size_t before = data_mover_sim_pending(stage->mover);

	for (unsigned poll = 0; data_mover_sim_pending(stage->mover) == before; poll++) {
		assert_true(poll < 100);
		assert_false(operation_poll(operation));
	}
}

/*
 * With the mover held: a put that is on its way shows nothing and stops nobody; a reader keeps the value
 * that was removed under it; who is overtaken hears EXISTS.
 */
static void test_map_sim_M2_M4_a_held_mover_holds_up_nobody(void **state)
{
	const struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(1);
	struct data_mover_sync *const sync = data_mover_sync_new();
	struct operation *const crowd = kit_zeroed(5, sizeof(*crowd));
	struct operation *const slow = &crowd[0], *const fast = &crowd[1],
				*const reader = &crowd[2], *const remover = &crowd[3],
				*const later = &crowd[4];
	struct stage stage;

	(void)state;
	assert_non_null(sync);
	stage_init(&stage, 2, &cfg);
	struct vdm *const sim = stage.vdm;
	data_mover_sim_hold(stage.mover);
	operation_init(slow, &stage, PUT, 5, 1);
	poll_until_in_flight(&stage, slow);

	stage.vdm = data_mover_sync_get_vdm(sync);
	operation_init(fast, &stage, PUT, 5, 2);
	while (!operation_poll(fast))
		continue;
	assert_int_equal(fast->status, ASYNC_HASH_MAP_OK);

	stage.vdm = sim;
	operation_init(reader, &stage, GET, 5, 0);
	poll_until_in_flight(&stage, reader);
	assert_int_equal(data_mover_sim_finish(stage.mover, &slow->put.data.copy.fut), 1);
	while (!operation_poll(slow))
		continue;
	assert_int_equal(slow->status, ASYNC_HASH_MAP_EXISTS);

	operation_init(remover, &stage, REMOVE, 5, 0);
	while (!operation_poll(remover))
		continue;
	assert_int_equal(remover->status, ASYNC_HASH_MAP_OK);
	assert_int_equal(async_hash_map_count(stage.map), 0);
	stage.vdm = data_mover_sync_get_vdm(sync);
	operation_init(later, &stage, PUT, 5, 3);
	while (!operation_poll(later))
		continue;
	assert_int_equal(later->status, ASYNC_HASH_MAP_OK);

	/* the reader has the second value, whole, although the third is there by now */
	assert_false(operation_poll(reader));
	assert_int_equal(data_mover_sim_finish(stage.mover, &reader->get.data.copy.fut), 1);
	while (!operation_poll(reader))
		continue;
	assert_int_equal(reader->status, ASYNC_HASH_MAP_OK);
	assert_true(kit_value_is(reader->bytes, fast->size, fast->stamp));
	assert_int_equal(FUTURE_OUTPUT(&reader->get)->size, fast->size);
	assert_blocks(&stage);
	stage_finish(&stage);
	data_mover_sync_delete(sync);
	free(crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_sim_M1_one_of_the_puts_that_do_not_fail),
		cmocka_unit_test(test_map_sim_M3_M6_a_crowd_adds_up),
		cmocka_unit_test(test_map_sim_M5_failed_puts_take_no_room),
		cmocka_unit_test(test_map_sim_M2_M4_a_held_mover_holds_up_nobody),
	};

	return KIT_RUN(tests);
}
