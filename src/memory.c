/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * memory.c: copies past the caches, write-back of caches, fill, compare, CRC-32C, and the execution of one operation.
 *
 * x86-64:  MOVNTDQ in blocks of 16 bytes to an aligned destination, then SFENCE, because such stores are not
 *          ordered otherwise; write-back by CLWB, CLFLUSHOPT or CLFLUSH, the best that CPUID reports, then SFENCE
 *          (Intel SDM vol. 1, 11.4.4; vol. 2).
 * aarch64: STNP in pairs of 16 bytes; write-back by DC CVAP (to the point of persistence) where the kernel reports it,
 *          DC CVAC otherwise, then DSB.
 * others:  plain copies; no write-back.
 *
 * CRC-32C: the instruction of SSE 4.2 or of ARMv8's CRC extension where the CPU says that it has it, a table otherwise. A CRC is
 *          linear, so the table is made of its eight entries for one bit.
 */
#include "memory.h"

#include <string.h>

/* ---- machine ------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

#include <cpuid.h>
#include <nmmintrin.h>

#define BLOCK 16
#define LEAF_EXTENDED_FEATURES 7
#define LEAF_FEATURES 1
#define ECX_SSE42 (1U << 20)
#define EBX_CLFLUSHOPT (1U << 23)
#define EBX_CLWB (1U << 24)

typedef __m128i block;

static inline block block_load(const void *from)
{
	return _mm_loadu_si128((const __m128i *)from);
}

static inline block block_fill(uint64_t pattern)
{
	return _mm_set1_epi64x((long long)pattern);
}

static inline void block_stream(void *to, block value)
{
	_mm_stream_si128((__m128i *)to, value);
}

static inline void stream_end(void)
{
	_mm_sfence();
}

enum flush_instruction { FLUSH_NONE, FLUSH_CLFLUSH, FLUSH_CLFLUSHOPT, FLUSH_CLWB };

static enum flush_instruction flush_detect(void)
{
	unsigned eax, ebx, ecx, edx;

	if (!__get_cpuid_count(LEAF_EXTENDED_FEATURES, 0, &eax, &ebx, &ecx, &edx))
		return FLUSH_CLFLUSH;
	return ebx & EBX_CLWB ? FLUSH_CLWB : ebx & EBX_CLFLUSHOPT ? FLUSH_CLFLUSHOPT : FLUSH_CLFLUSH;
}

static size_t flush_line_size(void)
{
	return 64;
}

static inline void flush_line(enum flush_instruction instruction, char *line)
{
	switch (instruction) {
	case FLUSH_CLWB:
		__asm__ __volatile__(".byte 0x66; xsaveopt %0" : "+m"(*line)); /* CLWB for any assembler */
		break;
	case FLUSH_CLFLUSHOPT:
		__asm__ __volatile__(".byte 0x66; clflush %0" : "+m"(*line)); /* CLFLUSHOPT likewise */
		break;
	default:
		__asm__ __volatile__("clflush %0" : "+m"(*line));
	}
}

static inline void flush_end(void)
{
	_mm_sfence();
}

#define HAS_CRC_INSTRUCTION

static int crc_is_supported(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(LEAF_FEATURES, &eax, &ebx, &ecx, &edx) && (ecx & ECX_SSE42) != 0;
}

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const unsigned char *at, size_t n)
{
	uint64_t wide = crc;

	for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t), at += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; n > 0; n--, at++)
		crc = _mm_crc32_u8(crc, *at);
	return crc;
}

#elif defined(__aarch64__)

#include <arm_neon.h>
#include <sys/auxv.h>

#define BLOCK 32
#define HWCAP_HAS_DCPOP (1UL << 16)
#define HWCAP_HAS_CRC32 (1UL << 7)

typedef uint8x16x2_t block;

static inline block block_load(const void *from)
{
	return (block){ { vld1q_u8(from), vld1q_u8((const uint8_t *)from + 16) } };
}

static inline block block_fill(uint64_t pattern)
{
	const uint8x16_t twice = vreinterpretq_u8_u64(vdupq_n_u64(pattern));

	return (block){ { twice, twice } };
}

static inline void block_stream(void *to, block value)
{
	__asm__ __volatile__("stnp %q1, %q2, [%0]" : : "r"(to), "w"(value.val[0]), "w"(value.val[1]) : "memory");
}

