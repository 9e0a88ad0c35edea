/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "count_split.h"

#include <assert.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define STRIDE 64

static_assert(COUNT_BLOCK_PADDING >= STRIDE, "a stride that begins in a block may be read");
static_assert(COUNT_BLOCK_PADDING >= COUNT_CACHE_KEY_MAX, "so may what is behind a key");

/* ---- words ---------------------------------------------------------------------------------- */

static inline bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n';
}

/* A bit for each of 64 bytes that is a blank. */
static inline uint64_t blanks_of(const char *bytes)
{
	uint64_t blanks = 0;

#if defined(__SSE2__)
	for (unsigned i = 0; i < STRIDE; i += 16) {
		const __m128i some = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
		const __m128i is_space = _mm_cmpeq_epi8(some, _mm_set1_epi8(' '));
		const __m128i is_tab = _mm_cmpeq_epi8(some, _mm_set1_epi8('\t'));
		const __m128i is_newline = _mm_cmpeq_epi8(some, _mm_set1_epi8('\n'));
		const int bits =
			_mm_movemask_epi8(_mm_or_si128(is_space, _mm_or_si128(is_tab, is_newline)));

		blanks |= (uint64_t)(unsigned)bits << i;
	}
#else
	for (unsigned i = 0; i < STRIDE; i++)
		blanks |= (uint64_t)is_blank(bytes[i]) << i;
#endif
	return blanks;
}

/* The words are what lies between the places where blanks and other bytes meet. */
static uint64_t split_words(struct count_block *block, struct count_cache *cache)
{
	const char *word = NULL; /* that has begun */
	uint64_t is_inside = 0;  /* whether the byte before belongs to a word */
	uint64_t keys = 0;

	memset(block->bytes + block->size, '\n', COUNT_BLOCK_PADDING);
	for (size_t at = 0; at <= block->size; at += STRIDE) {
		const char *const bytes = block->bytes + at;
		const uint64_t inside = ~blanks_of(bytes);

		for (uint64_t edges = inside ^ (inside << 1 | is_inside); edges != 0;
		     edges &= edges - 1) {
			const char *const edge = bytes + __builtin_ctzll(edges);

			if (word == NULL) {
				word = edge;
				continue;
			}
			count_cache_add(cache, word, (size_t)(edge - word));
			word = NULL;
			keys++;
		}
		is_inside = inside >> (STRIDE - 1);
	}
	assert(word == NULL);
	return keys;
}

/* ---- lines and fields ----------------------------------------------------------------------- */

static size_t find_byte(const char *bytes, size_t n, char byte)
{
	const char *const found = memchr(bytes, byte, n);

	return found == NULL ? n : (size_t)(found - bytes);
}

/* The length of what is blank, or is not, at the beginning. */
static size_t span(const char *bytes, size_t n, bool of_blanks)
{
	size_t length = 0;

	while (length < n && is_blank(bytes[length]) == of_blanks)
		length++;
	return length;
}

static void count_word_field(size_t field, const char *line, size_t n, struct count_cache *cache)
{
	/* Ends: each turn takes a word off the line, until there is none. */
	for (size_t i = 1;; i++) {
		const size_t blanks = span(line, n, true);
		const size_t length = span(line + blanks, n - blanks, false);

		if (i == field || length == 0) {
			count_cache_add(cache, line + blanks, length);
			return;
		}
		line += blanks + length;
		n -= blanks + length;
	}
}

static void count_delimited_field(size_t field, char delimiter, const char *line, size_t n,
				  struct count_cache *cache)
{
	/* Ends: each turn takes a field off the line, until there is none. */
	for (size_t i = 1;; i++) {
		const size_t length = find_byte(line, n, delimiter);

		if (i == field) {
			count_cache_add(cache, line, length);
			return;
		}
		if (length == n) {
			count_cache_add(cache, line, 0);
			return;
		}
		line += length + 1;
		n -= length + 1;
	}
}

static uint64_t split_lines(const struct count_options *options, const struct count_block *block,
			    struct count_cache *cache)
{
	const char *line = block->bytes;
	const char *const end = line + block->size;
	uint64_t keys = 0;

	/* Ends: each turn goes on by a line. The last one may lack its newline. */
	for (; line < end; keys++) {
		const size_t length = find_byte(line, (size_t)(end - line), '\n');

		if (options->keys == COUNT_LINES)
			count_cache_add(cache, line, length);
		else if (options->has_delimiter)
			count_delimited_field(options->field, options->delimiter, line, length,
					      cache);
		else
			count_word_field(options->field, line, length, cache);
		line += length + 1;
	}
	return keys;
}

uint64_t count_split(const struct count_options *options, struct count_block *block,
		     struct count_cache *cache)
{
	const uint64_t keys = options->keys == COUNT_WORDS ? split_words(block, cache)
							   : split_lines(options, block, cache);

	/* The block is about to be written over. */
	count_cache_settle(cache);
	return keys;
}
