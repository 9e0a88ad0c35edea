/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * hashmap.h: "Basic asynchronous hashmap with Miniasync library", told anew. A hash map of fixed
 * size with linear probing, whose put, get and remove are chains of futures, made with nothing but
 * what a program for libminiasync has at hand. hashmap.c is the story; read this file from top to
 * bottom.
 *
 * When not to use it: outside of examples and comparisons. Readers of one key shut each other out,
 * an operation that is dropped halfway keeps its entry locked, and tombstones make a map that has
 * seen many keys come and go slower and slower. async_hash_map.h has none of that.
 *
 * Any number of threads may poll operations on one map, each its own; not hashmap_delete() with
 * anything. Keys are any number but 0.
 */
#ifndef HASHMAP_H
#define HASHMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libminiasync.h>

/* ---- the map ---- */

enum hashmap_entry_state {
	HASHMAP_ENTRY_STATE_UNOCCUPIED, /* never used: a search for a key ends here */
	HASHMAP_ENTRY_STATE_LOCKED,     /* in the hands of one future */
	HASHMAP_ENTRY_STATE_PRESENT,    /* holds a key and a value */
	HASHMAP_ENTRY_STATE_TOMBSTONE,  /* free again, but a search for a key goes on */
};

/*
 * state and key are read by everybody, and therefore atomic; value and size belong to the future
 * that locked the entry. An entry that was used once is never UNOCCUPIED again.
 */
struct hashmap_entry {
	uint64_t key;
	uint32_t state;
	size_t size;
	void *value;
};

struct hashmap {
	size_t capacity;
	size_t length; /* atomic: keys that are present */
	struct hashmap_entry entries[];
};

enum hashmap_result {
	HASHMAP_OK,
	HASHMAP_INVALID_KEY,
	HASHMAP_NO_SPACE,
	HASHMAP_EXISTS,
	HASHMAP_NOT_FOUND,
	HASHMAP_NO_MEMORY,
	HASHMAP_COPY_FAILED,
};

static inline const char *hashmap_result_text(enum hashmap_result result)
{
	static const char *const texts[] = {
		[HASHMAP_OK] = "ok",
		[HASHMAP_INVALID_KEY] = "invalid key",
		[HASHMAP_NO_SPACE] = "no space left",
		[HASHMAP_EXISTS] = "already exists",
		[HASHMAP_NOT_FOUND] = "not found",
		[HASHMAP_NO_MEMORY] = "no memory",
		[HASHMAP_COPY_FAILED] = "copy failed",
	};

	return texts[result];
}

/* NULL: no memory, or a capacity of 0. */
static inline struct hashmap *hashmap_new(size_t capacity)
{
	const size_t capacity_max =
		(SIZE_MAX - sizeof(struct hashmap)) / sizeof(struct hashmap_entry);
	struct hashmap *hm;

	if (capacity == 0 || capacity > capacity_max)
		return NULL;
	hm = calloc(1, sizeof(*hm) + capacity * sizeof(hm->entries[0]));
	if (hm != NULL)
		hm->capacity = capacity;
	return hm;
}

/* The values are where the keys happened to hash to: all of the capacity has to be walked. */
static inline void hashmap_delete(struct hashmap *hm)
{
	for (size_t i = 0; hm != NULL && i < hm->capacity; i++)
		free(hm->entries[i].value);
	free(hm);
}

/* Austin Appleby's finalizer of MurmurHash3: each bit of the key moves each bit of the hash. */
static inline uint64_t hashmap_hash_64(uint64_t key)
{
	key ^= key >> 33;
	key *= UINT64_C(0xff51afd7ed558ccd);
	key ^= key >> 33;
	key *= UINT64_C(0xc4ceb9fe1a85ec53);
	key ^= key >> 33;
	return key;
}

static inline size_t hashmap_first(const struct hashmap *hm, uint64_t key)
{
	return (size_t)(hashmap_hash_64(key) % hm->capacity);
}

static inline size_t hashmap_next(const struct hashmap *hm, size_t index)
{
	return index + 1 == hm->capacity ? 0 : index + 1;
}

/*
 * All of these are sequentially consistent; hashmap_entry_is_only() needs it, and says why. The
 * other uses need less: what is done to an entry under its lock is visible to whoever sees the
 * state that ends the lock.
 */
