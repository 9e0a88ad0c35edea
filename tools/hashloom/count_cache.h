/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * count_cache.h: what one thread has counted and not yet added to the table of all. Short keys that
 * come often are counted here, in a table of its own with one slot for each hash: a key that finds
 * another one in its slot takes it over, and the other one goes to the common table, with its
 * count. So "the" does not move from core to core each time that it is met.
 */
#ifndef HASHLOOM_TOOL_COUNT_CACHE_H
#define HASHLOOM_TOOL_COUNT_CACHE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <hashloom/intern.h>

#define COUNT_CACHE_BITS 13
#define COUNT_CACHE_SLOTS ((size_t)1 << COUNT_CACHE_BITS)
#define COUNT_CACHE_KEY_MAX 16 /* bytes; longer keys go to the common table at once */
#define COUNT_CACHE_BATCH 128

struct count_slot {
	uint64_t words[COUNT_CACHE_KEY_MAX / 8]; /* the key, and zeros behind it */
	uint32_t length;
	uint32_t count; /* 0: the slot is empty */
};

struct count_cache {
	struct hashloom_intern *intern;
	int error; /* of the table; 0: none */
	size_t pending;
	struct hashloom_bytes strings[COUNT_CACHE_BATCH];
	uint64_t summands[COUNT_CACHE_BATCH];
	struct count_slot evicted[COUNT_CACHE_BATCH]; /* whose keys are among the strings */
	struct count_slot slots[COUNT_CACHE_SLOTS];
};

/* Adds what is pending to the table. Keys that were counted before need not stay in place any more. */
void count_cache_settle(struct count_cache *cache);

/* The same, with all that is in the slots. */
void count_cache_flush(struct count_cache *cache);

/* Moves a slot to the table, with the next batch. */
void count_cache_evict(struct count_cache *cache, struct count_slot *slot);

/* Adds a long key to the table, with the next batch. */
void count_cache_add_long(struct count_cache *cache, const char *key, size_t length);

/* Up to eight bytes as a word; reads eight. */
static inline uint64_t count_cache_load(const char *bytes, size_t length)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return length >= sizeof(word) ? word : word & htole64((UINT64_C(1) << 8 * length) - 1);
}

/* Counts a key, behind which 16 bytes may be read. It stays in place until count_cache_settle(). */
static inline void count_cache_add(struct count_cache *cache, const char *key, size_t length)
{
	if (length > COUNT_CACHE_KEY_MAX) {
		count_cache_add_long(cache, key, length);
		return;
	}
	const uint64_t low = count_cache_load(key, length);
	const uint64_t high = length > 8 ? count_cache_load(key + 8, length - 8) : 0;
	const uint64_t mixed =
		(low ^ (high << 29 | high >> 35) ^ length) * UINT64_C(0x9e3779b97f4a7c15);
	struct count_slot *const slot =
		&cache->slots[(mixed ^ mixed << 23) >> (64 - COUNT_CACHE_BITS)];

	if (slot->words[0] == low && slot->words[1] == high && slot->length == length &&
	    slot->count < UINT32_MAX) {
		slot->count++;
		return;
	}
	count_cache_evict(cache, slot);
	*slot = (struct count_slot){{low, high}, (uint32_t)length, 1};
}

#endif
