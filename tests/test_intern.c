/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_intern.c: byte strings as ids, in one thread: what each function returns, lengths from none to a mebibyte, hashes that
 * collide, limits, and memory that runs out at each point.
 *
 * Method: intern.c is compiled into the test, so that limits can be reached which are too far away otherwise: the number of
 * the next chunk is set, or a stripe is made to look as if another thread were at it. An allocator counts what is given back.
 */
#include "map_kit.h"

#include "intern.c"

#define MEBIBYTE ((size_t)1 << 20)
#define TEXT_SIZE 32

static struct hashloom_intern *new_intern(const struct hashloom_intern_config *config)
{
	struct hashloom_intern *intern = NULL;

	assert_int_equal(hashloom_intern_create(config, &intern), HASHLOOM_OK);
	assert_non_null(intern);
	return intern;
}

/* The n-th of many strings, some of which are the beginning of others. */
static size_t make_text(char text[TEXT_SIZE], size_t n)
{
	return (size_t)snprintf(text, TEXT_SIZE, "%zx", n * 7);
}

static uint32_t add_new(struct hashloom_intern *intern, const void *data, size_t length)
{
	uint32_t id = UINT32_MAX;

	assert_int_equal(hashloom_intern_find(intern, data, length, &id), 0);
	assert_int_equal(id, UINT32_MAX);
	assert_int_equal(hashloom_intern_add(intern, data, length, &id), 1);
	assert_true(id < hashloom_intern_ids(intern));
	return id;
}

/* All that can be asked about a string that is there. */
static void assert_is(struct hashloom_intern *intern, uint32_t id, const void *data, size_t length)
{
	uint32_t found = ~id;
	size_t stored_length = ~length;
	const char *const bytes = hashloom_intern_bytes(intern, id, &stored_length);

	assert_non_null(bytes);
	assert_int_equal(stored_length, length);
	assert_true(length == 0 || kit_equal(bytes, data, length));
	assert_int_equal(bytes[length], 0);
	assert_ptr_equal(hashloom_intern_bytes(intern, id, NULL), bytes);
	assert_int_equal(hashloom_intern_find(intern, data, length, &found), 1);
	assert_int_equal(found, id);
	found = ~id;
	assert_int_equal(hashloom_intern_add(intern, data, length, &found), 0);
	assert_int_equal(found, id);
	assert_int_equal(hashloom_intern_find(intern, data, length, NULL), 1);
	assert_int_equal(hashloom_intern_add(intern, data, length, NULL), 0);
}

/* ---- behaviour ---------------------------------------------------------------------------------------------- */

static void test_intern_strings_of_all_kinds(void **state)
{
	static const struct hashloom_bytes strings[] = {
		{ "loom", 4 },	    { NULL, 0 },	 { "\0", 1 },	     { "\0\0", 2 },	{ "loom\0", 5 },
		{ "loo", 3 },	    { "Loom", 4 },	 { "\377\376\n", 3 }, { "a\0b", 3 },	{ "a\0c", 3 },
		{ "loom\0loom", 9 }, { "loomloomloom", 12 },
	};
	struct hashloom_intern *const intern = new_intern(NULL);
	uint32_t ids[KIT_COUNT(strings)];

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(strings); i++) {
		assert_int_equal(hashloom_intern_count(intern), i);
		ids[i] = add_new(intern, strings[i].data, strings[i].length);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(ids[i], ids[j]);
	}
	for (size_t i = 0; i < KIT_COUNT(strings); i++)
		assert_is(intern, ids[i], strings[i].data, strings[i].length);
	/* The empty string is one, wherever it is. */
	assert_is(intern, ids[1], "x", 0);
	assert_int_equal(hashloom_intern_count(intern), KIT_COUNT(strings));
	hashloom_intern_destroy(intern);
	hashloom_intern_destroy(NULL);
}

