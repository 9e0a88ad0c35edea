/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_executor.c: spawned tasks, one thing at a time: S.1 to S.5 of runtime.h and what each function returns.
 *
 * Method: mostly a runtime without workers, whose every step the test decides with runtime_run_ready(); what may depend on threads is done
 * again with 1, 2 and 8 workers. test_executor_threads.c is about many at once.
 */
#define _GNU_SOURCE 1
#include "test_kit.h"

#include <hashloom/runtime.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

static const unsigned workers_counts[] = { 0, 1, 2, 8 };

/* ---- tasks ------------------------------------------------------------------------------------- */

struct actor_data;

typedef enum future_state (*act_fn)(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier);

struct actor_data {
	act_fn act;
	unsigned polls;
	unsigned polls_needed;
	struct future_waker waker; /* of the last poll */
	hl_u32 is_registered;
	struct actor *others; /* to be spawned */
	size_t others_count;
	int knows_cancel;
};

struct actor_output {
	unsigned polls; /* when it was complete */
};

FUTURE(actor_fut, struct actor_data, struct actor_output);

struct actor {
	struct runtime_task task;
	struct actor_fut future;
};

static hl_u32 told;

static void count_told(struct runtime_task *task)
{
	(void)task;
	hl_u32_fetch_add_release(&told, 1);
}

static enum future_state actor_task(struct future_context *context, struct future_notifier *notifier)
{
	struct actor_data *const actor = future_context_get_data(context);

	actor->polls++;
	if (actor->knows_cancel && future_context_is_cancelled(context))
		return future_context_cancelled(context);
	const enum future_state state = actor->act(context, actor, notifier);
	if (state == FUTURE_STATE_COMPLETE)
		((struct actor_output *)future_context_get_output(context))->polls = actor->polls;
	return state;
}

static int actor_has_property(void *future, enum future_property property)
{
	return property == FUTURE_PROPERTY_CANCEL && ((struct actor_fut *)future)->data.knows_cancel;
}

static enum future_state act_in_turn(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return actor->polls >= actor->polls_needed ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static enum future_state act_wait(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	actor->waker = notifier->waker;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	hl_u32_store_release(&actor->is_registered, actor->polls);
	return actor->polls >= actor->polls_needed ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static enum future_state act_yield(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	if (actor->polls >= actor->polls_needed)
		return FUTURE_STATE_COMPLETE;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

static struct runtime *runtime; /* of the test that runs */

static enum future_state act_spawn(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	if (actor->polls < actor->polls_needed)
		return FUTURE_STATE_RUNNING;
	for (size_t i = 0; i < actor->others_count; i++)
		(void)runtime_spawn(runtime, &actor->others[i].task, FUTURE_AS_RUNNABLE(&actor->others[i].future), NULL);
	return FUTURE_STATE_COMPLETE;
}

static void actor_init(struct actor *actor, act_fn act, unsigned polls_needed)
{
	memset(actor, 0, sizeof(*actor));
	FUTURE_INIT_EXT(&actor->future, actor_task, actor_has_property);
	actor->future.data.act = act;
	actor->future.data.polls_needed = polls_needed;
}

static struct actor *actors_new(size_t n, act_fn act, unsigned polls_needed)
{
	struct actor *const actors = kit_zeroed(n, sizeof(*actors));

	for (size_t i = 0; i < n; i++)
		actor_init(&actors[i], act, polls_needed);
	return actors;
}

static void spawn(struct actor *actor, runtime_completed_fn completed)
{
	assert_int_equal(runtime_spawn(runtime, &actor->task, FUTURE_AS_RUNNABLE(&actor->future), completed), HASHLOOM_OK);
}

static void wake(struct actor *actor)
{
	FUTURE_WAKER_WAKE(&actor->future.data.waker);
}

static void assert_done(const struct actor *actor, unsigned polls)
{
	assert_int_equal(FUTURE_STATE(&actor->future), FUTURE_STATE_COMPLETE);
	assert_int_equal(actor->future.output.polls, polls);
	assert_int_equal(future_is_cancelled(FUTURE_AS_RUNNABLE(&actor->future)), 0);
}

static void assert_cancelled(const struct actor *actor)
{
	assert_int_equal(future_is_cancelled(FUTURE_AS_RUNNABLE(&actor->future)), 1);
}

static void begin(unsigned workers)
{
	struct runtime_cfg cfg = runtime_cfg_default();

	cfg.workers = workers;
	runtime = runtime_new_cfg(&cfg);
	assert_non_null(runtime);
	hl_u32_store_relaxed(&told, 0);
}

static struct runtime_statistics stats_of(void)
{
	struct runtime_statistics stats;

	runtime_stats(runtime, &stats);
	return stats;
}

/* Ends the test: what was spawned is complete. */
static void end(uint64_t spawned)
{
	runtime_shutdown(runtime, RUNTIME_SHUTDOWN_GRACEFUL);
	assert_int_equal(stats_of().spawned, spawned);
	assert_int_equal(stats_of().completed, spawned);
	runtime_delete(runtime);
}

static int is_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0);
}

/* ---- making one -------------------------------------------------------------------------------- */

static void test_executor_configuration(void **state)
{
	struct runtime_cfg cfg = runtime_cfg_default();

	(void)state;
	assert_int_equal(cfg.workers, 0);
	cfg.workers = RUNTIME_WORKERS_MAX + 1;
	errno = 0;
	assert_null(runtime_new_cfg(&cfg));
	assert_int_equal(errno, EINVAL);
	cfg.workers = UINT_MAX;
	assert_null(runtime_new_cfg(&cfg));
	runtime = runtime_new_cfg(NULL);
	assert_non_null(runtime);
	assert_int_equal(stats_of().workers, 0);
	runtime_delete(runtime);
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		begin(workers_counts[i]);
		assert_int_equal(stats_of().workers, workers_counts[i]);
		end(0);
	}
}

