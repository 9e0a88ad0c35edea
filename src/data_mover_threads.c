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
 *   NEW                  a small operation goes from here to DONE|MAY_GO, in its first poll, and no worker hears of it. One that the
 *                        future does itself (VDM_F_INLINE), or that is cancelled before, goes back to the free list.
 *   STARTED|REGISTERING  the poll is replacing the waker. A worker that finishes now finds the bit and leaves the waker alone; the
 *                        poll then finds DONE, and says in the notifier that it wants to be polled in turn.
 *   DONE                 the result is visible; the worker is calling the waker, or about to.
 *   MAY_GO               the worker will not touch record or waker any more. Only now does a poll return
 *                        COMPLETE, so the waker may live on the stack of whoever polls (T.2).
 *
 * The handshake of waker and worker is that of Rust's AtomicWaker. The queue is Vyukov's bounded MPMC queue.
 *
 * Large operations. One that is split into pieces stands in the queue several times, once for each worker that may help: these are
 * its shares. Whoever takes a share does pieces, each the next that nobody has begun (`next`), until none is left, and then counts the
 * share off. The last one to do so has all pieces behind it, and makes the operation DONE. So no entry of the queue outlives its
 * operation. Shares for which the queue had no room are counted off by the poll that pushed the others.
 *
 * Sleeping workers. `sleepers` counts those that sleep or are about to, `wake_pending` says that one was told and has
 * not come to yet, so that a burst of pushes costs one system call. A worker on its way to sleep: reads `pushes`, counts itself, clears
 * wake_pending, looks at the queue again, sleeps unless `pushes` has changed. A push: puts the record, sees
 * sleepers, sets wake_pending; if it was clear: increments `pushes`, wakes one (or as many as there are shares). The worker that
 * got up clears wake_pending, and wakes the next if there is more to do. Nobody is missed:
 *
 *   a push sees no sleeper         Its fence comes before that of each worker that counts itself later, whose second look sees it.
 *   wake_pending was clear         It increments `pushes` and wakes. A worker that read `pushes` before does not sleep, or is woken.
 *   wake_pending was set           Then somebody clears it who looks behind that:
 *       - It does not stay set while all sleep. Who set it woke somebody, who clears it; or nobody slept at that moment, and
 *         whoever sleeps afterwards has read the new `pushes` (otherwise it would not sleep), by an acquire [DT-6], so that its
 *         clearing, which comes after, is not overtaken by the setting.
 *       - Who clears it behind this push has a fence between that and its next second look. Were that fence before the push's, the push,
 *         whose setting comes behind its own fence, would have found wake_pending clear. So the push's fence is first, and the look sees
 *         what was pushed.
 *     The two fences carry this. But who comes from sleep clears by an exchange that acquires, so that it sees the push that has woken nobody,
 *     and wakes the next before it works: otherwise one worker would sleep as long as the other works.
 *
 * Who counts. A record has one owner at a time, so what polls count lies in the records, and costs a load and a store; what
 * workers count, with each worker. data_mover_threads_counters() adds them up.
 *
 *   tag    order                                            pairs with                                 for
 *   DT-1   queue cell: store seq release                    load seq acquire                           the record's fields; the cell itself
 *   DT-2   worker: fetch_or state DONE acq_rel              poll: fetch_and release                    record->waker
 *   DT-3   worker: fetch_or state MAY_GO release            operation_check(): load acquire            result, moved bytes (V.2)
 *   DT-4   record_put(): cas free release                   record_take(): cas acquire                 the record's fields
 *   DT-5   fence in wake_workers()                          fence in worker_sleep()                    see above
 *   DT-6   pushes fetch_add release                         worker_sleep(): load acquire               set and cleared wake_pending; stop
 *   DT-7   stop store release                               load acquire                               the last pushes before delete
 *   DT-8   shares fetch_sub acq_rel                         each other                                 what all pieces have written
 *   DT-9   copy, move, set: store release                   worker: load acquire                       what the user's function reads
 *   DT-10  monitor store release                            who watches the word: load acquire         moved bytes (T.2)
 */
#define _GNU_SOURCE 1 /* cpu_set_t */

#include <hashloom/data_mover_threads.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "futex.h"
#include "memory.h"
#include "numa.h"
#include "thread.h"

