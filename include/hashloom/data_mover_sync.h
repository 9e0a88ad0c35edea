/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_sync.h: a mover that does each operation at its first poll, on the polling thread.
 *
 * Supports all operations of vdm.h, VDM_F_NO_CACHE_HINT, and VDM_F_MEM_DURABLE where the CPU can flush its caches.
 * It holds at most 65,536 operations of one thread that are made and not complete (V.4; with more than 16 threads some
 * share). One mover may serve any number of threads at once.
 */
#ifndef HASHLOOM_DATA_MOVER_SYNC_H
#define HASHLOOM_DATA_MOVER_SYNC_H

#include <hashloom/base.h>

#include <hashloom/vdm.h>

HL_BEGIN_DECLS

struct data_mover_sync;

/*
 * data_mover_sync_new: makes the mover.
 * Returns:  the mover, or NULL when there is no memory.
 * Threads:  any.  Progress: that of malloc.  Order: none.  Memory: one block.  Cost: an allocation.
 * Lifetime: until data_mover_sync_delete().
 */
HASHLOOM_API struct data_mover_sync *data_mover_sync_new(void);

/*
 * data_mover_sync_get_vdm: the mover as vdm.h wants it.
 * mover:    of data_mover_sync_new().
 * Returns:  its struct vdm, never NULL.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the mover's.
 */
HASHLOOM_API struct vdm *data_mover_sync_get_vdm(struct data_mover_sync *mover);

/*
 * data_mover_sync_delete: frees the mover.
 * mover:    of data_mover_sync_new(), or NULL; futures of it that are not complete must not be polled any more.
 * Returns:  nothing.
 * Threads:  exclusive.  Progress: that of free.  Order: none.  Memory: frees.  Cost: a free.  Lifetime: ends.
 */
HASHLOOM_API void data_mover_sync_delete(struct data_mover_sync *mover);

HL_END_DECLS

#endif
