/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_border.c: two slabs, and the last cell of the first one.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	/* there are two */
	{ .name = "two-slabs", .shows = "A.1 A.2", .pitfalls = "1 2 9", .reuses = ALL, .load_permille = 800,
	  .before = { { FILL, 13 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, A }, { ERASE, A } }, { { FIND, A } } } },
	{ .name = "two-slabs-room-in-both", .shows = "A.1 A.2", .pitfalls = "1 2 9", .reuses = ALL, .load_permille = 933,
	  .before = { { INSERT, C }, { FILL, 15 } },
	  .tasks = { { { INSERT, A }, { FIND, A } }, { { ERASE, C }, { INSERT, A } } } },

	/* the last cell: whoever finds none makes a slab, or waits for it */
	{ .name = "last-cell", .shows = "A.1 B.1 B.2", .pitfalls = "2 4", .reuses = ALL,
	  .before = { { FILL, 14 } },
	  .tasks = { { { INSERT, A }, { INSERT, B } }, { { INSERT, B }, { INSERT, A } } } },
	{ .name = "last-cell-of-three", .shows = "A.1 B.1 B.2", .pitfalls = "2 4", .reuses = ALL,
	  .before = { { FILL, 14 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, B } }, { { INSERT, A } } } },
	{ .name = "no-cell", .shows = "A.1 B.1", .pitfalls = "2 4", .reuses = ALL, .flags = DESTROY | WIDE,
	  .before = { { FILL, 15 } },
	  .tasks = { { { INSERT, A }, { FIND, B } }, { { INSERT, B }, { FIND, A } } } },
	{ .name = "no-cell-two-groups", .shows = "A.1 B.1", .pitfalls = "2 4 12", .reuses = ALL, .flags = TWO_GROUPS | SPREAD,
	  .before = { { FILL, 30 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, A }, { ERASE, A } } } },
	{ .name = "upsert-at-the-border", .shows = "A.1 C.1", .pitfalls = "2 17", .reuses = ALL,
	  .before = { { FILL, 14 } },
	  .tasks = { { { UPSERT, A }, { UPSERT, B } }, { { UPSERT, B }, { UPSERT, A } } } },
	{ .name = "batch-at-the-border", .shows = "A.1", .pitfalls = "2", .reuses = ALL,
	  .before = { { FILL, 14 } },
	  .tasks = { { { INSERT_BATCH, A } }, { { INSERT, B }, { INSERT, A }, { ERASE, B } } } },
	{ .name = "walk-and-growth", .shows = "A.7", .pitfalls = "6", .reuses = ALL,
	  .before = { { FILL, 14 } },
	  .tasks = { { { WALK, A } }, { { INSERT, A }, { INSERT, B }, { ERASE, A } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
