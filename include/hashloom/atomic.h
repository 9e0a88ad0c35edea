/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic.h: the one place through which Hashloom's shared words are read and written.
 *
 * A shared word is wrapped in a struct (hl_u8, hl_u16, hl_u32, hl_u64, hl_ptr), so that a plain access does not
 * compile, and the memory order stands in the function's name: hl_u64_load_acquire(&word).
 *
 *   relaxed   atomic, orders nothing
 *   acquire   (loads)   nothing after it moves before it
 *   release   (stores)  nothing before it moves after it
 *   acq_rel   (read-modify-write) both
 *   seq_cst   both, and all seq_cst operations stand in one total order
 *
 * Words are zero when they are zeroed memory; no initialiser is needed beyond that. The idea of named
 * orders behind one seam is mimalloc's (atomic.h).
 */
#ifndef HASHLOOM_ATOMIC_H
#define HASHLOOM_ATOMIC_H

#include <hashloom/base.h>

#include <sched.h>

/*
 * The backend. HL_RAW_* are the operations on a word's raw member, which is a `value`. Programs that are
 * compiled with HASHLOOM_SCHEDULED (prove/) put a scheduler, and a model of weakly ordered memory, in the hardware's place.
 */
#if defined(HASHLOOM_SCHEDULED)
#include <schedule_seam.h>
#else
#define HL_RAW_LOAD(value, word, order) __atomic_load_n(word, order)
#define HL_RAW_STORE(value, word, desired, order) __atomic_store_n(word, desired, order)
#define HL_RAW_EXCHANGE(value, word, desired, order) __atomic_exchange_n(word, desired, order)
#define HL_RAW_CAS(value, word, expected, desired, order, failure)                                 \
	__atomic_compare_exchange_n(word, expected, desired, 0, order, failure)
#define HL_RAW_FETCH(value, operation, word, operand, order) __atomic_fetch_##operation(word, operand, order)
#endif

typedef struct hl_u8 { uint8_t raw; } hl_u8;
typedef struct hl_u16 { uint16_t raw; } hl_u16;
typedef struct hl_u32 { uint32_t raw; } hl_u32;
/* aligned on i386 too: across two cache lines it would be torn */
typedef struct hl_u64 { uint64_t raw __attribute__((aligned(8))); } hl_u64;
typedef struct hl_ptr { void *raw; } hl_ptr;

HL_STATIC_ASSERT(sizeof(hl_u8) == 1 && sizeof(hl_u32) == 4 && sizeof(hl_u64) == 8, "wrapped words have no padding");
HL_STATIC_ASSERT(__alignof__(hl_u64) == 8, "no wrapped word lies in two cache lines");

