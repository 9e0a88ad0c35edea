/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * futures.c: a poll, and chains.
 *
 * chain_run   n entries that return RUNNING once each; ns per chain, from the first poll to completion
 * chain_last  the poll that completes a chain of which all entries but the last are complete already. calls: n tasks, called
 *             through pointers, which do nothing
 *
 * Some chains, as many as stay in the nearest cache, are made before the clock starts; a repetition is the median of many such
 * batches, which other guests of the machine disturb less than their sum. forward is FUTURE_CHAIN_INIT_FORWARD. reference_walk is the
 * reference's algorithm (a walk from the first entry at each poll, sizes added up on the way) as a task of our own over the same entries,
 * without the reference's lazy entries.
 */
#include <hashloom/future.h>

#include <stdlib.h>

#include "bench.h"

#define POLL_BATCHES 2000
#define POLLS_PER_BATCH 10000
#define CHAIN_STEPS 20000000
#define ENTRIES_MAX 64
#define ENTRIES_IN_CACHE 128

struct step_data {
	uint64_t polls;
};

struct step_output {
	uint64_t unused;
};

FUTURE(step_fut, struct step_data, struct step_output);

static enum future_state complete_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return FUTURE_STATE_COMPLETE;
}

/* RUNNING at the first poll, COMPLETE at the second. */
static enum future_state step_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)notifier;
	return context->state == FUTURE_STATE_IDLE ? FUTURE_STATE_RUNNING : FUTURE_STATE_COMPLETE;
}

static double poll_trivial(const struct bench_case *bench_case)
{
	struct step_fut future;
	uint64_t *const spent = bench_allocate(POLL_BATCHES * sizeof(*spent));

	(void)bench_case;
	FUTURE_INIT(&future, complete_task);
	for (size_t batch = 0; batch < POLL_BATCHES; batch++) {
		const uint64_t begin = bench_now_ns();

		for (size_t i = 0; i < POLLS_PER_BATCH; i++) {
			future.base.context.state = FUTURE_STATE_IDLE;
			__asm__ __volatile__("" : : "r"(&future) : "memory");
			(void)future_poll(FUTURE_AS_RUNNABLE(&future), NULL);
		}
		spent[batch] = bench_now_ns() - begin;
	}
	const double ns = bench_median(spent, POLL_BATCHES) / POLLS_PER_BATCH;
	free(spent);
	return ns;
}

struct chain_entry {
	FUTURE_CHAIN_ENTRY(struct step_fut, step);
};

/* Only as many entries are there as the chain's data_size says. */
struct chain_data {
	struct chain_entry entries[ENTRIES_MAX];
};

FUTURE(chain_fut, struct chain_data, struct step_output);

enum kind { WALK, FORWARD, REFERENCE };

static enum future_state reference_walk(struct future_context *context, struct future_notifier *notifier)
{
	char *const data = future_context_get_data(context);
	size_t used = 0;

	while (used < context->data_size) {
		struct future_chain_entry *const entry = (struct future_chain_entry *)(void *)(data + used);

		used += sizeof(*entry) + future_context_get_size(&entry->future.context);
		if (entry->flags & FUTURE_CHAIN_FLAG_ENTRY_PROCESSED)
			continue;
		if (future_poll(&entry->future, notifier) != FUTURE_STATE_COMPLETE)
			return FUTURE_STATE_RUNNING;
		if (entry->map != NULL)
			entry->map(&entry->future.context, NULL, entry->map_arg);
		entry->flags |= FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
	}
	return FUTURE_STATE_COMPLETE;
}

/* The last entry is RUNNING once, the others are if their task is so. */
static void chain_make(struct chain_fut *chain, size_t entries, enum kind kind, future_task_fn task)
{
	struct step_fut step;

	step.data.polls = 0;
	step.output.unused = 0;
	for (size_t i = 0; i < entries; i++) {
		FUTURE_INIT(&step, i + 1 < entries ? task : step_task);
		FUTURE_CHAIN_ENTRY_INIT(&chain->data.entries[i].step, step, NULL, NULL);
	}
	if (kind == FORWARD)
		FUTURE_CHAIN_INIT_FORWARD(chain);
	else
		FUTURE_CHAIN_INIT(chain);
	if (kind == REFERENCE)
		chain->base.task = reference_walk;
	chain->base.context.data_size = entries * sizeof(struct chain_entry);
}

