/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * event_loop_uv.c: a runtime inside of libuv's loop. Tasks sleep, by a wheel that the loop drives, and copy, by the threads of a mover; the
 * loop's own timer goes on meanwhile.
 */
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>
#include <hashloom/timers.h>

#include <stdio.h>

#include <uv.h>

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
	uv_timer_t timeout;
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

static void on_timeout(uv_timer_t *timer)
{
	(void)timer; /* It has ended the wait, which is all. */
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)poll; /* Likewise: of runtime_fd() nothing is read. */
	(void)status;
	(void)events;
}

static void on_tick(uv_timer_t *timer)
{
	((struct app *)timer->data)->ticks++;
}

/* Called before each sleep of the loop. libuv counts in milliseconds: rounded up, or it would wake up too early, and find nothing to do. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct app *app = prepare->data;
	const uint64_t ns = work(app);

	if (is_over(app))
		uv_stop(prepare->loop);
	uv_update_time(prepare->loop);
	if (ns == UINT64_MAX)
		uv_timer_stop(&app->timeout);
	else
		uv_timer_start(&app->timeout, on_timeout, ns / MS + (ns % MS != 0), 0);
}

static void loop(struct app *app)
{
	uv_loop_t *uv = uv_default_loop();
	uv_prepare_t prepare = {.data = app};
	uv_poll_t readable;
	uv_timer_t tick = {.data = app};

	uv_prepare_init(uv, &prepare);
	uv_timer_init(uv, &app->timeout);
	uv_timer_init(uv, &tick);
	uv_poll_init(uv, &readable, runtime_fd(app->runtime));
	uv_prepare_start(&prepare, on_prepare);
	uv_poll_start(&readable, UV_READABLE, on_readable);
	uv_timer_start(&tick, on_tick, 5, 5);
	uv_run(uv, UV_RUN_DEFAULT);

	/* The poll handle goes before the descriptor, which runtime_delete() closes. */
	uv_close((uv_handle_t *)&prepare, NULL);
	uv_close((uv_handle_t *)&readable, NULL);
	uv_close((uv_handle_t *)&app->timeout, NULL);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(uv, UV_RUN_DEFAULT);
	uv_loop_close(uv);
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
