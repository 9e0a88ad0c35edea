/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_movers.c: the mover with worker threads and the simulated one (vdm.h, data_mover_threads.h, data_mover_sim.h).
 *
 * The library is compiled with two records in a block and two blocks, and the queue has two cells: all of them get full. Wakers lie in blocks that are
 * freed as soon as the future is complete, so that a late touch is an access to freed memory (T.2, S.5). The copy function counts.
 */
#include "schedule.h"

#include <hashloom/data_mover_sim.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#include <errno.h>

#define SIZE 16
#define OPERATIONS 4 /* no more than there are records */
#define RECORDS_MAX (RECORDS_PER_BLOCK * BLOCKS_MAX)

static struct data_mover_threads *mover;
static struct vdm *vdm;

static struct {
	struct vdm_operation_future future;
	unsigned char from[SIZE], to[SIZE];
	unsigned copies; /* how often it was done */
} operations[OPERATIONS];

/* ---- operations ------------------------------------------------------------------------------------------------ */

static unsigned operation_of(const void *to)
{
	unsigned i = 0;

	while (to != operations[i].to)
		i++;
	return i;
}

static void *counting_copy(void *to, const void *from, size_t n, unsigned flags)
{
	(void)flags;
	operations[operation_of(to)].copies++;
	return memcpy(to, from, n);
}

static void setup_operations(struct vdm *of, unsigned count)
{
	vdm = of;
	for (unsigned i = 0; i < OPERATIONS; i++) {
		memset(operations[i].from, (int)i + 1, SIZE);
		memset(operations[i].to, 0, SIZE);
		operations[i].copies = 0;
		if (i < count)
			operations[i].future = vdm_memcpy(vdm, operations[i].to, operations[i].from, SIZE, 0);
	}
}

/* What the machine's nodes are is looked up in files, which would take half of the time of a search. */
static struct data_mover_threads_cfg cfg_of(unsigned workers, unsigned queue)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.threads = workers;
	cfg.queue = queue;
	cfg.numa = 0;
	return cfg;
}

static void make_mover(const struct data_mover_threads_cfg *cfg)
{
	mover = data_mover_threads_new_cfg(cfg);
	SCHEDULE_REQUIRE(mover != NULL);
	schedule_name(mover, "mover");
}

static void setup_mover(unsigned workers, enum future_notifier_type notifier, unsigned count)
{
	struct data_mover_threads_cfg cfg = cfg_of(workers, 1);

	cfg.notifier = notifier;
	make_mover(&cfg);
	data_mover_threads_set_memcpy_fn(mover, counting_copy);
	setup_operations(data_mover_threads_get_vdm(mover), count);
}

static void check_bytes(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		SCHEDULE_REQUIRE(memcmp(operations[i].from, operations[i].to, SIZE) == 0);
}

/* T.1, V.2: what the task that polled it sees. */
static void check_operation(unsigned i)
{
	SCHEDULE_REQUIRE(FUTURE_STATE(&operations[i].future) == FUTURE_STATE_COMPLETE);
	SCHEDULE_REQUIRE(operations[i].future.output.result == VDM_SUCCESS);
	SCHEDULE_REQUIRE(operations[i].copies == 1);
	SCHEDULE_REQUIRE(memcmp(operations[i].from, operations[i].to, SIZE) == 0);
}

static void check_deleted(void)
{
	data_mover_threads_delete(mover);
}

/* ---- waiting by hand --------------------------------------------------------------------------------------------- */

struct sleeper {
	hl_u32 is_woken;
};

static void wake_sleeper(void *data)
{
	hl_u32_store_release(&((struct sleeper *)data)->is_woken, 1);
}

static struct sleeper *sleeper_new(void)
{
	struct sleeper *const sleeper = calloc(1, sizeof(*sleeper));

	SCHEDULE_REQUIRE(sleeper != NULL);
	schedule_name(sleeper, "waker");
	return sleeper;
}

/* One poll: 1 when it is complete; 0: *waits says whether the waker will be called. */
static int poll_with(unsigned i, struct sleeper *sleeper, int *waits)
{
	struct future_notifier notifier = { .waker = { sleeper, wake_sleeper }, .notifier_used = FUTURE_NOTIFIER_NONE };

	if (future_poll(FUTURE_AS_RUNNABLE(&operations[i].future), &notifier) == FUTURE_STATE_COMPLETE)
		return 1;
	*waits = notifier.notifier_used == FUTURE_NOTIFIER_WAKER;
	return 0;
}

