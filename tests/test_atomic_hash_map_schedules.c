/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_schedules.c: the atomic hash map in many interleavings, one by one (map_sim.h), each reuse policy.
 *
 * Method: the map's own source is compiled in, so that a step comes before each atomic operation of growth too. Two kinds of tests:
 *
 *   - Scenarios: two or three tasks with one to three operations, that meet at one place. The first task goes n steps, then the
 *     others run to their ends, for all n; the first goes n steps, the second m, and so on, for some n and m; and random schedules.
 *   - Random programs: two to four tasks with a few operations on three keys and one that lies in a side cell, in a map of one or two
 *     groups that is nearly full, with values of one word or three, with and without locks, with memory that is lacking.
 *
 * What the operations were told, values too, must be linearizable for each key. Entries that stay must be found at any moment, and
 * be given by each iteration once. Afterwards slabs, lines, cells and counters are compared (kit_map_error), each value that was
 * made must have been given up once, and all memory. A schedule that fails prints its seed; SEED= repeats it.
 */
#include "map_sim.h"

#include <hashloom/thread_stripe.h>

/* Each task counts in a stripe of its own. */
#define hl_thread_stripe() sim_self()

#include "map_kit.h"

#include <atomic_hash_map_core.c>

#define KEYS 4
#define SIDE_KEY 3 /* that lies in a side cell */
#define STABLE 1000 /* the first of the keys that stay */
#define STAY_MAX 45
#define OPERATIONS_MAX 4
#define WORDS_MAX 3
#define RETIRED_MAX 64
#define CONSTRUCT_ERROR (-77)

enum what {
	INSERT,
	EMPLACE,
	EMPLACE_FAILS,
	ERASE,
	TAKE,
	FIND,
	LOAD,
	STORE,
	EXCHANGE,
	COMPARE_EXCHANGE,
	FETCH_ADD,
	UPSERT,
	LOCK,
	FIND_STABLE,
	WALK,
	SWEEP, /* a walk that erases */
	GROW,
	RELEASE, /* of what was retired */
	WHATS
};

struct step {
	enum what what;
	unsigned key; /* its number */
};

/* What a map is made with. */
struct setting {
	enum hashloom_reuse reuse;
	enum hashloom_probing probing;
	atomic_hash_array_hash_fn hash;
	unsigned groups;
	unsigned load_permille;
	unsigned spare; /* cells that stay free */
	unsigned words;
	int has_locks;
	int is_fixed;
	int is_grown;	/* there is a second slab from the beginning, with the spare cells in the first */
	int is_lazy;	/* the load is not looked at before the first growth: inserts meet full paths */
	int has_retire; /* any_key */
	int has_destroy; /* values are counted, and given up with care */
	uint64_t failures; /* so many allocations fail */
};

struct part {
	unsigned count;
	struct step steps[OPERATIONS_MAX];
	uint64_t seen[KEYS]; /* values, for compare_exchange */
	uint64_t ended;	     /* after so many steps of the schedule */
	uint64_t totals[WHATS][2];
};

struct program {
	struct kit_map map;
	struct setting setting;
	struct kit_allocator allocator;
	struct sim_history history;
	struct kit_errors errors;
	unsigned tasks;
	unsigned stable_count;
	uint64_t stable[STAY_MAX]; /* keys that stay */
	hl_u64 made;		    /* values */
	hl_u64 destroyed;
	hl_u32 ids[KEYS]; /* + 1, of same_key */
	hl_u32 readers;
	hl_u32 retired_count;
	hl_u32 retired[RETIRED_MAX]; /* id + 1 */
	struct part parts[SIM_TASKS_MAX + 1];
};

/* ---- values ------------------------------------------------------------------------------------------------ */

/* All words of a value are the same. No value is 0, and sums of them tell their keys still. */
static uint64_t key_of(unsigned key)
{
	return key == SIDE_KEY ? UINT64_MAX - 1 : key;
}

static uint64_t value_of(uint64_t key, unsigned turn)
{
	return (key + 3) << 32 | (uint64_t)(sim_self() + 1) << 24 | (uint64_t)(turn + 1) << 16;
}

#define JUNK UINT64_C(0x8000)

static uint64_t summand_of(unsigned turn)
{
	return (sim_self() + 1) * 16 + turn;
}

static void fill_words(const struct program *program, uint64_t *words, uint64_t value)
{
	for (unsigned i = 0; i < program->setting.words; i++)
		words[i] = value;
}

/* The value, which must be whole and the key's. */
static uint64_t value_in(struct program *program, const uint64_t *words, uint64_t key)
{
	for (unsigned i = 1; i < program->setting.words; i++)
		kit_expect(&program->errors, words[i] == words[0]);
	kit_expect(&program->errors, words[0] >> 32 == ((key + 3) & UINT32_MAX));
	return words[0];
}

/* Zeros are what a construct that failed in a cell of before leaves. */
static void destroy_value(void *context, void *value)
{
	struct program *const program = context;
	const uint64_t first = *(const uint64_t *)value;

	if (first == 0)
		return;
	hl_u64_fetch_add_relaxed(&program->destroyed, 1);
	kit_expect(&program->errors, (first & JUNK) == 0);
}

/* ---- operations -------------------------------------------------------------------------------------------- */

static const struct hl_ahm_policy *policy_of(const struct program *program)
{
	return &program->map.policy;
}

static struct part *part_of(struct program *program)
{
	return &program->parts[sim_self()];
}

/* Under never and same_key an address tells the key, and same_key keeps it for ever (A.5). */
static void check_place(struct program *program, unsigned key, const void *value)
{
	const uint32_t id = kit_map_id(&program->map, value) + 1;
	uint32_t before;

	if (key == SIDE_KEY)
		kit_expect(&program->errors, id - 1 >= program->setting.groups * HL_AHA_LANES);
	if (program->setting.reuse != HASHLOOM_REUSE_SAME_KEY && key != SIDE_KEY)
		return;
	before = hl_u32_load_relaxed(&program->ids[key]);
	kit_expect(&program->errors, before == 0 || before == id);
	hl_u32_store_relaxed(&program->ids[key], id);
}

/* An insert of any kind has ended. Returns whether it was new. */
static int end_insert(struct program *program, struct sim_operation *operation, int result, uint64_t value)
{
	if (result == 1) {
		sim_end(operation, SIM_ADD, 1, value);
		return 1;
	}
	if (result == 0) {
		sim_end(operation, SIM_ADD, 0, SIM_ANY_ITEM);
		return 0;
	}
	kit_expect(&program->errors, (result == HASHLOOM_ERROR_NO_MEMORY && program->setting.failures > 0) ||
					     (result == HASHLOOM_ERROR_FULL && program->setting.is_fixed) ||
					     result == CONSTRUCT_ERROR);
	sim_end(operation, SIM_LOOK, 0, 0);
	return 0;
}

