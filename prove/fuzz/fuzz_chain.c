/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * fuzz_chain.c: chains of futures, built, polled and cancelled as the input says, against a model of C.1 to C.5 and X.1 to X.4 in
 * future.h.
 *
 *     outer:  a step -> b step or aligned step -> c inner chain (3 steps) -> d as b
 *
 * Each entry may be lazy, have a map, be skipped by the map before it, and need several polls; a step may send its chain, or the one around
 * it, back. A step may know of cancellation; then it ends at once, after some polls more, or does its work all the same. Tasks, maps and
 * inits write down what they are called for, the model does the same, and after each poll both must have written the same. The last polls
 * may be those of a runtime.
 */
#include "input.h"

#include <hashloom/future.h>
#include <hashloom/runtime.h>

#define ENTRIES 4
#define INNER_ENTRIES 3
#define NODES (ENTRIES + INNER_ENTRIES)
#define INNER_AT 2 /* the outer entry that is a chain */
#define TRACE_MAX 4096
#define POLLS_MAX 1000
#define CANCEL_AT_MAX 32
#define TOKEN UINT64_C(0x746f6b656e000000)

/* An entry: what the input wants of it, and what the model knows. Nodes 0-3 are the outer chain's, 4-6 the inner one's. */
struct node {
	unsigned number;
	unsigned chain; /* first node of its chain */
	unsigned chain_size;
	int is_lazy;
	int init_completes;
	int has_map;
	int map_skips;
	int has_property;
	unsigned polls; /* that do not complete it */
	enum future_state waiting_state;
	enum future_notifier_type notifier;
	int wakes_twice;
	unsigned back_from; /* sends back: entries of its chain from this one on */
	int back_outer;	    /* those of the chain around it */
	int knows;	    /* of cancellation */
	int gives_up;	    /* when it is asked to end */
	unsigned drains;    /* polls more */
	/* of the real one */
	unsigned left;
	unsigned backs_left;
	unsigned drains_left;
	struct future_chain_entry *entry;
	struct future *future;
	/* of the model */
	unsigned model_left;
	unsigned model_backs_left;
	unsigned model_drains_left;
	enum future_state state;
	int is_asked;
	int is_cancelled; /* if it is complete */
	int is_initialized;
	int is_processed;
};

struct node_data {
	struct node *node;
};

struct plain_output {
	uint64_t token;
};

struct aligned_output {
	_Alignas(64) uint64_t token;
};

FUTURE(plain_fut, struct node_data, struct plain_output);
FUTURE(aligned_fut, struct node_data, struct aligned_output);

struct inner_data {
	FUTURE_CHAIN_ENTRY(struct plain_fut, a);
	FUTURE_CHAIN_ENTRY(struct plain_fut, b);
	FUTURE_CHAIN_ENTRY_LAST(struct plain_fut, c);
	uint64_t behind;
};

FUTURE(inner_fut, struct inner_data, struct plain_output);

struct plain_chain_data {
	FUTURE_CHAIN_ENTRY(struct plain_fut, a);
	FUTURE_CHAIN_ENTRY(struct plain_fut, b);
	FUTURE_CHAIN_ENTRY(struct inner_fut, c);
	FUTURE_CHAIN_ENTRY(struct plain_fut, d);
};

struct aligned_chain_data {
	FUTURE_CHAIN_ENTRY(struct plain_fut, a);
	FUTURE_CHAIN_ENTRY(struct aligned_fut, b);
	FUTURE_CHAIN_ENTRY(struct inner_fut, c);
	FUTURE_CHAIN_ENTRY_LAST(struct aligned_fut, d);
};

FUTURE(plain_chain_fut, struct plain_chain_data, struct plain_output);
FUTURE(aligned_chain_fut, struct aligned_chain_data, struct plain_output);

struct trace {
	unsigned n;
	unsigned short events[TRACE_MAX];
};

