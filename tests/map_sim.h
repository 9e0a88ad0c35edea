/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_sim.h: runs tasks in turns on one thread, and switches between them before atomic operations. So interleavings that
 * a machine shows once in a million runs come within a second, and come again with the same seed.
 *
 * It must be the first header of a test: it puts a step before every atomic operation of what is compiled behind it,
 * the core of the arrays or a whole .c file of the library. Tasks are coroutines. Waiting (hl_relax, sched_yield) lets
 * another one go on; memcpy is cut in two.
 *
 * Two strategies take turns. One switches at random, after 1 to 16 steps on the average. The other gives tasks priorities
 * and changes them at a few random steps, which finds what needs one long delay at the right place
 * (probabilistic concurrency testing, Burckhardt et al., ASPLOS 2010).
 *
 * What is seen: everything that can go wrong in some sequence of atomic operations. What is not: effects of weak memory, but
 * for ThreadSanitizer, which takes tasks for threads that have nothing in common but the atomics. Histories
 * of operations are checked for linearizability.
 */
#ifndef HL_MAP_SIM_H
#define HL_MAP_SIM_H

/* The tags of a group are read in two words, with a step before each; and plain C is tested. */
#define HL_AHA_PORTABLE 1

/* Not inlined: it hides from ThreadSanitizer. */
__attribute__((noinline)) static void sim_step(void);

#define __atomic_load_n(word, order) (sim_step(), __atomic_load_n(word, order))
#define __atomic_store_n(word, desired, order) (sim_step(), __atomic_store_n(word, desired, order))
#define __atomic_exchange_n(word, desired, order) (sim_step(), __atomic_exchange_n(word, desired, order))
#define __atomic_compare_exchange_n(word, expected, desired, weak, order, failure)                 \
	(sim_step(), __atomic_compare_exchange_n(word, expected, desired, weak, order, failure))
#define __atomic_fetch_add(word, operand, order) (sim_step(), __atomic_fetch_add(word, operand, order))
#define __atomic_fetch_sub(word, operand, order) (sim_step(), __atomic_fetch_sub(word, operand, order))
#define __atomic_fetch_or(word, operand, order) (sim_step(), __atomic_fetch_or(word, operand, order))
#define __atomic_fetch_and(word, operand, order) (sim_step(), __atomic_fetch_and(word, operand, order))

#include "test_kit.h"

#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SIM_ADDRESS_SANITIZER 1
#endif
#ifdef SIM_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef KIT_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

/* What the scheduler does is none of ThreadSanitizer's business. */
#define SIM_HIDDEN __attribute__((noinline, no_sanitize("thread"))) static

/* ---- tasks --------------------------------------------------------------------------------------------- */

#define SIM_TASKS_MAX 4
#define SIM_MAIN SIM_TASKS_MAX
#define SIM_STACK_SIZE ((size_t)256 << 10)
#define SIM_STEPS_MAX 200000 /* in one schedule; more is a livelock */
#define SIM_CHANGES_MAX 3

typedef void (*sim_task_fn)(void *arg, unsigned task);

struct sim_task {
	ucontext_t context;
	char *stack;
	size_t stack_size;
	void *fake_stack; /* AddressSanitizer's */
	void *fiber;      /* ThreadSanitizer's */
	int done;
	uint64_t priority;
};

/* A line of a script: this task runs, for so many steps or until it is done. */
#define SIM_TO_THE_END UINT64_MAX

struct sim_segment {
	unsigned task;
	uint64_t steps;
};

static struct {
	struct sim_task tasks[SIM_TASKS_MAX + 1];
	unsigned tasks_count;
	unsigned current;
	int is_running;
	sim_task_fn run;
	void *arg;
	uint64_t seed; /* of the schedule */
	uint64_t random;
	uint64_t steps;
	uint64_t steps_before; /* of the schedule before: about what this one will take */
	uint64_t switches;
	uint64_t clock;
	const struct sim_segment *script; /* what the script still says; NULL: no script */
	size_t script_left;
	uint64_t segment_left;
	unsigned pause; /* switch after so many steps on the average; 0: by priority */
	uint64_t changes[SIM_CHANGES_MAX];
	uint64_t lowest;
	hl_u32 began; /* for ThreadSanitizer: what main wrote before, the tasks may read, and back */
	hl_u32 ended;
} sim;

