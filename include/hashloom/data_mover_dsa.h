/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * data_mover_dsa.h: a mover over Intel's Data Streaming Accelerator (DSA), an engine on the CPU's package that copies, fills,
 * compares, computes CRCs and writes caches back, while the CPU does something else.
 *
 * The first poll of an operation makes a descriptor of it (of a large, durable, scattered or batched one several, which are
 * submitted together) and hands it to a work queue of the device; the device writes a completion record; a later poll finds it
 * there. The CPU does what is small, what the device does not know, and what the device could not do.
 *
 * When not to use it: for copies of a few kilobytes, which are done sooner than handed over; where data_mover_dsa_new() says that
 * there is no device, DATA_MOVER_DSA_AUTO has worker threads instead.
 *
 * Model in one sentence: poll submits, the device answers, poll looks; every error ends with the CPU.
 *
 *     struct data_mover_dsa_cfg cfg = data_mover_dsa_cfg_default();       (examples/dsa_copies.c)
 *     struct data_mover_dsa *mover = data_mover_dsa_new(&cfg);            never NULL for want of a device: AUTO
 *     struct vdm_operation_future fut = vdm_memcpy(data_mover_dsa_get_vdm(mover), dest, src, n, 0);
 *     runtime_wait(runtime, FUTURE_AS_RUNNABLE(&fut));
 *
 * What ran on silicon: nothing of this. No machine with the device was at hand. The descriptors' and records' layout is that of the
 * kernel's <linux/idxd.h>; the kernel's interfaces (sysfs, the character device) are used as its documentation says. All that is
 * not an instruction or a call of the kernel's was run against a device made of software, which takes the same 64-byte descriptors
 * and fails in the ways that the device may: the tests say which. ENQCMD and MOVDIR64B were compiled and
 * disassembled, never executed. The character device's write() was run against a pipe with the software device
 * behind it.
 *
 * The device is found through sysfs alone: what is needed of it (which queues are enabled, for users, of which mode and size)
 * stands there in a few text files, so that libaccel-config, which reads the same files, would only be one more thing to install.
 * Setting queues up is the administrator's, with accel-config or by hand:
 *     accel-config config-wq dsa0/wq0.0 -g 0 -s 16 -m shared -t 16 -y user -n hashloom -d user && accel-config enable-device dsa0
 *     accel-config enable-wq dsa0/wq0.0                               and read and write permission for /dev/dsa/wq0.0
 * Submission is by ENQCMD (shared queue) or MOVDIR64B (dedicated one) where the CPU has the instruction and the kernel lets the
 * process map the queue's portal (current ones ask for CAP_SYS_RAWIO), by write() to the character device otherwise.
 *
 * Supports what data_mover_threads.h does; its operations have FUTURE_PROPERTY_ASYNC. The queue's process-wide address space is the
 * process's own (shared virtual memory): any memory will do, nothing is pinned.
 *
 * Guarantees
 *   D.1  V.1 to V.7 of vdm.h hold, and no error of the device changes a result: the CPU does what is left. The exception is a move
 *        between places that overlap which the device broke off without saying where: VDM_ERROR_JOB_CORRUPTED.
 *   D.2  A page that the device does not find is touched by the polling thread, and the device goes on behind what it had done;
 *        memory that may not be accessed raises the same signal there that a copy by the CPU would.
 *   D.3  No call waits for the device but data_mover_dsa_new() and data_mover_dsa_delete(), and these not longer than cfg.answer_ms
 *        at a time.
 *   D.4  An operation ends after a bounded number of the device's answers, whatever these are. One that the device never answers
 *        stays RUNNING, as nobody can say what it will still write; no other one waits for it.
 *   D.5  Notifiers: POLLER: ptr_to_monitor is the word of the completion record that holds the status, which is non-zero when the
 *        device has answered, and while the operation is not with the device. WAKER: queues of user space raise no interrupts, so a
 *        thread of the mover's looks at the records of those who wait, as long as there are such, and calls their wakers: the last
 *        poll's counts; after the answer is visible; not any more once the future was seen complete. NONE: as POLLER, without
 *        saying so.
 *   D.6  A cancelled operation that the queue has not taken ends with VDM_ERROR_CANCELLED; one that it has runs to its end.
 *
 * Which calls may run together: any, but for data_mover_dsa_delete() with any other.
 */
#ifndef HASHLOOM_DATA_MOVER_DSA_H
#define HASHLOOM_DATA_MOVER_DSA_H

#include <hashloom/base.h>

#include <hashloom/vdm.h>

HL_BEGIN_DECLS

struct data_mover_dsa;

enum data_mover_dsa_type {
	DATA_MOVER_DSA_HARDWARE, /* or none */
	DATA_MOVER_DSA_SOFTWARE, /* the device made of software, with a thread of its own: for tests, slower than all others */
	DATA_MOVER_DSA_AUTO,	 /* the hardware; where there is none, data_mover_threads_default() */
};

/* What is behind a mover. */
enum data_mover_dsa_path {
	DATA_MOVER_DSA_ENQCMD,	   /* a shared queue */
	DATA_MOVER_DSA_MOVDIR64B,  /* a dedicated queue */
	DATA_MOVER_DSA_WRITE,	   /* the character device */
	DATA_MOVER_DSA_IN_PROCESS, /* the device made of software */
	DATA_MOVER_DSA_THREADS,	   /* no device */
};

