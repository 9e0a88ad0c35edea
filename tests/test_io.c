/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_io.c: what each operation does, each result and each error (N.1, N.4, N.5, N.7).
 *
 * Method: every test in every way (io_kit.h), on pipes, socketpairs, temporary files and devices, compared with what the plain system
 * calls see.
 */
#define _GNU_SOURCE 1
#include "io_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static void test_io_new_says_what_is_wrong(void **state)
{
	static const struct hashloom_io_cfg wrong[] = {
		{.backend = (enum hashloom_io_backend)3},
		{.backend = (enum hashloom_io_backend) - 1},
		{.depth = 32769},
		{.workers = 1025},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(wrong); i++) {
		errno = 0;
		assert_null(hashloom_io_new(&wrong[i]));
		assert_int_equal(errno, EINVAL);
	}
	hashloom_io_delete(NULL);
}

static void test_io_tells_how_it_works(void **state)
{
	struct io_rig rig = io_rig_new(0);
	struct hashloom_io *const automatic = hashloom_io_new(NULL);

	(void)state;
	assert_non_null(automatic);
	assert_int_equal(hashloom_io_backend(rig.io), io_way->backend);
	assert_int_not_equal(hashloom_io_backend(automatic), HASHLOOM_IO_AUTO);
	if (io_way->backend == HASHLOOM_IO_URING)
		assert_int_equal(hashloom_io_backend(automatic), HASHLOOM_IO_URING);
	assert_int_equal(hashloom_io_fd(automatic), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(hashloom_io_run(automatic), HASHLOOM_ERROR_INVALID_ARGUMENT);
	if (io_way->driven_by_caller) {
		assert_true(hashloom_io_fd(rig.io) >= 0);
		assert_int_equal(hashloom_io_run(rig.io), 0);
	} else {
		assert_int_equal(hashloom_io_fd(rig.io), HASHLOOM_ERROR_INVALID_ARGUMENT);
	}
	hashloom_io_delete(automatic);
	io_rig_delete(&rig);
}

static void test_io_future_has_its_properties(void **state)
{
	struct io_rig rig = io_rig_new(0);
	struct hashloom_io_future fut = hashloom_io_close(rig.io, -1);

	(void)state;
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&fut), FUTURE_PROPERTY_ASYNC), 1);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&fut), FUTURE_PROPERTY_CANCEL), 1);
	assert_int_equal(io_wait(&rig, &fut), -EBADF);
	io_rig_delete(&rig);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void test_io_file_is_written_and_read(void **state)
{
	static char written[100000], read_back[sizeof(written) + 10];
	struct io_rig rig = io_rig_new(0);
	const int fd = io_temporary_file();
	uint64_t seed = kit_seed();

	(void)state;
	kit_fill_randomly(written, sizeof(written), &seed);
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, fd, written, sizeof(written), 0)), sizeof(written));
	assert_int_equal(IO_DO(&rig, hashloom_io_fsync(rig.io, fd, 0)), 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_fsync(rig.io, fd, 1)), 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, read_back, sizeof(read_back), 0)), sizeof(written));
	assert_true(kit_equal(written, read_back, sizeof(written)));
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, read_back, 10, 99995)), 5);
	assert_true(kit_equal(written + 99995, read_back, 5));
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, read_back, 10, sizeof(written))), 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, read_back, 0, 0)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_close(rig.io, fd)), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	io_rig_delete(&rig);
}

static void test_io_file_position_moves(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const int fd = io_temporary_file();
	char text[8] = "";

	(void)state;
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, fd, "abc", 3, -1)), 3);
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, fd, "def", 3, -1)), 3);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, text, 3, -1)), 3);
	assert_string_equal(text, "cde");
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, text, 3, -1)), 1);
	assert_int_equal(text[0], 'f');
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, text, 3, -2)), -EINVAL);
	assert_int_equal(close(fd), 0);
	io_rig_delete(&rig);
}

static void test_io_devices(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const int full = open("/dev/full", O_RDWR | O_CLOEXEC);
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char bytes[4] = {1, 2, 3, 4};

	(void)state;
	assert_true(full >= 0 && null >= 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, full, bytes, 4, -1)), -ENOSPC);
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, null, bytes, 4, -1)), 4);
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, null, bytes, 4, -1)), 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, full, bytes, 4, -1)), 4);
	assert_true(kit_all_bytes_are(bytes, 0, 4));
	assert_int_equal(close(full), 0);
	assert_int_equal(close(null), 0);
	io_rig_delete(&rig);
}

