/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_timers.c: sleeps and the wheel that they hang on (timers.h, W.1 to W.7).
 *
 * Method: nearly everything with a clock that goes when the test says so, and a wheel that the test drives. The real clock is only asked
 * whether a sleep was early, which no slow machine can bring about. Sleeps whose threads race lie in blocks that are freed at once
 * when they are complete, as do their wakers, so that sanitizers see a late touch.
 */
#define _GNU_SOURCE 1
#include "test_kit.h"

#include <hashloom/runtime.h>
#include <hashloom/timers.h>

#include <signal.h>

#define MS UINT64_C(1000000)
#define HOUR_NS (3600 * 1000 * MS)

/* ---- a clock by hand --------------------------------------------------------------------------- */

static hl_u64 hand;

static uint64_t hand_now_ns(void *arg)
{
	return hl_u64_load_acquire(arg);
}

static void set_clock(uint64_t now_ns)
{
	hl_u64_store_release(&hand, now_ns);
}

static uint64_t now_ns(void)
{
	return hl_u64_load_acquire(&hand);
}

static struct hashloom_timers *by_hand(uint64_t tick_ns, uint64_t begin_ns)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	cfg.now_ns = hand_now_ns;
	cfg.now_arg = &hand;
	cfg.tick_ns = tick_ns;
	cfg.driven_by_caller = 1;
	set_clock(begin_ns);
	struct hashloom_timers *const timers = hashloom_timers_new(&cfg);

	assert_non_null(timers);
	assert_int_equal(hashloom_timers_now_ns(timers), begin_ns);
	return timers;
}

static size_t run_at(struct hashloom_timers *timers, uint64_t at_ns)
{
	set_clock(at_ns);
	return hashloom_timers_run(timers);
}

/* Goes to where next_ns() says until something fires; returns how often. */
static unsigned go_until_one_fires(struct hashloom_timers *timers)
{
	for (unsigned turns = 1; turns <= 64; turns++) {
		const uint64_t ns = hashloom_timers_next_ns(timers);

		assert_true(ns <= UINT64_MAX - now_ns());
		if (run_at(timers, now_ns() + ns) > 0)
			return turns;
		assert_true(hashloom_timers_next_ns(timers) > 0);
	}
	fail_msg("nothing fires");
	return 0;
}

/* ---- sleeps ------------------------------------------------------------------------------------ */

static enum future_state poll_counted(struct hashloom_sleep_fut *sleep, hl_u32 *wakes)
{
	struct future_notifier notifier = kit_notifier(wakes);
	const enum future_state state = future_poll(FUTURE_AS_RUNNABLE(sleep), &notifier);

	assert_true(state == FUTURE_STATE_COMPLETE || notifier.notifier_used == FUTURE_NOTIFIER_WAKER);
	return state;
}

static uint32_t wakes_of(hl_u32 *wakes)
{
	return hl_u32_load_acquire(wakes);
}

/* It sleeps, and nobody was woken; then it wakes at `due` and not a nanosecond before. */
static void assert_due_at(struct hashloom_timers *timers, struct hashloom_sleep_fut *sleep, hl_u32 *wakes, uint64_t due_ns)
{
	assert_int_equal(run_at(timers, due_ns - 1), 0);
	assert_int_equal(wakes_of(wakes), 0);
	assert_int_equal(poll_counted(sleep, wakes), FUTURE_STATE_RUNNING);
	assert_true(hashloom_timers_next_ns(timers) <= 1);
	assert_int_equal(run_at(timers, due_ns), 1);
	assert_int_equal(wakes_of(wakes), 1);
	assert_int_equal(poll_counted(sleep, wakes), FUTURE_STATE_COMPLETE);
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(sleep)));
}

static void test_timers_refuse_ticks_out_of_range(void **state)
{
	static const uint64_t refused[] = {0, HASHLOOM_TIMERS_TICK_NS_MAX + 1, UINT64_MAX};
	static const uint64_t taken[] = {1, 3, HASHLOOM_TIMERS_TICK_NS_MAX};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(refused); i++) {
		struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

		cfg.tick_ns = refused[i];
		errno = 0;
		assert_null(hashloom_timers_new(&cfg));
		assert_int_equal(errno, EINVAL);
	}
	for (size_t i = 0; i < KIT_COUNT(taken); i++)
		hashloom_timers_delete(by_hand(taken[i], 0));
	hashloom_timers_delete(NULL);
}

