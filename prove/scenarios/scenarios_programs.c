/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_programs.c: the scheduler itself, on small random programs. What a search reaches is compared with what other machines reach,
 * which are simple enough to be believed and know nothing of switch points or views: for sc all interleavings, with as many preemptions as
 * the search may have; for tso all runs of tasks with store buffers (Sewell et al., x86-TSO). For relaxed there is no other machine:
 * it must reach at least what tso does if no operation is relaxed but by its order.
 *
 * In sc, each bound is compared by itself, so that a switch point left out, or counted twice, is seen.
 */
#include "schedule.h"

#include <stdio.h>

#define PROGRAMS 60
#define TASKS 3
#define STEPS 4 /* of a task, at most */
#define WORDS 3
#define REACHED_MAX 8192
#define BOUND 2

enum operation { LOAD, STORE, ADD, CAS, FENCE, OPERATIONS };

struct operation_of {
	enum operation operation;
	unsigned word;
	uint64_t operand;
};

struct program {
	unsigned lengths[TASKS];
	struct operation_of steps[TASKS][STEPS];
};

/* ---- sets of outcomes ------------------------------------------------------------------------------------ */

struct set {
	uint64_t outcomes[REACHED_MAX]; /* a hash table; 0: empty */
	unsigned count;
};

static struct set reached, expected;

static void keep(struct set *set, uint64_t outcome)
{
	size_t at = outcome * 0x9e3779b97f4a7c15U % REACHED_MAX;

	while (set->outcomes[at] != 0 && set->outcomes[at] != outcome)
		at = (at + 1) % REACHED_MAX;
	if (set->outcomes[at] == outcome)
		return;
	set->outcomes[at] = outcome;
	set->count++;
	SCHEDULE_REQUIRE(set->count < REACHED_MAX / 2);
}

static int contains(const struct set *set, uint64_t outcome)
{
	size_t at = outcome * 0x9e3779b97f4a7c15U % REACHED_MAX;

	while (set->outcomes[at] != 0 && set->outcomes[at] != outcome)
		at = (at + 1) % REACHED_MAX;
	return set->outcomes[at] != 0;
}

static int is_part_of(const struct set *a, const struct set *b)
{
	for (size_t i = 0; i < REACHED_MAX; i++)
		if (a->outcomes[i] != 0 && !contains(b, a->outcomes[i]))
			return 0;
	return 1;
}

/* What was read, in the order of the program, and what is left: as one number. */
static uint64_t outcome_of(uint64_t values[TASKS][STEPS], const uint64_t left[WORDS])
{
	uint64_t outcome = 1;

	for (unsigned task = 0; task < TASKS; task++)
		for (unsigned i = 0; i < STEPS; i++)
			outcome = outcome * 0x100000001b3U + values[task][i] + 1;
	for (unsigned i = 0; i < WORDS; i++)
		outcome = outcome * 0x100000001b3U + left[i] + 1;
	return outcome | 1;
}

/* ---- the other machines ---------------------------------------------------------------------------------- */

struct machine {
	uint64_t words[WORDS];
	uint64_t read[TASKS][STEPS];
	unsigned at[TASKS];
	unsigned left; /* preemptions */
	struct operation_of buffers[TASKS][STEPS];
	unsigned first[TASKS], last[TASKS]; /* of what is in the buffer */
};

static const struct program *program;
static int has_buffers;

static uint64_t load_from(const struct machine *machine, unsigned task, unsigned word)
{
	uint64_t value = machine->words[word];

	for (unsigned i = machine->first[task]; i < machine->last[task]; i++)
		if (machine->buffers[task][i].word == word)
			value = machine->buffers[task][i].operand;
	return value;
}

/* 0: the buffer must be emptied first. */
static int execute(struct machine *machine, unsigned task)
{
	const struct operation_of step = program->steps[task][machine->at[task]];
	uint64_t *const read = &machine->read[task][machine->at[task]];
	uint64_t *const word = &machine->words[step.word];

	if (step.operation != LOAD && step.operation != STORE && machine->first[task] < machine->last[task])
		return 0;
	switch (step.operation) {
	case LOAD: *read = load_from(machine, task, step.word); break;
	case STORE:
		if (has_buffers)
			machine->buffers[task][machine->last[task]++] = step;
		else
			*word = step.operand;
		break;
	case ADD:
		*read = *word;
		*word += step.operand;
		break;
	case CAS:
		*read = *word;
		*word = *word == 0 ? step.operand : *word;
		break;
	default: break;
	}
	machine->at[task]++;
	return 1;
}

static int is_done(const struct machine *machine, unsigned task)
{
	return machine->at[task] == program->lengths[task];
}

