/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * combine.h: futures of futures: all of them, the first of them, one by one, a few at a time, in time, or once more.
 *
 * Each function makes a future out of others, its children. It is polled, waited for, cancelled, nested and put into chains as any other.
 * Nothing is allocated: what it needs lies in the future itself, and in arrays that the caller hands in.
 *
 * When not to use it: futures that run one after the other and pass results on are a chain (future.h); to wait for several from
 * outside of a future, runtime_wait_multiple() is shorter.
 *
 * Model in one sentence: a combinator is a small runtime inside of a future: it gives each child a waker of its own, polls those that were
 * woken, and wakes whoever polls it.
 *
 *     struct future *copies[] = { FUTURE_AS_RUNNABLE(&a), FUTURE_AS_RUNNABLE(&b) };         (examples/combine.c)
 *     struct future_slot slots[2];
 *     struct future_all_fut all = future_all(copies, slots, 2);
 *     struct future_timeout_fut in_time = future_timeout(FUTURE_AS_RUNNABLE(&all), timers, 1000000000);
 *     runtime_wait(runtime, FUTURE_AS_RUNNABLE(&in_time));
 *
 * Guarantees
 *   K.1  When a combinator is complete, each child that it polled is, too; and no waker that it gave to a child is being called or will
 *        be. Its memory, and that of the children, may be used for something else.
 *   K.2  Children that lose, or are not wanted any more, are cancelled (future_cancel()) and polled until they are complete: a copy in
 *        flight is drained. Those that had not begun are cancelled, too, so that they give back what they hold (future_bounded()
 *        does not know those that were not made).
 *   K.3  A combinator that is cancelled does so with all children, and begins no new one. It is cancelled (future_is_cancelled()) if that
 *        cut short what it was to do; otherwise it completes as if nobody had asked.
 *   K.4  No wake-up is lost, and a child that has taken its waker is polled again only when it was woken (and once when it is cancelled).
 *        One poll costs the same however many other children wait.
 *   K.5  One poll polls each child twice at most, and does not go on for ever: what is left to do at once is left to the next poll, for
 *        which the combinator wakes its waker itself.
 *   K.6  Children that use no waker (that leave NONE or POLLER in the notifier, or are IDLE) are polled in turn, at each poll, and the
 *        combinator says NONE. It does so for a moment, too, when a poll brings another waker while the one before is being called.
 *        Polled without a notifier, it polls all children without one.
 *   K.7  Until its first poll a combinator may be copied or moved, and uses neither slots nor children. After it, it stays where it is.
 *        It runs once: to have it run again (C.4 in future.h), make it again.
 *   K.8  It has FUTURE_PROPERTY_CANCEL and no other property.
 *
 * What is asked of children: they keep to struct future_notifier in future.h, to the letter: when a child is seen complete, no call of its
 * waker is under way any more. What takes part in a combinator is nobody else's to poll or to cancel until that is complete, and takes
 * part once.
 *
 * Which calls may run together: none on one combinator and its children, but for the children's wakers, which any threads may call. A
 * thread that is stopped in the middle of such a call may hold up the wakes of other children of the same combinator until it goes on.
 *
 * Cost: a child that is complete at its first poll costs a few nanoseconds beyond that poll; one that is woken two atomic exchanges
 * and a compare-and-swap; one that is polled in turn two a poll. The children of future_sequence() and future_retry() have the combinator's
 * own notifier, and cost no more than in a chain.
 */
#ifndef HASHLOOM_COMBINE_H
#define HASHLOOM_COMBINE_H

#include <hashloom/base.h>

#include <hashloom/atomic.h>
#include <hashloom/future.h>
#include <hashloom/timers.h>

HL_BEGIN_DECLS

/* ---- what the caller provides -------------------------------------------------------------------- */

struct hl_combine;

/* A place for one child that is polled beside others: 32 bytes on 64-bit machines. Not to be initialised; the members are the library's. */
struct future_slot {
	struct hl_combine *group;
	struct future_slot *next;
	struct future *future;
	hl_u32 woken;
	uint32_t padding;
};

/*
 * Makes a future, for the place `index` (from 0, in order) of all that are made. `slot` says which place among those that are in flight at
 * a time it takes: what was made for that slot before is complete, and its memory may be used again.
 * Returns the future, idle or complete, or NULL: no more are to be made. Called on the polling thread, once for each index, in the
 * poll; may make and poll other futures, must not block, and must not poll, cancel or free the combinator.
 */
typedef struct future *(*future_make_fn)(size_t index, size_t slot, void *arg);

/*
 * Looks at a complete child that was not cancelled, and says whether its result is good: 1, or 0. `index` is its number: see each
 * function. Called on the polling thread, once for each, right after the poll that completed it; otherwise as future_make_fn. May free the
 * child.
 */
