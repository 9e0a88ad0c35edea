/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_inline.c: operations that their futures do themselves (VDM_F_INLINE).
 *
 * Method: a mover of the user's that counts what it is asked, and whose own operations do nothing.
 */
#include "test_kit.h"

#include <hashloom/vdm.h>

#define MOST 16

struct inlining_mover {
	struct vdm_inlining base; /* first: the mover is found from it */
	unsigned made, released, started, deleted;
	struct vdm_operation_output output;
};

static void *mover_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct inlining_mover *const mover = (struct inlining_mover *)vdm;

	(void)type;
	mover->made++;
	return mover;
}

static void mover_release(void *data)
{
	((struct inlining_mover *)data)->released++;
}

static int mover_start(void *data, const struct vdm_operation *operation, struct future_notifier *notifier)
{
	(void)operation;
	(void)notifier;
	((struct inlining_mover *)data)->started++;
	return 0;
}

static enum future_state mover_check(void *data, const struct vdm_operation *operation)
{
	(void)data;
	(void)operation;
	return FUTURE_STATE_COMPLETE;
}

static void mover_delete(void *data, const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	struct inlining_mover *const mover = data;

	(void)operation;
	mover->deleted++;
	if (output->result != VDM_ERROR_CANCELLED)
		output->result = VDM_SUCCESS;
}

static struct inlining_mover mover_with(unsigned capabilities)
{
	return (struct inlining_mover){ .base = { .vdm = { mover_new, mover_delete, mover_start, mover_check, capabilities,
							   hl_future_has_no_property },
						  .op_release = mover_release,
						  .inline_max = { MOST } } };
}

/* Polls an operation once, which completes it. Returns 1: the future did it; 0: the mover did. */
static int is_inline(struct inlining_mover *mover, struct vdm_operation operation)
{
	const struct inlining_mover before = *mover;
	struct vdm_operation_future future = vdm_operation_future_new(&mover->base.vdm, operation);
	struct future_notifier notifier = { .notifier_used = FUTURE_NOTIFIER_NONE };

	assert_int_equal(mover->made, before.made + 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_COMPLETE);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	const int released = mover->released == before.released + 1;
	assert_int_equal(mover->started, before.started + !released);
	assert_int_equal(mover->deleted, before.deleted + !released);
	return released;
}

static void test_small_plain_copies_moves_and_sets_are_done_by_the_future(void **state)
{
	struct inlining_mover mover = mover_with(VDM_F_INLINE);
	unsigned char dest[MOST + 1] = {0}, src[MOST + 1];

	(void)state;
	memset(src, 5, sizeof(src));
	assert_true(is_inline(&mover, vdm_operation_memcpy(dest, src, MOST, 0)));
	assert_memory_equal(dest, src, MOST);
	assert_int_equal(dest[MOST], 0);
	memcpy(dest, "abcdef", 6);
	assert_true(is_inline(&mover, vdm_operation_memmove(dest + 1, dest, 5, 0)));
	assert_memory_equal(dest, "aabcde", 6);
	assert_true(is_inline(&mover, vdm_operation_memset(dest, 0x107, 1, 0)));
	assert_int_equal(dest[0], 7);
	assert_int_equal(dest[1], 'a');
}

static void test_all_others_are_the_movers(void **state)
{
	struct inlining_mover mover = mover_with(VDM_F_INLINE);
	struct inlining_mover plain = mover_with(0);
	unsigned char dest[MOST + 1], src[MOST + 1] = {0};

	(void)state;
	assert_false(is_inline(&mover, vdm_operation_memcpy(dest, src, MOST + 1, 0)));
	assert_false(is_inline(&mover, vdm_operation_memcpy(NULL, NULL, 0, 0)));
	assert_false(is_inline(&mover, vdm_operation_memcpy(dest, src, 1, VDM_F_NO_CACHE_HINT)));
	assert_false(is_inline(&mover, vdm_operation_memset(dest, 1, 1, UINT64_MAX)));
	assert_false(is_inline(&mover, vdm_operation_flush(dest, 1, 0)));
	assert_false(is_inline(&mover, vdm_operation_fill(dest, 1, 8, 0)));
	assert_false(is_inline(&mover, vdm_operation_compare(dest, src, 1, 0)));
	assert_false(is_inline(&mover, vdm_operation_crc32c(src, 1, 0, 0)));
	assert_false(is_inline(&plain, vdm_operation_memcpy(dest, src, 1, 0)));
}

/* V.1: what counts is what stands there at the first poll. */
static void test_the_first_poll_decides(void **state)
{
	struct inlining_mover mover = mover_with(VDM_F_INLINE);
	unsigned char dest[MOST + 1], src[MOST + 1] = {0};
	struct vdm_operation_future grown = vdm_memcpy(&mover.base.vdm, dest, src, 1, 0);
	struct vdm_operation_future shrunk = vdm_memcpy(&mover.base.vdm, dest, src, MOST + 1, 0);
	struct vdm_operation_future late = vdm_memcpy(&mover.base.vdm, dest, src, MOST, 0);

	(void)state;
	grown.data.operation.data.memcpy.n = MOST + 1;
	shrunk.data.operation.data.memcpy.n = 1;
	FUTURE_BUSY_POLL(&grown);
	assert_int_equal(mover.started, 1);
	FUTURE_BUSY_POLL(&shrunk);
	assert_int_equal(mover.released, 1);
	hl_u32_store_relaxed(&mover.base.inline_max, MOST - 1);
	FUTURE_BUSY_POLL(&late);
	assert_int_equal(mover.started, 2);
	assert_int_equal(mover.deleted, 2);
}

static void test_a_cancelled_one_is_not_done(void **state)
{
	struct inlining_mover mover = mover_with(VDM_F_INLINE);
	unsigned char dest = 1, src = 2;
	struct vdm_operation_future future = vdm_memcpy(&mover.base.vdm, &dest, &src, 1, 0);

	(void)state;
	future_cancel(FUTURE_AS_RUNNABLE(&future));
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_CANCELLED);
	assert_int_equal(dest, 1);
	assert_int_equal(mover.released, 0);
	assert_int_equal(mover.deleted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_plain_copies_moves_and_sets_are_done_by_the_future),
		cmocka_unit_test(test_all_others_are_the_movers),
		cmocka_unit_test(test_the_first_poll_decides),
		cmocka_unit_test(test_a_cancelled_one_is_not_done),
	};

	return KIT_RUN(tests);
}
