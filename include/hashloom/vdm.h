/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * vdm.h: the virtual data mover: memory operations as futures, whoever does them.
 *
 * vdm_memcpy() and its kin make a future; its first poll hands the operation to the mover behind the
 * `struct vdm`, later polls ask whether it is done. Movers are data_mover_sync.h (the calling thread),
 * data_mover_threads.h (worker threads), data_mover_dml.h, or the user's own: five functions and a set of flags.
 *
 * When not to use it: a copy of a few hundred bytes is cheaper done with memcpy.
 *
 * Model in one sentence: op_new when the future is made, op_start at the first poll (until it takes the
 * operation), op_check at each poll after, op_delete once, at completion.
 *
 *     struct data_mover_sync *mover = data_mover_sync_new();           (examples/async_copies.c)
 *     struct vdm_operation_future fut = vdm_memcpy(data_mover_sync_get_vdm(mover), dest, src, n, 0);
 *     FUTURE_BUSY_POLL(&fut);
 *     if (FUTURE_OUTPUT(&fut)->result != VDM_SUCCESS) ...
 *
 * Guarantees
 *   V.1  Nothing runs before the first poll; until then the fields of the operation may be changed.
 *   V.2  When the future is complete, the operation's result is visible to the thread that polled it.
 *   V.3  Flags, or an operation, that the mover cannot do complete with VDM_ERROR_JOB_CORRUPTED, and nothing was written.
 *   V.4  A mover holds a bounded number of operations. Making one more gives a future that is complete with
 *        VDM_ERROR_OUT_OF_MEMORY; one completion makes room for one. An operation that is never polled
 *        keeps its own place and nobody else's.
 *   V.5  A future of an operation may be copied while it is idle; then one of the copies is polled.
 *
 * Which calls may run together: any, also on one mover, with different futures.
 */
#ifndef HASHLOOM_VDM_H
#define HASHLOOM_VDM_H

#include <hashloom/base.h>

#include <hashloom/future.h>

HL_BEGIN_DECLS

/* ---- operations ----------------------------------------------------------------------------------- */

enum vdm_operation_type {
	VDM_OPERATION_MEMCPY,
	VDM_OPERATION_MEMMOVE,
	VDM_OPERATION_MEMSET,
	VDM_OPERATION_FLUSH,
};

enum vdm_operation_result {
	VDM_SUCCESS,
	VDM_ERROR_OUT_OF_MEMORY, /* the mover holds as many operations as it can; nothing was done */
	VDM_ERROR_JOB_CORRUPTED, /* the operation was refused or failed */
};

/* On completion the data is durable: the CPU's caches are flushed for it. */
#define VDM_F_MEM_DURABLE (1U << 0)
/* The data will not be read soon: keep it out of the caches (non-temporal stores). */
#define VDM_F_NO_CACHE_HINT (1U << 1)
#define VDM_F_VALID_FLAGS (VDM_F_MEM_DURABLE | VDM_F_NO_CACHE_HINT)

/*
 * A capability of a mover, not a flag of an operation: op_start may be called again, at later polls of a started operation, to
 * take the newest notifier; it then only does that. Without it only the first poll's notifier counts.
 */
#define VDM_F_RENEW_NOTIFIER (1U << 31)

struct vdm_operation_data_memcpy {
	void *dest;
	void *src;
	size_t n;
	uint64_t flags;
};

struct vdm_operation_data_memmove {
	void *dest;
	void *src;
	size_t n;
	uint64_t flags;
};

struct vdm_operation_data_memset {
	void *str;
	int c;
	size_t n;
	uint64_t flags;
};

struct vdm_operation_data_flush {
	void *dest;
	size_t n;
	uint64_t flags;
};

struct vdm_operation {
	union {
		struct vdm_operation_data_memcpy memcpy;
		struct vdm_operation_data_memmove memmove;
		struct vdm_operation_data_memset memset;
		struct vdm_operation_data_flush flush;
		uint8_t data[40];
	} data;
	enum vdm_operation_type type;
	uint32_t padding;
};

struct vdm_operation_output_memcpy {
	void *dest;
};

struct vdm_operation_output_memmove {
	void *dest;
};

struct vdm_operation_output_memset {
	void *str;
};

struct vdm_operation_output_flush {
	uint64_t unused;
};

struct vdm_operation_output {
	enum vdm_operation_type type;
	enum vdm_operation_result result;
	union {
		struct vdm_operation_output_memcpy memcpy;
		struct vdm_operation_output_memmove memmove;
		struct vdm_operation_output_memset memset;
		struct vdm_operation_output_flush flush;
	} output;
};

