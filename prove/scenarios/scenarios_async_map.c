/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_async_map.c: the asynchronous hash map (async_hash_map.h), with each mover.
 *
 * A program is what two or three tasks do to a map in which hardly a cell is free. What is required of each schedule: what the operations were told is linearizable
 * for each key (M.1, M.4), a value that was got is whole and the key's (M.2, M.3), and in the end the map is in order, a key can be put into
 * the room that was left, and all memory is free. The first bytes of a value are its item; the others, and how many there are, follow from it.
 */
#include "schedule.h"

#include "judge.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/data_mover_sim.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>

#define STEPS 3
#define TASKS 3
#define VALUE_SIZE_MAX 24
#define WRITERS 16 /* more than there are tasks */
#define ITEMS_MAX (WRITERS * 32)
#define GROUP_CELLS 15

/* Their search for room begins at the same cell; of C it is another. */
enum key { A = 2, B = 3, C = 40, D = 41, FAR_HOME = 5 /* of two groups, the other one */ };

enum what {
	NOTHING,
	PUT,
	GET,
	REMOVE,
	LOOKUP,
	CANCEL_PUT, /* polled no time, once, twice; then cancelled (M.8) */
	CANCEL_GET,
	CANCEL_REMOVE,
	COUNT,
	VISIT,
	FILL, /* so many keys whose home is A's, in before only */
};

struct step {
	enum what what;
	uint64_t key;
};

enum mover_kind { SYNC, THREADS, SIM /* the last task lets its time pass */ };

enum flag {
	MAY_BE_FULL = 1,
	FAILURES = 2,	 /* SIM: one operation is refused, fails, or is torn, by choice */
	NO_MEMORY = 4,	 /* one of the next allocations fails */
	NEWS = 8,	 /* a get sees what was written before the put (M.7) */
	ANY_STEPS = 16,	 /* the tasks' steps, two of each, are chosen anew for each schedule */
	ANY_STEP = 32,	 /* one of each */
	PROMPT = 64,	 /* SIM: operations last one tick */
};

struct program {
	const char *name;
	const char *shows;
	const char *pitfalls;
	unsigned bound, bound_weak, is_large, random_only;
	size_t capacity;
	enum mover_kind mover;
	unsigned flags;
	struct step before[STEPS];
	struct step tasks[TASKS][STEPS];
};

static struct {
	const struct program *program;
	unsigned tasks_count;
	struct step steps[TASKS][STEPS];
	struct async_hash_map *map;
	struct data_mover_sync *sync;
	struct data_mover_threads *threads;
	struct data_mover_sim *sim;
	struct vdm *vdm;
	hl_u32 running;
	uint64_t puts[WRITERS]; /* of each task */
	hl_u64 *news;	/* ITEMS_MAX */
} now;

/* ---- values ---------------------------------------------------------------------------------------------------- */

static size_t make_value(unsigned char *to, uint64_t item)
{
	const size_t size = sizeof(item) + item * 5 % (VALUE_SIZE_MAX - sizeof(item));

	(memcpy)(to, &item, sizeof(item));
	for (size_t i = sizeof(item); i < size; i++)
		to[i] = (unsigned char)(item * 37 + i);
	return size;
}

