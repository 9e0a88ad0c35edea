/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_sim.c: the simulated mover: S.1 to S.7, every event, every function, and V.1 to V.5 with
 * each notifier.
 *
 * Method: the tests of every mover (test_mover_kit.h) with torn copies, refused starts and bad wakers;
 * then single steps: each test sets one thing, lets tick by tick pass and looks after each. What is left
 * to chance is repeated over a row of seeds in which both outcomes must come up. Wakers live in memory
 * that is poisoned as soon as the mover may not touch it any more.
 */
#include "test_mover_kit.h"

#include <hashloom/data_mover_sim.h>

#define SEEDS 200
#define SIZE 64

/* ---- rigs ------------------------------------------------------------------------------------ */

/* A thread that lets time pass, for rigs whose operations wait for wakers. */
struct ticker {
	struct data_mover_sim *mover;
	pthread_t thread;
	hl_u32 stop;
};

static void *ticker_run(void *arg)
{
	struct ticker *const ticker = arg;

	while (!hl_u32_load_acquire(&ticker->stop)) {
		if (data_mover_sim_pending(ticker->mover) > 0)
			(void)data_mover_sim_tick(ticker->mover);
		else
			kit_sleep_us(20);
	}
	return NULL;
}

static void ticker_start(struct ticker *ticker, struct data_mover_sim *mover)
{
	memset(ticker, 0, sizeof(*ticker));
	ticker->mover = mover;
	ticker->thread = kit_start(ticker_run, ticker);
}

static void ticker_stop(struct ticker *ticker)
{
	hl_u32_store_release(&ticker->stop, 1);
	kit_join(ticker->thread);
}

static struct data_mover_sim *sim_new(const struct data_mover_sim_cfg *cfg)
{
	struct data_mover_sim *const mover = data_mover_sim_new(cfg);

	assert_non_null(mover);
	return mover;
}

static struct rig *rig_new(const struct data_mover_sim_cfg *cfg)
{
	struct rig *const rig = kit_zeroed(1, sizeof(*rig));

	rig->runtime = runtime_new();
	assert_non_null(rig->runtime);
	rig->mover = sim_new(cfg);
	rig->vdm = data_mover_sim_get_vdm(rig->mover);
	rig->is_async = 1;
	return rig;
}

static int setup_default(void **state)
{
	*state = rig_new(NULL);
	return 0;
}

static int setup_torn(void **state)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(kit_seed());

	cfg.delay_min = 0;
	cfg.delay_max = 5;
	cfg.notifier = FUTURE_NOTIFIER_POLLER;
	cfg.permille[DATA_MOVER_SIM_TEAR] = DATA_MOVER_SIM_ALWAYS;
	cfg.permille[DATA_MOVER_SIM_REFUSE_START] = 200;
	cfg.permille[DATA_MOVER_SIM_WAKE_LATE] = 500;
	*state = rig_new(&cfg);
	return 0;
}

static int teardown(void **state)
{
	struct rig *const rig = *state;

	data_mover_sim_delete(rig->mover);
	runtime_delete(rig->runtime);
	free(rig);
	return 0;
}

static struct ticker rig_ticker;

static int setup_wakers(void **state)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(kit_seed());

	cfg.notifier = FUTURE_NOTIFIER_WAKER;
	cfg.permille[DATA_MOVER_SIM_WAKE_LATE] = 300;
	cfg.permille[DATA_MOVER_SIM_WAKE_TWICE] = 300;
	cfg.permille[DATA_MOVER_SIM_WAKE_EARLY] = 100;
	*state = rig_new(&cfg);
	ticker_start(&rig_ticker, ((struct rig *)*state)->mover);
	return 0;
}

static int teardown_wakers(void **state)
{
	ticker_stop(&rig_ticker);
	return teardown(state);
}

/* ---- single steps ---------------------------------------------------------------------------- */

/* Time passes only in ticks, and each operation takes as many as it is told. */
static struct data_mover_sim_cfg still(uint64_t seed, uint32_t delay)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed);

	cfg.ticks_per_check = 0;
	cfg.delay_min = delay;
	cfg.delay_max = delay;
	cfg.notifier = FUTURE_NOTIFIER_WAKER;
	return cfg;
}

struct one_copy {
	unsigned char dest[SIZE];
	unsigned char src[SIZE];
	hl_u32 wakes;
	enum future_notifier_type used; /* what the last poll said */
	struct vdm_operation_future future;
};

static void copy_init(struct one_copy *copy, struct data_mover_sim *mover)
{
	memset(copy, 0, sizeof(*copy));
	memset(copy->src, 1, sizeof(copy->src));
	copy->future = vdm_memcpy(data_mover_sim_get_vdm(mover), copy->dest, copy->src, SIZE, 0);
}

static enum future_state copy_poll(struct one_copy *copy)
{
	struct future_notifier notifier = kit_notifier(&copy->wakes);
	const enum future_state state = future_poll(FUTURE_AS_RUNNABLE(&copy->future), &notifier);

	copy->used = notifier.notifier_used;
	return state;
}

static void copy_start(struct one_copy *copy, struct data_mover_sim *mover)
{
	copy_init(copy, mover);
	assert_int_equal(copy_poll(copy), FUTURE_STATE_RUNNING);
}

static void assert_copied(struct one_copy *copy)
{
	assert_int_equal(copy_poll(copy), FUTURE_STATE_COMPLETE);
	assert_output(&copy->future, VDM_OPERATION_MEMCPY, copy->dest, VDM_SUCCESS);
	assert_true(kit_all_bytes_are(copy->dest, 1, SIZE));
}

static uint32_t wakes_of(const struct one_copy *copy)
{
	return hl_u32_load_relaxed(&copy->wakes);
}

/* Bytes of the destination that were written. */
static size_t written(const struct one_copy *copy)
{
	size_t count = 0;

	for (size_t i = 0; i < SIZE; i++)
		count += copy->dest[i] != 0;
	return count;
}

static struct data_mover_sim_stats stats_of(struct data_mover_sim *mover)
{
	struct data_mover_sim_stats stats;

	data_mover_sim_statistics(mover, &stats);
	return stats;
}

static uint64_t now(struct data_mover_sim *mover)
{
	return stats_of(mover).ticks;
}

static void force(struct data_mover_sim *mover, enum data_mover_sim_event event, uint32_t count)
{
	assert_int_equal(data_mover_sim_force(mover, event, count), HASHLOOM_OK);
}

/* ---- making one ------------------------------------------------------------------------------ */

static void assert_cfg(struct data_mover_sim_cfg cfg, int is_valid)
{
	errno = 0;
	struct data_mover_sim *const mover = data_mover_sim_new(&cfg);

	assert_int_equal(mover != NULL, is_valid);
	assert_int_equal(errno, is_valid ? 0 : EINVAL);
	data_mover_sim_delete(mover);
}

#define ASSERT_FIELD(field, value, is_valid)                                                       \
	do {                                                                                       \
		struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(0);                     \
		cfg.field = (value);                                                               \
		assert_cfg(cfg, is_valid);                                                         \
	} while (0)

