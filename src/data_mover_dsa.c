/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_dsa.c: records, their way to the device and back, and who is told.
 *
 * A record is taken when its future is made and given back when the future completes. Its plan (dsa_plan.c) makes the descriptors.
 * The state is changed by the polling thread alone:
 *
 *     NEW ---- poll: small, or not known: the CPU -------------------------------> DONE
 *     ^ | ^--- poll: the queue is full: stays idle (V.6)                            ^
 *     | '----- poll: the queue took it -----------> IN_FLIGHT                       |
 *     |                                              |    ^                         |
 *     |          poll: the device has answered:      v    | poll: the queue took it |
 *     |          what is left, if anything -------> WAITING ----- nothing is left --'
 *     '------------- poll sees it: complete, the record is free --------------------'
 *
 * The word of the plan's completion record is 0 in IN_FLIGHT until the device has answered, and not 0 in all other states: so
 * whoever monitors it never waits for nothing, and it tells those who count what is in the queue.
 *
 * A dedicated queue loses what does not fit. in_queue[] holds, for each of its places, the completion record of the descriptor that
 * took the place; it is free again when that record's word is not 0, whether its operation is polled or not, so that operations
 * that are not polled at the moment keep nobody from the queue. The word is cleared before a place is looked for: otherwise another
 * thread could take the new place for free.
 *
 * Waking. Those who wait for a waker stand in watched[], which a thread walks over as long as it is not empty: with short pauses
 * that grow to WATCH_PAUSE_MAX_NS while there is no answer. It takes a record off, and calls the waker without the lock; `called` is that
 * record. A poll takes its record off before it looks at the answer; if it is being called, the poll says RUNNING, and to be polled
 * in turn: the waker may live on the stack of who polls.
 *
 * Orders: the device's answer is DD-1 of dsa_software.c; what threads share otherwise is under mover->lock, and counts are relaxed.
 */
#include <hashloom/data_mover_dsa.h>

#include <hashloom/data_mover_threads.h>

#include <errno.h>
#include <stdlib.h>

#include "dsa_plan.h"
#include "futex.h"
#include "memory.h"
#include "thread.h"

#define WATCH_PAUSE_MIN_NS 1000
#define WATCH_PAUSE_MAX_NS 200000
#define LOOKS_BEFORE_PAUSE 64
#define NS_PER_MS UINT64_C(1000000)
#define MEASURED_MIN ((size_t)1 << 10)
#define MEASURED_TURNS 5

enum record_state { NEW, IN_FLIGHT, WAITING, DONE };

struct record {
	struct hl_dsa_plan plan;
	struct data_mover_dsa *mover;
	struct record *next_free;
	enum record_state state;
	uint32_t watched_at; /* 1 + its place in watched[]; 0: none */
	struct future_waker waker;
};

struct data_mover_dsa {
	struct vdm vdm; /* first: the mover is found from it */
	struct data_mover_threads *threads; /* not NULL: it does all, and what follows is empty */
	struct hl_dsa_device *device;
	struct data_mover_dsa_cfg cfg;
	struct hl_dsa_engine engine;
	struct hl_dsa_completion question; /* of the mover's own descriptors */
	char *scratch; /* what is copied to measure; the device may write there until it is closed */
	hl_u64 submitted, batches, retries, refused, by_cpu, wakes;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t to_watch;
	struct record *records, *free;
	struct hl_dsa_completion **in_queue;
	uint32_t next_place; /* where to look first */
	struct record **watched;
	uint32_t watched_count;
	struct record *called;
	int stop;
	int has_watcher;
	pthread_t watcher;
};

static void count(hl_u64 *counter)
{
	hl_u64_fetch_add_relaxed(counter, 1);
}

/* ---- waking --------------------------------------------------------------------------------------- */

/* The lock is held. */
static void unwatch(struct data_mover_dsa *mover, struct record *record)
{
	if (record->watched_at == 0)
		return;
	struct record *const last = mover->watched[--mover->watched_count];
	mover->watched[record->watched_at - 1] = last;
	last->watched_at = record->watched_at;
	record->watched_at = 0;
}

