/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_executor_threads.c: many tasks and threads at once: no wake and no task is lost, none is polled by two (S.1 to S.4 of runtime.h).
 *
 * Method: tasks that yield, wait for their wakers, and are complete only when they have been polled once more after each wake: a
 * lost one is
 * a test that hangs. What polls write is plain memory, so that ThreadSanitizer sees two of them that are not ordered.
 */
#define _GNU_SOURCE 1
#include "test_kit.h"

#include <hashloom/runtime.h>

#include <signal.h>
#include <sys/epoll.h>

static const unsigned workers_counts[] = { 0, 1, 2, 8 };

static struct runtime *runtime;

/* ---- tasks that wait for events ------------------------------------------------------------------ */

/* An event wakes whom it finds registered. The task is not complete while it is CALLING (S.2). */
enum event_state { EVENT_IDLE, EVENT_REGISTERED, EVENT_CALLING, EVENT_HAPPENED };

struct sleeper_data {
	hl_u32 state;
	int news; /* plain: before each event */
	unsigned events_needed, events;
	unsigned yields;
	unsigned polls;
	unsigned errors;
	hl_u32 is_polled;
	struct future_waker waker;
};

struct sleeper_output {
	unsigned polls;
};

FUTURE(sleeper_fut, struct sleeper_data, struct sleeper_output);

struct sleeper {
	struct runtime_task task;
	struct sleeper_fut future;
};

static enum future_state yield(struct future_notifier *notifier)
{
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

/* Ends when it is registered, or the events are over: each turn is for an event. */
static enum future_state wait_for_events(struct future_context *context, struct sleeper_data *data, struct future_notifier *notifier)
{
	while (data->events < data->events_needed) {
		uint32_t state = hl_u32_load_acquire(&data->state);

		if (state == EVENT_CALLING)
			return FUTURE_STATE_RUNNING; /* it will soon be over */
		if (state == EVENT_HAPPENED) {
			data->errors += data->news != (int)++data->events;
			hl_u32_store_release(&data->state, EVENT_IDLE);
			continue;
		}
		if (future_context_is_cancelled(context)) {
			if (hl_u32_cas_acq_rel(&data->state, &state, EVENT_HAPPENED))
				return future_context_cancelled(context);
			continue;
		}
		data->waker = notifier->waker;
		if (state == EVENT_REGISTERED || hl_u32_cas_acq_rel(&data->state, &state, EVENT_REGISTERED)) {
			notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
			return FUTURE_STATE_RUNNING;
		}
	}
	return FUTURE_STATE_COMPLETE;
}

static enum future_state sleeper_task(struct future_context *context, struct future_notifier *notifier)
{
	struct sleeper_data *const data = future_context_get_data(context);
	struct sleeper_output *const output = future_context_get_output(context);

	data->errors += hl_u32_exchange_relaxed(&data->is_polled, 1) != 0;
	output->polls = ++data->polls;
	const enum future_state state = data->yields > 0 ? (data->yields--, yield(notifier)) : wait_for_events(context, data, notifier);
	hl_u32_store_relaxed(&data->is_polled, 0);
	return state;
}

static int sleeper_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

/* 1: the event has happened. 0: the last one has not been noticed yet. */
static int happen(struct sleeper *sleeper, int news)
{
	struct sleeper_data *const data = &sleeper->future.data;
	uint32_t state = hl_u32_load_acquire(&data->state);

	if (state != EVENT_REGISTERED || !hl_u32_cas_acq_rel(&data->state, &state, EVENT_CALLING))
		return 0;
	const struct future_waker waker = data->waker;
	data->news = news;
	FUTURE_WAKER_WAKE(&waker);
	hl_u32_store_release(&data->state, EVENT_HAPPENED);
	return 1;
}

static void sleeper_init(struct sleeper *sleeper, unsigned events, unsigned yields)
{
	memset(sleeper, 0, sizeof(*sleeper));
	FUTURE_INIT_EXT(&sleeper->future, sleeper_task, sleeper_has_property);
	sleeper->future.data.events_needed = events;
	sleeper->future.data.yields = yields;
}

static struct sleeper *sleepers_new(size_t n, unsigned events, unsigned yields)
{
	struct sleeper *const sleepers = kit_zeroed(n, sizeof(*sleepers));

