/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_event_loops.c: a runtime inside of an epoll loop, and the three functions for it by themselves. libuv's and GLib's loops have
 * programs of their own, which are built where these are found.
 */
#include "event_loop_kit.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

struct own {
	int epoll, timer;
};

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static void loop_open(struct loop *loop)
{
	const struct itimerspec every_ms = {{0, MS_NS}, {0, MS_NS}};
	struct own *const own = kit_zeroed(1, sizeof(*own));

	own->epoll = epoll_create1(EPOLL_CLOEXEC);
	own->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	assert_true(own->epoll >= 0 && own->timer >= 0);
	assert_int_equal(timerfd_settime(own->timer, 0, &every_ms, NULL), 0);
	watch(own->epoll, own->timer);
	watch(own->epoll, runtime_fd(loop->runtime));
	loop->own = own;
}

static void loop_run(struct loop *loop)
{
	struct own *const own = loop->own;

	for (;;) {
		const uint64_t timeout_ns = loop_work(loop);
		struct epoll_event event;
		uint64_t ticks;

		if (loop->is_done(loop))
			return;
		if (epoll_wait(own->epoll, &event, 1, loop_timeout_ms(timeout_ns)) == 1 && event.data.fd == own->timer &&
		    read(own->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
			loop->ticks++;
	}
}

static void loop_close(struct loop *loop)
{
	struct own *const own = loop->own;

	close(own->timer);
	close(own->epoll);
	free(own);
}

/* ---- the functions by themselves ------------------------------------------------------------------ */

static int is_readable(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLIN};

	return poll(&look, 1, 0) == 1;
}

static void test_a_runtime_with_workers_is_driven_by_nobody_else(void **state)
{
	struct runtime_cfg cfg = runtime_cfg_default();

	(void)state;
	cfg.workers = 1;
	struct runtime *const runtime = runtime_new_cfg(&cfg);
	assert_non_null(runtime);
	assert_int_equal(runtime_fd(runtime), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(runtime_run_ready(runtime, 1), 0);
	assert_true(runtime_timeout_ns(runtime) == UINT64_MAX);
	runtime_delete(runtime);
}

static void test_there_may_be_no_descriptor_left(void **state)
{
	struct runtime *const runtime = runtime_new();
	struct rlimit before, none;

	(void)state;
	assert_non_null(runtime);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	const int fd = runtime_fd(runtime);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(fd, HASHLOOM_ERROR_NO_MEMORY);
	assert_true(runtime_fd(runtime) >= 0);
	assert_int_equal(runtime_fd(runtime), runtime_fd(runtime));
	runtime_delete(runtime);
}

static void test_the_descriptor_is_readable_when_something_is_ready(void **state)
{
	struct runtime *const runtime = runtime_new();
	struct future_test_manual manual = {.end = 0};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct future_test_pending_fut yields = future_test_pending(3, 1);
	struct runtime_task tasks[2];

	(void)state;
	assert_non_null(runtime);
	assert_int_equal(runtime_spawn(runtime, &tasks[0], FUTURE_AS_RUNNABLE(&future), NULL), HASHLOOM_OK);
	const int fd = runtime_fd(runtime);
	assert_true(is_readable(fd));
	assert_int_equal(runtime_run_ready(runtime, STEPS_MAX), 1);
	assert_false(is_readable(fd));
	assert_true(runtime_timeout_ns(runtime) == UINT64_MAX);

	(void)future_test_manual_wake(&manual);
	assert_true(is_readable(fd));
	assert_true(runtime_timeout_ns(runtime) == 0);
	assert_int_equal(runtime_run_ready(runtime, STEPS_MAX), 1);
	assert_false(is_readable(fd));

	assert_int_equal(runtime_spawn(runtime, &tasks[1], FUTURE_AS_RUNNABLE(&yields), NULL), HASHLOOM_OK);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(is_readable(fd)); /* also for what steps_max left over */
		assert_true(runtime_timeout_ns(runtime) == 0);
		assert_int_equal(runtime_run_ready(runtime, 1), 1);
	}
	assert_true(runtime_is_complete(&tasks[1]));
	(void)runtime_run_ready(runtime, STEPS_MAX);
	assert_false(is_readable(fd));
	(void)future_test_manual_complete(&manual, 0);
	assert_true(is_readable(fd));
	runtime_delete(runtime);
	assert_true(runtime_is_complete(&tasks[0]));
}

static void test_pauses_stay_short_however_long_nothing_happens(void **state)
{
	struct runtime *const runtime = runtime_new();
	struct future_test_pending_fut endless = future_test_pending(UINT32_MAX, 0);
	struct runtime_task task;
	uint64_t shortest_ns = UINT64_MAX;

	(void)state;
	assert_non_null(runtime);
	assert_int_equal(runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&endless), NULL), HASHLOOM_OK);
	/* So long that a quarter of it is much more than 5 ms; a poll that took its time, on a busy machine, allows for more just after it. */
	const uint64_t begin = kit_clock_ns(CLOCK_MONOTONIC);
	while (kit_clock_ns(CLOCK_MONOTONIC) - begin < 200 * UINT64_C(1000000)) {
		(void)runtime_run_ready(runtime, STEPS_MAX);
		kit_sleep_us(runtime_timeout_ns(runtime) / 1000 > 5000 ? 5000 : runtime_timeout_ns(runtime) / 1000);
	}
	for (unsigned i = 0; i < 20; i++) {
		(void)runtime_run_ready(runtime, STEPS_MAX);
		if (runtime_timeout_ns(runtime) < shortest_ns)
			shortest_ns = runtime_timeout_ns(runtime);
		kit_sleep_us(100);
	}
	assert_true(shortest_ns <= 5 * MS_NS);
	runtime_delete(runtime);
}

