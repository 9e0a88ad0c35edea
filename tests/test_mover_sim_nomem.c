/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_sim_nomem.c: the simulated mover without memory: it says so, and leaves nothing behind.
 *
 * Method: the mover is compiled into the test with allocations that run out (test_kit_nomem.h), for
 * every count of them until none is refused.
 */
#include "test_kit_nomem.h"

#include "data_mover_sim.c"

static void test_sim_new_without_memory(void **state)
{
	struct data_mover_sim *mover = NULL;
	uint32_t allocations = 0;

	(void)state;
	for (; mover == NULL && allocations < 100; allocations++) {
		nomem_allow(allocations, 0);
		errno = 0;
		mover = data_mover_sim_new(NULL);
		assert_int_equal(mover == NULL, nomem_refused() > 0);
		if (mover == NULL) {
			assert_int_equal(errno, ENOMEM);
			assert_int_equal(nomem_blocks(), 0);
		}
	}
	assert_int_equal(allocations, 4);
	data_mover_sim_delete(mover);
	assert_int_equal(nomem_blocks(), 0);
}

/* Once made, it has all that it ever needs. */
static void test_sim_operations_need_no_memory(void **state)
{
	enum { COPIES = 1024 };
	struct vdm_operation_future copies[COPIES];
	unsigned char dest[COPIES] = {0};
	unsigned char src = 1;

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, 0);
	struct data_mover_sim *const mover = data_mover_sim_new(NULL);

	assert_non_null(mover);
	nomem_allow(0, 0);
	for (size_t i = 0; i < COPIES; i++) {
		copies[i] = vdm_memcpy(data_mover_sim_get_vdm(mover), &dest[i], &src, 1, 0);
		(void)future_poll(FUTURE_AS_RUNNABLE(&copies[i]), NULL);
	}
	(void)data_mover_sim_drain(mover);
	for (size_t i = 0; i < COPIES; i++)
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copies[i]), NULL),
				 FUTURE_STATE_COMPLETE);
	assert_true(kit_all_bytes_are(dest, 1, COPIES));
	assert_int_equal(nomem_refused(), 0);
	data_mover_sim_delete(mover);
	assert_int_equal(nomem_blocks(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sim_new_without_memory),
		cmocka_unit_test(test_sim_operations_need_no_memory),
	};

	return KIT_RUN(tests);
}
