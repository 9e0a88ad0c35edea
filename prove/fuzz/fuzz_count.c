/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_count.c: `hashloom count` with any bytes, in one file or two, on one thread or three, against a naive count by sorting;
 * the output must be the same to the last byte. Some inputs are repeated until they are longer than a block of the program's.
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include "program.h"

#include <count.h>

#define TEXT_MAX ((size_t)1 << 13)
/* A block has 2^18 bytes. */
#define REPEATED_SIZE ((size_t)560000)
#define NUMBER_SIZE 24
#define ARGUMENTS_MAX 16

struct key {
	const char *bytes;
	size_t n;
	size_t count;
};

/* getopt wants them writable. */
static char option_words[] = "--words";
static char option_lines[] = "--lines";
static char option_field[] = "--field";
static char option_delimiter[] = "--delimiter";
static char option_top[] = "--top";

static struct {
	struct key *keys;
	size_t n;
	size_t room;
} oracle;

static struct {
	int keys; /* 0: words, 1: lines, 2: word fields, 3: delimited fields */
	size_t field;
	char delimiter[2];
	size_t top; /* 0: not said */
	unsigned threads;
} options;

/* ---- the oracle ------------------------------------------------------------------------------------- */

static void add_key(const char *bytes, size_t n)
{
	if (oracle.n == oracle.room) {
		oracle.room = oracle.room == 0 ? 256 : 2 * oracle.room;
		oracle.keys = realloc(oracle.keys, oracle.room * sizeof(*oracle.keys));
		expect(oracle.keys != NULL);
	}
	oracle.keys[oracle.n++] = (struct key){ bytes, n, 1 };
}

static int is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* The words of a line: all of them, or the one that is wanted, which is empty if there is none. */
static void add_words(struct line line, size_t wanted)
{
	size_t at = 0;

	for (size_t number = 1;; number++) { /* ends: a word less each turn */
		while (at < line.n && is_blank(line.bytes[at]))
			at++;
		const size_t begin = at;

		while (at < line.n && !is_blank(line.bytes[at]))
			at++;
		if (number == wanted || (at == begin && wanted != 0)) {
			add_key(line.bytes + begin, at - begin);
			return;
		}
		if (at == begin)
			return;
		if (wanted == 0)
			add_key(line.bytes + begin, at - begin);
	}
}

static void add_delimited(struct line line)
{
	size_t number = 1;
	size_t begin = 0;

	for (size_t at = 0; at <= line.n; at++) {
		if (at < line.n && line.bytes[at] != options.delimiter[0])
			continue;
		if (number++ == options.field) {
			add_key(line.bytes + begin, at - begin);
			return;
		}
		begin = at + 1;
	}
	add_key(line.bytes, 0);
}

static void add_file(const char *bytes, size_t n)
{
	struct line rest = { bytes, n };
	struct line line;

	while (take_line(&rest, &line)) { /* ends: a line less each turn */
		if (options.keys == 0)
			add_words(line, 0);
		else if (options.keys == 1)
			add_key(line.bytes, line.n);
		else if (options.keys == 2)
			add_words(line, options.field);
		else
			add_delimited(line);
	}
}

