/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_overflow.c: entries behind a full group, which are found by its overflow count or filter.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "overflow-goes-and-comes", .shows = "A.2 A.3", .pitfalls = "9 12", .bound = 4, .reuses = ALL, .flags = TWO_GROUPS,
	  .before = { { FILL, 15 }, { INSERT, B } },
	  .tasks = { { { INSERT, A }, { ERASE, A } }, { { FIND, B }, { ERASE, B }, { FIND, B } } } },
	{ .name = "overflow-of-two", .shows = "A.2 A.3", .pitfalls = "9 12", .bound = 3, .reuses = ALL, .flags = TWO_GROUPS | QUADRATIC,
	  .before = { { FILL, 15 }, { INSERT, A } },
	  .tasks = { { { ERASE, A } }, { { INSERT, B }, { FIND, B } }, { { FIND, A } } } },

	/* whom the count has told that an entry is gone, does not see it again when another entry raises the count */
	{ .name = "overflow-tells-and-rises", .shows = "A.2 A.3", .pitfalls = "9 12", .reuses = ANY, .flags = TWO_GROUPS | HOMES,
	  .before = { { FILL, 15 }, { INSERT, A } },
	  .tasks = { { { ERASE, A } }, { { FIND, A }, { INSERT, C }, { FIND, A } } } },
	{ .name = "overflow-tells-and-another-rises", .shows = "A.2 A.3", .pitfalls = "7 9 12", .bound_weak = 3, .reuses = ANY, .flags = TWO_GROUPS | HOMES,
	  .before = { { FILL, 15 }, { INSERT, A } },
	  .tasks = { { { ERASE, A } }, { { FIND, A }, { FIND, A } }, { { INSERT, C } } } },
	{ .name = "tombstone-behind-a-full-group", .shows = "A.1 A.5", .pitfalls = "9 12", .reuses = ALL, .flags = TWO_GROUPS,
	  .before = { { FILL, 15 }, { INSERT, A }, { ERASE, A } },
	  .tasks = { { { INSERT, A }, { ERASE, A } }, { { INSERT, A }, { FIND, A } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
