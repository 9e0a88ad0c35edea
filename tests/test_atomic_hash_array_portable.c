/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_atomic_hash_array_portable.c: the comparison of a group's tags in plain C, which machines with vector instructions do not run
 * otherwise. Method: random lines, each tag, lane by lane.
 */
#define HL_AHA_PORTABLE 1

#include "map_kit.h"

static void test_core_tag_match_in_plain_c(void **state)
{
	(void)state;
	kit_check_line_match(kit_seed(), KIT_REPEAT(4000));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core_tag_match_in_plain_c),
	};

	return KIT_RUN(tests);
}
