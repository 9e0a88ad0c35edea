/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* libminiasync/data_mover_threads.h: for programs written for libminiasync; see hashloom/data_mover_threads.h. */
#ifndef LIBMINIASYNC_DATA_MOVER_THREADS
#define LIBMINIASYNC_DATA_MOVER_THREADS

#include <hashloom/data_mover_threads.h>

#endif
