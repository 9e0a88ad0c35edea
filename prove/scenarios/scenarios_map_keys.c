/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_keys.c: keys that have a cell of their own, and such that look as if they had.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "side-cell", .shows = "A.1 A.5 C.1 D.1", .pitfalls = "14", .reuses = ALL,
	  .before = { { FILL, 12 } },
	  .tasks = { { { INSERT, SIDE }, { ERASE, SIDE } }, { { INSERT, SIDE }, { LOAD, SIDE } }, { { TAKE, SIDE } } } },
	{ .name = "side-cell-again", .shows = "A.1 A.5 C.1 D.1", .pitfalls = "8 14", .bound = 3, .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, SIDE }, { ERASE, SIDE } },
	  .tasks = { { { EMPLACE, SIDE } }, { { INSERT, SIDE }, { FETCH_ADD, SIDE } }, { { ERASE, SIDE } } } },
	{ .name = "side-cell-emplace-fails", .shows = "A.1 D.1", .pitfalls = "8 14", .bound = 4, .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, SIDE }, { ERASE, SIDE } },
	  .tasks = { { { EMPLACE_FAILS, SIDE } }, { { UPSERT, SIDE }, { TAKE, SIDE } } } },
	{ .name = "side-cell-in-an-own-place", .shows = "A.1 D.1", .pitfalls = "14", .reuses = ALL, .flags = OWN_KEYS | WIDE,
	  .before = { { INSERT, SIDE }, { INSERT, C }, { FILL, 12 } },
	  .tasks = { { { ERASE, SIDE }, { INSERT, A } }, { { INSERT, A }, { INSERT, SIDE } }, { { ERASE, C } } } },
	{ .name = "keys-of-32-bits", .shows = "A.1 A.2 D.1", .pitfalls = "14", .reuses = ALL, .flags = KEYS_32 | OWN_KEYS,
	  .before = { { INSERT, C }, { FILL, 12 } },
	  .tasks = { { { INSERT, A }, { ERASE, C } }, { { INSERT, A }, { INSERT, SIDE }, { FIND, C } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
