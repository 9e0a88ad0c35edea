/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_map_urcu.h: cells of erased entries come back when no reader keeps them any more, by a grace period of liburcu.
 *
 * For maps that reuse cells for any key (HASHLOOM_REUSE_ANY_KEY), and readers who keep the addresses that find gives them while others
 * erase. The map's erases hand the cells to an object of this header instead of giving them free; the object waits until each reader has
 * been outside of his read-side section once, and releases them. Nothing of this is in the library: whoever includes this header includes
 * a flavour of liburcu before it (0.11 or later; urcu.h, urcu-qsbr.h, urcu-bp.h or urcu-mb.h), and links with it.
 *
 * When not to use it: nobody keeps addresses (values are copied by load and take, which is safe without); nothing is erased; the same keys
 * come back again and again (SAME_KEY gives no cell to another key).
 *
 * Model in one sentence: ids of erased cells are written into a list for each few threads, and a callback of call_rcu() that comes back
 * as long as there are any releases what was in the list when it was called for, a grace period later.
 *
 *     #include <urcu-qsbr.h>                                           (tests/test_atomic_hash_map_urcu.c)
 *     #include <hashloom/atomic_hash_map_urcu.h>
 *
 *     struct atomic_hash_map_urcu urcu;
 *     struct atomic_hash_map_config config = { .value_size = sizeof(struct account), .reuse = HASHLOOM_REUSE_ANY_KEY,
 *                                              .retire = atomic_hash_map_urcu_retire, .retire_context = &urcu };
 *     atomic_hash_map_urcu_init(&urcu, &rcu_flavor, NULL);
 *     if (atomic_hash_map_create(1000, &config, &map) == HASHLOOM_OK)
 *         atomic_hash_map_urcu_attach(&urcu, map);
 *
 *     rcu_read_lock();                                                 readers, who are registered with liburcu
 *     account = (const struct account *)atomic_hash_map_find(map, key);
 *     if (account != NULL)
 *         sum += account->balance;                                     it is the key's, though somebody erases the key here
 *     rcu_read_unlock();
 *
 *     if (atomic_hash_map_urcu_finish(&urcu) == HASHLOOM_OK)           when nobody erases any more, and outside of such sections
 *         atomic_hash_map_destroy(map);
 *
 * With a typed map, whose functions are static, the release is a line of the user's:
 *
 *     static void release(void *map, uint32_t id) { accounts_release((struct accounts *)map, id); }
 *     atomic_hash_map_urcu_attach_typed(&urcu, release, &accounts);
 *
 * Shutting down: (1) the threads that erase end, or erase no more; (2) finish, outside of a read-side section; (3) destroy of the map. Also clear and
 * compact of the map want that nobody erases, and flush before them: an id that waits would afterwards be that of another entry's cell.
 *
 * Guarantees
 *   A.1  An address or id that a call of the map gave inside a read-side section is that entry's until the section ends, also when it is
 *        erased: its cell is given to no other key, destroy_value does not run for it, and after the erase its bytes do not change.
 *   A.2  Not so for the four reserved keys (D.1 of atomic_hash_map.h): their cells are not handed to retire, and when such a key is inserted
 *        again, its old value is destroyed and overwritten at once. Their values are for load and take.
 *   B.1  No cell is lost: each id is released exactly once. That needs no flush, and no further erases: it happens within two grace periods.
 *   B.2  Without memory, outside of read-side sections: an erase waits for a grace period and releases the cell itself. Inside: it uses what
 *        was reserved; when that is used up, too, it waits for memory, or for grace periods that give memory back. If none ever comes, it waits for ever:
 *        whoever has an allocator that can run dry, and erases in read-side sections, reserves (see atomic_hash_map_urcu_reserve()). With QSBR
 *        a thread is inside a section from one quiescent state to the next.
 *   B.3  Cells that wait are no room: an insert into a fixed map may get FULL though fewer than entries_max entries are there (erase, flush, insert
 *        is safe), and one into a map that grows may add a slab. Cells that came back are used by both.
 *   C.1  release, and with it destroy_value, run on the thread of liburcu that serves call_rcu(), with no lock held; in case of B.2 in the thread that erases.
 *
 * Which calls may run together: retire, waiting, reserve and flush; the others are alone. Several maps have an object each.
 *
 * What is liburcu's stays so: threads that erase are registered with the flavour, with QSBR also online, for that is what call_rcu() asks
 * for; around fork() call_rcu_before_fork() and its like are called; if liburcu cannot make its thread it ends the program.
 * ThreadSanitizer does not see the grace periods of a liburcu that was not compiled for it, and takes a reader and the next writer of a cell for a race;
 * tests/test_atomic_hash_map_urcu.c shows what to tell it.
 */
