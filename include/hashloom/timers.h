/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * timers.h: sleeping as a future, on a hierarchical timing wheel.
 *
 * A sleep is put onto the wheel by its first poll, at a cost that does not depend on how many others are there, and its waker is called
 * when its time has come: by a thread of the wheel's own, or by whoever calls hashloom_timers_run(), in an event loop or in
 * a test that brings a clock of its own.
 *
 * When not to use it: a thread that has nothing else to do waits with clock_nanosleep(), which is more precise.
 *
 * Model in one sentence: an alarm clock with one hand, on whose dial futures hang themselves up; what the hand passes is
 * woken.
 *
 *     struct hashloom_timers *timers = hashloom_timers_new(NULL);       (examples/sleep.c)
 *     struct hashloom_sleep_fut sleep = hashloom_sleep(timers, 5 * 1000 * 1000);
 *     runtime_wait(runtime, FUTURE_AS_RUNNABLE(&sleep));
 *     hashloom_timers_delete(timers);
 *
 * Guarantees
 *   W.1  A sleep is never complete early, unless it is cancelled: the clock has shown its deadline, or more, to the nanosecond.
 *   W.2  It is due at the end of the tick that its deadline lies in: late by less than tick_ns, and what the threads' scheduling adds.
 *        A deadline of any number of nanoseconds is kept, also one in 500 years.
 *   W.3  What is due fires in the order of ticks, and within a tick in the order of arming. (With several runs at a time each
 *        fires in this order.)
 *   W.4  The waker of the last poll counts; it is called once, without a lock, after the sleep has fired, and not any more once the
 *        future was seen complete. It may call every function here but hashloom_timers_delete(), and poll sleeps; must not
 *        block, and not wait for a sleep: one that is firing completes after its waker has returned.
 *   W.5  A sleep that is cancelled leaves the wheel at the next poll, without a trace, and is cancelled (future_is_cancelled()).
 *        If it is firing at that moment it is drained: RUNNING until its waker has returned, then complete, not cancelled.
 *   W.6  A poll that brings no waker looks at the clock instead. A poll that brings the same waker again takes no lock.
 *   W.7  However many sleeps fire at once, others wait for the lock no longer than a few dozen of them take.
 *
 * Which calls may run together: any, but for hashloom_timers_delete() with any other.
 *
 * Dropping: a sleep may be copied, moved and dropped until its first poll; from then on it hangs on the wheel where it is, until it is
 * complete. Who wants to drop it sooner cancels it first and polls it until it is complete, nearly always once.
 */
#ifndef HASHLOOM_TIMERS_H
#define HASHLOOM_TIMERS_H

#include <hashloom/base.h>

#include <hashloom/atomic.h>
#include <hashloom/future.h>

HL_BEGIN_DECLS

struct hashloom_timers;

/* A longer tick than this one is refused. */
#define HASHLOOM_TIMERS_TICK_NS_MAX 1000000000

/*
 * In brackets: what hashloom_timers_cfg_default() says.
 *   now_ns           the clock: called with now_arg, without a lock, from any thread that polls or runs; must not go back. One that
 *                    does not keep the pace of real time wants driven_by_caller [NULL: CLOCK_MONOTONIC]
 *   tick_ns          how fine time is cut, 1 to HASHLOOM_TIMERS_TICK_NS_MAX; rounded down to a power of two. The thread gets up once a tick
 *                    at most, and moves a sleep once for each factor of 64 that it is longer than a tick [1,048,576]
 *   driven_by_caller not 0: no thread; sleeps fire in hashloom_timers_run() [0]
 */
struct hashloom_timers_cfg {
	uint64_t (*now_ns)(void *arg);
	void *now_arg;
	uint64_t tick_ns;
	int driven_by_caller;
};

/* How a sleep hangs on the wheel. The library's. */
struct hashloom_timer_link {
	struct hashloom_timer_link *next, *prev;
};

struct hashloom_timer {
	struct hashloom_timer_link link; /* first: the timer is found from it */
	uint64_t deadline_ns;
	struct future_waker waker;
	hl_u32 state;
};

/* The library's. */
struct hashloom_sleep_data {
	struct hashloom_timers *timers;
	uint64_t ns;
	int is_until; /* ns is a moment, not a duration */
	struct hashloom_timer timer; /* in one cache line, if the future begins with one */
};

/*
 * deadline_ns: by the wheel's clock; also of a sleep that was cancelled, if it was polled before. Sleeps until deadline_ns + period, each
 * with that of the one before, tick evenly.
 */
struct hashloom_sleep_output {
	uint64_t deadline_ns;
};

FUTURE(hashloom_sleep_fut, struct hashloom_sleep_data, struct hashloom_sleep_output);

/* ---- the wheel ----------------------------------------------------------------------------------- */

