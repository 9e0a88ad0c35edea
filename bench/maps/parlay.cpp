/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* parlay.cpp: parlayhash's unordered map, with the hash of ours. */
#include <parlay_hash/unordered_map.h>

#include "../map_hash.h"
#include "../maps.h"

namespace
{

struct map {
	explicit map(size_t entries_max) : entries((long)entries_max)
	{
	}

	parlay::parlay_unordered_map<uint64_t, uint64_t, map_hasher> entries;
};

inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return !map->entries.Insert(key, value).has_value();
}

inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const auto found = map->entries.Find(key);

	if (!found.has_value())
		return 0;
	*value = *found;
	return 1;
}

inline int map_erase(struct map *map, uint64_t key)
{
	return map->entries.Remove(key).has_value();
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

MAP_BENCH map_bench_parlay = { "parlayhash", MAP_GROWS | MAP_SHARED_READS | MAP_SHARED | MAP_REUSES, create, destroy, NULL,
			       NULL, NULL, MAP_LOOPS };
