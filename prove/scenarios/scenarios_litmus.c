/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scenarios_litmus.c: the scheduler itself, on the small programs by which memory models are known.
 *
 * Each program has a few registers; what they hold at its end, digit by digit, is an outcome. An exhaustive search must reach all outcomes that
 * a model allows, and no other; a random search no other. The verdicts for tso are those of x86-TSO (Sewell et al., CACM 2010), for
 * relaxed those of RC11 (Lahav et al., PLDI 2017), where what is said in weak_memory.c is left out: stores of one location are
 * ordered as they happen (so S and 2+2W have no weak outcome), loads see no later store (so LB has none), and a read-modify-write sees the newest.
 */
#include "schedule.h"

#include <stdio.h>

#define REGISTERS 4
#define OUTCOMES_MAX 64
#define TEXT_SIZE 400

struct litmus {
	void (*run)(unsigned task);
	unsigned registers; /* of the outcome */
	unsigned finals;    /* 1: and x at the end, 2: and x and y */
	const char *allowed[MEMORY_MODELS];
};

static hl_u64 *x, *y, *z;
static uint64_t r[REGISTERS];
static pthread_mutex_t locks[2];

static unsigned outcomes[OUTCOMES_MAX]; /* of this search, ascending */
static unsigned outcomes_count;

/* ---- outcomes -------------------------------------------------------------------------------------------- */

static hl_u64 *make_word(const char *name)
{
	hl_u64 *const word = calloc(1, sizeof(*word));

	SCHEDULE_REQUIRE(word != NULL);
	schedule_name(word, name);
	return word;
}

static void setup(void)
{
	x = make_word("x");
	y = make_word("y");
	z = make_word("z");
	memset(r, 0, sizeof(r));
	memset(locks, 0, sizeof(locks));
}

static void run(unsigned task)
{
	const struct litmus *const litmus = schedule_argument();

	litmus->run(task);
}

static void keep(unsigned outcome)
{
	unsigned at = 0;

	while (at < outcomes_count && outcomes[at] < outcome)
		at++;
	if (at < outcomes_count && outcomes[at] == outcome)
		return;
	SCHEDULE_REQUIRE(outcomes_count < OUTCOMES_MAX);
	memmove(outcomes + at + 1, outcomes + at, (outcomes_count - at) * sizeof(outcomes[0]));
	outcomes[at] = outcome;
	outcomes_count++;
}

static void write_outcome(char *text, const struct litmus *litmus, unsigned outcome)
{
	snprintf(text, 12, "%0*u", (int)(litmus->registers + litmus->finals), outcome);
}

static void check(void)
{
	const struct litmus *const litmus = schedule_argument();
	char text[12];
	unsigned outcome = 0;

	for (unsigned i = 0; i < litmus->registers; i++)
		outcome = 10 * outcome + (unsigned)r[i];
	if (litmus->finals > 0)
		outcome = 10 * outcome + (unsigned)hl_u64_load_relaxed(x);
	if (litmus->finals > 1)
		outcome = 10 * outcome + (unsigned)hl_u64_load_relaxed(y);
	if (schedule_is_counted())
		keep(outcome);
	write_outcome(text, litmus, outcome);
	if (strstr(litmus->allowed[schedule_memory()], text) == NULL)
		schedule_fail(__FILE__, __LINE__, "the outcome %s is none of %s", text, litmus->allowed[schedule_memory()]);
	free(x);
	free(y);
	free(z);
}

static void after(enum memory_model model, int has_seen_all)
{
	const struct litmus *const litmus = schedule_argument();
	char seen[TEXT_SIZE] = "";

	for (unsigned i = 0; i < outcomes_count; i++) {
		if (i > 0)
			strcat(seen, " ");
		write_outcome(seen + strlen(seen), litmus, outcomes[i]);
	}
	outcomes_count = 0;
	if (has_seen_all && strcmp(seen, litmus->allowed[model]) != 0)
		schedule_fail(__FILE__, __LINE__, "outcomes %s, not %s", seen, litmus->allowed[model]);
}

#define ALL_2 "00 01 10 11"
#define ALL_3 "000 001 010 011 100 101 110 111"
#define BUT_110 "000 001 010 011 100 101 111"
#define ALL_4                                                                                      \
	"0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111"
