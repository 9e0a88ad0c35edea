/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * backoff.h: how long to pause while futures that use no waker are polled in turn and nothing happens (R.7): not at all for some rounds, then
 * in proportion to the time that has passed without progress. One that is alone and has named a word is not polled but by that word, in the free
 * rounds (poller.h).
 */
#ifndef HL_BACKOFF_H
#define HL_BACKOFF_H

#include <hashloom/poller.h>

#include <sched.h>

#include "futex.h"

#ifndef FRUITLESS_ROUNDS_FREE /* prove/ tries schedules with fewer, and with shorter pauses */
#define FRUITLESS_ROUNDS_FREE 8
#define FRUITLESS_POLLS_FREE 4096
#define PAUSE_MIN_NS 1000
#endif
#define ROUNDS_PER_YIELD 64 /* on one CPU with the thread that is waited for, the others only keep it from going on */
#define PAUSE_PER_ELAPSED 4
#define PAUSE_PER_ROUND 256
#define PAUSE_MAX_NS 5000000
#define WORD_ROUND_NS 1000 /* how long a round looks at a word, */
#define WORD_ROUND_POLLS 64 /* instead of so many polls */

/* All zero: there was progress just now. */
struct hl_backoff {
	uint64_t rounds;   /* without progress */
	uint64_t since_ns; /* the end of the free rounds, 0: not yet */
	uint64_t awake_ns; /* when the last pause ended */
};

/* The word that a poll's notifier names, or NULL. It lives until the future is complete: no longer, if another thread may poll it. */
static inline const uint64_t *hl_backoff_word(const struct future_notifier *notifier)
{
	return notifier->notifier_used == FUTURE_NOTIFIER_POLLER ? notifier->poller.ptr_to_monitor : NULL;
}

/* As hl_backoff_pause_ns(). */
static inline uint64_t hl_backoff_after(struct hl_backoff *backoff, uint64_t polls)
{
	backoff->rounds++;
	if (backoff->rounds <= FRUITLESS_ROUNDS_FREE || backoff->rounds * polls < FRUITLESS_POLLS_FREE)
		return 0;
	const uint64_t now = hl_now_ns();
	if (backoff->since_ns == 0) {
		backoff->since_ns = backoff->awake_ns = now;
		return 0;
	}
	const uint64_t round_limit_ns = (now - backoff->awake_ns) * PAUSE_PER_ROUND;
	const uint64_t limit_ns = round_limit_ns > PAUSE_MAX_NS ? round_limit_ns : PAUSE_MAX_NS;
	const uint64_t wanted_ns = (now - backoff->since_ns) / PAUSE_PER_ELAPSED;

	if (wanted_ns < PAUSE_MIN_NS) {
		backoff->awake_ns = now;
		return 0;
	}
	return wanted_ns < limit_ns ? wanted_ns : limit_ns;
}

/*
 * A round of so many polls was fruitless. Returns for how long to sleep; 0: go on, after a breath, which is taken here: if it was one poll, until the
 * word that it has named (or NULL) is written, or a little longer than that.
 */
static inline uint64_t hl_backoff_pause_ns(struct hl_backoff *backoff, uint64_t polls, const uint64_t *word)
{
	const int has_word = polls == 1 && word != NULL;
	const uint64_t pause_ns = hl_backoff_after(backoff, has_word ? WORD_ROUND_POLLS : polls);

	if (pause_ns == 0 && has_word)
		(void)hashloom_poller_wait(word, WORD_ROUND_NS);
	else if (pause_ns == 0 && backoff->rounds % ROUNDS_PER_YIELD == 0)
		(void)sched_yield();
	else if (pause_ns == 0)
		hl_relax();
	return pause_ns;
}

/* The pause is over. */
static inline void hl_backoff_awake(struct hl_backoff *backoff)
{
	backoff->awake_ns = hl_now_ns();
}

#endif
