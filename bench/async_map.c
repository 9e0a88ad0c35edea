/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * async_map.c: a million puts, then gets, then removes, of 64-byte values, with the synchronous mover, by one thread that
 * keeps n operations in flight (a batch of n futures, waited for by a runtime); ns per operation.
 *
 * hashloom is the asynchronous hash map; example is the algorithm of examples/hashmap.c (linear probing, entries that
 * lock each other out) over the same futures, runtime, mover and keys, both at load 0.8 with all keys present. Its get allocates
 * the copy, as the seed has it. Each repetition makes a new map; put, get and remove are measured in the same one, and
 * recorded as async_map_put, async_map_get and async_map_remove.
 */
#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/runtime.h>

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "hashmap.h"

#define KEYS 1000000
#define VALUE_SIZE 64
#define IN_FLIGHT_MAX 4096

enum phase { PUT, GET, REMOVE, PHASES };

struct run {
	struct runtime *runtime;
	struct data_mover_sync *mover;
	struct vdm *vdm;
	uint64_t *keys;
	char *value;
	char *buffers; /* one for each operation in flight */
	struct future *pointers[IN_FLIGHT_MAX];
	size_t in_flight;
};

static struct run *run_new(size_t in_flight)
{
	struct run *const run = bench_allocate(sizeof(*run));
	uint64_t seed = 42;

	run->runtime = runtime_new();
	run->mover = data_mover_sync_new();
	run->vdm = data_mover_sync_get_vdm(run->mover);
	run->keys = bench_allocate(KEYS * sizeof(*run->keys));
	for (size_t i = 0; i < KEYS; i++)
		run->keys[i] = bench_random(&seed) >> 1 | 1;
	run->value = bench_allocate(VALUE_SIZE);
	memset(run->value, 7, VALUE_SIZE);
	run->buffers = bench_allocate(IN_FLIGHT_MAX * VALUE_SIZE);
	run->in_flight = in_flight;
	return run;
}

static void run_delete(struct run *run)
{
	runtime_delete(run->runtime);
	data_mover_sync_delete(run->mover);
	free(run->keys);
	free(run->value);
	free(run->buffers);
	free(run);
}