#define THREADS_MAX 65535
#define QUEUE_SIZE_MAX ((size_t)1 << 24)
#define QUEUE_SIZE_DEFAULT 8192
#define THREADS_DEFAULT_MAX 8
#define INLINE_MAX_DEFAULT 16384
#define SPLIT_MIN_DEFAULT ((size_t)512 << 10)
#define PIECES_PER_WORKER 4 /* so that one who comes late leaves the others little to wait for */
#define STREAM_MIN ((size_t)8 << 20) /* from here on stores go past the caches, where what is copied does not fit anyway */
#define LARGE_PAGE ((size_t)2 << 20)
#define CACHES 16
#define UNIT_WEIGHT 64 /* what an operation of a batch, or a segment, costs by itself, in bytes */

#ifndef SMALL_PAGE /* prove/ has smaller ones */
#define SMALL_PAGE ((size_t)4096)
#endif

#ifndef RECORDS_PER_BLOCK /* prove/ tries schedules with fewer, and with fewer looks */
#define RECORDS_PER_BLOCK 256
#define BLOCKS_MAX 256 /* 65,536 records */
#define CACHED_MAX 128 /* as many as are often in flight; 0: none */
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

/* Written by the record's owner alone, read by data_mover_threads_counters(). */
struct record_counters {
	hl_u64 operations, bytes, split, queue_full, wakes;
};

struct record {
	struct data_mover_threads *mover;
	uint32_t index;
	hl_u32 next_free; /* 1 + index, 0: the end; read by those who lose the race for the record */
	hl_u32 state;
	uint32_t pieces; /* 1: it is done as a whole, and what follows down to `failed` is not used */
	size_t piece_size, skew; /* piece i begins at i * piece_size - skew, in bytes, operations of a batch, or segments */
	hl_u32 next;		 /* the piece to begin with; written by those who have shares */
	hl_u32 shares;		 /* those that are not through */
	hl_u64 failed;		 /* of a batch's operations */
	struct vdm_operation_output output;
	struct future_waker waker;
	struct vdm_operation operation;
	hl_u64 monitor;
	struct record_counters counters;
};

struct queue_cell {
	hl_u64 sequence;
	struct record *record;
};

/* Free records of one thread, which needs no atomic operation to take and give them. */
struct cache {
	_Alignas(HL_CACHE_LINE) hl_u64 owner; /* the number of a thread, 0: nobody yet; written once */
	size_t count;
	struct record *records[CACHED_MAX + 1]; /* an array: a list would make each operation wait for the one before */
};

struct worker {
	_Alignas(HL_CACHE_LINE) struct data_mover_threads *mover;
	pthread_t thread;
	hl_u64 sleeps, wakes; /* written by this worker */
};

struct data_mover_threads {
	struct vdm_inlining base; /* first: the mover is found from it */
	struct data_mover_threads_cfg cfg;
	hl_u64 copy, move, set; /* addresses of the user's functions, 0: our own */

	struct record *blocks[BLOCKS_MAX];
	size_t blocks_count;
	pthread_mutex_t lock; /* of blocks, and of base.inline_max and the functions that it depends on */
	hl_u32 is_scarce; /* there will be no more blocks */
	struct cache caches[CACHES];

	struct queue_cell *cells;
	uint64_t mask;

	struct worker *workers;
	size_t workers_count;

	_Alignas(HL_CACHE_LINE) hl_u64 free;	     /* tag << 32 | 1 + index; written by pollers */
	_Alignas(HL_CACHE_LINE) hl_u64 tail;	     /* the next push; written by pollers */
	_Alignas(HL_CACHE_LINE) hl_u64 head;	     /* the next pop; written by workers */
	_Alignas(HL_CACHE_LINE) hl_u32 sleepers;     /* written by workers */
	hl_u32 wake_pending;			     /* written by both */
	hl_u32 pushes;				     /* the futex; written by pollers */
	hl_u32 stop;				     /* written once */
};

/* A counter that one thread writes at a time. */
static void count(hl_u64 *counter, uint64_t more)
{
	hl_u64_store_relaxed(counter, hl_u64_load_relaxed(counter) + more);
}

/* ---- records -------------------------------------------------------------------------------------- */

static struct record *record_at(struct data_mover_threads *mover, uint32_t index)
{
	return &mover->blocks[index / RECORDS_PER_BLOCK][index % RECORDS_PER_BLOCK];
}

