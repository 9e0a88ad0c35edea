/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * runtime.c: polls what is due, sleeps otherwise.
 *
 * Each call of runtime_wait_multiple() holds a session: a slot for each future, which its waker points to, a
 * stack of woken slots, and two sets of indices. Sessions and slots belong to the runtime and are freed with it, so that
 * a waker that comes late finds memory (R.6).
 *
 * A future's index is in one of three states, which only the waiting thread changes:
 *
 *     DUE      its bit is set in `due`: it is polled in the next round
 *     WAITING  slot.waiting: it returned RUNNING and has taken the waker
 *     DONE     neither
 *
 *       start --> DUE --- RUNNING with the waker taken ---> WAITING
 *                 | ^------- woken, found on the stack ----'
 *                 '--- COMPLETE, or the same future stands earlier in the array ---> DONE
 *
 * A slot's word `woken` and the session's words are all that other threads touch:
 *
 *     slot.woken      0 -> 1 by a waker, who then pushes the slot; 1 -> 0 by the waiting thread, after it took the slot off the
 *                     stack and before it polls. So a wake during the poll pushes the slot again (R.1).
 *     session.ready   the top of the stack, NULL, or SLEEPING. The waiting thread takes the whole stack by an exchange, so
 *                     that no ABA problem arises; it alone puts SLEEPING, when the stack is empty. A waker that
 *                     replaces SLEEPING wakes the thread.
 *     session.wakes   the futex: counts the wakers that replaced SLEEPING.
 *
 *   tag    order                                   pairs with                       for
 *   RT-1   wake(): exchange woken acq_rel          take_woken(): exchange acq_rel   what happened before a wake is
 *                                                                                   visible to the poll it leads to, also
 *                                                                                   of a waker that found woken = 1
 *   RT-2   wake(): cas ready release               take_woken(): exchange acquire   slot.next
 *   RT-3   wake(): fetch_add wakes release         sleep_until_woken(): load acquire  who sees the count sees the push
 *   RT-4   session.in_use acquire / release        each other                       the session's plain members
 *   RT-5   runtime.sessions release                its loads, acquire               a new session's members
 *
 * Order within a round (R.3) comes from the sets: bits, 64 to a word, with a word of summary for each 64 words, and so on to
 * one word. Finding the next one costs a few instructions a level, so neither sorting nor walking
 * over those that wait is needed (R.5).
 */
#include <hashloom/runtime.h>

#include <errno.h>
#include <stdlib.h>

#include "backoff.h"
#include "executor.h"
#include "futex.h"

#define WORD_BITS 64
#define LEVELS_MAX 7
#define SLOTS_MIN 64
#define PREFETCH_DISTANCE 8
#define PREFETCH_FROM 512 /* futures: fewer stay in the caches */
#define PREFETCH_BYTES_MAX 512

/* How often the stack is looked at before the thread sleeps: about a microsecond or two. */
#ifndef LOOKS_BEFORE_SLEEP
#define LOOKS_BEFORE_SLEEP 64
#endif

struct session;

struct slot {
	struct session *session;
	struct slot *next; /* below this one on the stack */
	size_t index;
	hl_u32 woken;
	uint32_t waiting;
};

struct slot_block {
	struct slot_block *older; /* smaller ones, which late wakers may still point to */
	size_t count;
	struct slot slots[];
};

/* A set of indices below a capacity. The last level is one word. */
struct index_set {
	uint64_t *levels[LEVELS_MAX];
	size_t words_count[LEVELS_MAX];
	unsigned levels_count;
};

struct session {
	hl_ptr ready;
	hl_u32 wakes;
	hl_u32 in_use;
	struct session *next; /* of the runtime's list; written once */

	/* Only the thread that holds the session touches what follows. */
	struct slot_block *block;
	uint64_t *words; /* of both sets */
	struct index_set due;
	struct index_set later; /* due in this round, after those with the property */
	struct future **futures;
	size_t futures_count;
	size_t due_count;
	size_t remaining;
	const uint64_t *word; /* that the future polled last waits for, or NULL */
	int first_round;
	int progress;
};

static char sleeping_mark;
#define SLEEPING ((void *)&sleeping_mark)

/* ---- sets of indices ------------------------------------------------------------------------------ */

static size_t words_for(size_t bits)
{
	return (bits + WORD_BITS - 1) / WORD_BITS;
}

