/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * kv_source.h: reads a file, pipe or terminal by runs of whole lines.
 *
 * One buffer holds the lines that are being loaded. It is filled again only when the caller asks
 * for the next run, so values stay in place as long as a put may read them, and a file of any size
 * needs memory for its longest line only.
 */
#ifndef HASHLOOM_TOOL_KV_SOURCE_H
#define HASHLOOM_TOOL_KV_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv_source {
	const char *name; /* for messages */
	char *buffer;
	size_t buffer_size;
	size_t begin;    /* of what was read and not handed out yet */
	size_t end;      /* of what was read */
	size_t searched; /* no newline lies from begin to here */
	uint64_t size;   /* bytes to come in all, for the progress bar; 0: unknown */
	int file;
	bool is_input; /* standard input, which is not ours to close */
	bool at_end;
	bool rereadable; /* a regular file */
};

/*
 * Opens a file; "-" is standard input. Returns 0, or -1 after a message; kv_source_close() is due
 * only after 0.
 */
int kv_source_open(struct kv_source *source, const char *name);

/*
 * Counts the lines. A regular file is read for that and wound back; anything else is read to its
 * end and kept. To be called before the first kv_source_next(). Returns 0, or -1 after a message.
 */
int kv_source_count_lines(struct kv_source *source, uint64_t *lines);

/*
 * The next run of lines, at least one: *lines to *lines + *n. Each line ends with a newline, but
 * for the last one of the input, which may lack it. They stay until the next call. Returns 1, 0 at
 * the end, or -1 after a message.
 */
int kv_source_next(struct kv_source *source, const char **lines, size_t *n);

void kv_source_close(struct kv_source *source);

#endif