static void test_timers_empty_wheel_has_nothing_to_do(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 5);

	(void)state;
	assert_int_equal(hashloom_timers_count(timers), 0);
	assert_true(hashloom_timers_next_ns(timers) == UINT64_MAX);
	assert_int_equal(hashloom_timers_run(timers), 0);
	assert_int_equal(run_at(timers, UINT64_MAX), 0);
	hashloom_timers_delete(timers);
}

static void test_sleep_has_its_properties(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 1);

	(void)state;
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&sleep), FUTURE_PROPERTY_ASYNC), 1);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&sleep), FUTURE_PROPERTY_CANCEL), 1);
	hashloom_timers_delete(timers);
}

static void test_sleep_of_nothing_completes_at_its_first_poll(void **state)
{
	struct hashloom_timers *const timers = by_hand(1000, 12345);
	struct hashloom_sleep_fut sleeps[] = {hashloom_sleep(timers, 0), hashloom_sleep_until(timers, 0),
					      hashloom_sleep_until(timers, 12345)};
	hl_u32 wakes = {0};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sleeps); i++)
		assert_int_equal(poll_counted(&sleeps[i], &wakes), FUTURE_STATE_COMPLETE);
	assert_int_equal(FUTURE_OUTPUT(&sleeps[0])->deadline_ns, 12345);
	assert_int_equal(wakes_of(&wakes), 0);
	assert_int_equal(hashloom_timers_count(timers), 0);
	hashloom_timers_delete(timers);
}

/* Copied while idle; and time counts from the first poll. */
static void test_sleep_counts_from_its_first_poll(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 100);
	const struct hashloom_sleep_fut made = hashloom_sleep(timers, 50);
	struct hashloom_sleep_fut sleep;
	hl_u32 wakes = {0};

	(void)state;
	set_clock(1000);
	sleep = made;
	assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
	assert_int_equal(hashloom_timers_count(timers), 1);
	assert_due_at(timers, &sleep, &wakes, 1050);
	assert_int_equal(FUTURE_OUTPUT(&sleep)->deadline_ns, 1050);
	assert_int_equal(hashloom_timers_count(timers), 0);
	hashloom_timers_delete(timers);
}

/* W.1, W.2: due when the first tick begins that is not before the deadline. */
static void test_sleep_is_due_at_the_end_of_its_tick(void **state)
{
	static const uint64_t ticks[] = {1, 2, 64, 4096, 262144, (uint64_t)1 << 29};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(ticks); i++)
		for (uint64_t begin = 0; begin <= 7 * ticks[i]; begin += 7 * ticks[i])
			for (uint64_t ns = 1; ns <= 2 * ticks[i] + 1; ns += 1 + ticks[i] / 5) {
				struct hashloom_timers *const timers = by_hand(ticks[i], begin + ticks[i] / 2);
				struct hashloom_sleep_fut sleep = hashloom_sleep(timers, ns);
				hl_u32 wakes = {0};
				const uint64_t deadline = now_ns() + ns;

				assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
				assert_due_at(timers, &sleep, &wakes,
					      (deadline + ticks[i] - 1) / ticks[i] * ticks[i]);
				hashloom_timers_delete(timers);
			}
}

/* A tick is rounded down to a power of two. */
static void test_tick_is_a_power_of_two(void **state)
{
	struct hashloom_timers *const timers = by_hand(1000, 0);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 513);
	hl_u32 wakes = {0};

	(void)state;
	assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
	assert_due_at(timers, &sleep, &wakes, 1024);
	hashloom_timers_delete(timers);
}

/* ---- the wheel --------------------------------------------------------------------------------- */

/* The digit at each level, and those around a carry. From each, to each; the clock steps to where next_ns() says. */
static void test_wheel_every_level_is_exact(void **state)
{
	static const int64_t around[] = {-65, -64, -1, 0, 1, 63, 64};

	(void)state;
	for (unsigned begin_bits = 0; begin_bits < 64; begin_bits += 6)
		for (unsigned bits = 0; bits < 64; bits += 3)
			for (size_t i = 0; i < KIT_COUNT(around); i++) {
				const uint64_t begin = ((uint64_t)1 << begin_bits) - 1;
				const uint64_t ns = ((uint64_t)1 << bits) + (uint64_t)around[i];
				struct hashloom_timers *const timers = by_hand(1, begin);
				struct hashloom_sleep_fut sleep = hashloom_sleep(timers, ns);
				hl_u32 wakes = {0};

				if (ns - 1 < UINT64_MAX - begin && ns < UINT64_MAX / 2 + 2) {
					assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
					assert_true(go_until_one_fires(timers) <= 11);
					assert_true(now_ns() == begin + ns);
					assert_int_equal(wakes_of(&wakes), 1);
					assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_COMPLETE);
				}
				hashloom_timers_delete(timers);
			}
}

