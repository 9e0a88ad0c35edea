/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * history.c: functions, not inlines, so that a compiler moves nothing across the stamps, and a scheduler that puts steps before
 * atomic operations puts none here.
 *
 *   tag     order                        pairs with                    for
 *   PH-1    end: fetch_add release       begin: fetch_add acquire      an operation that ended is before one that begins later
 */
#include "history.h"

#include <time.h>

#if defined(HASHLOOM_SCHEDULED)
#include "schedule.h"
#endif

static uint64_t raw_now(void)
{
#if defined(__x86_64__)
	/* lfence: the loads before have their values, and nothing after has begun */
	__builtin_ia32_lfence();
	const uint64_t now = __builtin_ia32_rdtsc();

	__builtin_ia32_lfence();
	return now;
#else
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
#endif
}

static uint64_t now(struct history_clock *clock)
{
#if defined(HASHLOOM_SCHEDULED)
	(void)clock;
	(void)raw_now;
	return schedule_clock();
#else
	/* acq_rel. pairs with [PH-1] in itself: at a begin it acquires, at an end it releases, and what is between does not leave either way */
	return clock->kind == HISTORY_CLOCK_RAW ? raw_now() : 1 + hl_u64_fetch_add_acq_rel(&clock->now, 1);
#endif
}

void history_clock_init(struct history_clock *clock, enum history_clock_kind kind, uint64_t skew)
{
	clock->kind = kind;
	clock->skew = kind == HISTORY_CLOCK_RAW ? skew : 0;
	hl_u64_store_relaxed(&clock->now, 0);
}

void history_log_init(struct history_log *log, struct history_clock *clock, struct history_operation *operations, size_t capacity)
{
	log->clock = clock;
	log->operations = operations;
	log->capacity = capacity;
	log->count = 0;
}

struct history_operation *history_begin(struct history_log *log, enum history_kind kind, uint64_t key, uint64_t argument)
{
#if defined(HASHLOOM_SCHEDULED)
	if (log->count > 0)
		schedule_between();
#endif
	assert(log->count < log->capacity);
	struct history_operation *const operation = &log->operations[log->count++];

	*operation = (struct history_operation){ .kind = kind, .outcome = HISTORY_RUNNING, .key = key, .argument = argument,
						 .item = HISTORY_ANY, .end = HISTORY_NEVER };
	operation->begin = now(log->clock);
	return operation;
}

void history_end(struct history_log *log, struct history_operation *operation, enum history_outcome outcome, uint64_t item)
{
	operation->end = now(log->clock);
	operation->outcome = outcome;
	operation->item = item;
}
