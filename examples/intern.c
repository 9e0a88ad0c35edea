/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * intern.c: a graph of host names. Each name is stored once; an edge keeps two ids, 8 bytes, and the
 * value beside a name counts its edges.
 */
#include <stdio.h>
#include <string.h>

#include <hashloom/intern.h>

static const char *const routes[][2] = {
	{"weaver.example.org", "loom.example.org"},
	{"spinner.example.org", "loom.example.org"},
	{"loom.example.org", "cloth.example.net"},
	{"weaver.example.org", "cloth.example.net"},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static struct hashloom_bytes bytes_of(const char *text)
{
	return (struct hashloom_bytes){text, strlen(text)};
}

int main(void)
{
	const struct hashloom_intern_config config = {.strings_expected = 1000,
						      .value_size = sizeof(uint64_t)};
	struct hashloom_intern *names;
	uint32_t edges[ROUTES][2];
	uint64_t position = 0;
	uint32_t id;

	if (hashloom_intern_create(&config, &names) != HASHLOOM_OK)
		return 1;
	for (size_t i = 0; i < ROUTES; i++) {
		const struct hashloom_bytes ends[2] = {bytes_of(routes[i][0]), bytes_of(routes[i][1])};
		int results[2];

		(void)hashloom_intern_count_batch(names, ends, NULL, 2, edges[i], results);
		if (results[0] < 0 || results[1] < 0)
			return 1;
	}
	printf("%d edges between %zu hosts\n", ROUTES, hashloom_intern_count(names));

	/* From the id back to the name. */
	const char *const name = hashloom_intern_bytes(names, edges[2][0], NULL);
	printf("edge 2 begins at %s\n", name);
	printf("edge 0 ends there, too: %s\n", edges[0][1] == edges[2][0] ? "yes" : "no");
	while (hashloom_intern_next(names, &position, UINT64_MAX, &id, NULL) != NULL)
		if (*(uint64_t *)hashloom_intern_value(names, id) == 3)
			printf("3 edges: %s\n", (const char *)hashloom_intern_bytes(names, id, NULL));
	if (hashloom_intern_find(names, "dyer.example.org", 16, &id) == 0)
		puts("dyer.example.org: no such host");
	hashloom_intern_destroy(names);
	return 0;
}
