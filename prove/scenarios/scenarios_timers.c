/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_timers.c: the timing wheel, its thread, its futures and its lock (timers.h, lock.h).
 *
 * The library is compiled with two timers a turn. Sleeps and their wakers lie in blocks that are freed as soon as the future is complete,
 * so that a late touch is an access to freed memory (W.4). Where a thread fires, its clock is the scheduler's; else a word that
 * a task moves.
 */
#include "schedule.h"

#include <hashloom/timers.h>

#include <errno.h>

#include "lock.h"

#define SLEEPS 4
#define SOON_NS 200 /* a few steps */

struct sleep {
	struct hashloom_sleep_fut future;
	hl_u32 is_woken;
	unsigned number;
};

static struct hashloom_timers *timers;
static struct sleep *sleeps[SLEEPS];
static hl_u64 *hand;
static hl_u32 fired_count;
static unsigned fired[SLEEPS + 1]; /* the numbers, in order */
static hl_u32 calls[SLEEPS];	   /* of the waker */

/* ---- sleeps -------------------------------------------------------------------------------------------------------- */

static void wake_sleep(void *data)
{
	struct sleep *const sleep = data;

	hl_u32_fetch_add_relaxed(&calls[sleep->number], 1);
	fired[hl_u32_fetch_add_relaxed(&fired_count, 1)] = sleep->number;
	hl_u32_store_release(&sleep->is_woken, 1);
}

static struct sleep *sleep_new(unsigned number, uint64_t ns)
{
	struct sleep *const sleep = calloc(1, sizeof(*sleep));

	SCHEDULE_REQUIRE(sleep != NULL);
	schedule_name(sleep, "sleep");
	sleep->future = hashloom_sleep(timers, ns);
	sleep->number = number;
	return sleep;
}

/* One poll: 1 when it is complete, and has been freed; 0: *waits says whether the waker will be called. */
static int poll_sleep(struct sleep *sleep, int *waits, int *is_cancelled)
{
	struct future *const future = FUTURE_AS_RUNNABLE(&sleep->future);
	struct future_notifier notifier = { .waker = { sleep, wake_sleep }, .notifier_used = FUTURE_NOTIFIER_NONE };

	if (future_poll(future, &notifier) != FUTURE_STATE_COMPLETE) {
		*waits = notifier.notifier_used == FUTURE_NOTIFIER_WAKER;
		return 0;
	}
	*is_cancelled = future_is_cancelled(future);
	SCHEDULE_REQUIRE(*is_cancelled || hashloom_timers_now_ns(timers) >= FUTURE_OUTPUT(&sleep->future)->deadline_ns ||
			 schedule_is_weak());
	free(sleep);
	return 1;
}

/* Polls only when it is told to. */
static void complete(struct sleep *sleep)
{
	int waits = 0, is_cancelled;

	while (!poll_sleep(sleep, &waits, &is_cancelled)) {
		if (waits)
			schedule_wait_while(&sleep->is_woken, 0);
		else
			hl_relax();
		hl_u32_store_relaxed(&sleep->is_woken, 0);
	}
	SCHEDULE_REQUIRE(!is_cancelled);
}

static void forget_calls(void)
{
	hl_u32_store_relaxed(&fired_count, 0);
	for (unsigned i = 0; i < SLEEPS; i++)
		hl_u32_store_relaxed(&calls[i], 0);
	memset(fired, 0, sizeof(fired));
}

/* ---- with a thread -------------------------------------------------------------------------------------------------- */

static void setup_thread(void)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	cfg.tick_ns = 1;
	timers = hashloom_timers_new(&cfg);
	SCHEDULE_REQUIRE(timers != NULL);
	schedule_name(timers, "timers");
	forget_calls();
}

static void check_deleted(void)
{
	SCHEDULE_REQUIRE(hashloom_timers_count(timers) == 0);
	hashloom_timers_delete(timers);
}

/* The thread goes to sleep, or not, before each. */
static void run_one_after_the_other(unsigned task)
{
	complete(sleep_new(task, SOON_NS));
	complete(sleep_new(task, 10 * SOON_NS));
}

/* It sleeps to the end of time, at first. */
static void setup_never(void)
{
	int waits, is_cancelled;

	setup_thread();
	sleeps[2] = sleep_new(2, UINT64_MAX);
	SCHEDULE_REQUIRE(!poll_sleep(sleeps[2], &waits, &is_cancelled));
}

static void run_sooner(unsigned task)
{
	complete(sleep_new(task, task == 0 ? SOON_NS : 20 * SOON_NS));
}

