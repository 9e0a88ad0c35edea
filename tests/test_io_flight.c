/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_io_flight.c: I/O while it is under way: wakers (N.3), cancellation (N.6), many at once, deletion, several threads, event loops.
 *
 * Method: every test in every way (io_kit.h). Pipes that nobody has written to hold an operation in flight for as long as the test wants;
 * bytes that arrive after a future is complete show whether its buffer is left alone. Where moments meet by chance, either outcome is
 * right,
 * and the test checks that it is the whole of it: a byte is in the buffer or still in the pipe.
 */
#define _GNU_SOURCE 1
#include "io_kit.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- wakers ---------------------------------------------------------------------------------- */

/* What a waker found: the result of the operation, which N.3 says is there. */
struct seen {
	hl_u32 wakes;
	const char *buffer;
	char byte;
};

static void look(void *data)
{
	struct seen *const seen = data;

	seen->byte = seen->buffer[0];
	hl_u32_fetch_add_release(&seen->wakes, 1);
}

static void wait_for_wake(struct io_rig *rig, const hl_u32 *wakes)
{
	while (io_way->driven_by_caller && hl_u32_load_acquire(wakes) == 0)
		io_turn(rig);
	kit_wait_for(wakes, 1);
}

static void test_io_N3_waker_sees_what_was_read(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	char buffer[4] = "";
	struct seen seen = {.buffer = buffer};
	struct future_notifier notifier = {.waker = {&seen, look}};
	struct hashloom_io_future fut = hashloom_io_read(rig.io, ends.in, buffer, 4, -1);

	(void)state;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier), FUTURE_STATE_RUNNING);
	assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_WAKER);
	assert_int_equal(write(ends.out, "x", 1), 1);
	wait_for_wake(&rig, &seen.wakes);
	assert_int_equal(seen.byte, 'x');
	assert_int_equal(io_wait(&rig, &fut), 1);
	assert_int_equal(hl_u32_load_acquire(&seen.wakes), 1);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

static void test_io_N3_the_last_waker_counts(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	hl_u32 first = {0}, second = {0}, third = {0};
	char byte;
	struct future_notifier notifiers[] = {kit_notifier(&first), kit_notifier(&second), kit_notifier(&third)};
	struct hashloom_io_future fut = hashloom_io_read(rig.io, ends.in, &byte, 1, -1);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), &notifiers[i]), FUTURE_STATE_RUNNING);
		assert_int_equal(notifiers[i].notifier_used, FUTURE_NOTIFIER_WAKER);
		/* the caller's notifier may be gone after the poll */
		notifiers[i].waker = (struct future_waker){NULL, NULL};
	}
	assert_int_equal(write(ends.out, "x", 1), 1);
	wait_for_wake(&rig, &third);
	assert_int_equal(hl_u32_load_acquire(&first), 0);
	assert_int_equal(hl_u32_load_acquire(&second), 0);
	assert_int_equal(io_wait(&rig, &fut), 1);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* Wakers change while the driver completes. None is lost: the last one is called, or its poll says that it will not be. */
static void test_io_N3_wakers_change_at_completion(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC);

	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(2000); turn++) {
		hl_u32 wakes[2] = {{0}, {0}};
		char byte;
		unsigned i = 0;
		struct future_notifier notifier = kit_notifier(&wakes[0]);
		struct hashloom_io_future fut = hashloom_io_read(rig.io, ends.in, &byte, 1, -1);

		assert_int_not_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier), FUTURE_STATE_COMPLETE);
		assert_int_equal(write(ends.out, "x", 1), 1);
		do {
			if (io_way->driven_by_caller)
				assert_true(hashloom_io_run(rig.io) >= 0);
			i++;
			notifier = kit_notifier(&wakes[i % 2]);
		} while (i < turn % 50 && future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier) != FUTURE_STATE_COMPLETE &&
			 notifier.notifier_used == FUTURE_NOTIFIER_WAKER);
		assert_int_equal(io_wait(&rig, &fut), 1);
		assert_true(hl_u32_load_acquire(&wakes[0]) + hl_u32_load_acquire(&wakes[1]) <= 1);
	}
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* A waker that takes its time. */
struct slow {
	struct hashloom_io_future *future;
	hl_u32 is_in_waker;
	hl_u32 may_leave;
	enum future_state state;
};