/* One phase of one map: makes batches of futures, waits, checks. MAKE makes future i of a batch for a key, CHECK looks at it. */
#define DEFINE_PHASE(name, map_type, future_type, MAKE, CHECK)                                     \
	static double name(struct run *run, map_type *map)                                         \
	{                                                                                          \
		future_type *const futures = bench_allocate(run->in_flight * sizeof(*futures));    \
		for (size_t i = 0; i < run->in_flight; i++)                                        \
			run->pointers[i] = FUTURE_AS_RUNNABLE(&futures[i]);                        \
		const uint64_t begin = bench_now_ns();                                             \
		for (size_t done = 0; done < KEYS; done += run->in_flight) {                       \
			const size_t left = KEYS - done;                                           \
			const size_t batch = left < run->in_flight ? left : run->in_flight;        \
			for (size_t i = 0; i < batch; i++)                                         \
				futures[i] = MAKE(run, map, run->keys[done + i], i);               \
			runtime_wait_multiple(run->runtime, run->pointers, batch);                 \
			for (size_t i = 0; i < batch; i++)                                         \
				if (!(CHECK(&futures[i])))                                         \
					bench_fail(#name " did not succeed");                      \
		}                                                                                  \
		const double ns = (double)(bench_now_ns() - begin) / KEYS;                         \
		free(futures);                                                                     \
		return ns;                                                                         \
	}

#define OURS_PUT(run, map, key, i) async_hash_map_put(map, (run)->vdm, key, (run)->value, VALUE_SIZE)
#define OURS_GET(run, map, key, i)                                                                 \
	async_hash_map_get_copy(map, (run)->vdm, key, (run)->buffers + (i) * VALUE_SIZE, VALUE_SIZE)
#define OURS_REMOVE(run, map, key, i) async_hash_map_remove(map, key)
#define OURS_OK(future) (FUTURE_OUTPUT(future)->status == ASYNC_HASH_MAP_OK)
#define OURS_GOT(future) (OURS_OK(future) && FUTURE_OUTPUT(future)->copied == VALUE_SIZE)

DEFINE_PHASE(ours_put, struct async_hash_map, struct async_hash_map_put_fut, OURS_PUT, OURS_OK)
DEFINE_PHASE(ours_get, struct async_hash_map, struct async_hash_map_get_copy_fut, OURS_GET, OURS_GOT)
DEFINE_PHASE(ours_remove, struct async_hash_map, struct async_hash_map_remove_fut, OURS_REMOVE, OURS_OK)

static int example_got(struct hashmap_get_copy_fut *future)
{
	const int ok = FUTURE_OUTPUT(future)->result == HASHMAP_OK;

	free(FUTURE_OUTPUT(future)->value);
	return ok;
}

#define EXAMPLE_PUT(run, map, key, i) hashmap_put((run)->vdm, map, key, (run)->value, VALUE_SIZE)
#define EXAMPLE_GET(run, map, key, i) hashmap_get_copy((run)->vdm, map, key)
#define EXAMPLE_REMOVE(run, map, key, i) hashmap_remove(map, key)
#define EXAMPLE_OK(future) (FUTURE_OUTPUT(future)->result == HASHMAP_OK)

DEFINE_PHASE(example_put, struct hashmap, struct hashmap_put_fut, EXAMPLE_PUT, EXAMPLE_OK)
DEFINE_PHASE(example_get, struct hashmap, struct hashmap_get_copy_fut, EXAMPLE_GET, example_got)
DEFINE_PHASE(example_remove, struct hashmap, struct hashmap_remove_fut, EXAMPLE_REMOVE, EXAMPLE_OK)

static void ours(struct run *run, double ns[PHASES])
{
	struct async_hash_map *const map = async_hash_map_new(KEYS);

	if (map == NULL)
		bench_fail("out of memory");
	ns[PUT] = ours_put(run, map);
	ns[GET] = ours_get(run, map);
	ns[REMOVE] = ours_remove(run, map);
	async_hash_map_delete(map);
}

static void example(struct run *run, double ns[PHASES])
{
	struct hashmap *const map = hashmap_new(KEYS / 8 * 10);

	if (map == NULL)
		bench_fail("out of memory");
	ns[PUT] = example_put(run, map);
	ns[GET] = example_get(run, map);
	ns[REMOVE] = example_remove(run, map);
	hashmap_delete(map);
}

/* One case is all phases of one map. */
static double phases(const struct bench_case *bench_case, void (*body)(struct run *, double[]))
{
	static const char *const benches[PHASES] = { "async_map_put", "async_map_get", "async_map_remove" };
	struct run *const run = run_new(bench_case->n);
	double ns[PHASES];

	body(run, ns);
	run_delete(run);
	for (int phase = 0; phase < PHASES; phase++) {
		const struct bench_result result = { benches[phase], bench_case->implementation, bench_case->n, 1,
						     bench_case->bytes_per_entry };

		bench_record(&result, ns[phase]);
	}
	return BENCH_RECORDED;
}

static double run_ours(const struct bench_case *bench_case)
{
	return phases(bench_case, ours);
}

static double run_example(const struct bench_case *bench_case)
{
	return phases(bench_case, example);
}

#define CELL_BYTES ((32.0 + 16.0 / 15.0) / 0.8 + VALUE_SIZE)
#define EXAMPLE_BYTES (sizeof(struct hashmap_entry) / 0.8 + VALUE_SIZE)

#define PHASE_CASES(in_flight)                                                                     \
	{ "async_map", "hashloom", in_flight, 1, run_ours, CELL_BYTES, 3 },                        \
	{ "async_map", "example", in_flight, 1, run_example, EXAMPLE_BYTES, 3 }

static const struct bench_case cases[] = {
	PHASE_CASES(1),
	PHASE_CASES(64),
	PHASE_CASES(512),
	PHASE_CASES(4096),
};

const struct bench_group bench_async_map = { cases, sizeof(cases) / sizeof(cases[0]), 0 };
