/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * combine_kit.h: puppets, futures that do what the test says and count what is done to them, and polling as a runtime does it.
 */
#ifndef COMBINE_KIT_H
#define COMBINE_KIT_H

#include "test_kit.h"

#include <hashloom/combine.h>

struct puppet_data {
	enum future_notifier_type says; /* what it leaves in the notifier */
	int is_idle;                    /* says IDLE instead of RUNNING */
	int is_done;                    /* completes at the next poll */
	int knows_cancel;
	unsigned drains; /* polls that it takes to be cancelled */
	int wakes_itself; /* in each poll that does not complete it */
	struct future_waker waker;
	unsigned polls;
	unsigned asked; /* polls in which it was asked to end */
	unsigned begun; /* the number of its first poll, of all puppets' */
};

struct puppet_output {
	int value;
};

FUTURE(puppet, struct puppet_data, struct puppet_output);

static unsigned puppets_begun;

HL_UNUSED static enum future_state puppet_task(struct future_context *context, struct future_notifier *notifier)
{
	static const struct future_waker none = {NULL, NULL};
	struct puppet_data *const data = future_context_get_data(context);
	const int is_asked = future_context_is_cancelled(context);

	if (data->polls++ == 0)
		data->begun = ++puppets_begun;
	data->asked += (unsigned)is_asked;
	data->waker = notifier != NULL && data->says == FUTURE_NOTIFIER_WAKER ? notifier->waker : none;
	if (notifier != NULL)
		notifier->notifier_used = data->says;
	if (data->is_done) {
		data->waker = none;
		((struct puppet_output *)future_context_get_output(context))->value++;
		return FUTURE_STATE_COMPLETE;
	}
	if (is_asked && data->knows_cancel && data->drains-- == 0) {
		data->waker = none;
		return future_context_cancelled(context);
	}
	if (data->wakes_itself && data->waker.wake != NULL)
		FUTURE_WAKER_WAKE(&data->waker);
	return data->is_idle ? FUTURE_STATE_IDLE : FUTURE_STATE_RUNNING;
}

static inline int puppet_has_property(void *future, enum future_property property)
{
	return property == FUTURE_PROPERTY_CANCEL && ((struct puppet *)future)->data.knows_cancel;
}

/* One that takes wakers, waits, and does not know of cancellation. */
static inline struct puppet puppet(void)
{
	struct puppet puppet;

	memset(&puppet, 0, sizeof(puppet));
	puppet.data.says = FUTURE_NOTIFIER_WAKER;
	FUTURE_INIT_EXT(&puppet, puppet_task, puppet_has_property);
	return puppet;
}

static inline void puppet_wake(struct puppet *puppet)
{
	if (puppet->data.waker.wake != NULL)
		FUTURE_WAKER_WAKE(&puppet->data.waker);
}

static inline void puppet_finish(struct puppet *puppet)
{
	puppet->data.is_done = 1;
	puppet_wake(puppet);
}

static inline int is_complete(const struct future *future)
{
	return future->context.state == FUTURE_STATE_COMPLETE;
}

/* ---- polling ----------------------------------------------------------------------------------- */

static hl_u32 outer_wakes;

/* Polls once, with a waker that counts into outer_wakes, from 0. Returns what the notifier says then. */
static inline enum future_notifier_type poll_once(struct future *future)
{
	hl_u32_store_relaxed(&outer_wakes, 0);
	struct future_notifier notifier = kit_notifier(&outer_wakes);

	(void)future_poll(future, &notifier);
	return notifier.notifier_used;
}

static inline unsigned wakes(void)
{
	return hl_u32_load_acquire(&outer_wakes);
}

#endif
