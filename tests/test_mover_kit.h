/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_kit.h: the tests that every mover must pass: V.1 to V.7 of vdm.h, and every size,
 * alignment and flag.
 *
 * Method: an area of random bytes with the destination in its midst goes through the mover; a
 * copy of the area goes through libc; both must be equal to the last byte, so that what lies
 * around the destination is checked too. Operations are in flight in batches, driven by a
 * runtime.
 *
 * A test program defines setup and teardown, which put a struct rig into *state, and lists
 * MOVER_TESTS, and for one rig at least MOVER_LONG_TESTS.
 */
#ifndef HL_TEST_MOVER_KIT_H
#define HL_TEST_MOVER_KIT_H

#include "test_kit.h"

#include <sys/mman.h>

#include <hashloom/runtime.h>
#include <hashloom/vdm.h>

struct rig {
	void *mover;
	struct vdm *vdm;
	struct runtime *runtime;
	int is_async; /* what its operations must say of themselves */
};

#define ALL_FLAGS ((uint64_t)VDM_F_VALID_FLAGS)

/* ---- operations ------------------------------------------------------------------------------ */

static struct vdm_operation_future make_operation(struct vdm *vdm, enum vdm_operation_type type,
						  void *dest, void *src, int c, size_t n,
						  uint64_t flags)
{
	switch (type) {
	case VDM_OPERATION_MEMCPY:
		return vdm_memcpy(vdm, dest, src, n, flags);
	case VDM_OPERATION_MEMMOVE:
		return vdm_memmove(vdm, dest, src, n, flags);
	case VDM_OPERATION_MEMSET:
		return vdm_memset(vdm, dest, c, n, flags);
	default:
		return vdm_flush(vdm, dest, n, flags);
	}
}

static void wait_one(struct rig *rig, struct vdm_operation_future *future)
{
	runtime_wait(rig->runtime, FUTURE_AS_RUNNABLE(future));
	assert_int_equal(FUTURE_STATE(future), FUTURE_STATE_COMPLETE);
}

/*
 * What the mover must answer to these flags. Flushing is there when durability is, and takes no
 * hint.
 */
static enum vdm_operation_result expected_result(struct vdm *vdm, enum vdm_operation_type type,
						 uint64_t flags)
{
	const unsigned capabilities = vdm->capabilities & VDM_F_VALID_FLAGS;
	const uint64_t allowed =
		type == VDM_OPERATION_FLUSH ? capabilities & VDM_F_MEM_DURABLE : capabilities;

	if (type == VDM_OPERATION_FLUSH && allowed == 0)
		return VDM_ERROR_JOB_CORRUPTED;
	return flags & ~allowed ? VDM_ERROR_JOB_CORRUPTED : VDM_SUCCESS;
}

static void assert_output(struct vdm_operation_future *future, enum vdm_operation_type type,
			  void *dest, enum vdm_operation_result result)
{
	const struct vdm_operation_output *const output = FUTURE_OUTPUT(future);

	assert_int_equal(output->type, type);
	assert_int_equal(output->result, result);
	if (type == VDM_OPERATION_MEMCPY)
		assert_ptr_equal(output->output.memcpy.dest, dest);
	else if (type == VDM_OPERATION_MEMMOVE)
		assert_ptr_equal(output->output.memmove.dest, dest);
	else if (type == VDM_OPERATION_MEMSET)
		assert_ptr_equal(output->output.memset.str, dest);
	else
		assert_int_equal(output->output.flush.unused, 0);
}

/* ---- the sweep ------------------------------------------------------------------------------- */

#define BATCH 32
#define REDZONE 128 /* a multiple of any cache line, so that offsets are alignments */
#define FILL_BYTE 0x1a7

struct sweep_case {
	enum vdm_operation_type type;
	size_t n, dest_at, src_at, area_size;
	uint64_t flags;
	unsigned char *area, *expected;
	struct vdm_operation_future future;
};

struct sweep {
	struct rig *rig;
	uint64_t random;
	size_t count;
	struct sweep_case cases[BATCH];
};

static void sweep_expect(struct sweep *sweep, struct sweep_case *one)
{
	memcpy(one->expected, one->area, one->area_size);
	if (expected_result(sweep->rig->vdm, one->type, one->flags) != VDM_SUCCESS)
		return;
	if (one->type == VDM_OPERATION_MEMSET)
		memset(one->expected + one->dest_at, FILL_BYTE, one->n);
	else if (one->type != VDM_OPERATION_FLUSH)
		memmove(one->expected + one->dest_at, one->expected + one->src_at, one->n);
}