#define BUT_1010 "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111"
#define IN_ALL(outcomes) { outcomes, outcomes, outcomes }
#define WEAKER(strong, relaxed) { strong, strong, relaxed }

/* ---- store buffering: x = 1; r0 = y | y = 1; r1 = x ------------------------------------------------------- */

static void sb(unsigned task)
{
	hl_u64_store_release(task == 0 ? x : y, 1);
	r[task] = hl_u64_load_acquire(task == 0 ? y : x);
}

static void sb_fences(unsigned task)
{
	hl_u64_store_relaxed(task == 0 ? x : y, 1);
	hl_fence_seq_cst();
	r[task] = hl_u64_load_relaxed(task == 0 ? y : x);
}

static void sb_one_fence(unsigned task)
{
	hl_u64_store_relaxed(task == 0 ? x : y, 1);
	if (task == 0)
		hl_fence_seq_cst();
	r[task] = hl_u64_load_relaxed(task == 0 ? y : x);
}

static void sb_updates(unsigned task)
{
	(void)hl_u64_exchange_acq_rel(task == 0 ? x : y, 1);
	r[task] = hl_u64_load_acquire(task == 0 ? y : x);
}

static void sb_seq_cst(unsigned task)
{
	hl_u64_store_seq_cst(task == 0 ? x : y, 1);
	r[task] = hl_u64_load_seq_cst(task == 0 ? y : x);
}

static void sb_seq_cst_stores(unsigned task)
{
	hl_u64_store_seq_cst(task == 0 ? x : y, 1);
	r[task] = hl_u64_load_acquire(task == 0 ? y : x);
}

static void sb_fence_and_seq_cst(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_fence_seq_cst();
		r[0] = hl_u64_load_seq_cst(y);
	} else {
		hl_u64_store_seq_cst(y, 1);
		r[1] = hl_u64_load_seq_cst(x);
	}
}

/* Locks of one's own are no fences, but are read-modify-writes. */
static void sb_locks(unsigned task)
{
	hl_u64_store_relaxed(task == 0 ? x : y, 1);
	pthread_mutex_lock(&locks[task]);
	pthread_mutex_unlock(&locks[task]);
	r[task] = hl_u64_load_relaxed(task == 0 ? y : x);
}

/* ---- message passing: x = 1; y = 1 | r0 = y; r1 = x ------------------------------------------------------- */

static void mp(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_u64_store_relaxed(y, 1);
	} else {
		r[0] = hl_u64_load_relaxed(y);
		r[1] = hl_u64_load_relaxed(x);
	}
}

static void mp_release_acquire(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_u64_store_release(y, 1);
	} else {
		r[0] = hl_u64_load_acquire(y);
		r[1] = hl_u64_load_relaxed(x);
	}
}

static void mp_release_only(unsigned task)
{
	if (task == 0)
		mp_release_acquire(0);
	else
		mp(1);
}

static void mp_acquire_only(unsigned task)
{
	if (task == 0)
		mp(0);
	else
		mp_release_acquire(1);
}

static void mp_fences(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_fence_seq_cst();
		hl_u64_store_relaxed(y, 1);
	} else {
		r[0] = hl_u64_load_relaxed(y);
		hl_fence_seq_cst();
		r[1] = hl_u64_load_relaxed(x);
	}
}

static void mp_fence_acquire(unsigned task)
{
	if (task == 0)
		mp_fences(0);
	else
		mp_release_acquire(1);
}

static void mp_release_fence(unsigned task)
{
	if (task == 0)
		mp_release_acquire(0);
	else
		mp_fences(1);
}

static void mp_fence_only(unsigned task)
{
	if (task == 0)
		mp_fences(0);
	else
		mp(1);
}

static void mp_locks(unsigned task)
{
	pthread_mutex_lock(&locks[0]);
	if (task == 0)
		mp(0);
	else
		mp(1);
	pthread_mutex_unlock(&locks[0]);
}

/* A compare-and-swap that fails may have seen an older value. */
static void mp_cas(unsigned task)
{
	uint64_t expected = 1;

	if (task == 0) {
		mp(0);
	} else {
		r[0] = hl_u64_load_relaxed(y);
		r[1] = (uint64_t)hl_u64_cas_relaxed(x, &expected, 2);
	}
}

