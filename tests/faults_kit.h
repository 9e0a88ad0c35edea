/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * faults_kit.h: what the tests of threads and processes that stop or die share: a writer that may be stopped at any instruction and whose
 * map is known nevertheless, and a look at that map.
 *
 * The writer writes down the key that it is about to change, changes it, and writes down what it came to. So whoever sees it stopped knows
 * of each key but that one whether it is there. Values follow from their keys.
 */
#ifndef HL_FAULTS_KIT_H
#define HL_FAULTS_KIT_H

#include "map_kit.h"

#include <hashloom/atomic_hash_map.h>

#define FAULT_PERMANENT 512 /* keys 0 to this one: there all the time */
#define FAULT_CHANGING 256
#define FAULT_CHANGING_BEGIN UINT64_C(10000)
#define FAULT_GROWING_BEGIN UINT64_C(1000000) /* inserted one after the other, and never erased */
#define FAULT_GROWING_MAX 40000
#define FAULT_NO_KEY UINT64_MAX

struct fault_writer {
	struct atomic_hash_map *map;
	uint64_t random;
	hl_u64 busy; /* the key that may be either way */
	hl_u64 grown;
	hl_u64 operations;
	hl_u32 must_end;
	hl_u8 is_present[FAULT_CHANGING];
};

static inline uint64_t fault_value(uint64_t key)
{
	return key * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static inline int fault_construct(void *value, void *argument)
{
	const uint64_t key = *(const uint64_t *)argument;
	const uint64_t made = fault_value(key);

	for (unsigned i = 0; i < 8; i++)
		hl_relax();
	memcpy(value, &made, sizeof(made));
	return 0;
}

static inline void fault_combine(void *stored, const void *offered, void *argument)
{
	(void)argument;
	memcpy(stored, offered, sizeof(uint64_t));
}

/* Makes the map of a writer, with the permanent keys. The locks of a map that begins large lie in its groups, those of a small one in a table. */
static inline void fault_open(struct fault_writer *writer, const struct atomic_hash_map_config *config, int is_large, uint64_t seed)
{
	memset(writer, 0, sizeof(*writer));
	writer->random = seed;
	hl_u64_store_relaxed(&writer->busy, FAULT_NO_KEY);
	assert_int_equal(atomic_hash_map_create(is_large ? 5000 : FAULT_PERMANENT / 4, config, &writer->map), HASHLOOM_OK);
	for (uint64_t key = 0; key < FAULT_PERMANENT; key++) {
		const uint64_t value = fault_value(key);

		assert_int_equal(atomic_hash_map_insert(writer->map, key, &value, NULL), 1);
	}
}

static inline void fault_come(struct fault_writer *writer, uint64_t key, uint64_t random)
{
	const uint64_t value = fault_value(key);

	if (random % 4 == 0)
		(void)atomic_hash_map_emplace(writer->map, key, fault_construct, &key, NULL);
	else if (random % 4 == 1)
		(void)atomic_hash_map_upsert(writer->map, key, &value, fault_combine, NULL, NULL);
	else
		(void)atomic_hash_map_insert(writer->map, key, &value, NULL);
}

/* One call that changes the map. It asserts nothing: it may run in a thread or a process that is not the test's. */
static inline void fault_write(struct fault_writer *writer)
{
	const uint64_t random = kit_random(&writer->random);
	const uint64_t grown = hl_u64_load_relaxed(&writer->grown);
	const uint64_t number = (random >> 16) % FAULT_CHANGING;
	const uint64_t key = random % 8 == 0 && grown < FAULT_GROWING_MAX ? FAULT_GROWING_BEGIN + grown : FAULT_CHANGING_BEGIN + number;
	const uint64_t value = fault_value(key);
	hl_u8 *const is_present = &writer->is_present[number];

	hl_u64_store_release(&writer->busy, key);
	if (key >= FAULT_GROWING_BEGIN) {
		fault_come(writer, key, random >> 32);
		hl_u64_store_release(&writer->grown, grown + 1);
	} else if (!hl_u8_load_relaxed(is_present)) {
		fault_come(writer, key, random >> 32);
		hl_u8_store_release(is_present, 1);
	} else if (random >> 32 & 1) {
		(void)atomic_hash_map_store(writer->map, key, &value);
	} else {
		(void)atomic_hash_map_erase(writer->map, key);
		hl_u8_store_release(is_present, 0);
	}
	hl_u64_store_release(&writer->busy, FAULT_NO_KEY);
	hl_u64_fetch_add_relaxed(&writer->operations, 1);
}

static inline void fault_write_on(struct fault_writer *writer)
{
	while (!hl_u32_load_relaxed(&writer->must_end))
		fault_write(writer);
}

/* ---- what others must see while the writer stands still ------------------------------------------------- */

/* Whether a key is there: 1, 0, or -1: the writer was changing it. */
static inline int fault_expects(const struct fault_writer *writer, uint64_t key)
{
	if (key == hl_u64_load_acquire(&writer->busy))
		return -1;
	if (key < FAULT_PERMANENT)
		return 1;
	if (key >= FAULT_GROWING_BEGIN)
		return key - FAULT_GROWING_BEGIN < hl_u64_load_acquire(&writer->grown);
	return hl_u8_load_acquire(&writer->is_present[key - FAULT_CHANGING_BEGIN]);
}

static inline void fault_look_for(const struct fault_writer *writer, uint64_t key)
{
	const int expects = fault_expects(writer, key);
	const uint64_t *const value = atomic_hash_map_find(writer->map, key);

	if ((expects == 1 && value == NULL) || (expects == 0 && value != NULL))
		fail_msg("key %llu: %s", (unsigned long long)key, expects ? "not found" : "found");
	if (value != NULL && *value != fault_value(key))
		fail_msg("key %llu has another value", (unsigned long long)key);
}

static inline void fault_iterate(const struct fault_writer *writer)
{
	const uint64_t grown = hl_u64_load_acquire(&writer->grown);
	unsigned char *const seen = kit_zeroed(FAULT_GROWING_BEGIN / 10, 1);
	uint64_t position = 0;
	uint64_t key;
	uint64_t counted = 0;

	for (const uint64_t *value; (value = atomic_hash_map_next(writer->map, &position, &key)) != NULL;) {
		assert_int_not_equal(fault_expects(writer, key), 0);
		assert_int_equal(*value, fault_value(key));
		if (key < FAULT_GROWING_BEGIN)
			assert_int_equal(seen[key]++, 0);
		else
			counted++;
	}
	for (key = 0; key < FAULT_CHANGING_BEGIN + FAULT_CHANGING; key = key + 1 == FAULT_PERMANENT ? FAULT_CHANGING_BEGIN : key + 1)
		assert_true(fault_expects(writer, key) != 1 || seen[key] == 1);
	assert_true(counted == grown || counted == grown + 1);
	free(seen);
}

/* Finds and iteration give right answers, and end, which is KIT_RUN's to see. */
static inline void fault_look(const struct fault_writer *writer)
{
	const uint64_t grown = hl_u64_load_acquire(&writer->grown);

	for (uint64_t key = 0; key < FAULT_PERMANENT; key++)
		fault_look_for(writer, key);
	for (uint64_t key = 0; key < FAULT_CHANGING; key++)
		fault_look_for(writer, FAULT_CHANGING_BEGIN + key);
	for (uint64_t key = grown < 100 ? 0 : grown - 100; key < grown + 10; key++)
		fault_look_for(writer, FAULT_GROWING_BEGIN + key);
	fault_iterate(writer);
}

/* Whether a check shows what the writer is in the middle of. Nothing else is out of order. */
static inline int fault_is_in_the_middle(const struct fault_writer *writer)
{
	struct atomic_hash_map_report report;
	const int is_in_the_middle = atomic_hash_map_check(writer->map, &report);

	assert_int_equal(report.damaged.count, 0);
	assert_true(report.claimed.count <= 1 && report.unreleased.count <= 1 && report.unreachable.count <= 1);
	assert_true(report.home_locks <= 1);
	assert_true(report.size <= report.entries + 1 && report.entries <= report.size + 1);
	return is_in_the_middle;
}

#endif
