/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * io_epoll.c: the backend on epoll, with worker threads for files.
 *
 * What can wait is tried at once, without waiting. If it would have to wait, it goes into a table by descriptor, and the descriptor is
 * armed in the epoll for all that wait on it. Armed means once (EPOLLONESHOT): when it is ready, those that wait are tried again, and it
 * is armed for those that still have to wait. A registration is never taken out: one that nobody needs any more says at most one thing,
 * and then those that wait on a descriptor of that number, if any, are tried, which does no harm. The kernel drops it with the file.
 *
 * What epoll cannot watch because it is always ready, and slow nevertheless (regular files, block devices, fsync, close), goes to a
 * worker.
 *
 *     TODO -- start --> done                         it was ready
 *       |---- start --> STARTED -- ready --> done    in the table
 *       '---- start --> WITH_WORKERS -- FINISHED message --> done
 *
 * The queue of the workers has a mutex, which also guards whether a queued operation is begun (it is then linked to itself) or cancelled.
 * All else is the driver's.
 */
#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io_backend.h"
#include "thread.h"

#define BUCKETS 1024 /* descriptors are small numbers, so few meet in one */
#define EVENTS_AT_ONCE 64
#define CACHED_READ_MAX 65536 /* the driver does not copy more itself */
#define MUST_WAIT INT64_MIN /* in the place of a result */

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLPRI == POLLPRI && EPOLLERR == POLLERR && EPOLLHUP == POLLHUP,
	       "events are the same for poll and epoll");

struct epoll {
	int fd;
	struct hl_io_links buckets[BUCKETS]; /* by descriptor, of those that wait */

	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t changed;
	struct hl_io_links queue;
	int stop;
	unsigned workers_count;
	pthread_t workers[];
};

static struct epoll *epoll_of(const struct hashloom_io *io)
{
	return io->own;
}

static struct hl_io_links *bucket_of(struct epoll *epoll, int fd)
{
	return &epoll->buckets[(unsigned)fd % BUCKETS];
}

static int64_t result_of(int64_t returned)
{
	return returned < 0 ? -errno : returned;
}

/* ---- operations, tried without waiting ------------------------------------------------------------ */

static int is_ready(const struct hashloom_io_data *operation)
{
	struct pollfd entry = { .fd = operation->fd, .events = (short)hl_io_events(operation), .revents = 0 };

	return poll(&entry, 1, 0) != 0;
}

/* As read() and write(); may wait. */
static int64_t move(const struct hashloom_io_data *operation, size_t n)
{
	const int fd = operation->fd;
	const off_t offset = (off_t)operation->offset;

	if (operation->type == HASHLOOM_IO_READ)
		return result_of(offset == -1 ? read(fd, operation->buffer, n) : pread(fd, operation->buffer, n, offset));
	return result_of(offset == -1 ? write(fd, operation->buffer, n) : pwrite(fd, operation->buffer, n, offset));
}

/* As preadv2() and pwritev2(), which not every C library has. */
static int64_t move_without_waiting(const struct hashloom_io_data *operation)
{
	const long call = operation->type == HASHLOOM_IO_READ ? SYS_preadv2 : SYS_pwritev2;
	const struct iovec part = { operation->buffer, operation->n };
	const long low = (long)operation->offset;
	const long high = (long)(operation->offset >> 32); /* the kernel takes it for what a long does not hold, if anything */

	return result_of(syscall(call, operation->fd, &part, 1L, low, high, RWF_NOWAIT));
}

static int64_t try_move(const struct hashloom_io_data *operation)
{
	/* All that a pipe has certainly room for when it is ready. */
	const size_t n = operation->type == HASHLOOM_IO_WRITE && operation->n > PIPE_BUF ? PIPE_BUF : operation->n;
	int64_t result = move_without_waiting(operation);

	if (result == -EOPNOTSUPP || result == -ENOSYS) /* this device, or this kernel, knows no such thing */
		result = is_ready(operation) ? move(operation, n) : MUST_WAIT;
	return result == -EAGAIN ? MUST_WAIT : result;
}

