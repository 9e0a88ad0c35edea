/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_map_check.c: what atomic_hash_map_check() says of damage that no thread does.
 *
 * Method: in a small map of each reuse, words that the map keeps are overwritten one at a time. Each report must tell that one, with its
 * id, and nothing else; with the word put back the map must be clean again. (What threads leave that die: test_faults_process.c.)
 */
#include "test_kit.h"

#define ATOMIC_HASH_MAP_NAME never
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_LOCKS 1
#include <hashloom/atomic_hash_map_typed.h>

#define ATOMIC_HASH_MAP_NAME same_key
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_SAME_KEY
#include <hashloom/atomic_hash_map_typed.h>

#define ATOMIC_HASH_MAP_NAME any_key
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_ANY_KEY
#include <hashloom/atomic_hash_map_typed.h>

#define KEY 4
#define LOCKED_WORD 1
#define ERASED_WORD 2
#define NO_WORD 12345 /* of a side cell */

/* A map of any of the three types. */
struct patient {
	const struct hl_ahm_policy *policy;
	struct hl_ahm *map;
};

static struct hl_ahm_place place_of(const struct patient *patient, uint64_t key)
{
	const struct hl_aha_lookup lookup = hl_aha_lookup_key(&patient->policy->cell, key);
	const struct hl_ahm_place place = hl_ahm_find(patient->policy, patient->map, &lookup);

	assert_non_null(place.slab);
	return place;
}

static int check(const struct patient *patient, struct atomic_hash_map_report *report)
{
	return hl_ahm_check(patient->policy, patient->map, report);
}

static void assert_clean(const struct patient *patient)
{
	struct atomic_hash_map_report report;

	assert_int_equal(check(patient, &report), 0);
}

/* The report with what is expected taken out must be clean. */
static void assert_only(const struct patient *patient, size_t offset, uint32_t id, int64_t entries_lost)
{
	const struct atomic_hash_map_finding none = { 0, UINT32_MAX };
	struct atomic_hash_map_report report;
	struct atomic_hash_map_finding *const finding = (struct atomic_hash_map_finding *)(void *)((char *)&report + offset);

	assert_int_equal(check(patient, &report), 1);
	assert_int_equal(finding->count, 1);
	assert_int_equal(finding->first, id);
	*finding = none;
	assert_int_equal(report.claimed.count + report.unreleased.count + report.unreachable.count + report.damaged.count +
				 report.cell_locks.count + report.home_locks,
			 0);
	assert_int_equal((int64_t)(report.size - report.entries), entries_lost);
}

#define FINDING(name) offsetof(struct atomic_hash_map_report, name)

/* Overwrites the key word of a place, looks, and puts it back. */
static void with_word(const struct patient *patient, struct hl_ahm_place place, uint64_t word, size_t offset, int64_t entries_lost)
{
	const struct hl_aha_policy *const cell = &patient->policy->cell;
	const uint64_t before = hl_aha_word_load_acquire(cell, place.slab, place.cell);

	hl_aha_word_store_release(cell, place.slab, place.cell, word);
	assert_only(patient, offset, hl_ahm_id(place), entries_lost);
	hl_aha_word_store_release(cell, place.slab, place.cell, before);
	assert_clean(patient);
}

static void with_tag(const struct patient *patient, struct hl_ahm_place place, uint8_t tag, size_t offset, int64_t entries_lost)
{
	hl_u8 *const word = hl_aha_tag_of(place.slab, place.cell);
	const uint8_t before = hl_u8_load_relaxed(word);

	hl_u8_store_relaxed(word, tag);
	assert_only(patient, offset, hl_ahm_id(place), entries_lost);
	hl_u8_store_relaxed(word, before);
	assert_clean(patient);
}

/* A side cell that holds its key. */
static void damage_side_cell(const struct patient *patient)
{
	const struct hl_ahm_place place = place_of(patient, UINT64_MAX);

	assert_true(hl_ahm_is_side_place(place));
	with_word(patient, place, LOCKED_WORD, FINDING(claimed), 1);
	with_word(patient, place, NO_WORD, FINDING(damaged), 1);
}

