/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_walk.h: looks into a map in which nothing runs: whether atomic_hash_map_check() finds all in order, and statistics, ids and capacity are
 * what a walk over the cells sees. It has the source of the map in it, and not the library's, so that it knows what a map consists of.
 */
#ifndef HL_MAP_WALK_H
#define HL_MAP_WALK_H

#include <atomic_hash_map.c>

#include "map_rig.h"

struct walk {
	const struct hl_ahm_policy *policy;
	const struct hl_ahm *map;
	uint32_t retired; /* cells that the test holds back: of erased entries, not released */
};

/* How many groups a search for a key looks at on its way to a cell. */
static inline uint64_t walk_path(const struct walk *walk, const struct hl_aha *slab, uint64_t hash, uint32_t cell)
{
	uint64_t group = hl_aha_home(slab, hash);
	uint64_t looked = 1;

	for (; group != cell / HL_AHA_LANES && looked <= slab->groups_count + HL_AHA_QUADRATIC_STEPS; looked++)
		group = hl_aha_next_group(&walk->policy->cell, slab, group, looked - 1);
	return looked;
}

static inline void walk_cell(const struct walk *walk, const struct hl_aha *slab, uint32_t cell, struct atomic_hash_map_slab_stats *counts)
{
	const struct hl_aha_policy *const policy = &walk->policy->cell;
	const uint64_t word = hl_aha_word_load_acquire(policy, slab, cell);
	const int is_side = cell >= hl_aha_cells_count(slab);

	if (is_side) {
		counts->entries += word == walk->policy->side_word;
		counts->tombstones += word == policy->erased_word;
	} else if (!hl_aha_is_key(policy, word)) {
		counts->tombstones += word == policy->erased_word;
		counts->sealed += word == policy->sealed_word;
	} else if (hl_u8_load_relaxed(hl_aha_tag_of(slab, cell)) == 0) {
		counts->tombstones++;
	} else {
		const uint64_t looked = walk_path(walk, slab, hl_aha_hash_key(policy, hl_aha_key(policy, word)), cell);

		counts->entries++;
		counts->probes += looked;
		counts->probes_max = looked > counts->probes_max ? looked : counts->probes_max;
	}
}

static inline const char *walk_slab(const struct walk *walk, uint32_t slab_at, const struct atomic_hash_map_slab_stats *said)
{
	const struct hl_aha *const slab = &walk->map->slabs[slab_at];
	const int is_last = slab_at + 1 == hl_u32_load_relaxed(&walk->map->slabs_count);
	struct atomic_hash_map_slab_stats counts = { .cells_count = hl_aha_cells_count(slab), .bytes = said->bytes };

	for (uint64_t cell = 0; cell < hl_ahm_slab_ids(walk->map, slab_at); cell++)
		walk_cell(walk, slab, (uint32_t)cell, &counts);
	for (uint64_t group = 0; group < slab->groups_count; group++)
		counts.overflowed += hl_aha_line_overflow(hl_aha_line_load(slab, group)) > 0;
	if (is_last && counts.sealed > 0)
		return "a cell is sealed, and no slab follows";
	if (said->bytes < counts.cells_count * walk->policy->cell.cell_size + slab->groups_count * HL_AHA_LINE)
		return "the statistics' bytes are fewer than there are";
	return memcmp(&counts, said, sizeof(counts)) == 0 ? NULL : "the statistics are not what a walk sees";
}

/* What the map's own check sees, but that the test holds cells back. */
static inline const char *walk_report_error(const struct walk *walk, const struct atomic_hash_map_report *report)
{
	const struct atomic_hash_map_report *const is = report;

	return is->claimed.count != 0			? "a cell is claimed, and nobody fills it" :
	       is->unreleased.count > walk->retired	? "an erased cell was not released" :
	       is->unreachable.count != 0		? "an entry is not found, or a key is there twice" :
	       is->damaged.count != 0			? "word and tag of a cell do not go together" :
	       is->cell_locks.count != 0		? "a cell's lock is held" :
	       is->home_locks != 0			? "a group is locked" :
	       is->overflow_wrong != 0			? "an overflow count is wrong" :
	       is->is_growing				? "the growth lock is held" :
	       is->size != is->entries			? "the size is not the number of entries" :
							  NULL;
}

/* NULL, or what is wrong. */
static inline const char *walk_error(const struct walk *walk, const struct atomic_hash_map *handle)
{
	const uint32_t slabs_count = hl_u32_load_relaxed(&walk->map->slabs_count);
	struct atomic_hash_map_report report;
	struct atomic_hash_map_stats statistics;
	uint64_t id_base = 0;
	uint64_t cells = 0;
	const int is_wrong = atomic_hash_map_check(handle, &report);
	const char *const error = walk_report_error(walk, &report);

	if (error != NULL || is_wrong != (report.unreleased.count > 0 && walk->map->retire == NULL))
		return error != NULL ? error : "the check does not say what its report does";
	atomic_hash_map_statistics(handle, &statistics);
	for (uint32_t i = 0; i < slabs_count; i++) {
		const char *const slab_error = walk_slab(walk, i, &statistics.slabs[i]);

		if (slab_error != NULL)
			return slab_error;
		if (walk->map->slabs[i].id_base != id_base)
			return "a slab's ids do not follow those before it";
		id_base += hl_ahm_slab_ids(walk->map, i);
		cells += hl_aha_cells_count(&walk->map->slabs[i]);
	}
	if (id_base != atomic_hash_map_ids(handle) || cells != atomic_hash_map_capacity(handle))
		return "ids or capacity are not those of the slabs";
	return statistics.total.entries == report.entries && statistics.total.cells_count == cells ?
		       NULL :
		       "the statistics' total is not the sum of the slabs";
}

static inline struct walk walk_of(const struct map *map)
{
	return (struct walk){ .policy = &map->handle->policy, .map = &map->handle->map };
}

static inline void walk_check_with(const struct map *map, struct walk walk)
{
	const char *const error = walk_error(&walk, map->handle);

	if (error != NULL)
		fail_msg("%s: %s", rig_now == NULL ? "" : rig_now->name, error);
}

static inline void walk_check(const struct map *map)
{
	walk_check_with(map, walk_of(map));
}

#endif
