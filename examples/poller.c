/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * poller.c: a batch of copies by worker threads, and a thread that watches the word which says that they are done, with what the
 * CPU has for that.
 */
#include <hashloom/data_mover_threads.h>
#include <hashloom/poller.h>

#include <stdio.h>
#include <string.h>

#define COPIES 8
#define SIZE 32768

static unsigned char dest[COPIES][SIZE], src[COPIES][SIZE];

int main(void)
{
	struct data_mover_threads_cfg cfg = data_mover_threads_cfg_default();
	struct vdm_operation copies[COPIES];
	struct vdm_operation_output outputs[COPIES];

	cfg.notifier = FUTURE_NOTIFIER_POLLER;
	struct data_mover_threads *const mover = data_mover_threads_new_cfg(&cfg);
	if (mover == NULL) {
		perror("data_mover_threads_new_cfg");
		return 1;
	}
	for (size_t i = 0; i < COPIES; i++) {
		memset(src[i], (int)i + 1, SIZE);
		copies[i] = vdm_operation_memcpy(dest[i], src[i], SIZE, 0);
	}

	struct vdm_operation_future fut = vdm_batch(data_mover_threads_get_vdm(mover), copies, outputs, COPIES, 0);
	struct future_notifier notifier = { .notifier_used = FUTURE_NOTIFIER_NONE };

	while (future_poll(FUTURE_AS_RUNNABLE(&fut), &notifier) != FUTURE_STATE_COMPLETE)
		if (notifier.notifier_used == FUTURE_NOTIFIER_POLLER)
			(void)hashloom_poller_wait(notifier.poller.ptr_to_monitor, 1000000);

	printf("%d copies, %llu of them failed\n", COPIES, (unsigned long long)FUTURE_OUTPUT(&fut)->output.batch.failed);
	printf("the last one is %s\n", memcmp(dest[COPIES - 1], src[COPIES - 1], SIZE) == 0 ? "right" : "wrong");
	data_mover_threads_delete(mover);
	return 0;
}
