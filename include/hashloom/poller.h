/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * poller.h: waiting for the word of FUTURE_NOTIFIER_POLLER.
 *
 * A task that says POLLER in its notifier names a word that becomes non-zero when it is worth polling again.
 * hashloom_poller_wait() waits for that with the best that the CPU has: UMONITOR and UMWAIT (Intel, WAITPKG), MONITORX and MWAITX
 * (AMD), WFE (aarch64), or looking again and again with pauses. The core sleeps lightly, nobody has to wake it, and
 * it goes on some tens of nanoseconds after the word was written.
 *
 * A runtime does so by itself, for a while, for a future that is the only one it polls (R.7); this is for programs that poll themselves.
 *
 * When not to use it: for long waits. The core stays busy as far as the operating system can see; a waker and a futex cost a few
 * microseconds and no core.
 *
 * Model in one sentence: spin on one word, quietly.
 *
 *     struct future_notifier notifier = { .notifier_used = FUTURE_NOTIFIER_NONE };           (examples/poller.c)
 *     while (future_poll(fut, &notifier) != FUTURE_STATE_COMPLETE)
 *             if (notifier.notifier_used == FUTURE_NOTIFIER_POLLER)
 *                     (void)hashloom_poller_wait(notifier.poller.ptr_to_monitor, 1000000);
 *
 * Guarantees
 *   W.1  When it returns 1, what the task wrote before the word is visible, as by an acquire load.
 *   W.2  It returns 0 when the time is over, a few microseconds late at most, if the thread has its core.
 *
 * Which calls may run together: any; several threads may wait for one word.
 */
#ifndef HASHLOOM_POLLER_H
#define HASHLOOM_POLLER_H

#include <hashloom/base.h>

#include <hashloom/future.h>

HL_BEGIN_DECLS

/*
 * hashloom_poller_wait: waits until a word is not zero.
 * word:       of a notifier, valid until the wait is over: so wait only for a future that is not complete.
 * timeout_ns: how long, in nanoseconds; 0: one look.
 * Returns:    1: it is not zero; 0: the time is over.
 * Threads:    any.
 * Progress:   waits for who writes the word, at most timeout_ns.
 * Order:      W.1.
 * Memory:     none.
 * Cost:       a load when it is not zero; otherwise a core, sparingly.
 * Lifetime:   none.
 */
HASHLOOM_API int hashloom_poller_wait(const uint64_t *word, uint64_t timeout_ns);

/*
 * hashloom_poller_method: what hashloom_poller_wait() waits with on this machine.
 * Returns:  "umwait", "mwaitx", "wfe" or "pause"; a static string.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: the program's.
 */
HASHLOOM_API const char *hashloom_poller_method(void);

HL_END_DECLS

#endif
