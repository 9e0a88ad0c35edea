/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_keys.c: the keys of the type-erased atomic hash map: reserved ones (D.1), 32-bit ones, bad hashes, an equality of
 * the caller's, and lookups by something that stands for a key.
 *
 * Method: reserved keys and their neighbours go through every call, on each rig. The lookups are strings interned by number, in an
 * order that makes equal hashes of different strings.
 */
#include "map_rig.h"

/* ---- reserved keys ----------------------------------------------------------------------------------- */

static void sum_up(void *stored, const void *offered, void *argument)
{
	const size_t size = *(const size_t *)argument;

	for (size_t i = 0; i < size; i++)
		((unsigned char *)stored)[i] = (unsigned char)(((unsigned char *)stored)[i] + ((const unsigned char *)offered)[i]);
}

/* Every call, for one key that is not there at first. */
static void all_calls(struct map *map, uint64_t key)
{
	const struct atomic_hash_map_config *const config = &map->config;
	size_t size = config->value_size;
	unsigned char value[RIG_VALUE_MAX];
	unsigned char other[RIG_VALUE_MAX];
	unsigned char result[RIG_VALUE_MAX];
	void *found = NULL;
	int insert_result = -1;

	for (unsigned turn = 0; turn < 3; turn++) {
		map_check_absent(map, key);
		const uint32_t id = map_insert_new(map, key, turn);

		check_equal(map_insert(map, key, 9, NULL), 0);
		map_check_entry(map, key, turn, id);
		map_erase_present(map, key);
	}
	(void)map_insert_new(map, key, 5);
	check_equal(atomic_hash_map_take(map->handle, key, value), 1);
	check(map_has_value(map, value, key, 5));
	check_equal(atomic_hash_map_insert_batch(map->handle, &key, value, 1, &insert_result), 1);
	check_equal(insert_result, 1);
	check_equal(atomic_hash_map_find_batch(map->handle, &key, 1, &found), 1);
	check(found == atomic_hash_map_find(map->handle, key));
	if (config->value_size <= 8 ? config->value_size > 0 : config->has_locks) {
		kit_value_fill(other, size, rig_stamp(key, 6));
		check_equal(atomic_hash_map_exchange(map->handle, key, other, result), 1);
		check(map_has_value(map, result, key, 5));
		const int expected = memcmp(value, other, size) == 0 ? 1 : 2;

		check_equal(atomic_hash_map_compare_exchange(map->handle, key, value, other), expected);
		check(map_has_value(map, value, key, 6));
		check_equal(atomic_hash_map_store(map->handle, key, other), 1);
		memset(other, 1, sizeof(other));
		check_equal(atomic_hash_map_upsert(map->handle, key, other, sum_up, &size, result), 0);
		for (size_t i = 0; i < size; i++)
			check_equal(result[i], (unsigned char)(value[i] + 1));
		check_equal(atomic_hash_map_load(map->handle, key, value), 1);
		check(memcmp(value, result, size) == 0);
		check_equal(atomic_hash_map_erase(map->handle, key), 1);
		check_equal(atomic_hash_map_upsert(map->handle, key, other, sum_up, &size, result), 1);
		check(memcmp(other, result, size) == 0);
	}
	if (config->has_locks) {
		void *const locked = atomic_hash_map_lock(map->handle, key);

		check(locked == atomic_hash_map_find(map->handle, key));
		atomic_hash_map_unlock(map->handle, locked);
		check_equal(atomic_hash_map_erase(map->handle, key), 1);
		check(atomic_hash_map_lock(map->handle, key) == NULL);
	} else {
		check(atomic_hash_map_lock(map->handle, key) == NULL);
		check_equal(atomic_hash_map_erase_batch(map->handle, &key, 1, &insert_result), 1);
		check_equal(insert_result, 1);
	}
	map_check_absent(map, key);
}

