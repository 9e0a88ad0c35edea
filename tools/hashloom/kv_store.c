/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "kv_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define QUEUE_SIZE_MIN 1024
#define VALUE_ROOM_FIRST 4096

static struct data_mover_threads *make_threads(const struct kv_options *options)
{
	const size_t queue_size =
		options->in_flight > QUEUE_SIZE_MIN ? options->in_flight : QUEUE_SIZE_MIN;

	if (options->threads == 0)
		return data_mover_threads_default();
	return data_mover_threads_new(options->threads, queue_size, FUTURE_NOTIFIER_WAKER);
}

/* Returns 0, or -1 after a message. */
static int make_mover(struct kv_store *store, const struct kv_options *options)
{
	errno = ENOMEM;
	if (options->mover == KV_MOVER_THREADS) {
		store->threads = make_threads(options);
		if (store->threads != NULL)
			store->vdm = data_mover_threads_get_vdm(store->threads);
	} else {
		store->sync = data_mover_sync_new();
		if (store->sync != NULL)
			store->vdm = data_mover_sync_get_vdm(store->sync);
	}
	if (store->vdm != NULL)
		return 0;
	if (options->mover == KV_MOVER_THREADS && options->threads != 0)
		message("cannot start the mover with --threads %zu: %s", options->threads,
			strerror(errno));
	else
		message("cannot start the mover: %s", strerror(errno));
	return -1;
}

int kv_store_open(struct kv_store *store, const struct kv_options *options, size_t capacity)
{
	*store = (struct kv_store){.runtime = NULL};
	store->map = async_hash_map_new(capacity);
	if (store->map == NULL) {
		message("out of memory for a map of %zu keys", capacity);
		return -1;
	}
	store->runtime = runtime_new();
	store->value = malloc(VALUE_ROOM_FIRST);
	store->value_room = VALUE_ROOM_FIRST;
	if (store->runtime == NULL || store->value == NULL)
		message("out of memory");
	else if (make_mover(store, options) == 0)
		return 0;
	kv_store_close(store);
	return -1;
}

void kv_store_close(struct kv_store *store)
{
	data_mover_threads_delete(store->threads);
	data_mover_sync_delete(store->sync);
	runtime_delete(store->runtime);
	async_hash_map_delete(store->map);
	free(store->value);
	*store = (struct kv_store){.runtime = NULL};
}

static void count(struct kv_store *store, enum kv_operation operation,
		  enum async_hash_map_status status)
{
	if ((unsigned)status < KV_STATUSES_COUNT)
		store->counts[operation][status]++;
}

void kv_store_count_put(struct kv_store *store, enum async_hash_map_status status, size_t size)
{
	count(store, KV_PUT, status);
	if (status != ASYNC_HASH_MAP_OK)
		return;
	store->bytes_present += size;
	store->bytes_moved += size;
}

enum async_hash_map_status kv_store_put(struct kv_store *store, uint64_t key, const char *value,
					size_t size)
{
	struct async_hash_map_put_fut put =
		async_hash_map_put(store->map, store->vdm, key, value, size);

	runtime_wait(store->runtime, FUTURE_AS_RUNNABLE(&put));
	kv_store_count_put(store, FUTURE_OUTPUT(&put)->status, size);
	return FUTURE_OUTPUT(&put)->status;
}

/* Makes room for a value of this size. Returns 0, or -1 without a message. */
static int make_value_room(struct kv_store *store, size_t size)
{
	char *const larger = realloc(store->value, size);

	if (larger == NULL)
		return -1;
	store->value = larger;
	store->value_room = size;
	return 0;
}

enum async_hash_map_status kv_store_get(struct kv_store *store, uint64_t key)
{
	/*
	 * Ends: a second turn has the room that the first one asked for, and nobody else changes
	 * the map.
	 */
	for (;;) {
		struct async_hash_map_get_copy_fut get = async_hash_map_get_copy(
			store->map, store->vdm, key, store->value, store->value_room);
		const struct async_hash_map_get_copy_output *const output = FUTURE_OUTPUT(&get);

		runtime_wait(store->runtime, FUTURE_AS_RUNNABLE(&get));
		const enum async_hash_map_status status = output->status;

		if (status == ASYNC_HASH_MAP_OK && output->copied < output->size) {
			if (make_value_room(store, output->size) == 0)
				continue;
			count(store, KV_GET, ASYNC_HASH_MAP_NO_MEMORY);
			return ASYNC_HASH_MAP_NO_MEMORY;
		}
		count(store, KV_GET, status);
		if (status == ASYNC_HASH_MAP_OK) {
			store->value_size = output->size;
			store->bytes_moved += output->size;
		}
		return status;
	}
}

enum async_hash_map_status kv_store_remove(struct kv_store *store, uint64_t key)
{
	struct async_hash_map_remove_fut fut = async_hash_map_remove(store->map, key);
	const struct async_hash_map_remove_output *const output = FUTURE_OUTPUT(&fut);

	runtime_wait(store->runtime, FUTURE_AS_RUNNABLE(&fut));
	count(store, KV_REMOVE, output->status);
	if (output->status == ASYNC_HASH_MAP_OK)
		store->bytes_present -= output->size;
	return output->status;
}
