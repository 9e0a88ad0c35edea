/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * event_loop_kit.h: what a runtime inside of somebody else's event loop must do, whatever the loop. A program for each loop includes this
 * file, defines loop_open(), loop_run() and loop_close(), and runs EVENT_LOOP_TESTS.
 *
 * A wake that is lost shows as a loop that sleeps for ever: the alarm of test_kit.h ends it.
 */
#ifndef HL_EVENT_LOOP_KIT_H
#define HL_EVENT_LOOP_KIT_H

#include "test_kit.h"

#include <hashloom/data_mover_threads.h>
#include <hashloom/future_test.h>
#include <hashloom/runtime.h>
#include <hashloom/timers.h>

#define MS_NS 1000000
#define STEPS_MAX 64

/* A loop with a runtime in it, the wheel that it drives, and a timer of its own that ticks every millisecond. */
struct loop {
	struct runtime *runtime;
	struct hashloom_timers *timers;
	int (*is_done)(struct loop *loop);
	void *arg;
	unsigned ticks; /* of its own timer */
	unsigned turns; /* calls of loop_work() */
	unsigned naps;	/* of these: with something to do later */
	void *own;	/* the program's */
};

/* Puts runtime and wheel into a loop. */
static void loop_open(struct loop *loop);
/* Turns until loop->is_done(), which is asked after each turn of loop_work(). */
static void loop_run(struct loop *loop);
static void loop_close(struct loop *loop);

/* What a loop does before it sleeps. Returns for how long it may: nanoseconds, or UINT64_MAX. */
static inline uint64_t loop_work(struct loop *loop)
{
	(void)hashloom_timers_run(loop->timers);
	(void)runtime_run_ready(loop->runtime, STEPS_MAX);
	const uint64_t timers_ns = hashloom_timers_next_ns(loop->timers), runtime_ns = runtime_timeout_ns(loop->runtime);

	loop->turns++;
	loop->naps += runtime_ns != 0 && runtime_ns != UINT64_MAX;
	return timers_ns < runtime_ns ? timers_ns : runtime_ns;
}

/* In milliseconds, not less; -1: for ever. */
HL_UNUSED static inline int loop_timeout_ms(uint64_t ns)
{
	if (ns == UINT64_MAX)
		return -1;
	return ns > UINT64_C(1000) * MS_NS ? 1000 : (int)((ns + MS_NS - 1) / MS_NS);
}

static inline struct loop fresh_loop(int (*is_done)(struct loop *), void *arg)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	cfg.driven_by_caller = 1;
	struct loop loop = {.runtime = runtime_new(), .timers = hashloom_timers_new(&cfg), .is_done = is_done, .arg = arg};
	assert_non_null(loop.runtime);
	assert_non_null(loop.timers);
	loop_open(&loop);
	return loop;
}

/* In the order that event-loops.md names: out of the loop, the runtime, what its tasks use. */
static inline void end_loop(struct loop *loop)
{
	loop_close(loop);
	runtime_delete(loop->runtime);
	hashloom_timers_delete(loop->timers);
}

static inline int task_is_complete(struct loop *loop)
{
	return runtime_is_complete(loop->arg);
}

static inline void spawn(struct loop *loop, struct runtime_task *task, struct future *future)
{
	assert_int_equal(runtime_spawn(loop->runtime, task, future, NULL), HASHLOOM_OK);
}

struct kit_no_output {
	char unused;
};

/* ---- no wake is lost ------------------------------------------------------------------------------ */

#define WAKES KIT_REPEAT(100000)

struct stream {
	struct future_test_manual manual;
	hl_u32 sent, received;
};

struct receiver_data {
	struct stream *stream;
	struct future_test_manual_fut manual;
};

FUTURE(receiver_fut, struct receiver_data, struct kit_no_output);

/* The manual future has the waker before we look: what is sent later wakes us. */
static enum future_state receiver_task(struct future_context *context, struct future_notifier *notifier)
{
	struct receiver_data *const data = future_context_get_data(context);
	const enum future_state state = future_poll(FUTURE_AS_RUNNABLE(&data->manual), notifier);

	hl_u32_store_release(&data->stream->received, hl_u32_load_acquire(&data->stream->sent));
	return state;
}

