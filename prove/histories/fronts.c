/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fronts.c: the typed maps (fronts_typed.h), the type-erased one, the array, and the asynchronous map.
 *
 * What is read through an address is an item only where cells are never reused (A.4 to A.6, C.3, D.1 in atomic_hash_map.h): with the others a find tells that the
 * key is there, and a load or take what it has. Where they are not, the value may change between the find and the reading, and then the reading is the moment at
 * which the operation takes effect, or, if the key was erased in between, the moment before that.
 */
#include "fronts.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/atomic_hash_array.h>
#include <hashloom/atomic_hash_map.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>

#include <stdlib.h>
#include <string.h>

/* What the maps answer: 1, 0, 2, or an error. */
static enum history_outcome front_inserted(int result, int is_barred)
{
	if (result == HASHLOOM_ERROR_FULL)
		return is_barred ? HISTORY_BARRED : HISTORY_FULL;
	return result == 1 ? HISTORY_DONE : result == 0 ? HISTORY_EXISTS : HISTORY_NO_EFFECT;
}

static enum history_outcome front_changed(int result)
{
	return result == 1 ? HISTORY_DONE : result == 0 ? HISTORY_ABSENT : result == 2 ? HISTORY_DIFFERENT : HISTORY_NO_EFFECT;
}

/* Whether no entry but this one can ever be at its address. */
static int is_for_ever(enum hashloom_reuse reuse, uint64_t key)
{
	return reuse == HASHLOOM_REUSE_NEVER && key < UINT64_MAX - 3;
}

/* ---- typed ---------------------------------------------------------------------------------------------- */

/* Of emplace: yields, so that others meet the cell while it is pending, and one in four fails. */
static int construct_word(uint64_t *value, void *argument)
{
	const struct front_call *const call = argument;

	sched_yield();
	hl_u64_store_relaxed((hl_u64 *)(void *)value, call->argument);
	return call->variant / 4 % 4 == 0 ? HASHLOOM_ERROR_BUSY : 0;
}

static uint64_t add_words(uint64_t stored, uint64_t offered, void *argument)
{
	(void)argument;
	return stored + offered;
}

static struct atomic_hash_map_config typed_config(const struct front_shape *shape)
{
	return (struct atomic_hash_map_config){ .load_permille = shape->load_permille, .growth_permille = 1000, .counter_cache = 1 };
}

#define FRONT_NAME typed_never
#define FRONT_REUSE HASHLOOM_REUSE_NEVER
#define FRONT_FIXED 0
#include "fronts_typed.h"

#define FRONT_NAME typed_same_key
#define FRONT_REUSE HASHLOOM_REUSE_SAME_KEY
#define FRONT_FIXED 0
#include "fronts_typed.h"

#define FRONT_NAME typed_any_key
#define FRONT_REUSE HASHLOOM_REUSE_ANY_KEY
#define FRONT_FIXED 0
#include "fronts_typed.h"

#define FRONT_NAME typed_never_fixed
#define FRONT_REUSE HASHLOOM_REUSE_NEVER
#define FRONT_FIXED 1
#include "fronts_typed.h"

#define FRONT_NAME typed_same_key_fixed
#define FRONT_REUSE HASHLOOM_REUSE_SAME_KEY
#define FRONT_FIXED 1
#include "fronts_typed.h"

#define FRONT_NAME typed_any_key_fixed
#define FRONT_REUSE HASHLOOM_REUSE_ANY_KEY
#define FRONT_FIXED 1
#include "fronts_typed.h"

/* ---- type-erased ---------------------------------------------------------------------------------------- */

/* array: NULL, or the same object. */
struct erased {
	struct atomic_hash_map *map;
	struct atomic_hash_array *array;
	struct front_shape shape;
};

/* An item as the map keeps it: once, or twice where the value is wide. */
struct erased_value {
	uint64_t words[2];
};

static struct erased_value value_of(uint64_t item)
{
	return (struct erased_value){ { item, ~item } };
}

static uint64_t item_of(const struct erased *erased, const struct erased_value *value)
{
	return erased->shape.is_wide && value->words[1] != ~value->words[0] ? FRONT_TORN : value->words[0];
}

/* Wide values are plain memory; those that cannot change are read as that, so that ThreadSanitizer sees who may. */
static uint64_t item_at(const struct erased *erased, uint64_t key, const void *value)
{
	struct erased_value copy;

	if (!is_for_ever(erased->shape.reuse, key) || (erased->shape.is_wide && erased->shape.has_locks))
		return HISTORY_ANY;
	if (!erased->shape.is_wide)
		return hl_u64_load_acquire(value);
	memcpy(&copy, value, sizeof(copy));
	return item_of(erased, &copy);
}

