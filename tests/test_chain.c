/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * Goal: chains, in every form that programs build them: guarantees C.1 to C.5 of future.h.
 *
 * Method: entries are steps (future_kit.h), which leave a trace; a test compares the trace with
 * what C.1 to C.5 ask for. Three tests go further: chains of three entries of every combination of
 * four alignments, made in memory where other chains have lain; random chains, whose every poll is
 * compared with a model of a few lines; and one that counts the calls of malloc.
 */
#include "future_kit.h"

KIT_STEP(odd, 8, 13, 4, 3);
KIT_STEP(at16, 16, 60, 4, 9);
KIT_STEP(at64, 8, 24, 64, 1);
KIT_STEP(at256, 256, 40, 8, 1);

struct chain_output {
	int value;
};

/* ---- maps ------------------------------------------------------------------------------------ */

/* The argument of a map: what it is to do, and what it saw. */
struct plan {
	int id;
	int skip;
	int calls;
	struct future_context *lhs;
	struct future_context *rhs;
};

static int map_seen(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	struct plan *const plan = arg;

	kit_trace_add(&kit_trace, 'm', plan->id);
	plan->calls++;
	plan->lhs = lhs;
	plan->rhs = rhs;
	if (plan->skip)
		rhs->state = FUTURE_STATE_COMPLETE;
	return ((struct kit_step_output *)future_context_get_output(lhs))->value;
}

static void map_to_step(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	const int value = map_seen(lhs, rhs, arg);

	((struct kit_step_data *)future_context_get_data(rhs))->input = value;
}

static void map_to_chain(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	const int value = map_seen(lhs, rhs, arg);

	((struct chain_output *)future_context_get_output(rhs))->value = value;
}

static void map_nowhere(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	map_seen(lhs, rhs, arg);
}

/* Recipes of steps that complete at once, or after one poll; a plan for each. */
static const struct kit_recipe quick[] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}};
static const struct kit_recipe slow[] = {
	{.id = 0, .waits = 1, .wait_state = FUTURE_STATE_RUNNING, .async = 1},
	{.id = 1, .waits = 1, .wait_state = FUTURE_STATE_IDLE},
	{.id = 2, .waits = 1, .wait_state = FUTURE_STATE_RUNNING, .async = 1},
	{.id = 3, .waits = 1, .wait_state = FUTURE_STATE_RUNNING},
};
static struct plan plans[64];

static void reset(void)
{
	kit_trace_reset();
	memset(plans, 0, sizeof(plans));
	for (size_t i = 0; i < KIT_COUNT(plans); i++)
		plans[i].id = (int)i;
}

/* Whether the chains of a test are made by FUTURE_CHAIN_INIT_FORWARD. */
static int forward;

#define INIT_CHAIN(futurep)                                                                        \
	do {                                                                                       \
		if (forward)                                                                       \
			FUTURE_CHAIN_INIT_FORWARD(futurep);                                        \
		else                                                                               \
			FUTURE_CHAIN_INIT(futurep);                                                \
	} while (0)

static int setup(void **state)
{
	(void)state;
	reset();
	forward = 0;
	return 0;
}

static int setup_forward(void **state)
{
	setup(state);
	forward = 1;
	return 0;
}

/* Polls until complete; returns how often. */
static int polls_until_complete(struct future *future)
{
	int polls = 1;

	while (future_poll(future, NULL) != FUTURE_STATE_COMPLETE) {
		assert_int_equal(future->context.state, FUTURE_STATE_RUNNING);
		assert_true(++polls < 1000);
	}
	return polls;
}

/* A chain of four steps, without LAST; most tests begin with it. */
struct four_data {
	FUTURE_CHAIN_ENTRY(struct step_fut, a);
	FUTURE_CHAIN_ENTRY(struct odd_fut, b);
	FUTURE_CHAIN_ENTRY(struct step_fut, c);
	FUTURE_CHAIN_ENTRY(struct step_fut, d);
};

FUTURE(four_fut, struct four_data, struct chain_output);

static void four_init(struct four_fut *chain, const struct kit_recipe recipes[4])
{
	memset(chain, 0xff, sizeof(*chain));
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.a, step_make(&recipes[0]), map_to_step, &plans[0]);
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.b, odd_make(&recipes[1]), map_to_step, &plans[1]);
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.c, step_make(&recipes[2]), map_to_step, &plans[2]);
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.d, step_make(&recipes[3]), map_to_chain, &plans[3]);
	INIT_CHAIN(chain);
}

/* The same, but every entry lazy. Inits take their recipe by a pointer to void. */
static struct kit_recipe lazy_recipes[4];

static void four_init_lazy(struct four_fut *chain, const struct kit_recipe recipes[4])
{
	memcpy(lazy_recipes, recipes, sizeof(lazy_recipes));
	memset(chain, 0xff, sizeof(*chain));
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.a, step_init, &lazy_recipes[0], map_to_step,
				     &plans[0]);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.b, odd_init, &lazy_recipes[1], map_to_step,
				     &plans[1]);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.c, step_init, &lazy_recipes[2], map_to_step,
				     &plans[2]);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.d, step_init, &lazy_recipes[3], map_to_chain,
				     &plans[3]);
	INIT_CHAIN(chain);
}

/* ---- C.1, C.2: order, and how far a poll goes ------------------------------------------------ */

/* What a row of n steps, which wait so often, must leave behind. */
static void check_row(struct future *chain, int n, int waits, const int *value)
{
	static struct kit_trace expected;

	expected.length = 0;
	for (int i = 0; i < n; i++) {
		for (int run = 0; run <= waits; run++)
			kit_trace_add(&expected, 'r', i);
		kit_trace_add(&expected, 'm', i);
	}
	assert_int_equal(polls_until_complete(chain), n * waits + 1);
	kit_assert_trace(expected.text);
	assert_int_equal(*value, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(plans[i].calls, 1);
	/* F.5 */
	assert_int_equal(future_poll(chain, KIT_MADE_UP_NOTIFIER), FUTURE_STATE_COMPLETE);
	kit_assert_trace(expected.text);
}

static struct kit_recipe row_recipe(int i, int waits)
{
	const struct kit_recipe recipe = {
		.id = i, .waits = waits, .wait_state = FUTURE_STATE_RUNNING};

	return recipe;
}

/* A row whose entries fill the data, and one where others follow behind LAST. */
#define DEFINE_ROW(n)                                                                              \
	struct row##n##_data {                                                                     \
		FUTURE_CHAIN_ENTRY(struct step_fut, entries[n]);                                   \
	};                                                                                         \
	FUTURE(row##n##_fut, struct row##n##_data, struct chain_output);                           \
	static void check_row##n(int waits)                                                        \
	{                                                                                          \
		struct row##n##_fut chain;                                                         \
		struct kit_recipe recipes[n];                                                      \
                                                                                                   \
		memset(&chain, 0xff, sizeof(chain));                                               \
		for (int i = 0; i < (n); i++)                                                      \
			recipes[i] = row_recipe(i, waits);                                         \
		for (int i = 0; i < (n); i++)                                                      \
			FUTURE_CHAIN_ENTRY_INIT(&chain.data.entries[i], step_make(&recipes[i]),    \
						i == (n)-1 ? map_to_chain : map_to_step,           \
						&plans[i]);                                        \
		INIT_CHAIN(&chain);                                                                \
		check_row(&chain.base, n, waits, &chain.output.value);                             \
	}

#define DEFINE_LAST_ROW(n)                                                                         \
	struct last_row##n##_data {                                                                \
		FUTURE_CHAIN_ENTRY(struct step_fut, entries[n]);                                   \
		FUTURE_CHAIN_ENTRY_LAST(struct odd_fut, last);                                     \
		unsigned char behind[331];                                                         \
	};                                                                                         \
	FUTURE(last_row##n##_fut, struct last_row##n##_data, struct chain_output);                 \
	static void check_last_row##n(int waits)                                                   \
	{                                                                                          \
		struct last_row##n##_fut chain;                                                    \
		struct kit_recipe recipes[(n) + 1];                                                \
                                                                                                   \
		memset(&chain, 0xff, sizeof(chain));                                               \
		for (int i = 0; i <= (n); i++)                                                     \
			recipes[i] = row_recipe(i, waits);                                         \
		for (int i = 0; i < (n); i++)                                                      \
			FUTURE_CHAIN_ENTRY_INIT(&chain.data.entries[i], step_make(&recipes[i]),    \
						map_to_step, &plans[i]);                           \
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.last, odd_make(&recipes[n]), map_to_chain,     \
					&plans[n]);                                                \
		INIT_CHAIN(&chain);                                                                \
		check_row(&chain.base, (n) + 1, waits, &chain.output.value);                       \
		for (size_t i = 0; i < sizeof(chain.data.behind); i++)                             \
			assert_int_equal(chain.data.behind[i], 0xff);                              \
	}

DEFINE_ROW(1)
DEFINE_ROW(2)
DEFINE_ROW(16)
DEFINE_ROW(64)
DEFINE_LAST_ROW(1)
DEFINE_LAST_ROW(15)
DEFINE_LAST_ROW(63)

static void test_C1_rows_of_any_length(void **state)
{
	static void (*const checks[])(int waits) = {
		check_row1,      check_row2,       check_row16,      check_row64,
		check_last_row1, check_last_row15, check_last_row63,
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(checks); i++)
		for (int waits = 0; waits < 4; waits++) {
			reset();
			checks[i](waits);
		}
}

/* Only a LAST, and members behind it. */
struct alone_data {
	FUTURE_CHAIN_ENTRY_LAST(struct step_fut, only);
	uint64_t behind[20];
};

FUTURE(alone_fut, struct alone_data, struct chain_output);

static void test_C1_last_entry_alone(void **state)
{
	struct alone_fut chain;

	(void)state;
	memset(&chain, 0, sizeof(chain));
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.only, step_make(&slow[0]), map_to_chain, &plans[0]);
	INIT_CHAIN(&chain);
	assert_int_equal(polls_until_complete(&chain.base), 2);
	kit_assert_trace("r0 r0 m0");
	assert_int_equal(chain.output.value, 1);
}

