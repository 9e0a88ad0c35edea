/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_linearizability.c: recorder and checker of histories (prove/).
 *
 * Method: histories that are known to be right or wrong, of each kind of operation and each classical mistake. Then random ones: a register used by one
 * thread makes a sequence, its intervals are stretched until they overlap, and the checker must accept that; something in it is changed, and the checker
 * must say what a search through all orders says. That search has its own idea of what a register does, looks at all keys together, and remembers nothing.
 */
#include "test_kit.h"

#include "linearizability.h"

#define LOGS 4
#define ROWS_MAX 16
#define KEYS 2

/* ---- histories as tables -------------------------------------------------------------------------------- */

struct row {
	unsigned log;
	struct history_operation operation;
};

/* Rows of one log stand in its order. */
#define ROW(log, kind, argument, outcome, item, begin, end)                                                                     \
	{                                                                                                                       \
		log, { HISTORY_##kind, HISTORY_##outcome, 7, argument, 5, item, begin, end }                                   \
	}
#define ANY HISTORY_ANY
#define NEVER HISTORY_NEVER

struct table {
	struct history_clock clock;
	struct history_log logs[LOGS];
	struct history_operation operations[LOGS][ROWS_MAX];
};

static void table_init(struct table *table, const struct row *rows, size_t count, uint64_t skew)
{
	history_clock_init(&table->clock, HISTORY_CLOCK_RAW, skew);
	for (size_t i = 0; i < LOGS; i++)
		history_log_init(&table->logs[i], &table->clock, table->operations[i], ROWS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct history_log *const log = &table->logs[rows[i].log];

		assert_true(log->count < log->capacity);
		log->operations[log->count++] = rows[i].operation;
	}
}

static enum linearizability_verdict check_table(struct linearizability *checker, const struct table *table)
{
	const struct history_log *logs[LOGS];

	for (size_t i = 0; i < LOGS; i++)
		logs[i] = &table->logs[i];
	return linearizability_check(checker, logs, LOGS);
}

static enum linearizability_verdict verdict_of(const struct row *rows, size_t count, uint64_t skew)
{
	struct linearizability *const checker = linearizability_new();
	struct table table;

	table_init(&table, rows, count, skew);
	const enum linearizability_verdict verdict = check_table(checker, &table);

	linearizability_delete(checker);
	return verdict;
}

struct known {
	const char *name;
	enum linearizability_verdict verdict;
	struct row rows[8]; /* up to the first whose end is 0 */
};

static void check_known(const struct known *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t rows = 0;

		while (rows < KIT_COUNT(known[i].rows) && known[i].rows[rows].operation.end != 0)
			rows++;
		if (verdict_of(known[i].rows, rows, 0) != known[i].verdict)
			fail_msg("%s", known[i].name);
	}
}

/* ---- the recorder --------------------------------------------------------------------------------------- */

static void test_history_records_what_it_is_told(void **state)
{
	struct history_operation memory[3];
	struct history_clock clock;
	struct history_log log;

	(void)state;
	history_clock_init(&clock, HISTORY_CLOCK_ATOMIC, 1000);
	assert_int_equal(clock.skew, 0);
	history_log_init(&log, &clock, memory, KIT_COUNT(memory));
	struct history_operation *const first = history_begin(&log, HISTORY_COMPARE_EXCHANGE, 3, 4);
	struct history_operation *const second = history_begin(&log, HISTORY_ERASE, 5, 0);

	first->expected = 9;
	history_end(&log, first, HISTORY_DIFFERENT, 8);
	assert_int_equal(log.count, 2);
	assert_int_equal(first->kind, HISTORY_COMPARE_EXCHANGE);
	assert_int_equal(first->key, 3);
	assert_int_equal(first->argument, 4);
	assert_int_equal(first->expected, 9);
	assert_int_equal(first->outcome, HISTORY_DIFFERENT);
	assert_int_equal(first->item, 8);
	assert_true(first->begin < second->begin && second->begin < first->end);
	assert_int_equal(second->outcome, HISTORY_RUNNING);
	assert_true(second->end == HISTORY_NEVER);
}

static void test_history_raw_clock_goes_on(void **state)
{
	struct history_operation memory[100];
	struct history_clock clock;
	struct history_log log;

	(void)state;
	history_clock_init(&clock, HISTORY_CLOCK_RAW, HISTORY_SKEW);
	assert_int_equal(clock.skew, HISTORY_SKEW);
	history_log_init(&log, &clock, memory, KIT_COUNT(memory));
	for (size_t i = 0; i < KIT_COUNT(memory); i++) {
		history_end(&log, history_begin(&log, HISTORY_FIND, 0, 0), HISTORY_ABSENT, HISTORY_ANY);
		assert_true(memory[i].begin <= memory[i].end);
		assert_true(i == 0 || memory[i - 1].end <= memory[i].begin);
	}
	assert_true(memory[0].begin < memory[KIT_COUNT(memory) - 1].end);
	assert_int_equal(hl_u64_load_relaxed(&clock.now), 0);
}