/* cpu_below: data_mover_dsa_new() measures from which size on a copy by the device takes no longer than one by the CPU. */
#define DATA_MOVER_DSA_MEASURE SIZE_MAX
#define DATA_MOVER_DSA_MEASURED_MAX ((size_t)256 << 10) /* where the device never is the faster one: it still frees the CPU */
#define DATA_MOVER_DSA_OPERATIONS_MAX 65536

/* In brackets: what data_mover_dsa_cfg_default() says. AUTO without a device looks at nothing but the type and the root. */
struct data_mover_dsa_cfg {
	enum data_mover_dsa_type type;	    /* [AUTO] */
	enum future_notifier_type notifier; /* what operations use when they are polled with one [POLLER] */
	const char *root;		    /* of the file system, before /sys and /dev; tests bring their own [""] */
	size_t cpu_below;		    /* operations of fewer bytes are done by the CPU at the first poll [DATA_MOVER_DSA_MEASURE] */
	uint32_t operations_max;	    /* made and not complete, 1 to DATA_MOVER_DSA_OPERATIONS_MAX [256] */
	uint32_t answer_ms;		    /* how long new and delete wait for an answer, at least 1 [1000] */
};

/* Counts since data_mover_dsa_new(), each by itself. All 0 with DATA_MOVER_DSA_THREADS. */
struct data_mover_dsa_stats {
	uint64_t submitted;	/* descriptors that the queue took, a batch is one */
	uint64_t batches;	/* of these */
	uint64_t retries;	/* the queue was full */
	uint64_t refused;	/* submissions that failed otherwise */
	uint64_t faults;	/* answers that told of a page fault */
	uint64_t errors;	/* answers that told of another error */
	uint64_t pieces_by_cpu; /* parts of operations that the device could not do */
	uint64_t by_cpu;	/* operations that were not given to the device: small, or refused (V.3) */
	uint64_t wakes;		/* calls of wakers */
	uint64_t cpu_below;	/* as in cfg, or as measured */
};

/*
 * data_mover_dsa_cfg_default: a configuration that works everywhere.
 * Returns:  the configuration.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
HASHLOOM_API struct data_mover_dsa_cfg data_mover_dsa_cfg_default(void);

/*
 * data_mover_dsa_new: opens the first queue that is to be had and makes the mover over it.
 * cfg:      see above; copied. NULL: the default.
 * Returns:  the mover, or NULL and errno: EINVAL: a number out of range; ENOMEM: no memory; ENODEV: no enabled user
 * queue of such a device is
 *           there; EACCES, EPERM, EBUSY and what else open() says: there is, but it cannot be opened; ETIMEDOUT: the queue took a
 *           descriptor and did not answer; EIO: it answered with an error; what write() says: it took none; EAGAIN: no thread for
 *           WAKER or SOFTWARE. With AUTO all that tells of the device leads to worker threads instead.
 * Threads:  any.  Progress: waits for the device's first answer.  Order: none.
 * Memory:   about 1.6 KiB for each of operations_max; operations then need none.
 * Cost:     an empty descriptor, and when the size is to be measured a few hundred copies: below a millisecond.
 * Lifetime: until data_mover_dsa_delete().
 */
HASHLOOM_API struct data_mover_dsa *data_mover_dsa_new(const struct data_mover_dsa_cfg *cfg);

/*
 * data_mover_dsa_get_vdm: the mover as vdm.h wants it.
 * mover:    of data_mover_dsa_new().
 * Returns:  its struct vdm, never NULL.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: the mover's.
 */
HASHLOOM_API struct vdm *data_mover_dsa_get_vdm(struct data_mover_dsa *mover);

/*
 * data_mover_dsa_get_path: what is behind the mover.
 * mover:    of data_mover_dsa_new().
 * Returns:  which of the paths.
 * Threads:  any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: none.  Lifetime: none.
 */
HASHLOOM_API enum data_mover_dsa_path data_mover_dsa_get_path(const struct data_mover_dsa *mover);

/*
 * data_mover_dsa_statistics: what the mover has done so far.
 * mover:      of data_mover_dsa_new().
 * statistics: gets the counts, each of its own moment.
 * Returns:    nothing.
 * Threads:    any.  Progress: wait-free.  Order: none.  Memory: none.  Cost: ten loads.  Lifetime: none.
 */
HASHLOOM_API void data_mover_dsa_statistics(const struct data_mover_dsa *mover, struct data_mover_dsa_stats *statistics);

/*
 * data_mover_dsa_delete: waits for what the device was given, closes the queue, frees the mover.
 * mover:    of data_mover_dsa_new(), or NULL; futures of it that are not complete must not be polled any more.
 * Returns:  nothing; the device writes nothing any more, and no waker will be called. Of an operation that needed several
 *           descriptors one after the other, those that were not submitted are not done.
 * Threads:  exclusive.  Progress: waits for the device, at most cfg.answer_ms; then for the kernel, which drains a queue when it
 *           is closed.
 * Order:    what the device did is visible.  Memory: frees.  Cost: that of what is in flight.  Lifetime: ends.
 */
HASHLOOM_API void data_mover_dsa_delete(struct data_mover_dsa *mover);

HL_END_DECLS

#endif
