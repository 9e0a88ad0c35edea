/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_map_check.c: looks through a map for what threads that died have left, and for what no thread leaves.
 *
 * Nothing is written, waited for or allocated, whatever the state of the map. Cells are read one after the other, so that a cell in which a
 * live thread is at work may look wrong: what is out of place is looked at twice, but the second look can be fooled, too.
 *
 * Whether the overflow counts of a slab (any_key) are those of its entries is told by two sums, without memory for a number for each group:
 * each group has a weight, and count times weight summed over the groups must be the weights of the groups that the entries went past,
 * summed over the entries. Counts that stay at their maximum are left out on both sides.
 */
#include <hashloom/atomic_hash_map_core.h>

struct walk {
	const struct hl_aha_policy *policy;
	const struct hl_aha *slabs;
	uint32_t slabs_count;
	struct atomic_hash_map_report *report;
};

/* Of a slab: its counts less what its entries need, as a sum and as a weighted one. */
struct balance {
	uint64_t sum;
	uint64_t weighted;
};

static void note(struct atomic_hash_map_finding *finding, uint64_t id)
{
	if (finding->count++ == 0)
		finding->first = (uint32_t)id;
}

/* ---- cells ------------------------------------------------------------------------------------------ */

static uint64_t weight(uint64_t group)
{
	return hl_aha_hash(group) | 1;
}

static uint8_t tag_at(const struct hl_aha *slab, uint32_t cell)
{
	return hl_u8_load_relaxed(hl_aha_tag_of(slab, cell));
}

/* Whether the first cell that a find of this word comes to is this one; a tombstone, tag 0, is looked for by inserts, and finds must see nothing. */
static int is_reached(const struct walk *walk, const struct hl_aha *slab, uint32_t cell, uint64_t word, uint8_t tag)
{
	const struct hl_aha_lookup lookup = hl_aha_lookup_key(walk->policy, hl_aha_key(walk->policy, word));
	const int is_tombstone = walk->policy->reuse == HASHLOOM_REUSE_SAME_KEY && tag < HL_AHA_TAG_MIN;

	for (uint32_t i = walk->slabs_count; i-- > 0;) {
		const uint32_t found = hl_aha_find(walk->policy, &walk->slabs[i], &lookup);

		if (found != HL_AHA_NONE)
			return !is_tombstone && &walk->slabs[i] == slab && found == cell;
	}
	return is_tombstone && hl_aha_find_tombstone(walk->policy, slab, &lookup) == cell;
}

/* Takes what the entry in a cell needs off the balance of its slab. */
static void weigh_entry(const struct walk *walk, const struct hl_aha *slab, uint32_t cell, uint64_t word, struct balance *balance)
{
	const uint64_t length = hl_aha_path_length(walk->policy, slab);
	uint64_t group = hl_aha_home(slab, hl_aha_hash_key(walk->policy, hl_aha_key(walk->policy, word)));

	for (uint64_t passed = 0; passed < length && group != cell / HL_AHA_LANES; passed++) {
		if (hl_aha_line_overflow(hl_aha_line_load(slab, group)) != HL_AHA_OVERFLOW_MAX) {
			balance->sum--;
			balance->weighted -= weight(group);
		}
		group = hl_aha_next_group(walk->policy, slab, group, passed);
	}
}

static void check_key(const struct walk *walk, const struct hl_aha *slab, uint32_t cell, uint64_t word, uint8_t tag,
		      struct balance *balance)
{
	if (walk->policy->reuse != HASHLOOM_REUSE_SAME_KEY || tag >= HL_AHA_TAG_MIN)
		walk->report->entries++;
	if (!is_reached(walk, slab, cell, word, tag) && hl_aha_word_load_acquire(walk->policy, slab, cell) == word &&
	    tag_at(slab, cell) == tag)
		note(&walk->report->unreachable, slab->id_base + cell);
	if (hl_aha_counts_overflow(walk->policy))
		weigh_entry(walk, slab, cell, word, balance);
}

/* Whether the tag of a cell that has no key is one that goes with its word. */
static int is_tag_right(const struct hl_aha_policy *policy, uint64_t word, uint8_t tag)
{
	const int is_never = policy->reuse == HASHLOOM_REUSE_NEVER;

	if (word == policy->erased_word)
		return policy->reuse != HASHLOOM_REUSE_SAME_KEY && (tag != HL_AHA_TAG_FREE) == is_never;
	return tag == HL_AHA_TAG_FREE && (word == HL_AHA_EMPTY || is_never);
}