/* D.1: the reserved keys, 0, all bits, and what lies around them; also when the cells of the others are all taken. */
RIG_TEST(test_map_D1_every_key_can_be_stored, RIG_ALL)
{
	const uint64_t mask = rig_key_mask(&rig->config);
	const uint64_t empty = rig_reserved_key(&rig->config, 0);
	uint64_t keys[48];
	size_t count = 0;
	struct map map;

	for (uint64_t i = 0; i < 8; i++)
		keys[count++] = (mask - i) & mask;
	for (uint64_t i = 0; i < 4; i++)
		keys[count++] = i;
	for (unsigned i = 0; i < 4; i++)
		keys[count++] = rig_reserved_key(&rig->config, i);
	/* The fourth key is the one of the smallest word that is free: one of these. */
	for (uint64_t word = 0; word < 8; word++)
		keys[count++] = (empty ^ word) & mask;
	keys[count++] = mask >> 1;
	keys[count++] = (mask >> 1) + 1;
	keys[count++] = UINT64_C(0xdeadbeef) & mask;
	map_open(&map, &rig->config, 400);
	for (size_t i = 0; i < count; i++)
		all_calls(&map, keys[i]);
	for (size_t i = 0; i < count; i++) {
		const int result = map_insert(&map, keys[i], 1, NULL);
		size_t same = 0;

		for (size_t j = 0; j < i; j++)
			same += keys[j] == keys[i];
		check_equal(result, same == 0);
	}
	for (size_t i = 0; i < count; i++)
		map_check_entry(&map, keys[i], 1, atomic_hash_map_id(map.handle, atomic_hash_map_find(map.handle, keys[i])));
	check(map_check_counts(&map) >= 15);
	map_close(&map);
}

/* D.1: in a map without a free cell they still have theirs. */
POLICY_TEST(test_map_D1_reserved_keys_have_cells_of_their_own)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse, .is_fixed = 1 };
	struct map map;

	map_open(&map, &config, 1);
	for (uint64_t key = 0; key < 15; key++)
		(void)map_insert_new(&map, key, 1);
	check_equal(map_insert(&map, 15, 1, NULL), HASHLOOM_ERROR_FULL);
	for (unsigned turn = 0; turn < 50; turn++) {
		for (uint64_t i = 1; i <= 4; i++)
			(void)map_insert_new(&map, UINT64_C(0) - i, turn);
		check_equal(map_check_counts(&map), 19);
		check_equal(map_insert(&map, UINT64_C(0) - 5, 1, NULL), HASHLOOM_ERROR_FULL);
		for (uint64_t i = 1; i <= 4; i++)
			map_erase_present(&map, UINT64_C(0) - i);
	}
	map_close(&map);
}

/* ---- 32-bit keys ------------------------------------------------------------------------------------- */

/* "its lower half if key_size is 4": in every call. */
POLICY_TEST(test_map_key_size_4_takes_the_lower_half)
{
	static const uint64_t highs[] = { 0, UINT64_C(1) << 32, UINT64_C(0xffffffff00000000), UINT64_C(0xabcd123400000000) };

	for (unsigned n = 0; n < 3; n++) {
		const struct atomic_hash_map_config config = { .key_size = 4,
							       .value_size = 8,
							       .reuse = reuse,
							       .has_locks = 1,
							       .hash = n == 1 ? kit_hash_good : n == 2 ? kit_hash_one_tag : NULL };
		struct map map;

		map_open(&map, &config, 2000);
		for (uint64_t i = 0; i < 50; i++) {
			const uint64_t low = i < 4 ? rig_reserved_key(&config, (unsigned)i) : i * 7919;
			const uint64_t key = low | highs[i % 4];
			const uint32_t id = map_insert_new(&map, low, 1);
			uint64_t position = id;
			uint64_t key_now = 0;
			uint64_t number = 0;
			uint32_t id_now = 0;
			void *where = NULL;

			check_equal(map_insert(&map, key, 2, &where), 0);
			check(where == atomic_hash_map_find(map.handle, low));
			check(atomic_hash_map_find(map.handle, key) == where);
			check(atomic_hash_map_find_near(map.handle, key) == where);
			check_equal(atomic_hash_map_count(map.handle, key), 1);
			check_equal(atomic_hash_map_key_to_id(map.handle, key, &id_now), 1);
			check_equal(id_now, id);
			check(atomic_hash_map_at(map.handle, id, &key_now) == where);
			check_equal(key_now, low);
			check(atomic_hash_map_next(map.handle, &position, &key_now) == where);
			check_equal(key_now, low);
			check_equal(atomic_hash_map_load(map.handle, key, &number), 1);
			check_equal(atomic_hash_map_store(map.handle, key, &number), 1);
			check_equal(atomic_hash_map_find_batch(map.handle, &key, 1, &where), 1);
			check(atomic_hash_map_lock(map.handle, key) == where);
			atomic_hash_map_unlock(map.handle, where);
			check_equal(atomic_hash_map_erase(map.handle, key), 1);
			check_equal(map_insert(&map, key, 3, NULL), 1);
			check(atomic_hash_map_find(map.handle, low) != NULL);
			check_equal(atomic_hash_map_take(map.handle, low, &number), 1);
		}
		check_equal(map_check_counts(&map), 0);
		map_close(&map);
	}
}

