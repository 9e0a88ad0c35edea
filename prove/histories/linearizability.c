/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * linearizability.c: just-in-time linearization (Lowe, "Testing for linearizability", 2017, after Wing and Gong 1993), breadth first.
 *
 * The begins and ends of the operations on one key are gone through in the order of time. What is known is a set of configurations: which of the
 * operations that run have taken effect already, as a bit for each, and the item that the key then has. At the beginning it is one, nothing.
 *
 *     begin   the operation gets a bit, which no configuration has
 *     end     in each configuration it must have taken effect by now. Where it has not, running operations take effect one after the other, in all
 *             orders, until it is its turn; orders that its outcome, or that of one before it, contradicts are dropped. Then its bit is free again
 *
 * No configuration is left: no order explains the end. The set holds no configuration twice and forgets what has ended, so its size depends on how many
 * operations run at one time, not on how long the history is: for 3 threads it is a handful.
 */
#include "linearizability.h"

#include <stdlib.h>
#include <string.h>

#define RUNNING_MAX 64
#define TIMELINE_MAX 64
#define ITEMS_PRINTED_MAX 8

/* An operation, and when it may have taken effect. */
struct interval {
	const struct history_operation *operation;
	size_t number; /* among all that were gathered: log by log, in their order */
	size_t log;
	uint64_t begin;
	uint64_t end;
};

struct event {
	uint64_t time;
	const struct interval *interval;
	int is_end;
};

struct configuration {
	uint64_t done; /* of the running operations: a bit for each that has taken effect */
	uint64_t item;
};

/* Without duplicates, in the order in which they came. An entry of the table is a turn and a position; those of other turns are free. */
struct configurations {
	struct configuration *all;
	size_t count;
	size_t capacity;
	uint64_t *table; /* four times the capacity */
	uint32_t turn;
};

/* Of one key, while its events are gone through. */
struct walk {
	uint64_t running; /* a bit for each operation */
	const struct interval *intervals[RUNNING_MAX];
	uint64_t after[RUNNING_MAX]; /* running operations that the same log has before it */
};

struct linearizability {
	struct interval *intervals; /* of single keys, by key and begin */
	struct interval *whole;	    /* of sizes and iterations */
	struct event *events;	    /* of one key */
	size_t intervals_count;
	size_t whole_count;
	size_t capacity;
	struct configurations now;
	struct configurations next;
	struct linearizability_stats stats;
	enum linearizability_verdict verdict;
	const struct interval *culprit;
	uint64_t quiet_since; /* begins before this one are of no interest for the explanation */
	uint64_t quiet_items[ITEMS_PRINTED_MAX];
	size_t quiet_items_count;
};

static void *need(void *memory)
{
	if (memory == NULL) {
		fputs("linearizability: no memory\n", stderr);
		abort();
	}
	return memory;
}

/* ---- sets of configurations ----------------------------------------------------------------------------- */

static size_t table_place(const struct configurations *set, struct configuration configuration)
{
	uint64_t hash = (configuration.done ^ configuration.item * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);

	hash ^= hash >> 29;
	return (size_t)(hash * UINT64_C(0x94d049bb133111eb) >> 20) & (4 * set->capacity - 1);
}

static void empty(struct configurations *set)
{
	set->count = 0;
	if (++set->turn != 0)
		return;
	memset(set->table, 0, 4 * set->capacity * sizeof(*set->table));
	set->turn = 1;
}

static void add(struct configurations *set, struct configuration configuration);

static void widen(struct configurations *set, size_t capacity)
{
	const size_t count = set->count;

	set->all = need(realloc(set->all, capacity * sizeof(*set->all)));
	free(set->table);
	set->table = need(calloc(4 * capacity, sizeof(*set->table)));
	set->capacity = capacity;
	set->turn = 0;
	empty(set);
	for (size_t i = 0; i < count; i++)
		add(set, set->all[i]);
}