static uint64_t one_hash(uint64_t key)
{
	(void)key;
	return UINT64_C(0x5bd1e995a4c93f21);
}

static int construct_value(void *value, void *argument)
{
	const struct front_call *const call = argument;
	const struct erased_value made = value_of(call->argument);

	memcpy((char *)value + sizeof(uint64_t), &made.words[1], sizeof(uint64_t));
	return construct_word(value, argument);
}

static int construct_narrow(void *value, void *argument)
{
	return construct_word(value, argument);
}

static void add_values(void *stored, const void *offered, void *argument)
{
	const struct erased *const erased = argument;
	struct erased_value value;

	memcpy(value.words, stored, sizeof(uint64_t));
	value = value_of(value.words[0] + *(const uint64_t *)offered);
	memcpy(stored, &value, erased->shape.is_wide ? sizeof(value) : sizeof(uint64_t));
}

static int erased_insert(struct erased *erased, struct front_call *call, void **where)
{
	const struct erased_value value = value_of(call->argument);
	int result;

	switch (call->variant % 4) {
	case 0:
		(void)atomic_hash_map_insert_batch(erased->map, &call->key, &value, 1, &result);
		return result;
	case 1:
		return atomic_hash_map_emplace(erased->map, call->key, erased->shape.is_wide ? construct_value : construct_narrow,
					       call, where);
	default:
		return erased->array != NULL ? atomic_hash_array_insert(erased->array, call->key, &value, where) :
					       atomic_hash_map_insert(erased->map, call->key, &value, where);
	}
}

static int erased_erase(struct erased *erased, struct front_call *call, struct erased_value *value)
{
	int result;

	switch (call->variant % 3) {
	case 0:
		(void)atomic_hash_map_erase_batch(erased->map, &call->key, 1, &result);
		break;
	case 1:
		result = erased->array != NULL ? atomic_hash_array_erase(erased->array, call->key) :
						 atomic_hash_map_erase(erased->map, call->key);
		break;
	default:
		result = atomic_hash_map_take(erased->map, call->key, value);
		if (result == 1)
			call->item = item_of(erased, value);
		break;
	}
	return result;
}

static int erased_find(struct erased *erased, struct front_call *call, struct erased_value *copy)
{
	void *value = NULL;
	int result;

	switch (call->variant % 5) {
	case 0:
		value = erased->array != NULL ? atomic_hash_array_find(erased->array, call->key) :
						atomic_hash_map_find(erased->map, call->key);
		break;
	case 1:
		value = atomic_hash_map_find_near(erased->map, call->key);
		break;
	case 2:
		(void)atomic_hash_map_find_batch(erased->map, &call->key, 1, &value);
		break;
	case 3:
		return (int)atomic_hash_map_count(erased->map, call->key);
	default:
		result = atomic_hash_map_load(erased->map, call->key, copy);
		if (result == 1)
			call->item = item_of(erased, copy);
		return result;
	}
	if (value != NULL)
		call->item = item_at(erased, call->key, value);
	return value != NULL;
}

/* The changes: what they answer, and *seen if they tell. */
static int erased_change(struct erased *erased, struct front_call *call, struct erased_value *seen)
{
	const struct erased_value value = value_of(call->argument);

	switch (call->kind) {
	case HISTORY_STORE:
		*seen = value_of(HISTORY_ANY);
		return call->variant % 2 ? atomic_hash_map_exchange(erased->map, call->key, &value, seen) :
					   atomic_hash_map_store(erased->map, call->key, &value);
	case HISTORY_COMPARE_EXCHANGE:
		*seen = value_of(call->expected);
		return atomic_hash_map_compare_exchange(erased->map, call->key, seen, &value);
	default:
		return atomic_hash_map_fetch_add(erased->map, call->key, call->argument, seen);
	}
}

static enum history_outcome erased_call(void *map, struct front_call *call)
{
	struct erased *const erased = map;
	const int is_barred = erased->shape.is_fixed && erased->shape.reuse == HASHLOOM_REUSE_NEVER;
	struct erased_value value = value_of(call->argument);
	void *where = NULL;
	int result;

	call->item = HISTORY_ANY;
	switch (call->kind) {
	case HISTORY_INSERT:
		result = erased_insert(erased, call, &where);
		if (result == 0 && where != NULL)
			call->item = item_at(erased, call->key, where);
		return front_inserted(result, is_barred);
	case HISTORY_ERASE:
		return front_changed(erased_erase(erased, call, &value));
	case HISTORY_FIND:
		return front_changed(erased_find(erased, call, &value));
	case HISTORY_UPSERT:
		result = atomic_hash_map_upsert(erased->map, call->key, &value, add_values, erased, &value);
		if (result >= 0)
			call->item = item_of(erased, &value);
		return front_inserted(result, is_barred);
	default:
		result = erased_change(erased, call, &value);
		if (result > 0)
			call->item = item_of(erased, &value);
		return front_changed(result);
	}
}

