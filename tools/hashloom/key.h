/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * key.h: keys as text. A key is written in digits of its base and nothing else: no sign, no blank,
 * no prefix; letters count from 10 on, in either case.
 */
#ifndef HASHLOOM_TOOL_KEY_H
#define HASHLOOM_TOOL_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define KEY_BASE_MIN 2
#define KEY_BASE_MAX 36

enum key_result {
	KEY_OK,
	KEY_EMPTY,
	KEY_NOT_A_NUMBER,
	KEY_TOO_LARGE, /* larger than ASYNC_HASH_MAP_KEY_MAX */
};

/* Reads a key of n characters. *key is written only on KEY_OK. */
enum key_result key_parse(const char *text, size_t n, unsigned base, uint64_t *key);

#define KEY_REASON_SIZE (QUOTE_SIZE + 128)

/* What is wrong with a key, as a sentence for a message, in reason[KEY_REASON_SIZE]; returns it. */
const char *key_reason(enum key_result result, const char *text, size_t n, unsigned base,
		       char reason[KEY_REASON_SIZE]);

#endif
