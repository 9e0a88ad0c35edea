/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * io.h: files and sockets as futures, on io_uring or on epoll with worker threads.
 *
 * A read, a send or an accept is a future: its first poll hands it over, and its waker is called when the kernel is done with it.
 * Who hands over to the kernel is one thread, the driver: a thread of the library's, or the caller in an event loop of its own
 * (driven_by_caller). It takes all that was polled since it last looked, gives it to the kernel in one system call, and in the same call
 * waits for what is done. So an operation is handed over as soon as the driver is not busy with others.
 *
 * When not to use it: for one file that is read from beginning to end, read() is simpler, and faster when the file is in the cache:
 * handing over to another thread and back costs more than the copy. For thousands of sockets, or reads that wait for a disk, it is the
 * other way round.
 *
 * Model in one sentence: a mailbox that polls put operations into, and a driver that empties it, feeds the kernel, and wakes.
 *
 * It is a library of its own (libhashloom_io, hashloom::hashloom_io, pkg-config hashloom_io), so that nobody else needs liburing. Built
 * without liburing it knows epoll only.
 *
 *     struct hashloom_io *io = hashloom_io_new(NULL);                  (examples/echo.c)
 *     struct hashloom_io_future fut = hashloom_io_recv(io, fd, buffer, sizeof(buffer), 0);
 *     runtime_wait(runtime, FUTURE_AS_RUNNABLE(&fut));
 *     if (FUTURE_OUTPUT(&fut)->result < 0) ...                         it is -errno
 *
 * Guarantees
 *   N.1  Nothing happens before the first poll; until then the public fields of the data may be changed, and the future may be moved and
 *        copied. From the first poll to completion the future stays where it is: the operation lies in it. Nothing is allocated, and
 *        there is no bound on how many are in flight.
 *   N.2  A poll never waits and never does the operation itself; the most it does is to write to an eventfd.
 *   N.3  The result, and what was read, are visible before the waker is called; the waker of the last poll counts, and it is not called
 *        any more once the future was seen complete. A poll in the moment between is RUNNING, to be polled in turn.
 *   N.4  Operations wait for their descriptor whether it is O_NONBLOCK or not. Only MSG_DONTWAIT makes one end with -EAGAIN.
 *   N.5  Results are those of the system call: short reads and writes, 0 at the end of a file or stream, -errno. Two operations on one
 *        stream in one direction at a time are done in any order. offset -1 is the file's position, which moves; pipes and sockets want
 *        -1.
 *   N.6  An operation that is cancelled (future_cancel()) before its first poll ends at once, and nothing is done. Later, it ends soon,
 *        cancelled with -ECANCELED, or with its result if that was quicker. One on a file that a worker or the kernel has begun is
 *        drained. Either way the buffer is not touched any more when the future is complete. A connect that was cancelled leaves a socket
 *        that is only good for closing.
 *   N.7  With a driving thread no SIGPIPE is raised: the result is -EPIPE. With driven_by_caller that is so for send; for a write to a
 *        pipe or socket that nobody reads the program has to ignore the signal, as event loops do.
 *
 * Which calls may run together: any, but for hashloom_io_delete() with any other, and hashloom_io_run() with itself. A descriptor must
 * not be closed while operations wait on it: cancel them first.
 *
 * Cost: with a driving thread, two switches between threads for an operation alone; many at once share them. With
 * driven_by_caller, the system calls: one for all that was polled, with io_uring; some for each operation, with epoll. With epoll,
 * handing over looks at all that wait on the same descriptor. Best hand over one operation for each direction of a stream.
 */
#ifndef HASHLOOM_IO_H
#define HASHLOOM_IO_H

#include <hashloom/base.h>

#include <hashloom/atomic.h>
#include <hashloom/future.h>

#include <sys/socket.h>

HL_BEGIN_DECLS

struct hashloom_io;

enum hashloom_io_backend {
	HASHLOOM_IO_AUTO,  /* io_uring where it is built in and the kernel (5.13 or newer) permits it, else epoll */
	HASHLOOM_IO_URING, /* io_uring or nothing */
	HASHLOOM_IO_EPOLL, /* epoll for what can wait, worker threads for files */
};

/*
 * How an I/O is made. All zero is the default.
 *   backend           see above
 *   depth             operations that go to the kernel in one system call; 0: 256; at most 32,768. No bound on those in flight.
 *   workers           threads for files, with epoll; 0: 4; at most 1,024
 *   driven_by_caller  not 0: no driving thread; hashloom_io_run() does its work when hashloom_io_fd() is readable. Nothing completes, also nothing
 *                     that is cancelled, while it is not called: see to it before runtime_delete()
 */