static int insert(struct program *program, unsigned key, unsigned turn)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_ADD, key);
	const uint64_t value = value_of(key_of(key), turn);
	uint64_t words[WORDS_MAX];
	void *where = NULL;

	fill_words(program, words, value);
	const int result = kit_map_insert(&program->map, key_of(key), words, &where);
	if (result == 1)
		hl_u64_fetch_add_relaxed(&program->made, 1);
	if (result >= 0)
		check_place(program, key, where);
	return end_insert(program, operation, result, value);
}

/* Makes a value, or rather fails to. */
struct making {
	struct program *program;
	uint64_t value;
	int result;
	unsigned calls;
};

static int construct(void *value, void *argument)
{
	struct making *const making = argument;

	making->calls++;
	fill_words(making->program, value, making->value | JUNK);
	sim_step();
	sim_wait();
	if (making->result == 0)
		fill_words(making->program, value, making->value);
	sim_step();
	return making->result;
}

static int emplace(struct program *program, unsigned key, unsigned turn, int result_of_construct)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_ADD, key);
	struct making making = { program, value_of(key_of(key), turn), result_of_construct, 0 };
	void *where = NULL;
	const int result = kit_map_emplace(&program->map, key_of(key), construct, &making, &where);

	kit_expect(&program->errors, making.calls <= 1 && (result != 1 || making.calls == 1) && (result != 0 || making.calls == 0));
	kit_expect(&program->errors, (result == CONSTRUCT_ERROR) <= (result_of_construct != 0));
	kit_expect(&program->errors, result_of_construct == 0 || result != 1);
	/* a value that was made is not refused for lack of memory */
	kit_expect(&program->errors, making.calls == 0 || result == (result_of_construct != 0 ? CONSTRUCT_ERROR : 1));
	if (result == 1)
		hl_u64_fetch_add_relaxed(&program->made, 1);
	if (result >= 0)
		check_place(program, key, where);
	return result_of_construct != 0 ? (end_insert(program, operation, result, 0), result == CONSTRUCT_ERROR) :
					  end_insert(program, operation, result, making.value);
}

static int erase(struct program *program, unsigned key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_DROP, key);
	const int result = kit_map_erase(&program->map, key_of(key));

	sim_end(operation, SIM_DROP, result, SIM_ANY_ITEM);
	return result;
}

static int take(struct program *program, unsigned key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_DROP, key);
	uint64_t words[WORDS_MAX];
	const int result = kit_map_take(&program->map, key_of(key), words);

	sim_end(operation, SIM_DROP, result, result ? value_in(program, words, key_of(key)) : 0);
	return result;
}

/* Reads what an address from find leads to, where that is allowed: the value of this key, whatever happens. */
static void check_value(struct program *program, uint64_t key, const void *value)
{
	uint64_t first;

	if (program->setting.reuse != HASHLOOM_REUSE_NEVER && key < STABLE && !program->setting.has_retire)
		return;
	/* what is written under a lock is not read through an address (C.3) */
	if (key == key_of(SIDE_KEY) || program->setting.has_locks)
		return;
	if (program->setting.words > 1) {
		(void)value_in(program, value, key);
		return;
	}
	first = hl_u64_load_acquire((const hl_u64 *)value);
	kit_expect(&program->errors, first >> 32 == key + 3 && (first & JUNK) == 0);
}

static int find(struct program *program, unsigned key)
{
	struct sim_operation *const operation = sim_begin(&program->history, SIM_LOOK, key);

	if (program->setting.has_retire)
		hl_u32_fetch_add_acq_rel(&program->readers, 1);
	const void *const value = kit_map_find(&program->map, key_of(key));

	sim_end(operation, SIM_LOOK, value != NULL, SIM_ANY_ITEM);
	if (value != NULL) {
		check_place(program, key, value);
		check_value(program, key_of(key), value);
	}
	if (program->setting.has_retire)
		hl_u32_fetch_sub_release(&program->readers, 1);
	return value != NULL;
}

static int load(struct program *program, unsigned key)
{
	const struct hl_aha_lookup lookup = kit_lookup(&program->map, key_of(key));
	struct sim_operation *const operation = sim_begin(&program->history, SIM_LOOK, key);
	uint64_t words[WORDS_MAX];
	const int result = hl_ahm_load(policy_of(program), &program->map.map, &lookup, words);

	sim_end(operation, SIM_LOOK, result, result ? value_in(program, words, key_of(key)) : 0);
	if (result)
		part_of(program)->seen[key] = words[0];
	return result;
}

static int store(struct program *program, unsigned key, unsigned turn, int wants_before)
{
	const struct hl_aha_lookup lookup = kit_lookup(&program->map, key_of(key));
	struct sim_operation *const operation = sim_begin(&program->history, SIM_CHANGE, key);
	const uint64_t value = value_of(key_of(key), turn);
	uint64_t words[WORDS_MAX];
	uint64_t before[WORDS_MAX];
	struct hl_ahm_operands operands = { program->setting.words * sizeof(uint64_t), words, NULL,
					    wants_before ? before : NULL, 0 };

	fill_words(program, words, value);
	const int result =
		hl_ahm_change(policy_of(program), &program->map.map, &lookup, hl_ahm_change_exchange, &operands);

	if (result == 1)
		sim_end_change(operation, wants_before ? value_in(program, before, key_of(key)) : SIM_ANY_ITEM, value);
	else
		sim_end(operation, SIM_CHANGE, 0, 0);
	return result;
}

/* Expects what this task saw last, or what is no value. */
static int compare_exchange(struct program *program, unsigned key, unsigned turn)
{
	const struct hl_aha_lookup lookup = kit_lookup(&program->map, key_of(key));
	struct sim_operation *const operation = sim_begin(&program->history, SIM_CHANGE, key);
	const uint64_t value = value_of(key_of(key), turn);
	const uint64_t expected = part_of(program)->seen[key];
	uint64_t words[WORDS_MAX];
	uint64_t before[WORDS_MAX];
	struct hl_ahm_operands operands = { program->setting.words * sizeof(uint64_t), words, before, before, 0 };

	fill_words(program, words, value);
	fill_words(program, before, expected);
	const int result =
		hl_ahm_change(policy_of(program), &program->map.map, &lookup, hl_ahm_change_compare_exchange, &operands);

	if (result == 1 && operands.is_equal)
		sim_end_change(operation, expected, value);
	else
		sim_end(operation, SIM_LOOK, result, result ? value_in(program, before, key_of(key)) : 0);
	if (result == 1)
		part_of(program)->seen[key] = operands.is_equal ? value : before[0];
	return result == 1 && operands.is_equal;
}

struct addition {
	const struct program *program;
	uint64_t summand;
	uint64_t before;
};

static int change_add(void *value, void *argument)
{
	struct addition *const addition = argument;
	uint64_t *const words = value;

	addition->before = words[0];
	fill_words(addition->program, words, addition->before + addition->summand);
	return 1;
}

static int fetch_add(struct program *program, unsigned key, unsigned turn)
{
	const struct hl_aha_lookup lookup = kit_lookup(&program->map, key_of(key));
	struct sim_operation *const operation = sim_begin(&program->history, SIM_CHANGE, key);
	struct addition addition = { program, summand_of(turn), 0 };
	const int result = hl_ahm_change(policy_of(program), &program->map.map, &lookup, change_add, &addition);

	if (result == 1)
		sim_end_change(operation, addition.before, addition.before + addition.summand);
	else
		sim_end(operation, SIM_CHANGE, 0, 0);
	return result;
}