static void wake_slowly(void *data)
{
	struct slow *const slow = data;

	if (io_way->driven_by_caller)
		slow->state = future_poll(FUTURE_AS_RUNNABLE(slow->future), NULL);
	hl_u32_store_release(&slow->is_in_waker, 1);
	if (!io_way->driven_by_caller)
		kit_wait_for(&slow->may_leave, 1);
}

static void test_io_N3_not_complete_while_the_waker_is_called(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	char byte;
	struct hashloom_io_future fut = hashloom_io_read(rig.io, ends.in, &byte, 1, -1);
	struct slow slow = {.future = &fut};
	struct future_notifier notifier = {.waker = {&slow, wake_slowly}}, later = {.notifier_used = FUTURE_NOTIFIER_WAKER};

	(void)state;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier), FUTURE_STATE_RUNNING);
	assert_int_equal(write(ends.out, "x", 1), 1);
	wait_for_wake(&rig, &slow.is_in_waker);
	if (!io_way->driven_by_caller) {
		slow.state = future_poll(FUTURE_AS_RUNNABLE(&fut), &later);
		assert_int_equal(later.notifier_used, FUTURE_NOTIFIER_NONE);
	}
	assert_int_equal(slow.state, FUTURE_STATE_RUNNING);
	hl_u32_store_release(&slow.may_leave, 1);
	assert_int_equal(io_wait(&rig, &fut), 1);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* ---- cancellation ---------------------------------------------------------------------------- */

static void assert_cancelled(const struct hashloom_io_future *fut)
{
	assert_int_equal(FUTURE_STATE(fut), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(&fut->base));
	assert_int_equal(FUTURE_OUTPUT(fut)->result, -ECANCELED);
}

static void test_io_N6_cancelled_before_its_first_poll_nothing_is_done(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	char byte = 0;
	struct hashloom_io_future fut = hashloom_io_read(rig.io, ends.in, &byte, 1, -1);

	(void)state;
	assert_int_equal(write(ends.out, "x", 1), 1);
	future_cancel(FUTURE_AS_RUNNABLE(&fut));
	assert_int_equal(FUTURE_STATE(&fut), FUTURE_STATE_IDLE);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), NULL), FUTURE_STATE_COMPLETE);
	assert_cancelled(&fut);
	assert_int_equal(read(ends.in, &byte, 1), 1);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* What cannot come to an end by itself ends cancelled. */
static void cancel_in_flight(struct io_rig *rig, struct hashloom_io_future fut)
{
	hl_u32 wakes = {0};
	struct future_notifier notifier = kit_notifier(&wakes);

	io_put_in_flight(rig, &fut);
	future_cancel(FUTURE_AS_RUNNABLE(&fut));
	assert_int_equal(FUTURE_STATE(&fut), FUTURE_STATE_RUNNING);
	(void)future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier); /* the driver may be quick */
	future_cancel(FUTURE_AS_RUNNABLE(&fut));
	wait_for_wake(rig, &wakes);
	(void)io_wait(rig, &fut);
	assert_cancelled(&fut);
	assert_int_equal(hl_u32_load_acquire(&wakes), 1);
}

static void test_io_N6_cancelled_in_flight(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends tube = io_pipe(O_CLOEXEC), pair = io_socketpair(SOCK_CLOEXEC);
	const int watch = inotify_init1(IN_CLOEXEC), watch_too = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct sockaddr_un address;
	socklen_t length;
	const int listening = io_listen(SOCK_CLOEXEC, &address, &length);
	char buffer[64] = "", none[64] = "";

	(void)state;
	cancel_in_flight(&rig, hashloom_io_read(rig.io, tube.in, buffer, 8, -1));
	cancel_in_flight(&rig, hashloom_io_read(rig.io, pair.in, buffer, 8, -1));
	cancel_in_flight(&rig, hashloom_io_recv(rig.io, pair.in, buffer, 8, 0));
	cancel_in_flight(&rig, hashloom_io_poll(rig.io, pair.in, POLLIN));
	cancel_in_flight(&rig, hashloom_io_accept(rig.io, listening, NULL, NULL, 0));
	cancel_in_flight(&rig, hashloom_io_read(rig.io, watch, buffer, sizeof(buffer), -1));
	cancel_in_flight(&rig, hashloom_io_read(rig.io, watch_too, buffer, sizeof(buffer), -1));
	/* what arrives now is for others */
	assert_int_equal(write(tube.out, "12345678", 8), 8);
	assert_int_equal(write(pair.out, "12345678", 8), 8);
	assert_int_equal(IO_DO(&rig, hashloom_io_read(rig.io, tube.in, none, 8, -1)), 8);
	assert_int_equal(IO_DO(&rig, hashloom_io_recv(rig.io, pair.in, none, 8, 0)), 8);
	assert_true(kit_all_bytes_are(buffer, 0, sizeof(buffer)));
	assert_int_equal(close(watch), 0);
	assert_int_equal(close(watch_too), 0);
	assert_int_equal(close(listening), 0);
	io_close_ends(tube);
	io_close_ends(pair);
	io_rig_delete(&rig);
}

