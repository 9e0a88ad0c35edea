/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * disturb.c: see disturb.h. Most pauses are about as long as an operation, some as long as several, and some let another thread run.
 */
#include "disturb.h"

#include <hashloom/atomic.h>

#include <sched.h>

struct disturber {
	unsigned rate;
	unsigned long random;
};

static __thread struct disturber mine;

void disturb_begin(unsigned rate, unsigned long seed)
{
	mine = (struct disturber){ rate, seed };
}

void disturb(void)
{
	struct disturber *const disturber = &mine;

	if (disturber->rate == 0)
		return;
	/* xorshift (Marsaglia 2003) */
	disturber->random ^= disturber->random << 13;
	disturber->random ^= disturber->random >> 7;
	disturber->random ^= disturber->random << 17;

	const unsigned long random = disturber->random >> 20;

	if (random % disturber->rate != 0)
		return;
	const unsigned long kind = random / disturber->rate;

	if (kind % 8 == 0)
		sched_yield();
	for (unsigned long i = kind / 8 % (kind % 8 < 3 ? 256 : 16); i > 0; i--)
		hl_relax();
}
