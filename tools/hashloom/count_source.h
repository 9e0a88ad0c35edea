/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * count_source.h: files, pipes and terminals, read in blocks by several threads, one at a time. Each
 * block is a thread's own, and ends where a key ends; what was read of the next key is left for the
 * block after it. A key that is longer than a block makes its block grow.
 */
#ifndef HASHLOOM_TOOL_COUNT_SOURCE_H
#define HASHLOOM_TOOL_COUNT_SOURCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "count_options.h"
#include "progress.h"

/* Bytes behind the end of a block that may be read and written. */
#define COUNT_BLOCK_PADDING 64

struct count_block {
	char *bytes;
	size_t size;
	size_t capacity; /* without the padding */
};

struct count_source {
	const struct count_options *options;
	pthread_mutex_t lock; /* of all that follows */
	size_t next_file;
	const char *name;        /* of the file that is open, for messages */
	int file;                /* -1: none is open */
	struct count_block tail; /* the beginning of the next key */
	struct progress progress;
	uint64_t bytes_expected; /* 0: unknown */
	uint64_t bytes;
	uint64_t keys;
	bool has_failed;  /* a file could not be read, or not to its end */
	bool has_stopped; /* there is no memory */
};

/* Looks at the sizes of the files, and reads nothing. Returns 0, or -1 after a message. */
int count_source_open(struct count_source *source, const struct count_options *options);

/*
 * The next block. keys: how many there were in the block before, for the progress bar. The block
 * belongs to the caller, who frees block->bytes, in which block->size bytes are new; all zero at
 * first. Any thread. Returns 1, 0 at the end of all files, or -1 after a message, here or there.
 */
int count_source_next(struct count_source *source, struct count_block *block, uint64_t keys);

/* Says something while the source is in use: wipes the progress bar first, and stops the reading. */
void count_source_stop(struct count_source *source, const char *reason);

void count_source_close(struct count_source *source);

#endif
