/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_kit.h: what the tests of the maps share: an allocator that counts and fails, values that can
 * be told from each other, a walker that compares an array's lines with its cells, gangs of threads
 * that start each round together, and a mover that does as it is told.
 */
#ifndef HL_MAP_KIT_H
#define HL_MAP_KIT_H

#include "test_kit.h"

#include <hashloom/alloc.h>
#include <hashloom/atomic_hash_array_core.h>
#include <hashloom/vdm.h>

/* ---- errors that threads see ---------------------------------------------------------------------- */

/* Threads may not use cmocka's assertions: they count here, and the test asserts after joining them. */
struct kit_errors {
	hl_u64 count;
	hl_ptr first;
};

static inline void kit_error(struct kit_errors *errors, const char *what)
{
	if (hl_u64_fetch_add_relaxed(&errors->count, 1) == 0)
		hl_ptr_store_release(&errors->first, (void *)(uintptr_t)what);
}

#define kit_expect(errors, condition)                                                              \
	do {                                                                                       \
		if (!(condition))                                                                  \
			kit_error(errors, #condition);                                             \
	} while (0)

static inline void kit_assert_no_errors(const struct kit_errors *errors)
{
	if (hl_u64_load_acquire(&errors->count) != 0)
		fail_msg("%llu times, first: %s",
			 (unsigned long long)hl_u64_load_relaxed(&errors->count),
			 (const char *)hl_ptr_load_acquire(&errors->first));
}

/* ---- an allocator that counts, fails and checks ---------------------------------------------------- */

#define KIT_BLOCK_MAGIC UINT64_C(0x6b6974626c6f636b)
#define KIT_BLOCK_HEADER 64
#define KIT_NO_FAILURE UINT64_MAX

/* In front of each block; as far from it as its alignment wants. */
struct kit_block {
	uint64_t magic;
	size_t size;
	size_t alignment;
	void *raw;
};

struct kit_allocator {
	struct hashloom_allocator hooks;
	hl_u64 calls;       /* allocations asked for, those that failed too */
	hl_u64 fail_from;   /* calls from this number on fail; the first call is 0 */
	hl_u64 fail_before; /* and up to this one, which does not */
	hl_u64 blocks;      /* not released yet */
	hl_u64 bytes;       /* in them */
	hl_u64 released;
	struct kit_errors errors;
};

static inline void *kit_allocate(void *context, size_t size, size_t alignment,
				 enum hashloom_alloc_content content)
{
	struct kit_allocator *const allocator = context;
	const uint64_t call = hl_u64_fetch_add_relaxed(&allocator->calls, 1);
	const size_t front = alignment > KIT_BLOCK_HEADER ? alignment : KIT_BLOCK_HEADER;
	struct kit_block *block;
	char *memory;
	void *raw;

	kit_expect(&allocator->errors, size > 0);
	kit_expect(&allocator->errors, alignment > 0 && (alignment & (alignment - 1)) == 0);
	if (call >= hl_u64_load_relaxed(&allocator->fail_from) &&
	    call < hl_u64_load_relaxed(&allocator->fail_before))
		return NULL;
	if (size > SIZE_MAX / 2 || posix_memalign(&raw, front, front + size) != 0)
		return NULL;
	memory = (char *)raw + front;
	block = (struct kit_block *)(void *)(memory - sizeof(*block));
	*block = (struct kit_block){ KIT_BLOCK_MAGIC, size, alignment, raw };
	memset(memory, content == HASHLOOM_ALLOC_ZEROED ? 0 : 0xa5, size);
	hl_u64_fetch_add_relaxed(&allocator->blocks, 1);
	hl_u64_fetch_add_relaxed(&allocator->bytes, size);
	return memory;
}

/* Overwrites what it frees, so that whoever reads it still is seen by ThreadSanitizer, or reads rubbish. */
static inline void kit_release(void *context, void *memory, size_t size, size_t alignment)
{
	struct kit_allocator *const allocator = context;
	struct kit_block *const block =
		memory == NULL ? NULL : (struct kit_block *)(void *)((char *)memory - sizeof(*block));

	if (block == NULL || block->magic != KIT_BLOCK_MAGIC || block->size != size ||
	    block->alignment != alignment) {
		kit_error(&allocator->errors, "a block is released that is none, or with another size");
		return;
	}
	block->magic = 0;
	memset(memory, 0xdd, size);
	hl_u64_fetch_add_relaxed(&allocator->released, 1);
	hl_u64_fetch_sub_relaxed(&allocator->blocks, 1);
	hl_u64_fetch_sub_relaxed(&allocator->bytes, size);
	free(block->raw);
}

static inline void kit_allocator_init(struct kit_allocator *allocator)
{
	memset(allocator, 0, sizeof(*allocator));
	allocator->hooks = (struct hashloom_allocator){ kit_allocate, kit_release, allocator };
	hl_u64_store_relaxed(&allocator->fail_from, KIT_NO_FAILURE);
	hl_u64_store_relaxed(&allocator->fail_before, KIT_NO_FAILURE);
}

/* Lets `n` calls fail, after `after` more that succeed. */
static inline void kit_allocator_fail(struct kit_allocator *allocator, uint64_t after, uint64_t n)
{
	const uint64_t from = hl_u64_load_relaxed(&allocator->calls) + after;

	hl_u64_store_relaxed(&allocator->fail_from, from);
	hl_u64_store_relaxed(&allocator->fail_before, n > KIT_NO_FAILURE - from ? KIT_NO_FAILURE : from + n);
}

static inline void kit_allocator_heal(struct kit_allocator *allocator)
{
	hl_u64_store_relaxed(&allocator->fail_from, KIT_NO_FAILURE);
	hl_u64_store_relaxed(&allocator->fail_before, KIT_NO_FAILURE);
}

static inline uint64_t kit_allocator_blocks(const struct kit_allocator *allocator)
{
	return hl_u64_load_relaxed(&allocator->blocks);
}

/* All is given back, and was given back as it was got; and something was got at all. */
static inline void kit_allocator_assert_done(const struct kit_allocator *allocator)
{
	kit_assert_no_errors(&allocator->errors);
	assert_int_equal(hl_u64_load_relaxed(&allocator->blocks), 0);
	assert_int_equal(hl_u64_load_relaxed(&allocator->bytes), 0);
	assert_true(hl_u64_load_relaxed(&allocator->calls) > 0);
}

/* ---- values ---------------------------------------------------------------------------------------- */

/* One number's bits, well mixed: the n-th word of a value that belongs to a stamp. */
static inline uint64_t kit_word(uint64_t stamp, size_t n)
{
	uint64_t state = stamp * UINT64_C(0x2545f4914f6cdd1d) + n;

	return kit_random(&state);
}

static inline void kit_value_fill(void *value, size_t size, uint64_t stamp)
{
	unsigned char *const bytes = value;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		const uint64_t word = kit_word(stamp, i);

		memcpy(bytes + i, &word, size - i < sizeof(word) ? size - i : sizeof(word));
	}
}