/* Polls only when it is told to, each time with the same waker. */
static void complete(unsigned i)
{
	struct sleeper *const sleeper = sleeper_new();
	int waits = 0;

	while (!poll_with(i, sleeper, &waits)) {
		if (waits)
			schedule_wait_while(&sleeper->is_woken, 0);
		else
			hl_relax();
		hl_u32_store_relaxed(&sleeper->is_woken, 0);
	}
	free(sleeper);
	check_operation(i);
}

/* ---- one worker --------------------------------------------------------------------------------------------------- */

static void setup_two_operations(void)
{
	setup_mover(1, FUTURE_NOTIFIER_WAKER, 2);
}

/* The worker goes to sleep, or not, before each. */
static void run_one_after_the_other(unsigned task)
{
	(void)task;
	complete(0);
	complete(1);
}

/* Nothing comes between the pushes: the second may find a wake pending that was for the first, which the worker has done without it. */
static void run_one_behind_the_other(unsigned task)
{
	(void)task;
	(void)future_poll(FUTURE_AS_RUNNABLE(&operations[0].future), NULL);
	(void)future_poll(FUTURE_AS_RUNNABLE(&operations[1].future), NULL);
}

/* They are done before delete asks the worker to stop. */
static void check_behind(void)
{
	for (unsigned i = 0; i < 2; i++) {
		FUTURE_BUSY_POLL(&operations[i].future);
		check_operation(i);
	}
	check_deleted();
}

static void run_two_pushers(unsigned task)
{
	complete(task);
}

static void run_by_the_runtime(unsigned task)
{
	struct runtime *const runtime = runtime_new();
	struct future *futures[] = { FUTURE_AS_RUNNABLE(&operations[0].future), FUTURE_AS_RUNNABLE(&operations[1].future) };

	(void)task;
	SCHEDULE_REQUIRE(runtime != NULL);
	runtime_wait_multiple(runtime, futures, 2);
	check_operation(0);
	check_operation(1);
	runtime_delete(runtime);
}

static void copy(unsigned i)
{
	operations[i].future = vdm_memcpy(vdm, operations[i].to, operations[i].from, SIZE, 0);
	complete(i);
}

/* The same record again, or the other task's. */
static void run_records_again(unsigned task)
{
	copy(task);
	copy(task + 2);
}

static void setup_three_operations(void)
{
	setup_mover(1, FUTURE_NOTIFIER_WAKER, 3);
}

/* One more than the queue takes: who is refused stays idle, and is polled again. The first task has two, the other one. */
static void run_full_queue(unsigned task)
{
	const unsigned first = 2 * task, end = task == 0 ? 2 : 3;
	unsigned left = 1;

	while (left > 0) {
		left = 0;
		for (unsigned i = first; i < end; i++) {
			left += future_poll(FUTURE_AS_RUNNABLE(&operations[i].future), NULL) != FUTURE_STATE_COMPLETE;
			SCHEDULE_REQUIRE(FUTURE_STATE(&operations[i].future) != FUTURE_STATE_IDLE ||
					 operations[i].copies == 0);
		}
		if (left > 0)
			hl_relax();
	}
	for (unsigned i = first; i < end; i++)
		check_operation(i);
}

/* Each poll has another waker; the last one counts (T.3). None may be gone before the future is complete. */
static void run_renewed_waker(unsigned task)
{
	struct sleeper *sleepers[3];
	int waits = 0, is_complete = 0;
	unsigned polls = 0;

	(void)task;
	for (; polls < 3 && !is_complete; polls++) {
		sleepers[polls] = sleeper_new();
		is_complete = poll_with(0, sleepers[polls], &waits);
	}
	while (!is_complete) {
		if (waits)
			schedule_wait_while(&sleepers[2]->is_woken, 0);
		else
			hl_relax();
		is_complete = poll_with(0, sleepers[2], &waits);
	}
	for (unsigned i = 0; i < polls; i++)
		free(sleepers[i]);
	check_operation(0);
}

static void setup_poller(void)
{
	setup_mover(1, FUTURE_NOTIFIER_POLLER, 1);
}