	for (size_t i = 0; i < n; i++)
		sleeper_init(&sleepers[i], events, yields);
	return sleepers;
}

static void spawn(struct sleeper *sleeper, runtime_completed_fn completed)
{
	assert_int_equal(runtime_spawn(runtime, &sleeper->task, FUTURE_AS_RUNNABLE(&sleeper->future), completed), HASHLOOM_OK);
}

static void begin(unsigned workers)
{
	struct runtime_cfg cfg = runtime_cfg_default();

	cfg.workers = workers;
	runtime = runtime_new_cfg(&cfg);
	assert_non_null(runtime);
}

static void end(uint64_t spawned)
{
	struct runtime_statistics stats;

	runtime_shutdown(runtime, RUNTIME_SHUTDOWN_GRACEFUL);
	runtime_stats(runtime, &stats);
	assert_int_equal(stats.spawned, spawned);
	assert_int_equal(stats.completed, spawned);
	runtime_delete(runtime);
}

/* ---- wakes from other threads --------------------------------------------------------------------- */

struct waking {
	struct sleeper *sleepers;
	size_t n, first, step;
	unsigned events;
	hl_u32 *stop; /* or NULL: until all have happened */
};

static void pause_a_little(unsigned *turns)
{
	if (++*turns % 64 == 0)
		kit_sleep_us(20);
	else
		sched_yield();
}

/* Each of its sleepers so many times, each as soon as it can be. */
static void *waking_run(void *arg)
{
	struct waking *const waking = arg;
	unsigned turns = 0;

	for (unsigned event = 1; event <= waking->events; event++)
		for (size_t i = waking->first; i < waking->n; i += waking->step)
			while (!happen(&waking->sleepers[i], (int)event)) {
				if (waking->stop != NULL && hl_u32_load_relaxed(waking->stop))
					return NULL;
				pause_a_little(&turns);
			}
	return NULL;
}

static void assert_sleepers_done(const struct sleeper *sleepers, size_t n, unsigned events, unsigned yields)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(FUTURE_STATE(&sleepers[i].future), FUTURE_STATE_COMPLETE);
		assert_int_equal(sleepers[i].future.data.errors, 0);
		assert_int_equal(sleepers[i].future.data.events, events);
		assert_true(sleepers[i].future.output.polls >= yields + events);
	}
}

static void wake_many(unsigned workers, size_t n, unsigned events, unsigned yields)
{
	struct sleeper *const sleepers = sleepers_new(n, events, yields);
	struct waking wakings[2];
	pthread_t threads[2];

	begin(workers);
	for (size_t i = 0; i < n; i++)
		spawn(&sleepers[i], NULL);
	for (size_t i = 0; i < 2; i++) {
		wakings[i] = (struct waking){ sleepers, n, i, 2, events, NULL };
		threads[i] = kit_start(waking_run, &wakings[i]);
	}
	for (size_t i = 0; i < n; i++)
		runtime_join(&sleepers[i].task);
	for (size_t i = 0; i < 2; i++)
		kit_join(threads[i]);
	assert_sleepers_done(sleepers, n, events, yields);
	end(n);
	free(sleepers);
}

/* R.1, S.1 */
static void test_executor_100000_tasks_yield_wait_and_are_woken(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++)
		wake_many(workers_counts[i], KIT_REPEAT(100000), 1, 1);
}

/* One at a time: workers, wakers and who joins sleep and wake all the time. */
static void test_executor_R1_few_tasks_and_many_wakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		wake_many(workers_counts[i], 2, KIT_REPEAT(3000), 0);
		wake_many(workers_counts[i], 7, KIT_REPEAT(1000), 3);
	}
}

/* ---- spawns --------------------------------------------------------------------------------------- */

static hl_u32 told;

static void free_it(struct runtime_task *task)
{
	free(task);
	hl_u32_fetch_add_release(&told, 1);
}

struct family_data {
	unsigned depth;
};

struct family_output {
	int nothing;
};

FUTURE(family_fut, struct family_data, struct family_output);

struct family {
	struct runtime_task task;
	struct family_fut future;
};

#define CHILDREN 300 /* more than a ring takes */

static void spawn_family(unsigned depth);

static enum future_state family_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct family_data *const data = future_context_get_data(context);

	(void)notifier;
	for (unsigned i = 0; data->depth > 0 && i < (data->depth == 2 ? 40 : CHILDREN); i++)
		spawn_family(data->depth - 1);
	return FUTURE_STATE_COMPLETE;
}

static void spawn_family(unsigned depth)
{
	struct family *const family = calloc(1, sizeof(*family));

	if (family == NULL)
		return;
	FUTURE_INIT(&family->future, family_task);
	family->future.data.depth = depth;
	if (runtime_spawn(runtime, &family->task, FUTURE_AS_RUNNABLE(&family->future), free_it) != HASHLOOM_OK)
		free(family);
}

/* What does not fit into the ring is stolen, done and freed by others as soon as it is in the ring. */
static void test_executor_S3_families_of_tasks_that_free_themselves(void **state)
{
	const uint32_t count = 1 + 40 + 40 * CHILDREN;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++)
		for (unsigned turn = 0; turn < KIT_REPEAT(8); turn++) {
			hl_u32_store_relaxed(&told, 0);
			begin(workers_counts[i]);
			spawn_family(2);
			if (workers_counts[i] == 0)
				(void)runtime_run_ready(runtime, SIZE_MAX);
			else
				kit_wait_for(&told, count);
			end(count);
			assert_int_equal(hl_u32_load_acquire(&told), count);
		}
}

