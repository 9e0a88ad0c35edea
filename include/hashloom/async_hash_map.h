/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * async_hash_map.h: a concurrent hash map whose operations are futures.
 *
 * Keys are 64-bit numbers, values are byte strings of any length, each in a block of its own. put, get_copy,
 * remove and lookup are chains of futures (future.h); value bytes are copied by the data mover that the caller passes in (vdm.h),
 * so a put through worker threads or a DMA engine keeps no thread busy.
 *
 * When not to use it: values of up to 8 bytes that nobody copies asynchronously belong into an atomic_hash_array.
 *
 * Model in one sentence: an atomic_hash_array from key to block, where each cell carries a count of the readers of its block.
 *
 *     struct async_hash_map *map = async_hash_map_new(1000);           (examples/async_map.c)
 *     struct async_hash_map_put_fut put = async_hash_map_put(map, vdm, 42, "answer", 7);
 *     runtime_wait(runtime, FUTURE_AS_RUNNABLE(&put));
 *     if (FUTURE_OUTPUT(&put)->status == ASYNC_HASH_MAP_OK) ...
 *
 * Guarantees
 *   M.1  Of several puts of one key that run at the same time exactly one succeeds; the others report EXISTS. A key is never there twice.
 *   M.2  A put copies into a block that nobody else sees, and publishes it in one step: others see no value or the whole value, and
 *        a slow mover holds up nobody.
 *   M.3  A get that succeeds copies one value whole, as it was put, also when the key is removed or put again meanwhile. It writes
 *        at most buffer_size bytes to the buffer.
 *   M.4  Readers do not exclude each other. A remove takes effect at once; the last reader frees the block.
 *   M.5  Up to `capacity` keys can be present. A removed key's room can be used by any other key, as soon as the last reader
 *        of its value is done, and puts and removes without end do not slow the map down (but for keys that were chosen to).
 *        A put that runs beside others may be told FULL when one of those holds the last place but has not published,
 *        or frees one but has not finished.
 *   M.6  An operation that is not OK has no effect. Its output holds nothing but the status (get_copy
 *        with MOVER_ERROR: the buffer's content is undefined).
 *   M.7  What was written before a put's first poll is visible to a get that sees the value.
 *   M.8  An operation that is cancelled (future_cancel()) and polled to its end either comes out as if nobody had asked, or is
 *        CANCELLED, which future_is_cancelled() tells as well: then M.6 holds, and no block, pin or cell of it is left. A copy that the
 *        mover has is waited for.
 *   M.9  A put or remove takes effect in one poll, its last; until then it can be cancelled. A get can until its copy has begun, a
 *        lookup until its first poll.
 *
 * Which calls may run together: all futures, from any number of threads, each thread with a runtime of its own (or without
 * one), and foreach, count and capacity. Not async_hash_map_delete() with anything.
 *
 * Dropping: an operation that was polled must be polled until it is complete; future_cancel() makes that soon. Otherwise what it
 * holds stays held: a reader's mark on a value until the map is deleted, the block of a put for ever.
 */
#ifndef HASHLOOM_ASYNC_HASH_MAP_H
#define HASHLOOM_ASYNC_HASH_MAP_H

#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/future.h>
#include <hashloom/vdm.h>

HL_BEGIN_DECLS

struct async_hash_map;

/* name, text: makes the enum and async_hash_map_status_text(). */
#define ASYNC_HASH_MAP_STATUSES(X)                                                                 \
	X(ASYNC_HASH_MAP_OK, "ok")                                                                 \
	X(ASYNC_HASH_MAP_NOT_FOUND, "not found")                                                   \
	X(ASYNC_HASH_MAP_EXISTS, "exists")                                                         \
	X(ASYNC_HASH_MAP_FULL, "full")                                                             \
	X(ASYNC_HASH_MAP_NO_MEMORY, "no memory")                                                   \
	X(ASYNC_HASH_MAP_INVALID_KEY, "invalid key")                                               \
	X(ASYNC_HASH_MAP_MOVER_ERROR, "mover error")                                               \
	X(ASYNC_HASH_MAP_INCOMPLETE, "incomplete") /* the future was not polled to its end */      \
	X(ASYNC_HASH_MAP_CANCELLED, "cancelled")   /* M.8 */

enum async_hash_map_status {
#define HL_STATUS_ENUM(name, text) name,
	ASYNC_HASH_MAP_STATUSES(HL_STATUS_ENUM)
#undef HL_STATUS_ENUM
};

/* Keys above this one are reserved: INVALID_KEY. */
#define ASYNC_HASH_MAP_KEY_MAX (UINT64_MAX - 4)

/* ---- the map --------------------------------------------------------------------------------------- */

/*
 * async_hash_map_new: makes a map.
 * capacity: keys that can be present at the same time, 1 to 3 * 10^9.
 * Returns:  the map, or NULL: capacity out of range (errno EINVAL), or no memory (ENOMEM).
 * Threads:  any.  Progress: that of malloc.  Order: none.
 * Memory:   about 42 bytes for each key of the capacity, untouched until used; a block for each value.
 * Cost:     an allocation or two.
 * Lifetime: until async_hash_map_delete().
 */
HASHLOOM_API struct async_hash_map *async_hash_map_new(size_t capacity);

/*
 * async_hash_map_new_with_allocator: as async_hash_map_new(), with an allocator for the map and for the blocks of its values.
 * allocator: see alloc.h; NULL: the default. The struct is copied.
 */
HASHLOOM_API struct async_hash_map *async_hash_map_new_with_allocator(size_t capacity,
								      const struct hashloom_allocator *allocator);

/*
 * async_hash_map_delete: frees the map and all values.
 * map:      of async_hash_map_new(), or NULL; no operation on it may be polled any more.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of free.  Order: none.  Memory: frees.  Cost: a walk over all cells.  Lifetime: ends.
 */
HASHLOOM_API void async_hash_map_delete(struct async_hash_map *map);

/*
 * async_hash_map_count: how many keys are present.
 * map:      of async_hash_map_new().
 * Returns:  the number, 0 to capacity; exact when nothing runs, otherwise as of some moment during the call.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: none.
 */
HASHLOOM_API size_t async_hash_map_count(const struct async_hash_map *map);

/*
 * async_hash_map_capacity: the capacity that the map was made with.
 * map:      of async_hash_map_new().
 * Returns:  the number, at least 1.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: none.
 */
HASHLOOM_API size_t async_hash_map_capacity(const struct async_hash_map *map);

/*
 * async_hash_map_status_text: a status as text.
 * status:   any number.
 * Returns:  a static string, never NULL ("unknown status").
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the program's.
 */
HASHLOOM_API const char *async_hash_map_status_text(enum async_hash_map_status status);

/*
 * Called by async_hash_map_foreach() on its thread, once for each key. value: size bytes, valid until the
 * callback returns, whatever others remove. May block and may use the map (on other futures). Returns 0 to go on, another number
 * to stop.
 */
typedef int (*async_hash_map_foreach_fn)(uint64_t key, const void *value, size_t size, void *arg);

/*
 * async_hash_map_foreach: visits the keys, in no particular order.
 * map:      of async_hash_map_new().
 * callback: see above; arg is handed through.
 * Returns:  0, or what the callback returned to stop.
 * Threads:  any, while others change the map: a key that is present all the time is visited exactly once, one that comes or goes meanwhile at
 *           most once for each time that it was put.
 * Progress: wait-free but for the callback.  Order: each value whole (M.3).  Memory: none.  Cost: a walk over all cells.  Lifetime: none.
 */
HASHLOOM_API int async_hash_map_foreach(struct async_hash_map *map, async_hash_map_foreach_fn callback, void *arg);

/* What async_hash_map_check() sees. In a map where nothing runs and nothing was dropped or has died, all but keys and count, which are equal, is 0. */
struct async_hash_map_report {
	uint64_t keys;	      /* that are present */
	uint64_t count;	      /* as async_hash_map_count() */
	uint64_t pinned;      /* values that are being read: a remove leaves their blocks to the last reader */
	uint64_t pins;	      /* readers of them, in all */
	uint64_t unreleased;  /* cells of removed keys that are not free again, because of a reader or because the remove has not ended */
	uint64_t claimed;     /* cells of puts that have not published */
	uint64_t home_locks;  /* locks of groups that are held: puts and removes of the keys whose home it is do not complete */
	uint64_t unreachable; /* keys that no lookup comes to */
	uint64_t damaged;     /* cells in a state that no step leads to */
};

/*
 * async_hash_map_check: looks for what futures that were dropped, and threads that died inside a poll, have left, and for damage. The private block of
 *           a put that was dropped cannot be told: nothing leads to it.
 * map:      of async_hash_map_new(), in whatever state.
 * report:   written.
 * Returns:  0: all is in order; 1: something is not: the report says what.
 * Threads:  any. While futures are polled, what they are in the middle of is reported, too: check again after a pause; what has stayed is dropped or dead.
 * Progress: wait-free. Nothing is written.  Order: none.  Memory: none.  Cost: a walk over all cells, and a lookup for each key.
 * Lifetime: none.
 */
HASHLOOM_API int async_hash_map_check(const struct async_hash_map *map, struct async_hash_map_report *report);

/* ---- steps: the futures that the chains below are made of ------------------------------------------- */

/* The outcome of looking for a key, and what the later steps of a chain need. Opaque. */
struct async_hash_map_place {
	uint64_t hash;
	uint32_t cell;
	enum async_hash_map_status status;
	void *block;
	size_t size;
};

struct async_hash_map_find_data {
	struct async_hash_map *map;
	uint64_t key;
	uint32_t purpose;
	uint32_t unused;
};

FUTURE(async_hash_map_find_fut, struct async_hash_map_find_data, struct async_hash_map_place);

/* The last step of put and remove looks at the first one's future, which is in the same chain. */
struct async_hash_map_finish_data {
	struct async_hash_map_find_fut *find;
};

struct async_hash_map_finish_output {
	enum async_hash_map_status status;
	uint32_t unused;
};

FUTURE(async_hash_map_finish_fut, struct async_hash_map_finish_data, struct async_hash_map_finish_output);

/* ---- put ------------------------------------------------------------------------------------------- */

struct async_hash_map_put_data {
	FUTURE_CHAIN_ENTRY(struct async_hash_map_find_fut, find);
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, copy);
	FUTURE_CHAIN_ENTRY_LAST(struct async_hash_map_finish_fut, publish);
	struct vdm *vdm;
	const void *value;
	size_t size;
};

