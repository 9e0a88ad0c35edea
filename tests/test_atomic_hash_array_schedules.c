/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_array_schedules.c: the atomic hash array in many interleavings, one by one (map_sim.h).
 *
 * Method: each schedule is a small random program, two to four tasks with a few operations on a few keys, in an array that
 * is nearly full, so that claims and overflow counts collide, and a random interleaving of its steps. What the operations
 * were told must be linearizable: there is an order in which a map on one thread would have answered the same. Entries
 * that stay must be found at any moment. Afterwards the array's lines are compared with its cells.
 * A schedule that fails prints its seed; SEED= repeats it.
 */
#include "map_sim.h"

#include "map_kit.h"

#define KEYS 3
#define STABLE 1000 /* the first of the keys that stay */
#define CELLS_MAX 45
#define OPERATIONS_MAX 5
#define VALUE_WORDS 3

enum what { INSERT, ERASE, FIND, FIND_STABLE, WALK, ABORT, WHATS };

/* What one task was told. */
struct tally {
	unsigned full[KEYS];  /* inserts of this schedule for which there was no room */
	unsigned fresh[KEYS]; /* and those that were new */
	uint64_t totals[WHATS][2]; /* of all schedules */
};

struct program {
	struct kit_map map; /* that does not grow */
	enum hashloom_reuse reuse;
	struct sim_history history;
	struct kit_errors errors;
	unsigned tasks;
	unsigned stable_count;
	uint64_t stable[CELLS_MAX]; /* keys that stay */
	struct {
		enum what what;
		uint64_t key;
	} operations[SIM_TASKS_MAX][OPERATIONS_MAX];
	unsigned counts[SIM_TASKS_MAX];
	struct tally tallies[SIM_TASKS_MAX];
};

/* Items of histories: ids from 1 on. */
static uint64_t item_of(const struct program *program, const void *value)
{
	return kit_map_id(&program->map, value) + (uint64_t)1;
}

static struct tally *tally_of(struct program *program)
{
	return &program->tallies[sim_self()];
}

/* ---- operations ------------------------------------------------------------------------------------------ */

/* With `never` nobody writes the value again, so it can be looked at (A.2, A.4). */
static void check_value(struct program *program, uint64_t key, const void *value)
{
	if (program->reuse == HASHLOOM_REUSE_NEVER || key >= STABLE)
		kit_expect(&program->errors, kit_value_is(value, VALUE_WORDS * sizeof(uint64_t), key));
}

static void insert(struct program *program, uint64_t key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_ADD, key);
	uint64_t from[VALUE_WORDS];
	void *value = NULL;
	int result;

	kit_value_fill(from, sizeof(from), key);
	result = kit_map_insert(&program->map, key, from, &value);
	if (result >= 0) {
		sim_end(operation, SIM_ADD, result, item_of(program, value));
		if (result == 0)
			check_value(program, key, value);
		tally_of(program)->fresh[key] += (unsigned)result;
	} else {
		kit_expect(&program->errors, result == HASHLOOM_ERROR_FULL);
		sim_end(operation, SIM_LOOK, 0, 0);
		tally_of(program)->full[key]++;
	}
	tally_of(program)->totals[INSERT][result == 1]++;
}

static void erase(struct program *program, uint64_t key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_DROP, key);
	const int result = kit_map_erase(&program->map, key);

	sim_end(operation, SIM_DROP, result, SIM_ANY_ITEM);
	tally_of(program)->totals[ERASE][result]++;
}

static void find(struct program *program, uint64_t key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_LOOK, key);
	const void *const value = kit_map_find(&program->map, key);

	sim_end(operation, SIM_LOOK, value != NULL, value != NULL ? item_of(program, value) : 0);
	if (value != NULL)
		check_value(program, key, value);
	tally_of(program)->totals[FIND][value != NULL]++;
}

