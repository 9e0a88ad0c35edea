/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "judge.h"

#include "linearizability.h"
#include "scheduler.h"

#include <stdio.h>

#define OPERATIONS_MAX 64
#define FAR (UINT64_C(1) << 40) /* longer than any schedule */

static struct history_clock history_time;
static struct history_log logs[TASKS_MAX];
static struct history_operation operations[TASKS_MAX][OPERATIONS_MAX];
static struct linearizability *checker;
static int tasks_began;

void judge_begin(void)
{
	tasks_began = 0;
	history_clock_init(&history_time, HISTORY_CLOCK_RAW, schedule_is_weak() ? FAR : 0);
	for (unsigned i = 0; i < TASKS_MAX; i++)
		history_log_init(&logs[i], &history_time, operations[i], OPERATIONS_MAX);
}

/* setup, what the tasks do, and check lie further apart than the skew. */
static uint64_t distance(unsigned task)
{
	if (!schedule_is_weak())
		return 0;
	return 4 * FAR * (task != MAIN_TASK ? 1 : tasks_began ? 2 : 0);
}

struct history_operation *judge_call(enum history_kind kind, uint64_t key, uint64_t argument)
{
	const unsigned task = scheduler_task();

	tasks_began |= task != MAIN_TASK;
	struct history_operation *const operation = history_begin(&logs[task], kind, key, argument);
	operation->begin += distance(task);
	return operation;
}

void judge_return(struct history_operation *operation, enum history_outcome outcome, uint64_t item)
{
	const unsigned task = scheduler_task();

	history_end(&logs[task], operation, outcome, item);
	operation->end += distance(task);
}

void judge(void)
{
	const struct history_log *all[TASKS_MAX];

	/* setup first */
	all[0] = &logs[MAIN_TASK];
	for (unsigned i = 0; i < MAIN_TASK; i++)
		all[i + 1] = &logs[i];
	if (checker == NULL)
		checker = linearizability_new();
	if (linearizability_check(checker, all, TASKS_MAX) == LINEARIZABILITY_HOLDS)
		return;
	linearizability_explain(checker, stdout);
	schedule_fail(__FILE__, __LINE__, "the history is not one that a map may have");
}
