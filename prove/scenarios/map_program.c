/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_program.c: runs the tables of map_program.h and judges what came out.
 *
 * Values: all words of a value are the same item; its upper half tells the key, its lower half who made it and what was added. Bit 15 is set in
 * values that are not finished.
 */
#include "map_program.h"

#include "judge.h"

#include <hashloom/atomic_hash_array.h>
#include <hashloom/atomic_hash_map.h>

#include <stdio.h>

#define STABLE 1000 /* the first of the keys that stay */
#define STABLE_MAX 45
#define WORDS_MAX 3
#define GROUP 15
#define LOGS (SCHEDULE_TASKS_MAX + 1)
#define MAIN SCHEDULE_TASKS_MAX
#define OPERATIONS_MAX 64
#define IDS_MAX 512
#define SCENARIOS_MAX 128
#define CONSTRUCT_ERROR (-77)
#define UNFINISHED UINT64_C(0x8000)

/* What is written by all tasks, but not by the map: ThreadSanitizer need not know. */
#define HIDDEN __attribute__((noinline, no_sanitize("thread"))) static

struct variant {
	const struct map_program *program;
	enum map_program_reuses reuse;
	char name[64];
};

static struct {
	const struct map_program *program;
	enum map_program_reuses reuse;
	unsigned words;
	struct atomic_hash_map *map;
	struct atomic_hash_array *array; /* NULL: no array; otherwise the same map */
	unsigned stable_count;
	uint64_t seen[LOGS][MAP_PROGRAM_KEYS];
	uint64_t last_visit[LOGS]; /* a time */
	unsigned made; /* values */
	unsigned destroyed;
	unsigned failures;		      /* so many allocations fail */
	uint32_t id_of[MAP_PROGRAM_KEYS];    /* + 1 */
	uint64_t owner_of[IDS_MAX];	      /* key + 1 */
	unsigned retired_count;
	hl_u32 retired[OPERATIONS_MAX];	      /* id + 1 */
	hl_u32 readers;
	hl_u64 *news; /* OPERATIONS_MAX for each of LOGS, from 1 on: 1 when the item was made; NULL: no NEWS */
} now;

static struct variant variants[SCENARIOS_MAX];
static struct schedule_scenario scenarios[SCENARIOS_MAX];

/* ---- keys and values ------------------------------------------------------------------------------------- */

static unsigned self(void)
{
	const unsigned task = hl_schedule_task();

	return task < SCHEDULE_TASKS_MAX ? task : MAIN;
}

static int has(enum map_program_flag flag)
{
	return (now.program->flags & flag) != 0;
}

static uint64_t key_of(unsigned key)
{
	static const uint64_t defaults[MAP_PROGRAM_KEYS] = { 1, 2, 3, UINT64_MAX - 1 };
	static const uint64_t own[MAP_PROGRAM_KEYS] = { 0, 2, UINT64_MAX, 501 };
	const uint64_t bits = has(OWN_KEYS) ? own[key] : defaults[key];

	return has(KEYS_32) ? (uint32_t)bits : bits;
}

/* MAP_PROGRAM_KEYS: none of the program's. */
static unsigned number_of(uint64_t key)
{
	unsigned number = 0;

	while (number < MAP_PROGRAM_KEYS && key_of(number) != key)
		number++;
	return number;
}

static int is_stable(uint64_t key)
{
	return number_of(key) == MAP_PROGRAM_KEYS;
}

static uint64_t mark_of(uint64_t key)
{
	return is_stable(key) ? key : 100 + number_of(key);
}

/* The word that was written before an item was stored. */
static hl_u64 *news_of(uint64_t item)
{
	return &now.news[(item >> 24 & 0xff) * OPERATIONS_MAX + (item >> 16 & 0xff)];
}

/* Of the n-th operation of this task. */
static uint64_t item_of(uint64_t key)
{
	const uint64_t item = mark_of(key) << 32 | (uint64_t)(self() + 1) << 24 | (uint64_t)(judge_log()->count + 1) << 16;

	if (now.news != NULL)
		hl_u64_store_relaxed(news_of(item), 1);
	return item;
}

