/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "kv_commands.h"

#include <stdio.h>
#include <string.h>

#include "key.h"
#include "message.h"

/* Bytes of a command line. */
struct text {
	const char *bytes;
	size_t n;
};

struct command {
	const char *name;
	const char *usage;
	const char *help;
	enum command_result (*run)(struct kv_store *store, const struct kv_options *options,
				   const struct command *command, struct text arguments);
};

static void print_commands(void);

/* ---- text ------------------------------------------------------------------------------------ */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct text skip_blanks(struct text text)
{
	while (text.n > 0 && is_blank(*text.bytes)) { /* ends: text gets shorter */
		text.bytes++;
		text.n--;
	}
	return text;
}

/*
 * Takes the first word, behind blanks, from *text. What is left begins with the blank behind the
 * word.
 */
static struct text take_word(struct text *text)
{
	struct text word = skip_blanks(*text);
	size_t n = 0;

	while (n < word.n && !is_blank(word.bytes[n]))
		n++;
	text->bytes = word.bytes + n;
	text->n = word.n - n;
	word.n = n;
	return word;
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum command_result answer_usage(const struct command *command)
{
	(void)printf("error: expected: %s\n", command->usage);
	return COMMAND_WRONG;
}

static enum command_result answer_key(const char *what, struct text key)
{
	(void)printf("%s: ", what);
	(void)fwrite(key.bytes, 1, key.n, stdout);
	(void)putchar('\n');
	return COMMAND_DONE;
}

static enum command_result answer_status(const struct kv_store *store,
					 enum async_hash_map_status status)
{
	if (status == ASYNC_HASH_MAP_FULL)
		(void)printf("error: the map is full (capacity %zu)\n",
			     async_hash_map_capacity(store->map));
	else
		(void)printf("error: %s\n", async_hash_map_status_text(status));
	return COMMAND_WRONG;
}

/* Reads the word of a key. Returns whether it is one; if not, that was answered. */
static bool read_key(const struct kv_options *options, struct text word, uint64_t *key)
{
	char reason[KEY_REASON_SIZE];
	const enum key_result result = key_parse(word.bytes, word.n, options->key_base, key);

	if (result == KEY_OK)
		return true;
	(void)printf("error: %s\n",
		     key_reason(result, word.bytes, word.n, options->key_base, reason));
	return false;
}

/* ---- commands -------------------------------------------------------------------------------- */

static enum command_result run_get(struct kv_store *store, const struct kv_options *options,
				   const struct command *command, struct text arguments)
{
	const struct text word = take_word(&arguments);
	uint64_t key;

	if (word.n == 0 || skip_blanks(arguments).n != 0)
		return answer_usage(command);
	if (!read_key(options, word, &key))
		return COMMAND_WRONG;
	const enum async_hash_map_status status = kv_store_get(store, key);

	if (status == ASYNC_HASH_MAP_NOT_FOUND)
		return answer_key("not found", word);
	if (status != ASYNC_HASH_MAP_OK)
		return answer_status(store, status);
	(void)fwrite(store->value, 1, store->value_size, stdout);
	(void)putchar('\n');
	return COMMAND_DONE;
}

static enum command_result run_put(struct kv_store *store, const struct kv_options *options,
				   const struct command *command, struct text arguments)
{
	const struct text word = take_word(&arguments);
	uint64_t key;

	if (word.n == 0 || arguments.n == 0)
		return answer_usage(command);
	if (!read_key(options, word, &key))
		return COMMAND_WRONG;
	/* One blank ends the key; the others are part of the value. */
	const enum async_hash_map_status status =
		kv_store_put(store, key, arguments.bytes + 1, arguments.n - 1);

	if (status == ASYNC_HASH_MAP_EXISTS)
		return answer_key("exists", word);
	if (status != ASYNC_HASH_MAP_OK)
		return answer_status(store, status);
	(void)puts("ok");
	return COMMAND_DONE;
}

static enum command_result run_remove(struct kv_store *store, const struct kv_options *options,
				      const struct command *command, struct text arguments)
{
	const struct text word = take_word(&arguments);
	uint64_t key;

	if (word.n == 0 || skip_blanks(arguments).n != 0)
		return answer_usage(command);
	if (!read_key(options, word, &key))
		return COMMAND_WRONG;
	const enum async_hash_map_status status = kv_store_remove(store, key);

	if (status == ASYNC_HASH_MAP_NOT_FOUND)
		return answer_key("not found", word);
	if (status != ASYNC_HASH_MAP_OK)
		return answer_status(store, status);
	(void)puts("ok");
	return COMMAND_DONE;
}

static enum command_result run_count(struct kv_store *store, const struct kv_options *options,
				     const struct command *command, struct text arguments)
{
	(void)options;
	if (skip_blanks(arguments).n != 0)
		return answer_usage(command);
	(void)printf("%zu\n", async_hash_map_count(store->map));
	return COMMAND_DONE;
}

static void print_counts(const struct kv_store *store)
{
	static const char *const names[KV_OPERATIONS_COUNT] = {"put", "get", "remove"};

	for (unsigned operation = 0; operation < KV_OPERATIONS_COUNT; operation++)
		for (unsigned status = 0; status < KV_STATUSES_COUNT; status++)
			if (status == ASYNC_HASH_MAP_OK || store->counts[operation][status] != 0)
				(void)printf("%s %s: %llu\n", names[operation],
					     async_hash_map_status_text(
						     (enum async_hash_map_status)status),
					     (unsigned long long)store->counts[operation][status]);
}

static enum command_result run_stats(struct kv_store *store, const struct kv_options *options,
				     const struct command *command, struct text arguments)
{
	if (skip_blanks(arguments).n != 0)
		return answer_usage(command);
	(void)printf("records: %zu\n", async_hash_map_count(store->map));
	(void)printf("capacity: %zu\n", async_hash_map_capacity(store->map));
	(void)printf("in flight: %zu\n", options->in_flight);
	(void)printf("mover: %s\n", options->mover == KV_MOVER_SYNC ? "sync" : "threads");
	if (options->mover == KV_MOVER_THREADS && options->threads == 0)
		(void)puts("threads: default");
	else if (options->mover == KV_MOVER_THREADS)
		(void)printf("threads: %zu\n", options->threads);
	(void)printf("bytes present: %llu\n", (unsigned long long)store->bytes_present);
	(void)printf("bytes moved: %llu\n", (unsigned long long)store->bytes_moved);
	print_counts(store);
	return COMMAND_DONE;
}

static enum command_result run_help(struct kv_store *store, const struct kv_options *options,
				    const struct command *command, struct text arguments)
{
	(void)store;
	(void)options;
	if (skip_blanks(arguments).n != 0)
		return answer_usage(command);
	print_commands();
	return COMMAND_DONE;
}

static enum command_result run_quit(struct kv_store *store, const struct kv_options *options,
				    const struct command *command, struct text arguments)
{
	(void)store;
	(void)options;
	return skip_blanks(arguments).n != 0 ? answer_usage(command) : COMMAND_QUIT;
}

static const struct command commands[] = {
	{"get", "get KEY", "print a value", run_get},
	{"put", "put KEY VALUE",
	 "add a key with the rest of the line; a key that is there keeps its value", run_put},
	{"remove", "remove KEY", "remove a key", run_remove},
	{"count", "count", "print how many keys are present", run_count},
	{"stats", "stats", "print what is there and what was done", run_stats},
	{"help", "help", "print this", run_help},
	{"quit", "quit", "end", run_quit},
	{NULL, NULL, NULL, NULL},
};

static void print_commands(void)
{
	for (const struct command *one = commands; one->name != NULL; one++)
		(void)printf("%-16s %s\n", one->usage, one->help);
}

const char *command_name(size_t number)
{
	return number < sizeof(commands) / sizeof(commands[0]) ? commands[number].name : NULL;
}

enum command_result command_run(struct kv_store *store, const struct kv_options *options,
				const char *line, size_t n)
{
	struct text arguments = {line, n};
	const struct text word = take_word(&arguments);
	char quoted[QUOTE_SIZE];

	if (word.n == 0)
		return COMMAND_DONE;
	for (const struct command *one = commands; one->name != NULL; one++)
		if (strlen(one->name) == word.n && memcmp(one->name, word.bytes, word.n) == 0)
			return one->run(store, options, one, arguments);
	(void)printf("error: unknown command %s: expected get, put, remove, count, stats, help or "
		     "quit\n",
		     quote(word.bytes, word.n, quoted));
	return COMMAND_WRONG;
}