/* Waits for the batch and compares. */
static void sweep_finish(struct sweep *sweep)
{
	struct future *futures[BATCH];

	for (size_t i = 0; i < sweep->count; i++)
		futures[i] = FUTURE_AS_RUNNABLE(&sweep->cases[i].future);
	runtime_wait_multiple(sweep->rig->runtime, futures, sweep->count);
	for (size_t i = 0; i < sweep->count; i++) {
		struct sweep_case *const one = &sweep->cases[i];

		assert_output(&one->future, one->type, one->area + one->dest_at,
			      expected_result(sweep->rig->vdm, one->type, one->flags));
		assert_true(kit_equal(one->area, one->expected, one->area_size));
		free(one->area);
		free(one->expected);
	}
	sweep->count = 0;
}

/* dest_at and src_at count from behind the first red zone. */
static void sweep_add(struct sweep *sweep, enum vdm_operation_type type, size_t n, size_t dest_at,
		      size_t src_at, uint64_t flags)
{
	struct sweep_case *const one = &sweep->cases[sweep->count++];
	const size_t end = (dest_at > src_at ? dest_at : src_at) + n;

	*one = (struct sweep_case){.type = type,
				   .n = n,
				   .dest_at = REDZONE + dest_at,
				   .src_at = REDZONE + src_at,
				   .flags = flags};
	one->area_size = (REDZONE + end + REDZONE + REDZONE - 1) / REDZONE * REDZONE;
	one->area = aligned_alloc(REDZONE, one->area_size);
	one->expected = malloc(one->area_size);
	assert_non_null(one->area);
	assert_non_null(one->expected);
	kit_fill_randomly(one->area, one->area_size, &sweep->random);
	sweep_expect(sweep, one);
	one->future = make_operation(sweep->rig->vdm, type, one->area + one->dest_at,
				     one->area + one->src_at, FILL_BYTE, n, flags);
	assert_int_equal(FUTURE_STATE(&one->future), FUTURE_STATE_IDLE);
	assert_int_equal(
		future_has_property(FUTURE_AS_RUNNABLE(&one->future), FUTURE_PROPERTY_ASYNC),
		sweep->rig->is_async);
	if (sweep->count == BATCH)
		sweep_finish(sweep);
}

/* One size: offsets within a cache line for copy, set and flush, distances for move. */
static void sweep_size(struct sweep *sweep, size_t n)
{
	static const size_t offsets[][2] = {{0, 0},   {1, 0},  {0, 1}, {7, 9},
					    {15, 33}, {63, 1}, {8, 8}, {16, 49}};
	const size_t distances[] = {0, 1, 15, 16, n / 2, n, 7, 8, 17, 64, 65};
	const size_t less = n > 130; /* large ones need fewer alignments */

	for (uint64_t flags = 0; flags <= ALL_FLAGS; flags++) {
		for (size_t i = 0; i < KIT_COUNT(offsets) >> less; i++) {
			const size_t behind = (offsets[i][0] + n + REDZONE) / REDZONE * REDZONE;

			sweep_add(sweep, VDM_OPERATION_MEMCPY, n, offsets[i][0],
				  behind + offsets[i][1], flags);
			sweep_add(sweep, VDM_OPERATION_MEMSET, n, offsets[i][0], 0, flags);
			sweep_add(sweep, VDM_OPERATION_FLUSH, n, offsets[i][0], 0, flags);
		}
		for (size_t i = 0; i < KIT_COUNT(distances) >> less; i++) {
			sweep_add(sweep, VDM_OPERATION_MEMMOVE, n, i, i + distances[i], flags);
			sweep_add(sweep, VDM_OPERATION_MEMMOVE, n, i + distances[i], i, flags);
		}
	}
}

static void test_mover_every_size_alignment_and_flag(void **state)
{
	static const size_t sizes[] = {191, 192, 193, 255, 256, 257, 1000, 4095, 4096, 4097, 65537};
	struct sweep *const sweep = kit_zeroed(1, sizeof(*sweep));

	sweep->rig = *state;
	sweep->random = kit_seed();
	for (size_t n = 0; n <= 130; n++)
		sweep_size(sweep, n);
	for (size_t i = 0; i < KIT_COUNT(sizes); i++)
		sweep_size(sweep, sizes[i]);
	sweep_finish(sweep);
	free(sweep);
}

/* ---- V.1, V.2, V.5 --------------------------------------------------------------------------- */

static void test_mover_V1_nothing_runs_before_the_first_poll(void **state)
{
	struct rig *const rig = *state;
	unsigned char dest[64];
	unsigned char src[64];
	struct vdm_operation_future future = vdm_memcpy(rig->vdm, dest, src, sizeof(src), 0);

	memset(dest, 1, sizeof(dest));
	kit_sleep_us(3000);
	assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
	assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_IDLE);
	memset(src, 2, sizeof(src));
	wait_one(rig, &future);
	assert_output(&future, VDM_OPERATION_MEMCPY, dest, VDM_SUCCESS);
	assert_true(kit_all_bytes_are(dest, 2, sizeof(dest)));
}

