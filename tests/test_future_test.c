/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_future_test.c: that the test kit does what future_test.h says, and that it finds what it is there to find. For that there are
 * futures here that break the contract of future.h, each in one way: the kit must go red with each, and stay green with those that keep it.
 */
#include "test_kit.h"

#include <hashloom/data_mover_sim.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/future_test.h>
#include <hashloom/timers.h>

#define POLLS_MAX 10000

struct no_output {
	char unused;
};

/* What every test of the executor needs. */
struct bench {
	struct future_test_report report;
	struct future_test_executor executor;
	struct future_test_task tasks[16];
	char trace[4096];
};

static struct bench bench;

static struct bench *fresh_bench(uint64_t seed)
{
	future_test_report_init(&bench.report, NULL, NULL);
	future_test_executor_init(&bench.executor, seed, &bench.report, bench.trace, sizeof(bench.trace));
	return &bench;
}

#define assert_green(report) assert_int_equal(future_test_failures(report), 0)
#define assert_red(report, text)                                                                   \
	do {                                                                                       \
		assert_int_equal(future_test_failures(report), 1);                                 \
		assert_string_equal(future_test_message(report), text);                            \
	} while (0)

/* ---- reports and wakers -------------------------------------------------------------------------- */

static void note_message(void *arg, const char *message)
{
	*(const char **)arg = message;
}

static void test_a_report_keeps_the_first_message_and_counts_and_tells_all(void **state)
{
	struct future_test_report report;
	const char *told = NULL;

	(void)state;
	future_test_report_init(&report, note_message, (void *)&told);
	assert_green(&report);
	assert_null(future_test_message(&report));
	future_test_fail(&report, "one");
	assert_string_equal(told, "one");
	future_test_fail(&report, "two");
	assert_string_equal(told, "two");
	assert_int_equal(future_test_failures(&report), 2);
	assert_string_equal(future_test_message(&report), "one");
	future_test_fail(NULL, "nobody hears");
	assert_int_equal(future_test_failures(&report), 2);
}

#define WAKERS 4
#define WAKES 10000

static void *wake_often(void *waker)
{
	for (unsigned i = 0; i < WAKES; i++)
		FUTURE_WAKER_WAKE((struct future_waker *)waker);
	return NULL;
}

static void test_a_counting_waker_counts_the_wakes_of_all_threads(void **state)
{
	struct future_test_counter counter = {{0}};
	struct future_waker waker = future_test_counting_waker(&counter);
	pthread_t threads[WAKERS];

	(void)state;
	assert_int_equal(future_test_wakes(&counter), 0);
	for (unsigned i = 0; i < WAKERS; i++)
		threads[i] = kit_start(wake_often, &waker);
	for (unsigned i = 0; i < WAKERS; i++)
		kit_join(threads[i]);
	assert_int_equal(future_test_wakes(&counter), WAKERS * WAKES);
}

static void test_a_panicking_waker_is_a_failure_when_it_is_called(void **state)
{
	struct future_test_report report;

	(void)state;
	future_test_report_init(&report, NULL, NULL);
	const struct future_waker waker = future_test_panicking_waker(&report);
	assert_green(&report);
	FUTURE_WAKER_WAKE(&waker);
	assert_red(&report, "a waker was called that must not be");
}

/* ---- pending so many times ----------------------------------------------------------------------- */

static void test_pending_is_running_n_times_and_wakes_if_it_shall(void **state)
{
	(void)state;
	for (int wakes = 0; wakes <= 1; wakes++) {
		struct future_test_counter counter = {{0}};
		struct future_test_pending_fut future = future_test_pending(3, wakes);

		for (unsigned i = 0; i < 3; i++) {
			struct future_notifier notifier = future_test_notifier(future_test_counting_waker(&counter));

			notifier.notifier_used = FUTURE_NOTIFIER_POLLER;
			assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
			assert_int_equal(notifier.notifier_used, wakes ? FUTURE_NOTIFIER_WAKER : FUTURE_NOTIFIER_NONE);
			assert_int_equal(future_test_wakes(&counter), wakes ? i + 1 : 0);
		}
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(future.output.polls, 4);
		assert_int_equal(future_test_wakes(&counter), wakes ? 3 : 0);
	}
}

static void test_pending_zero_times_is_complete_at_once_and_needs_no_notifier(void **state)
{
	struct future_test_pending_fut none = future_test_pending(0, 1), one = future_test_pending(1, 1);

	(void)state;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&none), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&one), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&one), NULL), FUTURE_STATE_COMPLETE);
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&one)));
}