static void run_poller(unsigned task)
{
	struct future_notifier notifier = { .notifier_used = FUTURE_NOTIFIER_NONE };
	struct future *const future = FUTURE_AS_RUNNABLE(&operations[0].future);

	(void)task;
	SCHEDULE_REQUIRE(future_poll(future, &notifier) != FUTURE_STATE_COMPLETE || operations[0].copies == 1);
	if (notifier.notifier_used == FUTURE_NOTIFIER_POLLER)
		while (hl_u64_load_acquire((hl_u64 *)(void *)notifier.poller.ptr_to_monitor) == 0)
			hl_relax();
	while (future_poll(future, &notifier) != FUTURE_STATE_COMPLETE)
		hl_relax();
	check_operation(0);
}

/* ---- what a copy sees, and what is seen of it ---------------------------------------------------------------------- */

static hl_u64 *sent, *arrived;

static void *watching_copy(void *to, const void *from, size_t n, unsigned flags)
{
	SCHEDULE_REQUIRE(hl_u64_load_relaxed(sent) == 1);
	hl_u64_store_relaxed(arrived, 1);
	return counting_copy(to, from, n, flags);
}

static void setup_watched(void)
{
	setup_mover(1, FUTURE_NOTIFIER_WAKER, 1);
	data_mover_threads_set_memcpy_fn(mover, watching_copy);
	sent = calloc(1, sizeof(*sent));
	arrived = calloc(1, sizeof(*arrived));
	SCHEDULE_REQUIRE(sent != NULL && arrived != NULL);
	schedule_name(sent, "sent");
	schedule_name(arrived, "arrived");
}

static void run_watched(unsigned task)
{
	(void)task;
	hl_u64_store_relaxed(sent, 1);
	complete(0);
	SCHEDULE_REQUIRE(hl_u64_load_relaxed(arrived) == 1);
}

static void check_watched(void)
{
	free(sent);
	free(arrived);
	check_deleted();
}

static void setup_watched_word(void)
{
	setup_watched();
	/* the same with another notifier */
	data_mover_threads_delete(mover);
	setup_mover(1, FUTURE_NOTIFIER_POLLER, 1);
	data_mover_threads_set_memcpy_fn(mover, watching_copy);
}

/* Who has seen the word sees what was moved, before the future is complete (T.2). */
static void run_watched_word(unsigned task)
{
	struct future_notifier notifier = { .notifier_used = FUTURE_NOTIFIER_NONE };
	struct future *const future = FUTURE_AS_RUNNABLE(&operations[0].future);

	(void)task;
	hl_u64_store_relaxed(sent, 1);
	if (future_poll(future, &notifier) != FUTURE_STATE_COMPLETE && notifier.notifier_used == FUTURE_NOTIFIER_POLLER) {
		while (hl_u64_load_acquire((hl_u64 *)(void *)notifier.poller.ptr_to_monitor) == 0)
			hl_relax();
		SCHEDULE_REQUIRE(hl_u64_load_relaxed(arrived) == 1);
	}
	while (future_poll(future, &notifier) != FUTURE_STATE_COMPLETE)
		hl_relax();
	check_operation(0);
}

/*
 * A function that is set while the worker takes one finds what was written before it was set: a word, for the memory models, and
 * a plain one, for ThreadSanitizer.
 */
static struct {
	hl_u64 word;
	int plain;
} *table;

static void require_table(void)
{
	SCHEDULE_REQUIRE(hl_u64_load_relaxed(&table->word) == 7);
	SCHEDULE_REQUIRE(table->plain == 7);
}

static void *table_copy(void *to, const void *from, size_t n, unsigned flags)
{
	require_table();
	return counting_copy(to, from, n, flags);
}

static void *counting_set(void *to, int c, size_t n, unsigned flags)
{
	(void)flags;
	operations[operation_of(to)].copies++;
	return memset(to, c, n);
}

static void *table_set(void *to, int c, size_t n, unsigned flags)
{
	require_table();
	return counting_set(to, c, n, flags);
}

static unsigned function; /* which of the three */

static void setup_function(void)
{
	setup_mover(1, FUTURE_NOTIFIER_WAKER, 0);
	data_mover_threads_set_memmove_fn(mover, counting_copy);
	data_mover_threads_set_memset_fn(mover, counting_set);
	table = calloc(1, sizeof(*table));
	SCHEDULE_REQUIRE(table != NULL);
	schedule_name(table, "table");
	function = schedule_choose(3);
	if (function == 0)
		operations[0].future = vdm_memcpy(vdm, operations[0].to, operations[0].from, SIZE, 0);
	else if (function == 1)
		operations[0].future = vdm_memmove(vdm, operations[0].to, operations[0].from, SIZE, 0);
	else
		operations[0].future = vdm_memset(vdm, operations[0].to, operations[0].from[0], SIZE, 0);
}