/* As maps of a chain do: every field is filled in after the future was made. */
static void test_mover_V1_fields_changed_before_the_first_poll_count(void **state)
{
	struct rig *const rig = *state;
	unsigned char dest[64] = {0};
	unsigned char src[64];
	struct vdm_operation_future copy = vdm_memcpy(rig->vdm, NULL, NULL, 0, UINT64_MAX);
	struct vdm_operation_future set = vdm_memset(rig->vdm, NULL, 0, SIZE_MAX, 0);

	memset(src, 3, sizeof(src));
	copy.data.operation.data.memcpy.dest = dest;
	copy.data.operation.data.memcpy.src = src;
	copy.data.operation.data.memcpy.n = 32;
	copy.data.operation.data.memcpy.flags = 0;
	set.data.operation.data.memset.str = dest + 32;
	set.data.operation.data.memset.c = 4;
	set.data.operation.data.memset.n = 16;
	wait_one(rig, &copy);
	wait_one(rig, &set);
	assert_output(&copy, VDM_OPERATION_MEMCPY, dest, VDM_SUCCESS);
	assert_output(&set, VDM_OPERATION_MEMSET, dest + 32, VDM_SUCCESS);
	assert_true(kit_all_bytes_are(dest, 3, 32));
	assert_true(kit_all_bytes_are(dest + 32, 4, 16));
	assert_true(kit_all_bytes_are(dest + 48, 0, 16));
}

/* A copy that becomes a set is the operation that it says it is when it is polled. */
static void test_mover_V1_the_type_may_change_too(void **state)
{
	struct rig *const rig = *state;
	unsigned char bytes[8] = {0};
	struct vdm_operation_future future = vdm_memcpy(rig->vdm, NULL, NULL, 0, 0);

	future.data.operation.type = VDM_OPERATION_MEMSET;
	future.data.operation.data.memset.str = bytes;
	future.data.operation.data.memset.c = 5;
	future.data.operation.data.memset.n = 4;
	future.data.operation.data.memset.flags = 0;
	wait_one(rig, &future);
	assert_output(&future, VDM_OPERATION_MEMSET, bytes, VDM_SUCCESS);
	assert_true(kit_equal(bytes, "\5\5\5\5\0\0\0\0", 8));
}

struct two_copies {
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, first);
	FUTURE_CHAIN_ENTRY_LAST(struct vdm_operation_future, second);
	unsigned char through[100];
	unsigned char dest[100];
};

struct two_copies_output {
	enum vdm_operation_result result;
};

FUTURE(two_copies_future, struct two_copies, struct two_copies_output);

/* The first copy's destination becomes the second one's source. */
static void map_copy_to_copy(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	const struct vdm_operation_output *const output = future_context_get_output(lhs);
	struct vdm_operation_data *const data = future_context_get_data(rhs);

	(void)arg;
	data->operation.data.memcpy.src = output->output.memcpy.dest;
	data->operation.data.memcpy.n = 100;
}

static void map_copy_to_chain(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	const struct vdm_operation_output *const output = future_context_get_output(lhs);
	struct two_copies_output *const result = future_context_get_output(rhs);

	(void)arg;
	result->result = output->result;
}

static void test_mover_V2_operations_in_chains(void **state)
{
	struct rig *const rig = *state;
	enum { CHAINS = 20, TURNS = 20 };
	struct two_copies_future *const chains = kit_zeroed(CHAINS, sizeof(*chains));
	struct future *futures[CHAINS];
	unsigned char src[100];

	for (unsigned turn = 0; turn < TURNS; turn++) {
		memset(src, (int)turn + 1, sizeof(src));
		for (size_t i = 0; i < CHAINS; i++) {
			struct two_copies *const data = &chains[i].data;

			FUTURE_CHAIN_ENTRY_INIT(&data->first,
						vdm_memcpy(rig->vdm, data->through, src, 100, 0),
						map_copy_to_copy, NULL);
			FUTURE_CHAIN_ENTRY_INIT(&data->second,
						vdm_memcpy(rig->vdm, data->dest, NULL, 0, 0),
						map_copy_to_chain, NULL);
			chains[i].output.result = VDM_ERROR_JOB_CORRUPTED;
			FUTURE_CHAIN_INIT(&chains[i]);
			futures[i] = FUTURE_AS_RUNNABLE(&chains[i]);
		}
		runtime_wait_multiple(rig->runtime, futures, CHAINS);
		for (size_t i = 0; i < CHAINS; i++) {
			assert_int_equal(chains[i].output.result, VDM_SUCCESS);
			assert_true(kit_all_bytes_are(chains[i].data.dest,
						      (unsigned char)(turn + 1), 100));
		}
	}
	free(chains);
}