struct hashloom_io_cfg {
	enum hashloom_io_backend backend;
	unsigned depth;
	unsigned workers;
	int driven_by_caller;
};

enum hashloom_io_type {
	HASHLOOM_IO_READ,
	HASHLOOM_IO_WRITE,
	HASHLOOM_IO_FSYNC,
	HASHLOOM_IO_ACCEPT,
	HASHLOOM_IO_CONNECT,
	HASHLOOM_IO_RECV,
	HASHLOOM_IO_SEND,
	HASHLOOM_IO_POLL,
	HASHLOOM_IO_CLOSE,
};

/* Where an operation stands in a list of the library's. */
struct hl_io_links {
	struct hl_io_links *next;
	struct hl_io_links *previous;
};

/*
 * What is to be done. The first half is the caller's, who may change it until the first poll (maps of a chain do, when
 * the descriptor comes from the entry before); what a type does not use is ignored. The second half is the library's.
 *   buffer          what is read into or written from; accept and connect: the address, or NULL
 *   n               bytes at buffer; connect: the length of the address
 *   offset          read, write: in the file, or -1
 *   address_length  accept: as accept() wants it, or NULL
 *   flags           recv, send: MSG_*; accept: SOCK_*; poll: POLL*; fsync: not 0 for the data only
 */
struct hashloom_io_data {
	struct hashloom_io *io;
	enum hashloom_io_type type;
	int fd;
	void *buffer;
	size_t n;
	int64_t offset;
	socklen_t *address_length;
	int flags;

	hl_u32 hl_state;
	struct future_waker hl_waker;
	uint64_t hl_next_message[2] __attribute__((aligned(8)));
	struct hl_io_links hl_in_flight;
	struct hl_io_links hl_place;
	int64_t hl_result;
	uint32_t hl_phase;
	uint32_t hl_cancel_arrived;
};

/* What has come of it: as the system call returns it (bytes, descriptor, events, 0), or -errno. */
struct hashloom_io_output {
	int64_t result;
};

FUTURE(hashloom_io_future, struct hashloom_io_data, struct hashloom_io_output);

/*
 * hashloom_io_new: makes an I/O and starts its driving thread.
 * cfg:      see above; copied. NULL: all zero.
 * Returns:  the I/O, or NULL: a number out of range (errno EINVAL), no memory (ENOMEM), io_uring was asked for and is not built in or the
 *           kernel too old (ENOSYS), or the kernel refused something (errno as io_uring_setup, eventfd, epoll_create1 or pthread_create
 *           say).
 * Threads:  any.  Progress: starts threads.  Order: none.
 * Memory:   two small blocks and, with io_uring, what depth needs in the kernel; with epoll 16 KiB for descriptors.
 * Cost:     tens of microseconds, and as many for each thread.
 * Lifetime: until hashloom_io_delete().
 */
HASHLOOM_API struct hashloom_io *hashloom_io_new(const struct hashloom_io_cfg *cfg);

/*
 * hashloom_io_delete: cancels what is in flight, waits until it has ended, ends the threads, frees the I/O.
 * io:       of hashloom_io_new(), or NULL.
 * Returns:  nothing; all futures that were in flight have a result (most of them -ECANCELED), their wakers were called, and their
 *           next poll, which may come later, completes. Those that were never polled must not be.
 * Threads:  exclusive, and not in a waker.
 * Progress: waits for the operations in flight: those on files take what they take, all others are cut short.
 * Order:    what was read is visible.  Memory: frees.  Cost: that of the operations.
 * Lifetime: ends. Futures in flight, and their buffers and wakers, must stay until it returns.
 */
HASHLOOM_API void hashloom_io_delete(struct hashloom_io *io);

