/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * future_test.c: the test kit.
 *
 * What several threads come to is under a lock each; wakers are called without it. Three things are worth a word.
 *
 * A manual future. Its waker must not be touched once it was seen complete, and must be called after the result is there. So it has an end
 * before the waker is called, and is seen to have it after that has returned; a poll in between leaves its waker, which is called, too:
 *
 *     PENDING ---- complete: end, result ----> CALLING ---- the waker has returned, and no poll left another ----> ENDED
 *        |                                      ^    |
 *        |                                      '----' a poll left another: call that
 *        '-- complete, and there is no waker; cancelled -----------------------------------------------------------> ENDED
 *
 * A guard gives its future another waker at each poll: the address of one of its cells, in turn. A wake that comes in through another cell
 * than the last one's goes no further.
 *
 * The executor. `due` is the moment since which a task is due, or 0. It is cleared before a poll, so that a wake during the poll counts:
 *
 *     spawn ----> due ----- chosen: 0, polled -----> complete
 *                  ^                            '--> RUNNING, waker taken: 0 --- waker, poller's word, cancel ---.
 *                  |                            '--> uses no waker, or a chain went on ---.                      |
 *                  '----------------------------------------------------------------------'----------------------'
 *
 *   tag    order                                   pairs with                             for
 *   FT-1   guard: is_polled store release          is_polled exchange acquire             the polls of those who take turns
 *   FT-2   report: failures add release            failures load acquire                  the message
 *   FT-3   counter: wakes add release              wakes load acquire                     what happened before the wake
 *   FT-4   clock: now_ns add release               now_ns load acquire                    what happened before time went on
 *   FT-5   executor: wakes add release             wakes load acquire                     who finds nothing due does not sleep
 */
#include <hashloom/future_test.h>

#include <stdio.h>
#include <string.h>

#include "lock.h"

#define POLLER_LOOK_NS 1000000

/* ---- reports ---------------------------------------------------------------------------------------- */

void future_test_report_init(struct future_test_report *report, future_test_failed_fn failed, void *arg)
{
	hl_u32_store_relaxed(&report->failures, 0);
	hl_ptr_store_relaxed(&report->message, NULL);
	report->failed = failed;
	report->arg = arg;
}

void future_test_fail(struct future_test_report *report, const char *message)
{
	void *none = NULL;

	if (report == NULL)
		return;
	(void)hl_ptr_cas_relaxed(&report->message, &none, (void *)(uintptr_t)message);
	/* release. pairs with [FT-2] in future_test_failures(). orders the message before the count */
	(void)hl_u32_fetch_add_release(&report->failures, 1);
	if (report->failed != NULL)
		report->failed(report->arg, message);
}

uint32_t future_test_failures(const struct future_test_report *report)
{
	/* acquire. pairs with [FT-2] in future_test_fail() */
	return hl_u32_load_acquire(&report->failures);
}

const char *future_test_message(const struct future_test_report *report)
{
	return hl_ptr_load_relaxed(&report->message);
}

/* What a poll may not do. `used` is what the future left, or NULL: it was given no notifier. */
static void check_poll(struct future_test_report *report, enum future_state before, enum future_state after,
		       const struct future_notifier *used)
{
	if ((unsigned)after > FUTURE_STATE_RUNNING)
		future_test_fail(report, "a task returned what is no state");
	if (before == FUTURE_STATE_RUNNING && after == FUTURE_STATE_IDLE)
		future_test_fail(report, "a future went back from RUNNING to IDLE");
	if (after != FUTURE_STATE_RUNNING || used == NULL)
		return;
	if ((unsigned)used->notifier_used > FUTURE_NOTIFIER_POLLER)
		future_test_fail(report, "a task set notifier_used to what is no notifier");
	if (used->notifier_used == FUTURE_NOTIFIER_POLLER && used->poller.ptr_to_monitor == NULL)
		future_test_fail(report, "a task says POLLER, and has set no word to monitor");
}

/* ---- wakers ----------------------------------------------------------------------------------------- */

static void count_wake(void *counter)
{
	/* release. pairs with [FT-3] in future_test_wakes() */
	(void)hl_u32_fetch_add_release(&((struct future_test_counter *)counter)->wakes, 1);
}

