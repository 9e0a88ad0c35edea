/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_runtime.c: futures that wait for their wakers, and a runtime that waits for them (future.h, runtime.h).
 *
 * A wake-up that is lost ends as "nobody can go on". A future that is polled though nobody woke it says so itself, and so does one that was
 * woken and does not see what happened before.
 */
#include "schedule.h"

#include <hashloom/runtime.h>

#define SLOTS_MIN 64 /* of a session: one more future makes it larger (runtime.c) */
#define MANY (SLOTS_MIN + 1)

static struct runtime *runtime;

static void setup_runtime(void)
{
	runtime = runtime_new();
	SCHEDULE_REQUIRE(runtime != NULL);
	schedule_name(runtime, "runtime");
}

/* ---- events: happen once, and wake the one future that waits for them --------------------------------------- */

#define REGISTERED 1U
#define HAPPENED 2U

static struct event {
	hl_u32 state;
	struct future_waker waker;
	int news; /* plain: written before it happens */
} events[3];

struct event_data {
	struct event *event;
	unsigned polls;
	int is_patient; /* it may be polled for nothing */
};

struct event_output {
	int news;
};

FUTURE(event_fut, struct event_data, struct event_output);

static struct event_fut waits[3];

static enum future_state event_task(struct future_context *context, struct future_notifier *notifier)
{
	struct event_data *const data = future_context_get_data(context);
	struct event_output *const output = future_context_get_output(context);
	struct event *const event = data->event;

	data->polls++;
	if (!(hl_u32_load_acquire(&event->state) & HAPPENED)) {
		if (notifier == NULL)
			return FUTURE_STATE_RUNNING;
		/* R.2, R.1: later ones come because it has happened, and see it */
		SCHEDULE_REQUIRE(data->polls == 1 || data->is_patient);
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
		if (data->polls > 1)
			return FUTURE_STATE_RUNNING;
		event->waker = notifier->waker;
		if (!(hl_u32_fetch_or_acq_rel(&event->state, REGISTERED) & HAPPENED))
			return FUTURE_STATE_RUNNING;
	}
	output->news = event->news;
	return FUTURE_STATE_COMPLETE;
}

static void happen(struct event *event)
{
	event->news = 42;
	if (hl_u32_fetch_or_acq_rel(&event->state, HAPPENED) & REGISTERED)
		FUTURE_WAKER_WAKE(&event->waker);
}

static void setup_events(void)
{
	setup_runtime();
	for (unsigned i = 0; i < 3; i++) {
		events[i] = (struct event){ .news = 0 };
		FUTURE_INIT(&waits[i], event_task);
		waits[i].data = (struct event_data){ .event = &events[i] };
		waits[i].output.news = 0;
	}
}

static void check_events(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		SCHEDULE_REQUIRE(FUTURE_STATE(&waits[i]) == FUTURE_STATE_COMPLETE);
		SCHEDULE_REQUIRE(waits[i].output.news == 42);
	}
	runtime_delete(runtime);
}

static void check_one(void)
{
	check_events(1);
}

static void check_two(void)
{
	check_events(2);
}

static void check_three(void)
{
	check_events(3);
}

/* ---- the waker is called before, during and after the poll --------------------------------------------------- */

static void run_one_event(unsigned task)
{
	if (task == 0)
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&waits[0]));
	else
		happen(&events[0]);
}

static void run_one_of_many(unsigned task)
{
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&waits[0]), FUTURE_AS_RUNNABLE(&waits[1]), FUTURE_AS_RUNNABLE(&waits[2]) };

	if (task == 0) {
		runtime_wait_multiple(runtime, futures, 3);
	} else {
		happen(&events[1]);
		happen(&events[2]);
		happen(&events[0]);
	}
}

/* Two threads wake different futures of one wait: their slots meet on the stack. */
static void run_wakers_of_two(unsigned task)
{
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&waits[0]), FUTURE_AS_RUNNABLE(&waits[1]) };

	if (task == 2)
		runtime_wait_multiple(runtime, futures, 2);
	else
		happen(&events[task]);
}

