/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_intern.c: strings that several tasks add, find and count at one time. Most have one hash, so that the bytes tell them apart; others
 * are apart from the beginning, so that nothing but the arena's own orders is between those who add them.
 */
#include "schedule.h"

#include <hashloom/intern.h>

#define TASKS 3
#define ADDS 3

static struct hashloom_intern *intern;
static int results[TASKS][ADDS];
static uint32_t ids[TASKS][ADDS];

static uint64_t hash_zero(const void *data, size_t length, uint64_t seed)
{
	(void)data;
	(void)length;
	return seed;
}

/* The first letter is the tag, and says at which of the two cache lines of cells the search for room begins. */
static uint64_t hash_first_letter(const void *data, size_t length, uint64_t seed)
{
	const uint64_t letter = *(const unsigned char *)data;

	(void)length;
	return seed + letter + (letter & 8 ? 0xff00 : 0);
}

static void setup_with(size_t value_size, uint64_t (*hash)(const void *data, size_t length, uint64_t seed))
{
	const struct hashloom_intern_config config = { .strings_expected = 1, .value_size = value_size, .hash = hash };

	memset(results, 0, sizeof(results));
	memset(ids, 0xff, sizeof(ids));
	SCHEDULE_REQUIRE(hashloom_intern_create(&config, &intern) == HASHLOOM_OK);
}

static void setup(void)
{
	setup_with(0, hash_zero);
}

static void setup_apart(void)
{
	setup_with(0, hash_first_letter);
}

/* They take their records from one chunk. */
static void setup_apart_in_one_chunk(void)
{
	schedule_share_stripes();
	setup_apart();
}

static void setup_with_values(void)
{
	setup_with(sizeof(uint64_t), hash_zero);
}

/* 12 of 15 cells are taken: the next string makes a slab. */
static void setup_nearly_full(void)
{
	char text[] = "stays a";

	setup();
	for (; text[6] < 'a' + 12; text[6]++)
		SCHEDULE_REQUIRE(hashloom_intern_add(intern, text, 7, NULL) == 1);
}

static void require_string(uint32_t id, const char *text)
{
	size_t length = 0;
	const char *const bytes = hashloom_intern_bytes(intern, id, &length);

	SCHEDULE_REQUIRE(bytes != NULL && length == strlen(text) && memcmp(bytes, text, length + 1) == 0);
}

/* An id tells its string as soon as it is known. */
static void add(unsigned task, unsigned n, const char *text)
{
	results[task][n] = hashloom_intern_add(intern, text, strlen(text), &ids[task][n]);
	if (results[task][n] >= 0)
		require_string(ids[task][n], text);
}

static void find(const char *text)
{
	uint32_t id;

	if (hashloom_intern_find(intern, text, strlen(text), &id))
		require_string(id, text);
}

static void finish(size_t count)
{
	size_t seen = 0;
	uint64_t position = 0;
	uint32_t id;
	size_t length;

	while (hashloom_intern_next(intern, &position, UINT64_MAX, &id, &length) != NULL)
		seen++;
	SCHEDULE_REQUIRE(seen == count && hashloom_intern_count(intern) == count);
	hashloom_intern_destroy(intern);
}

/* ---- one string ------------------------------------------------------------------------------------------ */

static void add_one(unsigned task)
{
	add(task, 0, "loom");
	if (task == 0)
		find("loom");
}

static void check_one(void)
{
	SCHEDULE_REQUIRE(results[0][0] + results[1][0] + results[2][0] == 1);
	SCHEDULE_REQUIRE(ids[0][0] == ids[1][0]);
	SCHEDULE_REQUIRE(ids[2][0] == UINT32_MAX || ids[2][0] == ids[0][0]);
	finish(1);
}

/* ---- strings that look alike ----------------------------------------------------------------------------- */

static void add_two(unsigned task)
{
	add(task, task, "warp");
	add(task, !task, "weft");
	find("warp");
}

static void add_two_crosswise(unsigned task)
{
	add(task, 0, task == 0 ? "warp" : "weft");
	add(task, 1, task == 0 ? "weft" : "warp");
}

static void check_crosswise_with(size_t others)
{
	SCHEDULE_REQUIRE(results[0][0] + results[1][1] == 1 && results[0][1] + results[1][0] == 1);
	SCHEDULE_REQUIRE(ids[0][0] == ids[1][1] && ids[0][1] == ids[1][0] && ids[0][0] != ids[0][1]);
	finish(2 + others);
}

static void check_crosswise(void)
{
	check_crosswise_with(0);
}

static void check_nearly_full(void)
{
	check_crosswise_with(12);
}

static void add_own(unsigned task)
{
	static const char *const strings[TASKS][2] = { { "arras", "baize" }, { "kersey", "linsey" }, { "serge", "tweed" } };

	add(task, 0, strings[task][0]);
	add(task, 1, strings[task][1]);
}