static void test_a_cancelled_pending_drains_as_long_as_it_was_told(void **state)
{
	struct future_test_pending_fut future = future_test_pending(1000, 1);

	(void)state;
	future.data.cancel_polls = 2;
	future_cancel(FUTURE_AS_RUNNABLE(&future));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&future)));
	assert_int_equal(future.output.polls, 3);
}

/* ---- completed by the test ----------------------------------------------------------------------- */

/* Polls once with a waker of this counter. */
static enum future_state poll_counted(struct future *future, struct future_test_counter *counter)
{
	struct future_notifier notifier = future_test_notifier(future_test_counting_waker(counter));
	const enum future_state state = future_poll(future, &notifier);

	if (state == FUTURE_STATE_RUNNING)
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_WAKER);
	return state;
}

static void test_manual_completes_once_and_calls_the_last_waker_once(void **state)
{
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct future_test_counter first = {{0}}, last = {{0}};

	(void)state;
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC), 1);
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&future), &first), FUTURE_STATE_RUNNING);
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&future), &last), FUTURE_STATE_RUNNING);
	assert_int_equal(future_test_manual_complete(&manual, -7), 1);
	assert_int_equal(future_test_manual_complete(&manual, 9), 0);
	assert_int_equal(future_test_manual_wake(&manual), 0);
	assert_int_equal(future_test_wakes(&first), 0);
	assert_int_equal(future_test_wakes(&last), 1);
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&future), &first), FUTURE_STATE_COMPLETE);
	assert_true(future.output.result == -7);
}

static void test_manual_can_be_completed_before_its_first_poll(void **state)
{
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);

	(void)state;
	assert_int_equal(future_test_manual_complete(&manual, 5), 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	assert_true(future.output.result == 5);
}

static void test_manual_wakes_for_nothing_and_a_poll_without_notifier_takes_its_waker_away(void **state)
{
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct future_test_counter counter = {{0}};

	(void)state;
	assert_int_equal(future_test_manual_wake(&manual), 0);
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&future), &counter), FUTURE_STATE_RUNNING);
	assert_int_equal(future_test_manual_wake(&manual), 1);
	assert_int_equal(future_test_manual_wake(&manual), 0);
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&future), &counter), FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(future_test_manual_complete(&manual, 0), 1);
	assert_int_equal(future_test_wakes(&counter), 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
}

static void test_a_cancelled_manual_calls_no_waker_any_more(void **state)
{
	struct future_test_report report;
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);

	(void)state;
	future_test_report_init(&report, NULL, NULL);
	struct future_notifier notifier = future_test_notifier(future_test_panicking_waker(&report));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
	future_cancel(FUTURE_AS_RUNNABLE(&future));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&future)));
	assert_int_equal(future_test_manual_complete(&manual, 1), 0);
	assert_int_equal(future_test_manual_wake(&manual), 0);
	assert_green(&report);
}

/* A waker that stays in its call until the test lets it go. */
struct slow_waker {
	hl_u32 is_called, may_go;
};

static void wake_slowly(void *data)
{
	struct slow_waker *const slow = data;

	hl_u32_fetch_add_release(&slow->is_called, 1);
	kit_wait_for(&slow->may_go, 1);
}

static void *complete_with_3(void *manual)
{
	(void)future_test_manual_complete(manual, 3);
	return NULL;
}

static void *wake_for_nothing(void *manual)
{
	(void)future_test_manual_wake(manual);
	return NULL;
}

/* A poll during the call of a waker: RUNNING, and the waker that it brings is called, too. */
static void poll_while_waking(void *(*run)(void *), int is_cancelled)
{
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct slow_waker slow = {{0}, {0}};
	struct future_notifier notifier = future_test_notifier((struct future_waker){&slow, wake_slowly});
	struct future_test_counter counter = {{0}};

	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
	const pthread_t thread = kit_start(run, &manual);
	kit_wait_for(&slow.is_called, 1);
	if (is_cancelled)
		future_cancel(FUTURE_AS_RUNNABLE(&future));
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&future), &counter), FUTURE_STATE_RUNNING);
	assert_int_equal(future_test_wakes(&counter), 0);
	hl_u32_store_release(&slow.may_go, 1);
	kit_join(thread);
	assert_int_equal(future_test_wakes(&counter), 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(future_is_cancelled(FUTURE_AS_RUNNABLE(&future)), is_cancelled);
	assert_true(future.output.result == (is_cancelled ? 0 : 3));
}

static void test_manual_is_not_complete_while_its_waker_is_called_and_calls_the_next(void **state)
{
	(void)state;
	poll_while_waking(complete_with_3, 0);
}

static void test_a_manual_cancelled_while_its_waker_is_called_is_drained(void **state)
{
	(void)state;
	poll_while_waking(wake_for_nothing, 1);
}

