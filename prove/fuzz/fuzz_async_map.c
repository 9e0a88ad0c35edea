/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_async_map.c: many operations on an asynchronous hash map, in flight at the same time, polled as the input says.
 *
 * Values are moved by the synchronous mover, or by a simulated one that is late, tears, refuses and fails; time passes when the input says
 * so. All is on one thread, so what a put or a remove does, it does in the poll that completes it, and the oracle knows at each moment
 * which keys are there. A get may answer with any value that its key had between its beginning and its end.
 */
#include "input.h"

#include <hashloom/async_hash_map.h>
#include <hashloom/data_mover_sim.h>
#include <hashloom/data_mover_sync.h>

#define KEYS 24
#define SLOTS 20
#define VERSIONS_MAX 400
#define VALUE_MAX 300
#define CALLS_MAX 500
/* A table so large that finds yield for the prefetch. */
#define CAPACITY_LARGE 14000
#define TURNS_MAX 100000

enum kind { PUT, GET, REMOVE, LOOKUP, KINDS };

struct version {
	unsigned key;
	uint32_t stamp;
	size_t size;
	unsigned born;
	unsigned died; /* UINT_MAX: it lives */
};

struct slot {
	enum kind kind;
	unsigned key;
	int is_running;
	int was_polled;
	int saw_there; /* its key, since the first poll */
	int saw_absent;
	size_t most; /* keys and operations since then, at most */
	unsigned begin;
	uint32_t stamp;
	size_t size;
	uint32_t refused; /* allocations, before */
	struct data_mover_sim_stats before;
	union {
		struct async_hash_map_put_fut put;
		struct async_hash_map_get_copy_fut get;
		struct async_hash_map_remove_fut remove;
		struct async_hash_map_lookup_fut lookup;
	} fut;
	unsigned char bytes[VALUE_MAX]; /* what is put, or got */
};

static struct {
	struct input input;
	struct memory memory;
	struct data_mover_sync *sync;
	struct data_mover_sim *sim;
	struct async_hash_map *map;
	size_t capacity;
	uint32_t operations_max;
	unsigned now; /* polls so far */
	uint32_t stamps;
	size_t count;
	size_t versions_count;
	unsigned wakes;
	struct version *alive[KEYS];
	struct version versions[VERSIONS_MAX];
	struct slot slots[SLOTS];
} fuzz;

/* The last ones are reserved. */
static uint64_t key_of(unsigned number)
{
	return number >= KEYS - 2 ? UINT64_MAX - number % 4 : number * UINT64_C(0x100000001);
}

static int is_reserved(const struct slot *slot)
{
	return key_of(slot->key) > ASYNC_HASH_MAP_KEY_MAX;
}

static struct future *future_of(struct slot *slot)
{
	switch (slot->kind) {
	case PUT:
		return FUTURE_AS_RUNNABLE(&slot->fut.put);
	case GET:
		return FUTURE_AS_RUNNABLE(&slot->fut.get);
	case REMOVE:
		return FUTURE_AS_RUNNABLE(&slot->fut.remove);
	default:
		return FUTURE_AS_RUNNABLE(&slot->fut.lookup);
	}
}

/* ---- what is there ---------------------------------------------------------------------------------- */

/* For all who are under way: what they may have seen. */
static void look_around(void)
{
	size_t running = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		running += (size_t)(fuzz.slots[i].is_running && fuzz.slots[i].was_polled);
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *const slot = &fuzz.slots[i];

		if (!slot->is_running || !slot->was_polled)
			continue;
		slot->saw_there |= fuzz.alive[slot->key] != NULL;
		slot->saw_absent |= fuzz.alive[slot->key] == NULL;
		if (fuzz.count + running > slot->most)
			slot->most = fuzz.count + running;
	}
}

/* Whether the slot's key had a value of this size, and these first n bytes, at some time since it began. */
static int was_value(const struct slot *slot, size_t size, const void *bytes, size_t n)
{
	unsigned char expected[VALUE_MAX];

	for (size_t i = 0; i < fuzz.versions_count; i++) {
		const struct version *const version = &fuzz.versions[i];

		if (version->key != slot->key || version->size != size || version->died < slot->begin)
			continue;
		stamp_fill(expected, size, version->stamp);
		if (n == 0 || memcmp(bytes, expected, n) == 0)
			return 1;
	}
	return 0;
}

