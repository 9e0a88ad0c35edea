/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_threads.c: records, a bounded queue, workers.
 *
 * A record is taken from a free list when its future is made, and given back when the future completes. Its state:
 *
 *     NEW --- poll: put into the queue ---> STARTED ------ worker: fetch_or ------> DONE ---- worker ----> DONE|MAY_GO
 *      ^  (full: stays NEW, poll again)      |    ^                                  ^                        |
 *      |                              poll:  v    | poll                             |                        |
 *      |                             STARTED|REGISTERING --- worker: fetch_or --> DONE|REGISTERING            |
 *      '------------------------------------------- poll sees it: complete, record is free -------------------'
 *
 *   STARTED|REGISTERING  the poll is replacing the waker. A worker that finishes now finds the bit and leaves the waker alone; the
 *                        poll then finds DONE, and says in the notifier that it wants to be polled in turn.
 *   DONE                 the result is visible; the worker is calling the waker, or about to.
 *   MAY_GO               the worker will not touch record or waker any more. Only now does a poll return
 *                        COMPLETE, so the waker may live on the stack of whoever polls (T.2).
 *
 * The handshake of waker and worker is that of Rust's AtomicWaker. The queue is Vyukov's bounded MPMC queue.
 *
 * Sleeping workers. `sleepers` counts those that sleep or are about to, `wake_pending` says that one was told and has
 * not come to yet, so that a burst of pushes costs one system call. A worker on its way to sleep: reads `pushes`, counts itself, clears
 * wake_pending, looks at the queue again, sleeps unless `pushes` has changed. A push: puts the record, sees
 * sleepers, sets wake_pending; if it was clear: increments `pushes`, wakes one. The worker that got up wakes the next
 * if there is more to do. Nobody is missed: either the push sees the sleeper or the sleeper's second look sees the
 * push (the two fences), and wake_pending left over from an earlier round is cleared before that look. A push that found wake_pending
 * set, and wakes nobody, set it before some worker cleared it: if that one comes from sleep, it sees the push, and wakes the next; if it goes to
 * sleep, its look comes behind a fence, and sees the push. And
 * it does not stay set while all sleep: who reads the new `pushes` clears wake_pending after it was set [DT-6], who does not is woken.
 *
 *   tag    order                                            pairs with                                 for
 *   DT-1   queue cell: store seq release                    load seq acquire                           the record's fields; the cell itself
 *   DT-2   worker: fetch_or state DONE acq_rel              poll: fetch_and acq_rel                    record->waker
 *   DT-3   worker: fetch_or state MAY_GO release            operation_check(): load acquire            result, moved bytes (V.2)
 *   DT-4   record_put(): cas free release                   record_take(): cas acquire                 the record's fields
 *   DT-5   fence in wake_a_worker()                         fence in worker_sleep()                    see above
 *   DT-6   pushes fetch_add release                         worker_sleep(): load acquire               set and cleared wake_pending; stop
 *   DT-7   stop store release                               load acquire                               the last pushes before delete
 */
#define _GNU_SOURCE 1 /* sched_getaffinity */

#include <hashloom/data_mover_threads.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "futex.h"
#include "memory.h"

#define THREADS_MAX 65535
#define QUEUE_SIZE_MAX ((size_t)1 << 24)
#define QUEUE_SIZE_DEFAULT 8192
#define THREADS_DEFAULT_MAX 8

#ifndef RECORDS_PER_BLOCK /* prove/ tries schedules with fewer, and with fewer looks */
#define RECORDS_PER_BLOCK 256
#define BLOCKS_MAX 256 /* 65,536 records */
#endif

#ifndef LOOKS_BEFORE_SLEEP
#define LOOKS_BEFORE_SLEEP 128
#endif

enum record_state {
	NEW = 0,
	STARTED = 1 << 0,
	REGISTERING = 1 << 1,
	DONE = 1 << 2,
	MAY_GO = 1 << 3,
};

struct record {
	struct data_mover_threads *mover;
	uint32_t index;
	hl_u32 next_free; /* 1 + index, 0: the end; read by those who lose the race for the record */
	hl_u32 state;
	enum vdm_operation_result result;
	struct future_waker waker;
	struct vdm_operation operation;
	hl_u64 monitor;
};

struct queue_cell {
	hl_u64 sequence;
	struct record *record;
};

