/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* atomic_hash_map_core.c: what all front ends of the map share and is not on a hot path: memory, growth, counts, compact, statistics. */
#include <hashloom/atomic_hash_map_core.h>

#define VALUE_SIZE_MAX ((size_t)1 << 30)
#define CELLS_MAX (UINT32_MAX - (uint64_t)HL_AHM_SIDE_CELLS) /* so that ids have 32 bits, and HL_AHA_NONE is none */
#define GROWTH_MIN 1000
#define GROWTH_MAX 63000
/* By default a small map grows a lot, so that it has few slabs when it is large; a large one has no memory to spare. */
#define GROWTH_SMALL 7000
#define GROWTH_LARGE 1000
#define LARGE_BYTES ((uint64_t)64 << 20)
#define SIZE_TURNS 4
#define COUNTER_SHARE 256 /* of a stripe in the cells, at most, before the load is looked at */

/* ---- policy ----------------------------------------------------------------------------------------- */

static size_t round_up(size_t size, size_t multiple)
{
	return (size + multiple - 1) / multiple * multiple;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int config_is_valid(const struct atomic_hash_map_config *config)
{
	const size_t alignment = config->value_alignment;

	return (config->key_size == 0 || config->key_size == 4 || config->key_size == 8) &&
	       config->value_size <= VALUE_SIZE_MAX && (alignment & (alignment - 1)) == 0 && alignment <= HL_CACHE_LINE &&
	       (unsigned)config->reuse <= HASHLOOM_REUSE_SAME_KEY && (unsigned)config->probing <= HASHLOOM_PROBING_QUADRATIC;
}

/* A small number that is none of the words that stand for states so far. */
static uint64_t unused_word(const struct hl_aha_policy *cell)
{
	uint64_t word = 1;

	while (word == cell->locked_word || word == cell->erased_word || word == cell->sealed_word)
		word++;
	return word;
}

/* 1, or 0: the three keys are not different. */
static int init_words(struct hl_ahm_policy *policy, const struct atomic_hash_map_config *config)
{
	struct hl_aha_policy *const cell = &policy->cell;
	const uint64_t mask = hl_aha_key_mask(cell);
	const int is_default = config->empty_key == 0 && config->locked_key == 0 && config->erased_key == 0;

	cell->empty_key = (is_default ? UINT64_MAX : config->empty_key) & mask;
	cell->locked_word = ((is_default ? UINT64_MAX - 1 : config->locked_key) ^ cell->empty_key) & mask;
	cell->erased_word = ((is_default ? UINT64_MAX - 2 : config->erased_key) ^ cell->empty_key) & mask;
	cell->sealed_word = 0;
	cell->sealed_word = unused_word(cell);
	policy->side_word = unused_word(cell);
	return cell->locked_word != HL_AHA_EMPTY && cell->erased_word != HL_AHA_EMPTY &&
	       cell->locked_word != cell->erased_word;
}

static void init_layout(struct hl_aha_policy *cell, const struct atomic_hash_map_config *config)
{
	const int is_word = config->value_size >= 1 && config->value_size <= 8;
	const size_t slot = is_word ? hl_ahm_slot_size(config->value_size) : config->value_size;
	const size_t least = is_word ? slot : config->value_size == 0 ? 1 : sizeof(uint64_t);
	const size_t alignment = is_word ? larger(slot, config->value_alignment) :
				 config->value_alignment != 0 ? config->value_alignment : least;
	const size_t head = cell->key_size + (config->has_locks ? sizeof(hl_u32) : 0);

	cell->value_size = config->value_size;
	cell->lock_offset = config->has_locks ? cell->key_size : 0;
	cell->value_offset = round_up(head, alignment);
	cell->cell_size = round_up(cell->value_offset + slot, larger(cell->key_size, alignment));
}

int hl_ahm_policy_init(struct hl_ahm_policy *policy, const struct atomic_hash_map_config *config)
{
	if (!config_is_valid(config))
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	policy->cell.key_size = config->key_size != 0 ? config->key_size : sizeof(uint64_t);
	policy->cell.hash = config->hash;
	policy->cell.equal = config->equal;
	policy->cell.reuse = config->reuse;
	policy->cell.probing = config->probing;
	policy->is_fixed = config->is_fixed;
	init_layout(&policy->cell, config);
	return init_words(policy, config) ? HASHLOOM_OK : HASHLOOM_ERROR_INVALID_ARGUMENT;
}

/* ---- counts ----------------------------------------------------------------------------------------- */

enum counter { INSERTED, ERASED, REVIVED };

static uint64_t sum(const struct hl_ahm *map, enum counter counter)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < HL_STRIPES; i++) {
		const struct hl_ahm_stripe *const stripe = &map->stripes[i];

		/* acquire. pairs with [AHM-3] in hl_ahm_count_erase() */
		total += hl_u64_load_acquire(counter == INSERTED ? &stripe->inserted :
					     counter == ERASED	 ? &stripe->erased :
								   &stripe->revived);
	}
	return total;
}