#define HL_ATOMIC_LOAD(type, value, order, ORDER)                                                  \
	HL_ALWAYS_INLINE value type##_load_##order(const type *word)                               \
	{                                                                                          \
		return HL_RAW_LOAD(value, &word->raw, __ATOMIC_##ORDER);                           \
	}
#define HL_ATOMIC_STORE(type, value, order, ORDER)                                                 \
	HL_ALWAYS_INLINE void type##_store_##order(type *word, value desired)                      \
	{                                                                                          \
		HL_RAW_STORE(value, &word->raw, desired, __ATOMIC_##ORDER);                        \
	}
#define HL_ATOMIC_EXCHANGE(type, value, order, ORDER)                                              \
	HL_ALWAYS_INLINE value type##_exchange_##order(type *word, value desired)                  \
	{                                                                                          \
		return HL_RAW_EXCHANGE(value, &word->raw, desired, __ATOMIC_##ORDER);              \
	}
/* Strong compare-and-swap: 1 and the word is `desired`, or 0 and *expected is what was seen. */
#define HL_ATOMIC_CAS(type, value, order, ORDER, FAILURE)                                          \
	HL_ALWAYS_INLINE int type##_cas_##order(type *word, value *expected, value desired)        \
	{                                                                                          \
		return HL_RAW_CAS(value, &word->raw, expected, desired, __ATOMIC_##ORDER,          \
				  __ATOMIC_##FAILURE);                                             \
	}
/* Each fetch_* gives the value from before. */
#define HL_ATOMIC_FETCH(type, value, operation, order, ORDER)                                      \
	HL_ALWAYS_INLINE value type##_fetch_##operation##_##order(type *word, value operand)       \
	{                                                                                          \
		return HL_RAW_FETCH(value, operation, &word->raw, operand, __ATOMIC_##ORDER);      \
	}

#define HL_ATOMIC_COMMON(type, value)                                                              \
	HL_ATOMIC_LOAD(type, value, relaxed, RELAXED)                                              \
	HL_ATOMIC_LOAD(type, value, acquire, ACQUIRE)                                              \
	HL_ATOMIC_LOAD(type, value, seq_cst, SEQ_CST)                                              \
	HL_ATOMIC_STORE(type, value, relaxed, RELAXED)                                             \
	HL_ATOMIC_STORE(type, value, release, RELEASE)                                             \
	HL_ATOMIC_STORE(type, value, seq_cst, SEQ_CST)                                             \
	HL_ATOMIC_EXCHANGE(type, value, relaxed, RELAXED)                                          \
	HL_ATOMIC_EXCHANGE(type, value, acquire, ACQUIRE)                                          \
	HL_ATOMIC_EXCHANGE(type, value, acq_rel, ACQ_REL)                                          \
	HL_ATOMIC_CAS(type, value, relaxed, RELAXED, RELAXED)                                      \
	HL_ATOMIC_CAS(type, value, acquire, ACQUIRE, ACQUIRE)                                      \
	HL_ATOMIC_CAS(type, value, release, RELEASE, RELAXED)                                      \
	HL_ATOMIC_CAS(type, value, acq_rel, ACQ_REL, ACQUIRE)

#define HL_ATOMIC_ARITHMETIC(type, value, operation)                                               \
	HL_ATOMIC_FETCH(type, value, operation, relaxed, RELAXED)                                  \
	HL_ATOMIC_FETCH(type, value, operation, acquire, ACQUIRE)                                  \
	HL_ATOMIC_FETCH(type, value, operation, release, RELEASE)                                  \
	HL_ATOMIC_FETCH(type, value, operation, acq_rel, ACQ_REL)                                  \
	HL_ATOMIC_FETCH(type, value, operation, seq_cst, SEQ_CST)

#define HL_ATOMIC_INTEGER(type, value)                                                             \
	HL_ATOMIC_COMMON(type, value)                                                              \
	HL_ATOMIC_ARITHMETIC(type, value, add)                                                     \
	HL_ATOMIC_ARITHMETIC(type, value, sub)                                                     \
	HL_ATOMIC_ARITHMETIC(type, value, or)                                                      \
	HL_ATOMIC_ARITHMETIC(type, value, and)

HL_ATOMIC_INTEGER(hl_u8, uint8_t)
HL_ATOMIC_COMMON(hl_u16, uint16_t)
HL_ATOMIC_INTEGER(hl_u32, uint32_t)
HL_ATOMIC_INTEGER(hl_u64, uint64_t)
HL_ATOMIC_COMMON(hl_ptr, void *)

/*
 * The one standalone fence: it puts a store before a later load of another word (Dekker's pattern).
 * ThreadSanitizer does not understand fences; use it only where the data is published otherwise, and
 * the fence is about who sleeps and who wakes.
 */
HL_ALWAYS_INLINE void hl_fence_seq_cst(void)
{
#if defined(HASHLOOM_SCHEDULED)
	hl_schedule_fence();
#elif defined(__SANITIZE_THREAD__)
	static hl_u32 fence;
	(void)hl_u32_fetch_add_seq_cst(&fence, 0);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Keeps the compiler from moving accesses across: a signal handler on the same thread sees them in order. No instruction. */
HL_ALWAYS_INLINE void hl_fence_signal(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* One turn of a short wait: tells the core that this is a spin, orders nothing. */
HL_ALWAYS_INLINE void hl_relax(void)
{
#if defined(HASHLOOM_SCHEDULED)
	hl_schedule_yield();
#elif defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/* One turn of a wait that has become long: lets another thread have the core, orders nothing. */
HL_ALWAYS_INLINE void hl_yield(void)
{
#if defined(HASHLOOM_SCHEDULED)
	hl_schedule_yield();
#else
	sched_yield();
#endif
}

#endif
