/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * weak_memory.c: loads that do not see the newest store.
 *
 * Memory itself always holds the newest store. For each location there is a history: its last stores, each with the time (a count of all
 * stores of the schedule) and whose it was. A location is what one atomic operation has accessed, 1 to 8 aligned bytes; when a wider
 * access comes, the locations in it become one, of which only the newest is known, and a narrower store is a read-modify-write of it,
 * so that a load of all bytes sees what there was at one time.
 *
 * tso. A task has one position in time. A load may see its own newest store, or one of others' that is newer; or, if the task has stored
 * nothing there, the newest at its position, or a newer one. Seeing somebody else's store moves the position to that store. A
 * read-modify-write, a fence and a seq_cst store move it to now. So loads are early with regard to earlier stores, and nothing else is out of order.
 *
 * relaxed. A task has a view: for each location the time of the oldest store that it may still see. A release store carries the task's view, and
 * an acquire load that sees it makes it part of the loader's view. A store after a fence carries the view at the fence; a fence makes
 * what relaxed loads have seen part of the view. Read-modify-writes go on carrying what was carried before (release sequences).
 * One view is everybody's: fences exchange theirs with it. A seq_cst operation raises it for its own location only, and sees
 * nothing older than it there: seq_cst operations are in one order, but are no fences to others, as on ARM.
 * A compare-and-swap that fails is a load: it may see an older store, if that makes it fail.
 *
 * Stores to one location are ordered as they happen: a store is never put in before an older one.
 */
#include "scheduler.h"

#define GRANULES_MAX 512
#define LOCATIONS_MAX 768
#define HISTORY 8 /* stores that are remembered; older ones cannot be seen any more */
#define TABLE_SIZE 2048

struct view {
	uint32_t count; /* of locations that it knows; of the others it knows nothing: 0 */
	uint32_t oldest[LOCATIONS_MAX];
};

struct store {
	uint64_t value; /* of the whole granule; what is outside of the location means nothing */
	uint32_t time;
	unsigned task;
	struct view carried;
};

struct location {
	size_t size;
	uint64_t mask;	       /* its bytes of the granule */
	uint32_t stores_count; /* ever; the newest is stores[(stores_count - 1) % HISTORY] */
	struct store stores[HISTORY];
};

/* 8 aligned bytes. */
struct granule {
	uintptr_t address;
	uint16_t locations[8]; /* 1 + the location of each byte; 0: none yet */
};

struct weak_task {
	uint32_t position;   /* tso */
	struct view view;    /* relaxed */
	struct view pending; /* seen by relaxed loads: a fence makes it known */
	struct view fenced;  /* the view at the last fence */
};

const char *const weak_names[MEMORY_MODELS] = { "sc", "tso", "relaxed" };

static enum memory_model model;
static uint32_t now;
static struct granule granules[GRANULES_MAX];
static unsigned granules_count;
static struct location locations[LOCATIONS_MAX];
static unsigned locations_count;
static uint16_t table[TABLE_SIZE]; /* 1 + granule */
static struct weak_task tasks[TASKS_MAX];
static struct view total; /* of fences and seq_cst operations */

void weak_begin_schedule(enum memory_model memory_model)
{
	if (granules_count > 0)
		memset(table, 0, sizeof(table));
	for (unsigned i = 0; i < TASKS_MAX; i++) {
		tasks[i].position = 0;
		tasks[i].view.count = tasks[i].pending.count = tasks[i].fenced.count = 0;
	}
	total.count = 0;
	model = memory_model;
	now = 0;
	granules_count = locations_count = 0;
}

enum memory_model weak_model(void)
{
	return model;
}

/* ---- views ----------------------------------------------------------------------------------------------- */

static void raise(struct view *view, unsigned location, uint32_t time)
{
	while (view->count <= location)
		view->oldest[view->count++] = 0;
	if (time > view->oldest[location])
		view->oldest[location] = time;
}

static uint32_t oldest_in(const struct view *view, unsigned location)
{
	return location < view->count ? view->oldest[location] : 0;
}

