/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * memory.c: copies past the caches, write-back of caches, and the execution of one operation.
 *
 * x86-64:  MOVNTDQ in blocks of 16 bytes to an aligned destination, then SFENCE, because such stores are not
 *          ordered otherwise; write-back by CLWB, CLFLUSHOPT or CLFLUSH, the best that CPUID reports, then SFENCE
 *          (Intel SDM vol. 1, 11.4.4; vol. 2).
 * aarch64: STNP in pairs of 16 bytes; write-back by DC CVAP (to the point of persistence) where the kernel reports it,
 *          DC CVAC otherwise, then DSB.
 * others:  plain copies; no write-back.
 */
#include "memory.h"

#include <string.h>

/* ---- machine ------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

#include <cpuid.h>
#include <emmintrin.h>

#define BLOCK 16
#define LEAF_EXTENDED_FEATURES 7
#define EBX_CLFLUSHOPT (1U << 23)
#define EBX_CLWB (1U << 24)

typedef __m128i block;

static inline block block_load(const void *from)
{
	return _mm_loadu_si128((const __m128i *)from);
}

static inline block block_fill(int c)
{
	return _mm_set1_epi8((char)c);
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

#elif defined(__aarch64__)

#include <arm_neon.h>
#include <sys/auxv.h>

#define BLOCK 32
#define HWCAP_HAS_DCPOP (1UL << 16)

typedef uint8x16x2_t block;

static inline block block_load(const void *from)
{
	return (block){ { vld1q_u8(from), vld1q_u8((const uint8_t *)from + 16) } };
}

static inline block block_fill(int c)
{
	return (block){ { vdupq_n_u8((uint8_t)c), vdupq_n_u8((uint8_t)c) } };
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

/* ---- copies past the caches ----------------------------------------------------------------------- */

#ifdef BLOCK

/* Bytes up to the first block boundary of dest, at most n. */
static size_t bytes_before_block(const void *dest, size_t n)
{
	const size_t before = (BLOCK - (uintptr_t)dest % BLOCK) % BLOCK;

	return before < n ? before : n;
}

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
	for (; n >= BLOCK; n -= BLOCK, to += BLOCK, from += BLOCK)
		block_stream(to, block_load(from));
	memcpy(to, from, n);
	stream_end();
}

void hl_set_nontemporal(void *dest, int c, size_t n)
{
	char *to = dest;
	const block value = block_fill(c);
	const size_t before = bytes_before_block(dest, n);

	if (n == 0)
		return;
	memset(to, c, before);
	to += before;
	n -= before;
	for (; n >= BLOCK; n -= BLOCK, to += BLOCK)
		block_stream(to, value);
	memset(to, c, n);
	stream_end();
}

#else

void hl_copy_nontemporal(void *dest, const void *src, size_t n)
{
	if (n > 0)
		memcpy(dest, src, n);
}

void hl_set_nontemporal(void *dest, int c, size_t n)
{
	if (n > 0)
		memset(dest, c, n);
}

#endif

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

/* ---- write-back ----------------------------------------------------------------------------------- */

int hl_flush_is_supported(void)
{
	return flush_detect() != FLUSH_NONE;
}

void hl_flush(const void *start, size_t n)
{
	static hl_u32 detected; /* 0: not yet, otherwise 1 + the instruction; every thread finds the same */
	uint32_t known = hl_u32_load_relaxed(&detected);

	if (n == 0)
		return;
	if (known == 0) {
		known = 1 + (uint32_t)flush_detect();
		hl_u32_store_relaxed(&detected, known);
	}
	const size_t line = flush_line_size();
	char *const end = (char *)(uintptr_t)start + n;
	for (char *at = (char *)((uintptr_t)start / line * line); at < end; at += line)
		flush_line((enum flush_instruction)(known - 1), at);
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
	if (flush->flags & VDM_F_NO_CACHE_HINT || !hl_flush_is_supported())
		return VDM_ERROR_JOB_CORRUPTED;
	hl_flush(flush->dest, flush->n);
	return VDM_SUCCESS;
}

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
	default:
		return 0;
	}
}

enum vdm_operation_result hl_vdm_execute(const struct vdm_operation *operation, const struct hl_vdm_functions *functions)
{
	const uint64_t flags = operation_flags(operation);

	if (flags != 0 && flags & ~(uint64_t)hl_vdm_capabilities())
		return VDM_ERROR_JOB_CORRUPTED;
	switch (operation->type) {
	case VDM_OPERATION_MEMCPY:
		return execute_copy(&operation->data.memcpy, functions);
	case VDM_OPERATION_MEMMOVE:
		return execute_move(&operation->data.memmove, functions);
	case VDM_OPERATION_MEMSET:
		return execute_set(&operation->data.memset, functions);
	case VDM_OPERATION_FLUSH:
		return execute_flush(&operation->data.flush);
	default:
		return VDM_ERROR_JOB_CORRUPTED;
	}
}

void hl_vdm_fill_output(struct vdm_operation_output *output, const struct vdm_operation *operation,
			enum vdm_operation_result result)
{
	output->type = operation->type;
	output->result = result;
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
	default:
		output->output.flush.unused = 0;
	}
}
