/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fronts.h: all maps of the library behind one set of functions, which speak the language of history.h. An item is a 64-bit number.
 */
#ifndef HASHLOOM_PROVE_FRONTS_H
#define HASHLOOM_PROVE_FRONTS_H

#include "history.h"

#include <hashloom/atomic_hash_array_core.h>

/* What a value that is not whole is read as; nobody writes this item. */
#define FRONT_TORN HISTORY_ITEM_MAX

enum front_kind { FRONT_TYPED, FRONT_ERASED, FRONT_ARRAY, FRONT_ASYNC, FRONT_KINDS };

struct front_shape {
	enum hashloom_reuse reuse;
	int is_fixed;
	unsigned entries_max;
	unsigned load_permille;
	/* Of the erased map and the array only. */
	int is_quadratic;
	int has_locks;
	int is_wide;	  /* values of 16 bytes */
	int has_one_hash; /* all keys have the same */
	/* Of the asynchronous map only. */
	int has_threads_mover;
};

struct front_call {
	enum history_kind kind;
	unsigned variant; /* which of the functions that do the same */
	uint64_t key;
	uint64_t argument;
	uint64_t expected;
	uint64_t item; /* written */
};

typedef void (*front_visit_fn)(void *argument, uint64_t key, uint64_t item);

/* The asynchronous map inserts, erases and finds; the others do all. */
struct front {
	void *(*create)(const struct front_shape *shape); /* NULL: no memory */
	void (*destroy)(void *map);
	enum history_outcome (*call)(void *map, struct front_call *call);
	void (*iterate)(void *map, front_visit_fn visit, void *argument);
	size_t (*size)(void *map);
	size_t (*capacity)(void *map);
};

/* The movers of the asynchronous maps; 1, or 0: no memory. */
int fronts_begin(void);
void fronts_end(void);

const struct front *front_of(enum front_kind kind, const struct front_shape *shape);

#endif
