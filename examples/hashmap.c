/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* hashmap.c: the asynchronous hash map of hashmap.h at work. */
#include <inttypes.h>
#include <stdio.h>

#include "hashmap.h"

struct world {
	struct runtime *runtime;
	struct vdm *vdm;
	struct hashmap *hm;
};

static void put(struct world *world, uint64_t key, const char *value)
{
	struct hashmap_put_fut fut =
		hashmap_put(world->vdm, world->hm, key, value, strlen(value) + 1);

	runtime_wait(world->runtime, FUTURE_AS_RUNNABLE(&fut));
	printf("put %" PRIu64 " \"%s\": %s\n", key, value,
	       hashmap_result_text(FUTURE_OUTPUT(&fut)->result));
}

static void print_got(uint64_t key, struct hashmap_get_copy_output *output)
{
	printf("get %" PRIu64 ": %s", key, hashmap_result_text(output->result));
	if (output->result == HASHMAP_OK)
		printf(", \"%s\"", (const char *)output->value);
	puts("");
	free(output->value);
}

static void get(struct world *world, uint64_t key)
{
	struct hashmap_get_copy_fut fut = hashmap_get_copy(world->vdm, world->hm, key);

	runtime_wait(world->runtime, FUTURE_AS_RUNNABLE(&fut));
	print_got(key, FUTURE_OUTPUT(&fut));
}

static void remove_key(struct world *world, uint64_t key)
{
	struct hashmap_remove_fut fut = hashmap_remove(world->hm, key);

	runtime_wait(world->runtime, FUTURE_AS_RUNNABLE(&fut));
	printf("remove %" PRIu64 ": %s\n", key, hashmap_result_text(FUTURE_OUTPUT(&fut)->result));
}

static void one_by_one(struct world *world)
{
	puts("-- a map with room for four");
	put(world, 1, "one");
	put(world, 2, "two");
	put(world, 2, "deux");
	put(world, 0, "zero");
	put(world, 3, "three");
	put(world, 4, "");
	put(world, 5, "five");
	get(world, 2);
	get(world, 4);
	get(world, 5);

	puts("-- a removed key makes room for another one");
	remove_key(world, 2);
	remove_key(world, 2);
	get(world, 2);
	put(world, 5, "five");
	get(world, 5);
	printf("%zu keys\n", world->hm->length);
}

/*
 * Two operations on one key, under way at the same time: the first one locks the entry, and the
 * other's chain is sent back until it is free.
 */
static void two_at_once(struct world *world)
{
	puts("-- two gets of one key at once");
	struct hashmap_get_copy_fut gets[] = {
		hashmap_get_copy(world->vdm, world->hm, 3),
		hashmap_get_copy(world->vdm, world->hm, 3),
	};
	struct future *both_gets[] = {
		FUTURE_AS_RUNNABLE(&gets[0]),
		FUTURE_AS_RUNNABLE(&gets[1]),
	};
	runtime_wait_multiple(world->runtime, both_gets, 2);
	print_got(3, FUTURE_OUTPUT(&gets[0]));
	print_got(3, FUTURE_OUTPUT(&gets[1]));

	puts("-- two puts of one key at once");
	remove_key(world, 1);
	struct hashmap_put_fut puts_of_6[] = {
		hashmap_put(world->vdm, world->hm, 6, "six", 4),
		hashmap_put(world->vdm, world->hm, 6, "six", 4),
	};
	struct future *both_puts[] = {
		FUTURE_AS_RUNNABLE(&puts_of_6[0]),
		FUTURE_AS_RUNNABLE(&puts_of_6[1]),
	};
	runtime_wait_multiple(world->runtime, both_puts, 2);
	const enum hashmap_result results[] = {
		FUTURE_OUTPUT(&puts_of_6[0])->result,
		FUTURE_OUTPUT(&puts_of_6[1])->result,
	};
	printf("one succeeded: %s\n",
	       (results[0] == HASHMAP_OK) != (results[1] == HASHMAP_OK) ? "yes" : "no");
	get(world, 6);
}

/* ---- a mover that takes every operation and does none: what fails must leave no trace ---- */

static void *broken_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	(void)type;
	return vdm;
}

static int broken_start(void *data, const struct vdm_operation *operation,
			struct future_notifier *notifier)
{
	(void)data;
	(void)operation;
	(void)notifier;
	return 0;
}

static enum future_state broken_check(void *data, const struct vdm_operation *operation)
{
	(void)data;
	(void)operation;
	return FUTURE_STATE_COMPLETE;
}

static void broken_delete(void *data, const struct vdm_operation *operation,
			  struct vdm_operation_output *output)
{
	(void)data;
	output->type = operation->type;
	output->result = VDM_ERROR_JOB_CORRUPTED;
}

static void broken_mover(struct world *world)
{
	struct vdm broken = {
		.op_new = broken_new,
		.op_delete = broken_delete,
		.op_start = broken_start,
		.op_check = broken_check,
	};
	struct vdm *const whole = world->vdm;

	puts("-- a mover that is broken");
	remove_key(world, 3);
	world->vdm = &broken;
	put(world, 3, "drei");
	get(world, 6);
	world->vdm = whole;
	get(world, 3);
	get(world, 6);
	put(world, 3, "three again");
	get(world, 3);
}

static void smallest(struct world *world)
{
	struct world small = {world->runtime, world->vdm, hashmap_new(1)};

	puts("-- the smallest map");
	if (small.hm == NULL)
		return;
	put(&small, 1, "one");
	put(&small, 2, "two");
	remove_key(&small, 1);
	get(&small, 1);
	put(&small, 2, "two");
	get(&small, 2);
	hashmap_delete(small.hm);
}

int main(void)
{
	struct data_mover_threads *mover = data_mover_threads_new(2, 16, FUTURE_NOTIFIER_WAKER);
	struct world world = {runtime_new(), NULL, hashmap_new(4)};
	int failed = mover == NULL || world.runtime == NULL || world.hm == NULL;

	if (!failed) {
		world.vdm = data_mover_threads_get_vdm(mover);
		one_by_one(&world);
		two_at_once(&world);
		broken_mover(&world);
		smallest(&world);
	}
	hashmap_delete(world.hm);
	runtime_delete(world.runtime);
	data_mover_threads_delete(mover);
	return failed;
}
