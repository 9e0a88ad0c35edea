/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* dsa_copies.c: copies, a comparison and a CRC by Intel's DSA where there is one, by worker threads elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hashloom/data_mover_dsa.h>
#include <hashloom/runtime.h>

enum { SIZE = 1 << 20 };

/* The same program whatever is behind the mover. Returns 1 when all is right. */
static int copy_and_check(struct vdm *vdm, struct runtime *runtime, char *dest, char *src)
{
	struct vdm_operation_future copy = vdm_memcpy(vdm, dest, src, SIZE, 0);

	memset(src, 'x', SIZE);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&copy));
	printf("copied: %s\n", FUTURE_OUTPUT(&copy)->result == VDM_SUCCESS ? "yes" : "no");

	dest[1000] = 'y';
	struct vdm_operation_future compare = vdm_compare(vdm, dest, src, SIZE, 0);
	struct vdm_operation_future crc = vdm_crc32c(vdm, src, SIZE, 0, 0);
	struct future *both[] = {FUTURE_AS_RUNNABLE(&compare), FUTURE_AS_RUNNABLE(&crc)};

	runtime_wait_multiple(runtime, both, 2);
	printf("differ at byte %d\n", (int)FUTURE_OUTPUT(&compare)->output.compare.offset);
	printf("CRC-32C: %08x\n", (unsigned)FUTURE_OUTPUT(&crc)->output.crc32c.crc);
	return FUTURE_OUTPUT(&copy)->result == VDM_SUCCESS && FUTURE_OUTPUT(&compare)->output.compare.offset == 1000;
}

int main(void)
{
	struct data_mover_dsa_cfg cfg = data_mover_dsa_cfg_default();
	char *const src = malloc(SIZE);
	char *const dest = malloc(SIZE);
	struct runtime *const runtime = runtime_new();
	int right = src != NULL && dest != NULL && runtime != NULL;

	/* AUTO, the default, and the device that is made of software: the results are the same. */
	for (int software = 0; software < 2 && right; software++) {
		cfg.type = software ? DATA_MOVER_DSA_SOFTWARE : DATA_MOVER_DSA_AUTO;
		struct data_mover_dsa *const mover = data_mover_dsa_new(&cfg);

		right = mover != NULL && copy_and_check(data_mover_dsa_get_vdm(mover), runtime, dest, src);
		data_mover_dsa_delete(mover);
	}
	runtime_delete(runtime);
	free(dest);
	free(src);
	return !right;
}
