/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * dsa_device.h: what takes DSA descriptors: a work queue of Intel's Data Streaming Accelerator, or a piece of software that does as one.
 *
 * Descriptors and completion records are those of <linux/idxd.h>. A descriptor that was accepted is answered, once, by its completion
 * record: first the record's other words, then the one with the status, which is not zero any more.
 */
#ifndef HL_DSA_DEVICE_H
#define HL_DSA_DEVICE_H

#include <hashloom/atomic.h>
#include <hashloom/data_mover_dsa.h>

#include <linux/idxd.h>
#include <pthread.h>
#include <string.h>

#define HL_DSA_DESCRIPTOR_ALIGNMENT 64
#define HL_DSA_COMPLETION_ALIGNMENT 32

/* Bits of the device's GENCAP register, which sysfs shows as gen_cap. */
#define HL_DSA_CAP_BLOCK_ON_FAULT (UINT64_C(1) << 0)
#define HL_DSA_CAP_OVERLAP (UINT64_C(1) << 1)
#define HL_DSA_CAP_CACHE_CONTROL_MEMORY (UINT64_C(1) << 2) /* of writes: into the cache or past it */
#define HL_DSA_CAP_CACHE_CONTROL_FLUSH (UINT64_C(1) << 3)  /* of cache flushes: lines may stay */
#define HL_DSA_CAP_READBACK (UINT64_C(1) << 8)		   /* the destination is read back before the answer */

/* A completion record whose word with the status is atomic, as it is what others look at. */
struct hl_dsa_completion {
	_Alignas(HL_DSA_COMPLETION_ALIGNMENT) hl_u64 word;
	uint64_t rest[3];
};

_Static_assert(sizeof(struct hl_dsa_completion) == sizeof(struct dsa_completion_record), "a completion record has 32 bytes");
_Static_assert(sizeof(struct dsa_hw_desc) == 64, "a descriptor has 64 bytes");
_Static_assert(offsetof(struct dsa_completion_record, status) == 0, "the status lies in the first word");

/* The record's fields. The status is 0: there is no answer yet, and the other fields say nothing. */
static inline struct dsa_completion_record hl_dsa_completion_read(const struct hl_dsa_completion *completion)
{
	struct dsa_completion_record fields = { .status = DSA_COMP_NONE };
	/* acquire. pairs with the device's write, [DD-1] in software: the record's rest, and what the descriptor did */
	const uint64_t word = hl_u64_load_acquire(&completion->word);

	memcpy(&fields, &word, sizeof(word));
	if (fields.status != DSA_COMP_NONE)
		memcpy((char *)&fields + sizeof(word), completion->rest, sizeof(completion->rest));
	return fields;
}

