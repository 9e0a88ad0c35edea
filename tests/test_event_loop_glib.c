/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_event_loop_glib.c: a runtime inside of GLib's loop: a source of its own, which is dispatched when the descriptor is readable or its
 * time has come, works and says when it wants to be dispatched again.
 */
#include "event_loop_kit.h"

#include <glib-unix.h>

struct own {
	GMainContext *context;
	GMainLoop *glib;
	GSource *source, *tick;
};

struct runtime_source {
	GSource base;
	struct loop *loop;
};

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct loop *const loop = ((struct runtime_source *)source)->loop;
	const uint64_t timeout_ns = loop_work(loop);

	(void)callback;
	(void)data;
	g_source_set_ready_time(source, timeout_ns >= INT64_MAX ?
						-1 :
						g_get_monotonic_time() + (gint64)((timeout_ns + 999) / 1000));
	if (loop->is_done(loop))
		g_main_loop_quit(((struct own *)loop->own)->glib);
	return G_SOURCE_CONTINUE;
}

static gboolean on_tick(gpointer data)
{
	struct loop *const loop = *(struct loop **)data;

	loop->ticks++;
	if (loop->is_done(loop))
		g_main_loop_quit(((struct own *)loop->own)->glib);
	return G_SOURCE_CONTINUE;
}

static void loop_open(struct loop *loop)
{
	static GSourceFuncs functions = {.dispatch = dispatch};
	struct own *const own = kit_zeroed(1, sizeof(*own));

	loop->own = own;
	own->context = g_main_context_new();
	own->glib = g_main_loop_new(own->context, FALSE);
	own->source = g_source_new(&functions, sizeof(struct runtime_source));
	(void)g_source_add_unix_fd(own->source, runtime_fd(loop->runtime), G_IO_IN);
	(void)g_source_attach(own->source, own->context);
	own->tick = g_timeout_source_new(1);
	g_source_set_callback(own->tick, on_tick, &((struct runtime_source *)own->source)->loop, NULL);
	(void)g_source_attach(own->tick, own->context);
}

static void loop_run(struct loop *loop)
{
	struct own *const own = loop->own;

	/* where the caller's loop is now */
	((struct runtime_source *)own->source)->loop = loop;
	g_source_set_ready_time(own->source, 0);
	g_main_loop_run(own->glib);
}

static void loop_close(struct loop *loop)
{
	struct own *const own = loop->own;

	g_source_destroy(own->source);
	g_source_destroy(own->tick);
	g_source_unref(own->tick);
	g_source_unref(own->source);
	g_main_loop_unref(own->glib);
	g_main_context_unref(own->context);
	free(own);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {EVENT_LOOP_TESTS};

	return KIT_RUN(tests);
}