struct future_waker future_test_counting_waker(struct future_test_counter *counter)
{
	return (struct future_waker){counter, count_wake};
}

uint32_t future_test_wakes(const struct future_test_counter *counter)
{
	/* acquire. pairs with [FT-3] in count_wake() */
	return hl_u32_load_acquire(&counter->wakes);
}

static void panic(void *report)
{
	future_test_fail(report, "a waker was called that must not be");
}

struct future_waker future_test_panicking_waker(struct future_test_report *report)
{
	return (struct future_waker){report, panic};
}

struct future_notifier future_test_notifier(struct future_waker waker)
{
	return (struct future_notifier){.waker = waker,
					.poller = {NULL},
					.notifier_used = FUTURE_NOTIFIER_NONE,
					.padding = 0};
}

/* ---- pending so many times -------------------------------------------------------------------------- */

static int can_be_cancelled(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

static enum future_state pending_task(struct future_context *context, struct future_notifier *notifier)
{
	struct future_test_pending_data *const data = future_context_get_data(context);
	struct future_test_pending_output *const output = future_context_get_output(context);
	const int is_cancelled = future_context_is_cancelled(context);
	unsigned *const left = is_cancelled ? &data->cancel_polls : &data->polls_left;

	output->polls++;
	if (*left == 0)
		return is_cancelled ? future_context_cancelled(context) : FUTURE_STATE_COMPLETE;
	--*left;
	if (notifier != NULL)
		notifier->notifier_used = data->wakes ? FUTURE_NOTIFIER_WAKER : FUTURE_NOTIFIER_NONE;
	if (notifier != NULL && data->wakes)
		FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

struct future_test_pending_fut future_test_pending(unsigned n, int wakes)
{
	struct future_test_pending_fut future = {.data = {n, 0, wakes}, .output = {0}};

	FUTURE_INIT_EXT(&future, pending_task, can_be_cancelled);
	return future;
}

/* ---- completed by the test -------------------------------------------------------------------------- */

enum manual_end {
	PENDING = 0, /* as zeroed memory */
	COMPLETED,
	CANCELLED,
};

/*
 * With the lock, which is given meanwhile. The loop ends because each further turn is due to a poll during the last one, which other wakes
 * than ours led to: who is woken polls once.
 */
static void manual_call_waker(struct future_test_manual *manual)
{
	manual->is_calling = 1;
	do {
		const struct future_waker waker = manual->waker;

		manual->has_waker = 0;
		hl_lock_give(&manual->lock);
		FUTURE_WAKER_WAKE(&waker);
		hl_lock_take(&manual->lock);
	} while (manual->end != PENDING && manual->has_waker);
	manual->is_calling = 0;
}

static enum future_state manual_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct future_test_manual_data *const data = future_context_get_data(context);
	struct future_test_manual_output *const output = future_context_get_output(context);
	struct future_test_manual *const manual = data->manual;

	hl_lock_take(&manual->lock);
	if (manual->end == PENDING && future_context_is_cancelled(context))
		manual->end = CANCELLED;
	const int is_over = manual->end != PENDING && !manual->is_calling;
	const int is_cancelled = manual->end == CANCELLED;
	manual->has_waker = !is_over && notifier != NULL;
	if (manual->has_waker)
		manual->waker = notifier->waker;
	if (is_over && !is_cancelled)
		output->result = manual->result;
	hl_lock_give(&manual->lock);

	if (is_over)
		return is_cancelled ? future_context_cancelled(context) : FUTURE_STATE_COMPLETE;
	if (notifier != NULL)
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_RUNNING;
}

static int manual_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_ASYNC || property == FUTURE_PROPERTY_CANCEL;
}

struct future_test_manual_fut future_test_manual_future(struct future_test_manual *manual)
{
	struct future_test_manual_fut future = {.data = {manual}, .output = {0}};

	FUTURE_INIT_EXT(&future, manual_task, manual_has_property);
	return future;
}

int future_test_manual_complete(struct future_test_manual *manual, int64_t result)
{
	hl_lock_take(&manual->lock);
	const int is_first = manual->end == PENDING;
	if (is_first) {
		manual->end = COMPLETED;
		manual->result = result;
		/* Who is calling looks for another waker after it. */
		if (manual->has_waker && !manual->is_calling)
			manual_call_waker(manual);
	}
	hl_lock_give(&manual->lock);
	return is_first;
}

