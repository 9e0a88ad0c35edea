/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * Goal: cancellation: X.1 to X.4 and each numbered transition of future.h, and V.6 of vdm.h for every mover.
 *
 * Method: "jobs" are futures that do as their recipe says and leave a trace (future_kit.h): "r2" the task of job 2 was called, "c2" it
 * gave back what it held, "i2" its init was called, "m2" the map of its entry. Each job that has begun, and each that was made and knows
 * of cancellation, holds something, which is counted. Named cases are compared with the trace that X.4 asks for; then chains of three
 * entries of every kind, cancelled after every number of polls, must end, hold nothing, and have called the right maps. The movers are
 * asked at each state that an operation has; the ones that copy elsewhere are held up by a gate or by a clock that stands still.
 */
#include "future_kit.h"

#include <pthread.h>
#include <unistd.h>

#include <hashloom/data_mover_dml.h>
#include <hashloom/data_mover_sim.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>
#include <hashloom/vdm.h>

#define HANG_S 300
#define POLLS_MAX 100

/* ---- jobs ------------------------------------------------------------------------------------ */

struct recipe {
	int id;
	int refusals; /* polls that cannot begin */
	int waits;    /* polls that do not finish it */
	int knows;    /* of cancellation */
	int drains;   /* polls from when it hears of it */
	int ends;     /* its work, although it was asked not to */
	int speaks;   /* in the notifier: that it waits for a waker, which nobody calls */
	struct kit_rewind *rewind;
};

struct job_data {
	const struct recipe *recipe;
	int refusals_left;
	int waits_left;
	int drains_left;
	int holds;
};

struct job_output {
	int value; /* 0; the job's id when it is done */
};

FUTURE(job_fut, struct job_data, struct job_output);

static int held; /* by all jobs */

static void job_hold(struct job_data *data)
{
	held += !data->holds;
	data->holds = 1;
}

static void job_let_go(struct job_data *data)
{
	held -= data->holds;
	data->holds = 0;
}

static enum future_state job_end(struct job_data *data, struct job_output *output)
{
	job_let_go(data);
	output->value = data->recipe->id;
	return FUTURE_STATE_COMPLETE;
}

static enum future_state job_task(struct future_context *context, struct future_notifier *notifier)
{
	struct job_data *const data = future_context_get_data(context);
	struct job_output *const output = future_context_get_output(context);
	const struct recipe *const recipe = data->recipe;

	assert_int_not_equal(context->state, FUTURE_STATE_COMPLETE);
	kit_trace_add(&kit_trace, 'r', recipe->id);
	if (notifier != NULL && recipe->speaks)
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	if (recipe->knows && future_context_is_cancelled(context)) {
		if (data->drains_left-- > 0)
			return FUTURE_STATE_RUNNING;
		if (recipe->ends)
			return job_end(data, output);
		kit_trace_add(&kit_trace, 'c', recipe->id);
		job_let_go(data);
		return future_context_cancelled(context);
	}
	if (data->refusals_left > 0) {
		data->refusals_left--;
		return FUTURE_STATE_IDLE;
	}
	job_hold(data);
	if (data->waits_left > 0) {
		data->waits_left--;
		return FUTURE_STATE_RUNNING;
	}
	if (recipe->rewind != NULL && recipe->rewind->times > 0) {
		recipe->rewind->times--;
		kit_send_back(recipe->rewind);
		return FUTURE_STATE_RUNNING;
	}
	return job_end(data, output);
}

static int job_has_property(void *future, enum future_property property)
{
	const struct job_fut *const job = future;

	return property == FUTURE_PROPERTY_CANCEL && job->data.recipe->knows;
}

static struct job_fut job(const struct recipe *recipe)
{
	struct job_fut future = { .data = { .recipe = recipe,
					    .refusals_left = recipe->refusals,
					    .waits_left = recipe->waits,
					    .drains_left = recipe->drains } };

	FUTURE_INIT_EXT(&future, job_task, job_has_property);
	if (recipe->knows)
		job_hold(&future.data);
	return future;
}

static void job_init(void *future, struct future_context *chain, void *arg)
{
	const struct recipe *const recipe = arg;
	const struct job_fut made = job(recipe);

	assert_non_null(chain);
	kit_trace_add(&kit_trace, 'i', recipe->id);
	memcpy(future, &made, sizeof(made));
}

/* Of what completed only. The last entry's carries the result to the chain. */
static void job_map(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	const struct recipe *const recipe = arg;
	const struct job_output *const output = future_context_get_output(lhs);

	kit_trace_add(&kit_trace, 'm', recipe->id);
	assert_int_equal(output->value, recipe->id);
	assert_non_null(rhs);
}

static void begin(void)
{
	kit_trace_reset();
	held = 0;
}

static enum future_state poll(void *future)
{
	return future_poll(future, NULL);
}

/* ---- one future: the transitions ---------------------------------------------------------------- */

static void test_cancel_6_of_one_that_has_not_begun_and_knows_nothing(void **state)
{
	const struct recipe recipe = { .id = 1, .refusals = 1, .waits = 1 };

	(void)state;
	for (int polls = 0; polls <= 1; polls++) { /* fresh; after transition 2 */
		struct job_fut future = job(&recipe);

		begin();
		for (int i = 0; i < polls; i++)
			assert_int_equal(poll(&future), FUTURE_STATE_IDLE);
		assert_false(future_is_cancelled(&future.base));
		future_cancel(&future.base);
		assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_COMPLETE);
		assert_true(future_is_cancelled(&future.base));
		assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
		kit_assert_trace(polls == 0 ? "" : "r1");
		assert_int_equal(FUTURE_OUTPUT(&future)->value, 0);
		assert_int_equal(held, 0);
	}
}

static void test_cancel_7_8_of_one_that_has_not_begun_and_knows(void **state)
{
	const struct recipe recipe = { .id = 1, .refusals = 1, .knows = 1 };

	(void)state;
	for (int polls = 0; polls <= 1; polls++) {
		begin();
		struct job_fut future = job(&recipe);

		assert_int_equal(held, 1);
		for (int i = 0; i < polls; i++)
			assert_int_equal(poll(&future), FUTURE_STATE_IDLE);
		future_cancel(&future.base);
		assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_IDLE);
		assert_false(future_is_cancelled(&future.base));
		assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
		assert_true(future_is_cancelled(&future.base));
		kit_assert_trace(polls == 0 ? "r1 c1" : "r1 r1 c1");
		assert_int_equal(held, 0);
	}
}

static void test_cancel_7_8_of_one_that_is_running_drains_first(void **state)
{
	const struct recipe recipe = { .id = 1, .waits = 99, .knows = 1, .drains = 2 };

	(void)state;
	begin();
	struct job_fut future = job(&recipe);
	assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	future_cancel(&future.base);
	for (int i = 0; i < 2; i++) {
		assert_false(future_is_cancelled(&future.base));
		assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
		assert_int_equal(held, 1);
	}
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(&future.base));
	assert_int_equal(FUTURE_OUTPUT(&future)->value, 0);
	kit_assert_trace("r1 r1 r1 r1 c1");
	assert_int_equal(held, 0);
}

