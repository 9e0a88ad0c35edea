/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * Goal: programs written for libminiasync compile unchanged and do what they did.
 *
 * Method: this is such a program. It includes libminiasync.h alone, reads and writes struct members
 * where those programs do, brings movers, notifiers and wakers of its own, and mixes them with the
 * library's runtime and movers.
 */
#include <libminiasync.h>

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- layout of what programs touch, on 64-bit machines ---------------------------------------- */

#if UINTPTR_MAX == UINT64_MAX
#define AT(type, member, at) _Static_assert(offsetof(type, member) == (at), #type "." #member)

AT(struct vdm, op_new, 0);
AT(struct vdm, op_delete, 8);
AT(struct vdm, op_start, 16);
AT(struct vdm, op_check, 24);
AT(struct vdm, capabilities, 32);
AT(struct vdm, has_property, 40);
AT(struct vdm_operation, data.memcpy.dest, 0);
AT(struct vdm_operation, data.memcpy.src, 8);
AT(struct vdm_operation, data.memcpy.n, 16);
AT(struct vdm_operation, data.memcpy.flags, 24);
AT(struct vdm_operation, data.memmove.dest, 0);
AT(struct vdm_operation, data.memmove.src, 8);
AT(struct vdm_operation, data.memmove.n, 16);
AT(struct vdm_operation, data.memmove.flags, 24);
AT(struct vdm_operation, data.memset.str, 0);
AT(struct vdm_operation, data.memset.c, 8);
AT(struct vdm_operation, data.memset.n, 16);
AT(struct vdm_operation, data.memset.flags, 24);
AT(struct vdm_operation, data.flush.dest, 0);
AT(struct vdm_operation, data.flush.n, 8);
AT(struct vdm_operation, data.flush.flags, 16);
AT(struct vdm_operation, data.data[39], 39);
AT(struct vdm_operation, type, 40);
AT(struct vdm_operation, padding, 44);
AT(struct vdm_operation_data, data, 0);
AT(struct vdm_operation_data, vdm, 8);
AT(struct vdm_operation_data, operation, 16);
AT(struct vdm_operation_output, type, 0);
AT(struct vdm_operation_output, result, 4);
AT(struct vdm_operation_output, output.memcpy.dest, 8);
AT(struct vdm_operation_output, output.memmove.dest, 8);
AT(struct vdm_operation_output, output.memset.str, 8);
AT(struct vdm_operation_output, output.flush.unused, 8);
AT(struct vdm_operation_future, data, 40);
AT(struct vdm_operation_future, output, 104);

_Static_assert(sizeof(struct vdm) == 48 && sizeof(struct vdm_operation) == 48, "size");
_Static_assert(sizeof(struct vdm_operation_data) == 64 && sizeof(struct vdm_operation_output) == 16,
	       "size");
_Static_assert(sizeof(struct vdm_operation_future) == 120, "size");
_Static_assert(sizeof(struct vdm_operation_data_memcpy) == 32 &&
		       sizeof(struct vdm_operation_data_memmove) == 32,
	       "size");
_Static_assert(sizeof(struct vdm_operation_data_memset) == 32 &&
		       sizeof(struct vdm_operation_data_flush) == 24,
	       "size");
#endif
_Static_assert(VDM_OPERATION_MEMCPY == 0 && VDM_OPERATION_MEMMOVE == 1, "value");
_Static_assert(VDM_OPERATION_MEMSET == 2 && VDM_OPERATION_FLUSH == 3, "value");
_Static_assert(VDM_SUCCESS == 0 && VDM_ERROR_OUT_OF_MEMORY == 1 && VDM_ERROR_JOB_CORRUPTED == 2,
	       "value");
_Static_assert(VDM_F_MEM_DURABLE == 1 && VDM_F_NO_CACHE_HINT == 2 && VDM_F_VALID_FLAGS == 3,
	       "value");

