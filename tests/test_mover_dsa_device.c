/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_dsa_device.c: what is under the DSA mover: the software device's strictness about descriptors, the search for hardware, the
 * character device; and data_mover_dsa_new().
 *
 * Method: descriptors with one mistake each, by hand. A tree of sysfs files that the test writes below a directory of its own, with pipes
 * where the character devices would be; the test reads the descriptors that were written and has the software device do them.
 */
#define _GNU_SOURCE 1 /* F_SETPIPE_SZ */
#include "dsa_kit.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

#include "memory.h"

/* ---- the software device -------------------------------------------------------------------------- */

static struct hl_dsa_completion answers[4];
static char bytes_from[256], bytes_to[256];

static struct dsa_hw_desc descriptor(enum dsa_opcode opcode)
{
	return (struct dsa_hw_desc){.opcode = opcode & 0xff,
				    .flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR,
				    .completion_addr = hl_dsa_address(&answers[0]),
				    .src_addr = hl_dsa_address(bytes_from),
				    .dst_addr = hl_dsa_address(bytes_to),
				    .xfer_size = 100};
}

/* Gives a descriptor to a device and returns the answer, NONE if there is none. */
static struct dsa_completion_record answer_of(struct hl_dsa_device *device, struct dsa_hw_desc one)
{
	hl_u64_store_relaxed(&answers[0].word, 0);
	assert_int_equal(device->functions->submit(device, &one), HL_DSA_ACCEPTED);
	for (unsigned step = 0; step < 100; step++)
		(void)hl_dsa_software_step(device);
	return hl_dsa_completion_read(&answers[0]);
}

static struct hl_dsa_device *open_stepped(struct hl_dsa_software_cfg cfg)
{
	struct hl_dsa_device *device;

	cfg.is_stepped = 1;
	assert_int_equal(hl_dsa_software_open(&cfg, &device), 0);
	return device;
}

#define ASSERT_STATUS(expected, one) assert_int_equal(answer_of(device, one).status, expected)

/* One member of a descriptor is set to a value; it must be answered with a status, and nothing is done. */
#define ASSERT_REFUSED(expected, code, member, value)                                              \
	do {                                                                                       \
		struct dsa_hw_desc wrong = descriptor(code);                                       \
		wrong.member = value;                                                              \
		memset(bytes_to, 0, sizeof(bytes_to));                                             \
		memset(bytes_from, 1, sizeof(bytes_from));                                         \
		ASSERT_STATUS(expected, wrong);                                                    \
		assert_true(kit_all_bytes_are(bytes_to, 0, sizeof(bytes_to)));                     \
	} while (0)

static void test_descriptors_with_a_mistake(void **state)
{
	struct hl_dsa_software_cfg cfg = hl_dsa_software_cfg_default(1);

	(void)state;
	cfg.transfer_max = 200;
	struct hl_dsa_device *const device = open_stepped(cfg);
	ASSERT_REFUSED(DSA_COMP_BAD_OPCODE, DSA_OPCODE_MEMMOVE, opcode, 0x7f);
	ASSERT_REFUSED(DSA_COMP_BAD_OPCODE, DSA_OPCODE_DUALCAST, xfer_size, 100);
	ASSERT_REFUSED(DSA_COMP_XFER_ERANGE, DSA_OPCODE_MEMMOVE, xfer_size, 0);
	ASSERT_REFUSED(DSA_COMP_XFER_ERANGE, DSA_OPCODE_MEMFILL, xfer_size, 201);
	ASSERT_REFUSED(DSA_COMP_PRIV_BAD, DSA_OPCODE_MEMMOVE, priv, 1);
	ASSERT_REFUSED(DSA_COMP_NOZERO_RESERVE, DSA_OPCODE_MEMMOVE, rsvd, 1);
	ASSERT_REFUSED(DSA_COMP_NOZERO_RESERVE, DSA_OPCODE_MEMMOVE, rsvd1, 1);
	ASSERT_REFUSED(DSA_COMP_NOZERO_RESERVE, DSA_OPCODE_MEMMOVE, int_handle, 1);
	ASSERT_REFUSED(DSA_COMP_NOZERO_RESERVE, DSA_OPCODE_MEMMOVE, crc_seed, 1);
	ASSERT_REFUSED(DSA_COMP_NOZERO_RESERVE, DSA_OPCODE_CRCGEN, seed_addr, 1);
	ASSERT_REFUSED(DSA_COMP_DESC_CNT_ERANGE, DSA_OPCODE_BATCH, desc_count, 1);
	ASSERT_REFUSED(DSA_COMP_DESC_CNT_ERANGE, DSA_OPCODE_BATCH, desc_count, 33);
	ASSERT_REFUSED(DSA_COMP_SUCCESS, DSA_OPCODE_NOOP, xfer_size, 0);
	ASSERT_REFUSED(DSA_COMP_SUCCESS, DSA_OPCODE_DRAIN, xfer_size, 0);
	struct dsa_hw_desc unaligned = descriptor(DSA_OPCODE_BATCH);
	unaligned.desc_count = 2;
	unaligned.desc_list_addr = 32;
	ASSERT_STATUS(DSA_COMP_DESCLIST_ALIGN, unaligned);
	device->functions->close(device);
}

