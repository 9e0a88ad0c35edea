/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * movers.c: vdm_memcpy through each mover; ns per operation. n is the size in bytes.
 *
 * copy_in_flight   operations made, waited for by a runtime and checked, IN_FLIGHT at a time. "threads" has the default settings,
 *                  "queue" the same without what is done in the first poll. "mutex queue" and "libuv" are other people's worker
 * threads: queues/. copy_batch       the same as one vdm_batch() of IN_FLIGHT copies
 * copy_alone       one operation at a time, waited for by a runtime, or by uv_run(): what it costs to have a worker do it
 * copy_one         one operation, made and polled until complete; "memcpy + poll" is a future whose task is a memcpy
 * copy_large       one operation, waited for by a runtime; "plain" and "past caches" are memcpy and non-temporal stores, by as
 *                  many threads, each with its part of the bytes, started beforehand
 */
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "queues/queues.h"

#define IN_FLIGHT 128
#define BYTES_PER_REPETITION ((size_t)512 << 20)
#define OPERATIONS_MAX 200000
#define ALONE_MAX 20000
#define LARGE ((size_t)64 << 20)
#define LARGE_TURNS 4

static size_t batches_for(size_t size, size_t in_flight)
{
	const size_t operations = BYTES_PER_REPETITION / size;
	const size_t most = in_flight == 1 ? ALONE_MAX : OPERATIONS_MAX;

	return (operations < most ? operations : most) / in_flight + 1;
}

static struct copies copies_new(size_t size, size_t in_flight)
{
	struct copies copies = { .size = size, .in_flight = in_flight, .batches = batches_for(size, in_flight) };

	copies.from = bench_allocate(in_flight * size);
	copies.to = bench_allocate(in_flight * size);
	memset(copies.from, 1, in_flight * size);
	memset(copies.to, 0, in_flight * size);
	return copies;
}

/* Returns nanoseconds per operation. */
static double copies_delete(struct copies *copies, double ns)
{
	if (memcmp(copies->from, copies->to, copies->in_flight * copies->size) != 0)
		bench_fail("a copy is wrong");
	free(copies->from);
	free(copies->to);
	return ns / (double)(copies->batches * copies->in_flight);
}

static double copy_some(struct vdm *vdm, size_t size, size_t in_flight)
{
	struct runtime *const runtime = runtime_new();
	struct vdm_operation_future *const futures = bench_allocate(in_flight * sizeof(*futures));
	struct future *pointers[IN_FLIGHT];
	struct copies copies = copies_new(size, in_flight);

	for (size_t i = 0; i < in_flight; i++)
		pointers[i] = FUTURE_AS_RUNNABLE(&futures[i]);
	const uint64_t begin = bench_now_ns();
	for (size_t batch = 0; batch < copies.batches; batch++) {
		for (size_t i = 0; i < in_flight; i++)
			futures[i] = vdm_memcpy(vdm, copies.to + i * size, copies.from + i * size, size, 0);
		runtime_wait_multiple(runtime, pointers, in_flight);
	}
	const double ns = (double)(bench_now_ns() - begin);
	free(futures);
	runtime_delete(runtime);
	return copies_delete(&copies, ns);
}

static double copy_in_flight(struct vdm *vdm, size_t size)
{
	return copy_some(vdm, size, IN_FLIGHT);
}

static double copy_alone(struct vdm *vdm, size_t size)
{
	return copy_some(vdm, size, 1);
}

static double copy_batches(struct vdm *vdm, size_t size)
{
	struct runtime *const runtime = runtime_new();
	struct vdm_operation operations[IN_FLIGHT];
	struct vdm_operation_output outputs[IN_FLIGHT];
	struct copies copies = copies_new(size, IN_FLIGHT);

	const uint64_t begin = bench_now_ns();
	for (size_t batch = 0; batch < copies.batches; batch++) {
		for (size_t i = 0; i < IN_FLIGHT; i++)
			operations[i] = vdm_operation_memcpy(copies.to + i * size, copies.from + i * size, size, 0);
		struct vdm_operation_future future = vdm_batch(vdm, operations, outputs, IN_FLIGHT, 0);
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
		if (FUTURE_OUTPUT(&future)->result != VDM_SUCCESS)
			bench_fail("a batch has failed");
	}
	const double ns = (double)(bench_now_ns() - begin);
	runtime_delete(runtime);
	return copies_delete(&copies, ns);
}

typedef double (*copy_fn)(struct vdm *vdm, size_t size);

static double with_sync(copy_fn copy, size_t size)
{
	struct data_mover_sync *const mover = data_mover_sync_new();
	const double ns = copy(data_mover_sync_get_vdm(mover), size);

	data_mover_sync_delete(mover);
	return ns;
}

