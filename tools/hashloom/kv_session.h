/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * kv_session.h: commands from standard input, a terminal or anything else, until the end of the
 * input or quit.
 */
#ifndef HASHLOOM_TOOL_KV_SESSION_H
#define HASHLOOM_TOOL_KV_SESSION_H

#include "kv_options.h"
#include "kv_store.h"

/* Returns the exit status: see message.h. */
int kv_session(struct kv_store *store, const struct kv_options *options);

#endif
