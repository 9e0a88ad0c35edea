/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_sync.c: the synchronous mover, under both of its names.
 *
 * Method: the tests of every mover (test_mover_kit.h), and what is particular here: each
 * operation completes at its first poll, on the polling thread, whatever the notifier.
 */
#include "test_mover_kit.h"

#include <hashloom/data_mover_sync.h>

static int setup(void **state)
{
	struct rig *const rig = kit_zeroed(1, sizeof(*rig));

	rig->runtime = runtime_new();
	rig->mover = data_mover_sync_new();
	assert_non_null(rig->runtime);
	assert_non_null(rig->mover);
	rig->vdm = data_mover_sync_get_vdm(rig->mover);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *const rig = *state;

	data_mover_sync_delete(rig->mover);
	runtime_delete(rig->runtime);
	free(rig);
	return 0;
}

static int setup_plain(void **state)
{
	struct rig *const rig = kit_zeroed(1, sizeof(*rig));

	rig->runtime = runtime_new();
	rig->vdm = vdm_synchronous_new();
	assert_non_null(rig->runtime);
	assert_non_null(rig->vdm);
	*state = rig;
	return 0;
}

static int teardown_plain(void **state)
{
	struct rig *const rig = *state;

	vdm_synchronous_delete(rig->vdm);
	runtime_delete(rig->runtime);
	free(rig);
	return 0;
}

static void test_sync_completes_at_the_first_poll(void **state)
{
	struct rig *const rig = *state;
	hl_u32 wakes = {0};

	for (unsigned with_notifier = 0; with_notifier < 2; with_notifier++) {
		struct future_notifier notifier = kit_notifier(&wakes);
		char dest[6] = {0};
		char src[6] = "loom";
		struct vdm_operation_future future =
			vdm_memcpy(rig->vdm, dest, src, sizeof(src), 0);

		assert_int_equal(
			future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC), 0);
		assert_int_equal(
			future_poll(FUTURE_AS_RUNNABLE(&future), with_notifier ? &notifier : NULL),
			FUTURE_STATE_COMPLETE);
		assert_string_equal(dest, "loom");
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_NONE);
		assert_int_equal(
			future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC), 0);
	}
	assert_int_equal(hl_u32_load_relaxed(&wakes), 0);
}

static void test_sync_the_property_function_can_be_set(void **state)
{
	struct rig *const rig = *state;
	char byte = 0;

	vdm_set_has_property_fn(rig->vdm, NULL);
	struct vdm_operation_future future = vdm_memset(rig->vdm, &byte, 1, 1, 0);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC),
			 0);
	wait_one(rig, &future);
	assert_int_equal(byte, 1);
}

static void test_sync_made_and_deleted(void **state)
{
	(void)state;
	data_mover_sync_delete(NULL);
	vdm_synchronous_delete(NULL);
	for (unsigned i = 0; i < 100; i++) {
		struct data_mover_sync *const mover = data_mover_sync_new();
		struct vdm *const vdm = vdm_synchronous_new();

		assert_non_null(mover);
		assert_non_null(vdm);
		(void)vdm_memset(vdm, &i, 0, 0, 0);
		(void)vdm_memset(data_mover_sync_get_vdm(mover), &i, 0, 0, 0);
		data_mover_sync_delete(mover);
		vdm_synchronous_delete(vdm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVER_TESTS(setup, teardown),
		MOVER_LONG_TESTS(setup, teardown),
		MOVER_TEST(test_sync_completes_at_the_first_poll, setup, teardown),
		MOVER_TEST(test_sync_the_property_function_can_be_set, setup, teardown),
		MOVER_TEST(test_sync_completes_at_the_first_poll, setup_plain, teardown_plain),
		MOVER_TEST(test_mover_V4_a_completion_makes_room_for_one, setup_plain,
			   teardown_plain),
		cmocka_unit_test(test_sync_made_and_deleted),
	};

	return KIT_RUN(tests);
}