static void cancel(struct sleep *sleep)
{
	int waits, is_cancelled = 0;

	future_cancel(FUTURE_AS_RUNNABLE(&sleep->future));
	SCHEDULE_REQUIRE(poll_sleep(sleep, &waits, &is_cancelled) && is_cancelled);
}

static void check_never(void)
{
	cancel(sleeps[2]);
	check_deleted();
}

/* What fires arms another sleep. */
static struct sleep *after;

static void wake_and_arm(void *data)
{
	int waits, is_cancelled;

	SCHEDULE_REQUIRE(!poll_sleep(after, &waits, &is_cancelled) || !is_cancelled);
	wake_sleep(data);
}

static void run_armed_by_waker(unsigned task)
{
	struct sleep *const sleep = sleep_new(task, SOON_NS);
	struct future_notifier notifier = { .waker = { sleep, wake_and_arm } };

	after = sleep_new(1, 10 * SOON_NS);
	if (future_poll(FUTURE_AS_RUNNABLE(&sleep->future), &notifier) == FUTURE_STATE_RUNNING) {
		schedule_wait_while(&sleep->is_woken, 0);
		while (future_poll(FUTURE_AS_RUNNABLE(&sleep->future), NULL) != FUTURE_STATE_COMPLETE)
			hl_relax();
		schedule_wait_while(&after->is_woken, 0);
	}
	free(sleep);
	complete(after);
}

/* Deleted at any moment of the thread's; the sleep, which may be armed, is dropped with it. */
static void run_arm_only(unsigned task)
{
	int waits, is_cancelled;

	sleeps[0] = sleep_new(task, UINT64_MAX / 2);
	if (schedule_choose(2) == 1)
		SCHEDULE_REQUIRE(!poll_sleep(sleeps[0], &waits, &is_cancelled));
}

static void check_delete_drops(void)
{
	hashloom_timers_delete(timers);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&sleeps[0]->is_woken) == 0);
	free(sleeps[0]);
}

/* Somebody else runs the wheel, too, and may have begun a cascade when the thread looks how long it may sleep. */
static void setup_three_with_thread(void)
{
	int waits, is_cancelled;

	setup_thread();
	for (unsigned i = 0; i < 3; i++) {
		sleeps[i] = sleep_new(i, 0);
		sleeps[i]->future = hashloom_sleep_until(timers, 2000);
		SCHEDULE_REQUIRE(!poll_sleep(sleeps[i], &waits, &is_cancelled));
	}
}

static void run_beside_thread(unsigned task)
{
	if (task == 1) {
		while (hashloom_timers_now_ns(timers) < 1990)
			hl_relax();
		(void)hashloom_timers_run(timers);
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		complete(sleeps[i]);
}

static void setup_nothing(void)
{
}

static void run_no_thread(unsigned task)
{
	(void)task;
	schedule_fail_allocation(1);
	errno = 0;
	SCHEDULE_REQUIRE(hashloom_timers_new(NULL) == NULL && errno == ENOMEM);
	schedule_fail_allocation(0);
}

static void check_nothing(void)
{
}

/* ---- driven by a task ------------------------------------------------------------------------------------------------ */

static uint64_t hand_now_ns(void *arg)
{
	return hl_u64_load_relaxed(arg);
}

/* `count` sleeps, armed before the tasks begin, all due at 5. */
static void setup_driven(unsigned count)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();
	int waits, is_cancelled;

	hand = calloc(1, sizeof(*hand));
	SCHEDULE_REQUIRE(hand != NULL);
	schedule_name(hand, "hand");
	cfg.now_ns = hand_now_ns;
	cfg.now_arg = hand;
	cfg.tick_ns = 1;
	cfg.driven_by_caller = 1;
	timers = hashloom_timers_new(&cfg);
	SCHEDULE_REQUIRE(timers != NULL);
	schedule_name(timers, "timers");
	forget_calls();
	for (unsigned i = 0; i < count; i++) {
		sleeps[i] = sleep_new(i, 5);
		SCHEDULE_REQUIRE(!poll_sleep(sleeps[i], &waits, &is_cancelled));
	}
}

static void check_driven(void)
{
	check_deleted();
	free(hand);
}

static size_t run_at(uint64_t now_ns)
{
	hl_u64_store_relaxed(hand, now_ns);
	return hashloom_timers_run(timers);
}

static void setup_one(void)
{
	setup_driven(1);
}

