/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_sim.c: records, one lock, and a step that does what is due.
 *
 * A record is taken when its future is made and given back when the future completes:
 *
 *     NEW ---- poll: fate is drawn ----> STARTED ---- due, or finish: the last bytes ----> DONE
 *      ^  (refused: stays NEW)                                                              |
 *      '------------- poll: the wakes that are owed are dropped, record is free ------------'
 *
 * A cancelled one goes back from NEW: nobody has seen it but the poll that says so.
 * STARTED and DONE records stand in in_flight[]. Each may be owed calls of its waker (`wakes`, from the
 * tick wake_at on). Everything is done under the lock but the calls of wakers, since these may come back:
 *
 *   - is_waking is set from before the first of them until after the last, by one thread. Meanwhile time
 *     stands still, so wakers that poll do not nest, and in_flight[] is walked by nobody else who wakes.
 *   - called is the record whose waker is being called just now. Another thread that polls it hears
 *     RUNNING, as its waker may live on that thread's stack, and to be polled in turn, since its new waker
 *     cannot take the place of one that is in use. The calling thread itself may see COMPLETE: the
 *     waker is its own, and is not touched when the call is over.
 *   - a poll that hears COMPLETE has taken its record out of in_flight[] under the same lock, so
 *     no call can begin.
 */
#include <hashloom/data_mover_sim.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "memory.h"

enum record_state {
	NEW,
	STARTED,
	DONE,
};

/* What goes into the digest besides the events. */
enum note {
	NOTE_MADE = DATA_MOVER_SIM_EVENTS,
	NOTE_STARTED,
	NOTE_PIECE,
	NOTE_DONE,
	NOTE_WAKE,
	NOTE_COMPLETED,
	NOTE_CANCELLED,
};

struct record {
	struct data_mover_sim *mover;
	struct record *next_free;
	uint64_t number; /* of all that were made */
	enum record_state state;
	enum vdm_operation_result result;
	struct vdm_operation operation;
	struct vdm_operation_output output;
	size_t size;
	size_t limit; /* of these bytes, so many will be moved: all, unless it fails */
	size_t moved;
	int is_polled; /* its poll lets time pass at this moment */
	int is_torn;
	int from_end;
	uint64_t due;
	uint64_t wake_at;
	unsigned wakes; /* calls of the waker that are owed */
	struct future_waker waker;
	hl_u64 monitor;
};

struct data_mover_sim {
	struct vdm vdm; /* first: the mover is found from it */
	struct data_mover_sim_cfg cfg;
	pthread_mutex_t lock; /* guards all that follows */
	struct data_mover_sim_stats stats;
	uint64_t random;
	uint64_t last_due;
	uint32_t forced[DATA_MOVER_SIM_EVENTS];
	int is_held;
	int is_waking;
	pthread_t waking_thread;
	struct record *called;
	struct record *records;
	struct record *free;
	struct record **in_flight; /* without reorder in the order of their starts */
	size_t in_flight_count;
};

/* ---- chance --------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A number below limit, which is not 0. The generator is splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw_below(struct data_mover_sim *mover, uint64_t limit)
{
	hl_assert(limit > 0);
	mover->random += UINT64_C(0x9e3779b97f4a7c15);
	return mix(mover->random) % limit;
}

static void note(struct data_mover_sim *mover, unsigned what, uint64_t which)
{
	struct data_mover_sim_stats *const stats = &mover->stats;

	stats->digest = mix(mix(mix(stats->digest + what + 1) + which) + stats->ticks);
}

/* Whether an event befalls the operation of this number. An event without a chance uses no randomness. */
static int happens(struct data_mover_sim *mover, enum data_mover_sim_event event, uint64_t number)
{
	const uint32_t permille = mover->cfg.permille[event];

	if (mover->forced[event] > 0)
		mover->forced[event]--;
	else if (permille == 0 || draw_below(mover, DATA_MOVER_SIM_ALWAYS) >= permille)
		return 0;
	mover->stats.events[event]++;
	note(mover, event, number);
	return 1;
}

/* ---- operations ----------------------------------------------------------------------------- */

