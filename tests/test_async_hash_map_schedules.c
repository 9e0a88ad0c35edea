/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_async_hash_map_schedules.c: the asynchronous hash map in many interleavings, one by one (map_sim.h).
 *
 * Method: as test_atomic_hash_array_schedules.c, with the map's own source compiled in, so that a step comes before each of
 * its atomic operations. Hardly a cell is free, so that cells go from key to key while others still look at them. What the
 * operations were told must be linearizable for each key, and a get that succeeds must bring a whole value of its key. The
 * allocator overwrites what is freed. Afterwards lines, states and blocks must be those of the keys that are present.
 * A schedule that fails prints its seed; SEED= repeats it.
 */
#include "map_sim.h"

#include "map_kit.h"

#include <async_hash_map.c>

#define KEYS 3
#define STABLE 1000 /* the first of the keys that stay */
#define STABLE_MAX 64
#define OPERATIONS_MAX 4
#define VALUE_SIZE_MAX 64

enum what { PUT, GET, REMOVE, LOOKUP, GET_STABLE, VISIT, WHATS };

/* One task's part of the program, and what it was told in all schedules. */
struct part {
	unsigned count;
	struct {
		enum what what;
		uint64_t key;
	} operations[OPERATIONS_MAX];
	struct kit_mover mover;
	uint64_t totals[WHATS][ASYNC_HASH_MAP_MOVER_ERROR + 1];
};

struct program {
	struct kit_allocator allocator;
	struct async_hash_map *map;
	struct sim_history history;
	struct kit_errors errors;
	unsigned tasks;
	unsigned stable_count;
	int may_be_full; /* there may be no room for all keys */
	uint64_t initial; /* item of key 0 at the beginning */
	struct part parts[SIM_TASKS_MAX];
};

/* ---- values: a stamp, and what follows from it ------------------------------------------------------------- */

static uint64_t stamp_of(uint64_t key, unsigned task, unsigned operation)
{
	return key << 16 | (uint64_t)(task + 1) << 8 | operation;
}

static size_t make_value(unsigned char *to, uint64_t stamp)
{
	const size_t size = sizeof(stamp) + kit_word(stamp, 1) % (VALUE_SIZE_MAX - sizeof(stamp));

	(memcpy)(to, &stamp, sizeof(stamp));
	kit_value_fill(to + sizeof(stamp), size - sizeof(stamp), stamp);
	return size;
}

/* The stamp, or 0: the value is torn, or another key's. */
static uint64_t stamp_in(uint64_t key, const unsigned char *from, size_t size)
{
	unsigned char expected[VALUE_SIZE_MAX];
	uint64_t stamp;

	if (size < sizeof(stamp))
		return 0;
	(memcpy)(&stamp, from, sizeof(stamp));
	if (stamp >> 16 != key || make_value(expected, stamp) != size)
		return 0;
	return memcmp(expected, from, size) == 0 ? stamp : 0;
}

/* ---- operations ------------------------------------------------------------------------------------------------ */

static void put(struct program *program, struct part *part, unsigned i)
{
	const uint64_t key = part->operations[i].key;
	struct sim_operation *const operation = sim_begin(&program->history, SIM_ADD, key);
	const uint64_t stamp = stamp_of(key, sim_self(), i);
	unsigned char from[VALUE_SIZE_MAX];
	struct async_hash_map_put_fut future =
		async_hash_map_put(program->map, &part->mover.vdm, key, from, make_value(from, stamp));

	FUTURE_BUSY_POLL(&future);
	switch (future.output.status) {
	case ASYNC_HASH_MAP_OK:
		sim_end(operation, SIM_ADD, 1, stamp);
		break;
	case ASYNC_HASH_MAP_EXISTS:
		sim_end(operation, SIM_ADD, 0, SIM_ANY_ITEM);
		break;
	default:
		kit_expect(&program->errors, future.output.status == ASYNC_HASH_MAP_FULL);
		kit_expect(&program->errors, program->may_be_full);
		sim_end(operation, SIM_LOOK, 0, 0);
		break;
	}
	part->totals[PUT][future.output.status]++;
}

