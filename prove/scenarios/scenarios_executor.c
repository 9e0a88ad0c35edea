/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_executor.c: tasks that are spawned, and the workers that run them (runtime.h, executor.c).
 *
 * The library is compiled with rings of two tasks: they overflow, and half of one is one. A task that is never polled, or not once
 * more after it
 * was woken, ends as "nobody can go on". One that is polled by two at once, or does not see what its last poll did, or what happened
 * before it was woken, says so itself. Jobs lie in blocks that are freed as soon as they are complete: late touches are seen.
 */
#include "schedule.h"

#include <hashloom/runtime.h>

static struct runtime *runtime;

/* ---- jobs: futures that check how they are polled -------------------------------------------------------------- */

/* Whom an event's waker would be called for: a job is not complete while it is CALLING (S.2). */
enum event_state {
	EVENT_IDLE,
	EVENT_REGISTERED,
	EVENT_CALLING,
	EVENT_HAPPENED,
	EVENT_CANCELLED,
};

static struct event {
	hl_u32 state;
	hl_u32 news; /* 42: it happens */
	struct future_waker waker;
} event;

enum job_kind {
	JOB_READY,
	JOB_YIELDS,	/* once */
	JOB_WAITS,	/* for the event */
	JOB_IN_TURN,	/* uses no waker, until it is cancelled */
	JOB_TWO_WAKERS, /* waits for both */
	JOB_TWO_WAKERS_AND_ITSELF,
	JOB_SPAWNS, /* jobs 1 to spawned_count */
	JOB_WAITS_INSIDE, /* for the event, with runtime_wait() */
	JOB_SPAWNS_AND_WAITS_INSIDE,
	JOB_HAPPENS,
	JOB_SPAWNS_AND_BLOCKS, /* until a JOB_RELEASES has run */
	JOB_BLOCKS,	       /* and may spawn one job before */
	JOB_RELEASES,
};

struct job_data {
	enum job_kind kind;
	unsigned polls;
	hl_u32 polls_seen; /* the same: a poll must know of the last one by the runtime's orders */
	hl_u32 is_polled;
	int may_be_cancelled; /* and so be polled for nothing */
	unsigned spawns;      /* a job, 0: none */
};

struct job_output {
	hl_u32 result; /* 7 */
};

FUTURE(job_fut, struct job_data, struct job_output);

struct job {
	struct runtime_task task; /* first */
	struct job_fut future;
	unsigned index;
};

#define JOBS_MAX 5

static struct job *jobs[JOBS_MAX];
static hl_u32 told[JOBS_MAX]; /* callbacks, by job */
static int spawn_result[JOBS_MAX];
static unsigned spawned_count;
static hl_u32 registered, announced, called; /* of two wakers */
static struct future_waker shared_waker;

static void spawn(unsigned i, runtime_completed_fn completed)
{
	spawn_result[i] = runtime_spawn(runtime, &jobs[i]->task, FUTURE_AS_RUNNABLE(&jobs[i]->future), completed);
}

/* By job 0; told as it is. */
static void spawn_all(void)
{
	for (unsigned i = 1; i <= spawned_count; i++)
		spawn(i, jobs[0]->task.completed);
}

static void job_told(struct runtime_task *task)
{
	struct job *const job = (struct job *)task;

	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&job->future.output.result) == 7 || future_is_cancelled(task->future));
	hl_u32_fetch_add_relaxed(&told[job->index], 1);
	jobs[job->index] = NULL;
	free(job);
}

static enum future_state wait_for_waker(struct future_notifier *notifier)
{
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_RUNNING;
}

/* Ends because each turn finds another state, of which each is left once. */
static enum future_state poll_event(struct future_context *context, struct job_data *data, struct future_notifier *notifier)
{
	/* R.1, S.1: it was woken, and sees what was done before */
	SCHEDULE_REQUIRE(data->polls == 1 || data->may_be_cancelled || hl_u32_load_relaxed(&event.news) == 42);
	for (;;) {
		uint32_t state = hl_u32_load_acquire(&event.state);

		if (state == EVENT_HAPPENED)
			return FUTURE_STATE_COMPLETE;
		if (state == EVENT_CALLING)
			return FUTURE_STATE_RUNNING;
		if (future_context_is_cancelled(context)) {
			if (hl_u32_cas_acq_rel(&event.state, &state, EVENT_CANCELLED))
				return future_context_cancelled(context);
			continue;
		}
		if (state == EVENT_REGISTERED)
			return wait_for_waker(notifier);
		event.waker = notifier->waker;
		if (hl_u32_cas_acq_rel(&event.state, &state, EVENT_REGISTERED))
			return wait_for_waker(notifier);
	}
}