struct data_mover_threads {
	struct vdm vdm; /* first: the mover is found from it */
	enum future_notifier_type notifier;
	hl_u64 copy, move, set; /* addresses of the user's functions, 0: our own */

	struct record *blocks[BLOCKS_MAX];
	size_t blocks_count;
	pthread_mutex_t grow;

	struct queue_cell *cells;
	uint64_t mask;

	pthread_t *threads;
	size_t threads_count;

	_Alignas(HL_CACHE_LINE) hl_u64 free;	     /* tag << 32 | 1 + index; written by pollers */
	_Alignas(HL_CACHE_LINE) hl_u64 tail;	     /* the next push; written by pollers */
	_Alignas(HL_CACHE_LINE) hl_u64 head;	     /* the next pop; written by workers */
	_Alignas(HL_CACHE_LINE) hl_u32 sleepers;     /* written by workers */
	hl_u32 wake_pending;			     /* written by both */
	hl_u32 pushes;				     /* the futex; written by pollers */
	hl_u32 stop;				     /* written once */
};

/* ---- records -------------------------------------------------------------------------------------- */

static struct record *record_at(struct data_mover_threads *mover, uint32_t index)
{
	return &mover->blocks[index / RECORDS_PER_BLOCK][index % RECORDS_PER_BLOCK];
}

static void record_put(struct data_mover_threads *mover, struct record *record)
{
	uint64_t top = hl_u64_load_relaxed(&mover->free);
	uint64_t desired;

	do {
		hl_u32_store_relaxed(&record->next_free, (uint32_t)top);
		desired = ((top >> 32) + 1) << 32 | (record->index + 1);
	} while (!hl_u64_cas_acq_rel(&mover->free, &top, desired)); /* release. pairs with [DT-4] in record_take() */
}

/* A free record, or NULL. The tag in the upper half changes with each put, so that a top that came back is noticed. */
static struct record *record_take(struct data_mover_threads *mover)
{
	/* acquire. pairs with [DT-4] in record_put(): the block's address and the record's fields */
	uint64_t top = hl_u64_load_acquire(&mover->free);

	while ((uint32_t)top != 0) {
		struct record *const record = record_at(mover, (uint32_t)top - 1);
		const uint64_t below = hl_u32_load_relaxed(&record->next_free);

		if (hl_u64_cas_acquire(&mover->free, &top, (top >> 32) << 32 | below))
			return record;
	}
	return NULL;
}

/* The free list was empty: make another block of records, unless somebody just has. */
static struct record *record_make(struct data_mover_threads *mover)
{
	pthread_mutex_lock(&mover->grow);
	struct record *first = record_take(mover);

	if (first == NULL && mover->blocks_count < BLOCKS_MAX) {
		struct record *const block = calloc(RECORDS_PER_BLOCK, sizeof(*block));

		if (block != NULL) {
			const size_t base = mover->blocks_count * RECORDS_PER_BLOCK;

			mover->blocks[mover->blocks_count++] = block;
			for (uint32_t i = 0; i < RECORDS_PER_BLOCK; i++) {
				block[i].mover = mover;
				block[i].index = (uint32_t)base + i;
				if (i > 0)
					record_put(mover, &block[i]);
			}
			first = block;
		}
	}
	pthread_mutex_unlock(&mover->grow);
	return first;
}

/* ---- queue ---------------------------------------------------------------------------------------- */

/* 1, or 0 when the queue is full. Each turn of the loop that goes on means that another push succeeded. */
static int queue_push(struct data_mover_threads *mover, struct record *record)
{
	uint64_t position = hl_u64_load_relaxed(&mover->tail);

	for (;;) {
		struct queue_cell *const cell = &mover->cells[position & mover->mask];
		/* acquire. pairs with [DT-1] in queue_pop(): the cell was emptied */
		const int64_t lead = (int64_t)(hl_u64_load_acquire(&cell->sequence) - position);

		if (lead < 0)
			return 0;
		if (lead > 0) {
			position = hl_u64_load_relaxed(&mover->tail);
		} else if (hl_u64_cas_relaxed(&mover->tail, &position, position + 1)) {
			cell->record = record;
			/* release. pairs with [DT-1] in queue_pop(). orders the record's fields before the push */
			hl_u64_store_release(&cell->sequence, position + 1);
			return 1;
		}
	}
}