/* Around each length where the length itself, the hash or the arena changes its way; each differs from the others in its length alone. */
static void test_intern_lengths(void **state)
{
	static const size_t around[] = { 8, 16, 128, 240, 254, 512, 4096, 65536, CHUNK_SIZE_MAX / RECORD_SHARE, MEBIBYTE,
					 CHUNK_SIZE_MAX };
	struct hashloom_intern *const intern = new_intern(NULL);
	char *const data = kit_zeroed(CHUNK_SIZE_MAX + 16, 1);
	uint32_t ids[KIT_COUNT(around)][6];

	(void)state;
	memset(data, 'x', CHUNK_SIZE_MAX + 16);
	for (size_t i = 0; i < KIT_COUNT(around); i++)
		for (size_t j = 0; j < 6; j++)
			ids[i][j] = add_new(intern, data, around[i] - 3 + j);
	for (size_t i = 0; i < KIT_COUNT(around); i++)
		for (size_t j = 0; j < 6; j++)
			assert_is(intern, ids[i][j], data, around[i] - 3 + j);
	/* The last byte counts as well as the first. */
	data[MEBIBYTE - 1] = 'y';
	const uint32_t last = add_new(intern, data, MEBIBYTE);
	data[MEBIBYTE - 1] = 'x';
	data[0] = 'y';
	const uint32_t first = add_new(intern, data, MEBIBYTE);
	assert_is(intern, first, data, MEBIBYTE);
	assert_int_not_equal(first, last);
	free(data);
	hashloom_intern_destroy(intern);
}

static void test_intern_ids_that_are_none(void **state)
{
	struct hashloom_intern *const intern = new_intern(NULL);
	const uint32_t id = add_new(intern, "one", 3);
	size_t length = 42;

	(void)state;
	for (uint64_t other = 0; other < hashloom_intern_ids(intern) + 100; other++) {
		if (other == id)
			continue;
		assert_null(hashloom_intern_bytes(intern, (uint32_t)other, &length));
		assert_null(hashloom_intern_value(intern, (uint32_t)other));
	}
	assert_null(hashloom_intern_bytes(intern, UINT32_MAX, &length));
	assert_int_equal(length, 42);
	hashloom_intern_destroy(intern);
}

static void test_intern_values(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 8, 12, 24, 1000 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sizes); i++) {
		const struct hashloom_intern_config config = { .value_size = sizes[i], .strings_expected = 10 };
		struct hashloom_intern *const intern = new_intern(&config);
		unsigned char *values[500];
		char text[TEXT_SIZE];

		for (size_t n = 0; n < KIT_COUNT(values); n++) {
			const uint32_t id = add_new(intern, text, make_text(text, n));

			values[n] = hashloom_intern_value(intern, id);
			assert_non_null(values[n]);
			assert_true(kit_all_bytes_are(values[n], 0, sizes[i]));
			if (sizes[i] >= 8)
				assert_int_equal((uintptr_t)values[n] % _Alignof(uint64_t), 0);
			memset(values[n], (int)n, sizes[i]);
		}
		for (size_t n = 0; n < KIT_COUNT(values); n++) {
			uint32_t id = UINT32_MAX;

			assert_int_equal(hashloom_intern_find(intern, text, make_text(text, n), &id), 1);
			assert_ptr_equal(hashloom_intern_value(intern, id), values[n]);
			assert_true(kit_all_bytes_are(values[n], (unsigned char)n, sizes[i]));
		}
		hashloom_intern_destroy(intern);
	}
}

