/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* tbb.cpp: tbb::concurrent_hash_map, its allocator counted, finds through a const_accessor (which locks the entry). */
#include <oneapi/tbb/concurrent_hash_map.h>
#include <oneapi/tbb/tbb_allocator.h>

#include "../map_hash.h"
#include "../maps.h"

namespace
{

/* Only the thread that counts looks: bytes are taken from one thread's inserts. */
thread_local size_t bytes_allocated;

template <typename T> struct counting_allocator {
	using value_type = T;

	counting_allocator() = default;

	template <typename U> counting_allocator(const counting_allocator<U> &)
	{
	}

	T *allocate(size_t count)
	{
		bytes_allocated += count * sizeof(T);
		return tbb::tbb_allocator<T>().allocate(count);
	}

	void deallocate(T *memory, size_t count)
	{
		bytes_allocated -= count * sizeof(T);
		tbb::tbb_allocator<T>().deallocate(memory, count);
	}

	friend bool operator==(const counting_allocator &, const counting_allocator &)
	{
		return true;
	}

	friend bool operator!=(const counting_allocator &, const counting_allocator &)
	{
		return false;
	}
};

struct hash_compare {
	static size_t hash(uint64_t key)
	{
		return map_hash(key);
	}

	static bool equal(uint64_t a, uint64_t b)
	{
		return a == b;
	}
};

using table =
	tbb::concurrent_hash_map<uint64_t, uint64_t, hash_compare, counting_allocator<std::pair<const uint64_t, uint64_t>>>;

struct map {
	explicit map(size_t entries_max) : bytes_before(bytes_allocated), entries(entries_max)
	{
	}

	size_t bytes_before;
	table entries;
};

inline int map_insert(struct map *map, uint64_t key, uint64_t value)
{
	return map->entries.emplace(key, value);
}

inline int map_find(struct map *map, uint64_t key, uint64_t *value)
{
	table::const_accessor found;

	if (!map->entries.find(found, key))
		return 0;
	*value = found->second;
	return 1;
}

inline int map_erase(struct map *map, uint64_t key)
{
	return map->entries.erase(key);
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

size_t bytes(const void *opaque)
{
	return bytes_allocated - static_cast<const struct map *>(opaque)->bytes_before;
}

} // namespace

MAP_BENCH map_bench_tbb = { "tbb::concurrent_hash_map", MAP_GROWS | MAP_SHARED_READS | MAP_SHARED | MAP_REUSES, create,
			    destroy, bytes, NULL, NULL, MAP_LOOPS };
