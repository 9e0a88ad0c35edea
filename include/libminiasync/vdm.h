/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* libminiasync/vdm.h: for programs written for libminiasync; see hashloom/vdm.h. */
#ifndef LIBMINIASYNC_VDM
#define LIBMINIASYNC_VDM

#include <hashloom/vdm.h>

#endif
