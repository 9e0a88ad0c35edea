/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * executor.c: what spawned tasks cost.
 *
 * spawn_complete      a task spawns n that are complete at their first poll, with 1 and 2 workers; ns per task.
 * ready_task          n tasks that yield 16 times each; ns per poll. coroutine: n C++20 coroutines that suspend as often, resumed from a ring queue.
 * tasks_of_1_us       n tasks that compute for a microsecond, with 1 and 2 workers; ns per task.
 * wake_to_poll        from before a wake in another thread until the task's poll; the median of many, in ns. futex: until a thread
 *                     that sleeps on a futex goes on.
 */
#include <hashloom/runtime.h>

#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "coroutines.h"

#define TASKS_PER_REPETITION 200000
#define POLLS_PER_REPETITION 2000000
#define YIELDS 16
#define LATENCY_SAMPLES 301
#define LATENCY_PAUSE_NS 200000
#define TASK_NS 1000

struct nothing {
	int unused;
};

struct yield_data {
	unsigned yields;
};

FUTURE(yield_fut, struct yield_data, struct nothing);

static void compute(uint64_t ns)
{
	const uint64_t end = bench_now_ns() + ns;

	while (bench_now_ns() < end) {
	}
}

static enum future_state compute_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)context, (void)notifier;
	compute(TASK_NS);
	return FUTURE_STATE_COMPLETE;
}

static enum future_state yield_task(struct future_context *context, struct future_notifier *notifier)
{
	struct yield_data *const data = future_context_get_data(context);

	if (data->yields == 0)
		return FUTURE_STATE_COMPLETE;
	data->yields--;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

/* Task and future side by side, as programs have them. */
struct unit {
	struct runtime_task task;
	struct yield_fut future;
};

struct spawn_data {
	struct runtime *runtime;
	struct unit *units;
	size_t n;
	future_task_fn each;
	unsigned yields;
};

FUTURE(spawn_fut, struct spawn_data, struct nothing);

static enum future_state spawn_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct spawn_data *const data = future_context_get_data(context);

	(void)notifier;
	for (size_t i = 0; i < data->n; i++) {
		data->units[i].future.data.yields = data->yields;
		FUTURE_INIT(&data->units[i].future, data->each);
		if (runtime_spawn(data->runtime, &data->units[i].task, FUTURE_AS_RUNNABLE(&data->units[i].future), NULL) != HASHLOOM_OK)
			bench_fail("a task was not spawned");
	}
	return FUTURE_STATE_COMPLETE;
}

/* Nanoseconds of all runs, in which one task spawns n and all are joined. */
static uint64_t measure_tasks(size_t n, unsigned workers, size_t runs, future_task_fn each, unsigned yields)
{
	struct runtime_cfg cfg = runtime_cfg_default();
	struct unit *const units = bench_allocate(n * sizeof(*units));
	uint64_t spent = 0;

	cfg.workers = workers;
	struct runtime *const runtime = runtime_new_cfg(&cfg);
	if (runtime == NULL)
		bench_fail("no runtime");
	for (size_t run = 0; run < runs; run++) {
		struct spawn_fut spawner = { .data = { runtime, units, n, each, yields } };
		struct runtime_task task;

		FUTURE_INIT(&spawner, spawn_task);
		const uint64_t begin = bench_now_ns();
		(void)runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&spawner), NULL);
		runtime_join(&task);
		for (size_t i = n; i-- > 0;)
			runtime_join(&units[i].task);
		spent += bench_now_ns() - begin;
	}
	runtime_delete(runtime);
	free(units);
	return spent;
}

static double spawn_complete(const struct bench_case *bench_case)
{
	const size_t runs = TASKS_PER_REPETITION / bench_case->n + 1;

	return (double)measure_tasks(bench_case->n, bench_case->threads, runs, yield_task, 0) / (double)(runs * bench_case->n);
}

static double ready_task(const struct bench_case *bench_case)
{
	const size_t runs = POLLS_PER_REPETITION / YIELDS / bench_case->n + 1;
	const double polls = (double)(runs * bench_case->n * YIELDS);
	/* What spawning costs is taken off. */
	const double with = (double)measure_tasks(bench_case->n, bench_case->threads, runs, yield_task, YIELDS);
	const double without = (double)measure_tasks(bench_case->n, bench_case->threads, runs, yield_task, 0);

	return (with - without) / polls;
}

static double ready_coroutine(const struct bench_case *bench_case)
{
	const size_t runs = POLLS_PER_REPETITION / YIELDS / bench_case->n + 1;

	return coroutines_resume(bench_case->n, YIELDS, runs) / (double)(runs * bench_case->n * YIELDS);
}

static double tasks_of_1_us(const struct bench_case *bench_case)
{
	return (double)measure_tasks(bench_case->n, bench_case->threads, 1, compute_task, 0) / (double)bench_case->n;
}

/* ---- wakes ------------------------------------------------------------------------------------------ */

struct wake_data {
	hl_u64 *seen_ns;
	struct future_waker *waker;
	hl_u32 *is_waiting;
};

FUTURE(wake_fut, struct wake_data, struct nothing);

