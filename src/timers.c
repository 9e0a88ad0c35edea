/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * timers.c: a hierarchical timing wheel, its thread, and the futures that hang on it.
 *
 * Ticks. A deadline expires with the first tick that begins at it or later, so nothing is early (W.1): a tick number is a
 * deadline, rounded up, or a clock reading, rounded down, over tick_ns.
 *
 * The wheel. Ticks are numbers of eleven digits to the base 64. `at` is the tick that the wheel has come to. A timer lies at the level of
 * the highest digit in which its expiry differs from `at`, in the slot that this digit names:
 *
 *     at = 5 3 7       expiry 5 3 9: level 0, slot 9    expiry 5 8 0: level 1, slot 8    expiry 6 0 0: level 2, slot 6
 *
 * All that lie at one level come before all at the next, and in the order of slots; so the next slot to turn to is the first bit in the
 * bitmap of the first level that is not empty. Nothing else lies between it and `at`, so `at` may move as far as that in one step,
 * and what lies on the wheel stays where it is. A slot of level 0 that is reached is due; one of a higher level is spread over the
 * levels below it: the cascade. In each slot timers lie in the order of arming (W.3): a slot is filled by the cascade from above
 * before anybody can be put into it directly. Who comes while a cascade is going on is put behind it.
 *
 * The lists SPREADING and DUE, behind the slots, are what was taken from a slot: both are worked off in turns of a few timers, between
 * which the lock is free (W.7). `at` does not move before both are empty. A timer can be unlinked from any list: the list that
 * becomes empty is found from the head that is then alone, and its bit in the bitmap is cleared.
 *
 * A timer's state:
 *
 *     UNARMED ---- first poll, lock ----> ARMED ---- run, lock ----> FIRING ---- run, the waker was called ----> FIRED
 *       ^ ^                                | ^                                                                    |
 *       | |                          poll: v | another waker, lock                                                |
 *       | |                                '-'                                                                    |
 *       | '----- cancelled, or late and polled without a waker: lock                                              |
 *       '------------------------------------- poll sees it: complete --------------------------------------------'
 *
 *   ARMED   on a list. Link and waker are changed under the lock; the waker by polls only, so that a poll may compare it without.
 *   FIRING  on no list: the run alone has it; the waker is called, or about to be. A poll says that it wants to be polled in turn.
 *   FIRED   the run will not touch timer or waker any more. Only now does a poll return COMPLETE (W.4).
 *
 * The thread. It sleeps on the futex `signals` until the next slot is reached. wake_at is the tick that it sleeps to, 0 while it is
 * awake. It looks at the wheel, sets wake_at and reads `signals` under the lock at one go. Who arms a timer that expires before
 * wake_at changes `signals` under the lock; so either the thread's look has seen the timer, or its sleep ends.
 *
 *   tag    order                                   pairs with                      for
 *   TM-1   wake_all(): store state FIRED release   sleep_task(): load acquire      the last touch of timer and waker; what the waker did
 */
#define _GNU_SOURCE 1

#include <hashloom/timers.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "futex.h"
#include "lock.h"
#include "thread.h"

#define DIGIT_BITS 6
#define SLOTS (1 << DIGIT_BITS)
#define LEVELS 11 /* of 6 bits each: all of 64 */
#define NEVER UINT64_MAX
#define SLEEP_MAX_NS ((uint64_t)1 << 60) /* 36 years, which every machine's timespec can hold */
/*
 * 1.05 ms. Getting up costs the thread some 35 microseconds on a virtual machine: 4 % of a core if something is due in each tick, and
 * it would be 13 % with ticks of 0.26 ms.
 */
#define TICK_NS_DEFAULT ((uint64_t)1 << 20)

#ifndef TIMERS_PER_TURN /* prove/ tries schedules with fewer */
#define TIMERS_PER_TURN 64
#endif

