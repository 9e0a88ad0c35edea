/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_combine.c: combinators whose children are woken by other tasks while they are polled (combine.h).
 *
 * The last task polls as a runtime does: again when its waker was called, or when it was told to poll in turn. A wake-up that is lost ends
 * as "nobody can go on". As soon as the combinator is complete it is freed, with its slots and children: a waker that comes too late is
 * an access to freed memory.
 */
#include "schedule.h"

#include <hashloom/combine.h>
#include <hashloom/runtime.h>

#define EVENTS 3

/* ---- events, which keep to the contract of wakers -------------------------------------------------------------- */

#define REGISTERED 1U
#define HAPPENED 2U
#define MAY_GO 4U
#define GIVEN_UP 8U

static struct event {
	hl_u32 *state;
	struct future_waker waker;
	int news; /* plain: written before it happens */
	unsigned polls;
} events[EVENTS];

struct event_data {
	struct event *event;
};

struct event_output {
	int news;
};

FUTURE(event_fut, struct event_data, struct event_output);

static enum future_state event_task(struct future_context *context, struct future_notifier *notifier)
{
	struct event *const event = ((struct event_data *)future_context_get_data(context))->event;
	uint32_t state = hl_u32_load_acquire(event->state);

	event->polls++;
	if (future_context_is_cancelled(context) && !(state & HAPPENED)) {
		state = hl_u32_fetch_or_acq_rel(event->state, GIVEN_UP);
		if (!(state & HAPPENED))
			return future_context_cancelled(context);
	}
	if (!(state & (HAPPENED | REGISTERED))) {
		event->waker = notifier->waker;
		state = hl_u32_fetch_or_acq_rel(event->state, REGISTERED);
	}
	if (state & HAPPENED && (state & MAY_GO || !(state & REGISTERED))) {
		((struct event_output *)future_context_get_output(context))->news = event->news;
		return FUTURE_STATE_COMPLETE;
	}
	notifier->notifier_used = state & HAPPENED ? FUTURE_NOTIFIER_NONE : FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_RUNNING;
}

static void happen(struct event *event)
{
	event->news = 42;
	if ((hl_u32_fetch_or_acq_rel(event->state, HAPPENED) & (REGISTERED | GIVEN_UP)) != REGISTERED)
		return;
	FUTURE_WAKER_WAKE(&event->waker);
	hl_u32_fetch_or_release(event->state, MAY_GO);
}

static int event_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

/* ---- what is combined -------------------------------------------------------------------------------------------- */

static hl_u32 *told[2]; /* count the calls of the two wakers of whoever polls */

static struct block {
	struct event_fut children[EVENTS];
	struct future *futures[EVENTS];
	struct future_slot slots[EVENTS];
	union {
		struct future_all_fut all;
		struct future_any_fut any;
		struct future_bounded_fut bounded;
		struct future_timeout_fut timeout;
	};
} *block;

static hl_u32 *new_word(const char *name)
{
	hl_u32 *const word = calloc(1, sizeof(*word));

	SCHEDULE_REQUIRE(word != NULL);
	schedule_name(word, name);
	return word;
}

static void setup_block(void)
{
	block = calloc(1, sizeof(*block));
	SCHEDULE_REQUIRE(block != NULL);
	schedule_name(block, "block");
	told[0] = new_word("told");
	told[1] = new_word("told the other");
	for (unsigned i = 0; i < EVENTS; i++) {
		struct event_fut *const child = &block->children[i];

		events[i] = (struct event){ .state = new_word("event") };
		child->data.event = &events[i];
		FUTURE_INIT_EXT(child, event_task, event_has_property);
		block->futures[i] = FUTURE_AS_RUNNABLE(child);
	}
}

static void setup_all(void)
{
	setup_block();
	block->all = future_all(block->futures, block->slots, 2);
}

static void setup_any(void)
{
	setup_block();
	block->any = future_any(block->futures, block->slots, 2);
}

/* Two at a time, of three: a slot has two children, one after the other. */
static void setup_bounded(void)
{
	setup_block();
	block->bounded = future_bounded(block->slots, 2, 3, future_make_from_array, NULL, block->futures);
}

static void check(void)
{
	for (unsigned i = 0; i < EVENTS; i++)
		free(events[i].state);
	free(told[0]);
	free(told[1]);
}

static void count_call(void *data)
{
	hl_u32_fetch_add_release(data, 1);
}

/* One poll with the waker `number`. Returns what the notifier says then. */
static enum future_notifier_type poll_with(struct future *future, unsigned number)
{
	struct future_notifier notifier = { .waker = { told[number], count_call },
					    .poller = { NULL },
					    .notifier_used = FUTURE_NOTIFIER_NONE,
					    .padding = 0 };