static void join(struct view *view, const struct view *other)
{
	if (other->count > 0)
		raise(view, other->count - 1, 0);
	for (unsigned i = 0; i < other->count; i++)
		if (other->oldest[i] > view->oldest[i])
			view->oldest[i] = other->oldest[i];
}

/* ---- locations ------------------------------------------------------------------------------------------- */

/* The store that is `age` older than the newest. */
static struct store *store_of(struct location *location, unsigned age)
{
	return &location->stores[(location->stores_count - 1 - age) % HISTORY];
}

static unsigned index_of(const struct location *location)
{
	return (unsigned)(location - locations);
}

static struct store *add_store(struct location *location, uint64_t value, uint32_t time, unsigned task)
{
	struct store *const store = &location->stores[location->stores_count++ % HISTORY];

	store->value = value;
	store->time = time;
	store->task = task;
	store->carried.count = 0;
	return store;
}

static struct granule *granule_at(uintptr_t address)
{
	size_t at = (address >> 3) * 0x9e3779b97f4a7c15U % TABLE_SIZE;

	for (; table[at] != 0; at = (at + 1) % TABLE_SIZE)
		if (granules[table[at] - 1].address == address)
			return &granules[table[at] - 1];
	if (granules_count == GRANULES_MAX)
		schedule_fail(__FILE__, __LINE__, "the scenario uses more than %d words", GRANULES_MAX);
	granules[granules_count] = (struct granule){ .address = address };
	table[at] = (uint16_t)++granules_count;
	return &granules[granules_count - 1];
}

static uint64_t mask_of(size_t offset, size_t size)
{
	unsigned char bytes[8] = { 0 };
	uint64_t mask;

	for (size_t i = 0; i < size; i++)
		bytes[offset + i] = 0xff;
	__builtin_memcpy(&mask, bytes, sizeof(mask));
	return mask;
}

/* A location of bytes that have none, or narrower ones, whose newest stores become one. */
static void make_location(struct granule *granule, size_t offset, size_t size, uint64_t newest)
{
	if (locations_count == LOCATIONS_MAX)
		schedule_fail(__FILE__, __LINE__, "the scenario uses more than %d words", LOCATIONS_MAX);
	struct location *const location = &locations[locations_count++];
	location->size = size;
	location->mask = mask_of(offset, size);
	location->stores_count = 0;
	struct store *const store = add_store(location, newest, 0, MAIN_TASK);
	for (size_t i = offset; i < offset + size; i++) {
		if (granule->locations[i] != 0) {
			const struct store *const before = store_of(&locations[granule->locations[i] - 1], 0);

			store->time = before->time > store->time ? before->time : store->time;
			join(&store->carried, &before->carried);
		}
		granule->locations[i] = (uint16_t)locations_count;
	}
}

static struct location *location_of(const void *word, size_t size, uint64_t newest)
{
	const size_t offset = (uintptr_t)word & 7;
	struct granule *const granule = granule_at((uintptr_t)word - offset);

	if (granule->locations[offset] == 0 || locations[granule->locations[offset] - 1].size < size)
		make_location(granule, offset, size, newest);
	struct location *const location = &locations[granule->locations[offset] - 1];
	/* somebody has written with a plain store: there is nothing older to be seen */
	if (((store_of(location, 0)->value ^ newest) & location->mask) != 0) {
		location->stores_count = 0;
		add_store(location, newest, 0, MAIN_TASK);
	}
	return location;
}

uint64_t weak_part(uint64_t granule, const void *word, size_t size)
{
	const char *const bytes = (const char *)&granule + ((uintptr_t)word & 7);
	uint32_t four;
	uint16_t two;

	switch (size) {
	case 1: return (uint8_t)*bytes;
	case 2: return __builtin_memcpy(&two, bytes, sizeof(two)), two;
	case 4: return __builtin_memcpy(&four, bytes, sizeof(four)), four;
	default: return granule;
	}
}

/* ---- operations ------------------------------------------------------------------------------------------ */

static int acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static int releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