static int compare_bytes(const void *left, const void *right)
{
	const struct key *const a = left;
	const struct key *const b = right;
	const size_t common = a->n < b->n ? a->n : b->n;
	const int order = common == 0 ? 0 : memcmp(a->bytes, b->bytes, common);

	return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static int compare_counts(const void *left, const void *right)
{
	const struct key *const a = left;
	const struct key *const b = right;

	return a->count != b->count ? (a->count < b->count) - (a->count > b->count) : compare_bytes(right, left);
}

static void sort_keys(void)
{
	size_t different = 0;

	if (oracle.n == 0)
		return;
	qsort(oracle.keys, oracle.n, sizeof(*oracle.keys), compare_bytes);
	for (size_t i = 1; i < oracle.n; i++) {
		if (compare_bytes(&oracle.keys[different], &oracle.keys[i]) == 0)
			oracle.keys[different].count++;
		else
			oracle.keys[++different] = oracle.keys[i];
	}
	oracle.n = different + 1;
	qsort(oracle.keys, oracle.n, sizeof(*oracle.keys), compare_counts);
}

static void check_output(struct line output)
{
	char count[NUMBER_SIZE];
	size_t printed = 0;

	sort_keys();
	for (size_t i = 0; i < oracle.n && (options.top == 0 || i < options.top); i++) {
		const struct key *const key = &oracle.keys[i];
		const size_t n = (size_t)snprintf(count, sizeof(count), "%7zu ", key->count);

		expect(output.n - printed >= n + key->n + 1);
		expect(memcmp(output.bytes + printed, count, n) == 0);
		expect(key->n == 0 || memcmp(output.bytes + printed + n, key->bytes, key->n) == 0);
		printed += n + key->n + 1;
		expect(output.bytes[printed - 1] == '\n');
	}
	expect(printed == output.n);
}

/* ---- a run ------------------------------------------------------------------------------------------ */

static void choose(struct input *input)
{
	static const char delimiters[] = { ',', ';', '\t', ' ', ':', 'a', '=', '\\' };
	const unsigned how = input_byte(input);
	const unsigned more = input_byte(input);

	memset(&options, 0, sizeof(options));
	options.keys = (int)(how & 3);
	options.field = 1 + (how >> 2 & 3);
	options.delimiter[0] = delimiters[how >> 4 & 7];
	options.top = more & 7;
	options.threads = more & 8 ? 3 : 1;
}

static int run(char *first, char *second, int has_missing)
{
	char field[NUMBER_SIZE];
	char top[NUMBER_SIZE];
	char threads[NUMBER_SIZE];
	char missing[] = "/nonexistent";
	char *argv[ARGUMENTS_MAX] = { (char[]){ "count" }, (char[]){ "--threads" }, threads };
	int n = 3;

	(void)snprintf(field, sizeof(field), "%zu", options.field);
	(void)snprintf(top, sizeof(top), "%zu", options.top);
	(void)snprintf(threads, sizeof(threads), "%u", options.threads);
	if (options.keys < 2) {
		argv[n++] = options.keys == 0 ? option_words : option_lines;
	} else {
		argv[n++] = option_field;
		argv[n++] = field;
	}
	if (options.keys == 3) {
		argv[n++] = option_delimiter;
		argv[n++] = options.delimiter;
	}
	if (options.top != 0) {
		argv[n++] = option_top;
		argv[n++] = top;
	}
	argv[n++] = first;
	if (has_missing)
		argv[n++] = missing;
	if (second != NULL)
		argv[n++] = second;
	struct program_result result = program_run(count_main, argv, NULL, 0);

	expect(result.status == has_missing);
	check_output((struct line){ result.output, result.output_size });
	free(result.output);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size < TEXT_MAX ? size : TEXT_MAX };
	size_t repeats = 1;

	choose(&input);
	const unsigned how = input_byte(&input);
	const size_t cut = input_byte(&input) < input.left && how & 1 ? input.left / 2 : input.left;

	if ((how & 0xf0) == 0xf0 && input.left > 64)
		repeats = REPEATED_SIZE / input.left + 1;
	const size_t n = cut * repeats;
	char *const text = malloc(n > 0 ? n : 1);

	expect(text != NULL);
	for (size_t i = 0; i < repeats && cut > 0; i++)
		memcpy(text + i * cut, input.at, cut);
	struct program_file first = program_file(text, n, how & 2);
	struct program_file second = program_file(input.at + (cut > 0 ? cut : 0), input.left - cut, how & 4);

	oracle.n = 0;
	add_file(text, n);
	if (how & 1)
		add_file((const char *)input.at + cut, input.left - cut);
	(void)run(first.name, how & 1 ? second.name : NULL, how >> 3 & 1);
	program_file_close(&first);
	program_file_close(&second);
	free(oracle.keys);
	memset(&oracle, 0, sizeof(oracle));
	free(text);
	return 0;
}
