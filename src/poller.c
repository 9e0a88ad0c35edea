/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * poller.c: waits for a word in turns: look at it, arm the core's monitor on it, look again, doze, look at the clock.
 *
 * The second look is needed because a write between the first one and the arming is not noticed. A doze ends when the cache line is
 * written, at an interrupt, or after DOZE_CYCLES; so nothing depends on how the kernel limits it (IA32_UMWAIT_CONTROL), and the
 * clock is looked at often enough. Instructions are given as bytes where assemblers may not know them.
 *
 *   x86-64:  UMONITOR, UMWAIT: CPUID 7.0, ECX bit 5 (Intel SDM vol. 2). C0.1, the lighter of the two states: it ends sooner.
 *            MONITORX, MWAITX: CPUID 8000_0001, ECX bit 29 (AMD64 APM vol. 3). A hypervisor that does not let them through
 *            does not show the bit.
 *   aarch64: LDAXR arms the monitor, WFE dozes; the kernel's event stream ends it at the latest (Arm ARM, B2.9). Where
 *            the kernel says that there is none (HWCAP_EVTSTRM), a doze could last until somebody writes: there it is not used.
 *
 *   tag    order                          pairs with                                               for
 *   PO-1   loads of the word acquire      the release store of who writes it, e.g. [DT-10]         W.1
 */
#define _GNU_SOURCE 1 /* syscall, clock_gettime */

#include "poller.h"

#include "futex.h"

#define DOZE_CYCLES 100000 /* some tens of microseconds: what Linux allows UMWAIT by default */
#define PAUSES_PER_LOOK_AT_THE_CLOCK 64

/* acquire. pairs with [PO-1]. if relaxed: what was done before the word was written might not be visible */
static int is_set(const hl_u64 *word)
{
	return hl_u64_load_acquire(word) != 0;
}

/* ---- dozing --------------------------------------------------------------------------------------- */

#if defined(__x86_64__) && !defined(HASHLOOM_SCHEDULED)

#include <cpuid.h>
#include <x86intrin.h>

#define LEAF_EXTENDED_FEATURES 7
#define ECX_WAITPKG (1U << 5)
#define LEAF_AMD_FEATURES 0x80000001U
#define ECX_MONITORX (1U << 29)
#define MWAITX_HAS_TIMER (1U << 1)
#define UMWAIT_C01 1U

int hl_poller_has(enum hl_poller_method method)
{
	unsigned eax, ebx, ecx, edx;

	switch (method) {
	case HL_POLLER_PAUSE:
		return 1;
	case HL_POLLER_UMWAIT:
		return __get_cpuid_count(LEAF_EXTENDED_FEATURES, 0, &eax, &ebx, &ecx, &edx) && (ecx & ECX_WAITPKG) != 0;
	case HL_POLLER_MWAITX:
		return __get_cpuid(LEAF_AMD_FEATURES, &eax, &ebx, &ecx, &edx) && (ecx & ECX_MONITORX) != 0;
	default:
		return 0;
	}
}

static void doze(enum hl_poller_method method, hl_u64 *word)
{
	if (method == HL_POLLER_UMWAIT) {
		const uint64_t until = __rdtsc() + DOZE_CYCLES;

		__asm__ __volatile__(".byte 0xf3, 0x0f, 0xae, 0xf0" : : "a"(word) : "memory"); /* UMONITOR rax */
		if (!is_set(word)) /* UMWAIT ecx */
			__asm__ __volatile__(".byte 0xf2, 0x0f, 0xae, 0xf1"
					     :
					     : "c"(UMWAIT_C01), "a"((uint32_t)until), "d"((uint32_t)(until >> 32))
					     : "memory", "cc");
	} else {
		__asm__ __volatile__(".byte 0x0f, 0x01, 0xfa" : : "a"(word), "c"(0), "d"(0) : "memory"); /* MONITORX rax */
		if (!is_set(word)) /* MWAITX eax, ecx, ebx */
			__asm__ __volatile__(".byte 0x0f, 0x01, 0xfb"
					     :
					     : "a"(0xf0), "b"(DOZE_CYCLES), "c"(MWAITX_HAS_TIMER)
					     : "memory");
	}
}

#elif defined(__aarch64__) && !defined(HASHLOOM_SCHEDULED)

#include <sys/auxv.h>

#define HWCAP_HAS_EVENT_STREAM (1UL << 2)

int hl_poller_has(enum hl_poller_method method)
{
	if (method == HL_POLLER_PAUSE)
		return 1;
	return method == HL_POLLER_WFE && (getauxval(AT_HWCAP) & HWCAP_HAS_EVENT_STREAM) != 0;
}

static void doze(enum hl_poller_method method, hl_u64 *word)
{
	uint64_t value;

	(void)method;
	__asm__ __volatile__("ldaxr %0, %1" : "=r"(value) : "Q"(word->raw) : "memory");
	if (value == 0)
		__asm__ __volatile__("wfe" : : : "memory");
}

#else

int hl_poller_has(enum hl_poller_method method)
{
	return method == HL_POLLER_PAUSE;
}

static void doze(enum hl_poller_method method, hl_u64 *word)
{
	(void)method;
	(void)word;
}

#endif

/* ---- waiting -------------------------------------------------------------------------------------- */

/* One turn: ends when the word is written, or soon. */
static void wait_a_little(enum hl_poller_method method, hl_u64 *word)
{
	if (method != HL_POLLER_PAUSE) {
		doze(method, word);
		return;
	}
	for (unsigned i = 0; i < PAUSES_PER_LOOK_AT_THE_CLOCK && !is_set(word); i++)
		hl_relax();
}

int hl_poller_wait_by(enum hl_poller_method method, hl_u64 *word, uint64_t timeout_ns)
{
	if (is_set(word))
		return 1;
	if (timeout_ns == 0)
		return 0;
	const uint64_t begin = hl_now_ns();
	/* Ends when the word is written or time has passed. */
	do {
		wait_a_little(method, word);
		if (is_set(word))
			return 1;
	} while (hl_now_ns() - begin < timeout_ns);
	return 0;
}

static enum hl_poller_method best_method(void)
{
	static hl_u32 detected; /* 0: not yet, otherwise 1 + the method; every thread finds the same */
	uint32_t known = hl_u32_load_relaxed(&detected);

	if (known == 0) {
		known = 1 + HL_POLLER_PAUSE;
		for (uint32_t method = HL_POLLER_UMWAIT; method < HL_POLLER_METHODS && known == 1 + HL_POLLER_PAUSE; method++)
			if (hl_poller_has((enum hl_poller_method)method))
				known = 1 + method;
		hl_u32_store_relaxed(&detected, known);
	}
	return (enum hl_poller_method)(known - 1);
}

int hashloom_poller_wait(const uint64_t *word, uint64_t timeout_ns)
{
	return hl_poller_wait_by(best_method(), (hl_u64 *)(uintptr_t)word, timeout_ns);
}

const char *hashloom_poller_method(void)
{
	static const char *const names[HL_POLLER_METHODS] = { "pause", "umwait", "mwaitx", "wfe" };

	return names[best_method()];
}
