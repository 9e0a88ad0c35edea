/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_kit.h: what the tests of the maps share: an allocator that counts and fails, values that can
 * be told from each other, maps that can be looked into, a walker that compares their lines with their cells,
 * gangs of threads that start each round together, and a mover that does as it is told.
 */
#ifndef HL_MAP_KIT_H
#define HL_MAP_KIT_H

#include "test_kit.h"

#include <hashloom/alloc.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/atomic_hash_map_core.h>
#include <hashloom/vdm.h>

/* ---- errors that threads see ---------------------------------------------------------------------- */

/* Threads may not use cmocka's assertions: they count here, and the test asserts after joining them. */
struct kit_errors {
	hl_u64 count;
	hl_ptr first;
};

static inline void kit_error(struct kit_errors *errors, const char *what)
{
	if (hl_u64_fetch_add_relaxed(&errors->count, 1) == 0)
		hl_ptr_store_release(&errors->first, (void *)(uintptr_t)what);
}

#define kit_expect(errors, condition)                                                              \
	do {                                                                                       \
		if (!(condition))                                                                  \
			kit_error(errors, #condition);                                             \
	} while (0)

static inline void kit_assert_no_errors(const struct kit_errors *errors)
{
	if (hl_u64_load_acquire(&errors->count) != 0)
		fail_msg("%llu times, first: %s",
			 (unsigned long long)hl_u64_load_relaxed(&errors->count),
			 (const char *)hl_ptr_load_acquire(&errors->first));
}

/* ---- an allocator that counts, fails and checks ---------------------------------------------------- */

#define KIT_BLOCK_MAGIC UINT64_C(0x6b6974626c6f636b)
#define KIT_BLOCK_HEADER 64
#define KIT_NO_FAILURE UINT64_MAX

/* In front of each block; as far from it as its alignment wants. */
struct kit_block {
	uint64_t magic;
	size_t size;
	size_t alignment;
	void *raw;
};

struct kit_allocator {
	struct hashloom_allocator hooks;
	hl_u64 calls;       /* allocations asked for, those that failed too */
	hl_u64 fail_from;   /* calls from this number on fail; the first call is 0 */
	hl_u64 fail_before; /* and up to this one, which does not */
	hl_u64 blocks;      /* not released yet */
	hl_u64 bytes;       /* in them */
	hl_u64 released;
	struct kit_errors errors;
};

static inline void *kit_allocate(void *context, size_t size, size_t alignment,
				 enum hashloom_alloc_content content)
{
	struct kit_allocator *const allocator = context;
	const uint64_t call = hl_u64_fetch_add_relaxed(&allocator->calls, 1);
	const size_t front = alignment > KIT_BLOCK_HEADER ? alignment : KIT_BLOCK_HEADER;
	struct kit_block *block;
	char *memory;
	void *raw;

	kit_expect(&allocator->errors, size > 0);
	kit_expect(&allocator->errors, alignment > 0 && (alignment & (alignment - 1)) == 0);
	if (call >= hl_u64_load_relaxed(&allocator->fail_from) &&
	    call < hl_u64_load_relaxed(&allocator->fail_before))
		return NULL;
	if (size > SIZE_MAX / 2 || posix_memalign(&raw, front, front + size) != 0)
		return NULL;
	memory = (char *)raw + front;
	block = (struct kit_block *)(void *)(memory - sizeof(*block));
	*block = (struct kit_block){ KIT_BLOCK_MAGIC, size, alignment, raw };
	memset(memory, content == HASHLOOM_ALLOC_ZEROED ? 0 : 0xa5, size);
	hl_u64_fetch_add_relaxed(&allocator->blocks, 1);
	hl_u64_fetch_add_relaxed(&allocator->bytes, size);
	return memory;
}

/* Overwrites what it frees, so that whoever reads it still is seen by ThreadSanitizer, or reads rubbish. */
static inline void kit_release(void *context, void *memory, size_t size, size_t alignment)
{
	struct kit_allocator *const allocator = context;
	struct kit_block *const block =
		memory == NULL ? NULL : (struct kit_block *)(void *)((char *)memory - sizeof(*block));

	if (block == NULL || block->magic != KIT_BLOCK_MAGIC || block->size != size ||
	    block->alignment != alignment) {
		kit_error(&allocator->errors, "a block is released that is none, or with another size");
		return;
	}
	block->magic = 0;
	memset(memory, 0xdd, size);
	hl_u64_fetch_add_relaxed(&allocator->released, 1);
	hl_u64_fetch_sub_relaxed(&allocator->blocks, 1);
	hl_u64_fetch_sub_relaxed(&allocator->bytes, size);
	free(block->raw);
}

static inline void kit_allocator_init(struct kit_allocator *allocator)
{
	memset(allocator, 0, sizeof(*allocator));
	allocator->hooks = (struct hashloom_allocator){ kit_allocate, kit_release, allocator };
	hl_u64_store_relaxed(&allocator->fail_from, KIT_NO_FAILURE);
	hl_u64_store_relaxed(&allocator->fail_before, KIT_NO_FAILURE);
}

/* Lets `n` calls fail, after `after` more that succeed. */
static inline void kit_allocator_fail(struct kit_allocator *allocator, uint64_t after, uint64_t n)
{
	const uint64_t from = hl_u64_load_relaxed(&allocator->calls) + after;

	hl_u64_store_relaxed(&allocator->fail_from, from);
	hl_u64_store_relaxed(&allocator->fail_before, n > KIT_NO_FAILURE - from ? KIT_NO_FAILURE : from + n);
}

static inline void kit_allocator_heal(struct kit_allocator *allocator)
{
	hl_u64_store_relaxed(&allocator->fail_from, KIT_NO_FAILURE);
	hl_u64_store_relaxed(&allocator->fail_before, KIT_NO_FAILURE);
}

static inline uint64_t kit_allocator_blocks(const struct kit_allocator *allocator)
{
	return hl_u64_load_relaxed(&allocator->blocks);
}

/* All is given back, and was given back as it was got; and something was got at all. */
static inline void kit_allocator_assert_done(const struct kit_allocator *allocator)
{
	kit_assert_no_errors(&allocator->errors);
	assert_int_equal(hl_u64_load_relaxed(&allocator->blocks), 0);
	assert_int_equal(hl_u64_load_relaxed(&allocator->bytes), 0);
	assert_true(hl_u64_load_relaxed(&allocator->calls) > 0);
}

/* ---- values ---------------------------------------------------------------------------------------- */

/* One number's bits, well mixed: the n-th word of a value that belongs to a stamp. */
static inline uint64_t kit_word(uint64_t stamp, size_t n)
{
	uint64_t state = stamp * UINT64_C(0x2545f4914f6cdd1d) + n;

	return kit_random(&state);
}

static inline void kit_value_fill(void *value, size_t size, uint64_t stamp)
{
	unsigned char *const bytes = value;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		const uint64_t word = kit_word(stamp, i);

		memcpy(bytes + i, &word, size - i < sizeof(word) ? size - i : sizeof(word));
	}
}

