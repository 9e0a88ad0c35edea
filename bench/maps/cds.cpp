/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * cds.cpp: libcds's FeldmanHashMap with hazard pointers: a tree of arrays over the bits of the key. It wants keys that are
 * spread evenly, which the random ones of the benchmark are, and no hash. Its first array is chosen for the size.
 */
#include <cds/init.h>
#include <cds/gc/hp.h>
#include <cds/container/feldman_hashmap_hp.h>

#include "../maps.h"

namespace
{

/* Made once, when the first thread enters. */
struct library {
	library()
	{
		cds::Initialize();
		collector = new cds::gc::HP;
	}

	cds::gc::HP *collector;
};

struct map {
	explicit map(size_t head_bits) : entries(head_bits, 4)
	{
	}

	cds::container::FeldmanHashMap<cds::gc::HP, uint64_t, uint64_t> entries;
};

inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return map->entries.insert(key, value);
}

inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	return map->entries.find(key, [value](const std::pair<const uint64_t, uint64_t> &entry) { *value = entry.second; });
}

inline int map_erase(struct map *map, uint64_t key)
{
	return map->entries.erase(key);
}

inline size_t map_iterate(struct map *map, uint64_t *sum)
{
	size_t count = 0;

	for (auto entry = map->entries.cbegin(); entry != map->entries.cend(); ++entry) {
		*sum += entry->second;
		count++;
	}
	return count;
}

#include "../map_workloads.h"

void *create(size_t entries_max)
{
	size_t head_bits = 4;

	while (head_bits < 24 && (size_t)1 << head_bits < entries_max)
		head_bits++;
	return new struct map(head_bits);
}

void destroy(void *opaque)
{
	delete static_cast<struct map *>(opaque);
}

void thread_enter()
{
	static const library made;

	cds::threading::Manager::attachThread();
}

void thread_leave()
{
	cds::threading::Manager::detachThread();
}

} // namespace

MAP_BENCH map_bench_cds = { "libcds Feldman", MAP_SHARED_READS | MAP_SHARED | MAP_REUSES, create, destroy, NULL,
			    thread_enter, thread_leave, MAP_LOOPS };
