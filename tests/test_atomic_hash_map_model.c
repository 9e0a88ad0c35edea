/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_model.c: long random runs of all calls against a simple oracle.
 *
 * Method: the oracle is an array: for each of some hundred keys whether it is there, its value, its place, and where it was before. Each
 * step is done to both, and must come to the same; from time to time the walker (map_walk.h) looks at everything inside. Memory fails
 * at random, and comes back. SEED= repeats a run.
 */
#include "map_walk.h"

#define KEYS_MAX 400
#define STEPS 3000
#define CASE_BIT (UINT64_C(1) << 20)

struct entry {
	uint64_t key;
	int is_there;
	int has_place; /* it was there before: same_key and side cells */
	uint32_t id;
	void *where;
	unsigned char value[RIG_VALUE_MAX];
};

struct model {
	struct map map;
	uint64_t random;
	unsigned keys;
	size_t count;
	int is_case_blind; /* the config has an equality of its own */
	struct entry entries[KEYS_MAX];
	uint64_t stamps;
	uint64_t made;	/* values that were made */
	uint64_t ended; /* those that destroy_value was told of */
	size_t used;	/* fixed: cells that are taken, at most */
	uint32_t retired[KEYS_MAX];
	unsigned retired_count;
	int memory_fails;
};

static struct model *model_now;

/* Known to the callbacks, which the map calls without an argument. */
static uint64_t blind_hash(uint64_t key)
{
	return hl_aha_hash(key & ~CASE_BIT);
}

static int blind_equal(uint64_t a, uint64_t b)
{
	return (a & ~CASE_BIT) == (b & ~CASE_BIT);
}

static void model_end(void *context, void *value)
{
	(void)value;
	((struct model *)context)->ended++;
}

static void model_retire(void *context, uint32_t id)
{
	struct model *const model = context;

	model->retired[model->retired_count++] = id;
}

static size_t below(struct model *model, size_t limit)
{
	return kit_random_below(&model->random, limit);
}

/* The key, or its double that is equal, or with something in the half that does not count. */
static uint64_t spell(struct model *model, const struct entry *entry)
{
	uint64_t key = entry->key;

	if (model->is_case_blind && below(model, 2) == 0)
		key ^= CASE_BIT;
	if (model->map.config.key_size == 4 && below(model, 3) == 0)
		key |= kit_random(&model->random) << 32;
	return key;
}

static void new_value(struct model *model, unsigned char *value)
{
	kit_value_fill(value, model->map.config.value_size, ++model->stamps);
}

static int is_value(const struct model *model, const void *value, const unsigned char *expected)
{
	return memcmp(value, expected, model->map.config.value_size) == 0;
}

static int is_side_id(const struct model *model, uint32_t id)
{
	const uint64_t first = hl_aha_cells_count(&model->map.handle->map.slabs[0]);

	return id >= first && id < first + HL_AHM_SIDE_CELLS;
}

/* An insert that may be refused: what it came to is noted. spelled: the key as it was given. */
static void note_insert(struct model *model, struct entry *entry, int result, void *where, const unsigned char *value, uint64_t spelled)
{
	const struct atomic_hash_map_config *const config = &model->map.config;

	if (result == HASHLOOM_ERROR_NO_MEMORY) {
		check(model->memory_fails && !config->is_fixed && !entry->is_there);
		return;
	}
	if (result == HASHLOOM_ERROR_FULL) {
		check(config->is_fixed && !entry->is_there);
		/* Erased ones count, but for any_key; there is room for entries_max. */
		check(model->used >= 100);
		return;
	}
	check_equal(result, !entry->is_there);
	if (result == 0) {
		check(where == NULL || where == entry->where);
		return;
	}
	void *const found = atomic_hash_map_find(model->map.handle, spelled);
	const uint32_t id = atomic_hash_map_id(model->map.handle, found);

	check(found != NULL && (where == NULL || where == found));
	check(is_value(model, found, value));
	if (entry->has_place && (config->reuse == HASHLOOM_REUSE_SAME_KEY || is_side_id(model, id)))
		check(entry->where == found && entry->id == id);
	else
		model->used++;
	entry->has_place = 1;
	entry->is_there = 1;
	entry->where = found;
	entry->id = id;
	entry->key = config->key_size == 4 ? (uint32_t)spelled : spelled;
	memcpy(entry->value, value, config->value_size);
	model->count++;
	model->made++;
}

