/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * futex.h: sleeping in the kernel until a word changes (Linux; Drepper, "Futexes are tricky").
 *
 * A sleeper reads the word, decides to sleep, and sleeps only if the word still has the value it read; a waker
 * changes the word and then wakes. Both may return for nothing: the caller looks again.
 */
#ifndef HL_FUTEX_H
#define HL_FUTEX_H

#include <hashloom/atomic.h>

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HL_NS_PER_S 1000000000U

#if defined(HASHLOOM_SCHEDULED)
#define hl_now_ns hl_schedule_now_ns
#define hl_futex_wait(word, value, timeout_ns) hl_schedule_futex_wait(&(word)->raw, value, timeout_ns)
#define hl_futex_wake(word, sleepers) hl_schedule_futex_wake(&(word)->raw, sleepers)
#else
/* Monotonic time in nanoseconds. */
static inline uint64_t hl_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * HL_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Sleeps while *word == value, at most timeout_ns (0: without limit). */
static inline void hl_futex_wait(hl_u32 *word, uint32_t value, uint64_t timeout_ns)
{
	/* the kernel's, of two longs; the C library's has a wider time_t on some 32-bit machines */
	const struct {
		long seconds, nanoseconds;
	} timeout = { (long)(timeout_ns / HL_NS_PER_S), (long)(timeout_ns % HL_NS_PER_S) };

	(void)syscall(SYS_futex, &word->raw, FUTEX_WAIT_PRIVATE, value, timeout_ns == 0 ? NULL : &timeout, NULL, 0);
}

static inline void hl_futex_wake(hl_u32 *word, int sleepers)
{
	(void)syscall(SYS_futex, &word->raw, FUTEX_WAKE_PRIVATE, sleepers, NULL, NULL, 0);
}
#endif

#endif