/* ---- futures --------------------------------------------------------------------------------- */

struct countdown_data {
	int from;
	int polls;
};

struct countdown_output {
	int polls;
};

FUTURE(countdown_fut, struct countdown_data, struct countdown_output);

static enum future_state countdown_impl(struct future_context *ctx,
					struct future_notifier *notifier)
{
	struct countdown_data *data = future_context_get_data(ctx);
	struct countdown_output *output = future_context_get_output(ctx);

	if (notifier)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	data->polls++;
	if (data->from-- > 0)
		return FUTURE_STATE_RUNNING;
	output->polls = data->polls;
	return FUTURE_STATE_COMPLETE;
}

static struct countdown_fut countdown(int from)
{
	struct countdown_fut fut = {.output.polls = 0};

	fut.data.from = from;
	fut.data.polls = 0;
	FUTURE_INIT(&fut, countdown_impl);
	return fut;
}

static void test_program_polls_a_future(void **state)
{
	struct countdown_fut fut = countdown(2);
	struct future_notifier notifier;

	(void)state;
	assert_int_equal(fut.base.context.state, FUTURE_STATE_IDLE);
	while (fut.base.context.state != FUTURE_STATE_COMPLETE)
		future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier);
	assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_NONE);
	assert_int_equal(FUTURE_OUTPUT(&fut)->polls, 3);
	assert_int_equal(fut.output.polls, 3);

	/* run again by hand */
	fut.base.context.state = FUTURE_STATE_IDLE;
	FUTURE_DATA(&fut)->from = 0;
	FUTURE_BUSY_POLL(&fut);
	assert_int_equal(fut.output.polls, 4);
}

static void test_program_waits_for_futures(void **state)
{
	struct countdown_fut futs[10];
	struct future *runnables[12];
	struct runtime *r = runtime_new();

	(void)state;
	assert_non_null(r);
	for (int i = 0; i < 10; i++) {
		futs[i] = countdown(i);
		runnables[i] = FUTURE_AS_RUNNABLE(&futs[i]);
	}
	FUTURE_BUSY_POLL(&futs[3]);                   /* complete already */
	runnables[10] = runnables[11] = runnables[5]; /* thrice */
	runtime_wait(r, FUTURE_AS_RUNNABLE(&futs[3]));
	runtime_wait_multiple(r, runnables, 12);
	runtime_wait_multiple(r, runnables, 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(futs[i].base.context.state, FUTURE_STATE_COMPLETE);
		assert_int_equal(futs[i].output.polls, i + 1);
	}
	runtime_delete(r);
}

/* ---- a mover of the program's: refuses to start, then takes a few checks --------------------- */

enum call {
	CALL_NEW,
	CALL_START,
	CALL_CHECK,
	CALL_DELETE,
	CALLS,
};

struct slow_mover {
	struct vdm base; /* must be first */
	int refusals;    /* of op_start, for each operation */
	int checks;      /* that find it running */
	int has_room;
	int calls[CALLS];
	struct future_notifier *notifier; /* of the last start */
};

struct slow_op {
	struct slow_mover *mover;
	enum vdm_operation_type type;
	int refusals;
	int checks;
};

static void *slow_op_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct slow_mover *mover = (struct slow_mover *)vdm;
	struct slow_op *op = mover->has_room ? malloc(sizeof(*op)) : NULL;

	mover->calls[CALL_NEW]++;
	if (op)
		*op = (struct slow_op){mover, type, mover->refusals, mover->checks};
	return op;
}

static int slow_op_start(void *data, const struct vdm_operation *operation,
			 struct future_notifier *n)
{
	struct slow_op *op = data;

	op->mover->calls[CALL_START]++;
	op->mover->notifier = n;
	if (n)
		n->notifier_used = FUTURE_NOTIFIER_NONE;
	assert_int_equal(operation->type, op->type);
	return op->refusals-- > 0;
}

