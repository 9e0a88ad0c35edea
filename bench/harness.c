/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* harness.c: runs the cases interleaved, shows how far it is, hands the results to report.c. */
#include "bench.h"
#include "report.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPETITIONS 5
#define SECONDS 460
#define SECONDS_QUICK 48
#define REPETITIONS_MAX 25
#define RESULTS_MAX 4096
#define FILTERS_MAX 4
#define GROUPS 6
#define PROGRESS_EACH_NS UINT64_C(15000000000) /* where nobody sees a line change */

/* One case, how often it is run and what that takes. */
struct job {
	const struct bench_case *bench_case;
	unsigned repetitions;
	double seconds; /* of the last repetition, 0: not known */
};

struct options {
	const char *json;
	const char *markdown;
	const char *tsv;
	unsigned repetitions;
	double seconds; /* 0: according to quick */
	int quick;
};

static const char *filters[FILTERS_MAX];
static size_t filters_count;
static struct report report;
static uint64_t end_ns;

/* ---- for the benchmarks --------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

double bench_seconds_left(void)
{
	return ((double)end_ns - (double)bench_now_ns()) * 1e-9;
}

uint64_t bench_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

double bench_median(uint64_t *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare_u64);
	return (double)samples[count / 2];
}

void bench_fail(const char *what)
{
	fprintf(stderr, "hashloom-bench: %s\n", what);
	exit(EXIT_FAILURE);
}

void *bench_allocate(size_t size)
{
	void *const memory = aligned_alloc(64, (size + 63) / 64 * 64);

	if (memory == NULL)
		bench_fail("out of memory");
	return memory;
}

uint64_t bench_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int bench_selected(const char *bench, const char *implementation)
{
	char name[256];

	snprintf(name, sizeof(name), "%s %s", bench, implementation);
	for (size_t i = 0; i < filters_count; i++) {
		if (strstr(name, filters[i]) == NULL)
			return 0;
	}
	return 1;
}

static int is_same(const struct bench_result *a, const struct bench_result *b)
{
	return a->n == b->n && a->threads == b->threads && strcmp(a->implementation, b->implementation) == 0 &&
	       strcmp(a->bench, b->bench) == 0;
}

void bench_record(const struct bench_result *what, double ns)
{
	size_t i = 0;

	if (!bench_selected(what->bench, what->implementation))
		return;
	while (i < report.count && !is_same(&report.results[i].what, what))
		i++;
	if (i == RESULTS_MAX)
		bench_fail("too many results");
	if (i == report.count)
		report.results[report.count++].count = 0;
	struct result *const result = &report.results[i];
	result->what = *what;
	if (result->count < SAMPLES_MAX)
		result->ns[result->count++] = ns;
}

/* ---- running -------------------------------------------------------------------------------------- */

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static struct job *select_jobs(const struct options *options, size_t *count)
{
	const struct bench_group groups[GROUPS] = { bench_maps(options->quick), bench_futures, bench_runtime, bench_movers,
						    bench_async_map, bench_executor };
	static const size_t order[GROUPS] = { 1, 2, 5, 3, 4, 0 }; /* the maps, which take longest, last */
	size_t all = 0;

	for (size_t g = 0; g < GROUPS; g++)
		all += groups[g].count;
	struct job *const jobs = bench_allocate(all * sizeof(*jobs));
	*count = 0;
	for (size_t k = 0; k < GROUPS; k++) {
		const size_t g = order[k];

		for (size_t i = 0; i < groups[g].count; i++) {
			const struct bench_case *const c = &groups[g].cases[i];
			unsigned repetitions = options->repetitions;

			if (options->quick)
				repetitions = smaller(repetitions, groups[g].repetitions_quick);
			if (c->repetitions != 0)
				repetitions = smaller(repetitions, c->repetitions);
			/* maps record under other names, and select for themselves */
			if (repetitions > 0 && (g == 0 || bench_selected(c->bench, c->implementation)))
				jobs[(*count)++] = (struct job){ c, repetitions, 0 };
		}
	}
	return jobs;
}

static void run_job(struct job *job)
{
	const struct bench_case *const c = job->bench_case;
	const uint64_t begin = bench_now_ns();
	const double ns = c->run(c);

	job->seconds = (double)(bench_now_ns() - begin) * 1e-9;
	if (ns >= 0) {
		const struct bench_result what = { c->bench, c->implementation, c->n, c->threads, c->bytes_per_entry };

		bench_record(&what, ns);
	}
}

/* A guess at what a job takes that has not run yet: the maps' next size about ten times the last one's, others a second. */
static double guess_seconds(const struct job *jobs, size_t i, double last)
{
	if (i == 0 || strcmp(jobs[i].bench_case->bench, "map") != 0)
		return 1;
	return jobs[i].bench_case->n > jobs[i - 1].bench_case->n ? 10 * last : last;
}

/* What is left, from job `next` of this round on. */
static double seconds_left(const struct job *jobs, size_t count, unsigned round, size_t next)
{
	double seconds = 0;
	double left = 0;

	for (size_t i = 0; i < count; i++) {
		const unsigned rounds_done = i < next ? round + 1 : round;

		seconds = jobs[i].seconds > 0 ? jobs[i].seconds : guess_seconds(jobs, i, seconds);
		if (rounds_done < jobs[i].repetitions)
			left += seconds * (jobs[i].repetitions - rounds_done);
	}
	return left;
}

