/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "key_set.h"

#include <assert.h>
#include <stdlib.h>

#define HASH_BITS 64
/* 2^64 divided by the golden ratio: neighbouring keys go to lists far apart. */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static struct key_node **list_of(const struct key_set *set, uint64_t key)
{
	return &set->lists[key * HASH_FACTOR >> set->shift];
}

int key_set_init(struct key_set *set, size_t nodes_max)
{
	unsigned bits = 1;

	/* Ends: at the bits of a size_t at the latest. */
	while (bits < sizeof(size_t) * 8 - 1 && (size_t)1 << bits < 2 * nodes_max)
		bits++;
	set->shift = HASH_BITS - bits;
	set->lists = calloc((size_t)1 << bits, sizeof(struct key_node *));
	return set->lists == NULL ? -1 : 0;
}

void key_set_free(struct key_set *set)
{
	free((void *)set->lists);
	set->lists = NULL;
}

bool key_set_contains(const struct key_set *set, uint64_t key)
{
	const struct key_node *node = *list_of(set, key);

	while (node != NULL && node->key != key) /* ends: with the list */
		node = node->next;
	return node != NULL;
}

void key_set_add(struct key_set *set, struct key_node *node)
{
	struct key_node **const list = list_of(set, node->key);

	assert(!key_set_contains(set, node->key));
	node->next = *list;
	*list = node;
}

void key_set_remove(struct key_set *set, const struct key_node *node)
{
	struct key_node **link = list_of(set, node->key);

	while (*link != node) { /* ends: the node is in the list */
		assert(*link != NULL);
		link = &(*link)->next;
	}
	*link = node->next;
}
