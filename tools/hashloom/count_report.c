/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * count_report.c: each thread gathers and sorts the keys of a part of the ids; then the sorted runs
 * are merged, as they are printed.
 *
 * A rank is a number that says, but for ties, where an entry stands: the count and the first
 * bytes of the key; all counts from RANK_COUNT_MAX on have one rank. Entries are sorted by the bytes of their ranks, the lowest byte
 * first (a radix sort); then those of the same rank are compared.
 */
#include "count_report.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hashloom/atomic.h>

#include "message.h"
#include "threads.h"

#define OUTPUT_SIZE ((size_t)1 << 16)
#define COUNT_WIDTH 7
#define COUNT_DIGITS_MAX 20

#define RANK_COUNT_BITS 16
#define RANK_COUNT_MAX ((UINT64_C(1) << RANK_COUNT_BITS) - 1)
#define RANK_BYTES sizeof(uint64_t)
#define BYTE_VALUES 256

struct entry {
	uint64_t rank; /* the lower, the earlier */
	uint64_t count;
	const char *key;
	size_t length;
};

/* The keys of a range of ids. */
struct run {
	const struct hashloom_intern *intern;
	uint64_t position;
	uint64_t end;
	struct entry *memory;  /* for the entries, twice; NULL: there is none */
	struct entry *entries; /* in it */
	size_t size;
	size_t next; /* to be printed */
};

/* ---- gathering and sorting ------------------------------------------------------------------ */

static uint64_t rank_of(uint64_t count, const char *key, size_t length)
{
	uint64_t prefix = 0;

	if (count >= RANK_COUNT_MAX)
		return ~(RANK_COUNT_MAX << (64 - RANK_COUNT_BITS));
	memcpy(&prefix, key, length < sizeof(prefix) ? length : sizeof(prefix));
	return ~(count << (64 - RANK_COUNT_BITS) | be64toh(prefix) >> RANK_COUNT_BITS);
}

/* As sort -rn does: the higher count, and of equal ones the key with the greater bytes. */
static bool is_before(const struct entry *a, const struct entry *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (a->count != b->count)
		return a->count > b->count;
	const size_t common = a->length < b->length ? a->length : b->length;
	const int order = memcmp(a->key, b->key, common);

	return order != 0 ? order > 0 : a->length > b->length;
}

static int compare(const void *a, const void *b)
{
	return is_before(a, b) ? -1 : 1;
}

static unsigned byte_of(uint64_t rank, size_t i)
{
	return (unsigned)(rank >> 8 * i) & (BYTE_VALUES - 1);
}

/* How often each value of each byte occurs in the ranks. */
static void count_bytes(const struct entry *entries, size_t n,
			size_t counts[RANK_BYTES][BYTE_VALUES])
{
	memset(counts, 0, RANK_BYTES * sizeof(counts[0]));
	for (size_t i = 0; i < n; i++)
		for (size_t byte = 0; byte < RANK_BYTES; byte++)
			counts[byte][byte_of(entries[i].rank, byte)]++;
}

/* Moves the entries to another array, in the order of one byte of their ranks. */
static void distribute(const struct entry *from, struct entry *to, size_t n, size_t byte,
		       const size_t counts[BYTE_VALUES])
{
	size_t places[BYTE_VALUES];
	size_t place = 0;

	for (unsigned value = 0; value < BYTE_VALUES; value++) {
		places[value] = place;
		place += counts[value];
	}
	assert(place == n);
	for (size_t i = 0; i < n; i++)
		to[places[byte_of(from[i].rank, byte)]++] = from[i];
}

/* Sorts by rank. Returns where the entries are: here or in the spare array. */
static struct entry *sort_by_rank(struct entry *entries, struct entry *spare, size_t n)
{
	size_t counts[RANK_BYTES][BYTE_VALUES];

	count_bytes(entries, n, counts);
	for (size_t byte = 0; byte < RANK_BYTES; byte++) {
		struct entry *const from = entries;

		/* All have the same. */
		if (n == 0 || counts[byte][byte_of(from[0].rank, byte)] == n)
			continue;
		distribute(from, spare, n, byte, counts[byte]);
		entries = spare;
		spare = from;
	}
	return entries;
}

/* Sorts the entries of each rank, which stand together. */
static void sort_ties(struct entry *entries, size_t n)
{
	size_t end;

	for (size_t i = 0; i < n; i = end) {
		end = i + 1;
		while (end < n && entries[end].rank == entries[i].rank)
			end++;
		if (end - i > 1)
			qsort(&entries[i], end - i, sizeof(*entries), compare);
	}
}

/* Of a run; for threads_run(). */
static void *gather_and_sort(void *argument)
{
	struct run *const run = argument;
	const uint64_t ids = run->end - run->position;
	const size_t count = hashloom_intern_count(run->intern);
	const size_t size_max = ids < count ? (size_t)ids : count;
	const char *key;
	size_t length;
	uint32_t id;

	run->memory = calloc(2 * size_max + 1, sizeof(*run->memory));
	if (run->memory == NULL)
		return NULL;
	/* Ends: there are so many ids. */
	while ((key = hashloom_intern_next(run->intern, &run->position, run->end, &id, &length)) !=
	       NULL) {
		const hl_u64 *const value = hashloom_intern_value(run->intern, id);

		const uint64_t occurrences = hl_u64_load_relaxed(value);

		assert(run->size < size_max);
		run->memory[run->size++] =
			(struct entry){rank_of(occurrences, key, length), occurrences, key, length};
	}
	run->entries = sort_by_rank(run->memory, run->memory + size_max, run->size);
	sort_ties(run->entries, run->size);
	return NULL;
}

