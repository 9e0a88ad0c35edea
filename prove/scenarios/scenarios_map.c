/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map.c: inserts, erases and finds of one key, or of two that compete for a cell, in one slab: 15 cells, of which a few are free.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	/* all want the same cell, or not */
	{ .name = "insert-insert-erase", .shows = "A.1 A.2 A.3 A.5", .pitfalls = "1 9", .bound = 3, .reuses = ALL,
	  .before = { { FILL, 12 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, A } }, { { ERASE, A }, { FIND, A } } } },
	{ .name = "insert-insert-erase-find", .shows = "A.1 A.2", .pitfalls = "1 9", .bound = 4, .reuses = ALL, .flags = WIDE,
	  .before = { { FILL, 13 } },
	  .tasks = { { { INSERT, A }, { FIND, A } }, { { INSERT, A }, { ERASE, A } } } },
	{ .name = "erase-again-while-inserted", .shows = "A.1 A.2 A.4 A.5", .pitfalls = "1 9", .bound = 3, .reuses = ALL, .flags = WIDE,
	  .before = { { INSERT, A }, { FILL, 12 } },
	  .tasks = { { { INSERT, A } }, { { ERASE, A }, { INSERT, A } }, { { FIND, A } } } },
	{ .name = "two-erases", .shows = "A.1 C.1", .bound = 4, .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, A }, { FILL, 12 } },
	  .tasks = { { { ERASE, A }, { FIND, A } }, { { ERASE, A }, { INSERT, A } } } },

	/* two inserters of one key find different cells free: one at the end of the path, one that has just become free in front of it */
	{ .name = "room-before-and-behind", .shows = "A.1", .pitfalls = "1", .reuses = ALL,
	  .before = { { INSERT, C }, { FILL, 13 } },
	  .tasks = { { { INSERT, A } }, { { INSERT, A } }, { { ERASE, C } } } },
	{ .name = "room-before-then-behind", .shows = "A.1 A.2", .pitfalls = "1 9", .reuses = ALL,
	  .before = { { INSERT, C }, { FILL, 13 } },
	  .tasks = { { { INSERT, A }, { FIND, A } }, { { ERASE, C }, { INSERT, A }, { FIND, A } } } },
	{ .name = "room-in-two-groups", .shows = "A.1 A.2 A.7", .pitfalls = "1 9", .reuses = ALL, .flags = TWO_GROUPS,
	  .before = { { INSERT, C }, { FILL, 14 } },
	  .tasks = { { { INSERT, A }, { FIND, A } }, { { ERASE, C }, { INSERT, A } } } },

	{ .name = "comes-back-before-finders", .shows = "A.1 A.5", .pitfalls = "7", .bound_weak = 2, .reuses = ALL,
	  .before = { { INSERT, A }, { ERASE, A }, { FILL, 12 } },
	  .tasks = { { { INSERT, A } }, { { FIND, A }, { FIND, A } } } },
	{ .name = "given-up-and-taken", .shows = "A.6", .pitfalls = "10 15", .reuses = ANY, .flags = DESTROY | WIDE,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { TAKE, A } }, { { INSERT, B }, { LOAD, B } } } },

	/* cells that go from key to key (pitfalls 10 and 11) */
	{ .name = "cell-for-another-key", .shows = "A.1 A.2 A.4 A.6", .pitfalls = "1 11 15", .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { ERASE, A }, { INSERT, B } }, { { FIND, A }, { FIND, B } }, { { INSERT, A } } } },
	{ .name = "cell-for-another-key-and-back", .shows = "A.1 A.2 A.6", .pitfalls = "1 10 11 15", .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { ERASE, A }, { INSERT, B } }, { { INSERT, A }, { ERASE, B } } } },
	{ .name = "tags-that-differ", .shows = "A.1 A.2", .reuses = ALL, .flags = TAGS | WIDE,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { ERASE, A }, { INSERT, B } }, { { INSERT, A }, { FIND_NEAR, B } } } },
	{ .name = "homes-that-differ", .shows = "A.1 A.2", .bound = 3, .reuses = ALL, .flags = SPREAD | TWO_GROUPS,
	  .before = { { INSERT, A }, { FILL, 27 } },
	  .tasks = { { { INSERT, B } }, { { ERASE, A }, { INSERT, B } }, { { FIND, B } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