/* 1 if the value is the stamp's, whole. */
static inline int kit_value_is(const void *value, size_t size, uint64_t stamp)
{
	const unsigned char *const bytes = value;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		const uint64_t word = kit_word(stamp, i);

		if (memcmp(bytes + i, &word, size - i < sizeof(word) ? size - i : sizeof(word)) != 0)
			return 0;
	}
	return 1;
}

/* ---- hashes that an array must bear ----------------------------------------------------------------- */

static inline uint64_t kit_hash_zero(uint64_t key)
{
	(void)key;
	return 0;
}

/* Home: the last group, so that every path wraps around. */
static inline uint64_t kit_hash_ones(uint64_t key)
{
	(void)key;
	return UINT64_MAX;
}

/* One home, but tags that differ. */
static inline uint64_t kit_hash_one_home(uint64_t key)
{
	return UINT64_C(0x80000000) << 32 | (key & 0xff);
}

/* Homes all over, but one tag. */
static inline uint64_t kit_hash_one_tag(uint64_t key)
{
	return key * UINT64_C(0x9e3779b97f4a7c15) << 32 | 7;
}

static inline uint64_t kit_hash_identity(uint64_t key)
{
	return key;
}

static inline uint64_t kit_hash_good(uint64_t key)
{
	return hl_aha_hash(key);
}