/* S.5 */
static void test_executor_S5_memory_of_a_task(void **state)
{
	(void)state;
	assert_true(sizeof(struct runtime_task) <= 64);
}

/* ---- spawn and join ---------------------------------------------------------------------------- */

static void test_executor_spawn_and_join(void **state)
{
	static const act_fn acts[] = { act_in_turn, act_yield };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++)
		for (size_t kind = 0; kind < KIT_COUNT(acts); kind++)
			for (unsigned polls = 1; polls < 5; polls++) {
				struct actor actor;

				begin(workers_counts[i]);
				actor_init(&actor, acts[kind], polls);
				spawn(&actor, NULL);
				runtime_join(&actor.task);
				assert_int_equal(runtime_is_complete(&actor.task), 1);
				runtime_join(&actor.task);
				assert_done(&actor, polls);
				assert_int_equal(stats_of().polls, polls);
				end(1);
			}
}

static void test_executor_a_complete_future_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		struct actor actors[2];

		begin(workers_counts[i]);
		for (size_t k = 0; k < 2; k++) {
			FUTURE_INIT_COMPLETE(&actors[k].future);
			spawn(&actors[k], k == 0 ? NULL : count_told);
		}
		runtime_join(&actors[0].task);
		end(2);
		assert_int_equal(hl_u32_load_acquire(&told), 1);
	}
}

static void test_executor_a_task_is_spawned_again(void **state)
{
	struct actor actor;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		begin(workers_counts[i]);
		for (unsigned turn = 0; turn < 100; turn++) {
			actor_init(&actor, act_yield, 2);
			spawn(&actor, NULL);
			runtime_join(&actor.task);
			assert_done(&actor, 2);
		}
		end(100);
	}
}

/* R.1, R.2 for tasks: a poll for a wake, and one for two of them before it. */
static void test_executor_R2_polls_are_counted(void **state)
{
	struct actor actor;

	(void)state;
	begin(0);
	actor_init(&actor, act_wait, 4);
	spawn(&actor, NULL);
	assert_int_equal(runtime_is_complete(&actor.task), 0);
	assert_int_equal(runtime_timeout_ns(runtime), 0);
	assert_int_equal(runtime_run_ready(runtime, 100), 1);
	assert_int_equal(runtime_timeout_ns(runtime), UINT64_MAX);
	assert_int_equal(runtime_run_ready(runtime, 100), 0);
	wake(&actor);
	wake(&actor);
	assert_int_equal(runtime_timeout_ns(runtime), 0);
	assert_int_equal(runtime_run_ready(runtime, 100), 1);
	wake(&actor);
	assert_int_equal(runtime_run_ready(runtime, 0), 0);
	assert_int_equal(runtime_run_ready(runtime, 1), 1);
	assert_int_equal(runtime_is_complete(&actor.task), 0);
	wake(&actor);
	assert_int_equal(runtime_run_ready(runtime, 100), 1);
	assert_int_equal(runtime_is_complete(&actor.task), 1);
	assert_done(&actor, 4);
	end(1);
}

/* ---- callbacks ---------------------------------------------------------------------------------- */

static void free_it(struct runtime_task *task)
{
	free(task);
	hl_u32_fetch_add_release(&told, 1);
}

static struct actor *more_to_spawn;
static size_t more_count;

static void spawn_more(struct runtime_task *task)
{
	(void)task;
	for (size_t i = 0; i < more_count; i++)
		(void)runtime_spawn(runtime, &more_to_spawn[i].task, FUTURE_AS_RUNNABLE(&more_to_spawn[i].future), count_told);
}

static void test_executor_S3_detached_tasks_free_themselves(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		begin(workers_counts[i]);
		for (unsigned k = 0; k < 200; k++)
			spawn(actors_new(1, k % 2 == 0 ? act_yield : act_in_turn, 1 + k % 5), free_it);
		end(200);
		assert_int_equal(hl_u32_load_acquire(&told), 200);
	}
}

static void test_executor_a_callback_spawns(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		struct actor first;

		begin(workers_counts[i]);
		more_count = 10;
		more_to_spawn = actors_new(more_count, act_yield, 2);
		actor_init(&first, act_in_turn, 2);
		spawn(&first, spawn_more);
		if (workers_counts[i] == 0)
			(void)runtime_run_ready(runtime, 10000);
		kit_wait_for(&told, 10);
		end(11);
		free(more_to_spawn);
	}
}

/* More than a ring takes. */
static void test_executor_1000_tasks_spawned_by_one(void **state)
{
	const unsigned n = 1000;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		struct actor parent;

		begin(workers_counts[i]);
		actor_init(&parent, act_spawn, 1);
		parent.future.data.others = actors_new(n, act_yield, 3);
		parent.future.data.others_count = n;
		spawn(&parent, NULL);
		runtime_join(&parent.task);
		for (unsigned k = n; k-- > 0;) {
			runtime_join(&parent.future.data.others[k].task);
			assert_done(&parent.future.data.others[k], 3);
		}
		assert_int_equal(stats_of().polls, 1 + 3 * n);
		end(1 + n);
		free(parent.future.data.others);
	}
}