int future_test_manual_wake(struct future_test_manual *manual)
{
	hl_lock_take(&manual->lock);
	const int can_call = manual->has_waker && !manual->is_calling;
	if (can_call)
		manual_call_waker(manual);
	hl_lock_give(&manual->lock);
	return can_call;
}

/* ---- the guard -------------------------------------------------------------------------------------- */

static struct future_test_guard_waker *guard_last_waker(struct future_test_guard *guard)
{
	return &guard->wakers[guard->polls % FUTURE_TEST_GUARD_WAKERS];
}

static void guard_wake(void *data)
{
	struct future_test_guard_waker *const called = data;
	struct future_test_guard *const guard = called->guard;

	hl_lock_take(&guard->lock);
	const struct future_waker waker = guard->waker;
	const int is_late = guard->is_complete;
	const int counts = !is_late && guard->has_waker && called == guard_last_waker(guard);
	hl_lock_give(&guard->lock);
	if (is_late)
		future_test_fail(guard->report, "a waker was called after its future was seen complete");
	if (counts)
		FUTURE_WAKER_WAKE(&waker);
}

/* The poll begins: the waker that counts from now on, for the future. */
static struct future_waker guard_change_waker(struct future_test_guard *guard, const struct future_notifier *notifier)
{
	hl_lock_take(&guard->lock);
	guard->polls++;
	guard->has_waker = notifier != NULL;
	if (notifier != NULL)
		guard->waker = notifier->waker;
	const struct future_waker waker = {guard_last_waker(guard), guard_wake};
	hl_lock_give(&guard->lock);
	return waker;
}

/* By one thread at a time. */
static enum future_state guard_poll(struct future_test_guard *guard, struct future_context *context,
				    struct future_notifier *notifier)
{
	struct future *const future = guard->future;
	const enum future_state before = future->context.state;
	struct future_notifier own = future_test_notifier(guard_change_waker(guard, notifier));

	if (future_context_is_cancelled(context))
		future_cancel(future);
	const enum future_state after = future_poll(future, notifier == NULL ? NULL : &own);
	check_poll(guard->report, before, after, notifier == NULL ? NULL : &own);
	if (notifier != NULL) {
		notifier->notifier_used = own.notifier_used;
		notifier->poller = own.poller;
	}
	context->padding = (context->padding & ~HL_FUTURE_WENT_ON) | (future->context.padding & HL_FUTURE_WENT_ON);
	if (after != FUTURE_STATE_COMPLETE)
		return after;
	hl_lock_take(&guard->lock);
	guard->is_complete = 1;
	hl_lock_give(&guard->lock);
	return future_is_cancelled(future) ? future_context_cancelled(context) : FUTURE_STATE_COMPLETE;
}

static enum future_state guard_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct future_test_guard_data *const data = future_context_get_data(context);
	struct future_test_guard_output *const output = future_context_get_output(context);
	struct future_test_guard *const guard = data->guard;
	enum future_state state = FUTURE_STATE_COMPLETE;

	/* acquire. pairs with [FT-1] below */
	if (hl_u32_exchange_acquire(&guard->is_polled, 1)) {
		future_test_fail(guard->report, "a future was polled by two at once");
		if (notifier != NULL)
			notifier->notifier_used = FUTURE_NOTIFIER_NONE;
		return FUTURE_STATE_RUNNING;
	}
	if (guard->is_complete)
		future_test_fail(guard->report, "a future was polled after it was complete");
	else
		state = guard_poll(guard, context, notifier);
	output->polls = guard->polls;
	/* release. pairs with [FT-1] above */
	hl_u32_store_release(&guard->is_polled, 0);
	return state;
}

static int guard_has_property(void *future, enum future_property property)
{
	return future_has_property(((struct future_test_guard_fut *)future)->data.guard->future, property);
}

struct future_test_guard_fut future_test_guarded(struct future_test_guard *guard, struct future *future, struct future_test_report *report)
{
	struct future_test_guard_fut guarded = {.data = {guard}, .output = {0}};

