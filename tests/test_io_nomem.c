/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_io_nomem.c: an I/O that cannot be made for lack of memory, threads or descriptors, and the library built without liburing.
 *
 * Method: io.c and io_epoll.c are compiled into the test, without io_uring.c and with allocations and threads that run out at each n
 * (test_kit_nomem.h); descriptors run out by the process's limit. Blocks, threads and descriptors are counted, so that leaks show in
 * every build.
 */
#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64
#include "test_kit_nomem.h"

#include <sys/resource.h>

#undef HASHLOOM_IO_HAS_URING
#include "io.c"
#include "io_epoll.c"

static const struct hashloom_io_cfg three_workers = {.backend = HASHLOOM_IO_AUTO, .workers = 3};

/* The lowest number that is free: the same before and after if nothing was left open. */
static int lowest_descriptor(void)
{
	const int fd = dup(0);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	return fd;
}

static void test_io_new_without_liburing(void **state)
{
	const struct hashloom_io_cfg wants_uring = {.backend = HASHLOOM_IO_URING};

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	errno = 0;
	assert_null(hashloom_io_new(&wants_uring));
	assert_int_equal(errno, ENOSYS);
	assert_int_equal(nomem_blocks(), 0);
	struct hashloom_io *const io = hashloom_io_new(&three_workers);
	assert_non_null(io);
	assert_int_equal(hashloom_io_backend(io), HASHLOOM_IO_EPOLL);
	hashloom_io_delete(io);
	assert_int_equal(nomem_blocks(), 0);
}

/* Tries with so much; returns the errno, or 0 when it could be made. */
static int try_with(uint32_t allocations, uint32_t threads)
{
	const int lowest = lowest_descriptor();

	nomem_allow(allocations, threads);
	errno = 0;
	struct hashloom_io *const io = hashloom_io_new(&three_workers);
	const int error = io == NULL ? errno : 0;
	hashloom_io_delete(io);
	assert_int_equal(nomem_blocks(), 0);
	assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 0);
	assert_int_equal(lowest_descriptor(), lowest);
	return error;
}

static void test_io_new_without_memory(void **state)
{
	(void)state;
	assert_int_equal(try_with(0, NOMEM_UNLIMITED), ENOMEM);
	assert_int_equal(try_with(1, NOMEM_UNLIMITED), ENOMEM);
	assert_int_equal(try_with(2, NOMEM_UNLIMITED), 0);
}

static void test_io_new_without_threads(void **state)
{
	(void)state;
	/* three workers, and the driver */
	for (uint32_t threads = 0; threads < 4; threads++)
		assert_int_equal(try_with(NOMEM_UNLIMITED, threads), EAGAIN);
	assert_int_equal(try_with(NOMEM_UNLIMITED, 4), 0);
}

static void test_io_new_without_descriptors(void **state)
{
	const int lowest = lowest_descriptor();
	struct rlimit before;

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int more = 0; more < 3; more++) {
		const struct rlimit few = {.rlim_cur = (rlim_t)(lowest + more), .rlim_max = before.rlim_max};

		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		errno = 0;
		struct hashloom_io *const io = hashloom_io_new(&three_workers);
		const int error = errno;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		/* it needs two */
		assert_int_equal(io != NULL, more == 2);
		if (io == NULL)
			assert_int_equal(error, EMFILE);
		hashloom_io_delete(io);
		assert_int_equal(nomem_blocks(), 0);
		assert_int_equal(lowest_descriptor(), lowest);
	}
}

/* N.1: nothing is allocated for an operation. */
static void test_io_N1_operations_need_no_memory(void **state)
{
	int fds[2];
	char byte = 0;

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	struct hashloom_io *const io = hashloom_io_new(NULL);
	assert_non_null(io);
	assert_int_equal(pipe(fds), 0);
	nomem_allow(0, 0);
	for (unsigned i = 0; i < 100; i++) {
		struct hashloom_io_future reading = hashloom_io_read(io, fds[0], &byte, 1, -1);
		struct hashloom_io_future syncing = hashloom_io_fsync(io, fds[0], 0);

		(void)future_poll(FUTURE_AS_RUNNABLE(&reading), NULL);
		assert_int_equal(write(fds[1], "x", 1), 1);
		FUTURE_BUSY_POLL(&syncing);
		FUTURE_BUSY_POLL(&reading);
		assert_int_equal(FUTURE_OUTPUT(&syncing)->result, -EINVAL);
		assert_int_equal(FUTURE_OUTPUT(&reading)->result, 1);
	}
	assert_int_equal(nomem_refused(), 0);
	hashloom_io_delete(io);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
	assert_int_equal(nomem_blocks(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_io_new_without_liburing),
		cmocka_unit_test(test_io_new_without_memory),
		cmocka_unit_test(test_io_new_without_threads),
		cmocka_unit_test(test_io_new_without_descriptors),
		cmocka_unit_test(test_io_N1_operations_need_no_memory),
	};

	return KIT_RUN(tests);
}
