/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_intern.c: rows of calls to the interning table against a list of strings.
 *
 * The first bytes are the configuration. Strings come from the input as they are, or are made of one byte in a length around those
 * that matter: where the length takes more bytes, and where a string gets a chunk of its own. Hashes are bad by choice.
 */
#include "input.h"

#include <hashloom/intern.h>

#define STRINGS_MAX 300
#define BATCH_MAX 40
#define CALLS_MAX 150
#define LENGTH_LITERAL_MAX 24
/* Long strings cost time: an input may have so many bytes of them. */
#define LONG_BYTES_MAX ((size_t)1 << 20)
#define STRINGS_OF_A_RUN 100

struct string {
	unsigned char *bytes;
	size_t length;
	const void *where;
	uint32_t id;
	uint64_t sum;
	unsigned seen;
};

static struct {
	struct input input;
	struct memory memory;
	struct hashloom_intern_config config;
	struct hashloom_intern *intern;
	size_t long_bytes;
	uint32_t refused;
	unsigned walks;
	unsigned count;
	struct string strings[STRINGS_MAX];
} fuzz;

static uint64_t hash_nothing(const void *data, size_t length, uint64_t seed)
{
	(void)data;
	(void)length;
	return seed;
}

static uint64_t hash_length(const void *data, size_t length, uint64_t seed)
{
	(void)data;
	return (seed ^ length) * UINT64_C(0x9e3779b97f4a7c15);
}

/* A string of the input: *length bytes in a block of just that size, which the caller frees. */
static unsigned char *next_string(size_t *length)
{
	static const size_t lengths[] = { 253, 254, 255, 256, 257, 4096, 65535, 65536, (1U << 18) - 1, 1U << 18, (1U << 18) + 9, 40 };
	const unsigned kind = input_byte(&fuzz.input);
	size_t n = kind / 4 % (LENGTH_LITERAL_MAX + 1);
	unsigned char *bytes;

	if (kind % 4 != 3) {
		const uint8_t *const literal = input_bytes(&fuzz.input, &n);

		bytes = malloc(n > 0 ? n : 1);
		expect(bytes != NULL);
		if (n > 0)
			memcpy(bytes, literal, n);
	} else {
		n = lengths[kind / 4 % FUZZ_COUNT(lengths)];
		if (fuzz.long_bytes + n > LONG_BYTES_MAX)
			n = 3;
		fuzz.long_bytes += n;
		bytes = malloc(n);
		expect(bytes != NULL);
		memset(bytes, 'x', n);
		bytes[n - 1] = (unsigned char)input_byte(&fuzz.input);
	}
	*length = n;
	return bytes;
}

static struct string *string_of(const void *bytes, size_t length)
{
	for (unsigned i = 0; i < fuzz.count; i++) {
		struct string *const string = &fuzz.strings[i];

		if (string->length == length && (length == 0 || memcmp(string->bytes, bytes, length) == 0))
			return string;
	}
	return NULL;
}

static void check_string(const struct string *string)
{
	const unsigned char *const value = hashloom_intern_value(fuzz.intern, string->id);
	size_t length = 0;
	uint32_t id = 0;
	uint64_t sum = 0;
	const unsigned char *const bytes = hashloom_intern_bytes(fuzz.intern, string->id, &length);

	expect(hashloom_intern_find(fuzz.intern, string->bytes, string->length, &id) == 1 && id == string->id);
	expect(id < hashloom_intern_ids(fuzz.intern));
	expect(bytes != NULL && bytes == string->where && length == string->length);
	expect((length == 0 || memcmp(bytes, string->bytes, length) == 0) && bytes[length] == 0);
	expect(value != NULL);
	if (fuzz.config.value_size >= sizeof(sum))
		memcpy(&sum, value, sizeof(sum));
	expect(sum == string->sum);
	for (size_t i = sizeof(sum); i < fuzz.config.value_size; i++)
		expect(value[i] == 0);
}

/* Of an add: the result, and what it did. Takes the bytes. */
static struct string *note_add(unsigned char *bytes, size_t length, int result, uint32_t id)
{
	struct string *string = string_of(bytes, length);

