/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * executor.c: runs spawned tasks on worker threads, or on the thread that calls.
 *
 * A task's word `state` says where it is. The bits, and who changes them:
 *
 *     NOTIFIED   it is in a queue, or its runner will put it into one; set by wakers, cleared by who takes it from the queue
 *     RUNNING    a worker polls it, or has it in its list `again`; or it yielded, and is in a queue; set and cleared by that worker
 *     COMPLETE   the last word; nothing but the futex of those that join is touched after it
 *     JOINED     somebody sleeps until COMPLETE; set by who joins
 *     CANCEL     the next poll begins with future_cancel(); set by runtime_cancel()
 *
 *       spawn --> NOTIFIED --- popped or stolen: add RUNNING - NOTIFIED ---> RUNNING ------ COMPLETE: exchange ------> COMPLETE
 *                  ^    ^                                                    |  ^   '-- not complete, no waker --.
 *                  |    '-- wake: or NOTIFIED, push to the inbox --- 0 <-----'  '---- the list `again` ----------'
 *                  |                                                 sub RUNNING; the waker was taken
 *                  '--- the same, but woken meanwhile: NOTIFIED was set, the runner queues it
 *
 * A task that woke itself in its poll (it yields) is queued as it is, RUNNING: nobody else has to hear of it, and no atomic
 * read-modify-write is spent on it.
 *
 * So a task is in one queue at a time, is polled by one worker at a time, and a wake during the poll leads to one more (pitfall 33).
 *
 * Queues. Where there are several, each worker has a ring from which others steal half when they have nothing (bounded FIFO rings with
 * stealing: Go's scheduler, Vyukov 2012; Tokio), and behind it a list, with a lock, for what is too much for it: what the owner appends, and
 * takes when the ring is empty, half of that others steal. A worker that is alone has the list only, without the lock: no
 * atomic operation, and one tenth less for a task. Another list is of tasks that use no waker. Wakers and spawns from outside push to the
 * inbox, a stack that is taken whole (so no ABA) and turned round. That is an exchange of one word: a signal handler may do it, also one
 * that has interrupted a worker. Workers look into the inbox now and then even if their queues are never empty.
 *
 * Sleep. Before it sleeps a worker puts SLEEPING into the empty inbox. Whoever replaces it by a task increments `wakes` and wakes one
 * sleeper. Who takes the inbox while others sleep puts SLEEPING there again, so that the next push wakes another. A worker that has more in
 * its ring or list than it runs tells a sleeper (wake_pending: one at a time), and who steals tells the next. That must not be missed: the task
 * that runs may wait inside of its poll for the one in the ring.
 *
 * Shutdown. `closed` stops spawns. A worker that finds nothing to do and that as many tasks are complete as were spawned sets `stop`. To
 * cancel, all that wait are woken: tasks that ever waited are in a list of the worker that polled them first; those that were never
 * polled are in some queue. A poll after `closed` is IMMEDIATE begins with future_cancel().
 *
 *   tag    order                                     pairs with                                 for
 *   EX-1   push: tail store release                  thief: tail load acquire                   the task in the slot, the task's future
 *   EX-2   thief: head cas release                   push: head load acquire                    the slots were read before they are written
 *   EX-3   inbox: cas release                        take: cas acquire                          the tasks, their futures
 *   EX-4   wake: or NOTIFIED acq_rel                 taken: add acq_rel; parked: sub acq_rel    what happened before the wake is visible to
 *                                                                                               the poll that it leads to; a poll to the next
 *   EX-5   complete: exchange acq_rel                join: load acquire                         the future's output
 *   EX-6   wakes: add release                        sleep: load acquire                        who sees the count sees push, stop, wake_pending
 *   EX-7   fence in is_quiescent()                   itself, on another worker                  who of several completes the last task
 *   EX-8   completed: store release                  is_quiescent(): load acquire               what the tasks did, for who has shut down
 *   EX-9   closed: store release                     is_quiescent(): load, and then EX-7's fence  what was spawned from outside is counted
 *   EX-10  fd: store release                         event_fd(): load acquire                   the eventfd is there, for those who wake
 *   EX-11  fence in tell_of_surplus()                fences in worker_sleep()                   no worker sleeps while a ring has more tasks than
 *                                                                                               its worker runs now
 */
#include "executor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "thread.h"

#define NOTIFIED 1U
#define RUNNING 2U
#define COMPLETE 4U
#define JOINED 8U
#define CANCEL 16U

#define INBOX_PERIOD 61 /* tasks between two looks into the inbox */
#define AGAIN_PERIOD 64 /* tasks between two of those that use no waker */
#define HELP_PERIOD 64	/* turns between two looks into the queues of others, by a worker that always has something to do */

#ifndef LOOKS_BEFORE_SLEEP
#define LOOKS_BEFORE_SLEEP 64
#endif

static char sleeping_mark;
#define SLEEPING ((void *)&sleeping_mark)

/* The worker that this thread is. */
#if defined(HASHLOOM_SCHEDULED)
static struct worker *workers_of_tasks[64];
#define current_worker workers_of_tasks[hl_schedule_task()]
#else
static __thread struct worker *current_worker __attribute__((tls_model("initial-exec")));
#endif

/* ---- lists ------------------------------------------------------------------------------------------ */

static void list_clear(struct task_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static inline void list_append(struct task_list *list, struct runtime_task *task)
{
	task->next = NULL;
	*list->end = task;
	list->end = &task->next;
}

/* The oldest, or NULL. */
static inline struct runtime_task *list_take(struct task_list *list)
{
	struct runtime_task *const task = list->first;

	if (task == NULL)
		return NULL;
	list->first = task->next;
	if (list->first == NULL)
		list->end = &list->first;
	return task;
}

static void count(hl_u64 *counter, uint64_t n)
{
	hl_u64_store_relaxed(counter, hl_u64_load_relaxed(counter) + n);
}

/* ---- rings ------------------------------------------------------------------------------------------ */

/* 1, or 0 when it is full. Only the owner pushes. */
static inline int ring_push(struct worker *worker, struct runtime_task *task)
{
	const uint32_t tail = hl_u32_load_relaxed(&worker->tail);

	/* acquire. pairs with [EX-2] in ring_steal() */
	if (tail - hl_u32_load_acquire(&worker->head) >= RING_SIZE)
		return 0;
	hl_ptr_store_relaxed(&worker->ring[tail % RING_SIZE], task);
	/* release. pairs with [EX-1] in ring_steal() */
	hl_u32_store_release(&worker->tail, tail + 1);
	return 1;
}

/* The oldest, or NULL. Only the owner pops. A turn is repeated when a thief was faster. */
static inline struct runtime_task *ring_pop(struct worker *worker)
{
	const uint32_t tail = hl_u32_load_relaxed(&worker->tail);
	uint32_t head = hl_u32_load_relaxed(&worker->head);

	while (head != tail) {
		struct runtime_task *const task = hl_ptr_load_relaxed(&worker->ring[head % RING_SIZE]);

		if (hl_u32_cas_relaxed(&worker->head, &head, head + 1))
			return task;
	}
	return NULL;
}

static uint32_t ring_count(const struct worker *worker)
{
	return hl_u32_load_relaxed(&worker->tail) - hl_u32_load_relaxed(&worker->head);
}

/* Half of what is in the victim's ring. Returns how many; 0: there is nothing, or somebody was faster. */
static uint32_t ring_steal(struct worker *victim, struct runtime_task **tasks)
{
	/* acquire: before the tail */
	uint32_t head = hl_u32_load_acquire(&victim->head);
	/* acquire. pairs with [EX-1] in ring_push() */
	const uint32_t available = hl_u32_load_acquire(&victim->tail) - head;
	const uint32_t n = available - available / 2;

	if (available == 0 || available > RING_SIZE)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		tasks[i] = hl_ptr_load_relaxed(&victim->ring[(head + i) % RING_SIZE]);
	/* release. pairs with [EX-2] in ring_push() */
	return hl_u32_cas_release(&victim->head, &head, head + n) ? n : 0;
}

/* ---- what does not fit into a ring ------------------------------------------------------------------ */

/* Tasks wait in the list. One that thieves take at this moment may still be counted. */
static inline int is_listed(const struct worker *worker)
{
	return worker->has_thieves ? hl_u32_load_relaxed(&worker->listed) != 0 : worker->list.first != NULL;
}

static int is_queued(const struct worker *worker)
{
	return ring_count(worker) != 0 || is_listed(worker);
}

/* By the owner, where there are thieves. Whether it is the first. */
HL_APART int listed_append(struct worker *worker, struct runtime_task *task)
{
	hl_lock_take(&worker->list_lock);
	const uint32_t listed = hl_u32_load_relaxed(&worker->listed);
	list_append(&worker->list, task);
	hl_u32_store_relaxed(&worker->listed, listed + 1);
	hl_lock_give(&worker->list_lock);
	return listed == 0;
}

/* Takes up to n_max, the oldest, but no more than half of them if they are stolen. Returns how many. */
static uint32_t listed_take(struct worker *worker, struct runtime_task **tasks, uint32_t n_max, int steals)
{
	uint32_t n = 0;

	hl_lock_take(&worker->list_lock);
	const uint32_t listed = hl_u32_load_relaxed(&worker->listed);
	const uint32_t most = steals ? listed - listed / 2 : listed;
	while (n < n_max && n < most)
		tasks[n++] = list_take(&worker->list);
	hl_u32_store_relaxed(&worker->listed, listed - n);
	hl_lock_give(&worker->list_lock);
	return n;
}

/* ---- waking workers --------------------------------------------------------------------------------- */

/* The eventfd, or -1. */
static int event_fd(const struct executor *executor)
{
	/* acquire. pairs with [EX-10] in runtime_fd() */
	return (int)hl_u32_load_acquire(&executor->fd) - 1;
}

/* A signal handler may come here. */
static void wake_sleepers(struct executor *executor, int sleepers)
{
	/* release. pairs with [EX-6] in worker_sleep() */
	hl_u32_fetch_add_release(&executor->wakes, 1);
	hl_futex_wake(&executor->wakes, sleepers);

	const int fd = event_fd(executor);
	if (fd >= 0) {
		const uint64_t one = 1;
		const int saved = errno;

		if (write(fd, &one, sizeof(one)) < 0) {
			/* EAGAIN: it is as readable as can be */
		}
		errno = saved;
	}
}

/* There are more tasks in this worker's ring and list than it runs now. */
static void tell_of_surplus(struct executor *executor)
{
	/* seq_cst. pairs with [EX-11] in worker_sleep(): push, then look for sleepers | count oneself, then look into the rings */
	hl_fence_seq_cst();
	if (hl_u32_load_relaxed(&executor->sleepers) == 0 || hl_u32_load_relaxed(&executor->wake_pending) != 0 ||
	    hl_u32_exchange_relaxed(&executor->wake_pending, 1) != 0)
		return;
	wake_sleepers(executor, 1);
}

/* Any thread, and signal handlers. Each failed turn is another's success. */
static void inbox_push(struct executor *executor, struct runtime_task *task)
{
	void *top = hl_ptr_load_relaxed(&executor->inbox);

	do
		task->next = top == SLEEPING ? NULL : top;
	/* release. pairs with [EX-3] in empty_inbox() */
	while (!hl_ptr_cas_release(&executor->inbox, &top, task));
	if (top == SLEEPING)
		wake_sleepers(executor, 1);
}

/* By the owner: a task that is to be polled. Others hear of it if more than so many are in the ring. */
static inline void enqueue(struct worker *worker, struct runtime_task *task, uint32_t own)
{
	if (!worker->has_thieves) {
		list_append(&worker->list, task);
		return;
	}
	/* Behind others in the list it is told of by who steals them. */
	if (is_listed(worker) || !ring_push(worker, task) ? listed_append(worker, task) : ring_count(worker) > own)
		tell_of_surplus(worker->executor);
}

/* What every waker of a task calls (EX-4): any thread, signal handlers, during the poll, twice. */
static void notify(struct runtime_task *task, uint32_t bits)
{
	/* acq_rel. pairs with [EX-4] in run() and park(). if relaxed: the poll may miss what the waker announces */
	const uint32_t before = hl_u32_fetch_or_acq_rel(&task->state, bits | NOTIFIED);

	if ((before & (NOTIFIED | RUNNING | COMPLETE)) == 0)
		inbox_push(&task->runtime->executor, task);
}

static void wake(void *task)
{
	struct worker *const worker = current_worker;

	if (worker != NULL && hl_ptr_load_relaxed(&worker->running) == task)
		hl_u32_store_relaxed(&worker->is_woken, 1);
	else
		notify(task, 0);
}

/* ---- running tasks ---------------------------------------------------------------------------------- */

/* A task will wait: those that wait can be found when the runtime is shut down. */
HL_APART void link_waiting(struct worker *worker, struct runtime_task *task)
{
	pthread_mutex_lock(&worker->waiting_lock);
	task->before = NULL;
	task->after = worker->waiting;
	if (worker->waiting != NULL)
		worker->waiting->before = task;
	worker->waiting = task;
	task->linked = 1 + worker->index;
	pthread_mutex_unlock(&worker->waiting_lock);
}

HL_APART void unlink_waiting(struct executor *executor, struct runtime_task *task)
{
	struct worker *const worker = &executor->workers[task->linked - 1];

	pthread_mutex_lock(&worker->waiting_lock);
	if (task->before == NULL)
		worker->waiting = task->after;
	else
		task->before->after = task->after;
	if (task->after != NULL)
		task->after->before = task->before;
	pthread_mutex_unlock(&worker->waiting_lock);
}

static int is_cancelling(const struct executor *executor)
{
	return hl_u32_load_relaxed(&executor->closed) == 1 + RUNTIME_SHUTDOWN_IMMEDIATE;
}

/* The future is complete. Nothing of the task is touched after its callback, or after the exchange. */
HL_APART void finish(struct worker *worker, struct runtime_task *task)
{
	const runtime_completed_fn completed = task->completed;

	if (task->linked != 0)
		unlink_waiting(worker->executor, task);
	/* acq_rel. pairs with [EX-5] in is_complete(); acquire: JOINED, and with it nothing */
	const uint32_t before = hl_u32_exchange_acq_rel(&task->state, COMPLETE);
	if (before & JOINED)
		hl_futex_wake(&task->state, INT_MAX);
	if (completed != NULL)
		completed(task);
	/* release. pairs with [EX-8] in is_quiescent() */
	hl_u64_store_release(&worker->completed, hl_u64_load_relaxed(&worker->completed) + 1);
	worker->has_progress = 1;
}

/* The task has taken its waker. */
static void park(struct worker *worker, struct runtime_task *task, uint32_t own)
{
	if (task->linked == 0) {
		link_waiting(worker, task);
		/* Whoever cancels all comes to the list before us, and we see that here, or finds us there. */
		if (is_cancelling(worker->executor))
			(void)hl_u32_fetch_or_relaxed(&task->state, NOTIFIED);
	}
	/* acq_rel. pairs with [EX-4] in notify(), and orders this poll before the next */
	if (hl_u32_fetch_sub_acq_rel(&task->state, RUNNING) & NOTIFIED)
		enqueue(worker, task, own);
}

/* Whether it is complete. If so many others are in the ring afterwards, this worker runs them next. */
HL_ALWAYS_INLINE int poll_task(struct worker *worker, struct runtime_task *task, uint32_t state, uint32_t own)
{
	struct future *const future = task->future;
	struct future_notifier *const notifier = &worker->notifier;

	notifier->waker = (struct future_waker){ task, wake };
	notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	if (HL_UNLIKELY((state & CANCEL) || is_cancelling(worker->executor)))
		future_cancel(future);
	count(&worker->polls, 1);
	/* a signal handler on this thread sees them in this order */
	hl_u32_store_relaxed(&worker->is_woken, 0);
	hl_fence_signal();
	hl_ptr_store_relaxed(&worker->running, task);
	hl_fence_signal();
	const enum future_state result = future_poll(future, notifier);
	hl_ptr_store_relaxed(&worker->running, NULL);
	hl_fence_signal();

	if (result == FUTURE_STATE_COMPLETE)
		finish(worker, task);
	else if (hl_u32_load_relaxed(&worker->is_woken))
		enqueue(worker, task, own);
	else if (future->context.padding & HL_FUTURE_WENT_ON)
		/* A chain that went on to another entry: only that one's next poll tells what it waits for. */
		enqueue(worker, task, own);
	else if (result == FUTURE_STATE_RUNNING && notifier->notifier_used == FUTURE_NOTIFIER_WAKER)
		park(worker, task, own);
	else
		list_append(&worker->again, task);
	return result == FUTURE_STATE_COMPLETE;
}

/*
 * Polls a task from a queue or the list `again`; whether it is complete. One that yielded, or uses no waker, is RUNNING all the time; but it may
 * have been woken, by runtime_cancel() too.
 */
HL_ALWAYS_INLINE int run(struct worker *worker, struct runtime_task *task, uint32_t own)
{
	uint32_t state = hl_u32_load_relaxed(&task->state);

	hl_assert((state & (NOTIFIED | RUNNING)) != 0 && (state & COMPLETE) == 0);
	if (!(state & RUNNING)) {
		/* acq_rel. pairs with [EX-4] in notify() and park() */
		state = hl_u32_fetch_add_acq_rel(&task->state, RUNNING - NOTIFIED);
	} else if (HL_UNLIKELY(state & NOTIFIED)) {
		/* acquire. pairs with [EX-4] in notify() */
		state = hl_u32_fetch_and_acquire(&task->state, ~NOTIFIED);
		worker->has_progress = 1;
	}
	return poll_task(worker, task, state, own);
}

/* The same; what comes next is not of the own queue. */
HL_APART void run_apart(struct worker *worker, struct runtime_task *task)
{
	if (worker->has_thieves && is_queued(worker))
		tell_of_surplus(worker->executor);
	(void)run(worker, task, 0);
}

/* ---- finding tasks ---------------------------------------------------------------------------------- */

static int is_stack_empty(const void *top)
{
	return top == NULL || top == SLEEPING;
}

/* Says in the inbox that a push must wake somebody. 0: there are tasks. */
static int announce_sleep(struct executor *executor)
{
	void *expected = NULL;

	return hl_ptr_cas_relaxed(&executor->inbox, &expected, SLEEPING) || expected == SLEEPING;
}

/* What has come from outside, newest first, or NULL. Each failed turn is another's success. */
static struct runtime_task *take_inbox(struct worker *worker)
{
	struct executor *const executor = worker->executor;
	void *top = hl_ptr_load_relaxed(&executor->inbox);
	void *mark;

	do {
		if (is_stack_empty(top))
			return NULL;
		mark = hl_u32_load_relaxed(&executor->sleepers) > 0 ? SLEEPING : NULL;
	/* acquire. pairs with [EX-3] in inbox_push() */
	} while (!hl_ptr_cas_acquire(&executor->inbox, &top, mark));
	if (mark == NULL && worker->has_thieves) {
		/* If the top has gone and come back since the look at the sleepers, some may sleep by now, behind SLEEPING that is gone. */
		hl_fence_seq_cst(); /* pairs with [EX-11] in worker_sleep(): it counts itself, and then announces */
		if (hl_u32_load_relaxed(&executor->sleepers) > 0 && !announce_sleep(executor))
			wake_sleepers(executor, 1);
	}
	return top;
}

/* What has come from outside is queued, oldest first. */
static void empty_inbox(struct worker *worker)
{
	struct runtime_task *oldest = NULL;
	for (struct runtime_task *task = take_inbox(worker), *below; task != NULL; task = below) {
		below = task->next;
		task->next = oldest;
		oldest = task;
	}
	for (struct runtime_task *task = oldest, *after; task != NULL; task = after) {
		after = task->next;
		enqueue(worker, task, 1);
	}
}

/* The first of some tasks; the others go into the ring, which is empty. */
static struct runtime_task *fill_ring(struct worker *worker, struct runtime_task **tasks, uint32_t n)
{
	/* Where it is empty. acquire. pairs with [EX-2] in ring_steal() */
	const uint32_t tail = hl_u32_load_acquire(&worker->head);

	for (uint32_t i = 1; i < n; i++)
		hl_ptr_store_relaxed(&worker->ring[(tail + i - 1) % RING_SIZE], tasks[i]);
	/* release. pairs with [EX-1] in ring_steal() */
	hl_u32_store_release(&worker->tail, tail + n - 1);
	return tasks[0];
}

/* Somebody has more than it runs now. */
static int has_surplus(const struct executor *executor)
{
	for (unsigned i = 0; i < executor->workers_count; i++)
		if (is_queued(&executor->workers[i]))
			return 1;
	return 0;
}

/* Half of what the next one has that has something. Returns how many, 0: none. */
static uint32_t take_of_others(struct worker *worker, struct runtime_task **tasks)
{
	struct executor *const executor = worker->executor;
	uint32_t n = 0;

	for (unsigned i = 1; i < executor->workers_count && n == 0; i++) {
		struct worker *const victim = &executor->workers[(worker->index + i) % executor->workers_count];

		n = ring_steal(victim, tasks);
		if (n == 0 && is_listed(victim))
			n = listed_take(victim, tasks, RING_SIZE / 2, 1);
	}
	count(&worker->stolen, n);
	return n;
}

/* By a worker that has nothing. */
static struct runtime_task *steal(struct worker *worker)
{
	struct runtime_task *tasks[RING_SIZE];
	const uint32_t n = take_of_others(worker, tasks);

	if (n == 0)
		return NULL;
	struct runtime_task *const task = fill_ring(worker, tasks, n);
	/* Who woke this worker woke no other, and others may have found wake_pending set. */
	if (has_surplus(worker->executor))
		tell_of_surplus(worker->executor);
	return task;
}

/* By a worker that never has nothing: another one may wait inside of a poll for what is in its own queue. */
HL_APART void help(struct worker *worker)
{
	struct runtime_task *tasks[RING_SIZE];
	const uint32_t n = take_of_others(worker, tasks);

	worker->steps_since_help = 0;
	for (uint32_t i = 0; i < n; i++)
		enqueue(worker, tasks[i], 1);
}

/* The ring is empty: from what did not fit into it. */
HL_APART struct runtime_task *refill(struct worker *worker)
{
	struct runtime_task *tasks[RING_SIZE];
	const uint32_t n = listed_take(worker, tasks, RING_SIZE, 0);

	if (n == 0)
		return NULL;
	struct runtime_task *const task = fill_ring(worker, tasks, n);
	if (is_queued(worker))
		tell_of_surplus(worker->executor);
	return task;
}

static inline struct runtime_task *take_own(struct worker *worker)
{
	if (!worker->has_thieves)
		return list_take(&worker->list);
	struct runtime_task *const task = ring_pop(worker);

	return task != NULL || !is_listed(worker) ? task : refill(worker);
}

/* Polls each of those that use no waker once. Returns for how long to pause, 0: go on. */
static uint64_t run_round(struct worker *worker)
{
	/* those that are appended meanwhile are the next round's */
	struct task_list round = worker->again;
	size_t n = 0;

	list_clear(&worker->again);
	for (struct runtime_task *task; (task = list_take(&round)) != NULL; n++)
		run_apart(worker, task);
	/* also that of tasks between the rounds, and of those that woke themselves */
	if (worker->has_progress || is_queued(worker)) {
		worker->has_progress = 0;
		worker->backoff = (struct hl_backoff){ 0, 0, 0 };
		return 0;
	}
	/* One that was enqueued again may be a thief's by now, or gone, and its word with it. */
	return hl_backoff_pause_ns(&worker->backoff, n, worker->again.first == NULL ? NULL : hl_backoff_word(&worker->notifier));
}

/* Runs up to n_max tasks of the own queue, or until one that has ended may be the one that is joined. Returns how many. */
static size_t run_own(struct worker *worker, size_t n_max)
{
	struct runtime_task *task;
	size_t n = 0;

	while (n < n_max && (task = take_own(worker)) != NULL) {
		n++;
		if (run(worker, task, 1) && worker->is_joining)
			break;
	}
	return n;
}

/*
 * Runs some tasks, at most n_max, or a round, which counts as one. Returns how many; 0: there is nothing to do, for *pause_ns, or, if that is 0,
 * until somebody wakes.
 */
static size_t step(struct worker *worker, size_t n_max, uint64_t *pause_ns)
{
	empty_inbox(worker);
	size_t n = run_own(worker, n_max < INBOX_PERIOD ? n_max : INBOX_PERIOD);
	struct runtime_task *const stolen = n == 0 ? steal(worker) : NULL;

	*pause_ns = 0;
	if (stolen != NULL) {
		run_apart(worker, stolen);
		n = 1;
	}
	if (n > 0) {
		worker->has_progress = 1;
		if (worker->has_thieves && ++worker->steps_since_help >= HELP_PERIOD)
			help(worker);
		/* none is owed to those that come later */
		worker->tasks_since_again = worker->again.first == NULL ? 0 : worker->tasks_since_again + n;
		for (; worker->tasks_since_again >= AGAIN_PERIOD && worker->again.first != NULL; worker->tasks_since_again -= AGAIN_PERIOD)
			run_apart(worker, list_take(&worker->again));
		return n;
	}
	if (worker->again.first == NULL)
		return 0;
	worker->tasks_since_again = 0;
	*pause_ns = run_round(worker);
	return *pause_ns == 0;
}

/* ---- sleeping --------------------------------------------------------------------------------------- */

/* Closed, and nothing is left. Who has completed the last task gets 1 here, if not before. */
static int is_quiescent(struct executor *executor)
{
	uint64_t completed = 0, spawned = 0;

	/* relaxed, which the fence makes an acquire. pairs with [EX-9] in runtime_shutdown(). otherwise: 0 of 1 are complete, 0 were spawned */
	if (hl_u32_load_relaxed(&executor->closed) == 0)
		return 0;
	/* seq_cst. pairs with [EX-7]: what was completed here before what others have completed */
	hl_fence_seq_cst();
	for (unsigned i = 0; i < executor->workers_count; i++)
		/* acquire. pairs with [EX-8] in finish() */
		completed += hl_u64_load_acquire(&executor->workers[i].completed);
	for (unsigned i = 0; i < executor->workers_count; i++)
		spawned += hl_u64_load_relaxed(&executor->workers[i].spawned);
	return completed == spawned + hl_u64_load_relaxed(&executor->spawned_outside);
}

/* Sleeps until a push, a surplus or stop, or for pause_ns, if that is not 0. May return for nothing. */
static void worker_sleep(struct worker *worker, uint64_t pause_ns)
{
	struct executor *const executor = worker->executor;

	for (unsigned looks = 0; pause_ns == 0 && looks < LOOKS_BEFORE_SLEEP; looks++) {
		if (!is_stack_empty(hl_ptr_load_relaxed(&executor->inbox)))
			return;
		hl_relax();
	}
	/* acquire: before wake_pending is cleared, and the inbox changed. pairs with [EX-6] in wake_sleepers() */
	const uint32_t wakes = hl_u32_load_acquire(&executor->wakes);

	hl_u32_fetch_add_relaxed(&executor->sleepers, 1);
	hl_u32_store_relaxed(&executor->wake_pending, 0);
	/* seq_cst. pairs with [EX-11] in tell_of_surplus() */
	hl_fence_seq_cst();
	/* What was done before the `wakes` that was read is seen here: the end, too. */
	if (announce_sleep(executor) && !hl_u32_load_relaxed(&executor->stop) && !has_surplus(executor) &&
	    (pause_ns != 0 || !is_quiescent(executor))) {
		count(&worker->sleeps, 1);
		hl_futex_wait(&executor->wakes, wakes, pause_ns);
	}
	hl_u32_fetch_sub_relaxed(&executor->sleepers, 1);
	hl_u32_store_relaxed(&executor->wake_pending, 0);
	hl_fence_seq_cst(); /* pairs with [EX-11] in tell_of_surplus(): who found wake_pending set is found by the look that follows */
	if (pause_ns != 0)
		hl_backoff_awake(&worker->backoff);
}

/* ---- shutdown --------------------------------------------------------------------------------------- */

/* Those that wait are polled once more, and cancelled before. */
static void wake_all_waiting(struct executor *executor)
{
	for (unsigned i = 0; i < executor->workers_count; i++) {
		struct worker *const worker = &executor->workers[i];

		pthread_mutex_lock(&worker->waiting_lock);
		for (struct runtime_task *task = worker->waiting; task != NULL; task = task->after)
			notify(task, 0);
		pthread_mutex_unlock(&worker->waiting_lock);
	}
}

static void stop_workers(struct executor *executor)
{
	hl_u32_store_relaxed(&executor->stop, 1);
	wake_sleepers(executor, INT_MAX);
}

static void *worker_main(void *argument)
{
	struct worker *const worker = argument;
	struct executor *const executor = worker->executor;
	uint64_t pause_ns;

	current_worker = worker;
	/* Ends when the executor is stopped. */
	while (!hl_u32_load_relaxed(&executor->stop)) {
		if (step(worker, SIZE_MAX, &pause_ns) > 0)
			continue;
		if (pause_ns == 0 && is_quiescent(executor))
			stop_workers(executor);
		else
			worker_sleep(worker, pause_ns);
	}
	current_worker = NULL;
	return NULL;
}

/* ---- start and stop --------------------------------------------------------------------------------- */

int hl_executor_start(struct runtime *runtime, unsigned threads_count)
{
	struct executor *const executor = &runtime->executor;
	struct worker *const workers = runtime->workers;

	executor->workers = workers;
	executor->workers_count = threads_count == 0 ? 1 : threads_count;
	for (unsigned i = 0; i < executor->workers_count; i++) {
		workers[i].executor = executor;
		workers[i].index = i;
		workers[i].has_thieves = threads_count > 1;
		list_clear(&workers[i].list);
		list_clear(&workers[i].again);
		pthread_mutex_init(&workers[i].waiting_lock, NULL);
	}
	/* Written before the first thread runs: all that thieves look at is there. */
	executor->threads_count = threads_count;
	for (unsigned i = 0; i < threads_count; i++) {
		if (hl_thread_start(&workers[i].thread, NULL, worker_main, &workers[i]) == 0)
			continue;
		stop_workers(executor);
		while (i-- > 0)
			pthread_join(workers[i].thread, NULL);
		executor->threads_count = 0;
		return HASHLOOM_ERROR_NO_MEMORY;
	}
	return HASHLOOM_OK;
}

/* Without threads: the caller runs what is left. */
static void drive_to_the_end(struct executor *executor)
{
	struct worker *const worker = &executor->workers[0];
	struct worker *const before = current_worker;
	uint64_t pause_ns;

	current_worker = worker;
	for (;;) {
		if (step(worker, SIZE_MAX, &pause_ns) > 0)
			continue;
		if (pause_ns == 0 && is_quiescent(executor))
			break;
		worker_sleep(worker, pause_ns);
	}
	current_worker = before;
}

void runtime_shutdown(struct runtime *runtime, enum runtime_shutdown how)
{
	struct executor *const executor = &runtime->executor;

	if (hl_u32_load_relaxed(&executor->stop))
		return;
	/* release. pairs with [EX-9] in is_quiescent() */
	hl_u32_store_release(&executor->closed, 1 + how);
	if (how == RUNTIME_SHUTDOWN_IMMEDIATE)
		wake_all_waiting(executor);
	if (executor->threads_count == 0) {
		drive_to_the_end(executor);
		hl_u32_store_relaxed(&executor->stop, 1);
		return;
	}
	wake_sleepers(executor, INT_MAX);
	for (unsigned i = 0; i < executor->threads_count; i++)
		pthread_join(executor->workers[i].thread, NULL);
}

void hl_executor_stop(struct runtime *runtime)
{
	struct executor *const executor = &runtime->executor;

	for (unsigned i = 0; i < executor->workers_count; i++)
		pthread_mutex_destroy(&executor->workers[i].waiting_lock);
	if (event_fd(executor) >= 0)
		close(event_fd(executor));
}

/* ---- API -------------------------------------------------------------------------------------------- */

int runtime_spawn(struct runtime *runtime, struct runtime_task *task, struct future *future, runtime_completed_fn completed)
{
	struct executor *const executor = &runtime->executor;
	struct worker *const worker = current_worker;

	if (HL_UNLIKELY(hl_u32_load_relaxed(&executor->closed) != 0))
		return HASHLOOM_ERROR_CLOSED;
	task->runtime = runtime;
	task->future = future;
	task->completed = completed;
	task->linked = 0;
	hl_u32_store_relaxed(&task->state, NOTIFIED);
	if (worker != NULL && worker->executor == executor) {
		count(&worker->spawned, 1);
		enqueue(worker, task, 0);
	} else {
		hl_u64_fetch_add_relaxed(&executor->spawned_outside, 1);
		inbox_push(executor, task);
	}
	return HASHLOOM_OK;
}

int runtime_is_complete(const struct runtime_task *task)
{
	/* acquire. pairs with [EX-5] in finish() */
	return (hl_u32_load_acquire(&task->state) & COMPLETE) != 0;
}

/* To the event loop that drives this runtime, if there is one: what is ready, and what comes after this. */
static void signal_what_is_left(struct worker *worker)
{
	struct executor *const executor = worker->executor;

	if (event_fd(executor) >= 0 && (is_listed(worker) || !announce_sleep(executor)))
		wake_sleepers(executor, INT_MAX);
}

static void join_by_driving(struct executor *executor, struct runtime_task *task)
{
	struct worker *const worker = &executor->workers[0];
	struct worker *const before = current_worker;
	uint64_t pause_ns = 0;

	current_worker = worker;
	worker->is_joining = 1;
	while (!runtime_is_complete(task))
		if (step(worker, SIZE_MAX, &pause_ns) == 0)
			worker_sleep(worker, pause_ns);
	worker->is_joining = 0;
	current_worker = before;
	worker->pause_ns = pause_ns;
	signal_what_is_left(worker);
}

void runtime_join(struct runtime_task *task)
{
	/* then the runtime may be gone */
	if (runtime_is_complete(task))
		return;
	struct executor *const executor = &task->runtime->executor;

	if (executor->threads_count == 0) {
		join_by_driving(executor, task);
		return;
	}
	while (!runtime_is_complete(task)) {
		const uint32_t state = hl_u32_fetch_or_relaxed(&task->state, JOINED) | JOINED;

		if (!(state & COMPLETE))
			hl_futex_wait(&task->state, state, 0);
	}
}

void runtime_cancel(struct runtime_task *task)
{
	/* then the runtime may be gone */
	if (runtime_is_complete(task))
		return;
	/* Afterwards the task may be complete, and gone. */
	struct executor *const executor = &task->runtime->executor;

	notify(task, CANCEL);
	/* It may be one that is polled in turn, by a worker that pauses, or by an event loop. */
	if (hl_u32_load_relaxed(&executor->sleepers) > 0 || event_fd(executor) >= 0)
		wake_sleepers(executor, INT_MAX);
}

size_t runtime_run_ready(struct runtime *runtime, size_t steps_max)
{
	struct executor *const executor = &runtime->executor;
	struct worker *const worker = &executor->workers[0];
	struct worker *const before = current_worker;
	const uint64_t polls = hl_u64_load_relaxed(&worker->polls);
	uint64_t pause_ns = 0, signals;
	size_t n;

	if (executor->threads_count > 0)
		return 0;
	if (event_fd(executor) >= 0 && read(event_fd(executor), &signals, sizeof(signals)) < 0) {
		/* EAGAIN: nobody has signalled */
	}
	if (worker->pause_ns != 0)
		hl_backoff_awake(&worker->backoff);
	current_worker = worker;
	while (steps_max > 0 && (n = step(worker, steps_max, &pause_ns)) > 0)
		steps_max -= n;
	current_worker = before;
	worker->pause_ns = pause_ns;
	signal_what_is_left(worker);
	return (size_t)(hl_u64_load_relaxed(&worker->polls) - polls);
}

uint64_t runtime_timeout_ns(const struct runtime *runtime)
{
	const struct executor *const executor = &runtime->executor;
	const struct worker *const worker = &executor->workers[0];

	if (executor->threads_count > 0)
		return UINT64_MAX;
	if (is_listed(worker) || !is_stack_empty(hl_ptr_load_relaxed(&executor->inbox)))
		return 0;
	return worker->again.first != NULL ? worker->pause_ns : UINT64_MAX;
}

int runtime_fd(struct runtime *runtime)
{
	struct executor *const executor = &runtime->executor;

	if (executor->threads_count > 0)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	if (event_fd(executor) < 0) {
		const int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

		/* release. pairs with [EX-10] in event_fd() */
		hl_u32_store_release(&executor->fd, (uint32_t)(fd + 1));
	}
	return event_fd(executor) >= 0 ? event_fd(executor) : HASHLOOM_ERROR_NO_MEMORY;
}

void runtime_stats(const struct runtime *runtime, struct runtime_statistics *stats)
{
	const struct executor *const executor = &runtime->executor;

	*stats = (struct runtime_statistics){ .spawned = hl_u64_load_relaxed(&executor->spawned_outside) };
	for (unsigned i = 0; i < executor->workers_count; i++) {
		const struct worker *const worker = &executor->workers[i];

		stats->completed += hl_u64_load_relaxed(&worker->completed);
		stats->spawned += hl_u64_load_relaxed(&worker->spawned);
		stats->polls += hl_u64_load_relaxed(&worker->polls);
		stats->stolen += hl_u64_load_relaxed(&worker->stolen);
		stats->sleeps += hl_u64_load_relaxed(&worker->sleeps);
	}
	stats->workers = executor->threads_count;
}
