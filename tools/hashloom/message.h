/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* message.h: exit statuses, and what goes to standard error. */
#ifndef HASHLOOM_TOOL_MESSAGE_H
#define HASHLOOM_TOOL_MESSAGE_H

#include <stddef.h>

enum exit_status {
	STATUS_OK = 0,
	/* Some of the input, or a command, was refused; or the output could not be written. */
	STATUS_BAD_INPUT = 1,
	/* Nothing useful was done: wrong options, unreadable file, no memory. */
	STATUS_FAILED = 2,
};

/* The subcommand that speaks. */
extern const char *message_command;

/* Prints "hashloom COMMAND: ", the text and a newline to standard error. */
__attribute__((format(printf, 1, 2))) void message(const char *format, ...);

#define QUOTE_BYTES_MAX 64
#define QUOTE_SIZE (4 * QUOTE_BYTES_MAX + sizeof("\"\"..."))

/*
 * Makes bytes of any kind fit for a message: in quotes, what is not printable ASCII as \xNN, and
 * cut, visibly, after QUOTE_BYTES_MAX. Writes to quoted[QUOTE_SIZE], and returns it.
 */
const char *quote(const char *bytes, size_t n, char quoted[QUOTE_SIZE]);

/*
 * Writes out what standard output still holds. Returns 0, or -1 after a message when that, or any
 * output before, failed; the caller then stops writing.
 */
int output_flush(void);

/* Prints a text that is all there is to say. Returns the exit status. */
int output_text(const char *text);

#endif
