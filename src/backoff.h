/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * backoff.h: how long to pause while futures that use no waker are polled in turn and nothing happens (R.7): not at all for some rounds, then
 * in proportion to the time that has passed without progress.
 */
#ifndef HL_BACKOFF_H
#define HL_BACKOFF_H

#include "futex.h"

#ifndef FRUITLESS_ROUNDS_FREE /* prove/ tries schedules with fewer, and with shorter pauses */
#define FRUITLESS_ROUNDS_FREE 8
#define FRUITLESS_POLLS_FREE 4096
#define PAUSE_MIN_NS 1000
#endif
#define PAUSE_PER_ELAPSED 4
#define PAUSE_PER_ROUND 256
#define PAUSE_MAX_NS 5000000

/* All zero: there was progress just now. */
struct hl_backoff {
	uint64_t rounds;   /* without progress */
	uint64_t since_ns; /* the end of the free rounds, 0: not yet */
	uint64_t awake_ns; /* when the last pause ended */
};

/* A round of so many polls was fruitless. Returns for how long to sleep; 0: go on at once. */
static inline uint64_t hl_backoff_pause_ns(struct hl_backoff *backoff, uint64_t polls)
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

/* The pause is over. */
static inline void hl_backoff_awake(struct hl_backoff *backoff)
{
	backoff->awake_ns = hl_now_ns();
}

#endif
