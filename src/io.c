/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * io.c: I/O futures: a mailbox, a driver, and the handshake between the driver and the polls.
 *
 * The operation lies in the future. Its state, which is shared by who polls it and the driver:
 *
 *     NEW --- poll: SUBMIT message ---> STARTED ------ driver: fetch_or ------> DONE ---- driver ----> DONE|MAY_GO
 *                                        |    ^                                  ^                        |
 *                                 poll:  v    | poll                             |                        v
 *                                STARTED|REGISTERING --- driver: fetch_or --> DONE|REGISTERING     poll: complete
 *
 *   REGISTERING  a poll is replacing the waker. A driver that finishes now finds the bit and leaves the waker alone; the poll then
 *                finds DONE, and says in the notifier that it wants to be polled in turn.
 *   DONE         the result is visible; the driver is calling the waker, or about to.
 *   MAY_GO       the driver will not touch future or waker any more. Only now does a poll return COMPLETE, so the waker may live on the
 *                stack of whoever polls, and the future may be freed (N.3).
 *   CANCEL       (beside any of these) a poll has asked for the end. If DONE was not there before, it sends a CANCEL message, and the
 *                driver does not say MAY_GO before that has arrived: while it is under way the operation is linked into the mailbox.
 *
 * What the driver alone knows (hl_phase) is where the operation is: in its list, or with the backend.
 *
 * The mailbox is a stack of messages, of which the driver takes all at once and reverses them, so that messages come in the order in
 * which they were sent. A message is a word, the operation's address and what is meant; an operation has a link for each of the two that
 * can be under way at a time: SUBMIT or FINISHED, and CANCEL. A driver that finds the mailbox empty and is about to wait puts ASLEEP into
 * it; who puts a message in its place writes to the eventfd that the driver waits on beside everything else. So a burst of polls costs
 * one such write, or none while the driver is awake, and no wake-up is lost: either the driver's exchange of empty for ASLEEP fails, or
 * the sender has seen ASLEEP.
 *
 * Why only the driver submits: the kernel cancels what a thread has given to io_uring when the thread ends, and completes it in the
 * context of that thread; a poll may come from any. And the backends need no lock.
 *
 *   tag    order                                           pairs with                        for
 *   IO-1   hl_io_send(): cas mail release                  take_mail(): exchange acquire     the operation, its links, a worker's result
 *   IO-2   hl_io_complete(): fetch_or state DONE acq_rel   renew_waker(): cas acquire,       the waker, both ways
 *                                                          fetch_and acq_rel
 *   IO-3   leave(): fetch_or state MAY_GO release          io_task(): load acquire           result, buffer, the last touch of the future
 *   IO-4   stop store release                              driver_main(): load acquire       what was polled before delete
 */
#define _GNU_SOURCE 1

#include <hashloom/io.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io_backend.h"
#include "thread.h"

#define DEPTH_DEFAULT 256
#define DEPTH_MAX 32768
#define WORKERS_DEFAULT 4
#define WORKERS_MAX 1024

/* In the mailbox, in the place of a message: the driver waits. */
#define ASLEEP ((uint64_t)7)
#define MESSAGE_MASK ((uint64_t)7)
#define CANCEL_LINK 1

_Static_assert(_Alignof(struct hashloom_io_data) > MESSAGE_MASK, "a message fits beside the address of its operation");
_Static_assert((HL_IO_SUBMIT & 1) == (HL_IO_FINISHED & 1) && HL_IO_CANCEL == CANCEL_LINK,
	       "messages that can be under way at the same time have links of their own");

enum operation_state {
	NEW = 0,
	STARTED = 1 << 0,
	REGISTERING = 1 << 1,
	DONE = 1 << 2,
	MAY_GO = 1 << 3,
	CANCEL = 1 << 4,
};

/* ---- messages ------------------------------------------------------------------------------------- */

static struct hashloom_io_data *operation_of(uint64_t message)
{
	return (struct hashloom_io_data *)(uintptr_t)(message & ~MESSAGE_MASK);
}

static uint64_t *link_of(uint64_t message)
{
	return &operation_of(message)->hl_next_message[message & CANCEL_LINK];
}