static struct {
	struct input input;
	struct plain_chain_fut plain;
	struct aligned_chain_fut aligned;
	struct inner_fut *inner; /* in one of these */
	struct future *outer;
	int outer_is_forward;
	int inner_is_forward;
	struct node model; /* of the outer chain: its state, and what it was asked */
	unsigned cancel_at; /* so many polls from now, if not 0 */
	struct future_notifier *notifier; /* of this poll */
	int in_runtime;
	uint64_t word; /* of pollers */
	struct node nodes[NODES];
	struct trace real;
	struct trace model_trace;
} fuzz;

enum event { RUN = 0x100, INIT = 0x200, MAP = 0x300, GIVE_UP = 0x400 };

static void write_down(struct trace *trace, enum event event, const struct node *node)
{
	expect(trace->n < TRACE_MAX);
	trace->events[trace->n++] = (unsigned short)((unsigned)event | node->number);
}

static int is_chain(const struct node *node)
{
	return node->number == INNER_AT;
}

/* ---- tasks, maps, inits ----------------------------------------------------------------------------- */

/* The entries that a step sends back: from `first` up to and without `end`. Returns 0: it does not. */
static int range_back(const struct node *node, unsigned *first, unsigned *end)
{
	const int of_outer = node->chain == 0 || node->back_outer;
	const unsigned own = of_outer ? (node->chain == 0 ? node->number : INNER_AT) : node->number;
	const unsigned chain = of_outer ? 0 : node->chain;

	*first = chain + node->back_from;
	*end = own;
	return *first < *end && !(of_outer ? fuzz.outer_is_forward : fuzz.inner_is_forward);
}

/* Such a future has no task: it can be passed again, but not be made idle. */
static int is_complete_from_start(const struct node *node)
{
	return node->is_lazy && node->init_completes;
}

static void send_back(const struct node *node)
{
	unsigned first;
	unsigned end;

	if (!range_back(node, &first, &end))
		return;
	for (unsigned i = first; i < end; i++) {
		fuzz.nodes[i].entry->flags &= ~FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
		if (!is_complete_from_start(&fuzz.nodes[i]))
			fuzz.nodes[i].future->context.state = FUTURE_STATE_IDLE;
	}
}

static void use_notifier(const struct node *node, struct future_notifier *notifier)
{
	expect(fuzz.in_runtime || notifier == fuzz.notifier);
	if (notifier == NULL)
		return;
	notifier->notifier_used = node->notifier;
	if (node->notifier == FUTURE_NOTIFIER_POLLER)
		notifier->poller.ptr_to_monitor = &fuzz.word;
	if (node->notifier != FUTURE_NOTIFIER_WAKER)
		return;
	const struct future_waker waker = notifier->waker;

	FUTURE_WAKER_WAKE(&waker);
	if (node->wakes_twice)
		FUTURE_WAKER_WAKE(&waker);
}

static enum future_state node_task(struct future_context *context, struct future_notifier *notifier)
{
	struct node *const node = ((struct node_data *)future_context_get_data(context))->node;
	uint64_t *const token = future_context_get_output(context);

	expect(context == &node->future->context && context->state != FUTURE_STATE_COMPLETE);
	write_down(&fuzz.real, RUN, node);
	use_notifier(node, notifier);
	if (node->knows && node->gives_up && future_context_is_cancelled(context)) {
		if (node->drains_left > 0) {
			node->drains_left--;
			return FUTURE_STATE_RUNNING;
		}
		write_down(&fuzz.real, GIVE_UP, node);
		return future_context_cancelled(context);
	}
	if (node->left > 0) {
		node->left--;
		return node->waiting_state;
	}
	if (node->backs_left > 0) {
		node->backs_left--;
		send_back(node);
		return FUTURE_STATE_RUNNING;
	}
	node->left = node->polls;
	*token = TOKEN | node->number;
	return FUTURE_STATE_COMPLETE;
}

static int node_has_property(void *future, enum future_property property)
{
	const struct future_context *const context = &((struct future *)future)->context;
	const struct node_data *const data = future_context_get_data((struct future_context *)(uintptr_t)context);

	return property == FUTURE_PROPERTY_CANCEL ? data->node->knows : data->node->has_property;
}