static void note_erase(struct model *model, struct entry *entry, int result)
{
	check_equal(result, entry->is_there);
	if (!result)
		return;
	check(atomic_hash_map_at(model->map.handle, entry->id, NULL) == NULL);
	if (model->map.config.reuse == HASHLOOM_REUSE_ANY_KEY && !is_side_id(model, entry->id))
		model->used -= model->map.config.retire == NULL;
	entry->is_there = 0;
	model->count--;
}

struct making {
	const struct model *model;
	const unsigned char *value;
	int result;
	unsigned calls;
	const struct entry *entry;
	uint64_t spelled;
};

static int make_value(void *value, void *argument)
{
	struct making *const making = argument;

	making->calls++;
	memcpy(value, making->value, making->model->map.config.value_size);
	return making->result;
}

static int stands_for(const void *argument, uint64_t key)
{
	const struct making *const making = argument;

	return making->model->is_case_blind ? blind_equal(key, making->entry->key) : key == making->entry->key;
}

static int make_key(void *argument, uint64_t *key)
{
	struct making *const making = argument;

	making->calls += 100;
	*key = making->spelled;
	return making->result == -2000 ? -2000 : 0;
}

/* A construct that fails in a revived cell leaves zeros there, that destroy_value gets: the model does not count them. */
static int can_fail(const struct model *model)
{
	return model->map.config.destroy_value == NULL;
}

static void step_insert(struct model *model, struct entry *entry)
{
	const uint64_t key = spell(model, entry);
	unsigned char value[RIG_VALUE_MAX];
	void *where = NULL;

	new_value(model, value);
	const int result = atomic_hash_map_insert(model->map.handle, key, value, below(model, 2) == 0 ? NULL : &where);

	note_insert(model, entry, result, where, value, key);
}

static void step_emplace(struct model *model, struct entry *entry)
{
	const uint64_t key = spell(model, entry);
	unsigned char value[RIG_VALUE_MAX];
	void *where = NULL;

	new_value(model, value);
	struct making making = { model, value, below(model, 3) == 0 && can_fail(model) ? -1000 : 0, 0, entry, key };
	const int result = atomic_hash_map_emplace(model->map.handle, key, make_value, &making, &where);

	check(making.calls <= 1);
	if (result == -1000) {
		check(!entry->is_there && making.result == -1000 && where == NULL && making.calls == 1);
		return;
	}
	check(making.result == 0 || result != 1);
	note_insert(model, entry, result, where, value, key);
}

/* Those of the reserved keys cannot be looked up so. */
static void step_as(struct model *model, struct entry *entry)
{
	const uint64_t key = spell(model, entry);
	unsigned char value[RIG_VALUE_MAX];
	struct making making = { model, value, (int)below(model, 4) * -1000, 0, entry, entry->is_there ? entry->key : key };
	const struct atomic_hash_map_lookup lookup = {
		.hash = hl_aha_lookup_key(&model->map.handle->policy.cell, key).hash,
		.equal = stands_for,
		.key = make_key,
		.argument = &making,
	};
	if (!can_fail(model) && making.result != 0)
		making.result = -2000;
	const int is_reserved = !hl_aha_is_key(&model->map.handle->policy.cell, hl_aha_word(&model->map.handle->policy.cell, key));
	void *where = NULL;

	if (is_reserved)
		check(atomic_hash_map_find_as(model->map.handle, &lookup) == NULL);
	else
		check(atomic_hash_map_find_as(model->map.handle, &lookup) == (entry->is_there ? entry->where : NULL));
	if (below(model, 3) == 0) {
		const int erased = atomic_hash_map_erase_as(model->map.handle, &lookup);

		if (is_reserved)
			check_equal(erased, 0);
		else
			note_erase(model, entry, erased);
		return;
	}
	new_value(model, value);
	const int result = atomic_hash_map_emplace_as(model->map.handle, &lookup, make_value, &making, &where);

	if (result == -1000 || result == -2000 || result == -3000) {
		check(making.result == result && where == NULL && (is_reserved || !entry->is_there));
		return;
	}
	if (is_reserved) {
		check(result == HASHLOOM_ERROR_INVALID_KEY || result == HASHLOOM_ERROR_NO_MEMORY || result == HASHLOOM_ERROR_FULL);
		return;
	}
	check(making.result == 0 || result != 1);
	note_insert(model, entry, result, where, value, key);
}

static void step_erase(struct model *model, struct entry *entry)
{
	const uint64_t key = spell(model, entry);
	unsigned char taken[RIG_VALUE_MAX];

	if (below(model, 2) == 0) {
		note_erase(model, entry, atomic_hash_map_erase(model->map.handle, key));
		return;
	}
	const int result = atomic_hash_map_take(model->map.handle, key, taken);

	check(result != 1 || is_value(model, taken, entry->value));
	note_erase(model, entry, result);
}

