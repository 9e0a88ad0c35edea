/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * future_test.h: a kit for testing futures of your own, and what polls them.
 *
 * Wakers that count, or that must not be called; futures that are pending so many times, that the test completes by hand, and one that
 * watches over another and over who polls it; an executor that polls what was woken, in an order that a seed names, and writes down what
 * happened; a clock that goes on when the test says so. Nothing here allocates, prints or ends the program: what goes wrong is put into a
 * report.
 *
 * When not to use it: for work; runtime.h does that. Movers are simulated by data_mover_sim.h.
 *
 * Model in one sentence: everything around a future that time, threads and chance decide, in the test's hand.
 *
 *     struct future_test_executor executor;                            (examples/own_future_tested.c)
 *     future_test_executor_init(&executor, seed, &report, trace, sizeof(trace));
 *     future_test_spawn(&executor, &task, FUTURE_AS_RUNNABLE(&fut));
 *     future_test_run(&executor, 100);
 *     ... = future_test_is_stuck(&executor);
 *
 * Guarantees
 *   K.1  The same seed and the same calls in the same order give the same polls and the same trace. Wakes of several threads have no order,
 *        so they cannot be repeated.
 *   K.2  The executor polls a future when it was spawned or woken since its last poll began; when it uses no waker; when its poller's word
 *        is not zero; and, a chain that went on to another entry, once more (C.2 in future.h). Never otherwise.
 *   K.3  Each wake is in the trace, also those for nothing. Whoever breaks the contract of future.h is in the report, once for each time:
 *        - a future that returns no state, goes back from RUNNING to IDLE, or leaves in the notifier what is none (POLLER, and no word);
 *        - one whose waker is called after it was seen complete;
 *        - under a guard, who polls it after its end or together with another thread.
 *   K.4  A guard calls only the waker that it was given last, and passes on only wakes of the waker that it gave its future last. So a
 *        future, or an executor, that takes an older waker for the last one is never woken, and the executor is stuck.
 *   K.5  What happened before a wake, or before future_test_manual_complete(), is visible to the poll that it leads to.
 *
 * Which calls may run together: wakers, reports, clocks and those of a struct future_test_manual, any. The other calls on one executor, and
 * polls of one future: one at a time.
 */
#ifndef HASHLOOM_FUTURE_TEST_H
#define HASHLOOM_FUTURE_TEST_H

#include <hashloom/base.h>

#include <hashloom/atomic.h>
#include <hashloom/future.h>

HL_BEGIN_DECLS

/* ---- reports --------------------------------------------------------------------------------------- */

/*
 * Told of each failure, with a static text; on the thread that found it, perhaps several at once. Must not block, nor touch the executor or
 * the future that it is about. May end the program, and, where the test's own thread found it, leave by longjmp.
 */
typedef void (*future_test_failed_fn)(void *arg, const char *message);

/* Where failures are put. The members are the library's. */
struct future_test_report {
	hl_u32 failures;
	hl_ptr message; /* of the first */
	future_test_failed_fn failed;
	void *arg;
};

/*
 * future_test_report_init: makes an empty report.
 * report:   memory of the caller's.
 * failed:   told of each failure with arg, or NULL: nobody is told, the test asks.
 * arg:      for failed; may be NULL.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: wait-free.  Order: none.  Memory: none.  Cost: stores.  Lifetime: longer than all that reports to it.
 */
HASHLOOM_API void future_test_report_init(struct future_test_report *report, future_test_failed_fn failed, void *arg);

/*
 * future_test_fail: puts a failure into a report; for checks of your own.
 * report:   initialised, or NULL: nothing happens.
 * message:  a static text.
 * Returns:  nothing.
 * Threads:  any.  Progress: that of failed.  Order: none.  Memory: none.  Cost: two atomic operations.  Lifetime: the text must stay.
 */
HASHLOOM_API void future_test_fail(struct future_test_report *report, const char *message);

/*
 * future_test_failures: how many failures there were.
 * report:   initialised.
 * Returns:  their number.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: none.
 */
HASHLOOM_API uint32_t future_test_failures(const struct future_test_report *report);

