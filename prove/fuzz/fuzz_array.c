/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_array.c: rows of calls to the type-erased atomic hash array against an array of entries.
 *
 * Small tables, keys that collide by choice, and more keys than there is room for: what matters here is the table that is full to
 * the last cell. The deeper calls, on the array as a map, are those of fuzz_map.c.
 */
#include "input.h"

#include <hashloom/atomic_hash_array.h>

#define KEYS 256
#define VALUE_MAX 24
#define STEPS_MAX 2000
#define ROOM_MAX 150
#define STEPS_OF_A_WALK 30

struct entry {
	void *where;
	uint32_t id;
	int is_there;
	int has_place;
	unsigned seen;
	unsigned char value[VALUE_MAX];
};

static struct {
	struct input input;
	struct memory memory;
	struct atomic_hash_array_config config;
	struct atomic_hash_array *array;
	size_t entries_max;
	uint64_t base; /* of the keys; from -8 on they are the reserved ones, then 0, 1, 2 */
	uint32_t stamps;
	unsigned steps;
	unsigned walks;
	size_t count;
	size_t used;
	struct entry entries[KEYS];
} fuzz;

static uint64_t hash_zero(uint64_t key)
{
	(void)key;
	return 0;
}

static uint64_t hash_identity(uint64_t key)
{
	return key;
}

static uint64_t hash_few_homes(uint64_t key)
{
	return key % 5 << 61 | key % 3;
}

static struct entry *pick(uint64_t *key)
{
	const unsigned number = input_byte(&fuzz.input) % KEYS;

	fuzz.steps++;
	*key = fuzz.base + number;
	return &fuzz.entries[number];
}

/* The four that lie in cells of their own. */
static int is_side(uint64_t key)
{
	return key >= UINT64_MAX - 3;
}

static void check_entry(const struct entry *entry, uint64_t key)
{
	void *const found = atomic_hash_array_find(fuzz.array, key);
	uint64_t key_at = 0;

	expect(found == (entry->is_there ? entry->where : NULL));
	if (!entry->is_there)
		return;
	expect(memcmp(found, entry->value, fuzz.config.value_size) == 0);
	expect(atomic_hash_array_id(fuzz.array, found) == entry->id && entry->id < atomic_hash_array_capacity(fuzz.array) + 4);
	expect(atomic_hash_array_at(fuzz.array, entry->id, &key_at) == found && key_at == key);
}

static void insert(struct entry *entry, uint64_t key)
{
	unsigned char value[VALUE_MAX];
	void *where = NULL;

	stamp_fill(value, fuzz.config.value_size, ++fuzz.stamps);
	const int result = atomic_hash_array_insert(fuzz.array, key, value, &where);

	if (result == HASHLOOM_ERROR_FULL) {
		expect(!entry->is_there && !is_side(key) && fuzz.used >= fuzz.entries_max);
		return;
	}
	expect(result == !entry->is_there && where != NULL);
	if (result == 0) {
		expect(where == entry->where);
		return;
	}
	const uint32_t id = atomic_hash_array_id(fuzz.array, where);

	if (entry->has_place && (fuzz.config.reuse == HASHLOOM_REUSE_SAME_KEY || is_side(key)))
		expect(entry->where == where && entry->id == id);
	else
		fuzz.used += !is_side(key);
	*entry = (struct entry){ .where = where, .id = id, .is_there = 1, .has_place = 1, .seen = entry->seen };
	memcpy(entry->value, value, fuzz.config.value_size);
	fuzz.count++;
}

static void erase(struct entry *entry, uint64_t key)
{
	expect(atomic_hash_array_erase(fuzz.array, key) == entry->is_there);
	if (!entry->is_there)
		return;
	expect(atomic_hash_array_at(fuzz.array, entry->id, NULL) == NULL);
	fuzz.used -= fuzz.config.reuse == HASHLOOM_REUSE_ANY_KEY && !is_side(key);
	entry->is_there = 0;
	fuzz.count--;
}

static void do_insert(void)
{
	uint64_t key;
	struct entry *const entry = pick(&key);

	insert(entry, key);
	check_entry(entry, key);
}

