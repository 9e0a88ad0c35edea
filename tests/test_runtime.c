/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_runtime.c: the guarantees R.1 to R.7 of runtime.h.
 *
 * Method: actors, futures that count their polls, log their turn, and take the waker or not as
 * the test says. What a waker announces is plain memory, and an actor reads it only in the poll
 * that the wake leads to; so ThreadSanitizer sees a poll too many or a missing order, and the
 * poll counts show it in every build. A lost wake-up shows as a hang, which the alarm of
 * test_kit.h ends.
 */
#include "test_kit.h"

#include <sys/mman.h>

#include <hashloom/runtime.h>

/* ---- actors ---------------------------------------------------------------------------------- */

#define LOG_LENGTH_MAX 65536

struct log {
	size_t length;
	unsigned ids[LOG_LENGTH_MAX];
};

struct actor_data;

typedef enum future_state (*act_fn)(struct actor_data *actor, struct future_notifier *notifier);

struct actor_data {
	act_fn act;
	unsigned polls;
	unsigned polls_needed;
	unsigned id;
	int async;
	struct log *log;
	void *arg;
	struct future_waker waker; /* the last one given; published by `taken` */
	hl_u32 taken;              /* how often a waker was taken */
	unsigned announced;        /* plain: published by the wake */
	unsigned errors;
};

struct actor_output {
	unsigned polls;
};

FUTURE(actor, struct actor_data, struct actor_output);

static enum future_state actor_task(struct future_context *context,
				    struct future_notifier *notifier)
{
	struct actor_data *const actor = future_context_get_data(context);
	struct actor_output *const output = future_context_get_output(context);
	struct log *const log = actor->log;

	output->polls = ++actor->polls;
	if (log != NULL && log->length < LOG_LENGTH_MAX)
		log->ids[log->length++] = actor->id;
	return actor->act(actor, notifier);
}

static int actor_has_property(void *future, enum future_property property)
{
	const struct actor *const actor = future;

	return property == FUTURE_PROPERTY_ASYNC && actor->data.async;
}

static void actor_init(struct actor *actor, act_fn act, unsigned polls_needed)
{
	memset(actor, 0, sizeof(*actor));
	actor->data.act = act;
	actor->data.polls_needed = polls_needed;
	FUTURE_INIT_EXT(actor, actor_task, actor_has_property);
}

static enum future_state actor_state(const struct actor_data *actor)
{
	return actor->polls >= actor->polls_needed ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void take_waker(struct actor_data *actor, struct future_notifier *notifier)
{
	actor->waker = notifier->waker;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	hl_u32_fetch_add_release(&actor->taken, 1);
}

/* Completes after some polls, uses no notifier. */
static enum future_state act_in_turn(struct actor_data *actor, struct future_notifier *notifier)
{
	(void)notifier;
	return actor_state(actor);
}

/* Completes after some polls, each of which needs a wake and finds what it announced. */
static enum future_state act_woken(struct actor_data *actor, struct future_notifier *notifier)
{
	if (actor->polls > 1)
		actor->errors += actor->announced != actor->polls - 1;
	if (actor_state(actor) == FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_COMPLETE;
	take_waker(actor, notifier);
	return FUTURE_STATE_RUNNING;
}

/* Takes the waker and wakes itself. */
static enum future_state act_wake_itself(struct actor_data *actor, struct future_notifier *notifier)
{
	if (actor_state(actor) == FUTURE_STATE_COMPLETE)
		return FUTURE_STATE_COMPLETE;
	take_waker(actor, notifier);
	FUTURE_WAKER_WAKE(&actor->waker);
	return FUTURE_STATE_RUNNING;
}

/* Announces and wakes; `taken` must have been seen. */
static void wake_actor(struct actor_data *actor, unsigned announced)
{
	const struct future_waker waker = actor->waker;

	actor->announced = announced;
	FUTURE_WAKER_WAKE(&waker);
}

static void assert_done(const struct actor *actor, unsigned polls)
{
	assert_int_equal(FUTURE_STATE(actor), FUTURE_STATE_COMPLETE);
	assert_int_equal(actor->data.polls, polls);
	assert_int_equal(FUTURE_OUTPUT(actor)->polls, polls);
	assert_int_equal(actor->data.errors, 0);
}

/* ---- a stage: a runtime, actors, the array --------------------------------------------------- */

struct stage {
	struct runtime *runtime;
	struct actor *actors;
	struct future **futures;
	size_t n;
};

static struct stage stage_new(size_t n, act_fn act, unsigned polls_needed)
{
	struct stage stage = {.runtime = runtime_new(), .n = n};

	assert_non_null(stage.runtime);
	stage.actors = kit_zeroed(n, sizeof(*stage.actors));
	stage.futures = kit_zeroed(n, sizeof(struct future *));
	for (size_t i = 0; i < n; i++) {
		actor_init(&stage.actors[i], act, polls_needed);
		stage.actors[i].data.id = (unsigned)i;
		stage.futures[i] = FUTURE_AS_RUNNABLE(&stage.actors[i]);
	}
	return stage;
}

static void stage_wait(struct stage *stage)
{
	runtime_wait_multiple(stage->runtime, stage->futures, stage->n);
}

static void stage_delete(struct stage *stage)
{
	runtime_delete(stage->runtime);
	free(stage->actors);
	free(stage->futures);
}

/*
 * A thread that wakes actors, in random order, each `wakes` times, as soon as each has taken its
 * waker.
 */
struct puppeteer {
	struct actor *actors;
	size_t n;
	unsigned wakes;
	unsigned delay_us_below; /* before every fourth wake; 0: no delay */
	unsigned spins_below;    /* before every wake; 0: none */
	uint64_t random;
};

static void hesitate(struct puppeteer *puppeteer)
{
	if (puppeteer->delay_us_below > 0 && kit_random(&puppeteer->random) % 4 == 0)
		kit_sleep_us(kit_random_below(&puppeteer->random, puppeteer->delay_us_below));
	if (puppeteer->spins_below > 0)
		for (size_t i = kit_random_below(&puppeteer->random, puppeteer->spins_below); i > 0;
		     i--)
			hl_relax();
}

static void *puppeteer_run(void *arg)
{
	struct puppeteer *const puppeteer = arg;
	size_t *const order = calloc(puppeteer->n, sizeof(*order));

	for (unsigned wake = 1; order != NULL && wake <= puppeteer->wakes; wake++) {
		kit_shuffle(order, puppeteer->n, &puppeteer->random);
		for (size_t i = 0; i < puppeteer->n; i++) {
			struct actor_data *const actor = &puppeteer->actors[order[i]].data;

			kit_wait_for(&actor->taken, wake);
			hesitate(puppeteer);
			wake_actor(actor, wake);
		}
	}
	free(order);
	return NULL;
}

/* ---- R.1: no wake-up is lost ----------------------------------------------------------------- */

static void test_R1_wake_from_inside_of_the_task(void **state)
{
	struct stage stage = stage_new(3, act_wake_itself, 500);

	(void)state;
	stage_wait(&stage);
	for (size_t i = 0; i < stage.n; i++)
		assert_done(&stage.actors[i], 500);
	stage_delete(&stage);
}

/* Returns only after another thread has called the waker, which `arg` counts. */
static enum future_state act_woken_during_poll(struct actor_data *actor,
					       struct future_notifier *notifier)
{
	const enum future_state state = act_woken(actor, notifier);

