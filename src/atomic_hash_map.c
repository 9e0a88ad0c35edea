/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_map.c: the type-erased front end: the core with a policy that is made at run time.
 *
 * Most maps have 8-byte keys, our hash and the reserved keys by default. For these the core is compiled once more with all of that
 * constant, so that little is left to be looked up: find, find_near, find_batch, insert and erase.
 */
#include <hashloom/atomic_hash_map.h>

struct atomic_hash_map {
	struct hl_ahm_policy policy;
	int is_plain;
	struct hl_ahm map;
};

static int policy_is_plain(const struct hl_ahm_policy *policy)
{
	const struct hl_aha_policy *const cell = &policy->cell;

	return cell->key_size == 8 && cell->hash == NULL && cell->equal == NULL && cell->empty_key == UINT64_MAX &&
	       cell->locked_word == 1 && cell->erased_word == 2 && cell->probing == HASHLOOM_PROBING_LINEAR;
}

/* The policy of a plain map, of which the compiler knows most. */
HL_ALWAYS_INLINE struct hl_ahm_policy plain_policy(const struct hl_ahm_policy *policy)
{
	const struct hl_ahm_policy plain = {
		.cell = {
			.key_size = 8,
			.value_size = policy->cell.value_size,
			.value_offset = policy->cell.value_offset,
			.lock_offset = policy->cell.lock_offset,
			.cell_size = policy->cell.cell_size,
			.empty_key = UINT64_MAX,
			.locked_word = 1,
			.erased_word = 2,
			.sealed_word = 3,
			.reuse = policy->cell.reuse,
			.probing = HASHLOOM_PROBING_LINEAR,
		},
		.side_word = 4,
		.is_fixed = policy->is_fixed,
	};

	return plain;
}

/* ---- create, destroy -------------------------------------------------------------------------------- */

int atomic_hash_map_create(size_t entries_max, const struct atomic_hash_map_config *config, struct atomic_hash_map **map)
{
	const struct hashloom_allocator *const allocator =
		config->allocator != NULL ? config->allocator : hashloom_allocator_default();
	struct hl_ahm_policy policy;
	int error = hl_ahm_policy_init(&policy, config);

	if (error != HASHLOOM_OK)
		return error;
	struct atomic_hash_map *const made = allocator->allocate(allocator->context, sizeof(*made),
								 _Alignof(struct atomic_hash_map), HASHLOOM_ALLOC_ANY);
	if (made == NULL)
		return HASHLOOM_ERROR_NO_MEMORY;
	made->policy = policy;
	made->is_plain = policy_is_plain(&policy);
	error = hl_ahm_create(&made->policy, &made->map, entries_max, config);
	if (error != HASHLOOM_OK) {
		allocator->release(allocator->context, made, sizeof(*made), _Alignof(struct atomic_hash_map));
		return error;
	}
	*map = made;
	return HASHLOOM_OK;
}

void atomic_hash_map_destroy(struct atomic_hash_map *map)
{
	if (map == NULL)
		return;
	const struct hashloom_allocator allocator = map->map.allocator;

	hl_ahm_destroy(&map->policy, &map->map);
	allocator.release(allocator.context, map, sizeof(*map), _Alignof(struct atomic_hash_map));
}

/* ---- insert ----------------------------------------------------------------------------------------- */

static struct hl_aha_lookup lookup_of(const struct atomic_hash_map *map, uint64_t key)
{
	return hl_aha_lookup_key(&map->policy.cell, key);
}

HL_ALWAYS_INLINE void tell_where(const struct atomic_hash_map *map, int result, struct hl_ahm_place place, void **where)
{
	if (result >= 0 && where != NULL)
		*where = hl_ahm_value(&map->policy, place);
}

static int insert(struct atomic_hash_map *map, const struct hl_aha_lookup *lookup, const struct hl_ahm_make *make, void **where)
{
	struct hl_ahm_place place;
	const int result = hl_ahm_insert_apart(&map->policy, &map->map, lookup, make, &place);

	tell_where(map, result, place, where);
	return result;
}

int atomic_hash_map_insert(struct atomic_hash_map *map, uint64_t key, const void *value, void **where)
{
	const struct hl_ahm_policy plain = plain_policy(&map->policy);
	const struct hl_aha_lookup lookup = map->is_plain ? hl_aha_lookup_key(&plain.cell, key) : lookup_of(map, key);
	const struct hl_ahm_make make = { .value = value };
	struct hl_ahm_place place;

	if (HL_UNLIKELY(!map->is_plain))
		return insert(map, &lookup, &make, where);
	const int result = hl_ahm_insert(&plain, &map->map, &lookup, &make, &place);

	tell_where(map, result, place, where);
	return result;
}