static void note_put(const struct slot *slot)
{
	struct version *const version = &fuzz.versions[fuzz.versions_count++];

	expect(fuzz.alive[slot->key] == NULL && fuzz.count < fuzz.capacity);
	*version = (struct version){ slot->key, slot->stamp, slot->size, fuzz.now, UINT32_MAX };
	fuzz.alive[slot->key] = version;
	fuzz.count++;
}

static void note_remove(const struct slot *slot)
{
	const struct async_hash_map_remove_output *const output = FUTURE_OUTPUT(&slot->fut.remove);
	struct version *const version = fuzz.alive[slot->key];

	expect(version != NULL && output->key == key_of(slot->key) && output->size == version->size);
	version->died = fuzz.now;
	fuzz.alive[slot->key] = NULL;
	fuzz.count--;
}

static void check_get(const struct slot *slot)
{
	const struct async_hash_map_get_copy_output *const output = FUTURE_OUTPUT(&slot->fut.get);

	if (output->status == ASYNC_HASH_MAP_OK) {
		expect(output->value == slot->bytes);
		expect(output->copied == (output->size < slot->size ? output->size : slot->size));
		expect(was_value(slot, output->size, slot->bytes, output->copied));
	} else {
		expect(output->value == NULL && output->copied == 0);
	}
	/* With an error some of the buffer may be written, but never what is behind it (M.3). */
	for (size_t i = slot->size; i < VALUE_MAX; i++)
		expect(slot->bytes[i] == 0xcc);
}

static enum async_hash_map_status status_of(const struct slot *slot)
{
	switch (slot->kind) {
	case PUT:
		return FUTURE_OUTPUT(&slot->fut.put)->status;
	case GET:
		return FUTURE_OUTPUT(&slot->fut.get)->status;
	case REMOVE:
		return FUTURE_OUTPUT(&slot->fut.remove)->status;
	default:
		return FUTURE_OUTPUT(&slot->fut.lookup)->status;
	}
}

/* Whether there was a reason for this status. */
static int is_explained(const struct slot *slot, enum async_hash_map_status status)
{
	struct data_mover_sim_stats now;

	data_mover_sim_statistics(fuzz.sim, &now);
	switch (status) {
	case ASYNC_HASH_MAP_OK:
		return slot->kind == PUT ? slot->saw_absent : slot->saw_there;
	case ASYNC_HASH_MAP_NOT_FOUND:
		return slot->kind != PUT && slot->saw_absent;
	case ASYNC_HASH_MAP_EXISTS:
		return slot->kind == PUT && slot->saw_there;
	case ASYNC_HASH_MAP_FULL:
		return slot->kind == PUT && slot->most >= fuzz.capacity;
	case ASYNC_HASH_MAP_NO_MEMORY:
		return slot->kind <= GET && (fuzz.memory.refused != slot->refused || fuzz.operations_max < SLOTS ||
					     now.events[DATA_MOVER_SIM_REFUSE_NEW] != slot->before.events[DATA_MOVER_SIM_REFUSE_NEW]);
	case ASYNC_HASH_MAP_MOVER_ERROR:
		return slot->kind <= GET && now.failed != slot->before.failed;
	default:
		return 0;
	}
}

