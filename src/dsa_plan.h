/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* dsa_plan.h: an operation as DSA descriptors, step by step, and the answers to them as the operation's result. */
#ifndef HL_DSA_PLAN_H
#define HL_DSA_PLAN_H

#include "dsa_device.h"

#define HL_DSA_PIECES 8 /* of one submission */

/* What the device is known to be able to do. Whoever sees it refuse something, notes it here; nothing is ordered by these words. */
struct hl_dsa_engine {
	hl_u64 capabilities;	/* of HL_DSA_CAP_* */
	hl_u64 opcodes_refused; /* a bit for each */
	hl_u32 batch_max;
	uint32_t transfer_max;
	hl_u64 faults, errors, pieces_by_cpu; /* counts, see struct data_mover_dsa_stats */
};

/* Bytes in a row that are left to do. */
struct hl_dsa_piece {
	struct vdm_operation part;
	struct vdm_operation_output *output; /* where its answer goes */
	uint64_t base;			     /* the bytes of the operation that lie before it */
	int is_after;			     /* those that stand before this one must be done first */
};

struct hl_dsa_plan {
	_Alignas(HL_DSA_DESCRIPTOR_ALIGNMENT) struct dsa_hw_desc head; /* what is to be submitted */
	struct dsa_hw_desc list[HL_DSA_PIECES];			       /* when that is a batch */
	struct hl_dsa_completion completion;			       /* of the head */
	struct hl_dsa_completion completions[HL_DSA_PIECES];	       /* of the list */
	struct hl_dsa_piece pieces[HL_DSA_PIECES];
	unsigned pieces_count;
	unsigned described; /* so many of them are in the head */
	unsigned setbacks;
	int is_begun; /* something was done, by whomever */
	struct vdm_operation operation;
	struct vdm_operation_output output;
	/* how far the operation was cut into pieces */
	size_t at, segment, offset;
	int in_segments;
	struct vdm_operation flush; /* of what was cut last, is due; n = 0: none */
};

/* Begins with an operation that hl_vdm_is_known(). */
void hl_dsa_plan_begin(struct hl_dsa_plan *plan, const struct vdm_operation *operation);

/* Makes the next descriptor, plan->head, for which plan->completion waits. Returns 0: nothing is left, the output is filled. */
int hl_dsa_plan_next(struct hl_dsa_plan *plan, struct hl_dsa_engine *engine);

/* Takes the answer to plan->head. */
void hl_dsa_plan_take_answer(struct hl_dsa_plan *plan, struct hl_dsa_engine *engine);

/* The device refused plan->head with an errno. EINVAL for a batch: it takes none; everything else: the CPU does what is left. */
void hl_dsa_plan_refused(struct hl_dsa_plan *plan, struct hl_dsa_engine *engine, int error);

#endif
