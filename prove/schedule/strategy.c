/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * strategy.c: decisions.
 *
 * An exhaustive search is a walk over the tree of decisions: the list of those of the last schedule is kept, the last one that has
 * another choice left takes it, what is behind it is forgotten, and the scenario is run again along the list. Choices that
 * cost (a preemption, a load of an older store) are only offered while there is some of the bound left.
 *
 * A random schedule draws its decisions from a generator; half of the schedules switch with a fixed probability, half by priorities. The first
 * one only measures how many steps there are, among which priorities change: so a seed names the same schedule in all runs.
 *
 * Each question for a decision has a number in its schedule, which does not depend on the words that are known to be shared. So the questions that
 * were not answered with the first choice name the schedule.
 */
#include "scheduler.h"

#include <stdio.h>

#define DECISIONS_MAX 60000
#define WORDS_SIZE 8192 /* of the table of words that were accessed; a power of two */
#define CHANGES_MAX 3
#define LEARNING_SCHEDULES 64
#define STALE_ONE_IN 4	   /* random: a load sees an older store so often */
#define ENDS_WAIT_ONE_IN 8 /* random: a wait ends for no reason so often */

struct decision {
	uint32_t question;
	uint16_t choice;
	uint16_t count;
	uint16_t costs;
};

/* Who has accessed a word, in all schedules so far. */
struct word {
	uintptr_t granule;
	unsigned readers; /* a bit for each task; writers are readers too */
	unsigned writers;
};

static enum search search;
static uint64_t schedules;

static struct decision decisions[DECISIONS_MAX];
static size_t decisions_count; /* of the last schedule; or those to be replayed */
static size_t decisions_taken;
static unsigned bound;
static unsigned bound_max;
static unsigned spent;
static uint32_t questions; /* of this schedule, so far */

static struct word words[WORDS_SIZE];
static uint16_t known[WORDS_SIZE]; /* where in the table they are */
static size_t words_count;
static int has_learned; /* another word was found to be shared: the search begins anew */
static unsigned learning_left;

static uint64_t first_seed, seed;
static uint64_t runs; /* of this search, random or not */
static uint64_t usual_steps;
static uint64_t random_state;
static unsigned pause; /* switch after so many steps on the average; 0: by priority */
static uint64_t changes[CHANGES_MAX];
static uint64_t priorities[TASKS_MAX];
static uint64_t lowest;

static uint64_t fingerprint; /* of the decisions of a random schedule */
static uint64_t *fingerprints;
static size_t fingerprints_size;

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static uint64_t random_below(uint64_t limit)
{
	return mix(random_state += 0x9e3779b97f4a7c15U) % limit;
}

/* ---- beginnings ------------------------------------------------------------------------------------------ */

static int is_random(void)
{
	return search == SEARCH_RANDOM || learning_left > 0;
}

static void begin(enum search search_)
{
	search = search_;
	schedules = runs = 0;
	memset(words, 0, sizeof(words));
	words_count = 0;
	learning_left = 0;
	decisions_count = 0;
	bound = bound_max = 0;
	first_seed = 1;
}

void strategy_begin_random(uint64_t seed_)
{
	begin(SEARCH_RANDOM);
	first_seed = seed_;
}

void strategy_begin_exhaustive(unsigned bound_)
{
	begin(SEARCH_EXHAUSTIVE);
	learning_left = LEARNING_SCHEDULES;
	bound_max = bound_;
}

int strategy_begin_replay(const char *choices)
{
	int length;

	begin(SEARCH_REPLAY);
	for (unsigned question, choice; *choices != '\0'; choices += length) {
		if (decisions_count == DECISIONS_MAX || sscanf(choices, "%u:%u%n", &question, &choice, &length) != 2)
			return -1;
		decisions[decisions_count++] = (struct decision){ .question = question, .choice = (uint16_t)choice };
		length += choices[length] == ',';
	}
	return 0;
}

int strategy_learns(void)
{
	return learning_left > 0;
}

int strategy_replays(void)
{
	return search == SEARCH_REPLAY;
}

static void choose_random_strategy(void)
{
	static const unsigned pauses[] = { 1, 2, 4, 16, 0, 0, 0, 0 };

	if (runs == 1)
		usual_steps = scheduler_steps() + 1;
	seed = runs == 0 ? 0 : first_seed + runs - 1;
	schedules = runs;
	random_state = mix(seed);
	pause = pauses[random_below(sizeof(pauses) / sizeof(pauses[0]))];
	lowest = UINT64_MAX / 2;
	for (size_t i = 0; i < CHANGES_MAX; i++)
		changes[i] = runs == 0 ? UINT64_MAX : 1 + random_below(usual_steps);
	for (unsigned i = 0; i < TASKS_MAX; i++)
		priorities[i] = UINT64_MAX / 2 + random_below(1000);
}

