/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_dsa_all.c: what every mover must do (V.1 to V.7 of vdm.h), done by the DSA mover over devices made of software.
 *
 * Method: the tests of every mover (test_mover_kit.h) over devices with a thread of their own: a well-behaved one, a dedicated queue with
 * few places, and a hostile one, on which everything goes wrong that leaves results as they are.
 */
#include "test_mover_kit.h"

#include "dsa_kit.h"

static int setup_over(void **state, const struct hl_dsa_software_cfg *software, enum future_notifier_type notifier)
{
	struct rig *const rig = kit_zeroed(1, sizeof(*rig));
	const struct data_mover_dsa_cfg cfg = kit_mover_cfg(notifier);
	struct hl_dsa_device *device;

	assert_int_equal(hl_dsa_software_open(software, &device), 0);
	rig->runtime = runtime_new();
	assert_non_null(rig->runtime);
	rig->mover = hl_dsa_mover_new(device, &cfg);
	assert_non_null(rig->mover);
	rig->vdm = data_mover_dsa_get_vdm(rig->mover);
	rig->is_async = 1;
	*state = rig;
	return 0;
}

static int setup_poller(void **state)
{
	const struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);

	return setup_over(state, &software, FUTURE_NOTIFIER_POLLER);
}

static int setup_waker_dedicated(void **state)
{
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(2);

	software.is_dedicated = 1;
	software.queue_size = 4;
	software.reorder = 1;
	software.delay_max = 3;
	return setup_over(state, &software, FUTURE_NOTIFIER_WAKER);
}

static int setup_hostile(void **state)
{
	const struct hl_dsa_software_cfg software = kit_hostile(3);

	return setup_over(state, &software, FUTURE_NOTIFIER_WAKER);
}

static int teardown(void **state)
{
	struct rig *const rig = *state;

	data_mover_dsa_delete(rig->mover);
	runtime_delete(rig->runtime);
	free(rig);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVER_TESTS(setup_poller, teardown),
		MOVER_TESTS(setup_waker_dedicated, teardown),
		MOVER_TESTS(setup_hostile, teardown),
		MOVER_LONG_TESTS(setup_poller, teardown),
		MOVER_TEST(test_mover_every_size_alignment_and_flag, setup_hostile, teardown),
	};

	return KIT_RUN(tests);
}
