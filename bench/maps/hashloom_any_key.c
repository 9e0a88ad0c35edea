/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* hashloom_any_key.c: ours, with cells that any key may get again. */
#define TYPED_REUSE HASHLOOM_REUSE_ANY_KEY
#define TYPED_BENCH map_bench_hashloom_any_key
#define TYPED_NAME "hashloom any_key"
#define TYPED_TRAITS MAP_REUSES
#include "hashloom_typed.c"
