/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * hashloom.h: which map of ours is measured.
 *
 * BENCH_STAND_IN: not the atomic hash map, but the atomic hash array of fixed size, without growth, batches and find_near.
 */
#ifndef BENCH_MAPS_HASHLOOM_H
#define BENCH_MAPS_HASHLOOM_H

#ifndef BENCH_STAND_IN
#ifdef __has_include
#if !__has_include(<hashloom/atomic_hash_map.h>)
#define BENCH_STAND_IN 1
#endif
#endif
#endif

#ifdef BENCH_STAND_IN
#define MAP_OURS_TRAITS (MAP_SHARED_READS | MAP_SHARED)
#else
#define MAP_OURS_TRAITS (MAP_SHARED_READS | MAP_SHARED | MAP_GROWS)
#define MAP_FIND_NEAR
#define MAP_FIND_BATCH
#define MAP_INSERT_BATCH
#define MAP_ERASE_BATCH
#endif

#endif
