/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * own_future_tested.c: a future of one's own, and how it is tested: under a guard, with what it waits for in the test's hand, in many
 * orders, and that it is found when it is wrong.
 */
#include <hashloom/future_test.h>

#include <stdio.h>

/* ---- the future: complete when one of two others is, with that one's result ------------------------ */

struct first_data {
	struct future_test_manual_fut one, other;
	int is_forgetful; /* the mistake that the test is to find: it asks one only, and so leaves its waker with that only */
};

struct first_output {
	int64_t result;
};

FUTURE(first_fut, struct first_data, struct first_output);

static enum future_state first_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct first_data *data = future_context_get_data(ctx);
	struct first_output *output = future_context_get_output(ctx);

	if (future_poll(FUTURE_AS_RUNNABLE(&data->one), notifier) == FUTURE_STATE_COMPLETE) {
		output->result = FUTURE_OUTPUT(&data->one)->result;
		return FUTURE_STATE_COMPLETE;
	}
	if (data->is_forgetful && FUTURE_STATE(&data->other) == FUTURE_STATE_IDLE)
		return FUTURE_STATE_RUNNING;
	if (future_poll(FUTURE_AS_RUNNABLE(&data->other), notifier) == FUTURE_STATE_COMPLETE) {
		output->result = FUTURE_OUTPUT(&data->other)->result;
		return FUTURE_STATE_COMPLETE;
	}
	return FUTURE_STATE_RUNNING; /* both have taken the waker */
}

/* ---- the test -------------------------------------------------------------------------------------- */

enum outcome {
	PASSED,
	IS_STUCK,
	IS_WRONG,
	BREAKS_THE_CONTRACT,
};

/* What comes first: `other` completes, beside two tasks that are there to get in the way. */
static enum outcome test_first(uint64_t seed, int is_forgetful, char *trace, size_t trace_size)
{
	struct future_test_report report;
	struct future_test_executor executor;
	struct future_test_task tasks[3];
	struct future_test_guard guard;
	struct future_test_manual one = {.end = 0}, other = {.end = 0};
	struct future_test_pending_fut busy[2] = {future_test_pending(2, 1), future_test_pending(1, 0)};
	struct first_fut first = {.data = {future_test_manual_future(&one), future_test_manual_future(&other), is_forgetful}};

	FUTURE_INIT(&first, first_task);
	future_test_report_init(&report, NULL, NULL);
	future_test_executor_init(&executor, seed, &report, trace, trace_size);
	struct future_test_guard_fut guarded = future_test_guarded(&guard, FUTURE_AS_RUNNABLE(&first), &report);

	future_test_spawn(&executor, &tasks[0], FUTURE_AS_RUNNABLE(&guarded));
	future_test_spawn(&executor, &tasks[1], FUTURE_AS_RUNNABLE(&busy[0]));
	future_test_spawn(&executor, &tasks[2], FUTURE_AS_RUNNABLE(&busy[1]));
	future_test_run(&executor, 3);
	future_test_manual_complete(&other, 42);
	future_test_run(&executor, 100);

	if (future_test_failures(&report) > 0)
		return BREAKS_THE_CONTRACT;
	if (future_test_is_stuck(&executor))
		return IS_STUCK;
	return FUTURE_OUTPUT(&first)->result == 42 ? PASSED : IS_WRONG;
}

int main(void)
{
	static const char *const names[] = {"passed", "stuck: a waker was lost", "a wrong result", "the contract is broken"};
	char trace[256];
	int passed = 0, stuck = 0;

	printf("in order: %s\n", names[test_first(0, 0, trace, sizeof(trace))]);
	printf("what happened: %s\n", trace);
	for (uint64_t seed = 1; seed <= 100; seed++) {
		passed += test_first(seed, 0, NULL, 0) == PASSED;
		stuck += test_first(seed, 1, NULL, 0) == IS_STUCK;
	}
	printf("in 100 other orders: passed %d times\n", passed);
	printf("with a mistake in it: %s\n", names[test_first(0, 1, trace, sizeof(trace))]);
	printf("what happened: %s\n", trace);
	printf("in 100 other orders: found %s\n", stuck == 100 ? "always" : stuck > 0 ? "in some" : "never");
	return 0;
}