static inline void stream_end(void)
{
}

enum flush_instruction { FLUSH_NONE, FLUSH_CVAC, FLUSH_CVAP };

static enum flush_instruction flush_detect(void)
{
	return getauxval(AT_HWCAP) & HWCAP_HAS_DCPOP ? FLUSH_CVAP : FLUSH_CVAC;
}

static size_t flush_line_size(void)
{
	uint64_t ctr;

	__asm__("mrs %0, ctr_el0" : "=r"(ctr));
	return (size_t)4 << (ctr >> 16 & 0xf);
}

static inline void flush_line(enum flush_instruction instruction, char *line)
{
	if (instruction == FLUSH_CVAP)
		__asm__ __volatile__("sys #3, C7, C12, #1, %0" : : "r"(line) : "memory"); /* DC CVAP */
	else
		__asm__ __volatile__("dc cvac, %0" : : "r"(line) : "memory");
}

static inline void flush_end(void)
{
	__asm__ __volatile__("dsb sy" : : : "memory"); /* the domain in which memory is durable */
}

#define HAS_CRC_INSTRUCTION

static int crc_is_supported(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_HAS_CRC32) != 0;
}

/* By the assembler, since the compiler's intrinsics want the whole file compiled for machines that have it. */
static uint32_t crc_by_instruction(uint32_t crc, const unsigned char *at, size_t n)
{
	for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t), at += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
	}
	for (; n > 0; n--, at++)
		__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)*at));
	return crc;
}

#else

enum flush_instruction { FLUSH_NONE };

static enum flush_instruction flush_detect(void)
{
	return FLUSH_NONE;
}

static size_t flush_line_size(void)
{
	return HL_CACHE_LINE;
}

static inline void flush_line(enum flush_instruction instruction, char *line)
{
	(void)instruction;
	(void)line;
}

static inline void flush_end(void)
{
}

#endif

/* ---- patterns ------------------------------------------------------------------------------------- */

/* The pattern as it goes on behind `at` bytes. By its bytes in memory, so that it does not matter which end a number begins with. */
static uint64_t turned_pattern(uint64_t pattern, size_t at)
{
	unsigned char twice[2 * sizeof(pattern)];

	memcpy(twice, &pattern, sizeof(pattern));
	memcpy(twice + sizeof(pattern), &pattern, sizeof(pattern));
	memcpy(&pattern, twice + at % sizeof(pattern), sizeof(pattern));
	return pattern;
}

void hl_fill(void *dest, uint64_t pattern, size_t n)
{
	char *to = dest;

	for (; n >= sizeof(pattern); n -= sizeof(pattern), to += sizeof(pattern))
		memcpy(to, &pattern, sizeof(pattern));
	if (n > 0)
		memcpy(to, &pattern, n);
}

/* ---- copies past the caches ----------------------------------------------------------------------- */

#ifdef BLOCK

/* Bytes up to the first block boundary of dest, at most n. */
static size_t bytes_before_block(const void *dest, size_t n)
{
	const size_t before = (BLOCK - (uintptr_t)dest % BLOCK) % BLOCK;

	return before < n ? before : n;
}

#define PREFETCH_DISTANCE 1024

void hl_copy_nontemporal(void *dest, const void *src, size_t n)
{
	char *to = dest;
	const char *from = src;
	const size_t before = bytes_before_block(dest, n);

	if (n == 0)
		return;
	memcpy(to, from, before);
	to += before;
	from += before;
	n -= before;
	/* four loads before four stores, and the source asked for in time: half as fast again as one by one */
	for (; n >= 4 * BLOCK; n -= 4 * BLOCK, to += 4 * BLOCK, from += 4 * BLOCK) {
		const block first = block_load(from), second = block_load(from + BLOCK);
		const block third = block_load(from + 2 * BLOCK), fourth = block_load(from + 3 * BLOCK);

		/* a number, since it may lie behind the end */
		__builtin_prefetch((const void *)((uintptr_t)from + PREFETCH_DISTANCE), 0, 0);
		block_stream(to, first);
		block_stream(to + BLOCK, second);
		block_stream(to + 2 * BLOCK, third);
		block_stream(to + 3 * BLOCK, fourth);
	}
	for (; n >= BLOCK; n -= BLOCK, to += BLOCK, from += BLOCK)
		block_stream(to, block_load(from));
	memcpy(to, from, n);
	stream_end();
}