/* ---- known histories of one key ------------------------------------------------------------------------- */

static void test_linearizability_right_histories(void **state)
{
	static const struct known known[] = {
		{ "nothing", LINEARIZABILITY_HOLDS, { { 0, { .end = 0 } } } },
		{ "one after the other", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, FIND, 0, DONE, 5, 3, 4), ROW(1, INSERT, 6, EXISTS, 5, 5, 6),
		    ROW(0, ERASE, 0, DONE, 5, 7, 8), ROW(1, FIND, 0, ABSENT, ANY, 9, 10) } },
		{ "a find beside an insert sees it or not", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 9), ROW(1, FIND, 0, ABSENT, ANY, 2, 3), ROW(1, FIND, 0, DONE, 5, 4, 5) } },
		{ "an erase between two inserts that overlap", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 9), ROW(1, INSERT, 6, DONE, ANY, 2, 8), ROW(2, ERASE, 0, DONE, ANY, 3, 7) } },
		{ "each change", LINEARIZABILITY_HOLDS,
		  { ROW(0, UPSERT, 4, DONE, 4, 1, 2), ROW(0, UPSERT, 1, EXISTS, 5, 3, 4), ROW(0, COMPARE_EXCHANGE, 8, DONE, 5, 5, 6),
		    ROW(0, COMPARE_EXCHANGE, 9, DIFFERENT, 8, 7, 8), ROW(0, FETCH_ADD, 2, DONE, 8, 9, 10),
		    ROW(0, STORE, 3, DONE, 10, 11, 12), ROW(0, ERASE, 0, DONE, 3, 13, 14), ROW(0, FETCH_ADD, 1, ABSENT, ANY, 15, 16) } },
		{ "two that add", LINEARIZABILITY_HOLDS,
		  { ROW(0, UPSERT, 1, DONE, 1, 1, 5), ROW(1, UPSERT, 2, EXISTS, 3, 2, 6), ROW(2, FIND, 0, DONE, 3, 7, 8) } },
		{ "ABA, seen in order", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, STORE, 6, DONE, 5, 3, 4), ROW(0, STORE, 5, DONE, 6, 5, 6),
		    ROW(1, COMPARE_EXCHANGE, 9, DONE, 5, 1, 9), ROW(1, FIND, 0, DONE, 9, 10, 11) } },
		{ "full while absent", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, FULL, ANY, 1, 2), ROW(0, INSERT, 6, DONE, ANY, 3, 4) } },
		{ "no memory tells nothing", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, INSERT, 6, NO_EFFECT, ANY, 3, 4), ROW(1, FIND, 0, DONE, 5, 5, 6) } },
		{ "at the same tick", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, FIND, 0, ABSENT, ANY, 2, 3) } },
		{ "items are not known", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, FIND, 0, DONE, ANY, 3, 4), ROW(1, ERASE, 0, DONE, ANY, 5, 6) } },
	};

	(void)state;
	check_known(known, KIT_COUNT(known));
}