static void test_cancel_7_9_of_one_that_is_running_and_knows_nothing_changes_nothing(void **state)
{
	const struct recipe recipe = { .id = 7, .waits = 2 };
	struct job_fut future = job(&recipe);

	(void)state;
	begin();
	assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	future_cancel(&future.base);
	assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_RUNNING);
	assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	assert_false(future_is_cancelled(&future.base));
	assert_int_equal(FUTURE_OUTPUT(&future)->value, 7);
	kit_assert_trace("r7 r7 r7");
}

static void test_cancel_7_9_of_one_that_ends_its_work_all_the_same(void **state)
{
	const struct recipe recipe = { .id = 7, .waits = 99, .knows = 1, .drains = 1, .ends = 1 };

	(void)state;
	for (int polls = 0; polls <= 1; polls++) { /* idle; running */
		begin();
		struct job_fut future = job(&recipe);

		for (int i = 0; i < polls; i++)
			assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
		future_cancel(&future.base);
		assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
		assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
		assert_false(future_is_cancelled(&future.base));
		assert_int_equal(FUTURE_OUTPUT(&future)->value, 7);
		assert_int_equal(held, 0);
	}
}

static void test_cancel_of_a_complete_one_does_nothing(void **state)
{
	const struct recipe recipe = { .id = 3, .knows = 1 };

	(void)state;
	begin();
	struct job_fut future = job(&recipe); /* transition 5 */
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	struct job_fut born = job(&recipe);
	FUTURE_INIT_COMPLETE(&born);
	for (int i = 0; i < 2; i++) {
		struct future *const futures[] = { &future.base, &born.base };

		for (int which = 0; which < 2; which++) {
			future_cancel(futures[which]);
			assert_int_equal(future_poll(futures[which], NULL), FUTURE_STATE_COMPLETE);
			assert_false(future_is_cancelled(futures[which]));
			assert_false(future_context_is_cancelled(&futures[which]->context));
		}
	}
	assert_int_equal(FUTURE_OUTPUT(&future)->value, 3);
	kit_assert_trace("r3");
}

static void test_cancel_twice_is_once(void **state)
{
	const struct recipe recipe = { .id = 1, .waits = 99, .knows = 1, .drains = 2 };

	(void)state;
	begin();
	struct job_fut future = job(&recipe);
	assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	for (int i = 0; i < 2; i++) {
		future_cancel(&future.base);
		future_cancel(&future.base);
		assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	}
	future_cancel(&future.base);
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	future_cancel(&future.base);
	assert_true(future_is_cancelled(&future.base));
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	kit_assert_trace("r1 r1 r1 r1 c1");
}

static void test_cancel_asked_of_an_idle_one_goes_with_its_copy(void **state)
{
	const struct recipe recipe = { .id = 1, .knows = 1 };

	(void)state;
	begin();
	struct job_fut original = job(&recipe);
	future_cancel(&original.base);
	struct job_fut copy = original;
	assert_int_equal(poll(&copy), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(&copy.base));
	kit_assert_trace("r1 c1");
}

static void test_cancel_is_forgotten_when_a_future_is_made_anew(void **state)
{
	const struct recipe recipe = { .id = 1 };
	struct job_fut future = job(&recipe);

	(void)state;
	begin();
	future_cancel(&future.base);
	FUTURE_INIT_EXT(&future, job_task, job_has_property);
	assert_false(future_is_cancelled(&future.base));
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	assert_false(future_is_cancelled(&future.base));
	assert_int_equal(FUTURE_OUTPUT(&future)->value, 1);
}

/* The word that says what was asked also says where data and output lie. */
struct far_data {
	char first;
};

struct far_output {
	_Alignas(4096) int value;
};

FUTURE(far_fut, struct far_data, struct far_output);

static enum future_state far_task(struct future_context *context, struct future_notifier *notifier)
{
	struct far_fut *const future = (struct far_fut *)(void *)((char *)context - offsetof(struct far_fut, base.context));

	(void)notifier;
	assert_ptr_equal(future_context_get_data(context), &future->data);
	assert_ptr_equal(future_context_get_output(context), &future->output);
	if (!future_context_is_cancelled(context))
		return FUTURE_STATE_RUNNING;
	return future_context_cancelled(context);
}

static int knows(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

static void test_cancel_leaves_data_and_output_where_they_are(void **state)
{
	static struct far_fut future;

	(void)state;
	FUTURE_INIT_EXT(&future, far_task, knows);
	assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	future_cancel(&future.base);
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(&future.base));
	assert_ptr_equal(future_context_get_output(&future.base.context), &future.output);
}

static int says_yes(void *future, enum future_property property)
{
	(void)future;
	(void)property;
	return 1;
}

/* Properties of old programs: none; and yes to whatever is asked, of a task that knows nothing. */
static void test_cancel_of_futures_with_old_property_functions(void **state)
{
	const struct recipe recipe = { .id = 4, .waits = 1 };
	struct job_fut none = job(&recipe);
	struct job_fut yes = job(&recipe);

	(void)state;
	begin();
	none.base.has_property = NULL;
	future_cancel(&none.base);
	assert_int_equal(FUTURE_STATE(&none), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(&none.base));
	yes.base.has_property = says_yes;
	future_cancel(&yes.base);
	assert_int_equal(poll(&yes), FUTURE_STATE_RUNNING);
	assert_int_equal(poll(&yes), FUTURE_STATE_COMPLETE);
	assert_false(future_is_cancelled(&yes.base));
	assert_int_equal(FUTURE_OUTPUT(&yes)->value, 4);
}

/* ---- chains ------------------------------------------------------------------------------------ */

#define ENTRIES 3

struct three_data {
	FUTURE_CHAIN_ENTRY(struct job_fut, a);
	FUTURE_CHAIN_ENTRY(struct job_fut, b);
	FUTURE_CHAIN_ENTRY_LAST(struct job_fut, c);
};

FUTURE(three_fut, struct three_data, struct job_output);

struct entry_recipe {
	struct recipe job;
	int is_lazy;
};

#define ENTRY_INIT(entryp, recipe)                                                                               \
	do {                                                                                                     \
		if ((recipe)->is_lazy)                                                                           \
			FUTURE_CHAIN_ENTRY_LAZY_INIT(entryp, job_init, (void *)(uintptr_t)&(recipe)->job, job_map, \
						     (void *)(uintptr_t)&(recipe)->job);                         \
		else                                                                                             \
			FUTURE_CHAIN_ENTRY_INIT(entryp, job(&(recipe)->job), job_map,                            \
						(void *)(uintptr_t)&(recipe)->job);                              \
	} while (0)