static uint64_t summand(void)
{
	return (self() + 1) * 64 + judge_log()->count;
}

static void fill_words(uint64_t *words, uint64_t item)
{
	for (unsigned i = 0; i < now.words; i++)
		words[i] = item;
}

/* The item of a value, which must be whole and have this mark. */
static uint64_t marked_item_in(const uint64_t *words, uint64_t mark)
{
	for (unsigned i = 1; i < now.words; i++)
		SCHEDULE_REQUIRE(words[i] == words[0]);
	SCHEDULE_REQUIRE(words[0] >> 32 == mark);
	SCHEDULE_REQUIRE((words[0] & UNFINISHED) == 0);
	SCHEDULE_REQUIRE(now.news == NULL || hl_u64_load_relaxed(news_of(words[0])) == 1);
	return words[0];
}

static uint64_t item_in(const uint64_t *words, uint64_t key)
{
	return marked_item_in(words, mark_of(key));
}

static uint64_t hash_zero(uint64_t key)
{
	(void)key;
	return 0;
}

static uint64_t hash_homes(uint64_t key)
{
	return key == 2 ? UINT64_C(0x60000000) << 32 : key == 3 ? UINT64_C(1) << 32 : 0;
}

static uint64_t hash_tags(uint64_t key)
{
	return key & 0xff;
}

/* ---- what the map calls ---------------------------------------------------------------------------------- */

HIDDEN void count_made(void)
{
	now.made++;
}

/* Zeros are what a construct that failed in a cell of before leaves. */
HIDDEN void count_destroyed(uint64_t first)
{
	now.destroyed += first != 0;
	SCHEDULE_REQUIRE((first & UNFINISHED) == 0);
	SCHEDULE_REQUIRE(now.destroyed <= now.made);
}

static void destroy_value(void *context, void *value)
{
	(void)context;
	count_destroyed(*(const uint64_t *)value);
}

HIDDEN int is_failing(void)
{
	if (now.failures == 0)
		return 0;
	now.failures -= now.failures != UINT32_MAX;
	return 1;
}

static void *allocate(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();

	(void)context;
	return is_failing() ? NULL : allocator->allocate(allocator->context, size, alignment, content);
}

static void release_memory(void *context, void *memory, size_t size, size_t alignment)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();

	(void)context;
	allocator->release(allocator->context, memory, size, alignment);
}

HIDDEN unsigned next_retired(void)
{
	SCHEDULE_REQUIRE(now.retired_count < OPERATIONS_MAX);
	return now.retired_count++;
}

static void retire(void *context, uint32_t id)
{
	(void)context;
	hl_u32_store_release(&now.retired[next_retired()], id + 1);
}

/* A value that takes its time. */
struct making {
	uint64_t item;
	int result;
	unsigned calls;
};

static int construct(void *value, void *argument)
{
	struct making *const making = argument;

	making->calls++;
	fill_words(value, making->item | UNFINISHED);
	schedule_step();
	if (making->result == 0)
		fill_words(value, making->item);
	return making->result;
}

/* Adds the lower half of what is offered. It must never be shown what is no value of the key. */
static void combine(void *stored, const void *offered, void *argument)
{
	const uint64_t now_offered = *(const uint64_t *)offered;

	(void)argument;
	fill_words(stored, marked_item_in(stored, now_offered >> 32) + (now_offered & UINT32_MAX));
}

/* ---- places ---------------------------------------------------------------------------------------------- */

HIDDEN void check_place(uint64_t key, uint32_t id)
{
	const unsigned number = number_of(key);

	SCHEDULE_REQUIRE(id < IDS_MAX);
	if (number == SIDE || now.reuse == SAME)
		SCHEDULE_REQUIRE(number == MAP_PROGRAM_KEYS || now.id_of[number] == 0 || now.id_of[number] == id + 1);
	if (number < MAP_PROGRAM_KEYS)
		now.id_of[number] = id + 1;
	if (now.reuse != ANY)
		SCHEDULE_REQUIRE(now.owner_of[id] == 0 || now.owner_of[id] == key + 1);
	now.owner_of[id] = key + 1;
}