/* ---- maps of the core ------------------------------------------------------------------------------- */

/* Zeroed memory for what is aligned to a cache line; the test frees it. Never NULL. */
static inline void *kit_zeroed_lines(size_t size)
{
	void *memory = NULL;

	assert_int_equal(posix_memalign(&memory, HL_CACHE_LINE, size), 0);
	memset(memory, 0, size);
	return memory;
}

/* A policy and a map, whose slabs, lines and cells a test may look into. */
struct kit_map {
	struct hl_ahm_policy policy;
	struct hl_ahm map;
};

static inline void kit_map_init(struct kit_map *map, size_t entries_max, const struct atomic_hash_map_config *config)
{
	assert_int_equal(hl_ahm_policy_init(&map->policy, config), HASHLOOM_OK);
	assert_int_equal(hl_ahm_create(&map->policy, &map->map, entries_max, config), HASHLOOM_OK);
}

static inline void kit_map_finish(struct kit_map *map)
{
	hl_ahm_destroy(&map->policy, &map->map);
}

/* Empty again, as after create; nothing runs. */
static inline void kit_map_reset(struct kit_map *map)
{
	hl_ahm_clear(&map->policy, &map->map);
}

static inline struct hl_aha_lookup kit_lookup(const struct kit_map *map, uint64_t key)
{
	return hl_aha_lookup_key(&map->policy.cell, key);
}

/* 1: new; 0: there already; or an error. *value: where the entry's value lies; may be NULL. */
static inline int kit_map_insert(struct kit_map *map, uint64_t key, const void *from, void **value)
{
	const struct hl_aha_lookup lookup = kit_lookup(map, key);
	const struct hl_ahm_make make = { from, NULL, NULL, NULL };
	struct hl_ahm_place place;
	const int result = hl_ahm_insert(&map->policy, &map->map, &lookup, &make, &place);

	if (result >= 0 && value != NULL)
		*value = hl_ahm_value(&map->policy, place);
	return result;
}

static inline int kit_map_emplace(struct kit_map *map, uint64_t key, int (*construct)(void *value, void *argument),
				  void *argument, void **value)
{
	const struct hl_aha_lookup lookup = kit_lookup(map, key);
	const struct hl_ahm_make make = { NULL, construct, NULL, argument };
	struct hl_ahm_place place;
	const int result = hl_ahm_insert(&map->policy, &map->map, &lookup, &make, &place);

	if (result >= 0 && value != NULL)
		*value = hl_ahm_value(&map->policy, place);
	return result;
}

static inline void *kit_map_find(const struct kit_map *map, uint64_t key)
{
	const struct hl_aha_lookup lookup = kit_lookup(map, key);

	return hl_ahm_value(&map->policy, hl_ahm_find(&map->policy, &map->map, &lookup));
}

/* taken: gets the value; may be NULL. */
static inline int kit_map_take(struct kit_map *map, uint64_t key, void *taken)
{
	const struct hl_aha_lookup lookup = kit_lookup(map, key);

	return hl_ahm_erase(&map->policy, &map->map, &lookup, taken);
}

static inline int kit_map_erase(struct kit_map *map, uint64_t key)
{
	return kit_map_take(map, key, NULL);
}

static inline uint32_t kit_map_id(const struct kit_map *map, const void *value)
{
	return hl_ahm_id(hl_ahm_place_of_value(&map->policy, &map->map, value));
}

