/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_numa.c: the kernel's files about NUMA nodes (src/numa.h).
 *
 * Method: lists as the kernel writes them and others; directories made here, with nodes of the CPUs that the process may use, of
 * others, and without any.
 */
#include "numa.h"

#include "test_kit.h"

#include <sys/stat.h>

static void assert_list(const char *list, const char *cpus)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	assert_int_equal(hl_numa_parse(list, &set), 1);
	for (size_t cpu = 0; cpu < strlen(cpus); cpu++)
		assert_int_equal(CPU_ISSET(cpu, &set) != 0, cpus[cpu] == '1');
}

static void test_numa_lists(void **state)
{
	(void)state;
	assert_list("0\n", "1000");
	assert_list("3", "0001");
	assert_list("0-2\n", "1110");
	assert_list("0-1,3", "1101");
	assert_list("1,3-4,6-6\n", "01011010");
	assert_list("2,99999999999999999999", "0010");
	assert_list("2-1000000", "001111");
}

static void test_numa_what_is_no_list(void **state)
{
	static const char *const wrong[] = {"", "\n", "a", "1-", "-1", "1,", ",1", "2-1", "1 2", "1-2-3", "0x1"};
	cpu_set_t set;

	(void)state;
	CPU_ZERO(&set);
	for (size_t i = 0; i < KIT_COUNT(wrong); i++)
		assert_int_equal(hl_numa_parse(wrong[i], &set), 0);
}

/* ---- directories ----------------------------------------------------------------------------- */

static char directory[] = "/tmp/test_numa_XXXXXX";

static void write_text(const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *const file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_node(unsigned node, const char *cpus)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s/node%u", directory, node);
	(void)mkdir(name, 0700);
	(void)snprintf(name, sizeof(name), "node%u/cpulist", node);
	write_text(name, cpus);
}

static void test_numa_nodes_with_cpus_that_are_allowed(void **state)
{
	struct hl_numa_nodes nodes;
	cpu_set_t allowed;
	size_t first = 0;
	char list[32];

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET(first, &allowed))
		first++;
	(void)snprintf(list, sizeof(list), "%zu\n", first);
	hl_numa_find(directory, &nodes); /* empty */
	assert_int_equal(nodes.count, 0);
	write_text("has_cpu", "0-2,5\n");
	hl_numa_find(directory, &nodes); /* none of the nodes can be read */
	assert_int_equal(nodes.count, 0);
	make_node(0, "1020-1023\n");
	make_node(1, list);
	make_node(2, "nonsense\n");
	make_node(3, list); /* is not in has_cpu */
	make_node(5, "0-1023\n");
	hl_numa_find(directory, &nodes);
	assert_int_equal(nodes.count, CPU_ISSET(1023, &allowed) ? 3 : 2);
	assert_int_equal(CPU_COUNT(&nodes.cpus[nodes.count - 2]), 1);
	assert_true(CPU_ISSET(first, &nodes.cpus[nodes.count - 2]));
	assert_true(CPU_EQUAL(&nodes.cpus[nodes.count - 1], &allowed));
	write_text("has_cpu", "many\n");
	hl_numa_find(directory, &nodes);
	assert_int_equal(nodes.count, 0);
	(void)snprintf(list, sizeof(list), "rm -r %s", directory);
	(void)!system(list);
}

static void test_numa_this_machine(void **state)
{
	struct hl_numa_nodes nodes;
	cpu_set_t allowed;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	hl_numa_find(HL_NUMA_DIRECTORY, &nodes);
	for (size_t i = 0; i < nodes.count; i++) {
		cpu_set_t both;

		CPU_AND(&both, &nodes.cpus[i], &allowed);
		assert_true(CPU_COUNT(&both) > 0 && CPU_EQUAL(&both, &nodes.cpus[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numa_lists),
		cmocka_unit_test(test_numa_what_is_no_list),
		cmocka_unit_test(test_numa_nodes_with_cpus_that_are_allowed),
		cmocka_unit_test(test_numa_this_machine),
	};

	return KIT_RUN(tests);
}