static void erased_iterate(void *map, front_visit_fn visit, void *argument)
{
	struct erased *const erased = map;
	uint64_t position = 0;
	uint64_t key = 0;
	const void *value;

	while ((value = erased->array != NULL ? atomic_hash_array_next(erased->array, &position, &key) :
						atomic_hash_map_next(erased->map, &position, &key)) != NULL)
		visit(argument, key, item_at(erased, key, value));
}

static int array_make(struct erased *erased)
{
	const struct atomic_hash_array_config config = {
		.value_size = erased->shape.is_wide ? sizeof(struct erased_value) : sizeof(uint64_t),
		.load_permille = erased->shape.load_permille,
		.reuse = erased->shape.reuse,
		.hash = erased->shape.has_one_hash ? one_hash : NULL,
	};

	if (atomic_hash_array_create(erased->shape.entries_max, &config, &erased->array) != HASHLOOM_OK)
		return 0;
	erased->map = atomic_hash_array_as_map(erased->array);
	return 1;
}

static int map_make(struct erased *erased)
{
	const struct front_shape *const shape = &erased->shape;
	const struct atomic_hash_map_config config = {
		.value_size = shape->is_wide ? sizeof(struct erased_value) : sizeof(uint64_t),
		.load_permille = shape->load_permille,
		.growth_permille = 1000,
		.counter_cache = 1,
		.reuse = shape->reuse,
		.probing = shape->is_quadratic ? HASHLOOM_PROBING_QUADRATIC : HASHLOOM_PROBING_LINEAR,
		.is_fixed = shape->is_fixed,
		.has_locks = shape->has_locks,
		.hash = shape->has_one_hash ? one_hash : NULL,
	};

	return atomic_hash_map_create(shape->entries_max, &config, &erased->map) == HASHLOOM_OK;
}

static void *erased_make(const struct front_shape *shape, int (*make)(struct erased *erased))
{
	struct erased *const erased = calloc(1, sizeof(*erased));

	if (erased == NULL)
		return NULL;
	erased->shape = *shape;
	if (make(erased))
		return erased;
	free(erased);
	return NULL;
}

static void *erased_new(const struct front_shape *shape)
{
	return erased_make(shape, map_make);
}

static void *array_new(const struct front_shape *shape)
{
	return erased_make(shape, array_make);
}

static void erased_delete(void *map)
{
	struct erased *const erased = map;

	if (erased->array != NULL)
		atomic_hash_array_destroy(erased->array);
	else
		atomic_hash_map_destroy(erased->map);
	free(erased);
}

static size_t erased_size(void *map)
{
	const struct erased *const erased = map;

	return erased->array != NULL ? atomic_hash_array_size(erased->array) : atomic_hash_map_size(erased->map);
}

static size_t erased_capacity(void *map)
{
	return atomic_hash_map_capacity(((const struct erased *)map)->map);
}

static const struct front erased_front = { erased_new,	   erased_delete, erased_call,
					   erased_iterate, erased_size,	  erased_capacity };
static const struct front array_front = { array_new, erased_delete, erased_call, erased_iterate, erased_size, erased_capacity };

/* ---- asynchronous --------------------------------------------------------------------------------------- */

#define ASYNC_WORDS 4

static struct data_mover_sync *sync_mover;
static struct data_mover_threads *threads_mover;

struct async {
	struct async_hash_map *map;
	struct vdm *vdm;
};

struct async_visit {
	front_visit_fn visit;
	void *argument;
};

/* An item is put several times over. */
static uint64_t async_item(const uint64_t *words, size_t size)
{
	for (size_t i = 1; i < ASYNC_WORDS; i++)
		if (words[i] != words[0])
			return FRONT_TORN;
	return size == ASYNC_WORDS * sizeof(*words) ? words[0] : FRONT_TORN;
}

static enum history_outcome async_outcome(enum async_hash_map_status status)
{
	switch (status) {
	case ASYNC_HASH_MAP_OK:
		return HISTORY_DONE;
	case ASYNC_HASH_MAP_NOT_FOUND:
		return HISTORY_ABSENT;
	case ASYNC_HASH_MAP_EXISTS:
		return HISTORY_EXISTS;
	case ASYNC_HASH_MAP_FULL:
		return HISTORY_FULL;
	default:
		return HISTORY_NO_EFFECT;
	}
}

