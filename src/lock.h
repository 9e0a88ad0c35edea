/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * lock.h: a lock for parts of code that take nanoseconds: who finds it taken looks for a few microseconds, and then sleeps.
 *
 * In a pthread mutex one sleeps at once, and on waking finds that the thread that works in short turns has taken it again: with a timer
 * wheel's 10^6 timers, of which 64 fire a turn, one in a hundred waited for 130 microseconds and more, against 3 here.
 *
 *     FREE ---- take ----> TAKEN ---- another one goes to sleep ----> TAKEN_SLEPT_FOR
 *      ^  ^                  |                                           |       ^
 *      |  '------ give ------'          give: FREE, and one is woken     |       | take, by one that has slept: there may be more
 *      '-----------------------------------------------------------------'-------'
 *
 * (Drepper, "Futexes are tricky", mutex 2, with looks before each sleep.)
 *
 *   tag    order                                            pairs with                                 for
 *   LK-1   hl_lock_give(): exchange acq_rel                 hl_lock_take(): cas and exchange acquire   what the lock guards
 */
#ifndef HL_LOCK_H
#define HL_LOCK_H

#include "futex.h"

#ifndef HL_LOCK_LOOKS /* prove/ tries schedules with fewer */
#define HL_LOCK_LOOKS 200
#endif

enum hl_lock_state {
	HL_LOCK_FREE = 0, /* as zeroed memory */
	HL_LOCK_TAKEN,
	HL_LOCK_TAKEN_SLEPT_FOR,
};

typedef hl_u32 hl_lock;

/* The loop ends when the lock is given, which wakes one who sleeps. */
static inline void hl_lock_take(hl_lock *lock)
{
	for (uint32_t taken = HL_LOCK_TAKEN;; taken = HL_LOCK_TAKEN_SLEPT_FOR) {
		for (unsigned looks = 0; looks < HL_LOCK_LOOKS; looks++) {
			uint32_t expected = HL_LOCK_FREE;

			/* acquire. pairs with [LK-1] in hl_lock_give() */
			if (hl_u32_load_relaxed(lock) == HL_LOCK_FREE && hl_u32_cas_acquire(lock, &expected, taken))
				return;
			hl_relax();
		}
		/* acquire. pairs with [LK-1] in hl_lock_give() */
		if (hl_u32_exchange_acquire(lock, HL_LOCK_TAKEN_SLEPT_FOR) == HL_LOCK_FREE)
			return;
		hl_futex_wait(lock, HL_LOCK_TAKEN_SLEPT_FOR, 0);
	}
}

static inline void hl_lock_give(hl_lock *lock)
{
	/* acq_rel, of which release is meant. pairs with [LK-1] in hl_lock_take(). orders what was done under the lock before */
	if (hl_u32_exchange_acq_rel(lock, HL_LOCK_FREE) == HL_LOCK_TAKEN_SLEPT_FOR)
		hl_futex_wake(lock, 1);
}

#endif
