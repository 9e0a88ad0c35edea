/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* kv_options.h: the command line of `hashloom kv`. */
#ifndef HASHLOOM_TOOL_KV_OPTIONS_H
#define HASHLOOM_TOOL_KV_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* As many operations as a mover holds: data_mover_sync.h, data_mover_threads.h. */
#define KV_IN_FLIGHT_MAX 65536
#define KV_THREADS_MAX 65535
#define KV_CAPACITY_MAX UINT64_C(3000000000)

enum kv_mover {
	KV_MOVER_SYNC,
	KV_MOVER_THREADS,
};

/* A key that --get asks for, and how it was written. */
struct kv_get {
	const char *text;
	uint64_t key;
};

struct kv_options {
	const char *file; /* "-": standard input */
	size_t in_flight;
	enum kv_mover mover;
	size_t threads;  /* 0: the mover's default */
	size_t capacity; /* 0: as many as the file has lines, and some more */
	struct kv_get *gets;
	size_t gets_count;
	unsigned key_base;
	char delimiter;
};

enum kv_options_result {
	KV_OPTIONS_RUN,
	KV_OPTIONS_HELP,
	KV_OPTIONS_VERSION,
	KV_OPTIONS_WRONG, /* said on standard error */
};

/*
 * Reads the command line; argv[0] is "kv", and argv is permuted. Whatever it returns, the options
 * are to be released with kv_options_free(); they point into argv.
 */
enum kv_options_result kv_options_parse(int argc, char **argv, struct kv_options *options);

void kv_options_free(struct kv_options *options);

/* The text of --help. */
const char *kv_options_help(void);

#endif