/* Jobs 1, 2 and 3, in memory where something else has been. */
static void three_init(struct three_fut *chain, struct entry_recipe recipes[ENTRIES], int is_forward)
{
	memset(chain, 0x6b, sizeof(*chain));
	for (int i = 0; i < ENTRIES; i++)
		recipes[i].job.id = i + 1;
	ENTRY_INIT(&chain->data.a, &recipes[0]);
	ENTRY_INIT(&chain->data.b, &recipes[1]);
	ENTRY_INIT(&chain->data.c, &recipes[2]);
	chain->output.value = 0;
	if (is_forward)
		FUTURE_CHAIN_INIT_FORWARD(chain);
	else
		FUTURE_CHAIN_INIT(chain);
}

/* Cancelled after so many polls, of both kinds of chain, it leaves this trace, ends with this many polls more, and is cancelled or not. */
static void check_three(struct entry_recipe recipes[ENTRIES], int polls, const char *trace, int polls_more, int is_cancelled)
{
	for (int is_forward = 0; is_forward <= 1; is_forward++) {
		struct three_fut chain;

		begin();
		three_init(&chain, recipes, is_forward);
		for (int i = 0; i < polls; i++)
			assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
		future_cancel(&chain.base);
		for (int i = 1; i <= polls_more; i++) {
			assert_int_not_equal(FUTURE_STATE(&chain), FUTURE_STATE_COMPLETE);
			assert_false(future_is_cancelled(&chain.base));
			assert_int_equal(poll(&chain), i < polls_more ? FUTURE_STATE_RUNNING : FUTURE_STATE_COMPLETE);
		}
		assert_int_equal(future_is_cancelled(&chain.base), is_cancelled);
		kit_assert_trace(trace);
		assert_int_equal(held, 0);
		/* F.5 */
		future_cancel(&chain.base);
		assert_int_equal(poll(&chain), FUTURE_STATE_COMPLETE);
		assert_int_equal(future_is_cancelled(&chain.base), is_cancelled);
		assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_CANCEL), -1);
		kit_assert_trace(trace);
	}
}

static void test_cancel_X4_chain_before_its_first_poll(void **state)
{
	struct entry_recipe nothing[ENTRIES] = { { .is_lazy = 0 } };
	struct entry_recipe lazy[ENTRIES] = { { .is_lazy = 1 }, { .is_lazy = 1 }, { .is_lazy = 1 } };
	struct entry_recipe knowing[ENTRIES] = { { .job.knows = 1 }, { .job.knows = 1 }, { .job.knows = 1 } };
	struct entry_recipe mixed[ENTRIES] = { { .is_lazy = 1 }, { .job.knows = 1 }, { .job.waits = 3 } };

	(void)state;
	check_three(nothing, 0, "", 1, 1);
	check_three(lazy, 0, "", 1, 1);
	check_three(knowing, 0, "r1 c1 r2 c2 r3 c3", 1, 1);
	check_three(mixed, 0, "r2 c2", 1, 1);
}

static void test_cancel_X4_chain_at_each_entry(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job.waits = 1 }, { .job.waits = 1 }, { .job.waits = 1 } };

	(void)state;
	/* the one that runs ends, with its map; those behind it are passed over */
	check_three(recipes, 1, "r1 r1 m1", 1, 1);
	check_three(recipes, 2, "r1 r1 m1 r2 r2 m2", 1, 1);
	check_three(recipes, 3, "r1 r1 m1 r2 r2 m2 r3 r3 m3", 1, 0);
}

static void test_cancel_X4_lazy_entries(void **state)
{
	struct entry_recipe passed[ENTRIES] = { { .job = { .waits = 9, .knows = 1 } }, { .is_lazy = 1 }, { .is_lazy = 1, .job.knows = 1 } };
	struct entry_recipe after[ENTRIES] = { { .job.waits = 1 }, { .is_lazy = 1, .job.knows = 1 }, { .is_lazy = 1, .job.knows = 1 } };
	struct entry_recipe standing[ENTRIES] = { { .is_lazy = 1 }, { .is_lazy = 1, .job = { .waits = 9, .knows = 1, .drains = 1 } },
						  { .is_lazy = 1 } };

	(void)state;
	check_three(passed, 1, "r1 r1 c1", 1, 1);
	/* C.3: behind one that completed, the next is initialised, since the map writes to it; it is asked at once */
	check_three(after, 1, "r1 r1 i2 m1 r2 c2", 1, 1);
	check_three(standing, 1, "i1 r1 i2 m1 r2 r2 r2 c2", 2, 1);
}

static void test_cancel_X4_each_later_entry_that_knows_gives_back(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job = { .waits = 9, .knows = 1, .drains = 1 } },
						 { .job = { .knows = 1, .drains = 2 } },
						 { .job = { .knows = 1 } } };

	(void)state;
	check_three(recipes, 0, "r1 r1 c1 r2 r2 r2 c2 r3 c3", 4, 1);
	check_three(recipes, 1, "r1 r1 r1 c1 r2 r2 r2 c2 r3 c3", 4, 1);
}

static void test_cancel_X4_map_of_what_completes_is_called_and_of_what_is_cancelled_is_not(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job = { .knows = 1, .ends = 1 } }, { .job = { .knows = 1 } },
						 { .job = { .knows = 1, .ends = 1 } } };

	(void)state;
	check_three(recipes, 0, "r1 m1 r2 c2 r3 m3", 1, 1);
}

static void test_cancel_X2_chain_whose_entries_all_complete_is_not_cancelled(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job.waits = 1 }, { .job = { .knows = 1, .ends = 1 } }, { .job = { .knows = 1, .ends = 1 } } };

	(void)state;
	check_three(recipes, 1, "r1 r1 m1 r2 m2 r3 m3", 1, 0);
}

static void test_cancel_of_a_chain_twice_is_once(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job = { .waits = 9, .knows = 1, .drains = 2 } }, { .is_lazy = 1 }, { .job.knows = 1 } };
	struct three_fut chain;

	(void)state;
	begin();
	three_init(&chain, recipes, 0);
	assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
	for (int i = 0; i < 2; i++) {
		future_cancel(&chain.base);
		future_cancel(&chain.base);
		assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
	}
	assert_int_equal(poll(&chain), FUTURE_STATE_COMPLETE);
	kit_assert_trace("r1 r1 r1 r1 c1 r3 c3");
}

static void test_cancel_properties_of_chains(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job = { .waits = 9, .knows = 1, .drains = 1 } }, { .is_lazy = 1 }, { .is_lazy = 1 } };
	struct three_fut chain;

	(void)state;
	for (int is_forward = 0; is_forward <= 1; is_forward++) {
		begin();
		three_init(&chain, recipes, is_forward);
		assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_CANCEL), 1);
		assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
		future_cancel(&chain.base);
		assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_CANCEL), 1);
		assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_ASYNC), 0);
		assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
		assert_int_equal(poll(&chain), FUTURE_STATE_COMPLETE);
		assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_CANCEL), -1);
	}
	/* also while the chain stands at a lazy entry, of which nothing is known */
	recipes[0].is_lazy = 1;
	three_init(&chain, recipes, 0);
	assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_CANCEL), 1);
	assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_ASYNC), 0);
}

