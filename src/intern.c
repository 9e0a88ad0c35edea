/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * intern.c: byte strings as ids: an atomic hash map (reuse never) whose keys tell where the strings lie.
 *
 *     hash   | 63 ... 32: home group | 31 ... 16: fingerprint | 15 ... 8: first lane | 7 ... 0: tag |
 *     key    | 63 ... 48: fingerprint | 47 ... 21: number of a chunk | 20 ... 0: offset in the chunk |
 *
 *     chunk  | struct chunk | record | record | ...             record  | length | bytes | 0 |
 *
 * So each bit of the hash is used once, and of the strings in one group 2^-24 look like another one before their lengths and bytes are
 * compared. A chunk's number, not its address, is in the key: addresses may have any number of bits. The directory gives the address; it is a
 * list of segments, each twice as large as the one before, that never move. The last number is no chunk's, therefore no key has one of
 * the four reserved values, all of which have the highest number.
 *
 * An add looks for the string as a find does. If it is not there the map claims a cell for it, and only then are the bytes copied (store_text)
 * and the key is made; others that add the string wait at that cell. If there is no memory the map gives the cell back.
 *
 * Arena. Each stripe of threads has a chunk of its own, from which records are taken by adding to its `used`. When it has no room the next one is
 * twice as large, up to 2 MiB. One thread of the stripe makes it; those that come meanwhile do not wait, but take a chunk of their own
 * for the one record, as records do that are more than an eighth of the next chunk.
 *
 *   tag     order                                 pairs with                             for
 *   INT-1   stripe: chunk store release           chunk load acquire                     size, number, directory entry of the chunk
 *   INT-2   directory: segment cas release        segment load acquire                   that its entries are zero
 *   INT-3   growing: store release                exchange acquire                       the chunk that was made is seen by the next who wants one
 *
 * A reader needs none of these: the key that he acquired [AHA-1] was released by a thread for which all that held.
 */
#include <hashloom/intern.h>

#include <hashloom/atomic.h>
#include <hashloom/atomic_hash_map_core.h>
#include <hashloom/thread_stripe.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

#define STRINGS_EXPECTED 1000
#define LENGTH_MAX ((size_t)PTRDIFF_MAX - 4096) /* of any object, with what a chunk has besides */

#define OFFSET_BITS 21
#define NUMBER_BITS 27
#define LOCATION_BITS (OFFSET_BITS + NUMBER_BITS)
#define CHUNKS_MAX ((UINT32_C(1) << NUMBER_BITS) - 1)
#define NOWHERE UINT64_MAX
#define PREFETCH_CELLS_AHEAD 16

#define CHUNK_SIZE_MIN ((size_t)1 << 12)
#define CHUNK_SIZE_MAX ((size_t)1 << OFFSET_BITS)
#define RECORD_SHARE 8 /* a record is at most this part of a chunk that is shared */

#define SEGMENT_FIRST_BITS 6
#define SEGMENTS (NUMBER_BITS - SEGMENT_FIRST_BITS + 1)

/* A length of one byte, or this one and eight more. */
#define LENGTH_IS_LONG 255
#define LONG_LENGTH_SIZE (1 + sizeof(uint64_t))

struct chunk {
	size_t size;
	uint32_t number;
	hl_u64 used; /* what is beyond the size is of takes that found no room */
};

struct stripe {
	hl_ptr chunk __attribute__((aligned(HL_CACHE_LINE))); /* NULL: none yet */
	hl_u32 growing;
};

struct hashloom_intern {
	struct hl_ahm_policy policy;
	uint64_t seed;
	uint64_t (*hash)(const void *data, size_t length, uint64_t seed);
	struct hashloom_allocator allocator;
	hl_ptr segments[SEGMENTS]; /* of the directory: arrays of hl_ptr to chunks */
	hl_u32 chunks_count __attribute__((aligned(HL_CACHE_LINE)));
	hl_u64 chunks_bytes; /* with the directory */
	struct stripe stripes[HL_STRIPES];
	struct hl_ahm map;
};