/* Words that a set of this capacity takes, all levels together; at least two levels. */
static size_t set_words(size_t capacity)
{
	size_t sum = 0;

	do {
		capacity = words_for(capacity);
		sum += capacity;
	} while (capacity > 1);
	return sum + 1; /* the second level of a set of one word */
}

static void set_layout(struct index_set *set, uint64_t *words, size_t capacity)
{
	unsigned level = 0;

	do {
		hl_assert(level < LEVELS_MAX);
		capacity = words_for(capacity);
		set->levels[level] = words;
		set->words_count[level] = capacity;
		words += capacity;
		level++;
	} while (capacity > 1 || level == 1);
	set->levels_count = level;
}

/* Marks a word, whose bits were all clear before, as not empty. */
static void set_mark_word(struct index_set *set, size_t word)
{
	for (unsigned level = 1; level < set->levels_count; level++) {
		uint64_t *const summary = &set->levels[level][word / WORD_BITS];
		const uint64_t before = *summary;

		*summary = before | (uint64_t)1 << word % WORD_BITS;
		if (before != 0)
			return;
		word /= WORD_BITS;
	}
}

/* Marks a word, whose bits are all clear now, as empty. */
static void set_unmark_word(struct index_set *set, size_t word)
{
	for (unsigned level = 1; level < set->levels_count; level++) {
		uint64_t *const summary = &set->levels[level][word / WORD_BITS];

		*summary &= ~((uint64_t)1 << word % WORD_BITS);
		if (*summary != 0)
			return;
		word /= WORD_BITS;
	}
}

static void set_add(struct index_set *set, size_t index)
{
	uint64_t *const word = &set->levels[0][index / WORD_BITS];
	const uint64_t before = *word;

	*word = before | (uint64_t)1 << index % WORD_BITS;
	if (before == 0)
		set_mark_word(set, index / WORD_BITS);
}

static void set_remove(struct index_set *set, size_t index)
{
	uint64_t *const word = &set->levels[0][index / WORD_BITS];

	*word &= ~((uint64_t)1 << index % WORD_BITS);
	if (*word == 0)
		set_unmark_word(set, index / WORD_BITS);
}

/* The first word, from this one on, that is not empty: 1 and *word, or 0. Climbs until a summary has one, descends to it. */
static int set_next_word(const struct index_set *set, size_t *word)
{
	size_t at = *word;

	for (unsigned level = 1; level < set->levels_count; level++) {
		const size_t summary = at / WORD_BITS;
		const uint64_t bits = summary >= set->words_count[level] ?
					      0 :
					      set->levels[level][summary] & UINT64_MAX << at % WORD_BITS;

		if (bits != 0) {
			at = summary * WORD_BITS + (size_t)__builtin_ctzll(bits);
			while (--level > 0)
				at = at * WORD_BITS + (size_t)__builtin_ctzll(set->levels[level][at]);
			*word = at;
			return 1;
		}
		at = summary + 1;
	}
	return 0;
}

/* ---- wakers --------------------------------------------------------------------------------------- */

/* What every waker calls: any thread, any time until runtime_delete(). */
static void wake(void *data)
{
	struct slot *const slot = data;
	struct session *const session = slot->session;

	/* acq_rel. pairs with [RT-1] in take_woken(). if relaxed: the poll may miss what the waker announces */
	if (hl_u32_exchange_acq_rel(&slot->woken, 1) != 0)
		return;

	void *top = hl_ptr_load_relaxed(&session->ready);
	do
		slot->next = top == SLEEPING ? NULL : top;
	/* release. pairs with [RT-2] in take_woken(). orders slot->next before the push */
	while (!hl_ptr_cas_release(&session->ready, &top, slot));

	if (top == SLEEPING) {
		/* release. pairs with [RT-3] in sleep_until_woken(). orders the push before the count */
		hl_u32_fetch_add_release(&session->wakes, 1);
		hl_futex_wake(&session->wakes, 1);
	}
}

/* Moves what was woken from the stack into the set of those due. */
static void take_woken(struct session *session)
{
	if (hl_ptr_load_relaxed(&session->ready) == NULL)
		return;
	/* acquire. pairs with [RT-2] in wake() */
	struct slot *slot = hl_ptr_exchange_acquire(&session->ready, NULL);

	hl_assert((void *)slot != SLEEPING);
	while (slot != NULL) {
		struct slot *const next = slot->next;

		/* acq_rel. pairs with [RT-1] in wake(). from here on a wake pushes the slot again */
		(void)hl_u32_exchange_acq_rel(&slot->woken, 0);
		if (slot->waiting) {
			slot->waiting = 0;
			set_add(&session->due, slot->index);
			session->due_count++;
			session->progress = 1;
		}
		slot = next;
	}
}