/* Adds the low half of what is offered: the sum is the same key's. It must never be shown what is not a value of the key. */
static void combine_add(void *stored, const void *offered, void *argument)
{
	struct program *const program = argument;
	const uint64_t before = *(const uint64_t *)stored;
	const uint64_t now = *(const uint64_t *)offered;

	kit_expect(&program->errors, before >> 32 == now >> 32 && (before & JUNK) == 0);
	fill_words(program, stored, before + (now & UINT32_MAX));
}

static int upsert(struct program *program, unsigned key, unsigned turn)
{
	const struct hl_aha_lookup lookup = kit_lookup(&program->map, key_of(key));
	struct sim_operation *const operation = sim_begin(&program->history, SIM_ADD, key);
	const uint64_t value = value_of(key_of(key), turn) + summand_of(turn);
	uint64_t words[WORDS_MAX];
	uint64_t after[WORDS_MAX] = { 0 };
	const struct hl_ahm_make make = { words, NULL, NULL, NULL };

	fill_words(program, words, value);
	const int result = hl_ahm_upsert(policy_of(program), &program->map.map, &lookup, &make, combine_add, program, after);

	if (result == 1)
		hl_u64_fetch_add_relaxed(&program->made, 1);
	if (result == 0) {
		const uint64_t sum = value_in(program, after, key_of(key));

		sim_end_change(operation, sum - (value & UINT32_MAX), sum);
		return 1;
	}
	kit_expect(&program->errors, result != 1 || value_in(program, after, key_of(key)) == value);
	(void)end_insert(program, operation, result, value);
	return result == 1;
}

SIM_HIDDEN uint64_t clock_now(void)
{
	return ++sim.clock;
}

static int lock(struct program *program, unsigned key, unsigned turn)
{
	const struct hl_aha_lookup lookup = kit_lookup(&program->map, key_of(key));
	struct sim_operation *const operation = sim_begin(&program->history, SIM_CHANGE, key);
	uint64_t *const words = hl_ahm_lock_entry(policy_of(program), &program->map.map, &lookup);
	uint64_t before;

	if (words == NULL) {
		sim_end(operation, SIM_CHANGE, 0, 0);
		return 0;
	}
	before = value_in(program, words, key_of(key));
	for (unsigned i = 0; i < program->setting.words; i++) {
		words[i] = before + summand_of(turn);
		sim_step();
		if (i == 0)
			sim_wait();
	}
	/* the end comes first: when the lock is given back, others go on */
	sim_end_change(operation, before, before + summand_of(turn));
	operation->end = UINT64_MAX;
	hl_ahm_cell_unlock(policy_of(program), hl_ahm_place_of_value(policy_of(program), &program->map.map, words));
	operation->end = clock_now();
	return 1;
}

static int find_stable(struct program *program, unsigned which)
{
	const uint64_t key = program->stable[which];
	const void *const value = kit_map_find(&program->map, key);

	kit_expect(&program->errors, value != NULL);
	if (value != NULL)
		check_value(program, key, value);
	return value != NULL;
}

static unsigned number_of(uint64_t key)
{
	return key == key_of(SIDE_KEY) ? SIDE_KEY : (unsigned)key;
}

static unsigned inserts_of(const struct program *program, unsigned key)
{
	unsigned inserts = 0;

	for (unsigned task = 0; task <= SIM_MAIN; task++)
		for (unsigned i = 0; i < program->parts[task].count; i++) {
			const struct step *const step = &program->parts[task].steps[i];

			inserts += step->key == key &&
				   (step->what == INSERT || step->what == EMPLACE || step->what == UPSERT);
		}
	return inserts;
}

/* A.7: what stays comes once, what comes and goes at most once for each insert. The walk that sweeps erases the latter. */
static int walk(struct program *program, int sweeps)
{
	const struct hl_ahm_policy *const policy = policy_of(program);
	unsigned stable[STAY_MAX] = { 0 };
	unsigned comers[KEYS] = { 0 };
	uint64_t position = 0;
	uint64_t behind = 0;
	int erased = 0;

	for (;;) {
		const uint64_t begin = clock_now();
		uint64_t word = 0;
		const struct hl_ahm_place place = hl_ahm_next(policy, &program->map.map, &position, UINT64_MAX, &word);
		const uint64_t key = hl_aha_key(&policy->cell, word);

		if (place.slab == NULL)
			break;
		kit_expect(&program->errors, position > behind && hl_ahm_id(place) == position - 1);
		behind = position;
		if (key >= STABLE && key != key_of(SIDE_KEY)) {
			stable[key - STABLE]++;
			check_value(program, key, hl_ahm_value(policy, place));
			continue;
		}
		comers[number_of(key)]++;
		if (!sweeps)
			continue;
		struct sim_operation *const operation = sim_begin(&program->history, SIM_DROP, number_of(key));
		operation->begin = begin; /* what next gave was there then */
		const int result = hl_ahm_erase_entry(policy, &program->map.map, place, word);
		sim_end(operation, SIM_DROP, result, SIM_ANY_ITEM);
		erased |= result;
	}
	for (unsigned i = 0; i < program->stable_count; i++)
		kit_expect(&program->errors, stable[program->stable[i] - STABLE] == 1);
	for (unsigned i = 0; i < KEYS; i++)
		kit_expect(&program->errors, comers[i] <= inserts_of(program, i));
	return !sweeps || erased;
}

static int grow(struct program *program)
{
	const uint32_t seen = hl_u32_load_acquire(&program->map.map.slabs_count);
	const int result = hl_ahm_grow(policy_of(program), &program->map.map, seen, (int)(sim_self() & 1));

	if (result == HASHLOOM_OK && (sim_self() & 1))
		kit_expect(&program->errors, hl_u32_load_acquire(&program->map.map.slabs_count) > seen);
	kit_expect(&program->errors,
		   result == HASHLOOM_OK || (result == HASHLOOM_ERROR_NO_MEMORY && program->setting.failures > 0) ||
			   (result == HASHLOOM_ERROR_FULL && program->setting.is_fixed));
	return result == HASHLOOM_OK;
}

/* ---- retired cells: given free when nobody reads --------------------------------------------------------------- */

static void retire(void *context, uint32_t id)
{
	struct program *const program = context;
	const uint32_t slot = hl_u32_fetch_add_relaxed(&program->retired_count, 1);

	kit_expect(&program->errors, slot < RETIRED_MAX);
	if (slot < RETIRED_MAX)
		hl_u32_store_release(&program->retired[slot], id + 1);
}