struct async_hash_map_put_output {
	enum async_hash_map_status status; /* OK, EXISTS, FULL, NO_MEMORY, INVALID_KEY, MOVER_ERROR, CANCELLED */
};

FUTURE(async_hash_map_put_fut, struct async_hash_map_put_data, struct async_hash_map_put_output);

/*
 * async_hash_map_put: a future that adds a key with a copy of a value. A key that is present keeps its value.
 * map:      of async_hash_map_new().
 * vdm:      the mover that copies, not NULL; must live until the future is complete.
 * key:      0 to ASYNC_HASH_MAP_KEY_MAX.
 * value:    size readable bytes, until the future is complete; may be NULL if size is 0.
 * size:     bytes, 0 is fine.
 * Returns:  the future, idle. Its output, when complete: status OK; EXISTS; FULL (capacity keys are present, or so many
 *           removed values are still being read that no cell is free); NO_MEMORY (for the block, or the mover holds as many
 *           operations as it can); INVALID_KEY; MOVER_ERROR; CANCELLED (M.8).
 * Threads:  any.  Progress: none here; polls never wait, but may return RUNNING when another thread
 *           is changing the same place of the table.
 * Order:    M.7.  Memory: the block, in a poll.  Cost: one poll with the synchronous mover, two for get and remove on a large table; see make bench.
 * Lifetime: the future may be copied until its first poll. A complete one cannot be started again: make another.
 */