static inline enum hashmap_entry_state hashmap_entry_state(const struct hashmap_entry *hme)
{
	return (enum hashmap_entry_state)__atomic_load_n(&hme->state, __ATOMIC_SEQ_CST);
}

static inline bool hashmap_entry_state_cas(struct hashmap_entry *hme,
					   enum hashmap_entry_state expected,
					   enum hashmap_entry_state desired)
{
	uint32_t was = expected;

	return __atomic_compare_exchange_n(&hme->state, &was, desired, 0, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static inline uint64_t hashmap_entry_key(const struct hashmap_entry *hme)
{
	return __atomic_load_n(&hme->key, __ATOMIC_SEQ_CST);
}

static inline bool hashmap_entry_is_free(enum hashmap_entry_state state)
{
	return state == HASHMAP_ENTRY_STATE_UNOCCUPIED || state == HASHMAP_ENTRY_STATE_TOMBSTONE;
}

/* ---- lookup: a future that finds an entry ---- */

/*
 * Linear probing: from where the key hashes to, one entry after the other. With the state PRESENT
 * it finds the entry that holds the key, with UNOCCUPIED the first one that is free. NULL: there is
 * none; *busy tells that this is not the last word, because the key's entry is locked at the
 * moment.
 */
static inline struct hashmap_entry *
hashmap_entry_lookup(struct hashmap *hm, uint64_t key, enum hashmap_entry_state wanted, bool *busy)
{
	size_t index = hashmap_first(hm, key);

	*busy = false;
	for (size_t i = 0; i < hm->capacity; i++) {
		struct hashmap_entry *hme = &hm->entries[index];
		enum hashmap_entry_state state = hashmap_entry_state(hme);

		if (wanted == HASHMAP_ENTRY_STATE_UNOCCUPIED) {
			if (hashmap_entry_is_free(state))
				return hme;
		} else if (state == HASHMAP_ENTRY_STATE_UNOCCUPIED) {
			return NULL;
		} else if (state != HASHMAP_ENTRY_STATE_TOMBSTONE &&
			   hashmap_entry_key(hme) == key) {
			*busy = state == HASHMAP_ENTRY_STATE_LOCKED;
			return *busy ? NULL : hme;
		}
		index = hashmap_next(hm, index);
	}
	return NULL;
}

/* The input of the future: where to look, for what, and in which state the entry has to be. */
struct hashmap_lookup_data {
	struct hashmap *hm;
	uint64_t key;
	enum hashmap_entry_state
		state; /* PRESENT, or UNOCCUPIED for an entry to put the key into */
};

/* And what comes out: the entry, or NULL and the reason. */
struct hashmap_lookup_output {
	struct hashmap_entry *hme;
	enum hashmap_result result;
};

/* This makes them the future struct hashmap_lookup_fut. */
FUTURE(hashmap_lookup_fut, struct hashmap_lookup_data, struct hashmap_lookup_output);

/*
 * RUNNING: somebody else is at work on the key or on the last free entry. Look again at the next
 * poll.
 */
static inline enum future_state hashmap_lookup_impl(struct future_context *ctx,
						    struct future_notifier *notifier)
{
	struct hashmap_lookup_data *data = future_context_get_data(ctx);
	struct hashmap_lookup_output *output = future_context_get_output(ctx);
	struct hashmap *hm = data->hm;
	bool adding = data->state == HASHMAP_ENTRY_STATE_UNOCCUPIED;
	bool busy = false;

	/* There is no waker here to tell when it is worth while to poll again: in turn, then. */
	if (notifier != NULL)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	output->hme = NULL;
	if (data->key == 0) {
		output->result = HASHMAP_INVALID_KEY;
		return FUTURE_STATE_COMPLETE;
	}
	if (adding && __atomic_load_n(&hm->length, __ATOMIC_RELAXED) == hm->capacity) {
		output->result = HASHMAP_NO_SPACE;
		return FUTURE_STATE_COMPLETE;
	}
	if (adding &&
	    hashmap_entry_lookup(hm, data->key, HASHMAP_ENTRY_STATE_PRESENT, &busy) != NULL) {
		output->result = HASHMAP_EXISTS;
		return FUTURE_STATE_COMPLETE;
	}
	if (!busy)
		output->hme = hashmap_entry_lookup(hm, data->key, data->state, &busy);
	if (output->hme == NULL && (busy || adding))
		return FUTURE_STATE_RUNNING;
	output->result = output->hme == NULL ? HASHMAP_NOT_FOUND : HASHMAP_OK;
	return FUTURE_STATE_COMPLETE;
}

static inline struct hashmap_lookup_fut hashmap_lookup(struct hashmap *hm, uint64_t key,
						       enum hashmap_entry_state state)
{
	struct hashmap_lookup_fut future;

	/* Set input values. */
	future.data.hm = hm;
	future.data.key = key;
	future.data.state = state;

	/* Set default output values. */
	future.output.hme = NULL;
	future.output.result = HASHMAP_NOT_FOUND;

	FUTURE_INIT(&future, hashmap_lookup_impl);
	return future;
}

/* ---- set_state: a future that moves an entry from one state to another ---- */

/*
 * Whether a locked entry is the only one with its key. Two futures that put one key may have found
 * different free entries, when one was freed between their searches. So each, having locked an
 * entry and stored the key, looks at all others where the key may be, and gives way if it is there.
 *
 * At least one of the two sees the other. One of the two stores of the key comes first in the order
 * of all sequentially consistent operations. What the second future loads comes after that store,
 * hence after everything that the first one had loaded or written: it finds no entry UNOCCUPIED
 * before that one which the first had found occupied, and there it sees the key, and then the lock
 * or what followed it. If both see each other both give way, and try again.
 */
static inline bool hashmap_entry_is_only(struct hashmap *hm, const struct hashmap_entry *hme,
					 uint64_t key)
{
	size_t index = hashmap_first(hm, key);

	for (size_t i = 0; i < hm->capacity; i++) {
		const struct hashmap_entry *other = &hm->entries[index];

		if (hashmap_entry_state(other) == HASHMAP_ENTRY_STATE_UNOCCUPIED)
			return true;
		if (other != hme && hashmap_entry_key(other) == key &&
		    !hashmap_entry_is_free(hashmap_entry_state(other)))
			return false;
		index = hashmap_next(hm, index);
	}
	return true;
}

/*
 * Locks an entry for a key. Between the search and the lock the entry may have changed hands, and a
 * compare-and-swap of the state alone does not notice: look again under the lock.
 */
static inline bool hashmap_entry_lock(struct hashmap *hm, struct hashmap_entry *hme, uint64_t key,
				      enum hashmap_entry_state expected)
{
	if (!hashmap_entry_state_cas(hme, expected, HASHMAP_ENTRY_STATE_LOCKED))
		return false;
	if (expected == HASHMAP_ENTRY_STATE_PRESENT) {
		if (hashmap_entry_key(hme) == key)
			return true;
	} else {
		__atomic_store_n(&hme->key, key, __ATOMIC_SEQ_CST);
		if (hashmap_entry_is_only(hm, hme, key))
			return true;
		expected = HASHMAP_ENTRY_STATE_TOMBSTONE;
	}
	hashmap_entry_state_cas(hme, HASHMAP_ENTRY_STATE_LOCKED, expected);
	return false;
}

struct hashmap_entry_set_state_data {
	struct hashmap *hm;
	struct hashmap_entry *hme;
	uint64_t key;
	enum hashmap_entry_state expected;
	enum hashmap_entry_state desired;
};

struct hashmap_entry_set_state_output {
	bool changed;
};

FUTURE(hashmap_entry_set_state_fut, struct hashmap_entry_set_state_data,
       struct hashmap_entry_set_state_output);

static inline enum future_state hashmap_entry_set_state_impl(struct future_context *ctx,
							     struct future_notifier *notifier)
{
	struct hashmap_entry_set_state_data *data = future_context_get_data(ctx);
	struct hashmap_entry_set_state_output *output = future_context_get_output(ctx);
	enum hashmap_entry_state expected = data->expected;

	(void)notifier;
	/* A tombstone is as free as an entry that was never used. */
	if (expected == HASHMAP_ENTRY_STATE_UNOCCUPIED &&
	    hashmap_entry_state(data->hme) == HASHMAP_ENTRY_STATE_TOMBSTONE)
		expected = HASHMAP_ENTRY_STATE_TOMBSTONE;
	output->changed = data->desired == HASHMAP_ENTRY_STATE_LOCKED
				  ? hashmap_entry_lock(data->hm, data->hme, data->key, expected)
				  : hashmap_entry_state_cas(data->hme, expected, data->desired);
	return FUTURE_STATE_COMPLETE;
}

/* hme may be NULL for now, if a map fills it in. */
static inline struct hashmap_entry_set_state_fut
hashmap_entry_set_state(struct hashmap *hm, struct hashmap_entry *hme, uint64_t key,
			enum hashmap_entry_state expected, enum hashmap_entry_state desired)
{
	struct hashmap_entry_set_state_fut future;

	future.data.hm = hm;
	future.data.hme = hme;
	future.data.key = key;
	future.data.expected = expected;
	future.data.desired = desired;
	future.output.changed = false;
	FUTURE_INIT(&future, hashmap_entry_set_state_impl);
	return future;
}

/* What ends a lock; complete from the start if there is no entry that was locked. */
static inline struct hashmap_entry_set_state_fut
hashmap_entry_unlock(struct hashmap_entry *hme, enum hashmap_entry_state desired)
{
	struct hashmap_entry_set_state_fut future =
		hashmap_entry_set_state(NULL, hme, 0, HASHMAP_ENTRY_STATE_LOCKED, desired);

	if (hme == NULL)
		FUTURE_INIT_COMPLETE(&future);
	return future;
}

/* ---- entries_rerun: a future that sends the chain it is in back to earlier entries ---- */

struct chain_entries_rerun_data {
	struct future_chain_entry **entries;
	size_t n;
};

struct chain_entries_rerun_output {
	size_t reruns;
};

FUTURE(chain_entries_rerun_fut, struct chain_entries_rerun_data, struct chain_entries_rerun_output);

/*
 * It never completes by itself. The chain's next poll starts at the first unprocessed entry, which
 * is then one of these; and when the chain gets here again, a map has decided whether that was
 * enough.
 */
static inline enum future_state chain_entries_rerun_impl(struct future_context *ctx,
							 struct future_notifier *notifier)
{
	struct chain_entries_rerun_data *data = future_context_get_data(ctx);
	struct chain_entries_rerun_output *output = future_context_get_output(ctx);

	if (notifier != NULL)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	for (size_t i = 0; i < data->n; i++) {
		data->entries[i]->flags &= ~(uint64_t)FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
		data->entries[i]->future.context.state = FUTURE_STATE_IDLE;
	}
	output->reruns++;
	return FUTURE_STATE_RUNNING;
}

static inline struct chain_entries_rerun_fut
chain_entries_rerun(struct future_chain_entry **entries, size_t n)
{
	struct chain_entries_rerun_fut future;

	future.data.entries = entries;
	future.data.n = n;
	future.output.reruns = 0;
	FUTURE_INIT(&future, chain_entries_rerun_impl);
	return future;
}

/* ---- lookup_lock_entry: a chain of the three, which finds an entry and locks it ---- */

/*
 * The entries run in this order. Behind the one declared LAST there is room for the chain's own
 * data.
 */
struct hashmap_lookup_lock_entry_data {
	FUTURE_CHAIN_ENTRY(struct hashmap_lookup_fut, lookup);
	FUTURE_CHAIN_ENTRY(struct hashmap_entry_set_state_fut, set_state);
	FUTURE_CHAIN_ENTRY_LAST(struct chain_entries_rerun_fut, entries_rerun);
	struct future_chain_entry *entriesp[2];
};

struct hashmap_lookup_lock_entry_output {
	struct hashmap_entry *hme;
	enum hashmap_result result;
};

FUTURE(hashmap_lookup_lock_entry_fut, struct hashmap_lookup_lock_entry_data,
       struct hashmap_lookup_lock_entry_output);

/* Hands the entry that was found on to the future that locks it. */
static inline void lookup_to_set_state_map(struct future_context *lookup_ctx,
					   struct future_context *set_state_ctx, void *arg)
{
	struct hashmap_lookup_output *lookup_output = future_context_get_output(lookup_ctx);
	struct hashmap_entry_set_state_data *set_state_data =
		future_context_get_data(set_state_ctx);

	(void)arg;
	set_state_data->hme = lookup_output->hme;
	if (lookup_output->hme == NULL) /* nothing to lock: leave set_state out */
		set_state_ctx->state = FUTURE_STATE_COMPLETE;
}

/* If the lock was won, or there was nothing to lock, the re-run is left out. */
static inline void set_state_to_entries_rerun_map(struct future_context *set_state_ctx,
						  struct future_context *entries_rerun_ctx,
						  void *arg)
{
	struct hashmap_entry_set_state_data *set_state_data =
		future_context_get_data(set_state_ctx);
	struct hashmap_entry_set_state_output *set_state_output =
		future_context_get_output(set_state_ctx);

	(void)arg;
	if (set_state_data->hme == NULL || set_state_output->changed)
		entries_rerun_ctx->state = FUTURE_STATE_COMPLETE;
}

/* The map of the last entry fills the chain's own output. */
static inline void entries_rerun_to_output_map(struct future_context *entries_rerun_ctx,
					       struct future_context *chain_ctx, void *arg)
{
	struct hashmap_lookup_lock_entry_data *data = future_context_get_data(chain_ctx);
	struct hashmap_lookup_lock_entry_output *output = future_context_get_output(chain_ctx);

	(void)entries_rerun_ctx;
	(void)arg;
	output->hme = data->lookup.fut.output.hme;
	output->result = data->lookup.fut.output.result;
}

/*
 * Lazy, because it takes pointers into the chain: when this is called the chain is being polled and
 * does not move any more.
 */
static inline void chain_entry_rerun_init(void *future, struct future_context *chain_ctx, void *arg)
{
	struct hashmap_lookup_lock_entry_data *data = future_context_get_data(chain_ctx);
	struct chain_entries_rerun_fut fut = chain_entries_rerun(data->entriesp, 2);

	(void)arg;
	data->entriesp[0] = (struct future_chain_entry *)&data->lookup;
	data->entriesp[1] = (struct future_chain_entry *)&data->set_state;
	memcpy(future, &fut, sizeof(fut));
}

static inline struct hashmap_lookup_lock_entry_fut
hashmap_lookup_lock_entry(struct hashmap *hm, uint64_t key, enum hashmap_entry_state state)
{
	struct hashmap_lookup_lock_entry_fut chain;

	/* Initialize chained future entries. */
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.lookup, hashmap_lookup(hm, key, state),
				lookup_to_set_state_map, NULL);
	FUTURE_CHAIN_ENTRY_INIT(
		&chain.data.set_state,
		hashmap_entry_set_state(hm, NULL, key, state, HASHMAP_ENTRY_STATE_LOCKED),
		set_state_to_entries_rerun_map, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.entries_rerun, chain_entry_rerun_init, NULL,
				     entries_rerun_to_output_map, NULL);

	/* Set default output values. */
	chain.output.hme = NULL;
	chain.output.result = HASHMAP_NOT_FOUND;

	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

/* ---- put: lock a free entry, copy the value, make the entry present ---- */

/*
 * A copy that is complete from the start. No operation was made for it, so none has to be released.
 */
static inline struct vdm_operation_future hashmap_no_memcpy(void)
{
	struct vdm_operation_future future;

	memset(&future, 0, sizeof(future));
	future.output.result = VDM_ERROR_OUT_OF_MEMORY;
	FUTURE_INIT_COMPLETE(&future);
	return future;
}

static inline enum hashmap_result hashmap_memcpy_result(enum vdm_operation_result result)
{
	switch (result) {
	case VDM_SUCCESS:
		return HASHMAP_OK;
	case VDM_ERROR_OUT_OF_MEMORY:
		return HASHMAP_NO_MEMORY;
	default:
		return HASHMAP_COPY_FAILED;
	}
}

/* A chain can be an entry of another chain. */
struct hashmap_put_data {
	FUTURE_CHAIN_ENTRY(struct hashmap_lookup_lock_entry_fut, lookup_lock_entry);
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, memcpy_value);
	FUTURE_CHAIN_ENTRY_LAST(struct hashmap_entry_set_state_fut, set_state);
	struct hashmap *hm;
	const void *value;
	size_t size;
};

struct hashmap_put_output {
	enum hashmap_result result;
};

FUTURE(hashmap_put_fut, struct hashmap_put_data, struct hashmap_put_output);

/* Called when the entry is locked, or was not found. */
static inline void memcpy_value_init_for_put(void *future, struct future_context *put_ctx,
					     void *vdm)
{
	struct hashmap_put_data *data = future_context_get_data(put_ctx);
	struct hashmap_entry *hme = data->lookup_lock_entry.fut.output.hme;
	struct vdm_operation_future fut;

	if (hme != NULL) {
		hme->size = data->size;
		hme->value = malloc(data->size == 0 ? 1 : data->size);
	}
	if (hme != NULL && hme->value != NULL)
		fut = vdm_memcpy(vdm, hme->value, (void *)data->value, data->size, 0);
	else
		fut = hashmap_no_memcpy();
	memcpy(future, &fut, sizeof(fut));
}

/* Called when the value is copied, or could not be. A copy that failed leaves no trace. */
static inline void set_state_init_for_put(void *future, struct future_context *put_ctx, void *arg)
{
	struct hashmap_put_data *data = future_context_get_data(put_ctx);
	struct hashmap_entry *hme = data->lookup_lock_entry.fut.output.hme;
	bool copied = data->memcpy_value.fut.output.result == VDM_SUCCESS;
	struct hashmap_entry_set_state_fut fut = hashmap_entry_unlock(
		hme, copied ? HASHMAP_ENTRY_STATE_PRESENT : HASHMAP_ENTRY_STATE_TOMBSTONE);

	(void)arg;
	if (hme != NULL && copied) {
		__atomic_fetch_add(&data->hm->length, 1, __ATOMIC_RELAXED);
	} else if (hme != NULL) {
		free(hme->value);
		hme->value = NULL;
	}
	memcpy(future, &fut, sizeof(fut));
}

static inline void set_state_to_put_map(struct future_context *set_state_ctx,
					struct future_context *put_ctx, void *arg)
{
	struct hashmap_put_data *data = future_context_get_data(put_ctx);
	struct hashmap_put_output *output = future_context_get_output(put_ctx);

