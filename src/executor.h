/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * executor.h: the part of a runtime that runs spawned tasks. The design is in executor.c.
 */
#ifndef HL_EXECUTOR_H
#define HL_EXECUTOR_H

#include <hashloom/runtime.h>

#include <pthread.h>

#include "backoff.h"
#include "lock.h"

#ifndef RING_SIZE /* prove/ tries schedules with a shorter one */
#define RING_SIZE 256 /* a power of two */
#endif

struct task_list {
	struct runtime_task *first, **end; /* where the next one is appended */
};

/* A thread that runs tasks, or, with no threads, what the caller's thread works with. */
struct worker {
	hl_u32 head __attribute__((aligned(HL_CACHE_LINE))); /* the next to be popped; written by owner and thieves */
	hl_u32 tail __attribute__((aligned(HL_CACHE_LINE))); /* the next push; written by the owner */
	hl_ptr ring[RING_SIZE];

	struct task_list list __attribute__((aligned(HL_CACHE_LINE))); /* behind those in the ring; where there are thieves, */
	hl_lock list_lock;					       /* this is its lock, */
	hl_u32 listed;						       /* and this says how many are in it */

	/* Only the owner touches what follows, */
	struct executor *executor __attribute__((aligned(HL_CACHE_LINE)));
	struct task_list again; /* use no waker: polled in turn */
	struct hl_backoff backoff;
	size_t tasks_since_again; /* one of those was polled beside others */
	unsigned steps_since_help; /* since others' queues were looked into, with tasks of its own */
	unsigned index;
	int has_thieves; /* there are other workers */
	int has_progress;
	int is_joining;
	struct future_notifier notifier;
	hl_ptr running; /* the task that is being polled, and whether this very thread, */
	hl_u32 is_woken; /* or a signal handler on it, woke it meanwhile */
	uint64_t pause_ns; /* until those that use no waker are due */
	pthread_t thread;

	/* writes these, which others read, */
	hl_u64 spawned, completed, polls, stolen, sleeps;

	/* and has this lock for the list of those that wait and were polled here first. */
	pthread_mutex_t waiting_lock __attribute__((aligned(HL_CACHE_LINE)));
	struct runtime_task *waiting;
};

struct executor {
	hl_ptr inbox __attribute__((aligned(HL_CACHE_LINE))); /* the top of a stack, NULL, or SLEEPING; written by all */
	hl_u64 spawned_outside;				      /* likewise */
	hl_u32 wakes __attribute__((aligned(HL_CACHE_LINE))); /* the futex: counts wakes; written by who wakes */
	hl_u32 sleepers;				      /* written by workers */
	hl_u32 wake_pending;				      /* a worker was told of a surplus and has not come to yet */
	hl_u32 closed __attribute__((aligned(HL_CACHE_LINE))); /* 0, or 1 + enum runtime_shutdown; written once or twice */
	hl_u32 stop;					      /* workers end */
	hl_u32 fd;					      /* 1 + an eventfd, or 0; written by who drives */
	unsigned threads_count;
	unsigned workers_count; /* at least one */
	struct worker *workers;
};

struct runtime {
	hl_ptr sessions; /* of runtime_wait_multiple() */
	struct executor executor;
	struct worker workers[];
};

/* In a runtime that is all zero. OK, or NO_MEMORY: a thread could not be started, and none runs. */
int hl_executor_start(struct runtime *runtime, unsigned threads_count);

/* After runtime_shutdown(). */
void hl_executor_stop(struct runtime *runtime);

#endif