/* The item of a value that is whole. */
static uint64_t item_in(const unsigned char *value, size_t size)
{
	unsigned char expected[VALUE_SIZE_MAX];
	uint64_t item;

	SCHEDULE_REQUIRE(size >= sizeof(item));
	(memcpy)(&item, value, sizeof(item));
	SCHEDULE_REQUIRE(item < ITEMS_MAX && make_value(expected, item) == size && memcmp(value, expected, size) == 0);
	return item;
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static int has(enum flag flag)
{
	return (now.program->flags & (unsigned)flag) != 0;
}

/* Polls to the end; one that is to be cancelled is asked before, between or after its first polls. Returns whether it was cut short. */
static int drive(struct future *future, int is_to_be_cancelled)
{
	if (is_to_be_cancelled) {
		for (unsigned polls = schedule_choose(3); polls > 0; polls--)
			(void)future_poll(future, NULL);
		future_cancel(future);
	}
	while (future_poll(future, NULL) != FUTURE_STATE_COMPLETE)
		hl_relax();
	SCHEDULE_REQUIRE(is_to_be_cancelled || !future_is_cancelled(future));
	return future_is_cancelled(future);
}

/* Outcomes of an operation that was cut short, or that a mover or lack of memory kept from having an effect (M.6, M.8). */
static int is_failure(enum async_hash_map_status status, int is_cancelled)
{
	SCHEDULE_REQUIRE(is_cancelled == (status == ASYNC_HASH_MAP_CANCELLED));
	if (is_cancelled)
		return 1;
	if (status != ASYNC_HASH_MAP_NO_MEMORY && status != ASYNC_HASH_MAP_MOVER_ERROR)
		return 0;
	SCHEDULE_REQUIRE(has(FAILURES) || (has(NO_MEMORY) && status == ASYNC_HASH_MAP_NO_MEMORY));
	return 1;
}

static enum async_hash_map_status put(struct vdm *vdm, uint64_t key, int is_to_be_cancelled)
{
	const unsigned task = hl_schedule_task();
	const uint64_t item = task + WRITERS * now.puts[task]++;
	unsigned char value[VALUE_SIZE_MAX];
	const size_t size = make_value(value, item);
	struct history_operation *const operation = judge_call(HISTORY_INSERT, key, item);

	if (has(NEWS))
		hl_u64_store_relaxed(&now.news[item], 1);
	struct async_hash_map_put_fut future = async_hash_map_put(now.map, vdm, key, value, size);
	const int is_cancelled = drive(FUTURE_AS_RUNNABLE(&future), is_to_be_cancelled);
	const enum async_hash_map_status status = future.output.status;
	if (is_failure(status, is_cancelled)) {
		judge_return(operation, HISTORY_NO_EFFECT, HISTORY_ANY);
	} else if (status == ASYNC_HASH_MAP_OK) {
		judge_return(operation, HISTORY_DONE, item);
	} else if (status == ASYNC_HASH_MAP_EXISTS) {
		judge_return(operation, HISTORY_EXISTS, HISTORY_ANY);
	} else {
		SCHEDULE_REQUIRE(status == ASYNC_HASH_MAP_FULL && has(MAY_BE_FULL));
		judge_return(operation, HISTORY_FULL, HISTORY_ANY);
	}
	return status;
}

static void get(struct vdm *vdm, uint64_t key, int is_to_be_cancelled)
{
	unsigned char buffer[VALUE_SIZE_MAX];
	struct history_operation *const operation = judge_call(HISTORY_FIND, key, 0);
	struct async_hash_map_get_copy_fut future = async_hash_map_get_copy(now.map, vdm, key, buffer, sizeof(buffer));
	const struct async_hash_map_get_copy_output *const output = &future.output;

	const int is_cancelled = drive(FUTURE_AS_RUNNABLE(&future), is_to_be_cancelled);
	if (output->status == ASYNC_HASH_MAP_OK) {
		SCHEDULE_REQUIRE(!is_cancelled);
		SCHEDULE_REQUIRE(output->value == buffer && output->copied == output->size);
		const uint64_t item = item_in(buffer, output->size);
		SCHEDULE_REQUIRE(!has(NEWS) || hl_u64_load_relaxed(&now.news[item]) == 1);
		judge_return(operation, HISTORY_DONE, item);
		return;
	}
	SCHEDULE_REQUIRE(output->value == NULL && output->size == 0 && output->copied == 0);
	if (is_failure(output->status, is_cancelled)) {
		judge_return(operation, HISTORY_NO_EFFECT, HISTORY_ANY);
	} else {
		SCHEDULE_REQUIRE(output->status == ASYNC_HASH_MAP_NOT_FOUND);
		judge_return(operation, HISTORY_ABSENT, HISTORY_ANY);
	}
}

static void remove_key(uint64_t key, int is_to_be_cancelled)
{
	struct history_operation *const operation = judge_call(HISTORY_ERASE, key, 0);
	struct async_hash_map_remove_fut future = async_hash_map_remove(now.map, key);

	if (is_failure(future.output.status, drive(FUTURE_AS_RUNNABLE(&future), is_to_be_cancelled))) {
		judge_return(operation, HISTORY_NO_EFFECT, HISTORY_ANY);
		return;
	}
	SCHEDULE_REQUIRE(future.output.status == ASYNC_HASH_MAP_OK || future.output.status == ASYNC_HASH_MAP_NOT_FOUND);
	judge_return(operation, future.output.status == ASYNC_HASH_MAP_OK ? HISTORY_DONE : HISTORY_ABSENT, HISTORY_ANY);
}

static void lookup(uint64_t key)
{
	struct history_operation *const operation = judge_call(HISTORY_FIND, key, 0);
	struct async_hash_map_lookup_fut future = async_hash_map_lookup(now.map, key);

	FUTURE_BUSY_POLL(&future);
	SCHEDULE_REQUIRE(future.output.status == ASYNC_HASH_MAP_OK || future.output.status == ASYNC_HASH_MAP_NOT_FOUND);
	judge_return(operation, future.output.status == ASYNC_HASH_MAP_OK ? HISTORY_DONE : HISTORY_ABSENT, HISTORY_ANY);
}

static void count(void)
{
	struct history_operation *const operation = judge_call(HISTORY_SIZE, A, now.program->capacity);

	judge_return(operation, HISTORY_DONE, async_hash_map_count(now.map));
}

static int visit_one(uint64_t key, const void *value, size_t size, void *last)
{
	struct history_operation *const visit = judge_call(HISTORY_VISIT, key, 0);
	unsigned char buffer[VALUE_SIZE_MAX];

	memcpy(buffer, value, size);
	visit->begin = *(uint64_t *)last; /* it was there between the one before and now */
	judge_return(visit, HISTORY_DONE, item_in(buffer, size));
	*(uint64_t *)last = visit->end;
	return 0;
}

static void visit_all(void)
{
	struct history_operation *const walk = judge_call(HISTORY_ITERATE, A, 0);
	uint64_t last = walk->begin;

	SCHEDULE_REQUIRE(async_hash_map_foreach(now.map, visit_one, &last) == 0);
	judge_return(walk, HISTORY_DONE, HISTORY_ANY);
}

/* Keys whose home, of two groups, is the one that A and B have. */
static void fill(uint64_t keys)
{
	const struct hl_aha two = { .groups_count = 2 };

	SCHEDULE_REQUIRE(hl_aha_home(&two, hl_aha_hash(A)) != hl_aha_home(&two, hl_aha_hash(FAR_HOME)));
	for (uint64_t key = 1000; keys > 0; key++)
		if (hl_aha_home(&two, hl_aha_hash(key)) == hl_aha_home(&two, hl_aha_hash(A))) {
			SCHEDULE_REQUIRE(put(now.vdm, key, 0) == ASYNC_HASH_MAP_OK);
			keys--;
		}
}

static void do_steps(const struct step steps[STEPS], struct vdm *vdm)
{
	for (unsigned i = 0; i < STEPS; i++) {
		const uint64_t key = steps[i].key;

		switch (steps[i].what) {
		case NOTHING: return;
		case PUT: (void)put(vdm, key, 0); break;
		case GET: get(vdm, key, 0); break;
		case REMOVE: remove_key(key, 0); break;
		case CANCEL_PUT: (void)put(vdm, key, 1); break;
		case CANCEL_GET: get(vdm, key, 1); break;
		case CANCEL_REMOVE: remove_key(key, 1); break;
		case LOOKUP: lookup(key); break;
		case COUNT: count(); break;
		case VISIT: visit_all(); break;
		case FILL: fill(key); break;
		}
		if (steps[i].what != FILL)
			SCHEDULE_REQUIRE(async_hash_map_count(now.map) <= now.program->capacity);
	}
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static void *block_allocate(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	void *const memory = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);

	(void)context;
	return memory == NULL || content != HASHLOOM_ALLOC_ZEROED ? memory : memset(memory, 0, size);
}

/* Freed memory is written to first, so that ThreadSanitizer sees who still reads. */
static void block_release(void *context, void *memory, size_t size, size_t alignment)
{
	(void)context;
	(void)alignment;
	memset(memory, 0xdd, size);
	free(memory);
}

static const struct hashloom_allocator allocator = { .allocate = block_allocate, .release = block_release };

/* ---- before ------------------------------------------------------------------------------------------------------ */

static void make_sim(void)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(has(PROMPT) ? 1 : 1 + schedule_choose(2));

	cfg.operations_max = 4;
	cfg.delay_max = has(PROMPT) ? 1 : 2;
	cfg.ticks_per_check = 0;
	now.sim = data_mover_sim_new(&cfg);
	SCHEDULE_REQUIRE(now.sim != NULL);
	now.vdm = data_mover_sim_get_vdm(now.sim);
}