/* Reads what an address leads to, where that is allowed. */
static void check_value(uint64_t key, const void *value)
{
	uint64_t words[WORDS_MAX];

	if ((now.reuse != NEVER && !is_stable(key) && !has(RETIRE)) || number_of(key) == SIDE || has(LOCKS))
		return;
	if (now.words == 1)
		words[0] = hl_u64_load_acquire((const hl_u64 *)value);
	else
		memcpy(words, value, sizeof(words));
	(void)item_in(words, key);
}

static void check_found(uint64_t key, const void *value)
{
	check_place(key, atomic_hash_map_id(now.map, value));
	check_value(key, value);
}

/* Whoever keeps addresses tells those who want to reuse the cells. */
static void begin_reading(void)
{
	if (!has(RETIRE))
		return;
	hl_u32_fetch_add_relaxed(&now.readers, 1);
	hl_fence_seq_cst();
}

static void end_reading(void)
{
	if (has(RETIRE))
		hl_u32_fetch_sub_release(&now.readers, 1);
}

/* ---- histories ------------------------------------------------------------------------------------------- */

static void end_if_there(struct history_operation *operation, int is_there, uint64_t item)
{
	judge_return(operation, is_there ? HISTORY_DONE : HISTORY_ABSENT, is_there ? item : HISTORY_ANY);
}

static int is_lacking_memory(void)
{
	return has(FAIL_ONCE) || has(FAIL_ALWAYS);
}

/* An insert that failed found the key absent. */
static void end_insert(struct history_operation *operation, int result, uint64_t key, const void *where)
{
	if (result == 1)
		count_made();
	if (result >= 0 && where != NULL)
		check_place(key, atomic_hash_map_id(now.map, where));
	SCHEDULE_REQUIRE(result >= 0 || result == CONSTRUCT_ERROR || (result == HASHLOOM_ERROR_FULL && has(ARRAY)) ||
			 (result == HASHLOOM_ERROR_NO_MEMORY && is_lacking_memory()));
	judge_return(operation,
	    result == 1 ? HISTORY_DONE :
	    result == 0 ? HISTORY_EXISTS :
	    result == HASHLOOM_ERROR_FULL && now.reuse == NEVER && number_of(key) != SIDE ? HISTORY_BARRED :
											    HISTORY_FULL,
	    HISTORY_ANY);
	if (result == 0 && where != NULL)
		check_value(key, where);
}

/* ---- operations ------------------------------------------------------------------------------------------ */

static void do_insert(unsigned number, uint64_t key)
{
	uint64_t words[WORDS_MAX];
	void *where = NULL;
	const uint64_t item = item_of(key);
	struct history_operation *const operation = judge_call(HISTORY_INSERT, number, item);

	fill_words(words, item);
	const int result = now.array != NULL ? atomic_hash_array_insert(now.array, key, words, &where) :
					       atomic_hash_map_insert(now.map, key, words, &where);
	end_insert(operation, result, key, where);
}

static void do_emplace(unsigned number, uint64_t key, int result_of_construct)
{
	struct making making = { item_of(key), result_of_construct, 0 };
	void *where = NULL;
	struct history_operation *const operation = judge_call(HISTORY_INSERT, number, making.item);
	const int result = atomic_hash_map_emplace(now.map, key, construct, &making, &where);

	/* a value that was made is not refused for lack of memory */
	SCHEDULE_REQUIRE(making.calls == (result == 1 || result == CONSTRUCT_ERROR));
	SCHEDULE_REQUIRE(result == 0 || result == HASHLOOM_ERROR_NO_MEMORY || result == HASHLOOM_ERROR_FULL ||
			 result == (result_of_construct == 0 ? 1 : CONSTRUCT_ERROR));
	end_insert(operation, result, key, where);
}

static void do_erase(unsigned number, uint64_t key, int takes)
{
	uint64_t words[WORDS_MAX];
	struct history_operation *const operation = judge_call(HISTORY_ERASE, number, 0);
	const int result = takes		? atomic_hash_map_take(now.map, key, words) :
			   now.array != NULL ? atomic_hash_array_erase(now.array, key) :
					       atomic_hash_map_erase(now.map, key);

	end_if_there(operation, result, takes && result ? item_in(words, key) : HISTORY_ANY);
}