/* One of several on a descriptor is cancelled, the others go on. */
static void test_io_N6_the_neighbours_stay(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_socketpair(SOCK_CLOEXEC);
	char bytes[3] = "";
	struct hashloom_io_future futs[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		futs[i] = hashloom_io_recv(rig.io, ends.in, &bytes[i], 1, 0);
		io_put_in_flight(&rig, &futs[i]);
	}
	future_cancel(FUTURE_AS_RUNNABLE(&futs[1]));
	(void)io_wait(&rig, &futs[1]);
	assert_cancelled(&futs[1]);
	assert_int_equal(write(ends.out, "ab", 2), 2);
	assert_int_equal(io_wait(&rig, &futs[0]), 1);
	assert_int_equal(io_wait(&rig, &futs[2]), 1);
	assert_int_equal(bytes[0] + bytes[2], 'a' + 'b');
	assert_int_equal(bytes[1], 0);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* Those that wait for the same go on waiting when there was too little for all; those that wait for something else are not disturbed. */
static void test_io_several_wait_on_one_descriptor(void **state)
{
	static char bytes[1 << 16], read_back[1 << 16];
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_socketpair(SOCK_CLOEXEC);
	struct hashloom_io_future sending = hashloom_io_send(rig.io, ends.in, bytes, 1, 0), receiving[3];
	char got[3] = "";
	int64_t in_socket = 0, sent;

	(void)state;
	while ((sent = send(ends.in, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		in_socket += sent;
	for (size_t i = 0; i < 3; i++) {
		receiving[i] = hashloom_io_recv(rig.io, ends.in, &got[i], 1, 0);
		io_put_in_flight(&rig, &receiving[i]);
	}
	io_put_in_flight(&rig, &sending);
	for (unsigned done = 0; done < 3;) {
		assert_int_equal(write(ends.out, "x", 1), 1);
		const unsigned before = done;

		/* ends: one of them gets the byte */
		while (done == before) {
			if (io_way->driven_by_caller)
				io_turn(&rig);
			for (size_t i = 0; i < 3; i++)
				done += FUTURE_STATE(&receiving[i]) != FUTURE_STATE_COMPLETE &&
					future_poll(FUTURE_AS_RUNNABLE(&receiving[i]), NULL) == FUTURE_STATE_COMPLETE;
		}
		assert_int_equal(done, before + 1);
	}
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&sending), NULL), FUTURE_STATE_RUNNING);
	while (in_socket > 0)
		in_socket -= read(ends.out, read_back, sizeof(read_back));
	assert_int_equal(io_wait(&rig, &sending), 1);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* Two polls in a row, so that the driver may find both messages at once: the second is about an operation that the first one ended. */
static void test_io_N6_cancelled_at_once(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const int fd = io_temporary_file();
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	char bytes[8] = "12345678";

	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(2000); turn++) {
		struct hashloom_io_future fut = turn % 3 == 0   ? hashloom_io_write(rig.io, fd, bytes, 8, 0)
						: turn % 3 == 1 ? hashloom_io_read(rig.io, ends.in, bytes, 8, -1)
								: hashloom_io_poll(rig.io, ends.out, POLLOUT);

		(void)future_poll(FUTURE_AS_RUNNABLE(&fut), NULL);
		future_cancel(FUTURE_AS_RUNNABLE(&fut));
		const int64_t result = io_wait(&rig, &fut);
		memset(&fut.data, 0x55, sizeof(fut.data)); /* it belongs to the test again */
		assert_int_equal(future_is_cancelled(&fut.base), result == -ECANCELED);
		if (result != -ECANCELED)
			assert_int_equal(result, turn % 3 == 0 ? 8 : POLLOUT);
	}
	assert_int_equal(close(fd), 0);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

struct writer {
	int fd;
	unsigned delay;
};

static void *write_a_byte(void *arg)
{
	const struct writer *const writer = arg;

	for (unsigned i = 0; i < writer->delay; i++)
		hl_relax();
	return write(writer->fd, "x", 1) == 1 ? arg : NULL;
}

static void test_io_N6_cancelled_at_completion_no_byte_is_lost(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC | O_NONBLOCK);
	uint64_t seed = kit_seed();
	unsigned cancelled = 0;

	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(400); turn++) {
		struct writer writer = {.fd = ends.out, .delay = (unsigned)kit_random_below(&seed, 10000)};
		char byte = 0, rest = 0;
		struct hashloom_io_future fut = hashloom_io_read(rig.io, ends.in, &byte, 1, -1);
		const pthread_t thread = kit_start(write_a_byte, &writer);

		(void)future_poll(FUTURE_AS_RUNNABLE(&fut), NULL);
		for (size_t i = kit_random_below(&seed, 10000); i > 0; i--)
			hl_relax();
		future_cancel(FUTURE_AS_RUNNABLE(&fut));
		const int64_t result = io_wait(&rig, &fut);
		kit_join(thread);
		if (result == 1) {
			assert_int_equal(byte, 'x');
			assert_int_equal(read(ends.in, &rest, 1), -1);
		} else {
			assert_cancelled(&fut);
			assert_int_equal(byte, 0);
			assert_int_equal(read(ends.in, &rest, 1), 1);
			cancelled++;
		}
	}
	print_message("cancelled %u\n", cancelled);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* More than the workers can do at once, cancelled from the last to the first. */
static void test_io_N6_files_are_drained_or_not_begun(void **state)
{
	static char bytes[64][4096];
	struct io_rig rig = io_rig_new(0);
	const int fd = io_temporary_file();
	struct hashloom_io_future futs[64];

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		memset(bytes[i], (int)i + 1, 4096);
		futs[i] = hashloom_io_write(rig.io, fd, bytes[i], 4096, (int64_t)i * 4096);
		(void)future_poll(FUTURE_AS_RUNNABLE(&futs[i]), NULL);
	}
	for (size_t i = 64; i-- > 0;) {
		future_cancel(FUTURE_AS_RUNNABLE(&futs[i]));
		(void)future_poll(FUTURE_AS_RUNNABLE(&futs[i]), NULL);
	}
	for (size_t i = 0; i < 64; i++) {
		const int64_t result = io_wait(&rig, &futs[i]);
		char found[4096] = "";

		assert_true(result == 4096 || result == -ECANCELED);
		assert_true(pread(fd, found, 4096, (off_t)i * 4096) >= 0);
		assert_true(kit_all_bytes_are(found, (unsigned char)(result == 4096 ? i + 1 : 0), 4096));
	}
	assert_int_equal(close(fd), 0);
	io_rig_delete(&rig);
}