/* A job, a chain of three, a job: 9, then 1 to 3, then 8. */
struct outer_data {
	FUTURE_CHAIN_ENTRY(struct job_fut, first);
	FUTURE_CHAIN_ENTRY(struct three_fut, inner);
	FUTURE_CHAIN_ENTRY_LAST(struct job_fut, last);
};

FUTURE(outer_fut, struct outer_data, struct job_output);

struct outer_recipe {
	struct entry_recipe first, inner[ENTRIES], last;
	int inner_is_lazy;
};

static void inner_init(void *future, struct future_context *chain, void *arg)
{
	struct three_fut inner;

	assert_non_null(chain);
	kit_trace_add(&kit_trace, 'i', 0);
	three_init(&inner, arg, 0);
	memcpy(future, &inner, sizeof(inner));
}

static void inner_map(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	(void)lhs;
	(void)rhs;
	(void)arg;
	kit_trace_add(&kit_trace, 'm', 0);
}

static void check_outer(struct outer_recipe *recipe, int polls, const char *trace, int polls_more, int is_cancelled)
{
	struct outer_fut chain;

	begin();
	recipe->first.job.id = 9;
	recipe->last.job.id = 8;
	ENTRY_INIT(&chain.data.first, &recipe->first);
	if (recipe->inner_is_lazy) {
		FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.inner, inner_init, recipe->inner, inner_map, NULL);
	} else {
		three_init(&chain.data.inner.fut, recipe->inner, 1);
		const struct three_fut inner = chain.data.inner.fut;
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.inner, inner, inner_map, NULL);
	}
	ENTRY_INIT(&chain.data.last, &recipe->last);
	FUTURE_CHAIN_INIT(&chain);
	for (int i = 0; i < polls; i++)
		assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
	future_cancel(&chain.base);
	for (int i = 1; i <= polls_more; i++)
		assert_int_equal(poll(&chain), i < polls_more ? FUTURE_STATE_RUNNING : FUTURE_STATE_COMPLETE);
	assert_int_equal(future_is_cancelled(&chain.base), is_cancelled);
	kit_assert_trace(trace);
	assert_int_equal(held, 0);
}

static void test_cancel_X4_goes_into_chains_in_chains(void **state)
{
	struct outer_recipe recipe = { .first.job.waits = 1,
				       .inner = { { .job = { .waits = 1, .knows = 1, .drains = 1 } }, { .job.knows = 1 }, { .is_lazy = 1 } },
				       .last.job.knows = 1 };
	struct outer_recipe ends = { .inner = { { .job.waits = 0 }, { .job.waits = 0 }, { .job.waits = 2 } },
				     .last.job = { .knows = 1, .ends = 1 } };

	(void)state;
	check_outer(&recipe, 0, "r1 r1 c1 r2 c2 r8 c8", 2, 1);
	check_outer(&recipe, 1, "r9 r9 m9 r1 r1 c1 r2 c2 r8 c8", 2, 1);
	check_outer(&recipe, 2, "r9 r9 m9 r1 r1 r1 c1 r2 c2 r8 c8", 2, 1);
	/* one entry of the inner chain cut short is enough; none is none */
	check_outer(&ends, 1, "r9 m9 r1 m1 r2 m2 r3 r3 r3 m3 m0 r8 m8", 2, 0);
	recipe.inner_is_lazy = 1;
	check_outer(&recipe, 0, "r8 c8", 1, 1);
	check_outer(&recipe, 1, "r9 r9 i0 m9 r1 r1 c1 r2 c2 r8 c8", 2, 1);
}

/* ---- chains that are sent back (C.4) ----------------------------------------------------------------- */

/* Job 3 sends 1 and 2 back, time and again: what it waits for would never come if they are not run. */
static void check_sent_back(struct entry_recipe recipes[ENTRIES], int polls, const char *trace, int polls_more)
{
	struct kit_rewind rewind = { .times = 1000, .n = 2 };
	struct three_fut chain;

	begin();
	recipes[2].job.rewind = &rewind;
	three_init(&chain, recipes, 0);
	rewind.entries[0] = (struct future_chain_entry *)(void *)&chain.data.a;
	rewind.entries[1] = (struct future_chain_entry *)(void *)&chain.data.b;
	rewind.futures[0] = FUTURE_AS_RUNNABLE(&chain.data.a.fut);
	rewind.futures[1] = FUTURE_AS_RUNNABLE(&chain.data.b.fut);
	for (int i = 0; i < polls; i++)
		assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
	future_cancel(&chain.base);
	for (int i = 1; i <= polls_more; i++)
		assert_int_equal(poll(&chain), i < polls_more ? FUTURE_STATE_RUNNING : FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(&chain.base));
	kit_assert_trace(trace);
}

static void test_cancel_X4_chain_that_was_sent_back_ends(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .is_lazy = 0 } };

	(void)state;
	for (int is_lazy = 0; is_lazy <= 1; is_lazy++) {
		recipes[2].is_lazy = is_lazy;
		recipes[2].job.waits = 0;
		/* it was sent back, and stands at the first entry */
		check_sent_back(recipes, 1, is_lazy ? "r1 m1 r2 i3 m2 r3" : "r1 m1 r2 m2 r3", 1);
		/* it is sent back by its last entry after it was cancelled */
		recipes[2].job.waits = 1;
		check_sent_back(recipes, 1, is_lazy ? "r1 m1 r2 i3 m2 r3 r3" : "r1 m1 r2 m2 r3 r3", 2);
	}
	/* one that completes all the same is followed as ever: initialised anew (C.5), and then asked */
	recipes[1].job = (struct recipe){ .knows = 1, .ends = 1 };
	recipes[2].job.waits = 0;
	check_sent_back(recipes, 1, "r1 m1 r2 i3 m2 r3 r2 i3 m2", 1);
}

/* What knows of cancellation is asked also when it has sent the chain back: only it knows what it holds. */
static void test_cancel_X4_entry_that_sent_its_chain_back_and_knows_gives_back(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job.knows = 1 }, { .is_lazy = 1 }, { .job = { .knows = 1, .drains = 1 } } };

	(void)state;
	check_sent_back(recipes, 1, "r1 i2 m1 r2 m2 r3 r1 c1 r3 r3 c3", 2);
	assert_int_equal(held, 0);
}

/* ---- chains of other makes ------------------------------------------------------------------------------ */