HL_APART void record_put(struct data_mover_threads *mover, struct record *record)
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
	pthread_mutex_lock(&mover->lock);
	struct record *first = record_take(mover);

	if (first == NULL && mover->blocks_count < BLOCKS_MAX) {
		struct record *const block = calloc(RECORDS_PER_BLOCK, sizeof(*block));

		if (block != NULL) {
			const size_t base = mover->blocks_count * RECORDS_PER_BLOCK;

			mover->blocks[mover->blocks_count++] = block;
			hl_u32_store_relaxed(&mover->is_scarce, mover->blocks_count == BLOCKS_MAX);
			for (uint32_t i = 0; i < RECORDS_PER_BLOCK; i++) {
				block[i].mover = mover;
				block[i].index = (uint32_t)base + i;
				if (i > 0)
					record_put(mover, &block[i]);
			}
			first = block;
		} else {
			hl_u32_store_relaxed(&mover->is_scarce, 1);
		}
	}
	pthread_mutex_unlock(&mover->lock);
	return first;
}

/* This thread's number, 0: none yet. initial-exec: without a call, in shared libraries too. */
static __thread uint64_t thread_number __attribute__((tls_model("initial-exec")));

/* The cache that a thread comes to, if nobody else has come before; otherwise NULL. */
HL_APART struct cache *cache_claim(struct data_mover_threads *mover)
{
	static hl_u64 threads;
	uint64_t owner = 0;

	if (CACHED_MAX == 0)
		return NULL;
	if (thread_number == 0)
		thread_number = 1 + hl_u64_fetch_add_relaxed(&threads, 1);
	struct cache *const cache = &mover->caches[thread_number % CACHES];

	return hl_u64_load_relaxed(&cache->owner) == 0 && hl_u64_cas_relaxed(&cache->owner, &owner, thread_number) ? cache : NULL;
}

/* This thread's cache, or NULL. One that has ended keeps its own, so that no thread has to be told of a mover's end. */
static inline struct cache *own_cache(struct data_mover_threads *mover)
{
	struct cache *const cache = &mover->caches[thread_number % CACHES];

	if (HL_LIKELY(thread_number != 0 && hl_u64_load_relaxed(&cache->owner) == thread_number))
		return cache;
	return cache_claim(mover);
}

HL_APART struct record *record_get_elsewhere(struct data_mover_threads *mover)
{
	struct record *const record = record_take(mover);

	return record != NULL ? record : record_make(mover);
}

static inline struct record *record_get(struct data_mover_threads *mover)
{
	struct cache *const cache = own_cache(mover);

	return HL_LIKELY(cache != NULL && cache->count > 0) ? cache->records[--cache->count] : record_get_elsewhere(mover);
}