static void get(struct program *program, struct part *part, uint64_t key, enum what what)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_LOOK, key);
	unsigned char buffer[VALUE_SIZE_MAX];
	struct async_hash_map_get_copy_fut future =
		async_hash_map_get_copy(program->map, &part->mover.vdm, key, buffer, sizeof(buffer));
	uint64_t stamp = 0;

	FUTURE_BUSY_POLL(&future);
	if (future.output.status == ASYNC_HASH_MAP_OK) {
		stamp = stamp_in(key, buffer, future.output.size);
		kit_expect(&program->errors, stamp != 0);
	} else {
		kit_expect(&program->errors, future.output.status == ASYNC_HASH_MAP_NOT_FOUND);
		kit_expect(&program->errors, what != GET_STABLE);
	}
	sim_end(operation, SIM_LOOK, stamp != 0, stamp);
	part->totals[what][future.output.status]++;
}

static void remove_key(struct program *program, struct part *part, uint64_t key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_DROP, key);
	struct async_hash_map_remove_fut future = async_hash_map_remove(program->map, key);

	FUTURE_BUSY_POLL(&future);
	sim_end(operation, SIM_DROP, future.output.status == ASYNC_HASH_MAP_OK, SIM_ANY_ITEM);
	part->totals[REMOVE][future.output.status]++;
}

static void lookup(struct program *program, struct part *part, uint64_t key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_LOOK, key);
	struct async_hash_map_lookup_fut future = async_hash_map_lookup(program->map, key);

	FUTURE_BUSY_POLL(&future);
	sim_end(operation, SIM_LOOK, future.output.status == ASYNC_HASH_MAP_OK, SIM_ANY_ITEM);
	part->totals[LOOKUP][future.output.status]++;
}

struct visit {
	struct program *program;
	unsigned stable[STABLE_MAX];
	unsigned comers[KEYS];
};

static int visit_one(uint64_t key, const void *from, size_t size, void *arg)
{
	struct visit *const visit = arg;

	kit_expect(&visit->program->errors, stamp_in(key, from, size) != 0);
	if (key >= STABLE && key < STABLE + STABLE_MAX)
		visit->stable[key - STABLE]++;
	else if (key < KEYS)
		visit->comers[key]++;
	return 0;
}

static void visit_all(struct program *program, struct part *part)
{
	struct visit visit = { .program = program };

	kit_expect(&program->errors, async_hash_map_foreach(program->map, visit_one, &visit) == 0);
	for (unsigned i = 0; i < program->stable_count; i++)
		kit_expect(&program->errors, visit.stable[i] == 1);
	for (unsigned key = 0; key < KEYS; key++) {
		unsigned puts = 0;

		for (unsigned task = 0; task < program->tasks; task++)
			for (unsigned i = 0; i < program->parts[task].count; i++)
				puts += program->parts[task].operations[i].what == PUT &&
					program->parts[task].operations[i].key == key;
		kit_expect(&program->errors, visit.comers[key] <= puts);
	}
	part->totals[VISIT][ASYNC_HASH_MAP_OK]++;
}

static void run_task(void *arg, unsigned task)
{
	struct program *const program = arg;
	struct part *const part = &program->parts[task];

	for (unsigned i = 0; i < part->count; i++) {
		const uint64_t key = part->operations[i].key;

		switch (part->operations[i].what) {
		case PUT:
			put(program, part, i);
			break;
		case REMOVE:
			remove_key(program, part, key);
			break;
		case LOOKUP:
			lookup(program, part, key);
			break;
		case VISIT:
			visit_all(program, part);
			break;
		default:
			get(program, part, key, part->operations[i].what);
			break;
		}
		kit_expect(&program->errors,
			   async_hash_map_count(program->map) <= async_hash_map_capacity(program->map));
	}
}

/* ---- programs ----------------------------------------------------------------------------------------------------- */

/* All cells may be used, but so many; keys that stay are put into the others. */
static void program_fill(struct program *program, size_t spare)
{
	struct async_hash_map *const map = program->map;
	const unsigned cells = (unsigned)hl_aha_cells_count(&map->array);

	map->capacity = cells;
	program->stable_count = cells - (unsigned)spare;
	for (unsigned i = 0; i < program->stable_count; i++) {
		const uint64_t stamp = (STABLE + (uint64_t)i) << 16 | 1;
		unsigned char from[VALUE_SIZE_MAX];
		struct async_hash_map_put_fut future = async_hash_map_put(
			map, &program->parts[0].mover.vdm, STABLE + i, from, make_value(from, stamp));

		FUTURE_BUSY_POLL(&future);
		kit_expect(&program->errors, future.output.status == ASYNC_HASH_MAP_OK);
	}
}