	(void)set_state_ctx;
	(void)arg;
	output->result = data->lookup_lock_entry.fut.output.result;
	if (output->result == HASHMAP_OK)
		output->result = hashmap_memcpy_result(data->memcpy_value.fut.output.result);
}

/* Adds a key with a copy of size bytes at value, which are read until the future is complete. */
static inline struct hashmap_put_fut hashmap_put(struct vdm *vdm, struct hashmap *hm, uint64_t key,
						 const void *value, size_t size)
{
	struct hashmap_put_fut chain;

	FUTURE_CHAIN_ENTRY_INIT(&chain.data.lookup_lock_entry,
				hashmap_lookup_lock_entry(hm, key, HASHMAP_ENTRY_STATE_UNOCCUPIED),
				NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.memcpy_value, memcpy_value_init_for_put, vdm, NULL,
				     NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.set_state, set_state_init_for_put, NULL,
				     set_state_to_put_map, NULL);
	chain.data.hm = hm;
	chain.data.value = value;
	chain.data.size = size;
	chain.output.result = HASHMAP_NOT_FOUND;
	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

/* ---- get_copy: lock the key's entry, copy the value out, make the entry present again ---- */

struct hashmap_get_copy_data {
	FUTURE_CHAIN_ENTRY(struct hashmap_lookup_lock_entry_fut, lookup_lock_entry);
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, memcpy_value);
	FUTURE_CHAIN_ENTRY(struct hashmap_entry_set_state_fut, set_state);
};

struct hashmap_get_copy_output {
	enum hashmap_result result;
	size_t size;
	void *value; /* a copy, for the caller to free(); NULL unless the result is OK */
};

FUTURE(hashmap_get_copy_fut, struct hashmap_get_copy_data, struct hashmap_get_copy_output);

static inline void memcpy_value_init(void *future, struct future_context *hashmap_get_copy_ctx,
				     void *vdm)
{
	struct hashmap_get_copy_data *data = future_context_get_data(hashmap_get_copy_ctx);
	struct hashmap_get_copy_output *output = future_context_get_output(hashmap_get_copy_ctx);
	struct hashmap_entry *hme = data->lookup_lock_entry.fut.output.hme;
	struct vdm_operation_future fut;

	if (hme != NULL) {
		output->size = hme->size;
		output->value = malloc(hme->size == 0 ? 1 : hme->size);
	}
	if (hme != NULL && output->value != NULL)
		fut = vdm_memcpy(vdm, output->value, hme->value, hme->size, 0);
	else
		fut = hashmap_no_memcpy();
	memcpy(future, &fut, sizeof(fut));
}

static inline void set_state_init_for_get(void *future, struct future_context *hashmap_get_copy_ctx,
					  void *arg)
{
	struct hashmap_get_copy_data *data = future_context_get_data(hashmap_get_copy_ctx);
	struct hashmap_entry *hme = data->lookup_lock_entry.fut.output.hme;
	struct hashmap_entry_set_state_fut fut =
		hashmap_entry_unlock(hme, HASHMAP_ENTRY_STATE_PRESENT);

	(void)arg;
	memcpy(future, &fut, sizeof(fut));
}

static inline void set_state_to_get_copy_map(struct future_context *set_state_ctx,
					     struct future_context *hashmap_get_copy_ctx, void *arg)
{
	struct hashmap_get_copy_data *data = future_context_get_data(hashmap_get_copy_ctx);
	struct hashmap_get_copy_output *output = future_context_get_output(hashmap_get_copy_ctx);

