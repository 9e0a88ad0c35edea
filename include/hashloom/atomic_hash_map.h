/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_map.h: a concurrent hash map that grows, from integer or pointer keys to values of one size.
 *
 * An entry's cell never moves, and its number, the id, names it: 32 bits where a pointer or a key would take 64. Finds and
 * iteration are wait-free; an insert waits at most for another insert that has claimed the same cell and not finished (with cells
 * that are reused: for a writer of the same group of 15 cells). When the map is full a further slab of cells is added behind the others, and
 * nothing is copied.
 *
 * When not to use it: the number of entries is known and small, or one thread is all there is; the keys are long (intern.h
 * makes 32-bit ids of them); values of more than 8 bytes change all the time (a lock for each cell is there, but it is a lock).
 *
 * Model in one sentence: claim a cell by compare-and-swap on its key word, write the value, publish the key; a byte of
 * hash for each cell, in lines of their own, tells a search where to look; a full slab is closed cell by cell and a larger one follows.
 *
 *     struct atomic_hash_map *map;                                     (examples/scores.c is typed)
 *     struct atomic_hash_map_config config = { .value_size = sizeof(uint64_t) };
 *     if (atomic_hash_map_create(1000, &config, &map) == HASHLOOM_OK)
 *         atomic_hash_map_insert(map, 42, &value, NULL);
 *
 * atomic_hash_map_typed.h is the same compiled for a type, without a call through a pointer. The functions here take sizes at run
 * time, for other languages and for types that are not known when compiling. The algorithm is in atomic_hash_map_core.h and
 * atomic_hash_array_core.h; the idea is AtomicHashMap's (folly).
 *
 * Guarantees
 *   A.1  A key is never there twice. Of several inserts of one key exactly one is told that it is new; the others get the same entry.
 *   A.2  A find that comes after an insert (in its thread, or having heard of it) sees the entry, with its whole value.
 *   A.3  An entry's address and id stay the same from its insert to its erase, whatever the map does in between but compact.
 *   A.4  Reuse NEVER: addresses and ids are never given to another entry, and the value's bytes stay after an erase.
 *   A.5  Reuse SAME_KEY: a key has one address and one id for the life of the map, in which its inserts follow each other. The bytes of a
 *        value stay after an erase, until the key is inserted again; if that fails in construct, they are zero.
 *   A.6  Reuse ANY_KEY: an erased entry's cell may be given to any key at once, or, if the config has `retire`, after
 *        atomic_hash_map_release(). Whoever keeps addresses while others erase needs the latter (atomic_hash_map_urcu.h), or copies the value by load. (D.1's cells are not retired.)
 *   A.7  An iteration gives each entry that is there all the time exactly once, others at most once for each insert, and ends.
 *   B.1  Growth: an insert fails for want of room only when 32-bit ids or the memory are used up (a fixed map: its cells). Then it changed
 *        nothing, and all else goes on working. A fixed map has room for entries_max entries, at least (NEVER: counting erased ones). With NEVER,
 *        a key that was told FULL will not find room any more in any thread.
 *   B.2  No insert waits for another thread to make a slab while its path has a free cell and the load is less than halfway from the load
 *        factor to full.
 *   C.1  load, store, exchange, compare_exchange, fetch_add, upsert, take and erase of one key happen one after the other: none is lost, none
 *        acts on an entry that was erased before it.
 *   C.2  Values of 1 to 8 bytes are read and written whole by them. Larger ones need `has_locks`, but for load and take.
 *   C.3  What is done through an address from find does not take part in C.1: that is for values that are not changed otherwise, and for atomics of yours.
 *   D.1  Every key can be stored. Those that are equal to the empty, locked, erased or sealed key (by default -1 to -4) lie in cells of their own, which only
 *        they get, again and again, whatever the policy, and without retire. Maps with `equal` of yours do not take these four (INVALID_KEY).
 *   E.1  A thread that is stopped or dies inside a call (or a process that shares the map's memory): finds and iteration of all others go on and are
 *        right, with NEVER also loads of words. Of the writers, those wait that come to what it held: the cell of an unfinished insert; an entry's lock; with reuse, or if it
 *        erased or changed an entry, the lock of the key's home group; if it was making a slab, inserts, once the map is halfway from the load
 *        factor to full (B.2). All others go on. An entry is there whole or not at all. atomic_hash_map_check() tells what is held.
 *        When nobody else is in a call, atomic_hash_map_compact() keeps the entries and gives back what the dead held; atomic_hash_map_clear() too.
 *   E.2  fork(): the child's copy of the map is that of one moment, in which all other threads of the parent have died (E.1). So the child may find and iterate,
 *        whatever they did; it may write if none of them was inside a call that writes.
 *   E.3  A map whose allocator gives out memory that processes share at one address (mapped before fork()) is one map for all of them, with all
 *        that stands here; its callbacks must be at one address, too. Waiting writers yield the processor and need no help of the other process.
 *
 * Which calls may run together: all of them, but for create, destroy, clear, compact and set_counter_cache, which are alone.
 * NULL and bad addresses are not checked, bad numbers are.
 */
#ifndef HASHLOOM_ATOMIC_HASH_MAP_H
#define HASHLOOM_ATOMIC_HASH_MAP_H

#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/atomic_hash_map_core.h>

HL_BEGIN_DECLS

struct atomic_hash_map;

/*
 * Something that has the hash of a key and can be compared with keys, as a string is to its number. The callbacks run in the calling
 * thread, may block, and must not call the map.
 */
struct atomic_hash_map_lookup {
	uint64_t hash;					   /* of the key that it stands for: the same as the config's hash of that key */
	int (*equal)(const void *argument, uint64_t key); /* 1: it stands for this key */
	int (*key)(void *argument, uint64_t *key);	   /* makes the key, when it is really inserted: 0, or a negative number; find and erase: NULL */
	void *argument;
};

/*
 * atomic_hash_map_create: makes an empty map.
 * entries_max: entries that the first slab takes, from 1 to about 3.4e9; an estimate is enough, unless the map is fixed.
 * config:   struct atomic_hash_map_config stands in atomic_hash_map_core.h; not NULL; all zero is a set of 64-bit keys.
 * map:      where the address goes, on success.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_INVALID_ARGUMENT (a number out of range), HASHLOOM_ERROR_NO_MEMORY.
 * Threads:  any.  Progress: that of the allocator.  Order: none.
 * Memory:   (cell + 16 / 15 bytes) / load for each entry, a cell being the key, a lock if it has one, and the value, rounded up to the
 *           alignment; and about 3 KiB. Untouched until used.
 * Cost:     two allocations.
 * Lifetime: until atomic_hash_map_destroy().
 */
HASHLOOM_API int atomic_hash_map_create(size_t entries_max, const struct atomic_hash_map_config *config,
					struct atomic_hash_map **map);

/*
 * atomic_hash_map_destroy: frees a map; destroy_value runs for each cell that holds, or has held and not let go, a value.
 * map:      of atomic_hash_map_create(), or NULL.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of the allocator.  Order: none.  Memory: frees.  Cost: a free for each slab; with destroy_value a walk.
 * Lifetime: ends, also of all addresses of values.
 */
HASHLOOM_API void atomic_hash_map_destroy(struct atomic_hash_map *map);

/*
 * atomic_hash_map_insert: adds a key with a copy of a value, unless the key is there.
 * map:      of atomic_hash_map_create().
 * key:      any; its lower half if key_size is 4.
 * value:    value_size readable bytes; may be NULL if that is 0.
 * where:    gets the address of the entry's value, new or not; NULL: not wanted.
 * Returns:  1: new; 0: there already, nothing changed (so compare with < 0 for errors, not with HASHLOOM_OK); HASHLOOM_ERROR_FULL,
 *           HASHLOOM_ERROR_NO_MEMORY, HASHLOOM_ERROR_INVALID_KEY (D.1).
 * Threads:  any.  Progress: waits for an insert that holds the same cell (reuse: for a writer of the same group); for a slab: B.2.
 * Order:    success: releases what was written before to whoever finds the entry; "there already" acquires it.
 * Memory:   a slab when one is due.  Cost: about two cache misses for the last slab and one for each other, and a copy.
 * Lifetime: of *where: A.4, A.5, A.6.  Source: folly's AtomicHashArray; F14's overflow counts.
 */
HASHLOOM_API int atomic_hash_map_insert(struct atomic_hash_map *map, uint64_t key, const void *value, void **where);

/*
 * atomic_hash_map_emplace: adds a key with a value that is made in its cell, unless the key is there.
 * map, key, where: as above.
 * construct: (value, argument) writes the value_size bytes at `value` and returns 0, or a negative number: the cell is free again, and emplace returns that number. Runs
 *           at most once, in the calling thread; may block, but others that insert the key wait for it; must not call the map.
 * argument: handed to construct.
 * Returns:  1, 0 and errors as atomic_hash_map_insert(), and those of construct.
 * Threads:  any.  Progress, Order, Memory: as atomic_hash_map_insert().  Cost: the same and construct.  Lifetime: of *where: A.4, A.5, A.6.
 */
HASHLOOM_API int atomic_hash_map_emplace(struct atomic_hash_map *map, uint64_t key, atomic_hash_map_construct_fn construct,
					 void *argument, void **where);

/*
 * atomic_hash_map_find, atomic_hash_map_find_near: look for a key.
 * map, key: as above.
 * Returns:  the address of the entry's value, or NULL.
 * Threads:  any.  Progress: wait-free.  Order: a hit acquires what the insert released.
 * Memory:   none.  Cost: two cache misses for a hit, about one for a miss, and one for each further slab. find_near asks for the cell where the
 *           entry probably lies beside the tags: for finds of which each needs the result of the one before. On a large table it takes about one
 *           miss for a hit, and two for a miss; otherwise it is slower.
 * Lifetime: A.4, A.5, A.6.
 */
HASHLOOM_API void *atomic_hash_map_find(const struct atomic_hash_map *map, uint64_t key);
HASHLOOM_API void *atomic_hash_map_find_near(const struct atomic_hash_map *map, uint64_t key);

/*
 * atomic_hash_map_count: whether a key is there.
 * map, key: as above.
 * Returns:  1 or 0.
 * Threads:  any.  Progress: wait-free.  Order: as atomic_hash_map_find().  Memory: none.  Cost: of a find.  Lifetime: none.
 */
HASHLOOM_API size_t atomic_hash_map_count(const struct atomic_hash_map *map, uint64_t key);

/*
 * atomic_hash_map_erase, atomic_hash_map_take: take a key out; take hands out a copy of its last value.
 * map, key: as above.
 * value:    gets value_size bytes, if it returns 1.
 * Returns:  1: erased; 0: not there. Of several erases of one entry one gets 1. An insert that has not ended may not be seen.
 * Threads:  any.  Progress: waits for a writer of the same group (has_locks: for the holder of the cell's lock).
 * Order:    what happened before is visible to whoever then inserts the key.
 * Memory:   none.  Cost: as a hit, and two atomic steps.  Lifetime: ends the entry's: A.4, A.5, A.6. destroy_value runs with ANY_KEY.
 */
HASHLOOM_API int atomic_hash_map_erase(struct atomic_hash_map *map, uint64_t key);
HASHLOOM_API int atomic_hash_map_take(struct atomic_hash_map *map, uint64_t key, void *value);

/*
 * atomic_hash_map_find_as, atomic_hash_map_emplace_as, atomic_hash_map_erase_as: the same by something that stands for a key.
 * map:      as above. Where all keys come from lookups the config's hash may be another one, as long as retain, compact and statistics are not called.
 * lookup:   see above. emplace_as calls lookup->key, then construct, when the entry is really inserted.
 * construct: as above; NULL: the value's bytes are zero.
 * argument: handed to construct.
 * where:    as above.
 * Returns:  as find, emplace and erase; emplace_as also what lookup->key returns if negative, and HASHLOOM_ERROR_INVALID_KEY (D.1).
 * Threads:  any.  Progress, Order, Memory, Cost: as find, emplace and erase, and the callbacks.  Lifetime: A.4, A.5, A.6.
 */
HASHLOOM_API void *atomic_hash_map_find_as(const struct atomic_hash_map *map, const struct atomic_hash_map_lookup *lookup);
HASHLOOM_API int atomic_hash_map_emplace_as(struct atomic_hash_map *map, const struct atomic_hash_map_lookup *lookup,
					    atomic_hash_map_construct_fn construct, void *argument, void **where);
HASHLOOM_API int atomic_hash_map_erase_as(struct atomic_hash_map *map, const struct atomic_hash_map_lookup *lookup);

/*
 * atomic_hash_map_load: copies a value, whole.
 * map, key: as above.
 * value:    gets value_size bytes, if it returns 1.
 * Returns:  1; 0: not there.
 * Threads:  any.  Progress: wait-free with NEVER, values of 1 to 8 bytes and no locks; otherwise waits for a writer of the same group, or the cell's lock.
 * Order:    acquires what the writer of the value released.  Memory: none.  Cost: of a find.  Lifetime: none.
 */
HASHLOOM_API int atomic_hash_map_load(struct atomic_hash_map *map, uint64_t key, void *value);

/*
 * atomic_hash_map_store, atomic_hash_map_exchange, atomic_hash_map_compare_exchange, atomic_hash_map_fetch_add: change the value of a
 *           key that is there.
 * map, key: as above.
 * value:    value_size readable bytes: the new value.
 * before:   gets the value from before; NULL: not wanted.
 * expected: value_size bytes, compared byte by byte; gets the value found if that differs.
 * summand:  added to the value as an unsigned number of value_size bytes (1, 2, 4 or 8), modulo its range.
 * Returns:  1: changed; 0: not there; compare_exchange also 2: there, but different, nothing changed.
 *           HASHLOOM_ERROR_INVALID_ARGUMENT: the value is larger than 8 bytes and the map has no locks, or no number (fetch_add).
 * Threads:  any.  Progress: waits for a writer of the same group, or for the cell's lock.  Order: acquires what the last writer of the
 *           value released, and releases to the next.  Memory: none.  Cost: of a find, and two atomic steps.  Lifetime: none.
 */
HASHLOOM_API int atomic_hash_map_store(struct atomic_hash_map *map, uint64_t key, const void *value);
HASHLOOM_API int atomic_hash_map_exchange(struct atomic_hash_map *map, uint64_t key, const void *value, void *before);
HASHLOOM_API int atomic_hash_map_compare_exchange(struct atomic_hash_map *map, uint64_t key, void *expected, const void *value);
HASHLOOM_API int atomic_hash_map_fetch_add(struct atomic_hash_map *map, uint64_t key, uint64_t summand, void *before);

/*
 * atomic_hash_map_upsert: inserts a value, or combines it with the one that is there.
 * map, key, value: as atomic_hash_map_insert().
 * combine:  (stored, offered, argument) changes *stored, given what is offered. With values of 1 to 8 bytes and no locks it runs on a copy, without a lock, and again if somebody
 *           else was faster; otherwise under the cell's lock. In the calling thread; must not call the map for this key.
 * argument: handed to combine.
 * result:   gets the value that was written; NULL: not wanted.
 * Returns:  1: inserted; 0: combined; errors as atomic_hash_map_insert(), and INVALID_ARGUMENT as atomic_hash_map_store().
 * Threads:  any.  Progress, Order, Memory: as insert and exchange.  Cost: of a find, two atomic steps and combine; or of an insert.  Lifetime: none.
 */
HASHLOOM_API int atomic_hash_map_upsert(struct atomic_hash_map *map, uint64_t key, const void *value,
					atomic_hash_map_combine_fn combine, void *argument,
					void *result);

/*
 * atomic_hash_map_lock, atomic_hash_map_unlock: hold off erase, take, load, store and the like of one entry. For maps with has_locks.
 * map, key: as above.
 * value:    what lock returned.
 * Returns:  lock: the address of the value, which is the caller's until unlock; NULL: not there, or the map has no locks.
 * Threads:  any; the thread that locked unlocks.  Progress: waits for the holder of the lock.  Order: acquires what the last holder released.
 * Memory:   none.  Cost: of a find and an atomic step.  Lifetime: of the address: to unlock. A holder may call the map for other keys, but calls that
 *           lock (C.1) for this one wait for ever; whoever holds two locks takes them in an order that all others keep.
 */
HASHLOOM_API void *atomic_hash_map_lock(struct atomic_hash_map *map, uint64_t key);
HASHLOOM_API void atomic_hash_map_unlock(struct atomic_hash_map *map, void *value);

/*
 * atomic_hash_map_find_batch, atomic_hash_map_insert_batch, atomic_hash_map_erase_batch, atomic_hash_map_upsert_batch: the same for many
 *           keys; the cache misses of 32 of them overlap. On large tables two to three times as fast.
 * map:      as above.
 * keys:     may be repeated, and are taken in their order.
 * count:    how many keys.
 * values:   find: gets count addresses, NULL for a key that is not there. insert, upsert: count values one after the other (value_size bytes each).
 * results:  gets for each key what the single call returns; NULL: not wanted.
 * combine:  as atomic_hash_map_upsert().
 * argument: as atomic_hash_map_upsert().
 * Returns:  find: how many are there; insert: how many are new; erase: how many were erased; upsert: how many were inserted.
 *           An error in one key does not keep the others from being done.
 * Threads, Progress, Order, Memory, Lifetime: as the single calls; a batch is not one step.  Cost: see above.
 * Source:   group prefetching (Chen, Ailamaki, Gibbons, Mowry, ICDE 2004).
 */
HASHLOOM_API size_t atomic_hash_map_find_batch(const struct atomic_hash_map *map, const uint64_t *keys, size_t count, void **values);
HASHLOOM_API size_t atomic_hash_map_insert_batch(struct atomic_hash_map *map, const uint64_t *keys, const void *values, size_t count,
						 int *results);
HASHLOOM_API size_t atomic_hash_map_erase_batch(struct atomic_hash_map *map, const uint64_t *keys, size_t count, int *results);
HASHLOOM_API size_t atomic_hash_map_upsert_batch(struct atomic_hash_map *map, const uint64_t *keys, const void *values, size_t count,
						 atomic_hash_map_combine_fn combine,
						 void *argument, int *results);

/*
 * atomic_hash_map_id: the id of an entry.
 * map:      as above.
 * value:    an address of this map, from insert, find, at or next.
 * Returns:  its id, less than atomic_hash_map_ids().
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a division.  Lifetime: A.3 to A.6.
 */
HASHLOOM_API uint32_t atomic_hash_map_id(const struct atomic_hash_map *map, const void *value);

/*
 * atomic_hash_map_key_to_id: the id of a key.
 * map, key: as above.
 * id:       gets the id.
 * Returns:  1; 0: not there.
 * Threads:  any.  Progress: wait-free.  Order: as a find.  Memory: none.  Cost: of a find.  Lifetime: A.3 to A.6.
 */
HASHLOOM_API int atomic_hash_map_key_to_id(const struct atomic_hash_map *map, uint64_t key, uint32_t *id);

/*
 * atomic_hash_map_at: the entry of an id.
 * map:      as above.
 * id:       any number.
 * key:      gets the entry's key; NULL: not wanted.
 * Returns:  the address of its value, or NULL: no entry has this id now.
 * Threads:  any.  Progress: wait-free.  Order: as a hit of find.  Memory: none.  Cost: a cache miss.  Lifetime: A.4, A.5, A.6.
 */
HASHLOOM_API void *atomic_hash_map_at(const struct atomic_hash_map *map, uint32_t id, uint64_t *key);

/*
 * atomic_hash_map_next, atomic_hash_map_next_before: iterate, over all or up to an id.
 * map:      as above.
 * position: the id to begin with, 0 for all; written.
 * end:      the first id that is not wanted.
 * key:      gets the entry's key; NULL: not wanted.
 * Returns:  the address of the next entry's value, in the order of the ids, or NULL: that was all.
 * Threads:  any; a position belongs to one.  Progress: wait-free.  Order: as a hit of find.
 * Memory:   none.  Cost: a load for each group of 15 cells and one for each entry.  Lifetime: a position is never invalid (A.7).
 */
HASHLOOM_API void *atomic_hash_map_next(const struct atomic_hash_map *map, uint64_t *position, uint64_t *key);
HASHLOOM_API void *atomic_hash_map_next_before(const struct atomic_hash_map *map, uint64_t *position, uint64_t end, uint64_t *key);

/*
 * atomic_hash_map_ids: the number of ids that there may be now; parts of 0 to this are the ranges for threads that iterate side by side.
 * map:      as above.
 * Returns:  more than every id that was handed out before.
 * Threads:  any.  Progress: wait-free.  Order: acquires.  Memory: none.  Cost: a load.  Lifetime: grows.
 */
HASHLOOM_API uint64_t atomic_hash_map_ids(const struct atomic_hash_map *map);

/*
 * atomic_hash_map_for_each: calls a function for each entry of a part of the map.
 * map:      as above.
 * part:     0 to parts - 1.
 * parts:    from 1; each part is some of the ids, and all parts together, done at one time, are all of them.
 * callback: (key, value, argument) gets an entry; 0: go on; another number: stop. In the calling thread; may block, and call the map.
 * argument: handed to callback.
 * Returns:  0, or what callback returned; HASHLOOM_ERROR_INVALID_ARGUMENT (part not less than parts).
 * Threads:  any; one for each part.  Progress: wait-free but for the callback.  Order: as a hit of find.  Memory: none.
 * Cost:     as atomic_hash_map_next().  Lifetime: as for atomic_hash_map_next().
 */
HASHLOOM_API int atomic_hash_map_for_each(const struct atomic_hash_map *map, uint32_t part, uint32_t parts,
					  atomic_hash_map_entry_fn callback, void *argument);

/*
 * atomic_hash_map_retain: erases the entries that a function does not want to keep.
 * map:      as above.
 * keep:     (key, value, argument) 1: keep, 0: erase. In the calling thread; may block, and call the map.
 * argument: handed to keep.
 * Returns:  the number of entries erased.
 * Threads:  any.  Progress: as erases.  Order: as erases.  Memory: none.  Cost: a walk, and an erase for each.
 * Lifetime: ends that of the erased. An entry that was changed after `keep` looked at it is erased all the same.
 */
HASHLOOM_API size_t atomic_hash_map_retain(struct atomic_hash_map *map, atomic_hash_map_entry_fn keep,
					   void *argument);

/*
 * atomic_hash_map_size, atomic_hash_map_empty, atomic_hash_map_capacity, atomic_hash_map_space_remaining, atomic_hash_map_slabs: counts.
 * map:      as above.
 * Returns:  size: entries, exact when nothing runs; while others insert and erase it may be off by what they do during the call, but is never below
 *           zero nor above the capacity and the four keys of D.1. empty: 1 if size is 0. capacity: cells of all slabs.
 *           space_remaining: entries until the load factor is reached. slabs: 1 and more.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: up to 32 loads.  Lifetime: none.
 */
HASHLOOM_API size_t atomic_hash_map_size(const struct atomic_hash_map *map);
HASHLOOM_API int atomic_hash_map_empty(const struct atomic_hash_map *map);
HASHLOOM_API size_t atomic_hash_map_capacity(const struct atomic_hash_map *map);
HASHLOOM_API size_t atomic_hash_map_space_remaining(const struct atomic_hash_map *map);
HASHLOOM_API size_t atomic_hash_map_slabs(const struct atomic_hash_map *map);

/*
 * atomic_hash_map_load_permille, atomic_hash_map_counter_cache, atomic_hash_map_set_counter_cache: settings.
 * map:      as above.
 * counter_cache: inserts of a thread between two looks at the load, from 1. Small maps look more often.
 * Returns:  the load factor in thousandths; the counter cache; set: nothing.
 * Threads:  any; set: exclusive.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: none.
 */
HASHLOOM_API unsigned atomic_hash_map_load_permille(const struct atomic_hash_map *map);
HASHLOOM_API uint32_t atomic_hash_map_counter_cache(const struct atomic_hash_map *map);
HASHLOOM_API void atomic_hash_map_set_counter_cache(struct atomic_hash_map *map, uint32_t counter_cache);

/*
 * atomic_hash_map_clear: erases all, as if nothing had ever been inserted; keeps the first slab and frees the others.
 * map:      as above.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of the allocator.  Order: none.  Memory: frees.  Cost: of writing the first slab.
 * Lifetime: ends that of all entries and their ids, also of retired ones, which must have been released; destroy_value runs as in destroy.
 */
HASHLOOM_API void atomic_hash_map_clear(struct atomic_hash_map *map);

/*
 * atomic_hash_map_compact: moves all entries to one new slab of the right size. Erased cells, seals and further slabs are gone.
 * map:      as above.
 * entries_max: entries that the slab takes; at least those that are there.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_NO_MEMORY, HASHLOOM_ERROR_INVALID_ARGUMENT (too many): nothing changed.
 * Threads:  exclusive.  Progress: that of the allocator.  Order: none.  Memory: the new slab, before the old ones are freed.  Cost: an insert for each entry.
 * Lifetime: ends that of all addresses and ids (retired ones must have been released); values are copied byte by byte, and destroy_value does not run for those that move.
 */
HASHLOOM_API int atomic_hash_map_compact(struct atomic_hash_map *map, size_t entries_max);

/*
 * atomic_hash_map_release: lets a retired cell be used again. For maps whose config has `retire`.
 * map:      as above.
 * id:       what retire was called with, once.
 * Returns:  nothing.
 * Threads:  any.  Progress: wait-free.  Order: what was read of the value before comes before its next writer.
 * Memory:   none.  Cost: a store; and destroy_value.  Lifetime: ends the id's.
 */
HASHLOOM_API void atomic_hash_map_release(struct atomic_hash_map *map, uint32_t id);

/*
 * atomic_hash_map_statistics: how full the slabs are, and how far searches go.
 * map:      as above.
 * statistics: written.
 * Returns:  nothing.
 * Threads:  any; exact when nothing runs.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a walk over all cells, and a hash for each entry.
 * Lifetime: none.
 */
HASHLOOM_API void atomic_hash_map_statistics(const struct atomic_hash_map *map, struct atomic_hash_map_stats *statistics);

/*
 * atomic_hash_map_check: looks for what a thread or a process that died inside a call has left (E.1), and for damage.
 * map:      as above, in whatever state.
 * report:   written.
 * Returns:  0: all is in order; 1: something is not: the report says what. With HASHLOOM_PROBING_QUADRATIC wrong overflow counts alone are no reason, with `retire` unreleased cells.
 * Threads:  any. While others write, what they are in the middle of is reported, too: check again after a pause; what has stayed is dead.
 * Progress: wait-free. Nothing is written.  Order: none.  Memory: none.  Cost: a walk over all cells, and a find for each entry.
 * Lifetime: none.
 */
HASHLOOM_API int atomic_hash_map_check(const struct atomic_hash_map *map, struct atomic_hash_map_report *report);

HL_END_DECLS

#endif
