/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#define _GNU_SOURCE 1 /* sched_getaffinity */
#include "count_options.h"

#include <getopt.h>
#include <sched.h>
#include <stdint.h>

#include "message.h"
#include "option.h"

static const char help[] =
	"usage: hashloom count [OPTION...] [FILE...]\n"
	"\n"
	"Counts how often each word, line or field occurs in the FILEs, and prints the counts and "
	"keys, the\n"
	"highest count first. Without FILE, and for '-', it reads standard input. All bytes are "
	"taken as they\n"
	"are, zeros too; keys may be of any length. The output is, byte for byte, that of\n"
	"\n"
	"    awk '{ for (i = 1; i <= NF; i++) print $i }' FILE | LC_ALL=C sort | uniq -c | "
	"LC_ALL=C sort -rn\n"
	"\n"
	"with --lines that of the same without awk, with --field N that with awk '{ print $N }'. "
	"So "
	"keys of\n"
	"the same count stand in the reverse order of their bytes. A key does not go on in the "
	"next "
	"FILE.\n"
	"\n"
	"options:\n"
	"  --words            count words (the default): what stands between blanks, tabs and "
	"newlines\n"
	"  --lines            count lines, without their newline\n"
	"  --field N          count the N-th field of each line, from 1; it is empty in lines that "
	"have\n"
	"                     less. Fields are words, or what stands between the --delimiter\n"
	"  --delimiter C      one character, or \\t; two of them have an empty field in between, "
	"as "
	"with\n"
	"                     awk -F (but a blank is one, too); for --field\n"
	"  --top K            print the first K lines only, from 1\n"
	"  --threads N        how many threads count, 1 to 1024 (default: as many as there are "
	"CPUs)\n"
	"  -h, --help         print this and end\n"
	"  --version          print the version and end\n"
	"\n"
	"Of --words, --lines and --field the last one counts. Memory is taken for each different "
	"key: about\n"
	"30 bytes and its length; while printing 32 bytes more.\n"
	"\n"
	"exit status:\n"
	"  0  all went well\n"
	"  1  a FILE cannot be read (the others are counted, and what was read of it before), or "
	"standard\n"
	"     output cannot be written\n"
	"  2  wrong options, no memory\n"
	"When the reader of standard output goes away, the signal SIGPIPE ends the program, as "
	"usual.\n";

enum {
	OPTION_WORDS = OPTION_LONG_FIRST,
	OPTION_LINES,
	OPTION_FIELD,
	OPTION_DELIMITER,
	OPTION_TOP,
	OPTION_THREADS,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"words", no_argument, NULL, OPTION_WORDS},
	{"lines", no_argument, NULL, OPTION_LINES},
	{"field", required_argument, NULL, OPTION_FIELD},
	{"delimiter", required_argument, NULL, OPTION_DELIMITER},
	{"top", required_argument, NULL, OPTION_TOP},
	{"threads", required_argument, NULL, OPTION_THREADS},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

const char *count_options_help(void)
{
	return help;
}

/* The CPUs that this process may use. */
static size_t threads_default(void)
{
	cpu_set_t allowed;
	const int cpus =
		sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;

	return cpus < 1 ? 1 : cpus > COUNT_THREADS_MAX ? COUNT_THREADS_MAX : (size_t)cpus;
}

/* One option. Returns what count_options_parse() is to return; RUN: go on. */
static enum count_options_result take_option(int code, char **argv, struct count_options *options)
{
	int result = 0;

	switch (code) {
	case OPTION_WORDS:
		options->keys = COUNT_WORDS;
		break;
	case OPTION_LINES:
		options->keys = COUNT_LINES;
		break;
	case OPTION_FIELD:
		options->keys = COUNT_FIELD;
		result = option_parse_size("--field", optarg, SIZE_MAX, &options->field);
		break;
	case OPTION_DELIMITER:
		options->has_delimiter = true;
		result = option_parse_delimiter(optarg, &options->delimiter);
		break;
	case OPTION_TOP:
		result = option_parse_size("--top", optarg, SIZE_MAX, &options->top);
		break;
	case OPTION_THREADS:
		result = option_parse_size("--threads", optarg, COUNT_THREADS_MAX,
					   &options->threads);
		break;
	case 'h':
	case OPTION_HELP:
		return COUNT_OPTIONS_HELP;
	case OPTION_VERSION:
		return COUNT_OPTIONS_VERSION;
	default:
		option_report_refused(code, argv);
		result = -1;
		break;
	}
	return result == 0 ? COUNT_OPTIONS_RUN : COUNT_OPTIONS_WRONG;
}

static enum count_options_result take_arguments(int argc, char **argv,
						struct count_options *options)
{
	static const char *const standard_input = "-";

	if (options->has_delimiter && options->keys != COUNT_FIELD) {
		message("--delimiter is of no use without --field");
		return COUNT_OPTIONS_WRONG;
	}
	options->files = (const char *const *)&argv[optind];
	options->files_count = (size_t)(argc - optind);
	if (options->files_count == 0) {
		options->files = &standard_input;
		options->files_count = 1;
	}
	return COUNT_OPTIONS_RUN;
}

enum count_options_result count_options_parse(int argc, char **argv, struct count_options *options)
{
	enum count_options_result result = COUNT_OPTIONS_RUN;

	*options = (struct count_options){
		.keys = COUNT_WORDS, .top = SIZE_MAX, .threads = threads_default()};
	opterr = 0;
	/* Ends: each turn consumes some of argv. */
	while (result == COUNT_OPTIONS_RUN) {
		const int code = getopt_long(argc, argv, ":h", long_options, NULL);

		if (code == -1)
			return take_arguments(argc, argv, options);
		result = take_option(code, argv, options);
	}
	return result;
}
