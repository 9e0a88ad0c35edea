/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* kv_commands.h: the commands that are answered from a store. */
#ifndef HASHLOOM_TOOL_KV_COMMANDS_H
#define HASHLOOM_TOOL_KV_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kv_options.h"
#include "kv_store.h"

enum command_result {
	COMMAND_DONE,
	COMMAND_WRONG, /* answered by "error: ..." */
	COMMAND_QUIT,
};

/*
 * Runs one command, a line of n bytes without its newline, and prints the answer to standard
 * output. An empty line is none, and has no answer.
 */
enum command_result command_run(struct kv_store *store, const struct kv_options *options,
				const char *line, size_t n);

/* The name of the command with this number, from 0 on; NULL behind the last. */
const char *command_name(size_t number);

#endif
