/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * runtime.h: drives futures to completion: those that a thread waits for, on that thread, and those that were spawned, on worker threads.
 *
 * A future is polled, and when it says that it has taken the waker, it is left alone until it is woken.
 * Those that use no waker are polled in turn, with a pause that grows while nothing happens. When nothing
 * can be polled, the thread sleeps in the kernel.
 *
 * When not to use it: for one future that completes at its first polls FUTURE_BUSY_POLL is enough.
 *
 * Model in one sentence: a set of what is due, a lock-free stack on which wakers put more, and a futex to sleep on; with worker threads, a
 * queue for each, from which the others steal.
 *
 *     struct runtime *runtime = runtime_new();                         (examples/async_copies.c)
 *     runtime_wait(runtime, FUTURE_AS_RUNNABLE(&fut));
 *     runtime_delete(runtime);
 *
 * Tasks that nobody waits for at once are spawned:                      (examples/spawn.c)
 *
 *     struct runtime_cfg cfg = runtime_cfg_default();
 *     cfg.workers = 4;
 *     struct runtime *runtime = runtime_new_cfg(&cfg);
 *     runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&fut), NULL);
 *     runtime_join(&task);
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
 *        (longer only if looking at all of them takes longer than 1/256 of that); the first 4,096 polls without progress, and the first 8 rounds, are made
 *        without a pause (about 0.4 ms). While one that is polled alone names a word
 *        (FUTURE_NOTIFIER_POLLER), that is waited for, for about a microsecond a poll (poller.h).
 *
 * and of spawned tasks
 *   S.1  A task's future is polled by one thread at a time, not always by the same, with a notifier each time (never NULL); what one poll did is
 *        visible to the next. R.1, R.2 and R.7 hold.
 *   S.2  Waking is an exchange of a word or two and perhaps a futex call: wakers may be called from signal handlers. Here a waker must not be called
 *        any more when its future has been seen complete (future.h says so to those who call it): the task's memory is the caller's.
 *   S.3  Each task that was spawned is polled until it completes, and is told to its callback once or to who joins, also when the runtime is shut
 *        down. (One that never ends, and knows nothing of cancellation, keeps shutdown and delete waiting for ever.)
 *   S.4  Ready tasks wait for what is in front of them in the queue, and for at most 256 that come later, and a round of those that use no waker
 *        (again for one that another worker takes over); none waits for ever while others are ready. No worker sleeps while another has more
 *        ready tasks than it runs, and one that never has nothing looks now and then for what others do not come to: so a task may wait inside of
 *        its poll for others (with runtime_wait(), for a future that they complete), if workers are left. But one that uses no waker stays with
 *        the worker that has polled it: it is not polled while another task of that worker waits inside of its poll, which so must not wait for it.
 *   S.5  No call allocates but runtime_new_cfg(). A task costs its future and a struct runtime_task, of at most 64 bytes.
 *
 * Which calls may run together: runtime_wait and runtime_wait_multiple on one runtime from several threads, also
 * from inside of a task; not runtime_delete with anything. A future is waited for by one wait at a time, nested
 * ones too. Spawn, cancel and wake from any thread, also from tasks; join from any thread that is not a worker; a runtime without workers is
 * driven by one thread at a time (runtime_join, runtime_run_ready, runtime_shutdown); shutdown is not together with spawns from outside of tasks.
 */
#ifndef HASHLOOM_RUNTIME_H
#define HASHLOOM_RUNTIME_H

#include <hashloom/base.h>

#include <hashloom/atomic.h>
#include <hashloom/future.h>

HL_BEGIN_DECLS

struct runtime;

#define RUNTIME_WORKERS_MAX 4096

/* For runtime_new_cfg(). Take it from runtime_cfg_default(), and change what is to be another way: members may be added. */
struct runtime_cfg {
	unsigned workers; /* threads that run spawned tasks, at most RUNTIME_WORKERS_MAX; 0 (default): who joins runs them */
};

struct runtime_task;

/*
 * Told that a spawned task is complete; once, on the thread that polled it last. May spawn, and may free the task and its future: the
 * runtime does not touch them any more. Must not block.
 */
typedef void (*runtime_completed_fn)(struct runtime_task *task);

/* A task that was spawned: the caller's memory, the runtime's contents, until it is complete. */
struct runtime_task {
	struct runtime_task *next;
	struct runtime *runtime;
	struct future *future; /* may be read */
	runtime_completed_fn completed;
	struct runtime_task *before, *after;
	hl_u32 state;
	unsigned linked;
};

