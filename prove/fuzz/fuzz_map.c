/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_map.c: rows of calls to the type-erased atomic hash map, on every configuration, against an array.
 *
 * The first bytes are the configuration: sizes, policy, probing, load, growth, hash, reserved keys, equality, first capacity. Then
 * each byte names a call, and those behind it its arguments. Keys are numbered from 0 to KEYS - 1; the number i stands for base + (i <<
 * shift), so the oracle is an array of entries. Calls on runs of keys let a short input fill, seal and grow slabs.
 */
#include "input.h"

#include <hashloom/atomic_hash_map.h>

#define KEYS 400
#define VALUE_MAX 40
#define BATCH_MAX 70
#define RETIRED_MAX 700
/* Keys that the calls of one input touch: so each runs in milliseconds, sanitizers and bad hashes included. */
#define STEPS_MAX 1500
/* A call that goes over the whole map counts as so many. */
#define STEPS_OF_A_WALK 60
#define ROOM_MAX 300
#define CONSTRUCT_FAILS (-1000)
#define KEY_FAILS (-2000)

struct entry {
	uint64_t key; /* as it was inserted */
	void *where;
	uint32_t id;
	int is_there;
	int has_place; /* it was there before */
	unsigned seen; /* the last walk that came by */
	unsigned char value[VALUE_MAX];
};

struct fuzz {
	struct input input;
	struct memory memory;
	struct atomic_hash_map_config config;
	struct atomic_hash_map *map;
	size_t entries_max;
	uint64_t mask;
	uint64_t base;
	unsigned shift;
	uint64_t reserved[4];
	uint32_t stamps;
	uint32_t refused; /* allocations, before the last call */
	unsigned walks;
	unsigned steps;
	size_t count;
	size_t used; /* cells, but for those of reserved keys */
	size_t made; /* values */
	size_t failed;
	size_t ended;
	uint32_t retired[RETIRED_MAX];
	unsigned retired_count;
	struct entry entries[KEYS];
};

static struct fuzz fuzz;

/* ---- keys ------------------------------------------------------------------------------------------- */

static uint64_t hash_zero(uint64_t key)
{
	(void)key;
	return 0;
}

static uint64_t hash_ones(uint64_t key)
{
	(void)key;
	return UINT64_MAX;
}

static uint64_t hash_identity(uint64_t key)
{
	return key;
}

static uint64_t hash_one_home(uint64_t key)
{
	return UINT64_C(0x80000000) << 32 | (key & 0xff);
}

static uint64_t hash_one_tag(uint64_t key)
{
	return key * UINT64_C(0x9e3779b97f4a7c15) << 32 | 7;
}

/* Keys that differ in their lowest bit are equal. */
static uint64_t hash_of_pair(uint64_t key)
{
	return hl_aha_hash(key & ~UINT64_C(1));
}

static int equal_in_pairs(uint64_t a, uint64_t b)
{
	return (a | 1) == (b | 1);
}

static uint64_t key_of(size_t number)
{
	return (fuzz.base + ((uint64_t)number << fuzz.shift)) & fuzz.mask;
}

static struct entry *entry_of(uint64_t key)
{
	const uint64_t plain = fuzz.config.equal != NULL ? key & ~UINT64_C(1) : key;
	const uint64_t number = ((plain - fuzz.base) & fuzz.mask) >> fuzz.shift;

	expect(number < KEYS && key_of(number) == plain);
	return &fuzz.entries[number];
}

static uint64_t plain_key(const struct entry *entry)
{
	return key_of((size_t)(entry - fuzz.entries));
}

static int is_reserved(uint64_t key)
{
	for (unsigned i = 0; i < FUZZ_COUNT(fuzz.reserved); i++) {
		if (fuzz.reserved[i] == key)
			return 1;
	}
	return 0;
}

/* Such keys lie in cells of their own, or with an equality are not taken at all. */
static int is_side(const struct entry *entry)
{
	return is_reserved(plain_key(entry));
}

static int is_refused(const struct entry *entry)
{
	return fuzz.config.equal != NULL && is_side(entry);
}

