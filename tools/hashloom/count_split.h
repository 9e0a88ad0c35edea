/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* count_split.h: finds the keys of a block. */
#ifndef HASHLOOM_TOOL_COUNT_SPLIT_H
#define HASHLOOM_TOOL_COUNT_SPLIT_H

#include "count_cache.h"
#include "count_options.h"
#include "count_source.h"

/* Counts the keys of a block, in which no key goes on from another; writes its padding. Returns how many. */
uint64_t count_split(const struct count_options *options, struct count_block *block,
		     struct count_cache *cache);

#endif