/* ---- hashes -------------------------------------------------------------------------------------------- */

struct bad_hash {
	const char *name;
	atomic_hash_array_hash_fn hash;
	size_t keys;
};

static uint64_t hash_low_bits_only(uint64_t key)
{
	return key & 7;
}

static uint64_t hash_high(uint64_t key)
{
	return key << 32 | key;
}

/* Some thousand keys of one hash, of one tag, of one home; the identity with keys that follow each other. */
POLICY_TEST(test_map_bears_every_hash)
{
	static const struct bad_hash hashes[] = {
		{ "zero", kit_hash_zero, 3000 },	   { "ones", kit_hash_ones, 3000 },   { "one home", kit_hash_one_home, 5000 },
		{ "one tag", kit_hash_one_tag, 20000 },	   { "identity", kit_hash_identity, 5000 }, { "low", hash_low_bits_only, 3000 },
		{ "high", hash_high, 20000 },
	};

	for (size_t h = 0; h < KIT_COUNT(hashes); h++) {
		for (int probing = 0; probing < 2; probing++) {
			struct rig rig = { "", { .value_size = 8,
						 .reuse = reuse,
						 .hash = hashes[h].hash,
						 .probing = (enum hashloom_probing)probing,
						 .load_permille = 1000 } };
			const size_t keys = KIT_REPEAT(hashes[h].keys) / 2;
			struct map map;

			snprintf(rig.name, sizeof(rig.name), "%s %s %d", rig_reuse_name(reuse), hashes[h].name, probing);
			rig_now = &rig;
			map_open(&map, &rig.config, 100);
			for (uint64_t key = 0; key < keys; key++)
				check_equal(map_insert(&map, key, 1, NULL), 1);
			for (uint64_t key = 0; key < keys; key++) {
				const void *const value = atomic_hash_map_find(map.handle, key);

				check(value != NULL && map_has_value(&map, value, key, 1));
				if (key % 16 == 0)
					check(atomic_hash_map_find(map.handle, key + keys) == NULL);
			}
			for (uint64_t key = 0; key < keys; key += 2)
				check_equal(atomic_hash_map_erase(map.handle, key), 1);
			for (uint64_t key = 0; key < keys; key += 3)
				check_equal(map_insert(&map, key, 2, NULL), key % 2 == 0);
			for (uint64_t key = 0; key < keys; key++)
				check_equal(atomic_hash_map_count(map.handle, key), key % 2 == 1 || key % 3 == 0);
			(void)map_check_counts(&map);
			map_close(&map);
		}
	}
}

/* A map of one group: there is nowhere to go on to. */
RIG_TEST(test_map_capacity_one_group, RIG_FIXED)
{
	struct atomic_hash_map_config config = rig->config;
	struct map map;
	unsigned side = 0;
	unsigned normal = 0;

	config.load_permille = 1000;
	map_open(&map, &config, 1);
	check_equal(atomic_hash_map_capacity(map.handle), 15);
	for (unsigned i = 0; i < 40; i++) {
		const uint64_t key = rig_key(&config, i);
		const int result = map_insert(&map, key, 1, NULL);
		uint32_t id = 0;

		check(result == 1 || result == HASHLOOM_ERROR_FULL);
		if (result != 1) {
			map_check_absent(&map, key);
			continue;
		}
		check_equal(atomic_hash_map_key_to_id(map.handle, key, &id), 1);
		side += id >= 15;
		normal += id < 15;
	}
	check_equal(normal, 15);
	check_equal(side, 4);
	check_equal(map_check_counts(&map), 19);
	map_close(&map);
}

