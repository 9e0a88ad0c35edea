/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * future.h: tasks that are composed without allocation and driven by polling.
 *
 * A future is a struct of the caller's: a task function, its input (`data`) and its result (`output`),
 * side by side. Polling calls the task, which does what it can without waiting and says whether it is
 * done. Nothing runs between polls, nothing is allocated, and whoever polls decides when.
 *
 * When not to use it: for work that is done in one go, a function call is simpler; for work that wants a stack of
 * its own, a thread is.
 *
 * Model in one sentence: a future is a state machine with one entry point, and a chain is a future
 * that polls a row of others one after the other.
 *
 * The API is that of Intel's libminiasync, discontinued in 2022; names, struct members and, on 64-bit
 * machines, the layout are the same, so that its programs compile unchanged and binaries built with it fit.
 *
 *     FUTURE(twice_fut, struct twice_data, struct twice_output);      (examples/first_future.c)
 *
 *     static enum future_state twice_task(struct future_context *ctx, struct future_notifier *notifier)
 *     {
 *             struct twice_data *data = future_context_get_data(ctx);
 *             struct twice_output *output = future_context_get_output(ctx);
 *             output->result = 2 * data->number;
 *             return FUTURE_STATE_COMPLETE;
 *     }
 *
 * Guarantees
 *   F.1  A task is called only by future_poll(), never after its future is complete, and by one poll at a time.
 *   F.2  The library never looks into the notifier: poll and chains hand the pointer on as it is, NULL too.
 *   F.3  Data and output lie where the compiler puts them, for any alignment up to 32 KiB.
 *   F.4  A future may be copied or moved while it is idle, and may be polled by another thread each time, provided that the
 *        polls are ordered by the caller.
 *   F.5  A complete future may be polled, and asked for properties, any number of times; nothing happens.
 *   C.1  The entries of a chain run in the order of declaration, each to completion before the next.
 *   C.2  One poll of a chain goes on through every entry that completes at once, and returns RUNNING at
 *        the first that does not.
 *   C.3  When an entry completes: the next one is initialised if it is lazy, then the entry's map is called once,
 *        then the entry is marked processed.
 *   C.4  Each poll starts at the first unprocessed entry. So a task may send its chain back: it clears
 *        the processed flag of earlier entries, sets their state to idle, and returns RUNNING.
 *   C.5  A lazy entry is initialised once, also when it is run again. The exception is the entry that sent its chain
 *        back: it is still RUNNING when the chain arrives at it anew, what it was initialised from has been
 *        overtaken, and it is initialised afresh.
 *   X.1  future_cancel() asks; the polls that follow carry it out. Who cancels goes on polling until the future is complete, and only
 *        then may free what it works on: a copy in flight is drained, a claimed cell given back.
 *   X.2  future_is_cancelled() tells of a complete future whether it was cut short. One that completes its work although it was
 *        asked not to is complete like any other, and its output is valid.
 *   X.3  A task that knows nothing of cancellation is either never called, if it had not begun, or it runs to its end.
 *   X.4  A chain that is cancelled cancels the entry that it stands at, and when that one is complete, each later one, in order: those that
 *        know of cancellation are polled, so that they can give back what they hold; lazy ones not initialised so far are passed over.
 *        The map of a cancelled entry is not called; that of one which completed is, as in C.3. The chain is cancelled if an entry was.
 *        An entry that had sent the chain back (C.4), and knows nothing of cancellation, is passed over when the chain arrives at
 *        it again: what it waits for does not come. Tasks that send back a chain further out ask future_context_is_cancelled(), or that
 *        chain may not end.
 *
 * The states of a future, and who changes them; * is the task's return value, in a poll:
 *
 *      FUTURE_INIT ----> IDLE ------ 1* -----> RUNNING ------ 3* ----> COMPLETE <---- FUTURE_INIT_COMPLETE
 *                       | | ^--2*               | ^--4*                  ^ ^
 *                       | |                     |                        | |
 *                       | '------------------- 5* -----------------------' |
 *             cancel: 6 |                       | cancel: 7                |
 *                       v                       v                          |
 *             COMPLETE, cancelled <--- 8* --- asked -------- 9* -----------'
 *
 *   1  the task began, and waits              6  it had not begun, and its task knows nothing of cancellation: done
 *   2  it could not begin yet                 7  noted for the next poll; also of an idle future whose task knows of it
 *   3  it is done                             8  the task gave back what it held: future_context_cancelled()
 *   4  it still waits                         9  the task ended its work, since it was nearly done or knows nothing of cancellation
 *   5  it was done at once
 *
 * Which calls may run together: none on one future (F.4); any on different futures. A waker may be called
 * from any thread at any time (see struct future_waker).
 *
 * Cost: a poll is one indirect call. A chain walks over its processed entries at each poll (C.4 needs it), about
 * one machine cycle for each; FUTURE_CHAIN_INIT_FORWARD makes one that cannot be sent back and does not walk.
 */
#ifndef HASHLOOM_FUTURE_H
#define HASHLOOM_FUTURE_H

#include <hashloom/base.h>

#include <string.h>

#include <hashloom/atomic.h>

HL_BEGIN_DECLS

/* ---- the future ---------------------------------------------------------------------------------- */

enum future_state {
	FUTURE_STATE_IDLE,     /* not started, or could not start yet: poll again */
	FUTURE_STATE_COMPLETE, /* done: the output is valid */
	FUTURE_STATE_RUNNING,  /* started: poll again, or wait for the notifier */
};

/*
 * data_size and output_size are in bytes. `padding` belongs to the library: it tells how far data and
 * output are from where they would lie if nothing needed alignment (zero for most futures).
 */