/*
 * hashloom_timers_cfg_default: the configuration with a thread and the monotonic clock.
 * Returns:  the configuration.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
HASHLOOM_API struct hashloom_timers_cfg hashloom_timers_cfg_default(void);

/*
 * hashloom_timers_new: makes a wheel.
 * cfg:      see above; copied. NULL: the default.
 * Returns:  the wheel, or NULL: tick_ns out of range (errno EINVAL), no memory (ENOMEM), or the thread could not be started (errno as
 *           pthread_create says).
 * Threads:  any.  Progress: starts a thread, with all signals blocked.  Order: none.
 * Memory:   12 KiB; sleeps then need none.
 * Cost:     an allocation, and tens of microseconds for the thread.
 * Lifetime: until hashloom_timers_delete().
 */
HASHLOOM_API struct hashloom_timers *hashloom_timers_new(const struct hashloom_timers_cfg *cfg);

/*
 * hashloom_timers_delete: ends the thread and frees the wheel. What hangs on it does not fire.
 * timers:   of hashloom_timers_new(), or NULL; sleeps of it that are not complete must not be polled any more, and may be dropped.
 * Returns:  nothing; no waker will be called.
 * Threads:  exclusive, and not in a waker.  Progress: waits for the thread, and the wakers that it is calling.  Order: none.
 * Memory:   frees.  Cost: a join.  Lifetime: ends.
 */
HASHLOOM_API void hashloom_timers_delete(struct hashloom_timers *timers);

/*
 * hashloom_timers_now_ns: what the wheel's clock shows.
 * timers:   of hashloom_timers_new().
 * Returns:  nanoseconds.
 * Threads:  any.  Progress: the clock's.  Order: none.  Memory: none.  Cost: a call of the clock.  Lifetime: none.
 */
HASHLOOM_API uint64_t hashloom_timers_now_ns(const struct hashloom_timers *timers);

/*
 * hashloom_timers_count: how many sleeps hang on the wheel.
 * timers:   of hashloom_timers_new().
 * Returns:  those that were polled and have neither fired nor been cancelled.
 * Threads:  any.  Progress: waits for the lock.  Order: none.  Memory: none.  Cost: a lock.  Lifetime: none.
 */
HASHLOOM_API size_t hashloom_timers_count(struct hashloom_timers *timers);

/* ---- driving it ---------------------------------------------------------------------------------- */

/*
 * hashloom_timers_next_ns: how long an event loop may sleep.
 * timers:   of hashloom_timers_new().
 * Returns:  nanoseconds until hashloom_timers_run() has something to do, 0: now; UINT64_MAX: nothing hangs on the wheel. What it does
 *           then may be to move far sleeps nearer, without firing any: sleep, run and ask again.
 * Threads:  any.  Progress: waits for the lock.  Order: none.  Memory: none.
 * Cost:     the clock, a lock and two words of a bitmap.
 * Lifetime: until another sleep is polled for the first time, which may be due sooner.
 */
HASHLOOM_API uint64_t hashloom_timers_next_ns(struct hashloom_timers *timers);

/*
 * hashloom_timers_run: fires what is due by the clock, which is read once, and calls the wakers.
 * timers:   of hashloom_timers_new(); one with a thread, too.
 * Returns:  how many have fired.
 * Threads:  any, several at once, also in a waker.  Progress: waits for the lock, and calls the wakers, without it.
 * Order:    what a waker did is visible to who sees its future complete.
 * Memory:   none.
 * Cost:     for each that fires about two cache lines, and again for each factor of 64 that it had to wait.
 * Lifetime: none.
 */
HASHLOOM_API size_t hashloom_timers_run(struct hashloom_timers *timers);

/* ---- sleeping ------------------------------------------------------------------------------------ */

/*
 * hashloom_sleep, hashloom_sleep_until: make a future that is complete when time has passed.
 * timers:      of hashloom_timers_new().
 * ns:          how long, from the first poll on; a sum beyond UINT64_MAX is UINT64_MAX. 0: complete at the first poll.
 * deadline_ns: until when, by the wheel's clock; one that has passed: complete at the first poll.
 * Returns:  the future, idle. It has FUTURE_PROPERTY_ASYNC and FUTURE_PROPERTY_CANCEL. Polled again after it was set idle by a chain that
 *           was sent back (C.4 in future.h), it sleeps again.
 * Threads:  any.
 * Progress: its polls wait for the lock at most.
 * Order:    W.4.
 * Memory:   none, also when polled.
 * Cost:     of the first poll a look at the clock and a lock, about 50 ns together; of the others W.6.
 * Lifetime: until it is complete the wheel holds its address (see Dropping above).
 * Source:   G. Varghese, T. Lauck: Hashed and hierarchical timing wheels (SOSP 1987), scheme 7; bitmaps instead of a walk over ticks.
 */
HASHLOOM_API struct hashloom_sleep_fut hashloom_sleep(struct hashloom_timers *timers, uint64_t ns);
HASHLOOM_API struct hashloom_sleep_fut hashloom_sleep_until(struct hashloom_timers *timers, uint64_t deadline_ns);

HL_END_DECLS

#endif
