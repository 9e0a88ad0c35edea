/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* report.c: a table for people to read, JSON with every sample, Markdown, and TSV for plot.sh. */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 256

struct summary {
	double median;
	double best;
	double worst;
	double spread; /* of the middle half: (third quartile - first) / median */
};

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct summary summary_of(const struct result *result)
{
	const unsigned n = result->count;
	double ns[SAMPLES_MAX];
	struct summary summary;

	memcpy(ns, result->ns, n * sizeof(ns[0]));
	qsort(ns, n, sizeof(ns[0]), compare_doubles);
	summary.median = n % 2 ? ns[n / 2] : (ns[n / 2 - 1] + ns[n / 2]) / 2;
	summary.best = ns[0];
	summary.worst = ns[n - 1];
	summary.spread = summary.median > 0 ? (ns[(3 * n - 1) / 4] - ns[n / 4]) / summary.median : 0;
	return summary;
}

/* ---- order ---------------------------------------------------------------------------------------- */

static int same_table(const struct result *a, const struct result *b)
{
	return strcmp(a->what.bench, b->what.bench) == 0 && a->what.threads == b->what.threads;
}

static int same_row(const struct result *a, const struct result *b)
{
	return same_table(a, b) && strcmp(a->what.implementation, b->what.implementation) == 0;
}

/* Moves results[from] to results[to], those between by one. */
static void move_up(struct result *results, size_t from, size_t to)
{
	const struct result moved = results[from];

	memmove(&results[to + 1], &results[to], (from - to) * sizeof(*results));
	results[to] = moved;
}

/* Brings together what `same` says belongs together, from the first of each on. */
static void gather(struct result *results, size_t count, int (*same)(const struct result *, const struct result *))
{
	size_t placed = 0;

	while (placed < count) {
		const size_t first = placed++;

		for (size_t i = placed; i < count; i++) {
			if (same(&results[first], &results[i]))
				move_up(results, i, placed++);
		}
	}
}

static int same_bench(const struct result *a, const struct result *b)
{
	return strcmp(a->what.bench, b->what.bench) == 0;
}

void report_sort(struct report *report)
{
	gather(report->results, report->count, same_bench);
	gather(report->results, report->count, same_table);
	gather(report->results, report->count, same_row);
}

/* ---- table ---------------------------------------------------------------------------------------- */

void report_print(const struct report *report)
{
	printf("\n%-22s %-30s %9s %7s %12s %12s %8s %8s\n", "bench", "implementation", "n", "threads", "ns median", "ns best",
	       "spread", "B/entry");
	for (size_t i = 0; i < report->count; i++) {
		const struct result *const r = &report->results[i];
		const struct summary s = summary_of(r);

		printf("%-22s %-30s %9zu %7u %12.2f %12.2f %7.0f%%", r->what.bench, r->what.implementation, r->what.n,
		       r->what.threads, s.median, s.best, s.spread * 100);
		if (r->what.bytes_per_entry > 0)
			printf(" %8.1f", r->what.bytes_per_entry);
		printf("\n");
	}
}

/* ---- files ---------------------------------------------------------------------------------------- */

