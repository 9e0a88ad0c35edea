/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * Goal: Debian's libpmem2 1.12, a binary built with libminiasync, works with our futures, movers
 * and runtime.
 *
 * Method: a file in memory is mapped as if it were persistent memory. Copies, moves and fills of
 * all sizes run with libpmem2's own mover and with ours, driven in every way; after each, the bytes
 * there and around are checked. libpmem2's futures also go into chains of ours.
 */
#define PMEM2_USE_MINIASYNC 1

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wextra"
#include <libpmem2.h>
#pragma GCC diagnostic pop

#include <libminiasync.h>

#include "future_kit.h"

#include <unistd.h>

_Static_assert(sizeof(struct pmem2_future) == 320, "what libpmem2 writes");
_Static_assert(offsetof(struct pmem2_future, data.op) == 40, "what libpmem2 writes");
_Static_assert(offsetof(struct pmem2_future, data.fin) == 200, "what libpmem2 writes");
_Static_assert(offsetof(struct pmem2_future, output) == 312, "what libpmem2 writes");

#define MAP_SIZE (1U << 20)
#define AROUND 16 /* bytes checked before and behind */

/* ---- the map, and the movers ----------------------------------------------------------------- */

enum mover_kind {
	MOVER_OF_LIBPMEM2,
	MOVER_SYNC,
	MOVER_THREADS,        /* wakes */
	MOVER_THREADS_POLLED, /* does not, and has a short queue */
	MOVERS,
};

struct bed {
	enum mover_kind kind;
	struct data_mover_sync *sync;
	struct data_mover_threads *threads;
	struct runtime *runtime;
	struct pmem2_config *config;
	struct pmem2_source *source;
	struct pmem2_map *map;
	unsigned char *at; /* MAP_SIZE bytes, 0xcc */
	int fd;
};

static int open_file(void)
{
	char shm[] = "/dev/shm/hashloom-XXXXXX";
	char other[4096];
	char *name = shm;
	int fd = mkstemp(shm);

	if (fd < 0) {
		const char *const folder = getenv("TMPDIR");

		snprintf(other, sizeof(other), "%s/hashloom-XXXXXX",
			 folder != NULL ? folder : "/tmp");
		name = other;
		fd = mkstemp(other);
	}
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(ftruncate(fd, MAP_SIZE), 0);
	return fd;
}

/* `vdm` may be NULL: libpmem2's own. */
static void bed_map(struct bed *bed, struct vdm *vdm)
{
	bed->fd = open_file();
	assert_int_equal(pmem2_config_new(&bed->config), 0);
	assert_int_equal(pmem2_source_from_fd(&bed->source, bed->fd), 0);
	assert_int_equal(
		pmem2_config_set_required_store_granularity(bed->config, PMEM2_GRANULARITY_PAGE),
		0);
	if (vdm != NULL)
		assert_int_equal(pmem2_config_set_vdm(bed->config, vdm), 0);
	assert_int_equal(pmem2_map_new(&bed->map, bed->config, bed->source), 0);
	assert_int_equal(pmem2_map_get_size(bed->map), MAP_SIZE);
	assert_int_equal(pmem2_map_get_store_granularity(bed->map), PMEM2_GRANULARITY_BYTE);
	bed->at = pmem2_map_get_address(bed->map);
	memset(bed->at, 0xcc, MAP_SIZE);
}

static void bed_make(struct bed *bed, enum mover_kind kind)
{
	struct vdm *vdm = NULL;

	memset(bed, 0, sizeof(*bed));
	bed->kind = kind;
	if (kind == MOVER_SYNC) {
		bed->sync = data_mover_sync_new();
		assert_non_null(bed->sync);
		vdm = data_mover_sync_get_vdm(bed->sync);
	} else if (kind != MOVER_OF_LIBPMEM2) {
		bed->threads = kind == MOVER_THREADS
				       ? data_mover_threads_new(2, 64, FUTURE_NOTIFIER_WAKER)
				       : data_mover_threads_new(1, 2, FUTURE_NOTIFIER_NONE);
		assert_non_null(bed->threads);
		vdm = data_mover_threads_get_vdm(bed->threads);
	}
	bed->runtime = runtime_new();
	assert_non_null(bed->runtime);
	bed_map(bed, vdm);
}

