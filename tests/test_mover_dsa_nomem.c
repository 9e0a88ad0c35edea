/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_dsa_nomem.c: the DSA mover without memory and without threads: it says so, and leaves nothing behind.
 *
 * Method: the mover and its devices are compiled into the test with allocations and threads that run out (test_kit_nomem.h), for
 * every count of them until none is refused.
 */
#define _GNU_SOURCE 1
#include "test_kit_nomem.h"

#include <sys/stat.h>

#include "data_mover_dsa.c"
#include "dsa_hardware.c"
#include "dsa_software.c"

static void assert_nothing_left(void)
{
	assert_int_equal(nomem_blocks(), 0);
	assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 0);
}

static void assert_sets(struct data_mover_dsa *mover)
{
	char dest[5000] = {0};
	struct vdm_operation_future future = vdm_memset(data_mover_dsa_get_vdm(mover), dest, 1, sizeof(dest), 0);

	FUTURE_BUSY_POLL(&future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
}

static struct data_mover_dsa_cfg software_cfg(enum future_notifier_type notifier)
{
	struct data_mover_dsa_cfg cfg = data_mover_dsa_cfg_default();

	cfg.type = DATA_MOVER_DSA_SOFTWARE;
	cfg.notifier = notifier;
	cfg.answer_ms = 60000;
	cfg.cpu_below = 0;
	return cfg;
}

static void test_dsa_new_without_memory(void **state)
{
	const struct data_mover_dsa_cfg cfg = software_cfg(FUTURE_NOTIFIER_WAKER);
	struct data_mover_dsa *mover = NULL;
	uint32_t allocations = 0;

	(void)state;
	for (; mover == NULL && allocations < 100; allocations++) {
		nomem_allow(allocations, NOMEM_UNLIMITED);
		errno = 0;
		mover = data_mover_dsa_new(&cfg);
		assert_int_equal(mover == NULL, nomem_refused() > 0);
		if (mover == NULL) {
			assert_int_equal(errno, ENOMEM);
			assert_nothing_left();
		}
	}
	assert_int_equal(allocations, 7); /* device, queue, mover, records, those who wait, places; and none */
	nomem_allow(0, 0);		  /* operations need none */
	assert_sets(mover);
	data_mover_dsa_delete(mover);
	assert_nothing_left();
}

static void test_dsa_new_without_threads(void **state)
{
	const struct data_mover_dsa_cfg cfg = software_cfg(FUTURE_NOTIFIER_WAKER);

	(void)state;
	for (uint32_t threads = 0; threads <= 2; threads++) {
		nomem_allow(NOMEM_UNLIMITED, threads);
		errno = 0;
		struct data_mover_dsa *const mover = data_mover_dsa_new(&cfg);

		assert_int_equal(mover != NULL, threads == 2); /* the device's and the watcher's */
		if (mover == NULL) {
			assert_int_equal(errno, EAGAIN);
			assert_nothing_left();
			continue;
		}
		assert_sets(mover);
		data_mover_dsa_delete(mover);
		assert_nothing_left();
	}
}

/* The size is measured with memory of its own; without, it is the largest that can come of it. */
static void test_dsa_measures_without_memory(void **state)
{
	struct data_mover_dsa_cfg cfg = software_cfg(FUTURE_NOTIFIER_NONE);
	struct data_mover_dsa_stats stats;

	(void)state;
	cfg.cpu_below = DATA_MOVER_DSA_MEASURE;
	nomem_allow(6, NOMEM_UNLIMITED);
	struct data_mover_dsa *const mover = data_mover_dsa_new(&cfg);
	assert_non_null(mover);
	assert_int_equal(nomem_refused(), 1);
	data_mover_dsa_statistics(mover, &stats);
	assert_int_equal(stats.cpu_below, DATA_MOVER_DSA_MEASURED_MAX);
	data_mover_dsa_delete(mover);
	assert_nothing_left();
}

/* Nothing on the way to threads; neither is want of memory hidden by them. */
static void test_dsa_auto_without_memory(void **state)
{
	struct data_mover_dsa_cfg cfg = data_mover_dsa_cfg_default();

	(void)state;
	cfg.root = "/nonexistent";
	nomem_allow(0, 0);
	errno = 0;
	assert_null(data_mover_dsa_new(&cfg));
	assert_int_equal(errno, ENOMEM);
	assert_nothing_left();
	cfg.type = DATA_MOVER_DSA_HARDWARE;
	errno = 0;
	assert_null(data_mover_dsa_new(&cfg));
	assert_int_equal(errno, ENODEV);
	assert_nothing_left();
}

static void test_dsa_hardware_without_memory(void **state)
{
	char root[] = "/tmp/hashloom-dsa-XXXXXX";
	char path[100];
	struct hl_dsa_device *device;
	static const char *const parts[] = {"/dev/dsa/wq0.0", "/dev/dsa", "/dev", ""};

	(void)state;
	assert_non_null(mkdtemp(root));
	for (size_t i = KIT_COUNT(parts) - 1; i-- > 0;) {
		(void)snprintf(path, sizeof(path), "%s%s", root, parts[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_equal(rmdir(path), 0);
	const int fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	nomem_allow(0, 0);
	assert_int_equal(open_queue(root, "wq0.0", "dsa0", &device), ENOMEM);
	assert_nothing_left();
	nomem_allow(1, 0);
	assert_int_equal(open_queue(root, "wq0.0", "dsa0", &device), 0);
	assert_int_equal(device->queue_size, 1); /* what sysfs does not tell */
	assert_int_equal(device->transfer_max, TRANSFER_MAX_DEFAULT);
	assert_int_equal(device->batch_max, 0);
	device->functions->close(device);
	assert_nothing_left();
	for (size_t i = 0; i < KIT_COUNT(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", root, parts[i]);
		assert_int_equal(remove(path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dsa_new_without_memory),
		cmocka_unit_test(test_dsa_new_without_threads),
		cmocka_unit_test(test_dsa_measures_without_memory),
		cmocka_unit_test(test_dsa_auto_without_memory),
		cmocka_unit_test(test_dsa_hardware_without_memory),
	};

	return KIT_RUN(tests);
}