static void happen(void)
{
	hl_u32_store_relaxed(&event.news, 42);
	const uint32_t before = hl_u32_exchange_acq_rel(&event.state, EVENT_CALLING);
	if (before == EVENT_REGISTERED)
		FUTURE_WAKER_WAKE(&event.waker);
	hl_u32_store_release(&event.state, EVENT_HAPPENED);
}

/* The last of the polls that the wakes lead to sees that both have come (R.1). */
static enum future_state poll_two_wakers(struct job_data *data, struct future_notifier *notifier)
{
	if (data->polls == 1) {
		shared_waker = notifier->waker;
		hl_u32_store_release(&registered, 1);
	}
	if (hl_u32_load_acquire(&called) == 2)
		return FUTURE_STATE_COMPLETE;
	if (hl_u32_load_relaxed(&announced) == 2)
		return FUTURE_STATE_RUNNING;
	if (data->kind == JOB_TWO_WAKERS_AND_ITSELF && data->polls < 3)
		FUTURE_WAKER_WAKE(&notifier->waker);
	return wait_for_waker(notifier);
}

static void wake_shared(void)
{
	schedule_wait_while(&registered, 0);
	(void)hl_u32_load_acquire(&registered);
	hl_u32_fetch_add_relaxed(&announced, 1);
	FUTURE_WAKER_WAKE(&shared_waker);
	hl_u32_fetch_add_release(&called, 1);
}

static enum future_state inner_task(struct future_context *context, struct future_notifier *notifier)
{
	struct job_data *const data = future_context_get_data(context);

	data->polls++;
	return poll_event(context, data, notifier);
}

static enum future_state wait_inside(void)
{
	struct job_fut inner;

	memset(&inner, 0, sizeof(inner));
	FUTURE_INIT(&inner, inner_task);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&inner));
	return FUTURE_STATE_COMPLETE;
}

static void happen(void);
static enum future_state poll_by_kind(struct future_context *context, struct job_data *data, struct future_notifier *notifier)
{
	switch (data->kind) {
	case JOB_WAITS: return poll_event(context, data, notifier);
	case JOB_TWO_WAKERS:
	case JOB_TWO_WAKERS_AND_ITSELF: return poll_two_wakers(data, notifier);
	case JOB_IN_TURN:
		return future_context_is_cancelled(context) ? future_context_cancelled(context) : FUTURE_STATE_RUNNING;
	case JOB_YIELDS:
		if (data->polls > 1)
			return FUTURE_STATE_COMPLETE;
		FUTURE_WAKER_WAKE(&notifier->waker);
		return wait_for_waker(notifier);
	case JOB_SPAWNS:
		spawn_all();
		return FUTURE_STATE_COMPLETE;
	case JOB_WAITS_INSIDE: return wait_inside();
	case JOB_SPAWNS_AND_WAITS_INSIDE:
		spawn_all();
		return wait_inside();
	case JOB_HAPPENS:
		happen();
		return FUTURE_STATE_COMPLETE;
	case JOB_SPAWNS_AND_BLOCKS:
		spawn_all();
		/* fall through */
	case JOB_BLOCKS:
		if (data->spawns != 0)
			spawn(data->spawns, NULL);
		schedule_wait_while(&called, 0);
		return FUTURE_STATE_COMPLETE;
	case JOB_RELEASES:
		hl_u32_store_relaxed(&called, 1);
		return FUTURE_STATE_COMPLETE;
	default: return FUTURE_STATE_COMPLETE;
	}
}

static enum future_state job_task(struct future_context *context, struct future_notifier *notifier)
{
	struct job_data *const data = future_context_get_data(context);
	struct job_output *const output = future_context_get_output(context);

	/* S.1 */
	SCHEDULE_REQUIRE(hl_u32_exchange_relaxed(&data->is_polled, 1) == 0);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&data->polls_seen) == data->polls);
	hl_u32_store_relaxed(&data->polls_seen, ++data->polls);
	const enum future_state state = poll_by_kind(context, data, notifier);
	if (state == FUTURE_STATE_COMPLETE)
		hl_u32_store_relaxed(&output->result, 7);
	hl_u32_store_relaxed(&data->is_polled, 0);
	return state;
}

