/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_kv_commands.c: `hashloom kv` with any bytes as its commands, against a naive interpreter that reads the answers along with
 * the commands.
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include "program.h"

#include <kv.h>

#define ENTRIES_MAX 300
#define COMMANDS_MAX ((size_t)1 << 12)
#define STATUSES 8
#define STATS_FIXED_LINES 6
#define HELP_LINES 7

enum operation { PUT, GET, REMOVE, OPERATIONS };
enum status { OK, NOT_FOUND, EXISTS, FULL };

struct entry {
	uint64_t key;
	struct line value;
};

static struct {
	unsigned base;
	size_t capacity;
	struct line answers;
	struct entry entries[ENTRIES_MAX];
	size_t count;
	unsigned seen[OPERATIONS]; /* a bit for each status but OK */
	int is_wrong; /* some command was */
} oracle;

static int is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The word at the beginning, behind blanks; *rest is what follows. */
static struct line take_word(struct line *rest)
{
	struct line word;
	size_t end;
	size_t begin = 0;

	while (begin < rest->n && is_blank(rest->bytes[begin]))
		begin++;
	for (end = begin; end < rest->n && !is_blank(rest->bytes[end]);)
		end++;
	word = (struct line){ rest->bytes + begin, end - begin };
	*rest = (struct line){ rest->bytes + end, rest->n - end };
	return word;
}

static struct line next_answer(void)
{
	struct line line = { NULL, 0 };

	expect(take_line(&oracle.answers, &line));
	return line;
}

static void expect_wrong(void)
{
	expect(line_begins(next_answer(), "error: "));
	oracle.is_wrong = 1;
}

/* "what: key" */
static void expect_key(const char *what, struct line key)
{
	const struct line answer = next_answer();
	const size_t n = strlen(what);

	expect(line_begins(answer, what) && answer.n == n + key.n && memcmp(answer.bytes + n, key.bytes, key.n) == 0);
}

static struct entry *entry_of(uint64_t key)
{
	for (size_t i = 0; i < oracle.count; i++) {
		if (oracle.entries[i].key == key)
			return &oracle.entries[i];
	}
	return NULL;
}

static void note(enum operation operation, enum status status)
{
	oracle.seen[operation] |= 1U << status;
}

static void run_put(struct line rest)
{
	const struct line word = take_word(&rest);
	uint64_t key = 0;

	if (word.n == 0 || rest.n == 0 || !parse_key(word, oracle.base, &key)) {
		expect_wrong();
	} else if (entry_of(key) != NULL) {
		expect_key("exists: ", word);
		note(PUT, EXISTS);
	} else if (oracle.count == oracle.capacity) {
		expect_wrong();
		note(PUT, FULL);
	} else {
		expect(line_is(next_answer(), "ok"));
		oracle.entries[oracle.count++] = (struct entry){ key, { rest.bytes + 1, rest.n - 1 } };
	}
}

static void run_get(struct line rest)
{
	const struct line word = take_word(&rest);
	uint64_t key = 0;

	if (word.n == 0 || take_word(&rest).n != 0 || !parse_key(word, oracle.base, &key)) {
		expect_wrong();
		return;
	}
	const struct entry *const entry = entry_of(key);

	if (entry == NULL) {
		expect_key("not found: ", word);
		note(GET, NOT_FOUND);
	} else {
		expect_key("", entry->value);
	}
}

static void run_remove(struct line rest)
{
	const struct line word = take_word(&rest);
	uint64_t key = 0;

	if (word.n == 0 || take_word(&rest).n != 0 || !parse_key(word, oracle.base, &key)) {
		expect_wrong();
		return;
	}
	struct entry *const entry = entry_of(key);

	if (entry == NULL) {
		expect_key("not found: ", word);
		note(REMOVE, NOT_FOUND);
	} else {
		expect(line_is(next_answer(), "ok"));
		*entry = oracle.entries[--oracle.count];
	}
}

static void run_count(void)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%zu", oracle.count);
	expect(line_is(next_answer(), text));
}

static void run_stats(void)
{
	char text[64];
	unsigned lines = STATS_FIXED_LINES;

	(void)snprintf(text, sizeof(text), "records: %zu", oracle.count);
	expect(line_is(next_answer(), text));
	for (unsigned operation = 0; operation < OPERATIONS; operation++)
		lines += 1 + (unsigned)__builtin_popcount(oracle.seen[operation]);
	for (unsigned i = 1; i < lines; i++) {
		const struct line line = next_answer();

		expect(line.n > 0 && memchr(line.bytes, ':', line.n) != NULL);
	}
}

/* One command. Returns 0 behind the last one. */
static int run(struct line rest)
{
	const struct line word = take_word(&rest);
	struct line more = rest;
	const int has_arguments = take_word(&more).n != 0;

	if (word.n == 0)
		return 1;
	if (line_is(word, "put")) {
		run_put(rest);
	} else if (line_is(word, "get")) {
		run_get(rest);
	} else if (line_is(word, "remove")) {
		run_remove(rest);
	} else if (has_arguments) {
		expect_wrong();
	} else if (line_is(word, "count")) {
		run_count();
	} else if (line_is(word, "stats")) {
		run_stats();
	} else if (line_is(word, "help")) {
		for (unsigned i = 0; i < HELP_LINES; i++)
			(void)next_answer();
	} else if (line_is(word, "quit")) {
		return 0;
	} else {
		expect_wrong();
	}
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char loaded[] = "1 one\n2 two words\n3 \n";
	struct input input = { data, size < COMMANDS_MAX ? size : COMMANDS_MAX };
	const unsigned how = input_byte(&input);
	char base[] = "10";
	char capacity[] = "8";
	struct line rest = { (const char *)input.at, input.left };
	struct line line;
	struct program_file file = program_file(loaded, sizeof(loaded) - 1, how & 2);

	memset(&oracle, 0, sizeof(oracle));
	base[1] = how & 1 ? '6' : '0';
	oracle.base = how & 1 ? 16 : 10;
	capacity[0] = (char)('3' + (how >> 2 & 7) % 7);
	oracle.capacity = (size_t)(capacity[0] - '0');
	oracle.entries[0] = (struct entry){ 1, { "one", 3 } };
	oracle.entries[1] = (struct entry){ 2, { "two words", 9 } };
	oracle.entries[2] = (struct entry){ 3, { "", 0 } };
	oracle.count = 3;
	char *argv[] = { (char[]){ "kv" },	 (char[]){ "--key-base" }, base, (char[]){ "--capacity" }, capacity,
			 (char[]){ "--delimiter" }, (char[]){ " " },	   file.name, NULL };
	struct program_result result = program_run(kv_main, argv, input.at, input.left);

	oracle.answers = (struct line){ result.output, result.output_size };
	expect(line_begins(next_answer(), "loaded: 3 records, 0 duplicates, 0 rejected lines, 12 bytes moved"));
	while (take_line(&rest, &line) && run(line)) /* ends: a line less each turn */
		;
	expect(oracle.answers.n == 0);
	expect(result.status == oracle.is_wrong);
	program_file_close(&file);
	free(result.output);
	return 0;
}