static void test_sim_numbers_out_of_range(void **state)
{
	const uint32_t ticks_max = DATA_MOVER_SIM_TICKS_MAX;

	(void)state;
	ASSERT_FIELD(operations_max, 0, 0);
	ASSERT_FIELD(operations_max, 1, 1);
	ASSERT_FIELD(operations_max, DATA_MOVER_SIM_OPERATIONS_MAX, 1);
	ASSERT_FIELD(operations_max, DATA_MOVER_SIM_OPERATIONS_MAX + 1, 0);
	ASSERT_FIELD(delay_min, 8, 1);
	ASSERT_FIELD(delay_min, 9, 0);
	ASSERT_FIELD(delay_max, 0, 0);
	ASSERT_FIELD(delay_max, ticks_max, 1);
	ASSERT_FIELD(delay_max, ticks_max + 1, 0);
	ASSERT_FIELD(delay_max, UINT32_MAX, 0);
	ASSERT_FIELD(ticks_per_check, 0, 1);
	ASSERT_FIELD(ticks_per_check, ticks_max, 1);
	ASSERT_FIELD(ticks_per_check, ticks_max + 1, 0);
	ASSERT_FIELD(wake_late_max, 0, 0);
	ASSERT_FIELD(wake_late_max, 1, 1);
	ASSERT_FIELD(wake_late_max, ticks_max, 1);
	ASSERT_FIELD(wake_late_max, ticks_max + 1, 0);
	ASSERT_FIELD(reorder, -1, 1);
	ASSERT_FIELD(seed, UINT64_MAX, 1);
	ASSERT_FIELD(notifier, FUTURE_NOTIFIER_POLLER, 1);
	ASSERT_FIELD(notifier, (enum future_notifier_type)(FUTURE_NOTIFIER_POLLER + 1), 0);
	for (size_t event = 0; event < DATA_MOVER_SIM_EVENTS; event++) {
		ASSERT_FIELD(permille[event], DATA_MOVER_SIM_ALWAYS, 1);
		ASSERT_FIELD(permille[event], DATA_MOVER_SIM_ALWAYS + 1, 0);
	}
	data_mover_sim_delete(NULL);
}

static void test_sim_events_that_there_are_not(void **state)
{
	static const unsigned wrong[] = {DATA_MOVER_SIM_EVENTS, 99, UINT32_MAX};
	struct data_mover_sim *const mover = sim_new(NULL);

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(wrong); i++) {
		const enum data_mover_sim_event event = (enum data_mover_sim_event)wrong[i];

		assert_int_equal(data_mover_sim_force(mover, event, 1),
				 HASHLOOM_ERROR_INVALID_ARGUMENT);
		assert_int_equal(data_mover_sim_set_chance(mover, event, 0),
				 HASHLOOM_ERROR_INVALID_ARGUMENT);
	}
	assert_int_equal(data_mover_sim_set_chance(mover, DATA_MOVER_SIM_FAIL, 1001),
			 HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(data_mover_sim_set_chance(mover, DATA_MOVER_SIM_FAIL, 1000), HASHLOOM_OK);
	data_mover_sim_delete(mover);
}

static void test_sim_the_default_comes_to_its_end_by_polling(void **state)
{
	const struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(5);
	struct data_mover_sim *const mover = sim_new(NULL);
	struct one_copy copy;
	unsigned polls = 1;

	(void)state;
	assert_int_equal(cfg.seed, 5);
	assert_int_equal(cfg.operations_max, 1024);
	assert_int_equal(cfg.delay_min, 1);
	assert_int_equal(cfg.delay_max, 8);
	assert_int_equal(cfg.ticks_per_check, 1);
	assert_int_equal(cfg.wake_late_max, 4);
	assert_int_equal(cfg.reorder, 1);
	assert_int_equal(cfg.notifier, FUTURE_NOTIFIER_NONE);
	for (size_t event = 0; event < DATA_MOVER_SIM_EVENTS; event++)
		assert_int_equal(cfg.permille[event], 0);
	copy_init(&copy, mover);
	for (; copy_poll(&copy) != FUTURE_STATE_COMPLETE; polls++)
		assert_int_equal(copy.used, FUTURE_NOTIFIER_NONE);
	assert_in_range(polls, 1, 8);
	assert_copied(&copy);
	assert_int_equal(now(mover), polls);
	data_mover_sim_delete(mover);
}

/* ---- S.1: the seed --------------------------------------------------------------------------- */

#define TRACE_COPIES 20
#define TRACE_TICKS 60

/* All that can be seen of a run from outside. */
struct trace {
	struct data_mover_sim_stats stats;
	unsigned char states[TRACE_TICKS][TRACE_COPIES];
	unsigned char results[TRACE_COPIES];
	unsigned char written[TRACE_TICKS][TRACE_COPIES];
	unsigned char woken[8 * TRACE_TICKS]; /* in their order */
	size_t woken_count;
};

struct trace_waker {
	struct trace *trace;
	unsigned char which;
};

static void trace_wake(void *data)
{
	const struct trace_waker *const waker = data;
	struct trace *const trace = waker->trace;

	if (trace->woken_count < sizeof(trace->woken))
		trace->woken[trace->woken_count++] = waker->which;
}

static void trace_run(struct trace *trace, uint64_t seed)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed);
	struct one_copy *const copies = kit_zeroed(TRACE_COPIES, sizeof(*copies));
	struct trace_waker wakers[TRACE_COPIES];

	cfg.notifier = FUTURE_NOTIFIER_WAKER;
	for (size_t event = 0; event < DATA_MOVER_SIM_EVENTS; event++)
		cfg.permille[event] = 200;
	memset(trace, 0, sizeof(*trace));
	struct data_mover_sim *const mover = sim_new(&cfg);

	for (unsigned char i = 0; i < TRACE_COPIES; i++) {
		wakers[i] = (struct trace_waker){trace, i};
		copy_init(&copies[i], mover);
	}
	for (size_t tick = 0; tick < TRACE_TICKS; tick++) {
		for (size_t i = 0; i < TRACE_COPIES; i++) {
			struct future *const future = FUTURE_AS_RUNNABLE(&copies[i].future);
			struct future_notifier notifier = kit_notifier(NULL);

			notifier.waker = (struct future_waker){&wakers[i], trace_wake};
			if ((tick + i) % 3 == 0)
				(void)future_poll(future, &notifier);
			trace->states[tick][i] = (unsigned char)future->context.state;
			trace->written[tick][i] = (unsigned char)written(&copies[i]);
		}
		(void)data_mover_sim_tick(mover);
	}
	for (size_t i = 0; i < TRACE_COPIES; i++)
		trace->results[i] = (unsigned char)FUTURE_OUTPUT(&copies[i].future)->result;
	trace->stats = stats_of(mover);
	data_mover_sim_delete(mover);
	free(copies);
}

static void test_S1_the_same_seed_gives_the_same_run_and_another_another(void **state)
{
	struct trace *const runs = kit_zeroed(3, sizeof(*runs));
	uint64_t seed = kit_seed();
	size_t woken = 0;
	size_t differ = 0;

	(void)state;
	for (unsigned turn = 0; turn < SEEDS; turn++, seed++) {
		trace_run(&runs[0], seed);
		trace_run(&runs[1], seed);
		trace_run(&runs[2], seed + 1);
		assert_true(kit_equal(&runs[0], &runs[1], sizeof(runs[0])));
		assert_true(runs[0].stats.digest != runs[2].stats.digest);
		woken += runs[0].woken_count > 0;
		differ += !kit_equal(runs[0].states, runs[2].states, sizeof(runs[0].states));
	}
	assert_in_range(woken, SEEDS * 9 / 10, SEEDS);
	assert_in_range(differ, SEEDS * 9 / 10, SEEDS);
	free(runs);
}

/* One number for all machines: a change of it means that users' seeds lead elsewhere. */
static void test_S1_the_same_run_on_every_machine(void **state)
{
	struct trace *const run = kit_zeroed(1, sizeof(*run));

	(void)state;
	trace_run(run, 1);
	print_message("digest of seed 1: 0x%llx\n", (unsigned long long)run->stats.digest);
	assert_true(run->stats.digest == UINT64_C(0x970f94b101f43ea5));
	free(run);
}

/* ---- S.2: time ------------------------------------------------------------------------------- */

