/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * async_hash_map.c: an atomic hash array (policy any_key) from key to block, and chains of futures over it.
 *
 * put     find (is the key there?) -> copy (into a block of its own) -> publish (claim a cell, one short step)
 * get     find (pin the value)     -> copy (out of the block), unpin in its map
 * remove  find (pin the value)     -> unlink (one short step), unpin
 * lookup  find (pin the value), unpin in its map
 *
 * Publish and unlink hold the lock of the key's home group for a search and a few stores; when another thread holds it they
 * return IDLE: they have not begun. Copies hold no lock. Find and unpin never wait.
 *
 * Cancellation (X.4 in future.h). Only a find that was RUNNING and a copy in flight go on, to their ends; whatever is idle is passed
 * over. So a chain that is cut short holds what its find left to it, and nothing else: a put its block, the others their pin. The task
 * of all four, operation_task(), gives it back when the chain is complete. A publish or unlink that has had its lock has ended: there
 * is no half of them.
 *
 * A cell's value is a state word, the block's address and its size. The state is two bits and a count of pins:
 *
 *     0 pins  --- publish, under the lock: + LIVE ---> LIVE, pins --- unlink, under the lock ---> DYING, pins
 *        ^                                                                                          |
 *        '---------------- the last unpin: cas DYING with no pins -> 0, frees the block, releases the cell
 *
 *   - A pin is counted first and looked at afterwards: it holds if the word was LIVE and the key word is still the key's. Otherwise it
 *     is taken back. So pins come and go in any state, and whoever brings them to none in DYING tries
 *     to end it; the cas lets one succeed.
 *   - Block and size are plain: written between claim and LIVE, read by who holds a pin that was LIVE, or by the one that ended it.
 *   - The key word goes from LOCKED to the key after LIVE is set, and the cell is not released before the state is 0; so a pin
 *     with the right key behind it is a pin on that key's value (the same cell may have been another's in between).
 *   - The state survives the cell's reuse: pins that fail may still be counted when the next entry is published. That is why
 *     LIVE is added, not stored.
 *
 *   tag    order                                    pairs with                          for
 *   AM-1   publish: add LIVE release                pin: fetch_add acquire              block, size, the bytes moved (M.7); a claimed key word
 *   AM-2   unpin: fetch_sub release                 the last unpin: fetch_sub and       readers are done before the block is freed
 *                                                   cas acquire
 *
 * Unlink is relaxed: of its two bits nothing but they themselves is concluded, and what it does to the table the lock orders. Nor does
 * the step to 0 release anything: the next publish of the cell comes behind hl_aha_release() and a claim.
 */
#include <hashloom/async_hash_map.h>

#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/atomic_hash_map_core.h>

#include <errno.h>

#define LIVE ((uint64_t)1 << 63)
#define DYING ((uint64_t)1 << 62)
#define PIN ((uint64_t)1)

#define BLOCK_ALIGNMENT _Alignof(max_align_t)

/* A table larger than this does not stay in the core's own caches: find prefetches and yields. */
#define LARGE_TABLE_BYTES ((size_t)512 << 10)

struct value {
	hl_u64 state;
	void *block; /* NULL if size is 0 */
	size_t size;
};

struct cell {
	hl_u64 key_word;
	struct value value;
};

struct async_hash_map {
	struct hl_aha array;
	struct hashloom_allocator allocator;
	size_t capacity;
	int is_large;
	hl_u64 count __attribute__((aligned(HL_CACHE_LINE))); /* written by publish and unlink */
};

enum purpose {
	FIND_ABSENT,	/* OK: not there, and there may be room */
	FIND_AND_PIN,	/* OK: there, and pinned */
	FIND_AND_TOUCH, /* the same, and the block will be used */
};

static const struct hl_aha_policy policy = {
	.key_size = sizeof(hl_u64),
	.value_size = sizeof(struct value),
	.value_offset = offsetof(struct cell, value),
	.cell_size = sizeof(struct cell),
	.empty_key = UINT64_MAX,
	.locked_word = 1,
	.erased_word = 2,
	.sealed_word = 3,
	.reuse = HASHLOOM_REUSE_ANY_KEY,
};

/* ---- blocks and pins ------------------------------------------------------------------------------ */