/*
 * hashloom_io_backend: tells what the I/O works with.
 * io:       of hashloom_io_new().
 * Returns:  HASHLOOM_IO_URING or HASHLOOM_IO_EPOLL.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
HASHLOOM_API enum hashloom_io_backend hashloom_io_backend(const struct hashloom_io *io);

/*
 * hashloom_io_read: a future that reads up to n bytes from a file, pipe, socket or device.
 * io:       of hashloom_io_new(); must live until the future is complete, or has its result by hashloom_io_delete().
 * fd:       a descriptor; stays open until the future is complete.
 * buffer:   n writable bytes, until the future is complete.
 * n:        bytes, 0 is fine; more than 0x7ffff000 are taken for so many.
 * offset:   in the file; -1: its position (N.5).
 * Returns:  the future, idle. Its output: bytes read, 0 at the end, or -errno, see preadv2(2).
 * Threads:  any.  Progress: wait-free.
 * Order:    what is done before the first poll is done before; see N.3.
 * Memory:   none.  Cost: filling in a struct.
 * Lifetime: the future is the caller's, and must not move from its first poll to its completion.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_read(struct hashloom_io *io, int fd, void *buffer, size_t n, int64_t offset);

/*
 * hashloom_io_write: as hashloom_io_read(), but writes up to n readable bytes at buffer to fd, at offset of the file. Its output: bytes
 * written, or -errno, see pwritev2(2). io, n as there; see N.7.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_write(struct hashloom_io *io, int fd, const void *buffer, size_t n, int64_t offset);

/*
 * hashloom_io_fsync: as hashloom_io_read(), but sees to it that what was written to fd is on the disk; io as there. data_only: not 0:
 * only the data, see fdatasync(2). What was complete before its first poll is covered. Its output: 0, or -errno.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_fsync(struct hashloom_io *io, int fd, int data_only);

/*
 * hashloom_io_accept: as hashloom_io_read(), but takes a connection from the listening socket fd; io as there. address, length: gets the
 * peer's, see accept(2), until the future is complete; or NULL, NULL. flags: of SOCK_NONBLOCK and SOCK_CLOEXEC. Its output: the new
 * descriptor, or -errno. With epoll, a socket that others accept from too (another process,
 * another struct hashloom_io, a plain accept(2)) must be O_NONBLOCK: if they are faster, the driver, and hashloom_io_delete(), wait for the next peer.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_accept(struct hashloom_io *io, int fd, struct sockaddr *address, socklen_t *length,
							  int flags);

/*
 * hashloom_io_connect: as hashloom_io_read(), but connects the socket fd; io as there. address, length: to where; stays until the
 * future is complete. Its output: 0, or -errno. A Unix socket whose backlog is full: io_uring waits for room, epoll says -EAGAIN.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_connect(struct hashloom_io *io, int fd, const struct sockaddr *address,
							   socklen_t length);

/*
 * hashloom_io_recv: as hashloom_io_read(), but receives from the socket fd, up to n bytes into buffer; io as there. flags: MSG_*; with
 * MSG_DONTWAIT the output can be -EAGAIN; MSG_WAITALL: -EINVAL. Its output: bytes, 0 at the end of a stream, or -errno.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_recv(struct hashloom_io *io, int fd, void *buffer, size_t n, int flags);

/*
 * hashloom_io_send: as hashloom_io_recv(), but sends up to n readable bytes at buffer through fd; io, flags as there; never raises
 * SIGPIPE. Its output: bytes sent, which may be fewer than n, or -errno.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_send(struct hashloom_io *io, int fd, const void *buffer, size_t n, int flags);

/*
 * hashloom_io_poll: as hashloom_io_read(), but waits until fd is ready; io as there. events: of POLLIN, POLLOUT and so on; errors and the
 * other end's leaving always count. Its output: those that have come, or -errno (-EBADF for no descriptor).
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_poll(struct hashloom_io *io, int fd, int events);

/*
 * hashloom_io_close: as hashloom_io_read(), but closes fd; io as there. No other operation waits on it. Its output: 0, or -errno.
 * Cancelled before it was begun, it leaves fd open.
 */
HASHLOOM_API struct hashloom_io_future hashloom_io_close(struct hashloom_io *io, int fd);

/*
 * hashloom_io_fd: for event loops: a descriptor that is readable when hashloom_io_run() has something to do.
 * io:       of hashloom_io_new() with driven_by_caller.
 * Returns:  the descriptor, to be given to poll(), epoll and the like (which io_uring may end early, with EINTR) and to
 *           nothing else; HASHLOOM_ERROR_INVALID_ARGUMENT: there is a driving thread.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.
 * Lifetime: of the descriptor: the I/O's.
 */
HASHLOOM_API int hashloom_io_fd(const struct hashloom_io *io);

/*
 * hashloom_io_run: hands over what was polled, takes what is done and calls the wakers; does not wait. With io_uring the kernel
 *           cancels what a thread has handed over when that thread ends: call it from one that stays.
 * io:       of hashloom_io_new() with driven_by_caller.
 * Returns:  how many operations have ended; HASHLOOM_ERROR_INVALID_ARGUMENT: there is a driving thread.
 * Threads:  one at a time, and not in a waker.  Progress: that of the wakers and of system calls that do not wait.
 * Order:    as N.3.  Memory: none.
 * Cost:     with io_uring about one system call; with epoll one and some for each operation.
 * Lifetime: none.
 */
HASHLOOM_API int hashloom_io_run(struct hashloom_io *io);

HL_END_DECLS

#endif