void strategy_begin_schedule(void)
{
	decisions_taken = 0;
	spent = 0;
	has_learned = 0;
	fingerprint = 0;
	questions = 0;
	if (is_random())
		choose_random_strategy();
	else
		schedules++;
	runs++;
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

static void restart_search(void)
{
	decisions_count = 0;
	schedules = 0;
	bound = 0;
}

/* Goes on to the next leaf of the tree; 0: there is none. */
static int next_leaf(void)
{
	while (decisions_count > 0) {
		struct decision *const last = &decisions[decisions_count - 1];

		if (last->choice + 1 < last->count) {
			last->choice++;
			return 1;
		}
		decisions_count--;
	}
	return 0;
}

static void keep_fingerprint(void)
{
	if (schedules > fingerprints_size) {
		fingerprints_size = fingerprints_size == 0 ? 4096 : 2 * fingerprints_size;
		fingerprints = realloc(fingerprints, fingerprints_size * sizeof(*fingerprints));
		if (fingerprints == NULL)
			schedule_fail(__FILE__, __LINE__, "no memory for fingerprints");
	}
	fingerprints[schedules - 1] = fingerprint;
}

static void check_that_all_was_asked(void)
{
	if (decisions_taken < decisions_count)
		schedule_fail(__FILE__, __LINE__, search == SEARCH_REPLAY ? "the schedule to be replayed is of another scenario" :
									    "the scenario did not do the same in the same schedule");
}

int strategy_next(void)
{
	if (schedules == 0)
		return 1;
	if (!is_random())
		check_that_all_was_asked();
	if (search == SEARCH_REPLAY)
		return 0;
	if (search == SEARCH_RANDOM) {
		keep_fingerprint();
		return 1;
	}
	if (learning_left > 0) {
		if (--learning_left == 0)
			restart_search();
		return 1;
	}
	if (has_learned) {
		restart_search();
		return 1;
	}
	if (next_leaf())
		return 1;
	if (bound == bound_max)
		return 0;
	const unsigned next_bound = bound + 1;
	restart_search();
	bound = next_bound;
	return 1;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

unsigned strategy_bound(void)
{
	return bound;
}

uint64_t strategy_schedules(void)
{
	return schedules;
}

uint64_t strategy_distinct(void)
{
	uint64_t distinct = 0;

	if (search == SEARCH_EXHAUSTIVE)
		return schedules;
	const size_t count = schedules < fingerprints_size ? schedules : fingerprints_size;
	if (count > 0)
		qsort(fingerprints, count, sizeof(*fingerprints), compare);
	for (size_t i = 0; i < count; i++)
		distinct += i == 0 || fingerprints[i] != fingerprints[i - 1];
	return distinct;
}

void strategy_print(const char *scenario)
{
	const char *separator = "";

	printf("again: --scenario %s --memory %s ", scenario, weak_names[weak_model()]);
	if (is_random()) {
		printf("--random --schedules 1 --seed %llu\n", (unsigned long long)seed);
		return;
	}
	printf("--replay '");
	for (size_t i = 0; i < decisions_taken; i++) {
		if (decisions[i].choice == 0)
			continue;
		printf("%s%u:%u", separator, decisions[i].question, decisions[i].choice);
		separator = ",";
	}
	printf("'\n");
	if (search == SEARCH_EXHAUSTIVE)
		printf("schedule %llu of the exhaustive search, with %u of what its bound %u allows\n",
		       (unsigned long long)schedules, spent, bound);
}

/* ---- decisions ------------------------------------------------------------------------------------------- */

static unsigned replayed(unsigned count)
{
	if (decisions_taken == decisions_count || decisions[decisions_taken].question != questions)
		return 0;
	const unsigned choice = decisions[decisions_taken++].choice;
	if (choice >= count)
		schedule_fail(__FILE__, __LINE__, "the schedule to be replayed is of another scenario");
	return choice;
}

/* A node of the tree. */
static unsigned decide(unsigned count, int costs)
{
	if (search == SEARCH_REPLAY)
		return replayed(count);
	if (count < 2 || (costs && spent == bound))
		return 0;
	if (decisions_taken == decisions_count) {
		if (decisions_count == DECISIONS_MAX)
			schedule_fail(__FILE__, __LINE__, "more than %d decisions", DECISIONS_MAX);
		decisions[decisions_count++] = (struct decision){ questions, 0, (uint16_t)count, (uint16_t)costs };
	}
	const struct decision *const decision = &decisions[decisions_taken++];
	if (decision->count != count || decision->costs != (uint16_t)costs || decision->question != questions)
		schedule_fail(__FILE__, __LINE__, "the scenario did not do the same in the same schedule");
	spent += costs && decision->choice > 0;
	return decision->choice;
}

/* What is asked does not collide with another question at the same step. */
static unsigned with_fingerprint(unsigned choice)
{
	fingerprint = mix(fingerprint ^ ((uint64_t)questions << 8 | choice));
	return choice;
}

static unsigned pick_by_priority(const unsigned *candidates, unsigned n)
{
	unsigned best = 0;

	for (size_t i = 0; i < CHANGES_MAX; i++) {
		if (changes[i] > scheduler_steps())
			continue;
		priorities[scheduler_task()] = --lowest;
		changes[i] = UINT64_MAX;
	}
	for (unsigned i = 1; i < n; i++)
		if (priorities[candidates[i]] > priorities[candidates[best]])
			best = i;
	return best;
}

unsigned strategy_pick_task(const unsigned *candidates, unsigned n, int costs)
{
	questions += !costs; /* otherwise it has been counted as a switch point */
	if (!is_random())
		return candidates[decide(n, costs)];
	unsigned choice = 0;
	if (pause == 0)
		choice = pick_by_priority(candidates, n);
	else if (!costs || random_below(pause) == 0)
		choice = (unsigned)random_below(n);
	if (n > 1 && (choice > 0 || !costs))
		with_fingerprint(candidates[choice]);
	return candidates[choice];
}

void strategy_task_waits(unsigned task)
{
	priorities[task] = --lowest;
}

int strategy_ends_wait(void)
{
	questions++;
	if (!is_random())
		return decide(2, 1) != 0;
	return random_below(ENDS_WAIT_ONE_IN) == 0 && with_fingerprint(1) != 0;
}

unsigned strategy_pick_store(unsigned n)
{
	if (n < 2)
		return 0;
	questions++;
	if (!is_random())
		return decide(n, 1);
	return random_below(STALE_ONE_IN) != 0 ? 0 : with_fingerprint(1 + (unsigned)random_below(n - 1));
}

unsigned strategy_choose(unsigned n)
{
	questions++;
	return is_random() ? with_fingerprint((unsigned)random_below(n)) : decide(n, 0);
}

/* ---- shared words ---------------------------------------------------------------------------------------- */

static struct word *word_at(uintptr_t granule)
{
	size_t at = (granule >> 3) * 0x9e3779b97f4a7c15U % WORDS_SIZE;

	while (words[at].granule != 0 && words[at].granule != granule)
		at = (at + 1) % WORDS_SIZE;
	if (words[at].granule == 0) {
		known[words_count] = (uint16_t)at;
		if (++words_count == WORDS_SIZE)
			schedule_fail(__FILE__, __LINE__, "more than %d words", WORDS_SIZE);
		words[at].granule = granule;
	}
	return &words[at];
}

static int is_shared(const struct word *word)
{
	return word->writers != 0 && (word->readers & (word->readers - 1)) != 0;
}

static void learn_access(struct word *word, unsigned task, int is_write)
{
	const struct word before = *word;

	word->readers |= 1U << task;
	if (is_write)
		word->writers |= 1U << task;
	has_learned |= is_shared(word) && (word->readers != before.readers || word->writers != before.writers);
}

void strategy_frees(uintptr_t begin, uintptr_t end, unsigned task)
{
	for (size_t i = 0; i < words_count && search == SEARCH_EXHAUSTIVE; i++) {
		struct word *const word = &words[known[i]];

		if (word->granule >= begin && word->granule < end)
			learn_access(word, task, 1);
	}
}

int strategy_is_step(void)
{
	questions++;
	return search != SEARCH_REPLAY || (decisions_taken < decisions_count && decisions[decisions_taken].question == questions);
}

int strategy_is_switch_point(uintptr_t granule, unsigned task, int is_write)
{
	const int is_step = strategy_is_step();

	if (search != SEARCH_EXHAUSTIVE)
		return is_step;
	struct word *const word = word_at(granule);

	learn_access(word, task, is_write);
	return learning_left > 0 || ((is_write ? word->readers : word->writers) & ~(1U << task)) != 0;
}
