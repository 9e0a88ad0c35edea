/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * io_backend.h: what io.c, which knows the futures, and the backends, which know the kernel, know of each other.
 *
 * All functions here run on the driver, one at a time, but for hl_io_send(). So a backend needs no lock but for threads of its own.
 */
#ifndef HL_IO_BACKEND_H
#define HL_IO_BACKEND_H

#include <hashloom/io.h>

#include <poll.h>
#include <pthread.h>

/* Where an operation is; the driver's. */
enum hl_io_phase {
	HL_IO_TODO,	    /* in the driver's list */
	HL_IO_TODO_POLL,    /* there, and its descriptor is to be waited for first */
	HL_IO_POLLED,	    /* with the kernel, which waits for its descriptor */
	HL_IO_STARTED,	    /* with the kernel, or among those that wait for their descriptor */
	HL_IO_WITH_WORKERS, /* in their queue, or begun */
};

/* A message is the address of an operation and one of these. */
enum hl_io_message {
	HL_IO_SUBMIT = 0,
	HL_IO_CANCEL = 1,
	HL_IO_FINISHED = 2, /* a worker has written hl_result */
};

struct hl_io_backend {
	enum hashloom_io_backend name;
	/* 0, or -errno and nothing is left over. */
	int (*open)(struct hashloom_io *io, const struct hashloom_io_cfg *cfg);
	/* Nothing is in flight. */
	void (*close)(struct hashloom_io *io);
	/* Starts what is TODO, or completes it. 0: no room now, try again after run. */
	int (*start)(struct hashloom_io *io, struct hashloom_io_data *operation);
	/* Asks what was started to end, which may complete it. 0: no room now. */
	int (*cancel)(struct hashloom_io *io, struct hashloom_io_data *operation);
	/* Hands over what was started, and completes what is done; waits until something is or somebody signals, if may_sleep. */
	void (*run)(struct hashloom_io *io, int may_sleep);
	/* Readable when run has something to do. */
	int (*fd)(const struct hashloom_io *io);
};

extern const struct hl_io_backend hl_io_uring;
extern const struct hl_io_backend hl_io_epoll;

struct hashloom_io {
	const struct hl_io_backend *backend;
	void *own; /* the backend's */
	int event_fd;
	int driven_by_caller;
	pthread_t thread;
	hl_u32 stop; /* written once */

	/* the driver's */
	uint64_t todo_first, todo_last; /* messages, 0: none */
	struct hl_io_links in_flight;
	int ended;

	_Alignas(HL_CACHE_LINE) hl_u64 mail; /* the newest message, see io.c; written by pollers, workers and the driver */
};

/* An operation is done: its result becomes visible, and its waker is called. It may be gone after that. */
void hl_io_complete(struct hashloom_io *io, struct hashloom_io_data *operation, int64_t result);

/* Puts an operation into the driver's list, to be started (again) from this phase. */
void hl_io_start_again(struct hashloom_io *io, struct hashloom_io_data *operation, enum hl_io_phase phase);

/* Puts a message into the mailbox and sees to it that the driver looks. Any thread. */
void hl_io_send(struct hashloom_io *io, struct hashloom_io_data *operation, enum hl_io_message kind);

/* What a descriptor has to be ready for: what fits into a struct pollfd, so nothing that only epoll knows. */
#define HL_IO_EVENTS 0x7fffU

static inline uint32_t hl_io_events(const struct hashloom_io_data *operation)
{
	switch (operation->type) {
	case HASHLOOM_IO_WRITE:
	case HASHLOOM_IO_SEND:
	case HASHLOOM_IO_CONNECT:
		return POLLOUT;
	case HASHLOOM_IO_POLL:
		return (uint32_t)operation->flags & HL_IO_EVENTS;
	default:
		return POLLIN;
	}
}

/* ---- lists: circular, with a head that is in no operation ------------------------------------------ */

#define HL_IO_OPERATION_OF(links, member) \
	((struct hashloom_io_data *)(void *)((char *)(links) - offsetof(struct hashloom_io_data, member)))

static inline void hl_io_list_init(struct hl_io_links *head)
{
	head->next = head->previous = head;
}

static inline int hl_io_list_is_empty(const struct hl_io_links *head)
{
	return head->next == head;
}

static inline void hl_io_list_append(struct hl_io_links *head, struct hl_io_links *links)
{
	links->next = head;
	links->previous = head->previous;
	head->previous->next = links;
	head->previous = links;
}

static inline void hl_io_list_remove(struct hl_io_links *links)
{
	links->previous->next = links->next;
	links->next->previous = links->previous;
}

#endif
