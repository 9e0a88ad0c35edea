/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * soak_futures.c: one asynchronous map, a mover with worker threads, and a runtime for each thread, all for the whole run.
 *
 * A thread puts and removes keys of its own, which it knows, eight futures at a time, and gets those of others: what it sees must be a whole value of the key.
 */
#include "soak.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#include <stdlib.h>
#include <string.h>

#define KEYS 256	/* of a thread */
#define WORDS_MAX 32	/* of a value */
#define FUTURES 8	/* of work() */
#define MOVER_THREADS 2
#define MOVER_QUEUE 64

struct own {
	struct runtime *runtime;
	uint64_t present;
	uint8_t turns[KEYS]; /* bit 0: it is there; the others: how often it came */
};

/* One of the futures of a turn. */
struct job {
	enum soak_kind kind;
	uint64_t key;
	int is_own;
	uint64_t words[WORDS_MAX];
	union {
		struct async_hash_map_put_fut put;
		struct async_hash_map_get_copy_fut get;
		struct async_hash_map_remove_fut remove;
	} future;
};

static struct data_mover_threads *mover;
static struct async_hash_map *map;
static struct own *owns;

static size_t words_of(uint64_t key)
{
	return 1 + key % WORDS_MAX;
}

static uint64_t word_of(uint64_t key, uint8_t turn, size_t i)
{
	return (key << 8 | turn >> 1) + (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
}

static void begin(void)
{
	mover = data_mover_threads_new(MOVER_THREADS, MOVER_QUEUE, FUTURE_NOTIFIER_WAKER);
	/* A removed value that is being read keeps its cell: there is room for twice the keys. */
	map = async_hash_map_new_with_allocator((size_t)soak_threads * KEYS * 2, &soak_allocator);
	owns = soak_zeroed(soak_threads, sizeof(*owns));
	for (unsigned thread = 0; thread < soak_threads; thread++) {
		owns[thread].runtime = runtime_new();
		if (owns[thread].runtime == NULL || mover == NULL || map == NULL)
			soak_fail("no memory for futures", thread);
	}
}

static void end(void)
{
	async_hash_map_delete(map);
	data_mover_threads_delete(mover);
	for (unsigned thread = 0; thread < soak_threads; thread++)
		runtime_delete(owns[thread].runtime);
	free(owns);
}

static void renew(void)
{
}

static void enter(struct soak_worker *worker)
{
	(void)worker;
}

/* ---- a future ------------------------------------------------------------------------------------------------ */

static struct future *start_put(struct job *job, uint8_t turn)
{
	for (size_t i = 0; i < words_of(job->key); i++)
		job->words[i] = word_of(job->key, turn, i);
	job->kind = SOAK_PUT;
	job->future.put = async_hash_map_put(map, data_mover_threads_get_vdm(mover), job->key, job->words,
					     words_of(job->key) * sizeof(uint64_t));
	return FUTURE_AS_RUNNABLE(&job->future.put);
}

static struct future *start_get(struct job *job)
{
	job->kind = SOAK_GET;
	job->future.get = async_hash_map_get_copy(map, data_mover_threads_get_vdm(mover), job->key, job->words, sizeof(job->words));
	return FUTURE_AS_RUNNABLE(&job->future.get);
}

static struct future *start_remove(struct job *job)
{
	job->kind = SOAK_REMOVE;
	job->future.remove = async_hash_map_remove(map, job->key);
	return FUTURE_AS_RUNNABLE(&job->future.remove);
}

static struct future *start(struct job *job, const struct own *own, uint64_t random)
{
	const uint8_t turn = own->turns[job->key % KEYS];

	if (!job->is_own || (turn & 1 && random & 1))
		return start_get(job);
	return turn & 1 ? start_remove(job) : start_put(job, (uint8_t)(turn + 2));
}

static void finish_get(const struct job *job, struct own *own, struct soak_worker *worker)
{
	const struct async_hash_map_get_copy_output *const output = FUTURE_OUTPUT(&job->future.get);
	const int is_there = output->status == ASYNC_HASH_MAP_OK;
	const uint8_t turn = own->turns[job->key % KEYS];

	worker->hits += (uint64_t)is_there;
	if (!is_there && output->status != ASYNC_HASH_MAP_NOT_FOUND)
		soak_fail("a get that is neither OK nor NOT_FOUND", job->key);
	if (job->is_own && is_there != (turn & 1))
		soak_fail("a get of an own key", job->key);
	if (!is_there)
		return;
	if (output->size != words_of(job->key) * sizeof(uint64_t) || job->words[0] >> 8 != job->key)
		soak_fail("a get has another key's value", job->key);
	if (job->is_own && job->words[0] != word_of(job->key, turn, 0))
		soak_fail("a get has an old value", job->key);
	for (size_t i = 1; i < words_of(job->key); i++) {
		if (job->words[i] != word_of(job->key, (uint8_t)(job->words[0] << 1), i))
			soak_fail("a get has a value that is not whole", job->key);
	}
}

static void finish(const struct job *job, struct own *own, struct soak_worker *worker)
{
	uint8_t *const turn = &own->turns[job->key % KEYS];

	worker->counts[job->kind]++;
	if (job->kind == SOAK_GET) {
		finish_get(job, own, worker);
	} else if (job->kind == SOAK_PUT) {
		if (FUTURE_OUTPUT(&job->future.put)->status != ASYNC_HASH_MAP_OK)
			soak_fail("a put of a key that is not there", job->key);
		*turn = (uint8_t)((*turn + 2) | 1);
		own->present++;
	} else {
		if (FUTURE_OUTPUT(&job->future.remove)->status != ASYNC_HASH_MAP_OK)
			soak_fail("a remove of a key that is there", job->key);
		*turn ^= 1;
		own->present--;
	}
}

/* Own and others' keys in turn; no own key twice. */
static void work(struct soak_worker *worker)
{
	struct own *const own = &owns[worker->thread];
	const uint64_t base = soak_random(worker);
	struct future *futures[FUTURES];
	struct job jobs[FUTURES];

	for (unsigned i = 0; i < FUTURES; i++) {
		const uint64_t random = soak_random(worker);

		jobs[i].is_own = i % 2 == 0;
		jobs[i].key = jobs[i].is_own ? worker->thread * (uint64_t)KEYS + (base + i) % KEYS :
					       soak_below(random, (uint64_t)soak_threads * KEYS);
		/* What is one's own is known before and after the turn only. */
		if (jobs[i].key / KEYS == worker->thread && !jobs[i].is_own)
			jobs[i].key = (jobs[i].key + KEYS) % ((uint64_t)soak_threads * KEYS);
		futures[i] = start(&jobs[i], own, random);
	}
	runtime_wait_multiple(own->runtime, futures, FUTURES);
	for (unsigned i = 0; i < FUTURES; i++)
		finish(&jobs[i], own, worker);
}

/* ---- after a round --------------------------------------------------------------------------------------------- */

static void check_own(struct soak_worker *worker)
{
	struct own *const own = &owns[worker->thread];
	struct job job = { .is_own = 1 };

	for (uint64_t number = 0; number < KEYS; number++) {
		job.key = worker->thread * (uint64_t)KEYS + number;
		runtime_wait(own->runtime, start_get(&job));
		finish(&job, own, worker);
	}
}

static void check(void)
{
	struct async_hash_map_report report;
	uint64_t present = 0;

	for (unsigned thread = 0; thread < soak_threads; thread++)
		present += owns[thread].present;
	if (async_hash_map_check(map, &report) != 0)
		soak_fail("a check of the asynchronous map finds something", 0);
	if (report.keys != present || report.count != present)
		soak_fail("the asynchronous map's count; there must be so many", present);
}

const struct soak_part soak_futures = { begin, end, renew, enter, work, check_own, check };