/* ---- an equality of the caller's ------------------------------------------------------------------------ */

#define CASE_BIT 0x20

static uint64_t hash_without_case(uint64_t key)
{
	return hl_aha_hash(key & ~(uint64_t)CASE_BIT);
}

static int equal_without_case(uint64_t a, uint64_t b)
{
	return (a & ~(uint64_t)CASE_BIT) == (b & ~(uint64_t)CASE_BIT);
}

/* Keys that are equal but for a bit are one key: the one that came first stays. */
POLICY_TEST(test_map_equal_of_the_config)
{
	for (size_t key_size = 4; key_size <= 8; key_size += 4) {
		const struct atomic_hash_map_config config = {
			.key_size = key_size, .value_size = 8, .reuse = reuse, .hash = hash_without_case, .equal = equal_without_case
		};
		struct map map;

		map_open(&map, &config, 10);
		for (uint64_t i = 0; i < 300; i++) {
			const uint64_t key = i * 64 + (i % 2 == 0 ? CASE_BIT : 0);
			const uint64_t twin = key ^ CASE_BIT;
			const uint32_t id = map_insert_new(&map, key, 1);
			uint64_t key_now = 0;
			uint32_t id_now = 0;
			uint64_t number = 7;

			check_equal(map_insert(&map, twin, 2, NULL), 0);
			check_equal(atomic_hash_map_key_to_id(map.handle, twin, &id_now), 1);
			check_equal(id_now, id);
			check(atomic_hash_map_at(map.handle, id, &key_now) == atomic_hash_map_find(map.handle, twin));
			check_equal(key_now, key);
			check_equal(atomic_hash_map_store(map.handle, twin, &number), 1);
			check_equal(atomic_hash_map_fetch_add(map.handle, key, 1, NULL), 1);
			check_equal(atomic_hash_map_load(map.handle, twin, &number), 1);
			check_equal(number, 8);
			check_equal(atomic_hash_map_erase(map.handle, twin), 1);
			map_check_absent(&map, key);
			map_check_absent(&map, twin);
			check_equal(map_insert(&map, twin, 3, NULL), 1);
			if (reuse == HASHLOOM_REUSE_SAME_KEY) {
				check_equal(atomic_hash_map_key_to_id(map.handle, key, &id_now), 1);
				check_equal(id_now, id);
			}
			check(atomic_hash_map_find(map.handle, key) != NULL);
		}
		check_equal(map_check_counts(&map), 300);
		check_equal(atomic_hash_map_compact(map.handle, 1), HASHLOOM_OK);
		check_equal(map_check_counts(&map), 300);
		map_close(&map);
	}
}

static int construct_nothing(void *value, void *argument)
{
	++*(unsigned *)argument;
	memset(value, 0, 8);
	return 0;
}

/* D.1: with an equality of yours there is no place for the four. */
POLICY_TEST(test_map_D1_with_equal_reserved_keys_are_invalid)
{
	static const struct atomic_hash_map_config kinds[] = {
		{ .value_size = 8 },
		{ .value_size = 8, .key_size = 4 },
		{ .value_size = 8, .empty_key = 10 * 64, .locked_key = 11 * 64, .erased_key = 12 * 64 },
		{ .value_size = 8, .has_locks = 1, .is_fixed = 1 },
	};

	for (size_t kind = 0; kind < KIT_COUNT(kinds); kind++) {
		struct atomic_hash_map_config config = kinds[kind];
		uint64_t value = 1;
		unsigned calls = 0;
		struct map map;

		config.reuse = reuse;
		config.hash = hash_without_case;
		config.equal = equal_without_case;
		map_open(&map, &config, 100);
		for (unsigned turn = 0; turn < 100; turn++) {
			for (unsigned i = 0; i < (kind == 2 ? 3 : 4); i++) {
				const uint64_t key = rig_reserved_key(&config, i);
				void *where = &map;
				int result = 0;

				check_equal(atomic_hash_map_insert(map.handle, key, &value, &where), HASHLOOM_ERROR_INVALID_KEY);
				check_equal(atomic_hash_map_emplace(map.handle, key, construct_nothing, &calls, &where),
					    HASHLOOM_ERROR_INVALID_KEY);
				check_equal(atomic_hash_map_upsert(map.handle, key, &value, sum_up, &value, NULL),
					    HASHLOOM_ERROR_INVALID_KEY);
				check_equal(atomic_hash_map_insert_batch(map.handle, &key, &value, 1, &result), 0);
				check_equal(result, HASHLOOM_ERROR_INVALID_KEY);
				check(where == &map && calls == 0);
				map_check_absent(&map, key);
				check_equal(atomic_hash_map_store(map.handle, key, &value), 0);
			}
		}
		check_equal(map_check_counts(&map), 0);
		/* All the room is still there. */
		for (uint64_t i = 100; i < 200; i++)
			(void)map_insert_new(&map, i * 64, 1);
		map_close(&map);
	}
}

