/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * schedule_main.c: the command line of a program of scenarios.
 */
#define _GNU_SOURCE 1

#include "scheduler.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SITES_MAX 4096
#define QUICK_SECONDS 4.0 /* for the exhaustive searches of one model */

static const char usage[] =
	"usage: %s [--list] [--scenario NAME] [--memory sc|tso|relaxed|all (default)] [OPTION]...\n"
	"Runs its scenarios, each with many schedules. Without a mode: --exhaustive and --random.\n"
	"  --exhaustive     all schedules with at most --bound N preemptions (default: what the scenario says)\n"
	"  --random         --schedules N (default 2000) from --seed S (default 1) on\n"
	"  --replay CHOICES the schedule that a failure has printed\n"
	"  --seconds N      ends a search of one scenario after so long; says so\n"
	"  --whole          --seconds is for those only that are large\n"
	"  --quick          a bound less by one, few seconds, 500 random schedules: what `make test` does\n"
	"  --weaken         makes each atomic operation relaxed in turn, and says whether a schedule fails\n"
	"Status: 0, 1: a schedule failed (--weaken: the scenarios fail as they are), 2: bad arguments.\n";

static struct {
	const char *scenario;
	const char *replay;
	int models; /* bits */
	int exhaustive, random, quick, weaken, whole, help;
	int bound; /* -1: the scenario's */
	unsigned long long schedules, seed;
	double seconds; /* 0: no limit */
} options = { .models = 0, .bound = -1, .schedules = 2000, .seed = 1 };

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- searches -------------------------------------------------------------------------------------------- */

static int is_in_time(const struct schedule_scenario *scenario, double begin)
{
	if (options.seconds <= 0 || (options.whole && !scenario->is_large))
		return 1;
	return (strategy_schedules() & 15) != 0 || seconds_now() - begin < options.seconds;
}

static void print_result(const struct schedule_scenario *scenario, enum memory_model model, const char *how, int is_cut,
			 double begin)
{
	printf("%-36s %-8s %u threads  %-27s %9llu schedules  %7.2f s%s%s  %s\n", scenario->name, weak_names[model], scheduler_threads(),
	       how, (unsigned long long)strategy_distinct(), seconds_now() - begin, is_cut ? "  (cut short)" : "",
	       scenario->is_large ? "  (large)" : "", scenario->shows);
	fflush(stdout);
}

static void search_exhaustively(const struct schedule_scenario *scenario, enum memory_model model, unsigned bound)
{
	const double begin = seconds_now();
	char how[40];
	int is_cut = 0;

	strategy_begin_exhaustive(bound);
	while (strategy_next()) {
		is_cut = !is_in_time(scenario, begin);
		if (is_cut)
			break;
		scheduler_run(scenario, model);
	}
	if (scenario->after != NULL)
		scenario->after(model, !is_cut && options.bound < 0);
	if (!is_cut)
		snprintf(how, sizeof(how), "all, bound %u", bound);
	else if (strategy_bound() > 0)
		snprintf(how, sizeof(how), "all, bound %u, more in part", strategy_bound() - 1);
	else
		snprintf(how, sizeof(how), "in part");
	print_result(scenario, model, how, is_cut, begin);
}

static void search_randomly(const struct schedule_scenario *scenario, enum memory_model model)
{
	const double begin = seconds_now();
	const unsigned long long schedules = options.schedules > 1 && scenario->random_only ? options.schedules * (options.quick ? 4 : 20) : options.schedules;

	int is_cut = 0;

	strategy_begin_random(options.seed);
	while (strategy_schedules() < schedules && !is_cut && strategy_next()) {
		scheduler_run(scenario, model);
		is_cut = !is_in_time(scenario, begin);
	}
	(void)strategy_next();
	if (scenario->after != NULL)
		scenario->after(model, 0);
	print_result(scenario, model, "random", is_cut, begin);
}

static void replay(const struct schedule_scenario *scenario, enum memory_model model)
{
	if (strategy_begin_replay(options.replay) != 0) {
		fprintf(stderr, "what is to be replayed is not a list of choices: %s\n", options.replay);
		exit(2);
	}
	while (strategy_next())
		scheduler_run(scenario, model);
}

static unsigned bound_of(const struct schedule_scenario *scenario, enum memory_model model)
{
	const unsigned bound = model == MEMORY_SC ? scenario->bound : scenario->bound_weak;

	if (options.bound >= 0)
		return (unsigned)options.bound;
	/* those that compare what was reached with what can be are small, and need all of it */
	return options.quick && bound > 0 && scenario->after == NULL ? bound - 1 : bound;
}

