/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_dml.c: the synchronous mover and the one over the hardware under the name that DML programs use.
 */
#include <hashloom/data_mover_dml.h>

#include <errno.h>
#include <stdlib.h>

#include <hashloom/data_mover_dsa.h>

struct data_mover_dml {
	struct vdm *vdm;
	struct data_mover_dsa *dsa; /* NULL: vdm is the synchronous mover */
};

/* Fills in the mover. Returns 0, or an errno. */
static int open_type(struct data_mover_dml *mover, enum data_mover_dml_type type)
{
	struct data_mover_dsa_cfg cfg = data_mover_dsa_cfg_default();

	if (type == DATA_MOVER_DML_SOFTWARE) {
		mover->vdm = vdm_synchronous_new();
		return mover->vdm == NULL ? ENOMEM : 0;
	}
	cfg.type = type == DATA_MOVER_DML_HARDWARE ? DATA_MOVER_DSA_HARDWARE : DATA_MOVER_DSA_AUTO;
	mover->dsa = data_mover_dsa_new(&cfg);
	if (mover->dsa == NULL)
		return errno;
	mover->vdm = data_mover_dsa_get_vdm(mover->dsa);
	return 0;
}

struct data_mover_dml *data_mover_dml_new(enum data_mover_dml_type type)
{
	if ((unsigned)type > DATA_MOVER_DML_AUTO) {
		errno = EINVAL;
		return NULL;
	}
	struct data_mover_dml *const mover = calloc(1, sizeof(*mover));
	const int error = mover == NULL ? ENOMEM : open_type(mover, type);
	if (error != 0) {
		free(mover);
		errno = error;
		return NULL;
	}
	return mover;
}

struct vdm *data_mover_dml_get_vdm(struct data_mover_dml *mover)
{
	return mover->vdm;
}

void data_mover_dml_delete(struct data_mover_dml *mover)
{
	if (mover == NULL)
		return;
	if (mover->dsa != NULL)
		data_mover_dsa_delete(mover->dsa);
	else
		vdm_synchronous_delete(mover->vdm);
	free(mover);
}