/* A record, or NULL when the queue is empty. */
static struct record *queue_pop(struct data_mover_threads *mover)
{
	uint64_t position = hl_u64_load_relaxed(&mover->head);

	for (;;) {
		struct queue_cell *const cell = &mover->cells[position & mover->mask];
		/* acquire. pairs with [DT-1] in queue_push() */
		const int64_t lead = (int64_t)(hl_u64_load_acquire(&cell->sequence) - (position + 1));

		if (lead < 0)
			return NULL;
		if (lead > 0) {
			position = hl_u64_load_relaxed(&mover->head);
		} else if (hl_u64_cas_relaxed(&mover->head, &position, position + 1)) {
			struct record *const record = cell->record;

			/* release. pairs with [DT-1] in queue_push(). orders the read of the cell before its reuse */
			hl_u64_store_release(&cell->sequence, position + mover->mask + 1);
			return record;
		}
	}
}

static int queue_is_empty(struct data_mover_threads *mover)
{
	const uint64_t position = hl_u64_load_relaxed(&mover->head);
	struct queue_cell *const cell = &mover->cells[position & mover->mask];

	/* relaxed. A hint, but for worker_sleep(), which has a fence before it */
	return (int64_t)(hl_u64_load_relaxed(&cell->sequence) - (position + 1)) < 0;
}

/* Wakes a worker if one sleeps and none was told already. */
static void wake_a_worker(struct data_mover_threads *mover)
{
	/* seq_cst. pairs with [DT-5] in worker_sleep(): push then read sleepers | count then read queue */
	hl_fence_seq_cst();
	if (hl_u32_load_relaxed(&mover->sleepers) == 0)
		return;
	/* relaxed. The fences order the push before it */
	if (hl_u32_exchange_relaxed(&mover->wake_pending, 1) != 0)
		return;
	/* release. pairs with [DT-6] in worker_sleep(). orders wake_pending before */
	hl_u32_fetch_add_release(&mover->pushes, 1);
	hl_futex_wake(&mover->pushes, 1);
}

/* ---- workers -------------------------------------------------------------------------------------- */

static struct hl_vdm_functions user_functions(struct data_mover_threads *mover)
{
	return (struct hl_vdm_functions){ .copy = (memcpy_fn)(uintptr_t)hl_u64_load_acquire(&mover->copy),
					  .move = (memmove_fn)(uintptr_t)hl_u64_load_acquire(&mover->move),
					  .set = (memset_fn)(uintptr_t)hl_u64_load_acquire(&mover->set) };
}

static void work(struct data_mover_threads *mover, struct record *record)
{
	const struct hl_vdm_functions functions = user_functions(mover);

	record->result = hl_vdm_execute(&record->operation, &functions);
	hl_u64_store_release(&record->monitor, 1);
	/* acq_rel. pairs with [DT-2] in renew_waker(). acquire: the waker; release: the result, before anyone is told */
	const uint32_t before = hl_u32_fetch_or_acq_rel(&record->state, DONE);
	if (!(before & REGISTERING) && record->waker.wake != NULL)
		FUTURE_WAKER_WAKE(&record->waker);
	/* release. pairs with [DT-3] in operation_check(). orders the last touch of record and waker before */
	hl_u32_fetch_or_release(&record->state, MAY_GO);
}

static void worker_sleep(struct data_mover_threads *mover)
{
	/* acquire. pairs with [DT-6] in wake_a_worker() and stop_workers(). if relaxed: wake_pending may be set although all sleep */
	const uint32_t pushes = hl_u32_load_acquire(&mover->pushes);

	hl_u32_fetch_add_relaxed(&mover->sleepers, 1);
	(void)hl_u32_exchange_relaxed(&mover->wake_pending, 0);
	/* seq_cst. pairs with [DT-5] in wake_a_worker() */
	hl_fence_seq_cst();
	if (queue_is_empty(mover) && !hl_u32_load_relaxed(&mover->stop))
		hl_futex_wait(&mover->pushes, pushes, 0);
	hl_u32_fetch_sub_relaxed(&mover->sleepers, 1);
	/* acquire. pairs with the fence [DT-5] before wake_pending is set: who wakes nobody has its push seen, and the next worker woken */
	(void)hl_u32_exchange_acquire(&mover->wake_pending, 0);
}

