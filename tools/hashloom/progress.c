/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"

#define REDRAW_NS (NS_PER_SECOND / 10)
#define BAR_CELLS 24
#define LINE_SIZE 160
#define PERCENT_ALL 100

void progress_begin(struct progress *progress, const char *doing, const char *things,
		    uint64_t bytes_total)
{
	*progress = (struct progress){.doing = doing,
				      .things = things,
				      .bytes_total = bytes_total,
				      .start_ns = clock_now_ns()};
	progress->wanted = isatty(STDERR_FILENO) == 1;
}

/* The columns that a line may fill without breaking. */
static int columns_usable(void)
{
	struct winsize window;

	memset(&window, 0, sizeof(window));
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
		return LINE_SIZE - 1;
	return window.ws_col > 1 ? window.ws_col - 1 : 1;
}

/* "[######------]  50%  ", or nothing when the size is not known. */
static void format_bar(char bar[LINE_SIZE], uint64_t bytes, uint64_t bytes_total)
{
	char cells[BAR_CELLS + 1];

	bar[0] = '\0';
	if (bytes_total == 0)
		return;
	/* A file that grows while it is read shall not break the bar. */
	const double part = bytes < bytes_total ? (double)bytes / (double)bytes_total : 1.0;
	const size_t full = (size_t)(part * BAR_CELLS);

	memset(cells, '#', full);
	memset(cells + full, '-', BAR_CELLS - full);
	cells[BAR_CELLS] = '\0';
	(void)snprintf(bar, LINE_SIZE, "[%s] %3d%%  ", cells, (int)(part * PERCENT_ALL));
}

static void draw(struct progress *progress, uint64_t count, uint64_t bytes, uint64_t now_ns)
{
	const double seconds = (double)(now_ns - progress->start_ns) / (double)NS_PER_SECOND;
	const double rate = seconds > 0 ? (double)count / seconds : 0;
	char bar[LINE_SIZE];
	char line[2 * LINE_SIZE];

	format_bar(bar, bytes, progress->bytes_total);
	(void)snprintf(line, sizeof(line), "%s %s%llu %s  %.0f/s", progress->doing, bar,
		       (unsigned long long)count, progress->things, rate);
	int columns = (int)strlen(line);
	const int usable = columns_usable();

	if (columns > usable)
		columns = usable;
	/* Blanks over what is left of a longer line. */
	const int rest = progress->drawn_columns > columns ? progress->drawn_columns - columns : 0;

	(void)fprintf(stderr, "\r%.*s%*s", columns, line, rest, "");
	progress->drawn_columns = columns;
	progress->drawn_ns = now_ns;
}

void progress_update(struct progress *progress, uint64_t count, uint64_t bytes)
{
	if (!progress->wanted)
		return;
	const uint64_t now_ns = clock_now_ns();

	if (progress->drawn_ns == 0 || now_ns - progress->drawn_ns >= REDRAW_NS)
		draw(progress, count, bytes, now_ns);
}

void progress_hide(struct progress *progress)
{
	if (progress->drawn_columns == 0)
		return;
	(void)fprintf(stderr, "\r%*s\r", progress->drawn_columns, "");
	progress->drawn_columns = 0;
}