/* R.4: also a complete one. */
static void run_twice_in_the_array(unsigned task)
{
	static struct event_fut complete;
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&complete), FUTURE_AS_RUNNABLE(&waits[0]), FUTURE_AS_RUNNABLE(&waits[0]),
				     FUTURE_AS_RUNNABLE(&waits[1]), FUTURE_AS_RUNNABLE(&waits[0]) };

	if (task == 0) {
		FUTURE_INIT_COMPLETE(&complete);
		runtime_wait_multiple(runtime, futures, 5);
	} else {
		happen(&events[0]);
		happen(&events[1]);
	}
}

/* The runtime finds no memory for its wakers: it polls. */
static void run_without_memory(unsigned task)
{
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&waits[0]), FUTURE_AS_RUNNABLE(&waits[1]) };

	if (task == 0) {
		schedule_fail_allocation(1 + schedule_choose(3));
		runtime_wait_multiple(runtime, futures, 2);
		schedule_fail_allocation(0);
	} else {
		happen(&events[0]);
		happen(&events[1]);
	}
}

/* ---- waits at the same time ----------------------------------------------------------------------------------- */

/* Each waits for the other; one after the other they have the same session, at the same time two. */
static void run_two_waits(unsigned task)
{
	happen(&events[1 - task]);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&waits[task]));
}

/* Three, so that sessions are made, given back and taken at the same time. */
static void run_three_waits(unsigned task)
{
	happen(&events[(task + 1) % 3]);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&waits[task]));
}

static struct event_fut outer;
static unsigned outer_polls;

/* Waits inside of its poll, then for an event of its own. */
static enum future_state nesting_task(struct future_context *context, struct future_notifier *notifier)
{
	if (outer_polls++ == 0)
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&waits[0]));
	SCHEDULE_REQUIRE(FUTURE_STATE(&waits[0]) == FUTURE_STATE_COMPLETE);
	return event_task(context, notifier);
}

static void setup_nested(void)
{
	setup_events();
	FUTURE_INIT(&outer, nesting_task);
	outer.data = (struct event_data){ .event = &events[1] };
	outer_polls = 0;
}

static void run_nested(unsigned task)
{
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&outer), FUTURE_AS_RUNNABLE(&waits[2]) };

	if (task == 0) {
		runtime_wait_multiple(runtime, futures, 2);
	} else {
		happen(&events[2]);
		happen(&events[0]);
		happen(&events[1]);
	}
}

static void check_nested(void)
{
	SCHEDULE_REQUIRE(FUTURE_STATE(&outer) == FUTURE_STATE_COMPLETE && outer.output.news == 42);
	waits[1].output.news = 42;
	waits[1].base.context.state = FUTURE_STATE_COMPLETE;
	check_events(3);
}

/* ---- wakers that are all that tells ---------------------------------------------------------------------------- */

/* A future that registers its waker at each poll, and is complete when it sees that each of its wakers was there. */
static struct {
	hl_u32 registered;
	struct future_waker waker;
	hl_u64 *words[2]; /* of different lines: 1 says that a waker was there */
	unsigned wanted;
	unsigned polls;
} told;

FUTURE(told_fut, struct event_data, struct event_output);
static struct told_fut told_future;

static enum future_state told_task(struct future_context *context, struct future_notifier *notifier)
{
	unsigned seen = 0;

	(void)context;
	if (told.polls++ == 0) {
		told.waker = notifier->waker;
		hl_u32_store_release(&told.registered, 1);
	}
	for (unsigned i = 0; i < told.wanted; i++)
		seen += hl_u64_load_relaxed(told.words[i]) != 0;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return seen == told.wanted ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void setup_told(unsigned wanted)
{
	setup_events();
	hl_u32_store_relaxed(&told.registered, 0);
	told.polls = 0;
	told.wanted = wanted;
	for (unsigned i = 0; i < 2; i++) {
		told.words[i] = calloc(1, sizeof(*told.words[i]));
		SCHEDULE_REQUIRE(told.words[i] != NULL);
		schedule_name(told.words[i], "word");
	}
	FUTURE_INIT(&told_future, told_task);
}

static void setup_told_by_one(void)
{
	setup_told(1);
}

static void setup_told_by_two(void)
{
	setup_told(2);
}

static void tell(unsigned word)
{
	hl_u64_store_relaxed(told.words[word], 1);
	FUTURE_WAKER_WAKE(&told.waker);
}

/* Of two wakers at once only one pushes the slot; the poll sees what both have done, or there is another one. */
static void run_told_by_two(unsigned task)
{
	if (task == 2) {
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&told_future));
	} else {
		schedule_wait_while(&told.registered, 0);
		tell(task);
	}
}

