/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * alloc.c: the default allocator.
 *
 * Small blocks come from malloc. From LARGE_BYTES on, pages come straight from mmap: the kernel hands
 * them out zeroed on first touch, so that creating a table costs nothing however large it is, and
 * 2-MiB alignment with MADV_HUGEPAGE lets one TLB entry cover them.
 */
#include <hashloom/alloc.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_BYTES ((size_t)2 << 20)
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static size_t round_up(size_t size, size_t multiple)
{
	return (size + multiple - 1) / multiple * multiple;
}

static void *allocate_large(size_t size, size_t alignment)
{
	const size_t wanted = round_up(size, HUGE_PAGE_BYTES);
	const size_t align = alignment > HUGE_PAGE_BYTES ? alignment : HUGE_PAGE_BYTES;

	if (wanted < size || wanted > SIZE_MAX - align)
		return NULL;
	char *const mapped = (char *)mmap(NULL, wanted + align, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED)
		return NULL;

	/* Give back what lies before and behind the aligned part. */
	const size_t before = round_up((uintptr_t)mapped, align) - (uintptr_t)mapped;
	const size_t behind = align - before;
	if (before > 0)
		munmap(mapped, before);
	if (behind > 0)
		munmap(mapped + before + wanted, behind);
#ifdef MADV_HUGEPAGE
	(void)madvise(mapped + before, wanted, MADV_HUGEPAGE);
#endif
	return mapped + before;
}

static void *default_allocate(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	(void)context;
	if (size >= LARGE_BYTES)
		return allocate_large(size, alignment);
	if (alignment <= _Alignof(max_align_t))
		return content == HASHLOOM_ALLOC_ZEROED ? calloc(1, size) : malloc(size);

	const size_t rounded = round_up(size, alignment);
	void *const memory = rounded < size ? NULL : aligned_alloc(alignment, rounded);
	if (memory != NULL && content == HASHLOOM_ALLOC_ZEROED)
		memset(memory, 0, size);
	return memory;
}

static void default_release(void *context, void *memory, size_t size, size_t alignment)
{
	(void)context;
	(void)alignment;
	if (size >= LARGE_BYTES)
		munmap(memory, round_up(size, HUGE_PAGE_BYTES));
	else
		free(memory);
}

const struct hashloom_allocator *hashloom_allocator_default(void)
{
	static const struct hashloom_allocator allocator = { default_allocate, default_release, NULL };

	return &allocator;
}
