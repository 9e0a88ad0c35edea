/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* data_mover_dml.c: the software path is the synchronous mover under the name that DML programs use. */
#include <hashloom/data_mover_dml.h>

#include <errno.h>

/* The same object: struct data_mover_dml is never defined, its address is that of the mover's struct vdm. */
struct data_mover_dml *data_mover_dml_new(enum data_mover_dml_type type)
{
	switch (type) {
	case DATA_MOVER_DML_SOFTWARE:
	case DATA_MOVER_DML_AUTO:
		return (struct data_mover_dml *)vdm_synchronous_new();
	case DATA_MOVER_DML_HARDWARE:
		errno = ENOTSUP;
		return NULL;
	default:
		errno = EINVAL;
		return NULL;
	}
}

struct vdm *data_mover_dml_get_vdm(struct data_mover_dml *mover)
{
	return (struct vdm *)mover;
}

void data_mover_dml_delete(struct data_mover_dml *mover)
{
	vdm_synchronous_delete((struct vdm *)mover);
}
