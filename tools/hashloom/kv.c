/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "kv.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "kv_load.h"
#include "kv_options.h"
#include "kv_session.h"
#include "kv_source.h"
#include "kv_store.h"
#include "message.h"
#include "version.h"

/* Room for the puts of a session, and for a file that grows while it is counted. */
#define CAPACITY_SPARE 1024

static int worse(int status, int other)
{
	return status > other ? status : other;
}

/* Returns 0, or -1 after a message. */
static int choose_capacity(const struct kv_options *options, struct kv_source *source,
			   size_t *capacity)
{
	uint64_t lines;

	*capacity = options->capacity;
	if (*capacity != 0)
		return 0;
	if (kv_source_count_lines(source, &lines) != 0)
		return -1;
	/* A map cannot hold more, and each line without room will be reported. */
	*capacity = (size_t)(lines < KV_CAPACITY_MAX - CAPACITY_SPARE ? lines + CAPACITY_SPARE
								      : KV_CAPACITY_MAX);
	return 0;
}

static void print_report(const struct kv_load_report *report)
{
	const double seconds = (double)report->time_ns / (double)NS_PER_SECOND;
	const uint64_t operations = report->loaded + report->duplicates;

	(void)printf(
		"loaded: %llu records, %llu duplicates, %llu rejected lines, %llu bytes moved, "
		"%.0f operations/s, %.6f seconds\n",
		(unsigned long long)report->loaded, (unsigned long long)report->duplicates,
		(unsigned long long)report->rejected, (unsigned long long)report->bytes,
		seconds > 0 ? (double)operations / seconds : 0.0, seconds);
}

/* Answers --get. Returns the exit status. */
static int print_gets(struct kv_store *store, const struct kv_options *options)
{
	int exit_status = STATUS_OK;

	for (size_t i = 0; i < options->gets_count; i++) {
		const struct kv_get *const get = &options->gets[i];
		const enum async_hash_map_status status = kv_store_get(store, get->key);

		if (status == ASYNC_HASH_MAP_OK) {
			(void)fwrite(store->value, 1, store->value_size, stdout);
			(void)putchar('\n');
			if (output_flush() != 0)
				return worse(exit_status, STATUS_BAD_INPUT);
			continue;
		}
		(void)fprintf(stderr, "%s: %s\n", async_hash_map_status_text(status), get->text);
		exit_status =
			worse(exit_status, status == ASYNC_HASH_MAP_NOT_FOUND ? STATUS_BAD_INPUT
									      : STATUS_FAILED);
	}
	return exit_status;
}

/* What comes after loading. Returns the exit status. */
static int answer(struct kv_store *store, const struct kv_options *options,
		  const struct kv_load_report *report)
{
	if (options->gets_count != 0)
		return print_gets(store, options);
	print_report(report);
	if (output_flush() != 0)
		return STATUS_BAD_INPUT;
	return strcmp(options->file, "-") == 0 ? STATUS_OK : kv_session(store, options);
}

/* Returns the exit status. */
static int load_and_answer(const struct kv_options *options)
{
	struct kv_source source;
	struct kv_store store;
	struct kv_load_report report;
	size_t capacity;
	int status = STATUS_FAILED;

	if (kv_source_open(&source, options->file) != 0)
		return STATUS_FAILED;
	if (choose_capacity(options, &source, &capacity) != 0 ||
	    kv_store_open(&store, options, capacity) != 0) {
		kv_source_close(&source);
		return STATUS_FAILED;
	}
	const int result = kv_load(&store, &source, options, &report);

	/* Before the commands, which may go on for long: the buffer may be large. */
	kv_source_close(&source);
	if (result == 0) {
		status = report.rejected == 0 ? STATUS_OK : STATUS_BAD_INPUT;
		status = worse(status, answer(&store, options, &report));
	}
	kv_store_close(&store);
	return status;
}

int kv_main(int argc, char **argv)
{
	struct kv_options options;
	const enum kv_options_result result = kv_options_parse(argc, argv, &options);
	int status = STATUS_FAILED;

	switch (result) {
	case KV_OPTIONS_RUN:
		status = load_and_answer(&options);
		break;
	case KV_OPTIONS_HELP:
		status = output_text(kv_options_help());
		break;
	case KV_OPTIONS_VERSION:
		status = output_text("hashloom " HASHLOOM_VERSION "\n");
		break;
	case KV_OPTIONS_WRONG:
		break;
	}
	kv_options_free(&options);
	return status;
}