/* ---- fairness ----------------------------------------------------------------------------------- */

static hl_u32 is_enough;

static enum future_state act_until_enough(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	if (hl_u32_load_relaxed(&is_enough))
		return FUTURE_STATE_COMPLETE;
	if (actor->polls_needed == 0)
		return FUTURE_STATE_RUNNING;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

/* S.4: some yield for ever, one is polled in turn for ever; what is spawned, woken, and polled in turn beside them completes. */
static void test_executor_S4_nobody_starves(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct actor busy[4], waits, in_turn, *const others = actors_new(600, act_yield, 3);

		begin(workers_counts[i]);
		hl_u32_store_relaxed(&is_enough, 0);
		for (unsigned k = 0; k < 4; k++) {
			actor_init(&busy[k], act_until_enough, k == 3 ? 0 : 1);
			spawn(&busy[k], NULL);
		}
		actor_init(&waits, act_wait, 2);
		actor_init(&in_turn, act_in_turn, 20);
		spawn(&waits, NULL);
		spawn(&in_turn, NULL);
		for (unsigned k = 0; k < 600; k++)
			spawn(&others[k], NULL);
		runtime_join(&in_turn.task);
		for (unsigned k = 0; k < 600; k++)
			runtime_join(&others[k].task);
		kit_wait_for(&waits.future.data.is_registered, 1);
		wake(&waits);
		runtime_join(&waits.task);
		assert_int_equal(runtime_is_complete(&busy[0].task), 0);
		hl_u32_store_relaxed(&is_enough, 1);
		end(606);
		free(others);
	}
}

/* Also not what comes from outside, if the runtime is driven a few steps at a time. */
static void test_executor_S4_nobody_starves_in_small_steps(void **state)
{
	static const size_t steps[] = { 1, 32, 61, 62 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct actor busy, waits, other, in_turn;

		begin(0);
		hl_u32_store_relaxed(&is_enough, 0);
		actor_init(&busy, act_until_enough, 1);
		actor_init(&waits, act_wait, 2);
		actor_init(&other, act_yield, 2);
		actor_init(&in_turn, act_in_turn, 2);
		spawn(&waits, NULL);
		(void)runtime_run_ready(runtime, 1);
		spawn(&busy, NULL);
		(void)runtime_run_ready(runtime, steps[i]);
		spawn(&other, NULL);
		spawn(&in_turn, NULL);
		wake(&waits);
		for (unsigned turn = 0; turn < 1000; turn++)
			(void)runtime_run_ready(runtime, steps[i]);
		assert_int_equal(runtime_is_complete(&waits.task), 1);
		assert_int_equal(runtime_is_complete(&other.task), 1);
		assert_int_equal(runtime_is_complete(&in_turn.task), 1);
		hl_u32_store_relaxed(&is_enough, 1);
		runtime_join(&busy.task);
		end(4);
	}
}

/* What is polled in turn gets its share of the polls from when it comes, and does not make up for those before. */
static void test_executor_S4_tasks_in_turn_do_not_catch_up(void **state)
{
	struct actor busy, in_turn;

	(void)state;
	begin(0);
	hl_u32_store_relaxed(&is_enough, 0);
	actor_init(&busy, act_until_enough, 1);
	actor_init(&in_turn, act_until_enough, 0);
	spawn(&busy, NULL);
	(void)runtime_run_ready(runtime, 100000);
	spawn(&in_turn, NULL);
	(void)runtime_run_ready(runtime, 10000);
	assert_in_range(in_turn.future.data.polls, 50, 500);
	hl_u32_store_relaxed(&is_enough, 1);
	runtime_join(&busy.task);
	runtime_join(&in_turn.task);
	end(2);
}

/* ---- chains and pauses -------------------------------------------------------------------------- */

#define LINKS 10

struct links_data {
	FUTURE_CHAIN_ENTRY(struct actor_fut, a[LINKS - 1]);
	FUTURE_CHAIN_ENTRY_LAST(struct actor_fut, last);
};

struct links_output {
	int nothing;
};

FUTURE(links_fut, struct links_data, struct links_output);

static void links_init(struct links_fut *links, act_fn act, unsigned polls)
{
	struct actor actor;

	actor_init(&actor, act, polls);
	memset(links, 0, sizeof(*links));
	for (size_t i = 0; i < LINKS - 1; i++)
		FUTURE_CHAIN_ENTRY_INIT(&links->data.a[i], actor.future, NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&links->data.last, actor.future, NULL, NULL);
	FUTURE_CHAIN_INIT(links);
}

/* Until its pauses are real ones: then a round without progress is the last of runtime_run_ready(). */
static void spawn_one_in_turn(struct actor *actor)
{
	actor_init(actor, act_in_turn, UINT_MAX);
	actor->future.data.knows_cancel = 1;
	spawn(actor, NULL);
	(void)runtime_run_ready(runtime, SIZE_MAX);
	assert_true(runtime_timeout_ns(runtime) > 0);
	assert_true(runtime_timeout_ns(runtime) < UINT64_MAX);
	assert_int_equal(runtime_run_ready(runtime, SIZE_MAX), 1);
}