static void signal_driver(struct hashloom_io *io)
{
	(void)eventfd_write(io->event_fd, 1); /* fails only when the counter is full, and then it is readable */
}

void hl_io_send(struct hashloom_io *io, struct hashloom_io_data *operation, enum hl_io_message kind)
{
	const uint64_t message = (uint64_t)(uintptr_t)operation | (uint64_t)kind;
	uint64_t before = hl_u64_load_relaxed(&io->mail);

	/* Each turn that goes on means that another message was put in, or that the mail was taken. */
	do {
		*link_of(message) = before == ASLEEP ? 0 : before;
		/* release. pairs with [IO-1] in take_mail(). orders the operation before its message */
	} while (!hl_u64_cas_release(&io->mail, &before, message));
	if (before == ASLEEP)
		signal_driver(io);
}

static void append_todo(struct hashloom_io *io, uint64_t message)
{
	*link_of(message) = 0;
	if (io->todo_first == 0)
		io->todo_first = message;
	else
		*link_of(io->todo_last) = message;
	io->todo_last = message;
}

/* Moves the mail into the driver's list, the oldest first. */
static void take_mail(struct hashloom_io *io)
{
	/* acquire. pairs with [IO-1] in hl_io_send() */
	uint64_t newest = hl_u64_exchange_acquire(&io->mail, 0);
	uint64_t oldest = 0;

	if (newest == ASLEEP)
		return;
	while (newest != 0) {
		const uint64_t older = *link_of(newest);

		*link_of(newest) = oldest;
		oldest = newest;
		newest = older;
	}
	while (oldest != 0) {
		const uint64_t newer = *link_of(oldest);

		if ((oldest & MESSAGE_MASK) == HL_IO_SUBMIT)
			hl_io_list_append(&io->in_flight, &operation_of(oldest)->hl_in_flight);
		append_todo(io, oldest);
		oldest = newer;
	}
}

/* 1: the mailbox is empty, and who puts something in will signal. */
static int falls_asleep(struct hashloom_io *io)
{
	uint64_t empty = 0;

	return hl_u64_cas_relaxed(&io->mail, &empty, ASLEEP);
}

/* ---- the driver ----------------------------------------------------------------------------------- */

/* The driver's last touch of an operation. */
static void leave(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	hl_io_list_remove(&operation->hl_in_flight);
	io->ended++;

	/* release. pairs with [IO-3] in io_task(). orders all that the driver did with the future, and the result, before */
	const uint32_t before = hl_u32_fetch_or_release(&operation->hl_state, MAY_GO);

	hl_assert((before & (DONE | MAY_GO)) == DONE);
	(void)before;
}

void hl_io_complete(struct hashloom_io *io, struct hashloom_io_data *operation, int64_t result)
{
	operation->hl_result = result;
	/* acq_rel. pairs with [IO-2] in renew_waker(). acquire: the waker; release: the result, before anyone is told */
	const uint32_t before = hl_u32_fetch_or_acq_rel(&operation->hl_state, DONE);

	hl_assert(before & STARTED);
	hl_assert(!(before & DONE));
	if (!(before & REGISTERING) && operation->hl_waker.wake != NULL)
		FUTURE_WAKER_WAKE(&operation->hl_waker);
	if (!(before & CANCEL) || operation->hl_cancel_arrived)
		leave(io, operation);
}

void hl_io_start_again(struct hashloom_io *io, struct hashloom_io_data *operation, enum hl_io_phase phase)
{
	operation->hl_phase = phase;
	append_todo(io, (uint64_t)(uintptr_t)operation | HL_IO_SUBMIT);
}

static int start(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	const int is_transfer = operation->type == HASHLOOM_IO_RECV || operation->type == HASHLOOM_IO_SEND;

	if (operation->hl_cancel_arrived)
		hl_io_complete(io, operation, -ECANCELED);
	else if (is_transfer && (operation->flags & MSG_WAITALL)) /* the backends would differ */
		hl_io_complete(io, operation, -EINVAL);
	else
		return io->backend->start(io, operation);
	return 1;
}