static enum future_state wake_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct wake_data *const data = future_context_get_data(context);

	if (hl_u32_load_relaxed(data->is_waiting)) {
		hl_u64_store_release(data->seen_ns, bench_now_ns());
		return FUTURE_STATE_COMPLETE;
	}
	*data->waker = notifier->waker;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	hl_u32_store_release(data->is_waiting, 1);
	return FUTURE_STATE_RUNNING;
}

static void sleep_ns(long ns)
{
	nanosleep(&(struct timespec){ .tv_sec = 0, .tv_nsec = ns }, NULL);
}

static double wake_to_poll_ours(const struct bench_case *bench_case)
{
	struct runtime_cfg cfg = runtime_cfg_default();
	uint64_t samples[LATENCY_SAMPLES];

	cfg.workers = bench_case->threads;
	struct runtime *const runtime = runtime_new_cfg(&cfg);
	if (runtime == NULL)
		bench_fail("no runtime");
	for (unsigned i = 0; i < LATENCY_SAMPLES; i++) {
		hl_u64 seen_ns = { 0 };
		hl_u32 is_waiting = { 0 };
		struct future_waker waker;
		struct wake_fut future = { .data = { &seen_ns, &waker, &is_waiting } };
		struct runtime_task task;

		FUTURE_INIT(&future, wake_task);
		(void)runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&future), NULL);
		while (!hl_u32_load_acquire(&is_waiting))
			sleep_ns(1000);
		sleep_ns(LATENCY_PAUSE_NS);
		const uint64_t begin = bench_now_ns();
		waker.wake(waker.data);
		runtime_join(&task);
		samples[i] = hl_u64_load_acquire(&seen_ns) - begin;
	}
	runtime_delete(runtime);
	return bench_median(samples, LATENCY_SAMPLES);
}

static struct {
	hl_u32 word;
	hl_u32 is_over;
	hl_u64 seen_ns;
} bare;

static void *sleep_on_the_futex(void *argument)
{
	uint32_t seen = 0;

	(void)argument;
	while (!hl_u32_load_acquire(&bare.is_over)) {
		(void)syscall(SYS_futex, &bare.word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
		const uint64_t now = bench_now_ns();
		const uint32_t word = hl_u32_load_acquire(&bare.word);

		if (word == seen)
			continue;
		seen = word;
		hl_u64_store_release(&bare.seen_ns, now);
	}
	return NULL;
}

static void wake_the_futex(void)
{
	hl_u32_fetch_add_release(&bare.word, 1);
	(void)syscall(SYS_futex, &bare.word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static double wake_to_poll_futex(const struct bench_case *bench_case)
{
	uint64_t samples[LATENCY_SAMPLES];
	pthread_t thread;

	(void)bench_case;
	hl_u32_store_relaxed(&bare.word, 0);
	hl_u32_store_relaxed(&bare.is_over, 0);
	if (pthread_create(&thread, NULL, sleep_on_the_futex, NULL) != 0)
		bench_fail("no thread");
	for (unsigned i = 0; i < LATENCY_SAMPLES; i++) {
		hl_u64_store_relaxed(&bare.seen_ns, 0);
		sleep_ns(LATENCY_PAUSE_NS);
		const uint64_t begin = bench_now_ns();
		uint64_t seen;

		wake_the_futex();
		while ((seen = hl_u64_load_acquire(&bare.seen_ns)) == 0)
			sleep_ns(1000);
		samples[i] = seen - begin;
	}
	hl_u32_store_release(&bare.is_over, 1);
	wake_the_futex();
	pthread_join(thread, NULL);
	return bench_median(samples, LATENCY_SAMPLES);
}

static const struct bench_case cases[] = {
	{ "spawn_complete", "hashloom", 1000, 1, spawn_complete, 0, 0 },
	{ "spawn_complete", "hashloom", 65536, 1, spawn_complete, 0, 0 },
	{ "spawn_complete", "hashloom", 1000, 2, spawn_complete, 0, 0 },
	{ "spawn_complete", "hashloom", 65536, 2, spawn_complete, 0, 0 },
	{ "ready_task", "hashloom", 16, 0, ready_task, 0, 0 },
	{ "ready_task", "coroutine", 16, 0, ready_coroutine, 0, 0 },
	{ "ready_task", "hashloom", 1000, 0, ready_task, 0, 0 },
	{ "ready_task", "coroutine", 1000, 0, ready_coroutine, 0, 0 },
	{ "ready_task", "hashloom", 1000, 1, ready_task, 0, 0 },
	{ "ready_task", "hashloom", 65536, 0, ready_task, 0, 0 },
	{ "ready_task", "coroutine", 65536, 0, ready_coroutine, 0, 0 },
	{ "tasks_of_1_us", "hashloom", 10000, 1, tasks_of_1_us, 0, 0 },
	{ "tasks_of_1_us", "hashloom", 10000, 2, tasks_of_1_us, 0, 0 },
	{ "wake_to_poll", "hashloom", 1, 1, wake_to_poll_ours, 0, 0 },
	{ "wake_to_poll", "futex", 1, 1, wake_to_poll_futex, 0, 0 },
};

const struct bench_group bench_executor = { cases, sizeof(cases) / sizeof(cases[0]), 3 };