struct future_context {
	size_t data_size;
	size_t output_size;
	enum future_state state;
	uint32_t padding;
};

/*
 * How a task says when it wants to be polled again.
 *
 * A task that is given a notifier (not NULL) and returns RUNNING sets notifier_used, at each poll:
 *   NONE    poll me in turn; a runtime takes its time when nothing completes, so a task that got on and wants the next poll
 *           at once says WAKER and wakes the waker itself;
 *   WAKER   it has copied `waker` and will have wake(data) called, from any thread, after what it
 *           waits for is visible; it copies the waker at each poll, the last one given counts;
 *   POLLER  it has set ptr_to_monitor to a word that becomes non-zero (acquire) after what it waits for is visible.
 * A task that hands its notifier on to other futures answers for what they leave in it: if it polled more than one, or a chain, it
 * says NONE.
 * wake may be called before the poll returns, more than once, or for nothing. It never blocks and may
 * be called from the task itself. A task must not touch the waker after its future is seen complete.
 */
typedef void (*future_waker_wake_fn)(void *data);

struct future_waker {
	void *data;
	future_waker_wake_fn wake;
};

struct future_poller {
	uint64_t *ptr_to_monitor;
};

enum future_notifier_type {
	FUTURE_NOTIFIER_NONE,
	FUTURE_NOTIFIER_WAKER,
	FUTURE_NOTIFIER_POLLER,
};

struct future_notifier {
	struct future_waker waker;
	struct future_poller poller;
	enum future_notifier_type notifier_used;
	uint32_t padding;
};

enum future_property {
	FUTURE_PROPERTY_ASYNC,  /* the work goes on while nobody polls */
	FUTURE_PROPERTY_CANCEL, /* the task asks future_context_is_cancelled() at each poll, before it begins, too */
};

/*
 * The task: called by future_poll on the polling thread, once a poll; must not block and must not poll its
 * own future; may poll others. Returns the new state.
 */
typedef enum future_state (*future_task_fn)(struct future_context *context, struct future_notifier *notifier);

/* Says whether a future has a property: 1 or 0 (-1: a chain with nothing left to run). `future` is the future's address. */
typedef int (*future_has_property_fn)(void *future, enum future_property property);

struct future {
	future_task_fn task;
	future_has_property_fn has_property;
	struct future_context context;
};

/* Defines `struct name`: a future with data and output of these types, which may be empty structs. */
#define FUTURE(name, data_type, output_type)                                                       \
	struct name {                                                                              \
		struct future base;                                                                \
		data_type data;                                                                    \
		output_type output;                                                                \
	}

/* How context.padding is used: bits 0-11 and 12-26 the two gaps, the rest for chains and runtimes. */
#define HL_FUTURE_DATA_GAP_UNIT 8
#define HL_FUTURE_DATA_GAP_MASK 0xfffU
#define HL_FUTURE_OUTPUT_GAP_SHIFT 12
#define HL_FUTURE_OUTPUT_GAP_MASK 0x7fffU
#define HL_FUTURE_ALIGNMENT_MAX 32768
#define HL_FUTURE_CANCEL (1U << 28)    /* future_cancel() has asked */
#define HL_FUTURE_CANCELLED (1U << 29) /* complete, cut short */
#define HL_FUTURE_IN_WAIT (1U << 30)   /* a runtime waits for it: see runtime.c */
#define HL_FUTURE_WENT_ON (1U << 31)   /* the last poll of this chain finished an entry and then stopped at another */

#define HL_FUTURE_DISTANCE(from, to) ((size_t)((const char *)(to) - (const char *)(from)))

#define HL_FUTURE_DATA_GAP(futurep) (HL_FUTURE_DISTANCE(futurep, &(futurep)->data) - sizeof(struct future))

#define HL_FUTURE_OUTPUT_GAP(futurep)                                                              \
	(HL_FUTURE_DISTANCE(&(futurep)->data, &(futurep)->output) - sizeof((futurep)->data))

#define HL_FUTURE_LAYOUT(futurep)                                                                  \
	((uint32_t)(HL_FUTURE_DATA_GAP(futurep) / HL_FUTURE_DATA_GAP_UNIT) |                       \
	 (uint32_t)HL_FUTURE_OUTPUT_GAP(futurep) << HL_FUTURE_OUTPUT_GAP_SHIFT)

/* The answer of a future without properties. */
static inline int hl_future_has_no_property(void *future, enum future_property property)
{
	(void)future;
	(void)property;
	return 0;
}

#define HL_FUTURE_SET(futurep, task_fn, has_property_fn, initial_state)                            \
	do {                                                                                       \
		HL_STATIC_ASSERT(__alignof__(*(futurep)) <= HL_FUTURE_ALIGNMENT_MAX,               \
				 "a future's data and output may be aligned to 32 KiB at most");   \
		(futurep)->base.task = (task_fn);                                                  \
		(futurep)->base.has_property = (has_property_fn);                                  \
		(futurep)->base.context.data_size = sizeof((futurep)->data);                       \
		(futurep)->base.context.output_size = sizeof((futurep)->output);                   \
		(futurep)->base.context.state = (initial_state);                                   \
		(futurep)->base.context.padding = HL_FUTURE_LAYOUT(futurep);                       \
	} while (0)

/* Idle, with a task and no property. Data and output stay as the caller set them, before or after. */
#define FUTURE_INIT(futurep, task_fn)                                                              \
	HL_FUTURE_SET(futurep, task_fn, hl_future_has_no_property, FUTURE_STATE_IDLE)

/* Idle, with a task and a function that answers for its properties. */
#define FUTURE_INIT_EXT(futurep, task_fn, has_property_fn)                                         \
	HL_FUTURE_SET(futurep, task_fn, has_property_fn, FUTURE_STATE_IDLE)

