/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * maps.h: what maps.c asks of an implementation (maps/NAME.c or .cpp, through map_workloads.h): loops, each a whole
 * measurement, so that a call through a pointer is paid once for many thousand operations.
 *
 * To add one: write maps/NAME.c, name it in maps.c, and in CMakeLists.txt if it needs a library.
 */
#ifndef BENCH_MAPS_H
#define BENCH_MAPS_H

#include <stddef.h>
#include <stdint.h>

#define MAP_BATCH 64

enum map_operation { MAP_FIND, MAP_INSERT, MAP_ERASE };

/* Buckets of times, an eighth of a power of two wide. */
#define MAP_TIMES 512

struct map_work {
	const uint64_t *keys;
	const uint64_t *values;	   /* for inserts: one for each key */
	const uint8_t *operations; /* for mixed: enum map_operation, one for each key */
	size_t count;
	uint64_t end_ns;   /* no operation begins (much) later than that, of CLOCK_MONOTONIC */
	uint32_t *times;   /* for timed inserts: how many took a time of that bucket */
	uint64_t *time_max; /* likewise, ns */
};

/* Returns how many operations succeeded (found, inserted, erased); NULL where the map has no such thing. */
typedef size_t (*map_loop)(void *map, const struct map_work *work);

enum map_trait {
	MAP_GROWS = 1,	      /* takes more entries than it was made for */
	MAP_SHARED_READS = 2, /* several threads may find */
	MAP_SHARED = 4,	      /* several threads may do anything */
	MAP_REUSES = 8,	      /* inserts and erases can go on without end */
	MAP_BRIEF = 16,	      /* a variant: one thread, and not grown */
	MAP_LIMIT = 32	      /* no map: finds find everything */
};

struct map_bench {
	const char *name;
	unsigned traits;
	void *(*create)(size_t entries_max);
	void (*destroy)(void *map);
	size_t (*bytes)(const void *map); /* NULL: what malloc and mmap gave in the meantime */
	void (*thread_enter)(void);	  /* of each thread that uses the map, or NULL */
	void (*thread_leave)(void);
	map_loop insert;
	map_loop insert_timed;
	map_loop insert_batch;
	map_loop find;
	map_loop find_dependent; /* keys[0] only; each value found is the next key */
	map_loop find_near;	 /* likewise, in the mode for that */
	map_loop find_batch;
	map_loop erase;
	map_loop erase_batch;
	map_loop mixed;
	map_loop iterate;
	void *(*create_growing)(size_t entries_max); /* NULL: create */
};

#ifdef __cplusplus
#define MAP_BENCH extern "C" const struct map_bench
#else
#define MAP_BENCH const struct map_bench
#endif

#endif