static void run_function(unsigned task)
{
	if (task == 0) {
		complete(0);
		return;
	}
	hl_u64_store_relaxed(&table->word, 7);
	table->plain = 7;
	if (function == 0)
		data_mover_threads_set_memcpy_fn(mover, table_copy);
	else if (function == 1)
		data_mover_threads_set_memmove_fn(mover, table_copy);
	else
		data_mover_threads_set_memset_fn(mover, table_set);
}

static void check_function(void)
{
	check_deleted();
	free(table);
}

/* ---- pieces ---------------------------------------------------------------------------------------------------------- */

/* Every copy is of two pieces, which two workers may take; nobody counts. */
static void setup_pieces(unsigned count)
{
	struct data_mover_threads_cfg cfg = cfg_of(2, 2);

	cfg.inline_max = 0;
	cfg.split_min = SIZE / 2;
	make_mover(&cfg);
	setup_operations(data_mover_threads_get_vdm(mover), count);
	for (unsigned i = 0; i < count; i++)
		operations[i].copies = 1;
}

static void setup_one_in_pieces(void)
{
	setup_pieces(1);
}

static void setup_two_in_pieces(void)
{
	setup_pieces(2);
}

static void run_one(unsigned task)
{
	complete(task);
}

/* The queue takes two shares: what comes second has room for both, for one, or for none. */
static void run_pieces_of_two(unsigned task)
{
	(void)task;
	(void)future_poll(FUTURE_AS_RUNNABLE(&operations[0].future), NULL);
	complete(1);
	complete(0);
}

static void check_pieces(void)
{
	struct data_mover_threads_counts counters;

	data_mover_threads_counters(mover, &counters);
	SCHEDULE_REQUIRE(counters.split == counters.operations && counters.operations > 0);
	check_deleted();
}

/* Both are left to the workers, but that the second one may have been refused. */
static void check_left_in_pieces(void)
{
	check_pieces();
	check_bytes(FUTURE_STATE(&operations[1].future) == FUTURE_STATE_IDLE ? 1 : 2);
}

static struct {
	struct vdm_operation operations[2];
	struct vdm_operation_output outputs[2];
	struct vdm_operation_future future;
} batch;

/* A batch of which each worker may do a part, and one of them is refused. */
static void setup_batch(void)
{
	setup_pieces(0);
	for (unsigned i = 0; i < 2; i++)
		batch.operations[i] = vdm_operation_memcpy(operations[i].to, operations[i].from, SIZE, 0);
	batch.operations[1].data.memcpy.flags = schedule_choose(2) == 0 ? 0 : UINT64_MAX;
	batch.future = vdm_batch(vdm, batch.operations, batch.outputs, 2, 0);
}

static void run_batch_once(unsigned task)
{
	(void)task;
	(void)future_poll(FUTURE_AS_RUNNABLE(&batch.future), NULL);
}

static void run_batch(unsigned task)
{
	(void)task;
	while (future_poll(FUTURE_AS_RUNNABLE(&batch.future), NULL) != FUTURE_STATE_COMPLETE)
		hl_relax();
}

static int batch_fails(void)
{
	return batch.operations[1].data.memcpy.flags != 0;
}

static void check_left_batch(void)
{
	check_pieces();
	check_bytes(batch_fails() ? 1 : 2);
}

static void check_batch(void)
{
	const int fails = batch_fails();

	FUTURE_BUSY_POLL(&batch.future);
	SCHEDULE_REQUIRE(batch.future.output.result == (fails ? VDM_ERROR_JOB_CORRUPTED : VDM_SUCCESS));
	SCHEDULE_REQUIRE(batch.future.output.output.batch.failed == (unsigned)fails);
	SCHEDULE_REQUIRE(batch.outputs[0].result == VDM_SUCCESS && batch.outputs[1].result == batch.future.output.result);
	check_left_batch();
}

/* ---- two workers ---------------------------------------------------------------------------------------------------- */

static hl_u32 copiers;

