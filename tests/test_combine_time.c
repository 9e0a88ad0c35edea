/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_combine_time.c: timeouts, deadlines and retries (combine.h).
 *
 * Method: a clock that goes when the test says so, and a wheel that the test drives, with ticks of one nanosecond. So each pause is
 * measured to the nanosecond, and no machine is too slow.
 */
#include "combine_kit.h"

static hl_u64 clock_ns;

static uint64_t show_clock(void *arg)
{
	return hl_u64_load_relaxed(arg);
}

static struct hashloom_timers *new_timers(void)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	cfg.now_ns = show_clock;
	cfg.now_arg = &clock_ns;
	cfg.tick_ns = 1;
	cfg.driven_by_caller = 1;
	hl_u64_store_relaxed(&clock_ns, 1000);
	struct hashloom_timers *const timers = hashloom_timers_new(&cfg);

	assert_non_null(timers);
	return timers;
}

static void pass(struct hashloom_timers *timers, uint64_t ns)
{
	hl_u64_store_relaxed(&clock_ns, hl_u64_load_relaxed(&clock_ns) + ns);
	hashloom_timers_run(timers);
}

static void end(struct hashloom_timers *timers)
{
	assert_int_equal(hashloom_timers_count(timers), 0);
	hashloom_timers_delete(timers);
}

/* ---- timeout ----------------------------------------------------------------------------------- */

static void the_inner_future_is_in_time(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct puppet inner = puppet();
	struct future_timeout_fut timeout = future_timeout(FUTURE_AS_RUNNABLE(&inner), timers, 100);
	struct future *const future = FUTURE_AS_RUNNABLE(&timeout);

	(void)state;
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(hashloom_timers_count(timers), 1);
	pass(timers, 99);
	assert_int_equal(wakes(), 0);
	puppet_finish(&inner);
	assert_int_equal(wakes(), 1);
	poll_once(future);
	assert_true(is_complete(future));
	assert_int_equal(timeout.output.timed_out, 0);
	assert_int_equal(inner.data.asked, 0);
	end(timers);
}

static void the_time_is_over_first(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct puppet inner = puppet();
	struct future_timeout_fut timeout = future_timeout(FUTURE_AS_RUNNABLE(&inner), timers, 100);
	struct future *const future = FUTURE_AS_RUNNABLE(&timeout);

	(void)state;
	inner.data.knows_cancel = 1;
	inner.data.drains = 1;
	poll_once(future);
	pass(timers, 100);
	assert_int_equal(wakes(), 1);
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	assert_false(is_complete(future));
	assert_int_equal(inner.data.asked, 1);
	puppet_wake(&inner);
	poll_once(future);
	assert_true(is_complete(future));
	assert_int_equal(timeout.output.timed_out, 1);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&inner)));
	assert_false(future_is_cancelled(future));
	end(timers);
}

/* X.3: it runs to its end, and its result is not lost. */
static void what_cannot_be_cancelled_is_waited_for(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct puppet inner = puppet();
	struct future_timeout_fut timeout = future_timeout(FUTURE_AS_RUNNABLE(&inner), timers, 100);
	struct future *const future = FUTURE_AS_RUNNABLE(&timeout);

	(void)state;
	poll_once(future);
	pass(timers, 100);
	poll_once(future);
	assert_false(is_complete(future));
	puppet_finish(&inner);
	poll_once(future);
	assert_true(is_complete(future));
	assert_int_equal(timeout.output.timed_out, 1);
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&inner)));
	end(timers);
}

static void a_deadline_that_has_passed_leaves_one_poll(void **state)
{
	struct hashloom_timers *const timers = new_timers();

	(void)state;
	for (int is_ready = 0; is_ready < 2; is_ready++) {
		struct puppet inner = puppet();
		struct future_timeout_fut deadline = future_deadline(FUTURE_AS_RUNNABLE(&inner), timers, 1000);

		inner.data.is_done = is_ready;
		inner.data.knows_cancel = 1;
		poll_once(FUTURE_AS_RUNNABLE(&deadline));
		assert_true(is_complete(FUTURE_AS_RUNNABLE(&deadline)));
		assert_int_equal(deadline.output.timed_out, !is_ready);
		assert_int_equal(inner.data.polls, is_ready ? 1 : 2);
		assert_int_equal(future_is_cancelled(FUTURE_AS_RUNNABLE(&inner)), !is_ready);
	}
	end(timers);
}

