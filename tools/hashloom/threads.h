/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* threads.h: the same work done by several threads. */
#ifndef HASHLOOM_TOOL_THREADS_H
#define HASHLOOM_TOOL_THREADS_H

#include <stddef.h>

/*
 * Calls work() for each of n parts, which lie one after the other, and returns when all are done. Part 0 is
 * this thread's, as are those for which no thread can be started; these come after it.
 */
void threads_run(void *(*work)(void *part), void *parts, size_t part_size, size_t n);

#endif