static void test_io_errors_of_files(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const int directory = open("/tmp", O_RDONLY | O_CLOEXEC);
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char byte = 0;

	(void)state;
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, directory, &byte, 1, 0)), -EISDIR);
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, null, &byte, 1, 0)), -EBADF);
	assert_int_equal(IO_DO(&rig, hashloom_io_fsync(rig.io, null, 0)), -EINVAL);
	assert_int_equal(close(directory), 0);
	assert_int_equal(close(null), 0);
	io_rig_delete(&rig);
}

static void test_io_no_descriptor_is_EBADF(void **state)
{
	struct io_rig rig = io_rig_new(0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char byte = 0;

	(void)state;
	for (int fd = -1; fd < 10000; fd += 10000) {
		assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, fd, &byte, 1, -1)), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, fd, &byte, 1, 0)), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_fsync(rig.io, fd, 0)), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_accept(rig.io, fd, NULL, NULL, 0)), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_connect(rig.io, fd, (struct sockaddr *)&address, sizeof(address))), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_recv(rig.io, fd, &byte, 1, 0)), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_send(rig.io, fd, &byte, 1, 0)), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_poll(rig.io, fd, POLLIN)), -EBADF);
		assert_int_equal(IO_DO(&rig, hashloom_io_close(rig.io, fd)), -EBADF);
	}
	io_rig_delete(&rig);
}

/* ---- what waits ------------------------------------------------------------------------------ */

/* A read that is in flight before there is anything to read, on each kind of stream. */
static void read_waits(struct io_rig *rig, struct io_ends ends)
{
	char text[16] = "";
	struct hashloom_io_future fut = hashloom_io_read(rig->io, ends.in, text, sizeof(text), -1);

	io_put_in_flight(rig, &fut);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(IO_DO(rig, hashloom_io_write(rig->io, ends.out, "waited", 6, -1)), 6);
	assert_int_equal(io_wait(rig, &fut), 6);
	assert_string_equal(text, "waited");
	assert_int_equal(close(ends.out), 0);
	assert_int_equal(IO_DO(rig, hashloom_io_read(rig->io, ends.in, text, sizeof(text), -1)), 0);
	assert_int_equal(close(ends.in), 0);
}

static void test_io_N4_reads_wait(void **state)
{
	struct io_rig rig = io_rig_new(0);

	(void)state;
	read_waits(&rig, io_pipe(O_CLOEXEC));
	read_waits(&rig, io_pipe(O_CLOEXEC | O_NONBLOCK));
	read_waits(&rig, io_socketpair(SOCK_CLOEXEC));
	read_waits(&rig, io_socketpair(SOCK_CLOEXEC | SOCK_NONBLOCK));
	io_rig_delete(&rig);
}

/* inotify knows no reads that do not wait, so backends have to go about it in another way. */
static void inotify_waits(struct io_rig *rig, int flags)
{
	char directory[] = "/tmp/hashloom-io-XXXXXX";
	char events[512];

	assert_non_null(mkdtemp(directory));
	const int fd = inotify_init1(IN_CLOEXEC | flags);
	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, directory, IN_DELETE_SELF) >= 0);
	struct hashloom_io_future fut = hashloom_io_read(rig->io, fd, events, sizeof(events), -1);
	io_put_in_flight(rig, &fut);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(rmdir(directory), 0);
	assert_true(io_wait(rig, &fut) >= (int64_t)sizeof(struct inotify_event));
	assert_int_equal(close(fd), 0);
}

static void test_io_N4_devices_wait_too(void **state)
{
	struct io_rig rig = io_rig_new(0);

	(void)state;
	inotify_waits(&rig, 0);
	inotify_waits(&rig, IN_NONBLOCK);
	io_rig_delete(&rig);
}

/* A write to a full pipe waits; one that is larger than the room writes what fits. */
static void test_io_N4_writes_wait(void **state)
{
	static char bytes[1 << 20], read_back[8192];

	(void)state;
	for (int flags = O_CLOEXEC; flags != 0; flags = flags & O_NONBLOCK ? 0 : O_CLOEXEC | O_NONBLOCK) {
		struct io_rig rig = io_rig_new(0);
		const struct io_ends ends = io_pipe(flags);
		const int64_t capacity = fcntl(ends.out, F_GETPIPE_SZ);
		int64_t in_pipe = 0;

		for (; in_pipe < capacity; in_pipe += 4096)
			assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, ends.out, bytes, 4096, -1)), 4096);
		struct hashloom_io_future fut = hashloom_io_write(rig.io, ends.out, bytes, sizeof(bytes), -1);
		io_put_in_flight(&rig, &fut);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(read(ends.in, read_back, sizeof(read_back)), sizeof(read_back));
		const int64_t written = io_wait(&rig, &fut);
		assert_true(written > 0 && written <= 8192);
		io_close_ends(ends);
		io_rig_delete(&rig);
	}
}

