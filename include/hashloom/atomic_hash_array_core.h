/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_array_core.h: the algorithm of the atomic hash array, behind both of its front ends.
 *
 * Users include atomic_hash_array.h (type-erased) or atomic_hash_array_typed.h (a typed map). Both call these functions
 * with a policy; where the policy is a constant, the compiler makes straight code of it.
 *
 * The algorithm
 *
 * The array is cells, each a key word and a value, and for each group of 15 cells a line of 16 bytes: 15 tags and the
 * group's overflow byte. A tag is 0 for a cell that is free or being filled (1: by a callback), otherwise 8 bits of the
 * entry's hash. A key's hash names its home group; a search compares the 15 tags with its own at once, looks
 * at the cells whose tags match, and goes on to the next group only if the overflow byte says that some entry like it had to.
 *
 *     group line   | tag 0 | tag 1 | ... | tag 14 | overflow: bit 7 lock, bits 0-6 filter or count |
 *     cell         | key word | value ... |
 *
 * Tags are hints, cells are the truth. (15 + 1 bytes are F14's layout, Facebook 2019; SSE2 tag matching is
 * SwissTable's, Google 2017; claiming a cell through its key word is AtomicHashArray's, folly.)
 *
 * The key word is the key xor a constant, the empty key (by default -1, so it is the complement): memory that is all zeros is an empty
 * array. The words that are no keys have the values of the empty, locked, erased and sealed key (by default 0, 1, 2, 3).
 *
 *     EMPTY --- insert claims it: cas ---> LOCKED --- publish: store ---> the key
 *      | ^ ^                                 |                              |
 *      | | '------------ abort: store -------'                              | erase: store, under the lock
 *      | '------- release: store (any_key only) ------ ERASED <-------------'
 *      '--- an insert passes on to the next array of a chain: cas ---> SEALED
 *
 * Reuse `never`. Cells never come back from ERASED. An insert claims the first cell in probe order that is EMPTY. Whoever finds a
 * cell LOCKED, whose tag is not there yet or is its own, waits for it and looks again; so inserts of one key meet at one
 * cell, and exactly one gets it. A group is passed only when every cell of it was seen published or erased,
 * which is for ever; so all inserts of a key walk the same path. In an array of a chain that is not the last one, the first EMPTY cell of
 * the path is not claimed but SEALED, and the insert goes on to the next array: whoever changes that one cell decides for the key.
 * Erases take the lock of the home group, so that an erase and a change of the value exclude each other.
 *
 * Reuse `same_key`. Writers of a key exclude each other by the lock bit of its home group. An erase takes the tag away and leaves the key
 * word: an entry is there if tag and word say so, and a key word without tag is a tombstone. An insert of the same key takes it: key -> LOCKED,
 * tag, key. (While a callback makes the value the tag is PENDING: it may fail, and the word become the key's again.)
 *
 * Reuse `any_key`. A cell goes back to EMPTY, so the first free cell is not the same for everybody. Instead the
 * writers of a key exclude each other by the lock bit of its home group, for a search, a value and a few stores.
 * The overflow count of a group is the number of entries that went past it; an erase takes its entry off again, so there are no
 * tombstones, and the array does not age. A count of 127 stays for ever: it only costs time, but at a load of nearly 1 all groups
 * come to it. An insert looks for room in one group after the other; room that is freed behind it while another writer fills what was
 * free ahead of it is not seen. F14's way.
 *
 * Finds take no lock and write nothing. They walk at most all groups: wait-free.
 *
 *   tag     order                                  pairs with                               for
 *   AHA-1   publish: store key release             find: load key acquire                   value, tag, and the overflow counts on the way
 *   AHA-2   claim: cas key acquire                 abort/release: store key release         the cell's value may be written
 *   AHA-3   unlink: overflow decrement release     find: load of the group's line acquire   who is told by the count that an entry is
 *                                                                                           gone will not see it again
 *   AHA-4   lock fetch_or acquire                  unlock fetch_and release                 all that writers of a home do
 *   AHA-6   same_key: tag store release            find, at: line or tag acquire            the value and key word before the tag
 *   AHA-7   seal: cas release                      insert: key word acquire                 the further array that the seal points to
 *
 * A group's line is read as two 64-bit words and written byte by byte.
 */
#ifndef HASHLOOM_ATOMIC_HASH_ARRAY_CORE_H
#define HASHLOOM_ATOMIC_HASH_ARRAY_CORE_H

#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic.h>

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

HL_BEGIN_DECLS

#define HL_AHA_LANES 15
#define HL_AHA_LANES_MASK 0x7fffU
#define HL_AHA_LINE 16
#define HL_AHA_OVERFLOW_BYTE 15
#define HL_AHA_OVERFLOW_MAX 0x7fU
#define HL_AHA_LOCK 0x80U
#define HL_AHA_TAG_FREE 0    /* of a cell that is free, or claimed under a lock */
#define HL_AHA_TAG_PENDING 1 /* of a cell that is being filled by a callback, without a lock */
#define HL_AHA_TAG_MIN 2
#define HL_AHA_NONE UINT32_MAX
#define HL_AHA_GROUPS_MAX (UINT32_MAX / HL_AHA_LANES)

/* The word of no key that is the same in every array; the others are in the policy. */
#define HL_AHA_EMPTY UINT64_C(0)

#define HL_AHA_WAIT_SPINS 64
#define HL_AHA_LOAD_PERMILLE 800 /* the default: 0.8 */
#define HL_AHA_QUADRATIC_STEPS 16

/* What becomes of the cell of an erased entry. */
enum hashloom_reuse {
	HASHLOOM_REUSE_NEVER,	 /* nothing: ids and pointers are for the life of the array */
	HASHLOOM_REUSE_ANY_KEY,	 /* any other key may get it */
	HASHLOOM_REUSE_SAME_KEY, /* the same key gets it again: its id and address are for the life of the array */
};

/* Where a search goes when a group overflows. */
enum hashloom_probing {
	HASHLOOM_PROBING_LINEAR,    /* to the next group */
	HASHLOOM_PROBING_QUADRATIC, /* 1, 2, 3 ... groups further, 16 times; then linear */
};

typedef uint64_t (*atomic_hash_array_hash_fn)(uint64_t key);
typedef int (*atomic_hash_array_equal_fn)(uint64_t a, uint64_t b);

struct hl_aha_policy {
	size_t key_size; /* 4 or 8 bytes */
	size_t value_size;
	size_t value_offset; /* in the cell, behind the key word */
	size_t lock_offset;  /* of the cell's lock word; 0: it has none */
	size_t cell_size;
	uint64_t empty_key; /* key word = key xor this */
	uint64_t locked_word;
	uint64_t erased_word;
	uint64_t sealed_word;
	atomic_hash_array_hash_fn hash;	  /* NULL: hl_aha_hash() */
	atomic_hash_array_equal_fn equal; /* NULL: the word decides */
	enum hashloom_reuse reuse;
	enum hashloom_probing probing;
};

struct hl_aha {
	char *lines; /* groups_count lines of 16 bytes */
	char *cells;
	uint64_t groups_count;
	uint64_t id_base; /* in a chain of arrays: the cells of those before */
};

/* What is looked for: a key, or anything that has a hash and can be compared with a key. */
struct hl_aha_lookup {
	uint64_t hash;
	uint64_t word;					      /* the key word; not used if there is `equal` */
	int (*equal)(const void *argument, uint64_t key); /* NULL: word or policy decide */
	const void *argument;
};

/* ---- hash ------------------------------------------------------------------------------------------ */

/* The default hash: one wide multiplication, folded (as wyhash and absl do). Not meant to withstand an adversary. */
HL_ALWAYS_INLINE uint64_t hl_aha_hash(uint64_t key)
{
	const uint64_t a = key ^ UINT64_C(0x9e3779b97f4a7c15);
	const uint64_t b = UINT64_C(0xd6e8feb86659fd93);
#ifdef __SIZEOF_INT128__
	__extension__ const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t hash = a;

	hash = (hash ^ hash >> 32) * b;
	hash = (hash ^ hash >> 32) * b;
	return hash ^ hash >> 32;
#endif
}

/* The home comes from the upper half of the hash, by multiplication; any number of groups will do. */
HL_ALWAYS_INLINE uint64_t hl_aha_home(const struct hl_aha *array, uint64_t hash)
{
	return (hash >> 32) * array->groups_count >> 32;
}

/* The tag comes from the lower half; 0 and 1 are taken. */
HL_ALWAYS_INLINE uint8_t hl_aha_tag(uint64_t hash)
{
	const uint8_t tag = (uint8_t)hash;

	return tag < HL_AHA_TAG_MIN ? HL_AHA_TAG_MIN : tag;
}

HL_ALWAYS_INLINE uint64_t hl_aha_hash_key(const struct hl_aha_policy *policy, uint64_t key)
{
	return policy->hash != NULL ? policy->hash(key) : hl_aha_hash(key);
}

/* The group that a search goes to after it has passed `passed` others. */
HL_ALWAYS_INLINE uint64_t hl_aha_next_group(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t group,
					    uint64_t passed)
{
	if (policy->probing == HASHLOOM_PROBING_QUADRATIC && passed < HL_AHA_QUADRATIC_STEPS)
		return (group + passed + 1) % array->groups_count;
	return group + 1 == array->groups_count ? 0 : group + 1;
}

/* A bound for searches: after so many groups each was visited. */
HL_ALWAYS_INLINE uint64_t hl_aha_path_length(const struct hl_aha_policy *policy, const struct hl_aha *array)
{
	return array->groups_count + (policy->probing == HASHLOOM_PROBING_QUADRATIC ? HL_AHA_QUADRATIC_STEPS : 0);
}

/* ---- a group's line -------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE hl_u8 *hl_aha_byte(const struct hl_aha *array, uint64_t group, unsigned byte)
{
	return (hl_u8 *)(void *)(array->lines + group * HL_AHA_LINE + byte);
}

/*
 * A line is read as two 64-bit words: each is from one moment, the two need not be. All that a search draws from them stands in the key words or in the
 * overflow byte alone. On x86-64 one instruction reads both (as loads do there, with acquire order), but where
 * ThreadSanitizer looks on.
 */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__) && !defined(HL_AHA_PORTABLE)
