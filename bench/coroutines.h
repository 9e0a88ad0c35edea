/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* coroutines.h: C++20 coroutines on a ring queue, for bench/executor.c. */
#ifndef COROUTINES_H
#define COROUTINES_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* n coroutines that each suspend so often, resumed from a ring in turn, and all that again so many times. Nanoseconds of the resumes. */
double coroutines_resume(size_t n, unsigned suspends, size_t runs);

#ifdef __cplusplus
}
#endif

#endif
