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
 *   V.6  An operation that is cancelled (future_cancel()) before the mover took it completes with VDM_ERROR_CANCELLED and gives its place
 *        back; one that the mover has runs to its end: dest and src stay until the future is complete.
 *   V.7  Operations beyond the reference's four (fill, compare, CRC-32C, memcpyv, batch) are done by all movers of the library; on the CPU
 *        where an engine does not know one. A mover of the user's that does not know one refuses it (V.3).
 *
 * Which calls may run together: any, also on one mover, with different futures.
 */
#ifndef HASHLOOM_VDM_H
#define HASHLOOM_VDM_H

#include <hashloom/base.h>

#include <string.h>

#include <hashloom/future.h>

HL_BEGIN_DECLS

/* ---- operations ----------------------------------------------------------------------------------- */

enum vdm_operation_type {
	VDM_OPERATION_MEMCPY,
	VDM_OPERATION_MEMMOVE,
	VDM_OPERATION_MEMSET,
	VDM_OPERATION_FLUSH,
	VDM_OPERATION_FILL,
	VDM_OPERATION_COMPARE,
	VDM_OPERATION_CRC32C,
	VDM_OPERATION_MEMCPYV,
	VDM_OPERATION_BATCH,
};

enum vdm_operation_result {
	VDM_SUCCESS,
	VDM_ERROR_OUT_OF_MEMORY, /* the mover holds as many operations as it can; nothing was done */
	VDM_ERROR_JOB_CORRUPTED, /* the operation was refused or failed; of a batch: one of its operations was */
	VDM_ERROR_CANCELLED,     /* future_cancel() came before the operation was started; nothing was done */
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

/*
 * A capability of a mover whose struct vdm is the first member of a struct vdm_inlining: copies, moves and sets without flags, of 1 to
 * inline_max bytes, are done in their first poll by the future itself. The mover only makes their records, and gets them back. (What was
 * compiled with the reference's header does not know of that: the mover has to do such operations, too.)
 */
#define VDM_F_INLINE (1U << 30)

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

struct vdm_operation_data_fill {
	void *dest;
	size_t n;
	uint64_t pattern;
	uint64_t flags;
};

struct vdm_operation_data_compare {
	const void *first;
	const void *second;
	size_t n;
	uint64_t flags;
};

struct vdm_operation_data_crc32c {
	const void *src;
	size_t n;
	uint32_t seed;
	uint32_t padding;
	uint64_t flags;
};

/* One of several copies that make one operation. */
struct vdm_segment {
	void *dest;
	const void *src;
	size_t n;
};

struct vdm_operation_data_memcpyv {
	const struct vdm_segment *segments;
	size_t count;
	uint64_t flags;
};

struct vdm_operation_data_batch {
	const struct vdm_operation *operations;
	struct vdm_operation_output *outputs;
	size_t count;
	uint64_t flags;
};

struct vdm_operation {
	union {
		struct vdm_operation_data_memcpy memcpy;
		struct vdm_operation_data_memmove memmove;
		struct vdm_operation_data_memset memset;
		struct vdm_operation_data_flush flush;
		struct vdm_operation_data_fill fill;
		struct vdm_operation_data_compare compare;
		struct vdm_operation_data_crc32c crc32c;
		struct vdm_operation_data_memcpyv memcpyv;
		struct vdm_operation_data_batch batch;
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

struct vdm_operation_output_fill {
	void *dest;
};

struct vdm_operation_output_compare {
	uint64_t offset; /* of the first byte that differs; the operation's n: none does */
};

struct vdm_operation_output_crc32c {
	uint32_t crc;
	uint32_t padding;
};

struct vdm_operation_output_memcpyv {
	uint64_t n; /* bytes of all segments */
};

struct vdm_operation_output_batch {
	uint64_t failed; /* operations whose result is not VDM_SUCCESS */
};

struct vdm_operation_output {
	enum vdm_operation_type type;
	enum vdm_operation_result result;
	union {
		struct vdm_operation_output_memcpy memcpy;
		struct vdm_operation_output_memmove memmove;
		struct vdm_operation_output_memset memset;
		struct vdm_operation_output_flush flush;
		struct vdm_operation_output_fill fill;
		struct vdm_operation_output_compare compare;
		struct vdm_operation_output_crc32c crc32c;
		struct vdm_operation_output_memcpyv memcpyv;
		struct vdm_operation_output_batch batch;
	} output;
};

/* ---- the mover ------------------------------------------------------------------------------------ */

struct vdm;

/* Makes the mover's record of an operation, on the thread that makes the future; NULL: no room (V.4). */
typedef void *(*vdm_operation_new)(struct vdm *vdm, const enum vdm_operation_type type);

/*
 * Fills the output and releases the record; called once, on the polling thread, on completion. When the output's result is
 * VDM_ERROR_CANCELLED, op_start was not called, and nothing must be done.
 */
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

/* Releases the record of an operation that the future has done itself; in the place of op_start, op_check and op_delete. */
typedef void (*vdm_operation_release)(void *data);

struct vdm_inlining {
	struct vdm vdm; /* capabilities: with VDM_F_INLINE */
	vdm_operation_release op_release;
	hl_u32 inline_max; /* may be changed while operations are made and polled: it counts for first polls that come after */
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
 * vdm_set_has_property_fn: sets the property function of a mover's operations.
 * vdm:          a mover that nobody uses at the moment.
 * has_property: see future.h.
 * Returns:      nothing.
 * Threads:      exclusive.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
static inline void vdm_set_has_property_fn(struct vdm *vdm, future_has_property_fn has_property)
{
	vdm->has_property = has_property;
}

/* Operations know of cancellation (V.6); what else they are like, their mover says. */
static inline int hl_vdm_operation_has_property(void *future, enum future_property property)
{
	const struct vdm_operation_future *const operation = (const struct vdm_operation_future *)future;

	if (operation->base.context.state == FUTURE_STATE_COMPLETE)
		return 0; /* the mover may be gone */
	if (property == FUTURE_PROPERTY_CANCEL)
		return 1;
	return operation->data.vdm->has_property == NULL ? 0 : operation->data.vdm->has_property(future, property);
}

/* A mover with VDM_F_INLINE. The compiler is not to know from where: about another mover, which it sees to be smaller, it would warn. */
static inline struct vdm_inlining *hl_vdm_inlining(struct vdm *vdm)
{
	__asm__("" : "+r"(vdm));
	return (struct vdm_inlining *)vdm;
}

/* Whether the first poll does an operation by itself. n and flags of the three lie where those of memcpy do. */
static inline int hl_vdm_is_inline(struct vdm *vdm, const struct vdm_operation *operation)
{
	return vdm_is_supported(vdm, VDM_F_INLINE) && operation->type <= VDM_OPERATION_MEMSET && operation->data.memcpy.flags == 0 &&
	       operation->data.memcpy.n - 1 < hl_u32_load_relaxed(&hl_vdm_inlining(vdm)->inline_max);
}

static inline void hl_vdm_execute_inline(const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	const struct vdm_operation_data_memcpy *const parameters = &operation->data.memcpy;

	if (operation->type == VDM_OPERATION_MEMCPY)
		memcpy(parameters->dest, parameters->src, parameters->n);
	else if (operation->type == VDM_OPERATION_MEMMOVE)
		memmove(parameters->dest, parameters->src, parameters->n);
	else
		memset(parameters->dest, operation->data.memset.c, parameters->n);
	output->type = operation->type;
	output->result = VDM_SUCCESS;
	output->output.memcpy.dest = parameters->dest;
}

/* The task of every operation's future. */
static inline enum future_state vdm_operation_impl(struct future_context *context, struct future_notifier *notifier)
{
	struct vdm_operation_data *const data = (struct vdm_operation_data *)future_context_get_data(context);
	struct vdm_operation_output *const output =
		(struct vdm_operation_output *)future_context_get_output(context);
	struct vdm *const vdm = data->vdm;

	if (context->state == FUTURE_STATE_IDLE) {
		if (HL_UNLIKELY(future_context_is_cancelled(context))) {
			output->result = VDM_ERROR_CANCELLED;
			vdm->op_delete(data->data, &data->operation, output);
			output->result = VDM_ERROR_CANCELLED;
			return future_context_cancelled(context);
		}
		if (hl_vdm_is_inline(vdm, &data->operation)) {
			hl_vdm_execute_inline(&data->operation, output);
			hl_vdm_inlining(vdm)->op_release(data->data);
			return FUTURE_STATE_COMPLETE;
		}
	}
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
		FUTURE_INIT_EXT(future, vdm_operation_impl, hl_vdm_operation_has_property);
	}
}

/* ---- operations by themselves ---------------------------------------------------------------------- */

/*
 * vdm_operation_memcpy: the operation of vdm_memcpy() by itself, for a batch (vdm_batch()).
 * dest, src, n, flags: those of vdm_memcpy().
 * Returns:  the operation, by value.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: some stores.  Lifetime: none.
 */
static inline struct vdm_operation vdm_operation_memcpy(void *dest, void *src, size_t n, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_MEMCPY;
	operation.padding = 0;
	operation.data.memcpy.dest = dest;
	operation.data.memcpy.src = src;
	operation.data.memcpy.n = n;
	operation.data.memcpy.flags = flags;
	return operation;
}

/* vdm_operation_memmove: as vdm_operation_memcpy(), with the parameters of vdm_memmove(). */
static inline struct vdm_operation vdm_operation_memmove(void *dest, void *src, size_t n, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_MEMMOVE;
	operation.padding = 0;
	operation.data.memmove.dest = dest;
	operation.data.memmove.src = src;
	operation.data.memmove.n = n;
	operation.data.memmove.flags = flags;
	return operation;
}

/* vdm_operation_memset: as vdm_operation_memcpy(), with the parameters of vdm_memset(). */
static inline struct vdm_operation vdm_operation_memset(void *str, int c, size_t n, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_MEMSET;
	operation.padding = 0;
	operation.data.memset.str = str;
	operation.data.memset.c = c;
	operation.data.memset.n = n;
	operation.data.memset.flags = flags;
	return operation;
}

/* vdm_operation_flush: as vdm_operation_memcpy(), with the parameters of vdm_flush(). */
static inline struct vdm_operation vdm_operation_flush(void *dest, size_t n, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_FLUSH;
	operation.padding = 0;
	operation.data.flush.dest = dest;
	operation.data.flush.n = n;
	operation.data.flush.flags = flags;
	return operation;
}

/* vdm_operation_fill: as vdm_operation_memcpy(), with the parameters of vdm_fill(). */
static inline struct vdm_operation vdm_operation_fill(void *dest, uint64_t pattern, size_t n, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_FILL;
	operation.padding = 0;
	operation.data.fill.dest = dest;
	operation.data.fill.n = n;
	operation.data.fill.pattern = pattern;
	operation.data.fill.flags = flags;
	return operation;
}

/* vdm_operation_compare: as vdm_operation_memcpy(), with the parameters of vdm_compare(). */
static inline struct vdm_operation vdm_operation_compare(const void *first, const void *second, size_t n, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_COMPARE;
	operation.padding = 0;
	operation.data.compare.first = first;
	operation.data.compare.second = second;
	operation.data.compare.n = n;
	operation.data.compare.flags = flags;
	return operation;
}

/* vdm_operation_crc32c: as vdm_operation_memcpy(), with the parameters of vdm_crc32c(). */
static inline struct vdm_operation vdm_operation_crc32c(const void *src, size_t n, uint32_t seed, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_CRC32C;
	operation.padding = 0;
	operation.data.crc32c.src = src;
	operation.data.crc32c.n = n;
	operation.data.crc32c.seed = seed;
	operation.data.crc32c.padding = 0;
	operation.data.crc32c.flags = flags;
	return operation;
}

/* vdm_operation_memcpyv: as vdm_operation_memcpy(), with the parameters of vdm_memcpyv(). */
static inline struct vdm_operation vdm_operation_memcpyv(const struct vdm_segment *segments, size_t count, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_MEMCPYV;
	operation.padding = 0;
	operation.data.memcpyv.segments = segments;
	operation.data.memcpyv.count = count;
	operation.data.memcpyv.flags = flags;
	return operation;
}

/* vdm_operation_batch: as vdm_operation_memcpy(), with the parameters of vdm_batch(). It may not be a part of a batch itself. */
static inline struct vdm_operation vdm_operation_batch(const struct vdm_operation *operations,
						 struct vdm_operation_output *outputs, size_t count, uint64_t flags)
{
	struct vdm_operation operation;