static void fail_once(void)
{
	static const enum data_mover_sim_event events[] = { DATA_MOVER_SIM_REFUSE_NEW, DATA_MOVER_SIM_REFUSE_START,
							    DATA_MOVER_SIM_FAIL, DATA_MOVER_SIM_FAIL_PARTLY,
							    DATA_MOVER_SIM_TEAR };
	const unsigned choice = schedule_choose(sizeof(events) / sizeof(events[0]));

	SCHEDULE_REQUIRE(data_mover_sim_force(now.sim, events[choice], 1) == HASHLOOM_OK);
}

static void choose_steps(void)
{
	static const struct step steps[] = { { PUT, A }, { GET, A }, { REMOVE, A }, { PUT, B }, { REMOVE, B } };

	for (unsigned task = 0; task < now.tasks_count; task++)
		for (unsigned i = 0; i < (has(ANY_STEP) ? 1 : 2); i++)
			now.steps[task][i] = steps[schedule_choose(sizeof(steps) / sizeof(steps[0]))];
}

static void make_mover(enum mover_kind kind)
{
	now.sync = data_mover_sync_new();
	SCHEDULE_REQUIRE(now.sync != NULL);
	now.vdm = data_mover_sync_get_vdm(now.sync);
	do_steps(now.program->before, now.vdm);
	if (kind == SIM)
		make_sim();
	if (kind != THREADS)
		return;
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();
	cfg.threads = 1;
	cfg.queue = 2;
	cfg.notifier = FUTURE_NOTIFIER_NONE;
	cfg.inline_max = 0;
	cfg.numa = 0; /* what it says is read from files: slow */
	now.threads = data_mover_threads_new_cfg(&cfg);
	SCHEDULE_REQUIRE(now.threads != NULL);
	now.vdm = data_mover_threads_get_vdm(now.threads);
}