#define HL_AHA_SSE2 1

struct hl_aha_line {
	__m128i bytes;
};

HL_ALWAYS_INLINE struct hl_aha_line hl_aha_line_load(const struct hl_aha *array, uint64_t group)
{
	struct hl_aha_line line;

	/* acquire. pairs with [AHA-3] in hl_aha_overflow_change(), [AHA-6] in hl_aha_publish() */
	__asm__ __volatile__("movdqa %1, %0"
			     : "=x"(line.bytes)
			     : "m"(*(const __m128i *)(const void *)(array->lines + group * HL_AHA_LINE))
			     : "memory");
	return line;
}

HL_ALWAYS_INLINE unsigned hl_aha_line_overflow(struct hl_aha_line line)
{
	return (unsigned)_mm_extract_epi16(line.bytes, 7) >> 8 & HL_AHA_OVERFLOW_MAX;
}

/* One bit for each lane whose tag is `tag`. */
HL_ALWAYS_INLINE unsigned hl_aha_line_match(struct hl_aha_line line, uint8_t tag)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(line.bytes, _mm_set1_epi8((char)tag))) & HL_AHA_LANES_MASK;
}

#else

/* Lane i is byte i of `low` and `high`, whatever the machine's byte order. */
struct hl_aha_line {
	uint64_t low;
	uint64_t high;
};