static void program_write(struct program *program, uint64_t *seed)
{
	static const enum what whats[] = { PUT, PUT, PUT, GET, GET, REMOVE, REMOVE, LOOKUP, GET_STABLE, VISIT };
	const unsigned keys = 1 + (unsigned)kit_random_below(seed, KEYS);

	program->tasks = 2 + (unsigned)kit_random_below(seed, SIM_TASKS_MAX - 1);
	for (unsigned task = 0; task < program->tasks; task++) {
		struct part *const part = &program->parts[task];

		part->count = 1 + (unsigned)kit_random_below(seed, OPERATIONS_MAX);
		kit_mover_init(&part->mover);
		part->mover.checks_per = 1 + (unsigned)kit_random_below(seed, 3);
		for (unsigned i = 0; i < part->count; i++) {
			enum what what = whats[kit_random_below(seed, KIT_COUNT(whats))];

			if (what == GET_STABLE && program->stable_count == 0)
				what = GET;
			part->operations[i].what = what;
			part->operations[i].key = what == GET_STABLE ?
							  STABLE + kit_random_below(seed, program->stable_count) :
							  kit_random_below(seed, keys);
		}
	}
}

/* No pin is left, and no cell is kept. */
static const char *states_error(const struct async_hash_map *map)
{
	for (uint64_t id = 0; id < hl_aha_cells_count(&map->array); id++) {
		const uint64_t state = hl_u64_load_relaxed(&value_at(map, (uint32_t)id)->state);
		const int is_entry = hl_aha_entry_word(&policy, &map->array, (uint32_t)id) != HL_AHA_EMPTY;

		if (state != (is_entry ? LIVE : 0))
			return "a cell's state is not that of one at rest";
	}
	return NULL;
}

static void program_check(struct program *program)
{
	const char *const lines = kit_lines_error(&policy, &program->map->array, 0);
	const char *const states = states_error(program->map);
	size_t present = program->stable_count;

	if (lines != NULL || states != NULL)
		kit_error(&program->errors, lines != NULL ? lines : states);
	for (uint64_t key = 0; key < KEYS; key++) {
		struct part *const part = &program->parts[0];
		const uint64_t before = part->totals[GET][ASYNC_HASH_MAP_OK];

		part->mover.checks_per = 1;
		get(program, part, key, GET);
		present += part->totals[GET][ASYNC_HASH_MAP_OK] - before;
		kit_expect(&program->errors, 
			   sim_is_linearizable(&program->history, key, key == 0 ? program->initial : 0));
	}
	kit_expect(&program->errors, async_hash_map_count(program->map) == present);
	/* map, table, and a block for each value */
	kit_expect(&program->errors, kit_allocator_blocks(&program->allocator) == 2 + present);
}

static void program_begin(struct program *program, size_t capacity, size_t spare)
{
	kit_allocator_init(&program->allocator);
	program->history.count = 0;
	program->initial = 0;
	program->map = async_hash_map_new_with_allocator(capacity, &program->allocator.hooks);
	assert_non_null(program->map);
	kit_mover_init(&program->parts[0].mover);
	program_fill(program, spare);
}

static void program_end(struct program *program, uint64_t seed)
{
	program_check(program);
	async_hash_map_delete(program->map);
	if (hl_u64_load_relaxed(&program->errors.count) != 0) {
		sim_print(&program->history);
		printf("SEED=%llu\n", (unsigned long long)seed);
		kit_assert_no_errors(&program->errors);
	}
	kit_allocator_assert_done(&program->allocator);
}

static void run_schedule(struct program *program, size_t capacity, uint64_t seed)
{
	static const size_t spares[] = { 1, 1, 2, 3, KEYS + SIM_TASKS_MAX, 12 };
	uint64_t random = seed;
	const size_t spare = spares[kit_random_below(&random, KIT_COUNT(spares))];

	program_begin(program, capacity, spare);
	program->map->is_large = (int)kit_random_below(&random, 2);
	/* not if all keys fit, also with every task holding a removed value */
	program->may_be_full = spare < KEYS + SIM_TASKS_MAX || capacity > HL_AHA_LANES;
	program_write(program, &random);
	sim_run(program->tasks, run_task, program, seed);
	program_end(program, seed);
}

