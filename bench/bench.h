/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * bench.h: what a benchmark is, for the harness that runs them all.
 *
 * A case is what is run in one go. Its function does one repetition and returns nanoseconds per operation, or, where
 * it measures several things, records them itself. The harness runs all cases once, then again, and so on: what is
 * compared is interleaved, under the same conditions.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/* Returned by a case that has recorded its results with bench_record(). */
#define BENCH_RECORDED (-1.0)

struct bench_case {
	const char *bench;
	const char *implementation;
	size_t n; /* what n counts is said in the bench's name or the documentation */
	unsigned threads;
	double (*run)(const struct bench_case *bench_case);
	double bytes_per_entry; /* 0: does not apply */
	unsigned repetitions;	/* 0: the harness's number */
};

struct bench_group {
	const struct bench_case *cases;
	size_t count;
	unsigned repetitions_quick; /* with --quick; 0: not at all */
};

struct bench_result {
	const char *bench;
	const char *implementation;
	size_t n;
	unsigned threads;
	double bytes_per_entry;
};

extern const struct bench_group bench_futures;
extern const struct bench_group bench_runtime;
extern const struct bench_group bench_executor;
extern const struct bench_group bench_movers;
extern const struct bench_group bench_async_map;

/* The maps: which there are is known when the program runs. */
struct bench_group bench_maps(int quick);
/* Those that are lacking, NULL at the end. */
const char *const *bench_maps_left_out(void);

/* One more sample, in ns per operation, of what `result` names; its strings are kept, not copied. */
void bench_record(const struct bench_result *result, double ns);
/* Whether --filter lets this be measured. A case that records does not run if it asks for nothing. */
int bench_selected(const char *bench, const char *implementation);

/* Until --seconds are over; below zero afterwards. What can be left out then is. */
double bench_seconds_left(void);

uint64_t bench_now_ns(void);
uint64_t bench_cpu_ns(void); /* of the whole process */

/* The median; sorts the samples. */
double bench_median(uint64_t *samples, size_t count);

/* Memory or nothing: a benchmark without memory ends with a message. */
void *bench_allocate(size_t size);
void bench_fail(const char *what);

/* A seeded sequence (SplitMix64), the same in each run. */
uint64_t bench_random(uint64_t *state);

#endif