/* W.5: it has fired, or it is cancelled. */
static void run_cancel(unsigned task)
{
	int waits, is_cancelled = 0;

	if (task == 1) {
		SCHEDULE_REQUIRE(run_at(5) <= 1);
		return;
	}
	future_cancel(FUTURE_AS_RUNNABLE(&sleeps[0]->future));
	while (!poll_sleep(sleeps[0], &waits, &is_cancelled)) {
		SCHEDULE_REQUIRE(!waits);
		hl_relax();
	}
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&calls[0]) == !is_cancelled);
}

/* What the waker did is seen by who sees the end, also if it was not the waker that told of it. */
static void run_wait(unsigned task)
{
	int waits, is_cancelled = 0;

	if (task == 1) {
		SCHEDULE_REQUIRE(run_at(5) == 1);
		return;
	}
	while (!poll_sleep(sleeps[0], &waits, &is_cancelled))
		hl_relax();
	SCHEDULE_REQUIRE(!is_cancelled && hl_u32_load_relaxed(&calls[0]) == 1);
}

/* Each poll has another waker; the last one counts. None may be gone before the future is complete. */
static void run_renewed(unsigned task)
{
	struct future *const future = FUTURE_AS_RUNNABLE(&sleeps[0]->future);
	struct sleep *wakers[2];
	unsigned polls = 0;

	if (task == 1) {
		(void)run_at(5);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		wakers[i] = sleep_new(1 + i, 0);
	/* who is not told polls in turn */
	for (;;) {
		struct sleep *const waker = wakers[polls++ % 2];
		struct future_notifier notifier = { .waker = { waker, wake_sleep } };

		if (future_poll(future, &notifier) == FUTURE_STATE_COMPLETE)
			break;
		if (polls < 3 || notifier.notifier_used != FUTURE_NOTIFIER_WAKER)
			hl_relax();
		else
			schedule_wait_while(&waker->is_woken, 0);
	}
	for (unsigned i = 0; i < 2; i++)
		free(wakers[i]);
	free(sleeps[0]);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&fired_count) == 1);
}

/* A poll without a waker may be faster than the run, or not. */
static void run_without_waker(unsigned task)
{
	struct future *const future = FUTURE_AS_RUNNABLE(&sleeps[0]->future);

	if (task == 1) {
		(void)run_at(5);
		return;
	}
	while (future_poll(future, NULL) != FUTURE_STATE_COMPLETE)
		hl_relax();
	SCHEDULE_REQUIRE(hl_u64_load_relaxed(hand) == 5);
	free(sleeps[0]);
}

static size_t ran[2];

static void setup_three(void)
{
	setup_driven(3);
	ran[0] = ran[1] = 0;
}

/* Two run the wheel: each sleep fires once. */
static void run_two_runs(unsigned task)
{
	if (task < 2) {
		ran[task] = run_at(5);
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		complete(sleeps[i]);
}

static void check_two_runs(void)
{
	SCHEDULE_REQUIRE(ran[0] + ran[1] == 3);
	for (unsigned i = 0; i < 3; i++)
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&calls[i]) == 1);
	check_driven();
}

/* Three lie far away, in one slot: the cascade takes two turns. */
static void setup_far(void)
{
	int waits, is_cancelled;

	setup_driven(0);
	for (unsigned i = 0; i < 3; i++) {
		sleeps[i] = sleep_new(i, 70);
		SCHEDULE_REQUIRE(!poll_sleep(sleeps[i], &waits, &is_cancelled));
	}
}

/* One is cancelled beside the cascade: the others fire in their order (W.3). */
static void run_cascade(unsigned task)
{
	const unsigned gone = schedule_choose(3);
	int waits, is_cancelled = 0;

	if (task == 1) {
		(void)run_at(70);
		return;
	}
	future_cancel(FUTURE_AS_RUNNABLE(&sleeps[gone]->future));
	while (!poll_sleep(sleeps[gone], &waits, &is_cancelled))
		hl_relax();
	for (unsigned i = 0; i < 3; i++)
		if (i != gone)
			complete(sleeps[i]);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&fired_count) == 3 - (unsigned)is_cancelled);
}

static void check_order(void)
{
	for (unsigned i = 1; i < hl_u32_load_relaxed(&fired_count); i++)
		SCHEDULE_REQUIRE(fired[i - 1] < fired[i]);
	check_driven();
}

/* Another one of the same tick is armed beside the cascade of the three, and comes last. */
static void run_arm_beside_cascade(unsigned task)
{
	int waits, is_cancelled;

	if (task == 1) {
		(void)run_at(69);
		return;
	}
	sleeps[3] = sleep_new(3, 0);
	sleeps[3]->future = hashloom_sleep_until(timers, 70);
	SCHEDULE_REQUIRE(!poll_sleep(sleeps[3], &waits, &is_cancelled));
}