static const struct hl_vdm_functions own_functions = {NULL, NULL, NULL};

/* Others are done as a whole, when they are due. */
static int comes_in_pieces(const struct vdm_operation *operation)
{
	return operation->type <= VDM_OPERATION_FILL;
}

/* At which end to begin: chance says it, but where places overlap only one will do. */
static int begins_at_end(struct data_mover_sim *mover, const struct vdm_operation *operation)
{
	const int by_chance = draw_below(mover, 2) == 0;
	const struct vdm_operation_data_memmove *const move = &operation->data.memmove;
	const uintptr_t to = (uintptr_t)move->dest;
	const uintptr_t from = (uintptr_t)move->src;

	if (operation->type != VDM_OPERATION_MEMMOVE)
		return by_chance;
	if (to - from < move->n)
		return 1;
	return from - to < move->n ? 0 : by_chance;
}

/* Moves n more bytes. What is refused for its flags is refused with each piece, so nothing is written. */
static void move_bytes(struct record *record, size_t n)
{
	const size_t at = record->from_end ? record->size - record->moved - n : record->moved;
	const struct vdm_operation piece = hl_vdm_piece(&record->operation, at, n);
	struct vdm_operation_output output;
	const enum vdm_operation_result result = hl_vdm_execute(&piece, &own_functions, &output);

	hl_assert(record->moved + n <= record->limit);
	hl_assert(record->limit <= record->size);
	record->moved += n;
	if (result == VDM_SUCCESS)
		record->mover->stats.bytes += n;
	else
		record->result = result;
}

static void do_whole(struct record *record)
{
	record->result = hl_vdm_execute(&record->operation, &own_functions, &record->output);
	if (record->result == VDM_SUCCESS)
		record->mover->stats.bytes += hl_vdm_bytes(&record->operation);
}

/* A batch that fails: each of its operations has. */
static void fail_whole(const struct vdm_operation *operation)
{
	const struct vdm_operation_data_batch *const batch = &operation->data.batch;

	for (size_t i = 0; operation->type == VDM_OPERATION_BATCH && i < batch->count; i++)
		hl_vdm_fill_output(&batch->outputs[i], &batch->operations[i], VDM_ERROR_JOB_CORRUPTED);
}

/* Who waits for it, and how, is known from the last poll: see take_notifier(). */
static void owe_wakes(struct record *record)
{
	struct data_mover_sim *const mover = record->mover;
	const int has_waker = record->waker.wake != NULL;

	record->wake_at = mover->stats.ticks;
	record->wakes = has_waker || mover->cfg.notifier == FUTURE_NOTIFIER_POLLER;
	if (record->wakes == 0)
		return;
	if (happens(mover, DATA_MOVER_SIM_WAKE_LATE, record->number))
		record->wake_at += 1 + draw_below(mover, mover->cfg.wake_late_max);
	if (has_waker && happens(mover, DATA_MOVER_SIM_WAKE_TWICE, record->number))
		record->wakes++;
}

static void complete(struct record *record)
{
	struct data_mover_sim *const mover = record->mover;

	hl_assert(record->state == STARTED);
	if (comes_in_pieces(&record->operation))
		move_bytes(record, record->limit - record->moved);
	else if (record->result == VDM_SUCCESS)
		do_whole(record);
	else
		fail_whole(&record->operation);
	record->state = DONE;
	mover->stats.done++;
	mover->stats.failed += record->result != VDM_SUCCESS;
	note(mover, NOTE_DONE, mix(record->number) + record->result);
	owe_wakes(record);
}

/* How many bytes an operation moves, and what it then says. */
static void draw_outcome(struct record *record)
{
	struct data_mover_sim *const mover = record->mover;

	record->limit = record->size;
	record->result = VDM_ERROR_JOB_CORRUPTED;
	if (happens(mover, DATA_MOVER_SIM_FAIL, record->number))
		record->limit = 0;
	else if (happens(mover, DATA_MOVER_SIM_FAIL_PARTLY, record->number))
		record->limit = record->size < 2 ? 0 : 1 + (size_t)draw_below(mover, record->size - 1);
	else
		record->result = VDM_SUCCESS;
}

