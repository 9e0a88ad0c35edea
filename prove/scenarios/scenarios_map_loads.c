/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_loads.c: loads beside what ends the entry that they found, and gives its cell to another or to the same key again.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "load-erase-insert", .shows = "A.5 C.1", .pitfalls = "10", .bound = 4, .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A }, { LOAD, A } }, { { ERASE, A }, { INSERT, A } } } },
	{ .name = "load-erase-insert-take", .shows = "A.5 C.1", .pitfalls = "10", .bound = 4, .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { INSERT, A }, { TAKE, A } } } },
	{ .name = "load-emplace", .shows = "A.2 C.1", .pitfalls = "10", .bound = 4, .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { EMPLACE, A } } } },
	{ .name = "load-emplace-fails", .shows = "A.5 C.1", .pitfalls = "8 10", .bound = 4, .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { EMPLACE_FAILS, A }, { INSERT, A } } } },
	{ .name = "load-cell-for-another-key", .shows = "A.6 C.1", .pitfalls = "10 11", .bound = 4, .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { INSERT, B }, { LOAD, B } } } },
	{ .name = "load-cell-that-comes-back", .shows = "A.6 C.1", .pitfalls = "10 11", .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { INSERT, B }, { ERASE, B }, { INSERT, A } } } },
	{ .name = "load-cell-that-comes-back-by-two", .shows = "A.6 C.1", .pitfalls = "10 11", .reuses = ANY,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { INSERT, B } }, { { ERASE, B }, { INSERT, A } } } },
	{ .name = "wide-load-cell-that-comes-back", .shows = "A.6 C.1 C.2", .pitfalls = "10 11", .reuses = ANY | SAME, .flags = WIDE,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { INSERT, B }, { ERASE, B }, { INSERT, A } } } },
	{ .name = "locks-load-emplace", .shows = "A.2 C.1 C.2", .pitfalls = "10", .bound = 4, .reuses = ALL, .flags = LOCKS | WIDE,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { EMPLACE, A } } } },
	{ .name = "locks-load-cell-that-comes-back", .shows = "A.6 C.1 C.2", .pitfalls = "10 11", .reuses = ANY | SAME, .flags = LOCKS,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { LOAD, A } }, { { ERASE, A }, { INSERT, B }, { ERASE, B }, { INSERT, A } } } },
	{ .name = "reader-of-a-retired-cell", .shows = "A.6", .pitfalls = "10 15 16", .bound = 4, .reuses = ANY, .flags = RETIRE | WIDE,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { FIND, A }, { FIND, B } }, { { ERASE, A }, { RELEASE, A }, { INSERT, B } } } },
	{ .name = "reader-of-a-cell-that-another-releases", .shows = "A.6", .pitfalls = "10 15 16", .reuses = ANY, .flags = RETIRE,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { FIND, A }, { FIND, B } }, { { ERASE, A }, { INSERT, B } }, { { RELEASE, A }, { INSERT, A } } } },
	{ .name = "retired-by-two", .shows = "A.6 B.1", .pitfalls = "15", .reuses = ANY, .flags = RETIRE | DESTROY,
	  .before = { { INSERT, A }, { INSERT, B }, { FILL, 11 } },
	  .tasks = { { { ERASE, A }, { RELEASE, A }, { INSERT, A } }, { { TAKE, B }, { RELEASE, A }, { INSERT, C } } } },
	{ .name = "read-by-batch-and-id", .shows = "A.2 A.3", .pitfalls = "10 16", .bound = 4, .reuses = ALL, .flags = RETIRE | WIDE,
	  .before = { { INSERT, A }, { FILL, 13 } },
	  .tasks = { { { FIND_BATCH, A }, { BY_ID, A } }, { { ERASE, A }, { RELEASE, A }, { INSERT, B } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
