/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_kit.h: what the tests share: cmocka and its preamble, seeds, threads, counted wakers,
 * clocks.
 *
 * cmocka's assertions jump out of the test, so only the thread that runs the test may use them.
 * Other threads write down what they saw, and the test asserts after joining them.
 */
#ifndef HL_TEST_KIT_H
#define HL_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hashloom/atomic.h>
#include <hashloom/future.h>

#define KIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The test counts with sizes that a 32-bit machine cannot name. */
#define KIT_SKIP_WITH_SMALL_ADDRESSES()            \
	do {                                       \
		if (sizeof(void *) < sizeof(uint64_t)) \
			skip();                    \
	} while (0)

/* A test that hangs is killed, with its name as the last line of the output. */
#ifdef KIT_EMULATED
#define KIT_HANG_S 1000
#else
#define KIT_HANG_S 100
#endif

#define KIT_RUN(tests)                                                                             \
	(setvbuf(stdout, NULL, _IOLBF, 0), alarm(KIT_HANG_S),                                      \
	 cmocka_run_group_tests(tests, NULL, NULL))

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KIT_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define KIT_THREAD_SANITIZER 1
#endif

/*
 * How often to repeat: as said, or a quarter under ThreadSanitizer or on an emulated machine, which are
 * some ten times slower.
 */
#if defined(KIT_THREAD_SANITIZER) || defined(KIT_EMULATED)
#define KIT_REPEAT(n) ((n) / 4 + 1)
#else
#define KIT_REPEAT(n) (n)
#endif

/* ---- chance ---------------------------------------------------------------------------------- */

/* SEED= of the environment, or the time; printed, so that a failure can be repeated. */
static inline uint64_t kit_seed(void)
{
	const char *const given = getenv("SEED");
	const uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/* The next number of a sequence (splitmix64, Steele et al. 2014). */
static inline uint64_t kit_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static inline size_t kit_random_below(uint64_t *state, size_t limit)
{
	return (size_t)(kit_random(state) % limit);
}

/* Fills order[0..n-1] with 0..n-1 in random order. */
static inline void kit_shuffle(size_t *order, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		const size_t j = kit_random_below(state, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}

/* ---- time ------------------------------------------------------------------------------------ */

static inline uint64_t kit_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static inline void kit_sleep_us(uint64_t us)
{
	const struct timespec pause = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

	nanosleep(&pause, NULL);
}

/* Waits until another thread has counted the word up to value. The alarm is the bound. */
static inline void kit_wait_for(const hl_u32 *word, uint32_t value)
{
	for (unsigned turns = 0; hl_u32_load_acquire(word) < value; turns++) {
		if (turns < 64)
			hl_relax();
		else if (turns < 4096)
			sched_yield();
		else
			kit_sleep_us(20);
	}
}

/* ---- threads --------------------------------------------------------------------------------- */

static inline pthread_t kit_start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

static inline void kit_join(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Zeroed memory that the test frees; never NULL. */
static inline void *kit_zeroed(size_t count, size_t size)
{
	void *const memory = calloc(count, size);

	assert_non_null(memory);
	return memory;
}

/* 1 if all n bytes are `byte`. */
static inline int kit_all_bytes_are(const void *memory, unsigned char byte, size_t n)
{
	const unsigned char *const bytes = memory;

	return n == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, n - 1) == 0);
}

/* 1 if both are equal. ThreadSanitizer sees this comparison, and not those that cmocka makes. */
static inline int kit_equal(const void *one, const void *other, size_t n)
{
	return memcmp(one, other, n) == 0;
}

static inline void kit_fill_randomly(void *memory, size_t n, uint64_t *state)
{
	unsigned char *const bytes = memory;

	for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
		const uint64_t word = kit_random(state);

		memcpy(bytes + at, &word, n - at < sizeof(word) ? n - at : sizeof(word));
	}
}

/* ---- wakers ---------------------------------------------------------------------------------- */

/* A wake function that counts; data is the hl_u32. */
static inline void kit_count_wake(void *data)
{
	hl_u32_fetch_add_release(data, 1);
}

/* A fresh notifier whose waker counts into *wakes. */
static inline struct future_notifier kit_notifier(hl_u32 *wakes)
{
	return (struct future_notifier){.waker = {wakes, kit_count_wake},
					.poller = {NULL},
					.notifier_used = FUTURE_NOTIFIER_NONE,
					.padding = 0};
}

#endif