/* ---- the mover ------------------------------------------------------------------------------------ */

struct vdm;

/* Makes the mover's record of an operation, on the thread that makes the future; NULL: no room (V.4). */
typedef void *(*vdm_operation_new)(struct vdm *vdm, const enum vdm_operation_type type);

/* Fills the output and releases the record; called once, on the polling thread, on completion. */
typedef void (*vdm_operation_delete)(void *data, const struct vdm_operation *operation,
				     struct vdm_operation_output *output);

/*
 * Starts the operation; called on the polling thread, must not block. Returns 0, or another number when it could not start:
 * the future stays idle and the next poll tries again. The notifier may be NULL.
 */
typedef int (*vdm_operation_start)(void *data, const struct vdm_operation *operation, struct future_notifier *notifier);

/* Says how a started operation stands: RUNNING or COMPLETE; called on the polling thread, must not block. */
typedef enum future_state (*vdm_operation_check)(void *data, const struct vdm_operation *operation);

struct vdm {
	vdm_operation_new op_new;
	vdm_operation_delete op_delete;
	vdm_operation_start op_start;
	vdm_operation_check op_check;
	unsigned capabilities; /* of VDM_F_* */
	future_has_property_fn has_property;
};

struct vdm_operation_data {
	void *data; /* the mover's record */
	struct vdm *vdm;
	struct vdm_operation operation;
};

FUTURE(vdm_operation_future, struct vdm_operation_data, struct vdm_operation_output);

/*
 * vdm_is_supported: whether a mover has a capability.
 * vdm:        a mover.
 * capability: one or more of VDM_F_*.
 * Returns:    true when it has all of them.
 * Threads:    any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
static inline int vdm_is_supported(struct vdm *vdm, unsigned capability)
{
	return (vdm->capabilities & capability) == capability;
}

/*
 * vdm_set_has_property_fn: sets the property function of the operations that are made from now on.
 * vdm:          a mover that nobody uses at the moment.
 * has_property: see future.h.
 * Returns:      nothing.
 * Threads:      exclusive.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
static inline void vdm_set_has_property_fn(struct vdm *vdm, future_has_property_fn has_property)
{
	vdm->has_property = has_property;
}

/* The task of every operation's future. */
static inline enum future_state vdm_operation_impl(struct future_context *context, struct future_notifier *notifier)
{
	struct vdm_operation_data *const data = (struct vdm_operation_data *)future_context_get_data(context);
	struct vdm_operation_output *const output =
		(struct vdm_operation_output *)future_context_get_output(context);
	struct vdm *const vdm = data->vdm;

	if (context->state == FUTURE_STATE_IDLE || vdm_is_supported(vdm, VDM_F_RENEW_NOTIFIER)) {
		if (vdm->op_start(data->data, &data->operation, notifier) != 0)
			return FUTURE_STATE_IDLE;
	}
	const enum future_state state = vdm->op_check(data->data, &data->operation);
	if (state == FUTURE_STATE_COMPLETE)
		vdm->op_delete(data->data, &data->operation, output);
	return state;
}

/*
 * vdm_generic_operation: makes an operation's future out of a filled-in data.operation.
 * vdm:      the mover; must live until the future is complete.
 * future:   data.operation is set by the caller, the rest is written.
 * Returns:  nothing; the future is idle, or complete with VDM_ERROR_OUT_OF_MEMORY.
 * Threads:  any.  Progress, Memory, Cost: those of the mover's op_new.  Order: none.
 * Lifetime: as the future.
 */
static inline void vdm_generic_operation(struct vdm *vdm, struct vdm_operation_future *future)
{
	future->data.vdm = vdm;
	future->data.data = vdm->op_new(vdm, future->data.operation.type);
	future->output.type = future->data.operation.type;
	future->output.output.flush.unused = 0;
	if (future->data.data == NULL) {
		future->output.result = VDM_ERROR_OUT_OF_MEMORY;
		FUTURE_INIT_COMPLETE(future);
	} else {
		future->output.result = VDM_ERROR_JOB_CORRUPTED;
		FUTURE_INIT_EXT(future, vdm_operation_impl, vdm->has_property);
	}
}

/*
 * vdm_memcpy: a future that copies n bytes between places that do not overlap.
 * vdm:      the mover; must live until the future is complete.
 * dest:     n writable bytes, until the future is complete.
 * src:      n readable bytes, likewise.
 * n:        bytes, 0 is fine.
 * flags:    of VDM_F_VALID_FLAGS.
 * Returns:  the future; it may be complete with VDM_ERROR_OUT_OF_MEMORY. Its output: type, result, output.memcpy.dest.
 * Threads:  any.  Progress: that of the mover's op_new.
 * Order:    what was written to src before the first poll is copied; see V.2.
 * Memory:   none beyond the mover's records.  Cost: about ten nanoseconds.
 * Lifetime: the future is the caller's.
 */