/* Two words in one granule of 8 bytes are two words. */
static void mp_neighbours(unsigned task)
{
	hl_u32 *const halves = (hl_u32 *)(void *)x;

	if (task == 0) {
		hl_u32_store_relaxed(&halves[0], 1);
		hl_u32_store_relaxed(&halves[1], 1);
	} else {
		r[0] = hl_u32_load_relaxed(&halves[1]);
		r[1] = hl_u32_load_relaxed(&halves[0]);
	}
}

/* The message is a byte, and seen in 8 bytes. */
static void mp_byte(unsigned task)
{
	hl_u8 *const bytes = (hl_u8 *)(void *)y;

	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_u8_store_release(&bytes[3], 1);
	} else {
		r[0] = hl_u64_load_acquire(y) != 0;
		r[1] = hl_u64_load_relaxed(x);
	}
}

static void mp_byte_relaxed(unsigned task)
{
	hl_u8 *const bytes = (hl_u8 *)(void *)y;

	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_u8_store_relaxed(&bytes[3], 1);
	} else {
		r[0] = hl_u64_load_acquire(y) != 0;
		r[1] = hl_u64_load_relaxed(x);
	}
}

/* One sees one's own byte, whatever else is in the 8. */
static void own_byte(unsigned task)
{
	hl_u8 *const bytes = (hl_u8 *)(void *)x;
	uint64_t whole;

	hl_u8_store_relaxed(&bytes[task], 1);
	whole = hl_u64_load_relaxed(x);
	r[task] = ((unsigned char *)&whole)[task];
}

/* ---- chains and independent writers ----------------------------------------------------------------------- */

static void lb(unsigned task)
{
	r[task] = hl_u64_load_relaxed(task == 0 ? x : y);
	hl_u64_store_relaxed(task == 0 ? y : x, 1);
}

static void iriw(unsigned task)
{
	hl_u64 *const words[] = { x, y };

	if (task < 2) {
		hl_u64_store_release(words[task], 1);
	} else {
		r[2 * task - 4] = hl_u64_load_acquire(words[task - 2]);
		r[2 * task - 3] = hl_u64_load_acquire(words[3 - task]);
	}
}

static void iriw_seq_cst(unsigned task)
{
	hl_u64 *const words[] = { x, y };

	if (task < 2) {
		hl_u64_store_seq_cst(words[task], 1);
	} else {
		r[2 * task - 4] = hl_u64_load_seq_cst(words[task - 2]);
		r[2 * task - 3] = hl_u64_load_seq_cst(words[3 - task]);
	}
}

static void iriw_fences(unsigned task)
{
	hl_u64 *const words[] = { x, y };

	if (task < 2) {
		hl_u64_store_relaxed(words[task], 1);
	} else {
		r[2 * task - 4] = hl_u64_load_relaxed(words[task - 2]);
		hl_fence_seq_cst();
		r[2 * task - 3] = hl_u64_load_relaxed(words[3 - task]);
	}
}

static void wrc(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
	} else if (task == 1) {
		r[0] = hl_u64_load_relaxed(x);
		hl_u64_store_release(y, 1);
	} else {
		r[1] = hl_u64_load_acquire(y);
		r[2] = hl_u64_load_relaxed(x);
	}
}

static void wrc_relaxed(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
	} else if (task == 1) {
		r[0] = hl_u64_load_relaxed(x);
		hl_u64_store_relaxed(y, 1);
	} else {
		r[1] = hl_u64_load_relaxed(y);
		r[2] = hl_u64_load_relaxed(x);
	}
}

static void isa2(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_u64_store_release(y, 1);
	} else if (task == 1) {
		r[0] = hl_u64_load_acquire(y);
		hl_u64_store_release(z, 1);
	} else {
		r[1] = hl_u64_load_acquire(z);
		r[2] = hl_u64_load_relaxed(x);
	}
}

/* ---- one location ----------------------------------------------------------------------------------------- */

static void corr(unsigned task)
{
	if (task < 2) {
		hl_u64_store_relaxed(x, 1 + task);
	} else {
		r[0] = hl_u64_load_relaxed(x);
		r[1] = hl_u64_load_relaxed(x);
	}
}

static void cowr(unsigned task)
{
	hl_u64_store_relaxed(x, 1 + task);
	if (task == 0)
		r[0] = hl_u64_load_relaxed(x);
}