static struct entry *pick(void)
{
	fuzz.steps++;
	return &fuzz.entries[input_pair_below(&fuzz.input, KEYS)];
}

/* The key, its equal, or one with something in the half that does not count. */
static uint64_t spell(const struct entry *entry)
{
	uint64_t key = plain_key(entry);

	if (fuzz.config.equal != NULL)
		key |= fuzz.stamps & 1;
	if (fuzz.config.key_size == 4)
		key |= (uint64_t)fuzz.stamps << 32;
	return key;
}

static void next_value(unsigned char *value)
{
	stamp_fill(value, fuzz.config.value_size, ++fuzz.stamps);
}

static int is_value(const void *value, const unsigned char *expected)
{
	return memcmp(value, expected, fuzz.config.value_size) == 0;
}

/* ---- what each call must come to -------------------------------------------------------------------- */

static void begin_call(void)
{
	fuzz.refused = fuzz.memory.refused;
}

/* Of an insert: the result, and if that is 1, what it did. */
static void note_insert(struct entry *entry, int result, const void *where, const unsigned char *value, uint64_t spelled)
{
	if (is_refused(entry)) {
		expect(result == HASHLOOM_ERROR_INVALID_KEY ||
		       (result == HASHLOOM_ERROR_NO_MEMORY && fuzz.memory.refused != fuzz.refused));
		return;
	}
	if (result == HASHLOOM_ERROR_NO_MEMORY) {
		expect(!entry->is_there && !fuzz.config.is_fixed && fuzz.memory.refused != fuzz.refused);
		return;
	}
	if (result == HASHLOOM_ERROR_FULL) {
		expect(!entry->is_there && fuzz.config.is_fixed && !is_side(entry) && fuzz.used >= fuzz.entries_max);
		return;
	}
	expect(result == !entry->is_there);
	if (result == 0) {
		expect(where == NULL || where == entry->where);
		return;
	}
	void *const found = atomic_hash_map_find(fuzz.map, spelled);
	const uint32_t id = atomic_hash_map_id(fuzz.map, found);

	expect(found != NULL && (where == NULL || where == found));
	if (entry->has_place && (fuzz.config.reuse == HASHLOOM_REUSE_SAME_KEY || is_side(entry)))
		expect(entry->where == found && entry->id == id);
	else
		fuzz.used += !is_side(entry);
	*entry = (struct entry){ .key = spelled & fuzz.mask, .where = found, .id = id, .is_there = 1, .has_place = 1, .seen = entry->seen };
	memcpy(entry->value, value, fuzz.config.value_size);
	fuzz.count++;
	fuzz.made++;
}

static void note_erase(struct entry *entry, int result)
{
	expect(result == entry->is_there);
	if (!entry->is_there)
		return;
	expect(atomic_hash_map_at(fuzz.map, entry->id, NULL) == NULL);
	/* A.4, A.5: the bytes stay. */
	expect(fuzz.config.reuse == HASHLOOM_REUSE_ANY_KEY || is_value(entry->where, entry->value));
	if (fuzz.config.reuse == HASHLOOM_REUSE_ANY_KEY && !is_side(entry))
		fuzz.used -= fuzz.config.retire == NULL;
	entry->is_there = 0;
	fuzz.count--;
}

static void check_entry(const struct entry *entry)
{
	const uint64_t key = spell(entry);
	void *const found = atomic_hash_map_find(fuzz.map, key);
	unsigned char copy[VALUE_MAX];
	uint64_t key_at = 0;
	uint32_t id = 0;

	expect(found == (entry->is_there ? entry->where : NULL));
	expect(atomic_hash_map_find_near(fuzz.map, key) == found);
	expect(atomic_hash_map_count(fuzz.map, key) == (size_t)entry->is_there);
	expect(atomic_hash_map_load(fuzz.map, key, copy) == entry->is_there);
	expect(atomic_hash_map_key_to_id(fuzz.map, key, &id) == entry->is_there);
	if (!entry->is_there)
		return;
	expect(is_value(found, entry->value) && is_value(copy, entry->value));
	expect(id == entry->id && id < atomic_hash_map_ids(fuzz.map));
	expect(atomic_hash_map_at(fuzz.map, id, &key_at) == found && key_at == entry->key);
}