static void do_find(unsigned number, uint64_t key, int is_near)
{
	begin_reading();
	struct history_operation *const operation = judge_call(HISTORY_FIND, number, 0);
	const void *const value = is_near	    ? atomic_hash_map_find_near(now.map, key) :
				  now.array != NULL ? atomic_hash_array_find(now.array, key) :
						      atomic_hash_map_find(now.map, key);

	end_if_there(operation, value != NULL, HISTORY_ANY);
	if (value != NULL)
		check_found(key, value);
	end_reading();
}

static void do_load(unsigned number, uint64_t key)
{
	uint64_t words[WORDS_MAX];
	struct history_operation *const operation = judge_call(HISTORY_FIND, number, 0);
	const int result = atomic_hash_map_load(now.map, key, words);

	end_if_there(operation, result, result ? item_in(words, key) : HISTORY_ANY);
	if (result)
		now.seen[self()][number] = words[0];
}

static void do_store(unsigned number, uint64_t key, int wants_before)
{
	const uint64_t item = item_of(key);
	uint64_t words[WORDS_MAX];
	uint64_t before[WORDS_MAX];
	struct history_operation *const operation = judge_call(HISTORY_STORE, number, item);

	fill_words(words, item);
	const int result = wants_before ? atomic_hash_map_exchange(now.map, key, words, before) :
					  atomic_hash_map_store(now.map, key, words);
	end_if_there(operation, result, wants_before && result ? item_in(before, key) : HISTORY_ANY);
}

static void do_compare_exchange(unsigned number, uint64_t key)
{
	const uint64_t item = item_of(key);
	uint64_t *const seen = &now.seen[self()][number];
	uint64_t words[WORDS_MAX];
	uint64_t expected[WORDS_MAX];
	struct history_operation *const operation = judge_call(HISTORY_COMPARE_EXCHANGE, number, item);

	operation->expected = *seen;
	fill_words(words, item);
	fill_words(expected, *seen);
	const int result = atomic_hash_map_compare_exchange(now.map, key, expected, words);
	if (result == 2) {
		*seen = item_in(expected, key);
		judge_return(operation, HISTORY_DIFFERENT, *seen);
		return;
	}
	end_if_there(operation, result, result ? *seen : HISTORY_ANY);
	if (result)
		*seen = item;
}

static void do_fetch_add(unsigned number, uint64_t key)
{
	uint64_t before = 0;
	const uint64_t added = summand();
	struct history_operation *const operation = judge_call(HISTORY_FETCH_ADD, number, added);
	const int result = atomic_hash_map_fetch_add(now.map, key, added, &before);

	end_if_there(operation, result, result ? item_in(&before, key) : HISTORY_ANY);
}

static void end_upsert(struct history_operation *operation, int result, uint64_t key, uint64_t written)
{
	if (result != 0) {
		end_insert(operation, result, key, NULL);
		return;
	}
	operation->argument &= UINT32_MAX;
	judge_return(operation, HISTORY_EXISTS, written);
}

static void do_upsert(unsigned number, uint64_t key)
{
	const uint64_t item = item_of(key) + summand();
	uint64_t words[WORDS_MAX];
	uint64_t written[WORDS_MAX] = { 0 };
	struct history_operation *const operation = judge_call(HISTORY_UPSERT, number, item);

	fill_words(words, item);
	const int result = atomic_hash_map_upsert(now.map, key, words, combine, NULL, written);
	SCHEDULE_REQUIRE(result < 0 || (item_in(written, key) == item) == (result == 1));
	end_upsert(operation, result, key, written[0]);
}

static void do_lock(unsigned number, uint64_t key)
{
	const uint64_t added = summand();
	struct history_operation *const operation = judge_call(HISTORY_FETCH_ADD, number, added);
	uint64_t *const words = atomic_hash_map_lock(now.map, key);

	if (words == NULL) {
		judge_return(operation, HISTORY_ABSENT, HISTORY_ANY);
		return;
	}
	const uint64_t item = item_in(words, key);
	words[0] = item + added;
	schedule_step();
	fill_words(words, item + added);
	atomic_hash_map_unlock(now.map, words);
	judge_return(operation, HISTORY_DONE, item);
}