/* 1 if the value is the stamp's, whole. */
static inline int kit_value_is(const void *value, size_t size, uint64_t stamp)
{
	const unsigned char *const bytes = value;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		const uint64_t word = kit_word(stamp, i);

		if (memcmp(bytes + i, &word, size - i < sizeof(word) ? size - i : sizeof(word)) != 0)
			return 0;
	}
	return 1;
}

/* ---- hashes that an array must bear ----------------------------------------------------------------- */

static inline uint64_t kit_hash_zero(uint64_t key)
{
	(void)key;
	return 0;
}

/* Home: the last group, so that every path wraps around. */
static inline uint64_t kit_hash_ones(uint64_t key)
{
	(void)key;
	return UINT64_MAX;
}

/* One home, but tags that differ. */
static inline uint64_t kit_hash_one_home(uint64_t key)
{
	return UINT64_C(0x80000000) << 32 | (key & 0xff);
}

/* Homes all over, but one tag. */
static inline uint64_t kit_hash_one_tag(uint64_t key)
{
	return key * UINT64_C(0x9e3779b97f4a7c15) << 32 | 7;
}

static inline uint64_t kit_hash_identity(uint64_t key)
{
	return key;
}

static inline uint64_t kit_hash_good(uint64_t key)
{
	return hl_aha_hash(key);
}

/* ---- what must hold in an array in which nothing runs ------------------------------------------------ */