static void test_S2_time_passes_in_ticks_drains_and_checks_only(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 10);
	struct one_copy copy;

	(void)state;
	struct data_mover_sim *mover = sim_new(&cfg);
	copy_start(&copy, mover);
	for (unsigned poll = 0; poll < 100; poll++)
		assert_int_equal(copy_poll(&copy), FUTURE_STATE_RUNNING);
	assert_int_equal(now(mover), 0);
	assert_int_equal(data_mover_sim_tick(mover), 0);
	assert_int_equal(now(mover), 1);
	assert_int_equal(data_mover_sim_drain(mover), 1);
	assert_int_equal(now(mover), 10);
	assert_int_equal(data_mover_sim_drain(mover), 0);
	assert_int_equal(now(mover), 10);
	assert_copied(&copy);
	data_mover_sim_delete(mover);

	cfg.ticks_per_check = 3;
	mover = sim_new(&cfg);
	copy_start(&copy, mover);
	assert_int_equal(now(mover), 3);
	assert_int_equal(copy_poll(&copy), FUTURE_STATE_RUNNING);
	assert_int_equal(copy_poll(&copy), FUTURE_STATE_RUNNING);
	assert_int_equal(now(mover), 9);
	assert_copied(&copy);
	assert_int_equal(copy_poll(&copy), FUTURE_STATE_COMPLETE);
	assert_int_equal(now(mover), 12);
	data_mover_sim_delete(mover);
}

static void test_S2_time_stands_still_while_held(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 2);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct one_copy before;
	struct one_copy during;

	(void)state;
	copy_start(&before, mover);
	(void)data_mover_sim_tick(mover);
	data_mover_sim_hold(mover);
	data_mover_sim_hold(mover);
	copy_start(&during, mover);
	for (unsigned tick = 0; tick < 10; tick++)
		assert_int_equal(data_mover_sim_tick(mover), 0);
	assert_int_equal(data_mover_sim_drain(mover), 0);
	assert_int_equal(data_mover_sim_pending(mover), 2);
	assert_int_equal(now(mover), 1);
	assert_int_equal(copy_poll(&before), FUTURE_STATE_RUNNING);
	data_mover_sim_release(mover);
	assert_int_equal(data_mover_sim_tick(mover), 1);
	/* a result that is there may be fetched */
	data_mover_sim_hold(mover);
	assert_copied(&before);
	assert_int_equal(copy_poll(&during), FUTURE_STATE_RUNNING);
	data_mover_sim_release(mover);
	data_mover_sim_release(mover);
	assert_int_equal(data_mover_sim_tick(mover), 1);
	assert_copied(&during);
	data_mover_sim_delete(mover);
}

/* ---- S.3: delays and order ------------------------------------------------------------------- */

static void test_S3_results_come_within_the_delays(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 3);
	size_t took[8] = {0};

	(void)state;
	cfg.delay_max = 6;
	for (cfg.seed = 0; cfg.seed < SEEDS; cfg.seed++) {
		struct data_mover_sim *const mover = sim_new(&cfg);
		struct one_copy copy;

		for (uint64_t idle = cfg.seed % 5; idle > 0; idle--)
			(void)data_mover_sim_tick(mover);
		const uint64_t start = now(mover);
		copy_start(&copy, mover);
		while (data_mover_sim_tick(mover) == 0)
			assert_int_equal(written(&copy), 0);
		assert_in_range(now(mover) - start, 3, 6);
		took[now(mover) - start]++;
		assert_copied(&copy);
		data_mover_sim_delete(mover);
	}
	for (size_t ticks = 3; ticks <= 6; ticks++)
		assert_true(took[ticks] > SEEDS / 8);
}

static void test_S3_no_delay_completes_with_the_first_poll(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 0);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct one_copy copy;

	(void)state;
	copy_init(&copy, mover);
	assert_copied(&copy);
	assert_int_equal(copy.used, FUTURE_NOTIFIER_NONE);
	assert_int_equal(wakes_of(&copy), 0);
	assert_int_equal(now(mover), 0);
	data_mover_sim_delete(mover);
}

#define ROW 12

/* Counts pairs of operations whose results came in another order than their starts. */
static size_t inversions(struct data_mover_sim *mover)
{
	struct one_copy copies[ROW];
	uint64_t done[ROW] = {0};
	size_t count = 0;

	for (size_t i = 0; i < ROW; i++)
		copy_start(&copies[i], mover);
	for (size_t left = ROW; left > 0;) {
		left -= data_mover_sim_tick(mover);
		for (size_t i = 0; i < ROW; i++)
			if (done[i] == 0 && written(&copies[i]) > 0)
				done[i] = now(mover);
	}
	for (size_t i = 0; i < ROW; i++) {
		assert_copied(&copies[i]);
		for (size_t k = i + 1; k < ROW; k++)
			count += done[k] < done[i];
	}
	return count;
}

static void test_S3_results_are_reordered_or_not(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 0);
	size_t reordered = 0;

	(void)state;
	cfg.delay_min = 1;
	cfg.delay_max = 20;
	for (cfg.seed = 0; cfg.seed < SEEDS; cfg.seed++) {
		cfg.reorder = 0;
		struct data_mover_sim *mover = sim_new(&cfg);
		assert_int_equal(inversions(mover), 0);
		assert_int_equal(inversions(mover), 0);
		data_mover_sim_delete(mover);
		cfg.reorder = 1;
		mover = sim_new(&cfg);
		reordered += inversions(mover) > ROW;
		data_mover_sim_delete(mover);
	}
	assert_true(reordered > SEEDS / 2);
}

/* Within a tick the order shows in who is written last to one place. Returns the number of the last. */
static unsigned last_writer(const struct data_mover_sim_cfg *cfg)
{
	struct data_mover_sim *const mover = sim_new(cfg);
	struct vdm *const vdm = data_mover_sim_get_vdm(mover);
	struct vdm_operation_future sets[ROW];
	unsigned char place = 0;

	for (unsigned i = 0; i < ROW; i++) {
		sets[i] = vdm_memset(vdm, &place, (int)i + 1, 1, 0);
		(void)future_poll(FUTURE_AS_RUNNABLE(&sets[i]), NULL);
	}
	assert_int_equal(data_mover_sim_tick(mover), ROW);
	data_mover_sim_delete(mover);
	return place;
}

static void test_S3_the_order_within_a_tick(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 1);
	size_t last[ROW + 1] = {0};

	(void)state;
	for (cfg.seed = 0; cfg.seed < SEEDS; cfg.seed++) {
		cfg.reorder = 0;
		assert_int_equal(last_writer(&cfg), ROW);
		cfg.reorder = 1;
		last[last_writer(&cfg)]++;
	}
	assert_int_equal(last[0], 0);
	for (size_t i = 1; i <= ROW; i++)
		assert_true(last[i] > 0);
}

/* Two that are due at once, the older one because it was held. */
static void test_S3_what_was_held_is_not_overtaken(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 0);
	unsigned char place = 0;

	(void)state;
	cfg.reorder = 0;
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct vdm *const vdm = data_mover_sim_get_vdm(mover);
	struct vdm_operation_future first = vdm_memset(vdm, &place, 1, 1, 0);
	struct vdm_operation_future second = vdm_memset(vdm, &place, 2, 1, 0);

	data_mover_sim_hold(mover);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&first), NULL), FUTURE_STATE_RUNNING);
	data_mover_sim_release(mover);
	assert_int_equal(place, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&second), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(place, 2);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&first), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(place, 2);
	data_mover_sim_delete(mover);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void test_sim_refuse_new(void **state)
{
	struct data_mover_sim *const mover = sim_new(NULL);
	struct one_copy copy;

	(void)state;
	force(mover, DATA_MOVER_SIM_REFUSE_NEW, 2);
	for (unsigned i = 0; i < 2; i++) {
		copy_init(&copy, mover);
		assert_int_equal(copy_poll(&copy), FUTURE_STATE_COMPLETE);
		assert_output(&copy.future, VDM_OPERATION_MEMCPY, NULL, VDM_ERROR_OUT_OF_MEMORY);
		assert_int_equal(written(&copy), 0);
	}
	copy_init(&copy, mover);
	FUTURE_BUSY_POLL(&copy.future);
	assert_copied(&copy);
	assert_int_equal(stats_of(mover).made, 1);
	assert_int_equal(stats_of(mover).events[DATA_MOVER_SIM_REFUSE_NEW], 2);
	data_mover_sim_delete(mover);
}