static void *block_new(struct async_hash_map *map, size_t size)
{
	return map->allocator.allocate(map->allocator.context, size, BLOCK_ALIGNMENT, HASHLOOM_ALLOC_ANY);
}

static void block_delete(struct async_hash_map *map, void *block, size_t size)
{
	if (block != NULL)
		map->allocator.release(map->allocator.context, block, size, BLOCK_ALIGNMENT);
}

static struct value *value_at(const struct async_hash_map *map, uint32_t cell)
{
	return hl_aha_value(&policy, &map->array, cell);
}

/* The state of a removed value was brought to 0 by this thread. */
static void bury(struct async_hash_map *map, uint32_t cell)
{
	struct value *const value = value_at(map, cell);

	block_delete(map, value->block, value->size);
	hl_aha_release(&policy, &map->array, cell);
}

static uint32_t find_cell(const struct async_hash_map *map, uint64_t key, uint64_t hash)
{
	const struct hl_aha_lookup lookup = { .hash = hash, .word = hl_aha_word(&policy, key) };

	return hl_aha_find(&policy, &map->array, &lookup);
}

/* Whether a cell is this key's. */
static int is_cell_of(const struct async_hash_map *map, uint32_t cell, uint64_t key)
{
	return hl_aha_word_load_acquire(&policy, &map->array, cell) == hl_aha_word(&policy, key);
}

/* Takes a pin back; the last one on a removed value frees the block and the cell. */
static void unpin(struct async_hash_map *map, uint32_t cell)
{
	struct value *const value = value_at(map, cell);
	uint64_t expected = DYING;

	/* acq_rel. pairs with [AM-2] in itself. orders the reads of the block before its free */
	if (hl_u64_fetch_sub_acq_rel(&value->state, PIN) != (DYING | PIN))
		return;
	/*
	 * acquire. pairs with [AM-2] above. What this thread unpinned may have been buried by another one since, and the cell may hold
	 * a later value that is DYING without pins, too: then this one buries that, and has not heard of its readers before
	 */
	if (hl_u64_cas_acquire(&value->state, &expected, 0))
		bury(map, cell);
}

/* The same for whoever removed it, whose pin is most often the only one: one step instead of two. */
static void unpin_removed(struct async_hash_map *map, uint32_t cell)
{
	uint64_t expected = DYING | PIN;

	/* acquire. pairs with [AM-2] in unpin() */
	if (hl_u64_cas_acquire(&value_at(map, cell)->state, &expected, 0))
		bury(map, cell);
	else
		unpin(map, cell);
}

/* Pins the value in a cell if it is this key's. Returns whether it is. */
static int pin_cell(struct async_hash_map *map, uint32_t cell, uint64_t key)
{
	/* acquire. pairs with [AM-1] in publish(). if relaxed: block and key word may be those of before */
	const uint64_t before = hl_u64_fetch_add_acquire(&value_at(map, cell)->state, PIN);

	if ((before & LIVE) && is_cell_of(map, cell, key))
		return 1;
	unpin(map, cell);
	return 0;
}

/* ---- find ----------------------------------------------------------------------------------------- */

static enum async_hash_map_status find_and_pin(struct async_hash_map *map, uint64_t key, struct async_hash_map_place *place)
{
	const uint32_t cell = find_cell(map, key, place->hash);

	/* A cell that is not the key's any more: it was removed while we looked. */
	if (cell == HL_AHA_NONE || !pin_cell(map, cell, key))
		return ASYNC_HASH_MAP_NOT_FOUND;
	place->cell = cell;
	place->block = value_at(map, cell)->block;
	place->size = value_at(map, cell)->size;
	return ASYNC_HASH_MAP_OK;
}

/*
 * A value that is DYING is gone for all who saw that it is. The key is looked at again after the state, because the cell may have gone to
 * another key in between.
 */
static int is_present(const struct async_hash_map *map, uint64_t key, uint64_t hash)
{
	const uint32_t cell = find_cell(map, key, hash);

	/* acquire. pairs with [AM-1] in publish(): the key word is at least as new as the state */
	return cell != HL_AHA_NONE && (hl_u64_load_acquire(&value_at(map, cell)->state) & LIVE) &&
	       is_cell_of(map, cell, key);
}

static int is_full(const struct async_hash_map *map)
{
	return hl_u64_load_relaxed(&map->count) >= map->capacity;
}