/*
 * One poll passes quick entries and stops at the slow one; IDLE and RUNNING make the chain RUNNING
 * alike.
 */
static void test_C2_poll_goes_on_to_the_first_that_waits(void **state)
{
	const struct kit_recipe recipes[] = {quick[0], quick[1], slow[2], quick[3]};
	struct four_fut chain;

	(void)state;
	four_init(&chain, recipes);
	assert_int_equal(chain.base.context.state, FUTURE_STATE_IDLE);
	assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_RUNNING);
	kit_assert_trace("r0 m0 r1 m1 r2");
	assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_COMPLETE);
	kit_assert_trace("r0 m0 r1 m1 r2 r2 m2 r3 m3");
	assert_int_equal(chain.output.value, 4);
}

static void test_C2_entry_that_stays_idle_keeps_the_chain_running(void **state)
{
	const struct kit_recipe recipes[] = {slow[1], quick[1], quick[2], quick[3]};
	struct four_fut chain;

	(void)state;
	four_init(&chain, recipes);
	assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(FUTURE_STATE(&chain.data.a.fut), FUTURE_STATE_IDLE);
	assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_COMPLETE);
	kit_assert_trace("r1 r1 m0 r1 m1 r2 m2 r3 m3");
}

/* F.2: every entry gets the pointer that the poll was given. */
static void test_F2_chain_hands_the_notifier_on_unread(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init(&chain, slow);
	future_poll(&chain.base, NULL);
	assert_null(chain.data.a.fut.data.step.notifier);
	chain.data.a.fut.data.step.notifier = NULL;
	future_poll(&chain.base, KIT_MADE_UP_NOTIFIER);
	assert_ptr_equal(chain.data.a.fut.data.step.notifier, KIT_MADE_UP_NOTIFIER);
	assert_ptr_equal(chain.data.b.fut.data.step.notifier, KIT_MADE_UP_NOTIFIER);
	assert_null(chain.data.c.fut.data.step.notifier);
	FUTURE_BUSY_POLL(&chain);
	assert_null(chain.data.b.fut.data.step.notifier);
}

/*
 * How far a chain that only goes forward has come lies in a few bits; entries may be further away
 * than these can say.
 */
KIT_STEP(huge, 8, 20000, 4, 1);

struct far_data {
	FUTURE_CHAIN_ENTRY(struct huge_fut, entries[4]);
	FUTURE_CHAIN_ENTRY(struct step_fut, last);
};

FUTURE(far_fut, struct far_data, struct chain_output);

static void test_C2_entries_may_be_far_away(void **state)
{
	static struct far_fut chain;

	(void)state;
	for (int i = 0; i < 4; i++)
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.entries[i], huge_make(&slow[i]), map_to_step,
					&plans[i]);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.last, step_make(&slow[0]), map_to_chain, &plans[4]);
	INIT_CHAIN(&chain);
	assert_int_equal(polls_until_complete(&chain.base), 6);
	kit_assert_trace("r0 r0 m0 r1 r1 m1 r2 r2 m2 r3 r3 m3 r0 r0 m4");
	assert_int_equal(chain.output.value, 5);
}

/* ---- C.3: maps ------------------------------------------------------------------------------- */

static void test_C3_map_gets_this_and_the_next_context(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init(&chain, slow);
	FUTURE_BUSY_POLL(&chain);
	assert_ptr_equal(plans[0].lhs, &chain.data.a.fut.base.context);
	assert_ptr_equal(plans[0].rhs, &chain.data.b.fut.base.context);
	assert_ptr_equal(plans[1].lhs, &chain.data.b.fut.base.context);
	assert_ptr_equal(plans[1].rhs, &chain.data.c.fut.base.context);
	assert_ptr_equal(plans[2].lhs, &chain.data.c.fut.base.context);
	assert_ptr_equal(plans[2].rhs, &chain.data.d.fut.base.context);
	assert_ptr_equal(plans[3].lhs, &chain.data.d.fut.base.context);
	assert_ptr_equal(plans[3].rhs, &chain.base.context);
	for (int i = 0; i < 4; i++)
		assert_int_equal(plans[i].calls, 1);
}

/* The map sees its own entry unprocessed, and the one after it not yet run. */
static void map_sees_flags(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	struct four_data *const data = arg;

	assert_ptr_equal(rhs, &data->b.fut.base.context);
	assert_int_equal(lhs->state, FUTURE_STATE_COMPLETE);
	assert_int_equal(rhs->state, FUTURE_STATE_IDLE);
	assert_false(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&data->a));
	kit_trace_add(&kit_trace, 'm', 0);
}

static void test_C3_entry_is_marked_processed_after_its_map(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init(&chain, quick);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.a, step_make(&quick[0]), map_sees_flags, &chain.data);
	FUTURE_BUSY_POLL(&chain);
	kit_assert_trace("r0 m0 r1 m1 r2 m2 r3 m3");
	assert_true(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&chain.data.a));
	assert_true(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&chain.data.d));
}

static void test_C3_map_may_skip_the_next_entry(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init(&chain, slow);
	plans[0].skip = 1;
	plans[2].skip = 1;
	assert_int_equal(polls_until_complete(&chain.base), 3);
	kit_assert_trace("r0 r0 m0 m1 r2 r2 m2 m3");
	assert_int_equal(chain.data.b.fut.output.step.runs, 0);
	assert_int_equal(chain.data.d.fut.output.step.runs, 0);
}

static void test_C3_maps_of_skipped_entries_may_skip_on(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init(&chain, slow);
	plans[0].skip = plans[1].skip = plans[2].skip = 1;
	assert_int_equal(polls_until_complete(&chain.base), 2);
	kit_assert_trace("r0 r0 m0 m1 m2 m3");
}

/*
 * A lazy entry is initialised before the map that skips it: its init would undo the skip otherwise.
 */
static void test_C3_map_may_skip_a_lazy_entry(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init_lazy(&chain, slow);
	plans[0].skip = 1;
	assert_int_equal(polls_until_complete(&chain.base), 4);
	kit_assert_trace("i0 r0 r0 i1 m0 i2 m1 r2 r2 i3 m2 r3 r3 m3");
}

static void test_C3_map_may_be_null(void **state)
{
	struct four_fut chain;

	(void)state;
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.a, step_make(&quick[0]), NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.b, odd_init, &lazy_recipes[1], NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.c, step_make(&quick[2]), map_to_step, &plans[2]);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.d, step_make(&quick[3]), NULL, NULL);
	INIT_CHAIN(&chain);
	memcpy(lazy_recipes, quick, sizeof(lazy_recipes));
	assert_int_equal(polls_until_complete(&chain.base), 1);
	kit_assert_trace("r0 i1 r1 r2 m2 r3");
	assert_int_equal(chain.data.d.fut.output.step.value, 2);
}

/* ---- C.3, C.5: lazy entries ------------------------------------------------------------------ */

static void test_C3_lazy_entries_are_initialised_just_before_they_are_needed(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init_lazy(&chain, slow);
	kit_assert_trace("");
	future_poll(&chain.base, NULL);
	kit_assert_trace("i0 r0");
	future_poll(&chain.base, NULL);
	kit_assert_trace("i0 r0 r0 i1 m0 r1");
	FUTURE_BUSY_POLL(&chain);
	kit_assert_trace("i0 r0 r0 i1 m0 r1 r1 i2 m1 r2 r2 i3 m2 r3 r3 m3");
	assert_int_equal(chain.output.value, 4);
}

/* What an init is called with. */
struct init_call {
	void *future;
	struct future_context *chain;
};

static void note_init(void *future, struct future_context *chain, void *arg)
{
	struct init_call *const call = arg;

	*call = (struct init_call){future, chain};
	step_init(future, chain, &lazy_recipes[2]);
}

static void test_C3_init_gets_the_future_the_chain_and_its_argument(void **state)
{
	struct init_call call = {NULL, NULL};
	struct four_fut chain;

	(void)state;
	memcpy(lazy_recipes, quick, sizeof(lazy_recipes));
	four_init(&chain, quick);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.c, note_init, &call, map_to_step, &plans[2]);
	assert_false(FUTURE_CHAIN_ENTRY_IS_INITIALIZED(&chain.data.c));
	assert_true(FUTURE_CHAIN_ENTRY_IS_INITIALIZED(&chain.data.b));
	FUTURE_BUSY_POLL(&chain);
	assert_ptr_equal(call.future, &chain.data.c.fut);
	assert_ptr_equal(call.chain, &chain.base.context);
	assert_true(FUTURE_CHAIN_ENTRY_IS_INITIALIZED(&chain.data.c));
	kit_assert_trace("r0 m0 r1 i2 m1 r2 m2 r3 m3");
}

static void test_C3_init_may_leave_a_complete_future(void **state)
{
	const struct kit_recipe recipes[] = {{.id = 0, .complete = 1},
					     quick[1],
					     {.id = 2, .complete = 1},
					     {.id = 3, .complete = 1}};
	struct four_fut chain;

	(void)state;
	four_init_lazy(&chain, recipes);
	assert_int_equal(polls_until_complete(&chain.base), 1);
	kit_assert_trace("i0 i1 m0 r1 i2 m1 i3 m2 m3");
}

static void test_C3_entries_made_complete_only_run_their_maps(void **state)
{
	const struct kit_recipe recipes[] = {{.id = 0, .complete = 1},
					     {.id = 1, .complete = 1},
					     slow[2],
					     {.id = 3, .complete = 1}};
	struct four_fut chain;

	(void)state;
	four_init(&chain, recipes);
	assert_int_equal(polls_until_complete(&chain.base), 2);
	kit_assert_trace("m0 m1 r2 r2 m2 m3");
}

/* ---- C.4, C.5: chains that are sent back, as the hash map's lookup-and-lock ------------------ */