static void check_arm_beside_cascade(void)
{
	SCHEDULE_REQUIRE(run_at(70) == 4);
	for (unsigned i = 0; i < 4; i++)
		complete(sleeps[i]);
	check_order();
}

/* ---- the lock ---------------------------------------------------------------------------------------------------------- */

static struct guarded {
	hl_lock lock;
	hl_u32 word; /* read and written as a plain one would be */
} *guarded;

static void setup_lock(void)
{
	guarded = calloc(1, sizeof(*guarded));
	SCHEDULE_REQUIRE(guarded != NULL);
	schedule_name(guarded, "guarded");
}

static void run_lock(unsigned task)
{
	(void)task;
	hl_lock_take(&guarded->lock);
	hl_u32_store_relaxed(&guarded->word, hl_u32_load_relaxed(&guarded->word) + 1);
	hl_lock_give(&guarded->lock);
}

static void run_lock_twice(unsigned task)
{
	run_lock(task);
	run_lock(task);
}

static void check_lock(void)
{
	hl_lock_take(&guarded->lock);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&guarded->word) == *(const uint32_t *)schedule_argument());
	hl_lock_give(&guarded->lock);
	free(guarded);
}

static const uint32_t three = 3, four = 4;

static const struct schedule_scenario scenarios[] = {
	{ .name = "arm-beside-the-thread", .shows = "W.1 W.4", .pitfalls = "21 22 28", .tasks = 1, .bound = 3, .bound_weak = 2,
	  .setup = setup_thread, .run = run_one_after_the_other, .check = check_deleted },
	{ .name = "sooner-than-the-thread-sleeps", .shows = "W.2", .pitfalls = "22", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .setup = setup_never, .run = run_sooner, .check = check_never },
	{ .name = "waker-that-arms", .shows = "W.4", .pitfalls = "20", .tasks = 1, .bound = 3, .bound_weak = 1,
	  .setup = setup_thread, .run = run_armed_by_waker, .check = check_deleted },
	{ .name = "delete-beside-the-thread", .shows = "hashloom_timers_delete", .pitfalls = "29", .tasks = 1, .bound = 3, .bound_weak = 2,
	  .setup = setup_thread, .run = run_arm_only, .check = check_delete_drops },
	{ .name = "run-beside-the-thread", .shows = "W.2 W.7", .pitfalls = "22", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .setup = setup_three_with_thread, .run = run_beside_thread, .check = check_deleted },
	{ .name = "wheel-without-memory", .shows = "hashloom_timers_new", .pitfalls = "26", .tasks = 1, .bound = 1, .bound_weak = 1,
	  .setup = setup_nothing, .run = run_no_thread, .check = check_nothing },
	{ .name = "cancel-beside-firing", .shows = "W.4 W.5", .pitfalls = "31", .tasks = 2, .bound = 4, .bound_weak = 2,
	  .setup = setup_one, .run = run_cancel, .check = check_driven },
	{ .name = "order-of-a-wake", .shows = "W.4 hashloom_timers_run", .pitfalls = "21", .tasks = 2, .bound = 4, .bound_weak = 3,
	  .setup = setup_one, .run = run_wait, .check = check_driven },
	{ .name = "renewed-waker-of-a-sleep", .shows = "W.4", .pitfalls = "21 22", .tasks = 2, .bound = 4, .bound_weak = 2,
	  .setup = setup_one, .run = run_renewed, .check = check_driven },
	{ .name = "poll-without-waker", .shows = "W.6", .tasks = 2, .bound = 4, .bound_weak = 2,
	  .setup = setup_one, .run = run_without_waker, .check = check_driven },
	{ .name = "two-runs", .shows = "W.4", .tasks = 3, .bound = 2, .bound_weak = 1,
	  .setup = setup_three, .run = run_two_runs, .check = check_two_runs },
	{ .name = "cancel-beside-a-cascade", .shows = "W.3 W.5 W.7", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup_far, .run = run_cascade, .check = check_order },
	{ .name = "arm-beside-a-cascade", .shows = "W.3", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup_far, .run = run_arm_beside_cascade, .check = check_arm_beside_cascade },
	{ .name = "lock-of-three", .shows = "lock.h", .pitfalls = "22", .tasks = 3, .bound = 3, .bound_weak = 2, .argument = &three,
	  .setup = setup_lock, .run = run_lock, .check = check_lock },
	{ .name = "lock-again", .shows = "lock.h", .pitfalls = "22", .tasks = 2, .bound = 3, .bound_weak = 2, .argument = &four,
	  .setup = setup_lock, .run = run_lock_twice, .check = check_lock },
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
