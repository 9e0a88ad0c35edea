/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * runtime.h: drives futures to completion on the calling thread.
 *
 * A future is polled, and when it says that it has taken the waker, it is left alone until it is woken.
 * Those that use no waker are polled in turn, with a pause that grows while nothing happens. When nothing
 * can be polled, the thread sleeps in the kernel.
 *
 * When not to use it: for one future that completes at its first polls FUTURE_BUSY_POLL is enough; inside of an event
 * loop of your own, poll with a notifier of your own.
 *
 * Model in one sentence: a set of indices that are due, a lock-free stack on which wakers put more, and a
 * futex to sleep on.
 *
 *     struct runtime *runtime = runtime_new();                         (examples/async_copies.c)
 *     runtime_wait(runtime, FUTURE_AS_RUNNABLE(&fut));
 *     runtime_delete(runtime);
 *
 * Guarantees
 *   R.1  No wake-up is lost: a wake that comes before, during or after a poll leads to one more poll after it.
 *   R.2  A future that returned RUNNING and has taken the waker is polled again only when it was woken (once more
 *        right away if it is a chain that went on to another entry in that poll: see C.2 in future.h).
 *   R.3  In each round the futures that are due are polled once: first those with FUTURE_PROPERTY_ASYNC, then the
 *        others, each group in the order of the array; the property is asked anew.
 *   R.4  The array is only read. Complete futures in it, one future twice and n = 0 are fine.
 *   R.5  A completion costs the same however many other futures wait for their wakers.
 *   R.6  A waker may be called from any thread, from inside of the poll, twice, and late: until
 *        runtime_delete() a late call does no harm (a thread that is stopped in the middle of one may hold up
 *        other wakes of the same slot until it goes on).
 *   R.7  With nothing due the thread sleeps on a futex until it is woken. Futures without a waker are
 *        looked at after at most 1/4 of the time that passed without progress, and at most 5 ms
 *        (longer only if looking at all of them takes longer than 1/256 of that).
 *
 * Which calls may run together: runtime_wait and runtime_wait_multiple on one runtime from several threads, also
 * from inside of a task; not runtime_delete with anything. A future is waited for by one wait at a time, nested
 * ones too.
 */
#ifndef HASHLOOM_RUNTIME_H
#define HASHLOOM_RUNTIME_H

#include <hashloom/base.h>

#include <hashloom/future.h>

HL_BEGIN_DECLS

struct runtime;

/*
 * runtime_new: makes a runtime.
 * Returns:  the runtime, or NULL when there is no memory.
 * Threads:  any.  Progress: that of malloc.  Order: none.  Memory: one small block.  Cost: an allocation; no thread is started.
 * Lifetime: until runtime_delete().
 */
HASHLOOM_API struct runtime *runtime_new(void);

/*
 * runtime_delete: frees a runtime.
 * runtime:  of runtime_new(), or NULL; nobody waits on it, and no waker of it will be called any more.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of free.  Order: none.  Memory: frees.  Cost: a few frees.  Lifetime: ends.
 */
HASHLOOM_API void runtime_delete(struct runtime *runtime);

/*
 * runtime_wait: polls a future until it is complete.
 * runtime:  of runtime_new().
 * future:   initialised; may be complete.
 * Returns:  nothing; the future is complete.
 * Threads:  any, several at once with different futures.
 * Progress: waits for the future. If memory for the wakers is lacking, polls without them: slower, but it completes.
 * Order:    what happened before a wake is visible to the poll that it leads to.
 * Memory:   about 36 bytes a future at the first wait of that size, kept for the next ones.
 * Cost:     some tens of nanoseconds, and the polls.
 * Lifetime: the future must stay until the call returns.
 */
HASHLOOM_API void runtime_wait(struct runtime *runtime, struct future *future);

/*
 * runtime_wait_multiple: polls futures until all are complete.
 * runtime:  of runtime_new().
 * futures:  array of n pointers to initialised futures; not written to; may be NULL if n is 0.
 * n:        how many, 0 to 2^31 - 1.
 * Returns, Threads, Progress, Order, Memory, Lifetime: as runtime_wait().
 * Cost:     a poll costs about three bare ones; see R.5.
 */
HASHLOOM_API void runtime_wait_multiple(struct runtime *runtime, struct future *futures[], size_t n);

HL_END_DECLS

#endif
