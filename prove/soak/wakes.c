/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * wakes.c: many wakes, of which each one must lead to a poll (R.1, S.1).
 *
 *     wakes [--wakes N] [--workers N] [--seconds N]
 *
 * Players come in pairs. One throws a ball: it increments the other's `thrown` and calls the other's waker. The other one's poll catches
 * the ball, that is, sees `thrown`, and throws it back. A pair has one ball, so no later wake makes up for a lost one: its game would
 * stand still. A quarter of the wakes is among threads in runtime_wait(), the others among tasks of a runtime with workers: one half
 * of these from task to task, the other between a task and a thread that is none of the runtime's.
 *
 * Status 0: all balls were caught; 1: for so many seconds (default 60) none was, and who has missed what; 2: the arguments are wrong.
 */
#include <hashloom/runtime.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 4 /* of each kind */
#define LOOKS 100 /* of a thread, before it lets others have the CPU */

enum kind { TASKS, TASK_AND_THREAD, WAITS, KINDS };

struct player {
	struct player *other;
	hl_u64 thrown, woken; /* to this one; written by the other, before and after it calls the waker */
	hl_u64 caught; /* written by this one */
	hl_u32 has_waker, may_end;
	struct future_waker waker;
};

struct player_data {
	struct player *player;
	uint64_t balls;
};

struct player_output {
	uint64_t unused;
};

FUTURE(player_fut, struct player_data, struct player_output);

struct seat {
	struct player player;
	struct player_fut future;
	struct runtime_task task;
	pthread_t thread;
	int has_thread;
};

struct game {
	struct runtime *runtime;
	uint64_t balls;
	struct seat seats[KINDS][2 * PAIRS];
};

static void throw_to(struct player *player)
{
	/* release. pairs with the acquire in catch_ball() */
	hl_u64_store_release(&player->thrown, hl_u64_load_relaxed(&player->thrown) + 1);
	if (hl_u32_load_acquire(&player->has_waker))
		FUTURE_WAKER_WAKE(&player->waker);
	hl_u64_store_release(&player->woken, hl_u64_load_relaxed(&player->thrown));
}

/* 1: there was one, and it was thrown back, but for the last. */
static int catch_ball(struct player *player, uint64_t balls)
{
	const uint64_t caught = hl_u64_load_relaxed(&player->caught);

	if (hl_u64_load_acquire(&player->thrown) == caught)
		return 0;
	hl_u64_store_relaxed(&player->caught, caught + 1);
	if (hl_u64_load_relaxed(&player->other->thrown) < balls)
		throw_to(player->other);
	return 1;
}

static enum future_state play(struct future_context *context, struct future_notifier *notifier)
{
	const struct player_data *const data = future_context_get_data(context);
	struct player *const player = data->player;

	if (hl_u32_load_acquire(&player->may_end))
		return FUTURE_STATE_COMPLETE;
	if (!hl_u32_load_relaxed(&player->has_waker)) {
		player->waker = notifier->waker;
		hl_u32_store_release(&player->has_waker, 1);
	}
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	if (hl_u64_load_relaxed(&player->caught) < data->balls)
		(void)catch_ball(player, data->balls);
	return FUTURE_STATE_RUNNING;
}

static void *play_without_runtime(void *argument)
{
	struct seat *const seat = argument;
	unsigned looks = 0;

	while (hl_u64_load_relaxed(&seat->player.caught) < seat->future.data.balls) {
		if (catch_ball(&seat->player, seat->future.data.balls))
			looks = 0;
		else if (++looks % LOOKS == 0)
			sched_yield();
	}
	return NULL;
}

struct waiting {
	struct runtime *runtime;
	struct future *future;
};

static void *play_in_runtime_wait(void *argument)
{
	struct waiting *const waiting = argument;

	runtime_wait(waiting->runtime, waiting->future);
	free(waiting);
	return NULL;
}

static void die(const char *what)
{
	fprintf(stderr, "wakes: %s\n", what);
	exit(1);
}

static void start_thread(struct seat *seat, void *(*function)(void *), void *argument)
{
	seat->has_thread = 1;
	if (argument == NULL || pthread_create(&seat->thread, NULL, function, argument) != 0)
		die("no thread");
}

static void sit_down(struct game *game, enum kind kind, unsigned i)
{
	struct seat *const seat = &game->seats[kind][i];
	struct future *const future = FUTURE_AS_RUNNABLE(&seat->future);

	seat->player.other = &game->seats[kind][i ^ 1].player;
	seat->future.data = (struct player_data){ &seat->player, game->balls };
	FUTURE_INIT(&seat->future, play);
	if (kind == WAITS) {
		struct waiting *const waiting = malloc(sizeof(*waiting));

		if (waiting != NULL)
			*waiting = (struct waiting){ game->runtime, future };
		start_thread(seat, play_in_runtime_wait, waiting);
	} else if (kind == TASK_AND_THREAD && i % 2 == 1) {
		start_thread(seat, play_without_runtime, seat);
	} else if (runtime_spawn(game->runtime, &seat->task, future, NULL) != HASHLOOM_OK) {
		die("no task");
	}
}