static void test_linearizability_wrong_histories(void **state)
{
	static const struct known known[] = {
		{ "a find of what was never there", LINEARIZABILITY_BROKEN, { ROW(0, FIND, 0, DONE, ANY, 1, 2) } },
		{ "an entry is overlooked", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, FIND, 0, ABSENT, ANY, 3, 4) } },
		{ "a stale item", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, STORE, 6, DONE, 5, 3, 4), ROW(1, FIND, 0, DONE, 5, 5, 6) } },
		{ "new, then old", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, STORE, 6, DONE, ANY, 3, 10), ROW(1, FIND, 0, DONE, 6, 4, 5),
		    ROW(1, FIND, 0, DONE, 5, 6, 7) } },
		{ "two inserts succeed", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 4), ROW(1, INSERT, 6, DONE, ANY, 2, 3) } },
		{ "two erases succeed", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, ERASE, 0, DONE, ANY, 3, 6), ROW(1, ERASE, 0, DONE, ANY, 4, 5) } },
		{ "both inserts find another", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, EXISTS, ANY, 1, 4), ROW(1, INSERT, 6, EXISTS, ANY, 2, 3) } },
		{ "exists, with an item that nobody brought", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, INSERT, 6, EXISTS, 6, 3, 4) } },
		{ "erase takes another item", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, ERASE, 0, DONE, 6, 3, 4) } },
		{ "a lost update: both saw the same", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, FETCH_ADD, 1, DONE, 5, 3, 6), ROW(1, FETCH_ADD, 1, DONE, 5, 4, 5) } },
		{ "a lost update: the sum", LINEARIZABILITY_BROKEN,
		  { ROW(0, UPSERT, 1, DONE, 1, 1, 4), ROW(1, UPSERT, 2, EXISTS, 3, 2, 3), ROW(2, FIND, 0, DONE, 1, 5, 6) } },
		{ "a store is seen after the erase", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, ERASE, 0, DONE, 5, 3, 4), ROW(1, STORE, 6, DONE, ANY, 5, 6) } },
		{ "two compare_exchanges win", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, COMPARE_EXCHANGE, 8, DONE, 5, 3, 6),
		    ROW(1, COMPARE_EXCHANGE, 9, DONE, 5, 4, 5) } },
		{ "different, but equal", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, COMPARE_EXCHANGE, 8, DIFFERENT, ANY, 3, 4) } },
		{ "ABA: the key went and came, the item did not", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 4, DONE, ANY, 1, 2), ROW(0, ERASE, 0, DONE, 4, 3, 4), ROW(0, INSERT, 6, DONE, ANY, 5, 6),
		    ROW(1, FETCH_ADD, 1, DONE, 4, 5, 8) } },
		{ "full while it is there", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(1, INSERT, 6, FULL, ANY, 3, 4) } },
		{ "room after there never was to be any", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, BARRED, ANY, 1, 2), ROW(1, INSERT, 6, DONE, ANY, 3, 4) } },
		{ "absent finds keep the room barred", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, BARRED, ANY, 1, 2), ROW(1, ERASE, 0, ABSENT, ANY, 3, 4), ROW(1, UPSERT, 6, DONE, ANY, 5, 6) } },
		{ "an iteration gives what is gone", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, DONE, ANY, 1, 2), ROW(0, ERASE, 0, DONE, ANY, 3, 4), ROW(1, VISIT, 0, DONE, ANY, 5, 6) } },
	};

	(void)state;
	check_known(known, KIT_COUNT(known));
}

static void test_linearizability_operations_that_did_not_return(void **state)
{
	static const struct known known[] = {
		{ "it took effect", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, RUNNING, ANY, 1, NEVER), ROW(1, FIND, 0, DONE, 5, 2, 3) } },
		{ "it did not", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, RUNNING, ANY, 1, NEVER), ROW(1, FIND, 0, ABSENT, ANY, 2, 3) } },
		{ "it did late", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 5, RUNNING, ANY, 1, NEVER), ROW(1, FIND, 0, ABSENT, ANY, 2, 3), ROW(1, FIND, 0, DONE, 5, 4, 5) } },
		{ "it did, and is undone", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, RUNNING, ANY, 1, NEVER), ROW(1, FIND, 0, DONE, 5, 2, 3), ROW(1, FIND, 0, ABSENT, ANY, 4, 5) } },
		{ "it did before it began", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 5, RUNNING, ANY, 3, NEVER), ROW(1, FIND, 0, DONE, 5, 1, 2) } },
		{ "it did twice", LINEARIZABILITY_BROKEN,
		  { ROW(0, INSERT, 4, DONE, ANY, 1, 2), ROW(1, FETCH_ADD, 1, RUNNING, ANY, 3, NEVER), ROW(2, FIND, 0, DONE, 6, 4, 5) } },
		{ "an erase that may have been", LINEARIZABILITY_HOLDS,
		  { ROW(0, INSERT, 4, DONE, ANY, 1, 2), ROW(1, ERASE, 0, RUNNING, ANY, 3, NEVER), ROW(2, INSERT, 6, DONE, ANY, 4, 5) } },
		{ "finds tell nothing", LINEARIZABILITY_HOLDS,
		  { ROW(1, FIND, 0, RUNNING, ANY, 3, NEVER), ROW(2, FIND, 0, ABSENT, ANY, 4, 5) } },
	};

	(void)state;
	check_known(known, KIT_COUNT(known));
}

