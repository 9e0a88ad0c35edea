/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * spawn.c: many tasks on worker threads. Each sums its part of an array, in several polls, so that others get their turn.
 */
#include <hashloom/runtime.h>

#include <stdio.h>

#define NUMBERS 100000
#define TASKS 10
#define STRETCH 1000 /* numbers in one poll */

struct part {
	const int *numbers;
	size_t count;
};

struct sum {
	long long sum;
};

FUTURE(sum_fut, struct part, struct sum);

static enum future_state sum_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct part *const part = future_context_get_data(ctx);
	struct sum *const output = future_context_get_output(ctx);

	for (int i = 0; i < STRETCH && part->count > 0; i++, part->count--)
		output->sum += *part->numbers++;
	if (part->count == 0)
		return FUTURE_STATE_COMPLETE;
	/* There is more to do: wake ourselves, and let others go first. */
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	FUTURE_WAKER_WAKE(&notifier->waker);
	return FUTURE_STATE_RUNNING;
}

int main(void)
{
	static int numbers[NUMBERS];
	static struct sum_fut sums[TASKS];
	static struct runtime_task tasks[TASKS];
	struct runtime_cfg cfg = runtime_cfg_default();
	long long total = 0;

	for (int i = 0; i < NUMBERS; i++)
		numbers[i] = i;
	cfg.workers = 2;
	struct runtime *const runtime = runtime_new_cfg(&cfg);
	if (runtime == NULL)
		return 1;
	for (int i = 0; i < TASKS; i++) {
		sums[i].data = (struct part){ numbers + i * (NUMBERS / TASKS), NUMBERS / TASKS };
		FUTURE_INIT(&sums[i], sum_task);
		if (runtime_spawn(runtime, &tasks[i], FUTURE_AS_RUNNABLE(&sums[i]), NULL) != HASHLOOM_OK)
			return 1;
	}
	for (int i = 0; i < TASKS; i++) {
		runtime_join(&tasks[i]);
		total += sums[i].output.sum;
	}
	runtime_delete(runtime);
	printf("the sum of 0 to %d is %lld\n", NUMBERS - 1, total);
	return 0;
}