static void setup(void)
{
	const struct program *const program = schedule_argument();

	memset(&now, 0, sizeof(now));
	now.program = program;
	while (now.tasks_count < TASKS && program->tasks[now.tasks_count][0].what != NOTHING)
		now.tasks_count++;
	(memcpy)(now.steps, program->tasks, sizeof(now.steps));
	now.map = async_hash_map_new_with_allocator(program->capacity, &allocator);
	SCHEDULE_REQUIRE(now.map != NULL);
	schedule_name(now.map, "map");
	judge_begin();
	if (has(NEWS)) {
		now.news = calloc(ITEMS_MAX, sizeof(*now.news));
		SCHEDULE_REQUIRE(now.news != NULL);
		schedule_name(now.news, "news");
	}
	make_mover(program->mover);
	if (has(ANY_STEPS) || has(ANY_STEP))
		choose_steps();
	if (has(FAILURES))
		fail_once();
	if (has(NO_MEMORY))
		schedule_fail_allocation(1 + schedule_choose(2));
	hl_u32_store_relaxed(&now.running, now.tasks_count);
}

static void run(unsigned task)
{
	if (task < now.tasks_count) {
		do_steps(now.steps[task], now.vdm);
		hl_u32_fetch_sub_release(&now.running, 1);
		return;
	}
	while (hl_u32_load_acquire(&now.running) > 0) {
		(void)data_mover_sim_tick(now.sim);
		hl_relax();
	}
}

