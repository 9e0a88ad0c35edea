/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_threads.c: the mover with worker threads: T.1 to T.5, and V.1 to V.7 with each
 * notifier.
 *
 * Method: the tests of every mover (test_mover_kit.h) with a small, a middle and a large queue; a
 * gate, a copy function that waits until the test lets it go on, so that the moments before and
 * after "done" can be held; and stress where the moments meet by chance. What a wake or a
 * completion publishes is read plainly, so that ThreadSanitizer sees a missing order.
 */
#include "test_mover_kit.h"

#include <hashloom/data_mover_threads.h>

/* ---- rigs ------------------------------------------------------------------------------------ */

static struct rig *rig_of(const struct data_mover_threads_cfg *cfg)
{
	struct rig *const rig = kit_zeroed(1, sizeof(*rig));

	rig->runtime = runtime_new();
	rig->mover = data_mover_threads_new_cfg(cfg);
	assert_non_null(rig->runtime);
	assert_non_null(rig->mover);
	rig->vdm = data_mover_threads_get_vdm(rig->mover);
	rig->is_async = 1;
	return rig;
}

/* What is small goes through the queue too. */
static struct rig *rig_new(size_t threads, size_t queue, enum future_notifier_type notifier)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.threads = threads;
	cfg.queue = queue;
	cfg.notifier = notifier;
	cfg.inline_max = 0;
	return rig_of(&cfg);
}

static void rig_delete(struct rig *rig)
{
	data_mover_threads_delete(rig->mover);
	runtime_delete(rig->runtime);
	free(rig);
}

static int setup_none(void **state)
{
	*state = rig_new(1, 1, FUTURE_NOTIFIER_NONE);
	return 0;
}

static int setup_waker(void **state)
{
	*state = rig_new(2, 7, FUTURE_NOTIFIER_WAKER);
	return 0;
}

static int setup_poller(void **state)
{
	*state = rig_new(3, 1024, FUTURE_NOTIFIER_POLLER);
	return 0;
}

static int teardown(void **state)
{
	rig_delete(*state);
	return 0;
}

/* ---- copy functions -------------------------------------------------------------------------- */

/* The k-th copy that enters goes on when k are permitted. */
static struct {
	hl_u32 entered;
	hl_u32 permitted;
} gate;

static void *copy_through_gate(void *dst, const void *src, size_t n, unsigned flags)
{
	const uint32_t ticket = hl_u32_fetch_add_release(&gate.entered, 1) + 1;

	(void)flags;
	kit_wait_for(&gate.permitted, ticket);
	return memcpy(dst, src, n);
}

static void gate_close(struct rig *rig)
{
	hl_u32_store_relaxed(&gate.entered, 0);
	hl_u32_store_relaxed(&gate.permitted, 0);
	data_mover_threads_set_memcpy_fn(rig->mover, copy_through_gate);
}

static void gate_permit(uint32_t copies)
{
	hl_u32_store_release(&gate.permitted, copies);
}

/* Takes as long as the test says, so that it ends while the test polls. */
static struct {
	hl_u32 entered;
	hl_u32 spins;
} hesitation;

static void *copy_with_hesitation(void *dst, const void *src, size_t n, unsigned flags)
{
	const uint32_t spins = hl_u32_load_relaxed(&hesitation.spins);

	(void)flags;
	hl_u32_fetch_add_relaxed(&hesitation.entered, 1);
	for (uint32_t spin = 0; spin < spins; spin++)
		hl_relax();
	return memcpy(dst, src, n);
}

/* Counts in dst how often the operation was done, whatever n. */
static void *count_copies(void *dst, const void *src, size_t n, unsigned flags)
{
	unsigned *const done = dst;

	(void)src;
	(void)n;
	(void)flags;
	*done += 1;
	return dst;
}

static void *count_copies_slowly(void *dst, const void *src, size_t n, unsigned flags)
{
	kit_sleep_us(200);
	return count_copies(dst, src, n, flags);
}

/* Those of the user say what they saw. */
static struct {
	hl_u32 copies, moves, sets;
	hl_u32 n, flags;
} seen;

static void *seeing_copy(void *dst, const void *src, size_t n, unsigned flags)
{
	hl_u32_fetch_add_relaxed(&seen.copies, 1);
	hl_u32_store_relaxed(&seen.n, (uint32_t)n);
	hl_u32_store_relaxed(&seen.flags, flags);
	memcpy(dst, src, n);
	return NULL;
}

static void *seeing_move(void *dst, const void *src, size_t n, unsigned flags)
{
	hl_u32_fetch_add_relaxed(&seen.moves, 1);
	hl_u32_store_relaxed(&seen.n, (uint32_t)n);
	hl_u32_store_relaxed(&seen.flags, flags);
	memmove(dst, src, n);
	return NULL;
}

static void *seeing_set(void *str, int c, size_t n, unsigned flags)
{
	hl_u32_fetch_add_relaxed(&seen.sets, 1);
	hl_u32_store_relaxed(&seen.n, (uint32_t)n);
	hl_u32_store_relaxed(&seen.flags, flags);
	memset(str, c, n);
	return NULL;
}

static void set_functions(struct rig *rig, int own)
{
	data_mover_threads_set_memcpy_fn(rig->mover, own ? NULL : seeing_copy);
	data_mover_threads_set_memmove_fn(rig->mover, own ? NULL : seeing_move);
	data_mover_threads_set_memset_fn(rig->mover, own ? NULL : seeing_set);
}

/* One copy of 64 bytes and what it needs. */
struct one_copy {
	unsigned char dest[64];
	unsigned char src[64];
	hl_u32 wakes;
	struct vdm_operation_future future;
};

static void one_copy_init(struct one_copy *copy, struct rig *rig, unsigned char byte)
{
	memset(copy, 0, sizeof(*copy));
	memset(copy->src, byte, sizeof(copy->src));
	copy->future = vdm_memcpy(rig->vdm, copy->dest, copy->src, sizeof(copy->src), 0);
}

static enum future_state one_copy_poll(struct one_copy *copy, hl_u32 *wakes,
				       enum future_notifier_type *used)
{
	struct future_notifier notifier = kit_notifier(wakes);
	const enum future_state state = future_poll(FUTURE_AS_RUNNABLE(&copy->future), &notifier);

	*used = notifier.notifier_used;
	return state;
}

static void one_copy_finish(struct one_copy *copy)
{
	FUTURE_BUSY_POLL(&copy->future);
	assert_output(&copy->future, VDM_OPERATION_MEMCPY, copy->dest, VDM_SUCCESS);
	assert_true(kit_equal(copy->dest, copy->src, sizeof(copy->dest)));
}

