/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_base.c: the error texts of base.h and the default allocator of alloc.h.
 *
 * Method: the errors are written down here once more, so that a number or a text that changes is seen. Of
 * the allocator, every byte asked for is read and written; what it gives back to the kernel is looked for
 * with mincore().
 */
#include "test_kit.h"

#include <limits.h>
#include <sys/mman.h>

#include <hashloom/alloc.h>
#include <hashloom/base.h>

#define LARGE ((size_t)2 << 20)

/* ---- errors ----------------------------------------------------------------------------------------- */

static const struct {
	int error;
	int number;
	const char *text;
} errors[] = {
	{ HASHLOOM_OK, 0, "success" },
	{ HASHLOOM_ERROR_NO_MEMORY, -1, "out of memory" },
	{ HASHLOOM_ERROR_INVALID_ARGUMENT, -2, "invalid argument" },
	{ HASHLOOM_ERROR_INVALID_KEY, -3, "the key is one of the four reserved values" },
	{ HASHLOOM_ERROR_FULL, -4, "no room left" },
	{ HASHLOOM_ERROR_BUSY, -5, "another thread is changing the same place; try again" },
	{ HASHLOOM_ERROR_CLOSED, -6, "it is being shut down" },
};

static void test_base_every_error_has_its_number_and_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIT_COUNT(errors); i++) {
		assert_int_equal(errors[i].error, errors[i].number);
		assert_string_equal(hashloom_strerror(errors[i].error), errors[i].text);
	}
}

/* An error that is new in base.h must come into the table above. */
static void test_base_the_macro_names_no_other_errors(void **state)
{
	size_t count = 0;

	(void)state;
#define CHECK(name, value, text)                                                                   \
	assert_string_equal(hashloom_strerror(name), text);                                        \
	assert_true((name) <= 0 && (size_t)(-(name)) == count);                                    \
	count++;
	HASHLOOM_ERRORS(CHECK)
#undef CHECK
	assert_int_equal(count, KIT_COUNT(errors));
}

static void test_base_other_numbers_are_unknown_errors(void **state)
{
	static const int numbers[] = { INT_MIN, INT_MIN + 1, INT_MAX, -4096, 4096 };
	const int known = (int)KIT_COUNT(errors);

	(void)state;
	for (int number = -1000; number <= 1000; number++)
		if (number > 0 || number <= -known)
			assert_string_equal(hashloom_strerror(number), "unknown error");
	for (size_t i = 0; i < KIT_COUNT(numbers); i++)
		assert_string_equal(hashloom_strerror(numbers[i]), "unknown error");
}

/* ---- the default allocator ---------------------------------------------------------------------------- */

static void *allocate(size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();

	return allocator->allocate(allocator->context, size, alignment, content);
}

static void release(void *memory, size_t size, size_t alignment)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();

	allocator->release(allocator->context, memory, size, alignment);
}

static void test_alloc_default_is_one_allocator(void **state)
{
	const struct hashloom_allocator *const allocator = hashloom_allocator_default();

	(void)state;
	assert_non_null(allocator);
	assert_non_null(allocator->allocate);
	assert_non_null(allocator->release);
	assert_ptr_equal(hashloom_allocator_default(), allocator);
}

/* Dirty memory is given back first, which malloc is likely to hand out again. */
static void check_small(size_t size, size_t alignment)
{
	static const enum hashloom_alloc_content contents[] = { HASHLOOM_ALLOC_ANY,
								 HASHLOOM_ALLOC_ZEROED };

	for (size_t i = 0; i < KIT_COUNT(contents); i++) {
		void *const memory = allocate(size, alignment, contents[i]);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % alignment, 0);
		if (contents[i] == HASHLOOM_ALLOC_ZEROED)
			assert_true(kit_all_bytes_are(memory, 0, size));
		memset(memory, 0x5a, size);
		assert_true(kit_all_bytes_are(memory, 0x5a, size));
		release(memory, size, alignment);
	}
}

static void test_alloc_small_sizes_at_every_alignment(void **state)
{
	static const size_t sizes[] = { 1,   2,   3,    7,    8,    15,    16,    17,       63,
					64,  65,  100,  255,  256,  1000,  4095,  4096,     4097,
					1 << 16, (1 << 16) + 1, 1 << 20, LARGE - 4097, LARGE - 1 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sizes); i++)
		for (size_t alignment = 1; alignment <= 1 << 16; alignment *= sizes[i] < 4096 ? 2 : 16)
			check_small(sizes[i], alignment);
}

static void test_alloc_blocks_do_not_overlap(void **state)
{
	enum { BLOCKS = 200 };
	unsigned char *blocks[BLOCKS];

	(void)state;
	for (unsigned i = 0; i < BLOCKS; i++) {
		blocks[i] = allocate(i + 1, (size_t)1 << i % 8, HASHLOOM_ALLOC_ANY);
		assert_non_null(blocks[i]);
		memset(blocks[i], (int)i, i + 1);
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		assert_true(kit_all_bytes_are(blocks[i], (unsigned char)i, i + 1));
		release(blocks[i], i + 1, (size_t)1 << i % 8);
	}
}

