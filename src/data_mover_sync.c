/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_sync.c: op_check says at once that an operation is complete, and op_delete does it, unless it was cancelled. Plain copies,
 * moves and sets are done by their futures (VDM_F_INLINE).
 *
 * There is no record: what op_new hands out is the address of a counter, one for each stripe of threads, which bounds
 * the operations in flight (V.4). op_delete takes the operation off the same counter, on whatever thread it runs; the counters
 * order nothing, so they are relaxed.
 */
#include <hashloom/data_mover_sync.h>

#include <hashloom/thread_stripe.h>

#include <stdlib.h>

#include "memory.h"

#define OPERATIONS_MAX 65536

struct stripe {
	_Alignas(HL_CACHE_LINE) hl_u32 operations; /* made and not complete; written by the threads of this stripe */
};

struct data_mover_sync {
	struct vdm_inlining base; /* first: the mover is found from it */
	struct stripe stripes[HL_STRIPES];
};

static void *operation_new(struct vdm *vdm, const enum vdm_operation_type type)
{
	struct data_mover_sync *const mover = (struct data_mover_sync *)vdm;
	hl_u32 *const operations = &mover->stripes[hl_thread_stripe()].operations;

	uint32_t count = hl_u32_load_relaxed(operations);

	(void)type;
	/* Each failed turn is another's success. A refused one never takes a place, not even for a moment. */
	do {
		if (count >= OPERATIONS_MAX)
			return NULL;
	} while (!hl_u32_cas_relaxed(operations, &count, count + 1));
	return operations;
}

static int operation_start(void *data, const struct vdm_operation *operation, struct future_notifier *notifier)
{
	(void)data;
	(void)operation;
	if (notifier != NULL)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	return 0;
}

static enum future_state operation_check(void *data, const struct vdm_operation *operation)
{
	(void)data;
	(void)operation;
	return FUTURE_STATE_COMPLETE;
}

static void operation_release(void *data)
{
	hl_u32_fetch_sub_relaxed((hl_u32 *)data, 1);
}

static void operation_delete(void *data, const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	static const struct hl_vdm_functions own = { NULL, NULL, NULL };

	if (output->result == VDM_ERROR_CANCELLED)
		hl_vdm_fill_output(output, operation, VDM_ERROR_CANCELLED);
	else
		(void)hl_vdm_execute(operation, &own, output);
	operation_release(data);
}

struct data_mover_sync *data_mover_sync_new(void)
{
	struct data_mover_sync *const mover = aligned_alloc(_Alignof(struct data_mover_sync), sizeof(*mover));

	if (mover == NULL)
		return NULL;
	*mover = (struct data_mover_sync){
		.base = { .vdm = { .op_new = operation_new,
				   .op_delete = operation_delete,
				   .op_start = operation_start,
				   .op_check = operation_check,
				   .capabilities = hl_vdm_capabilities() | VDM_F_INLINE,
				   .has_property = hl_future_has_no_property },
			  .op_release = operation_release,
			  .inline_max = { UINT32_MAX } },
	};
	return mover;
}

struct vdm *data_mover_sync_get_vdm(struct data_mover_sync *mover)
{
	return &mover->base.vdm;
}

void data_mover_sync_delete(struct data_mover_sync *mover)
{
	free(mover);
}

struct vdm *vdm_synchronous_new(void)
{
	struct data_mover_sync *const mover = data_mover_sync_new();

	return mover == NULL ? NULL : &mover->base.vdm;
}

void vdm_synchronous_delete(struct vdm *vdm)
{
	free(vdm);
}