/*
 * Whether a put has a chance, before anything is copied for it. That there is no room is said under the lock only: the last place may just be
 * taken by another put of this very key, which then exists.
 */
static enum async_hash_map_status find_absent(struct async_hash_map *map, uint64_t key, uint64_t hash)
{
	enum async_hash_map_status status = ASYNC_HASH_MAP_OK;

	if (is_present(map, key, hash))
		return ASYNC_HASH_MAP_EXISTS;
	if (HL_LIKELY(!is_full(map)) || !hl_aha_try_lock(&map->array, hash))
		return ASYNC_HASH_MAP_OK;
	if (is_present(map, key, hash))
		status = ASYNC_HASH_MAP_EXISTS;
	else if (is_full(map))
		status = ASYNC_HASH_MAP_FULL;
	hl_aha_unlock(&map->array, hash);
	return status;
}

static void poll_me_in_turn(struct future_notifier *notifier)
{
	if (notifier != NULL)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
}

/*
 * On a large table what comes next is asked for, and others are polled while it comes: the cell when the future is made, the
 * block, which a get copies and a remove frees, when the cell is pinned.
 */
static enum future_state find_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct async_hash_map_find_data *const data = future_context_get_data(context);
	struct async_hash_map_place *const place = future_context_get_output(context);
	struct async_hash_map *const map = data->map;

	poll_me_in_turn(notifier);
	if (context->state == FUTURE_STATE_RUNNING)
		return FUTURE_STATE_COMPLETE;
	if (data->key > ASYNC_HASH_MAP_KEY_MAX)
		place->status = ASYNC_HASH_MAP_INVALID_KEY;
	else if (data->purpose == FIND_ABSENT)
		place->status = find_absent(map, data->key, place->hash);
	else
		place->status = find_and_pin(map, data->key, place);
	if (!map->is_large || data->purpose != FIND_AND_TOUCH || place->status != ASYNC_HASH_MAP_OK)
		return FUTURE_STATE_COMPLETE;
	/* Both ends: a small block often lies across two lines, of a large one the machine sees the rest coming. */
	if (place->size > 0) {
		__builtin_prefetch(place->block);
		__builtin_prefetch((const char *)place->block + place->size);
	}
	return FUTURE_STATE_RUNNING;
}

/* Makes the first step of a chain, in its place. */
static inline void find_start(struct async_hash_map_find_fut *future, struct async_hash_map *map, uint64_t key,
			      enum purpose purpose)
{
	future->data.map = map;
	future->data.key = key;
	future->data.purpose = purpose;
	future->output.hash = hl_aha_hash(key);
	future->output.status = ASYNC_HASH_MAP_INCOMPLETE;
	FUTURE_INIT(future, find_task);
	if (map->is_large)
		hl_aha_prefetch_cell(&policy, &map->array, future->output.hash);
}

/* ---- the last step of put and remove --------------------------------------------------------------- */

/* Runs `task` if all went well so far; otherwise there is nothing to do but to tell the status. */
static void finish_by(struct async_hash_map_finish_fut *future, future_task_fn task, struct async_hash_map_find_fut *find,
		      enum async_hash_map_status status)
{
	future->data.find = find;
	future->output.status = status;
	if (status == ASYNC_HASH_MAP_OK)
		FUTURE_INIT(future, task);
	else
		FUTURE_INIT_COMPLETE(future);
}

/* Takes one key off the capacity: 1, or 0 when there is none left. Each failed turn is another's success. */
static int count_up(struct async_hash_map *map)
{
	uint64_t count = hl_u64_load_relaxed(&map->count);

	do {
		if (count >= map->capacity)
			return 0;
	} while (!hl_u64_cas_relaxed(&map->count, &count, count + 1));
	return 1;
}

/* The lock of the key's home is held. */
static enum async_hash_map_status publish(struct async_hash_map *map, uint64_t key, const struct async_hash_map_place *place)
{
	if (find_cell(map, key, place->hash) != HL_AHA_NONE)
		return ASYNC_HASH_MAP_EXISTS;
	if (!count_up(map))
		return ASYNC_HASH_MAP_FULL;
	const uint32_t cell = hl_aha_claim_any(&policy, &map->array, place->hash);
	if (cell == HL_AHA_NONE) {
		hl_u64_fetch_sub_relaxed(&map->count, 1);
		return ASYNC_HASH_MAP_FULL;
	}
	struct value *const value = value_at(map, cell);