static void end_cancelled(struct actor *actor, uint64_t spawned)
{
	runtime_cancel(&actor->task);
	runtime_join(&actor->task);
	assert_cancelled(actor);
	end(spawned);
}

/* Who collects its tasks last. */
static void test_executor_tasks_may_be_joined_after_delete(void **state)
{
	(void)state;
	for (unsigned workers = 0; workers <= 2; workers++) {
		struct actor actor;

		begin(workers);
		actor_init(&actor, act_yield, 3);
		spawn(&actor, NULL);
		runtime_delete(runtime);
		runtime_cancel(&actor.task);
		runtime_join(&actor.task);
		assert_int_equal(runtime_is_complete(&actor.task), 1);
		assert_int_equal(FUTURE_STATE(&actor.future), FUTURE_STATE_COMPLETE);
	}
}

/* A chain that gets on is not made to wait by one that does not. */
static void test_executor_R2_a_chain_goes_on_at_once(void **state)
{
	struct runtime_task task;
	struct links_fut links;
	struct actor slow;

	(void)state;
	begin(0);
	spawn_one_in_turn(&slow);
	links_init(&links, act_in_turn, 2);
	assert_int_equal(runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&links), NULL), HASHLOOM_OK);
	(void)runtime_run_ready(runtime, SIZE_MAX);
	assert_int_equal(runtime_is_complete(&task), 1);
	end_cancelled(&slow, 2);
}

static enum future_state act_waits_and_completes(struct future_context *context, struct actor_data *actor,
						 struct future_notifier *notifier)
{
	(void)context;
	(void)actor;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_COMPLETE;
}

/* What the first entry left in the notifier is not the second one's word. */
static void test_executor_R2_a_chain_that_went_on_is_polled_once_more(void **state)
{
	struct actor first, second;
	struct runtime_task task;
	static FUTURE(two_fut, struct {
		FUTURE_CHAIN_ENTRY(struct actor_fut, first);
		FUTURE_CHAIN_ENTRY_LAST(struct actor_fut, second);
	}, struct links_output) two;

	(void)state;
	begin(0);
	actor_init(&first, act_waits_and_completes, 1);
	actor_init(&second, act_in_turn, 2);
	FUTURE_CHAIN_ENTRY_INIT(&two.data.first, first.future, NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&two.data.second, second.future, NULL, NULL);
	FUTURE_CHAIN_INIT(&two);
	assert_int_equal(runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&two), NULL), HASHLOOM_OK);
	assert_int_equal(runtime_run_ready(runtime, SIZE_MAX), 2);
	assert_int_equal(runtime_is_complete(&task), 1);
	end(1);
}

/* R.7: the time without progress begins anew when another task gets on. */
static void test_executor_R7_progress_ends_the_pauses(void **state)
{
	struct actor slow, ready;

	(void)state;
	begin(0);
	spawn_one_in_turn(&slow);
	actor_init(&ready, act_in_turn, 1);
	spawn(&ready, NULL);
	assert_true(runtime_run_ready(runtime, SIZE_MAX) > 1000);
	end_cancelled(&slow, 2);
}

/* Completes when it was written, or at the ten-thousandth poll. */
static uint64_t word;