static void check_own(void)
{
	for (unsigned task = 0; task < 2; task++)
		SCHEDULE_REQUIRE(results[task][0] == 1 && results[task][1] == 1);
	finish(results[2][0] == 1 ? 6 : 4);
}

/* ---- who looks on ---------------------------------------------------------------------------------------- */

static void add_and_look(unsigned task)
{
	uint64_t position = 0;
	uint32_t id;
	size_t length;
	const char *bytes;

	if (task == 0) {
		add(0, 0, "shuttle");
		return;
	}
	find("shuttle");
	while ((bytes = hashloom_intern_next(intern, &position, UINT64_MAX, &id, &length)) != NULL)
		SCHEDULE_REQUIRE(length == 7 && memcmp(bytes, "shuttle", 8) == 0);
	find("shuttle");
}

static void check_looked(void)
{
	SCHEDULE_REQUIRE(results[0][0] == 1);
	finish(1);
}

/* ---- counting -------------------------------------------------------------------------------------------- */

static void count(unsigned task)
{
	static const struct hashloom_bytes strings[] = { { "heddle", 6 }, { "reed", 4 }, { "heddle", 6 } };

	static const uint64_t summands[] = { 5, 6, 7 };

	SCHEDULE_REQUIRE(hashloom_intern_count_batch(intern, strings, summands, 2 + task, NULL, NULL) <= 2);
}

static uint64_t counted(const char *text)
{
	uint32_t id;

	SCHEDULE_REQUIRE(hashloom_intern_find(intern, text, strlen(text), &id) == 1);
	return hl_u64_load_relaxed((const hl_u64 *)hashloom_intern_value(intern, id));
}

static void check_counted(void)
{
	SCHEDULE_REQUIRE(counted("heddle") == 5 + 5 + 7 && counted("reed") == 6 + 6);
	finish(2);
}

/* ---- no memory ------------------------------------------------------------------------------------------- */

static void setup_without_memory(void)
{
	setup();
	schedule_fail_allocation(1 + schedule_choose(2));
}

static void check_without_memory(void)
{
	const int is_told = results[0][0] == HASHLOOM_ERROR_NO_MEMORY || results[1][0] == HASHLOOM_ERROR_NO_MEMORY;

	for (unsigned task = 0; task < 2; task++)
		SCHEDULE_REQUIRE(results[task][0] >= 0 || results[task][0] == HASHLOOM_ERROR_NO_MEMORY);
	SCHEDULE_REQUIRE(is_told || results[0][0] + results[1][0] == 1);
	schedule_fail_allocation(0);
	SCHEDULE_REQUIRE(hashloom_intern_add(intern, "loom", 4, NULL) ==
			 (results[0][0] != 1 && results[1][0] != 1));
	finish(1);
}

static const struct schedule_scenario scenarios[] = {
	{ .name = "intern-one", .shows = "intern A.1 A.3", .pitfalls = "1 7", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup, .run = add_one, .check = check_one },
	{ .name = "intern-one-three", .shows = "intern A.1 A.3", .pitfalls = "1 7", .tasks = 3, .bound = 2, .bound_weak = 1,
	  .setup = setup, .run = add_one, .check = check_one },
	{ .name = "intern-two", .shows = "intern A.1 A.4", .pitfalls = "14", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup, .run = add_two, .check = check_crosswise },
	{ .name = "intern-crosswise", .shows = "intern A.1 A.4", .pitfalls = "14", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup, .run = add_two_crosswise, .check = check_crosswise },
	{ .name = "intern-growth", .shows = "intern A.1 A.2", .pitfalls = "2", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup_nearly_full, .run = add_two_crosswise, .check = check_nearly_full },
	{ .name = "intern-apart", .shows = "intern A.1 A.2", .tasks = 2, .bound = 3, .bound_weak = 2,
	  .setup = setup_apart, .run = add_own, .check = check_own },
	{ .name = "intern-apart-in-one-chunk", .shows = "intern A.1 A.2", .tasks = 2, .bound = 3, .bound_weak = 2,
	  .setup = setup_apart_in_one_chunk, .run = add_own, .check = check_own },
	{ .name = "intern-apart-three", .shows = "intern A.1 A.2", .tasks = 3, .bound = 2, .bound_weak = 1,
	  .setup = setup_apart_in_one_chunk, .run = add_own, .check = check_own },
	{ .name = "intern-find-and-next", .shows = "intern A.3 B.1", .pitfalls = "7", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup, .run = add_and_look, .check = check_looked },
	{ .name = "intern-count", .shows = "intern C.1", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup_with_values, .run = count, .check = check_counted },
	{ .name = "intern-no-memory", .shows = "intern B.2", .pitfalls = "3 8", .tasks = 2, .bound = 3, .bound_weak = 1,
	  .setup = setup_without_memory, .run = add_one, .check = check_without_memory },
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