HL_STATIC_ASSERT(LOCATION_BITS == 48, "the fingerprint has 16 bits");
HL_STATIC_ASSERT(CHUNK_SIZE_MIN > sizeof(struct chunk) + CHUNK_SIZE_MIN / RECORD_SHARE, "a shared record fits into an empty chunk");

/* ---- directory -------------------------------------------------------------------------------------- */

/* The segment of a chunk, and its index there. */
static inline unsigned segment_of(uint32_t number, uint32_t *index)
{
	const uint32_t shifted = number + (UINT32_C(1) << SEGMENT_FIRST_BITS);
	const unsigned bits = 31 - (unsigned)__builtin_clz(shifted);

	*index = shifted - (UINT32_C(1) << bits);
	return bits - SEGMENT_FIRST_BITS;
}

static size_t segment_size(unsigned segment)
{
	return ((size_t)1 << (segment + SEGMENT_FIRST_BITS)) * sizeof(hl_ptr);
}

/* The directory's entry of a chunk whose segment is there. */
static inline hl_ptr *entry_of(const struct hashloom_intern *intern, uint32_t number)
{
	uint32_t index;
	const unsigned segment = segment_of(number, &index);

	return (hl_ptr *)hl_ptr_load_relaxed(&intern->segments[segment]) + index;
}

static void *allocate(struct hashloom_intern *intern, size_t size, enum hashloom_alloc_content content)
{
	void *const memory =
		intern->allocator.allocate(intern->allocator.context, size, _Alignof(struct chunk), content);

	if (memory != NULL)
		hl_u64_fetch_add_relaxed(&intern->chunks_bytes, size);
	return memory;
}

static void release(struct hashloom_intern *intern, void *memory, size_t size)
{
	hl_u64_fetch_sub_relaxed(&intern->chunks_bytes, size);
	intern->allocator.release(intern->allocator.context, memory, size, _Alignof(struct chunk));
}

static int make_segment(struct hashloom_intern *intern, uint32_t number)
{
	uint32_t index;
	const unsigned segment = segment_of(number, &index);
	hl_ptr *const place = &intern->segments[segment];
	void *none = NULL;

	/* acquire. pairs with [INT-2] below. if relaxed: an entry that was written here could become zero */
	if (hl_ptr_load_acquire(place) != NULL)
		return HASHLOOM_OK;
	void *const entries = allocate(intern, segment_size(segment), HASHLOOM_ALLOC_ZEROED);

	if (entries == NULL)
		return HASHLOOM_ERROR_NO_MEMORY;
	/* release. pairs with [INT-2] above; acquire: the same for the segment of somebody who was faster */
	if (!hl_ptr_cas_acq_rel(place, &none, entries))
		release(intern, entries, segment_size(segment));
	return HASHLOOM_OK;
}

/* ---- chunks ----------------------------------------------------------------------------------------- */

/* The number can be used again if it is the last one; otherwise it is lost. */
static void give_number_back(struct hashloom_intern *intern, uint32_t number)
{
	uint32_t count = number + 1;

	(void)hl_u32_cas_relaxed(&intern->chunks_count, &count, number);
}

/* A chunk without records: OK, NO_MEMORY, or FULL: there are no numbers left. */
static int make_chunk(struct hashloom_intern *intern, size_t size, struct chunk **made)
{
	const uint32_t number = hl_u32_fetch_add_relaxed(&intern->chunks_count, 1);

	if (number >= CHUNKS_MAX) {
		hl_u32_fetch_sub_relaxed(&intern->chunks_count, 1);
		return HASHLOOM_ERROR_FULL;
	}
	struct chunk *const chunk = make_segment(intern, number) != HASHLOOM_OK ?
					    NULL :
					    (struct chunk *)allocate(intern, size, HASHLOOM_ALLOC_ANY);

	if (chunk == NULL) {
		give_number_back(intern, number);
		return HASHLOOM_ERROR_NO_MEMORY;
	}
	chunk->size = size;
	chunk->number = number;
	hl_u64_store_relaxed(&chunk->used, sizeof(*chunk));
	hl_ptr_store_relaxed(entry_of(intern, number), chunk);
	*made = chunk;
	return HASHLOOM_OK;
}