/* ---- calls on one key ------------------------------------------------------------------------------- */

struct making {
	const unsigned char *value;
	uint64_t key;
	int construct_result;
	int key_result;
	unsigned constructs;
	unsigned keys;
};

static int make_value(void *value, void *argument)
{
	struct making *const making = argument;

	making->constructs++;
	memcpy(value, making->value, fuzz.config.value_size);
	fuzz.failed += making->construct_result != 0;
	return making->construct_result;
}

static int make_key(void *argument, uint64_t *key)
{
	struct making *const making = argument;

	making->keys++;
	*key = making->key;
	return making->key_result;
}

static int stands_for(const void *argument, uint64_t key)
{
	const struct making *const making = argument;

	return fuzz.config.equal != NULL ? equal_in_pairs(key, making->key) : key == making->key;
}

static void insert(struct entry *entry)
{
	const uint64_t key = spell(entry);
	unsigned char value[VALUE_MAX];
	void *where = NULL;

	next_value(value);
	begin_call();
	const int result = atomic_hash_map_insert(fuzz.map, key, fuzz.config.value_size == 0 ? NULL : value, &where);

	note_insert(entry, result, where, value, key);
}

static void do_insert(void)
{
	struct entry *const entry = pick();

	insert(entry);
	check_entry(entry);
}

static void do_emplace(void)
{
	struct entry *const entry = pick();
	const uint64_t key = spell(entry);
	const int construct_result = input_below(&fuzz.input, 3) == 0 ? CONSTRUCT_FAILS : 0;
	unsigned char value[VALUE_MAX];
	struct making making = { .value = value, .construct_result = construct_result };
	void *where = NULL;

	next_value(value);
	begin_call();
	const int result = atomic_hash_map_emplace(fuzz.map, key, make_value, &making, &where);

	expect(making.constructs == (result == 1 || result == CONSTRUCT_FAILS));
	if (result == CONSTRUCT_FAILS)
		expect(construct_result == CONSTRUCT_FAILS && !entry->is_there && where == NULL);
	else
		note_insert(entry, result, where, value, key);
	check_entry(entry);
}

/* By something that stands for a key, which those that are reserved cannot. */
static void do_as(void)
{
	struct entry *const entry = pick();
	const unsigned how = input_byte(&fuzz.input);
	unsigned char value[VALUE_MAX];
	struct making making = { value, (entry->is_there ? entry->key : spell(entry)) & fuzz.mask, how & 8 ? CONSTRUCT_FAILS : 0,
				 how & 16 ? KEY_FAILS : 0, 0, 0 };
	const struct atomic_hash_map_lookup lookup = {
		fuzz.config.hash != NULL ? fuzz.config.hash(making.key) : hl_aha_hash(making.key), stands_for, make_key, &making
	};
	const int is_there = entry->is_there && !is_side(entry);
	void *where = NULL;

	expect(atomic_hash_map_find_as(fuzz.map, &lookup) == (is_there ? entry->where : NULL));
	if (how % 8 == 0) {
		const int result = atomic_hash_map_erase_as(fuzz.map, &lookup);

		if (is_side(entry))
			expect(result == 0);
		else
			note_erase(entry, result);
		return;
	}
	next_value(value);
	begin_call();
	const int result = atomic_hash_map_emplace_as(fuzz.map, &lookup, make_value, &making, &where);

	expect(making.constructs <= 1 && making.keys <= 1);
	if (result == CONSTRUCT_FAILS || result == KEY_FAILS)
		expect(where == NULL && !is_there && (how & (result == KEY_FAILS ? 16U : 8U)));
	else if (is_side(entry))
		expect(result == HASHLOOM_ERROR_INVALID_KEY || (result == HASHLOOM_ERROR_NO_MEMORY && fuzz.memory.refused != fuzz.refused) ||
		       (result == HASHLOOM_ERROR_FULL && fuzz.used >= fuzz.entries_max));
	else
		note_insert(entry, result, where, value, making.key);
	check_entry(entry);
}