static void test_wheel_keeps_deadlines_to_the_end_of_time(void **state)
{
	static const uint64_t ticks[] = {1, 262144};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(ticks); i++) {
		struct hashloom_timers *const timers = by_hand(ticks[i], 77);
		struct hashloom_sleep_fut sleeps[] = {hashloom_sleep(timers, UINT64_MAX),
						      hashloom_sleep_until(timers, UINT64_MAX),
						      hashloom_sleep_until(timers, UINT64_MAX - 1)};
		hl_u32 wakes = {0};

		for (size_t n = 0; n < KIT_COUNT(sleeps); n++)
			assert_int_equal(poll_counted(&sleeps[n], &wakes), FUTURE_STATE_RUNNING);
		assert_int_equal(run_at(timers, UINT64_MAX / 2), 0);
		assert_int_equal(run_at(timers, UINT64_MAX - 2), 0);
		assert_int_equal(hashloom_timers_next_ns(timers), ticks[i] == 1 ? 1 : 2);
		assert_int_equal(run_at(timers, UINT64_MAX), 3);
		for (size_t n = 0; n < KIT_COUNT(sleeps); n++)
			assert_int_equal(poll_counted(&sleeps[n], &wakes), FUTURE_STATE_COMPLETE);
		assert_true(FUTURE_OUTPUT(&sleeps[0])->deadline_ns == UINT64_MAX);
		/* and no more time can pass */
		sleeps[0] = hashloom_sleep(timers, 1);
		assert_int_equal(poll_counted(&sleeps[0], &wakes), FUTURE_STATE_COMPLETE);
		hashloom_timers_delete(timers);
	}
}

static void test_clock_that_stands_fires_nothing(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 1000);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 1);
	hl_u32 wakes = {0};

	(void)state;
	assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(hashloom_timers_run(timers), 0);
		assert_int_equal(hashloom_timers_next_ns(timers), 1);
		assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
	}
	assert_due_at(timers, &sleep, &wakes, 1001);
	hashloom_timers_delete(timers);
}

/* A wheel that stood still while the clock went on: what is armed now does not fire with what was due long ago. */
static void test_wheel_left_behind_keeps_new_deadlines(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	struct hashloom_sleep_fut late = hashloom_sleep(timers, 10);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 10);
	hl_u32 late_wakes = {0}, wakes = {0};

	(void)state;
	assert_int_equal(poll_counted(&late, &late_wakes), FUTURE_STATE_RUNNING);
	set_clock(100000);
	assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
	assert_int_equal(hashloom_timers_next_ns(timers), 0);
	assert_int_equal(hashloom_timers_run(timers), 1);
	assert_int_equal(wakes_of(&late_wakes), 1);
	assert_due_at(timers, &sleep, &wakes, 100010);
	assert_int_equal(poll_counted(&late, &late_wakes), FUTURE_STATE_COMPLETE);
	hashloom_timers_delete(timers);
}

/* ---- order --------------------------------------------------------------------------------------- */

#define NAMED 200

static unsigned fired[NAMED];
static size_t fired_count;

struct named {
	struct hashloom_sleep_fut sleep;
	unsigned name;
};

static void write_name(void *data)
{
	assert_true(fired_count < NAMED);
	fired[fired_count++] = ((const struct named *)data)->name;
}

static void arm_named(struct named *named, struct hashloom_timers *timers, unsigned name, uint64_t deadline_ns)
{
	struct future_notifier notifier = {.waker = {named, write_name}, .notifier_used = FUTURE_NOTIFIER_NONE};

	named->sleep = hashloom_sleep_until(timers, deadline_ns);
	named->name = name;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&named->sleep), &notifier), FUTURE_STATE_RUNNING);
}

/* W.3: those of one tick were armed from near and from far, and lay at different levels on the way. */
static void test_one_tick_fires_in_the_order_of_arming(void **state)
{
	static struct named named[NAMED];
	static const uint64_t before[] = {1 << 19, 1 << 13, 4097, 4096, 65, 64, 63, 1};
	const uint64_t deadline = (uint64_t)3 << 18;
	struct hashloom_timers *const timers = by_hand(1, 0);
	unsigned name = 0;

	(void)state;
	fired_count = 0;
	for (size_t i = 0; i < KIT_COUNT(before); i++) {
		assert_int_equal(run_at(timers, deadline - before[i]), 0);
		for (unsigned n = 0; n < 20; n++, name++)
			arm_named(&named[name], timers, name, deadline);
	}
	assert_int_equal(run_at(timers, deadline), name);
	assert_int_equal(fired_count, name);
	for (unsigned i = 0; i < name; i++)
		assert_int_equal(fired[i], i);
	hashloom_timers_delete(timers);
}