/*
 * lookup finds a place, set_state tries to lock it and loses `losses` times, rerun sends both back
 * when it lost. How programs clear the flag differs, and all of it must do: the complement of the
 * flag may have 32 bits.
 */
enum clearing {
	CLEARS_WITH_THE_FLAG_AS_IT_IS,
	CLEARS_WITH_64_BITS,
	TOGGLES,
	CLEARINGS,
};

struct rerun_data {
	struct future_chain_entry **entries;
	size_t n;
	enum clearing clearing;
};

struct rerun_output {
	int runs;
};

FUTURE(rerun_fut, struct rerun_data, struct rerun_output);

static void clear_processed(struct future_chain_entry *entry, enum clearing clearing)
{
	if (clearing == CLEARS_WITH_THE_FLAG_AS_IT_IS)
		entry->flags &= ~FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
	else if (clearing == CLEARS_WITH_64_BITS)
		entry->flags &= ~(uint64_t)FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
	else if (FUTURE_CHAIN_ENTRY_IS_PROCESSED(entry))
		entry->flags ^= FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
}

static enum future_state rerun_task(struct future_context *context,
				    struct future_notifier *notifier)
{
	struct rerun_data *const data = future_context_get_data(context);
	struct rerun_output *const output = future_context_get_output(context);

	(void)notifier;
	kit_trace_add(&kit_trace, 'r', 3);
	output->runs++;
	for (size_t i = 0; i < data->n; i++) {
		clear_processed(data->entries[i], data->clearing);
		data->entries[i]->future.context.state = FUTURE_STATE_IDLE;
	}
	return FUTURE_STATE_RUNNING;
}

struct lock_data {
	int losses;
};

struct lock_output {
	int changed;
};

FUTURE(lock_fut, struct lock_data, struct lock_output);

static enum future_state lock_task(struct future_context *context, struct future_notifier *notifier)
{
	struct lock_data *const data = future_context_get_data(context);
	struct lock_output *const output = future_context_get_output(context);

	(void)notifier;
	kit_trace_add(&kit_trace, 'r', 2);
	output->changed = data->losses-- <= 0;
	return FUTURE_STATE_COMPLETE;
}

struct lookup_lock_data {
	FUTURE_CHAIN_ENTRY(struct step_fut, lookup);
	FUTURE_CHAIN_ENTRY(struct lock_fut, set_state);
	FUTURE_CHAIN_ENTRY_LAST(struct rerun_fut, rerun);
	struct future_chain_entry *entries[2];
	enum clearing clearing;
};

FUTURE(lookup_lock_fut, struct lookup_lock_data, struct chain_output);

/*
 * The rerun future: complete if the lock was had. `data` may have been moved since the chain was
 * made.
 */
static struct rerun_fut rerun_make(struct lookup_lock_data *data, int changed)
{
	struct rerun_fut future = {.output = {.runs = 0}};

	data->entries[0] = (struct future_chain_entry *)&data->lookup;
	data->entries[1] = (struct future_chain_entry *)&data->set_state;
	future.data = (struct rerun_data){data->entries, 2, data->clearing};
	if (changed)
		FUTURE_INIT_COMPLETE(&future);
	else
		FUTURE_INIT(&future, rerun_task);
	return future;
}

static void rerun_init(void *future, struct future_context *chain, void *arg)
{
	struct lookup_lock_data *const data = future_context_get_data(chain);
	const struct rerun_fut made = rerun_make(data, data->set_state.fut.output.changed);

	(void)arg;
	kit_trace_add(&kit_trace, 'i', 3);
	memcpy(future, &made, sizeof(made));
}

static void map_lookup(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	(void)lhs;
	(void)arg;
	kit_trace_add(&kit_trace, 'm', 1);
	assert_int_equal(rhs->state, FUTURE_STATE_IDLE);
}

static void map_lock(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	(void)arg;
	kit_trace_add(&kit_trace, 'm', 2);
	if (((struct lock_output *)future_context_get_output(lhs))->changed)
		rhs->state = FUTURE_STATE_COMPLETE;
}

static void lookup_lock_init(struct lookup_lock_fut *chain, int losses, int lazy,
			     enum clearing clearing)
{
	struct lock_fut lock = {.data = {losses}};

	FUTURE_INIT(&lock, lock_task);
	memset(chain, 0xff, sizeof(*chain));
	chain->data.clearing = clearing;
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.lookup, step_make(&quick[1]), map_lookup, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.set_state, lock, map_lock, NULL);
	if (lazy)
		FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.rerun, rerun_init, NULL, NULL, NULL);
	else
		FUTURE_CHAIN_ENTRY_INIT(&chain->data.rerun, rerun_make(&chain->data, 0), NULL,
					NULL);
	INIT_CHAIN(chain);
}

static void check_lookup_lock(int losses, int lazy, enum clearing clearing)
{
	static struct kit_trace expected;
	struct lookup_lock_fut chain;

	reset();
	lookup_lock_init(&chain, losses, lazy, clearing);
	assert_int_equal(polls_until_complete(&chain.base), losses + 1);
	expected.length = 0;
	for (int turn = 0; turn <= losses; turn++) {
		kit_trace_add(&expected, 'r', 1);
		kit_trace_add(&expected, 'm', 1);
		kit_trace_add(&expected, 'r', 2);
		if (lazy)
			kit_trace_add(&expected, 'i', 3);
		kit_trace_add(&expected, 'm', 2);
		if (turn < losses)
			kit_trace_add(&expected, 'r', 3);
	}
	kit_assert_trace(expected.text);
	assert_int_equal(chain.data.set_state.fut.output.changed, 1);
	assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_ASYNC), -1);
}

static void test_C4_eager_entry_sends_its_chain_back(void **state)
{
	(void)state;
	for (enum clearing clearing = 0; clearing < CLEARINGS; clearing++) {
		check_lookup_lock(0, 0, clearing);
		check_lookup_lock(1, 0, clearing);
		check_lookup_lock(2, 0, clearing);
		check_lookup_lock(10, 0, clearing);
	}
}

/*
 * The reference initialised the rerun entry once, and looped for ever when that was after a loss.
 */
static void test_C5_lazy_entry_that_sent_its_chain_back_is_initialised_afresh(void **state)
{
	(void)state;
	for (enum clearing clearing = 0; clearing < CLEARINGS; clearing++) {
		check_lookup_lock(0, 1, clearing);
		check_lookup_lock(1, 1, clearing);
		check_lookup_lock(2, 1, clearing);
		check_lookup_lock(10, 1, clearing);
	}
}

/* The lookup-and-lock chain inside of a chain, as the hash map's get. */
struct get_data {
	FUTURE_CHAIN_ENTRY(struct lookup_lock_fut, lookup_lock);
	FUTURE_CHAIN_ENTRY(struct step_fut, copy);
};

FUTURE(get_fut, struct get_data, struct chain_output);

static void test_C4_inner_chain_is_sent_back(void **state)
{
	struct lookup_lock_fut inner;
	struct get_fut chain;

	(void)state;
	for (int lazy = 0; lazy <= 1; lazy++) {
		reset();
		lazy_recipes[0] = (struct kit_recipe){.id = 9};
		lookup_lock_init(&inner, 2, 1, CLEARS_WITH_THE_FLAG_AS_IT_IS);
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.lookup_lock, inner, NULL, NULL);
		if (lazy)
			FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.copy, step_init, &lazy_recipes[0],
						     map_to_chain, &plans[9]);
		else
			FUTURE_CHAIN_ENTRY_INIT(&chain.data.copy, step_make(&lazy_recipes[0]),
						map_to_chain, &plans[9]);
		INIT_CHAIN(&chain);
		assert_int_equal(polls_until_complete(&chain.base), 3);
		kit_assert_trace(
			lazy ? "r1 m1 r2 i3 m2 r3 r1 m1 r2 i3 m2 r3 r1 m1 r2 i3 m2 i9 r9 m9"
			     : "r1 m1 r2 i3 m2 r3 r1 m1 r2 i3 m2 r3 r1 m1 r2 i3 m2 r9 m9");
	}
}

/* Adds an entry of a chain to those that are sent back. */
#define REWIND_ADD(rewind, entryp)                                                                 \
	do {                                                                                       \
		(rewind)->entries[(rewind)->n] = (struct future_chain_entry *)(void *)(entryp);    \
		(rewind)->futures[(rewind)->n++] = (struct future *)(void *)&(entryp)->fut;        \
	} while (0)

/*
 * The last entry sends others back, once or more often; who is not sent back is not run, and its
 * map neither.
 */
static void test_C4_only_what_was_sent_back_runs_again(void **state)
{
	struct kit_rewind rewind = {.times = 2};
	const struct kit_recipe recipes[] = {
		quick[0], quick[1], quick[2], {.id = 3, .rewind = &rewind}};
	struct four_fut chain;

	(void)state;
	four_init(&chain, recipes);
	REWIND_ADD(&rewind, &chain.data.b);
	REWIND_ADD(&rewind, &chain.data.c);
	assert_int_equal(polls_until_complete(&chain.base), 3);
	kit_assert_trace("r0 m0 r1 m1 r2 m2 r3 r1 m1 r2 m2 r3 r1 m1 r2 m2 r3 m3");
}

static void test_C4_processed_entries_in_between_are_passed(void **state)
{
	struct kit_rewind rewind = {.times = 2};
	const struct kit_recipe recipes[] = {
		quick[0], quick[1], quick[2], {.id = 3, .rewind = &rewind}};
	struct four_fut chain;

	(void)state;
	four_init(&chain, recipes);
	REWIND_ADD(&rewind, &chain.data.a);
	assert_int_equal(polls_until_complete(&chain.base), 3);
	kit_assert_trace("r0 m0 r1 m1 r2 m2 r3 r0 m0 r3 r0 m0 r3 m3");
	assert_int_equal(plans[1].calls, 1);
	assert_int_equal(plans[2].calls, 1);
}

/*
 * C.5 with processed entries in between: the lazy sender is initialised afresh, the others are not.
 */