/* The driver takes both messages at once, and the first one already ends it. */
static void test_io_N6_cancelled_and_done_at_once_ends_once(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	struct hashloom_io_future fut = hashloom_io_poll(rig.io, ends.out, POLLOUT);
	int ended = 0;

	(void)state;
	(void)future_poll(FUTURE_AS_RUNNABLE(&fut), NULL);
	future_cancel(FUTURE_AS_RUNNABLE(&fut));
	(void)future_poll(FUTURE_AS_RUNNABLE(&fut), NULL);
	while (io_way->driven_by_caller && future_poll(FUTURE_AS_RUNNABLE(&fut), NULL) != FUTURE_STATE_COMPLETE)
		ended += hashloom_io_run(rig.io);
	(void)io_wait(&rig, &fut);
	assert_int_equal(ended, io_way->driven_by_caller);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* ---- many ------------------------------------------------------------------------------------ */

#define MANY 1000
#define PAIRS 100

struct many {
	struct hashloom_io_future futs[MANY];
	struct future *futures[MANY];
	char bytes[MANY];
};

static void test_io_N1_a_thousand_wait_at_a_depth_of_8(void **state)
{
	static struct many many;
	struct io_rig rig = io_rig_new(8);
	struct io_ends pairs[PAIRS];
	unsigned sum = 0;

	(void)state;
	for (size_t i = 0; i < PAIRS; i++)
		pairs[i] = io_socketpair(SOCK_CLOEXEC);
	for (size_t i = 0; i < MANY; i++) {
		many.bytes[i] = 0;
		many.futs[i] = hashloom_io_recv(rig.io, pairs[i % PAIRS].in, &many.bytes[i], 1, 0);
		many.futures[i] = FUTURE_AS_RUNNABLE(&many.futs[i]);
		assert_int_equal(future_poll(many.futures[i], NULL), FUTURE_STATE_RUNNING);
	}
	/* one of each ten is cancelled, the others get a byte each */
	for (size_t i = 0; i < MANY; i += 10)
		future_cancel(many.futures[i]);
	for (size_t i = 0; i < MANY; i += 10)
		(void)io_wait(&rig, &many.futs[i]);
	for (size_t i = 0; i < PAIRS; i++)
		assert_int_equal(write(pairs[i].out, "1111111111", i % 10 == 0 ? 0 : 10), i % 10 == 0 ? 0 : 10);
	io_wait_all(&rig, many.futures, MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(FUTURE_OUTPUT(&many.futs[i])->result, i % 10 == 0 ? -ECANCELED : 1);
		sum += (unsigned)(many.bytes[i] == '1');
	}
	assert_int_equal(sum, MANY - MANY / 10);
	for (size_t i = 0; i < PAIRS; i++)
		io_close_ends(pairs[i]);
	io_rig_delete(&rig);
}

static void test_io_N1_a_thousand_file_reads_at_a_depth_of_8(void **state)
{
	static struct many many;
	static char written[MANY];
	struct io_rig rig = io_rig_new(8);
	const int fd = io_temporary_file();
	uint64_t seed = kit_seed();

	(void)state;
	kit_fill_randomly(written, MANY, &seed);
	assert_int_equal(pwrite(fd, written, MANY, 0), MANY);
	for (size_t i = 0; i < MANY; i++) {
		many.futs[i] = hashloom_io_read(rig.io, fd, &many.bytes[i], 1, (int64_t)i);
		many.futures[i] = FUTURE_AS_RUNNABLE(&many.futs[i]);
	}
	io_wait_all(&rig, many.futures, MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(FUTURE_OUTPUT(&many.futs[i])->result, 1);
	assert_true(kit_equal(written, many.bytes, MANY));
	assert_int_equal(close(fd), 0);
	io_rig_delete(&rig);
}

/* ---- deletion -------------------------------------------------------------------------------- */

static void test_io_delete_ends_what_is_in_flight(void **state)
{
	enum { WAITING = 100, ALL = 200 };
	static struct many many;
	struct io_rig rig = io_rig_new(8);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	const int fd = io_temporary_file();
	hl_u32 wakes = {0};
	char rest[WAITING];

	(void)state;
	assert_int_equal(ftruncate(fd, ALL), 0);
	for (size_t i = 0; i < ALL; i++) {
		struct future_notifier notifier = kit_notifier(&wakes);

		many.bytes[i] = 'u';
		many.futs[i] = i < WAITING ? hashloom_io_read(rig.io, ends.in, &many.bytes[i], 1, -1)
					   : hashloom_io_read(rig.io, fd, &many.bytes[i], 1, (int64_t)i);
		(void)future_poll(FUTURE_AS_RUNNABLE(&many.futs[i]), &notifier);
	}
	/* one was cancelled already */
	future_cancel(FUTURE_AS_RUNNABLE(&many.futs[5]));
	(void)future_poll(FUTURE_AS_RUNNABLE(&many.futs[5]), NULL);
	io_rig_delete(&rig);
	assert_true(hl_u32_load_acquire(&wakes) >= ALL - 1);
	memset(rest, 'w', sizeof(rest));
	assert_int_equal(write(ends.out, rest, WAITING), WAITING);
	for (size_t i = 0; i < ALL; i++) {
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&many.futs[i]), NULL), FUTURE_STATE_COMPLETE);
		const int64_t result = FUTURE_OUTPUT(&many.futs[i])->result;

		assert_true(result == -ECANCELED || (result == 1 && i >= WAITING));
		assert_int_equal(many.bytes[i], result == 1 ? 0 : 'u');
	}
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&many.futs[5])));
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&many.futs[6])));
	assert_int_equal(close(fd), 0);
	io_close_ends(ends);
}

