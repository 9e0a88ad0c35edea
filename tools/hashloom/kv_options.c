/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "kv_options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "message.h"
#include "option.h"

static const char help[] =
	"usage: hashloom kv FILE [OPTION...]\n"
	"\n"
	"Loads the KEY<delimiter>VALUE lines of FILE into an asynchronous hash map, says what it "
	"did,\n"
	"then answers commands from standard input.\n"
	"\n"
	"FILE may be a pipe, or '-' for standard input; after '-' no commands are read. A value is "
	"all that\n"
	"follows the first delimiter up to the end of the line, byte for byte. Of lines with the "
	"same\n"
	"key the first is kept and the others are counted.\n"
	"\n"
	"options:\n"
	"  --in-flight N      puts that are under way at the same time, 1 to 65536 (default: 64)\n"
	"  --mover M          who copies the values: sync (this thread) or threads (default: "
	"sync)\n"
	"  --threads N        workers of --mover threads, 1 to 65535 (default: by the CPUs)\n"
	"  --delimiter C      one character, or \\t (default: a tab)\n"
	"  --key-base N       base of the keys, 2 to 36, also in commands (default: 10); digits "
	"in\n"
	"                     either case, no sign and no prefix\n"
	"  --capacity N       keys that the map can hold, 1 to 3000000000 (default: as many as "
	"FILE has\n"
	"                     lines, and 1024 more; a pipe is kept in memory for counting, with\n"
	"                     --capacity it is loaded as it comes)\n"
	"  --get KEY          print the value of KEY and end; may be repeated. Only values are "
	"printed,\n"
	"                     one a line; an absent key is reported on standard error\n"
	"  -h, --help         print this and end\n"
	"  --version          print the version and end\n"
	"\n"
	"commands, one a line; on a terminal with a prompt, line editing and history:\n"
	"  get KEY            prints the value, or 'not found: KEY'\n"
	"  put KEY VALUE      adds the rest of the line: 'ok', or 'exists: KEY', which keeps its "
	"value\n"
	"  remove KEY         'ok', or 'not found: KEY'\n"
	"  count              prints how many keys are present\n"
	"  stats              prints a line 'NAME: VALUE' for each thing that is counted\n"
	"  help               prints the commands\n"
	"  quit               ends, as the end of the input does\n"
	"Answers are on standard output, in the order of the commands, and written at once. What "
	"cannot be\n"
	"done is answered by 'error: REASON', and the next command is read.\n"
	"\n"
	"A line of FILE that cannot be loaded is reported as FILE:LINE: REASON on standard error, "
	"when it is\n"
	"found out: with several puts in flight not always in the order of the lines. If the map "
	"is too\n"
	"small, which lines find room may depend on --in-flight.\n"
	"\n"
	"exit status:\n"
	"  0  all went well; a duplicate, or a 'not found' to a command, is no failure\n"
	"  1  a line of FILE was not loaded, a key of --get is absent, a command that did not come "
	"from a\n"
	"     terminal was answered by 'error:', or standard output could not be written\n"
	"  2  wrong options, FILE or commands that cannot be read, no memory\n"
	"When the reader of standard output goes away, the signal SIGPIPE ends the program, as "
	"usual.\n";

enum {
	OPTION_IN_FLIGHT = OPTION_LONG_FIRST,
	OPTION_MOVER,
	OPTION_THREADS,
	OPTION_DELIMITER,
	OPTION_KEY_BASE,
	OPTION_CAPACITY,
	OPTION_GET,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"in-flight", required_argument, NULL, OPTION_IN_FLIGHT},
	{"mover", required_argument, NULL, OPTION_MOVER},
	{"threads", required_argument, NULL, OPTION_THREADS},
	{"delimiter", required_argument, NULL, OPTION_DELIMITER},
	{"key-base", required_argument, NULL, OPTION_KEY_BASE},
	{"capacity", required_argument, NULL, OPTION_CAPACITY},
	{"get", required_argument, NULL, OPTION_GET},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

const char *kv_options_help(void)
{
	return help;
}