/*
 * Erases are summed before inserts, so that the difference is never below zero, and again afterwards: if they went on, others may have
 * inserted and erased a lot in between. After some turns the cells are an upper bound.
 */
size_t hl_ahm_size(const struct hl_ahm *map)
{
	const uint64_t most = hl_u64_load_relaxed(&map->cells_total) + HL_AHM_SIDE_CELLS;
	uint64_t erased = sum(map, ERASED);
	uint64_t size = 0;

	for (unsigned turn = 0; turn < SIZE_TURNS; turn++) {
		size = sum(map, INSERTED) - erased;
		const uint64_t again = sum(map, ERASED);

		if (again == erased)
			break;
		erased = again;
	}
	return (size_t)(size < most ? size : most);
}

/* Not too many: what is subtracted is summed afterwards. A map must not grow because its entries come and go while they are counted. */
uint64_t hl_ahm_used(const struct hl_ahm_policy *policy, const struct hl_ahm *map)
{
	const uint64_t inserted = sum(map, INSERTED);
	const uint64_t freed = sum(map, policy->cell.reuse == HASHLOOM_REUSE_ANY_KEY ? ERASED : REVIVED);

	return inserted > freed ? inserted - freed : 0;
}

size_t hl_ahm_space_remaining(const struct hl_ahm_policy *policy, const struct hl_ahm *map)
{
	const uint64_t limit = hl_u64_load_relaxed(&map->cells_total) * map->load_permille / 1000;
	const uint64_t used = hl_ahm_used(policy, map);

	return (size_t)(limit > used ? limit - used : 0);
}

uint64_t hl_ahm_ids(const struct hl_ahm *map)
{
	/* acquire. pairs with [AHM-1] in hl_ahm_grow() */
	const uint32_t last = hl_u32_load_acquire(&map->slabs_count) - 1;

	return map->slabs[last].id_base + hl_ahm_slab_ids(map, last);
}

static void set_counter_mask(struct hl_ahm *map)
{
	const uint64_t share = hl_u64_load_relaxed(&map->cells_total) / COUNTER_SHARE;
	const uint64_t most = share < map->counter_cache ? share : map->counter_cache;
	uint32_t period = 1;

	while (period <= most / 2)
		period *= 2;
	hl_u32_store_relaxed(&map->counter_mask, period - 1);
}

void hl_ahm_set_counter_cache(struct hl_ahm *map, uint32_t counter_cache)
{
	map->counter_cache = counter_cache == 0 ? 1 : counter_cache;
	set_counter_mask(map);
}

/* ---- memory and growth ------------------------------------------------------------------------------ */

static unsigned side_cells(uint32_t slab)
{
	return slab == 0 ? HL_AHM_SIDE_CELLS : 0;
}

/* The first slab's groups; 0: too many, or none. */
static uint64_t first_groups(size_t entries_max, const struct atomic_hash_map_config *config, unsigned load_permille)
{
	const uint64_t cells = config->cells_count;
	const uint64_t groups = cells != 0 ? cells / HL_AHA_LANES + (cells % HL_AHA_LANES != 0) :
					     hl_aha_groups_for(entries_max, load_permille);

	return groups > CELLS_MAX / HL_AHA_LANES ? 0 : groups;
}