static size_t complete_due(struct data_mover_sim *mover)
{
	size_t completed = 0;

	for (size_t i = 0; i < mover->in_flight_count; i++) {
		struct record *const record = mover->in_flight[i];

		if (record->state == STARTED && record->due <= mover->stats.ticks) {
			complete(record);
			completed++;
		}
	}
	return completed;
}

static void start(struct record *record, const struct vdm_operation *operation)
{
	struct data_mover_sim *const mover = record->mover;
	const struct data_mover_sim_cfg *const cfg = &mover->cfg;

	hl_assert(mover->in_flight_count < cfg->operations_max);
	record->operation = *operation;
	record->size = comes_in_pieces(operation) ? hl_vdm_bytes(operation) : 0;
	hl_vdm_fill_output(&record->output, operation, VDM_ERROR_JOB_CORRUPTED);
	record->moved = 0;
	draw_outcome(record);
	record->is_torn = comes_in_pieces(operation) && happens(mover, DATA_MOVER_SIM_TEAR, record->number);
	record->from_end = begins_at_end(mover, operation);
	record->due = mover->stats.ticks + cfg->delay_min +
		      draw_below(mover, (uint64_t)cfg->delay_max - cfg->delay_min + 1);
	if (!cfg->reorder && record->due < mover->last_due)
		record->due = mover->last_due;
	mover->last_due = record->due;
	record->wakes = 0;
	record->waker = (struct future_waker){NULL, NULL};
	hl_u64_store_relaxed(&record->monitor, 0);
	record->state = STARTED;
	mover->in_flight[mover->in_flight_count++] = record;
	mover->stats.started++;
	note(mover, NOTE_STARTED, record->number);
	if (record->due <= mover->stats.ticks && !mover->is_held)
		(void)complete_due(mover); /* the older ones first */
}

/* Takes a record out of in_flight[], whose order stays; with it go the wakes that are owed. */
static void retire(struct record *record)
{
	struct data_mover_sim *const mover = record->mover;
	size_t i = 0;

	hl_assert(record->state == DONE);
	while (mover->in_flight[i] != record)
		i++; /* ends: it is in there */
	mover->in_flight_count--;
	for (; i < mover->in_flight_count; i++)
		mover->in_flight[i] = mover->in_flight[i + 1];
	if (mover->called == record)
		mover->called = NULL;
}

/* ---- wakers --------------------------------------------------------------------------------- */

static int is_called_elsewhere(const struct record *record)
{
	const struct data_mover_sim *const mover = record->mover;

	return mover->called == record && !pthread_equal(mover->waking_thread, pthread_self());
}

static struct record *next_to_wake(struct data_mover_sim *mover)
{
	for (size_t i = 0; i < mover->in_flight_count; i++) {
		struct record *const record = mover->in_flight[i];

		if (record->wakes > 0 && record->wake_at <= mover->stats.ticks)
			return record;
	}
	return NULL;
}

/* Locked, but not during the call. */
static void wake(struct record *record)
{
	struct data_mover_sim *const mover = record->mover;
	const struct future_waker waker = record->waker;

	record->wakes--;
	mover->stats.wakes++;
	note(mover, NOTE_WAKE, record->number);
	if (waker.wake == NULL) {
		/* release. pairs with the acquire of whoever polls the word. orders the result before it */
		hl_u64_store_release(&record->monitor, 1);
		return;
	}
	mover->called = record;
	pthread_mutex_unlock(&mover->lock);
	FUTURE_WAKER_WAKE(&waker);
	pthread_mutex_lock(&mover->lock);
	mover->called = NULL;
}

/*
 * Pays the wakes that are due, unless somebody is at it already. The loop ends because each turn pays
 * one, and time, which brings new ones, stands still.
 */
static void wake_all(struct data_mover_sim *mover)
{
	if (mover->is_waking)
		return;
	mover->is_waking = 1;
	mover->waking_thread = pthread_self();
	for (struct record *record = next_to_wake(mover); record != NULL;
	     record = next_to_wake(mover))
		wake(record);
	mover->is_waking = 0;
}