static void find_stable(struct program *program, uint64_t which)
{
	const uint64_t key = program->stable[which];
	const void *const value = kit_map_find(&program->map, key);

	kit_expect(&program->errors, value != NULL);
	if (value != NULL)
		check_value(program, key, value);
	tally_of(program)->totals[FIND_STABLE][value != NULL]++;
}

/* A.7: what stays comes once, what comes and goes at most once for each insert. */
static void walk(struct program *program)
{
	unsigned stable[CELLS_MAX] = { 0 };
	unsigned comers[KEYS] = { 0 };
	uint64_t position = 0;
	uint64_t key;

	for (void *value; (value = kit_map_next(&program->map, &position, &key)) != NULL;) {
		check_value(program, key, value);
		if (key >= STABLE)
			stable[key - STABLE]++;
		else
			comers[key]++;
	}
	for (unsigned i = 0; i < program->stable_count; i++)
		kit_expect(&program->errors, stable[program->stable[i] - STABLE] == 1);
	for (unsigned i = 0; i < KEYS; i++) {
		unsigned inserts = 0;

		for (unsigned task = 0; task < program->tasks; task++)
			for (unsigned k = 0; k < program->counts[task]; k++)
				inserts += program->operations[task][k].what == INSERT &&
					   program->operations[task][k].key == i;
		kit_expect(&program->errors, comers[i] <= inserts);
	}
	tally_of(program)->totals[WALK][1]++;
}

/* A claim that is given back (`never`): nobody sees it, but others wait. */
static void claim_and_abort(struct program *program, uint64_t key)
{
	const struct hl_aha_lookup lookup = kit_lookup(&program->map, key);
	const struct hl_aha_policy *const policy = &program->map.policy.cell;
	const struct hl_aha *const array = &program->map.map.slabs[0];
	struct sim_operation *const operation = sim_begin(&program->history, SIM_LOOK, key);
	uint32_t id;
	const enum hl_aha_claim_result result = hl_aha_claim(policy, array, &lookup, 0, &id);

	if (result == HL_AHA_CLAIMED)
		hl_aha_abort(policy, array, id);
	sim_end(operation, SIM_LOOK, result == HL_AHA_PRESENT, result == HL_AHA_PRESENT ? id + 1 : 0);
	tally_of(program)->totals[ABORT][result == HL_AHA_CLAIMED]++;
}

static void run_task(void *arg, unsigned task)
{
	struct program *const program = arg;

	for (unsigned i = 0; i < program->counts[task]; i++) {
		const uint64_t key = program->operations[task][i].key;

		switch (program->operations[task][i].what) {
		case INSERT:
			insert(program, key);
			break;
		case ERASE:
			erase(program, key);
			break;
		case FIND:
			find(program, key);
			break;
		case FIND_STABLE:
			find_stable(program, key);
			break;
		case WALK:
			walk(program);
			break;
		default:
			claim_and_abort(program, key);
			break;
		}
		/* near the truth, and never below zero */
		kit_expect(&program->errors, kit_map_size(&program->map) < SIZE_MAX / 2);
	}
}

/* ---- programs --------------------------------------------------------------------------------------------- */

static void put_stable(struct program *program, uint64_t key)
{
	uint64_t from[VALUE_WORDS];
	void *value;

	kit_value_fill(from, sizeof(from), key);
	kit_expect(&program->errors,
		   kit_map_insert(&program->map, key, from, &value) == 1);
}

/*
 * The array with its stable entries, which leave a few cells free: with `never` the last ones on the path, with any_key
 * some anywhere, so that entries of the same key can lie before and behind full groups.
 */