static int is_plain_thread(enum kind kind, unsigned i)
{
	return kind == TASK_AND_THREAD && i % 2 == 1;
}

static void each_seat(struct game *game, void (*visit)(struct game *game, enum kind kind, unsigned i))
{
	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			visit(game, (enum kind)kind, i);
}

static void wait_for_waker(struct game *game, enum kind kind, unsigned i)
{
	while (!is_plain_thread(kind, i) && !hl_u32_load_acquire(&game->seats[kind][i].player.has_waker))
		sched_yield();
}

static void throw_first(struct game *game, enum kind kind, unsigned i)
{
	if (i % 2 == 0)
		throw_to(&game->seats[kind][i].player);
}

/* A waker may be called no more when its future was seen complete. */
static void wait_for_throws(struct game *game, enum kind kind, unsigned i)
{
	const struct player *const player = &game->seats[kind][i].player;

	while (hl_u64_load_acquire(&player->woken) != game->balls)
		sched_yield();
}

/* Nobody else calls this one's waker any more: the game is over. */
static void stand_up(struct game *game, enum kind kind, unsigned i)
{
	struct seat *const seat = &game->seats[kind][i];

	if (!is_plain_thread(kind, i)) {
		hl_u32_store_release(&seat->player.may_end, 1);
		FUTURE_WAKER_WAKE(&seat->player.waker);
	}
	if (seat->has_thread)
		pthread_join(seat->thread, NULL);
	else
		runtime_join(&seat->task);
}

static void report(struct game *game, enum kind kind, unsigned i)
{
	static const char *const names[] = { "tasks", "task and thread", "threads in runtime_wait()" };
	const struct player *const player = &game->seats[kind][i].player;

	if (hl_u64_load_relaxed(&player->caught) < hl_u64_load_relaxed(&player->thrown))
		fprintf(stderr, "wakes: %s: player %u does not see that ball %" PRIu64 " of %" PRIu64 " was thrown\n", names[kind], i,
			hl_u64_load_relaxed(&player->thrown), game->balls);
}

/* Balls that were caught. */
static uint64_t caught(const struct game *game)
{
	uint64_t sum = 0;

	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			sum += hl_u64_load_relaxed(&game->seats[kind][i].player.caught);
	return sum;
}

/* Until all are caught. Returns 0 if nothing happens for so long. */
static int watch(const struct game *game, unsigned seconds)
{
	const uint64_t all = game->balls * KINDS * 2 * PAIRS;
	const struct timespec pause = { .tv_nsec = 10000000 };
	uint64_t before = 0;

	for (unsigned quiet = 0; quiet < seconds * 100;) {
		const uint64_t now = caught(game);

		if (now == all)
			return 1;
		quiet = now == before ? quiet + 1 : 0;
		before = now;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int run(uint64_t wakes, unsigned workers, unsigned seconds)
{
	struct game *const game = calloc(1, sizeof(*game));
	struct runtime_cfg cfg = runtime_cfg_default();

	cfg.workers = workers;
	if (game == NULL || (game->runtime = runtime_new_cfg(&cfg)) == NULL)
		die("no memory, or no thread");
	game->balls = (wakes + KINDS * 2 * PAIRS - 1) / (KINDS * 2 * PAIRS);
	each_seat(game, sit_down);
	each_seat(game, wait_for_waker);
	each_seat(game, throw_first);
	if (!watch(game, seconds)) {
		each_seat(game, report);
		return 1;
	}
	each_seat(game, wait_for_throws);
	each_seat(game, stand_up);
	printf("%" PRIu64 " wakes, none was lost\n", caught(game));
	runtime_delete(game->runtime);
	free(game);
	return 0;
}

static uint64_t number(const char *text)
{
	char *end;
	const uint64_t value = text == NULL ? 0 : strtoull(text, &end, 10);

	if (value == 0 || *end != '\0') {
		fprintf(stderr, "usage: wakes [--wakes N] [--workers N] [--seconds N]\n");
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	uint64_t wakes = 1000000, workers = 2, seconds = 60;

	for (int i = 1; i < argc; i += 2) {
		uint64_t *const option = strcmp(argv[i], "--wakes") == 0   ? &wakes :
					 strcmp(argv[i], "--workers") == 0 ? &workers :
					 strcmp(argv[i], "--seconds") == 0 ? &seconds :
									     NULL;
		*(option != NULL ? option : &wakes) = number(option != NULL ? argv[i + 1] : NULL);
	}
	return run(wakes, (unsigned)workers, (unsigned)seconds);
}
