/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * event_loop_glib.c: a runtime inside of GLib's loop. Tasks sleep, by a wheel that the loop drives, and copy, by the threads of a mover;
 * the loop's own timer goes on meanwhile.
 */
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>
#include <hashloom/timers.h>

#include <stdio.h>

#include <glib-unix.h>

#define TASKS 3
#define MS (1000 * 1000)

/* ---- the tasks: each sleeps, and copies then */

struct task_data {
	FUTURE_CHAIN_ENTRY(struct hashloom_sleep_fut, sleep);
	FUTURE_CHAIN_ENTRY_LAST(struct vdm_operation_future, copy);
};

struct task_output {
	char text[32];
};

FUTURE(task_fut, struct task_data, struct task_output);

static int tasks_left = TASKS;

/* Called in runtime_run_ready(). */
static void completed(struct runtime_task *task)
{
	(void)task;
	tasks_left--;
}

static void make_task(struct task_fut *fut, struct hashloom_timers *timers, struct vdm *vdm, uint64_t ns)
{
	static const char text[32] = "copied by another thread";

	FUTURE_CHAIN_ENTRY_INIT(&fut->data.sleep, hashloom_sleep(timers, ns), NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&fut->data.copy, vdm_memcpy(vdm, fut->output.text, (void *)(uintptr_t)text, sizeof(text), 0), NULL, NULL);
	FUTURE_CHAIN_INIT(fut);
}

/* ---- the loop */

struct app {
	struct runtime *runtime;
	struct hashloom_timers *timers;
	int ticks; /* of the loop's own timer */
	GMainLoop *loop;
};

/* What is due, then what is ready; 64 polls, so that the loop's other events do not wait for long. Returns for how long to sleep. */
static uint64_t work(struct app *app)
{
	hashloom_timers_run(app->timers);
	runtime_run_ready(app->runtime, 64);
	const uint64_t timers_ns = hashloom_timers_next_ns(app->timers), runtime_ns = runtime_timeout_ns(app->runtime);

	return timers_ns < runtime_ns ? timers_ns : runtime_ns;
}

/* Until the tasks are done, and the loop's own timer has ticked three times. */
static int is_over(const struct app *app)
{
	return tasks_left == 0 && app->ticks >= 3;
}

/* A source of our own: nothing but the base that GLib wants, and what it works for. */
struct runtime_source {
	GSource base;
	struct app *app;
};

/* The descriptor is readable, or the ready time has come. Nothing is read: runtime_run_ready() does that. */
static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct app *app = ((struct runtime_source *)source)->app;
	const uint64_t ns = work(app);

	(void)callback;
	(void)data;
	/* GLib counts in microseconds: rounded up, or it would wake up too early, and find nothing to do. */
	g_source_set_ready_time(source, ns >= INT64_MAX ? -1 : g_get_monotonic_time() + (gint64)((ns + 999) / 1000));
	if (is_over(app))
		g_main_loop_quit(app->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean on_tick(gpointer data)
{
	struct app *app = data;

	app->ticks++;
	if (is_over(app))
		g_main_loop_quit(app->loop);
	return G_SOURCE_CONTINUE;
}

static void loop(struct app *app)
{
	static GSourceFuncs functions = {.dispatch = dispatch};
	GSource *source = g_source_new(&functions, sizeof(struct runtime_source));

	((struct runtime_source *)source)->app = app;
	g_source_add_unix_fd(source, runtime_fd(app->runtime), G_IO_IN);
	g_source_attach(source, NULL);
	const guint tick = g_timeout_add(5, on_tick, app);
	app->loop = g_main_loop_new(NULL, FALSE);
	g_main_loop_run(app->loop);

	/* The source goes before the descriptor, which runtime_delete() closes. */
	g_source_remove(tick);
	g_source_destroy(source);
	g_source_unref(source);
	g_main_loop_unref(app->loop);
}

int main(void)
{
	struct hashloom_timers_cfg timers_cfg = hashloom_timers_cfg_default();
	struct data_mover_threads_cfg mover_cfg = data_mover_threads_cfg_default();
	struct task_fut futs[TASKS];
	struct runtime_task tasks[TASKS];

	timers_cfg.driven_by_caller = 1; /* no thread: the loop runs it */
	mover_cfg.threads = 1;
	mover_cfg.inline_max = 0; /* also small copies are done by the thread */
	struct app app = {.runtime = runtime_new(), .timers = hashloom_timers_new(&timers_cfg)};
	struct data_mover_threads *mover = data_mover_threads_new_cfg(&mover_cfg);

	if (app.runtime == NULL || app.timers == NULL || mover == NULL || runtime_fd(app.runtime) < 0)
		return 1;
	for (int i = 0; i < TASKS; i++) {
		make_task(&futs[i], app.timers, data_mover_threads_get_vdm(mover), (uint64_t)(i + 1) * 10 * MS);
		runtime_spawn(app.runtime, &tasks[i], FUTURE_AS_RUNNABLE(&futs[i]), completed);
	}
	loop(&app);
	printf("the loop's own timer ticked meanwhile\n");
	for (int i = 0; i < TASKS; i++)
		printf("task %d: %s\n", i, FUTURE_OUTPUT(&futs[i])->text);

	/* It is out of the loop; the runtime, then what its tasks use. */
	runtime_delete(app.runtime);
	hashloom_timers_delete(app.timers);
	data_mover_threads_delete(mover);
	return 0;
}
