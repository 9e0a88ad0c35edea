/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_intern_threads.c: interning by several threads at once: each string gets one id (A.1), which leads back to its bytes for whoever
 * heard of it (A.3), and counts are exact (C.1).
 *
 * Method: threads start each round together on an empty table that is too small, and add the same strings in an order of their own,
 * by all the functions that add. They write down the ids that they were told, and how often they were told "new"; afterwards these are
 * compared. A string's bytes say which one it is, so that foreign or half-written bytes are seen. Some are long enough for a chunk of
 * their own.
 */
#include "map_kit.h"

#include <hashloom/intern.h>

#define STRINGS 600
#define TEXT_SIZE 700
#define CROWD 40 /* more than there are stripes */

enum way { ADD, ADD_BATCH, COUNT_BATCH, WAYS };

struct field {
	struct kit_errors errors;
	struct kit_allocator allocator;
	struct hashloom_intern *intern;
	unsigned threads;
	uint64_t seed;
	hl_u64 told_new;
	hl_u64 counted[STRINGS];
	hl_u32 heard[STRINGS]; /* 1 + the id, told by any thread; 0: not yet */
	uint32_t ids[CROWD][STRINGS];
};

/* The n-th string: its number, and bytes that follow from it. One in 16 is long. */
static struct hashloom_bytes make_text(unsigned char text[TEXT_SIZE], uint64_t n)
{
	const size_t length = n % 16 == 0 ? TEXT_SIZE - n / 16 % 64 : sizeof(n) + n % 40;

	memcpy(text, &n, sizeof(n));
	kit_value_fill(text + sizeof(n), length - sizeof(n), n);
	return (struct hashloom_bytes){ text, length };
}

static int is_text(const void *bytes, size_t length, uint64_t n)
{
	unsigned char text[TEXT_SIZE];
	const struct hashloom_bytes expected = make_text(text, n);

	return bytes != NULL && length == expected.length && kit_equal(bytes, text, length);
}

/* What a thread was told about a string. */
static void note(struct field *field, unsigned thread, size_t n, int result, uint32_t id)
{
	const uint32_t heard = hl_u32_load_relaxed(&field->heard[n]);
	size_t length;

	kit_expect(&field->errors, result == 0 || result == 1);
	kit_expect(&field->errors, heard == 0 || heard == id + 1);
	const void *const bytes = hashloom_intern_bytes(field->intern, id, &length);

	kit_expect(&field->errors, is_text(bytes, length, n));
	hl_u64_fetch_add_relaxed(&field->told_new, result == 1);
	field->ids[thread][n] = id;
	/* release. pairs with the acquire in hear(): a find after that must hit (A.3) */
	hl_u32_fetch_or_release(&field->heard[n], id + 1);
}

/* A string of which somebody else may have heard. */
static void hear(struct field *field, size_t n)
{
	unsigned char text[TEXT_SIZE];
	const uint32_t heard = hl_u32_load_acquire(&field->heard[n]);
	const struct hashloom_bytes string = make_text(text, n);
	uint32_t id;
	const int found = hashloom_intern_find(field->intern, string.data, string.length, &id);

	kit_expect(&field->errors, heard == 0 || found == 1);
	if (found)
		kit_expect(&field->errors, heard == 0 || id + 1 == heard);
}

#define SOME 7

/* Adds some strings in one of the ways. */
static void add_some(struct field *field, unsigned thread, enum way way, const size_t *order, size_t count)
{
	unsigned char texts[SOME][TEXT_SIZE];
	struct hashloom_bytes strings[SOME];
	uint64_t summands[SOME];
	uint32_t ids[SOME];
	int results[SOME];

	for (size_t i = 0; i < count; i++) {
		strings[i] = make_text(texts[i], order[i]);
		summands[i] = order[i] + thread;
	}
	if (way == ADD)
		for (size_t i = 0; i < count; i++)
			results[i] = hashloom_intern_add(field->intern, strings[i].data, strings[i].length, &ids[i]);
	else if (way == ADD_BATCH)
		(void)hashloom_intern_add_batch(field->intern, strings, count, ids, results);
	else
		(void)hashloom_intern_count_batch(field->intern, strings, summands, count, ids, results);
	for (size_t i = 0; i < count; i++) {
		note(field, thread, order[i], results[i], ids[i]);
		if (way == COUNT_BATCH)
			hl_u64_fetch_add_relaxed(&field->counted[order[i]], summands[i]);
	}
}

static void work(void *arg, unsigned thread, unsigned round)
{
	struct field *const field = arg;
	uint64_t random = field->seed + round * 1000 + thread;
	size_t order[STRINGS];

	kit_shuffle(order, STRINGS, &random);
	/* With the first strings all begin alike, so that they meet. */
	for (size_t i = 0; round % 2 == 0 && i < STRINGS; i++)
		order[i] = i;
	for (size_t i = 0; i < STRINGS; i += SOME) {
		add_some(field, thread, (enum way)kit_random_below(&random, WAYS), &order[i],
			 STRINGS - i < SOME ? STRINGS - i : SOME);
		hear(field, kit_random_below(&random, STRINGS));
	}
}

