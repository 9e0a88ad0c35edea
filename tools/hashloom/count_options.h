/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* count_options.h: the command line of `hashloom count`. */
#ifndef HASHLOOM_TOOL_COUNT_OPTIONS_H
#define HASHLOOM_TOOL_COUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define COUNT_THREADS_MAX 1024

/* What a key is. */
enum count_keys {
	COUNT_WORDS,
	COUNT_LINES,
	COUNT_FIELD,
};

struct count_options {
	enum count_keys keys;
	size_t field; /* from 1 */
	bool has_delimiter;
	char delimiter;
	size_t top; /* lines to print; SIZE_MAX: all */
	size_t threads;
	const char *const *files; /* "-": standard input */
	size_t files_count;
};

enum count_options_result {
	COUNT_OPTIONS_RUN,
	COUNT_OPTIONS_HELP,
	COUNT_OPTIONS_VERSION,
	COUNT_OPTIONS_WRONG, /* said on standard error */
};

/* Reads the command line; argv[0] is "count", and argv is permuted. The options point into argv. */
enum count_options_result count_options_parse(int argc, char **argv, struct count_options *options);

/* The text of --help. */
const char *count_options_help(void);

#endif