static uint64_t total(const struct program *program, enum what what, enum async_hash_map_status status)
{
	uint64_t sum = 0;

	for (unsigned task = 0; task < SIM_TASKS_MAX; task++)
		sum += program->parts[task].totals[what][status];
	return sum;
}

/* Everything must have happened often. */
static void check_totals(const struct program *program, uint64_t times)
{
	static const struct {
		enum what what;
		enum async_hash_map_status status;
	} all[] = {
		{ PUT, ASYNC_HASH_MAP_OK },
		{ PUT, ASYNC_HASH_MAP_EXISTS },
		{ PUT, ASYNC_HASH_MAP_FULL },
		{ GET, ASYNC_HASH_MAP_OK },
		{ GET, ASYNC_HASH_MAP_NOT_FOUND },
		{ REMOVE, ASYNC_HASH_MAP_OK },
		{ REMOVE, ASYNC_HASH_MAP_NOT_FOUND },
		{ LOOKUP, ASYNC_HASH_MAP_OK },
		{ LOOKUP, ASYNC_HASH_MAP_NOT_FOUND },
		{ GET_STABLE, ASYNC_HASH_MAP_OK },
		{ VISIT, ASYNC_HASH_MAP_OK },
	};

	for (size_t i = 0; i < KIT_COUNT(all); i++)
		assert_true(total(program, all[i].what, all[i].status) > times);
}

/* SEED= runs that schedule alone. */
static void run_schedules(size_t capacity, unsigned n)
{
	struct program *const program = kit_zeroed(1, sizeof(*program));
	const char *const given = getenv("SEED");
	const uint64_t first = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20;
	uint64_t switches = 0;

	for (uint64_t seed = first; seed < first + (given != NULL ? 1 : n); seed++) {
		run_schedule(program, capacity, seed);
		switches += sim.switches;
	}
	if (given == NULL) {
		assert_true(switches > n * 4);
		check_totals(program, n / 100);
	}
	free(program);
}

static void test_map_schedules_in_one_group(void **state)
{
	(void)state;
	run_schedules(12, KIT_REPEAT(20000));
}

static void test_map_schedules_in_several_groups(void **state)
{
	(void)state;
	run_schedules(24, KIT_REPEAT(10000));
	run_schedules(36, KIT_REPEAT(5000));
}

/* ---- scripts ------------------------------------------------------------------------------------------------------------- */

#define SCRIPT_STEPS_MAX 60 /* more than any operation takes here */

/* One operation of a task. */
static void script_add(struct program *program, unsigned task, enum what what, uint64_t key)
{
	struct part *const part = &program->parts[task];

	part->operations[part->count].what = what;
	part->operations[part->count++].key = key;
}

static void script_begin(struct program *program, unsigned tasks, size_t spare)
{
	program_begin(program, 12, spare);
	program->tasks = tasks;
	program->may_be_full = 1;
	for (unsigned task = 0; task < tasks; task++) {
		program->parts[task].count = 0;
		kit_mover_init(&program->parts[task].mover);
	}
}

/* Key 0 is there at the beginning. */
static void script_put_first(struct program *program)
{
	script_add(program, 0, PUT, 0);
	put(program, &program->parts[0], 0);
	program->initial = program->history.operations[0].item;
	program->history.count = 0;
	program->parts[0].count = 0;
}

/*
 * A remove is interrupted; a get is told that the key is gone; then a put of it, which is interrupted, while the cell is
 * given to another key. The put may not be told that the key exists: nobody has put it again.
 */
static void test_map_schedules_a_put_after_a_miss_does_not_find_the_key(void **state)
{
	struct program *const program = kit_zeroed(1, sizeof(*program));
	uint64_t misses = 0;

	(void)state;
	for (uint64_t first = 0; first < SCRIPT_STEPS_MAX; first++)
		for (uint64_t second = 0; second < SCRIPT_STEPS_MAX; second++) {
			const struct sim_segment script[] = {
				{ 1, first },          { 0, second },         { 1, SIM_TO_THE_END },
				{ 2, SIM_TO_THE_END }, { 0, SIM_TO_THE_END },
			};

			script_begin(program, 3, 1);
			script_put_first(program);
			script_add(program, 0, GET, 0);
			script_add(program, 0, PUT, 0);
			script_add(program, 1, REMOVE, 0);
			script_add(program, 2, PUT, 1);
			sim_run_script(3, run_task, program, script, KIT_COUNT(script), 0);
			misses += !program->history.operations[0].success || !program->history.operations[1].success;
			program_end(program, first * SCRIPT_STEPS_MAX + second);
		}
	assert_true(misses > 0);
	free(program);
}

