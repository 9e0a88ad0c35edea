/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_timers_wheel.c: the inside of timers.c: a walker over the wheel after each step of random programs, what is done without the lock
 * and how long it is held, and what happens without memory or threads; and lock.h.
 *
 * Method: timers.c is compiled into the test, with allocations and threads that run out (test_kit_nomem.h). What the wheel does is
 * compared with a table of deadlines that is gone through from end to end.
 */
#define _GNU_SOURCE 1
#include "test_kit_nomem.h"

#include "timers.c"

static uint64_t hand;

static uint64_t hand_now_ns(void *arg)
{
	return *(const uint64_t *)arg;
}

static struct hashloom_timers *by_hand(uint64_t tick_ns)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	cfg.now_ns = hand_now_ns;
	cfg.now_arg = &hand;
	cfg.tick_ns = tick_ns;
	cfg.driven_by_caller = 1;
	nomem_allow(NOMEM_UNLIMITED, 0);
	struct hashloom_timers *const timers = hashloom_timers_new(&cfg);

	assert_non_null(timers);
	nomem_allow(0, 0); /* sleeps need none */
	return timers;
}

/* ---- the walker ---------------------------------------------------------------------------------- */

static size_t assert_list_is_valid(struct hashloom_timers *timers, unsigned which)
{
	const struct hashloom_timer_link *const list = &timers->lists[which];
	size_t n = 0;

	for (struct hashloom_timer_link *link = list->next; link != list; link = link->next, n++) {
		struct hashloom_timer *const timer = timer_of(link);
		const unsigned place = list_of(timers, expiry_of(timers, timer->deadline_ns));

		assert_true(link->prev->next == link && link->next->prev == link);
		assert_int_equal(hl_u32_load_relaxed(&timer->state), ARMED);
		assert_true(which == SPREADING || place == which);
	}
	return n;
}

/* Everything is where it is to be, and the bitmaps tell of it. */
static void assert_is_valid(struct hashloom_timers *timers)
{
	size_t count = 0;

	for (unsigned level = 0; level < LEVELS; level++) {
		for (unsigned digit = 0; digit < SLOTS; digit++) {
			const size_t n = assert_list_is_valid(timers, level * SLOTS + digit);

			assert_int_equal(timers->bitmaps[level] >> digit & 1, n > 0);
			count += n;
		}
		assert_int_equal(timers->levels >> level & 1, timers->bitmaps[level] != 0);
	}
	count += assert_list_is_valid(timers, SPREADING) + assert_list_is_valid(timers, DUE);
	assert_int_equal(timers->count, count);
	assert_int_equal(hashloom_timers_count(timers), count);
}

/* ---- random programs ------------------------------------------------------------------------------- */

#define SLEEPS 48

static struct {
	struct hashloom_timers *timers;
	uint64_t seed;
	struct hashloom_sleep_fut sleeps[SLEEPS];
	int is_pending[SLEEPS]; /* by the table */
	hl_u32 wakes[SLEEPS];
} world;

/* Small ones as often as large ones. */
static uint64_t any_size(unsigned bits)
{
	return kit_random(&world.seed) >> (63 - kit_random_below(&world.seed, bits));
}

static enum future_state poll_one(size_t i)
{
	struct future_notifier notifier = kit_notifier(&world.wakes[i]);

	return future_poll(FUTURE_AS_RUNNABLE(&world.sleeps[i]), &notifier);
}

static void arm_or_cancel(size_t i)
{
	struct hashloom_sleep_fut *const sleep = &world.sleeps[i];

	if (world.is_pending[i]) {
		future_cancel(FUTURE_AS_RUNNABLE(sleep));
		assert_int_equal(poll_one(i), FUTURE_STATE_COMPLETE);
		assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(sleep)));
		world.is_pending[i] = 0;
		return;
	}
	*sleep = hashloom_sleep(world.timers, any_size(64));
	hl_u32_store_relaxed(&world.wakes[i], 0);
	world.is_pending[i] = poll_one(i) == FUTURE_STATE_RUNNING;
	assert_int_equal(world.is_pending[i], sleep->data.timer.deadline_ns > hand);
}

/* When the tick is over in which a deadline lies, in plain arithmetic. */
static uint64_t due_ns(uint64_t deadline_ns)
{
	const uint64_t tick_ns = (uint64_t)1 << world.timers->tick_shift;
	const uint64_t rest = deadline_ns % tick_ns;

	if (rest == 0)
		return deadline_ns;
	return tick_ns - rest > UINT64_MAX - deadline_ns ? UINT64_MAX : deadline_ns + (tick_ns - rest);
}

static void check_next(void)
{
	const uint64_t next = hashloom_timers_next_ns(world.timers);
	uint64_t first = UINT64_MAX;
	int is_pending = 0;

	for (size_t i = 0; i < SLEEPS; i++) {
		if (!world.is_pending[i])
			continue;
		const uint64_t due = due_ns(world.sleeps[i].data.timer.deadline_ns);

		first = due < first ? due : first;
		is_pending = 1;
	}
	assert_true(is_pending ? next <= (first > hand ? first - hand : 0) : next == UINT64_MAX);
}