static void test_flags_are_for_some_opcodes_only(void **state)
{
	static const struct {
		uint32_t flag;
		enum dsa_opcode opcode;
		uint64_t capability; /* 0: never taken */
	} cases[] = {
		{IDXD_OP_FLAG_FENCE, DSA_OPCODE_MEMMOVE, 0},
		{IDXD_OP_FLAG_RCI, DSA_OPCODE_MEMMOVE, 0},
		{IDXD_OP_FLAG_CC, DSA_OPCODE_CRCGEN, 0},
		{IDXD_OP_FLAG_DRDBK, DSA_OPCODE_COMPARE, 0},
		{IDXD_OP_FLAG_BOF, DSA_OPCODE_NOOP, 0},
		{IDXD_OP_FLAG_BOF, DSA_OPCODE_COMPARE, HL_DSA_CAP_BLOCK_ON_FAULT},
		{IDXD_OP_FLAG_CC, DSA_OPCODE_MEMMOVE, HL_DSA_CAP_CACHE_CONTROL_MEMORY},
		{IDXD_OP_FLAG_DRDBK, DSA_OPCODE_MEMFILL, HL_DSA_CAP_READBACK},
	};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(cases); i++) {
		for (unsigned without = 0; without < 2; without++) {
			struct hl_dsa_software_cfg cfg = hl_dsa_software_cfg_default(1);

			cfg.capabilities &= without ? ~cases[i].capability : ~UINT64_C(0);
			struct hl_dsa_device *const device = open_stepped(cfg);
			struct dsa_hw_desc one = descriptor(cases[i].opcode);
			one.flags |= cases[i].flag & 0xffffff;
			const struct dsa_completion_record answer = answer_of(device, one);
			if (cases[i].capability == 0 || without) {
				assert_int_equal(answer.status, DSA_COMP_INVALID_FLAGS);
				assert_int_equal(answer.invalid_flags, cases[i].flag);
			} else {
				assert_int_equal(answer.status, DSA_COMP_SUCCESS);
			}
			device->functions->close(device);
		}
	}
}

static void test_overlap_needs_a_capability(void **state)
{
	(void)state;
	for (unsigned without = 0; without < 2; without++) {
		struct hl_dsa_software_cfg cfg = hl_dsa_software_cfg_default(1);

		cfg.capabilities &= without ? ~HL_DSA_CAP_OVERLAP : ~UINT64_C(0);
		struct hl_dsa_device *const device = open_stepped(cfg);
		struct dsa_hw_desc one = descriptor(DSA_OPCODE_MEMMOVE);
		one.dst_addr = one.src_addr + 99;
		const struct dsa_completion_record answer = answer_of(device, one);
		assert_int_equal(answer.status, without ? DSA_COMP_OVERLAP_BUFFERS : DSA_COMP_SUCCESS);
		assert_int_equal(answer.result, !without); /* it went backward */
		one.dst_addr = one.src_addr + 100;
		assert_int_equal(answer_of(device, one).status, DSA_COMP_SUCCESS);
		device->functions->close(device);
	}
}

