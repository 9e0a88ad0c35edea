/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* queues.h: copies by other people's worker threads, for bench/movers.c. */
#ifndef QUEUES_H
#define QUEUES_H

#include <stddef.h>

struct copies {
	char *to, *from;
	size_t size, in_flight; /* in_flight of them, one behind the other */
	size_t batches;		/* each: all submitted, then all waited for */
};

/* A ring under a mutex, two condition variables, `threads` workers. Returns nanoseconds in all. */
double queue_mutex_copy(const struct copies *copies, unsigned threads);

/* uv_queue_work() on libuv's own pool. */
double queue_uv_copy(const struct copies *copies);

#endif