/* Takes a record off the watched ones. Returns 0: its waker is being called. */
static int stop_watching(struct record *record)
{
	struct data_mover_dsa *const mover = record->mover;

	if (!mover->has_watcher)
		return 1;
	pthread_mutex_lock(&mover->lock);
	const int is_called = mover->called == record;
	if (!is_called)
		unwatch(mover, record);
	pthread_mutex_unlock(&mover->lock);
	return !is_called;
}

/* The last poll's waker counts. Returns 0: the one before is being called. */
static int watch(struct record *record, const struct future_waker *waker)
{
	struct data_mover_dsa *const mover = record->mover;

	pthread_mutex_lock(&mover->lock);
	const int is_called = mover->called == record;
	if (!is_called) {
		record->waker = *waker;
		if (record->watched_at == 0) {
			mover->watched[mover->watched_count++] = record;
			record->watched_at = mover->watched_count;
			pthread_cond_signal(&mover->to_watch);
		}
	}
	pthread_mutex_unlock(&mover->lock);
	return !is_called;
}

/* Calls the wakers of those that are answered; the lock is held, but not while they are called. Returns how many. */
static unsigned wake_answered(struct data_mover_dsa *mover)
{
	unsigned woken = 0;

	for (uint32_t i = mover->watched_count; i > 0; i--) { /* downward: others may be taken off meanwhile */
		struct record *const record = i <= mover->watched_count ? mover->watched[i - 1] : NULL;

		/* acquire. pairs with [DD-1] in answer(): the answer is visible to whom the waker tells */
		if (record == NULL || hl_u64_load_acquire(&record->plan.completion.word) == 0)
			continue;
		const struct future_waker waker = record->waker;
		unwatch(mover, record);
		mover->called = record;
		pthread_mutex_unlock(&mover->lock);
		FUTURE_WAKER_WAKE(&waker);
		count(&mover->wakes);
		pthread_mutex_lock(&mover->lock);
		mover->called = NULL;
		woken++;
	}
	return woken;
}

static uint64_t pause_after(uint64_t last_ns)
{
	const uint64_t next = last_ns * 2;

	return next < WATCH_PAUSE_MAX_NS ? next : WATCH_PAUSE_MAX_NS;
}

static void *watcher_main(void *arg)
{
	struct data_mover_dsa *const mover = arg;
	uint64_t pause_ns = WATCH_PAUSE_MIN_NS;
	unsigned looks = 0;

	pthread_mutex_lock(&mover->lock);
	while (!mover->stop) { /* which delete sets */
		if (mover->watched_count == 0) {
			pthread_cond_wait(&mover->to_watch, &mover->lock);
			looks = 0;
		} else if (wake_answered(mover) > 0) {
			looks = 0;
			pause_ns = WATCH_PAUSE_MIN_NS;
		} else {
			const struct timespec pause = { .tv_sec = 0, .tv_nsec = (long)pause_ns };

			pthread_mutex_unlock(&mover->lock);
			if (looks < LOOKS_BEFORE_PAUSE) {
				looks++;
				hl_relax();
			} else {
				(void)nanosleep(&pause, NULL);
				pause_ns = pause_after(pause_ns);
			}
			pthread_mutex_lock(&mover->lock);
		}
	}
	pthread_mutex_unlock(&mover->lock);
	return NULL;
}

/* ---- the queue ------------------------------------------------------------------------------------ */

/* A place in a dedicated queue for a descriptor that is answered there. Returns 0: none is free. */
static int take_place(struct data_mover_dsa *mover, struct hl_dsa_completion *completion)
{
	const uint32_t places = mover->device->queue_size;
	int taken = 0;

	pthread_mutex_lock(&mover->lock);
	for (uint32_t i = 0; i < places && !taken; i++) {
		struct hl_dsa_completion **const place = &mover->in_queue[(mover->next_place + i) % places];

		if (*place == NULL || *place == completion || hl_u64_load_relaxed(&(*place)->word) != 0) {
			*place = completion;
			mover->next_place = (mover->next_place + i + 1) % places;
			taken = 1;
		}
	}
	pthread_mutex_unlock(&mover->lock);
	return taken;
}

/* Hands a descriptor over; the completion's word is 0. When it was not accepted, the word is not 0 any more. */
static enum hl_dsa_submission submit(struct data_mover_dsa *mover, const struct dsa_hw_desc *descriptor,
				     struct hl_dsa_completion *completion)
{
	enum hl_dsa_submission submission = HL_DSA_RETRY;

