/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* libminiasync/data_mover_sync.h: for programs written for libminiasync; see hashloom/data_mover_sync.h. */
#ifndef LIBMINIASYNC_DATA_MOVER_SYNC
#define LIBMINIASYNC_DATA_MOVER_SYNC

#include <hashloom/data_mover_sync.h>

#endif