static void test_io_recv_and_send(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_socketpair(SOCK_CLOEXEC);
	char text[16] = "";

	(void)state;
	assert_int_equal(IO_DO(&rig, hashloom_io_recv(rig.io, ends.in, text, 16, MSG_DONTWAIT)), -EAGAIN);
	assert_int_equal(IO_DO(&rig, hashloom_io_recv(rig.io, ends.in, text, 16, MSG_WAITALL)), -EINVAL);
	struct hashloom_io_future fut = hashloom_io_recv(rig.io, ends.in, text, 3, 0);
	io_put_in_flight(&rig, &fut);
	assert_int_equal(IO_DO(&rig, hashloom_io_send(rig.io, ends.out, "abcdef", 6, 0)), 6);
	assert_int_equal(io_wait(&rig, &fut), 3);
	assert_int_equal(IO_DO(&rig, hashloom_io_recv(rig.io, ends.in, text, 16, MSG_PEEK)), 3);
	assert_string_equal(text, "def");
	assert_int_equal(IO_DO(&rig, hashloom_io_recv(rig.io, ends.in, text, 16, MSG_DONTWAIT)), 3);
	/* N.1: what is in the data may be changed until the first poll */
	fut = hashloom_io_recv(rig.io, -1, NULL, 0, 0);
	FUTURE_DATA(&fut)->fd = ends.in;
	FUTURE_DATA(&fut)->buffer = text;
	FUTURE_DATA(&fut)->n = sizeof(text);
	struct hashloom_io_future moved = fut;
	memset(&fut, 0x55, sizeof(fut));
	assert_int_equal(shutdown(ends.out, SHUT_WR), 0);
	assert_int_equal(io_wait(&rig, &moved), 0);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

static void test_io_send_waits_for_room(void **state)
{
	static char bytes[1 << 16], read_back[1 << 16];
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_socketpair(SOCK_CLOEXEC);
	int64_t last, in_socket = 0;

	(void)state;
	/* ends: the socket has an end */
	do {
		last = IO_DO(&rig, hashloom_io_send(rig.io, ends.out, bytes, sizeof(bytes), MSG_DONTWAIT));
		in_socket += last > 0 ? last : 0;
	} while (last > 0);
	assert_int_equal(last, -EAGAIN);
	struct hashloom_io_future fut = hashloom_io_send(rig.io, ends.out, bytes, 1, 0);
	io_put_in_flight(&rig, &fut);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), NULL), FUTURE_STATE_RUNNING);
	while (in_socket > 0)
		in_socket -= read(ends.in, read_back, sizeof(read_back));
	assert_int_equal(io_wait(&rig, &fut), 1);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

static hl_u32 sigpipes;

static void count_sigpipe(int signal)
{
	(void)signal;
	hl_u32_fetch_add_relaxed(&sigpipes, 1);
}