static void a_deadline_is_a_moment(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct puppet inner = puppet();
	struct future_timeout_fut deadline = future_deadline(FUTURE_AS_RUNNABLE(&inner), timers, 1500);

	(void)state;
	inner.data.knows_cancel = 1;
	pass(timers, 300);
	poll_once(FUTURE_AS_RUNNABLE(&deadline));
	pass(timers, 199);
	assert_int_equal(wakes(), 0);
	pass(timers, 1);
	assert_int_equal(wakes(), 1);
	poll_once(FUTURE_AS_RUNNABLE(&deadline));
	assert_int_equal(deadline.output.timed_out, 1);
	end(timers);
}

static void a_timeout_is_cancelled_with_what_it_waits_for(void **state)
{
	struct hashloom_timers *const timers = new_timers();

	(void)state;
	for (int knows = 0; knows < 2; knows++) {
		struct puppet inner = puppet();
		struct future_timeout_fut timeout = future_timeout(FUTURE_AS_RUNNABLE(&inner), timers, 100);
		struct future *const future = FUTURE_AS_RUNNABLE(&timeout);

		inner.data.knows_cancel = knows;
		poll_once(future);
		future_cancel(future);
		poll_once(future);
		puppet_finish(&inner);
		poll_once(future);
		assert_true(is_complete(future));
		assert_int_equal(future_is_cancelled(future), knows);
		assert_int_equal(timeout.output.timed_out, 0);
	}
	end(timers);
}

/* K.7: it holds its timer and its slots, and is copied before its first poll. */
static void a_timeout_of_timeouts(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct puppet inner = puppet();
	struct future_timeout_fut first = future_timeout(FUTURE_AS_RUNNABLE(&inner), timers, 200), copy;
	struct future_timeout_fut second = future_timeout(FUTURE_AS_RUNNABLE(&copy), timers, 100);

	(void)state;
	inner.data.knows_cancel = 1;
	copy = first;
	memset(&first, 0x5a, sizeof(first));
	poll_once(FUTURE_AS_RUNNABLE(&second));
	assert_int_equal(hashloom_timers_count(timers), 2);
	pass(timers, 100);
	poll_once(FUTURE_AS_RUNNABLE(&second));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&second)));
	assert_int_equal(second.output.timed_out, 1);
	assert_int_equal(copy.output.timed_out, 0);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&copy)));
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&inner)));
	end(timers);
}

/* ---- retry ------------------------------------------------------------------------------------- */

struct attempts {
	struct puppet place;
	size_t made;
	size_t judged;
	size_t good_at; /* the attempt, from 1; 0: none */
	size_t ends_at; /* make() gives no more than so many */
	int is_ready;
	int knows_cancel;
};

static struct future *attempts_make(size_t index, size_t slot, void *arg)
{
	struct attempts *const attempts = arg;

	assert_int_equal(index, attempts->made);
	assert_int_equal(slot, 0);
	if (attempts->made == attempts->ends_at)
		return NULL;
	attempts->made++;
	attempts->place = puppet();
	attempts->place.data.is_done = attempts->is_ready;
	attempts->place.data.knows_cancel = attempts->knows_cancel;
	return FUTURE_AS_RUNNABLE(&attempts->place);
}

static int attempts_judge(struct future *future, size_t index, void *arg)
{
	struct attempts *const attempts = arg;

	assert_ptr_equal(future, &attempts->place.base);
	assert_int_equal(index, attempts->judged);
	assert_int_equal(index + 1, attempts->made);
	return ++attempts->judged == attempts->good_at;
}

