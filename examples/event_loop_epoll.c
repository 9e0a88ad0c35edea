/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * event_loop_epoll.c: a runtime inside of an epoll loop. Tasks sleep, by a wheel that the loop drives, and copy, by the threads of a mover;
 * the loop's own timer goes on meanwhile.
 */
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>
#include <hashloom/timers.h>

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

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

/* epoll counts in milliseconds: rounded up, or it would wake up too early, and find nothing to do. */
static int in_ms(uint64_t ns)
{
	return ns == UINT64_MAX ? -1 : ns > 1000 * (uint64_t)MS ? 1000 : (int)((ns + MS - 1) / MS);
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Goes on until the tasks are done, and our own timer has ticked three times. */
static void loop(int epoll, int own_timer, struct runtime *runtime, struct hashloom_timers *timers)
{
	uint64_t ticks = 0;

	while (tasks_left > 0 || ticks < 3) {
		/* What is due, then what is ready; 64 polls, so that our own events do not wait for long. */
		hashloom_timers_run(timers);
		runtime_run_ready(runtime, 64);
		const uint64_t timers_ns = hashloom_timers_next_ns(timers), runtime_ns = runtime_timeout_ns(runtime);
		struct epoll_event event;
		uint64_t n;

		/* Of runtime_fd() nothing is read: that it is readable has ended the wait, which is all. */
		if (epoll_wait(epoll, &event, 1, in_ms(timers_ns < runtime_ns ? timers_ns : runtime_ns)) == 1 &&
		    event.data.fd == own_timer && read(own_timer, &n, sizeof(n)) == sizeof(n))
			ticks += n;
	}
	printf("the loop's own timer ticked meanwhile\n");
}

int main(void)
{
	const struct itimerspec every_5_ms = {{0, 5 * MS}, {0, 5 * MS}};
	const int epoll = epoll_create1(EPOLL_CLOEXEC), own_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct hashloom_timers_cfg timers_cfg = hashloom_timers_cfg_default();
	struct data_mover_threads_cfg mover_cfg = data_mover_threads_cfg_default();
	struct task_fut futs[TASKS];
	struct runtime_task tasks[TASKS];

	timers_cfg.driven_by_caller = 1; /* no thread: the loop runs it */
	mover_cfg.threads = 1;
	mover_cfg.inline_max = 0; /* also small copies are done by the thread */
	struct runtime *runtime = runtime_new();
	struct hashloom_timers *timers = hashloom_timers_new(&timers_cfg);
	struct data_mover_threads *mover = data_mover_threads_new_cfg(&mover_cfg);

	if (epoll < 0 || own_timer < 0 || runtime == NULL || timers == NULL || mover == NULL || runtime_fd(runtime) < 0)
		return 1;
	watch(epoll, runtime_fd(runtime));
	watch(epoll, own_timer);
	timerfd_settime(own_timer, 0, &every_5_ms, NULL);
	for (int i = 0; i < TASKS; i++) {
		make_task(&futs[i], timers, data_mover_threads_get_vdm(mover), (uint64_t)(i + 1) * 10 * MS);
		runtime_spawn(runtime, &tasks[i], FUTURE_AS_RUNNABLE(&futs[i]), completed);
	}
	loop(epoll, own_timer, runtime, timers);
	for (int i = 0; i < TASKS; i++)
		printf("task %d: %s\n", i, FUTURE_OUTPUT(&futs[i])->text);

	/* Out of the loop, the runtime, then what its tasks use. */
	close(own_timer);
	close(epoll);
	runtime_delete(runtime);
	hashloom_timers_delete(timers);
	data_mover_threads_delete(mover);
	return 0;
}