int atomic_hash_map_emplace(struct atomic_hash_map *map, uint64_t key, atomic_hash_map_construct_fn construct, void *argument,
			    void **where)
{
	const struct hl_aha_lookup lookup = lookup_of(map, key);
	const struct hl_ahm_make make = { .construct = construct, .argument = argument };

	return insert(map, &lookup, &make, where);
}

/* ---- find, erase ------------------------------------------------------------------------------------ */

/* What the home groups leave open. A function of its own keeps find short. */
HL_APART void *find_further(const struct atomic_hash_map *map, const struct hl_aha_lookup *lookup, uint32_t further)
{
	return hl_ahm_value(&map->policy, hl_ahm_find_further(&map->policy, &map->map, lookup, further));
}

HL_APART struct hl_ahm_place find_place(const struct atomic_hash_map *map, const struct hl_aha_lookup *lookup)
{
	return hl_ahm_find(&map->policy, &map->map, lookup);
}

static void *find(const struct atomic_hash_map *map, const struct hl_aha_lookup *lookup)
{
	return hl_ahm_value(&map->policy, find_place(map, lookup));
}

HL_ALWAYS_INLINE void *find_plain(const struct hl_ahm_policy *plain, const struct atomic_hash_map *map, uint64_t key, int is_near)
{
	const struct hl_aha_lookup lookup = hl_aha_lookup_key(&plain->cell, key);
	uint32_t further;
	void *value;

	if (is_near)
		hl_ahm_prefetch_near(plain, &map->map, lookup.hash);
	return HL_LIKELY(hl_ahm_find_value(plain, &map->map, &lookup, &value, &further)) ? value :
											   find_further(map, &lookup, further);
}

void *atomic_hash_map_find(const struct atomic_hash_map *map, uint64_t key)
{
	const struct hl_ahm_policy plain = plain_policy(&map->policy);

	if (HL_LIKELY(map->is_plain))
		return find_plain(&plain, map, key, 0);
	const struct hl_aha_lookup lookup = lookup_of(map, key);

	return find(map, &lookup);
}

void *atomic_hash_map_find_near(const struct atomic_hash_map *map, uint64_t key)
{
	const struct hl_ahm_policy plain = plain_policy(&map->policy);

	if (HL_LIKELY(map->is_plain))
		return find_plain(&plain, map, key, 1);
	const struct hl_aha_lookup lookup = lookup_of(map, key);

	hl_ahm_prefetch_near(&map->policy, &map->map, lookup.hash);
	return find(map, &lookup);
}

size_t atomic_hash_map_count(const struct atomic_hash_map *map, uint64_t key)
{
	return atomic_hash_map_find(map, key) != NULL;
}

HL_APART int erase(struct atomic_hash_map *map, const struct hl_aha_lookup *lookup, void *taken)
{
	return hl_ahm_erase(&map->policy, &map->map, lookup, taken);
}

int atomic_hash_map_erase(struct atomic_hash_map *map, uint64_t key)
{
	const struct hl_ahm_policy plain = plain_policy(&map->policy);
	const struct hl_aha_lookup lookup = map->is_plain ? hl_aha_lookup_key(&plain.cell, key) : lookup_of(map, key);

	return HL_LIKELY(map->is_plain) ? hl_ahm_erase(&plain, &map->map, &lookup, NULL) : erase(map, &lookup, NULL);
}

int atomic_hash_map_take(struct atomic_hash_map *map, uint64_t key, void *value)
{
	const struct hl_aha_lookup lookup = lookup_of(map, key);

	return erase(map, &lookup, value);
}

/* ---- lookups ---------------------------------------------------------------------------------------- */

static struct hl_aha_lookup lookup_as(const struct atomic_hash_map_lookup *lookup)
{
	return (struct hl_aha_lookup){ .hash = lookup->hash, .equal = lookup->equal, .argument = lookup->argument };
}

void *atomic_hash_map_find_as(const struct atomic_hash_map *map, const struct atomic_hash_map_lookup *given)
{
	const struct hl_aha_lookup lookup = lookup_as(given);

	return find(map, &lookup);
}

/* The two callbacks of emplace_as, each with its own argument. */
struct two_callbacks {
	const struct atomic_hash_map *map;
	const struct atomic_hash_map_lookup *lookup;
	atomic_hash_map_construct_fn construct;
	void *argument;
};

