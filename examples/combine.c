/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * combine.c: futures of futures. Copies that have to be done in time, the faster one of two mirrors, a request that is
 * tried again, and many requests of which only a few are under way at a time.
 */
#include <stdio.h>
#include <string.h>

#include <hashloom/combine.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/runtime.h>

#define MS UINT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

/* ---- a request: takes its time, and fails sometimes */

struct request_data {
	struct hashloom_sleep_fut sleep;
	int number;
};

struct request_output {
	int answer; /* -1: failed */
};

FUTURE(request_fut, struct request_data, struct request_output);

static enum future_state request_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct request_data *data = future_context_get_data(ctx);
	struct request_output *output = future_context_get_output(ctx);

	/* It knows of cancellation: then it only has to wait until its sleep is off the wheel. */
	if (future_context_is_cancelled(ctx))
		future_cancel(FUTURE_AS_RUNNABLE(&data->sleep));
	if (future_poll(FUTURE_AS_RUNNABLE(&data->sleep), notifier) != FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_RUNNING;
	if (future_is_cancelled(FUTURE_AS_RUNNABLE(&data->sleep)))
		return future_context_cancelled(ctx);
	output->answer = data->number < 0 ? -1 : data->number * data->number;
	return FUTURE_STATE_COMPLETE;
}

static int request_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

static struct request_fut request(struct hashloom_timers *timers, int number, uint64_t ns)
{
	struct request_fut fut = {.data = {.sleep = hashloom_sleep(timers, ns), .number = number}};

	FUTURE_INIT_EXT(&fut, request_task, request_has_property);
	return fut;
}

static int is_answered(struct future *future, size_t index, void *arg)
{
	(void)index;
	(void)arg;
	return ((struct request_fut *)future)->output.answer >= 0;
}

/* ---- all, in time */

static void copy_in_time(struct runtime *runtime, struct hashloom_timers *timers)
{
	struct data_mover_sync *mover = data_mover_sync_new();
	char to[12] = "";
	char from[] = "all of them";
	struct vdm_operation_future a = vdm_memcpy(data_mover_sync_get_vdm(mover), to, from, 6, 0);
	struct vdm_operation_future b = vdm_memcpy(data_mover_sync_get_vdm(mover), to + 6, from + 6, 6, 0);

	struct future *copies[] = {FUTURE_AS_RUNNABLE(&a), FUTURE_AS_RUNNABLE(&b)};
	struct future_slot slots[2];
	struct future_all_fut all = future_all(copies, slots, 2);
	struct future_timeout_fut in_time = future_timeout(FUTURE_AS_RUNNABLE(&all), timers, HOUR);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&in_time));
	printf("copied %s: \"%s\"\n", in_time.output.timed_out ? "too late" : "in time", to);
	data_mover_sync_delete(mover);
}

/* ---- any: the other one is cancelled */

static void ask_two_mirrors(struct runtime *runtime, struct hashloom_timers *timers)
{
	struct request_fut mirrors[] = {request(timers, 5, HOUR), request(timers, 6, MS)};
	struct future *both[] = {FUTURE_AS_RUNNABLE(&mirrors[0]), FUTURE_AS_RUNNABLE(&mirrors[1])};
	struct future_slot slots[2];
	struct future_any_fut any = future_any(both, slots, 2);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&any));
	printf("mirror %zu was first: %d; mirror 0 was %s\n", any.output.index, mirrors[any.output.index].output.answer,
	       future_is_cancelled(both[0]) ? "cancelled" : "not cancelled");
}

/* ---- once more: the first two attempts fail */

struct server {
	struct hashloom_timers *timers;
	struct request_fut places[3];
};

static struct future *ask_again(size_t attempt, size_t slot, void *arg)
{
	struct server *server = arg;

	server->places[slot] = request(server->timers, attempt < 2 ? -1 : 7, 0);
	return FUTURE_AS_RUNNABLE(&server->places[slot]);
}

static void ask_until_it_answers(struct runtime *runtime, struct hashloom_timers *timers)
{
	struct server server = {.timers = timers};
	struct future_retry_cfg cfg = {.make = ask_again,
				       .is_good = is_answered,
				       .arg = &server,
				       .timers = timers,
				       .attempts_max = 10,
				       .pause_ns = MS,
				       .pause_max_ns = 100 * MS,
				       .jitter_seed = 1};
	struct future_retry_fut retry = future_retry(&cfg);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&retry));
	printf("attempt %zu was good: %d\n", retry.output.attempts, server.places[0].output.answer);
}

/* ---- a thousand requests, three at a time, in three places */

static struct future *ask_one_of_many(size_t index, size_t slot, void *arg)
{
	struct server *server = arg;

	server->places[slot] = request(server->timers, (int)index, 0);
	return FUTURE_AS_RUNNABLE(&server->places[slot]);
}

static void ask_many(struct runtime *runtime, struct hashloom_timers *timers)
{
	struct server server = {.timers = timers};
	struct future_slot slots[3];
	struct future_bounded_fut bounded = future_bounded(slots, 3, 1000, ask_one_of_many, is_answered, &server);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&bounded));
	printf("%zu requests in 3 places, %zu good\n", bounded.output.made, bounded.output.good);
}

int main(void)
{
	struct runtime *runtime = runtime_new();
	struct hashloom_timers *timers = hashloom_timers_new(NULL);

	if (runtime == NULL || timers == NULL)
		return 1;
	copy_in_time(runtime, timers);
	ask_two_mirrors(runtime, timers);
	ask_until_it_answers(runtime, timers);
	ask_many(runtime, timers);
	hashloom_timers_delete(timers);
	runtime_delete(runtime);
	return 0;
}