static void add(struct configurations *set, struct configuration configuration)
{
	if (set->count == set->capacity)
		widen(set, 2 * set->capacity);
	/* Ends: a quarter of the table is taken at most. */
	for (size_t place = table_place(set, configuration);; place = (place + 1) & (4 * set->capacity - 1)) {
		const uint64_t entry = set->table[place];

		if (entry >> 32 != set->turn) {
			set->table[place] = (uint64_t)set->turn << 32 | set->count;
			set->all[set->count++] = configuration;
			return;
		}
		const struct configuration other = set->all[entry & UINT32_MAX];

		if (other.done == configuration.done && other.item == configuration.item)
			return;
	}
}

/* ---- one key, used by one thread ------------------------------------------------------------------------ */

struct effect {
	enum history_outcome outcome;
	uint64_t seen;
	uint64_t after;
};

static struct effect effect_on_nothing(const struct history_operation *operation, uint64_t item)
{
	if (operation->kind != HISTORY_INSERT && operation->kind != HISTORY_UPSERT)
		return (struct effect){ HISTORY_ABSENT, HISTORY_ANY, item };
	if (item == HISTORY_NO_ROOM)
		return (struct effect){ HISTORY_BARRED, HISTORY_ANY, item };
	return (struct effect){ HISTORY_DONE, operation->kind == HISTORY_UPSERT ? operation->argument : HISTORY_ANY, operation->argument };
}

static struct effect effect_on_item(const struct history_operation *operation, uint64_t item)
{
	switch (operation->kind) {
	case HISTORY_INSERT:
		return (struct effect){ HISTORY_EXISTS, item, item };
	case HISTORY_ERASE:
		return (struct effect){ HISTORY_DONE, item, HISTORY_NOTHING };
	case HISTORY_STORE:
		return (struct effect){ HISTORY_DONE, item, operation->argument };
	case HISTORY_COMPARE_EXCHANGE:
		if (item != operation->expected)
			return (struct effect){ HISTORY_DIFFERENT, item, item };
		return (struct effect){ HISTORY_DONE, item, operation->argument };
	case HISTORY_FETCH_ADD:
		return (struct effect){ HISTORY_DONE, item, item + operation->argument };
	case HISTORY_UPSERT:
		return (struct effect){ HISTORY_EXISTS, item + operation->argument, item + operation->argument };
	default:
		return (struct effect){ HISTORY_DONE, item, item };
	}
}

/* 1, and *item is what the key has after the operation; or 0: on this item it cannot have ended as it did. */
static int apply(const struct history_operation *operation, uint64_t *item)
{
	const int is_there = *item <= HISTORY_ITEM_MAX;

	if (operation->outcome == HISTORY_FULL || operation->outcome == HISTORY_BARRED) {
		if (operation->outcome == HISTORY_BARRED)
			*item = HISTORY_NO_ROOM;
		return !is_there;
	}
	const struct effect effect = is_there ? effect_on_item(operation, *item) : effect_on_nothing(operation, *item);

	*item = effect.after;
	return operation->outcome == HISTORY_RUNNING ||
	       (operation->outcome == effect.outcome &&
		(operation->item == HISTORY_ANY || effect.seen == HISTORY_ANY || operation->item == effect.seen));
}

/* ---- just-in-time linearization ------------------------------------------------------------------------- */

static unsigned bit_of(const struct walk *walk, const struct interval *interval)
{
	unsigned bit = 0;

	while (walk->intervals[bit] != interval)
		bit++;
	return bit;
}

/* Two stamps of one log are in the order of its operations, however wide the intervals were made. */
static int is_sequence(const struct interval *first, const struct interval *second)
{
	return first->log == second->log && first->operation->end <= second->operation->begin;
}

static int begin(struct linearizability *checker, struct walk *walk, const struct interval *interval)
{
	int overlaps = 0;
	uint64_t after = 0;

	if (walk->running == UINT64_MAX)
		return 0;
	for (uint64_t left = walk->running; left != 0; left &= left - 1) {
		const unsigned other = (unsigned)__builtin_ctzll(left);

		if (is_sequence(walk->intervals[other], interval))
			after |= UINT64_C(1) << other;
		overlaps |= walk->intervals[other]->operation->end > interval->operation->begin;
	}
	const unsigned bit = (unsigned)__builtin_ctzll(~walk->running);

	checker->stats.overlaps += (uint64_t)overlaps;
	walk->running |= UINT64_C(1) << bit;
	walk->intervals[bit] = interval;
	walk->after[bit] = after;
	return 1;
}

