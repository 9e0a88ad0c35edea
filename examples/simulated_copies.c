/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* simulated_copies.c: a program that copies, tested with a mover that fails when the seed says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hashloom/data_mover_sim.h>

enum {
	PARTS = 4,
	PART_SIZE = 100,
	TRIES_MAX = 100,
	SEEDS = 200,
};

/*
 * The program under test: copies in parts, all of them in flight at once, and tries again what has
 * failed. Writes down in which order the parts arrive. Returns 1 when all have.
 */
static int copy_in_parts(struct vdm *vdm, char *dest, char *src, char *order)
{
	struct vdm_operation_future parts[PARTS];
	int is_there[PARTS] = {0};
	int tries = 0;
	int arrived = 0;

	for (size_t i = 0; i < PARTS; i++)
		parts[i] = vdm_memcpy(vdm, dest + i * PART_SIZE, src + i * PART_SIZE, PART_SIZE, 0);
	for (size_t i = 0; arrived < PARTS && tries < TRIES_MAX; i = (i + 1) % PARTS) {
		if (is_there[i] ||
		    future_poll(FUTURE_AS_RUNNABLE(&parts[i]), NULL) != FUTURE_STATE_COMPLETE)
			continue;
		if (FUTURE_OUTPUT(&parts[i])->result == VDM_SUCCESS) {
			is_there[i] = 1;
			order[arrived++] = (char)('A' + i);
		} else {
			parts[i] = vdm_memcpy(vdm, dest + i * PART_SIZE, src + i * PART_SIZE,
					      PART_SIZE, 0);
			tries++;
		}
	}
	order[arrived] = '\0';
	return arrived == PARTS;
}

/* One run in a world that the seed describes completely. Returns 1 when all bytes are right. */
static int run(uint64_t seed, char *order, struct data_mover_sim_stats *statistics)
{
	char src[PARTS * PART_SIZE];
	char dest[sizeof(src)] = "";
	struct data_mover_sim_cfg cfg = data_mover_sim_cfg_default(seed);

	cfg.permille[DATA_MOVER_SIM_FAIL] = 100;
	cfg.permille[DATA_MOVER_SIM_FAIL_PARTLY] = 100;
	cfg.permille[DATA_MOVER_SIM_REFUSE_NEW] = 100;
	cfg.permille[DATA_MOVER_SIM_TEAR] = 500;
	struct data_mover_sim *mover = data_mover_sim_new(&cfg);

	if (mover == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (char)(i * 7);
	const int all = copy_in_parts(data_mover_sim_get_vdm(mover), dest, src, order);

	data_mover_sim_statistics(mover, statistics);
	data_mover_sim_delete(mover);
	return all && memcmp(dest, src, sizeof(src)) == 0;
}

int main(void)
{
	struct data_mover_sim_stats statistics;
	char order[PARTS + 1] = "";
	int right = 0;

	/* What happens depends on the seed and on nothing else, so a run can be looked at again. */
	for (uint64_t seed = 1; seed <= 3; seed++) {
		for (int again = 0; again < 2; again++) {
			(void)run(seed, order, &statistics);
			printf("seed %d: the parts arrive as %s, %d failed\n", (int)seed, order,
			       (int)statistics.failed);
		}
	}
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		right += run(seed, order, &statistics);
	printf("%d of %d runs are right\n", right, SEEDS);
	return right != SEEDS;
}