static inline const char *kit_cell_error(const struct hl_aha_policy *policy, const struct hl_aha *array,
					 uint32_t id, unsigned *passed)
{
	const uint64_t word = hl_u64_load_acquire(hl_aha_key_word(policy, array, id));
	const uint8_t tag = hl_u8_load_relaxed(hl_aha_tag_of(array, id));

	if (!hl_aha_is_key(word)) {
		if (word == HL_AHA_EMPTY)
			return tag == 0 ? NULL : "an empty cell has a tag";
		if (policy->reuse == HASHLOOM_REUSE_NEVER && word == HL_AHA_ERASED)
			return tag != 0 ? NULL : "an erased cell has no tag";
		return "a cell is neither empty nor an entry";
	}
	const uint64_t hash = policy->hash(~word);

	if (tag != hl_aha_tag(hash))
		return "an entry has another tag than its key";
	if (hl_aha_find(policy, array, ~word, hash) != id)
		return "an entry is not found, or a key is there twice";
	for (uint64_t group = hl_aha_home(array, hash); group != id / HL_AHA_LANES;
	     group = hl_aha_next_group(array, group))
		passed[group]++;
	return NULL;
}

static inline const char *kit_overflow_error(const struct hl_aha_policy *policy,
					     const struct hl_aha *array, uint64_t group,
					     unsigned passed, int may_stick)
{
	const uint8_t byte = hl_u8_load_relaxed(hl_aha_byte(array, group, HL_AHA_OVERFLOW_BYTE));
	const unsigned count = byte & HL_AHA_OVERFLOW_MAX;

	if (byte & HL_AHA_LOCK)
		return "a group is locked";
	if (policy->reuse == HASHLOOM_REUSE_NEVER)
		return passed == 0 || count > 0 ? NULL : "entries went past a group that does not say so";
	if (count == HL_AHA_OVERFLOW_MAX && (may_stick || passed >= HL_AHA_OVERFLOW_MAX))
		return NULL;
	return count == passed ? NULL : "an overflow count is wrong";
}

/*
 * Compares each line with the cells of its group: tags, overflow counts (exact, but for those that may stick
 * at their maximum), locks; each entry is found, and at its own cell only. NULL, or what is wrong.
 */
static inline const char *kit_lines_error(const struct hl_aha_policy *policy, const struct hl_aha *array,
					  int may_stick)
{
	unsigned *const passed = calloc(array->groups_count, sizeof(*passed));
	const char *error = passed == NULL ? "no memory" : NULL;

	for (uint64_t id = 0; error == NULL && id < hl_aha_cells_count(array); id++)
		error = kit_cell_error(policy, array, (uint32_t)id, passed);
	for (uint64_t group = 0; error == NULL && group < array->groups_count; group++)
		error = kit_overflow_error(policy, array, group, passed[group], may_stick);
	free(passed);
	return error;
}

/* That, and the size. */
static inline const char *kit_array_error(const struct hl_aha_policy *policy, const struct hl_aha *array,
					  int may_stick)
{
	const char *const error = kit_lines_error(policy, array, may_stick);
	uint64_t position = 0;
	uint64_t key;
	size_t entries = 0;

	while (hl_aha_next(policy, array, &position, &key) != NULL)
		entries++;
	return error == NULL && hl_aha_size(array) != entries ? "the size is not the number of entries" : error;
}

/* ---- gangs ------------------------------------------------------------------------------------------ */

#define KIT_GANG_MAX 8

/*
 * Threads that do rounds together. In each round thread 0 prepares, then all work, then thread 0
 * verifies. prepare and verify may be NULL; none of the three may use cmocka's assertions.
 */
struct kit_gang {
	unsigned threads;
	unsigned rounds;
	void (*prepare)(void *arg, unsigned round);
	void (*work)(void *arg, unsigned thread, unsigned round);
	void (*verify)(void *arg, unsigned round);
	void *arg;
	hl_u32 arrived;
	hl_u32 turn;
};

struct kit_gang_member {
	struct kit_gang *gang;
	unsigned thread;
};

/* A barrier that spins first: those who wait together go on together. The alarm is the bound. */
static inline void kit_gang_meet(struct kit_gang *gang)
{
	const uint32_t turn = hl_u32_load_acquire(&gang->turn);

	if (hl_u32_fetch_add_acq_rel(&gang->arrived, 1) + 1 == gang->threads) {
		hl_u32_store_relaxed(&gang->arrived, 0);
		hl_u32_store_release(&gang->turn, turn + 1);
		return;
	}
	for (unsigned spins = 0; hl_u32_load_acquire(&gang->turn) == turn; spins++) {
		if (spins < 200)
			hl_relax();
		else
			sched_yield();
	}
}

