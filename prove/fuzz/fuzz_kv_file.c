/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_kv_file.c: `hashloom kv FILE` with any bytes in the file, against a naive reader of lines: what it says that it
 * loaded, and what it answers to a get of each key.
 */
#define _GNU_SOURCE 1 /* memfd_create */
#include "program.h"

#include <kv.h>

#define RECORDS_MAX 2000
#define GETS_MAX 200
#define FILE_MAX ((size_t)1 << 14)
#define ARGUMENTS_MAX 16
#define NUMBER_SIZE 24

struct record {
	uint64_t key;
	struct line value;
};

/* getopt wants them writable. */
static char option_capacity[] = "--capacity";

static struct {
	struct record records[RECORDS_MAX];
	size_t loaded;
	size_t duplicates;
	size_t rejected;
	size_t bytes;
} oracle;

static struct {
	char delimiter[3];
	char base_text[NUMBER_SIZE];
	char in_flight[NUMBER_SIZE];
	char capacity_text[NUMBER_SIZE];
	unsigned base;
	unsigned capacity; /* 0: not said */
	int is_pipe;
	int has_threads;
} options;

static void choose(struct input *input)
{
	static const unsigned bases[] = { 10, 16, 2, 36 };
	static const char delimiters[] = { '\t', ';', ' ', '1' };
	const unsigned how = input_byte(input);
	const unsigned more = input_byte(input);

	memset(&options, 0, sizeof(options));
	options.base = bases[how & 3];
	options.delimiter[0] = delimiters[how >> 2 & 3];
	options.is_pipe = how >> 4 & 1;
	options.capacity = how & 32 ? 1 + (how >> 6) * 3 : 0;
	options.has_threads = more >= 250;
	(void)snprintf(options.base_text, sizeof(options.base_text), "%u", options.base);
	(void)snprintf(options.in_flight, sizeof(options.in_flight), "%u", 1 + more % 70);
	(void)snprintf(options.capacity_text, sizeof(options.capacity_text), "%u", options.capacity);
}

static const struct record *record_of(uint64_t key)
{
	for (size_t i = 0; i < oracle.loaded; i++) {
		if (oracle.records[i].key == key)
			return &oracle.records[i];
	}
	return NULL;
}

static void read_line(struct line line)
{
	const char *const delimiter = line.n == 0 ? NULL : memchr(line.bytes, options.delimiter[0], line.n);
	uint64_t key = 0;

	if (delimiter == NULL || !parse_key((struct line){ line.bytes, (size_t)(delimiter - line.bytes) }, options.base, &key)) {
		oracle.rejected++;
	} else if (record_of(key) != NULL) {
		oracle.duplicates++;
	} else if (oracle.loaded < RECORDS_MAX) {
		const size_t skipped = (size_t)(delimiter - line.bytes) + 1;

		oracle.records[oracle.loaded++] = (struct record){ key, { delimiter + 1, line.n - skipped } };
		oracle.bytes += line.n - skipped;
	}
}

static void print_key(FILE *to, uint64_t key)
{
	char text[65];
	char *at = text + sizeof(text);

	*--at = '\0';
	do /* ends: a digit less each turn, 64 at most */
		*--at = "0123456789abcdefghijklmnopqrstuvwxyz"[key % options.base];
	while ((key /= options.base) > 0);
	(void)fprintf(to, "get %s\n", at);
}

/* The commands, and what they are answered. */
static void make_commands(FILE *commands, FILE *answers)
{
	const size_t gets = oracle.loaded < GETS_MAX ? oracle.loaded : GETS_MAX;

	(void)fprintf(commands, "count\n");
	(void)fprintf(answers, "%zu\n", oracle.loaded);
	for (size_t i = 0; i < gets; i++) {
		print_key(commands, oracle.records[i].key);
		(void)fwrite(oracle.records[i].value.bytes, 1, oracle.records[i].value.n, answers);
		(void)fputc('\n', answers);
	}
}

static void check(const struct program_result *result, const char *answers, size_t answers_size)
{
	struct line rest = { result->output, result->output_size };
	struct line report;
	size_t told[4];
	const size_t lines = oracle.loaded + oracle.duplicates + oracle.rejected;

	expect(take_line(&rest, &report));
	expect(sscanf(report.bytes, "loaded: %zu records, %zu duplicates, %zu rejected lines, %zu bytes moved", &told[0], &told[1], &told[2],
		      &told[3]) == 4);
	expect(told[0] + told[1] + told[2] == lines);
	expect(options.capacity == 0 || told[0] <= options.capacity);
	if (options.capacity != 0 && options.capacity <= oracle.loaded)
		return; /* Which of them found room may depend on what was in flight. */
	expect(told[0] == oracle.loaded && told[1] == oracle.duplicates && told[3] == oracle.bytes);
	expect(result->status == (oracle.rejected > 0));
	expect(rest.n == answers_size && memcmp(rest.bytes, answers, rest.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size < FILE_MAX ? size : FILE_MAX };
	char *commands = NULL;
	char *answers = NULL;
	size_t commands_size = 0;
	size_t answers_size = 0;
	struct line line;

	choose(&input);
	struct line rest = { (const char *)input.at, input.left };
	struct program_file file = program_file(input.at, input.left, options.is_pipe);

	memset(&oracle, 0, sizeof(oracle));
	while (take_line(&rest, &line)) /* ends: a line less each turn */
		read_line(line);
	FILE *const to_commands = open_memstream(&commands, &commands_size);
	FILE *const to_answers = open_memstream(&answers, &answers_size);

	expect(to_commands != NULL && to_answers != NULL);
	make_commands(to_commands, to_answers);
	(void)fclose(to_commands);
	(void)fclose(to_answers);
	char *argv[ARGUMENTS_MAX] = { (char[]){ "kv" },		file.name,
				      (char[]){ "--delimiter" }, options.delimiter,
				      (char[]){ "--key-base" },	 options.base_text,
				      (char[]){ "--in-flight" }, options.in_flight,
				      (char[]){ "--mover" },	 options.has_threads ? (char[]){ "threads" } : (char[]){ "sync" } };
	if (options.capacity != 0) {
		argv[10] = option_capacity;
		argv[11] = options.capacity_text;
	}
	struct program_result result = program_run(kv_main, argv, commands, commands_size);

	check(&result, answers, answers_size);
	program_file_close(&file);
	free(result.output);
	free(commands);
	free(answers);
	return 0;
}