#ifndef HASHLOOM_ATOMIC_HASH_MAP_URCU_H
#define HASHLOOM_ATOMIC_HASH_MAP_URCU_H

#if !defined(rcu_flavor) && !defined(_URCU_CALL_RCU_H)
#error "include a flavour of liburcu, such as <urcu-qsbr.h> or <urcu.h>, before <hashloom/atomic_hash_map_urcu.h>"
#endif

#include <poll.h>
#include <string.h>

#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/atomic_hash_map.h>
#include <hashloom/thread_stripe.h>

HL_BEGIN_DECLS

/*
 * A stripe, of which each thread has one, perhaps with others:
 *
 *     retire --> open --> waiting --> released
 *                     ^           ^
 *                  armed, or   the callback
 *                 the callback
 *
 * `waiting` is what was there when call_rcu() was called: the callback releases it. `open` is what came later: the callback makes it the next
 * `waiting`, and calls call_rcu() again. If one of them is not empty, the callback is on its way (is_armed). So two turns of the callback
 * release all that was there before, and rcu_barrier(), twice, waits for that.
 *
 * The ids lie in chunks. A list has at most one chunk that is not full, its last.
 *
 *   tag     order                                      pairs with                                  for
 *   AHU-1   stripe's lock: exchange acquire            unlock: store release                       the lists
 *   AHU-2   callback: released add release             waiting(): released load acquire            who counts a release counts its retire
 */
#define HL_AHU_IDS 124

struct hl_ahu_chunk {
	struct hl_ahu_chunk *next;
	uint32_t count;
	uint32_t ids[HL_AHU_IDS];
};

HL_STATIC_ASSERT(sizeof(struct hl_ahu_chunk) <= 512, "a chunk is eight cache lines");

struct hl_ahu_list {
	struct hl_ahu_chunk *first;
	struct hl_ahu_chunk *last;
};

struct hl_ahu_stripe {
	hl_u32 lock __attribute__((aligned(HL_CACHE_LINE))); /* of all but `released`; held for a few stores, and call_rcu() */
	int is_armed;
	struct hl_ahu_list open;
	struct hl_ahu_list waiting;
	struct hl_ahu_chunk *spares;
	size_t chunks_count; /* of this stripe, wherever they are */
	size_t chunks_kept;  /* so many are not freed */
	hl_u64 retired;
	hl_u64 released; /* written by the callback */
	struct rcu_head head;
	struct atomic_hash_map_urcu *urcu;
};

/* Calls NAME_release(map, id) of a typed map. */
typedef void (*atomic_hash_map_urcu_release_fn)(void *map, uint32_t id);

/* What a map's retire_context is. All of it is private. */
struct atomic_hash_map_urcu {
	const struct rcu_flavor_struct *flavor;
	atomic_hash_map_urcu_release_fn release;
	void *map;
	struct hashloom_allocator allocator;
	struct hl_ahu_stripe stripes[HL_STRIPES];
};

/* ---- lists, under the stripe's lock ------------------------------------------------------------------ */

HL_ALWAYS_INLINE void hl_ahu_lock(struct hl_ahu_stripe *stripe)
{
	/* acquire. pairs with [AHU-1] in hl_ahu_unlock(). Ends: the holder waits for nobody */
	for (unsigned spins = 0;
	     hl_u32_load_relaxed(&stripe->lock) != 0 || hl_u32_exchange_acquire(&stripe->lock, 1) != 0; spins++)
		hl_aha_pause(spins);
}

HL_ALWAYS_INLINE void hl_ahu_unlock(struct hl_ahu_stripe *stripe)
{
	hl_assert(hl_u32_load_relaxed(&stripe->lock) == 1);
	/* release. pairs with [AHU-1] in hl_ahu_lock() */
	hl_u32_store_release(&stripe->lock, 0);
}

HL_ALWAYS_INLINE void hl_ahu_add_spare(struct hl_ahu_stripe *stripe, struct hl_ahu_chunk *chunk)
{
	chunk->next = stripe->spares;
	stripe->spares = chunk;
}