static void do_erase(void)
{
	struct entry *const entry = pick();

	note_erase(entry, atomic_hash_map_erase(fuzz.map, spell(entry)));
	check_entry(entry);
}

static void do_take(void)
{
	struct entry *const entry = pick();
	unsigned char taken[VALUE_MAX];
	const int result = atomic_hash_map_take(fuzz.map, spell(entry), taken);

	expect(result != 1 || is_value(taken, entry->value));
	note_erase(entry, result);
}

/* What a call that changes values must return, if it finds what it expects. */
static int change_result(const struct entry *entry, int is_number)
{
	const size_t size = fuzz.config.value_size;

	if ((size > 8 && !fuzz.config.has_locks) || (is_number && size != 1 && size != 2 && size != 4 && size != 8))
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	return entry->is_there;
}

static void do_store(void)
{
	struct entry *const entry = pick();
	unsigned char value[VALUE_MAX];
	unsigned char before[VALUE_MAX];
	int result;

	next_value(value);
	if (fuzz.stamps % 2 == 0) {
		result = atomic_hash_map_store(fuzz.map, spell(entry), value);
	} else {
		result = atomic_hash_map_exchange(fuzz.map, spell(entry), value, before);
		expect(result != 1 || is_value(before, entry->value));
	}
	expect(result == change_result(entry, 0));
	if (result == 1)
		memcpy(entry->value, value, fuzz.config.value_size);
	check_entry(entry);
}

static void do_compare_exchange(void)
{
	struct entry *const entry = pick();
	const size_t size = fuzz.config.value_size;
	const unsigned how = input_byte(&fuzz.input);
	const int differs = how & 1 && size > 0;
	unsigned char value[VALUE_MAX];
	unsigned char expected[VALUE_MAX];

	next_value(value);
	memcpy(expected, entry->value, size);
	if (differs)
		expected[(how >> 1) % size] ^= 1;
	int result = change_result(entry, 0);

	if (result == 1 && differs)
		result = 2;
	expect(atomic_hash_map_compare_exchange(fuzz.map, spell(entry), expected, value) == result);
	expect(result != 2 || is_value(expected, entry->value));
	if (result == 1)
		memcpy(entry->value, value, size);
	check_entry(entry);
}

static void do_fetch_add(void)
{
	struct entry *const entry = pick();
	const size_t size = fuzz.config.value_size;
	const uint64_t summand = ((uint64_t)++fuzz.stamps << 40) - input_byte(&fuzz.input);
	uint64_t number = 0;
	uint64_t before = 0;
	const int result = atomic_hash_map_fetch_add(fuzz.map, spell(entry), summand, &before);

	expect(result == change_result(entry, 1));
	if (result == 1) {
		memcpy(&number, entry->value, size);
		expect(before == number);
		number += summand;
		memcpy(entry->value, &number, size);
	}
	check_entry(entry);
}

static void combine(void *stored, const void *offered, void *argument)
{
	const unsigned char *const from = offered;
	unsigned char *const to = stored;

	expect(argument == &fuzz);
	for (size_t i = 0; i < fuzz.config.value_size; i++)
		to[i] = (unsigned char)(3 * to[i] + from[i]);
}

/* Of one upsert: the result, and what it did. */
static void note_upsert(struct entry *entry, int result, const unsigned char *value, uint64_t spelled)
{
	if (change_result(entry, 0) < 0)
		expect(result == HASHLOOM_ERROR_INVALID_ARGUMENT);
	else if (!entry->is_there || is_refused(entry))
		note_insert(entry, result, NULL, value, spelled);
	else if (result != HASHLOOM_ERROR_NO_MEMORY || fuzz.memory.refused == fuzz.refused) {
		expect(result == 0);
		combine(entry->value, value, &fuzz);
	}
}

static void do_upsert(void)
{
	struct entry *const entry = pick();
	const uint64_t key = spell(entry);
	unsigned char value[VALUE_MAX];
	unsigned char written[VALUE_MAX];

	next_value(value);
	begin_call();
	const int result = atomic_hash_map_upsert(fuzz.map, key, value, combine, &fuzz, written);

	note_upsert(entry, result, value, key);
	expect(result < 0 || is_value(written, entry->value));
	check_entry(entry);
}