	value->block = place->block;
	value->size = place->size;
	/* release. pairs with [AM-1] in pin_cell(). orders block and size, and that the cell was claimed, before */
	const uint64_t before = hl_u64_fetch_add_release(&value->state, LIVE);
	hl_assert((before & (LIVE | DYING)) == 0);
	(void)before;
	hl_aha_publish(&policy, &map->array, hl_aha_word(&policy, key), place->hash, cell);
	return ASYNC_HASH_MAP_OK;
}

static enum future_state publish_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct async_hash_map_finish_data *const data = future_context_get_data(context);
	struct async_hash_map_finish_output *const output = future_context_get_output(context);
	struct async_hash_map *const map = data->find->data.map;
	const struct async_hash_map_place *const place = &data->find->output;

	poll_me_in_turn(notifier);
	if (!hl_aha_try_lock(&map->array, place->hash))
		return FUTURE_STATE_IDLE;
	output->status = publish(map, data->find->data.key, place);
	hl_aha_unlock(&map->array, place->hash);
	if (output->status != ASYNC_HASH_MAP_OK)
		block_delete(map, place->block, place->size);
	return FUTURE_STATE_COMPLETE;
}

/*
 * The lock of the key's home is held, and the cell is pinned: it is still the key's, or the key was removed since. The pin keeps the
 * cell from being released before its key word is gone. Adding DYING - LIVE turns the one bit into the
 * other and leaves the pins as they are.
 */
static enum async_hash_map_status unlink_cell(struct async_hash_map *map, uint64_t hash, uint32_t cell)
{
	struct value *const value = value_at(map, cell);

	if (!(hl_u64_load_relaxed(&value->state) & LIVE))
		return ASYNC_HASH_MAP_NOT_FOUND;
	(void)hl_u64_fetch_add_relaxed(&value->state, DYING - LIVE);
	hl_aha_unlink(&policy, &map->array, hash, cell);
	hl_u64_fetch_sub_relaxed(&map->count, 1);
	return ASYNC_HASH_MAP_OK;
}

static enum future_state unlink_task(struct future_context *context, struct future_notifier *notifier)
{
	const struct async_hash_map_finish_data *const data = future_context_get_data(context);
	struct async_hash_map_finish_output *const output = future_context_get_output(context);
	struct async_hash_map *const map = data->find->data.map;
	const struct async_hash_map_place *const place = &data->find->output;

	poll_me_in_turn(notifier);
	if (!hl_aha_try_lock(&map->array, place->hash))
		return FUTURE_STATE_IDLE;
	output->status = unlink_cell(map, place->hash, place->cell);
	hl_aha_unlock(&map->array, place->hash);
	if (output->status == ASYNC_HASH_MAP_OK)
		unpin_removed(map, place->cell);
	else
		unpin(map, place->cell);
	return FUTURE_STATE_COMPLETE;
}

/* ---- the task of all four ------------------------------------------------------------------------- */

/*
 * A chain that was cut short: its find, which is the first entry of all four, may have found what was asked for, and then the last
 * entry's map or task, which would have seen to it, was not called. The outputs begin with the status.
 */
static void give_back(struct future_context *chain)
{
	const struct async_hash_map_find_fut *const find =
		(void *)hl_chain_entry_future(future_context_get_data(chain));
	const struct async_hash_map_place *const place = &find->output;
	enum async_hash_map_status *const status = future_context_get_output(chain);

	*status = ASYNC_HASH_MAP_CANCELLED;
	if (place->status != ASYNC_HASH_MAP_OK)
		return;
	if (find->data.purpose == FIND_ABSENT)
		block_delete(find->data.map, place->block, place->size);
	else
		unpin(find->data.map, place->cell);
}

static enum future_state operation_task(struct future_context *chain, struct future_notifier *notifier)
{
	const enum future_state state = hl_chain_forward_impl(chain, notifier);

	if (HL_UNLIKELY(chain->padding & HL_FUTURE_CANCELLED)) {
		hl_assert(state == FUTURE_STATE_COMPLETE); /* behind an entry that was cut short none has begun */
		give_back(chain);
	}
	return state;
}

