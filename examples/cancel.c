/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * cancel.c: a chain that is cancelled, at each poll in turn. A ticket is a seat, a text that a data mover copies, and a stamp. Whoever changes
 * his mind must leave the seat free, and may not take the paper away while the mover writes on it.
 */
#include <stdio.h>
#include <string.h>

#include <hashloom/data_mover_sim.h>
#include <hashloom/future.h>
#include <hashloom/vdm.h>

#define PAPER_SIZE 16

struct order {
	int *seats_free;
	int has_seat;
	int is_stamped;
	struct vdm *vdm;
	char paper[PAPER_SIZE];
};

struct step_data {
	struct order *order;
};

struct step_output {
	int unused;
};

FUTURE(step_fut, struct step_data, struct step_output);

/* ---- the seat: knows nothing of cancellation, and need not: it is done at its first poll, or is not called */

static enum future_state seat_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct order *order = ((struct step_data *)future_context_get_data(ctx))->order;

	(void)notifier;
	--*order->seats_free;
	order->has_seat = 1;
	return FUTURE_STATE_COMPLETE;
}

/* ---- the stamp: the last step, which knows of cancellation, and so gives back what the chain holds */

static enum future_state stamp_task(struct future_context *ctx, struct future_notifier *notifier)
{
	struct order *order = ((struct step_data *)future_context_get_data(ctx))->order;

	(void)notifier;
	if (!future_context_is_cancelled(ctx)) {
		order->is_stamped = 1;
		return FUTURE_STATE_COMPLETE;
	}
	if (order->has_seat)
		++*order->seats_free;
	order->has_seat = 0;
	return future_context_cancelled(ctx);
}

/* Who answers so is polled also when it is cancelled before it has begun. */
static int stamp_has_property(void *future, enum future_property property)
{
	(void)future;
	return property == FUTURE_PROPERTY_CANCEL;
}

/* ---- the chain */

struct ticket_data {
	FUTURE_CHAIN_ENTRY(struct step_fut, seat);
	FUTURE_CHAIN_ENTRY(struct vdm_operation_future, copy);
	FUTURE_CHAIN_ENTRY_LAST(struct step_fut, stamp);
	struct order *order;
};

struct ticket_output {
	int unused;
};

FUTURE(ticket_fut, struct ticket_data, struct ticket_output);

/* Lazy: when nobody arrives here, there is no operation to be given back. */
static void copy_init(void *future, struct future_context *chain, void *arg)
{
	static char text[PAPER_SIZE] = "row 1, seat 1";
	struct order *order = ((struct ticket_data *)future_context_get_data(chain))->order;
	struct vdm_operation_future copy = vdm_memcpy(order->vdm, order->paper, text, PAPER_SIZE, 0);

	(void)arg;
	memcpy(future, &copy, sizeof(copy));
}

static struct ticket_fut ticket(struct order *order)
{
	struct ticket_fut chain;
	struct step_fut seat = {.data.order = order};
	struct step_fut stamp = {.data.order = order};

	FUTURE_INIT(&seat, seat_task);
	FUTURE_INIT_EXT(&stamp, stamp_task, stamp_has_property);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.seat, seat, NULL, NULL);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.copy, copy_init, NULL, NULL, NULL);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.stamp, stamp, NULL, NULL);
	chain.data.order = order;
	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

/* Cancels after so many polls. Returns whether the ticket was there before. */
static int change_ones_mind(struct vdm *vdm, int polls)
{
	int seats_free = 1;
	struct order order = {.seats_free = &seats_free, .vdm = vdm, .paper = "-"};
	struct ticket_fut fut = ticket(&order);
	int more = 0;

	for (int i = 0; i < polls; i++)
		future_poll(FUTURE_AS_RUNNABLE(&fut), NULL);
	printf("%d polls: the copy is %s; cancelled, ", polls,
	       order.has_seat && strcmp(order.paper, "-") == 0 ? "on its way" : order.has_seat ? "done" : "not begun");

	/* Cancelling is asking. The paper may go when the future is complete, and not before. */
	future_cancel(FUTURE_AS_RUNNABLE(&fut));
	while (FUTURE_STATE(&fut) != FUTURE_STATE_COMPLETE) {
		future_poll(FUTURE_AS_RUNNABLE(&fut), NULL);
		more++;
	}
	printf("%d more: %s, seats free: %d, paper: \"%s\"\n", more,
	       future_is_cancelled(FUTURE_AS_RUNNABLE(&fut)) ? "cancelled" : "complete", seats_free, order.paper);
	return order.is_stamped;
}

int main(void)
{
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(1);
	int polls = 0;

	cfg.delay_min = cfg.delay_max = 3; /* polls that a copy takes */
	struct data_mover_sim *mover = data_mover_sim_new(&cfg);
	if (mover == NULL)
		return 1;
	while (!change_ones_mind(data_mover_sim_get_vdm(mover), polls))
		polls++;
	data_mover_sim_delete(mover);
	return 0;
}