	(void)set_state_ctx;
	(void)arg;
	output->result = data->lookup_lock_entry.fut.output.result;
	if (output->result == HASHMAP_OK)
		output->result = hashmap_memcpy_result(data->memcpy_value.fut.output.result);
	if (output->result != HASHMAP_OK) {
		free(output->value);
		output->value = NULL;
		output->size = 0;
	}
}

static inline struct hashmap_get_copy_fut hashmap_get_copy(struct vdm *vdm, struct hashmap *hm,
							   uint64_t key)
{
	struct hashmap_get_copy_fut chain;

	FUTURE_CHAIN_ENTRY_INIT(&chain.data.lookup_lock_entry,
				hashmap_lookup_lock_entry(hm, key, HASHMAP_ENTRY_STATE_PRESENT),
				NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.memcpy_value, memcpy_value_init, vdm, NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.set_state, set_state_init_for_get, NULL,
				     set_state_to_get_copy_map, NULL);
	chain.output.result = HASHMAP_NOT_FOUND;
	chain.output.size = 0;
	chain.output.value = NULL;
	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

/* ---- remove: lock the key's entry, free the value, leave a tombstone ---- */

struct hashmap_remove_data {
	FUTURE_CHAIN_ENTRY(struct hashmap_lookup_lock_entry_fut, lookup_lock_entry);
	FUTURE_CHAIN_ENTRY_LAST(struct hashmap_entry_set_state_fut, set_state);
	struct hashmap *hm;
};

struct hashmap_remove_output {
	enum hashmap_result result;
};

FUTURE(hashmap_remove_fut, struct hashmap_remove_data, struct hashmap_remove_output);

static inline void set_state_init_for_remove(void *future, struct future_context *remove_ctx,
					     void *arg)
{
	struct hashmap_remove_data *data = future_context_get_data(remove_ctx);
	struct hashmap_entry *hme = data->lookup_lock_entry.fut.output.hme;
	struct hashmap_entry_set_state_fut fut =
		hashmap_entry_unlock(hme, HASHMAP_ENTRY_STATE_TOMBSTONE);

	(void)arg;
	if (hme != NULL) {
		free(hme->value);
		hme->value = NULL;
		__atomic_fetch_sub(&data->hm->length, 1, __ATOMIC_RELAXED);
	}
	memcpy(future, &fut, sizeof(fut));
}

static inline void set_state_to_remove_map(struct future_context *set_state_ctx,
					   struct future_context *remove_ctx, void *arg)
{
	struct hashmap_remove_data *data = future_context_get_data(remove_ctx);
	struct hashmap_remove_output *output = future_context_get_output(remove_ctx);

	(void)set_state_ctx;
	(void)arg;
	output->result = data->lookup_lock_entry.fut.output.result;
}

static inline struct hashmap_remove_fut hashmap_remove(struct hashmap *hm, uint64_t key)
{
	struct hashmap_remove_fut chain;

	FUTURE_CHAIN_ENTRY_INIT(&chain.data.lookup_lock_entry,
				hashmap_lookup_lock_entry(hm, key, HASHMAP_ENTRY_STATE_PRESENT),
				NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.set_state, set_state_init_for_remove, NULL,
				     set_state_to_remove_map, NULL);
	chain.data.hm = hm;
	chain.output.result = HASHMAP_NOT_FOUND;
	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

#endif