static void step_find(struct model *model, struct entry *entry)
{
	const uint64_t key = spell(model, entry);
	unsigned char copy[RIG_VALUE_MAX];
	void *const found = below(model, 2) == 0 ? atomic_hash_map_find(model->map.handle, key) :
						    atomic_hash_map_find_near(model->map.handle, key);
	uint64_t key_at = 0;
	uint32_t id = 0;

	check(found == (entry->is_there ? entry->where : NULL));
	check_equal(atomic_hash_map_count(model->map.handle, key), entry->is_there);
	check_equal(atomic_hash_map_load(model->map.handle, key, copy), entry->is_there);
	check_equal(atomic_hash_map_key_to_id(model->map.handle, key, &id), entry->is_there);
	if (!entry->is_there)
		return;
	check(is_value(model, found, entry->value) && is_value(model, copy, entry->value));
	check_equal(id, entry->id);
	check(atomic_hash_map_at(model->map.handle, id, &key_at) == found);
	check_equal(key_at, entry->key);
}

static int can_change(const struct model *model)
{
	const size_t size = model->map.config.value_size;

	return size > 0 && (size <= 8 || model->map.config.has_locks);
}

static void step_change(struct model *model, struct entry *entry)
{
	const uint64_t key = spell(model, entry);
	const size_t size = model->map.config.value_size;
	unsigned char value[RIG_VALUE_MAX];
	unsigned char before[RIG_VALUE_MAX];
	int result;

	if (!can_change(model))
		return;
	new_value(model, value);
	switch (below(model, 4)) {
	case 0:
		result = atomic_hash_map_store(model->map.handle, key, value);
		break;
	case 1:
		result = atomic_hash_map_exchange(model->map.handle, key, value, before);
		check(result != 1 || is_value(model, before, entry->value));
		break;
	case 2:
		memcpy(before, entry->value, size);
		if (below(model, 2) == 0) {
			before[below(model, size)] ^= (unsigned char)(1 + below(model, 255));
			result = atomic_hash_map_compare_exchange(model->map.handle, key, before, value);
			check_equal(result, entry->is_there ? 2 : 0);
			check(result != 2 || is_value(model, before, entry->value));
			return;
		}
		result = atomic_hash_map_compare_exchange(model->map.handle, key, before, value);
		break;
	default:
		if (size == 1 || size == 2 || size == 8) {
			uint64_t sum = 0;
			const uint64_t summand = kit_random(&model->random);
			/* the lowest bytes of the word, wherever this machine has them */
			char *const low = (char *)&sum + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(sum) - size : 0);

			memcpy(low, entry->value, size);
			sum += summand;
			memcpy(value, low, size);
			result = atomic_hash_map_fetch_add(model->map.handle, key, summand, before);
			check(result != 1 || is_value(model, before, entry->value));
		} else {
			void *const locked = atomic_hash_map_lock(model->map.handle, key);

			check(locked == (entry->is_there && model->map.config.has_locks ? entry->where : NULL));
			if (locked == NULL)
				return;
			memcpy(locked, value, size);
			atomic_hash_map_unlock(model->map.handle, locked);
			result = 1;
		}
	}
	check_equal(result, entry->is_there);
	if (result == 1)
		memcpy(entry->value, value, size);
}

static void mix(void *stored, const void *offered, void *argument)
{
	const size_t size = *(const size_t *)argument;

	for (size_t i = 0; i < size; i++)
		((unsigned char *)stored)[i] = (unsigned char)(((unsigned char *)stored)[i] * 5 ^ ((const unsigned char *)offered)[i]);
}

static void step_upsert(struct model *model, struct entry *entry)
{
	const uint64_t key = spell(model, entry);
	size_t size = model->map.config.value_size;
	unsigned char value[RIG_VALUE_MAX];
	unsigned char result[RIG_VALUE_MAX];

	if (!can_change(model))
		return;
	new_value(model, value);
	if (!entry->is_there) {
		note_insert(model, entry, atomic_hash_map_upsert(model->map.handle, key, value, mix, &size, result), NULL, value, key);
		check(!entry->is_there || is_value(model, result, value));
		return;
	}
	check_equal(atomic_hash_map_upsert(model->map.handle, key, value, mix, &size, result), 0);
	mix(entry->value, value, &size);
	check(is_value(model, result, entry->value));
}