static inline void *kit_map_at(const struct kit_map *map, uint64_t id, uint64_t *key)
{
	const struct hl_ahm_place place = hl_ahm_place_of_id(&map->policy, &map->map, id);
	uint64_t word;

	if (place.slab == NULL || !hl_ahm_entry_at(&map->policy, place, &word))
		return NULL;
	*key = hl_aha_key(&map->policy.cell, word);
	return hl_ahm_value(&map->policy, place);
}

static inline void *kit_map_next(const struct kit_map *map, uint64_t *position, uint64_t *key)
{
	uint64_t word;
	const struct hl_ahm_place place = hl_ahm_next(&map->policy, &map->map, position, UINT64_MAX, &word);

	if (place.slab != NULL)
		*key = hl_aha_key(&map->policy.cell, word);
	return hl_ahm_value(&map->policy, place);
}

static inline size_t kit_map_size(const struct kit_map *map)
{
	return hl_ahm_size(&map->map);
}

/* ---- what must hold in a map in which nothing runs --------------------------------------------------- */

static inline const char *kit_cell_error(const struct hl_aha_policy *policy, const struct hl_aha *array,
					 uint32_t id, int is_closed, unsigned *passed)
{
	const uint64_t word = hl_aha_word_load_acquire(policy, array, id);
	const uint8_t tag = hl_u8_load_relaxed(hl_aha_tag_of(array, id));
	const int is_never = policy->reuse == HASHLOOM_REUSE_NEVER;

	if (!hl_aha_is_key(policy, word)) {
		if (word == HL_AHA_EMPTY)
			return tag == 0 ? NULL : "an empty cell has a tag";
		if (is_never && is_closed && word == policy->sealed_word)
			return tag == 0 ? NULL : "a sealed cell has a tag";
		if (is_never && word == policy->erased_word)
			return tag != 0 ? NULL : "an erased cell has no tag";
		return "a cell is neither empty nor an entry";
	}
	const struct hl_aha_lookup lookup = hl_aha_lookup_key(policy, hl_aha_key(policy, word));
	const int is_tombstone = policy->reuse == HASHLOOM_REUSE_SAME_KEY && tag == 0;
	uint64_t group = hl_aha_home(array, lookup.hash);

	if (!is_tombstone && tag != hl_aha_tag(lookup.hash))
		return "an entry has another tag than its key";
	if (hl_aha_find(policy, array, &lookup) != (is_tombstone ? HL_AHA_NONE : id))
		return "an entry is not found, or a key is there twice, or though it was erased";
	for (uint64_t i = 0; group != id / HL_AHA_LANES; i++) {
		if (!hl_aha_overflows(policy, hl_aha_line_load(array, group), lookup.hash))
			return "an entry went past a group that does not say so";
		passed[group]++;
		group = hl_aha_next_group(policy, array, group, i);
	}
	return NULL;
}

static inline const char *kit_overflow_error(const struct hl_aha_policy *policy,
					     const struct hl_aha *array, uint64_t group,
					     unsigned passed, int may_stick)
{
	const uint8_t byte = hl_u8_load_relaxed(hl_aha_byte(array, group, HL_AHA_OVERFLOW_BYTE));
	const unsigned count = byte & HL_AHA_OVERFLOW_MAX;

	if (byte & HL_AHA_LOCK)
		return "a group is locked";
	if (!hl_aha_counts_overflow(policy))
		return NULL;
	if (count == HL_AHA_OVERFLOW_MAX && (may_stick || passed >= HL_AHA_OVERFLOW_MAX))
		return NULL;
	/* quadratic probing comes to a group twice: what was undone up to the first time may have been counted up to the second */
	if (policy->probing == HASHLOOM_PROBING_QUADRATIC && count > passed)
		return NULL;
	return count == passed ? NULL : "an overflow count is wrong";
}

/*
 * Compares each line with the cells of its group: tags, overflow counts (exact, but for those that may stick
 * at their maximum), locks; each entry is found, and at its own cell only. is_closed: another slab follows, and cells may be
 * sealed. NULL, or what is wrong.
 */