HASHLOOM_API struct async_hash_map_put_fut async_hash_map_put(struct async_hash_map *map, struct vdm *vdm, uint64_t key,
							      const void *value, size_t size);

/* ---- get ------------------------------------------------------------------------------------------- */

struct async_hash_map_get_copy_data {
	FUTURE_CHAIN_ENTRY(struct async_hash_map_find_fut, find);
	FUTURE_CHAIN_ENTRY_LAST(struct vdm_operation_future, copy);
	struct vdm *vdm;
	void *buffer;
	size_t buffer_size;
};

struct async_hash_map_get_copy_output {
	enum async_hash_map_status status; /* OK, NOT_FOUND, NO_MEMORY, INVALID_KEY, MOVER_ERROR, CANCELLED */
	void *value;                       /* the buffer when OK, otherwise NULL */
	size_t size;                       /* of the whole value */
	size_t copied;                     /* min(size, buffer_size) */
};

FUTURE(async_hash_map_get_copy_fut, struct async_hash_map_get_copy_data, struct async_hash_map_get_copy_output);

/*
 * async_hash_map_get_copy: a future that copies a key's value into a buffer.
 * map, vdm, key: as async_hash_map_put().
 * buffer:   buffer_size writable bytes, until the future is complete; may be NULL if buffer_size is 0.
 * buffer_size: bytes; a longer value is cut, its size is told.
 * Returns:  the future, idle. Its output, when complete: struct async_hash_map_get_copy_output; NO_MEMORY: the mover holds as many operations as it can.
 * Threads, Progress, Memory (none), Cost, Lifetime: as async_hash_map_put().  Order: M.3, M.7.
 */
