/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *message_command = "kv";

void message(const char *format, ...)
{
	va_list arguments;

	(void)fprintf(stderr, "hashloom %s: ", message_command);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
}

static bool is_plain(unsigned char byte)
{
	return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
}

const char *quote(const char *bytes, size_t n, char quoted[QUOTE_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	const size_t shown = n < QUOTE_BYTES_MAX ? n : QUOTE_BYTES_MAX;
	char *at = quoted;

	*at++ = '"';
	for (size_t i = 0; i < shown; i++) {
		const unsigned char byte = (unsigned char)bytes[i];

		if (is_plain(byte)) {
			*at++ = bytes[i];
			continue;
		}
		*at++ = '\\';
		*at++ = 'x';
		*at++ = hex[byte >> 4];
		*at++ = hex[byte & 0xf];
	}
	*at++ = '"';
	(void)strcpy(at, shown < n ? "..." : "");
	return quoted;
}

int output_flush(void)
{
	/*
	 * Callers come right after their output: errno is that of the write which failed, here or
	 * there.
	 */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	message("cannot write to standard output: %s", strerror(errno));
	return -1;
}

int output_text(const char *text)
{
	(void)fputs(text, stdout);
	return output_flush() == 0 ? STATUS_OK : STATUS_BAD_INPUT;
}