static void program_fill(struct program *program, uint64_t *seed)
{
	static const unsigned spares[] = { 0, 1, 1, 2, 3, 15 };
	const unsigned cells = (unsigned)hl_aha_cells_count(&program->map.map.slabs[0]);
	const unsigned spare = spares[kit_random_below(seed, KIT_COUNT(spares))];
	const int is_any = program->reuse == HASHLOOM_REUSE_ANY_KEY;
	size_t order[CELLS_MAX];

	kit_map_reset(&program->map);
	program->stable_count = cells - spare;
	for (unsigned i = 0; i < (is_any ? cells : cells - spare); i++) {
		order[i] = i;
		put_stable(program, STABLE + i);
	}
	if (is_any)
		kit_shuffle(order, cells, seed);
	for (unsigned i = 0; i < program->stable_count; i++)
		program->stable[i] = STABLE + order[i];
	for (unsigned i = program->stable_count; is_any && i < cells; i++)
		kit_expect(&program->errors,
			   kit_map_erase(&program->map, STABLE + order[i]) == 1);
}

static void program_write(struct program *program, uint64_t *seed)
{
	static const enum what any[] = { INSERT, INSERT, INSERT, ERASE, ERASE, FIND, FIND_STABLE, WALK };
	static const enum what never[] = { INSERT, INSERT, INSERT, ERASE, FIND, FIND_STABLE, WALK, ABORT };
	const enum what *const whats = program->reuse == HASHLOOM_REUSE_ANY_KEY ? any : never;
	const unsigned keys = 1 + (unsigned)kit_random_below(seed, KEYS);

	program->tasks = 2 + (unsigned)kit_random_below(seed, SIM_TASKS_MAX - 1);
	for (unsigned task = 0; task < program->tasks; task++) {
		program->counts[task] = 1 + (unsigned)kit_random_below(seed, OPERATIONS_MAX);
		for (unsigned i = 0; i < program->counts[task]; i++) {
			enum what what = whats[kit_random_below(seed, KIT_COUNT(any))];

			if (what == FIND_STABLE && program->stable_count == 0)
				what = FIND;
			program->operations[task][i].what = what;
			program->operations[task][i].key =
				what == FIND_STABLE ? kit_random_below(seed, program->stable_count) :
						      kit_random_below(seed, keys);
		}
	}
}

/* A.6: with `never` and no erase, a key that found no room once finds none, nor has it found some. */
static void check_full(struct program *program, uint64_t key)
{
	unsigned full = 0;
	unsigned fresh = 0;
	unsigned erases = 0;

	for (unsigned task = 0; task < program->tasks; task++) {
		full += program->tallies[task].full[key];
		fresh += program->tallies[task].fresh[key];
		for (unsigned i = 0; i < program->counts[task]; i++)
			erases += program->operations[task][i].what == ERASE;
	}
	if (program->reuse == HASHLOOM_REUSE_NEVER && erases == 0)
		kit_expect(&program->errors, full == 0 || fresh == 0);
}

static void program_check(struct program *program)
{
	const char *const error = kit_map_error(&program->map, 0);

	if (error != NULL)
		kit_error(&program->errors, error);
	for (uint64_t key = 0; key < KEYS; key++) {
		struct sim_operation *const operation = sim_begin(&program->history, SIM_LOOK, key);
		const void *const value = kit_map_find(&program->map, key);

		/* what is there in the end must fit too */
		sim_end(operation, SIM_LOOK, value != NULL, value != NULL ? item_of(program, value) : 0);
		kit_expect(&program->errors, sim_is_linearizable(&program->history, key, 0));
		check_full(program, key);
	}
}

static void run_schedule(struct program *program, uint64_t seed)
{
	uint64_t random = seed;

	program->history.count = 0;
	for (unsigned task = 0; task < SIM_TASKS_MAX; task++) {
		memset(program->tallies[task].full, 0, sizeof(program->tallies[task].full));
		memset(program->tallies[task].fresh, 0, sizeof(program->tallies[task].fresh));
	}
	program_fill(program, &random);
	program_write(program, &random);
	sim_run(program->tasks, run_task, program, seed);
	program_check(program);
	if (hl_u64_load_relaxed(&program->errors.count) != 0) {
		sim_print(&program->history);
		printf("SEED=%llu\n", (unsigned long long)seed);
		kit_assert_no_errors(&program->errors);
	}
}