/* While the message is under way the operation cannot be gone, also if cancelling completes it. */
static int cancel(struct hashloom_io *io, struct hashloom_io_data *operation)
{
	const int is_done = (hl_u32_load_relaxed(&operation->hl_state) & DONE) != 0;

	if (!is_done && operation->hl_phase > HL_IO_TODO_POLL && !io->backend->cancel(io, operation))
		return 0;
	operation->hl_cancel_arrived = 1;
	if (hl_u32_load_relaxed(&operation->hl_state) & DONE)
		leave(io, operation);
	return 1;
}

/* Does what the messages say, until there are none or the backend has no room. */
static void work_off(struct hashloom_io *io)
{
	/* Ends: nothing that is called here adds to the list but hl_io_start_again(), which backends call in run only. */
	while (io->todo_first != 0) {
		const uint64_t message = io->todo_first;
		const uint64_t next = *link_of(message); /* the operation may be gone after it */
		struct hashloom_io_data *const operation = operation_of(message);
		int has_room = 1;

		switch ((enum hl_io_message)(message & MESSAGE_MASK)) {
		case HL_IO_SUBMIT:
			has_room = start(io, operation);
			break;
		case HL_IO_CANCEL:
			has_room = cancel(io, operation);
			break;
		case HL_IO_FINISHED:
			hl_io_complete(io, operation, operation->hl_result);
			break;
		}
		if (!has_room)
			return;
		io->todo_first = next;
	}
}

static void read_mail(struct hashloom_io *io)
{
	io->ended = 0;
	take_mail(io);
	work_off(io);
}

static void run_or_sleep(struct hashloom_io *io)
{
	io->backend->run(io, io->todo_first == 0 && falls_asleep(io));
}

/* Cancels all that is in flight, and waits for it. Nobody polls any more. */
static void drain(struct hashloom_io *io)
{
	take_mail(io);
	for (struct hl_io_links *links = io->in_flight.next; links != &io->in_flight; links = links->next) {
		struct hashloom_io_data *const operation = HL_IO_OPERATION_OF(links, hl_in_flight);

		if (!(hl_u32_fetch_or_relaxed(&operation->hl_state, CANCEL) & (CANCEL | DONE)))
			append_todo(io, (uint64_t)(uintptr_t)operation | HL_IO_CANCEL);
	}
	/* Ends when the last operation has: sockets and pipes are cut short, files take what they take. */
	for (read_mail(io); !hl_io_list_is_empty(&io->in_flight); read_mail(io))
		run_or_sleep(io);
}

static void *driver_main(void *arg)
{
	struct hashloom_io *const io = arg;

	/* Ends when hashloom_io_delete() says so. acquire. pairs with [IO-4] there */
	while (!hl_u32_load_acquire(&io->stop)) {
		read_mail(io);
		run_or_sleep(io);
	}
	drain(io);
	return NULL;
}

/* ---- the future ----------------------------------------------------------------------------------- */

static struct future_waker wanted_waker(const struct future_notifier *notifier)
{
	static const struct future_waker none = { NULL, NULL };

	return notifier != NULL ? notifier->waker : none;
}

static void submit(struct hashloom_io_data *operation, const struct future_notifier *notifier)
{
	operation->hl_waker = wanted_waker(notifier);
	operation->hl_phase = HL_IO_TODO;
	operation->hl_cancel_arrived = 0;
	hl_u32_store_relaxed(&operation->hl_state, STARTED);
	hl_io_send(operation->io, operation, HL_IO_SUBMIT);
}

/* A later poll's waker takes the place of the one before. Returns 1 when the operation is done, and the waker will not be called. */
static int renew_waker(struct hashloom_io_data *operation, const struct future_notifier *notifier)
{
	const struct future_waker waker = wanted_waker(notifier);
	uint32_t expected = hl_u32_load_relaxed(&operation->hl_state);

	if (expected & DONE)
		return 1;
	if (waker.data == operation->hl_waker.data && waker.wake == operation->hl_waker.wake)
		return 0;
	/* acquire. pairs with [IO-2] in hl_io_complete(). Fails only for DONE: all other bits are written by polls */
	if (!hl_u32_cas_acquire(&operation->hl_state, &expected, expected | REGISTERING))
		return 1;
	operation->hl_waker = waker;
	/* acq_rel. pairs with [IO-2] in hl_io_complete(). release: the waker. DONE now: the driver called nobody */
	return (hl_u32_fetch_and_acq_rel(&operation->hl_state, ~(uint32_t)REGISTERING) & DONE) != 0;
}

