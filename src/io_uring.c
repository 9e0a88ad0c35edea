/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * io_uring.c: the backend on io_uring (Axboe, "Efficient IO with io_uring"), through liburing.
 *
 * start() fills an entry of the submission queue, run() gives all of them to the kernel in one system call, in which it also waits. When
 * the queue is full, the rest stays in the driver's list until the next run. The completion carries the operation's address. There may be
 * more in flight than the completion queue holds: the kernel keeps what has no room.
 *
 *     TODO ------ start ----> STARTED ----- completion -----> done
 *      ^                         | -EAGAIN: O_NONBLOCK, and a file that io_uring does not wait for by itself (N.4)
 *      |                         v
 *     POLLED <-- start --- TODO_POLL        POLLED: the kernel waits for the descriptor, and the operation is then started again
 *
 * Cancelling sends another entry, which names the operation by its address; the operation's own completion is always the last thing
 * that is heard of it. The kernel takes entries in their order, so the address cannot be that of a later operation.
 *
 * The eventfd is watched by a poll that stays (multishot), so that it is never read and never armed again, unless the kernel ends it.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <time.h>

#include "io_backend.h"

#define COMPLETIONS_AT_ONCE 64
#define N_MAX 0x7ffff000U /* what read() and write() take at most, too */
#define PAUSE_NS 1000000

struct uring {
	struct io_uring ring;
	int is_watching; /* the eventfd */
};

static struct uring *uring_of(const struct hashloom_io *io)
{
	return io->own;
}

static void fill_in(struct io_uring_sqe *sqe, const struct hashloom_io_data *operation)
{
	const unsigned n = operation->n < N_MAX ? (unsigned)operation->n : N_MAX;
	const int fd = operation->fd;

	switch (operation->type) {
	case HASHLOOM_IO_READ:
		io_uring_prep_read(sqe, fd, operation->buffer, n, (uint64_t)operation->offset);
		break;
	case HASHLOOM_IO_WRITE:
		io_uring_prep_write(sqe, fd, operation->buffer, n, (uint64_t)operation->offset);
		break;
	case HASHLOOM_IO_FSYNC:
		io_uring_prep_fsync(sqe, fd, operation->flags != 0 ? IORING_FSYNC_DATASYNC : 0);
		break;
	case HASHLOOM_IO_ACCEPT:
		io_uring_prep_accept(sqe, fd, operation->buffer, operation->address_length, operation->flags);
		break;
	case HASHLOOM_IO_CONNECT:
		io_uring_prep_connect(sqe, fd, operation->buffer, (socklen_t)operation->n);
		break;
	case HASHLOOM_IO_RECV:
		io_uring_prep_recv(sqe, fd, operation->buffer, n, operation->flags);
		break;
	case HASHLOOM_IO_SEND:
		io_uring_prep_send(sqe, fd, operation->buffer, n, operation->flags | MSG_NOSIGNAL);
		break;
	case HASHLOOM_IO_POLL:
		io_uring_prep_poll_add(sqe, fd, hl_io_events(operation));
		break;
	case HASHLOOM_IO_CLOSE:
		io_uring_prep_close(sqe, fd);
		break;
	}
}

static int uring_start(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	struct io_uring_sqe *const sqe = io_uring_get_sqe(&uring_of(io)->ring);

	if (sqe == NULL)
		return 0;
	if (operation->hl_phase == HL_IO_TODO_POLL) {
		io_uring_prep_poll_add(sqe, operation->fd, hl_io_events(operation));
		operation->hl_phase = HL_IO_POLLED;
	} else {
		fill_in(sqe, operation);
		operation->hl_phase = HL_IO_STARTED;
	}
	io_uring_sqe_set_data(sqe, operation);
	return 1;
}

static int uring_cancel(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	struct io_uring_sqe *const sqe = io_uring_get_sqe(&uring_of(io)->ring);

	if (sqe == NULL)
		return 0;
	io_uring_prep_cancel(sqe, operation, 0);
	io_uring_sqe_set_data(sqe, NULL); /* its own completion says nothing that the operation's does not */
	return 1;
}

/* Whether -EAGAIN means that the operation has to wait, and not that the caller wanted to be told. */
static int may_wait(const struct hashloom_io_data *operation)
{
	switch (operation->type) {
	case HASHLOOM_IO_READ:
	case HASHLOOM_IO_WRITE:
	case HASHLOOM_IO_ACCEPT:
		return 1;
	case HASHLOOM_IO_RECV:
	case HASHLOOM_IO_SEND:
		return !(operation->flags & MSG_DONTWAIT);
	default:
		return 0;
	}
}