static int release(struct program *program)
{
	const uint32_t count = hl_u32_load_relaxed(&program->retired_count);
	int released = 0;

	for (uint32_t slot = 0; slot < count && slot < RETIRED_MAX; slot++) {
		const uint32_t id = hl_u32_exchange_acquire(&program->retired[slot], 0);

		if (id == 0)
			continue;
		while (hl_u32_load_acquire(&program->readers) != 0)
			hl_relax();
		hl_ahm_release(policy_of(program), &program->map.map,
			       hl_ahm_place_of_id(policy_of(program), &program->map.map, id - 1));
		released = 1;
	}
	return released;
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

static int do_step(struct program *program, struct step step, unsigned turn)
{
	switch (step.what) {
	case INSERT:
		return insert(program, step.key, turn);
	case EMPLACE:
		return emplace(program, step.key, turn, 0);
	case EMPLACE_FAILS:
		return emplace(program, step.key, turn, CONSTRUCT_ERROR);
	case ERASE:
		return erase(program, step.key);
	case TAKE:
		return take(program, step.key);
	case FIND:
		return find(program, step.key);
	case LOAD:
		return load(program, step.key);
	case STORE:
		return store(program, step.key, turn, 0);
	case EXCHANGE:
		return store(program, step.key, turn, 1);
	case COMPARE_EXCHANGE:
		return compare_exchange(program, step.key, turn);
	case FETCH_ADD:
		return fetch_add(program, step.key, turn);
	case UPSERT:
		return upsert(program, step.key, turn);
	case LOCK:
		return lock(program, step.key, turn);
	case FIND_STABLE:
		return find_stable(program, step.key);
	case WALK:
		return walk(program, 0);
	case SWEEP:
		return walk(program, 1);
	case GROW:
		return grow(program);
	default:
		return release(program);
	}
}

SIM_HIDDEN uint64_t steps_now(void)
{
	return sim.steps;
}

static void run_part(void *arg, unsigned task)
{
	struct program *const program = arg;
	struct part *const part = &program->parts[task];

	for (unsigned i = 0; i < part->count; i++) {
		const int result = do_step(program, part->steps[i], i);

		part->totals[part->steps[i].what][result != 0]++;
		/* near the truth, and never below zero */
		kit_expect(&program->errors, kit_map_size(&program->map) < SIZE_MAX / 2);
	}
	part->ended = steps_now();
}

/* ---- before and after ------------------------------------------------------------------------------------------ */

static void put_stable(struct program *program, uint64_t key)
{
	uint64_t words[WORDS_MAX];

	fill_words(program, words, (key + 3) << 32 | 1);
	kit_expect(&program->errors, kit_map_insert(&program->map, key, words, NULL) == 1);
	hl_u64_fetch_add_relaxed(&program->made, 1);
}

/* The entries that stay: all cells but the spare ones; with any_key these lie anywhere. */
static void program_fill(struct program *program, uint64_t *seed)
{
	const unsigned cells = program->setting.groups * HL_AHA_LANES;
	const unsigned count = cells - program->setting.spare;
	const int is_any = program->setting.reuse == HASHLOOM_REUSE_ANY_KEY;
	const unsigned put = is_any ? cells : count;
	size_t order[STAY_MAX];

	for (unsigned i = 0; i < put; i++)
		put_stable(program, STABLE + i);
	for (unsigned i = 0; i < put; i++)
		order[i] = i;
	if (is_any)
		kit_shuffle(order, put, seed);
	program->stable_count = count;
	for (unsigned i = 0; i < put; i++) {
		if (i < count)
			program->stable[i] = STABLE + order[i];
		else
			kit_expect(&program->errors, kit_map_erase(&program->map, STABLE + order[i]) == 1);
	}
}

static void program_begin(struct program *program, uint64_t *seed)
{
	const struct setting *const setting = &program->setting;
	struct atomic_hash_map_config config = { .value_size = setting->words * sizeof(uint64_t),
						 .load_permille = setting->load_permille,
						 .growth_permille = 1000,
						 .cells_count = (uint64_t)setting->groups * HL_AHA_LANES,
						 .reuse = setting->reuse,
						 .probing = setting->probing,
						 .is_fixed = setting->is_fixed,
						 .has_locks = setting->has_locks,
						 .hash = setting->hash,
						 .destroy_value = setting->has_destroy ? destroy_value : NULL,
						 .destroy_context = program,
						 .allocator = &program->allocator.hooks };

	if (setting->has_retire) {
		config.retire = retire;
		config.retire_context = program;
	}
	kit_allocator_init(&program->allocator);
	program->history.count = 0;
	hl_u64_store_relaxed(&program->made, 0);
	hl_u64_store_relaxed(&program->destroyed, 0);
	hl_u32_store_relaxed(&program->readers, 0);
	hl_u32_store_relaxed(&program->retired_count, 0);
	memset(program->ids, 0, sizeof(program->ids));
	for (unsigned task = 0; task <= SIM_MAIN; task++)
		memset(program->parts[task].seen, 0, sizeof(program->parts[task].seen));
	kit_map_init(&program->map, 1, &config);
	/* growth is this function's, until the tasks run */
	hl_u32_store_relaxed(&program->map.map.counter_mask, UINT32_MAX);
	program_fill(program, seed);
	(void)release(program);
	hl_u32_store_relaxed(&program->retired_count, 0);
	if (setting->is_grown)
		kit_expect(&program->errors, hl_ahm_grow(policy_of(program), &program->map.map, 1, 1) == HASHLOOM_OK);
	run_part(program, SIM_MAIN);
	if (!setting->is_lazy)
		hl_ahm_set_counter_cache(&program->map.map, 1);
	kit_allocator_fail(&program->allocator, 0, setting->failures);
}

/* What is there in the end must fit too. */
static void program_check(struct program *program)
{
	kit_allocator_heal(&program->allocator);
	(void)release(program);
	const char *const error = kit_map_error(&program->map, program->setting.probing == HASHLOOM_PROBING_QUADRATIC);

	if (error != NULL)
		kit_error(&program->errors, error);
	for (unsigned key = 0; key < KEYS; key++) {
		(void)load(program, key);
		kit_expect(&program->errors, sim_is_linearizable(&program->history, key, 0));
	}
	for (unsigned i = 0; i < program->stable_count; i++)
		(void)find_stable(program, i);
	/* after a failure all goes on */
	if (program->setting.failures > 0)
		put_stable(program, STABLE + STAY_MAX);
	kit_map_finish(&program->map);
	kit_expect(&program->errors, hl_u64_load_relaxed(&program->destroyed) ==
					     (program->setting.has_destroy ? hl_u64_load_relaxed(&program->made) : 0));
	kit_expect(&program->errors, kit_allocator_blocks(&program->allocator) == 0);
	kit_expect(&program->errors, hl_u64_load_relaxed(&program->allocator.errors.count) == 0);
}

static void print_setting(const struct setting *setting)
{
	printf("reuse %d, probing %d, groups %u, load %u, spare %u, words %u, locks %d, fixed %d, grown %d, lazy %d, retire %d, "
	       "destroy %d, failures %llu\n",
	       (int)setting->reuse, (int)setting->probing, setting->groups, setting->load_permille, setting->spare,
	       setting->words, setting->has_locks, setting->is_fixed, setting->is_grown, setting->is_lazy,
	       setting->has_retire, setting->has_destroy, (unsigned long long)setting->failures);
}

static void program_judge(struct program *program, uint64_t seed)
{
	if (hl_u64_load_relaxed(&program->errors.count) == 0)
		return;
	print_setting(&program->setting);
	sim_print(&program->history);
	printf("SEED=%llu\n", (unsigned long long)seed);
	kit_assert_no_errors(&program->errors);
}

static struct program *program_new(void)
{
	return kit_zeroed_lines(sizeof(struct program));
}

/* ---- scenarios --------------------------------------------------------------------------------------------------- */

#define NEVER (1U << HASHLOOM_REUSE_NEVER)
#define ANY (1U << HASHLOOM_REUSE_ANY_KEY)
#define SAME (1U << HASHLOOM_REUSE_SAME_KEY)
#define ALL (NEVER | ANY | SAME)

enum flag { LOCKS = 1, GROWN = 2, LAZY = 4, FAIL_ONCE = 8, FAIL_ALWAYS = 16, RETIRE = 32, WIDE = 64 };

struct scenario {
	const char *name;
	unsigned reuses;
	unsigned flags;
	unsigned spare;
	struct step before[3]; /* on the main thread */
	unsigned before_count;
	unsigned tasks;
	unsigned counts[3];
	struct step steps[3][3];
};

#define ONE(what, key) { { what, key } }
#define TWO(what, key, what2, key2) { { what, key }, { what2, key2 } }
#define THREE(what, key, what2, key2, what3, key3) { { what, key }, { what2, key2 }, { what3, key3 } }

static uint64_t scenario_schedules;

static void scenario_set(struct program *program, const struct scenario *scenario, enum hashloom_reuse reuse,
			 atomic_hash_array_hash_fn hash, int has_destroy)
{
	program->setting = (struct setting){ .reuse = reuse,
					     .hash = hash,
					     .groups = 1,
					     .load_permille = 1000,
					     .spare = scenario->spare,
					     .words = scenario->flags & WIDE ? WORDS_MAX : 1,
					     .has_locks = (scenario->flags & LOCKS) != 0,
					     .is_grown = (scenario->flags & GROWN) != 0,
					     .is_lazy = (scenario->flags & LAZY) != 0,
					     .has_retire = (scenario->flags & RETIRE) != 0,
					     .has_destroy = has_destroy,
					     .failures = scenario->flags & FAIL_ALWAYS ? UINT64_MAX :
							 scenario->flags & FAIL_ONCE   ? 1 :
											 0 };
	program->tasks = scenario->tasks;
	for (unsigned task = 0; task < SIM_TASKS_MAX; task++) {
		struct part *const part = &program->parts[task];

		part->count = task < scenario->tasks ? scenario->counts[task] : 0;
		for (unsigned i = 0; i < part->count; i++)
			part->steps[i] = scenario->steps[task][i];
	}
	program->parts[SIM_MAIN].count = scenario->before_count;
	for (unsigned i = 0; i < scenario->before_count; i++)
		program->parts[SIM_MAIN].steps[i] = scenario->before[i];
}

static void run_scripted(struct program *program, const struct sim_segment *script, size_t length, uint64_t seed)
{
	uint64_t random = seed;

	program_begin(program, &random);
	sim_run_script(program->tasks, run_part, program, script, length, seed);
	program_check(program);
	if (hl_u64_load_relaxed(&program->errors.count) != 0)
		for (size_t i = 0; i < length; i++)
			printf("task %u: %lld steps\n", script[i].task, (long long)script[i].steps);
	program_judge(program, seed);
	scenario_schedules++;
}

/* Schedules in which the task `first` is left after n steps, for all n; and then `second` too, after m, for some n and m. */
static void run_switches(struct program *program, unsigned first, unsigned second, uint64_t *seed)
{
	const unsigned third = program->tasks == 2 ? first : 3 - first - second;
	struct sim_segment script[] = { { first, SIM_TO_THE_END },  { second, SIM_TO_THE_END }, { third, SIM_TO_THE_END },
					{ first, SIM_TO_THE_END }, { second, SIM_TO_THE_END } };
	const size_t length = KIT_COUNT(script);

	run_scripted(program, script, length, 1);
	const uint64_t steps = program->parts[first].ended;
	const uint64_t steps_of_second = program->parts[second].ended - steps;

	for (uint64_t n = 0; n < steps; n += KIT_REPEAT(4) < 4 ? 3 : 1) {
		script[0].steps = n;
		run_scripted(program, script, length, n);
	}
	for (unsigned i = 0; i < KIT_REPEAT(100); i++) {
		script[0].steps = kit_random_below(seed, steps);
		script[1].steps = kit_random_below(seed, steps_of_second + 8);
		run_scripted(program, script, length, i);
	}
}

static void run_scenario(const struct scenario *scenario, uint64_t *seed)
{
	static const atomic_hash_array_hash_fn hashes[] = { kit_hash_zero, kit_hash_good };
	struct program *const program = program_new();

	for (int reuse = 0; reuse < 3; reuse++)
		for (size_t h = 0; h < KIT_COUNT(hashes) && (scenario->reuses & 1U << reuse); h++) {
			/* without destroy_value the home lock is kept over a copy, also with same_key */
			scenario_set(program, scenario, (enum hashloom_reuse)reuse, hashes[h], h == 0);
			for (unsigned first = 0; first < program->tasks; first++)
				for (unsigned second = 0; second < program->tasks; second++)
					if (first != second)
						run_switches(program, first, second, seed);
			for (unsigned i = 0; i < KIT_REPEAT(100); i++)
				run_scripted(program, NULL, 0, kit_random(seed));
		}
	free(program);
}

static void run_scenarios(const struct scenario *scenarios, size_t count)
{
	uint64_t seed = kit_seed();

	scenario_schedules = 0;
	for (size_t i = 0; i < count; i++) {
		printf("%s\n", scenarios[i].name);
		run_scenario(&scenarios[i], &seed);
	}
	printf("%llu schedules\n", (unsigned long long)scenario_schedules);
}

#define SCENARIOS(scenarios) run_scenarios(scenarios, KIT_COUNT(scenarios))

static void test_map_schedules_of_one_key(void **state)
{
	static const struct scenario scenarios[] = {
		{ "insert, insert, erase", ALL, 0, 3, { { 0, 0 } }, 0, 3, { 1, 1, 1 },
		  { ONE(INSERT, 0), ONE(INSERT, 0), ONE(ERASE, 0) } },
		{ "insert, erase insert, find", ALL, 0, 3, ONE(INSERT, 0), 1, 3, { 1, 2, 1 },
		  { ONE(INSERT, 0), TWO(ERASE, 0, INSERT, 0), ONE(FIND, 0) } },
		{ "two erases", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 2, 2 },
		  { TWO(ERASE, 0, FIND, 0), TWO(ERASE, 0, INSERT, 0) } },
		{ "erase and insert of another key", ALL, 0, 1, ONE(INSERT, 0), 1, 3, { 2, 2, 2 },
		  { TWO(ERASE, 0, INSERT, 1), TWO(FIND, 0, FIND, 1), TWO(INSERT, 0, ERASE, 1) } },
		{ "a side cell", ALL, 0, 3, { { 0, 0 } }, 0, 3, { 2, 2, 1 },
		  { TWO(INSERT, SIDE_KEY, ERASE, SIDE_KEY), TWO(INSERT, SIDE_KEY, LOAD, SIDE_KEY), ONE(TAKE, SIDE_KEY) } },
		{ "a side cell again", ALL, 0, 3, TWO(INSERT, SIDE_KEY, ERASE, SIDE_KEY), 2, 3, { 1, 2, 1 },
		  { ONE(EMPLACE, SIDE_KEY), TWO(INSERT, SIDE_KEY, FETCH_ADD, SIDE_KEY), ONE(ERASE, SIDE_KEY) } },
		{ "a side cell and an emplace that fails", ALL, 0, 3, TWO(INSERT, SIDE_KEY, ERASE, SIDE_KEY), 2, 2, { 1, 2 },
		  { ONE(EMPLACE_FAILS, SIDE_KEY), TWO(UPSERT, SIDE_KEY, TAKE, SIDE_KEY) } },
	};

	(void)state;
	SCENARIOS(scenarios);
}

