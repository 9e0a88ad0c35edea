/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "kv_session.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "kv_commands.h"
#include "message.h"

/* ---- on a terminal --------------------------------------------------------------------------- */

/* For readline: the names that begin with text, one a call; the first call of a row has state 0. */
static char *next_completion(const char *text, int state)
{
	static size_t number;
	const char *name;

	if (state == 0)
		number = 0;
	/* Ends: behind the last name. */
	while ((name = command_name(number)) != NULL) {
		number++;
		if (strncmp(name, text, strlen(text)) == 0)
			return strdup(name);
	}
	return NULL;
}

/* For readline: only the first word of the line is a command, and nothing is a file name. */
static char **complete(const char *text, int start, int end)
{
	(void)end;
	rl_attempted_completion_over = 1;
	return start == 0 ? rl_completion_matches(text, next_completion) : NULL;
}

static int session_on_terminal(struct kv_store *store, const struct kv_options *options)
{
	enum command_result result = COMMAND_DONE;
	int failure = 0;

	(void)setlocale(LC_CTYPE, ""); /* for the editing of more than ASCII */
	rl_readline_name = "hashloom";
	rl_attempted_completion_function = complete;
	/* Ends when the user says so, or the terminal goes away. */
	while (result != COMMAND_QUIT && failure == 0) {
		char *const line = readline("hashloom> ");

		if (line == NULL) {
			(void)putchar('\n');
			result = COMMAND_QUIT;
		} else {
			if (*line != '\0')
				add_history(line);
			result = command_run(store, options, line, strlen(line));
			free(line);
		}
		failure = output_flush();
	}
	return failure == 0 ? STATUS_OK : STATUS_BAD_INPUT;
}

/* ---- from anywhere else ---------------------------------------------------------------------- */

static int session_on_pipe(struct kv_store *store, const struct kv_options *options)
{
	enum command_result result = COMMAND_DONE;
	int status = STATUS_OK;
	char *line = NULL;
	size_t line_room = 0;

	/* Ends with the input. */
	while (result != COMMAND_QUIT) {
		errno = 0;
		ssize_t n = getline(&line, &line_room, stdin);

		if (n < 0) {
			if (!feof(stdin)) {
				message("cannot read commands from standard input: %s",
					strerror(errno));
				status = STATUS_FAILED;
			}
			break;
		}
		if (n > 0 && line[n - 1] == '\n')
			n--;
		result = command_run(store, options, line, (size_t)n);
		if (result == COMMAND_WRONG)
			status = STATUS_BAD_INPUT;
		/* At once: who sends the commands may wait for the answer. */
		if (output_flush() != 0) {
			status = STATUS_BAD_INPUT;
			break;
		}
	}
	free(line);
	return status;
}

int kv_session(struct kv_store *store, const struct kv_options *options)
{
	if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1)
		return session_on_terminal(store, options);
	return session_on_pipe(store, options);
}