static void complete(struct slot *slot)
{
	const enum async_hash_map_status status = status_of(slot);

	if (is_reserved(slot))
		expect(status == ASYNC_HASH_MAP_INVALID_KEY);
	else
		expect(is_explained(slot, status));
	if (slot->kind == GET)
		check_get(slot);
	if (slot->kind == LOOKUP && status == ASYNC_HASH_MAP_OK)
		expect(was_value(slot, FUTURE_OUTPUT(&slot->fut.lookup)->size, NULL, 0));
	if (slot->kind == PUT && status == ASYNC_HASH_MAP_OK)
		note_put(slot);
	if (slot->kind == REMOVE && status == ASYNC_HASH_MAP_OK)
		note_remove(slot);
	slot->is_running = 0;
	/* Nobody reads or writes them any more. */
	memset(slot->bytes, 0xee, sizeof(slot->bytes));
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static void begin(struct slot *slot)
{
	const unsigned how = input_byte(&fuzz.input);
	struct vdm *const vdm = how & 4 ? data_mover_sync_get_vdm(fuzz.sync) : data_mover_sim_get_vdm(fuzz.sim);

	memset(slot, 0, sizeof(*slot));
	slot->kind = (enum kind)(how % KINDS);
	slot->key = how / 8 % KEYS;
	if (slot->kind == PUT && fuzz.versions_count + SLOTS >= VERSIONS_MAX)
		slot->kind = GET;
	slot->is_running = 1;
	if (slot->kind == PUT) {
		slot->size = input_pair_below(&fuzz.input, VALUE_MAX + 1);
		slot->stamp = ++fuzz.stamps;
		stamp_fill(slot->bytes, slot->size, slot->stamp);
		slot->fut.put = async_hash_map_put(fuzz.map, vdm, key_of(slot->key), slot->size == 0 ? NULL : slot->bytes, slot->size);
	} else if (slot->kind == GET) {
		slot->size = input_pair_below(&fuzz.input, VALUE_MAX + 1);
		memset(slot->bytes, 0xcc, sizeof(slot->bytes));
		slot->fut.get = async_hash_map_get_copy(fuzz.map, vdm, key_of(slot->key), slot->bytes, slot->size);
	} else if (slot->kind == REMOVE) {
		slot->fut.remove = async_hash_map_remove(fuzz.map, key_of(slot->key));
	} else {
		slot->fut.lookup = async_hash_map_lookup(fuzz.map, key_of(slot->key));
	}
}

static void wake(void *data)
{
	expect(data == &fuzz);
	fuzz.wakes++;
}

static void poll_slot(struct slot *slot, int with_notifier)
{
	struct future_notifier notifier = { { &fuzz, wake }, { NULL }, FUTURE_NOTIFIER_NONE, 0 };

	fuzz.now++;
	if (!slot->was_polled) {
		slot->was_polled = 1;
		slot->begin = fuzz.now;
		slot->refused = fuzz.memory.refused;
		data_mover_sim_statistics(fuzz.sim, &slot->before);
	}
	look_around();
	if (future_poll(future_of(slot), with_notifier ? &notifier : NULL) == FUTURE_STATE_COMPLETE)
		complete(slot);
	look_around();
	expect(async_hash_map_count(fuzz.map) == fuzz.count);
}

/* Begins an operation in a slot that is free, or was never polled, or polls the one that is there. */
static void do_slot(void)
{
	const unsigned choice = input_byte(&fuzz.input);
	struct slot *const slot = &fuzz.slots[choice % SLOTS];

	if (!slot->is_running || (!slot->was_polled && choice >= 200))
		begin(slot);
	else
		poll_slot(slot, choice & 128);
}

static void do_poll_all(void)
{
	const unsigned step = 1 + 2 * input_below(&fuzz.input, 4);

	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *const slot = &fuzz.slots[i * step % SLOTS];

		if (slot->is_running)
			poll_slot(slot, step & 2);
	}
}

static void do_tick(void)
{
	for (unsigned n = input_below(&fuzz.input, 8) + 1; n > 0; n--)
		(void)data_mover_sim_tick(fuzz.sim);
}

static void do_mover(void)
{
	const unsigned how = input_byte(&fuzz.input);

	if (how < 8)
		data_mover_sim_hold(fuzz.sim);
	else if (how < 24)
		data_mover_sim_release(fuzz.sim);
	else
		expect(data_mover_sim_force(fuzz.sim, (enum data_mover_sim_event)(how % DATA_MOVER_SIM_EVENTS), how / 64) == HASHLOOM_OK);
}

static void do_memory(void)
{
	const unsigned left = input_byte(&fuzz.input);

	fuzz.memory.left = left & 3 ? MEMORY_UNLIMITED : left / 4;
}