/* Returns when both copies have begun: no worker may sleep while an operation waits. */
static void *meeting_copy(void *to, const void *from, size_t n, unsigned flags)
{
	hl_u32_fetch_add_acq_rel(&copiers, 1);
	schedule_wait_while(&copiers, 1);
	return counting_copy(to, from, n, flags);
}

static void setup_two_workers(void)
{
	setup_mover(2, FUTURE_NOTIFIER_WAKER, 2);
	data_mover_threads_set_memcpy_fn(mover, meeting_copy);
	hl_u32_store_relaxed(&copiers, 0);
}

static void run_burst(unsigned task)
{
	(void)task;
	(void)future_poll(FUTURE_AS_RUNNABLE(&operations[0].future), NULL);
	complete(1);
	complete(0);
}

/* Nobody asks the workers to stop before both are at it. */
static void check_left_burst(void)
{
	schedule_wait_while(&copiers, 0);
	schedule_wait_while(&copiers, 1);
	check_deleted();
	check_bytes(2);
}

/* ---- records ---------------------------------------------------------------------------------------------------------- */

static void *records[RECORDS_MAX + 1];

static void record_back(void *record)
{
	static const struct vdm_operation operation = { .type = VDM_OPERATION_FLUSH };
	struct vdm_operation_output output;

	vdm->op_delete(record, &operation, &output);
}

static void *record_new(void)
{
	return vdm->op_new(vdm, VDM_OPERATION_MEMCPY);
}

/* All records are in the free list. */
static void setup_records(void)
{
	setup_mover(1, FUTURE_NOTIFIER_WAKER, 0);
	for (unsigned i = 0; i < RECORDS_MAX; i++)
		records[i] = record_new();
	for (unsigned i = 0; i < RECORDS_MAX; i++)
		record_back(records[i]);
	memset(records, 0, sizeof(records));
}

/* The same record again, or one that the other task has had in the meantime. */
static void run_record_again(unsigned task)
{
	if (task == 0) {
		copy(0);
		copy(1);
	} else {
		record_back(record_new());
	}
}

/* One takes the first two and gives one back, while the other takes the first: what is below it is not what it was. */
static void run_records(unsigned task)
{
	if (task == 0) {
		records[0] = record_new();
		records[1] = record_new();
	} else {
		void *const first = record_new();

		records[2] = record_new();
		record_back(first);
	}
}

static void require_different(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++)
			SCHEDULE_REQUIRE(records[i] != records[j]);
}

static void check_records(void)
{
	require_different(3);
	check_deleted();
}

static void setup_no_records(void)
{
	setup_mover(1, FUTURE_NOTIFIER_WAKER, 0);
	memset(records, 0, sizeof(records));
}

/* Blocks of records are made by both at once; once there may be no memory (V.4). */
static void run_blocks(unsigned task)
{
	unsigned made = 2 * task;

	if (task == 0)
		schedule_fail_allocation(schedule_choose(3));
	for (unsigned i = 0; i < 2; i++) {
		records[made] = record_new();
		made += records[made] != NULL;
	}
}

static void check_blocks(void)
{
	unsigned count = 0;

	schedule_fail_allocation(0);
	for (unsigned i = 0; i < RECORDS_MAX; i++)
		if (records[i] != NULL)
			records[count++] = records[i];
	SCHEDULE_REQUIRE(count >= RECORDS_MAX - 1);
	if (count < RECORDS_MAX)
		records[count++] = record_new();
	require_different(count);
	SCHEDULE_REQUIRE(record_new() == NULL);
	record_back(records[0]);
	SCHEDULE_REQUIRE(record_new() == records[0] && record_new() == NULL);
	check_deleted();
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------- */

/* Left behind in the queue: delete does them (T.4), also if the worker is just going to sleep. */
static void run_left_behind(unsigned task)
{
	const unsigned count = schedule_choose(3);

	(void)task;
	for (unsigned i = 0; i < count; i++)
		(void)future_poll(FUTURE_AS_RUNNABLE(&operations[i].future), NULL);
	memset(operations[0].from, count > 0 ? 1 : 0, SIZE);
	memset(operations[1].from, count > 1 ? 2 : 0, SIZE);
}

static void check_left_behind(void)
{
	check_deleted();
	check_bytes(2);
}

static void setup_nothing(void)
{
}

/* One of three threads cannot be started, or there is no memory: those that were started have ended. */
static void run_no_threads(unsigned task)
{
	const unsigned fails = schedule_choose(4);

	(void)task;
	schedule_fail_allocation(fails);
	errno = 0;
	mover = data_mover_threads_new(fails == 0 ? SCHEDULE_THREADS_MAX + 1 : 1, 1, FUTURE_NOTIFIER_WAKER);
	SCHEDULE_REQUIRE(mover == NULL && errno == (fails == 0 ? EAGAIN : ENOMEM));
	schedule_fail_allocation(0);
}

static void check_nothing(void)
{
}

/* ---- the simulated mover ------------------------------------------------------------------------------------------------- */

static struct data_mover_sim *sim;
static hl_u32 is_over;

/* Once with each of what may happen to the waker, by choice. */
static void setup_sim(void)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(1);

	cfg.operations_max = 2;
	cfg.delay_max = 1;
	cfg.wake_late_max = 1;
	cfg.ticks_per_check = 0;
	cfg.notifier = FUTURE_NOTIFIER_WAKER;
	sim = data_mover_sim_new(&cfg);
	SCHEDULE_REQUIRE(sim != NULL);
	schedule_name(sim, "sim");
	hl_u32_store_relaxed(&is_over, 0);
	setup_operations(data_mover_sim_get_vdm(sim), 1);
	operations[0].copies = 1;
}

