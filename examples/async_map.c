/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* async_map.c: the asynchronous hash map: put, get_copy, lookup, remove and foreach. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/runtime.h>

/* Every operation is a future: make it, wait for it, look at its output. */
static void put(struct runtime *runtime, struct async_hash_map *map, struct vdm *vdm, uint64_t key,
		const char *value)
{
	struct async_hash_map_put_fut put = async_hash_map_put(map, vdm, key, value, strlen(value));

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&put));
	printf("put %" PRIu64 " \"%s\": %s\n", key, value,
	       async_hash_map_status_text(FUTURE_OUTPUT(&put)->status));
}

static void get(struct runtime *runtime, struct async_hash_map *map, struct vdm *vdm, uint64_t key,
		size_t buffer_size)
{
	char buffer[16];
	struct async_hash_map_get_copy_fut get =
		async_hash_map_get_copy(map, vdm, key, buffer, buffer_size);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&get));
	const struct async_hash_map_get_copy_output *output = FUTURE_OUTPUT(&get);
	printf("get %" PRIu64 ": %s", key, async_hash_map_status_text(output->status));
	if (output->status == ASYNC_HASH_MAP_OK)
		printf(", \"%.*s\" (%zu of %zu bytes)", (int)output->copied,
		       (const char *)output->value, output->copied, output->size);
	puts("");
}

static void lookup(struct runtime *runtime, struct async_hash_map *map, uint64_t key)
{
	struct async_hash_map_lookup_fut lookup = async_hash_map_lookup(map, key);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&lookup));
	const struct async_hash_map_lookup_output *output = FUTURE_OUTPUT(&lookup);
	printf("lookup %" PRIu64 ": %s", key, async_hash_map_status_text(output->status));
	if (output->status == ASYNC_HASH_MAP_OK)
		printf(", %zu bytes", output->size);
	puts("");
}

static void remove_key(struct runtime *runtime, struct async_hash_map *map, uint64_t key)
{
	struct async_hash_map_remove_fut fut = async_hash_map_remove(map, key);

	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&fut));
	printf("remove %" PRIu64 ": %s\n", key,
	       async_hash_map_status_text(FUTURE_OUTPUT(&fut)->status));
}

/* Keys come in no particular order: sums do not depend on it. */
struct sums {
	uint64_t keys;
	size_t bytes;
};

static int add(uint64_t key, const void *value, size_t size, void *arg)
{
	struct sums *sums = arg;

	(void)value; /* size bytes of it can be read until this returns */
	sums->keys += key;
	sums->bytes += size;
	return 0; /* go on */
}

static void use(struct runtime *runtime, struct async_hash_map *map, struct vdm *vdm)
{
	struct sums sums = {0, 0};

	put(runtime, map, vdm, 42, "answer");
	put(runtime, map, vdm, 7, "");
	put(runtime, map, vdm, 42, "question"); /* a key that is there keeps its value */
	put(runtime, map, vdm, UINT64_MAX, "reserved");
	get(runtime, map, vdm, 42, 16);
	get(runtime, map, vdm, 42, 3); /* a longer value is cut, its size is told */
	get(runtime, map, vdm, 7, 16);
	get(runtime, map, vdm, 1, 16);
	lookup(runtime, map, 42);
	lookup(runtime, map, 1);

	remove_key(runtime, map, 42);
	remove_key(runtime, map, 42);
	lookup(runtime, map, 42);
	put(runtime, map, vdm, 42, "question"); /* now it can */
	get(runtime, map, vdm, 42, 16);

	async_hash_map_foreach(map, add, &sums);
	printf("%zu keys, their sum is %" PRIu64 ", their values have %zu bytes\n",
	       async_hash_map_count(map), sums.keys, sums.bytes);
}

int main(void)
{
	struct async_hash_map *map = async_hash_map_new(1000);
	struct data_mover_sync *mover = data_mover_sync_new();
	struct runtime *runtime = runtime_new();
	const int failed = map == NULL || mover == NULL || runtime == NULL;

	if (!failed)
		use(runtime, map, data_mover_sync_get_vdm(mover));
	runtime_delete(runtime);
	data_mover_sync_delete(mover);
	async_hash_map_delete(map);
	return failed;
}