static void test_sim_refuse_start(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 1);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct one_copy copy;

	(void)state;
	force(mover, DATA_MOVER_SIM_REFUSE_START, 3);
	copy_init(&copy, mover);
	for (unsigned poll = 0; poll < 3; poll++) {
		copy.used = FUTURE_NOTIFIER_WAKER;
		assert_int_equal(copy_poll(&copy), FUTURE_STATE_IDLE);
		assert_int_equal(copy.used, FUTURE_NOTIFIER_NONE);
		assert_int_equal(data_mover_sim_pending(mover), 0);
		assert_int_equal(data_mover_sim_tick(mover), 0);
	}
	assert_int_equal(copy_poll(&copy), FUTURE_STATE_RUNNING);
	assert_int_equal(copy.used, FUTURE_NOTIFIER_WAKER);
	assert_int_equal(data_mover_sim_tick(mover), 1);
	assert_copied(&copy);
	assert_int_equal(stats_of(mover).started, 1);
	data_mover_sim_delete(mover);
}

/* Runs one operation with an event forced upon it; returns its result. */
static enum vdm_operation_result run_forced(struct data_mover_sim *mover,
					    enum vdm_operation_type type,
					    enum data_mover_sim_event event, unsigned char *dest,
					    unsigned char *src, size_t n)
{
	struct vdm_operation_future future =
		make_operation(data_mover_sim_get_vdm(mover), type, dest, src, 1, n, 0);

	force(mover, event, 1);
	FUTURE_BUSY_POLL(&future);
	return FUTURE_OUTPUT(&future)->result;
}

static void test_sim_fail(void **state)
{
	struct data_mover_sim *const mover = sim_new(NULL);

	(void)state;
	for (unsigned type = VDM_OPERATION_MEMCPY; type <= VDM_OPERATION_FLUSH; type++) {
		unsigned char dest[SIZE] = {0};
		unsigned char src[SIZE];

		memset(src, 1, sizeof(src));
		assert_int_equal(run_forced(mover, (enum vdm_operation_type)type,
					    DATA_MOVER_SIM_FAIL, dest, src, SIZE),
				 VDM_ERROR_JOB_CORRUPTED);
		assert_true(kit_all_bytes_are(dest, 0, SIZE));
	}
	assert_int_equal(stats_of(mover).failed, 4);
	assert_int_equal(stats_of(mover).bytes, 0);
	data_mover_sim_delete(mover);
}

static void test_sim_fail_partly(void **state)
{
	(void)state;
	for (unsigned type = VDM_OPERATION_MEMCPY; type <= VDM_OPERATION_MEMSET; type++) {
		size_t from_start = 0;

		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			const struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed);
			struct data_mover_sim *const mover = sim_new(&cfg);
			const size_t n = 2 + seed % (SIZE - 2);
			struct one_copy copy = {.wakes = {0}};

			memset(copy.src, 1, sizeof(copy.src));
			assert_int_equal(run_forced(mover, (enum vdm_operation_type)type,
						    DATA_MOVER_SIM_FAIL_PARTLY, copy.dest, copy.src,
						    n),
					 VDM_ERROR_JOB_CORRUPTED);
			assert_in_range(written(&copy), 1, n - 1);
			assert_int_equal(stats_of(mover).bytes, written(&copy));
			assert_true(copy.dest[0] + copy.dest[n - 1] == 1);
			from_start += copy.dest[0];
			data_mover_sim_delete(mover);
		}
		assert_in_range(from_start, SEEDS / 4, SEEDS * 3 / 4);
	}
}

static void test_sim_fail_partly_what_has_no_parts(void **state)
{
	struct data_mover_sim *const mover = sim_new(NULL);
	unsigned char dest = 0;
	unsigned char src = 1;

	(void)state;
	for (size_t n = 0; n <= 1; n++)
		for (unsigned turn = 0; turn < 20; turn++)
			assert_int_equal(run_forced(mover, VDM_OPERATION_MEMCPY,
						    DATA_MOVER_SIM_FAIL_PARTLY, &dest, &src, n),
					 VDM_ERROR_JOB_CORRUPTED);
	assert_int_equal(dest, 0);
	data_mover_sim_delete(mover);
}

/* Each operation of a batch that fails says so: nobody takes what was there before for a success. */
static void test_sim_fail_batch(void **state)
{
	struct data_mover_sim *const mover = sim_new(NULL);
	struct vdm *const vdm = data_mover_sim_get_vdm(mover);
	unsigned char dest[2] = {0}, src[2] = {1, 1};
	const struct vdm_operation operations[] = {vdm_operation_memcpy(&dest[0], &src[0], 1, 0),
						   vdm_operation_memcpy(&dest[1], &src[1], 1, 0)};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct vdm_operation_output outputs[2] = {{.result = VDM_SUCCESS}, {.result = VDM_SUCCESS}};
		struct vdm_operation_future future = vdm_batch(vdm, operations, outputs, 2, 0);

		force(mover, i == 0 ? DATA_MOVER_SIM_FAIL : DATA_MOVER_SIM_FAIL_PARTLY, 1);
		FUTURE_BUSY_POLL(&future);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_JOB_CORRUPTED);
		assert_int_equal(FUTURE_OUTPUT(&future)->output.batch.failed, 2);
		assert_int_equal(outputs[0].result, VDM_ERROR_JOB_CORRUPTED);
		assert_int_equal(outputs[1].result, VDM_ERROR_JOB_CORRUPTED);
		assert_true(kit_all_bytes_are(dest, 0, 2));
	}
	data_mover_sim_delete(mover);
}

/* What does not come in pieces is not torn, and leaves that to the next one. */
static void test_sim_tear_what_has_no_pieces(void **state)
{
	struct data_mover_sim *const mover = sim_new(NULL);
	unsigned char bytes[SIZE] = {0};
	struct vdm_operation_future future = vdm_compare(data_mover_sim_get_vdm(mover), bytes, bytes, SIZE, 0);

	(void)state;
	force(mover, DATA_MOVER_SIM_TEAR, 1);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(stats_of(mover).events[DATA_MOVER_SIM_TEAR], 0);
	future = vdm_memset(data_mover_sim_get_vdm(mover), bytes, 1, SIZE, 0);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(stats_of(mover).events[DATA_MOVER_SIM_TEAR], 1);
	data_mover_sim_delete(mover);
}

