/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "option.h"

#include <getopt.h>
#include <string.h>

#include "message.h"

int option_parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
			uint64_t *number)
{
	uint64_t value = 0;
	int wrong = *text == '\0';

	for (const char *at = text; *at != '\0' && !wrong; at++)
		wrong = *at < '0' || *at > '9' ||
			__builtin_mul_overflow(value, UINT64_C(10), &value) ||
			__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
	if (wrong || value < min || value > max) {
		message("%s '%s': expected a whole number from %llu to %llu", option, text,
			(unsigned long long)min, (unsigned long long)max);
		return -1;
	}
	*number = value;
	return 0;
}

int option_parse_size(const char *option, const char *text, uint64_t max, size_t *size)
{
	uint64_t number;

	if (option_parse_number(option, text, 1, max < SIZE_MAX ? max : SIZE_MAX, &number) != 0)
		return -1;
	*size = (size_t)number;
	return 0;
}

int option_parse_delimiter(const char *text, char *delimiter)
{
	if (strcmp(text, "\\t") == 0) {
		*delimiter = '\t';
		return 0;
	}
	if (strlen(text) != 1 || text[0] == '\n') {
		char quoted[QUOTE_SIZE];

		message("--delimiter %s: expected one character of one byte, or \\t, and not a "
			"newline",
			quote(text, strlen(text), quoted));
		return -1;
	}
	*delimiter = text[0];
	return 0;
}

void option_report_refused(int code, char **argv)
{
	if (code == ':')
		message("option '%s' needs a value", argv[optind - 1]);
	else if (optopt >= OPTION_LONG_FIRST)
		message("option '%s' takes no value", argv[optind - 1]);
	else if (optopt != 0)
		message("unknown option '-%c'; see 'hashloom %s --help'", optopt, message_command);
	else
		message("unknown or ambiguous option '%s'; see 'hashloom %s --help'",
			argv[optind - 1], message_command);
}
