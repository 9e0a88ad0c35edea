/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * histories.c: a program that records what threads do to tiny maps, and checks that a map may do so (linearizability.h).
 *
 *     prove_histories [--histories N] [--threads T] [--operations K] [--seed S] [--map typed|erased|array|async]
 *                     [--reuse never|same_key|any_key] [--clock atomic|tsc]
 *
 * Each history has a map of its own, of 15 cells and what grows behind them, or with room for few keys. Before the threads start, keys of no interest fill
 * it, so that those that are of interest meet at its last cells, at its limit, or in its next slab. Then the threads start together, and each does up to K
 * random operations on 1 to 4 keys. In three histories of four it pauses at random between the atomic operations (disturb.h). Sizes and iterations go on
 * beside. All follows from the seed, but for who is faster.
 *
 * The threads are started once. They run a batch of histories, meeting before each one, and then sleep while one of them checks the batch.
 *
 * Exit status: 0; 1: a history that cannot be, which is printed; 2: the arguments were wrong.
 */
#include "disturb.h"
#include "fronts.h"
#include "linearizability.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 8
#define KEYS_MAX 4
#define FILLERS_MAX 20
#define FILLERS_BEGIN 1000
#define BATCH_MAX 128
#define BATCH_OPERATIONS 65536
#define SPINS 2000
#define ALL (-1)

struct options {
	uint64_t histories;
	uint64_t seed;
	unsigned threads;
	unsigned operations;
	int map;   /* enum front_kind, or ALL */
	int reuse; /* enum hashloom_reuse, or ALL */
	enum history_clock_kind clock;
};

/* One map, and what is done to it. */
struct trial {
	uint64_t seed;
	enum front_kind kind;
	struct front_shape shape;
	const struct front *front;
	void *map;
	uint64_t keys[KEYS_MAX];
	unsigned keys_count;
	unsigned fillers;
	unsigned mix; /* of mixes[] */
	int has_side_keys;
	struct history_clock clock;
	struct history_log logs[THREADS_MAX + 1]; /* the last one: what was done before the threads started */
};

static struct options options = { 100000, 1, 3, 6, ALL, ALL, HISTORY_CLOCK_ATOMIC };
static struct trial *trials;
static size_t trials_count; /* of this batch; 0: that was all */
static size_t log_capacity;
static pthread_barrier_t batch_barrier;
static hl_u64 arrivals __attribute__((aligned(HL_CACHE_LINE)));

static const char *const map_names[] = { "typed", "erased", "array", "async" };
static const char *const reuse_names[] = { "never", "any_key", "same_key" };
static const char *const clock_names[] = { "atomic", "tsc" };