static inline void *kit_gang_run_member(void *arg)
{
	const struct kit_gang_member *const member = arg;
	struct kit_gang *const gang = member->gang;

	for (unsigned round = 0; round < gang->rounds; round++) {
		if (member->thread == 0 && gang->prepare != NULL)
			gang->prepare(gang->arg, round);
		kit_gang_meet(gang);
		gang->work(gang->arg, member->thread, round);
		kit_gang_meet(gang);
		if (member->thread == 0 && gang->verify != NULL)
			gang->verify(gang->arg, round);
	}
	return NULL;
}

static inline void kit_gang_run(struct kit_gang *gang)
{
	struct kit_gang_member members[KIT_GANG_MAX];
	pthread_t threads[KIT_GANG_MAX];

	assert_true(gang->threads <= KIT_GANG_MAX && gang->rounds > 0);
	for (unsigned i = 0; i < gang->threads; i++) {
		members[i] = (struct kit_gang_member){ gang, i };
		threads[i] = kit_start(kit_gang_run_member, &members[i]);
	}
	for (unsigned i = 0; i < gang->threads; i++)
		kit_join(threads[i]);
}

/* ---- a mover that does as it is told ------------------------------------------------------------------ */

/* Copies the first half when it starts and the second when it is let go, so that both ends of a copy are seen. */
struct kit_mover {
	struct vdm vdm; /* first: the library hands its address back */
	enum vdm_operation_result result;
	unsigned news_left;   /* op_new gives NULL when there are none */
	unsigned starts_left; /* so many calls of op_start do not start */
	int held;             /* operations do not complete */
	unsigned checks_per;  /* one of so many checks completes its operation; 0: each */
	unsigned checks;
	unsigned live;
	unsigned started;
	unsigned completed;
	struct future_notifier *notifier; /* what the last op_start was given */
};

static inline void *kit_mover_op_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct kit_mover *const mover = (struct kit_mover *)(void *)vdm;

	(void)type;
	if (mover->news_left == 0)
		return NULL;
	mover->news_left--;
	mover->live++;
	return mover;
}

static inline void kit_mover_copy(const struct vdm_operation *operation, size_t from, size_t to)
{
	memcpy((char *)operation->data.memcpy.dest + from,
	       (const char *)operation->data.memcpy.src + from, to - from);
}

static inline int kit_mover_op_start(void *data, const struct vdm_operation *operation,
				     struct future_notifier *notifier)
{
	struct kit_mover *const mover = data;

	mover->notifier = notifier;
	if (mover->starts_left > 0) {
		mover->starts_left--;
		return 1;
	}
	mover->started++;
	if (mover->result == VDM_SUCCESS)
		kit_mover_copy(operation, 0, operation->data.memcpy.n / 2);
	return 0;
}

static inline enum future_state kit_mover_op_check(void *data, const struct vdm_operation *operation)
{
	struct kit_mover *const mover = data;

	(void)operation;
	if (mover->checks_per > 0 && ++mover->checks % mover->checks_per != 0)
		return FUTURE_STATE_RUNNING;
	return mover->held ? FUTURE_STATE_RUNNING : FUTURE_STATE_COMPLETE;
}

static inline void kit_mover_op_delete(void *data, const struct vdm_operation *operation,
				       struct vdm_operation_output *output)
{
	struct kit_mover *const mover = data;
	const size_t n = operation->data.memcpy.n;

	if (mover->result == VDM_SUCCESS)
		kit_mover_copy(operation, n / 2, n);
	mover->live--;
	mover->completed++;
	output->type = operation->type;
	output->result = mover->result;
	output->output.memcpy.dest = operation->data.memcpy.dest;
}

static inline void kit_mover_init(struct kit_mover *mover)
{
	memset(mover, 0, sizeof(*mover));
	mover->vdm = (struct vdm){ kit_mover_op_new, kit_mover_op_delete, kit_mover_op_start,
				   kit_mover_op_check, 0, hl_future_has_no_property };
	mover->result = VDM_SUCCESS;
	mover->news_left = UINT32_MAX;
}

/* Whether threads met is the scheduler's doing, and no reason to fail; but a run in which they never do shows less. */
static inline void kit_note_luck(uint64_t meetings)
{
	if (meetings == 0)
		print_message("note: the threads did not meet in this run\n");
}

#endif
