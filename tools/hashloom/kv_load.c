/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * kv_load.c: a loop of puts, N of them in flight.
 *
 * There are N lanes. A lane is a future of our own that takes the next record, polls its put to the
 * end, takes the next record, and completes when there is none. The runtime waits for all lanes at
 * once, so N puts are in flight all the time, not only at the beginning of a batch:
 *
 *     lines ──> take_record() ──┬─> lane 0: put k0 ... put k3 ... put k5
 *                               ├─> lane 1: put k1 .................. put k6
 *                               └─> lane 2: put k2 ... put k4 ...
 *
 * Puts of different lanes end in any order. Of two lines with one key the first is to be kept; so
 * records are handed out in the order of the lines, and none is, as long as a put of its key is in
 * flight. Lanes that come for a record meanwhile are parked. The lane whose put held the key comes
 * for the record itself, in the poll that ends the put; and each lane that gets a record, or finds
 * that there is none, wakes one parked lane, to see whether there is one more. So no wake is lost,
 * and a file of nothing but one key costs two polls a line, however many lanes are parked.
 *
 * Reading may block and a task must not; so lanes work on the lines of one kv_source_next(), and
 * the next lines are read when all lanes are complete. That also keeps the values in place while
 * they are copied.
 */
#include "kv_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "key_set.h"
#include "message.h"
#include "progress.h"

/* Look at the clock once in so many lines or bytes. */
#define PROGRESS_LINES 256
#define PROGRESS_BYTES ((size_t)1 << 18)
/* The shortest lines that occupy a lane: a digit, a delimiter, a newline. */
#define RECORD_SIZE_MIN 3

struct lane;

struct record {
	const char *value;
	size_t size;
	uint64_t key;
	uint64_t line;
};

struct loader {
	const struct kv_options *options;
	struct kv_store *store;
	const struct kv_source *source;
	struct kv_load_report *report;
	const char *next;      /* line that nobody has looked at */
	const char *end;       /* of the lines at hand */
	struct record waiting; /* the next record, until its key is not in flight */
	bool has_waiting;
	bool out_of_memory;
	uint64_t line;
	uint64_t bytes;       /* of the lines looked at */
	size_t unshown_lines; /* since the clock was looked at */
	size_t unshown_bytes;
	struct key_set keys; /* in flight */
	struct lane *parked; /* wait for `waiting` */
	struct progress progress;
};

struct lane {
	struct loader *loader;
	struct record record;
	struct key_node key;
	struct async_hash_map_put_fut put;
	bool has_put;
	bool is_parked;
	struct future_waker waker; /* of a parked lane */
	struct lane *next_parked;
};

struct lane_output {
	uint64_t puts;
};

FUTURE(lane_fut, struct lane, struct lane_output);

/* ---- lines ----------------------------------------------------------------------------------- */

static void reject(struct loader *loader, uint64_t line, const char *reason)
{
	progress_hide(&loader->progress);
	(void)fprintf(stderr, "%s:%llu: %s\n", loader->source->name, (unsigned long long)line,
		      reason);
	loader->report->rejected++;
}

static uint64_t records_done(const struct kv_load_report *report)
{
	return report->loaded + report->duplicates;
}

static void show_progress(struct loader *loader, size_t line_size)
{
	loader->bytes += line_size;
	loader->unshown_lines++;
	loader->unshown_bytes += line_size;
	if (loader->unshown_lines < PROGRESS_LINES && loader->unshown_bytes < PROGRESS_BYTES)
		return;
	loader->unshown_lines = 0;
	loader->unshown_bytes = 0;
	progress_update(&loader->progress, records_done(loader->report), loader->bytes);
}

/* Takes a line apart. Returns whether it is a record; if not, it was reported. */
static bool parse_line(struct loader *loader, const char *line, size_t n, struct record *record)
{
	const struct kv_options *const options = loader->options;
	const char *const delimiter = memchr(line, options->delimiter, n);
	char reason[KEY_REASON_SIZE];

	if (delimiter == NULL) {
		char quoted[QUOTE_SIZE];

		(void)snprintf(reason, sizeof(reason), "no delimiter %s in the line",
			       quote(&options->delimiter, 1, quoted));
		reject(loader, loader->line, reason);
		return false;
	}
	const size_t key_size = (size_t)(delimiter - line);
	const enum key_result result = key_parse(line, key_size, options->key_base, &record->key);

	if (result != KEY_OK) {
		reject(loader, loader->line,
		       key_reason(result, line, key_size, options->key_base, reason));
		return false;
	}
	record->value = delimiter + 1;
	record->size = n - key_size - 1;
	record->line = loader->line;
	return true;
}