/* Complete from the start: no task, safe to poll and to ask (F.5). */
#define FUTURE_INIT_COMPLETE(futurep)                                                              \
	HL_FUTURE_SET(futurep, NULL, hl_future_has_no_property, FUTURE_STATE_COMPLETE)

#define FUTURE_AS_RUNNABLE(futurep) (&(futurep)->base)
#define FUTURE_OUTPUT(futurep) (&(futurep)->output)
#define FUTURE_DATA(futurep) (&(futurep)->data)
#define FUTURE_STATE(futurep) ((futurep)->base.context.state)
#define FUTURE_WAKER_WAKE(wakerp) ((wakerp)->wake((wakerp)->data))

/*
 * future_context_get_data, future_context_get_output: from a context to the members of its future.
 * context:  the context that the task or map was given; its future was set up by a FUTURE_INIT macro.
 * Returns:  the address of the data or output member; never NULL.
 * Threads:  as future_poll.  Progress: wait-free.  Order: none.  Memory: none.  Cost: an addition or two.
 * Lifetime: the future's.
 */
static inline void *future_context_get_data(struct future_context *context)
{
	return (char *)context + sizeof(*context) +
	       (size_t)(context->padding & HL_FUTURE_DATA_GAP_MASK) * HL_FUTURE_DATA_GAP_UNIT;
}

static inline void *future_context_get_output(struct future_context *context)
{
	const size_t gap = context->padding >> HL_FUTURE_OUTPUT_GAP_SHIFT & HL_FUTURE_OUTPUT_GAP_MASK;

	return (char *)future_context_get_data(context) + context->data_size + gap;
}

/*
 * future_context_get_size: bytes of data and output together, without what alignment puts between.
 * context:  as above.
 * Returns:  data_size + output_size.
 * Threads:  as future_poll.  Progress: wait-free.  Order: none.  Memory: none.  Cost: an addition.  Lifetime: none.
 */
static inline size_t future_context_get_size(struct future_context *context)
{
	return context->data_size + context->output_size;
}

/*
 * future_poll: lets a future do what it can now.
 * future:   initialised by one of the macros; may be complete already.
 * notifier: handed to the task as it is; NULL: the caller will poll again without being told.
 * Returns:  the new state, which is also stored in the future.
 * Threads:  one poll of one future at a time; different threads may take turns.
 * Progress: that of the task; wait-free on a complete future.
 * Order:    none of its own: what the task's work needs, the task brings.
 * Memory:   none.  Cost: one indirect call.  Lifetime: none.
 */
static inline enum future_state future_poll(struct future *future, struct future_notifier *notifier)
{
	if (future->context.state != FUTURE_STATE_COMPLETE)
		future->context.state = future->task(&future->context, notifier);
	return future->context.state;
}

/* Polls without a notifier, with a pause in between, until complete. Burns a core: for tests and very short waits. */
#define FUTURE_BUSY_POLL(futurep)                                                                  \
	do {                                                                                       \
		while (future_poll(FUTURE_AS_RUNNABLE(futurep), NULL) != FUTURE_STATE_COMPLETE)    \
			hl_relax();                                                                \
	} while (0)

/*
 * future_has_property: asks a future what it is like.
 * future:   initialised; may be complete.
 * property: of enum future_property.
 * Returns:  1 or 0; for a chain the answer of its first unprocessed entry, -1 when none is left.
 * Threads:  as future_poll.  Progress: wait-free.  Order: none.  Memory: none.  Cost: one indirect call.  Lifetime: none.
 */
static inline int future_has_property(struct future *future, enum future_property property)
{
	return future->has_property == NULL ? 0 : future->has_property(future, property);
}

/* ---- cancellation -------------------------------------------------------------------------------- */

/*
 * future_cancel: asks a future to end early. Go on polling it until it is complete.
 * future:   initialised; may be complete: then nothing happens. May be asked again.
 * Returns:  nothing; the state may be COMPLETE now (transition 6).
 * Threads:  as future_poll: not while somebody else polls it (a task that was spawned: runtime_cancel()).
 * Progress: wait-free.  Order: none.  Memory: none.  Cost: a call of has_property at most.
 * Lifetime: none; what the future works on must stay until it is complete.
 */
static inline void future_cancel(struct future *future)
{
	if (future->context.state == FUTURE_STATE_COMPLETE)
		return;
	future->context.padding |= HL_FUTURE_CANCEL;
	if (future->context.state != FUTURE_STATE_IDLE || future_has_property(future, FUTURE_PROPERTY_CANCEL) == 1)
		return;
	future->context.padding |= HL_FUTURE_CANCELLED;
	future->context.state = FUTURE_STATE_COMPLETE;
}

/*
 * future_is_cancelled: whether a future ended because of future_cancel(), before its work was done.
 * future:   initialised.
 * Returns:  1: it did, its output is what its task says for this case, or as the caller left it; 0: it is not complete, or not cancelled.
 * Threads:  as future_poll.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: none.
 */
static inline int future_is_cancelled(const struct future *future)
{
	/* a chain notes an entry that was cancelled before it is complete itself */
	return future->context.state == FUTURE_STATE_COMPLETE && (future->context.padding & HL_FUTURE_CANCELLED) != 0;
}

/*
 * future_context_is_cancelled: for a task: whether its future was asked to end.
 * context:  the context that the task was given.
 * Returns:  1 or 0.
 * Threads:  as future_poll.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a load.  Lifetime: none.
 */
static inline int future_context_is_cancelled(const struct future_context *context)
{
	return (context->padding & HL_FUTURE_CANCEL) != 0;
}

