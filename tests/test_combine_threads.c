/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_combine_threads.c: combinators whose children are woken by other threads (combine.h, K.1, K.2, K.4).
 *
 * Method: children wait for events that threads fire. What an event brings is plain memory, and combinator, slots and children lie in a
 * block that is freed as soon as the combinator is complete: ThreadSanitizer sees a missing order, both sanitizers a waker that comes too
 * late, and the alarm of test_kit.h a wake-up that was lost.
 */
#include "test_kit.h"

#include <hashloom/combine.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#define EVENTS 24
#define FIRERS 3

/* ---- events, which keep to the contract of wakers ---------------------------------------------- */

#define REGISTERED 1U
#define HAPPENED 2U
#define MAY_GO 4U
#define GIVEN_UP 8U

static struct event {
	hl_u32 state;
	struct future_waker waker;
	unsigned news;
} events[EVENTS];

struct event_data {
	struct event *event;
};

struct event_output {
	unsigned news;
};

FUTURE(event_fut, struct event_data, struct event_output);

static enum future_state event_task(struct future_context *context, struct future_notifier *notifier)
{
	struct event *const event = ((struct event_data *)future_context_get_data(context))->event;
	uint32_t state = hl_u32_load_acquire(&event->state);

	if (future_context_is_cancelled(context) && !(state & HAPPENED)) {
		state = hl_u32_fetch_or_acq_rel(&event->state, GIVEN_UP);
		if (!(state & HAPPENED))
			return future_context_cancelled(context);
	}
	if (!(state & (HAPPENED | REGISTERED))) {
		event->waker = notifier->waker;
		state = hl_u32_fetch_or_acq_rel(&event->state, REGISTERED);
	}
	if (state & HAPPENED && (state & MAY_GO || !(state & REGISTERED))) {
		((struct event_output *)future_context_get_output(context))->news = event->news;
		return FUTURE_STATE_COMPLETE;
	}
	/* The waker is being called: a moment later. */
	notifier->notifier_used = state & HAPPENED ? FUTURE_NOTIFIER_NONE : FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_RUNNING;
}

static void fire(struct event *event)
{
	event->news = 42;
	if ((hl_u32_fetch_or_acq_rel(&event->state, HAPPENED) & (REGISTERED | GIVEN_UP)) != REGISTERED)
		return;
	FUTURE_WAKER_WAKE(&event->waker);
	hl_u32_fetch_or_release(&event->state, MAY_GO);
}

static int event_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

static struct event_fut event_of(struct event *event)
{
	struct event_fut future = {.data = {event}, .output = {0}};

	FUTURE_INIT_EXT(&future, event_task, event_has_property);
	return future;
}

/* ---- threads that fire ------------------------------------------------------------------------- */

static struct {
	hl_u32 round; /* is begun by the test */
	hl_u32 fired; /* threads that have fired all theirs, of all rounds */
	size_t order[EVENTS];
	unsigned rounds;
} firing;

static void *fire_events(void *arg)
{
	const size_t firer = (size_t)(uintptr_t)arg;

	for (unsigned round = 1; round <= firing.rounds; round++) {
		kit_wait_for(&firing.round, round);
		for (size_t i = firer; i < EVENTS; i += FIRERS)
			fire(&events[firing.order[i]]);
		hl_u32_fetch_add_release(&firing.fired, 1);
	}
	return NULL;
}

static void start_firers(pthread_t *threads, unsigned rounds)
{
	hl_u32_store_relaxed(&firing.round, 0);
	hl_u32_store_relaxed(&firing.fired, 0);
	firing.rounds = rounds;
	for (size_t i = 0; i < FIRERS; i++)
		threads[i] = kit_start(fire_events, (void *)(uintptr_t)i);
}

static void begin_round(unsigned round, uint64_t *random)
{
	kit_wait_for(&firing.fired, (round - 1) * FIRERS);
	memset(events, 0, sizeof(events));
	kit_shuffle(firing.order, EVENTS, random);
	hl_u32_store_release(&firing.round, round);
}

static void join_firers(pthread_t *threads)
{
	for (size_t i = 0; i < FIRERS; i++)
		kit_join(threads[i]);
}

