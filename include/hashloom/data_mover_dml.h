/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_dml.h: the mover that libminiasync-vdm-dml offered over Intel's Data Mover Library.
 *
 * The software path does each operation at its first poll with the CPU, as data_mover_sync.h does. There is no
 * hardware path: asking for it gives NULL, and AUTO takes the software path.
 */
#ifndef HASHLOOM_DATA_MOVER_DML_H
#define HASHLOOM_DATA_MOVER_DML_H

#include <hashloom/base.h>

#include <hashloom/vdm.h>

HL_BEGIN_DECLS

struct data_mover_dml;

enum data_mover_dml_type {
	DATA_MOVER_DML_SOFTWARE,
	DATA_MOVER_DML_HARDWARE,
	DATA_MOVER_DML_AUTO,
};

/*
 * data_mover_dml_new: makes the mover.
 * type:     which path.
 * Returns:  the mover, or NULL: no such path here (errno ENOTSUP; EINVAL for a number that is no type), or no memory (ENOMEM).
 * Threads:  any.  Progress: that of malloc.  Order: none.  Memory: one block.  Cost: an allocation.
 * Lifetime: until data_mover_dml_delete().
 */
HASHLOOM_API struct data_mover_dml *data_mover_dml_new(enum data_mover_dml_type type);

/* data_mover_dml_get_vdm, data_mover_dml_delete: as data_mover_sync_get_vdm() and data_mover_sync_delete(). */
HASHLOOM_API struct vdm *data_mover_dml_get_vdm(struct data_mover_dml *mover);
HASHLOOM_API void data_mover_dml_delete(struct data_mover_dml *mover);

HL_END_DECLS

#endif