/* The id may be another key's when it is looked at, with any_key; with never it may be gone. */
static void do_by_id(unsigned number, uint64_t key)
{
	uint32_t id = 0;
	uint64_t other = 0;

	begin_reading();
	struct history_operation *operation = judge_call(HISTORY_FIND, number, 0);
	const int result = atomic_hash_map_key_to_id(now.map, key, &id);

	end_if_there(operation, result, HISTORY_ANY);
	if (result) {
		check_place(key, id);
		operation = judge_call(HISTORY_FIND, number, 0);
		const void *const value = atomic_hash_map_at(now.map, id, &other);

		SCHEDULE_REQUIRE(value == NULL || now.reuse == ANY || other == key);
		if (value != NULL && other == key)
			check_found(key, value);
		if (value == NULL || other != key)
			judge_return(operation, now.reuse == SAME ? HISTORY_ABSENT : HISTORY_NO_EFFECT, HISTORY_ANY);
		else
			judge_return(operation, HISTORY_DONE, HISTORY_ANY);
	}
	end_reading();
}

static void do_insert_batch(int upserts)
{
	uint64_t keys[2];
	uint64_t values[2 * WORDS_MAX];
	int results[2];
	struct history_operation *operations[2];

	for (unsigned i = 0; i < 2; i++) {
		keys[i] = key_of(A + i);
		const uint64_t item = item_of(keys[i]) + (upserts ? summand() : 0);

		fill_words(values + i * now.words, item);
		operations[i] = judge_call(upserts ? HISTORY_UPSERT : HISTORY_INSERT, A + i, item);
	}
	const size_t count = upserts ? atomic_hash_map_upsert_batch(now.map, keys, values, 2, combine, NULL, results) :
				       atomic_hash_map_insert_batch(now.map, keys, values, 2, results);
	SCHEDULE_REQUIRE(count == (size_t)(results[0] == 1) + (size_t)(results[1] == 1));
	for (unsigned i = 0; i < 2; i++) {
		if (upserts)
			end_upsert(operations[i], results[i], keys[i], HISTORY_ANY);
		else
			end_insert(operations[i], results[i], keys[i], NULL);
	}
}

static void do_find_batch(void)
{
	const uint64_t keys[2] = { key_of(A), key_of(B) };
	void *values[2];

	begin_reading();
	struct history_operation *const operations[2] = { judge_call(HISTORY_FIND, A, 0), judge_call(HISTORY_FIND, B, 0) };
	const size_t count = atomic_hash_map_find_batch(now.map, keys, 2, values);

	SCHEDULE_REQUIRE(count == (size_t)(values[0] != NULL) + (size_t)(values[1] != NULL));
	for (unsigned i = 0; i < 2; i++) {
		end_if_there(operations[i], values[i] != NULL, HISTORY_ANY);
		if (values[i] != NULL)
			check_found(keys[i], values[i]);
	}
	end_reading();
}

static void do_erase_batch(void)
{
	const uint64_t keys[2] = { key_of(A), key_of(B) };
	int results[2];
	struct history_operation *const operations[2] = { judge_call(HISTORY_ERASE, A, 0), judge_call(HISTORY_ERASE, B, 0) };
	const size_t count = atomic_hash_map_erase_batch(now.map, keys, 2, results);

	SCHEDULE_REQUIRE(count == (size_t)results[0] + (size_t)results[1]);
	for (unsigned i = 0; i < 2; i++)
		end_if_there(operations[i], results[i], HISTORY_ANY);
}

static void do_find_all(void)
{
	for (unsigned i = 0; i < now.stable_count; i++) {
		const void *const value = atomic_hash_map_find(now.map, STABLE + i);

		SCHEDULE_REQUIRE(value != NULL);
		check_found(STABLE + i, value);
	}
}

static void require_each_once(const unsigned *visits)
{
	for (unsigned i = 0; i < now.stable_count; i++)
		SCHEDULE_REQUIRE(visits[i] == 1);
}

