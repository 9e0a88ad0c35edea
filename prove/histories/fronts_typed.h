/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fronts_typed.h: a typed map as a front. Included by fronts.c once for each map, with FRONT_NAME, FRONT_REUSE and FRONT_FIXED defined; it undefines them.
 */
#define ATOMIC_HASH_MAP_NAME FRONT_NAME
#define ATOMIC_HASH_MAP_VALUE uint64_t
#define ATOMIC_HASH_MAP_REUSE FRONT_REUSE
#define ATOMIC_HASH_MAP_FIXED FRONT_FIXED
#define ATOMIC_HASH_MAP_ARITHMETIC 1
#include <hashloom/atomic_hash_map_typed.h>

#define FRONT_PASTE2(a, b) a##b
#define FRONT_PASTE(a, b) FRONT_PASTE2(a, b)
#define FRONT(suffix) FRONT_PASTE(FRONT_NAME, suffix)

static uint64_t FRONT(_item_at)(uint64_t key, const uint64_t *value)
{
	return is_for_ever(FRONT_REUSE, key) ? hl_u64_load_acquire((const hl_u64 *)(const void *)value) : HISTORY_ANY;
}

static int FRONT(_insert_somehow)(struct FRONT_NAME *map, struct front_call *call, uint64_t **where)
{
	int result;

	switch (call->variant % 4) {
	case 0:
		*where = NULL;
		(void)FRONT(_insert_batch)(map, &call->key, &call->argument, 1, &result);
		return result;
	case 1:
		return FRONT(_emplace)(map, call->key, construct_word, call, where);
	default:
		return FRONT(_insert)(map, call->key, call->argument, where);
	}
}

static int FRONT(_find_somehow)(struct FRONT_NAME *map, struct front_call *call)
{
	uint64_t *value = NULL;

	switch (call->variant % 5) {
	case 0:
		value = FRONT(_find)(map, call->key);
		break;
	case 1:
		value = FRONT(_find_near)(map, call->key);
		break;
	case 2:
		(void)FRONT(_find_batch)(map, &call->key, 1, &value);
		break;
	case 3:
		return (int)FRONT(_count)(map, call->key);
	default:
		return FRONT(_load)(map, call->key, &call->item);
	}
	if (value != NULL)
		call->item = FRONT(_item_at)(call->key, value);
	return value != NULL;
}

static enum history_outcome FRONT(_call)(void *opaque, struct front_call *call)
{
	struct FRONT_NAME *const map = opaque;
	const int is_barred = FRONT_FIXED && FRONT_REUSE == HASHLOOM_REUSE_NEVER;
	uint64_t *where = NULL;
	int result;

	call->item = HISTORY_ANY;
	switch (call->kind) {
	case HISTORY_INSERT:
		result = FRONT(_insert_somehow)(map, call, &where);
		if (result == 0 && where != NULL)
			call->item = FRONT(_item_at)(call->key, where);
		return front_inserted(result, is_barred);
	case HISTORY_ERASE:
		if (call->variant % 2)
			return front_changed(FRONT(_take)(map, call->key, &call->item));
		return front_changed(FRONT(_erase)(map, call->key));
	case HISTORY_STORE:
		if (call->variant % 2)
			return front_changed(FRONT(_exchange)(map, call->key, call->argument, &call->item));
		return front_changed(FRONT(_store)(map, call->key, call->argument));
	case HISTORY_COMPARE_EXCHANGE:
		call->item = call->expected;
		return front_changed(FRONT(_compare_exchange)(map, call->key, &call->item, call->argument));
	case HISTORY_FETCH_ADD:
		return front_changed(FRONT(_fetch_add)(map, call->key, call->argument, &call->item));
	case HISTORY_UPSERT:
		return front_inserted(FRONT(_upsert)(map, call->key, call->argument, add_words, NULL, &call->item), is_barred);
	default:
		return front_changed(FRONT(_find_somehow)(map, call));
	}
}

static void FRONT(_iterate)(void *map, front_visit_fn visit, void *argument)
{
	uint64_t position = 0;
	const uint64_t *value;
	uint64_t key;

	while ((value = FRONT(_next)(map, &position, &key)) != NULL)
		visit(argument, key, FRONT(_item_at)(key, value));
}

static void *FRONT(_new)(const struct front_shape *shape)
{
	const struct atomic_hash_map_config config = typed_config(shape);
	struct FRONT_NAME *const map = malloc(sizeof(*map));

	if (map != NULL && FRONT(_create_with)(map, shape->entries_max, &config) == HASHLOOM_OK)
		return map;
	free(map);
	return NULL;
}

static void FRONT(_delete)(void *map)
{
	FRONT(_destroy)(map);
	free(map);
}

static size_t FRONT(_size_of)(void *map)
{
	return FRONT(_size)(map);
}

static size_t FRONT(_capacity_of)(void *map)
{
	return FRONT(_capacity)(map);
}

static const struct front FRONT(_front) = { FRONT(_new),     FRONT(_delete),  FRONT(_call),
					    FRONT(_iterate), FRONT(_size_of), FRONT(_capacity_of) };

#undef FRONT_PASTE2
#undef FRONT_PASTE
#undef FRONT
#undef FRONT_NAME
#undef FRONT_REUSE
#undef FRONT_FIXED
