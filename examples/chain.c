/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * chain.c: three futures in a row. A sensor is read, the reading is turned into degrees, and a
 * check sends the chain back to the sensor until it is warm enough.
 */
#include <stdio.h>
#include <string.h>

#include <hashloom/future.h>

/* ---- the sensor: needs a poll to get ready, gives its value at the next */

struct sensor_data {
	int readings; /* so far */
	int ready;
};

struct sensor_output {
	int millivolts;
};

FUTURE(sensor_fut, struct sensor_data, struct sensor_output);

static enum future_state sensor_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct sensor_data *data = future_context_get_data(ctx);
	struct sensor_output *output = future_context_get_output(ctx);

	/* A task that returns RUNNING says how it wants to be polled again: in turn. */
	if (notifier != NULL)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	data->ready = !data->ready;
	if (data->ready) {
		puts("  sensor: getting ready");
		return FUTURE_STATE_RUNNING;
	}
	data->readings++;
	output->millivolts = 150 * data->readings;
	printf("  sensor: reading %d is %d mV\n", data->readings, output->millivolts);
	return FUTURE_STATE_COMPLETE;
}

static struct sensor_fut sensor(void)
{
	struct sensor_fut fut = {.data = {0, 0}};

	FUTURE_INIT(&fut, sensor_task);
	return fut;
}

/* ---- degrees: completes at its first poll */

struct degrees_data {
	int millivolts;
};

struct degrees_output {
	int degrees;
};

FUTURE(degrees_fut, struct degrees_data, struct degrees_output);

static enum future_state degrees_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct degrees_data *data = future_context_get_data(ctx);
	struct degrees_output *output = future_context_get_output(ctx);

	(void)notifier;
	output->degrees = data->millivolts / 10;
	printf("  degrees: %d mV are %d\n", data->millivolts, output->degrees);
	return FUTURE_STATE_COMPLETE;
}

static struct degrees_fut degrees(void)
{
	struct degrees_fut fut = {.data.millivolts = 0}; /* a map fills it in */

	FUTURE_INIT(&fut, degrees_task);
	return fut;
}

/* ---- the check: completes, or sends its chain back */

struct check_data {
	int degrees;
	struct future_chain_entry *again[2]; /* the entries to run once more */
};

struct check_output {
	int degrees;
};

FUTURE(check_fut, struct check_data, struct check_output);

static enum future_state check_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct check_data *data = future_context_get_data(ctx);
	struct check_output *output = future_context_get_output(ctx);

	if (notifier != NULL)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	output->degrees = data->degrees;
	if (data->degrees >= 40) {
		printf("  check: %d degrees will do\n", data->degrees);
		return FUTURE_STATE_COMPLETE;
	}
	printf("  check: %d degrees are too few, once more\n", data->degrees);
	for (size_t i = 0; i < 2; i++) {
		data->again[i]->flags &= ~(uint64_t)FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
		data->again[i]->future.context.state = FUTURE_STATE_IDLE;
	}
	/* The next poll starts at the first entry that is not processed. */
	return FUTURE_STATE_RUNNING;
}

/* ---- the chain: a future whose data begin with its entries */

struct warm_data {
	FUTURE_CHAIN_ENTRY(struct sensor_fut, sensor);
	FUTURE_CHAIN_ENTRY(struct degrees_fut, degrees);
	FUTURE_CHAIN_ENTRY_LAST(struct check_fut, check);
	int checks; /* behind the LAST entry there is room for more */
};

struct warm_output {
	int degrees;
};

FUTURE(warm_fut, struct warm_data, struct warm_output);

/* Maps carry a result to where it is needed next. Each is called when its entry has completed. */
static void sensor_to_degrees(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	struct sensor_output *from = future_context_get_output(lhs);
	struct degrees_data *to = future_context_get_data(rhs);

	(void)arg;
	to->millivolts = from->millivolts;
}

static void degrees_to_check(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	struct degrees_output *from = future_context_get_output(lhs);
	struct check_data *to = future_context_get_data(rhs);

	(void)arg;
	to->degrees = from->degrees;
}

/* Behind the last entry comes the chain itself. */
static void check_to_warm(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	struct check_output *from = future_context_get_output(lhs);
	struct warm_output *to = future_context_get_output(rhs);

	(void)arg;
	to->degrees = from->degrees;
}

/*
 * The check is initialised lazily: not by warm(), which returns the chain by value, but when the
 * chain gets there. By then the chain has its final address, and pointers into it can be kept. An
 * entry that sent its chain back is initialised anew when the chain comes to it again.
 */
static void check_init(void *future, struct future_context *chain, void *arg)
{
	struct warm_data *data = future_context_get_data(chain);
	struct check_fut fut = {.data.degrees = 0};

	(void)arg;
	data->checks++;
	printf("  check: initialised, time %d\n", data->checks);
	fut.data.again[0] = (struct future_chain_entry *)&data->sensor;
	fut.data.again[1] = (struct future_chain_entry *)&data->degrees;
	FUTURE_INIT(&fut, check_task);
	memcpy(future, &fut, sizeof(fut));
}

static struct warm_fut warm(void)
{
	struct warm_fut chain;

	FUTURE_CHAIN_ENTRY_INIT(&chain.data.sensor, sensor(), sensor_to_degrees, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.degrees, degrees(), degrees_to_check, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.check, check_init, NULL, check_to_warm, NULL);
	chain.data.checks = 0;
	chain.output.degrees = 0;
	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

int main(void)
{
	struct warm_fut fut = warm();
	int polls = 0;

	do
		printf("poll %d\n", ++polls);
	while (future_poll(FUTURE_AS_RUNNABLE(&fut), NULL) != FUTURE_STATE_COMPLETE);
	printf("complete after %d polls: %d degrees\n", polls, FUTURE_OUTPUT(&fut)->degrees);
	return FUTURE_OUTPUT(&fut)->degrees != 45;
}