static void test_C5_lazy_sender_is_initialised_afresh_behind_processed_entries(void **state)
{
	struct kit_rewind rewind = {.times = 2};
	const struct kit_recipe recipes[] = {
		quick[0], quick[1], quick[2], {.id = 3, .rewind = &rewind}};
	struct four_fut chain;

	(void)state;
	four_init_lazy(&chain, recipes);
	REWIND_ADD(&rewind, &chain.data.b);
	assert_int_equal(polls_until_complete(&chain.base), 3);
	assert_int_equal(plans[0].calls, 1);
	assert_int_equal(plans[1].calls, 3);
	assert_int_equal(plans[2].calls, 1);
	assert_non_null(strstr(kit_trace.text, "i0 r0 i1 m0 r1 i2 m1 r2 i3 m2 r3 r1"));
	assert_int_equal(chain.data.d.fut.output.step.runs, 1);
}

static void test_C5_lazy_entries_sent_back_are_not_initialised_again(void **state)
{
	struct kit_rewind rewind = {.times = 2};
	const struct kit_recipe recipes[] = {
		quick[0], quick[1], quick[2], {.id = 3, .rewind = &rewind}};
	struct four_fut chain;

	(void)state;
	four_init_lazy(&chain, recipes);
	REWIND_ADD(&rewind, &chain.data.a);
	REWIND_ADD(&rewind, &chain.data.b);
	REWIND_ADD(&rewind, &chain.data.c);
	assert_int_equal(polls_until_complete(&chain.base), 3);
	kit_assert_trace("i0 r0 i1 m0 r1 i2 m1 r2 i3 m2 r3"
			 " r0 m0 r1 m1 r2 i3 m2 r3"
			 " r0 m0 r1 m1 r2 i3 m2 r3 m3");
}

/* A lazy entry that waits is RUNNING too, but nobody sent its chain back: it keeps what it did. */
static void test_C5_lazy_entry_that_waits_is_not_initialised_again(void **state)
{
	const struct kit_recipe waits = {.id = 1, .waits = 5, .wait_state = FUTURE_STATE_RUNNING};
	const struct kit_recipe recipes[] = {quick[0], waits, quick[2], quick[3]};
	struct four_fut chain;

	(void)state;
	four_init_lazy(&chain, recipes);
	assert_int_equal(polls_until_complete(&chain.base), 6);
	kit_assert_trace("i0 r0 i1 m0 r1 r1 r1 r1 r1 r1 i2 m1 r2 i3 m2 r3 m3");
}

/*
 * A chain ends with its data: words behind them that look like the flags of one more processed
 * entry are not read. Rows of 1 to 9 entries, since a run of equal entries may be crossed several
 * at a time.
 */
struct decoy_output {
	uint64_t words[64];
};

/* Also when the program has set the state back by hand: there is nothing left to do. */
static void check_all_processed(struct future *chain, int n)
{
	assert_int_equal(future_has_property(chain, FUTURE_PROPERTY_ASYNC), -1);
	chain->context.state = FUTURE_STATE_IDLE;
	assert_int_equal(future_has_property(chain, FUTURE_PROPERTY_ASYNC), -1);
	assert_int_equal(future_poll(chain, NULL), FUTURE_STATE_COMPLETE);
	for (int i = 0; i < n; i++)
		assert_int_equal(plans[i].calls, 1);
}

#define DEFINE_DECOY(n)                                                                            \
	struct decoy_row##n##_data {                                                               \
		FUTURE_CHAIN_ENTRY(struct step_fut, entries[n]);                                   \
	};                                                                                         \
	FUTURE(decoy##n##_fut, struct decoy_row##n##_data, struct decoy_output);                   \
	static void check_decoy_row##n(void)                                                       \
	{                                                                                          \
		struct decoy##n##_fut chain;                                                       \
                                                                                                   \
		reset();                                                                           \
		for (int i = 0; i < (n); i++)                                                      \
			FUTURE_CHAIN_ENTRY_INIT(&chain.data.entries[i], step_make(&quick[0]),      \
						map_nowhere, &plans[i]);                           \
		INIT_CHAIN(&chain);                                                                \
		FUTURE_BUSY_POLL(&chain);                                                          \
		for (size_t i = 0; i < KIT_COUNT(chain.output.words); i++)                         \
			chain.output.words[i] = chain.data.entries[0].flags;                       \
		check_all_processed(&chain.base, n);                                               \
	}

DEFINE_DECOY(1)
DEFINE_DECOY(2)
DEFINE_DECOY(3)
DEFINE_DECOY(4)
DEFINE_DECOY(5)
DEFINE_DECOY(8)
DEFINE_DECOY(9)

static void test_C4_chain_ends_with_its_data(void **state)
{
	static void (*const checks[])(void) = {
		check_decoy_row1, check_decoy_row2, check_decoy_row3, check_decoy_row4,
		check_decoy_row5, check_decoy_row8, check_decoy_row9,
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(checks); i++)
		checks[i]();
}

/* ---- chains in chains ------------------------------------------------------------------------ */

struct nest_data {
	FUTURE_CHAIN_ENTRY(struct step_fut, before);
	FUTURE_CHAIN_ENTRY(struct four_fut, inner);
	FUTURE_CHAIN_ENTRY_LAST(struct step_fut, behind);
	int others;
};

FUTURE(nest_fut, struct nest_data, struct chain_output);

static const struct kit_recipe outer_recipes[] = {
	{.id = 10, .waits = 1, .wait_state = FUTURE_STATE_RUNNING},
	{.id = 11, .waits = 1, .wait_state = FUTURE_STATE_RUNNING},
};

static void map_into_inner(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	struct four_data *const inner = future_context_get_data(rhs);

	inner->a.fut.data.step.input = map_seen(lhs, rhs, arg);
}

static void map_out_of_inner(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	struct kit_step_data *const data = future_context_get_data(rhs);

	map_seen(lhs, rhs, arg);
	data->input = ((struct chain_output *)future_context_get_output(lhs))->value;
}

/* arg: the inner chain is made of lazy entries */
static void inner_init(void *future, struct future_context *chain, void *arg)
{
	struct four_fut inner;

	(void)chain;
	kit_trace_add(&kit_trace, 'i', 20);
	if (arg != NULL)
		four_init_lazy(&inner, slow);
	else
		four_init(&inner, slow);
	memcpy(future, &inner, sizeof(inner));
}

static void nest_init(struct nest_fut *chain, int lazy, void *lazy_inside)
{
	struct four_fut inner;

	FUTURE_CHAIN_ENTRY_INIT(&chain->data.before, step_make(&outer_recipes[0]), map_into_inner,
				&plans[10]);
	if (lazy) {
		FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.inner, inner_init, lazy_inside,
					     map_out_of_inner, &plans[20]);
	} else {
		four_init(&inner, slow);
		FUTURE_CHAIN_ENTRY_INIT(&chain->data.inner, inner, map_out_of_inner, &plans[20]);
	}
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.behind, step_make(&outer_recipes[1]), map_to_chain,
				&plans[11]);
	INIT_CHAIN(chain);
}

static void test_chain_in_chain(void **state)
{
	struct nest_fut chain;

	(void)state;
	nest_init(&chain, 0, NULL);
	assert_int_equal(polls_until_complete(&chain.base), 7);
	kit_assert_trace("r10 r10 m10 r0 r0 m0 r1 r1 m1 r2 r2 m2 r3 r3 m3 m20 r11 r11 m11");
	assert_int_equal(chain.output.value, 6);
}

static void test_lazy_chain_in_chain(void **state)
{
	struct nest_fut chain;
	int yes;

	(void)state;
	nest_init(&chain, 1, NULL);
	assert_int_equal(polls_until_complete(&chain.base), 7);
	kit_assert_trace("r10 r10 i20 m10 r0 r0 m0 r1 r1 m1 r2 r2 m2 r3 r3 m3 m20 r11 r11 m11");
	assert_int_equal(chain.output.value, 6);

	reset();
	nest_init(&chain, 1, &yes);
	assert_int_equal(polls_until_complete(&chain.base), 7);
	kit_assert_trace(
		"r10 r10 i20 m10 i0 r0 r0 i1 m0 r1 r1 i2 m1 r2 r2 i3 m2 r3 r3 m3 m20 r11 r11 m11");
}

/* A chain by value, copied into another, copied again while idle. */
static struct nest_fut nest_make(void)
{
	struct nest_fut chain;

	nest_init(&chain, 0, NULL);
	return chain;
}

static void test_F4_idle_chain_may_be_copied(void **state)
{
	struct nest_fut *const copy = malloc(sizeof(*copy));
	struct nest_fut made = nest_make();

	(void)state;
	assert_non_null(copy);
	memcpy(copy, &made, sizeof(*copy));
	memset(&made, 0xff, sizeof(made));
	assert_int_equal(polls_until_complete(&copy->base), 7);
	assert_int_equal(copy->output.value, 6);
	free(copy);
}

/* ---- properties, flags, WENT_ON -------------------------------------------------------------- */

static void check_property(struct future *chain, int answer, void *asked)
{
	kit_property_asked = NULL;
	assert_int_equal(future_has_property(chain, FUTURE_PROPERTY_ASYNC), answer);
	assert_ptr_equal(kit_property_asked, asked);
}

static void test_chain_has_the_property_of_its_current_entry(void **state)
{
	struct four_fut chain;

	(void)state;
	four_init(&chain, slow);
	check_property(&chain.base, 1, &chain.data.a.fut);
	future_poll(&chain.base, NULL);
	check_property(&chain.base, 1, &chain.data.a.fut);
	future_poll(&chain.base, NULL);
	check_property(&chain.base, 0, &chain.data.b.fut);
	future_poll(&chain.base, NULL);
	check_property(&chain.base, 1, &chain.data.c.fut);
	future_poll(&chain.base, NULL);
	check_property(&chain.base, 0, &chain.data.d.fut);
	assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_COMPLETE);
	check_property(&chain.base, -1, NULL);
	check_property(&chain.base, -1, NULL);
}

