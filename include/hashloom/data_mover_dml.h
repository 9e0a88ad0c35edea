/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_dml.h: the mover that libminiasync-vdm-dml offered over Intel's Data Mover Library.
 *
 * The software path does each operation at its first poll with the CPU, as data_mover_sync.h does. The hardware path is
 * data_mover_dsa.h, whose contract holds then. AUTO is the hardware where there is one, and data_mover_threads_default() where
 * there is none.
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
 * Returns:  the mover, or NULL and errno: EINVAL: a number that is no type; ENOMEM: no memory; with HARDWARE: ENODEV and what else
 *           data_mover_dsa_new() says; with AUTO what data_mover_threads_default() says.
 * Threads:  any.  Progress, Memory, Cost: those of data_mover_sync_new(), data_mover_dsa_new() or data_mover_threads_default(), and
 *           one block.
 * Order:    none.  Lifetime: until data_mover_dml_delete().
 */
HASHLOOM_API struct data_mover_dml *data_mover_dml_new(enum data_mover_dml_type type);

/* data_mover_dml_get_vdm, data_mover_dml_delete: as data_mover_dsa_get_vdm() and data_mover_dsa_delete(). */
HASHLOOM_API struct vdm *data_mover_dml_get_vdm(struct data_mover_dml *mover);
HASHLOOM_API void data_mover_dml_delete(struct data_mover_dml *mover);

HL_END_DECLS

#endif