/* The last step of making an operation. */
#define OPERATION_INIT(futurep)                                                                    \
	do {                                                                                       \
		FUTURE_CHAIN_INIT_FORWARD(futurep);                                                \
		(futurep)->base.task = operation_task;                                             \
	} while (0)

HL_STATIC_ASSERT(offsetof(struct async_hash_map_put_output, status) == 0, "outputs begin with the status");
HL_STATIC_ASSERT(offsetof(struct async_hash_map_get_copy_output, status) == 0, "outputs begin with the status");
HL_STATIC_ASSERT(offsetof(struct async_hash_map_remove_output, status) == 0, "outputs begin with the status");
HL_STATIC_ASSERT(offsetof(struct async_hash_map_lookup_output, status) == 0, "outputs begin with the status");

/* ---- copies --------------------------------------------------------------------------------------- */

/* A copy that is not needed. */
static void copy_at_once(struct vdm_operation_future *future)
{
	future->output.result = VDM_SUCCESS;
	FUTURE_INIT_COMPLETE(future);
}

static enum async_hash_map_status copy_status(const struct vdm_operation_future *copy)
{
	switch (copy->output.result) {
	case VDM_SUCCESS:
		return ASYNC_HASH_MAP_OK;
	case VDM_ERROR_OUT_OF_MEMORY:
		return ASYNC_HASH_MAP_NO_MEMORY;
	default:
		return ASYNC_HASH_MAP_MOVER_ERROR;
	}
}

/* ---- put ------------------------------------------------------------------------------------------ */

static void put_copy_init(void *future, struct future_context *chain, void *arg)
{
	struct async_hash_map_put_data *const data = future_context_get_data(chain);
	struct async_hash_map_place *const place = &data->find.fut.output;
	struct vdm_operation_future *const copy = future;

	(void)arg;
	place->block = NULL;
	place->size = data->size;
	if (place->status == ASYNC_HASH_MAP_OK && data->size > 0) {
		place->block = block_new(data->find.fut.data.map, data->size);
		if (place->block == NULL)
			place->status = ASYNC_HASH_MAP_NO_MEMORY;
	}
	if (place->block != NULL)
		*copy = vdm_memcpy(data->vdm, place->block, (void *)(uintptr_t)data->value, data->size, 0);
	else
		copy_at_once(copy);
}

static void put_publish_init(void *future, struct future_context *chain, void *arg)
{
	struct async_hash_map_put_data *const data = future_context_get_data(chain);
	struct async_hash_map_place *const place = &data->find.fut.output;

	(void)arg;
	if (place->status == ASYNC_HASH_MAP_OK)
		place->status = copy_status(&data->copy.fut);
	if (place->status != ASYNC_HASH_MAP_OK)
		block_delete(data->find.fut.data.map, place->block, place->size);
	finish_by(future, publish_task, &data->find.fut, place->status);
}

static void put_map(struct future_context *publish_step, struct future_context *chain, void *arg)
{
	const struct async_hash_map_finish_output *const done = future_context_get_output(publish_step);
	struct async_hash_map_put_output *const output = future_context_get_output(chain);

	(void)arg;
	output->status = done->status;
}

struct async_hash_map_put_fut async_hash_map_put(struct async_hash_map *map, struct vdm *vdm, uint64_t key, const void *value,
						 size_t size)
{
	struct async_hash_map_put_fut chain;

	find_start(&chain.data.find.fut, map, key, FIND_ABSENT);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.find, chain.data.find.fut, NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.copy, put_copy_init, NULL, NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.publish, put_publish_init, NULL, put_map, NULL);
	chain.data.vdm = vdm;
	chain.data.value = value;
	chain.data.size = size;
	chain.output.status = ASYNC_HASH_MAP_INCOMPLETE;
	OPERATION_INIT(&chain);
	return chain;
}

/* ---- get ------------------------------------------------------------------------------------------ */

static size_t get_copied(const struct async_hash_map_get_copy_data *data, size_t size)
{
	return size < data->buffer_size ? size : data->buffer_size;
}

static void get_copy_init(void *future, struct future_context *chain, void *arg)
{
	struct async_hash_map_get_copy_data *const data = future_context_get_data(chain);
	const struct async_hash_map_place *const place = &data->find.fut.output;
	struct vdm_operation_future *const copy = future;
	const size_t n = place->status == ASYNC_HASH_MAP_OK ? get_copied(data, place->size) : 0;

	(void)arg;
	if (n > 0)
		*copy = vdm_memcpy(data->vdm, data->buffer, place->block, n, 0);
	else
		copy_at_once(copy);
}

