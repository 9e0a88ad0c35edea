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
 * group's overflow byte. A tag is 0 for a cell that is free or being filled, otherwise 8 bits of the
 * entry's hash. A key's hash names its home group; a search compares the 15 tags with its own at once, looks
 * at the cells whose tags match, and goes on to the next group only if the overflow byte says that some entry had to.
 *
 *     group line   | tag 0 | tag 1 | ... | tag 14 | overflow: bit 7 lock, bits 0-6 count |
 *     cell         | key word | value ... |
 *
 * Tags are hints, cells are the truth. (15 + 1 bytes are F14's layout, Facebook 2019; SSE2 tag matching is
 * SwissTable's, Google 2017; claiming a cell through its key word is AtomicHashArray's, folly.)
 *
 * The key word holds the complement of the key, so that memory that is all zeros is an empty array:
 *
 *     EMPTY   0  --- insert claims it: cas ---> LOCKED  1  --- publish: store ---> the key's complement
 *       ^ ^                                       |                                    |
 *       | '------------- abort: store ------------'                                    | erase: cas / store
 *       '------- release: store (any_key only) ------------- ERASED  2  <--------------'
 *     (SEALED 3: for chains of arrays)
 *
 * Reuse `never`. Cells never come back from ERASED. An insert claims the first cell in probe order that is EMPTY. Whoever finds a
 * cell LOCKED, whose tag is not there yet or is its own, waits for it and looks again; so inserts of one key meet at one
 * cell, and exactly one gets it. A group is passed only when every cell of it was seen published or erased,
 * which is for ever; so all inserts of a key walk the same path.
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
 *   AHA-5   erase: erased add release              size: load erased acquire                who counts an erase counts its insert
 *
 * The two words of a group's line are read as two 64-bit words and written byte by byte.
 */
#ifndef HASHLOOM_ATOMIC_HASH_ARRAY_CORE_H
#define HASHLOOM_ATOMIC_HASH_ARRAY_CORE_H

#include <hashloom/base.h>

#include <hashloom/alloc.h>
#include <hashloom/atomic.h>

#include <sched.h>
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
#define HL_AHA_NONE UINT32_MAX
#define HL_AHA_GROUPS_MAX (UINT32_MAX / HL_AHA_LANES)

/* Key words; a key's own word is its complement, so the reserved keys are -1, -2, -3 and -4. */
#define HL_AHA_EMPTY UINT64_C(0)
#define HL_AHA_LOCKED UINT64_C(1)
#define HL_AHA_ERASED UINT64_C(2)
#define HL_AHA_SEALED UINT64_C(3)

/* The largest key; the four above it are reserved. */
#define ATOMIC_HASH_ARRAY_KEY_MAX (UINT64_MAX - 4)

#define HL_AHA_WAIT_SPINS 64
#define HL_AHA_LOAD_PERMILLE 800 /* the default: 0.8 */

/* What becomes of the cell of an erased entry. */
enum hashloom_reuse {
	HASHLOOM_REUSE_NEVER,   /* nothing: ids and pointers are for the life of the array */
	HASHLOOM_REUSE_ANY_KEY, /* any other key may get it */
};

typedef uint64_t (*atomic_hash_array_hash_fn)(uint64_t key);

struct hl_aha_policy {
	size_t value_size;
	size_t value_offset; /* in the cell, behind the key word */
	size_t cell_size;
	atomic_hash_array_hash_fn hash;
	enum hashloom_reuse reuse;
};