static enum future_state act_names_a_word(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	notifier->poller.ptr_to_monitor = &word;
	notifier->notifier_used = FUTURE_NOTIFIER_POLLER;
	return __atomic_load_n(&word, __ATOMIC_ACQUIRE) != 0 || actor->polls >= 10000 ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

/* R.7: without a look at the word it would be polled 4096 times before the first pause. */
static void test_executor_R7_a_word_is_looked_at_instead_of_polls(void **state)
{
	struct actor actor;

	(void)state;
	begin(0);
	actor_init(&actor, act_names_a_word, 0);
	spawn(&actor, NULL);
	const size_t polls = runtime_run_ready(runtime, SIZE_MAX);
	assert_in_range(polls, 2, 1000);
	assert_in_range(runtime_timeout_ns(runtime), 1, UINT64_MAX - 1);
	__atomic_store_n(&word, 1, __ATOMIC_RELEASE);
	assert_int_equal(runtime_run_ready(runtime, SIZE_MAX), 1);
	assert_int_equal(runtime_is_complete(&actor.task), 1);
	end(1);
}

/* ---- inside of an event loop -------------------------------------------------------------------- */

static void test_executor_fd_needs_a_runtime_without_workers(void **state)
{
	(void)state;
	begin(1);
	assert_int_equal(runtime_fd(runtime), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(runtime_run_ready(runtime, 10), 0);
	assert_int_equal(runtime_timeout_ns(runtime), UINT64_MAX);
	end(0);
}

static void test_executor_fd_tells_what_is_ready(void **state)
{
	struct actor waits, *const ready = actors_new(10, act_in_turn, 1);

	(void)state;
	begin(0);
	actor_init(&waits, act_wait, 4);
	spawn(&waits, NULL);
	const int fd = runtime_fd(runtime);
	assert_true(fd >= 0);
	assert_int_equal(runtime_fd(runtime), fd);
	assert_int_equal(is_readable(fd), 1);
	assert_int_equal(runtime_run_ready(runtime, SIZE_MAX), 1);
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_int_equal(is_readable(fd), 0);
		wake(&waits);
		assert_int_equal(is_readable(fd), 1);
		assert_int_equal(runtime_run_ready(runtime, SIZE_MAX), 1);
	}
	for (size_t i = 0; i < 10; i++)
		spawn(&ready[i], NULL);
	/* some are left */
	for (unsigned left = 10; left > 1; left--) {
		assert_int_equal(runtime_run_ready(runtime, 1), 1);
		assert_int_equal(is_readable(fd), 1);
		assert_int_equal(runtime_timeout_ns(runtime), 0);
	}
	assert_int_equal(runtime_run_ready(runtime, 10), 1);
	assert_int_equal(is_readable(fd), 0);
	assert_int_equal(runtime_timeout_ns(runtime), UINT64_MAX);
	wake(&waits);
	runtime_join(&waits.task);
	assert_done(&waits, 4);
	end(11);
	free(ready);
}

/* A join runs what it needs; what that has made ready is the event loop's. */
static void test_executor_fd_tells_what_a_join_leaves(void **state)
{
	struct actor spawns, others[2];

	(void)state;
	begin(0);
	const int fd = runtime_fd(runtime);
	actor_init(&spawns, act_spawn, 3);
	actor_init(&others[0], act_in_turn, 1);
	actor_init(&others[1], act_in_turn, 1);
	spawns.future.data.others = others;
	spawns.future.data.others_count = 2;
	spawn(&spawns, NULL);
	assert_int_equal(runtime_run_ready(runtime, 1), 1);
	assert_int_equal(is_readable(fd), 0);
	runtime_join(&spawns.task);
	assert_int_equal(is_readable(fd), 1);
	assert_int_equal(runtime_timeout_ns(runtime), 0);
	assert_int_equal(runtime_run_ready(runtime, SIZE_MAX), 2);
	end(3);
}

/* Cancelled, a task that is polled in turn is polled at once. */
static void test_executor_fd_tells_of_a_cancelled_task(void **state)
{
	struct actor slow;

	(void)state;
	begin(0);
	const int fd = runtime_fd(runtime);
	spawn_one_in_turn(&slow);
	assert_int_equal(is_readable(fd), 0);
	runtime_cancel(&slow.task);
	assert_int_equal(is_readable(fd), 1);
	assert_int_equal(runtime_run_ready(runtime, SIZE_MAX), 1);
	assert_cancelled(&slow);
	end(1);
}

/* ---- cancel ------------------------------------------------------------------------------------- */

/* At each state: never polled, waits, yields, polled in turn, complete. */
static void test_executor_cancel_at_each_state(void **state)
{
	static const struct {
		act_fn act;
		unsigned polls_needed, polls_before, steps_before;
	} cases[] = {
		{ act_wait, 5, 0, 0 }, { act_wait, 5, 1, 10 }, { act_yield, 5, 1, 1 }, { act_in_turn, 5, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(cases); i++)
		for (int knows_cancel = 0; knows_cancel < 2; knows_cancel++) {
			struct actor actor;

			begin(0);
			actor_init(&actor, cases[i].act, cases[i].polls_needed);
			actor.future.data.knows_cancel = knows_cancel;
			spawn(&actor, NULL);
			assert_int_equal(runtime_run_ready(runtime, cases[i].steps_before), cases[i].polls_before);
			runtime_cancel(&actor.task);
			runtime_cancel(&actor.task);
			while (!knows_cancel && cases[i].polls_before > 0 && !runtime_is_complete(&actor.task))
				if (runtime_run_ready(runtime, 1) == 0)
					wake(&actor); /* X.3: runs to its end */
			runtime_join(&actor.task);
			if (knows_cancel || cases[i].polls_before == 0)
				assert_cancelled(&actor);
			else
				assert_done(&actor, cases[i].polls_needed);
			if (knows_cancel)
				assert_int_equal(actor.future.data.polls, cases[i].polls_before + 1);
			runtime_cancel(&actor.task);
			assert_int_equal(runtime_run_ready(runtime, 10), 0);
			end(1);
		}
}

/* The callback frees it, perhaps before the call has returned. */
static void test_executor_cancel_of_a_detached_task(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		begin(workers_counts[i]);
		for (unsigned k = 0; k < 2000; k++) {
			struct actor *const actor = actors_new(1, k % 2 == 0 ? act_wait : act_in_turn, UINT_MAX);

			actor->future.data.knows_cancel = 1;
			spawn(actor, free_it);
			runtime_cancel(&actor->task);
		}
		end(2000);
		assert_int_equal(hl_u32_load_acquire(&told), 2000);
	}
}

static void cancel_it(struct runtime_task *task)
{
	(void)task;
	runtime_cancel(&more_to_spawn->task);
	hl_u32_fetch_add_release(&told, 1);
}

/* From a callback, on a worker: one that waits. */
static void test_executor_a_callback_cancels(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		struct actor waits, ready;

		begin(workers_counts[i]);
		more_to_spawn = &waits;
		actor_init(&waits, act_wait, UINT_MAX);
		waits.future.data.knows_cancel = 1;
		actor_init(&ready, act_yield, 3);
		spawn(&waits, NULL);
		spawn(&ready, cancel_it);
		runtime_join(&waits.task);
		assert_cancelled(&waits);
		end(2);
	}
}

/* ---- shutdown ----------------------------------------------------------------------------------- */

