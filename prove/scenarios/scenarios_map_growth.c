/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_growth.c: at the border of two slabs, and while the second one is made.
 *
 * With a load of 800 the insert that finds 12 of 15 cells taken makes a slab, and nobody waits for it: so it seals what another one claims.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	/* one claims in the slab that the other closes */
	{ .name = "insert-growth-insert", .shows = "A.1 A.2 B.2", .pitfalls = "2 6", .reuses = ALL, .load_permille = 800,
	  .before = { { FILL, 12 } },
	  .tasks = { { { INSERT, A }, { FIND, A } }, { { INSERT, A } } } },
	{ .name = "insert-growth-insert-another", .shows = "A.1 A.2 B.2", .pitfalls = "2 6", .reuses = ALL, .load_permille = 800,
	  .before = { { FILL, 12 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, A } }, { { INSERT, B } } } },
	{ .name = "growth-find-erase", .shows = "A.1 A.2 A.3", .pitfalls = "2 6 9", .reuses = ALL, .load_permille = 800, .flags = WIDE,
	  .before = { { INSERT, B }, { FILL, 11 } },
	  .tasks = { { { INSERT, A }, { ERASE, A } }, { { FIND, B }, { INSERT, A } } } },
	{ .name = "growth-finds", .shows = "A.2 A.3", .pitfalls = "6 7", .reuses = ALL, .load_permille = 800, .flags = WIDE,
	  .before = { { INSERT, B }, { FILL, 11 } },
	  .tasks = { { { INSERT, A } }, { { FIND, A }, { FIND, B }, { FIND_BATCH, A }, { BY_ID, A } } } },
	{ .name = "growth-growth", .shows = "A.1 B.1", .pitfalls = "2 6", .reuses = ALL, .load_permille = 800,
	  .before = { { FILL, 12 } },
	  .tasks = { { { INSERT, A }, { INSERT, B } }, { { INSERT, C }, { INSERT, A } } } },
	{ .name = "emplace-growth-insert", .shows = "A.1", .pitfalls = "2 8", .reuses = ALL, .load_permille = 800,
	  .before = { { FILL, 12 } },
	  .tasks = { { { EMPLACE, A } }, { { INSERT, A } } } },
	{ .name = "emplace-fails-growth-insert", .shows = "A.1 B.1", .pitfalls = "2 8", .reuses = ALL, .load_permille = 800,
	  .before = { { FILL, 12 } },
	  .tasks = { { { EMPLACE_FAILS, A }, { FIND, A } }, { { INSERT, A } } } },
	{ .name = "entry-of-the-old-slab", .shows = "A.1 A.2 A.3 A.5", .pitfalls = "2 6", .reuses = ALL, .load_permille = 800, .flags = WIDE,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { INSERT, B }, { INSERT, A } }, { { ERASE, A }, { INSERT, A } } } },
	{ .name = "erased-entry-of-the-old-slab", .shows = "A.1 A.5", .pitfalls = "1 2 6", .reuses = ALL, .load_permille = 800,
	  .before = { { INSERT, A }, { ERASE, A }, { INSERT, A }, { FILL, 10 } },
	  .tasks = { { { INSERT, B } }, { { ERASE, A }, { INSERT, A } }, { { INSERT, A } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