/* Nowhere to write an answer to; one that is wanted only for errors; a queue that loses what does not fit. */
static void test_answers_that_do_not_come(void **state)
{
	struct hl_dsa_software_cfg cfg = hl_dsa_software_cfg_default(1);
	struct dsa_hw_desc one = descriptor(DSA_OPCODE_NOOP);

	(void)state;
	cfg.is_dedicated = 1;
	cfg.queue_size = 1;
	struct hl_dsa_device *const device = open_stepped(cfg);
	assert_int_equal(device->queue_size, 1);
	one.completion_addr += 8;
	ASSERT_STATUS(DSA_COMP_NONE, one);
	one = descriptor(DSA_OPCODE_NOOP);
	one.flags = 0;
	ASSERT_STATUS(DSA_COMP_NONE, one);
	assert_int_equal(hl_dsa_software_statistics(device).lost, 2);
	one.flags = IDXD_OP_FLAG_CRAV;
	ASSERT_STATUS(DSA_COMP_NONE, one);
	one.opcode = DSA_OPCODE_BATCH;
	ASSERT_STATUS(DSA_COMP_DESC_CNT_ERANGE, one);
	one = descriptor(DSA_OPCODE_NOOP);
	assert_int_equal(device->functions->submit(device, &one), HL_DSA_ACCEPTED);
	assert_int_equal(device->functions->submit(device, &one), HL_DSA_ACCEPTED);
	assert_int_equal(hl_dsa_software_statistics(device).lost, 3);
	device->functions->close(device);
}

/* A drain is answered after all that was submitted before it, whatever the order. */
static void test_a_drain_is_the_last(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct hl_dsa_software_cfg cfg = hl_dsa_software_cfg_default(seed);

		cfg.reorder = 1;
		cfg.delay_max = 10;
		struct hl_dsa_device *const device = open_stepped(cfg);
		for (unsigned i = 0; i < 4; i++) {
			struct dsa_hw_desc one = descriptor(i == 3 ? DSA_OPCODE_DRAIN : DSA_OPCODE_MEMFILL);

			hl_u64_store_relaxed(&answers[i].word, 0);
			one.completion_addr = hl_dsa_address(&answers[i]);
			one.xfer_size = i == 3 ? 0 : 8;
			assert_int_equal(device->functions->submit(device, &one), HL_DSA_ACCEPTED);
		}
		for (unsigned step = 0; step < 100 && hl_dsa_completion_read(&answers[3]).status == DSA_COMP_NONE; step++)
			(void)hl_dsa_software_step(device);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(hl_dsa_completion_read(&answers[i]).status, DSA_COMP_SUCCESS);
		assert_int_equal(hl_dsa_software_statistics(device).drains, 1);
		device->functions->close(device);
	}
}

/* A batch in a batch is none; what stands behind a fence is not done after a failure. */
static void test_batches(void **state)
{
	_Alignas(64) struct dsa_hw_desc list[3];
	struct hl_dsa_device *const device = open_stepped(hl_dsa_software_cfg_default(1));
	struct dsa_hw_desc batch = descriptor(DSA_OPCODE_BATCH);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		list[i] = descriptor(DSA_OPCODE_MEMFILL);
		list[i].completion_addr = hl_dsa_address(&answers[i + 1]);
		hl_u64_store_relaxed(&answers[i + 1].word, 0);
	}
	list[0].opcode = DSA_OPCODE_BATCH;
	list[2].flags |= IDXD_OP_FLAG_FENCE;
	batch.desc_list_addr = hl_dsa_address(list);
	batch.dst_addr = 0;
	batch.desc_count = 3;
	const struct dsa_completion_record answer = answer_of(device, batch);
	assert_int_equal(answer.status, DSA_COMP_BATCH_FAIL);
	assert_int_equal(answer.bytes_completed, 2);
	assert_int_equal(hl_dsa_completion_read(&answers[1]).status, DSA_COMP_BAD_OPCODE);
	assert_int_equal(hl_dsa_completion_read(&answers[2]).status, DSA_COMP_SUCCESS);
	assert_int_equal(hl_dsa_completion_read(&answers[3]).status, DSA_COMP_NONE);
	device->functions->close(device);
}

/* ---- a made-up tree ------------------------------------------------------------------------------- */

static char root[] = "/tmp/hashloom-dsa-XXXXXX";

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static int setup_tree(void **state)
{
	(void)state;
	memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
	return mkdtemp(root) == NULL;
}