/* ---- the guard: futures that break the contract --------------------------------------------------- */

enum fault {
	NO_FAULT,
	GOES_BACK,	    /* from RUNNING to IDLE */
	RETURNS_NO_STATE,
	POLLER_WITHOUT_WORD,
	NO_NOTIFIER,	    /* notifier_used is none of the enum */
	KEEPS_FIRST_WAKER,
	WAKES_WHEN_COMPLETE,
	POLLS_ITS_GUARD,
};

/* Waits for `event`, which the test sets to 1 and then calls faulty_wake(). */
struct faulty_data {
	enum fault fault;
	int event, polls;
	struct future_waker waker;
	struct future *guard;
};

FUTURE(faulty_fut, struct faulty_data, struct no_output);

static enum future_state faulty_task(struct future_context *context, struct future_notifier *notifier)
{
	struct faulty_data *const data = future_context_get_data(context);

	if (data->event)
		return FUTURE_STATE_COMPLETE;
	if (data->fault != KEEPS_FIRST_WAKER || data->polls == 0)
		data->waker = notifier->waker;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	data->polls++;
	if (data->fault == POLLS_ITS_GUARD && data->polls == 1) {
		struct future_notifier inner = *notifier;

		assert_int_equal(data->guard->task(&data->guard->context, &inner), FUTURE_STATE_RUNNING);
	}
	if (data->fault == GOES_BACK && data->polls == 2)
		return FUTURE_STATE_IDLE;
	if (data->fault == RETURNS_NO_STATE && data->polls == 2)
		return (enum future_state)77;
	if (data->fault == POLLER_WITHOUT_WORD && data->polls == 2)
		notifier->notifier_used = FUTURE_NOTIFIER_POLLER;
	if (data->fault == NO_NOTIFIER && data->polls == 2)
		notifier->notifier_used = (enum future_notifier_type)(FUTURE_NOTIFIER_POLLER + 1);
	return FUTURE_STATE_RUNNING;
}

static struct faulty_fut faulty(enum fault fault)
{
	struct faulty_fut future = {.data = {.fault = fault}};

	FUTURE_INIT(&future, faulty_task);
	return future;
}

static void faulty_wake(struct faulty_fut *future)
{
	FUTURE_WAKER_WAKE(&future->data.waker);
}

/* Runs a faulty future, with or without a guard, through two polls and to its end. Returns 1: it got there. */
static int run_faulty(enum fault fault, int is_guarded)
{
	struct bench *const b = fresh_bench(0);
	static struct faulty_fut future;
	static struct future_test_guard guard;
	static struct future_test_guard_fut guarded;

	future = faulty(fault);
	guarded = future_test_guarded(&guard, FUTURE_AS_RUNNABLE(&future), &b->report);
	future.data.guard = FUTURE_AS_RUNNABLE(&guarded);
	future_test_spawn(&b->executor, &b->tasks[0], is_guarded ? FUTURE_AS_RUNNABLE(&guarded) : FUTURE_AS_RUNNABLE(&future));
	(void)future_test_run(&b->executor, 1);
	faulty_wake(&future); /* for nothing */
	(void)future_test_run(&b->executor, 1);
	future.data.event = 1;
	faulty_wake(&future);
	(void)future_test_run(&b->executor, POLLS_MAX);
	if (fault == WAKES_WHEN_COMPLETE)
		faulty_wake(&future);
	return b->tasks[0].is_complete;
}

static void test_who_keeps_the_contract_is_green(void **state)
{
	(void)state;
	for (int is_guarded = 0; is_guarded <= 1; is_guarded++) {
		assert_true(run_faulty(NO_FAULT, is_guarded));
		assert_green(&bench.report);
		assert_string_equal(bench.trace, "p0 w0 p0 w0 p0 c0");
		assert_false(future_test_is_stuck(&bench.executor));
	}
}

static void test_what_breaks_the_contract_is_red(void **state)
{
	static const struct {
		enum fault fault;
		const char *message;
	} faults[] = {
		{GOES_BACK, "a future went back from RUNNING to IDLE"},
		{RETURNS_NO_STATE, "a task returned what is no state"},
		{POLLER_WITHOUT_WORD, "a task says POLLER, and has set no word to monitor"},
		{NO_NOTIFIER, "a task set notifier_used to what is no notifier"},
		{WAKES_WHEN_COMPLETE, "a waker was called after its future was seen complete"},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(faults); i++) {
		assert_true(run_faulty(faults[i].fault, 0));
		assert_red(&bench.report, faults[i].message);
		assert_true(run_faulty(faults[i].fault, 1));
		assert_true(future_test_failures(&bench.report) >= 1);
		assert_string_equal(future_test_message(&bench.report), faults[i].message);
	}
}