/* ---- making one ------------------------------------------------------------------------------ */

static void test_threads_numbers_out_of_range(void **state)
{
	static const struct {
		size_t threads, queue;
		unsigned notifier;
	} wrong[] = {
		{0, 128, FUTURE_NOTIFIER_WAKER},
		{65536, 128, FUTURE_NOTIFIER_WAKER},
		{SIZE_MAX, 128, FUTURE_NOTIFIER_WAKER},
		{1, 0, FUTURE_NOTIFIER_WAKER},
		{1, ((size_t)1 << 24) + 1, FUTURE_NOTIFIER_WAKER},
		{1, SIZE_MAX, FUTURE_NOTIFIER_WAKER},
		{0, 0, FUTURE_NOTIFIER_NONE},
		{1, 128, FUTURE_NOTIFIER_POLLER + 1},
		{1, 128, UINT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(wrong); i++) {
		errno = 0;
		assert_null(data_mover_threads_new(wrong[i].threads, wrong[i].queue,
						   (enum future_notifier_type)wrong[i].notifier));
		assert_int_equal(errno, EINVAL);
	}
	data_mover_threads_delete(NULL);
}

static void test_threads_made_and_deleted(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(200); turn++) {
		struct rig *const rig =
			rig_new(1 + turn % 4, 1 + turn % 9, (enum future_notifier_type)(turn % 3));
		struct one_copy copy;

		one_copy_init(&copy, rig, 1); /* never polled */
		if (turn % 2 == 1) {
			one_copy_init(&copy, rig, 2);
			one_copy_finish(&copy);
		}
		if (turn % 8 == 0)
			kit_sleep_us(turn);
		rig_delete(rig);
	}
}

static void test_threads_default_mover(void **state)
{
	struct rig rig = {data_mover_threads_default(), NULL, NULL, 1};
	struct one_copy copy;
	enum future_notifier_type used;

	(void)state;
	assert_non_null(rig.mover);
	rig.vdm = data_mover_threads_get_vdm(rig.mover);
	gate_close(&rig);
	one_copy_init(&copy, &rig, 3);
	assert_int_equal(
		future_has_property(FUTURE_AS_RUNNABLE(&copy.future), FUTURE_PROPERTY_ASYNC), 1);
	assert_int_equal(one_copy_poll(&copy, &copy.wakes, &used), FUTURE_STATE_RUNNING);
	assert_int_equal(used, FUTURE_NOTIFIER_WAKER);
	gate_permit(1);
	kit_wait_for(&copy.wakes, 1);
	one_copy_finish(&copy);
	data_mover_threads_delete(rig.mover);
}

/* ---- notifiers ------------------------------------------------------------------------------- */

static void test_threads_notifier_none(void **state)
{
	struct rig *const rig = *state;
	struct one_copy copy;
	enum future_notifier_type used = FUTURE_NOTIFIER_POLLER;

	gate_close(rig);
	one_copy_init(&copy, rig, 4);
	for (unsigned poll = 0; poll < 5; poll++) {
		assert_int_equal(one_copy_poll(&copy, &copy.wakes, &used), FUTURE_STATE_RUNNING);
		assert_int_equal(used, FUTURE_NOTIFIER_NONE);
	}
	gate_permit(1);
	one_copy_finish(&copy);
	assert_int_equal(hl_u32_load_relaxed(&copy.wakes), 0);
}

static void test_threads_notifier_poller(void **state)
{
	struct rig *const rig = *state;

	for (unsigned turn = 0; turn < 50; turn++) {
		struct one_copy copy;
		struct future_notifier notifier = kit_notifier(&copy.wakes);

		gate_close(rig);
		one_copy_init(&copy, rig, 5);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy.future), &notifier),
				 FUTURE_STATE_RUNNING);
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_POLLER);
		const uint64_t *const word = notifier.poller.ptr_to_monitor;
		assert_non_null(word);
		kit_wait_for(&gate.entered, 1);
		assert_int_equal(__atomic_load_n(word, __ATOMIC_ACQUIRE), 0);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy.future), &notifier),
				 FUTURE_STATE_RUNNING);
		assert_ptr_equal(notifier.poller.ptr_to_monitor, word);
		gate_permit(1);
		while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0)
			sched_yield();
		assert_true(kit_equal(copy.dest, copy.src, sizeof(copy.dest)));
		one_copy_finish(&copy);
		assert_int_equal(hl_u32_load_relaxed(&copy.wakes), 0);
	}
}

static void test_T2_the_result_is_visible_before_the_wake(void **state)
{
	struct rig *const rig = *state;

	for (unsigned turn = 0; turn < 50; turn++) {
		struct one_copy copy;
		enum future_notifier_type used;

		gate_close(rig);
		one_copy_init(&copy, rig, 6);
		assert_int_equal(one_copy_poll(&copy, &copy.wakes, &used), FUTURE_STATE_RUNNING);
		assert_int_equal(used, FUTURE_NOTIFIER_WAKER);
		kit_wait_for(&gate.entered, 1);
		assert_int_equal(hl_u32_load_relaxed(&copy.wakes), 0);
		gate_permit(1);
		kit_wait_for(&copy.wakes, 1);
		assert_true(kit_equal(copy.dest, copy.src, sizeof(copy.dest)));
		/*
		 * Not complete yet: then it must ask to be polled in turn, for no other wake will
		 * come.
		 */
		while (one_copy_poll(&copy, &copy.wakes, &used) != FUTURE_STATE_COMPLETE)
			assert_int_equal(used, FUTURE_NOTIFIER_NONE);
		one_copy_finish(&copy);
		assert_int_equal(hl_u32_load_relaxed(&copy.wakes), 1);
	}
}

/* A waker that takes its time, in a struct that dies when the future is seen complete. */
struct slow_waker {
	hl_u32 called;
	unsigned finished; /* plain */
};

static void wake_slowly(void *data)
{
	struct slow_waker *const slow = data;

	hl_u32_fetch_add_release(&slow->called, 1);
	kit_sleep_us(500);
	slow->finished++;
}

static void test_T2_complete_only_when_the_waker_has_returned(void **state)
{
	struct rig *const rig = *state;

	for (unsigned turn = 0; turn < 20; turn++) {
		struct slow_waker slow = {{0}, 0};
		struct future_notifier notifier = kit_notifier(NULL);
		struct one_copy copy;

		notifier.waker = (struct future_waker){&slow, wake_slowly};
		gate_close(rig);
		one_copy_init(&copy, rig, 7);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy.future), &notifier),
				 FUTURE_STATE_RUNNING);
		gate_permit(1);
		kit_wait_for(&slow.called, 1);
		one_copy_finish(&copy);
		assert_int_equal(slow.finished, 1);
	}
}