/*
 * future_test_message: the text of the first failure.
 * report:   initialised.
 * Returns:  the text, or NULL: there was none.
 * Threads:  any.  Progress: wait-free.  Order: if future_test_failures() was not 0, there is a text.  Memory: none.  Cost: a load.
 * Lifetime: static.
 */
HASHLOOM_API const char *future_test_message(const struct future_test_report *report);

/* ---- wakers ---------------------------------------------------------------------------------------- */

/* What a counting waker counts into. Zeroed memory is a fresh one. */
struct future_test_counter {
	hl_u32 wakes;
};

/*
 * future_test_counting_waker: a waker that counts its calls.
 * counter:  zeroed, or in use.
 * Returns:  the waker, which may be called from any thread, and from signal handlers.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the counter's.
 */
HASHLOOM_API struct future_waker future_test_counting_waker(struct future_test_counter *counter);

/*
 * future_test_wakes: how often the wakers of a counter were called.
 * counter:  as above.
 * Returns:  their number.
 * Threads:  any.  Progress: wait-free.  Order: what happened before the calls that are counted is visible.  Memory: none.  Cost: a load.
 * Lifetime: none.
 */
HASHLOOM_API uint32_t future_test_wakes(const struct future_test_counter *counter);

/*
 * future_test_panicking_waker: a waker that must not be called: each call is a failure.
 * report:   initialised.
 * Returns:  the waker, which may be called from any thread.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the report's.
 */
HASHLOOM_API struct future_waker future_test_panicking_waker(struct future_test_report *report);

/*
 * future_test_notifier: a fresh notifier for one poll.
 * waker:    which the notifier offers.
 * Returns:  the notifier; notifier_used is FUTURE_NOTIFIER_NONE.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the waker's.
 */
HASHLOOM_API struct future_notifier future_test_notifier(struct future_waker waker);

/* ---- a future that is pending so many times -------------------------------------------------------- */

/* cancel_polls may be set before the first poll: so many polls of a cancelled one are RUNNING, since it has something to drain [0]. */
struct future_test_pending_data {
	unsigned polls_left;
	unsigned cancel_polls;
	int wakes;
};

struct future_test_pending_output {
	unsigned polls; /* so far, the last one too */
};

FUTURE(future_test_pending_fut, struct future_test_pending_data, struct future_test_pending_output);

/*
 * future_test_pending: makes a future that is RUNNING at n polls, and complete at the next.
 * n:        how often; 0: complete at the first poll.
 * wakes:    1: each of these polls takes the waker and calls it at once; 0: it uses no waker, and is polled in turn.
 * Returns:  the future, idle, which knows of FUTURE_PROPERTY_CANCEL.
 * Threads:  any.  Progress: its polls: that of the waker.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
HASHLOOM_API struct future_test_pending_fut future_test_pending(unsigned n, int wakes);

/* ---- a future that the test completes -------------------------------------------------------------- */

/* What the future and who completes it share. The members are the library's; zeroed memory is a fresh one. */
struct future_test_manual {
	hl_u32 lock;
	int end;	/* 0: not yet */
	int is_calling; /* its waker */
	int has_waker;
	int64_t result;
	struct future_waker waker;
};

struct future_test_manual_data {
	struct future_test_manual *manual;
};

struct future_test_manual_output {
	int64_t result;
};

FUTURE(future_test_manual_fut, struct future_test_manual_data, struct future_test_manual_output);

/*
 * future_test_manual_future: makes a future that is complete when future_test_manual_complete() says so.
 * manual:   zeroed; for one future.
 * Returns:  the future, idle; it takes its waker at each poll, and has FUTURE_PROPERTY_ASYNC and FUTURE_PROPERTY_CANCEL: cancelled, it is
 *           complete at the next poll, and no waker is called any more.
 * Threads:  any.  Progress: its polls wait for a short lock.  Order: K.5.  Memory: none.  Cost: none.  Lifetime: the manual's.
 */
HASHLOOM_API struct future_test_manual_fut future_test_manual_future(struct future_test_manual *manual);