/* One run after a jump: all levels' timers, armed in any order, fire in the order of their deadlines. */
static void test_clock_that_jumps_fires_in_order(void **state)
{
	static struct named named[NAMED];
	uint64_t seed = kit_seed();
	size_t order[120];

	(void)state;
	kit_shuffle(order, KIT_COUNT(order), &seed);
	for (unsigned begin_bits = 0; begin_bits < 60; begin_bits += 20) {
		struct hashloom_timers *const timers = by_hand(1, ((uint64_t)1 << begin_bits) + 12345);

		fired_count = 0;
		for (size_t i = 0; i < KIT_COUNT(order); i++) {
			const unsigned name = (unsigned)order[i];

			/* 2, 3, 4, 6, 8, 12 ... */
			arm_named(&named[name], timers, name, now_ns() + ((uint64_t)(2 + name % 2) << name / 2));
		}
		assert_int_equal(run_at(timers, UINT64_MAX), KIT_COUNT(order));
		for (unsigned i = 0; i < KIT_COUNT(order); i++)
			assert_int_equal(fired[i], i);
		hashloom_timers_delete(timers);
	}
}

/* ---- cancelling ---------------------------------------------------------------------------------- */

static void assert_cancelled(struct hashloom_timers *timers, struct hashloom_sleep_fut *sleep, hl_u32 *wakes)
{
	const size_t count = hashloom_timers_count(timers);
	const int was_armed = FUTURE_STATE(sleep) == FUTURE_STATE_RUNNING;

	future_cancel(FUTURE_AS_RUNNABLE(sleep));
	assert_int_equal(poll_counted(sleep, wakes), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(sleep)));
	assert_int_equal(hashloom_timers_count(timers), count - (size_t)was_armed);
}

/* W.5, at each state that a run does not stand in. */
static void test_cancelled_sleep_leaves_no_trace(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	hl_u32 wakes = {0};

	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		struct hashloom_sleep_fut idle = hashloom_sleep(timers, (uint64_t)1 << bits);
		struct hashloom_sleep_fut armed = idle;

		assert_cancelled(timers, &idle, &wakes);
		assert_int_equal(poll_counted(&armed, &wakes), FUTURE_STATE_RUNNING);
		assert_true(hashloom_timers_next_ns(timers) <= (uint64_t)1 << bits);
		assert_cancelled(timers, &armed, &wakes);
		assert_true(FUTURE_OUTPUT(&armed)->deadline_ns == (uint64_t)1 << bits);
		assert_true(hashloom_timers_next_ns(timers) == UINT64_MAX);
	}
	assert_int_equal(run_at(timers, UINT64_MAX), 0);
	assert_int_equal(wakes_of(&wakes), 0);
	hashloom_timers_delete(timers);
}

/* First, middle, last and only one of a slot. */
static void test_cancelled_sleep_leaves_its_neighbours(void **state)
{
	(void)state;
	for (unsigned gone = 0; gone < 1 << 4; gone++) {
		struct hashloom_timers *const timers = by_hand(1, 0);
		struct hashloom_sleep_fut sleeps[4];
		hl_u32 wakes[4] = {{0}};
		unsigned left = 0;

		for (unsigned i = 0; i < 4; i++) {
			sleeps[i] = hashloom_sleep(timers, 5000);
			assert_int_equal(poll_counted(&sleeps[i], &wakes[i]), FUTURE_STATE_RUNNING);
		}
		for (unsigned i = 0; i < 4; i++) {
			if (gone & 1U << i)
				assert_cancelled(timers, &sleeps[i], &wakes[i]);
			else
				left++;
		}
		assert_int_equal(run_at(timers, 5000), left);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(wakes_of(&wakes[i]), !(gone & 1U << i));
		hashloom_timers_delete(timers);
	}
}

static void test_sleep_that_has_fired_is_not_cancelled(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 5);
	hl_u32 wakes = {0};

	(void)state;
	assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
	assert_int_equal(run_at(timers, 5), 1);
	future_cancel(FUTURE_AS_RUNNABLE(&sleep));
	assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_COMPLETE);
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&sleep)));
	future_cancel(FUTURE_AS_RUNNABLE(&sleep));
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&sleep)));
	hashloom_timers_delete(timers);
}

