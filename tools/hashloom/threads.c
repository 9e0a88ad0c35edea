/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

void threads_run(void *(*work)(void *part), void *parts, size_t part_size, size_t n)
{
	pthread_t *const threads = malloc(n * sizeof(*threads));
	char *const part = parts;
	size_t started = 1;

	while (threads != NULL && started < n &&
	       pthread_create(&threads[started], NULL, work, part + started * part_size) == 0)
		started++;
	(void)work(part);
	for (size_t i = started; i < n; i++)
		(void)work(part + i * part_size);
	for (size_t i = 1; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	free(threads);
}