static void prepare(void *arg, unsigned round)
{
	struct field *const field = arg;
	const struct hashloom_intern_config config = { .strings_expected = round % 3 == 0 ? STRINGS : 5,
						       .value_size = sizeof(uint64_t),
						       .allocator = &field->allocator.hooks };

	kit_expect(&field->errors, hashloom_intern_create(&config, &field->intern) == HASHLOOM_OK);
	for (size_t n = 0; n < STRINGS; n++) {
		hl_u64_store_relaxed(&field->counted[n], 0);
		hl_u32_store_relaxed(&field->heard[n], 0);
	}
	hl_u64_store_relaxed(&field->told_new, 0);
}

static void verify(void *arg, unsigned round)
{
	struct field *const field = arg;
	struct hashloom_intern *const intern = field->intern;
	uint64_t position = 0;
	size_t entries = 0;
	size_t length;
	uint32_t id;

	(void)round;
	kit_expect(&field->errors, hashloom_intern_count(intern) == STRINGS);
	kit_expect(&field->errors, hl_u64_load_relaxed(&field->told_new) == STRINGS);
	for (const void *bytes; (bytes = hashloom_intern_next(intern, &position, UINT64_MAX, &id, &length)) != NULL; entries++) {
		uint64_t n;

		memcpy(&n, bytes, sizeof(n));
		kit_expect(&field->errors, n < STRINGS && is_text(bytes, length, n));
		for (unsigned i = 0; n < STRINGS && i < field->threads; i++)
			kit_expect(&field->errors, field->ids[i][n] == id);
		kit_expect(&field->errors, n < STRINGS && hl_u64_load_relaxed(hashloom_intern_value(intern, id)) ==
								  hl_u64_load_relaxed(&field->counted[n]));
	}
	kit_expect(&field->errors, entries == STRINGS);
	kit_expect(&field->errors, hashloom_intern_memory(intern) == hl_u64_load_relaxed(&field->allocator.bytes));
	hashloom_intern_destroy(intern);
	kit_expect(&field->errors, kit_allocator_blocks(&field->allocator) == 0);
}

static struct field *new_field(unsigned threads)
{
	struct field *const field = kit_zeroed(1, sizeof(*field));

	field->threads = threads;
	field->seed = kit_seed();
	kit_allocator_init(&field->allocator);
	return field;
}

static void delete_field(struct field *field)
{
	kit_assert_no_errors(&field->errors);
	kit_allocator_assert_done(&field->allocator);
	free(field);
}

static void gang(unsigned threads)
{
	struct field *const field = new_field(threads);
	struct kit_gang gang = { .threads = threads, .rounds = KIT_REPEAT(100), .prepare = prepare, .work = work, .verify = verify,
				 .arg = field };

	kit_gang_run(&gang);
	delete_field(field);
}

static void test_intern_one_id_for_each_string_2_threads(void **state)
{
	(void)state;
	gang(2);
}

static void test_intern_one_id_for_each_string_8_threads(void **state)
{
	(void)state;
	gang(8);
}

struct member {
	struct field *field;
	unsigned thread;
	hl_u32 *arrived;
};

static void *run_member(void *arg)
{
	const struct member *const member = arg;

	hl_u32_fetch_add_release(member->arrived, 1);
	kit_wait_for(member->arrived, CROWD);
	work(member->field, member->thread, member->thread % 2);
	return NULL;
}

/* Threads that share the stripes of the arena, whose chunks are small at first. */
static void test_intern_more_threads_than_stripes(void **state)
{
	struct field *const field = new_field(CROWD);

	(void)state;
	for (unsigned round = 0; round < KIT_REPEAT(20); round++) {
		struct member members[CROWD];
		pthread_t threads[CROWD];
		hl_u32 arrived = { 0 };

		prepare(field, round);
		for (unsigned i = 0; i < CROWD; i++) {
			members[i] = (struct member){ field, i, &arrived };
			threads[i] = kit_start(run_member, &members[i]);
		}
		for (unsigned i = 0; i < CROWD; i++)
			kit_join(threads[i]);
		verify(field, round);
	}
	delete_field(field);
}

#define OWN_STRINGS 100

static void *add_own(void *arg)
{
	const struct member *const member = arg;
	struct field *const field = member->field;
	unsigned char text[TEXT_SIZE];

	hl_u32_fetch_add_release(member->arrived, 1);
	kit_wait_for(member->arrived, CROWD);
	for (size_t i = 0; i < OWN_STRINGS; i++) {
		const struct hashloom_bytes string = make_text(text, member->thread + i * CROWD);

		kit_expect(&field->errors, hashloom_intern_add(field->intern, string.data, string.length, NULL) == 1);
	}
	return NULL;
}

