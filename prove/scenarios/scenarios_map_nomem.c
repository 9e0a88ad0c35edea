/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_nomem.c: there is no memory for the slab that is due: one is told, others go on, later inserts succeed.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "no-memory", .shows = "A.1 B.1", .pitfalls = "3", .reuses = ALL, .flags = FAIL_ALWAYS,
	  .before = { { FILL, 14 } },
	  .tasks = { { { INSERT, A }, { INSERT, B } }, { { INSERT, B }, { ERASE, A } } } },
	{ .name = "no-memory-at-first", .shows = "A.1 B.1", .pitfalls = "3", .reuses = ALL, .flags = FAIL_ONCE,
	  .before = { { FILL, 14 } },
	  .tasks = { { { INSERT, A }, { INSERT, B } }, { { INSERT, B }, { INSERT, A } } } },
	{ .name = "no-memory-no-cell", .shows = "A.1 B.1", .pitfalls = "3", .reuses = ALL, .flags = FAIL_ALWAYS | DESTROY,
	  .before = { { FILL, 15 } },
	  .tasks = { { { INSERT, A }, { FIND_ALL, A } }, { { UPSERT, B }, { INSERT, A } } } },
	{ .name = "no-memory-at-first-no-cell", .shows = "A.1 B.1", .pitfalls = "3", .reuses = ALL, .flags = FAIL_ONCE,
	  .before = { { FILL, 15 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, B } }, { { INSERT, A } } } },
	{ .name = "no-memory-emplace", .shows = "A.1 B.1", .pitfalls = "3 8", .reuses = ALL, .flags = FAIL_ALWAYS | DESTROY, .load_permille = 933,
	  .before = { { FILL, 14 } },
	  .tasks = { { { EMPLACE, A } }, { { UPSERT, A }, { FIND, A } } } },
	{ .name = "no-memory-load", .shows = "A.5 B.1 C.1", .pitfalls = "3", .reuses = ALL, .flags = FAIL_ONCE | DESTROY, .load_permille = 933,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { INSERT, A }, { INSERT, A } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
