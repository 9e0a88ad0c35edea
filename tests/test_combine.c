/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_combine.c: all, any, sequence and bounded (combine.h, K.1 to K.8).
 *
 * Method: puppets as children, on one thread; the test wakes them in the order that it wants, polls the combinator as a runtime would, and
 * compares how often each child was polled. What happens by chance is told by a seed. Threads: test_combine_threads.c.
 */
#include "combine_kit.h"

#define MANY 1000

static struct puppet puppets[MANY];
static struct future *futures[MANY];
static struct future_slot slots[MANY];

static void make_puppets(size_t n)
{
	puppets_begun = 0;
	memset(slots, 0x5a, sizeof(slots)); /* they need no initialisation */
	for (size_t i = 0; i < n; i++) {
		puppets[i] = puppet();
		futures[i] = FUTURE_AS_RUNNABLE(&puppets[i]);
	}
}

static size_t count_polls(size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += puppets[i].data.polls;
	return sum;
}

static void assert_all_complete(size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(is_complete(futures[i]));
}

/* ---- all: wakers ------------------------------------------------------------------------------- */

static void all_of_nothing_is_complete_at_once(void **state)
{
	struct future_all_fut all = future_all(NULL, NULL, 0);

	(void)state;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&all), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(all.output.cancelled, 0);
}

static void all_takes_futures_that_are_complete_or_ready(void **state)
{
	(void)state;
	make_puppets(3);
	FUTURE_INIT_COMPLETE(&puppets[0]);
	puppets[1].data.is_done = puppets[2].data.is_done = 1;
	struct future_all_fut all = future_all(futures, slots, 3);

	poll_once(FUTURE_AS_RUNNABLE(&all));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&all)));
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&all)));
	assert_int_equal(count_polls(3), 2);
	assert_int_equal(puppets[1].output.value, 1);
}

static void only_those_that_were_woken_are_polled(void **state)
{
	(void)state;
	make_puppets(MANY);
	struct future_all_fut all = future_all(futures, slots, MANY);
	struct future *const future = FUTURE_AS_RUNNABLE(&all);

	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(count_polls(MANY), MANY);
	assert_int_equal(wakes(), 0);

	puppet_wake(&puppets[7]);
	puppet_wake(&puppets[7]);
	puppet_finish(&puppets[500]);
	assert_int_equal(wakes(), 1);
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(count_polls(MANY), MANY + 2);
	assert_int_equal(puppets[7].data.polls, 2);
	assert_true(is_complete(futures[500]));

	poll_once(future); /* for nothing */
	assert_int_equal(count_polls(MANY), MANY + 2);

	for (size_t i = MANY; i-- > 0;)
		if (i != 500)
			puppet_finish(&puppets[i]);
	assert_int_equal(wakes(), 1);
	poll_once(future);
	assert_true(is_complete(future));
	assert_int_equal(count_polls(MANY), 2 * MANY + 1);
}

static void a_wake_in_the_poll_leads_to_one_more_poll(void **state)
{
	(void)state;
	make_puppets(2);
	puppets[0].data.wakes_itself = 1;
	struct future_all_fut all = future_all(futures, slots, 2);

	for (unsigned polls = 1; polls <= 3; polls++) {
		assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&all)), FUTURE_NOTIFIER_WAKER);
		assert_int_equal(wakes(), 1);
		assert_int_equal(puppets[0].data.polls, polls);
		assert_int_equal(puppets[1].data.polls, 1);
	}
}

static void the_waker_of_the_last_poll_counts(void **state)
{
	hl_u32 first = {0}, second = {0};
	struct future_notifier notifier = kit_notifier(&first);

	(void)state;
	make_puppets(2);
	struct future_all_fut all = future_all(futures, slots, 2);
	future_poll(FUTURE_AS_RUNNABLE(&all), &notifier);
	puppet_wake(&puppets[0]);
	assert_int_equal(hl_u32_load_relaxed(&first), 1);

	notifier = kit_notifier(&second);
	future_poll(FUTURE_AS_RUNNABLE(&all), &notifier);
	puppet_wake(&puppets[1]);
	assert_int_equal(hl_u32_load_relaxed(&first), 1);
	assert_int_equal(hl_u32_load_relaxed(&second), 1);
}

