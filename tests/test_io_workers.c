/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_io_workers.c: N.6 for files with epoll: what a worker has begun is drained, what it has not begun ends at once.
 *
 * Method: io_epoll.c is compiled into the test with an fsync() that waits until the test lets it go on.
 */
#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64
#include "test_kit.h"

static hl_u32 entered, let_go;

static int slow_fsync(int fd)
{
	hl_u32_fetch_add_release(&entered, 1);
	kit_wait_for(&let_go, 1);
	return fsync(fd);
}

#undef HASHLOOM_IO_HAS_URING
#include "io.c"
#define fsync(fd) slow_fsync(fd)
#include "io_epoll.c"

static void test_io_N6_begun_is_drained_and_queued_ends_at_once(void **state)
{
	const struct hashloom_io_cfg cfg = {.backend = HASHLOOM_IO_EPOLL, .workers = 1};
	struct hashloom_io *const io = hashloom_io_new(&cfg);
	char name[] = "/tmp/hashloom-io-XXXXXX";
	const int fd = mkstemp(name);
	hl_u32 wakes = {0};
	struct future_notifier notifier = kit_notifier(&wakes);

	(void)state;
	assert_non_null(io);
	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	struct hashloom_io_future begun = hashloom_io_fsync(io, fd, 0);
	struct hashloom_io_future queued = hashloom_io_close(io, fd);
	(void)future_poll(FUTURE_AS_RUNNABLE(&begun), &notifier);
	kit_wait_for(&entered, 1);
	(void)future_poll(FUTURE_AS_RUNNABLE(&queued), NULL);
	future_cancel(FUTURE_AS_RUNNABLE(&begun));
	(void)future_poll(FUTURE_AS_RUNNABLE(&begun), &notifier);
	future_cancel(FUTURE_AS_RUNNABLE(&queued));
	/* messages come in their order, so the driver has seen both when this one has ended */
	FUTURE_BUSY_POLL(&queued);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&queued)));
	assert_int_equal(FUTURE_OUTPUT(&queued)->result, -ECANCELED);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_int_equal(hl_u32_load_acquire(&wakes), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&begun), &notifier), FUTURE_STATE_RUNNING);
	hl_u32_store_release(&let_go, 1);
	FUTURE_BUSY_POLL(&begun);
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&begun)));
	assert_int_equal(FUTURE_OUTPUT(&begun)->result, 0);
	hashloom_io_delete(io);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_io_N6_begun_is_drained_and_queued_ends_at_once),
	};

	return KIT_RUN(tests);
}