static void do_lock(void)
{
	struct entry *const entry = pick();
	struct entry *const other = pick();
	void *const value = atomic_hash_map_lock(fuzz.map, spell(entry));

	expect(value == (entry->is_there && fuzz.config.has_locks ? entry->where : NULL));
	if (value == NULL)
		return;
	next_value(entry->value);
	memcpy(value, entry->value, fuzz.config.value_size);
	expect(atomic_hash_map_find(fuzz.map, spell(other)) == (other->is_there ? other->where : NULL));
	atomic_hash_map_unlock(fuzz.map, value);
	check_entry(entry);
}

static void do_find(void)
{
	check_entry(pick());
}

/* ---- calls on many keys ----------------------------------------------------------------------------- */

static void do_insert_run(void)
{
	const unsigned first = input_pair_below(&fuzz.input, KEYS);
	const unsigned n = input_byte(&fuzz.input);

	for (unsigned i = 0; i < n; i++)
		insert(&fuzz.entries[(first + i) % KEYS]);
	fuzz.steps += n;
}

static void do_erase_run(void)
{
	const unsigned first = input_pair_below(&fuzz.input, KEYS);
	const unsigned n = input_byte(&fuzz.input);
	const unsigned step = 1 + input_below(&fuzz.input, 3);

	for (unsigned i = 0; i < n; i++) {
		struct entry *const entry = &fuzz.entries[(first + i * step) % KEYS];

		note_erase(entry, atomic_hash_map_erase(fuzz.map, spell(entry)));
	}
	fuzz.steps += n;
}

static void do_batch(void)
{
	static unsigned char values[BATCH_MAX * VALUE_MAX];
	struct entry *of[BATCH_MAX];
	uint64_t keys[BATCH_MAX];
	void *found[BATCH_MAX];
	int results[BATCH_MAX];
	const unsigned how = input_below(&fuzz.input, 4);
	const unsigned first = input_pair_below(&fuzz.input, KEYS);
	const unsigned step = input_byte(&fuzz.input);
	const unsigned n = input_below(&fuzz.input, BATCH_MAX + 1);
	size_t successes = 0;
	size_t expected = 0;

	for (unsigned i = 0; i < n; i++) {
		of[i] = &fuzz.entries[(first + i * step) % KEYS];
		next_value(values + i * fuzz.config.value_size);
		keys[i] = spell(of[i]);
		expected += (size_t)of[i]->is_there;
	}
	fuzz.steps += n;
	begin_call();
	if (how == 0) {
		expect(atomic_hash_map_find_batch(fuzz.map, keys, n, found) == expected);
		for (unsigned i = 0; i < n; i++)
			expect(found[i] == (of[i]->is_there ? of[i]->where : NULL));
		return;
	}
	const size_t told = how == 1 ? atomic_hash_map_insert_batch(fuzz.map, keys, values, n, results) :
			    how == 2 ? atomic_hash_map_upsert_batch(fuzz.map, keys, values, n, combine, &fuzz, results) :
				       atomic_hash_map_erase_batch(fuzz.map, keys, n, results);

	for (unsigned i = 0; i < n; i++) {
		const unsigned char *const value = values + i * fuzz.config.value_size;

		successes += results[i] == 1;
		if (how == 1)
			note_insert(of[i], results[i], NULL, value, keys[i]);
		else if (how == 2)
			note_upsert(of[i], results[i], value, keys[i]);
		else
			note_erase(of[i], results[i]);
	}
	expect(told == successes);
	for (unsigned i = 0; i < n; i++)
		check_entry(of[i]);
}

/* Of a walk: an entry that must be there, and has not come yet. */
static struct entry *walk_by(uint64_t key, const void *value)
{
	struct entry *const entry = entry_of(key);

	expect(entry->is_there && entry->key == key && entry->where == value && entry->seen != fuzz.walks);
	expect(is_value(value, entry->value));
	entry->seen = fuzz.walks;
	return entry;
}

static int count_entry(uint64_t key, void *value, void *argument)
{
	(void)walk_by(key, value);
	++*(size_t *)argument;
	return 0;
}