static void what_was_woken_first_is_polled_first(void **state)
{
	(void)state;
	make_puppets(3);
	struct future_any_fut any = future_any(futures, slots, 3);

	poll_once(FUTURE_AS_RUNNABLE(&any));
	puppet_finish(&puppets[2]);
	puppet_finish(&puppets[0]);
	puppet_finish(&puppets[1]);
	poll_once(FUTURE_AS_RUNNABLE(&any));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&any)));
	assert_int_equal(any.output.index, 2);
}

/* ---- all: children without waker --------------------------------------------------------------- */

static void those_that_use_no_waker_are_polled_in_turn(void **state)
{
	(void)state;
	make_puppets(4);
	puppets[0].data.says = FUTURE_NOTIFIER_NONE;
	puppets[1].data.says = FUTURE_NOTIFIER_POLLER;
	puppets[2].data.is_idle = 1;
	struct future_all_fut all = future_all(futures, slots, 4);
	struct future *const future = FUTURE_AS_RUNNABLE(&all);

	for (unsigned polls = 1; polls <= 3; polls++) {
		assert_int_equal(poll_once(future), FUTURE_NOTIFIER_NONE);
		assert_int_equal(wakes(), 0);
		assert_int_equal(count_polls(3), 3 * polls);
		assert_int_equal(puppets[3].data.polls, 1);
	}
	puppets[0].data.says = puppets[1].data.says = FUTURE_NOTIFIER_WAKER;
	puppets[2].data.is_idle = 0;
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	poll_once(future);
	assert_int_equal(count_polls(3), 12);
	for (size_t i = 0; i < 4; i++)
		puppet_finish(&puppets[i]);
	poll_once(future);
	assert_true(is_complete(future));
}

/* K.6, and future.h: who got on and wants the next poll says WAKER and wakes it. */
static void while_some_complete_polling_in_turn_goes_on_at_once(void **state)
{
	(void)state;
	make_puppets(3);
	for (size_t i = 0; i < 3; i++)
		puppets[i].data.says = FUTURE_NOTIFIER_NONE;
	puppets[1].data.is_done = 1;
	struct future_all_fut all = future_all(futures, slots, 3);

	assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&all)), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(wakes(), 1);
	assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&all)), FUTURE_NOTIFIER_NONE);
	assert_int_equal(wakes(), 0);
}

static void without_a_notifier_all_are_polled(void **state)
{
	(void)state;
	make_puppets(3);
	struct future_all_fut all = future_all(futures, slots, 3);
	struct future *const future = FUTURE_AS_RUNNABLE(&all);

	future_poll(future, NULL);
	future_poll(future, NULL);
	assert_int_equal(count_polls(3), 6);
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER); /* they have no wakers so far */
	assert_int_equal(count_polls(3), 9);
	poll_once(future);
	assert_int_equal(count_polls(3), 9);
	future_poll(future, NULL); /* they lose their wakers */
	assert_int_equal(count_polls(3), 12);
	for (size_t i = 0; i < 3; i++)
		puppets[i].data.is_done = 1;
	poll_once(future);
	assert_true(is_complete(future));
}

/* Calls the waker of its first poll in each later one. */
static enum future_state loyal_task(struct future_context *context, struct future_notifier *notifier)
{
	struct puppet_data *const data = future_context_get_data(context);

	if (data->polls++ > 0)
		FUTURE_WAKER_WAKE(&data->waker);
	else
		data->waker = notifier->waker;
	return FUTURE_STATE_RUNNING;
}

/* A wake calls nobody when the last poll, or this one, brought no waker. */
static void a_poll_without_notifier_takes_the_waker_back(void **state)
{
	(void)state;
	make_puppets(1);
	FUTURE_INIT(&puppets[0], loyal_task);
	struct future_all_fut all = future_all(futures, slots, 1);

	poll_once(FUTURE_AS_RUNNABLE(&all));
	future_poll(FUTURE_AS_RUNNABLE(&all), NULL);
	FUTURE_WAKER_WAKE(&puppets[0].data.waker);
	assert_int_equal(wakes(), 0);
	poll_once(FUTURE_AS_RUNNABLE(&all));
	assert_int_equal(wakes(), 1);
}

/* ---- all: chains and nesting ------------------------------------------------------------------- */

struct pair_data {
	FUTURE_CHAIN_ENTRY(struct puppet, first);
	FUTURE_CHAIN_ENTRY_LAST(struct puppet, second);
};

struct nothing {
	int unused;
};

FUTURE(pair_fut, struct pair_data, struct nothing);