static void test_T3_only_the_last_waker_is_called(void **state)
{
	struct rig *const rig = *state;
	enum { POLLS = 5 };

	for (unsigned turn = 0; turn < 20; turn++) {
		hl_u32 wakes[POLLS] = {{0}};
		struct one_copy copy;
		enum future_notifier_type used;

		gate_close(rig);
		one_copy_init(&copy, rig, 8);
		for (size_t i = 0; i < POLLS; i++) {
			if (i == turn % POLLS)
				kit_wait_for(&gate.entered, i == 0 ? 0 : 1);
			assert_int_equal(one_copy_poll(&copy, &wakes[i], &used),
					 FUTURE_STATE_RUNNING);
			assert_int_equal(used, FUTURE_NOTIFIER_WAKER);
		}
		gate_permit(1);
		kit_wait_for(&wakes[POLLS - 1], 1);
		one_copy_finish(&copy);
		for (size_t i = 0; i < POLLS; i++)
			assert_int_equal(hl_u32_load_relaxed(&wakes[i]), i == POLLS - 1);
	}
}

/*
 * Polls with a waker or (NULL notifier) without, in the order given; then the last poll's word
 * counts.
 */
static void assert_wakes(struct rig *rig, const char *polls, uint32_t expected)
{
	struct one_copy copy;
	enum future_notifier_type used;

	gate_close(rig);
	one_copy_init(&copy, rig, 9);
	for (const char *poll = polls; *poll != '\0'; poll++) {
		const enum future_state state =
			*poll == 'w' ? one_copy_poll(&copy, &copy.wakes, &used)
				     : future_poll(FUTURE_AS_RUNNABLE(&copy.future), NULL);

		assert_int_equal(state, FUTURE_STATE_RUNNING);
	}
	gate_permit(1);
	if (expected > 0)
		kit_wait_for(&copy.wakes, expected);
	one_copy_finish(&copy);
	assert_int_equal(hl_u32_load_relaxed(&copy.wakes), expected);
}

static void test_T3_polls_with_and_without_a_waker(void **state)
{
	struct rig *const rig = *state;

	assert_wakes(rig, "w", 1);
	assert_wakes(rig, "www", 1);
	assert_wakes(rig, "-w", 1);
	assert_wakes(rig, "--ww", 1);
	assert_wakes(rig, "w-w", 1);
	assert_wakes(rig, "-", 0);
	assert_wakes(rig, "w-", 0);
	assert_wakes(rig, "ww--", 0);
}

/*
 * A waker for each poll. It is dead as soon as a later poll took its place or the future was seen
 * complete.
 */
struct box {
	hl_u32 called;
	unsigned dead; /* plain, as what follows */
	unsigned called_dead;
};

static void wake_box(void *data)
{
	struct box *const box = data;

	box->called_dead += box->dead;
	hl_u32_fetch_add_release(&box->called, 1);
}

#define BOXES 64
#define RELY_ONE_IN 24

/*
 * Polls with a new box each time; now and then relies on the last one's wake. Returns the number
 * of mistakes.
 */
static size_t race_one_copy(struct one_copy *copy, struct box *boxes, uint64_t *random)
{
	size_t last = 0; /* the box that counts */
	size_t poll = 0;
	size_t mistakes = 0;

	for (;; poll += poll + 1 < BOXES) {
		struct future_notifier notifier = kit_notifier(NULL);

		notifier.waker = (struct future_waker){&boxes[poll], wake_box};
		if (future_poll(FUTURE_AS_RUNNABLE(&copy->future), &notifier) ==
		    FUTURE_STATE_COMPLETE)
			break;
		if (poll == 0)
			kit_wait_for(&hesitation.entered, 1);
		if (notifier.notifier_used != FUTURE_NOTIFIER_WAKER)
			continue;
		if (poll != last)
			boxes[last].dead = 1;
		last = poll;
		if (kit_random(random) % RELY_ONE_IN == 0 || poll + 1 == BOXES)
			kit_wait_for(&boxes[last].called, 1);
	}
	/* The poll that saw the end may have been in time to give its box. */
	if (hl_u32_load_relaxed(&boxes[poll].called) > 0)
		last = poll;
	for (size_t i = 0; i < BOXES; i++) {
		boxes[i].dead = 1;
		mistakes += boxes[i].called_dead;
		mistakes += hl_u32_load_relaxed(&boxes[i].called) > (i == last);
	}
	return mistakes + !kit_equal(copy->dest, copy->src, sizeof(copy->dest));
}

static void test_T3_stress_of_waker_and_completion(void **state)
{
	struct rig *const rig = *state;
	uint64_t random = kit_seed();
	size_t mistakes = 0;

	data_mover_threads_set_memcpy_fn(rig->mover, copy_with_hesitation);
	for (unsigned turn = 0; turn < KIT_REPEAT(20000); turn++) {
		struct box *const boxes = kit_zeroed(BOXES, sizeof(*boxes));
		struct one_copy copy;

		hl_u32_store_relaxed(&hesitation.entered, 0);
		hl_u32_store_relaxed(&hesitation.spins,
				     (uint32_t)kit_random_below(&random, turn % 4 == 0 ? 400 : 50));
		one_copy_init(&copy, rig, (unsigned char)turn);
		mistakes += race_one_copy(&copy, boxes, &random);
		free(boxes); /* AddressSanitizer sees a late wake */
	}
	assert_int_equal(mistakes, 0);
}

/* ---- T.1: the queue -------------------------------------------------------------------------- */

static size_t count_running(struct one_copy *copies, size_t n)
{
	size_t running = 0;

	for (size_t i = 0; i < n; i++) {
		enum future_notifier_type used;
		const enum future_state state = one_copy_poll(&copies[i], &copies[i].wakes, &used);

		running += state == FUTURE_STATE_RUNNING;
		if (state != FUTURE_STATE_RUNNING) {
			assert_int_equal(state, FUTURE_STATE_IDLE);
			assert_int_equal(used, FUTURE_NOTIFIER_NONE);
		}
	}
	return running;
}

/*
 * One worker is held at the gate: the queue takes so many and no more, and what it did not take
 * it takes later.
 */