static void do_walk(void)
{
	const uint64_t ids = atomic_hash_map_ids(fuzz.map);
	const uint64_t first = input_pair(&fuzz.input) % (ids + 1);
	const uint64_t end = first + input_pair(&fuzz.input);
	const uint32_t parts = 1 + input_below(&fuzz.input, 5);
	uint64_t position = first;
	uint64_t key = 0;
	size_t count = 0;
	size_t in_range = 0;

	fuzz.steps += STEPS_OF_A_WALK;
	fuzz.walks++;
	for (const void *value; (value = atomic_hash_map_next_before(fuzz.map, &position, end, &key)) != NULL; count++) {
		const uint32_t id = walk_by(key, value)->id;

		expect(id >= first && id < end && position > id);
	}
	for (unsigned i = 0; i < KEYS; i++)
		in_range += fuzz.entries[i].is_there && fuzz.entries[i].id >= first && fuzz.entries[i].id < end;
	expect(count == in_range);
	fuzz.walks++;
	count = 0;
	for (uint32_t part = 0; part < parts; part++)
		expect(atomic_hash_map_for_each(fuzz.map, part, parts, count_entry, &count) == 0);
	expect(count == fuzz.count);
	expect(atomic_hash_map_for_each(fuzz.map, parts, parts, count_entry, &count) == HASHLOOM_ERROR_INVALID_ARGUMENT);
}

static int is_kept(const struct entry *entry, unsigned pattern)
{
	return (int)(pattern >> (entry - fuzz.entries) % 8 & 1);
}

static int keep(uint64_t key, void *value, void *argument)
{
	return is_kept(walk_by(key, value), *(const unsigned *)argument);
}

static void do_retain(void)
{
	unsigned pattern = input_byte(&fuzz.input);
	size_t gone = 0;

	if (fuzz.retired_count + fuzz.count > RETIRED_MAX)
		return;
	fuzz.steps += STEPS_OF_A_WALK;
	fuzz.walks++;
	const size_t erased = atomic_hash_map_retain(fuzz.map, keep, &pattern);

	for (unsigned i = 0; i < KEYS; i++) {
		struct entry *const entry = &fuzz.entries[i];

		if (!entry->is_there || is_kept(entry, pattern))
			continue;
		note_erase(entry, 1);
		gone++;
	}
	expect(erased == gone);
}

static void release_one(void)
{
	atomic_hash_map_release(fuzz.map, fuzz.retired[--fuzz.retired_count]);
	fuzz.used--;
}

static void do_release(void)
{
	if (fuzz.retired_count > 0)
		release_one();
}

static void release_all(void)
{
	while (fuzz.retired_count > 0)
		release_one();
}

static void do_clear(void)
{
	fuzz.steps += STEPS_OF_A_WALK;
	release_all();
	atomic_hash_map_clear(fuzz.map);
	memset(fuzz.entries, 0, sizeof(fuzz.entries));
	fuzz.count = 0;
	fuzz.used = 0;
}

static void do_compact(void)
{
	const size_t room = fuzz.config.is_fixed ? fuzz.entries_max : input_pair_below(&fuzz.input, ROOM_MAX);

	fuzz.steps += STEPS_OF_A_WALK;
	release_all();
	begin_call();
	const int result = atomic_hash_map_compact(fuzz.map, room);

	if (result != HASHLOOM_OK) {
		expect(result == HASHLOOM_ERROR_NO_MEMORY && fuzz.memory.refused != fuzz.refused);
		return;
	}
	fuzz.used = 0;
	for (unsigned i = 0; i < KEYS; i++) {
		struct entry *const entry = &fuzz.entries[i];

		entry->has_place = entry->is_there;
		if (!entry->is_there)
			continue;
		entry->where = atomic_hash_map_find(fuzz.map, spell(entry));
		expect(entry->where != NULL);
		entry->id = atomic_hash_map_id(fuzz.map, entry->where);
		fuzz.used += !is_side(entry);
	}
	expect(atomic_hash_map_slabs(fuzz.map) == 1);
}