/* ---- wakers ---------------------------------------------------------------------------------------- */

static struct {
	struct hashloom_timers *timers;
	struct hashloom_sleep_fut *own, *next;
	enum future_state own_state;
	enum future_notifier_type own_notifier;
	hl_u32 *wakes;
	unsigned calls;
	int cancels;
	size_t ran;
} seen;

/* Polls its own sleep, arms another one and runs the wheel. */
static void wake_busily(void *data)
{
	struct future_notifier notifier = kit_notifier(seen.wakes);

	(void)data;
	seen.calls++;
	if (seen.cancels)
		future_cancel(FUTURE_AS_RUNNABLE(seen.own));
	seen.own_state = future_poll(FUTURE_AS_RUNNABLE(seen.own), &notifier);
	seen.own_notifier = notifier.notifier_used;
	assert_int_equal(poll_counted(seen.next, seen.wakes), FUTURE_STATE_RUNNING);
	seen.ran = hashloom_timers_run(seen.timers);
}

/* W.4, W.5: while its waker is called a sleep is not complete, and cannot be cancelled any more. */
static void test_waker_may_do_anything_but_wait(void **state)
{
	(void)state;
	for (int cancels = 0; cancels < 2; cancels++) {
		struct hashloom_timers *const timers = by_hand(1, 0);
		struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 5), next = hashloom_sleep(timers, 1);
		struct future_notifier notifier = {.waker = {NULL, wake_busily}};
		hl_u32 wakes = {0};

		memset(&seen, 0, sizeof(seen));
		seen.timers = timers;
		seen.own = &sleep;
		seen.next = &next;
		seen.wakes = &wakes;
		seen.cancels = cancels;
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), &notifier), FUTURE_STATE_RUNNING);
		assert_int_equal(run_at(timers, 9), 1);
		assert_int_equal(seen.calls, 1);
		assert_int_equal(seen.own_state, FUTURE_STATE_RUNNING);
		assert_int_equal(seen.own_notifier, FUTURE_NOTIFIER_NONE);
		assert_int_equal(seen.ran, 0);
		assert_int_equal(wakes_of(&wakes), 0);
		assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_COMPLETE);
		assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&sleep)));
		assert_due_at(timers, &next, &wakes, 10);
		hashloom_timers_delete(timers);
	}
}

static void test_waker_of_the_last_poll_counts(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 5);
	hl_u32 wakes[3] = {{0}};

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(poll_counted(&sleep, &wakes[i]), FUTURE_STATE_RUNNING);
	assert_int_equal(run_at(timers, 5), 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(wakes_of(&wakes[i]), i == 2);
	assert_int_equal(run_at(timers, 50), 0);
	assert_int_equal(wakes_of(&wakes[2]), 1);
	hashloom_timers_delete(timers);
}

/* W.6: no notifier, or one whose waker is none. */
static void test_poll_without_waker_looks_at_the_clock(void **state)
{
	(void)state;
	for (unsigned with_notifier = 0; with_notifier < 2; with_notifier++) {
		struct hashloom_timers *const timers = by_hand(262144, 0);
		struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 5);
		struct future_notifier without = {.notifier_used = FUTURE_NOTIFIER_WAKER};
		struct future_notifier *const notifier = with_notifier ? &without : NULL;
		hl_u32 wakes = {0};

		assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), notifier), FUTURE_STATE_RUNNING);
		assert_true(!with_notifier || without.notifier_used == FUTURE_NOTIFIER_NONE);
		assert_int_equal(hashloom_timers_count(timers), 1);
		set_clock(4);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), notifier), FUTURE_STATE_RUNNING);
		set_clock(5);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), notifier), FUTURE_STATE_COMPLETE);
		assert_int_equal(hashloom_timers_count(timers), 0);
		assert_int_equal(wakes_of(&wakes), 0);
		hashloom_timers_delete(timers);
	}
}

/* It fires like any other, and calls nobody; the waker that was there before is forgotten. */
static void test_sleep_without_waker_fires(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 5);
	hl_u32 wakes = {0};

	(void)state;
	assert_int_equal(poll_counted(&sleep, &wakes), FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(hashloom_timers_next_ns(timers), 5);
	assert_int_equal(run_at(timers, 5), 1);
	assert_int_equal(wakes_of(&wakes), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), NULL), FUTURE_STATE_COMPLETE);
	hashloom_timers_delete(timers);
}