	(void)future_poll(future, &notifier);
	return notifier.notifier_used;
}

/* Then waits until this waker is called, if it is not to be polled in turn. Returns 1 when it is complete. */
static int poll_and_wait(struct future *future, unsigned number)
{
	const uint32_t before = hl_u32_load_acquire(told[number]);
	const enum future_notifier_type used = poll_with(future, number);

	if (future->context.state == FUTURE_STATE_COMPLETE)
		return 1;
	if (used == FUTURE_NOTIFIER_WAKER)
		schedule_wait_while(told[number], before);
	else
		hl_relax();
	return 0;
}

static void require_complete(unsigned children)
{
	for (unsigned i = 0; i < children; i++)
		SCHEDULE_REQUIRE(FUTURE_STATE(&block->children[i]) == FUTURE_STATE_COMPLETE);
}

static void require_news(unsigned children)
{
	require_complete(children);
	for (unsigned i = 0; i < children; i++)
		SCHEDULE_REQUIRE(block->children[i].output.news == 42);
}

static void free_block(void)
{
	free(block);
	block = NULL;
}

/* ---- wakes during polls ------------------------------------------------------------------------------------------ */

/* K.4: one that waits is polled once when it was woken; and again only while its waker is still being called. */
static void drive_all(void)
{
	while (!poll_and_wait(&block->all.base, 0))
		;
	require_news(2);
	free_block();
}

static void run_one_fires_two(unsigned task)
{
	if (task == 1) {
		drive_all();
		return;
	}
	happen(&events[1]);
	happen(&events[0]);
}

static void run_two_fire(unsigned task)
{
	if (task == 2)
		drive_all();
	else
		happen(&events[task]);
}

/* It has been polled before: so a poll may come between a push and the call that it leads to. */
static void setup_polled(void)
{
	setup_all();
	(void)poll_with(&block->all.base, 0);
}

/* K.4: who is not woken is not polled, however often the combinator is. */
static void run_patient_neighbour(unsigned task)
{
	if (task == 0) {
		happen(&events[0]);
		return;
	}
	while (FUTURE_STATE(&block->children[0]) != FUTURE_STATE_COMPLETE) {
		(void)poll_with(&block->all.base, 0);
		hl_relax();
	}
	SCHEDULE_REQUIRE(events[1].polls == 1);
	happen(&events[1]);
	drive_all();
}

/* Each poll brings another waker; only the last one's call is waited for. */
static void drive_with_two_wakers(void)
{
	for (unsigned polls = 0; !poll_and_wait(&block->all.base, polls % 2); polls++)
		;
	require_news(2);
	free_block();
}

static void run_one_fires_two_wakers(unsigned task)
{
	if (task == 1) {
		drive_with_two_wakers();
		return;
	}
	happen(&events[0]);
	happen(&events[1]);
}

static void run_two_fire_two_wakers(unsigned task)
{
	if (task == 2)
		drive_with_two_wakers();
	else
		happen(&events[task]);
}

static void run_two_fire_other_waker(unsigned task)
{
	if (task < 2) {
		happen(&events[task]);
		return;
	}
	while (!poll_and_wait(&block->all.base, 1))
		;
	require_news(2);
	free_block();
}

static void run_bounded(unsigned task)
{
	if (task == 0) {
		happen(&events[1]);
		happen(&events[2]);
		happen(&events[0]);
		return;
	}
	while (!poll_and_wait(&block->bounded.base, 0))
		;
	require_news(3);
	SCHEDULE_REQUIRE(block->bounded.output.good == 3);
	free_block();
}

/* ---- wakers that are all that tells ------------------------------------------------------------------------------- */

/* One child that is told by two tasks, with no order but that of its waker. */
static struct {
	hl_u32 *registered;
	hl_u32 *news[2];
	hl_u32 *gone; /* tasks whose call of the waker has returned */
	struct future_waker waker;
} letters;

static struct event_fut reader;

static enum future_state read_letters(struct future_context *context, struct future_notifier *notifier)
{
	unsigned seen = 0;