static void test_map_schedules_at_the_border_of_slabs(void **state)
{
	static const struct scenario scenarios[] = {
		/* one claims in the slab that the other seals */
		{ "insert, growth and insert", ALL, 0, 2, { { 0, 0 } }, 0, 2, { 2, 2 },
		  { TWO(INSERT, 0, FIND, 0), TWO(GROW, 0, INSERT, 0) } },
		{ "insert, growth, insert of another key", ALL, 0, 2, { { 0, 0 } }, 0, 3, { 1, 2, 2 },
		  { ONE(INSERT, 0), TWO(GROW, 0, INSERT, 0), TWO(INSERT, 1, INSERT, 0) } },
		{ "emplace, growth and insert", ALL, 0, 2, { { 0, 0 } }, 0, 2, { 1, 2 },
		  { ONE(EMPLACE, 0), TWO(GROW, 0, INSERT, 0) } },
		{ "emplace that fails, growth and insert", ALL, 0, 2, { { 0, 0 } }, 0, 2, { 2, 2 },
		  { TWO(EMPLACE_FAILS, 0, FIND, 0), TWO(GROW, 0, INSERT, 0) } },
		{ "the last cell", ALL, 0, 1, { { 0, 0 } }, 0, 2, { 2, 2 },
		  { TWO(INSERT, 0, INSERT, 1), TWO(INSERT, 1, INSERT, 0) } },
		{ "the last cell, growth on need only", ALL, LAZY, 1, { { 0, 0 } }, 0, 2, { 2, 2 },
		  { TWO(INSERT, 0, INSERT, 1), TWO(INSERT, 1, INSERT, 0) } },
		{ "no cell, growth on need only", ALL, LAZY, 1, ONE(INSERT, 2), 1, 3, { 1, 1, 1 },
		  { ONE(INSERT, 0), ONE(INSERT, 1), ONE(INSERT, 0) } },
		{ "growth and growth", ALL, 0, 1, { { 0, 0 } }, 0, 2, { 3, 3 },
		  { THREE(GROW, 0, INSERT, 0, GROW, 0), THREE(GROW, 0, GROW, 0, INSERT, 1) } },
		{ "an entry of the old slab", ALL, 0, 2, ONE(INSERT, 0), 1, 3, { 2, 2, 2 },
		  { TWO(GROW, 0, INSERT, 0), TWO(ERASE, 0, INSERT, 0), TWO(FIND, 0, INSERT, 1) } },
		{ "two slabs, and a free cell in the first", ALL, GROWN, 3, { { 0, 0 } }, 0, 3, { 1, 2, 1 },
		  { ONE(INSERT, 0), TWO(INSERT, 0, ERASE, 0), ONE(FIND, 0) } },
		{ "iteration and growth", ALL, 0, 1, { { 0, 0 } }, 0, 2, { 2, 3 },
		  { TWO(WALK, 0, WALK, 0), THREE(INSERT, 0, INSERT, 1, ERASE, 0) } },
	};

	(void)state;
	SCENARIOS(scenarios);
}

