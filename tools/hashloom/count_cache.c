/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "count_cache.h"

void count_cache_settle(struct count_cache *cache)
{
	int results[COUNT_CACHE_BATCH];

	(void)hashloom_intern_count_batch(cache->intern, cache->strings, cache->summands,
					  cache->pending, NULL, results);
	for (size_t i = 0; i < cache->pending; i++)
		if (results[i] < 0)
			cache->error = results[i];
	cache->pending = 0;
}

static void add_pending(struct count_cache *cache, const void *key, size_t length, uint64_t summand)
{
	cache->strings[cache->pending] = (struct hashloom_bytes){key, length};
	cache->summands[cache->pending] = summand;
	if (++cache->pending == COUNT_CACHE_BATCH)
		count_cache_settle(cache);
}

void count_cache_evict(struct count_cache *cache, struct count_slot *slot)
{
	struct count_slot *const evicted = &cache->evicted[cache->pending];

	if (slot->count == 0)
		return;
	*evicted = *slot;
	slot->count = 0;
	add_pending(cache, evicted->words, evicted->length, evicted->count);
}

void count_cache_add_long(struct count_cache *cache, const char *key, size_t length)
{
	add_pending(cache, key, length, 1);
}

void count_cache_flush(struct count_cache *cache)
{
	for (size_t i = 0; i < COUNT_CACHE_SLOTS; i++)
		count_cache_evict(cache, &cache->slots[i]);
	count_cache_settle(cache);
}
