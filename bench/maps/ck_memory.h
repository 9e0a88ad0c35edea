/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* ck_memory.h: malloc in the form that Concurrency Kit asks for. One thread writes, and no others read meanwhile. */
#ifndef BENCH_MAPS_CK_MEMORY_H
#define BENCH_MAPS_CK_MEMORY_H

#include <ck_malloc.h>
#include <stdlib.h>

static void *ck_memory_malloc(size_t size)
{
	return malloc(size);
}

static void *ck_memory_realloc(void *memory, size_t size_before, size_t size, bool defer)
{
	(void)size_before;
	(void)defer;
	return realloc(memory, size);
}

static void ck_memory_free(void *memory, size_t size, bool defer)
{
	(void)size;
	(void)defer;
	free(memory);
}

static struct ck_malloc ck_memory = { ck_memory_malloc, ck_memory_realloc, ck_memory_free };

#endif
