/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scheduler.c: tasks in turns on one thread, and the operations that the library calls instead of the machine's.
 *
 * A task is a coroutine. Its states:
 *
 *     NONE --- begin or pthread_create ---> READY <---> (runs)
 *                                             |  ^
 *              a yield:                       v  |  another task has changed a word, or nobody is READY
 *                                          YIELDED
 *              futex, lock, join, sleep:   BLOCKED --- woken, unlocked, ended, or its deadline is over (each step takes a while;
 *                                                      nobody can go on: the clock moves on to the next deadline)
 *              its function returned:        DONE
 *
 * A wait may also end at once: for no reason, as futexes do, or because others took so long that the deadline came; and who has yielded may look
 * again in vain. In exhaustive search that costs one unit of the bound.
 *
 * Yields are fair (Musuvathi and Qadeer, "Fair stateless model checking", PLDI 2008): a task that yields twice lets those go first that could have gone
 * on all the time and did not. Otherwise two that wait in turns would keep the third from what they wait for.
 *
 * Main sets the scenario up, is BLOCKED until the scenario's tasks are DONE, and then checks. Nobody can go on and main is not done: a failure.
 *
 * Memory is accessed here with the operation's own order only if ThreadSanitizer is there to see it: on one thread all orders are alike.
 */
#include "scheduler.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_SIZE ((size_t)256 << 10)
#define STEP_NS 20
#define SITES_MAX 4096

enum task_state { NONE, READY, YIELDED, BLOCKED, DONE };

struct task {
	ucontext_t context; /* at its first step, or always where a sanitizer follows the switches */
	jmp_buf place;	    /* afterwards: to go there takes no system call */
	int has_place;
	char *stack;
	size_t stack_size;
	void *fake_stack; /* AddressSanitizer's */
	void *fiber;	  /* ThreadSanitizer's */
	enum task_state state;
	unsigned picked_among; /* tasks, a bit each, when it was picked; 0: it has come to a switch point since */
	uint64_t changes; /* YIELDED: how many there were */
	unsigned idle;	  /* tasks, a bit each, that could go on at its last yield and have not run since */
	unsigned ahead;	  /* YIELDED: tasks that must run first, because they were idle between two yields */
	const void *waits_for;
	uint64_t deadline_ns; /* 0: none */
	void *(*run)(void *);
	void *arg;
	void *result;
};

static struct {
	const struct schedule_scenario *scenario;
	struct task tasks[TASKS_MAX];
	unsigned current;
	unsigned begun; /* tasks, a bit each */
	unsigned threads_count;
	int shares_stripes;
	int is_running; /* not in setup */
	uint64_t steps;
	uint64_t changes; /* of words */
	uint64_t changes_seen; /* how many there were when nobody could go on, and those that had yielded looked again */
	uint64_t now_ns;
	uint64_t clock;
} s;

static struct site *sites; /* a hash table, which a process shares with its children */
static int sites_are_watched;

/* ---- sanitizers ------------------------------------------------------------------------------------------ */

void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size) __attribute__((weak));
void *__tsan_get_current_fiber(void) __attribute__((weak));
void *__tsan_create_fiber(unsigned flags) __attribute__((weak));
void __tsan_switch_to_fiber(void *fiber, unsigned flags) __attribute__((weak));
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

#define TSAN_SWITCH_NO_SYNC 1

/* What was done before a release is known after an acquire of the same address. */
static void tsan_acquire(void *address)
{
	if (__tsan_acquire != NULL)
		__tsan_acquire(address);
}

static void tsan_release(void *address)
{
	if (__tsan_release != NULL)
		__tsan_release(address);
}

/* ---- switching ------------------------------------------------------------------------------------------- */

static void switch_stacks(struct task *from, struct task *to)
{
	if (__sanitizer_start_switch_fiber != NULL || __tsan_switch_to_fiber != NULL) {
		swapcontext(&from->context, &to->context);
		return;
	}
	from->has_place = 1;
	if (_setjmp(from->place) != 0)
		return;
	if (to->has_place)
		_longjmp(to->place, 1);
	setcontext(&to->context);
}