static void test_T1_what_the_full_queue_refused_is_taken_later(void **state)
{
	static const size_t sizes[][2] = {{1, 2}, {2, 2}, {3, 4}, {7, 8}, {16, 16}};
	enum { COPIES = 40 };
	struct one_copy *const copies = kit_zeroed(COPIES, sizeof(*copies));

	(void)state;
	for (size_t k = 0; k < KIT_COUNT(sizes); k++) {
		struct rig *const rig = rig_new(1, sizes[k][0], FUTURE_NOTIFIER_WAKER);

		gate_close(rig);
		for (size_t i = 0; i < COPIES; i++)
			one_copy_init(&copies[i], rig, (unsigned char)i);
		assert_int_equal(count_running(copies, 1), 1);
		kit_wait_for(&gate.entered, 1);
		assert_int_equal(count_running(copies, COPIES), 1 + sizes[k][1]);
		assert_int_equal(count_running(copies, COPIES), 1 + sizes[k][1]);
		/* Two done, the third held: room for two more. */
		gate_permit(2);
		kit_wait_for(&gate.entered, 3);
		assert_int_equal(count_running(copies + 2, COPIES - 2), 1 + sizes[k][1]);
		gate_permit(COPIES);
		for (size_t i = 0; i < COPIES; i++)
			one_copy_finish(&copies[i]);
		rig_delete(rig);
	}
	free(copies);
}

/* Far more in flight than the queue holds: each is done once, none twice, none never. */
static void assert_each_is_done_once(size_t threads, size_t queue,
				     enum future_notifier_type notifier)
{
	enum { COPIES = 400 };
	struct rig *const rig = rig_new(threads, queue, notifier);
	struct vdm_operation_future *const operations = kit_zeroed(COPIES, sizeof(*operations));
	struct future *futures[COPIES];
	unsigned done[COPIES] = {0};

	data_mover_threads_set_memcpy_fn(rig->mover, count_copies);
	for (size_t i = 0; i < COPIES; i++) {
		operations[i] = vdm_memcpy(rig->vdm, &done[i], NULL, 0, 0);
		futures[i] = FUTURE_AS_RUNNABLE(&operations[i]);
	}
	runtime_wait_multiple(rig->runtime, futures, COPIES);
	for (size_t i = 0; i < COPIES; i++) {
		assert_int_equal(FUTURE_OUTPUT(&operations[i])->result, VDM_SUCCESS);
		assert_int_equal(done[i], 1);
	}
	rig_delete(rig);
	free(operations);
}

static void test_T1_each_is_done_once(void **state)
{
	static const size_t queues[] = {1, 2, 3, 7, 64, 1000};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(queues); i++)
		for (size_t threads = 1; threads <= 5; threads += 2)
			for (unsigned notifier = FUTURE_NOTIFIER_NONE;
			     notifier <= FUTURE_NOTIFIER_POLLER; notifier++)
				assert_each_is_done_once(threads, queues[i],
							 (enum future_notifier_type)notifier);
}

/*
 * Workers fall asleep and are woken: single operations and small bursts, at all distances in
 * time.
 */
static void test_T1_stress_of_push_and_sleep(void **state)
{
	enum { BURST = 4 };
	uint64_t random = kit_seed();

	(void)state;
	for (size_t threads = 1; threads <= 3; threads++) {
		struct rig *const rig = rig_new(threads, 8, FUTURE_NOTIFIER_WAKER);

		data_mover_threads_set_memcpy_fn(rig->mover, count_copies);
		for (unsigned turn = 0; turn < KIT_REPEAT(6000); turn++) {
			struct vdm_operation_future operations[BURST];
			struct future *futures[BURST];
			unsigned done[BURST] = {0};
			const size_t burst =
				turn % 2 == 0 ? 1 : 1 + kit_random_below(&random, BURST);

			for (size_t i = 0; i < burst; i++) {
				operations[i] = vdm_memcpy(rig->vdm, &done[i], NULL, 0, 0);
				futures[i] = FUTURE_AS_RUNNABLE(&operations[i]);
			}
			for (size_t spin = kit_random_below(&random, 500); spin > 0; spin--)
				hl_relax();
			runtime_wait_multiple(rig->runtime, futures, burst);
			for (size_t i = 0; i < burst; i++)
				assert_int_equal(done[i], 1);
		}
		rig_delete(rig);
	}
}

/* A worker that is held up holds up nobody else. */
static void test_T1_one_that_blocks_does_not_block_others(void **state)
{
	struct rig *const rig = *state; /* two workers */
	struct one_copy blocked;
	enum future_notifier_type used;

	gate_close(rig);
	one_copy_init(&blocked, rig, 10);
	assert_int_equal(one_copy_poll(&blocked, &blocked.wakes, &used), FUTURE_STATE_RUNNING);
	kit_wait_for(&gate.entered, 1);
	data_mover_threads_set_memcpy_fn(rig->mover, NULL);
	for (unsigned turn = 0; turn < 500; turn++) {
		struct one_copy other;

		one_copy_init(&other, rig, (unsigned char)turn);
		if (turn % 50 == 0)
			kit_sleep_us(1000);
		wait_one(rig, &other.future);
		assert_true(kit_equal(other.dest, other.src, sizeof(other.dest)));
	}
	assert_int_equal(hl_u32_load_relaxed(&blocked.wakes), 0);
	gate_permit(1);
	one_copy_finish(&blocked);
}

/*
 * The push and the worker's last look before it sleeps, as close together as can be: nothing but
 * the fences between them keeps the operation from being missed. Without the fences about one in
 * 50,000 was (AMD EPYC); it shows as a hang.
 */
static void test_T1_stress_of_push_and_last_look(void **state)
{
	struct rig *const rig = rig_new(1, 8, FUTURE_NOTIFIER_NONE);
	uint64_t random = kit_seed();
	unsigned done = 0;

	(void)state;
	data_mover_threads_set_memcpy_fn(rig->mover, count_copies);
	for (unsigned turn = 1; turn <= KIT_REPEAT(100000); turn++) {
		struct vdm_operation_future future = vdm_memcpy(rig->vdm, &done, NULL, 0, 0);

		for (size_t spin = kit_random_below(&random, 170); spin > 0; spin--)
			hl_relax();
		FUTURE_BUSY_POLL(&future);
		assert_int_equal(done, turn);
	}
	rig_delete(rig);
}