/* ---- merging -------------------------------------------------------------------------------- */

/* Runs that are not printed to their end, as a heap: none comes before the one at half its index. */
struct heap {
	struct run **runs; /* from 1 */
	size_t size;
};

static const struct entry *head_of(const struct run *run)
{
	return &run->entries[run->next];
}

/* Puts the run at an index to its place further down. */
static void sift(struct heap *heap, size_t at)
{
	struct run *const run = heap->runs[at];

	/* Ends: goes down a level each turn. */
	for (size_t child; (child = 2 * at) <= heap->size; at = child) {
		if (child < heap->size &&
		    is_before(head_of(heap->runs[child + 1]), head_of(heap->runs[child])))
			child++;
		if (!is_before(head_of(heap->runs[child]), head_of(run)))
			break;
		heap->runs[at] = heap->runs[child];
	}
	heap->runs[at] = run;
}

static void fill_heap(struct heap *heap, struct run *runs, size_t n)
{
	heap->size = 0;
	for (size_t i = 0; i < n; i++)
		if (runs[i].size > 0)
			heap->runs[++heap->size] = &runs[i];
	for (size_t at = heap->size / 2; at > 0; at--)
		sift(heap, at);
}

/* The next entry in the order of all runs, which are not at an end. */
static const struct entry *take_first(struct heap *heap)
{
	struct run *const run = heap->runs[1];
	const struct entry *const entry = head_of(run);

	if (++run->next == run->size)
		heap->runs[1] = heap->runs[heap->size--];
	if (heap->size > 0)
		sift(heap, 1);
	return entry;
}

/* ---- printing ------------------------------------------------------------------------------- */

struct output {
	size_t size;
	char bytes[OUTPUT_SIZE];
};

/* Returns 0, or -1: it cannot be written. */
static int write_out(struct output *output)
{
	const size_t size = output->size;

	output->size = 0;
	return size == 0 || fwrite(output->bytes, 1, size, stdout) == size ? 0 : -1;
}

static int print_bytes(struct output *output, const char *bytes, size_t size)
{
	if (size > OUTPUT_SIZE - output->size && write_out(output) != 0)
		return -1;
	if (size > OUTPUT_SIZE)
		return fwrite(bytes, 1, size, stdout) == size ? 0 : -1;
	memcpy(output->bytes + output->size, bytes, size);
	output->size += size;
	return 0;
}

/* "%7llu ", as uniq -c has it. */
static int print_count(struct output *output, uint64_t count)
{
	char text[COUNT_DIGITS_MAX + 1];
	char *at = text + sizeof(text);

	*--at = ' ';
	do /* ends: a digit less each turn */
		*--at = (char)('0' + count % 10);
	while ((count /= 10) > 0);
	while (at > text + sizeof(text) - 1 - COUNT_WIDTH)
		*--at = ' ';
	return print_bytes(output, at, (size_t)(text + sizeof(text) - at));
}

/* Prints the first lines. Returns the exit status. */
static int print_merged(struct heap *heap, size_t lines)
{
	static struct output output;
	int result = 0;

	for (size_t i = 0; i < lines && heap->size > 0 && result == 0; i++) {
		const struct entry *const entry = take_first(heap);

		result = print_count(&output, entry->count) != 0 ||
			 print_bytes(&output, entry->key, entry->length) != 0 ||
			 print_bytes(&output, "\n", 1) != 0;
	}
	if (result == 0)
		(void)write_out(&output);
	return output_flush() == 0 ? STATUS_OK : STATUS_BAD_INPUT;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool have_all_memory(const struct run *runs, size_t n)
{
	bool have = true;

	for (size_t i = 0; i < n; i++)
		have = have && runs[i].memory != NULL;
	return have;
}

int count_report(const struct hashloom_intern *intern, const struct count_options *options)
{
	const size_t n = options->threads;
	const uint64_t ids = hashloom_intern_ids(intern);
	struct run *const runs = calloc(n, sizeof(*runs));
	struct heap heap = {calloc(n + 1, sizeof(*heap.runs)), 0};
	int status = STATUS_FAILED;

	if (runs != NULL && heap.runs != NULL) {
		for (size_t i = 0; i < n; i++)
			runs[i] = (struct run){.intern = intern,
					       .position = ids * i / n,
					       .end = ids * (i + 1) / n};
		threads_run(gather_and_sort, runs, sizeof(*runs), n);
	}
	if (runs == NULL || heap.runs == NULL || !have_all_memory(runs, n)) {
		message("out of memory for sorting");
	} else {
		fill_heap(&heap, runs, n);
		status = print_merged(&heap, options->top);
	}
	for (size_t i = 0; runs != NULL && i < n; i++)
		free(runs[i].memory);
	free(runs);
	free((void *)heap.runs);
	return status;
}
