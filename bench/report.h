/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* report.h: what the harness has measured, and the forms it is written in. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench.h"

#define SAMPLES_MAX 128

struct result {
	struct bench_result what;
	double ns[SAMPLES_MAX]; /* in the order measured */
	unsigned count;
};

struct report {
	struct result *results;
	size_t count;
	const char *mode; /* "full" or "quick" */
};

/* One table after the other, in the order in which results came first, threads and implementations together. */
void report_sort(struct report *report);

void report_print(const struct report *report);
/* Each makes a file, or ends the program with a message. */
void report_write_json(const struct report *report, const char *path);
void report_write_markdown(const struct report *report, const char *path);
void report_write_tsv(const struct report *report, const char *path);

#endif
