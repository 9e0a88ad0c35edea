/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_array.h: a concurrent hash map of fixed size, from 64-bit keys to values of one size.
 *
 * An entry's cell never moves, and its number, the id, names it as long as the entry exists: 32 bits where a
 * pointer or a key would take 64. Finds and iteration are wait-free; an insert waits at most for another
 * insert that has claimed the same cell and not finished.
 *
 * When not to use it: the number of entries is not known in advance (atomic_hash_map.h); there is one thread only and no ids are needed.
 *
 * Model in one sentence: claim a cell by compare-and-swap on its key word, write the value, publish the key; a byte of
 * hash for each cell, in lines of their own, tells a search where to look.
 *
 *     #define ATOMIC_HASH_ARRAY_NAME  ids                              (examples/atomic_ids.c)
 *     #define ATOMIC_HASH_ARRAY_VALUE struct name
 *     #include <hashloom/atomic_hash_array_typed.h>
 *
 * That is the typed front end: the same functions, compiled for a type. The functions here take sizes at run
 * time, for other languages and for types that are not known when compiling. An array is an atomic hash map that does not grow: these
 * functions are the simple ones, and all others of atomic_hash_map.h (values that change, batches, lookups by another type, statistics)
 * are had by atomic_hash_array_as_map(). The idea is AtomicHashArray's (folly).
 *
 * Guarantees
 *   A.1  A key is never there twice. Of several inserts of one key exactly one is told that it is new; the others get the same entry.
 *   A.2  A find that comes after an insert (in its thread, or having heard of it) sees the entry, with its whole value.
 *   A.3  An entry's address and id stay the same from its insert to its erase.
 *   A.4  With HASHLOOM_REUSE_NEVER addresses and ids are never given to another entry, and the value's bytes stay after an erase.
 *   A.5  With HASHLOOM_REUSE_ANY_KEY an erased entry's cell may be given to any key at once. Whoever reads a value while
 *        others erase must bring a protection of his own into the value (as async_hash_map.c does).
 *   A.6  entries_max entries fit, at least (NEVER: counting erased ones). An insert that finds no room changes nothing; with NEVER
 *        that key will not find room any more in any thread. With ANY_KEY, beside erases and with nearly all cells
 *        taken, an insert may miss the room that they make.
 *        With HASHLOOM_REUSE_SAME_KEY an erased entry's cell is kept for the same key.
 *   A.7  An iteration gives each entry that is there all the time exactly once, others at most once for each insert, and ends.
 *
 * Which calls may run together: all of them, but for create and destroy.
 */
#ifndef HASHLOOM_ATOMIC_HASH_ARRAY_H
#define HASHLOOM_ATOMIC_HASH_ARRAY_H

#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/atomic_hash_map.h>

HL_BEGIN_DECLS

struct atomic_hash_array;

/* All zero is the default but for value_size. */
struct atomic_hash_array_config {
	size_t value_size;	       /* bytes, 0 to 2^30 */
	size_t value_alignment;	       /* a power of two up to 64; 0: 8, or less if value_size is */
	unsigned load_permille;	       /* entries_max per thousand cells, 1 to 1000; 0: 800. ANY_KEY: not above 950, or misses get slow */
	enum hashloom_reuse reuse;     /* default: HASHLOOM_REUSE_NEVER */
	atomic_hash_array_hash_fn hash; /* its upper half and lowest byte count; must not block; NULL: our own */
	const struct hashloom_allocator *allocator; /* copied; NULL: the default */
};

/*
 * atomic_hash_array_create: makes an empty array.
 * entries_max: entries that fit at least, from 1; entries_max / load cells must have 32-bit ids.
 * config:   see above; not NULL.
 * array:    where the address goes, on success.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_INVALID_ARGUMENT (a number out of range), HASHLOOM_ERROR_NO_MEMORY.
 * Threads:  any.  Progress: that of the allocator.  Order: none.
 * Memory:   (cell + 16 / 15 bytes) / load for each entry, a cell being 8 bytes and the value, rounded up to the alignment; and about 3 KiB.
 *           Untouched until used.
 * Cost:     two allocations.
 * Lifetime: until atomic_hash_array_destroy().
 */
HASHLOOM_API int atomic_hash_array_create(size_t entries_max, const struct atomic_hash_array_config *config,
					  struct atomic_hash_array **array);

/*
 * atomic_hash_array_destroy: frees an array.
 * array:    of atomic_hash_array_create(), or NULL.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of the allocator.  Order: none.  Memory: frees.  Cost: two frees.
 * Lifetime: ends, also of all addresses of values.
 */
HASHLOOM_API void atomic_hash_array_destroy(struct atomic_hash_array *array);

/*
 * atomic_hash_array_as_map: the same array, for the functions of atomic_hash_map.h.
 * array:    of atomic_hash_array_create(), or NULL.
 * Returns:  the array.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the array's; it is destroyed once.
 */