struct hl_aha {
	char *lines; /* groups_count lines of 16 bytes */
	char *cells;
	uint64_t groups_count;
	size_t memory_size;
	hl_u64 inserted __attribute__((aligned(HL_CACHE_LINE))); /* written by inserts, before they publish */
	hl_u64 erased __attribute__((aligned(HL_CACHE_LINE)));	 /* written by erases, afterwards */
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

/* The tag comes from the lower half; 0 is for cells that have none. */
HL_ALWAYS_INLINE uint8_t hl_aha_tag(uint64_t hash)
{
	const uint8_t tag = (uint8_t)hash;

	return (uint8_t)(tag + (tag == 0));
}

HL_ALWAYS_INLINE uint64_t hl_aha_next_group(const struct hl_aha *array, uint64_t group)
{
	return group + 1 == array->groups_count ? 0 : group + 1;
}

/* ---- a group's line -------------------------------------------------------------------------------- */

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

HL_ALWAYS_INLINE hl_u8 *hl_aha_byte(const struct hl_aha *array, uint64_t group, unsigned byte)
{
	return (hl_u8 *)(void *)(array->lines + group * HL_AHA_LINE + byte);
}

HL_ALWAYS_INLINE struct hl_aha_line hl_aha_line_load(const struct hl_aha *array, uint64_t group)
{
	const hl_u64 *const words = (const hl_u64 *)(const void *)(array->lines + group * HL_AHA_LINE);
	struct hl_aha_line line;

	/* acquire. pairs with [AHA-3] in hl_aha_unlink(): the half with the overflow byte, and it comes first */
	line.high = hl_aha_little_endian(hl_u64_load_acquire(&words[1]));
	line.low = hl_aha_little_endian(hl_u64_load_relaxed(&words[0]));
	return line;
}

HL_ALWAYS_INLINE unsigned hl_aha_line_overflow(struct hl_aha_line line)
{
	return (unsigned)(line.high >> 56) & HL_AHA_OVERFLOW_MAX;
}

/* One bit for each byte of `word` that is zero, exact (Hacker's Delight, 6-1). */
HL_ALWAYS_INLINE unsigned hl_aha_zero_bytes(uint64_t word)
{
	const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
	const uint64_t zero = ~(((word & low7) + low7) | word | low7);

	return (unsigned)((zero >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* Plain C, for every machine. */
HL_ALWAYS_INLINE unsigned hl_aha_line_match_portable(struct hl_aha_line line, uint8_t tag)
{
	const uint64_t pattern = UINT64_C(0x0101010101010101) * tag;

	return (hl_aha_zero_bytes(line.low ^ pattern) | hl_aha_zero_bytes(line.high ^ pattern) << 8) & HL_AHA_LANES_MASK;
}

/* One bit for each lane whose tag is `tag`. */
HL_ALWAYS_INLINE unsigned hl_aha_line_match(struct hl_aha_line line, uint8_t tag)
{
#if defined(__SSE2__)
	const __m128i bytes = _mm_set_epi64x((long long)line.high, (long long)line.low);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)tag))) & HL_AHA_LANES_MASK;
#elif defined(__ARM_NEON) && defined(__aarch64__)
	static const uint8_t weights[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	const uint8x16_t bytes = vcombine_u8(vcreate_u8(line.low), vcreate_u8(line.high));
	const uint8x16_t hits = vandq_u8(vceqq_u8(bytes, vdupq_n_u8(tag)), vld1q_u8(weights));

	return ((unsigned)vaddv_u8(vget_low_u8(hits)) | (unsigned)vaddv_u8(vget_high_u8(hits)) << 8) & HL_AHA_LANES_MASK;
#else
	return hl_aha_line_match_portable(line, tag);
#endif
}

/* ---- cells ----------------------------------------------------------------------------------------- */

HL_ALWAYS_INLINE uint32_t hl_aha_id(uint64_t group, unsigned lanes)
{
	return (uint32_t)(group * HL_AHA_LANES + (unsigned)__builtin_ctz(lanes));
}

HL_ALWAYS_INLINE uint64_t hl_aha_cells_count(const struct hl_aha *array)
{
	return array->groups_count * HL_AHA_LANES;
}

HL_ALWAYS_INLINE hl_u64 *hl_aha_key_word(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	return (hl_u64 *)(void *)(array->cells + id * (uint64_t)policy->cell_size);
}

HL_ALWAYS_INLINE void *hl_aha_value(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	return array->cells + id * (uint64_t)policy->cell_size + policy->value_offset;
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

/* A key word that is an entry's. */
HL_ALWAYS_INLINE int hl_aha_is_key(uint64_t word)
{
	return word > HL_AHA_SEALED;
}

/* ---- find ------------------------------------------------------------------------------------------ */

/* The cell that holds the key, or NONE. Wait-free: at most all groups, each at most 15 cells. */
HL_ALWAYS_INLINE uint32_t hl_aha_find(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t key,
				      uint64_t hash)
{
	const uint8_t tag = hl_aha_tag(hash);
	uint64_t group = hl_aha_home(array, hash);

	for (uint64_t left = array->groups_count; left > 0; left--) {
		const struct hl_aha_line line = hl_aha_line_load(array, group);

		for (unsigned lanes = hl_aha_line_match(line, tag); lanes != 0; lanes &= lanes - 1) {
			const uint32_t id = hl_aha_id(group, lanes);

			/* acquire. pairs with [AHA-1] in hl_aha_publish(). if relaxed: the value may not be there yet */
			if (HL_LIKELY(hl_u64_load_acquire(hl_aha_key_word(policy, array, id)) == ~key))
				return id;
		}
		if (HL_LIKELY(hl_aha_line_overflow(line) == 0))
			return HL_AHA_NONE;
		group = hl_aha_next_group(array, group);
	}
	return HL_AHA_NONE;
}

/* Has the cell that a find will most likely look at, or the first free one, brought into the cache. */
HL_ALWAYS_INLINE void hl_aha_prefetch_cell(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t hash)
{
	const uint64_t group = hl_aha_home(array, hash);
	const struct hl_aha_line line = hl_aha_line_load(array, group);
	unsigned lanes = hl_aha_line_match(line, hl_aha_tag(hash));

	if (lanes == 0)
		lanes = hl_aha_line_match(line, 0);
	if (lanes != 0)
		__builtin_prefetch(hl_aha_key_word(policy, array, hl_aha_id(group, lanes)), 1);
}

/* ---- claim, publish, abort ------------------------------------------------------------------------- */

enum hl_aha_claim_result {
	HL_AHA_CLAIMED, /* *id is LOCKED and the caller's: it must publish or abort */
	HL_AHA_PRESENT, /* *id holds the key */
	HL_AHA_FULL,
};

/* Waits until a cell is not LOCKED any more, that is for the insert that holds it. Returns the key word. */
HL_ALWAYS_INLINE uint64_t hl_aha_await_cell(const hl_u64 *key_word)
{
	uint64_t word = hl_u64_load_acquire(key_word);

	for (unsigned spins = 0; word == HL_AHA_LOCKED; spins++) {
		if (spins < HL_AHA_WAIT_SPINS)
			hl_relax();
		else
			sched_yield();
		word = hl_u64_load_acquire(key_word);
	}
	return word;
}

/*
 * Claims the first EMPTY one of these lanes, unless one of them turns out to hold the key. 1 and *result and
 * *id, or 0: none is EMPTY, now and for ever.
 */
HL_ALWAYS_INLINE int hl_aha_claim_lane(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t key,
				       uint64_t group, unsigned lanes, enum hl_aha_claim_result *result, uint32_t *id)
{
	for (; lanes != 0; lanes &= lanes - 1) {
		hl_u64 *const key_word = hl_aha_key_word(policy, array, hl_aha_id(group, lanes));
		uint64_t word;

		/* Ends when the cell is claimed or published; an abort by another insert is the only way back. */
		do {
			word = hl_aha_await_cell(key_word);
			/* acquire. pairs with [AHA-2] in hl_aha_abort() */
		} while (word == HL_AHA_EMPTY && !hl_u64_cas_acquire(key_word, &word, HL_AHA_LOCKED));

		if (word == HL_AHA_EMPTY || word == ~key) {
			*id = hl_aha_id(group, lanes);
			*result = word == HL_AHA_EMPTY ? HL_AHA_CLAIMED : HL_AHA_PRESENT;
			return 1;
		}
	}
	return 0;
}

/* Policy `never`: see the head of the file. */
HL_ALWAYS_INLINE enum hl_aha_claim_result hl_aha_claim(const struct hl_aha_policy *policy, const struct hl_aha *array,
						       uint64_t key, uint64_t hash, uint32_t *id)
{
	const uint8_t tag = hl_aha_tag(hash);
	uint64_t group = hl_aha_home(array, hash);

	for (uint64_t left = array->groups_count; left > 0; left--) {
		const struct hl_aha_line line = hl_aha_line_load(array, group);
		enum hl_aha_claim_result result;

		/*
		 * Lanes with the key's tag go through the compare-and-swap as free ones do: on a machine that shows the tag before
		 * the claim of its cell, a look at the key word alone could see EMPTY and pass.
		 */
		if (hl_aha_claim_lane(policy, array, key, group, hl_aha_line_match(line, tag) | hl_aha_line_match(line, 0),
				      &result, id))
			return result;
		/* Ordered by [AHA-1]: whoever hears of an entry further on sees that this group overflows. */
		if (hl_aha_line_overflow(line) == 0)
			(void)hl_u8_fetch_or_relaxed(hl_aha_byte(array, group, HL_AHA_OVERFLOW_BYTE), 1);
		group = hl_aha_next_group(array, group);
	}
	return HL_AHA_FULL;
}

/* Makes a claimed cell, whose value is written, an entry. */
HL_ALWAYS_INLINE void hl_aha_publish(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t key,
				     uint64_t hash, uint32_t id)
{
	hl_u8_store_relaxed(hl_aha_tag_of(array, id), hl_aha_tag(hash));
	/* release. pairs with [AHA-1] in hl_aha_find(). orders value, tag and overflow counts before the key */
	hl_u64_store_release(hl_aha_key_word(policy, array, id), ~key);
}

/* Gives a claimed cell back. */
HL_ALWAYS_INLINE void hl_aha_abort(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	/* release. pairs with [AHA-2] in claims. orders what was written to the value before its next writer */
	hl_u64_store_release(hl_aha_key_word(policy, array, id), HL_AHA_EMPTY);
}

/* Policy `never`: 1, or 0 when the key is not there, or somebody else erased it. */
HL_ALWAYS_INLINE int hl_aha_erase(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t key, uint64_t hash)
{
	const uint32_t id = hl_aha_find(policy, array, key, hash);
	uint64_t expected = ~key;

	return id != HL_AHA_NONE &&
	       hl_u64_cas_acq_rel(hl_aha_key_word(policy, array, id), &expected, HL_AHA_ERASED);
}

/* ---- any_key: under the lock of the key's home ----------------------------------------------------- */

HL_ALWAYS_INLINE int hl_aha_try_lock(const struct hl_aha *array, uint64_t hash)
{
	hl_u8 *const byte = hl_aha_byte(array, hl_aha_home(array, hash), HL_AHA_OVERFLOW_BYTE);

	/* acquire. pairs with [AHA-4] in hl_aha_unlock() */
	return !(hl_u8_load_relaxed(byte) & HL_AHA_LOCK) && !(hl_u8_fetch_or_acquire(byte, HL_AHA_LOCK) & HL_AHA_LOCK);
}

/* Waits for the writer that holds the lock, which does a search and a few stores. */
HL_ALWAYS_INLINE void hl_aha_lock(const struct hl_aha *array, uint64_t hash)
{
	for (unsigned spins = 0; !hl_aha_try_lock(array, hash); spins++) {
		if (spins < HL_AHA_WAIT_SPINS)
			hl_relax();
		else
			sched_yield();
	}
}

HL_ALWAYS_INLINE void hl_aha_unlock(const struct hl_aha *array, uint64_t hash)
{
	/* release. pairs with [AHA-4] in hl_aha_try_lock() */
	(void)hl_u8_fetch_and_release(hl_aha_byte(array, hl_aha_home(array, hash), HL_AHA_OVERFLOW_BYTE),
				      (uint8_t)~HL_AHA_LOCK);
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

/* Takes one entry off the counts of the groups from its home to before the group that it is in. */
HL_ALWAYS_INLINE void hl_aha_overflow_undo(const struct hl_aha *array, uint64_t home, uint64_t groups)
{
	for (; groups > 0; groups--) {
		hl_aha_overflow_change(array, home, -1);
		home = hl_aha_next_group(array, home);
	}
}

/* Claims a free cell for a key that is not there; the lock is held. NONE: no cell is free, and nothing changed. */
HL_ALWAYS_INLINE uint32_t hl_aha_claim_any(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t hash)
{
	const uint64_t home = hl_aha_home(array, hash);
	uint64_t group = home;

	for (uint64_t passed = 0; passed < array->groups_count; passed++) {
		unsigned lanes = hl_aha_line_match(hl_aha_line_load(array, group), 0);

		for (; lanes != 0; lanes &= lanes - 1) {
			const uint32_t id = hl_aha_id(group, lanes);
			hl_u64 *const key_word = hl_aha_key_word(policy, array, id);
			uint64_t expected = HL_AHA_EMPTY;

			/* acquire. pairs with [AHA-2] in hl_aha_release() */
			if (hl_u64_load_relaxed(key_word) == HL_AHA_EMPTY &&
			    hl_u64_cas_acquire(key_word, &expected, HL_AHA_LOCKED))
				return id;
		}
		hl_aha_overflow_change(array, group, +1);
		group = hl_aha_next_group(array, group);
	}
	hl_aha_overflow_undo(array, home, array->groups_count);
	return HL_AHA_NONE;
}

/* Takes an entry out; the lock is held. The cell is ERASED until hl_aha_release(). */
HL_ALWAYS_INLINE void hl_aha_unlink(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t hash, uint32_t id)
{
	const uint64_t home = hl_aha_home(array, hash);
	const uint64_t group = id / HL_AHA_LANES;

	hl_u8_store_relaxed(hl_aha_tag_of(array, id), 0);
	hl_u64_store_release(hl_aha_key_word(policy, array, id), HL_AHA_ERASED);
	hl_aha_overflow_undo(array, home, group >= home ? group - home : group + array->groups_count - home);
}

/* Lets an unlinked cell be claimed again. */
HL_ALWAYS_INLINE void hl_aha_release(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id)
{
	/* release. pairs with [AHA-2] in hl_aha_claim_any(). orders the last use of the value before its next writer */
	hl_u64_store_release(hl_aha_key_word(policy, array, id), HL_AHA_EMPTY);
}

/* ---- whole operations, for both policies ----------------------------------------------------------- */

/* 1: new; 0: there already; or an error. *value: where the entry's value lies. */
HL_ALWAYS_INLINE int hl_aha_insert(const struct hl_aha_policy *policy, struct hl_aha *array, uint64_t key, const void *from,
				   void **value)
{
	enum hl_aha_claim_result result;
	uint32_t id;

	if (key > ATOMIC_HASH_ARRAY_KEY_MAX)
		return HASHLOOM_ERROR_INVALID_KEY;
	const uint64_t hash = policy->hash(key);

	if (policy->reuse == HASHLOOM_REUSE_NEVER) {
		result = hl_aha_claim(policy, array, key, hash, &id);
	} else {
		hl_aha_lock(array, hash);
		id = hl_aha_find(policy, array, key, hash);
		result = HL_AHA_PRESENT;
		if (id == HL_AHA_NONE) {
			id = hl_aha_claim_any(policy, array, hash);
			result = id == HL_AHA_NONE ? HL_AHA_FULL : HL_AHA_CLAIMED;
		}
	}
	if (result == HL_AHA_CLAIMED) {
		if (policy->value_size > 0)
			memcpy(hl_aha_value(policy, array, id), from, policy->value_size);
		hl_u64_fetch_add_relaxed(&array->inserted, 1);
		hl_aha_publish(policy, array, key, hash, id);
	}
	if (policy->reuse == HASHLOOM_REUSE_ANY_KEY)
		hl_aha_unlock(array, hash);
	if (result == HL_AHA_FULL)
		return HASHLOOM_ERROR_FULL;
	*value = hl_aha_value(policy, array, id);
	return result == HL_AHA_CLAIMED;
}

/* Policy `any_key`: 1, or 0 when the key is not there. */
HL_ALWAYS_INLINE int hl_aha_erase_any(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t key, uint64_t hash)
{
	hl_aha_lock(array, hash);
	const uint32_t id = hl_aha_find(policy, array, key, hash);

	if (id != HL_AHA_NONE) {
		hl_aha_unlink(policy, array, hash, id);
		hl_aha_release(policy, array, id);
	}
	hl_aha_unlock(array, hash);
	return id != HL_AHA_NONE;
}

/* 1: erased; 0: not there. */
HL_ALWAYS_INLINE int hl_aha_remove(const struct hl_aha_policy *policy, struct hl_aha *array, uint64_t key)
{
	if (key > ATOMIC_HASH_ARRAY_KEY_MAX)
		return 0;
	const uint64_t hash = policy->hash(key);
	const int erased = policy->reuse == HASHLOOM_REUSE_NEVER ? hl_aha_erase(policy, array, key, hash) :
								   hl_aha_erase_any(policy, array, key, hash);

	/* release. pairs with [AHA-5] in hl_aha_size(). if relaxed: the size may wrap below zero */
	if (erased)
		hl_u64_fetch_add_release(&array->erased, 1);
	return erased;
}

/* The value of a key, or NULL. */
HL_ALWAYS_INLINE void *hl_aha_find_value(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t key)
{
	if (HL_UNLIKELY(key > ATOMIC_HASH_ARRAY_KEY_MAX))
		return NULL;
	const uint32_t id = hl_aha_find(policy, array, key, policy->hash(key));

	return id == HL_AHA_NONE ? NULL : hl_aha_value(policy, array, id);
}

/* The value of the entry in a cell, or NULL when there is none. *key may be left out. */
HL_ALWAYS_INLINE void *hl_aha_at(const struct hl_aha_policy *policy, const struct hl_aha *array, uint32_t id, uint64_t *key)
{
	if (id >= hl_aha_cells_count(array))
		return NULL;
	/* acquire. pairs with [AHA-1] in hl_aha_publish() */
	const uint64_t word = hl_u64_load_acquire(hl_aha_key_word(policy, array, id));

	if (!hl_aha_is_key(word))
		return NULL;
	if (key != NULL)
		*key = ~word;
	return hl_aha_value(policy, array, id);
}

/* The value of the next entry from cell *position on, its key, and *position behind it; or NULL. Wait-free. */
HL_ALWAYS_INLINE void *hl_aha_next(const struct hl_aha_policy *policy, const struct hl_aha *array, uint64_t *position,
				   uint64_t *key)
{
	while (*position < hl_aha_cells_count(array)) {
		void *const value = hl_aha_at(policy, array, (uint32_t)(*position)++, key);

		if (value != NULL)
			return value;
	}
	return NULL;
}

/* Entries inserted less those erased, read in the order that keeps it from going below zero. */
HL_ALWAYS_INLINE size_t hl_aha_size(const struct hl_aha *array)
{
	/* acquire. pairs with [AHA-5] in hl_aha_remove() */
	const uint64_t erased = hl_u64_load_acquire(&array->erased);

	return (size_t)(hl_u64_load_relaxed(&array->inserted) - erased);
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

/* Bytes that an array takes, all of which must be zero when it begins. 0: more than a size_t can say. */
HL_ALWAYS_INLINE size_t hl_aha_memory_size(const struct hl_aha_policy *policy, uint64_t groups_count)
{
	const uint64_t cells_count = groups_count * HL_AHA_LANES;

	if (policy->cell_size > (SIZE_MAX / 2) / cells_count)
		return 0;
	return (size_t)(hl_aha_lines_size(groups_count) + cells_count * policy->cell_size);
}

/* Room for entries_max entries at the load: 0, or INVALID_ARGUMENT, NO_MEMORY. */
HL_ALWAYS_INLINE int hl_aha_create(const struct hl_aha_policy *policy, struct hl_aha *array, uint64_t entries_max,
				   unsigned load_permille, const struct hashloom_allocator *allocator)
{
	const uint64_t groups_count = hl_aha_groups_for(entries_max, load_permille);
	const size_t size = groups_count == 0 ? 0 : hl_aha_memory_size(policy, groups_count);

	if (size == 0)
		return HASHLOOM_ERROR_INVALID_ARGUMENT;
	char *const memory =
		(char *)allocator->allocate(allocator->context, size, HL_CACHE_LINE, HASHLOOM_ALLOC_ZEROED);
	if (memory == NULL)
		return HASHLOOM_ERROR_NO_MEMORY;
	array->lines = memory;
	array->cells = memory + hl_aha_lines_size(groups_count);
	array->groups_count = groups_count;
	array->memory_size = size;
	hl_u64_store_relaxed(&array->inserted, 0);
	hl_u64_store_relaxed(&array->erased, 0);
	return HASHLOOM_OK;
}

HL_ALWAYS_INLINE void hl_aha_destroy(struct hl_aha *array, const struct hashloom_allocator *allocator)
{
	allocator->release(allocator->context, array->lines, array->memory_size, HL_CACHE_LINE);
}

HL_END_DECLS

#endif