static void force_one(void)
{
	static const enum data_mover_sim_event events[] = { DATA_MOVER_SIM_REFUSE_START, DATA_MOVER_SIM_TEAR,
							    DATA_MOVER_SIM_WAKE_LATE,    DATA_MOVER_SIM_WAKE_TWICE,
							    DATA_MOVER_SIM_WAKE_EARLY };
	const unsigned choice = schedule_choose(1 + sizeof(events) / sizeof(events[0]));

	if (choice > 0)
		SCHEDULE_REQUIRE(data_mover_sim_force(sim, events[choice - 1], 1) == HASHLOOM_OK);
}

static void tick_until_over(void)
{
	while (hl_u32_load_acquire(&is_over) == 0) {
		(void)data_mover_sim_tick(sim);
		hl_relax();
	}
}

static void run_sim(unsigned task)
{
	if (task > 0) {
		tick_until_over();
		return;
	}
	force_one();
	if (schedule_choose(2) == 0)
		complete(0);
	else
		run_renewed_waker(0);
	hl_u32_store_release(&is_over, 1);
}

static void check_sim(void)
{
	struct data_mover_sim_stats stats;

	data_mover_sim_statistics(sim, &stats);
	SCHEDULE_REQUIRE(stats.done == 1 && stats.completed == 1 && data_mover_sim_pending(sim) == 0);
	data_mover_sim_delete(sim);
}

static struct sleeper *left_waiting;

/* Two ticks at once, beside the poll that starts; the rest comes when they are over. */
static void run_sim_once(unsigned task)
{
	int waits;

	if (task > 0) {
		(void)data_mover_sim_tick(sim);
		return;
	}
	force_one();
	left_waiting = sleeper_new();
	(void)poll_with(0, left_waiting, &waits);
}

static void check_sim_once(void)
{
	int waits;

	while (FUTURE_STATE(&operations[0].future) != FUTURE_STATE_COMPLETE && !poll_with(0, left_waiting, &waits))
		(void)data_mover_sim_tick(sim);
	free(left_waiting);
	check_operation(0);
	check_sim();
}