/* Looks for work: with open eyes for a moment, then asleep. NULL: the mover is being deleted and nothing is left. */
static struct record *worker_next(struct data_mover_threads *mover)
{
	/* Ends when there is work or `stop` is set, which delete does. */
	for (;;) {
		for (unsigned looks = 0; looks < LOOKS_BEFORE_SLEEP; looks++) {
			struct record *const record = queue_pop(mover);

			if (record != NULL)
				return record;
			hl_relax();
		}
		/* acquire. pairs with [DT-7] in stop_workers(): what was pushed before is seen by the pop */
		if (hl_u32_load_acquire(&mover->stop))
			return queue_pop(mover);
		worker_sleep(mover);
		if (!queue_is_empty(mover))
			wake_a_worker(mover);
	}
}

static void *worker_main(void *arg)
{
	struct data_mover_threads *const mover = arg;

	for (struct record *record = worker_next(mover); record != NULL; record = worker_next(mover))
		work(mover, record);
	return NULL;
}

/* Lets the workers finish what is queued, and waits for them. */
static void stop_workers(struct data_mover_threads *mover)
{
	/* release. pairs with [DT-7] in worker_next() */
	hl_u32_store_release(&mover->stop, 1);
	hl_u32_fetch_add_release(&mover->pushes, 1);
	hl_futex_wake(&mover->pushes, INT_MAX);
	for (size_t i = 0; i < mover->threads_count; i++)
		pthread_join(mover->threads[i], NULL);
}