static void test_a_future_that_keeps_its_first_waker_is_stuck_under_a_guard(void **state)
{
	(void)state;
	assert_true(run_faulty(KEEPS_FIRST_WAKER, 0)); /* an executor has one waker for a task: it does not matter there, */
	assert_false(run_faulty(KEEPS_FIRST_WAKER, 1));
	assert_true(future_test_is_stuck(&bench.executor));
	assert_string_equal(bench.trace, "p0 w0 p0");
}

static void test_a_guard_sees_two_polls_at_once_and_one_after_the_end(void **state)
{
	(void)state;
	assert_true(run_faulty(POLLS_ITS_GUARD, 1));
	assert_red(&bench.report, "a future was polled by two at once");

	struct future_test_pending_fut future = future_test_pending(0, 0);
	struct future_test_guard guard;
	struct future_test_guard_fut guarded = future_test_guarded(&guard, FUTURE_AS_RUNNABLE(&future), &fresh_bench(0)->report);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&guarded), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&guarded), NULL), FUTURE_STATE_COMPLETE);
	assert_green(&bench.report);
	assert_int_equal(guarded.base.task(&guarded.base.context, NULL), FUTURE_STATE_COMPLETE);
	assert_red(&bench.report, "a future was polled after it was complete");
	assert_int_equal(guarded.output.polls, 1);
	assert_int_equal(future.output.polls, 1);
}

static void test_a_guard_calls_the_waker_it_was_given_last(void **state)
{
	struct faulty_fut future = faulty(NO_FAULT);
	struct future_test_guard guard;
	struct future_test_guard_fut guarded = future_test_guarded(&guard, FUTURE_AS_RUNNABLE(&future), &fresh_bench(0)->report);
	struct future_test_counter first = {{0}}, last = {{0}};

	(void)state;
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&guarded), &first), FUTURE_STATE_RUNNING);
	assert_int_equal(poll_counted(FUTURE_AS_RUNNABLE(&guarded), &last), FUTURE_STATE_RUNNING);
	faulty_wake(&future);
	assert_int_equal(future_test_wakes(&first), 0);
	assert_int_equal(future_test_wakes(&last), 1);
	assert_green(&bench.report);
}

static void test_a_guard_has_the_properties_of_its_future_and_cancels_it(void **state)
{
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct faulty_fut deaf = faulty(NO_FAULT);
	struct future_test_guard guard;
	struct future_test_guard_fut guarded = future_test_guarded(&guard, FUTURE_AS_RUNNABLE(&deaf), &fresh_bench(0)->report);

	(void)state;
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&guarded), FUTURE_PROPERTY_CANCEL), 0);
	guarded = future_test_guarded(&guard, FUTURE_AS_RUNNABLE(&future), &bench.report);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&guarded), FUTURE_PROPERTY_CANCEL), 1);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&guarded), FUTURE_PROPERTY_ASYNC), 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&guarded), NULL), FUTURE_STATE_RUNNING);
	future_cancel(FUTURE_AS_RUNNABLE(&guarded));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&guarded), NULL), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&guarded)));
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&future)));
	assert_green(&bench.report);
}

/* ---- the executor -------------------------------------------------------------------------------- */

static void test_the_executor_polls_what_is_woken_in_the_order_of_wakes(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_manual manuals[3] = {{.lock = {0}}};
	struct future_test_manual_fut futures[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		futures[i] = future_test_manual_future(&manuals[i]);
		future_test_spawn(&b->executor, &b->tasks[i], FUTURE_AS_RUNNABLE(&futures[i]));
	}
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 3);
	assert_string_equal(b->trace, "p0 p1 p2");
	assert_true(future_test_is_stuck(&b->executor));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 0);
	(void)future_test_manual_complete(&manuals[2], 0);
	(void)future_test_manual_wake(&manuals[0]);
	assert_false(future_test_is_stuck(&b->executor));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 2);
	(void)future_test_manual_complete(&manuals[0], 0);
	(void)future_test_manual_complete(&manuals[1], 0);
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 2);
	assert_string_equal(b->trace, "p0 p1 p2 w2 w0 p2 c2 p0 w0 w1 p0 c0 p1 c1");
	assert_false(future_test_is_stuck(&b->executor));
	assert_int_equal(b->tasks[0].polls, 3);
	assert_int_equal(b->tasks[0].wakes, 2);
	assert_green(&b->report);
}