	if (state != FUTURE_STATE_COMPLETE)
		kit_wait_for(actor->arg, actor->polls);
	return state;
}

struct interrupter {
	struct actor_data *actor;
	hl_u32 woken;
	unsigned wakes;
	unsigned calls; /* of the waker, each time */
};

static void *interrupter_run(void *arg)
{
	struct interrupter *const interrupter = arg;

	for (unsigned wake = 1; wake <= interrupter->wakes; wake++) {
		kit_wait_for(&interrupter->actor->taken, wake);
		const struct future_waker waker = interrupter->actor->waker;

		interrupter->actor->announced = wake;
		for (unsigned call = 0; call < interrupter->calls; call++)
			FUTURE_WAKER_WAKE(&waker);
		hl_u32_fetch_add_release(&interrupter->woken, 1);
	}
	return NULL;
}

static void test_R1_wake_during_the_poll(void **state)
{
	(void)state;
	for (unsigned calls = 1; calls <= 3; calls++) {
		struct stage stage = stage_new(1, act_woken_during_poll, 201);
		struct interrupter interrupter = {&stage.actors[0].data, {0}, 200, calls};

		stage.actors[0].data.arg = &interrupter.woken;
		const pthread_t thread = kit_start(interrupter_run, &interrupter);
		stage_wait(&stage);
		kit_join(thread);
		assert_done(&stage.actors[0], 201);
		stage_delete(&stage);
	}
}

static void wait_with_puppeteer(size_t n, unsigned wakes, unsigned delay_us_below,
				unsigned spins_below, uint64_t random)
{
	struct stage stage = stage_new(n, act_woken, wakes + 1);
	struct puppeteer puppeteer = {stage.actors, n, wakes, delay_us_below, spins_below, random};
	const pthread_t thread = kit_start(puppeteer_run, &puppeteer);

	stage_wait(&stage);
	kit_join(thread);
	for (size_t i = 0; i < n; i++)
		assert_done(&stage.actors[i], wakes + 1);
	stage_delete(&stage);
}

static void test_R1_wake_after_the_poll(void **state)
{
	uint64_t random = kit_seed();

	(void)state;
	wait_with_puppeteer(1, 200, 400, 0, kit_random(&random));
	wait_with_puppeteer(7, 50, 200, 0, kit_random(&random));
	wait_with_puppeteer(300, 10, 0, 0, kit_random(&random));
}

/* The narrow window: the wake comes while the poll returns and while the thread goes to sleep. */
static void test_R1_stress_of_wake_and_sleep(void **state)
{
	uint64_t random = kit_seed();

	(void)state;
	wait_with_puppeteer(1, KIT_REPEAT(40000), 0, 0, kit_random(&random));
	wait_with_puppeteer(2, KIT_REPEAT(20000), 0, 0, kit_random(&random));
	wait_with_puppeteer(1, KIT_REPEAT(40000), 0, 200, kit_random(&random));
	wait_with_puppeteer(3, KIT_REPEAT(10000), 0, 200, kit_random(&random));
	wait_with_puppeteer(1, KIT_REPEAT(2000), 30, 50, kit_random(&random));
}

/* What two threads say to one actor, each before its own wake. */
struct news {
	unsigned said[2]; /* plain */
	hl_u32 called;    /* wakes that have returned; relaxed, orders nothing */
};

/*
 * Waits until both have called, then asks to be polled in turn once more: by then both wakes have
 * led to a poll, this one at the latest, also the wake that found the other one still on its way.
 */
static enum future_state act_hear_both(struct actor_data *actor, struct future_notifier *notifier)
{
	const struct news *const news = actor->arg;

	if (actor->async) {
		actor->errors += news->said[0] != 1 || news->said[1] != 2;
		return FUTURE_STATE_COMPLETE;
	}
	if (hl_u32_load_relaxed(&news->called) == 2) {
		actor->async = 1;
		return FUTURE_STATE_RUNNING;
	}
	if (actor->polls == 1)
		take_waker(actor, notifier);
	else
		actor->errors += notifier->waker.data != actor->waker.data;
	notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return FUTURE_STATE_RUNNING;
}

struct speaker {
	struct stage *stage;
	unsigned index;
};

static void *speaker_run(void *arg)
{
	const struct speaker *const speaker = arg;

	for (size_t i = 0; i < speaker->stage->n; i++) {
		struct actor_data *const actor = &speaker->stage->actors[i].data;
		struct news *const news = actor->arg;

		kit_wait_for(&actor->taken, 1);
		news->said[speaker->index] = speaker->index + 1;
		FUTURE_WAKER_WAKE(&actor->waker);
		hl_u32_fetch_add_relaxed(&news->called, 1);
		/* Between the wake and the count the actor may have looked; it is to look again. */
		FUTURE_WAKER_WAKE(&actor->waker);
	}
	return NULL;
}

static void test_R1_each_wake_brings_its_news(void **state)
{
	struct stage stage = stage_new(KIT_REPEAT(4000), act_hear_both, 0);
	struct news *const news = kit_zeroed(stage.n, sizeof(*news));
	struct speaker speakers[2] = {{&stage, 0}, {&stage, 1}};

	(void)state;
	for (size_t i = 0; i < stage.n; i++)
		stage.actors[i].data.arg = &news[i];
	const pthread_t threads[2] = {kit_start(speaker_run, &speakers[0]),
				      kit_start(speaker_run, &speakers[1])};
	stage_wait(&stage);
	kit_join(threads[0]);
	kit_join(threads[1]);
	for (size_t i = 0; i < stage.n; i++) {
		assert_int_equal(FUTURE_STATE(&stage.actors[i]), FUTURE_STATE_COMPLETE);
		assert_int_equal(stage.actors[i].data.errors, 0);
	}
	stage_delete(&stage);
	free(news);
}

/* Wakes the actor `arg` twice at its second poll and once at its last but one. */
static enum future_state act_wake_another(struct actor_data *actor,
					  struct future_notifier *notifier)
{
	struct actor_data *const other = actor->arg;