	if (mover->device->queue_size == 0 || take_place(mover, completion))
		submission = mover->device->functions->submit(mover->device, descriptor);
	if (submission != HL_DSA_ACCEPTED)
		hl_u64_store_relaxed(&completion->word, 1);
	count(submission == HL_DSA_ACCEPTED ? &mover->submitted : submission == HL_DSA_RETRY ? &mover->retries : &mover->refused);
	if (submission == HL_DSA_ACCEPTED && descriptor->opcode == DSA_OPCODE_BATCH)
		count(&mover->batches);
	return submission;
}

/* Submits what is next of a record that is not in flight, until the queue takes it or is full, or nothing is left. */
static void go_on(struct record *record)
{
	struct data_mover_dsa *const mover = record->mover;

	/* Ends: a refused batch leads to single descriptors, a refused one of these to the CPU. */
	while (hl_dsa_plan_next(&record->plan, &mover->engine)) {
		switch (submit(mover, &record->plan.head, &record->plan.completion)) {
		case HL_DSA_ACCEPTED:
			record->state = IN_FLIGHT;
			return;
		case HL_DSA_RETRY:
			record->state = record->plan.is_begun ? WAITING : NEW;
			return;
		default:
			hl_dsa_plan_refused(&record->plan, &mover->engine, errno);
		}
	}
	record->state = DONE;
}

/* Looks at a started record. Returns 0: its waker is being called, it may not complete now. */
static int advance(struct record *record)
{
	if (record->state == IN_FLIGHT) {
		/* relaxed: the plan reads it again, with acquire */
		if (hl_u64_load_relaxed(&record->plan.completion.word) == 0)
			return 1;
		if (!stop_watching(record))
			return 0;
		hl_dsa_plan_take_answer(&record->plan, &record->mover->engine);
		record->state = WAITING;
	}
	if (record->state == WAITING)
		go_on(record);
	return 1;
}

/* ---- vdm ------------------------------------------------------------------------------------------ */

static void *operation_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct data_mover_dsa *const mover = (struct data_mover_dsa *)vdm;

	(void)type;
	pthread_mutex_lock(&mover->lock);
	struct record *const record = mover->free;
	if (record != NULL)
		mover->free = record->next_free;
	pthread_mutex_unlock(&mover->lock);
	if (record != NULL)
		record->state = NEW;
	return record;
}

/* Bytes of an operation, with those of a batch's. */
static size_t bytes_of(const struct vdm_operation *operation)
{
	const struct vdm_operation_data_batch *const batch = &operation->data.batch;
	size_t sum = 0;

	if (operation->type != VDM_OPERATION_BATCH)
		return hl_vdm_bytes(operation);
	for (size_t i = 0; i < batch->count; i++)
		sum += hl_vdm_bytes(&batch->operations[i]);
	return sum;
}

static void start(struct record *record, const struct vdm_operation *operation)
{
	static const struct hl_vdm_functions own = { NULL, NULL, NULL };
	struct data_mover_dsa *const mover = record->mover;

	if (!hl_vdm_is_known(operation) || bytes_of(operation) < mover->cfg.cpu_below) {
		(void)hl_vdm_execute(operation, &own, &record->plan.output);
		record->state = DONE;
		count(&mover->by_cpu);
	} else {
		hl_dsa_plan_begin(&record->plan, operation);
		go_on(record);
	}
}

/* Tells whoever polls how it will hear of this operation. */
static void fill_notifier(struct record *record, struct future_notifier *notifier, int may_watch)
{
	struct data_mover_dsa *const mover = record->mover;
	const int is_watched = record->state == IN_FLIGHT && mover->has_watcher && may_watch;

	if (is_watched && (notifier == NULL || notifier->waker.wake == NULL))
		(void)stop_watching(record);
	if (notifier == NULL)
		return;
	notifier->poller.ptr_to_monitor = &record->plan.completion.word.raw;
	notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	if (record->state != IN_FLIGHT)
		return;
	if (mover->cfg.notifier == FUTURE_NOTIFIER_POLLER || (is_watched && notifier->waker.wake != NULL && watch(record, &notifier->waker)))
		notifier->notifier_used = mover->cfg.notifier;
}