static void test_wakes_before_a_poll_count_once_and_one_during_it_leads_to_another(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct future_test_pending_fut yields = future_test_pending(2, 1);

	(void)state;
	future_test_spawn(&b->executor, &b->tasks[0], FUTURE_AS_RUNNABLE(&future));
	(void)future_test_run(&b->executor, POLLS_MAX);
	const struct future_waker waker = manual.waker;
	FUTURE_WAKER_WAKE(&waker);
	FUTURE_WAKER_WAKE(&waker);
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 1);
	future_test_spawn(&b->executor, &b->tasks[1], FUTURE_AS_RUNNABLE(&yields));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 3);
	assert_string_equal(b->trace, "p0 w0 w0 p0 p1 w1 p1 w1 p1 c1");
}

static void test_those_that_use_no_waker_are_polled_in_turn(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_pending_fut one = future_test_pending(2, 0), other = future_test_pending(1, 0);

	(void)state;
	future_test_spawn(&b->executor, &b->tasks[0], FUTURE_AS_RUNNABLE(&one));
	future_test_spawn(&b->executor, &b->tasks[1], FUTURE_AS_RUNNABLE(&other));
	assert_int_equal(future_test_run(&b->executor, 3), 3);
	assert_false(future_test_is_stuck(&b->executor));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 2);
	assert_string_equal(b->trace, "p0 p1 p0 p1 c1 p0 c0");
}

struct word_data {
	uint64_t word;
};

FUTURE(word_fut, struct word_data, struct no_output);

static enum future_state word_task(struct future_context *context, struct future_notifier *notifier)
{
	struct word_data *const data = future_context_get_data(context);

	if (hl_u64_load_acquire((hl_u64 *)(void *)&data->word) != 0)
		return FUTURE_STATE_COMPLETE;
	notifier->notifier_used = FUTURE_NOTIFIER_POLLER;
	notifier->poller.ptr_to_monitor = &data->word;
	return FUTURE_STATE_RUNNING;
}

static void *set_word(void *word)
{
	kit_sleep_us(3000);
	hl_u64_store_release(word, 1);
	return NULL;
}

static void test_a_poller_is_due_when_its_word_is_not_zero(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct word_fut one = {.data = {0}}, other = {.data = {0}};

	(void)state;
	FUTURE_INIT(&one, word_task);
	FUTURE_INIT(&other, word_task);
	future_test_spawn(&b->executor, &b->tasks[0], FUTURE_AS_RUNNABLE(&one));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 1);
	assert_true(future_test_is_stuck(&b->executor));
	one.data.word = 1;
	assert_false(future_test_is_stuck(&b->executor));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 1);
	assert_string_equal(b->trace, "p0 p0 c0");

	future_test_spawn(&b->executor, &b->tasks[1], FUTURE_AS_RUNNABLE(&other));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 1);
	const pthread_t thread = kit_start(set_word, &other.data.word);
	assert_int_equal(future_test_wait(&b->executor, 0), 1);
	kit_join(thread);
	assert_int_equal(b->tasks[1].polls, 2);
}

/* A chain whose entries both use wakers: the first leaves WAKER in the notifier, the second one is none the wiser. */
struct went_on_data {
	FUTURE_CHAIN_ENTRY(struct future_test_manual_fut, first);
	FUTURE_CHAIN_ENTRY_LAST(struct word_fut, second);
};

FUTURE(went_on_fut, struct went_on_data, struct no_output);

static void test_a_chain_that_went_on_is_polled_once_more_also_under_a_guard(void **state)
{
	(void)state;
	for (int is_guarded = 0; is_guarded <= 1; is_guarded++) {
		struct bench *const b = fresh_bench(0);
		struct future_test_manual manual = {.lock = {0}};
		struct went_on_fut chain;
		struct word_fut second = {.data = {0}};
		struct future_test_guard guard;

		memset(&chain, 0, sizeof(chain));
		FUTURE_INIT(&second, word_task);
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, future_test_manual_future(&manual), NULL, NULL);
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.second, second, NULL, NULL);
		FUTURE_CHAIN_INIT(&chain);
		struct future_test_guard_fut guarded = future_test_guarded(&guard, FUTURE_AS_RUNNABLE(&chain), &b->report);
		future_test_spawn(&b->executor, &b->tasks[0],
				  is_guarded ? FUTURE_AS_RUNNABLE(&guarded) : FUTURE_AS_RUNNABLE(&chain));
		(void)future_test_run(&b->executor, POLLS_MAX);
		(void)future_test_manual_complete(&manual, 0);
		assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 2);
		assert_string_equal(b->trace, "p0 w0 p0 p0");
		chain.data.second.fut.data.word = 1;
		assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 1);
		assert_true(b->tasks[0].is_complete);
		assert_green(&b->report);
	}
}