static void test_mover_V5_a_copy_of_an_idle_future(void **state)
{
	struct rig *const rig = *state;
	unsigned char dest[16] = {0};
	unsigned char src[16];
	struct vdm_operation_future first = vdm_memmove(rig->vdm, dest, src, sizeof(src), 0);
	struct vdm_operation_future second;

	memset(src, 6, sizeof(src));
	memcpy(&second, &first, sizeof(second));
	memset(&first, 0xff, sizeof(first));
	wait_one(rig, &second);
	assert_output(&second, VDM_OPERATION_MEMMOVE, dest, VDM_SUCCESS);
	assert_true(kit_all_bytes_are(dest, 6, sizeof(dest)));
}

/* ---- V.3: refusals --------------------------------------------------------------------------- */

static void assert_refused(struct rig *rig, enum vdm_operation_type type, uint64_t flags)
{
	unsigned char dest[100];
	unsigned char src[100];
	struct vdm_operation_future future =
		make_operation(rig->vdm, type, dest, src, 9, sizeof(dest), flags);

	memset(dest, 7, sizeof(dest));
	memset(src, 8, sizeof(src));
	wait_one(rig, &future);
	assert_output(&future, type, dest, VDM_ERROR_JOB_CORRUPTED);
	assert_true(kit_all_bytes_are(dest, 7, sizeof(dest)));
}

static void test_mover_V3_unknown_flags(void **state)
{
	struct rig *const rig = *state;

	for (unsigned type = VDM_OPERATION_MEMCPY; type <= VDM_OPERATION_FLUSH; type++) {
		for (unsigned bit = 2; bit < 64; bit++) {
			assert_refused(rig, (enum vdm_operation_type)type, (uint64_t)1 << bit);
			assert_refused(rig, (enum vdm_operation_type)type,
				       (uint64_t)1 << bit | VDM_F_MEM_DURABLE);
		}
		assert_refused(rig, (enum vdm_operation_type)type, UINT64_MAX);
	}
	assert_refused(rig, VDM_OPERATION_FLUSH, VDM_F_NO_CACHE_HINT);
}

static void test_mover_V3_unknown_operations(void **state)
{
	static const unsigned types[] = {VDM_OPERATION_BATCH + 1, 99, UINT32_MAX};
	struct rig *const rig = *state;

	for (size_t i = 0; i < KIT_COUNT(types); i++) {
		unsigned char dest[32];
		unsigned char src[32];
		struct vdm_operation_future future =
			vdm_memcpy(rig->vdm, dest, src, sizeof(dest), 0);

		memset(dest, 7, sizeof(dest));
		memset(src, 8, sizeof(src));
		future.data.operation.type = (enum vdm_operation_type)types[i];
		wait_one(rig, &future);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_JOB_CORRUPTED);
		/* the same, but the mover is told when the record is made */
		future.data.operation.data.memcpy.flags = 0;
		vdm_generic_operation(rig->vdm, &future);
		wait_one(rig, &future);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_JOB_CORRUPTED);
		assert_true(kit_all_bytes_are(dest, 7, sizeof(dest)));
	}
}

/* Zero bytes need no memory: pointers may be NULL, or point to where nothing may be touched. */
static void test_mover_zero_bytes_touch_nothing(void **state)
{
	struct rig *const rig = *state;
	char *const forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(forbidden != MAP_FAILED);
	for (unsigned type = VDM_OPERATION_MEMCPY; type <= VDM_OPERATION_FLUSH; type++) {
		for (uint64_t flags = 0; flags <= ALL_FLAGS; flags++) {
			char *const places[] = {NULL, forbidden, forbidden + 5};

			for (size_t i = 0; i < KIT_COUNT(places); i++) {
				const enum vdm_operation_type operation =
					(enum vdm_operation_type)type;
				struct vdm_operation_future future = make_operation(
					rig->vdm, operation, places[i], places[i], 1, 0, flags);

				wait_one(rig, &future);
				assert_output(&future, operation, places[i],
					      expected_result(rig->vdm, operation, flags));
			}
		}
	}
	munmap(forbidden, 4096);
}

static void test_mover_capabilities(void **state)
{
	struct rig *const rig = *state;
	const unsigned own = rig->vdm->capabilities;

	assert_true(vdm_is_supported(rig->vdm, VDM_F_NO_CACHE_HINT));
#ifdef __x86_64__
	assert_true(vdm_is_supported(rig->vdm, VDM_F_MEM_DURABLE));
#endif
	for (unsigned capability = 0; capability < 16; capability++)
		assert_int_equal(vdm_is_supported(rig->vdm, capability),
				 (own & capability) == capability);
	for (unsigned bit = 2; bit < 30; bit++) {
		assert_false(vdm_is_supported(rig->vdm, 1U << bit));
		assert_false(vdm_is_supported(rig->vdm, 1U << bit | VDM_F_NO_CACHE_HINT));
	}
}