/* The numbers of those that have begun, in order: for (i = first_begun(0); i < TASKS_MAX; i = first_begun(i + 1)) */
static unsigned first_begun(unsigned from)
{
	const unsigned left = s.begun >> from;

	return left == 0 ? TASKS_MAX : from + (unsigned)__builtin_ctz(left);
}

static void switch_to(unsigned to)
{
	struct task *const from_task = &s.tasks[s.current];
	struct task *const to_task = &s.tasks[to];

	for (unsigned i = first_begun(0); i < TASKS_MAX; i = first_begun(i + 1)) {
		s.tasks[i].idle &= ~(1U << to);
		s.tasks[i].ahead &= ~(1U << to);
	}
	if (to == s.current)
		return;
	s.current = to;
	if (__sanitizer_start_switch_fiber != NULL)
		__sanitizer_start_switch_fiber(&from_task->fake_stack, to_task->stack, to_task->stack_size);
	if (__tsan_switch_to_fiber != NULL)
		__tsan_switch_to_fiber(to_task->fiber, TSAN_SWITCH_NO_SYNC);
	switch_stacks(from_task, to_task);
	if (__sanitizer_finish_switch_fiber != NULL)
		__sanitizer_finish_switch_fiber(from_task->fake_stack, NULL, NULL);
}

static void wake(struct task *task)
{
	task->state = READY;
	task->waits_for = NULL;
	task->deadline_ns = 0;
}

static int has_reason(const struct task *task)
{
	return task->state == READY || (task->state == YIELDED && task->changes != s.changes);
}

/* Those of these tasks, a bit each, that have a reason to go on. */
static unsigned with_reason(unsigned among)
{
	unsigned result = 0;

	for (unsigned i = first_begun(0); i < TASKS_MAX; i = first_begun(i + 1))
		if (among >> i & 1 && has_reason(&s.tasks[i]))
			result |= 1U << i;
	return result;
}

static int can_go_on(struct task *task)
{
	if (task->state == YIELDED && has_reason(task) && with_reason(task->ahead) == 0)
		task->state = READY;
	if (task->state == BLOCKED && task->deadline_ns > 0 && task->deadline_ns <= s.now_ns)
		wake(task);
	return task->state == READY;
}

/* The tasks that can go on, the current one first. */
static unsigned candidates(unsigned list[TASKS_MAX])
{
	unsigned n = 0;

	if (can_go_on(&s.tasks[s.current]))
		list[n++] = s.current;
	for (unsigned i = first_begun(0); i < TASKS_MAX; i = first_begun(i + 1))
		if (i != s.current && can_go_on(&s.tasks[i]))
			list[n++] = i;
	return n;
}

/* The earliest deadline of those who sleep, or 0. */
static uint64_t next_deadline(void)
{
	uint64_t next = 0;

	for (unsigned i = first_begun(0); i < TASKS_MAX; i = first_begun(i + 1)) {
		const struct task *const task = &s.tasks[i];

		if (task->state == BLOCKED && task->deadline_ns > 0 && (next == 0 || task->deadline_ns < next))
			next = task->deadline_ns;
	}
	return next;
}

/* Nobody is READY: those that have yielded look again; if there are none, or they have seen all, time goes on to the next deadline. */
static void let_somebody_go_on(void)
{
	const uint64_t deadline_ns = next_deadline();
	const int have_seen_all = s.changes_seen == s.changes;
	unsigned yielded = 0;

	for (unsigned i = first_begun(0); i < TASKS_MAX; i = first_begun(i + 1)) {
		if (s.tasks[i].state != YIELDED)
			continue;
		wake(&s.tasks[i]);
		yielded++;
	}
	if (yielded == 0 && deadline_ns == 0)
		schedule_fail(__FILE__, __LINE__, "nobody can go on: a lost wake-up, or a deadlock");
	s.changes_seen = s.changes;
	if ((yielded == 0 || have_seen_all) && deadline_ns > s.now_ns)
		s.now_ns = deadline_ns;
}