static void test_executor_spawn_after_shutdown(void **state)
{
	static const enum runtime_shutdown hows[] = { RUNTIME_SHUTDOWN_GRACEFUL, RUNTIME_SHUTDOWN_IMMEDIATE };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++)
		for (size_t how = 0; how < 2; how++) {
			struct actor actor;
			struct actor_fut inner;

			begin(workers_counts[i]);
			runtime_shutdown(runtime, hows[how]);
			runtime_shutdown(runtime, hows[1 - how]);
			actor_init(&actor, act_yield, 2);
			inner = actor.future;
			assert_int_equal(runtime_spawn(runtime, &actor.task, FUTURE_AS_RUNNABLE(&actor.future), count_told),
					 HASHLOOM_ERROR_CLOSED);
			runtime_wait(runtime, FUTURE_AS_RUNNABLE(&inner));
			assert_int_equal(FUTURE_STATE(&inner), FUTURE_STATE_COMPLETE);
			end(0);
			assert_int_equal(hl_u32_load_acquire(&told), 0);
			assert_int_equal(actor.future.data.polls, 0);
		}
}

static void test_executor_S3_graceful_shutdown_runs_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++) {
		struct actor *const actors = actors_new(400, act_yield, 4);

		begin(workers_counts[i]);
		for (size_t k = 0; k < 400; k++) {
			if (k % 2 == 0)
				actors[k].future.data.act = act_in_turn;
			actors[k].future.data.knows_cancel = 1;
			spawn(&actors[k], count_told);
		}
		end(400);
		assert_int_equal(hl_u32_load_acquire(&told), 400);
		for (size_t k = 0; k < 400; k++)
			assert_done(&actors[k], 4);
		free(actors);
	}
}

/* Never polled, waiting, yielding and polled in turn for ever; and chains. runtime_delete() does it, too. */
static void test_executor_S3_immediate_shutdown_cancels_all(void **state)
{
	static const act_fn acts[] = { act_wait, act_yield, act_in_turn };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(workers_counts); i++)
		for (unsigned by_delete = 0; by_delete < 2; by_delete++) {
			struct actor *const actors = actors_new(90, act_wait, UINT_MAX);
			struct runtime_task task;
			struct links_fut links;

			begin(workers_counts[i]);
			for (size_t k = 0; k < 90; k++) {
				actors[k].future.data.act = acts[k % 3];
				actors[k].future.data.knows_cancel = 1;
				spawn(&actors[k], count_told);
			}
			links_init(&links, act_yield, 2);
			links.data.a[3].fut.data.knows_cancel = 1;
			links.data.a[3].fut.data.polls_needed = UINT_MAX;
			assert_int_equal(runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&links), count_told), HASHLOOM_OK);
			if (workers_counts[i] == 0)
				(void)runtime_run_ready(runtime, 45);
			else
				kit_wait_for(&actors[45].future.data.is_registered, 1);
			if (!by_delete)
				runtime_shutdown(runtime, RUNTIME_SHUTDOWN_IMMEDIATE);
			runtime_delete(runtime);
			assert_int_equal(hl_u32_load_acquire(&told), 91);
			for (size_t k = 0; k < 90; k++)
				assert_cancelled(&actors[k]);
			assert_int_equal(future_is_cancelled(FUTURE_AS_RUNNABLE(&links)), 1);
			free(actors);
		}
}

/* ---- signal handlers ---------------------------------------------------------------------------- */

#ifndef KIT_THREAD_SANITIZER
static struct actor *to_be_woken;
static hl_u32 signals;

/* Wakes once for each poll that has registered. */
static void on_signal(int number)
{
	static hl_u32 woken;
	const uint32_t registered = hl_u32_load_acquire(&to_be_woken->future.data.is_registered);

	(void)number;
	hl_u32_fetch_add_relaxed(&signals, 1);
	if (registered == 0)
		hl_u32_store_relaxed(&woken, 0);
	else if (hl_u32_exchange_relaxed(&woken, registered) != registered)
		FUTURE_WAKER_WAKE(&to_be_woken->future.data.waker);
}

static void set_handler(int number, void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = SA_RESTART;
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(number, &action, NULL), 0);
}

/* S.2: the handler interrupts whoever it finds: the thread that drives the runtime, or sleeps in join. */
static void test_executor_S2_wakes_from_a_timers_signal(void **state)
{
	const struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct actor waits, yields;

		begin(workers_counts[i]);
		actor_init(&waits, act_wait, 100);
		actor_init(&yields, act_yield, 5000);
		to_be_woken = &waits;
		on_signal(0); /* begins anew */
		set_handler(SIGALRM, on_signal);
		spawn(&waits, NULL);
		spawn(&yields, NULL);
		assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
		runtime_join(&waits.task);
		runtime_join(&yields.task);
		assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
		set_handler(SIGALRM, SIG_DFL);
		assert_done(&waits, 100);
		assert_done(&yields, 5000);
		end(2);
		alarm(KIT_HANG_S);
	}
}

#endif

/* ---- runtimes inside of tasks ------------------------------------------------------------------- */

static struct runtime *inner_runtime;

static enum future_state act_waits_inside(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	struct actor inner[2];

	(void)context;
	(void)notifier;
	actor_init(&inner[0], act_yield, 3);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&inner[0].future));
	actor_init(&inner[1], act_yield, 3);
	if (runtime_spawn(inner_runtime, &inner[1].task, FUTURE_AS_RUNNABLE(&inner[1].future), NULL) != HASHLOOM_OK)
		return FUTURE_STATE_RUNNING;
	runtime_join(&inner[1].task);
	if (inner[0].future.data.polls != 3 || inner[1].future.data.polls != 3)
		return FUTURE_STATE_RUNNING;
	/* this task's waker, while it is polled, below the others */
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return actor->polls >= actor->polls_needed ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void test_executor_waits_and_joins_inside_of_a_task(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct actor actor;

		begin(workers_counts[i]);
		inner_runtime = runtime_new();
		assert_non_null(inner_runtime);
		actor_init(&actor, act_waits_inside, 3);
		spawn(&actor, NULL);
		runtime_join(&actor.task);
		assert_done(&actor, 3);
		runtime_delete(inner_runtime);
		end(1);
	}
}