/*
 * future_context_cancelled: for a task that was asked to end and has given back what it held.
 * context:  the context that the task was given.
 * Returns:  FUTURE_STATE_COMPLETE, for the task to return (transition 8).
 * Threads:  as future_poll.  Progress: wait-free.  Order: none.  Memory: none.  Cost: a store.  Lifetime: none.
 */
static inline enum future_state future_context_cancelled(struct future_context *context)
{
	context->padding |= HL_FUTURE_CANCELLED;
	return FUTURE_STATE_COMPLETE;
}

/* ---- chains -------------------------------------------------------------------------------------- */

/*
 * The map: called on the polling thread when the entry that it belongs to completes, once. `lhs` is
 * that entry's context, `rhs` the next entry's, or the chain's own for the last entry. It may set
 * rhs->state to FUTURE_STATE_COMPLETE so that the next entry is skipped (whose own map still runs).
 */
typedef void (*future_map_fn)(struct future_context *lhs, struct future_context *rhs, void *arg);

/*
 * The init of a lazy entry: writes a whole future to `future` (memcpy) just before it is needed; `chain` is the
 * context of the chain. It may leave a complete future.
 */
typedef void (*future_init_fn)(void *future, struct future_context *chain, void *arg);

/*
 * What every entry begins with; programs cast between this and the entries that the macros declare, so what is read and
 * written through it may be the other.
 */
struct __attribute__((may_alias)) future_chain_entry {
	future_map_fn map;
	void *map_arg;
	future_init_fn init;
	void *init_arg;
	uint64_t flags;
	struct future future;
};

/* 64 bits wide, so that a program's `flags &= ~FLAG` leaves the others alone. */
#define FUTURE_CHAIN_FLAG_ENTRY_LAST (UINT64_C(1) << 0)
#define FUTURE_CHAIN_FLAG_ENTRY_PROCESSED (UINT64_C(1) << 1)
#define FUTURE_CHAIN_VALID_FLAGS (FUTURE_CHAIN_FLAG_ENTRY_LAST | FUTURE_CHAIN_FLAG_ENTRY_PROCESSED)

/*
 * Beyond the valid flags lies the shape of the entry: bits 3-6 the logarithm of its alignment, 7-15 a
 * signature, 16-31 how far its future lies behind the place where it would lie if nothing needed alignment,
 * 32-63 bytes from this entry to the next.
 */
#define HL_CHAIN_ENTRY_INITIALIZED (UINT64_C(1) << 2)
#define HL_CHAIN_ENTRY_ALIGN_SHIFT 3
#define HL_CHAIN_ENTRY_ALIGN_MASK 0xfU
#define HL_CHAIN_ENTRY_SIGNATURE (0x16dU << 7)
#define HL_CHAIN_ENTRY_SIGNATURE_MASK (0x1ffU << 7)
#define HL_CHAIN_ENTRY_FUTURE_SHIFT 16
#define HL_CHAIN_ENTRY_FUTURE_MIN (offsetof(struct future_chain_entry, future))
#define HL_CHAIN_ENTRY_SIZE_SHIFT 32
#define HL_CHAIN_ENTRY_ALIGN_LOG2_MIN 2
#define HL_CHAIN_CURSOR_SHIFT HL_CHAIN_ENTRY_ALIGN_SHIFT
#define HL_CHAIN_CURSOR_MASK UINT64_C(0x1fff)
#define HL_CHAIN_CURSOR_UNIT 4
#define HL_CHAIN_FEW 8

#define HL_CHAIN_ENTRY(future_type, name, marker_size)                                             \
	struct {                                                                                   \
		future_map_fn map;                                                                 \
		void *map_arg;                                                                     \
		future_init_fn init;                                                               \
		void *init_arg;                                                                    \
		union {                                                                            \
			uint64_t flags;                                                            \
			char hl_marker[marker_size]; /* its size tells the last entry */           \
		};                                                                                 \
		future_type fut;                                                                   \
	} name

/*
 * Declare an entry, as a member of the chain's data struct. Entries come first and side by side, which is not checked. Without a LAST
 * the entries must fill the whole struct (but for less than 80 bytes), or the chain runs into what follows; behind a LAST other members may follow.
 */
#define FUTURE_CHAIN_ENTRY(future_type, name) HL_CHAIN_ENTRY(future_type, name, 1)
#define FUTURE_CHAIN_ENTRY_LAST(future_type, name) HL_CHAIN_ENTRY(future_type, name, 2)

#define HL_CHAIN_ENTRY_SHAPE(entryp)                                                               \
	((uint64_t)sizeof(*(entryp)) << HL_CHAIN_ENTRY_SIZE_SHIFT |                                \
	 (uint64_t)(HL_FUTURE_DISTANCE(entryp, &(entryp)->fut) - HL_CHAIN_ENTRY_FUTURE_MIN)        \
		 << HL_CHAIN_ENTRY_FUTURE_SHIFT |                                                  \
	 (uint64_t)__builtin_ctz((unsigned)__alignof__(*(entryp))) << HL_CHAIN_ENTRY_ALIGN_SHIFT | \
	 (uint64_t)HL_CHAIN_ENTRY_SIGNATURE | (uint64_t)(sizeof((entryp)->hl_marker) - 1))

#define HL_CHAIN_ENTRY_SET(entryp, init_fn, init_argument, map_fn, map_argument, extra_flags)      \
	do {                                                                                       \
		HL_STATIC_ASSERT(sizeof(*(entryp)) < UINT32_MAX, "a chain entry has less than 4 GiB"); \
		HL_STATIC_ASSERT(__alignof__(*(entryp)) <= HL_FUTURE_ALIGNMENT_MAX,                \
				 "a chain's entries may be aligned to 32 KiB at most");            \
		(entryp)->map = (map_fn);                                                          \
		(entryp)->map_arg = (map_argument);                                                \
		(entryp)->init = (init_fn);                                                        \
		(entryp)->init_arg = (init_argument);                                              \
		(entryp)->flags = HL_CHAIN_ENTRY_SHAPE(entryp) | (extra_flags);                    \
	} while (0)

