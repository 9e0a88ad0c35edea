/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * map_program.h: scenarios (schedule.h) of arrays and maps, written as tables.
 *
 * A program is what two or three tasks do to a map that is nearly full, so that they meet at few cells:
 *
 *     { .name = "insert-erase", .shows = "A.1", .reuses = ALL, .before = { { FILL, 12 } },
 *       .tasks = { { { INSERT, A }, { FIND, A } }, { { ERASE, A } } } },
 *
 * Each policy of `reuses` is a scenario, "insert-erase.never" and so on. What is required of each schedule:
 *
 *   - What the operations were told, values too, is linearizable for each key (linearizability.h), with what is found in the end. Under weak memory
 *     two tasks are only ordered by the map itself; what a task does, and setup and check, remain in their order.
 *   - Values are whole and the key's, also those that are read through addresses where that is allowed (A.2, A.4, A.6).
 *   - With never and same_key an id is one key's for ever, and with same_key and for reserved keys a key has one id (A.4, A.5, D.1).
 *   - Entries that nobody erases are found by all, given once by each iteration (A.3, A.7), and have their values in the end.
 *   - In the end no key is there twice, size, cells, lines and counts agree (atomic_hash_map_check()), each value that was made was given up
 *     once (DESTROY), all memory is free, and after lack of memory another insert succeeds (B.1).
 */
#ifndef HASHLOOM_PROVE_MAP_PROGRAM_H
#define HASHLOOM_PROVE_MAP_PROGRAM_H

#include "schedule.h"

#define MAP_PROGRAM_STEPS 5 /* of a task */
#define MAP_PROGRAM_TASKS 3

/* Keys of the programs. SIDE is the default locked key, which lies in a cell of its own; the keys that FILL inserts are others. */
enum map_program_key { A, B, C, SIDE, MAP_PROGRAM_KEYS };

enum map_program_what {
	NOTHING,
	INSERT,
	EMPLACE,       /* with a callback that takes its time, */
	EMPLACE_FAILS, /* and fails */
	ERASE,
	TAKE,
	FIND,
	FIND_NEAR,
	LOAD,
	STORE,
	EXCHANGE,
	COMPARE_EXCHANGE, /* with what the task saw last */
	FETCH_ADD,
	UPSERT,
	LOCK,  /* adds under the lock of the cell */
	BY_ID, /* the key's id, and what is found by it */
	INSERT_BATCH, /* A and B, as the other batches */
	FIND_BATCH,
	ERASE_BATCH,
	UPSERT_BATCH,
	FIND_ALL, /* the keys of FILL */
	WALK,	  /* in two ranges */
	SWEEP,	  /* retain, that keeps the keys of FILL only */
	SIZE,
	RELEASE, /* what was retired, when nobody reads */
	FILL,	 /* as many keys as `key` says; in `before` only, once */
	MAP_PROGRAM_WHATS
};

struct map_program_step {
	enum map_program_what what;
	unsigned key;
};

enum map_program_reuses { NEVER = 1, ANY = 2, SAME = 4, ALL = NEVER | ANY | SAME };

enum map_program_flag {
	LOCKS = 1,	  /* has_locks */
	WIDE = 2,	  /* values of three words */
	DESTROY = 4,	  /* destroy_value counts */
	RETIRE = 8,	  /* cells are retired, and readers keep addresses for a while */
	ARRAY = 16,	  /* an atomic_hash_array */
	TWO_GROUPS = 32,  /* 30 cells, not 15 */
	QUADRATIC = 64,
	SPREAD = 128,	  /* the library's hash; otherwise all keys have hash 0 */
	TAGS = 256,	  /* one home, but tags that differ */
	FAIL_ONCE = 512,  /* the next allocation fails, when the tasks begin */
	FAIL_ALWAYS = 1024,
	KEYS_32 = 2048,	  /* key_size 4 */
	THREE_GROUPS = 8192,
	HOMES = 16384,	  /* B's home is in the middle of the cells, those of the others are the first group; but C has a lock of its own in a map */
	NEWS = 32768,	  /* whoever sees a value sees what was written before it was stored */
	OWN_KEYS = 4096,  /* empty, locked and erased key are others, so that 0 and -1 are ordinary: C is -1, A is 0 */
};

struct map_program {
	const char *name;
	const char *shows;
	const char *pitfalls;
	unsigned reuses;
	unsigned flags;
	unsigned load_permille; /* 0: 1000 */
	unsigned bound;		/* 0: 3 with two tasks, 2 with three */
	unsigned bound_weak;	/* 0: 1 */
	struct map_program_step before[MAP_PROGRAM_STEPS]; /* ends with NOTHING; what the main task does in setup */
	struct map_program_step tasks[MAP_PROGRAM_TASKS][MAP_PROGRAM_STEPS];
	void (*choose)(struct map_program *program, enum map_program_reuses reuse); /* writes another program for each schedule; NULL: this one */
};

/* schedule_main() with the scenarios of these programs. */
int map_programs_main(int argc, char **argv, const struct map_program *programs, size_t count);

#endif
