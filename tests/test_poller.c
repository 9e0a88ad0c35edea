/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_poller.c: W.1 and W.2 of poller.h, with each way to wait that this machine has.
 *
 * Method: a word that is set before, by another thread at some moment, or never; and a mover with worker threads whose word it is.
 */
#include "poller.h"

#include "test_kit.h"

#include <hashloom/data_mover_threads.h>

#define LONG_NS UINT64_C(60000000000)

struct setter {
	hl_u64 word;
	hl_u32 turn;
	unsigned plain; /* is set before the word */
};

static void *set_at_some_moment(void *arg)
{
	struct setter *const setter = arg;

	kit_sleep_us(hl_u32_load_relaxed(&setter->turn) % 8 * 50);
	setter->plain = 1 + hl_u32_load_relaxed(&setter->turn);
	hl_u64_store_release(&setter->word, 1);
	return NULL;
}

static void test_W1_what_came_before_the_word_is_visible(void **state)
{
	(void)state;
	for (unsigned method = 0; method < HL_POLLER_METHODS; method++) {
		if (!hl_poller_has((enum hl_poller_method)method))
			continue;
		for (unsigned turn = 0; turn < 100; turn++) {
			struct setter setter = {{0}, {turn}, 0};
			const pthread_t thread = kit_start(set_at_some_moment, &setter);
			const int is_set = hl_poller_wait_by((enum hl_poller_method)method, &setter.word, LONG_NS);
			const unsigned plain = setter.plain;

			kit_join(thread);
			assert_int_equal(is_set, 1);
			assert_int_equal(plain, 1 + turn);
		}
	}
}

static void test_W2_the_time_is_over(void **state)
{
	(void)state;
	for (unsigned method = 0; method < HL_POLLER_METHODS; method++) {
		hl_u64 word = {0};

		if (!hl_poller_has((enum hl_poller_method)method))
			continue;
		for (uint64_t timeout_ns = 0; timeout_ns < 2000000; timeout_ns = 3 * timeout_ns + 100) {
			const uint64_t begin = kit_clock_ns(CLOCK_MONOTONIC);

			assert_int_equal(hl_poller_wait_by((enum hl_poller_method)method, &word, timeout_ns), 0);
			assert_true(kit_clock_ns(CLOCK_MONOTONIC) - begin >= timeout_ns);
		}
	}
}

static void test_poller_any_value_but_zero_will_do(void **state)
{
	static const uint64_t values[] = {1, 2, UINT64_C(1) << 32, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(values); i++) {
		assert_int_equal(hashloom_poller_wait(&values[i], 0), 1);
		assert_int_equal(hashloom_poller_wait(&values[i], LONG_NS), 1);
	}
}

static void test_poller_method_is_one_that_the_machine_has(void **state)
{
	static const char *const names[HL_POLLER_METHODS] = {"pause", "umwait", "mwaitx", "wfe"};
	unsigned found = 0;

	(void)state;
	assert_true(hl_poller_has(HL_POLLER_PAUSE));
	for (unsigned method = 0; method < HL_POLLER_METHODS; method++)
		if (strcmp(hashloom_poller_method(), names[method]) == 0)
			found += 1 + (unsigned)!hl_poller_has((enum hl_poller_method)method);
	assert_int_equal(found, 1);
}

static void test_poller_waits_for_a_mover(void **state)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();

	(void)state;
	cfg.notifier = FUTURE_NOTIFIER_POLLER;
	cfg.inline_max = 0;
	struct data_mover_threads *const mover = data_mover_threads_new_cfg(&cfg);
	assert_non_null(mover);
	for (unsigned turn = 0; turn < KIT_REPEAT(500); turn++) {
		unsigned char dest[64] = {0}, src[64];
		struct vdm_operation_future future = vdm_memcpy(data_mover_threads_get_vdm(mover), dest, src, sizeof(src), 0);
		struct future_notifier notifier = {.notifier_used = FUTURE_NOTIFIER_NONE};

		memset(src, (int)turn + 1, sizeof(src));
		while (future_poll(FUTURE_AS_RUNNABLE(&future), &notifier) != FUTURE_STATE_COMPLETE)
			if (notifier.notifier_used == FUTURE_NOTIFIER_POLLER) {
				assert_int_equal(hashloom_poller_wait(notifier.poller.ptr_to_monitor, LONG_NS), 1);
				assert_memory_equal(dest, src, sizeof(src)); /* T.2 */
			}
		assert_memory_equal(dest, src, sizeof(src));
	}
	data_mover_threads_delete(mover);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_W1_what_came_before_the_word_is_visible),
		cmocka_unit_test(test_W2_the_time_is_over),
		cmocka_unit_test(test_poller_any_value_but_zero_will_do),
		cmocka_unit_test(test_poller_method_is_one_that_the_machine_has),
		cmocka_unit_test(test_poller_waits_for_a_mover),
	};

	return KIT_RUN(tests);
}