/* An entry with its future, which is copied in. map may be NULL. */
#define FUTURE_CHAIN_ENTRY_INIT(entryp, future, map_fn, map_argument)                              \
	do {                                                                                       \
		(entryp)->fut = (future);                                                          \
		HL_CHAIN_ENTRY_SET(entryp, NULL, NULL, map_fn, map_argument,                       \
				   HL_CHAIN_ENTRY_INITIALIZED);                                    \
	} while (0)

/* An entry whose future is written by init when the chain arrives at it (C.3, C.5). map may be NULL. */
#define FUTURE_CHAIN_ENTRY_LAZY_INIT(entryp, init_fn, init_argument, map_fn, map_argument)         \
	HL_CHAIN_ENTRY_SET(entryp, init_fn, init_argument, map_fn, map_argument, 0)

#define FUTURE_CHAIN_ENTRY_HAS_FLAG(entryp, flag) (((entryp)->flags & (flag)) != 0)
#define FUTURE_CHAIN_ENTRY_IS_LAST(entryp) FUTURE_CHAIN_ENTRY_HAS_FLAG(entryp, FUTURE_CHAIN_FLAG_ENTRY_LAST)
#define FUTURE_CHAIN_ENTRY_IS_PROCESSED(entryp)                                                    \
	FUTURE_CHAIN_ENTRY_HAS_FLAG(entryp, FUTURE_CHAIN_FLAG_ENTRY_PROCESSED)
#define FUTURE_CHAIN_ENTRY_IS_INITIALIZED(entryp)                                                  \
	(FUTURE_CHAIN_ENTRY_HAS_FLAG(entryp, HL_CHAIN_ENTRY_INITIALIZED) || (entryp)->init == NULL)

/* The future inside of an entry. An entry that carries no shape was made without the macros: the plain layout. */
static inline struct future *hl_chain_entry_future(struct future_chain_entry *entry)
{
	const size_t gap = (size_t)(entry->flags >> HL_CHAIN_ENTRY_FUTURE_SHIFT & UINT16_MAX);

	return (struct future *)(void *)((char *)&entry->future + gap);
}

/* Bytes from an entry to the next. Without a shape they follow from the sizes in the (initialised) future. */
static inline size_t hl_chain_entry_size(struct future_chain_entry *entry)
{
	const size_t size = (size_t)(entry->flags >> HL_CHAIN_ENTRY_SIZE_SHIFT);
	const size_t align = sizeof(uint64_t);

	if (HL_LIKELY(size != 0))
		return size;
	struct future_context *const context = &entry->future.context;
	const char *const end = (const char *)future_context_get_output(context) + context->output_size;
	return (HL_FUTURE_DISTANCE(entry, end) + align - 1) / align * align;
}

static inline char *hl_chain_end(struct future_context *chain)
{
	return (char *)future_context_get_data(chain) + chain->data_size;
}

/* The entry that follows this one, or NULL behind the last. */
static inline struct future_chain_entry *hl_chain_next(struct future_context *chain, struct future_chain_entry *entry)
{
	char *const next = (char *)entry + hl_chain_entry_size(entry);

	/* What is too short for an entry is the end, too: padding, or a member behind a last entry that was not declared so. */
	if (FUTURE_CHAIN_ENTRY_IS_LAST(entry) ||
	    hl_chain_end(chain) - next < (ptrdiff_t)sizeof(struct future_chain_entry))
		return NULL;
	return (struct future_chain_entry *)(void *)next;
}

static inline uint64_t hl_chain_flags_at(const char *at)
{
	return ((const struct future_chain_entry *)(const void *)at)->flags;
}

/* Entries begin before it. What is too short for one is none, as in hl_chain_next(). */
static inline char *hl_chain_entries_end(struct future_context *chain)
{
	return hl_chain_end(chain) - (sizeof(struct future_chain_entry) - 1);
}

/* Where a run of entries of one size, with this very flags word, ends: at `end` at the latest. */
static inline char *hl_chain_run_end(char *at, const char *end, size_t size, uint64_t run)
{
	for (; end - at > (ptrdiff_t)(3 * size); at += 4 * size) {
		if (hl_chain_flags_at(at) != run)
			return at;
		if (hl_chain_flags_at(at + size) != run)
			return at + size;
		if (hl_chain_flags_at(at + 2 * size) != run)
			return at + 2 * size;
		if (hl_chain_flags_at(at + 3 * size) != run)
			return at + 3 * size;
	}
	while (at < end && hl_chain_flags_at(at) == run)
		at += size;
	return at;
}

/*
 * The first entry behind this processed one that is not processed, or NULL. Processed entries of one size have the very
 * same flags word, so a run of them is crossed by comparing words at a constant distance: the loads do not wait for
 * each other, as they would if each one's size had to be read first.
 */
static __attribute__((noinline, unused)) struct future_chain_entry *
hl_chain_skip_processed(struct future_context *chain, struct future_chain_entry *entry)
{
	char *const end = hl_chain_entries_end(chain);

	/* Each turn crosses at least one entry. */
	for (;;) {
		const uint64_t run = entry->flags;

		if (!(run & FUTURE_CHAIN_FLAG_ENTRY_PROCESSED))
			return entry;
		if (run & FUTURE_CHAIN_FLAG_ENTRY_LAST)
			return NULL;
		const size_t size = hl_chain_entry_size(entry);
		char *at = (char *)entry + size;
		/* Without a shape the sizes of equal words may differ: one at a time. */
		if (HL_LIKELY(run >> HL_CHAIN_ENTRY_SIZE_SHIFT != 0) && at < end)
			at = hl_chain_run_end(at, end, size, run);
		if (at >= end)
			return NULL;
		entry = (struct future_chain_entry *)(void *)at;
	}
}