static void test_a_cancel_is_told_to_the_loop_also_of_a_task_that_uses_no_waker(void **state)
{
	struct runtime *const runtime = runtime_new();
	struct future_test_pending_fut endless = future_test_pending(UINT32_MAX, 0);
	struct runtime_task task;

	(void)state;
	assert_non_null(runtime);
	assert_int_equal(runtime_spawn(runtime, &task, FUTURE_AS_RUNNABLE(&endless), NULL), HASHLOOM_OK);
	const int fd = runtime_fd(runtime);
	do
		(void)runtime_run_ready(runtime, STEPS_MAX);
	while (runtime_timeout_ns(runtime) == 0);
	assert_false(is_readable(fd));
	runtime_cancel(&task);
	assert_true(is_readable(fd));
	(void)runtime_run_ready(runtime, STEPS_MAX);
	assert_true(runtime_is_complete(&task));
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&endless)));
	runtime_delete(runtime);
}

static void test_a_runtime_may_be_deleted_before_it_is_taken_out_of_epoll(void **state)
{
	struct runtime_task task;
	struct loop loop = fresh_loop(task_is_complete, &task);
	struct own *const own = loop.own;
	struct future_test_manual manual = {.end = 0};
	struct future_test_manual_fut future = future_test_manual_future(&manual);
	struct epoll_event event;

	(void)state;
	spawn(&loop, &task, FUTURE_AS_RUNNABLE(&future));
	(void)loop_work(&loop);
	runtime_delete(loop.runtime);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&future)));
	assert_int_equal(future_test_manual_complete(&manual, 0), 0);
	assert_int_equal(epoll_wait(own->epoll, &event, 1, -1), 1);
	assert_int_equal(event.data.fd, own->timer);
	loop_close(&loop);
	hashloom_timers_delete(loop.timers);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		EVENT_LOOP_TESTS,
		cmocka_unit_test(test_a_runtime_with_workers_is_driven_by_nobody_else),
		cmocka_unit_test(test_there_may_be_no_descriptor_left),
		cmocka_unit_test(test_the_descriptor_is_readable_when_something_is_ready),
		cmocka_unit_test(test_pauses_stay_short_however_long_nothing_happens),
		cmocka_unit_test(test_a_cancel_is_told_to_the_loop_also_of_a_task_that_uses_no_waker),
		cmocka_unit_test(test_a_runtime_may_be_deleted_before_it_is_taken_out_of_epoll),
	};

	return KIT_RUN(tests);
}