/* Adds the configurations that one more operation leads to. */
static void step(struct configurations *set, const struct walk *walk, struct configuration from)
{
	for (uint64_t left = walk->running & ~from.done; left != 0; left &= left - 1) {
		const unsigned bit = (unsigned)__builtin_ctzll(left);
		struct configuration to = { from.done | UINT64_C(1) << bit, from.item };

		if ((walk->after[bit] & ~from.done) == 0 && apply(walk->intervals[bit]->operation, &to.item))
			add(set, to);
	}
}

static int end(struct linearizability *checker, struct walk *walk, const struct interval *interval)
{
	const unsigned bit = bit_of(walk, interval);
	const uint64_t mask = UINT64_C(1) << bit;

	empty(&checker->next);
	/* Ends: no configuration comes twice, and they are finite. */
	for (size_t i = 0; i < checker->now.count; i++) {
		const struct configuration configuration = checker->now.all[i];

		if (configuration.done & mask)
			add(&checker->next, (struct configuration){ configuration.done & ~mask, configuration.item });
		else
			step(&checker->now, walk, configuration);
	}
	checker->stats.states += checker->now.count;
	const struct configurations old = checker->now;

	checker->now = checker->next;
	checker->next = old;
	walk->running &= ~mask;
	walk->intervals[bit] = NULL;
	for (unsigned other = 0; other < RUNNING_MAX; other++)
		walk->after[other] &= ~mask;
	return checker->now.count > 0;
}

/* No operation runs: an explanation need not go back further. */
static void note_quiet(struct linearizability *checker, uint64_t time)
{
	checker->quiet_since = time;
	checker->quiet_items_count = checker->now.count < ITEMS_PRINTED_MAX ? checker->now.count : ITEMS_PRINTED_MAX;
	for (size_t i = 0; i < checker->quiet_items_count; i++)
		checker->quiet_items[i] = checker->now.all[i].item;
}

static enum linearizability_verdict walk_events(struct linearizability *checker, size_t events_count)
{
	struct walk walk;

	memset(&walk, 0, sizeof(walk));
	empty(&checker->now);
	add(&checker->now, (struct configuration){ 0, HISTORY_NOTHING });
	note_quiet(checker, 0);
	for (size_t i = 0; i < events_count; i++) {
		const struct event *const event = &checker->events[i];

		checker->culprit = event->interval;
		if (!event->is_end && !begin(checker, &walk, event->interval))
			return LINEARIZABILITY_UNDECIDED;
		if (event->is_end && !end(checker, &walk, event->interval))
			return LINEARIZABILITY_BROKEN;
		if (walk.running == 0)
			note_quiet(checker, event->time);
	}
	return LINEARIZABILITY_HOLDS;
}

/* Begins come before ends at the same time: what may overlap does. */
static int compare_events(const void *left, const void *right)
{
	const struct event *const a = left;
	const struct event *const b = right;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->is_end != b->is_end)
		return a->is_end - b->is_end;
	return a->interval->number < b->interval->number ? -1 : 1;
}

static enum linearizability_verdict check_key(struct linearizability *checker, const struct interval *first, size_t count)
{
	size_t events_count = 0;

	for (size_t i = 0; i < count; i++) {
		checker->events[events_count++] = (struct event){ first[i].begin, &first[i], 0 };
		if (first[i].end != HISTORY_NEVER)
			checker->events[events_count++] = (struct event){ first[i].end, &first[i], 1 };
	}
	qsort(checker->events, events_count, sizeof(*checker->events), compare_events);
	return walk_events(checker, events_count);
}

/* ---- size and iteration --------------------------------------------------------------------------------- */

struct bounds {
	int64_t least;
	int64_t most;
};

