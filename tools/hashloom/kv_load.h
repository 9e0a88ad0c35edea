/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* kv_load.h: loads the lines of a source into a store, with a number of puts in flight. */
#ifndef HASHLOOM_TOOL_KV_LOAD_H
#define HASHLOOM_TOOL_KV_LOAD_H

#include <stdint.h>

#include "kv_options.h"
#include "kv_source.h"
#include "kv_store.h"

struct kv_load_report {
	uint64_t loaded;     /* puts that added a key */
	uint64_t duplicates; /* puts of a key that was there */
	uint64_t rejected;   /* lines that were reported */
	uint64_t bytes;      /* of values added */
	uint64_t time_ns;    /* from the first read to the last put */
};

/*
 * Loads the source to its end. Lines that cannot be loaded are reported on standard error and
 * counted. Returns 0, or -1 after a message: the source could not be read, or there is no memory;
 * the report then tells what was done until then.
 */
int kv_load(struct kv_store *store, struct kv_source *source, const struct kv_options *options,
	    struct kv_load_report *report);

#endif
