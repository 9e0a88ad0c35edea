/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * movers.c: vdm_memcpy through each mover; ns per operation. n is the size in bytes.
 *
 * copy_in_flight   operations made, waited for by a runtime and checked, IN_FLIGHT at a time
 * copy_one         one operation, made and polled until complete
 */
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#include <stdlib.h>

#include "bench.h"

#define IN_FLIGHT 128
#define BYTES_PER_REPETITION ((size_t)512 << 20)
#define OPERATIONS_MAX 200000

static size_t operations_for(size_t size)
{
	const size_t operations = BYTES_PER_REPETITION / size;

	return operations < OPERATIONS_MAX ? operations : OPERATIONS_MAX;
}

static double copy_in_flight(struct vdm *vdm, size_t size)
{
	struct runtime *const runtime = runtime_new();
	struct vdm_operation_future *const futures = bench_allocate(IN_FLIGHT * sizeof(*futures));
	struct future *pointers[IN_FLIGHT];
	char *const from = bench_allocate(IN_FLIGHT * size);
	char *const to = bench_allocate(IN_FLIGHT * size);
	const size_t batches = operations_for(size) / IN_FLIGHT + 1;

	memset(from, 1, IN_FLIGHT * size);
	memset(to, 0, IN_FLIGHT * size);
	for (size_t i = 0; i < IN_FLIGHT; i++)
		pointers[i] = FUTURE_AS_RUNNABLE(&futures[i]);
	const uint64_t begin = bench_now_ns();
	for (size_t batch = 0; batch < batches; batch++) {
		for (size_t i = 0; i < IN_FLIGHT; i++)
			futures[i] = vdm_memcpy(vdm, to + i * size, from + i * size, size, 0);
		runtime_wait_multiple(runtime, pointers, IN_FLIGHT);
	}
	const double ns = (double)(bench_now_ns() - begin) / (double)(batches * IN_FLIGHT);
	if (memcmp(from, to, IN_FLIGHT * size) != 0)
		bench_fail("a copy is wrong");
	free(futures);
	free(from);
	free(to);
	runtime_delete(runtime);
	return ns;
}

static double copy_in_flight_sync(const struct bench_case *bench_case)
{
	struct data_mover_sync *const mover = data_mover_sync_new();
	const double ns = copy_in_flight(data_mover_sync_get_vdm(mover), bench_case->n);

	data_mover_sync_delete(mover);
	return ns;
}

static double copy_in_flight_threads(const struct bench_case *bench_case)
{
	struct data_mover_threads *const mover = data_mover_threads_default();
	const double ns = copy_in_flight(data_mover_threads_get_vdm(mover), bench_case->n);

	data_mover_threads_delete(mover);
	return ns;
}

static double copy_one_sync(const struct bench_case *bench_case)
{
	struct data_mover_sync *const mover = data_mover_sync_new();
	struct vdm *const vdm = data_mover_sync_get_vdm(mover);
	char from[64] = { 1 };
	char to[64];
	const size_t operations = 10 * OPERATIONS_MAX;

	(void)bench_case;
	const uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < operations; i++) {
		struct vdm_operation_future future = vdm_memcpy(vdm, to, from, sizeof(to), 0);

		FUTURE_BUSY_POLL(&future);
	}
	const double ns = (double)(bench_now_ns() - begin) / (double)operations;
	if (to[0] != 1)
		bench_fail("a copy is wrong");
	data_mover_sync_delete(mover);
	return ns;
}

static const struct bench_case cases[] = {
	{ "copy_one", "sync", 64, 1, copy_one_sync, 0, 0 },
	{ "copy_in_flight", "sync", 64, 1, copy_in_flight_sync, 0, 0 },
	{ "copy_in_flight", "threads", 64, 2, copy_in_flight_threads, 0, 0 },
	{ "copy_in_flight", "sync", 4096, 1, copy_in_flight_sync, 0, 0 },
	{ "copy_in_flight", "threads", 4096, 2, copy_in_flight_threads, 0, 0 },
	{ "copy_in_flight", "sync", 1048576, 1, copy_in_flight_sync, 0, 0 },
	{ "copy_in_flight", "threads", 1048576, 2, copy_in_flight_threads, 0, 0 },
};

const struct bench_group bench_movers = { cases, sizeof(cases) / sizeof(cases[0]), 1 };