/* When records get scarce, one that completes makes room for any thread's next (V.4). */
static inline void record_give(struct data_mover_threads *mover, struct record *record)
{
	static const size_t most = CACHED_MAX;
	struct cache *const cache = own_cache(mover);

	if (cache == NULL || cache->count >= most || hl_u32_load_relaxed(&mover->is_scarce)) {
		record_put(mover, record);
		return;
	}
	cache->records[cache->count++] = record;
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

/* Relaxed: it only decides who sleeps, and behind a fence. */
static int queue_is_empty(struct data_mover_threads *mover)
{
	const uint64_t position = hl_u64_load_relaxed(&mover->head);
	struct queue_cell *const cell = &mover->cells[position & mover->mask];

	return (int64_t)(hl_u64_load_relaxed(&cell->sequence) - (position + 1)) < 0;
}

/* Wakes so many workers if one sleeps and none was told already. */
static void wake_workers(struct data_mover_threads *mover, uint32_t workers, hl_u64 *wakes)
{
	/* seq_cst. pairs with [DT-5] in worker_sleep(): push then read sleepers | count then read queue */
	hl_fence_seq_cst();
	if (hl_u32_load_relaxed(&mover->sleepers) == 0)
		return;
	if (hl_u32_fetch_or_relaxed(&mover->wake_pending, 1) != 0)
		return;
	/* release. pairs with [DT-6] in worker_sleep(). orders wake_pending before */
	hl_u32_fetch_add_release(&mover->pushes, 1);
	hl_futex_wake(&mover->pushes, (int)workers);
	count(wakes, 1);
}

/* ---- pieces --------------------------------------------------------------------------------------- */

/* What is cut: the operations of a batch, segments, bytes. */
static size_t units_of(const struct vdm_operation *operation)
{
	switch (operation->type) {
	case VDM_OPERATION_BATCH:
		return operation->data.batch.count;
	case VDM_OPERATION_MEMCPYV:
		return operation->data.memcpyv.count;
	default:
		return hl_vdm_bytes(operation);
	}
}

/* Piece i of an operation that was split. */
static struct vdm_operation piece_at(const struct record *record, uint32_t i)
{
	const size_t begin = i == 0 ? 0 : i * record->piece_size - record->skew;
	const size_t end = i + 1 == record->pieces ? units_of(&record->operation) : (i + 1) * record->piece_size - record->skew;
	struct vdm_operation piece = record->operation;

	hl_assert(begin < end);
	switch (piece.type) {
	case VDM_OPERATION_BATCH:
		piece.data.batch.operations += begin;
		piece.data.batch.outputs += begin;
		piece.data.batch.count = end - begin;
		return piece;
	case VDM_OPERATION_MEMCPYV:
		piece.data.memcpyv.segments += begin;
		piece.data.memcpyv.count = end - begin;
		return piece;
	default:
		return hl_vdm_piece(&record->operation, begin, end - begin);
	}
}

/* Of bytes: pieces begin at pages of the destination, large pages if they are that large, so that no page is two workers'. */
static void cut_bytes(struct record *record, size_t pieces)
{
	const uintptr_t start = (uintptr_t)record->operation.data.memcpy.dest; /* where the others have theirs */
	const size_t bytes = hl_vdm_bytes(&record->operation);
	const size_t size = bytes / pieces;
	const size_t page = size >= LARGE_PAGE ? LARGE_PAGE : SMALL_PAGE;

	record->piece_size = (size + page - 1) / page * page;
	record->skew = start % page;
	record->pieces = (uint32_t)((bytes + record->skew + record->piece_size - 1) / record->piece_size);
}

static void cut_units(struct record *record, size_t pieces)
{
	const size_t units = units_of(&record->operation);

	record->piece_size = (units + pieces - 1) / pieces;
	record->skew = 0;
	record->pieces = (uint32_t)((units + record->piece_size - 1) / record->piece_size);
}

/* Splits an operation that is worth it into a few pieces for each worker. */
static void cut(struct record *record, size_t bytes)
{
	const struct data_mover_threads *const mover = record->mover;
	const struct vdm_operation *const operation = &record->operation;
	const size_t least = mover->cfg.split_min;
	const size_t most = mover->workers_count * PIECES_PER_WORKER;
	const int has_units = operation->type == VDM_OPERATION_BATCH || operation->type == VDM_OPERATION_MEMCPYV;

	record->pieces = 1;
	if (least == 0 || mover->workers_count < 2 || bytes / 2 < least || bytes > SIZE_MAX / 2 || !hl_vdm_is_known(operation))
		return;
	size_t pieces = bytes / least < most ? bytes / least : most;
	if (has_units) {
		pieces = pieces < units_of(operation) ? pieces : units_of(operation);
		cut_units(record, pieces);
	} else if (hl_vdm_can_be_split(operation)) {
		cut_bytes(record, pieces);
	}
	if (record->pieces == 1)
		return;
	hl_u32_store_relaxed(&record->next, 0);
	hl_u64_store_relaxed(&record->failed, 0);
	hl_vdm_fill_output(&record->output, operation, VDM_SUCCESS);
	if (operation->type == VDM_OPERATION_MEMCPYV)
		record->output.output.memcpyv.n = bytes;
}

/* ---- workers -------------------------------------------------------------------------------------- */

static const struct hl_vdm_functions own_functions = { NULL, NULL, NULL };

static struct hl_vdm_functions user_functions(struct data_mover_threads *mover)
{
	/* acquire. pairs with [DT-9] in data_mover_threads_set_memcpy_fn() and its kin. if relaxed: the function may not see what it needs */
	return (struct hl_vdm_functions){ .copy = (memcpy_fn)(uintptr_t)hl_u64_load_acquire(&mover->copy),
					  .move = (memmove_fn)(uintptr_t)hl_u64_load_acquire(&mover->move),
					  .set = (memset_fn)(uintptr_t)hl_u64_load_acquire(&mover->set) };
}

/* Tells of an operation that is done. */
static void finish(struct record *record)
{
	/* release. pairs with [DT-10] of whoever watches the word. orders what was moved before */
	hl_u64_store_release(&record->monitor, 1);
	/* acq_rel. pairs with [DT-2] in renew_waker(). acquire: the waker; release: the result, before anyone is told */
	const uint32_t before = hl_u32_fetch_or_acq_rel(&record->state, DONE);
	if (!(before & REGISTERING) && record->waker.wake != NULL)
		FUTURE_WAKER_WAKE(&record->waker);
	/* release. pairs with [DT-3] in operation_check(). orders the last touch of record and waker before */
	hl_u32_fetch_or_release(&record->state, MAY_GO);
}

/* Counts shares off. The last one has all pieces behind it. */
static void shares_done(struct record *record, uint32_t shares)
{
	/* acq_rel. pairs with [DT-8], itself. release: this share's pieces; acquire: those of the others */
	if (hl_u32_fetch_sub_acq_rel(&record->shares, shares) != shares)
		return;
	const uint64_t failed = hl_u64_load_relaxed(&record->failed);
	if (record->operation.type == VDM_OPERATION_BATCH) {
		record->output.output.batch.failed = failed;
		record->output.result = failed == 0 ? VDM_SUCCESS : VDM_ERROR_JOB_CORRUPTED;
	}
	finish(record);
}

/* Ends when no piece is left: each turn takes one. */
static void work_on_pieces(struct record *record)
{
	for (;;) {
		const uint32_t i = hl_u32_fetch_add_relaxed(&record->next, 1);

		if (i >= record->pieces)
			break;
		const struct vdm_operation piece = piece_at(record, i);
		struct vdm_operation_output output;

		/* what the user's functions do is not split */
		(void)hl_vdm_execute(&piece, &own_functions, &output);
		if (piece.type == VDM_OPERATION_BATCH && output.output.batch.failed > 0)
			hl_u64_fetch_add_relaxed(&record->failed, output.output.batch.failed);
	}
	shares_done(record, 1);
}

static void work(struct data_mover_threads *mover, struct record *record)
{
	if (record->pieces > 1) {
		work_on_pieces(record);
		return;
	}
	const struct hl_vdm_functions functions = user_functions(mover);
	(void)hl_vdm_execute(&record->operation, &functions, &record->output);
	finish(record);
}

static void worker_sleep(struct worker *worker)
{
	struct data_mover_threads *const mover = worker->mover;
	/* acquire. pairs with [DT-6] in wake_workers() and stop_workers(). if relaxed: wake_pending may be set although all sleep */
	const uint32_t pushes = hl_u32_load_acquire(&mover->pushes);

	hl_u32_fetch_add_relaxed(&mover->sleepers, 1);
	hl_u32_store_relaxed(&mover->wake_pending, 0);
	/* seq_cst. pairs with [DT-5] in wake_workers() */
	hl_fence_seq_cst();
	if (queue_is_empty(mover) && !hl_u32_load_relaxed(&mover->stop)) {
		count(&worker->sleeps, 1);
		hl_futex_wait(&mover->pushes, pushes, 0);
	}
	hl_u32_fetch_sub_relaxed(&mover->sleepers, 1);
	/* acquire. pairs with the fence [DT-5] before wake_pending is set: who wakes nobody has its push seen, and the next worker woken */
	(void)hl_u32_exchange_acquire(&mover->wake_pending, 0);
}

/* Looks for work: with open eyes for a moment, then asleep. NULL: the mover is being deleted and nothing is left. */
static struct record *worker_next(struct worker *worker)
{
	struct data_mover_threads *const mover = worker->mover;

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
		worker_sleep(worker);
		if (!queue_is_empty(mover))
			wake_workers(mover, 1, &worker->wakes);
	}
}

