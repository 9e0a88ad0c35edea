/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* absl.cpp: absl::flat_hash_map with its own hash and no lock: one thread, the limit of what one thread can do. */
#include <absl/container/flat_hash_map.h>

#include "../maps.h"

namespace
{

struct map {
	absl::flat_hash_map<uint64_t, uint64_t> table;
};

inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return map->table.emplace(key, value).second;
}

inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	const auto found = map->table.find(key);

	if (found == map->table.end())
		return 0;
	*value = found->second;
	return 1;
}

inline int map_erase(struct map *map, uint64_t key)
{
	return map->table.erase(key) == 1;
}

inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	size_t count = 0;

	for (const auto &entry : map->table) {
		*sum += entry.second;
		count++;
	}
	return count;
}

#include "../map_workloads.h"

void *create(size_t entries_max)
{
	struct map *const map = new struct map;

	map->table.reserve(entries_max);
	return map;
}

void destroy(void *opaque)
{
	delete static_cast<struct map *>(opaque);
}

} // namespace

MAP_BENCH map_bench_absl = { "absl::flat_hash_map", MAP_GROWS | MAP_REUSES, create, destroy, NULL, NULL, NULL,
			     MAP_LOOPS };