static void test_chain_in_chain_has_the_property_of_the_inner_entry(void **state)
{
	struct nest_fut chain;

	(void)state;
	nest_init(&chain, 0, NULL);
	check_property(&chain.base, 0, &chain.data.before.fut);
	future_poll(&chain.base, NULL);
	future_poll(&chain.base, NULL);
	check_property(&chain.base, 1, &chain.data.inner.fut.data.a.fut);
	future_poll(&chain.base, NULL);
	check_property(&chain.base, 0, &chain.data.inner.fut.data.b.fut);
	FUTURE_BUSY_POLL(&chain);
	check_property(&chain.base, -1, NULL);
}

/*
 * An entry made complete, one without property function and one that is not initialised yet have
 * none.
 */
static void test_chain_may_be_asked_whatever_its_current_entry_is(void **state)
{
	const struct kit_recipe recipes[] = {
		{.id = 0, .complete = 1, .async = 1}, slow[1], slow[2], slow[3]};
	struct four_fut chain;

	(void)state;
	four_init(&chain, recipes);
	check_property(&chain.base, 0, NULL);
	chain.data.a.fut.base.has_property = NULL;
	check_property(&chain.base, 0, NULL);
	four_init_lazy(&chain, slow);
	check_property(&chain.base, 0, NULL);
	future_poll(&chain.base, NULL);
	check_property(&chain.base, 1, &chain.data.a.fut);
	FUTURE_INIT_COMPLETE(&chain);
	check_property(&chain.base, 0, NULL);
}

static void test_chain_flags(void **state)
{
	struct alone_fut chain;
	struct four_fut four;

	(void)state;
	assert_int_equal(FUTURE_CHAIN_FLAG_ENTRY_LAST, 1);
	assert_int_equal(FUTURE_CHAIN_FLAG_ENTRY_PROCESSED, 2);
	assert_int_equal(FUTURE_CHAIN_VALID_FLAGS, 3);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.only, step_make(&quick[0]), NULL, NULL);
	assert_true(FUTURE_CHAIN_ENTRY_IS_LAST(&chain.data.only));
	assert_true(FUTURE_CHAIN_ENTRY_HAS_FLAG(&chain.data.only, FUTURE_CHAIN_FLAG_ENTRY_LAST));
	assert_false(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&chain.data.only));
	assert_false(
		FUTURE_CHAIN_ENTRY_HAS_FLAG(&chain.data.only, FUTURE_CHAIN_FLAG_ENTRY_PROCESSED));
	chain.data.only.flags |= FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
	assert_true(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&chain.data.only));
	four_init(&four, quick);
	assert_false(FUTURE_CHAIN_ENTRY_IS_LAST(&four.data.a));
}

/* The entries as the macros declare them begin like struct future_chain_entry. */
#define SAME_PLACE(member, other)                                                                  \
	_Static_assert(offsetof(struct four_data, b.member) - offsetof(struct four_data, b) ==     \
			       offsetof(struct future_chain_entry, other),                         \
		       "an entry's " #member " lies elsewhere")
SAME_PLACE(map, map);
SAME_PLACE(map_arg, map_arg);
SAME_PLACE(init, init);
SAME_PLACE(init_arg, init_arg);
SAME_PLACE(flags, flags);
SAME_PLACE(fut, future);

static int went_on(const struct future *chain)
{
	return (chain->context.padding & HL_FUTURE_WENT_ON) != 0;
}

static void test_WENT_ON_when_a_poll_finished_one_entry_and_stopped_at_another(void **state)
{
	const struct kit_recipe waits = {.id = 1, .waits = 2, .wait_state = FUTURE_STATE_RUNNING};
	const struct kit_recipe recipes[] = {slow[0], waits, quick[2], slow[3]};
	static const int expected[] = {0, 1, 0, 1};
	struct four_fut chain;

	(void)state;
	four_init(&chain, recipes);
	assert_false(went_on(&chain.base));
	for (size_t i = 0; i < KIT_COUNT(expected); i++) {
		assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(went_on(&chain.base), expected[i]);
	}
	assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_COMPLETE);
	assert_ptr_equal(future_context_get_output(&chain.base.context), &chain.output);
}

/* An inner chain that went on makes its outer one say so, and only then. */
static void test_WENT_ON_of_a_chain_in_a_chain(void **state)
{
	/* before | before done, a | a, b done... d | d done, behind */
	static const int expected[] = {0, 1, 1, 1, 1, 1};
	struct nest_fut chain;

	(void)state;
	nest_init(&chain, 0, NULL);
	chain.data.inner.fut.data.b.fut.data.step.waits_left = 2;
	for (size_t i = 0; i < KIT_COUNT(expected); i++) {
		assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(went_on(&chain.base), expected[i]);
		if (i == 2) { /* b waits once more: neither chain went on */
			future_poll(&chain.base, NULL);
			assert_false(went_on(&chain.base));
			assert_false(went_on(&chain.data.inner.fut.base));
		}
	}
	assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(chain.output.value, 6);
}

/* ---- entries that are unions, and entries made by hand --------------------------------------- */

/* As libpmem2's async.h does: the future is one of several, and shorter than the entry. */
union one_of {
	struct step_fut step;
	struct odd_fut odd;
	char room[400];
};

struct unions_data {
	FUTURE_CHAIN_ENTRY(union one_of, a);
	FUTURE_CHAIN_ENTRY(struct step_fut, b);
	FUTURE_CHAIN_ENTRY(union one_of, c);
	FUTURE_CHAIN_ENTRY_LAST(union one_of, d);
	uint64_t others[4];
};

FUTURE(unions_fut, struct unions_data, struct chain_output);

static union one_of one_of_step(const struct kit_recipe *recipe)
{
	union one_of one;

	memset(&one, 0xff, sizeof(one));
	one.step = step_make(recipe);
	return one;
}

static union one_of one_of_odd(const struct kit_recipe *recipe)
{
	union one_of one;

	memset(&one, 0xff, sizeof(one));
	one.odd = odd_make(recipe);
	return one;
}

static void unions_init(struct unions_fut *chain, const struct kit_recipe recipes[4])
{
	memcpy(lazy_recipes, recipes, sizeof(lazy_recipes));
	memset(chain, 0xff, sizeof(*chain));
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.a, one_of_step(&recipes[0]), map_to_step, &plans[0]);
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.b, step_make(&recipes[1]), map_to_step, &plans[1]);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain->data.c, odd_init, &lazy_recipes[2], map_to_step,
				     &plans[2]);
	FUTURE_CHAIN_ENTRY_INIT(&chain->data.d, one_of_odd(&recipes[3]), map_to_chain, &plans[3]);
	INIT_CHAIN(chain);
}

struct forgotten_nothing {
	uint64_t unused;
};

FUTURE(forgotten_step, struct forgotten_nothing, struct forgotten_nothing);

static enum future_state forgotten_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return FUTURE_STATE_COMPLETE;
}

struct forgotten_data {
	FUTURE_CHAIN_ENTRY(struct forgotten_step, only);
	int behind;
};

FUTURE(forgotten_fut, struct forgotten_data, struct forgotten_nothing);

/* A last entry that was not declared so: what is too short for an entry is not taken for one. */
static void test_chain_ends_before_what_is_too_short_for_an_entry(void **state)
{
	struct forgotten_fut chain;
	struct forgotten_step step;

	(void)state;
	memset(&chain, 0xff, sizeof(chain));
	FUTURE_INIT(&step, forgotten_task);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.only, step, NULL, NULL);
	FUTURE_CHAIN_INIT(&chain);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&chain), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(chain.data.behind, -1);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&chain), FUTURE_PROPERTY_ASYNC), -1);
}


static void test_entries_may_be_unions(void **state)
{
	struct unions_fut chain;

	(void)state;
	unions_init(&chain, slow);
	assert_int_equal(polls_until_complete(&chain.base), 5);
	kit_assert_trace("r0 r0 m0 r1 r1 i2 m1 r2 r2 m2 r3 r3 m3");
	assert_int_equal(chain.output.value, 4);
	assert_int_equal(chain.data.others[0], UINT64_MAX);
}

/* The entries that are sent back are the unions; the flag is cleared as programs do it. */
static void test_C4_unions_may_be_sent_back(void **state)
{
	struct kit_recipe recipes[] = {quick[0], quick[1], quick[2], {.id = 3}};

	(void)state;
	for (enum clearing clearing = 0; clearing < CLEARINGS; clearing++) {
		struct unions_fut chain;
		struct future_chain_entry *entries[] = {(struct future_chain_entry *)&chain.data.a,
							(struct future_chain_entry *)&chain.data.c};
		struct rerun_fut rerun = {.data = {entries, 2, clearing}};

		reset();
		unions_init(&chain, recipes);
		FUTURE_INIT(&rerun, rerun_task);
		memcpy(&chain.data.d.fut, &rerun, sizeof(rerun));
		chain.data.c.map = map_nowhere; /* d is no step at first */
		assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_RUNNING);
		kit_assert_trace("r0 m0 r1 i2 m1 r2 m2 r3");
		chain.data.d.fut.odd = odd_make(&recipes[3]);
		assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_COMPLETE);
		kit_assert_trace("r0 m0 r1 i2 m1 r2 m2 r3 r0 m0 r2 m2 r3 m3");
	}
}

/*
 * Entries without the macros: no shape in the flags, so the sizes in the future tell where the next
 * one is.
 */
struct hand_step {
	future_map_fn map;
	void *map_arg;
	future_init_fn init;
	void *init_arg;
	uint64_t flags;
	struct step_fut fut;
};

struct hand_odd {
	future_map_fn map;
	void *map_arg;
	future_init_fn init;
	void *init_arg;
	uint64_t flags;
	struct odd_fut fut;
};

struct hand_data {
	struct hand_step a;
	struct hand_odd b;
	struct hand_step c;
	uint64_t behind[16];
};

