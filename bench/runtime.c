/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * runtime.c: what waiting costs.
 *
 * wait_multiple       n futures that need 4 polls each, no waker; ns per future. bare_loop polls the same futures in a loop.
 * idle_cpu_waker      n futures wait for their wakers, which all come after one second; ns of CPU time per second.
 * idle_cpu_in_turn    n futures without a waker that complete after one second; likewise.
 * wake_to_seen        from before the waker is called in another thread until runtime_wait() has returned; the
 *                     median of many, in ns.
 * wake_among          one future after the other is woken while n others wait; ns per completion.
 */
#include <hashloom/runtime.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define POLLS_EACH 4
#define FUTURES_PER_REPETITION 400000
#define LATENCY_SAMPLES 301
#define LATENCY_PAUSE_NS 200000
#define WAKES_PER_REPETITION 4096

/* ---- futures that need some polls ----------------------------------------------------------------- */

struct count_data {
	uint64_t polls;
};

struct count_output {
	uint64_t unused;
};

FUTURE(count_fut, struct count_data, struct count_output);

static enum future_state count_task(struct future_context *context, struct future_notifier *notifier)
{
	struct count_data *const data = future_context_get_data(context);

	(void)notifier;
	return ++data->polls < POLLS_EACH ? FUTURE_STATE_RUNNING : FUTURE_STATE_COMPLETE;
}

struct count_array {
	struct count_fut *futures;
	struct future **pointers;
	size_t n;
};

static struct count_array count_array_new(size_t n)
{
	struct count_array array = { bench_allocate(n * sizeof(struct count_fut)), bench_allocate(n * sizeof(void *)), n };

	for (size_t i = 0; i < n; i++) {
		FUTURE_INIT(&array.futures[i], count_task);
		array.pointers[i] = FUTURE_AS_RUNNABLE(&array.futures[i]);
	}
	return array;
}

static void count_array_delete(struct count_array *array)
{
	free(array->futures);
	free(array->pointers);
}

static void count_array_reset(struct count_array *array)
{
	for (size_t i = 0; i < array->n; i++) {
		array->futures[i].base.context.state = FUTURE_STATE_IDLE;
		array->futures[i].data.polls = 0;
	}
}

static void wait_bare(struct runtime *runtime, struct future *futures[], size_t n)
{
	size_t incomplete;

	(void)runtime;
	do {
		incomplete = 0;
		for (size_t i = 0; i < n; i++)
			incomplete += future_poll(futures[i], NULL) != FUTURE_STATE_COMPLETE;
	} while (incomplete > 0);
}

static double measure_wait(size_t n, void (*wait)(struct runtime *, struct future *[], size_t))
{
	struct runtime *const runtime = runtime_new();
	struct count_array array = count_array_new(n);
	const size_t runs = FUTURES_PER_REPETITION / n + 1;
	uint64_t spent = 0;

	for (size_t run = 0; run < runs; run++) {
		const size_t inner = n < 64 ? 64 / n : 1; /* the clock costs too much for a few */

		if (inner == 1) {
			count_array_reset(&array);
			const uint64_t begin = bench_now_ns();
			wait(runtime, array.pointers, n);
			spent += bench_now_ns() - begin;
			continue;
		}
		const uint64_t begin = bench_now_ns();
		for (size_t i = 0; i < inner; i++) {
			count_array_reset(&array);
			wait(runtime, array.pointers, n);
		}
		spent += (bench_now_ns() - begin) / inner;
	}
	count_array_delete(&array);
	runtime_delete(runtime);
	return (double)spent / (double)(runs * n);
}

static double wait_multiple_ours(const struct bench_case *bench_case)
{
	return measure_wait(bench_case->n, runtime_wait_multiple);
}

static double wait_multiple_bare(const struct bench_case *bench_case)
{
	return measure_wait(bench_case->n, wait_bare);
}

/* ---- futures that wait ---------------------------------------------------------------------------- */

struct event {
	hl_u32 happened;
	struct future_waker waker;
	hl_u32 registered;
};

struct event_data {
	struct event *event;
	int use_waker;
};

FUTURE(event_fut, struct event_data, struct count_output);

static enum future_state event_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct event_data *const data = future_context_get_data(context);

	if (hl_u32_load_acquire(&data->event->happened))
		return FUTURE_STATE_COMPLETE;
	if (data->use_waker && notifier != NULL) {
		data->event->waker = notifier->waker;
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
		hl_u32_store_release(&data->event->registered, 1);
	}
	return FUTURE_STATE_RUNNING;
}

struct event_array {
	struct event *events;
	struct event_fut *futures;
	struct future **pointers;
	size_t n;
};