HASHLOOM_API struct atomic_hash_map *atomic_hash_array_as_map(struct atomic_hash_array *array);

/*
 * atomic_hash_array_insert: adds a key with a copy of a value, unless the key is there.
 * array:    of atomic_hash_array_create().
 * key:      any. (-1 to -4 lie in cells of their own, which come back whatever the policy.)
 * value:    value_size readable bytes; may be NULL if that is 0.
 * where:    gets the address of the entry's value, new or not; NULL: not wanted.
 * Returns:  1: new; 0: there already, nothing changed; HASHLOOM_ERROR_FULL.
 * Threads:  any.  Progress: waits for an insert that holds the same cell (ANY_KEY: for a writer of the same group).
 * Order:    success: releases what was written before to whoever finds the entry; "there already" acquires it.
 * Memory:   none.  Cost: about two cache misses, and a copy.
 * Lifetime: of *where: A.4, A.5.  Source: folly's AtomicHashArray; F14's overflow counts.
 */
HASHLOOM_API int atomic_hash_array_insert(struct atomic_hash_array *array, uint64_t key, const void *value, void **where);

/*
 * atomic_hash_array_find: looks for a key.
 * array, key: as above.
 * Returns:  the address of the entry's value, or NULL.
 * Threads:  any.  Progress: wait-free.  Order: a hit acquires what the insert released.
 * Memory:   none.  Cost: two cache misses for a hit, about one for a miss.  Lifetime: A.4, A.5.
 */
HASHLOOM_API void *atomic_hash_array_find(const struct atomic_hash_array *array, uint64_t key);

/*
 * atomic_hash_array_erase: takes a key out.
 * array, key: as above.
 * Returns:  1: erased; 0: not there. Of several erases of one entry one gets 1.
 * Threads:  any.  Progress: waits for a writer of the same group.
 * Order:    what happened before is visible to whoever then inserts the key.
 * Memory:   none.  Cost: as a hit.  Lifetime: ends the entry's: A.4, A.5.
 */
HASHLOOM_API int atomic_hash_array_erase(struct atomic_hash_array *array, uint64_t key);

/*
 * atomic_hash_array_id: the id of an entry.
 * array:    as above.
 * value:    an address of this array, from insert, find, at or next.
 * Returns:  its id, 0 to atomic_hash_array_capacity() + 3.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a division.  Lifetime: A.3, A.4.
 */
HASHLOOM_API uint32_t atomic_hash_array_id(const struct atomic_hash_array *array, const void *value);

/*
 * atomic_hash_array_at: the entry of an id.
 * array:    as above.
 * id:       any number.
 * key:      gets the entry's key; NULL: not wanted.
 * Returns:  the address of its value, or NULL: no entry has this id now.
 * Threads:  any.  Progress: wait-free.  Order: as a hit of find.  Memory: none.  Cost: a cache miss.  Lifetime: A.4, A.5.
 */
HASHLOOM_API void *atomic_hash_array_at(const struct atomic_hash_array *array, uint32_t id, uint64_t *key);

/*
 * atomic_hash_array_next: iterates.
 * array:    as above.
 * position: 0 at the beginning; written.
 * key:      gets the entry's key.
 * Returns:  the address of the next entry's value, in the order of the ids, or NULL: that was all.
 * Threads:  any; a position belongs to one.  Progress: wait-free.  Order: as a hit of find.
 * Memory:   none.  Cost: a load for each cell on the way.  Lifetime: a position is never invalid (A.7).
 */
HASHLOOM_API void *atomic_hash_array_next(const struct atomic_hash_array *array, uint64_t *position, uint64_t *key);

/*
 * atomic_hash_array_size, atomic_hash_array_capacity: the number of entries; the number of cells.
 * array:    as above.
 * Returns:  size: exact when nothing runs, otherwise near, never below zero; capacity: at least entries_max / load.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: two loads.  Lifetime: none.
 */
HASHLOOM_API size_t atomic_hash_array_size(const struct atomic_hash_array *array);
HASHLOOM_API size_t atomic_hash_array_capacity(const struct atomic_hash_array *array);

/*
 * atomic_hash_array_check: looks for what a thread that died inside a call has left, and for damage.
 * array:    as above, in whatever state.
 * report:   struct atomic_hash_map_report stands in atomic_hash_map_core.h; written.
 * Returns:  0: all is in order; 1: something is not: the report says what.
 * Threads:  any. While others write, what they are in the middle of is reported, too: check again after a pause; what has stayed is dead.
 * Progress: wait-free. Nothing is written.  Order: none.  Memory: none.  Cost: a walk over all cells, and a find for each entry.
 * Lifetime: none.
 */
HASHLOOM_API int atomic_hash_array_check(const struct atomic_hash_array *array, struct atomic_hash_map_report *report);

HL_END_DECLS

#endif