/* ---- V.7: further operations ----------------------------------------------------------------- */

static void test_mover_V7_fill(void **state)
{
	struct rig *const rig = *state;
	const uint64_t pattern = UINT64_C(0x0123456789abcdef);
	unsigned char repeated[80], area[80];

	for (size_t i = 0; i < sizeof(repeated); i += sizeof(pattern))
		memcpy(repeated + i, &pattern, sizeof(pattern));
	for (size_t n = 0; n <= 60; n++) {
		for (uint64_t flags = 0; flags <= ALL_FLAGS; flags++) {
			const enum vdm_operation_result result = expected_result(rig->vdm, VDM_OPERATION_MEMSET, flags);
			struct vdm_operation_future future = vdm_fill(rig->vdm, area + n % 9, pattern, n, flags);
			const int is_done = result == VDM_SUCCESS;

			memset(area, 7, sizeof(area));
			wait_one(rig, &future);
			assert_int_equal(FUTURE_OUTPUT(&future)->type, VDM_OPERATION_FILL);
			assert_int_equal(FUTURE_OUTPUT(&future)->result, result);
			assert_ptr_equal(FUTURE_OUTPUT(&future)->output.fill.dest, area + n % 9);
			assert_true(kit_all_bytes_are(area, 7, n % 9));
			assert_true(is_done ? kit_equal(area + n % 9, repeated, n) : kit_all_bytes_are(area + n % 9, 7, n));
			assert_true(kit_all_bytes_are(area + n % 9 + n, 7, sizeof(area) - n % 9 - n));
		}
	}
}

static void test_mover_V7_compare(void **state)
{
	struct rig *const rig = *state;
	unsigned char first[70], second[70];

	for (size_t n = 0; n < sizeof(first); n += 1 + n / 8) {
		for (size_t at = 0; at <= n; at++) {
			struct vdm_operation_future future = vdm_compare(rig->vdm, first, second, n, 0);

			memset(first, 3, sizeof(first));
			memset(second, 3, sizeof(second));
			second[at] = 4;
			wait_one(rig, &future);
			assert_int_equal(FUTURE_OUTPUT(&future)->type, VDM_OPERATION_COMPARE);
			assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
			assert_int_equal(FUTURE_OUTPUT(&future)->output.compare.offset, at);
		}
	}
}

/* The answers are those of RFC 3720, B.4. */
static void test_mover_V7_crc32c(void **state)
{
	struct rig *const rig = *state;
	unsigned char bytes[4][32] = {{0}};
	static const uint32_t expected[4] = {0x8a9136aaU, 0x62a8ab43U, 0x46dd794eU, 0x113fdb5cU};

	memset(bytes[1], 0xff, 32);
	for (unsigned i = 0; i < 32; i++) {
		bytes[2][i] = (unsigned char)i;
		bytes[3][i] = (unsigned char)(31 - i);
	}
	for (size_t i = 0; i < 4; i++) {
		struct vdm_operation_future whole = vdm_crc32c(rig->vdm, bytes[i], 32, 0, 0);
		struct vdm_operation_future first = vdm_crc32c(rig->vdm, bytes[i], 13, 0, 0);

		wait_one(rig, &whole);
		assert_int_equal(FUTURE_OUTPUT(&whole)->type, VDM_OPERATION_CRC32C);
		assert_int_equal(FUTURE_OUTPUT(&whole)->result, VDM_SUCCESS);
		assert_int_equal(FUTURE_OUTPUT(&whole)->output.crc32c.crc, expected[i]);
		wait_one(rig, &first);
		struct vdm_operation_future rest =
			vdm_crc32c(rig->vdm, bytes[i] + 13, 19, FUTURE_OUTPUT(&first)->output.crc32c.crc, 0);
		wait_one(rig, &rest);
		assert_int_equal(FUTURE_OUTPUT(&rest)->output.crc32c.crc, expected[i]);
	}
}