static void bed_delete(struct bed *bed)
{
	assert_int_equal(pmem2_map_delete(&bed->map), 0);
	assert_int_equal(pmem2_source_delete(&bed->source), 0);
	assert_int_equal(pmem2_config_delete(&bed->config), 0);
	close(bed->fd);
	runtime_delete(bed->runtime);
	data_mover_sync_delete(bed->sync);
	data_mover_threads_delete(bed->threads);
}

/* ---- driving a future ------------------------------------------------------------------------ */

enum driver {
	DRIVER_BUSY_POLL,
	DRIVER_POLL_NULL,
	DRIVER_POLL_WAKER,
	DRIVER_RUNTIME,
	DRIVERS,
};

static void count_wake(void *data)
{
	hl_u32_fetch_add_release(data, 1);
}

/* Polls with one waker; once the future has taken it, only when it was woken. */
static void drive_by_waker(struct pmem2_future *future)
{
	hl_u32 wakes = {0};
	uint32_t seen = 0;

	for (;;) {
		struct future_notifier notifier = {.waker = {&wakes, count_wake}};

		if (future_poll(FUTURE_AS_RUNNABLE(future), &notifier) == FUTURE_STATE_COMPLETE)
			return;
		if (notifier.notifier_used != FUTURE_NOTIFIER_WAKER)
			continue;
		while (hl_u32_load_acquire(&wakes) == seen)
			hl_relax();
		seen = hl_u32_load_acquire(&wakes);
	}
}

static void drive(struct bed *bed, enum driver driver, struct pmem2_future *future)
{
	if (driver == DRIVER_BUSY_POLL)
		FUTURE_BUSY_POLL(future);
	else if (driver == DRIVER_POLL_WAKER)
		drive_by_waker(future);
	else if (driver == DRIVER_RUNTIME)
		runtime_wait(bed->runtime, FUTURE_AS_RUNNABLE(future));
	else
		while (future_poll(FUTURE_AS_RUNNABLE(future), NULL) != FUTURE_STATE_COMPLETE)
			hl_relax();
	assert_int_equal(FUTURE_STATE(future), FUTURE_STATE_COMPLETE);
	assert_int_equal(future->data.op.fut.output.result, VDM_SUCCESS);
}

/* ---- one operation --------------------------------------------------------------------------- */

static unsigned char source[MAP_SIZE];

static void fill_source(void)
{
	struct kit_random random = kit_random_from_seed();

	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (unsigned char)kit_random_next(&random);
}

static void assert_all_are(const unsigned char *at, unsigned char byte, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(at[i], byte);
}

static void check_memcpy(struct bed *bed, enum driver driver, size_t offset, size_t n)
{
	unsigned char *const dest = bed->at + 4096 + offset;
	struct pmem2_future future = pmem2_memcpy_async(bed->map, dest, source + offset, n, 0);

	assert_all_are(dest, 0xcc, n);
	drive(bed, driver, &future);
	assert_ptr_equal(FUTURE_OUTPUT(&future)->dest, dest);
	assert_memory_equal(dest, source + offset, n);
	assert_all_are(dest - AROUND, 0xcc, AROUND);
	assert_all_are(dest + n, 0xcc, AROUND);
	memset(dest, 0xcc, n);
}

