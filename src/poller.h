/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* poller.h: the ways to wait of poller.c, one by one, for its tests. */
#ifndef HL_POLLER_H
#define HL_POLLER_H

#include <hashloom/poller.h>

#include <hashloom/atomic.h>

enum hl_poller_method {
	HL_POLLER_PAUSE,
	HL_POLLER_UMWAIT,
	HL_POLLER_MWAITX,
	HL_POLLER_WFE,
	HL_POLLER_METHODS,
};

/* Whether this machine has it. PAUSE: always. */
int hl_poller_has(enum hl_poller_method method);

/* hashloom_poller_wait() with a method that the machine has. */
int hl_poller_wait_by(enum hl_poller_method method, hl_u64 *word, uint64_t timeout_ns);

#endif
