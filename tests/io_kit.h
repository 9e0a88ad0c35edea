/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * io_kit.h: what the tests of I/O share: the ways in which an I/O can work, and a rig that drives one.
 *
 * Each test runs in each way: on io_uring and on epoll, with a driving thread and driven by the test. A way that this kernel does not
 * permit is skipped by name.
 */
#ifndef HL_IO_KIT_H
#define HL_IO_KIT_H

#include "test_kit.h"

#include <hashloom/io.h>
#include <hashloom/runtime.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

struct io_way {
	const char *name;
	enum hashloom_io_backend backend;
	int driven_by_caller;
};

static const struct io_way io_ways[] = {
	{"io_uring, driving thread", HASHLOOM_IO_URING, 0},
	{"io_uring, driven by the caller", HASHLOOM_IO_URING, 1},
	{"epoll, driving thread", HASHLOOM_IO_EPOLL, 0},
	{"epoll, driven by the caller", HASHLOOM_IO_EPOLL, 1},
};

static const struct io_way *io_way;

struct io_rig {
	struct hashloom_io *io;
	struct runtime *runtime;
};

static inline struct io_rig io_rig_new(unsigned depth)
{
	const struct hashloom_io_cfg cfg = {.backend = io_way->backend,
					    .depth = depth,
					    .workers = 2,
					    .driven_by_caller = io_way->driven_by_caller};
	const struct io_rig rig = {.io = hashloom_io_new(&cfg), .runtime = runtime_new()};

	assert_non_null(rig.io);
	assert_non_null(rig.runtime);
	return rig;
}

static inline void io_rig_delete(struct io_rig *rig)
{
	hashloom_io_delete(rig->io);
	runtime_delete(rig->runtime);
}

/* Waits on the descriptor and lets the I/O do what it can. */
static inline void io_turn(struct io_rig *rig)
{
	struct pollfd entry = {.fd = hashloom_io_fd(rig->io), .events = POLLIN, .revents = 0};

	(void)poll(&entry, 1, -1); /* a signal may end it: then look again */
	assert_true(hashloom_io_run(rig->io) >= 0);
}

/* Ends when all are complete; the alarm is the bound. */
static inline void io_wait_all(struct io_rig *rig, struct future *futures[], size_t n)
{
	size_t complete = 0;

	if (!io_way->driven_by_caller) {
		runtime_wait_multiple(rig->runtime, futures, n);
		return;
	}
	for (;;) {
		for (complete = 0; complete < n; complete++)
			if (future_poll(futures[complete], NULL) != FUTURE_STATE_COMPLETE)
				break;
		/* the others are polled, too, so that all are in flight */
		for (size_t i = complete; i < n; i++)
			(void)future_poll(futures[i], NULL);
		if (complete == n)
			return;
		io_turn(rig);
	}
}

/* Waits for one and returns its result. */
static inline int64_t io_wait(struct io_rig *rig, struct hashloom_io_future *future)
{
	struct future *const runnable = FUTURE_AS_RUNNABLE(future);

	io_wait_all(rig, (struct future *[]){runnable}, 1);
	assert_int_equal(FUTURE_STATE(future), FUTURE_STATE_COMPLETE);
	return FUTURE_OUTPUT(future)->result;
}

/* Makes a future, waits for it, and is its result. */
#define IO_DO(rig, operation)                                                                      \
	__extension__({                                                                            \
		struct hashloom_io_future io_done = operation;                                     \
		io_wait(rig, &io_done);                                                            \
	})

/* Polls for the first time, and lets the driver take it. */
static inline void io_put_in_flight(struct io_rig *rig, struct hashloom_io_future *future)
{
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(future), NULL), FUTURE_STATE_RUNNING);
	if (io_way->driven_by_caller)
		io_turn(rig);
	else
		kit_sleep_us(2000); /* most likely; no test depends on it */
}

/* Runs the tests in each way that there is. Returns how many failed. */
static inline int io_run(const struct CMUnitTest *tests, size_t n)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < KIT_COUNT(io_ways); i++) {
		const struct hashloom_io_cfg cfg = {.backend = io_ways[i].backend};
		struct hashloom_io *const probe = hashloom_io_new(&cfg);

		alarm(KIT_HANG_S);
		if (probe == NULL && io_ways[i].backend == HASHLOOM_IO_URING) {
			print_message("skipped: %s: %s\n", io_ways[i].name, strerror(errno));
			continue;
		}
		hashloom_io_delete(probe);
		io_way = &io_ways[i];
		print_message("---- %s\n", io_way->name);
		failed += _cmocka_run_group_tests(io_way->name, tests, n, NULL, NULL);
	}
	return failed;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

struct io_ends {
	int in;  /* to read from */
	int out; /* to write to */
};

static inline struct io_ends io_pipe(int flags)
{
	int fds[2];

	assert_int_equal(pipe2(fds, flags), 0);
	return (struct io_ends){fds[0], fds[1]};
}

static inline struct io_ends io_socketpair(int flags)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | flags, 0, fds), 0);
	return (struct io_ends){fds[0], fds[1]};
}

static inline void io_close_ends(struct io_ends ends)
{
	assert_int_equal(close(ends.in), 0);
	assert_int_equal(close(ends.out), 0);
}

/* A file without a name, for reading and writing. */
static inline int io_temporary_file(void)
{
	char name[] = "/tmp/hashloom-io-XXXXXX";
	const int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	return fd;
}

/* A listening Unix socket with an abstract address that the kernel chooses. */
static inline int io_listen(int flags, struct sockaddr_un *address, socklen_t *length)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);

	assert_true(fd >= 0);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof(address->sun_family)), 0);
	*length = sizeof(*address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, length), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

#endif
