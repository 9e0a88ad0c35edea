/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_walk.c: iterations, counts and batches beside inserts and erases.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "walk-churn", .shows = "A.7", .pitfalls = "6 11", .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { WALK, A } }, { { ERASE, A }, { INSERT, B }, { INSERT, A } } } },
	{ .name = "walk-two-groups", .shows = "A.7", .pitfalls = "6 11", .reuses = ALL, .flags = TWO_GROUPS | SPREAD | WIDE,
	  .before = { { INSERT, A }, { FILL, 8 } },
	  .tasks = { { { WALK, A } }, { { INSERT, B }, { ERASE, A }, { INSERT, SIDE } } } },
	{ .name = "walk-side-cell", .shows = "A.7 D.1", .pitfalls = "6 14", .bound = 6, .reuses = ALL,
	  .before = { { INSERT, SIDE }, { FILL, 2 } },
	  .tasks = { { { WALK, A } }, { { ERASE, SIDE }, { INSERT, SIDE } } } },
	{ .name = "sweep-churn", .shows = "A.7 C.1", .pitfalls = "11 18", .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { SWEEP, A } }, { { INSERT, B }, { ERASE, A }, { INSERT, A } } } },
	{ .name = "sweep-changes", .shows = "A.7 C.1 D.1", .pitfalls = "18", .reuses = ALL,
	  .before = { { INSERT, A }, { INSERT, SIDE }, { FILL, 8 } },
	  .tasks = { { { SWEEP, A } }, { { FETCH_ADD, A }, { UPSERT, A }, { UPSERT, SIDE } } } },
	{ .name = "sweep-sweep", .shows = "A.7 C.1", .pitfalls = "18", .reuses = ALL, .flags = DESTROY | WIDE,
	  .before = { { INSERT, A }, { INSERT, B }, { FILL, 8 } },
	  .tasks = { { { SWEEP, A } }, { { SWEEP, A }, { INSERT, A } } } },
	{ .name = "size-insert-erase", .shows = "size", .pitfalls = "5", .bound = 6, .reuses = ALL,
	  .before = { { INSERT, A } },
	  .tasks = { { { SIZE, A } }, { { INSERT, B }, { ERASE, B } } } },
	{ .name = "size-erase-of-another", .shows = "size", .pitfalls = "5", .bound = 4, .reuses = ALL,
	  .tasks = { { { SIZE, A } }, { { INSERT, A } }, { { ERASE, A } } } },
	{ .name = "size-many", .shows = "size", .pitfalls = "5", .bound = 6, .reuses = ALL,
	  .tasks = { { { SIZE, A } }, { { INSERT, A }, { ERASE, A }, { INSERT, A }, { ERASE, A } } } },
	{ .name = "insert-batch", .shows = "A.1 A.2", .pitfalls = "1", .reuses = ALL,
	  .before = { { FILL, 12 } },
	  .tasks = { { { INSERT_BATCH, A } }, { { INSERT, B }, { ERASE, A } } } },
	{ .name = "find-batch", .shows = "A.2 A.3", .pitfalls = "6 9", .bound = 4, .reuses = ALL, .flags = TWO_GROUPS | WIDE,
	  .before = { { FILL, 15 }, { INSERT, B } },
	  .tasks = { { { FIND_BATCH, A } }, { { INSERT, A }, { ERASE, B } } } },
	{ .name = "erase-batch", .shows = "A.1 C.1", .pitfalls = "1", .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, A }, { INSERT, B }, { FILL, 11 } },
	  .tasks = { { { ERASE_BATCH, A } }, { { INSERT_BATCH, A } } } },
	{ .name = "by-id", .shows = "A.3 A.4 A.5", .pitfalls = "11", .reuses = ALL, .flags = WIDE,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { BY_ID, A }, { BY_ID, B } }, { { ERASE, A }, { INSERT, B }, { INSERT, A } } } },
	{ .name = "find-all", .shows = "A.2 A.3", .pitfalls = "9", .reuses = ALL, .flags = TWO_GROUPS,
	  .before = { { INSERT, A }, { FILL, 16 }, { INSERT, B } },
	  .tasks = { { { FIND_ALL, A } }, { { ERASE, A }, { INSERT, C }, { ERASE, B } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