/*
 * future_test_manual_complete: lets the future complete, and calls the waker of its last poll, which must not poll that future itself: it
 *           is complete after the waker has returned.
 * manual:   of a future, polled or not.
 * result:   for the future's output.
 * Returns:  1; 0: it was completed before, or cancelled, and nothing was done.
 * Threads:  any, several at once.  Progress: waits for a short lock, and for the waker.  Order: K.5.  Memory: none.  Cost: a lock and the
 *           waker.
 * Lifetime: the manual must stay until the call returns.
 */
HASHLOOM_API int future_test_manual_complete(struct future_test_manual *manual, int64_t result);

/*
 * future_test_manual_wake: calls the waker of the last poll for nothing; the next poll is RUNNING.
 * manual:   of a future, polled or not.
 * Returns:  1; 0: there is no waker to call, or somebody calls it just now.
 * Threads, Progress, Order, Memory, Cost, Lifetime: as future_test_manual_complete().
 */
HASHLOOM_API int future_test_manual_wake(struct future_test_manual *manual);

/* ---- a future that watches over another ------------------------------------------------------------ */

/* More than so many polls ago, and a waker passes for the last one. */
#define FUTURE_TEST_GUARD_WAKERS 16

struct future_test_guard;

/* The library's. Its address says which poll's waker was called. */
struct future_test_guard_waker {
	struct future_test_guard *guard;
};

/* What a guard remembers. The members are the library's. */
struct future_test_guard {
	struct future *future;
	struct future_test_report *report;
	hl_u32 is_polled;
	hl_u32 lock; /* for what follows */
	int is_complete;
	int has_waker;
	unsigned polls;
	struct future_waker waker;
	struct future_test_guard_waker wakers[FUTURE_TEST_GUARD_WAKERS];
};

struct future_test_guard_data {
	struct future_test_guard *guard;
};

struct future_test_guard_output {
	unsigned polls; /* of the future */
};

FUTURE(future_test_guard_fut, struct future_test_guard_data, struct future_test_guard_output);

/*
 * future_test_guarded: makes a future that polls another, and watches over the contract between this one and who polls it (K.3, K.4).
 * guard:    memory of the caller's, which need not be initialised.
 * future:   initialised; polled by the guard only.
 * report:   gets the failures.
 * Returns:  the future, idle, with the properties of the other. Cancelled, it cancels that. It is for one run: no chain may send it back
 *           (C.4).
 * Threads:  any.  Progress: its polls: those of the future, and a short lock.  Order: K.5.  Memory: none.  Cost: of a poll two
 *           locks.
 * Lifetime: that of guard, future and report.
 */
HASHLOOM_API struct future_test_guard_fut future_test_guarded(struct future_test_guard *guard, struct future *future,
							      struct future_test_report *report);

/* ---- the executor ---------------------------------------------------------------------------------- */

struct future_test_executor;

/* A future that was spawned: the caller's memory. May be read: polls, wakes, is_complete. */
struct future_test_task {
	struct future_test_task *next;
	struct future_test_executor *executor;
	struct future *future;
	unsigned number; /* in the order of spawning, from 0 */
	unsigned polls, wakes;
	int is_complete;
	uint64_t due;	/* since when, 0: not */
	uint64_t *word; /* its poller's, or NULL */
};

/* The members are the library's. */
struct future_test_executor {
	hl_u32 lock;
	hl_u32 wakes; /* the futex of future_test_wait() */
	struct future_test_task *first, *last;
	unsigned tasks_count;
	uint64_t moment; /* counts what makes tasks due */
	uint64_t seed, chance;
	struct future_test_report *report;
	char *trace;
	size_t trace_size, trace_length;
};

/*
 * future_test_executor_init: makes an executor without tasks.
 * executor: memory of the caller's.
 * seed:     0: what has been due longest is polled first; otherwise chance chooses among what is due.
 * report:   gets what futures do wrong (K.3), or NULL.
 * trace:    gets a line of words: p0 task 0 is polled, w0 its waker is called, c0 it is complete, x0 it is complete, cancelled. May be
 *           NULL.
 * trace_size: bytes there; a word that does not fit, and those after it, are left out.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: wait-free.  Order: none.  Memory: none.  Cost: stores.
 * Lifetime: until the last waker that it gave away was called; there is nothing to end.
 */