static int teardown_tree(void **state)
{
	(void)state;
	return nftw(root, remove_one, 10, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file below the root, and the directories on the way to it. A NULL text: a pipe. */
static void put(const char *path, const char *text)
{
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + sizeof(root); (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	if (text == NULL) {
		assert_int_equal(mkfifo(full, 0600), 0);
		return;
	}
	FILE *const file = fopen(full, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#define DEVICES "sys/bus/dsa/devices/"

static void put_device(const char *name)
{
	char path[200];

	(void)snprintf(path, sizeof(path), DEVICES "%s/gen_cap", name);
	put(path, "0x40915f0103\n"); /* block on fault, overlap, readback; not the cache control */
}

static void put_queue(const char *name, const char *state, const char *type, const char *mode)
{
	const struct {
		const char *attribute, *value;
	} attributes[] = {{"state", state},	     {"type", type},	       {"mode", mode},
			  {"size", "16"},	     {"block_on_fault", "0"},  {"max_transfer_size", "2048"},
			  {"max_batch_size", "4"}};

	for (size_t i = 0; i < KIT_COUNT(attributes); i++) {
		char path[200], line[100];

		(void)snprintf(path, sizeof(path), DEVICES "%s/%s", name, attributes[i].attribute);
		(void)snprintf(line, sizeof(line), "%s\n", attributes[i].value);
		put(path, line);
	}
}

static struct data_mover_dsa_cfg tree_cfg(enum data_mover_dsa_type type)
{
	struct data_mover_dsa_cfg cfg = kit_mover_cfg(FUTURE_NOTIFIER_POLLER);

	cfg.type = type;
	cfg.root = root;
	cfg.answer_ms = 5;
	return cfg;
}

#define ASSERT_NO_MOVER(error)                                                                     \
	do {                                                                                       \
		const struct data_mover_dsa_cfg lacking = tree_cfg(DATA_MOVER_DSA_HARDWARE);       \
		errno = 0;                                                                         \
		assert_null(data_mover_dsa_new(&lacking));                                         \
		assert_int_equal(errno, error);                                                    \
	} while (0)

/* Each obstacle on the way to a queue is told, step by step. */
static void test_without_a_device_there_is_a_clear_error(void **state)
{
	(void)state;
	ASSERT_NO_MOVER(ENODEV); /* no bus */
	put(DEVICES "readme", "no device\n");
	ASSERT_NO_MOVER(ENODEV);
	put_queue("wq0.0", "enabled", "user", "shared");
	ASSERT_NO_MOVER(ENODEV); /* the other kind of device's */
	put_device("iax0");
	ASSERT_NO_MOVER(ENODEV);
	put_device("dsa0");
	ASSERT_NO_MOVER(ENOENT); /* no node in /dev */
	put_queue("wq0.0", "disabled", "user", "shared");
	ASSERT_NO_MOVER(ENODEV);
	put_queue("wq0.0", "enabled", "kernel", "shared");
	ASSERT_NO_MOVER(ENODEV);
	put_queue("wq0.x", "enabled", "user", "shared");
	put_queue("wq0.1x", "enabled", "user", "shared");
	ASSERT_NO_MOVER(ENODEV);
	put_queue("wq0.1", "enabled", "user", "dedicated");
	put("dev/dsa/wq0.1/x", "a directory\n");
	ASSERT_NO_MOVER(EISDIR);
	put_queue("wq0.2", "enabled", "user", "dedicated");
	put("dev/dsa/wq0.2", ""); /* takes all, answers nothing */
	ASSERT_NO_MOVER(ETIMEDOUT);
}

static void test_auto_falls_back_to_threads(void **state)
{
	struct data_mover_dsa_stats stats;
	char dest[10] = {0};

	(void)state;
	for (unsigned turn = 0; turn < 2; turn++) {
		const struct data_mover_dsa_cfg cfg = tree_cfg(DATA_MOVER_DSA_AUTO);
		struct data_mover_dsa *const mover = data_mover_dsa_new(&cfg);

		assert_non_null(mover);
		assert_int_equal(data_mover_dsa_get_path(mover), DATA_MOVER_DSA_THREADS);
		struct vdm_operation_future future = vdm_memset(data_mover_dsa_get_vdm(mover), dest, 1, sizeof(dest), 0);
		FUTURE_BUSY_POLL(&future);
		assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
		data_mover_dsa_statistics(mover, &stats);
		assert_int_equal(stats.submitted + stats.by_cpu + stats.cpu_below, 0);
		data_mover_dsa_delete(mover);
		/* also when there is one that does not answer */
		put_device("dsa3");
		put_queue("wq3.0", "enabled", "user", "shared");
		put("dev/dsa/wq3.0", "");
	}
}

/* ---- the character device ------------------------------------------------------------------------- */

struct served {
	int fd;
	struct hl_dsa_device *behind;
	hl_u32 stop;
	hl_u32 batches;
};

static void served_open(struct served *served, const char *node, uint64_t events)
{
	char path[PATH_MAX];
	struct hl_dsa_software_cfg cfg = hl_dsa_software_cfg_default(1);

	cfg.transfer_max = 2048;
	cfg.capabilities = HL_DSA_CAP_OVERLAP | HL_DSA_CAP_READBACK; /* what the tree says, without block on fault */
	cfg.batch_max = 4;
	cfg.is_stepped = 1;
	cfg.permille[HL_DSA_EVENT_PAGE_FAULT] = events ? 200 : 0;
	(void)snprintf(path, sizeof(path), "%s/dev/dsa/%s", root, node);
	*served = (struct served){.fd = open(path, O_RDWR | O_NONBLOCK)};
	assert_true(served->fd >= 0);
	assert_int_equal(fcntl(served->fd, F_SETPIPE_SZ, 4096), 4096); /* 64 descriptors */
	assert_int_equal(hl_dsa_software_open(&cfg, &served->behind), 0);
}

static void served_close(struct served *served)
{
	(void)close(served->fd);
	served->behind->functions->close(served->behind);
}

/* Does what was written. Returns how many. */
static unsigned serve(struct served *served)
{
	struct dsa_hw_desc one;
	unsigned count = 0;

	while (read(served->fd, &one, sizeof(one)) == (ssize_t)sizeof(one)) {
		hl_u32_fetch_add_relaxed(&served->batches, one.opcode == DSA_OPCODE_BATCH);
		hl_dsa_software_execute(served->behind, &one);
		count++;
	}
	return count;
}

/* By write(): 64 descriptors fit, the others wait until there is room; large copies as batches; all that sysfs says is kept to. */
static void test_the_character_device(void **state)
{
	enum { OPERATIONS = 100 };
	const struct data_mover_dsa_cfg cfg = tree_cfg(DATA_MOVER_DSA_HARDWARE);
	struct vdm_operation_future futures[OPERATIONS];
	static char dest[20000], src[20000];
	struct hl_dsa_device *device;
	struct served served;
	unsigned running = 0;

	(void)state;
	put_device("dsa7");
	put_queue("wq7.1", "enabled", "user", "shared");
	put("dev/dsa/wq7.1", NULL);
	served_open(&served, "wq7.1", 0);
	assert_int_equal(hl_dsa_hardware_open(root, &device), 0);
	assert_int_equal(device->path, DATA_MOVER_DSA_WRITE);
	assert_int_equal(device->queue_size, 0);
	assert_int_equal(device->batch_max, 4);
	assert_int_equal(device->transfer_max, 2048);
	assert_int_equal(device->capabilities & 0x1ff, HL_DSA_CAP_OVERLAP | HL_DSA_CAP_READBACK);
	struct stepped stepped = kit_over(device, &cfg);
	memset(dest, 0, sizeof(dest));
	memset(src, 4, sizeof(src));
	for (unsigned i = 0; i < OPERATIONS; i++) {
		futures[i] = vdm_memset(stepped.vdm, &dest[i], 3, 1, 0);
		running += future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL) == FUTURE_STATE_RUNNING;
	}
	assert_int_equal(running, 64);
	assert_int_equal(kit_stats(&stepped).retries, OPERATIONS - 64);
	assert_int_equal(serve(&served), 64);
	for (unsigned i = 0; i < OPERATIONS; i++)
		(void)future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL);
	assert_int_equal(serve(&served), OPERATIONS - 64);
	for (unsigned i = 0; i < OPERATIONS; i++)
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL), FUTURE_STATE_COMPLETE);
	assert_true(kit_all_bytes_are(dest, 3, OPERATIONS));

	struct vdm_operation_future large = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	while (future_poll(FUTURE_AS_RUNNABLE(&large), NULL) != FUTURE_STATE_COMPLETE)
		assert_int_equal(serve(&served), 1);
	assert_true(kit_equal(dest, src, sizeof(src)));
	assert_int_equal(hl_u32_load_relaxed(&served.batches), 3); /* ten pieces: 4, 4, 2 */
	data_mover_dsa_delete(stepped.mover);
	served_close(&served);
}

/* A dedicated queue's size is kept to by counting. */
static void test_the_character_device_of_a_dedicated_queue(void **state)
{
	const struct data_mover_dsa_cfg cfg = tree_cfg(DATA_MOVER_DSA_HARDWARE);
	struct vdm_operation_future futures[20];
	struct hl_dsa_device *device;
	char dest[20] = {0};
	struct served served;

	(void)state;
	put_device("dsa7");
	put_queue("wq7.1", "enabled", "user", "dedicated");
	put("dev/dsa/wq7.1", NULL);
	served_open(&served, "wq7.1", 0);
	assert_int_equal(hl_dsa_hardware_open(root, &device), 0);
	assert_int_equal(device->queue_size, 16);
	struct stepped stepped = kit_over(device, &cfg);
	for (unsigned i = 0; i < 20; i++) {
		futures[i] = vdm_memset(stepped.vdm, &dest[i], 3, 1, 0);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL),
				 i < 16 ? FUTURE_STATE_RUNNING : FUTURE_STATE_IDLE);
	}
	assert_int_equal(serve(&served), 16);
	data_mover_dsa_delete(stepped.mover);
	served_close(&served);
}