static int convert_as(void *argument, uint64_t *key)
{
	const struct two_callbacks *const callbacks = argument;

	return callbacks->lookup->key(callbacks->lookup->argument, key);
}

static int construct_as(void *value, void *argument)
{
	const struct two_callbacks *const callbacks = argument;

	if (callbacks->construct != NULL)
		return callbacks->construct(value, callbacks->argument);
	memset(value, 0, callbacks->map->policy.cell.value_size);
	return 0;
}

int atomic_hash_map_emplace_as(struct atomic_hash_map *map, const struct atomic_hash_map_lookup *given,
			       atomic_hash_map_construct_fn construct, void *argument, void **where)
{
	const struct hl_aha_lookup lookup = lookup_as(given);
	struct two_callbacks callbacks = { map, given, construct, argument };
	const struct hl_ahm_make make = { .construct = construct_as, .convert = convert_as, .argument = &callbacks };

	return insert(map, &lookup, &make, where);
}

int atomic_hash_map_erase_as(struct atomic_hash_map *map, const struct atomic_hash_map_lookup *given)
{
	const struct hl_aha_lookup lookup = lookup_as(given);

	return erase(map, &lookup, NULL);
}

/* ---- values that change ----------------------------------------------------------------------------- */

int atomic_hash_map_load(struct atomic_hash_map *map, uint64_t key, void *value)
{
	const struct hl_aha_lookup lookup = lookup_of(map, key);

	return hl_ahm_load(&map->policy, &map->map, &lookup, value);
}

HL_APART int change(struct atomic_hash_map *map, uint64_t key, hl_ahm_change_fn function, struct hl_ahm_operands *operands)
{
	const struct hl_aha_lookup lookup = lookup_of(map, key);

	operands->size = map->policy.cell.value_size;
	return hl_ahm_may_change(&map->policy) ? hl_ahm_change(&map->policy, &map->map, &lookup, function, operands) :
						 HASHLOOM_ERROR_INVALID_ARGUMENT;
}

int atomic_hash_map_store(struct atomic_hash_map *map, uint64_t key, const void *value)
{
	return atomic_hash_map_exchange(map, key, value, NULL);
}

int atomic_hash_map_exchange(struct atomic_hash_map *map, uint64_t key, const void *value, void *before)
{
	struct hl_ahm_operands operands = { .offered = value, .seen = before };

	return change(map, key, hl_ahm_change_exchange, &operands);
}

int atomic_hash_map_compare_exchange(struct atomic_hash_map *map, uint64_t key, void *expected, const void *value)
{
	struct hl_ahm_operands operands = { .offered = value, .expected = expected, .seen = expected, .is_equal = 1 };
	const int result = change(map, key, hl_ahm_change_compare_exchange, &operands);

	return result == 1 && !operands.is_equal ? 2 : result;
}

/* Adds to a number of 1, 2, 4 or 8 bytes. */
static int change_add(void *value, void *argument)
{
	const struct hl_ahm_operands *const operands = argument;
	uint64_t summand;
	uint8_t sum8;
	uint16_t sum16;
	uint32_t sum32;
	uint64_t sum64;

	memcpy(&summand, operands->offered, sizeof(summand));
	if (operands->seen != NULL)
		memcpy(operands->seen, value, operands->size);
#define HL_ADD(sum, type)                                                                          \
	do {                                                                                       \
		memcpy(&(sum), value, sizeof(sum));                                                \
		(sum) = (type)((sum) + (type)summand);                                             \
		memcpy(value, &(sum), sizeof(sum));                                                \
	} while (0)
	if (operands->size == 1)
		HL_ADD(sum8, uint8_t);
	else if (operands->size == 2)
		HL_ADD(sum16, uint16_t);
	else if (operands->size == 4)
		HL_ADD(sum32, uint32_t);
	else
		HL_ADD(sum64, uint64_t);
#undef HL_ADD
	return 1;
}

int atomic_hash_map_fetch_add(struct atomic_hash_map *map, uint64_t key, uint64_t summand, void *before)
{
	const size_t size = map->policy.cell.value_size;
	struct hl_ahm_operands operands = { .offered = &summand, .seen = before };

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	return change(map, key, change_add, &operands);
}

HL_APART int upsert(struct atomic_hash_map *map, const struct hl_aha_lookup *lookup, const void *value,
		    atomic_hash_map_combine_fn combine, void *argument, void *result)
{
	const struct hl_ahm_make make = { .value = value };

	return hl_ahm_upsert(&map->policy, &map->map, lookup, &make, combine, argument, result);
}

