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

/* Does an operation now. VDM_ERROR_JOB_CORRUPTED, and nothing is written, when the operation or a flag is not known. */
enum vdm_operation_result hl_vdm_execute(const struct vdm_operation *operation, const struct hl_vdm_functions *functions);

/* Fills an output on completion. */
void hl_vdm_fill_output(struct vdm_operation_output *output, const struct vdm_operation *operation,
			enum vdm_operation_result result);

#endif