/* Room for `size` bytes in a chunk, or NOWHERE. */
static uint64_t take_from(struct chunk *chunk, size_t size)
{
	if (hl_u64_load_relaxed(&chunk->used) + size > chunk->size)
		return NOWHERE;
	const uint64_t offset = hl_u64_fetch_add_relaxed(&chunk->used, size);

	hl_assert(offset >= sizeof(*chunk));
	return offset + size > chunk->size ? NOWHERE : (uint64_t)chunk->number << OFFSET_BITS | offset;
}

/* A chunk for one record. */
static int take_alone(struct hashloom_intern *intern, size_t size, uint64_t *location)
{
	struct chunk *chunk;
	const int error = make_chunk(intern, sizeof(*chunk) + size, &chunk);

	if (error == HASHLOOM_OK)
		*location = take_from(chunk, size);
	return error;
}

/* Room in the stripe's chunk, or in a new one. This thread alone may change it. */
static int take_growing(struct hashloom_intern *intern, struct stripe *stripe, size_t size, uint64_t *location)
{
	/* Ordered by [INT-3]: somebody may have been here since the caller looked. */
	struct chunk *chunk = (struct chunk *)hl_ptr_load_relaxed(&stripe->chunk);
	const size_t size_now = chunk == NULL ? CHUNK_SIZE_MIN / 2 : chunk->size;

	*location = chunk == NULL ? NOWHERE : take_from(chunk, size);
	if (*location != NOWHERE)
		return HASHLOOM_OK;
	const size_t size_next = size_now < CHUNK_SIZE_MAX ? 2 * size_now : CHUNK_SIZE_MAX;

	if (size > size_next / RECORD_SHARE)
		return take_alone(intern, size, location);
	const int error = make_chunk(intern, size_next, &chunk);

	if (error != HASHLOOM_OK)
		return error;
	*location = take_from(chunk, size);
	/* release. pairs with [INT-1] in take(). orders the chunk's size and directory entry before its use by others */
	hl_ptr_store_release(&stripe->chunk, chunk);
	return HASHLOOM_OK;
}

/* Room for a record of `size` bytes: OK; NO_MEMORY or FULL, and NOWHERE. Waits for nobody. */
static int take(struct hashloom_intern *intern, size_t size, uint64_t *location)
{
	struct stripe *const stripe = &intern->stripes[hl_thread_stripe()];
	/* acquire. pairs with [INT-1] in take_growing() */
	struct chunk *const chunk = (struct chunk *)hl_ptr_load_acquire(&stripe->chunk);

	*location = chunk == NULL ? NOWHERE : take_from(chunk, size);
	if (*location != NOWHERE)
		return HASHLOOM_OK;
	/* acquire. pairs with [INT-3] below. if relaxed: the chunk before may be seen, and a second one be made */
	if (hl_u32_exchange_acquire(&stripe->growing, 1) != 0)
		return take_alone(intern, size, location);
	const int error = take_growing(intern, stripe, size, location);

	/* release. pairs with [INT-3] above */
	hl_u32_store_release(&stripe->growing, 0);
	return error;
}

/* ---- records ---------------------------------------------------------------------------------------- */

static size_t record_size(size_t length)
{
	return (length < LENGTH_IS_LONG ? 1 : LONG_LENGTH_SIZE) + length + 1;
}

static inline const char *record_at(const struct hashloom_intern *intern, uint64_t location)
{
	const char *const chunk =
		(const char *)hl_ptr_load_relaxed(entry_of(intern, (uint32_t)(location >> OFFSET_BITS)));

	return chunk + (location & ((UINT64_C(1) << OFFSET_BITS) - 1));
}

static inline uint64_t location_of(uint64_t key)
{
	return key & ((UINT64_C(1) << LOCATION_BITS) - 1);
}

/* The bytes of the string with this key. */
static inline const char *bytes_of(const struct hashloom_intern *intern, uint64_t key, size_t *length)
{
	const char *const record = record_at(intern, location_of(key));
	const uint8_t first = (uint8_t)*record;
	uint64_t long_length;

	if (HL_LIKELY(first != LENGTH_IS_LONG)) {
		*length = first;
		return record + 1;
	}
	memcpy(&long_length, record + 1, sizeof(long_length));
	*length = (size_t)long_length;
	return record + LONG_LENGTH_SIZE;
}