/* This poll's notifier takes the place of the one before; if there is nothing to wait for, no one does. */
static void take_notifier(struct record *record, struct future_notifier *notifier)
{
	const enum future_notifier_type type = record->mover->cfg.notifier;
	const int waits = record->state == STARTED && !is_called_elsewhere(record);

	record->waker = (struct future_waker){NULL, NULL};
	if (waits && notifier != NULL && type == FUTURE_NOTIFIER_WAKER)
		record->waker = notifier->waker;
	if (record->waker.wake == NULL && type == FUTURE_NOTIFIER_WAKER)
		record->wakes = 0;
	if (notifier != NULL) {
		notifier->notifier_used = waits ? type : FUTURE_NOTIFIER_NONE;
		notifier->poller.ptr_to_monitor = &record->monitor.raw;
	}
}

/* ---- time ----------------------------------------------------------------------------------- */

static void shuffle(struct data_mover_sim *mover)
{
	for (size_t i = mover->in_flight_count; i > 1; i--) {
		const size_t j = (size_t)draw_below(mover, i);
		struct record *const moved = mover->in_flight[i - 1];

		mover->in_flight[i - 1] = mover->in_flight[j];
		mover->in_flight[j] = moved;
	}
}

/* What a tick brings to an operation whose time has not come. */
static void work_on(struct record *record)
{
	struct data_mover_sim *const mover = record->mover;

	if (record->is_torn) {
		move_bytes(record, (size_t)draw_below(mover, record->limit - record->moved + 1));
		mover->stats.pieces++;
		note(mover, NOTE_PIECE, mix(record->number) + record->moved);
	}
	if (record->waker.wake != NULL &&
	    happens(mover, DATA_MOVER_SIM_WAKE_EARLY, record->number)) {
		record->wakes = 1;
		record->wake_at = mover->stats.ticks;
	}
}

static int time_stands_still(const struct data_mover_sim *mover)
{
	return mover->is_held || mover->is_waking;
}

/* Locked, but not while wakers are called. Returns how many operations got their result. */
static size_t pass_time(struct data_mover_sim *mover, uint32_t ticks)
{
	size_t completed = 0;

	for (uint32_t tick = 0; tick < ticks && !time_stands_still(mover); tick++) {
		mover->stats.ticks++;
		if (mover->cfg.reorder)
			shuffle(mover);
		for (size_t i = 0; i < mover->in_flight_count; i++) {
			struct record *const record = mover->in_flight[i];

			if (record->state == STARTED && record->due > mover->stats.ticks)
				work_on(record);
		}
		completed += complete_due(mover);
		wake_all(mover);
	}
	return completed;
}

static size_t pending(const struct data_mover_sim *mover)
{
	size_t count = 0;

	for (size_t i = 0; i < mover->in_flight_count; i++)
		count += mover->in_flight[i]->state == STARTED || mover->in_flight[i]->wakes > 0;
	return count;
}

/* ---- vdm ------------------------------------------------------------------------------------ */

static void *operation_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct data_mover_sim *const mover = (struct data_mover_sim *)vdm;

	(void)type;
	pthread_mutex_lock(&mover->lock);
	const int refused = happens(mover, DATA_MOVER_SIM_REFUSE_NEW, mover->stats.made);
	struct record *const record = refused ? NULL : mover->free;

	if (record != NULL) {
		mover->free = record->next_free;
		record->state = NEW;
		record->number = mover->stats.made++;
		note(mover, NOTE_MADE, record->number);
	}
	pthread_mutex_unlock(&mover->lock);
	return record;
}

static int operation_start(void *data, const struct vdm_operation *operation,
			   struct future_notifier *notifier)
{
	struct record *const record = data;
	struct data_mover_sim *const mover = record->mover;

	pthread_mutex_lock(&mover->lock);
	const int is_new = record->state == NEW;
	const int refused = is_new && happens(mover, DATA_MOVER_SIM_REFUSE_START, record->number);

	if (is_new && !refused)
		start(record, operation);
	take_notifier(record, notifier);
	pthread_mutex_unlock(&mover->lock);
	return refused;
}

