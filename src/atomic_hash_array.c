/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* atomic_hash_array.c: the type-erased front end: the core with a policy that is made at run time. */
#include <hashloom/atomic_hash_array.h>

#define VALUE_SIZE_MAX ((size_t)1 << 30)

struct atomic_hash_array {
	struct hl_aha_policy policy;
	struct hashloom_allocator allocator;
	struct hl_aha array;
};

static uint64_t default_hash(uint64_t key)
{
	return hl_aha_hash(key);
}

static size_t default_alignment(size_t value_size)
{
	size_t alignment = sizeof(uint64_t);

	while (alignment > 1 && alignment > value_size)
		alignment /= 2;
	return alignment;
}

static size_t round_up(size_t size, size_t multiple)
{
	return (size + multiple - 1) / multiple * multiple;
}

static int config_is_valid(const struct atomic_hash_array_config *config)
{
	const size_t alignment = config->value_alignment;

	return config->value_size <= VALUE_SIZE_MAX && (alignment & (alignment - 1)) == 0 &&
	       alignment <= HL_CACHE_LINE && config->load_permille <= 1000 &&
	       (unsigned)config->reuse <= HASHLOOM_REUSE_ANY_KEY;
}

static struct hl_aha_policy make_policy(const struct atomic_hash_array_config *config)
{
	const size_t alignment =
		config->value_alignment != 0 ? config->value_alignment : default_alignment(config->value_size);
	const size_t cell_alignment = alignment > sizeof(hl_u64) ? alignment : sizeof(hl_u64);
	const size_t offset = round_up(sizeof(hl_u64), alignment);

	return (struct hl_aha_policy){
		.value_size = config->value_size,
		.value_offset = offset,
		.cell_size = round_up(offset + config->value_size, cell_alignment),
		.hash = config->hash != NULL ? config->hash : default_hash,
		.reuse = config->reuse,
	};
}

int atomic_hash_array_create(size_t entries_max, const struct atomic_hash_array_config *config,
			     struct atomic_hash_array **array)
{
	if (!config_is_valid(config))
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	const struct hashloom_allocator allocator =
		config->allocator != NULL ? *config->allocator : *hashloom_allocator_default();
	const unsigned load = config->load_permille != 0 ? config->load_permille : HL_AHA_LOAD_PERMILLE;
	struct atomic_hash_array *const made =
		allocator.allocate(allocator.context, sizeof(*made), _Alignof(struct atomic_hash_array), HASHLOOM_ALLOC_ANY);

	if (made == NULL)
		return HASHLOOM_ERROR_NO_MEMORY;
	made->policy = make_policy(config);
	made->allocator = allocator;
	const int error = hl_aha_create(&made->policy, &made->array, entries_max, load, &allocator);
	if (error != HASHLOOM_OK) {
		allocator.release(allocator.context, made, sizeof(*made), _Alignof(struct atomic_hash_array));
		return error;
	}
	*array = made;
	return HASHLOOM_OK;
}

void atomic_hash_array_destroy(struct atomic_hash_array *array)
{
	if (array == NULL)
		return;
	const struct hashloom_allocator allocator = array->allocator;

	hl_aha_destroy(&array->array, &allocator);
	allocator.release(allocator.context, array, sizeof(*array), _Alignof(struct atomic_hash_array));
}

int atomic_hash_array_insert(struct atomic_hash_array *array, uint64_t key, const void *value, void **where)
{
	void *found;
	const int result = hl_aha_insert(&array->policy, &array->array, key, value, &found);

	if (result >= 0 && where != NULL)
		*where = found;
	return result;
}

void *atomic_hash_array_find(const struct atomic_hash_array *array, uint64_t key)
{
	return hl_aha_find_value(&array->policy, &array->array, key);
}

int atomic_hash_array_erase(struct atomic_hash_array *array, uint64_t key)
{
	return hl_aha_remove(&array->policy, &array->array, key);
}

uint32_t atomic_hash_array_id(const struct atomic_hash_array *array, const void *value)
{
	return hl_aha_id_of(&array->policy, &array->array, value);
}

void *atomic_hash_array_at(const struct atomic_hash_array *array, uint32_t id, uint64_t *key)
{
	return hl_aha_at(&array->policy, &array->array, id, key);
}

void *atomic_hash_array_next(const struct atomic_hash_array *array, uint64_t *position, uint64_t *key)
{
	return hl_aha_next(&array->policy, &array->array, position, key);
}

size_t atomic_hash_array_size(const struct atomic_hash_array *array)
{
	return hl_aha_size(&array->array);
}

size_t atomic_hash_array_capacity(const struct atomic_hash_array *array)
{
	return (size_t)hl_aha_cells_count(&array->array);
}