static void write_record(char *record, const void *data, size_t length)
{
	const uint64_t long_length = length;

	*record++ = (char)(length < LENGTH_IS_LONG ? length : LENGTH_IS_LONG);
	if (length >= LENGTH_IS_LONG) {
		memcpy(record, &long_length, sizeof(long_length));
		record += sizeof(long_length);
	}
	if (length > 0)
		memcpy(record, data, length);
	record[length] = '\0';
}

/* ---- texts: strings that are looked for -------------------------------------------------------------- */

struct text {
	const struct hashloom_intern *intern;
	const void *data;
	size_t length;
	uint64_t hash;
};

/* One that may have to be stored. */
struct new_text {
	const struct text *text;
	struct hashloom_intern *intern;
	uint64_t location;
};

static inline uint64_t fingerprint_of(uint64_t hash)
{
	return hash >> 16 & 0xffff;
}

static inline struct text text_of(const struct hashloom_intern *intern, const void *data, size_t length)
{
	struct text text = { intern, length > 0 ? data : "", length, 0 };

	if (HL_LIKELY(length <= LENGTH_MAX))
		text.hash = HL_UNLIKELY(intern->hash != NULL) ? intern->hash(text.data, length, intern->seed) :
								XXH3_64bits_withSeed(text.data, length, intern->seed);
	return text;
}

/* struct hl_aha_lookup: whether this is the key of the text. */
static inline int is_same(const void *argument, uint64_t key)
{
	const struct text *const text = (const struct text *)argument;
	size_t length;

	if (key >> LOCATION_BITS != fingerprint_of(text->hash))
		return 0;
	const char *const bytes = bytes_of(text->intern, key, &length);

	return length == text->length && memcmp(bytes, text->data, length) == 0;
}

/* struct hl_ahm_make: copies the text, whose cell is claimed, and makes its key. */
static int store_text(void *argument, uint64_t *key)
{
	struct new_text *const new_text = (struct new_text *)argument;
	const struct text *const text = new_text->text;
	const int error = take(new_text->intern, record_size(text->length), &new_text->location);

	if (error < 0)
		return error;
	write_record((char *)(uintptr_t)record_at(new_text->intern, new_text->location), text->data, text->length);
	*key = fingerprint_of(text->hash) << LOCATION_BITS | new_text->location;
	return HASHLOOM_OK;
}

/* struct hl_ahm_make: the value of a cell that was never used is zero. */
static int leave_zero(void *value, void *argument)
{
	(void)value;
	(void)argument;
	return HASHLOOM_OK;
}

/* ---- the map ---------------------------------------------------------------------------------------- */

/* The policy with what is the same in all of them as constants, so that the compiler sees them. */
static inline struct hl_ahm_policy policy_of(const struct hashloom_intern *intern)
{
	struct hl_ahm_policy policy = intern->policy;

	policy.cell.key_size = sizeof(uint64_t);
	policy.cell.lock_offset = 0;
	policy.cell.empty_key = UINT64_MAX;
	policy.cell.locked_word = 1;
	policy.cell.erased_word = 2;
	policy.cell.sealed_word = 3;
	policy.cell.hash = NULL;
	policy.cell.equal = NULL;
	policy.cell.reuse = HASHLOOM_REUSE_NEVER;
	policy.cell.probing = HASHLOOM_PROBING_LINEAR;
	policy.is_fixed = 0;
	hl_assert(memcmp(&policy.cell, &intern->policy.cell, sizeof(policy.cell)) == 0);
	return policy;
}

static inline struct hl_aha_lookup lookup_of(const struct text *text)
{
	return (struct hl_aha_lookup){ text->hash, 0, is_same, text };
}

/* slab NULL: not there. */
static inline struct hl_ahm_place find_text(const struct hashloom_intern *intern, const struct text *text)
{
	const struct hl_ahm_policy policy = policy_of(intern);
	const struct hl_aha_lookup lookup = lookup_of(text);

	return hl_ahm_find(&policy, &intern->map, &lookup);
}

