/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* first_future.c: one future, from its definition to its result, polled by hand. */
#include <stdio.h>

#include <hashloom/future.h>

/* A future has an input, its data, and a result, its output. */
struct twice_data {
	int number;
};

struct twice_output {
	int result;
};

/* Defines struct twice_fut, which holds both. It is a plain struct: nothing is ever allocated. */
FUTURE(twice_fut, struct twice_data, struct twice_output);

/*
 * The task: what a poll runs. It must not wait. It may return FUTURE_STATE_RUNNING instead, and is
 * called again at the next poll; what it wants to remember until then, it keeps in its data. The
 * notifier is for tasks that know when polling again is worth while; this one has no use for it.
 */
static enum future_state twice_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct twice_data *data = future_context_get_data(ctx);
	struct twice_output *output = future_context_get_output(ctx);

	(void)notifier;
	output->result = 2 * data->number;
	return FUTURE_STATE_COMPLETE;
}

/* By custom a function makes the future and returns it by value. Nothing runs yet. */
static struct twice_fut twice(int number)
{
	struct twice_fut fut = {.data.number = number};

	FUTURE_INIT(&fut, twice_task);
	return fut;
}

int main(void)
{
	struct twice_fut fut = twice(21);

	printf("made: %s\n", FUTURE_STATE(&fut) == FUTURE_STATE_IDLE ? "idle" : "not idle");

	/* A poll lets the future do what it can now. Whoever polls decides when and where. */
	while (future_poll(FUTURE_AS_RUNNABLE(&fut), NULL) != FUTURE_STATE_COMPLETE)
		puts("not yet");
	printf("complete: twice %d is %d\n", FUTURE_DATA(&fut)->number,
	       FUTURE_OUTPUT(&fut)->result);

	/* A complete future can be polled again; its task is not called any more. */
	FUTURE_DATA(&fut)->number = 1000;
	future_poll(FUTURE_AS_RUNNABLE(&fut), NULL);
	printf("polled again: still %d\n", FUTURE_OUTPUT(&fut)->result);
	return 0;
}
