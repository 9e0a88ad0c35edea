/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* uv.c: libuv's pool of threads, as many as it has by default. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "../bench.h"
#include "queues.h"

struct request {
	uv_work_t work; /* first: the request is found from it */
	char *to, *from;
	size_t size;
};

static void copy(uv_work_t *work)
{
	struct request *const request = (struct request *)work;

	memcpy(request->to, request->from, request->size);
}

static void after(uv_work_t *work, int status)
{
	(void)work;
	if (status != 0)
		bench_fail("uv_queue_work");
}

double queue_uv_copy(const struct copies *copies)
{
	struct request *const requests = bench_allocate(copies->in_flight * sizeof(*requests));
	uv_loop_t loop;

	if (uv_loop_init(&loop) != 0)
		bench_fail("uv_loop_init");
	for (size_t i = 0; i < copies->in_flight; i++) {
		requests[i].to = copies->to + i * copies->size;
		requests[i].from = copies->from + i * copies->size;
		requests[i].size = copies->size;
	}
	const uint64_t begin = bench_now_ns();
	for (size_t batch = 0; batch < copies->batches; batch++) {
		for (size_t i = 0; i < copies->in_flight; i++)
			if (uv_queue_work(&loop, &requests[i].work, copy, after) != 0)
				bench_fail("uv_queue_work");
		uv_run(&loop, UV_RUN_DEFAULT);
	}
	const double ns = (double)(bench_now_ns() - begin);
	uv_loop_close(&loop);
	free(requests);
	return ns;
}