static void test_io_N7_broken_pipe_is_a_result_and_no_signal(void **state)
{
	const struct sigaction count = {.sa_handler = count_sigpipe};
	struct sigaction before;
	struct io_rig rig = io_rig_new(0);
	const struct io_ends pair = io_socketpair(SOCK_CLOEXEC);
	const struct io_ends tube = io_pipe(O_CLOEXEC);

	(void)state;
	assert_int_equal(sigaction(SIGPIPE, &count, &before), 0);
	hl_u32_store_relaxed(&sigpipes, 0);
	assert_int_equal(close(pair.in), 0);
	assert_int_equal(close(tube.in), 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_send(rig.io, pair.out, "x", 1, 0)), -EPIPE);
	assert_int_equal(hl_u32_load_relaxed(&sigpipes), 0);
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, tube.out, "x", 1, -1)), -EPIPE);
	assert_int_equal(IO_DO(&rig, hashloom_io_write(rig.io, pair.out, "x", 1, -1)), -EPIPE);
	if (!io_way->driven_by_caller)
		assert_int_equal(hl_u32_load_relaxed(&sigpipes), 0);
	assert_int_equal(close(pair.out), 0);
	assert_int_equal(close(tube.out), 0);
	assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
	io_rig_delete(&rig);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void accept_and_connect(struct io_rig *rig, int listening_flags, int connecting_flags)
{
	struct sockaddr_un address, peer;
	socklen_t length, peer_length = sizeof(peer);
	const int listening = io_listen(SOCK_CLOEXEC | listening_flags, &address, &length);
	const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | connecting_flags, 0);
	char byte = 0;

	memset(&peer, 0x55, sizeof(peer));
	struct hashloom_io_future fut =
		hashloom_io_accept(rig->io, listening, (struct sockaddr *)&peer, &peer_length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	io_put_in_flight(rig, &fut);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(IO_DO(rig, hashloom_io_connect(rig->io, client, (struct sockaddr *)&address, length)), 0);
	const int server = (int)io_wait(rig, &fut);
	assert_true(server >= 0);
	assert_int_equal(peer.sun_family, AF_UNIX);
	assert_int_equal(peer_length, sizeof(peer.sun_family));
	assert_int_equal(fcntl(server, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
	/* connecting leaves the socket as it was */
	assert_int_equal((fcntl(client, F_GETFL) & O_NONBLOCK) != 0, connecting_flags != 0);
	assert_int_equal(IO_DO(rig, hashloom_io_send(rig->io, client, "x", 1, 0)), 1);
	assert_int_equal(IO_DO(rig, hashloom_io_recv(rig->io, server, &byte, 1, 0)), 1);
	assert_int_equal(IO_DO(rig, hashloom_io_accept(rig->io, server, NULL, NULL, 0)), -EINVAL);
	assert_int_equal(IO_DO(rig, hashloom_io_connect(rig->io, client, (struct sockaddr *)&address, length)), -EISCONN);
	assert_int_equal(close(server), 0);
	assert_int_equal(close(client), 0);
	assert_int_equal(close(listening), 0);
}

static void test_io_accept_and_connect(void **state)
{
	struct io_rig rig = io_rig_new(0);

	(void)state;
	accept_and_connect(&rig, 0, 0);
	accept_and_connect(&rig, SOCK_NONBLOCK, SOCK_NONBLOCK);
	io_rig_delete(&rig);
}

/* A bound TCP socket of this machine; *address gets where. */
static int tcp_socket(struct sockaddr_in *address)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(*address);

	assert_true(fd >= 0);
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

static void test_io_connect_over_tcp(void **state)
{
	struct io_rig rig = io_rig_new(0);
	struct sockaddr_in address, other, peer;
	socklen_t length = sizeof(peer);
	const int listening = tcp_socket(&address);

	(void)state;
	for (int flags = 0; flags <= SOCK_NONBLOCK; flags += SOCK_NONBLOCK) {
		const int refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

		/* bound, and nobody listens */
		assert_int_equal(IO_DO(&rig, hashloom_io_connect(rig.io, refused, (struct sockaddr *)&address, sizeof(address))),
				 -ECONNREFUSED);
		assert_int_equal(close(refused), 0);
	}
	assert_int_equal(listen(listening, 4), 0);
	const int client = tcp_socket(&other);
	struct hashloom_io_future taking = hashloom_io_accept(rig.io, listening, (struct sockaddr *)&peer, &length, 0);
	struct hashloom_io_future making = hashloom_io_connect(rig.io, client, (struct sockaddr *)&address, sizeof(address));
	io_wait_all(&rig, (struct future *[]){FUTURE_AS_RUNNABLE(&making), FUTURE_AS_RUNNABLE(&taking)}, 2);
	assert_int_equal(FUTURE_OUTPUT(&making)->result, 0);
	assert_true(FUTURE_OUTPUT(&taking)->result >= 0);
	assert_int_equal(peer.sin_port, other.sin_port);
	assert_int_equal(close((int)FUTURE_OUTPUT(&taking)->result), 0);
	assert_int_equal(close(client), 0);
	assert_int_equal(close(listening), 0);
	io_rig_delete(&rig);
}

static void test_io_errors_of_sockets(void **state)
{
	struct io_rig rig = io_rig_new(0);
	struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nowhere/hashloom"};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int file = io_temporary_file();
	char byte = 0;

	(void)state;
	assert_int_equal(IO_DO(&rig, hashloom_io_connect(rig.io, fd, (struct sockaddr *)&nowhere, sizeof(nowhere))), -ENOENT);
	assert_int_equal(IO_DO(&rig, hashloom_io_send(rig.io, fd, &byte, 1, 0)), -ENOTCONN);
	assert_int_equal(IO_DO(&rig, hashloom_io_recv(rig.io, file, &byte, 1, 0)), -ENOTSOCK);
	assert_int_equal(IO_DO(&rig, hashloom_io_send(rig.io, file, &byte, 1, 0)), -ENOTSOCK);
	assert_int_equal(IO_DO(&rig, hashloom_io_accept(rig.io, file, NULL, NULL, 0)), -ENOTSOCK);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(file), 0);
	io_rig_delete(&rig);
}

/* An entry that the kernel refuses at sight must not keep back those behind it. */
static void test_io_a_wrong_one_holds_up_nobody(void **state)
{
	struct io_rig rig = io_rig_new(0);
	struct sockaddr_un address;
	socklen_t length;
	const int listening = io_listen(SOCK_CLOEXEC, &address, &length);
	struct hashloom_io_future futs[8];
	struct future *futures[8];
	char bytes[8];
	const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		futs[i] = i % 2 == 0 ? hashloom_io_accept(rig.io, listening, NULL, NULL, 1)
				     : hashloom_io_read(rig.io, zero, &bytes[i], 1, -1);
		futures[i] = FUTURE_AS_RUNNABLE(&futs[i]);
	}
	struct hashloom_io_future connecting =
		hashloom_io_connect(rig.io, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&address, length);
	assert_int_equal(io_wait(&rig, &connecting), 0);
	io_wait_all(&rig, futures, 8);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(FUTURE_OUTPUT(&futs[i])->result, i % 2 == 0 ? -EINVAL : 1);
	assert_int_equal(close(connecting.data.fd), 0);
	assert_int_equal(close(listening), 0);
	assert_int_equal(close(zero), 0);
	io_rig_delete(&rig);
}

