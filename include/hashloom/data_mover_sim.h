/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_sim.h: a simulated mover, for tests of programs that use movers.
 *
 * It behaves as an asynchronous mover may, also at its worst: operations take their time, finish in
 * another order, tear, are refused or fail; wakers are called late, twice and for nothing. But it has
 * no thread and no clock. Time is a count of ticks that goes on when the test says so, and all chance
 * comes from a seed: what has failed once fails again, step by step.
 *
 * When not to use it: for work. data_mover_sync.h and data_mover_threads.h do that.
 *
 * Model in one sentence: the poll that starts an operation draws its fate, and each tick does what is
 * due.
 *
 *     struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed); (examples/simulated_copies.c)
 *     cfg.permille[DATA_MOVER_SIM_FAIL] = 100;
 *     struct data_mover_sim *mover = data_mover_sim_new(&cfg);
 *     ... = copy_in_parts(data_mover_sim_get_vdm(mover), dest, src, order);   what is to be tested
 *     data_mover_sim_statistics(mover, &statistics);
 *
 * Supports what data_mover_sync.h does; its operations have FUTURE_PROPERTY_ASYNC.
 *
 * Guarantees
 *   S.1  The same configuration and the same calls in the same order have the same effects: results,
 *        bytes moved at each tick, wakers called, in their order. Two runs whose statistics agree in
 *        `digest` behaved alike. Calls of several threads have no order, so they cannot be repeated.
 *   S.2  Time passes in data_mover_sim_tick(), in data_mover_sim_drain() and, with ticks_per_check, in
 *        the polls of started operations. It stands still while the mover is held, and for all threads
 *        while a waker is being called: then no more is done by these than that they return.
 *   S.3  An operation has its result delay_min to delay_max ticks after the poll that started it.
 *        Without `reorder` it does not have it before one that was started earlier.
 *   S.4  V.1 to V.6 of vdm.h hold. What chance adds are outcomes that they allow; but with
 *        DATA_MOVER_SIM_REFUSE_NEW an operation can be refused although there is room (V.4).
 *   S.5  The waker of the last poll counts. It is called on the thread that lets time pass, by one
 *        thread at a time, after the result is visible (but for DATA_MOVER_SIM_WAKE_EARLY), and not any
 *        more once the future was seen complete. While it is being called, no other thread sees
 *        the future complete.
 *   S.6  A waker is called without a lock. It may call every function here but data_mover_sim_delete(), make
 *        and poll operations, also the one that it is called for, to its end. If it polls one in whose poll it is
 *        called (ticks_per_check), that is RUNNING: the poll further out will see the end.
 *   S.7  data_mover_sim_delete() drops what is in flight: no byte is written, no waker is called after it.
 *
 * Which calls may run together: any, but for data_mover_sim_delete() with any other.
 */
#ifndef HASHLOOM_DATA_MOVER_SIM_H
#define HASHLOOM_DATA_MOVER_SIM_H

#include <hashloom/base.h>

#include <hashloom/vdm.h>

HL_BEGIN_DECLS

struct data_mover_sim;

/* What happens by chance (permille) or on demand (data_mover_sim_force()). */
enum data_mover_sim_event {
	DATA_MOVER_SIM_REFUSE_NEW,   /* VDM_ERROR_OUT_OF_MEMORY, complete as it is made */
	DATA_MOVER_SIM_REFUSE_START, /* a poll leaves it idle, the next one tries again */
	DATA_MOVER_SIM_FAIL,         /* VDM_ERROR_JOB_CORRUPTED, no byte was moved; of a batch: each operation has failed */
	DATA_MOVER_SIM_FAIL_PARTLY,  /* the same, but of a copy, set or fill some bytes, not all, were moved */
	DATA_MOVER_SIM_TEAR,         /* a copy, set or fill moves from one end, some bytes at each tick until due; befalls no others */
	/* with a notifier other than NONE only: */
	DATA_MOVER_SIM_WAKE_LATE,    /* told 1 to wake_late_max ticks after the result */
	DATA_MOVER_SIM_WAKE_TWICE,   /* unless a poll sees the end after the first call */
	DATA_MOVER_SIM_WAKE_EARLY,   /* the waker is called at a tick that brings no result */
	DATA_MOVER_SIM_EVENTS        /* their number */
};