static int job_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

static void make_job(unsigned i, enum job_kind kind)
{
	jobs[i] = calloc(1, sizeof(*jobs[i]));
	SCHEDULE_REQUIRE(jobs[i] != NULL);
	schedule_name(jobs[i], "job");
	FUTURE_INIT_EXT(&jobs[i]->future, job_task, job_has_property);
	jobs[i]->future.data.kind = kind;
	jobs[i]->index = i;
}

static void setup(unsigned workers)
{
	struct runtime_cfg cfg = runtime_cfg_default();

	cfg.workers = workers;
	runtime = runtime_new_cfg(&cfg);
	SCHEDULE_REQUIRE(runtime != NULL);
	schedule_name(runtime, "runtime");
	memset(&event, 0, sizeof(event));
	memset(jobs, 0, sizeof(jobs));
	memset(told, 0, sizeof(told));
	memset(spawn_result, 0, sizeof(spawn_result));
	spawned_count = 0;
	hl_u32_store_relaxed(&registered, 0);
	hl_u32_store_relaxed(&announced, 0);
	hl_u32_store_relaxed(&called, 0);
}

/* The scenario's argument: how many workers. */
static void setup_workers(void)
{
	setup((unsigned)(uintptr_t)schedule_argument());
}

static void require_done(unsigned i)
{
	SCHEDULE_REQUIRE(FUTURE_STATE(&jobs[i]->future) == FUTURE_STATE_COMPLETE);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&jobs[i]->future.data.polls_seen) == jobs[i]->future.data.polls);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&jobs[i]->future.output.result) == 7 ||
			 future_is_cancelled(FUTURE_AS_RUNNABLE(&jobs[i]->future)));
}

static void join_and_free(unsigned i)
{
	runtime_join(&jobs[i]->task);
	require_done(i);
	free(jobs[i]);
	jobs[i] = NULL;
}

static void check_all(void)
{
	struct runtime_statistics stats;

	runtime_shutdown(runtime, RUNTIME_SHUTDOWN_IMMEDIATE);
	runtime_stats(runtime, &stats);
	SCHEDULE_REQUIRE(stats.spawned == stats.completed);
	runtime_delete(runtime);
}

/* ---- spawn, sleep, wake, park ----------------------------------------------------------------------------------- */

/* The worker goes to sleep, or not, before each. */
static void run_one_after_the_other(unsigned task)
{
	(void)task;
	for (unsigned i = 0; i < 2; i++) {
		make_job(i, JOB_READY);
		spawn(i, NULL);
		join_and_free(i);
	}
}

static void run_two_spawners(unsigned task)
{
	make_job(task, task == 0 ? JOB_READY : JOB_YIELDS);
	spawn(task, NULL);
	join_and_free(task);
}

static void run_event(enum job_kind kind, unsigned task)
{
	if (task == 1) {
		happen();
		return;
	}
	make_job(0, kind);
	spawn(0, NULL);
	join_and_free(0);
}

static void run_wake_beside_park(unsigned task)
{
	run_event(JOB_WAITS, task);
}

static void run_wait_inside(unsigned task)
{
	run_event(JOB_WAITS_INSIDE, task);
}

/* The last of those that are spawned is waited for. */
static void spawn_and_wait_inside(unsigned count)
{
	spawned_count = count;
	make_job(0, JOB_SPAWNS_AND_WAITS_INSIDE);
	for (unsigned i = 1; i <= count; i++)
		make_job(i, i < count ? JOB_READY : JOB_HAPPENS);
	spawn(0, NULL);
	for (unsigned i = 0; i <= count; i++)
		join_and_free(i);
}

static void run_spawn_and_wait_inside(unsigned task)
{
	(void)task;
	spawn_and_wait_inside(1);
}

/* It does not fit into the ring. */
static void run_wait_inside_for_what_is_listed(unsigned task)
{
	(void)task;
	spawn_and_wait_inside(3);
}

/* Two workers block: who has stolen the first of two tells a third one of the second. */
static void run_block_two_of_three(unsigned task)
{
	(void)task;
	spawned_count = 2;
	make_job(0, JOB_SPAWNS_AND_BLOCKS);
	make_job(1, JOB_BLOCKS);
	make_job(2, JOB_RELEASES);
	spawn(0, NULL);
	for (unsigned i = 0; i < 3; i++)
		join_and_free(i);
}

