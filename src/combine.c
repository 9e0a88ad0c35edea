/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * combine.c: futures of futures, which poll only those that were woken.
 *
 * A group (struct hl_combine) polls several children side by side. Each has a slot, whose address is the data of the waker that the child
 * is given. What the polling thread knows of a slot:
 *
 *     EMPTY    future is NULL: its child is complete, or it never had one
 *     WAITING  its child returned RUNNING and has taken the waker
 *     LISTED   woken is 1: the slot is on the stack `ready`, where a waker has put it, or on the list `turn`, where the polling thread has
 *
 *       start --> polled --- took the waker ------------> WAITING
 *                 ^ | |                                    |   |
 *                 | | '-- IDLE, another notifier, went on -|-. | a waker, or sweep():
 *                 | '---- COMPLETE ---> EMPTY <------.     | v v
 *                 '------------------------------ made anew, LISTED --- the next poll takes both lists --> polled
 *
 * Whoever turns `woken` from 0 to 1 lists the slot, so it is never on two lists, and `next` is that one's. The polling thread turns it
 * to 0 right before it polls: a wake during the poll lists the slot again, for the next poll of the group.
 * A round takes both lists once; a second time only if the children are to be cancelled. So no slot is visited more than twice, and a
 * child is polled no more than twice, in one poll of the group.
 *
 * The waker of the group itself, which each poll may replace while a child's waker wants to call it, is kept by the word `outer`:
 *
 *     0            `waker` stays as it is
 *     REGISTERING  a poll writes it; who wants to call it leaves WAKING behind and goes: the poll has not yet taken the stack
 *     WAKING       a waker copies it, before the call; another one goes, for that call comes after; a poll that wants to write it leaves
 *                  it as it is, and asks to be polled in turn until it can
 *
 * Only the waker that finds the stack empty calls: those that come after it are taken with it.
 *
 *   tag    order                                     pairs with                            for
 *   CB-1   wake(): exchange woken acq_rel            visit(): exchange woken acq_rel       what happened before a wake is visible to the
 *                                                                                          poll it leads to, also of who found woken = 1
 *   CB-2   wake(): cas ready release                 take_due(): exchange ready acquire    slot.next
 *   CB-3   register_waker(): exchange outer acq_rel  wake_outer(): fetch_or outer acq_rel  the waker; the push of who found REGISTERING
 *   CB-4   wake_outer(): exchange outer acq_rel      wake_outer(): fetch_or outer acq_rel  the push of who found WAKING
 *   CB-5   wake_outer(): exchange outer acq_rel      register_waker(): cas outer acquire   the copy is read before the waker is replaced
 *
 * Nobody touches a group or its slots once it is complete. It is complete when each child is. A task does not touch its waker after its
 * future is seen complete (struct future_notifier in future.h); so when a poll returns COMPLETE, the calls of that child's waker have all
 * returned. wake() touches slots and group, and calls the group's own waker, only inside of such a call. So none of this happens after the
 * last child's poll has returned COMPLETE, and the group keeps the same promise to whoever polls it. For the same reason a slot can have
 * another child after the first.
 */
#include <hashloom/combine.h>

#define REGISTERING 1U
#define WAKING 2U

#define CHILD_POLLS_MAX 2 /* in one visit of a slot that gets a new child */

/* What one poll of a group finds out. */
struct round {
	struct hl_combine *group;
	void *output; /* of the future that the group belongs to */
	struct future_notifier *notifier;
	struct future_slot **end; /* of group->turn */
	int in_turn;              /* a child has to be polled in turn, or the group itself */
	int again;                /* something wants the next poll at once */
	int has_progress;         /* a child completed */
	int is_stopped;           /* the children are to be cancelled from now on */
};

/* What makes the difference between groups. */
struct kind {
	struct future *(*start)(struct round *round, size_t slot); /* the first child of a slot, or NULL */
	void (*finish)(struct round *round, struct future_slot *slot, struct future *future); /* a child is complete */
};

/* ---- wakers --------------------------------------------------------------------------------------- */

