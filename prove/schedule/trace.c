/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * trace.c: the last steps of a schedule, and how they are printed. The source lines come from the return addresses of the operations:
 * addr2line knows what was inlined into what.
 */
#define _GNU_SOURCE 1

#include "scheduler.h"

#include <link.h>
#include <stdio.h>
#include <unistd.h>

#define EVENTS_MAX 1024 /* that are printed: the last ones */
#define NOTE_SIZE 120

static struct event events[EVENTS_MAX];
static char notes[EVENTS_MAX][NOTE_SIZE]; /* of those that have no pc; apart, so that the others stay in the cache */
static size_t events_count;

void trace_begin_schedule(void)
{
	events_count = 0;
}

void trace_add(const struct event *event)
{
	events[events_count++ % EVENTS_MAX] = *event;
}

void trace_note(unsigned task, const char *text)
{
	const size_t at = events_count++ % EVENTS_MAX;

	events[at] = (struct event){ .task = task };
	snprintf(notes[at], NOTE_SIZE, "%s", text);
}

/* ---- source lines ---------------------------------------------------------------------------------------- */

static int find_base(struct dl_phdr_info *info, size_t size, void *base)
{
	(void)size;
	*(uintptr_t *)base = info->dlpi_addr;
	return 1; /* the program is the first */
}

static const char *file_of(const char *path)
{
	const char *const slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* One line of addr2line without its end; 0 at the end. */
static int read_line(FILE *pipe, char *line, size_t size)
{
	if (fgets(line, (int)size, pipe) == NULL)
		return 0;
	line[strcspn(line, "\n")] = '\0';
	char *const extra = strstr(line, " (discriminator");
	if (extra != NULL)
		*extra = '\0';
	return 1;
}

/* The seam and the wrapped words are in between; what is meant is who called them. */
static int is_seam(const char *place)
{
	return strncmp(place, "atomic.h:", 9) == 0 || strncmp(place, "schedule_seam.h:", 16) == 0;
}

static void add_frame(struct source_line *line, unsigned frame, const char *function, const char *place)
{
	const size_t used = strlen(line->text);

	if (frame == 0) {
		snprintf(line->place, sizeof(line->place), "%.90s", place);
		snprintf(line->text, sizeof(line->text), "%.80s %.90s", function, place);
	} else if (frame < 3) {
		snprintf(line->text + used, sizeof(line->text) - used, " < %.90s", place);
	}
}

static void add_seam(struct source_line *line, const char *function, const char *place)
{
	snprintf(line->place, sizeof(line->place), "%.40s(%.50s)", function, place);
	snprintf(line->text, sizeof(line->text), "%.80s %.90s", function, place);
}

/* Reads the frames of all addresses: the address, then function and place of each frame. */
static void read_frames(FILE *pipe, struct source_line *lines, size_t count)
{
	char function[200], place[300];
	size_t at = 0;
	unsigned frame = 0;

	while (read_line(pipe, function, sizeof(function))) {
		if (strncmp(function, "0x", 2) == 0) {
			at++;
			frame = 0;
		} else if (read_line(pipe, place, sizeof(place)) && at > 0 && at <= count) {
			if (!is_seam(file_of(place)))
				add_frame(&lines[at - 1], frame++, function, file_of(place));
			else if (frame == 0) /* the debugger's data may name no other */
				add_seam(&lines[at - 1], function, file_of(place));
		}
	}
}

void trace_resolve(struct source_line *lines, size_t count)
{
	char name[] = "/tmp/hashloom-schedule-XXXXXX";
	char command[400], program[300];
	uintptr_t base = 0;
	const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	const int file = mkstemp(name);

	if (file < 0 || length < 0)
		return;
	program[length] = '\0';
	dl_iterate_phdr(find_base, &base);
	for (size_t i = 0; i < count; i++) {
		lines[i].text[0] = lines[i].place[0] = '\0';
		/* the call, not what follows it */
		dprintf(file, "0x%zx\n", (size_t)((uintptr_t)lines[i].pc - base - 1));
	}
	close(file);
	snprintf(command, sizeof(command), "addr2line -a -f -i -e '%s' < %s", program, name);
	FILE *const pipe = popen(command, "r");
	if (pipe != NULL) {
		read_frames(pipe, lines, count);
		pclose(pipe);
	}
	unlink(name);
}

/* ---- printing -------------------------------------------------------------------------------------------- */

static const struct source_line *line_of(const struct source_line *lines, size_t count, const void *pc)
{
	for (size_t i = 0; i < count; i++)
		if (lines[i].pc == pc)
			return &lines[i];
	return NULL;
}

/* The different addresses of the steps, with their lines. Returns how many. */
static size_t resolve_events(struct source_line *lines, size_t first)
{
	size_t count = 0;

	for (size_t i = first; i < events_count; i++) {
		const void *const pc = events[i % EVENTS_MAX].pc;

		if (pc != NULL && line_of(lines, count, pc) == NULL)
			lines[count++].pc = pc;
	}
	trace_resolve(lines, count);
	return count;
}

static void print_event(size_t number, const struct source_line *line)
{
	const struct event *const event = &events[number % EVENTS_MAX];
	char place[80], what[80];
	const char *const task = event->task == MAIN_TASK ? "main" : "";

	printf("%6zu  %s", number, task);
	if (event->task != MAIN_TASK)
		printf("T%u  ", event->task);
	if (event->pc == NULL) {
		printf("  * %s\n", notes[number % EVENTS_MAX]);
		return;
	}
	snprintf(what, sizeof(what), "%s %s", event->what, event->order);
	printf("  %-22s %-24s", what, arena_place(event->word, place, sizeof(place)));
	if (event->is_stale)
		printf(" sees old %llx, not %llx", (unsigned long long)event->after, (unsigned long long)event->before);
	else if (event->before == event->after)
		printf(" %llx", (unsigned long long)event->after);
	else
		printf(" %llx -> %llx", (unsigned long long)event->before, (unsigned long long)event->after);
	printf("   %s\n", line == NULL ? "" : line->text);
}

void trace_print(void)
{
	static struct source_line lines[EVENTS_MAX];
	const size_t first = events_count > EVENTS_MAX ? events_count - EVENTS_MAX : 0;
	const size_t count = resolve_events(lines, first);
	unsigned task = TASKS_MAX;

	for (size_t i = first; i < events_count; i++) {
		const struct event *const event = &events[i % EVENTS_MAX];

		if (event->task != task)
			printf("\n");
		task = event->task;
		print_event(i, line_of(lines, count, event->pc));
	}
}