static void slow_op_do(const struct vdm_operation *operation)
{
	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
		memcpy(operation->data.memcpy.dest, operation->data.memcpy.src,
		       operation->data.memcpy.n);
		break;
	case VDM_OPERATION_MEMMOVE:
		memmove(operation->data.memmove.dest, operation->data.memmove.src,
			operation->data.memmove.n);
		break;
	case VDM_OPERATION_MEMSET:
		memset(operation->data.memset.str, operation->data.memset.c,
		       operation->data.memset.n);
		break;
	case VDM_OPERATION_FLUSH:
	default:
		break;
	}
}

static enum future_state slow_op_check(void *data, const struct vdm_operation *operation)
{
	struct slow_op *op = data;

	op->mover->calls[CALL_CHECK]++;
	if (op->checks-- > 0)
		return FUTURE_STATE_RUNNING;
	slow_op_do(operation);
	return FUTURE_STATE_COMPLETE;
}

static void fill_output(const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	output->type = operation->type;
	output->result = VDM_SUCCESS;
	if (operation->type == VDM_OPERATION_MEMCPY)
		output->output.memcpy.dest = operation->data.memcpy.dest;
	else if (operation->type == VDM_OPERATION_MEMMOVE)
		output->output.memmove.dest = operation->data.memmove.dest;
	else if (operation->type == VDM_OPERATION_MEMSET)
		output->output.memset.str = operation->data.memset.str;
}

static void slow_op_delete(void *data, const struct vdm_operation *operation,
			   struct vdm_operation_output *output)
{
	struct slow_op *op = data;

	op->mover->calls[CALL_DELETE]++;
	fill_output(operation, output);
	free(op);
}

static int slow_has_property(void *fut, enum future_property property)
{
	struct vdm_operation_future *op = fut;

	return property == FUTURE_PROPERTY_ASYNC && op->data.operation.type == VDM_OPERATION_MEMCPY;
}

static struct slow_mover slow_mover(int refusals, int checks)
{
	struct slow_mover mover = {
		.base =
			{
				.op_new = slow_op_new,
				.op_delete = slow_op_delete,
				.op_start = slow_op_start,
				.op_check = slow_op_check,
				.capabilities = VDM_F_NO_CACHE_HINT,
				.has_property = slow_has_property,
			},
		.refusals = refusals,
		.checks = checks,
		.has_room = 1,
	};

	return mover;
}

static void check_calls(const struct slow_mover *mover, int news, int starts, int checks,
			int deletes)
{
	assert_int_equal(mover->calls[CALL_NEW], news);
	assert_int_equal(mover->calls[CALL_START], starts);
	assert_int_equal(mover->calls[CALL_CHECK], checks);
	assert_int_equal(mover->calls[CALL_DELETE], deletes);
}

/*
 * While a start is refused the future stays idle; then it runs, and its op_start is not called
 * again.
 */
static void test_program_own_mover_refuses_twice(void **state)
{
	struct slow_mover mover = slow_mover(2, 2);
	struct future_notifier notifier;
	char src[20] = "nineteen characters";
	char dest[20] = "";

	(void)state;
	struct vdm_operation_future fut = vdm_memcpy(&mover.base, dest, src, sizeof(src), 0);
	check_calls(&mover, 1, 0, 0, 0);
	assert_int_equal(future_has_property(&fut.base, FUTURE_PROPERTY_ASYNC), 1);
	for (int refused = 1; refused <= 2; refused++) {
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier),
				 FUTURE_STATE_IDLE);
		assert_int_equal(fut.base.context.state, FUTURE_STATE_IDLE);
		assert_ptr_equal(mover.notifier, &notifier);
		check_calls(&mover, 1, refused, 0, 0);
	}
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), NULL), FUTURE_STATE_RUNNING);
	assert_null(mover.notifier);
	check_calls(&mover, 1, 3, 1, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier), FUTURE_STATE_RUNNING);
	assert_string_equal(dest, "");
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier), FUTURE_STATE_COMPLETE);
	check_calls(&mover, 1, 3, 3, 1);
	assert_string_equal(dest, src);
	assert_int_equal(fut.output.result, VDM_SUCCESS);
	assert_int_equal(fut.output.type, VDM_OPERATION_MEMCPY);
	assert_ptr_equal(fut.output.output.memcpy.dest, dest);
	FUTURE_BUSY_POLL(&fut);
	check_calls(&mover, 1, 3, 3, 1);
}

