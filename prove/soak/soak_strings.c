/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * soak_strings.c: strings that all threads add, count and look for in one intern, made anew for each round.
 *
 * Whoever gets an id of a string writes it down for all: each string must have one. What the threads counted must be what the values
 * come to.
 */
#include "soak.h"

#include <hashloom/atomic.h>
#include <hashloom/intern.h>

#include <stdlib.h>
#include <string.h>

#define STRINGS 30000
#define TEXT_SIZE 64
#define CALLS 32 /* of work() */
#define BATCH 8

static struct hashloom_intern *intern;
static hl_u32 *ids;	    /* of each string: id + 1, or 0: nobody has heard of one */
static uint64_t *counted; /* by each thread */

/* A number in base 16, from the back, and then a tail. */
static struct hashloom_bytes text_of(uint64_t index, char *text)
{
	size_t length = 0;

	for (uint64_t rest = index | UINT64_C(1) << 20; rest != 0; rest >>= 4)
		text[length++] = "0123456789abcdef"[rest & 15];
	memset(text + length, 'x', index % 40);
	return (struct hashloom_bytes){ text, length + index % 40 };
}

static void begin(void)
{
	ids = soak_zeroed(STRINGS, sizeof(*ids));
	counted = soak_zeroed(soak_threads, sizeof(*counted));
}

static void end(void)
{
	hashloom_intern_destroy(intern);
	free(ids);
	free(counted);
}

static void renew(void)
{
	const struct hashloom_intern_config config = { .value_size = sizeof(uint64_t), .allocator = &soak_allocator };

	hashloom_intern_destroy(intern);
	intern = NULL;
	if (hashloom_intern_create(&config, &intern) != HASHLOOM_OK)
		soak_fail("no memory for strings", 0);
	memset(ids, 0, STRINGS * sizeof(*ids));
	memset(counted, 0, soak_threads * sizeof(*counted));
}

static void enter(struct soak_worker *worker)
{
	(void)worker;
}

static void write_down(uint64_t index, uint32_t id)
{
	uint32_t before = 0;

	if (!hl_u32_cas_relaxed(&ids[index], &before, id + 1) && before != id + 1)
		soak_fail("a string has two ids", index);
}

static void search(struct soak_worker *worker, uint64_t index)
{
	char text[TEXT_SIZE];
	const struct hashloom_bytes bytes = text_of(index, text);
	const uint32_t before = hl_u32_load_relaxed(&ids[index]);
	uint32_t id = 0;
	size_t length = 0;
	const int is_there = hashloom_intern_find(intern, bytes.data, bytes.length, &id);

	worker->counts[SOAK_SEARCH]++;
	worker->hits += (uint64_t)is_there;
	if (before != 0 && !is_there)
		soak_fail("a string that has an id is not found", index);
	if (!is_there)
		return;
	write_down(index, id);
	const void *const stored = hashloom_intern_bytes(intern, id, &length);

	if (stored == NULL || length != bytes.length || memcmp(stored, bytes.data, length) != 0)
		soak_fail("an id has another string", index);
}

static void count(struct soak_worker *worker, uint64_t index)
{
	static const uint64_t summands[BATCH] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	char texts[BATCH][TEXT_SIZE];
	struct hashloom_bytes strings[BATCH];
	uint32_t new_ids[BATCH];
	int results[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		strings[i] = text_of((index + i * i) % STRINGS, texts[i]);
	(void)hashloom_intern_count_batch(intern, strings, summands, BATCH, new_ids, results);
	worker->counts[SOAK_COUNT] += BATCH;
	for (unsigned i = 0; i < BATCH; i++) {
		if (results[i] < 0)
			soak_fail("a string is not counted", index);
		else
			write_down((index + i * i) % STRINGS, new_ids[i]);
		counted[worker->thread] += summands[i];
	}
}

static void add(struct soak_worker *worker, uint64_t index)
{
	char text[TEXT_SIZE];
	const struct hashloom_bytes bytes = text_of(index, text);
	uint32_t id = 0;

	worker->counts[SOAK_ADD]++;
	if (hashloom_intern_add(intern, bytes.data, bytes.length, &id) < 0)
		soak_fail("a string is not added", index);
	else
		write_down(index, id);
}

static void work(struct soak_worker *worker)
{
	for (unsigned i = 0; i < CALLS; i++) {
		const uint64_t random = soak_random(worker);
		const uint64_t index = soak_below(random, STRINGS);

		if (random % 16 == 0)
			count(worker, index);
		else if (random % 16 < 3)
			add(worker, index);
		else
			search(worker, index);
	}
}

static void check_own(struct soak_worker *worker)
{
	for (uint64_t index = worker->thread; index < STRINGS; index += soak_threads)
		search(worker, index);
}

static void check(void)
{
	uint64_t position = 0;
	uint64_t known = 0;
	uint64_t seen = 0;
	uint64_t sum = 0;
	uint32_t id = 0;

	for (unsigned thread = 0; thread < soak_threads; thread++)
		sum -= counted[thread];
	for (uint64_t index = 0; index < STRINGS; index++)
		known += hl_u32_load_relaxed(&ids[index]) != 0;
	for (; hashloom_intern_next(intern, &position, UINT64_MAX, &id, NULL) != NULL; seen++)
		sum += hl_u64_load_relaxed(hashloom_intern_value(intern, id));
	if (sum != 0)
		soak_fail("the strings' counts are off by", sum);
	if (seen != known || hashloom_intern_count(intern) != known)
		soak_fail("count and iteration of strings; there must be so many", known);
}

const struct soak_part soak_strings = { begin, end, renew, enter, work, check_own, check };