/* Limits: delays, ticks_per_check and wake_late_max; operations_max; permille. */
#define DATA_MOVER_SIM_TICKS_MAX 1000000
#define DATA_MOVER_SIM_OPERATIONS_MAX 65536
#define DATA_MOVER_SIM_ALWAYS 1000

/*
 * In brackets: what data_mover_sim_cfg_default() says.
 *   operations_max   made and not complete, at least 1 [1024]
 *   delay_min        ticks from the start to the result; 0: with the first poll [1]
 *   delay_max        at least delay_min [8]
 *   ticks_per_check  that pass in each poll of a started operation; 0: none do [1]
 *   wake_late_max    ticks, at least 1 [4]
 *   reorder          not 0: results come as the delays say, in any order within a tick [1]
 *   notifier         what operations use when they are polled with one [NONE]
 *   permille         chances of the events, 0 to DATA_MOVER_SIM_ALWAYS [all 0]
 * With FUTURE_NOTIFIER_WAKER, or ticks_per_check 0, runtime_wait() alone never ends: somebody else has to
 * call data_mover_sim_tick(): the test's loop, a thread, or a future that is waited for beside the others, ticks when it is polled and is
 * complete when data_mover_sim_pending() is 0.
 */
struct data_mover_sim_cfg {
	uint64_t seed;
	uint32_t operations_max;
	uint32_t delay_min;
	uint32_t delay_max;
	uint32_t ticks_per_check;
	uint32_t wake_late_max;
	int reorder;
	enum future_notifier_type notifier;
	uint32_t permille[DATA_MOVER_SIM_EVENTS];
};

/* Counts since data_mover_sim_new(). */
struct data_mover_sim_stats {
	uint64_t ticks;     /* the time */
	uint64_t made;      /* operations that were not refused when they were made */
	uint64_t started;   /* by a poll */
	uint64_t done;      /* have a result */
	uint64_t failed;    /* of these: not VDM_SUCCESS */
	uint64_t completed; /* seen by a poll */
	uint64_t cancelled; /* before they were started: with these two all that were made, but for those that are open */
	uint64_t pieces;    /* moved in several ticks: how many pieces, without the last */
	uint64_t bytes;     /* copied, set or flushed */
	uint64_t wakes;     /* calls of wakers, words of pollers set */
	uint64_t digest;    /* a hash of all that was done, in its order (S.1) */
	uint64_t events[DATA_MOVER_SIM_EVENTS]; /* that happened */
};

/*
 * data_mover_sim_cfg_default: a configuration in which nothing goes wrong, and polling alone lets time pass.
 * seed:     any number.
 * Returns:  the configuration.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
HASHLOOM_API struct data_mover_sim_cfg data_mover_sim_cfg_default(uint64_t seed);

/*
 * data_mover_sim_new: makes the mover.
 * cfg:      see above; copied. NULL: the default with seed 0.
 * Returns:  the mover, or NULL: a number out of range (errno EINVAL), or no memory (ENOMEM).
 * Threads:  any.  Progress: that of malloc.  Order: none.
 * Memory:   about 200 bytes for each of operations_max; operations then need none.
 * Cost:     three allocations.
 * Lifetime: until data_mover_sim_delete().
 */
HASHLOOM_API struct data_mover_sim *data_mover_sim_new(const struct data_mover_sim_cfg *cfg);

/*
 * data_mover_sim_get_vdm: the mover as vdm.h wants it.
 * mover:    of data_mover_sim_new().
 * Returns:  its struct vdm, never NULL.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the mover's.
 */
HASHLOOM_API struct vdm *data_mover_sim_get_vdm(struct data_mover_sim *mover);

/*
 * data_mover_sim_tick: lets one tick pass: pieces are moved, operations that are due get their result,
 *           then wakers are called, all in an order that the seed names.
 * mover:    of data_mover_sim_new().
 * Returns:  how many operations got their result.
 * Threads:  any; the thread calls the wakers. While time stands still (S.2): nothing happens, 0.
 * Progress: waits for the lock, and for the wakers.
 * Order:    what was written before an operation's first poll is moved; results are visible to polls and wakers.
 * Memory:   none.  Cost: a walk over the operations in flight, and one more for each waker.
 * Lifetime: none.
 */
HASHLOOM_API size_t data_mover_sim_tick(struct data_mover_sim *mover);

