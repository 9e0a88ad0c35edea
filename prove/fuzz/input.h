/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * input.h: what all fuzz targets share: a cursor over the input, a check that aborts, stamped values, and an allocator
 * that counts, and refuses when the input says so.
 *
 * A target (fuzz_NAME.c) is the function LLVMFuzzerTestOneInput(), which libFuzzer and AFL++ call, and replay.c without an engine. It
 * decodes the bytes to a configuration and a row of calls, does each call to the library and to an oracle, and aborts when they
 * differ. All bytes are valid, and behind the end come zeros, so that every mutation means something. Loops over the input end
 * because each turn takes at least a byte.
 */
#ifndef HL_FUZZ_INPUT_H
#define HL_FUZZ_INPUT_H

#include <hashloom/alloc.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline void fuzz_fail(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* A check that is there in every build. */
#define expect(condition)                                       \
	do {                                                    \
		if (!(condition))                               \
			fuzz_fail(__FILE__, __LINE__, #condition); \
	} while (0)

/* ---- the cursor ------------------------------------------------------------------------------------- */

struct input {
	const uint8_t *at;
	size_t left;
};

static inline unsigned input_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static inline unsigned input_pair(struct input *input)
{
	const unsigned low = input_byte(input);

	return low | input_byte(input) << 8;
}

/* One byte, 0 to limit - 1. */
static inline unsigned input_below(struct input *input, unsigned limit)
{
	return input_byte(input) % limit;
}

/* Two bytes, 0 to limit - 1. */
static inline unsigned input_pair_below(struct input *input, unsigned limit)
{
	return input_pair(input) % limit;
}

/* Up to n of the bytes that are left, as they lie in the input. */
static inline const uint8_t *input_bytes(struct input *input, size_t *n)
{
	const uint8_t *const bytes = input->at;

	if (*n > input->left)
		*n = input->left;
	if (*n > 0) {
		input->at += *n;
		input->left -= *n;
	}
	return bytes;
}

/* ---- values ----------------------------------------------------------------------------------------- */

/* The bytes of a stamp, of which the first is never zero. */
HL_UNUSED static void stamp_fill(void *value, size_t size, uint32_t stamp)
{
	unsigned char *const bytes = value;
	uint32_t state = stamp * UINT32_C(2654435761) + 1;

	for (size_t i = 0; i < size; i++) {
		bytes[i] = (unsigned char)(i == 0 ? state >> 24 | 1 : state >> 24);
		state = state * UINT32_C(1664525) + UINT32_C(1013904223);
	}
}

/* ---- memory ----------------------------------------------------------------------------------------- */

/* More than this at once is refused: it takes time, and shows nothing new. */
#define MEMORY_BLOCK_MAX ((size_t)4 << 20)
/* Larger blocks are not overwritten. */
#define MEMORY_SCRIBBLE_MAX ((size_t)1 << 16)
#define MEMORY_UNLIMITED UINT32_MAX
#define MEMORY_FRONT 64

struct memory {
	struct hashloom_allocator hooks;
	uint32_t left;	  /* allocations that succeed from now on */
	uint32_t refused; /* since the beginning */
	size_t blocks;	  /* not released */
};

/* In front of each block, as far from it as its alignment wants. */
struct memory_block {
	size_t size;
	size_t alignment;
};

static inline size_t memory_front(size_t alignment)
{
	return alignment > MEMORY_FRONT ? alignment : MEMORY_FRONT;
}

static inline void memory_scribble(void *memory, int byte, size_t size)
{
	memset(memory, byte, size < MEMORY_SCRIBBLE_MAX ? size : MEMORY_SCRIBBLE_MAX);
}

static inline void *memory_allocate(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	struct memory *const memory = context;
	const size_t front = memory_front(alignment);
	void *raw = NULL;

	expect(size > 0 && alignment > 0 && (alignment & (alignment - 1)) == 0);
	if (memory->left == 0 || size > MEMORY_BLOCK_MAX || posix_memalign(&raw, front, front + size) != 0) {
		memory->refused++;
		return NULL;
	}
	if (memory->left != MEMORY_UNLIMITED)
		memory->left--;
	char *const block = (char *)raw + front;
	const struct memory_block note = { size, alignment };

	memcpy(block - sizeof(note), &note, sizeof(note));
	if (content == HASHLOOM_ALLOC_ZEROED)
		memset(block, 0, size);
	else
		memory_scribble(block, 0xa5, size);
	memory->blocks++;
	return block;
}

static inline void memory_release(void *context, void *block, size_t size, size_t alignment)
{
	struct memory *const memory = context;
	struct memory_block note;

	expect(block != NULL && memory->blocks > 0);
	memcpy(&note, (char *)block - sizeof(note), sizeof(note));
	expect(note.size == size && note.alignment == alignment);
	memory_scribble(block, 0xdd, size);
	memory->blocks--;
	free((char *)block - memory_front(alignment));
}

/* The struct may not move afterwards: the hooks point to it. */
static inline void memory_init(struct memory *memory)
{
	*memory = (struct memory){ { memory_allocate, memory_release, memory }, MEMORY_UNLIMITED, 0, 0 };
}

#endif