static void check_cell(const struct walk *walk, const struct hl_aha *slab, uint32_t cell, struct balance *balance)
{
	const struct hl_aha_policy *const policy = walk->policy;
	const uint64_t word = hl_aha_word_load_acquire(policy, slab, cell);
	const uint8_t tag = tag_at(slab, cell);

	if (hl_aha_is_key(policy, word))
		check_key(walk, slab, cell, word, tag, balance);
	else if (word == policy->locked_word)
		note(&walk->report->claimed, slab->id_base + cell);
	else if (!is_tag_right(policy, word, tag) && hl_aha_word_load_acquire(policy, slab, cell) == word)
		note(&walk->report->damaged, slab->id_base + cell);
	else if (word == policy->erased_word && policy->reuse == HASHLOOM_REUSE_ANY_KEY)
		note(&walk->report->unreleased, slab->id_base + cell);
}

static void check_slab(const struct walk *walk, const struct hl_aha *slab)
{
	struct balance balance = { 0, 0 };

	for (uint64_t cell = 0; cell < hl_aha_cells_count(slab); cell++)
		check_cell(walk, slab, (uint32_t)cell, &balance);
	for (uint64_t group = 0; group < slab->groups_count; group++) {
		const uint8_t byte = hl_u8_load_relaxed(hl_aha_byte(slab, group, HL_AHA_OVERFLOW_BYTE));
		const uint64_t count = byte & HL_AHA_OVERFLOW_MAX;

		walk->report->home_locks += (byte & HL_AHA_LOCK) != 0;
		if (count != HL_AHA_OVERFLOW_MAX) {
			balance.sum += count;
			balance.weighted += count * weight(group);
		}
	}
	if (hl_aha_counts_overflow(walk->policy)) {
		walk->report->overflow_excess += (int64_t)balance.sum;
		walk->report->overflow_wrong += balance.weighted != 0;
	}
}

void hl_ahm_check_slabs(const struct hl_aha_policy *policy, const struct hl_aha *slabs, uint32_t slabs_count,
			struct atomic_hash_map_report *report)
{
	static const struct atomic_hash_map_finding none = { 0, UINT32_MAX };
	const struct walk walk = { policy, slabs, slabs_count, report };

	memset(report, 0, sizeof(*report));
	report->claimed = report->unreleased = report->unreachable = report->damaged = report->cell_locks = none;
	for (uint32_t i = 0; i < slabs_count; i++)
		check_slab(&walk, &slabs[i]);
}

/* ---- what a map has besides its slabs ---------------------------------------------------------------- */

static void check_side_cell(const struct hl_ahm_policy *policy, struct hl_ahm_place place, struct atomic_hash_map_report *report)
{
	const uint64_t word = hl_aha_word_load_acquire(&policy->cell, place.slab, place.cell);

	if (word == policy->side_word)
		report->entries++;
	else if (word == policy->cell.locked_word)
		note(&report->claimed, hl_ahm_id(place));
	else if (word != HL_AHA_EMPTY && word != policy->cell.erased_word)
		note(&report->damaged, hl_ahm_id(place));
}

static void check_cell_locks(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint32_t slabs_count,
			     struct atomic_hash_map_report *report)
{
	for (uint32_t i = 0; i < slabs_count; i++) {
		for (uint64_t cell = 0; cell < hl_ahm_slab_ids(map, i); cell++) {
			const struct hl_ahm_place place = hl_ahm_make_place(&map->slabs[i], (uint32_t)cell);

			if (hl_u32_load_relaxed(hl_ahm_cell_lock_word(policy, place)) != 0)
				note(&report->cell_locks, hl_ahm_id(place));
		}
	}
}

/* Quadratic probing leaves counts too high where a path comes to a group twice, and nobody has died. */
static int is_clean(const struct hl_ahm_policy *policy, const struct hl_ahm *map, const struct atomic_hash_map_report *report)
{
	return report->claimed.count == 0 && (report->unreleased.count == 0 || map->retire != NULL) && report->unreachable.count == 0 &&
	       report->damaged.count == 0 && report->cell_locks.count == 0 && report->home_locks == 0 && !report->is_growing &&
	       report->size == report->entries &&
	       (report->overflow_wrong == 0 || policy->cell.probing == HASHLOOM_PROBING_QUADRATIC);
}

int hl_ahm_check(const struct hl_ahm_policy *policy, const struct hl_ahm *map, struct atomic_hash_map_report *report)
{
	const uint32_t slabs_count = hl_ahm_slabs_count(policy, map);

	hl_ahm_check_slabs(&policy->cell, map->slabs, slabs_count, report);
	for (unsigned side = 0; side < HL_AHM_SIDE_CELLS; side++)
		check_side_cell(policy, hl_ahm_side_place(policy, map, hl_ahm_side_key_word(policy, side)), report);
	if (policy->cell.lock_offset != 0)
		check_cell_locks(policy, map, slabs_count, report);
	for (unsigned i = 0; i < HL_AHM_LOCKS; i++)
		report->home_locks += (hl_u8_load_relaxed(&map->locks[i]) & HL_AHA_LOCK) != 0;
	report->is_growing = hl_u32_load_relaxed(&map->growing) != 0;
	report->size = hl_ahm_size(map);
	return !is_clean(policy, map, report);
}