static void node_map(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	const struct node *const node = arg;
	const int is_last = node->number + 1 == node->chain + node->chain_size;
	const struct future *const chain = node->chain == 0 ? fuzz.outer : FUTURE_AS_RUNNABLE(fuzz.inner);

	write_down(&fuzz.real, MAP, node);
	expect(lhs == &node->future->context && lhs->state == FUTURE_STATE_COMPLETE);
	expect(rhs == (is_last ? &chain->context : &node[1].future->context));
	if (!is_last && node->map_skips)
		rhs->state = FUTURE_STATE_COMPLETE;
}

static struct plain_fut make_plain(struct node *node)
{
	struct plain_fut future = { .data = { node } };

	FUTURE_INIT_EXT(&future, node_task, node_has_property);
	return future;
}

static struct aligned_fut make_aligned(struct node *node)
{
	struct aligned_fut future = { .data = { node } };

	FUTURE_INIT_EXT(&future, node_task, node_has_property);
	return future;
}

static void note_init(struct node *node, struct future_context *chain)
{
	expect(chain == &(node->chain == 0 ? fuzz.outer : FUTURE_AS_RUNNABLE(fuzz.inner))->context);
	write_down(&fuzz.real, INIT, node);
	node->left = node->polls;
}

static void plain_init(void *future, struct future_context *chain, void *arg)
{
	struct node *const node = arg;
	struct plain_fut made = make_plain(node);

	note_init(node, chain);
	if (node->init_completes)
		FUTURE_INIT_COMPLETE(&made);
	memcpy(future, &made, sizeof(made));
}

static void aligned_init(void *future, struct future_context *chain, void *arg)
{
	struct node *const node = arg;
	struct aligned_fut made = make_aligned(node);

	note_init(node, chain);
	if (node->init_completes)
		FUTURE_INIT_COMPLETE(&made);
	memcpy(future, &made, sizeof(made));
}

/* ---- building --------------------------------------------------------------------------------------- */

#define ENTRY_INIT(entryp, node, make, init_fn)                                                                 \
	do {                                                                                                    \
		if ((node)->is_lazy)                                                                            \
			FUTURE_CHAIN_ENTRY_LAZY_INIT(entryp, init_fn, node, (node)->has_map ? node_map : NULL, node); \
		else                                                                                            \
			FUTURE_CHAIN_ENTRY_INIT(entryp, make(node), (node)->has_map ? node_map : NULL, node);   \
	} while (0)

#define CHAIN_INIT(futurep, is_forward)                     \
	do {                                                \
		if (is_forward)                             \
			FUTURE_CHAIN_INIT_FORWARD(futurep); \
		else                                        \
			FUTURE_CHAIN_INIT(futurep);         \
	} while (0)

#define ENTRY_AT(node, entryp)                                            \
	do {                                                              \
		(node)->entry = (struct future_chain_entry *)(void *)(entryp); \
		(node)->future = FUTURE_AS_RUNNABLE(&(entryp)->fut);      \
	} while (0)

static struct inner_fut make_inner(struct node *node)
{
	struct node *const nodes = &fuzz.nodes[ENTRIES];
	struct inner_fut future;

	(void)node;
	memset(&future, 0, sizeof(future));
	for (unsigned i = 0; i < INNER_ENTRIES; i++)
		nodes[i].left = nodes[i].polls;
	ENTRY_INIT(&future.data.a, &nodes[0], make_plain, plain_init);
	ENTRY_INIT(&future.data.b, &nodes[1], make_plain, plain_init);
	ENTRY_INIT(&future.data.c, &nodes[2], make_plain, plain_init);
	CHAIN_INIT(&future, fuzz.inner_is_forward);
	return future;
}

static void inner_init(void *future, struct future_context *chain, void *arg)
{
	const struct inner_fut made = make_inner(arg);

	note_init(arg, chain);
	memcpy(future, &made, sizeof(made));
}