/* Each thread has strings of its own, so that nothing but the arena makes one wait to see what the other did. */
static void test_intern_strings_of_their_own(void **state)
{
	struct field *const field = new_field(CROWD);
	unsigned char text[TEXT_SIZE];

	(void)state;
	for (unsigned round = 0; round < KIT_REPEAT(20); round++) {
		hl_u32 arrived = { 0 };
		struct member members[CROWD];
		pthread_t threads[CROWD];

		prepare(field, 0);
		for (unsigned i = 0; i < CROWD; i++) {
			members[i] = (struct member){ field, i, &arrived };
			threads[i] = kit_start(add_own, &members[i]);
		}
		for (unsigned i = 0; i < CROWD; i++)
			kit_join(threads[i]);
		for (size_t n = 0; n < CROWD * OWN_STRINGS; n++) {
			const struct hashloom_bytes string = make_text(text, n);
			uint32_t id = UINT32_MAX;
			size_t length = 0;

			assert_int_equal(hashloom_intern_find(field->intern, string.data, string.length, &id), 1);
			const void *const bytes = hashloom_intern_bytes(field->intern, id, &length);

			assert_true(is_text(bytes, length, n));
		}
		hashloom_intern_destroy(field->intern);
	}
	delete_field(field);
}

#define PAIR_STRINGS KIT_REPEAT(20000)

struct pair_member {
	struct member member; /* thread: 0 or 1 */
	hl_u32 *has_stripe;
};

static void *add_beside_the_other(void *arg)
{
	const struct pair_member *const self = arg;
	struct field *const field = self->member.field;

	(void)hl_thread_stripe();
	hl_u32_fetch_add_release(self->has_stripe, 1);
	kit_wait_for(self->member.arrived, 2);
	for (uint64_t i = 0; i < PAIR_STRINGS; i++) {
		const uint64_t n = 2 * i + self->member.thread;

		kit_expect(&field->errors, hashloom_intern_add(field->intern, &n, sizeof(n), NULL) == 1);
	}
	return NULL;
}

static void *take_a_stripe(void *arg)
{
	(void)arg;
	(void)hl_thread_stripe();
	return NULL;
}

/* Two threads of one stripe, that is so many threads apart, take records from one chunk at the same time. */
static void test_intern_two_threads_of_one_stripe(void **state)
{
	struct field *const field = new_field(2);
	hl_u32 arrived = { 0 };
	hl_u32 have_stripes = { 0 };
	struct pair_member members[2];
	pthread_t threads[2];

	(void)state;
	prepare(field, 1);
	for (unsigned i = 0; i < 2; i++) {
		members[i] = (struct pair_member){ { field, i, &arrived }, &have_stripes };
		threads[i] = kit_start(add_beside_the_other, &members[i]);
		kit_wait_for(&have_stripes, i + 1);
		for (unsigned others = 1; i == 0 && others < HL_STRIPES; others++)
			kit_join(kit_start(take_a_stripe, NULL));
		hl_u32_fetch_add_release(&arrived, 1);
	}
	for (unsigned i = 0; i < 2; i++)
		kit_join(threads[i]);
	for (uint64_t n = 0; n < 2 * PAIR_STRINGS; n++)
		assert_int_equal(hashloom_intern_find(field->intern, &n, sizeof(n), NULL), 1);
	assert_int_equal(hashloom_intern_count(field->intern), 2 * PAIR_STRINGS);
	hashloom_intern_destroy(field->intern);
	delete_field(field);
}

/* With memory that fails now and then, what was told is still true; what failed is added at last. */
static void *add_until_done(void *arg)
{
	const struct member *const member = arg;
	struct field *const field = member->field;
	unsigned char text[TEXT_SIZE];

	for (size_t n = 0; n < STRINGS; n++) {
		const struct hashloom_bytes string = make_text(text, n);
		uint32_t id = 0;
		int result;

		/* Ends: the allocator heals. */
		while ((result = hashloom_intern_add(field->intern, string.data, string.length, &id)) == HASHLOOM_ERROR_NO_MEMORY)
			kit_allocator_heal(&field->allocator);
		note(field, member->thread, n, result, id);
		if (n % 50 == member->thread)
			kit_allocator_fail(&field->allocator, 0, KIT_NO_FAILURE);
	}
	return NULL;
}

static void test_intern_without_memory_now_and_then(void **state)
{
	struct field *const field = new_field(4);

	(void)state;
	for (unsigned round = 0; round < KIT_REPEAT(40); round++) {
		struct member members[4];
		pthread_t threads[4];

		prepare(field, 1);
		for (unsigned i = 0; i < 4; i++) {
			members[i] = (struct member){ field, i, NULL };
			threads[i] = kit_start(add_until_done, &members[i]);
		}
		for (unsigned i = 0; i < 4; i++)
			kit_join(threads[i]);
		kit_allocator_heal(&field->allocator);
		verify(field, round);
	}
	delete_field(field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intern_one_id_for_each_string_2_threads),
		cmocka_unit_test(test_intern_one_id_for_each_string_8_threads),
		cmocka_unit_test(test_intern_more_threads_than_stripes),
		cmocka_unit_test(test_intern_strings_of_their_own),
		cmocka_unit_test(test_intern_two_threads_of_one_stripe),
		cmocka_unit_test(test_intern_without_memory_now_and_then),
	};

	return KIT_RUN(tests);
}
