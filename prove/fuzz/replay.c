/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * replay.c: a fuzz target's main without an engine: runs each file that the command line names, and each file of each
 * directory in it, once. With any compiler; this is how `make test` replays the corpora.
 */
#include "input.h"

#include <dirent.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

static unsigned long runs;

/* Returns 0, or 1 after a message. */
static int replay_file(const char *path, size_t size)
{
	/* A block of just this size, so that a sanitizer sees who reads past it. */
	uint8_t *const data = malloc(size > 0 ? size : 1);
	FILE *const file = fopen(path, "rb");
	int status = 1;

	if (data == NULL || file == NULL || fread(data, 1, size, file) != size) {
		perror(path);
	} else {
		(void)LLVMFuzzerTestOneInput(data, size);
		runs++;
		status = 0;
	}
	if (file != NULL)
		(void)fclose(file);
	free(data);
	return status;
}

static int replay(const char *path);

static int replay_directory(const char *path)
{
	DIR *const directory = opendir(path);
	char name[PATH_SIZE];
	int status = 0;

	if (directory == NULL) {
		perror(path);
		return 1;
	}
	/* Ends with the directory. */
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		status |= replay(name);
	}
	(void)closedir(directory);
	return status;
}

static int replay(const char *path)
{
	struct stat about;

	if (stat(path, &about) != 0) {
		perror(path);
		return 1;
	}
	return S_ISDIR(about.st_mode) ? replay_directory(path) : replay_file(path, (size_t)about.st_size);
}

int main(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++)
		status |= replay(argv[i]);
	(void)printf("%lu inputs\n", runs);
	/* A corpus that is not there would be a test that cannot fail. */
	return runs == 0 ? 1 : status;
}