int hl_ahm_create(const struct hl_ahm_policy *policy, struct hl_ahm *map, size_t entries_max,
		  const struct atomic_hash_map_config *config)
{
	const unsigned load_permille = config->load_permille != 0 ? config->load_permille : HL_AHA_LOAD_PERMILLE;
	const unsigned growth = config->growth_permille;
	const uint64_t groups = load_permille > 1000 ? 0 : first_groups(entries_max, config, load_permille);

	if (entries_max == 0 || groups == 0 || (growth != 0 && growth < GROWTH_MIN) || growth > GROWTH_MAX)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	memset(map, 0, sizeof(*map));
	map->allocator = config->allocator != NULL ? *config->allocator : *hashloom_allocator_default();
	const int error = hl_aha_create(&policy->cell, &map->slabs[0], groups, side_cells(0), &map->allocator);
	if (error != HASHLOOM_OK)
		return error;
	map->destroy_value = config->destroy_value;
	map->destroy_context = config->destroy_context;
	map->retire = config->retire;
	map->retire_context = config->retire_context;
	map->load_permille = load_permille;
	map->growth_permille = growth;
	hl_u64_store_relaxed(&map->cells_total, groups * HL_AHA_LANES);
	hl_u32_store_relaxed(&map->slabs_count, 1);
	hl_ahm_set_counter_cache(map, config->counter_cache != 0 ? config->counter_cache : HL_AHM_COUNTER_CACHE);
	return HASHLOOM_OK;
}

/* Groups of the next slab: as the growth says, as far as there are ids. 0: there are none. */
static uint64_t next_groups(const struct hl_ahm_policy *policy, const struct hl_ahm *map, uint64_t id_base)
{
	const uint64_t cells = hl_u64_load_relaxed(&map->cells_total);
	const unsigned adapted = cells * policy->cell.cell_size < LARGE_BYTES ? GROWTH_SMALL : GROWTH_LARGE;
	const uint64_t more = cells * (map->growth_permille != 0 ? map->growth_permille : adapted) / 1000;
	const uint64_t wanted = (more + HL_AHA_LANES - 1) / HL_AHA_LANES;
	const uint64_t left = (CELLS_MAX + HL_AHM_SIDE_CELLS - id_base) / HL_AHA_LANES;

	return wanted < left ? wanted : left;
}

/* The growth lock is held, and there are `seen` slabs. */
static int add_slab(const struct hl_ahm_policy *policy, struct hl_ahm *map, uint32_t seen)
{
	const uint64_t id_base = hl_ahm_ids(map);
	const uint64_t groups = seen == HL_AHM_SLABS_MAX ? 0 : next_groups(policy, map, id_base);
	struct hl_aha *const slab = &map->slabs[seen];

	if (groups == 0)
		return HASHLOOM_ERROR_FULL;
	if (hl_aha_create(&policy->cell, slab, groups, 0, &map->allocator) != HASHLOOM_OK)
		return HASHLOOM_ERROR_NO_MEMORY;
	slab->id_base = id_base;
	hl_u64_store_relaxed(&map->cells_total, hl_u64_load_relaxed(&map->cells_total) + groups * HL_AHA_LANES);
	set_counter_mask(map);
	/* release. pairs with [AHM-1] in hl_ahm_slabs_count(). orders the slab's addresses before its being there */
	hl_u32_store_release(&map->slabs_count, seen + 1);
	return HASHLOOM_OK;
}

int hl_ahm_grow(const struct hl_ahm_policy *policy, struct hl_ahm *map, uint32_t seen, int is_needed)
{
	int result = HASHLOOM_OK;

	if (policy->is_fixed)
		return HASHLOOM_ERROR_FULL;
	/* acquire. pairs with [AHM-2] below. Ends when the thread that makes a slab has made it, or failed. */
	for (unsigned spins = 0; hl_u32_exchange_acquire(&map->growing, 1) != 0; spins++) {
		if (!is_needed)
			return HASHLOOM_OK;
		hl_aha_pause(spins);
	}
	if (hl_u32_load_relaxed(&map->slabs_count) == seen) {
		result = add_slab(policy, map, seen);
		hl_u32_store_relaxed(&map->grow_failed, result == HASHLOOM_ERROR_NO_MEMORY);
	}
	/* release. pairs with [AHM-2] above */
	hl_u32_store_release(&map->growing, 0);
	return result;
}

/*
 * Beyond the load factor one thread makes the slab and the others go on. Halfway from there to full they wait for it: it may have been
 * preempted, and in a slab without room searches take for ever.
 */
int hl_ahm_grow_if_due(const struct hl_ahm_policy *policy, struct hl_ahm *map)
{
	const uint32_t seen = hl_ahm_slabs_count(policy, map);
	const uint64_t cells = hl_u64_load_relaxed(&map->cells_total);
	const uint64_t used = hl_ahm_used(policy, map);

	if (used * 1000 < cells * map->load_permille)
		return HASHLOOM_OK;
	/* FULL is no reason to fail: there may be a cell. */
	return hl_ahm_grow(policy, map, seen, used * 2000 >= cells * (1000 + map->load_permille)) == HASHLOOM_ERROR_NO_MEMORY ?
		       HASHLOOM_ERROR_NO_MEMORY :
		       HASHLOOM_OK;
}