static void test_a_cancelled_task_is_due_and_the_trace_says_how_it_ended(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct future_test_pending_fut drains = future_test_pending(5, 1);
	struct faulty_fut not_begun = faulty(NO_FAULT);

	(void)state;
	drains.data.cancel_polls = 1;
	future_test_spawn(&b->executor, &b->tasks[0], FUTURE_AS_RUNNABLE(&future));
	(void)future_test_run(&b->executor, POLLS_MAX);
	future_test_spawn(&b->executor, &b->tasks[1], FUTURE_AS_RUNNABLE(&drains));
	future_test_spawn(&b->executor, &b->tasks[2], FUTURE_AS_RUNNABLE(&not_begun));
	future_test_cancel(&b->tasks[0]);
	future_test_cancel(&b->tasks[1]);
	future_test_cancel(&b->tasks[2]);
	(void)future_test_run(&b->executor, POLLS_MAX);
	assert_string_equal(b->trace, "p0 p1 w1 p2 x2 p0 x0 p1 x1");
	future_test_cancel(&b->tasks[0]);
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 0);
}

/* Runs eight tasks that yield, some of them more often, in the order that the seed names. */
static void run_yielding(uint64_t seed, char *trace, size_t size)
{
	struct bench *const b = fresh_bench(seed);
	struct future_test_pending_fut futures[8];

	for (unsigned i = 0; i < 8; i++) {
		futures[i] = future_test_pending(i % 4, (int)i % 2);
		future_test_spawn(&b->executor, &b->tasks[i], FUTURE_AS_RUNNABLE(&futures[i]));
	}
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 8 + 2 * (1 + 2 + 3));
	assert_false(future_test_is_stuck(&b->executor));
	assert_true(strlen(b->trace) < size);
	memcpy(trace, b->trace, strlen(b->trace) + 1);
}

static void test_a_seed_names_an_order_and_others_name_others(void **state)
{
	static char traces[17][1024], again[1024];
	size_t first_differs = 0, distinct = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 17; seed++) {
		run_yielding(seed, traces[seed], sizeof(again));
		run_yielding(seed, again, sizeof(again));
		assert_string_equal(again, traces[seed]);
		size_t same = 0;
		while (strcmp(traces[same], traces[seed]) != 0)
			same++;
		distinct += same == seed;
		first_differs += strncmp(traces[seed], "p0", 2) != 0;
	}
	assert_true(distinct >= 16);
	assert_true(first_differs >= 8);
	assert_memory_equal(traces[0], "p0 c0 p1", 8);
}

struct spawning_data {
	struct bench *bench;
	struct future *child;
};

FUTURE(spawning_fut, struct spawning_data, struct no_output);

static enum future_state spawning_task(struct future_context *context, struct future_notifier *notifier)
{
	struct spawning_data *const data = future_context_get_data(context);

	(void)notifier;
	future_test_spawn(&data->bench->executor, &data->bench->tasks[1], data->child);
	return FUTURE_STATE_COMPLETE;
}

static void test_a_task_may_spawn(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_pending_fut child = future_test_pending(0, 0);
	struct spawning_fut parent = {.data = {b, FUTURE_AS_RUNNABLE(&child)}};

	(void)state;
	FUTURE_INIT(&parent, spawning_task);
	future_test_spawn(&b->executor, &b->tasks[0], FUTURE_AS_RUNNABLE(&parent));
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 2);
	assert_string_equal(b->trace, "p0 c0 p1 c1");
}

static void test_a_trace_that_is_full_ends_with_a_whole_word(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 12; size++) {
		static const char all[] = "p0 w0 p0 c0";
		struct future_test_executor executor;
		struct future_test_task task;
		struct future_test_pending_fut future = future_test_pending(1, 1);
		char trace[16];

		memset(trace, '#', sizeof(trace));
		future_test_executor_init(&executor, 0, NULL, trace, size);
		future_test_spawn(&executor, &task, FUTURE_AS_RUNNABLE(&future));
		assert_int_equal(future_test_run(&executor, POLLS_MAX), 2);
		assert_true(task.is_complete);
		for (size_t i = size; i < sizeof(trace); i++)
			assert_int_equal(trace[i], '#');
		const size_t length = size == 0 ? 0 : size / 3 * 3 > 0 ? size / 3 * 3 - 1 : 0;
		assert_true(size == 0 || strlen(trace) == length);
		assert_memory_equal(trace, all, length);
	}
}

static void test_behind_a_word_that_did_not_fit_comes_no_shorter_one(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_pending_fut futures[11];
	char trace[60]; /* "p0 p1 c1 ... p9 c9 p10" would need one more, "p0" instead of "p10" would fit */

	(void)state;
	future_test_executor_init(&b->executor, 0, NULL, trace, sizeof(trace));
	for (unsigned i = 0; i < 11; i++) {
		futures[i] = future_test_pending(i == 0, 0);
		future_test_spawn(&b->executor, &b->tasks[i], FUTURE_AS_RUNNABLE(&futures[i]));
	}
	assert_int_equal(future_test_run(&b->executor, POLLS_MAX), 12);
	assert_string_equal(trace, "p0 p1 c1 p2 c2 p3 c3 p4 c4 p5 c5 p6 c6 p7 c7 p8 c8 p9 c9");
}