static inline uint64_t hl_dsa_address(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static inline void *hl_dsa_pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

enum hl_dsa_submission {
	HL_DSA_ACCEPTED,
	HL_DSA_RETRY,	/* the queue is full at the moment */
	HL_DSA_REFUSED, /* and will be: errno says why */
};

struct hl_dsa_device;

/* How a kind of device is used; all from any thread but close, which is exclusive. */
struct hl_dsa_functions {
	/* Hands a descriptor over; does not block. What the descriptor points to was written before. */
	enum hl_dsa_submission (*submit)(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor);
	/* Called in each turn of a wait for an answer. */
	void (*relax)(struct hl_dsa_device *device);
	/* Ends when no descriptor is being worked on, and none will be; frees the device. */
	void (*close)(struct hl_dsa_device *device);
};

struct hl_dsa_device {
	const struct hl_dsa_functions *functions;
	uint64_t capabilities; /* of HL_DSA_CAP_* */
	uint32_t queue_size;   /* of a dedicated queue: descriptors beyond that are lost; 0: a shared one, which says when it is full */
	uint32_t batch_max;    /* descriptors in a batch; less than 2: it takes no batches */
	uint32_t transfer_max; /* bytes of a descriptor */
	int path;	       /* of enum data_mover_dsa_path */
};

/* ---- hardware ------------------------------------------------------------------------------------ */

/*
 * Opens the first user queue that may be opened, of those that ROOT/sys/bus/dsa/devices tells of. Returns 0, or an errno: ENODEV: there is
 * none; ENOMEM; or why those that are there could not be opened (EACCES, EPERM, EBUSY and what else open() says).
 */
int hl_dsa_hardware_open(const char *root, struct hl_dsa_device **device);

/* ---- software ------------------------------------------------------------------------------------ */

/* What goes wrong in the software device, by chance (permille) or on demand. */
enum hl_dsa_event {
	HL_DSA_EVENT_RETRY,	    /* the queue says that it is full */
	HL_DSA_EVENT_REFUSE,	    /* a submission fails with EPERM */
	HL_DSA_EVENT_REFUSE_BATCH,  /* that of a batch fails with EINVAL, as write() to the first version's device does */
	HL_DSA_EVENT_PAGE_FAULT,    /* after some bytes, not all; where the descriptor does not ask to block on faults */
	HL_DSA_EVENT_LIST_FAULT,    /* reading a batch's descriptors */
	HL_DSA_EVENT_INVALID_FLAGS, /* the flags that are optional are not taken */
	HL_DSA_EVENT_FAIL,	    /* with cfg.fail_status; nothing was done */
	HL_DSA_EVENTS
};

struct hl_dsa_software_cfg {
	uint64_t seed;
	uint64_t capabilities;
	uint32_t queue_size; /* at least 1 */
	uint32_t batch_max;
	uint32_t transfer_max;
	uint32_t delay_max;  /* steps, from the submission until it may be done */
	uint64_t opcodes;    /* those that it knows, a bit for each */
	uint8_t fail_status; /* of enum dsa_completion_status */
	int is_dedicated;    /* what does not fit in the queue is lost */
	int is_stepped;	     /* works only in hl_dsa_software_step() and relax(); otherwise in a thread of its own */
	int reorder;	     /* of those that are due, any is next; those of a batch between two fences likewise */
	uint32_t permille[HL_DSA_EVENTS];
};

/* Counts since the device was opened. */
struct hl_dsa_software_stats {
	uint64_t submitted, answered;
	uint64_t lost;	    /* did not fit in a dedicated queue, or had no place for an answer */
	uint64_t batches, drains, flushes, readbacks, fences_stopped;
	uint64_t digest; /* a hash of what was done, in its order */
	uint64_t events[HL_DSA_EVENTS];
};

/* All capabilities, a queue of 64, batches of 32, 2 MiB, no delay, nothing goes wrong, a thread of its own. */
struct hl_dsa_software_cfg hl_dsa_software_cfg_default(uint64_t seed);

/* Returns 0, or an errno: ENOMEM, or what pthread_create says. */
int hl_dsa_software_open(const struct hl_dsa_software_cfg *cfg, struct hl_dsa_device **device);

/* Lets a step of time pass and does at most one descriptor. Returns 1: it did. For one that is stepped, by one thread at a time. */
int hl_dsa_software_step(struct hl_dsa_device *device);

/* Makes an event happen the next times that it can. */
void hl_dsa_software_force(struct hl_dsa_device *device, enum hl_dsa_event event, uint32_t count);

struct hl_dsa_software_stats hl_dsa_software_statistics(struct hl_dsa_device *device);

/* Does one descriptor now, if it has a place for the answer, and answers it: for tests that stand behind another kind of device. */
void hl_dsa_software_execute(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor);

/* ---- the mover over a device ----------------------------------------------------------------------- */

/*
 * As data_mover_dsa_new(), but over a device that is at hand, which is not asked whether it answers; cfg->cpu_below is taken as
 * it is. The device is closed with the mover, and when there is none: NULL, errno ENOMEM or what pthread_create says.
 */
struct data_mover_dsa *hl_dsa_mover_new(struct hl_dsa_device *device, const struct data_mover_dsa_cfg *cfg);

#endif