static void wake_outer(struct hl_combine *group)
{
	/* acq_rel. pairs with [CB-3] in register_waker(), [CB-4] below. acquire: the waker; release: the push, for whoever is there */
	if (hl_u32_fetch_or_acq_rel(&group->outer, WAKING) != 0)
		return;
	const struct future_waker waker = group->waker;

	/* acq_rel. pairs with [CB-5] in register_waker(): the copy is read before; and with [CB-4] above: the pushes of who found WAKING */
	(void)hl_u32_exchange_acq_rel(&group->outer, 0);
	if (waker.wake != NULL)
		FUTURE_WAKER_WAKE(&waker);
}

/* What the wakers of the children call: any thread, until the child is complete. */
static void wake(void *data)
{
	struct future_slot *const slot = data;
	struct hl_combine *const group = slot->group;

	/* acq_rel. pairs with [CB-1] in visit(). if relaxed: the poll may miss what the waker announces */
	if (hl_u32_exchange_acq_rel(&slot->woken, 1) != 0)
		return;

	void *top = hl_ptr_load_relaxed(&group->ready);
	do
		slot->next = top;
	/* release. pairs with [CB-2] in take_due(). orders slot->next before the push */
	while (!hl_ptr_cas_release(&group->ready, &top, slot));

	if (top == NULL)
		wake_outer(group);
}

/* The waker of this poll takes the place of the one before, if they differ. Returns 0 if a call of that one is in the way. */
static int register_waker(struct hl_combine *group, const struct future_notifier *notifier)
{
	static const struct future_waker none = { NULL, NULL };
	const struct future_waker waker = notifier == NULL ? none : notifier->waker;
	uint32_t expected = 0;

	if (waker.data == group->waker.data && waker.wake == group->waker.wake)
		return 1;
	/* acquire. pairs with [CB-5] in wake_outer() */
	if (!hl_u32_cas_acquire(&group->outer, &expected, REGISTERING))
		return 0;
	group->waker = waker;
	/* acq_rel. pairs with [CB-3] in wake_outer(). release: the waker; acquire: the push of who went, which take_due() now sees */
	(void)hl_u32_exchange_acq_rel(&group->outer, 0);
	return 1;
}

/* ---- the two lists -------------------------------------------------------------------------------- */

/* 1: the slot was not listed, and whoever asks has to do it now. */
static int claim(struct future_slot *slot)
{
	uint32_t expected = 0;

	return hl_u32_cas_relaxed(&slot->woken, &expected, 1);
}

static void put_in_turn(struct round *round, struct future_slot *slot)
{
	if (!claim(slot))
		return;
	slot->next = NULL;
	*round->end = slot;
	round->end = &slot->next;
}

/* Makes all children due, in their order. */
static void sweep(struct hl_combine *group)
{
	for (size_t i = group->slots_count; i-- > 0;) {
		struct future_slot *const slot = &group->slots[i];

		if (slot->future == NULL || !claim(slot))
			continue;
		slot->next = group->turn;
		group->turn = slot;
	}
}

/* All that is listed: first what was woken, oldest first, then what is polled in turn. */
static struct future_slot *take_due(struct hl_combine *group)
{
	struct future_slot *due = group->turn;

	group->turn = NULL;
	if (hl_ptr_load_relaxed(&group->ready) == NULL)
		return due;
	/* acquire. pairs with [CB-2] in wake() */
	struct future_slot *slot = hl_ptr_exchange_acquire(&group->ready, NULL);
	while (slot != NULL) {
		struct future_slot *const next = slot->next;

		slot->next = due;
		due = slot;
		slot = next;
	}
	return due;
}

/* ---- rounds --------------------------------------------------------------------------------------- */

/* Returns 1 when the slot's child is complete; otherwise the slot waits, or is listed. */
static inline int poll_child(struct round *round, struct future_slot *slot)
{
	struct future_notifier notifier = { .waker = { slot, wake },
					    .poller = { NULL },
					    .notifier_used = FUTURE_NOTIFIER_NONE,
					    .padding = 0 };
	struct future *const future = slot->future;
	const enum future_state state = future_poll(future, round->notifier == NULL ? NULL : &notifier);

	if (state == FUTURE_STATE_COMPLETE)
		return 1;
	/* A chain that went on has left an earlier entry's word in the notifier. */
	if (state == FUTURE_STATE_RUNNING && future->context.padding & HL_FUTURE_WENT_ON)
		round->again = 1;
	else if (state == FUTURE_STATE_RUNNING && notifier.notifier_used == FUTURE_NOTIFIER_WAKER)
		return 0;
	else
		round->in_turn = 1;
	put_in_turn(round, slot);
	return 0;
}