static void test_map_schedules_of_inserts_that_take_their_time(void **state)
{
	static const struct scenario scenarios[] = {
		{ "emplace and insert", ALL, 0, 3, { { 0, 0 } }, 0, 2, { 1, 2 },
		  { ONE(EMPLACE, 0), TWO(INSERT, 0, LOAD, 0) } },
		{ "two emplaces and an erase", ALL, 0, 3, { { 0, 0 } }, 0, 3, { 1, 1, 2 },
		  { ONE(EMPLACE, 0), ONE(EMPLACE, 0), TWO(ERASE, 0, LOAD, 0) } },
		{ "emplace that fails and insert", ALL, 0, 3, { { 0, 0 } }, 0, 2, { 1, 2 },
		  { ONE(EMPLACE_FAILS, 0), TWO(INSERT, 0, LOAD, 0) } },
		{ "emplace into a cell of before and insert", ALL, 0, 3, TWO(INSERT, 0, ERASE, 0), 2, 2, { 1, 3 },
		  { ONE(EMPLACE, 0), THREE(INSERT, 0, ERASE, 0, INSERT, 0) } },
		{ "emplace that fails into a cell of before and insert", ALL, 0, 3, TWO(INSERT, 0, ERASE, 0), 2, 2, { 1, 3 },
		  { ONE(EMPLACE_FAILS, 0), THREE(INSERT, 0, ERASE, 0, INSERT, 0) } },
		{ "emplace in the last cell, and another key", ALL, 0, 1, { { 0, 0 } }, 0, 2, { 1, 2 },
		  { ONE(EMPLACE_FAILS, 0), TWO(INSERT, 1, INSERT, 0) } },
		{ "emplace, and another key with the same tag", ALL, 0, 3, ONE(INSERT, 0), 1, 3, { 1, 1, 1 },
		  { ONE(EMPLACE, 1), ONE(EMPLACE_FAILS, 2), ONE(INSERT, 1) } },
	};

	(void)state;
	SCENARIOS(scenarios);
}