static void run_and_check(void)
{
	size_t due = 0;

	const size_t fired = hashloom_timers_run(world.timers);
	for (size_t i = 0; i < SLEEPS; i++) {
		const int is_due = world.is_pending[i] && due_ns(world.sleeps[i].data.timer.deadline_ns) <= hand;

		due += (size_t)is_due;
		assert_int_equal(hl_u32_load_relaxed(&world.wakes[i]) != 0, is_due);
		if (is_due) {
			assert_int_equal(poll_one(i), FUTURE_STATE_COMPLETE);
			assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&world.sleeps[i])));
			hl_u32_store_relaxed(&world.wakes[i], 0);
			world.is_pending[i] = 0;
		}
	}
	assert_int_equal(fired, due);
}

static void go_on_by(uint64_t ns)
{
	hand = ns < UINT64_MAX - hand ? hand + ns : UINT64_MAX;
}

static void one_program(unsigned steps)
{
	hand = any_size(64) / 2;
	world.timers = by_hand((uint64_t)1 << kit_random_below(&world.seed, 30));
	memset(world.is_pending, 0, sizeof(world.is_pending));
	memset(world.wakes, 0, sizeof(world.wakes));
	for (unsigned step = 0; step < steps; step++) {
		const size_t chance = kit_random_below(&world.seed, 16);

		if (chance < 10)
			arm_or_cancel(kit_random_below(&world.seed, SLEEPS));
		else if (chance < 12)
			go_on_by(any_size(chance == 11 ? 40 : 56));
		else if (chance < 13 && hashloom_timers_next_ns(world.timers) < UINT64_MAX / 16)
			go_on_by(hashloom_timers_next_ns(world.timers));
		else
			run_and_check();
		assert_is_valid(world.timers);
		check_next();
	}
	hand = UINT64_MAX;
	run_and_check();
	assert_is_valid(world.timers);
	assert_int_equal(hashloom_timers_count(world.timers), 0);
	hashloom_timers_delete(world.timers);
	assert_int_equal(nomem_blocks(), 0);
}

static void test_random_programs_keep_the_wheel_valid(void **state)
{
	(void)state;
	world.seed = kit_seed();
	for (unsigned i = 0; i < KIT_REPEAT(60); i++)
		one_program(400);
}

/* ---- the lock ----------------------------------------------------------------------------------------- */

/* W.6 */
static void test_poll_with_the_same_waker_takes_no_lock(void **state)
{
	struct hashloom_timers *const timers = by_hand(1);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 1000);
	hl_u32 wakes = {0};

	(void)state;
	hand = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct future_notifier notifier = kit_notifier(&wakes);

		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), &notifier), FUTURE_STATE_RUNNING);
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_WAKER);
		if (i == 0)
			hl_lock_take(&timers->lock); /* the second poll would wait for ever */
	}
	hl_lock_give(&timers->lock);
	hashloom_timers_delete(timers);
}

#define STORM (10 * TIMERS_PER_TURN + 7)

static struct {
	struct hashloom_timers *timers;
	size_t fired, turns, count;
} storm;

/* Called without the lock; and no more have left the wheel than a turn takes. */
static void wake_in_storm(void *data)
{
	(void)data;
	assert_int_equal(hl_u32_load_relaxed(&storm.timers->lock), HL_LOCK_FREE);
	storm.fired++;
	const size_t count = hashloom_timers_count(storm.timers);

	assert_true(count + storm.fired + TIMERS_PER_TURN > STORM);
	storm.turns += count != storm.count;
	storm.count = count;
}

/* W.7: all at once, from each level. */
static void test_storm_fires_in_turns(void **state)
{
	static struct hashloom_sleep_fut sleeps[STORM];

	(void)state;
	for (unsigned bits = 3; bits < 64; bits += 6) {
		struct future_notifier notifier = {.waker = {NULL, wake_in_storm}};

		hand = 0;
		memset(&storm, 0, sizeof(storm));
		storm.timers = by_hand(1);
		storm.count = STORM;
		for (size_t i = 0; i < STORM; i++) {
			sleeps[i] = hashloom_sleep(storm.timers, (uint64_t)1 << bits);
			assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleeps[i]), &notifier), FUTURE_STATE_RUNNING);
		}
		hand = (uint64_t)1 << bits;
		assert_int_equal(hashloom_timers_run(storm.timers), STORM);
		assert_int_equal(storm.fired, STORM);
		assert_int_equal(storm.turns, 11);
		hashloom_timers_delete(storm.timers);
	}
}

static hl_u32 fired[2], fired_count;

static void write_down(void *data)
{
	hl_u32_store_relaxed(&fired[hl_u32_fetch_add_relaxed(&fired_count, 1)], (uint32_t)(uintptr_t)data);
}

/*
 * W.3: who is armed while a cascade has stopped between two turns waits behind those that it has not come to. What another thread finds
 * then is made by hand: the cascade's first turn, and no more.
 */