/* From where each chain has been polled so often. */
static double chain_batches(size_t entries, enum kind kind, future_task_fn task, unsigned polls)
{
	const size_t chain_size = sizeof(struct future) + entries * sizeof(struct chain_entry);
	const size_t chains = ENTRIES_IN_CACHE / entries;
	const size_t runs = CHAIN_STEPS / (chains * entries * (entries + 8)) + 1;
	char *const memory = bench_allocate(chains * chain_size);
	uint64_t *const spent = bench_allocate(runs * sizeof(*spent));

	for (size_t run = 0; run < runs; run++) {
		for (size_t i = 0; i < chains; i++) {
			struct chain_fut *const chain = (struct chain_fut *)(void *)(memory + i * chain_size);

			chain_make(chain, entries, kind, task);
			for (unsigned poll = 0; poll < polls; poll++)
				(void)future_poll(FUTURE_AS_RUNNABLE(chain), NULL);
		}
		const uint64_t begin = bench_now_ns();
		for (size_t i = 0; i < chains; i++) {
			struct future *const chain = (struct future *)(void *)(memory + i * chain_size);

			while (future_poll(chain, NULL) != FUTURE_STATE_COMPLETE)
				;
		}
		spent[run] = bench_now_ns() - begin;
	}
	const double ns = bench_median(spent, runs) / (double)chains;
	free(memory);
	free(spent);
	return ns;
}

static double run_walk(const struct bench_case *bench_case)
{
	return chain_batches(bench_case->n, WALK, step_task, 0);
}

static double run_forward(const struct bench_case *bench_case)
{
	return chain_batches(bench_case->n, FORWARD, step_task, 0);
}

static double run_reference(const struct bench_case *bench_case)
{
	return chain_batches(bench_case->n, REFERENCE, step_task, 0);
}

static double last_walk(const struct bench_case *bench_case)
{
	return chain_batches(bench_case->n, WALK, complete_task, 1);
}

static double last_forward(const struct bench_case *bench_case)
{
	return chain_batches(bench_case->n, FORWARD, complete_task, 1);
}

static double last_calls(const struct bench_case *bench_case)
{
	const size_t groups = ENTRIES_IN_CACHE / bench_case->n;
	future_task_fn tasks[ENTRIES_MAX];
	uint64_t *const spent = bench_allocate(POLL_BATCHES * sizeof(*spent));

	for (size_t i = 0; i < bench_case->n; i++)
		tasks[i] = complete_task;
	for (size_t batch = 0; batch < POLL_BATCHES; batch++) {
		const uint64_t begin = bench_now_ns();

		for (size_t group = 0; group < groups; group++) {
			/* the pointers may have changed */
			__asm__ __volatile__("" : : "r"(tasks) : "memory");
			for (size_t i = 0; i < bench_case->n; i++)
				(void)tasks[i](NULL, NULL);
		}
		spent[batch] = bench_now_ns() - begin;
	}
	const double ns = bench_median(spent, POLL_BATCHES) / (double)groups;
	free(spent);
	return ns;
}

#define CHAIN_CASES(n)                                                                             \
	{ "chain_run", "hashloom", n, 1, run_walk, 0, 0 },                                         \
	{ "chain_run", "hashloom_forward", n, 1, run_forward, 0, 0 },                              \
	{ "chain_run", "reference_walk", n, 1, run_reference, 0, 0 }
#define LAST_CASES(n)                                                                              \
	{ "chain_last", "hashloom", n, 1, last_walk, 0, 0 },                                       \
	{ "chain_last", "hashloom_forward", n, 1, last_forward, 0, 0 },                            \
	{ "chain_last", "calls", n, 1, last_calls, 0, 0 }

static const struct bench_case cases[] = {
	{ "poll_trivial", "hashloom", 1, 1, poll_trivial, 0, 0 },
	CHAIN_CASES(1),
	CHAIN_CASES(4),
	CHAIN_CASES(16),
	CHAIN_CASES(64),
	LAST_CASES(4),
	LAST_CASES(16),
	LAST_CASES(64),
};

const struct bench_group bench_futures = { cases, sizeof(cases) / sizeof(cases[0]), 1 };