#define OUTER_BUILD(chain, make, init_fn)                                             \
	do {                                                                          \
		ENTRY_INIT(&(chain)->data.a, &fuzz.nodes[0], make_plain, plain_init); \
		ENTRY_INIT(&(chain)->data.b, &fuzz.nodes[1], make, init_fn);          \
		ENTRY_INIT(&(chain)->data.c, &fuzz.nodes[2], make_inner, inner_init); \
		ENTRY_INIT(&(chain)->data.d, &fuzz.nodes[3], make, init_fn);          \
		CHAIN_INIT(chain, fuzz.outer_is_forward);                             \
		ENTRY_AT(&fuzz.nodes[0], &(chain)->data.a);                           \
		ENTRY_AT(&fuzz.nodes[1], &(chain)->data.b);                           \
		ENTRY_AT(&fuzz.nodes[2], &(chain)->data.c);                           \
		ENTRY_AT(&fuzz.nodes[3], &(chain)->data.d);                           \
		fuzz.inner = &(chain)->data.c.fut;                                    \
		fuzz.outer = FUTURE_AS_RUNNABLE(chain);                               \
	} while (0)

static void choose_node(struct node *node)
{
	const unsigned kind = input_byte(&fuzz.input);
	const unsigned way = input_byte(&fuzz.input);
	const unsigned back = input_byte(&fuzz.input);

	node->number = (unsigned)(node - fuzz.nodes);
	node->chain = node->number < ENTRIES ? 0 : ENTRIES;
	node->chain_size = node->number < ENTRIES ? ENTRIES : INNER_ENTRIES;
	node->is_lazy = kind & 1;
	node->has_map = kind >> 1 & 1;
	node->map_skips = (kind >> 2 & 3) == 3;
	node->init_completes = (kind >> 4 & 7) == 7 && !is_chain(node);
	node->has_property = (int)(kind >> 7);
	node->polls = way & 3;
	node->waiting_state = way & 4 ? FUTURE_STATE_IDLE : FUTURE_STATE_RUNNING;
	node->notifier = (enum future_notifier_type)((way >> 3 & 3) % 3);
	node->wakes_twice = way >> 5 & 1;
	node->back_from = back & 3;
	node->back_outer = back >> 2 & 1;
	node->knows = way >> 6 & 1;
	node->gives_up = !(way >> 7 & 1);
	node->drains = node->drains_left = node->model_drains_left = back >> 5 & 3;
	node->backs_left = node->model_backs_left = (back >> 3 & 3) % 3;
	node->left = node->model_left = node->polls;
	node->state = FUTURE_STATE_IDLE;
	node->is_initialized = !node->is_lazy;
}

static void build(void)
{
	const unsigned how = input_byte(&fuzz.input);

	for (unsigned i = 0; i < NODES; i++)
		choose_node(&fuzz.nodes[i]);
	fuzz.outer_is_forward = how & 1;
	fuzz.inner_is_forward = how >> 1 & 1;
	fuzz.word = 1;
	if (how & 4)
		OUTER_BUILD(&fuzz.aligned, make_aligned, aligned_init);
	else
		OUTER_BUILD(&fuzz.plain, make_plain, plain_init);
	ENTRY_AT(&fuzz.nodes[ENTRIES], &fuzz.inner->data.a);
	ENTRY_AT(&fuzz.nodes[ENTRIES + 1], &fuzz.inner->data.b);
	ENTRY_AT(&fuzz.nodes[ENTRIES + 2], &fuzz.inner->data.c);
	fuzz.model.state = FUTURE_STATE_IDLE;
}

/* ---- the model -------------------------------------------------------------------------------------- */

static enum future_state model_chain(struct node *chain, unsigned first, unsigned n);

static void model_init(struct node *node)
{
	write_down(&fuzz.model_trace, INIT, node);
	node->is_initialized = 1;
	node->model_left = node->polls;
	node->state = node->init_completes ? FUTURE_STATE_COMPLETE : FUTURE_STATE_IDLE;
	node->is_asked = node->is_cancelled = 0;
	if (!is_chain(node))
		return;
	for (unsigned i = ENTRIES; i < NODES; i++) {
		fuzz.nodes[i].is_processed = 0;
		fuzz.nodes[i].is_initialized = !fuzz.nodes[i].is_lazy;
		fuzz.nodes[i].state = FUTURE_STATE_IDLE;
		fuzz.nodes[i].is_asked = fuzz.nodes[i].is_cancelled = 0;
		fuzz.nodes[i].model_left = fuzz.nodes[i].polls;
	}
}