/* For nothing, then with news, and once more too late. */
static void run_told_thrice(unsigned task)
{
	if (task == 0) {
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&told_future));
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&waits[0]));
	} else {
		schedule_wait_while(&told.registered, 0);
		FUTURE_WAKER_WAKE(&told.waker);
		tell(0);
		FUTURE_WAKER_WAKE(&told.waker);
		happen(&events[0]);
	}
}

static void check_told(void)
{
	SCHEDULE_REQUIRE(FUTURE_STATE(&told_future) == FUTURE_STATE_COMPLETE);
	SCHEDULE_REQUIRE(told.polls <= 4);
	free(told.words[0]);
	free(told.words[1]);
	runtime_delete(runtime);
}

/* ---- late wakers ------------------------------------------------------------------------------------------------ */

/* A late wake of a slot may poll who has it now for nothing: R.6. */
static void setup_late(void)
{
	setup_told(1);
	waits[0].data.is_patient = 1;
}

/* The late wakes are for a future that is complete, while another one is waited for. */
static void run_late_in_the_wait(unsigned task)
{
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&told_future), FUTURE_AS_RUNNABLE(&waits[0]) };

	if (task == 1) {
		schedule_wait_while(&told.registered, 0);
		tell(0);
		FUTURE_WAKER_WAKE(&told.waker);
		FUTURE_WAKER_WAKE(&told.waker);
		happen(&events[0]);
		return;
	}
	runtime_wait_multiple(runtime, futures, 2);
	SCHEDULE_REQUIRE(FUTURE_STATE(&waits[0]) == FUTURE_STATE_COMPLETE);
}

/* The late wake is for a slot that has been replaced, because the second wait is larger. */
static void run_late_for_the_block(unsigned task)
{
	static struct event_fut complete[MANY - 1];
	struct future *futures[MANY];

	if (task == 1) {
		schedule_wait_while(&told.registered, 0);
		tell(0);
		FUTURE_WAKER_WAKE(&told.waker);
		happen(&events[0]);
		return;
	}
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&told_future));
	futures[0] = FUTURE_AS_RUNNABLE(&waits[0]);
	for (unsigned i = 1; i < MANY; i++) {
		FUTURE_INIT_COMPLETE(&complete[i - 1]);
		futures[i] = FUTURE_AS_RUNNABLE(&complete[i - 1]);
	}
	runtime_wait_multiple(runtime, futures, MANY);
}

/* ---- futures without waker --------------------------------------------------------------------------------------- */

static hl_u32 *flag;
static struct event_fut flag_future;

static enum future_state flag_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return hl_u32_load_acquire(flag) != 0 ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void setup_flag(void)
{
	setup_events();
	flag = calloc(1, sizeof(*flag));
	SCHEDULE_REQUIRE(flag != NULL);
	schedule_name(flag, "flag");
	FUTURE_INIT(&flag_future, flag_task);
}

/* Beside one that waits for its waker: the pauses end, by time or by the wake. */
static void run_flag(unsigned task)
{
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&flag_future), FUTURE_AS_RUNNABLE(&waits[0]) };
	const unsigned first = task == 0 ? 0 : schedule_choose(2);

	if (task == 0) {
		runtime_wait_multiple(runtime, futures, 2);
		return;
	}
	if (first == 0)
		happen(&events[0]);
	hl_u32_store_release(flag, 1);
	if (first == 1)
		happen(&events[0]);
}

static void check_flag(void)
{
	SCHEDULE_REQUIRE(FUTURE_STATE(&flag_future) == FUTURE_STATE_COMPLETE);
	free(flag);
	check_events(1);
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

struct chain_data {
	FUTURE_CHAIN_ENTRY(struct event_fut, first);
	FUTURE_CHAIN_ENTRY_LAST(struct event_fut, second);
};

FUTURE(chain_fut, struct chain_data, struct event_output);
static struct chain_fut chain;

/* Takes the waker, for nothing, and is complete. */
static enum future_state taking_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)context;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_COMPLETE;
}

