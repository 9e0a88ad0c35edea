/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* libminiasync/runtime.h: for programs written for libminiasync; see hashloom/runtime.h. */
#ifndef LIBMINIASYNC_RUNTIME
#define LIBMINIASYNC_RUNTIME

#include <hashloom/runtime.h>

#endif