static void test_program_own_mover_does_every_operation(void **state)
{
	struct slow_mover mover = slow_mover(0, 1);
	struct runtime *r = runtime_new();
	char buf[8] = "abcdefg";

	(void)state;
	struct vdm_operation_future fut =
		vdm_memmove(&mover.base, buf + 1, buf, 6, VDM_F_NO_CACHE_HINT);
	assert_int_equal(fut.data.operation.data.memmove.flags, VDM_F_NO_CACHE_HINT);
	runtime_wait(r, FUTURE_AS_RUNNABLE(&fut));
	assert_string_equal(buf, "aabcdef");
	assert_ptr_equal(FUTURE_OUTPUT(&fut)->output.memmove.dest, buf + 1);

	fut = vdm_memset(&mover.base, buf, 'x', 3, 0);
	assert_int_equal(future_has_property(&fut.base, FUTURE_PROPERTY_ASYNC), 0);
	runtime_wait(r, FUTURE_AS_RUNNABLE(&fut));
	assert_string_equal(buf, "xxxcdef");
	assert_ptr_equal(FUTURE_OUTPUT(&fut)->output.memset.str, buf);

	fut = vdm_flush(&mover.base, buf, 8, 0);
	assert_ptr_equal(fut.data.operation.data.flush.dest, buf);
	assert_int_equal(fut.data.operation.data.flush.n, 8);
	runtime_wait(r, FUTURE_AS_RUNNABLE(&fut));
	assert_int_equal(FUTURE_OUTPUT(&fut)->type, VDM_OPERATION_FLUSH);
	check_calls(&mover, 3, 3, 6, 3);
	runtime_delete(r);
}

static void test_program_own_mover_without_room(void **state)
{
	struct slow_mover mover = slow_mover(0, 0);
	char buf[4] = "abc";

	(void)state;
	mover.has_room = 0;
	struct vdm_operation_future fut = vdm_memset(&mover.base, buf, 0, 4, 0);
	assert_int_equal(fut.base.context.state, FUTURE_STATE_COMPLETE);
	assert_int_equal(fut.output.result, VDM_ERROR_OUT_OF_MEMORY);
	assert_int_equal(future_has_property(&fut.base, FUTURE_PROPERTY_ASYNC), 0);
	FUTURE_BUSY_POLL(&fut);
	check_calls(&mover, 1, 0, 0, 0);
	assert_string_equal(buf, "abc");
}

static int never(void *fut, enum future_property property)
{
	(void)fut;
	(void)property;
	return 0;
}

/* The parts from which vdm_memcpy and its kin are made. */
static void test_program_makes_a_generic_operation(void **state)
{
	struct slow_mover mover = slow_mover(0, 0);
	struct vdm_operation_future fut;
	char src[4] = "abc";
	char dest[4];

	(void)state;
	vdm_set_has_property_fn(&mover.base, never);
	fut.data.operation.type = VDM_OPERATION_MEMCPY;
	fut.data.operation.data.memcpy =
		(struct vdm_operation_data_memcpy){dest, src, sizeof(src), 0};
	vdm_generic_operation(&mover.base, &fut);
	assert_ptr_equal(fut.base.task, vdm_operation_impl);
	assert_ptr_equal(fut.data.vdm, &mover.base);
	assert_int_equal(future_has_property(&fut.base, FUTURE_PROPERTY_ASYNC), 0);
	FUTURE_BUSY_POLL(&fut);
	assert_string_equal(dest, "abc");
}