/* Each operation must have succeeded so often, and failed so often, but for those that cannot. */
static void check_totals(const struct program *program, uint64_t times)
{
	for (unsigned what = 0; what < WHATS; what++) {
		uint64_t told[2] = { 0 };

		for (unsigned task = 0; task < SIM_TASKS_MAX; task++)
			for (unsigned i = 0; i < 2; i++)
				told[i] += program->tallies[task].totals[what][i];
		if (what != ABORT || program->reuse == HASHLOOM_REUSE_NEVER)
			assert_true(told[1] > times);
		if (what == INSERT || what == ERASE || what == FIND)
			assert_true(told[0] > times);
	}
}

/* SEED= runs that schedule alone. */
static void run_schedules(unsigned groups, atomic_hash_array_hash_fn hash, enum hashloom_reuse reuse, unsigned n)
{
	struct program *const program = kit_zeroed_lines(sizeof(*program));
	const struct atomic_hash_map_config config = { .value_size = VALUE_WORDS * sizeof(uint64_t),
						       .load_permille = 1000,
						       .hash = hash,
						       .reuse = reuse,
						       .is_fixed = 1 };
	const char *const given = getenv("SEED");
	const uint64_t first = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20;
	uint64_t switches = 0;

	program->reuse = reuse;
	kit_map_init(&program->map, (size_t)groups * HL_AHA_LANES, &config);
	for (uint64_t seed = first; seed < first + (given != NULL ? 1 : n); seed++) {
		run_schedule(program, seed);
		switches += sim.switches;
	}
	if (given == NULL) {
		assert_true(switches > n * 4);
		check_totals(program, n / 100);
	}
	kit_map_finish(&program->map);
	free(program);
}

static void test_array_schedules_never(void **state)
{
	(void)state;
	run_schedules(1, kit_hash_zero, HASHLOOM_REUSE_NEVER, KIT_REPEAT(6000));
	run_schedules(1, kit_hash_one_home, HASHLOOM_REUSE_NEVER, KIT_REPEAT(6000));
	run_schedules(2, kit_hash_ones, HASHLOOM_REUSE_NEVER, KIT_REPEAT(6000));
	run_schedules(2, kit_hash_good, HASHLOOM_REUSE_NEVER, KIT_REPEAT(6000));
}

static void test_array_schedules_any_key(void **state)
{
	(void)state;
	run_schedules(1, kit_hash_zero, HASHLOOM_REUSE_ANY_KEY, KIT_REPEAT(6000));
	run_schedules(2, kit_hash_one_home, HASHLOOM_REUSE_ANY_KEY, KIT_REPEAT(6000));
	run_schedules(3, kit_hash_ones, HASHLOOM_REUSE_ANY_KEY, KIT_REPEAT(6000));
	run_schedules(2, kit_hash_good, HASHLOOM_REUSE_ANY_KEY, KIT_REPEAT(6000));
	run_schedules(3, kit_hash_one_tag, HASHLOOM_REUSE_ANY_KEY, KIT_REPEAT(6000));
}