typedef int (*future_judge_fn)(struct future *future, size_t index, void *arg);

/* ---- the library's ------------------------------------------------------------------------------- */

struct hl_combine {
	hl_ptr ready; /* written by the children's wakers */
	hl_u32 outer; /* likewise */
	uint32_t is_stopped;
	struct future_waker waker;
	struct future_slot *turn;
	struct future_slot *slots;
	size_t slots_count;
	size_t in_flight;
	size_t has_waker;
};

struct future_all_data {
	struct hl_combine group; /* first, here and below: it is found at the data's address */
	struct future **futures;
};

struct future_any_data {
	struct hl_combine group;
	struct future **futures;
};

struct future_bounded_data {
	struct hl_combine group;
	size_t n;
	future_make_fn make;
	future_judge_fn is_good;
	void *arg;
};

struct future_timeout_data {
	struct hl_combine group;
	struct future *inner;
	struct hashloom_sleep_fut sleep;
	struct future_slot slots[2];
};

struct future_sequence_data {
	struct future **futures;
	size_t n;
	size_t at;
	future_judge_fn is_good;
	void *arg;
	int is_stopped;
};

/* ---- all, any ------------------------------------------------------------------------------------ */

struct future_all_output {
	size_t cancelled; /* how many children ended cancelled */
};

FUTURE(future_all_fut, struct future_all_data, struct future_all_output);

/*
 * future_all: a future that is complete when each of n others is.
 * futures:  array of n pointers to initialised futures; may be complete; none twice. Only read.
 * slots:    n of them, for this combinator alone.
 * n:        0 is fine: complete at the first poll. Then the arrays may be NULL.
 * Returns:  the future, idle.
 * Threads:  any.  Progress: wait-free; its polls: as the children's.
 * Order:    what happened before a child was seen complete is visible to who sees the combinator complete.
 * Memory:   none.  Cost: see above.
 * Lifetime: arrays and children must stay until the future is complete.
 */
HASHLOOM_API struct future_all_fut future_all(struct future *futures[], struct future_slot slots[], size_t n);

#define FUTURE_ANY_NONE SIZE_MAX

struct future_any_output {
	size_t index; /* the winner's, or FUTURE_ANY_NONE: n is 0, or each child was cancelled */
};

FUTURE(future_any_fut, struct future_any_data, struct future_any_output);

/*
 * future_any: a future that is complete when one of n others has been first, and each of the others is drained (K.2). The first is the
 *           first that a poll sees complete and not cancelled; of several at once the one that was woken first, in the first poll the
 *           first in the array. A loser may be complete, too, with a valid output: future_is_cancelled() tells.
 * futures, slots, n: as future_all().
 * Returns, Threads, Progress, Order, Memory, Cost, Lifetime: as future_all(). A loser that knows nothing of cancellation and has begun
 *           runs to its end first (X.3).
 */
HASHLOOM_API struct future_any_fut future_any(struct future *futures[], struct future_slot slots[], size_t n);

/* ---- in time ------------------------------------------------------------------------------------- */

struct future_timeout_output {
	int timed_out; /* 1: the time was over before `inner` was complete. Whether it was cut short: future_is_cancelled(inner) */
};

FUTURE(future_timeout_fut, struct future_timeout_data, struct future_timeout_output);

/*
 * future_timeout, future_deadline: a future that is complete when another one is, which it cancels when the time is over.
 * inner:       initialised; may be complete. It is polled once, even if the time is over from the start.
 * timers:      of hashloom_timers_new().
 * ns:          how long, from the first poll on.
 * deadline_ns: until when, by the timers' clock.
 * Returns:  the future, idle.
 * Threads:  any.  Progress: wait-free; its polls: as inner's, and as those of a sleep (timers.h). After the time is over it waits until
 *           inner is drained (K.2): a task that knows nothing of cancellation runs to its end (X.3), and if it has none, this
 *           future has none: give such a task FUTURE_PROPERTY_CANCEL.
 * Order:    as future_all().
 * Memory:   none.  Cost: that of a sleep.
 * Lifetime: inner and timers must stay until the future is complete.
 */
HASHLOOM_API struct future_timeout_fut future_timeout(struct future *inner, struct hashloom_timers *timers, uint64_t ns);
HASHLOOM_API struct future_timeout_fut future_deadline(struct future *inner, struct hashloom_timers *timers, uint64_t deadline_ns);

/* ---- one by one, a few at a time ----------------------------------------------------------------- */

struct future_sequence_output {
	size_t good; /* children before the first that was not; n: all of them */
};

FUTURE(future_sequence_fut, struct future_sequence_data, struct future_sequence_output);