	operation.type = VDM_OPERATION_BATCH;
	operation.padding = 0;
	operation.data.batch.operations = operations;
	operation.data.batch.outputs = outputs;
	operation.data.batch.count = count;
	operation.data.batch.flags = flags;
	return operation;
}

/* ---- operations as futures ------------------------------------------------------------------------ */

/*
 * vdm_operation_future_new: a future of any operation.
 * vdm:       the mover; must live until the future is complete.
 * operation: what is to be done.
 * Returns, Threads, Progress, Order, Memory, Cost, Lifetime: as vdm_memcpy().
 */
static inline struct vdm_operation_future vdm_operation_future_new(struct vdm *vdm, struct vdm_operation operation)
{
	struct vdm_operation_future future;

	future.data.operation = operation;
	vdm_generic_operation(vdm, &future);
	return future;
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
	return vdm_operation_future_new(vdm, vdm_operation_memcpy(dest, src, n, flags));
}

/* vdm_memmove: as vdm_memcpy(), but the places may overlap. Its output: output.memmove.dest. */
static inline struct vdm_operation_future vdm_memmove(struct vdm *vdm, void *dest, void *src, size_t n, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_memmove(dest, src, n, flags));
}

/* vdm_memset: as vdm_memcpy(), but sets n bytes at str to (unsigned char)c. Its output: output.memset.str. */
static inline struct vdm_operation_future vdm_memset(struct vdm *vdm, void *str, int c, size_t n, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_memset(str, c, n, flags));
}

/*
 * vdm_flush: as vdm_memcpy(), but writes n bytes at dest back from the CPU's caches to memory. flags: 0 or
 * VDM_F_MEM_DURABLE, which is implied. A machine that has no such instruction: VDM_ERROR_JOB_CORRUPTED.
 */
static inline struct vdm_operation_future vdm_flush(struct vdm *vdm, void *dest, size_t n, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_flush(dest, n, flags));
}