/* Entries without a shape, as old programs have them: where the next begins is not known before one is initialised. */
static void test_cancel_chain_whose_lazy_entries_carry_no_shape(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job.waits = 1 }, { .is_lazy = 1, .job.knows = 1 }, { .is_lazy = 1, .job.knows = 1 } };

	(void)state;
	for (int polls = 0; polls <= 1; polls++) {
		struct three_fut chain;

		begin();
		three_init(&chain, recipes, 0);
		chain.data.a.flags &= FUTURE_CHAIN_VALID_FLAGS;
		chain.data.b.flags &= FUTURE_CHAIN_VALID_FLAGS;
		chain.data.c.flags &= FUTURE_CHAIN_VALID_FLAGS;
		for (int i = 0; i < polls; i++)
			assert_int_equal(poll(&chain), FUTURE_STATE_RUNNING);
		future_cancel(&chain.base);
		assert_int_equal(poll(&chain), FUTURE_STATE_COMPLETE);
		assert_true(future_is_cancelled(&chain.base));
		kit_assert_trace(polls == 0 ? "i2 r2 c2 i3 r3 c3" : "r1 r1 i2 m1 r2 c2 i3 r3 c3");
		assert_int_equal(held, 0);
	}
}

/* Something short behind a last entry that was not declared so: nothing is read behind it. */
struct untidy_data {
	FUTURE_CHAIN_ENTRY(struct job_fut, a);
	FUTURE_CHAIN_ENTRY(struct job_fut, b);
	int number;
};

struct empty {
	char nothing;
};

FUTURE(untidy_fut, struct untidy_data, struct empty);

static void test_cancel_chain_with_a_member_behind_its_last_entry(void **state)
{
	struct entry_recipe recipes[2] = { { .job.id = 1 }, { .is_lazy = 1, .job.id = 2 } };
	struct untidy_fut *const chain = malloc(sizeof(*chain)); /* AddressSanitizer knows where it ends */

	(void)state;
	assert_non_null(chain);
	begin();
	ENTRY_INIT(&chain->data.a, &recipes[0]);
	ENTRY_INIT(&chain->data.b, &recipes[1]);
	chain->data.number = INT32_MAX;
	FUTURE_CHAIN_INIT(chain);
	future_cancel(&chain->base);
	assert_int_equal(poll(chain), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(&chain->base));
	kit_assert_trace("");
	free(chain);
}

/* ---- every chain of three, at every poll --------------------------------------------------------------------- */

#define KINDS 7

static const struct recipe kinds[KINDS] = { { .waits = 0 },
					    { .waits = 2 },
					    { .refusals = 1, .waits = 1 },
					    { .knows = 1, .waits = 1 },
					    { .knows = 1, .refusals = 1, .drains = 1 },
					    { .knows = 1, .waits = 2, .drains = 1 },
					    { .knows = 1, .waits = 1, .ends = 1 } };

static size_t count_in_trace(char what, int id)
{
	const char word[] = { what, (char)('0' + id), '\0' };
	size_t count = 0;

	for (const char *at = strstr(kit_trace.text, word); at != NULL; at = strstr(at + 1, word))
		count++;
	return count;
}

/* What must hold of an entry when its chain is complete. */
static void check_entry(const struct entry_recipe *recipe, const struct job_fut *future, int is_initialized, int was_complete)
{
	const int id = recipe->job.id;
	const int is_cancelled = is_initialized && future_is_cancelled(&future->base);

	if (!is_initialized) {
		assert_int_equal(count_in_trace('r', id) + count_in_trace('m', id), 0);
		return;
	}
	assert_int_equal(FUTURE_STATE(future), FUTURE_STATE_COMPLETE);
	assert_int_equal(future->output.value, is_cancelled ? 0 : id);
	assert_int_equal(count_in_trace('m', id), !is_cancelled);
	assert_int_equal(count_in_trace('i', id), recipe->is_lazy);
	assert_int_equal(count_in_trace('c', id), is_cancelled && recipe->job.knows);
	assert_true(!was_complete || !is_cancelled);
}

static int is_initialized(const struct entry_recipe *recipe)
{
	return !recipe->is_lazy || count_in_trace('i', recipe->job.id) > 0;
}

/* Returns 0 when the chain was complete before that many polls. */
static int check_chain_at(struct entry_recipe recipes[ENTRIES], int polls, int is_forward)
{
	struct three_fut chain;
	const struct job_fut *const futures[] = { &chain.data.a.fut, &chain.data.b.fut, &chain.data.c.fut };
	int was_complete[ENTRIES];
	int is_cancelled = 0;
	int left = POLLS_MAX;

	begin();
	three_init(&chain, recipes, is_forward);
	for (int i = 0; i < polls; i++)
		if (poll(&chain) == FUTURE_STATE_COMPLETE)
			return 0;
	for (int i = 0; i < ENTRIES; i++)
		was_complete[i] = count_in_trace('m', recipes[i].job.id) > 0;
	future_cancel(&chain.base);
	while (poll(&chain) != FUTURE_STATE_COMPLETE)
		assert_true(left-- > 0);
	for (int i = 0; i < ENTRIES; i++) {
		check_entry(&recipes[i], futures[i], is_initialized(&recipes[i]), was_complete[i]);
		is_cancelled |= !is_initialized(&recipes[i]) || future_is_cancelled(&futures[i]->base);
	}
	assert_int_equal(future_is_cancelled(&chain.base), is_cancelled);
	assert_int_equal(held, 0);
	return 1;
}

static void test_cancel_X4_every_chain_of_three_at_every_poll(void **state)
{
	size_t chains = 0;

	(void)state;
	for (int which = 0; which < KINDS * KINDS * KINDS * 8 * 2; which++) {
		const int lazy = which / 2 % 8;
		const int kind = which / 16;
		struct entry_recipe recipes[ENTRIES] = { { kinds[kind % KINDS], lazy & 1 },
							 { kinds[kind / KINDS % KINDS], lazy >> 1 & 1 },
							 { kinds[kind / KINDS / KINDS], lazy >> 2 & 1 } };

		for (int polls = 0; check_chain_at(recipes, polls, which & 1); polls++)
			chains++;
	}
	assert_true(chains > 10000);
}

/* ---- under a runtime ------------------------------------------------------------------------------------------- */

/*
 * Job 1 says that it waits for a waker, which nobody calls, then is complete in the next poll, in which job 2, which says nothing in the
 * notifier, is asked: the runtime must not take job 1's word for job 2's (WENT_ON).
 */
static void test_cancel_runtime_does_not_take_the_word_of_an_entry_that_is_cancelled(void **state)
{
	struct entry_recipe recipes[ENTRIES] = { { .job = { .knows = 1, .speaks = 1 } },
						 { .job = { .knows = 1, .drains = 5 } },
						 { .is_lazy = 1 } };
	struct runtime *const runtime = runtime_new();

	(void)state;
	assert_non_null(runtime);
	for (int is_forward = 0; is_forward <= 1; is_forward++) {
		struct three_fut chain;

		begin();
		three_init(&chain, recipes, is_forward);
		future_cancel(&chain.base);
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&chain));
		assert_true(future_is_cancelled(&chain.base));
		assert_int_equal(count_in_trace('c', 1) + count_in_trace('c', 2), 2);
		assert_int_equal(held, 0);
	}
	runtime_delete(runtime);
}

