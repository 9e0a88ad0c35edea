/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_memory.c: copies past the caches and write-back of caches (src/memory.h), against libc.
 *
 * Method: every size up to some blocks of every alignment, in an area whose other bytes must stay
 * as they are; then the same up against the end of a page behind which nothing may be touched.
 */
#include "test_kit.h"

#include <sys/mman.h>

#include "memory.h"

#define PAGE 4096
#define AREA 1024
#define SIZE_MAX_TESTED 300
#define FILL_BYTE 0x2e5 /* only its low byte counts */

struct area {
	_Alignas(64) unsigned char bytes[AREA];
	_Alignas(64) unsigned char expected[AREA];
};

static void area_fill(struct area *area, uint64_t *random)
{
	kit_fill_randomly(area->bytes, AREA, random);
	memcpy(area->expected, area->bytes, AREA);
}

static void test_memory_copy_of_every_size_and_alignment(void **state)
{
	struct area area;
	uint64_t random = kit_seed();

	(void)state;
	for (size_t n = 0; n <= SIZE_MAX_TESTED; n++) {
		for (size_t to = 0; to < 34; to++) {
			const size_t from = 512 + kit_random_below(&random, 64);

			area_fill(&area, &random);
			memcpy(area.expected + 64 + to, area.expected + from, n);
			hl_copy_nontemporal(area.bytes + 64 + to, area.bytes + from, n);
			assert_memory_equal(area.bytes, area.expected, AREA);
		}
	}
}

static void test_memory_set_of_every_size_and_alignment(void **state)
{
	struct area area;
	uint64_t random = kit_seed();

	(void)state;
	for (size_t n = 0; n <= SIZE_MAX_TESTED; n++) {
		for (size_t to = 0; to < 34; to++) {
			area_fill(&area, &random);
			memset(area.expected + 64 + to, FILL_BYTE, n);
			hl_set_nontemporal(area.bytes + 64 + to, FILL_BYTE, n);
			assert_memory_equal(area.bytes, area.expected, AREA);
		}
	}
}

static void test_memory_move_by_every_distance(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 31, 33, 64, 100, 128, 200};
	struct area area;
	uint64_t random = kit_seed();

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sizes); i++) {
		for (size_t to = 100; to <= 700; to += to < 300 || to > 500 ? 7 : 1) {
			area_fill(&area, &random);
			memmove(area.expected + to, area.expected + 400, sizes[i]);
			hl_move_nontemporal(area.bytes + to, area.bytes + 400, sizes[i]);
			assert_memory_equal(area.bytes, area.expected, AREA);
		}
	}
}

/* A page between two that may not be touched. */
static unsigned char *page_map(void)
{
	unsigned char *const three =
		mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(three != MAP_FAILED);
	assert_int_equal(mprotect(three + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	return three + PAGE;
}

static void page_unmap(unsigned char *page)
{
	munmap(page - PAGE, 3 * PAGE);
}

/* Both ends of source and destination: nothing is read or written beyond. */
static void test_memory_copies_stay_within_bounds(void **state)
{
	unsigned char *const to = page_map();
	unsigned char *const from = page_map();

	(void)state;
	memset(from, 1, PAGE);
	for (size_t n = 0; n <= SIZE_MAX_TESTED; n++) {
		hl_copy_nontemporal(to, from + PAGE - n, n);
		hl_copy_nontemporal(to + PAGE - n, from, n);
		hl_move_nontemporal(to + PAGE - n, from + PAGE - n, n);
		hl_move_nontemporal(to, from, n);
		assert_true(kit_all_bytes_are(to, 1, n));
		assert_true(kit_all_bytes_are(to + n, 0, PAGE - 2 * n));
		assert_true(kit_all_bytes_are(to + PAGE - n, 1, n));
		hl_set_nontemporal(to, 0, n);
		hl_set_nontemporal(to + PAGE - n, 0, n);
		assert_true(kit_all_bytes_are(to, 0, PAGE));
	}
	page_unmap(to);
	page_unmap(from);
}

static void test_memory_nothing_to_do(void **state)
{
	unsigned char *const page = page_map();
	unsigned char *const places[] = {NULL, page - 1, page + PAGE, page + PAGE + 7};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(places); i++) {
		hl_copy_nontemporal(places[i], places[i], 0);
		hl_move_nontemporal(places[i], places[i], 0);
		hl_set_nontemporal(places[i], 1, 0);
		if (hl_flush_is_supported())
			hl_flush(places[i], 0);
	}
	page_unmap(page);
}

/*
 * From each offset: one byte, a line, all up to the end of the page. What is flushed stays what
 * it is.
 */
static void test_memory_flush_at_every_page_offset(void **state)
{
	unsigned char *const page = page_map();
	unsigned char expected[PAGE];
	uint64_t random = kit_seed();

	(void)state;
	if (!hl_flush_is_supported())
		skip();
	kit_fill_randomly(page, PAGE, &random);
	memcpy(expected, page, PAGE);
	for (size_t offset = 0; offset < PAGE; offset++) {
		hl_flush(page + offset, 1);
		hl_flush(page + offset, PAGE - offset < 64 ? PAGE - offset : 64);
		if (offset % 61 == 0)
			hl_flush(page + offset, PAGE - offset);
	}
	assert_memory_equal(page, expected, PAGE);
	assert_int_equal(mprotect(page, PAGE, PROT_READ), 0);
	hl_flush(page, PAGE); /* what is only read can be flushed too */
	assert_memory_equal(page, expected, PAGE);
	page_unmap(page);
}

static void test_memory_capabilities_follow_the_machine(void **state)
{
	(void)state;
	assert_int_equal(hl_vdm_capabilities(),
			 VDM_F_NO_CACHE_HINT | (hl_flush_is_supported() ? VDM_F_MEM_DURABLE : 0));
#ifdef __x86_64__
	assert_true(hl_flush_is_supported());
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_copy_of_every_size_and_alignment),
		cmocka_unit_test(test_memory_set_of_every_size_and_alignment),
		cmocka_unit_test(test_memory_move_by_every_distance),
		cmocka_unit_test(test_memory_copies_stay_within_bounds),
		cmocka_unit_test(test_memory_nothing_to_do),
		cmocka_unit_test(test_memory_flush_at_every_page_offset),
		cmocka_unit_test(test_memory_capabilities_follow_the_machine),
	};

	return KIT_RUN(tests);
}