static void do_memory(void)
{
	const unsigned left = input_byte(&fuzz.input);

	fuzz.memory.left = left & 1 ? MEMORY_UNLIMITED : left / 2;
}

static void do_counter_cache(void)
{
	const uint32_t counter_cache = 1 + input_byte(&fuzz.input);

	atomic_hash_map_set_counter_cache(fuzz.map, counter_cache);
	expect(atomic_hash_map_counter_cache(fuzz.map) == counter_cache);
}

static void do_statistics(void)
{
	struct atomic_hash_map_stats statistics;
	uint64_t entries = 0;
	uint64_t cells = 0;

	fuzz.steps += STEPS_OF_A_WALK;
	atomic_hash_map_statistics(fuzz.map, &statistics);
	expect(statistics.slabs_count == atomic_hash_map_slabs(fuzz.map));
	for (uint32_t i = 0; i < statistics.slabs_count; i++) {
		const struct atomic_hash_map_slab_stats *const slab = &statistics.slabs[i];

		entries += slab->entries;
		cells += slab->cells_count;
		expect(slab->entries + slab->tombstones + slab->sealed <= slab->cells_count + 4);
		expect(slab->probes_max <= slab->probes);
	}
	expect(entries == fuzz.count && statistics.total.entries == fuzz.count);
	expect(statistics.total.cells_count == cells && cells == atomic_hash_map_capacity(fuzz.map));
}

static void check_all(void)
{
	struct atomic_hash_map_report report;
	uint64_t position = 0;
	uint64_t key = 0;
	size_t count = 0;

	fuzz.walks++;
	for (const void *value; (value = atomic_hash_map_next(fuzz.map, &position, &key)) != NULL; count++)
		(void)walk_by(key, value);
	expect(count == fuzz.count);
	expect(atomic_hash_map_size(fuzz.map) == fuzz.count);
	expect(atomic_hash_map_empty(fuzz.map) == (fuzz.count == 0));
	expect(atomic_hash_map_space_remaining(fuzz.map) <= atomic_hash_map_capacity(fuzz.map));
	for (unsigned i = 0; i < KEYS; i++)
		check_entry(&fuzz.entries[i]);
	do_statistics();
	expect(atomic_hash_map_check(fuzz.map, &report) == 0);
}

/* ---- the configuration ------------------------------------------------------------------------------ */

static void end_value(void *context, void *value)
{
	(void)value;
	expect(context == &fuzz);
	fuzz.ended++;
}

static void retire(void *context, uint32_t id)
{
	expect(context == &fuzz && fuzz.retired_count < RETIRED_MAX);
	fuzz.retired[fuzz.retired_count++] = id;
}

/* The words, which say states, of all but one reserved key are given; that of the last one is the smallest that is left. */
static void choose_reserved(int is_custom)
{
	uint64_t sealed = 1;

	for (unsigned i = 0; i < 3; i++)
		fuzz.reserved[i] = is_custom ? key_of(4 - i) : (UINT64_MAX - i) & fuzz.mask;
	if (is_custom) {
		fuzz.config.empty_key = fuzz.reserved[0];
		fuzz.config.locked_key = fuzz.reserved[1];
		fuzz.config.erased_key = fuzz.reserved[2];
	}
	while (sealed == (fuzz.reserved[1] ^ fuzz.reserved[0]) || sealed == (fuzz.reserved[2] ^ fuzz.reserved[0]))
		sealed++; /* ends: two are taken */
	fuzz.reserved[3] = sealed ^ fuzz.reserved[0];
}

static void choose_keys(unsigned bits, unsigned keys)
{
	static const uint64_t bases[] = { 0, UINT64_MAX - 15, UINT64_C(0x7ffffffffffffff8), UINT64_C(0xffffffe0) };
	static const unsigned shifts[] = { 0, 4, 22, 54 };
	static const atomic_hash_array_hash_fn hashes[] = { NULL,	   NULL,	  NULL,		 hash_zero,
							    hash_ones, hash_identity, hash_one_home, hash_one_tag };
	struct atomic_hash_map_config *const config = &fuzz.config;

	config->key_size = bits & 1 ? 4 : 8;
	fuzz.mask = bits & 1 ? UINT32_MAX : UINT64_MAX;
	fuzz.base = bases[keys % 4] & fuzz.mask;
	fuzz.shift = shifts[keys / 4 % (bits & 1 ? 3 : 4)];
	config->hash = hashes[keys / 16 % 8];
	if (keys & 128) {
		config->equal = equal_in_pairs;
		config->hash = hash_of_pair;
		fuzz.shift += fuzz.shift == 0;
	}
	choose_reserved(bits & 2 && config->equal == NULL);
}