static void step_batch(struct model *model)
{
	struct entry *of[70];
	uint64_t keys[70] = { 0 };
	int results[70];
	void *found[70];
	const size_t n = below(model, 70);
	unsigned char *const values = kit_zeroed(70, RIG_VALUE_MAX);
	const size_t size = model->map.config.value_size;
	size_t successes = 0;

	for (size_t i = 0; i < n; i++) {
		of[i] = &model->entries[below(model, model->keys)];
		keys[i] = spell(model, of[i]);
		new_value(model, values + i * size);
	}
	check(atomic_hash_map_find_batch(model->map.handle, keys, n, found) <= n);
	for (size_t i = 0; i < n; i++)
		check(found[i] == (of[i]->is_there ? of[i]->where : NULL));
	/* Each key once, so that what is noted of one does not depend on the next. */
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (of[i] == of[j]) {
				free(values);
				return;
			}
		}
	}
	if (below(model, 2) == 0) {
		const size_t inserted = atomic_hash_map_insert_batch(model->map.handle, keys, values, n, results);

		for (size_t i = 0; i < n; i++) {
			successes += results[i] == 1;
			note_insert(model, of[i], results[i], NULL, values + i * size, keys[i]);
		}
		check_equal(inserted, successes);
	} else {
		const size_t erased = atomic_hash_map_erase_batch(model->map.handle, keys, n, results);

		for (size_t i = 0; i < n; i++) {
			successes += results[i] == 1;
			note_erase(model, of[i], results[i]);
		}
		check_equal(erased, successes);
	}
	free(values);
}

static struct entry *entry_of(struct model *model, uint64_t key)
{
	for (unsigned i = 0; i < model->keys; i++) {
		if (model->entries[i].key == key)
			return &model->entries[i];
	}
	return NULL;
}

static int keep_most(uint64_t key, void *value, void *argument)
{
	struct model *const model = argument;
	struct entry *const entry = entry_of(model, key);

	if (entry == NULL || !entry->is_there || entry->where != value)
		kit_error(&model->map.memory.errors, "retain: no such entry");
	return (key ^ model->stamps) % 8 != 0;
}

static void step_retain(struct model *model)
{
	const size_t size = atomic_hash_map_size(model->map.handle);
	const size_t erased = atomic_hash_map_retain(model->map.handle, keep_most, model);
	size_t gone = 0;

	for (unsigned i = 0; i < model->keys; i++) {
		struct entry *const entry = &model->entries[i];

		if (entry->is_there && (entry->key ^ model->stamps) % 8 == 0) {
			gone++;
			note_erase(model, entry, 1);
		}
	}
	check_equal(erased, gone);
	check_equal(atomic_hash_map_size(model->map.handle), size - gone);
}

static void forget_places(struct model *model, int keep)
{
	model->used = 0;
	for (unsigned i = 0; i < model->keys; i++) {
		struct entry *const entry = &model->entries[i];

		entry->is_there &= keep;
		entry->has_place = entry->is_there;
		entry->where = entry->is_there ? atomic_hash_map_find(model->map.handle, entry->key) : NULL;
		check(!entry->is_there || entry->where != NULL);
		entry->id = entry->is_there ? atomic_hash_map_id(model->map.handle, entry->where) : 0;
		model->used += (size_t)entry->is_there;
	}
	model->retired_count = 0;
	if (!keep)
		model->count = 0;
}

static void step_all(struct model *model)
{
	struct map *const map = &model->map;

	if (below(model, 3) == 0) {
		atomic_hash_map_clear(map->handle);
		forget_places(model, 0);
		check(map->config.destroy_value == NULL || model->ended == model->made);
	} else {
		const int result = atomic_hash_map_compact(map->handle, map->config.is_fixed ? 100 : below(model, 200));

		check_equal(result, model->memory_fails ? HASHLOOM_ERROR_NO_MEMORY : HASHLOOM_OK);
		if (result == HASHLOOM_OK) {
			forget_places(model, 1);
			check(map->config.destroy_value == NULL || model->ended == model->made - model->count);
		}
	}
}

static void step_release(struct model *model)
{
	if (model->retired_count == 0)
		return;
	const unsigned at = (unsigned)below(model, model->retired_count);

	atomic_hash_map_release(model->map.handle, model->retired[at]);
	model->retired[at] = model->retired[--model->retired_count];
	model->used--;
}

static void step_memory(struct model *model)
{
	model->memory_fails = !model->memory_fails && below(model, 2) == 0;
	if (model->memory_fails)
		kit_allocator_fail(&model->map.memory, 0, KIT_NO_FAILURE);
	else
		kit_allocator_heal(&model->map.memory);
}