/* The chunk of `open` that has room, or NULL. */
HL_ALWAYS_INLINE struct hl_ahu_chunk *hl_ahu_chunk_with_room(struct hl_ahu_stripe *stripe)
{
	struct hl_ahu_chunk *const last = stripe->open.last;
	struct hl_ahu_chunk *const spare = stripe->spares;

	if (last != NULL && last->count < HL_AHU_IDS)
		return last;
	if (spare == NULL)
		return NULL;
	stripe->spares = spare->next;
	spare->next = NULL;
	spare->count = 0;
	if (last == NULL)
		stripe->open.first = spare;
	else
		last->next = spare;
	stripe->open.last = spare;
	return spare;
}

/* ---- chunks ------------------------------------------------------------------------------------------ */

HL_ALWAYS_INLINE struct hl_ahu_chunk *hl_ahu_chunk_new(const struct atomic_hash_map_urcu *urcu)
{
	return (struct hl_ahu_chunk *)urcu->allocator.allocate(urcu->allocator.context, sizeof(struct hl_ahu_chunk), HL_CACHE_LINE,
							       HASHLOOM_ALLOC_ANY);
}

/* Frees a chain of chunks. */
static inline void hl_ahu_chunks_free(const struct atomic_hash_map_urcu *urcu, struct hl_ahu_chunk *chunk)
{
	while (chunk != NULL) {
		struct hl_ahu_chunk *const next = chunk->next;

		urcu->allocator.release(urcu->allocator.context, chunk, sizeof(*chunk), HL_CACHE_LINE);
		chunk = next;
	}
}

/* ---- the callback ------------------------------------------------------------------------------------ */

static inline void hl_ahu_after_grace_period(struct rcu_head *head);

/* call_rcu() orders what comes before it before the callback; this tells ThreadSanitizer so, at both ends. */
static inline void hl_ahu_hand_over(void)
{
#if defined(__SANITIZE_THREAD__)
	static hl_u32 handed;
	(void)hl_u32_fetch_add_acq_rel(&handed, 1);
#endif
}

/*
 * Makes `open` what the callback will release, now that nothing else is, and calls for it. Under the stripe's lock: if the call came later, a flush
 * by somebody who added to `open` meanwhile would not wait for it.
 */
HL_ALWAYS_INLINE void hl_ahu_turn(struct hl_ahu_stripe *stripe)
{
	const struct hl_ahu_list nothing = { NULL, NULL };

	stripe->waiting = stripe->open;
	stripe->open = nothing;
	stripe->is_armed = stripe->waiting.first != NULL;
	if (!stripe->is_armed)
		return;
	hl_ahu_hand_over();
	stripe->urcu->flavor->update_call_rcu(&stripe->head, hl_ahu_after_grace_period);
}

/* Keeps a chunk whose ids are released, or frees it. */
static inline void hl_ahu_chunk_return(struct hl_ahu_stripe *stripe, struct hl_ahu_chunk *chunk)
{
	chunk->next = NULL;
	hl_ahu_lock(stripe);
	hl_assert(stripe->is_armed);
	hl_assert(stripe->waiting.first == chunk);
	const int is_kept = stripe->chunks_count <= stripe->chunks_kept;

	if (is_kept)
		hl_ahu_add_spare(stripe, chunk);
	else
		stripe->chunks_count--;
	hl_ahu_unlock(stripe);
	if (!is_kept)
		hl_ahu_chunks_free(stripe->urcu, chunk);
}

/* Runs a grace period after call_rcu(), on a thread of liburcu; for one stripe never twice at a time, as it is called for again at its end only. */
static inline void hl_ahu_after_grace_period(struct rcu_head *head)
{
	struct hl_ahu_stripe *const stripe =
		(struct hl_ahu_stripe *)(void *)((char *)head - offsetof(struct hl_ahu_stripe, head));

	hl_ahu_hand_over();
	hl_ahu_lock(stripe);
	const struct atomic_hash_map_urcu *const urcu = stripe->urcu;
	struct hl_ahu_chunk *chunk = stripe->waiting.first;

	hl_ahu_unlock(stripe);
	hl_assert(chunk != NULL);
	/* Ends: nobody adds to `waiting`. After the last unlock nothing of the object is touched. */
	while (chunk != NULL) {
		struct hl_ahu_chunk *const next = chunk->next;

		for (uint32_t i = 0; i < chunk->count; i++)
			urcu->release(urcu->map, chunk->ids[i]);
		/* release. pairs with [AHU-2] in atomic_hash_map_urcu_waiting(). if relaxed: the number may wrap below zero */
		hl_u64_fetch_add_release(&stripe->released, chunk->count);
		hl_ahu_chunk_return(stripe, chunk);
		hl_ahu_lock(stripe);
		stripe->waiting.first = next;
		if (next == NULL)
			hl_ahu_turn(stripe);
		hl_ahu_unlock(stripe);
		chunk = next;
	}
}

