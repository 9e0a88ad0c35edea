/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * key_set.h: the keys of the puts in flight. Nodes are the caller's; a table of lists, of twice as
 * many lists as nodes, finds them.
 */
#ifndef HASHLOOM_TOOL_KEY_SET_H
#define HASHLOOM_TOOL_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_node {
	struct key_node *next;
	uint64_t key;
};

struct key_set {
	struct key_node **lists;
	unsigned shift; /* of a 64-bit hash, to the number of a list */
};

/* For up to nodes_max nodes. Returns 0, or -1: no memory. */
int key_set_init(struct key_set *set, size_t nodes_max);

void key_set_free(struct key_set *set);

bool key_set_contains(const struct key_set *set, uint64_t key);

/* The key must not be there. */
void key_set_add(struct key_set *set, struct key_node *node);

/* The node must be there. */
void key_set_remove(struct key_set *set, const struct key_node *node);

#endif