static struct future_retry_cfg cfg_of(struct attempts *attempts, struct hashloom_timers *timers)
{
	memset(attempts, 0, sizeof(*attempts));
	attempts->ends_at = SIZE_MAX;
	attempts->is_ready = 1;
	return (struct future_retry_cfg){.make = attempts_make,
					 .is_good = attempts_judge,
					 .arg = attempts,
					 .timers = timers,
					 .attempts_max = 5,
					 .pause_ns = 100,
					 .pause_max_ns = UINT64_MAX};
}

/* How long it pauses now: lets time pass until something fires. */
static uint64_t pause_of(struct hashloom_timers *timers)
{
	const uint64_t begin = hl_u64_load_relaxed(&clock_ns);

	assert_int_equal(hashloom_timers_count(timers), 1);
	for (unsigned turns = 0; wakes() == 0; turns++) {
		const uint64_t next = hashloom_timers_next_ns(timers);

		assert_true(turns < 100);
		if (next > 0) {
			pass(timers, next - 1);
			assert_int_equal(wakes(), 0);
		}
		pass(timers, next > 0);
	}
	return hl_u64_load_relaxed(&clock_ns) - begin;
}

static void pauses_double_up_to_a_limit(void **state)
{
	static const uint64_t expected[] = {100, 200, 400, 500, 500, 500};
	struct hashloom_timers *const timers = new_timers();
	struct attempts attempts;
	struct future_retry_cfg cfg = cfg_of(&attempts, timers);

	(void)state;
	cfg.attempts_max = 7;
	cfg.pause_max_ns = 500;
	struct future_retry_fut retry = future_retry(&cfg);

	for (size_t i = 0; i < KIT_COUNT(expected); i++) {
		assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&retry)), FUTURE_NOTIFIER_WAKER);
		assert_int_equal(attempts.made, i + 1);
		poll_once(FUTURE_AS_RUNNABLE(&retry)); /* for nothing */
		assert_int_equal(attempts.made, i + 1);
		assert_int_equal(pause_of(timers), expected[i]);
	}
	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&retry)));
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&retry)));
	assert_int_equal(retry.output.attempts, 7);
	assert_int_equal(retry.output.is_good, 0);
	assert_int_equal(attempts.judged, 7);
	end(timers);
}

static void the_first_pause_is_limited_too(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct attempts attempts;
	struct future_retry_cfg cfg = cfg_of(&attempts, timers);

	(void)state;
	cfg.attempts_max = 2;
	cfg.pause_max_ns = 30;
	struct future_retry_fut retry = future_retry(&cfg);

	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_int_equal(pause_of(timers), 30);
	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&retry)));
	end(timers);
}

static void pauses_end_at_the_largest_number(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct attempts attempts;
	struct future_retry_cfg cfg = cfg_of(&attempts, timers);

	(void)state;
	cfg.pause_ns = UINT64_C(3) << 61;
	struct future_retry_fut retry = future_retry(&cfg);

	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_true(pause_of(timers) == UINT64_C(3) << 61);
	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_int_equal(attempts.made, 2);
	assert_true(retry.data.pause_ns == UINT64_MAX);
	future_cancel(FUTURE_AS_RUNNABLE(&retry));
	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&retry)));
	end(timers);
}

static void a_good_attempt_is_the_last(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct attempts attempts;
	struct future_retry_cfg cfg = cfg_of(&attempts, timers);
	struct future_retry_fut retry = future_retry(&cfg);
	struct future *const future = FUTURE_AS_RUNNABLE(&retry);

	(void)state;
	attempts.good_at = 2;
	attempts.is_ready = 0;
	for (size_t i = 1; i <= 2; i++) {
		assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
		assert_int_equal(attempts.made, i);
		assert_int_equal(hashloom_timers_count(timers), 0);
		puppet_finish(&attempts.place);
		assert_int_equal(wakes(), 1);
		poll_once(future);
		if (i == 1)
			pause_of(timers);
	}
	assert_true(is_complete(future));
	assert_int_equal(retry.output.attempts, 2);
	assert_int_equal(retry.output.is_good, 1);
	end(timers);
}