static int operation_start(void *data, const struct vdm_operation *operation, struct future_notifier *notifier)
{
	struct record *const record = data;
	int may_watch = 1;

	if (record->state == NEW)
		start(record, operation);
	else
		may_watch = advance(record);
	fill_notifier(record, notifier, may_watch);
	return record->state == NEW;
}

/* Only says it: who went on here after the notifier was filled might leave a waker that nobody calls. */
static enum future_state operation_check(void *data, const struct vdm_operation *operation)
{
	const struct record *const record = data;

	(void)operation;
	return record->state == DONE ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void operation_delete(void *data, const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	struct record *const record = data;
	struct data_mover_dsa *const mover = record->mover;

	if (record->state == DONE)
		*output = record->plan.output;
	else
		hl_vdm_fill_output(output, operation, VDM_ERROR_CANCELLED);
	pthread_mutex_lock(&mover->lock);
	record->next_free = mover->free;
	mover->free = record;
	pthread_mutex_unlock(&mover->lock);
}

static int operation_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_ASYNC;
}

/* ---- the mover's own descriptors ------------------------------------------------------------------ */

/* Submits a descriptor and waits for its answer, not longer than cfg.answer_ms. Returns 0, or an errno. */
static int ask(struct data_mover_dsa *mover, struct dsa_hw_desc descriptor)
{
	const uint64_t end_ns = hl_now_ns() + mover->cfg.answer_ms * NS_PER_MS;
	enum hl_dsa_submission submission;

	descriptor.flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR;
	descriptor.completion_addr = hl_dsa_address(&mover->question);
	do {
		hl_u64_store_relaxed(&mover->question.word, 0);
		submission = submit(mover, &descriptor, &mover->question);
		if (submission == HL_DSA_RETRY)
			mover->device->functions->relax(mover->device);
	} while (submission == HL_DSA_RETRY && hl_now_ns() < end_ns);
	if (submission != HL_DSA_ACCEPTED)
		return submission == HL_DSA_RETRY ? ETIMEDOUT : errno;
	while (hl_dsa_completion_read(&mover->question).status == DSA_COMP_NONE) {
		if (hl_now_ns() >= end_ns)
			return ETIMEDOUT;
		mover->device->functions->relax(mover->device);
	}
	return hl_dsa_completion_read(&mover->question).status == DSA_COMP_SUCCESS ? 0 : EIO;
}

/* The shortest of a few turns; a copy that the device does not do takes for ever. Returns 0, or ETIMEDOUT. */
static int time_copy(struct data_mover_dsa *mover, size_t n, int by_device, uint64_t *best_ns)
{
	const char *const src = mover->scratch;
	char *const dest = mover->scratch + DATA_MOVER_DSA_MEASURED_MAX;
	const struct dsa_hw_desc copy = { .opcode = DSA_OPCODE_MEMMOVE,
					  .src_addr = hl_dsa_address(src),
					  .dst_addr = hl_dsa_address(dest),
					  .xfer_size = (uint32_t)n };

	*best_ns = UINT64_MAX;
	for (unsigned turn = 0; turn < MEASURED_TURNS; turn++) {
		const uint64_t start_ns = hl_now_ns();
		int error = 0;

		if (by_device)
			error = ask(mover, copy);
		else
			memcpy(dest, src, n);
		if (error != 0)
			return error == ETIMEDOUT ? error : 0;
		const uint64_t ns = hl_now_ns() - start_ns;
		*best_ns = ns < *best_ns ? ns : *best_ns;
	}
	return 0;
}

/* Finds from which size on the device is not slower. Memory that cannot be had: as if it never was. Returns 0, or ETIMEDOUT. */
static int measure(struct data_mover_dsa *mover)
{
	size_t n = MEASURED_MIN;
	uint64_t device_ns = 1, cpu_ns = 0;
	int error = 0;

	mover->cfg.cpu_below = DATA_MOVER_DSA_MEASURED_MAX;
	mover->scratch = malloc(2 * DATA_MOVER_DSA_MEASURED_MAX);
	if (mover->scratch == NULL)
		return 0;
	memset(mover->scratch, 1, 2 * DATA_MOVER_DSA_MEASURED_MAX); /* so that the pages are there */
	for (; n < DATA_MOVER_DSA_MEASURED_MAX && n <= mover->device->transfer_max && error == 0; n *= 2) {
		error = time_copy(mover, n, 1, &device_ns);
		if (error == 0)
			error = time_copy(mover, n, 0, &cpu_ns);
		if (error == 0 && device_ns <= cpu_ns) {
			mover->cfg.cpu_below = n;
			break;
		}
	}
	return error;
}