static void test_program_asks_for_capabilities(void **state)
{
	struct slow_mover mover = slow_mover(0, 0);

	(void)state;
	assert_true(vdm_is_supported(&mover.base, VDM_F_NO_CACHE_HINT));
	assert_false(vdm_is_supported(&mover.base, VDM_F_MEM_DURABLE));
	assert_false(vdm_is_supported(&mover.base, VDM_F_VALID_FLAGS));
	mover.base.capabilities = 0;
	assert_false(vdm_is_supported(&mover.base, VDM_F_NO_CACHE_HINT));
	mover.base.capabilities = VDM_F_VALID_FLAGS;
	assert_true(vdm_is_supported(&mover.base, VDM_F_VALID_FLAGS));
	assert_true(vdm_is_supported(&mover.base, VDM_F_MEM_DURABLE));
}

/* ---- a mover of the program's with a thread for each operation, which wakes ------------------ */

struct thread_op {
	pthread_t thread;
	const struct vdm_operation *operation;
	struct future_waker waker;
	int wakes;
	uint64_t done;
};

static void *thread_op_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	(void)vdm;
	(void)type;
	return calloc(1, sizeof(struct thread_op));
}

static void *thread_op_run(void *arg)
{
	struct thread_op *op = arg;
	struct future_waker waker = op->waker;

	slow_op_do(op->operation);
	__atomic_store_n(&op->done, 1, __ATOMIC_RELEASE);
	if (op->wakes)
		FUTURE_WAKER_WAKE(&waker);
	return NULL;
}

static int thread_op_start(void *data, const struct vdm_operation *operation,
			   struct future_notifier *n)
{
	struct thread_op *op = data;

	op->operation = operation;
	if (n) {
		n->notifier_used = FUTURE_NOTIFIER_WAKER;
		op->waker = n->waker;
		op->wakes = 1;
	}
	return pthread_create(&op->thread, NULL, thread_op_run, op);
}

static int poller_op_start(void *data, const struct vdm_operation *operation,
			   struct future_notifier *n)
{
	struct thread_op *op = data;

	op->operation = operation;
	if (n) {
		n->notifier_used = FUTURE_NOTIFIER_POLLER;
		n->poller.ptr_to_monitor = &op->done;
	}
	return pthread_create(&op->thread, NULL, thread_op_run, op);
}

static enum future_state thread_op_check(void *data, const struct vdm_operation *operation)
{
	struct thread_op *op = data;

	(void)operation;
	return __atomic_load_n(&op->done, __ATOMIC_ACQUIRE) ? FUTURE_STATE_COMPLETE
							    : FUTURE_STATE_RUNNING;
}

/* Joins: the waker is not touched any more once the future is complete. */
static void thread_op_delete(void *data, const struct vdm_operation *operation,
			     struct vdm_operation_output *output)
{
	struct thread_op *op = data;

	pthread_join(op->thread, NULL);
	fill_output(operation, output);
	free(op);
}

static int always(void *fut, enum future_property property)
{
	(void)fut;
	return property == FUTURE_PROPERTY_ASYNC;
}

static struct vdm waking_mover = {
	thread_op_new, thread_op_delete, thread_op_start, thread_op_check, 0, always};
static struct vdm polled_mover = {
	thread_op_new, thread_op_delete, poller_op_start, thread_op_check, 0, always};

static void wait_with_movers(struct vdm *movers[], size_t n)
{
	struct vdm_operation_future futs[24];
	struct future *runnables[24];
	int from[24], to[24];
	struct runtime *r = runtime_new();

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < 24; i++) {
			from[i] = (int)i * 100 + round;
			futs[i] = vdm_memcpy(movers[i % n], &to[i], &from[i], sizeof(to[i]), 0);
			runnables[i] = FUTURE_AS_RUNNABLE(&futs[i]);
		}
		runtime_wait_multiple(r, runnables, 24);
		assert_memory_equal(from, to, sizeof(from));
	}
	runtime_delete(r);
}

