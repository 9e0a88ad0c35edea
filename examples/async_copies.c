/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* async_copies.c: copies as futures; one done by this thread, then many by worker threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/runtime.h>

enum {
	COPIES = 8,
	COPY_SIZE = 1 << 20,
};

/* The synchronous mover copies during the first poll: no thread and no runtime is needed. */
static int copy_synchronously(void)
{
	char src[] = "done by the thread that polls";
	char dest[sizeof(src)] = "";
	struct data_mover_sync *mover = data_mover_sync_new();

	if (mover == NULL)
		return 1;
	struct vdm_operation_future fut =
		vdm_memcpy(data_mover_sync_get_vdm(mover), dest, src, sizeof(src), 0);
	printf("before the first poll: \"%s\"\n", dest);
	FUTURE_BUSY_POLL(&fut);
	const int failed = FUTURE_OUTPUT(&fut)->result != VDM_SUCCESS;
	printf("after it: \"%s\"\n", dest);
	data_mover_sync_delete(mover);
	return failed;
}

/* What the copies take from and write to. */
struct buffers {
	char src[COPIES][COPY_SIZE];
	char dest[COPIES][COPY_SIZE];
};

static void fill(struct buffers *buffers)
{
	for (size_t i = 0; i < COPIES; i++)
		for (size_t k = 0; k < COPY_SIZE; k++)
			buffers->src[i][k] = (char)(i * 31 + k * 7);
}

static int check(const struct buffers *buffers, const struct vdm_operation_future *futs)
{
	int right = 0;

	for (size_t i = 0; i < COPIES; i++) {
		const struct vdm_operation_output *output = FUTURE_OUTPUT(&futs[i]);

		right += output->result == VDM_SUCCESS &&
			 output->output.memcpy.dest == buffers->dest[i] &&
			 memcmp(buffers->dest[i], buffers->src[i], COPY_SIZE) == 0;
	}
	printf("%d of %d copies are right\n", right, COPIES);
	return right != COPIES;
}

/*
 * With worker threads the first poll hands the copy over and comes back at once. The runtime then
 * leaves the future alone until the worker wakes it; with nothing to poll, this thread sleeps.
 */
static int copy_with_threads(struct vdm *vdm, struct runtime *runtime, struct buffers *buffers)
{
	struct vdm_operation_future futs[COPIES];
	struct future *runnables[COPIES];

	fill(buffers);
	for (size_t i = 0; i < COPIES; i++) {
		futs[i] = vdm_memcpy(vdm, buffers->dest[i], buffers->src[i], COPY_SIZE, 0);
		runnables[i] = FUTURE_AS_RUNNABLE(&futs[i]);
	}
	runtime_wait_multiple(runtime, runnables, COPIES);
	if (check(buffers, futs) != 0)
		return 1;

	/* Other operations are futures just the same. */
	struct vdm_operation_future zeroes = vdm_memset(vdm, buffers->dest, 0, COPY_SIZE, 0);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&zeroes));
	printf("and zeroes again: %s\n", buffers->dest[0][COPY_SIZE - 1] == 0 ? "yes" : "no");
	return FUTURE_OUTPUT(&zeroes)->result != VDM_SUCCESS;
}

int main(void)
{
	struct data_mover_threads *mover = data_mover_threads_default();
	struct runtime *runtime = runtime_new();
	struct buffers *buffers = malloc(sizeof(*buffers));
	int failed = mover == NULL || runtime == NULL || buffers == NULL;

	if (!failed)
		failed = copy_synchronously();
	if (!failed)
		failed = copy_with_threads(data_mover_threads_get_vdm(mover), runtime, buffers);
	free(buffers);
	runtime_delete(runtime);
	data_mover_threads_delete(mover);
	return failed;
}