	memset(guard, 0, sizeof(*guard));
	guard->future = future;
	guard->report = report;
	for (size_t i = 0; i < FUTURE_TEST_GUARD_WAKERS; i++)
		guard->wakers[i].guard = guard;
	FUTURE_INIT_EXT(&guarded, guard_task, guard_has_property);
	return guarded;
}

/* ---- the executor ----------------------------------------------------------------------------------- */

void future_test_executor_init(struct future_test_executor *executor, uint64_t seed, struct future_test_report *report, char *trace,
			       size_t trace_size)
{
	memset(executor, 0, sizeof(*executor));
	executor->seed = executor->chance = seed;
	executor->report = report;
	executor->trace = trace;
	executor->trace_size = trace == NULL ? 0 : trace_size;
	if (executor->trace_size > 0)
		trace[0] = '\0';
}

/* With the lock. */
static void record(struct future_test_executor *executor, char what, const struct future_test_task *task)
{
	char *const end = executor->trace + executor->trace_length;
	const size_t room = executor->trace_size - executor->trace_length;

	if (room == 0)
		return;
	const int n = snprintf(end, room, "%s%c%u", executor->trace_length == 0 ? "" : " ", what, task->number);
	if (n > 0 && (size_t)n < room) {
		executor->trace_length += (size_t)n;
	} else {
		*end = '\0';
		executor->trace_size = executor->trace_length; /* it is full */
	}
}

/* With the lock. */
static void make_due(struct future_test_task *task)
{
	if (task->due == 0 && !task->is_complete)
		task->due = ++task->executor->moment;
}

static void wake_task(void *data)
{
	struct future_test_task *const task = data;
	struct future_test_executor *const executor = task->executor;

	hl_lock_take(&executor->lock);
	const int is_late = task->is_complete;
	task->wakes++;
	record(executor, 'w', task);
	make_due(task);
	/* release. pairs with [FT-5] in future_test_wait() */
	(void)hl_u32_fetch_add_release(&executor->wakes, 1);
	hl_lock_give(&executor->lock);
	hl_futex_wake(&executor->wakes, 1);
	if (is_late)
		future_test_fail(executor->report, "a waker was called after its future was seen complete");
}

void future_test_spawn(struct future_test_executor *executor, struct future_test_task *task, struct future *future)
{
	*task = (struct future_test_task){.executor = executor, .future = future};
	hl_lock_take(&executor->lock);
	task->number = executor->tasks_count++;
	if (executor->last == NULL)
		executor->first = task;
	else
		executor->last->next = task;
	executor->last = task;
	make_due(task);
	hl_lock_give(&executor->lock);
}

void future_test_cancel(struct future_test_task *task)
{
	future_cancel(task->future);
	hl_lock_take(&task->executor->lock);
	make_due(task);
	hl_lock_give(&task->executor->lock);
}

/* With the lock: who waits for a word that is not zero is due. Returns how many tasks are. */
static size_t count_due(struct future_test_executor *executor)
{
	size_t count = 0;

	for (struct future_test_task *task = executor->first; task != NULL; task = task->next) {
		/* acquire. pairs with whoever sets the word (future.h) */
		if (task->word != NULL && hl_u64_load_acquire((const hl_u64 *)(const void *)task->word) != 0)
			make_due(task);
		count += task->due != 0;
	}
	return count;
}

/* 0 to limit - 1 (splitmix64, Steele et al. 2014). */
static size_t chance_below(struct future_test_executor *executor, size_t limit)
{
	uint64_t z = executor->chance += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return (size_t)((z ^ z >> 31) % limit);
}

/* With the lock. The task that has been due longest, or that chance names; NULL: none is due. */
static struct future_test_task *choose(struct future_test_executor *executor)
{
	struct future_test_task *chosen = NULL;
	const size_t count = count_due(executor);
	size_t skip = executor->seed != 0 && count > 0 ? chance_below(executor, count) : 0;

	for (struct future_test_task *task = executor->first; task != NULL; task = task->next) {
		if (task->due == 0)
			continue;
		if (executor->seed != 0 && skip-- == 0)
			return task;
		if (executor->seed == 0 && (chosen == NULL || task->due < chosen->due))
			chosen = task;
	}
	return chosen;
}