static enum future_state act_until_the_other_is_complete(struct future_context *context, struct actor_data *actor,
							 struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return runtime_is_complete(&actor->others->task) ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static enum future_state wait_inside_for(struct actor *other)
{
	struct actor inner;

	actor_init(&inner, act_until_the_other_is_complete, 0);
	inner.future.data.others = other;
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&inner.future));
	return FUTURE_STATE_COMPLETE;
}

static enum future_state act_spawns_and_waits_inside(struct future_context *context, struct actor_data *actor,
						     struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	if (runtime_spawn(runtime, &actor->others->task, FUTURE_AS_RUNNABLE(&actor->others->future), NULL) != HASHLOOM_OK)
		return FUTURE_STATE_RUNNING;
	return wait_inside_for(actor->others);
}

/* The second worker comes to it, also if it goes to sleep at that moment. Otherwise this hangs. */
static void test_executor_S4_a_task_waits_inside_for_what_it_spawned(void **state)
{
	(void)state;
	begin(2);
	for (unsigned turn = 0; turn < 500; turn++) {
		struct actor parent, child;

		actor_init(&parent, act_spawns_and_waits_inside, 0);
		actor_init(&child, act_yield, 1);
		parent.future.data.others = &child;
		spawn(&parent, NULL);
		runtime_join(&parent.task);
		assert_done(&child, 1);
	}
	end(1000);
}

#define MORE_THAN_A_RING 600

static enum future_state act_spawns_many_and_waits_inside(struct future_context *context, struct actor_data *actor,
							  struct future_notifier *notifier)
{
	struct actor *const others = actor->others;

	(void)context;
	(void)notifier;
	for (unsigned i = 0; i < MORE_THAN_A_RING; i++)
		if (runtime_spawn(runtime, &others[i].task, FUTURE_AS_RUNNABLE(&others[i].future), NULL) != HASHLOOM_OK)
			return FUTURE_STATE_RUNNING;
	return wait_inside_for(&others[MORE_THAN_A_RING - 1]);
}

/* The last one is far behind what fits into a worker's ring, and is stolen nevertheless. Otherwise this hangs. */
static void test_executor_S4_a_task_waits_inside_for_the_last_of_many(void **state)
{
	static struct actor others[MORE_THAN_A_RING];

	(void)state;
	begin(2);
	for (unsigned turn = 0; turn < 20; turn++) {
		struct actor parent;

		actor_init(&parent, act_spawns_many_and_waits_inside, 0);
		for (unsigned i = 0; i < MORE_THAN_A_RING; i++)
			actor_init(&others[i], act_yield, 1);
		parent.future.data.others = others;
		spawn(&parent, NULL);
		runtime_join(&parent.task);
		for (unsigned i = 0; i < MORE_THAN_A_RING; i++) {
			runtime_join(&others[i].task);
			assert_done(&others[i], 1);
		}
	}
	end((uint64_t)20 * (1 + MORE_THAN_A_RING));
}

static hl_u32 yields, is_over;

