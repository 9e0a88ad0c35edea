/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* harness.c: runs the cases interleaved, prints a table, writes JSON. */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define REPETITIONS 7
#define REPETITIONS_MAX 101
#define LINE_SIZE 256

struct result {
	const struct bench_case *bench_case;
	double ns[REPETITIONS_MAX];
	unsigned count;
};

struct options {
	const char *json;
	const char *filter;
	unsigned repetitions;
};

static const struct bench_group *const groups[] = { &bench_futures, &bench_runtime, &bench_movers, &bench_async_map };

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

/* ---- results -------------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const struct result *result)
{
	const unsigned n = result->count;

	return n % 2 ? result->ns[n / 2] : (result->ns[n / 2 - 1] + result->ns[n / 2]) / 2;
}

static void print_table(const struct result *results, size_t count)
{
	printf("\n%-28s %-22s %9s %7s %12s %12s %12s %8s\n", "bench", "implementation", "n", "threads", "ns median",
	       "ns min", "ns max", "B/entry");
	for (size_t i = 0; i < count; i++) {
		const struct result *const r = &results[i];
		const struct bench_case *const c = r->bench_case;

		printf("%-28s %-22s %9zu %7u %12.2f %12.2f %12.2f", c->bench, c->implementation, c->n, c->threads,
		       median(r), r->ns[0], r->ns[r->count - 1]);
		if (c->bytes_per_entry > 0)
			printf(" %8.1f", c->bytes_per_entry);
		printf("\n");
	}
}

/* ---- JSON ----------------------------------------------------------------------------------------- */

/* The first line that a command prints, or "unknown". */
static void first_line(const char *command, char *line)
{
	FILE *const pipe = popen(command, "r");

	strcpy(line, "unknown");
	if (pipe == NULL)
		return;
	if (fgets(line, LINE_SIZE, pipe) == NULL)
		strcpy(line, "unknown");
	line[strcspn(line, "\n")] = '\0';
	pclose(pipe);
}

static void write_string(FILE *file, const char *name, const char *value)
{
	fprintf(file, "  \"%s\": \"", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', file);
		if ((unsigned char)*value >= ' ')
			fputc(*value, file);
	}
	fprintf(file, "\",\n");
}

static void write_machine(FILE *file)
{
	char model[LINE_SIZE];
	char text[2 * LINE_SIZE];
	struct utsname name;

	first_line("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1", model);
	uname(&name);
	snprintf(text, sizeof(text), "%s, %ld cores, %s %s %.64s", model, sysconf(_SC_NPROCESSORS_ONLN), name.sysname,
		 name.machine, name.release);
	write_string(file, "machine", text);
}

static void write_result(FILE *file, const struct result *r, int last)
{
	const struct bench_case *const c = r->bench_case;

	fprintf(file,
		"    {\"bench\": \"%s\", \"implementation\": \"%s\", \"n\": %zu, \"threads\": %u, \"ns_median\": %.3f, "
		"\"ns_min\": %.3f, \"ns_max\": %.3f",
		c->bench, c->implementation, c->n, c->threads, median(r), r->ns[0], r->ns[r->count - 1]);
	if (c->bytes_per_entry > 0)
		fprintf(file, ", \"bytes_per_entry\": %.2f", c->bytes_per_entry);
	fprintf(file, "}%s\n", last ? "" : ",");
}

static void write_json(const char *path, const struct result *results, size_t count)
{
	FILE *const file = fopen(path, "w");
	char commit[LINE_SIZE];

	if (file == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	first_line("git describe --always --dirty --abbrev=12 2>/dev/null", commit);
	fprintf(file, "{\n");
	write_machine(file);
	write_string(file, "compiler", BENCH_COMPILER);
	write_string(file, "flags", BENCH_FLAGS);
	write_string(file, "commit", commit);
	fprintf(file, "  \"results\": [\n");
	for (size_t i = 0; i < count; i++)
		write_result(file, &results[i], i + 1 == count);
	fprintf(file, "  ]\n}\n");
	if (fclose(file) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	printf("\nwritten: %s\n", path);
}

/* ---- running -------------------------------------------------------------------------------------- */

static unsigned repetitions_of(const struct bench_case *bench_case, const struct options *options)
{
	return bench_case->repetitions != 0 && bench_case->repetitions < options->repetitions ? bench_case->repetitions :
												options->repetitions;
}

static struct result *select_cases(const struct options *options, size_t *count)
{
	size_t all = 0;

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		all += groups[g]->count;
	struct result *const results = bench_allocate(all * sizeof(*results));
	*count = 0;
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		for (size_t i = 0; i < groups[g]->count; i++) {
			const struct bench_case *const c = &groups[g]->cases[i];

			if (options->filter == NULL || strstr(c->bench, options->filter) != NULL)
				results[(*count)++] = (struct result){ .bench_case = c };
		}
	}
	return results;
}

static void run_all(struct result *results, size_t count, const struct options *options)
{
	const int live = isatty(STDERR_FILENO);

	for (unsigned round = 0; round < options->repetitions; round++) {
		for (size_t i = 0; i < count; i++) {
			struct result *const r = &results[i];

			if (round >= repetitions_of(r->bench_case, options))
				continue;
			if (live)
				fprintf(stderr, "\r\033[Kround %u of %u: %s %s %zu", round + 1, options->repetitions,
					r->bench_case->bench, r->bench_case->implementation, r->bench_case->n);
			r->ns[r->count++] = r->bench_case->run(r->bench_case);
		}
	}
	if (live)
		fprintf(stderr, "\r\033[K");
	for (size_t i = 0; i < count; i++)
		qsort(results[i].ns, results[i].count, sizeof(double), compare_doubles);
}

static void usage(FILE *to)
{
	fprintf(to, "usage: hashloom-bench [--json FILE] [--filter TEXT] [--repetitions 1..%d]\n", REPETITIONS_MAX);
}

static struct options parse(int argc, char *argv[])
{
	static const struct option known[] = { { "json", required_argument, NULL, 'j' },
					       { "filter", required_argument, NULL, 'f' },
					       { "repetitions", required_argument, NULL, 'r' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	struct options options = { NULL, NULL, REPETITIONS };

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'j') {
			options.json = optarg;
		} else if (c == 'f') {
			options.filter = optarg;
		} else if (c == 'r') {
			options.repetitions = (unsigned)strtoul(optarg, NULL, 10);
		} else {
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EXIT_SUCCESS : 2);
		}
	}
	if (options.repetitions < 1 || options.repetitions > REPETITIONS_MAX || optind < argc) {
		usage(stderr);
		exit(2);
	}
	return options;
}

int main(int argc, char *argv[])
{
	const struct options options = parse(argc, argv);
	size_t count;
	struct result *const results = select_cases(&options, &count);

	run_all(results, count, &options);
	print_table(results, count);
	if (options.json != NULL)
		write_json(options.json, results, count);
	free(results);
	return EXIT_SUCCESS;
}