/* ---- lookups -------------------------------------------------------------------------------------------- */

#define STRINGS 400

/* Strings, interned by number: the key of a string is its place in this. */
struct interner {
	char strings[STRINGS][16];
	uint64_t count;
	uint64_t keys_made;
	unsigned comparisons;
	uint64_t key_is; /* not 0: the key that is given, whatever the string */
	int failure;
};

struct seeker {
	struct interner *interner;
	const char *string;
};

static int seeker_equal(const void *argument, uint64_t key)
{
	const struct seeker *const seeker = argument;

	seeker->interner->comparisons++;
	return key < seeker->interner->count && strcmp(seeker->interner->strings[key], seeker->string) == 0;
}

static int seeker_key(void *argument, uint64_t *key)
{
	struct seeker *const seeker = argument;
	struct interner *const interner = seeker->interner;

	if (interner->failure < 0)
		return interner->failure;
	interner->keys_made++;
	if (interner->key_is != 0) {
		*key = interner->key_is;
		return 0;
	}
	*key = interner->count;
	snprintf(interner->strings[interner->count++], 16, "%s", seeker->string);
	return 0;
}

/* `kinds` different hashes for all strings: those of a kind are told apart by equality alone. */
static uint64_t string_hash(const char *string, unsigned kinds)
{
	uint64_t hash = 14695981039346656037U;

	for (; *string != '\0'; string++)
		hash = (hash ^ (unsigned char)*string) * 1099511628211U;
	return hl_aha_hash(kinds == 0 ? hash : hash % kinds);
}

static struct atomic_hash_map_lookup lookup_of(struct seeker *seeker, unsigned kinds)
{
	return (struct atomic_hash_map_lookup){
		.hash = string_hash(seeker->string, kinds), .equal = seeker_equal, .key = seeker_key, .argument = seeker
	};
}

static int construct_number(void *value, void *argument)
{
	memcpy(value, argument, sizeof(uint64_t));
	return 0;
}

static int construct_fails(void *value, void *argument)
{
	memset(value, 0xff, sizeof(uint64_t));
	return *(const int *)argument;
}