/* ---- join ----------------------------------------------------------------------------------------- */

struct joining {
	struct sleeper *sleepers;
	size_t n;
	unsigned errors;
};

static void *joining_run(void *arg)
{
	struct joining *const joining = arg;

	for (size_t i = 0; i < joining->n; i++) {
		runtime_join(&joining->sleepers[i].task);
		joining->errors += joining->sleepers[i].future.output.polls == 0;
	}
	return NULL;
}

static void test_executor_several_threads_join(void **state)
{
	const size_t n = 1000;

	(void)state;
	for (size_t i = 1; i < KIT_COUNT(workers_counts); i++) {
		struct sleeper *const sleepers = sleepers_new(n, 1, 1);
		struct waking waking = { sleepers, n, 0, 1, 1, NULL };
		struct joining joinings[3];
		pthread_t threads[3], waker;

		begin(workers_counts[i]);
		for (size_t k = 0; k < n; k++)
			spawn(&sleepers[k], NULL);
		for (size_t k = 0; k < 3; k++) {
			joinings[k] = (struct joining){ sleepers, n, 0 };
			threads[k] = kit_start(joining_run, &joinings[k]);
		}
		waker = kit_start(waking_run, &waking);
		for (size_t k = 0; k < 3; k++) {
			kit_join(threads[k]);
			assert_int_equal(joinings[k].errors, 0);
		}
		kit_join(waker);
		end(n);
		free(sleepers);
	}
}

/* ---- shutdown and cancel beside wakes ------------------------------------------------------------- */

static void count_told(struct runtime_task *task)
{
	(void)task;
	hl_u32_fetch_add_release(&told, 1);
}

/* Tasks never polled, in turn, running, waiting and being woken: all are told, once. */
static void test_executor_S3_immediate_shutdown_beside_wakes(void **state)
{
	const size_t n = 500;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++)
		for (unsigned turn = 0; turn < KIT_REPEAT(20); turn++) {
			struct sleeper *const sleepers = sleepers_new(n, 1000, turn % 4);
			hl_u32 stop = { 0 };
			struct waking waking = { sleepers, n, 0, 1, 1000, &stop };

			hl_u32_store_relaxed(&told, 0);
			begin(workers_counts[i]);
			for (size_t k = 0; k < n; k++)
				spawn(&sleepers[k], count_told);
			const pthread_t thread = kit_start(waking_run, &waking);
			kit_sleep_us(turn * 50);
			runtime_shutdown(runtime, RUNTIME_SHUTDOWN_IMMEDIATE);
			hl_u32_store_relaxed(&stop, 1);
			kit_join(thread);
			assert_int_equal(hl_u32_load_acquire(&told), n);
			for (size_t k = 0; k < n; k++)
				assert_int_equal(FUTURE_STATE(&sleepers[k].future), FUTURE_STATE_COMPLETE);
			end(n);
			free(sleepers);
		}
}

struct cancelling {
	struct sleeper *sleepers;
	size_t n;
};

static void *cancelling_run(void *arg)
{
	struct cancelling *const cancelling = arg;

	for (size_t i = cancelling->n; i-- > 0;)
		runtime_cancel(&cancelling->sleepers[i].task);
	return NULL;
}

/* From a thread, while another wakes. Both have stopped before a task's memory is used again. */
static void test_executor_cancel_beside_wakes(void **state)
{
	const size_t n = KIT_REPEAT(2000);

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		struct sleeper *const sleepers = sleepers_new(n, 1000, 2);
		hl_u32 stop = { 0 };
		struct waking waking = { sleepers, n, 0, 1, 1000, &stop };
		struct cancelling cancelling = { sleepers, n };

		begin(workers_counts[i]);
		for (size_t k = 0; k < n; k++)
			spawn(&sleepers[k], NULL);
		const pthread_t waker = kit_start(waking_run, &waking), canceller = kit_start(cancelling_run, &cancelling);
		for (size_t k = 0; k < n; k++) {
			runtime_join(&sleepers[k].task);
			assert_int_equal(sleepers[k].future.data.errors, 0);
			assert_int_equal(future_is_cancelled(FUTURE_AS_RUNNABLE(&sleepers[k].future)), 1);
		}
		hl_u32_store_relaxed(&stop, 1);
		kit_join(waker);
		kit_join(canceller);
		end(n);
		free(sleepers);
	}
}

/* ---- signal handlers ------------------------------------------------------------------------------ */

#ifndef KIT_THREAD_SANITIZER
static struct sleeper *to_be_woken;
static hl_u32 handled;