/* Intervals get wider by the skew, but a log keeps its order. */
static void test_linearizability_skew(void **state)
{
	static const struct row late[] = { ROW(0, INSERT, 5, DONE, ANY, 1000, 1100), ROW(1, FIND, 0, ABSENT, ANY, 1120, 1130) };
	static const struct row same_log[] = { ROW(0, INSERT, 5, DONE, ANY, 1000, 1100), ROW(0, FIND, 0, ABSENT, ANY, 1120, 1130) };

	(void)state;
	assert_int_equal(verdict_of(late, 2, 0), LINEARIZABILITY_BROKEN);
	assert_int_equal(verdict_of(late, 2, 9), LINEARIZABILITY_BROKEN);
	assert_int_equal(verdict_of(late, 2, 10), LINEARIZABILITY_HOLDS);
	assert_int_equal(verdict_of(late, 2, 5000), LINEARIZABILITY_HOLDS);
	assert_int_equal(verdict_of(late, 2, HISTORY_SKEW_ENDLESS), LINEARIZABILITY_HOLDS);
	assert_int_equal(verdict_of(same_log, 2, 5000), LINEARIZABILITY_BROKEN);
	assert_int_equal(verdict_of(same_log, 2, HISTORY_SKEW_ENDLESS), LINEARIZABILITY_BROKEN);
}

static void test_linearizability_says_when_it_cannot_decide(void **state)
{
	static struct history_operation operations[65];
	struct linearizability *const checker = linearizability_new();
	struct history_clock clock;
	struct history_log log;
	const struct history_log *const logs[] = { &log };

	(void)state;
	history_clock_init(&clock, HISTORY_CLOCK_ATOMIC, 0);
	history_log_init(&log, &clock, operations, KIT_COUNT(operations));
	for (size_t i = 0; i < 64; i++)
		history_begin(&log, HISTORY_STORE, 1, i);
	assert_int_equal(linearizability_check(checker, logs, 1), LINEARIZABILITY_HOLDS);
	history_begin(&log, HISTORY_STORE, 1, 64);
	assert_int_equal(linearizability_check(checker, logs, 1), LINEARIZABILITY_UNDECIDED);
	linearizability_delete(checker);
}

/* ---- another idea of a register ------------------------------------------------------------------------- */

struct oracle {
	int is_there[KEYS];
	int is_barred[KEYS];
	uint64_t items[KEYS];
};

/* Does what an operation says. Whether there is room is up to what it was told. */
static void oracle_do(struct oracle *oracle, struct history_operation *operation)
{
	int *const is_there = &oracle->is_there[operation->key];
	uint64_t *const item = &oracle->items[operation->key];
	const int adds = operation->kind == HISTORY_INSERT || operation->kind == HISTORY_UPSERT;

	operation->item = HISTORY_ANY; /* upsert: what it wrote; the others: what was there */
	if (!*is_there) {
		const int is_refused = operation->outcome == HISTORY_FULL || operation->outcome == HISTORY_BARRED;

		if (adds && (is_refused || oracle->is_barred[operation->key])) {
			oracle->is_barred[operation->key] |= operation->outcome == HISTORY_BARRED;
			operation->outcome = is_refused ? operation->outcome : HISTORY_BARRED;
			return;
		}
		operation->outcome = adds ? HISTORY_DONE : HISTORY_ABSENT;
		*is_there = adds;
		*item = operation->argument;
		if (operation->kind == HISTORY_UPSERT)
			operation->item = *item;
		return;
	}
	operation->outcome = operation->kind == HISTORY_INSERT || operation->kind == HISTORY_UPSERT ? HISTORY_EXISTS : HISTORY_DONE;
	operation->item = *item;
	if (operation->kind == HISTORY_ERASE)
		*is_there = 0;
	if (operation->kind == HISTORY_FETCH_ADD || operation->kind == HISTORY_UPSERT)
		*item += operation->argument;
	if (operation->kind == HISTORY_UPSERT)
		operation->item = *item;
	if (operation->kind == HISTORY_COMPARE_EXCHANGE && *item != operation->expected)
		operation->outcome = HISTORY_DIFFERENT;
	else if (operation->kind == HISTORY_STORE || operation->kind == HISTORY_COMPARE_EXCHANGE)
		*item = operation->argument;
}

/* Whether the operations that are left, and all that returned must be done, can be done in some order that the intervals allow. */
static int brute_force(const struct row *rows, size_t count, unsigned left, const struct oracle *oracle)
{
	int is_done = 1;

	for (size_t i = 0; i < count; i++)
		is_done &= !(left >> i & 1) || rows[i].operation.outcome == HISTORY_RUNNING;
	if (is_done)
		return 1;
	for (size_t i = 0; i < count; i++) {
		const struct history_operation *const told = &rows[i].operation;
		struct history_operation done = *told;
		struct oracle after = *oracle;
		int may_be_next = left >> i & 1;

		for (size_t j = 0; j < count; j++)
			may_be_next &= !(left >> j & 1) || rows[j].operation.end >= told->begin;
		if (!may_be_next)
			continue;
		oracle_do(&after, &done);
		if (told->outcome != HISTORY_RUNNING &&
		    (done.outcome != told->outcome ||
		     (told->item != HISTORY_ANY && done.item != HISTORY_ANY && told->item != done.item)))
			continue;
		if (brute_force(rows, count, left & ~(1U << i), &after))
			return 1;
	}
	return 0;
}