/* All runs from here; `current` ran last, TASKS: nobody. Ends: each call does one of finitely many steps. */
static void explore(struct machine *machine, unsigned current)
{
	int is_end = 1;

	for (unsigned task = 0; task < TASKS; task++) {
		struct machine next = *machine;

		if (machine->first[task] < machine->last[task]) {
			const struct operation_of *const oldest = &next.buffers[task][next.first[task]++];

			next.words[oldest->word] = oldest->operand;
			is_end = 0;
			explore(&next, current);
			next = *machine;
		}
		if (is_done(machine, task))
			continue;
		is_end = 0;
		if (!has_buffers && current != TASKS && task != current && !is_done(machine, current)) {
			if (next.left == 0)
				continue;
			next.left--;
		}
		if (execute(&next, task))
			explore(&next, task);
	}
	if (is_end)
		keep(&expected, outcome_of(machine->read, machine->words));
}

static void expect(enum memory_model model, unsigned preemptions)
{
	struct machine machine;

	memset(&machine, 0, sizeof(machine));
	memset(&expected, 0, sizeof(expected));
	machine.left = preemptions;
	has_buffers = model != MEMORY_SC;
	explore(&machine, TASKS);
}

/* ---- the scenario ---------------------------------------------------------------------------------------- */

static hl_u64 *words[WORDS];
static uint64_t read[TASKS][STEPS];

static void setup(void)
{
	program = schedule_argument();
	memset(read, 0, sizeof(read));
	for (unsigned i = 0; i < WORDS; i++) {
		words[i] = calloc(1, sizeof(*words[i]));
		SCHEDULE_REQUIRE(words[i] != NULL);
	}
}

static void run(unsigned task)
{
	for (unsigned i = 0; i < program->lengths[task]; i++) {
		const struct operation_of *const step = &program->steps[task][i];
		hl_u64 *const word = words[step->word];

		switch (step->operation) {
		case LOAD: read[task][i] = hl_u64_load_acquire(word); break;
		case STORE: hl_u64_store_release(word, step->operand); break;
		case ADD: read[task][i] = hl_u64_fetch_add_acq_rel(word, step->operand); break;
		case CAS: (void)hl_u64_cas_acq_rel(word, &read[task][i], step->operand); break;
		default: hl_fence_seq_cst(); break;
		}
	}
}

static void check(void)
{
	uint64_t left[WORDS];

	for (unsigned i = 0; i < WORDS; i++) {
		left[i] = hl_u64_load_relaxed(words[i]);
		free(words[i]);
	}
	if (schedule_is_counted())
		keep(&reached, outcome_of(read, left));
}

static void after(enum memory_model model, int has_seen_all)
{
	const unsigned count = reached.count;

	expect(model, BOUND);
	if (model != MEMORY_RELAXED && !is_part_of(&reached, &expected) && has_seen_all)
		schedule_fail(__FILE__, __LINE__, "reached what it cannot: %u outcomes, not %u", count, expected.count);
	if (has_seen_all && !is_part_of(&expected, &reached))
		schedule_fail(__FILE__, __LINE__, "did not reach all: %u outcomes, not %u", count, expected.count);
	memset(&reached, 0, sizeof(reached));
}

/* ---- random programs ------------------------------------------------------------------------------------- */

static uint64_t random_state = 1;

static unsigned random_below(unsigned limit)
{
	random_state = random_state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(random_state >> 33) % limit;
}

static void make_program(struct program *made, unsigned tasks, unsigned steps)
{
	static const enum operation often[] = { LOAD, LOAD, LOAD, STORE, STORE, STORE, ADD, CAS, FENCE };

	for (unsigned task = 0; task < tasks; task++) {
		made->lengths[task] = 1 + random_below(steps);
		for (unsigned i = 0; i < made->lengths[task]; i++)
			made->steps[task][i] = (struct operation_of){
				.operation = often[random_below(sizeof(often) / sizeof(often[0]))],
				.word = random_below(WORDS),
				.operand = 1 + 4 * task + i,
			};
	}
}

int main(int argc, char **argv)
{
	static struct program programs[2 * PROGRAMS];
	static struct schedule_scenario scenarios[2 * PROGRAMS];
	static char names[2 * PROGRAMS][16];

	for (unsigned i = 0; i < 2 * PROGRAMS; i++) {
		const unsigned is_long = i >= PROGRAMS;

		/* three tasks, the longer ones only in sc; or two */
		if (!is_long && i % 2 == 0)
			make_program(&programs[i], 2, STEPS);
		else
			make_program(&programs[i], TASKS, is_long ? STEPS : 2);
		snprintf(names[i], sizeof(names[i]), "%s-%u", is_long ? "sc" : "program", i);
		scenarios[i] = (struct schedule_scenario){
			.name = names[i], .shows = "the scheduler", .tasks = TASKS, .bound = BOUND, .bound_weak = 20,
			.weak_off = is_long, .argument = &programs[i], .setup = setup, .run = run, .check = check, .after = after,
		};
	}
	return schedule_main(argc, argv, scenarios, 2 * PROGRAMS);
}
