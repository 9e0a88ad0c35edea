/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_nomem.c: movers without memory and without threads: they say so, and leave nothing
 * behind.
 *
 * Method: the movers are compiled into the test with allocations and threads that run out
 * (test_kit_nomem.h), for every count of them until none is refused. The DML mover is the
 * library's and stands on the one below. And since the list of free records is at hand here:
 * threads take and put records as fast as they can, each must be one thread's.
 */
#define _GNU_SOURCE 1
#include "test_kit_nomem.h"

#include "data_mover_threads.c"

/* The two files use the same names for what is private to them. */
#define operation_new sync_operation_new
#define operation_start sync_operation_start
#define operation_check sync_operation_check
#define operation_delete sync_operation_delete
#define operation_release sync_operation_release
#include "data_mover_sync.c"
#undef operation_new
#undef operation_start
#undef operation_check
#undef operation_delete
#undef operation_release

#include <hashloom/data_mover_dml.h>

#define WORKERS 5

static void assert_nothing_left(void)
{
	assert_int_equal(nomem_blocks(), 0);
	assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 0);
}

static void assert_copies(struct vdm *vdm)
{
	char dest[8] = {0};
	char src[8] = "nomem";
	struct vdm_operation_future future = vdm_memcpy(vdm, dest, src, sizeof(src), 0);

	FUTURE_BUSY_POLL(&future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_string_equal(dest, "nomem");
}

static void test_threads_new_without_memory(void **state)
{
	struct data_mover_threads *mover = NULL;
	uint32_t allocations = 0;

	(void)state;
	for (; mover == NULL && allocations < 100; allocations++) {
		nomem_allow(allocations, NOMEM_UNLIMITED);
		errno = 0;
		mover = data_mover_threads_new(WORKERS, 8, FUTURE_NOTIFIER_WAKER);
		assert_int_equal(mover == NULL, nomem_refused() > 0);
		if (mover == NULL) {
			assert_int_equal(errno, ENOMEM);
			assert_nothing_left();
		}
	}
	assert_true(allocations > 1);
	nomem_allow(NOMEM_UNLIMITED, 0);
	assert_copies(data_mover_threads_get_vdm(mover));
	data_mover_threads_delete(mover);
	assert_nothing_left();
}

static void test_threads_new_without_threads(void **state)
{
	(void)state;
	for (uint32_t threads = 0; threads <= WORKERS; threads++) {
		nomem_allow(NOMEM_UNLIMITED, threads);
		errno = 0;
		struct data_mover_threads *const mover =
			data_mover_threads_new(WORKERS, 8, FUTURE_NOTIFIER_WAKER);

		assert_int_equal(mover != NULL, threads == WORKERS);
		if (mover == NULL) {
			assert_int_equal(errno, EAGAIN);
			assert_nothing_left();
			continue;
		}
		assert_int_equal(hl_u32_load_relaxed(&nomem.threads), WORKERS);
		assert_copies(data_mover_threads_get_vdm(mover));
		data_mover_threads_delete(mover);
		assert_nothing_left();
	}
}

static void test_threads_default_without_memory_or_threads(void **state)
{
	(void)state;
	nomem_allow(0, NOMEM_UNLIMITED);
	assert_null(data_mover_threads_default());
	assert_int_equal(errno, ENOMEM);
	nomem_allow(NOMEM_UNLIMITED, 0);
	assert_null(data_mover_threads_default());
	assert_int_equal(errno, EAGAIN);
	assert_nothing_left();
	/* at least one worker, at most eight */
	nomem_allow(NOMEM_UNLIMITED, 8);
	struct data_mover_threads *const mover = data_mover_threads_default();
	assert_non_null(mover);
	assert_true(hl_u32_load_relaxed(&nomem.threads) >= 1);
	data_mover_threads_delete(mover);
	assert_nothing_left();
}

/* Makes operations, never polled, until there is no room. Returns how many, and the first. */
static size_t make_until_full(struct vdm *vdm, struct vdm_operation_future *first)
{
	static char byte;

	for (size_t made = 0; made < 100000; made++) {
		struct vdm_operation_future future = vdm_memset(vdm, &byte, 1, 1, 0);

		if (FUTURE_STATE(&future) == FUTURE_STATE_COMPLETE) {
			assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_ERROR_OUT_OF_MEMORY);
			return made;
		}
		if (made == 0)
			*first = future;
	}
	fail_msg("no bound");
	return 0;
}

static void test_threads_records_without_memory(void **state)
{
	struct vdm_operation_future first;
	struct vdm_operation_future other;

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	struct data_mover_threads *const mover = data_mover_threads_new(2, 8, FUTURE_NOTIFIER_NONE);
	assert_non_null(mover);
	struct vdm *const vdm = data_mover_threads_get_vdm(mover);

	nomem_allow(0, 0);
	assert_int_equal(make_until_full(vdm, &first), 0);
	assert_int_equal(make_until_full(vdm, &first), 0);
	for (uint32_t blocks = 1; blocks <= 3; blocks++) {
		nomem_allow(1, 0);
		assert_int_equal(make_until_full(vdm, &first), RECORDS_PER_BLOCK);
		assert_true(nomem_refused() > 0);
		/* what is there goes round */
		FUTURE_BUSY_POLL(&first);
		assert_int_equal(FUTURE_OUTPUT(&first)->result, VDM_SUCCESS);
		assert_int_equal(make_until_full(vdm, &other), 1);
	}
	data_mover_threads_delete(mover);
	assert_nothing_left();
}

