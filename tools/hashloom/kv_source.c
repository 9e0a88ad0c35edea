/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#define _GNU_SOURCE 1 /* memrchr */
#include "kv_source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

/* Enough to make a system call a small thing, and little enough to stay in the cache. */
#define BUFFER_SIZE_FIRST ((size_t)1 << 20)
/* read() of more than this is cut by the kernel anyway. */
#define READ_SIZE_MAX ((size_t)1 << 30)

static int report_unreadable(const struct kv_source *source)
{
	message("cannot read '%s': %s", source->name, strerror(errno));
	return -1;
}

int kv_source_open(struct kv_source *source, const char *name)
{
	struct stat status;

	*source = (struct kv_source){.name = name, .file = STDIN_FILENO};
	source->is_input = strcmp(name, "-") == 0;
	if (!source->is_input)
		source->file = open(name, O_RDONLY | O_CLOEXEC);
	if (source->file < 0 || fstat(source->file, &status) != 0) {
		(void)report_unreadable(source);
		goto failed;
	}
	if (S_ISREG(status.st_mode)) {
		/* Standard input may have been read in part by whoever had it before. */
		const off_t at = lseek(source->file, 0, SEEK_CUR);

		source->rereadable = at >= 0;
		if (at >= 0 && at < status.st_size)
			source->size = (uint64_t)(status.st_size - at);
	}
	source->buffer_size = BUFFER_SIZE_FIRST;
	source->buffer = malloc(source->buffer_size);
	if (source->buffer != NULL)
		return 0;
	message("out of memory");
failed:
	if (!source->is_input && source->file >= 0)
		(void)close(source->file);
	return -1;
}

/* Reads once, interruptions apart. Returns the bytes, 0 at the end, or -1 after a message. */
static ssize_t read_some(struct kv_source *source, char *buffer, size_t n)
{
	ssize_t got;

	do /* ends: as soon as no signal comes in between */
		got = read(source->file, buffer, n < READ_SIZE_MAX ? n : READ_SIZE_MAX);
	while (got < 0 && errno == EINTR);
	return got < 0 ? report_unreadable(source) : got;
}

/* Makes room behind `end`, first by moving what was not handed out to the front. */
static int make_room(struct kv_source *source)
{
	if (source->begin > 0) {
		memmove(source->buffer, source->buffer + source->begin,
			source->end - source->begin);
		source->end -= source->begin;
		source->searched -= source->begin;
		source->begin = 0;
	}
	if (source->end < source->buffer_size)
		return 0;
	if (source->buffer_size > SIZE_MAX / 2) {
		message("out of memory while reading '%s'", source->name);
		return -1;
	}
	char *const larger = realloc(source->buffer, 2 * source->buffer_size);
	if (larger == NULL) {
		message("out of memory while reading '%s', with %zu bytes in the buffer",
			source->name, source->end);
		return -1;
	}
	source->buffer = larger;
	source->buffer_size *= 2;
	return 0;
}

/* Reads more behind what is there. Returns 0, also at the end, or -1 after a message. */
static int fill(struct kv_source *source)
{
	if (make_room(source) != 0)
		return -1;
	const ssize_t got =
		read_some(source, source->buffer + source->end, source->buffer_size - source->end);

	if (got < 0)
		return -1;
	source->at_end = got == 0;
	source->end += (size_t)got;
	return 0;
}

static uint64_t count_newlines(const char *bytes, size_t n)
{
	const char *const end = bytes + n;
	uint64_t count = 0;

	/* Ends: each turn moves behind a newline. */
	while (bytes < end) {
		const char *const newline = memchr(bytes, '\n', (size_t)(end - bytes));

		if (newline == NULL)
			break;
		bytes = newline + 1;
		count++;
	}
	return count;
}

static int count_and_rewind(struct kv_source *source, uint64_t *lines)
{
	const off_t start = lseek(source->file, 0, SEEK_CUR);
	char last = '\n';
	uint64_t count = 0;

	for (;;) { /* ends at the end of the file */
		const ssize_t got = read_some(source, source->buffer, source->buffer_size);

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		count += count_newlines(source->buffer, (size_t)got);
		last = source->buffer[got - 1];
	}
	if (start < 0 || lseek(source->file, start, SEEK_SET) < 0)
		return report_unreadable(source);
	*lines = count + (last != '\n');
	return 0;
}

int kv_source_count_lines(struct kv_source *source, uint64_t *lines)
{
	if (source->rereadable)
		return count_and_rewind(source, lines);
	/* Ends at the end of the input, or of the memory. */
	while (!source->at_end)
		if (fill(source) != 0)
			return -1;
	*lines = count_newlines(source->buffer, source->end) +
		 (source->end > 0 && source->buffer[source->end - 1] != '\n');
	source->size = source->end;
	return 0;
}

static int hand_out(struct kv_source *source, size_t end, const char **lines, size_t *n)
{
	*lines = source->buffer + source->begin;
	*n = end - source->begin;
	source->begin = end;
	source->searched = end;
	return 1;
}

int kv_source_next(struct kv_source *source, const char **lines, size_t *n)
{
	/* Ends: each turn reads more, until there is a newline or the end. */
	for (;;) {
		assert(source->begin <= source->searched && source->searched <= source->end);
		assert(source->end <= source->buffer_size);
		if (source->at_end)
			return source->begin == source->end
				       ? 0
				       : hand_out(source, source->end, lines, n);
		const char *const newline = memrchr(source->buffer + source->searched, '\n',
						    source->end - source->searched);

		if (newline != NULL)
			return hand_out(source, (size_t)(newline - source->buffer) + 1, lines, n);
		source->searched = source->end;
		if (fill(source) != 0)
			return -1;
	}
}

void kv_source_close(struct kv_source *source)
{
	if (!source->is_input)
		(void)close(source->file);
	free(source->buffer);
	source->buffer = NULL;
}