/* ---- the end of entries ------------------------------------------------------------------------------ */

/* Exclusive: whether a cell has a value that was made and not given up; is_live: an entry's. */
static int has_value(const struct hl_ahm_policy *policy, struct hl_ahm_place place, int *is_live)
{
	const uint64_t word = hl_aha_word_load_relaxed(&policy->cell, place.slab, place.cell);
	uint64_t key_word;

	*is_live = hl_ahm_entry_at(policy, place, &key_word);
	if (hl_ahm_is_side_place(place))
		return word == policy->side_word || word == policy->cell.erased_word;
	return hl_aha_is_key(&policy->cell, word) || word == policy->cell.erased_word;
}

/* Gives up all values, or those of no entry. */
static void destroy_values(const struct hl_ahm_policy *policy, struct hl_ahm *map, int with_live)
{
	const uint64_t ids = hl_ahm_ids(map);

	for (uint64_t id = 0; map->destroy_value != NULL && id < ids; id++) {
		const struct hl_ahm_place place = hl_ahm_place_of_id(policy, map, id);
		int is_live;

		if (has_value(policy, place, &is_live) && (with_live || !is_live))
			map->destroy_value(map->destroy_context, hl_ahm_value(policy, place));
	}
}

static void free_slabs(const struct hl_ahm_policy *policy, struct hl_ahm *map, uint32_t from)
{
	for (uint32_t slab = hl_u32_load_relaxed(&map->slabs_count); slab-- > from;)
		hl_aha_destroy(&policy->cell, &map->slabs[slab], side_cells(slab), &map->allocator);
}

/* The map has one slab, with so many entries. Nobody holds anything, whatever the dead have left. */
static void restart(struct hl_ahm *map, uint64_t entries)
{
	for (unsigned i = 0; i < HL_STRIPES; i++) {
		hl_u64_store_relaxed(&map->stripes[i].inserted, i == 0 ? entries : 0);
		hl_u64_store_relaxed(&map->stripes[i].erased, 0);
		hl_u64_store_relaxed(&map->stripes[i].revived, 0);
	}
	hl_u32_store_relaxed(&map->slabs_count, 1);
	hl_u32_store_relaxed(&map->grow_failed, 0);
	hl_u32_store_relaxed(&map->growing, 0);
	for (unsigned i = 0; i < HL_AHM_LOCKS; i++)
		hl_u8_store_relaxed(&map->locks[i], 0);
	hl_u64_store_relaxed(&map->cells_total, hl_aha_cells_count(&map->slabs[0]));
	set_counter_mask(map);
}

void hl_ahm_destroy(const struct hl_ahm_policy *policy, struct hl_ahm *map)
{
	destroy_values(policy, map, 1);
	free_slabs(policy, map, 0);
}

void hl_ahm_clear(const struct hl_ahm_policy *policy, struct hl_ahm *map)
{
	struct hl_aha *const first = &map->slabs[0];

	destroy_values(policy, map, 1);
	free_slabs(policy, map, 1);
	memset(first->lines, 0, hl_aha_memory_size(&policy->cell, first->groups_count, side_cells(0)));
	restart(map, 0);
}

/* ---- compact ---------------------------------------------------------------------------------------- */

/* Copies the entry in a place to a slab that has room. The cells' bytes are plain memory: nobody else is here. */
static void move_entry(const struct hl_ahm_policy *policy, struct hl_ahm_place from, struct hl_aha *to, uint64_t word)
{
	const struct hl_aha_policy *const cell = &policy->cell;
	const uint64_t hash = hl_aha_hash_key(cell, hl_aha_key(cell, word));
	const int is_side = hl_ahm_is_side_place(from);
	const uint32_t id = is_side ? (uint32_t)(hl_aha_cells_count(to) + from.cell - hl_aha_cells_count(from.slab)) :
				      hl_aha_claim_any(cell, to, hash);

	hl_assert(id != HL_AHA_NONE);
	if (cell->value_size > 0)
		memcpy(hl_aha_value(cell, to, id), hl_aha_value(cell, from.slab, from.cell), cell->value_size);
	if (is_side)
		hl_aha_word_store_release(cell, to, id, policy->side_word);
	else
		hl_aha_publish(cell, to, word, hash, id);
}

