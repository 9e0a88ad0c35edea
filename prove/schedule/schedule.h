/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * schedule.h: scenarios, and their schedules: what a scenario's author needs.
 *
 * A scenario is a few tasks that work on the library at the same time, and a check of what the headers promise. It is run again and
 * again, each time from the beginning and with another schedule: the order in which the tasks' atomic operations happen.
 *
 *     static int sum;
 *     static void setup(void)             { ... make a map ... }
 *     static void run(unsigned task)      { ... task 0 inserts, task 1 erases ... }
 *     static void check(void)             { SCHEDULE_REQUIRE(sum == 1); ... delete the map ... }
 *
 *     static const struct schedule_scenario scenarios[] = {
 *             { .name = "insert-erase", .shows = "A.1", .tasks = 2, .bound = 3, .setup = setup, .run = run, .check = check },
 *     };
 *     int main(int argc, char **argv)     { return schedule_main(argc, argv, scenarios, 1); }
 *
 * What happens in a schedule
 *   - setup() runs alone. Then the tasks run, each a coroutine, in turns on one thread; the scheduler may switch before each atomic
 *     operation, futex call, lock, and half of a copy. When all tasks have returned, check() runs, beside threads that the
 *     library has started (pthread_create makes another task), which it must have deleted at its end.
 *   - Nothing may survive a schedule: allocate in setup, free in check; static variables are set in setup. Each schedule
 *     must do the same when the same tasks run: no clock, no address, no rand() may decide what a task does.
 *   - hl_relax(), a yield, a full mutex and futex wait let another task go on. If nobody can go on, that is a failure (a lost
 *     wake-up, a deadlock); so are too many steps (a livelock), an access to freed memory, and memory that is not freed.
 *
 * Ways of choosing schedules
 *   exhaustive  all schedules with at most `bound` preemptions (switches away from a task that could go on; others are free), first
 *               those with 0, then 1 ... (iterative context bounding, Musuvathi and Qadeer, PLDI 2007). A switch is tried only before
 *               writes of words that another task uses, and reads of those that another one writes: the others commute. Who uses what is
 *               learned on the way; when more turns up, the search begins anew. A failure prints what --replay, or --seed, takes to have
 *               it again.
 *   random      switches at random places, or by priorities that change at few random steps (probabilistic concurrency testing,
 *               Burckhardt et al., ASPLOS 2010), by turns. A seed names the schedule.
 *
 * Ways of seeing memory
 *   sc          a load sees the newest store.
 *   tso         as x86: a load may see an older store, as if the newer ones were still in their cores' buffers. Each task sees the
 *               stores of others in one order (the load-buffer form of TSO: Abdulla, Atig, Bouajjani, Ngo, CONCUR 2016).
 *   relaxed     as C11 and ARM let it: a load may see any store to the word that is not older than what the task knows of; what it knows
 *               comes by its own operations and by acquire loads of release stores (view machines: Kang et al., POPL 2017, without
 *               promises: a load never sees a store that is not yet done).
 *   In exhaustive search a load of an older store costs one unit of `bound`, as a preemption does; so does a futex wait, a sleep or a yield that
 *   ends at once, for no reason. The word is what is accessed: a wider access makes one word of those in it.
 *   Plain memory is always the newest: races of plain accesses are ThreadSanitizer's to find, which sees tasks as threads.
 */
#ifndef HL_SCHEDULE_H
#define HL_SCHEDULE_H

#include "schedule_seam.h"

#include <hashloom/atomic.h>

#define SCHEDULE_TASKS_MAX 4 /* of a scenario */
#define SCHEDULE_THREADS_MAX 4 /* that the library starts in a schedule; one more cannot be started */

enum memory_model { MEMORY_SC, MEMORY_TSO, MEMORY_RELAXED, MEMORY_MODELS };

struct schedule_scenario {
	const char *name;
	const char *shows;   /* the guarantees of the headers that it checks */
	const char *pitfalls; /* known mistakes of such maps that it would find, by their numbers in the project's list; NULL: none */
	unsigned tasks;
	unsigned bound;	     /* of preemptions, that `prove` searches exhaustively */
	unsigned bound_weak; /* the same with tso and relaxed; 0: only random schedules there */
	unsigned is_large;   /* 1: to search it with 3 preemptions (of two threads; of three: 2) would take too long */
	unsigned weak_off;   /* 1: only sc, because the scenario waits for others in a way that weak memory does not suit */
	unsigned random_only; /* 1: no exhaustive search, and many more random schedules: for scenarios that schedule_choose() a lot */
	const void *argument; /* for scenarios that share functions */
	void (*setup)(void);
	void (*run)(unsigned task);
	void (*check)(void);
	void (*after)(enum memory_model model, int has_seen_all); /* NULL, or called once after each search of several schedules */
};

/*
 * The program of a file of scenarios: see --help. Status 0: no schedule failed; 1: one did, and is on stdout step by step; 2: bad arguments.
 */
int schedule_main(int argc, char **argv, const struct schedule_scenario *scenarios, size_t count);

/* What must hold. Otherwise the schedule is printed, and the program ends with status 1. Anywhere in a scenario. */
#define SCHEDULE_REQUIRE(condition)                                                                \
	do {                                                                                       \
		if (!(condition))                                                                  \
			schedule_fail(__FILE__, __LINE__, "does not hold: %s", #condition);        \
	} while (0)

__attribute__((noreturn, format(printf, 3, 4))) void schedule_fail(const char *file, int line, const char *format, ...);

/* One of 0 to n - 1: all are tried by an exhaustive search (for free), one of them by a random schedule. */
unsigned schedule_choose(unsigned n);

/* The argument of the scenario that runs. */
const void *schedule_argument(void);

/* A line for the printed schedule. */
__attribute__((format(printf, 1, 2))) void schedule_note(const char *format, ...);

/* Names an allocated block in the printed schedule; `name` is a literal. In setup or later. */
void schedule_name(const void *memory, const char *name);

/*
 * A switch point that is no access, between two operations of a task: what others do here comes after the first and before the second, of which
 * histories (and real time) know, but the words that they access may not.
 */
void schedule_between(void);

/* A counter that grows with each call: the clock of histories. No switch point. */
uint64_t schedule_clock(void);

/* Whether loads may see older stores (tso, relaxed): then an operation that began after another had ended need not have heard of it. */
int schedule_is_weak(void);
enum memory_model schedule_memory(void);

/* 0: this schedule is not of the search, but before it: it is a random one, by which an exhaustive search learns the shared words. */
int schedule_is_counted(void);

/* From now on the n-th allocation of the schedule (1: the next one) fails; 0: none does. */
void schedule_fail_allocation(unsigned n);

/* All tasks of this schedule count, and take memory, in the same places, as threads do when there are many. In setup. */
void schedule_share_stripes(void);

/* A switch point of the scenario's own, as if before an access of a word that all tasks share. */
void schedule_step(void);

/* The task goes on when *word is not `value` any more; for scenarios that need an order. */
void schedule_wait_while(hl_u32 *word, uint32_t value);

#endif