/* Adds a text that was not there a moment ago. As hashloom_intern_add(). */
static __attribute__((noinline)) int insert_text(struct hashloom_intern *intern, const struct text *text,
						 struct hl_ahm_place *place)
{
	const struct hl_ahm_policy policy = policy_of(intern);
	const struct hl_aha_lookup lookup = lookup_of(text);
	struct new_text new_text = { text, intern, NOWHERE };
	const struct hl_ahm_make make = { NULL, leave_zero, store_text, &new_text };

	if (text->length > LENGTH_MAX)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	const int result = hl_ahm_insert(&policy, &intern->map, &lookup, &make, place);

	/* store_text is the last step that can fail, so that what it took need not be given back. */
	hl_assert(result >= 0 || new_text.location == NOWHERE);
	return result;
}

static inline int add_text(struct hashloom_intern *intern, const struct text *text, struct hl_ahm_place *place)
{
	*place = find_text(intern, text);
	return HL_LIKELY(place->slab != NULL) ? 0 : insert_text(intern, text, place);
}

/* The cell of an id, and its key. slab NULL: it is no string's. */
static inline struct hl_ahm_place place_of_id(const struct hashloom_intern *intern, uint32_t id, uint64_t *key)
{
	const struct hl_ahm_policy policy = policy_of(intern);
	struct hl_ahm_place place = hl_ahm_place_of_id(&policy, &intern->map, id);
	uint64_t word;

	if (place.slab != NULL && hl_ahm_entry_at(&policy, place, &word))
		*key = hl_aha_key(&policy.cell, word);
	else
		place.slab = NULL;
	return place;
}

/* ---- batches ---------------------------------------------------------------------------------------- */

/* Asks for the bytes of the string in a cell, if there is one. */
static inline void prefetch_record(const struct hashloom_intern *intern, const struct hl_ahm_policy *policy,
				   const struct hl_aha *slab, uint32_t cell)
{
	const uint64_t word = hl_aha_entry_word(&policy->cell, slab, cell);

	if (word != HL_AHA_EMPTY)
		__builtin_prefetch(record_at(intern, location_of(hl_aha_key(&policy->cell, word))));
}

/* The same for the string that a text most likely is: the first in its home group with its tag. Only the newest slab is looked at. */
static inline void prefetch_bytes(const struct hl_ahm_policy *policy, const struct hl_aha *slab, const struct text *text)
{
	const uint64_t group = hl_aha_home(slab, text->hash);
	const unsigned lanes = hl_aha_line_match(hl_aha_line_load(slab, group), hl_aha_tag(text->hash));

	if (lanes != 0)
		prefetch_record(text->intern, policy, slab, hl_aha_id(group, lanes));
}

/* Hashes up to HL_AHM_BATCH strings, and asks for what looking for them will touch, one kind of line after the other. */
static void prepare(const struct hashloom_intern *intern, const struct hashloom_bytes *strings, size_t count, struct text *texts)
{
	const struct hl_ahm_policy policy = policy_of(intern);
	const uint32_t slabs_count = hl_ahm_slabs_count(&policy, &intern->map);
	const struct hl_aha *const last = &intern->map.slabs[slabs_count - 1];

	for (size_t i = 0; i < count; i++) {
		texts[i] = text_of(intern, strings[i].data, strings[i].length);
		hl_ahm_prefetch(&intern->map, slabs_count, texts[i].hash);
	}
	for (size_t i = 0; i < count; i++)
		hl_aha_prefetch_cell(&policy.cell, last, texts[i].hash);
	for (size_t i = 0; i < count; i++)
		prefetch_bytes(&policy, last, &texts[i]);
}

/* For an iteration that is at this place: asks for the bytes of a string that comes soon. */
static inline void prefetch_ahead(const struct hashloom_intern *intern, const struct hl_ahm_policy *policy,
				  struct hl_ahm_place place)
{
	const uint64_t cell = (uint64_t)place.cell + PREFETCH_CELLS_AHEAD;

	if (cell < hl_aha_cells_count(place.slab))
		prefetch_record(intern, policy, place.slab, (uint32_t)cell);
}

enum batch_kind { BATCH_FIND, BATCH_ADD, BATCH_COUNT };

