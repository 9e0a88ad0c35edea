/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_memory.c: copies past the caches, write-back of caches, patterns, comparison and CRC (src/memory.h), against libc or
 * what is written down here.
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

/* The pattern byte by byte, as it lies in memory. */
static void expect_pattern(unsigned char *to, uint64_t pattern, size_t n)
{
	unsigned char bytes[sizeof(pattern)];

	memcpy(bytes, &pattern, sizeof(pattern));
	for (size_t i = 0; i < n; i++)
		to[i] = bytes[i % sizeof(pattern)];
}

static void test_memory_fill_of_every_size_and_alignment(void **state)
{
	struct area area;
	uint64_t random = kit_seed();

	(void)state;
	for (size_t n = 0; n <= SIZE_MAX_TESTED; n++) {
		for (size_t to = 0; to < 34; to++) {
			const uint64_t pattern = kit_random(&random);

			area_fill(&area, &random);
			expect_pattern(area.expected + 64 + to, pattern, n);
			(to % 2 == 0 ? hl_fill : hl_fill_nontemporal)(area.bytes + 64 + to, pattern, n);
			assert_memory_equal(area.bytes, area.expected, AREA);
			(to % 2 == 1 ? hl_fill : hl_fill_nontemporal)(area.bytes + 64 + to, pattern, n);
			assert_memory_equal(area.bytes, area.expected, AREA);
		}
	}
}

static void test_memory_compare_finds_the_first_difference(void **state)
{
	enum { N = 3 * 4096 + 100 };
	static unsigned char one[N + 8], other[N + 8];
	uint64_t random = kit_seed();

	(void)state;
	kit_fill_randomly(one, sizeof(one), &random);
	for (unsigned turn = 0; turn < 3000; turn++) {
		const size_t n = turn % 2 == 0 ? kit_random_below(&random, 100) : kit_random_below(&random, N);
		const size_t at = kit_random_below(&random, n + 2), shift = turn % 5;

		memcpy(other + shift, one, N);
		other[shift + at] ^= 1;
		if (at + 1 < n) /* a second one, behind it */
			other[shift + at + kit_random_below(&random, n - at)] ^= 2;
		assert_int_equal(hl_compare(one, other + shift, n), at < n ? at : n);
	}
	assert_int_equal(hl_compare(NULL, NULL, 0), 0);
}

/* Bit by bit, by the definition. */
static uint32_t crc_by_bits(uint32_t crc, const unsigned char *at, size_t n)
{
	crc = ~crc;
	for (; n > 0; n--, at++) {
		crc ^= *at;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static void test_memory_crc32c_is_that_of_the_definition(void **state)
{
	unsigned char bytes[300];
	uint64_t random = kit_seed();

	(void)state;
	assert_int_equal(crc_by_bits(0, (const unsigned char *)"123456789", 9), 0xe3069283U);
	kit_fill_randomly(bytes, sizeof(bytes), &random);
	for (size_t n = 0; n < 270; n++) {
		for (size_t at = 0; at < 9; at++) {
			const uint32_t seed = (uint32_t)kit_random(&random);
			const uint32_t crc = crc_by_bits(seed, bytes + at, n);

			assert_int_equal(hl_crc32c(seed, bytes + at, n), crc);
			assert_int_equal(hl_crc32c_by_table(seed, bytes + at, n), crc);
			assert_int_equal(hl_crc32c(hl_crc32c(seed, bytes + at, n / 3), bytes + at + n / 3, n - n / 3), crc);
		}
	}
}

static void test_memory_pieces_make_the_whole(void **state)
{
	static const struct hl_vdm_functions own = {NULL, NULL, NULL};
	struct area area;
	uint64_t random = kit_seed();

	(void)state;
	for (unsigned turn = 0; turn < 2000; turn++) {
		unsigned char *const to = area.bytes + 64, *const from = area.bytes + 600;
		const size_t n = kit_random_below(&random, 300), cut = kit_random_below(&random, n + 1);
		const struct vdm_operation operations[] = {
			vdm_operation_memcpy(to, from, n, 0), vdm_operation_memmove(to, from, n, 0),
			vdm_operation_memset(to, 0x1e7, n, 0), vdm_operation_fill(to, kit_random(&random), n, 0)};
		const struct vdm_operation *const operation = &operations[turn % 4];
		const struct vdm_operation first = hl_vdm_piece(operation, 0, cut);
		const struct vdm_operation second = hl_vdm_piece(operation, cut, n - cut);
		struct vdm_operation_output output;
		unsigned char whole[AREA];

		assert_true(hl_vdm_can_be_split(operation));
		assert_int_equal(hl_vdm_bytes(&first) + hl_vdm_bytes(&second), n);
		area_fill(&area, &random);
		assert_int_equal(hl_vdm_execute(operation, &own, &output), VDM_SUCCESS);
		memcpy(whole, area.bytes, AREA);
		memcpy(area.bytes, area.expected, AREA);
		assert_int_equal(hl_vdm_execute(&second, &own, &output), VDM_SUCCESS);
		assert_int_equal(hl_vdm_execute(&first, &own, &output), VDM_SUCCESS);
		assert_memory_equal(area.bytes, whole, AREA);
	}
}

static void test_memory_what_cannot_be_split(void **state)
{
	unsigned char bytes[64];
	const struct vdm_operation whole[] = {
		vdm_operation_memmove(bytes, bytes + 31, 32, 0), vdm_operation_memmove(bytes + 31, bytes, 32, 0),
		vdm_operation_compare(bytes, bytes + 32, 32, 0), vdm_operation_crc32c(bytes, 64, 0, 0),
		vdm_operation_memcpyv(NULL, 0, 0), vdm_operation_batch(NULL, NULL, 0, 0)};
	const struct vdm_operation apart = vdm_operation_memmove(bytes, bytes + 32, 32, 0);
	const struct vdm_operation behind = vdm_operation_memmove(bytes + 32, bytes, 32, 0);

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(whole); i++)
		assert_false(hl_vdm_can_be_split(&whole[i]));
	assert_true(hl_vdm_can_be_split(&apart));
	assert_true(hl_vdm_can_be_split(&behind));
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
		hl_fill(to + PAGE - n, 0, n);
		hl_fill_nontemporal(to + PAGE - n, 0, n);
		assert_int_equal(hl_compare(to + PAGE - n, from + PAGE - n, n), 0);
		assert_int_equal(hl_crc32c(0, from + PAGE - n, n), hl_crc32c_by_table(0, from + PAGE - n, n));
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
		cmocka_unit_test(test_memory_fill_of_every_size_and_alignment),
		cmocka_unit_test(test_memory_compare_finds_the_first_difference),
		cmocka_unit_test(test_memory_crc32c_is_that_of_the_definition),
		cmocka_unit_test(test_memory_pieces_make_the_whole),
		cmocka_unit_test(test_memory_what_cannot_be_split),
		cmocka_unit_test(test_memory_copies_stay_within_bounds),
		cmocka_unit_test(test_memory_nothing_to_do),
		cmocka_unit_test(test_memory_flush_at_every_page_offset),
		cmocka_unit_test(test_memory_capabilities_follow_the_machine),
	};

	return KIT_RUN(tests);
}
