/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * linearizability.h: decides whether a recorded history (history.h) is one that a map may have.
 *
 * What a map may do
 *
 *   L.1  Each key is a register that has an item or nothing, and each operation on it takes effect at one moment between its begin and its end, with
 *        the outcome and the item that a map used by one thread would give (Herlihy and Wing 1990). What a log says in sequence happens in that sequence.
 *        A map is linearizable if each key is (their locality theorem), so keys are looked at one by one.
 *   L.2  What did not return has taken effect at one moment after its begin, or not at all. What says FULL or BARRED found the key absent and changed nothing; after BARRED no
 *        insert of that key succeeds. What says NO_EFFECT changed nothing, and tells nothing.
 *   L.3  A visit of an iteration is a find that succeeds, in the time from the visit before it to its own. (The headers: "Order: as a hit of find".)
 *   S.1  A size is that of no single moment. With I and E the inserts and erases that succeed, it is
 *            at least  I that ended before it began  -  E that began before it ended
 *            at most   I that began before it ended  -  E that ended before it began
 *        and from 0 to the capacity; so it is exact when nothing runs beside it, and otherwise "off by what they do during the call" (atomic_hash_map.h).
 *   T.1  An iteration visits a key no more often than the number of its inserts that began before the iteration ended, less its erases that ended before it began: "at most
 *        once for each insert", not counting those that are surely gone; and a key that was never there not at all.
 *   T.2  It visits a key whose inserts that ended before it began are more than its erases that began before it ended: one entry was
 *        there all the time. T.1 and L.3 make that "exactly once".
 *
 * S.1, T.1 and T.2 are exact for histories that are linearizable in as much as inserts and erases of a key that succeed take turns: the n-th insert's entry
 * is ended by the n-th erase, so counting them tells how many entries can, and must, be there.
 */
#ifndef HASHLOOM_PROVE_LINEARIZABILITY_H
#define HASHLOOM_PROVE_LINEARIZABILITY_H

#include "history.h"

#include <stdio.h>

struct linearizability;

enum linearizability_verdict {
	LINEARIZABILITY_HOLDS,
	LINEARIZABILITY_BROKEN,		  /* L.1 to L.3 */
	LINEARIZABILITY_WRONG_SIZE,	  /* S.1 */
	LINEARIZABILITY_WRONG_ITERATION,  /* T.1, T.2 */
	LINEARIZABILITY_UNDECIDED,	  /* more than 64 operations on one key ran at one time */
};

/* Of all checks of one checker. */
struct linearizability_stats {
	uint64_t histories;
	uint64_t histories_overlapping; /* two operations on one key ran at one time */
	uint64_t operations;
	uint64_t overlaps; /* operations that began while another on the same key ran */
	uint64_t states;   /* configurations looked at */
};

/* It keeps memory from one check to the next. A program that has no memory left ends. */
struct linearizability *linearizability_new(void);
void linearizability_delete(struct linearizability *checker);

/* All logs have one clock. They must stay for linearizability_explain(). */
enum linearizability_verdict linearizability_check(struct linearizability *checker, const struct history_log *const *logs,
						   size_t logs_count);

/*
 * What the last check found wrong, for a human. Of a key that is not linearizable: the shortest beginning of its history that nothing explains, from the
 * last moment before at which no operation on the key ran.
 */
void linearizability_explain(const struct linearizability *checker, FILE *to);

const struct linearizability_stats *linearizability_statistics(const struct linearizability *checker);

#endif