HL_STATIC_ASSERT(sizeof(struct runtime_task) <= 64, "a task costs its future and at most 64 bytes");

enum runtime_shutdown {
	RUNTIME_SHUTDOWN_GRACEFUL,  /* all tasks run to their ends */
	RUNTIME_SHUTDOWN_IMMEDIATE, /* all tasks are cancelled (future_cancel()), and drained */
};

/* Sums since the runtime was made; exact after runtime_shutdown(). A task that was just joined, or whose callback runs, may not be counted yet. */
struct runtime_statistics {
	uint64_t spawned;
	uint64_t completed;
	uint64_t polls; /* also those of tasks that are polled in turn: they may be many (R.7) */
	uint64_t stolen; /* tasks that moved from one worker's queue to another's */
	uint64_t sleeps; /* of workers */
	unsigned workers;
};

/*
 * runtime_new: makes a runtime.
 * Returns:  the runtime, or NULL when there is no memory.
 * Threads:  any.  Progress: that of malloc.  Order: none.  Memory: one small block.  Cost: an allocation; no thread is started.
 * Lifetime: until runtime_delete().
 */
HASHLOOM_API struct runtime *runtime_new(void);

/*
 * runtime_cfg_default: how runtime_new() makes a runtime.
 * Returns:  the configuration.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
HASHLOOM_API struct runtime_cfg runtime_cfg_default(void);

/*
 * runtime_new_cfg: makes a runtime, and starts its worker threads, which have all signals blocked but those that tell of faults of their own
 *           (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT).
 * cfg:      NULL: runtime_cfg_default().
 * Returns:  the runtime, or NULL: no memory (errno ENOMEM), a thread could not be started (EAGAIN), or more than RUNTIME_WORKERS_MAX
 *           workers (EINVAL).
 * Threads:  any.  Progress: that of malloc and pthread_create.  Order: none.  Memory: one block, of about 2.5 KiB for each worker.
 * Cost:     threads.  Lifetime: until runtime_delete().
 */
HASHLOOM_API struct runtime *runtime_new_cfg(const struct runtime_cfg *cfg);

/*
 * runtime_delete: frees a runtime, after runtime_shutdown(runtime, RUNTIME_SHUTDOWN_IMMEDIATE), if it has not been shut down.
 * runtime:  of runtime_new() or runtime_new_cfg(), or NULL; nobody waits on it, and no waker of it will be called any more.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of free, and of shutdown.  Order: none.  Memory: frees.  Cost: a few frees.  Lifetime: ends.
 */
HASHLOOM_API void runtime_delete(struct runtime *runtime);

/*
 * runtime_wait: polls a future until it is complete.
 * runtime:  of runtime_new() or runtime_new_cfg(). Spawned tasks are its workers' business, and are not run by this call: without workers a future
 *           that waits for one is never complete.
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
 * runtime:  of runtime_new() or runtime_new_cfg(), as runtime_wait().
 * futures:  array of n pointers to initialised futures; not written to; may be NULL if n is 0.
 * n:        how many, 0 to 2^31 - 1.
 * Returns, Threads, Progress, Order, Memory, Lifetime: as runtime_wait().
 * Cost:     a poll costs about three bare ones; see R.5.
 */
HASHLOOM_API void runtime_wait_multiple(struct runtime *runtime, struct future *futures[], size_t n);

/* ---- spawned tasks -------------------------------------------------------------------------------- */

/*
 * runtime_spawn: hands a future to the runtime, which polls it until it is complete.
 * runtime:  of runtime_new() or runtime_new_cfg().
 * task:     memory of the caller's, which need not be initialised; not one that is spawned and not complete (which is not checked).
 * future:   initialised; may be complete. Nobody else polls it.
 * completed: told when it is complete (a detached task); NULL: runtime_join() or runtime_is_complete() tell.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_CLOSED: the runtime is being, or has been, shut down, gracefully too; nothing was
 *           kept, and nothing written to the task: it must not be joined, cancelled or asked.
 * Threads:  any, tasks too; not signal handlers.  Progress: lock-free; of a task with more than 256 ready ones behind it: a lock, held for some hundred loads at most.
 * Order:    what was written before is visible to the first poll.  Memory: none.
 * Cost:     some ten nanoseconds; a futex call if a worker has to be woken.
 * Lifetime: task and future stay until the task is complete: until join has returned, or until the callback.
 */
HASHLOOM_API int runtime_spawn(struct runtime *runtime, struct runtime_task *task, struct future *future,
			       runtime_completed_fn completed);