static void do_walk(void)
{
	unsigned visits[STABLE_MAX] = { 0 };
	uint64_t position = 0;
	const uint64_t border = atomic_hash_map_ids(now.map) / 2;
	struct history_operation *const walk = judge_call(HISTORY_ITERATE, MAP_PROGRAM_KEYS, 0);
	uint64_t last = walk->begin;

	/* ends: the position goes on with each entry, and ids are finite */
	for (uint64_t key = 0, behind = 0;;) {
		void *value = position < border ? atomic_hash_map_next_before(now.map, &position, border, &key) : NULL;

		if (value == NULL)
			value = atomic_hash_map_next(now.map, &position, &key);
		if (value == NULL)
			break;
		SCHEDULE_REQUIRE(position > behind && atomic_hash_map_id(now.map, value) == position - 1);
		behind = position;
		check_place(key, (uint32_t)(position - 1));
		if (!has(RETIRE))
			check_value(key, value);
		if (is_stable(key)) {
			SCHEDULE_REQUIRE(key >= STABLE && key < STABLE + now.stable_count);
			visits[key - STABLE]++;
			continue;
		}
		struct history_operation *const visit = judge_call(HISTORY_VISIT, number_of(key), 0);
		visit->begin = last;
		judge_return(visit, HISTORY_DONE, HISTORY_ANY);
		last = visit->end;
	}
	judge_return(walk, HISTORY_DONE, HISTORY_ANY);
	require_each_once(visits);
}

/* What retain has looked at and gives up was there since the entry before; how it goes on is known at the end. */
static int keep(uint64_t key, void *value, void *argument)
{
	unsigned *const visits = argument;

	(void)value;
	if (is_stable(key)) {
		SCHEDULE_REQUIRE(key >= STABLE && key < STABLE + now.stable_count);
		visits[key - STABLE]++;
		return 1;
	}
	struct history_operation *const operation = judge_call(HISTORY_ERASE, number_of(key), 0);
	const uint64_t seen = operation->begin;

	operation->begin = now.last_visit[self()];
	now.last_visit[self()] = seen;
	return 0;
}

static void do_sweep(void)
{
	unsigned visits[STABLE_MAX] = { 0 };
	struct history_log *const log = judge_log();
	const size_t first = log->count;

	now.last_visit[self()] = schedule_clock();
	const size_t erased = atomic_hash_map_retain(now.map, keep, visits);
	const size_t seen = log->count - first;

	SCHEDULE_REQUIRE(erased <= seen);
	for (size_t i = first; i < log->count; i++) {
		if (erased == seen || erased == 0)
			end_if_there(&log->operations[i], erased != 0, HISTORY_ANY);
	}
	require_each_once(visits);
}

/* Entries of FILL are not in the history. */
static void do_size(void)
{
	struct history_operation *const operation = judge_call(HISTORY_SIZE, MAP_PROGRAM_KEYS, 0);
	const size_t size = atomic_hash_map_size(now.map);

	SCHEDULE_REQUIRE(size >= now.stable_count);
	operation->argument = atomic_hash_map_capacity(now.map) + 4;
	judge_return(operation, HISTORY_DONE, size - now.stable_count);
}

HIDDEN unsigned retired_so_far(void)
{
	return now.retired_count;
}

static void do_release(void)
{
	const unsigned count = retired_so_far();

	for (unsigned i = 0; i < count; i++) {
		const uint32_t id = hl_u32_exchange_acquire(&now.retired[i], 0);

		if (id == 0)
			continue;
		hl_fence_seq_cst();
		while (hl_u32_load_acquire(&now.readers) != 0)
			hl_relax();
		atomic_hash_map_release(now.map, id - 1);
	}
}

static void do_fill(unsigned count)
{
	uint64_t words[WORDS_MAX];

	for (unsigned i = 0; i < count; i++) {
		const uint64_t key = STABLE + now.stable_count;

		SCHEDULE_REQUIRE(now.stable_count < STABLE_MAX);
		fill_words(words, mark_of(key) << 32 | 1);
		SCHEDULE_REQUIRE(atomic_hash_map_insert(now.map, key, words, NULL) == 1);
		count_made();
		now.stable_count++;
	}
}