/* ---- after -------------------------------------------------------------------------------------------------------- */

/* A key that is not there yet finds room unless all places are taken (M.5). */
static void check_room(struct vdm *vdm)
{
	const size_t before = async_hash_map_count(now.map);
	unsigned char byte = 1;
	struct async_hash_map_put_fut future = async_hash_map_put(now.map, vdm, D, &byte, 1);

	FUTURE_BUSY_POLL(&future);
	SCHEDULE_REQUIRE(future.output.status == (before < now.program->capacity ? ASYNC_HASH_MAP_OK : ASYNC_HASH_MAP_FULL));
	SCHEDULE_REQUIRE(async_hash_map_count(now.map) == before + (before < now.program->capacity));
}

/* Each operation that the mover was asked for was seen to its end. */
static void check_sim(void)
{
	struct data_mover_sim_stats stats;

	data_mover_sim_statistics(now.sim, &stats);
	SCHEDULE_REQUIRE(stats.made == stats.completed + stats.cancelled);
}

static void check(void)
{
	static const enum key keys[] = { A, B, C, FAR_HOME };
	struct vdm *const vdm = data_mover_sync_get_vdm(now.sync);
	struct async_hash_map_report report;

	schedule_fail_allocation(0);
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		get(vdm, keys[i], 0);
	visit_all();
	count();
	judge();
	SCHEDULE_REQUIRE(async_hash_map_check(now.map, &report) == 0);
	check_room(vdm);
	if (now.sim != NULL)
		check_sim();
	async_hash_map_delete(now.map);
	data_mover_threads_delete(now.threads);
	data_mover_sim_delete(now.sim);
	data_mover_sync_delete(now.sync);
	free(now.news);
}

/* ---- programs -------------------------------------------------------------------------------------------------------- */