/* ---- with threads and time ----------------------------------------------------------------------- */

#define MANUALS 8

static void *complete_all(void *manuals)
{
	uint64_t chance = 1;

	for (unsigned i = 0; i < MANUALS; i++) {
		struct future_test_manual *const manual = (struct future_test_manual *)manuals + i;

		while (kit_random_below(&chance, 3) == 0)
			(void)future_test_manual_wake(manual);
		(void)future_test_manual_complete(manual, (int64_t)i + 1);
	}
	return NULL;
}

static void test_no_wake_of_another_thread_is_lost_and_none_is_late(void **state)
{
	struct bench *const b = &bench;

	(void)state;
	for (unsigned round = 0; round < KIT_REPEAT(1000); round++) {
		struct future_test_manual manuals[MANUALS] = {{.lock = {0}}};
		struct future_test_manual_fut futures[MANUALS];
		struct future_test_guard guards[MANUALS];
		struct future_test_guard_fut guarded[MANUALS];

		fresh_bench(round);
		for (unsigned i = 0; i < MANUALS; i++) {
			futures[i] = future_test_manual_future(&manuals[i]);
			guarded[i] = future_test_guarded(&guards[i], FUTURE_AS_RUNNABLE(&futures[i]), &b->report);
			future_test_spawn(&b->executor, &b->tasks[i], FUTURE_AS_RUNNABLE(&guarded[i]));
		}
		const pthread_t thread = kit_start(complete_all, manuals);
		assert_int_equal(future_test_wait(&b->executor, 0), 1);
		kit_join(thread);
		for (unsigned i = 0; i < MANUALS; i++)
			assert_true(futures[i].output.result == (int64_t)i + 1);
		assert_green(&b->report);
	}
}

static void test_waiting_ends_when_nobody_wakes(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_manual manual = {.lock = {0}};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	const uint64_t begin = kit_clock_ns(CLOCK_MONOTONIC);

	(void)state;
	assert_int_equal(future_test_wait(&b->executor, 1), 1); /* no tasks: all are complete */
	future_test_spawn(&b->executor, &b->tasks[0], FUTURE_AS_RUNNABLE(&future));
	assert_int_equal(future_test_wait(&b->executor, 2000000), 0);
	assert_true(kit_clock_ns(CLOCK_MONOTONIC) - begin >= 2000000);
	assert_int_equal(b->tasks[0].polls, 1);
	(void)future_test_manual_complete(&manual, 0);
	assert_int_equal(future_test_wait(&b->executor, 1), 1);
}

static void test_the_movers_keep_the_contract(void **state)
{
	static char from[MANUALS][64], to[MANUALS][64];
	struct data_mover_threads_cfg threads_cfg = data_mover_threads_cfg_default();

	(void)state;
	threads_cfg.threads = 2;
	threads_cfg.inline_max = 0;
	struct data_mover_threads *const threads = data_mover_threads_new_cfg(&threads_cfg);
	assert_non_null(threads);
	for (uint64_t round = 0; round < KIT_REPEAT(200); round++) {
		struct bench *const b = fresh_bench(round);
		struct data_mover_sim_cfg sim_cfg = data_mover_sim_cfg_default(round);
		struct vdm_operation_future copies[MANUALS];
		struct future_test_guard guards[MANUALS];
		struct future_test_guard_fut guarded[MANUALS];

		sim_cfg.permille[DATA_MOVER_SIM_WAKE_TWICE] = sim_cfg.permille[DATA_MOVER_SIM_WAKE_EARLY] = 300;
		struct data_mover_sim *const sim = data_mover_sim_new(&sim_cfg);
		struct vdm *const vdms[] = {data_mover_threads_get_vdm(threads), data_mover_sim_get_vdm(sim)};
		for (unsigned i = 0; i < MANUALS; i++) {
			memset(from[i], (int)(round + i), sizeof(from[i]));
			copies[i] = vdm_memcpy(vdms[i % 2], to[i], from[i], sizeof(from[i]), 0);
			guarded[i] = future_test_guarded(&guards[i], FUTURE_AS_RUNNABLE(&copies[i]), &b->report);
			future_test_spawn(&b->executor, &b->tasks[i], FUTURE_AS_RUNNABLE(&guarded[i]));
		}
		(void)future_test_run(&b->executor, POLLS_MAX);
		(void)data_mover_sim_drain(sim);
		assert_int_equal(future_test_wait(&b->executor, 0), 1);
		assert_green(&b->report);
		assert_true(kit_equal(from, to, sizeof(from)));
		data_mover_sim_delete(sim);
	}
	data_mover_threads_delete(threads);
}