static enum future_state io_task(struct future_context *context, struct future_notifier *notifier)
{
	struct hashloom_io_data *const operation = future_context_get_data(context);
	struct hashloom_io_output *const output = future_context_get_output(context);
	const int is_cancelled = future_context_is_cancelled(context);
	int is_done = 0;

	if (context->state == FUTURE_STATE_IDLE && is_cancelled) {
		output->result = -ECANCELED;
		return future_context_cancelled(context);
	}
	if (context->state == FUTURE_STATE_IDLE)
		submit(operation, notifier);
	else
		is_done = renew_waker(operation, notifier);
	if (is_cancelled && !(hl_u32_fetch_or_relaxed(&operation->hl_state, CANCEL) & (CANCEL | DONE)))
		hl_io_send(operation->io, operation, HL_IO_CANCEL);
	if (notifier != NULL)
		notifier->notifier_used = is_done ? FUTURE_NOTIFIER_NONE : FUTURE_NOTIFIER_WAKER;
	/* acquire. pairs with [IO-3] in leave() */
	if (!(hl_u32_load_acquire(&operation->hl_state) & MAY_GO))
		return FUTURE_STATE_RUNNING;
	output->result = operation->hl_result;
	return is_cancelled && output->result == -ECANCELED ? future_context_cancelled(context) : FUTURE_STATE_COMPLETE;
}

static int io_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_ASYNC || property == FUTURE_PROPERTY_CANCEL;
}

static struct hashloom_io_future io_future(const struct hashloom_io_data *operation)
{
	struct hashloom_io_future future = { .data = *operation, .output = { 0 } };

	FUTURE_INIT_EXT(&future, io_task, io_has_property);
	return future;
}

struct hashloom_io_future hashloom_io_read(struct hashloom_io *io, int fd, void *buffer, size_t n, int64_t offset)
{
	return io_future(&(struct hashloom_io_data){
		.io = io, .type = HASHLOOM_IO_READ, .fd = fd, .buffer = buffer, .n = n, .offset = offset });
}

struct hashloom_io_future hashloom_io_write(struct hashloom_io *io, int fd, const void *buffer, size_t n, int64_t offset)
{
	return io_future(&(struct hashloom_io_data){
		.io = io, .type = HASHLOOM_IO_WRITE, .fd = fd, .buffer = (void *)(uintptr_t)buffer, .n = n, .offset = offset });
}

struct hashloom_io_future hashloom_io_fsync(struct hashloom_io *io, int fd, int data_only)
{
	return io_future(&(struct hashloom_io_data){ .io = io, .type = HASHLOOM_IO_FSYNC, .fd = fd, .flags = data_only });
}

struct hashloom_io_future hashloom_io_accept(struct hashloom_io *io, int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return io_future(&(struct hashloom_io_data){
		.io = io, .type = HASHLOOM_IO_ACCEPT, .fd = fd, .buffer = address, .address_length = length, .flags = flags });
}

struct hashloom_io_future hashloom_io_connect(struct hashloom_io *io, int fd, const struct sockaddr *address, socklen_t length)
{
	return io_future(&(struct hashloom_io_data){
		.io = io, .type = HASHLOOM_IO_CONNECT, .fd = fd, .buffer = (void *)(uintptr_t)address, .n = length });
}

struct hashloom_io_future hashloom_io_recv(struct hashloom_io *io, int fd, void *buffer, size_t n, int flags)
{
	return io_future(&(struct hashloom_io_data){
		.io = io, .type = HASHLOOM_IO_RECV, .fd = fd, .buffer = buffer, .n = n, .flags = flags });
}

struct hashloom_io_future hashloom_io_send(struct hashloom_io *io, int fd, const void *buffer, size_t n, int flags)
{
	return io_future(&(struct hashloom_io_data){
		.io = io, .type = HASHLOOM_IO_SEND, .fd = fd, .buffer = (void *)(uintptr_t)buffer, .n = n, .flags = flags });
}

