/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_array.c: arrays, which are full sooner or later, and stay so with reuse never.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "array-insert-insert-erase", .shows = "A.1 A.2 A.3", .pitfalls = "1 9", .bound = 3, .reuses = ALL, .flags = ARRAY | WIDE,
	  .before = { { FILL, 13 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, A } }, { { ERASE, A }, { FIND, A } } } },
	{ .name = "array-last-cell", .shows = "A.1 A.6", .pitfalls = "1 4", .reuses = ALL, .flags = ARRAY,
	  .before = { { FILL, 14 } },
	  .tasks = { { { INSERT, A }, { INSERT, B } }, { { INSERT, B }, { INSERT, A } } } },
	{ .name = "array-last-cell-of-three", .shows = "A.1 A.6", .pitfalls = "1 4", .reuses = ALL, .flags = ARRAY,
	  .before = { { FILL, 14 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, B } }, { { INSERT, A }, { FIND, A } } } },
	{ .name = "array-full", .shows = "A.1 A.6", .pitfalls = "4 12", .bound = 3, .reuses = ALL, .flags = ARRAY | TWO_GROUPS,
	  .before = { { INSERT, C }, { FILL, 29 } },
	  .tasks = { { { INSERT, A }, { FIND_ALL, A } }, { { INSERT, B }, { ERASE, C } } } },
	{ .name = "array-full-erase-insert", .shows = "A.1 A.5 A.6", .pitfalls = "1 4 12 15", .reuses = ALL, .flags = ARRAY,
	  .before = { { INSERT, C }, { FILL, 14 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, A } }, { { ERASE, C } } } },
	{ .name = "array-room-in-front", .shows = "A.1 A.2", .pitfalls = "1 9", .reuses = ALL, .flags = ARRAY | TWO_GROUPS,
	  .before = { { INSERT, C }, { FILL, 28 } },
	  .tasks = { { { INSERT, A } }, { { ERASE, C }, { INSERT, A } }, { { FIND, A } } } },
	{ .name = "array-home-locks", .shows = "A.1 A.2", .pitfalls = "1 9", .reuses = ANY | SAME, .flags = ARRAY | TWO_GROUPS | SPREAD,
	  .before = { { INSERT, A }, { FILL, 27 } },
	  .tasks = { { { INSERT, A }, { ERASE, A } }, { { ERASE, A }, { INSERT, B } } } },
	{ .name = "array-overflow", .shows = "A.2 A.3", .pitfalls = "9 12", .reuses = ALL, .flags = ARRAY | TWO_GROUPS,
	  .before = { { FILL, 15 }, { INSERT, B } },
	  .tasks = { { { INSERT, A }, { ERASE, A } }, { { FIND, B }, { ERASE, B }, { FIND, A } } } },
	{ .name = "array-counts-of-two-homes", .shows = "A.1 A.2", .pitfalls = "1 9 12", .reuses = ALL, .flags = ARRAY | THREE_GROUPS | HOMES,
	  .before = { { FILL, 30 } },
	  .tasks = { { { INSERT, A }, { ERASE, A } }, { { INSERT, B }, { ERASE, B } } } },
	{ .name = "array-abort", .shows = "A.1 A.6", .pitfalls = "8 12", .bound = 4, .reuses = ALL, .flags = ARRAY,
	  .before = { { FILL, 14 } },
	  .tasks = { { { EMPLACE_FAILS, A } }, { { INSERT, B }, { INSERT, A } } } },
	{ .name = "array-walk", .shows = "A.7", .pitfalls = "6", .reuses = ALL, .flags = ARRAY,
	  .before = { { INSERT, A }, { FILL, 12 } },
	  .tasks = { { { WALK, A } }, { { ERASE, A }, { INSERT, B }, { INSERT, A } } } },
	{ .name = "array-size", .shows = "size", .pitfalls = "5", .bound = 6, .reuses = ALL, .flags = ARRAY,
	  .before = { { INSERT, A } },
	  .tasks = { { { SIZE, A } }, { { ERASE, A }, { INSERT, A } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