void hl_fill_nontemporal(void *dest, uint64_t pattern, size_t n)
{
	char *to = dest;
	const size_t before = bytes_before_block(dest, n);
	const uint64_t turned = turned_pattern(pattern, before);
	const block value = block_fill(turned);

	if (n == 0)
		return;
	hl_fill(to, pattern, before);
	to += before;
	n -= before;
	for (; n >= BLOCK; n -= BLOCK, to += BLOCK)
		block_stream(to, value);
	hl_fill(to, turned, n);
	stream_end();
}

#else

void hl_copy_nontemporal(void *dest, const void *src, size_t n)
{
	if (n > 0)
		memcpy(dest, src, n);
}

void hl_fill_nontemporal(void *dest, uint64_t pattern, size_t n)
{
	hl_fill(dest, pattern, n);
}

#endif

void hl_set_nontemporal(void *dest, int c, size_t n)
{
	hl_fill_nontemporal(dest, (unsigned char)c * UINT64_C(0x0101010101010101), n);
}

/* Where the places overlap, the source is in the cache anyway when it is overwritten: the hint is moot. */
void hl_move_nontemporal(void *dest, const void *src, size_t n)
{
	const uintptr_t to = (uintptr_t)dest;
	const uintptr_t from = (uintptr_t)src;

	if (n == 0)
		return;
	if (to - from < n || from - to < n)
		memmove(dest, src, n);
	else
		hl_copy_nontemporal(dest, src, n);
}

/* ---- compare and CRC ------------------------------------------------------------------------------ */

#define COMPARE_BLOCK 4096 /* what memcmp() is asked for at a time: it is fast, but does not say where */

size_t hl_compare(const void *first, const void *second, size_t n)
{
	const unsigned char *const one = first;
	const unsigned char *const other = second;
	size_t at = 0;

	while (n - at > COMPARE_BLOCK && memcmp(one + at, other + at, COMPARE_BLOCK) == 0)
		at += COMPARE_BLOCK;
	for (; n - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
		uint64_t word, other_word;

		memcpy(&word, one + at, sizeof(word));
		memcpy(&other_word, other + at, sizeof(other_word));
		if (word != other_word)
			break;
	}
	while (at < n && one[at] == other[at])
		at++;
	return at;
}

/* The CRC of one byte is the sum of those of its bits. */
#define CRC_OF(byte)                                                                                                   \
	(((byte) & 0x01 ? 0xf26b8303U : 0) ^ ((byte) & 0x02 ? 0xe13b70f7U : 0) ^ ((byte) & 0x04 ? 0xc79a971fU : 0) ^   \
	 ((byte) & 0x08 ? 0x8ad958cfU : 0) ^ ((byte) & 0x10 ? 0x105ec76fU : 0) ^ ((byte) & 0x20 ? 0x20bd8edeU : 0) ^   \
	 ((byte) & 0x40 ? 0x417b1dbcU : 0) ^ ((byte) & 0x80 ? 0x82f63b78U : 0))
#define CRC_4(byte) CRC_OF(byte), CRC_OF((byte) + 1), CRC_OF((byte) + 2), CRC_OF((byte) + 3)
#define CRC_16(byte) CRC_4(byte), CRC_4((byte) + 4), CRC_4((byte) + 8), CRC_4((byte) + 12)
#define CRC_64(byte) CRC_16(byte), CRC_16((byte) + 16), CRC_16((byte) + 32), CRC_16((byte) + 48)

uint32_t hl_crc32c_by_table(uint32_t crc, const void *src, size_t n)
{
	static const uint32_t table[256] = { CRC_64(0), CRC_64(64), CRC_64(128), CRC_64(192) };
	const unsigned char *at = src;

	crc = ~crc;
	for (; n > 0; n--, at++)
		crc = crc >> 8 ^ table[(crc ^ *at) & 0xff];
	return ~crc;
}

uint32_t hl_crc32c(uint32_t crc, const void *src, size_t n)
{
#ifdef HAS_CRC_INSTRUCTION
	enum { UNKNOWN, NO, YES };
	static hl_u32 detected; /* every thread finds the same */
	uint32_t known = hl_u32_load_relaxed(&detected);

	if (known == UNKNOWN) {
		known = crc_is_supported() ? YES : NO;
		hl_u32_store_relaxed(&detected, known);
	}
	if (known == YES)
		return ~crc_by_instruction(~crc, src, n);
#endif
	return hl_crc32c_by_table(crc, src, n);
}