	(void)context;
	if (hl_u32_load_relaxed(letters.registered) == 0) {
		letters.waker = notifier->waker;
		hl_u32_store_release(letters.registered, 1);
	}
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	for (unsigned i = 0; i < 2; i++)
		seen += hl_u32_load_relaxed(letters.news[i]);
	if (seen < 2)
		return FUTURE_STATE_RUNNING;
	notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	return hl_u32_load_acquire(letters.gone) == 2 ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void setup_letters(void)
{
	setup_all();
	letters.registered = new_word("registered");
	letters.news[0] = new_word("first letter");
	letters.news[1] = new_word("second letter");
	letters.gone = new_word("gone");
	FUTURE_INIT(&reader, read_letters);
	block->futures[0] = FUTURE_AS_RUNNABLE(&reader);
	block->all = future_all(block->futures, block->slots, 1);
}

static void run_letters(unsigned task)
{
	if (task < 2) {
		schedule_wait_while(letters.registered, 0);
		hl_u32_store_relaxed(letters.news[task], 1);
		FUTURE_WAKER_WAKE(&letters.waker);
		hl_u32_fetch_add_release(letters.gone, 1);
		return;
	}
	while (!poll_and_wait(&block->all.base, 0))
		;
	free_block();
}

static void check_letters(void)
{
	free(letters.registered);
	free(letters.news[0]);
	free(letters.news[1]);
	free(letters.gone);
	check();
}

/* ---- the first of two, at once ------------------------------------------------------------------------------------ */

static void run_any(unsigned task)
{
	if (task < 2) {
		happen(&events[task]);
		return;
	}
	while (!poll_and_wait(&block->any.base, 0))
		;
	require_complete(2);
	SCHEDULE_REQUIRE(block->any.output.index < 2);
	for (size_t i = 0; i < 2; i++)
		SCHEDULE_REQUIRE(future_is_cancelled(block->futures[i]) || block->children[i].output.news == 42);
	SCHEDULE_REQUIRE(!future_is_cancelled(block->futures[block->any.output.index]));
	SCHEDULE_REQUIRE(!future_is_cancelled(&block->any.base));
	free_block();
}

/* The other event never happens. */
static void run_any_of_one(unsigned task)
{
	if (task == 0) {
		happen(&events[0]);
		return;
	}
	while (!poll_and_wait(&block->any.base, 0))
		;
	require_complete(2);
	SCHEDULE_REQUIRE(block->any.output.index == 0 && block->children[0].output.news == 42);
	SCHEDULE_REQUIRE(future_is_cancelled(block->futures[1]));
	free_block();
}

/* ---- cancelled while it is woken ---------------------------------------------------------------------------------- */

static void cancel_and_drive(struct future *future)
{
	if (schedule_choose(2) == 1)
		(void)poll_with(future, 1);
	future_cancel(future);
	while (!poll_and_wait(future, 0))
		;
	require_complete(2);
}

static void run_cancelled_all(unsigned task)
{
	size_t cancelled = 0;

	if (task < 2) {
		happen(&events[task]);
		return;
	}
	cancel_and_drive(&block->all.base);
	for (size_t i = 0; i < 2; i++) {
		cancelled += (size_t)future_is_cancelled(block->futures[i]);
		SCHEDULE_REQUIRE(future_is_cancelled(block->futures[i]) || block->children[i].output.news == 42);
	}
	SCHEDULE_REQUIRE(block->all.output.cancelled == cancelled);
	SCHEDULE_REQUIRE(future_is_cancelled(&block->all.base) == (cancelled > 0));
	free_block();
}

/* The other event never happens. */
static void run_cancelled_with_one(unsigned task)
{
	if (task == 0) {
		happen(&events[0]);
		return;
	}
	cancel_and_drive(&block->all.base);
	SCHEDULE_REQUIRE(future_is_cancelled(&block->all.base) && future_is_cancelled(block->futures[1]));
	free_block();
}

static void run_cancelled_any(unsigned task)
{
	if (task < 2) {
		happen(&events[task]);
		return;
	}
	cancel_and_drive(&block->any.base);
	const size_t index = block->any.output.index;
	SCHEDULE_REQUIRE(future_is_cancelled(&block->any.base) == (index == FUTURE_ANY_NONE));
	SCHEDULE_REQUIRE(index == FUTURE_ANY_NONE || block->children[index].output.news == 42);
	free_block();
}

/* ---- in time, or not ---------------------------------------------------------------------------------------------- */

static hl_u64 *hand;
static struct hashloom_timers *timers;

static uint64_t show_hand(void *arg)
{
	return hl_u64_load_acquire(arg);
}

static void setup_timeout(void)
{
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();

	setup_block();
	hand = calloc(1, sizeof(*hand));
	SCHEDULE_REQUIRE(hand != NULL);
	schedule_name(hand, "clock");
	cfg.now_ns = show_hand;
	cfg.now_arg = hand;
	cfg.tick_ns = 1;
	cfg.driven_by_caller = 1;
	timers = hashloom_timers_new(&cfg);
	SCHEDULE_REQUIRE(timers != NULL);
	schedule_name(timers, "timers");
	block->timeout = future_deadline(block->futures[0], timers, 1);
}

/* The time is over when the event happens. */
static void run_timeout(unsigned task)
{
	if (task == 0) {
		hl_u64_store_release(hand, 1);
		(void)hashloom_timers_run(timers);
		return;
	}
	if (task == 1) {
		happen(&events[0]);
		return;
	}
	while (!poll_and_wait(&block->timeout.base, 0))
		;
	require_complete(1);
	SCHEDULE_REQUIRE(block->timeout.output.timed_out || block->children[0].output.news == 42);
	SCHEDULE_REQUIRE(!future_is_cancelled(&block->timeout.base));
	free_block();
}

static void check_timeout(void)
{
	SCHEDULE_REQUIRE(hashloom_timers_count(timers) == 0);
	hashloom_timers_delete(timers);
	free(hand);
	check();
}

/* ---- levels -------------------------------------------------------------------------------------------------------- */

static struct runtime *runtime;

static void setup_levels(void)
{
	setup_all();
	runtime = runtime_new();
	SCHEDULE_REQUIRE(runtime != NULL);
}

/* All in an any in a runtime. */
static void run_levels(unsigned task)
{
	if (task < 2) {
		happen(&events[task]);
		return;
	}
	struct future *one[] = { &block->all.base };
	struct future_slot slot;
	struct future_any_fut any = future_any(one, &slot, 1);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&any));
	require_news(2);
	SCHEDULE_REQUIRE(any.output.index == 0);
	free_block();
}