/* The same without a call for what is most frequent: a few entries of one size, none of them the last, and behind them one to run. */
HL_ALWAYS_INLINE struct future_chain_entry *hl_chain_skip_few(struct future_context *chain, struct future_chain_entry *entry)
{
	const uint64_t run = entry->flags;
	const size_t size = (size_t)(run >> HL_CHAIN_ENTRY_SIZE_SHIFT);
	char *const end = hl_chain_entries_end(chain);
	char *at = (char *)entry;

	if (HL_UNLIKELY(size == 0 || (run & FUTURE_CHAIN_FLAG_ENTRY_LAST)))
		return hl_chain_skip_processed(chain, entry);
	for (unsigned i = 0; i < HL_CHAIN_FEW; i++) {
		at += size;
		if (at >= end)
			return NULL;
		if (hl_chain_flags_at(at) != run)
			break;
	}
	entry = (struct future_chain_entry *)(void *)at;
	return HL_LIKELY(!FUTURE_CHAIN_ENTRY_IS_PROCESSED(entry)) ? entry : hl_chain_skip_processed(chain, entry);
}

/*
 * A chain that is never sent back keeps a cursor: how far the entry that it stands at is from the first one, in the bits of the first
 * one's flags where the alignment and the signature were, which nobody asks for any more. Entries too far away for
 * these bits are walked to from the last that was not.
 */
static inline void hl_chain_set_cursor(struct future_context *chain, const struct future_chain_entry *entry)
{
	struct future_chain_entry *const first = (struct future_chain_entry *)future_context_get_data(chain);
	const uint64_t units = HL_FUTURE_DISTANCE(first, entry) / HL_CHAIN_CURSOR_UNIT;

	if (HL_LIKELY(units <= HL_CHAIN_CURSOR_MASK))
		first->flags = (first->flags & ~(HL_CHAIN_CURSOR_MASK << HL_CHAIN_CURSOR_SHIFT)) |
			       units << HL_CHAIN_CURSOR_SHIFT;
}

/* Where the walk to the first unprocessed entry may begin. */
static inline struct future_chain_entry *hl_chain_hint(struct future_context *chain, int forward)
{
	char *const first = (char *)future_context_get_data(chain);
	const uint64_t units = hl_chain_flags_at(first) >> HL_CHAIN_CURSOR_SHIFT & HL_CHAIN_CURSOR_MASK;

	return (struct future_chain_entry *)(void *)(first + (forward ? units * HL_CHAIN_CURSOR_UNIT : 0));
}

static inline void hl_chain_entry_initialize(struct future_chain_entry *entry, struct future_context *chain)
{
	entry->init(hl_chain_entry_future(entry), chain, entry->init_arg);
	entry->flags |= HL_CHAIN_ENTRY_INITIALIZED;
}

/* The chain arrives at an entry from the one before: lazy ones are due now; C.5 says why RUNNING counts. */
static inline void hl_chain_arrive(struct future_chain_entry *entry, struct future_context *chain)
{
	if (entry->init != NULL && (!FUTURE_CHAIN_ENTRY_HAS_FLAG(entry, HL_CHAIN_ENTRY_INITIALIZED) ||
				    hl_chain_entry_future(entry)->context.state == FUTURE_STATE_RUNNING))
		hl_chain_entry_initialize(entry, chain);
}

/*
 * An entry is complete (C.3). Returns the next one to run, or NULL: after a re-run there may be processed ones in between, which
 * are passed over.
 */
HL_ALWAYS_INLINE struct future_chain_entry *hl_chain_pass(struct future_context *chain, struct future_chain_entry *entry)
{
	struct future_chain_entry *const next = hl_chain_next(chain, entry);

	if (next != NULL)
		hl_chain_arrive(next, chain);
	if (entry->map != NULL)
		entry->map(&hl_chain_entry_future(entry)->context,
			   next == NULL ? chain : &hl_chain_entry_future(next)->context, entry->map_arg);
	entry->flags |= FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
	if (next == NULL || HL_LIKELY(!FUTURE_CHAIN_ENTRY_IS_PROCESSED(next)))
		return next;

	struct future_chain_entry *const unprocessed = hl_chain_skip_processed(chain, next);
	if (unprocessed != NULL)
		hl_chain_arrive(unprocessed, chain);
	return unprocessed;
}

/*
 * The chain stops at an entry that is not complete.
 *
 * WENT_ON: an entry that completed may have left its mark in the notifier, and the chain may not look
 * (F.2). So the chain says that its last poll finished one entry and went on to another; a runtime then polls once
 * more, and what the notifier tells is that entry's word alone. Chains inside of chains say it for those around them.
 * The word is written only when it changes: the next poll begins by reading it, and would wait for the store.
 */
static inline enum future_state hl_chain_stop(struct future_context *chain, const struct future *future, uint32_t went_on)
{
	went_on |= future->context.padding & HL_FUTURE_WENT_ON;
	if (HL_UNLIKELY((chain->padding & HL_FUTURE_WENT_ON) != went_on))
		chain->padding ^= HL_FUTURE_WENT_ON;
	return FUTURE_STATE_RUNNING;
}