/* Polls the child of a slot that is not listed. The loop: a slot that gets another child has this one begun, too. */
HL_ALWAYS_INLINE void visit(struct round *round, struct future_slot *slot, const struct kind *kind)
{
	for (unsigned polls = 0; slot->future != NULL; polls++) {
		if (polls == CHILD_POLLS_MAX) {
			round->again = 1;
			put_in_turn(round, slot);
			return;
		}
		if (round->is_stopped)
			future_cancel(slot->future);
		if (!poll_child(round, slot))
			return;
		struct future *const future = slot->future;

		slot->future = NULL;
		round->has_progress = 1;
		kind->finish(round, slot, future);
	}
}

HL_ALWAYS_INLINE void visit_first(struct round *round, const struct kind *kind)
{
	struct hl_combine *const group = round->group;
	size_t in_flight = 0;

	for (size_t i = 0; i < group->slots_count; i++) {
		struct future_slot *const slot = &group->slots[i];

		slot->group = group;
		slot->future = kind->start(round, i);
		hl_u32_store_relaxed(&slot->woken, 0); /* published, as the slot is, by the child that it is given to */
		visit(round, slot, kind);
		in_flight += slot->future != NULL;
	}
	group->in_flight = in_flight;
}

/* Ends: a visit lists its slot for the next time only. */
HL_ALWAYS_INLINE void visit_due(struct round *round, const struct kind *kind)
{
	struct hl_combine *const group = round->group;
	struct future_slot *slot = take_due(group);

	round->end = &group->turn;
	while (slot != NULL) {
		struct future_slot *const next = slot->next;
		const int had_child = slot->future != NULL;

		/* acq_rel. pairs with [CB-1] in wake(). from here on a wake lists the slot again */
		(void)hl_u32_exchange_acq_rel(&slot->woken, 0);
		visit(round, slot, kind);
		group->in_flight -= had_child && slot->future == NULL;
		slot = next;
	}
}

/* Says how the group wants to be polled again. */
static void fill_notifier(const struct round *round)
{
	struct future_notifier *const notifier = round->notifier;

	if (notifier == NULL)
		return;
	/* Polled in turn means after a pause, unless something goes on. */
	const int wants_poll = round->again || (round->in_turn && round->has_progress);

	notifier->notifier_used = round->in_turn ? FUTURE_NOTIFIER_NONE : FUTURE_NOTIFIER_WAKER;
	if (!wants_poll)
		return;
	notifier->notifier_used = notifier->waker.wake == NULL ? FUTURE_NOTIFIER_NONE : FUTURE_NOTIFIER_WAKER;
	if (notifier->waker.wake != NULL)
		FUTURE_WAKER_WAKE(&notifier->waker);
}

/* One poll of a group, whose future's data begin with it. Returns COMPLETE when each child is complete. */
HL_ALWAYS_INLINE enum future_state poll_group(struct future_context *context, struct future_notifier *notifier, const struct kind *kind)
{
	struct hl_combine *const group = future_context_get_data(context);
	const int is_registered = register_waker(group, notifier);
	struct round round = { .group = group,
			       .output = future_context_get_output(context),
			       .notifier = notifier,
			       .end = &group->turn,
			       .in_turn = !is_registered,
			       .is_stopped = group->is_stopped || future_context_is_cancelled(context) };

	if (context->state == FUTURE_STATE_IDLE) {
		group->is_stopped = (uint32_t)round.is_stopped;
		visit_first(&round, kind);
	} else {
		/* Those that wait are polled, too, when they are to be cancelled, or when this poll's caller will not hear of them. */
		if (round.is_stopped != (int)group->is_stopped || (notifier == NULL && group->has_waker))
			sweep(group);
		group->is_stopped = (uint32_t)round.is_stopped;
		visit_due(&round, kind);
	}
	if (round.is_stopped != (int)group->is_stopped) {
		group->is_stopped = 1;
		round.in_turn = !is_registered;
		sweep(group);
		visit_due(&round, kind);
	}
	group->has_waker = notifier != NULL;
	if (group->in_flight == 0)
		return FUTURE_STATE_COMPLETE;
	fill_notifier(&round);
	return FUTURE_STATE_RUNNING;
}

