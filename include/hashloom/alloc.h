/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * alloc.h: allocator hooks. Everything that Hashloom allocates on a map's behalf goes through one of these.
 */
#ifndef HASHLOOM_ALLOC_H
#define HASHLOOM_ALLOC_H

#include <hashloom/base.h>

HL_BEGIN_DECLS

enum hashloom_alloc_content {
	HASHLOOM_ALLOC_ANY,    /* the bytes may be anything */
	HASHLOOM_ALLOC_ZEROED, /* all bytes are zero */
};

/*
 * allocate: size (bytes, > 0), alignment (a power of two), content as asked (in memory that is not zero, though it should be, calls wait
 *           for ever); NULL when there is no memory.
 * release:  gets back what allocate gave, with the same size and alignment; memory is never NULL.
 * Both are called on whatever thread uses the map, from several at once; they may block, and must not
 * call back into the map. `context` is handed through.
 */
struct hashloom_allocator {
	void *(*allocate)(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content);
	void (*release)(void *context, void *memory, size_t size, size_t alignment);
	void *context;
};

/*
 * hashloom_allocator_default: malloc for what is small; from 2 MiB on whole pages from the kernel, which are zero
 *           without being touched, aligned to 2 MiB and marked for transparent huge pages.
 * Returns:  a static allocator, never NULL.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the program's.
 */
HASHLOOM_API const struct hashloom_allocator *hashloom_allocator_default(void);

HL_END_DECLS

#endif