/* With the lock, which is given meanwhile. */
static void poll_task(struct future_test_executor *executor, struct future_test_task *task)
{
	struct future *const future = task->future;
	struct future_notifier notifier = future_test_notifier((struct future_waker){task, wake_task});
	const enum future_state before = future->context.state;

	task->due = 0;
	task->word = NULL;
	task->polls++;
	record(executor, 'p', task);
	hl_lock_give(&executor->lock);
	const enum future_state after = future_poll(future, &notifier);
	check_poll(executor->report, before, after, &notifier);
	hl_lock_take(&executor->lock);

	if (after == FUTURE_STATE_COMPLETE) {
		task->is_complete = 1;
		task->due = 0;
		record(executor, future_is_cancelled(future) ? 'x' : 'c', task);
	} else if (after != FUTURE_STATE_RUNNING || (future->context.padding & HL_FUTURE_WENT_ON)) {
		make_due(task);
	} else if (notifier.notifier_used == FUTURE_NOTIFIER_POLLER && notifier.poller.ptr_to_monitor != NULL) {
		task->word = notifier.poller.ptr_to_monitor;
	} else if (notifier.notifier_used != FUTURE_NOTIFIER_WAKER) {
		make_due(task);
	}
}

size_t future_test_run(struct future_test_executor *executor, size_t polls_max)
{
	struct future_test_task *task;
	size_t polls = 0;

	hl_lock_take(&executor->lock);
	while (polls < polls_max && (task = choose(executor)) != NULL) {
		poll_task(executor, task);
		polls++;
	}
	hl_lock_give(&executor->lock);
	return polls;
}

/* What an executor with nothing left to poll is in. */
enum rest {
	ALL_COMPLETE,
	SOME_DUE,
	WAITS_FOR_WAKES,
	WAITS_FOR_WORDS, /* too */
};

static enum rest what_rests(struct future_test_executor *executor)
{
	enum rest rest = ALL_COMPLETE;

	hl_lock_take(&executor->lock);
	if (count_due(executor) > 0)
		rest = SOME_DUE;
	else
		for (const struct future_test_task *task = executor->first; task != NULL; task = task->next)
			if (!task->is_complete && rest != WAITS_FOR_WORDS)
				rest = task->word == NULL ? WAITS_FOR_WAKES : WAITS_FOR_WORDS;
	hl_lock_give(&executor->lock);
	return rest;
}

int future_test_is_stuck(struct future_test_executor *executor)
{
	return what_rests(executor) >= WAITS_FOR_WAKES;
}

/* The loop ends when the tasks do, or nobody wakes them in time. */
int future_test_wait(struct future_test_executor *executor, uint64_t timeout_ns)
{
	uint64_t deadline_ns = 0;

	for (;;) {
		/* acquire. pairs with [FT-5] in wake_task() */
		const uint32_t wakes = hl_u32_load_acquire(&executor->wakes);
		const size_t polls = future_test_run(executor, (size_t)executor->tasks_count + 1);
		const enum rest rest = what_rests(executor);
		uint64_t pause_ns = rest == WAITS_FOR_WORDS ? POLLER_LOOK_NS : 0;

		if (rest == ALL_COMPLETE)
			return 1;
		if (rest == SOME_DUE) {
			hl_yield();
			deadline_ns = 0;
			continue;
		}
		if (timeout_ns != 0) {
			const uint64_t now_ns = hl_now_ns();

			if (polls > 0 || deadline_ns == 0)
				deadline_ns = now_ns + timeout_ns;
			if (now_ns >= deadline_ns)
				return 0;
			if (pause_ns == 0 || deadline_ns - now_ns < pause_ns)
				pause_ns = deadline_ns - now_ns;
		}
		hl_futex_wait(&executor->wakes, wakes, pause_ns);
	}
}

/* ---- the clock -------------------------------------------------------------------------------------- */

uint64_t future_test_clock_now_ns(void *clock)
{
	/* acquire. pairs with [FT-4] in future_test_clock_advance() */
	return hl_u64_load_acquire(&((struct future_test_clock *)clock)->now_ns);
}

uint64_t future_test_clock_advance(struct future_test_clock *clock, uint64_t ns)
{
	/* release. pairs with [FT-4] in future_test_clock_now_ns() */
	return hl_u64_fetch_add_release(&clock->now_ns, ns) + ns;
}