static void test_io_poll_tells_what_has_come(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_socketpair(SOCK_CLOEXEC);
	const int file = io_temporary_file();
	char byte;

	(void)state;
	assert_int_equal(IO_DO(&rig, hashloom_io_poll(rig.io, ends.in, POLLIN | POLLOUT)), POLLOUT);
	assert_int_equal(IO_DO(&rig, hashloom_io_poll(rig.io, file, POLLIN)), POLLIN);
	struct hashloom_io_future one = hashloom_io_poll(rig.io, ends.in, POLLIN);
	struct hashloom_io_future other = hashloom_io_poll(rig.io, ends.in, POLLIN | POLLRDHUP);
	struct hashloom_io_future recv = hashloom_io_recv(rig.io, ends.in, &byte, 1, MSG_PEEK);
	io_put_in_flight(&rig, &one);
	io_put_in_flight(&rig, &other);
	io_put_in_flight(&rig, &recv);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&one), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(write(ends.out, "x", 1), 1);
	assert_int_equal(io_wait(&rig, &one), POLLIN);
	assert_int_equal(io_wait(&rig, &other), POLLIN);
	assert_int_equal(io_wait(&rig, &recv), 1);
	assert_int_equal(close(ends.out), 0);
	assert_true(IO_DO(&rig, hashloom_io_poll(rig.io, ends.in, 0)) & POLLHUP);
	assert_int_equal(close(ends.in), 0);
	assert_int_equal(close(file), 0);
	io_rig_delete(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_io_new_says_what_is_wrong),
		cmocka_unit_test(test_io_tells_how_it_works),
		cmocka_unit_test(test_io_future_has_its_properties),
		cmocka_unit_test(test_io_file_is_written_and_read),
		cmocka_unit_test(test_io_file_position_moves),
		cmocka_unit_test(test_io_devices),
		cmocka_unit_test(test_io_errors_of_files),
		cmocka_unit_test(test_io_no_descriptor_is_EBADF),
		cmocka_unit_test(test_io_N4_reads_wait),
		cmocka_unit_test(test_io_N4_devices_wait_too),
		cmocka_unit_test(test_io_N4_writes_wait),
		cmocka_unit_test(test_io_recv_and_send),
		cmocka_unit_test(test_io_send_waits_for_room),
		cmocka_unit_test(test_io_N7_broken_pipe_is_a_result_and_no_signal),
		cmocka_unit_test(test_io_accept_and_connect),
		cmocka_unit_test(test_io_connect_over_tcp),
		cmocka_unit_test(test_io_errors_of_sockets),
		cmocka_unit_test(test_io_a_wrong_one_holds_up_nobody),
		cmocka_unit_test(test_io_poll_tells_what_has_come),
	};

	return io_run(tests, KIT_COUNT(tests));
}