int atomic_hash_map_upsert(struct atomic_hash_map *map, uint64_t key, const void *value, atomic_hash_map_combine_fn combine,
			   void *argument, void *result)
{
	const struct hl_aha_lookup lookup = lookup_of(map, key);

	return upsert(map, &lookup, value, combine, argument, result);
}

void *atomic_hash_map_lock(struct atomic_hash_map *map, uint64_t key)
{
	const struct hl_aha_lookup lookup = lookup_of(map, key);

	return map->policy.cell.lock_offset == 0 ? NULL : hl_ahm_lock_entry(&map->policy, &map->map, &lookup);
}

void atomic_hash_map_unlock(struct atomic_hash_map *map, void *value)
{
	hl_ahm_cell_unlock(&map->policy, hl_ahm_place_of_value(&map->policy, &map->map, value));
}

/* ---- batches ---------------------------------------------------------------------------------------- */

size_t atomic_hash_map_find_batch(const struct atomic_hash_map *map, const uint64_t *keys, size_t count, void **values)
{
	const struct hl_ahm_policy plain = plain_policy(&map->policy);
	const struct hl_ahm_batch batch = { .keys = keys, .key_stride = sizeof(*keys) };

	return HL_LIKELY(map->is_plain) ? hl_ahm_find_batch(&plain, &map->map, &batch, count, values) :
					  hl_ahm_find_batch(&map->policy, &map->map, &batch, count, values);
}

/* The steps of batches. */
static struct atomic_hash_map *map_of(struct hl_ahm *map)
{
	return (struct atomic_hash_map *)(void *)((char *)map - offsetof(struct atomic_hash_map, map));
}

static int insert_step(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
		       const struct hl_ahm_batch *batch, size_t i)
{
	const struct hl_ahm_make make = { .value = batch->values + i * policy->cell.value_size };

	return insert(map_of(map), lookup, &make, NULL);
}

static int erase_step(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
		      const struct hl_ahm_batch *batch, size_t i)
{
	(void)policy;
	(void)batch;
	(void)i;
	return erase(map_of(map), lookup, NULL);
}

static int upsert_step(const struct hl_ahm_policy *policy, struct hl_ahm *map, const struct hl_aha_lookup *lookup,
		       const struct hl_ahm_batch *batch, size_t i)
{
	return upsert(map_of(map), lookup, batch->values + i * policy->cell.value_size, batch->combine, batch->argument, NULL);
}

HL_APART size_t do_batch(struct atomic_hash_map *map, const struct hl_ahm_batch *batch, size_t count, hl_ahm_step_fn step)
{
	return hl_ahm_do_batch(&map->policy, &map->map, batch, count, step);
}

size_t atomic_hash_map_insert_batch(struct atomic_hash_map *map, const uint64_t *keys, const void *values, size_t count,
				    int *results)
{
	const struct hl_ahm_batch batch = { .keys = keys, .key_stride = sizeof(*keys), .values = values, .results = results };

	return do_batch(map, &batch, count, insert_step);
}

size_t atomic_hash_map_erase_batch(struct atomic_hash_map *map, const uint64_t *keys, size_t count, int *results)
{
	const struct hl_ahm_batch batch = { .keys = keys, .key_stride = sizeof(*keys), .results = results };

	return do_batch(map, &batch, count, erase_step);
}

size_t atomic_hash_map_upsert_batch(struct atomic_hash_map *map, const uint64_t *keys, const void *values, size_t count,
				    atomic_hash_map_combine_fn combine, void *argument, int *results)
{
	const struct hl_ahm_batch batch = { keys, sizeof(*keys), values, combine, argument, results };

	return do_batch(map, &batch, count, upsert_step);
}

/* ---- ids, iteration --------------------------------------------------------------------------------- */

uint32_t atomic_hash_map_id(const struct atomic_hash_map *map, const void *value)
{
	return hl_ahm_id(hl_ahm_place_of_value(&map->policy, &map->map, value));
}

int atomic_hash_map_key_to_id(const struct atomic_hash_map *map, uint64_t key, uint32_t *id)
{
	const struct hl_aha_lookup lookup = lookup_of(map, key);
	const struct hl_ahm_place place = find_place(map, &lookup);

	if (place.slab == NULL)
		return 0;
	*id = hl_ahm_id(place);
	return 1;
}

