/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * Goal: the contract of a single future: the macros and functions of future.h, guarantees F.1 to
 * F.5, and the layout that existing programs and binaries rely on.
 *
 * Method: names, types, offsets and values are asserted at compile time. Behaviour is seen through
 * a task that counts its calls and does as it is told. For F.3 every pair of nine kinds of data and
 * nine kinds of output makes a future; its task changes all of both, and the whole struct is
 * compared with a shadow.
 */
#include "future_kit.h"

#include <pthread.h>

/* ---- names, types, layout, values ------------------------------------------------------------ */

#define MEMBER_IS(type, member, member_type, at)                                                   \
	_Static_assert(sizeof(void *) != 8 || offsetof(type, member) == (at),                      \
		       #type "." #member " lies elsewhere");                                       \
	_Static_assert(_Generic(((type *)NULL)->member, member_type : 1, default : 0),             \
		       #type "." #member " has another type")

MEMBER_IS(struct future, task, future_task_fn, 0);
MEMBER_IS(struct future, has_property, future_has_property_fn, 8);
MEMBER_IS(struct future, context, struct future_context, 16);
MEMBER_IS(struct future_context, data_size, size_t, 0);
MEMBER_IS(struct future_context, output_size, size_t, 8);
MEMBER_IS(struct future_context, state, enum future_state, 16);
MEMBER_IS(struct future_context, padding, uint32_t, 20);
MEMBER_IS(struct future_waker, data, void *, 0);
MEMBER_IS(struct future_waker, wake, future_waker_wake_fn, 8);
MEMBER_IS(struct future_poller, ptr_to_monitor, uint64_t *, 0);
MEMBER_IS(struct future_notifier, waker, struct future_waker, 0);
MEMBER_IS(struct future_notifier, poller, struct future_poller, 16);
MEMBER_IS(struct future_notifier, notifier_used, enum future_notifier_type, 24);
MEMBER_IS(struct future_notifier, padding, uint32_t, 28);
MEMBER_IS(struct future_chain_entry, map, future_map_fn, 0);
MEMBER_IS(struct future_chain_entry, map_arg, void *, 8);
MEMBER_IS(struct future_chain_entry, init, future_init_fn, 16);
MEMBER_IS(struct future_chain_entry, init_arg, void *, 24);
MEMBER_IS(struct future_chain_entry, flags, uint64_t, 32);
MEMBER_IS(struct future_chain_entry, future, struct future, 40);

#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(struct future) == 40 && sizeof(struct future_context) == 24, "size");
_Static_assert(sizeof(struct future_notifier) == 32 && sizeof(struct future_waker) == 16, "size");
_Static_assert(sizeof(struct future_poller) == 8 && sizeof(struct future_chain_entry) == 80,
	       "size");
#endif

_Static_assert(FUTURE_STATE_IDLE == 0 && FUTURE_STATE_COMPLETE == 1 && FUTURE_STATE_RUNNING == 2,
	       "value");
_Static_assert(FUTURE_NOTIFIER_NONE == 0 && FUTURE_NOTIFIER_WAKER == 1 &&
		       FUTURE_NOTIFIER_POLLER == 2,
	       "value");
_Static_assert(FUTURE_PROPERTY_ASYNC == 0, "value");

#define FUNCTION_IS(name, type) _Static_assert(_Generic(&(name), type : 1, default : 0), #name)
#define TYPE_IS(name, type) _Static_assert(_Generic((name)0, type : 1, default : 0), #name)

FUNCTION_IS(future_poll, enum future_state (*)(struct future *, struct future_notifier *));
FUNCTION_IS(future_has_property, int (*)(struct future *, enum future_property));
FUNCTION_IS(future_context_get_data, void *(*)(struct future_context *));
FUNCTION_IS(future_context_get_output, void *(*)(struct future_context *));
FUNCTION_IS(future_context_get_size, size_t (*)(struct future_context *));
TYPE_IS(future_task_fn, enum future_state (*)(struct future_context *, struct future_notifier *));
TYPE_IS(future_has_property_fn, int (*)(void *, enum future_property));
TYPE_IS(future_waker_wake_fn, void (*)(void *));
TYPE_IS(future_map_fn, void (*)(struct future_context *, struct future_context *, void *));
TYPE_IS(future_init_fn, void (*)(void *, struct future_context *, void *));

/* ---- a task that does as it is told ---------------------------------------------------------- */

/* It returns the states of the script one after the other. */
struct told_data {
	const enum future_state *script;
	size_t calls;
	struct future_context *context;
	struct future_notifier *notifier;
};

struct told_output {
	size_t calls;
};

FUTURE(told_fut, struct told_data, struct told_output);

static enum future_state told_task(struct future_context *context, struct future_notifier *notifier)
{
	struct told_data *const data = future_context_get_data(context);
	struct told_output *const output = future_context_get_output(context);

	data->context = context;
	data->notifier = notifier;
	output->calls = ++data->calls;
	return data->script[data->calls - 1];
}

static struct told_fut told_make(const enum future_state *script)
{
	struct told_fut future = {.data = {.script = script}};

	FUTURE_INIT(&future, told_task);
	return future;
}

static const enum future_state completes[] = {FUTURE_STATE_COMPLETE};
static const enum future_state waits_thrice[] = {FUTURE_STATE_RUNNING, FUTURE_STATE_RUNNING,
						 FUTURE_STATE_RUNNING, FUTURE_STATE_COMPLETE};

/* ---- init ------------------------------------------------------------------------------------ */

static void test_future_init(void **state)
{
	struct told_fut future;

	(void)state;
	memset(&future, 0xee, sizeof(future));
	FUTURE_INIT(&future, told_task);
	assert_ptr_equal(future.base.task, told_task);
	assert_int_equal(future.base.context.state, FUTURE_STATE_IDLE);
	assert_int_equal(future.base.context.data_size, sizeof(struct told_data));
	assert_int_equal(future.base.context.output_size, sizeof(struct told_output));
	assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC), 0);
	for (size_t i = sizeof(struct future); i < sizeof(future); i++)
		assert_int_equal(((unsigned char *)&future)[i], 0xee);
}

