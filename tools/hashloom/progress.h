/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* progress.h: a progress bar on standard error, if that is a terminal; otherwise nothing. */
#ifndef HASHLOOM_TOOL_PROGRESS_H
#define HASHLOOM_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *doing;    /* "loading" */
	const char *things;   /* "records" */
	uint64_t bytes_total; /* 0: unknown */
	uint64_t start_ns;
	uint64_t drawn_ns; /* when it was drawn last */
	int drawn_columns; /* 0: nothing is to be seen */
	bool wanted;
};

void progress_begin(struct progress *progress, const char *doing, const char *things,
		    uint64_t bytes_total);

/* Draws it anew, if the last time is long enough ago. */
void progress_update(struct progress *progress, uint64_t count, uint64_t bytes);

/* Wipes it from the terminal: before a message, and at the end. */
void progress_hide(struct progress *progress);

#endif