static enum future_state operation_check(void *data, const struct vdm_operation *operation)
{
	struct record *const record = data;
	struct data_mover_sim *const mover = record->mover;

	(void)operation;
	pthread_mutex_lock(&mover->lock);
	/* a waker that polls the future in whose poll it is called: that one will see the end */
	const int is_nested = record->is_polled;

	if (!is_nested) {
		record->is_polled = 1;
		(void)pass_time(mover, mover->cfg.ticks_per_check);
		record->is_polled = 0;
	}
	const int is_complete = !is_nested && record->state == DONE && !is_called_elsewhere(record);

	if (is_complete)
		retire(record);
	pthread_mutex_unlock(&mover->lock);
	return is_complete ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void operation_delete(void *data, const struct vdm_operation *operation,
			     struct vdm_operation_output *output)
{
	struct record *const record = data;
	struct data_mover_sim *const mover = record->mover;

	pthread_mutex_lock(&mover->lock);
	if (record->state == NEW) {
		hl_vdm_fill_output(output, operation, VDM_ERROR_CANCELLED);
		mover->stats.cancelled++;
		note(mover, NOTE_CANCELLED, record->number);
	} else {
		*output = record->output;
		output->result = record->result;
		mover->stats.completed++;
		note(mover, NOTE_COMPLETED, record->number);
	}
	record->next_free = mover->free;
	mover->free = record;
	pthread_mutex_unlock(&mover->lock);
}

static int operation_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_ASYNC;
}

/* ---- API ------------------------------------------------------------------------------------ */

struct data_mover_sim_cfg data_mover_sim_cfg_default(uint64_t seed)
{
	return (struct data_mover_sim_cfg){.seed = seed,
					   .operations_max = 1024,
					   .delay_min = 1,
					   .delay_max = 8,
					   .ticks_per_check = 1,
					   .wake_late_max = 4,
					   .reorder = 1,
					   .notifier = FUTURE_NOTIFIER_NONE};
}

static int cfg_is_valid(const struct data_mover_sim_cfg *cfg)
{
	for (size_t i = 0; i < DATA_MOVER_SIM_EVENTS; i++)
		if (cfg->permille[i] > DATA_MOVER_SIM_ALWAYS)
			return 0;
	return cfg->operations_max >= 1 && cfg->operations_max <= DATA_MOVER_SIM_OPERATIONS_MAX &&
	       cfg->delay_min <= cfg->delay_max && cfg->delay_max <= DATA_MOVER_SIM_TICKS_MAX &&
	       cfg->ticks_per_check <= DATA_MOVER_SIM_TICKS_MAX && cfg->wake_late_max >= 1 &&
	       cfg->wake_late_max <= DATA_MOVER_SIM_TICKS_MAX &&
	       (unsigned)cfg->notifier <= FUTURE_NOTIFIER_POLLER;
}

static void mover_free(struct data_mover_sim *mover)
{
	free(mover->in_flight);
	free(mover->records);
	free(mover);
}

static struct data_mover_sim *mover_allocate(const struct data_mover_sim_cfg *cfg)
{
	struct data_mover_sim *const mover = calloc(1, sizeof(*mover));

	if (mover == NULL)
		return NULL;
	mover->records = calloc(cfg->operations_max, sizeof(*mover->records));
	mover->in_flight = calloc(cfg->operations_max, sizeof(struct record *));
	if (mover->records == NULL || mover->in_flight == NULL) {
		mover_free(mover);
		return NULL;
	}
	mover->vdm = (struct vdm){.op_new = operation_new,
				  .op_delete = operation_delete,
				  .op_start = operation_start,
				  .op_check = operation_check,
				  .capabilities = hl_vdm_capabilities() | VDM_F_RENEW_NOTIFIER,
				  .has_property = operation_has_property};
	mover->cfg = *cfg;
	mover->random = cfg->seed;
	for (size_t i = cfg->operations_max; i > 0; i--) {
		mover->records[i - 1].mover = mover;
		mover->records[i - 1].next_free = mover->free;
		mover->free = &mover->records[i - 1];
	}
	return mover;
}