/* ---- random histories ----------------------------------------------------------------------------------- */

#define RANDOM_ROWS 7
#define SPACE 1000 /* between the moments at which operations take effect */

static uint64_t below(uint64_t *random, uint64_t limit)
{
	return kit_random(random) % limit;
}

/* What happens one after the other, told with intervals around it; a log's do not overlap. */
static void make_rows(struct row *rows, size_t count, uint64_t *random)
{
	struct oracle oracle;
	size_t last[LOGS];

	memset(&oracle, 0, sizeof(oracle));
	memset(last, 0xff, sizeof(last));
	for (size_t i = 0; i < count; i++) {
		const unsigned log = (unsigned)below(random, LOGS - 1);
		const uint64_t moment = (i + 1) * SPACE;
		uint64_t free_from = 1;
		struct history_operation *const operation = &rows[i].operation;

		if (last[log] != SIZE_MAX) {
			uint64_t *const end = &rows[last[log]].operation.end;

			*end = *end < moment ? *end : moment - 1;
			free_from = *end + 1;
		}
		rows[i].log = log;
		last[log] = i;
		*operation = (struct history_operation){ .kind = (enum history_kind)below(random, HISTORY_UPSERT + 1),
							 .key = below(random, KEYS), .argument = 1 + below(random, 3),
							 .expected = 1 + below(random, 3) };
		if (below(random, 16) == 0)
			operation->outcome = below(random, 2) ? HISTORY_FULL : HISTORY_BARRED;
		oracle_do(&oracle, operation);
		operation->begin = moment - below(random, moment - free_from + 1);
		operation->end = moment + below(random, 4 * SPACE);
		if (below(random, 4) == 0)
			operation->item = HISTORY_ANY;
		if (i + LOGS > count && below(random, 4) == 0 && log == 0 && operation->outcome < HISTORY_FULL) {
			operation->outcome = HISTORY_RUNNING;
			operation->end = HISTORY_NEVER;
		}
	}
}

/* Some log has nothing behind what did not return. */
static int is_possible(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (rows[j].log == rows[i].log && rows[i].operation.outcome == HISTORY_RUNNING)
				return 0;
	return 1;
}

static void mutate(struct row *rows, size_t count, uint64_t *random)
{
	struct history_operation *const one = &rows[below(random, count)].operation;
	struct history_operation *const other = &rows[below(random, count)].operation;
	const uint64_t item = one->item;

	if (one->outcome == HISTORY_RUNNING || other->outcome == HISTORY_RUNNING)
		return;
	switch (below(random, 4)) {
	case 0:
		one->item = other->item;
		other->item = item;
		break;
	case 1:
		one->item = 1 + below(random, 4);
		break;
	case 2:
		one->outcome = one->outcome == HISTORY_ABSENT || one->outcome == HISTORY_EXISTS ? HISTORY_DONE :
			       one->kind == HISTORY_INSERT || one->kind == HISTORY_UPSERT	  ? HISTORY_EXISTS :
												    HISTORY_ABSENT;
		break;
	default:
		one->end = one->begin;
		break;
	}
}

static void test_linearizability_random_histories(void **state)
{
	uint64_t random = kit_seed();
	struct linearizability *const checker = linearizability_new();
	unsigned rejected = 0;
	unsigned accepted = 0;

	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(40000); turn++) {
		const size_t count = 2 + below(&random, RANDOM_ROWS - 1);
		const struct oracle nothing = { .is_there = { 0 } };
		struct row rows[RANDOM_ROWS];
		struct table table;

		make_rows(rows, count, &random);
		if (!is_possible(rows, count))
			continue;
		table_init(&table, rows, count, 0);
		if (check_table(checker, &table) != LINEARIZABILITY_HOLDS) {
			linearizability_explain(checker, stdout);
			fail_msg("turn %u: a right history is rejected", turn);
		}
		mutate(rows, count, &random);
		table_init(&table, rows, count, 0);
		const int is_right = brute_force(rows, count, (1U << count) - 1, &nothing);

		if ((check_table(checker, &table) == LINEARIZABILITY_HOLDS) != is_right) {
			linearizability_explain(checker, stdout);
			fail_msg("turn %u: brute force says %d", turn, is_right);
		}
		accepted += is_right != 0;
		rejected += is_right == 0;
	}
	assert_true(accepted > 1000 / (KIT_REPEAT(4) == 4 ? 1 : 8));
	assert_true(rejected > 1000 / (KIT_REPEAT(4) == 4 ? 1 : 8));
	linearizability_delete(checker);
}

