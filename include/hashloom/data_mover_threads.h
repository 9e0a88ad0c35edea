/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_threads.h: a mover with worker threads and a bounded queue.
 *
 * The first poll of an operation puts it into the queue; a worker takes it out, does it, makes the result visible and
 * then tells: by the waker of the last poll, by the poller's word, or not at all. When the queue is full, the
 * operation stays idle and its next poll tries again. Small operations are done in the first poll, since to hand one over costs more; large
 * ones are cut into pieces, which the workers do together.
 *
 * When not to use it: where nothing is large and nobody has anything else to do meanwhile; data_mover_sync.h is simpler.
 *
 * Supports what data_mover_sync.h does; its operations have FUTURE_PROPERTY_ASYNC. It holds at most 65,536
 * operations that are made and not complete (V.4).
 *
 *     struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();
 *     cfg.threads = 4;
 *     cfg.inline_max = 0;
 *     struct data_mover_threads *mover = data_mover_threads_new_cfg(&cfg);
 *
 * Guarantees
 *   T.1  An operation is done exactly once, or refused (V.3); none is forgotten, whatever the queue's size.
 *   T.2  The result is visible before the waker is called, and to who has seen (acquire) that the poller's word is not zero; the
 *        waker is not called any more once the future was seen complete. (One that is done, and whose waker is being called, is RUNNING, to be polled
 *        in turn: FUTURE_NOTIFIER_NONE.)
 *   T.3  The waker of the last poll counts.
 *   T.4  data_mover_threads_delete() does what is in the queue, then ends the workers.
 *   T.5  An operation that is done in pieces is as one that is not: complete when the last piece is, durable when all are. Copies,
 *        sets, fills and flushes are cut at pages of the destination, batches and vdm_memcpyv() between their parts. Moves of
 *        places that overlap, comparisons and CRCs are one worker's, and so is what a function of the user's does.
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
 * Copy functions of the user's: called on a worker thread, from several at once, for n bytes and the operation's flags, for a
 * whole operation, or a segment of vdm_memcpyv(); may block; must not touch the mover. What they return is ignored.
 * VDM_F_MEM_DURABLE is seen to after them.
 */
typedef void *(*memcpy_fn)(void *dst, const void *src, size_t n, unsigned flags);
typedef void *(*memmove_fn)(void *dst, const void *src, size_t n, unsigned flags);
typedef void *(*memset_fn)(void *str, int c, size_t n, unsigned flags);

struct data_mover_threads_cfg {
	/* workers, 1 to 65,535; default: one for each CPU that the process may run on, at most 8 */
	size_t threads;
	/* entries of the queue, 1 to 2^24; rounded up to a power of two, at least 2; default: 8,192 */
	size_t queue;
	/* what operations use when they are polled with a notifier; default: FUTURE_NOTIFIER_WAKER */
	enum future_notifier_type notifier;
	/*
	 * whether workers are spread over the NUMA nodes that the process may use, each bound to its node's CPUs; with one node there
	 * is nothing to do; who takes an operation does not depend on where its memory is; default: 1
	 */
	int numa;
	/*
	 * operations of so many bytes or less are done in their first poll, on the polling thread, unless the user's function would
	 * do them; what belongs to a batch or to vdm_memcpyv() counts 64 bytes more; 0: none; default: 16,384
	 */
	size_t inline_max;
	/* no piece of an operation is smaller, but that one is of a page's rest; 0: nothing is split; default: 524,288 */
	size_t split_min;
};

/* What happened since the mover was made. Operations that are done in the poll are not counted: it would cost as much as some of them. */
struct data_mover_threads_counts {
	uint64_t operations; /* taken by the queue; a batch is one */
	uint64_t bytes;	     /* that they read or write */
	uint64_t split;	     /* of the operations: done in pieces */
	uint64_t queue_full; /* polls that found no room */
	uint64_t wakes;	     /* of workers: system calls */
	uint64_t sleeps;     /* of workers: system calls */
};

/*
 * data_mover_threads_cfg_default: the settings of data_mover_threads_default(), to change some of them.
 * Returns:  by value.
 * Threads:  any.  Progress: that of sched_getaffinity.  Order: none.  Memory: none.  Cost: a system call.  Lifetime: none.
 */
HASHLOOM_API struct data_mover_threads_cfg data_mover_threads_cfg_default(void);

/*
 * data_mover_threads_new_cfg: makes the mover and starts its workers.
 * cfg:      is copied; NULL: data_mover_threads_cfg_default().
 * Returns:  the mover, or NULL: a number out of range (errno EINVAL), no memory (ENOMEM), or a thread could not be started
 *           (errno as pthread_create says; those that were started have ended).
 * Threads:  any.  Progress: starts threads.  Order: none.
 * Memory:   the queue and the workers; records come in blocks of 256 as they are needed, and stay.
 * Cost:     tens of microseconds a thread; with several NUMA nodes, a file is read for each.
 * Lifetime: until data_mover_threads_delete().
 */
HASHLOOM_API struct data_mover_threads *data_mover_threads_new_cfg(const struct data_mover_threads_cfg *cfg);

/*
 * data_mover_threads_new: as data_mover_threads_new_cfg() with three settings, and the defaults for the others.
 * nthreads, ringbuf_size, desired_notifier: threads, queue, notifier.
 */
HASHLOOM_API struct data_mover_threads *data_mover_threads_new(size_t nthreads, size_t ringbuf_size,
							       enum future_notifier_type desired_notifier);

/* data_mover_threads_default: as data_mover_threads_new_cfg() with the defaults. */
HASHLOOM_API struct data_mover_threads *data_mover_threads_default(void);

/*
 * data_mover_threads_get_vdm: the mover as vdm.h wants it.
 * mover:    of data_mover_threads_new(), not NULL.
 * Returns:  its struct vdm, never NULL.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the mover's.
 */
HASHLOOM_API struct vdm *data_mover_threads_get_vdm(struct data_mover_threads *mover);

/*
 * data_mover_threads_set_memcpy_fn, _set_memmove_fn, _set_memset_fn: lets the workers use a function of the user's.
 * mover:    of data_mover_threads_new().
 * function: the function, or NULL for the mover's own.
 * Returns:  nothing.
 * Threads:  any, at any time.  Progress: waits for a lock that is held while records are made.
 * Order:    counts for operations whose first poll comes after; those in the queue may use either.
 * Memory:   none.  Cost: some stores.  Lifetime: the function must stay valid as long as the mover.
 */
HASHLOOM_API void data_mover_threads_set_memcpy_fn(struct data_mover_threads *mover, memcpy_fn function);
HASHLOOM_API void data_mover_threads_set_memmove_fn(struct data_mover_threads *mover, memmove_fn function);
HASHLOOM_API void data_mover_threads_set_memset_fn(struct data_mover_threads *mover, memset_fn function);

/*
 * data_mover_threads_counters: what the mover has done so far.
 * mover:    of data_mover_threads_new().
 * counters: gets them. While operations go on each is right at some moment, not all at the same.
 * Returns:  nothing.
 * Threads:  any.  Progress: waits for a lock that is held while records are made.
 * Order:    counts the operations whose first poll the caller has heard of.
 * Memory:   none.  Cost: a walk over all records; the counting itself costs operations some stores to their own record.  Lifetime: none.
 */
HASHLOOM_API void data_mover_threads_counters(struct data_mover_threads *mover, struct data_mover_threads_counts *counters);

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