static void test_io_delete_leaves_no_descriptor_open(void **state)
{
	const int before = dup(0);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct io_rig rig = io_rig_new(4);

		io_rig_delete(&rig);
	}
	const int after = dup(0);
	assert_int_equal(close(before), 0);
	assert_int_equal(close(after), 0);
	assert_int_equal(after, before + 1);
}

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS 4

struct player {
	struct hashloom_io *io;
	struct io_ends ends;
	unsigned rounds;
	unsigned faults;
};

/* Sends bytes to itself, waits for them in a runtime of its own, and cancels a read now and then. */
static void *play(void *arg)
{
	struct player *const player = arg;
	struct runtime *const runtime = runtime_new();

	for (unsigned i = 0; i < player->rounds; i++) {
		const char sent[2] = {(char)i, (char)(i >> 8)};
		char got[2] = {0, 0}, never;
		struct hashloom_io_future send = hashloom_io_send(player->io, player->ends.out, sent, 2, 0);
		struct hashloom_io_future recv = hashloom_io_recv(player->io, player->ends.in, got, 2, 0);
		struct hashloom_io_future idle = hashloom_io_recv(player->io, player->ends.out, &never, 1, 0);

		(void)future_poll(FUTURE_AS_RUNNABLE(&idle), NULL);
		runtime_wait_multiple(runtime, (struct future *[]){FUTURE_AS_RUNNABLE(&recv), FUTURE_AS_RUNNABLE(&send)}, 2);
		future_cancel(FUTURE_AS_RUNNABLE(&idle));
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&idle));
		player->faults += FUTURE_OUTPUT(&send)->result != 2 || FUTURE_OUTPUT(&recv)->result != 2;
		player->faults += memcmp(sent, got, 2) != 0;
		player->faults += FUTURE_OUTPUT(&idle)->result != -ECANCELED;
	}
	runtime_delete(runtime);
	return NULL;
}