static double smaller_seconds(double a, double b)
{
	return a < b ? a : b;
}

static void show_progress(const struct job *jobs, size_t count, unsigned round, size_t next, int live)
{
	static uint64_t shown_at_ns;
	const uint64_t now = bench_now_ns();
	const struct bench_case *const c = jobs[next].bench_case;

	if (!live && shown_at_ns != 0 && now - shown_at_ns < PROGRESS_EACH_NS)
		return;
	shown_at_ns = now;
	fprintf(stderr, "%sround %u, %zu of %zu: %s %s %zu", live ? "\r\033[K" : "", round + 1, next + 1, count, c->bench,
		c->implementation, c->n);
	if (jobs[0].seconds > 0)
		fprintf(stderr, ", about %.0f s left", smaller_seconds(seconds_left(jobs, count, round, next), bench_seconds_left()));
	if (!live)
		fputc('\n', stderr);
}

static void run_all(struct job *jobs, size_t count, unsigned rounds)
{
	const int live = isatty(STDERR_FILENO);

	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			if (round >= jobs[i].repetitions ||
			    (jobs[i].seconds > 0 && jobs[i].seconds > bench_seconds_left()))
				continue;
			show_progress(jobs, count, round, i, live);
			if (bench_seconds_left() > 0)
				run_job(&jobs[i]);
			else
				fprintf(stderr, "\nleft out for want of time: %s %s %zu\n", jobs[i].bench_case->bench,
					jobs[i].bench_case->implementation, jobs[i].bench_case->n);
		}
	}
	if (live)
		fprintf(stderr, "\r\033[K");
}

/* ---- the program ---------------------------------------------------------------------------------- */

static void usage(FILE *to)
{
	fprintf(to,
		"usage: hashloom-bench [--quick] [--filter TEXT]... [--repetitions 1..%d] [--seconds N]\n"
		"                      [--json FILE] [--markdown FILE] [--tsv FILE]\n"
		"--filter   only what has TEXT (each of them) in the bench's or the implementation's name\n"
		"--seconds  begins nothing later than that (default %d, with --quick %d)\n",
		REPETITIONS_MAX, SECONDS, SECONDS_QUICK);
}

static struct options parse(int argc, char *argv[])
{
	static const struct option known[] = {
		{ "json", required_argument, NULL, 'j' },   { "markdown", required_argument, NULL, 'm' },
		{ "tsv", required_argument, NULL, 't' },    { "filter", required_argument, NULL, 'f' },
		{ "quick", no_argument, NULL, 'q' },	    { "repetitions", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { NULL, NULL, NULL, REPETITIONS, 0, 0 };

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'j') {
			options.json = optarg;
		} else if (c == 'm') {
			options.markdown = optarg;
		} else if (c == 't') {
			options.tsv = optarg;
		} else if (c == 'f' && filters_count < FILTERS_MAX) {
			filters[filters_count++] = optarg;
		} else if (c == 'q') {
			options.quick = 1;
		} else if (c == 'r') {
			options.repetitions = (unsigned)strtoul(optarg, NULL, 10);
		} else if (c == 's') {
			options.seconds = strtod(optarg, NULL);
		} else {
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EXIT_SUCCESS : 2);
		}
	}
	if (options.seconds <= 0)
		options.seconds = options.quick ? SECONDS_QUICK : SECONDS;
	if (options.repetitions < 1 || options.repetitions > REPETITIONS_MAX || optind < argc) {
		usage(stderr);
		exit(2);
	}
	return options;
}

/*
 * Large maps of ours ask the kernel for huge pages; malloc does, too, if told so when the program starts. All then have
 * the same pages. GLIBC_TUNABLES in the environment is left as it is.
 */
static void same_pages_for_all(char *argv[])
{
	if (getenv("GLIBC_TUNABLES") != NULL)
		return;
	setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 1);
	execv("/proc/self/exe", argv);
}

int main(int argc, char *argv[])
{
	const struct options options = parse(argc, argv);
	size_t count;

	same_pages_for_all(argv);
	end_ns = bench_now_ns() + (uint64_t)(options.seconds * 1e9);
	report.results = bench_allocate(RESULTS_MAX * sizeof(*report.results));
	report.mode = options.quick ? "quick" : "full";
	struct job *const jobs = select_jobs(&options, &count);
	for (const char *const *peer = bench_maps_left_out(); *peer != NULL; peer++)
		printf("left out, because it was not found: %s\n", *peer);
	fflush(stdout);

	run_all(jobs, count, options.repetitions);
	report_sort(&report);
	report_print(&report);
	if (options.json != NULL)
		report_write_json(&report, options.json);
	if (options.markdown != NULL)
		report_write_markdown(&report, options.markdown);
	if (options.tsv != NULL)
		report_write_tsv(&report, options.tsv);
	free(report.results);
	free(jobs);
	return EXIT_SUCCESS;
}