/* From ten to a million: ids, addresses of strings and of values stay. */
static void test_intern_growth_keeps_ids_and_addresses(void **state)
{
	static const size_t strings = KIT_REPEAT(1000000);
	const struct hashloom_intern_config config = { .strings_expected = 10, .value_size = 8, .seed = 1 };
	struct hashloom_intern *const intern = new_intern(&config);
	uint32_t *const ids = kit_zeroed(strings, sizeof(*ids));
	const void **const bytes = kit_zeroed(strings, sizeof(*bytes));
	void **const values = kit_zeroed(strings, sizeof(*values));
	char text[TEXT_SIZE];
	size_t length;

	(void)state;
	for (size_t n = 0; n < strings; n++) {
		assert_int_equal(hashloom_intern_add(intern, text, make_text(text, n), &ids[n]), 1);
		bytes[n] = hashloom_intern_bytes(intern, ids[n], NULL);
		values[n] = hashloom_intern_value(intern, ids[n]);
	}
	assert_int_equal(hashloom_intern_count(intern), strings);
	assert_true(hl_u32_load_relaxed(&intern->map.slabs_count) > 5);
	for (size_t n = 0; n < strings; n++) {
		uint32_t id = UINT32_MAX;

		assert_int_equal(hashloom_intern_find(intern, text, make_text(text, n), &id), 1);
		assert_int_equal(id, ids[n]);
		assert_ptr_equal(hashloom_intern_bytes(intern, id, &length), bytes[n]);
		assert_ptr_equal(hashloom_intern_value(intern, id), values[n]);
		assert_int_equal(length, strlen(text));
		assert_true(kit_equal(bytes[n], text, length));
	}
	free(values);
	free(bytes);
	free(ids);
	hashloom_intern_destroy(intern);
}

/* ---- hashes ------------------------------------------------------------------------------------------------- */

static uint64_t hash_seen;
static size_t hash_calls;

static uint64_t hash_of_seed(const void *data, size_t length, uint64_t seed)
{
	hash_calls++;
	hash_seen = length > 0 ? *(const unsigned char *)data : UINT64_MAX;
	return seed;
}

/* Whatever the hash: strings are told apart by their bytes. Among the seeds are those that make the keys lowest and highest. */
static void test_intern_same_hash_for_all(void **state)
{
	static const uint64_t seeds[] = { 0, UINT64_MAX, UINT64_C(0xffff0000), UINT64_C(0xffffffff0000ffff), UINT64_C(1) << 63 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(seeds); i++) {
		const struct hashloom_intern_config config = { .seed = seeds[i], .hash = hash_of_seed };
		struct hashloom_intern *const intern = new_intern(&config);
		uint32_t ids[300];
		char text[TEXT_SIZE];

		/* The longer ones first, so that the beginnings of others come after them. */
		for (size_t n = KIT_COUNT(ids); n-- > 0;)
			ids[n] = add_new(intern, text, make_text(text, n));
		for (size_t n = 0; n < KIT_COUNT(ids); n++) {
			const size_t length = make_text(text, n);

			assert_is(intern, ids[n], text, length);
		}
		/* The same bytes, but for the length. */
		memset(text, 'x', sizeof(text));
		for (size_t length = 0; length <= sizeof(text); length++)
			(void)add_new(intern, text, (length * 7) % (sizeof(text) + 1));
		hashloom_intern_destroy(intern);
	}
}

static uint64_t hash_without_fingerprint(const void *data, size_t length, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, length, seed) & ~UINT64_C(0xffff0000);
}

static void test_intern_same_fingerprint_for_all(void **state)
{
	const struct hashloom_intern_config config = { .hash = hash_without_fingerprint, .strings_expected = 10 };
	struct hashloom_intern *const intern = new_intern(&config);
	static uint32_t ids[20000];
	char text[TEXT_SIZE];

	(void)state;
	for (size_t n = 0; n < KIT_COUNT(ids); n++)
		ids[n] = add_new(intern, text, make_text(text, n));
	for (size_t n = 0; n < KIT_COUNT(ids); n++) {
		const size_t length = make_text(text, n);

		assert_is(intern, ids[n], text, length);
	}
	hashloom_intern_destroy(intern);
}