/*
 * future_sequence: a future that runs n others, each to completion before the next one begins, until one is not good. The rest is then
 *           cancelled, in order, and not asked about. A child that ends cancelled is not good.
 * futures:  as future_all(); one that was not begun so far may still be changed by is_good().
 * n:        0 is fine.
 * is_good:  called with the child's place in the array; NULL: each one that was not cancelled is good.
 * arg:      for is_good.
 * Returns:  the future, idle.
 * Threads:  any.  Progress: wait-free; its polls: as the children's. One poll goes on through all that are complete at once.
 * Order, Memory: as future_all().  Cost: as a chain's (FUTURE_CHAIN_INIT_FORWARD).
 * Lifetime: array and children must stay until the future is complete.
 */
HASHLOOM_API struct future_sequence_fut future_sequence(struct future *futures[], size_t n, future_judge_fn is_good, void *arg);

struct future_bounded_output {
	size_t made; /* how many children make() gave */
	size_t good; /* how many of them were good; n, or where make() ended: all of them */
};

FUTURE(future_bounded_fut, struct future_bounded_data, struct future_bounded_output);

/*
 * future_bounded: a future that runs n others, of which at most k are in flight at a time: the next one is made when one is complete. When
 *           one is not good no more are made, and those in flight are cancelled.
 * slots:    k of them, for this combinator alone.
 * k:        0: nothing is made.
 * n:        how many; SIZE_MAX: until make() gives NULL.
 * make:     gives the children; future_make_from_array with an array of n pointers as arg: they are there already.
 * is_good:  called with the child's slot; NULL: each one that was not cancelled is good.
 * arg:      for both.
 * Returns:  the future, idle.
 * Threads:  any.  Progress: wait-free; its polls: as the children's. A poll begins at most two children for each slot.
 * Order:    as future_all(); and what happened before a child was seen complete is visible to make() for the same slot.
 * Memory:   none.  Cost: see above.
 * Lifetime: slots and what make() gives must stay until the future is complete; a child only until it is.
 */
HASHLOOM_API struct future_bounded_fut future_bounded(struct future_slot slots[], size_t k, size_t n, future_make_fn make,
						      future_judge_fn is_good, void *arg);

/*
 * future_make_from_array: a future_make_fn for futures that are there already.
 * index:    of the array.
 * slot:     not used.
 * futures:  the arg: an array of pointers to futures.
 * Returns:  futures[index].
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: the future's.
 */
HASHLOOM_API struct future *future_make_from_array(size_t index, size_t slot, void *futures);

/* ---- once more ----------------------------------------------------------------------------------- */

/*
 *   make          gives the future of attempt `index`, from 0; slot is 0. NULL: no more attempts
 *   is_good       called with the attempt's number; NULL: each one that was not cancelled is good
 *   arg           for both
 *   timers        of hashloom_timers_new(), for the pauses
 *   attempts_max  how often at most; 0: never
 *   pause_ns      between the first attempt and the second; each pause after it is twice as long
 *   pause_max_ns  but not longer than this
 *   jitter_seed   0: pauses are as long as that; otherwise by chance, from the half of it on, so that many who failed together do not
 *                 come back together. The same seed, the same pauses
 */
struct future_retry_cfg {
	future_make_fn make;
	future_judge_fn is_good;
	void *arg;
	struct hashloom_timers *timers;
	size_t attempts_max;
	uint64_t pause_ns;
	uint64_t pause_max_ns;
	uint64_t jitter_seed;
};

/* The library's. */
struct future_retry_data {
	struct future_retry_cfg cfg;
	struct future *attempt;
	uint64_t pause_ns;
	uint64_t random;
	struct hashloom_sleep_fut pause;
};

struct future_retry_output {
	size_t attempts; /* how many were made */
	int is_good;     /* 1: the last one was good */
};

FUTURE(future_retry_fut, struct future_retry_data, struct future_retry_output);

/*
 * future_retry: a future that makes another one and runs it, and again after a pause if the result is not good.
 * cfg:      see above; copied.
 * Returns:  the future, idle.
 * Threads:  any.  Progress: wait-free; its polls: as the attempt's, and as those of a sleep (timers.h). No poll begins more than one
 *           attempt.
 * Order:    as future_all(); and what happened before an attempt was seen complete is visible to make() for the next.
 * Memory:   none.  Cost: as a chain's; a pause that of a sleep.
 * Lifetime: timers and what make() gives must stay until the future is complete; an attempt only until it is.
 */
HASHLOOM_API struct future_retry_fut future_retry(const struct future_retry_cfg *cfg);

/* ---- layout -------------------------------------------------------------------------------------- */

#if UINTPTR_MAX == UINT64_MAX
HL_STATIC_ASSERT(sizeof(struct future_slot) == 32, "two slots fit into a cache line");
#endif
HL_STATIC_ASSERT(offsetof(struct future_timeout_data, group) == 0, "the group is found at the data's address");

HL_END_DECLS

#endif