static inline struct vdm_operation_future vdm_memcpy(struct vdm *vdm, void *dest, void *src, size_t n, uint64_t flags)
{
	struct vdm_operation_future future;

	future.data.operation.type = VDM_OPERATION_MEMCPY;
	future.data.operation.padding = 0;
	future.data.operation.data.memcpy.dest = dest;
	future.data.operation.data.memcpy.src = src;
	future.data.operation.data.memcpy.n = n;
	future.data.operation.data.memcpy.flags = flags;
	vdm_generic_operation(vdm, &future);
	return future;
}

/* vdm_memmove: as vdm_memcpy(), but the places may overlap. Its output: output.memmove.dest. */
static inline struct vdm_operation_future vdm_memmove(struct vdm *vdm, void *dest, void *src, size_t n, uint64_t flags)
{
	struct vdm_operation_future future;

	future.data.operation.type = VDM_OPERATION_MEMMOVE;
	future.data.operation.padding = 0;
	future.data.operation.data.memmove.dest = dest;
	future.data.operation.data.memmove.src = src;
	future.data.operation.data.memmove.n = n;
	future.data.operation.data.memmove.flags = flags;
	vdm_generic_operation(vdm, &future);
	return future;
}

/* vdm_memset: as vdm_memcpy(), but sets n bytes at str to (unsigned char)c. Its output: output.memset.str. */
static inline struct vdm_operation_future vdm_memset(struct vdm *vdm, void *str, int c, size_t n, uint64_t flags)
{
	struct vdm_operation_future future;

	future.data.operation.type = VDM_OPERATION_MEMSET;
	future.data.operation.padding = 0;
	future.data.operation.data.memset.str = str;
	future.data.operation.data.memset.c = c;
	future.data.operation.data.memset.n = n;
	future.data.operation.data.memset.flags = flags;
	vdm_generic_operation(vdm, &future);
	return future;
}

/*
 * vdm_flush: as vdm_memcpy(), but writes n bytes at dest back from the CPU's caches to memory. flags: 0 or
 * VDM_F_MEM_DURABLE, which is implied. A machine that has no such instruction: VDM_ERROR_JOB_CORRUPTED.
 */
static inline struct vdm_operation_future vdm_flush(struct vdm *vdm, void *dest, size_t n, uint64_t flags)
{
	struct vdm_operation_future future;

	future.data.operation.type = VDM_OPERATION_FLUSH;
	future.data.operation.padding = 0;
	future.data.operation.data.flush.dest = dest;
	future.data.operation.data.flush.n = n;
	future.data.operation.data.flush.flags = flags;
	vdm_generic_operation(vdm, &future);
	return future;
}

/*
 * vdm_synchronous_new: a mover that does each operation at its first poll, on the polling thread (data_mover_sync.h, when only the
 *           struct vdm is wanted).
 * Returns:  the mover, or NULL when there is no memory.
 * Threads:  any.  Progress: that of malloc.  Order: none.  Memory: one block.  Cost: an allocation.
 * Lifetime: until vdm_synchronous_delete().
 */
HASHLOOM_API struct vdm *vdm_synchronous_new(void);

/*
 * vdm_synchronous_delete: frees such a mover.
 * vdm:      of vdm_synchronous_new(), or NULL; futures of it that are not complete must not be polled any more.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of free.  Order: none.  Memory: frees.  Cost: a free.  Lifetime: ends.
 */
HASHLOOM_API void vdm_synchronous_delete(struct vdm *vdm);

/* ---- layout: the reference's, on 64-bit machines -------------------------------------------------- */

#if UINTPTR_MAX == UINT64_MAX
HL_STATIC_ASSERT(sizeof(struct vdm) == 48, "layout of struct vdm");
HL_STATIC_ASSERT(sizeof(struct vdm_operation) == 48, "layout of struct vdm_operation");
HL_STATIC_ASSERT(sizeof(struct vdm_operation_data) == 64, "layout of struct vdm_operation_data");
HL_STATIC_ASSERT(sizeof(struct vdm_operation_output) == 16, "layout of struct vdm_operation_output");
HL_STATIC_ASSERT(sizeof(struct vdm_operation_future) == 120, "layout of struct vdm_operation_future");
#endif

HL_END_DECLS

#endif