static enum future_state model_task(struct node *node)
{
	unsigned first;
	unsigned end;

	if (is_chain(node))
		return model_chain(node, ENTRIES, INNER_ENTRIES);
	write_down(&fuzz.model_trace, RUN, node);
	if (node->knows && node->gives_up && node->is_asked) {
		if (node->model_drains_left > 0) {
			node->model_drains_left--;
			return FUTURE_STATE_RUNNING;
		}
		write_down(&fuzz.model_trace, GIVE_UP, node);
		node->is_cancelled = 1;
		return FUTURE_STATE_COMPLETE;
	}
	if (node->model_left > 0) {
		node->model_left--;
		return node->waiting_state;
	}
	if (node->model_backs_left > 0) {
		node->model_backs_left--;
		if (range_back(node, &first, &end)) {
			for (unsigned i = first; i < end; i++) {
				fuzz.nodes[i].is_processed = 0;
				if (!is_complete_from_start(&fuzz.nodes[i]))
					fuzz.nodes[i].state = FUTURE_STATE_IDLE;
			}
		}
		return FUTURE_STATE_RUNNING;
	}
	node->model_left = node->polls;
	return FUTURE_STATE_COMPLETE;
}

/* The chain arrives at an entry: C.3, C.5. */
static void model_arrive(struct node *node)
{
	if (node->is_lazy && (!node->is_initialized || node->state == FUTURE_STATE_RUNNING))
		model_init(node);
}

static struct node *model_first(unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++) {
		if (!fuzz.nodes[i].is_processed)
			return &fuzz.nodes[i];
	}
	return NULL;
}

/* C.3: what happens when an entry is complete. Returns the next to run. */
static struct node *model_pass(struct node *node, unsigned first, unsigned n)
{
	struct node *const next = node->number + 1 < first + n ? node + 1 : NULL;

	if (next != NULL)
		model_arrive(next);
	if (node->has_map) {
		write_down(&fuzz.model_trace, MAP, node);
		if (next != NULL && node->map_skips)
			next->state = FUTURE_STATE_COMPLETE;
	}
	node->is_processed = 1;
	struct node *const unprocessed = model_first(node->number, first + n - node->number);
	if (unprocessed != NULL)
		model_arrive(unprocessed);
	return unprocessed;
}

/* -1: nothing is left to run. Otherwise a chain knows of cancellation. */
static int model_has_property(enum future_property property, unsigned first, unsigned n)
{
	const struct node *const node = model_first(first, n);

	if (node == NULL)
		return -1;
	if (property == FUTURE_PROPERTY_CANCEL)
		return 1;
	if (!node->is_initialized)
		return 0;
	if (is_chain(node))
		return model_has_property(property, ENTRIES, INNER_ENTRIES);
	return node->has_property && !is_complete_from_start(node);
}

static int model_knows(const struct node *node)
{
	return is_chain(node) ? model_has_property(FUTURE_PROPERTY_CANCEL, ENTRIES, INNER_ENTRIES) == 1 :
				node->knows && !is_complete_from_start(node);
}

/* Transitions 6 and 7. */
static void model_cancel(struct node *node, int knows)
{
	if (node->state == FUTURE_STATE_COMPLETE)
		return;
	node->is_asked = 1;
	if (node->state != FUTURE_STATE_IDLE || knows)
		return;
	node->is_cancelled = 1;
	node->state = FUTURE_STATE_COMPLETE;
}

/* X.4. The first entry that is not complete is where the chain stands, or has been sent back to. */
static enum future_state model_chain_cancelled(struct node *chain, unsigned first, unsigned n)
{
	struct node *node = model_first(first, n);