/* The lists behind the slots. */
enum {
	SPREADING = LEVELS * SLOTS,
	DUE,
	LISTS
};

enum timer_state {
	UNARMED = 0, /* as it is made */
	ARMED,
	FIRING,
	FIRED,
};

_Static_assert(LEVELS * DIGIT_BITS >= 64 && LEVELS < 32, "the levels have all digits, and `levels` has all levels");
_Static_assert(offsetof(struct hashloom_timer, link) == 0, "a timer is found from its link");

struct hashloom_timers {
	struct hashloom_timers_cfg cfg;
	unsigned tick_shift;
	pthread_t thread;

	hl_lock lock; /* guards all that follows; `signals` is also read by the kernel */
	uint64_t at;
	uint64_t wake_at;
	size_t count;
	int stop;
	hl_u32 signals;
	uint32_t levels;	  /* a bit for each level that is not empty */
	uint64_t bitmaps[LEVELS]; /* a bit for each slot that is not empty */
	struct hashloom_timer_link lists[LISTS];
};

/* ---- time ----------------------------------------------------------------------------------------- */

static uint64_t monotonic_now_ns(void *arg)
{
	(void)arg;
	return hl_now_ns();
}

static uint64_t rest_of_tick(const struct hashloom_timers *timers, uint64_t ns)
{
	return ns & (((uint64_t)1 << timers->tick_shift) - 1);
}

/* The tick that has begun. With the last nanosecond time is over, and the tick after the last one is taken to begin. */
static uint64_t tick_of(const struct hashloom_timers *timers, uint64_t now_ns)
{
	return (now_ns >> timers->tick_shift) + (now_ns == UINT64_MAX && timers->tick_shift > 0);
}

static uint64_t expiry_of(const struct hashloom_timers *timers, uint64_t deadline_ns)
{
	return (deadline_ns >> timers->tick_shift) + (rest_of_tick(timers, deadline_ns) != 0);
}

/* How long it takes until a tick begins. */
static uint64_t ns_until(const struct hashloom_timers *timers, uint64_t tick, uint64_t now_ns)
{
	const uint64_t begin_ns = tick <= UINT64_MAX >> timers->tick_shift ? tick << timers->tick_shift : UINT64_MAX;

	return begin_ns > now_ns ? begin_ns - now_ns : 0;
}

/* ---- lists ---------------------------------------------------------------------------------------- */

static int list_is_empty(const struct hashloom_timer_link *list)
{
	return list->next == list;
}

static struct hashloom_timer *timer_of(struct hashloom_timer_link *link)
{
	return (struct hashloom_timer *)(void *)link;
}

static void list_append(struct hashloom_timers *timers, unsigned which, struct hashloom_timer *timer)
{
	struct hashloom_timer_link *const list = &timers->lists[which];

	timer->link.next = list;
	timer->link.prev = list->prev;
	list->prev->next = &timer->link;
	list->prev = &timer->link;
	if (which < SPREADING) {
		timers->bitmaps[which / SLOTS] |= (uint64_t)1 << which % SLOTS;
		timers->levels |= 1U << which / SLOTS;
	}
}

static void slot_is_empty_now(struct hashloom_timers *timers, unsigned which)
{
	uint64_t *const bitmap = &timers->bitmaps[which / SLOTS];

	*bitmap &= ~((uint64_t)1 << which % SLOTS);
	if (*bitmap == 0)
		timers->levels &= ~(1U << which / SLOTS);
}

static void list_remove(struct hashloom_timers *timers, struct hashloom_timer *timer)
{
	struct hashloom_timer_link *const next = timer->link.next;

	hl_assert(next->prev == &timer->link && timer->link.prev->next == &timer->link);
	next->prev = timer->link.prev;
	timer->link.prev->next = next;
	/* alone: it is the head */
	if (next->next == next && next < &timers->lists[SPREADING])
		slot_is_empty_now(timers, (unsigned)(next - timers->lists));
}