static void search(const struct schedule_scenario *scenario, enum memory_model model)
{
	if (options.replay != NULL) {
		replay(scenario, model);
		return;
	}
	if (options.exhaustive && !scenario->random_only && (model == MEMORY_SC || scenario->bound_weak > 0))
		search_exhaustively(scenario, model, bound_of(scenario, model));
	if (options.random)
		search_randomly(scenario, model);
}

static int is_chosen(const struct schedule_scenario *scenario, enum memory_model model)
{
	if (options.scenario != NULL && strcmp(options.scenario, scenario->name) != 0)
		return 0;
	return (options.models >> model & 1) && !(model != MEMORY_SC && scenario->weak_off);
}

static int search_all(const struct schedule_scenario *scenarios, size_t count)
{
	int found = 0;

	for (size_t i = 0; i < count; i++)
		for (enum memory_model model = MEMORY_SC; model < MEMORY_MODELS; model++) {
			if (!is_chosen(&scenarios[i], model))
				continue;
			search(&scenarios[i], model);
			found = 1;
		}
	return found;
}

/* ---- weakening ------------------------------------------------------------------------------------------- */

/*
 * In a process of its own, of one that has run no schedule itself (ThreadSanitizer is of no use in a fork of several threads).
 * 0; 1: some schedule failed; 2: there is no such scenario.
 */
static int search_in_child(const struct schedule_scenario *scenarios, size_t count, int is_shown)
{
	int status = 0;

	fflush(stdout);
	const pid_t child = fork();
	if (child == 0) {
		if (!is_shown && (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL))
			_exit(1);
		exit(search_all(scenarios, count) ? 0 : 2); /* not _exit(): ThreadSanitizer says at the exit what it has seen */
	}
	if (child < 0 || waitpid(child, &status, 0) < 0) {
		perror("fork");
		_exit(1);
	}
	return !WIFEXITED(status) || WEXITSTATUS(status) > 2 ? 1 : WEXITSTATUS(status);
}

static size_t list_sites(struct source_line *lines, const struct site *sites, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		if (sites[i].pc != NULL)
			lines[count++].pc = sites[i].pc;
	trace_resolve(lines, count);
	return count;
}

/* All addresses of a source line: the compiler may have made several of it. Returns the order. */
static int weaken_place(struct site *sites, size_t size, const struct source_line *lines, size_t count, const char *place,
			int is_weakened)
{
	int order = 0;

	for (size_t line = 0; line < count; line++)
		for (size_t i = 0; i < size && strcmp(lines[line].place, place) == 0; i++) {
			if (sites[i].pc != lines[line].pc)
				continue;
			sites[i].is_weakened = is_weakened;
			order = sites[i].order;
		}
	return order;
}

static int is_first(const struct source_line *lines, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(lines[i].place, lines[at].place) == 0)
			return 0;
	return 1;
}

static int weaken_each(const struct schedule_scenario *scenarios, size_t count)
{
	static const char *const names[] = { "relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst" };
	static struct source_line lines[SITES_MAX];
	size_t size;
	struct site *const sites = scheduler_sites(&size);

	const int status = search_in_child(scenarios, count, 1);
	if (status != 0)
		return status;
	const size_t lines_count = list_sites(lines, sites, size);
	for (size_t i = 0; i < lines_count; i++) {
		if (lines[i].place[0] == '\0' || lines[i].place[0] == '?') {
			printf("FAILED: no source line for %p: is there an addr2line?\n", lines[i].pc);
			return 1;
		}
		if (!is_first(lines, i))
			continue;
		const int order = weaken_place(sites, size, lines, lines_count, lines[i].place, 1);
		printf("weakened %s %s %s\n", search_in_child(scenarios, count, 0) ? "caught" : "survived", lines[i].place, names[order]);
		weaken_place(sites, size, lines, lines_count, lines[i].place, 0);
	}
	return 0;
}

/* ---- arguments ------------------------------------------------------------------------------------------- */

static void list(const struct schedule_scenario *scenarios, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%-36s %u tasks, bound %u  shows %s%s%s\n", scenarios[i].name, scenarios[i].tasks,
		       scenarios[i].bound, scenarios[i].shows, scenarios[i].pitfalls == NULL ? "" : "  pitfalls ",
		       scenarios[i].pitfalls == NULL ? "" : scenarios[i].pitfalls);
}

static int parse_models(const char *text)
{
	if (strcmp(text, "all") == 0)
		return (1 << MEMORY_MODELS) - 1;
	for (int i = 0; i < MEMORY_MODELS; i++)
		if (strcmp(text, weak_names[i]) == 0)
			return 1 << i;
	return 0;
}

enum { LIST = 1, SCENARIO, MEMORY, EXHAUSTIVE, RANDOM, BOUND, SCHEDULES, SEED, SECONDS, QUICK, WEAKEN, WHOLE, REPLAY, HELP };

