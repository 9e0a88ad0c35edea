/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* boost.cpp: boost::concurrent_flat_map (1.83 or later), with the hash of ours. */
#include <boost/unordered/concurrent_flat_map.hpp>

#include "../map_hash.h"
#include "../maps.h"

namespace
{

struct hasher : map_hasher {
	using is_avalanching = void;
};

struct map {
	explicit map(size_t entries_max) : entries(entries_max)
	{
	}

	boost::concurrent_flat_map<uint64_t, uint64_t, hasher> entries;
};

inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return map->entries.emplace(key, value);
}

inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	return map->entries.cvisit(key, [value](const auto &entry) { *value = entry.second; }) == 1;
}

inline int map_erase(struct map *map, uint64_t key)
{
	return map->entries.erase(key) == 1;
}

inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	return map->entries.cvisit_all([sum](const auto &entry) { *sum += entry.second; });
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

MAP_BENCH map_bench_boost = { "boost::concurrent_flat_map", MAP_GROWS | MAP_SHARED_READS | MAP_SHARED | MAP_REUSES,
			      create, destroy, NULL, NULL, NULL, MAP_LOOPS };