static unsigned bits_of(const unsigned *list, unsigned n)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < n; i++)
		bits |= 1U << list[i];
	return bits;
}

/* The current task cannot go on, or lets others. */
static void give_way(void)
{
	unsigned list[TASKS_MAX];
	unsigned n = candidates(list);

	if (n == 0) {
		let_somebody_go_on();
		n = candidates(list);
	}
	s.tasks[s.current].picked_among = 1; /* it stands at no switch point */
	const unsigned next = strategy_pick_task(list, n, 0);
	s.tasks[next].picked_among = bits_of(list, n);
	switch_to(next);
}

static uintptr_t granule_of(const void *word)
{
	return (uintptr_t)word & ~(uintptr_t)7;
}

static void count_step(void)
{
	s.now_ns += STEP_NS;
	if (++s.steps > STEPS_MAX)
		schedule_fail(__FILE__, __LINE__, "a livelock: more than %d steps", STEPS_MAX);
}

/*
 * The current task may be preempted; not if it was picked among the same tasks and has come to no switch point since: to switch here
 * would be not to have picked it.
 */
static void switch_point(void)
{
	struct task *const me = &s.tasks[s.current];
	unsigned list[TASKS_MAX];
	const unsigned n = candidates(list);
	const unsigned among = bits_of(list, n);

	if (me->picked_among == 0 || (among & ~me->picked_among) != 0 || strategy_replays()) {
		const unsigned next = strategy_pick_task(list, n, 1);

		me->picked_among = 0;
		if (s.tasks[next].picked_among != 0)
			s.tasks[next].picked_among = among;
		switch_to(next);
	}
	/* also if it was picked again while it stood here: its operation is next */
	me->picked_among = 0;
}

/* Before each operation on some bytes. Main is alone, unless the library has started threads. */
static void step_over(const void *memory, size_t n, int is_write)
{
	const uintptr_t end = (uintptr_t)memory + n;
	int is_switch_point = 0;

	if (!s.is_running || (s.current == MAIN_TASK && s.threads_count == 0))
		return;
	count_step();
	for (uintptr_t granule = granule_of(memory); granule < end; granule += 8)
		is_switch_point |= strategy_is_switch_point(granule, s.current, is_write);
	if (is_switch_point)
		switch_point();
}

static void step(const void *word, int is_write)
{
	step_over(word, 1, is_write);
}

static void block(const void *waits_for, uint64_t deadline_ns)
{
	struct task *const me = &s.tasks[s.current];

	me->state = BLOCKED;
	me->waits_for = waits_for;
	me->deadline_ns = deadline_ns;
	give_way();
}

/* Wakes the tasks, at most `most`, that wait for something; if there are more, any of them. */
static void unblock(const void *what, unsigned most)
{
	for (; most > 0; most--) {
		unsigned list[TASKS_MAX];
		unsigned n = 0;

		for (unsigned i = first_begun(0); i < TASKS_MAX; i = first_begun(i + 1))
			if (s.tasks[i].state == BLOCKED && s.tasks[i].waits_for == what)
				list[n++] = i;
		if (n == 0)
			return;
		wake(&s.tasks[list[n <= most ? 0 : strategy_choose(n)]]);
	}
}

void hl_schedule_yield(void)
{
	struct task *const me = &s.tasks[s.current];

	if (!s.is_running && s.threads_count == 0)
		return;
	count_step();
	strategy_task_waits(s.current);
	if (s.is_running && strategy_ends_wait())
		return;
	me->ahead = with_reason(me->idle);
	me->idle = with_reason(~(1U << s.current));
	me->state = YIELDED;
	me->changes = s.changes;
	give_way();
}

/* ---- tasks ----------------------------------------------------------------------------------------------- */

static int scenario_is_done(void)
{
	for (unsigned i = 0; i < s.scenario->tasks; i++)
		if (s.tasks[i].state != DONE)
			return 0;
	return 1;
}

