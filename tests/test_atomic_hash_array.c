/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_array.c: the atomic hash array on one thread: A.1 to A.7, every function, every error.
 *
 * Method: a rig is a front end (typed or type-erased) with a value size, an alignment, a hash and a reuse policy.
 * Most tests run on every rig. A value is a pattern that follows from its key and a salt, so that values that
 * are mixed up, cut or overlapping are seen. With the typed rigs the array's lines are compared with its
 * cells (kit_core_error), so that a search that goes too far or a count that is off is seen too.
 */
#include "map_kit.h"

#include <hashloom/atomic_hash_array.h>

#define KEY_MAX (UINT64_MAX - 4) /* those above lie in cells of their own (D.1 of atomic_hash_map.h) */
#define VALUE_SIZE_MAX 4096

/* ---- front ends -------------------------------------------------------------------------------------- */

struct rig;

struct front {
	int (*create)(const struct rig *rig, size_t entries_max, void **map);
	void (*destroy)(void *map);
	int (*insert)(void *map, uint64_t key, const void *value, void **where);
	void *(*find)(void *map, uint64_t key);
	int (*erase)(void *map, uint64_t key);
	uint32_t (*id)(void *map, const void *value);
	void *(*at)(void *map, uint32_t id, uint64_t *key);
	void *(*next)(void *map, uint64_t *position, uint64_t *key);
	size_t (*size)(void *map);
	size_t (*capacity)(void *map);
	struct hl_ahm *(*core)(void *map); /* NULL: it cannot be looked into */
	const struct hl_ahm_policy *policy;
};

struct rig {
	char name[64];
	const struct front *front;
	size_t value_size;
	size_t alignment; /* as configured: 0 is the default */
	enum hashloom_reuse reuse;
	atomic_hash_array_hash_fn hash; /* NULL: the default */
};

/* The type-erased one. */
static int erased_create(const struct rig *rig, size_t entries_max, void **map)
{
	const struct atomic_hash_array_config config = {
		.value_size = rig->value_size,
		.value_alignment = rig->alignment,
		.reuse = rig->reuse,
		.hash = rig->hash,
	};
	struct atomic_hash_array *array;
	const int result = atomic_hash_array_create(entries_max, &config, &array);

	if (result == HASHLOOM_OK)
		*map = array;
	return result;
}

static void erased_destroy(void *map)
{
	atomic_hash_array_destroy(map);
}

static int erased_insert(void *map, uint64_t key, const void *value, void **where)
{
	return atomic_hash_array_insert(map, key, value, where);
}

static void *erased_find(void *map, uint64_t key)
{
	return atomic_hash_array_find(map, key);
}

static int erased_erase(void *map, uint64_t key)
{
	return atomic_hash_array_erase(map, key);
}

static uint32_t erased_id(void *map, const void *value)
{
	return atomic_hash_array_id(map, value);
}

static void *erased_at(void *map, uint32_t id, uint64_t *key)
{
	return atomic_hash_array_at(map, id, key);
}

static void *erased_next(void *map, uint64_t *position, uint64_t *key)
{
	return atomic_hash_array_next(map, position, key);
}

static size_t erased_size(void *map)
{
	return atomic_hash_array_size(map);
}

static size_t erased_capacity(void *map)
{
	return atomic_hash_array_capacity(map);
}

static const struct front erased_front = {
	erased_create, erased_destroy, erased_insert, erased_find,     erased_erase, erased_id,
	erased_at,     erased_next,    erased_size,   erased_capacity, NULL,         NULL,
};

/* A front end from the functions that atomic_hash_array_typed.h has made for a type. */
#define TYPED_FRONT(name, type)                                                                    \
	static int name##_front_create(const struct rig *rig, size_t entries_max, void **map)      \
	{                                                                                          \
		struct name *const made = aligned_alloc(_Alignof(struct name), sizeof(*made));     \
		const int result = made == NULL ? HASHLOOM_ERROR_NO_MEMORY :                       \
						  name##_create(made, entries_max);                \
                                                                                                   \
		(void)rig;                                                                         \
		if (result == HASHLOOM_OK)                                                         \
			*map = made;                                                               \
		else                                                                               \
			free(made);                                                                \
		return result;                                                                     \
	}                                                                                          \
	static void name##_front_destroy(void *map)                                                \
	{                                                                                          \
		name##_destroy(map);                                                               \
		free(map);                                                                         \
	}                                                                                          \
	static int name##_front_insert(void *map, uint64_t key, const void *value, void **where)   \
	{                                                                                          \
		type copy;                                                                         \
		type *found;                                                                       \
		int result;                                                                        \
                                                                                                   \
		memcpy(&copy, value, sizeof(copy));                                                \
		result = name##_insert(map, key, copy, where == NULL ? NULL : &found);             \
		if (result >= 0 && where != NULL)                                                  \
			*where = found;                                                            \
		return result;                                                                     \
	}                                                                                          \
	static void *name##_front_find(void *map, uint64_t key)                                    \
	{                                                                                          \
		return name##_find(map, key);                                                      \
	}                                                                                          \
	static int name##_front_erase(void *map, uint64_t key)                                     \
	{                                                                                          \
		return name##_erase(map, key);                                                     \
	}                                                                                          \
	static uint32_t name##_front_id(void *map, const void *value)                              \
	{                                                                                          \
		return name##_id(map, value);                                                      \
	}                                                                                          \
	static void *name##_front_at(void *map, uint32_t id, uint64_t *key)                        \
	{                                                                                          \
		return name##_at(map, id, key);                                                    \
	}                                                                                          \
	static void *name##_front_next(void *map, uint64_t *position, uint64_t *key)               \
	{                                                                                          \
		return name##_next(map, position, key);                                            \
	}                                                                                          \
	static size_t name##_front_size(void *map)                                                 \
	{                                                                                          \
		return name##_size(map);                                                           \
	}                                                                                          \
	static size_t name##_front_capacity(void *map)                                             \
	{                                                                                          \
		return name##_capacity(map);                                                       \
	}                                                                                          \
	static struct hl_ahm *name##_front_core(void *map)                                         \
	{                                                                                          \
		return &((struct name *)map)->map;                                                 \
	}                                                                                          \
	static const struct front name##_front = {                                                 \
		name##_front_create, name##_front_destroy,  name##_front_insert,                   \
		name##_front_find,   name##_front_erase,    name##_front_id,                       \
		name##_front_at,     name##_front_next,     name##_front_size,                     \
		name##_front_capacity, name##_front_core,   &name##_hl_policy,                     \
	}

struct pair {
	uint64_t first;
	uint64_t second;
};

struct line {
	_Alignas(64) unsigned char bytes[64];
};

struct odd {
	unsigned char bytes[3];
};

#define ATOMIC_HASH_ARRAY_NAME byte_never
#define ATOMIC_HASH_ARRAY_VALUE uint8_t
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(byte_never, uint8_t);

#define ATOMIC_HASH_ARRAY_NAME byte_any
#define ATOMIC_HASH_ARRAY_VALUE uint8_t
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(byte_any, uint8_t);