/* All of a slot becomes all of an empty list. */
static void list_take_slot(struct hashloom_timers *timers, unsigned which, unsigned slot)
{
	struct hashloom_timer_link *const list = &timers->lists[which];
	struct hashloom_timer_link *const from = &timers->lists[slot];

	hl_assert(list_is_empty(list) && !list_is_empty(from));
	*list = *from;
	list->next->prev = list;
	list->prev->next = list;
	from->next = from->prev = from;
	slot_is_empty_now(timers, slot);
}

/* ---- wheel; all under the lock -------------------------------------------------------------------- */

/* Where a timer of this expiry lies. */
static unsigned list_of(const struct hashloom_timers *timers, uint64_t expiry)
{
	if (expiry <= timers->at)
		return DUE;
	const unsigned level = (63 - (unsigned)__builtin_clzll(expiry ^ timers->at)) / DIGIT_BITS;

	return level * SLOTS + (unsigned)(expiry >> level * DIGIT_BITS) % SLOTS;
}

/* The first slot to be turned to, and its tick; 0 if there is none. */
static int next_slot(const struct hashloom_timers *timers, unsigned *slot, uint64_t *tick)
{
	if (timers->levels == 0)
		return 0;
	const unsigned level = (unsigned)__builtin_ctz(timers->levels);
	const unsigned digit = (unsigned)__builtin_ctzll(timers->bitmaps[level]);
	const uint64_t above = timers->at >> level * DIGIT_BITS & ~(uint64_t)(SLOTS - 1);

	*slot = level * SLOTS + digit;
	*tick = (above | digit) << level * DIGIT_BITS;
	hl_assert(*tick > timers->at);
	return 1;
}

/* The tick at which there is something to do: `at`, if there is now; NEVER. */
static uint64_t next_tick(const struct hashloom_timers *timers)
{
	unsigned slot;
	uint64_t tick;

	if (!list_is_empty(&timers->lists[DUE]) || !list_is_empty(&timers->lists[SPREADING]))
		return timers->at;
	return next_slot(timers, &slot, &tick) ? tick : NEVER;
}

/* The hand goes on to the next slot that is not empty, or to `now`. Returns 1 when there is something to do. */
static int advance(struct hashloom_timers *timers, uint64_t now)
{
	unsigned slot;
	uint64_t tick;

	if (next_slot(timers, &slot, &tick) && tick <= now) {
		timers->at = tick;
		list_take_slot(timers, slot < SLOTS ? DUE : SPREADING, slot);
		return 1;
	}
	if (now > timers->at)
		timers->at = now;
	return 0;
}

/* One turn of the cascade. Returns 1 when there is more. */
static int spread_some(struct hashloom_timers *timers)
{
	struct hashloom_timer_link *const spreading = &timers->lists[SPREADING];

	for (unsigned n = 0; n < TIMERS_PER_TURN && !list_is_empty(spreading); n++) {
		struct hashloom_timer *const timer = timer_of(spreading->next);

		list_remove(timers, timer);
		list_append(timers, list_of(timers, expiry_of(timers, timer->deadline_ns)), timer);
	}
	return !list_is_empty(spreading);
}

/* Takes some that are due off the wheel: a list that ends with NULL. */
static struct hashloom_timer_link *take_due(struct hashloom_timers *timers, size_t *taken)
{
	struct hashloom_timer_link *const due = &timers->lists[DUE];
	struct hashloom_timer_link *const first = due->next;
	struct hashloom_timer_link *link = first;

	for (*taken = 0; *taken < TIMERS_PER_TURN && link != due; ++*taken) {
		hl_u32_store_relaxed(&timer_of(link)->state, FIRING);
		link = link->next;
	}
	link->prev->next = NULL;
	link->prev = due;
	due->next = link;
	timers->count -= *taken;
	return first;
}

/* ---- firing ---------------------------------------------------------------------------------------- */

