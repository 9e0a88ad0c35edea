/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* atomic_hash_array.c: an atomic hash array is an atomic hash map that does not grow, under another name. */
#include <hashloom/atomic_hash_array.h>

struct atomic_hash_map *atomic_hash_array_as_map(struct atomic_hash_array *array)
{
	return (struct atomic_hash_map *)(void *)array;
}

static const struct atomic_hash_map *as_map(const struct atomic_hash_array *array)
{
	return (const struct atomic_hash_map *)(const void *)array;
}

int atomic_hash_array_create(size_t entries_max, const struct atomic_hash_array_config *config,
			     struct atomic_hash_array **array)
{
	const struct atomic_hash_map_config map_config = {
		.value_size = config->value_size,
		.value_alignment = config->value_alignment,
		.load_permille = config->load_permille,
		.reuse = config->reuse,
		.hash = config->hash,
		.allocator = config->allocator,
		.is_fixed = 1,
	};
	struct atomic_hash_map *map;
	const int error = atomic_hash_map_create(entries_max, &map_config, &map);

	if (error == HASHLOOM_OK)
		*array = (struct atomic_hash_array *)(void *)map;
	return error;
}

void atomic_hash_array_destroy(struct atomic_hash_array *array)
{
	atomic_hash_map_destroy(atomic_hash_array_as_map(array));
}

int atomic_hash_array_insert(struct atomic_hash_array *array, uint64_t key, const void *value, void **where)
{
	return atomic_hash_map_insert(atomic_hash_array_as_map(array), key, value, where);
}

void *atomic_hash_array_find(const struct atomic_hash_array *array, uint64_t key)
{
	return atomic_hash_map_find(as_map(array), key);
}

int atomic_hash_array_erase(struct atomic_hash_array *array, uint64_t key)
{
	return atomic_hash_map_erase(atomic_hash_array_as_map(array), key);
}

uint32_t atomic_hash_array_id(const struct atomic_hash_array *array, const void *value)
{
	return atomic_hash_map_id(as_map(array), value);
}

void *atomic_hash_array_at(const struct atomic_hash_array *array, uint32_t id, uint64_t *key)
{
	return atomic_hash_map_at(as_map(array), id, key);
}

void *atomic_hash_array_next(const struct atomic_hash_array *array, uint64_t *position, uint64_t *key)
{
	return atomic_hash_map_next(as_map(array), position, key);
}

size_t atomic_hash_array_size(const struct atomic_hash_array *array)
{
	return atomic_hash_map_size(as_map(array));
}

size_t atomic_hash_array_capacity(const struct atomic_hash_array *array)
{
	return atomic_hash_map_capacity(as_map(array));
}

int atomic_hash_array_check(const struct atomic_hash_array *array, struct atomic_hash_map_report *report)
{
	return atomic_hash_map_check(as_map(array), report);
}