/* Two that block have spawned one each; of the second nobody is told while who was told of the first is on its way: it tells the fourth. */
static void run_block_three_of_four(unsigned task)
{
	(void)task;
	make_job(0, JOB_BLOCKS);
	make_job(1, JOB_BLOCKS);
	make_job(2, JOB_BLOCKS);
	make_job(3, JOB_RELEASES);
	jobs[0]->future.data.spawns = 2;
	jobs[1]->future.data.spawns = 3;
	spawn(0, NULL);
	spawn(1, NULL);
	for (unsigned i = 0; i < 4; i++)
		join_and_free(i);
}

static void run_wakers(enum job_kind kind, unsigned task)
{
	if (task > 0) {
		wake_shared();
		return;
	}
	make_job(0, kind);
	spawn(0, NULL);
	join_and_free(0);
}

static void run_two_wakers(unsigned task)
{
	run_wakers(JOB_TWO_WAKERS, task);
}

static void run_two_wakers_and_itself(unsigned task)
{
	run_wakers(JOB_TWO_WAKERS_AND_ITSELF, task);
}

/* ---- rings ------------------------------------------------------------------------------------------------------- */

/* A task spawns more: into its worker's ring, and behind that, when it is full; others steal. */
static void run_spawner(unsigned count, enum job_kind kind)
{
	spawned_count = count;
	make_job(0, JOB_SPAWNS);
	for (unsigned i = 1; i <= count; i++)
		make_job(i, kind);
	spawn(0, NULL);
	join_and_free(0);
	/* the last one first: it may be gone while a queue still holds those before it */
	for (unsigned i = count; i > 0; i--)
		join_and_free(i);
}

static void run_spawner_of_one(unsigned task)
{
	(void)task;
	run_spawner(1, JOB_READY);
}

static void run_spawner_of_two(unsigned task)
{
	(void)task;
	run_spawner(2, JOB_YIELDS);
}

static void run_spawner_of_three(unsigned task)
{
	(void)task;
	run_spawner(3, JOB_READY);
}

static void run_spawner_of_four(unsigned task)
{
	(void)task;
	run_spawner(4, JOB_READY);
}

/* A task that yields is stolen while it is woken by others, too. */
static void run_yield_steal_wake(unsigned task)
{
	if (task > 0) {
		wake_shared();
		return;
	}
	spawned_count = 2;
	make_job(0, JOB_SPAWNS);
	make_job(1, JOB_TWO_WAKERS_AND_ITSELF);
	make_job(2, JOB_YIELDS);
	spawn(0, NULL);
	for (unsigned i = 0; i < 3; i++)
		join_and_free(i);
}

/* ---- join -------------------------------------------------------------------------------------------------------- */

static void setup_join(void)
{
	setup_workers();
	make_job(0, JOB_YIELDS);
	spawn(0, NULL);
}

static void run_join(unsigned task)
{
	(void)task;
	runtime_join(&jobs[0]->task);
	require_done(0);
}