static void *property_future;
static int property_answer;

static int answer_property(void *future, enum future_property property)
{
	assert_int_equal(property, FUTURE_PROPERTY_ASYNC);
	property_future = future;
	return property_answer;
}

static void test_future_init_ext_asks_the_property_function(void **state)
{
	struct told_fut future = {.data = {.script = completes}};

	(void)state;
	FUTURE_INIT_EXT(&future, told_task, answer_property);
	assert_ptr_equal(future.base.has_property, answer_property);
	assert_int_equal(future.base.context.state, FUTURE_STATE_IDLE);
	for (property_answer = 0; property_answer <= 1; property_answer++) {
		property_future = NULL;
		assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC),
				 property_answer);
		assert_ptr_equal(property_future, &future);
	}
	/* F.5: a complete future is asked as well */
	assert_int_equal(future_poll(&future.base, NULL), FUTURE_STATE_COMPLETE);
	property_answer = 1;
	assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC), 1);
}

static void test_future_without_property_function_has_none(void **state)
{
	struct told_fut future = told_make(completes);

	(void)state;
	FUTURE_INIT_EXT(&future, told_task, NULL);
	assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC), 0);
	future_poll(&future.base, NULL);
	assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC), 0);
}

static void test_future_init_complete(void **state)
{
	struct told_fut future;
	struct told_fut before;

	(void)state;
	memset(&future, 0xee, sizeof(future));
	FUTURE_INIT_COMPLETE(&future);
	assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_COMPLETE);
	assert_null(future.base.task);
	assert_int_equal(future.base.context.data_size, sizeof(struct told_data));
	assert_int_equal(future.base.context.output_size, sizeof(struct told_output));
	assert_ptr_equal(future_context_get_output(&future.base.context), &future.output);
	memcpy(&before, &future, sizeof(before));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(future_poll(&future.base, NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(future_poll(&future.base, KIT_MADE_UP_NOTIFIER),
				 FUTURE_STATE_COMPLETE);
		assert_int_equal(future_has_property(&future.base, FUTURE_PROPERTY_ASYNC), 0);
	}
	assert_memory_equal(&before, &future, sizeof(future));
}