static void get_map(struct future_context *copy_step, struct future_context *chain, void *arg)
{
	const struct async_hash_map_get_copy_data *const data = future_context_get_data(chain);
	const struct async_hash_map_place *const place = &data->find.fut.output;
	struct async_hash_map_get_copy_output *const output = future_context_get_output(chain);

	(void)copy_step;
	(void)arg;
	output->status = place->status;
	if (place->status != ASYNC_HASH_MAP_OK)
		return;
	output->status = copy_status(&data->copy.fut);
	if (output->status == ASYNC_HASH_MAP_OK) {
		output->value = data->buffer;
		output->size = place->size;
		output->copied = get_copied(data, place->size);
	}
	unpin(data->find.fut.data.map, place->cell);
}

struct async_hash_map_get_copy_fut async_hash_map_get_copy(struct async_hash_map *map, struct vdm *vdm, uint64_t key,
							   void *buffer, size_t buffer_size)
{
	struct async_hash_map_get_copy_fut chain;

	find_start(&chain.data.find.fut, map, key, FIND_AND_TOUCH);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.find, chain.data.find.fut, NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.copy, get_copy_init, NULL, get_map, NULL);
	chain.data.vdm = vdm;
	chain.data.buffer = buffer;
	chain.data.buffer_size = buffer_size;
	chain.output.value = NULL;
	chain.output.size = 0;
	chain.output.copied = 0;
	chain.output.status = ASYNC_HASH_MAP_INCOMPLETE;
	OPERATION_INIT(&chain);
	return chain;
}

/* ---- remove --------------------------------------------------------------------------------------- */

static void remove_unlink_init(void *future, struct future_context *chain, void *arg)
{
	struct async_hash_map_remove_data *const data = future_context_get_data(chain);

	(void)arg;
	finish_by(future, unlink_task, &data->find.fut, data->find.fut.output.status);
}

static void remove_map(struct future_context *unlink_step, struct future_context *chain, void *arg)
{
	const struct async_hash_map_finish_output *const done = future_context_get_output(unlink_step);
	const struct async_hash_map_remove_data *const data = future_context_get_data(chain);
	struct async_hash_map_remove_output *const output = future_context_get_output(chain);

	(void)arg;
	output->status = done->status;
	if (done->status != ASYNC_HASH_MAP_OK)
		return;
	output->key = data->find.fut.data.key;
	output->size = data->find.fut.output.size;
}

struct async_hash_map_remove_fut async_hash_map_remove(struct async_hash_map *map, uint64_t key)
{
	struct async_hash_map_remove_fut chain;

	find_start(&chain.data.find.fut, map, key, FIND_AND_TOUCH);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.find, chain.data.find.fut, NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.unlink, remove_unlink_init, NULL, remove_map, NULL);
	chain.output.key = 0;
	chain.output.size = 0;
	chain.output.status = ASYNC_HASH_MAP_INCOMPLETE;
	OPERATION_INIT(&chain);
	return chain;
}

/* ---- lookup --------------------------------------------------------------------------------------- */

static void lookup_map(struct future_context *find_step, struct future_context *chain, void *arg)
{
	const struct async_hash_map_find_data *const data = future_context_get_data(find_step);
	const struct async_hash_map_place *const place = future_context_get_output(find_step);
	struct async_hash_map_lookup_output *const output = future_context_get_output(chain);

	(void)arg;
	output->status = place->status;
	if (place->status != ASYNC_HASH_MAP_OK)
		return;
	output->id = place->cell;
	output->size = place->size;
	unpin(data->map, place->cell);
}

struct async_hash_map_lookup_fut async_hash_map_lookup(struct async_hash_map *map, uint64_t key)
{
	struct async_hash_map_lookup_fut chain;

	find_start(&chain.data.find.fut, map, key, FIND_AND_PIN);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.find, chain.data.find.fut, lookup_map, NULL);
	chain.output.id = 0;
	chain.output.size = 0;
	chain.output.status = ASYNC_HASH_MAP_INCOMPLETE;
	OPERATION_INIT(&chain);
	return chain;
}

/* ---- the map -------------------------------------------------------------------------------------- */