static void test_mover_V7_memcpyv(void **state)
{
	struct rig *const rig = *state;
	enum { SEGMENTS = 20 };
	unsigned char dest[SEGMENTS][40], src[SEGMENTS][40];
	struct vdm_segment segments[SEGMENTS];

	for (size_t count = 0; count <= SEGMENTS; count++) {
		struct vdm_operation_future future = vdm_memcpyv(rig->vdm, segments, count, count % 2 * VDM_F_NO_CACHE_HINT);
		size_t sum = 0;

		memset(dest, 0, sizeof(dest));
		for (size_t i = 0; i < count; i++) {
			memset(src[i], (int)(i + 1), sizeof(src[i]));
			segments[i] = (struct vdm_segment){dest[count - 1 - i], src[i], (i * 7 + count) % 40};
			sum += segments[i].n;
		}
		wait_one(rig, &future);
		assert_int_equal(FUTURE_OUTPUT(&future)->type, VDM_OPERATION_MEMCPYV);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
		assert_int_equal(FUTURE_OUTPUT(&future)->output.memcpyv.n, sum);
		for (size_t i = 0; i < count; i++) {
			unsigned char *const to = segments[i].dest;

			assert_true(kit_all_bytes_are(to, (unsigned char)(i + 1), segments[i].n));
			assert_true(kit_all_bytes_are(to + segments[i].n, 0, 40 - segments[i].n));
		}
	}
}

/* One of each kind, one whose flags are not known, and a batch, which does not belong there. */
static void test_mover_V7_batch(void **state)
{
	struct rig *const rig = *state;
	enum { COUNT = 8 };
	static const unsigned char expected[5] = {1, 1, 2, 3, 0};
	unsigned char src[50], dest[5][50];
	struct vdm_operation operations[COUNT];
	struct vdm_operation_output outputs[COUNT];

	memset(src, 1, sizeof(src));
	memset(dest, 0, sizeof(dest));
	operations[0] = vdm_operation_memcpy(dest[0], src, 50, 0);
	operations[1] = vdm_operation_memmove(dest[1], src, 50, 0);
	operations[2] = vdm_operation_memset(dest[2], 2, 50, 0);
	operations[3] = vdm_operation_fill(dest[3], UINT64_C(0x0303030303030303), 50, 0);
	operations[4] = vdm_operation_compare(src, src + 1, 49, 0);
	operations[5] = vdm_operation_crc32c("123456789", 9, 0, 0);
	operations[6] = vdm_operation_memcpy(dest[4], src, 50, UINT64_MAX);
	operations[7] = vdm_operation_batch(operations, outputs, 1, 0);
	struct vdm_operation_future future = vdm_batch(rig->vdm, operations, outputs, COUNT, 0);
	wait_one(rig, &future);
	assert_int_equal(FUTURE_OUTPUT(&future)->type, VDM_OPERATION_BATCH);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_JOB_CORRUPTED);
	assert_int_equal(FUTURE_OUTPUT(&future)->output.batch.failed, 2);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(outputs[i].type, operations[i].type);
		assert_int_equal(outputs[i].result, i < 6 ? VDM_SUCCESS : VDM_ERROR_JOB_CORRUPTED);
	}
	assert_int_equal(outputs[4].output.compare.offset, 49);
	assert_int_equal(outputs[5].output.crc32c.crc, 0xe3069283U);
	for (unsigned i = 0; i < 5; i++)
		assert_true(kit_all_bytes_are(dest[i], expected[i], 50));
	future = vdm_batch(rig->vdm, operations, outputs, 6, 0);
	wait_one(rig, &future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_int_equal(FUTURE_OUTPUT(&future)->output.batch.failed, 0);
	future = vdm_batch(rig->vdm, NULL, NULL, 0, 0);
	wait_one(rig, &future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
}

/* None of them has flags of its own. */
static void test_mover_V3_flags_of_what_writes_nothing(void **state)
{
	struct rig *const rig = *state;
	unsigned char bytes[2][8] = {{1}, {2}};
	const struct vdm_operation inner = vdm_operation_memset(bytes[0], 9, 8, 0);
	struct vdm_operation_output output = {.type = VDM_OPERATION_FLUSH};

	for (unsigned bit = 0; bit < 64; bit++) {
		const uint64_t flags = UINT64_C(1) << bit;
		struct vdm_operation_future refused[] = {vdm_compare(rig->vdm, bytes[0], bytes[1], 8, flags),
							 vdm_crc32c(rig->vdm, bytes[0], 8, 77, flags),
							 vdm_batch(rig->vdm, &inner, &output, 1, flags)};

		for (size_t i = 0; i < KIT_COUNT(refused); i++) {
			wait_one(rig, &refused[i]);
			assert_int_equal(FUTURE_OUTPUT(&refused[i])->result, VDM_ERROR_JOB_CORRUPTED);
		}
		assert_int_equal(FUTURE_OUTPUT(&refused[0])->output.compare.offset, 8);
		assert_int_equal(FUTURE_OUTPUT(&refused[1])->output.crc32c.crc, 77);
		assert_int_equal(FUTURE_OUTPUT(&refused[2])->output.batch.failed, 1);
		assert_int_equal(output.type, VDM_OPERATION_FLUSH);
		assert_int_equal(bytes[0][0], 1);
	}
}

/* ---- V.6: cancelled -------------------------------------------------------------------------- */

static void test_mover_V6_cancelled_before_the_first_poll_does_nothing(void **state)
{
	struct rig *const rig = *state;
	unsigned char dest[16], src[16];

	memset(dest, 1, sizeof(dest));
	memset(src, 2, sizeof(src));
	for (unsigned turn = 0; turn < 300; turn++) {
		struct vdm_operation_future future = vdm_memcpy(rig->vdm, dest, src, sizeof(dest), 0);

		future_cancel(FUTURE_AS_RUNNABLE(&future));
		wait_one(rig, &future);
		assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&future)));
		assert_output(&future, VDM_OPERATION_MEMCPY, dest, VDM_ERROR_CANCELLED);
		assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
	}
}