/* How many entries of these operations must, and can, be there in this time: S.1, T.1, T.2. */
static struct bounds entries_between(const struct interval *first, size_t count, const struct interval *time)
{
	struct bounds bounds = { 0, 0 };

	for (size_t i = 0; i < count; i++) {
		const struct history_operation *const operation = first[i].operation;
		const int is_done = operation->outcome == HISTORY_DONE;
		const int had_ended = is_done && first[i].end < time->begin;
		const int had_begun = (is_done || operation->outcome == HISTORY_RUNNING) && first[i].begin <= time->end;

		if (operation->kind == HISTORY_INSERT || operation->kind == HISTORY_UPSERT) {
			bounds.least += had_ended;
			bounds.most += had_begun;
		} else if (operation->kind == HISTORY_ERASE) {
			bounds.least -= had_begun;
			bounds.most -= had_ended;
		}
	}
	bounds.least = bounds.least > 0 ? bounds.least : 0;
	return bounds;
}

static size_t same_key(const struct linearizability *checker, size_t first)
{
	const uint64_t key = checker->intervals[first].operation->key;
	size_t end_of_key = first + 1;

	while (end_of_key < checker->intervals_count && checker->intervals[end_of_key].operation->key == key)
		end_of_key++;
	return end_of_key - first;
}

static int64_t visits_of(const struct history_operation *iteration, const struct history_operation *end_of_log, uint64_t key)
{
	int64_t visits = 0;

	for (const struct history_operation *visit = iteration + 1; visit < end_of_log && visit->kind == HISTORY_VISIT; visit++)
		visits += visit->key == key;
	return visits;
}

static int is_right_iteration(const struct linearizability *checker, const struct interval *iteration,
			      const struct history_log *log)
{
	size_t count;

	for (size_t first = 0; first < checker->intervals_count; first += count) {
		count = same_key(checker, first);
		const struct interval *const intervals = &checker->intervals[first];
		const struct bounds bounds = entries_between(intervals, count, iteration);
		const int64_t visits = visits_of(iteration->operation, log->operations + log->count, intervals->operation->key);

		if (visits > bounds.most || (bounds.least > 0 && visits == 0))
			return 0;
	}
	return 1;
}

static int is_right_size(const struct linearizability *checker, const struct interval *size)
{
	const struct bounds bounds = entries_between(checker->intervals, checker->intervals_count, size);

	return size->operation->item <= size->operation->argument && (int64_t)size->operation->item >= bounds.least &&
	       (int64_t)size->operation->item <= bounds.most;
}

static enum linearizability_verdict check_whole(struct linearizability *checker, const struct history_log *const *logs)
{
	for (size_t i = 0; i < checker->whole_count; i++) {
		const struct interval *const whole = &checker->whole[i];

		checker->culprit = whole;
		if (whole->operation->kind == HISTORY_SIZE && !is_right_size(checker, whole))
			return LINEARIZABILITY_WRONG_SIZE;
		if (whole->operation->kind == HISTORY_ITERATE && !is_right_iteration(checker, whole, logs[whole->log]))
			return LINEARIZABILITY_WRONG_ITERATION;
	}
	return LINEARIZABILITY_HOLDS;
}

/* ---- a history ------------------------------------------------------------------------------------------ */