static int has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

static struct hl_combine group_of(struct future_slot *slots, size_t n)
{
	return (struct hl_combine){ .slots = slots, .slots_count = n };
}

/* ---- all ------------------------------------------------------------------------------------------ */

static struct future *all_start(struct round *round, size_t slot)
{
	return ((struct future_all_data *)(void *)round->group)->futures[slot];
}

static void all_finish(struct round *round, struct future_slot *slot, struct future *future)
{
	struct future_all_output *const output = round->output;

	(void)slot;
	if (future_is_cancelled(future))
		output->cancelled++;
}

static enum future_state all_task(struct future_context *context, struct future_notifier *notifier)
{
	static const struct kind kind = { all_start, all_finish };
	const struct future_all_output *const output = future_context_get_output(context);

	if (poll_group(context, notifier, &kind) != FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_RUNNING;
	if (future_context_is_cancelled(context) && output->cancelled > 0)
		return future_context_cancelled(context);
	return FUTURE_STATE_COMPLETE;
}

struct future_all_fut future_all(struct future *futures[], struct future_slot slots[], size_t n)
{
	struct future_all_fut future = { .data = { .group = group_of(slots, n), .futures = futures } };

	FUTURE_INIT_EXT(&future, all_task, has_property);
	return future;
}

/* ---- any ------------------------------------------------------------------------------------------ */

static struct future *any_start(struct round *round, size_t slot)
{
	return ((struct future_any_data *)(void *)round->group)->futures[slot];
}

static void any_finish(struct round *round, struct future_slot *slot, struct future *future)
{
	struct future_any_output *const output = round->output;

	if (output->index != FUTURE_ANY_NONE || future_is_cancelled(future))
		return;
	output->index = (size_t)(slot - round->group->slots);
	round->is_stopped = 1;
}

static enum future_state any_task(struct future_context *context, struct future_notifier *notifier)
{
	static const struct kind kind = { any_start, any_finish };
	const struct future_any_output *const output = future_context_get_output(context);

	if (poll_group(context, notifier, &kind) != FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_RUNNING;
	if (future_context_is_cancelled(context) && output->index == FUTURE_ANY_NONE)
		return future_context_cancelled(context);
	return FUTURE_STATE_COMPLETE;
}

struct future_any_fut future_any(struct future *futures[], struct future_slot slots[], size_t n)
{
	struct future_any_fut future = { .data = { .group = group_of(slots, n), .futures = futures },
					 .output = { .index = FUTURE_ANY_NONE } };

	FUTURE_INIT_EXT(&future, any_task, has_property);
	return future;
}

/* ---- in time -------------------------------------------------------------------------------------- */

static struct future *timeout_start(struct round *round, size_t slot)
{
	struct future_timeout_data *const data = (struct future_timeout_data *)(void *)round->group;

	return slot == 0 ? data->inner : FUTURE_AS_RUNNABLE(&data->sleep);
}

static void timeout_finish(struct round *round, struct future_slot *slot, struct future *future)
{
	struct future_timeout_output *const output = round->output;

	(void)future;
	if (!round->is_stopped)
		output->timed_out = slot != round->group->slots;
	round->is_stopped = 1;
}

static enum future_state timeout_task(struct future_context *context, struct future_notifier *notifier)
{
	static const struct kind kind = { timeout_start, timeout_finish };
	struct future_timeout_data *const data = future_context_get_data(context);
	const struct future_timeout_output *const output = future_context_get_output(context);

	data->group.slots = data->slots; /* where they are from the first poll on */
	if (poll_group(context, notifier, &kind) != FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_RUNNING;
	if (future_context_is_cancelled(context) && !output->timed_out && future_is_cancelled(data->inner))
		return future_context_cancelled(context);
	return FUTURE_STATE_COMPLETE;
}

static struct future_timeout_fut timeout_with(struct future *inner, struct hashloom_sleep_fut sleep)
{
	struct future_timeout_fut future = { .data = { .group = group_of(NULL, 2), .inner = inner, .sleep = sleep } };