/* While workers are idle nothing stays in the queue, also when several operations come at once. */
static void test_T1_a_burst_wakes_as_many_workers_as_it_needs(void **state)
{
	enum { WORKERS = 3 };
	struct rig *const rig = rig_new(WORKERS, 8, FUTURE_NOTIFIER_WAKER);

	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(300); turn++) {
		struct one_copy copies[WORKERS];
		enum future_notifier_type used;

		gate_close(rig);
		kit_sleep_us(turn % 4 * 100);
		for (size_t i = 0; i < WORKERS; i++)
			one_copy_init(&copies[i], rig, (unsigned char)i);
		for (size_t i = 0; i < WORKERS; i++)
			assert_int_equal(one_copy_poll(&copies[i], &copies[i].wakes, &used),
					 FUTURE_STATE_RUNNING);
		kit_wait_for(&gate.entered, WORKERS);
		gate_permit(WORKERS);
		for (size_t i = 0; i < WORKERS; i++)
			one_copy_finish(&copies[i]);
	}
	rig_delete(rig);
}

/* ---- small ones ------------------------------------------------------------------------------ */

static struct data_mover_threads_counts counters_of(struct rig *rig)
{
	struct data_mover_threads_counts counters;

	data_mover_threads_counters(rig->mover, &counters);
	return counters;
}

static struct rig *rig_default(void)
{
	const struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	return rig_of(&cfg);
}

static int setup_default(void **state)
{
	*state = rig_default();
	return 0;
}

static int is_done_at_once(struct rig *rig, struct vdm_operation operation)
{
	const uint64_t before = counters_of(rig).operations;
	struct vdm_operation_future future = vdm_operation_future_new(rig->vdm, operation);
	hl_u32 wakes = {0};
	struct future_notifier notifier = kit_notifier(&wakes);
	const int is_complete = future_poll(FUTURE_AS_RUNNABLE(&future), &notifier) == FUTURE_STATE_COMPLETE;
	const int is_inlined = counters_of(rig).operations == before;

	wait_one(rig, &future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	if (is_inlined)
		assert_true(is_complete);
	return is_inlined;
}

/* The polling thread does what has inline_max bytes or less. The counters tell, since a worker may be as fast. */
static void test_threads_small_ones_are_done_in_the_poll(void **state)
{
	enum { MOST = 1000 };
	static unsigned char dest[MOST + 1], src[MOST + 1];
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	(void)state;
	cfg.inline_max = MOST;
	struct rig *const rig = rig_of(&cfg);
	for (size_t n = 0; n <= MOST + 1; n += n == 0 ? 1 : n == MOST ? 1 : MOST - 1) {
		assert_int_equal(is_done_at_once(rig, vdm_operation_memcpy(dest, src, n, 0)), n <= MOST);
		assert_int_equal(is_done_at_once(rig, vdm_operation_memcpy(dest, src, n, VDM_F_NO_CACHE_HINT)), n <= MOST);
		assert_int_equal(is_done_at_once(rig, vdm_operation_memmove(dest, src, n, 0)), n <= MOST);
		assert_int_equal(is_done_at_once(rig, vdm_operation_memset(dest, 1, n, 0)), n <= MOST);
		assert_int_equal(is_done_at_once(rig, vdm_operation_fill(dest, 1, n, 0)), n <= MOST);
		assert_int_equal(is_done_at_once(rig, vdm_operation_compare(dest, src, n, 0)), n <= MOST);
		assert_int_equal(is_done_at_once(rig, vdm_operation_crc32c(src, n, 0, 0)), n <= MOST);
	}
	rig_delete(rig);
}

/* What belongs to a batch, or to a vdm_memcpyv(), counts 64 bytes more. */
static void test_threads_small_batches_are_done_in_the_poll(void **state)
{
	enum { COUNT = 10 };
	unsigned char dest[COUNT][36], src[36];
	struct vdm_operation operations[COUNT];
	struct vdm_operation_output outputs[COUNT];
	struct vdm_segment segments[COUNT];
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	(void)state;
	memset(src, 1, sizeof(src));
	cfg.inline_max = COUNT * (36 + 64);
	for (unsigned less = 0; less < 2; less++) {
		cfg.inline_max -= less;
		struct rig *const rig = rig_of(&cfg);

		for (size_t i = 0; i < COUNT; i++) {
			operations[i] = vdm_operation_memcpy(dest[i], src, 36, 0);
			segments[i] = (struct vdm_segment){dest[i], src, 36};
		}
		assert_int_equal(is_done_at_once(rig, vdm_operation_batch(operations, outputs, COUNT, 0)), !less);
		assert_int_equal(is_done_at_once(rig, vdm_operation_memcpyv(segments, COUNT, 0)), !less);
		assert_int_equal(is_done_at_once(rig, vdm_operation_batch(operations, outputs, COUNT - 1, 0)), 1);
		assert_int_equal(is_done_at_once(rig, vdm_operation_memcpyv(segments, COUNT - 1, 0)), 1);
		rig_delete(rig);
	}
}

/* A function of the user's is a worker's, however small the operation is: it may block. */
static void test_threads_functions_of_the_user_are_never_called_in_the_poll(void **state)
{
	struct rig *const rig = rig_default();
	unsigned char dest[8] = {0}, src[8] = {0};
	const struct vdm_segment segment = {dest, src, 8};
	const struct vdm_operation inner = vdm_operation_memset(dest, 1, 8, 0);
	struct vdm_operation_output output;

	(void)state;
	set_functions(rig, 0);
	assert_false(is_done_at_once(rig, vdm_operation_memcpy(dest, src, 8, 0)));
	assert_false(is_done_at_once(rig, vdm_operation_memmove(dest, src, 8, 0)));
	assert_false(is_done_at_once(rig, vdm_operation_memset(dest, 1, 8, 0)));
	assert_false(is_done_at_once(rig, vdm_operation_memcpyv(&segment, 1, 0)));
	assert_false(is_done_at_once(rig, vdm_operation_batch(&inner, &output, 1, 0)));
	assert_true(is_done_at_once(rig, vdm_operation_fill(dest, 1, 8, 0)));
	set_functions(rig, 1);
	assert_true(is_done_at_once(rig, vdm_operation_memcpy(dest, src, 8, 0)));
	rig_delete(rig);
}

/* ---- T.5: pieces ----------------------------------------------------------------------------- */

#define PIECE 4096 /* no piece is smaller; they begin at pages */

static struct rig *rig_of_pieces(size_t threads, size_t queue)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	cfg.threads = threads;
	cfg.queue = queue;
	cfg.inline_max = 0;
	cfg.split_min = PIECE;
	return rig_of(&cfg);
}