static void finish(void)
{
	struct task *const me = &s.tasks[s.current];

	tsan_release(me);
	weak_drain(s.current);
	me->state = DONE;
	s.changes++;
	unblock(me, 1);
	if (s.current < s.scenario->tasks && scenario_is_done())
		unblock(&s.scenario, 1);
	give_way();
}

/* A task's coroutine: runs once in each schedule, for ever. */
static void task_main(void)
{
	struct task *const me = &s.tasks[s.current];
	const void *stack;
	size_t size;

	if (__sanitizer_finish_switch_fiber != NULL)
		__sanitizer_finish_switch_fiber(NULL, &stack, &size);
	for (;;) {
		tsan_acquire(me);
		me->result = me->run(me->arg);
		finish();
	}
}

static void *run_scenario_task(void *arg)
{
	s.scenario->run((unsigned)(uintptr_t)arg);
	return NULL;
}

static void make_coroutine(struct task *task)
{
	task->stack = aligned_alloc(4096, STACK_SIZE);
	if (task->stack == NULL)
		schedule_fail(__FILE__, __LINE__, "no memory for a stack");
	task->stack_size = STACK_SIZE;
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = STACK_SIZE;
	task->context.uc_link = NULL;
	makecontext(&task->context, task_main, 0);
	if (__tsan_create_fiber != NULL)
		task->fiber = __tsan_create_fiber(0);
}

static void begin_task(unsigned number, void *(*run)(void *), void *arg)
{
	struct task *const task = &s.tasks[number];

	if (task->stack == NULL)
		make_coroutine(task);
	task->run = run;
	task->arg = arg;
	task->picked_among = 1;
	s.begun |= 1U << number;
	tsan_release(task);
	weak_drain(s.current);
	weak_inherit(number, s.current);
	wake(task);
}

static void print_schedule(void)
{
	if (s.scenario != NULL)
		strategy_print(s.scenario->name);
	trace_print();
	fflush(stdout);
}

static void fail_by_signal(int signal_number)
{
	schedule_fail(__FILE__, __LINE__, "signal %d: %s", signal_number, strsignal(signal_number));
}

/* A schedule that crashes is printed as any other that fails. Sanitizers have handlers of their own. */
static void catch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	static char signal_stack[1 << 16];
	const stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction action = { .sa_handler = fail_by_signal, .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };

	if (__sanitizer_set_death_callback != NULL) {
		__sanitizer_set_death_callback(print_schedule);
		return;
	}
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* Main's stack is known to the sanitizers by itself; they are told of it when a task goes back to it. */
static void know_main(void)
{
	struct task *const me = &s.tasks[MAIN_TASK];
	pthread_attr_t attributes;
	void *bottom;

	if (me->stack != NULL)
		return;
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &bottom, &me->stack_size);
	pthread_attr_destroy(&attributes);
	me->stack = bottom;
	catch_crashes();
	if (__tsan_get_current_fiber != NULL)
		me->fiber = __tsan_get_current_fiber();
}

/* Another task is done, and the current one knows. */
static void join_task(unsigned number)
{
	tsan_acquire(&s.tasks[number]);
	weak_inherit(s.current, number);
	s.tasks[number].state = NONE;
}

void scheduler_run(const struct schedule_scenario *scenario, enum memory_model model)
{
	know_main();
	s.scenario = scenario;
	s.current = MAIN_TASK;
	s.threads_count = 0;
	s.is_running = 0;
	s.changes = s.clock = 0;
	s.changes_seen = UINT64_MAX;
	s.now_ns = 1000;
	for (unsigned i = 0; i < TASKS_MAX; i++) {
		s.tasks[i].state = NONE;
		s.tasks[i].idle = s.tasks[i].ahead = 0;
	}
	s.tasks[MAIN_TASK].state = READY;
	s.begun = 1U << MAIN_TASK;
	strategy_begin_schedule();
	s.steps = 0;
	trace_begin_schedule();
	arena_begin_schedule();
	s.shares_stripes = 0;
	weak_begin_schedule(model);
	scenario->setup();
	for (unsigned i = 0; i < scenario->tasks; i++)
		begin_task(i, run_scenario_task, (void *)(uintptr_t)i);
	s.is_running = 1;
	block(&s.scenario, 0);
	for (unsigned i = 0; i < scenario->tasks; i++)
		join_task(i);
	scenario->check();
	for (unsigned i = 0; i < MAIN_TASK; i++)
		if (s.tasks[i].state != NONE)
			schedule_fail(__FILE__, __LINE__, "thread T%u is %s", i,
				      s.tasks[i].state == DONE ? "not joined" : "still there");
	if (arena_leaks() > 0)
		schedule_fail(__FILE__, __LINE__, "%zu blocks were not freed", arena_leaks());
	s.is_running = 0;
}