/* What the batches have in common. summands: NULL: 1. */
struct batch {
	enum batch_kind kind;
	const struct hashloom_bytes *strings;
	const uint64_t *summands;
	uint32_t *ids;
	int *results;
};

/* One string of a batch: as the single call. */
static int do_one(struct hashloom_intern *intern, const struct batch *batch, size_t i, const struct text *text)
{
	const struct hl_ahm_policy policy = policy_of(intern);
	struct hl_ahm_place place;
	int result;

	if (batch->kind == BATCH_FIND) {
		place = find_text(intern, text);
		result = place.slab != NULL;
	} else {
		result = add_text(intern, text, &place);
		if (result < 0)
			return result;
	}
	if (batch->kind == BATCH_COUNT)
		hl_u64_fetch_add_relaxed((hl_u64 *)hl_ahm_value(&policy, place),
					 batch->summands == NULL ? 1 : batch->summands[i]);
	if (batch->ids != NULL && place.slab != NULL)
		batch->ids[i] = hl_ahm_id(place);
	return result;
}

/* Returns how many results are 1. */
static size_t do_batch(struct hashloom_intern *intern, const struct batch *batch, size_t count)
{
	struct text texts[HL_AHM_BATCH];
	size_t ones = 0;

	for (size_t from = 0; from < count; from += HL_AHM_BATCH) {
		const size_t some = count - from < HL_AHM_BATCH ? count - from : HL_AHM_BATCH;

		prepare(intern, &batch->strings[from], some, texts);
		for (size_t i = from; i < from + some; i++) {
			const int result = do_one(intern, batch, i, &texts[i - from]);

			ones += result == 1;
			if (batch->results != NULL)
				batch->results[i] = result;
		}
	}
	return ones;
}

/* ---- API -------------------------------------------------------------------------------------------- */

int hashloom_intern_create(const struct hashloom_intern_config *config, struct hashloom_intern **intern)
{
	static const struct hashloom_intern_config config_default;
	const struct hashloom_intern_config *const from = config != NULL ? config : &config_default;
	const struct hashloom_allocator *const allocator =
		from->allocator != NULL ? from->allocator : hashloom_allocator_default();
	const struct atomic_hash_map_config map_config = { .value_size = from->value_size, .allocator = allocator };
	const size_t expected = from->strings_expected != 0 ? from->strings_expected : STRINGS_EXPECTED;
	struct hashloom_intern *made;
	struct hl_ahm_policy policy;

	memset(&policy, 0, sizeof(policy));
	if (hl_ahm_policy_init(&policy, &map_config) != HASHLOOM_OK)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	made = (struct hashloom_intern *)allocator->allocate(allocator->context, sizeof(*made), _Alignof(struct hashloom_intern),
							     HASHLOOM_ALLOC_ZEROED);
	if (made == NULL)
		return HASHLOOM_ERROR_NO_MEMORY;
	made->policy = policy;
	made->seed = from->seed;
	made->hash = from->hash;
	made->allocator = *allocator;
	const int error = hl_ahm_create(&policy, &made->map, expected, &map_config);

	if (error != HASHLOOM_OK) {
		allocator->release(allocator->context, made, sizeof(*made), _Alignof(struct hashloom_intern));
		return error;
	}
	*intern = made;
	return HASHLOOM_OK;
}

void hashloom_intern_destroy(struct hashloom_intern *intern)
{
	if (intern == NULL)
		return;
	const struct hashloom_allocator allocator = intern->allocator;
	const uint32_t chunks_count = hl_u32_load_relaxed(&intern->chunks_count);
	uint32_t number = 0;

	for (unsigned segment = 0; segment < SEGMENTS; segment++) {
		void *const entries = hl_ptr_load_relaxed(&intern->segments[segment]);
		const uint32_t end = number + (UINT32_C(1) << (segment + SEGMENT_FIRST_BITS));

		for (uint32_t i = number; entries != NULL && i < end && i < chunks_count; i++) {
			struct chunk *const chunk = (struct chunk *)hl_ptr_load_relaxed(entry_of(intern, i));

			if (chunk != NULL)
				release(intern, chunk, chunk->size);
		}
		if (entries != NULL)
			release(intern, entries, segment_size(segment));
		number = end;
	}
	hl_assert(hl_u64_load_relaxed(&intern->chunks_bytes) == 0);
	hl_ahm_destroy(&intern->policy, &intern->map);
	allocator.release(allocator.context, intern, sizeof(*intern), _Alignof(struct hashloom_intern));
}