static double with_threads(copy_fn copy, size_t size, const struct data_mover_threads_cfg *cfg)
{
	struct data_mover_threads *const mover = data_mover_threads_new_cfg(cfg);
	const double ns = copy(data_mover_threads_get_vdm(mover), size);

	data_mover_threads_delete(mover);
	return ns;
}

static double with_default(copy_fn copy, size_t size)
{
	const struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	return with_threads(copy, size, &cfg);
}

static double with_queue(copy_fn copy, size_t size)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.inline_max = 0;
	return with_threads(copy, size, &cfg);
}

static double in_flight_sync(const struct bench_case *bench_case)
{
	return with_sync(copy_in_flight, bench_case->n);
}

static double in_flight_threads(const struct bench_case *bench_case)
{
	return with_default(copy_in_flight, bench_case->n);
}

static double in_flight_queue(const struct bench_case *bench_case)
{
	return with_queue(copy_in_flight, bench_case->n);
}

static double batch_threads(const struct bench_case *bench_case)
{
	return with_default(copy_batches, bench_case->n);
}

static double batch_queue(const struct bench_case *bench_case)
{
	return with_queue(copy_batches, bench_case->n);
}

static double alone_threads(const struct bench_case *bench_case)
{
	return with_default(copy_alone, bench_case->n);
}

static double alone_queue(const struct bench_case *bench_case)
{
	return with_queue(copy_alone, bench_case->n);
}

static double in_flight_mutex(const struct bench_case *bench_case)
{
	struct copies copies = copies_new(bench_case->n, IN_FLIGHT);

	return copies_delete(&copies, queue_mutex_copy(&copies, (unsigned)data_mover_threads_cfg_default().threads));
}

#ifdef BENCH_HAS_UV
static double in_flight_uv(const struct bench_case *bench_case)
{
	struct copies copies = copies_new(bench_case->n, IN_FLIGHT);

	return copies_delete(&copies, queue_uv_copy(&copies));
}

static double alone_uv(const struct bench_case *bench_case)
{
	struct copies copies = copies_new(bench_case->n, 1);

	return copies_delete(&copies, queue_uv_copy(&copies));
}
#endif

/* ---- one ------------------------------------------------------------------------------------------ */

#define ONES ((size_t)10 * OPERATIONS_MAX)

struct copy_data {
	char *to;
	const char *from;
	size_t n;
};

struct copy_output {
	char *to;
};

FUTURE(copy_future, struct copy_data, struct copy_output);

static enum future_state copy_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct copy_data *const data = future_context_get_data(context);
	struct copy_output *const output = future_context_get_output(context);

	(void)notifier;
	output->to = memcpy(data->to, data->from, data->n);
	return FUTURE_STATE_COMPLETE;
}

static double one_by_hand(const struct bench_case *bench_case)
{
	struct copies copies = copies_new(bench_case->n, 1);

	const uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < ONES; i++) {
		struct copy_future future = { .data = { copies.to, copies.from, copies.size } };

		FUTURE_INIT(&future, copy_task);
		FUTURE_BUSY_POLL(&future);
		/* or the compiler would see through it, which it cannot do with a mover */
		__asm__ __volatile__("" : : "r"(&future) : "memory");
	}
	const double ns = (double)(bench_now_ns() - begin) / (double)ONES;
	free(copies.from);
	free(copies.to);
	return ns;
}

static double copy_ones(struct vdm *vdm, size_t size)
{
	struct copies copies = copies_new(size, 1);

	const uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < ONES; i++) {
		struct vdm_operation_future future = vdm_memcpy(vdm, copies.to, copies.from, size, 0);

		FUTURE_BUSY_POLL(&future);
	}
	const double ns = (double)(bench_now_ns() - begin) / (double)ONES;
	if (memcmp(copies.from, copies.to, size) != 0)
		bench_fail("a copy is wrong");
	free(copies.from);
	free(copies.to);
	return ns;
}

static double one_sync(const struct bench_case *bench_case)
{
	return with_sync(copy_ones, bench_case->n);
}

static double one_threads(const struct bench_case *bench_case)
{
	return with_default(copy_ones, bench_case->n);
}

/* ---- large ---------------------------------------------------------------------------------------- */

static double copy_large(struct vdm *vdm, size_t size)
{
	struct runtime *const runtime = runtime_new();
	char *const to = bench_allocate(size);
	char *const from = bench_allocate(size);

	memset(to, 0, size);
	memset(from, 1, size);
	const uint64_t begin = bench_now_ns();
	for (unsigned turn = 0; turn < LARGE_TURNS; turn++) {
		struct vdm_operation_future future = vdm_memcpy(vdm, to, from, size, 0);

		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
	}
	const double ns = (double)(bench_now_ns() - begin) / LARGE_TURNS;
	if (memcmp(from, to, size) != 0)
		bench_fail("a copy is wrong");
	free(to);
	free(from);
	runtime_delete(runtime);
	return ns;
}

static double large_threads(const struct bench_case *bench_case)
{
	return with_default(copy_large, bench_case->n);
}