/* Strings of one home and tag, whose bytes must not be looked at: the fingerprint is compared first. */
static void test_intern_fingerprint_spares_the_bytes(void **state)
{
	const struct hashloom_intern_config config = { 0 };
	struct hashloom_intern *const intern = new_intern(&config);
	struct text text = text_of(intern, "loom", 4);
	const struct hl_ahm_policy policy = policy_of(intern);
	struct hl_ahm_place place;
	uint64_t word;

	(void)state;
	assert_int_equal(add_text(intern, &text, &place), 1);
	assert_int_equal(hl_ahm_entry_at(&policy, place, &word), 1);
	const uint64_t key = hl_aha_key(&policy.cell, word);
	assert_int_equal(key >> LOCATION_BITS, text.hash >> 16 & 0xffff);
	assert_int_equal(is_same(&text, key), 1);
	for (unsigned bit = 16; bit < 32; bit++) {
		text.hash ^= UINT64_C(1) << bit;
		assert_int_equal(is_same(&text, key), 0);
		/* A location that would be a fault if it were looked at. */
		assert_int_equal(is_same(&text, key | ((UINT64_C(1) << LOCATION_BITS) - 1)), 0);
		text.hash ^= UINT64_C(1) << bit;
	}
	hashloom_intern_destroy(intern);
}

static void test_intern_hash_is_used_and_seeded(void **state)
{
	const struct hashloom_intern_config config = { .hash = hash_of_seed, .seed = 77 };
	struct hashloom_intern *const intern = new_intern(&config);
	struct hashloom_intern *seeded[2];
	uint32_t differing = 0;
	char text[TEXT_SIZE];

	(void)state;
	hash_calls = 0;
	(void)add_new(intern, "q", 1);
	assert_int_equal(hash_seen, 'q');
	assert_int_equal(hash_calls, 2);
	hashloom_intern_destroy(intern);
	/* Other seeds, other places. */
	for (size_t i = 0; i < 2; i++) {
		const struct hashloom_intern_config seeds = { .seed = i };

		seeded[i] = new_intern(&seeds);
	}
	for (size_t n = 0; n < 100; n++) {
		const size_t length = make_text(text, n);

		differing += add_new(seeded[0], text, length) != add_new(seeded[1], text, length);
	}
	assert_true(differing > 50);
	hashloom_intern_destroy(seeded[0]);
	hashloom_intern_destroy(seeded[1]);
}

/* ---- batches and iteration ------------------------------------------------------------------------------------- */

#define BATCH_STRINGS 1000

/* Strings of which each third is one of those before. */
static void make_batch(struct hashloom_bytes strings[BATCH_STRINGS], char texts[BATCH_STRINGS][TEXT_SIZE])
{
	for (size_t i = 0; i < BATCH_STRINGS; i++) {
		const size_t length = make_text(texts[i], i % 3 == 2 ? i / 2 : i);

		strings[i] = (struct hashloom_bytes){ texts[i], length };
	}
}

static void test_intern_batches_do_as_single_calls(void **state)
{
	static char texts[BATCH_STRINGS][TEXT_SIZE];
	static const size_t counts[] = { 0, 1, 31, 32, 33, 500, BATCH_STRINGS };
	struct hashloom_bytes strings[BATCH_STRINGS];

	(void)state;
	make_batch(strings, texts);
	for (size_t c = 0; c < KIT_COUNT(counts); c++) {
		const size_t count = counts[c];
		struct hashloom_intern *const batched = new_intern(NULL);
		struct hashloom_intern *const single = new_intern(NULL);
		uint32_t ids[BATCH_STRINGS];
		int results[BATCH_STRINGS];
		size_t new_ones = 0;

		assert_int_equal(hashloom_intern_find_batch(batched, strings, count, ids, results), 0);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(results[i], 0);
		const size_t told = hashloom_intern_add_batch(batched, strings, count, ids, results);
		for (size_t i = 0; i < count; i++) {
			const int result = hashloom_intern_add(single, strings[i].data, strings[i].length, NULL);

			new_ones += result == 1;
			assert_int_equal(results[i], result);
			assert_is(batched, ids[i], strings[i].data, strings[i].length);
		}
		assert_int_equal(told, new_ones);
		assert_int_equal(hashloom_intern_count(batched), new_ones);
		memset(ids, 0xff, sizeof(ids));
		assert_int_equal(hashloom_intern_find_batch(batched, strings, count, ids, results), count);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(results[i], 1);
			assert_is(batched, ids[i], strings[i].data, strings[i].length);
		}
		assert_int_equal(hashloom_intern_add_batch(batched, strings, count, NULL, NULL), 0);
		hashloom_intern_destroy(batched);
		hashloom_intern_destroy(single);
	}
}