/* The macros take any expression and are one statement. */
static void test_future_macros_are_statements_and_take_expressions(void **state)
{
	struct told_fut futures[2];
	struct told_fut *pointers[] = {&futures[0], &futures[1]};
	int one = 1;

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(futures); i++)
		if (i == 0)
			FUTURE_INIT(pointers[i], one ? told_task : NULL);
		else
			FUTURE_INIT_COMPLETE(futures + one);
	assert_ptr_equal(futures[0].base.task, told_task);
	assert_int_equal(FUTURE_STATE(pointers[0] + 0), FUTURE_STATE_IDLE);
	assert_int_equal(FUTURE_STATE(futures + 1), FUTURE_STATE_COMPLETE);
	FUTURE_STATE(futures + 1) = FUTURE_STATE_RUNNING;
	assert_int_equal(futures[1].base.context.state, FUTURE_STATE_RUNNING);
}

static void test_future_access_macros(void **state)
{
	struct told_fut future = told_make(completes);

	(void)state;
	assert_ptr_equal(FUTURE_AS_RUNNABLE(&future), &future.base);
	assert_ptr_equal(FUTURE_DATA(&future), &future.data);
	assert_ptr_equal(FUTURE_OUTPUT(&future), &future.output);
	assert_ptr_equal(FUTURE_DATA(&future)->script, completes);
	assert_ptr_equal(future_context_get_data(&future.base.context), &future.data);
	assert_ptr_equal(future_context_get_output(&future.base.context), &future.output);
}

/* ---- poll ------------------------------------------------------------------------------------ */

/* F.2: NULL and a made-up pointer reach the task as they are. */
static void test_F2_poll_hands_the_notifier_on_unread(void **state)
{
	struct future_notifier notifier;
	struct future_notifier *const given[] = {NULL, KIT_MADE_UP_NOTIFIER, &notifier};
	struct told_fut future = told_make(waits_thrice);
	struct future_notifier before;

	(void)state;
	memset(&notifier, 0xa5, sizeof(notifier));
	memcpy(&before, &notifier, sizeof(before));
	for (size_t i = 0; i < KIT_COUNT(given); i++) {
		assert_int_equal(future_poll(&future.base, given[i]), FUTURE_STATE_RUNNING);
		assert_ptr_equal(future.data.notifier, given[i]);
		assert_ptr_equal(future.data.context, &future.base.context);
	}
	assert_memory_equal(&before, &notifier, sizeof(notifier));
}

static void test_F1_poll_calls_the_task_once_and_stores_its_answer(void **state)
{
	static const enum future_state script[] = {
		FUTURE_STATE_IDLE,    FUTURE_STATE_IDLE, FUTURE_STATE_RUNNING,
		FUTURE_STATE_RUNNING, FUTURE_STATE_IDLE, FUTURE_STATE_COMPLETE,
	};
	struct told_fut future = told_make(script);

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(script); i++) {
		assert_int_equal(future_poll(&future.base, NULL), script[i]);
		assert_int_equal(future.base.context.state, script[i]);
		assert_int_equal(FUTURE_OUTPUT(&future)->calls, i + 1);
	}
}

/* F.1, F.5: neither call the task of a complete future again nor change anything. */
static void test_F5_poll_of_a_complete_future_does_nothing(void **state)
{
	struct told_fut future = told_make(completes);
	struct told_fut before;

	(void)state;
	assert_int_equal(future_poll(&future.base, NULL), FUTURE_STATE_COMPLETE);
	memcpy(&before, &future, sizeof(before));
	for (int i = 0; i < 5; i++)
		assert_int_equal(future_poll(&future.base, i % 2 ? KIT_MADE_UP_NOTIFIER : NULL),
				 FUTURE_STATE_COMPLETE);
	assert_memory_equal(&before, &future, sizeof(future));
	assert_int_equal(future.data.calls, 1);
}