HL_ALWAYS_INLINE uint64_t hl_aha_little_endian(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(word);
#else
	return word;
#endif
}

HL_ALWAYS_INLINE struct hl_aha_line hl_aha_line_load(const struct hl_aha *array, uint64_t group)
{
	const hl_u64 *const words = (const hl_u64 *)(const void *)(array->lines + group * HL_AHA_LINE);
	struct hl_aha_line line;

	/* acquire. pairs with [AHA-3] in hl_aha_overflow_change(), [AHA-6] in hl_aha_publish() */
	line.high = hl_aha_little_endian(hl_u64_load_acquire(&words[1]));
	line.low = hl_aha_little_endian(hl_u64_load_acquire(&words[0]));
	return line;
}

HL_ALWAYS_INLINE unsigned hl_aha_line_overflow(struct hl_aha_line line)
{
	return (unsigned)(line.high >> 56) & HL_AHA_OVERFLOW_MAX;
}

#if defined(__ARM_NEON) && defined(__aarch64__) && !defined(HL_AHA_PORTABLE)

HL_ALWAYS_INLINE unsigned hl_aha_line_match(struct hl_aha_line line, uint8_t tag)
{
	static const uint8_t weights[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	const uint8x16_t bytes = vcombine_u8(vcreate_u8(line.low), vcreate_u8(line.high));
	const uint8x16_t hits = vandq_u8(vceqq_u8(bytes, vdupq_n_u8(tag)), vld1q_u8(weights));

	return ((unsigned)vaddv_u8(vget_low_u8(hits)) | (unsigned)vaddv_u8(vget_high_u8(hits)) << 8) & HL_AHA_LANES_MASK;
}

#else

/* One bit for each byte of `word` that is zero, exact (Hacker's Delight, 6-1). */
HL_ALWAYS_INLINE unsigned hl_aha_zero_bytes(uint64_t word)
{
	const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
	const uint64_t zero = ~(((word & low7) + low7) | word | low7);

	return (unsigned)((zero >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* Plain C, for every machine. */
HL_ALWAYS_INLINE unsigned hl_aha_line_match(struct hl_aha_line line, uint8_t tag)
{
	const uint64_t pattern = UINT64_C(0x0101010101010101) * tag;

	return (hl_aha_zero_bytes(line.low ^ pattern) | hl_aha_zero_bytes(line.high ^ pattern) << 8) & HL_AHA_LANES_MASK;
}

#endif
#endif

/* ---- cells ----------------------------------------------------------------------------------------- */

/* The cell of the lowest lane of a set. */
HL_ALWAYS_INLINE uint32_t hl_aha_id(uint64_t group, unsigned lanes)
{
	const uint32_t id = (uint32_t)(group * HL_AHA_LANES + (unsigned)__builtin_ctz(lanes));

	if (id == HL_AHA_NONE) /* there are not so many cells; the compiler need not ask again */
		__builtin_unreachable();
	return id;
}

HL_ALWAYS_INLINE uint64_t hl_aha_cells_count(const struct hl_aha *array)
{
	return array->groups_count * HL_AHA_LANES;
}

HL_ALWAYS_INLINE char *hl_aha_cell(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	return array->cells + id * (uint64_t)policy->cell_size;
}

HL_ALWAYS_INLINE void *hl_aha_value(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	return hl_aha_cell(policy, array, id) + policy->value_offset;
}

HL_ALWAYS_INLINE uint32_t hl_aha_id_of(const struct hl_aha_policy *policy, const struct hl_aha *array, const void *value)
{
	const size_t offset = (size_t)((const char *)value - array->cells) - policy->value_offset;

	return (uint32_t)(offset / policy->cell_size);
}

HL_ALWAYS_INLINE hl_u8 *hl_aha_tag_of(const struct hl_aha *array, uint32_t id)
{
	return hl_aha_byte(array, id / HL_AHA_LANES, id % HL_AHA_LANES);
}

/* ---- key words -------------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE uint64_t hl_aha_key_mask(const struct hl_aha_policy *policy)
{
	return policy->key_size == 4 ? UINT32_MAX : UINT64_MAX;
}

HL_ALWAYS_INLINE uint64_t hl_aha_word(const struct hl_aha_policy *policy, uint64_t key)
{
	return (key ^ policy->empty_key) & hl_aha_key_mask(policy);
}

HL_ALWAYS_INLINE uint64_t hl_aha_key(const struct hl_aha_policy *policy, uint64_t word)
{
	return (word ^ policy->empty_key) & hl_aha_key_mask(policy);
}

/* A key word that is an entry's. */
HL_ALWAYS_INLINE int hl_aha_is_key(const struct hl_aha_policy *policy, uint64_t word)
{
	if (policy->locked_word == 1 && policy->erased_word == 2 && policy->sealed_word == 3)
		return word > 3;
	return word != HL_AHA_EMPTY && word != policy->locked_word && word != policy->erased_word &&
	       word != policy->sealed_word;
}

HL_ALWAYS_INLINE uint64_t hl_aha_word_load_relaxed(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	char *const cell = hl_aha_cell(policy, array, id);

	if (policy->key_size == 4)
		return hl_u32_load_relaxed((const hl_u32 *)(const void *)cell);
	return hl_u64_load_relaxed((const hl_u64 *)(const void *)cell);
}

HL_ALWAYS_INLINE uint64_t hl_aha_cell_word_acquire(const struct hl_aha_policy *policy, const char *cell)
{
	if (policy->key_size == 4)
		return hl_u32_load_acquire((const hl_u32 *)(const void *)cell);
	return hl_u64_load_acquire((const hl_u64 *)(const void *)cell);
}

HL_ALWAYS_INLINE uint64_t hl_aha_word_load_acquire(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	return hl_aha_cell_word_acquire(policy, hl_aha_cell(policy, array, id));
}

HL_ALWAYS_INLINE void hl_aha_word_store_release(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id,
						uint64_t word)
{
	char *const cell = hl_aha_cell(policy, array, id);

	if (policy->key_size == 4)
		hl_u32_store_release((hl_u32 *)(void *)cell, (uint32_t)word);
	else
		hl_u64_store_release((hl_u64 *)(void *)cell, word);
}

/* EMPTY -> word. 1, or 0 and *seen. */
HL_ALWAYS_INLINE int hl_aha_word_take(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id, uint64_t *seen,
				      uint64_t word)
{
	char *const cell = hl_aha_cell(policy, array, id);
	uint32_t expected32 = HL_AHA_EMPTY;
	int taken;

	*seen = HL_AHA_EMPTY;
	/* acquire. pairs with [AHA-2] in hl_aha_abort() and hl_aha_release(); release: [AHA-7] in hl_aha_await_cell(), what a seal stands for */
	if (policy->key_size != 4)
		return hl_u64_cas_acq_rel((hl_u64 *)(void *)cell, seen, word);
	taken = hl_u32_cas_acq_rel((hl_u32 *)(void *)cell, &expected32, (uint32_t)word);
	*seen = expected32;
	return taken;
}

HL_ALWAYS_INLINE int hl_aha_matches(const struct hl_aha_policy *policy, const struct hl_aha_lookup *lookup, uint64_t word)
{
	if (lookup->equal == NULL && policy->equal == NULL)
		return word == lookup->word;
	if (!hl_aha_is_key(policy, word))
		return 0;
	if (lookup->equal == NULL)
		return policy->equal(hl_aha_key(policy, lookup->word), hl_aha_key(policy, word));
	return lookup->equal(lookup->argument, hl_aha_key(policy, word));
}

HL_ALWAYS_INLINE struct hl_aha_lookup hl_aha_lookup_key(const struct hl_aha_policy *policy, uint64_t key)
{
	const uint64_t bits = key & hl_aha_key_mask(policy);
	const struct hl_aha_lookup lookup = { hl_aha_hash_key(policy, bits), hl_aha_word(policy, bits), NULL, NULL };

	return lookup;
}

/* ---- overflow --------------------------------------------------------------------------------------- */

/* any_key counts, for erases take their entry off again; the others keep a filter of 7 bits (Bloom, 1970), of which a hash has one. */
HL_ALWAYS_INLINE int hl_aha_counts_overflow(const struct hl_aha_policy *policy)
{
	return policy->reuse == HASHLOOM_REUSE_ANY_KEY;
}

HL_ALWAYS_INLINE unsigned hl_aha_overflow_bits(const struct hl_aha_policy *policy, uint64_t hash)
{
	return hl_aha_counts_overflow(policy) ? HL_AHA_OVERFLOW_MAX : 1U << ((hash >> 16 & 0xff) * 7 >> 8);
}

/* Whether what has this hash may be in a group further on. */
HL_ALWAYS_INLINE int hl_aha_overflows(const struct hl_aha_policy *policy, struct hl_aha_line line, uint64_t hash)
{
	return (hl_aha_line_overflow(line) & hl_aha_overflow_bits(policy, hash)) != 0;
}

/* Changes a group's overflow count by +1 or -1; at its maximum it stays. Each failed turn is another's success. */
HL_ALWAYS_INLINE void hl_aha_overflow_change(const struct hl_aha *array, uint64_t group, int change)
{
	hl_u8 *const byte = hl_aha_byte(array, group, HL_AHA_OVERFLOW_BYTE);
	uint8_t seen = hl_u8_load_relaxed(byte);

	while ((seen & HL_AHA_OVERFLOW_MAX) != HL_AHA_OVERFLOW_MAX) {
		hl_assert(change > 0 || (seen & HL_AHA_OVERFLOW_MAX) > 0);
		/* release. pairs with [AHA-3] in hl_aha_line_load(). orders an unlinked key word before the count */
		if (hl_u8_cas_release(byte, &seen, (uint8_t)(seen + change)))
			return;
	}
}

/* An entry of this hash goes past a group. Ordered by [AHA-1]: whoever hears of the entry sees that the group overflows. */
HL_ALWAYS_INLINE void hl_aha_overflow_pass(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t group,
					   uint64_t hash)
{
	hl_u8 *const byte = hl_aha_byte(array, group, HL_AHA_OVERFLOW_BYTE);
	const uint8_t bits = (uint8_t)hl_aha_overflow_bits(policy, hash);

	if (hl_aha_counts_overflow(policy))
		hl_aha_overflow_change(array, group, +1);
	else if ((hl_u8_load_relaxed(byte) & bits) == 0)
		(void)hl_u8_fetch_or_relaxed(byte, bits);
}

/* Takes one entry off the counts of the first groups of its path, as many as `passed`, or until this group is reached. */
HL_ALWAYS_INLINE void hl_aha_overflow_undo(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t hash,
					   uint64_t passed, uint64_t until)
{
	uint64_t group = hl_aha_home(array, hash);

	for (uint64_t i = 0; hl_aha_counts_overflow(policy) && i < passed && group != until; i++) {
		hl_aha_overflow_change(array, group, -1);
		group = hl_aha_next_group(policy, array, group, i);
	}
}

/* ---- find ------------------------------------------------------------------------------------------ */

enum hl_aha_find_result {
	HL_AHA_FOUND,
	HL_AHA_ABSENT,
	HL_AHA_FURTHER, /* if at all, in a group further on */
};

/* A cell, by its number, and where it lies: a find needs only the latter. */
struct hl_aha_found {
	uint32_t id;
	char *cell;
};

/* Looks at one group: FOUND and *found, or ABSENT, FURTHER. */
HL_ALWAYS_INLINE enum hl_aha_find_result hl_aha_find_in_group(const struct hl_aha_policy *policy, const struct hl_aha *array,
							      const struct hl_aha_lookup *lookup, uint64_t group,
							      struct hl_aha_found *found)
{
	const struct hl_aha_line line = hl_aha_line_load(array, group);

	for (unsigned lanes = hl_aha_line_match(line, hl_aha_tag(lookup->hash)); lanes != 0; lanes &= lanes - 1) {
		const unsigned lane = (unsigned)__builtin_ctz(lanes);
		char *const cell = array->cells + group * (HL_AHA_LANES * policy->cell_size) + lane * policy->cell_size;

		/* acquire. pairs with [AHA-1] in hl_aha_publish(). if relaxed: the value may not be there yet */
		if (HL_LIKELY(hl_aha_matches(policy, lookup, hl_aha_cell_word_acquire(policy, cell)))) {
			found->id = (uint32_t)(group * HL_AHA_LANES + lane);
			found->cell = cell;
			return HL_AHA_FOUND;
		}
	}
	return HL_LIKELY(!hl_aha_overflows(policy, line, lookup->hash)) ? HL_AHA_ABSENT : HL_AHA_FURTHER;
}

/* The same behind the home group: FOUND or ABSENT. Wait-free: at most all groups, each at most 15 cells. */
HL_ALWAYS_INLINE enum hl_aha_find_result hl_aha_find_further(const struct hl_aha_policy *policy, const struct hl_aha *array,
							     const struct hl_aha_lookup *lookup, struct hl_aha_found *found)
{
	const uint64_t length = hl_aha_path_length(policy, array);
	uint64_t group = hl_aha_home(array, lookup->hash);

	for (uint64_t passed = 0; passed + 1 < length; passed++) {
		group = hl_aha_next_group(policy, array, group, passed);
		const enum hl_aha_find_result result = hl_aha_find_in_group(policy, array, lookup, group, found);

		if (HL_LIKELY(result != HL_AHA_FURTHER))
			return result;
	}
	return HL_AHA_ABSENT;
}

/* The cell of what is looked for, or NONE. */
HL_ALWAYS_INLINE uint32_t hl_aha_find(const struct hl_aha_policy *policy, const struct hl_aha *array,
				      const struct hl_aha_lookup *lookup)
{
	struct hl_aha_found found = { HL_AHA_NONE, NULL };
	enum hl_aha_find_result result =
		hl_aha_find_in_group(policy, array, lookup, hl_aha_home(array, lookup->hash), &found);

	if (HL_UNLIKELY(result == HL_AHA_FURTHER))
		result = hl_aha_find_further(policy, array, lookup, &found);
	return result == HL_AHA_FOUND ? found.id : HL_AHA_NONE;
}

HL_ALWAYS_INLINE void hl_aha_prefetch_line(const struct hl_aha *array, uint64_t hash)
{
	__builtin_prefetch(array->lines + hl_aha_home(array, hash) * HL_AHA_LINE);
}

/*
 * The lane where the search for room begins: the first cell of a cache line that the hash names. So a find that cannot wait for the
 * tags may ask for that line beside them.
 */
HL_ALWAYS_INLINE unsigned hl_aha_first_lane(const struct hl_aha_policy *policy, uint64_t group, uint64_t hash)
{
	const unsigned lane = (unsigned)((hash >> 8 & 0xff) * HL_AHA_LANES >> 8);
	const uint64_t base = group * HL_AHA_LANES;
	const size_t size = policy->cell_size;

	if (size >= HL_CACHE_LINE || HL_CACHE_LINE % size != 0)
		return lane;
	const uint64_t aligned = (base + lane) & ~(uint64_t)(HL_CACHE_LINE / size - 1);
	return aligned < base ? 0 : (unsigned)(aligned - base);
}

/* These lanes turned, so that the first lane's bit is the lowest. */
HL_ALWAYS_INLINE unsigned hl_aha_turn(unsigned lanes, unsigned first)
{
	return (lanes | lanes << HL_AHA_LANES) >> first & HL_AHA_LANES_MASK;
}

/* The cell of the lowest bit of turned lanes. */
HL_ALWAYS_INLINE uint32_t hl_aha_turned_id(uint64_t group, unsigned turned, unsigned first)
{
	const unsigned lane = first + (unsigned)__builtin_ctz(turned);

	return (uint32_t)(group * HL_AHA_LANES + (lane < HL_AHA_LANES ? lane : lane - HL_AHA_LANES));
}

/* Has the cell that a find will most likely look at, or the first free one, brought into the cache. */
HL_ALWAYS_INLINE void hl_aha_prefetch_cell(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t hash)
{
	const uint64_t group = hl_aha_home(array, hash);
	const struct hl_aha_line line = hl_aha_line_load(array, group);
	const unsigned lanes = hl_aha_line_match(line, hl_aha_tag(hash));

	if (lanes != 0) {
		__builtin_prefetch(hl_aha_cell(policy, array, hl_aha_id(group, lanes)), 1);
		return;
	}
	const unsigned first = hl_aha_first_lane(policy, group, hash);
	const unsigned turned = hl_aha_turn(hl_aha_line_match(line, HL_AHA_TAG_FREE), first);

	if (turned != 0)
		__builtin_prefetch(hl_aha_cell(policy, array, hl_aha_turned_id(group, turned, first)), 1);
}

/* ---- claim, publish, abort ------------------------------------------------------------------------- */

enum hl_aha_claim_result {
	HL_AHA_CLAIMED, /* *id is LOCKED and the caller's: it must publish or abort */
	HL_AHA_PRESENT, /* *id holds the key */
	HL_AHA_CLOSED,	/* the path ends in a SEALED cell: what is not here may be in the next array of the chain */
	HL_AHA_FULL,
};

HL_ALWAYS_INLINE void hl_aha_pause(unsigned spins)
{
	if (spins < HL_AHA_WAIT_SPINS)
		hl_relax();
	else
		hl_yield();
}

/* Waits until a cell is not LOCKED any more, that is for the insert that holds it. Returns the key word. */
HL_ALWAYS_INLINE uint64_t hl_aha_await_cell(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	uint64_t word = hl_aha_word_load_acquire(policy, array, id);

	for (unsigned spins = 0; word == policy->locked_word; spins++) {
		hl_aha_pause(spins);
		word = hl_aha_word_load_acquire(policy, array, id);
	}
	return word;
}

/*
 * Claims the first EMPTY one of these lanes, or seals it, unless one before it turns out to hold the key or a seal. 1 and *result and
 * *id, or 0: none is EMPTY, now and for ever.
 */
HL_ALWAYS_INLINE int hl_aha_claim_lane(const struct hl_aha_policy *policy, const struct hl_aha *array,
				       const struct hl_aha_lookup *lookup, uint64_t group, unsigned lanes, int is_closed,
				       enum hl_aha_claim_result *result, uint32_t *id)
{
	const unsigned first = hl_aha_first_lane(policy, group, lookup->hash);

	for (unsigned turned = hl_aha_turn(lanes, first); turned != 0; turned &= turned - 1) {
		uint64_t word;

		*id = hl_aha_turned_id(group, turned, first);
		/* Ends when the cell is claimed, sealed or published; an abort by another insert is the only way back. */
		do {
			word = hl_aha_await_cell(policy, array, *id);
		} while (word == HL_AHA_EMPTY &&
			 !hl_aha_word_take(policy, array, *id, &word, is_closed ? policy->sealed_word : policy->locked_word));

		*result = HL_AHA_CLOSED;
		if ((word == HL_AHA_EMPTY && is_closed) || word == policy->sealed_word)
			return 1;
		*result = word == HL_AHA_EMPTY ? HL_AHA_CLAIMED : HL_AHA_PRESENT;
		if (word == HL_AHA_EMPTY || hl_aha_matches(policy, lookup, word))
			return 1;
	}
	return 0;
}

/* Policy `never`: see the head of the file. is_closed: seal instead of claiming. */
HL_ALWAYS_INLINE enum hl_aha_claim_result hl_aha_claim(const struct hl_aha_policy *policy, const struct hl_aha *array,
						       const struct hl_aha_lookup *lookup, int is_closed, uint32_t *id)
{
	const uint8_t tag = hl_aha_tag(lookup->hash);
	const uint64_t length = hl_aha_path_length(policy, array);
	uint64_t group = hl_aha_home(array, lookup->hash);

	for (uint64_t passed = 0; passed < length; passed++) {
		const struct hl_aha_line line = hl_aha_line_load(array, group);
		enum hl_aha_claim_result result;

		/*
		 * Lanes with the key's tag go through the compare-and-swap as free ones do: on a machine that shows the tag before
		 * the claim of its cell, a look at the key word alone could see EMPTY and pass.
		 */
		if (hl_aha_claim_lane(policy, array, lookup, group, hl_aha_line_match(line, tag) | hl_aha_line_match(line, HL_AHA_TAG_FREE),
				      is_closed, &result, id))
			return result;
		/* An insert that only goes on to a seal leaves nothing behind this group that a find must look for. */
		if (!is_closed)
			hl_aha_overflow_pass(policy, array, group, lookup->hash);
		group = hl_aha_next_group(policy, array, group, passed);
	}
	return HL_AHA_FULL;
}

/* Makes a claimed cell, whose value is written, an entry. */
HL_ALWAYS_INLINE void hl_aha_publish(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t word,
				     uint64_t hash, uint32_t id)
{
	/* release. pairs with [AHA-6] in hl_aha_line_load(). same_key: the tag is not seen with the key that the word had before LOCKED */
	hl_u8_store_release(hl_aha_tag_of(array, id), hl_aha_tag(hash));
	/* release. pairs with [AHA-1] in hl_aha_find(). orders value, tag and overflow counts before the key */
	hl_aha_word_store_release(policy, array, id, word);
}

/* Gives a claimed cell back. */
HL_ALWAYS_INLINE void hl_aha_abort(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	/* release. pairs with [AHA-2] in claims. orders what was written to the value before its next writer */
	hl_aha_word_store_release(policy, array, id, HL_AHA_EMPTY);
}

/* ---- under the lock of the key's home ---------------------------------------------------------------- */

/* The lock is a bit of a byte, whose other bits others may change meanwhile. */
HL_ALWAYS_INLINE int hl_aha_try_lock_byte(hl_u8 *byte)
{
	/* acquire. pairs with [AHA-4] in hl_aha_unlock_byte() */
	return !(hl_u8_load_relaxed(byte) & HL_AHA_LOCK) && !(hl_u8_fetch_or_acquire(byte, HL_AHA_LOCK) & HL_AHA_LOCK);
}

/* Waits for the writer that holds the lock, which does a search and a few stores. */
HL_ALWAYS_INLINE void hl_aha_lock_byte(hl_u8 *byte)
{
	for (unsigned spins = 0; !hl_aha_try_lock_byte(byte); spins++)
		hl_aha_pause(spins);
}

HL_ALWAYS_INLINE void hl_aha_unlock_byte(hl_u8 *byte)
{
	/* release. pairs with [AHA-4] in hl_aha_try_lock_byte() */
	(void)hl_u8_fetch_and_release(byte, (uint8_t)~HL_AHA_LOCK);
}

HL_ALWAYS_INLINE hl_u8 *hl_aha_home_lock(const struct hl_aha *array, uint64_t hash)
{
	return hl_aha_byte(array, hl_aha_home(array, hash), HL_AHA_OVERFLOW_BYTE);
}

HL_ALWAYS_INLINE int hl_aha_try_lock(const struct hl_aha *array, uint64_t hash)
{
	return hl_aha_try_lock_byte(hl_aha_home_lock(array, hash));
}

HL_ALWAYS_INLINE void hl_aha_unlock(const struct hl_aha *array, uint64_t hash)
{
	hl_aha_unlock_byte(hl_aha_home_lock(array, hash));
}

/* Claims one of these lanes: its id, or NONE. */
HL_ALWAYS_INLINE uint32_t hl_aha_claim_free(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t group,
					    uint64_t hash)
{
	const unsigned first = hl_aha_first_lane(policy, group, hash);
	unsigned turned = hl_aha_turn(hl_aha_line_match(hl_aha_line_load(array, group), HL_AHA_TAG_FREE), first);

	for (; turned != 0; turned &= turned - 1) {
		const uint32_t id = hl_aha_turned_id(group, turned, first);
		uint64_t seen;

		if (hl_aha_word_load_relaxed(policy, array, id) == HL_AHA_EMPTY &&
		    hl_aha_word_take(policy, array, id, &seen, policy->locked_word))
			return id;
	}
	return HL_AHA_NONE;
}

/* Claims a free cell for a key that is not there. NONE: no cell is free, and nothing changed. */
HL_ALWAYS_INLINE uint32_t hl_aha_claim_any(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t hash)
{
	const uint64_t length = hl_aha_path_length(policy, array);
	uint64_t group = hl_aha_home(array, hash);

	for (uint64_t passed = 0; passed < length; passed++) {
		const uint32_t id = hl_aha_claim_free(policy, array, group, hash);

		if (id != HL_AHA_NONE)
			return id;
		hl_aha_overflow_pass(policy, array, group, hash);
		group = hl_aha_next_group(policy, array, group, passed);
	}
	hl_aha_overflow_undo(policy, array, hash, length, UINT64_MAX);
	return HL_AHA_NONE;
}

/* same_key: the tombstone of this key, or NONE. */
HL_ALWAYS_INLINE uint32_t hl_aha_find_tombstone(const struct hl_aha_policy *policy, const struct hl_aha *array,
						const struct hl_aha_lookup *lookup)
{
	const uint64_t length = hl_aha_path_length(policy, array);
	uint64_t group = hl_aha_home(array, lookup->hash);

	for (uint64_t passed = 0; passed < length; passed++) {
		const struct hl_aha_line line = hl_aha_line_load(array, group);

		for (unsigned lanes = hl_aha_line_match(line, HL_AHA_TAG_FREE); lanes != 0; lanes &= lanes - 1) {
			const uint32_t id = hl_aha_id(group, lanes);

			if (hl_aha_matches(policy, lookup, hl_aha_word_load_acquire(policy, array, id)))
				return id;
		}
		if (!hl_aha_overflows(policy, line, lookup->hash))
			return HL_AHA_NONE;
		group = hl_aha_next_group(policy, array, group, passed);
	}
	return HL_AHA_NONE;
}

/* Takes an entry out. The cell is ERASED until hl_aha_release(), if the policy lets it go at all. */
HL_ALWAYS_INLINE void hl_aha_unlink(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t hash, uint32_t id)
{
	if (policy->reuse != HASHLOOM_REUSE_NEVER)
		hl_u8_store_relaxed(hl_aha_tag_of(array, id), HL_AHA_TAG_FREE);
	if (policy->reuse != HASHLOOM_REUSE_SAME_KEY)
		hl_aha_word_store_release(policy, array, id, policy->erased_word);
	hl_aha_overflow_undo(policy, array, hash, hl_aha_path_length(policy, array), id / HL_AHA_LANES);
}

/* Lets an unlinked cell be claimed again. */
HL_ALWAYS_INLINE void hl_aha_release(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	/* release. pairs with [AHA-2] in hl_aha_word_take(). orders the last use of the value before its next writer */
	hl_aha_word_store_release(policy, array, id, HL_AHA_EMPTY);
}

/* The key word of the entry in a cell, or EMPTY when there is none. */
HL_ALWAYS_INLINE uint64_t hl_aha_entry_word(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	/* same_key: acquire. pairs with [AHA-1] in hl_aha_publish() */
	if (policy->reuse == HASHLOOM_REUSE_SAME_KEY && hl_u8_load_acquire(hl_aha_tag_of(array, id)) < HL_AHA_TAG_MIN)
		return HL_AHA_EMPTY;
	/* acquire. pairs with [AHA-1] in hl_aha_publish() */
	const uint64_t word = hl_aha_word_load_acquire(policy, array, id);

	return hl_aha_is_key(policy, word) ? word : HL_AHA_EMPTY;
}

/* ---- memory ---------------------------------------------------------------------------------------- */

/* Groups for this many entries at the load; 0: too many for 32-bit ids. permille: 1 to 1000. */
HL_ALWAYS_INLINE uint64_t hl_aha_groups_for(uint64_t entries_max, unsigned load_permille)
{
	if (entries_max > UINT32_MAX)
		return 0;
	const uint64_t cells = (entries_max * 1000 + load_permille - 1) / load_permille;
	const uint64_t groups = (cells + HL_AHA_LANES - 1) / HL_AHA_LANES;

	return groups > HL_AHA_GROUPS_MAX ? 0 : groups;
}

/* Bytes before the cells, so that these begin on a cache line. */
HL_ALWAYS_INLINE uint64_t hl_aha_lines_size(uint64_t groups_count)
{
	return (groups_count * HL_AHA_LINE + HL_CACHE_LINE - 1) / HL_CACHE_LINE * HL_CACHE_LINE;
}

/* Bytes that an array takes, with cells behind those of the groups, if the caller wants some; 0: more than a size_t can say. */
HL_ALWAYS_INLINE size_t hl_aha_memory_size(const struct hl_aha_policy *policy, uint64_t groups_count, unsigned cells_more)
{
	const uint64_t cells_count = groups_count * HL_AHA_LANES + cells_more;

	if (policy->cell_size > (SIZE_MAX / 2) / cells_count)
		return 0;
	return (size_t)(hl_aha_lines_size(groups_count) + cells_count * policy->cell_size);
}

/* Makes an empty array in zeroed memory: HASHLOOM_OK, or INVALID_ARGUMENT (too large), NO_MEMORY. groups_count: not 0. */
HL_ALWAYS_INLINE int hl_aha_create(const struct hl_aha_policy *policy, struct hl_aha *array, uint64_t groups_count,
				   unsigned cells_more, const struct hashloom_allocator *allocator)
{
	const size_t size = hl_aha_memory_size(policy, groups_count, cells_more);

	if (size == 0)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	char *const memory =
		(char *)allocator->allocate(allocator->context, size, HL_CACHE_LINE, HASHLOOM_ALLOC_ZEROED);
	if (memory == NULL)
		return HASHLOOM_ERROR_NO_MEMORY;
	array->lines = memory;
	array->cells = memory + hl_aha_lines_size(groups_count);
	array->groups_count = groups_count;
	array->id_base = 0;
	return HASHLOOM_OK;
}

HL_ALWAYS_INLINE void hl_aha_destroy(const struct hl_aha_policy *policy, struct hl_aha *array, unsigned cells_more,
				     const struct hashloom_allocator *allocator)
{
	allocator->release(allocator->context, array->lines, hl_aha_memory_size(policy, array->groups_count, cells_more),
			   HL_CACHE_LINE);
}

HL_END_DECLS

#endif
