/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * program.h: what the targets share that feed the program hashloom: files that are none on a disk, and a call of a
 * subcommand whose standard streams are memory.
 */
#ifndef HL_FUZZ_PROGRAM_H
#define HL_FUZZ_PROGRAM_H

#include "input.h"

#include <getopt.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROGRAM_NAME_SIZE 32
/* As much as a pipe takes that nobody reads yet. */
#define PROGRAM_PIPE_MAX ((size_t)60000)

/* A file of memory, or a pipe that holds all there is to come. */
struct program_file {
	int fd;
	char name[PROGRAM_NAME_SIZE];
};

static inline void program_write(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) { /* ends: each turn writes some */
		const ssize_t written = write(fd, at, n);

		expect(written > 0);
		at += written;
		n -= (size_t)written;
	}
}

static inline struct program_file program_file(const void *bytes, size_t n, int is_pipe)
{
	struct program_file file;
	int ends[2];

	if (is_pipe && n <= PROGRAM_PIPE_MAX) {
		expect(pipe(ends) == 0);
		program_write(ends[1], bytes, n);
		(void)close(ends[1]);
		file.fd = ends[0];
	} else {
		file.fd = memfd_create("fuzz", MFD_CLOEXEC);
		expect(file.fd >= 0);
		program_write(file.fd, bytes, n);
	}
	(void)snprintf(file.name, sizeof(file.name), "/proc/self/fd/%d", file.fd);
	return file;
}

static inline void program_file_close(const struct program_file *file)
{
	(void)close(file->fd);
}

/* What a call of the program has come to. */
struct program_result {
	int status;
	char *output;
	size_t output_size;
};

/* Runs a subcommand. argv ends with NULL; argv[0] is its name. The caller frees the output. */
static inline struct program_result program_run(int (*subcommand)(int argc, char **argv), char **argv, const void *input, size_t n)
{
	struct program_result result = { 0, NULL, 0 };
	FILE *const streams[] = { stdin, stdout, stderr };
	char *errors = NULL;
	size_t errors_size = 0;
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	stdin = n > 0 ? fmemopen((void *)(uintptr_t)input, n, "r") : fopen("/dev/null", "r");
	stdout = open_memstream(&result.output, &result.output_size);
	stderr = open_memstream(&errors, &errors_size);
	expect(stdin != NULL && stdout != NULL && stderr != NULL);
	optind = 0; /* getopt begins anew */
	result.status = subcommand(argc, argv);
	(void)fclose(stdin);
	(void)fclose(stdout);
	(void)fclose(stderr);
	stdin = streams[0];
	stdout = streams[1];
	stderr = streams[2];
	free(errors);
	expect(result.output != NULL);
	expect(result.status >= 0 && result.status <= 2);
	return result;
}

/* ---- lines and keys, as the oracles see them -------------------------------------------------------- */

struct line {
	const char *bytes;
	size_t n;
};

/* Takes a line without its newline from *rest; 0: there was none. */
static inline int take_line(struct line *rest, struct line *line)
{
	if (rest->n == 0)
		return 0;
	const char *const newline = memchr(rest->bytes, '\n', rest->n);

	*line = (struct line){ rest->bytes, newline == NULL ? rest->n : (size_t)(newline - rest->bytes) };
	const size_t taken = line->n + (newline != NULL);

	rest->bytes += taken;
	rest->n -= taken;
	return 1;
}

static inline int line_is(struct line line, const char *text)
{
	return line.n == strlen(text) && memcmp(line.bytes, text, line.n) == 0;
}

static inline int line_begins(struct line line, const char *text)
{
	return line.n >= strlen(text) && memcmp(line.bytes, text, strlen(text)) == 0;
}

/* 1 and the key, or 0: it is none. */
HL_UNUSED static int parse_key(struct line text, unsigned base, uint64_t *key)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	__extension__ unsigned __int128 number = 0;

	if (text.n == 0)
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		const char *const at = text.bytes[i] == '\0' ? NULL : strchr(digits, text.bytes[i]);
		const unsigned value = at == NULL ? base : (unsigned)(at - digits) - (at - digits >= 36 ? 26U : 0U);

		if (value >= base)
			return 0;
		if (number <= UINT64_MAX)
			number = number * base + value;
	}
	*key = (uint64_t)number;
	return number <= UINT64_MAX - 4;
}

#endif