/* The bytes come in pieces from one end: what is there stays, and at some tick it is a part. */
static void test_sim_tear(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 6);
	size_t from_start = 0;
	size_t parts = 0;

	(void)state;
	for (cfg.seed = 0; cfg.seed < SEEDS; cfg.seed++) {
		struct data_mover_sim *const mover = sim_new(&cfg);
		struct one_copy copy;
		size_t before = 0;

		force(mover, DATA_MOVER_SIM_TEAR, 1);
		copy_start(&copy, mover);
		while (data_mover_sim_tick(mover) == 0) {
			const size_t after = written(&copy);

			assert_true(after >= before);
			if (after > 0 && after < SIZE) {
				const int at_start = copy.dest[0] == 1;

				assert_true(kit_all_bytes_are(
					copy.dest + (at_start ? 0 : SIZE - after), 1, after));
				from_start += at_start && before == 0;
				parts += before == 0;
			}
			before = after;
			assert_int_equal(copy_poll(&copy), FUTURE_STATE_RUNNING);
		}
		assert_int_equal(stats_of(mover).pieces, 5);
		assert_copied(&copy);
		data_mover_sim_delete(mover);
	}
	assert_in_range(parts, SEEDS * 3 / 4, SEEDS);
	assert_in_range(from_start, parts / 4, parts * 3 / 4);
}

static void test_sim_a_torn_failure_stops_in_the_midst(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 5);

	(void)state;
	for (cfg.seed = 0; cfg.seed < SEEDS; cfg.seed++) {
		struct data_mover_sim *const mover = sim_new(&cfg);
		struct one_copy copy;

		force(mover, DATA_MOVER_SIM_TEAR, 1);
		force(mover, DATA_MOVER_SIM_FAIL_PARTLY, 1);
		copy_start(&copy, mover);
		assert_int_equal(data_mover_sim_drain(mover), 1);
		assert_int_equal(copy_poll(&copy), FUTURE_STATE_COMPLETE);
		assert_int_equal(FUTURE_OUTPUT(&copy.future)->result, VDM_ERROR_JOB_CORRUPTED);
		assert_in_range(written(&copy), 1, SIZE - 1);
		data_mover_sim_delete(mover);
	}
}

/* A chance is a chance, also one that is set later; what is forced comes on top, or not at all. */
static void test_sim_chances(void **state)
{
	enum { COPIES = 2000 };
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(kit_seed());
	uint64_t failed[4];

	(void)state;
	cfg.delay_min = 0;
	cfg.delay_max = 0;
	cfg.permille[DATA_MOVER_SIM_FAIL] = 250;
	struct data_mover_sim *const mover = sim_new(&cfg);
	for (size_t turn = 0; turn < KIT_COUNT(failed); turn++) {
		static const uint32_t permille[] = {0, 1000, 750, 0};

		for (unsigned i = 0; i < COPIES; i++) {
			struct one_copy copy;

			copy_init(&copy, mover);
			assert_int_equal(copy_poll(&copy), FUTURE_STATE_COMPLETE);
		}
		failed[turn] = stats_of(mover).failed;
		assert_int_equal(
			data_mover_sim_set_chance(mover, DATA_MOVER_SIM_FAIL, permille[turn]),
			HASHLOOM_OK);
		force(mover, DATA_MOVER_SIM_FAIL, 10);
		if (turn != 0)
			force(mover, DATA_MOVER_SIM_FAIL, 0);
	}
	assert_in_range(failed[0], COPIES / 5, COPIES * 3 / 10);
	assert_int_equal(failed[1] - failed[0], 10);
	assert_int_equal(failed[2] - failed[1], COPIES);
	assert_in_range(failed[3] - failed[2], COPIES * 7 / 10, COPIES * 4 / 5);
	assert_int_equal(stats_of(mover).events[DATA_MOVER_SIM_FAIL], failed[3]);
	data_mover_sim_delete(mover);
}

/* ---- S.5: notifiers -------------------------------------------------------------------------- */

static void test_S5_the_waker_is_called_when_the_result_is_there(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 3);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct one_copy copy;

	(void)state;
	copy_start(&copy, mover);
	assert_int_equal(copy.used, FUTURE_NOTIFIER_WAKER);
	for (unsigned tick = 1; tick < 3; tick++) {
		(void)data_mover_sim_tick(mover);
		assert_int_equal(wakes_of(&copy), 0);
	}
	assert_int_equal(data_mover_sim_tick(mover), 1);
	assert_int_equal(wakes_of(&copy), 1);
	assert_int_equal(data_mover_sim_pending(mover), 0);
	for (unsigned tick = 0; tick < 10; tick++)
		(void)data_mover_sim_tick(mover);
	assert_int_equal(wakes_of(&copy), 1);
	assert_copied(&copy);
	data_mover_sim_delete(mover);
}

static void test_S5_late(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 2);
	size_t late[6] = {0};

	(void)state;
	cfg.wake_late_max = 5;
	for (cfg.seed = 0; cfg.seed < SEEDS; cfg.seed++) {
		struct data_mover_sim *const mover = sim_new(&cfg);
		struct one_copy copy;
		size_t ticks = 0;

		force(mover, DATA_MOVER_SIM_WAKE_LATE, 1);
		copy_start(&copy, mover);
		(void)data_mover_sim_tick(mover);
		assert_int_equal(data_mover_sim_tick(mover), 1);
		assert_int_equal(written(&copy), SIZE);
		assert_int_equal(data_mover_sim_pending(mover), 1);
		if (cfg.seed % 2 == 0) { /* who looks in between is not told any more */
			assert_copied(&copy);
			assert_int_equal(data_mover_sim_pending(mover), 0);
			(void)data_mover_sim_drain(mover);
			assert_int_equal(wakes_of(&copy), 0);
		} else {
			for (; wakes_of(&copy) == 0; ticks++)
				(void)data_mover_sim_tick(mover);
			assert_in_range(ticks, 1, 5);
			late[ticks]++;
			assert_copied(&copy);
		}
		data_mover_sim_delete(mover);
	}
	for (size_t ticks = 1; ticks <= 5; ticks++)
		assert_true(late[ticks] > 0);
}

static void test_S5_twice_and_early(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 4);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct one_copy copy;

	(void)state;
	force(mover, DATA_MOVER_SIM_WAKE_TWICE, 1);
	copy_start(&copy, mover);
	assert_int_equal(data_mover_sim_drain(mover), 1);
	assert_int_equal(wakes_of(&copy), 2);
	assert_copied(&copy);

	force(mover, DATA_MOVER_SIM_WAKE_EARLY, 2);
	copy_start(&copy, mover);
	for (uint32_t tick = 1; tick <= 3; tick++) {
		assert_int_equal(data_mover_sim_tick(mover), 0);
		assert_int_equal(wakes_of(&copy), tick < 2 ? tick : 2);
		assert_int_equal(copy_poll(&copy), FUTURE_STATE_RUNNING);
		assert_int_equal(copy.used, FUTURE_NOTIFIER_WAKER);
	}
	assert_int_equal(data_mover_sim_tick(mover), 1);
	assert_int_equal(wakes_of(&copy), 3);
	assert_copied(&copy);
	assert_int_equal(stats_of(mover).wakes, 5);
	data_mover_sim_delete(mover);
}

/* Polls with the first ('a') or second ('b') waker or without ('-'); then who is called? */
static void assert_told(const char *polls, uint32_t first, uint32_t second)
{
	const struct data_mover_sim_cfg cfg = still(1, 2);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct one_copy copy;
	hl_u32 wakes[2] = {{0}};

	copy_init(&copy, mover);
	for (const char *poll = polls; *poll != '\0'; poll++) {
		struct future_notifier notifier = kit_notifier(&wakes[*poll == 'b']);

		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy.future),
					     *poll == '-' ? NULL : &notifier),
				 FUTURE_STATE_RUNNING);
	}
	assert_int_equal(data_mover_sim_drain(mover), 1);
	assert_int_equal(hl_u32_load_relaxed(&wakes[0]), first);
	assert_int_equal(hl_u32_load_relaxed(&wakes[1]), second);
	assert_copied(&copy);
	data_mover_sim_delete(mover);
}