/* Write-protected, and then gone: every submission fails, and the CPU does the work. */
static void test_a_character_device_that_fails(void **state)
{
	const struct data_mover_dsa_cfg cfg = tree_cfg(DATA_MOVER_DSA_HARDWARE);
	struct hl_dsa_device *device;
	char dest[20] = {0};

	(void)state;
	put_device("dsa7");
	put_queue("wq7.1", "enabled", "user", "shared");
	put("dev/dsa/wq7.1", NULL);
	assert_int_equal(hl_dsa_hardware_open(root, &device), 0);
	struct hl_dsa_device *const copy = device;
	struct stepped stepped = kit_over(device, &cfg);
	/* another file under its number: one that takes nothing */
	const int full = open("/dev/full", O_RDWR);
	assert_true(full >= 0);
	int fd;
	memcpy(&fd, (const char *)copy + sizeof(struct hl_dsa_device), sizeof(fd)); /* the member after the device */
	assert_int_equal(dup2(full, fd), fd);
	(void)close(full);
	struct vdm_operation_future future = vdm_memset(stepped.vdm, dest, 3, sizeof(dest), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_true(kit_all_bytes_are(dest, 3, sizeof(dest)));
	assert_int_equal(kit_stats(&stepped).refused, 1);
	data_mover_dsa_delete(stepped.mover);
}

#ifndef KIT_THREAD_SANITIZER /* which does not see that a descriptor went through the pipe */
static void *server_run(void *arg)
{
	struct served *const served = arg;

	while (!hl_u32_load_acquire(&served->stop))
		if (serve(served) == 0)
			kit_sleep_us(20);
	return NULL;
}

/* As a program does it: found, asked, measured, used, deleted. */
static void test_hardware_from_end_to_end(void **state)
{
	struct data_mover_dsa_cfg cfg = tree_cfg(DATA_MOVER_DSA_AUTO);
	struct data_mover_dsa_stats stats;
	static char dest[300000], src[300000];
	struct served served;

	(void)state;
	put_device("dsa7");
	put_queue("wq7.1", "enabled", "user", "shared");
	put("dev/dsa/wq7.1", NULL);
	served_open(&served, "wq7.1", 1);
	const pthread_t server = kit_start(server_run, &served);
	cfg.answer_ms = 60000;
	cfg.cpu_below = DATA_MOVER_DSA_MEASURE;
	struct data_mover_dsa *const mover = data_mover_dsa_new(&cfg);
	assert_non_null(mover);
	assert_int_equal(data_mover_dsa_get_path(mover), DATA_MOVER_DSA_WRITE);
	memset(src, 6, sizeof(src));
	struct vdm_operation_future future = vdm_memcpy(data_mover_dsa_get_vdm(mover), dest, src, sizeof(src), 0);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_true(kit_equal(dest, src, sizeof(src)));
	data_mover_dsa_statistics(mover, &stats);
	assert_true(stats.cpu_below >= 1024 && stats.cpu_below <= DATA_MOVER_DSA_MEASURED_MAX);
	assert_true(stats.batches > 0);
	data_mover_dsa_delete(mover);
	hl_u32_store_release(&served.stop, 1);
	kit_join(server);
	served_close(&served);
}
#endif

/* ---- data_mover_dsa_new() ------------------------------------------------------------------------- */

#define ASSERT_CFG(member, value, good)                                                            \
	do {                                                                                       \
		struct data_mover_dsa_cfg changed = kit_mover_cfg(FUTURE_NOTIFIER_NONE);           \
		changed.type = DATA_MOVER_DSA_SOFTWARE;                                            \
		changed.member = value;                                                            \
		errno = 0;                                                                         \
		struct data_mover_dsa *const made = data_mover_dsa_new(&changed);                  \
		assert_int_equal(made != NULL, good);                                              \
		assert_int_equal(errno, (good) ? 0 : EINVAL);                                      \
		data_mover_dsa_delete(made);                                                       \
	} while (0)

static void test_numbers_out_of_range(void **state)
{
	(void)state;
	ASSERT_CFG(type, (enum data_mover_dsa_type)(DATA_MOVER_DSA_AUTO + 1), 0);
	ASSERT_CFG(notifier, FUTURE_NOTIFIER_POLLER, 1);
	ASSERT_CFG(notifier, (enum future_notifier_type)(FUTURE_NOTIFIER_POLLER + 1), 0);
	ASSERT_CFG(root, NULL, 0);
	ASSERT_CFG(operations_max, 0, 0);
	ASSERT_CFG(operations_max, 1, 1);
	ASSERT_CFG(operations_max, DATA_MOVER_DSA_OPERATIONS_MAX, 1);
	ASSERT_CFG(operations_max, DATA_MOVER_DSA_OPERATIONS_MAX + 1, 0);
	ASSERT_CFG(answer_ms, 0, 0);
}

static void test_the_software_type(void **state)
{
	struct data_mover_dsa_cfg cfg = kit_mover_cfg(FUTURE_NOTIFIER_WAKER);
	struct data_mover_dsa_stats stats;
	char dest[2000] = {0};

	(void)state;
	cfg.type = DATA_MOVER_DSA_SOFTWARE;
	for (unsigned measured = 0; measured < 2; measured++) {
		cfg.cpu_below = measured ? DATA_MOVER_DSA_MEASURE : 1000;
		struct data_mover_dsa *const mover = data_mover_dsa_new(&cfg);
		assert_non_null(mover);
		assert_int_equal(data_mover_dsa_get_path(mover), DATA_MOVER_DSA_IN_PROCESS);
		struct vdm_operation_future future = vdm_memset(data_mover_dsa_get_vdm(mover), dest, 1, sizeof(dest), 0);
		FUTURE_BUSY_POLL(&future);
		assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
		data_mover_dsa_statistics(mover, &stats);
		assert_true(measured ? stats.cpu_below <= DATA_MOVER_DSA_MEASURED_MAX : stats.cpu_below == 1000);
		assert_true(measured || stats.submitted == 2); /* the question whether it answers, and the set */
		data_mover_dsa_delete(mover);
	}
	struct data_mover_dsa *const standard = data_mover_dsa_new(NULL);
	assert_non_null(standard);
	data_mover_dsa_delete(standard);
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, setup_tree, teardown_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors_with_a_mistake),
		cmocka_unit_test(test_flags_are_for_some_opcodes_only),
		cmocka_unit_test(test_overlap_needs_a_capability),
		cmocka_unit_test(test_answers_that_do_not_come),
		cmocka_unit_test(test_a_drain_is_the_last),
		cmocka_unit_test(test_batches),
		TREE_TEST(test_without_a_device_there_is_a_clear_error),
		TREE_TEST(test_auto_falls_back_to_threads),
		TREE_TEST(test_the_character_device),
		TREE_TEST(test_the_character_device_of_a_dedicated_queue),
		TREE_TEST(test_a_character_device_that_fails),
#ifndef KIT_THREAD_SANITIZER
		TREE_TEST(test_hardware_from_end_to_end),
#endif
		cmocka_unit_test(test_numbers_out_of_range),
		cmocka_unit_test(test_the_software_type),
	};

	return KIT_RUN(tests);
}
