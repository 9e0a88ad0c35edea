/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * soak.c: works all maps of the library for a long time, with threads that know what must be there, and looks whether anything wears out.
 *
 *     soak [--minutes N | --operations N] [--threads T] [--seed S]
 *
 * The run goes in rounds of some seconds. In a round all threads work on all parts (soak_tables.c, soak_strings.c, soak_futures.c); then they meet, each
 * looks at what is its own, and one checks the whole. Some maps are made anew for each round, others age. The run ends after so many minutes, or so
 * many calls. It passes if
 *
 *   - nothing was wrong (what that can be stands in the parts; the first thing is said);
 *   - memory is flat: at the beginning of a round, when the new maps are empty, neither the resident set nor what is in use through the allocator is larger
 *     than at the beginning of round 2 by more than 2 % and 4 MiB;
 *   - in the end all is given back: nothing is in use through the allocator, and malloc has no more than 64 KiB more in use than before.
 *
 * Under a sanitizer the memory of the process is not looked at. Exit status: 0: PASS; 1: FAIL; 2: the arguments were wrong.
 */
#include "soak.h"

#include <hashloom/atomic.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define ROUND_NS (UINT64_C(3) * 1000000000)
#define ROUNDS_MIN 4
#define FLAT_PERCENT 2
#define FLAT_BYTES ((size_t)4 << 20)
#define LEFT_BYTES ((size_t)64 << 10)

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

/* How often a worker's turn does the work of a part: futures take long, and tables are what can go wrong most. */
static const struct {
	const struct soak_part *part;
	unsigned times;
} parts[] = { { &soak_tables, 24 }, { &soak_strings, 8 }, { &soak_futures, 1 } };

#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct memory {
	size_t resident;
	size_t in_use;
};

static struct {
	struct soak_worker workers[SOAK_THREADS_MAX];
	pthread_t handles[SOAK_THREADS_MAX];
	pthread_barrier_t meeting;
	hl_u64 calls_left; /* in this round */
	hl_u32 is_round_over;
	int is_run_over;
	uint64_t round_ends_ns;
	uint64_t working_ns; /* of all rounds, without the checks */
	struct memory reference;
} run;

unsigned soak_threads = 8;

static hl_u32 failed;

void soak_fail(const char *what, uint64_t key)
{
	if (hl_u32_exchange_acq_rel(&failed, 1) == 0)
		fprintf(stderr, "soak: %s: %llu\n", what, (unsigned long long)key);
}

int soak_has_failed(void)
{
	return hl_u32_load_relaxed(&failed) != 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- memory --------------------------------------------------------------------------------------------------- */

static hl_u64 bytes_in_use;

static void *allocate(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();
	void *const memory = allocator->allocate(allocator->context, size, alignment, content);

	(void)context;
	if (memory != NULL)
		hl_u64_fetch_add_relaxed(&bytes_in_use, size);
	return memory;
}

static void release(void *context, void *memory, size_t size, size_t alignment)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();

	(void)context;
	hl_u64_fetch_sub_relaxed(&bytes_in_use, size);
	allocator->release(allocator->context, memory, size, alignment);
}

const struct hashloom_allocator soak_allocator = { allocate, release, NULL };

void *soak_zeroed(size_t count, size_t size)
{
	void *const memory = calloc(count, size);

	if (memory == NULL) {
		fprintf(stderr, "soak: no memory\n");
		exit(1);
	}
	return memory;
}

/* What malloc keeps of what was freed is given back first: it is as large as the scheduler wanted it. */
static struct memory memory_now(void)
{
	struct memory memory = { 0, (size_t)hl_u64_load_relaxed(&bytes_in_use) };
	FILE *const file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	(void)malloc_trim(0);
	if (file != NULL && fscanf(file, "%*u %lu", &pages) == 1)
		memory.resident = pages * (size_t)sysconf(_SC_PAGESIZE);
	if (file != NULL)
		(void)fclose(file);
	return memory;
}

static int is_flat(size_t now, size_t reference)
{
	return now <= reference + reference * FLAT_PERCENT / 100 + FLAT_BYTES;
}

static void check_memory(struct memory now, unsigned round)
{
	if (round == 2)
		run.reference = now;
	if (round <= 2)
		return;
	if (!HAS_SANITIZER && !is_flat(now.resident, run.reference.resident))
		soak_fail("the resident set grows; round", round);
	if (!is_flat(now.in_use, run.reference.in_use))
		soak_fail("the memory in use grows; round", round);
}