static void wake_all(struct hashloom_timer_link *link)
{
	while (link != NULL) {
		struct hashloom_timer *const timer = timer_of(link);

		link = link->next;
		if (timer->waker.wake != NULL)
			FUTURE_WAKER_WAKE(&timer->waker);
		/* release. pairs with [TM-1] in sleep_task(). orders the last touch of timer and waker before */
		hl_u32_store_release(&timer->state, FIRED);
	}
}

/*
 * Does what is to be done up to a tick, in turns. The lock is held before and after, and free between turns. The loop ends because each
 * turn brings timers nearer: those that are armed meanwhile expire later.
 */
static size_t fire(struct hashloom_timers *timers, uint64_t now)
{
	size_t fired = 0;

	for (;;) {
		struct hashloom_timer_link *wakes = NULL;
		size_t taken = 0;
		int is_long = 0;

		if (!list_is_empty(&timers->lists[DUE]))
			wakes = take_due(timers, &taken);
		else if (!list_is_empty(&timers->lists[SPREADING]))
			is_long = spread_some(timers);
		else if (advance(timers, now))
			continue;
		else
			return fired;
		hl_lock_give(&timers->lock);
		if (is_long)
			hl_yield(); /* a moment for who waits for the lock: this turn calls nobody */
		wake_all(wakes);
		fired += taken;
		hl_lock_take(&timers->lock);
	}
}

/* ---- the thread ------------------------------------------------------------------------------------ */

/* Changes the word that the thread sleeps on; who has unlocked then wakes it. Under the lock. */
static void signal_thread(struct hashloom_timers *timers)
{
	timers->wake_at = 0;
	(void)hl_u32_fetch_add_relaxed(&timers->signals, 1);
}

/* Ends when `stop` is set, which delete does. */
static void *thread_main(void *arg)
{
	struct hashloom_timers *const timers = arg;

	for (;;) {
		const uint64_t now = tick_of(timers, hashloom_timers_now_ns(timers));

		hl_lock_take(&timers->lock);
		timers->wake_at = 0;
		if (!timers->stop)
			(void)fire(timers, now);
		const int stop = timers->stop;
		const uint64_t next = next_tick(timers);
		const uint32_t signals = hl_u32_load_relaxed(&timers->signals);
		timers->wake_at = next;
		hl_lock_give(&timers->lock);

		if (stop)
			return NULL;
		const uint64_t ns = ns_until(timers, next, hashloom_timers_now_ns(timers));
		if (next == NEVER)
			hl_futex_wait(&timers->signals, signals, 0);
		else if (ns > 0)
			hl_futex_wait(&timers->signals, signals, ns < SLEEP_MAX_NS ? ns : SLEEP_MAX_NS);
	}
}

static void stop_thread(struct hashloom_timers *timers)
{
	hl_lock_take(&timers->lock);
	timers->stop = 1;
	signal_thread(timers);
	hl_lock_give(&timers->lock);
	hl_futex_wake(&timers->signals, 1);
	pthread_join(timers->thread, NULL);
}

/* ---- sleeping ------------------------------------------------------------------------------------- */

/* Puts a timer onto the wheel. Returns 0 if it is due: somebody whose clock shows more has been here. */
static int arm(struct hashloom_timers *timers, struct hashloom_timer *timer, uint64_t now_ns)
{
	const uint64_t expiry = expiry_of(timers, timer->deadline_ns);
	const uint64_t now = tick_of(timers, now_ns);
	int is_news = 0;

	hl_lock_take(&timers->lock);
	/* on an empty wheel the hand goes as it likes; so timers begin at low levels */
	if (timers->count == 0 && now > timers->at)
		timers->at = now;
	const int is_ahead = expiry > timers->at;
	if (is_ahead) {
		const int cascades = !list_is_empty(&timers->lists[SPREADING]);

		hl_u32_store_relaxed(&timer->state, ARMED);
		list_append(timers, cascades ? SPREADING : list_of(timers, expiry), timer);
		timers->count++;
		is_news = expiry < timers->wake_at;
		if (is_news)
			signal_thread(timers);
	}
	hl_lock_give(&timers->lock);
	if (is_news)
		hl_futex_wake(&timers->signals, 1);
	return is_ahead;
}