static inline const char *kit_slab_error(const struct hl_aha_policy *policy, const struct hl_aha *array, int is_closed,
					 int may_stick)
{
	unsigned *const passed = calloc(array->groups_count, sizeof(*passed));
	const char *error = passed == NULL ? "no memory" : NULL;

	for (uint64_t id = 0; error == NULL && id < hl_aha_cells_count(array); id++)
		error = kit_cell_error(policy, array, (uint32_t)id, is_closed, passed);
	for (uint64_t group = 0; error == NULL && group < array->groups_count; group++)
		error = kit_overflow_error(policy, array, group, passed[group], may_stick);
	free(passed);
	return error;
}

/* Of an array that is alone. */
static inline const char *kit_lines_error(const struct hl_aha_policy *policy, const struct hl_aha *array,
					  int may_stick)
{
	return kit_slab_error(policy, array, 0, may_stick);
}

static inline int kit_compare_words(const void *one, const void *other)
{
	const uint64_t a = *(const uint64_t *)one;
	const uint64_t b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

/* A key has one cell at most in all slabs, erased or not (same_key: A.5). */
static inline const char *kit_words_error(const struct hl_ahm_policy *policy, const struct hl_ahm *map)
{
	const uint64_t ids = hl_ahm_ids(map);
	uint64_t *const words = malloc(ids * sizeof(*words));
	const char *error = words == NULL ? "no memory" : NULL;
	size_t count = 0;

	for (uint64_t id = 0; error == NULL && id < ids; id++) {
		const struct hl_ahm_place place = hl_ahm_place_of_id(policy, map, id);
		const uint64_t word = hl_aha_word_load_acquire(&policy->cell, place.slab, place.cell);

		if (!hl_ahm_is_side_place(place) && hl_aha_is_key(&policy->cell, word))
			words[count++] = word;
	}
	if (error == NULL)
		qsort(words, count, sizeof(*words), kit_compare_words);
	for (size_t i = 1; i < count && error == NULL; i++)
		if (words[i - 1] == words[i])
			error = "a key has two cells";
	free(words);
	return error;
}

/* How slabs follow each other, and the growth that is over. */
static inline const char *kit_chain_error(const struct hl_ahm_policy *policy, const struct hl_ahm *map)
{
	const uint32_t slabs_count = hl_u32_load_acquire(&map->slabs_count);
	uint64_t cells = 0;

	if (slabs_count < 1 || slabs_count > (policy->is_fixed ? 1 : HL_AHM_SLABS_MAX))
		return "the number of slabs is wrong";
	if (hl_u32_load_relaxed(&map->growing))
		return "the growth lock is held";
	for (uint32_t slab = 0; slab < slabs_count; slab++) {
		if (map->slabs[slab].id_base != cells + (slab > 0 ? HL_AHM_SIDE_CELLS : 0))
			return "the ids of a slab do not follow those of the one before";
		cells += hl_aha_cells_count(&map->slabs[slab]);
	}
	if (hl_u64_load_relaxed(&map->cells_total) != cells)
		return "the number of cells is wrong";
	return hl_ahm_ids(map) == cells + HL_AHM_SIDE_CELLS ? NULL : "the number of ids is wrong";
}

/* The counters say what the cells do. */
static inline const char *kit_counts_error(const struct hl_ahm_policy *policy, const struct hl_ahm *map)
{
	uint64_t entries = 0;
	uint64_t used = 0;

	for (uint64_t id = 0; id < hl_ahm_ids(map); id++) {
		const struct hl_ahm_place place = hl_ahm_place_of_id(policy, map, id);
		const uint64_t word = hl_aha_word_load_acquire(&policy->cell, place.slab, place.cell);
		uint64_t key_word;

		if (word == policy->cell.locked_word)
			return "a cell is locked";
		entries += (uint64_t)hl_ahm_entry_at(policy, place, &key_word);
		used += word != HL_AHA_EMPTY && (hl_ahm_is_side_place(place) || word != policy->cell.sealed_word);
	}
	if (hl_ahm_size(map) != entries)
		return "the size is not the number of entries";
	if (policy->cell.reuse == HASHLOOM_REUSE_ANY_KEY)
		used = entries;
	return hl_ahm_used(policy, map) == used ? NULL : "the count of used cells is wrong";
}

/* All of that, in all slabs. */
static inline const char *kit_core_error(const struct hl_ahm_policy *policy, const struct hl_ahm *map, int may_stick)
{
	const char *error = kit_chain_error(policy, map);

	for (uint32_t slab = 0; error == NULL && slab < hl_u32_load_acquire(&map->slabs_count); slab++)
		error = kit_slab_error(&policy->cell, &map->slabs[slab],
				       slab + 1 < hl_u32_load_acquire(&map->slabs_count), may_stick);
	if (error == NULL)
		error = kit_counts_error(policy, map);
	return error != NULL ? error : kit_words_error(policy, map);
}

static inline const char *kit_map_error(const struct kit_map *map, int may_stick)
{
	return kit_core_error(&map->policy, &map->map, may_stick);
}

/* ---- tag match, in the way that this program was compiled with ------------------------------------------ */

static inline void kit_check_line_match(uint64_t seed, unsigned turns)
{
	static const uint8_t bytes[] = { 0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff };
	_Alignas(16) uint8_t raw[HL_AHA_LINE];
	const struct hl_aha array = { .lines = (char *)raw, .groups_count = 1 };
	size_t hits = 0;

	for (unsigned turn = 0; turn < turns; turn++) {
		struct hl_aha_line line;

		for (size_t i = 0; i < HL_AHA_LINE; i++)
			raw[i] = turn % 2 == 0 ? bytes[kit_random_below(&seed, sizeof(bytes))] :
						 (uint8_t)kit_random(&seed);
		line = hl_aha_line_load(&array, 0);
		assert_int_equal(hl_aha_line_overflow(line), raw[15] & 127);
		for (unsigned tag = 0; tag < 256; tag++) {
			unsigned lanes = 0;

			for (unsigned lane = 0; lane < HL_AHA_LANES; lane++)
				lanes |= (unsigned)(raw[lane] == tag) << lane;
			assert_int_equal(hl_aha_line_match(line, (uint8_t)tag), lanes);
			hits += (unsigned)__builtin_popcount(lanes);
		}
	}
	assert_int_equal(hits, turns * HL_AHA_LANES);
}

/* ---- gangs ------------------------------------------------------------------------------------------ */

#define KIT_GANG_MAX 8

/*
 * Threads that do rounds together. In each round thread 0 prepares, then all work, then thread 0
 * verifies. prepare and verify may be NULL; none of the three may use cmocka's assertions.
 */
struct kit_gang {
	unsigned threads;
	unsigned rounds;
	void (*prepare)(void *arg, unsigned round);
	void (*work)(void *arg, unsigned thread, unsigned round);
	void (*verify)(void *arg, unsigned round);
	void *arg;
	hl_u32 arrived;
	hl_u32 turn;
};

struct kit_gang_member {
	struct kit_gang *gang;
	unsigned thread;
};

/* A barrier that spins first: those who wait together go on together. The alarm is the bound. */
static inline void kit_gang_meet(struct kit_gang *gang)
{
	const uint32_t turn = hl_u32_load_acquire(&gang->turn);

	if (hl_u32_fetch_add_acq_rel(&gang->arrived, 1) + 1 == gang->threads) {
		hl_u32_store_relaxed(&gang->arrived, 0);
		hl_u32_store_release(&gang->turn, turn + 1);
		return;
	}
	for (unsigned spins = 0; hl_u32_load_acquire(&gang->turn) == turn; spins++) {
		if (spins < 200)
			hl_relax();
		else
			sched_yield();
	}
}

static inline void *kit_gang_run_member(void *arg)
{
	const struct kit_gang_member *const member = arg;
	struct kit_gang *const gang = member->gang;

	for (unsigned round = 0; round < gang->rounds; round++) {
		if (member->thread == 0 && gang->prepare != NULL)
			gang->prepare(gang->arg, round);
		kit_gang_meet(gang);
		gang->work(gang->arg, member->thread, round);
		kit_gang_meet(gang);
		if (member->thread == 0 && gang->verify != NULL)
			gang->verify(gang->arg, round);
	}
	return NULL;
}

static inline void kit_gang_run(struct kit_gang *gang)
{
	struct kit_gang_member members[KIT_GANG_MAX];
	pthread_t threads[KIT_GANG_MAX];

	assert_true(gang->threads <= KIT_GANG_MAX && gang->rounds > 0);
	for (unsigned i = 0; i < gang->threads; i++) {
		members[i] = (struct kit_gang_member){ gang, i };
		threads[i] = kit_start(kit_gang_run_member, &members[i]);
	}
	for (unsigned i = 0; i < gang->threads; i++)
		kit_join(threads[i]);
}

/* ---- a mover that does as it is told ------------------------------------------------------------------ */

/* Copies the first half when it starts and the second when it is let go, so that both ends of a copy are seen. */
struct kit_mover {
	struct vdm vdm; /* first: the library hands its address back */
	enum vdm_operation_result result;
	unsigned news_left;   /* op_new gives NULL when there are none */
	unsigned starts_left; /* so many calls of op_start do not start */
	int held;             /* operations do not complete */
	unsigned checks_per;  /* one of so many checks completes its operation; 0: each */
	unsigned checks;
	unsigned live;
	unsigned started;
	unsigned completed;
	struct future_notifier *notifier; /* what the last op_start was given */
};

static inline void *kit_mover_op_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct kit_mover *const mover = (struct kit_mover *)(void *)vdm;

	(void)type;
	if (mover->news_left == 0)
		return NULL;
	mover->news_left--;
	mover->live++;
	return mover;
}