/* A cancelled entry is left behind without its map, and without the init of the next. */
static inline struct future_chain_entry *hl_chain_pass_cancelled(struct future_context *chain, struct future_chain_entry *entry)
{
	struct future_chain_entry *const next = hl_chain_next(chain, entry);

	chain->padding |= HL_FUTURE_CANCELLED;
	entry->flags |= FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
	return next == NULL ? NULL : hl_chain_skip_processed(chain, next);
}

/*
 * Lazy entries that nobody has initialised hold nothing. Where the next one begins is known of those that carry a shape; others, which old
 * programs made, have to be initialised for it.
 */
static inline int hl_chain_can_pass_over(struct future_chain_entry *entry)
{
	return !FUTURE_CHAIN_ENTRY_IS_INITIALIZED(entry) && entry->flags >> HL_CHAIN_ENTRY_SIZE_SHIFT != 0;
}

/*
 * Asks an entry that the chain stands at, or arrives at from one before it, to end. One that is RUNNING when the chain arrives had
 * sent the chain back: if it does not know of cancellation it would wait for ever for what is not done again.
 */
static inline void hl_chain_cancel_entry(struct future *future, int arrives)
{
	if (arrives && future->context.state == FUTURE_STATE_RUNNING &&
	    future_has_property(future, FUTURE_PROPERTY_CANCEL) != 1)
		future->context.state = FUTURE_STATE_IDLE;
	future_cancel(future);
}

/* One poll of a chain that was asked to end (X.4). The loop ends because each turn leaves an entry behind. */
HL_APART enum future_state hl_chain_poll_cancelled(struct future_context *chain, struct future_notifier *notifier, int forward)
{
	struct future_chain_entry *entry = hl_chain_skip_processed(chain, hl_chain_hint(chain, forward));
	uint32_t went_on = 0;

	for (; entry != NULL; went_on = HL_FUTURE_WENT_ON) {
		if (hl_chain_can_pass_over(entry)) {
			entry = hl_chain_pass_cancelled(chain, entry);
			continue;
		}
		if (!FUTURE_CHAIN_ENTRY_IS_INITIALIZED(entry))
			hl_chain_entry_initialize(entry, chain);
		struct future *const future = hl_chain_entry_future(entry);

		hl_chain_cancel_entry(future, went_on != 0);
		if (future_poll(future, notifier) != FUTURE_STATE_COMPLETE) {
			if (forward)
				hl_chain_set_cursor(chain, entry);
			return hl_chain_stop(chain, future, went_on);
		}
		entry = future_is_cancelled(future) ? hl_chain_pass_cancelled(chain, entry) : hl_chain_pass(chain, entry);
	}
	return FUTURE_STATE_COMPLETE;
}

/* One poll of a chain (C.1 to C.5). The loop ends because each turn moves to the next entry. */
HL_ALWAYS_INLINE enum future_state hl_chain_poll(struct future_context *chain, struct future_notifier *notifier, int forward)
{
	struct future_chain_entry *entry = hl_chain_hint(chain, forward);

	if (HL_UNLIKELY(future_context_is_cancelled(chain)))
		return hl_chain_poll_cancelled(chain, notifier, forward);
	if (FUTURE_CHAIN_ENTRY_IS_PROCESSED(entry)) {
		entry = forward ? hl_chain_skip_processed(chain, entry) : hl_chain_skip_few(chain, entry);
		if (entry == NULL)
			return FUTURE_STATE_COMPLETE;
	}
	if (HL_UNLIKELY(!FUTURE_CHAIN_ENTRY_IS_INITIALIZED(entry)))
		hl_chain_entry_initialize(entry, chain);
	struct future *future = hl_chain_entry_future(entry);

	if (future_poll(future, notifier) != FUTURE_STATE_COMPLETE)
		return hl_chain_stop(chain, future, 0);
	while ((entry = hl_chain_pass(chain, entry)) != NULL) {
		future = hl_chain_entry_future(entry);
		if (future_poll(future, notifier) != FUTURE_STATE_COMPLETE) {
			if (forward)
				hl_chain_set_cursor(chain, entry);
			return hl_chain_stop(chain, future, HL_FUTURE_WENT_ON);
		}
	}
	return FUTURE_STATE_COMPLETE;
}

/* The answer of a chain's first unprocessed entry; one not initialised yet has no property. Each chain knows of cancellation. */
HL_ALWAYS_INLINE int hl_chain_has_property(void *future, enum future_property property, int forward)
{
	struct future_context *const chain = &((struct future *)future)->context;
	struct future_chain_entry *entry = hl_chain_hint(chain, forward);

	if (FUTURE_CHAIN_ENTRY_IS_PROCESSED(entry))
		entry = hl_chain_skip_processed(chain, entry);
	if (entry == NULL)
		return -1;
	if (property == FUTURE_PROPERTY_CANCEL)
		return 1;
	return FUTURE_CHAIN_ENTRY_IS_INITIALIZED(entry) ?
		       future_has_property(hl_chain_entry_future(entry), property) :
		       0;
}

/* Task and property function of a chain, and of one that only goes forward. */
static inline enum future_state future_chain_impl(struct future_context *chain, struct future_notifier *notifier)
{
	return hl_chain_poll(chain, notifier, 0);
}

static inline int future_chain_has_property(void *future, enum future_property property)
{
	return hl_chain_has_property(future, property, 0);
}

static inline enum future_state hl_chain_forward_impl(struct future_context *chain, struct future_notifier *notifier)
{
	return hl_chain_poll(chain, notifier, 1);
}

static inline int hl_chain_forward_has_property(void *future, enum future_property property)
{
	return hl_chain_has_property(future, property, 1);
}

