/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_runtime_nomem.c: the runtime without memory: runtime_new() says so, waiting still
 * completes.
 *
 * Method: runtime.c is compiled into the test with allocations that fail from the n-th on
 * (test_kit_nomem.h), for every n until none is refused. What was allocated is counted, so that
 * leaks show in every build.
 */
#define _GNU_SOURCE 1
#include "test_kit_nomem.h"

#include "runtime.c"

struct walker_data {
	unsigned polls;
	unsigned polls_needed;
	unsigned id;
	unsigned bare_polls; /* without a notifier */
	int uses_waker;
	int async;
};

struct walker_output {
	unsigned done;
};

FUTURE(walker, struct walker_data, struct walker_output);

static unsigned order[4096];
static size_t order_length;

/* Completes after some polls. With a notifier it may use the waker, which it calls itself. */
static enum future_state walker_task(struct future_context *context,
				     struct future_notifier *notifier)
{
	struct walker_data *const data = future_context_get_data(context);

	if (order_length < KIT_COUNT(order))
		order[order_length++] = data->id;
	data->bare_polls += notifier == NULL;
	if (++data->polls == data->polls_needed)
		return FUTURE_STATE_COMPLETE;
	if (notifier != NULL && data->uses_waker) {
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
		FUTURE_WAKER_WAKE(&notifier->waker);
	}
	return data->polls % 3 == 0 ? FUTURE_STATE_IDLE : FUTURE_STATE_RUNNING;
}

static int walker_has_property(void *future, enum future_property property)
{
	return property == FUTURE_PROPERTY_ASYNC && ((struct walker *)future)->data.async;
}

#define WALKERS 300
#define POLLS 5

struct party {
	struct walker walkers[WALKERS];
	struct future *futures[WALKERS];
};

static void party_init(struct party *party)
{
	memset(party, 0, sizeof(*party));
	order_length = 0;
	for (unsigned i = 0; i < WALKERS; i++) {
		struct walker *const walker = &party->walkers[i];

		walker->data = (struct walker_data){0, POLLS, i, 0, i % 2 == 0, i % 3 == 0};
		FUTURE_INIT_EXT(walker, walker_task, walker_has_property);
		party->futures[i] = FUTURE_AS_RUNNABLE(walker);
	}
}

static void assert_all_done(const struct party *party, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(FUTURE_STATE(&party->walkers[i]), FUTURE_STATE_COMPLETE);
		assert_int_equal(party->walkers[i].data.polls, POLLS);
	}
}

static void test_runtime_new_without_memory(void **state)
{
	(void)state;
	nomem_allow(0, 0);
	assert_null(runtime_new());
	assert_int_equal(nomem_refused(), 1);
	assert_int_equal(nomem_blocks(), 0);
}

/* Waits with the n-th allocation refused, and all that follow. Returns how many were. */
static uint32_t wait_with(struct party *party, uint32_t allocations, size_t n)
{
	struct runtime *const runtime = runtime_new();

	assert_non_null(runtime);
	party_init(party);
	nomem_allow(allocations, 0);
	runtime_wait_multiple(runtime, party->futures, n);
	const uint32_t refused = nomem_refused();
	assert_all_done(party, n);
	assert_int_equal(party->walkers[0].data.bare_polls, refused > 0 ? POLLS : 0);

	/* When there is memory again, it is used. */
	nomem_allow(NOMEM_UNLIMITED, 0);
	party_init(party);
	runtime_wait_multiple(runtime, party->futures, n);
	assert_all_done(party, n);
	assert_int_equal(party->walkers[0].data.bare_polls, 0);
	runtime_delete(runtime);
	assert_int_equal(nomem_blocks(), 0);
	return refused;
}

static void test_runtime_wait_completes_without_memory(void **state)
{
	static struct party party;
	static const size_t sizes[] = {1, 2, 65, WALKERS};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sizes); i++) {
		uint32_t allocations = 0;

		nomem_allow(NOMEM_UNLIMITED, 0);
		while (wait_with(&party, allocations, sizes[i]) > 0)
			allocations++;
		assert_true(allocations > 0 && allocations < 100);
	}
}

static void test_runtime_grows_later_if_not_now(void **state)
{
	static struct party party;
	struct runtime *runtime;

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, 0);
	runtime = runtime_new();
	assert_non_null(runtime);
	party_init(&party);
	runtime_wait(runtime, party.futures[0]);
	assert_int_equal(party.walkers[0].data.bare_polls, 0);
	for (uint32_t allocations = 0; allocations < 2; allocations++) {
		nomem_allow(allocations, 0);
		party_init(&party);
		runtime_wait_multiple(runtime, party.futures, WALKERS);
		assert_all_done(&party, WALKERS);
		assert_int_equal(party.walkers[0].data.bare_polls, POLLS);
		/* what was there is still good for a small wait */
		party_init(&party);
		runtime_wait(runtime, party.futures[0]);
		assert_int_equal(party.walkers[0].data.bare_polls, 0);
	}
	nomem_allow(NOMEM_UNLIMITED, 0);
	party_init(&party);
	runtime_wait_multiple(runtime, party.futures, WALKERS);
	assert_all_done(&party, WALKERS);
	assert_int_equal(party.walkers[0].data.bare_polls, 0);
	runtime_delete(runtime);
	assert_int_equal(nomem_blocks(), 0);
}

/* R.3 and R.4 hold without memory too. */
static void test_runtime_rounds_without_memory(void **state)
{
	static const unsigned round[] = {0, 3, 1, 2};
	static struct party party;
	struct walker done;
	struct future *array[7];

	(void)state;
	nomem_allow(1, 0);
	struct runtime *const runtime = runtime_new();
	assert_non_null(runtime);
	party_init(&party);
	memset(&done, 0, sizeof(done));
	FUTURE_INIT_COMPLETE(&done);
	done.base.has_property = NULL;
	for (size_t i = 0; i < 4; i++)
		array[i] = party.futures[i];
	array[4] = FUTURE_AS_RUNNABLE(&done);
	array[5] = array[6] = FUTURE_AS_RUNNABLE(&done);
	runtime_wait_multiple(runtime, array, KIT_COUNT(array));
	assert_all_done(&party, 4);
	assert_int_equal(order_length, 4 * POLLS);
	for (size_t i = 0; i < order_length; i++)
		assert_int_equal(order[i], round[i % 4]);
	runtime_wait_multiple(runtime, NULL, 0);
	runtime_delete(runtime);
	assert_int_equal(nomem_blocks(), 0);
}

static void test_runtime_same_future_twice_without_memory(void **state)
{
	static struct party party;

	(void)state;
	nomem_allow(1, 0);
	struct runtime *const runtime = runtime_new();
	assert_non_null(runtime);
	party_init(&party);
	runtime_wait_multiple(runtime, (struct future *[]){party.futures[1], party.futures[1]}, 2);
	assert_all_done(&party, 0);
	assert_int_equal(FUTURE_STATE(&party.walkers[1]), FUTURE_STATE_COMPLETE);
	assert_int_equal(party.walkers[1].data.polls, POLLS);
	runtime_delete(runtime);
	assert_int_equal(nomem_blocks(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runtime_new_without_memory),
		cmocka_unit_test(test_runtime_wait_completes_without_memory),
		cmocka_unit_test(test_runtime_grows_later_if_not_now),
		cmocka_unit_test(test_runtime_rounds_without_memory),
		cmocka_unit_test(test_runtime_same_future_twice_without_memory),
	};

	return KIT_RUN(tests);
}