HASHLOOM_API void future_test_executor_init(struct future_test_executor *executor, uint64_t seed, struct future_test_report *report,
					    char *trace, size_t trace_size);

/*
 * future_test_spawn: hands a future to the executor, which will poll it in future_test_run().
 * executor: initialised.
 * task:     memory of the caller's, which need not be initialised.
 * future:   initialised; may be complete.
 * Returns:  nothing.
 * Threads:  who drives; also in a poll, or in a waker on that thread.  Progress: waits for a short lock.  Order: none.  Memory: none.
 * Cost:     a lock.  Lifetime: task and future stay as long as the executor.
 */
HASHLOOM_API void future_test_spawn(struct future_test_executor *executor, struct future_test_task *task, struct future *future);

/*
 * future_test_cancel: future_cancel() for a task, which is then due.
 * task:     spawned.
 * Returns:  nothing.
 * Threads:  who drives, not in a poll of this very task.  Progress: waits for a short lock.  Order: none.  Memory: none.  Cost: a lock.
 * Lifetime: none.
 */
HASHLOOM_API void future_test_cancel(struct future_test_task *task);

/*
 * future_test_run: polls what is due, until nothing is.
 * executor: initialised.
 * polls_max: after so many it returns, also if tasks are due.
 * Returns:  how many polls there were.
 * Threads:  who drives, not in a poll.  Progress: that of the futures.  Order: K.5.  Memory: none.  Cost: a walk over the tasks for each
 *           poll.
 * Lifetime: none.
 */
HASHLOOM_API size_t future_test_run(struct future_test_executor *executor, size_t polls_max);

/*
 * future_test_wait: as future_test_run(), but sleeps while nothing is due, until all tasks are complete; for tests with other threads.
 * executor: initialised.
 * timeout_ns: for how long at most nothing may be due; 0: without limit. Pollers' words are looked at once in a millisecond.
 * Returns:  1: all are complete; 0: for so long nobody has woken a task that is not.
 * Threads, Order, Memory, Cost, Lifetime: as future_test_run().
 * Progress: waits for wakes.
 */
HASHLOOM_API int future_test_wait(struct future_test_executor *executor, uint64_t timeout_ns);

/*
 * future_test_is_stuck: whether tasks wait, and nothing is due. If nobody outside is left who could wake one, their wakers were lost.
 * executor: initialised.
 * Returns:  1 or 0.
 * Threads:  who drives.  Progress: waits for a short lock.  Order: none.  Memory: none.  Cost: a walk over the tasks.  Lifetime: none.
 */
HASHLOOM_API int future_test_is_stuck(struct future_test_executor *executor);

/* ---- the clock ------------------------------------------------------------------------------------- */

/* Zeroed memory is a clock that shows 0. */
struct future_test_clock {
	hl_u64 now_ns;
};

/*
 * future_test_clock_now_ns: what the clock shows; of the type that struct hashloom_timers_cfg (timers.h) wants.
 * clock:    a struct future_test_clock.
 * Returns:  nanoseconds.
 * Threads:  any.  Progress: wait-free.  Order: what happened before it was set so far is visible.  Memory: none.  Cost: a load.
 * Lifetime: none.
 */
HASHLOOM_API uint64_t future_test_clock_now_ns(void *clock);

/*
 * future_test_clock_advance: lets time pass. Who waits for the clock is not told: a wheel wants hashloom_timers_run() then.
 * clock:    of the test.
 * ns:       how long.
 * Returns:  what the clock shows now.
 * Threads:  any.  Progress: wait-free.  Order: as future_test_clock_now_ns().  Memory: none.  Cost: an atomic addition.  Lifetime: none.
 */
HASHLOOM_API uint64_t future_test_clock_advance(struct future_test_clock *clock, uint64_t ns);

HL_END_DECLS

#endif
