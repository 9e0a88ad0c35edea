/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_map_values.c: values that change, beside each other and beside erases, and loads of them.
 */
#include "map_program.h"

static const struct map_program programs[] = {
	{ .name = "fetch_add-take", .shows = "A.4 C.1", .pitfalls = "17 18", .reuses = ALL, .flags = DESTROY,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { FETCH_ADD, A } }, { { TAKE, A }, { INSERT, A } }, { { FETCH_ADD, A } } } },
	{ .name = "exchange-take", .shows = "C.1", .pitfalls = "17 18", .bound = 4, .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { EXCHANGE, A } }, { { TAKE, A }, { INSERT, A } } } },
	{ .name = "compare_exchange-fetch_add", .shows = "C.1", .pitfalls = "17 18", .bound = 4, .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A }, { COMPARE_EXCHANGE, A } }, { { FETCH_ADD, A }, { TAKE, A } } } },
	{ .name = "upsert-upsert-take", .shows = "A.1 C.1", .pitfalls = "17 18", .reuses = ALL, .flags = DESTROY,
	  .before = { { FILL, 12 } },
	  .tasks = { { { UPSERT, A } }, { { UPSERT, A } }, { { TAKE, A } } } },
	{ .name = "upsert-fetch_add-take", .shows = "A.1 C.1", .pitfalls = "17 18", .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { UPSERT, A } }, { { FETCH_ADD, A } }, { { TAKE, A } } } },
	{ .name = "news-of-a-store", .shows = "load's order", .pitfalls = "7", .bound = 4, .bound_weak = 2, .reuses = ALL, .flags = NEWS,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { STORE, A } }, { { LOAD, A }, { LOAD, A } } } },
	{ .name = "news-of-three", .shows = "load's order", .pitfalls = "7 17", .bound_weak = 2, .reuses = ALL, .flags = NEWS,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { EXCHANGE, A } }, { { FETCH_ADD, A } }, { { LOAD, A } } } },
	{ .name = "store-erase-load", .shows = "C.1", .pitfalls = "18", .bound = 3, .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { STORE, A } }, { { ERASE, A } }, { { LOAD, A } } } },
	{ .name = "change-in-a-cell-that-comes-back", .shows = "A.6 C.1", .pitfalls = "10 11 18", .bound = 4, .reuses = ANY,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { FETCH_ADD, A } }, { { ERASE, A }, { INSERT, B }, { TAKE, B } } } },
	{ .name = "upsert-in-a-cell-that-goes", .shows = "A.6 C.1", .pitfalls = "10 11 18", .reuses = ANY,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { UPSERT, A } }, { { TAKE, A }, { INSERT, B } } } },
	{ .name = "upsert-emplace-again", .shows = "A.1 C.1", .pitfalls = "17 18", .reuses = ALL,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { UPSERT, A } }, { { ERASE, A }, { EMPLACE, A } } } },
	{ .name = "side-cell-fetch_add-take", .shows = "C.1 D.1", .pitfalls = "14 18", .reuses = ALL,
	  .before = { { INSERT, SIDE } },
	  .tasks = { { { FETCH_ADD, SIDE }, { UPSERT, SIDE } }, { { TAKE, SIDE }, { INSERT, SIDE } } } },
	{ .name = "locks-fetch_add-take", .shows = "C.1 C.2", .pitfalls = "18 20", .reuses = ALL, .flags = LOCKS,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { FETCH_ADD, A } }, { { TAKE, A }, { INSERT, A } }, { { LOCK, A } } } },
	{ .name = "locks-lock-take", .shows = "C.1 C.2", .pitfalls = "18 20", .reuses = ALL, .flags = LOCKS | WIDE,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOCK, A } }, { { TAKE, A }, { INSERT, A } }, { { LOAD, A } } } },
	{ .name = "locks-store-exchange", .shows = "C.1 C.2", .pitfalls = "17 18", .reuses = ALL, .flags = LOCKS | WIDE,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A }, { COMPARE_EXCHANGE, A } }, { { EXCHANGE, A }, { ERASE, A } } } },
	{ .name = "locks-upserts-take", .shows = "C.1 C.2", .pitfalls = "17 18", .reuses = ALL, .flags = LOCKS | WIDE | DESTROY,
	  .before = { { FILL, 12 } },
	  .tasks = { { { UPSERT, A } }, { { UPSERT, A } }, { { TAKE, A } } } },
	{ .name = "locks-cell-that-goes", .shows = "A.6 C.1 C.2", .pitfalls = "10 11", .bound = 4, .reuses = ANY, .flags = LOCKS | WIDE,
	  .before = { { INSERT, A }, { FILL, 14 } },
	  .tasks = { { { LOCK, A } }, { { ERASE, A }, { INSERT, B }, { LOCK, B } } } },
	{ .name = "wide-load-take", .shows = "C.1 C.2", .pitfalls = "10", .reuses = ALL, .flags = WIDE,
	  .before = { { INSERT, A }, { FILL, 11 } },
	  .tasks = { { { LOAD, A } }, { { TAKE, A }, { INSERT, A } }, { { TAKE, A } } } },
	{ .name = "upsert-batch", .shows = "A.1 C.1", .pitfalls = "17 18", .reuses = ALL,
	  .before = { { FILL, 12 } },
	  .tasks = { { { UPSERT_BATCH, A } }, { { UPSERT, B }, { TAKE, A } } } },
};

int main(int argc, char **argv)
{
	return map_programs_main(argc, argv, programs, sizeof(programs) / sizeof(programs[0]));
}