static int compare_intervals(const void *left, const void *right)
{
	const struct interval *const a = left;
	const struct interval *const b = right;

	if (a->operation->key != b->operation->key)
		return a->operation->key < b->operation->key ? -1 : 1;
	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

static void reserve(struct linearizability *checker, size_t capacity)
{
	if (capacity <= checker->capacity)
		return;
	checker->capacity = 2 * capacity;
	checker->intervals = need(realloc(checker->intervals, checker->capacity * sizeof(*checker->intervals)));
	checker->whole = need(realloc(checker->whole, checker->capacity * sizeof(*checker->whole)));
	checker->events = need(realloc(checker->events, 2 * checker->capacity * sizeof(*checker->events)));
}

/* What tells nothing is left out: what had no effect, and what did not return and only looks. */
static int tells_something(const struct history_operation *operation)
{
	return operation->outcome != HISTORY_NO_EFFECT && (operation->outcome != HISTORY_RUNNING || operation->kind < HISTORY_VISIT) &&
	       !(operation->outcome == HISTORY_RUNNING && operation->kind == HISTORY_FIND);
}

static void gather(struct linearizability *checker, const struct history_log *log, size_t number)
{
	for (size_t i = 0; i < log->count; i++) {
		const struct history_operation *const operation = &log->operations[i];
		const uint64_t skew = log->clock->skew;
		const struct interval interval = {
			operation, checker->intervals_count + checker->whole_count, number,
			operation->begin > skew ? operation->begin - skew : 0,
			operation->end < HISTORY_NEVER - skew ? operation->end + skew : HISTORY_NEVER,
		};

		if (!tells_something(operation))
			continue;
		if (operation->kind >= HISTORY_ITERATE)
			checker->whole[checker->whole_count++] = interval;
		else
			checker->intervals[checker->intervals_count++] = interval;
	}
}

enum linearizability_verdict linearizability_check(struct linearizability *checker, const struct history_log *const *logs,
						   size_t logs_count)
{
	const uint64_t overlaps = checker->stats.overlaps;
	size_t operations = 0;
	size_t count;

	for (size_t i = 0; i < logs_count; i++)
		operations += logs[i]->count;
	reserve(checker, operations);
	checker->intervals_count = 0;
	checker->whole_count = 0;
	for (size_t i = 0; i < logs_count; i++)
		gather(checker, logs[i], i);
	if (checker->intervals_count > 0)
		qsort(checker->intervals, checker->intervals_count, sizeof(*checker->intervals), compare_intervals);
	checker->verdict = LINEARIZABILITY_HOLDS;
	for (size_t first = 0; first < checker->intervals_count && checker->verdict == LINEARIZABILITY_HOLDS; first += count) {
		count = same_key(checker, first);
		checker->verdict = check_key(checker, &checker->intervals[first], count);
	}
	if (checker->verdict == LINEARIZABILITY_HOLDS)
		checker->verdict = check_whole(checker, logs);
	checker->stats.histories++;
	checker->stats.histories_overlapping += checker->stats.overlaps > overlaps;
	checker->stats.operations += operations;
	return checker->verdict;
}

const struct linearizability_stats *linearizability_statistics(const struct linearizability *checker)
{
	return &checker->stats;
}

struct linearizability *linearizability_new(void)
{
	struct linearizability *const checker = need(calloc(1, sizeof(*checker)));

	widen(&checker->now, 16);
	widen(&checker->next, 16);
	return checker;
}

void linearizability_delete(struct linearizability *checker)
{
	free(checker->now.all);
	free(checker->now.table);
	free(checker->next.all);
	free(checker->next.table);
	free(checker->intervals);
	free(checker->whole);
	free(checker->events);
	free(checker);
}

/* ---- explanations --------------------------------------------------------------------------------------- */

static void print_item(uint64_t item, FILE *to)
{
	if (item == HISTORY_ANY)
		fputs("some item", to);
	else if (item == HISTORY_NOTHING)
		fputs("nothing", to);
	else if (item == HISTORY_NO_ROOM)
		fputs("nothing, and no room", to);
	else
		fprintf(to, "%llu", (unsigned long long)item);
}

static void print_operation(const struct history_operation *operation, FILE *to)
{
	static const char *const kinds[] = { "insert", "erase", "find", "store", "compare_exchange", "fetch_add",
					     "upsert", "visit", "iterate", "size" };
	static const char *const outcomes[] = { "did not return", "done", "exists", "absent",
						"different", "full", "full for ever", "no effect" };

	fputs(kinds[operation->kind], to);
	if (operation->kind == HISTORY_COMPARE_EXCHANGE)
		fprintf(to, " %llu ->", (unsigned long long)operation->expected);
	if (operation->kind == HISTORY_INSERT || (operation->kind >= HISTORY_STORE && operation->kind <= HISTORY_UPSERT))
		fprintf(to, " %llu", (unsigned long long)operation->argument);
	fprintf(to, ": %s", outcomes[operation->outcome]);
	if (operation->outcome >= HISTORY_DONE && operation->outcome != HISTORY_ABSENT && operation->outcome < HISTORY_FULL &&
	    operation->item != HISTORY_ANY) {
		fputs(operation->kind == HISTORY_UPSERT ? ", now " : ", saw ", to);
		print_item(operation->item, to);
	}
}

/* Events between two that are printed take no room: time is how many of them came before. */
static void print_bar(const struct linearizability *checker, const struct interval *interval, uint64_t from, uint64_t until, FILE *to)
{
	char bar[2 * TIMELINE_MAX + 1];
	size_t length = 0;

	for (const struct event *event = checker->events; length < TIMELINE_MAX && event->time <= until; event++) {
		if (event->time >= from && (event->interval->begin >= from))
			bar[length++] = event->interval == interval ? '|' :
					event->time > interval->begin && event->time < interval->end ? '-' :
													   ' ';
		if (event->interval == checker->culprit && event->is_end)
			break;
	}
	bar[length] = 0;
	fprintf(to, "  %s", bar);
}

static void explain_key(const struct linearizability *checker, FILE *to)
{
	const struct interval *const culprit = checker->culprit;
	const uint64_t from = checker->quiet_since;

	fprintf(to, "key %llu: no order explains how the operation marked with * ended. Before, the key has",
		(unsigned long long)culprit->operation->key);
	for (size_t i = 0; i < checker->quiet_items_count; i++) {
		fputs(i == 0 ? " " : ", or ", to);
		print_item(checker->quiet_items[i], to);
	}
	fputs(".\n", to);
	for (size_t i = 0; i < checker->intervals_count; i++) {
		const struct interval *const interval = &checker->intervals[i];

		if (interval->operation->key != culprit->operation->key || interval->begin < from || interval->begin > culprit->end)
			continue;
		fprintf(to, "%c log %zu", interval == culprit ? '*' : ' ', interval->log);
		print_bar(checker, interval, from, culprit->end, to);
		fputs("  ", to);
		print_operation(interval->operation, to);
		fputc('\n', to);
	}
}

static void explain_whole(const struct linearizability *checker, const char *what, FILE *to)
{
	const struct interval *const culprit = checker->culprit;
	const struct bounds bounds = entries_between(checker->intervals, checker->intervals_count, culprit);

	fprintf(to, "%s, from %llu to %llu: ", what, (unsigned long long)culprit->begin, (unsigned long long)culprit->end);
	if (culprit->operation->kind == HISTORY_SIZE)
		fprintf(to, "%llu, of a capacity of %llu; ", (unsigned long long)culprit->operation->item,
			(unsigned long long)culprit->operation->argument);
	fprintf(to, "all keys have at least %lld entries, at most %lld.\n", (long long)bounds.least, (long long)bounds.most);
	for (size_t i = 0; i < checker->intervals_count; i++) {
		const struct interval *const interval = &checker->intervals[i];

		fprintf(to, "  log %zu  %10llu to %10lld  key %llu: ", interval->log, (unsigned long long)interval->begin,
			(long long)interval->end, (unsigned long long)interval->operation->key);
		print_operation(interval->operation, to);
		fputc('\n', to);
	}
}

void linearizability_explain(const struct linearizability *checker, FILE *to)
{
	switch (checker->verdict) {
	case LINEARIZABILITY_HOLDS:
		fputs("it may have happened so\n", to);
		break;
	case LINEARIZABILITY_BROKEN:
		explain_key(checker, to);
		break;
	case LINEARIZABILITY_WRONG_SIZE:
		explain_whole(checker, "a size is wrong", to);
		break;
	case LINEARIZABILITY_WRONG_ITERATION:
		explain_whole(checker, "an iteration is wrong", to);
		break;
	default:
		fprintf(to, "key %llu: more than %d operations ran at one time\n",
			(unsigned long long)checker->culprit->operation->key, RUNNING_MAX);
		break;
	}
}