static hl_u32 players_done;

static void *play_and_tell(void *arg)
{
	(void)play(arg);
	hl_u32_fetch_add_release(&players_done, 1);
	return NULL;
}

static void test_io_several_threads_share_one(void **state)
{
	struct io_rig rig = io_rig_new(8);
	struct player players[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	hl_u32_store_relaxed(&players_done, 0);
	for (size_t i = 0; i < THREADS; i++) {
		players[i] = (struct player){.io = rig.io, .ends = io_socketpair(SOCK_CLOEXEC), .rounds = KIT_REPEAT(500)};
		threads[i] = kit_start(play_and_tell, &players[i]);
	}
	while (io_way->driven_by_caller && hl_u32_load_acquire(&players_done) < THREADS) {
		struct pollfd entry = {.fd = hashloom_io_fd(rig.io), .events = POLLIN, .revents = 0};

		(void)poll(&entry, 1, 10); /* or else the last player is done, and nothing comes any more */
		assert_true(hashloom_io_run(rig.io) >= 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		kit_join(threads[i]);
		assert_int_equal(players[i].faults, 0);
		io_close_ends(players[i].ends);
	}
	io_rig_delete(&rig);
}

/* A thread that polls and ends takes nothing with it: the kernel would cancel what that thread had submitted itself. */
static void *poll_and_end(void *arg)
{
	return future_poll(arg, NULL) == FUTURE_STATE_RUNNING ? arg : NULL;
}

static void test_io_outlives_the_thread_that_polled(void **state)
{
	struct io_rig rig = io_rig_new(0);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	char byte;
	struct hashloom_io_future fut = hashloom_io_read(rig.io, ends.in, &byte, 1, -1);

	(void)state;
	kit_join(kit_start(poll_and_end, FUTURE_AS_RUNNABLE(&fut)));
	kit_sleep_us(1000);
	assert_int_equal(write(ends.out, "x", 1), 1);
	assert_int_equal(io_wait(&rig, &fut), 1);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* ---- event loops ----------------------------------------------------------------------------- */

static int is_readable(int fd)
{
	struct pollfd entry = {.fd = fd, .events = POLLIN, .revents = 0};

	return poll(&entry, 1, 0) == 1;
}

static void poll_another(void *data)
{
	(void)future_poll(data, NULL);
}

static void test_io_descriptor_tells_when_to_run(void **state)
{
	struct io_rig rig = io_rig_new(8);
	const struct io_ends ends = io_pipe(O_CLOEXEC);
	char bytes[2];
	struct hashloom_io_future second = hashloom_io_read(rig.io, ends.in, &bytes[1], 1, -1);
	struct hashloom_io_future first = hashloom_io_read(rig.io, ends.in, &bytes[0], 1, -1);
	struct future_notifier notifier = {.waker = {&second, poll_another}};
	int ended = 0;

	(void)state;
	if (!io_way->driven_by_caller) {
		io_rig_delete(&rig);
		io_close_ends(ends);
		return;
	}
	const int fd = hashloom_io_fd(rig.io);
	assert_false(is_readable(fd));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&first), &notifier), FUTURE_STATE_RUNNING);
	assert_true(is_readable(fd));
	/* ends: a few runs take what there is */
	while (is_readable(fd))
		assert_int_equal(hashloom_io_run(rig.io), 0);
	assert_int_equal(hashloom_io_run(rig.io), 0);
	assert_int_equal(write(ends.out, "12", 2), 2);
	/* what is polled in a waker is for the next run */
	while (is_readable(fd))
		ended += hashloom_io_run(rig.io);
	assert_int_equal(ended, 2);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&first), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&second), NULL), FUTURE_STATE_COMPLETE);
	io_close_ends(ends);
	io_rig_delete(&rig);
}