/* One thread's part, as often as it is measured; the threads meet in between. */
struct part {
	char *to, *from;
	size_t size;
	struct vdm *vdm;
	uint64_t flags;
	pthread_barrier_t *barrier;
};

static void *copy_part(void *arg)
{
	const struct part *const part = arg;

	for (unsigned turn = 0; turn < LARGE_TURNS; turn++) {
		pthread_barrier_wait(part->barrier);
		struct vdm_operation_future future = vdm_memcpy(part->vdm, part->to, part->from, part->size, part->flags);
		FUTURE_BUSY_POLL(&future);
		pthread_barrier_wait(part->barrier);
	}
	return NULL;
}

/* The synchronous mover is memcpy, or with the hint non-temporal stores, and nothing else. */
static double large_by_hand(const struct bench_case *bench_case, uint64_t flags)
{
	struct data_mover_sync *const mover = data_mover_sync_new();
	char *const to = bench_allocate(bench_case->n);
	char *const from = bench_allocate(bench_case->n);
	const size_t size = bench_case->n / bench_case->threads;
	pthread_barrier_t barrier;
	struct part parts[2];
	pthread_t threads[2];
	uint64_t ns = 0;

	memset(to, 0, bench_case->n);
	memset(from, 1, bench_case->n);
	pthread_barrier_init(&barrier, NULL, bench_case->threads + 1);
	for (unsigned i = 0; i < bench_case->threads; i++) {
		parts[i] = (struct part){ to + i * size, from + i * size, size, data_mover_sync_get_vdm(mover), flags, &barrier };
		if (pthread_create(&threads[i], NULL, copy_part, &parts[i]) != 0)
			bench_fail("no thread");
	}
	for (unsigned turn = 0; turn < LARGE_TURNS; turn++) {
		const uint64_t begin = bench_now_ns();

		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		ns += bench_now_ns() - begin;
	}
	for (unsigned i = 0; i < bench_case->threads; i++)
		pthread_join(threads[i], NULL);
	if (memcmp(from, to, bench_case->n) != 0)
		bench_fail("a copy is wrong");
	pthread_barrier_destroy(&barrier);
	free(to);
	free(from);
	data_mover_sync_delete(mover);
	return (double)ns / LARGE_TURNS;
}

static double large_plain(const struct bench_case *bench_case)
{
	return large_by_hand(bench_case, 0);
}

static double large_past_caches(const struct bench_case *bench_case)
{
	return large_by_hand(bench_case, VDM_F_NO_CACHE_HINT);
}

#ifdef BENCH_HAS_UV
#define UV(bench, size, function) { bench, "libuv", size, 4, function, 0, 0 },
#else
#define UV(bench, size, function)
#endif

#define SIZE(size)                                                                                                     \
	{ "copy_in_flight", "sync", size, 1, in_flight_sync, 0, 0 },                                                   \
	{ "copy_in_flight", "threads", size, 2, in_flight_threads, 0, 0 },                                             \
	{ "copy_in_flight", "queue", size, 2, in_flight_queue, 0, 0 },                                                 \
	{ "copy_in_flight", "mutex queue", size, 2, in_flight_mutex, 0, 0 },                                           \
	UV("copy_in_flight", size, in_flight_uv)                                                                       \
	{ "copy_batch", "threads", size, 2, batch_threads, 0, 0 },                                                     \
	{ "copy_batch", "queue", size, 2, batch_queue, 0, 0 }

#define ONE(size)                                                                                                      \
	{ "copy_one", "memcpy + poll", size, 1, one_by_hand, 0, 0 },                                                   \
	{ "copy_one", "sync", size, 1, one_sync, 0, 0 },                                                               \
	{ "copy_one", "threads", size, 1, one_threads, 0, 0 }

#define ALONE(size)                                                                                                    \
	UV("copy_alone", size, alone_uv)                                                                               \
	{ "copy_alone", "threads", size, 2, alone_threads, 0, 0 },                                                     \
	{ "copy_alone", "queue", size, 2, alone_queue, 0, 0 }

static const struct bench_case cases[] = {
	ONE(64), ONE(1024), ONE(4096), ALONE(64), ALONE(4096), ALONE(65536), SIZE(64), SIZE(4096), SIZE(16384), SIZE(65536), SIZE(1048576),
	{ "copy_large", "plain", LARGE, 1, large_plain, 0, 0 },
	{ "copy_large", "plain", LARGE, 2, large_plain, 0, 0 },
	{ "copy_large", "past caches", LARGE, 1, large_past_caches, 0, 0 },
	{ "copy_large", "past caches", LARGE, 2, large_past_caches, 0, 0 },
	{ "copy_large", "threads", LARGE, 2, large_threads, 0, 0 },
};

const struct bench_group bench_movers = { cases, sizeof(cases) / sizeof(cases[0]), 1 };