static void setup_chain(future_task_fn first, struct event *event)
{
	struct event_fut entry;

	setup_flag();
	FUTURE_INIT(&entry, first);
	entry.data = (struct event_data){ .event = event };
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, entry, NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.second, flag_future, NULL, NULL);
	FUTURE_CHAIN_INIT(&chain);
}

/* What the notifier says is the first entry's word, the second one would wait for ever. */
static void setup_chain_that_goes_on(void)
{
	setup_chain(taking_task, NULL);
}

static void setup_chain_that_was_woken(void)
{
	setup_chain(event_task, &events[0]);
}

static void run_chain(unsigned task)
{
	if (task == 0) {
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&chain));
	} else {
		happen(&events[0]);
		hl_u32_store_release(flag, 1);
	}
}

static void check_chain(void)
{
	SCHEDULE_REQUIRE(FUTURE_STATE(&chain) == FUTURE_STATE_COMPLETE);
	free(flag);
	runtime_delete(runtime);
}

static const struct schedule_scenario scenarios[] = {
	{ .name = "wake-around-a-poll", .shows = "R.1 R.2 R.7", .pitfalls = "21 22", .tasks = 2, .bound = 6, .bound_weak = 4,
	  .setup = setup_events, .run = run_one_event, .check = check_one },
	{ .name = "wakes-of-three", .shows = "R.1 R.2 R.5", .pitfalls = "22", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_events, .run = run_one_of_many, .check = check_three },
	{ .name = "wakers-of-two-at-once", .shows = "R.1 R.2", .pitfalls = "22", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_events, .run = run_wakers_of_two, .check = check_two },
	{ .name = "told-by-two-at-once", .shows = "R.1 R.6", .pitfalls = "22 33", .tasks = 3, .bound = 3, .bound_weak = 3,
	  .setup = setup_told_by_two, .run = run_told_by_two, .check = check_told },
	{ .name = "told-thrice", .shows = "R.1 R.6", .pitfalls = "22", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_late, .run = run_told_thrice, .check = check_told },
	{ .name = "late-in-the-wait", .shows = "R.2 R.6", .tasks = 2, .bound = 5, .bound_weak = 3,
	  .setup = setup_told_by_one, .run = run_late_in_the_wait, .check = check_told },
	{ .name = "late-for-the-slots", .shows = "R.6", .pitfalls = "29", .tasks = 2, .bound = 5, .bound_weak = 3,
	  .setup = setup_late, .run = run_late_for_the_block, .check = check_told },
	{ .name = "twice-in-the-array", .shows = "R.4", .tasks = 2, .bound = 5, .bound_weak = 3,
	  .setup = setup_events, .run = run_twice_in_the_array, .check = check_two },
	{ .name = "wait-without-memory", .shows = "runtime_wait", .pitfalls = "26", .tasks = 2, .bound = 4, .bound_weak = 3,
	  .setup = setup_events, .run = run_without_memory, .check = check_two },
	{ .name = "two-waits-on-one-runtime", .shows = "R.1 R.2", .pitfalls = "22", .tasks = 2, .bound = 5, .bound_weak = 4,
	  .setup = setup_events, .run = run_two_waits, .check = check_two },
	{ .name = "three-waits-on-one-runtime", .shows = "R.1 R.2", .tasks = 3, .bound = 3, .bound_weak = 2,
	  .setup = setup_events, .run = run_three_waits, .check = check_three },
	{ .name = "wait-inside-a-poll", .shows = "R.1 R.2", .tasks = 2, .bound = 5, .bound_weak = 3,
	  .setup = setup_nested, .run = run_nested, .check = check_nested },
	{ .name = "one-without-waker", .shows = "R.1 R.7", .pitfalls = "28", .tasks = 2, .bound = 4, .bound_weak = 3,
	  .setup = setup_flag, .run = run_flag, .check = check_flag },
	{ .name = "chain-that-went-on", .shows = "R.2 C.2", .pitfalls = "27", .tasks = 2, .bound = 5, .bound_weak = 3,
	  .setup = setup_chain_that_goes_on, .run = run_chain, .check = check_chain },
	{ .name = "chain-that-was-woken", .shows = "R.1 R.2 C.2", .pitfalls = "22 27", .tasks = 2, .bound = 5, .bound_weak = 3,
	  .setup = setup_chain_that_was_woken, .run = run_chain, .check = check_chain },
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
