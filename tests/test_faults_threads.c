/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_faults_threads.c: threads that stand still at any instruction, and many more threads than processors.
 *
 * A thread is stopped by a signal whose handler sleeps until it is let go: for the others that is a thread that was preempted and does not come back.
 * The second half lets 200 threads loose on each kind of map, with keys that each thread knows; it must end in time, whatever the
 * scheduler does with those that hold something.
 */
#include "faults_kit.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#include "futex.h"

#include <signal.h>

#define STOPS 60
#define CROWD 200
/* Of the processors' time: of the clock's there is no telling on a machine that does other things, and a crowd that waits for ever is killed. */
#ifdef KIT_THREAD_SANITIZER
#define CROWD_S_MAX 60
#else
#define CROWD_S_MAX 10
#endif

/* ---- a thread that stands still ------------------------------------------------------------------------------ */

static hl_u32 parked;
static hl_u32 let_go;

static void park(int signal)
{
	const int saved = errno;
	const uint32_t turn = hl_u32_fetch_add_acq_rel(&parked, 1) + 1;

	(void)signal;
	for (uint32_t now; (now = hl_u32_load_acquire(&let_go)) < turn;)
		hl_futex_wait(&let_go, now, 0);
	errno = saved;
}

static void *write_in_thread(void *arg)
{
	fault_write_on(arg);
	return NULL;
}

static uint64_t stop_and_look(const struct atomic_hash_map_config *config, int is_large, uint64_t *seed)
{
	struct fault_writer writer;
	uint64_t meetings = 0;

	fault_open(&writer, config, is_large, *seed);
	hl_u32_store_relaxed(&parked, 0);
	hl_u32_store_relaxed(&let_go, 0);
	const pthread_t thread = kit_start(write_in_thread, &writer);

	for (uint32_t turn = 1; turn <= STOPS; turn++) {
		kit_sleep_us(50 + kit_random_below(seed, 300));
		assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
		kit_wait_for(&parked, turn);
		fault_look(&writer);
		meetings += (uint64_t)fault_is_in_the_middle(&writer);
		hl_u32_store_release(&let_go, turn);
		hl_futex_wake(&let_go, 1);
	}
	hl_u32_store_relaxed(&writer.must_end, 1);
	kit_join(thread);
	fault_look(&writer);
	assert_int_equal(fault_is_in_the_middle(&writer), 0);
	atomic_hash_map_destroy(writer.map);
	return meetings;
}

static void test_map_E1_a_stopped_thread_holds_up_no_reader(void **state)
{
	const struct sigaction action = { .sa_handler = park, .sa_flags = SA_RESTART };
	uint64_t seed = kit_seed();
	uint64_t meetings = 0;

	(void)state;
#ifdef KIT_THREAD_SANITIZER
	print_message("note: ThreadSanitizer holds signals back until a thread calls the system\n");
	return;
#endif
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	for (unsigned number = 0; number < 6; number++) {
		const struct atomic_hash_map_config config = { .value_size = 8,
							       .reuse = (enum hashloom_reuse)(number % 3),
							       .has_locks = number >= 3 };

		meetings += stop_and_look(&config, (int)(number % 2), &seed);
	}
	print_message("stopped in the middle of a call: %llu of %u times\n", (unsigned long long)meetings, 6 * STOPS);
	kit_note_luck(meetings);
}

/* ---- a crowd ------------------------------------------------------------------------------------------------- */

struct crowd {
	hl_u32 number; /* of the next thread */
	hl_u32 begun;
	struct kit_errors errors;
	struct atomic_hash_map *map;
	struct async_hash_map *async;
	struct vdm *vdm;
};

static void crowd_run(struct crowd *crowd, void *(*run)(void *), const char *what)
{
	const uint64_t begin = kit_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	pthread_t threads[CROWD];

	for (unsigned i = 0; i < CROWD; i++)
		threads[i] = kit_start(run, crowd);
	hl_u32_store_release(&crowd->begun, 1);
	for (unsigned i = 0; i < CROWD; i++)
		kit_join(threads[i]);
	const uint64_t ms = (kit_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin) / 1000000;

	kit_assert_no_errors(&crowd->errors);
	print_message("%u threads, %s: %llu ms of the processors\n", CROWD, what, (unsigned long long)ms);
	assert_true(ms < CROWD_S_MAX * 1000);
}