/* What an entry of this alignment that begins at `at` must say of itself. */
static inline int hl_chain_is_entry(char *at, char *end, unsigned align_log2)
{
	const size_t align = (size_t)1 << align_log2;
	const size_t distance = (HL_CHAIN_ENTRY_FUTURE_MIN + align - 1) / align * align;

	if ((size_t)(end - at) < sizeof(struct future_chain_entry))
		return 0;
	const uint64_t flags = ((struct future_chain_entry *)(void *)at)->flags;
	const size_t size = (size_t)(flags >> HL_CHAIN_ENTRY_SIZE_SHIFT);

	return (flags & HL_CHAIN_ENTRY_SIGNATURE_MASK) == HL_CHAIN_ENTRY_SIGNATURE &&
	       (flags >> HL_CHAIN_ENTRY_ALIGN_SHIFT & HL_CHAIN_ENTRY_ALIGN_MASK) == align_log2 &&
	       (flags >> HL_CHAIN_ENTRY_FUTURE_SHIFT & UINT16_MAX) == distance - HL_CHAIN_ENTRY_FUTURE_MIN &&
	       size % align == 0 && size >= distance + sizeof(struct future) && size <= (size_t)(end - at);
}

/*
 * Chains that hold something aligned to more than a flags word: the compiler leaves gaps before such entries, and the
 * entry before a gap was initialised without knowing. So the entries are parsed once: behind each, the next one begins at the
 * first multiple of some alignment where a word says that it is the flags of an entry so aligned. What lies in a gap may
 * be left over from another chain and look the part; so a candidate counts only if the rest can be
 * parsed too, to an entry that was declared LAST or to where no entry follows. Returns 1 when it did, and has
 * written the distances. The recursion is as deep as the chain has entries.
 */
static inline int hl_chain_link(char *at, char *end, unsigned align_log2_max)
{
	struct future_chain_entry *const entry = (struct future_chain_entry *)(void *)at;
	const uint64_t shape = entry->flags;
	char *const behind = at + (shape >> HL_CHAIN_ENTRY_SIZE_SHIFT);

	if (shape & FUTURE_CHAIN_FLAG_ENTRY_LAST)
		return 1;
	for (unsigned log2 = HL_CHAIN_ENTRY_ALIGN_LOG2_MIN; log2 <= align_log2_max; log2++) {
		const size_t align = (size_t)1 << log2;
		char *const next = behind + (align - (uintptr_t)behind % align) % align;

		if (!hl_chain_is_entry(next, end, log2) || !hl_chain_link(next, end, align_log2_max))
			continue;
		entry->flags = (shape & UINT32_MAX) |
			       (uint64_t)HL_FUTURE_DISTANCE(at, next) << HL_CHAIN_ENTRY_SIZE_SHIFT;
		return 1;
	}
	/* Nothing follows: the last entry, if no more than the tail padding of the data is left. */
	if ((size_t)(end - behind) >= (size_t)1 << align_log2_max)
		return 0;
	entry->flags = shape | FUTURE_CHAIN_FLAG_ENTRY_LAST;
	return 1;
}

/* Clears the gaps between members, so that nothing is left over in them. */
#if defined(__has_builtin) && !defined(__cplusplus)
#if __has_builtin(__builtin_clear_padding)
#define HL_CLEAR_PADDING(pointer) __builtin_clear_padding(pointer)
#endif
#endif
#ifndef HL_CLEAR_PADDING
#define HL_CLEAR_PADDING(pointer) ((void)(pointer))
#endif

#define HL_CHAIN_LINK(futurep)                                                                     \
	do {                                                                                       \
		if (__alignof__((futurep)->data) > __alignof__(uint64_t)) {                        \
			HL_CLEAR_PADDING(&(futurep)->data);                                        \
			(void)hl_chain_link((char *)&(futurep)->data,                              \
					    (char *)(&(futurep)->data + 1),                        \
					    (unsigned)__builtin_ctz(                               \
						    (unsigned)__alignof__((futurep)->data)));      \
		}                                                                                  \
	} while (0)

/*
 * Makes a future a chain. The last step: every entry has been initialised by a macro above before. With clang, and in C++, a chain
 * that holds something aligned to more than 8 bytes must have been made in zeroed memory (memset).
 */
#define FUTURE_CHAIN_INIT(futurep)                                                                 \
	do {                                                                                       \
		FUTURE_INIT_EXT(futurep, future_chain_impl, future_chain_has_property);            \
		HL_CHAIN_LINK(futurep);                                                            \
	} while (0)

/*
 * The same for a chain that is never sent back (C.4 does not hold: flags that are cleared behind it are not noticed): a poll costs the same
 * however many entries are behind it. The last step, too.
 */
#define FUTURE_CHAIN_INIT_FORWARD(futurep)                                                         \
	do {                                                                                       \
		FUTURE_INIT_EXT(futurep, hl_chain_forward_impl, hl_chain_forward_has_property);    \
		HL_CHAIN_LINK(futurep);                                                            \
		hl_chain_set_cursor(&(futurep)->base.context,                                      \
				    (struct future_chain_entry *)(void *)&(futurep)->data);        \
	} while (0)

/* ---- layout: the reference's, on 64-bit machines -------------------------------------------------- */

#if UINTPTR_MAX == UINT64_MAX
HL_STATIC_ASSERT(sizeof(struct future_context) == 24, "layout of struct future_context");
HL_STATIC_ASSERT(sizeof(struct future) == 40, "layout of struct future");
HL_STATIC_ASSERT(sizeof(struct future_notifier) == 32, "layout of struct future_notifier");
HL_STATIC_ASSERT(sizeof(struct future_chain_entry) == 80, "layout of struct future_chain_entry");
#endif
HL_STATIC_ASSERT(sizeof(struct future) % HL_FUTURE_DATA_GAP_UNIT == 0, "gaps are whole units");

HL_END_DECLS

#endif