/* How often each kind comes, in sixteenths. The asynchronous map takes the first three. */
#define MIXES 4
static const uint8_t mixes[MIXES][HISTORY_UPSERT + 1] = {
	{ 3, 2, 3, 2, 2, 2, 2 },
	{ 6, 5, 5, 0, 0, 0, 0 },
	{ 4, 4, 0, 2, 2, 2, 2 },
	{ 1, 2, 4, 2, 2, 2, 3 },
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned below(uint64_t *random, unsigned limit)
{
	return (unsigned)((next_random(random) >> 32) * limit >> 32);
}

/* ---- trials --------------------------------------------------------------------------------------------- */

static void choose_keys(struct trial *trial, uint64_t *random)
{
	const unsigned style = below(random, 4);

	trial->keys_count = 1 + below(random, KEYS_MAX);
	/* The last four numbers are the keys of the side cells. */
	trial->has_side_keys = style == 0 && trial->kind != FRONT_ASYNC;
	for (unsigned i = 0; i < trial->keys_count; i++)
		trial->keys[i] = trial->has_side_keys ? UINT64_MAX - i : style == 1 ? next_random(random) >> 1 : i;
}

static void choose_shape(struct trial *trial, uint64_t *random)
{
	struct front_shape *const shape = &trial->shape;
	static const unsigned loads[] = { 1000, 1000, 800, 500 };

	memset(shape, 0, sizeof(*shape));
	trial->kind = options.map == ALL ? (enum front_kind)below(random, FRONT_KINDS) : (enum front_kind)options.map;
	const int is_run_time = trial->kind == FRONT_ERASED || trial->kind == FRONT_ARRAY;

	shape->reuse = options.reuse == ALL ? (enum hashloom_reuse)below(random, 3) : (enum hashloom_reuse)options.reuse;
	shape->is_fixed = trial->kind == FRONT_ARRAY || below(random, 2) == 0;
	shape->load_permille = loads[below(random, 4)];
	if (trial->kind == FRONT_ARRAY && shape->reuse == HASHLOOM_REUSE_ANY_KEY && shape->load_permille > 950)
		shape->load_permille = 950;
	shape->entries_max = trial->kind == FRONT_ASYNC ? 1 + below(random, 4) : 1 + below(random, 8);
	shape->is_quadratic = trial->kind == FRONT_ERASED && below(random, 4) == 0;
	shape->has_locks = trial->kind == FRONT_ERASED && below(random, 3) == 0;
	shape->is_wide = is_run_time && below(random, 3) == 0;
	shape->has_one_hash = is_run_time && below(random, 2) == 0;
	shape->has_threads_mover = trial->kind == FRONT_ASYNC && below(random, 4) == 0;
	/* The asynchronous map is nearly always at its limit without them. */
	trial->fillers = trial->kind == FRONT_ASYNC ? below(random, 2) : below(random, FILLERS_MAX + 1);
}

/* The last digits are left to what is added. Of short histories no two operations bring the same. */
static uint64_t item_of(unsigned thread, unsigned number)
{
	return ((uint64_t)number * 10 + 11 + thread) * 1000;
}

static void call(struct trial *trial, struct history_log *log, struct front_call *given)
{
	struct history_operation *const operation = history_begin(log, given->kind, given->key, given->argument);

	operation->expected = given->expected;
	const enum history_outcome outcome = trial->front->call(trial->map, given);

	history_end(log, operation, outcome, given->item);
}

/* Some keys of interest are there before, too, and some were. */
static void fill(struct trial *trial, uint64_t *random)
{
	struct history_log *const log = &trial->logs[options.threads];

	for (unsigned i = 0; i < trial->fillers + trial->keys_count; i++) {
		const int is_filler = i < trial->fillers;
		struct front_call given = { .kind = HISTORY_INSERT, .variant = 3, .argument = item_of(THREADS_MAX, i) };

		given.key = is_filler ? FILLERS_BEGIN + i : trial->keys[i - trial->fillers];
		if (is_filler || below(random, 2) == 0)
			call(trial, log, &given);
		given.kind = HISTORY_ERASE;
		if (below(random, 8) == 0)
			call(trial, log, &given);
	}
}

static int trial_begin(struct trial *trial, uint64_t seed)
{
	uint64_t random = seed;

	trial->seed = seed;
	choose_shape(trial, &random);
	choose_keys(trial, &random);
	trial->mix = trial->kind == FRONT_ASYNC ? 1 : below(&random, MIXES);
	history_clock_init(&trial->clock, options.clock, HISTORY_SKEW);
	for (unsigned i = 0; i <= options.threads; i++)
		trial->logs[i].count = 0;
	trial->front = front_of(trial->kind, &trial->shape);
	trial->map = trial->front->create(&trial->shape);
	if (trial->map == NULL)
		return 0;
	fill(trial, &random);
	return 1;
}

/* ---- threads -------------------------------------------------------------------------------------------- */

/* All threads are here before one goes on. They are more than the machine has processors: who waits long lets others run. */
static void meet(uint64_t turn)
{
	/* acq_rel. pairs with the load. orders what was done to one map before what is done to the next */
	(void)hl_u64_fetch_add_acq_rel(&arrivals, 1);
	for (unsigned spins = 0; hl_u64_load_acquire(&arrivals) < (turn + 1) * options.threads; spins++) {
		if (spins < SPINS)
			hl_relax();
		else
			sched_yield();
	}
}

struct walk {
	struct history_log *log;
	struct history_operation *visit;
};

/* A visit lasts from the one before to itself. */
static void visit(void *argument, uint64_t key, uint64_t item)
{
	struct walk *const walk = argument;

	walk->visit->key = key;
	history_end(walk->log, walk->visit, HISTORY_DONE, item);
	walk->visit = history_begin(walk->log, HISTORY_VISIT, 0, 0);
}

static void iterate(struct trial *trial, struct history_log *log)
{
	struct history_operation *const operation = history_begin(log, HISTORY_ITERATE, 0, 0);
	struct walk walk = { log, history_begin(log, HISTORY_VISIT, 0, 0) };

	trial->front->iterate(trial->map, visit, &walk);
	log->count--; /* the visit that did not come */
	history_end(log, operation, HISTORY_DONE, HISTORY_ANY);
}

static void size(struct trial *trial, struct history_log *log)
{
	struct history_operation *const operation = history_begin(log, HISTORY_SIZE, 0, 0);

	history_end(log, operation, HISTORY_DONE, trial->front->size(trial->map));
	/* Side cells are not counted among the cells. */
	operation->argument = trial->front->capacity(trial->map) + (trial->has_side_keys ? KEYS_MAX : 0);
}

static enum history_kind choose_kind(const uint8_t *mix, uint64_t *random)
{
	unsigned kind = 0;

	for (unsigned left = below(random, 16); left >= mix[kind]; kind++)
		left -= mix[kind];
	return (enum history_kind)kind;
}

/* seen: the last item that this thread was told of; what a compare_exchange expects. */
static void operate(struct trial *trial, unsigned thread, unsigned number, uint64_t *seen, uint64_t *random)
{
	struct history_log *const log = &trial->logs[thread];
	struct front_call given = { .kind = choose_kind(mixes[trial->mix], random), .variant = below(random, 1U << 16) };

	given.key = trial->keys[below(random, trial->keys_count)];
	given.argument = given.kind == HISTORY_FETCH_ADD || given.kind == HISTORY_UPSERT ? 1 + thread : item_of(thread, number);
	given.expected = *seen;
	call(trial, log, &given);
	if (given.item <= HISTORY_ITEM_MAX)
		*seen = given.item;
}

static void take_part(struct trial *trial, unsigned thread)
{
	uint64_t random = trial->seed ^ (thread + 1) * UINT64_C(0xd1342543de82ef95);
	const unsigned operations = 1 + below(&random, options.operations);
	const unsigned aside = below(&random, 6); /* one size, one iteration, or neither */
	const unsigned when = below(&random, operations);
	uint64_t seen = item_of(THREADS_MAX, trial->fillers); /* what fill() gave the first key */
	static const unsigned rates[] = { 0, 4, 8, 32 };

	disturb_begin(rates[trial->seed % 4], (unsigned long)random | 1);
	for (unsigned i = 0; i < operations; i++) {
		operate(trial, thread, i, &seen, &random);
		if (i == when && aside == 0)
			size(trial, &trial->logs[thread]);
		if (i == when && aside == 1)
			iterate(trial, &trial->logs[thread]);
	}
	disturb_begin(0, 1);
}

static void run_batch(unsigned thread, uint64_t *turn)
{
	for (size_t i = 0; i < trials_count; i++) {
		meet((*turn)++);
		take_part(&trials[i], thread);
	}
}

static void *run_thread(void *argument)
{
	const unsigned thread = (unsigned)(uintptr_t)argument;
	uint64_t turn = 0;

	for (;;) {
		pthread_barrier_wait(&batch_barrier);
		if (trials_count == 0)
			return NULL;
		run_batch(thread, &turn);
		pthread_barrier_wait(&batch_barrier);
	}
}

/* ---- the first thread ----------------------------------------------------------------------------------- */

static void print_trial(const struct trial *trial)
{
	const struct front_shape *const shape = &trial->shape;

	printf("%s, reuse %s, %s, %u entries, load %u, %u keys fill it%s%s%s%s%s; seed %" PRIu64 "\n", map_names[trial->kind],
	       reuse_names[shape->reuse], shape->is_fixed ? "fixed" : "growing", shape->entries_max, shape->load_permille,
	       trial->fillers, shape->is_quadratic ? ", quadratic" : "", shape->has_locks ? ", locks" : "",
	       shape->is_wide ? ", wide values" : "", shape->has_one_hash ? ", one hash" : "",
	       shape->has_threads_mover ? ", threads mover" : "", trial->seed);
}

/* Checks a trial, and ends it. */
static int is_right(struct linearizability *checker, struct trial *trial)
{
	const struct history_log *logs[THREADS_MAX + 1];

	for (unsigned i = 0; i <= options.threads; i++)
		logs[i] = &trial->logs[i];
	const int is_good = linearizability_check(checker, logs, options.threads + 1) == LINEARIZABILITY_HOLDS;

	if (!is_good) {
		print_trial(trial);
		linearizability_explain(checker, stdout);
	}
	trial->front->destroy(trial->map);
	return is_good;
}

static int begin_batch(uint64_t first, size_t count)
{
	for (trials_count = 0; trials_count < count; trials_count++)
		if (!trial_begin(&trials[trials_count], (options.seed << 32) + first + trials_count)) {
			fputs("prove_histories: no memory\n", stderr);
			return 0;
		}
	return 1;
}

static int run_batches(struct linearizability *checker, size_t batch)
{
	uint64_t turn = 0;
	int result = 1;

	for (uint64_t first = 0; first < options.histories && result; first += batch) {
		result = begin_batch(first, options.histories - first < batch ? (size_t)(options.histories - first) : batch);
		if (trials_count == 0)
			break;
		pthread_barrier_wait(&batch_barrier);
		run_batch(0, &turn);
		pthread_barrier_wait(&batch_barrier);
		for (size_t i = 0; i < trials_count; i++)
			result &= is_right(checker, &trials[i]);
	}
	trials_count = 0;
	pthread_barrier_wait(&batch_barrier);
	return result;
}

static void print_totals(const struct linearizability *checker, double seconds)
{
	const struct linearizability_stats *const stats = linearizability_statistics(checker);
	const double histories = (double)(stats->histories + (stats->histories == 0));

	printf("%" PRIu64 " histories, %" PRIu64 " operations, clock %s, seed %" PRIu64 ": operations on one key overlapped in %.1f %% of the histories "
	       "(%" PRIu64 " operations), %" PRIu64 " states, %.1f s\n",
	       stats->histories, stats->operations, clock_names[options.clock], options.seed,
	       100.0 * (double)stats->histories_overlapping / histories, stats->overlaps, stats->states, seconds);
}

/* A log has room for all that a thread can do: its operations, and one iteration, which sees each key once for each insert. */
static struct history_operation *make_trials(size_t batch)
{
	struct history_operation *const operations = calloc(batch * (options.threads + 1) * log_capacity, sizeof(*operations));

	trials = aligned_alloc(HL_CACHE_LINE, batch * sizeof(*trials));
	if (trials == NULL || operations == NULL)
		return NULL;
	for (size_t i = 0; i < batch; i++)
		for (size_t log = 0; log <= options.threads; log++)
			history_log_init(&trials[i].logs[log], &trials[i].clock,
					 operations + (i * (options.threads + 1) + log) * log_capacity, log_capacity);
	return operations;
}

static int run(void)
{
	log_capacity = 2 * (FILLERS_MAX + KEYS_MAX) + (options.threads + 1) * options.operations + 3;
	const size_t fitting = BATCH_OPERATIONS / log_capacity + 1;
	const size_t batch = fitting < BATCH_MAX ? fitting : BATCH_MAX;
	struct history_operation *const operations = make_trials(batch);
	struct linearizability *const checker = linearizability_new();
	pthread_t threads[THREADS_MAX];
	struct timespec begin;
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (operations == NULL || !fronts_begin() || pthread_barrier_init(&batch_barrier, NULL, options.threads) != 0) {
		fputs("prove_histories: no memory\n", stderr);
		return 0;
	}
	for (unsigned i = 1; i < options.threads; i++)
		if (pthread_create(&threads[i], NULL, run_thread, (void *)(uintptr_t)i) != 0) {
			fputs("prove_histories: no thread\n", stderr);
			exit(1);
		}
	const int result = run_batches(checker, batch);

	for (unsigned i = 1; i < options.threads; i++)
		(void)pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	print_totals(checker, (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	pthread_barrier_destroy(&batch_barrier);
	fronts_end();
	linearizability_delete(checker);
	free(trials);
	free(operations);
	return result;
}

/* ---- arguments ------------------------------------------------------------------------------------------ */

static int parse_name(const char *given, const char *const *names, size_t count, int *number)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(given, names[i]) == 0) {
			*number = (int)i;
			return 1;
		}
	return 0;
}

static int parse_number(const char *given, uint64_t least, uint64_t most, uint64_t *number)
{
	char *end;

	*number = strtoull(given, &end, 0);
	return end != given && *end == 0 && *number >= least && *number <= most;
}

static int parse(const char *name, const char *given)
{
	uint64_t number = 0;
	int is_right_argument = 0;
	int clock = 0;

	if (strcmp(name, "--histories") == 0)
		return parse_number(given, 1, UINT32_MAX, &options.histories);
	if (strcmp(name, "--seed") == 0)
		return parse_number(given, 0, UINT32_MAX, &options.seed);
	if (strcmp(name, "--map") == 0)
		return parse_name(given, map_names, FRONT_KINDS, &options.map);
	if (strcmp(name, "--reuse") == 0)
		return parse_name(given, reuse_names, 3, &options.reuse);
	if (strcmp(name, "--threads") == 0) {
		is_right_argument = parse_number(given, 1, THREADS_MAX, &number);
		options.threads = (unsigned)number;
	} else if (strcmp(name, "--operations") == 0) {
		is_right_argument = parse_number(given, 1, 20000, &number);
		options.operations = (unsigned)number;
	} else if (strcmp(name, "--clock") == 0) {
		is_right_argument = parse_name(given, clock_names, 2, &clock);
		options.clock = (enum history_clock_kind)clock;
	}
	return is_right_argument;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2)
		if (i + 1 == argc || !parse(argv[i], argv[i + 1])) {
			fputs("usage: prove_histories [--histories N] [--threads 1-8] [--operations K] [--seed S]\n"
			      "         [--map typed|erased|array|async] [--reuse never|same_key|any_key] [--clock atomic|tsc]\n",
			      stderr);
			return 2;
		}
	return run() ? 0 : 1;
}