/* Moves n bytes by `distance` bytes to the right or, if it is negative, to the left. */
static void check_memmove(struct bed *bed, enum driver driver, ptrdiff_t distance, size_t n)
{
	unsigned char *const from = bed->at + 16384;
	unsigned char *const dest = from + distance;

	memcpy(from, source, n);
	struct pmem2_future future = pmem2_memmove_async(bed->map, dest, from, n, 0);
	drive(bed, driver, &future);
	assert_ptr_equal(FUTURE_OUTPUT(&future)->dest, dest);
	assert_memory_equal(dest, source, n);
	memset(bed->at, 0xcc, 32768);
}

static void check_memset(struct bed *bed, enum driver driver, size_t offset, size_t n)
{
	unsigned char *const dest = bed->at + 4096 + offset;
	struct pmem2_future future = pmem2_memset_async(bed->map, dest, 0x100 + 0x3d, n, 0);

	drive(bed, driver, &future);
	assert_ptr_equal(FUTURE_OUTPUT(&future)->dest, dest);
	assert_all_are(dest, 0x3d, n);
	assert_all_are(dest - AROUND, 0xcc, AROUND);
	assert_all_are(dest + n, 0xcc, AROUND);
	memset(dest, 0xcc, n);
}

static void check_all_operations(enum mover_kind kind)
{
	static const size_t sizes[] = {1,  2,  3,   7,   8,    9,    31,   63,
				       64, 65, 255, 256, 1001, 4095, 4096, 4097};
	struct bed bed;

	fill_source();
	bed_make(&bed, kind);
	for (enum driver driver = 0; driver < DRIVERS; driver++)
		for (size_t i = 0; i < KIT_COUNT(sizes); i++) {
			check_memcpy(&bed, driver, i, sizes[i]);
			check_memmove(&bed, driver, (ptrdiff_t)i, sizes[i]);
			check_memmove(&bed, driver, -(ptrdiff_t)i, sizes[i]);
			check_memset(&bed, driver, i, sizes[i]);
		}
	bed_delete(&bed);
}

static void test_pmem2_own_mover(void **state)
{
	(void)state;
	check_all_operations(MOVER_OF_LIBPMEM2);
}

static void test_pmem2_sync_mover(void **state)
{
	(void)state;
	check_all_operations(MOVER_SYNC);
}

static void test_pmem2_threads_mover(void **state)
{
	(void)state;
	check_all_operations(MOVER_THREADS);
}

static void test_pmem2_threads_mover_polled(void **state)
{
	(void)state;
	check_all_operations(MOVER_THREADS_POLLED);
}

static void test_pmem2_every_size_up_to_4097(void **state)
{
	(void)state;
	fill_source();
	for (enum mover_kind kind = 0; kind < MOVERS; kind++) {
		struct bed bed;

		bed_make(&bed, kind);
		for (size_t n = 1; n <= 4097; n += kind == MOVER_SYNC ? 1 : 16)
			check_memcpy(&bed, DRIVER_RUNTIME, n % 64, n);
		bed_delete(&bed);
	}
}

/* ---- many in flight -------------------------------------------------------------------------- */

#define FLIGHT 200
#define FLIGHT_STEP 5000

/* Sizes from 1 to 4,200 bytes, a mixture of copies and fills, each at a place of its own. */
static struct pmem2_future flight_make(struct bed *bed, size_t i)
{
	unsigned char *const dest = bed->at + i * FLIGHT_STEP + i % 7;
	const size_t n = 1 + i * 21;

	if (i % 3 == 0)
		return pmem2_memset_async(bed->map, dest, (int)i, n, 0);
	if (i % 3 == 1)
		return pmem2_memmove_async(bed->map, dest, source + i, n, 0);
	return pmem2_memcpy_async(bed->map, dest, source + i, n, 0);
}

static void flight_check(const struct bed *bed, size_t i)
{
	const unsigned char *const dest = bed->at + i * FLIGHT_STEP + i % 7;
	const size_t n = 1 + i * 21;

	if (i % 3 == 0)
		assert_all_are(dest, (unsigned char)i, n);
	else
		assert_memory_equal(dest, source + i, n);
	assert_all_are(dest + n, 0xcc, AROUND);
}