static int64_t try_accept(const struct hashloom_io_data *operation)
{
	int listens = 0;
	socklen_t size = sizeof(listens);

	if (!is_ready(operation)) { /* or never will be */
		if (getsockopt(operation->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
			return -errno;
		return listens ? MUST_WAIT : -EINVAL;
	}
	const int64_t result = result_of(accept4(operation->fd, operation->buffer, operation->address_length, operation->flags));

	return result == -EAGAIN ? MUST_WAIT : result;
}

/* A socket that waits in connect() is made not to for this one call. */
static int64_t begin_connect(const struct hashloom_io_data *operation)
{
	const int flags = fcntl(operation->fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (!(flags & O_NONBLOCK) && fcntl(operation->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	const int64_t result = result_of(connect(operation->fd, operation->buffer, (socklen_t)operation->n));

	if (!(flags & O_NONBLOCK))
		(void)fcntl(operation->fd, F_SETFL, flags);
	return result == -EINPROGRESS ? MUST_WAIT : result;
}

static int64_t end_connect(const struct hashloom_io_data *operation)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (!is_ready(operation))
		return MUST_WAIT;
	return getsockopt(operation->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

static int64_t try_poll(const struct hashloom_io_data *operation)
{
	struct pollfd entry = { .fd = operation->fd, .events = (short)hl_io_events(operation), .revents = 0 };

	if (poll(&entry, 1, 0) == 0)
		return MUST_WAIT;
	return entry.revents & POLLNVAL ? -EBADF : entry.revents;
}

static int64_t would_wait(const struct hashloom_io_data *operation, int64_t result)
{
	return result == -EAGAIN && !(operation->flags & MSG_DONTWAIT) ? MUST_WAIT : result;
}

/* The result, or MUST_WAIT. */
static int64_t try_now(const struct hashloom_io_data *operation)
{
	const int flags = operation->flags | MSG_DONTWAIT;

	switch (operation->type) {
	case HASHLOOM_IO_READ:
	case HASHLOOM_IO_WRITE:
		return try_move(operation);
	case HASHLOOM_IO_ACCEPT:
		return try_accept(operation);
	case HASHLOOM_IO_CONNECT:
		return operation->hl_phase == HL_IO_TODO ? begin_connect(operation) : end_connect(operation);
	case HASHLOOM_IO_RECV:
		return would_wait(operation, result_of(recv(operation->fd, operation->buffer, operation->n, flags)));
	case HASHLOOM_IO_SEND:
		return would_wait(operation, result_of(send(operation->fd, operation->buffer, operation->n, flags | MSG_NOSIGNAL)));
	case HASHLOOM_IO_POLL:
		return try_poll(operation);
	default:
		return -EINVAL;
	}
}

/* ---- workers -------------------------------------------------------------------------------------- */

static int64_t do_it(const struct hashloom_io_data *operation)
{
	switch (operation->type) {
	case HASHLOOM_IO_FSYNC:
		return result_of(operation->flags != 0 ? fdatasync(operation->fd) : fsync(operation->fd));
	case HASHLOOM_IO_CLOSE:
		return result_of(close(operation->fd));
	default:
		return move(operation, operation->n);
	}
}

static void *worker_main(void *arg)
{
	struct hashloom_io *const io = arg;
	struct epoll *const epoll = epoll_of(io);

	pthread_mutex_lock(&epoll->mutex);
	/* Ends when epoll_close() says so. */
	while (!epoll->stop) {
		if (hl_io_list_is_empty(&epoll->queue)) {
			pthread_cond_wait(&epoll->changed, &epoll->mutex);
			continue;
		}
		struct hashloom_io_data *const operation = HL_IO_OPERATION_OF(epoll->queue.next, hl_place);

		hl_io_list_remove(&operation->hl_place);
		hl_io_list_init(&operation->hl_place);
		pthread_mutex_unlock(&epoll->mutex);
		operation->hl_result = do_it(operation);
		hl_io_send(io, operation, HL_IO_FINISHED);
		pthread_mutex_lock(&epoll->mutex);
	}
	pthread_mutex_unlock(&epoll->mutex);
	return NULL;
}

static void give_to_a_worker(struct epoll *epoll, struct hashloom_io_data *operation)
{
	operation->hl_phase = HL_IO_WITH_WORKERS;
	pthread_mutex_lock(&epoll->mutex);
	hl_io_list_append(&epoll->queue, &operation->hl_place);
	pthread_cond_signal(&epoll->changed);
	pthread_mutex_unlock(&epoll->mutex);
}

/* 1: it had not been begun, and will not be. */
static int take_from_workers(struct epoll *epoll, struct hashloom_io_data *operation)
{
	pthread_mutex_lock(&epoll->mutex);
	const int is_queued = !hl_io_list_is_empty(&operation->hl_place);

	if (is_queued)
		hl_io_list_remove(&operation->hl_place);
	pthread_mutex_unlock(&epoll->mutex);
	return is_queued;
}

static void stop_workers(struct epoll *epoll)
{
	pthread_mutex_lock(&epoll->mutex);
	epoll->stop = 1;
	pthread_cond_broadcast(&epoll->changed);
	pthread_mutex_unlock(&epoll->mutex);
	for (unsigned i = 0; i < epoll->workers_count; i++)
		pthread_join(epoll->workers[i], NULL);
}

/* Starts the workers with all signals blocked, which are the program's. 0, or -errno. */
static int start_workers(struct hashloom_io *io, unsigned n)
{
	struct epoll *const epoll = epoll_of(io);
	int error = 0;

	while (epoll->workers_count < n && error == 0) {
		error = hl_thread_start(&epoll->workers[epoll->workers_count], NULL, worker_main, io);
		epoll->workers_count += error == 0;
	}
	return -error;
}

/* ---- the table ------------------------------------------------------------------------------------ */

/* Has the epoll tell, once, when the descriptor is ready for one of the events. 0, or -errno. */
static int arm(struct epoll *epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLONESHOT, .data.fd = fd };

	if (epoll_ctl(epoll->fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	if (errno != ENOENT || epoll_ctl(epoll->fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return -errno;
	return 0;
}

/* Tries those that wait on this descriptor and completes those that succeed. Returns the events that the others wait for. */
static uint32_t try_waiting(struct hashloom_io *io, int fd)
{
	struct hl_io_links *const bucket = bucket_of(epoll_of(io), fd);
	uint32_t missing = 0; /* what one before has waited for in vain; polls wait for many things and are always tried */
	uint32_t wanted = 0;

	for (struct hl_io_links *links = bucket->next, *next; links != bucket; links = next) {
		struct hashloom_io_data *const operation = HL_IO_OPERATION_OF(links, hl_place);
		const uint32_t events = hl_io_events(operation);
		const int is_poll = operation->type == HASHLOOM_IO_POLL;

		next = links->next;
		if (operation->fd != fd)
			continue;
		const int64_t result = is_poll || !(events & missing) ? try_now(operation) : MUST_WAIT;
		if (result == MUST_WAIT) {
			missing |= is_poll ? 0 : events;
			wanted |= events;
		} else {
			hl_io_list_remove(links);
			hl_io_complete(io, operation, result);
		}
	}
	return wanted;
}

static void descriptor_is_ready(struct hashloom_io *io, int fd)
{
	const uint32_t wanted = try_waiting(io, fd);

	if (wanted != 0)
		(void)arm(epoll_of(io), fd, wanted); /* it is registered, so nothing is lacking */
}

static uint32_t events_waited_for(struct epoll *epoll, int fd)
{
	struct hl_io_links *const bucket = bucket_of(epoll, fd);
	uint32_t events = 0;

	for (struct hl_io_links *links = bucket->next; links != bucket; links = links->next) {
		const struct hashloom_io_data *const operation = HL_IO_OPERATION_OF(links, hl_place);

		if (operation->fd == fd)
			events |= hl_io_events(operation);
	}
	return events;
}

static void wait_for(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	struct epoll *const epoll = epoll_of(io);
	const int fd = operation->fd;
	const int error = arm(epoll, fd, events_waited_for(epoll, fd) | hl_io_events(operation));

	if (error != 0) {
		hl_io_complete(io, operation, error);
	} else {
		operation->hl_phase = HL_IO_STARTED;
		hl_io_list_append(bucket_of(epoll, fd), &operation->hl_place);
	}
}

/* ---- the backend ---------------------------------------------------------------------------------- */

/* What only a worker can do. */
static int is_for_workers(const struct hashloom_io_data *operation)
{
	struct stat status;

	switch (operation->type) {
	case HASHLOOM_IO_FSYNC:
	case HASHLOOM_IO_CLOSE:
		return 1;
	case HASHLOOM_IO_READ:
	case HASHLOOM_IO_WRITE:
		return fstat(operation->fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
	default:
		return 0;
	}
}

/* A read of what is in the cache is done before a worker is awake. Less than was asked for is a worker's to explain. */
static int64_t try_cache(const struct hashloom_io_data *operation)
{
	if (operation->type != HASHLOOM_IO_READ || operation->offset == -1 || operation->n > CACHED_READ_MAX)
		return MUST_WAIT;
	const int64_t result = move_without_waiting(operation);

	return result == (int64_t)operation->n ? result : MUST_WAIT;
}

static int epoll_start(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	if (is_for_workers(operation)) {
		const int64_t cached = try_cache(operation);

		if (cached == MUST_WAIT)
			give_to_a_worker(epoll_of(io), operation);
		else
			hl_io_complete(io, operation, cached);
		return 1;
	}
	const int64_t result = try_now(operation);

	if (result == MUST_WAIT)
		wait_for(io, operation);
	else
		hl_io_complete(io, operation, result);
	return 1;
}

static int epoll_cancel(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	if (operation->hl_phase == HL_IO_STARTED)
		hl_io_list_remove(&operation->hl_place);
	else if (!take_from_workers(epoll_of(io), operation))
		return 1;
	hl_io_complete(io, operation, -ECANCELED);
	return 1;
}

static void epoll_run(struct hashloom_io *io, int may_sleep)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	const int n = epoll_wait(epoll_of(io)->fd, events, EVENTS_AT_ONCE, may_sleep ? -1 : 0);

	for (int i = 0; i < n; i++)
		if (events[i].data.fd != io->event_fd)
			descriptor_is_ready(io, events[i].data.fd);
}

static void epoll_free(struct epoll *epoll)
{
	pthread_cond_destroy(&epoll->changed);
	pthread_mutex_destroy(&epoll->mutex);
	if (epoll->fd >= 0)
		close(epoll->fd);
	free(epoll);
}

static void epoll_close(struct hashloom_io *io)
{
	stop_workers(epoll_of(io));
	epoll_free(epoll_of(io));
}

static int epoll_open(struct hashloom_io *io, const struct hashloom_io_cfg *cfg)
{
	/* Edges only: it is never read. */
	struct epoll_event signals = { .events = EPOLLIN | EPOLLET, .data.fd = io->event_fd };
	struct epoll *const epoll = calloc(1, sizeof(*epoll) + cfg->workers * sizeof(epoll->workers[0]));

	if (epoll == NULL)
		return -ENOMEM;
	pthread_mutex_init(&epoll->mutex, NULL);
	pthread_cond_init(&epoll->changed, NULL);
	hl_io_list_init(&epoll->queue);
	for (unsigned i = 0; i < BUCKETS; i++)
		hl_io_list_init(&epoll->buckets[i]);
	epoll->fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll->fd < 0 || epoll_ctl(epoll->fd, EPOLL_CTL_ADD, io->event_fd, &signals) != 0) {
		const int error = -errno;

		epoll_free(epoll);
		return error;
	}
	io->own = epoll;
	const int error = start_workers(io, cfg->workers);
	if (error != 0)
		epoll_close(io);
	return error;
}

static int epoll_fd(const struct hashloom_io *io)
{
	return epoll_of(io)->fd;
}

const struct hl_io_backend hl_io_epoll = {
	.name = HASHLOOM_IO_EPOLL,
	.open = epoll_open,
	.close = epoll_close,
	.start = epoll_start,
	.cancel = epoll_cancel,
	.run = epoll_run,
	.fd = epoll_fd,
};