int hl_ahm_compact(const struct hl_ahm_policy *policy, struct hl_ahm *map, size_t entries_max)
{
	const size_t entries = hl_ahm_size(map);
	const uint64_t groups = hl_aha_groups_for(larger(larger(entries_max, entries), 1), map->load_permille);
	struct hl_aha slab;
	uint64_t position = 0;
	uint64_t word;

	if (groups == 0 || groups > CELLS_MAX / HL_AHA_LANES)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	const int error = hl_aha_create(&policy->cell, &slab, groups, side_cells(0), &map->allocator);
	if (error != HASHLOOM_OK)
		return error;
	for (struct hl_ahm_place from;
	     (from = hl_ahm_next(policy, map, &position, UINT64_MAX, &word)).slab != NULL;)
		move_entry(policy, from, &slab, word);
	destroy_values(policy, map, 0);
	free_slabs(policy, map, 0);
	map->slabs[0] = slab;
	restart(map, entries);
	return HASHLOOM_OK;
}

/* ---- statistics ------------------------------------------------------------------------------------- */

/* Groups that a find of the entry in a place looks at, in its slab. */
static uint64_t probes_of(const struct hl_ahm_policy *policy, struct hl_ahm_place place, uint64_t word)
{
	const struct hl_aha_policy *const cell = &policy->cell;
	const uint64_t length = hl_aha_path_length(cell, place.slab);
	uint64_t group = hl_aha_home(place.slab, hl_aha_hash_key(cell, hl_aha_key(cell, word)));
	uint64_t passed = 0;

	for (; passed < length && group != place.cell / HL_AHA_LANES; passed++)
		group = hl_aha_next_group(cell, place.slab, group, passed);
	return passed + 1;
}

static void count_cell(const struct hl_ahm_policy *policy, struct hl_ahm_place place,
		       struct atomic_hash_map_slab_stats *slab)
{
	const uint64_t word = hl_aha_word_load_relaxed(&policy->cell, place.slab, place.cell);
	const int is_side = hl_ahm_is_side_place(place);
	uint64_t key_word;

	if (hl_ahm_entry_at(policy, place, &key_word)) {
		const uint64_t probes = is_side ? 0 : probes_of(policy, place, key_word);

		slab->entries++;
		slab->probes += probes;
		slab->probes_max = probes > slab->probes_max ? probes : slab->probes_max;
	} else if (word == policy->cell.erased_word || (!is_side && hl_aha_is_key(&policy->cell, word))) {
		slab->tombstones++;
	} else if (word == policy->cell.sealed_word) {
		slab->sealed++;
	}
}

static void add(struct atomic_hash_map_slab_stats *total, const struct atomic_hash_map_slab_stats *slab)
{
	total->cells_count += slab->cells_count;
	total->entries += slab->entries;
	total->tombstones += slab->tombstones;
	total->sealed += slab->sealed;
	total->overflowed += slab->overflowed;
	total->probes += slab->probes;
	total->probes_max = slab->probes_max > total->probes_max ? slab->probes_max : total->probes_max;
	total->bytes += slab->bytes;
}

void hl_ahm_statistics(const struct hl_ahm_policy *policy, const struct hl_ahm *map,
		       struct atomic_hash_map_stats *statistics)
{
	memset(statistics, 0, sizeof(*statistics));
	statistics->slabs_count = hl_ahm_slabs_count(policy, map);
	for (uint32_t i = 0; i < statistics->slabs_count; i++) {
		const struct hl_aha *const slab = &map->slabs[i];
		struct atomic_hash_map_slab_stats *const of_slab = &statistics->slabs[i];

		of_slab->cells_count = hl_aha_cells_count(slab);
		of_slab->bytes = hl_aha_memory_size(&policy->cell, slab->groups_count, side_cells(i));
		for (uint64_t cell = 0; cell < hl_ahm_slab_ids(map, i); cell++)
			count_cell(policy, hl_ahm_make_place(slab, (uint32_t)cell), of_slab);
		for (uint64_t group = 0; group < slab->groups_count; group++)
			of_slab->overflowed += hl_aha_line_overflow(hl_aha_line_load(slab, group)) > 0;
		add(&statistics->total, of_slab);
	}
}
