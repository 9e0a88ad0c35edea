/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_hash_array_typed.h: an atomic hash array with a value type of the user's, as static functions.
 *
 * Include it once for each array, with the parameters defined before; it undefines them:
 *
 *     #define ATOMIC_HASH_ARRAY_NAME  scores           the struct's name and the functions' prefix
 *     #define ATOMIC_HASH_ARRAY_VALUE uint64_t         the value's type, assignable, 1 byte to 1 GiB
 *     #define ATOMIC_HASH_ARRAY_HASH  my_hash          optional: uint64_t my_hash(uint64_t key)
 *     #define ATOMIC_HASH_ARRAY_REUSE HASHLOOM_REUSE_ANY_KEY   optional; the default is HASHLOOM_REUSE_NEVER
 *     #include <hashloom/atomic_hash_array_typed.h>    (examples/atomic_ids.c)
 *
 * It is an atomic_hash_map_typed.h that does not grow; functions and further parameters (keys of 32 bits, locks, lookups) stand there.
 *
 * There is no include guard: each inclusion makes another array.
 */
#include <hashloom/base.h>

#ifndef ATOMIC_HASH_ARRAY_NAME
#error "define ATOMIC_HASH_ARRAY_NAME, the array's name, before including atomic_hash_array_typed.h"
#endif
#ifndef ATOMIC_HASH_ARRAY_VALUE
#error "define ATOMIC_HASH_ARRAY_VALUE, the type of the values, before including atomic_hash_array_typed.h"
#endif

#define ATOMIC_HASH_MAP_NAME ATOMIC_HASH_ARRAY_NAME
#define ATOMIC_HASH_MAP_VALUE ATOMIC_HASH_ARRAY_VALUE
#define ATOMIC_HASH_MAP_FIXED 1
#ifdef ATOMIC_HASH_ARRAY_HASH
#define ATOMIC_HASH_MAP_HASH ATOMIC_HASH_ARRAY_HASH
#endif
#ifdef ATOMIC_HASH_ARRAY_REUSE
#define ATOMIC_HASH_MAP_REUSE ATOMIC_HASH_ARRAY_REUSE
#endif
#include <hashloom/atomic_hash_map_typed.h>

#undef ATOMIC_HASH_ARRAY_NAME
#undef ATOMIC_HASH_ARRAY_VALUE
#undef ATOMIC_HASH_ARRAY_HASH
#undef ATOMIC_HASH_ARRAY_REUSE