/*
 * Sleeps until a waker pushes something (timeout_ns 0), or until that, the time is over, or a signal came: whoever gives a time looks
 * at the clock again.
 */
static void sleep_until_woken(struct session *session, uint64_t timeout_ns)
{
	/* acquire. if relaxed: the count could be read after SLEEPING was set, and be that of the very wake that is waited for */
	uint32_t wakes = hl_u32_load_acquire(&session->wakes);
	void *expected = NULL;

	/* relaxed, as those below: take_woken() acquires what was pushed */
	if (!hl_ptr_cas_relaxed(&session->ready, &expected, SLEEPING))
		return;
	/* Ends when a waker replaced SLEEPING; each turn sleeps until the count moves. */
	while (hl_ptr_load_relaxed(&session->ready) == SLEEPING) {
		hl_futex_wait(&session->wakes, wakes, timeout_ns);
		if (timeout_ns != 0) {
			expected = SLEEPING;
			(void)hl_ptr_cas_relaxed(&session->ready, &expected, NULL);
			return;
		}
		/* acquire. pairs with [RT-3] in wake(). if relaxed: the push may be missed, and the count already seen */
		wakes = hl_u32_load_acquire(&session->wakes);
	}
}

/* Nothing is due: wait for a waker, at first with open eyes. */
static void wait_for_waker(struct session *session)
{
	for (unsigned looks = 0; looks < LOOKS_BEFORE_SLEEP; looks++) {
		if (hl_ptr_load_relaxed(&session->ready) != NULL)
			return;
		hl_relax();
	}
	sleep_until_woken(session, 0);
}

/* A round was fruitless. */
static void pause_after_fruitless_round(struct hl_backoff *backoff, struct session *session)
{
	const uint64_t pause_ns = hl_backoff_pause_ns(backoff, session->due_count, session->word);

	if (pause_ns == 0)
		return;
	sleep_until_woken(session, pause_ns);
	hl_backoff_awake(backoff);
}

/* ---- rounds --------------------------------------------------------------------------------------- */

static void leave_due(struct session *session, size_t index)
{
	set_remove(&session->due, index);
	session->due_count--;
}

static void finish(struct session *session, size_t index)
{
	struct future_context *const context = &session->futures[index]->context;

	if (context->state == FUTURE_STATE_COMPLETE)
		context->padding &= ~HL_FUTURE_IN_WAIT;
	leave_due(session, index);
	session->remaining--;
	session->progress = 1;
}

/*
 * The mark HL_FUTURE_IN_WAIT finds futures that stand in the array twice: only the first one's slot would
 * be woken. It is set in the first round, in which each index is polled once, and cleared on completion.
 */
static int stands_earlier(struct session *session, struct future *future)
{
	if (!session->first_round)
		return 0;
	if (future->context.padding & HL_FUTURE_IN_WAIT)
		return 1;
	future->context.padding |= HL_FUTURE_IN_WAIT;
	return 0;
}

static void poll_index(struct session *session, size_t index)
{
	struct future *const future = session->futures[index];

	if (future->context.state == FUTURE_STATE_COMPLETE || stands_earlier(session, future)) {
		finish(session, index);
		return;
	}
	struct slot *const slot = &session->block->slots[index];
	struct future_notifier notifier = { .waker = { slot, wake },
					    .poller = { NULL },
					    .notifier_used = FUTURE_NOTIFIER_NONE,
					    .padding = 0 };
	const enum future_state state = future_poll(future, &notifier);

	session->word = hl_backoff_word(&notifier);
	if (state == FUTURE_STATE_COMPLETE) {
		finish(session, index);
	} else if (future->context.padding & HL_FUTURE_WENT_ON) {
		session->progress = 1;
	} else if (state == FUTURE_STATE_RUNNING && notifier.notifier_used == FUTURE_NOTIFIER_WAKER) {
		slot->waiting = 1;
		leave_due(session, index);
	}
}

/*
 * Futures of a long array have left the nearest cache before their turn comes again. The first line of one a few places ahead is asked for,
 * and, when that has come, the lines behind it, as many as the future's sizes say.
 */
