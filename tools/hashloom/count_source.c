/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "count_source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

/* Much longer to count than to read, and little enough to stay in the cache. */
#define BLOCK_SIZE ((size_t)1 << 18)

/* A regular file's size; 0: not known. */
static uint64_t size_of_file(const char *name)
{
	struct stat status;
	const int result =
		strcmp(name, "-") == 0 ? fstat(STDIN_FILENO, &status) : stat(name, &status);

	return result == 0 && S_ISREG(status.st_mode) && status.st_size > 0
		       ? (uint64_t)status.st_size
		       : 0;
}

int count_source_open(struct count_source *source, const struct count_options *options)
{
	bool is_known = true;

	*source = (struct count_source){.options = options, .file = -1};
	if (pthread_mutex_init(&source->lock, NULL) != 0) {
		message("out of memory");
		return -1;
	}
	for (size_t i = 0; i < options->files_count; i++) {
		const uint64_t size = size_of_file(options->files[i]);

		is_known = is_known && size > 0;
		source->bytes_expected += size;
	}
	progress_begin(&source->progress, "counting", "keys",
		       is_known ? source->bytes_expected : 0);
	return 0;
}

/* ---- messages; the lock is held ------------------------------------------------------------- */

static void report_unreadable(struct count_source *source)
{
	const int error = errno;

	progress_hide(&source->progress);
	message("cannot read '%s': %s", source->name, strerror(error));
	source->has_failed = true;
}

static void stop(struct count_source *source, const char *reason)
{
	if (!source->has_stopped) {
		progress_hide(&source->progress);
		message("%s", reason);
	}
	source->has_stopped = true;
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Makes room for so many bytes. Returns 0, or -1 after a message. */
static int make_room(struct count_source *source, struct count_block *block, size_t size)
{
	if (size <= block->capacity)
		return 0;
	char *const larger =
		size > SIZE_MAX / 2 ? NULL : realloc(block->bytes, size + COUNT_BLOCK_PADDING);

	if (larger == NULL) {
		stop(source, "out of memory for a long key");
		return -1;
	}
	block->bytes = larger;
	block->capacity = size;
	return 0;
}

/* Whether a key ends at this byte. With --field keys end earlier, but lines are kept together. */
static bool is_end_of_key(const struct count_source *source, char byte)
{
	return byte == '\n' ||
	       (source->options->keys == COUNT_WORDS && (byte == ' ' || byte == '\t'));
}

/* Where the last key from `searched` on ends, or 0. */
static size_t find_cut(const struct count_source *source, const struct count_block *block,
		       size_t searched)
{
	for (size_t at = block->size; at > searched; at--)
		if (is_end_of_key(source, block->bytes[at - 1]))
			return at;
	return 0;
}

/* Leaves what comes behind the cut for the next block. Returns 0, or -1 after a message. */
static int cut_block(struct count_source *source, struct count_block *block, size_t cut)
{
	assert(cut <= block->size && source->tail.size == 0);
	if (make_room(source, &source->tail, block->size - cut) != 0)
		return -1;
	if (block->size > cut)
		memcpy(source->tail.bytes, block->bytes + cut, block->size - cut);
	source->tail.size = block->size - cut;
	block->size = cut;
	return 0;
}

/* ---- files; the lock is held ---------------------------------------------------------------- */

/* Opens the next file that can be opened. Returns 1, or 0: there is none. */
static int open_next(struct count_source *source)
{
	while (source->next_file < source->options->files_count) {
		source->name = source->options->files[source->next_file++];
		source->file = strcmp(source->name, "-") == 0
				       ? STDIN_FILENO
				       : open(source->name, O_RDONLY | O_CLOEXEC);
		if (source->file >= 0)
			return 1;
		report_unreadable(source);
	}
	return 0;
}

static void close_file(struct count_source *source)
{
	if (source->file > STDIN_FILENO)
		(void)close(source->file);
	source->file = -1;
}

/* Fills a block up to its capacity. Returns 1, or 0: the file has ended, or failed, and is closed. */
static int fill(struct count_source *source, struct count_block *block)
{
	/* Ends: each turn reads some, but for a signal in between. */
	while (block->size < block->capacity) {
		const ssize_t got = read(source->file, block->bytes + block->size,
					 block->capacity - block->size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			report_unreadable(source);
		if (got <= 0) {
			close_file(source);
			return 0;
		}
		block->size += (size_t)got;
		source->bytes += (uint64_t)got;
	}
	return 1;
}

/* A block of the file that is open; size 0: there was no more. Returns 0, or -1 after a message. */
static int read_block(struct count_source *source, struct count_block *block)
{
	size_t searched = 0;

	block->size = source->tail.size;
	source->tail.size = 0;
	if (make_room(source, block, block->size > BLOCK_SIZE / 2 ? 2 * block->size : BLOCK_SIZE) !=
	    0)
		return -1;
	if (block->size > 0)
		memcpy(block->bytes, source->tail.bytes, block->size);
	/* Ends: each turn reads a block that is twice as large. */
	for (;;) {
		const int is_open = fill(source, block);
		const size_t cut = is_open ? find_cut(source, block, searched) : block->size;

		if (!is_open || cut > 0)
			return cut_block(source, block, cut);
		searched = block->size;
		if (make_room(source, block, 2 * block->capacity) != 0)
			return -1;
	}
}

static int next_block(struct count_source *source, struct count_block *block)
{
	block->size = 0;
	/* Ends: each turn that gives no bytes has closed a file. */
	while (block->size == 0) {
		if (source->has_stopped)
			return -1;
		if (source->file < 0 && !open_next(source))
			return 0;
		if (read_block(source, block) != 0)
			return -1;
	}
	return 1;
}

int count_source_next(struct count_source *source, struct count_block *block, uint64_t keys)
{
	(void)pthread_mutex_lock(&source->lock);
	source->keys += keys;
	progress_update(&source->progress, source->keys, source->bytes);
	const int result = next_block(source, block);

	(void)pthread_mutex_unlock(&source->lock);
	return result;
}

void count_source_stop(struct count_source *source, const char *reason)
{
	(void)pthread_mutex_lock(&source->lock);
	stop(source, reason);
	(void)pthread_mutex_unlock(&source->lock);
}

void count_source_close(struct count_source *source)
{
	progress_hide(&source->progress);
	close_file(source);
	free(source->tail.bytes);
	(void)pthread_mutex_destroy(&source->lock);
}