static void do_erase(void)
{
	uint64_t key;
	struct entry *const entry = pick(&key);

	erase(entry, key);
	check_entry(entry, key);
}

static void do_find(void)
{
	uint64_t key;
	const struct entry *const entry = pick(&key);

	check_entry(entry, key);
}

static void do_run(void (*call)(struct entry *entry, uint64_t key))
{
	const unsigned first = input_byte(&fuzz.input);
	const unsigned n = input_byte(&fuzz.input);

	for (unsigned i = 0; i < n; i++)
		call(&fuzz.entries[(first + i) % KEYS], fuzz.base + (first + i) % KEYS);
	fuzz.steps += n;
}

static void do_insert_run(void)
{
	do_run(insert);
}

static void do_erase_run(void)
{
	do_run(erase);
}

static void do_walk(void)
{
	uint64_t position = 0;
	uint64_t key = 0;
	size_t count = 0;

	fuzz.steps += STEPS_OF_A_WALK;
	fuzz.walks++;
	for (const void *value; (value = atomic_hash_array_next(fuzz.array, &position, &key)) != NULL; count++) {
		expect(key - fuzz.base < KEYS);
		struct entry *const entry = &fuzz.entries[key - fuzz.base];

		expect(entry->is_there && entry->where == value && entry->seen != fuzz.walks);
		entry->seen = fuzz.walks;
	}
	expect(count == fuzz.count && atomic_hash_array_size(fuzz.array) == count);
}

static void (*const calls[])(void) = { do_insert, do_erase, do_insert_run, do_erase_run, do_find, do_walk, do_insert, do_erase };

/* 1, or 0: there is no array. */
static int create(void)
{
	static const size_t sizes[] = { 0, 1, 3, 4, 8, 8, 12, 24 };
	static const unsigned loads[] = { 0, 1000, 950, 300 };
	static const uint64_t bases[] = { 0, UINT64_MAX - 7, UINT64_C(0x7fffffffffffff80), UINT64_C(1) << 32 };
	static const atomic_hash_array_hash_fn hashes[] = { NULL, hash_zero, hash_identity, hash_few_homes };
	const unsigned sizes_byte = input_byte(&fuzz.input);
	const unsigned how = input_byte(&fuzz.input);
	const unsigned left = input_byte(&fuzz.input);

	fuzz.config = (struct atomic_hash_array_config){
		.value_size = sizes[sizes_byte % 8],
		.value_alignment = sizes_byte & 8 ? (size_t)1 << (sizes_byte >> 4 & 7) : 0,
		.load_permille = loads[how % 4],
		.reuse = (enum hashloom_reuse)(how / 4 % 3),
		.hash = hashes[how / 16 % 4],
		.allocator = &fuzz.memory.hooks,
	};
	fuzz.base = bases[how / 64];
	fuzz.memory.left = left < 8 ? left : MEMORY_UNLIMITED;
	fuzz.entries_max = 1 + input_pair_below(&fuzz.input, ROOM_MAX);
	const int result = atomic_hash_array_create(fuzz.entries_max, &fuzz.config, &fuzz.array);

	if (result == HASHLOOM_OK)
		return 1;
	expect(result == (fuzz.memory.refused > 0 ? HASHLOOM_ERROR_NO_MEMORY : HASHLOOM_ERROR_INVALID_ARGUMENT));
	/* Only an alignment can be wrong. */
	expect(fuzz.memory.refused > 0 || fuzz.config.value_alignment > HL_CACHE_LINE);
	expect(fuzz.memory.blocks == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.input = (struct input){ data, size };
	memory_init(&fuzz.memory);
	if (!create())
		return 0;
	while (fuzz.input.left > 0 && fuzz.steps++ < STEPS_MAX)
		calls[input_below(&fuzz.input, FUZZ_COUNT(calls))]();
	for (unsigned i = 0; i < KEYS; i++)
		check_entry(&fuzz.entries[i], fuzz.base + i);
	do_walk();
	atomic_hash_array_destroy(fuzz.array);
	expect(fuzz.memory.blocks == 0);
	return 0;
}