/* Takes a timer off the wheel. Returns 0 if a run was faster. */
static int disarm(struct hashloom_timers *timers, struct hashloom_timer *timer)
{
	hl_lock_take(&timers->lock);
	const int is_armed = hl_u32_load_relaxed(&timer->state) == ARMED;
	if (is_armed) {
		list_remove(timers, timer);
		timers->count--;
	}
	hl_lock_give(&timers->lock);
	return is_armed;
}

/* A later poll's waker takes the place of the one before. Returns 0 if a run was faster. */
static int renew_waker(struct hashloom_timers *timers, struct hashloom_timer *timer, struct future_waker waker)
{
	if (waker.data == timer->waker.data && waker.wake == timer->waker.wake)
		return 1;
	hl_lock_take(&timers->lock);
	const int is_armed = hl_u32_load_relaxed(&timer->state) == ARMED;
	if (is_armed)
		timer->waker = waker;
	hl_lock_give(&timers->lock);
	return is_armed;
}

static uint64_t deadline_of(const struct hashloom_sleep_data *data, uint64_t now_ns)
{
	if (data->is_until)
		return data->ns;
	return data->ns < UINT64_MAX - now_ns ? now_ns + data->ns : UINT64_MAX;
}

static enum future_state complete(struct future_context *context)
{
	struct hashloom_sleep_data *const data = future_context_get_data(context);
	struct hashloom_sleep_output *const output = future_context_get_output(context);

	hl_u32_store_relaxed(&data->timer.state, UNARMED);
	output->deadline_ns = data->timer.deadline_ns;
	return FUTURE_STATE_COMPLETE;
}

/* The first poll. */
static enum future_state begin(struct future_context *context, struct future_waker waker)
{
	struct hashloom_sleep_data *const data = future_context_get_data(context);
	const uint64_t now_ns = hashloom_timers_now_ns(data->timers);

	data->timer.deadline_ns = deadline_of(data, now_ns);
	data->timer.waker = waker;
	if (now_ns >= data->timer.deadline_ns || !arm(data->timers, &data->timer, now_ns))
		return complete(context);
	return FUTURE_STATE_RUNNING;
}

/* A poll of a timer that was armed. *is_told: the waker will be called. */
static enum future_state go_on(struct future_context *context, struct future_waker waker, int *is_told)
{
	struct hashloom_sleep_data *const data = future_context_get_data(context);

	if (future_context_is_cancelled(context)) {
		if (disarm(data->timers, &data->timer)) {
			(void)complete(context);
			return future_context_cancelled(context);
		}
		*is_told = 0;
	} else if (waker.wake == NULL && hashloom_timers_now_ns(data->timers) >= data->timer.deadline_ns) {
		if (disarm(data->timers, &data->timer))
			return complete(context);
	} else {
		*is_told = renew_waker(data->timers, &data->timer, waker);
	}
	return FUTURE_STATE_RUNNING;
}

static enum future_state sleep_task(struct future_context *context, struct future_notifier *notifier)
{
	static const struct future_waker none = { NULL, NULL };
	struct hashloom_sleep_data *const data = future_context_get_data(context);
	const struct future_waker waker = notifier != NULL ? notifier->waker : none;
	enum future_state result = FUTURE_STATE_RUNNING;
	int is_told = 1;

