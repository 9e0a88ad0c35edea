/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * history.h: records what several tasks did to a map, and when, for linearizability.h to judge.
 *
 * A task is a thread or a coroutine. Each has a log of its own, in memory of the caller's, and shares nothing with the others but a clock. Nothing here is
 * thread-local: which log is written is what the caller passes.
 *
 *     struct history_operation *operation = history_begin(&log, HISTORY_INSERT, key, item);
 *     const int result = atomic_hash_map_insert(map, key, &item, NULL);
 *     history_end(&log, operation, result == 1 ? HISTORY_DONE : HISTORY_EXISTS, HISTORY_ANY);
 *
 * What a recorder may synchronise
 *
 * A recorder that orders memory hides the faults of a map that forgets to. Two clocks:
 *
 *   - HISTORY_CLOCK_ATOMIC is one counter, read and increased (acq_rel) at each begin and end. An operation that begins after another has ended has then heard
 *     of it, and what maps promise holds for exactly these (A.2 in atomic_hash_map.h): no false alarm is possible on any machine. Operations that overlap are not
 *     ordered by it, neither for the processor nor for ThreadSanitizer: of them a begin at most acquires another's begin. What it hides: a missing order between
 *     an operation and a later one that does not overlap with it. And it costs a contended cache line, at which threads meet: operations are thrown out of step.
 *   - HISTORY_CLOCK_RAW is the processor's time stamp counter, or CLOCK_MONOTONIC, and orders nothing between threads. Its stamps may be wrong by
 *     `skew` ticks: the difference between two processors' counters (invariant ones are set together; Linux gives them up as a clock when it sees one go
 *     backwards), and the time that stores wait in a store buffer after the function has returned. The checker takes each interval for longer by that at
 *     both ends, and keeps the order in which a task called. So it sees a store that comes late by more than the skew, or out of order for one task, but
 *     takes operations for overlapping that were not. With HISTORY_SKEW_ENDLESS nothing but the order of each task is left: for memory models in which
 *     nobody has heard of another unless the map told him.
 *
 * A file that is compiled with a scheduler's seam may use either; history.c is compiled without.
 */
#ifndef HASHLOOM_PROVE_HISTORY_H
#define HASHLOOM_PROVE_HISTORY_H

#include <hashloom/atomic.h>

/* Items are what a key has: numbers below these. */
#define HISTORY_ANY UINT64_MAX		 /* some item; which one is not known */
#define HISTORY_NOTHING (UINT64_MAX - 1) /* the key is absent */
#define HISTORY_NO_ROOM (UINT64_MAX - 2) /* it is absent, and no insert will find room for it */
#define HISTORY_ITEM_MAX (UINT64_MAX - 3)

#define HISTORY_NEVER UINT64_MAX /* the end of an operation that did not return */

/* Half a microsecond and more, see above. */
#define HISTORY_SKEW 2000
#define HISTORY_SKEW_ENDLESS (UINT64_MAX / 2)

/* argument is what the caller offers; item, in the end, what it was told that the key has, or had before. */
enum history_kind {
	HISTORY_INSERT,		  /* insert, emplace, put. argument: the item */
	HISTORY_ERASE,		  /* erase, take, remove */
	HISTORY_FIND,		  /* find, load, count, get, lookup */
	HISTORY_STORE,		  /* store, exchange. argument: the item */
	HISTORY_COMPARE_EXCHANGE, /* argument: the item; expected */
	HISTORY_FETCH_ADD,	  /* argument: the summand */
	HISTORY_UPSERT,		  /* argument: the item, or the summand. item: what was written */
	HISTORY_VISIT,		  /* an iteration gives a key: as a find that succeeds */
	HISTORY_ITERATE,	  /* all of an iteration; its visits follow it in the log */
	HISTORY_SIZE,		  /* size, count of all. argument: the capacity; item: the size */
};

enum history_outcome {
	HISTORY_RUNNING,   /* not returned: it may have taken effect, or not, or may do so later */
	HISTORY_DONE,	   /* it did what its name says; upsert: it inserted */
	HISTORY_EXISTS,	   /* insert: the key is there, with `item`; upsert: combined */
	HISTORY_ABSENT,	   /* the key is not there */
	HISTORY_DIFFERENT, /* compare_exchange: it has `item`, which is not what was expected */
	HISTORY_FULL,	   /* insert, upsert: the key is not there, and there is no room */
	HISTORY_BARRED,	   /* the same, and nobody will find room for this key any more (cells that are never reused) */
	HISTORY_NO_EFFECT, /* no memory, or a callback failed: it tells nothing */
};

struct history_operation {
	enum history_kind kind;
	enum history_outcome outcome;
	uint64_t key;
	uint64_t argument;
	uint64_t expected; /* written by the caller after history_begin() */
	uint64_t item;
	uint64_t begin;
	uint64_t end;
};

enum history_clock_kind { HISTORY_CLOCK_ATOMIC, HISTORY_CLOCK_RAW };

struct history_clock {
	enum history_clock_kind kind;
	uint64_t skew; /* stamps may be wrong by so much; atomic: 0 */
	hl_u64 now __attribute__((aligned(HL_CACHE_LINE)));
};

/* Of one task, whose operations follow each other. Operations that one thread has in flight together need a log each. */
struct history_log {
	struct history_clock *clock;
	struct history_operation *operations;
	size_t capacity;
	size_t count;
} __attribute__((aligned(HL_CACHE_LINE)));

/* The clocks begin anew; skew counts for the raw one. */
void history_clock_init(struct history_clock *clock, enum history_clock_kind kind, uint64_t skew);

void history_log_init(struct history_log *log, struct history_clock *clock, struct history_operation *operations, size_t capacity);

/* The last thing that is done before the map is called. There must be room in the log. */
struct history_operation *history_begin(struct history_log *log, enum history_kind kind, uint64_t key, uint64_t argument);

/* The first thing that is done after it. */
void history_end(struct history_log *log, struct history_operation *operation, enum history_outcome outcome, uint64_t item);

#endif