SIM_HIDDEN uint64_t sim_random_below(uint64_t limit)
{
	uint64_t z = sim.random += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return (z ^ z >> 31) % limit;
}

/* The number of the task that runs. */
SIM_HIDDEN unsigned sim_self(void)
{
	return sim.current;
}

SIM_HIDDEN void sim_switch_to(unsigned to)
{
	struct sim_task *const from_task = &sim.tasks[sim.current];
	struct sim_task *const to_task = &sim.tasks[to];

	sim.current = to;
	sim.switches++;
#ifdef SIM_ADDRESS_SANITIZER
	__sanitizer_start_switch_fiber(&from_task->fake_stack, to_task->stack, to_task->stack_size);
#endif
#ifdef KIT_THREAD_SANITIZER
	__tsan_switch_to_fiber(to_task->fiber, __tsan_switch_to_fiber_no_sync);
#endif
	swapcontext(&from_task->context, &to_task->context);
#ifdef SIM_ADDRESS_SANITIZER
	__sanitizer_finish_switch_fiber(from_task->fake_stack, NULL, NULL);
#endif
}

/* The task that the script wants to run; behind its end, or if that one waits for another: SIM_MAIN. */
SIM_HIDDEN unsigned sim_scripted(void)
{
	while (sim.script_left > 0 && (sim.segment_left == 0 || sim.tasks[sim.script->task].done)) {
		sim.script++;
		sim.script_left--;
		sim.segment_left = sim.script_left > 0 ? sim.script->steps : 0;
	}
	return sim.script_left > 0 ? sim.script->task : SIM_MAIN;
}

/* Another task that can go on: a random one, or the one with the highest priority. SIM_MAIN: all are done. */
SIM_HIDDEN unsigned sim_pick(int not_current)
{
	unsigned candidates[SIM_TASKS_MAX];
	unsigned n = 0;
	unsigned best = sim_scripted();

	if (best != SIM_MAIN && !(not_current && best == sim.current))
		return best;
	best = SIM_MAIN;
	for (unsigned i = 0; i < sim.tasks_count; i++) {
		if (sim.tasks[i].done || (not_current && i == sim.current))
			continue;
		candidates[n++] = i;
		if (best == SIM_MAIN || sim.tasks[i].priority > sim.tasks[best].priority)
			best = i;
	}
	if (n == 0)
		return SIM_MAIN;
	return sim.pause > 0 ? candidates[sim_random_below(n)] : best;
}

SIM_HIDDEN void sim_go_on(int not_current)
{
	const unsigned next = sim_pick(not_current);

	if (next != SIM_MAIN && next != sim.current)
		sim_switch_to(next);
}

SIM_HIDDEN void sim_count_step(void)
{
	if (++sim.steps <= SIM_STEPS_MAX)
		return;
	printf("SEED=%llu: a livelock\n", (unsigned long long)sim.seed);
	abort();
}

/* Before each atomic operation of a task. */
SIM_HIDDEN void sim_step(void)
{
	if (!sim.is_running || sim.current == SIM_MAIN)
		return;
	sim_count_step();
	if (sim.script_left > 0) {
		sim_go_on(0);
		sim.segment_left--;
		return;
	}
	if (sim.pause > 0) {
		if (sim_random_below(sim.pause) == 0)
			sim_go_on(0);
		return;
	}
	for (size_t i = 0; i < SIM_CHANGES_MAX; i++)
		if (sim.changes[i] == sim.steps)
			sim.tasks[sim.current].priority = --sim.lowest;
	sim_go_on(0);
}

/* A task waits for another one. */
SIM_HIDDEN void sim_wait(void)
{
	if (!sim.is_running || sim.current == SIM_MAIN)
		return;
	sim_count_step();
	sim.tasks[sim.current].priority = --sim.lowest;
	sim_go_on(1);
}

static void *sim_memcpy(void *to, const void *from, size_t n)
{
	memcpy(to, from, n / 2);
	sim_step();
	memcpy((char *)to + n / 2, (const char *)from + n / 2, n - n / 2);
	return to;
}

/* The task that runs is done, and another one goes on; it comes back in the next schedule. */
SIM_HIDDEN void sim_finish(void)
{
	sim.tasks[sim.current].done = 1;
	sim_switch_to(sim_pick(1));
}