#define CROWD_TURNS KIT_REPEAT(1000)
#define CROWD_KEYS 50

/* Keys of its own, some of which stay; a number that all add to; a look at others' keys. */
static void *crowd_on_map(void *arg)
{
	struct crowd *const crowd = arg;
	const uint64_t thread = hl_u32_fetch_add_relaxed(&crowd->number, 1);
	uint64_t random = thread;

	kit_wait_for(&crowd->begun, 1);
	for (unsigned turn = 0; turn < CROWD_TURNS; turn++) {
		const uint64_t key = 1 + thread * CROWD_KEYS + turn % CROWD_KEYS;
		const uint64_t other = 1 + kit_random_below(&random, (size_t)CROWD * CROWD_KEYS);
		const uint64_t value = fault_value(key);
		uint64_t seen = 0;

		kit_expect(&crowd->errors, atomic_hash_map_insert(crowd->map, key, &value, NULL) == 1);
		kit_expect(&crowd->errors, atomic_hash_map_load(crowd->map, key, &seen) == 1 && seen == value);
		kit_expect(&crowd->errors, atomic_hash_map_load(crowd->map, other, &seen) != 1 || seen == fault_value(other));
		kit_expect(&crowd->errors, atomic_hash_map_fetch_add(crowd->map, 0, 1, NULL) == 1);
		if (turn + CROWD_KEYS < CROWD_TURNS)
			kit_expect(&crowd->errors, atomic_hash_map_erase(crowd->map, key) == 1);
	}
	return NULL;
}

static void test_map_a_crowd_gets_through(void **state)
{
	static const char *const names[] = { "never", "any key", "same key" };

	(void)state;
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		const struct atomic_hash_map_config config = { .value_size = 8, .reuse = (enum hashloom_reuse)reuse };
		struct atomic_hash_map_report report;
		struct crowd crowd = { .errors = { { 0 }, { NULL } } };
		const uint64_t zero = 0;

		assert_int_equal(atomic_hash_map_create(100, &config, &crowd.map), HASHLOOM_OK);
		assert_int_equal(atomic_hash_map_insert(crowd.map, 0, &zero, NULL), 1);
		crowd_run(&crowd, crowd_on_map, names[reuse]);
		assert_int_equal(*(uint64_t *)atomic_hash_map_find(crowd.map, 0), CROWD * CROWD_TURNS);
		assert_int_equal(atomic_hash_map_check(crowd.map, &report), 0);
		assert_int_equal(report.entries, CROWD * CROWD_KEYS + 1);
		atomic_hash_map_destroy(crowd.map);
	}
}

#define CROWD_SIZE 200 /* bytes of a value */
#define CROWD_FUTURES KIT_REPEAT(32)

static enum async_hash_map_status put(struct crowd *crowd, struct runtime *runtime, uint64_t key, const void *value)
{
	struct async_hash_map_put_fut future = async_hash_map_put(crowd->async, crowd->vdm, key, value, CROWD_SIZE);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
	return FUTURE_OUTPUT(&future)->status;
}

static enum async_hash_map_status get(struct crowd *crowd, struct runtime *runtime, uint64_t key, void *buffer)
{
	struct async_hash_map_get_copy_fut future = async_hash_map_get_copy(crowd->async, crowd->vdm, key, buffer, CROWD_SIZE);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
	return FUTURE_OUTPUT(&future)->status;
}

static enum async_hash_map_status remove_key(struct crowd *crowd, struct runtime *runtime, uint64_t key)
{
	struct async_hash_map_remove_fut future = async_hash_map_remove(crowd->async, key);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
	return FUTURE_OUTPUT(&future)->status;
}

