/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_random.c: three tasks with a few random operations, in a map or an array of random properties that is nearly full.
 * Each schedule is of another program.
 */
#include "map_program.h"

static unsigned choose(unsigned n)
{
	return schedule_choose(n);
}

static unsigned choose_flags(enum map_program_reuses reuse)
{
	unsigned flags = choose(2) == 0 ? TWO_GROUPS : 0;

	flags |= choose(4) == 0 ? WIDE : 0;
	flags |= choose(2) == 0 ? SPREAD : choose(3) == 0 ? TAGS : 0;
	if (choose(4) == 0)
		return flags | ARRAY;
	flags |= choose(3) == 0 ? LOCKS : 0;
	flags |= choose(2) == 0 ? DESTROY : 0;
	flags |= choose(4) == 0 ? QUADRATIC : 0;
	flags |= choose(8) == 0 ? OWN_KEYS : 0;
	flags |= choose(8) == 0 ? KEYS_32 : 0;
	flags |= choose(3) != 0 ? 0 : choose(2) == 0 ? FAIL_ONCE : FAIL_ALWAYS;
	return flags | (reuse == ANY && choose(4) == 0 ? RETIRE : 0);
}

static int is_possible(unsigned flags, enum map_program_what what)
{
	switch (what) {
	case FETCH_ADD:
		return (flags & WIDE) == 0;
	case STORE:
	case EXCHANGE:
	case COMPARE_EXCHANGE:
	case UPSERT:
	case UPSERT_BATCH:
		return (flags & (LOCKS | WIDE)) != WIDE;
	case LOCK:
		return (flags & LOCKS) != 0;
	case RELEASE:
		return (flags & RETIRE) != 0;
	case SWEEP:
		return (flags & RETIRE) == 0;
	default:
		return 1;
	}
}

static struct map_program_step choose_step(unsigned flags, unsigned keys)
{
	static const enum map_program_what whats[] = { INSERT, INSERT, INSERT, EMPLACE, EMPLACE_FAILS, ERASE, ERASE, TAKE, TAKE, FIND,
						       FIND_NEAR, LOAD, LOAD, STORE, EXCHANGE, COMPARE_EXCHANGE, FETCH_ADD, UPSERT,
						       LOCK, BY_ID, INSERT_BATCH, FIND_BATCH, ERASE_BATCH, UPSERT_BATCH, FIND_ALL,
						       WALK, SWEEP, SIZE, RELEASE };
	const enum map_program_what what = whats[choose(sizeof(whats) / sizeof(whats[0]))];
	const unsigned key = keys == 1 ? (choose(4) == 0 ? SIDE : A) : choose(keys);

	return (struct map_program_step){ is_possible(flags, what) ? what : ERASE, key };
}

static void choose_program(struct map_program *program, enum map_program_reuses reuse)
{
	static const unsigned loads[] = { 0, 0, 800, 866, 933 };
	static const unsigned spares[] = { 0, 1, 1, 2, 2, 3, 4, 8 };
	const unsigned flags = choose_flags(reuse);
	const unsigned keys = 1 + choose(MAP_PROGRAM_KEYS);
	unsigned steps = 0;
	unsigned cells = flags & TWO_GROUPS ? 30 : 15;

	program->flags = flags;
	program->load_permille = loads[choose(5)];
	while (choose(2) == 0 && steps < 3) {
		program->before[steps] = (struct map_program_step){ choose(3) == 0 ? ERASE : INSERT, choose(keys) };
		cells -= program->before[steps++].what == INSERT;
	}
	program->before[steps] = (struct map_program_step){ FILL, cells - spares[choose(8)] };
	for (unsigned task = 0; task < MAP_PROGRAM_TASKS; task++) {
		const unsigned count = task < 2 ? 1 + choose(MAP_PROGRAM_STEPS - 1) : choose(MAP_PROGRAM_STEPS);

		for (unsigned i = 0; i < count; i++)
			program->tasks[task][i] = choose_step(flags, keys);
	}
}

static const struct map_program programs[] = {
	{ .name = "random", .shows = "A.1-A.7 B.1 C.1 C.2 D.1", .pitfalls = "1-12 14 15 17 18", .reuses = ALL, .choose = choose_program },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