POLICY_TEST(test_map_lookups_of_strings_interned_by_number)
{
	static const unsigned kinds_of[] = { 0, 1, 7 };

	for (unsigned n = 0; n < 12; n++) {
		const unsigned kinds = kinds_of[n % 3];
		const struct atomic_hash_map_config config = {
			.key_size = n % 2 == 0 ? 8 : 4, .value_size = 8, .reuse = reuse, .has_locks = n >= 6, .probing = n / 3 % 2 == 1 ? HASHLOOM_PROBING_QUADRATIC : HASHLOOM_PROBING_LINEAR
		};
		struct interner *const interner = kit_zeroed(1, sizeof(*interner));
		struct map map;

		map_open(&map, &config, 10);
		for (uint64_t i = 0; i < STRINGS; i++) {
			char string[16];
			struct seeker seeker = { interner, string };
			void *where = NULL;
			void *again = NULL;
			uint64_t key_at = 12345;

			snprintf(string, sizeof(string), "string %u", (unsigned)i);
			struct atomic_hash_map_lookup lookup = lookup_of(&seeker, kinds);

			check(atomic_hash_map_find_as(map.handle, &lookup) == NULL);
			check_equal(atomic_hash_map_erase_as(map.handle, &lookup), 0);
			check_equal(interner->keys_made, i);
			check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_number, &i, &where), 1);
			check_equal(interner->keys_made, i + 1);
			check(memcmp(where, &i, sizeof(i)) == 0);
			check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_number, &key_at, &again), 0);
			check_equal(interner->keys_made, i + 1);
			check(again == where);
			lookup.key = NULL;
			check(atomic_hash_map_find_as(map.handle, &lookup) == where);
			check(atomic_hash_map_at(map.handle, atomic_hash_map_id(map.handle, where), &key_at) == where);
			check_equal(key_at, i);
		}
		check_equal(atomic_hash_map_size(map.handle), STRINGS);
		for (uint64_t i = 0; i < STRINGS; i++) {
			char string[16];
			struct seeker seeker = { interner, string };

			snprintf(string, sizeof(string), "string %u", (unsigned)i);
			const struct atomic_hash_map_lookup lookup = lookup_of(&seeker, kinds);
			const void *const value = atomic_hash_map_find_as(map.handle, &lookup);

			check(value != NULL && memcmp(value, &i, sizeof(i)) == 0);
			if (i % 2 == 0) {
				check_equal(atomic_hash_map_erase_as(map.handle, &lookup), 1);
				check_equal(atomic_hash_map_erase_as(map.handle, &lookup), 0);
				check(atomic_hash_map_find_as(map.handle, &lookup) == NULL);
			}
		}
		check_equal(atomic_hash_map_size(map.handle), STRINGS / 2);
		/* Equal hashes were compared, and thrown away. */
		if (kinds == 1)
			check(interner->comparisons > STRINGS * STRINGS / 4);
		map_close(&map);
		free(interner);
	}
}

/* The config's hash of the key is the lookup's: then both ways lead to the entry. */
POLICY_TEST(test_map_lookups_and_keys_of_one_hash_meet)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse };
	struct interner *const interner = kit_zeroed(1, sizeof(*interner));
	struct map map;

	map_open(&map, &config, 10);
	for (uint64_t i = 0; i < 200; i++) {
		char string[16];
		struct seeker seeker = { interner, string };
		void *where = NULL;

		snprintf(string, sizeof(string), "s%u", (unsigned)i);
		struct atomic_hash_map_lookup lookup = lookup_of(&seeker, 0);
		const uint64_t number = rig_stamp(i, 1);

		lookup.hash = hl_aha_hash(i);
		if (i % 2 == 0) {
			check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_number, (void *)(uintptr_t)&number, &where), 1);
			check_equal(map_insert(&map, i, 2, NULL), 0);
		} else {
			snprintf(interner->strings[interner->count++], 16, "%s", string);
			check_equal(map_insert(&map, i, 1, &where), 1);
			check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_number, (void *)(uintptr_t)&number, NULL), 0);
		}
		check(atomic_hash_map_find(map.handle, i) == where);
		check(atomic_hash_map_find_as(map.handle, &lookup) == where);
		check_equal(i % 4 < 2 ? atomic_hash_map_erase(map.handle, i) : atomic_hash_map_erase_as(map.handle, &lookup), 1);
		check(atomic_hash_map_find(map.handle, i) == NULL);
		check(atomic_hash_map_find_as(map.handle, &lookup) == NULL);
		check_equal(map_insert(&map, i, 3, NULL), 1);
	}
	check_equal(map_check_counts(&map), 200);
	map_close(&map);
	free(interner);
}

/* key or construct fails, or gives a reserved key: what it returns, nothing changed, no cell lost. */
POLICY_TEST(test_map_emplace_as_that_fails_leaves_the_cell_free)
{
	static const uint64_t reserved[] = { UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2, UINT64_MAX - 3 };
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = reuse, .is_fixed = 1, .load_permille = 1000 };
	struct interner *const interner = kit_zeroed(1, sizeof(*interner));
	struct seeker seeker = { interner, "a string" };
	struct map map;

	map_open(&map, &config, 15);
	const struct atomic_hash_map_lookup lookup = lookup_of(&seeker, 0);

	for (unsigned turn = 0; turn < 100; turn++) {
		int result = -500 - (int)turn;
		void *where = &map;

		interner->failure = -300 - (int)turn;
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_fails, &result, &where), -300 - (int)turn);
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, NULL, NULL, &where), -300 - (int)turn);
		interner->failure = 0;
		interner->key_is = reserved[turn % 4];
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, NULL, NULL, &where), HASHLOOM_ERROR_INVALID_KEY);
		interner->key_is = 77;
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_fails, &result, &where), -500 - (int)turn);
		check(where == &map);
		check(atomic_hash_map_find_as(map.handle, &lookup) == NULL);
		check_equal(map_check_counts(&map), 0);
	}
	for (uint64_t key = 1000; key < 1015; key++)
		check_equal(map_insert(&map, key, 1, NULL), 1);
	check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, NULL, NULL, NULL), HASHLOOM_ERROR_FULL);
	map_close(&map);
	free(interner);
}