static void check_levels(void)
{
	runtime_delete(runtime);
	check();
}

static const struct schedule_scenario scenarios[] = {
	{ .name = "all-wakes-around-polls", .shows = "K.1 K.4", .pitfalls = "21 22", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_all, .run = run_one_fires_two, .check = check },
	{ .name = "all-two-wakers-at-once", .shows = "K.1 K.4", .pitfalls = "22 31", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_all, .run = run_two_fire, .check = check },
	{ .name = "all-polled-between-wakes", .shows = "K.1 K.4", .pitfalls = "22 31", .tasks = 3, .bound = 3, .bound_weak = 3,
	  .setup = setup_polled, .run = run_two_fire, .check = check },
	{ .name = "waker-replaced-between-wakes", .shows = "K.1 K.4", .pitfalls = "22", .tasks = 3, .bound = 3, .bound_weak = 3,
	  .setup = setup_polled, .run = run_two_fire_other_waker, .check = check },
	{ .name = "all-who-is-not-woken", .shows = "K.4", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_all, .run = run_patient_neighbour, .check = check },
	{ .name = "all-told-by-two", .shows = "K.1 K.4", .pitfalls = "22 27", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_letters, .run = run_letters, .check = check_letters },
	{ .name = "waker-replaced", .shows = "K.4", .pitfalls = "22", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_all, .run = run_one_fires_two_wakers, .check = check },
	{ .name = "waker-replaced-at-two-wakes", .shows = "K.4", .pitfalls = "22", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_all, .run = run_two_fire_two_wakers, .check = check },
	{ .name = "any-two-at-once", .shows = "K.1 K.2", .pitfalls = "31", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_any, .run = run_any, .check = check },
	{ .name = "any-one-never-happens", .shows = "K.1 K.2", .pitfalls = "31", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_any, .run = run_any_of_one, .check = check },
	{ .name = "bounded-slots-again", .shows = "K.1 K.4", .pitfalls = "22", .tasks = 2, .bound = 4, .bound_weak = 3,
	  .setup = setup_bounded, .run = run_bounded, .check = check },
	{ .name = "cancel-all-and-wakes", .shows = "K.1 K.2 K.3", .pitfalls = "31", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_all, .run = run_cancelled_all, .check = check },
	{ .name = "cancel-all-one-never-happens", .shows = "K.1 K.2 K.3", .pitfalls = "31", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_all, .run = run_cancelled_with_one, .check = check },
	{ .name = "cancel-any-and-wakes", .shows = "K.1 K.2 K.3", .pitfalls = "31", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_any, .run = run_cancelled_any, .check = check },
	{ .name = "timeout-and-event-at-once", .shows = "K.1 K.2", .pitfalls = "28 31", .tasks = 3, .bound = 2, .bound_weak = 2,
	  .setup = setup_timeout, .run = run_timeout, .check = check_timeout },
	{ .name = "levels-in-a-runtime", .shows = "K.4", .pitfalls = "22", .tasks = 3, .bound = 2, .bound_weak = 2,
	  .setup = setup_levels, .run = run_levels, .check = check_levels },
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
