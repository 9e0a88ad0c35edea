/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_threads.h: a mover with worker threads and a bounded queue.
 *
 * The first poll of an operation puts it into the queue; a worker takes it out, does it, makes the result visible and
 * then tells: by the waker of the last poll, by the poller's word, or not at all. When the queue is full, the
 * operation stays idle and its next poll tries again.
 *
 * When not to use it: for small copies. Handing one over costs more than copying some kilobytes.
 *
 * Supports what data_mover_sync.h does; its operations have FUTURE_PROPERTY_ASYNC. It holds at most 65,536
 * operations that are made and not complete (V.4).
 *
 * Guarantees
 *   T.1  An operation is done exactly once, or refused (V.3); none is forgotten, whatever the queue's size.
 *   T.2  The result is visible before the waker is called, and the waker is not called any more once
 *        the future was seen complete.
 *   T.3  The waker of the last poll counts.
 *   T.4  data_mover_threads_delete() does what is in the queue, then ends the workers.
 *
 * Which calls may run together: any, but for data_mover_threads_delete() with any other.
 */
#ifndef HASHLOOM_DATA_MOVER_THREADS_H
#define HASHLOOM_DATA_MOVER_THREADS_H

#include <hashloom/base.h>

#include <hashloom/vdm.h>

HL_BEGIN_DECLS

struct data_mover_threads;

/*
 * Copy functions of the user's: called on a worker thread, from several at once, for n bytes and the operation's flags; may
 * block; must not touch the mover. What they return is ignored. VDM_F_MEM_DURABLE is seen to after them.
 */
typedef void *(*memcpy_fn)(void *dst, const void *src, size_t n, unsigned flags);
typedef void *(*memmove_fn)(void *dst, const void *src, size_t n, unsigned flags);
typedef void *(*memset_fn)(void *str, int c, size_t n, unsigned flags);

/*
 * data_mover_threads_new: makes the mover and starts its workers.
 * nthreads:         workers, 1 to 65,535.
 * ringbuf_size:     operations that may wait in the queue, 1 to 2^24; rounded up to a power of two, at least 2.
 * desired_notifier: what operations use when they are polled with a notifier.
 * Returns:  the mover, or NULL: a number out of range (errno EINVAL), no memory (ENOMEM), or a thread could not be started
 *           (errno as pthread_create says; those that were started have ended).
 * Threads:  any.  Progress: starts threads.  Order: none.
 * Memory:   the queue and the workers; records come in blocks of 256 as they are needed, and stay.
 * Cost:     tens of microseconds a thread.
 * Lifetime: until data_mover_threads_delete().
 */
HASHLOOM_API struct data_mover_threads *data_mover_threads_new(size_t nthreads, size_t ringbuf_size,
							       enum future_notifier_type desired_notifier);

/*
 * data_mover_threads_default: as data_mover_threads_new() with one worker for each CPU that the process may run on, less
 * the caller's (at least 1, at most 8), a queue of 8,192 and the waker.
 */
HASHLOOM_API struct data_mover_threads *data_mover_threads_default(void);

/*
 * data_mover_threads_get_vdm: the mover as vdm.h wants it.
 * mover:    of data_mover_threads_new().
 * Returns:  its struct vdm, never NULL.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the mover's.
 */
HASHLOOM_API struct vdm *data_mover_threads_get_vdm(struct data_mover_threads *mover);

/*
 * data_mover_threads_set_memcpy_fn, _set_memmove_fn, _set_memset_fn: lets the workers use a function of the user's.
 * mover:    of data_mover_threads_new().
 * function: the function, or NULL for the mover's own.
 * Returns:  nothing.
 * Threads:  any, at any time.  Progress: wait-free.
 * Order:    counts for operations whose first poll comes after; those in the queue may use either.
 * Memory:   none.  Cost: a store.  Lifetime: the function must stay valid as long as the mover.
 */
HASHLOOM_API void data_mover_threads_set_memcpy_fn(struct data_mover_threads *mover, memcpy_fn function);
HASHLOOM_API void data_mover_threads_set_memmove_fn(struct data_mover_threads *mover, memmove_fn function);
HASHLOOM_API void data_mover_threads_set_memset_fn(struct data_mover_threads *mover, memset_fn function);

/*
 * data_mover_threads_delete: does what is in the queue, ends the workers, frees the mover.
 * mover:    of data_mover_threads_new(), or NULL; futures of it that are not complete must not be polled any more.
 * Returns:  nothing; no worker runs any more, and no waker will be called.
 * Threads:  exclusive.  Progress: waits for the workers.  Order: all operations done are visible.
 * Memory:   frees.  Cost: that of the queue's content.  Lifetime: ends.
 */
HASHLOOM_API void data_mover_threads_delete(struct data_mover_threads *mover);

HL_END_DECLS

#endif