/* The first entry takes the waker and is complete, the second wants to be polled in turn: the notifier says what the first one said. */
static void a_chain_that_went_on_is_polled_again(void **state)
{
	struct pair_fut chain;
	struct puppet first = puppet(), second = puppet();

	(void)state;
	make_puppets(2);
	first.data.is_done = 1;
	second.data.says = FUTURE_NOTIFIER_NONE;
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, first, NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.second, second, NULL, NULL);
	FUTURE_CHAIN_INIT(&chain);
	futures[1] = FUTURE_AS_RUNNABLE(&chain);
	struct future_all_fut all = future_all(futures, slots, 2);

	assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&all)), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(wakes(), 1);
	assert_int_equal(chain.data.second.fut.data.polls, 1);
	assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&all)), FUTURE_NOTIFIER_NONE);
	assert_int_equal(wakes(), 0);
	assert_int_equal(chain.data.second.fut.data.polls, 2);
	assert_int_equal(puppets[0].data.polls, 1);
}

struct entry_data {
	FUTURE_CHAIN_ENTRY(struct puppet, first);
	FUTURE_CHAIN_ENTRY_LAST(struct future_all_fut, all);
};

FUTURE(entry_fut, struct entry_data, struct nothing);

static void map_counts(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	(void)lhs;
	(void)rhs;
	++*(int *)arg;
}

static struct entry_fut chain_with_all(int *maps)
{
	struct entry_fut chain;
	struct puppet first = puppet();

	first.data.is_done = 1;
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, first, NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.all, future_all(futures, slots, 2), map_counts, maps);
	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

static void an_entry_of_a_chain_that_is_copied_first(void **state)
{
	int maps = 0;
	struct entry_fut chain;

	(void)state;
	make_puppets(2);
	chain = chain_with_all(&maps);
	poll_once(FUTURE_AS_RUNNABLE(&chain));
	assert_int_equal(count_polls(2), 2);
	puppet_finish(&puppets[0]);
	assert_int_equal(wakes(), 1);
	poll_once(FUTURE_AS_RUNNABLE(&chain));
	puppet_finish(&puppets[1]);
	assert_int_equal(wakes(), 1);
	poll_once(FUTURE_AS_RUNNABLE(&chain));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&chain)));
	assert_int_equal(maps, 1);
}

static void a_wake_goes_through_several_levels(void **state)
{
	struct future_slot middle_slots[2], outer_slots[2];

	(void)state;
	make_puppets(4);
	struct future_any_fut any = future_any(futures, slots, 2);
	struct future_all_fut all = future_all(futures + 2, slots + 2, 2);
	struct future *middle[] = {FUTURE_AS_RUNNABLE(&any), FUTURE_AS_RUNNABLE(&all)};
	struct future_all_fut both = future_all(middle, middle_slots, 2);
	struct future *outer[] = {FUTURE_AS_RUNNABLE(&both)};
	struct future_all_fut top = future_all(outer, outer_slots, 1);
	const size_t order[] = {3, 1, 2};

	poll_once(FUTURE_AS_RUNNABLE(&top));
	for (size_t i = 0; i < KIT_COUNT(order); i++) {
		puppet_finish(&puppets[order[i]]);
		assert_int_equal(wakes(), 1);
		const size_t before = count_polls(4);

		if (order[i] == 1)
			puppets[0].data.is_done = 1; /* it has begun, and knows nothing of cancellation */
		poll_once(FUTURE_AS_RUNNABLE(&top));
		assert_int_equal(count_polls(4), before + 1 + (order[i] == 1));
	}
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&top)));
	assert_int_equal(any.output.index, 1);
}

/* ---- all: cancellation ------------------------------------------------------------------------- */

static void a_cancelled_all_drains_each_child(void **state)
{
	(void)state;
	make_puppets(4);
	puppets[0].data.knows_cancel = puppets[1].data.knows_cancel = 1;
	puppets[1].data.drains = 1;
	puppets[2].data.is_done = 1;
	struct future_all_fut all = future_all(futures, slots, 4);
	struct future *const future = FUTURE_AS_RUNNABLE(&all);

	assert_int_equal(future_has_property(future, FUTURE_PROPERTY_CANCEL), 1);
	assert_int_equal(future_has_property(future, FUTURE_PROPERTY_ASYNC), 0);
	poll_once(future);
	future_cancel(future);
	assert_false(is_complete(future));
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(puppets[0].data.polls, 2);
	assert_int_equal(puppets[1].data.polls, 2);
	assert_int_equal(puppets[2].data.polls, 1);
	assert_int_equal(puppets[3].data.polls, 2);
	poll_once(future); /* nobody was woken */
	assert_int_equal(count_polls(4), 7);

	puppet_finish(&puppets[3]); /* it runs to its end */
	poll_once(future);
	assert_false(is_complete(future));
	assert_false(future_is_cancelled(future));
	puppet_wake(&puppets[1]);
	poll_once(future);
	assert_true(future_is_cancelled(future));
	assert_int_equal(all.output.cancelled, 2);
	assert_all_complete(4);
	assert_false(future_is_cancelled(futures[3]));
}

