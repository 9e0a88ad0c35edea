/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* sleep.c: futures that sleep: three at once in one thread, one that is not waited for, and a clock that the program moves itself. */
#include <stdio.h>

#include <hashloom/runtime.h>
#include <hashloom/timers.h>

#define MS (1000 * 1000)

/* The waker of a sleep that no runtime waits for. */
static void say(void *data)
{
	printf("%s\n", (const char *)data);
}

static void sleep_by_the_clock(struct hashloom_timers *timers, struct runtime *runtime)
{
	struct hashloom_sleep_fut sleeps[] = {hashloom_sleep(timers, 10 * MS), hashloom_sleep(timers, 5 * MS),
					      hashloom_sleep(timers, 15 * MS)};
	struct future *futures[] = {FUTURE_AS_RUNNABLE(&sleeps[0]), FUTURE_AS_RUNNABLE(&sleeps[1]),
				    FUTURE_AS_RUNNABLE(&sleeps[2])};
	const uint64_t begin = hashloom_timers_now_ns(timers);

	/* All sleep at the same time: 15 ms, not 30. */
	runtime_wait_multiple(runtime, futures, 3);
	printf("slept %s\n", hashloom_timers_now_ns(timers) - begin >= 15 * MS ? "15 ms or more" : "too little");
}

static void give_up(struct hashloom_timers *timers, struct runtime *runtime)
{
	struct hashloom_sleep_fut hour = hashloom_sleep(timers, (uint64_t)3600 * 1000 * MS);
	struct future_notifier notifier = {.waker = {"an hour has passed", say}};

	(void)future_poll(FUTURE_AS_RUNNABLE(&hour), &notifier);
	future_cancel(FUTURE_AS_RUNNABLE(&hour));
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&hour));
	printf("%s\n", future_is_cancelled(FUTURE_AS_RUNNABLE(&hour)) ? "cancelled" : "slept for an hour");
}

static uint64_t simulated_now_ns(void *clock_ns)
{
	return *(const uint64_t *)clock_ns;
}

/* For tests, which need not wait an hour: a wheel without a thread, and a clock that goes on when we say so. */
static int sleep_by_a_clock_of_our_own(void)
{
	uint64_t clock_ns = 0;
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	cfg.now_ns = simulated_now_ns;
	cfg.now_arg = &clock_ns;
	cfg.tick_ns = 1;
	cfg.driven_by_caller = 1;
	struct hashloom_timers *const timers = hashloom_timers_new(&cfg);

	if (timers == NULL)
		return 1;
	struct hashloom_sleep_fut hour = hashloom_sleep(timers, (uint64_t)3600 * 1000 * MS);
	struct future_notifier notifier = {.waker = {"an hour has passed", say}};

	(void)future_poll(FUTURE_AS_RUNNABLE(&hour), &notifier);
	while (hashloom_timers_count(timers) > 0) {
		clock_ns += hashloom_timers_next_ns(timers);
		(void)hashloom_timers_run(timers);
	}
	printf("the clock shows %d s\n", (int)(clock_ns / MS / 1000));
	hashloom_timers_delete(timers);
	return 0;
}

int main(void)
{
	struct hashloom_timers *timers = hashloom_timers_new(NULL);
	struct runtime *runtime = runtime_new();
	int failed = 1;

	if (timers != NULL && runtime != NULL) {
		sleep_by_the_clock(timers, runtime);
		give_up(timers, runtime);
		failed = sleep_by_a_clock_of_our_own();
	}
	runtime_delete(runtime);
	hashloom_timers_delete(timers);
	return failed;
}