static int parse_key_base(const char *text, unsigned *base)
{
	uint64_t number;

	if (option_parse_number("--key-base", text, KEY_BASE_MIN, KEY_BASE_MAX, &number) != 0)
		return -1;
	*base = (unsigned)number;
	return 0;
}

static int parse_mover(const char *text, enum kv_mover *mover)
{
	if (strcmp(text, "sync") == 0) {
		*mover = KV_MOVER_SYNC;
		return 0;
	}
	if (strcmp(text, "threads") == 0) {
		*mover = KV_MOVER_THREADS;
		return 0;
	}
	message("--mover '%s': expected sync or threads", text);
	return -1;
}

/* One option. Returns what kv_options_parse() is to return; RUN: go on. */
static enum kv_options_result take_option(int code, char **argv, struct kv_options *options)
{
	int result = -1;

	switch (code) {
	case OPTION_IN_FLIGHT:
		result = option_parse_size("--in-flight", optarg, KV_IN_FLIGHT_MAX,
					   &options->in_flight);
		break;
	case OPTION_MOVER:
		result = parse_mover(optarg, &options->mover);
		break;
	case OPTION_THREADS:
		result = option_parse_size("--threads", optarg, KV_THREADS_MAX, &options->threads);
		break;
	case OPTION_DELIMITER:
		result = option_parse_delimiter(optarg, &options->delimiter);
		break;
	case OPTION_KEY_BASE:
		result = parse_key_base(optarg, &options->key_base);
		break;
	case OPTION_CAPACITY:
		result = option_parse_size("--capacity", optarg, KV_CAPACITY_MAX,
					   &options->capacity);
		break;
	case OPTION_GET:
		/* Its base may be yet to come. */
		options->gets[options->gets_count++].text = optarg;
		result = 0;
		break;
	case 'h':
	case OPTION_HELP:
		return KV_OPTIONS_HELP;
	case OPTION_VERSION:
		return KV_OPTIONS_VERSION;
	default:
		option_report_refused(code, argv);
		break;
	}
	return result == 0 ? KV_OPTIONS_RUN : KV_OPTIONS_WRONG;
}

static enum kv_options_result take_arguments(int argc, char **argv, struct kv_options *options)
{
	if (optind == argc) {
		message("FILE is missing; see 'hashloom kv --help'");
		return KV_OPTIONS_WRONG;
	}
	options->file = argv[optind];
	if (optind + 1 < argc) {
		message("unexpected argument '%s': expected one FILE, which is '%s'",
			argv[optind + 1], options->file);
		return KV_OPTIONS_WRONG;
	}
	for (size_t i = 0; i < options->gets_count; i++) {
		struct kv_get *const get = &options->gets[i];
		const size_t n = strlen(get->text);
		const enum key_result result =
			key_parse(get->text, n, options->key_base, &get->key);
		char reason[KEY_REASON_SIZE];

		if (result != KEY_OK) {
			message("--get '%s': %s", get->text,
				key_reason(result, get->text, n, options->key_base, reason));
			return KV_OPTIONS_WRONG;
		}
	}
	return KV_OPTIONS_RUN;
}

enum kv_options_result kv_options_parse(int argc, char **argv, struct kv_options *options)
{
	enum kv_options_result result = KV_OPTIONS_RUN;

	*options = (struct kv_options){
		.in_flight = 64, .mover = KV_MOVER_SYNC, .key_base = 10, .delimiter = '\t'};
	options->gets = calloc((size_t)argc, sizeof(*options->gets));
	if (options->gets == NULL) {
		message("out of memory");
		return KV_OPTIONS_WRONG;
	}
	opterr = 0;
	/* Ends: each turn consumes some of argv. */
	while (result == KV_OPTIONS_RUN) {
		const int code = getopt_long(argc, argv, ":h", long_options, NULL);

		if (code == -1)
			return take_arguments(argc, argv, options);
		result = take_option(code, argv, options);
	}
	return result;
}

void kv_options_free(struct kv_options *options)
{
	free(options->gets);
	options->gets = NULL;
}