static uint64_t count_of(struct hashloom_intern *intern, const struct hashloom_bytes *string)
{
	uint32_t id;

	assert_int_equal(hashloom_intern_find(intern, string->data, string->length, &id), 1);
	return hl_u64_load_relaxed((hl_u64 *)hashloom_intern_value(intern, id));
}

static void test_intern_count_batch(void **state)
{
	static char texts[BATCH_STRINGS][TEXT_SIZE];
	struct hashloom_bytes strings[BATCH_STRINGS];
	uint64_t summands[BATCH_STRINGS];
	int results[BATCH_STRINGS];
	const struct hashloom_intern_config config = { .value_size = 16 };
	struct hashloom_intern *const intern = new_intern(&config);

	(void)state;
	make_batch(strings, texts);
	for (size_t i = 0; i < BATCH_STRINGS; i++)
		summands[i] = i << 33;
	const size_t new_ones = hashloom_intern_count_batch(intern, strings, summands, BATCH_STRINGS, NULL, results);
	assert_int_equal(new_ones, hashloom_intern_count(intern));
	assert_int_equal(hashloom_intern_count_batch(intern, strings, NULL, BATCH_STRINGS, NULL, NULL), 0);
	for (size_t i = 0; i < BATCH_STRINGS; i++) {
		uint64_t expected = 0;

		for (size_t j = 0; j < BATCH_STRINGS; j++)
			if (strcmp(texts[i], texts[j]) == 0)
				expected += summands[j] + 1;
		assert_int_equal(count_of(intern, &strings[i]), expected);
	}
	hashloom_intern_destroy(intern);
}

static void test_intern_iteration(void **state)
{
	const struct hashloom_intern_config config = { .strings_expected = 10, .value_size = sizeof(uint64_t) };
	struct hashloom_intern *const intern = new_intern(&config);
	static unsigned char seen[5000];
	char text[TEXT_SIZE];
	uint64_t position = 0;
	uint32_t id = 0;
	size_t length = 0;

	(void)state;
	assert_null(hashloom_intern_next(intern, &position, UINT64_MAX, &id, &length));
	for (size_t n = 0; n < KIT_COUNT(seen); n++) {
		(void)hashloom_intern_add(intern, text, make_text(text, n), &id);
		*(uint64_t *)hashloom_intern_value(intern, id) = n;
	}
	const uint64_t ids = hashloom_intern_ids(intern);
	for (uint64_t part = 0; part < 7; part++) {
		const uint64_t end = ids * (part + 1) / 7;
		const char *bytes;

		position = ids * part / 7;
		for (uint64_t last = position; (bytes = hashloom_intern_next(intern, &position, end, &id, &length)) != NULL;
		     last = id + UINT64_C(1)) {
			const uint64_t n = *(uint64_t *)hashloom_intern_value(intern, id);

			assert_true(id >= last && id < end && position == id + UINT64_C(1));
			assert_int_equal(length, make_text(text, n));
			assert_true(kit_equal(bytes, text, length));
			seen[n]++;
		}
	}
	assert_true(kit_all_bytes_are(seen, 1, sizeof(seen)));
	position = 0;
	assert_non_null(hashloom_intern_next(intern, &position, UINT64_MAX, NULL, NULL));
	hashloom_intern_destroy(intern);
}

/* ---- errors and limits ----------------------------------------------------------------------------------------- */

