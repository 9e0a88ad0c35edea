/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * thread_stripe.h: a small number for each thread, to spread counters over cache lines. Threads that come
 * one after the other get different ones; when there are more threads than stripes, some share.
 */
#ifndef HASHLOOM_THREAD_STRIPE_H
#define HASHLOOM_THREAD_STRIPE_H

#include <hashloom/atomic.h>

#define HL_STRIPES 16

static inline unsigned hl_thread_stripe(void)
{
#if defined(HASHLOOM_SCHEDULED)
	return hl_schedule_stripe() % HL_STRIPES;
#else
	static hl_u32 threads;
	/* 1 + stripe, 0: none yet. initial-exec: without a call, in shared libraries too */
	static __thread unsigned mine __attribute__((tls_model("initial-exec")));

	if (HL_UNLIKELY(mine == 0))
		mine = 1 + hl_u32_fetch_add_relaxed(&threads, 1) % HL_STRIPES;
	return mine - 1;
#endif
}

#endif