struct async_hash_map *async_hash_map_new_with_allocator(size_t capacity, const struct hashloom_allocator *given)
{
	const struct hashloom_allocator allocator = given != NULL ? *given : *hashloom_allocator_default();
	const size_t alignment = _Alignof(struct async_hash_map);
	struct async_hash_map *const map =
		allocator.allocate(allocator.context, sizeof(*map), alignment, HASHLOOM_ALLOC_ZEROED);

	if (map == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	const uint64_t groups = hl_aha_groups_for(capacity, HL_AHA_LOAD_PERMILLE);
	const int error = groups == 0 ? HASHLOOM_ERROR_INVALID_ARGUMENT :
					hl_aha_create(&policy, &map->array, groups, 0, &allocator);
	if (error != HASHLOOM_OK) {
		allocator.release(allocator.context, map, sizeof(*map), alignment);
		errno = error == HASHLOOM_ERROR_NO_MEMORY ? ENOMEM : EINVAL;
		return NULL;
	}
	map->allocator = allocator;
	map->capacity = capacity;
	map->is_large = hl_aha_memory_size(&policy, groups, 0) > LARGE_TABLE_BYTES;
	return map;
}

struct async_hash_map *async_hash_map_new(size_t capacity)
{
	return async_hash_map_new_with_allocator(capacity, NULL);
}

void async_hash_map_delete(struct async_hash_map *map)
{
	if (map == NULL)
		return;
	for (uint64_t cell = 0; cell < hl_aha_cells_count(&map->array); cell++) {
		struct value *const value = value_at(map, (uint32_t)cell);

		if (hl_u64_load_relaxed(&value->state) & (LIVE | DYING))
			block_delete(map, value->block, value->size);
	}
	const struct hashloom_allocator allocator = map->allocator;
	hl_aha_destroy(&policy, &map->array, 0, &allocator);
	allocator.release(allocator.context, map, sizeof(*map), _Alignof(struct async_hash_map));
}

size_t async_hash_map_count(const struct async_hash_map *map)
{
	return (size_t)hl_u64_load_relaxed(&map->count);
}

size_t async_hash_map_capacity(const struct async_hash_map *map)
{
	return map->capacity;
}

const char *async_hash_map_status_text(enum async_hash_map_status status)
{
	switch (status) {
#define HL_STATUS_TEXT(name, text)                                                                 \
	case name:                                                                                 \
		return text;
		ASYNC_HASH_MAP_STATUSES(HL_STATUS_TEXT)
#undef HL_STATUS_TEXT
	default:
		return "unknown status";
	}
}

int async_hash_map_foreach(struct async_hash_map *map, async_hash_map_foreach_fn callback, void *arg)
{
	const uint64_t cells_count = hl_aha_cells_count(&map->array);
	int result = 0;

	for (uint64_t i = 0; result == 0 && i < cells_count; i++) {
		const uint32_t cell = (uint32_t)i;
		const uint64_t word = hl_aha_entry_word(&policy, &map->array, cell);
		const uint64_t key = hl_aha_key(&policy, word);

		if (word == HL_AHA_EMPTY || !pin_cell(map, cell, key))
			continue;
		result = callback(key, value_at(map, cell)->block, value_at(map, cell)->size, arg);
		unpin(map, cell);
	}
	return result;
}

int async_hash_map_check(const struct async_hash_map *map, struct async_hash_map_report *report)
{
	struct atomic_hash_map_report table;

	hl_ahm_check_slabs(&policy, &map->array, 1, &table);
	*report = (struct async_hash_map_report){
		.keys = table.entries,
		.count = async_hash_map_count(map),
		.unreleased = table.unreleased.count,
		.claimed = table.claimed.count,
		.home_locks = table.home_locks,
		.unreachable = table.unreachable.count,
		.damaged = table.damaged.count,
	};
	for (uint64_t cell = 0; cell < hl_aha_cells_count(&map->array); cell++) {
		const uint64_t pins = hl_u64_load_relaxed(&value_at(map, (uint32_t)cell)->state) & ~(LIVE | DYING);

		report->pinned += pins != 0;
		report->pins += pins;
	}
	return report->keys != report->count || table.overflow_wrong != 0 ||
	       (report->pins | report->unreleased | report->claimed | report->home_locks | report->unreachable | report->damaged) != 0;
}