static void fly(struct bed *bed, int by_runtime)
{
	static struct pmem2_future futures[FLIGHT];
	static struct future *runnables[FLIGHT];
	size_t remaining = FLIGHT;

	for (size_t i = 0; i < FLIGHT; i++) {
		futures[i] = flight_make(bed, i);
		runnables[i] = FUTURE_AS_RUNNABLE(&futures[i]);
	}
	if (by_runtime)
		runtime_wait_multiple(bed->runtime, runnables, FLIGHT);
	while (!by_runtime && remaining > 0) {
		remaining = 0;
		for (size_t i = 0; i < FLIGHT; i++)
			remaining += future_poll(runnables[i], NULL) != FUTURE_STATE_COMPLETE;
	}
	for (size_t i = 0; i < FLIGHT; i++) {
		assert_int_equal(FUTURE_STATE(&futures[i]), FUTURE_STATE_COMPLETE);
		assert_int_equal(futures[i].data.op.fut.output.result, VDM_SUCCESS);
		flight_check(bed, i);
	}
}

static void test_pmem2_many_in_flight(void **state)
{
	(void)state;
	fill_source();
	for (enum mover_kind kind = 0; kind < MOVERS; kind++)
		for (int by_runtime = 0; by_runtime <= 1; by_runtime++) {
			struct bed bed;

			bed_make(&bed, kind);
			fly(&bed, by_runtime);
			bed_delete(&bed);
		}
}

/* ---- properties, and movers that refuse ------------------------------------------------------ */

static void test_pmem2_future_has_its_movers_property(void **state)
{
	static const int expected[MOVERS] = {0, 0, 1, 1};

	(void)state;
	for (enum mover_kind kind = 0; kind < MOVERS; kind++) {
		struct pmem2_future future;
		struct bed bed;

		bed_make(&bed, kind);
		future = pmem2_memset_async(bed.map, bed.at, 7, 100, 0);
		assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC),
				 expected[kind]);
		FUTURE_BUSY_POLL(&future);
		assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC), -1);
		bed_delete(&bed);
	}
}

static void *refuse_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	(void)vdm;
	(void)type;
	return NULL;
}

static void test_pmem2_mover_without_room(void **state)
{
	struct vdm full = {.op_new = refuse_new};
	struct bed bed = {.kind = MOVER_SYNC};

	(void)state;
	bed_map(&bed, &full);
	struct pmem2_future future = pmem2_memset_async(bed.map, bed.at, 7, 100, 0);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(future.data.op.fut.output.result, VDM_ERROR_OUT_OF_MEMORY);
	assert_all_are(bed.at, 0xcc, 100);
	bed_delete(&bed);
}

/* ---- chains of ours with libpmem2's futures in them ------------------------------------------ */

/*
 * A record is staged by a mover of ours, copied to the map by libpmem2, and its length is set by
 * libpmem2 once it is there; then a step. The copy's entry is lazy: it needs to know where the
 * staged bytes are.
 */
struct store_data {
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, stage);
	FUTURE_CHAIN_ENTRY(struct pmem2_future, copy);
	FUTURE_CHAIN_ENTRY(struct pmem2_future, length);
	FUTURE_CHAIN_ENTRY_LAST(struct step_fut, done);
	struct bed *bed;
	unsigned char *dest;
	size_t n;
};

struct store_output {
	void *dest;
	int steps;
};

FUTURE(store_fut, struct store_data, struct store_output);

static void copy_init(void *future, struct future_context *chain, void *arg)
{
	const struct store_data *const data = future_context_get_data(chain);
	const struct pmem2_future copy =
		pmem2_memcpy_async(data->bed->map, data->dest, arg, data->n, 0);

	memcpy(future, &copy, sizeof(copy));
}