/* ---- movers -------------------------------------------------------------------------------------------------------- */

#define SIZE 64
#define OPERATION_TYPES 9 /* and some that no mover knows */

static unsigned char dest[SIZE], src[SIZE];

static void prepare_bytes(void)
{
	memset(dest, 0x11, sizeof(dest));
	memset(src, 0x22, sizeof(src));
}

static int all_are(const unsigned char *bytes, unsigned char byte)
{
	return bytes[0] == byte && memcmp(bytes, bytes + 1, SIZE - 1) == 0;
}

/* More often than any mover has places. */
static void check_idle_cancels(struct vdm *vdm, int times)
{
	prepare_bytes();
	for (int i = 0; i < times; i++) {
		struct vdm_operation_future future = vdm_memcpy(vdm, dest, src, SIZE, 0);

		assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_IDLE);
		assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_CANCEL), 1);
		future_cancel(&future.base);
		assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_IDLE);
		assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
		assert_true(future_is_cancelled(&future.base));
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_CANCELLED);
		assert_int_equal(FUTURE_OUTPUT(&future)->type, VDM_OPERATION_MEMCPY);
		assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_CANCEL), 0);
	}
	assert_true(all_are(dest, 0x11));
	/* and it still works */
	struct vdm_operation_future future = vdm_memcpy(vdm, dest, src, SIZE, 0);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_true(all_are(dest, 0x22));
	future_cancel(&future.base);
	assert_false(future_is_cancelled(&future.base));
}

static void check_every_type(struct vdm *vdm)
{
	for (unsigned type = 0; type < OPERATION_TYPES; type++) {
		struct vdm_operation_future future;

		memset(&future, 0, sizeof(future));
		prepare_bytes();
		future.data.operation.type = (enum vdm_operation_type)type;
		future.data.operation.data.memcpy.dest = dest;
		future.data.operation.data.memcpy.src = src;
		future.data.operation.data.memcpy.n = SIZE;
		vdm_generic_operation(vdm, &future);
		future_cancel(&future.base);
		assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_CANCELLED);
		assert_int_equal(FUTURE_OUTPUT(&future)->type, type);
		assert_true(all_are(dest, 0x11));
	}
}

static void test_cancel_V6_sync_mover(void **state)
{
	struct data_mover_sync *const mover = data_mover_sync_new();

	(void)state;
	assert_non_null(mover);
	check_idle_cancels(data_mover_sync_get_vdm(mover), 100000);
	check_every_type(data_mover_sync_get_vdm(mover));
	data_mover_sync_delete(mover);
}

static void test_cancel_V6_dml_mover(void **state)
{
	struct data_mover_dml *const mover = data_mover_dml_new(DATA_MOVER_DML_SOFTWARE);

	(void)state;
	assert_non_null(mover);
	check_idle_cancels(data_mover_dml_get_vdm(mover), 100000);
	check_every_type(data_mover_dml_get_vdm(mover));
	data_mover_dml_delete(mover);
}

/* One worker, few places, and nothing is done in the poll. */
static struct data_mover_threads *make_threads(enum future_notifier_type notifier)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.threads = 1;
	cfg.queue = 2;
	cfg.notifier = notifier;
	cfg.inline_max = 0;
	struct data_mover_threads *const mover = data_mover_threads_new_cfg(&cfg);
	assert_non_null(mover);
	return mover;
}

/* Workers stand before this gate, and say so. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int is_open;
	int standing;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void gate_set(int is_open)
{
	pthread_mutex_lock(&gate.lock);
	gate.is_open = is_open;
	gate.standing = 0;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

static void gate_wait_for_one(void)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.standing == 0)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void *copy_behind_gate(void *to, const void *from, size_t n, unsigned flags)
{
	(void)flags;
	pthread_mutex_lock(&gate.lock);
	gate.standing++;
	pthread_cond_broadcast(&gate.changed);
	while (!gate.is_open)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	return memcpy(to, from, n);
}

static void test_cancel_V6_threads_mover_idle(void **state)
{
	struct data_mover_threads *const mover = make_threads(FUTURE_NOTIFIER_NONE);

	(void)state;
	check_idle_cancels(data_mover_threads_get_vdm(mover), 100000);
	check_every_type(data_mover_threads_get_vdm(mover));
	data_mover_threads_delete(mover);
}

#define CROWD 8

/* One worker stands before the gate, two operations wait in the queue, the others are refused. */
static void test_cancel_V6_threads_mover_in_flight_and_refused(void **state)
{
	const size_t size = 4096;
	struct data_mover_threads *const mover = make_threads(FUTURE_NOTIFIER_NONE);
	struct vdm_operation_future futures[CROWD];
	unsigned char *const from = malloc(size);
	unsigned char *const to = malloc(CROWD * size);
	int refused = 0;

	(void)state;
	assert_true(from != NULL && to != NULL);
	memset(from, 0x22, size);
	memset(to, 0x11, CROWD * size);
	data_mover_threads_set_memcpy_fn(mover, copy_behind_gate);
	gate_set(0);
	for (int i = 0; i < CROWD; i++) {
		futures[i] = vdm_memcpy(data_mover_threads_get_vdm(mover), to + (size_t)i * size, from, size, 0);
		refused += poll(&futures[i]) == FUTURE_STATE_IDLE;
		if (i == 0)
			gate_wait_for_one();
	}
	assert_in_range(refused, 1, CROWD - 1);
	for (int i = 0; i < CROWD; i++) {
		const int was_idle = FUTURE_STATE(&futures[i]) == FUTURE_STATE_IDLE;

		future_cancel(&futures[i].base);
		assert_int_equal(poll(&futures[i]), was_idle ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING);
		assert_int_equal(future_is_cancelled(&futures[i].base), was_idle);
	}
	gate_set(1);
	for (int i = 0; i < CROWD; i++) {
		const int is_cancelled = future_is_cancelled(&futures[i].base);

		FUTURE_BUSY_POLL(&futures[i]);
		assert_int_equal(future_is_cancelled(&futures[i].base), is_cancelled);
		assert_int_equal(FUTURE_OUTPUT(&futures[i])->result, is_cancelled ? VDM_ERROR_CANCELLED : VDM_SUCCESS);
		assert_int_equal(to[(size_t)i * size], is_cancelled ? 0x11 : 0x22);
		assert_int_equal(to[(size_t)(i + 1) * size - 1], is_cancelled ? 0x11 : 0x22);
	}
	data_mover_threads_delete(mover);
	free(from);
	free(to);
}

