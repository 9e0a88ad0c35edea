/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * disturb.h: puts a call before every atomic operation of a source file: compile it with -include disturb.h.
 *
 * An operation of a map takes less than 100 ns, and threads seldom meet in one. Where the call now and then takes its time, or gives the processor to another thread,
 * they meet nearly always, and at all places. Between the calls the operations are what they are, in the memory orders that they have.
 *
 * It includes nothing, since the file has not yet said what it wants of the system's headers.
 */
#ifndef HASHLOOM_PROVE_DISTURB_H
#define HASHLOOM_PROVE_DISTURB_H

/* Of the calling thread: one call in about `rate` takes its time; 0: none (so it is at the beginning). The seed is not 0. */
void disturb_begin(unsigned rate, unsigned long seed);
void disturb(void);

#define __atomic_load_n(word, order) (disturb(), __atomic_load_n(word, order))
#define __atomic_store_n(word, desired, order) (disturb(), __atomic_store_n(word, desired, order))
#define __atomic_exchange_n(word, desired, order) (disturb(), __atomic_exchange_n(word, desired, order))
#define __atomic_compare_exchange_n(word, expected, desired, weak, order, failure)                 \
	(disturb(), __atomic_compare_exchange_n(word, expected, desired, weak, order, failure))
#define __atomic_fetch_add(word, operand, order) (disturb(), __atomic_fetch_add(word, operand, order))
#define __atomic_fetch_sub(word, operand, order) (disturb(), __atomic_fetch_sub(word, operand, order))
#define __atomic_fetch_or(word, operand, order) (disturb(), __atomic_fetch_or(word, operand, order))
#define __atomic_fetch_and(word, operand, order) (disturb(), __atomic_fetch_and(word, operand, order))

#endif