	FUTURE_INIT_EXT(&future, timeout_task, has_property);
	return future;
}

struct future_timeout_fut future_timeout(struct future *inner, struct hashloom_timers *timers, uint64_t ns)
{
	return timeout_with(inner, hashloom_sleep(timers, ns));
}

struct future_timeout_fut future_deadline(struct future *inner, struct hashloom_timers *timers, uint64_t deadline_ns)
{
	return timeout_with(inner, hashloom_sleep_until(timers, deadline_ns));
}

/* ---- bounded -------------------------------------------------------------------------------------- */

static struct future *bounded_start(struct round *round, size_t slot)
{
	struct future_bounded_data *const data = (struct future_bounded_data *)(void *)round->group;
	struct future_bounded_output *const output = round->output;

	if (round->is_stopped || output->made == data->n)
		return NULL;
	struct future *const future = data->make(output->made, slot, data->arg);

	if (future == NULL)
		data->n = output->made;
	else
		output->made++;
	return future;
}

static void bounded_finish(struct round *round, struct future_slot *slot, struct future *future)
{
	struct future_bounded_data *const data = (struct future_bounded_data *)(void *)round->group;
	struct future_bounded_output *const output = round->output;
	const size_t index = (size_t)(slot - round->group->slots);

	if (!future_is_cancelled(future) && (data->is_good == NULL || data->is_good(future, index, data->arg)))
		output->good++;
	else
		round->is_stopped = 1;
	slot->future = bounded_start(round, index);
}

static enum future_state bounded_task(struct future_context *context, struct future_notifier *notifier)
{
	static const struct kind kind = { bounded_start, bounded_finish };
	const struct future_bounded_data *const data = future_context_get_data(context);
	const struct future_bounded_output *const output = future_context_get_output(context);

	if (poll_group(context, notifier, &kind) != FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_RUNNING;
	if (future_context_is_cancelled(context) && output->good < data->n)
		return future_context_cancelled(context);
	return FUTURE_STATE_COMPLETE;
}

struct future_bounded_fut future_bounded(struct future_slot slots[], size_t k, size_t n, future_make_fn make, future_judge_fn is_good,
					 void *arg)
{
	struct future_bounded_fut future = {
		.data = { .group = group_of(slots, k), .n = n, .make = make, .is_good = is_good, .arg = arg }
	};

	FUTURE_INIT_EXT(&future, bounded_task, has_property);
	return future;
}

struct future *future_make_from_array(size_t index, size_t slot, void *futures)
{
	(void)slot;
	return ((struct future **)futures)[index];
}

/* ---- one after the other -------------------------------------------------------------------------- */

/* Polls a child that has the caller's notifier for itself: what it leaves there is its own word. */
static enum future_state poll_alone(struct future *future, struct future_notifier *notifier)
{
	if (notifier == NULL)
		return future_poll(future, NULL);
	notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	const enum future_state state = future_poll(future, notifier);

	if (state == FUTURE_STATE_IDLE)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	return state;
}

/* Has the next poll come at once, whatever a child has said. */
static enum future_state run_again(struct future_notifier *notifier)
{
	if (notifier != NULL) {
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
		if (notifier->waker.wake != NULL) {
			notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
			FUTURE_WAKER_WAKE(&notifier->waker);
		}
	}
	return FUTURE_STATE_RUNNING;
}

/* A child is not complete. A chain that went on has left an earlier entry's word in the notifier. */
static enum future_state wait_for(const struct future *future, struct future_notifier *notifier)
{
	return future->context.padding & HL_FUTURE_WENT_ON ? run_again(notifier) : FUTURE_STATE_RUNNING;
}

static enum future_state sequence_task(struct future_context *context, struct future_notifier *notifier)
{
	struct future_sequence_data *const data = future_context_get_data(context);
	struct future_sequence_output *const output = future_context_get_output(context);