	if (result < 0) {
		expect(result == HASHLOOM_ERROR_NO_MEMORY && fuzz.memory.refused != fuzz.refused && string == NULL);
		free(bytes);
		return NULL;
	}
	expect(result == (string == NULL));
	if (string != NULL) {
		expect(string->id == id);
		free(bytes);
		return string;
	}
	string = &fuzz.strings[fuzz.count++];
	*string = (struct string){ .bytes = bytes, .length = length, .id = id, .where = hashloom_intern_bytes(fuzz.intern, id, NULL) };
	return string;
}

static void add(unsigned char *bytes, size_t length)
{
	uint32_t id = UINT32_MAX;

	fuzz.refused = fuzz.memory.refused;
	const int result = hashloom_intern_add(fuzz.intern, length == 0 ? NULL : bytes, length, &id);
	const struct string *const string = note_add(bytes, length, result, id);

	if (string != NULL)
		check_string(string);
}

static void do_add(void)
{
	size_t length;
	unsigned char *const bytes = next_string(&length);

	add(bytes, length);
}

/* Numbers as strings, so that a short input fills and grows the table. */
static void do_add_run(void)
{
	const unsigned first = input_pair(&fuzz.input);
	const unsigned n = input_below(&fuzz.input, STRINGS_OF_A_RUN);

	for (unsigned i = first; i < first + n && fuzz.count < STRINGS_MAX; i++) {
		unsigned char *const bytes = malloc(sizeof(i));

		expect(bytes != NULL);
		memcpy(bytes, &i, sizeof(i));
		add(bytes, sizeof(i));
	}
}

static void do_find(void)
{
	size_t length;
	unsigned char *const bytes = next_string(&length);
	const struct string *const string = string_of(bytes, length);
	uint32_t id = 0;

	expect(hashloom_intern_find(fuzz.intern, bytes, length, &id) == (string != NULL));
	expect(string == NULL || id == string->id);
	free(bytes);
}

static void do_batch(void)
{
	unsigned char *bytes[BATCH_MAX];
	struct hashloom_bytes strings[BATCH_MAX] = { { NULL, 0 } };
	uint64_t summands[BATCH_MAX];
	uint32_t ids[BATCH_MAX];
	int results[BATCH_MAX];
	const unsigned how = input_byte(&fuzz.input);
	const unsigned n = input_below(&fuzz.input, BATCH_MAX + 1);
	const int is_count = how & 1;
	size_t new = 0;

	if (fuzz.count + n > STRINGS_MAX)
		return;
	for (unsigned i = 0; i < n; i++) {
		bytes[i] = next_string(&strings[i].length);
		strings[i].data = bytes[i];
		summands[i] = how & 2 ? i + 1 : 1;
	}
	fuzz.refused = fuzz.memory.refused;
	const size_t told = is_count ? hashloom_intern_count_batch(fuzz.intern, strings, how & 2 ? summands : NULL, n, ids, results) :
				       hashloom_intern_add_batch(fuzz.intern, strings, n, ids, results);

	for (unsigned i = 0; i < n; i++) {
		if (is_count && fuzz.config.value_size < sizeof(uint64_t)) {
			expect(results[i] == HASHLOOM_ERROR_INVALID_ARGUMENT);
			free(bytes[i]);
			continue;
		}
		struct string *const string = note_add(bytes[i], strings[i].length, results[i], ids[i]);

		new += results[i] == 1;
		if (string != NULL && is_count)
			string->sum += summands[i];
	}
	expect(told == new);
	for (unsigned i = fuzz.count > n ? fuzz.count - n : 0; i < fuzz.count; i++)
		check_string(&fuzz.strings[i]);
}