static void cancelled_before_its_first_poll_it_begins_nothing(void **state)
{
	(void)state;
	make_puppets(3);
	puppets[1].data.knows_cancel = 1;
	struct future_all_fut all = future_all(futures, slots, 3);

	future_cancel(FUTURE_AS_RUNNABLE(&all));
	poll_once(FUTURE_AS_RUNNABLE(&all));
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&all)));
	assert_all_complete(3);
	assert_int_equal(all.output.cancelled, 3);
	assert_int_equal(count_polls(3), 1);
	assert_int_equal(puppets[1].data.asked, 1);
}

static void a_cancelled_all_that_is_done_anyway_is_not_cancelled(void **state)
{
	(void)state;
	make_puppets(2);
	struct future_all_fut all = future_all(futures, slots, 2);

	poll_once(FUTURE_AS_RUNNABLE(&all));
	future_cancel(FUTURE_AS_RUNNABLE(&all));
	puppets[0].data.is_done = puppets[1].data.is_done = 1;
	poll_once(FUTURE_AS_RUNNABLE(&all));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&all)));
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&all)));
}

/* ---- any --------------------------------------------------------------------------------------- */

static void any_of_nothing_has_no_winner(void **state)
{
	struct future_any_fut any = future_any(NULL, NULL, 0);

	(void)state;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&any), NULL), FUTURE_STATE_COMPLETE);
	assert_true(any.output.index == FUTURE_ANY_NONE);
}

static void losers_that_had_not_begun_never_run(void **state)
{
	(void)state;
	make_puppets(4);
	puppets[1].data.is_done = puppets[2].data.is_done = 1;
	puppets[0].data.knows_cancel = puppets[3].data.knows_cancel = 1;
	struct future_any_fut any = future_any(futures, slots, 4);

	poll_once(FUTURE_AS_RUNNABLE(&any));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&any)));
	assert_int_equal(any.output.index, 1);
	assert_int_equal(puppets[0].data.polls, 2);
	assert_int_equal(puppets[0].data.asked, 1);
	assert_int_equal(puppets[2].data.polls, 0);
	assert_int_equal(puppets[3].data.polls, 1);
	assert_int_equal(puppets[3].data.asked, 1);
	assert_all_complete(4);
	assert_true(future_is_cancelled(futures[2]));
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&any)));
}

static void any_waits_until_its_losers_are_drained(void **state)
{
	(void)state;
	make_puppets(3);
	puppets[0].data.knows_cancel = 1;
	puppets[0].data.drains = 2;
	struct future_any_fut any = future_any(futures, slots, 3);
	struct future *const future = FUTURE_AS_RUNNABLE(&any);

	poll_once(future);
	puppet_finish(&puppets[1]);
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(any.output.index, 1);
	assert_false(is_complete(future));
	assert_int_equal(puppets[0].data.polls, 2);
	assert_int_equal(puppets[2].data.polls, 2);

	puppet_wake(&puppets[0]);
	poll_once(future);
	puppet_finish(&puppets[2]);
	poll_once(future);
	assert_false(is_complete(future));
	puppet_wake(&puppets[0]);
	poll_once(future);
	assert_true(is_complete(future));
	assert_int_equal(any.output.index, 1);
	assert_all_complete(3);
	assert_false(future_is_cancelled(futures[2]));
	assert_false(future_is_cancelled(future));
}

static void a_child_that_is_cancelled_does_not_win(void **state)
{
	(void)state;
	make_puppets(2);
	future_cancel(futures[0]);
	struct future_any_fut any = future_any(futures, slots, 2);

	poll_once(FUTURE_AS_RUNNABLE(&any));
	assert_false(is_complete(FUTURE_AS_RUNNABLE(&any)));
	puppet_finish(&puppets[1]);
	poll_once(FUTURE_AS_RUNNABLE(&any));
	assert_int_equal(any.output.index, 1);
}