static FILE *create(const char *path)
{
	FILE *const file = fopen(path, "w");

	if (file == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return file;
}

static void finish(FILE *file, const char *path)
{
	if (ferror(file) | fclose(file)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	printf("written: %s\n", path);
}

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

struct conditions {
	char machine[2 * LINE_SIZE];
	char commit[LINE_SIZE];
	char date[LINE_SIZE];
	char pages[LINE_SIZE];
	char left_out[4 * LINE_SIZE];
};

static void conditions_get(struct conditions *conditions)
{
	char model[LINE_SIZE];
	struct utsname name;
	const time_t now = time(NULL);
	size_t used = 0;

	first_line("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1", model);
	uname(&name);
	snprintf(conditions->machine, sizeof(conditions->machine), "%s, %ld cores, %s %s %.64s", model,
		 sysconf(_SC_NPROCESSORS_ONLN), name.sysname, name.machine, name.release);
	first_line("git describe --always --dirty --abbrev=12 2>/dev/null", conditions->commit);
	first_line("cat /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null", conditions->pages);
	strftime(conditions->date, sizeof(conditions->date), "%Y-%m-%d", gmtime(&now));
	strcpy(conditions->left_out, "none");
	for (const char *const *peer = bench_maps_left_out(); *peer != NULL; peer++)
		used += (size_t)snprintf(conditions->left_out + used, sizeof(conditions->left_out) - used, "%s%s",
					 used > 0 ? ", " : "", *peer);
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

static void write_result(FILE *file, const struct result *r, int last)
{
	const struct summary s = summary_of(r);

	fprintf(file,
		"    {\"bench\": \"%s\", \"implementation\": \"%s\", \"n\": %zu, \"threads\": %u, \"ns_median\": %.3f, "
		"\"ns_min\": %.3f, \"ns_max\": %.3f, \"spread\": %.4f",
		r->what.bench, r->what.implementation, r->what.n, r->what.threads, s.median, s.best, s.worst, s.spread);
	if (r->what.bytes_per_entry > 0)
		fprintf(file, ", \"bytes_per_entry\": %.2f", r->what.bytes_per_entry);
	fprintf(file, ", \"ns\": [");
	for (unsigned i = 0; i < r->count; i++)
		fprintf(file, "%s%.3f", i > 0 ? ", " : "", r->ns[i]);
	fprintf(file, "]}%s\n", last ? "" : ",");
}

void report_write_json(const struct report *report, const char *path)
{
	FILE *const file = create(path);
	struct conditions conditions;

	conditions_get(&conditions);
	fprintf(file, "{\n");
	write_string(file, "mode", report->mode);
	write_string(file, "date", conditions.date);
	write_string(file, "machine", conditions.machine);
	write_string(file, "huge_pages", conditions.pages);
	write_string(file, "compiler", BENCH_COMPILER);
	write_string(file, "flags", BENCH_FLAGS);
	write_string(file, "commit", conditions.commit);
	write_string(file, "left_out", conditions.left_out);
	fprintf(file, "  \"results\": [\n");
	for (size_t i = 0; i < report->count; i++)
		write_result(file, &report->results[i], i + 1 == report->count);
	fprintf(file, "  ]\n}\n");
	finish(file, path);
}

void report_write_tsv(const struct report *report, const char *path)
{
	FILE *const file = create(path);

	fprintf(file, "bench\tthreads\timplementation\tn\tns_median\tns_best\tspread\tbytes_per_entry\n");
	for (size_t i = 0; i < report->count; i++) {
		const struct result *const r = &report->results[i];
		const struct summary s = summary_of(r);

		fprintf(file, "%s\t%u\t%s\t%zu\t%.3f\t%.3f\t%.4f\t%.2f\n", r->what.bench, r->what.threads,
			r->what.implementation, r->what.n, s.median, s.best, s.spread, r->what.bytes_per_entry);
	}
	finish(file, path);
}

/* ---- Markdown ------------------------------------------------------------------------------------- */

#define COLUMNS_MAX 16

/* The different n of results that make a table, ascending. */
static size_t columns_of(const struct result *results, size_t count, size_t columns[COLUMNS_MAX])
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t place = used;

		while (place > 0 && columns[place - 1] > results[i].what.n)
			place--;
		if ((place > 0 && columns[place - 1] == results[i].what.n) || used == COLUMNS_MAX)
			continue;
		memmove(&columns[place + 1], &columns[place], (used++ - place) * sizeof(columns[0]));
		columns[place] = results[i].what.n;
	}
	return used;
}

static void write_cell(FILE *file, const struct result *row, size_t count, size_t n)
{
	for (size_t i = 0; i < count; i++) {
		if (row[i].what.n != n)
			continue;
		const struct summary s = summary_of(&row[i]);
		const int digits = s.median < 1000 ? 1 : 0;

		fprintf(file, " %.*f (%.*f, %.0f %%) |", digits, s.median, digits, s.best, s.spread * 100);
		return;
	}
	fprintf(file, " |");
}

static void write_row(FILE *file, const struct result *row, size_t count, const size_t *columns, size_t columns_count)
{
	int any = 0;

	fprintf(file, "| %s |", row->what.implementation);
	for (size_t i = 0; i < columns_count; i++)
		write_cell(file, row, count, columns[i]);
	for (size_t i = 0; i < count; i++) {
		if (row[i].what.bytes_per_entry > 0)
			fprintf(file, "%s%.1f", any++ ? " / " : " ", row[i].what.bytes_per_entry);
	}
	fprintf(file, " |\n");
}

static void write_table(FILE *file, const struct result *results, size_t count)
{
	size_t columns[COLUMNS_MAX + 1];
	const size_t columns_count = columns_of(results, count, columns);

	fprintf(file, "\n## %s, %u thread%s\n\n| |", results->what.bench, results->what.threads,
		results->what.threads == 1 ? "" : "s");
	for (size_t i = 0; i < columns_count; i++)
		fprintf(file, " n = %zu |", columns[i]);
	fprintf(file, " bytes per entry |\n|---|");
	for (size_t i = 0; i <= columns_count; i++)
		fprintf(file, "---:|");
	fprintf(file, "\n");
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i + 1; next < count && same_row(&results[i], &results[next]);)
			next++;
		write_row(file, &results[i], next - i, columns, columns_count);
	}
}

void report_write_markdown(const struct report *report, const char *path)
{
	FILE *const file = create(path);
	struct conditions conditions;

	conditions_get(&conditions);
	fprintf(file, "# Benchmark (%s)\n\n", report->mode);
	fprintf(file, "%s, %s; %s, `%s`; commit %s; transparent huge pages: `%s`, which malloc asks for, too.\n\n",
		conditions.date, conditions.machine, BENCH_COMPILER, BENCH_FLAGS, conditions.commit, conditions.pages);
	fprintf(file, "Cells: median (best, spread) of the repetitions. Nanoseconds are wall time per operation of each "
		      "thread: two threads do twice as many operations in that time. "
		      "Spread is that of the middle half, (third quartile - first) / median. "
		      "Repetitions of all implementations are interleaved. Keys are random 64-bit numbers, lookups in random "
		      "order; bench/maps.c says what each bench of the maps is. Several bytes per entry: one for each n. "
		      "Where a cell is empty there is no such operation, or there was no time.\n\n");
	fprintf(file, "Left out: %s.\n", conditions.left_out);
	for (size_t i = 0, next; i < report->count; i = next) {
		for (next = i + 1; next < report->count && same_table(&report->results[i], &report->results[next]);)
			next++;
		write_table(file, &report->results[i], next - i);
	}
	finish(file, path);
}
