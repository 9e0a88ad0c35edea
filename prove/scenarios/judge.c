/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "judge.h"

#include "linearizability.h"
#include "scheduler.h"

#include <stdio.h>

#define OPERATIONS_MAX 64

/* Longer than any schedule. */
#define FAR (UINT64_C(1) << 40)

static struct history_clock history_time;
static struct history_log logs[TASKS_MAX];
static struct history_operation operations[TASKS_MAX][OPERATIONS_MAX];
static size_t before_count; /* of main's operations, those before the tasks */
static int tasks_began;
static struct linearizability *checker;

void judge_begin(void)
{
	before_count = 0;
	tasks_began = 0;
	history_clock_init(&history_time, HISTORY_CLOCK_RAW, schedule_is_weak() ? FAR : 0);
	for (unsigned i = 0; i < TASKS_MAX; i++)
		history_log_init(&logs[i], &history_time, operations[i], OPERATIONS_MAX);
}

struct history_log *judge_log(void)
{
	return &logs[scheduler_task()];
}

struct history_operation *judge_call(enum history_kind kind, uint64_t key, uint64_t argument)
{
	if (scheduler_task() != MAIN_TASK && !tasks_began) {
		tasks_began = 1;
		before_count = logs[MAIN_TASK].count;
	}
	return history_begin(judge_log(), kind, key, argument);
}

void judge_return(struct history_operation *operation, enum history_outcome outcome, uint64_t item)
{
	history_end(judge_log(), operation, outcome, item);
}

/* setup, what the tasks did, and check follow each other, whatever the skew. */
static void set_apart(void)
{
	for (unsigned i = 0; i < TASKS_MAX; i++)
		for (size_t k = 0; k < logs[i].count; k++) {
			struct history_operation *const operation = &operations[i][k];
			const uint64_t phase = i != MAIN_TASK ? 1 : !tasks_began || k < before_count ? 0 : 2;

			operation->begin += 4 * phase * FAR;
			operation->end += operation->end == HISTORY_NEVER ? 0 : 4 * phase * FAR;
		}
}

void judge(void)
{
	const struct history_log *all[TASKS_MAX];

	if (schedule_is_weak())
		set_apart();
	for (unsigned i = 0; i < TASKS_MAX; i++)
		all[i] = &logs[i];
	if (checker == NULL)
		checker = linearizability_new();
	const enum linearizability_verdict verdict = linearizability_check(checker, all, TASKS_MAX);
	if (verdict == LINEARIZABILITY_HOLDS)
		return;
	linearizability_explain(checker, stdout);
	SCHEDULE_REQUIRE(verdict != LINEARIZABILITY_BROKEN);
	SCHEDULE_REQUIRE(verdict != LINEARIZABILITY_WRONG_SIZE);
	SCHEDULE_REQUIRE(verdict != LINEARIZABILITY_WRONG_ITERATION);
	SCHEDULE_REQUIRE(verdict == LINEARIZABILITY_HOLDS);
}