/* ---- retire ------------------------------------------------------------------------------------------ */

/* 1, or 0: no room, nothing changed. fresh: a further chunk for the stripe, with which there is room; may be NULL. */
HL_ALWAYS_INLINE int hl_ahu_append(struct hl_ahu_stripe *stripe, uint32_t id, struct hl_ahu_chunk *fresh)
{
	hl_ahu_lock(stripe);
	if (fresh != NULL) {
		hl_ahu_add_spare(stripe, fresh);
		stripe->chunks_count++;
	}
	struct hl_ahu_chunk *const chunk = hl_ahu_chunk_with_room(stripe);

	if (chunk != NULL) {
		chunk->ids[chunk->count++] = id;
		hl_u64_fetch_add_relaxed(&stripe->retired, 1);
	}
	hl_assert(chunk != NULL || fresh == NULL);
	if (chunk != NULL && !stripe->is_armed)
		hl_ahu_turn(stripe);
	hl_ahu_unlock(stripe);
	return chunk != NULL;
}

/* Looks for room in all stripes. */
static inline int hl_ahu_append_anywhere(struct atomic_hash_map_urcu *urcu, uint32_t id)
{
	for (unsigned i = 0; i < HL_STRIPES; i++)
		if (hl_ahu_append(&urcu->stripes[i], id, NULL))
			return 1;
	return 0;
}

/* B.2. */
static inline void hl_ahu_retire_without_memory(struct atomic_hash_map_urcu *urcu, uint32_t id)
{
	if (hl_ahu_append_anywhere(urcu, id))
		return;
	if (!urcu->flavor->read_ongoing()) {
		urcu->flavor->update_synchronize_rcu();
		urcu->release(urcu->map, id);
		return;
	}
	/*
	 * Ends when there is memory, or a chunk comes back. Nothing else is left: a grace period would wait for the caller, who is inside
	 * a read-side section, and forgetting the id would lose the cell for good.
	 */
	for (;;) {
		struct hl_ahu_chunk *const fresh = hl_ahu_chunk_new(urcu);

		if (fresh != NULL ? hl_ahu_append(&urcu->stripes[0], id, fresh) : hl_ahu_append_anywhere(urcu, id))
			return;
		(void)poll(NULL, 0, 1);
	}
}

/* The release of a map of atomic_hash_map.h. */
static inline void hl_ahu_release(void *map, uint32_t id)
{
	atomic_hash_map_release((struct atomic_hash_map *)map, id);
}

/* ---- functions --------------------------------------------------------------------------------------- */

/*
 * atomic_hash_map_urcu_init: makes an object, to be given to a map as its retire_context.
 * urcu:     memory of the caller's, aligned to a cache line as its type is; it stays where it is.
 * flavor:   `&rcu_flavor` of the flavour that the readers use.
 * allocator: of the lists, copied; asked for 512 bytes once in 124 erases of a stripe; NULL: the default.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: wait-free.  Order: none.  Memory: none; about 3 KiB is the struct itself.  Cost: of writing it.
 * Lifetime: until atomic_hash_map_urcu_finish().
 */
static inline void atomic_hash_map_urcu_init(struct atomic_hash_map_urcu *urcu, const struct rcu_flavor_struct *flavor,
					     const struct hashloom_allocator *allocator)
{
	memset(urcu, 0, sizeof(*urcu));
	urcu->flavor = flavor;
	urcu->allocator = allocator != NULL ? *allocator : *hashloom_allocator_default();
	for (unsigned i = 0; i < HL_STRIPES; i++)
		urcu->stripes[i].urcu = urcu;
}

