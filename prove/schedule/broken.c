/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * broken.c: scenarios that fail, each in another way. test_schedule.sh sees that the scheduler says so.
 */
#include "schedule.h"

#include <hashloom/atomic.h>

static struct {
	hl_u64 ready;
	hl_u32 word;
	uint64_t plain;
} *shared;
static hl_u32 *freed;
static pthread_mutex_t locks[2];
static uint64_t seen[2];
static unsigned runs; /* never set back */

static void setup(void)
{
	shared = calloc(1, sizeof(*shared));
	SCHEDULE_REQUIRE(shared != NULL);
	schedule_name(shared, "shared");
	freed = NULL;
	memset(locks, 0, sizeof(locks));
}

static void check(void)
{
	free(shared);
}

/* Two preemptions lose one of three increments. */
static void lost_update(unsigned task)
{
	(void)task;
	hl_u64_store_relaxed(&shared->ready, hl_u64_load_relaxed(&shared->ready) + 1);
}

static void lost_update_check(void)
{
	schedule_note("there are %d", (int)hl_u64_load_relaxed(&shared->ready));
	SCHEDULE_REQUIRE(hl_u64_load_relaxed(&shared->ready) == 2);
	check();
}

static void deadlock(unsigned task)
{
	pthread_mutex_lock(&locks[task]);
	pthread_mutex_lock(&locks[1 - task]);
	pthread_mutex_unlock(&locks[1 - task]);
	pthread_mutex_unlock(&locks[task]);
}

/* Looks, and sleeps on the value that it finds afterwards. */
static void lost_wake(unsigned task)
{
	if (task == 0) {
		while (hl_u64_load_acquire(&shared->ready) == 0)
			hl_schedule_futex_wait(&shared->word.raw, hl_u32_load_relaxed(&shared->word), 0);
	} else {
		hl_u64_store_release(&shared->ready, 1);
		(void)hl_u32_fetch_add_relaxed(&shared->word, 1);
		hl_schedule_futex_wake(&shared->word.raw, 1);
	}
}

/* Believes that it was woken. */
static void no_second_look(unsigned task)
{
	if (task == 0) {
		hl_schedule_futex_wait(&shared->word.raw, 0, 0);
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&shared->word) == 1);
	} else {
		hl_u32_store_relaxed(&shared->word, 1);
		hl_schedule_futex_wake(&shared->word.raw, 1);
	}
}

/* Believes that a second is enough. */
static void too_sure(unsigned task)
{
	if (task == 0) {
		nanosleep(&(const struct timespec){ .tv_sec = 1 }, NULL);
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&shared->word) == 1);
	} else {
		hl_u32_store_relaxed(&shared->word, 1);
	}
}

static void livelock(unsigned task)
{
	for (;;)
		(void)hl_u32_fetch_add_relaxed(&shared->word, task);
}

static void use_after_free(unsigned task)
{
	if (task == 0) {
		freed = malloc(sizeof(*freed));
		hl_u32_store_relaxed(freed, 1);
		hl_u64_store_release(&shared->ready, 1);
		free(freed);
	} else if (hl_u64_load_acquire(&shared->ready) != 0) {
		(void)hl_u32_load_relaxed(freed);
	}
}

static void out_of_bounds(unsigned task)
{
	hl_u32 *const words = malloc(3 * sizeof(*words));

	hl_u32_store_relaxed(&words[2 + task], 1);
	free(words);
}

static void double_free(unsigned task)
{
	if (task == 0 && hl_u64_fetch_add_relaxed(&shared->ready, 1) == 0) {
		void *const block = malloc(0);

		free(block);
		free(block);
	}
}

static void leak(unsigned task)
{
	if (hl_u64_fetch_add_relaxed(&shared->ready, 1) == task)
		(void)!malloc(8);
}

static void no_repeat(unsigned task)
{
	(void)hl_u64_load_relaxed(&shared->ready);
	if (task == 0 && ++runs % 3 == 0)
		(void)hl_u64_fetch_add_relaxed(&shared->ready, 1);
	hl_u64_store_relaxed(&shared->ready, task);
}

