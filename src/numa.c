/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * numa.c: reads DIRECTORY/has_cpu, a list of nodes, and DIRECTORY/nodeN/cpulist of each.
 */
#include "numa.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX 4096 /* the kernel's files have a page */

/* Reads a small file as a string. 1, or 0. */
static int read_text(const char *path, char *text, size_t size)
{
	const int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return 0;
	const ssize_t length = read(file, text, size - 1);
	close(file);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	return 1;
}

/* A number at *at, which moves behind it; -1 when there is none. What is larger than any CPU stays so. */
static long number_at(const char **at)
{
	long number = 0;

	if (**at < '0' || **at > '9')
		return -1;
	for (; **at >= '0' && **at <= '9'; (*at)++)
		number = number > CPU_SETSIZE ? number : 10 * number + (**at - '0');
	return number;
}

int hl_numa_parse(const char *list, cpu_set_t *cpus)
{
	const char *at = list;

	/* Each turn takes a number at least. */
	for (;;) {
		const long first = number_at(&at);
		long last = first;

		if (*at == '-') {
			at++;
			last = number_at(&at);
		}
		if (first < 0 || last < first)
			return 0;
		for (long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
			CPU_SET((size_t)cpu, cpus);
		if (*at != ',')
			return *at == '\0' || *at == '\n';
		at++;
	}
}

/* Its CPUs that are allowed; none if it cannot be read. */
static void find_cpus(const char *directory, int node, const cpu_set_t *allowed, cpu_set_t *cpus)
{
	char path[TEXT_MAX];
	char text[TEXT_MAX];

	CPU_ZERO(cpus);
	(void)snprintf(path, sizeof(path), "%s/node%d/cpulist", directory, node);
	if (!read_text(path, text, sizeof(text)) || !hl_numa_parse(text, cpus))
		CPU_ZERO(cpus);
	CPU_AND(cpus, cpus, allowed);
}

void hl_numa_find(const char *directory, struct hl_numa_nodes *nodes)
{
	char path[TEXT_MAX];
	char text[TEXT_MAX];
	cpu_set_t numbers; /* of nodes, which come in lists as CPUs do */
	cpu_set_t allowed;

	nodes->count = 0;
	CPU_ZERO(&numbers);
	(void)snprintf(path, sizeof(path), "%s/has_cpu", directory);
	if (!read_text(path, text, sizeof(text)) || !hl_numa_parse(text, &numbers) || sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return;
	for (int node = 0; node < CPU_SETSIZE && nodes->count < HL_NUMA_NODES_MAX; node++) {
		if (!CPU_ISSET((size_t)node, &numbers))
			continue;
		find_cpus(directory, node, &allowed, &nodes->cpus[nodes->count]);
		nodes->count += CPU_COUNT(&nodes->cpus[nodes->count]) > 0;
	}
}
