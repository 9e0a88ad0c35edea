/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "key.h"

#include <hashloom/async_hash_map.h>

#include <stdbool.h>
#include <stdio.h>

#define KEY_DIGITS_MAX 64

/* The value of a digit; KEY_BASE_MAX, which no base has, for anything else. */
static unsigned digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned)(digit - '0');
	if (digit >= 'a' && digit <= 'z')
		return (unsigned)(digit - 'a') + 10;
	if (digit >= 'A' && digit <= 'Z')
		return (unsigned)(digit - 'A') + 10;
	return KEY_BASE_MAX;
}

enum key_result key_parse(const char *text, size_t n, unsigned base, uint64_t *key)
{
	uint64_t number = 0;
	bool too_large = false;

	if (n == 0)
		return KEY_EMPTY;
	/* All of it is looked at: what is no number at all shall not be called too large. */
	for (size_t i = 0; i < n; i++) {
		const unsigned digit = digit_value(text[i]);

		if (digit >= base)
			return KEY_NOT_A_NUMBER;
		if (__builtin_mul_overflow(number, (uint64_t)base, &number) ||
		    __builtin_add_overflow(number, (uint64_t)digit, &number) ||
		    number > ASYNC_HASH_MAP_KEY_MAX) {
			too_large = true;
			number = 0;
		}
	}
	if (too_large)
		return KEY_TOO_LARGE;
	*key = number;
	return KEY_OK;
}

/* The largest key in digits of a base. */
static const char *key_max_text(unsigned base, char text[KEY_DIGITS_MAX + 1])
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	uint64_t rest = ASYNC_HASH_MAP_KEY_MAX;
	char *at = text + KEY_DIGITS_MAX;

	*at = '\0';
	/* Ends: base is at least 2, so that 64 digits are enough. */
	while (rest != 0) {
		*--at = digits[rest % base];
		rest /= base;
	}
	return at;
}

const char *key_reason(enum key_result result, const char *text, size_t n, unsigned base,
		       char reason[KEY_REASON_SIZE])
{
	char quoted[QUOTE_SIZE];
	char max[KEY_DIGITS_MAX + 1];

	switch (result) {
	case KEY_OK:
		break;
	case KEY_EMPTY:
		(void)snprintf(reason, KEY_REASON_SIZE, "the key is empty");
		return reason;
	case KEY_NOT_A_NUMBER:
		(void)snprintf(reason, KEY_REASON_SIZE, "key %s is not a number in base %u",
			       quote(text, n, quoted), base);
		return reason;
	case KEY_TOO_LARGE:
		(void)snprintf(reason, KEY_REASON_SIZE, "key %s is larger than %s",
			       quote(text, n, quoted), key_max_text(base, max));
		return reason;
	}
	(void)snprintf(reason, KEY_REASON_SIZE, "nothing is wrong with the key");
	return reason;
}