/* How many of the newest stores a task may see. */
static unsigned visible(struct location *location, unsigned task, int order)
{
	const unsigned count = location->stores_count < HISTORY ? location->stores_count : HISTORY;
	uint32_t limit = oldest_in(&tasks[task].view, index_of(location));
	unsigned n = 0;

	if (order == __ATOMIC_SEQ_CST && oldest_in(&total, index_of(location)) > limit)
		limit = oldest_in(&total, index_of(location));
	while (n < count) {
		const struct store *const store = store_of(location, n++);

		if (model == MEMORY_TSO ? store->task == task || store->time <= tasks[task].position : store->time <= limit)
			break;
	}
	return n;
}

/* The task has seen a store. */
static void know(struct location *location, const struct store *store, unsigned task, int order)
{
	struct weak_task *const me = &tasks[task];

	if (model == MEMORY_TSO) {
		if (store->task != task && store->time > me->position)
			me->position = store->time;
		return;
	}
	raise(&me->view, index_of(location), store->time);
	join(acquires(order) ? &me->view : &me->pending, &store->carried);
	if (order == __ATOMIC_SEQ_CST)
		raise(&total, index_of(location), store->time);
}

/* The newest store of a location: it carries what the one before did, if `goes_on`, and the task's view, if it releases. */
static void put(struct location *location, uint64_t after, unsigned task, int order, int goes_on)
{
	const struct store *const before = store_of(location, 0);
	struct store *const store = add_store(location, after, ++now, task);

	if (model == MEMORY_TSO)
		return;
	raise(&tasks[task].view, index_of(location), now);
	if (goes_on)
		join(&store->carried, &before->carried);
	join(&store->carried, releases(order) ? &tasks[task].view : &tasks[task].fenced);
	if (order == __ATOMIC_SEQ_CST)
		raise(&total, index_of(location), now);
}

void weak_drain(unsigned task)
{
	tasks[task].position = now;
}

void weak_fence(unsigned task)
{
	struct weak_task *const me = &tasks[task];

	weak_drain(task);
	if (model != MEMORY_RELAXED)
		return;
	join(&me->view, &me->pending);
	join(&me->view, &total);
	join(&total, &me->view);
	join(&me->fenced, &me->view);
}

uint64_t weak_load(const void *word, size_t size, uint64_t newest, unsigned task, int order)
{
	struct location *const location = location_of(word, size, newest);
	struct store *const store = store_of(location, strategy_pick_store(visible(location, task, order)));

	know(location, store, task, order);
	return store->value;
}

int weak_cas_fails(const void *word, size_t size, uint64_t newest, uint64_t expected, unsigned task, int failure, uint64_t *seen)
{
	struct location *const location = location_of(word, size, newest);
	struct store *list[HISTORY];
	unsigned n = 1;

	if (model == MEMORY_TSO)
		return 0;
	const unsigned count = visible(location, task, failure);
	for (unsigned age = 1; age < count; age++) {
		struct store *const store = store_of(location, age);

		if (weak_part(store->value, word, size) != expected)
			list[n++] = store;
	}
	const unsigned choice = strategy_pick_store(n);
	if (choice == 0)
		return 0;
	know(location, list[choice], task, failure);
	*seen = list[choice]->value;
	return 1;
}

void weak_store(const void *word, size_t size, uint64_t before, uint64_t after, unsigned task, int order)
{
	struct location *const location = location_of(word, size, before);
	const int partial = size < location->size;

	if (partial && model == MEMORY_TSO)
		know(location, store_of(location, 0), task, order);
	put(location, after, task, order, partial);
	if (order == __ATOMIC_SEQ_CST)
		weak_drain(task);
}

void weak_update(const void *word, size_t size, uint64_t before, uint64_t after, unsigned task, int order, int writes)
{
	struct location *const location = location_of(word, size, before);

	know(location, store_of(location, 0), task, order);
	/* one that changes nothing, and has nothing to tell, is but a load of the newest */
	if (writes && (before != after || releases(order) || tasks[task].fenced.count > 0))
		put(location, after, task, order, 1);
	weak_drain(task);
}

void weak_inherit(unsigned to, unsigned from)
{
	if (tasks[from].position > tasks[to].position)
		tasks[to].position = tasks[from].position;
	join(&tasks[to].view, &tasks[from].view);
}