static void without_a_judge_the_first_attempt_is_good(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct attempts attempts;
	struct future_retry_cfg cfg = cfg_of(&attempts, timers);

	(void)state;
	cfg.is_good = NULL;
	struct future_retry_fut retry = future_retry(&cfg);

	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&retry)));
	assert_int_equal(retry.output.is_good, 1);
	end(timers);
}

static void no_attempt_at_all(void **state)
{
	struct hashloom_timers *const timers = new_timers();

	(void)state;
	for (int is_limited = 0; is_limited < 2; is_limited++) {
		struct attempts attempts;
		struct future_retry_cfg cfg = cfg_of(&attempts, timers);

		cfg.attempts_max = is_limited ? 0 : 5;
		attempts.ends_at = 0;
		struct future_retry_fut retry = future_retry(&cfg);

		poll_once(FUTURE_AS_RUNNABLE(&retry));
		assert_true(is_complete(FUTURE_AS_RUNNABLE(&retry)));
		assert_int_equal(retry.output.attempts, 0);
		assert_int_equal(retry.output.is_good, 0);
	}
	end(timers);
}

/* K.5 */
static void one_poll_makes_one_attempt(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	struct attempts attempts;
	struct future_retry_cfg cfg = cfg_of(&attempts, timers);

	(void)state;
	cfg.pause_ns = 0;
	struct future_retry_fut retry = future_retry(&cfg);

	for (size_t i = 1; i < 5; i++) {
		assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&retry)), FUTURE_NOTIFIER_WAKER);
		assert_int_equal(wakes(), 1);
		assert_int_equal(attempts.made, i);
	}
	poll_once(FUTURE_AS_RUNNABLE(&retry));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&retry)));
	end(timers);
}

static void pauses_of_one_seed_are_the_same(void **state)
{
	enum { SEEDS = 40, PAUSES = 4 };
	uint64_t pauses[SEEDS][PAUSES];
	unsigned differ = 0;

	(void)state;
	for (unsigned turn = 0; turn < 2; turn++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct hashloom_timers *const timers = new_timers();
			struct attempts attempts;
			struct future_retry_cfg cfg = cfg_of(&attempts, timers);

			cfg.jitter_seed = 1 + seed;
			struct future_retry_fut retry = future_retry(&cfg);

			for (unsigned i = 0; i < PAUSES; i++) {
				poll_once(FUTURE_AS_RUNNABLE(&retry));
				const uint64_t pause = pause_of(timers);

				assert_in_range(pause, 50U << i, 100U << i);
				if (turn > 0)
					assert_int_equal(pause, pauses[seed][i]);
				pauses[seed][i] = pause;
				differ += pause != 100U << i && (seed == 0 || pause != pauses[seed - 1][i]);
			}
			poll_once(FUTURE_AS_RUNNABLE(&retry));
			end(timers);
		}
	}
	assert_true(differ > SEEDS * PAUSES);
}

enum moment { BEFORE, IN_AN_ATTEMPT, IN_AN_ATTEMPT_THAT_ENDS_WELL, IN_A_PAUSE, MOMENTS };

