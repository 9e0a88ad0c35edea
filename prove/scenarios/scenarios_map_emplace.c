/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_emplace.c: inserts that take their time, and may fail, beside others of the same key, and of others that come to the cell.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "emplace-insert", .shows = "A.1 A.2", .pitfalls = "8", .bound = 4, .reuses = ALL, .flags = DESTROY,
	  .before = { { FILL, 12 } },
	  .tasks = { { { EMPLACE, A } }, { { INSERT, A }, { LOAD, A } } } },
	{ .name = "emplace-insert-find", .shows = "A.1 A.2 A.7", .bound = 4, .reuses = ALL, .flags = WIDE,
	  .before = { { FILL, 12 } },
	  .tasks = { { { EMPLACE, A } }, { { FIND, A }, { BY_ID, A }, { WALK, A } } } },
	{ .name = "two-emplaces-erase", .shows = "A.1 A.2", .bound = 3, .reuses = ALL,
	  .before = { { FILL, 12 } },
	  .tasks = { { { EMPLACE, A } }, { { EMPLACE, A } }, { { ERASE, A }, { LOAD, A } } } },
	{ .name = "emplace-fails-insert", .shows = "A.1 B.1", .pitfalls = "8", .bound = 4, .reuses = ALL, .flags = DESTROY,
	  .before = { { FILL, 12 } },
	  .tasks = { { { EMPLACE_FAILS, A } }, { { INSERT, A }, { LOAD, A } } } },
	{ .name = "emplace-fails-find", .shows = "A.1 B.1", .pitfalls = "8", .bound = 3, .reuses = ALL, .flags = WIDE,
	  .before = { { FILL, 12 } },
	  .tasks = { { { EMPLACE_FAILS, A } }, { { FIND, A }, { ERASE, A } }, { { INSERT, A } } } },
	{ .name = "emplace-where-it-was", .shows = "A.1 A.5", .pitfalls = "8 10", .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, A }, { ERASE, A }, { FILL, 12 } },
	  .tasks = { { { EMPLACE, A } }, { { INSERT, A }, { ERASE, A }, { INSERT, A } } } },
	{ .name = "emplace-fails-where-it-was", .shows = "A.1 A.5", .pitfalls = "8 10", .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, A }, { ERASE, A }, { FILL, 12 } },
	  .tasks = { { { EMPLACE_FAILS, A } }, { { INSERT, A }, { ERASE, A }, { INSERT, A } } } },
	{ .name = "emplace-fails-where-it-was-find", .shows = "A.1 A.5", .pitfalls = "8 10", .bound = 5, .reuses = ALL,
	  .before = { { INSERT, A }, { ERASE, A }, { FILL, 12 } },
	  .tasks = { { { EMPLACE_FAILS, A } }, { { FIND, A }, { FIND_BATCH, A }, { BY_ID, A }, { FIND, A } } } },
	{ .name = "emplace-erase-emplace", .shows = "A.1 A.5", .pitfalls = "8 10", .bound = 4, .reuses = ALL,
	  .before = { { INSERT, A }, { ERASE, A }, { FILL, 12 } },
	  .tasks = { { { EMPLACE, A } }, { { ERASE, A }, { FIND, A } }, { { FIND, A }, { BY_ID, A } } } },
	{ .name = "emplace-fails-in-the-last-cell", .shows = "A.1 B.1", .pitfalls = "8", .reuses = ALL,
	  .before = { { FILL, 14 } },
	  .tasks = { { { EMPLACE_FAILS, A } }, { { INSERT, B }, { INSERT, A } } } },
	{ .name = "emplace-beside-the-same-tag", .shows = "A.1", .pitfalls = "8", .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { EMPLACE, B } }, { { EMPLACE_FAILS, C } }, { { INSERT, B } } } },
	{ .name = "emplace-fails-behind-a-full-group", .shows = "A.1 A.2", .pitfalls = "8 12", .bound = 4, .reuses = ALL, .flags = TWO_GROUPS,
	  .before = { { FILL, 15 }, { INSERT, B } },
	  .tasks = { { { EMPLACE_FAILS, A } }, { { FIND, B }, { INSERT, A } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