static void check_join(void)
{
	free(jobs[0]);
	check_all();
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

struct word_data {
	unsigned polls_left; /* that are fruitless */
	uint64_t *word;	     /* NULL: it names none */
};

FUTURE(word_fut, struct word_data, struct job_output);

struct words_data {
	FUTURE_CHAIN_ENTRY(struct word_fut, first);
	FUTURE_CHAIN_ENTRY_LAST(struct word_fut, second);
};

FUTURE(words_fut, struct words_data, struct job_output);

static struct words {
	struct runtime_task task;
	struct words_fut future;
	uint64_t word;
} *words;

static enum future_state word_task(struct future_context *context, struct future_notifier *notifier)
{
	struct word_data *const data = future_context_get_data(context);

	if (data->polls_left-- == 0)
		return FUTURE_STATE_COMPLETE;
	notifier->notifier_used = data->word != NULL ? FUTURE_NOTIFIER_POLLER : FUTURE_NOTIFIER_NONE;
	notifier->poller.ptr_to_monitor = data->word;
	return FUTURE_STATE_RUNNING;
}

static struct word_fut word_fut_of(unsigned polls_left, uint64_t *word)
{
	struct word_fut future;

	memset(&future, 0, sizeof(future));
	FUTURE_INIT(&future, word_task);
	future.data.polls_left = polls_left;
	future.data.word = word;
	return future;
}

/*
 * A chain goes on to an entry that names a word, is stolen, and freed with it, while who has polled it thinks of waiting for that word, which comes
 * after two fruitless rounds.
 */
static void run_chain_with_a_word(unsigned task)
{
	(void)task;
	words = calloc(1, sizeof(*words));
	SCHEDULE_REQUIRE(words != NULL);
	schedule_name(words, "words");
	FUTURE_CHAIN_ENTRY_INIT(&words->future.data.first, word_fut_of(2, NULL), NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&words->future.data.second, word_fut_of(1, &words->word), NULL, NULL);
	FUTURE_CHAIN_INIT(&words->future);
	SCHEDULE_REQUIRE(runtime_spawn(runtime, &words->task, FUTURE_AS_RUNNABLE(&words->future), NULL) == HASHLOOM_OK);
	runtime_join(&words->task);
	free(words);
}

/* ---- cancel ------------------------------------------------------------------------------------------------------ */

static void setup_cancel(void)
{
	static const enum job_kind kinds[] = { JOB_WAITS, JOB_IN_TURN, JOB_YIELDS };

	setup_workers();
	make_job(0, kinds[schedule_choose(3)]);
	jobs[0]->future.data.may_be_cancelled = 1;
	spawn(0, NULL);
}

/* Nothing else ends the first two. */
static void run_cancel(unsigned task)
{
	if (task == 0) {
		runtime_cancel(&jobs[0]->task);
		return;
	}
	runtime_join(&jobs[0]->task);
	require_done(0);
	SCHEDULE_REQUIRE(jobs[0]->future.data.kind == JOB_YIELDS || future_is_cancelled(FUTURE_AS_RUNNABLE(&jobs[0]->future)));
}

static void setup_cancel_detached(void)
{
	setup_workers();
	make_job(0, JOB_WAITS);
	jobs[0]->future.data.may_be_cancelled = 1;
	spawn(0, job_told);
}

/* The callback frees it while the call that has cancelled it returns. */
static void run_cancel_detached(unsigned task)
{
	(void)task;
	runtime_cancel(&jobs[0]->task);
}

static void check_told(void)
{
	check_all();
	for (unsigned i = 0; i <= spawned_count; i++) {
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&told[i]) == (spawn_result[i] == HASHLOOM_OK));
		if (jobs[i] != NULL)
			free(jobs[i]);
	}
}

static void setup_cancel_and_wake(void)
{
	setup_cancel_detached();
	jobs[0]->task.completed = NULL;
}

static void run_cancel_and_wake(unsigned task)
{
	if (task == 0)
		runtime_cancel(&jobs[0]->task);
	else
		happen();
}

static void check_cancel_and_wake(void)
{
	runtime_join(&jobs[0]->task);
	require_done(0);
	free(jobs[0]);
	check_all();
}

/* ---- shutdown ---------------------------------------------------------------------------------------------------- */

static enum runtime_shutdown choose_how(void)
{
	return schedule_choose(2) == 0 ? RUNTIME_SHUTDOWN_GRACEFUL : RUNTIME_SHUTDOWN_IMMEDIATE;
}

static void shut_down(enum runtime_shutdown how)
{
	runtime_shutdown(runtime, how);
	for (unsigned i = 0; i <= spawned_count; i++)
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&told[i]) == (jobs[i] == NULL));
}

/* What was spawned just before is told (S.3). */
static void run_spawn_and_shut_down(unsigned task)
{
	const enum runtime_shutdown how = choose_how();

	(void)task;
	make_job(0, JOB_YIELDS);
	spawn(0, job_told);
	shut_down(how);
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&told[0]) == 1);
}

static void setup_shutdown_and_wake(void)
{
	setup_cancel_detached();
}

static void run_shutdown_and_wake(unsigned task)
{
	if (task == 0) {
		shut_down(choose_how());
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&told[0]) == 1);
	} else {
		happen();
	}
}

/* Those spawned by a task while the runtime is shut down are told, or refused. */
static void setup_shutdown_and_spawn(void)
{
	setup_workers();
	spawned_count = 2;
	make_job(0, JOB_SPAWNS);
	make_job(1, JOB_YIELDS);
	make_job(2, JOB_READY);
	spawn_result[1] = spawn_result[2] = HASHLOOM_ERROR_CLOSED; /* also if job 0 never runs */
	spawn(0, job_told);
}

