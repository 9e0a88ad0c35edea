/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_io_uring.c: what older kernels answer, and newer ones no more: -EAGAIN for a descriptor that is O_NONBLOCK, and -EINTR for what was
 * cancelled in a thread of the kernel's.
 *
 * Method: io.c and io_uring.c are compiled into the test. An operation is put into the state in which it is with the kernel, and
 * such a completion is made up. The rest is done by the kernel that is there.
 */
#define _GNU_SOURCE 1
#define HASHLOOM_IO_HAS_URING 1
#include "io.c"
#include "io_epoll.c"
#include "io_uring.c"

#include "io_kit.h"

static struct hashloom_io *io_driven_by_test(void)
{
	const struct hashloom_io_cfg cfg = {.backend = HASHLOOM_IO_URING, .driven_by_caller = 1};
	struct hashloom_io *const io = hashloom_io_new(&cfg);

	if (io == NULL)
		print_message("skipped: io_uring: %s\n", strerror(errno));
	return io;
}

/* As if it had been handed over. */
static void pretend_started(struct hashloom_io *io, struct hashloom_io_future *fut)
{
	(void)future_poll(FUTURE_AS_RUNNABLE(fut), NULL);
	take_mail(io);
	io->todo_first = 0;
	fut->base.context.state = FUTURE_STATE_RUNNING;
	fut->data.hl_phase = HL_IO_STARTED;
}

static void complete_with(struct hashloom_io *io, struct hashloom_io_future *fut, int result)
{
	const struct io_uring_cqe completion = {.user_data = (uint64_t)(uintptr_t)&fut->data, .res = result};

	take_completion(io, &completion);
}

static int64_t run_until_complete(struct hashloom_io *io, struct hashloom_io_future *fut)
{
	/* the alarm is the bound */
	while (future_poll(FUTURE_AS_RUNNABLE(fut), NULL) != FUTURE_STATE_COMPLETE)
		assert_true(hashloom_io_run(io) >= 0);
	return FUTURE_OUTPUT(fut)->result;
}

static void test_io_uring_EAGAIN_waits_for_the_descriptor(void **state)
{
	struct hashloom_io *const io = io_driven_by_test();
	const struct io_ends ends = io_socketpair(SOCK_CLOEXEC);
	char bytes[2] = "";

	(void)state;
	for (int i = 0; io != NULL && i < 4; i++) {
		struct hashloom_io_future fut = i == 0   ? hashloom_io_read(io, ends.in, bytes, 1, -1)
						: i == 1 ? hashloom_io_recv(io, ends.in, bytes, 1, 0)
						: i == 2 ? hashloom_io_write(io, ends.in, bytes, 1, -1)
							 : hashloom_io_send(io, ends.in, bytes, 1, 0);

		pretend_started(io, &fut);
		complete_with(io, &fut, -EAGAIN);
		assert_int_equal(fut.data.hl_phase, HL_IO_TODO_POLL);
		if (i < 2) { /* there is room to write, but nothing to read */
			assert_int_equal(hashloom_io_run(io), 0);
			assert_int_equal(fut.data.hl_phase, HL_IO_POLLED);
			assert_int_equal(write(ends.out, "x", 1), 1);
		}
		assert_int_equal(run_until_complete(io, &fut), 1);
	}
	hashloom_io_delete(io);
	io_close_ends(ends);
}

static void test_io_uring_cancelled_while_it_waits_for_the_descriptor(void **state)
{
	struct hashloom_io *const io = io_driven_by_test();
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	char byte = 0;

	(void)state;
	for (int is_polled = 0; io != NULL && is_polled < 2; is_polled++) {
		struct hashloom_io_future fut = hashloom_io_read(io, ends.in, &byte, 1, -1);

		pretend_started(io, &fut);
		complete_with(io, &fut, -EAGAIN);
		if (is_polled)
			assert_int_equal(hashloom_io_run(io), 0);
		future_cancel(FUTURE_AS_RUNNABLE(&fut));
		assert_int_equal(run_until_complete(io, &fut), -ECANCELED);
		assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&fut)));
	}
	hashloom_io_delete(io);
	io_close_ends(ends);
}

static void test_io_uring_EAGAIN_is_a_result_if_the_caller_wants_it(void **state)
{
	struct hashloom_io *const io = io_driven_by_test();

	(void)state;
	for (int i = 0; io != NULL && i < 3; i++) {
		struct hashloom_io_future fut = i == 0   ? hashloom_io_recv(io, 0, NULL, 0, MSG_DONTWAIT)
						: i == 1 ? hashloom_io_send(io, 0, NULL, 0, MSG_DONTWAIT)
							 : hashloom_io_connect(io, 0, NULL, 0);

		pretend_started(io, &fut);
		complete_with(io, &fut, -EAGAIN);
		assert_int_equal(run_until_complete(io, &fut), -EAGAIN);
	}
	hashloom_io_delete(io);
}

static void test_io_uring_EINTR_is_cancelled_if_it_was(void **state)
{
	struct hashloom_io *const io = io_driven_by_test();

	(void)state;
	for (unsigned arrived = 0; io != NULL && arrived < 2; arrived++) {
		struct hashloom_io_future fut = hashloom_io_read(io, 0, NULL, 0, -1);

		pretend_started(io, &fut);
		fut.data.hl_cancel_arrived = arrived;
		complete_with(io, &fut, -EINTR);
		assert_int_equal(run_until_complete(io, &fut), arrived ? -ECANCELED : -EINTR);
	}
	hashloom_io_delete(io);
}

/* A poll that stays may be ended by the kernel, here because it is cancelled. It is begun anew in the same run. */
static void test_io_uring_watches_again(void **state)
{
	struct hashloom_io *const io = io_driven_by_test();
	struct hashloom_io_future fut = hashloom_io_close(io, -1);

	(void)state;
	if (io == NULL)
		return;
	struct io_uring_sqe *const sqe = io_uring_get_sqe(&uring_of(io)->ring);
	assert_non_null(sqe);
	io_uring_prep_cancel(sqe, io, 0);
	io_uring_sqe_set_data(sqe, NULL);
	assert_int_equal(hashloom_io_run(io), 0);
	assert_true(uring_of(io)->is_watching);
	while (future_poll(FUTURE_AS_RUNNABLE(&fut), NULL) != FUTURE_STATE_COMPLETE) {
		struct pollfd entry = {.fd = hashloom_io_fd(io), .events = POLLIN, .revents = 0};

		(void)poll(&entry, 1, -1);
		assert_true(hashloom_io_run(io) >= 0);
	}
	hashloom_io_delete(io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_io_uring_EAGAIN_waits_for_the_descriptor),
		cmocka_unit_test(test_io_uring_cancelled_while_it_waits_for_the_descriptor),
		cmocka_unit_test(test_io_uring_EAGAIN_is_a_result_if_the_caller_wants_it),
		cmocka_unit_test(test_io_uring_EINTR_is_cancelled_if_it_was),
		cmocka_unit_test(test_io_uring_watches_again),
	};

	return KIT_RUN(tests);
}