struct data_mover_sim *data_mover_sim_new(const struct data_mover_sim_cfg *cfg)
{
	const struct data_mover_sim_cfg by_default = data_mover_sim_cfg_default(0);
	const struct data_mover_sim_cfg *const wanted = cfg != NULL ? cfg : &by_default;

	if (!cfg_is_valid(wanted)) {
		errno = EINVAL;
		return NULL;
	}
	struct data_mover_sim *const mover = mover_allocate(wanted);
	if (mover == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	pthread_mutex_init(&mover->lock, NULL);
	return mover;
}

struct vdm *data_mover_sim_get_vdm(struct data_mover_sim *mover)
{
	return &mover->vdm;
}

size_t data_mover_sim_tick(struct data_mover_sim *mover)
{
	pthread_mutex_lock(&mover->lock);
	const size_t completed = pass_time(mover, 1);

	pthread_mutex_unlock(&mover->lock);
	return completed;
}

size_t data_mover_sim_drain(struct data_mover_sim *mover)
{
	size_t completed = 0;

	pthread_mutex_lock(&mover->lock);
	/* No operation that is in flight now takes longer, and nobody who waits for it hears later. */
	const uint32_t ticks = mover->cfg.delay_max + mover->cfg.wake_late_max;

	for (uint32_t tick = 0; tick < ticks && pending(mover) > 0; tick++) {
		if (time_stands_still(mover))
			break;
		completed += pass_time(mover, 1);
	}
	pthread_mutex_unlock(&mover->lock);
	return completed;
}

size_t data_mover_sim_pending(struct data_mover_sim *mover)
{
	pthread_mutex_lock(&mover->lock);
	const size_t count = pending(mover);

	pthread_mutex_unlock(&mover->lock);
	return count;
}

static void set_held(struct data_mover_sim *mover, int is_held)
{
	pthread_mutex_lock(&mover->lock);
	mover->is_held = is_held;
	pthread_mutex_unlock(&mover->lock);
}

void data_mover_sim_hold(struct data_mover_sim *mover)
{
	set_held(mover, 1);
}

void data_mover_sim_release(struct data_mover_sim *mover)
{
	set_held(mover, 0);
}

int data_mover_sim_finish(struct data_mover_sim *mover, const struct vdm_operation_future *future)
{
	if (FUTURE_STATE(future) != FUTURE_STATE_RUNNING)
		return 0;
	struct record *const record = future->data.data;

	if (future->data.vdm != &mover->vdm)
		return 0;
	pthread_mutex_lock(&mover->lock);
	const int finishes = record->state == STARTED;

	if (finishes) {
		complete(record);
		record->wake_at = mover->stats.ticks;
		wake_all(mover);
	}
	pthread_mutex_unlock(&mover->lock);
	return finishes;
}

int data_mover_sim_force(struct data_mover_sim *mover, enum data_mover_sim_event event,
			 uint32_t count)
{
	if ((unsigned)event >= DATA_MOVER_SIM_EVENTS)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	pthread_mutex_lock(&mover->lock);
	mover->forced[event] = count;
	pthread_mutex_unlock(&mover->lock);
	return HASHLOOM_OK;
}

int data_mover_sim_set_chance(struct data_mover_sim *mover, enum data_mover_sim_event event,
			      uint32_t permille)
{
	if ((unsigned)event >= DATA_MOVER_SIM_EVENTS || permille > DATA_MOVER_SIM_ALWAYS)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	pthread_mutex_lock(&mover->lock);
	mover->cfg.permille[event] = permille;
	pthread_mutex_unlock(&mover->lock);
	return HASHLOOM_OK;
}

void data_mover_sim_statistics(struct data_mover_sim *mover,
			       struct data_mover_sim_stats *statistics)
{
	pthread_mutex_lock(&mover->lock);
	*statistics = mover->stats;
	pthread_mutex_unlock(&mover->lock);
}

void data_mover_sim_delete(struct data_mover_sim *mover)
{
	if (mover == NULL)
		return;
	pthread_mutex_destroy(&mover->lock);
	mover_free(mover);
}
