/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* main.c: finds the subcommand. Each one has a file of its own name. */
#include <stdio.h>
#include <string.h>

#include "count.h"
#include "kv.h"
#include "message.h"
#include "version.h"

static const char usage[] = "usage: hashloom COMMAND [ARGUMENT...]\n"
			    "       hashloom --help | --version\n"
			    "\n"
			    "commands:\n"
			    "  count     count the words, lines or fields of text in an interning "
			    "table\n"
			    "  kv FILE   load KEY<delimiter>VALUE lines into an asynchronous hash "
			    "map, then look keys up\n"
			    "\n"
			    "'hashloom COMMAND --help' tells about a command.\n";

int main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fputs(usage, stderr);
		return STATUS_FAILED;
	}
	const char *const command = argv[1];

	if (strcmp(command, "count") == 0)
		return count_main(argc - 1, argv + 1);
	if (strcmp(command, "kv") == 0)
		return kv_main(argc - 1, argv + 1);
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return output_text(usage);
	if (strcmp(command, "--version") == 0)
		return output_text("hashloom " HASHLOOM_VERSION "\n");
	(void)fprintf(
		stderr,
		"hashloom: unknown command '%s': expected count or kv; see 'hashloom --help'\n",
		command);
	return STATUS_FAILED;
}