static void on_signal(int number)
{
	(void)number;
	if (happen(to_be_woken, 1 + (int)hl_u32_load_relaxed(&handled)))
		hl_u32_fetch_add_release(&handled, 1);
}

/* Unblocks the signal on the worker that polls it, and tells which thread that is. */
static pthread_t worker_thread;
static hl_u32 has_worker_thread;

static enum future_state unblocking_task(struct future_context *context, struct future_notifier *notifier)
{
	sigset_t set;

	(void)context;
	(void)notifier;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	worker_thread = pthread_self();
	hl_u32_store_release(&has_worker_thread, 1);
	return FUTURE_STATE_COMPLETE;
}

/* Ends when so many signals have woken somebody. */
static void *signalling_run(void *arg)
{
	const unsigned wakes = *(const unsigned *)arg;
	unsigned turns = 0;

	while (hl_u32_load_acquire(&handled) < wakes) {
		pthread_kill(worker_thread, SIGUSR1);
		pause_a_little(&turns);
	}
	return NULL;
}

/* S.2: a handler interrupts the worker, or the thread that drives, wherever it is, and wakes. */
static void test_executor_S2_wakes_from_a_handler_on_the_worker(void **state)
{
	struct sigaction action, before;
	unsigned wakes = KIT_REPEAT(4000);

	(void)state;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = SA_RESTART;
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	for (size_t i = 0; i < 2; i++) {
		struct sleeper sleeper, busy;
		struct family unblocking;

		begin(workers_counts[i]);
		hl_u32_store_relaxed(&handled, 0);
		hl_u32_store_relaxed(&has_worker_thread, 0);
		sleeper_init(&sleeper, wakes, 0);
		sleeper_init(&busy, 0, 20000);
		to_be_woken = &sleeper;
		FUTURE_INIT(&unblocking.future, unblocking_task);
		assert_int_equal(runtime_spawn(runtime, &unblocking.task, FUTURE_AS_RUNNABLE(&unblocking.future), NULL), HASHLOOM_OK);
		runtime_join(&unblocking.task);
		kit_wait_for(&has_worker_thread, 1);
		spawn(&sleeper, NULL);
		spawn(&busy, NULL);
		const pthread_t thread = kit_start(signalling_run, &wakes);
		runtime_join(&sleeper.task);
		runtime_join(&busy.task);
		kit_join(thread);
		assert_sleepers_done(&sleeper, 1, wakes, 0);
		end(3);
	}
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

#endif

/* ---- an event loop -------------------------------------------------------------------------------- */

/* With epoll, woken by threads; the fd is made while they wake. */
static void test_executor_inside_of_an_epoll_loop(void **state)
{
	const size_t n = 20;
	const unsigned events = KIT_REPEAT(1000);
	struct sleeper *const sleepers = sleepers_new(n, events, 1);
	struct waking waking = { sleepers, n, 0, 1, events, NULL };
	struct epoll_event event = { .events = EPOLLIN };
	size_t complete = 0;

	(void)state;
	begin(0);
	for (size_t i = 0; i < n; i++)
		spawn(&sleepers[i], NULL);
	assert_true(runtime_run_ready(runtime, SIZE_MAX) >= 2 * n);
	const pthread_t thread = kit_start(waking_run, &waking);
	const int epoll = epoll_create1(0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, runtime_fd(runtime), &event), 0);
	while (complete < n) {
		const uint64_t timeout_ns = runtime_timeout_ns(runtime);
		const int timeout_ms = timeout_ns == UINT64_MAX ? -1 : (int)((timeout_ns + 999999) / 1000000);

		assert_true(epoll_wait(epoll, &event, 1, timeout_ms) >= 0);
		(void)runtime_run_ready(runtime, 1 + complete % 7);
		for (; complete < n && runtime_is_complete(&sleepers[complete].task); complete++) {
		}
	}
	kit_join(thread);
	assert_sleepers_done(sleepers, n, events, 1);
	close(epoll);
	end(n);
	free(sleepers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_executor_100000_tasks_yield_wait_and_are_woken),
		cmocka_unit_test(test_executor_R1_few_tasks_and_many_wakes),
		cmocka_unit_test(test_executor_S3_families_of_tasks_that_free_themselves),
		cmocka_unit_test(test_executor_several_threads_join),
		cmocka_unit_test(test_executor_S3_immediate_shutdown_beside_wakes),
		cmocka_unit_test(test_executor_cancel_beside_wakes),
#ifndef KIT_THREAD_SANITIZER /* which keeps signals back until its thread makes a call that it knows: not in a futex */
		cmocka_unit_test(test_executor_S2_wakes_from_a_handler_on_the_worker),
#endif
		cmocka_unit_test(test_executor_inside_of_an_epoll_loop),
	};

	return KIT_RUN(tests);
}