/* ---- operations beyond the reference's ------------------------------------------------------------ */

/*
 * vdm_fill: as vdm_memcpy(), but writes the 8 bytes of pattern, as they lie in memory, again and again to n bytes at dest; the
 * last time what is left of n. flags: as vdm_memcpy(). Its output: output.fill.dest.
 */
static inline struct vdm_operation_future vdm_fill(struct vdm *vdm, void *dest, uint64_t pattern, size_t n, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_fill(dest, pattern, n, flags));
}

/*
 * vdm_compare: as vdm_memcpy(), but looks for the first byte in which n bytes at first and at second differ; nothing is written. flags: 0.
 * Its output: output.compare.offset, of that byte; n when there is none.
 */
static inline struct vdm_operation_future vdm_compare(struct vdm *vdm, const void *first, const void *second, size_t n, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_compare(first, second, n, flags));
}

/*
 * vdm_crc32c: as vdm_memcpy(), but computes the CRC-32C (Castagnoli, as iSCSI and ext4 use it: bits reflected, inverted before and
 * after) of n bytes at src. seed: 0, or the CRC of what comes before them. flags: 0. Its output: output.crc32c.crc; "123456789" with seed 0
 * gives 0xe3069283.
 */
static inline struct vdm_operation_future vdm_crc32c(struct vdm *vdm, const void *src, size_t n, uint32_t seed, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_crc32c(src, n, seed, flags));
}