/* ---- a long one ----------------------------------------------------------------------------------------- */

#define LONG_ROWS 30000

static void test_linearizability_long_histories(void **state)
{
	struct history_operation *const operations = calloc(3 * LONG_ROWS, sizeof(*operations));
	struct linearizability *const checker = linearizability_new();
	uint64_t random = kit_seed();
	struct history_clock clock;
	struct history_log logs[3];
	const struct history_log *const all[] = { &logs[0], &logs[1], &logs[2] };
	struct history_operation *running[3] = { NULL, NULL, NULL };
	struct history_operation told[3];
	struct oracle oracle;

	(void)state;
	assert_non_null(operations);
	memset(&oracle, 0, sizeof(oracle));
	history_clock_init(&clock, HISTORY_CLOCK_ATOMIC, 0);
	for (size_t i = 0; i < 3; i++)
		history_log_init(&logs[i], &clock, operations + i * LONG_ROWS, LONG_ROWS);
	/* Each begins at one moment, takes effect at another, and ends at a third. */
	for (unsigned i = 0; i < LONG_ROWS; i++) {
		const size_t log = below(&random, 3);

		if (running[log] == NULL) {
			running[log] = history_begin(&logs[log], (enum history_kind)below(&random, HISTORY_UPSERT + 1), 0,
						     below(&random, 1000));
			told[log] = *running[log];
			told[log].outcome = HISTORY_RUNNING;
		} else if (told[log].outcome == HISTORY_RUNNING) {
			oracle_do(&oracle, &told[log]);
		} else {
			history_end(&logs[log], running[log], told[log].outcome, told[log].item);
			running[log] = NULL;
		}
	}
	assert_int_equal(linearizability_check(checker, all, 3), LINEARIZABILITY_HOLDS);
	assert_true(linearizability_statistics(checker)->states < 40 * LONG_ROWS);
	assert_true(linearizability_statistics(checker)->overlaps > LONG_ROWS / 10);

	struct history_operation *const last = history_begin(&logs[0], HISTORY_FIND, 0, 0);
	char *text = NULL;
	size_t length = 0;
	FILE *const memory = open_memstream(&text, &length);

	history_end(&logs[0], last, HISTORY_DONE, 123456);
	assert_int_equal(linearizability_check(checker, all, 3), LINEARIZABILITY_BROKEN);
	linearizability_explain(checker, memory);
	fclose(memory);
	/* Not the whole history. */
	assert_non_null(strstr(text, "find: done, saw 123456"));
	assert_true(length < 20000);
	free(text);
	linearizability_delete(checker);
	free(operations);
}

/* ---- size, iteration ------------------------------------------------------------------------------------ */

#define KEY(log, kind, key, outcome, begin, end)                                                                                \
	{                                                                                                                       \
		log, { HISTORY_##kind, HISTORY_##outcome, key, 1, 0, HISTORY_ANY, begin, end }                                 \
	}
#define SIZE(log, capacity, size, begin, end)                                                                                   \
	{                                                                                                                       \
		log, { HISTORY_SIZE, HISTORY_DONE, 0, capacity, 0, size, begin, end }                                          \
	}

static void test_linearizability_sizes(void **state)
{
	static const struct known known[] = {
		{ "nothing there", LINEARIZABILITY_HOLDS, { SIZE(0, 9, 0, 1, 2) } },
		{ "nothing there, but one is counted", LINEARIZABILITY_WRONG_SIZE, { SIZE(0, 9, 1, 1, 2) } },
		{ "two of two keys", LINEARIZABILITY_HOLDS,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, INSERT, 2, DONE, 3, 4), SIZE(1, 9, 2, 5, 6) } },
		{ "one too few", LINEARIZABILITY_WRONG_SIZE,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, UPSERT, 2, DONE, 3, 4), SIZE(1, 9, 1, 5, 6) } },
		{ "one too many", LINEARIZABILITY_WRONG_SIZE,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, INSERT, 2, FULL, 3, 4), SIZE(1, 9, 2, 5, 6) } },
		{ "an erase beside, not counted yet", LINEARIZABILITY_HOLDS,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, ERASE, 1, DONE, 3, 6), SIZE(1, 9, 1, 4, 5) } },
		{ "an erase beside, counted", LINEARIZABILITY_HOLDS,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, ERASE, 1, DONE, 3, 6), SIZE(1, 9, 0, 4, 5) } },
		{ "an erase before, not counted", LINEARIZABILITY_WRONG_SIZE,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, ERASE, 1, DONE, 3, 4), SIZE(1, 9, 1, 5, 6) } },
		{ "an insert that did not return", LINEARIZABILITY_HOLDS, { KEY(0, INSERT, 1, RUNNING, 1, NEVER), SIZE(1, 9, 1, 5, 6) } },
		{ "below zero", LINEARIZABILITY_WRONG_SIZE, { KEY(0, INSERT, 1, DONE, 1, 9), SIZE(1, ANY, UINT64_MAX, 5, 6) } },
		{ "above the capacity", LINEARIZABILITY_WRONG_SIZE,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, INSERT, 2, DONE, 3, 4), SIZE(1, 1, 2, 5, 6) } },
		{ "an erase that fails does not count", LINEARIZABILITY_WRONG_SIZE,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, ERASE, 2, ABSENT, 3, 6), SIZE(1, 9, 0, 4, 5) } },
	};

	(void)state;
	check_known(known, KIT_COUNT(known));
}