static void test_program_own_movers_wake_the_runtime(void **state)
{
	struct slow_mover slow = slow_mover(2, 5);
	struct vdm *movers[] = {&waking_mover, &polled_mover, &slow.base};

	(void)state;
	wait_with_movers(movers, 1);
	wait_with_movers(movers, 2);
	wait_with_movers(movers, 3);
}

/* ---- notifiers of the program's -------------------------------------------------------------- */

static void post(void *data)
{
	sem_post(data);
}

/*
 * Polls with a waker that posts a semaphore, and sleeps on it while the future says that it will
 * wake.
 */
static void wait_with_semaphore(struct future *fut)
{
	struct future_notifier notifier;
	sem_t sem;

	sem_init(&sem, 0, 0);
	notifier.waker = (struct future_waker){&sem, post};
	notifier.poller.ptr_to_monitor = NULL;
	notifier.notifier_used = FUTURE_NOTIFIER_NONE;
	while (future_poll(fut, &notifier) != FUTURE_STATE_COMPLETE) {
		while (notifier.notifier_used == FUTURE_NOTIFIER_WAKER && sem_wait(&sem) != 0)
			;
		notifier.notifier_used = FUTURE_NOTIFIER_NONE;
	}
	sem_destroy(&sem);
}

static void test_program_own_waker(void **state)
{
	struct data_mover_threads *dmt = data_mover_threads_new(1, 16, FUTURE_NOTIFIER_WAKER);
	struct vdm *movers[] = {&waking_mover, data_mover_threads_get_vdm(dmt)};
	char src[100], dest[100];

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct vdm_operation_future fut =
			vdm_memcpy(movers[i % 2], dest, src, sizeof(src), 0);

		memset(src, i, sizeof(src));
		wait_with_semaphore(FUTURE_AS_RUNNABLE(&fut));
		assert_memory_equal(src, dest, sizeof(src));
		assert_int_equal(fut.output.result, VDM_SUCCESS);
	}
	data_mover_threads_delete(dmt);
}

static void test_program_own_poller(void **state)
{
	struct data_mover_threads *dmt = data_mover_threads_new(1, 16, FUTURE_NOTIFIER_POLLER);
	struct vdm *movers[] = {&polled_mover, data_mover_threads_get_vdm(dmt)};
	char src[100], dest[100];

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct future_notifier notifier = {.notifier_used = FUTURE_NOTIFIER_NONE};
		struct vdm_operation_future fut =
			vdm_memcpy(movers[i % 2], dest, src, sizeof(src), 0);

		memset(src, i, sizeof(src));
		if (future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier) != FUTURE_STATE_COMPLETE) {
			assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_POLLER);
			while (__atomic_load_n(notifier.poller.ptr_to_monitor, __ATOMIC_ACQUIRE) ==
			       0)
				;
		}
		FUTURE_BUSY_POLL(&fut);
		assert_memory_equal(src, dest, sizeof(src));
	}
	data_mover_threads_delete(dmt);
}

/* ---- the library's movers -------------------------------------------------------------------- */

/*
 * Creates until there is no room, polls a copy of the first, and expects room for exactly one more.
 */