/*
 * vdm_memcpyv: as vdm_memcpy(), but makes count copies, in any order: none may write what another one reads or writes. segments,
 * the array and what it points to, stays until the future is complete. Its output: output.memcpyv.n, bytes of all.
 */
static inline struct vdm_operation_future vdm_memcpyv(struct vdm *vdm, const struct vdm_segment *segments, size_t count, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_memcpyv(segments, count, flags));
}

/*
 * vdm_batch: many operations as one: one record of the mover, one wake of who does them, one wake of who waits.
 * vdm:        the mover; must live until the future is complete.
 * operations: count of them, in an array that stays until the future is complete. They are done in any order, and perhaps at
 *             the same time; none may depend on another. A batch among them is refused.
 * outputs:    gets the output of each, written before the future is complete; until then the mover's.
 * count:      operations, 0 is fine.
 * flags:      0; the operations have their own.
 * Returns:    as vdm_memcpy(). Its output: output.batch.failed, how many have a result that is not VDM_SUCCESS; when there are such,
 *             the batch's own result is VDM_ERROR_JOB_CORRUPTED. Refused for its flags, or cancelled before its first poll: failed is count, no output was written.
 *             With a result like VDM_ERROR_OUT_OF_MEMORY nothing was begun, and failed and outputs say nothing.
 * Threads, Progress, Order, Memory, Cost, Lifetime: as vdm_memcpy().
 */
static inline struct vdm_operation_future vdm_batch(struct vdm *vdm, const struct vdm_operation *operations,
						    struct vdm_operation_output *outputs, size_t count, uint64_t flags)
{
	return vdm_operation_future_new(vdm, vdm_operation_batch(operations, outputs, count, flags));
}

/* ---- the calling thread as a mover ---------------------------------------------------------------- */

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

HL_STATIC_ASSERT(offsetof(struct vdm_operation_data_memset, n) == offsetof(struct vdm_operation_data_memcpy, n) &&
			 offsetof(struct vdm_operation_data_memset, flags) == offsetof(struct vdm_operation_data_memcpy, flags),
		 "n and flags of what is done in the poll");
#if UINTPTR_MAX == UINT64_MAX
HL_STATIC_ASSERT(sizeof(struct vdm) == 48, "layout of struct vdm");
HL_STATIC_ASSERT(sizeof(struct vdm_operation) == 48, "layout of struct vdm_operation");
HL_STATIC_ASSERT(sizeof(struct vdm_operation_data) == 64, "layout of struct vdm_operation_data");
HL_STATIC_ASSERT(sizeof(struct vdm_operation_output) == 16, "layout of struct vdm_operation_output");
HL_STATIC_ASSERT(sizeof(struct vdm_operation_future) == 120, "layout of struct vdm_operation_future");
#endif

HL_END_DECLS

#endif
