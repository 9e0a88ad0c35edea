/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* cuckoo.cpp: libcuckoo's cuckoohash_map. */
#include <libcuckoo/cuckoohash_map.hh>

#include "../map_hash.h"
#include "../maps.h"

namespace
{

struct map {
	explicit map(size_t entries_max) : entries(entries_max)
	{
	}

	libcuckoo::cuckoohash_map<uint64_t, uint64_t, map_hasher> entries;
};

inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return map->entries.insert(key, value);
}

inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	return map->entries.find(key, *value);
}

inline int map_erase(struct map *map, uint64_t key)
{
	return map->entries.erase(key);
}

inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	const auto locked = map->entries.lock_table();
	size_t count = 0;

	for (const auto &entry : locked) {
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

MAP_BENCH map_bench_cuckoo = { "libcuckoo", MAP_GROWS | MAP_SHARED_READS | MAP_SHARED | MAP_REUSES, create, destroy, NULL,
			       NULL, NULL, MAP_LOOPS };