#define HOUR_NS (3600 * UINT64_C(1000000000))

static void test_the_clock_drives_timers(void **state)
{
	struct bench *const b = fresh_bench(0);
	struct future_test_clock clock = {{0}};
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	(void)state;
	cfg.now_ns = future_test_clock_now_ns;
	cfg.now_arg = &clock;
	cfg.tick_ns = 1;
	cfg.driven_by_caller = 1;
	struct hashloom_timers *const timers = hashloom_timers_new(&cfg);
	assert_non_null(timers);
	struct hashloom_sleep_fut sleep = hashloom_sleep(timers, HOUR_NS);
	future_test_spawn(&b->executor, &b->tasks[0], FUTURE_AS_RUNNABLE(&sleep));
	(void)future_test_run(&b->executor, POLLS_MAX);
	assert_true(future_test_clock_advance(&clock, HOUR_NS - 1) == HOUR_NS - 1);
	(void)hashloom_timers_run(timers);
	assert_true(future_test_is_stuck(&b->executor));
	assert_true(future_test_clock_advance(&clock, 1) == HOUR_NS);
	assert_int_equal(hashloom_timers_run(timers), 1);
	(void)future_test_run(&b->executor, POLLS_MAX);
	assert_string_equal(b->trace, "p0 w0 p0 c0");
	assert_green(&b->report);
	hashloom_timers_delete(timers);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_report_keeps_the_first_message_and_counts_and_tells_all),
		cmocka_unit_test(test_a_counting_waker_counts_the_wakes_of_all_threads),
		cmocka_unit_test(test_a_panicking_waker_is_a_failure_when_it_is_called),
		cmocka_unit_test(test_pending_is_running_n_times_and_wakes_if_it_shall),
		cmocka_unit_test(test_pending_zero_times_is_complete_at_once_and_needs_no_notifier),
		cmocka_unit_test(test_a_cancelled_pending_drains_as_long_as_it_was_told),
		cmocka_unit_test(test_manual_completes_once_and_calls_the_last_waker_once),
		cmocka_unit_test(test_manual_can_be_completed_before_its_first_poll),
		cmocka_unit_test(test_manual_wakes_for_nothing_and_a_poll_without_notifier_takes_its_waker_away),
		cmocka_unit_test(test_a_cancelled_manual_calls_no_waker_any_more),
		cmocka_unit_test(test_manual_is_not_complete_while_its_waker_is_called_and_calls_the_next),
		cmocka_unit_test(test_a_manual_cancelled_while_its_waker_is_called_is_drained),
		cmocka_unit_test(test_who_keeps_the_contract_is_green),
		cmocka_unit_test(test_what_breaks_the_contract_is_red),
		cmocka_unit_test(test_a_future_that_keeps_its_first_waker_is_stuck_under_a_guard),
		cmocka_unit_test(test_a_guard_sees_two_polls_at_once_and_one_after_the_end),
		cmocka_unit_test(test_a_guard_calls_the_waker_it_was_given_last),
		cmocka_unit_test(test_a_guard_has_the_properties_of_its_future_and_cancels_it),
		cmocka_unit_test(test_the_executor_polls_what_is_woken_in_the_order_of_wakes),
		cmocka_unit_test(test_wakes_before_a_poll_count_once_and_one_during_it_leads_to_another),
		cmocka_unit_test(test_those_that_use_no_waker_are_polled_in_turn),
		cmocka_unit_test(test_a_poller_is_due_when_its_word_is_not_zero),
		cmocka_unit_test(test_a_chain_that_went_on_is_polled_once_more_also_under_a_guard),
		cmocka_unit_test(test_a_cancelled_task_is_due_and_the_trace_says_how_it_ended),
		cmocka_unit_test(test_a_seed_names_an_order_and_others_name_others),
		cmocka_unit_test(test_a_task_may_spawn),
		cmocka_unit_test(test_a_trace_that_is_full_ends_with_a_whole_word),
		cmocka_unit_test(test_behind_a_word_that_did_not_fit_comes_no_shorter_one),
		cmocka_unit_test(test_no_wake_of_another_thread_is_lost_and_none_is_late),
		cmocka_unit_test(test_waiting_ends_when_nobody_wakes),
		cmocka_unit_test(test_the_movers_keep_the_contract),
		cmocka_unit_test(test_the_clock_drives_timers),
	};

	return KIT_RUN(tests);
}