static void test_S5_the_waker_of_the_last_poll_counts(void **state)
{
	(void)state;
	assert_told("a", 1, 0);
	assert_told("ab", 0, 1);
	assert_told("abba", 1, 0);
	assert_told("-a", 1, 0);
	assert_told("a-", 0, 0);
	assert_told("-", 0, 0);
	assert_told("a-b", 0, 1);
}

static void test_S5_the_word_of_a_poller(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 1);
	struct future_notifier notifier = kit_notifier(NULL);
	struct one_copy copy;

	(void)state;
	cfg.notifier = FUTURE_NOTIFIER_POLLER;
	cfg.wake_late_max = 1;
	struct data_mover_sim *const mover = sim_new(&cfg);

	for (uint32_t late = 0; late <= 1; late++) {
		force(mover, DATA_MOVER_SIM_WAKE_LATE, late);
		force(mover, DATA_MOVER_SIM_WAKE_EARLY, 1);
		force(mover, DATA_MOVER_SIM_WAKE_TWICE, 1);
		copy_init(&copy, mover);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy.future), &notifier),
				 FUTURE_STATE_RUNNING);
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_POLLER);
		const uint64_t *const word = notifier.poller.ptr_to_monitor;
		assert_int_equal(*word, 0);
		assert_int_equal(data_mover_sim_tick(mover), 1);
		assert_int_equal(*word, !late);
		assert_int_equal(data_mover_sim_pending(mover), late);
		(void)data_mover_sim_tick(mover);
		assert_int_equal(*word, 1);
		assert_copied(&copy);
	}
	assert_int_equal(stats_of(mover).wakes, 2);
	data_mover_sim_delete(mover);
}

static void test_S5_nobody_is_told_with_no_notifier(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 2);
	struct one_copy copy;

	(void)state;
	cfg.notifier = FUTURE_NOTIFIER_NONE;
	for (size_t event = DATA_MOVER_SIM_WAKE_LATE; event < DATA_MOVER_SIM_EVENTS; event++)
		cfg.permille[event] = DATA_MOVER_SIM_ALWAYS;
	struct data_mover_sim *const mover = sim_new(&cfg);

	copy_start(&copy, mover);
	assert_int_equal(copy.used, FUTURE_NOTIFIER_NONE);
	assert_int_equal(data_mover_sim_drain(mover), 1);
	assert_int_equal(now(mover), 2);
	assert_copied(&copy);
	assert_int_equal(wakes_of(&copy), 0);
	assert_int_equal(stats_of(mover).wakes, 0);
	data_mover_sim_delete(mover);
}

/* ---- S.6: wakers that come back -------------------------------------------------------------- */

/* A waker that does something with the mover. What it saw is looked at after the tick. */
struct visitor {
	struct data_mover_sim *mover;
	struct one_copy *copy;  /* whose waker it is */
	struct one_copy *other; /* polled anew, from the start */
	unsigned calls;
	enum future_state seen;
	enum future_state other_seen;
	size_t ticked;
	int finished;
};

static void visit(void *data);

static struct future_notifier visitor_notifier(struct visitor *visitor)
{
	struct future_notifier notifier = kit_notifier(NULL);

	notifier.waker = (struct future_waker){visitor, visit};
	return notifier;
}

static void visit(void *data)
{
	struct visitor *const visitor = data;
	struct future_notifier notifier = visitor_notifier(visitor);
	struct data_mover_sim_stats stats;

	visitor->calls++;
	visitor->ticked += data_mover_sim_tick(visitor->mover);
	visitor->ticked += data_mover_sim_drain(visitor->mover);
	(void)data_mover_sim_pending(visitor->mover);
	data_mover_sim_hold(visitor->mover);
	data_mover_sim_release(visitor->mover);
	(void)data_mover_sim_force(visitor->mover, DATA_MOVER_SIM_FAIL, 0);
	(void)data_mover_sim_set_chance(visitor->mover, DATA_MOVER_SIM_FAIL, 0);
	data_mover_sim_statistics(visitor->mover, &stats);
	visitor->seen = future_poll(FUTURE_AS_RUNNABLE(&visitor->copy->future), &notifier);
	if (visitor->other == NULL || visitor->calls > 1)
		return;
	/* takes the place that has just become free */
	copy_init(visitor->other, visitor->mover);
	visitor->other_seen = copy_poll(visitor->other);
	visitor->finished = data_mover_sim_finish(visitor->mover, &visitor->other->future);
}

static void visitor_start(struct visitor *visitor, struct data_mover_sim *mover,
			  struct one_copy *copy, struct one_copy *other)
{
	*visitor = (struct visitor){.mover = mover, .copy = copy, .other = other};
	struct future_notifier notifier = visitor_notifier(visitor);

	copy_init(copy, mover);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy->future), &notifier),
			 FUTURE_STATE_RUNNING);
}

static void test_S6_a_waker_may_use_the_mover(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 2);
	struct one_copy copy;
	struct one_copy other;
	struct visitor visitor;

	(void)state;
	cfg.operations_max = 1; /* so that the other one gets the same record */
	struct data_mover_sim *const mover = sim_new(&cfg);

	force(mover, DATA_MOVER_SIM_WAKE_TWICE, 1);
	visitor_start(&visitor, mover, &copy, &other);
	assert_int_equal(data_mover_sim_tick(mover), 0);
	assert_int_equal(data_mover_sim_tick(mover), 1);
	/* the second call was dropped with the completion */
	assert_int_equal(visitor.calls, 1);
	assert_int_equal(visitor.seen, FUTURE_STATE_COMPLETE);
	assert_int_equal(visitor.ticked, 0);
	assert_int_equal(now(mover), 2);
	assert_copied(&copy);
	/* the other one's waker was called after this one */
	assert_int_equal(visitor.other_seen, FUTURE_STATE_RUNNING);
	assert_int_equal(visitor.finished, 1);
	assert_int_equal(wakes_of(&other), 1);
	assert_copied(&other);
	data_mover_sim_delete(mover);
}

/* Called early, it polls, takes itself for the next call, and is called again. */
static void test_S6_a_waker_may_poll_what_is_not_complete(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 5);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct one_copy copy;
	struct visitor visitor;

	(void)state;
	force(mover, DATA_MOVER_SIM_WAKE_EARLY, 3);
	visitor_start(&visitor, mover, &copy, NULL);
	for (unsigned tick = 1; tick <= 4; tick++) {
		assert_int_equal(data_mover_sim_tick(mover), 0);
		assert_int_equal(visitor.calls, tick < 3 ? tick : 3);
		assert_int_equal(visitor.seen, FUTURE_STATE_RUNNING);
	}
	assert_int_equal(data_mover_sim_tick(mover), 1);
	assert_int_equal(visitor.calls, 4);
	assert_copied(&copy);
	data_mover_sim_delete(mover);
}

/* The poll of one lets the time pass that brings the other's result, whose waker polls the first. */
static void test_S6_a_waker_may_poll_the_one_in_whose_poll_it_is_called(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 2);
	struct one_copy told;
	struct one_copy outer;
	struct visitor visitor;
	struct data_mover_sim_stats stats;

	(void)state;
	cfg.ticks_per_check = 1;
	struct data_mover_sim *const mover = sim_new(&cfg);

	data_mover_sim_hold(mover);
	visitor_start(&visitor, mover, &told, NULL);
	copy_start(&outer, mover);
	visitor.copy = &outer;
	data_mover_sim_release(mover);
	assert_int_equal(copy_poll(&outer), FUTURE_STATE_RUNNING);
	assert_int_equal(visitor.calls, 0);
	assert_copied(&outer);
	assert_int_equal(visitor.calls, 1);
	assert_int_equal(visitor.seen, FUTURE_STATE_RUNNING);
	assert_copied(&told);
	data_mover_sim_statistics(mover, &stats);
	assert_int_equal(stats.completed, 2);
	data_mover_sim_delete(mover);
}