/* The check itself: it accepts what can be, and refuses what cannot. */
static void test_schedules_linearizability_is_checked(void **state)
{
	static const struct {
		struct sim_operation operations[3];
		int expected;
	} cases[] = {
		/* one after the other: added, seen, dropped */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_LOOK, 1, 7, 5, 0, 3, 4 }, { SIM_DROP, 1, 7, 5, 0, 5, 6 } }, 1 },
		/* seen after it was dropped */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_DROP, 1, 7, 5, 0, 3, 4 }, { SIM_LOOK, 1, 7, 5, 0, 5, 6 } }, 0 },
		/* the same, but at the same time */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_DROP, 1, 7, 5, 0, 3, 6 }, { SIM_LOOK, 1, 7, 5, 0, 4, 5 } }, 1 },
		/* added twice */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 4 }, { SIM_ADD, 1, 7, 6, 0, 2, 5 }, { SIM_LOOK, 1, 7, 5, 0, 6, 7 } }, 0 },
		/* not seen although it was there */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_LOOK, 0, 7, 0, 0, 3, 4 }, { SIM_DROP, 1, 7, 5, 0, 5, 6 } }, 0 },
		/* another item than was added */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_LOOK, 1, 7, 6, 0, 3, 4 }, { SIM_DROP, 1, 7, 5, 0, 5, 6 } }, 0 },
		/* changed, and seen as it was before */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_CHANGE, 1, 7, 5, 6, 3, 4 }, { SIM_LOOK, 1, 7, 6, 0, 5, 6 } }, 1 },
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_CHANGE, 1, 7, 5, 6, 3, 4 }, { SIM_LOOK, 1, 7, 5, 0, 5, 6 } }, 0 },
		/* two changes of one item: the first one is lost */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_CHANGE, 1, 7, 5, 6, 3, 6 }, { SIM_CHANGE, 1, 7, 5, 8, 4, 7 } }, 0 },
		/* changed behind the drop */
		{ { { SIM_ADD, 1, 7, 5, 0, 1, 2 }, { SIM_DROP, 1, 7, 5, 0, 3, 4 }, { SIM_CHANGE, 1, 7, 5, 6, 5, 6 } }, 0 },
		/* found in the way, but by nobody put there */
		{ { { SIM_ADD, 0, 7, 5, 0, 1, 2 }, { SIM_ADD, 1, 7, 5, 0, 3, 4 }, { SIM_LOOK, 1, 7, 5, 0, 5, 6 } }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(cases); i++) {
		struct sim_history history = { .count = 3 };

		(memcpy)(history.operations, cases[i].operations, sizeof(cases[i].operations));
		assert_int_equal(sim_is_linearizable(&history, 7, 0), cases[i].expected);
		assert_int_equal(sim_is_linearizable(&history, 8, 0), 1);
	}
}

/* The same seed gives the same schedule, another one another. */
static uint64_t trace_hash;

SIM_HIDDEN void trace(unsigned task)
{
	trace_hash = trace_hash * 31 + task + 1;
}

static void trace_task(void *arg, unsigned task)
{
	hl_u64 *const word = arg;

	for (unsigned i = 0; i < 20; i++) {
		(void)hl_u64_fetch_add_relaxed(word, 1);
		trace(task);
	}
}

static void test_schedules_follow_from_the_seed(void **state)
{
	uint64_t traces[20];
	unsigned different = 0;

	(void)state;
	for (unsigned turn = 0; turn < 2; turn++)
		for (uint64_t seed = 0; seed < KIT_COUNT(traces); seed++) {
			hl_u64 word = { 0 };

			trace_hash = 0;
			sim.steps = 0;
			sim_run(3, trace_task, &word, seed);
			assert_int_equal(hl_u64_load_relaxed(&word), 60);
			assert_int_equal(sim.steps, 3 * 20 + 3 * 2); /* each task begins and ends with one */
			if (turn == 1)
				assert_true(traces[seed] == trace_hash);
			traces[seed] = trace_hash;
			different += seed > 0 && traces[seed] != traces[seed - 1];
		}
	assert_true(different > 20);
}

static void test_core_tag_match_in_plain_c(void **state)
{
	(void)state;
	kit_check_line_match(kit_seed(), KIT_REPEAT(4000));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules_linearizability_is_checked),
		cmocka_unit_test(test_schedules_follow_from_the_seed),
		cmocka_unit_test(test_core_tag_match_in_plain_c),
		cmocka_unit_test(test_array_schedules_never),
		cmocka_unit_test(test_array_schedules_any_key),
	};

	return KIT_RUN(tests);
}