/*
 * runtime_is_complete: whether a task is complete.
 * task:     spawned without a callback.
 * Returns:  1: it is, and its memory is the caller's again; 0.
 * Threads:  any.  Progress: wait-free.  Order: 1: as join.  Memory: none.  Cost: a load.  Lifetime: none.
 */
HASHLOOM_API int runtime_is_complete(const struct runtime_task *task);

/*
 * runtime_join: waits until a task is complete. Without workers the calling thread runs it, and whatever else is ready, meanwhile.
 * task:     spawned without a callback; its runtime may have been deleted since.
 * Returns:  nothing; the task is complete.
 * Threads:  any but workers, several for one task; not from inside of a task. Without workers: one thread at a time.
 * Progress: waits for the task.  Order: what its polls did is visible.  Memory: none.  Cost: a futex call if it has to sleep.
 * Lifetime: the task's memory is the caller's again, and of others that join it.
 */
HASHLOOM_API void runtime_join(struct runtime_task *task);

/*
 * runtime_cancel: asks a task to end early: future_cancel() before its next poll, which comes at once; if it uses
 *           no waker, after the pause that is just beginning (R.7) at the latest. It completes, is told and joined, as ever.
 * task:     spawned, and not known to be complete by its callback; one without a callback may be complete, and its runtime deleted.
 * Returns:  nothing; future_is_cancelled(task->future) tells afterwards.
 * Threads:  any, signal handlers too.  Progress: lock-free.  Order: as a wake.  Memory: none.  Cost: as a wake.  Lifetime: none.
 */
HASHLOOM_API void runtime_cancel(struct runtime_task *task);

/*
 * runtime_shutdown: ends spawning, waits until every task that was spawned is complete and told, and ends the worker threads.
 * runtime:  of runtime_new() or runtime_new_cfg(); may have been shut down.
 * how:      whether the tasks run to their ends or are cancelled. A task that neither completes nor knows of cancellation is waited for;
 *           from a graceful shutdown that takes too long runtime_cancel() of the tasks leads out. Tasks cannot spawn any more, either way.
 * Returns:  nothing.
 * Threads:  one, not a worker, not together with spawns from outside of tasks.  Progress: waits.  Order: what all tasks did is visible.
 * Memory:   none.  Cost: threads end.
 * Lifetime: runtime_wait() works as before; runtime_spawn() returns CLOSED.
 */
HASHLOOM_API void runtime_shutdown(struct runtime *runtime, enum runtime_shutdown how);

/*
 * runtime_stats: counts what was done.
 * runtime:  of runtime_new() or runtime_new_cfg().
 * stats:    written to.
 * Returns:  nothing.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: five loads for each worker.  Lifetime: none.
 */
HASHLOOM_API void runtime_stats(const struct runtime *runtime, struct runtime_statistics *stats);

/* ---- inside of an event loop ---------------------------------------------------------------------- */

/*
 * runtime_fd: a file descriptor that can be read when runtime_run_ready() has something to do (epoll, libuv, GLib). It is not to be read from.
 * runtime:  without workers.
 * Returns:  an eventfd, the same each time; HASHLOOM_ERROR_INVALID_ARGUMENT: there are workers; HASHLOOM_ERROR_NO_MEMORY: there is no descriptor left.
 * Threads:  who drives.  Progress: a system call.  Order: none.  Memory: the kernel's.
 * Cost:     from now on a write for a wake after which there is something to do, and a read for each runtime_run_ready().
 * Lifetime: until runtime_delete(), which closes it.
 */
HASHLOOM_API int runtime_fd(struct runtime *runtime);

/*
 * runtime_run_ready: polls tasks that are ready, and returns when no more are, or after some.
 * runtime:  without workers.
 * steps_max: at most so many tasks, those that use no waker being one together.
 * Returns:  how many polls there were; 0 also if there are workers.
 * Threads:  one at a time; not from inside of a task.  Progress: that of the tasks.  Order: as a poll.  Memory: none.  Cost: the polls.
 * Lifetime: none.
 */
HASHLOOM_API size_t runtime_run_ready(struct runtime *runtime, size_t steps_max);

/*
 * runtime_timeout_ns: for how long an event loop may sleep if runtime_fd() does not become readable.
 * runtime:  without workers; after runtime_run_ready().
 * Returns:  nanoseconds: 0: something is ready; UINT64_MAX: for ever; otherwise tasks that use no waker are due then (R.7).
 * Threads:  as runtime_run_ready().  Progress: wait-free.  Order: none.  Memory: none.  Cost: a few loads.  Lifetime: none.
 */
HASHLOOM_API uint64_t runtime_timeout_ns(const struct runtime *runtime);

HL_END_DECLS

#endif