static void *crowd_on_async_map(void *arg)
{
	struct crowd *const crowd = arg;
	const uint64_t thread = hl_u32_fetch_add_relaxed(&crowd->number, 1);
	struct runtime *const runtime = runtime_new();
	unsigned char value[CROWD_SIZE];
	unsigned char copy[CROWD_SIZE];
	uint64_t random = thread;

	kit_wait_for(&crowd->begun, 1);
	for (unsigned turn = 0; turn < CROWD_FUTURES; turn++) {
		const uint64_t key = thread * 8 + turn % 8;
		const uint64_t other = kit_random_below(&random, (size_t)CROWD * 8);

		kit_value_fill(value, CROWD_SIZE, key);
		kit_expect(&crowd->errors, put(crowd, runtime, key, value) == ASYNC_HASH_MAP_OK);
		kit_expect(&crowd->errors, put(crowd, runtime, key, value) == ASYNC_HASH_MAP_EXISTS);
		kit_expect(&crowd->errors, get(crowd, runtime, key, copy) == ASYNC_HASH_MAP_OK && kit_value_is(copy, CROWD_SIZE, key));
		kit_expect(&crowd->errors, get(crowd, runtime, other, copy) != ASYNC_HASH_MAP_OK || kit_value_is(copy, CROWD_SIZE, other));
		if (turn + 8 < CROWD_FUTURES)
			kit_expect(&crowd->errors, remove_key(crowd, runtime, key) == ASYNC_HASH_MAP_OK);
	}
	runtime_delete(runtime);
	return NULL;
}

static void test_async_hash_map_a_crowd_gets_through(void **state)
{
	struct data_mover_threads *const mover = data_mover_threads_new(2, 16, FUTURE_NOTIFIER_WAKER);
	struct async_hash_map_report report;
	struct crowd crowd = { .errors = { { 0 }, { NULL } } };

	(void)state;
	assert_non_null(mover);
	/* Twice the room: a removed value that is being read keeps its cell. */
	crowd.async = async_hash_map_new((size_t)CROWD * 16);
	crowd.vdm = data_mover_threads_get_vdm(mover);
	assert_non_null(crowd.async);
	crowd_run(&crowd, crowd_on_async_map, "futures, two workers, a queue of 16");
	assert_int_equal(async_hash_map_check(crowd.async, &report), 0);
	assert_int_equal(report.keys, CROWD * 8);
	async_hash_map_delete(crowd.async);
	data_mover_threads_delete(mover);
}

/* ---- what a dropped future leaves ------------------------------------------------------------------------------ */

/* A negative control for async_hash_map_check(): a get that was dropped holds its value. */
static void test_async_hash_map_check_sees_a_dropped_get(void **state)
{
	struct kit_mover mover;
	struct async_hash_map *const map = async_hash_map_new(10);
	struct async_hash_map_report report;
	char buffer[4];

	(void)state;
	kit_mover_init(&mover);
	struct async_hash_map_put_fut put_future = async_hash_map_put(map, &mover.vdm, 1, "one", 4);

	FUTURE_BUSY_POLL(&put_future);
	assert_int_equal(async_hash_map_check(map, &report), 0);
	assert_int_equal(report.keys, 1);
	mover.held = 1;
	struct async_hash_map_get_copy_fut get_future = async_hash_map_get_copy(map, &mover.vdm, 1, buffer, 4);

	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&get_future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(async_hash_map_check(map, &report), 1);
	assert_int_equal(report.pins, 1);
	assert_int_equal(report.pinned, 1);
	struct async_hash_map_remove_fut remove_future = async_hash_map_remove(map, 1);

	FUTURE_BUSY_POLL(&remove_future);
	assert_int_equal(async_hash_map_check(map, &report), 1);
	assert_int_equal(report.keys, 0);
	assert_int_equal(report.unreleased, 1);
	mover.held = 0;
	FUTURE_BUSY_POLL(&get_future);
	assert_int_equal(async_hash_map_check(map, &report), 0);
	async_hash_map_delete(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_E1_a_stopped_thread_holds_up_no_reader),
		cmocka_unit_test(test_map_a_crowd_gets_through),
		cmocka_unit_test(test_async_hash_map_a_crowd_gets_through),
		cmocka_unit_test(test_async_hash_map_check_sees_a_dropped_get),
	};

	return KIT_RUN(tests);
}