/* How many of these pages are mapped. */
static size_t pages_mapped(char *memory, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char in_core;
	size_t mapped = 0;

	for (size_t at = 0; at < size; at += page)
		mapped += mincore(memory + at, page, &in_core) == 0;
	return mapped;
}

static void check_large(size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t whole = (size + LARGE - 1) / LARGE * LARGE;
	char *const memory = allocate(size, alignment, content);

	assert_non_null(memory);
	assert_int_equal((uintptr_t)memory % LARGE, 0);
	assert_int_equal((uintptr_t)memory % alignment, 0);
	assert_true(kit_all_bytes_are(memory, 0, size));
	memset(memory, 0x5a, size);
	assert_int_equal(pages_mapped(memory, whole), whole / page);
	release(memory, size, alignment);
	assert_int_equal(pages_mapped(memory, whole), 0);
}

static void test_alloc_large_is_aligned_zeroed_and_released(void **state)
{
	static const size_t sizes[] = { LARGE, LARGE + 1, 2 * LARGE - 1, 2 * LARGE, 5 << 20, (16 << 20) + 3 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sizes); i++) {
		check_large(sizes[i], 1, HASHLOOM_ALLOC_ZEROED);
		check_large(sizes[i], 64, HASHLOOM_ALLOC_ANY);
		check_large(sizes[i], 2 * LARGE, HASHLOOM_ALLOC_ZEROED);
		check_large(sizes[i], 32 * LARGE, HASHLOOM_ALLOC_ZEROED);
	}
}

/* Bytes of address space that the process has. */
static size_t address_space(void)
{
	FILE *const file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* What was mapped before and behind the aligned part goes back at once, and the rest with the release. */
static void test_alloc_large_takes_no_more_than_whole_huge_pages(void **state)
{
	enum { TURNS = 50 };
	const size_t size = 3 * LARGE - 5;
	size_t before;

	(void)state;
#ifdef KIT_EMULATED
	skip(); /* the emulator's own memory would be counted, too */
#endif
	(void)address_space(); /* stdio takes its memory at the first call */
	before = address_space();
	for (unsigned turn = 0; turn < TURNS; turn++) {
		void *const memory = allocate(size, 64, HASHLOOM_ALLOC_ZEROED);

		assert_non_null(memory);
		assert_int_equal(address_space(), before + 3 * LARGE);
		release(memory, size, 64);
	}
	assert_int_equal(address_space(), before);
}

static void test_alloc_large_costs_no_memory_until_touched(void **state)
{
	const size_t size = (size_t)(UINT64_C(1) << 38);

	(void)state;
	KIT_SKIP_WITH_SMALL_ADDRESSES();
	char *const memory = allocate(size, 64, HASHLOOM_ALLOC_ZEROED);
	if (memory == NULL)
		skip(); /* a kernel that does not overcommit */
	memory[0] = 1;
	memory[size / 2] = 2;
	memory[size - 1] = 3;
	assert_int_equal(memory[size / 2 - LARGE], 0);
	release(memory, size, 64);
}

static void test_alloc_impossible_sizes_give_null(void **state)
{
	static const size_t sizes[] = { SIZE_MAX,     SIZE_MAX - 1,         SIZE_MAX - 4096, SIZE_MAX - LARGE,
					SIZE_MAX / 2, SIZE_MAX - LARGE + 1, SIZE_MAX - 2 * LARGE, (size_t)1 << 62 };

	(void)state;
	KIT_SKIP_WITH_SMALL_ADDRESSES();
	for (size_t i = 0; i < KIT_COUNT(sizes); i++)
		for (size_t alignment = 1; alignment <= 8 * LARGE; alignment *= 4) {
			assert_null(allocate(sizes[i], alignment, HASHLOOM_ALLOC_ZEROED));
			assert_null(allocate(sizes[i], alignment, HASHLOOM_ALLOC_ANY));
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_every_error_has_its_number_and_text),
		cmocka_unit_test(test_base_the_macro_names_no_other_errors),
		cmocka_unit_test(test_base_other_numbers_are_unknown_errors),
		cmocka_unit_test(test_alloc_default_is_one_allocator),
		cmocka_unit_test(test_alloc_small_sizes_at_every_alignment),
		cmocka_unit_test(test_alloc_blocks_do_not_overlap),
		cmocka_unit_test(test_alloc_large_is_aligned_zeroed_and_released),
		cmocka_unit_test(test_alloc_large_takes_no_more_than_whole_huge_pages),
		cmocka_unit_test(test_alloc_large_costs_no_memory_until_touched),
		cmocka_unit_test(test_alloc_impossible_sizes_give_null),
	};

	return KIT_RUN(tests);
}