static void test_linearizability_iterations(void **state)
{
	static const struct known known[] = {
		{ "of nothing", LINEARIZABILITY_HOLDS, { KEY(0, ITERATE, 0, DONE, 1, 2) } },
		{ "each once", LINEARIZABILITY_HOLDS,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, INSERT, 2, DONE, 3, 4), KEY(0, ITERATE, 0, DONE, 5, 10),
		    KEY(0, VISIT, 2, DONE, 6, 7), KEY(0, VISIT, 1, DONE, 8, 9) } },
		{ "one is left out", LINEARIZABILITY_WRONG_ITERATION,
		  { KEY(0, INSERT, 1, DONE, 1, 2), KEY(0, INSERT, 2, DONE, 3, 4), KEY(0, ITERATE, 0, DONE, 5, 10),
		    KEY(0, VISIT, 2, DONE, 6, 7) } },
		{ "all are left out", LINEARIZABILITY_WRONG_ITERATION,
		  { KEY(1, UPSERT, 1, DONE, 1, 2), KEY(0, ITERATE, 0, DONE, 5, 10) } },
		{ "one comes twice", LINEARIZABILITY_WRONG_ITERATION,
		  { KEY(1, INSERT, 1, DONE, 1, 2), KEY(0, ITERATE, 0, DONE, 5, 10), KEY(0, VISIT, 1, DONE, 6, 7),
		    KEY(0, VISIT, 1, DONE, 8, 9) } },
		{ "what is erased meanwhile may come or not", LINEARIZABILITY_HOLDS,
		  { KEY(1, INSERT, 1, DONE, 1, 2), KEY(1, ERASE, 1, DONE, 3, 8), KEY(0, ITERATE, 0, DONE, 5, 10) } },
		{ "an erase behind it does not matter", LINEARIZABILITY_WRONG_ITERATION,
		  { KEY(1, INSERT, 1, DONE, 1, 2), KEY(1, ERASE, 1, DONE, 11, 12), KEY(0, ITERATE, 0, DONE, 5, 10) } },
		{ "twice for two inserts", LINEARIZABILITY_HOLDS,
		  { KEY(1, INSERT, 1, DONE, 1, 2), KEY(1, ERASE, 1, DONE, 8, 9), KEY(1, INSERT, 1, DONE, 10, 11),
		    KEY(0, ITERATE, 0, DONE, 5, 14), KEY(0, VISIT, 1, DONE, 6, 7), KEY(0, VISIT, 1, DONE, 12, 13) } },
		{ "three times for two inserts", LINEARIZABILITY_WRONG_ITERATION,
		  { KEY(1, INSERT, 1, DONE, 1, 2), KEY(1, ERASE, 1, DONE, 9, 10), KEY(1, INSERT, 1, DONE, 11, 20),
		    KEY(0, ITERATE, 0, DONE, 5, 18), KEY(0, VISIT, 1, DONE, 6, 7), KEY(0, VISIT, 1, DONE, 7, 8),
		    KEY(0, VISIT, 1, DONE, 12, 13) } },
		{ "an item that it never had", LINEARIZABILITY_BROKEN,
		  { KEY(1, INSERT, 1, DONE, 1, 2), KEY(0, ITERATE, 0, DONE, 5, 10), { 0, { HISTORY_VISIT, HISTORY_DONE, 1, 0, 0, 8, 6, 7 } } } },
	};

	(void)state;
	check_known(known, KIT_COUNT(known));
}