static bool next_line(struct loader *loader, struct record *record)
{
	const char *const line = loader->next;
	const char *const newline = memchr(line, '\n', (size_t)(loader->end - line));
	const char *const line_end = newline == NULL ? loader->end : newline;

	loader->next = newline == NULL ? loader->end : newline + 1;
	loader->line++;
	show_progress(loader, (size_t)(loader->next - line));
	return parse_line(loader, line, (size_t)(line_end - line), record);
}

enum intake {
	INTAKE_RECORD,
	INTAKE_LATER, /* a put of the next record's key is in flight */
	INTAKE_END,
};

static enum intake take_record(struct loader *loader, struct record *record)
{
	if (loader->out_of_memory)
		return INTAKE_END;
	while (!loader->has_waiting) { /* ends: each turn takes a line */
		if (loader->next == loader->end)
			return INTAKE_END;
		loader->has_waiting = next_line(loader, &loader->waiting);
	}
	if (key_set_contains(&loader->keys, loader->waiting.key))
		return INTAKE_LATER;
	*record = loader->waiting;
	loader->has_waiting = false;
	return INTAKE_RECORD;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

/* Waits for wake_parked(); without a notifier for the next poll, which will come anyway. */
static enum future_state lane_park(struct lane *lane, struct future_notifier *notifier)
{
	struct loader *const loader = lane->loader;

	if (notifier == NULL)
		return FUTURE_STATE_RUNNING;
	lane->waker = notifier->waker;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	if (!lane->is_parked) {
		lane->is_parked = true;
		lane->next_parked = loader->parked;
		loader->parked = lane;
	}
	return FUTURE_STATE_RUNNING;
}

static void wake_parked(struct loader *loader)
{
	struct lane *const lane = loader->parked;

	if (lane == NULL)
		return;
	loader->parked = lane->next_parked;
	lane->is_parked = false;
	FUTURE_WAKER_WAKE(&lane->waker);
}

/*
 * The put did something, is not done and waits for nothing: it wants to let others run while memory
 * is fetched for it. A runtime takes a future that says just RUNNING for one that waits, and
 * pauses. So the lane wakes itself.
 */
static enum future_state lane_yield(struct future_notifier *notifier)
{
	if (notifier != NULL && notifier->notifier_used == FUTURE_NOTIFIER_NONE) {
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
		FUTURE_WAKER_WAKE(&notifier->waker);
	}
	return FUTURE_STATE_RUNNING;
}

static enum intake lane_begin(struct lane *lane)
{
	struct loader *const loader = lane->loader;
	struct record *const record = &lane->record;
	const enum intake intake = take_record(loader, record);

	if (intake != INTAKE_LATER)
		wake_parked(loader);
	if (intake != INTAKE_RECORD)
		return intake;
	lane->put = async_hash_map_put(loader->store->map, loader->store->vdm, record->key,
				       record->value, record->size);
	lane->key.key = record->key;
	key_set_add(&loader->keys, &lane->key);
	lane->has_put = true;
	return intake;
}

static void reject_put(struct loader *loader, uint64_t line, enum async_hash_map_status status)
{
	char reason[KEY_REASON_SIZE];

	if (status == ASYNC_HASH_MAP_FULL)
		(void)snprintf(reason, sizeof(reason), "the map is full (capacity %zu)",
			       async_hash_map_capacity(loader->store->map));
	else
		(void)snprintf(reason, sizeof(reason), "the put failed: %s",
			       async_hash_map_status_text(status));
	reject(loader, line, reason);
}

static void lane_end(struct lane *lane)
{
	struct loader *const loader = lane->loader;
	const enum async_hash_map_status status = FUTURE_OUTPUT(&lane->put)->status;

	key_set_remove(&loader->keys, &lane->key);
	lane->has_put = false;
	kv_store_count_put(loader->store, status, lane->record.size);
	switch (status) {
	case ASYNC_HASH_MAP_OK:
		loader->report->loaded++;
		loader->report->bytes += lane->record.size;
		break;
	case ASYNC_HASH_MAP_EXISTS:
		loader->report->duplicates++;
		break;
	case ASYNC_HASH_MAP_NO_MEMORY:
		loader->out_of_memory = true;
		break;
	case ASYNC_HASH_MAP_NOT_FOUND:
	case ASYNC_HASH_MAP_FULL:
	case ASYNC_HASH_MAP_INVALID_KEY:
	case ASYNC_HASH_MAP_MOVER_ERROR:
	default:
		reject_put(loader, lane->record.line, status);
		break;
	}
}

static enum future_state lane_task(struct future_context *context, struct future_notifier *notifier)
{
	struct lane *const lane = future_context_get_data(context);
	struct lane_output *const output = future_context_get_output(context);