/* Without construct the bytes are zero, whatever was in the cell. */
POLICY_TEST(test_map_emplace_as_without_construct_makes_zeros)
{
	for (size_t size = 0; size <= 100; size += 25) {
		const struct atomic_hash_map_config config = { .value_size = size, .reuse = reuse };
		struct interner *const interner = kit_zeroed(1, sizeof(*interner));
		struct seeker seeker = { interner, "s" };
		struct map map;

		map_open(&map, &config, 5);
		struct atomic_hash_map_lookup lookup = lookup_of(&seeker, 0);

		lookup.hash = hl_aha_hash(77);
		snprintf(interner->strings[77], 16, "s");
		interner->count = 78;
		interner->key_is = 77;
		for (unsigned turn = 0; turn < 20; turn++) {
			void *where = NULL;

			check_equal(map_insert(&map, 77, 1, NULL), 1);
			check_equal(atomic_hash_map_erase(map.handle, 77), 1);
			check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, NULL, NULL, &where), 1);
			check(where != NULL && kit_all_bytes_are(where, 0, size));
			check(atomic_hash_map_find(map.handle, 77) == where);
			check_equal(atomic_hash_map_erase_as(map.handle, &lookup), 1);
		}
		map_close(&map);
		free(interner);
	}
}

/* A.5 for lookups: a key has one place, also after an emplace_as of it that failed. */
static void test_map_A5_emplace_as_finds_the_place_of_its_key(void **state)
{
	const struct atomic_hash_map_config config = { .value_size = 8, .reuse = HASHLOOM_REUSE_SAME_KEY };
	struct interner *const interner = kit_zeroed(1, sizeof(*interner));
	struct map map;

	(void)state;
	interner->count = 1;
	map_open(&map, &config, 5);
	for (uint64_t i = 1; i < 100; i++) {
		char string[16];
		struct seeker seeker = { interner, string };
		int failure = -9;
		void *where = NULL;
		void *again = NULL;

		snprintf(string, sizeof(string), "s%u", (unsigned)i);
		const struct atomic_hash_map_lookup lookup = lookup_of(&seeker, 3);

		interner->key_is = 0;
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_number, &i, &where), 1);
		check_equal(atomic_hash_map_erase_as(map.handle, &lookup), 1);
		interner->key_is = i;
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_fails, &failure, NULL), -9);
		interner->failure = -8;
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_number, &i, NULL), -8);
		interner->failure = 0;
		check(atomic_hash_map_find_as(map.handle, &lookup) == NULL);
		check_equal(atomic_hash_map_emplace_as(map.handle, &lookup, construct_number, &i, &again), 1);
		check(again == where);
	}
	map_close(&map);
	free(interner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_D1_every_key_can_be_stored),
		cmocka_unit_test(test_map_D1_reserved_keys_have_cells_of_their_own),
		cmocka_unit_test(test_map_key_size_4_takes_the_lower_half),
		cmocka_unit_test(test_map_bears_every_hash),
		cmocka_unit_test(test_map_capacity_one_group),
		cmocka_unit_test(test_map_equal_of_the_config),
		cmocka_unit_test(test_map_D1_with_equal_reserved_keys_are_invalid),
		cmocka_unit_test(test_map_lookups_of_strings_interned_by_number),
		cmocka_unit_test(test_map_lookups_and_keys_of_one_hash_meet),
		cmocka_unit_test(test_map_emplace_as_that_fails_leaves_the_cell_free),
		cmocka_unit_test(test_map_emplace_as_without_construct_makes_zeros),
		cmocka_unit_test(test_map_A5_emplace_as_finds_the_place_of_its_key),
	};

	return KIT_RUN(tests);
}