static struct event_array event_array_new(size_t n, int use_waker)
{
	struct event_array array = { bench_allocate(n * sizeof(struct event)), bench_allocate(n * sizeof(struct event_fut)),
				     bench_allocate(n * sizeof(void *)), n };

	for (size_t i = 0; i < n; i++) {
		array.events[i] = (struct event){ .happened = { 0 } };
		array.futures[i].data = (struct event_data){ &array.events[i], use_waker };
		FUTURE_INIT(&array.futures[i], event_task);
		array.pointers[i] = FUTURE_AS_RUNNABLE(&array.futures[i]);
	}
	return array;
}

static void event_array_delete(struct event_array *array)
{
	free(array->events);
	free(array->futures);
	free(array->pointers);
}

static void event_happens(struct event *event)
{
	struct future_waker waker = { NULL, NULL };

	if (hl_u32_load_acquire(&event->registered))
		waker = event->waker;
	hl_u32_store_release(&event->happened, 1);
	if (waker.wake != NULL)
		FUTURE_WAKER_WAKE(&waker);
}

static void sleep_ns(uint64_t ns)
{
	const struct timespec pause = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };

	nanosleep(&pause, NULL);
}

static void *all_happen_after_a_second(void *arg)
{
	struct event_array *const array = arg;

	sleep_ns(1000000000);
	for (size_t i = 0; i < array->n; i++)
		event_happens(&array->events[i]);
	return NULL;
}

/* CPU time of the whole process, less what n wakes and polls take when nobody has to wait. */
static double idle_cpu(size_t n, int use_waker)
{
	struct runtime *const runtime = runtime_new();
	struct event_array array = event_array_new(n, use_waker);
	pthread_t thread;

	if (pthread_create(&thread, NULL, all_happen_after_a_second, &array) != 0)
		bench_fail("pthread_create");
	const uint64_t begin = bench_now_ns();
	const uint64_t cpu_begin = bench_cpu_ns();
	runtime_wait_multiple(runtime, array.pointers, n);
	const uint64_t cpu = bench_cpu_ns() - cpu_begin;
	const uint64_t elapsed = bench_now_ns() - begin;
	pthread_join(thread, NULL);
	event_array_delete(&array);
	runtime_delete(runtime);
	return (double)cpu * 1e9 / (double)elapsed;
}

static double idle_cpu_waker(const struct bench_case *bench_case)
{
	return idle_cpu(bench_case->n, 1);
}

static double idle_cpu_in_turn(const struct bench_case *bench_case)
{
	return idle_cpu(bench_case->n, 0);
}

/* ---- latency -------------------------------------------------------------------------------------- */

struct ping {
	struct event event;
	uint64_t woken_at_ns;
};

static void *ping_after_a_pause(void *arg)
{
	struct ping *const ping = arg;

	while (!hl_u32_load_acquire(&ping->event.registered))
		hl_relax();
	sleep_ns(LATENCY_PAUSE_NS);
	ping->woken_at_ns = bench_now_ns();
	event_happens(&ping->event);
	return NULL;
}

static double wake_to_seen(const struct bench_case *bench_case)
{
	struct runtime *const runtime = runtime_new();
	uint64_t samples[LATENCY_SAMPLES];

	(void)bench_case;
	for (size_t i = 0; i < LATENCY_SAMPLES; i++) {
		struct ping ping = { .woken_at_ns = 0 };
		struct event_fut future = { .data = { &ping.event, 1 } };
		pthread_t thread;

		FUTURE_INIT(&future, event_task);
		if (pthread_create(&thread, NULL, ping_after_a_pause, &ping) != 0)
			bench_fail("pthread_create");
		runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
		const uint64_t seen_at_ns = bench_now_ns();
		pthread_join(thread, NULL);
		samples[i] = seen_at_ns - ping.woken_at_ns;
	}
	runtime_delete(runtime);
	return bench_median(samples, LATENCY_SAMPLES);
}

/* ---- cost of a completion among many that wait ---------------------------------------------------- */

/* Each future, when polled because it was woken, wakes the next one: no other thread is needed. */
struct relay_data {
	struct event *mine;
	struct event *next;
};

FUTURE(relay_fut, struct relay_data, struct count_output);

static enum future_state relay_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct relay_data *const data = future_context_get_data(context);

	if (hl_u32_load_relaxed(&data->mine->happened)) {
		if (data->next != NULL)
			event_happens(data->next);
		return FUTURE_STATE_COMPLETE;
	}
	data->mine->waker = notifier->waker;
	hl_u32_store_relaxed(&data->mine->registered, 1);
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_RUNNING;
}

/*
 * n futures: WAKES_PER_REPETITION of them, spread over the array, are woken one after the other, each by its
 * predecessor; the last of these wakes all others. The clock runs from the first to the last of the relay.
 */