/* All that a round uses. */
struct block {
	struct event_fut children[EVENTS];
	struct future *futures[EVENTS];
	struct future_slot slots[EVENTS];
	struct future_all_fut all;
	struct future_any_fut any;
	struct future_bounded_fut bounded;
};

static struct block *new_block(void)
{
	struct block *const block = malloc(sizeof(*block));

	assert_non_null(block);
	for (size_t i = 0; i < EVENTS; i++) {
		block->children[i] = event_of(&events[i]);
		block->futures[i] = FUTURE_AS_RUNNABLE(&block->children[i]);
	}
	block->all = future_all(block->futures, block->slots, EVENTS);
	block->any = future_any(block->futures, block->slots, EVENTS);
	block->bounded = future_bounded(block->slots, EVENTS / 4, EVENTS, future_make_from_array, NULL, block->futures);
	return block;
}

/* ---- tests ------------------------------------------------------------------------------------- */

static void all_hears_of_each(void **state)
{
	struct runtime *const runtime = runtime_new();
	const unsigned rounds = KIT_REPEAT(2000U);
	uint64_t random = kit_seed();
	pthread_t threads[FIRERS];

	(void)state;
	start_firers(threads, rounds);
	for (unsigned round = 1; round <= rounds; round++) {
		begin_round(round, &random);
		struct block *const block = new_block();
		const int is_bounded = kit_random_below(&random, 2) == 0;

		runtime_wait(runtime, is_bounded ? &block->bounded.base : &block->all.base);
		for (size_t i = 0; i < EVENTS; i++)
			assert_int_equal(block->children[i].output.news, 42);
		free(block);
	}
	join_firers(threads);
	runtime_delete(runtime);
}

static void any_has_a_winner_and_leaves_nothing_behind(void **state)
{
	struct runtime *const runtime = runtime_new();
	const unsigned rounds = KIT_REPEAT(2000U);
	uint64_t random = kit_seed();
	pthread_t threads[FIRERS];

	(void)state;
	start_firers(threads, rounds);
	for (unsigned round = 1; round <= rounds; round++) {
		begin_round(round, &random);
		struct block *const block = new_block();

		runtime_wait(runtime, &block->any.base);
		assert_in_range(block->any.output.index, 0, EVENTS - 1);
		assert_int_equal(block->children[block->any.output.index].output.news, 42);
		for (size_t i = 0; i < EVENTS; i++)
			assert_int_equal(FUTURE_STATE(&block->children[i]), FUTURE_STATE_COMPLETE);
		free(block);
	}
	join_firers(threads);
	runtime_delete(runtime);
}

/* Each poll brings another waker, and only that one's call is waited for. */
static void the_last_waker_hears_of_it(void **state)
{
	const unsigned rounds = KIT_REPEAT(2000U);
	uint64_t random = kit_seed();
	pthread_t threads[FIRERS];
	static hl_u32 counts[2];

	(void)state;
	start_firers(threads, rounds);
	for (unsigned round = 1; round <= rounds; round++) {
		begin_round(round, &random);
		struct block *const block = new_block();
		struct future *const future = &block->all.base;

		for (unsigned polls = 0; future->context.state != FUTURE_STATE_COMPLETE; polls++) {
			hl_u32 *const count = &counts[polls % 2];
			const uint32_t before = hl_u32_load_relaxed(count);
			struct future_notifier notifier = kit_notifier(count);

			if (future_poll(future, &notifier) == FUTURE_STATE_RUNNING && notifier.notifier_used == FUTURE_NOTIFIER_WAKER)
				kit_wait_for(count, before + 1);
		}
		free(block);
	}
	join_firers(threads);
}