static void *worker_main(void *arg)
{
	struct worker *const worker = arg;

	for (struct record *record = worker_next(worker); record != NULL; record = worker_next(worker))
		work(worker->mover, record);
	return NULL;
}

/* Lets the workers finish what is queued, and waits for them. */
static void stop_workers(struct data_mover_threads *mover)
{
	/* release. pairs with [DT-7] in worker_next() */
	hl_u32_store_release(&mover->stop, 1);
	/* release. pairs with [DT-6] in worker_sleep(). orders stop before */
	hl_u32_fetch_add_release(&mover->pushes, 1);
	hl_futex_wake(&mover->pushes, INT_MAX);
	for (size_t i = 0; i < mover->workers_count; i++)
		pthread_join(mover->workers[i].thread, NULL);
}

/* Starts one, on the CPUs of a node if there are several nodes; where it cannot stay there, it starts anywhere. */
static int start_worker(struct worker *worker, const struct hl_numa_nodes *nodes, size_t index)
{
	pthread_attr_t attributes;
	int error = -1;

	if (nodes->count > 1 && pthread_attr_init(&attributes) == 0) {
		if (pthread_attr_setaffinity_np(&attributes, sizeof(cpu_set_t), &nodes->cpus[index % nodes->count]) == 0)
			error = hl_thread_start(&worker->thread, &attributes, worker_main, worker);
		pthread_attr_destroy(&attributes);
	}
	return error == 0 ? 0 : hl_thread_start(&worker->thread, NULL, worker_main, worker);
}

