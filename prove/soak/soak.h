/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * soak.h: what soak.c and its parts know of each other. A part is a kind of map, or several, with what the workers know of it.
 */
#ifndef HASHLOOM_PROVE_SOAK_H
#define HASHLOOM_PROVE_SOAK_H

#include <hashloom/alloc.h>

#include <stddef.h>
#include <stdint.h>

#define SOAK_THREADS_MAX 256

/* Calls of the library, as the report counts them. */
#define SOAK_KINDS_OF(X)             \
	X(SOAK_FIND, "find")         \
	X(SOAK_LOAD, "load")         \
	X(SOAK_INSERT, "insert")     \
	X(SOAK_ERASE, "erase")       \
	X(SOAK_UPDATE, "update")     \
	X(SOAK_WALK, "walk")         \
	X(SOAK_ADD, "string add")    \
	X(SOAK_COUNT, "string count") \
	X(SOAK_SEARCH, "string find") \
	X(SOAK_PUT, "future put")    \
	X(SOAK_GET, "future get")    \
	X(SOAK_REMOVE, "future remove")

enum soak_kind {
#define SOAK_ENUM(kind, text) kind,
	SOAK_KINDS_OF(SOAK_ENUM)
#undef SOAK_ENUM
		SOAK_KINDS
};

struct soak_worker {
	unsigned thread;
	uint64_t random;
	uint64_t counts[SOAK_KINDS];
	uint64_t hits;
};

/* Functions that can fail say so by soak_fail(). */
struct soak_part {
	void (*begin)(void);			   /* once, alone, as are end, renew and check */
	void (*end)(void);
	void (*renew)(void);			   /* before each round: what does not live for the whole run is made anew */
	void (*enter)(struct soak_worker *worker); /* each worker at the beginning of a round */
	void (*work)(struct soak_worker *worker);  /* some calls; all workers at once */
	void (*check_own)(struct soak_worker *worker); /* each worker after a round, when nobody writes */
	void (*check)(void);			       /* after that */
};

extern const struct soak_part soak_tables;
extern const struct soak_part soak_strings;
extern const struct soak_part soak_futures;

extern unsigned soak_threads;
extern const struct hashloom_allocator soak_allocator; /* counts what is in use */

/* Says the first thing that is wrong; the run ends with FAIL. */
void soak_fail(const char *what, uint64_t key);
int soak_has_failed(void);
void *soak_zeroed(size_t count, size_t size);

static inline uint64_t soak_random(struct soak_worker *worker)
{
	uint64_t z = worker->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A number below `limit` from the upper bits of a random one. */
static inline uint64_t soak_below(uint64_t random, uint64_t limit)
{
	return (random >> 32) * limit >> 32;
}

#endif
