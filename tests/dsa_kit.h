/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * dsa_kit.h: what the tests of the DSA mover share: movers over a software device that the test steps, and over a device that does
 * nothing but what the test says.
 */
#ifndef HL_DSA_KIT_H
#define HL_DSA_KIT_H

#include "test_kit.h"

#include <hashloom/data_mover_dsa.h>
#include <hashloom/vdm.h>

#include "dsa_device.h"

#define TURNS_MAX 100000 /* polls after which an operation is thought to hang */

struct stepped {
	struct hl_dsa_device *device;
	struct data_mover_dsa *mover;
	struct vdm *vdm;
};

static inline struct data_mover_dsa_cfg kit_mover_cfg(enum future_notifier_type notifier)
{
	struct data_mover_dsa_cfg cfg = data_mover_dsa_cfg_default();

	cfg.notifier = notifier;
	cfg.cpu_below = 0;
	cfg.answer_ms = 60000; /* machines may be slow */
	return cfg;
}

static inline struct stepped kit_over(struct hl_dsa_device *device, const struct data_mover_dsa_cfg *cfg)
{
	struct stepped stepped = {.device = device, .mover = hl_dsa_mover_new(device, cfg), .vdm = NULL};

	assert_non_null(stepped.mover);
	stepped.vdm = data_mover_dsa_get_vdm(stepped.mover);
	return stepped;
}

/* A device that is stepped, whatever else its configuration says. */
static inline struct stepped kit_stepped(struct hl_dsa_software_cfg software)
{
	const struct data_mover_dsa_cfg cfg = kit_mover_cfg(FUTURE_NOTIFIER_POLLER);
	struct hl_dsa_device *device;

	software.is_stepped = 1;
	assert_int_equal(hl_dsa_software_open(&software, &device), 0);
	return kit_over(device, &cfg);
}

static inline struct data_mover_dsa_stats kit_stats(const struct stepped *stepped)
{
	struct data_mover_dsa_stats stats;

	data_mover_dsa_statistics(stepped->mover, &stats);
	return stats;
}

/* Polls and steps in turn, to the end. */
static inline void kit_finish(struct stepped *stepped, struct vdm_operation_future *future)
{
	for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
		if (future_poll(FUTURE_AS_RUNNABLE(future), NULL) == FUTURE_STATE_COMPLETE)
			return;
		(void)hl_dsa_software_step(stepped->device);
	}
	fail_msg("an operation does not end");
}

/* Everything goes wrong that leaves results as they are. */
static inline struct hl_dsa_software_cfg kit_hostile(uint64_t seed)
{
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(seed);

	software.capabilities &= ~HL_DSA_CAP_BLOCK_ON_FAULT;
	software.transfer_max = 1000;
	software.batch_max = 5;
	software.queue_size = 8;
	software.delay_max = 6;
	software.reorder = 1;
	software.fail_status = DSA_COMP_TRAFFIC_CLASS_CONF;
	software.permille[HL_DSA_EVENT_RETRY] = 150;
	software.permille[HL_DSA_EVENT_REFUSE] = 10;
	software.permille[HL_DSA_EVENT_PAGE_FAULT] = 150;
	software.permille[HL_DSA_EVENT_LIST_FAULT] = 100;
	software.permille[HL_DSA_EVENT_INVALID_FLAGS] = 5;
	software.permille[HL_DSA_EVENT_FAIL] = 30;
	return software;
}

/* The output of a copy, move or set: what it was, where, and how it ended. */
static inline void kit_assert_output(struct vdm_operation_future *future, enum vdm_operation_type type, const void *dest,
				     enum vdm_operation_result result)
{
	const struct vdm_operation_output *const output = FUTURE_OUTPUT(future);

	assert_int_equal(output->type, type);
	assert_int_equal(output->result, result);
	assert_ptr_equal(output->output.memcpy.dest, dest); /* at the same place in all of them */
}

/* ---- a device that answers as the test says ------------------------------------------------------- */

struct fake {
	struct hl_dsa_device device; /* first */
	struct dsa_hw_desc last;
	unsigned submissions;
	enum hl_dsa_submission next;
	unsigned closed;
};

static inline enum hl_dsa_submission fake_submit(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor)
{
	struct fake *const fake = (struct fake *)device;

	fake->last = *descriptor;
	fake->submissions++;
	return fake->next;
}

static inline void fake_relax(struct hl_dsa_device *device)
{
	(void)device;
}

static inline void fake_close(struct hl_dsa_device *device)
{
	((struct fake *)device)->closed++;
}

static inline void fake_init(struct fake *fake)
{
	static const struct hl_dsa_functions functions = {fake_submit, fake_relax, fake_close};

	*fake = (struct fake){.device = {.functions = &functions,
					 .capabilities = hl_dsa_software_cfg_default(0).capabilities &
							 ~HL_DSA_CAP_BLOCK_ON_FAULT,
					 .transfer_max = 1U << 20,
					 .path = DATA_MOVER_DSA_IN_PROCESS},
			      .next = HL_DSA_ACCEPTED};
}

static inline void fake_answer_to(const struct dsa_hw_desc *descriptor, const struct dsa_completion_record *record)
{
	struct hl_dsa_completion *const completion = hl_dsa_pointer(descriptor->completion_addr);
	uint64_t word;

	memcpy(completion->rest, (const char *)record + sizeof(word), sizeof(completion->rest));
	memcpy(&word, record, sizeof(word));
	hl_u64_store_release(&completion->word, word);
}

static inline void fake_answer(const struct fake *fake, struct dsa_completion_record record)
{
	fake_answer_to(&fake->last, &record);
}

static inline struct stepped fake_mover(struct fake *fake)
{
	struct data_mover_dsa_cfg cfg = kit_mover_cfg(FUTURE_NOTIFIER_POLLER);

	cfg.answer_ms = 1; /* delete asks, nobody answers */
	return kit_over(&fake->device, &cfg);
}

#endif