/*
 * atomic_hash_map_urcu_attach, atomic_hash_map_urcu_attach_typed: say to which map the cells go back.
 * urcu:     of atomic_hash_map_urcu_init(); no other map has it.
 * map:      made with retire = atomic_hash_map_urcu_retire() and retire_context = urcu; a typed map's struct.
 * release:  calls NAME_release(map, id). On a thread of liburcu, or the one that erases, for several ids at once; may block, if readers may wait;
 *           must not call the map in another way, nor flush or finish.
 * Returns:  nothing.
 * Threads:  exclusive, before the first erase.  Progress: wait-free.  Order: none.  Memory: none.  Cost: two stores.  Lifetime: none.
 */
static inline void atomic_hash_map_urcu_attach_typed(struct atomic_hash_map_urcu *urcu, atomic_hash_map_urcu_release_fn release,
						     void *map)
{
	hl_assert(release != NULL);
	hl_assert(urcu->flavor != NULL);
	urcu->release = release;
	urcu->map = map;
}

static inline void atomic_hash_map_urcu_attach(struct atomic_hash_map_urcu *urcu, struct atomic_hash_map *map)
{
	atomic_hash_map_urcu_attach_typed(urcu, hl_ahu_release, map);
}

/*
 * atomic_hash_map_urcu_retire: takes the cell of an erased entry, until a grace period has passed. A map's `retire`: erases call it.
 * context:  a struct atomic_hash_map_urcu of atomic_hash_map_urcu_init(), with a map attached.
 * id:       of a cell that the map has let go, once.
 * Returns:  nothing.
 * Threads:  any that may call call_rcu(); inside a read-side section and outside.  Progress: waits for threads that are in it on the same stripe
 *           (of 16). Without memory: for a grace period, or for memory (B.2); then it must not be called with a lock that a reader waits for
 *           in a section.  Order: what was done before comes before the release; what readers do in sections that began before, too.
 * Memory:   512 bytes for 124 ids, unless they are reserved; given back after the grace period.  Cost: two atomic steps, and a call_rcu() when the
 *           stripe was idle.
 * Lifetime: of the id: until it is released.  Source: call_rcu() of liburcu (Desnoyers, McKenney, Stern, Dagenais, Walpole, IEEE TPDS 2012).
 */
static inline void atomic_hash_map_urcu_retire(void *context, uint32_t id)
{
	struct atomic_hash_map_urcu *const urcu = (struct atomic_hash_map_urcu *)context;
	struct hl_ahu_stripe *const stripe = &urcu->stripes[hl_thread_stripe()];

	hl_assert(urcu->release != NULL);
	if (HL_LIKELY(hl_ahu_append(stripe, id, NULL)))
		return;
	struct hl_ahu_chunk *const fresh = hl_ahu_chunk_new(urcu);

	if (HL_UNLIKELY(fresh == NULL))
		hl_ahu_retire_without_memory(urcu, id);
	else
		(void)hl_ahu_append(stripe, id, fresh);
}

/*
 * atomic_hash_map_urcu_reserve: takes memory, so that erases need none as long as so many cells wait for their grace period.
 * urcu:     of atomic_hash_map_urcu_init().
 * ids:      cells that may wait at a time. As many as the map has (a fixed map: atomic_hash_map_capacity()): it never waits for memory.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_NO_MEMORY: what was reserved before stays so, and what could be had of the rest, too.
 * Threads:  any.  Progress: that of the allocator.  Order: none.  Memory: 512 bytes for 124 ids, and 25 KiB.  Cost: an allocation for each 124 ids.
 * Lifetime: until atomic_hash_map_urcu_finish(); a later call with more ids adds what is lacking, one with fewer does nothing.
 */
static inline int atomic_hash_map_urcu_reserve(struct atomic_hash_map_urcu *urcu, size_t ids)
{
	/* Three chunks of each stripe may hold fewer cells that wait: the last ones of its two lists, and the one that is being released. */
	const size_t share = (ids / HL_AHU_IDS + HL_STRIPES) / HL_STRIPES + 3;

	for (unsigned i = 0; i < HL_STRIPES; i++) {
		struct hl_ahu_stripe *const stripe = &urcu->stripes[i];
		struct hl_ahu_chunk *fresh = NULL;

		/* Ends: each turn adds a chunk, and from now on none of `share` is freed. */
		for (;;) {
			hl_ahu_lock(stripe);
			if (stripe->chunks_kept < share)
				stripe->chunks_kept = share;
			if (fresh != NULL) {
				hl_ahu_add_spare(stripe, fresh);
				stripe->chunks_count++;
			}
			const int is_enough = stripe->chunks_count >= share;

			hl_ahu_unlock(stripe);
			if (is_enough)
				break;
			fresh = hl_ahu_chunk_new(urcu);
			if (fresh == NULL)
				return HASHLOOM_ERROR_NO_MEMORY;
		}
	}
	return HASHLOOM_OK;
}