static void fill_mover(struct vdm *vdm)
{
	struct vdm_operation_future first, copy, fut;
	size_t made = 1, limit = (size_t)1 << 24;
	char buf[1];

	first = vdm_memset(vdm, buf, 'a', 1, 0);
	do
		fut = vdm_memset(vdm, buf, 'b', 1, 0);
	while (FUTURE_OUTPUT(&fut)->result != VDM_ERROR_OUT_OF_MEMORY && ++made < limit);
	assert_true(made < limit);
	copy = first;
	FUTURE_BUSY_POLL(&copy);
	assert_int_equal(FUTURE_OUTPUT(&copy)->result, VDM_SUCCESS);
	assert_int_equal(buf[0], 'a');
	fut = vdm_memset(vdm, buf, 'c', 1, 0);
	assert_int_equal(fut.base.context.state, FUTURE_STATE_IDLE);
	assert_int_equal(vdm_memset(vdm, buf, 'd', 1, 0).output.result, VDM_ERROR_OUT_OF_MEMORY);
	FUTURE_BUSY_POLL(&fut);
	assert_int_equal(buf[0], 'c');
}

static void test_program_fills_movers(void **state)
{
	struct data_mover_sync *dms = data_mover_sync_new();
	struct data_mover_threads *dmt = data_mover_threads_new(1, 4, FUTURE_NOTIFIER_NONE);

	(void)state;
	fill_mover(data_mover_sync_get_vdm(dms));
	fill_mover(data_mover_threads_get_vdm(dmt));
	data_mover_sync_delete(dms);
	data_mover_threads_delete(dmt);
}

static uint64_t own_calls;

static void *own_memcpy(void *dst, const void *src, size_t n, unsigned flags)
{
	__atomic_fetch_add(&own_calls, flags == VDM_F_NO_CACHE_HINT, __ATOMIC_RELAXED);
	return memcpy(dst, src, n);
}

static void *own_memmove(void *dst, const void *src, size_t n, unsigned flags)
{
	(void)flags;
	__atomic_fetch_add(&own_calls, 1000, __ATOMIC_RELAXED);
	return memmove(dst, src, n);
}

static void *own_memset(void *str, int c, size_t n, unsigned flags)
{
	(void)flags;
	__atomic_fetch_add(&own_calls, 1000000, __ATOMIC_RELAXED);
	return memset(str, c, n);
}

static void test_program_sets_copy_functions(void **state)
{
	struct data_mover_threads *dmt = data_mover_threads_default();
	struct vdm *vdm = data_mover_threads_get_vdm(dmt);
	char src[16] = "fifteen letters", dest[16];

	(void)state;
	data_mover_threads_set_memcpy_fn(dmt, own_memcpy);
	data_mover_threads_set_memmove_fn(dmt, own_memmove);
	data_mover_threads_set_memset_fn(dmt, own_memset);
	struct vdm_operation_future fut =
		vdm_memcpy(vdm, dest, src, sizeof(src), VDM_F_NO_CACHE_HINT);
	FUTURE_BUSY_POLL(&fut);
	assert_string_equal(dest, "fifteen letters");
	fut = vdm_memmove(vdm, dest + 1, dest, 14, 0);
	FUTURE_BUSY_POLL(&fut);
	assert_string_equal(dest, "ffifteen letter");
	fut = vdm_memset(vdm, dest, 'z', 4, 0);
	FUTURE_BUSY_POLL(&fut);
	assert_string_equal(dest, "zzzzteen letter");
	assert_int_equal(own_calls, 1001001);
	data_mover_threads_delete(dmt);
}

/* ---- a chain as programs write it: two copies, then a countdown ------------------------------ */

struct relay_data {
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, first);
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, second);
	FUTURE_CHAIN_ENTRY_LAST(struct countdown_fut, count);
	char middle[64];
	char *dest;
};

struct relay_output {
	char *dest;
	int polls;
};

static int program_arg;

FUTURE(relay_fut, struct relay_data, struct relay_output);

/* The second copy is filled in before its first poll. */
static void first_to_second_map(struct future_context *first, struct future_context *second,
				void *arg)
{
	struct vdm_operation_output *out = future_context_get_output(first);
	struct vdm_operation_data *op = future_context_get_data(second);
	struct relay_fut *relay = arg;

	op->operation.data.memcpy.src = out->output.memcpy.dest;
	op->operation.data.memcpy.dest = relay->data.dest;
	op->operation.data.memcpy.n = relay->data.first.fut.data.operation.data.memcpy.n;
}