static void corw(unsigned task)
{
	if (task == 0)
		r[0] = hl_u64_load_relaxed(x);
	hl_u64_store_relaxed(x, 1 + task);
}

static void updates(unsigned task)
{
	r[task] = hl_u64_fetch_add_relaxed(x, 1);
}

static void own_store(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_u64_store_relaxed(x, 2);
		r[0] = hl_u64_load_relaxed(x);
	} else {
		hl_u64_store_relaxed(x, 3);
	}
}

/* ---- orders of stores ------------------------------------------------------------------------------------- */

static void shape_r(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(y, 1);
		hl_u64_store_relaxed(x, 1);
	} else {
		hl_u64_store_relaxed(x, 2);
		r[0] = hl_u64_load_relaxed(y);
	}
}

static void shape_s(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 2);
		hl_u64_store_relaxed(y, 1);
	} else {
		r[0] = hl_u64_load_relaxed(y);
		hl_u64_store_relaxed(x, 1);
	}
}

static void two_and_two(unsigned task)
{
	hl_u64_store_relaxed(task == 0 ? x : y, 1);
	hl_u64_store_relaxed(task == 0 ? y : x, 2);
}

/* A fence that comes late tells late: both orders of the fences are tried. */
static void late_fence(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(y, 1);
		hl_u64_store_relaxed(x, 1);
		hl_fence_seq_cst();
	} else {
		hl_u64_store_relaxed(x, 2);
		hl_fence_seq_cst();
		r[0] = hl_u64_load_relaxed(y);
	}
}

/* ---- release sequences ------------------------------------------------------------------------------------ */

static void read_message(void)
{
	r[0] = hl_u64_load_acquire(y);
	r[1] = hl_u64_load_relaxed(x);
}

static void sequence(unsigned task)
{
	if (task == 0) {
		hl_u64_store_relaxed(x, 1);
		hl_u64_store_release(y, 4);
	} else if (task == 1) {
		(void)hl_u64_fetch_add_relaxed(y, 1);
	} else {
		read_message();
	}
}

/* A store ends the sequence. */
static void sequence_ends(unsigned task)
{
	if (task == 1) {
		if (hl_u64_load_relaxed(y) == 4)
			hl_u64_store_relaxed(y, 5);
	} else {
		sequence(task);
	}
}

/* ---- threads ---------------------------------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
	(void)arg;
	r[0] = hl_u64_load_relaxed(x);
	hl_u64_store_relaxed(y, 1);
	r[2] = hl_u64_load_relaxed(z);
	return NULL;
}

/* A thread knows what its maker knew, and who joins it what it knew. */
static void threads(unsigned task)
{
	pthread_t thread;

	(void)task;
	hl_u64_store_relaxed(x, 1);
	SCHEDULE_REQUIRE(pthread_create(&thread, NULL, thread_main, NULL) == 0);
	hl_u64_store_relaxed(z, 1);
	pthread_join(thread, NULL);
	r[1] = hl_u64_load_relaxed(y);
}

/* ---- the table -------------------------------------------------------------------------------------------- */

#define LITMUS(name_, tasks_, run_, registers_, finals_, ...)                                      \
	{                                                                                          \
		.name = name_, .shows = "the scheduler", .tasks = tasks_, .bound = 8, .bound_weak = 8, .setup = setup, \
		.run = run, .check = check, .after = after,                                        \
		.argument = &(const struct litmus){ run_, registers_, finals_, __VA_ARGS__ },      \
	}
#define COHERENT_2 "001 002 011 012 021 022 111 112 122 211 221 222"