/* There is room for one key, and two tasks put the same: one is told OK, the other EXISTS (M.1), never FULL. */
static void test_map_schedules_M1_two_puts_of_the_last_key_that_fits(void **state)
{
	struct program *const program = kit_zeroed(1, sizeof(*program));

	(void)state;
	for (uint64_t first = 0; first < SCRIPT_STEPS_MAX; first++)
		for (uint64_t second = 0; second < SCRIPT_STEPS_MAX; second++) {
			const struct sim_segment script[] = {
				{ 0, first }, { 1, second }, { 0, SIM_TO_THE_END }, { 1, SIM_TO_THE_END },
			};

			script_begin(program, 2, 1);
			program->may_be_full = 0;
			script_add(program, 0, PUT, 0);
			script_add(program, 1, PUT, 0);
			sim_run_script(2, run_task, program, script, KIT_COUNT(script), 0);
			program_end(program, first * SCRIPT_STEPS_MAX + second);
		}
	assert_int_equal(total(program, PUT, ASYNC_HASH_MAP_EXISTS), SCRIPT_STEPS_MAX * SCRIPT_STEPS_MAX);
	free(program);
}

/* ---- M.5, seen from inside --------------------------------------------------------------------------------------------------- */

static void cycle(struct async_hash_map *map, struct vdm *vdm, uint64_t key, uint64_t old)
{
	struct async_hash_map_remove_fut remove = async_hash_map_remove(map, old);
	struct async_hash_map_put_fut put = async_hash_map_put(map, vdm, key, &key, sizeof(key));

	FUTURE_BUSY_POLL(&remove);
	FUTURE_BUSY_POLL(&put);
	assert_int_equal(put.output.status, ASYNC_HASH_MAP_OK);
}

/* However many keys came and went, a search goes no further than the keys that are there make it go. */
static void test_map_M5_overflow_counts_are_those_of_the_keys_present(void **state)
{
	struct kit_mover mover;
	unsigned overflowed = 0;

	(void)state;
	kit_mover_init(&mover);
	for (size_t capacity = 1; capacity <= 600; capacity += 33) {
		struct async_hash_map *const map = async_hash_map_new(capacity);
		uint64_t key = 0;

		assert_non_null(map);
		for (; key < 3000; key++) {
			cycle(map, &mover.vdm, key, key - capacity);
			if (key % 100 == 0)
				assert_null(kit_lines_error(&policy, &map->array, 0));
		}
		assert_null(kit_lines_error(&policy, &map->array, 0));
		assert_null(states_error(map));
		for (uint64_t group = 0; group < map->array.groups_count; group++)
			overflowed += hl_aha_line_overflow(hl_aha_line_load(&map->array, group)) > 0;
		for (uint64_t old = key - capacity; old < key; old++) {
			struct async_hash_map_remove_fut remove = async_hash_map_remove(map, old);

			FUTURE_BUSY_POLL(&remove);
			assert_int_equal(remove.output.status, ASYNC_HASH_MAP_OK);
		}
		for (uint64_t group = 0; group < map->array.groups_count; group++)
			assert_int_equal(hl_aha_line_overflow(hl_aha_line_load(&map->array, group)), 0);
		async_hash_map_delete(map);
	}
	assert_true(overflowed > 20);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_schedules_in_one_group),
		cmocka_unit_test(test_map_schedules_in_several_groups),
		cmocka_unit_test(test_map_schedules_a_put_after_a_miss_does_not_find_the_key),
		cmocka_unit_test(test_map_schedules_M1_two_puts_of_the_last_key_that_fits),
		cmocka_unit_test(test_map_M5_overflow_counts_are_those_of_the_keys_present),
	};

	return KIT_RUN(tests);
}