/* ---- write-back ----------------------------------------------------------------------------------- */

static enum flush_instruction flush_instruction(void)
{
	static hl_u32 detected; /* 0: not yet, otherwise 1 + the instruction; every thread finds the same */
	uint32_t known = hl_u32_load_relaxed(&detected);

	if (known == 0) {
		known = 1 + (uint32_t)flush_detect();
		hl_u32_store_relaxed(&detected, known);
	}
	return (enum flush_instruction)(known - 1);
}

int hl_flush_is_supported(void)
{
	return flush_instruction() != FLUSH_NONE;
}

void hl_flush(const void *start, size_t n)
{
	const enum flush_instruction instruction = flush_instruction();

	if (n == 0)
		return;
	const size_t line = flush_line_size();
	char *const end = (char *)(uintptr_t)start + n;
	for (char *at = (char *)((uintptr_t)start / line * line); at < end; at += line)
		flush_line(instruction, at);
	flush_end();
}

/* ---- operations ----------------------------------------------------------------------------------- */

unsigned hl_vdm_capabilities(void)
{
	return VDM_F_NO_CACHE_HINT | (hl_flush_is_supported() ? VDM_F_MEM_DURABLE : 0);
}

static enum vdm_operation_result execute_copy(const struct vdm_operation_data_memcpy *copy,
					      const struct hl_vdm_functions *functions)
{
	if (functions->copy != NULL)
		functions->copy(copy->dest, copy->src, copy->n, (unsigned)copy->flags);
	else if (copy->flags & VDM_F_NO_CACHE_HINT)
		hl_copy_nontemporal(copy->dest, copy->src, copy->n);
	else if (copy->n > 0)
		memcpy(copy->dest, copy->src, copy->n);
	if (copy->flags & VDM_F_MEM_DURABLE)
		hl_flush(copy->dest, copy->n);
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_move(const struct vdm_operation_data_memmove *move,
					      const struct hl_vdm_functions *functions)
{
	if (functions->move != NULL)
		functions->move(move->dest, move->src, move->n, (unsigned)move->flags);
	else if (move->flags & VDM_F_NO_CACHE_HINT)
		hl_move_nontemporal(move->dest, move->src, move->n);
	else if (move->n > 0)
		memmove(move->dest, move->src, move->n);
	if (move->flags & VDM_F_MEM_DURABLE)
		hl_flush(move->dest, move->n);
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_set(const struct vdm_operation_data_memset *set,
					     const struct hl_vdm_functions *functions)
{
	if (functions->set != NULL)
		functions->set(set->str, set->c, set->n, (unsigned)set->flags);
	else if (set->flags & VDM_F_NO_CACHE_HINT)
		hl_set_nontemporal(set->str, set->c, set->n);
	else if (set->n > 0)
		memset(set->str, set->c, set->n);
	if (set->flags & VDM_F_MEM_DURABLE)
		hl_flush(set->str, set->n);
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_flush(const struct vdm_operation_data_flush *flush)
{
	hl_flush(flush->dest, flush->n);
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_fill(const struct vdm_operation_data_fill *fill)
{
	if (fill->flags & VDM_F_NO_CACHE_HINT)
		hl_fill_nontemporal(fill->dest, fill->pattern, fill->n);
	else
		hl_fill(fill->dest, fill->pattern, fill->n);
	if (fill->flags & VDM_F_MEM_DURABLE)
		hl_flush(fill->dest, fill->n);
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_compare(const struct vdm_operation_data_compare *compare, struct vdm_operation_output *output)
{
	output->output.compare.offset = hl_compare(compare->first, compare->second, compare->n);
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_crc32c(const struct vdm_operation_data_crc32c *crc, struct vdm_operation_output *output)
{
	output->output.crc32c.crc = hl_crc32c(crc->seed, crc->src, crc->n);
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_copies(const struct vdm_operation_data_memcpyv *copies, const struct hl_vdm_functions *functions,
						struct vdm_operation_output *output)
{
	for (size_t i = 0; i < copies->count; i++) {
		const struct vdm_segment *const segment = &copies->segments[i];
		const struct vdm_operation_data_memcpy copy = { .dest = segment->dest,
								.src = (void *)(uintptr_t)segment->src,
								.n = segment->n,
								.flags = copies->flags };

		(void)execute_copy(&copy, functions);
		output->output.memcpyv.n += segment->n;
	}
	return VDM_SUCCESS;
}

static enum vdm_operation_result execute_one(const struct vdm_operation *operation, const struct hl_vdm_functions *functions,
					     struct vdm_operation_output *output)
{
	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
		return execute_copy(&operation->data.memcpy, functions);
	case VDM_OPERATION_MEMMOVE:
		return execute_move(&operation->data.memmove, functions);
	case VDM_OPERATION_MEMSET:
		return execute_set(&operation->data.memset, functions);
	case VDM_OPERATION_FLUSH:
		return execute_flush(&operation->data.flush);
	case VDM_OPERATION_FILL:
		return execute_fill(&operation->data.fill);
	case VDM_OPERATION_COMPARE:
		return execute_compare(&operation->data.compare, output);
	case VDM_OPERATION_CRC32C:
		return execute_crc32c(&operation->data.crc32c, output);
	case VDM_OPERATION_MEMCPYV:
		return execute_copies(&operation->data.memcpyv, functions, output);
	default:
		return VDM_ERROR_JOB_CORRUPTED;
	}
}

static enum vdm_operation_result execute_batch(const struct vdm_operation_data_batch *batch, const struct hl_vdm_functions *functions,
					       struct vdm_operation_output *output)
{
	uint64_t failed = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct vdm_operation *const operation = &batch->operations[i];

		hl_vdm_fill_output(&batch->outputs[i], operation, VDM_ERROR_JOB_CORRUPTED);
		if (hl_vdm_is_known(operation))
			batch->outputs[i].result = execute_one(operation, functions, &batch->outputs[i]);
		failed += batch->outputs[i].result != VDM_SUCCESS;
	}
	output->output.batch.failed = failed;
	return failed == 0 ? VDM_SUCCESS : VDM_ERROR_JOB_CORRUPTED;
}

enum vdm_operation_result hl_vdm_execute(const struct vdm_operation *operation, const struct hl_vdm_functions *functions,
					 struct vdm_operation_output *output)
{
	hl_vdm_fill_output(output, operation, VDM_ERROR_JOB_CORRUPTED);
	if (hl_vdm_is_known(operation))
		output->result = operation->type == VDM_OPERATION_BATCH ? execute_batch(&operation->data.batch, functions, output) :
									  execute_one(operation, functions, output);
	return output->result;
}

/* ---- what an operation is like -------------------------------------------------------------------- */

static uint64_t operation_flags(const struct vdm_operation *operation)
{
	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
		return operation->data.memcpy.flags;
	case VDM_OPERATION_MEMMOVE:
		return operation->data.memmove.flags;
	case VDM_OPERATION_MEMSET:
		return operation->data.memset.flags;
	case VDM_OPERATION_FLUSH:
		return operation->data.flush.flags;
	case VDM_OPERATION_FILL:
		return operation->data.fill.flags;
	case VDM_OPERATION_COMPARE:
		return operation->data.compare.flags;
	case VDM_OPERATION_CRC32C:
		return operation->data.crc32c.flags;
	case VDM_OPERATION_MEMCPYV:
		return operation->data.memcpyv.flags;
	case VDM_OPERATION_BATCH:
		return operation->data.batch.flags;
	default:
		return 0;
	}
}

int hl_vdm_is_known(const struct vdm_operation *operation)
{
	const uint64_t flags = operation_flags(operation);

	if (flags != 0 && flags & ~(uint64_t)hl_vdm_capabilities())
		return 0;
	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
	case VDM_OPERATION_MEMMOVE:
	case VDM_OPERATION_MEMSET:
	case VDM_OPERATION_FILL:
	case VDM_OPERATION_MEMCPYV:
		return 1;
	case VDM_OPERATION_FLUSH:
		return !(flags & VDM_F_NO_CACHE_HINT) && hl_flush_is_supported();
	case VDM_OPERATION_COMPARE:
	case VDM_OPERATION_CRC32C:
	case VDM_OPERATION_BATCH:
		return flags == 0;
	default:
		return 0;
	}
}

static size_t segments_bytes(const struct vdm_operation_data_memcpyv *copies)
{
	size_t sum = 0;

	for (size_t i = 0; i < copies->count; i++)
		sum += copies->segments[i].n;
	return sum;
}

static size_t bytes_of_one(const struct vdm_operation *operation)
{
	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
		return operation->data.memcpy.n;
	case VDM_OPERATION_MEMMOVE:
		return operation->data.memmove.n;
	case VDM_OPERATION_MEMSET:
		return operation->data.memset.n;
	case VDM_OPERATION_FLUSH:
		return operation->data.flush.n;
	case VDM_OPERATION_FILL:
		return operation->data.fill.n;
	case VDM_OPERATION_COMPARE:
		return operation->data.compare.n;
	case VDM_OPERATION_CRC32C:
		return operation->data.crc32c.n;
	case VDM_OPERATION_MEMCPYV:
		return segments_bytes(&operation->data.memcpyv);
	default:
		return 0;
	}
}

size_t hl_vdm_bytes(const struct vdm_operation *operation)
{
	const struct vdm_operation_data_batch *const batch = &operation->data.batch;
	size_t sum = 0;

	if (operation->type != VDM_OPERATION_BATCH)
		return bytes_of_one(operation);
	for (size_t i = 0; i < batch->count; i++)
		sum += bytes_of_one(&batch->operations[i]);
	return sum;
}

int hl_vdm_can_be_split(const struct vdm_operation *operation)
{
	const struct vdm_operation_data_memmove *const move = &operation->data.memmove;
	const uintptr_t to = (uintptr_t)move->dest;
	const uintptr_t from = (uintptr_t)move->src;

	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
	case VDM_OPERATION_MEMSET:
	case VDM_OPERATION_FLUSH:
	case VDM_OPERATION_FILL:
		return 1;
	case VDM_OPERATION_MEMMOVE:
		return to - from >= move->n && from - to >= move->n;
	default:
		return 0;
	}
}

/* NULL stays NULL when there is nothing to move. */
static void *advanced(void *start, size_t bytes)
{
	return bytes == 0 ? start : (char *)start + bytes;
}

struct vdm_operation hl_vdm_piece(const struct vdm_operation *operation, size_t at, size_t n)
{
	struct vdm_operation piece = *operation;

	switch (piece.type) {
	case VDM_OPERATION_MEMCPY:
		piece.data.memcpy.dest = advanced(piece.data.memcpy.dest, at);
		piece.data.memcpy.src = advanced(piece.data.memcpy.src, at);
		piece.data.memcpy.n = n;
		break;
	case VDM_OPERATION_MEMMOVE:
		piece.data.memmove.dest = advanced(piece.data.memmove.dest, at);
		piece.data.memmove.src = advanced(piece.data.memmove.src, at);
		piece.data.memmove.n = n;
		break;
	case VDM_OPERATION_MEMSET:
		piece.data.memset.str = advanced(piece.data.memset.str, at);
		piece.data.memset.n = n;
		break;
	case VDM_OPERATION_FLUSH:
		piece.data.flush.dest = advanced(piece.data.flush.dest, at);
		piece.data.flush.n = n;
		break;
	case VDM_OPERATION_FILL:
		piece.data.fill.dest = advanced(piece.data.fill.dest, at);
		piece.data.fill.pattern = turned_pattern(piece.data.fill.pattern, at);
		piece.data.fill.n = n;
		break;
	default: /* is done in one piece */
		break;
	}
	return piece;
}

void hl_vdm_fill_output(struct vdm_operation_output *output, const struct vdm_operation *operation,
			enum vdm_operation_result result)
{
	output->type = operation->type;
	output->result = result;
	output->output.flush.unused = 0;
	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
		output->output.memcpy.dest = operation->data.memcpy.dest;
		break;
	case VDM_OPERATION_MEMMOVE:
		output->output.memmove.dest = operation->data.memmove.dest;
		break;
	case VDM_OPERATION_MEMSET:
		output->output.memset.str = operation->data.memset.str;
		break;
	case VDM_OPERATION_FILL:
		output->output.fill.dest = operation->data.fill.dest;
		break;
	case VDM_OPERATION_COMPARE:
		output->output.compare.offset = operation->data.compare.n;
		break;
	case VDM_OPERATION_CRC32C:
		output->output.crc32c.crc = operation->data.crc32c.seed;
		break;
	case VDM_OPERATION_BATCH:
		output->output.batch.failed = operation->data.batch.count;
		break;
	default:
		break;
	}
}