/* Starts the workers with all signals blocked, which are the program's. Returns 0 or the error of pthread_create. */
static int start_workers(struct data_mover_threads *mover, size_t count)
{
	sigset_t all, before;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (mover->threads_count < count && error == 0) {
		error = pthread_create(&mover->threads[mover->threads_count], NULL, worker_main, mover);
		mover->threads_count += error == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* ---- vdm ------------------------------------------------------------------------------------------ */

static void *operation_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct data_mover_threads *const mover = (struct data_mover_threads *)vdm;
	struct record *record = record_take(mover);

	(void)type;
	if (record == NULL)
		record = record_make(mover);
	if (record != NULL)
		hl_u32_store_relaxed(&record->state, NEW);
	return record;
}

/* Tells whoever polls how it will hear of this operation; done: a moment later, so by polling in turn. */
static void fill_notifier(struct record *record, struct future_notifier *notifier, int done)
{
	if (notifier == NULL)
		return;
	notifier->notifier_used = done ? FUTURE_NOTIFIER_NONE : record->mover->notifier;
	notifier->poller.ptr_to_monitor = &record->monitor.raw;
}

static struct future_waker wanted_waker(const struct record *record, const struct future_notifier *notifier)
{
	static const struct future_waker none = { NULL, NULL };

	return notifier != NULL && record->mover->notifier == FUTURE_NOTIFIER_WAKER ? notifier->waker : none;
}

/* A later poll's waker takes the place of the one before. Returns 1 when the operation is done. */
static int renew_waker(struct record *record, const struct future_notifier *notifier)
{
	const struct future_waker waker = wanted_waker(record, notifier);
	uint32_t expected = STARTED;

	if (hl_u32_load_relaxed(&record->state) & DONE)
		return 1;
	if (waker.data == record->waker.data && waker.wake == record->waker.wake)
		return 0;
	/* relaxed. Nobody else writes the waker, and who reads it has set DONE, or will find REGISTERING */
	if (!hl_u32_cas_relaxed(&record->state, &expected, STARTED | REGISTERING))
		return 1;
	record->waker = waker;
	/* acq_rel. pairs with [DT-2] in work(). release: the waker. DONE now: the worker called nobody */
	return (hl_u32_fetch_and_acq_rel(&record->state, ~(uint32_t)REGISTERING) & DONE) != 0;
}

static int operation_start(void *data, const struct vdm_operation *operation, struct future_notifier *notifier)
{
	struct record *const record = data;

	if (hl_u32_load_relaxed(&record->state) != NEW) {
		fill_notifier(record, notifier, renew_waker(record, notifier));
		return 0;
	}
	record->operation = *operation;
	record->waker = wanted_waker(record, notifier);
	hl_u64_store_relaxed(&record->monitor, 0);
	hl_u32_store_relaxed(&record->state, STARTED);
	if (!queue_push(record->mover, record)) {
		hl_u32_store_relaxed(&record->state, NEW);
		fill_notifier(record, notifier, 1);
		return 1;
	}
	wake_a_worker(record->mover);
	fill_notifier(record, notifier, 0);
	return 0;
}

static enum future_state operation_check(void *data, const struct vdm_operation *operation)
{
	struct record *const record = data;

	(void)operation;
	/* acquire. pairs with [DT-3] in work() */
	return hl_u32_load_acquire(&record->state) & MAY_GO ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void operation_delete(void *data, const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	struct record *const record = data;

	hl_vdm_fill_output(output, operation, record->result);
	record_put(record->mover, record);
}

static int operation_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_ASYNC;
}

/* ---- API ------------------------------------------------------------------------------------------ */

static size_t queue_size(size_t wanted)
{
	size_t size = 2;

	while (size < wanted)
		size *= 2;
	return size;
}

static void mover_free(struct data_mover_threads *mover)
{
	for (size_t i = 0; i < mover->blocks_count; i++)
		free(mover->blocks[i]);
	pthread_mutex_destroy(&mover->grow);
	free(mover->threads);
	free(mover->cells);
	free(mover);
}

static struct data_mover_threads *mover_allocate(size_t nthreads, size_t queue)
{
	struct data_mover_threads *const mover = aligned_alloc(_Alignof(struct data_mover_threads), sizeof(*mover));

	if (mover == NULL)
		return NULL;
	*mover = (struct data_mover_threads){
		.vdm = { .op_new = operation_new,
			 .op_delete = operation_delete,
			 .op_start = operation_start,
			 .op_check = operation_check,
			 .capabilities = hl_vdm_capabilities() | VDM_F_RENEW_NOTIFIER,
			 .has_property = operation_has_property },
		.mask = queue - 1,
	};
	pthread_mutex_init(&mover->grow, NULL);
	mover->cells = calloc(queue, sizeof(*mover->cells));
	mover->threads = calloc(nthreads, sizeof(*mover->threads));
	if (mover->cells == NULL || mover->threads == NULL) {
		mover_free(mover);
		return NULL;
	}
	for (uint64_t i = 0; i < queue; i++)
		hl_u64_store_relaxed(&mover->cells[i].sequence, i);
	return mover;
}

struct data_mover_threads *data_mover_threads_new(size_t nthreads, size_t ringbuf_size,
						  enum future_notifier_type desired_notifier)
{
	if (nthreads < 1 || nthreads > THREADS_MAX || ringbuf_size < 1 || ringbuf_size > QUEUE_SIZE_MAX ||
	    (unsigned)desired_notifier > FUTURE_NOTIFIER_POLLER) {
		errno = EINVAL;
		return NULL;
	}
	struct data_mover_threads *const mover = mover_allocate(nthreads, queue_size(ringbuf_size));
	if (mover == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	mover->notifier = desired_notifier;
	const int error = start_workers(mover, nthreads);
	if (error != 0) {
		data_mover_threads_delete(mover);
		errno = error;
		return NULL;
	}
	return mover;
}

struct data_mover_threads *data_mover_threads_default(void)
{
	cpu_set_t allowed;
	const int known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
	const int others = known ? CPU_COUNT(&allowed) - 1 : 1;
	const int threads = others < 1 ? 1 : others > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : others;

	return data_mover_threads_new((size_t)threads, QUEUE_SIZE_DEFAULT, FUTURE_NOTIFIER_WAKER);
}

struct vdm *data_mover_threads_get_vdm(struct data_mover_threads *mover)
{
	return &mover->vdm;
}

void data_mover_threads_set_memcpy_fn(struct data_mover_threads *mover, memcpy_fn function)
{
	hl_u64_store_release(&mover->copy, (uint64_t)(uintptr_t)function);
}

void data_mover_threads_set_memmove_fn(struct data_mover_threads *mover, memmove_fn function)
{
	hl_u64_store_release(&mover->move, (uint64_t)(uintptr_t)function);
}

void data_mover_threads_set_memset_fn(struct data_mover_threads *mover, memset_fn function)
{
	hl_u64_store_release(&mover->set, (uint64_t)(uintptr_t)function);
}

void data_mover_threads_delete(struct data_mover_threads *mover)
{
	if (mover == NULL)
		return;
	stop_workers(mover);
	mover_free(mover);
}
