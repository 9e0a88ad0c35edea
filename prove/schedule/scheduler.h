/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scheduler.h: what the parts of the scheduler know of each other. Scenarios include schedule.h.
 *
 *   scheduler.c     tasks: who can go on, switching, blocking; the operations that the seam calls
 *   strategy.c      decisions: which task goes on, which store a load sees, schedule_choose()
 *   weak_memory.c   what stores there were, and which of them a task may see
 *   arena.c         memory with the same addresses in each schedule
 *   trace.c         what happened, step by step
 *   schedule_main.c the command line
 */
#ifndef HL_SCHEDULER_H
#define HL_SCHEDULER_H

#define HL_SCHEDULER 1 /* malloc and its like are the real ones in these files */

#include "schedule.h"

#define TASKS_MAX (SCHEDULE_TASKS_MAX + SCHEDULE_THREADS_MAX + 1)
#define MAIN_TASK (TASKS_MAX - 1)
#define STEPS_MAX 30000 /* of one schedule; more is a livelock */

/* ---- scheduler.c ---------------------------------------------------------------------------------------- */

/* Runs the scenario once; returns if nothing failed. */
void scheduler_run(const struct schedule_scenario *scenario, enum memory_model model);

/* Whether ThreadSanitizer watches. */
int scheduler_sees_races(void);

/* The scenario's tasks and the threads that the library has started, in the schedule that was run last. */
unsigned scheduler_threads(void);

/* The current task frees a block: others may be about to access it. */
void scheduler_frees(const void *memory, size_t n);

uint64_t scheduler_steps(void);
unsigned scheduler_task(void);

/* A return address of operations with an order stronger than relaxed. */
struct site {
	const void *pc; /* NULL: none */
	int order;
	int is_weakened; /* to be set: it is relaxed from now on; a fence does nothing */
};

/* A table of those that are called from now on, also in processes that this one forks. To be called once. */
struct site *scheduler_sites(size_t *count);

/* ---- strategy.c ----------------------------------------------------------------------------------------- */

enum search { SEARCH_RANDOM, SEARCH_EXHAUSTIVE, SEARCH_REPLAY };

void strategy_begin_random(uint64_t seed);
void strategy_begin_exhaustive(unsigned bound);

/* One schedule: `choices` is what strategy_print() has printed. 0, or -1 if it is something else. */
int strategy_begin_replay(const char *choices);
int strategy_replays(void);

/* Random schedules come before an exhaustive search. */
int strategy_learns(void);

/* The next schedule; 0: an exhaustive search has seen all. */
int strategy_next(void);

/* Before each schedule. */
void strategy_begin_schedule(void);

/* Whether tasks may be switched here, at all; before this operation: learns which words are shared. */
int strategy_is_step(void);
int strategy_is_switch_point(uintptr_t granule, unsigned task, int is_write);

/* The task frees the bytes from begin to end: as if it wrote the words there that are known. */
void strategy_frees(uintptr_t begin, uintptr_t end, unsigned task);

/* One of candidates[0 .. n - 1]; the first one costs nothing if `costs`. */
unsigned strategy_pick_task(const unsigned *candidates, unsigned n, int costs);

/* 0: the newest of n stores, 1: the one before ... */
unsigned strategy_pick_store(unsigned n);
unsigned strategy_choose(unsigned n);

/* The task has said that it waits. */
void strategy_task_waits(unsigned task);

/* Whether a wait ends at once, and for no reason. */
int strategy_ends_wait(void);

unsigned strategy_bound(void);	   /* that the exhaustive search is at */
uint64_t strategy_schedules(void); /* since strategy_begin_* */
uint64_t strategy_distinct(void);
void strategy_print(const char *scenario); /* how to have this schedule again */

/* ---- weak_memory.c -------------------------------------------------------------------------------------- */

void weak_begin_schedule(enum memory_model model);
enum memory_model weak_model(void);
extern const char *const weak_names[MEMORY_MODELS];

/*
 * What a load sees of the 8 aligned bytes around the word, which hold `newest`. `before` and `after`, too, are of all 8 bytes.
 */
uint64_t weak_load(const void *word, size_t size, uint64_t newest, unsigned task, int order);
void weak_store(const void *word, size_t size, uint64_t before, uint64_t after, unsigned task, int order);

/* A read-modify-write sees the newest store, and makes one if it writes: a compare-and-swap may not. */
void weak_update(const void *word, size_t size, uint64_t before, uint64_t after, unsigned task, int order, int writes);

/* 1: a compare-and-swap fails because it sees an older store, *seen. */
int weak_cas_fails(const void *word, size_t size, uint64_t newest, uint64_t expected, unsigned task, int failure, uint64_t *seen);
void weak_fence(unsigned task);

/* The number in the bytes of a granule that are this word's. */
uint64_t weak_part(uint64_t granule, const void *word, size_t size);

/* tso: what the task has stored has left its core, as when a thread is made or ends. */
void weak_drain(unsigned task);

/* `to` knows all that `from` knows: a thread was made or joined. */
void weak_inherit(unsigned to, unsigned from);

/* ---- arena.c -------------------------------------------------------------------------------------------- */

void arena_begin_schedule(void);

/* NULL, or what is wrong with an access. */
const char *arena_check(const void *memory, size_t n);

/* Blocks that were not freed. */
size_t arena_leaks(void);
const char *arena_place(const void *memory, char *text, size_t size);
void arena_name(const void *memory, const char *name);

/* ---- trace.c -------------------------------------------------------------------------------------------- */

struct event {
	unsigned task;
	const char *what;
	const char *order;
	const void *word;
	uint64_t before, after;
	const void *pc;
	int is_stale; /* the load did not see the newest store */
};

void trace_begin_schedule(void);
void trace_add(const struct event *event);
void trace_note(unsigned task, const char *text);
void trace_print(void);

/* The source of a return address. */
struct source_line {
	const void *pc;
	char text[200];  /* function, file and line, and the line that called it */
	char place[100]; /* file and line */
};

void trace_resolve(struct source_line *lines, size_t count);

#endif