static uint64_t oracle_size(const struct oracle *oracle)
{
	return (uint64_t)oracle->is_there[0] + (uint64_t)oracle->is_there[1];
}

/*
 * A size and an iteration are true at moments between the operations' (of the iteration: one for each key), and told with intervals around them. Nothing may be held
 * against them. When nothing ran beside, nothing else may be told.
 */
static void test_linearizability_random_sizes_and_iterations(void **state)
{
	uint64_t random = kit_seed();
	struct linearizability *const checker = linearizability_new();

	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(20000); turn++) {
		const size_t at = below(&random, RANDOM_ROWS + 1);
		const size_t until = at + below(&random, RANDOM_ROWS + 1 - at);
		const uint64_t slack = below(&random, 3) * SPACE;
		struct oracle oracle = { .is_there = { 0 } };
		struct row rows[RANDOM_ROWS + 2 + KEYS];
		size_t count = RANDOM_ROWS;
		struct table table;

		make_rows(rows, RANDOM_ROWS, &random);
		if (!is_possible(rows, RANDOM_ROWS))
			continue;
		const uint64_t begin = at * SPACE + SPACE / 2;
		const uint64_t end = until * SPACE + SPACE / 2 + slack + 1;

		rows[count++] = (struct row)KEY(LOGS - 1, ITERATE, 0, DONE, begin, end);
		for (size_t i = 0; i <= until; i++) {
			/* The keys are looked at when the iteration begins, and when it ends. */
			if (i == at && oracle.is_there[0])
				rows[count++] = (struct row)KEY(LOGS - 1, VISIT, 0, DONE, begin, begin + 1);
			if (i == until && oracle.is_there[1])
				rows[count++] = (struct row)KEY(LOGS - 1, VISIT, 1, DONE, begin, end);
			if (i < until) {
				struct history_operation again = rows[i].operation;

				oracle_do(&oracle, &again);
			}
		}
		rows[count++] = (struct row)SIZE(0, KEYS, oracle_size(&oracle), until * SPACE + SPACE / 2 - slack / 4, end);
		table_init(&table, rows, count, 0);
		if (check_table(checker, &table) != LINEARIZABILITY_HOLDS) {
			linearizability_explain(checker, stdout);
			fail_msg("turn %u", turn);
		}
	}
	linearizability_delete(checker);
}

/* Nothing runs beside: sizes are exact, and each entry comes once. */
static void test_linearizability_quiet_sizes_and_iterations(void **state)
{
	(void)state;
	for (uint64_t entries = 0; entries < 4; entries++)
		for (uint64_t told = 0; told < 5; told++) {
			struct row rows[16];
			size_t count = 0;

			for (uint64_t i = 0; i < entries; i++)
				rows[count++] = (struct row)KEY(0, INSERT, i, DONE, 2 * i + 1, 2 * i + 2);
			rows[count++] = (struct row)SIZE(1, 9, told, 20, 21);
			assert_int_equal(verdict_of(rows, count, 0), told == entries ? LINEARIZABILITY_HOLDS : LINEARIZABILITY_WRONG_SIZE);
			rows[count - 1] = (struct row)KEY(1, ITERATE, 0, DONE, 20, 50);
			for (uint64_t i = 0; i < told && i < entries; i++)
				rows[count++] = (struct row)KEY(1, VISIT, i, DONE, 21 + 2 * i, 22 + 2 * i);
			assert_int_equal(verdict_of(rows, count, 0), told >= entries ? LINEARIZABILITY_HOLDS : LINEARIZABILITY_WRONG_ITERATION);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history_records_what_it_is_told),
		cmocka_unit_test(test_history_raw_clock_goes_on),
		cmocka_unit_test(test_linearizability_right_histories),
		cmocka_unit_test(test_linearizability_wrong_histories),
		cmocka_unit_test(test_linearizability_operations_that_did_not_return),
		cmocka_unit_test(test_linearizability_skew),
		cmocka_unit_test(test_linearizability_says_when_it_cannot_decide),
		cmocka_unit_test(test_linearizability_random_histories),
		cmocka_unit_test(test_linearizability_long_histories),
		cmocka_unit_test(test_linearizability_sizes),
		cmocka_unit_test(test_linearizability_iterations),
		cmocka_unit_test(test_linearizability_random_sizes_and_iterations),
		cmocka_unit_test(test_linearizability_quiet_sizes_and_iterations),
	};

	return KIT_RUN(tests);
}