/* At most three are on their way, often just one: then the loop has nothing to do but to wait for the next. */
static void *send_all(void *arg)
{
	struct stream *const stream = arg;
	uint64_t chance = 1;

	for (uint32_t i = 1; i <= WAKES; i++) {
		const uint32_t window = kit_random_below(&chance, 4) == 0 ? 3 : 1;

		if (i > window)
			kit_wait_for(&stream->received, i - window);
		hl_u32_store_release(&stream->sent, i);
		(void)future_test_manual_wake(&stream->manual);
	}
	(void)future_test_manual_complete(&stream->manual, 0);
	return NULL;
}

static void test_no_wake_from_another_thread_is_lost(void **state)
{
	struct runtime_task task;
	struct loop loop = fresh_loop(task_is_complete, &task);
	struct stream stream = {.sent = {0}, .received = {0}};
	struct receiver_fut receiver = {.data = {&stream, future_test_manual_future(&stream.manual)}};

	(void)state;
	FUTURE_INIT(&receiver, receiver_task);
	spawn(&loop, &task, FUTURE_AS_RUNNABLE(&receiver));
	const pthread_t thread = kit_start(send_all, &stream);
	loop_run(&loop);
	kit_join(thread);
	assert_int_equal(hl_u32_load_relaxed(&stream.received), WAKES);
	end_loop(&loop);
}

/* ---- it sleeps ------------------------------------------------------------------------------------ */

static inline int has_ticked_20_times(struct loop *loop)
{
	return loop->ticks >= 20;
}

static void test_with_nothing_ready_the_loop_sleeps_and_nothing_is_polled(void **state)
{
	struct runtime_task task;
	struct loop loop = fresh_loop(has_ticked_20_times, &task);
	struct future_test_manual manual = {.end = 0};
	struct future_test_manual_fut waits = future_test_manual_future(&manual);
	struct runtime_statistics stats;

	(void)state;
	spawn(&loop, &task, FUTURE_AS_RUNNABLE(&waits));
	loop_run(&loop);
	runtime_stats(loop.runtime, &stats);
	assert_int_equal(stats.polls, 1);
	/* the ticks, the beginning and a few for nothing; a loop that does not sleep makes thousands */
	assert_true(loop.turns <= 20 + 20);
	assert_int_equal(loop.naps, 0);
	end_loop(&loop);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&waits)));
}

static void test_what_uses_no_waker_is_polled_in_turn_with_pauses(void **state)
{
	struct runtime_task tasks[2];
	struct loop loop = fresh_loop(has_ticked_20_times, NULL);
	/* of these two only the second comes to its end, and not before there were pauses */
	struct future_test_pending_fut endless = future_test_pending(UINT32_MAX, 0), ends = future_test_pending(2060, 0);

	(void)state;
	spawn(&loop, &tasks[0], FUTURE_AS_RUNNABLE(&endless));
	spawn(&loop, &tasks[1], FUTURE_AS_RUNNABLE(&ends));
	loop_run(&loop);
	loop.is_done = task_is_complete;
	loop.arg = &tasks[1];
	loop_run(&loop);
	assert_int_equal(ends.output.polls, 2061);
	assert_true(loop.naps > 0);
	assert_false(runtime_is_complete(&tasks[0]));
	end_loop(&loop);
	assert_true(runtime_is_complete(&tasks[0]));
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&endless)));
}

/* ---- the loop's own events ------------------------------------------------------------------------ */

struct yields_data {
	const struct loop *loop;
	unsigned polls;
};

FUTURE(yields_fut, struct yields_data, struct kit_no_output);

/* Is always ready, and ends when the loop has had its own events. */
static enum future_state yields_task(struct future_context *context, struct future_notifier *notifier)
{
	struct yields_data *const data = future_context_get_data(context);