	for (int arrives = 0; node != NULL; arrives = 1) { /* ends: each turn has processed an entry */
		if (node->is_initialized) {
			if (arrives && node->state == FUTURE_STATE_RUNNING && !model_knows(node))
				node->state = FUTURE_STATE_IDLE;
			model_cancel(node, model_knows(node));
			if (node->state != FUTURE_STATE_COMPLETE)
				node->state = model_task(node);
			if (node->state != FUTURE_STATE_COMPLETE)
				return FUTURE_STATE_RUNNING;
		}
		if (node->is_initialized && !node->is_cancelled) {
			node = model_pass(node, first, n);
		} else {
			chain->is_cancelled = 1;
			node->is_processed = 1;
			node = model_first(node->number, first + n - node->number);
		}
	}
	return FUTURE_STATE_COMPLETE;
}

static enum future_state model_chain(struct node *chain, unsigned first, unsigned n)
{
	struct node *node = model_first(first, n);

	if (chain->is_asked)
		return model_chain_cancelled(chain, first, n);
	if (node != NULL && !node->is_initialized)
		model_init(node);
	while (node != NULL) { /* ends: each turn has processed an entry */
		if (node->state != FUTURE_STATE_COMPLETE)
			node->state = model_task(node);
		if (node->state != FUTURE_STATE_COMPLETE)
			return FUTURE_STATE_RUNNING;
		node = model_pass(node, first, n);
	}
	return FUTURE_STATE_COMPLETE;
}

static void model_poll(void)
{
	if (fuzz.model.state != FUTURE_STATE_COMPLETE)
		fuzz.model.state = model_chain(&fuzz.model, 0, ENTRIES);
}

/* ---- a run ------------------------------------------------------------------------------------------ */

static void compare(void)
{
	static const enum future_property properties[] = { FUTURE_PROPERTY_ASYNC, FUTURE_PROPERTY_CANCEL };

	expect(fuzz.outer->context.state == fuzz.model.state);
	expect(future_is_cancelled(fuzz.outer) == (fuzz.model.state == FUTURE_STATE_COMPLETE && fuzz.model.is_cancelled));
	expect(fuzz.real.n == fuzz.model_trace.n);
	expect(memcmp(fuzz.real.events, fuzz.model_trace.events, fuzz.real.n * sizeof(fuzz.real.events[0])) == 0);
	for (unsigned i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		expect(future_has_property(fuzz.outer, properties[i]) == model_has_property(properties[i], 0, ENTRIES));
}

static void ignore_wake(void *data)
{
	expect(data == &fuzz);
}

static void cancel(void)
{
	future_cancel(fuzz.outer);
	model_cancel(&fuzz.model, model_has_property(FUTURE_PROPERTY_CANCEL, 0, ENTRIES) == 1);
	compare();
}

static void poll_once(int with_notifier)
{
	struct future_notifier notifier = { { &fuzz, ignore_wake }, { NULL }, FUTURE_NOTIFIER_NONE, 0 };

	if (fuzz.cancel_at > 0 && --fuzz.cancel_at == 0)
		cancel();
	fuzz.notifier = with_notifier ? &notifier : NULL;
	(void)future_poll(fuzz.outer, fuzz.notifier);
	model_poll();
	compare();
}

static void wait_with_runtime(void)
{
	struct runtime *const runtime = runtime_new();

	expect(runtime != NULL);
	if (fuzz.cancel_at > 0)
		cancel();
	fuzz.in_runtime = 1;
	runtime_wait(runtime, fuzz.outer);
	runtime_delete(runtime);
	for (unsigned i = 0; fuzz.model.state != FUTURE_STATE_COMPLETE; i++) {
		expect(i < POLLS_MAX);
		model_poll();
	}
	compare();
	fuzz.in_runtime = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.input = (struct input){ data, size };
	build();
	const unsigned how = input_byte(&fuzz.input);

	fuzz.cancel_at = input_byte(&fuzz.input) % CANCEL_AT_MAX;
	compare();
	for (unsigned i = 0; i < how / 4 && fuzz.model.state != FUTURE_STATE_COMPLETE; i++)
		poll_once(how & 1);
	if (how & 2)
		wait_with_runtime();
	for (unsigned i = 0; fuzz.model.state != FUTURE_STATE_COMPLETE; i++) {
		expect(i < POLLS_MAX);
		poll_once(how & 1);
	}
	/* Nothing happens any more (F.5). */
	poll_once(1);
	return 0;
}