static void *thread_main(void *arg)
{
	return arg;
}

static void not_joined(unsigned task)
{
	pthread_t thread;

	if (task == 0)
		SCHEDULE_REQUIRE(pthread_create(&thread, NULL, thread_main, NULL) == 0);
}

static void *wait_for_ever(void *arg)
{
	while (hl_u32_load_relaxed(&shared->word) == 0)
		hl_schedule_futex_wait(&shared->word.raw, 0, 0);
	return arg;
}

static void still_there(unsigned task)
{
	pthread_t thread;

	if (task == 0)
		SCHEDULE_REQUIRE(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
}

static void crash(unsigned task)
{
	if (hl_u64_fetch_add_relaxed(&shared->ready, 1) == task + 1)
		*(volatile int *)(uintptr_t)(16 + hl_u32_load_relaxed(&shared->word)) = 1;
}

static void unlock_of_others(unsigned task)
{
	if (task == 0)
		pthread_mutex_lock(&locks[0]);
	else
		pthread_mutex_unlock(&locks[0]);
}

/* Plain memory, published by what is no release: only ThreadSanitizer sees it in sc. */
static void race(unsigned task)
{
	if (task == 0) {
		shared->plain = 1;
		hl_u64_store_relaxed(&shared->ready, 1);
	} else if (hl_u64_load_acquire(&shared->ready) != 0) {
		SCHEDULE_REQUIRE(shared->plain == 1);
	}
}

/* Published as it should be: nothing fails, but when it is weakened. */
static void published(unsigned task)
{
	schedule_note("task %u", task);
	if (task == 0) {
		shared->plain = 1;
		hl_u32_store_relaxed(&shared->word, 1);
		hl_u64_store_release(&shared->ready, 1);
	} else if (hl_u64_load_acquire(&shared->ready) != 0) {
		SCHEDULE_REQUIRE(shared->plain == 1);
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&shared->word) == 1);
	}
}

/* The fences are needed; the order of the compare-and-swap is not. */
static void fenced(unsigned task)
{
	uint64_t expected = 0;

	if (task == 0)
		hl_u64_store_relaxed(&shared->ready, 1);
	else
		hl_u32_store_relaxed(&shared->word, 1);
	hl_fence_seq_cst();
	if (task == 0)
		seen[0] = hl_u32_load_relaxed(&shared->word);
	else
		seen[1] = hl_u64_load_relaxed(&shared->ready);
	if (task == 0)
		(void)hl_u64_cas_acq_rel(&shared->ready, &expected, 2);
}

static void fenced_check(void)
{
	SCHEDULE_REQUIRE(seen[0] + seen[1] > 0);
	check();
}

#define BROKEN(name_, run_, check_)                                                                \
	{ .name = name_, .shows = "the scheduler", .tasks = 2, .bound = 2, .bound_weak = 2, .setup = setup, .run = run_, .check = check_ }

static const struct schedule_scenario scenarios[] = {
	BROKEN("lost-update", lost_update, lost_update_check),
	BROKEN("deadlock", deadlock, check),
	BROKEN("lost-wake", lost_wake, check),
	BROKEN("no-second-look", no_second_look, check),
	BROKEN("too-sure", too_sure, check),
	BROKEN("livelock", livelock, check),
	BROKEN("use-after-free", use_after_free, check),
	BROKEN("out-of-bounds", out_of_bounds, check),
	BROKEN("double-free", double_free, check),
	BROKEN("leak", leak, check),
	BROKEN("no-repeat", no_repeat, check),
	BROKEN("not-joined", not_joined, check),
	BROKEN("still-there", still_there, check),
	BROKEN("crash", crash, check),
	BROKEN("unlock-of-others", unlock_of_others, check),
	BROKEN("race", race, check),
	BROKEN("published", published, check),
	BROKEN("fenced", fenced, fenced_check),
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