/* ---- workers --------------------------------------------------------------------------------------------------- */

static void meet(void)
{
	(void)pthread_barrier_wait(&run.meeting);
}

static uint64_t calls_of(const struct soak_worker *worker)
{
	uint64_t calls = 0;

	for (unsigned kind = 0; kind < SOAK_KINDS; kind++)
		calls += worker->counts[kind];
	return calls;
}

/* Turns until the calls of the round are done, or its time is up. */
static void work_round(struct soak_worker *worker)
{
	uint64_t done = calls_of(worker);

	while (!hl_u32_load_relaxed(&run.is_round_over)) {
		for (unsigned i = 0; i < PARTS; i++) {
			for (unsigned times = 0; times < parts[i].times && !soak_has_failed(); times++)
				parts[i].part->work(worker);
		}
		const uint64_t calls = calls_of(worker) - done;
		const uint64_t left = hl_u64_fetch_sub_relaxed(&run.calls_left, calls);

		done += calls;
		if (left <= calls || left > UINT64_MAX / 2 || now_ns() >= run.round_ends_ns || soak_has_failed())
			hl_u32_store_relaxed(&run.is_round_over, 1);
	}
}

/* Only what is done in the rounds is counted. */
static void *work(void *arg)
{
	struct soak_worker *const worker = arg;

	for (;;) {
		struct soak_worker uncounted = *worker;

		meet();
		if (run.is_run_over)
			return NULL;
		for (unsigned i = 0; i < PARTS; i++)
			parts[i].part->enter(&uncounted);
		meet();
		work_round(worker);
		meet();
		for (unsigned i = 0; i < PARTS && !soak_has_failed(); i++)
			parts[i].part->check_own(&uncounted);
		meet();
	}
}

/* ---- rounds ---------------------------------------------------------------------------------------------------- */

static uint64_t calls_of_all(void)
{
	uint64_t calls = 0;

	for (unsigned thread = 0; thread < soak_threads; thread++)
		calls += calls_of(&run.workers[thread]);
	return calls;
}

/* A round of at most so many calls, which ends at `ends_ns` at the latest. */
static void do_round(unsigned round, uint64_t calls_max, uint64_t ends_ns)
{
	const uint64_t calls = calls_of_all();

	for (unsigned i = 0; i < PARTS; i++)
		parts[i].part->renew();
	const struct memory memory = memory_now();

	check_memory(memory, round);
	if (soak_has_failed())
		return;
	hl_u64_store_relaxed(&run.calls_left, calls_max);
	hl_u32_store_relaxed(&run.is_round_over, 0);
	meet();
	run.round_ends_ns = now_ns() + ROUND_NS < ends_ns ? now_ns() + ROUND_NS : ends_ns;
	const uint64_t begin = now_ns();
	meet();
	meet();
	const uint64_t ns = now_ns() - begin;
	const uint64_t done = calls_of_all() - calls;

	meet();
	for (unsigned i = 0; i < PARTS && !soak_has_failed(); i++)
		parts[i].part->check();
	run.working_ns += ns;
	printf("round %u: %.1f million calls in %.1f s; at its beginning %.1f MiB in use, %.1f MiB resident\n", round, (double)done / 1e6,
	       (double)ns / 1e9, (double)memory.in_use / 1048576, (double)memory.resident / 1048576);
}

static void do_rounds(uint64_t calls_max, uint64_t ns_max)
{
	const uint64_t ends_ns = ns_max == UINT64_MAX ? UINT64_MAX : now_ns() + ns_max;
	unsigned round = 1;

	for (; !soak_has_failed() && calls_of_all() < calls_max && (round <= ROUNDS_MIN || now_ns() < ends_ns); round++) {
		const uint64_t left = calls_max - calls_of_all();
		const uint64_t share = calls_max / ROUNDS_MIN + 1;

		do_round(round, left < share ? left : share, ends_ns);
	}
}