static void take_completion(struct hashloom_io *io, const struct io_uring_cqe *cqe)
{
	void *const whose = io_uring_cqe_get_data(cqe);
	struct hashloom_io_data *const operation = whose;

	if (whose == NULL)
		return;
	if (whose == io)
		uring_of(io)->is_watching = (cqe->flags & IORING_CQE_F_MORE) != 0;
	else if (operation->hl_phase == HL_IO_POLLED && cqe->res >= 0)
		hl_io_start_again(io, operation, HL_IO_TODO);
	else if (cqe->res == -EAGAIN && operation->hl_phase == HL_IO_STARTED && may_wait(operation))
		hl_io_start_again(io, operation, HL_IO_TODO_POLL);
	else if (cqe->res == -EINTR && operation->hl_cancel_arrived) /* it was under way in a thread of the kernel's */
		hl_io_complete(io, operation, -ECANCELED);
	else
		hl_io_complete(io, operation, cqe->res);
}

/* Returns how many completions there were. */
static unsigned take_completions(struct hashloom_io *io)
{
	struct io_uring *const ring = &uring_of(io)->ring;
	struct io_uring_cqe *completions[COMPLETIONS_AT_ONCE];
	unsigned all = 0, n;

	/* Ends: nothing is submitted here, so no more can come than are in flight. */
	do {
		n = io_uring_peek_batch_cqe(ring, completions, COMPLETIONS_AT_ONCE);
		for (unsigned i = 0; i < n; i++)
			take_completion(io, completions[i]);
		io_uring_cq_advance(ring, n);
		all += n;
	} while (n == COMPLETIONS_AT_ONCE);
	return all;
}

static void watch_event_fd(struct hashloom_io *io)
{
	struct uring *const uring = uring_of(io);
	struct io_uring_sqe *const sqe = uring->is_watching ? NULL : io_uring_get_sqe(&uring->ring);

	if (sqe == NULL)
		return;
	io_uring_prep_poll_multishot(sqe, io->event_fd, POLLIN);
	io_uring_sqe_set_data(sqe, io);
	uring->is_watching = 1;
}

/*
 * The kernel stops at each entry that is wrong, having said so. What it leaves over goes with the second submission, or with that of the
 * next run, which there will be: the completion of the wrong one waits for it.
 */
static void uring_run(struct hashloom_io *io, int may_sleep)
{
	static const struct timespec pause = { 0, PAUSE_NS };
	struct uring *const uring = uring_of(io);

	watch_event_fd(io);
	const int error = may_sleep && uring->is_watching ? io_uring_submit_and_wait(&uring->ring, 1) : io_uring_submit(&uring->ring);
	if (take_completions(io) == 0 && error < 0 && error != -EINTR)
		(void)nanosleep(&pause, NULL); /* the kernel has no memory at the moment */
	watch_event_fd(io);
	(void)io_uring_submit(&uring->ring);
}

static int uring_open(struct hashloom_io *io, const struct hashloom_io_cfg *cfg)
{
	struct uring *const uring = calloc(1, sizeof(*uring));
	struct io_uring_params parameters = { .flags = 0 };

	if (uring == NULL)
		return -ENOMEM;
	int error = io_uring_queue_init_params(cfg->depth, &uring->ring, &parameters);
	/* This feature is as old as polls that stay; all else that is used here is older. */
	if (error == 0 && !(parameters.features & IORING_FEAT_RSRC_TAGS)) {
		io_uring_queue_exit(&uring->ring);
		error = -ENOSYS;
	}
	if (error != 0) {
		free(uring);
		return error;
	}
	io->own = uring;
	return 0;
}

static void uring_close(struct hashloom_io *io)
{
	io_uring_queue_exit(&uring_of(io)->ring);
	free(io->own);
}

static int uring_fd(const struct hashloom_io *io)
{
	return uring_of(io)->ring.ring_fd;
}

const struct hl_io_backend hl_io_uring = {
	.name = HASHLOOM_IO_URING,
	.open = uring_open,
	.close = uring_close,
	.start = uring_start,
	.cancel = uring_cancel,
	.run = uring_run,
	.fd = uring_fd,
};