static void run_shutdown_and_spawn(unsigned task)
{
	(void)task;
	shut_down(choose_how());
	SCHEDULE_REQUIRE(hl_u32_load_relaxed(&told[0]) == 1);
}

/* One waits, cancelled by nobody, on each of two workers; and one is polled in turn. */
static void setup_shutdown_of_three(void)
{
	setup_workers();
	spawned_count = 2;
	make_job(0, JOB_WAITS);
	make_job(1, JOB_IN_TURN);
	make_job(2, JOB_YIELDS);
	for (unsigned i = 0; i < 3; i++)
		jobs[i]->future.data.may_be_cancelled = 1;
	for (unsigned i = 0; i < 3; i++)
		spawn(i, job_told);
}

static void run_shutdown_of_three(unsigned task)
{
	(void)task;
	shut_down(RUNTIME_SHUTDOWN_IMMEDIATE);
	for (unsigned i = 0; i < 3; i++)
		SCHEDULE_REQUIRE(hl_u32_load_relaxed(&told[i]) == 1);
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static void setup_nothing(void)
{
}

/* The last of the threads cannot be started, or there is no memory: those that were started have ended. */
static void run_no_threads(unsigned task)
{
	struct runtime_cfg cfg = runtime_cfg_default();
	const unsigned fails = schedule_choose(2);

	(void)task;
	cfg.workers = fails == 0 ? SCHEDULE_THREADS_MAX + 1 : 1;
	schedule_fail_allocation(fails);
	SCHEDULE_REQUIRE(runtime_new_cfg(&cfg) == NULL);
	schedule_fail_allocation(0);
}

#define WORKERS(n) ((const void *)(uintptr_t)(n))

static const struct schedule_scenario scenarios[] = {
	{ .name = "spawn-beside-sleep", .shows = "S.1 S.3", .pitfalls = "22", .tasks = 1, .bound = 3, .bound_weak = 2,
	  .argument = WORKERS(1), .setup = setup_workers, .run = run_one_after_the_other, .check = check_all },
	{ .name = "two-spawners", .shows = "S.1 S.3", .pitfalls = "22", .tasks = 2, .bound = 2, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_two_spawners, .check = check_all },
	{ .name = "wake-beside-park", .shows = "R.1 S.1 S.2", .pitfalls = "21 22", .tasks = 2, .bound = 2, .bound_weak = 2,
	  .argument = WORKERS(1), .setup = setup_workers, .run = run_wake_beside_park, .check = check_all },
	{ .name = "wake-without-workers", .shows = "R.1 S.1 S.2", .pitfalls = "21 22", .tasks = 2, .bound = 3, .bound_weak = 2,
	  .argument = WORKERS(0), .setup = setup_workers, .run = run_wake_beside_park, .check = check_all },
	{ .name = "two-wakers", .shows = "R.1 S.1 S.2", .pitfalls = "22 33", .tasks = 3, .bound = 2, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(1), .setup = setup_workers, .run = run_two_wakers, .check = check_all },
	{ .name = "two-wakers-and-itself", .shows = "R.1 S.1 S.2", .pitfalls = "22 33", .tasks = 3, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_two_wakers_and_itself, .check = check_all },
	{ .name = "wait-inside-of-a-task", .shows = "R.1", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(1), .setup = setup_workers, .run = run_wait_inside, .check = check_all },
	{ .name = "spawn-and-wait-inside", .shows = "R.1 S.4", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_spawn_and_wait_inside, .check = check_all },
	{ .name = "wait-inside-for-what-is-listed", .shows = "R.1 S.4", .tasks = 1, .bound = 2, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_wait_inside_for_what_is_listed, .check = check_all },
	{ .name = "two-of-three-workers-block", .shows = "S.4", .tasks = 1, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(3), .setup = setup_workers, .run = run_block_two_of_three, .check = check_all },
	{ .name = "three-of-four-workers-block", .shows = "S.4", .tasks = 1, .bound = 1, .is_large = 1, .bound_weak = 0,
	  .argument = WORKERS(4), .setup = setup_workers, .run = run_block_three_of_four, .check = check_all },
	{ .name = "steal-of-the-only-one", .shows = "S.1 S.3", .pitfalls = "33", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_spawner_of_one, .check = check_all },
	{ .name = "steal-beside-push-and-pop", .shows = "S.1 S.3", .pitfalls = "33", .tasks = 1, .bound = 2, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_spawner_of_two, .check = check_all },
	{ .name = "one-more-than-the-ring-takes", .shows = "S.1 S.3", .pitfalls = "30", .tasks = 1, .bound = 3, .bound_weak = 1,
	  .argument = WORKERS(1), .setup = setup_workers, .run = run_spawner_of_three, .check = check_all },
	{ .name = "more-than-the-ring-takes", .shows = "S.1 S.3", .pitfalls = "30 33", .tasks = 1, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_spawner_of_four, .check = check_all },
	{ .name = "more-than-the-only-ring-takes", .shows = "S.1 S.3", .pitfalls = "30", .tasks = 1, .bound = 1, .bound_weak = 1,
	  .argument = WORKERS(0), .setup = setup_workers, .run = run_spawner_of_four, .check = check_all },
	{ .name = "yield-steal-wake", .shows = "R.1 S.1", .pitfalls = "33", .tasks = 3, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_yield_steal_wake, .check = check_all },
	{ .name = "chain-with-a-word", .shows = "S.3 R.7", .pitfalls = "31 33", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_chain_with_a_word, .check = check_all },
	{ .name = "two-joins", .shows = "S.3", .pitfalls = "22", .tasks = 2, .bound = 3, .bound_weak = 2,
	  .argument = WORKERS(1), .setup = setup_join, .run = run_join, .check = check_join },
	{ .name = "cancel-at-each-state", .shows = "runtime_cancel", .pitfalls = "33", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(1), .setup = setup_cancel, .run = run_cancel, .check = check_join },
	{ .name = "cancel-beside-two-workers", .shows = "runtime_cancel", .pitfalls = "33", .tasks = 2, .bound = 1, .is_large = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_cancel, .run = run_cancel, .check = check_join },
	{ .name = "cancel-of-a-detached-task", .shows = "runtime_cancel S.3", .pitfalls = "29 31", .tasks = 1, .bound = 3, .bound_weak = 2,
	  .argument = WORKERS(1), .setup = setup_cancel_detached, .run = run_cancel_detached, .check = check_told },
	{ .name = "cancel-beside-wake", .shows = "runtime_cancel S.3", .pitfalls = "31 33", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(1), .setup = setup_cancel_and_wake, .run = run_cancel_and_wake, .check = check_cancel_and_wake },
	{ .name = "shutdown-after-spawn", .shows = "S.3", .pitfalls = "33", .tasks = 1, .bound = 3, .bound_weak = 2,
	  .argument = WORKERS(1), .setup = setup_workers, .run = run_spawn_and_shut_down, .check = check_told },
	{ .name = "shutdown-of-two-workers-after-spawn", .shows = "S.3", .pitfalls = "33", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_workers, .run = run_spawn_and_shut_down, .check = check_told },
	{ .name = "shutdown-beside-wake", .shows = "S.3", .pitfalls = "31 33", .tasks = 2, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(1), .setup = setup_shutdown_and_wake, .run = run_shutdown_and_wake, .check = check_told },
	{ .name = "shutdown-of-two-workers-beside-wake", .shows = "S.3", .pitfalls = "31 33", .tasks = 2, .bound = 1, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_shutdown_and_wake, .run = run_shutdown_and_wake, .check = check_told },
	{ .name = "shutdown-beside-spawn", .shows = "S.3", .pitfalls = "33", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_shutdown_and_spawn, .run = run_shutdown_and_spawn, .check = check_told },
	{ .name = "shutdown-of-three-tasks", .shows = "S.3", .pitfalls = "31 33", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(2), .setup = setup_shutdown_of_three, .run = run_shutdown_of_three, .check = check_told },
	{ .name = "shutdown-without-workers", .shows = "S.3", .pitfalls = "31 33", .tasks = 1, .bound = 2, .bound_weak = 1,
	  .argument = WORKERS(0), .setup = setup_shutdown_of_three, .run = run_shutdown_of_three, .check = check_told },
	{ .name = "threads-that-cannot-start", .shows = "runtime_new_cfg", .pitfalls = "26", .tasks = 1, .bound = 1, .bound_weak = 1,
	  .setup = setup_nothing, .run = run_no_threads, .check = setup_nothing },
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