static enum future_state act_yields_until_it_is_over(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	(void)actor;
	if (hl_u32_load_relaxed(&is_over))
		return FUTURE_STATE_COMPLETE;
	hl_u32_fetch_add_relaxed(&yields, 1);
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

/* The first of the others is taken by the other worker, which then has always something to do. */
static enum future_state act_waits_inside_beside_one_that_yields(struct future_context *context, struct actor_data *actor,
								  struct future_notifier *notifier)
{
	struct actor *const others = actor->others;

	(void)context;
	(void)notifier;
	for (unsigned i = 0; i < 2; i++) {
		if (runtime_spawn(runtime, &others[i].task, FUTURE_AS_RUNNABLE(&others[i].future), NULL) != HASHLOOM_OK)
			return FUTURE_STATE_RUNNING;
		while (hl_u32_load_relaxed(&yields) < 1000)
			sched_yield();
	}
	(void)wait_inside_for(&others[1]);
	hl_u32_store_relaxed(&is_over, 1);
	return FUTURE_STATE_COMPLETE;
}

/* The other worker looks for what this one does not come to. Otherwise this hangs. */
static void test_executor_S4_a_task_waits_inside_beside_one_that_yields(void **state)
{
	struct actor parent, others[2];

	(void)state;
	begin(2);
	hl_u32_store_relaxed(&yields, 0);
	hl_u32_store_relaxed(&is_over, 0);
	actor_init(&parent, act_waits_inside_beside_one_that_yields, 0);
	actor_init(&others[0], act_yields_until_it_is_over, 0);
	actor_init(&others[1], act_yield, 1);
	parent.future.data.others = others;
	spawn(&parent, NULL);
	runtime_join(&parent.task);
	for (unsigned i = 0; i < 2; i++)
		runtime_join(&others[i].task);
	assert_done(&others[1], 1);
	end(3);
}

static hl_u32 phase;

/* Polled in turn, then wakes itself once, and is complete. */
static enum future_state act_yields_in_phase_1(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	(void)actor;
	if (hl_u32_load_relaxed(&phase) == 0)
		return FUTURE_STATE_RUNNING;
	if (hl_u32_exchange_relaxed(&phase, 2) == 2)
		return FUTURE_STATE_COMPLETE;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

static enum future_state act_waits_inside_in_phase_2(struct future_context *context, struct actor_data *actor,
						     struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return hl_u32_load_relaxed(&phase) < 2 ? FUTURE_STATE_RUNNING : wait_inside_for(actor->others);
}

/* Two that are polled in turn: the second one waits inside of its poll for the first one, which has just gone into the queue. */
static void test_executor_S4_a_task_in_turn_waits_inside_for_one_that_yields(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 20; turn++) {
		struct actor first, second;

		begin(2);
		hl_u32_store_relaxed(&phase, 0);
		actor_init(&first, act_yields_in_phase_1, 0);
		actor_init(&second, act_waits_inside_in_phase_2, 0);
		second.future.data.others = &first;
		spawn(&first, NULL);
		spawn(&second, NULL);
		kit_sleep_us(2000);
		hl_u32_store_relaxed(&phase, 1);
		runtime_join(&second.task);
		end(2);
	}
}

/* ---- signals ------------------------------------------------------------------------------------ */

static hl_u32 faults_seen;

static void on_fault(int number)
{
	(void)number;
	hl_u32_fetch_add_relaxed(&faults_seen, 1);
}

static enum future_state act_raises(struct future_context *context, struct actor_data *actor, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	(void)raise((int)actor->polls_needed);
	return FUTURE_STATE_COMPLETE;
}

/* A worker's own faults come to the program's handlers; its other signals do not come to a worker. */
static void test_executor_faults_of_workers_are_seen(void **state)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGUSR1 };

	(void)state;
	hl_u32_store_relaxed(&faults_seen, 0);
	begin(1);
	for (unsigned i = 0; i < 5; i++) {
		struct sigaction action = { .sa_handler = on_fault }, before;
		struct actor actor;

		assert_int_equal(sigaction(numbers[i], &action, &before), 0);
		actor_init(&actor, act_raises, (unsigned)numbers[i]);
		spawn(&actor, NULL);
		runtime_join(&actor.task);
		assert_int_equal(hl_u32_load_relaxed(&faults_seen), i < 4 ? i + 1 : 4);
		assert_int_equal(sigaction(numbers[i], &before, NULL), 0);
	}
	end(5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_executor_configuration),
		cmocka_unit_test(test_executor_S5_memory_of_a_task),
		cmocka_unit_test(test_executor_spawn_and_join),
		cmocka_unit_test(test_executor_a_complete_future_is_told),
		cmocka_unit_test(test_executor_a_task_is_spawned_again),
		cmocka_unit_test(test_executor_R2_polls_are_counted),
		cmocka_unit_test(test_executor_S3_detached_tasks_free_themselves),
		cmocka_unit_test(test_executor_a_callback_spawns),
		cmocka_unit_test(test_executor_1000_tasks_spawned_by_one),
		cmocka_unit_test(test_executor_S4_nobody_starves),
		cmocka_unit_test(test_executor_S4_nobody_starves_in_small_steps),
		cmocka_unit_test(test_executor_S4_tasks_in_turn_do_not_catch_up),
		cmocka_unit_test(test_executor_R2_a_chain_goes_on_at_once),
		cmocka_unit_test(test_executor_R2_a_chain_that_went_on_is_polled_once_more),
		cmocka_unit_test(test_executor_R7_progress_ends_the_pauses),
		cmocka_unit_test(test_executor_R7_a_word_is_looked_at_instead_of_polls),
		cmocka_unit_test(test_executor_fd_needs_a_runtime_without_workers),
		cmocka_unit_test(test_executor_fd_tells_what_is_ready),
		cmocka_unit_test(test_executor_fd_tells_what_a_join_leaves),
		cmocka_unit_test(test_executor_fd_tells_of_a_cancelled_task),
		cmocka_unit_test(test_executor_cancel_at_each_state),
		cmocka_unit_test(test_executor_cancel_of_a_detached_task),
		cmocka_unit_test(test_executor_a_callback_cancels),
		cmocka_unit_test(test_executor_spawn_after_shutdown),
		cmocka_unit_test(test_executor_S3_graceful_shutdown_runs_all),
		cmocka_unit_test(test_executor_S3_immediate_shutdown_cancels_all),
#ifndef KIT_THREAD_SANITIZER /* which keeps signals back until its thread makes a call that it knows: not in a futex */
		cmocka_unit_test(test_executor_S2_wakes_from_a_timers_signal),
#endif
		cmocka_unit_test(test_executor_tasks_may_be_joined_after_delete),
		cmocka_unit_test(test_executor_waits_and_joins_inside_of_a_task),
		cmocka_unit_test(test_executor_S4_a_task_waits_inside_for_what_it_spawned),
		cmocka_unit_test(test_executor_S4_a_task_waits_inside_for_the_last_of_many),
		cmocka_unit_test(test_executor_S4_a_task_waits_inside_beside_one_that_yields),
		cmocka_unit_test(test_executor_S4_a_task_in_turn_waits_inside_for_one_that_yields),
		cmocka_unit_test(test_executor_faults_of_workers_are_seen),
	};

	return KIT_RUN(tests);
}