static void a_cancelled_any_may_have_a_winner(void **state)
{
	(void)state;
	for (int has_winner = 0; has_winner < 2; has_winner++) {
		make_puppets(2);
		puppets[0].data.knows_cancel = 1;
		puppets[1].data.knows_cancel = !has_winner;
		struct future_any_fut any = future_any(futures, slots, 2);
		struct future *const future = FUTURE_AS_RUNNABLE(&any);

		poll_once(future);
		future_cancel(future);
		poll_once(future);
		assert_int_equal(is_complete(future), !has_winner);
		if (has_winner) {
			puppet_finish(&puppets[1]);
			poll_once(future);
		}
		assert_true(is_complete(future));
		assert_int_equal(future_is_cancelled(future), !has_winner);
		assert_true(any.output.index == (has_winner ? 1 : FUTURE_ANY_NONE));
	}
}

/* ---- sequence ---------------------------------------------------------------------------------- */

/* Not good is what arg points to. */
static int is_another_than(struct future *future, size_t index, void *arg)
{
	assert_true(is_complete(future));
	return index != *(size_t *)arg;
}

static void a_sequence_runs_one_after_the_other(void **state)
{
	(void)state;
	make_puppets(4);
	puppets[0].data.is_done = puppets[2].data.is_done = 1;
	struct future_sequence_fut sequence = future_sequence(futures, 4, NULL, NULL);
	struct future *const future = FUTURE_AS_RUNNABLE(&sequence);

	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(count_polls(4), 2);
	puppets[3].data.says = FUTURE_NOTIFIER_NONE;
	puppet_finish(&puppets[1]);
	assert_int_equal(wakes(), 1);
	assert_int_equal(poll_once(future), FUTURE_NOTIFIER_NONE); /* the last one's word, though an earlier one took the waker */
	assert_int_equal(count_polls(4), 5);
	puppet_finish(&puppets[3]);
	poll_once(future);
	assert_true(is_complete(future));
	assert_int_equal(sequence.output.good, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(puppets[i].data.begun, i + 1);
}

static enum future_state silent_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return FUTURE_STATE_RUNNING;
}

static void who_says_nothing_in_a_sequence_is_polled_in_turn(void **state)
{
	(void)state;
	make_puppets(2);
	puppets[0].data.is_done = 1;
	FUTURE_INIT(&puppets[1], silent_task);
	struct future_sequence_fut sequence = future_sequence(futures, 2, NULL, NULL);

	assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&sequence)), FUTURE_NOTIFIER_NONE);
}

static void a_sequence_stops_at_what_is_not_good(void **state)
{
	size_t bad = 1;

	(void)state;
	make_puppets(5);
	puppets[0].data.is_done = puppets[1].data.is_done = puppets[2].data.is_done = 1;
	puppets[3].data.knows_cancel = 1;
	puppets[3].data.drains = 1;
	struct future_sequence_fut sequence = future_sequence(futures, 5, is_another_than, &bad);
	struct future *const future = FUTURE_AS_RUNNABLE(&sequence);

	poll_once(future);
	assert_false(is_complete(future));
	poll_once(future);
	assert_true(is_complete(future));
	assert_false(future_is_cancelled(future));
	assert_int_equal(sequence.output.good, 1);
	assert_int_equal(puppets[2].data.polls, 0);
	assert_int_equal(puppets[3].data.asked, 2);
	assert_int_equal(puppets[4].data.polls, 0);
	assert_all_complete(5);
}

static void a_cancelled_sequence_cancels_what_runs_and_the_rest(void **state)
{
	(void)state;
	for (int runs_on = 0; runs_on < 2; runs_on++) {
		make_puppets(3);
		puppets[1].data.knows_cancel = !runs_on;
		puppets[0].data.is_done = 1;
		struct future_sequence_fut sequence = future_sequence(futures, 3, NULL, NULL);
		struct future *const future = FUTURE_AS_RUNNABLE(&sequence);

		poll_once(future);
		future_cancel(future);
		poll_once(future);
		assert_int_equal(is_complete(future), !runs_on);
		puppet_finish(&puppets[1]);
		poll_once(future);
		assert_true(future_is_cancelled(future));
		assert_int_equal(sequence.output.good, runs_on ? 2 : 1);
		assert_int_equal(puppets[2].data.polls, 0);
		assert_all_complete(3);
	}
}

