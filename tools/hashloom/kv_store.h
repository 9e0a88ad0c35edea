/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* kv_store.h: the map, its mover and its runtime, and what was done with them. */
#ifndef HASHLOOM_TOOL_KV_STORE_H
#define HASHLOOM_TOOL_KV_STORE_H

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

#include "kv_options.h"

#define KV_COUNT_ONE(name, text) +1
#define KV_STATUSES_COUNT (0 ASYNC_HASH_MAP_STATUSES(KV_COUNT_ONE))

enum kv_operation {
	KV_PUT,
	KV_GET,
	KV_REMOVE,
	KV_OPERATIONS_COUNT,
};

struct kv_store {
	struct runtime *runtime;
	struct async_hash_map *map;
	struct data_mover_sync *sync; /* one of these two */
	struct data_mover_threads *threads;
	struct vdm *vdm;
	char *value; /* what the last get found */
	size_t value_size;
	size_t value_room;
	uint64_t bytes_present; /* of values */
	uint64_t bytes_moved;
	uint64_t counts[KV_OPERATIONS_COUNT][KV_STATUSES_COUNT];
};

/*
 * Makes map, mover and runtime. Returns 0, or -1 after a message; kv_store_close() is due only
 * after 0.
 */
int kv_store_open(struct kv_store *store, const struct kv_options *options, size_t capacity);

void kv_store_close(struct kv_store *store);

/* Takes down how a put of size bytes ended that the caller has run. */
void kv_store_count_put(struct kv_store *store, enum async_hash_map_status status, size_t size);

/*
 * These three run one operation to its end and return its status. get leaves the value in the
 * store.
 */
enum async_hash_map_status kv_store_put(struct kv_store *store, uint64_t key, const char *value,
					size_t size);
enum async_hash_map_status kv_store_get(struct kv_store *store, uint64_t key);
enum async_hash_map_status kv_store_remove(struct kv_store *store, uint64_t key);

#endif