static inline void kit_mover_copy(const struct vdm_operation *operation, size_t from, size_t to)
{
	memcpy((char *)operation->data.memcpy.dest + from,
	       (const char *)operation->data.memcpy.src + from, to - from);
}

static inline int kit_mover_op_start(void *data, const struct vdm_operation *operation,
				     struct future_notifier *notifier)
{
	struct kit_mover *const mover = data;

	mover->notifier = notifier;
	if (mover->starts_left > 0) {
		mover->starts_left--;
		return 1;
	}
	mover->started++;
	if (mover->result == VDM_SUCCESS)
		kit_mover_copy(operation, 0, operation->data.memcpy.n / 2);
	return 0;
}

static inline enum future_state kit_mover_op_check(void *data, const struct vdm_operation *operation)
{
	struct kit_mover *const mover = data;

	(void)operation;
	if (mover->checks_per > 0 && ++mover->checks % mover->checks_per != 0)
		return FUTURE_STATE_RUNNING;
	return mover->held ? FUTURE_STATE_RUNNING : FUTURE_STATE_COMPLETE;
}

static inline void kit_mover_op_delete(void *data, const struct vdm_operation *operation,
				       struct vdm_operation_output *output)
{
	struct kit_mover *const mover = data;
	const size_t n = operation->data.memcpy.n;

	if (mover->result == VDM_SUCCESS)
		kit_mover_copy(operation, n / 2, n);
	mover->live--;
	mover->completed++;
	output->type = operation->type;
	output->result = mover->result;
	output->output.memcpy.dest = operation->data.memcpy.dest;
}

static inline void kit_mover_init(struct kit_mover *mover)
{
	memset(mover, 0, sizeof(*mover));
	mover->vdm = (struct vdm){ kit_mover_op_new, kit_mover_op_delete, kit_mover_op_start,
				   kit_mover_op_check, 0, hl_future_has_no_property };
	mover->result = VDM_SUCCESS;
	mover->news_left = UINT32_MAX;
}

/* Whether threads met is the scheduler's doing, and no reason to fail; but a run in which they never do shows less. */
static inline void kit_note_luck(uint64_t meetings)
{
	if (meetings == 0)
		print_message("note: the threads did not meet in this run\n");
}

#endif