static int run_workers(uint64_t calls_max, uint64_t ns_max, uint64_t seed)
{
	pthread_attr_t attributes;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, (size_t)1 << 20);
	(void)pthread_barrier_init(&run.meeting, NULL, soak_threads + 1);
	for (unsigned i = 0; i < PARTS; i++)
		parts[i].part->begin();
	for (unsigned thread = 0; thread < soak_threads; thread++) {
		run.workers[thread] = (struct soak_worker){ .thread = thread, .random = seed * SOAK_THREADS_MAX + thread };
		if (pthread_create(&run.handles[thread], &attributes, work, &run.workers[thread]) != 0) {
			fprintf(stderr, "soak: a thread could not be started\n");
			exit(1);
		}
	}
	do_rounds(calls_max, ns_max);
	run.is_run_over = 1;
	meet();
	for (unsigned thread = 0; thread < soak_threads; thread++)
		(void)pthread_join(run.handles[thread], NULL);
	for (unsigned i = 0; i < PARTS; i++)
		parts[i].part->end();
	(void)pthread_attr_destroy(&attributes);
	return pthread_barrier_destroy(&run.meeting);
}

/* ---- report ---------------------------------------------------------------------------------------------------- */

static void report_kind(enum soak_kind kind, const char *text)
{
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;
	uint64_t sum = 0;

	for (unsigned thread = 0; thread < soak_threads; thread++) {
		const uint64_t count = run.workers[thread].counts[kind];

		least = count < least ? count : least;
		most = count > most ? count : most;
		sum += count;
	}
	printf("%-14s %13llu %12.0f  %11llu %11llu %11llu\n", text, (unsigned long long)sum, (double)sum * 1e9 / (double)run.working_ns,
	       (unsigned long long)least, (unsigned long long)(sum / soak_threads), (unsigned long long)most);
}

static void report(void)
{
	uint64_t hits = 0;

	for (unsigned thread = 0; thread < soak_threads; thread++)
		hits += run.workers[thread].hits;
	printf("%-14s %13s %12s  %11s %11s %11s\n", "calls", "in all", "per second", "thread: min", "mean", "max");
#define REPORT_KIND(kind, text) report_kind(kind, text);
	SOAK_KINDS_OF(REPORT_KIND)
#undef REPORT_KIND
	printf("%llu calls, %llu hits, %.1f s of work\n", (unsigned long long)calls_of_all(), (unsigned long long)hits,
	       (double)run.working_ns / 1e9);
}

/* ---- main ------------------------------------------------------------------------------------------------------ */

static int usage(void)
{
	fprintf(stderr, "usage: soak [--minutes N | --operations N] [--threads 2-%d] [--seed S]\n", SOAK_THREADS_MAX);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)time(NULL);
	double minutes = 1;
	double operations = 0;

	/* The kernel makes huge pages of touched ones when it has time, and with them pages resident that nobody has touched. */
	(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);

	for (int i = 1; i < argc; i += 2) {
		const double number = i + 1 < argc ? strtod(argv[i + 1], NULL) : -1;

		if (strcmp(argv[i], "--minutes") == 0 && number > 0)
			minutes = number;
		else if (strcmp(argv[i], "--operations") == 0 && number >= 1 && number <= 1e15)
			operations = number;
		else if (strcmp(argv[i], "--threads") == 0 && number >= 2 && number <= SOAK_THREADS_MAX)
			soak_threads = (unsigned)number;
		else if (strcmp(argv[i], "--seed") == 0 && number >= 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else
			return usage();
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("soak: %u threads, seed %llu\n", soak_threads, (unsigned long long)seed);
	const size_t before = mallinfo2().uordblks;
	const int is_by_time = operations < 1;

	(void)run_workers(is_by_time ? UINT64_MAX / 2 : (uint64_t)operations, is_by_time ? (uint64_t)(minutes * 6e10) : UINT64_MAX, seed);
	const size_t after = mallinfo2().uordblks;

	report();
	printf("in the end %llu bytes in use, malloc: %zu, before: %zu\n", (unsigned long long)hl_u64_load_relaxed(&bytes_in_use), after,
	       before);
	if (hl_u64_load_relaxed(&bytes_in_use) != 0)
		soak_fail("not all was given back; bytes", hl_u64_load_relaxed(&bytes_in_use));
	if (!HAS_SANITIZER && after > before + LEFT_BYTES)
		soak_fail("malloc has more in use than before; bytes", after - before);
	printf("%s\n", soak_has_failed() ? "FAIL" : "PASS");
	return soak_has_failed();
}