static void test_map_schedules_of_changes_and_erases(void **state)
{
	static const struct scenario scenarios[] = {
		{ "fetch_add and take", ALL, 0, 3, ONE(INSERT, 0), 1, 3, { 1, 2, 1 },
		  { ONE(FETCH_ADD, 0), TWO(TAKE, 0, INSERT, 0), ONE(FETCH_ADD, 0) } },
		{ "exchange and take", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 1, 2 },
		  { ONE(EXCHANGE, 0), TWO(TAKE, 0, INSERT, 0) } },
		{ "compare_exchange and fetch_add", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 2, 2 },
		  { TWO(LOAD, 0, COMPARE_EXCHANGE, 0), TWO(FETCH_ADD, 0, TAKE, 0) } },
		{ "two upserts and a take", ALL, 0, 3, { { 0, 0 } }, 0, 3, { 1, 1, 1 },
		  { ONE(UPSERT, 0), ONE(UPSERT, 0), ONE(TAKE, 0) } },
		{ "upsert, fetch_add and take", ALL, 0, 3, ONE(INSERT, 0), 1, 3, { 1, 1, 1 },
		  { ONE(UPSERT, 0), ONE(FETCH_ADD, 0), ONE(TAKE, 0) } },
		{ "upsert at the border", ALL, 0, 1, { { 0, 0 } }, 0, 2, { 2, 2 },
		  { TWO(UPSERT, 0, UPSERT, 1), TWO(UPSERT, 1, UPSERT, 0) } },
		{ "store and erase", ALL, 0, 3, ONE(INSERT, 0), 1, 3, { 1, 1, 1 },
		  { ONE(STORE, 0), ONE(ERASE, 0), ONE(LOAD, 0) } },
		{ "a cell that goes from key to key and back", ANY, 0, 1, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(FETCH_ADD, 0), THREE(ERASE, 0, INSERT, 1, TAKE, 1) } },
		{ "upsert, and a cell that goes to another key", ANY, 0, 1, ONE(INSERT, 0), 1, 2, { 1, 2 },
		  { ONE(UPSERT, 0), TWO(TAKE, 0, INSERT, 1) } },
		{ "locks: fetch_add and take", ALL, LOCKS, 3, ONE(INSERT, 0), 1, 3, { 1, 2, 1 },
		  { ONE(FETCH_ADD, 0), TWO(TAKE, 0, INSERT, 0), ONE(LOCK, 0) } },
		{ "locks: lock and take", ALL, LOCKS | WIDE, 3, ONE(INSERT, 0), 1, 3, { 1, 2, 1 },
		  { ONE(LOCK, 0), TWO(TAKE, 0, INSERT, 0), ONE(LOAD, 0) } },
		{ "locks: upserts and take", ALL, LOCKS | WIDE, 3, { { 0, 0 } }, 0, 3, { 1, 1, 1 },
		  { ONE(UPSERT, 0), ONE(UPSERT, 0), ONE(TAKE, 0) } },
		{ "locks: a cell that goes to another key", ANY, LOCKS | WIDE, 1, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(LOCK, 0), THREE(ERASE, 0, INSERT, 1, LOCK, 1) } },
		{ "wide values: load and take", ALL, WIDE, 3, ONE(INSERT, 0), 1, 3, { 1, 2, 1 },
		  { ONE(LOAD, 0), TWO(TAKE, 0, INSERT, 0), ONE(TAKE, 0) } },
	};

	(void)state;
	SCENARIOS(scenarios);
}

static void test_map_schedules_of_loads(void **state)
{
	static const struct scenario scenarios[] = {
		{ "load, and an erase and an insert", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 2, 2 },
		  { TWO(LOAD, 0, LOAD, 0), TWO(ERASE, 0, INSERT, 0) } },
		{ "load, and inserts that follow each other", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(LOAD, 0), THREE(ERASE, 0, INSERT, 0, TAKE, 0) } },
		{ "load, and an emplace", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 1, 2 },
		  { ONE(LOAD, 0), TWO(ERASE, 0, EMPLACE, 0) } },
		{ "load, and an emplace that fails", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(LOAD, 0), THREE(ERASE, 0, EMPLACE_FAILS, 0, INSERT, 0) } },
		{ "load, and a cell that goes from key to key", ALL, 0, 1, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(LOAD, 0), THREE(ERASE, 0, INSERT, 1, LOAD, 1) } },
		{ "load, and a cell that comes back", ALL, 0, 1, ONE(INSERT, 0), 1, 3, { 1, 2, 2 },
		  { ONE(LOAD, 0), TWO(ERASE, 0, INSERT, 1), TWO(ERASE, 1, INSERT, 0) } },
		{ "locks: load, and an emplace", ALL, LOCKS | WIDE, 3, ONE(INSERT, 0), 1, 2, { 1, 2 },
		  { ONE(LOAD, 0), TWO(ERASE, 0, EMPLACE, 0) } },
	};

	(void)state;
	SCENARIOS(scenarios);
}

static void test_map_schedules_without_memory(void **state)
{
	static const struct scenario scenarios[] = {
		{ "the last cell, and no memory", ALL, FAIL_ALWAYS, 1, { { 0, 0 } }, 0, 2, { 2, 2 },
		  { TWO(INSERT, 0, INSERT, 1), TWO(INSERT, 1, ERASE, 0) } },
		{ "the last cell, and no memory at first", ALL, FAIL_ONCE, 1, { { 0, 0 } }, 0, 2, { 2, 2 },
		  { TWO(INSERT, 0, INSERT, 1), TWO(INSERT, 1, INSERT, 0) } },
		{ "no cell, and no memory", ALL, FAIL_ALWAYS | LAZY, 1, ONE(INSERT, 2), 1, 3, { 1, 1, 1 },
		  { ONE(INSERT, 0), ONE(INSERT, 1), ONE(INSERT, 0) } },
		{ "no cell, and no memory at first", ALL, FAIL_ONCE | LAZY, 1, ONE(INSERT, 2), 1, 2, { 1, 1 },
		  { ONE(INSERT, 0), ONE(INSERT, 1) } },
		{ "emplace, and no memory", ALL, FAIL_ALWAYS, 1, { { 0, 0 } }, 0, 2, { 1, 2 },
		  { ONE(EMPLACE, 0), TWO(UPSERT, 0, FIND, 0) } },
		{ "load, and no memory for an insert", ALL, FAIL_ONCE, 1, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(LOAD, 0), THREE(ERASE, 0, INSERT, 0, INSERT, 0) } },
	};

	(void)state;
	SCENARIOS(scenarios);
}

static void test_map_schedules_of_iterations_and_retired_cells(void **state)
{
	static const struct scenario scenarios[] = {
		{ "iteration and churn", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(WALK, 0), THREE(ERASE, 0, INSERT, 1, INSERT, 0) } },
		{ "sweep and churn", ALL, 0, 3, ONE(INSERT, 0), 1, 2, { 1, 3 },
		  { ONE(SWEEP, 0), THREE(INSERT, 1, ERASE, 0, INSERT, 0) } },
		{ "sweep and changes", ALL, 0, 3, TWO(INSERT, 0, INSERT, SIDE_KEY), 2, 2, { 1, 3 },
		  { ONE(SWEEP, 0), THREE(FETCH_ADD, 0, UPSERT, 0, UPSERT, SIDE_KEY) } },
		{ "a reader, and a cell that is retired", ANY, RETIRE, 1, ONE(INSERT, 0), 1, 3, { 2, 2, 2 },
		  { TWO(FIND, 0, FIND, 1), TWO(ERASE, 0, INSERT, 1), TWO(RELEASE, 0, INSERT, 0) } },
		{ "retired by two", ANY, RETIRE | LAZY, 2, TWO(INSERT, 0, INSERT, 1), 2, 2, { 3, 3 },
		  { THREE(ERASE, 0, RELEASE, 0, INSERT, 0), THREE(TAKE, 1, RELEASE, 0, INSERT, 2) } },
	};

	(void)state;
	SCENARIOS(scenarios);
}