	/* acquire. pairs with [TM-1] in wake_all() */
	switch (hl_u32_load_acquire(&data->timer.state)) {
	case UNARMED:
		if (future_context_is_cancelled(context))
			return future_context_cancelled(context);
		result = begin(context, waker);
		break;
	case ARMED:
		result = go_on(context, waker, &is_told);
		break;
	case FIRING:
		is_told = 0;
		break;
	default:
		return complete(context);
	}
	if (notifier != NULL)
		notifier->notifier_used = is_told && waker.wake != NULL ? FUTURE_NOTIFIER_WAKER : FUTURE_NOTIFIER_NONE;
	return result;
}

static int sleep_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_ASYNC || property == FUTURE_PROPERTY_CANCEL;
}

static struct hashloom_sleep_fut sleep_new(struct hashloom_timers *timers, uint64_t ns, int is_until)
{
	struct hashloom_sleep_fut future = { .data = { .timers = timers, .ns = ns, .is_until = is_until } };

	FUTURE_INIT_EXT(&future, sleep_task, sleep_has_property);
	return future;
}

/* ---- API ------------------------------------------------------------------------------------------- */

struct hashloom_timers_cfg hashloom_timers_cfg_default(void)
{
	return (struct hashloom_timers_cfg){ .tick_ns = TICK_NS_DEFAULT };
}

struct hashloom_timers *hashloom_timers_new(const struct hashloom_timers_cfg *cfg)
{
	const struct hashloom_timers_cfg by_default = hashloom_timers_cfg_default();
	const struct hashloom_timers_cfg *const wanted = cfg != NULL ? cfg : &by_default;

	if (wanted->tick_ns < 1 || wanted->tick_ns > HASHLOOM_TIMERS_TICK_NS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	struct hashloom_timers *const timers = calloc(1, sizeof(*timers));
	if (timers == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	timers->cfg = *wanted;
	if (timers->cfg.now_ns == NULL)
		timers->cfg.now_ns = monotonic_now_ns;
	timers->tick_shift = 63 - (unsigned)__builtin_clzll(wanted->tick_ns);
	for (unsigned i = 0; i < LISTS; i++)
		timers->lists[i].next = timers->lists[i].prev = &timers->lists[i];
	const int error = wanted->driven_by_caller ? 0 : hl_thread_start(&timers->thread, NULL, thread_main, timers);
	if (error != 0) {
		timers->cfg.driven_by_caller = 1;
		hashloom_timers_delete(timers);
		errno = error;
		return NULL;
	}
	return timers;
}

void hashloom_timers_delete(struct hashloom_timers *timers)
{
	if (timers == NULL)
		return;
	if (!timers->cfg.driven_by_caller)
		stop_thread(timers);
	free(timers);
}

uint64_t hashloom_timers_now_ns(const struct hashloom_timers *timers)
{
	return timers->cfg.now_ns(timers->cfg.now_arg);
}

size_t hashloom_timers_count(struct hashloom_timers *timers)
{
	hl_lock_take(&timers->lock);
	const size_t count = timers->count;

	hl_lock_give(&timers->lock);
	return count;
}

uint64_t hashloom_timers_next_ns(struct hashloom_timers *timers)
{
	hl_lock_take(&timers->lock);
	const uint64_t next = next_tick(timers);

	hl_lock_give(&timers->lock);
	return next == NEVER ? UINT64_MAX : ns_until(timers, next, hashloom_timers_now_ns(timers));
}

size_t hashloom_timers_run(struct hashloom_timers *timers)
{
	const uint64_t now = tick_of(timers, hashloom_timers_now_ns(timers));

	hl_lock_take(&timers->lock);
	const size_t fired = fire(timers, now);

	hl_lock_give(&timers->lock);
	return fired;
}

struct hashloom_sleep_fut hashloom_sleep(struct hashloom_timers *timers, uint64_t ns)
{
	return sleep_new(timers, ns, 0);
}

struct hashloom_sleep_fut hashloom_sleep_until(struct hashloom_timers *timers, uint64_t deadline_ns)
{
	return sleep_new(timers, deadline_ns, 1);
}