FUTURE(hand_fut, struct hand_data, struct chain_output);

struct hand_full_data {
	struct hand_step a;
	struct hand_odd b;
	struct hand_step c;
};

FUTURE(hand_full_fut, struct hand_full_data, struct chain_output);

static void test_entries_made_by_hand(void **state)
{
	struct hand_fut chain;

	(void)state;
	memset(&chain, 0xff, sizeof(chain));
	memcpy(lazy_recipes, slow, sizeof(lazy_recipes));
	chain.data.a =
		(struct hand_step){map_to_step, &plans[0], NULL, NULL, 0, step_make(&slow[0])};
	chain.data.b.map = map_to_step;
	chain.data.b.map_arg = &plans[1];
	chain.data.b.init = odd_init;
	chain.data.b.init_arg = &lazy_recipes[1];
	chain.data.b.flags = 0;
	chain.data.c = (struct hand_step){
		map_to_chain,       &plans[2], NULL, NULL, FUTURE_CHAIN_FLAG_ENTRY_LAST,
		step_make(&slow[2])};
	INIT_CHAIN(&chain);
	check_property(&chain.base, 1, &chain.data.a.fut);
	assert_int_equal(polls_until_complete(&chain.base), 4);
	kit_assert_trace("r0 r0 i1 m0 r1 r1 m1 r2 r2 m2");
	assert_int_equal(chain.output.value, 3);
	check_property(&chain.base, -1, NULL);
	assert_int_equal(chain.data.behind[0], UINT64_MAX);
}

static void test_C4_entries_made_by_hand_may_be_sent_back(void **state)
{
	struct kit_rewind rewind = {.times = 3};
	const struct kit_recipe sender = {
		.id = 2, .waits = 2, .wait_state = FUTURE_STATE_RUNNING, .rewind = &rewind};
	struct hand_full_fut chain;

	(void)state;
	memset(&chain, 0xff, sizeof(chain));
	chain.data.a =
		(struct hand_step){map_to_step, &plans[0], NULL, NULL, 0, step_make(&quick[0])};
	chain.data.b =
		(struct hand_odd){map_to_step, &plans[1], NULL, NULL, 0, odd_make(&quick[1])};
	chain.data.c =
		(struct hand_step){map_to_chain, &plans[2], NULL, NULL, 0, step_make(&sender)};
	INIT_CHAIN(&chain);
	REWIND_ADD(&rewind, &chain.data.b);
	assert_int_equal(polls_until_complete(&chain.base), 6);
	kit_assert_trace("r0 m0 r1 m1 r2 r2 r2 r1 m1 r2 r1 m1 r2 r1 m1 r2 m2");
}

/* Programs may init the chain first and its entries after. */
static void test_chain_may_be_initialised_before_its_entries(void **state)
{
	struct unions_fut chain;

	(void)state;
	FUTURE_CHAIN_INIT(&chain);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.d, one_of_odd(&quick[3]), map_to_chain, &plans[3]);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.c, one_of_step(&quick[2]), map_to_step, &plans[2]);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.b, step_make(&quick[1]), map_to_step, &plans[1]);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.a, one_of_odd(&quick[0]), map_to_step, &plans[0]);
	assert_int_equal(polls_until_complete(&chain.base), 1);
	kit_assert_trace("r0 m0 r1 m1 r2 m2 r3 m3");
}

/* ---- entries of any alignment ---------------------------------------------------------------- */

/*
 * Chains of three entries of any alignment, once so that they fill the data and once with LAST and
 * others behind.
 */
struct triple {
	size_t size;
	size_t align;
	size_t b_at;
	size_t c_at;
	size_t output_at;
	void (*init)(void *memory, unsigned lazy); /* bits 0 to 2 of lazy: which entries are */
	const char *name;
};

#define INIT_TRIPLE_ENTRY(entryp, kind, number, lazy, map)                                         \
	do {                                                                                       \
		if ((lazy)&1U << (number))                                                         \
			FUTURE_CHAIN_ENTRY_LAZY_INIT(entryp, kind##_init, &lazy_recipes[number],   \
						     map, &plans[number]);                         \
		else                                                                               \
			FUTURE_CHAIN_ENTRY_INIT(entryp, kind##_make(&lazy_recipes[number]), map,   \
						&plans[number]);                                   \
	} while (0)