static void test_armed_beside_a_cascade_comes_last(void **state)
{
	static struct hashloom_sleep_fut others[TIMERS_PER_TURN];
	struct hashloom_timers *const timers = by_hand(1);
	struct hashloom_sleep_fut sleeps[2];
	struct future_notifier notifier = {.waker = {(void *)1, write_down}};

	(void)state;
	hl_u32_store_relaxed(&fired_count, 0);
	hand = 0;
	for (size_t i = 0; i < TIMERS_PER_TURN; i++) {
		others[i] = hashloom_sleep_until(timers, 4096 + 64);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&others[i]), NULL), FUTURE_STATE_RUNNING);
	}
	for (size_t i = 0; i < 2; i++) {
		notifier.waker.data = (void *)(uintptr_t)(i + 1);
		sleeps[i] = hashloom_sleep_until(timers, 4096 + 100);
		if (i == 1) {
			hl_lock_take(&timers->lock);
			assert_int_equal(advance(timers, 4096), 1);
			assert_int_equal(spread_some(timers), 1);
			hl_lock_give(&timers->lock);
			hand = 4096;
			assert_int_equal(hashloom_timers_next_ns(timers), 0);
		}
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleeps[i]), &notifier), FUTURE_STATE_RUNNING);
		assert_is_valid(timers);
	}
	hand = 5000;
	assert_int_equal(hashloom_timers_run(timers), TIMERS_PER_TURN + 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(hl_u32_load_relaxed(&fired[i]), i + 1);
	hashloom_timers_delete(timers);
}

/* Another thread, whose clock shows more, has moved the hand past a deadline: complete at once, not a tick later. */
static void test_sleep_that_others_know_is_due_completes(void **state)
{
	struct hashloom_timers *const timers = by_hand(1);
	struct hashloom_sleep_fut other = hashloom_sleep_until(timers, 100), sleep = hashloom_sleep_until(timers, 50);

	(void)state;
	hand = 0;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&other), NULL), FUTURE_STATE_RUNNING);
	hand = 60;
	assert_int_equal(hashloom_timers_run(timers), 0);
	hand = 49; /* read before, used after */
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sleep), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(hashloom_timers_count(timers), 1);
	hashloom_timers_delete(timers);
}

/* ---- without memory or threads ------------------------------------------------------------------------ */

static void test_new_without_memory(void **state)
{
	(void)state;
	nomem_allow(0, NOMEM_UNLIMITED);
	errno = 0;
	assert_null(hashloom_timers_new(NULL));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(nomem_refused(), 1);
	assert_int_equal(nomem_blocks(), 0);
	assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 0);
}

static void test_new_without_threads(void **state)
{
	sigset_t before, after;

	(void)state;
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
	nomem_allow(NOMEM_UNLIMITED, 0);
	errno = 0;
	assert_null(hashloom_timers_new(NULL));
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(nomem_blocks(), 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	for (int number = 1; number <= SIGUSR2; number++)
		assert_int_equal(sigismember(&before, number), sigismember(&after, number));
	nomem_allow(NOMEM_UNLIMITED, 1);
	struct hashloom_timers *const timers = hashloom_timers_new(NULL);
	assert_non_null(timers);
	assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 1);
	hashloom_timers_delete(timers);
	assert_int_equal(nomem_blocks(), 0);
	assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 0);
}

/* ---- lock.h --------------------------------------------------------------------------------------------- */

#define LOCKERS 4

static struct {
	hl_lock lock;
	unsigned counter; /* guarded by it */
} guarded;

static void *lock_and_count(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < KIT_REPEAT(20000); i++) {
		hl_lock_take(&guarded.lock);
		const unsigned before = guarded.counter;
		if (i % 1000 == 0)
			kit_sleep_us(50); /* the others look in vain, and go to sleep */
		guarded.counter = before + 1;
		hl_lock_give(&guarded.lock);
	}
	return NULL;
}

static void test_lock_lets_one_in_and_forgets_none(void **state)
{
	pthread_t threads[LOCKERS];

	(void)state;
	memset(&guarded, 0, sizeof(guarded));
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	for (size_t i = 0; i < LOCKERS; i++)
		threads[i] = kit_start(lock_and_count, NULL);
	for (size_t i = 0; i < LOCKERS; i++)
		kit_join(threads[i]);
	assert_int_equal(guarded.counter, LOCKERS * KIT_REPEAT(20000));
	assert_int_equal(hl_u32_load_relaxed(&guarded.lock), HL_LOCK_FREE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_programs_keep_the_wheel_valid),
		cmocka_unit_test(test_poll_with_the_same_waker_takes_no_lock),
		cmocka_unit_test(test_storm_fires_in_turns),
		cmocka_unit_test(test_armed_beside_a_cascade_comes_last),
		cmocka_unit_test(test_sleep_that_others_know_is_due_completes),
		cmocka_unit_test(test_new_without_memory),
		cmocka_unit_test(test_new_without_threads),
		cmocka_unit_test(test_lock_lets_one_in_and_forgets_none),
	};

	return KIT_RUN(tests);
}