static void test_delete_fires_nothing(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	struct hashloom_sleep_fut sleeps[] = {hashloom_sleep(timers, 5), hashloom_sleep(timers, UINT64_MAX)};
	hl_u32 wakes = {0};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sleeps); i++)
		assert_int_equal(poll_counted(&sleeps[i], &wakes), FUTURE_STATE_RUNNING);
	set_clock(10);
	hashloom_timers_delete(timers);
	assert_int_equal(wakes_of(&wakes), 0);
}

/* ---- chains ---------------------------------------------------------------------------------------- */

struct twice_data {
	FUTURE_CHAIN_ENTRY(struct hashloom_sleep_fut, first);
	FUTURE_CHAIN_ENTRY_LAST(struct hashloom_sleep_fut, second);
};

struct twice_output {
	int unused;
};

FUTURE(twice_fut, struct twice_data, struct twice_output);

/* Each sleeps from when its turn comes, and again when it is sent back. */
static void test_sleeps_in_a_chain_sleep_one_after_the_other(void **state)
{
	struct hashloom_timers *const timers = by_hand(1, 0);
	struct future_notifier notifier;
	struct twice_fut chain;
	hl_u32 wakes = {0};

	(void)state;
	memset(&chain, 0, sizeof(chain));
	notifier = kit_notifier(&wakes);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, hashloom_sleep(timers, 10), NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.second, hashloom_sleep(timers, 10), NULL, NULL);
	FUTURE_CHAIN_INIT(&chain);
	for (unsigned i = 0; i < 4; i++) {
		if (i == 2) { /* sent back by hand, as C.4 says */
			chain.data.first.flags &= ~FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
			chain.data.first.fut.base.context.state = FUTURE_STATE_IDLE;
			chain.data.second.flags &= ~FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
			chain.data.second.fut.base.context.state = FUTURE_STATE_IDLE;
			chain.base.context.state = FUTURE_STATE_IDLE;
		}
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&chain), &notifier), FUTURE_STATE_RUNNING);
		assert_int_equal(run_at(timers, 10 * i + 9), 0);
		assert_int_equal(run_at(timers, 10 * i + 10), 1);
		if (i % 2 == 1)
			assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&chain), &notifier), FUTURE_STATE_COMPLETE);
	}
	assert_int_equal(wakes_of(&wakes), 4);
	assert_int_equal(FUTURE_OUTPUT(&chain.data.second.fut)->deadline_ns, 40);
	hashloom_timers_delete(timers);
}

/* ---- many ------------------------------------------------------------------------------------------- */

/* 10^6 pending, half of them cancelled in any order; each of the others fires in the run in which it is due. */
static void test_a_million_sleeps(void **state)
{
	const size_t n = KIT_REPEAT(1000000);
	struct hashloom_timers *const timers = by_hand(1 << 10, 0);
	struct hashloom_sleep_fut *const sleeps = kit_zeroed(n, sizeof(*sleeps));
	uint64_t seed = kit_seed();
	hl_u32 wakes = {0};
	size_t left = 0, total = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		sleeps[i] = hashloom_sleep(timers, 1 + kit_random_below(&seed, 100 * MS));
		assert_true(poll_counted(&sleeps[i], &wakes) == FUTURE_STATE_RUNNING);
	}
	assert_int_equal(hashloom_timers_count(timers), n);
	for (size_t i = 0; i < n; i++) {
		if (kit_random(&seed) % 2) {
			left++;
			continue;
		}
		future_cancel(FUTURE_AS_RUNNABLE(&sleeps[i]));
		assert_true(poll_counted(&sleeps[i], &wakes) == FUTURE_STATE_COMPLETE);
	}
	assert_int_equal(hashloom_timers_count(timers), left);
	for (uint64_t now = 0; now <= 101 * MS; now += MS / 4)
		total += run_at(timers, now);
	assert_int_equal(total, left);
	assert_int_equal(wakes_of(&wakes), left);
	for (size_t i = 0; i < n; i++)
		assert_true(poll_counted(&sleeps[i], &wakes) == FUTURE_STATE_COMPLETE);
	assert_int_equal(hashloom_timers_count(timers), 0);
	free(sleeps);
	hashloom_timers_delete(timers);
}

/* ---- the thread -------------------------------------------------------------------------------------- */