static void do_step(struct map_program_step step)
{
	const uint64_t key = step.what == FILL ? 0 : key_of(step.key);

	switch (step.what) {
	case INSERT: do_insert(step.key, key); break;
	case EMPLACE: do_emplace(step.key, key, 0); break;
	case EMPLACE_FAILS: do_emplace(step.key, key, CONSTRUCT_ERROR); break;
	case ERASE: do_erase(step.key, key, 0); break;
	case TAKE: do_erase(step.key, key, 1); break;
	case FIND: do_find(step.key, key, 0); break;
	case FIND_NEAR: do_find(step.key, key, 1); break;
	case LOAD: do_load(step.key, key); break;
	case STORE: do_store(step.key, key, 0); break;
	case EXCHANGE: do_store(step.key, key, 1); break;
	case COMPARE_EXCHANGE: do_compare_exchange(step.key, key); break;
	case FETCH_ADD: do_fetch_add(step.key, key); break;
	case UPSERT: do_upsert(step.key, key); break;
	case LOCK: do_lock(step.key, key); break;
	case BY_ID: do_by_id(step.key, key); break;
	case INSERT_BATCH: do_insert_batch(0); break;
	case UPSERT_BATCH: do_insert_batch(1); break;
	case FIND_BATCH: do_find_batch(); break;
	case ERASE_BATCH: do_erase_batch(); break;
	case FIND_ALL: do_find_all(); break;
	case WALK: do_walk(); break;
	case SWEEP: do_sweep(); break;
	case SIZE: do_size(); break;
	case RELEASE: do_release(); break;
	default: do_fill(step.key); break;
	}
}

static void do_steps(const struct map_program_step *steps)
{
	for (unsigned i = 0; i < MAP_PROGRAM_STEPS && steps[i].what != NOTHING; i++)
		do_step(steps[i]);
}

/* ---- before ---------------------------------------------------------------------------------------------- */

static void make_map(void)
{
	static const struct hashloom_allocator allocator = { allocate, release_memory, NULL };
	const enum hashloom_reuse reuse = now.reuse == NEVER ? HASHLOOM_REUSE_NEVER :
					  now.reuse == ANY   ? HASHLOOM_REUSE_ANY_KEY :
							       HASHLOOM_REUSE_SAME_KEY;
	const struct atomic_hash_map_config config = {
		.key_size = has(KEYS_32) ? 4 : 8,
		.value_size = now.words * sizeof(uint64_t),
		.load_permille = now.program->load_permille != 0 ? now.program->load_permille : 1000,
		.growth_permille = 1000,
		.cells_count = has(THREE_GROUPS) ? 3 * GROUP : has(TWO_GROUPS) ? 2 * GROUP : GROUP,
		.empty_key = has(OWN_KEYS) ? 500 : 0,
		.locked_key = has(OWN_KEYS) ? 501 : 0,
		.erased_key = has(OWN_KEYS) ? 502 : 0,
		.reuse = reuse,
		.probing = has(QUADRATIC) ? HASHLOOM_PROBING_QUADRATIC : HASHLOOM_PROBING_LINEAR,
		.has_locks = has(LOCKS),
		.hash = has(SPREAD) ? NULL : has(TAGS) ? hash_tags : has(HOMES) ? hash_homes : hash_zero,
		.destroy_value = has(DESTROY) ? destroy_value : NULL,
		.retire = has(RETIRE) ? retire : NULL,
		.allocator = &allocator,
	};
	const struct atomic_hash_array_config array_config = {
		.value_size = config.value_size,
		.load_permille = 1000,
		.reuse = reuse,
		.hash = config.hash,
		.allocator = &allocator,
	};

	if (has(ARRAY)) {
		SCHEDULE_REQUIRE(atomic_hash_array_create(config.cells_count, &array_config, &now.array) == HASHLOOM_OK);
		now.map = atomic_hash_array_as_map(now.array);
	} else {
		SCHEDULE_REQUIRE(atomic_hash_map_create(1, &config, &now.map) == HASHLOOM_OK);
	}
	schedule_name(now.map, "map");
}