static void test_map_check_never(void **state)
{
	struct never map;
	const struct patient patient = { &never_hl_policy, &map.map };

	(void)state;
	assert_int_equal(never_create(&map, 10), HASHLOOM_OK);
	assert_int_equal(never_insert(&map, KEY, 1, NULL), 1);
	assert_int_equal(never_insert(&map, UINT64_MAX, 1, NULL), 1);
	assert_clean(&patient);
	const struct hl_ahm_place place = place_of(&patient, KEY);

	damage_side_cell(&patient);
	with_word(&patient, place, LOCKED_WORD, FINDING(claimed), 1);
	with_word(&patient, place, HL_AHA_EMPTY, FINDING(damaged), 1);
	with_tag(&patient, place, HL_AHA_TAG_FREE, FINDING(unreachable), 0);

	hl_u32_store_relaxed(hl_ahm_cell_lock_word(&never_hl_policy, place), 1);
	assert_only(&patient, FINDING(cell_locks), hl_ahm_id(place), 0);
	hl_u32_store_relaxed(hl_ahm_cell_lock_word(&never_hl_policy, place), 0);

	assert_int_equal(never_erase(&map, KEY), 1);
	assert_clean(&patient);
	with_tag(&patient, place, HL_AHA_TAG_FREE, FINDING(damaged), 0);
	never_destroy(&map);
}

static void test_map_check_same_key(void **state)
{
	struct same_key map;
	const struct patient patient = { &same_key_hl_policy, &map.map };

	(void)state;
	assert_int_equal(same_key_create(&map, 10), HASHLOOM_OK);
	assert_int_equal(same_key_insert(&map, KEY, 1, NULL), 1);
	assert_int_equal(same_key_insert(&map, UINT64_MAX, 1, NULL), 1);
	const struct hl_ahm_place place = place_of(&patient, KEY);
	const uint64_t word = hl_aha_word_load_acquire(&same_key_hl_policy.cell, place.slab, place.cell);
	const struct hl_ahm_place beside = hl_ahm_make_place(place.slab, (place.cell + 1) % HL_AHA_LANES);

	damage_side_cell(&patient);
	with_word(&patient, place, ERASED_WORD, FINDING(damaged), 1);
	with_word(&patient, beside, ERASED_WORD, FINDING(damaged), 0);
	assert_int_equal(same_key_erase(&map, KEY), 1);
	assert_clean(&patient);
	/* a second cell that is kept for the key */
	with_word(&patient, beside, word, FINDING(unreachable), 0);
	same_key_destroy(&map);
}

static void test_map_check_any_key(void **state)
{
	struct any_key map;
	struct atomic_hash_map_report report;
	const struct patient patient = { &any_key_hl_policy, &map.map };

	(void)state;
	assert_int_equal(any_key_create(&map, 10), HASHLOOM_OK);
	assert_int_equal(any_key_insert(&map, KEY, 1, NULL), 1);
	assert_int_equal(any_key_insert(&map, UINT64_MAX, 1, NULL), 1);
	const struct hl_ahm_place place = place_of(&patient, KEY);
	hl_u8 *const overflow = hl_aha_byte(place.slab, place.cell / HL_AHA_LANES, HL_AHA_OVERFLOW_BYTE);

	damage_side_cell(&patient);
	with_word(&patient, place, HL_AHA_EMPTY, FINDING(damaged), 1);
	with_word(&patient, place, ERASED_WORD, FINDING(damaged), 1);
	with_tag(&patient, place, HL_AHA_TAG_FREE, FINDING(unreachable), 0);

	hl_u8_store_relaxed(overflow, 3);
	assert_int_equal(check(&patient, &report), 1);
	assert_int_equal(report.overflow_wrong, 1);
	assert_int_equal(report.overflow_excess, 3);
	hl_u8_store_relaxed(overflow, HL_AHA_LOCK);
	assert_int_equal(check(&patient, &report), 1);
	assert_int_equal(report.home_locks, 1);
	assert_int_equal(report.overflow_wrong, 0);
	hl_u8_store_relaxed(overflow, 0);
	assert_clean(&patient);
	any_key_destroy(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_check_never),
		cmocka_unit_test(test_map_check_same_key),
		cmocka_unit_test(test_map_check_any_key),
	};

	return KIT_RUN(tests);
}