static void test_thread_is_never_early(void **state)
{
	struct hashloom_timers *const timers = hashloom_timers_new(NULL);
	struct runtime *const runtime = runtime_new();
	struct hashloom_sleep_fut sleeps[64];
	struct future *futures[64];
	uint64_t seed = kit_seed(), last = 0;

	(void)state;
	assert_non_null(timers);
	assert_non_null(runtime);
	for (size_t i = 0; i < 64; i++) {
		sleeps[i] = hashloom_sleep(timers, kit_random_below(&seed, 30 * MS));
		futures[i] = FUTURE_AS_RUNNABLE(&sleeps[i]);
	}
	const uint64_t begin = kit_clock_ns(CLOCK_MONOTONIC);
	runtime_wait_multiple(runtime, futures, 64);
	const uint64_t end = kit_clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < 64; i++) {
		const uint64_t deadline = FUTURE_OUTPUT(&sleeps[i])->deadline_ns;

		assert_true(deadline >= begin + sleeps[i].data.ns);
		last = deadline > last ? deadline : last;
	}
	assert_true(end >= last);
	assert_true(hashloom_timers_now_ns(timers) >= end);
	runtime_delete(runtime);
	hashloom_timers_delete(timers);
}

/* The thread sleeps for an hour, or for ever; what is armed then wakes it. Otherwise this test hangs. */
static void test_thread_is_woken_for_what_is_sooner(void **state)
{
	struct hashloom_timers *const timers = hashloom_timers_new(NULL);
	struct runtime *const runtime = runtime_new();
	struct hashloom_sleep_fut hour = hashloom_sleep(timers, HOUR_NS), never = hashloom_sleep(timers, UINT64_MAX);
	hl_u32 wakes = {0};

	(void)state;
	assert_non_null(runtime);
	for (unsigned i = 0; i < 20; i++) {
		struct hashloom_sleep_fut sleep = hashloom_sleep(timers, MS / 10 * i);

		if (i == 6)
			assert_int_equal(poll_counted(&never, &wakes), FUTURE_STATE_RUNNING);
		if (i == 12)
			assert_int_equal(poll_counted(&hour, &wakes), FUTURE_STATE_RUNNING);
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&sleep));
		assert_true(kit_clock_ns(CLOCK_MONOTONIC) >= FUTURE_OUTPUT(&sleep)->deadline_ns);
	}
	assert_int_equal(wakes_of(&wakes), 0);
	runtime_delete(runtime);
	hashloom_timers_delete(timers);
}

static hl_u32 signalled;

static void count_signal(int number)
{
	(void)number;
	hl_u32_fetch_add_release(&signalled, 1);
}

/* A signal for the process that this thread blocks finds no other thread to interrupt. */
static void test_thread_takes_no_signals(void **state)
{
	struct hashloom_timers *const timers = hashloom_timers_new(NULL);
	struct sigaction action = {.sa_handler = count_signal}, before;
	sigset_t usr1, old;

	(void)state;
	assert_non_null(timers);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &usr1, &old), 0);
	assert_int_equal(sigismember(&old, SIGUSR1), 0); /* making the wheel has not changed ours */
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	for (unsigned i = 0; i < 10; i++) { /* time for the thread to have got it */
		struct hashloom_sleep_fut sleep = hashloom_sleep(timers, MS);

		FUTURE_BUSY_POLL(&sleep);
	}
	assert_int_equal(hl_u32_load_acquire(&signalled), 0);
	hashloom_timers_delete(timers);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
	assert_int_equal(hl_u32_load_acquire(&signalled), 1);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* ---- races -------------------------------------------------------------------------------------------- */

#define RACERS 3
#define RACE_SLEEPS 32

/* In one block: gone when its future is complete. */
struct racing_sleep {
	struct hashloom_sleep_fut future;
	hl_u32 wakes[2]; /* of two wakers, by turns */
};

struct race {
	struct hashloom_timers *timers;
	uint64_t seed;
	uint64_t cancelled, completed, early;
};

static struct racing_sleep *racing_sleep_new(struct race *race)
{
	struct racing_sleep *const sleep = calloc(1, sizeof(*sleep));

	if (sleep == NULL)
		abort();
	sleep->future = hashloom_sleep(race->timers, kit_random_below(&race->seed, MS));
	return sleep;
}