#define DEFINE_TRIPLE_INIT(name, x, y, z)                                                          \
	FUTURE(name##_fut, struct name##_data, struct chain_output);                               \
	static void name##_init(void *memory, unsigned lazy)                                       \
	{                                                                                          \
		struct name##_fut *const chain = memory;                                           \
                                                                                                   \
		memcpy(lazy_recipes, slow, sizeof(lazy_recipes));                                  \
		INIT_TRIPLE_ENTRY(&chain->data.a, x, 0, lazy, map_to_step);                        \
		INIT_TRIPLE_ENTRY(&chain->data.b, y, 1, lazy, map_to_step);                        \
		INIT_TRIPLE_ENTRY(&chain->data.c, z, 2, lazy, map_to_chain);                       \
		INIT_CHAIN(chain);                                                                 \
	}

#define DEFINE_TRIPLE(x, y, z)                                                                     \
	struct x##_##y##_##z##_data {                                                              \
		FUTURE_CHAIN_ENTRY(struct x##_fut, a);                                             \
		FUTURE_CHAIN_ENTRY(struct y##_fut, b);                                             \
		FUTURE_CHAIN_ENTRY(struct z##_fut, c);                                             \
	};                                                                                         \
	DEFINE_TRIPLE_INIT(x##_##y##_##z, x, y, z)                                                 \
	struct x##_##y##_##z##_last_data {                                                         \
		FUTURE_CHAIN_ENTRY(struct x##_fut, a);                                             \
		FUTURE_CHAIN_ENTRY(struct y##_fut, b);                                             \
		FUTURE_CHAIN_ENTRY_LAST(struct z##_fut, c);                                        \
		uint64_t behind[3];                                                                \
	};                                                                                         \
	DEFINE_TRIPLE_INIT(x##_##y##_##z##_last, x, y, z)

#define TRIPLE(type)                                                                               \
	{                                                                                          \
		sizeof(struct type##_fut), _Alignof(struct type##_fut),                            \
			offsetof(struct type##_fut, data.b), offsetof(struct type##_fut, data.c),  \
			offsetof(struct type##_fut, output), type##_init, #type                    \
	}
#define LIST_TRIPLE(x, y, z) TRIPLE(x##_##y##_##z), TRIPLE(x##_##y##_##z##_last),

#define FOR_EACH_THIRD(X, x, y) X(x, y, odd) X(x, y, at16) X(x, y, at64) X(x, y, at256)
#define FOR_EACH_SECOND(X, x)                                                                      \
	FOR_EACH_THIRD(X, x, odd)                                                                  \
	FOR_EACH_THIRD(X, x, at16)                                                                 \
	FOR_EACH_THIRD(X, x, at64)                                                                 \
	FOR_EACH_THIRD(X, x, at256)
#define FOR_EACH_TRIPLE(X)                                                                         \
	FOR_EACH_SECOND(X, odd)                                                                    \
	FOR_EACH_SECOND(X, at16)                                                                   \
	FOR_EACH_SECOND(X, at64)                                                                   \
	FOR_EACH_SECOND(X, at256)

FOR_EACH_TRIPLE(DEFINE_TRIPLE)

static const struct triple triples[] = {FOR_EACH_TRIPLE(LIST_TRIPLE)};

#define TRIPLE_MEMORY 8192 /* bytes: more than the longest triple and what lies around it */
#define TRIPLE_AT 1024     /* where triples are made in it */

static _Alignas(4096) char triple_memory[TRIPLE_MEMORY];

/*
 * That each entry leads to the next: checked before the chain runs, since a wrong one would crash.
 */
static int triple_is_linked(const struct triple *triple, struct future *chain)
{
	struct future_context *const context = &chain->context;
	struct future_chain_entry *const a = future_context_get_data(context);
	struct future_chain_entry *const b = hl_chain_next(context, a);
	struct future_chain_entry *const c = b == NULL ? NULL : hl_chain_next(context, b);

	return (char *)b == (char *)chain + triple->b_at &&
	       (char *)c == (char *)chain + triple->c_at && hl_chain_next(context, c) == NULL;
}

static void triple_runs(const struct triple *triple, struct future *chain, unsigned lazy)
{
	static const char *const expected[] = {
		"r0 r0 m0 r1 r1 m1 r2 r2 m2",       "i0 r0 r0 m0 r1 r1 m1 r2 r2 m2",
		"r0 r0 i1 m0 r1 r1 m1 r2 r2 m2",    "i0 r0 r0 i1 m0 r1 r1 m1 r2 r2 m2",
		"r0 r0 m0 r1 r1 i2 m1 r2 r2 m2",    "i0 r0 r0 m0 r1 r1 i2 m1 r2 r2 m2",
		"r0 r0 i1 m0 r1 r1 i2 m1 r2 r2 m2", "i0 r0 r0 i1 m0 r1 r1 i2 m1 r2 r2 m2",
	};
	const struct chain_output *const output = (const void *)((char *)chain + triple->output_at);

	reset();
	assert_int_equal(polls_until_complete(chain), 4);
	kit_assert_trace(expected[lazy]);
	assert_int_equal(output->value, 3);
	assert_int_equal(future_has_property(chain, FUTURE_PROPERTY_ASYNC), -1);
}

/* Makes a triple in triple_memory, whatever lies there, and runs it. */
static void check_triple(const struct triple *triple, unsigned lazy, const char *there)
{
	struct future *const chain = (struct future *)(void *)(triple_memory + TRIPLE_AT);

	triple->init(chain, lazy);
	if (!triple_is_linked(triple, chain))
		fail_msg("%s, lazy %u, where %s lay: the entries are not found", triple->name, lazy,
			 there);
	triple_runs(triple, chain, lazy);
}

static void test_chain_entries_of_any_alignment(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(triples); i++)
		for (unsigned lazy = 0; lazy < 8; lazy++) {
			memset(triple_memory, 0, sizeof(triple_memory));
			check_triple(&triples[i], lazy, "nothing");
			memset(triple_memory, 0xff, sizeof(triple_memory));
			check_triple(&triples[i], lazy, "0xff");
		}
}

/* Links are distances: they hold in a copy. */
static void test_F4_overaligned_chain_may_be_copied(void **state)
{
	static _Alignas(4096) char copy[TRIPLE_MEMORY];
	struct future *const chain = (struct future *)(void *)(triple_memory + TRIPLE_AT);

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(triples); i++) {
		memset(copy, 0xff, sizeof(copy));
		triples[i].init(chain, 2);
		memcpy(copy, chain, triples[i].size);
		memset(chain, 0, triples[i].size);
		triple_runs(&triples[i], (struct future *)(void *)copy, 2);
	}
}

/* An over-aligned entry is sent back as any other; the flag is cleared as programs do it. */
struct at64_inside_data {
	FUTURE_CHAIN_ENTRY(struct odd_fut, a);
	FUTURE_CHAIN_ENTRY(struct at64_fut, b);
	FUTURE_CHAIN_ENTRY(struct rerun_fut, c);
};

FUTURE(at64_inside_fut, struct at64_inside_data, struct chain_output);

static void test_C4_overaligned_entry_may_be_sent_back(void **state)
{
	(void)state;
	for (enum clearing clearing = 0; clearing < CLEARINGS; clearing++) {
		struct rerun_fut rerun = {.data = {NULL, 0, clearing}};
		struct at64_inside_fut chain;

		reset();
		memset(&chain, 0, sizeof(chain));
		FUTURE_INIT(&rerun, rerun_task);
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.a, odd_make(&quick[0]), map_to_step, &plans[0]);
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.b, at64_make(&quick[1]), NULL, NULL);
		FUTURE_CHAIN_ENTRY_INIT(&chain.data.c, rerun, NULL, NULL);
		INIT_CHAIN(&chain);
		assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_RUNNING);
		for (int turn = 0; turn < 3; turn++) {
			clear_processed((struct future_chain_entry *)(void *)&chain.data.a,
					clearing);
			clear_processed((struct future_chain_entry *)(void *)&chain.data.b,
					clearing);
			FUTURE_STATE(&chain.data.a.fut) = FUTURE_STATE_IDLE;
			FUTURE_STATE(&chain.data.b.fut) = FUTURE_STATE_IDLE;
			assert_int_equal(future_poll(&chain.base, NULL), FUTURE_STATE_RUNNING);
		}
		kit_assert_trace("r0 m0 r1 r3 r0 m0 r1 r3 r0 m0 r1 r3 r0 m0 r1 r3");
		assert_int_equal(chain.data.c.fut.output.runs, 4);
	}
}

/*
 * What a gap holds may be left over from anything, also from an entry of another chain. Here memory
 * holds every triple, as it was made and as it was when it had run, moved by every multiple of 8
 * bytes; then every triple is made there. Where the compiler cannot clear gaps (clang), chains
 * aligned to more than 8 must be made in zeroed memory.
 */
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define GAPS_ARE_CLEARED 1
#endif
#endif
#ifndef GAPS_ARE_CLEARED
#define GAPS_ARE_CLEARED 0
#endif

static int may_lose(const struct triple *triple)
{
	return !GAPS_ARE_CLEARED && triple->align > 8;
}

enum left {
	LEFT_MADE,
	LEFT_MADE_LAZY,
	LEFT_RUN,
	LEFTS,
};

static void leave_triple(const struct triple *triple, enum left left, char *image)
{
	memset(image, 0, TRIPLE_MEMORY);
	reset();
	triple->init(image + TRIPLE_AT, left == LEFT_MADE_LAZY ? 7 : 0);
	if (left == LEFT_RUN)
		triple_runs(triple, (struct future *)(void *)(image + TRIPLE_AT), 0);
}

static size_t count_lost_triples(const char *image, const struct triple *left, int shift,
				 unsigned lazy)
{
	struct future *const chain = (struct future *)(void *)(triple_memory + TRIPLE_AT);
	size_t lost = 0;

	for (size_t i = 0; i < KIT_COUNT(triples); i++) {
		memcpy(chain, image + TRIPLE_AT + shift, triples[i].size);
		triples[i].init(chain, lazy);
		if (triple_is_linked(&triples[i], chain) || may_lose(&triples[i]))
			continue;
		if (lost++ == 0)
			print_message("%s, lazy %u, is lost where %s lay %d bytes away\n",
				      triples[i].name, lazy, left->name, shift);
	}
	return lost;
}

static void test_chain_entries_are_found_where_other_chains_lay(void **state)
{
	static _Alignas(4096) char image[TRIPLE_MEMORY];
	size_t lost = 0;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(triples) && lost == 0; i += KIT_SANITIZED ? 5 : 1)
		for (enum left left = 0; left < LEFTS; left++) {
			leave_triple(&triples[i], left, image);
			for (int shift = -256; shift <= 256 && lost == 0; shift += 8)
				lost += count_lost_triples(image, &triples[i], shift,
							   shift % 16 == 0 ? 0 : 7);
		}
	assert_int_equal(lost, 0);
}

/* The same with words at random, most of which look like an entry's flags. */
static void test_chain_entries_are_found_among_random_words(void **state)
{
	struct kit_random random = kit_random_from_seed();
	uint64_t *const words = (uint64_t *)(void *)triple_memory;

	(void)state;
	if (!GAPS_ARE_CLEARED)
		skip();
	for (int turn = 0; turn < 20; turn++)
		for (size_t i = 0; i < KIT_COUNT(triples); i++) {
			for (size_t at = 0; at < sizeof(triple_memory) / sizeof(*words); at++) {
				const uint64_t size = 8 * (uint64_t)kit_random_below(&random, 100);
				const uint64_t align = 3 + (uint64_t)kit_random_below(&random, 6);

				words[at] = size << HL_CHAIN_ENTRY_SIZE_SHIFT |
					    HL_CHAIN_ENTRY_SIGNATURE |
					    (align == 3 ? 40U : 1U << align)
						    << HL_CHAIN_ENTRY_FUTURE_SHIFT |
					    align << HL_CHAIN_ENTRY_ALIGN_SHIFT |
					    (unsigned)kit_random_below(&random, 8);
			}
			check_triple(&triples[i], (unsigned)kit_random_below(&random, 8),
				     "random words");
		}
}

/* ---- random chains against a model ----------------------------------------------------------- */

#define RANDOM_ENTRIES 6

struct random_chain_data {
	FUTURE_CHAIN_ENTRY(struct odd_fut, a);
	FUTURE_CHAIN_ENTRY(struct at16_fut, b);
	FUTURE_CHAIN_ENTRY(union one_of, c);
	FUTURE_CHAIN_ENTRY(struct step_fut, d);
	FUTURE_CHAIN_ENTRY(struct at64_fut, e);
	FUTURE_CHAIN_ENTRY_LAST(struct step_fut, f);
	uint64_t others[3];
};

FUTURE(random_chain_fut, struct random_chain_data, struct chain_output);

/* One entry as C.1 to C.5 see it. `sends_back` are the bits of the entries that it sends back. */
struct model_entry {
	struct kit_recipe recipe;
	int lazy;
	int times;
	unsigned sends_back;
	int initialised, processed;
	enum future_state state;
	int waits_left, input, value;
};

struct model {
	struct model_entry entries[RANDOM_ENTRIES];
	struct kit_rewind rewinds[RANDOM_ENTRIES];
	struct kit_trace trace;
	int value;
};

static void model_initialise(struct model *model, int i)
{
	struct model_entry *const entry = &model->entries[i];

	if (entry->lazy)
		kit_trace_add(&model->trace, 'i', i);
	entry->initialised = 1;
	entry->state = entry->recipe.complete ? FUTURE_STATE_COMPLETE : FUTURE_STATE_IDLE;
	entry->waits_left = entry->recipe.waits;
	entry->input = 0;
	entry->value = 0;
}

static void model_run(struct model *model, int i)
{
	struct model_entry *const entry = &model->entries[i];

	kit_trace_add(&model->trace, 'r', i);
	if (entry->waits_left > 0) {
		entry->waits_left--;
		entry->state = entry->recipe.wait_state;
	} else if (entry->times > 0) {
		entry->times--;
		entry->state = FUTURE_STATE_RUNNING;
		for (int earlier = 0; earlier < i; earlier++)
			if (entry->sends_back >> earlier & 1) {
				model->entries[earlier].processed = 0;
				if (!model->entries[earlier].recipe.complete)
					model->entries[earlier].state = FUTURE_STATE_IDLE;
			}
	} else {
		entry->value = entry->input + 1;
		entry->state = FUTURE_STATE_COMPLETE;
	}
}

/* C.3 */
static void model_finish(struct model *model, int i)
{
	struct model_entry *const next = i + 1 < RANDOM_ENTRIES ? &model->entries[i + 1] : NULL;

	if (next != NULL && next->lazy &&
	    (!next->initialised || next->state == FUTURE_STATE_RUNNING))
		model_initialise(model, i + 1);
	kit_trace_add(&model->trace, 'm', i);
	if (next == NULL) {
		model->value = model->entries[i].value;
	} else {
		next->input = model->entries[i].value;
		if (plans[i].skip)
			next->state = FUTURE_STATE_COMPLETE;
	}
	model->entries[i].processed = 1;
}

static enum future_state model_poll(struct model *model)
{
	for (int i = 0; i < RANDOM_ENTRIES; i++) {
		struct model_entry *const entry = &model->entries[i];

		if (entry->processed)
			continue;
		if (!entry->initialised)
			model_initialise(model, i);
		if (entry->state != FUTURE_STATE_COMPLETE)
			model_run(model, i);
		if (entry->state != FUTURE_STATE_COMPLETE)
			return FUTURE_STATE_RUNNING;
		model_finish(model, i);
	}
	return FUTURE_STATE_COMPLETE;
}

static int model_property(const struct model *model)
{
	for (int i = 0; i < RANDOM_ENTRIES; i++) {
		const struct model_entry *const entry = &model->entries[i];

		if (!entry->processed)
			return entry->initialised && !entry->recipe.complete && entry->recipe.async;
	}
	return -1;
}

/*
 * A lazy entry sends back all from some entry up to itself, an eager one any. Returns whether any
 * entry sends others back; in every other model none does.
 */
static int model_random(struct model *model, struct kit_random *random)
{
	const int may_send_back = kit_random_below(random, 2);
	int sends_back = 0;

	memset(model, 0, sizeof(*model));
	for (int i = 0; i < RANDOM_ENTRIES; i++) {
		struct model_entry *const entry = &model->entries[i];

		entry->lazy = kit_random_below(random, 2);
		entry->recipe = (struct kit_recipe){
			.id = i,
			.waits = kit_random_below(random, 3),
			.wait_state = kit_random_below(random, 2) ? FUTURE_STATE_IDLE
								  : FUTURE_STATE_RUNNING,
			.complete = kit_random_below(random, 8) == 0,
			.async = kit_random_below(random, 2),
			.rewind = &model->rewinds[i],
		};
		plans[i].skip = i + 1 < RANDOM_ENTRIES && kit_random_below(random, 8) == 0;
		entry->times = i > 0 && may_send_back ? kit_random_below(random, 6) - 3 : 0;
		sends_back |= entry->times > 0;
		entry->sends_back = (unsigned)kit_random_below(random, 1 << i) | 1U << i >> 1;
		if (entry->lazy)
			entry->sends_back =
				(1U << i) - (1U << (i == 0 ? 0 : kit_random_below(random, i)));
		model->rewinds[i].times = entry->times;
		if (!entry->lazy)
			model_initialise(model, i);
	}
	return sends_back;
}

#define INIT_RANDOM_ENTRY(entryp, kind, maker, number, map)                                        \
	do {                                                                                       \
		if (model->entries[number].lazy)                                                   \
			FUTURE_CHAIN_ENTRY_LAZY_INIT(entryp, kind##_init,                          \
						     &model->entries[number].recipe, map,          \
						     &plans[number]);                              \
		else                                                                               \
			FUTURE_CHAIN_ENTRY_INIT(entryp, maker(&model->entries[number].recipe),     \
						map, &plans[number]);                              \
		for (int i = (number) + 1; i < RANDOM_ENTRIES; i++)                                \
			if (model->entries[i].sends_back >> (number)&1)                            \
				REWIND_ADD(&model->rewinds[i], entryp);                            \
	} while (0)

static void random_init(struct random_chain_fut *chain, struct model *model)
{
	INIT_RANDOM_ENTRY(&chain->data.a, odd, odd_make, 0, map_to_step);
	INIT_RANDOM_ENTRY(&chain->data.b, at16, at16_make, 1, map_to_step);
	INIT_RANDOM_ENTRY(&chain->data.c, odd, one_of_odd, 2, map_to_step);
	INIT_RANDOM_ENTRY(&chain->data.d, step, step_make, 3, map_to_step);
	INIT_RANDOM_ENTRY(&chain->data.e, at64, at64_make, 4, map_to_step);
	INIT_RANDOM_ENTRY(&chain->data.f, step, step_make, 5, map_to_chain);
	INIT_CHAIN(chain);
}

static void test_random_chains_do_as_the_model(void **state)
{
	static struct random_chain_fut chain;
	static struct model model;
	struct kit_random random = kit_random_from_seed();

	(void)state;
	for (int turn = 0; turn < (KIT_SANITIZED ? 4000 : 20000); turn++) {
		enum future_state expected;

		reset();
		forward = !model_random(&model, &random);
		random_init(&chain, &model);
		do {
			assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_ASYNC),
					 model_property(&model));
			expected = model_poll(&model);
			assert_int_equal(future_poll(&chain.base, NULL), expected);
			kit_assert_trace(model.trace.text);
		} while (expected != FUTURE_STATE_COMPLETE);
		assert_int_equal(future_has_property(&chain.base, FUTURE_PROPERTY_ASYNC), -1);
		assert_int_equal(chain.output.value, model.value);
	}
}

/* ---- no allocation --------------------------------------------------------------------------- */

/* Sanitizers have an allocator of their own, and only glibc's can be called by other names; elsewhere the test is skipped. */
#if defined(__GLIBC__) && !KIT_SANITIZED
#define ALLOCATIONS_ARE_COUNTED 1
#else
#define ALLOCATIONS_ARE_COUNTED 0
#endif

static unsigned allocations;

#if ALLOCATIONS_ARE_COUNTED
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
	allocations++;
	return __libc_realloc(block, size);
}
#endif

static void test_futures_and_chains_do_not_allocate(void **state)
{
	void *(*volatile const allocate)(size_t) = malloc;
	struct lookup_lock_fut lookup_lock;
	struct nest_fut nest;
	unsigned before;

	(void)state;
#if !ALLOCATIONS_ARE_COUNTED
	skip();
#endif
	before = allocations;
	free(allocate(1));
	assert_int_equal(allocations, before + 1); /* the counter counts */

	before = allocations;
	nest_init(&nest, 1, &before);
	FUTURE_BUSY_POLL(&nest);
	lookup_lock_init(&lookup_lock, 3, 1, CLEARS_WITH_64_BITS);
	FUTURE_BUSY_POLL(&lookup_lock);
	for (size_t i = 0; i < KIT_COUNT(triples); i++)
		triples[i].init(triple_memory + TRIPLE_AT, 7);
	assert_int_equal(allocations, before);
}

#define NOT_FORWARD(test) cmocka_unit_test_setup(test, setup)
/* Chains that are not sent back must do the same when they only go forward. */
#define ALSO_FORWARD(test)                                                                         \
	cmocka_unit_test_setup(test, setup),                                                       \
	{                                                                                          \
		#test "_forward", test, setup_forward, NULL, NULL                                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALSO_FORWARD(test_C1_rows_of_any_length),
		ALSO_FORWARD(test_C1_last_entry_alone),
		ALSO_FORWARD(test_C2_poll_goes_on_to_the_first_that_waits),
		ALSO_FORWARD(test_C2_entry_that_stays_idle_keeps_the_chain_running),
		ALSO_FORWARD(test_F2_chain_hands_the_notifier_on_unread),
		ALSO_FORWARD(test_C2_entries_may_be_far_away),
		ALSO_FORWARD(test_C3_map_gets_this_and_the_next_context),
		NOT_FORWARD(test_C3_entry_is_marked_processed_after_its_map),
		ALSO_FORWARD(test_C3_map_may_skip_the_next_entry),
		ALSO_FORWARD(test_C3_maps_of_skipped_entries_may_skip_on),
		ALSO_FORWARD(test_C3_map_may_skip_a_lazy_entry),
		ALSO_FORWARD(test_C3_map_may_be_null),
		ALSO_FORWARD(test_C3_lazy_entries_are_initialised_just_before_they_are_needed),
		NOT_FORWARD(test_C3_init_gets_the_future_the_chain_and_its_argument),
		ALSO_FORWARD(test_C3_init_may_leave_a_complete_future),
		ALSO_FORWARD(test_C3_entries_made_complete_only_run_their_maps),
		NOT_FORWARD(test_C4_eager_entry_sends_its_chain_back),
		NOT_FORWARD(test_C5_lazy_entry_that_sent_its_chain_back_is_initialised_afresh),
		NOT_FORWARD(test_C4_inner_chain_is_sent_back),
		NOT_FORWARD(test_C4_only_what_was_sent_back_runs_again),
		NOT_FORWARD(test_C4_processed_entries_in_between_are_passed),
		NOT_FORWARD(test_C5_lazy_sender_is_initialised_afresh_behind_processed_entries),
		NOT_FORWARD(test_C5_lazy_entries_sent_back_are_not_initialised_again),
		ALSO_FORWARD(test_C5_lazy_entry_that_waits_is_not_initialised_again),
		ALSO_FORWARD(test_C4_chain_ends_with_its_data),
		ALSO_FORWARD(test_chain_in_chain),
		ALSO_FORWARD(test_lazy_chain_in_chain),
		ALSO_FORWARD(test_F4_idle_chain_may_be_copied),
		ALSO_FORWARD(test_chain_has_the_property_of_its_current_entry),
		ALSO_FORWARD(test_chain_in_chain_has_the_property_of_the_inner_entry),
		NOT_FORWARD(test_chain_may_be_asked_whatever_its_current_entry_is),
		NOT_FORWARD(test_chain_flags),
		ALSO_FORWARD(test_WENT_ON_when_a_poll_finished_one_entry_and_stopped_at_another),
		ALSO_FORWARD(test_WENT_ON_of_a_chain_in_a_chain),
		cmocka_unit_test_setup(test_chain_ends_before_what_is_too_short_for_an_entry, setup),
		ALSO_FORWARD(test_entries_may_be_unions),
		NOT_FORWARD(test_C4_unions_may_be_sent_back),
		NOT_FORWARD(test_entries_made_by_hand),
		NOT_FORWARD(test_C4_entries_made_by_hand_may_be_sent_back),
		NOT_FORWARD(test_chain_may_be_initialised_before_its_entries),
		ALSO_FORWARD(test_chain_entries_of_any_alignment),
		ALSO_FORWARD(test_F4_overaligned_chain_may_be_copied),
		NOT_FORWARD(test_C4_overaligned_entry_may_be_sent_back),
		ALSO_FORWARD(test_chain_entries_are_found_where_other_chains_lay),
		ALSO_FORWARD(test_chain_entries_are_found_among_random_words),
		NOT_FORWARD(test_random_chains_do_as_the_model),
		NOT_FORWARD(test_futures_and_chains_do_not_allocate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
