/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * future_kit.h: what the tests of futures and chains share: a trace, random numbers and "steps".
 *
 * A step is a future that does as its recipe says and writes down what happens to it. The trace is
 * a line of words: "i2" the init of step 2 was called, "r2" its task, "m2" the map of its entry. So
 * a test compares what a chain did with one string, and a failure shows both.
 */
#ifndef FUTURE_KIT_H
#define FUTURE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hashloom/future.h>

#define KIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Whether a sanitizer brings its own allocator, and takes its time. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KIT_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KIT_SANITIZED 1
#endif
#ifndef KIT_SANITIZED
#define KIT_SANITIZED 0
#endif

/* A notifier that crashes whoever looks into it. */
#define KIT_MADE_UP_NOTIFIER ((struct future_notifier *)(uintptr_t)0x1e0)

/* ---- the trace ------------------------------------------------------------------------------- */

struct kit_trace {
	char text[1 << 16];
	size_t length;
};

static struct kit_trace kit_trace;

static inline void kit_trace_reset(void)
{
	kit_trace.length = 0;
	kit_trace.text[0] = '\0';
}

static inline void kit_trace_add(struct kit_trace *trace, char what, int id)
{
	const size_t room = sizeof(trace->text) - trace->length;
	const char *const space = trace->length == 0 ? "" : " ";
	const int n = snprintf(trace->text + trace->length, room, "%s%c%d", space, what, id);

	assert_true(n > 0 && (size_t)n < room);
	trace->length += (size_t)n;
}

#define kit_assert_trace(expected) assert_string_equal(kit_trace.text, expected)

/* ---- random numbers (splitmix64) ------------------------------------------------------------- */

struct kit_random {
	uint64_t state;
};

static inline uint64_t kit_random_next(struct kit_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

/* 0 to limit - 1 */
static inline int kit_random_below(struct kit_random *random, int limit)
{
	return (int)(kit_random_next(random) % (uint64_t)limit);
}

/*
 * SEED from the environment, or one from where the program happens to lie; printed, so that a
 * failure can be had again.
 */
static inline struct kit_random kit_random_from_seed(void)
{
	const char *const text = getenv("SEED");
	struct kit_random random = {(uint64_t)(uintptr_t)&kit_trace};

	random.state = text != NULL ? strtoull(text, NULL, 0) : kit_random_next(&random) >> 32;
	print_message("SEED=%llu\n", (unsigned long long)random.state);
	return random;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Entries of a chain that a step sends back, so many times. */
struct kit_rewind {
	int times;
	size_t n;
	struct future_chain_entry *entries[16];
	struct future *futures[16];
};

struct kit_recipe {
	int id;
	int waits;                    /* polls that do not finish it */
	enum future_state wait_state; /* what these return: IDLE or RUNNING */
	int complete;                 /* made by FUTURE_INIT_COMPLETE */
	int async;                    /* the answer of its property function */
	struct kit_rewind *rewind;    /* or NULL */
};

struct kit_step_data {
	const struct kit_recipe *recipe;
	int waits_left;
	int input;
	struct future_notifier *notifier; /* what the last poll brought */
};

struct kit_step_output {
	int runs;
	int value; /* input + 1, on completion */
};

static inline void kit_send_back(const struct kit_rewind *rewind)
{
	for (size_t i = 0; i < rewind->n; i++) {
		rewind->entries[i]->flags &= ~(uint64_t)FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
		if (rewind->futures[i]->task != NULL)
			rewind->futures[i]->context.state = FUTURE_STATE_IDLE;
	}
}

static inline enum future_state kit_step_task(struct future_context *context,
					      struct future_notifier *notifier)
{
	struct kit_step_data *const data = (struct kit_step_data *)future_context_get_data(context);
	struct kit_step_output *const output =
		(struct kit_step_output *)future_context_get_output(context);
	const struct kit_recipe *const recipe = data->recipe;

	kit_trace_add(&kit_trace, 'r', recipe->id);
	output->runs++;
	data->notifier = notifier;
	if (data->waits_left > 0) {
		data->waits_left--;
		return recipe->wait_state;
	}
	if (recipe->rewind != NULL && recipe->rewind->times > 0) {
		recipe->rewind->times--;
		kit_send_back(recipe->rewind);
		return FUTURE_STATE_RUNNING;
	}
	output->value = data->input + 1;
	return FUTURE_STATE_COMPLETE;
}

/* Whom kit_step_property was asked about last. */
static void *kit_property_asked;

static inline int kit_step_property(void *future, enum future_property property)
{
	struct future_context *const context = &((struct future *)future)->context;
	struct kit_step_data *const data = (struct kit_step_data *)future_context_get_data(context);

	assert_int_equal(property, FUTURE_PROPERTY_ASYNC);
	kit_property_asked = future;
	return data->recipe->async;
}

#define KIT_STEP_SET(futurep, step_recipe)                                                         \
	do {                                                                                       \
		(futurep)->data.step.recipe = (step_recipe);                                       \
		(futurep)->data.step.waits_left = (step_recipe)->waits;                            \
		(futurep)->data.step.input = 0;                                                    \
		(futurep)->data.step.notifier = NULL;                                              \
		(futurep)->output.step.runs = 0;                                                   \
		(futurep)->output.step.value = 0;                                                  \
		if ((step_recipe)->complete)                                                       \
			FUTURE_INIT_COMPLETE(futurep);                                             \
		else                                                                               \
			FUTURE_INIT_EXT(futurep, kit_step_task, kit_step_property);                \
	} while (0)

/*
 * Defines a kind of step, which differs from the others in size and alignment: struct name_fut,
 * name_make(recipe) and the init function name_init of a lazy entry (its argument is the recipe).
 */
#define KIT_STEP(name, data_align, data_ballast, output_align, output_ballast)                     \
	struct name##_data {                                                                       \
		_Alignas(data_align) struct kit_step_data step;                                    \
		char ballast[data_ballast];                                                        \
	};                                                                                         \
	struct name##_output {                                                                     \
		_Alignas(output_align) struct kit_step_output step;                                \
		char ballast[output_ballast];                                                      \
	};                                                                                         \
	FUTURE(name##_fut, struct name##_data, struct name##_output);                              \
	HL_UNUSED static inline struct name##_fut name##_make(const struct kit_recipe *recipe)     \
	{                                                                                          \
		struct name##_fut future;                                                          \
                                                                                                   \
		memset(&future, 0x6b, sizeof(future));                                             \
		KIT_STEP_SET(&future, recipe);                                                     \
		return future;                                                                     \
	}                                                                                          \
	HL_UNUSED static inline void name##_init(void *future, struct future_context *chain,       \
					 void *arg)                                        \
	{                                                                                          \
		const struct kit_recipe *const recipe = (const struct kit_recipe *)arg;            \
		const struct name##_fut made = name##_make(recipe);                                \
                                                                                                   \
		assert_non_null(chain);                                                            \
		kit_trace_add(&kit_trace, 'i', recipe->id);                                        \
		memcpy(future, &made, sizeof(made));                                               \
	}                                                                                          \
	struct name##_fut

KIT_STEP(step, 8, 1, 4, 1);

#endif
