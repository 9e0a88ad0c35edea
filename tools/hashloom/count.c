/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * count.c: each thread takes a block of the input, finds its keys, and counts them in a cache of its
 * own and one table of all; then what is in the table is sorted and printed.
 */
#include "count.h"

#include <stdlib.h>

#include "count_cache.h"
#include "count_options.h"
#include "count_report.h"
#include "count_source.h"
#include "count_split.h"
#include "message.h"
#include "threads.h"
#include "version.h"

/* A guess: text has so many bytes for each different key. The table grows if there are more. */
#define BYTES_PER_KEY 64
#define KEYS_MIN ((uint64_t)1 << 14)
#define KEYS_MAX ((uint64_t)1 << 26)

struct worker {
	struct count_source *source;
	struct count_cache cache;
};

/* Of a worker; for threads_run(). */
static void *count_blocks(void *argument)
{
	struct worker *const worker = argument;
	struct count_cache *const cache = &worker->cache;
	struct count_block block = {NULL, 0, 0};
	uint64_t keys = 0;

	/* Ends with the input. */
	while (cache->error == 0 && count_source_next(worker->source, &block, keys) == 1)
		keys = count_split(worker->source->options, &block, cache);
	count_cache_flush(cache);
	if (cache->error != 0)
		count_source_stop(worker->source, hashloom_strerror(cache->error));
	free(block.bytes);
	return NULL;
}

/* Returns 0, or -1 after a message. */
static int count_all(struct count_source *source, struct hashloom_intern *intern)
{
	const size_t n = source->options->threads;
	struct worker *const workers = calloc(n, sizeof(*workers));

	if (workers == NULL) {
		message("out of memory for %zu threads", n);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		workers[i].source = source;
		workers[i].cache.intern = intern;
	}
	threads_run(count_blocks, workers, sizeof(*workers), n);
	free(workers);
	progress_hide(&source->progress);
	return source->has_stopped ? -1 : 0;
}

/* A table for what the source probably has. NULL: no memory. */
static struct hashloom_intern *make_table(const struct count_source *source)
{
	const uint64_t guess = source->bytes_expected / BYTES_PER_KEY;
	const struct hashloom_intern_config config = {.strings_expected =
							      guess < KEYS_MIN   ? KEYS_MIN
							      : guess > KEYS_MAX ? KEYS_MAX
										 : (size_t)guess,
						      .value_size = sizeof(uint64_t)};
	struct hashloom_intern *intern = NULL;

	return hashloom_intern_create(&config, &intern) == HASHLOOM_OK ? intern : NULL;
}

/* Returns the exit status. */
static int count_and_print(const struct count_options *options)
{
	struct count_source source;
	int status = STATUS_FAILED;

	if (count_source_open(&source, options) != 0)
		return STATUS_FAILED;
	struct hashloom_intern *const intern = make_table(&source);

	if (intern == NULL)
		message("out of memory");
	else if (count_all(&source, intern) == 0)
		status = count_report(intern, options);
	if (status == STATUS_OK && source.has_failed)
		status = STATUS_BAD_INPUT;
	hashloom_intern_destroy(intern);
	count_source_close(&source);
	return status;
}

int count_main(int argc, char **argv)
{
	struct count_options options;

	message_command = "count";
	switch (count_options_parse(argc, argv, &options)) {
	case COUNT_OPTIONS_RUN:
		return count_and_print(&options);
	case COUNT_OPTIONS_HELP:
		return output_text(count_options_help());
	case COUNT_OPTIONS_VERSION:
		return output_text("hashloom " HASHLOOM_VERSION "\n");
	case COUNT_OPTIONS_WRONG:
		break;
	}
	return STATUS_FAILED;
}