static void count_to_relay_map(struct future_context *count, struct future_context *relay,
			       void *arg)
{
	struct countdown_output *out = future_context_get_output(count);
	struct relay_data *data = future_context_get_data(relay);
	struct relay_output *output = future_context_get_output(relay);

	assert_ptr_equal(arg, &program_arg);
	output->dest = data->second.fut.output.output.memcpy.dest;
	output->polls = out->polls;
}

static void count_init(void *future, struct future_context *relay, void *arg)
{
	struct countdown_fut fut = countdown(*(int *)arg);

	assert_int_equal(relay->data_size, sizeof(struct relay_data));
	memcpy(future, &fut, sizeof(fut));
}

static void relay_init(struct relay_fut *relay, struct vdm *vdm, char *dest, char *src, size_t n,
		       int *polls)
{
	relay->data.dest = dest;
	FUTURE_CHAIN_ENTRY_INIT(&relay->data.first, vdm_memcpy(vdm, relay->data.middle, src, n, 0),
				first_to_second_map, relay);
	FUTURE_CHAIN_ENTRY_INIT(&relay->data.second, vdm_memcpy(vdm, NULL, NULL, 0, 0), NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&relay->data.count, count_init, polls, count_to_relay_map,
				     &program_arg);
	FUTURE_CHAIN_INIT(relay);
	relay->output.dest = NULL;
}

static void test_program_relays_through_a_chain(void **state)
{
	struct data_mover_sync *dms = data_mover_sync_new();
	struct data_mover_threads *dmt = data_mover_threads_new(2, 4, FUTURE_NOTIFIER_WAKER);
	struct slow_mover slow = slow_mover(1, 3);
	struct vdm *movers[] = {data_mover_sync_get_vdm(dms), data_mover_threads_get_vdm(dmt),
				&slow.base, &waking_mover, &polled_mover};
	struct runtime *r = runtime_new();
	struct relay_fut relays[10];
	struct future *runnables[10];
	char src[] = "through the middle", dests[10][64];
	int polls = 3;

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		relay_init(&relays[i], movers[i % COUNT(movers)], dests[i], src, sizeof(src),
			   &polls);
		runnables[i] = FUTURE_AS_RUNNABLE(&relays[i]);
	}
	runtime_wait_multiple(r, runnables, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_string_equal(dests[i], src);
		assert_ptr_equal(FUTURE_OUTPUT(&relays[i])->dest, dests[i]);
		assert_int_equal(relays[i].output.polls, 4);
		assert_true(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&relays[i].data.count));
		assert_true(FUTURE_CHAIN_ENTRY_IS_INITIALIZED(&relays[i].data.count));
		assert_true(((struct future_chain_entry *)&relays[i].data.count)->flags &
			    FUTURE_CHAIN_FLAG_ENTRY_LAST);
	}
	runtime_delete(r);
	data_mover_sync_delete(dms);
	data_mover_threads_delete(dmt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program_polls_a_future),
		cmocka_unit_test(test_program_waits_for_futures),
		cmocka_unit_test(test_program_own_mover_refuses_twice),
		cmocka_unit_test(test_program_own_mover_does_every_operation),
		cmocka_unit_test(test_program_own_mover_without_room),
		cmocka_unit_test(test_program_makes_a_generic_operation),
		cmocka_unit_test(test_program_asks_for_capabilities),
		cmocka_unit_test(test_program_own_movers_wake_the_runtime),
		cmocka_unit_test(test_program_own_waker),
		cmocka_unit_test(test_program_own_poller),
		cmocka_unit_test(test_program_fills_movers),
		cmocka_unit_test(test_program_sets_copy_functions),
		cmocka_unit_test(test_program_relays_through_a_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