static void a_retry_is_cancelled_at_each_moment(void **state)
{
	struct hashloom_timers *const timers = new_timers();

	(void)state;
	for (enum moment moment = BEFORE; moment < MOMENTS; moment++) {
		struct attempts attempts;
		struct future_retry_cfg cfg = cfg_of(&attempts, timers);
		struct future_retry_fut retry = future_retry(&cfg);
		struct future *const future = FUTURE_AS_RUNNABLE(&retry);

		attempts.is_ready = moment == IN_A_PAUSE;
		attempts.knows_cancel = moment == IN_AN_ATTEMPT;
		attempts.good_at = moment == IN_AN_ATTEMPT_THAT_ENDS_WELL;
		if (moment != BEFORE)
			poll_once(future);
		future_cancel(future);
		poll_once(future);
		assert_int_equal(is_complete(future), moment != IN_AN_ATTEMPT_THAT_ENDS_WELL);
		if (moment == IN_AN_ATTEMPT_THAT_ENDS_WELL) {
			puppet_finish(&attempts.place);
			poll_once(future);
		}
		assert_true(is_complete(future));
		assert_int_equal(future_is_cancelled(future), moment != IN_AN_ATTEMPT_THAT_ENDS_WELL);
		assert_int_equal(retry.output.is_good, moment == IN_AN_ATTEMPT_THAT_ENDS_WELL);
		assert_int_equal(attempts.made, moment != BEFORE);
		assert_int_equal(attempts.judged, moment >= IN_AN_ATTEMPT_THAT_ENDS_WELL);
	}
	end(timers);
}

/* Each attempt in time, all of them together in time, and the judge asks whether the attempt was. */
static int was_in_time(struct future *future, size_t index, void *arg)
{
	(void)index;
	(void)arg;
	return !((struct future_timeout_fut *)future)->output.timed_out;
}

static struct puppet slow_puppet;
static struct future_timeout_fut slow_attempt;

static struct future *make_with_timeout(size_t index, size_t slot, void *timers)
{
	(void)index;
	(void)slot;
	slow_puppet = puppet();
	slow_puppet.data.knows_cancel = 1;
	slow_attempt = future_timeout(FUTURE_AS_RUNNABLE(&slow_puppet), timers, 10);
	return FUTURE_AS_RUNNABLE(&slow_attempt);
}

static void a_retry_of_timeouts_with_a_deadline(void **state)
{
	struct hashloom_timers *const timers = new_timers();
	const struct future_retry_cfg cfg = {.make = make_with_timeout,
					     .is_good = was_in_time,
					     .arg = timers,
					     .timers = timers,
					     .attempts_max = SIZE_MAX,
					     .pause_ns = 5,
					     .pause_max_ns = 5};
	struct future_retry_fut retry = future_retry(&cfg);
	struct future_timeout_fut deadline = future_deadline(FUTURE_AS_RUNNABLE(&retry), timers, 1000 + 1007);

	(void)state;
	poll_once(FUTURE_AS_RUNNABLE(&deadline));
	for (unsigned ns = 0; ns < 2000; ns++) {
		pass(timers, 1);
		while (wakes() > 0 && !is_complete(FUTURE_AS_RUNNABLE(&deadline)))
			poll_once(FUTURE_AS_RUNNABLE(&deadline));
	}
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&deadline)));
	assert_int_equal(deadline.output.timed_out, 1);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&retry)));
	assert_int_equal(retry.output.attempts, 1007 / 15 + 1);
	end(timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_inner_future_is_in_time),
		cmocka_unit_test(the_time_is_over_first),
		cmocka_unit_test(what_cannot_be_cancelled_is_waited_for),
		cmocka_unit_test(a_deadline_that_has_passed_leaves_one_poll),
		cmocka_unit_test(a_deadline_is_a_moment),
		cmocka_unit_test(a_timeout_is_cancelled_with_what_it_waits_for),
		cmocka_unit_test(a_timeout_of_timeouts),
		cmocka_unit_test(pauses_double_up_to_a_limit),
		cmocka_unit_test(the_first_pause_is_limited_too),
		cmocka_unit_test(pauses_end_at_the_largest_number),
		cmocka_unit_test(a_good_attempt_is_the_last),
		cmocka_unit_test(without_a_judge_the_first_attempt_is_good),
		cmocka_unit_test(no_attempt_at_all),
		cmocka_unit_test(one_poll_makes_one_attempt),
		cmocka_unit_test(pauses_of_one_seed_are_the_same),
		cmocka_unit_test(a_retry_is_cancelled_at_each_moment),
		cmocka_unit_test(a_retry_of_timeouts_with_a_deadline),
	};

	return KIT_RUN(tests);
}
