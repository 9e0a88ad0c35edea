/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * futures.c: a poll, and chains whose entries each return RUNNING once.
 *
 * chain_run: n entries; ns per chain, from the first poll to completion. The entries are put back to their beginning
 * between runs, which is measured too. reference_walk is the reference's algorithm (a walk from the first entry at each poll, sizes added
 * up on the way), as a task of our own over the same entries.
 */
#include <hashloom/future.h>

#include <stdlib.h>

#include "bench.h"

#define POLLS 20000000
#define CHAIN_STEPS 20000000
#define ENTRIES_MAX 64

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

	(void)bench_case;
	FUTURE_INIT(&future, complete_task);
	const uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < POLLS; i++) {
		future.base.context.state = FUTURE_STATE_IDLE;
		__asm__ __volatile__("" : : "r"(&future) : "memory");
		(void)future_poll(FUTURE_AS_RUNNABLE(&future), NULL);
	}
	return (double)(bench_now_ns() - begin) / POLLS;
}

struct chain_entry {
	FUTURE_CHAIN_ENTRY(struct step_fut, step);
};

/* Room for the largest; the chain's data_size says how many entries it has. */
struct chain_data {
	struct chain_entry entries[ENTRIES_MAX];
};

FUTURE(chain_fut, struct chain_data, struct step_output);

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

static void chain_reset(struct chain_fut *chain, size_t entries)
{
	chain->base.context.state = FUTURE_STATE_IDLE;
	for (size_t i = 0; i < entries; i++) {
		chain->data.entries[i].step.flags &= ~(uint64_t)FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
		chain->data.entries[i].step.fut.base.context.state = FUTURE_STATE_IDLE;
	}
}

static double chain_run(size_t entries, int reference)
{
	const size_t runs = CHAIN_STEPS / (entries * (entries + 8));
	struct chain_fut *const chain = bench_allocate(sizeof(*chain));
	struct step_fut step;

	step.data.polls = 0;
	step.output.unused = 0;
	FUTURE_INIT(&step, step_task);
	for (size_t i = 0; i < entries; i++)
		FUTURE_CHAIN_ENTRY_INIT(&chain->data.entries[i].step, step, NULL, NULL);
	FUTURE_CHAIN_INIT(chain);
	chain->base.context.data_size = entries * sizeof(struct chain_entry);
	if (reference)
		chain->base.task = reference_walk;

	const uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < runs; i++) {
		chain_reset(chain, entries);
		while (future_poll(FUTURE_AS_RUNNABLE(chain), NULL) != FUTURE_STATE_COMPLETE)
			;
	}
	const double ns = (double)(bench_now_ns() - begin) / (double)runs;
	free(chain);
	return ns;
}

static double chain_ours(const struct bench_case *bench_case)
{
	return chain_run(bench_case->n, 0);
}

static double chain_reference(const struct bench_case *bench_case)
{
	return chain_run(bench_case->n, 1);
}

static const struct bench_case cases[] = {
	{ "poll_trivial", "hashloom", 1, 1, poll_trivial, 0, 0 },
	{ "chain_run", "hashloom", 1, 1, chain_ours, 0, 0 },
	{ "chain_run", "reference_walk", 1, 1, chain_reference, 0, 0 },
	{ "chain_run", "hashloom", 4, 1, chain_ours, 0, 0 },
	{ "chain_run", "reference_walk", 4, 1, chain_reference, 0, 0 },
	{ "chain_run", "hashloom", 16, 1, chain_ours, 0, 0 },
	{ "chain_run", "reference_walk", 16, 1, chain_reference, 0, 0 },
	{ "chain_run", "hashloom", 64, 1, chain_ours, 0, 0 },
	{ "chain_run", "reference_walk", 64, 1, chain_reference, 0, 0 },
};

const struct bench_group bench_futures = { cases, sizeof(cases) / sizeof(cases[0]) };
