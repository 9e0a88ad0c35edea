/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_kit_nomem.h: memory and threads that run out when the test says so.
 *
 * A test includes this header, and after it the .c file that it tests, whose calls of malloc,
 * calloc, aligned_alloc, free and pthread_create thereby become the ones below. The linker then
 * takes the file's functions from the test and leaves the library's out. It works in every build,
 * also with sanitizers that have their own malloc.
 */
#ifndef HL_TEST_KIT_NOMEM_H
#define HL_TEST_KIT_NOMEM_H

#include "test_kit.h"

#include <signal.h>

#define NOMEM_UNLIMITED UINT32_MAX

static struct {
	hl_u32 left;    /* allocations that succeed from now on */
	hl_u32 refused; /* since then */
	hl_u32 blocks;  /* allocated and not freed */
	hl_u32 threads_left;
	hl_u32 threads; /* started and not ended */
} nomem;

/* Lets so many allocations and threads succeed, and no more. */
static inline void nomem_allow(uint32_t allocations, uint32_t threads)
{
	hl_u32_store_relaxed(&nomem.left, allocations);
	hl_u32_store_relaxed(&nomem.refused, 0);
	hl_u32_store_relaxed(&nomem.threads_left, threads);
}

static inline uint32_t nomem_refused(void)
{
	return hl_u32_load_relaxed(&nomem.refused);
}

static inline uint32_t nomem_blocks(void)
{
	return hl_u32_load_relaxed(&nomem.blocks);
}

/*
 * Takes one of what is left. The loop ends because a failed exchange means that another thread
 * took one.
 */
static inline int nomem_take(hl_u32 *left)
{
	uint32_t now = hl_u32_load_relaxed(left);

	while (now != 0) {
		const uint32_t after = now == NOMEM_UNLIMITED ? now : now - 1;

		if (hl_u32_cas_relaxed(left, &now, after))
			return 1;
	}
	return 0;
}

static inline int nomem_refuses(void)
{
	if (nomem_take(&nomem.left))
		return 0;
	hl_u32_fetch_add_relaxed(&nomem.refused, 1);
	errno = ENOMEM;
	return 1;
}

static inline void *nomem_count(void *block)
{
	assert_non_null(block);
	hl_u32_fetch_add_relaxed(&nomem.blocks, 1);
	return block;
}

static inline void *nomem_malloc(size_t size)
{
	return nomem_refuses() ? NULL : nomem_count(malloc(size));
}

static inline void *nomem_calloc(size_t count, size_t size)
{
	return nomem_refuses() ? NULL : nomem_count(calloc(count, size));
}

static inline void *nomem_aligned_alloc(size_t alignment, size_t size)
{
	return nomem_refuses() ? NULL : nomem_count(aligned_alloc(alignment, size));
}

static inline void nomem_free(void *block)
{
	if (block != NULL)
		hl_u32_fetch_sub_relaxed(&nomem.blocks, 1);
	free(block);
}

struct nomem_start {
	void *(*run)(void *);
	void *arg;
};

static inline void *nomem_thread(void *arg)
{
	const struct nomem_start start = *(struct nomem_start *)arg;

	free(arg);
	void *const result = start.run(start.arg);
	hl_u32_fetch_sub_relaxed(&nomem.threads, 1);
	return result;
}

/* Fails with EAGAIN, as a machine does that has too many threads. */
static inline int nomem_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
				       void *(*run)(void *), void *arg)
{
	if (!nomem_take(&nomem.threads_left))
		return EAGAIN;
	struct nomem_start *const start = malloc(sizeof(*start));

	assert_non_null(start);
	*start = (struct nomem_start){run, arg};
	hl_u32_fetch_add_relaxed(&nomem.threads, 1);
	return pthread_create(thread, attr, nomem_thread, start);
}

#define malloc(size) nomem_malloc(size)
#define calloc(count, size) nomem_calloc(count, size)
#define aligned_alloc(alignment, size) nomem_aligned_alloc(alignment, size)
#define free(block) nomem_free(block)
#define pthread_create(thread, attr, run, arg) nomem_pthread_create(thread, attr, run, arg)

#endif