/* ---- random programs ---------------------------------------------------------------------------------------------- */

static void program_choose(struct program *program, enum hashloom_reuse reuse, uint64_t *seed)
{
	static const atomic_hash_array_hash_fn hashes[] = { kit_hash_zero, kit_hash_one_home, kit_hash_ones,
							    kit_hash_good, kit_hash_one_tag };
	static const unsigned spares[] = { 0, 1, 1, 2, 2, 3, 4, 8 };
	static const unsigned loads[] = { 1000, 1000, 950, 800 };
	static const uint64_t failures[] = { 0, 0, 0, 1, 2, UINT64_MAX };
	struct setting *const setting = &program->setting;

	memset(setting, 0, sizeof(*setting));
	setting->reuse = reuse;
	setting->hash = hashes[kit_random_below(seed, KIT_COUNT(hashes))];
	setting->probing = kit_random_below(seed, 4) == 0 ? HASHLOOM_PROBING_QUADRATIC : HASHLOOM_PROBING_LINEAR;
	setting->groups = 1 + (unsigned)kit_random_below(seed, 2);
	setting->load_permille = loads[kit_random_below(seed, KIT_COUNT(loads))];
	setting->spare = spares[kit_random_below(seed, KIT_COUNT(spares))];
	setting->words = kit_random_below(seed, 4) == 0 ? WORDS_MAX : 1;
	setting->has_locks = kit_random_below(seed, 3) == 0;
	setting->is_fixed = kit_random_below(seed, 8) == 0;
	setting->is_grown = !setting->is_fixed && kit_random_below(seed, 4) == 0;
	setting->is_lazy = kit_random_below(seed, 3) == 0;
	setting->has_retire = reuse == HASHLOOM_REUSE_ANY_KEY && kit_random_below(seed, 4) == 0;
	setting->has_destroy = (int)kit_random_below(seed, 2);
	setting->failures = setting->is_fixed ? 0 : failures[kit_random_below(seed, KIT_COUNT(failures))];
	program->stable_count = setting->groups * HL_AHA_LANES - setting->spare;
}

static int is_possible(const struct setting *setting, enum what what)
{
	switch (what) {
	case STORE:
	case EXCHANGE:
	case COMPARE_EXCHANGE:
	case FETCH_ADD:
	case UPSERT:
		return setting->has_locks || setting->words == 1;
	case LOCK:
		return setting->has_locks;
	case RELEASE:
		return setting->has_retire;
	case GROW:
		return !setting->is_fixed;
	default:
		return 1;
	}
}

static void program_write(struct program *program, uint64_t *seed)
{
	static const enum what whats[] = { INSERT, INSERT, INSERT, EMPLACE, EMPLACE_FAILS, ERASE, ERASE, TAKE, TAKE, FIND,
					   LOAD, LOAD, STORE, EXCHANGE, COMPARE_EXCHANGE, FETCH_ADD, FETCH_ADD, UPSERT, UPSERT,
					   LOCK, FIND_STABLE, WALK, SWEEP, GROW, RELEASE };
	const unsigned keys = 1 + (unsigned)kit_random_below(seed, KEYS);

	program->tasks = 2 + (unsigned)kit_random_below(seed, SIM_TASKS_MAX - 1);
	for (unsigned task = 0; task <= SIM_MAIN; task++) {
		struct part *const part = &program->parts[task];

		part->count = task == SIM_MAIN	    ? (unsigned)kit_random_below(seed, 3) :
			      task < program->tasks ? 1 + (unsigned)kit_random_below(seed, OPERATIONS_MAX) :
						      0;
		for (unsigned i = 0; i < part->count; i++) {
			enum what what = whats[kit_random_below(seed, KIT_COUNT(whats))];

			if (!is_possible(&program->setting, what))
				what = ERASE;
			if (task == SIM_MAIN)
				what = i == 0 ? INSERT : ERASE;
			part->steps[i].what = what;
			part->steps[i].key = (unsigned)(what == FIND_STABLE ?
								kit_random_below(seed, program->stable_count) :
							keys == 1 ? kit_random_below(seed, KEYS) / SIDE_KEY * SIDE_KEY :
								    kit_random_below(seed, keys));
		}
	}
}

static void run_program(struct program *program, enum hashloom_reuse reuse, uint64_t seed)
{
	uint64_t random = seed;

	program_choose(program, reuse, &random);
	program_write(program, &random);
	program_begin(program, &random);
	sim_run(program->tasks, run_part, program, seed);
	program_check(program);
	program_judge(program, seed);
}

/* Each operation must have succeeded so often, and failed so often, but for those that cannot. */
static void check_totals(const struct program *program, enum hashloom_reuse reuse, uint64_t times)
{
	for (unsigned what = 0; what < WHATS; what++) {
		uint64_t told[2] = { 0 };

		for (unsigned task = 0; task < SIM_TASKS_MAX; task++)
			for (unsigned i = 0; i < 2; i++)
				told[i] += program->parts[task].totals[what][i];
		if (what != RELEASE || reuse == HASHLOOM_REUSE_ANY_KEY)
			assert_true(told[1] > times);
		if (what != FIND_STABLE && what != WALK && (what != RELEASE || reuse == HASHLOOM_REUSE_ANY_KEY))
			assert_true(told[0] > times);
	}
}

/* SEED= runs that schedule alone. */
static void run_programs(enum hashloom_reuse reuse, unsigned n)
{
	struct program *const program = program_new();
	const char *const given = getenv("SEED");
	const uint64_t first = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20;
	uint64_t switches = 0;

	for (uint64_t seed = first; seed < first + (given != NULL ? 1 : n); seed++) {
		run_program(program, reuse, seed);
		switches += sim.switches;
	}
	if (given == NULL) {
		assert_true(switches > n * 4);
		check_totals(program, reuse, n / 1000);
	}
	free(program);
}

#define PROGRAMS KIT_REPEAT(30000)

static void test_map_schedules_never(void **state)
{
	(void)state;
	run_programs(HASHLOOM_REUSE_NEVER, PROGRAMS);
}

static void test_map_schedules_same_key(void **state)
{
	(void)state;
	run_programs(HASHLOOM_REUSE_SAME_KEY, PROGRAMS);
}

static void test_map_schedules_any_key(void **state)
{
	(void)state;
	run_programs(HASHLOOM_REUSE_ANY_KEY, PROGRAMS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_schedules_of_one_key),
		cmocka_unit_test(test_map_schedules_at_the_border_of_slabs),
		cmocka_unit_test(test_map_schedules_of_inserts_that_take_their_time),
		cmocka_unit_test(test_map_schedules_of_changes_and_erases),
		cmocka_unit_test(test_map_schedules_of_loads),
		cmocka_unit_test(test_map_schedules_without_memory),
		cmocka_unit_test(test_map_schedules_of_iterations_and_retired_cells),
		cmocka_unit_test(test_map_schedules_never),
		cmocka_unit_test(test_map_schedules_same_key),
		cmocka_unit_test(test_map_schedules_any_key),
	};

	return KIT_RUN(tests);
}
