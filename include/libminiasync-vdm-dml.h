/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* libminiasync-vdm-dml.h: for programs written for libminiasync-vdm-dml; see hashloom/data_mover_dml.h. */
#ifndef LIBMINIASYNC_VDM_DML_H
#define LIBMINIASYNC_VDM_DML_H

#include <hashloom/data_mover_dml.h>

#endif