static void choose(void)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 5, 8, 8, 9, 12, 16, 24, 40, 8, 8, 8 };
	static const unsigned loads[] = { 0, 0, 1000, 500 };
	static const unsigned growths[] = { 0, 1000, 2500, 63000 };
	struct atomic_hash_map_config *const config = &fuzz.config;
	const unsigned bits = input_byte(&fuzz.input);
	const unsigned keys = input_byte(&fuzz.input);
	const unsigned value = input_byte(&fuzz.input);
	const unsigned growth = input_byte(&fuzz.input);

	choose_keys(bits, keys);
	config->probing = bits & 4 ? HASHLOOM_PROBING_QUADRATIC : HASHLOOM_PROBING_LINEAR;
	config->is_fixed = bits >> 3 & 1;
	config->has_locks = bits >> 4 & 1;
	config->reuse = (enum hashloom_reuse)((bits >> 5 & 3) % 3);
	config->value_size = sizes[value % 16];
	config->value_alignment = value & 16 ? (size_t)8 << (value >> 5 & 3) : 0;
	if (value & 128)
		config->destroy_value = end_value;
	config->destroy_context = &fuzz;
	if (bits & 128 && config->reuse == HASHLOOM_REUSE_ANY_KEY)
		config->retire = retire;
	config->retire_context = &fuzz;
	config->load_permille = loads[growth % 4];
	config->growth_permille = growths[growth / 4 % 4];
	config->counter_cache = growth / 16 % 4;
	fuzz.entries_max = 1 + input_pair_below(&fuzz.input, ROOM_MAX);
	if (growth & 64 && !config->is_fixed)
		config->cells_count = fuzz.entries_max;
	config->allocator = &fuzz.memory.hooks;
}

/* ---- a run ------------------------------------------------------------------------------------------ */

static void (*const calls[])(void) = {
	do_insert,    do_insert_run, do_emplace, do_as,	     do_erase,	do_erase_run,	  do_take,	 do_find,
	do_store,     do_compare_exchange, do_fetch_add, do_upsert, do_lock, do_batch,	  do_walk,	 do_retain,
	do_release,   do_clear,	     do_compact, do_memory,  do_counter_cache, do_statistics, do_insert_run, do_batch,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.input = (struct input){ data, size };
	memory_init(&fuzz.memory);
	choose();
	const int result = atomic_hash_map_create(fuzz.entries_max, &fuzz.config, &fuzz.map);

	if (result != HASHLOOM_OK) {
		/* What is chosen is right, but for an alignment that keys or sizes do not allow. */
		expect(result == HASHLOOM_ERROR_NO_MEMORY ? fuzz.memory.refused > 0 : result == HASHLOOM_ERROR_INVALID_ARGUMENT);
		expect(fuzz.memory.blocks == 0);
		return 0;
	}
	while (fuzz.input.left > 0 && fuzz.steps < STEPS_MAX) {
		fuzz.steps++;
		/* A retired cell for each erase: more than a call makes must be free. */
		if (fuzz.retired_count + 260 > RETIRED_MAX)
			release_all();
		calls[input_below(&fuzz.input, FUZZ_COUNT(calls))]();
	}
	fuzz.memory.left = MEMORY_UNLIMITED;
	check_all();
	release_all();
	atomic_hash_map_destroy(fuzz.map);
	expect(fuzz.memory.blocks == 0);
	if (fuzz.config.destroy_value != NULL)
		expect(fuzz.ended >= fuzz.made && fuzz.ended <= fuzz.made + fuzz.failed);
	return 0;
}
