/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * intern.h: byte strings of any length as 32-bit ids. Each string is stored once, its id leads back to it, and a value may lie beside it.
 *
 * What it is for: words, paths, host names and other long keys that a program keeps many times over. It keeps 4 bytes for each, and compares
 * ids where it would have compared strings. With a value of 8 bytes it counts strings, from many threads at once.
 *
 * When not to use it: strings are to be forgotten one by one (they stay until destroy); keys are numbers (atomic_hash_map.h is
 * for those); strings come from an adversary who can see the seed, or guess it: XXH3 does not withstand him.
 *
 * Model in one sentence: an atomic hash map whose keys are 16 bits of hash and the place of the bytes, which lie in chunks that never move.
 *
 *     struct hashloom_intern *intern;                                  (examples/intern.c)
 *     struct hashloom_intern_config config = { .strings_expected = 1000 };
 *     if (hashloom_intern_create(&config, &intern) == HASHLOOM_OK)
 *         hashloom_intern_add(intern, "loom", 4, &id);
 *
 * Guarantees
 *   A.1  A string has one id, whoever adds it how often, and two strings have two. Of several adds of one string exactly one is told that it is new.
 *   A.2  An id, the address of its bytes and the address of its value are the same until destroy, whatever is added meanwhile.
 *   A.3  A find that comes after an add (in its thread, or having heard of it) finds the string, and whoever has heard of an id gets its bytes.
 *   A.4  A string is its length and its bytes. Any bytes will do, also zeros and none at all. Behind the last one lies a zero that does not count.
 *   A.5  A value is all zeros when the string is new. The library writes it only in count_batch; other changes are for atomics of yours.
 *   B.1  Finds, bytes, value and next are wait-free, and take no memory. An add waits at most for the add of another string that has claimed the
 *        same cell and is copying its bytes; adds of strings that are there already do not wait for others.
 *   B.2  An add that fails changes nothing, and all that was there goes on working.
 *   C.1  count_batch loses no summand, whoever counts the same string at the same time.
 *   D.1  Limits: ids are 32 bits, some of which are no string's: from 3.4 to 4.2 thousand million strings. 2^27 - 1 chunks of up to 2 MiB, a string of
 *        256 KiB or more being one of its own: some 200 TiB of strings. Beyond that, FULL.
 *
 * Which calls may run together: all of them, but for create and destroy, which are alone.
 */
#ifndef HASHLOOM_INTERN_H
#define HASHLOOM_INTERN_H

#include <hashloom/base.h>

#include <hashloom/alloc.h>

HL_BEGIN_DECLS

struct hashloom_intern;

/* A string: `data` may be NULL if the length is 0. */
struct hashloom_bytes {
	const void *data;
	size_t length;
};

/* All zero is the default. */
struct hashloom_intern_config {
	size_t strings_expected; /* an estimate will do: more are taken, too; 0: 1000 */
	size_t value_size;	 /* bytes beside each string, 0 to 2^30, on the alignment of a uint64_t from 8 bytes on, else of their size */
	uint64_t seed;		 /* of the hash */
	uint64_t (*hash)(const void *data, size_t length, uint64_t seed); /* must not block, all its bits count; NULL: XXH3 */
	const struct hashloom_allocator *allocator;			  /* copied; NULL: the default */
};

/*
 * hashloom_intern_create: makes one without strings.
 * config:   see above; NULL: the default.
 * intern:   where the address goes, on success.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_INVALID_ARGUMENT (a number out of range), HASHLOOM_ERROR_NO_MEMORY.
 * Threads:  any.  Progress: that of the allocator.  Order: none.
 * Memory:   for each string 8 bytes, the value rounded up to 8, 1.1 of tag, all that divided by 0.8; the string, and 2 bytes (10 from 255 bytes
 *           on); and about 5 KiB. A chunk that is begun is untouched until used.
 * Cost:     two allocations.
 * Lifetime: until hashloom_intern_destroy().
 */
HASHLOOM_API int hashloom_intern_create(const struct hashloom_intern_config *config, struct hashloom_intern **intern);

/*
 * hashloom_intern_destroy: frees all strings and values.
 * intern:   of hashloom_intern_create(), or NULL.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of the allocator.  Order: none.  Memory: frees.  Cost: a free for each chunk and each slab.
 * Lifetime: ends, also of all addresses of strings and values.
 */
HASHLOOM_API void hashloom_intern_destroy(struct hashloom_intern *intern);

/*
 * hashloom_intern_add: gives a string an id, unless it has one.
 * intern:   of hashloom_intern_create().
 * data:     length readable bytes, which are copied; may be NULL if that is 0.
 * length:   bytes, from 0.
 * id:       gets the string's id, new or not; NULL: not wanted.
 * Returns:  1: new; 0: there already; HASHLOOM_ERROR_NO_MEMORY, HASHLOOM_ERROR_FULL (D.1), HASHLOOM_ERROR_INVALID_ARGUMENT (no object is as long).
 * Threads:  any.  Progress: B.1.  Order: new: releases what was written before to whoever finds the string; "there already" acquires it.
 * Memory:   new: a chunk when the thread's is used up, a slab of cells when one is due.
 * Cost:     the hash, about three cache misses and a comparison; new: a copy.
 * Lifetime: of the id: to hashloom_intern_destroy() (A.2).
 */
HASHLOOM_API int hashloom_intern_add(struct hashloom_intern *intern, const void *data, size_t length, uint32_t *id);

