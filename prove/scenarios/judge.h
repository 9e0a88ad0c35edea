/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * judge.h: the history of a scenario (schedule.h), and whether a map may have it (linearizability.h).
 *
 * Under weak memory an operation that begins after another task's has ended need not have heard of it: all that the tasks do is taken to overlap, but
 * each task's operations stay in their order, those of setup come before, and those of check after all of them.
 */
#ifndef HASHLOOM_PROVE_JUDGE_H
#define HASHLOOM_PROVE_JUDGE_H

#include "history.h"

/* In setup: forgets everything. */
void judge_begin(void);

/* Around a call of the map, by any task, setup and check. At most 64 by each of them. */
struct history_operation *judge_call(enum history_kind kind, uint64_t key, uint64_t argument);
void judge_return(struct history_operation *operation, enum history_outcome outcome, uint64_t item);

/* What the task that runs has called so far. */
struct history_log *judge_log(void);

/* In check: the schedule fails unless the history is linearizable. */
void judge(void);

#endif