static const struct schedule_scenario scenarios[] = {
	{ .name = "push-beside-sleep", .shows = "T.1 T.2 V.2", .pitfalls = "21 22", .tasks = 1, .bound = 3, .bound_weak = 2,
	  .setup = setup_two_operations, .run = run_one_after_the_other, .check = check_deleted },
	{ .name = "one-behind-the-other", .shows = "T.1", .pitfalls = "22", .tasks = 1, .bound = 4, .bound_weak = 2,
	  .setup = setup_two_operations, .run = run_one_behind_the_other, .check = check_behind },
	{ .name = "two-pushers", .shows = "T.1 T.2", .pitfalls = "22", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .setup = setup_two_operations, .run = run_two_pushers, .check = check_deleted },
	{ .name = "two-by-the-runtime", .shows = "T.1 T.2 R.1", .pitfalls = "21 22", .tasks = 1, .bound = 3, .bound_weak = 1,
	  .setup = setup_two_operations, .run = run_by_the_runtime, .check = check_deleted },
	{ .name = "full-queue", .shows = "T.1 V.3", .pitfalls = "30", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .setup = setup_three_operations, .run = run_full_queue, .check = check_deleted },
	{ .name = "renewed-waker", .shows = "T.2 T.3", .pitfalls = "21", .tasks = 1, .bound = 4, .bound_weak = 2,
	  .setup = setup_two_operations, .run = run_renewed_waker, .check = check_deleted },
	{ .name = "word-to-monitor", .shows = "T.1", .tasks = 1, .bound = 4, .bound_weak = 2,
	  .setup = setup_poller, .run = run_poller, .check = check_deleted },
	{ .name = "order-of-a-copy", .shows = "T.2 V.2", .pitfalls = "21", .tasks = 1, .bound = 3, .bound_weak = 3,
	  .setup = setup_watched, .run = run_watched, .check = check_watched },
	{ .name = "order-of-a-word", .shows = "T.2", .pitfalls = "21", .tasks = 1, .bound = 3, .bound_weak = 3,
	  .setup = setup_watched_word, .run = run_watched_word, .check = check_watched },
	{ .name = "one-in-pieces", .shows = "T.1 T.5", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .setup = setup_one_in_pieces, .run = run_one, .check = check_pieces },
	{ .name = "two-in-pieces-left-behind", .shows = "T.4 T.5", .pitfalls = "22 30", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .setup = setup_two_in_pieces, .run = run_one_behind_the_other, .check = check_left_in_pieces },
	{ .name = "two-in-pieces", .shows = "T.1 T.5", .pitfalls = "22 30", .tasks = 1, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .setup = setup_two_in_pieces, .run = run_pieces_of_two, .check = check_pieces },
	{ .name = "batch-left-behind", .shows = "T.4 T.5", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .setup = setup_batch, .run = run_batch_once, .check = check_left_batch },
	{ .name = "batch-in-pieces", .shows = "T.5", .tasks = 1, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .setup = setup_batch, .run = run_batch, .check = check_batch },
	{ .name = "function-set-beside-a-copy", .shows = "data_mover_threads_set_memcpy_fn", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .setup = setup_function, .run = run_function, .check = check_function },
	{ .name = "burst-left-behind", .shows = "T.1 T.4", .pitfalls = "22", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .setup = setup_two_workers, .run = run_one_behind_the_other, .check = check_left_burst },
	{ .name = "burst-for-two-workers", .shows = "T.1", .pitfalls = "22", .tasks = 1, .bound = 1, .is_large = 1,
	  .setup = setup_two_workers, .run = run_burst, .check = check_deleted },
	{ .name = "record-that-came-back", .shows = "V.4 T.1", .tasks = 2, .bound = 3, .bound_weak = 2,
	  .setup = setup_records, .run = run_records, .check = check_records },
	{ .name = "record-again", .shows = "T.1 T.2 V.4", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .setup = setup_no_records, .run = run_record_again, .check = check_deleted },
	{ .name = "records-again", .shows = "T.1 T.2 V.4", .tasks = 2, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .setup = setup_no_records, .run = run_records_again, .check = check_deleted },
	{ .name = "blocks-of-records", .shows = "V.4", .pitfalls = "26", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup_no_records, .run = run_blocks, .check = check_blocks },
	{ .name = "left-behind", .shows = "T.4", .pitfalls = "29 31 33", .tasks = 1, .bound = 3, .bound_weak = 2,
	  .setup = setup_two_operations, .run = run_left_behind, .check = check_left_behind },
	{ .name = "threads-that-cannot-start", .shows = "data_mover_threads_new", .pitfalls = "26", .tasks = 1, .bound = 1, .bound_weak = 1,
	  .setup = setup_nothing, .run = run_no_threads, .check = check_nothing },
	{ .name = "sim-beside-ticks", .shows = "S.4 S.5", .pitfalls = "21 22", .tasks = 2, .bound = 3,
	  .setup = setup_sim, .run = run_sim, .check = check_sim },
	{ .name = "sim-with-two-ticks", .shows = "S.2 S.5", .pitfalls = "21 22", .tasks = 3, .bound = 2,
	  .setup = setup_sim, .run = run_sim_once, .check = check_sim_once },
	{ .name = "sim-with-two-clocks", .shows = "S.2 S.5", .pitfalls = "21 22", .tasks = 3, .bound = 1, .is_large = 1,
	  .setup = setup_sim, .run = run_sim, .check = check_sim },
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