struct hashloom_io_future hashloom_io_poll(struct hashloom_io *io, int fd, int events)
{
	return io_future(&(struct hashloom_io_data){ .io = io, .type = HASHLOOM_IO_POLL, .fd = fd, .flags = events });
}

struct hashloom_io_future hashloom_io_close(struct hashloom_io *io, int fd)
{
	return io_future(&(struct hashloom_io_data){ .io = io, .type = HASHLOOM_IO_CLOSE, .fd = fd });
}

/* ---- making and ending ---------------------------------------------------------------------------- */

/* 0, or -errno. */
static int open_backend(struct hashloom_io *io, const struct hashloom_io_cfg *cfg)
{
	int error = -ENOSYS;

#ifdef HASHLOOM_IO_HAS_URING
	if (cfg->backend != HASHLOOM_IO_EPOLL) {
		io->backend = &hl_io_uring;
		error = io->backend->open(io, cfg);
	}
#endif
	if (cfg->backend == HASHLOOM_IO_EPOLL || (cfg->backend == HASHLOOM_IO_AUTO && error != 0)) {
		io->backend = &hl_io_epoll;
		error = io->backend->open(io, cfg);
	}
	return error;
}

/*
 * Starts the driver with all signals blocked, which are the program's. A caller who drives gets one run at once, so that the descriptor
 * tells from then on. 0, or -errno.
 */
static int start_driver(struct hashloom_io *io)
{
	if (io->driven_by_caller) {
		(void)hashloom_io_run(io);
		return 0;
	}
	return -hl_thread_start(&io->thread, NULL, driver_main, io);
}

static int open_all(struct hashloom_io *io, const struct hashloom_io_cfg *cfg)
{
	io->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (io->event_fd < 0)
		return -errno;
	int error = open_backend(io, cfg);
	if (error == 0) {
		error = start_driver(io);
		if (error == 0)
			return 0;
		io->backend->close(io);
	}
	close(io->event_fd);
	return error;
}

struct hashloom_io *hashloom_io_new(const struct hashloom_io_cfg *cfg)
{
	struct hashloom_io_cfg used = cfg != NULL ? *cfg : (struct hashloom_io_cfg){ .backend = HASHLOOM_IO_AUTO };

	used.depth = used.depth == 0 ? DEPTH_DEFAULT : used.depth;
	used.workers = used.workers == 0 ? WORKERS_DEFAULT : used.workers;
	if ((unsigned)used.backend > HASHLOOM_IO_EPOLL || used.depth > DEPTH_MAX || used.workers > WORKERS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	struct hashloom_io *const io = aligned_alloc(_Alignof(struct hashloom_io), sizeof(*io));
	if (io == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	*io = (struct hashloom_io){ .driven_by_caller = used.driven_by_caller != 0 };
	hl_io_list_init(&io->in_flight);
	const int error = open_all(io, &used);
	if (error != 0) {
		free(io);
		errno = -error;
		return NULL;
	}
	return io;
}

void hashloom_io_delete(struct hashloom_io *io)
{
	if (io == NULL)
		return;
	if (io->driven_by_caller) {
		drain(io);
	} else {
		/* release. pairs with [IO-4] in driver_main() */
		hl_u32_store_release(&io->stop, 1);
		signal_driver(io);
		pthread_join(io->thread, NULL);
	}
	io->backend->close(io);
	close(io->event_fd);
	free(io);
}

enum hashloom_io_backend hashloom_io_backend(const struct hashloom_io *io)
{
	return io->backend->name;
}

int hashloom_io_fd(const struct hashloom_io *io)
{
	return io->driven_by_caller ? io->backend->fd(io) : HASHLOOM_ERROR_INVALID_ARGUMENT;
}

int hashloom_io_run(struct hashloom_io *io)
{
	if (!io->driven_by_caller)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	read_mail(io);
	io->backend->run(io, 0);
	/* What came in meanwhile, and what had no room, is for the next run, which the descriptor calls for. */
	if (io->todo_first != 0 || !falls_asleep(io))
		signal_driver(io);
	return io->ended;
}