/* Programs complete a future by hand; its task must then not be called. */
static void test_future_state_set_by_hand_counts(void **state)
{
	struct told_fut future = told_make(completes);

	(void)state;
	future.base.context.state = FUTURE_STATE_COMPLETE;
	assert_int_equal(future_poll(&future.base, NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(future.data.calls, 0);
	future.base.context.state = FUTURE_STATE_IDLE;
	assert_int_equal(future_poll(&future.base, NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(future.data.calls, 1);
}

static void test_future_busy_poll(void **state)
{
	static const enum future_state script[] = {FUTURE_STATE_IDLE, FUTURE_STATE_RUNNING,
						   FUTURE_STATE_COMPLETE};
	struct told_fut future = told_make(script);

	(void)state;
	future.data.notifier = KIT_MADE_UP_NOTIFIER;
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(future.output.calls, 3);
	assert_null(future.data.notifier);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(future.output.calls, 3);
	FUTURE_INIT_COMPLETE(&future);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(future.data.calls, 3);
}

/* A task may poll other futures. */
struct outer_data {
	struct told_fut inner;
};

FUTURE(outer_fut, struct outer_data, struct told_output);

static enum future_state outer_task(struct future_context *context,
				    struct future_notifier *notifier)
{
	struct outer_data *const data = future_context_get_data(context);

	return future_poll(FUTURE_AS_RUNNABLE(&data->inner), notifier);
}

static void test_future_task_may_poll_others(void **state)
{
	struct outer_fut future = {.data = {.inner = told_make(waits_thrice)}};

	(void)state;
	FUTURE_INIT(&future, outer_task);
	for (int i = 0; i < 3; i++)
		assert_int_equal(future_poll(&future.base, KIT_MADE_UP_NOTIFIER),
				 FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(&future.base, NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(future.data.inner.output.calls, 4);
}

static void count_wake(void *data)
{
	++*(int *)data;
}

static void test_future_waker_wake(void **state)
{
	int wakes = 0;
	struct future_notifier notifier = {.waker = {&wakes, count_wake}};

	(void)state;
	FUTURE_WAKER_WAKE(&notifier.waker);
	FUTURE_WAKER_WAKE(&notifier.waker);
	assert_int_equal(wakes, 2);
}

/* ---- F.3: any alignment ---------------------------------------------------------------------- */

__extension__ struct empty {
};

struct byte {
	char bytes[1];
};

struct bytes3 {
	char bytes[3];
};

struct pair {
	uint16_t halves[3];
};

struct word {
	uint64_t words[1];
};

struct at16 {
	_Alignas(16) char bytes[17];
};

struct at64 {
	_Alignas(64) char bytes[1];
};

struct at4096 {
	_Alignas(4096) char bytes[5000];
};

struct at32768 {
	_Alignas(32768) char bytes[1];
};

#define FOR_EACH_OUTPUT(X, data)                                                                   \
	X(data, empty)                                                                             \
	X(data, byte)                                                                              \
	X(data, bytes3)                                                                            \
	X(data, pair)                                                                              \
	X(data, word)                                                                              \
	X(data, at16)                                                                              \
	X(data, at64)                                                                              \
	X(data, at4096)                                                                            \
	X(data, at32768)

#define FOR_EACH_PAIR(X)                                                                           \
	FOR_EACH_OUTPUT(X, empty)                                                                  \
	FOR_EACH_OUTPUT(X, byte)                                                                   \
	FOR_EACH_OUTPUT(X, bytes3)                                                                 \
	FOR_EACH_OUTPUT(X, pair)                                                                   \
	FOR_EACH_OUTPUT(X, word)                                                                   \
	FOR_EACH_OUTPUT(X, at16)                                                                   \
	FOR_EACH_OUTPUT(X, at64)                                                                   \
	FOR_EACH_OUTPUT(X, at4096)                                                                 \
	FOR_EACH_OUTPUT(X, at32768)

/* What a future of one pair of types looks like from outside. */
struct layout {
	struct future *future;
	char *shadow; /* as big as the future */
	size_t size;
	size_t data_at, data_size;
	size_t output_at, output_size;
	const char *name;
};

/* Changes every byte of data and of output. */
static void change_all(char *data, size_t data_size, char *output, size_t output_size)
{
	for (size_t i = 0; i < data_size; i++)
		data[i] = (char)~data[i];
	for (size_t i = 0; i < output_size; i++)
		output[i] = (char)(i * 7 + 1);
}

static enum future_state change_task(struct future_context *context,
				     struct future_notifier *notifier)
{
	(void)notifier;
	change_all(future_context_get_data(context), context->data_size,
		   future_context_get_output(context), context->output_size);
	return FUTURE_STATE_COMPLETE;
}

static void check_layout(const struct layout *layout)
{
	struct future_context *const context = &layout->future->context;
	char *const begin = (char *)layout->future;

	if (future_context_get_data(context) != begin + layout->data_at ||
	    future_context_get_output(context) != begin + layout->output_at)
		fail_msg("%s: data or output lies elsewhere", layout->name);
	assert_int_equal(context->data_size, layout->data_size);
	assert_int_equal(context->output_size, layout->output_size);
	assert_int_equal(future_context_get_size(context), layout->data_size + layout->output_size);

	memcpy(layout->shadow, begin, layout->size);
	change_all(layout->shadow + layout->data_at, layout->data_size,
		   layout->shadow + layout->output_at, layout->output_size);
	((struct future *)(void *)layout->shadow)->context.state = FUTURE_STATE_COMPLETE;
	assert_int_equal(future_poll(layout->future, NULL), FUTURE_STATE_COMPLETE);
	if (memcmp(layout->shadow, begin, layout->size) != 0)
		fail_msg("%s: the task changed something else", layout->name);
}

#define DEFINE_LAYOUT_CHECK(data_kind, output_kind)                                                \
	FUTURE(data_kind##_##output_kind##_fut, struct data_kind, struct output_kind);             \
	static void check_##data_kind##_##output_kind(void)                                        \
	{                                                                                          \
		static struct data_kind##_##output_kind##_fut future, shadow;                      \
		const struct layout layout = {                                                     \
			&future.base,                                                              \
			(char *)&shadow,                                                           \
			sizeof(future),                                                            \
			offsetof(struct data_kind##_##output_kind##_fut, data),                    \
			sizeof(struct data_kind),                                                  \
			offsetof(struct data_kind##_##output_kind##_fut, output),                  \
			sizeof(struct output_kind),                                                \
			#data_kind " -> " #output_kind,                                            \
		};                                                                                 \
                                                                                                   \
		memset(&future, 0x5a, sizeof(future));                                             \
		FUTURE_INIT(&future, change_task);                                                 \
		check_layout(&layout);                                                             \
		FUTURE_INIT_EXT(&future, change_task, NULL);                                       \
		check_layout(&layout);                                                             \
		FUTURE_INIT_COMPLETE(&future);                                                     \
		assert_ptr_equal(future_context_get_data(&future.base.context), &future.data);     \
		assert_ptr_equal(future_context_get_output(&future.base.context), &future.output); \
	}
FOR_EACH_PAIR(DEFINE_LAYOUT_CHECK)

#define CALL_LAYOUT_CHECK(data_kind, output_kind) check_##data_kind##_##output_kind();

static void test_F3_data_and_output_of_any_alignment(void **state)
{
	(void)state;
	FOR_EACH_PAIR(CALL_LAYOUT_CHECK)
}

/* The reference took an 8-byte output behind 1-byte data to begin at the second byte. */
static void test_F3_word_behind_a_byte_is_aligned(void **state)
{
	struct byte_word_fut future = {.output = {.words = {7}}};

	(void)state;
	FUTURE_INIT(&future, change_task);
	uint64_t *const output = future_context_get_output(&future.base.context);
	assert_int_equal((uintptr_t)output % sizeof(uint64_t), 0);
	assert_int_equal(*output, 7);
	assert_int_equal(future_context_get_size(&future.base.context), 9);
}

/* ---- F.4: copied, moved, polled by others ---------------------------------------------------- */

/* The struct as an array of bytes: the copy must be polled, not the original. */
static void test_F4_copy_of_an_idle_future_stands_alone(void **state)
{
	static const enum future_state script[] = {FUTURE_STATE_IDLE, FUTURE_STATE_COMPLETE};
	struct told_fut original = told_make(script);
	struct told_fut *const copy = malloc(sizeof(*copy));

	(void)state;
	assert_non_null(copy);
	assert_int_equal(future_poll(&original.base, NULL), FUTURE_STATE_IDLE);
	memcpy(copy, &original, sizeof(*copy));
	memset(&original, 0, sizeof(original));
	assert_int_equal(future_poll(&copy->base, NULL), FUTURE_STATE_COMPLETE);
	assert_ptr_equal(copy->data.context, &copy->base.context);
	assert_int_equal(copy->output.calls, 2);
	assert_null(original.data.context);
	free(copy);
}

static struct at64_at16_fut at64_at16_make(char content)
{
	struct at64_at16_fut future;

	memset(&future, content, sizeof(future));
	FUTURE_INIT(&future, change_task);
	return future;
}

static void test_F4_overaligned_future_is_returned_by_value(void **state)
{
	struct at64_at16_fut futures[3];

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(futures); i++)
		futures[i] = at64_at16_make((char)(i + 1));
	for (size_t i = 0; i < KIT_COUNT(futures); i++) {
		assert_int_equal(future_poll(&futures[i].base, NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(futures[i].data.bytes[0], (char)~(i + 1));
		assert_int_equal(futures[i].output.bytes[16], 16 * 7 + 1);
	}
}

static void *poll_once(void *future)
{
	future_poll(future, NULL);
	return NULL;
}

/*
 * Each poll on a thread of its own, one after the other (under ThreadSanitizer, nothing may be
 * shared unordered).
 */
static void test_F4_threads_may_take_turns(void **state)
{
	struct told_fut future = told_make(waits_thrice);

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(waits_thrice); i++) {
		pthread_t thread;

		assert_int_equal(FUTURE_STATE(&future),
				 i == 0 ? FUTURE_STATE_IDLE : FUTURE_STATE_RUNNING);
		assert_int_equal(pthread_create(&thread, NULL, poll_once, &future), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(future.output.calls, i + 1);
	}
	assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_COMPLETE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_future_init),
		cmocka_unit_test(test_future_init_ext_asks_the_property_function),
		cmocka_unit_test(test_future_without_property_function_has_none),
		cmocka_unit_test(test_future_init_complete),
		cmocka_unit_test(test_future_macros_are_statements_and_take_expressions),
		cmocka_unit_test(test_future_access_macros),
		cmocka_unit_test(test_F2_poll_hands_the_notifier_on_unread),
		cmocka_unit_test(test_F1_poll_calls_the_task_once_and_stores_its_answer),
		cmocka_unit_test(test_F5_poll_of_a_complete_future_does_nothing),
		cmocka_unit_test(test_future_state_set_by_hand_counts),
		cmocka_unit_test(test_future_busy_poll),
		cmocka_unit_test(test_future_task_may_poll_others),
		cmocka_unit_test(test_future_waker_wake),
		cmocka_unit_test(test_F3_data_and_output_of_any_alignment),
		cmocka_unit_test(test_F3_word_behind_a_byte_is_aligned),
		cmocka_unit_test(test_F4_copy_of_an_idle_future_stands_alone),
		cmocka_unit_test(test_F4_overaligned_future_is_returned_by_value),
		cmocka_unit_test(test_F4_threads_may_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