/* ---- V.4: bounded ---------------------------------------------------------------------------- */

#define OPERATIONS_LIMIT (1U << 20)

/* Makes operations until there is no room; returns how many there was room for. */
static size_t make_until_full(struct rig *rig, unsigned char *byte,
			      struct vdm_operation_future *first)
{
	static unsigned char source = 11;

	for (size_t made = 0; made < OPERATIONS_LIMIT; made++) {
		struct vdm_operation_future future = vdm_memcpy(rig->vdm, byte, &source, 1, 0);

		if (FUTURE_STATE(&future) == FUTURE_STATE_COMPLETE) {
			assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_OUT_OF_MEMORY);
			assert_int_equal(FUTURE_OUTPUT(&future)->type, VDM_OPERATION_MEMCPY);
			assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL),
					 FUTURE_STATE_COMPLETE);
			assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_OUT_OF_MEMORY);
			return made;
		}
		if (made == 0)
			*first = future;
	}
	fail_msg("no bound");
	return 0;
}

static void test_mover_V4_a_completion_makes_room_for_one(void **state)
{
	struct rig *const rig = *state;
	struct vdm_operation_future first;
	struct vdm_operation_future copy;
	unsigned char byte = 10;

	assert_true(make_until_full(rig, &byte, &first) >= 128);
	for (unsigned turn = 0; turn < 100; turn++) {
		memcpy(&copy, &first, sizeof(copy));
		wait_one(rig, &copy);
		assert_int_equal(FUTURE_OUTPUT(&copy)->result, VDM_SUCCESS);
		assert_int_equal(byte, 11);
		byte = 10;
		assert_int_equal(make_until_full(rig, &byte, &first), 1);
	}
	/* a refused one makes room as well */
	first.data.operation.data.memcpy.flags = UINT64_MAX;
	wait_one(rig, &first);
	assert_int_equal(FUTURE_OUTPUT(&first)->result, VDM_ERROR_JOB_CORRUPTED);
	assert_int_equal(byte, 10);
	assert_int_equal(make_until_full(rig, &byte, &first), 1);
}

static void *poll_elsewhere(void *arg)
{
	struct vdm_operation_future *const future = arg;

	FUTURE_BUSY_POLL(future);
	return NULL;
}

static void test_mover_V4_a_completion_on_another_thread_makes_room(void **state)
{
	struct rig *const rig = *state;
	struct vdm_operation_future first;
	unsigned char byte = 10;

	(void)make_until_full(rig, &byte, &first);
	for (unsigned turn = 0; turn < 20; turn++) {
		kit_join(kit_start(poll_elsewhere, &first));
		assert_int_equal(FUTURE_OUTPUT(&first)->result, VDM_SUCCESS);
		assert_int_equal(make_until_full(rig, &byte, &first), 1);
	}
}

/*
 * Some are made and never polled; more than the mover holds at once go past them, and each is
 * really done.
 */
static void test_mover_V4_one_never_polled_keeps_only_its_own_place(void **state)
{
	struct rig *const rig = *state;
	enum { IN_FLIGHT = 64, PASSES = 70000 / IN_FLIGHT };
	struct vdm_operation_future operations[IN_FLIGHT];
	struct future *futures[IN_FLIGHT];
	size_t dest[IN_FLIGHT];
	size_t src[IN_FLIGHT];
	size_t wrong = 0;

	for (size_t i = 0; i < 5; i++)
		(void)vdm_memcpy(rig->vdm, dest, src, sizeof(dest), 0);
	for (size_t pass = 0; pass < PASSES; pass++) {
		for (size_t i = 0; i < IN_FLIGHT; i++) {
			src[i] = pass * IN_FLIGHT + i;
			dest[i] = SIZE_MAX;
			operations[i] = vdm_memcpy(rig->vdm, &dest[i], &src[i], sizeof(src[i]), 0);
			futures[i] = FUTURE_AS_RUNNABLE(&operations[i]);
		}
		runtime_wait_multiple(rig->runtime, futures, IN_FLIGHT);
		for (size_t i = 0; i < IN_FLIGHT; i++)
			wrong += FUTURE_OUTPUT(&operations[i])->result != VDM_SUCCESS ||
				 dest[i] != src[i];
	}
	assert_int_equal(wrong, 0);
}

