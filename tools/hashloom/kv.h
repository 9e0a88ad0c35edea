/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * kv.h: the subcommand `hashloom kv`: loads a file into an asynchronous hash map and answers from
 * it.
 */
#ifndef HASHLOOM_TOOL_KV_H
#define HASHLOOM_TOOL_KV_H

/* argv[0] is "kv". Returns the exit status: see message.h. */
int kv_main(int argc, char **argv);

#endif