	for (; data->at < data->n; data->at++) {
		struct future *const future = data->futures[data->at];

		if (data->is_stopped || future_context_is_cancelled(context))
			future_cancel(future);
		if (poll_alone(future, notifier) != FUTURE_STATE_COMPLETE)
			return wait_for(future, notifier);
		if (data->is_stopped)
			continue;
		if (!future_is_cancelled(future) && (data->is_good == NULL || data->is_good(future, data->at, data->arg)))
			output->good++;
		else
			data->is_stopped = 1;
	}
	if (future_context_is_cancelled(context) && output->good < data->n)
		return future_context_cancelled(context);
	return FUTURE_STATE_COMPLETE;
}

struct future_sequence_fut future_sequence(struct future *futures[], size_t n, future_judge_fn is_good, void *arg)
{
	struct future_sequence_fut future = { .data = { .futures = futures, .n = n, .is_good = is_good, .arg = arg } };

	FUTURE_INIT_EXT(&future, sequence_task, has_property);
	return future;
}

/* ---- once more ------------------------------------------------------------------------------------ */

/* The next number of a sequence that differs for each seed. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);

	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

static uint64_t next_pause_ns(struct future_retry_data *data)
{
	const uint64_t limit = data->cfg.pause_max_ns;
	const uint64_t pause = data->pause_ns < limit ? data->pause_ns : limit;
	const uint64_t half = pause / 2;

	data->pause_ns = pause > limit / 2 ? limit : 2 * pause;
	return data->cfg.jitter_seed == 0 ? pause : pause - next_random(&data->random) % (half + 1);
}

/* The pause begins here, so that its poll leaves its word in the notifier. */
static enum future_state retry_pause(struct future_retry_data *data, struct future_notifier *notifier)
{
	data->pause = hashloom_sleep(data->cfg.timers, next_pause_ns(data));
	if (poll_alone(FUTURE_AS_RUNNABLE(&data->pause), notifier) == FUTURE_STATE_COMPLETE)
		return run_again(notifier);
	return FUTURE_STATE_RUNNING;
}

/* 1: an attempt is to be polled; 0: there is none to be made. */
static int retry_attempt(struct future_retry_data *data, struct future_retry_output *output)
{
	if (data->attempt != NULL)
		return 1;
	if (output->attempts < data->cfg.attempts_max)
		data->attempt = data->cfg.make(output->attempts, 0, data->cfg.arg);
	output->attempts += data->attempt != NULL;
	return data->attempt != NULL;
}

static enum future_state retry_task(struct future_context *context, struct future_notifier *notifier)
{
	struct future_retry_data *const data = future_context_get_data(context);
	struct future_retry_output *const output = future_context_get_output(context);
	struct future *const pause = FUTURE_AS_RUNNABLE(&data->pause);
	const int is_cancelled = future_context_is_cancelled(context);

	if (is_cancelled)
		future_cancel(pause);
	if (poll_alone(pause, notifier) != FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_RUNNING;
	if (is_cancelled && data->attempt == NULL)
		return future_context_cancelled(context);
	if (!retry_attempt(data, output))
		return FUTURE_STATE_COMPLETE;

	struct future *const attempt = data->attempt;
	if (is_cancelled)
		future_cancel(attempt);
	if (poll_alone(attempt, notifier) != FUTURE_STATE_COMPLETE)
		return wait_for(attempt, notifier);
	data->attempt = NULL;
	output->is_good = !future_is_cancelled(attempt) &&
			  (data->cfg.is_good == NULL || data->cfg.is_good(attempt, output->attempts - 1, data->cfg.arg));
	if (output->is_good)
		return FUTURE_STATE_COMPLETE;
	if (is_cancelled)
		return future_context_cancelled(context);
	return output->attempts == data->cfg.attempts_max ? FUTURE_STATE_COMPLETE : retry_pause(data, notifier);
}

struct future_retry_fut future_retry(const struct future_retry_cfg *cfg)
{
	struct future_retry_fut future = { .data = { .cfg = *cfg, .pause_ns = cfg->pause_ns, .random = cfg->jitter_seed } };

	FUTURE_INIT_COMPLETE(&future.data.pause); /* none before the first attempt */
	FUTURE_INIT_EXT(&future, retry_task, has_property);
	return future;
}