static void a_chain_in_a_sequence_that_went_on_is_polled_again(void **state)
{
	struct pair_fut chain;
	struct puppet first = puppet(), second = puppet();
	struct future *one[] = {FUTURE_AS_RUNNABLE(&chain)};

	(void)state;
	first.data.is_done = 1;
	second.data.says = FUTURE_NOTIFIER_NONE;
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, first, NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.second, second, NULL, NULL);
	FUTURE_CHAIN_INIT(&chain);
	struct future_sequence_fut sequence = future_sequence(one, 1, NULL, NULL);

	assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&sequence)), FUTURE_NOTIFIER_WAKER);
	assert_int_equal(wakes(), 1);
	assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&sequence)), FUTURE_NOTIFIER_NONE);
	assert_int_equal(wakes(), 0);
}

/* ---- bounded ----------------------------------------------------------------------------------- */

#define K_MAX 4

struct factory {
	struct puppet places[K_MAX];
	size_t in_flight;
	size_t in_flight_max;
	size_t made;
	size_t judged;
	size_t ends_at;
	int ended;
	size_t bad; /* the judgement that says no, from 1; 0: none */
	int is_ready;
};

static struct future *factory_make(size_t index, size_t slot, void *arg)
{
	struct factory *const factory = arg;
	struct puppet *const place = &factory->places[slot];

	assert_int_equal(index, factory->made);
	if (index == factory->ends_at) {
		assert_int_equal(++factory->ended, 1);
		return NULL;
	}
	factory->made++;
	assert_true(place->base.task == NULL || is_complete(FUTURE_AS_RUNNABLE(place)));
	*place = puppet();
	place->data.is_done = factory->is_ready;
	place->data.knows_cancel = 1;
	if (++factory->in_flight > factory->in_flight_max)
		factory->in_flight_max = factory->in_flight;
	return FUTURE_AS_RUNNABLE(place);
}

static int factory_judge(struct future *future, size_t slot, void *arg)
{
	struct factory *const factory = arg;

	assert_ptr_equal(future, &factory->places[slot].base);
	assert_true(is_complete(future));
	factory->in_flight--;
	return ++factory->judged != factory->bad;
}

static struct factory new_factory(void)
{
	struct factory factory;

	memset(&factory, 0, sizeof(factory));
	factory.ends_at = SIZE_MAX;
	return factory;
}

static void no_more_than_k_are_in_flight(void **state)
{
	struct factory factory = new_factory();
	struct future_bounded_fut bounded = future_bounded(slots, K_MAX, 11, factory_make, factory_judge, &factory);
	struct future *const future = FUTURE_AS_RUNNABLE(&bounded);
	unsigned polls = 0;

	(void)state;
	poll_once(future);
	assert_int_equal(factory.made, K_MAX);
	for (size_t slot = 0; !is_complete(future) && polls < 100; slot = (slot + 3) % K_MAX, polls++) {
		const size_t made = factory.made;

		if (is_complete(&factory.places[slot].base))
			continue;
		puppet_finish(&factory.places[slot]);
		assert_int_equal(wakes(), 1);
		poll_once(future);
		assert_int_equal(factory.made, made < 11 ? made + 1 : 11); /* and begun */
		assert_int_equal(factory.places[slot].data.polls, made < 11 ? 1 : 2);
	}
	assert_true(is_complete(future));
	assert_int_equal(factory.in_flight_max, K_MAX);
	assert_int_equal(factory.in_flight, 0);
	assert_int_equal(bounded.output.made, 11);
	assert_int_equal(bounded.output.good, 11);
}

static void one_poll_begins_two_for_each_slot_at_most(void **state)
{
	struct factory factory = new_factory();
	struct future_bounded_fut bounded = future_bounded(slots, 2, SIZE_MAX, factory_make, factory_judge, &factory);

	(void)state;
	factory.is_ready = 1;
	factory.ends_at = 11;
	for (unsigned polls = 0; polls < 2; polls++) {
		assert_int_equal(poll_once(FUTURE_AS_RUNNABLE(&bounded)), FUTURE_NOTIFIER_WAKER);
		assert_int_equal(wakes(), 1);
		assert_true(factory.judged <= 4 * (polls + 1));
	}
	for (unsigned polls = 0; polls < 10; polls++)
		poll_once(FUTURE_AS_RUNNABLE(&bounded));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&bounded)));
	assert_int_equal(bounded.output.good, 11);
	assert_int_equal(bounded.output.made, 11);
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&bounded)));
}