static void setup(void)
{
	static struct map_program chosen;
	const struct variant *const variant = schedule_argument();

	memset(&now, 0, sizeof(now));
	now.program = variant->program;
	now.reuse = variant->reuse;
	if (variant->program->choose != NULL) {
		chosen = *variant->program;
		variant->program->choose(&chosen, variant->reuse);
		now.program = &chosen;
	}
	now.words = has(WIDE) ? WORDS_MAX : 1;
	judge_begin();
	make_map();
	if (has(NEWS)) {
		now.news = calloc((LOGS + 1) * OPERATIONS_MAX, sizeof(*now.news));
		SCHEDULE_REQUIRE(now.news != NULL);
		schedule_name(now.news, "news");
		hl_u64_store_relaxed(now.news, 1); /* of what FILL inserts */
	}
	do_steps(now.program->before);
	now.failures = has(FAIL_ALWAYS) ? UINT32_MAX : has(FAIL_ONCE) ? 1 : 0;
}

static void run(unsigned task)
{
	do_steps(now.program->tasks[task]);
}

/* ---- after ----------------------------------------------------------------------------------------------- */

/* Nothing runs: what an iteration gives, and what finds find, is the same. */
static void check_whole(void)
{
	unsigned visits[MAP_PROGRAM_KEYS] = { 0 };
	size_t count = 0;
	uint64_t position = 0;
	struct atomic_hash_map_report report;

	for (uint64_t key; atomic_hash_map_next(now.map, &position, &key) != NULL; count++)
		if (!is_stable(key))
			visits[number_of(key)]++;
	for (unsigned i = 0; i < MAP_PROGRAM_KEYS; i++)
		SCHEDULE_REQUIRE(visits[i] == atomic_hash_map_count(now.map, key_of(i)));
	SCHEDULE_REQUIRE(count == atomic_hash_map_size(now.map));
	SCHEDULE_REQUIRE(atomic_hash_map_check(now.map, &report) == 0);
}

static void check(void)
{
	now.failures = 0;
	do_release();
	for (unsigned i = 0; i < MAP_PROGRAM_KEYS; i++)
		do_load(i, key_of(i));
	judge();
	check_whole();
	do_find_all();
	if (is_lacking_memory())
		do_fill(1);
	atomic_hash_map_destroy(now.map);
	free(now.news);
	SCHEDULE_REQUIRE(!has(DESTROY) || now.made == now.destroyed);
}

/* ---- programs -------------------------------------------------------------------------------------------- */

static void make_scenario(const struct map_program *program, enum map_program_reuses reuse, struct variant *variant,
			  struct schedule_scenario *scenario)
{
	unsigned tasks = 0;

	while (tasks < MAP_PROGRAM_TASKS && program->tasks[tasks][0].what != NOTHING)
		tasks++;
	variant->program = program;
	variant->reuse = reuse;
	snprintf(variant->name, sizeof(variant->name), "%s.%s", program->name,
		 reuse == NEVER ? "never" :
		 reuse == ANY	? "any_key" :
				  "same_key");
	*scenario = (struct schedule_scenario){
		.name = variant->name,
		.shows = program->shows,
		.pitfalls = program->pitfalls,
		.tasks = program->choose != NULL ? MAP_PROGRAM_TASKS : tasks,
		.bound = program->bound != 0 ? program->bound : tasks == 2 ? 3 : 2,
		.bound_weak = program->bound_weak != 0 ? program->bound_weak : 1,
		.random_only = program->choose != NULL,
		.argument = variant,
		.setup = setup,
		.run = run,
		.check = check,
	};
}

int map_programs_main(int argc, char **argv, const struct map_program *programs, size_t count)
{
	static const enum map_program_reuses reuses[] = { NEVER, ANY, SAME };
	size_t scenarios_count = 0;

	for (size_t i = 0; i < count; i++)
		for (unsigned k = 0; k < 3; k++) {
			if ((programs[i].reuses & reuses[k]) == 0)
				continue;
			if (scenarios_count == SCENARIOS_MAX) {
				fputs("too many scenarios\n", stderr);
				return 2;
			}
			make_scenario(&programs[i], reuses[k], &variants[scenarios_count], &scenarios[scenarios_count]);
			scenarios_count++;
		}
	return schedule_main(argc, argv, scenarios, scenarios_count);
}