HASHLOOM_API struct async_hash_map_get_copy_fut async_hash_map_get_copy(struct async_hash_map *map, struct vdm *vdm, uint64_t key,
									void *buffer, size_t buffer_size);

/* ---- remove ---------------------------------------------------------------------------------------- */

struct async_hash_map_remove_data {
	FUTURE_CHAIN_ENTRY(struct async_hash_map_find_fut, find);
	FUTURE_CHAIN_ENTRY(struct async_hash_map_finish_fut, unlink);
};

struct async_hash_map_remove_output {
	enum async_hash_map_status status; /* OK, NOT_FOUND, INVALID_KEY, CANCELLED */
	uint64_t key;                      /* the key that was removed */
	size_t size;                       /* of its value */
};

FUTURE(async_hash_map_remove_fut, struct async_hash_map_remove_data, struct async_hash_map_remove_output);

/*
 * async_hash_map_remove: a future that removes a key and its value (M.4, M.5).
 * map, key: as async_hash_map_put().
 * Returns:  the future, idle. Its output, when complete: struct async_hash_map_remove_output. Of several removes of one key at the same time one is OK.
 * Threads, Progress, Lifetime: as async_hash_map_put().  Order: what happened before is visible to whoever then puts the key.
 * Memory:   frees the block, now or with its last reader.  Cost: two polls.
 */
HASHLOOM_API struct async_hash_map_remove_fut async_hash_map_remove(struct async_hash_map *map, uint64_t key);

/* ---- lookup ---------------------------------------------------------------------------------------- */

struct async_hash_map_lookup_data {
	FUTURE_CHAIN_ENTRY(struct async_hash_map_find_fut, find);
};

struct async_hash_map_lookup_output {
	enum async_hash_map_status status; /* OK, NOT_FOUND, INVALID_KEY, CANCELLED */
	uint32_t id;                       /* of the cell: the same as long as the key stays present */
	size_t size;                       /* of the value */
};

FUTURE(async_hash_map_lookup_fut, struct async_hash_map_lookup_data, struct async_hash_map_lookup_output);

/*
 * async_hash_map_lookup: a future that tells whether a key is present, and its value's size.
 * map, key, Returns, Threads, Progress, Lifetime: as async_hash_map_get_copy(), without a mover.
 * Order:    M.7.  Memory: none.  Cost: two polls.
 */
HASHLOOM_API struct async_hash_map_lookup_fut async_hash_map_lookup(struct async_hash_map *map, uint64_t key);

HL_END_DECLS

#endif