/* ---- any thread ------------------------------------------------------------------------------ */

struct mover_user {
	struct rig *rig;
	unsigned turns;
	unsigned id;
	size_t wrong;
};

/* A thread with a runtime of its own that copies stamps through the shared mover. */
static void *mover_user_run(void *arg)
{
	enum { IN_FLIGHT = 16 };
	struct mover_user *const user = arg;
	struct runtime *const runtime = runtime_new();
	struct vdm_operation_future operations[IN_FLIGHT];
	struct future *futures[IN_FLIGHT];
	uint64_t dest[IN_FLIGHT];
	uint64_t src[IN_FLIGHT];

	for (unsigned turn = 0; runtime != NULL && turn < user->turns; turn++) {
		for (size_t i = 0; i < IN_FLIGHT; i++) {
			src[i] = (uint64_t)user->id << 56 | (uint64_t)turn << 8 | i;
			dest[i] = 0;
			operations[i] =
				vdm_memcpy(user->rig->vdm, &dest[i], &src[i], sizeof(src[i]), 0);
			futures[i] = FUTURE_AS_RUNNABLE(&operations[i]);
		}
		runtime_wait_multiple(runtime, futures, IN_FLIGHT);
		for (size_t i = 0; i < IN_FLIGHT; i++)
			user->wrong += FUTURE_OUTPUT(&operations[i])->result != VDM_SUCCESS ||
				       dest[i] != src[i];
	}
	user->wrong += runtime == NULL;
	runtime_delete(runtime);
	return NULL;
}

static void test_mover_four_threads_share_it(void **state)
{
	struct mover_user users[4];
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++) {
		users[i] = (struct mover_user){*state, KIT_REPEAT(600), i + 1, 0};
		threads[i] = kit_start(mover_user_run, &users[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		kit_join(threads[i]);
		assert_int_equal(users[i].wrong, 0);
	}
}

#define MOVER_TEST(function, setup, teardown)                                                      \
	{                                                                                          \
#function, function, setup, teardown, NULL                                         \
	}

#define MOVER_TESTS(setup, teardown)                                                               \
	MOVER_TEST(test_mover_V1_nothing_runs_before_the_first_poll, setup, teardown),             \
		MOVER_TEST(test_mover_V1_fields_changed_before_the_first_poll_count, setup,        \
			   teardown),                                                              \
		MOVER_TEST(test_mover_V1_the_type_may_change_too, setup, teardown),                \
		MOVER_TEST(test_mover_V2_operations_in_chains, setup, teardown),                   \
		MOVER_TEST(test_mover_V5_a_copy_of_an_idle_future, setup, teardown),               \
		MOVER_TEST(test_mover_V3_unknown_flags, setup, teardown),                          \
		MOVER_TEST(test_mover_V3_unknown_operations, setup, teardown),                     \
		MOVER_TEST(test_mover_zero_bytes_touch_nothing, setup, teardown),                  \
		MOVER_TEST(test_mover_capabilities, setup, teardown),                              \
		MOVER_TEST(test_mover_V3_flags_of_what_writes_nothing, setup, teardown),           \
		MOVER_TEST(test_mover_V6_cancelled_before_the_first_poll_does_nothing, setup,      \
			   teardown),                                                              \
		MOVER_TEST(test_mover_V7_fill, setup, teardown),                                   \
		MOVER_TEST(test_mover_V7_compare, setup, teardown),                                \
		MOVER_TEST(test_mover_V7_crc32c, setup, teardown),                                 \
		MOVER_TEST(test_mover_V7_memcpyv, setup, teardown),                                \
		MOVER_TEST(test_mover_V7_batch, setup, teardown),                                  \
		MOVER_TEST(test_mover_V4_a_completion_makes_room_for_one, setup, teardown),        \
		MOVER_TEST(test_mover_V4_a_completion_on_another_thread_makes_room, setup,         \
			   teardown),                                                              \
		MOVER_TEST(test_mover_four_threads_share_it, setup, teardown)

#define MOVER_LONG_TESTS(setup, teardown)                                                          \
	MOVER_TEST(test_mover_every_size_alignment_and_flag, setup, teardown),                     \
		MOVER_TEST(test_mover_V4_one_never_polled_keeps_only_its_own_place, setup,         \
			   teardown)

#endif