void *atomic_hash_map_at(const struct atomic_hash_map *map, uint32_t id, uint64_t *key)
{
	const struct hl_ahm_place place = hl_ahm_place_of_id(&map->policy, &map->map, id);
	uint64_t word;

	if (place.slab == NULL || !hl_ahm_entry_at(&map->policy, place, &word))
		return NULL;
	if (key != NULL)
		*key = hl_aha_key(&map->policy.cell, word);
	return hl_ahm_value(&map->policy, place);
}

void *atomic_hash_map_next_before(const struct atomic_hash_map *map, uint64_t *position, uint64_t end, uint64_t *key)
{
	uint64_t word;
	const struct hl_ahm_place place = hl_ahm_next(&map->policy, &map->map, position, end, &word);

	if (place.slab != NULL && key != NULL)
		*key = hl_aha_key(&map->policy.cell, word);
	return hl_ahm_value(&map->policy, place);
}

void *atomic_hash_map_next(const struct atomic_hash_map *map, uint64_t *position, uint64_t *key)
{
	return atomic_hash_map_next_before(map, position, UINT64_MAX, key);
}

uint64_t atomic_hash_map_ids(const struct atomic_hash_map *map)
{
	return hl_ahm_ids(&map->map);
}

int atomic_hash_map_for_each(const struct atomic_hash_map *map, uint32_t part, uint32_t parts,
			     atomic_hash_map_entry_fn callback, void *argument)
{
	const uint64_t ids = hl_ahm_ids(&map->map);
	uint64_t key;
	int result = 0;

	if (part >= parts)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	const uint64_t end = ids * (part + UINT64_C(1)) / parts;
	uint64_t position = ids * part / parts;

	for (void *value; result == 0 && (value = atomic_hash_map_next_before(map, &position, end, &key)) != NULL;)
		result = callback(key, value, argument);
	return result;
}

size_t atomic_hash_map_retain(struct atomic_hash_map *map, atomic_hash_map_entry_fn keep,
			      void *argument)
{
	const struct hl_ahm_policy *const policy = &map->policy;
	uint64_t position = 0;
	uint64_t word;
	size_t erased = 0;

	for (struct hl_ahm_place place;
	     (place = hl_ahm_next(policy, &map->map, &position, UINT64_MAX, &word)).slab != NULL;) {
		if (!keep(hl_aha_key(&policy->cell, word), hl_ahm_value(policy, place), argument))
			erased += (size_t)hl_ahm_erase_entry(policy, &map->map, place, word);
	}
	return erased;
}

/* ---- counts, settings, all at once ------------------------------------------------------------------ */

size_t atomic_hash_map_size(const struct atomic_hash_map *map)
{
	return hl_ahm_size(&map->map);
}

int atomic_hash_map_empty(const struct atomic_hash_map *map)
{
	return hl_ahm_size(&map->map) == 0;
}

size_t atomic_hash_map_capacity(const struct atomic_hash_map *map)
{
	return (size_t)hl_u64_load_relaxed(&map->map.cells_total);
}

size_t atomic_hash_map_space_remaining(const struct atomic_hash_map *map)
{
	return hl_ahm_space_remaining(&map->policy, &map->map);
}

size_t atomic_hash_map_slabs(const struct atomic_hash_map *map)
{
	return hl_u32_load_relaxed(&map->map.slabs_count);
}

unsigned atomic_hash_map_load_permille(const struct atomic_hash_map *map)
{
	return map->map.load_permille;
}

uint32_t atomic_hash_map_counter_cache(const struct atomic_hash_map *map)
{
	return map->map.counter_cache;
}

void atomic_hash_map_set_counter_cache(struct atomic_hash_map *map, uint32_t counter_cache)
{
	hl_ahm_set_counter_cache(&map->map, counter_cache);
}

void atomic_hash_map_clear(struct atomic_hash_map *map)
{
	hl_ahm_clear(&map->policy, &map->map);
}

int atomic_hash_map_compact(struct atomic_hash_map *map, size_t entries_max)
{
	return hl_ahm_compact(&map->policy, &map->map, entries_max);
}

void atomic_hash_map_release(struct atomic_hash_map *map, uint32_t id)
{
	hl_ahm_release(&map->policy, &map->map, hl_ahm_place_of_id(&map->policy, &map->map, id));
}

void atomic_hash_map_statistics(const struct atomic_hash_map *map, struct atomic_hash_map_stats *statistics)
{
	hl_ahm_statistics(&map->policy, &map->map, statistics);
}

int atomic_hash_map_check(const struct atomic_hash_map *map, struct atomic_hash_map_report *report)
{
	return hl_ahm_check(&map->policy, &map->map, report);
}