static int visit(uint64_t key, const void *value, size_t size, void *arg)
{
	unsigned char expected[VALUE_MAX];
	unsigned *const seen = arg;

	for (unsigned i = 0; i < KEYS; i++) {
		if (key_of(i) != key)
			continue;
		expect(fuzz.alive[i] != NULL && fuzz.alive[i]->size == size && !(*seen >> i & 1));
		stamp_fill(expected, size, fuzz.alive[i]->stamp);
		expect(size == 0 || memcmp(value, expected, size) == 0);
		*seen |= 1U << i;
		return 0;
	}
	fuzz_fail(__FILE__, __LINE__, "the key was put");
	return 1;
}

static void do_walk(void)
{
	unsigned seen = 0;

	expect(async_hash_map_foreach(fuzz.map, visit, &seen) == 0);
	expect((size_t)__builtin_popcount(seen) == fuzz.count);
}

static void (*const calls[])(void) = { do_slot, do_slot, do_slot,  do_slot,   do_slot, do_slot, do_poll_all, do_tick,
				       do_tick, do_mover, do_memory, do_walk };

/* ---- a run ------------------------------------------------------------------------------------------ */

/* 1, or 0: no memory for the map. */
static int create(void)
{
	const unsigned how = input_byte(&fuzz.input);
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(input_byte(&fuzz.input));

	cfg.operations_max = fuzz.operations_max = how & 1 ? 6 : 64;
	cfg.delay_min = how >> 1 & 1;
	cfg.delay_max = 1 + (how >> 2 & 7);
	cfg.ticks_per_check = how >> 5 & 1;
	cfg.notifier = (enum future_notifier_type)(how >> 6 & 3) % 3;
	for (unsigned i = 0; i < DATA_MOVER_SIM_EVENTS; i++)
		cfg.permille[i] = input_below(&fuzz.input, 4) * 60;
	const unsigned capacity = input_byte(&fuzz.input);

	fuzz.capacity = capacity == 255 ? CAPACITY_LARGE : 1 + capacity % (KEYS + 4);
	fuzz.sync = data_mover_sync_new();
	fuzz.sim = data_mover_sim_new(&cfg);
	expect(fuzz.sync != NULL && fuzz.sim != NULL);
	if (capacity >= 240 && capacity < 244)
		fuzz.memory.left = capacity % 4;
	fuzz.map = async_hash_map_new_with_allocator(fuzz.capacity, &fuzz.memory.hooks);
	expect(fuzz.map != NULL || fuzz.memory.refused > 0);
	return fuzz.map != NULL;
}

static void finish(void)
{
	int left = 1;

	fuzz.memory.left = MEMORY_UNLIMITED;
	data_mover_sim_release(fuzz.sim);
	for (unsigned event = 0; event < DATA_MOVER_SIM_EVENTS; event++) {
		(void)data_mover_sim_force(fuzz.sim, (enum data_mover_sim_event)event, 0);
		(void)data_mover_sim_set_chance(fuzz.sim, (enum data_mover_sim_event)event, 0);
	}
	for (unsigned turn = 0; left; turn++) {
		expect(turn < TURNS_MAX);
		(void)data_mover_sim_tick(fuzz.sim);
		left = 0;
		for (unsigned i = 0; i < SLOTS; i++) {
			if (fuzz.slots[i].is_running && fuzz.slots[i].was_polled) {
				poll_slot(&fuzz.slots[i], 0);
				left = 1;
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.input = (struct input){ data, size };
	memory_init(&fuzz.memory);
	if (create()) {
		for (unsigned i = 0; i < CALLS_MAX && fuzz.input.left > 0; i++)
			calls[input_below(&fuzz.input, FUZZ_COUNT(calls))]();
		finish();
		do_walk();
		expect(async_hash_map_capacity(fuzz.map) == fuzz.capacity);
		async_hash_map_delete(fuzz.map);
	}
	expect(fuzz.memory.blocks == 0);
	data_mover_sim_delete(fuzz.sim);
	data_mover_sync_delete(fuzz.sync);
	return 0;
}