static void test_intern_wrong_arguments(void **state)
{
	static const struct hashloom_intern_config wrong[] = {
		{ .value_size = ((size_t)1 << 30) + 1 }, { .value_size = SIZE_MAX }, { .strings_expected = SIZE_MAX },
		{ .strings_expected = (size_t)1 << 32 },
	};
	struct hashloom_intern *intern = (struct hashloom_intern *)&intern;
	const struct hashloom_bytes strings[] = { { "a", 1 }, { "b", SIZE_MAX }, { "c", 1 } };
	uint32_t ids[] = { 7, 7, 7 };
	int results[3];

	(void)state;
	KIT_SKIP_WITH_SMALL_ADDRESSES();
	for (size_t i = 0; i < KIT_COUNT(wrong); i++) {
		assert_int_equal(hashloom_intern_create(&wrong[i], &intern), HASHLOOM_ERROR_INVALID_ARGUMENT);
		assert_ptr_equal(intern, &intern);
	}
	intern = new_intern(NULL);
	assert_int_equal(hashloom_intern_add(intern, "x", SIZE_MAX, &ids[0]), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(hashloom_intern_add(intern, "x", LENGTH_MAX + 1, &ids[0]), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(hashloom_intern_find(intern, "x", SIZE_MAX, &ids[0]), 0);
	assert_int_equal(ids[0], 7);
	/* The others are done. */
	assert_int_equal(hashloom_intern_add_batch(intern, strings, 3, ids, results), 2);
	assert_int_equal(results[0], 1);
	assert_int_equal(results[1], HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(results[2], 1);
	assert_int_equal(ids[1], 7);
	assert_is(intern, ids[2], "c", 1);
	/* There is nothing to count in. */
	assert_int_equal(hashloom_intern_count_batch(intern, strings, NULL, 3, ids, results), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(results[i], HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(hashloom_intern_count_batch(intern, strings, NULL, 3, NULL, NULL), 0);
	hashloom_intern_destroy(intern);
}

/* Strings of many lengths; the longest have a chunk of their own. */
static size_t make_sweep_text(char *text, size_t n)
{
	memset(text, 'a' + (int)(n % 26), 3000);
	(void)make_text(text, n);
	return n % 10 == 9 ? 3000 : n % 10 * 4 + 9;
}

/* Adds some strings, of which some fail. After a failure all is as it was before. */
static unsigned sweep(struct hashloom_intern *intern, struct kit_allocator *allocator, size_t strings)
{
	static char text[4096];
	unsigned failures = 0;

	for (size_t n = 0; n < strings; n++) {
		const size_t length = make_sweep_text(text, n);
		const size_t count = hashloom_intern_count(intern);
		const uint32_t chunks = hl_u32_load_relaxed(&intern->chunks_count);
		uint32_t id = 42;
		const int result = hashloom_intern_add(intern, text, length, &id);

		if (result < 0) {
			failures++;
			assert_int_equal(result, HASHLOOM_ERROR_NO_MEMORY);
			assert_int_equal(id, 42);
			assert_int_equal(hashloom_intern_find(intern, text, length, NULL), 0);
			assert_int_equal(hashloom_intern_count(intern), count);
			assert_int_equal(hl_u32_load_relaxed(&intern->chunks_count), chunks);
			kit_allocator_heal(allocator);
			assert_int_equal(hashloom_intern_add(intern, text, length, &id), 1);
		}
		assert_is(intern, id, text, length);
		assert_int_equal(hashloom_intern_count(intern), count + 1);
		assert_int_equal(hashloom_intern_memory(intern), hl_u64_load_relaxed(&allocator->bytes));
	}
	return failures;
}

static void test_intern_without_memory_at_each_point(void **state)
{
	unsigned after = 0;

	(void)state;
	for (unsigned failures = 1; failures > 0; after++) {
		struct kit_allocator allocator;
		struct hashloom_intern *intern = NULL;

		kit_allocator_init(&allocator);
		const struct hashloom_intern_config config = { .strings_expected = 10, .allocator = &allocator.hooks };
		kit_allocator_fail(&allocator, after, KIT_NO_FAILURE);
		const int result = hashloom_intern_create(&config, &intern);

		assert_int_equal(result, after < 2 ? HASHLOOM_ERROR_NO_MEMORY : HASHLOOM_OK);
		if (result == HASHLOOM_OK) {
			failures = sweep(intern, &allocator, 1200);
			hashloom_intern_destroy(intern);
		}
		kit_allocator_assert_done(&allocator);
	}
	/* Among them were segments of the directory, chunks, and slabs. */
	assert_in_range(after, 20, 200);
}

/* The number of strings that the map takes before it asks for a further slab. */
static void fill_up(struct hashloom_intern *intern, struct kit_allocator *allocator)
{
	char text[TEXT_SIZE];
	int result = 1;

	kit_allocator_fail(allocator, 0, KIT_NO_FAILURE);
	for (size_t n = 0; result == 1; n++)
		result = hashloom_intern_add(intern, text, make_text(text, n), NULL);
	assert_int_equal(result, HASHLOOM_ERROR_NO_MEMORY);
}

/* Adds that fail can be repeated without end. */
static void test_intern_failed_adds_leave_nothing_behind(void **state)
{
	struct kit_allocator allocator;

	(void)state;
	kit_allocator_init(&allocator);
	const struct hashloom_intern_config config = { .strings_expected = 10, .allocator = &allocator.hooks };
	struct hashloom_intern *const intern = new_intern(&config);
	struct stripe *const stripe = &intern->stripes[hl_thread_stripe()];
	static char large[70000];

	(void)add_new(intern, "", 0);
	fill_up(intern, &allocator);
	const struct chunk *const chunk = hl_ptr_load_relaxed(&stripe->chunk);
	const uint64_t used = hl_u64_load_relaxed(&chunk->used);
	const uint32_t chunks = hl_u32_load_relaxed(&intern->chunks_count);
	const size_t memory = hashloom_intern_memory(intern);

	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(hashloom_intern_add(intern, "short", 5, NULL), HASHLOOM_ERROR_NO_MEMORY);
		assert_int_equal(hashloom_intern_add(intern, large, sizeof(large), NULL), HASHLOOM_ERROR_NO_MEMORY);
	}
	assert_int_equal(hl_u64_load_relaxed(&chunk->used), used);
	assert_int_equal(hl_u32_load_relaxed(&intern->chunks_count), chunks);
	assert_int_equal(hashloom_intern_memory(intern), memory);
	assert_int_equal(memory, hl_u64_load_relaxed(&allocator.bytes));
	kit_allocator_heal(&allocator);
	assert_is(intern, add_new(intern, large, sizeof(large)), large, sizeof(large));
	assert_is(intern, add_new(intern, "short", 5), "short", 5);
	hashloom_intern_destroy(intern);
	kit_allocator_assert_done(&allocator);
}

static void test_intern_no_chunk_numbers_left(void **state)
{
	struct hashloom_intern *const intern = new_intern(NULL);
	static char large[5000];
	const uint32_t id = add_new(intern, "loom", 4);

	(void)state;
	hl_u32_store_relaxed(&intern->chunks_count, CHUNKS_MAX);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(hashloom_intern_add(intern, large, sizeof(large), NULL), HASHLOOM_ERROR_FULL);
		assert_int_equal(hashloom_intern_find(intern, large, sizeof(large), NULL), 0);
	}
	assert_int_equal(hl_u32_load_relaxed(&intern->chunks_count), CHUNKS_MAX);
	/* There is room left in a chunk. */
	assert_is(intern, add_new(intern, "weft", 4), "weft", 4);
	assert_is(intern, id, "loom", 4);
	/* The last number but one is a chunk's: its keys are the highest, and none of those that are reserved. */
	hl_u32_store_relaxed(&intern->chunks_count, CHUNKS_MAX - 1);
	const uint32_t last = add_new(intern, large, sizeof(large));
	assert_is(intern, last, large, sizeof(large));
	hashloom_intern_destroy(intern);
}

/* 300 records with a chunk each: the directory has several segments. Another thread seems to be at the stripe's chunk. */
static void test_intern_chunks_of_one_record(void **state)
{
	struct kit_allocator allocator;

	(void)state;
	kit_allocator_init(&allocator);
	const struct hashloom_intern_config config = { .allocator = &allocator.hooks };
	struct hashloom_intern *const intern = new_intern(&config);
	struct stripe *const stripe = &intern->stripes[hl_thread_stripe()];
	uint32_t ids[300];
	char text[TEXT_SIZE];

	hl_u32_store_relaxed(&stripe->growing, 1);
	for (size_t n = 0; n < KIT_COUNT(ids); n++) {
		ids[n] = add_new(intern, text, make_text(text, n));
		assert_int_equal(hl_u32_load_relaxed(&intern->chunks_count), n + 1);
	}
	assert_null(hl_ptr_load_relaxed(&stripe->chunk));
	assert_non_null(hl_ptr_load_relaxed(&intern->segments[2]));
	assert_null(hl_ptr_load_relaxed(&intern->segments[3]));
	hl_u32_store_relaxed(&stripe->growing, 0);
	for (size_t n = 0; n < KIT_COUNT(ids); n++) {
		const size_t length = make_text(text, n);

		assert_is(intern, ids[n], text, length);
	}
	/* From now on they share one. */
	(void)add_new(intern, "loom", 4);
	(void)add_new(intern, "weft", 4);
	assert_int_equal(hl_u32_load_relaxed(&intern->chunks_count), KIT_COUNT(ids) + 1);
	hashloom_intern_destroy(intern);
	kit_allocator_assert_done(&allocator);
}

/* Every chunk has its place in the directory, and no other's. */
static void test_intern_directory(void **state)
{
	static const uint32_t numbers[] = { 0, 1, 63, 64, 65, 191, 192, 447, 448, 1 << 20, CHUNKS_MAX - 2, CHUNKS_MAX - 1 };
	uint32_t index;

	(void)state;
	assert_int_equal(segment_of(0, &index), 0);
	for (size_t i = 0; i < KIT_COUNT(numbers); i++) {
		const unsigned segment = segment_of(numbers[i], &index);

		assert_true(segment < SEGMENTS);
		assert_true((index + 1) * sizeof(hl_ptr) <= segment_size(segment));
		/* Those before, and the segments before, are as many as the number says. */
		assert_int_equal(segment_size(segment) / sizeof(hl_ptr) - (UINT32_C(1) << SEGMENT_FIRST_BITS) + index, numbers[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_intern_strings_of_all_kinds),
		cmocka_unit_test(test_intern_lengths),
		cmocka_unit_test(test_intern_ids_that_are_none),
		cmocka_unit_test(test_intern_values),
		cmocka_unit_test(test_intern_growth_keeps_ids_and_addresses),
		cmocka_unit_test(test_intern_same_hash_for_all),
		cmocka_unit_test(test_intern_same_fingerprint_for_all),
		cmocka_unit_test(test_intern_fingerprint_spares_the_bytes),
		cmocka_unit_test(test_intern_hash_is_used_and_seeded),
		cmocka_unit_test(test_intern_batches_do_as_single_calls),
		cmocka_unit_test(test_intern_count_batch),
		cmocka_unit_test(test_intern_iteration),
		cmocka_unit_test(test_intern_wrong_arguments),
		cmocka_unit_test(test_intern_without_memory_at_each_point),
		cmocka_unit_test(test_intern_failed_adds_leave_nothing_behind),
		cmocka_unit_test(test_intern_no_chunk_numbers_left),
		cmocka_unit_test(test_intern_chunks_of_one_record),
		cmocka_unit_test(test_intern_directory),
	};

	return KIT_RUN(tests);
}
