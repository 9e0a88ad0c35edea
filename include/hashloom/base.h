/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * base.h: errors, visibility and the few words that every other header needs.
 *
 * Functions that can fail return an int: 0 or a positive number is a success, a negative one is an
 * `enum hashloom_error`. "Not found" and "already there" are results, not errors. The library never
 * prints, never exits and never aborts on bad input; pointers are not checked for NULL, but where a header says that NULL is allowed.
 */
#ifndef HASHLOOM_BASE_H
#define HASHLOOM_BASE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define HL_STATIC_ASSERT(condition, message) static_assert(condition, message)
#define HL_BEGIN_DECLS extern "C" {
#define HL_END_DECLS }
#else
#define HL_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#define HL_BEGIN_DECLS
#define HL_END_DECLS
#endif

/* A public symbol of the shared library. */
#define HASHLOOM_API __attribute__((visibility("default")))

#define HL_ALWAYS_INLINE static inline __attribute__((always_inline))
#define HL_UNUSED __attribute__((unused))
/* A function that stays one: each file that includes it has its own. */
#define HL_APART static __attribute__((noinline, unused))
#define HL_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define HL_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The size that keeps two contended words from disturbing each other. */
#define HL_CACHE_LINE 64

/* An invariant of ours, never a check of the caller's input. Compiled in with -DHASHLOOM_DEBUG=1. */
#if defined(HASHLOOM_DEBUG) && HASHLOOM_DEBUG
#define hl_assert(condition) assert(condition)
#else
#define hl_assert(condition) ((void)sizeof(condition))
#endif

/* name, value, text: makes the enum, hashloom_strerror() and the table in the documentation. */
#define HASHLOOM_ERRORS(X)                                                                         \
	X(HASHLOOM_OK, 0, "success")                                                               \
	X(HASHLOOM_ERROR_NO_MEMORY, -1, "out of memory")                                           \
	X(HASHLOOM_ERROR_INVALID_ARGUMENT, -2, "invalid argument")                                 \
	X(HASHLOOM_ERROR_INVALID_KEY, -3, "the key is one of the four reserved values")            \
	X(HASHLOOM_ERROR_FULL, -4, "no room left")                                                 \
	X(HASHLOOM_ERROR_BUSY, -5, "another thread is changing the same place; try again")         \
	X(HASHLOOM_ERROR_CLOSED, -6, "it is being shut down")

enum hashloom_error {
#define HL_ERROR_ENUM(name, value, text) name = value,
	HASHLOOM_ERRORS(HL_ERROR_ENUM)
#undef HL_ERROR_ENUM
};

HL_BEGIN_DECLS

/*
 * hashloom_strerror: the text of an error.
 * error:    a value of enum hashloom_error; any other number is allowed.
 * Returns:  a static string, never NULL ("unknown error" for a number that is none).
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a switch.
 * Lifetime: of the string: the program's.
 */
HASHLOOM_API const char *hashloom_strerror(int error);

HL_END_DECLS

#endif