static int is_split(struct rig *rig, struct vdm_operation operation)
{
	const uint64_t before = counters_of(rig).split;
	struct vdm_operation_future future = vdm_operation_future_new(rig->vdm, operation);

	wait_one(rig, &future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	return counters_of(rig).split != before;
}

/* Every kind, around the sizes at which the number of pieces changes, at any place; what lies around stays. */
static void test_T5_pieces_make_the_whole(void **state)
{
	enum { AREA = 40 * PIECE };
	unsigned char *const area = kit_zeroed(1, AREA);
	unsigned char *const expected = kit_zeroed(1, AREA);
	uint64_t random = kit_seed();

	(void)state;
	for (size_t threads = 2; threads <= 4; threads++) {
		struct rig *const rig = rig_of_pieces(threads, threads - 1);

		for (unsigned turn = 0; turn < KIT_REPEAT(200); turn++) {
			const size_t n = (2 + turn % 17) * PIECE + kit_random_below(&random, 3) - 1;
			const size_t to = kit_random_below(&random, 2 * PIECE), from = AREA - n;
			const uint64_t flags = turn % 5 == 0 ? VDM_F_NO_CACHE_HINT : 0;
			unsigned char *const dest = area + to;

			kit_fill_randomly(area, AREA, &random);
			memcpy(expected, area, AREA);
			switch (turn % 4) {
			case 0:
				memcpy(expected + to, expected + from, n);
				assert_true(is_split(rig, vdm_operation_memcpy(dest, area + from, n, flags)) || n < 2 * PIECE);
				break;
			case 1:
				memmove(expected + to, expected + from, n);
				assert_true(is_split(rig, vdm_operation_memmove(dest, area + from, n, flags)) || n < 2 * PIECE);
				break;
			case 2:
				memset(expected + to, 0x1fe, n);
				assert_true(is_split(rig, vdm_operation_memset(dest, 0x1fe, n, flags)) || n < 2 * PIECE);
				break;
			default:
				for (size_t i = 0; i < n; i++)
					expected[to + i] = (unsigned char)(8 - i % 8);
				uint64_t pattern;
				memcpy(&pattern, "\10\7\6\5\4\3\2\1", 8);
				assert_true(is_split(rig, vdm_operation_fill(dest, pattern, n, flags)) || n < 2 * PIECE);
			}
			assert_true(kit_equal(area, expected, AREA));
		}
		rig_delete(rig);
	}
	free(area);
	free(expected);
}

static void test_T5_what_is_done_as_a_whole(void **state)
{
	enum { N = 8 * PIECE };
	unsigned char *const area = kit_zeroed(1, 2 * N);
	unsigned char *const expected = kit_zeroed(1, 2 * N);
	struct rig *const rig = rig_of_pieces(3, 64);
	struct rig *const alone = rig_of_pieces(1, 64);
	uint64_t random = kit_seed();

	(void)state;
	kit_fill_randomly(area, 2 * N, &random);
	memcpy(expected, area, 2 * N);
	memmove(expected + PIECE, expected, N);
	assert_false(is_split(rig, vdm_operation_memmove(area + PIECE, area, N, 0)));
	assert_true(kit_equal(area, expected, 2 * N));
	memmove(expected, expected + 1, N);
	assert_false(is_split(rig, vdm_operation_memmove(area, area + 1, N, 0)));
	assert_true(kit_equal(area, expected, 2 * N));
	assert_false(is_split(rig, vdm_operation_compare(area, area + N, N, 0)));
	assert_false(is_split(rig, vdm_operation_crc32c(area, N, 0, 0)));
	assert_false(is_split(rig, vdm_operation_memcpy(area, area + N, 2 * PIECE - 1, 0)));
	assert_true(is_split(rig, vdm_operation_memcpy(area, area + N, 2 * PIECE, 0)));
	/* one worker has nobody to share with, and a function of the user's gets all of it */
	assert_false(is_split(alone, vdm_operation_memcpy(area, area + N, N, 0)));
	set_functions(rig, 0);
	assert_false(is_split(rig, vdm_operation_memcpy(area, area + N, N, 0)));
	assert_int_equal(hl_u32_load_relaxed(&seen.n), N);
	rig_delete(rig);
	rig_delete(alone);
	free(area);
	free(expected);
}

/* Nothing is written, and it is refused once, although it is large. */
static void test_T5_large_ones_are_refused_as_a_whole(void **state)
{
	enum { N = 8 * PIECE };
	unsigned char *const area = kit_zeroed(1, 2 * N);
	struct rig *const rig = rig_of_pieces(3, 64);
	struct vdm_operation_future future = vdm_memcpy(rig->vdm, area, area + N, N, 1U << 5);

	(void)state;
	memset(area + N, 1, N);
	wait_one(rig, &future);
	assert_output(&future, VDM_OPERATION_MEMCPY, area, VDM_ERROR_JOB_CORRUPTED);
	assert_true(kit_all_bytes_are(area, 0, N));
	assert_int_equal(counters_of(rig).split, 0);
	rig_delete(rig);
	free(area);
}

static void test_T5_batches_and_segments(void **state)
{
	enum { COUNT = 100, N = 500 };
	unsigned char(*const dest)[N] = kit_zeroed(COUNT, N);
	unsigned char(*const src)[N] = kit_zeroed(COUNT, N);
	struct vdm_operation operations[COUNT];
	struct vdm_operation_output outputs[COUNT];
	struct vdm_segment segments[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		memset(src[i], (int)i, N);
		operations[i] = vdm_operation_memcpy(dest[i], src[i], N, i % 10 == 9 ? UINT64_MAX : 0);
		segments[i] = (struct vdm_segment){dest[i], src[i], N};
	}
	for (size_t threads = 1; threads <= 4; threads++) {
		struct rig *const rig = rig_of_pieces(threads, 2);
		struct vdm_operation_future batch = vdm_batch(rig->vdm, operations, outputs, COUNT, 0);
		struct vdm_operation_future copies = vdm_memcpyv(rig->vdm, segments, COUNT, 0);

		memset(dest, 0xff, (size_t)COUNT * N);
		memset(outputs, 0xff, sizeof(outputs));
		wait_one(rig, &batch);
		assert_int_equal(FUTURE_OUTPUT(&batch)->result, VDM_ERROR_JOB_CORRUPTED);
		assert_int_equal(FUTURE_OUTPUT(&batch)->output.batch.failed, COUNT / 10);
		for (size_t i = 0; i < COUNT; i++) {
			assert_int_equal(outputs[i].result, i % 10 == 9 ? VDM_ERROR_JOB_CORRUPTED : VDM_SUCCESS);
			assert_ptr_equal(outputs[i].output.memcpy.dest, dest[i]);
			assert_true(kit_all_bytes_are(dest[i], i % 10 == 9 ? 0xff : (unsigned char)i, N));
		}
		wait_one(rig, &copies);
		assert_int_equal(FUTURE_OUTPUT(&copies)->result, VDM_SUCCESS);
		assert_int_equal(FUTURE_OUTPUT(&copies)->output.memcpyv.n, (size_t)COUNT * N);
		assert_true(kit_equal(dest, src, (size_t)COUNT * N));
		assert_int_equal(counters_of(rig).split, threads > 1 ? 2 : 0);
		rig_delete(rig);
	}
	free(dest);
	free(src);
}

/* So large that stores go past the caches and pieces begin at large pages. */
static void test_T5_very_large_ones(void **state)
{
	enum { N = (17 << 20) + 123, AROUND = 1000 };
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();
	unsigned char *const src = kit_zeroed(1, N);
	unsigned char *const dest = kit_zeroed(1, N + 2 * AROUND);
	uint64_t random = kit_seed();

	(void)state;
	cfg.threads = 2;
	struct rig *const rig = rig_of(&cfg);
	kit_fill_randomly(src, N, &random);
	assert_true(is_split(rig, vdm_operation_memcpy(dest + AROUND, src, N, 0)));
	assert_true(kit_equal(dest + AROUND, src, N));
	assert_true(is_split(rig, vdm_operation_memset(dest + AROUND, 5, N, 0)));
	assert_true(kit_all_bytes_are(dest + AROUND, 5, N));
	assert_true(is_split(rig, vdm_operation_memmove(dest + AROUND, src, N, 0)));
	assert_true(kit_equal(dest + AROUND, src, N));
	assert_true(is_split(rig, vdm_operation_fill(dest + AROUND, UINT64_C(0x0606060606060606), N, 0)));
	assert_true(kit_all_bytes_are(dest + AROUND, 6, N));
	assert_true(kit_all_bytes_are(dest, 0, AROUND));
	assert_true(kit_all_bytes_are(dest + AROUND + N, 0, AROUND));
	rig_delete(rig);
	free(src);
	free(dest);
}

struct piece_user {
	struct rig *rig;
	unsigned id;
	size_t wrong;
};

/* Copies in pieces, several in flight, through a queue that is often full. */
static void *piece_user_run(void *arg)
{
	enum { IN_FLIGHT = 3, N = 6 * PIECE };
	struct piece_user *const user = arg;
	unsigned char *const areas = calloc(2 * IN_FLIGHT, N);
	struct vdm_operation_future futures[IN_FLIGHT];

	for (unsigned turn = 0; areas != NULL && turn < KIT_REPEAT(300); turn++) {
		unsigned left = IN_FLIGHT;

		for (size_t i = 0; i < IN_FLIGHT; i++) {
			memset(areas + 2 * i * N, (int)(user->id * 50 + turn + i), N);
			futures[i] = vdm_memcpy(user->rig->vdm, areas + (2 * i + 1) * N, areas + 2 * i * N, N, 0);
		}
		while (left > 0) {
			left = 0;
			for (size_t i = 0; i < IN_FLIGHT; i++)
				left += future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL) != FUTURE_STATE_COMPLETE;
			sched_yield();
		}
		for (size_t i = 0; i < IN_FLIGHT; i++)
			user->wrong += !kit_equal(areas + (2 * i + 1) * N, areas + 2 * i * N, N);
	}
	user->wrong += areas == NULL;
	free(areas);
	return NULL;
}