static void do_find_batch(void)
{
	struct hashloom_bytes strings[BATCH_MAX] = { { NULL, 0 } };
	uint32_t ids[BATCH_MAX];
	int results[BATCH_MAX];
	const unsigned n = input_below(&fuzz.input, BATCH_MAX + 1);
	const unsigned first = input_byte(&fuzz.input);

	if (fuzz.count == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct string *const string = &fuzz.strings[(first + i) % fuzz.count];

		strings[i] = (struct hashloom_bytes){ string->bytes, string->length };
	}
	expect(hashloom_intern_find_batch(fuzz.intern, strings, n, ids, results) == n);
	for (unsigned i = 0; i < n; i++)
		expect(results[i] == 1 && ids[i] == fuzz.strings[(first + i) % fuzz.count].id);
}

static void walk(uint64_t first, uint64_t end)
{
	uint64_t position = first;
	unsigned count = 0;
	unsigned in_range = 0;
	size_t length = 0;
	uint32_t id = 0;

	fuzz.walks++;
	for (const void *bytes; (bytes = hashloom_intern_next(fuzz.intern, &position, end, &id, &length)) != NULL; count++) {
		struct string *const string = string_of(bytes, length);

		expect(string != NULL && string->id == id && string->where == bytes && string->seen != fuzz.walks);
		expect(id >= first && id < end);
		string->seen = fuzz.walks;
	}
	for (unsigned i = 0; i < fuzz.count; i++)
		in_range += fuzz.strings[i].id >= first && fuzz.strings[i].id < end;
	expect(count == in_range);
}

static void do_walk(void)
{
	const uint64_t first = input_pair(&fuzz.input) % (hashloom_intern_ids(fuzz.intern) + 1);

	walk(first, first + input_pair(&fuzz.input));
}

static void do_memory(void)
{
	const unsigned left = input_byte(&fuzz.input);

	fuzz.memory.left = left & 1 ? MEMORY_UNLIMITED : left / 2;
}

/* Ids that are nobody's. */
static void do_wild_id(void)
{
	const uint32_t id = input_pair(&fuzz.input) | input_byte(&fuzz.input) << 24;

	for (unsigned i = 0; i < fuzz.count; i++) {
		if (fuzz.strings[i].id == id)
			return;
	}
	expect(hashloom_intern_bytes(fuzz.intern, id, NULL) == NULL);
	expect(hashloom_intern_value(fuzz.intern, id) == NULL);
}

static void (*const calls[])(void) = { do_add, do_add, do_add_run, do_find, do_batch, do_find_batch, do_walk, do_memory, do_wild_id };

/* 1, or 0: there is no table. */
static int create(void)
{
	static const size_t sizes[] = { 0, 1, 4, 7, 8, 8, 16, 40 };
	const unsigned how = input_byte(&fuzz.input);

	fuzz.config = (struct hashloom_intern_config){
		.strings_expected = input_byte(&fuzz.input),
		.value_size = sizes[how % 8],
		.seed = how & 8 ? UINT64_MAX : how,
		.hash = how & 16 ? hash_nothing : how & 32 ? hash_length : NULL,
		.allocator = &fuzz.memory.hooks,
	};
	if (how & 64)
		do_memory();
	const int result = hashloom_intern_create(&fuzz.config, &fuzz.intern);

	if (result == HASHLOOM_OK)
		return 1;
	expect(result == HASHLOOM_ERROR_NO_MEMORY && fuzz.memory.refused > 0 && fuzz.memory.blocks == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.input = (struct input){ data, size };
	memory_init(&fuzz.memory);
	if (!create())
		return 0;
	for (unsigned i = 0; i < CALLS_MAX && fuzz.input.left > 0 && fuzz.count < STRINGS_MAX; i++)
		calls[input_below(&fuzz.input, FUZZ_COUNT(calls))]();
	walk(0, UINT64_MAX);
	expect(hashloom_intern_count(fuzz.intern) == fuzz.count);
	for (unsigned i = 0; i < fuzz.count; i++)
		check_string(&fuzz.strings[i]);
	hashloom_intern_destroy(fuzz.intern);
	for (unsigned i = 0; i < fuzz.count; i++)
		free(fuzz.strings[i].bytes);
	expect(fuzz.memory.blocks == 0);
	return 0;
}
