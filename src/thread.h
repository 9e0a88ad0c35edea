/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * thread.h: starts the library's threads. The program's signals are not for them: they are blocked, but for those that tell of a
 * fault of the thread itself, whose handlers (a sanitizer's, a crash reporter's) would otherwise never hear of it.
 */
#ifndef HL_THREAD_H
#define HL_THREAD_H

#include <pthread.h>
#include <signal.h>

/* As pthread_create(). */
static inline int hl_thread_start(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t blocked, before;

	sigfillset(&blocked);
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&blocked, faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	const int error = pthread_create(thread, attributes, run, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

#endif
