/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* libminiasync/future.h: for programs written for libminiasync; see hashloom/future.h. */
#ifndef LIBMINIASYNC_FUTURE
#define LIBMINIASYNC_FUTURE

#include <hashloom/future.h>

#endif
