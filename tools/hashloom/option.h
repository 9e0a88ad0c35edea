/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* option.h: what the command lines of the subcommands have in common. */
#ifndef HASHLOOM_TOOL_OPTION_H
#define HASHLOOM_TOOL_OPTION_H

#include <stddef.h>
#include <stdint.h>

/* The first code of a long option: above every short one. */
#define OPTION_LONG_FIRST 256

/*
 * A whole number in decimal digits and nothing else, from min to max; option_parse_size: from 1.
 * Returns 0, or -1 after a message.
 */
int option_parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
			uint64_t *number);
int option_parse_size(const char *option, const char *text, uint64_t max, size_t *size);

/* --delimiter: one byte, but for a newline, or \\t. Returns 0, or -1 after a message. */
int option_parse_delimiter(const char *text, char *delimiter);

/* Says what getopt_long() did not take; its options begin with ":". */
void option_report_refused(int code, char **argv);

#endif