/* ---- control --------------------------------------------------------------------------------- */

static void test_sim_finish_names_the_order(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 100);
	struct one_copy copies[ROW];
	struct one_copy idle;

	(void)state;
	cfg.reorder = 0;
	cfg.permille[DATA_MOVER_SIM_WAKE_LATE] = DATA_MOVER_SIM_ALWAYS;
	struct data_mover_sim *const mover = sim_new(&cfg);

	data_mover_sim_hold(mover);
	copy_init(&idle, mover);
	assert_int_equal(data_mover_sim_finish(mover, &idle.future), 0);
	struct data_mover_sim *const another = sim_new(&cfg);
	struct one_copy foreign;

	copy_start(&foreign, another);
	assert_int_equal(data_mover_sim_finish(mover, &foreign.future), 0);
	data_mover_sim_delete(another);
	assert_int_equal(written(&idle), 0);
	for (size_t i = 0; i < ROW; i++)
		copy_start(&copies[i], mover);
	for (size_t k = 0; k < ROW; k++) {
		struct one_copy *const copy = &copies[(k * 5 + 3) % ROW];

		assert_int_equal(copy_poll(copy), FUTURE_STATE_RUNNING);
		assert_int_equal(data_mover_sim_finish(mover, &copy->future), 1);
		assert_int_equal(wakes_of(copy), 1);
		assert_int_equal(data_mover_sim_finish(mover, &copy->future), 0);
		assert_int_equal(data_mover_sim_pending(mover), ROW - 1 - k);
		assert_copied(copy);
		assert_int_equal(data_mover_sim_finish(mover, &copy->future), 0);
		assert_int_equal(wakes_of(copy), 1);
	}
	assert_int_equal(now(mover), 0);
	data_mover_sim_delete(mover);
}

static void test_sim_drain_and_pending(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 0);
	struct one_copy copies[ROW];

	(void)state;
	cfg.delay_min = 1;
	cfg.delay_max = 30;
	cfg.permille[DATA_MOVER_SIM_WAKE_LATE] = 500;
	for (cfg.seed = 0; cfg.seed < SEEDS; cfg.seed++) {
		struct data_mover_sim *const mover = sim_new(&cfg);

		cfg.reorder = cfg.seed % 2 == 0;
		assert_int_equal(data_mover_sim_pending(mover), 0);
		for (size_t i = 0; i < ROW; i++) {
			assert_int_equal(data_mover_sim_pending(mover), i);
			copy_start(&copies[i], mover);
		}
		assert_int_equal(data_mover_sim_drain(mover), ROW);
		assert_int_equal(data_mover_sim_pending(mover), 0);
		assert_in_range(now(mover), 1, 34);
		for (size_t i = 0; i < ROW; i++) {
			assert_int_equal(wakes_of(&copies[i]), 1);
			assert_copied(&copies[i]);
		}
		data_mover_sim_delete(mover);
	}
}

static void test_sim_statistics(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 1);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct data_mover_sim_stats stats = stats_of(mover);
	struct one_copy copies[4];

	(void)state;
	assert_true(kit_all_bytes_are(&stats, 0, sizeof(stats)));
	for (size_t i = 0; i < 4; i++)
		copy_init(&copies[i], mover);
	force(mover, DATA_MOVER_SIM_FAIL, 1);
	for (size_t i = 0; i < 3; i++)
		(void)copy_poll(&copies[i]);
	assert_int_equal(data_mover_sim_tick(mover), 3);
	assert_copied(&copies[1]);
	stats = stats_of(mover);
	assert_int_equal(stats.ticks, 1);
	assert_int_equal(stats.made, 4);
	assert_int_equal(stats.started, 3);
	assert_int_equal(stats.done, 3);
	assert_int_equal(stats.failed, 1);
	assert_int_equal(stats.completed, 1);
	assert_int_equal(stats.pieces, 0);
	assert_int_equal(stats.bytes, 2 * SIZE);
	assert_int_equal(stats.wakes, 3);
	for (size_t event = 0; event < DATA_MOVER_SIM_EVENTS; event++)
		assert_int_equal(stats.events[event], event == DATA_MOVER_SIM_FAIL);
	data_mover_sim_delete(mover);
}

static void test_V4_the_bound_is_the_one_that_was_asked_for(void **state)
{
	static const uint32_t bounds[] = {1, 2, 100, DATA_MOVER_SIM_OPERATIONS_MAX};
	struct data_mover_sim_cfg cfg = still(1, 0);
	unsigned char byte = 0;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(bounds); i++) {
		struct vdm_operation_future first;

		cfg.operations_max = bounds[i];
		struct rig *const rig = rig_new(&cfg);
		assert_int_equal(make_until_full(rig, &byte, &first), bounds[i]);
		assert_int_equal(stats_of(rig->mover).made, bounds[i]);
		FUTURE_BUSY_POLL(&first);
		assert_int_equal(make_until_full(rig, &byte, &first), 1);
		void *unused = rig;
		(void)teardown(&unused);
	}
}

static void test_S7_delete_drops_what_is_in_flight(void **state)
{
	struct data_mover_sim_cfg cfg = still(1, 5);
	struct one_copy copies[3];

	(void)state;
	struct data_mover_sim *const mover = sim_new(&cfg);
	copy_init(&copies[0], mover);
	copy_start(&copies[1], mover);
	force(mover, DATA_MOVER_SIM_WAKE_LATE, 1);
	copy_start(&copies[2], mover);
	assert_int_equal(data_mover_sim_finish(mover, &copies[2].future), 1);
	assert_int_equal(wakes_of(&copies[2]), 1);
	data_mover_sim_delete(mover);
	assert_int_equal(written(&copies[0]), 0);
	assert_int_equal(written(&copies[1]), 0);
	assert_int_equal(wakes_of(&copies[1]), 0);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* A waker that takes its time, in memory that dies when the future is seen complete. */
struct slow_waker {
	hl_u32 called;
	unsigned finished; /* plain */
};

static void wake_slowly(void *data)
{
	struct slow_waker *const slow = data;

	hl_u32_fetch_add_release(&slow->called, 1);
	kit_sleep_us(500);
	slow->finished++;
}

/* Early calls too: while one lasts, its waker is not replaced, and time stands still for all. */
static void test_S5_complete_only_when_the_waker_has_returned(void **state)
{
	const struct data_mover_sim_cfg cfg = still(1, 2);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct ticker ticker;

	(void)state;
	for (unsigned turn = 0; turn < 20; turn++) {
		struct slow_waker slow = {{0}, 0};
		struct future_notifier notifier = kit_notifier(NULL);
		struct one_copy copy;

		force(mover, DATA_MOVER_SIM_WAKE_EARLY, turn % 2);
		notifier.waker = (struct future_waker){&slow, wake_slowly};
		copy_init(&copy, mover);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy.future), &notifier),
				 FUTURE_STATE_RUNNING);
		ticker_start(&ticker, mover);
		kit_wait_for(&slow.called, 1);
		FUTURE_BUSY_POLL(&copy.future);
		ticker_stop(&ticker);
		assert_int_equal(slow.finished, hl_u32_load_relaxed(&slow.called));
		assert_copied(&copy);
	}
	data_mover_sim_delete(mover);
}

/* Holds the moment in which a waker is being called. */
struct gate_waker {
	hl_u32 called;
	hl_u32 permitted;
};

static void wake_at_gate(void *data)
{
	struct gate_waker *const gate = data;

	hl_u32_fetch_add_release(&gate->called, 1);
	kit_wait_for(&gate->permitted, 1);
}

static void *tick_once(void *arg)
{
	(void)data_mover_sim_tick(arg);
	return NULL;
}