/* One poll, with another waker or none at times. Returns 1, and has freed it, when it is complete. */
static int race_poll(struct race *race, struct racing_sleep *sleep)
{
	struct future *const future = FUTURE_AS_RUNNABLE(&sleep->future);
	const size_t chance = kit_random_below(&race->seed, 16);
	struct future_notifier notifier = kit_notifier(&sleep->wakes[chance % 2]);

	if (chance == 0)
		future_cancel(future);
	if (future_poll(future, chance == 1 ? NULL : &notifier) != FUTURE_STATE_COMPLETE)
		return 0;
	if (future_is_cancelled(future)) {
		race->cancelled++;
	} else {
		race->completed++;
		race->early += hashloom_timers_now_ns(race->timers) < FUTURE_OUTPUT(&sleep->future)->deadline_ns;
	}
	memset(sleep, 0x55, sizeof(*sleep));
	free(sleep);
	return 1;
}

static void *race_run(void *arg)
{
	struct race *const race = arg;
	struct racing_sleep *sleeps[RACE_SLEEPS] = {NULL};
	size_t left = KIT_REPEAT(40000), open = 0;

	while (left > 0 || open > 0) {
		struct racing_sleep **const one = &sleeps[kit_random_below(&race->seed, RACE_SLEEPS)];

		if (*one == NULL && left > 0) {
			*one = racing_sleep_new(race);
			left--;
			open++;
		}
		if (*one != NULL && race_poll(race, *one)) {
			*one = NULL;
			open--;
		}
	}
	return NULL;
}

/* Threads arm, renew, cancel and free beside the thread that fires, and one that runs the wheel, too. */
static void test_threads_race_with_the_wheel(void **state)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();
	struct race races[RACERS];
	pthread_t threads[RACERS];
	uint64_t seed = kit_seed();

	(void)state;
	cfg.tick_ns = 1000;
	struct hashloom_timers *const timers = hashloom_timers_new(&cfg);
	assert_non_null(timers);
	for (size_t i = 0; i < RACERS; i++) {
		races[i] = (struct race){.timers = timers, .seed = kit_random(&seed)};
		threads[i] = kit_start(race_run, &races[i]);
	}
	for (unsigned i = 0; i < 1000; i++) {
		(void)hashloom_timers_run(timers);
		kit_sleep_us(20);
	}
	for (size_t i = 0; i < RACERS; i++) {
		kit_join(threads[i]);
		assert_int_equal(races[i].early, 0);
		assert_int_equal(races[i].cancelled + races[i].completed, KIT_REPEAT(40000));
		assert_true(races[i].cancelled > 0 && races[i].completed > 0);
	}
	assert_int_equal(hashloom_timers_count(timers), 0);
	hashloom_timers_delete(timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_refuse_ticks_out_of_range),
		cmocka_unit_test(test_timers_empty_wheel_has_nothing_to_do),
		cmocka_unit_test(test_sleep_has_its_properties),
		cmocka_unit_test(test_sleep_of_nothing_completes_at_its_first_poll),
		cmocka_unit_test(test_sleep_counts_from_its_first_poll),
		cmocka_unit_test(test_sleep_is_due_at_the_end_of_its_tick),
		cmocka_unit_test(test_tick_is_a_power_of_two),
		cmocka_unit_test(test_wheel_every_level_is_exact),
		cmocka_unit_test(test_wheel_keeps_deadlines_to_the_end_of_time),
		cmocka_unit_test(test_clock_that_stands_fires_nothing),
		cmocka_unit_test(test_wheel_left_behind_keeps_new_deadlines),
		cmocka_unit_test(test_one_tick_fires_in_the_order_of_arming),
		cmocka_unit_test(test_clock_that_jumps_fires_in_order),
		cmocka_unit_test(test_cancelled_sleep_leaves_no_trace),
		cmocka_unit_test(test_cancelled_sleep_leaves_its_neighbours),
		cmocka_unit_test(test_sleep_that_has_fired_is_not_cancelled),
		cmocka_unit_test(test_waker_may_do_anything_but_wait),
		cmocka_unit_test(test_waker_of_the_last_poll_counts),
		cmocka_unit_test(test_poll_without_waker_looks_at_the_clock),
		cmocka_unit_test(test_sleep_without_waker_fires),
		cmocka_unit_test(test_delete_fires_nothing),
		cmocka_unit_test(test_sleeps_in_a_chain_sleep_one_after_the_other),
		cmocka_unit_test(test_a_million_sleeps),
		cmocka_unit_test(test_thread_is_never_early),
		cmocka_unit_test(test_thread_is_woken_for_what_is_sooner),
		cmocka_unit_test(test_thread_takes_no_signals),
		cmocka_unit_test(test_threads_race_with_the_wheel),
	};

	return KIT_RUN(tests);
}