static const struct schedule_scenario scenarios[] = {
	LITMUS("SB", 2, sb, 2, 0, { "01 10 11", ALL_2, ALL_2 }),
	LITMUS("SB+fences", 2, sb_fences, 2, 0, IN_ALL("01 10 11")),
	LITMUS("SB+fence", 2, sb_one_fence, 2, 0, { "01 10 11", ALL_2, ALL_2 }),
	LITMUS("SB+updates", 2, sb_updates, 2, 0, WEAKER("01 10 11", ALL_2)),
	LITMUS("SB+seq_cst", 2, sb_seq_cst, 2, 0, IN_ALL("01 10 11")),
	LITMUS("SB+seq_cst-stores", 2, sb_seq_cst_stores, 2, 0, WEAKER("01 10 11", ALL_2)),
	LITMUS("SB+fence+seq_cst", 2, sb_fence_and_seq_cst, 2, 0, IN_ALL("01 10 11")),
	LITMUS("SB+locks", 2, sb_locks, 2, 0, WEAKER("01 10 11", ALL_2)),
	LITMUS("MP", 2, mp, 2, 0, WEAKER("00 01 11", ALL_2)),
	LITMUS("MP+release+acquire", 2, mp_release_acquire, 2, 0, IN_ALL("00 01 11")),
	LITMUS("MP+release", 2, mp_release_only, 2, 0, WEAKER("00 01 11", ALL_2)),
	LITMUS("MP+acquire", 2, mp_acquire_only, 2, 0, WEAKER("00 01 11", ALL_2)),
	LITMUS("MP+fences", 2, mp_fences, 2, 0, IN_ALL("00 01 11")),
	LITMUS("MP+fence+acquire", 2, mp_fence_acquire, 2, 0, IN_ALL("00 01 11")),
	LITMUS("MP+release+fence", 2, mp_release_fence, 2, 0, IN_ALL("00 01 11")),
	LITMUS("MP+fence", 2, mp_fence_only, 2, 0, WEAKER("00 01 11", ALL_2)),
	LITMUS("MP+locks", 2, mp_locks, 2, 0, IN_ALL("00 11")),
	LITMUS("MP+cas", 2, mp_cas, 2, 0, WEAKER("00 01 11", ALL_2)),
	LITMUS("MP+neighbours", 2, mp_neighbours, 2, 0, WEAKER("00 01 11", ALL_2)),
	LITMUS("MP+byte+release+acquire", 2, mp_byte, 2, 0, IN_ALL("00 01 11")),
	LITMUS("MP+byte+acquire", 2, mp_byte_relaxed, 2, 0, WEAKER("00 01 11", ALL_2)),
	LITMUS("own-byte", 2, own_byte, 2, 0, IN_ALL("11")),
	LITMUS("LB", 2, lb, 2, 0, IN_ALL("00 01 10")),
	LITMUS("IRIW+release+acquire", 4, iriw, 4, 0, WEAKER(BUT_1010, ALL_4)),
	LITMUS("IRIW+seq_cst", 4, iriw_seq_cst, 4, 0, IN_ALL(BUT_1010)),
	LITMUS("IRIW+fences", 4, iriw_fences, 4, 0, IN_ALL(BUT_1010)),
	LITMUS("WRC+release+acquire", 3, wrc, 3, 0, IN_ALL(BUT_110)),
	LITMUS("WRC", 3, wrc_relaxed, 3, 0, WEAKER(BUT_110, ALL_3)),
	LITMUS("ISA2+release+acquire", 3, isa2, 3, 0, IN_ALL(BUT_110)),
	LITMUS("CoRR", 3, corr, 2, 1, IN_ALL(COHERENT_2)),
	LITMUS("CoWR", 2, cowr, 1, 1, IN_ALL("11 12 22")),
	LITMUS("CoRW", 2, corw, 1, 1, IN_ALL("01 02 21")),
	LITMUS("updates", 2, updates, 2, 1, IN_ALL("012 102")),
	LITMUS("own-store", 2, own_store, 1, 1, IN_ALL("22 23 33")),
	LITMUS("R", 2, shape_r, 1, 1, { "01 11 12", "01 02 11 12", "01 02 11 12" }),
	LITMUS("S", 2, shape_s, 1, 1, IN_ALL("01 02 11")),
	LITMUS("2+2W", 2, two_and_two, 0, 2, IN_ALL("12 21 22")),
	LITMUS("late-fence", 2, late_fence, 1, 1, WEAKER("01 11 12", "01 02 11 12")),
	LITMUS("release-sequence", 3, sequence, 2, 0, IN_ALL("00 01 10 11 41 51")),
	LITMUS("release-sequence-ends", 3, sequence_ends, 2, 0, WEAKER("00 01 41 51", "00 01 41 50 51")),
	LITMUS("threads", 1, threads, 3, 0, IN_ALL("110 111")),
};

int main(int argc, char **argv)
{
	return schedule_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