static void *complete_all(void *arg)
{
	struct vdm_operation_future *const futures = arg;

	for (size_t i = 0; i < RECORDS_PER_BLOCK / 2; i++)
		FUTURE_BUSY_POLL(&futures[i]);
	return NULL;
}

/* V.4: without memory for more records, what another thread completes makes room for this one. */
static void test_threads_records_come_back_from_other_threads(void **state)
{
	static struct vdm_operation_future futures[RECORDS_PER_BLOCK];
	struct vdm_operation_future first;
	static char byte;
	pthread_t thread;

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	struct data_mover_threads *const mover = data_mover_threads_new(1, 8, FUTURE_NOTIFIER_NONE);
	assert_non_null(mover);
	struct vdm *const vdm = data_mover_threads_get_vdm(mover);

	nomem_allow(1, NOMEM_UNLIMITED);
	for (size_t i = 0; i < RECORDS_PER_BLOCK; i++)
		futures[i] = vdm_memset(vdm, &byte, 1, 1, 0);
	assert_int_equal(make_until_full(vdm, &first), 0);
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	assert_int_equal(pthread_create(&thread, NULL, complete_all, futures), 0);
	pthread_join(thread, NULL);
	nomem_allow(0, 0);
	assert_int_equal(make_until_full(vdm, &first), RECORDS_PER_BLOCK / 2);
	data_mover_threads_delete(mover);
	assert_nothing_left();
}

#define TAKERS 3

static struct {
	struct data_mover_threads *mover;
	hl_u32 taken[RECORDS_PER_BLOCK];
	hl_u32 mistakes;
} records;

static struct record *take_marked(void)
{
	struct record *const record = record_take(records.mover);

	if (record != NULL && hl_u32_exchange_acq_rel(&records.taken[record->index], 1) != 0)
		hl_u32_fetch_add_relaxed(&records.mistakes, 1);
	return record;
}

static void put_marked(struct record *record)
{
	if (record == NULL)
		return;
	(void)hl_u32_exchange_acq_rel(&records.taken[record->index], 0);
	record_put(records.mover, record);
}

/*
 * Takes two and puts them back in either order: what made ABA of it (T1 sees A, B; T2 takes both,
 * puts A).
 */
static void *taker_run(void *arg)
{
	(void)arg;
	for (unsigned turn = 0; turn < KIT_REPEAT(300000); turn++) {
		struct record *const one = take_marked();
		struct record *const other = take_marked();

		put_marked(turn % 2 ? one : other);
		put_marked(turn % 2 ? other : one);
	}
	return NULL;
}

static void test_threads_a_record_belongs_to_one_operation(void **state)
{
	struct vdm_operation_future first;
	pthread_t takers[TAKERS];

	(void)state;
	nomem_allow(NOMEM_UNLIMITED, NOMEM_UNLIMITED);
	memset(&records, 0, sizeof(records));
	records.mover = data_mover_threads_new(1, 8, FUTURE_NOTIFIER_NONE);
	assert_non_null(records.mover);
	/* One block of records; all but four are taken and stay so. */
	nomem_allow(1, NOMEM_UNLIMITED);
	assert_int_equal(make_until_full(data_mover_threads_get_vdm(records.mover), &first),
			 RECORDS_PER_BLOCK);
	for (uint32_t i = 0; i < 4; i++)
		record_put(records.mover, record_at(records.mover, i));
	for (size_t i = 0; i < TAKERS; i++)
		takers[i] = kit_start(taker_run, NULL);
	for (size_t i = 0; i < TAKERS; i++)
		kit_join(takers[i]);
	assert_int_equal(hl_u32_load_relaxed(&records.mistakes), 0);
	/* and none was lost */
	for (size_t i = 0; i < 4; i++)
		assert_non_null(take_marked());
	assert_null(take_marked());
	assert_int_equal(hl_u32_load_relaxed(&records.mistakes), 0);
	data_mover_threads_delete(records.mover);
	assert_nothing_left();
}

static void test_sync_new_without_memory(void **state)
{
	(void)state;
	nomem_allow(0, 0);
	assert_null(data_mover_sync_new());
	assert_null(vdm_synchronous_new());
	errno = 0;
	assert_null(data_mover_dml_new(DATA_MOVER_DML_SOFTWARE));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(nomem_refused(), 3);
	assert_nothing_left();

	nomem_allow(NOMEM_UNLIMITED, 0);
	struct data_mover_sync *const mover = data_mover_sync_new();
	assert_non_null(mover);
	nomem_allow(0, 0); /* operations need none */
	assert_copies(data_mover_sync_get_vdm(mover));
	data_mover_sync_delete(mover);
	assert_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_new_without_memory),
		cmocka_unit_test(test_threads_new_without_threads),
		cmocka_unit_test(test_threads_default_without_memory_or_threads),
		cmocka_unit_test(test_threads_records_without_memory),
		cmocka_unit_test(test_threads_records_come_back_from_other_threads),
		cmocka_unit_test(test_threads_a_record_belongs_to_one_operation),
		cmocka_unit_test(test_sync_new_without_memory),
	};

	return KIT_RUN(tests);
}
