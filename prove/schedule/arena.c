/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * arena.c: the memory of a schedule. Blocks follow one another in one region, so that the same schedule has the same addresses,
 * and none is used twice: an access to a freed block is seen for what it is. AddressSanitizer, if there, sees plain accesses too.
 */
#include "scheduler.h"

#include <stdio.h>

#define ARENA_SIZE ((size_t)4 << 20)
#define UNIT 64 /* blocks begin and end at multiples, with one unit between them */
#define BLOCKS_MAX 4096

struct block {
	size_t offset;
	size_t size;
	int is_free;
	const char *name;
};

static _Alignas(4096) char memory[ARENA_SIZE];
static uint16_t block_of_unit[ARENA_SIZE / UNIT]; /* 1 + block; 0: between blocks */
static struct block blocks[BLOCKS_MAX];
static size_t blocks_count;
static size_t used;
static int is_begun;
static unsigned fails_in; /* allocations until one fails, 0: none does */

void __asan_poison_memory_region(void const volatile *begin, size_t size) __attribute__((weak));
void __asan_unpoison_memory_region(void const volatile *begin, size_t size) __attribute__((weak));

static void poison(char *begin, size_t size)
{
	if (__asan_poison_memory_region != NULL)
		__asan_poison_memory_region(begin, size);
}

static void unpoison(char *begin, size_t size)
{
	if (__asan_unpoison_memory_region != NULL)
		__asan_unpoison_memory_region(begin, size);
}

void arena_begin_schedule(void)
{
	poison(memory, is_begun ? used : sizeof(memory));
	is_begun = 1;
	memset(block_of_unit, 0, used / UNIT * sizeof(block_of_unit[0]));
	blocks_count = 0;
	used = 0;
	fails_in = 0;
}

static void *allocate(size_t size, size_t alignment)
{
	const size_t unit = alignment < UNIT ? UNIT : alignment;
	const size_t offset = (used + UNIT + unit - 1) / unit * unit;

	if (fails_in > 0 && --fails_in == 0)
		return NULL;
	if (size > ARENA_SIZE)
		return NULL;
	if (offset + size + 2 * UNIT > ARENA_SIZE || blocks_count == BLOCKS_MAX)
		schedule_fail(__FILE__, __LINE__, "the scenario uses too much memory: %zu blocks, %zu bytes", blocks_count, used);
	used = offset + (size / UNIT + 1) * UNIT; /* one byte more, so that none is empty */
	blocks[blocks_count++] = (struct block){ .offset = offset, .size = size };
	for (size_t i = offset / UNIT; i < used / UNIT; i++)
		block_of_unit[i] = (uint16_t)blocks_count;
	unpoison(memory + offset, size);
	memset(memory + offset, 0xa5, size);
	return memory + offset;
}

/* The block that an address is in or right behind, or NULL. */
static struct block *block_at(const void *address)
{
	const uintptr_t offset = (uintptr_t)address - (uintptr_t)memory;

	if (offset >= ARENA_SIZE || block_of_unit[offset / UNIT] == 0)
		return NULL;
	return &blocks[block_of_unit[offset / UNIT] - 1];
}

const char *arena_check(const void *address, size_t n)
{
	const uintptr_t offset = (uintptr_t)address - (uintptr_t)memory;
	const struct block *const block = block_at(address);

	if (n == 0 || offset >= ARENA_SIZE)
		return NULL;
	if (block == NULL)
		return "an access outside of all blocks";
	if (block->is_free)
		return "an access to freed memory";
	return offset + n <= block->offset + block->size ? NULL : "an access behind the end of a block";
}

size_t arena_leaks(void)
{
	size_t leaks = 0;

	for (size_t i = 0; i < blocks_count; i++)
		leaks += !blocks[i].is_free;
	return leaks;
}

void arena_name(const void *address, const char *name)
{
	struct block *const block = block_at(address);

	if (block != NULL)
		block->name = name;
}

const char *arena_place(const void *address, char *text, size_t size)
{
	const struct block *const block = block_at(address);

	if (block == NULL)
		snprintf(text, size, "%p", address);
	else if (block->name != NULL)
		snprintf(text, size, "%s+0x%zx", block->name, (size_t)((const char *)address - memory) - block->offset);
	else
		snprintf(text, size, "block %zu+0x%zx", (size_t)(block - blocks),
			 (size_t)((const char *)address - memory) - block->offset);
	return text;
}

void *hl_schedule_malloc(size_t size)
{
	return allocate(size, 1);
}

void *hl_schedule_calloc(size_t n, size_t size)
{
	void *const result = size != 0 && n > ARENA_SIZE / size ? NULL : allocate(n * size, 1);

	return result == NULL ? NULL : memset(result, 0, n * size);
}

void *hl_schedule_aligned_alloc(size_t alignment, size_t size)
{
	return allocate(size, alignment);
}

void hl_schedule_free(void *address)
{
	struct block *const block = block_at(address);

	if (address == NULL)
		return;
	if (block == NULL || memory + block->offset != (char *)address || block->is_free)
		schedule_fail(__FILE__, __LINE__, "free of %p, which is not the beginning of a block", address);
	block->is_free = 1;
	scheduler_frees(address, block->size);
	memset(address, 0x5a, block->size); /* a write: a race with who still reads */
	poison(address, block->size);
}

void schedule_fail_allocation(unsigned n)
{
	fails_in = n;
}