int scheduler_sees_races(void)
{
	return __tsan_create_fiber != NULL;
}

unsigned scheduler_threads(void)
{
	return s.scenario->tasks + s.threads_count;
}

void scheduler_frees(const void *memory, size_t n)
{
	const uintptr_t begin = (uintptr_t)memory;

	for (unsigned i = first_begun(0); i < MAIN_TASK && s.is_running; i = first_begun(i + 1)) {
		if (i == s.current || s.tasks[i].state == NONE || s.tasks[i].state == DONE)
			continue;
		strategy_frees(begin, begin + n, s.current);
		return;
	}
}

uint64_t scheduler_steps(void)
{
	return s.steps;
}

unsigned scheduler_task(void)
{
	return s.current;
}

unsigned hl_schedule_task(void)
{
	return s.current;
}

unsigned hl_schedule_stripe(void)
{
	return s.shares_stripes ? 0 : s.current;
}

void schedule_share_stripes(void)
{
	s.shares_stripes = 1;
}

/* ---- words ----------------------------------------------------------------------------------------------- */

struct site *scheduler_sites(size_t *count)
{
	sites = (struct site *)mmap(NULL, SITES_MAX * sizeof(*sites), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if ((void *)sites == MAP_FAILED)
		schedule_fail(__FILE__, __LINE__, "no memory for a table of the operations");
	sites_are_watched = 1;
	*count = SITES_MAX;
	return sites;
}

/* The order that an operation is done with, unless this place is weakened. */
static int order_at(const void *pc, int order)
{
	if (!sites_are_watched || order == __ATOMIC_RELAXED)
		return order;
	size_t at = (uintptr_t)pc * 0x9e3779b97f4a7c15U >> 40;
	for (size_t i = 0; i < SITES_MAX; i++, at++) {
		struct site *const site = &sites[at % SITES_MAX];

		if (site->pc == pc)
			return site->is_weakened ? __ATOMIC_RELAXED : order;
		if (site->pc == NULL) {
			*site = (struct site){ .pc = pc, .order = order };
			return order;
		}
	}
	schedule_fail(__FILE__, __LINE__, "more than %d atomic operations in the program", SITES_MAX);
}

#define DECLARE_TSAN(bits)                                                                         \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile void *, int) __attribute__((weak)); \
	void __tsan_atomic##bits##_store(volatile void *, uint##bits##_t, int) __attribute__((weak)); \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile void *, void *, uint##bits##_t, int, int) \
		__attribute__((weak));                                                             \
                                                                                                   \
	static uint64_t load_##bits(const void *word, int order)                                   \
	{                                                                                          \
		if (__tsan_atomic##bits##_load != NULL)                                            \
			return __tsan_atomic##bits##_load(word, order);                            \
		return *(const volatile uint##bits##_t *)word;                                     \
	}                                                                                          \
	static void store_##bits(void *word, uint64_t desired, int order)                          \
	{                                                                                          \
		if (__tsan_atomic##bits##_store != NULL)                                           \
			__tsan_atomic##bits##_store(word, (uint##bits##_t)desired, order);         \
		else                                                                               \
			*(volatile uint##bits##_t *)word = (uint##bits##_t)desired;                \
	}                                                                                          \
	static void update_##bits(void *word, uint64_t before, uint64_t desired, int order)        \
	{                                                                                          \
		uint##bits##_t expected = (uint##bits##_t)before;                                  \
                                                                                                   \
		if (__tsan_atomic##bits##_compare_exchange_strong != NULL)                         \
			__tsan_atomic##bits##_compare_exchange_strong(word, &expected, (uint##bits##_t)desired, \
								      order, __ATOMIC_RELAXED);    \
		else                                                                               \
			*(volatile uint##bits##_t *)word = (uint##bits##_t)desired;                \
	}
DECLARE_TSAN(8)
DECLARE_TSAN(16)
DECLARE_TSAN(32)
DECLARE_TSAN(64)

static uint64_t raw_load(const void *word, size_t size, int order)
{
	switch (size) {
	case 1: return load_8(word, order);
	case 2: return load_16(word, order);
	case 4: return load_32(word, order);
	default: return load_64(word, order);
	}
}

static void raw_store(void *word, size_t size, uint64_t desired, int order)
{
	switch (size) {
	case 1: store_8(word, desired, order); break;
	case 2: store_16(word, desired, order); break;
	case 4: store_32(word, desired, order); break;
	default: store_64(word, desired, order); break;
	}
}

/* On one thread a read-modify-write is a compare-and-swap of what is there. */
static void raw_update(void *word, size_t size, uint64_t before, uint64_t desired, int order)
{
	switch (size) {
	case 1: update_8(word, before, desired, order); break;
	case 2: update_16(word, before, desired, order); break;
	case 4: update_32(word, before, desired, order); break;
	default: update_64(word, before, desired, order); break;
	}
}

/* What is in the granule, for the model of memory. */
static uint64_t whole(const void *word)
{
	uint64_t value;

	__builtin_memcpy(&value, (const void *)granule_of(word), sizeof(value));
	return value;
}

static void check_access(const void *memory, size_t n)
{
	const char *const fault = arena_check(memory, n);

	if (fault != NULL)
		schedule_fail(__FILE__, __LINE__, "%s", fault);
}

static int models_memory(void)
{
	return s.is_running && weak_model() != MEMORY_SC;
}

static const char *order_name(int order)
{
	static const char *const names[] = { "relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst" };

	return names[order];
}

static void trace(const char *what, int order, const void *word, uint64_t before, uint64_t after, const void *pc, int is_stale)
{
	const struct event event = { s.current, what, order_name(order), word, before, after, pc, is_stale };

	trace_add(&event);
}

uint64_t hl_schedule_load(const void *word, size_t size, int order)
{
	const void *const pc = __builtin_return_address(0);

	order = order_at(pc, order);
	step(word, 0);
	check_access(word, size);
	const uint64_t newest = raw_load(word, size, order);
	uint64_t seen = newest;
	if (models_memory())
		seen = weak_part(weak_load(word, size, whole(word), s.current, order), word, size);
	trace("load", order, word, newest, seen, pc, seen != newest);
	return seen;
}

void hl_schedule_store(void *word, size_t size, uint64_t desired, int order)
{
	const void *const pc = __builtin_return_address(0);

	order = order_at(pc, order);
	step(word, 1);
	check_access(word, size);
	const uint64_t before = whole(word);
	const uint64_t value = weak_part(before, word, size);
	raw_store(word, size, desired, order);
	s.changes += whole(word) != before;
	if (models_memory())
		weak_store(word, size, before, whole(word), s.current, order);
	trace("store", order, word, value, desired, pc, 0);
}

/* A read-modify-write that makes `desired` of the word. */
static void update(const char *what, void *word, size_t size, uint64_t desired, int order, const void *pc)
{
	const uint64_t before = whole(word);
	const uint64_t value = weak_part(before, word, size);

	raw_update(word, size, value, desired, order);
	s.changes += whole(word) != before;
	if (models_memory())
		weak_update(word, size, before, whole(word), s.current, order, 1);
	trace(what, order, word, value, weak_part(whole(word), word, size), pc, 0);
}

uint64_t hl_schedule_exchange(void *word, size_t size, uint64_t desired, int order)
{
	const void *const pc = __builtin_return_address(0);

	order = order_at(pc, order);
	step(word, 1);
	check_access(word, size);
	const uint64_t before = weak_part(whole(word), word, size);
	update("exchange", word, size, desired, order, pc);
	return before;
}

int hl_schedule_cas(void *word, size_t size, uint64_t *expected, uint64_t desired, int order, int failure)
{
	const void *const pc = __builtin_return_address(0);

	order = order_at(pc, order);
	if (order == __ATOMIC_RELAXED)
		failure = __ATOMIC_RELAXED;
	step(word, 1);
	check_access(word, size);
	const uint64_t newest = weak_part(whole(word), word, size);
	uint64_t seen = newest, granule;
	if (models_memory() && weak_cas_fails(word, size, whole(word), *expected, s.current, failure, &granule)) {
		seen = weak_part(granule, word, size);
	} else if (newest == *expected) {
		update("cas", word, size, desired, order, pc);
		return 1;
	} else if (models_memory()) {
		weak_update(word, size, whole(word), whole(word), s.current, failure, 0);
	}
	(void)raw_load(word, size, failure);
	trace("cas that fails", failure, word, newest, seen, pc, seen != newest);
	*expected = seen;
	return 0;
}

uint64_t hl_schedule_fetch(void *word, size_t size, enum hl_schedule_fetch operation, uint64_t operand, int order)
{
	static const char *const names[] = { "fetch_add", "fetch_sub", "fetch_or", "fetch_and" };
	const void *const pc = __builtin_return_address(0);

	order = order_at(pc, order);
	step(word, 1);
	check_access(word, size);
	const uint64_t before = weak_part(whole(word), word, size);
	const uint64_t results[] = { before + operand, before - operand, before | operand, before & operand };
	update(names[operation], word, size, results[operation], order, pc);
	return before;
}

static void fence(const void *pc)
{
	static uint64_t word;

	if (order_at(pc, __ATOMIC_SEQ_CST) == __ATOMIC_RELAXED)
		return;
	/* fences tell each other what their tasks know: which is first can be seen */
	if (weak_model() == MEMORY_RELAXED)
		step(&word, 1);
	/* a fence publishes nothing to ThreadSanitizer; what it orders is who sleeps and who wakes */
	if (models_memory())
		weak_fence(s.current);
	trace("fence", __ATOMIC_SEQ_CST, &word, 0, 0, pc, 0);
}

void hl_schedule_fence(void)
{
	fence(__builtin_return_address(0));
}

void hl_schedule_plain(void *to, const void *from, size_t n)
{
	if (n == 0)
		return;
	step_over(from, n, 0);
	step_over(to, n, 1);
	check_access(from, n);
	check_access(to, n);
	s.changes++;
}

/* ---- the kernel ------------------------------------------------------------------------------------------ */

uint64_t hl_schedule_now_ns(void)
{
	return s.now_ns;
}

/* Sleeps until it is woken or the time is over (0: no limit), or ends at once: for no reason, or because others took that long. */
static void wait_for(const void *what, uint64_t timeout_ns)
{
	const uint64_t deadline_ns = timeout_ns > UINT64_MAX - s.now_ns ? UINT64_MAX : s.now_ns + timeout_ns;

	if (!s.is_running || !strategy_ends_wait())
		block(what, timeout_ns == 0 ? 0 : deadline_ns);
	else if (timeout_ns != 0)
		s.now_ns = deadline_ns;
}

/* The kernel compares the word under a lock: it sees the newest value. */
void hl_schedule_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	const void *const pc = __builtin_return_address(0);

	step(word, 1);
	check_access(word, sizeof(*word));
	const uint32_t seen = *word;
	if (models_memory())
		weak_fence(s.current);
	trace(seen == value ? "futex_wait sleeps" : "futex_wait returns", __ATOMIC_SEQ_CST, word, value, seen, pc, 0);
	if (seen == value)
		wait_for(word, timeout_ns);
}

void hl_schedule_futex_wake(uint32_t *word, int sleepers)
{
	const void *const pc = __builtin_return_address(0);

	step(word, 1);
	if (models_memory())
		weak_fence(s.current);
	trace("futex_wake", __ATOMIC_SEQ_CST, word, 0, (uint64_t)sleepers, pc, 0);
	unblock(word, (unsigned)sleepers);
}

int hl_schedule_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	if (s.is_running)
		wait_for(&s.now_ns, (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec);
	return 0;
}

int hl_schedule_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	(void)attributes;
	if (s.threads_count == SCHEDULE_THREADS_MAX)
		return EAGAIN;
	const unsigned number = SCHEDULE_TASKS_MAX + s.threads_count++;
	*thread = (pthread_t)number;
	begin_task(number, run, arg);
	return 0;
}

int hl_schedule_thread_join(pthread_t thread, void **result)
{
	struct task *const task = &s.tasks[thread];

	if (task->state != DONE)
		block(task, 0);
	join_task((unsigned)thread);
	if (result != NULL)
		*result = task->result;
	return 0;
}

pthread_t hl_schedule_thread_self(void)
{
	return (pthread_t)s.current;
}

/* A locked mutex has 1 + its owner in its first word, which the C library uses for nothing else while nobody calls it. */
static void set_owner(const char *what, pthread_mutex_t *mutex, unsigned owner, int order, const void *pc)
{
	uint32_t *const word = (uint32_t *)mutex;
	const uint64_t before = whole(word);
	const uint32_t old = *word;

	*word = owner;
	if (models_memory())
		weak_update(word, sizeof(*word), before, whole(word), s.current, order, 1);
	trace(what, order, mutex, old, owner, pc, 0);
}

int hl_schedule_mutex_lock(pthread_mutex_t *mutex)
{
	const uint32_t *const owner = (uint32_t *)mutex;

	step(mutex, 1);
	check_access(mutex, sizeof(*mutex));
	if (*owner == 1 + s.current)
		schedule_fail(__FILE__, __LINE__, "a mutex is locked by a task that has it");
	/* ends when the owner unlocks it: if it does not, nobody can go on */
	while (*owner != 0)
		block(mutex, 0);
	set_owner("lock", mutex, 1 + s.current, __ATOMIC_ACQUIRE, __builtin_return_address(0));
	tsan_acquire(mutex);
	return 0;
}

int hl_schedule_mutex_unlock(pthread_mutex_t *mutex)
{
	step(mutex, 1);
	check_access(mutex, sizeof(*mutex));
	if (*(const uint32_t *)mutex != 1 + s.current)
		schedule_fail(__FILE__, __LINE__, "a mutex is unlocked by a task that has it not");
	tsan_release(mutex);
	set_owner("unlock", mutex, 0, __ATOMIC_RELEASE, __builtin_return_address(0));
	s.changes++;
	unblock(mutex, TASKS_MAX);
	return 0;
}

/* ---- scenarios ------------------------------------------------------------------------------------------- */

unsigned schedule_choose(unsigned n)
{
	return strategy_choose(n);
}

const void *schedule_argument(void)
{
	return s.scenario->argument;
}

void schedule_step(void)
{
	static const uint64_t word;

	step(&word, 1);
}

void schedule_between(void)
{
	if (s.is_running && strategy_is_step())
		switch_point();
}

void schedule_wait_while(hl_u32 *word, uint32_t value)
{
	while (hl_u32_load_acquire(word) == value)
		hl_schedule_yield();
}

enum memory_model schedule_memory(void)
{
	return weak_model();
}

int schedule_is_counted(void)
{
	return !strategy_learns();
}

int schedule_is_weak(void)
{
	return weak_model() != MEMORY_SC;
}

uint64_t schedule_clock(void)
{
	return ++s.clock;
}

void schedule_name(const void *memory, const char *name)
{
	arena_name(memory, name);
}

void schedule_note(const char *format, ...)
{
	char text[200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	trace_note(s.current, text);
}

void schedule_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	const char *const slash = strrchr(file, '/');

	printf("FAILED: %s: ", s.scenario == NULL ? "?" : s.scenario->name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf(" (%s:%d)\n", slash == NULL ? file : slash + 1, line);
	print_schedule();
	_Exit(1);
}