	/* Ends: each turn ends a put, and there are no more of them than lines. */
	for (;;) {
		/* What the put before left in it is over. */
		if (notifier != NULL)
			notifier->notifier_used = FUTURE_NOTIFIER_NONE;
		const bool begins = !lane->has_put;

		if (begins) {
			const enum intake intake = lane_begin(lane);

			if (intake == INTAKE_END)
				return FUTURE_STATE_COMPLETE;
			if (intake == INTAKE_LATER)
				return lane_park(lane, notifier);
		}
		if (future_poll(FUTURE_AS_RUNNABLE(&lane->put), notifier) != FUTURE_STATE_COMPLETE)
			return begins ? lane_yield(notifier) : FUTURE_STATE_RUNNING;
		lane_end(lane);
		output->puts++;
	}
}

/* The put knows whether somebody else works on it. */
static int lane_has_property(void *future, enum future_property property)
{
	struct lane *const lane = FUTURE_DATA((struct lane_fut *)future);

	if (!lane->has_put)
		return 0;
	return future_has_property(FUTURE_AS_RUNNABLE(&lane->put), property) == 1;
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Puts the lines at hand. lanes and runnables: as many as may be in flight. */
static void put_lines(struct loader *loader, struct lane_fut *lanes, struct future **runnables)
{
	const size_t records_max = (size_t)(loader->end - loader->next) / RECORD_SIZE_MIN + 1;
	const size_t in_flight = loader->options->in_flight;
	const size_t n = records_max < in_flight ? records_max : in_flight;

	for (size_t i = 0; i < n; i++) {
		lanes[i].data.loader = loader;
		lanes[i].data.has_put = false;
		lanes[i].data.is_parked = false;
		lanes[i].output.puts = 0;
		FUTURE_INIT_EXT(&lanes[i], lane_task, lane_has_property);
		runnables[i] = FUTURE_AS_RUNNABLE(&lanes[i]);
	}
	loader->parked = NULL;
	runtime_wait_multiple(loader->store->runtime, runnables, n);
}

static int load_source(struct loader *loader, struct kv_source *source, struct lane_fut *lanes,
		       struct future **runnables)
{
	int result = 0;
	size_t n = 0;

	progress_begin(&loader->progress, "loading", "records", source->size);
	progress_update(&loader->progress, 0, 0);
	/* Ends with the source. */
	while (!loader->out_of_memory &&
	       (result = kv_source_next(source, &loader->next, &n)) == 1) {
		loader->end = loader->next + n;
		put_lines(loader, lanes, runnables);
		progress_update(&loader->progress, records_done(loader->report), loader->bytes);
	}
	progress_hide(&loader->progress);
	if (!loader->out_of_memory)
		return result;
	message("out of memory: %llu records are loaded, and there is none for more",
		(unsigned long long)loader->report->loaded);
	return -1;
}

int kv_load(struct kv_store *store, struct kv_source *source, const struct kv_options *options,
	    struct kv_load_report *report)
{
	const size_t n = options->in_flight;
	struct loader loader = {
		.options = options, .store = store, .source = source, .report = report};
	struct lane_fut *const lanes = calloc(n, sizeof(*lanes));
	struct future **const runnables = calloc(n, sizeof(struct future *));
	int result = -1;

	*report = (struct kv_load_report){.loaded = 0};
	if (lanes != NULL && runnables != NULL && key_set_init(&loader.keys, n) == 0) {
		const uint64_t start_ns = clock_now_ns();

		result = load_source(&loader, source, lanes, runnables);
		report->time_ns = clock_now_ns() - start_ns;
		key_set_free(&loader.keys);
	} else {
		message("out of memory for %zu puts in flight", n);
	}
	free((void *)runnables);
	free(lanes);
	return result;
}