/* ---- API ------------------------------------------------------------------------------------------ */

struct data_mover_dsa_cfg data_mover_dsa_cfg_default(void)
{
	return (struct data_mover_dsa_cfg){ .type = DATA_MOVER_DSA_AUTO,
					    .notifier = FUTURE_NOTIFIER_POLLER,
					    .root = "",
					    .cpu_below = DATA_MOVER_DSA_MEASURE,
					    .operations_max = 256,
					    .answer_ms = 1000 };
}

static int cfg_is_valid(const struct data_mover_dsa_cfg *cfg)
{
	return (unsigned)cfg->type <= DATA_MOVER_DSA_AUTO && (unsigned)cfg->notifier <= FUTURE_NOTIFIER_POLLER && cfg->root != NULL &&
	       cfg->operations_max >= 1 && cfg->operations_max <= DATA_MOVER_DSA_OPERATIONS_MAX && cfg->answer_ms >= 1;
}

static void mover_free(struct data_mover_dsa *mover)
{
	if (mover->device != NULL)
		mover->device->functions->close(mover->device);
	pthread_cond_destroy(&mover->to_watch);
	pthread_mutex_destroy(&mover->lock);
	free(mover->scratch);
	free(mover->watched);
	free(mover->in_queue);
	free(mover->records);
	free(mover);
}

static int allocate_records(struct data_mover_dsa *mover, uint32_t records_count, uint32_t places)
{
	mover->records = aligned_alloc(_Alignof(struct record), records_count * sizeof(struct record));
	mover->watched = calloc(records_count, sizeof(struct record *));
	mover->in_queue = calloc(places + 1, sizeof(*mover->in_queue));
	if (mover->records == NULL || mover->watched == NULL || mover->in_queue == NULL)
		return 0;
	memset(mover->records, 0, records_count * sizeof(struct record));
	for (uint32_t i = records_count; i > 0; i--) {
		struct record *const record = &mover->records[i - 1];

		record->mover = mover;
		hl_u64_store_relaxed(&record->plan.completion.word, 1);
		record->next_free = mover->free;
		mover->free = record;
	}
	return 1;
}

static struct data_mover_dsa *mover_allocate(const struct data_mover_dsa_cfg *cfg)
{
	struct data_mover_dsa *const mover = aligned_alloc(_Alignof(struct data_mover_dsa), sizeof(*mover));

	if (mover == NULL)
		return NULL;
	*mover = (struct data_mover_dsa){
		.vdm = { .op_new = operation_new,
			 .op_delete = operation_delete,
			 .op_start = operation_start,
			 .op_check = operation_check,
			 .capabilities = hl_vdm_capabilities() | VDM_F_RENEW_NOTIFIER,
			 .has_property = operation_has_property },
		.cfg = *cfg,
	};
	pthread_mutex_init(&mover->lock, NULL);
	pthread_cond_init(&mover->to_watch, NULL);
	return mover;
}

struct data_mover_dsa *hl_dsa_mover_new(struct hl_dsa_device *device, const struct data_mover_dsa_cfg *cfg)
{
	struct data_mover_dsa *const mover = mover_allocate(cfg);

	if (mover == NULL) {
		device->functions->close(device);
		errno = ENOMEM;
		return NULL;
	}
	mover->device = device;
	hl_u64_store_relaxed(&mover->engine.capabilities, device->capabilities);
	hl_u32_store_relaxed(&mover->engine.batch_max, device->batch_max);
	mover->engine.transfer_max = device->transfer_max;
	int error = allocate_records(mover, cfg->operations_max, device->queue_size) ? 0 : ENOMEM;
	if (error == 0 && cfg->notifier == FUTURE_NOTIFIER_WAKER) {
		error = hl_thread_start(&mover->watcher, NULL, watcher_main, mover);
		mover->has_watcher = error == 0;
	}
	if (error != 0) {
		mover_free(mover);
		errno = error;
		return NULL;
	}
	return mover;
}

