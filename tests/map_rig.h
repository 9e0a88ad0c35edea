/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_rig.h: what the tests of the type-erased atomic hash map share: the configurations that they run on, maps that give all their
 * memory back, keys and values that can be told from each other, and the steps that each check what must hold after them.
 *
 * A rig is one configuration. rig_each() runs a test on the product of all that a config can say: reuse, key size, value size and
 * alignment, probing, fixed or growing, locks, reserved keys; and on hashes that are bad on purpose. A failure names its rig.
 */
#ifndef HL_MAP_RIG_H
#define HL_MAP_RIG_H

#include "map_kit.h"

#include <hashloom/atomic_hash_map.h>

#define RIG_VALUE_MAX 128

struct rig {
	char name[160];
	struct atomic_hash_map_config config;
};

static const struct rig *rig_now HL_UNUSED;

#define check(condition)                                                                                       \
	do {                                                                                                   \
		if (!(condition))                                                                              \
			fail_msg("%s:%d: %s: %s", __func__, __LINE__, rig_now == NULL ? "" : rig_now->name, #condition); \
	} while (0)

#define check_equal(left, right)                                                                               \
	do {                                                                                                   \
		const long long left_now = (long long)(left);                                                  \
		const long long right_now = (long long)(right);                                                \
                                                                                                               \
		if (left_now != right_now)                                                                     \
			fail_msg("%s:%d: %s: %s is %lld, %s is %lld", __func__, __LINE__,                      \
				 rig_now == NULL ? "" : rig_now->name, #left, left_now, #right, right_now);    \
	} while (0)

/* ---- rigs ------------------------------------------------------------------------------------------- */

enum rig_wants {
	RIG_ALL = 0,
	RIG_GROWING = 1,
	RIG_FIXED = 2,
	RIG_CHANGING = 4, /* store and the like are possible: values of a word, or locks */
	RIG_LOCKS = 8,
	RIG_NEVER = 16,
	RIG_REUSE = 32, /* not NEVER */
	RIG_DEFAULT_HASH = 64,
};

/* On one thread the sanitizers have the same to see on each rig: some will do. Prime to all that the product is made of. */
#if defined(KIT_THREAD_SANITIZER) || defined(__SANITIZE_ADDRESS__)
#define RIG_STEP 17
#else
#define RIG_STEP 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && RIG_STEP == 1
#undef RIG_STEP
#define RIG_STEP 17
#endif
#endif

static const uint64_t rig_custom_keys[3] HL_UNUSED = { 7, UINT64_C(0x8000000000000000), 42 };

static inline const char *rig_reuse_name(enum hashloom_reuse reuse)
{
	return reuse == HASHLOOM_REUSE_NEVER ? "never" : reuse == HASHLOOM_REUSE_SAME_KEY ? "same_key" : "any_key";
}

static inline void rig_name(struct rig *rig, const char *hash)
{
	const struct atomic_hash_map_config *const config = &rig->config;

	snprintf(rig->name, sizeof(rig->name), "%s key %zu value %zu/%zu %s %s%s%s%s", rig_reuse_name(config->reuse), config->key_size,
		 config->value_size, config->value_alignment, config->probing == HASHLOOM_PROBING_LINEAR ? "linear" : "quadratic",
		 config->is_fixed ? "fixed" : "growing", config->has_locks ? " locks" : "",
		 config->empty_key != 0 ? " custom keys" : "", hash);
}

static inline int rig_is_word(const struct rig *rig)
{
	return rig->config.value_size >= 1 && rig->config.value_size <= 8;
}

/* Whether values can be changed: header, C.2. */
static inline int rig_can_change(const struct rig *rig)
{
	return rig->config.value_size <= 8 || rig->config.has_locks;
}

static inline int rig_is_wanted(const struct rig *rig, unsigned wants)
{
	const struct atomic_hash_map_config *const config = &rig->config;

	return !((wants & RIG_GROWING && config->is_fixed) || (wants & RIG_FIXED && !config->is_fixed) ||
		 (wants & RIG_CHANGING && !rig_can_change(rig)) || (wants & RIG_LOCKS && !config->has_locks) ||
		 (wants & RIG_NEVER && config->reuse != HASHLOOM_REUSE_NEVER) ||
		 (wants & RIG_REUSE && config->reuse == HASHLOOM_REUSE_NEVER) || (wants & RIG_DEFAULT_HASH && config->hash != NULL));
}

static inline unsigned rig_digit(unsigned *number, unsigned base)
{
	const unsigned digit = *number % base;

	*number /= base;
	return digit;
}

#define RIG_VALUES 10
#define RIG_HASHES 5
#define RIG_PRODUCT (3U * 2U * RIG_VALUES * 2U * 2U * 2U * 2U)
#define RIG_BAD_HASHES (3U * 2U * 2U * RIG_HASHES)

static inline struct rig rig_of_product(unsigned number)
{
	static const struct {
		size_t size;
		size_t alignment;
	} values[RIG_VALUES] = { { 0, 0 }, { 1, 0 }, { 2, 0 }, { 3, 0 }, { 5, 0 }, { 8, 0 }, { 12, 0 }, { 24, 8 }, { 64, 64 }, { 100, 0 } };
	struct rig rig = { "", { .value_size = 0 } };
	struct atomic_hash_map_config *const config = &rig.config;

	config->reuse = (enum hashloom_reuse)rig_digit(&number, 3);
	config->key_size = rig_digit(&number, 2) == 0 ? 8 : 4;
	config->probing = (enum hashloom_probing)rig_digit(&number, 2);
	config->is_fixed = (int)rig_digit(&number, 2);
	config->has_locks = (int)rig_digit(&number, 2);
	if (rig_digit(&number, 2) == 1) {
		config->empty_key = rig_custom_keys[0];
		config->locked_key = config->key_size == 4 ? UINT64_C(0x80000000) : rig_custom_keys[1];
		config->erased_key = rig_custom_keys[2];
	}
	config->value_size = values[number].size;
	config->value_alignment = values[number].alignment;
	rig_name(&rig, "");
	return rig;
}

static inline struct rig rig_of_hash(unsigned number)
{
	static const struct {
		atomic_hash_array_hash_fn hash;
		const char *name;
	} hashes[RIG_HASHES] = { { kit_hash_zero, " hash zero" },
				 { kit_hash_ones, " hash ones" },
				 { kit_hash_one_home, " hash one home" },
				 { kit_hash_one_tag, " hash one tag" },
				 { kit_hash_identity, " hash identity" } };
	struct rig rig = { "", { .key_size = 8, .value_size = 8 } };

	rig.config.reuse = (enum hashloom_reuse)rig_digit(&number, 3);
	rig.config.probing = (enum hashloom_probing)rig_digit(&number, 2);
	rig.config.is_fixed = (int)rig_digit(&number, 2);
	rig.config.hash = hashes[number].hash;
	rig_name(&rig, hashes[number].name);
	return rig;
}

static inline void rig_each_step(unsigned wants, unsigned step, void (*test)(const struct rig *rig))
{
	unsigned done = 0;

	for (unsigned number = 0; number < RIG_PRODUCT + RIG_BAD_HASHES; number++) {
		const struct rig rig = number < RIG_PRODUCT ? rig_of_product(number) : rig_of_hash(number - RIG_PRODUCT);

		if (!rig_is_wanted(&rig, wants) || done++ % step != 0)
			continue;
		rig_now = &rig;
		test(&rig);
	}
	rig_now = NULL;
	assert_true(done >= 60);
}

static inline void rig_each(unsigned wants, void (*test)(const struct rig *rig))
{
	rig_each_step(wants, RIG_STEP, test);
}

/* A test that runs on every rig that is wanted: the body follows. */
#define RIG_TEST(test_name, wants)                           \
	static void test_name##_on(const struct rig *rig);   \
	static void test_name(void **state)                  \
	{                                               \
		(void)state;                            \
		rig_each(wants, test_name##_on);             \
	}                                               \
	static void test_name##_on(const struct rig *rig)

/* The same for each policy alone. */
#define POLICY_TEST(test_name)                                                                                \
	static void test_name##_on(enum hashloom_reuse reuse);                                                \
	static void test_name(void **state)                                                                   \
	{                                                                                                \
		struct rig rig = { "", { .value_size = 8 } };                                            \
                                                                                                         \
		(void)state;                                                                             \
		for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {      \
			snprintf(rig.name, sizeof(rig.name), "%s", rig_reuse_name((enum hashloom_reuse)reuse)); \
			rig_now = &rig;                                                                  \
			test_name##_on((enum hashloom_reuse)reuse);                                           \
		}                                                                                        \
		rig_now = NULL;                                                                          \
	}                                                                                                \
	static void test_name##_on(enum hashloom_reuse reuse)

/* ---- keys and values --------------------------------------------------------------------------------- */

static inline uint64_t rig_key_mask(const struct atomic_hash_map_config *config)
{
	return config->key_size == 4 ? UINT32_MAX : UINT64_MAX;
}

/* The keys that lie in side cells, as far as they are known: the fourth follows from the other three in a way that is not said. */
static inline uint64_t rig_reserved_key(const struct atomic_hash_map_config *config, unsigned i)
{
	const int is_default = config->empty_key == 0 && config->locked_key == 0 && config->erased_key == 0;
	const uint64_t keys[4] = { is_default ? UINT64_C(0) - 1 : config->empty_key, is_default ? UINT64_C(0) - 2 : config->locked_key,
				   is_default ? UINT64_C(0) - 3 : config->erased_key, UINT64_C(0) - 4 };

	return keys[i] & rig_key_mask(config);
}

static inline int rig_is_reserved(const struct atomic_hash_map_config *config, uint64_t key)
{
	for (unsigned i = 0; i < 4; i++) {
		if (rig_reserved_key(config, i) == key)
			return 1;
	}
	return 0;
}

/*
 * The n-th key: the four above, then 0, 1, 2 ... without them, some with upper halves of their own, and every hundredth near the
 * upper end of the range.
 */
static inline uint64_t rig_key(const struct atomic_hash_map_config *config, uint64_t n)
{
	uint64_t key = n - 4;

	if (n < 4)
		return rig_reserved_key(config, (unsigned)n);
	if (config->key_size != 4 && config->hash == NULL && n % 3 == 0)
		key |= n << 40;
	if (n % 100 == 99)
		key = rig_key_mask(config) - n;
	/* Those that are reserved move to where no others are. */
	return rig_is_reserved(config, key) ? (key ^ UINT64_C(0x55000000)) & rig_key_mask(config) : key;
}

static inline uint64_t rig_stamp(uint64_t key, unsigned salt)
{
	return key * 1000 + salt;
}

/* ---- maps -------------------------------------------------------------------------------------------- */

struct map {
	struct atomic_hash_map *handle;
	struct atomic_hash_map_config config;
	struct kit_allocator memory;
};

/* The map may not move while it is open: the allocator is in it. */
static inline void map_open(struct map *map, const struct atomic_hash_map_config *config, size_t entries_max)
{
	kit_allocator_init(&map->memory);
	map->config = *config;
	map->config.allocator = &map->memory.hooks;
	map->handle = NULL;
	check_equal(atomic_hash_map_create(entries_max, &map->config, &map->handle), HASHLOOM_OK);
	check(map->handle != NULL);
}

static inline void map_close(struct map *map)
{
	atomic_hash_map_destroy(map->handle);
	kit_allocator_assert_done(&map->memory);
}

static inline int map_has_value(const struct map *map, const void *value, uint64_t key, unsigned salt)
{
	return kit_value_is(value, map->config.value_size, rig_stamp(key, salt));
}

static inline int map_insert(struct map *map, uint64_t key, unsigned salt, void **where)
{
	unsigned char value[RIG_VALUE_MAX];

	kit_value_fill(value, map->config.value_size, rig_stamp(key, salt));
	return atomic_hash_map_insert(map->handle, key, map->config.value_size == 0 ? NULL : value, where);
}

/* The entry is there, with its value, and all ways lead to it. */
static inline void map_check_entry(const struct map *map, uint64_t key, unsigned salt, uint32_t id)
{
	void *const value = atomic_hash_map_find(map->handle, key);
	unsigned char copy[RIG_VALUE_MAX];
	uint64_t key_at = key + 1;
	uint32_t id_of_key = id + 1;

	check(value != NULL);
	check(map_has_value(map, value, key, salt));
	check(atomic_hash_map_find_near(map->handle, key) == value);
	check_equal(atomic_hash_map_count(map->handle, key), 1);
	check_equal(atomic_hash_map_id(map->handle, value), id);
	check_equal(atomic_hash_map_key_to_id(map->handle, key, &id_of_key), 1);
	check_equal(id_of_key, id);
	check(id < atomic_hash_map_ids(map->handle));
	check(atomic_hash_map_at(map->handle, id, &key_at) == value);
	check_equal(key_at, key);
	check(atomic_hash_map_at(map->handle, id, NULL) == value);
	check_equal(atomic_hash_map_load(map->handle, key, copy), 1);
	check(map_has_value(map, copy, key, salt));
}

/* Inserts a key that is not there; returns the id. */
static inline uint32_t map_insert_new(struct map *map, uint64_t key, unsigned salt)
{
	const size_t size = atomic_hash_map_size(map->handle);
	void *where = NULL;

	check(atomic_hash_map_find(map->handle, key) == NULL);
	check_equal(map_insert(map, key, salt, &where), 1);
	check(where != NULL);
	const uint32_t id = atomic_hash_map_id(map->handle, where);

	check(atomic_hash_map_find(map->handle, key) == where);
	map_check_entry(map, key, salt, id);
	check_equal(atomic_hash_map_size(map->handle), size + 1);
	check_equal(atomic_hash_map_empty(map->handle), 0);
	return id;
}

static inline void map_check_absent(const struct map *map, uint64_t key)
{
	const size_t size = atomic_hash_map_size(map->handle);
	unsigned char copy[RIG_VALUE_MAX];
	uint32_t id = 12345;

	check(atomic_hash_map_find(map->handle, key) == NULL);
	check(atomic_hash_map_find_near(map->handle, key) == NULL);
	check_equal(atomic_hash_map_count(map->handle, key), 0);
	check_equal(atomic_hash_map_key_to_id(map->handle, key, &id), 0);
	check_equal(id, 12345);
	check_equal(atomic_hash_map_erase(map->handle, key), 0);
	check_equal(atomic_hash_map_take(map->handle, key, copy), 0);
	check_equal(atomic_hash_map_load(map->handle, key, copy), 0);
	check_equal(atomic_hash_map_size(map->handle), size);
}

static inline void map_erase_present(struct map *map, uint64_t key)
{
	const size_t size = atomic_hash_map_size(map->handle);
	uint32_t id = 0;

	check_equal(atomic_hash_map_key_to_id(map->handle, key, &id), 1);
	check_equal(atomic_hash_map_erase(map->handle, key), 1);
	check_equal(atomic_hash_map_size(map->handle), size - 1);
	check_equal(atomic_hash_map_empty(map->handle), size == 1);
	check(atomic_hash_map_at(map->handle, id, NULL) == NULL);
	map_check_absent(map, key);
}

/* Counts the entries of an iteration, whose ids must ascend. */
static inline size_t map_walk_count(const struct map *map)
{
	uint64_t position = 0;
	uint64_t last = 0;
	size_t count = 0;
	uint64_t key;

	for (const void *value; (value = atomic_hash_map_next(map->handle, &position, &key)) != NULL; count++) {
		const uint64_t id = atomic_hash_map_id(map->handle, value);

		check(count == 0 || id > last);
		check(position > id);
		check(atomic_hash_map_find(map->handle, key) == value);
		last = id;
	}
	check(atomic_hash_map_next(map->handle, &position, &key) == NULL);
	return count;
}

/* The number that all ways of counting agree upon. */
static inline size_t map_check_counts(const struct map *map)
{
	struct atomic_hash_map_stats statistics;
	const size_t size = atomic_hash_map_size(map->handle);

	atomic_hash_map_statistics(map->handle, &statistics);
	check_equal(map_walk_count(map), size);
	check_equal(statistics.total.entries, size);
	check_equal(statistics.slabs_count, atomic_hash_map_slabs(map->handle));
	check_equal(statistics.total.cells_count, atomic_hash_map_capacity(map->handle));
	check_equal(atomic_hash_map_empty(map->handle), size == 0);
	return size;
}

#endif
