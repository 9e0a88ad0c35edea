/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * count.h: the subcommand `hashloom count`: counts the words, lines or fields of text with several
 * threads, in one table of interned strings.
 */
#ifndef HASHLOOM_TOOL_COUNT_H
#define HASHLOOM_TOOL_COUNT_H

/* argv[0] is "count". Returns the exit status: see message.h. */
int count_main(int argc, char **argv);

#endif