struct relay_clock {
	uint64_t begin;
	uint64_t end;
};

static struct relay_clock relay_clock;

static enum future_state relay_first_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct relay_data *const data = future_context_get_data(context);

	(void)notifier;
	if (context->state == FUTURE_STATE_IDLE)
		return FUTURE_STATE_RUNNING; /* lets the others register in the first round */
	relay_clock.begin = bench_now_ns();
	event_happens(data->next);
	return FUTURE_STATE_COMPLETE;
}

static enum future_state relay_last_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct relay_data *const data = future_context_get_data(context);

	if (!hl_u32_load_relaxed(&data->mine->happened)) {
		data->mine->waker = notifier->waker;
		hl_u32_store_relaxed(&data->mine->registered, 1);
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
		return FUTURE_STATE_RUNNING;
	}
	relay_clock.end = bench_now_ns();
	for (struct event *event = data->next; event != NULL && hl_u32_load_relaxed(&event->registered); event++)
		event_happens(event);
	return FUTURE_STATE_COMPLETE;
}

static double wake_among(const struct bench_case *bench_case)
{
	const size_t relays = WAKES_PER_REPETITION;
	const size_t n = relays + bench_case->n;
	struct runtime *const runtime = runtime_new();
	struct event *const events = bench_allocate((n + 1) * sizeof(*events));
	struct relay_fut *const futures = bench_allocate(n * sizeof(*futures));
	struct future **const pointers = bench_allocate(n * sizeof(*pointers));
	const size_t stride = n / relays;

	memset(events, 0, (n + 1) * sizeof(*events));
	/* Future i of the relay stands at i * stride of the array; those that only wait fill the rest. */
	for (size_t place = 0, waiting = relays; place < n; place++) {
		const size_t relay = place / stride;
		const int in_relay = place % stride == 0 && relay < relays;
		const size_t i = in_relay ? relay : waiting++;

		futures[i].data = (struct relay_data){ &events[i], in_relay ? &events[i + 1] : NULL };
		if (in_relay && relay + 1 == relays)
			FUTURE_INIT(&futures[i], relay_last_task);
		else if (in_relay && relay == 0)
			FUTURE_INIT(&futures[i], relay_first_task);
		else
			FUTURE_INIT(&futures[i], relay_task);
		pointers[place] = FUTURE_AS_RUNNABLE(&futures[i]);
	}
	runtime_wait_multiple(runtime, pointers, n);
	free(events);
	free(futures);
	free(pointers);
	runtime_delete(runtime);
	return (double)(relay_clock.end - relay_clock.begin) / (double)relays;
}

static const struct bench_case cases[] = {
	{ "wait_multiple", "hashloom", 1, 1, wait_multiple_ours, 0, 0 },
	{ "wait_multiple", "bare_loop", 1, 1, wait_multiple_bare, 0, 0 },
	{ "wait_multiple", "hashloom", 16, 1, wait_multiple_ours, 0, 0 },
	{ "wait_multiple", "bare_loop", 16, 1, wait_multiple_bare, 0, 0 },
	{ "wait_multiple", "hashloom", 256, 1, wait_multiple_ours, 0, 0 },
	{ "wait_multiple", "bare_loop", 256, 1, wait_multiple_bare, 0, 0 },
	{ "wait_multiple", "hashloom", 4096, 1, wait_multiple_ours, 0, 0 },
	{ "wait_multiple", "bare_loop", 4096, 1, wait_multiple_bare, 0, 0 },
	{ "wait_multiple", "hashloom", 65536, 1, wait_multiple_ours, 0, 0 },
	{ "wait_multiple", "bare_loop", 65536, 1, wait_multiple_bare, 0, 0 },
	{ "idle_cpu_waker", "hashloom", 1, 2, idle_cpu_waker, 0, 2 },
	{ "idle_cpu_waker", "hashloom", 16384, 2, idle_cpu_waker, 0, 2 },
	{ "idle_cpu_in_turn", "hashloom", 1, 2, idle_cpu_in_turn, 0, 2 },
	{ "idle_cpu_in_turn", "hashloom", 16384, 2, idle_cpu_in_turn, 0, 2 },
	{ "wake_to_seen", "hashloom", 1, 2, wake_to_seen, 0, 0 },
	{ "wake_among", "hashloom", 4096, 1, wake_among, 0, 0 },
	{ "wake_among", "hashloom", 65536, 1, wake_among, 0, 0 },
	{ "wake_among", "hashloom", 1048576, 1, wake_among, 0, 0 },
};

const struct bench_group bench_runtime = { cases, sizeof(cases) / sizeof(cases[0]), 1 };