static void without_slots_or_futures_nothing_is_made(void **state)
{
	struct factory factory = new_factory();
	struct future_bounded_fut none = future_bounded(NULL, 0, 5, factory_make, NULL, &factory);
	struct future_bounded_fut empty = future_bounded(slots, 2, 0, factory_make, NULL, &factory);

	(void)state;
	poll_once(FUTURE_AS_RUNNABLE(&none));
	poll_once(FUTURE_AS_RUNNABLE(&empty));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&none)));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&empty)));
	assert_int_equal(factory.made, 0);
}

static void bounded_stops_at_what_is_not_good(void **state)
{
	struct factory factory = new_factory();
	struct future_bounded_fut bounded = future_bounded(slots, 3, 100, factory_make, factory_judge, &factory);
	struct future *const future = FUTURE_AS_RUNNABLE(&bounded);

	(void)state;
	factory.bad = 2;
	poll_once(future);
	puppet_finish(&factory.places[1]);
	poll_once(future);
	factory.places[0].data.drains = 1;
	puppet_finish(&factory.places[1]);
	poll_once(future);
	assert_false(is_complete(future));
	assert_int_equal(factory.places[0].data.asked, 1);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&factory.places[2])));
	puppet_wake(&factory.places[0]);
	poll_once(future);
	assert_true(is_complete(future));
	assert_false(future_is_cancelled(future));
	assert_int_equal(bounded.output.made, 4);
	assert_int_equal(bounded.output.good, 1);
	assert_int_equal(factory.judged, 2);
}

static void a_cancelled_bounded_makes_no_more(void **state)
{
	(void)state;
	for (int has_begun = 0; has_begun < 2; has_begun++) {
		struct factory factory = new_factory();
		struct future_bounded_fut bounded = future_bounded(slots, 3, 5, factory_make, factory_judge, &factory);

		if (has_begun)
			poll_once(FUTURE_AS_RUNNABLE(&bounded));
		future_cancel(FUTURE_AS_RUNNABLE(&bounded));
		poll_once(FUTURE_AS_RUNNABLE(&bounded));
		assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&bounded)));
		assert_int_equal(bounded.output.made, has_begun ? 3 : 0);
		assert_int_equal(bounded.output.good, 0);
	}
}

static void bounded_takes_an_array(void **state)
{
	(void)state;
	make_puppets(5);
	struct future_bounded_fut bounded = future_bounded(slots, 2, 5, future_make_from_array, NULL, futures);

	for (size_t i = 0; i < 5; i++) {
		poll_once(FUTURE_AS_RUNNABLE(&bounded));
		assert_int_equal(puppets_begun, i + 2 < 5 ? i + 2 : 5);
		puppet_finish(&puppets[i]);
	}
	poll_once(FUTURE_AS_RUNNABLE(&bounded));
	assert_true(is_complete(FUTURE_AS_RUNNABLE(&bounded)));
	assert_int_equal(bounded.output.good, 5);
}

/* ---- by chance --------------------------------------------------------------------------------- */

static struct puppet random_puppet(uint64_t *random)
{
	struct puppet made = puppet();

	made.data.says = (enum future_notifier_type)(kit_random(random) % 3);
	if (kit_random_below(random, 2))
		made.data.says = FUTURE_NOTIFIER_WAKER;
	made.data.is_idle = kit_random_below(random, 8) == 0;
	made.data.is_done = kit_random_below(random, 8) == 0;
	made.data.knows_cancel = kit_random_below(random, 2) == 0;
	made.data.drains = (unsigned)kit_random_below(random, 3);
	made.data.wakes_itself = kit_random_below(random, 4) == 0;
	return made;
}

/* What happens between two polls: some are woken, for nothing or not, some say something else from now on. */
static void disturb(size_t n, uint64_t *random)
{
	for (size_t turns = kit_random_below(random, n + 1); turns > 0; turns--) {
		struct puppet *const one = &puppets[kit_random_below(random, n)];

		if (kit_random_below(random, 3) == 0)
			puppet_finish(one);
		else
			puppet_wake(one);
	}
}

static enum future_notifier_type poll_somehow(struct future *future, uint64_t *random)
{
	if (kit_random_below(random, 16) > 0)
		return poll_once(future);
	future_poll(future, NULL);
	return FUTURE_NOTIFIER_NONE;
}