static struct data_mover_sim *make_sim(uint32_t operations_max, enum future_notifier_type notifier)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(1);

	cfg.operations_max = operations_max;
	cfg.ticks_per_check = 1;
	cfg.notifier = notifier;
	struct data_mover_sim *const mover = data_mover_sim_new(&cfg);
	assert_non_null(mover);
	return mover;
}

static void test_cancel_V6_sim_mover_idle_and_refused(void **state)
{
	struct data_mover_sim *const mover = make_sim(1, FUTURE_NOTIFIER_NONE);
	struct vdm *const vdm = data_mover_sim_get_vdm(mover);
	struct data_mover_sim_stats stats;

	(void)state;
	check_idle_cancels(vdm, 100000);
	check_every_type(vdm);
	prepare_bytes();
	assert_int_equal(data_mover_sim_force(mover, DATA_MOVER_SIM_REFUSE_START, 3), HASHLOOM_OK);
	struct vdm_operation_future future = vdm_memcpy(vdm, dest, src, SIZE, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(poll(&future), FUTURE_STATE_IDLE);
	future_cancel(&future.base);
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_CANCELLED);
	assert_true(all_are(dest, 0x11));
	data_mover_sim_statistics(mover, &stats);
	assert_int_equal(stats.cancelled, 100000 + OPERATION_TYPES + 1);
	assert_int_equal(stats.started, 1);
	assert_int_equal(stats.made, stats.completed + stats.cancelled);
	data_mover_sim_delete(mover);
}

static void test_cancel_V6_sim_mover_in_flight_is_drained(void **state)
{
	struct data_mover_sim *const mover = make_sim(2, FUTURE_NOTIFIER_NONE);
	struct data_mover_sim_stats stats;

	(void)state;
	prepare_bytes();
	data_mover_sim_hold(mover);
	struct vdm_operation_future future = vdm_memcpy(data_mover_sim_get_vdm(mover), dest, src, SIZE, 0);
	assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	future_cancel(&future.base);
	for (int i = 0; i < 20; i++)
		assert_int_equal(poll(&future), FUTURE_STATE_RUNNING);
	assert_int_equal(data_mover_sim_finish(mover, &future), 1);
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	assert_false(future_is_cancelled(&future.base));
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_true(all_are(dest, 0x22));
	data_mover_sim_statistics(mover, &stats);
	assert_int_equal(stats.cancelled, 0);
	assert_int_equal(stats.completed, 1);
	data_mover_sim_delete(mover);
}

/* Cancelled in a crowd and in any order, no event is lost to the others, and a run can be had again (S.1). */
static uint64_t sim_digest(uint64_t seed)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed);
	struct kit_random random = { seed };
	struct vdm_operation_future futures[CROWD];
	struct data_mover_sim_stats stats;
	int left = CROWD;

	cfg.permille[DATA_MOVER_SIM_REFUSE_START] = 300;
	cfg.permille[DATA_MOVER_SIM_TEAR] = 500;
	struct data_mover_sim *const mover = data_mover_sim_new(&cfg);
	assert_non_null(mover);
	for (int i = 0; i < CROWD; i++)
		futures[i] = vdm_memcpy(data_mover_sim_get_vdm(mover), dest, src, SIZE, 0);
	while (left > 0) {
		struct vdm_operation_future *const future = &futures[kit_random_below(&random, CROWD)];

		if (FUTURE_STATE(future) == FUTURE_STATE_COMPLETE)
			continue;
		if (kit_random_below(&random, 3) == 0)
			future_cancel(&future->base);
		const int is_to_be_cut = FUTURE_STATE(future) == FUTURE_STATE_IDLE && future_context_is_cancelled(&future->base.context);
		if (poll(future) != FUTURE_STATE_COMPLETE)
			continue;
		left--;
		assert_int_equal(future_is_cancelled(&future->base), is_to_be_cut);
		assert_int_equal(FUTURE_OUTPUT(future)->result, is_to_be_cut ? VDM_ERROR_CANCELLED : VDM_SUCCESS);
	}
	data_mover_sim_statistics(mover, &stats);
	assert_int_equal(stats.made, stats.completed + stats.cancelled);
	assert_int_equal(stats.started, stats.completed);
	assert_int_equal(data_mover_sim_pending(mover), 0);
	data_mover_sim_delete(mover);
	return stats.digest;
}

static void test_cancel_V6_sim_mover_crowds(void **state)
{
	struct kit_random random = kit_random_from_seed();

	(void)state;
	for (int i = 0; i < 300; i++) {
		const uint64_t seed = kit_random_next(&random);

		assert_true(sim_digest(seed) == sim_digest(seed));
	}
}

/* ---- a mover of the user's ------------------------------------------------------------------------------------------- */

/* Knows nothing of cancellation. It says of every operation that it went well. */
static struct {
	int news, starts, deletes;
	int refusals_left;
	enum vdm_operation_result told; /* by the output when op_delete is called */
} own;

static void *own_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	(void)vdm;
	(void)type;
	own.news++;
	return &own;
}

static int own_start(void *data, const struct vdm_operation *operation, struct future_notifier *notifier)
{
	assert_ptr_equal(data, &own);
	(void)operation;
	(void)notifier;
	if (own.refusals_left > 0) {
		own.refusals_left--;
		return 1;
	}
	own.starts++;
	return 0;
}

static enum future_state own_check(void *data, const struct vdm_operation *operation)
{
	(void)data;
	(void)operation;
	return own.starts == 1 ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void own_delete(void *data, const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	assert_ptr_equal(data, &own);
	own.deletes++;
	own.told = output->result;
	output->type = operation->type;
	output->result = VDM_SUCCESS;
}

static void test_cancel_V6_mover_that_knows_nothing(void **state)
{
	struct vdm vdm = { own_new, own_delete, own_start, own_check, 0, NULL };

	(void)state;
	for (int refusals = 0; refusals <= 2; refusals++) {
		memset(&own, 0, sizeof(own));
		own.refusals_left = refusals;
		struct vdm_operation_future future = vdm_memcpy(&vdm, dest, src, SIZE, 0);
		for (int i = 0; i < refusals; i++)
			assert_int_equal(poll(&future), FUTURE_STATE_IDLE);
		future_cancel(&future.base);
		assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_CANCELLED);
		assert_int_equal(own.news, 1);
		assert_int_equal(own.starts, 0);
		assert_int_equal(own.deletes, 1);
		/* so that one which does its work in op_delete can tell */
		assert_int_equal(own.told, VDM_ERROR_CANCELLED);
	}
	memset(&own, 0, sizeof(own));
	struct vdm_operation_future future = vdm_memcpy(&vdm, dest, src, SIZE, 0);
	assert_int_equal(poll(&future), FUTURE_STATE_COMPLETE);
	future_cancel(&future.base);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_int_not_equal(own.told, VDM_ERROR_CANCELLED);
	assert_int_equal(own.deletes, 1);
}

/* ---- copies in chains, under a runtime, with wakers ----------------------------------------------------------------------- */