/* Asked to end at some moment: what has not happened by then is given up. */
static void cancelling_races_with_waking(void **state)
{
	const unsigned rounds = KIT_REPEAT(2000U);
	uint64_t random = kit_seed();
	pthread_t threads[FIRERS];
	static hl_u32 count;

	(void)state;
	start_firers(threads, rounds);
	for (unsigned round = 1; round <= rounds; round++) {
		begin_round(round, &random);
		struct block *const block = new_block();
		struct future *const kinds[] = {&block->all.base, &block->any.base, &block->bounded.base};
		struct future *const future = kinds[kit_random_below(&random, 3)];
		const size_t polls_before = kit_random_below(&random, 4);

		for (size_t polls = 0; future->context.state != FUTURE_STATE_COMPLETE; polls++) {
			const uint32_t before = hl_u32_load_relaxed(&count);
			struct future_notifier notifier = kit_notifier(&count);

			if (polls == polls_before)
				future_cancel(future);
			if (future_poll(future, &notifier) == FUTURE_STATE_RUNNING && polls >= polls_before &&
			    notifier.notifier_used == FUTURE_NOTIFIER_WAKER)
				kit_wait_for(&count, before + 1);
		}
		free(block);
	}
	join_firers(threads);
}

#define COPIES 500
#define COPY_SIZE 3000

static void copies_of_worker_threads(void **state)
{
	struct runtime *const runtime = runtime_new();
	struct data_mover_threads *const mover = data_mover_threads_new(2, 64, FUTURE_NOTIFIER_WAKER);
	struct vdm_operation_future *const copies = kit_zeroed(COPIES, sizeof(*copies));
	struct future **const futures = kit_zeroed(COPIES, sizeof(*futures));
	struct future_slot *const slots = kit_zeroed(COPIES, sizeof(*slots));
	char *const from = kit_zeroed(COPIES, COPY_SIZE), *const to = kit_zeroed(COPIES, COPY_SIZE);
	uint64_t random = kit_seed();

	(void)state;
	assert_non_null(mover);
	for (int is_bounded = 0; is_bounded < 2; is_bounded++) {
		kit_fill_randomly(from, (size_t)COPIES * COPY_SIZE, &random);
		for (size_t i = 0; i < COPIES; i++) {
			copies[i] = vdm_memcpy(data_mover_threads_get_vdm(mover), to + i * COPY_SIZE, from + i * COPY_SIZE, COPY_SIZE, 0);
			futures[i] = FUTURE_AS_RUNNABLE(&copies[i]);
		}
		struct future_all_fut all = future_all(futures, slots, COPIES);
		struct future_bounded_fut bounded = future_bounded(slots, 16, COPIES, future_make_from_array, NULL, futures);

		runtime_wait(runtime, is_bounded ? &bounded.base : &all.base);
		assert_true(kit_equal(from, to, (size_t)COPIES * COPY_SIZE));
	}
	data_mover_threads_delete(mover);
	runtime_delete(runtime);
	free(copies);
	free(futures);
	free(slots);
	free(from);
	free(to);
}

/* The wheel's thread and the firers' want to be first. */
static void a_timeout_beside_threads(void **state)
{
	struct runtime *const runtime = runtime_new();
	struct hashloom_timers_cfg cfg = hashloom_timers_cfg_default();
	const unsigned rounds = KIT_REPEAT(400U);
	uint64_t random = kit_seed();
	pthread_t threads[FIRERS];

	(void)state;
	cfg.tick_ns = 1024;
	struct hashloom_timers *const timers = hashloom_timers_new(&cfg);

	assert_non_null(timers);
	start_firers(threads, rounds);
	for (unsigned round = 1; round <= rounds; round++) {
		begin_round(round, &random);
		struct block *const block = new_block();
		struct future_timeout_fut *const timeout = malloc(sizeof(*timeout));

		assert_non_null(timeout);
		*timeout = future_timeout(&block->all.base, timers, kit_random_below(&random, 100000));
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(timeout));
		assert_int_equal(FUTURE_STATE(&block->all), FUTURE_STATE_COMPLETE);
		assert_true(timeout->output.timed_out || block->all.output.cancelled == 0);
		free(timeout);
		free(block);
	}
	join_firers(threads);
	assert_int_equal(hashloom_timers_count(timers), 0);
	hashloom_timers_delete(timers);
	runtime_delete(runtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_hears_of_each),
		cmocka_unit_test(any_has_a_winner_and_leaves_nothing_behind),
		cmocka_unit_test(the_last_waker_hears_of_it),
		cmocka_unit_test(cancelling_races_with_waking),
		cmocka_unit_test(copies_of_worker_threads),
		cmocka_unit_test(a_timeout_beside_threads),
	};

	return KIT_RUN(tests);
}