/*
 * hashloom_intern_find: looks for the id of a string.
 * intern, data, length: as above.
 * id:       gets it, if there is one; NULL: not wanted.
 * Returns:  1: there; 0: not there.
 * Threads:  any.  Progress: wait-free.  Order: a hit acquires what the add released.
 * Memory:   none.  Cost: the hash; a hit: about three cache misses and a comparison; a miss: about one.  Lifetime: of the id: A.2.
 */
HASHLOOM_API int hashloom_intern_find(const struct hashloom_intern *intern, const void *data, size_t length, uint32_t *id);

/*
 * hashloom_intern_bytes: the string of an id.
 * intern:   as above.
 * id:       any number.
 * length:   gets the string's length; NULL: not wanted.
 * Returns:  the address of its bytes, with a zero behind the last one, or NULL: no string has this id.
 * Threads:  any.  Progress: wait-free.  Order: acquires what the add released.  Memory: none.  Cost: two cache misses.  Lifetime: A.2.
 */
HASHLOOM_API const void *hashloom_intern_bytes(const struct hashloom_intern *intern, uint32_t id, size_t *length);

/*
 * hashloom_intern_value: the value of an id.
 * intern, id: as above.
 * Returns:  the address of the value_size bytes beside the string, or NULL: no string has this id.
 * Threads:  any.  Progress: wait-free.  Order: acquires what the add released.  Memory: none.  Cost: a cache miss.  Lifetime: A.2.
 */
HASHLOOM_API void *hashloom_intern_value(const struct hashloom_intern *intern, uint32_t id);

/*
 * hashloom_intern_add_batch, hashloom_intern_find_batch: the same for many strings; the cache misses of 32 of them overlap.
 * intern:   as above.
 * strings:  count strings; may be repeated, and are taken in their order.
 * count:    from 0.
 * ids:      gets count ids; what belongs to a string that has none is not written. NULL: not wanted.
 * results:  gets for each string what the single call returns; NULL: not wanted.
 * Returns:  add: how many are new; find: how many are there. An error in one string does not keep the others from being done.
 * Threads:  any.  Progress: B.1.  Order, Memory, Lifetime: as hashloom_intern_add() and hashloom_intern_find(); a batch is not one step.
 * Cost:     of the single calls, less most of the waiting for memory when the table is larger than the caches.
 * Source:   group prefetching (Chen, Ailamaki, Gibbons, Mowry, ICDE 2004).
 */
HASHLOOM_API size_t hashloom_intern_add_batch(struct hashloom_intern *intern, const struct hashloom_bytes *strings, size_t count,
					      uint32_t *ids, int *results);
HASHLOOM_API size_t hashloom_intern_find_batch(const struct hashloom_intern *intern, const struct hashloom_bytes *strings,
					       size_t count, uint32_t *ids, int *results);

/*
 * hashloom_intern_count_batch: counts strings: adds each that is not there, then a summand to the number in its value.
 * intern, strings, count, ids, results: as hashloom_intern_add_batch().
 * summands: for each string what is added to the first 8 bytes of its value, as a uint64_t, modulo 2^64; NULL: 1 for each.
 * Returns:  how many are new. In results, besides the errors of hashloom_intern_add(): HASHLOOM_ERROR_INVALID_ARGUMENT for all if the values have
 *           less than 8 bytes.
 * Threads:  any.  Progress: B.1.  Order: as hashloom_intern_add(); the addition itself is relaxed (C.1).
 * Memory, Lifetime: as hashloom_intern_add().  Cost: as hashloom_intern_add_batch(), and an atomic addition for each.
 */
HASHLOOM_API size_t hashloom_intern_count_batch(struct hashloom_intern *intern, const struct hashloom_bytes *strings,
						const uint64_t *summands, size_t count, uint32_t *ids, int *results);

/*
 * hashloom_intern_next: iterates over the strings whose ids are in a range, in the order of the ids.
 * intern:   as above.
 * position: the id to begin with, 0 for all; written.
 * end:      the first id that is not wanted; UINT64_MAX for all.
 * id:       gets the string's id, unless NULL is returned; NULL: not wanted.
 * length:   gets the string's length, likewise.
 * Returns:  the address of the next string's bytes, or NULL: that was all. Each string that was there at the beginning comes exactly once.
 * Threads:  any; a position belongs to one.  Progress: wait-free.  Order: acquires what the add released.
 * Memory:   none.  Cost: a load for each group of 15 cells, and hashloom_intern_bytes() for each string.
 * Lifetime: of the bytes: A.2; a position is never invalid.
 */
HASHLOOM_API const void *hashloom_intern_next(const struct hashloom_intern *intern, uint64_t *position, uint64_t end, uint32_t *id,
					      size_t *length);

/*
 * hashloom_intern_count, hashloom_intern_ids, hashloom_intern_memory: numbers.
 * intern:   as above.
 * Returns:  count: strings, exact when nothing runs, otherwise near. ids: more than every id that was handed out before; parts of 0 to this are
 *           the ranges for threads that iterate side by side. memory: bytes that it has from its allocator.
 * Threads:  any.  Progress: wait-free.  Order: ids: acquires; the others: none.  Memory: none.  Cost: up to 48 loads.  Lifetime: none.
 */
HASHLOOM_API size_t hashloom_intern_count(const struct hashloom_intern *intern);
HASHLOOM_API uint64_t hashloom_intern_ids(const struct hashloom_intern *intern);
HASHLOOM_API size_t hashloom_intern_memory(const struct hashloom_intern *intern);

HL_END_DECLS

#endif