/* The output of libpmem2's future, found through its context. */
static void copy_to_length(struct future_context *copy, struct future_context *length, void *arg)
{
	const struct pmem2_future_output *const output = future_context_get_output(copy);
	struct store_fut *const store = arg;

	assert_ptr_equal(output->dest, store->data.dest);
	assert_ptr_equal(length, &store->data.length.fut.base.context);
	store->output.dest = output->dest;
}

static void done_to_store(struct future_context *done, struct future_context *store, void *arg)
{
	const struct kit_step_output *const output = future_context_get_output(done);

	(void)arg;
	((struct store_output *)future_context_get_output(store))->steps = output->runs;
}

static const struct kit_recipe done_recipe = {.id = 1};

/* The record: the low byte of n, then n bytes. */
static void store_init(struct store_fut *store, struct bed *bed, struct vdm *vdm,
		       unsigned char *staging, size_t i)
{
	unsigned char *const record = bed->at + i * FLIGHT_STEP;
	const size_t n = 1 + i * 21;

	memset(store, 0xff, sizeof(*store));
	store->data.bed = bed;
	store->data.dest = record + 1;
	store->data.n = n;
	FUTURE_CHAIN_ENTRY_INIT(&store->data.stage, vdm_memcpy(vdm, staging, source + i, n, 0),
				NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&store->data.copy, copy_init, staging, copy_to_length, store);
	FUTURE_CHAIN_ENTRY_INIT(&store->data.length,
				pmem2_memset_async(bed->map, record, (int)n, 1, 0), NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&store->data.done, step_make(&done_recipe), done_to_store, NULL);
	FUTURE_CHAIN_INIT(store);
}

#define STORES 40

static void check_stores(enum mover_kind kind)
{
	static struct store_fut stores[STORES];
	static unsigned char staging[STORES][1 + STORES * 21];
	struct future *runnables[STORES];
	struct data_mover_threads *const mover =
		data_mover_threads_new(1, 8, FUTURE_NOTIFIER_WAKER);
	struct bed bed;

	assert_non_null(mover);
	bed_make(&bed, kind);
	for (size_t i = 0; i < STORES; i++) {
		store_init(&stores[i], &bed, data_mover_threads_get_vdm(mover), staging[i], i);
		runnables[i] = FUTURE_AS_RUNNABLE(&stores[i]);
	}
	runtime_wait_multiple(bed.runtime, runnables, STORES);
	for (size_t i = 0; i < STORES; i++) {
		const unsigned char *const record = bed.at + i * FLIGHT_STEP;

		assert_int_equal(FUTURE_STATE(&stores[i]), FUTURE_STATE_COMPLETE);
		assert_int_equal(record[0], (unsigned char)(1 + i * 21));
		assert_memory_equal(record + 1, source + i, 1 + i * 21);
		assert_all_are(record + 2 + i * 21, 0xcc, AROUND);
		assert_ptr_equal(stores[i].output.dest, record + 1);
		assert_int_equal(stores[i].output.steps, 1);
	}
	bed_delete(&bed);
	data_mover_threads_delete(mover);
}

static void test_pmem2_futures_in_chains_of_ours(void **state)
{
	(void)state;
	fill_source();
	for (enum mover_kind kind = 0; kind < MOVERS; kind++) {
		kit_trace_reset();
		check_stores(kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pmem2_own_mover),
		cmocka_unit_test(test_pmem2_sync_mover),
		cmocka_unit_test(test_pmem2_threads_mover),
		cmocka_unit_test(test_pmem2_threads_mover_polled),
		cmocka_unit_test(test_pmem2_every_size_up_to_4097),
		cmocka_unit_test(test_pmem2_many_in_flight),
		cmocka_unit_test(test_pmem2_future_has_its_movers_property),
		cmocka_unit_test(test_pmem2_mover_without_room),
		cmocka_unit_test(test_pmem2_futures_in_chains_of_ours),
	};

	/* the file is to count as persistent memory that needs no flushing */
	setenv("PMEM2_FORCE_GRANULARITY", "byte", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