/* -1: this is no number. */
static double parse_number(const char *text)
{
	char *end;
	const double number = strtod(text, &end);

	return end == text || *end != '\0' || !(number >= 0 && number < 1e18) ? -1 : number;
}

static int parse_count(const char *text, unsigned long long *count)
{
	const double number = strspn(text, "0123456789") == strlen(text) ? parse_number(text) : -1;

	*count = number < 0 ? 0 : strtoull(text, NULL, 10);
	return number < 0 ? 2 : 0;
}

static int parse_bound(const char *text)
{
	unsigned long long bound;

	if (parse_count(text, &bound) != 0 || bound > 1000)
		return 2;
	options.bound = (int)bound;
	return 0;
}

static int parse_memory(const char *text)
{
	options.models = parse_models(text);
	return options.models == 0 ? 2 : 0;
}

static int parse_seconds(const char *text)
{
	options.seconds = parse_number(text);
	return options.seconds < 0 ? 2 : 0;
}

/* 0, or 2 if the arguments are wrong; *wants_list: --list was there. */
static int parse(int argc, char **argv, int *wants_list)
{
	static const struct option names[] = { { "list", 0, NULL, LIST },	    { "scenario", 1, NULL, SCENARIO },
					       { "memory", 1, NULL, MEMORY },	    { "exhaustive", 0, NULL, EXHAUSTIVE },
					       { "random", 0, NULL, RANDOM },	    { "bound", 1, NULL, BOUND },
					       { "schedules", 1, NULL, SCHEDULES }, { "seed", 1, NULL, SEED },
					       { "seconds", 1, NULL, SECONDS },	    { "quick", 0, NULL, QUICK },
					       { "weaken", 0, NULL, WEAKEN },	    { "whole", 0, NULL, WHOLE },
					       { "replay", 1, NULL, REPLAY },	    { "help", 0, NULL, HELP },
					       { NULL, 0, NULL, 0 } };
	int option, error = 0;

	while (error == 0 && (option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case HELP: options.help = 1; break;
		case LIST: *wants_list = 1; break;
		case SCENARIO: options.scenario = optarg; break;
		case MEMORY: error = parse_memory(optarg); break;
		case EXHAUSTIVE: options.exhaustive = 1; break;
		case RANDOM: options.random = 1; break;
		case REPLAY: options.replay = optarg; break;
		case BOUND: error = parse_bound(optarg); break;
		case SCHEDULES: error = parse_count(optarg, &options.schedules) != 0 || options.schedules == 0 ? 2 : 0; break;
		case SEED: error = parse_count(optarg, &options.seed); break;
		case SECONDS: error = parse_seconds(optarg); break;
		case QUICK: options.quick = 1; break;
		case WEAKEN: options.weaken = 1; break;
		case WHOLE: options.whole = 1; break;
		default: error = 2; break;
		}
	}
	return optind == argc ? error : 2;
}

static void set_defaults(size_t scenarios_count)
{
	if (!options.exhaustive && !options.random)
		options.exhaustive = options.random = 1;
	if (options.models == 0)
		options.models = scheduler_sees_races() ? 1 << MEMORY_SC : (1 << MEMORY_MODELS) - 1;
	if (options.quick) {
		options.schedules = 500;
		options.seconds = QUICK_SECONDS / (double)scenarios_count;
	}
}

/* 0, or 2: a scenario that cannot be run. */
static int check_scenarios(const struct schedule_scenario *scenarios, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct schedule_scenario *const scenario = &scenarios[i];

		if (scenario->name != NULL && scenario->shows != NULL && scenario->setup != NULL && scenario->run != NULL &&
		    scenario->check != NULL && scenario->tasks > 0 && scenario->tasks <= SCHEDULE_TASKS_MAX)
			continue;
		fprintf(stderr, "scenario %s: it needs name, shows, setup, run, check, and 1 to %d tasks\n",
			scenario->name == NULL ? "without name" : scenario->name, SCHEDULE_TASKS_MAX);
		return 2;
	}
	return 0;
}

int schedule_main(int argc, char **argv, const struct schedule_scenario *scenarios, size_t count)
{
	int wants_list = 0;

	if (parse(argc, argv, &wants_list) != 0) {
		fprintf(stderr, usage, argv[0]);
		return 2;
	}
	if (options.help) {
		printf(usage, argv[0]);
		return 0;
	}
	if (check_scenarios(scenarios, count) != 0)
		return 2;
	set_defaults(count);
	int status = 0;
	if (wants_list)
		list(scenarios, count);
	else if (options.weaken)
		status = weaken_each(scenarios, count);
	else if (!search_all(scenarios, count))
		status = 2;
	if (status == 2)
		fprintf(stderr, "%s: no such scenario\n", argv[0]);
	return status;
}
