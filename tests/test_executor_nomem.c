/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_executor_nomem.c: threads and file descriptors that run out: runtime_new_cfg() and runtime_fd() say so, and nothing stays behind.
 * (Memory: test_runtime_nomem.c.)
 *
 * Method: executor.c is compiled into the test with a pthread_create() that fails from the n-th on (test_kit_nomem.h), and an
 * eventfd() that fails when told to.
 */
#define _GNU_SOURCE 1
#include "test_kit_nomem.h"

#include <sys/eventfd.h>

static int has_descriptors = 1;

static int limited_eventfd(unsigned value, int flags)
{
	if (has_descriptors)
		return eventfd(value, flags);
	errno = EMFILE;
	return -1;
}

#define eventfd(value, flags) limited_eventfd(value, flags)
#include "executor.c"

#define THREADS 5

static void test_executor_threads_that_cannot_be_started(void **state)
{
	struct runtime_cfg cfg = runtime_cfg_default();

	(void)state;
	cfg.workers = THREADS;
	for (uint32_t threads = 0; threads < THREADS; threads++) {
		nomem_allow(NOMEM_UNLIMITED, threads);
		assert_null(runtime_new_cfg(&cfg));
		assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 0);
	}
	nomem_allow(NOMEM_UNLIMITED, THREADS);
	struct runtime *const runtime = runtime_new_cfg(&cfg);
	assert_non_null(runtime);
	runtime_delete(runtime);
	assert_int_equal(hl_u32_load_relaxed(&nomem.threads), 0);
}

FUTURE(ready_fut, struct { int nothing; }, struct { int nothing; });

static enum future_state ready_task(struct future_context *context, struct future_notifier *notifier)
{
	(void)context;
	(void)notifier;
	return FUTURE_STATE_COMPLETE;
}

/* S.5 */
static void test_executor_needs_no_memory_and_no_descriptor(void **state)
{
	struct runtime_task task;
	struct ready_fut future;

	(void)state;
	nomem_allow(0, 0);
	struct runtime *const runtime = runtime_new();
	assert_non_null(runtime);
	has_descriptors = 0;
	assert_int_equal(runtime_fd(runtime), HASHLOOM_ERROR_NO_MEMORY);
	for (unsigned turn = 0; turn < 2; turn++) {
		FUTURE_INIT(&future, ready_task);
		assert_int_equal(runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&future), NULL), HASHLOOM_OK);
		runtime_join(&task);
		has_descriptors = 1;
		assert_true(runtime_fd(runtime) >= 0);
	}
	runtime_delete(runtime);
	assert_int_equal(nomem_refused(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_executor_threads_that_cannot_be_started),
		cmocka_unit_test(test_executor_needs_no_memory_and_no_descriptor),
	};

	return KIT_RUN(tests);
}