/*
 * atomic_hash_map_urcu_waiting: how many cells wait for their grace period.
 * urcu:     of atomic_hash_map_urcu_init().
 * Returns:  the number; exact when nobody erases, otherwise near, never below zero. 0 when nobody erases: all are released.
 * Threads:  any.  Progress: wait-free.  Order: acquires what the releases released.  Memory: none.  Cost: 32 loads.  Lifetime: none.
 */
static inline size_t atomic_hash_map_urcu_waiting(const struct atomic_hash_map_urcu *urcu)
{
	uint64_t released = 0;
	uint64_t retired = 0;

	for (unsigned i = 0; i < HL_STRIPES; i++)
		/* acquire. pairs with [AHU-2] in hl_ahu_after_grace_period() */
		released += hl_u64_load_acquire(&urcu->stripes[i].released);
	for (unsigned i = 0; i < HL_STRIPES; i++)
		retired += hl_u64_load_relaxed(&urcu->stripes[i].retired);
	hl_assert(retired >= released);
	return (size_t)(retired - released);
}

/*
 * atomic_hash_map_urcu_flush: waits until the cells of all erases that ended before are released.
 * urcu:     of atomic_hash_map_urcu_init().
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_INVALID_ARGUMENT: called inside a read-side section, nothing was waited for. QSBR: never, for it is a quiescent state.
 * Threads:  any, registered or not, but those that run release and destroy_value: they would wait for themselves.  Progress: waits for readers, and for
 *           other callbacks of call_rcu().  Order: acquires what the releases released; inserts that follow may use the cells.
 * Memory:   liburcu's own.  Cost: two times rcu_barrier(), which is tens of milliseconds.  Lifetime: ends that of addresses that a thread with QSBR keeps.
 */
static inline int atomic_hash_map_urcu_flush(struct atomic_hash_map_urcu *urcu)
{
	const struct rcu_flavor_struct *const flavor = urcu->flavor;
	/* With QSBR that is whether it is online; the other flavours have no such thing, and go on inside the section. */
	const int was_online = flavor->read_ongoing();

	if (was_online)
		flavor->thread_offline();
	const int is_inside = flavor->read_ongoing();

	/* The first waits for the callbacks that release `waiting`, and make `open` the next one; the second for those. */
	for (unsigned turn = 0; turn < 2 && !is_inside; turn++)
		flavor->barrier();
	if (was_online)
		flavor->thread_online();
	/* The barriers order; this tells ThreadSanitizer so. */
	(void)atomic_hash_map_urcu_waiting(urcu);
	return is_inside ? HASHLOOM_ERROR_INVALID_ARGUMENT : HASHLOOM_OK;
}

/*
 * atomic_hash_map_urcu_finish: releases all cells and frees the memory of an object. To be called before its map is destroyed.
 * urcu:     of atomic_hash_map_urcu_init(); its map may be there still, or there never was one.
 * Returns:  as atomic_hash_map_urcu_flush(); after INVALID_ARGUMENT the object goes on.
 * Threads:  exclusive: nobody erases, now and later.  Progress, Order, Cost: as atomic_hash_map_urcu_flush().  Memory: frees.
 * Lifetime: ends the object's.
 */
static inline int atomic_hash_map_urcu_finish(struct atomic_hash_map_urcu *urcu)
{
	const int error = atomic_hash_map_urcu_flush(urcu);

	if (error != HASHLOOM_OK)
		return error;
	for (unsigned i = 0; i < HL_STRIPES; i++) {
		struct hl_ahu_stripe *const stripe = &urcu->stripes[i];

		hl_ahu_lock(stripe);
		struct hl_ahu_chunk *const spares = stripe->spares;

		hl_assert(!stripe->is_armed && stripe->open.first == NULL);
		stripe->spares = NULL;
		stripe->chunks_count = 0;
		stripe->chunks_kept = 0;
		hl_ahu_unlock(stripe);
		hl_ahu_chunks_free(urcu, spares);
	}
	return HASHLOOM_OK;
}

HL_END_DECLS

#endif
