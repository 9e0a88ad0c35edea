/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_dml.c: the DML mover's three types, and what it says where one is not to be had.
 *
 * Method: the tests of every mover (test_mover_kit.h) on the types SOFTWARE and AUTO. Most machines have no such hardware; one that has, is used.
 */
#include "test_mover_kit.h"

#include <hashloom/data_mover_dml.h>
#include <hashloom/data_mover_dsa.h>

static int setup_type(void **state, enum data_mover_dml_type type)
{
	struct rig *const rig = kit_zeroed(1, sizeof(*rig));

	rig->runtime = runtime_new();
	rig->mover = data_mover_dml_new(type);
	assert_non_null(rig->runtime);
	assert_non_null(rig->mover);
	rig->vdm = data_mover_dml_get_vdm(rig->mover);
	*state = rig;
	return 0;
}

static int setup_software(void **state)
{
	return setup_type(state, DATA_MOVER_DML_SOFTWARE);
}

static int setup_auto(void **state)
{
	const int result = setup_type(state, DATA_MOVER_DML_AUTO);

	((struct rig *)*state)->is_async = 1; /* the hardware or threads */
	return result;
}

static int teardown(void **state)
{
	struct rig *const rig = *state;

	data_mover_dml_delete(rig->mover);
	runtime_delete(rig->runtime);
	free(rig);
	return 0;
}

static void test_dml_types_that_are_not_to_be_had(void **state)
{
	(void)state;
	errno = 0;
	assert_null(data_mover_dml_new((enum data_mover_dml_type)(DATA_MOVER_DML_AUTO + 1)));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(data_mover_dml_new((enum data_mover_dml_type)UINT32_MAX));
	assert_int_equal(errno, EINVAL);
	data_mover_dml_delete(NULL);
}

/* The same as data_mover_dsa.h says. */
static void test_dml_hardware_is_there_or_it_says_why(void **state)
{
	struct data_mover_dsa_cfg cfg = data_mover_dsa_cfg_default();

	(void)state;
	cfg.type = DATA_MOVER_DSA_HARDWARE;
	errno = 0;
	struct data_mover_dsa *const dsa = data_mover_dsa_new(&cfg);
	const int why = errno;
	errno = 0;
	struct data_mover_dml *const dml = data_mover_dml_new(DATA_MOVER_DML_HARDWARE);
	assert_int_equal(dml != NULL, dsa != NULL);
	if (dml == NULL) {
		assert_int_equal(errno, why);
		assert_int_not_equal(why, 0);
	}
	data_mover_dml_delete(dml);
	data_mover_dsa_delete(dsa);
}

static void test_dml_auto_copies_and_is_durable(void **state)
{
	struct rig *const rig = *state;
	char dest[200] = {0};
	char src[200];

	memset(src, 1, sizeof(src));
	struct vdm_operation_future future =
		vdm_memcpy(rig->vdm, dest, src, sizeof(src), VDM_F_MEM_DURABLE);
	const enum vdm_operation_result result =
		expected_result(rig->vdm, VDM_OPERATION_MEMCPY, VDM_F_MEM_DURABLE);
	wait_one(rig, &future);
	assert_output(&future, VDM_OPERATION_MEMCPY, dest, result);
	if (result == VDM_SUCCESS)
		assert_memory_equal(dest, src, sizeof(dest));
	else /* a machine that cannot write its caches back */
		assert_true(kit_all_bytes_are(dest, 0, sizeof(dest)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVER_TESTS(setup_software, teardown),
		MOVER_LONG_TESTS(setup_software, teardown),
		MOVER_TEST(test_dml_auto_copies_and_is_durable, setup_auto, teardown),
		MOVER_TESTS(setup_auto, teardown),
		cmocka_unit_test(test_dml_types_that_are_not_to_be_had),
		cmocka_unit_test(test_dml_hardware_is_there_or_it_says_why),
	};

	return KIT_RUN(tests);
}