static inline void prefetch_ahead(const struct session *session, size_t index)
{
	const size_t far = index + PREFETCH_DISTANCE;
	const size_t near = index + PREFETCH_DISTANCE / 2;

	if (session->futures_count < PREFETCH_FROM || far >= session->futures_count)
		return;
	__builtin_prefetch(session->futures[far]);

	const struct future *const future = session->futures[near];
	const size_t size = sizeof(*future) + future->context.data_size + future->context.output_size;
	const size_t limit = size < PREFETCH_BYTES_MAX ? size : PREFETCH_BYTES_MAX;
	for (size_t offset = HL_CACHE_LINE; offset < limit; offset += HL_CACHE_LINE)
		__builtin_prefetch((const char *)future + offset);
}

/* Polls what has the property, leaves the others for poll_others(). */
static void poll_async(struct session *session)
{
	for (size_t word = 0; set_next_word(&session->due, &word); word++) {
		uint64_t others = 0;

		for (uint64_t bits = session->due.levels[0][word]; bits != 0; bits &= bits - 1) {
			const size_t index = word * WORD_BITS + (size_t)__builtin_ctzll(bits);

			prefetch_ahead(session, index);
			if (future_has_property(session->futures[index], FUTURE_PROPERTY_ASYNC) == 1)
				poll_index(session, index);
			else
				others |= bits & -bits;
		}
		session->later.levels[0][word] = others;
		if (others != 0)
			set_mark_word(&session->later, word);
	}
}

static void poll_others(struct session *session)
{
	for (size_t word = 0; set_next_word(&session->later, &word); word++) {
		uint64_t bits = session->later.levels[0][word];

		session->later.levels[0][word] = 0;
		set_unmark_word(&session->later, word);
		for (; bits != 0; bits &= bits - 1) {
			const size_t index = word * WORD_BITS + (size_t)__builtin_ctzll(bits);

			prefetch_ahead(session, index);
			poll_index(session, index);
		}
	}
}

/* Ends when all futures are complete: that is what the caller asked to wait for. */
static void run(struct session *session)
{
	struct hl_backoff backoff = { 0, 0, 0 };

	while (session->remaining > 0) {
		session->progress = 0;
		take_woken(session);
		poll_async(session);
		poll_others(session);
		session->first_round = 0;
		if (session->progress)
			backoff = (struct hl_backoff){ 0, 0, 0 };
		else if (session->due_count > 0)
			pause_after_fruitless_round(&backoff, session);
		if (session->due_count == 0 && session->remaining > 0)
			wait_for_waker(session);
	}
}

/* ---- sessions ------------------------------------------------------------------------------------- */

/* Room for n futures; what was there is kept for late wakers. Returns 0, or an error and nothing changed. */
static int session_reserve(struct session *session, size_t n)
{
	if (session->block != NULL && session->block->count >= n)
		return HASHLOOM_OK;
	size_t count = SLOTS_MIN;
	while (count < n)
		count *= 2;

	struct slot_block *const block = malloc(sizeof(*block) + count * sizeof(struct slot));
	uint64_t *const words = calloc(2 * set_words(count), sizeof(*words));
	if (block == NULL || words == NULL) {
		free(block);
		free(words);
		return HASHLOOM_ERROR_NO_MEMORY;
	}
	for (size_t index = 0; index < count; index++)
		block->slots[index] = (struct slot){ .session = session, .index = index };
	block->count = count;
	block->older = session->block;
	session->block = block;
	free(session->words);
	session->words = words;
	set_layout(&session->due, words, count);
	set_layout(&session->later, words + set_words(count), count);
	return HASHLOOM_OK;
}

static void session_delete(struct session *session)
{
	for (struct slot_block *block = session->block; block != NULL;) {
		struct slot_block *const older = block->older;

		free(block);
		block = older;
	}
	free(session->words);
	free(session);
}

static struct session *session_new(struct runtime *runtime)
{
	struct session *const session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	hl_u32_store_relaxed(&session->in_use, 1);
	void *first = hl_ptr_load_relaxed(&runtime->sessions);
	do
		session->next = first;
	/* release. pairs with [RT-5] in session_acquire() */
	while (!hl_ptr_cas_release(&runtime->sessions, &first, session));
	return session;
}

static void session_release(struct session *session)
{
	/* release. pairs with [RT-4] in session_acquire() */
	hl_u32_store_release(&session->in_use, 0);
}