	data->polls++;
	if (data->loop->ticks >= 5)
		return FUTURE_STATE_COMPLETE;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

static void test_the_loops_own_events_go_on_while_tasks_are_always_ready(void **state)
{
	struct runtime_task task;
	struct loop loop = fresh_loop(task_is_complete, &task);
	struct yields_fut yields = {.data = {&loop, 0}};

	(void)state;
	FUTURE_INIT(&yields, yields_task);
	spawn(&loop, &task, FUTURE_AS_RUNNABLE(&yields));
	loop_run(&loop);
	assert_true(loop.ticks >= 5);
	assert_true(yields.data.polls > STEPS_MAX);
	end_loop(&loop);
}

/* ---- movers and timers ---------------------------------------------------------------------------- */

#define JOBS 20

struct job_data {
	FUTURE_CHAIN_ENTRY(struct hashloom_sleep_fut, sleep);
	FUTURE_CHAIN_ENTRY_LAST(struct vdm_operation_future, copy);
};

FUTURE(job_fut, struct job_data, struct kit_no_output);

struct jobs {
	struct data_mover_threads *mover;
	struct job_fut futures[JOBS];
	struct runtime_task tasks[JOBS];
	char from[JOBS][256], to[JOBS][256];
};

static inline int all_jobs_are_complete(struct loop *loop)
{
	const struct jobs *const jobs = loop->arg;

	for (unsigned i = 0; i < JOBS; i++)
		if (!runtime_is_complete(&jobs->tasks[i]))
			return 0;
	return 1;
}

/* Each sleeps, and copies then. */
static inline void spawn_jobs(struct loop *loop, struct jobs *jobs, uint64_t sleep_ns)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.threads = 2;
	cfg.inline_max = 0;
	jobs->mover = data_mover_threads_new_cfg(&cfg);
	assert_non_null(jobs->mover);
	for (unsigned i = 0; i < JOBS; i++) {
		struct job_fut *const job = &jobs->futures[i];

		memset(jobs->from[i], (int)i + 1, sizeof(jobs->from[i]));
		FUTURE_CHAIN_ENTRY_INIT(&job->data.sleep, hashloom_sleep(loop->timers, sleep_ns * (JOBS - i)), NULL, NULL);
		FUTURE_CHAIN_ENTRY_INIT(&job->data.copy,
					vdm_memcpy(data_mover_threads_get_vdm(jobs->mover), jobs->to[i], jobs->from[i], sizeof(jobs->to[i]), 0),
					NULL, NULL);
		FUTURE_CHAIN_INIT(job);
		spawn(loop, &jobs->tasks[i], FUTURE_AS_RUNNABLE(job));
	}
}

static void test_timers_of_the_loop_and_threads_of_a_mover_wake_tasks(void **state)
{
	struct jobs *const jobs = kit_zeroed(1, sizeof(*jobs));
	struct loop loop = fresh_loop(all_jobs_are_complete, jobs);
	const uint64_t begin = hashloom_timers_now_ns(loop.timers);

	(void)state;
	spawn_jobs(&loop, jobs, MS_NS);
	loop_run(&loop);
	assert_true(hashloom_timers_now_ns(loop.timers) - begin >= JOBS * MS_NS);
	assert_true(kit_equal(jobs->from, jobs->to, sizeof(jobs->to)));
	end_loop(&loop);
	data_mover_threads_delete(jobs->mover);
	free(jobs);
}

static void test_a_runtime_is_deleted_while_its_tasks_wait_for_timers_and_movers(void **state)
{
	(void)state;
	/* the first jobs are copying, perhaps, when it ends; the last ones would sleep for hours */
	for (unsigned turns = 0; turns < 6; turns++) {
		struct jobs *const jobs = kit_zeroed(1, sizeof(*jobs));
		struct loop loop = fresh_loop(has_ticked_20_times, jobs);

		spawn_jobs(&loop, jobs, 0);
		jobs->futures[0].data.sleep.fut = hashloom_sleep(loop.timers, UINT64_MAX);
		for (unsigned i = 0; i < turns; i++)
			(void)loop_work(&loop);
		end_loop(&loop);
		assert_true(all_jobs_are_complete(&(struct loop){.arg = jobs}));
		assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&jobs->futures[0])));
		data_mover_threads_delete(jobs->mover);
		free(jobs);
	}
}

#define EVENT_LOOP_TESTS                                                                           \
	cmocka_unit_test(test_no_wake_from_another_thread_is_lost),                                \
	cmocka_unit_test(test_with_nothing_ready_the_loop_sleeps_and_nothing_is_polled),           \
	cmocka_unit_test(test_what_uses_no_waker_is_polled_in_turn_with_pauses),                   \
	cmocka_unit_test(test_the_loops_own_events_go_on_while_tasks_are_always_ready),            \
	cmocka_unit_test(test_timers_of_the_loop_and_threads_of_a_mover_wake_tasks),               \
	cmocka_unit_test(test_a_runtime_is_deleted_while_its_tasks_wait_for_timers_and_movers)

#endif