	(void)notifier;
	if (actor->polls == 2) {
		wake_actor(other, 1);
		wake_actor(other, 1);
	} else if (actor->polls + 1 == actor->polls_needed) {
		wake_actor(other, 2);
	}
	return actor_state(actor);
}

static void test_R1_two_wakes_before_a_poll_lead_to_one(void **state)
{
	(void)state;
	for (size_t waker_index = 0; waker_index < 2; waker_index++) {
		struct stage stage = stage_new(2, act_woken, 3);
		struct actor *const other = &stage.actors[1 - waker_index];
		struct actor *const waking = &stage.actors[waker_index];

		actor_init(waking, act_wake_another, 20);
		waking->data.arg = &other->data;
		stage_wait(&stage);
		assert_done(other, 3);
		assert_done(waking, 20);
		stage_delete(&stage);
	}
}

/* ---- R.2: only what was woken is polled ------------------------------------------------------ */

static void test_R2_one_poll_for_each_wake_while_others_are_busy(void **state)
{
	enum { WOKEN = 40 };
	struct stage stage = stage_new(80, act_in_turn, 60);
	struct puppeteer puppeteers[2] = {{stage.actors, WOKEN / 2, 10, 0, 100, 1},
					  {stage.actors + WOKEN / 2, WOKEN / 2, 10, 0, 100, 2}};

	(void)state;
	for (size_t i = 0; i < WOKEN; i++)
		actor_init(&stage.actors[i], act_woken, 11);
	for (size_t i = WOKEN; i < stage.n; i++)
		stage.actors[i].data.async = i % 2 == 1;
	const pthread_t threads[2] = {kit_start(puppeteer_run, &puppeteers[0]),
				      kit_start(puppeteer_run, &puppeteers[1])};
	stage_wait(&stage);
	kit_join(threads[0]);
	kit_join(threads[1]);
	for (size_t i = 0; i < stage.n; i++)
		assert_done(&stage.actors[i], i < WOKEN ? 11 : 60);
	stage_delete(&stage);
}

/* Takes the waker at odd polls (where it wakes itself), none at even ones. */
static enum future_state act_now_and_then(struct actor_data *actor,
					  struct future_notifier *notifier)
{
	return actor->polls % 2 == 1 ? act_wake_itself(actor, notifier)
				     : act_in_turn(actor, notifier);
}

static void test_R2_waker_taken_now_and_then(void **state)
{
	struct stage stage = stage_new(70, act_now_and_then, 100);

	(void)state;
	for (size_t i = 0; i < stage.n; i++)
		stage.actors[i].data.async = i % 3 == 0;
	stage_wait(&stage);
	for (size_t i = 0; i < stage.n; i++)
		assert_done(&stage.actors[i], 100);
	stage_delete(&stage);
}

/* ---- R.3: rounds ----------------------------------------------------------------------------- */

static void assert_log(const struct log *log, size_t from, const unsigned *ids, size_t n)
{
	assert_true(log->length >= from + n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(log->ids[from + i], ids[i]);
}

static void test_R3_asynchronous_ones_first_each_group_in_order(void **state)
{
	static struct log log;
	static const unsigned round[] = {1, 3, 4, 0, 2, 5};
	struct stage stage = stage_new(6, act_in_turn, 5);

	(void)state;
	log.length = 0;
	for (size_t i = 0; i < stage.n; i++) {
		stage.actors[i].data.log = &log;
		stage.actors[i].data.async = i == 1 || i == 3 || i == 4;
	}
	stage_wait(&stage);
	assert_int_equal(log.length, 5 * 6);
	for (size_t i = 0; i < 5; i++)
		assert_log(&log, 6 * i, round, 6);
	stage_delete(&stage);
}

static enum future_state act_change_property(struct actor_data *actor,
					     struct future_notifier *notifier)
{
	(void)notifier;
	actor->async = !actor->async;
	return actor_state(actor);
}

static void test_R3_the_property_is_asked_anew(void **state)
{
	static struct log log;
	static const unsigned expected[] = {1, 0, 2, 0, 2, 1, 1, 0, 2, 0, 2, 1};
	struct stage stage = stage_new(3, act_change_property, 4);

	(void)state;
	log.length = 0;
	for (size_t i = 0; i < stage.n; i++)
		stage.actors[i].data.log = &log;
	stage.actors[1].data.async = 1;
	stage_wait(&stage);
	assert_int_equal(log.length, KIT_COUNT(expected));
	assert_log(&log, 0, expected, KIT_COUNT(expected));
	stage_delete(&stage);
}

/*
 * A model: the director, last in the array and not asynchronous, is polled last in each round. It
 * compares the round's log with what it expects, changes properties, wakes some actors in random
 * order, some twice, and writes down who is due next.
 */
#define MODEL_ACTORS 300
#define MODEL_ROUNDS 60

struct model {
	struct stage stage;
	struct log log;
	size_t order[MODEL_ACTORS];
	unsigned char due[MODEL_ACTORS];
	unsigned char done[MODEL_ACTORS];
	uint64_t random;
	unsigned rounds_wrong;
	int finale;
};

/* Waits to be woken, until the finale. */
static enum future_state act_in_model(struct actor_data *actor, struct future_notifier *notifier)
{
	const struct model *const model = actor->arg;

	if (model->finale)
		return FUTURE_STATE_COMPLETE;
	if (actor->id % 8 == 0)
		return actor_state(actor);
	take_waker(actor, notifier);
	return FUTURE_STATE_RUNNING;
}

static void model_check_group(struct model *model, size_t *at, int async)
{
	for (unsigned id = 0; id < MODEL_ACTORS; id++) {
		if (!model->due[id] || model->stage.actors[id].data.async != async)
			continue;
		if (*at >= model->log.length || model->log.ids[*at] != id)
			model->rounds_wrong++;
		*at += 1;
	}
}

static enum future_state act_direct_model(struct actor_data *actor,
					  struct future_notifier *notifier)
{
	struct model *const model = actor->arg;
	size_t at = 0;

	(void)notifier;
	model_check_group(model, &at, 1);
	model_check_group(model, &at, 0);
	model->rounds_wrong += at + 1 != model->log.length;
	model->log.length = 0;
	if (model->finale)
		return FUTURE_STATE_COMPLETE;

	model->finale = actor->polls == MODEL_ROUNDS;
	kit_shuffle(model->order, MODEL_ACTORS, &model->random);
	for (size_t i = 0; i < MODEL_ACTORS; i++) {
		struct actor *const other = &model->stage.actors[model->order[i]];
		const size_t id = other->data.id;

		other->data.async = kit_random(&model->random) % 3 == 0;
		model->due[id] = id % 8 == 0 ? FUTURE_STATE(other) != FUTURE_STATE_COMPLETE
					     : model->finale || kit_random(&model->random) % 5 == 0;
		if (id % 8 != 0 && model->due[id])
			FUTURE_WAKER_WAKE(&other->data.waker);
		if (id % 8 != 0 && model->due[id] && id % 3 == 0)
			FUTURE_WAKER_WAKE(&other->data.waker);
	}
	return FUTURE_STATE_RUNNING;
}

static void test_R3_rounds_follow_the_model(void **state)
{
	struct model *const model = kit_zeroed(1, sizeof(*model));

	(void)state;
	model->random = kit_seed();
	model->stage = stage_new(MODEL_ACTORS + 1, act_in_model, 0);
	for (size_t i = 0; i < MODEL_ACTORS + 1; i++) {
		struct actor_data *const actor = &model->stage.actors[i].data;

		actor->arg = model;
		actor->log = &model->log;
		actor->polls_needed = 1 + (unsigned)kit_random_below(&model->random, MODEL_ROUNDS);
		if (i < MODEL_ACTORS)
			actor->async = model->due[i] = 1;
	}
	model->stage.actors[MODEL_ACTORS].data.act = act_direct_model;
	stage_wait(&model->stage);
	assert_int_equal(model->rounds_wrong, 0);
	assert_int_equal(model->stage.actors[MODEL_ACTORS].data.polls, MODEL_ROUNDS + 1);
	for (size_t i = 0; i < MODEL_ACTORS; i++)
		assert_int_equal(FUTURE_STATE(&model->stage.actors[i]), FUTURE_STATE_COMPLETE);
	stage_delete(&model->stage);
	free(model);
}

/* Every size at which an index set gains a word or a level. */
static void test_R3_each_size_polls_everybody_in_order(void **state)
{
	static const size_t sizes[] = {1,    2,    63,   64,   65,   127,  128,  129,
				       4095, 4096, 4097, 5000, 8191, 8192, 8193, 16384};
	static struct log log;

	(void)state;
	for (size_t k = 0; k < KIT_COUNT(sizes); k++) {
		const size_t n = sizes[k];
		struct stage stage = stage_new(n, act_in_turn, 2);

		log.length = 0;
		for (size_t i = 0; i < n; i++) {
			stage.actors[i].data.log = &log;
			stage.actors[i].data.async = k % 2 == 0 && i % 5 == 4;
		}
		stage_wait(&stage);
		assert_int_equal(log.length, 2 * n);
		for (size_t i = 1; i < 2 * n; i++) {
			const struct actor_data *const one = &stage.actors[log.ids[i - 1]].data;
			const struct actor_data *const next = &stage.actors[log.ids[i]].data;

			if (i != n && one->async == next->async)
				assert_true(one->id < next->id);
			else if (i != n)
				assert_true(one->async && !next->async);
		}
		for (size_t i = 0; i < n; i++)
			assert_done(&stage.actors[i], 2);
		stage_delete(&stage);
	}
}

/* ---- R.4: the array -------------------------------------------------------------------------- */

static void test_R4_the_array_is_only_read(void **state)
{
	const size_t n = 512;
	struct stage stage = stage_new(n, act_now_and_then, 6);
	struct future **const pages = mmap(NULL, n * sizeof(*pages), PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(pages != MAP_FAILED);
	memcpy(pages, stage.futures, n * sizeof(*pages));
	for (size_t i = 0; i < n; i++)
		stage.actors[i].data.async = i % 7 == 3;
	assert_int_equal(mprotect(pages, n * sizeof(*pages), PROT_READ), 0);
	runtime_wait_multiple(stage.runtime, pages, n);
	assert_memory_equal(pages, stage.futures, n * sizeof(*pages));
	for (size_t i = 0; i < n; i++)
		assert_done(&stage.actors[i], 6);
	munmap(pages, n * sizeof(*pages));
	stage_delete(&stage);
}

static void test_R4_nothing_to_wait_for(void **state)
{
	struct stage stage = stage_new(1, act_in_turn, 1);

	(void)state;
	runtime_wait_multiple(stage.runtime, NULL, 0);
	runtime_wait_multiple(stage.runtime, stage.futures, 0);
	assert_int_equal(stage.actors[0].data.polls, 0);
	runtime_delete(NULL);
	stage_delete(&stage);
}

static void test_R4_complete_futures(void **state)
{
	struct stage stage = stage_new(100, act_in_turn, 3);

	(void)state;
	for (size_t i = 0; i < stage.n; i++) {
		if (i % 3 == 0)
			FUTURE_INIT_COMPLETE(&stage.actors[i]);
		if (i % 6 == 0)
			stage.actors[i].base.has_property = NULL;
	}
	runtime_wait(stage.runtime, stage.futures[0]);
	runtime_wait(stage.runtime, stage.futures[3]);
	stage_wait(&stage);
	stage_wait(&stage);
	for (size_t i = 0; i < stage.n; i++) {
		assert_int_equal(FUTURE_STATE(&stage.actors[i]), FUTURE_STATE_COMPLETE);
		assert_int_equal(stage.actors[i].data.polls, i % 3 == 0 ? 0 : 3);
	}
	stage_delete(&stage);
}

static void test_R4_the_same_future_often(void **state)
{
	static struct log log;
	struct stage stage = stage_new(4, act_in_turn, 5);
	struct future *array[200];

	(void)state;
	log.length = 0;
	actor_init(&stage.actors[2], act_wake_itself, 5);
	FUTURE_INIT_COMPLETE(&stage.actors[3]);
	for (size_t i = 0; i < KIT_COUNT(array); i++)
		array[i] = stage.futures[i % 4];
	for (size_t i = 0; i < 3; i++)
		stage.actors[i].data.log = &log;
	stage.actors[1].data.async = 1;
	stage.actors[2].data.id = 2;
	runtime_wait_multiple(stage.runtime, array, KIT_COUNT(array));
	static const unsigned round[] = {1, 0, 2};
	for (size_t i = 0; i < 5; i++)
		assert_log(&log, 3 * i, round, 3);
	for (size_t i = 0; i < 3; i++)
		assert_done(&stage.actors[i], 5);
	stage_delete(&stage);
}

static void test_R4_the_same_future_often_woken_by_a_thread(void **state)
{
	struct stage stage = stage_new(2, act_woken, 31);
	struct future *array[] = {stage.futures[0], stage.futures[0], stage.futures[1],
				  stage.futures[0], stage.futures[1]};
	struct puppeteer puppeteer = {stage.actors, 2, 30, 100, 0, 1};
	const pthread_t thread = kit_start(puppeteer_run, &puppeteer);

	(void)state;
	runtime_wait_multiple(stage.runtime, array, KIT_COUNT(array));
	kit_join(thread);
	assert_done(&stage.actors[0], 31);
	assert_done(&stage.actors[1], 31);
	stage_delete(&stage);
}

/* A future that is set back to idle by hand, as a re-run chain does, can be waited for again. */
static void test_R4_waiting_again_for_a_future_set_back(void **state)
{
	struct stage stage = stage_new(2, act_in_turn, 3);
	struct future *array[] = {stage.futures[0], stage.futures[1], stage.futures[0]};

	(void)state;
	for (unsigned turn = 1; turn <= 3; turn++) {
		for (size_t i = 0; i < 2; i++) {
			FUTURE_STATE(&stage.actors[i]) = FUTURE_STATE_IDLE;
			stage.actors[i].data.polls_needed = 3 * turn;
		}
		runtime_wait_multiple(stage.runtime, array, KIT_COUNT(array));
		assert_done(&stage.actors[0], 3 * turn);
		assert_done(&stage.actors[1], 3 * turn);
	}
	stage_delete(&stage);
}

/* Completes the actor `arg` by hand. */
static enum future_state act_complete_another(struct actor_data *actor,
					      struct future_notifier *notifier)
{
	struct actor *const other = actor->arg;

	(void)notifier;
	if (actor_state(actor) == FUTURE_STATE_COMPLETE)
		FUTURE_STATE(other) = FUTURE_STATE_COMPLETE;
	return actor_state(actor);
}

/* The same, but it was completed by somebody else's task in the wait before. */
static void test_R4_waiting_again_for_a_future_completed_by_another(void **state)
{
	struct stage stage = stage_new(2, act_in_turn, 1000000);

	(void)state;
	actor_init(&stage.actors[0], act_complete_another, 3);
	stage.actors[0].data.arg = &stage.actors[1];
	stage_wait(&stage);
	FUTURE_STATE(&stage.actors[1]) = FUTURE_STATE_IDLE;
	stage.actors[1].data.polls = 0;
	stage.actors[1].data.polls_needed = 3;
	runtime_wait(stage.runtime, stage.futures[1]);
	assert_done(&stage.actors[1], 3);
	stage_delete(&stage);
}

struct wide_data {
	_Alignas(4096) unsigned char pattern[5];
	unsigned polls;
};

struct wide_output {
	_Alignas(128) unsigned char pattern[7];
};

FUTURE(wide, struct wide_data, struct wide_output);

static enum future_state wide_task(struct future_context *context, struct future_notifier *notifier)
{
	struct wide_data *const data = future_context_get_data(context);
	struct wide_output *const output = future_context_get_output(context);

	(void)notifier;
	memcpy(output->pattern, data->pattern, sizeof(data->pattern));
	return ++data->polls == 4 ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

/* What the runtime marks in a future leaves the distances of data and output alone. */
static void test_R4_futures_with_gaps(void **state)
{
	static struct wide wide;
	struct future *array[] = {FUTURE_AS_RUNNABLE(&wide), FUTURE_AS_RUNNABLE(&wide)};
	struct runtime *const runtime = runtime_new();

	(void)state;
	assert_non_null(runtime);
	memset(&wide, 0, sizeof(wide));
	memcpy(wide.data.pattern, "gaps", 5);
	FUTURE_INIT(&wide, wide_task);
	const uint32_t padding = wide.base.context.padding;
	runtime_wait_multiple(runtime, array, 2);
	assert_int_equal(wide.data.polls, 4);
	assert_memory_equal(wide.output.pattern, "gaps", 5);
	assert_int_equal(wide.base.context.padding, padding);
	runtime_delete(runtime);
}

/* ---- R.6: wakers called late ----------------------------------------------------------------- */

#define LATE_WAKERS 256

struct late {
	struct future_waker wakers[LATE_WAKERS];
	hl_u32 stop;
	unsigned calls;
};

static void *late_run(void *arg)
{
	struct late *const late = arg;

	do {
		for (size_t i = 0; i < LATE_WAKERS; i++)
			FUTURE_WAKER_WAKE(&late->wakers[i]);
		late->calls++;
		sched_yield();
	} while (!hl_u32_load_relaxed(&late->stop));
	return NULL;
}

/* Waits for futures that wake themselves, and keeps their wakers: n times one, or n at once. */
static void collect_wakers(struct stage *stage, struct future_waker *wakers, size_t n, int at_once)
{
	for (size_t i = 0; i < n; i++)
		actor_init(&stage->actors[i], act_wake_itself, 3);
	for (size_t i = 0; i < n && !at_once; i++)
		runtime_wait(stage->runtime, stage->futures[i]);
	if (at_once)
		runtime_wait_multiple(stage->runtime, stage->futures, n);
	for (size_t i = 0; i < n; i++)
		wakers[i] = stage->actors[i].data.waker;
}

static void test_R6_late_wakes_disturb_nobody(void **state)
{
	struct late *const late = kit_zeroed(1, sizeof(*late));
	struct stage stage = stage_new(2000, act_in_turn, 1);

	(void)state;
	collect_wakers(&stage, late->wakers, LATE_WAKERS / 2, 0);
	collect_wakers(&stage, late->wakers + LATE_WAKERS / 2, LATE_WAKERS / 2, 1);
	const pthread_t threads[2] = {kit_start(late_run, late),
				      kit_start(puppeteer_run, &(struct puppeteer){0})};

	/* Growing waits under late wakes: the slots that the wakers know must stay. */
	for (size_t n = 1; n <= stage.n; n = n * 2 + 1) {
		for (size_t i = 0; i < n; i++)
			actor_init(&stage.actors[i], i % 2 ? act_in_turn : act_wake_itself, 20);
		runtime_wait_multiple(stage.runtime, stage.futures, n);
		for (size_t i = 0; i < n; i++)
			assert_done(&stage.actors[i], 20);
	}
	hl_u32_store_relaxed(&late->stop, 1);
	kit_join(threads[0]);
	kit_join(threads[1]);
	(void)late_run(late); /* and while nobody waits */
	stage_delete(&stage);
	free(late);
}

static void test_R6_a_complete_future_is_not_polled_again(void **state)
{
	struct stage stage = stage_new(2, act_wake_another, 50);

	(void)state;
	/*
	 * The other is complete at its second poll; the wakes of polls 2 and 49 are one too many
	 * and late.
	 */
	actor_init(&stage.actors[1], act_woken, 2);
	stage.actors[0].data.arg = &stage.actors[1].data;
	stage_wait(&stage);
	assert_done(&stage.actors[0], 50);
	assert_done(&stage.actors[1], 2);
	stage_delete(&stage);
}

/* ---- R.7: sleeping --------------------------------------------------------------------------- */

#define WAIT_MS 500

struct delayed {
	struct actor *actors;
	size_t n;
	hl_u32 go;
};

static enum future_state act_until_go(struct actor_data *actor, struct future_notifier *notifier)
{
	const struct delayed *const delayed = actor->arg;

	(void)notifier;
	return hl_u32_load_acquire(&delayed->go) ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

static void *delayed_run(void *arg)
{
	struct delayed *const delayed = arg;

	for (size_t i = 0; i < delayed->n; i++)
		if (delayed->actors[i].data.act == act_woken)
			kit_wait_for(&delayed->actors[i].data.taken, 1);
	kit_sleep_us(WAIT_MS * 1000);
	hl_u32_store_release(&delayed->go, 1);
	for (size_t i = 0; i < delayed->n; i++)
		if (delayed->actors[i].data.act == act_woken)
			wake_actor(&delayed->actors[i].data, 1);
	return NULL;
}

/* Half a second of waiting; the thread may burn a tenth of it (the goal is a hundredth). */
static void assert_sleeps(size_t n, size_t in_turn)
{
	struct stage stage = stage_new(n, act_woken, 2);
	struct delayed delayed = {stage.actors, n, {0}};

	for (size_t i = 0; i < in_turn; i++) {
		actor_init(&stage.actors[i], act_until_go, 0);
		stage.actors[i].data.arg = &delayed;
	}
	const pthread_t thread = kit_start(delayed_run, &delayed);
	const uint64_t before = kit_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	stage_wait(&stage);
	const uint64_t cpu_ns = kit_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
	kit_join(thread);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(FUTURE_STATE(&stage.actors[i]), FUTURE_STATE_COMPLETE);
	assert_true(cpu_ns < WAIT_MS * 1000000U / 10);
	stage_delete(&stage);
}

static void test_R7_sleeps_while_wakers_are_awaited(void **state)
{
	(void)state;
	assert_sleeps(1, 0);
	assert_sleeps(1024, 0);
}

static void test_R7_sleeps_while_polling_in_turn(void **state)
{
	(void)state;
	assert_sleeps(1, 1);
	assert_sleeps(500, 100);
}

struct word_wait {
	uint64_t begin_ns;
	uint64_t *word;
};

/* Completes when 20 ms have passed; the word, if there is one, tells nothing. */
static enum future_state act_names_a_word(struct actor_data *actor, struct future_notifier *notifier)
{
	struct word_wait *const wait = actor->arg;

	if (actor->polls == 1)
		wait->begin_ns = kit_clock_ns(CLOCK_MONOTONIC);
	notifier->poller.ptr_to_monitor = wait->word;
	notifier->notifier_used = FUTURE_NOTIFIER_POLLER;
	return kit_clock_ns(CLOCK_MONOTONIC) - wait->begin_ns > 20000000 ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

/* Without a look at the word 4096 polls come first; with it, fewer than a hundred, and then pauses. */
static void test_R7_a_word_is_looked_at_instead_of_polls(void **state)
{
	static uint64_t word;
	uint64_t *const words[] = {&word, NULL};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(words); i++) {
		struct stage stage = stage_new(1, act_names_a_word, 1);
		struct word_wait wait = {0, words[i]};

		stage.actors[0].data.arg = &wait;
		stage_wait(&stage);
		assert_true(words[i] == NULL || stage.actors[0].data.polls < 1000);
		stage_delete(&stage);
	}
}

/* ---- notifiers ------------------------------------------------------------------------------- */

/* Checks what it is given, and leaves everything different. */
static enum future_state act_scribble(struct actor_data *actor, struct future_notifier *notifier)
{
	static uint64_t word = 1;

	actor->errors += notifier == NULL || notifier->notifier_used != FUTURE_NOTIFIER_NONE ||
			 notifier->waker.wake == NULL;
	if (notifier == NULL || actor_state(actor) == FUTURE_STATE_COMPLETE)
		return actor_state(actor);
	actor->waker = notifier->waker;
	hl_u32_fetch_add_release(&actor->taken, 1);
	notifier->waker.data = NULL;
	notifier->waker.wake = NULL;
	notifier->poller.ptr_to_monitor = &word;
	notifier->notifier_used = (enum future_notifier_type)(actor->polls % 3);
	if (notifier->notifier_used == FUTURE_NOTIFIER_WAKER)
		FUTURE_WAKER_WAKE(&actor->waker);
	return actor->polls % 4 == 0 ? FUTURE_STATE_IDLE : FUTURE_STATE_RUNNING;
}

static void test_notifier_is_fresh_at_each_poll(void **state)
{
	struct stage stage = stage_new(9, act_scribble, 40);

	(void)state;
	for (size_t i = 0; i < stage.n; i++) {
		stage.actors[i].data.async = i % 2 == 0;
		stage.actors[i].data.polls_needed += (unsigned)i;
	}
	stage_wait(&stage);
	for (size_t i = 0; i < stage.n; i++)
		assert_done(&stage.actors[i], 40 + (unsigned)i);
	stage_delete(&stage);
}

/* Returns IDLE until its last poll, also when it has written down that it uses the waker. */
static enum future_state act_idle(struct actor_data *actor, struct future_notifier *notifier)
{
	if (actor->async)
		notifier->notifier_used = FUTURE_NOTIFIER_WAKER;
	return actor_state(actor) == FUTURE_STATE_COMPLETE ? FUTURE_STATE_COMPLETE
							   : FUTURE_STATE_IDLE;
}

static void test_idle_futures_are_polled_again(void **state)
{
	struct stage stage = stage_new(4, act_idle, 100);

	(void)state;
	stage.actors[1].data.async = stage.actors[2].data.async = 1;
	stage_wait(&stage);
	for (size_t i = 0; i < stage.n; i++)
		assert_done(&stage.actors[i], 100);
	stage_delete(&stage);
}

struct monitored {
	uint64_t word;
	unsigned result;
};

static enum future_state act_poller(struct actor_data *actor, struct future_notifier *notifier)
{
	struct monitored *const monitored = actor->arg;

	if (__atomic_load_n(&monitored->word, __ATOMIC_ACQUIRE) != 0) {
		actor->errors += monitored->result != 77;
		return FUTURE_STATE_COMPLETE;
	}
	notifier->poller.ptr_to_monitor = &monitored->word;
	notifier->notifier_used = FUTURE_NOTIFIER_POLLER;
	return FUTURE_STATE_RUNNING;
}

static void *monitored_run(void *arg)
{
	struct monitored *const monitored = arg;

	for (size_t i = 0; i < 20; i++) {
		kit_sleep_us(2000);
		monitored[i].result = 77;
		__atomic_store_n(&monitored[i].word, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void test_poller_futures_complete(void **state)
{
	static struct monitored monitored[20];
	struct stage stage = stage_new(20, act_poller, 0);

	(void)state;
	memset(monitored, 0, sizeof(monitored));
	for (size_t i = 0; i < stage.n; i++)
		stage.actors[i].data.arg = &monitored[i];
	const pthread_t thread = kit_start(monitored_run, monitored);
	stage_wait(&stage);
	kit_join(thread);
	for (size_t i = 0; i < stage.n; i++) {
		assert_int_equal(FUTURE_STATE(&stage.actors[i]), FUTURE_STATE_COMPLETE);
		assert_int_equal(stage.actors[i].data.errors, 0);
	}
	stage_delete(&stage);
}

/* Polled by hand before, with another waker, which must not be called any more. */
static void test_the_waker_of_the_last_poll_counts(void **state)
{
	struct stage stage = stage_new(3, act_woken, 2);
	struct puppeteer puppeteer = {stage.actors, 3, 1, 100, 0, 1};
	hl_u32 wakes = {0};

	(void)state;
	for (size_t i = 0; i < stage.n; i++) {
		struct future_notifier notifier = kit_notifier(&wakes);

		assert_int_equal(future_poll(stage.futures[i], &notifier), FUTURE_STATE_RUNNING);
		stage.actors[i].data.polls = 0;
		hl_u32_store_relaxed(&stage.actors[i].data.taken, 0);
	}
	const pthread_t thread = kit_start(puppeteer_run, &puppeteer);
	stage_wait(&stage);
	kit_join(thread);
	for (size_t i = 0; i < stage.n; i++)
		assert_done(&stage.actors[i], 2);
	assert_int_equal(hl_u32_load_relaxed(&wakes), 0);
	stage_delete(&stage);
}

/* ---- chains ---------------------------------------------------------------------------------- */

struct pair_data {
	FUTURE_CHAIN_ENTRY(struct actor, first);
	FUTURE_CHAIN_ENTRY_LAST(struct actor, second);
};

FUTURE(pair, struct pair_data, struct actor_output);

struct nest_data {
	FUTURE_CHAIN_ENTRY(struct pair, first);
	FUTURE_CHAIN_ENTRY_LAST(struct pair, second);
};

FUTURE(nest, struct nest_data, struct actor_output);

/* Takes the waker at every poll, also at the last; wakes itself. */
static enum future_state act_waker_to_the_end(struct actor_data *actor,
					      struct future_notifier *notifier)
{
	take_waker(actor, notifier);
	FUTURE_WAKER_WAKE(&actor->waker);
	return actor_state(actor);
}

/*
 * Takes the waker, completes at the first poll and never wakes: what follows must not rely on it.
 */
static enum future_state act_waker_and_complete(struct actor_data *actor,
						struct future_notifier *notifier)
{
	take_waker(actor, notifier);
	return FUTURE_STATE_COMPLETE;
}

static void pair_init(struct pair *pair, int forward, act_fn first, unsigned first_polls,
		      act_fn second, unsigned second_polls)
{
	struct actor actor;

	memset(pair, 0, sizeof(*pair));
	actor_init(&actor, first, first_polls);
	FUTURE_CHAIN_ENTRY_INIT(&pair->data.first, actor, NULL, NULL);
	actor_init(&actor, second, second_polls);
	FUTURE_CHAIN_ENTRY_INIT(&pair->data.second, actor, NULL, NULL);
	if (forward)
		FUTURE_CHAIN_INIT_FORWARD(pair);
	else
		FUTURE_CHAIN_INIT(pair);
}

static void wait_for(struct future *future)
{
	struct runtime *const runtime = runtime_new();

	assert_non_null(runtime);
	runtime_wait(runtime, future);
	runtime_delete(runtime);
	assert_int_equal(future->context.state, FUTURE_STATE_COMPLETE);
}

struct step {
	act_fn act;
	unsigned polls;
};

static void assert_pair_completes(int forward, const struct step *first, const struct step *second)
{
	struct pair pair;

	pair_init(&pair, forward, first->act, first->polls, second->act, second->polls);
	wait_for(FUTURE_AS_RUNNABLE(&pair));
	assert_done(&pair.data.first.fut, first->polls);
	assert_done(&pair.data.second.fut, second->polls);
}

static void test_chain_whose_first_entry_used_a_waker(void **state)
{
	static const struct step firsts[] = {{act_waker_and_complete, 1},
					     {act_wake_itself, 1},
					     {act_wake_itself, 5},
					     {act_waker_to_the_end, 3},
					     {act_in_turn, 3}};
	static const struct step seconds[] = {
		{act_in_turn, 10}, {act_idle, 10}, {act_wake_itself, 10}, {act_in_turn, 1}};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(firsts); i++)
		for (size_t j = 0; j < KIT_COUNT(seconds); j++)
			for (int forward = 0; forward < 2; forward++)
				assert_pair_completes(forward, &firsts[i], &seconds[j]);
}

static void assert_nest_completes(int forward, act_fn second)
{
	struct nest nest;
	struct pair pair;

	memset(&nest, 0, sizeof(nest));
	pair_init(&pair, forward, act_waker_and_complete, 1, second, 10);
	FUTURE_CHAIN_ENTRY_INIT(&nest.data.first, pair, NULL, NULL);
	pair_init(&pair, !forward, act_waker_to_the_end, 4, second, 7);
	FUTURE_CHAIN_ENTRY_INIT(&nest.data.second, pair, NULL, NULL);
	if (forward)
		FUTURE_CHAIN_INIT_FORWARD(&nest);
	else
		FUTURE_CHAIN_INIT(&nest);
	wait_for(FUTURE_AS_RUNNABLE(&nest));
	assert_done(&nest.data.first.fut.data.second.fut, 10);
	assert_done(&nest.data.second.fut.data.first.fut, 4);
	assert_done(&nest.data.second.fut.data.second.fut, 7);
}

static void test_nested_chains_whose_entries_used_wakers(void **state)
{
	static const act_fn seconds[] = {act_in_turn, act_idle, act_wake_itself};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(seconds); i++)
		for (int forward = 0; forward < 2; forward++)
			assert_nest_completes(forward, seconds[i]);
}

/* Wakes a chain's entries once each, when no poll is due, with time for a poll too many. */
static void *chain_waker_run(void *arg)
{
	struct pair *const pair = arg;
	struct actor_data *const entries[] = {&pair->data.first.fut.data,
					      &pair->data.second.fut.data};

	for (unsigned i = 0; i < 2; i++) {
		kit_wait_for(&entries[i]->taken, 1 + i);
		kit_sleep_us(20000);
		const struct future_waker waker = entries[i]->waker;

		hl_u32_fetch_add_release(entries[i]->arg, 1);
		FUTURE_WAKER_WAKE(&waker);
	}
	return NULL;
}

/* Takes the waker at each poll until the word `arg` says go. */
static enum future_state act_woken_by_word(struct actor_data *actor,
					   struct future_notifier *notifier)
{
	take_waker(actor, notifier);
	return hl_u32_load_acquire(actor->arg) ? FUTURE_STATE_COMPLETE : FUTURE_STATE_RUNNING;
}

/*
 * A chain that goes on in a poll is polled once more right away, then left alone until it is
 * woken.
 */
static void test_R2_chain_is_polled_once_more_when_it_went_on(void **state)
{
	(void)state;
	for (int forward = 0; forward < 2; forward++) {
		hl_u32 go[2] = {{0}, {0}};
		struct pair pair;

		pair_init(&pair, forward, act_woken_by_word, 0, act_woken_by_word, 0);
		pair.data.first.fut.data.arg = &go[0];
		pair.data.second.fut.data.arg = &go[1];
		const pthread_t thread = kit_start(chain_waker_run, &pair);
		wait_for(FUTURE_AS_RUNNABLE(&pair));
		kit_join(thread);
		assert_done(&pair.data.first.fut, 2);
		/* One poll on arrival, one right away, one for the wake. */
		assert_done(&pair.data.second.fut, 3);
	}
}

/* ---- several waits on one runtime ------------------------------------------------------------ */

struct waiting_thread {
	struct runtime *runtime;
	unsigned errors;
	unsigned repeat;
};

static void *waiting_thread_run(void *arg)
{
	struct waiting_thread *const self = arg;
	struct actor actors[10];
	struct future *futures[10];

	for (unsigned turn = 0; turn < self->repeat; turn++) {
		struct puppeteer puppeteer = {actors, 5, 5, 0, 50, turn};
		pthread_t thread;

		for (size_t i = 0; i < KIT_COUNT(actors); i++) {
			actor_init(&actors[i], i < 5 ? act_woken : act_now_and_then, 6);
			futures[i] = FUTURE_AS_RUNNABLE(&actors[i]);
		}
		if (pthread_create(&thread, NULL, puppeteer_run, &puppeteer) != 0) {
			self->errors++;
			break;
		}
		runtime_wait_multiple(self->runtime, futures, 10);
		pthread_join(thread, NULL);
		for (size_t i = 0; i < KIT_COUNT(actors); i++)
			self->errors += actors[i].data.polls != 6 || actors[i].data.errors != 0;
	}
	return NULL;
}

static void test_threads_share_a_runtime(void **state)
{
	struct waiting_thread threads[4];
	pthread_t ids[4];
	struct runtime *const runtime = runtime_new();

	(void)state;
	assert_non_null(runtime);
	for (size_t i = 0; i < 4; i++) {
		threads[i] = (struct waiting_thread){runtime, 0, KIT_REPEAT(200)};
		ids[i] = kit_start(waiting_thread_run, &threads[i]);
	}
	for (size_t i = 0; i < 4; i++) {
		kit_join(ids[i]);
		assert_int_equal(threads[i].errors, 0);
	}
	runtime_delete(runtime);
}

/* A task that waits, at its first poll, for the actors of its own stage on the same runtime. */
static enum future_state act_wait_inside(struct actor_data *actor, struct future_notifier *notifier)
{
	struct stage *const inner = actor->arg;

	if (actor->polls == 1)
		stage_wait(inner);
	for (size_t i = 0; i < inner->n; i++)
		actor->errors += inner->futures[i]->context.state != FUTURE_STATE_COMPLETE;
	return act_wake_itself(actor, notifier);
}

/* Wakes the outer stage's actors, then, while the inner wait still runs, the inner one's. */
static void *nested_waker_run(void *arg)
{
	struct stage *const stages = arg;

	for (size_t i = 0; i < 2; i++) {
		kit_wait_for(&stages[i].actors[0].data.taken, 1);
		kit_sleep_us(5000);
		wake_actor(&stages[i].actors[0].data, 1);
	}
	return NULL;
}

static void test_waiting_inside_of_a_task(void **state)
{
	(void)state;
	for (size_t order = 0; order < 10; order++) {
		struct stage stages[2] = {stage_new(3, act_woken, 2),
					  stage_new(40, act_in_turn, 50)};
		struct runtime *const own = stages[1].runtime;

		/*
		 * Outer: a woken one, a task that waits inside, one in turn. Inner: one woken,
		 * the others in turn.
		 */
		actor_init(&stages[0].actors[1], act_wait_inside, 3);
		actor_init(&stages[0].actors[2], act_in_turn, 5);
		actor_init(&stages[1].actors[0], act_woken, 2);
		stages[0].actors[1].data.arg = &stages[1];
		stages[1].runtime = stages[0].runtime;
		const pthread_t thread = kit_start(nested_waker_run, stages);
		stage_wait(&stages[0]);
		kit_join(thread);
		assert_done(&stages[0].actors[0], 2);
		assert_done(&stages[0].actors[1], 3);
		assert_done(&stages[0].actors[2], 5);
		assert_done(&stages[1].actors[0], 2);
		for (size_t i = 1; i < stages[1].n; i++)
			assert_done(&stages[1].actors[i], 50);
		stage_delete(&stages[0]);
		stages[1].runtime = own;
		stage_delete(&stages[1]);
	}
}

/* ---- many ------------------------------------------------------------------------------------ */

#define MANY 16384

static void test_many_woken_in_random_order_by_two_threads(void **state)
{
	struct stage stage = stage_new(MANY, act_woken, 3);
	struct puppeteer puppeteers[2];
	pthread_t threads[2];
	uint64_t random = kit_seed();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		puppeteers[i] = (struct puppeteer){.actors = stage.actors + i * (MANY / 2),
						   .n = MANY / 2,
						   .wakes = 2,
						   .random = kit_random(&random)};
		threads[i] = kit_start(puppeteer_run, &puppeteers[i]);
	}
	stage_wait(&stage);
	kit_join(threads[0]);
	kit_join(threads[1]);
	for (size_t i = 0; i < MANY; i++)
		assert_done(&stage.actors[i], 3);
	stage_delete(&stage);
}

static void test_many_of_all_kinds(void **state)
{
	static const act_fn acts[] = {act_in_turn, act_wake_itself, act_now_and_then, act_idle};
	struct stage stage = stage_new(MANY, act_in_turn, 4);

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		stage.actors[i].data.act = acts[i % 4];
		stage.actors[i].data.async = i % 3 == 0;
	}
	stage_wait(&stage);
	for (size_t i = 0; i < MANY; i++)
		assert_done(&stage.actors[i], 4);
	stage_delete(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_R1_wake_from_inside_of_the_task),
		cmocka_unit_test(test_R1_wake_during_the_poll),
		cmocka_unit_test(test_R1_wake_after_the_poll),
		cmocka_unit_test(test_R1_stress_of_wake_and_sleep),
		cmocka_unit_test(test_R1_each_wake_brings_its_news),
		cmocka_unit_test(test_R1_two_wakes_before_a_poll_lead_to_one),
		cmocka_unit_test(test_R2_one_poll_for_each_wake_while_others_are_busy),
		cmocka_unit_test(test_R2_waker_taken_now_and_then),
		cmocka_unit_test(test_R2_chain_is_polled_once_more_when_it_went_on),
		cmocka_unit_test(test_R3_asynchronous_ones_first_each_group_in_order),
		cmocka_unit_test(test_R3_the_property_is_asked_anew),
		cmocka_unit_test(test_R3_rounds_follow_the_model),
		cmocka_unit_test(test_R3_each_size_polls_everybody_in_order),
		cmocka_unit_test(test_R4_the_array_is_only_read),
		cmocka_unit_test(test_R4_nothing_to_wait_for),
		cmocka_unit_test(test_R4_complete_futures),
		cmocka_unit_test(test_R4_the_same_future_often),
		cmocka_unit_test(test_R4_the_same_future_often_woken_by_a_thread),
		cmocka_unit_test(test_R4_waiting_again_for_a_future_set_back),
		cmocka_unit_test(test_R4_waiting_again_for_a_future_completed_by_another),
		cmocka_unit_test(test_R4_futures_with_gaps),
		cmocka_unit_test(test_R6_late_wakes_disturb_nobody),
		cmocka_unit_test(test_R6_a_complete_future_is_not_polled_again),
		cmocka_unit_test(test_R7_sleeps_while_wakers_are_awaited),
		cmocka_unit_test(test_R7_sleeps_while_polling_in_turn),
		cmocka_unit_test(test_R7_a_word_is_looked_at_instead_of_polls),
		cmocka_unit_test(test_notifier_is_fresh_at_each_poll),
		cmocka_unit_test(test_idle_futures_are_polled_again),
		cmocka_unit_test(test_poller_futures_complete),
		cmocka_unit_test(test_the_waker_of_the_last_poll_counts),
		cmocka_unit_test(test_chain_whose_first_entry_used_a_waker),
		cmocka_unit_test(test_nested_chains_whose_entries_used_wakers),
		cmocka_unit_test(test_threads_share_a_runtime),
		cmocka_unit_test(test_waiting_inside_of_a_task),
		cmocka_unit_test(test_many_woken_in_random_order_by_two_threads),
		cmocka_unit_test(test_many_of_all_kinds),
	};

	return KIT_RUN(tests);
}
