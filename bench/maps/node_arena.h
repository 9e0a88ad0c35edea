/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* node_arena.h: nodes for maps whose user brings them: cut from large pieces, given back all at once. Flatters those maps. */
#ifndef BENCH_MAPS_NODE_ARENA_H
#define BENCH_MAPS_NODE_ARENA_H

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#define ARENA_PIECE ((size_t)1 << 18)

struct arena_piece {
	struct arena_piece *next;
	size_t used;
	char memory[ARENA_PIECE - 2 * sizeof(size_t)] __attribute__((aligned(16)));
};

struct node_arena {
	pthread_mutex_t lock;
	struct arena_piece *pieces;
};

struct arena_cursor {
	const struct node_arena *arena;
	struct arena_piece *piece;
};

/* The piece that this thread cuts from. */
static _Thread_local struct arena_cursor arena_cursor;

static inline void node_arena_init(struct node_arena *arena)
{
	pthread_mutex_init(&arena->lock, NULL);
	arena->pieces = NULL;
	arena_cursor.arena = NULL;
}

static inline void node_arena_destroy(struct node_arena *arena)
{
	while (arena->pieces != NULL) {
		struct arena_piece *const piece = arena->pieces;

		arena->pieces = piece->next;
		free(piece);
	}
	pthread_mutex_destroy(&arena->lock);
	arena_cursor.arena = NULL;
}

/* size: a multiple of 16. */
static inline void *node_arena_take(struct node_arena *arena, size_t size)
{
	struct arena_piece *piece = arena_cursor.piece;

	if (arena_cursor.arena != arena || piece->used + size > sizeof(piece->memory)) {
		piece = (struct arena_piece *)malloc(sizeof(*piece));
		if (piece == NULL)
			abort();
		piece->used = 0;
		pthread_mutex_lock(&arena->lock);
		piece->next = arena->pieces;
		arena->pieces = piece;
		pthread_mutex_unlock(&arena->lock);
		arena_cursor = (struct arena_cursor){ arena, piece };
	}
	void *const node = piece->memory + piece->used;
	piece->used += size;
	return node;
}

#endif