static void test_T5_stress_of_pieces(void **state)
{
	struct rig *const rig = rig_of_pieces(3, 4);
	struct piece_user users[2];
	pthread_t threads[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		users[i] = (struct piece_user){rig, i, 0};
		threads[i] = kit_start(piece_user_run, &users[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		kit_join(threads[i]);
		assert_int_equal(users[i].wrong, 0);
	}
	rig_delete(rig);
}

/* ---- counters -------------------------------------------------------------------------------- */

static void test_threads_counters(void **state)
{
	static unsigned char dest[100], src[100];
	struct rig *const rig = rig_new(1, 2, FUTURE_NOTIFIER_WAKER);
	struct rig *const small = rig_default();
	struct one_copy copies[4];

	(void)state;
	assert_int_equal(counters_of(rig).operations, 0);
	kit_sleep_us(20000);
	gate_close(rig);
	for (size_t i = 0; i < 4; i++)
		one_copy_init(&copies[i], rig, (unsigned char)i);
	assert_int_equal(count_running(copies, 1), 1);
	kit_wait_for(&gate.entered, 1); /* so that the queue is empty */
	assert_int_equal(count_running(copies, 4), 3);
	assert_int_equal(counters_of(rig).operations, 3);
	assert_int_equal(counters_of(rig).queue_full, 1);
	gate_permit(4);
	for (size_t i = 0; i < 4; i++)
		one_copy_finish(&copies[i]);
	assert_int_equal(counters_of(rig).operations, 4);
	assert_int_equal(counters_of(rig).bytes, 4 * sizeof(copies[0].dest));
	assert_true(counters_of(rig).sleeps >= counters_of(rig).wakes);
	for (unsigned i = 0; i < 300; i++) {
		struct vdm_operation_future future = vdm_memcpy(small->vdm, dest, src, sizeof(src), 0);

		FUTURE_BUSY_POLL(&future);
		assert_int_equal(counters_of(small).operations, 0);
		assert_int_equal(counters_of(small).bytes, 0);
	}
	rig_delete(rig);
	rig_delete(small);
}

/* A worker that sleeps is woken by a system call, and both are counted. */
static void test_threads_counters_of_sleep_and_wake(void **state)
{
	struct rig *const rig = rig_new(1, 2, FUTURE_NOTIFIER_WAKER);
	struct one_copy copy;

	(void)state;
	for (uint64_t turn = 1; turn <= 20; turn++) {
		while (counters_of(rig).sleeps < turn)
			kit_sleep_us(100);
		one_copy_init(&copy, rig, 1);
		one_copy_finish(&copy);
		assert_true(counters_of(rig).wakes >= turn);
	}
	rig_delete(rig);
}

/* ---- T.4: delete ----------------------------------------------------------------------------- */

static void test_T4_delete_does_what_is_queued(void **state)
{
	enum { COPIES = 60 };

	(void)state;
	for (size_t threads = 1; threads <= 3; threads++) {
		struct rig *const rig = rig_new(threads, 64, FUTURE_NOTIFIER_WAKER);
		struct one_copy *const copies = kit_zeroed(COPIES, sizeof(*copies));
		unsigned done[COPIES] = {0};
		hl_u32 wakes = {0};

		data_mover_threads_set_memcpy_fn(rig->mover, count_copies_slowly);
		for (size_t i = 0; i < COPIES; i++) {
			enum future_notifier_type used;

			copies[i].future = vdm_memcpy(rig->vdm, &done[i], NULL, 0, 0);
			assert_int_equal(one_copy_poll(&copies[i], &wakes, &used),
					 FUTURE_STATE_RUNNING);
		}
		rig_delete(rig);
		for (size_t i = 0; i < COPIES; i++)
			assert_int_equal(done[i], 1);
		assert_int_equal(hl_u32_load_relaxed(&wakes), COPIES);
		free(copies);
	}
}

/* ---- the user's functions -------------------------------------------------------------------- */

static void assert_seen(uint32_t copies, uint32_t moves, uint32_t sets)
{
	assert_int_equal(hl_u32_load_relaxed(&seen.copies), copies);
	assert_int_equal(hl_u32_load_relaxed(&seen.moves), moves);
	assert_int_equal(hl_u32_load_relaxed(&seen.sets), sets);
}

static void run_type(struct rig *rig, enum vdm_operation_type type, size_t n, uint64_t flags)
{
	unsigned char dest[100] = {0};
	unsigned char src[100];
	struct vdm_operation_future future = make_operation(rig->vdm, type, dest, src, 1, n, flags);
	const enum vdm_operation_result result = expected_result(rig->vdm, type, flags);

	memset(src, 1, sizeof(src));
	wait_one(rig, &future);
	assert_output(&future, type, dest, result);
	if (type != VDM_OPERATION_FLUSH)
		assert_true(kit_all_bytes_are(dest, result == VDM_SUCCESS, n));
}

static void test_threads_functions_of_the_user(void **state)
{
	struct rig *const rig = *state;

	memset(&seen, 0, sizeof(seen));
	for (unsigned type = VDM_OPERATION_MEMCPY; type <= VDM_OPERATION_FLUSH; type++) {
		for (uint64_t flags = 0; flags <= ALL_FLAGS; flags++) {
			const enum vdm_operation_type operation = (enum vdm_operation_type)type;
			const size_t n = 20 + 4 * type + flags;

			set_functions(rig, 0);
			run_type(rig, operation, n, flags);
			if (type != VDM_OPERATION_FLUSH &&
			    expected_result(rig->vdm, operation, flags) == VDM_SUCCESS) {
				assert_int_equal(hl_u32_load_relaxed(&seen.n), n);
				assert_int_equal(hl_u32_load_relaxed(&seen.flags), flags);
			}
			run_type(rig, operation, n,
				 1U << 5); /* refused: the function is not asked */
			set_functions(rig, 1);
			run_type(rig, operation, n, flags);
		}
	}
	if (vdm_is_supported(rig->vdm, VDM_F_VALID_FLAGS))
		assert_seen(4, 4, 4);
}

struct toggler {
	struct rig *rig;
	hl_u32 stop;
};

static void *toggler_run(void *arg)
{
	struct toggler *const toggler = arg;

	for (int own = 0; !hl_u32_load_relaxed(&toggler->stop); own = !own) {
		set_functions(toggler->rig, own);
		sched_yield();
	}
	return NULL;
}

static void test_threads_functions_set_while_operations_run(void **state)
{
	struct toggler toggler = {*state, {0}};
	struct mover_user users[2];
	pthread_t threads[2];

	const pthread_t toggling = kit_start(toggler_run, &toggler);
	for (unsigned i = 0; i < 2; i++) {
		users[i] = (struct mover_user){*state, KIT_REPEAT(400), i + 1, 0};
		threads[i] = kit_start(mover_user_run, &users[i]);
	}
	for (unsigned i = 0; i < 2; i++)
		kit_join(threads[i]);
	hl_u32_store_relaxed(&toggler.stop, 1);
	kit_join(toggling);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(users[i].wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVER_TESTS(setup_none, teardown),
		MOVER_TESTS(setup_waker, teardown),
		MOVER_LONG_TESTS(setup_waker, teardown),
		MOVER_TESTS(setup_poller, teardown),
		cmocka_unit_test(test_threads_numbers_out_of_range),
		cmocka_unit_test(test_threads_made_and_deleted),
		cmocka_unit_test(test_threads_default_mover),
		MOVER_TEST(test_threads_notifier_none, setup_none, teardown),
		MOVER_TEST(test_threads_notifier_poller, setup_poller, teardown),
		MOVER_TEST(test_T2_the_result_is_visible_before_the_wake, setup_waker, teardown),
		MOVER_TEST(test_T2_complete_only_when_the_waker_has_returned, setup_waker,
			   teardown),
		MOVER_TEST(test_T3_only_the_last_waker_is_called, setup_waker, teardown),
		MOVER_TEST(test_T3_polls_with_and_without_a_waker, setup_waker, teardown),
		MOVER_TEST(test_T3_stress_of_waker_and_completion, setup_waker, teardown),
		cmocka_unit_test(test_T1_what_the_full_queue_refused_is_taken_later),
		cmocka_unit_test(test_T1_each_is_done_once),
		cmocka_unit_test(test_T1_stress_of_push_and_sleep),
		cmocka_unit_test(test_T1_stress_of_push_and_last_look),
		cmocka_unit_test(test_T1_a_burst_wakes_as_many_workers_as_it_needs),
		MOVER_TEST(test_T1_one_that_blocks_does_not_block_others, setup_waker, teardown),
		MOVER_TESTS(setup_default, teardown),
		MOVER_LONG_TESTS(setup_default, teardown),
		cmocka_unit_test(test_threads_small_ones_are_done_in_the_poll),
		cmocka_unit_test(test_threads_small_batches_are_done_in_the_poll),
		cmocka_unit_test(test_threads_functions_of_the_user_are_never_called_in_the_poll),
		cmocka_unit_test(test_T5_pieces_make_the_whole),
		cmocka_unit_test(test_T5_what_is_done_as_a_whole),
		cmocka_unit_test(test_T5_large_ones_are_refused_as_a_whole),
		cmocka_unit_test(test_T5_batches_and_segments),
		cmocka_unit_test(test_T5_very_large_ones),
		cmocka_unit_test(test_T5_stress_of_pieces),
		cmocka_unit_test(test_threads_counters),
		cmocka_unit_test(test_threads_counters_of_sleep_and_wake),
		cmocka_unit_test(test_T4_delete_does_what_is_queued),
		MOVER_TEST(test_threads_functions_of_the_user, setup_waker, teardown),
		MOVER_TEST(test_threads_functions_of_the_user, setup_none, teardown),
		MOVER_TEST(test_threads_functions_set_while_operations_run, setup_waker, teardown),
	};

	return KIT_RUN(tests);
}
