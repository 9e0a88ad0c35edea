/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* libminiasync.h: everything that programs written for libminiasync include. */
#ifndef LIBMINIASYNC_H
#define LIBMINIASYNC_H

#include <hashloom/future.h>
#include <hashloom/runtime.h>
#include <hashloom/vdm.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>

#endif