SIM_HIDDEN void sim_enter(void)
{
#ifdef SIM_ADDRESS_SANITIZER
	struct sim_task *const main_task = &sim.tasks[SIM_MAIN];
	const void *stack;
	size_t stack_size;

	/* the first task to run is entered from main, whose stack is not known otherwise */
	__sanitizer_finish_switch_fiber(NULL, &stack, &stack_size);
	if (main_task->stack == NULL) {
		main_task->stack = (char *)(uintptr_t)stack;
		main_task->stack_size = stack_size;
	}
#endif
}

/* A task's coroutine: runs once in each schedule, for ever. */
static void sim_task_main(void)
{
	sim_enter();
	for (;;) {
		(void)hl_u32_load_acquire(&sim.began);
		sim.run(sim.arg, sim_self());
		hl_u32_fetch_add_release(&sim.ended, 1);
		sim_finish();
	}
}

static void sim_make_task(struct sim_task *task)
{
	task->stack = malloc(SIM_STACK_SIZE);
	task->stack_size = SIM_STACK_SIZE;
	assert_non_null(task->stack);
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = task->stack_size;
	task->context.uc_link = NULL;
	makecontext(&task->context, sim_task_main, 0);
#ifdef KIT_THREAD_SANITIZER
	task->fiber = __tsan_create_fiber(0);
#endif
}

/* They stay for all schedules, as what `sim` points to: no leak. */
static void sim_make_tasks(void)
{
	if (sim.tasks[0].stack != NULL)
		return;
#ifdef KIT_THREAD_SANITIZER
	sim.tasks[SIM_MAIN].fiber = __tsan_get_current_fiber();
#endif
	for (unsigned i = 0; i < SIM_TASKS_MAX; i++)
		sim_make_task(&sim.tasks[i]);
}

SIM_HIDDEN void sim_choose_strategy(void)
{
	static const unsigned pauses[] = { 1, 2, 4, 16, 0, 0 };
	const uint64_t steps = sim.steps_before + 1;

	sim.pause = pauses[sim_random_below(KIT_COUNT(pauses))];
	sim.lowest = UINT64_MAX / 2;
	for (size_t i = 0; i < SIM_CHANGES_MAX; i++)
		sim.changes[i] = 1 + sim_random_below(steps);
	for (unsigned i = 0; i < SIM_TASKS_MAX; i++)
		sim.tasks[i].priority = UINT64_MAX / 2 + sim_random_below(1000);
}

/* Runs the tasks once, to their ends; what the script leaves open follows from the seed. */
static void sim_run_script(unsigned tasks, sim_task_fn run, void *arg, const struct sim_segment *script,
			   size_t script_length, uint64_t seed)
{
	assert_true(tasks <= SIM_TASKS_MAX);
	sim_make_tasks();
	sim.tasks_count = tasks;
	sim.run = run;
	sim.arg = arg;
	sim.seed = seed;
	sim.random = seed;
	sim_choose_strategy();
	sim.script = script;
	sim.script_left = script_length;
	sim.segment_left = script_length > 0 ? script->steps : 0;
	sim.steps_before = sim.steps;
	sim.steps = 0;
	sim.switches = 0;
	for (unsigned i = 0; i < tasks; i++)
		sim.tasks[i].done = 0;
	sim.current = SIM_MAIN;
	sim.is_running = 1;
	hl_u32_store_release(&sim.began, 1);
	sim_switch_to(sim_pick(0));
	(void)hl_u32_load_acquire(&sim.ended);
	sim.is_running = 0;
}

/* Runs the tasks once, to their ends, in the order that follows from the seed. */
static inline void sim_run(unsigned tasks, sim_task_fn run, void *arg, uint64_t seed)
{
	sim_run_script(tasks, run, arg, NULL, 0, seed);
}

/* ---- histories ------------------------------------------------------------------------------------------ */

#define SIM_OPERATIONS_MAX 64
#define SIM_ANY_ITEM UINT64_MAX

/* On one key, which has an item or none (0). An operation that fails to add finds one, the others find none. */
enum sim_kind { SIM_ADD, SIM_DROP, SIM_LOOK, SIM_CHANGE };