/* As a runtime does: polls when it was woken, or when it was told to poll in turn. At the end all are done: then it must end, too. */
static void drive(struct future *future, size_t n, uint64_t *random)
{
	enum future_notifier_type used = FUTURE_NOTIFIER_NONE;

	for (unsigned polls = 0; !is_complete(future); polls++) {
		assert_true(polls < 200);
		const int is_cancelled = kit_random_below(random, 16) == 0;

		if (is_cancelled)
			future_cancel(future);
		if (is_cancelled || used != FUTURE_NOTIFIER_WAKER || wakes() > 0)
			used = poll_somehow(future, random);
		disturb(n, random);
		if (polls >= 20)
			for (size_t i = 0; i < n; i++) {
				puppets[i].data.is_idle = puppets[i].data.wakes_itself = 0;
				puppet_finish(&puppets[i]);
			}
	}
}

static void children_of_all_kinds_never_get_lost(void **state)
{
	uint64_t random = kit_seed();

	(void)state;
	for (unsigned round = 0; round < KIT_REPEAT(20000U); round++) {
		const size_t n = 1 + kit_random_below(&random, 6);
		struct future_all_fut all = future_all(futures, slots, n);
		struct future_any_fut any = future_any(futures, slots, n);
		struct future_sequence_fut sequence = future_sequence(futures, n, NULL, NULL);
		struct future_bounded_fut bounded =
			future_bounded(slots, 1 + kit_random_below(&random, 4), n, future_make_from_array, NULL, futures);
		struct future *const kinds[] = {&all.base, &any.base, &sequence.base, &bounded.base};
		struct future *const future = kinds[round % 4];

		make_puppets(n);
		for (size_t i = 0; i < n; i++)
			puppets[i] = random_puppet(&random);
		drive(future, n, &random);
		for (size_t i = 0; i < n; i++)
			assert_true(is_complete(futures[i]) || (round % 4 == 3 && puppets[i].data.polls == 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_nothing_is_complete_at_once),
		cmocka_unit_test(all_takes_futures_that_are_complete_or_ready),
		cmocka_unit_test(only_those_that_were_woken_are_polled),
		cmocka_unit_test(a_wake_in_the_poll_leads_to_one_more_poll),
		cmocka_unit_test(the_waker_of_the_last_poll_counts),
		cmocka_unit_test(what_was_woken_first_is_polled_first),
		cmocka_unit_test(those_that_use_no_waker_are_polled_in_turn),
		cmocka_unit_test(while_some_complete_polling_in_turn_goes_on_at_once),
		cmocka_unit_test(without_a_notifier_all_are_polled),
		cmocka_unit_test(a_poll_without_notifier_takes_the_waker_back),
		cmocka_unit_test(a_chain_that_went_on_is_polled_again),
		cmocka_unit_test(an_entry_of_a_chain_that_is_copied_first),
		cmocka_unit_test(a_wake_goes_through_several_levels),
		cmocka_unit_test(a_cancelled_all_drains_each_child),
		cmocka_unit_test(cancelled_before_its_first_poll_it_begins_nothing),
		cmocka_unit_test(a_cancelled_all_that_is_done_anyway_is_not_cancelled),
		cmocka_unit_test(any_of_nothing_has_no_winner),
		cmocka_unit_test(losers_that_had_not_begun_never_run),
		cmocka_unit_test(any_waits_until_its_losers_are_drained),
		cmocka_unit_test(a_child_that_is_cancelled_does_not_win),
		cmocka_unit_test(a_cancelled_any_may_have_a_winner),
		cmocka_unit_test(a_sequence_runs_one_after_the_other),
		cmocka_unit_test(who_says_nothing_in_a_sequence_is_polled_in_turn),
		cmocka_unit_test(a_sequence_stops_at_what_is_not_good),
		cmocka_unit_test(a_cancelled_sequence_cancels_what_runs_and_the_rest),
		cmocka_unit_test(a_chain_in_a_sequence_that_went_on_is_polled_again),
		cmocka_unit_test(no_more_than_k_are_in_flight),
		cmocka_unit_test(one_poll_begins_two_for_each_slot_at_most),
		cmocka_unit_test(without_slots_or_futures_nothing_is_made),
		cmocka_unit_test(bounded_stops_at_what_is_not_good),
		cmocka_unit_test(a_cancelled_bounded_makes_no_more),
		cmocka_unit_test(bounded_takes_an_array),
		cmocka_unit_test(children_of_all_kinds_never_get_lost),
	};

	return KIT_RUN(tests);
}