static const struct program programs[] = {
	{ .name = "absent-is-remembered", .shows = "M.1 M.4", .pitfalls = "10 11", .bound = 3, .bound_weak = 3, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { GET, A }, { PUT, A } }, { { REMOVE, A }, { PUT, B } } } },
	{ .name = "put-put-get", .shows = "M.1 M.2", .pitfalls = "1 32", .bound = 3, .bound_weak = 1, .capacity = 2,
	  .tasks = { { { PUT, A } }, { { PUT, A } }, { { GET, A } } } },
	{ .name = "put-put-of-the-last-place", .shows = "M.1 M.5", .pitfalls = "32", .bound = 4, .bound_weak = 2, .capacity = 1,
	  .tasks = { { { PUT, A } }, { { PUT, A } } } },
	{ .name = "put-remove-get", .shows = "M.2 M.3 M.4", .pitfalls = "7 8", .bound = 3, .bound_weak = 1, .capacity = 2,
	  .tasks = { { { PUT, A } }, { { REMOVE, A } }, { { GET, A } } } },
	{ .name = "get-beside-remove", .shows = "M.3 M.4", .pitfalls = "16 31", .bound = 5, .bound_weak = 2, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { GET, A } }, { { REMOVE, A } } } },
	{ .name = "get-beside-remove-put", .shows = "M.3 M.4 M.5", .pitfalls = "10 16 31", .bound = 4, .bound_weak = 2, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { GET, A } }, { { REMOVE, A }, { PUT, A } } } },
	{ .name = "get-of-a-cell-that-goes-to-another", .shows = "M.3 M.5", .pitfalls = "10 11", .bound = 5, .bound_weak = 2, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { GET, A } }, { { REMOVE, A }, { PUT, B } } } },
	{ .name = "two-gets-beside-remove", .shows = "M.4", .pitfalls = "16 29 32", .bound = 3, .bound_weak = 1, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { GET, A } }, { { GET, A } }, { { REMOVE, A } } } },
	{ .name = "two-removes", .shows = "M.4", .pitfalls = "18", .bound = 5, .bound_weak = 2, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { REMOVE, A } }, { { REMOVE, A }, { LOOKUP, A } } } },
	{ .name = "two-removes-beside-get", .shows = "M.4", .pitfalls = "16", .bound = 3, .bound_weak = 1, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { REMOVE, A } }, { { REMOVE, A } }, { { GET, A } } } },
	{ .name = "put-after-a-miss", .shows = "M.1 M.5", .pitfalls = "1 10", .bound = 3, .bound_weak = 1, .capacity = 1, .flags = MAY_BE_FULL,
	  .before = { { PUT, A } }, .tasks = { { { GET, A }, { PUT, A } }, { { REMOVE, A } }, { { PUT, B } } } },
	{ .name = "last-place-goes-round", .shows = "M.5", .pitfalls = "4 5 32", .bound = 3, .bound_weak = 1, .capacity = 1, .flags = MAY_BE_FULL,
	  .before = { { PUT, A } }, .tasks = { { { REMOVE, A }, { PUT, A } }, { { PUT, B }, { REMOVE, B } } } },
	{ .name = "lookup-beside-all", .shows = "M.1 M.4", .bound = 3, .bound_weak = 1, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { LOOKUP, A }, { LOOKUP, A } }, { { REMOVE, A } }, { { PUT, A } } } },
	{ .name = "cancelled-put-put", .shows = "M.8 M.1", .pitfalls = "32", .bound = 4, .bound_weak = 1, .capacity = 2,
	  .tasks = { { { CANCEL_PUT, A }, { GET, A } }, { { PUT, A } } } },
	{ .name = "cancelled-put-of-the-last-place", .shows = "M.8 M.5", .pitfalls = "4 5 32", .bound = 3, .bound_weak = 1, .capacity = 1,
	  .flags = MAY_BE_FULL, .tasks = { { { CANCEL_PUT, A } }, { { CANCEL_PUT, A } }, { { PUT, B } } } },
	{ .name = "cancelled-remove-remove", .shows = "M.8 M.4", .pitfalls = "16 18", .bound = 4, .bound_weak = 1, .capacity = 2,
	  .before = { { PUT, A } }, .tasks = { { { CANCEL_REMOVE, A }, { GET, A } }, { { REMOVE, A }, { PUT, A } } } },
	{ .name = "visit-beside-remove-put", .shows = "M.3 foreach count", .pitfalls = "5 6", .bound = 5, .bound_weak = 1, .capacity = 3,
	  .before = { { PUT, A }, { PUT, C } },
	  .tasks = { { { VISIT, A }, { COUNT, A } }, { { REMOVE, A }, { PUT, B } } } },
	{ .name = "behind-a-full-group", .shows = "M.1 M.5", .pitfalls = "1 6 9", .bound = 3, .bound_weak = 1, .capacity = 24,
	  .before = { { FILL, GROUP_CELLS - 1 }, { PUT, A } },
	  .tasks = { { { PUT, B }, { GET, B } }, { { REMOVE, A }, { PUT, B } } } },
	{ .name = "last-place-for-two-homes", .shows = "M.5 count", .pitfalls = "4 5", .bound = 4, .bound_weak = 1, .capacity = 13,
	  .flags = MAY_BE_FULL, .before = { { FILL, 12 } }, .tasks = { { { PUT, A } }, { { PUT, FAR_HOME } } } },
	{ .name = "any-two-steps", .shows = "M.1 M.3 M.4 M.5", .pitfalls = "32", .bound = 3, .capacity = 1, .flags = ANY_STEPS | MAY_BE_FULL,
	  .before = { { PUT, A } }, .tasks = { { { PUT, A } }, { { PUT, A } } } },
	{ .name = "any-step-of-three", .shows = "M.1 M.3 M.4 M.5", .pitfalls = "32", .bound = 2, .capacity = 2, .flags = ANY_STEP | MAY_BE_FULL,
	  .before = { { PUT, A } }, .tasks = { { { PUT, A } }, { { PUT, A } }, { { PUT, A } } } },
	{ .name = "any-two-steps-of-three", .shows = "M.1 M.3 M.4 M.5", .pitfalls = "32", .random_only = 1, .capacity = 2, .flags = ANY_STEPS | MAY_BE_FULL,
	  .before = { { PUT, A } }, .tasks = { { { PUT, A } }, { { PUT, A } }, { { PUT, A } } } },
	{ .name = "news", .shows = "M.7", .pitfalls = "7", .bound = 5, .bound_weak = 3, .capacity = 2, .flags = NEWS,
	  .tasks = { { { PUT, A } }, { { GET, A } } } },
	{ .name = "news-through-a-used-cell", .shows = "M.7", .pitfalls = "7 10", .bound = 3, .bound_weak = 2, .capacity = 2, .flags = NEWS,
	  .before = { { PUT, A } }, .tasks = { { { REMOVE, A }, { PUT, A } }, { { GET, A } } } },
	{ .name = "no-memory", .shows = "M.6", .pitfalls = "8 26", .bound = 3, .bound_weak = 1, .capacity = 2, .flags = NO_MEMORY,
	  .tasks = { { { PUT, A } }, { { PUT, A }, { GET, A } } } },
	{ .name = "threads.put-get-remove", .shows = "M.2 M.3 M.4", .pitfalls = "31 32", .bound = 2, .bound_weak = 1, .capacity = 2, .mover = THREADS,
	  .before = { { PUT, A } }, .tasks = { { { REMOVE, A }, { PUT, A } }, { { GET, A } } } },
	{ .name = "threads.put-put", .shows = "M.1 M.2", .pitfalls = "32", .bound = 2, .bound_weak = 1, .capacity = 1, .mover = THREADS,
	  .tasks = { { { PUT, A } }, { { PUT, A } } } },
	{ .name = "sim.get-remove-put", .shows = "M.2 M.3 M.4", .pitfalls = "31 32", .bound = 2, .capacity = 2, .mover = SIM,
	  .before = { { PUT, A } }, .tasks = { { { GET, A } }, { { REMOVE, A }, { PUT, A } } } },
	{ .name = "sim.prompt-put-put", .shows = "M.1 M.2", .pitfalls = "32", .bound = 2, .capacity = 1, .mover = SIM, .flags = PROMPT,
	  .tasks = { { { PUT, A } }, { { PUT, A } } } },
	{ .name = "sim.put-put", .shows = "M.1 M.2", .pitfalls = "32", .bound = 1, .is_large = 1, .capacity = 1, .mover = SIM,
	  .tasks = { { { PUT, A } }, { { PUT, A } } } },
	{ .name = "threads.cancelled-get-remove", .shows = "M.8 M.4", .pitfalls = "31", .bound = 2, .bound_weak = 1, .capacity = 2,
	  .mover = THREADS, .before = { { PUT, A } }, .tasks = { { { CANCEL_GET, A } }, { { REMOVE, A } } } },
	{ .name = "threads.cancelled-get-remove-put", .shows = "M.8 M.3 M.4", .pitfalls = "31", .bound = 1, .is_large = 1, .bound_weak = 1, .capacity = 2,
	  .mover = THREADS, .before = { { PUT, A } }, .tasks = { { { CANCEL_GET, A } }, { { REMOVE, A }, { PUT, A } } } },
	{ .name = "threads.cancelled-put-get", .shows = "M.8 M.1", .pitfalls = "31 32", .bound = 2, .bound_weak = 1, .capacity = 2,
	  .mover = THREADS, .tasks = { { { CANCEL_PUT, A } }, { { GET, A } } } },
	{ .name = "threads.cancelled-put-put", .shows = "M.8 M.1 M.2", .pitfalls = "31 32", .bound = 1, .is_large = 1, .bound_weak = 1, .capacity = 2,
	  .mover = THREADS, .tasks = { { { CANCEL_PUT, A }, { GET, A } }, { { PUT, A } } } },
	{ .name = "sim.prompt-cancelled-get-remove", .shows = "M.8 M.4", .pitfalls = "31", .bound = 2, .capacity = 2, .mover = SIM,
	  .flags = PROMPT | FAILURES, .before = { { PUT, A } }, .tasks = { { { CANCEL_GET, A } }, { { CANCEL_REMOVE, A } } } },
	{ .name = "sim.cancelled-get-remove-put", .shows = "M.8 M.3 M.4", .pitfalls = "31", .bound = 1, .is_large = 1, .capacity = 2, .mover = SIM,
	  .flags = FAILURES, .before = { { PUT, A } }, .tasks = { { { CANCEL_GET, A } }, { { CANCEL_REMOVE, A }, { PUT, A } } } },
	{ .name = "sim.prompt-cancelled-put-put", .shows = "M.8 M.1", .pitfalls = "31 32", .bound = 2, .capacity = 1, .mover = SIM,
	  .flags = PROMPT, .tasks = { { { CANCEL_PUT, A } }, { { PUT, A } } } },
	{ .name = "sim.cancelled-put-put", .shows = "M.8 M.1 M.2", .pitfalls = "31 32", .bound = 1, .is_large = 1, .capacity = 1, .mover = SIM,
	  .flags = FAILURES | MAY_BE_FULL, .tasks = { { { CANCEL_PUT, A } }, { { PUT, A }, { CANCEL_PUT, B } } } },
	{ .name = "sim.prompt-failures", .shows = "M.6 M.3", .pitfalls = "8 31", .bound = 2, .capacity = 2, .mover = SIM, .flags = PROMPT | FAILURES,
	  .before = { { PUT, A } }, .tasks = { { { GET, A } }, { { REMOVE, A } } } },
	{ .name = "sim.prompt-failures-of-puts", .shows = "M.6 M.1", .pitfalls = "8 31", .bound = 2, .capacity = 2, .mover = SIM,
	  .flags = PROMPT | FAILURES, .tasks = { { { PUT, A } }, { { GET, A } } } },
	{ .name = "sim.failures", .shows = "M.6 M.3", .pitfalls = "8 31", .bound = 1, .is_large = 1, .capacity = 2, .mover = SIM, .flags = FAILURES,
	  .before = { { PUT, A } }, .tasks = { { { GET, A }, { PUT, B } }, { { REMOVE, A }, { PUT, A } } } },
};

#define PROGRAMS (sizeof(programs) / sizeof(programs[0]))

static struct schedule_scenario scenarios[PROGRAMS];

int main(int argc, char **argv)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		const struct program *const program = &programs[i];
		unsigned tasks = program->mover == SIM;

		for (unsigned task = 0; task < TASKS; task++)
			tasks += program->tasks[task][0].what != NOTHING;
		scenarios[i] = (struct schedule_scenario){ .name = program->name,
							   .shows = program->shows,
							   .pitfalls = program->pitfalls,
							   .argument = program,
							   .tasks = tasks,
							   .bound = program->bound,
							   .bound_weak = program->bound_weak,
							   .is_large = program->is_large,
							   .random_only = program->random_only,
							   .setup = setup,
							   .run = run,
							   .check = check };
	}
	return schedule_main(argc, argv, scenarios, PROGRAMS);
}