/* Returns 0 or the error of pthread_create. */
static int start_workers(struct data_mover_threads *mover)
{
	struct hl_numa_nodes nodes = { .count = 0 };
	int error = 0;

	if (mover->cfg.numa)
		hl_numa_find(HL_NUMA_DIRECTORY, &nodes);
	while (mover->workers_count < mover->cfg.threads && error == 0) {
		struct worker *const worker = &mover->workers[mover->workers_count];

		worker->mover = mover;
		error = start_worker(worker, &nodes, mover->workers_count);
		mover->workers_count += error == 0;
	}
	return error;
}

/* ---- vdm ------------------------------------------------------------------------------------------ */

static void *operation_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct record *const record = record_get((struct data_mover_threads *)vdm);

	(void)type;
	if (record != NULL)
		hl_u32_store_relaxed(&record->state, NEW);
	return record;
}

/* Tells whoever polls how it will hear of this operation; done: a moment later, so by polling in turn. */
static void fill_notifier(struct record *record, struct future_notifier *notifier, int done)
{
	if (notifier == NULL)
		return;
	notifier->notifier_used = done ? FUTURE_NOTIFIER_NONE : record->mover->cfg.notifier;
	notifier->poller.ptr_to_monitor = &record->monitor.raw;
}

static struct future_waker wanted_waker(const struct record *record, const struct future_notifier *notifier)
{
	static const struct future_waker none = { NULL, NULL };

	return notifier != NULL && record->mover->cfg.notifier == FUTURE_NOTIFIER_WAKER ? notifier->waker : none;
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
	/* relaxed: it replaces what a poll has written, and a worker that comes now leaves the waker alone */
	if (!hl_u32_cas_relaxed(&record->state, &expected, STARTED | REGISTERING))
		return 1;
	record->waker = waker;
	/* release. pairs with [DT-2] in finish(). orders the waker before. DONE now: the worker called nobody, and nothing of it is read yet */
	return (hl_u32_fetch_and_release(&record->state, ~(uint32_t)REGISTERING) & DONE) != 0;
}

/* Whether what an operation consists of is done by a function of the user's. Relaxed: what is set before the poll is seen. */
static int is_the_users(struct data_mover_threads *mover, enum vdm_operation_type type)
{
	switch (type) {
	case VDM_OPERATION_MEMCPY:
	case VDM_OPERATION_MEMCPYV:
		return hl_u64_load_relaxed(&mover->copy) != 0;
	case VDM_OPERATION_MEMMOVE:
		return hl_u64_load_relaxed(&mover->move) != 0;
	case VDM_OPERATION_MEMSET:
		return hl_u64_load_relaxed(&mover->set) != 0;
	case VDM_OPERATION_BATCH:
		return (hl_u64_load_relaxed(&mover->copy) | hl_u64_load_relaxed(&mover->move) | hl_u64_load_relaxed(&mover->set)) != 0;
	default:
		return 0;
	}
}

/* Whether to hand an operation over costs more than to do it. */
static int is_small(const struct data_mover_threads *mover, const struct vdm_operation *operation, size_t bytes)
{
	const size_t most = mover->cfg.inline_max;

	if (bytes > most || most == 0)
		return 0;
	if (operation->type != VDM_OPERATION_BATCH && operation->type != VDM_OPERATION_MEMCPYV)
		return 1;
	return units_of(operation) <= (most - bytes) / UNIT_WEIGHT;
}

/* Where caches do not help, stores go past them. */
static void choose_stores(struct record *record, size_t bytes)
{
	struct vdm_operation *const operation = &record->operation;

	if (bytes < STREAM_MIN)
		return;
	if (operation->type == VDM_OPERATION_MEMCPY)
		operation->data.memcpy.flags |= VDM_F_NO_CACHE_HINT;
	else if (operation->type == VDM_OPERATION_MEMMOVE)
		operation->data.memmove.flags |= VDM_F_NO_CACHE_HINT;
	else if (operation->type == VDM_OPERATION_MEMSET)
		operation->data.memset.flags |= VDM_F_NO_CACHE_HINT;
	else if (operation->type == VDM_OPERATION_FILL)
		operation->data.fill.flags |= VDM_F_NO_CACHE_HINT;
}

/* Puts the record into the queue, once for each share. Returns how many there was room for; 0: refused. */
static uint32_t push_shares(struct data_mover_threads *mover, struct record *record)
{
	if (record->pieces == 1)
		return (uint32_t)queue_push(mover, record);

	const uint32_t most = (uint32_t)mover->workers_count;
	const uint32_t shares = record->pieces < most ? record->pieces : most;
	uint32_t pushed = 0;

	hl_u32_store_relaxed(&record->shares, shares);
	while (pushed < shares && queue_push(mover, record))
		pushed++;
	/* while one is not counted off, the record is not finished by others */
	if (pushed > 0 && pushed < shares)
		shares_done(record, shares - pushed);
	return pushed;
}

