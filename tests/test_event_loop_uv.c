/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_event_loop_uv.c: a runtime inside of libuv's loop: a prepare handle works before the loop sleeps, and sets a timer for when to wake
 * up, a poll handle ends the sleep when there is something to do.
 */
#include "event_loop_kit.h"

#include <uv.h>

struct own {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_poll_t readable;
	uv_timer_t timeout, tick;
};

static void on_timeout(uv_timer_t *handle)
{
	(void)handle; /* the loop is awake, which is all */
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
	(void)handle; /* likewise */
	(void)status;
	(void)events;
}

static void on_tick(uv_timer_t *handle)
{
	((struct loop *)handle->data)->ticks++;
}

static void on_prepare(uv_prepare_t *handle)
{
	struct loop *const loop = handle->data;
	struct own *const own = loop->own;
	const int timeout_ms = loop_timeout_ms(loop_work(loop));

	if (loop->is_done(loop))
		uv_stop(&own->uv);
	uv_update_time(&own->uv);
	if (timeout_ms < 0)
		(void)uv_timer_stop(&own->timeout);
	else
		(void)uv_timer_start(&own->timeout, on_timeout, (uint64_t)timeout_ms, 0);
}

static void loop_open(struct loop *loop)
{
	struct own *const own = kit_zeroed(1, sizeof(*own));

	loop->own = own;
	assert_int_equal(uv_loop_init(&own->uv), 0);
	assert_int_equal(uv_prepare_init(&own->uv, &own->prepare), 0);
	assert_int_equal(uv_timer_init(&own->uv, &own->timeout), 0);
	assert_int_equal(uv_timer_init(&own->uv, &own->tick), 0);
	assert_int_equal(uv_poll_init(&own->uv, &own->readable, runtime_fd(loop->runtime)), 0);
	assert_int_equal(uv_poll_start(&own->readable, UV_READABLE, on_readable), 0);
	assert_int_equal(uv_prepare_start(&own->prepare, on_prepare), 0);
	assert_int_equal(uv_timer_start(&own->tick, on_tick, 1, 1), 0);
}

static void loop_run(struct loop *loop)
{
	struct own *const own = loop->own;

	/* where the caller's loop is now */
	own->prepare.data = own->tick.data = loop;
	(void)uv_run(&own->uv, UV_RUN_DEFAULT);
}

static void loop_close(struct loop *loop)
{
	struct own *const own = loop->own;

	uv_close((uv_handle_t *)&own->prepare, NULL);
	uv_close((uv_handle_t *)&own->timeout, NULL);
	uv_close((uv_handle_t *)&own->tick, NULL);
	uv_close((uv_handle_t *)&own->readable, NULL);
	(void)uv_run(&own->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&own->uv), 0);
	free(own);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {EVENT_LOOP_TESTS};

	return KIT_RUN(tests);
}
