/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * memory.h: what the movers do with memory: copies that go past the caches, write-back of caches, and the
 * execution of one vdm operation with them.
 */
#ifndef HL_MEMORY_H
#define HL_MEMORY_H

#include <hashloom/vdm.h>

/* As memcpy, memmove and memset, with stores that go past the caches where the machine has such, visible as usual. */
void hl_copy_nontemporal(void *dest, const void *src, size_t n);
void hl_move_nontemporal(void *dest, const void *src, size_t n);
void hl_set_nontemporal(void *dest, int c, size_t n);
void hl_fill_nontemporal(void *dest, uint64_t pattern, size_t n);

/* Writes the 8 bytes of pattern again and again; the last time what is left of n. */
void hl_fill(void *dest, uint64_t pattern, size_t n);

/* The offset of the first byte that differs, or n. */
size_t hl_compare(const void *first, const void *second, size_t n);

/* CRC-32C (Castagnoli) of n more bytes; crc is 0 or that of what comes before them. */
uint32_t hl_crc32c(uint32_t crc, const void *src, size_t n);
/* The same by table, which is what machines without an instruction for it do. */
uint32_t hl_crc32c_by_table(uint32_t crc, const void *src, size_t n);

/* Whether the CPU can write its caches back from user space. */
int hl_flush_is_supported(void);

/* Writes the cache lines of n bytes back to memory and waits until that is ordered before later stores. */
void hl_flush(const void *start, size_t n);

/* The VDM_F_* that hl_vdm_execute() can honour here. */
unsigned hl_vdm_capabilities(void);

/* What does the bytes' work. NULL: our own. */
struct hl_vdm_functions {
	void *(*copy)(void *dst, const void *src, size_t n, unsigned flags);
	void *(*move)(void *dst, const void *src, size_t n, unsigned flags);
	void *(*set)(void *str, int c, size_t n, unsigned flags);
};

/*
 * Does an operation now and fills its output, which is returned. VDM_ERROR_JOB_CORRUPTED, and nothing is written elsewhere, when
 * the operation or a flag is not known.
 */
enum vdm_operation_result hl_vdm_execute(const struct vdm_operation *operation, const struct hl_vdm_functions *functions,
					 struct vdm_operation_output *output);

/* Whether hl_vdm_execute() would do it: the operation and its flags are known. Those inside a batch are not looked at. */
int hl_vdm_is_known(const struct vdm_operation *operation);

/* How many bytes an operation reads or writes: n, or the sum of its segments, or of the batch's operations. */
size_t hl_vdm_bytes(const struct vdm_operation *operation);

/* Whether it is the same to do it piece by piece, in any order: copies and moves of places that do not overlap, sets, fills and flushes. */
int hl_vdm_can_be_split(const struct vdm_operation *operation);

/* The same operation on n of its bytes, from `at` on; for one of n bytes in a row, and moves in an order that is right. */
struct vdm_operation hl_vdm_piece(const struct vdm_operation *operation, size_t at, size_t n);

/*
 * Fills an output on completion. What only doing it can tell is as if nothing was done: the seed, offset n, 0 bytes, all of
 * a batch failed.
 */
void hl_vdm_fill_output(struct vdm_operation_output *output, const struct vdm_operation *operation,
			enum vdm_operation_result result);

#endif