/* Hands an operation to the workers. Returns 0; 1: the queue is full. */
static int hand_over(struct record *record, const struct vdm_operation *operation, const struct future_notifier *notifier, size_t bytes)
{
	struct data_mover_threads *const mover = record->mover;

	record->operation = *operation;
	record->waker = wanted_waker(record, notifier);
	record->pieces = 1;
	if (!is_the_users(mover, operation->type)) {
		choose_stores(record, bytes);
		cut(record, bytes);
	}
	const int is_split = record->pieces > 1;
	hl_u64_store_relaxed(&record->monitor, 0);
	hl_u32_store_relaxed(&record->state, STARTED);
	const uint32_t pushed = push_shares(mover, record);
	if (pushed == 0) {
		hl_u32_store_relaxed(&record->state, NEW);
		count(&record->counters.queue_full, 1);
		return 1;
	}
	wake_workers(mover, pushed, &record->counters.wakes);
	count(&record->counters.split, (uint64_t)is_split);
	count(&record->counters.operations, 1);
	count(&record->counters.bytes, bytes);
	return 0;
}

static int operation_start(void *data, const struct vdm_operation *operation, struct future_notifier *notifier)
{
	struct record *const record = data;
	struct data_mover_threads *const mover = record->mover;

	if (hl_u32_load_relaxed(&record->state) != NEW) {
		fill_notifier(record, notifier, renew_waker(record, notifier));
		return 0;
	}
	const size_t bytes = hl_vdm_bytes(operation);
	if (is_small(mover, operation, bytes) && !is_the_users(mover, operation->type)) {
		(void)hl_vdm_execute(operation, &own_functions, &record->output);
		hl_u32_store_relaxed(&record->state, DONE | MAY_GO);
		fill_notifier(record, notifier, 1);
		return 0;
	}
	const int is_refused = hand_over(record, operation, notifier, bytes);
	fill_notifier(record, notifier, is_refused);
	return is_refused;
}

static enum future_state operation_check(void *data, const struct vdm_operation *operation)
{
	struct record *const record = data;