/*
 * data_mover_sim_drain: as data_mover_sim_tick(), but until all that was in flight has its result and
 *           its wakers were called. What wakers start meanwhile can be left over: see data_mover_sim_pending(). Returns how many
 *           operations got their result.
 */
HASHLOOM_API size_t data_mover_sim_drain(struct data_mover_sim *mover);

/*
 * data_mover_sim_pending: how much time has left to do.
 * mover:    of data_mover_sim_new().
 * Returns:  how many started operations have no result yet, or have one and who waits was not told.
 * Threads:  any.  Progress: waits for the lock.  Order: none.  Memory: none.
 * Cost:     a walk over the operations in flight.  Lifetime: none.
 */
HASHLOOM_API size_t data_mover_sim_pending(struct data_mover_sim *mover);

/*
 * data_mover_sim_hold, data_mover_sim_release: stops time, and lets it go on.
 * mover:    of data_mover_sim_new(). Holding a held one, and releasing one that is not, changes nothing.
 * Returns:  nothing. While held, operations are made and started, but only data_mover_sim_finish() gives
 *           them a result; with results that were there before, polls complete.
 * Threads:  any.  Progress: waits for the lock, not for wakers.  Order: none.  Memory: none.
 * Cost:     a lock.  Lifetime: none.
 */
HASHLOOM_API void data_mover_sim_hold(struct data_mover_sim *mover);
HASHLOOM_API void data_mover_sim_release(struct data_mover_sim *mover);

/*
 * data_mover_sim_finish: gives one operation its result now, whatever its delay, and calls its waker;
 *           for tests that name the order themselves, best with the mover held.
 * mover:    of data_mover_sim_new().
 * future:   an operation of this mover.
 * Returns:  1; 0: it was not started yet, or has its result already, and nothing was done.
 * Threads:  the one that polls the future, or ordered with it. If wakers are being called just now, this
 *           one is called after them, by the thread that does it.
 * Progress, Order: as data_mover_sim_tick().
 * Memory:   none.  Cost: a walk over the operations in flight.  Lifetime: none.
 */
HASHLOOM_API int data_mover_sim_finish(struct data_mover_sim *mover,
				       const struct vdm_operation_future *future);

/*
 * data_mover_sim_force: makes an event happen the next times that it can, whatever its chance.
 * mover:    of data_mover_sim_new().
 * event:    which.
 * count:    how often; replaces what is left of an earlier call; 0: by chance again.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_INVALID_ARGUMENT: no such event.
 * Threads:  any.  Progress: waits for the lock.  Order: none.  Memory: none.  Cost: a lock.
 * Lifetime: none.
 */
HASHLOOM_API int data_mover_sim_force(struct data_mover_sim *mover, enum data_mover_sim_event event,
				      uint32_t count);

/*
 * data_mover_sim_set_chance: changes the chance of an event, for what happens from now on.
 * mover, event: as data_mover_sim_force().
 * permille: 0: never, to DATA_MOVER_SIM_ALWAYS. With REFUSE_START always, nothing is started.
 * Returns:  HASHLOOM_OK; HASHLOOM_ERROR_INVALID_ARGUMENT: no such event, or out of range.
 * Threads:  any.  Progress: waits for the lock.  Order: none.  Memory: none.  Cost: a lock.
 * Lifetime: none.
 */
HASHLOOM_API int data_mover_sim_set_chance(struct data_mover_sim *mover,
					   enum data_mover_sim_event event, uint32_t permille);

/*
 * data_mover_sim_statistics: what the mover has done so far.
 * mover:      of data_mover_sim_new().
 * statistics: gets the counts, all of one moment.
 * Returns:    nothing.
 * Threads:    any.  Progress: waits for the lock.  Order: none.  Memory: none.  Cost: a lock.
 * Lifetime:   none.
 */
HASHLOOM_API void data_mover_sim_statistics(struct data_mover_sim *mover,
					    struct data_mover_sim_stats *statistics);

/*
 * data_mover_sim_delete: frees the mover.
 * mover:    of data_mover_sim_new(), or NULL; futures of it that are not complete must not be polled
 *           any more.
 * Returns:  nothing; S.7.
 * Threads:  exclusive, and not in a waker.  Progress: that of free.  Order: none.  Memory: frees.
 * Cost:     three frees.  Lifetime: ends.
 */
HASHLOOM_API void data_mover_sim_delete(struct data_mover_sim *mover);

HL_END_DECLS

#endif