/* A session with room for n futures that nobody else holds, or NULL when there is no memory. */
static struct session *session_acquire(struct runtime *runtime, size_t n)
{
	/* acquire. pairs with [RT-5] in session_new() */
	struct session *session = hl_ptr_load_acquire(&runtime->sessions);

	for (; session != NULL; session = session->next) {
		uint32_t expected = 0;

		/* acquire. pairs with [RT-4] in session_release() */
		if (hl_u32_load_relaxed(&session->in_use) == 0 && hl_u32_cas_acquire(&session->in_use, &expected, 1))
			break;
	}
	if (session == NULL)
		session = session_new(runtime);
	if (session != NULL && session_reserve(session, n) != HASHLOOM_OK) {
		session_release(session);
		return NULL;
	}
	return session;
}

/* All n are due. */
static void session_start(struct session *session, struct future *futures[], size_t n)
{
	session->futures = futures;
	session->futures_count = n;
	session->remaining = n;
	session->due_count = n;
	session->first_round = 1;
	for (size_t word = 0; word < words_for(n); word++) {
		const size_t left = n - word * WORD_BITS;

		session->due.levels[0][word] = left >= WORD_BITS ? UINT64_MAX : ((uint64_t)1 << left) - 1;
		set_mark_word(&session->due, word);
	}
}

/* ---- without memory ------------------------------------------------------------------------------- */

/* One round without notifiers. Returns how many futures are not complete. */
static size_t poll_all_bare(struct future *futures[], size_t n, int with_property)
{
	size_t incomplete = 0;

	for (size_t i = 0; i < n; i++) {
		if (futures[i]->context.state == FUTURE_STATE_COMPLETE ||
		    (future_has_property(futures[i], FUTURE_PROPERTY_ASYNC) == 1) != with_property)
			continue;
		incomplete += future_poll(futures[i], NULL) != FUTURE_STATE_COMPLETE;
	}
	return incomplete;
}

/* There is no memory for wakers: everything is polled in turn. Ends when all futures are complete. */
static void wait_bare(struct future *futures[], size_t n)
{
	const struct timespec pause = { .tv_sec = 0, .tv_nsec = PAUSE_MAX_NS / 16 };
	size_t before = n;

	for (;;) {
		const size_t incomplete = poll_all_bare(futures, n, 1) + poll_all_bare(futures, n, 0);

		if (incomplete == 0)
			return;
		if (incomplete == before)
			nanosleep(&pause, NULL);
		before = incomplete;
	}
}

/* ---- API ------------------------------------------------------------------------------------------ */

struct runtime_cfg runtime_cfg_default(void)
{
	return (struct runtime_cfg){ .workers = 0 };
}

struct runtime *runtime_new_cfg(const struct runtime_cfg *cfg)
{
	const unsigned workers = cfg == NULL ? 0 : cfg->workers;
	const size_t size = sizeof(struct runtime) + (workers == 0 ? 1 : (size_t)workers) * sizeof(struct worker);

	if (workers > RUNTIME_WORKERS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	struct runtime *const runtime = aligned_alloc(HL_CACHE_LINE, size);
	if (runtime == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	memset(runtime, 0, size);
	if (hl_executor_start(runtime, workers) != HASHLOOM_OK) {
		hl_executor_stop(runtime);
		free(runtime);
		errno = EAGAIN;
		return NULL;
	}
	return runtime;
}

struct runtime *runtime_new(void)
{
	return runtime_new_cfg(NULL);
}

void runtime_delete(struct runtime *runtime)
{
	if (runtime == NULL)
		return;
	runtime_shutdown(runtime, RUNTIME_SHUTDOWN_IMMEDIATE);
	hl_executor_stop(runtime);
	/* relaxed. The caller has heard of all who waited */
	for (struct session *session = hl_ptr_load_relaxed(&runtime->sessions); session != NULL;) {
		struct session *const next = session->next;

		hl_assert(hl_u32_load_relaxed(&session->in_use) == 0);
		session_delete(session);
		session = next;
	}
	free(runtime);
}

void runtime_wait_multiple(struct runtime *runtime, struct future *futures[], size_t n)
{
	if (n == 0)
		return;
	struct session *const session = session_acquire(runtime, n);
	if (session == NULL) {
		wait_bare(futures, n);
		return;
	}
	session_start(session, futures, n);
	run(session);
	session_release(session);
}

void runtime_wait(struct runtime *runtime, struct future *future)
{
	runtime_wait_multiple(runtime, &future, 1);
}