struct sim_operation {
	enum sim_kind kind;
	int success;
	uint64_t key;
	uint64_t item; /* that was added, dropped, changed, seen or found in the way; SIM_ANY_ITEM: not known */
	uint64_t next; /* what it was changed to */
	uint64_t begin;
	uint64_t end;
};

struct sim_history {
	struct sim_operation operations[SIM_OPERATIONS_MAX];
	size_t count;
};

/* Between begin and end other tasks run; so the operation is kept at its place from the beginning. */
SIM_HIDDEN struct sim_operation *sim_begin(struct sim_history *history, enum sim_kind kind, uint64_t key)
{
	struct sim_operation *const operation = &history->operations[history->count++ % SIM_OPERATIONS_MAX];

	operation->kind = kind;
	operation->key = key;
	operation->begin = ++sim.clock;
	return operation;
}

SIM_HIDDEN void sim_end(struct sim_operation *operation, enum sim_kind kind, int success, uint64_t item)
{
	operation->kind = kind;
	operation->success = success;
	operation->item = item;
	operation->end = ++sim.clock;
}

/* An operation that has changed the key's item from one to another. */
__attribute__((unused)) SIM_HIDDEN void sim_end_change(struct sim_operation *operation, uint64_t item, uint64_t next)
{
	operation->next = next;
	sim_end(operation, SIM_CHANGE, 1, item);
}

/* What the key has after the operation: 1 and *item, or 0: it cannot have had this outcome. */
static int sim_apply(const struct sim_operation *operation, uint64_t *item)
{
	const int matches = operation->item == SIM_ANY_ITEM || operation->item == *item;

	switch (operation->kind) {
	case SIM_ADD:
		if (!operation->success)
			return *item != 0 && matches;
		if (*item != 0)
			return 0;
		*item = operation->item;
		return 1;
	case SIM_DROP:
		if (!operation->success)
			return *item == 0;
		if (*item == 0 || !matches)
			return 0;
		*item = 0;
		return 1;
	case SIM_CHANGE:
		if (!operation->success)
			return *item == 0;
		if (*item == 0 || !matches)
			return 0;
		*item = operation->next;
		return 1;
	default:
		return operation->success ? *item != 0 && matches : *item == 0;
	}
}

/* Whether the operations of `left` can have happened in some order, each between its begin and end. */
static int sim_linearize(const struct sim_history *history, uint64_t left, uint64_t item)
{
	uint64_t first_end = UINT64_MAX;

	if (left == 0)
		return 1;
	for (size_t i = 0; i < history->count; i++)
		if ((left >> i & 1) && history->operations[i].end < first_end)
			first_end = history->operations[i].end;
	for (size_t i = 0; i < history->count; i++) {
		uint64_t item_after = item;

		if ((left >> i & 1) && history->operations[i].begin < first_end &&
		    sim_apply(&history->operations[i], &item_after) &&
		    sim_linearize(history, left & ~((uint64_t)1 << i), item_after))
			return 1;
	}
	return 0;
}

/* Of one key, which has this item at the beginning. */
static int sim_is_linearizable(const struct sim_history *history, uint64_t key, uint64_t item)
{
	uint64_t mine = 0;

	for (size_t i = 0; i < history->count; i++)
		mine |= (uint64_t)(history->operations[i].key == key) << i;
	return history->count <= SIM_OPERATIONS_MAX && sim_linearize(history, mine, item);
}

static void sim_print(const struct sim_history *history)
{
	static const char *const names[] = { "add", "drop", "look", "change" };

	for (size_t i = 0; i < history->count && i < SIM_OPERATIONS_MAX; i++) {
		const struct sim_operation *const operation = &history->operations[i];

		printf("%3llu to %3llu: %s %llu: %s, item %llx, then %llx\n", (unsigned long long)operation->begin,
		       (unsigned long long)operation->end, names[operation->kind],
		       (unsigned long long)operation->key, operation->success ? "success" : "failure",
		       (unsigned long long)operation->item,
		       (unsigned long long)(operation->kind == SIM_CHANGE ? operation->next : operation->item));
	}
}

/* ---- from here on ------------------------------------------------------------------------------------------ */

#define hl_relax() sim_wait()
#define hl_yield() sim_wait()
#undef memcpy
#define memcpy(to, from, n) sim_memcpy(to, from, n)

#endif