	(void)operation;
	/* acquire. pairs with [DT-3] in finish() */
	return hl_u32_load_acquire(&record->state) & MAY_GO ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void operation_release(void *data)
{
	struct record *const record = data;

	record_give(record->mover, record);
}

static void operation_delete(void *data, const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	struct record *const record = data;

	if (output->result == VDM_ERROR_CANCELLED)
		hl_vdm_fill_output(output, operation, VDM_ERROR_CANCELLED);
	else
		*output = record->output;
	operation_release(record);
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

/* What a function of the user's does is not done in the poll. The lock is held, or nobody else knows the mover. */
static void choose_inline_max(struct data_mover_threads *mover)
{
	const size_t most = mover->cfg.inline_max < UINT32_MAX ? mover->cfg.inline_max : UINT32_MAX;

	hl_u32_store_relaxed(&mover->base.inline_max, is_the_users(mover, VDM_OPERATION_BATCH) ? 0 : (uint32_t)most);
}

static void mover_free(struct data_mover_threads *mover)
{
	for (size_t i = 0; i < mover->blocks_count; i++)
		free(mover->blocks[i]);
	pthread_mutex_destroy(&mover->lock);
	free(mover->workers);
	free(mover->cells);
	free(mover);
}

static struct data_mover_threads *mover_allocate(const struct data_mover_threads_cfg *cfg)
{
	struct data_mover_threads *const mover = aligned_alloc(_Alignof(struct data_mover_threads), sizeof(*mover));
	const size_t queue = queue_size(cfg->queue);

	if (mover == NULL)
		return NULL;
	*mover = (struct data_mover_threads){
		.base = { .vdm = { .op_new = operation_new,
				   .op_delete = operation_delete,
				   .op_start = operation_start,
				   .op_check = operation_check,
				   .capabilities = hl_vdm_capabilities() | VDM_F_RENEW_NOTIFIER | VDM_F_INLINE,
				   .has_property = operation_has_property },
			  .op_release = operation_release },
		.cfg = *cfg,
		.mask = queue - 1,
	};
	pthread_mutex_init(&mover->lock, NULL);
	choose_inline_max(mover);
	mover->cells = calloc(queue, sizeof(*mover->cells));
	mover->workers = aligned_alloc(_Alignof(struct worker), cfg->threads * sizeof(*mover->workers));
	if (mover->cells == NULL || mover->workers == NULL) {
		mover_free(mover);
		return NULL;
	}
	memset(mover->workers, 0, cfg->threads * sizeof(*mover->workers));
	for (uint64_t i = 0; i < queue; i++)
		hl_u64_store_relaxed(&mover->cells[i].sequence, i);
	return mover;
}

static int cfg_is_valid(const struct data_mover_threads_cfg *cfg)
{
	return cfg->threads >= 1 && cfg->threads <= THREADS_MAX && cfg->queue >= 1 && cfg->queue <= QUEUE_SIZE_MAX &&
	       (unsigned)cfg->notifier <= FUTURE_NOTIFIER_POLLER;
}

struct data_mover_threads_cfg data_mover_threads_cfg_default(void)
{
	cpu_set_t allowed;
	const int known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
	const size_t cpus = known ? (size_t)CPU_COUNT(&allowed) : 1;

	return (struct data_mover_threads_cfg){ .threads = cpus > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : cpus,
						.queue = QUEUE_SIZE_DEFAULT,
						.notifier = FUTURE_NOTIFIER_WAKER,
						.inline_max = INLINE_MAX_DEFAULT,
						.split_min = SPLIT_MIN_DEFAULT,
						.numa = 1 };
}

struct data_mover_threads *data_mover_threads_new_cfg(const struct data_mover_threads_cfg *cfg)
{
	const struct data_mover_threads_cfg standard = data_mover_threads_cfg_default();

	if (cfg == NULL)
		cfg = &standard;
	if (!cfg_is_valid(cfg)) {
		errno = EINVAL;
		return NULL;
	}
	struct data_mover_threads *const mover = mover_allocate(cfg);
	if (mover == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	const int error = start_workers(mover);
	if (error != 0) {
		data_mover_threads_delete(mover);
		errno = error;
		return NULL;
	}
	return mover;
}

struct data_mover_threads *data_mover_threads_new(size_t nthreads, size_t ringbuf_size,
						  enum future_notifier_type desired_notifier)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.threads = nthreads;
	cfg.queue = ringbuf_size;
	cfg.notifier = desired_notifier;
	return data_mover_threads_new_cfg(&cfg);
}

struct data_mover_threads *data_mover_threads_default(void)
{
	return data_mover_threads_new_cfg(NULL);
}

struct vdm *data_mover_threads_get_vdm(struct data_mover_threads *mover)
{
	return &mover->base.vdm;
}

static void set_function(struct data_mover_threads *mover, hl_u64 *slot, uintptr_t function)
{
	pthread_mutex_lock(&mover->lock);
	/* release. pairs with [DT-9] in user_functions(). orders what the function reads before */
	hl_u64_store_release(slot, function);
	choose_inline_max(mover);
	pthread_mutex_unlock(&mover->lock);
}

void data_mover_threads_set_memcpy_fn(struct data_mover_threads *mover, memcpy_fn function)
{
	set_function(mover, &mover->copy, (uintptr_t)function);
}

void data_mover_threads_set_memmove_fn(struct data_mover_threads *mover, memmove_fn function)
{
	set_function(mover, &mover->move, (uintptr_t)function);
}

void data_mover_threads_set_memset_fn(struct data_mover_threads *mover, memset_fn function)
{
	set_function(mover, &mover->set, (uintptr_t)function);
}

void data_mover_threads_counters(struct data_mover_threads *mover, struct data_mover_threads_counts *counters)
{
	struct data_mover_threads_counts sum = { .operations = 0 };

	pthread_mutex_lock(&mover->lock);
	for (size_t i = 0; i < mover->blocks_count * RECORDS_PER_BLOCK; i++) {
		const struct record_counters *const one = &record_at(mover, (uint32_t)i)->counters;

		sum.operations += hl_u64_load_relaxed(&one->operations);
		sum.bytes += hl_u64_load_relaxed(&one->bytes);
		sum.split += hl_u64_load_relaxed(&one->split);
		sum.queue_full += hl_u64_load_relaxed(&one->queue_full);
		sum.wakes += hl_u64_load_relaxed(&one->wakes);
	}
	pthread_mutex_unlock(&mover->lock);
	for (size_t i = 0; i < mover->workers_count; i++) {
		sum.wakes += hl_u64_load_relaxed(&mover->workers[i].wakes);
		sum.sleeps += hl_u64_load_relaxed(&mover->workers[i].sleeps);
	}
	*counters = sum;
}

void data_mover_threads_delete(struct data_mover_threads *mover)
{
	if (mover == NULL)
		return;
	stop_workers(mover);
	mover_free(mover);
}