struct copies_data {
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, one);
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, two);
	FUTURE_CHAIN_ENTRY_LAST(struct vdm_operation_future, three);
	struct vdm *vdm;
};

FUTURE(copies_fut, struct copies_data, struct empty);

static unsigned char copies[3][SIZE];

static void third_copy_init(void *future, struct future_context *chain, void *arg)
{
	struct copies_data *const data = future_context_get_data(chain);
	const struct vdm_operation_future copy = vdm_memcpy(data->vdm, copies[2], src, SIZE, 0);

	(void)arg;
	memcpy(future, &copy, sizeof(copy));
}

static void copies_init(struct copies_fut *chain, struct vdm *vdm)
{
	prepare_bytes();
	memset(copies, 0x11, sizeof(copies));
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.one, vdm_memcpy(vdm, copies[0], src, SIZE, 0), NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.two, vdm_memcpy(vdm, copies[1], src, SIZE, 0), NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.three, third_copy_init, NULL, NULL, NULL);
	chain->data.vdm = vdm;
	FUTURE_CHAIN_INIT(chain);
}

/* Each copy is whole or not begun, the first ones are whole. Returns how many. */
static int count_copies(void)
{
	int whole = 0;

	for (int i = 0; i < 3; i++) {
		const int is_whole = all_are(copies[i], 0x22);

		assert_true(is_whole || all_are(copies[i], 0x11));
		assert_true(!is_whole || whole == i);
		whole += is_whole;
	}
	return whole;
}

static void test_cancel_X4_chain_of_copies_under_a_runtime_with_wakers(void **state)
{
	struct data_mover_threads *const mover = make_threads(FUTURE_NOTIFIER_WAKER);
	struct runtime *const runtime = runtime_new();
	int seen[4] = { 0, 0, 0, 0 };

	(void)state;
	assert_non_null(runtime);
	for (int turn = 0; turn < 2000; turn++) {
		struct copies_fut chain;

		copies_init(&chain, data_mover_threads_get_vdm(mover));
		for (int polls = turn % 5; polls > 0; polls--)
			(void)poll(&chain);
		future_cancel(&chain.base);
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&chain));
		const int whole = count_copies();
		assert_int_equal(future_is_cancelled(&chain.base), whole < 3);
		seen[whole]++;
	}
	assert_int_equal(seen[0], 400); /* cancelled before the first poll; later, at least one is done */
	runtime_delete(runtime);
	data_mover_threads_delete(mover);
}

/* With the simulated mover every poll at which a chain can be cancelled is had. */
static void test_cancel_X4_chain_of_copies_at_every_poll(void **state)
{
	int seen[4] = { 0, 0, 0, 0 };

	(void)state;
	for (int polls = 0, was_complete = 0; !was_complete; polls++) {
		struct data_mover_sim *const mover = make_sim(3, FUTURE_NOTIFIER_NONE);
		struct data_mover_sim_stats stats;
		struct copies_fut chain;

		copies_init(&chain, data_mover_sim_get_vdm(mover));
		for (int i = 0; i < polls; i++)
			was_complete = poll(&chain) == FUTURE_STATE_COMPLETE;
		future_cancel(&chain.base);
		FUTURE_BUSY_POLL(&chain);
		const int whole = count_copies();
		assert_int_equal(future_is_cancelled(&chain.base), whole < 3);
		seen[whole]++;
		data_mover_sim_statistics(mover, &stats);
		assert_int_equal(stats.made, stats.completed + stats.cancelled);
		assert_int_equal(stats.completed, whole);
		data_mover_sim_delete(mover);
	}
	for (int whole = 0; whole <= 3; whole++)
		assert_true(seen[whole] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancel_6_of_one_that_has_not_begun_and_knows_nothing),
		cmocka_unit_test(test_cancel_7_8_of_one_that_has_not_begun_and_knows),
		cmocka_unit_test(test_cancel_7_8_of_one_that_is_running_drains_first),
		cmocka_unit_test(test_cancel_7_9_of_one_that_is_running_and_knows_nothing_changes_nothing),
		cmocka_unit_test(test_cancel_7_9_of_one_that_ends_its_work_all_the_same),
		cmocka_unit_test(test_cancel_of_a_complete_one_does_nothing),
		cmocka_unit_test(test_cancel_twice_is_once),
		cmocka_unit_test(test_cancel_asked_of_an_idle_one_goes_with_its_copy),
		cmocka_unit_test(test_cancel_is_forgotten_when_a_future_is_made_anew),
		cmocka_unit_test(test_cancel_leaves_data_and_output_where_they_are),
		cmocka_unit_test(test_cancel_of_futures_with_old_property_functions),
		cmocka_unit_test(test_cancel_X4_chain_before_its_first_poll),
		cmocka_unit_test(test_cancel_X4_chain_at_each_entry),
		cmocka_unit_test(test_cancel_X4_lazy_entries),
		cmocka_unit_test(test_cancel_X4_each_later_entry_that_knows_gives_back),
		cmocka_unit_test(test_cancel_X4_map_of_what_completes_is_called_and_of_what_is_cancelled_is_not),
		cmocka_unit_test(test_cancel_X2_chain_whose_entries_all_complete_is_not_cancelled),
		cmocka_unit_test(test_cancel_of_a_chain_twice_is_once),
		cmocka_unit_test(test_cancel_properties_of_chains),
		cmocka_unit_test(test_cancel_X4_goes_into_chains_in_chains),
		cmocka_unit_test(test_cancel_X4_chain_that_was_sent_back_ends),
		cmocka_unit_test(test_cancel_X4_entry_that_sent_its_chain_back_and_knows_gives_back),
		cmocka_unit_test(test_cancel_chain_whose_lazy_entries_carry_no_shape),
		cmocka_unit_test(test_cancel_chain_with_a_member_behind_its_last_entry),
		cmocka_unit_test(test_cancel_X4_every_chain_of_three_at_every_poll),
		cmocka_unit_test(test_cancel_runtime_does_not_take_the_word_of_an_entry_that_is_cancelled),
		cmocka_unit_test(test_cancel_V6_sync_mover),
		cmocka_unit_test(test_cancel_V6_dml_mover),
		cmocka_unit_test(test_cancel_V6_threads_mover_idle),
		cmocka_unit_test(test_cancel_V6_threads_mover_in_flight_and_refused),
		cmocka_unit_test(test_cancel_V6_sim_mover_idle_and_refused),
		cmocka_unit_test(test_cancel_V6_sim_mover_in_flight_is_drained),
		cmocka_unit_test(test_cancel_V6_sim_mover_crowds),
		cmocka_unit_test(test_cancel_V6_mover_that_knows_nothing),
		cmocka_unit_test(test_cancel_X4_chain_of_copies_under_a_runtime_with_wakers),
		cmocka_unit_test(test_cancel_X4_chain_of_copies_at_every_poll),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(HANG_S); /* a test that hangs is killed, with its name as the last line */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