/* Ends when the others whom the operation waits for have run. */
static void finish(struct future *future)
{
	while (future_poll(future, NULL) != FUTURE_STATE_COMPLETE)
		sched_yield();
}

static enum history_outcome async_find(struct async *async, struct front_call *call)
{
	uint64_t words[ASYNC_WORDS];

	if (call->variant % 4 == 0) {
		struct async_hash_map_lookup_fut lookup = async_hash_map_lookup(async->map, call->key);

		finish(FUTURE_AS_RUNNABLE(&lookup));
		return async_outcome(FUTURE_OUTPUT(&lookup)->status);
	}
	struct async_hash_map_get_copy_fut get = async_hash_map_get_copy(async->map, async->vdm, call->key, words, sizeof(words));

	finish(FUTURE_AS_RUNNABLE(&get));
	if (FUTURE_OUTPUT(&get)->status == ASYNC_HASH_MAP_OK)
		call->item = async_item(words, FUTURE_OUTPUT(&get)->size);
	return async_outcome(FUTURE_OUTPUT(&get)->status);
}

static enum history_outcome async_call(void *map, struct front_call *call)
{
	struct async *const async = map;
	const uint64_t words[ASYNC_WORDS] = { call->argument, call->argument, call->argument, call->argument };

	call->item = HISTORY_ANY;
	if (call->kind == HISTORY_INSERT) {
		struct async_hash_map_put_fut put = async_hash_map_put(async->map, async->vdm, call->key, words, sizeof(words));

		finish(FUTURE_AS_RUNNABLE(&put));
		return async_outcome(FUTURE_OUTPUT(&put)->status);
	}
	if (call->kind == HISTORY_ERASE) {
		struct async_hash_map_remove_fut erase = async_hash_map_remove(async->map, call->key);

		finish(FUTURE_AS_RUNNABLE(&erase));
		return async_outcome(FUTURE_OUTPUT(&erase)->status);
	}
	assert(call->kind == HISTORY_FIND);
	return async_find(async, call);
}

static int async_visit(uint64_t key, const void *value, size_t size, void *argument)
{
	const struct async_visit *const visit = argument;

	visit->visit(visit->argument, key, async_item(value, size));
	return 0;
}

static void async_iterate(void *map, front_visit_fn visit, void *argument)
{
	struct async_visit each = { visit, argument };

	(void)async_hash_map_foreach(((const struct async *)map)->map, async_visit, &each);
}

static void *async_new(const struct front_shape *shape)
{
	struct async *const async = malloc(sizeof(*async));

	if (async == NULL)
		return NULL;
	async->map = async_hash_map_new(shape->entries_max);
	async->vdm = shape->has_threads_mover ? data_mover_threads_get_vdm(threads_mover) : data_mover_sync_get_vdm(sync_mover);
	if (async->map != NULL)
		return async;
	free(async);
	return NULL;
}

static void async_delete(void *map)
{
	async_hash_map_delete(((const struct async *)map)->map);
	free(map);
}

static size_t async_size(void *map)
{
	return async_hash_map_count(((const struct async *)map)->map);
}

static size_t async_capacity(void *map)
{
	return async_hash_map_capacity(((const struct async *)map)->map);
}

static const struct front async_front = { async_new, async_delete, async_call, async_iterate, async_size, async_capacity };

/* ---- all ------------------------------------------------------------------------------------------------ */

int fronts_begin(void)
{
	sync_mover = data_mover_sync_new();
	threads_mover = data_mover_threads_new(1, 16, FUTURE_NOTIFIER_NONE);
	return sync_mover != NULL && threads_mover != NULL;
}

void fronts_end(void)
{
	data_mover_threads_delete(threads_mover);
	data_mover_sync_delete(sync_mover);
}

const struct front *front_of(enum front_kind kind, const struct front_shape *shape)
{
	static const struct front *const typed[3][2] = {
		[HASHLOOM_REUSE_NEVER] = { &typed_never_front, &typed_never_fixed_front },
		[HASHLOOM_REUSE_ANY_KEY] = { &typed_any_key_front, &typed_any_key_fixed_front },
		[HASHLOOM_REUSE_SAME_KEY] = { &typed_same_key_front, &typed_same_key_fixed_front },
	};

	switch (kind) {
	case FRONT_TYPED:
		return typed[shape->reuse][shape->is_fixed != 0];
	case FRONT_ERASED:
		return &erased_front;
	case FRONT_ARRAY:
		return &array_front;
	default:
		return &async_front;
	}
}