static void look_at_everything(struct model *model)
{
	struct walk walk = walk_of(&model->map);
	uint64_t position = 0;
	uint64_t key;
	size_t count = 0;

	walk.retired = model->retired_count;
	walk_check_with(&model->map, walk);
	for (const void *value; (value = atomic_hash_map_next(model->map.handle, &position, &key)) != NULL; count++) {
		const struct entry *const entry = entry_of(model, key);

		check(entry != NULL && entry->is_there && entry->where == value);
		check(is_value(model, value, entry->value));
	}
	check_equal(count, model->count);
	check_equal(atomic_hash_map_size(model->map.handle), model->count);
	/* same_key: the bytes stay (A.5). */
	for (unsigned i = 0; i < model->keys; i++)
		step_find(model, &model->entries[i]);
}

static void step(struct model *model)
{
	struct entry *const entry = &model->entries[below(model, model->keys)];
	const size_t choice = below(model, 1000);

	if (choice < 200)
		step_insert(model, entry);
	else if (choice < 300)
		step_emplace(model, entry);
	else if (choice < 400)
		step_as(model, entry);
	else if (choice < 550)
		step_erase(model, entry);
	else if (choice < 650)
		step_find(model, entry);
	else if (choice < 750)
		step_change(model, entry);
	else if (choice < 850)
		step_upsert(model, entry);
	else if (choice < 900)
		step_batch(model);
	else if (choice < 980)
		step_release(model);
	else if (choice < 992)
		step_memory(model);
	else if (choice < 994)
		step_retain(model);
	else if (choice < 996)
		step_all(model);
	else if (choice < 998)
		atomic_hash_map_set_counter_cache(model->map.handle, (uint32_t)below(model, 5));
	else
		look_at_everything(model);
}

static void run(const struct rig *rig, uint64_t seed, unsigned kind, unsigned steps)
{
	struct model *const model = kit_zeroed(1, sizeof(*model));
	struct atomic_hash_map_config config = rig->config;

	model_now = model;
	model->random = seed;
	model->is_case_blind = kind == 2;
	model->keys = kind == 1 ? KEYS_MAX : 90;
	if (kind == 1)
		config.destroy_value = model_end;
	config.destroy_context = model;
	if (kind == 1 && config.reuse == HASHLOOM_REUSE_ANY_KEY && seed % 2 == 0)
		config.retire = model_retire;
	config.retire_context = model;
	if (model->is_case_blind) {
		config.hash = blind_hash;
		config.equal = blind_equal;
	}
	map_open(&model->map, &config, config.is_fixed ? 100 : 1 + below(model, 30));
	for (unsigned i = 0; i < model->keys; i++)
		model->entries[i].key = rig_key(&config, model->is_case_blind ? 8 + i : i) & (model->is_case_blind ? ~CASE_BIT : UINT64_MAX);
	for (unsigned i = 0; i < steps; i++) {
		/* A retired cell each would be too many. */
		if (model->retired_count + 80 < KEYS_MAX)
			step(model);
		else
			step_release(model);
	}
	kit_allocator_heal(&model->map.memory);
	look_at_everything(model);
	map_close(&model->map);
	check(config.destroy_value == NULL || model->ended == model->made);
	free(model);
}

static uint64_t seed_now;

RIG_TEST(test_map_model_on_each_rig, RIG_ALL)
{
	run(rig, ++seed_now, 0, 400);
}

POLICY_TEST(test_map_model_runs_long)
{
	static const size_t sizes[] = { 0, 1, 3, 8, 24 };

	for (unsigned n = 0; n < KIT_REPEAT(60); n++) {
		struct rig rig = { "",
				   { .value_size = sizes[n % KIT_COUNT(sizes)],
				     .key_size = n % 2 == 0 ? 8 : 4,
				     .reuse = reuse,
				     .probing = n / 2 % 2 == 0 ? HASHLOOM_PROBING_LINEAR : HASHLOOM_PROBING_QUADRATIC,
				     .is_fixed = n / 4 % 3 == 2,
				     .has_locks = n / 3 % 2 == 1,
				     .load_permille = n / 5 % 2 == 1 ? 1000 : 0,
				     .growth_permille = n % 7 == 3 ? 1000 : 0 } };

		rig_name(&rig, "");
		rig_now = &rig;
		run(&rig, ++seed_now, n % 3, KIT_REPEAT(STEPS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_model_on_each_rig),
		cmocka_unit_test(test_map_model_runs_long),
	};

	seed_now = kit_seed();
	return KIT_RUN(tests);
}