static void assert_polls_during_a_call(int is_early)
{
	const struct data_mover_sim_cfg cfg = still(1, is_early ? 2 : 1);
	struct data_mover_sim *const mover = sim_new(&cfg);
	struct gate_waker gate = {{0}, {0}};
	struct future_notifier notifier = kit_notifier(NULL);
	struct one_copy copy;

	notifier.waker = (struct future_waker){&gate, wake_at_gate};
	force(mover, DATA_MOVER_SIM_WAKE_EARLY, (uint32_t)is_early);
	copy_init(&copy, mover);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy.future), &notifier),
			 FUTURE_STATE_RUNNING);
	const pthread_t thread = kit_start(tick_once, mover);
	kit_wait_for(&gate.called, 1);
	/* not complete, time stands still, and this poll's waker is not taken */
	for (unsigned poll = 0; poll < 3; poll++) {
		assert_int_equal(copy_poll(&copy), FUTURE_STATE_RUNNING);
		assert_int_equal(copy.used, FUTURE_NOTIFIER_NONE);
		assert_int_equal(data_mover_sim_tick(mover), 0);
		assert_int_equal(now(mover), 1);
	}
	hl_u32_store_release(&gate.permitted, 1);
	kit_join(thread);
	assert_int_equal(data_mover_sim_drain(mover), is_early);
	assert_int_equal(wakes_of(&copy), 0);
	assert_int_equal(hl_u32_load_relaxed(&gate.called), 1);
	assert_copied(&copy);
	data_mover_sim_delete(mover);
}

static void test_S5_polls_by_another_thread_during_a_call(void **state)
{
	(void)state;
	assert_polls_during_a_call(0);
	assert_polls_during_a_call(1);
}

#define CHURN_THREADS 4
#define CHURN_IN_FLIGHT 8

struct churn {
	struct data_mover_sim *mover;
	uint64_t random;
	size_t wrong;
};

/* Each copy has a block, which is freed as soon as it is seen complete: no wake may come later. */
static void *churn_run(void *arg)
{
	struct churn *const churn = arg;
	struct one_copy *copies[CHURN_IN_FLIGHT] = {NULL};

	for (unsigned turn = 0; turn < KIT_REPEAT(20000); turn++) {
		struct one_copy **const place =
			&copies[kit_random_below(&churn->random, CHURN_IN_FLIGHT)];

		if (*place == NULL) {
			*place = calloc(1, sizeof(**place));
			if (*place == NULL)
				break;
			copy_init(*place, churn->mover);
		}
		if (copy_poll(*place) != FUTURE_STATE_COMPLETE)
			continue;
		churn->wrong += !kit_all_bytes_are((*place)->dest, 1, SIZE);
		free(*place);
		*place = NULL;
	}
	for (size_t i = 0; i < CHURN_IN_FLIGHT; i++) {
		if (copies[i] == NULL)
			continue;
		FUTURE_BUSY_POLL(&copies[i]->future);
		churn->wrong += !kit_all_bytes_are(copies[i]->dest, 1, SIZE);
		free(copies[i]);
	}
	return NULL;
}

static void test_S5_threads_poll_and_let_time_pass(void **state)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(kit_seed());
	struct churn churns[CHURN_THREADS];
	pthread_t threads[CHURN_THREADS];
	struct ticker ticker;

	(void)state;
	cfg.notifier = FUTURE_NOTIFIER_WAKER;
	for (size_t event = DATA_MOVER_SIM_REFUSE_START; event < DATA_MOVER_SIM_EVENTS; event++)
		if (event != DATA_MOVER_SIM_FAIL && event != DATA_MOVER_SIM_FAIL_PARTLY)
			cfg.permille[event] = 300;
	struct data_mover_sim *const mover = sim_new(&cfg);

	ticker_start(&ticker, mover);
	for (size_t i = 0; i < CHURN_THREADS; i++) {
		churns[i] = (struct churn){mover, cfg.seed + i, 0};
		threads[i] = kit_start(churn_run, &churns[i]);
	}
	for (size_t i = 0; i < CHURN_THREADS; i++) {
		kit_join(threads[i]);
		assert_int_equal(churns[i].wrong, 0);
	}
	ticker_stop(&ticker);
	const struct data_mover_sim_stats stats = stats_of(mover);
	assert_int_equal(stats.made, stats.completed);
	assert_int_equal(data_mover_sim_pending(mover), 0);
	for (size_t event = 0; event < DATA_MOVER_SIM_EVENTS; event++)
		assert_int_equal(stats.events[event] > 0, cfg.permille[event] > 0);
	data_mover_sim_delete(mover);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVER_TESTS(setup_default, teardown),
		MOVER_TESTS(setup_torn, teardown),
		MOVER_TESTS(setup_wakers, teardown_wakers),
		MOVER_LONG_TESTS(setup_torn, teardown),
		cmocka_unit_test(test_sim_numbers_out_of_range),
		cmocka_unit_test(test_sim_events_that_there_are_not),
		cmocka_unit_test(test_sim_the_default_comes_to_its_end_by_polling),
		cmocka_unit_test(test_S1_the_same_seed_gives_the_same_run_and_another_another),
		cmocka_unit_test(test_S1_the_same_run_on_every_machine),
		cmocka_unit_test(test_S2_time_passes_in_ticks_drains_and_checks_only),
		cmocka_unit_test(test_S2_time_stands_still_while_held),
		cmocka_unit_test(test_S3_results_come_within_the_delays),
		cmocka_unit_test(test_S3_no_delay_completes_with_the_first_poll),
		cmocka_unit_test(test_S3_results_are_reordered_or_not),
		cmocka_unit_test(test_S3_the_order_within_a_tick),
		cmocka_unit_test(test_S3_what_was_held_is_not_overtaken),
		cmocka_unit_test(test_sim_refuse_new),
		cmocka_unit_test(test_sim_refuse_start),
		cmocka_unit_test(test_sim_fail),
		cmocka_unit_test(test_sim_fail_partly),
		cmocka_unit_test(test_sim_fail_partly_what_has_no_parts),
		cmocka_unit_test(test_sim_fail_batch),
		cmocka_unit_test(test_sim_tear_what_has_no_pieces),
		cmocka_unit_test(test_sim_tear),
		cmocka_unit_test(test_sim_a_torn_failure_stops_in_the_midst),
		cmocka_unit_test(test_sim_chances),
		cmocka_unit_test(test_S5_the_waker_is_called_when_the_result_is_there),
		cmocka_unit_test(test_S5_late),
		cmocka_unit_test(test_S5_twice_and_early),
		cmocka_unit_test(test_S5_the_waker_of_the_last_poll_counts),
		cmocka_unit_test(test_S5_the_word_of_a_poller),
		cmocka_unit_test(test_S5_nobody_is_told_with_no_notifier),
		cmocka_unit_test(test_S6_a_waker_may_use_the_mover),
		cmocka_unit_test(test_S6_a_waker_may_poll_what_is_not_complete),
		cmocka_unit_test(test_S6_a_waker_may_poll_the_one_in_whose_poll_it_is_called),
		cmocka_unit_test(test_sim_finish_names_the_order),
		cmocka_unit_test(test_sim_drain_and_pending),
		cmocka_unit_test(test_sim_statistics),
		cmocka_unit_test(test_V4_the_bound_is_the_one_that_was_asked_for),
		cmocka_unit_test(test_S7_delete_drops_what_is_in_flight),
		cmocka_unit_test(test_S5_complete_only_when_the_waker_has_returned),
		cmocka_unit_test(test_S5_polls_by_another_thread_during_a_call),
		cmocka_unit_test(test_S5_threads_poll_and_let_time_pass),
	};

	return KIT_RUN(tests);
}
