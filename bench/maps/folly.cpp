/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* folly.cpp: folly::AtomicHashMap, with the hash of ours. */
#include <folly/AtomicHashMap.h>

#include "../map_hash.h"
#include "../maps.h"

namespace
{

struct map {
	explicit map(size_t entries_max) : entries(entries_max)
	{
	}

	folly::AtomicHashMap<uint64_t, uint64_t, map_hasher> entries;
};

inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return map->entries.emplace(key, value).second;
}

inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const auto found = map->entries.find(key);

	if (found == map->entries.end())
		return 0;
	*value = found->second;
	return 1;
}

inline int map_erase(struct map *map, uint64_t key)
{
	return map->entries.erase(key) == 1;
}

inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	size_t count = 0;

	for (const auto &entry : map->entries) {
		*sum += entry.second;
		count++;
	}
	return count;
}

#include "../map_workloads.h"

void *create(size_t entries_max)
{
	return new struct map(entries_max);
}

void destroy(void *opaque)
{
	delete static_cast<struct map *>(opaque);
}

} // namespace

MAP_BENCH map_bench_folly = { "folly::AtomicHashMap", MAP_SHARED_READS | MAP_SHARED, create, destroy, NULL, NULL, NULL,
			      MAP_LOOPS };
