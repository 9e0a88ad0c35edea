/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* main.c: finds the subcommand. Each one has a file of its own name. */
#include <stdio.h>
#include <string.h>

#include "kv.h"
#include "message.h"
#include "version.h"

static const char usage[] = "usage: hashloom COMMAND [ARGUMENT...]\n"
			    "       hashloom --help | --version\n"
			    "\n"
			    "commands:\n"
			    "  kv FILE   load KEY<delimiter>VALUE lines into an asynchronous hash "
			    "map, then look keys up\n"
			    "\n"
			    "'hashloom COMMAND --help' tells about a command.\n";

static int print_and_end(const char *text)
{
	(void)fputs(text, stdout);
	return output_flush() == 0 ? STATUS_OK : STATUS_BAD_INPUT;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fputs(usage, stderr);
		return STATUS_FAILED;
	}
	const char *const command = argv[1];

	if (strcmp(command, "kv") == 0)
		return kv_main(argc - 1, argv + 1);
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return print_and_end(usage);
	if (strcmp(command, "--version") == 0)
		return print_and_end("hashloom " HASHLOOM_VERSION "\n");
	(void)fprintf(stderr,
		      "hashloom: unknown command '%s': expected kv; see 'hashloom --help'\n",
		      command);
	return STATUS_FAILED;
}