/* ---- where io_uring is not permitted --------------------------------------------------------- */

/* As containers do: io_uring_setup() fails with EPERM from now on, in this process. */
static int forbid_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = KIT_COUNT(filter), .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The exit status tells: 0: as it should be, 1: not, 2: this kernel has no seccomp. */
static void live_without_io_uring(void)
{
	const struct hashloom_io_cfg wants_uring = {.backend = HASHLOOM_IO_URING};

	if (!forbid_io_uring())
		_exit(2);
	errno = 0;
	if (hashloom_io_new(&wants_uring) != NULL || (errno != EPERM && errno != ENOSYS))
		_exit(1);
	struct hashloom_io *const io = hashloom_io_new(NULL);
	_exit(io == NULL || hashloom_io_backend(io) != HASHLOOM_IO_EPOLL);
}

static void test_io_auto_falls_back_to_epoll(void **state)
{
	int status = 0;

	(void)state;
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		live_without_io_uring();
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		print_message("skipped: this kernel has no seccomp\n");
	else
		assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_io_N3_waker_sees_what_was_read),
		cmocka_unit_test(test_io_N3_the_last_waker_counts),
		cmocka_unit_test(test_io_N3_wakers_change_at_completion),
		cmocka_unit_test(test_io_N3_not_complete_while_the_waker_is_called),
		cmocka_unit_test(test_io_N6_cancelled_before_its_first_poll_nothing_is_done),
		cmocka_unit_test(test_io_N6_cancelled_in_flight),
		cmocka_unit_test(test_io_N6_the_neighbours_stay),
		cmocka_unit_test(test_io_several_wait_on_one_descriptor),
		cmocka_unit_test(test_io_N6_cancelled_at_once),
		cmocka_unit_test(test_io_N6_cancelled_and_done_at_once_ends_once),
		cmocka_unit_test(test_io_N6_cancelled_at_completion_no_byte_is_lost),
		cmocka_unit_test(test_io_N6_files_are_drained_or_not_begun),
		cmocka_unit_test(test_io_N1_a_thousand_wait_at_a_depth_of_8),
		cmocka_unit_test(test_io_N1_a_thousand_file_reads_at_a_depth_of_8),
		cmocka_unit_test(test_io_delete_ends_what_is_in_flight),
		cmocka_unit_test(test_io_delete_leaves_no_descriptor_open),
		cmocka_unit_test(test_io_several_threads_share_one),
		cmocka_unit_test(test_io_outlives_the_thread_that_polled),
		cmocka_unit_test(test_io_descriptor_tells_when_to_run),
		cmocka_unit_test(test_io_auto_falls_back_to_epoll),
	};

	return io_run(tests, KIT_COUNT(tests));
}