int hashloom_intern_add(struct hashloom_intern *intern, const void *data, size_t length, uint32_t *id)
{
	const struct text text = text_of(intern, data, length);
	struct hl_ahm_place place;
	const int result = add_text(intern, &text, &place);

	if (result >= 0 && id != NULL)
		*id = hl_ahm_id(place);
	return result;
}

int hashloom_intern_find(const struct hashloom_intern *intern, const void *data, size_t length, uint32_t *id)
{
	const struct text text = text_of(intern, data, length);
	const struct hl_ahm_place place = find_text(intern, &text);

	if (place.slab != NULL && id != NULL)
		*id = hl_ahm_id(place);
	return place.slab != NULL;
}

const void *hashloom_intern_bytes(const struct hashloom_intern *intern, uint32_t id, size_t *length)
{
	uint64_t key;
	size_t length_unwanted;

	if (place_of_id(intern, id, &key).slab == NULL)
		return NULL;
	return bytes_of(intern, key, length != NULL ? length : &length_unwanted);
}

void *hashloom_intern_value(const struct hashloom_intern *intern, uint32_t id)
{
	uint64_t key;

	return hl_ahm_value(&intern->policy, place_of_id(intern, id, &key));
}

size_t hashloom_intern_add_batch(struct hashloom_intern *intern, const struct hashloom_bytes *strings, size_t count, uint32_t *ids,
				 int *results)
{
	const struct batch batch = { BATCH_ADD, strings, NULL, ids, results };

	return do_batch(intern, &batch, count);
}

size_t hashloom_intern_find_batch(const struct hashloom_intern *intern, const struct hashloom_bytes *strings, size_t count,
				  uint32_t *ids, int *results)
{
	const struct batch batch = { BATCH_FIND, strings, NULL, ids, results };

	return do_batch((struct hashloom_intern *)(uintptr_t)intern, &batch, count);
}

size_t hashloom_intern_count_batch(struct hashloom_intern *intern, const struct hashloom_bytes *strings,
				   const uint64_t *summands, size_t count, uint32_t *ids, int *results)
{
	const struct batch batch = { BATCH_COUNT, strings, summands, ids, results };

	if (intern->policy.cell.value_size >= sizeof(uint64_t))
		return do_batch(intern, &batch, count);
	for (size_t i = 0; results != NULL && i < count; i++)
		results[i] = HASHLOOM_ERROR_INVALID_ARGUMENT;
	return 0;
}

const void *hashloom_intern_next(const struct hashloom_intern *intern, uint64_t *position, uint64_t end, uint32_t *id,
				 size_t *length)
{
	const struct hl_ahm_policy policy = policy_of(intern);
	size_t length_unwanted;
	uint64_t word;
	const struct hl_ahm_place place = hl_ahm_next(&policy, &intern->map, position, end, &word);

	if (place.slab == NULL)
		return NULL;
	prefetch_ahead(intern, &policy, place);
	if (id != NULL)
		*id = hl_ahm_id(place);
	return bytes_of(intern, hl_aha_key(&policy.cell, word), length != NULL ? length : &length_unwanted);
}

size_t hashloom_intern_count(const struct hashloom_intern *intern)
{
	return hl_ahm_size(&intern->map);
}

uint64_t hashloom_intern_ids(const struct hashloom_intern *intern)
{
	return hl_ahm_ids(&intern->map);
}

size_t hashloom_intern_memory(const struct hashloom_intern *intern)
{
	const uint32_t slabs_count = hl_ahm_slabs_count(&intern->policy, &intern->map);
	size_t bytes = sizeof(*intern) + (size_t)hl_u64_load_relaxed(&intern->chunks_bytes);

	for (uint32_t i = 0; i < slabs_count; i++)
		bytes += hl_aha_memory_size(&intern->policy.cell, intern->map.slabs[i].groups_count,
					    i == 0 ? HL_AHM_SIDE_CELLS : 0);
	return bytes;
}