/* A mover over what the type names, or NULL and errno. */
static struct data_mover_dsa *mover_over_device(const struct data_mover_dsa_cfg *cfg)
{
	const struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(0);
	struct hl_dsa_device *device = NULL;
	const int error = cfg->type == DATA_MOVER_DSA_SOFTWARE ? hl_dsa_software_open(&software, &device) :
								 hl_dsa_hardware_open(cfg->root, &device);

	if (error != 0) {
		errno = error;
		return NULL;
	}
	struct data_mover_dsa *const mover = hl_dsa_mover_new(device, cfg);
	if (mover == NULL)
		return NULL;
	int no_answer = ask(mover, (struct dsa_hw_desc){ .opcode = DSA_OPCODE_NOOP });
	if (no_answer == 0 && cfg->cpu_below == DATA_MOVER_DSA_MEASURE)
		no_answer = measure(mover);
	if (no_answer != 0) {
		data_mover_dsa_delete(mover);
		errno = no_answer;
		return NULL;
	}
	return mover;
}

static struct data_mover_dsa *mover_over_threads(const struct data_mover_dsa_cfg *cfg)
{
	struct data_mover_dsa *const mover = mover_allocate(cfg);

	if (mover == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	mover->threads = data_mover_threads_default();
	if (mover->threads == NULL) {
		const int error = errno;

		mover_free(mover);
		errno = error;
		return NULL;
	}
	return mover;
}

struct data_mover_dsa *data_mover_dsa_new(const struct data_mover_dsa_cfg *cfg)
{
	const struct data_mover_dsa_cfg standard = data_mover_dsa_cfg_default();

	if (cfg == NULL)
		cfg = &standard;
	if (!cfg_is_valid(cfg)) {
		errno = EINVAL;
		return NULL;
	}
	struct data_mover_dsa *const mover = mover_over_device(cfg);
	if (mover != NULL || cfg->type != DATA_MOVER_DSA_AUTO || errno == ENOMEM)
		return mover;
	return mover_over_threads(cfg);
}

struct vdm *data_mover_dsa_get_vdm(struct data_mover_dsa *mover)
{
	return mover->threads != NULL ? data_mover_threads_get_vdm(mover->threads) : &mover->vdm;
}

enum data_mover_dsa_path data_mover_dsa_get_path(const struct data_mover_dsa *mover)
{
	return mover->threads != NULL ? DATA_MOVER_DSA_THREADS : (enum data_mover_dsa_path)mover->device->path;
}

void data_mover_dsa_statistics(const struct data_mover_dsa *mover, struct data_mover_dsa_stats *statistics)
{
	*statistics = (struct data_mover_dsa_stats){
		.submitted = hl_u64_load_relaxed(&mover->submitted),
		.batches = hl_u64_load_relaxed(&mover->batches),
		.retries = hl_u64_load_relaxed(&mover->retries),
		.refused = hl_u64_load_relaxed(&mover->refused),
		.faults = hl_u64_load_relaxed(&mover->engine.faults),
		.errors = hl_u64_load_relaxed(&mover->engine.errors),
		.pieces_by_cpu = hl_u64_load_relaxed(&mover->engine.pieces_by_cpu),
		.by_cpu = hl_u64_load_relaxed(&mover->by_cpu),
		.wakes = hl_u64_load_relaxed(&mover->wakes),
		.cpu_below = mover->threads != NULL ? 0 : mover->cfg.cpu_below,
	};
}

void data_mover_dsa_delete(struct data_mover_dsa *mover)
{
	if (mover == NULL)
		return;
	if (mover->has_watcher) {
		pthread_mutex_lock(&mover->lock);
		mover->stop = 1;
		pthread_cond_signal(&mover->to_watch);
		pthread_mutex_unlock(&mover->lock);
		pthread_join(mover->watcher, NULL);
	}
	/* Answered when all that came before is. If it is not, closing the queue sees to that. */
	if (mover->device != NULL)
		(void)ask(mover, (struct dsa_hw_desc){ .opcode = DSA_OPCODE_DRAIN });
	data_mover_threads_delete(mover->threads);
	mover_free(mover);
}
