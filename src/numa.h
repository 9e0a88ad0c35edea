/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * numa.h: which CPUs are near which memory, as the kernel tells in files. libnuma is not needed for that.
 */
#ifndef HL_NUMA_H
#define HL_NUMA_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* cpu_set_t */
#endif

#include <sched.h>
#include <stddef.h>

#define HL_NUMA_DIRECTORY "/sys/devices/system/node"
#define HL_NUMA_NODES_MAX 64

struct hl_numa_nodes {
	size_t count;
	cpu_set_t cpus[HL_NUMA_NODES_MAX];
};

/*
 * The nodes that have CPUs which the process may run on, and these CPUs. None if the kernel does not tell; nodes beyond
 * HL_NUMA_NODES_MAX are left out.
 */
void hl_numa_find(const char *directory, struct hl_numa_nodes *nodes);

/* Adds the CPUs of a list like "0-3,8\n" to a set. 1, or 0 when it is not such a list. Numbers that do not fit into the set are
 * left out. */
int hl_numa_parse(const char *list, cpu_set_t *cpus);

#endif