#define ATOMIC_HASH_ARRAY_NAME word_never
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(word_never, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME word_any
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(word_any, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME pair_never
#define ATOMIC_HASH_ARRAY_VALUE struct pair
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_NEVER
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(pair_never, struct pair);

#define ATOMIC_HASH_ARRAY_NAME pair_any
#define ATOMIC_HASH_ARRAY_VALUE struct pair
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(pair_any, struct pair);

#define ATOMIC_HASH_ARRAY_NAME line_never
#define ATOMIC_HASH_ARRAY_VALUE struct line
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(line_never, struct line);

#define ATOMIC_HASH_ARRAY_NAME line_any
#define ATOMIC_HASH_ARRAY_VALUE struct line
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(line_any, struct line);

#define ATOMIC_HASH_ARRAY_NAME zero_never
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_HASH kit_hash_zero
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(zero_never, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME zero_any
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_HASH kit_hash_zero
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(zero_any, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME ones_never
#define ATOMIC_HASH_ARRAY_VALUE struct odd
#define ATOMIC_HASH_ARRAY_HASH kit_hash_ones
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(ones_never, struct odd);

#define ATOMIC_HASH_ARRAY_NAME ones_any
#define ATOMIC_HASH_ARRAY_VALUE struct odd
#define ATOMIC_HASH_ARRAY_HASH kit_hash_ones
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(ones_any, struct odd);

#define ATOMIC_HASH_ARRAY_NAME home_any
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_HASH kit_hash_one_home
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(home_any, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME tag_any
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_HASH kit_hash_one_tag
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(tag_any, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME tag_never
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_HASH kit_hash_one_tag
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(tag_never, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME identity_never
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_HASH kit_hash_identity
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(identity_never, uint64_t);

#define ATOMIC_HASH_ARRAY_NAME identity_any
#define ATOMIC_HASH_ARRAY_VALUE uint64_t
#define ATOMIC_HASH_ARRAY_HASH kit_hash_identity
#define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_array_typed.h>
TYPED_FRONT(identity_any, uint64_t);

/* ---- rigs -------------------------------------------------------------------------------------------- */

#define RIGS_MAX 128

static struct rig rigs[RIGS_MAX];
static size_t rigs_count;
static const struct rig *rig_now;

#define check(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s: %s", rig_now->name, #condition);                             \
	} while (0)

#define check_equal(left, right)                                                                   \
	do {                                                                                       \
		const unsigned long long left_now = (unsigned long long)(left);                    \
		const unsigned long long right_now = (unsigned long long)(right);                  \
                                                                                                   \
		if (left_now != right_now)                                                         \
			fail_msg("%s: %s is %llu, %s is %llu", rig_now->name, #left, left_now,     \
				 #right, right_now);                                               \
	} while (0)

static void add_typed(const char *name, const struct front *front)
{
	struct rig *const rig = &rigs[rigs_count++];

	snprintf(rig->name, sizeof(rig->name), "%s", name);
	rig->front = front;
	rig->value_size = front->policy->cell.value_size;
	rig->alignment = 0;
	rig->reuse = front->policy->cell.reuse;
	rig->hash = front->policy->cell.hash;
}

static void add_erased(size_t value_size, size_t alignment, atomic_hash_array_hash_fn hash)
{
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_ANY_KEY; reuse++) {
		struct rig *const rig = &rigs[rigs_count++];

		snprintf(rig->name, sizeof(rig->name), "erased %zu/%zu%s %s", value_size, alignment,
			 hash == NULL ? "" : " hash", reuse == HASHLOOM_REUSE_NEVER ? "never" : "any_key");
		rig->front = &erased_front;
		rig->value_size = value_size;
		rig->alignment = alignment;
		rig->reuse = (enum hashloom_reuse)reuse;
		rig->hash = hash;
	}
}

static void add_rigs(void)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 24, 33, 64, 65, 100, 1000 };

#define ADD_TYPED(name) add_typed(#name, &name##_front)
	ADD_TYPED(byte_never);
	ADD_TYPED(byte_any);
	ADD_TYPED(word_never);
	ADD_TYPED(word_any);
	ADD_TYPED(pair_never);
	ADD_TYPED(pair_any);
	ADD_TYPED(line_never);
	ADD_TYPED(line_any);
	ADD_TYPED(zero_never);
	ADD_TYPED(zero_any);
	ADD_TYPED(ones_never);
	ADD_TYPED(ones_any);
	ADD_TYPED(home_any);
	ADD_TYPED(tag_any);
	ADD_TYPED(tag_never);
	ADD_TYPED(identity_never);
	ADD_TYPED(identity_any);
#undef ADD_TYPED
	for (size_t i = 0; i < KIT_COUNT(sizes); i++)
		add_erased(sizes[i], 0, NULL);
	for (size_t alignment = 1; alignment <= 64; alignment *= 2)
		add_erased(20, alignment, NULL);
	add_erased(0, 64, NULL);
	add_erased(1, 64, NULL);
	add_erased(64, 64, NULL);
	add_erased(VALUE_SIZE_MAX, 16, kit_hash_good);
	add_erased(8, 0, kit_hash_zero);
	add_erased(8, 0, kit_hash_ones);
	add_erased(8, 0, kit_hash_one_home);
	add_erased(8, 0, kit_hash_one_tag);
	add_erased(8, 0, kit_hash_identity);
}

/* ThreadSanitizer is slow and has little to see on one thread: every fifth rig will do. */
#ifdef KIT_THREAD_SANITIZER
#define RIGS_STEP 5
#else
#define RIGS_STEP 1
#endif

static void on_every_rig(void (*test)(const struct rig *rig))
{
	assert_true(rigs_count > 60 && rigs_count <= RIGS_MAX);
	for (size_t i = 0; i < rigs_count; i += RIGS_STEP) {
		rig_now = &rigs[i];
		test(rig_now);
	}
}

/* A test that runs on every rig: the body follows. */
#define RIG_TEST(name)                                                                             \
	static void name##_on(const struct rig *rig);                                              \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		on_every_rig(name##_on);                                                           \
	}                                                                                          \
	static void name##_on(const struct rig *rig)

/* ---- maps -------------------------------------------------------------------------------------------- */

struct map {
	const struct rig *rig;
	const struct front *front;
	void *handle;
};

static struct map map_new(const struct rig *rig, size_t entries_max)
{
	struct map map = { rig, rig->front, NULL };

	check_equal(rig->front->create(rig, entries_max, &map.handle), HASHLOOM_OK);
	check(map.handle != NULL);
	return map;
}

static void map_delete(struct map *map)
{
	map->front->destroy(map->handle);
}

static uint64_t stamp_of(uint64_t key, unsigned salt)
{
	return key * 1000 + salt;
}

static int has_value(const struct map *map, const void *value, uint64_t key, unsigned salt)
{
	return kit_value_is(value, map->rig->value_size, stamp_of(key, salt));
}

/* The lines say what the cells do. */
static void check_lines(const struct map *map, int may_stick)
{
	if (map->front->core != NULL) {
		const char *const error =
			kit_core_error(map->front->policy, map->front->core(map->handle), may_stick);

		if (error != NULL)
			fail_msg("%s: %s", rig_now->name, error);
	}
}

static int insert(struct map *map, uint64_t key, unsigned salt, void **where)
{
	unsigned char value[VALUE_SIZE_MAX];

	kit_value_fill(value, map->rig->value_size, stamp_of(key, salt));
	return map->front->insert(map->handle, key, value, where);
}

/* The entry is there, with its value, and all ways lead to it. */
static void check_entry(struct map *map, uint64_t key, unsigned salt, uint32_t id)
{
	void *const value = map->front->find(map->handle, key);
	uint64_t key_at = key + 1;

	check(value != NULL);
	check(has_value(map, value, key, salt));
	check_equal(map->front->id(map->handle, value), id);
	check(map->front->at(map->handle, id, &key_at) == value);
	check_equal(key_at, key);
	check(map->front->at(map->handle, id, NULL) == value);
}

/* Inserts a key that is not there; returns the id. */
static uint32_t insert_new(struct map *map, uint64_t key, unsigned salt)
{
	const size_t size = map->front->size(map->handle);
	void *where = NULL;
	uint32_t id;

	check(map->front->find(map->handle, key) == NULL);
	check_equal(insert(map, key, salt, &where), 1);
	check(where != NULL);
	id = map->front->id(map->handle, where);
	check(id < map->front->capacity(map->handle));
	check_entry(map, key, salt, id);
	check_equal(map->front->size(map->handle), size + 1);
	return id;
}

static void check_absent(struct map *map, uint64_t key)
{
	const size_t size = map->front->size(map->handle);

	check(map->front->find(map->handle, key) == NULL);
	check_equal(map->front->erase(map->handle, key), 0);
	check_equal(map->front->size(map->handle), size);
}

static void erase_present(struct map *map, uint64_t key)
{
	const size_t size = map->front->size(map->handle);
	const uint32_t id = map->front->id(map->handle, map->front->find(map->handle, key));

	check_equal(map->front->erase(map->handle, key), 1);
	check_equal(map->front->size(map->handle), size - 1);
	check(map->front->at(map->handle, id, NULL) == NULL);
	check_absent(map, key);
}

/* No room for a key that is not there, and nothing is changed by trying. */
static void check_full(struct map *map, uint64_t key)
{
	const size_t size = map->front->size(map->handle);
	void *const untouched = &rigs;
	void *where = untouched;

	check_equal((unsigned)insert(map, key, 1, &where), (unsigned)HASHLOOM_ERROR_FULL);
	check(where == untouched);
	check_equal(map->front->size(map->handle), size);
	check_absent(map, key);
}

/* Fills all cells with the keys first, first + 1, ...; returns how many. */
static size_t fill(struct map *map, uint64_t first)
{
	const size_t capacity = map->front->capacity(map->handle);

	for (size_t i = 0; i < capacity; i++)
		(void)insert_new(map, first + i, 0);
	return capacity;
}

/* ---- keys -------------------------------------------------------------------------------------------- */

static const uint64_t extreme_keys[] = {
	0,
	1,
	2,
	3,
	4,
	255,
	256,
	UINT32_MAX - 1,
	UINT32_MAX,
	(uint64_t)UINT32_MAX + 1,
	(uint64_t)1 << 62,
	INT64_MAX,
	(uint64_t)1 << 63,
	((uint64_t)1 << 63) + 1,
	UINT64_MAX << 32,
	UINT64_MAX - 255,
	KEY_MAX - 2,
	KEY_MAX - 1,
	KEY_MAX,
};

static const uint64_t reserved_keys[] = { UINT64_MAX - 3, UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX };

/* The i-th of as many different keys as a test wants: extremes first, then all over. */
static uint64_t nth_key(size_t i)
{
	return i < KIT_COUNT(extreme_keys) ? extreme_keys[i] : ((uint64_t)i << 40) + i * 77;
}

/* ---- A.1 to A.3 -------------------------------------------------------------------------------------- */

RIG_TEST(test_array_A1_of_several_inserts_of_a_key_the_first_counts)
{
	enum { KEYS = 80 };
	struct map map = map_new(rig, KEYS);
	uint32_t ids[KEYS];

	for (size_t i = 0; i < KEYS; i++) {
		void *where = NULL;

		ids[i] = insert_new(&map, nth_key(i), 0);
		check_equal(insert(&map, nth_key(i), 1, &where), 0);
		check(where == map.front->find(map.handle, nth_key(i)));
		check_equal(insert(&map, nth_key(i), 2, NULL), 0);
		check_equal(map.front->size(map.handle), i + 1);
	}
	for (size_t i = 0; i < KEYS; i++) {
		check_entry(&map, nth_key(i), 0, ids[i]);
		check_equal(insert(&map, nth_key(i), 3, NULL), 0);
		check_entry(&map, nth_key(i), 0, ids[i]);
		for (size_t k = 0; k < i; k++)
			check(ids[k] != ids[i]);
	}
	check_lines(&map, 0);
	map_delete(&map);
}

RIG_TEST(test_array_A1_a_new_entry_needs_no_where)
{
	struct map map = map_new(rig, 2);

	check_equal(insert(&map, 5, 0, NULL), 1);
	check_equal(insert(&map, 5, 1, NULL), 0);
	check(has_value(&map, map.front->find(map.handle, 5), 5, 0));
	map_delete(&map);
}

RIG_TEST(test_array_A2_absent_keys_are_not_found)
{
	enum { KEYS = 60 };
	struct map map = map_new(rig, KEYS);

	check_equal(map.front->size(map.handle), 0);
	for (size_t i = 0; i < 2 * KEYS; i++)
		check_absent(&map, nth_key(i));
	for (size_t i = 0; i < KEYS; i++) {
		(void)insert_new(&map, nth_key(i), 0);
		for (size_t k = i + 1; k < KEYS; k++)
			check(map.front->find(map.handle, nth_key(k)) == NULL);
	}
	for (size_t i = KEYS; i < 3 * KEYS; i++)
		check_absent(&map, nth_key(i));
	map_delete(&map);
}

RIG_TEST(test_array_A3_an_entry_stays_where_it_is)
{
	enum { STAY = 30, COME_AND_GO = 30 };
	struct map map = map_new(rig, STAY + 10 * COME_AND_GO);
	uint32_t ids[STAY];
	void *values[STAY];

	for (size_t i = 0; i < STAY; i++) {
		ids[i] = insert_new(&map, nth_key(i), 0);
		values[i] = map.front->find(map.handle, nth_key(i));
	}
	for (size_t turn = 0; turn < 10; turn++) {
		for (size_t i = STAY; i < STAY + COME_AND_GO; i++)
			(void)insert_new(&map, nth_key(i), 0);
		for (size_t i = STAY; i < STAY + COME_AND_GO; i++)
			erase_present(&map, nth_key(i));
		for (size_t i = 0; i < STAY; i++) {
			check_entry(&map, nth_key(i), 0, ids[i]);
			check(map.front->find(map.handle, nth_key(i)) == values[i]);
		}
	}
	check_lines(&map, 1);
	map_delete(&map);
}

/* ---- A.4, A.5: reuse ----------------------------------------------------------------------------------- */

/* Inserts and erases one key after the other until there is no room; then each cell was used once. */
static void check_ids_are_used_once(struct map *map)
{
	const size_t capacity = map->front->capacity(map->handle);
	void **const values = kit_zeroed(capacity, sizeof(*values));
	uint64_t *const keys = kit_zeroed(capacity, sizeof(*keys));

	for (size_t i = 0; i < capacity; i++) {
		const uint64_t key = nth_key(i % 50);
		const uint32_t id = insert_new(map, key, (unsigned)i);

		check(values[id] == NULL);
		values[id] = map->front->find(map->handle, key);
		keys[id] = stamp_of(key, (unsigned)i);
		erase_present(map, key);
		check(kit_value_is(values[id], map->rig->value_size, keys[id]));
	}
	for (size_t i = 0; i < 100; i++)
		check_full(map, nth_key(i));
	for (size_t id = 0; id < capacity; id++)
		check(kit_value_is(values[id], map->rig->value_size, keys[id]));
	check_equal(map->front->size(map->handle), 0);
	check_lines(map, 0);
	free(keys);
	free(values);
}

RIG_TEST(test_array_A4_never_gives_no_cell_twice_and_leaves_the_bytes)
{
	if (rig->reuse != HASHLOOM_REUSE_NEVER)
		return;
	for (size_t entries = 1; entries <= 200; entries += 33) {
		struct map map = map_new(rig, entries);

		check_ids_are_used_once(&map);
		map_delete(&map);
	}
}

/* With one cell free, each insert gets that one. */
RIG_TEST(test_array_A5_any_key_gets_the_cell_of_an_erased_one)
{
	if (rig->reuse != HASHLOOM_REUSE_ANY_KEY)
		return;
	struct map map = map_new(rig, 70);
	const size_t capacity = fill(&map, 0);
	uint64_t *const present = kit_zeroed(capacity, sizeof(*present));
	uint64_t seed = 1;

	for (size_t i = 0; i < capacity; i++)
		present[i] = i;
	for (uint64_t key = capacity; key < capacity + 300; key++) {
		uint64_t *const victim = &present[kit_random_below(&seed, capacity)];
		const uint32_t id = map.front->id(map.handle, map.front->find(map.handle, *victim));

		check_full(&map, key);
		erase_present(&map, *victim);
		check_equal(insert_new(&map, key, 0), id);
		*victim = key;
	}
	check_lines(&map, 0);
	free(present);
	map_delete(&map);
}

RIG_TEST(test_array_A5_any_key_does_not_age)
{
	if (rig->reuse != HASHLOOM_REUSE_ANY_KEY)
		return;
	struct map map = map_new(rig, 40);
	const size_t capacity = map.front->capacity(map.handle);

	for (uint64_t key = 0; key < 3000; key++) {
		if (key >= capacity)
			erase_present(&map, key - capacity);
		(void)insert_new(&map, key, (unsigned)key);
	}
	check_lines(&map, 0);
	for (uint64_t key = 3000 - capacity; key < 3000; key++)
		erase_present(&map, key);
	check_lines(&map, 0);
	map_delete(&map);
}

/* ---- overflow counts (any_key) ------------------------------------------------------------------------- */

static unsigned overflow_of(const struct map *map, uint64_t group)
{
	const struct hl_aha *const array = &map->front->core(map->handle)->slabs[0];

	return hl_u8_load_relaxed(hl_aha_byte(array, group, HL_AHA_OVERFLOW_BYTE));
}

static uint64_t groups_of(const struct map *map)
{
	return map->front->core(map->handle)->slabs[0].groups_count;
}

static int can_count(const struct rig *rig)
{
	return rig->reuse == HASHLOOM_REUSE_ANY_KEY && rig->front->core != NULL;
}

/* The counts are exact after every step, and none when all is erased, in whatever order. */
RIG_TEST(test_array_overflow_counts_are_exact_and_return_to_none)
{
	enum { KEYS = 120 };
	size_t order[KEYS];
	uint64_t seed = 5;
	unsigned overflowed = 0;

	if (!can_count(rig))
		return;
	struct map map = map_new(rig, KEYS);
	for (unsigned turn = 0; turn < 4; turn++) {
		kit_shuffle(order, KEYS, &seed);
		for (size_t i = 0; i < KEYS; i++) {
			(void)insert_new(&map, nth_key(order[i]), 0);
			check_lines(&map, 0);
		}
		for (uint64_t group = 0; group < groups_of(&map); group++)
			overflowed += overflow_of(&map, group) > 0;
		kit_shuffle(order, KEYS, &seed);
		for (size_t i = 0; i < KEYS; i++) {
			erase_present(&map, nth_key(order[i]));
			check_lines(&map, 0);
		}
		for (uint64_t group = 0; group < groups_of(&map); group++)
			check_equal(overflow_of(&map, group), 0);
	}
	/* all keys in one home: seven groups are passed, in each turn */
	if (rig->hash == kit_hash_zero || rig->hash == kit_hash_ones || rig->hash == kit_hash_one_home)
		check_equal(overflowed, 4 * 7);
	map_delete(&map);
}

/* An insert that finds no room leaves the very bytes as they were. */
RIG_TEST(test_array_A6_full_leaves_no_trace_in_any_key)
{
	if (!can_count(rig))
		return;
	struct map map = map_new(rig, 100);
	const struct hl_aha *const array = &map.front->core(map.handle)->slabs[0];
	const size_t size = hl_aha_memory_size(&map.front->policy->cell, array->groups_count, HL_AHM_SIDE_CELLS);
	char *const before = kit_zeroed(1, size);
	const size_t capacity = fill(&map, 0);

	memcpy(before, array->lines, size);
	for (uint64_t key = capacity; key < 10 * capacity; key++)
		check_full(&map, key);
	check_equal(memcmp(before, array->lines, size), 0);
	free(before);
	map_delete(&map);
}

static void check_counts_after(struct map *map, size_t keys, unsigned first_count, unsigned first_left)
{
	for (uint64_t key = 0; key < keys; key++)
		(void)insert_new(map, key, 0);
	check_lines(map, 1);
	const uint64_t home = map->front->id(map->handle, map->front->find(map->handle, 0)) / HL_AHA_LANES;

	check_equal(overflow_of(map, home), first_count);
	for (uint64_t key = 0; key < keys; key++)
		erase_present(map, key);
	check_lines(map, 1);
	check_equal(overflow_of(map, home), first_left);
}

static int has_one_home(const struct rig *rig)
{
	return rig->hash == kit_hash_zero || rig->hash == kit_hash_ones || rig->hash == kit_hash_one_home;
}

/* Up to 126 entries can go past a group and be forgotten; 127 stays. */
RIG_TEST(test_array_an_overflow_count_of_127_stays)
{
	if (!can_count(rig) || !has_one_home(rig))
		return;
	struct map map = map_new(rig, 1000);

	check_counts_after(&map, 15, 0, 0);
	check_counts_after(&map, 16, 1, 0);
	check_counts_after(&map, 15 + 126, 126, 0);
	check_counts_after(&map, 15 + 127, 127, 127);
	check_counts_after(&map, 16, 127, 127);
	check_counts_after(&map, 900, 127, 127);
	check_counts_after(&map, 15, 127, 127);
	for (uint64_t key = 0; key < 1000; key++)
		check_absent(&map, key);
	for (uint64_t key = 0; key < 1000; key++)
		(void)insert_new(&map, key, 0);
	check_lines(&map, 1);
	/* all but the last ones: (1000 - 127) / 15 groups were passed by 127 or more */
	for (uint64_t key = 0; key < 1000; key++)
		erase_present(&map, key);
	unsigned stuck = 0;
	for (uint64_t group = 0; group < groups_of(&map); group++) {
		stuck += overflow_of(&map, group) == 127;
		check(overflow_of(&map, group) == 0 || overflow_of(&map, group) == 127);
	}
	check_equal(stuck, (1000 - 127) / 15);
	map_delete(&map);
}

/* ---- A.6: room ----------------------------------------------------------------------------------------- */

static uint64_t capacity_for(uint64_t entries_max, uint64_t permille)
{
	const uint64_t cells = (entries_max * 1000 + permille - 1) / permille;

	return (cells + 14) / 15 * 15;
}

RIG_TEST(test_array_A6_entries_max_fit_and_more_until_the_last_cell)
{
	static const size_t counts[] = { 1, 2, 11, 12, 13, 24, 25, 100, 120, 121 };

	for (size_t i = 0; i < KIT_COUNT(counts); i++) {
		struct map map = map_new(rig, counts[i]);
		const size_t capacity = fill(&map, 0);

		check_equal(capacity, capacity_for(counts[i], 800));
		check_equal(map.front->size(map.handle), capacity);
		for (uint64_t key = 0; key < capacity; key++) {
			check(has_value(&map, map.front->find(map.handle, key), key, 0));
			check_equal(insert(&map, key, 1, NULL), 0);
		}
		for (size_t k = 0; k < 40; k++)
			check_full(&map, ((uint64_t)k + 1) << 33);
		for (uint64_t key = 0; key < capacity; key++)
			check(has_value(&map, map.front->find(map.handle, key), key, 0));
		check_lines(&map, 1);
		map_delete(&map);
	}
}

RIG_TEST(test_array_A6_erasing_makes_room_with_any_key_only)
{
	struct map map = map_new(rig, 30);
	const size_t capacity = fill(&map, 0);

	check_full(&map, capacity);
	for (uint64_t key = 0; key < capacity; key++)
		erase_present(&map, key);
	for (uint64_t key = 0; key < capacity; key++) {
		if (rig->reuse == HASHLOOM_REUSE_NEVER)
			check_full(&map, key);
		else
			(void)insert_new(&map, key, 1);
	}
	check_lines(&map, 0);
	map_delete(&map);
}

/* In the group that a key's path begins with, its entry lies in the first free cell: no cell is passed over. */
RIG_TEST(test_array_A6_the_load_may_be_all_cells)
{
	static const struct {
		size_t entries;
		unsigned permille;
		size_t capacity;
	} cases[] = {
		{ 1, 1000, 15 }, { 15, 1000, 15 }, { 16, 1000, 30 }, { 150, 1000, 150 }, { 151, 1000, 165 },
		{ 15, 999, 30 }, { 7, 500, 15 },   { 8, 500, 30 },   { 1, 1, 1005 },     { 3, 100, 30 },
		{ 12, 0, 15 },   { 13, 0, 30 },    { 12, 800, 15 },  { 13, 800, 30 },
	};

	if (rig->front != &erased_front)
		return;
	for (size_t i = 0; i < KIT_COUNT(cases); i++) {
		const struct atomic_hash_array_config config = { .value_size = rig->value_size,
								 .value_alignment = rig->alignment,
								 .load_permille = cases[i].permille,
								 .reuse = rig->reuse,
								 .hash = rig->hash };
		struct map map = { rig, rig->front, NULL };
		struct atomic_hash_array *array;

		check_equal(atomic_hash_array_create(cases[i].entries, &config, &array), HASHLOOM_OK);
		map.handle = array;
		check_equal(atomic_hash_array_capacity(array), cases[i].capacity);
		check_equal(fill(&map, 0), cases[i].capacity);
		check_full(&map, cases[i].capacity);
		map_delete(&map);
	}
}

/* ---- keys that are none -------------------------------------------------------------------------------- */

/* D.1 of atomic_hash_map.h: each has a cell of its own behind the others, again and again, and takes none from other keys. */
static void check_reserved_keys(struct map *map, uint32_t ids[4], unsigned salt)
{
	const size_t capacity = map->front->capacity(map->handle);
	const size_t size = map->front->size(map->handle);

	for (size_t i = 0; i < KIT_COUNT(reserved_keys); i++) {
		const uint64_t key = reserved_keys[i];
		void *where = NULL;

		check_absent(map, key);
		check_equal(insert(map, key, salt, &where), 1);
		const uint32_t id = map->front->id(map->handle, where);
		check(id >= capacity && id < capacity + 4);
		check(salt == 0 || ids[i] == id);
		ids[i] = id;
		check_entry(map, key, salt, id);
		check_equal(insert(map, key, salt + 1, &where), 0);
		check(where == map->front->find(map->handle, key));
		check_entry(map, key, salt, id);
		check_equal(map->front->size(map->handle), size + i + 1);
		for (size_t k = 0; k < i; k++)
			check(ids[k] != id);
	}
	for (size_t i = 0; i < KIT_COUNT(reserved_keys); i++)
		check_entry(map, reserved_keys[i], salt, ids[i]);
}

RIG_TEST(test_array_reserved_keys_lie_in_cells_of_their_own)
{
	struct map map = map_new(rig, 20);
	const size_t capacity = map.front->capacity(map.handle);
	uint32_t ids[4] = { 0 };

	for (unsigned round = 0; round < 6; round++) {
		uint64_t position = capacity;
		uint64_t key = 0;
		unsigned seen = 0;

		if (round == 2)
			(void)fill(&map, KEY_MAX - capacity + 1); /* their neighbours */
		check_reserved_keys(&map, ids, round * 10);
		check_lines(&map, 0);
		/* iterations give them last */
		while (map.front->next(map.handle, &position, &key) != NULL)
			seen += key > KEY_MAX;
		check_equal(seen, 4);
		if (round == 3)
			for (uint64_t i = 0; i < capacity; i++)
				erase_present(&map, KEY_MAX - i);
		for (size_t i = 0; i < KIT_COUNT(reserved_keys); i++)
			erase_present(&map, reserved_keys[i]);
		check_lines(&map, 0);
	}
	check_equal(map.front->size(map.handle), 0);
	map_delete(&map);
}

/* ---- ids ----------------------------------------------------------------------------------------------- */

RIG_TEST(test_array_ids_that_no_entry_has)
{
	static const uint32_t far[] = { UINT32_MAX, UINT32_MAX - 1, 1U << 31, 1U << 20 };
	struct map map = map_new(rig, 24);
	const uint32_t capacity = (uint32_t)map.front->capacity(map.handle);
	const uint64_t untouched = 12345;
	uint64_t key = untouched;
	size_t entries = 0;

	for (uint32_t id = 0; id < capacity + 100; id++)
		check(map.front->at(map.handle, id, &key) == NULL);
	for (uint64_t i = 0; i < 10; i++)
		(void)insert_new(&map, i, 0);
	for (uint64_t i = 0; i < 10; i += 2)
		erase_present(&map, i);
	for (size_t i = 0; i < KIT_COUNT(far); i++)
		check(map.front->at(map.handle, far[i], &key) == NULL);
	for (uint32_t id = 0; id < 100; id++)
		check(map.front->at(map.handle, capacity + id, &key) == NULL);
	check_equal(key, untouched);
	for (uint32_t id = 0; id < capacity; id++) {
		const void *const value = map.front->at(map.handle, id, &key);

		if (value == NULL)
			continue;
		check_equal(map.front->id(map.handle, value), id);
		check(key < 10 && key % 2 == 1);
		entries++;
	}
	check_equal(entries, 5);
	map_delete(&map);
}

/* ---- A.7: iteration ------------------------------------------------------------------------------------ */

struct seen {
	uint64_t key;
	size_t times;
};

/* Iterates from the beginning and checks order, values and end; returns how many entries came. */
static size_t iterate(struct map *map, unsigned salt, struct seen *seen, size_t seen_count)
{
	uint64_t position = 0;
	uint64_t key = 0;
	size_t count = 0;
	uint64_t behind = 0;

	for (void *value; (value = map->front->next(map->handle, &position, &key)) != NULL; count++) {
		const uint32_t id = map->front->id(map->handle, value);

		check(id >= behind);
		behind = (uint64_t)id + 1;
		check_equal(position, behind);
		check(has_value(map, value, key, salt));
		for (size_t i = 0; i < seen_count; i++)
			seen[i].times += seen[i].key == key;
		check(count < map->front->capacity(map->handle));
	}
	check(map->front->next(map->handle, &position, &key) == NULL);
	return count;
}

RIG_TEST(test_array_A7_iteration_gives_each_entry_once)
{
	enum { KEYS = 90 };
	struct seen seen[KEYS];
	struct map map = map_new(rig, KEYS);

	check_equal(iterate(&map, 0, NULL, 0), 0);
	for (size_t i = 0; i < KEYS; i++) {
		seen[i] = (struct seen){ nth_key(i), 0 };
		(void)insert_new(&map, nth_key(i), 0);
		check_equal(iterate(&map, 0, seen, i + 1), i + 1);
		check_equal(seen[i].times, 1);
	}
	for (size_t i = 0; i < KEYS; i++)
		check_equal(seen[i].times, KEYS - i);
	for (size_t i = 0; i < KEYS; i += 3)
		erase_present(&map, nth_key(i));
	check_equal(iterate(&map, 0, NULL, 0), KEYS - (KEYS + 2) / 3);
	for (size_t i = 0; i < KEYS; i++)
		(void)map.front->erase(map.handle, nth_key(i));
	check_equal(iterate(&map, 0, NULL, 0), 0);
	map_delete(&map);
}

RIG_TEST(test_array_A7_iteration_of_a_full_array)
{
	struct map map = map_new(rig, 30);
	const size_t capacity = fill(&map, 0);

	check_equal(iterate(&map, 0, NULL, 0), capacity);
	map_delete(&map);
}

/* Between two steps entries come and go; those that stay are given once, the others once an insert at most. */
RIG_TEST(test_array_A7_iteration_while_entries_come_and_go)
{
	enum { STAY = 40, OTHERS = 40 };
	struct map map = map_new(rig, 500);
	size_t stayed = 0;
	size_t others[OTHERS] = { 0 };
	size_t inserts[OTHERS] = { 0 };
	uint64_t position = 0;
	uint64_t seed = 3;
	uint64_t key;
	size_t others_seen = 0;

	for (uint64_t i = 0; i < STAY; i++)
		(void)insert_new(&map, i, 0);
	for (void *value; (value = map.front->next(map.handle, &position, &key)) != NULL;) {
		check(has_value(&map, value, key, 0));
		if (key < STAY) {
			stayed++;
		} else {
			check(++others[key - STAY] <= inserts[key - STAY]);
			others_seen++;
		}
		for (size_t step = 0; step < 8; step++) {
			const uint64_t other = kit_random_below(&seed, OTHERS);

			if (map.front->find(map.handle, STAY + other) != NULL)
				erase_present(&map, STAY + other);
			else if (insert(&map, STAY + other, 0, NULL) == 1)
				inserts[other]++;
		}
	}
	check_equal(stayed, STAY);
	check(others_seen > 0);
	map_delete(&map);
}

/* The entry that was just given may be erased; a position in the middle may be used again. */
RIG_TEST(test_array_A7_erasing_what_the_iteration_gives)
{
	struct map map = map_new(rig, 50);
	const size_t capacity = fill(&map, 0);
	uint64_t position = 0;
	uint64_t again;
	uint64_t key;
	size_t count = 0;

	while (map.front->next(map.handle, &position, &key) != NULL) {
		again = position - 1;
		erase_present(&map, key);
		check(map.front->next(map.handle, &again, &key) == NULL || again > position);
		count++;
	}
	check_equal(count, capacity);
	check_equal(map.front->size(map.handle), 0);
	position = UINT64_MAX;
	check(map.front->next(map.handle, &position, &key) == NULL);
	map_delete(&map);
}

/* ---- layout of the values --------------------------------------------------------------------------------- */

static size_t round_up(size_t size, size_t multiple)
{
	return (size + multiple - 1) / multiple * multiple;
}

/* What the header says of the memory: a cell is 8 bytes and the value, rounded up to the alignment. */
RIG_TEST(test_array_values_are_aligned_and_as_far_apart_as_told)
{
	const size_t natural = rig->value_size > 4 ? 8 : rig->value_size > 2 ? 4 : rig->value_size == 2 ? 2 : 1;
	/* values of 1 to 8 bytes lie in a slot of 1, 2, 4 or 8, and have its alignment at least */
	const size_t slot = rig->value_size >= 1 && rig->value_size <= 8 ? natural : rig->value_size;
	const size_t least = slot == rig->value_size && slot > 8 ? 1 : natural;
	const size_t alignment = rig->alignment == 0 ? natural : rig->alignment > least ? rig->alignment : least;
	const size_t cell = round_up(round_up(8, alignment) + slot, alignment < 8 ? 8 : alignment);

	if (rig->front != &erased_front)
		return;
	struct map map = map_new(rig, 30);
	const size_t capacity = fill(&map, 0);
	const char *const first = map.front->at(map.handle, 0, NULL);

	check(first != NULL);
	for (uint32_t id = 0; id < capacity; id++) {
		const char *const value = map.front->at(map.handle, id, NULL);

		check_equal((uintptr_t)value % alignment, 0);
		check_equal(value - first, id * cell);
	}
	map_delete(&map);
}

static void test_array_typed_values_have_their_types_alignment(void **state)
{
	struct line_never lines;
	struct byte_any bytes;
	const struct line value = { { 1 } };
	struct line *line;
	uint8_t *byte;

	(void)state;
	assert_int_equal(line_never_create(&lines, 40), HASHLOOM_OK);
	assert_int_equal(byte_any_create(&bytes, 40), HASHLOOM_OK);
	for (uint64_t key = 0; key < 40; key++) {
		assert_int_equal(line_never_insert(&lines, key, value, &line), 1);
		assert_int_equal((uintptr_t)line % 64, 0);
		assert_int_equal(byte_any_insert(&bytes, key, (uint8_t)key, &byte), 1);
		assert_int_equal(*byte, key);
		assert_ptr_equal(byte_any_find(&bytes, key), byte);
	}
	assert_int_equal(byte_any_hl_policy.cell.cell_size, 16);
	line_never_destroy(&lines);
	byte_any_destroy(&bytes);
}

/* ---- random operations against an oracle ------------------------------------------------------------------ */

struct oracle_entry {
	int present;
	unsigned salt;
	uint32_t id;
};

struct oracle {
	struct map map;
	struct oracle_entry entries[64];
	size_t present;
	size_t used; /* cells that were ever used */
	unsigned salt;
	size_t results[4]; /* new, there already, full, erased */
};

static void oracle_insert(struct oracle *oracle, size_t i)
{
	struct oracle_entry *const entry = &oracle->entries[i];
	const size_t capacity = oracle->map.front->capacity(oracle->map.handle);
	const size_t taken = oracle->map.rig->reuse == HASHLOOM_REUSE_NEVER ? oracle->used : oracle->present;

	oracle->salt++;
	if (entry->present) {
		check_equal(insert(&oracle->map, nth_key(i), oracle->salt, NULL), 0);
		check_entry(&oracle->map, nth_key(i), entry->salt, entry->id);
		oracle->results[1]++;
	} else if (taken == capacity) {
		check_full(&oracle->map, nth_key(i));
		oracle->results[2]++;
	} else {
		*entry = (struct oracle_entry){ 1, oracle->salt,
						insert_new(&oracle->map, nth_key(i), oracle->salt) };
		oracle->present++;
		oracle->used++;
		oracle->results[0]++;
	}
}

static void oracle_step(struct oracle *oracle, uint64_t *seed)
{
	const size_t i = kit_random_below(seed, KIT_COUNT(oracle->entries));
	struct oracle_entry *const entry = &oracle->entries[i];
	const size_t what = kit_random_below(seed, 10);

	if (what < 5) {
		oracle_insert(oracle, i);
	} else if (what < 8 && entry->present) {
		erase_present(&oracle->map, nth_key(i));
		entry->present = 0;
		oracle->present--;
		oracle->results[3]++;
	} else if (entry->present) {
		check_entry(&oracle->map, nth_key(i), entry->salt, entry->id);
	} else {
		check_absent(&oracle->map, nth_key(i));
	}
}

static void oracle_compare(struct oracle *oracle)
{
	uint64_t position = 0;
	uint64_t key;
	size_t count = 0;

	check_lines(&oracle->map, 0);
	check_equal(oracle->map.front->size(oracle->map.handle), oracle->present);
	while (oracle->map.front->next(oracle->map.handle, &position, &key) != NULL)
		count++;
	check_equal(count, oracle->present);
	for (size_t i = 0; i < KIT_COUNT(oracle->entries); i++) {
		if (oracle->entries[i].present)
			check_entry(&oracle->map, nth_key(i), oracle->entries[i].salt, oracle->entries[i].id);
		else
			check(oracle->map.front->find(oracle->map.handle, nth_key(i)) == NULL);
	}
}

static uint64_t oracle_seed;

RIG_TEST(test_array_random_operations_agree_with_an_oracle)
{
	static const size_t entries_max[] = { 1, 13, 36, 60, 400 };
	size_t results[4] = { 0 };

	if (oracle_seed == 0)
		oracle_seed = kit_seed();
	uint64_t seed = oracle_seed;
	for (size_t i = 0; i < KIT_COUNT(entries_max); i++) {
		struct oracle oracle = { .map = map_new(rig, entries_max[i]) };

		for (unsigned step = 0; step < KIT_REPEAT(800); step++) {
			oracle_step(&oracle, &seed);
			if (step % 20 == 0)
				oracle_compare(&oracle);
		}
		oracle_compare(&oracle);
		for (size_t k = 0; k < 4; k++)
			results[k] += oracle.results[k];
		map_delete(&oracle.map);
	}
	for (size_t k = 0; k < 4; k++)
		check(results[k] > 20);
}

/* ---- the core's parts ---------------------------------------------------------------------------------------- */

/* With this machine's instructions; test_atomic_hash_array_portable.c has plain C. */
static void test_core_tag_match(void **state)
{
	(void)state;
	kit_check_line_match(kit_seed(), KIT_REPEAT(4000));
}

static void test_core_tags_are_never_0_and_homes_are_groups(void **state)
{
	static const uint64_t groups[] = { 1, 2, 3, 7, 1000, 65537, HL_AHA_GROUPS_MAX };
	const struct hl_aha_policy linear = { .probing = HASHLOOM_PROBING_LINEAR };
	const struct hl_aha_policy quadratic = { .probing = HASHLOOM_PROBING_QUADRATIC };
	uint64_t seed = 1;

	(void)state;
	for (uint64_t hash = 0; hash < 256; hash++)
		assert_int_equal(hl_aha_tag(hash | 0xabcd00), hash < HL_AHA_TAG_MIN ? HL_AHA_TAG_MIN : hash);
	for (size_t i = 0; i < KIT_COUNT(groups); i++) {
		const struct hl_aha array = { .groups_count = groups[i] };

		assert_int_equal(hl_aha_home(&array, 0), 0);
		assert_int_equal(hl_aha_home(&array, UINT32_MAX), 0);
		assert_int_equal(hl_aha_home(&array, UINT64_MAX), groups[i] - 1);
		for (unsigned turn = 0; turn < 1000; turn++)
			assert_true(hl_aha_home(&array, kit_random(&seed)) < groups[i]);
		for (uint64_t group = 0; group < groups[i]; group += groups[i] / 3 + 1)
			for (uint64_t passed = 0; passed < 40; passed++) {
				const uint64_t step = passed < HL_AHA_QUADRATIC_STEPS ? passed + 1 : 1;

				assert_int_equal(hl_aha_next_group(&linear, &array, group, passed),
						 (group + 1) % groups[i]);
				assert_int_equal(hl_aha_next_group(&quadratic, &array, group, passed),
						 (group + step) % groups[i]);
			}
	}
}

/* With the hash of our own, sequential keys, multiples and flipped bits fill the homes evenly. */
static void test_core_the_default_hash_spreads(void **state)
{
	enum { GROUPS = 100, KEYS = 100000 };
	const struct hl_aha array = { .groups_count = GROUPS };

	(void)state;
	for (unsigned shift = 0; shift < 48; shift += 4) {
		unsigned homes[GROUPS] = { 0 };
		unsigned tags[256] = { 0 };

		for (uint64_t i = 0; i < KEYS; i++) {
			homes[hl_aha_home(&array, hl_aha_hash(i << shift))]++;
			tags[hl_aha_tag(hl_aha_hash(i << shift))]++;
		}
		for (size_t i = 0; i < GROUPS; i++)
			assert_in_range(homes[i], KEYS / GROUPS * 7 / 10, KEYS / GROUPS * 13 / 10);
		for (size_t i = 0; i < HL_AHA_TAG_MIN; i++)
			assert_int_equal(tags[i], 0);
		/* the lowest tag stands for those that are taken, too */
		assert_in_range(tags[HL_AHA_TAG_MIN], KEYS / 256 * 3 * 6 / 10, KEYS / 256 * 3 * 14 / 10);
		for (size_t i = HL_AHA_TAG_MIN + 1; i < 256; i++)
			assert_in_range(tags[i], KEYS / 256 * 6 / 10, KEYS / 256 * 14 / 10);
	}
}

/* A claim that is given back leaves a cell that is free for any key. */
static void test_core_abort_gives_the_cell_back(void **state)
{
	const struct hl_aha_policy *const policy = &word_never_hl_policy.cell;
	const struct hl_aha_lookup seven = hl_aha_lookup_key(policy, 7);
	struct word_never map;
	uint64_t position = 0;
	uint64_t key;
	uint64_t *where;
	uint32_t id = HL_AHA_NONE;

	(void)state;
	assert_int_equal(word_never_create(&map, 1), HASHLOOM_OK);
	assert_int_equal(hl_aha_claim(policy, &map.map.slabs[0], &seven, 0, &id), HL_AHA_CLAIMED);
	assert_null(word_never_find(&map, 7));
	assert_null(word_never_at(&map, id, NULL));
	assert_null(word_never_next(&map, &position, &key));
	assert_int_equal(word_never_erase(&map, 7), 0);
	hl_aha_abort(policy, &map.map.slabs[0], id);
	assert_null(word_never_find(&map, 7));
	/* all cells are free, that one too */
	for (key = 8; key < 8 + 14; key++)
		assert_int_equal(word_never_insert(&map, key, key * 11, NULL), 1);
	assert_int_equal(word_never_insert(&map, 7, 77, &where), 1);
	assert_int_equal(*where, 77);
	assert_int_equal(*word_never_find(&map, 8), 88);
	assert_non_null(word_never_at(&map, id, NULL));
	assert_int_equal(word_never_insert(&map, 100, 0, NULL), HASHLOOM_ERROR_FULL);
	assert_null(kit_core_error(&word_never_hl_policy, &map.map, 0));
	word_never_destroy(&map);
}

/* The lock is one bit beside a count, and neither disturbs the other. */
static void test_core_the_lock_and_the_count_share_a_byte(void **state)
{
	struct zero_any map;
	const hl_u8 *byte;

	(void)state;
	assert_int_equal(zero_any_create(&map, 100), HASHLOOM_OK);
	byte = hl_aha_byte(&map.map.slabs[0], 0, HL_AHA_OVERFLOW_BYTE);
	for (uint64_t key = 0; key < 20; key++)
		assert_int_equal(zero_any_insert(&map, key, key, NULL), 1);
	assert_int_equal(hl_u8_load_relaxed(byte), 5);
	assert_true(hl_aha_try_lock(&map.map.slabs[0], 0));
	assert_false(hl_aha_try_lock(&map.map.slabs[0], 0));
	assert_int_equal(hl_u8_load_relaxed(byte), 5 | HL_AHA_LOCK);
	hl_aha_overflow_change(&map.map.slabs[0], 0, +1);
	assert_int_equal(hl_u8_load_relaxed(byte), 6 | HL_AHA_LOCK);
	hl_aha_overflow_change(&map.map.slabs[0], 0, -1);
	/* finds and iterations go on */
	for (uint64_t key = 0; key < 20; key++)
		assert_int_equal(*zero_any_find(&map, key), key);
	assert_null(zero_any_find(&map, 20));
	hl_aha_unlock(&map.map.slabs[0], 0);
	assert_int_equal(hl_u8_load_relaxed(byte), 5);
	assert_true(hl_aha_try_lock(&map.map.slabs[0], 0));
	hl_aha_unlock(&map.map.slabs[0], 0);
	zero_any_destroy(&map);
}

/* A sealed word is no entry. */
static void test_core_words_that_are_no_keys(void **state)
{
	const struct hl_aha_policy *const policy = &word_never_hl_policy.cell;

	(void)state;
	assert_false(hl_aha_is_key(policy, HL_AHA_EMPTY));
	assert_false(hl_aha_is_key(policy, policy->locked_word));
	assert_false(hl_aha_is_key(policy, policy->erased_word));
	assert_false(hl_aha_is_key(policy, policy->sealed_word));
	assert_true(hl_aha_is_key(policy, ~KEY_MAX));
	assert_true(hl_aha_is_key(policy, ~(uint64_t)0));
	for (size_t i = 0; i < KIT_COUNT(reserved_keys); i++)
		assert_false(hl_aha_is_key(policy, ~reserved_keys[i]));
}

/* ---- errors of create --------------------------------------------------------------------------------------- */

/* What create says when memory is lacking: NO_MEMORY if the arguments are good. Nothing is written or leaked. */
static int create_without_memory(size_t entries_max, struct atomic_hash_array_config config)
{
	struct atomic_hash_array *const untouched = (struct atomic_hash_array *)(void *)&rigs;
	struct atomic_hash_array *array = untouched;
	struct kit_allocator allocator;
	int result = HASHLOOM_OK;

	kit_allocator_init(&allocator);
	config.allocator = &allocator.hooks;
	/* the second allocation is the one whose size follows from the arguments */
	for (uint64_t after = 0; after <= 1; after++) {
		kit_allocator_fail(&allocator, after, UINT64_MAX);
		result = atomic_hash_array_create(entries_max, &config, &array);
		assert_true(result < 0);
		assert_ptr_equal(array, untouched);
		assert_int_equal(kit_allocator_blocks(&allocator), 0);
		kit_assert_no_errors(&allocator.errors);
	}
	return result;
}

static void test_array_create_refuses_bad_configurations(void **state)
{
	static const size_t bad_alignments[] = { 3, 5, 6, 7, 12, 48, 63, 65, 96, 128, 4096, SIZE_MAX, SIZE_MAX / 2 + 1 };
	static const size_t bad_sizes[] = { ((size_t)1 << 30) + 1, (size_t)1 << 31, (size_t)1 << 32, SIZE_MAX - 8,
					    SIZE_MAX };
	static const unsigned bad_loads[] = { 1001, 2000, UINT32_MAX };
	static const int bad_reuses[] = { 3, 4, -1, INT32_MAX };
	const struct atomic_hash_array_config good = { .value_size = 8 };
	struct atomic_hash_array_config config;

	(void)state;
	KIT_SKIP_WITH_SMALL_ADDRESSES();
	assert_int_equal(create_without_memory(1, good), HASHLOOM_ERROR_NO_MEMORY);
	for (size_t i = 0; i < KIT_COUNT(bad_alignments); i++) {
		config = good;
		config.value_alignment = bad_alignments[i];
		assert_int_equal(create_without_memory(1, config), HASHLOOM_ERROR_INVALID_ARGUMENT);
	}
	for (size_t i = 0; i < KIT_COUNT(bad_sizes); i++) {
		config = good;
		config.value_size = bad_sizes[i];
		assert_int_equal(create_without_memory(1, config), HASHLOOM_ERROR_INVALID_ARGUMENT);
	}
	for (size_t i = 0; i < KIT_COUNT(bad_loads); i++) {
		config = good;
		config.load_permille = bad_loads[i];
		assert_int_equal(create_without_memory(1, config), HASHLOOM_ERROR_INVALID_ARGUMENT);
	}
	for (size_t i = 0; i < KIT_COUNT(bad_reuses); i++) {
		config = good;
		config.reuse = (enum hashloom_reuse)bad_reuses[i];
		assert_int_equal(create_without_memory(1, config), HASHLOOM_ERROR_INVALID_ARGUMENT);
	}
	/* the last good ones on each side */
	config = (struct atomic_hash_array_config){ (size_t)1 << 30, 64, 1, HASHLOOM_REUSE_ANY_KEY, NULL, NULL };
	assert_int_equal(create_without_memory(1, config), HASHLOOM_ERROR_NO_MEMORY);
	config = (struct atomic_hash_array_config){ 0, 1, 1000, HASHLOOM_REUSE_NEVER, kit_hash_zero, NULL };
	assert_int_equal(create_without_memory(1, config), HASHLOOM_ERROR_NO_MEMORY);
}

/* 32-bit ids: 15 * 286,331,152 cells are the most, and the four of the reserved keys. */
static void test_array_create_refuses_no_and_too_many_entries(void **state)
{
	static const struct {
		size_t entries;
		unsigned permille;
		int result;
	} cases[] = {
		{ 0, 0, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ 0, 1, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ 0, 1000, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ 3435973824, 0, HASHLOOM_ERROR_NO_MEMORY },
		{ 3435973825, 0, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ 3435973824, 800, HASHLOOM_ERROR_NO_MEMORY },
		{ 3435973825, 800, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ 4294967280, 1000, HASHLOOM_ERROR_NO_MEMORY },
		{ 4294967281, 1000, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ 4294967, 1, HASHLOOM_ERROR_NO_MEMORY },
		{ 4294968, 1, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ (size_t)1 << 62, 1000, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ SIZE_MAX, 1000, HASHLOOM_ERROR_INVALID_ARGUMENT },
		{ SIZE_MAX / 1000 + 1, 1, HASHLOOM_ERROR_INVALID_ARGUMENT },
	};

	(void)state;
	KIT_SKIP_WITH_SMALL_ADDRESSES();
	for (size_t i = 0; i < KIT_COUNT(cases); i++) {
		struct atomic_hash_array_config config = { .value_size = 8, .load_permille = cases[i].permille };

		assert_int_equal(create_without_memory(cases[i].entries, config), cases[i].result);
		config.value_size = (size_t)1 << 30;
		assert_int_equal(create_without_memory(cases[i].entries, config), cases[i].result);
	}
}

static void test_array_create_typed_refuses_no_and_too_many_entries(void **state)
{
	struct word_never map;

	(void)state;
	assert_int_equal(word_never_create(&map, 0), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(word_never_create(&map, SIZE_MAX), HASHLOOM_ERROR_INVALID_ARGUMENT);
	assert_int_equal(word_never_create(&map, 3435973825), HASHLOOM_ERROR_INVALID_ARGUMENT);
}

struct vast {
	char bytes[1 << 24];
};

#define ATOMIC_HASH_ARRAY_NAME vasts
#define ATOMIC_HASH_ARRAY_VALUE struct vast
#include <hashloom/atomic_hash_array_typed.h>

/* 2^56 bytes: more than a process can map. */
static void test_array_create_typed_without_memory(void **state)
{
	struct vasts map;

	(void)state;
	KIT_SKIP_WITH_SMALL_ADDRESSES();
	assert_int_equal(vasts_create(&map, 3435973824), HASHLOOM_ERROR_NO_MEMORY);
}

static void test_array_create_takes_the_memory_that_the_header_says(void **state)
{
	struct kit_allocator allocator;
	struct atomic_hash_array *array;

	(void)state;
	kit_allocator_init(&allocator);
	for (size_t entries = 1000; entries <= 100000; entries *= 10) {
		const struct atomic_hash_array_config config = { .value_size = 24, .allocator = &allocator.hooks };
		const double expected = (8 + 24 + 16.0 / 15) / 0.8 * (double)entries;

		assert_int_equal(atomic_hash_array_create(entries, &config, &array), HASHLOOM_OK);
		assert_int_equal(kit_allocator_blocks(&allocator), 2);
		const double bytes = (double)hl_u64_load_relaxed(&allocator.bytes);
		assert_true(bytes >= expected && bytes < expected * 1.01 + 3 * 1024 + 500);
		atomic_hash_array_destroy(array);
	}
	kit_allocator_assert_done(&allocator);
}

/* The configuration may be gone when create returns; neither inserts nor finds nor erases allocate. */
static void test_array_the_configuration_is_copied(void **state)
{
	struct kit_allocator allocator;
	struct atomic_hash_array_config config = { .value_size = 8, .hash = kit_hash_identity };
	struct hashloom_allocator hooks;
	struct atomic_hash_array *array;
	uint64_t value = 4;

	(void)state;
	kit_allocator_init(&allocator);
	hooks = allocator.hooks;
	config.allocator = &hooks;
	assert_int_equal(atomic_hash_array_create(100, &config, &array), HASHLOOM_OK);
	memset(&hooks, 0, sizeof(hooks));
	memset(&config, 0xff, sizeof(config));
	for (uint64_t key = 0; key < 100; key++) {
		assert_int_equal(atomic_hash_array_insert(array, key, &value, NULL), 1);
		assert_non_null(atomic_hash_array_find(array, key));
		assert_int_equal(atomic_hash_array_erase(array, key), 1);
	}
	assert_int_equal(hl_u64_load_relaxed(&allocator.calls), 2);
	atomic_hash_array_destroy(array);
	kit_allocator_assert_done(&allocator);
	atomic_hash_array_destroy(NULL);
}

static unsigned hash_calls;

static uint64_t counting_hash(uint64_t key)
{
	hash_calls++;
	return hl_aha_hash(key);
}

static void test_array_the_hash_of_the_configuration_is_used(void **state)
{
	const struct atomic_hash_array_config config = { .value_size = 0, .hash = counting_hash };
	struct atomic_hash_array *array;

	(void)state;
	hash_calls = 0;
	assert_int_equal(atomic_hash_array_create(100, &config, &array), HASHLOOM_OK);
	assert_int_equal(atomic_hash_array_insert(array, 1, NULL, NULL), 1);
	assert_int_equal(hash_calls, 1);
	assert_non_null(atomic_hash_array_find(array, 1));
	assert_int_equal(hash_calls, 2);
	assert_int_equal(atomic_hash_array_erase(array, 1), 1);
	assert_int_equal(hash_calls, 3);
	atomic_hash_array_destroy(array);
}

/* Values larger than a page, in a table of several huge pages. */
static void test_array_many_entries(void **state)
{
	enum { KEYS = KIT_REPEAT(200000) };
	struct pair_any map;

	(void)state;
	assert_int_equal(pair_any_create(&map, KEYS), HASHLOOM_OK);
	for (uint64_t key = 0; key < KEYS; key++) {
		struct pair *where;

		assert_int_equal(pair_any_insert(&map, key, (struct pair){ key, ~key }, &where), 1);
	}
	assert_int_equal(pair_any_size(&map), KEYS);
	for (uint64_t key = 0; key < KEYS; key += 2)
		assert_int_equal(pair_any_erase(&map, key), 1);
	for (uint64_t key = 0; key < 2 * KEYS; key++) {
		const struct pair *const pair = pair_any_find(&map, key);

		if (key >= KEYS || key % 2 == 0)
			assert_null(pair);
		else
			assert_true(pair->first == key && pair->second == ~key);
	}
	assert_int_equal(pair_any_size(&map), KEYS / 2);
	assert_null(kit_core_error(&pair_any_hl_policy, &map.map, 0));
	pair_any_destroy(&map);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array_A1_of_several_inserts_of_a_key_the_first_counts),
		cmocka_unit_test(test_array_A1_a_new_entry_needs_no_where),
		cmocka_unit_test(test_array_A2_absent_keys_are_not_found),
		cmocka_unit_test(test_array_A3_an_entry_stays_where_it_is),
		cmocka_unit_test(test_array_A4_never_gives_no_cell_twice_and_leaves_the_bytes),
		cmocka_unit_test(test_array_A5_any_key_gets_the_cell_of_an_erased_one),
		cmocka_unit_test(test_array_A5_any_key_does_not_age),
		cmocka_unit_test(test_array_overflow_counts_are_exact_and_return_to_none),
		cmocka_unit_test(test_array_A6_full_leaves_no_trace_in_any_key),
		cmocka_unit_test(test_array_an_overflow_count_of_127_stays),
		cmocka_unit_test(test_array_A6_entries_max_fit_and_more_until_the_last_cell),
		cmocka_unit_test(test_array_A6_erasing_makes_room_with_any_key_only),
		cmocka_unit_test(test_array_A6_the_load_may_be_all_cells),
		cmocka_unit_test(test_array_reserved_keys_lie_in_cells_of_their_own),
		cmocka_unit_test(test_array_ids_that_no_entry_has),
		cmocka_unit_test(test_array_A7_iteration_gives_each_entry_once),
		cmocka_unit_test(test_array_A7_iteration_of_a_full_array),
		cmocka_unit_test(test_array_A7_iteration_while_entries_come_and_go),
		cmocka_unit_test(test_array_A7_erasing_what_the_iteration_gives),
		cmocka_unit_test(test_array_values_are_aligned_and_as_far_apart_as_told),
		cmocka_unit_test(test_array_typed_values_have_their_types_alignment),
		cmocka_unit_test(test_array_random_operations_agree_with_an_oracle),
		cmocka_unit_test(test_core_tag_match),
		cmocka_unit_test(test_core_tags_are_never_0_and_homes_are_groups),
		cmocka_unit_test(test_core_the_default_hash_spreads),
		cmocka_unit_test(test_core_abort_gives_the_cell_back),
		cmocka_unit_test(test_core_the_lock_and_the_count_share_a_byte),
		cmocka_unit_test(test_core_words_that_are_no_keys),
		cmocka_unit_test(test_array_create_refuses_bad_configurations),
		cmocka_unit_test(test_array_create_refuses_no_and_too_many_entries),
		cmocka_unit_test(test_array_create_typed_refuses_no_and_too_many_entries),
		cmocka_unit_test(test_array_create_typed_without_memory),
		cmocka_unit_test(test_array_create_takes_the_memory_that_the_header_says),
		cmocka_unit_test(test_array_the_configuration_is_copied),
		cmocka_unit_test(test_array_the_hash_of_the_configuration_is_used),
		cmocka_unit_test(test_array_many_entries),
	};

	add_rigs();
	return KIT_RUN(tests);
}
