/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * schedule_seam.h: what stands between the library and the scheduler when the library is compiled with HASHLOOM_SCHEDULED.
 *
 * Every atomic operation, pause, futex call, lock, thread, allocation and copy of the library's sources becomes a call into
 * the scheduler (scheduler.c), which may let another task go on before it. So the real code runs, in interleavings
 * that the scheduler chooses. It is included before everything else (-include), and by atomic.h.
 */
#ifndef HL_SCHEDULE_SEAM_H
#define HL_SCHEDULE_SEAM_H

#define _GNU_SOURCE 1

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The tags of a group are read in two words, each an atomic operation of its own; and plain C is what runs. */
#define HL_AHA_PORTABLE 1

enum hl_schedule_fetch { HL_SCHEDULE_add, HL_SCHEDULE_sub, HL_SCHEDULE_or, HL_SCHEDULE_and };

uint64_t hl_schedule_load(const void *word, size_t size, int order);
void hl_schedule_store(void *word, size_t size, uint64_t desired, int order);
uint64_t hl_schedule_exchange(void *word, size_t size, uint64_t desired, int order);
int hl_schedule_cas(void *word, size_t size, uint64_t *expected, uint64_t desired, int order, int failure);
uint64_t hl_schedule_fetch(void *word, size_t size, enum hl_schedule_fetch operation, uint64_t operand, int order);
void hl_schedule_fence(void);

/* The task waits for another one: it goes on when another one has written something, or nobody else can go on. */
void hl_schedule_yield(void);

uint64_t hl_schedule_now_ns(void);
void hl_schedule_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns);
void hl_schedule_futex_wake(uint32_t *word, int sleepers);

/* The number of the task that runs. */
unsigned hl_schedule_task(void);
unsigned hl_schedule_stripe(void);

#define HL_RAW_LOAD(value, word, order) ((value)(uintptr_t)hl_schedule_load(word, sizeof(*(word)), order))
#define HL_RAW_STORE(value, word, desired, order)                                                  \
	hl_schedule_store(word, sizeof(*(word)), (uint64_t)(uintptr_t)(desired), order)
#define HL_RAW_EXCHANGE(value, word, desired, order)                                               \
	((value)(uintptr_t)hl_schedule_exchange(word, sizeof(*(word)), (uint64_t)(uintptr_t)(desired), order))
#define HL_RAW_CAS(value, word, expected, desired, order, failure)                                 \
	__extension__({                                                                            \
		uint64_t seen_ = (uint64_t)(uintptr_t)*(expected);                                 \
		const int done_ = hl_schedule_cas(word, sizeof(*(word)), &seen_,                   \
						  (uint64_t)(uintptr_t)(desired), order, failure); \
		if (!done_)                                                                        \
			*(expected) = (value)(uintptr_t)seen_;                                     \
		done_;                                                                             \
	})
#define HL_RAW_FETCH(value, operation, word, operand, order)                                       \
	((value)hl_schedule_fetch(word, sizeof(*(word)), HL_SCHEDULE_##operation, operand, order))

/* A copy of plain bytes is cut in two, with a switch point before each half. Small ones and large ones alike. */
void hl_schedule_plain(void *to, const void *from, size_t n);

static inline void *hl_schedule_memcpy(void *to, const void *from, size_t n)
{
	const size_t half = n / 2;

	hl_schedule_plain(to, from, half);
	memcpy(to, from, half);
	hl_schedule_plain((char *)to + half, (const char *)from + half, n - half);
	memcpy((char *)to + half, (const char *)from + half, n - half);
	return to;
}

/* Memory with the same addresses in each run, in which an access to a freed block is noticed. */
void *hl_schedule_malloc(size_t size);
void *hl_schedule_calloc(size_t n, size_t size);
void *hl_schedule_aligned_alloc(size_t alignment, size_t size);
void hl_schedule_free(void *memory);

int hl_schedule_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int hl_schedule_thread_join(pthread_t thread, void **result);
pthread_t hl_schedule_thread_self(void);
int hl_schedule_mutex_lock(pthread_mutex_t *mutex);
int hl_schedule_mutex_unlock(pthread_mutex_t *mutex);
int hl_schedule_nanosleep(const struct timespec *time, struct timespec *left);

#ifndef HL_SCHEDULER
#undef memcpy
#define memcpy(to, from, n) hl_schedule_memcpy(to, from, n)
#define malloc(size) hl_schedule_malloc(size)
#define calloc(n, size) hl_schedule_calloc(n, size)
#define aligned_alloc(alignment, size) hl_schedule_aligned_alloc(alignment, size)
#define free(memory) hl_schedule_free(memory)
#define pthread_create hl_schedule_thread_create
#define pthread_join hl_schedule_thread_join
#define pthread_self hl_schedule_thread_self
#define pthread_mutex_lock hl_schedule_mutex_lock
#define pthread_mutex_unlock hl_schedule_mutex_unlock
#define nanosleep hl_schedule_nanosleep
#endif

#endif
