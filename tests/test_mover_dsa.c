/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_mover_dsa.c: the DSA mover over devices made of software, event by event: D.1 to D.6 of data_mover_dsa.h.
 *
 * Method: what is about a single event uses a device that the test steps, or one that answers what the test says (dsa_kit.h). At the
 * end random operations of all kinds go through hostile stepped devices and, on a copy of the memory, through the synchronous mover:
 * all bytes and outputs must be equal, and two runs with one seed alike to the step.
 */
#include "dsa_kit.h"

#include <signal.h>
#include <sys/mman.h>

#include <hashloom/data_mover_sync.h>

/* ---- one operation, step by step ------------------------------------------------------------------ */

static void test_D5_the_word_of_a_poller(void **state)
{
	struct stepped stepped = kit_stepped(hl_dsa_software_cfg_default(1));
	char dest[100] = {0};
	char src[100];
	struct vdm_operation_future future = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	struct future_notifier notifier = kit_notifier(NULL);

	(void)state;
	memset(src, 1, sizeof(src));
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC), 1);
	assert_int_equal(kit_stats(&stepped).submitted, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
	assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_POLLER);
	const uint64_t *const word = notifier.poller.ptr_to_monitor;
	assert_int_equal((uintptr_t)word % HL_DSA_COMPLETION_ALIGNMENT, 0);
	assert_int_equal(*word, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
	assert_ptr_equal(notifier.poller.ptr_to_monitor, word);
	assert_int_equal(hl_dsa_software_step(stepped.device), 1);
	assert_int_not_equal(*word, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_COMPLETE);
	kit_assert_output(&future, VDM_OPERATION_MEMCPY, dest, VDM_SUCCESS);
	assert_memory_equal(dest, src, sizeof(dest));
	assert_int_equal(kit_stats(&stepped).submitted, 1);
	assert_int_equal(kit_stats(&stepped).pieces_by_cpu + kit_stats(&stepped).by_cpu, 0);
	data_mover_dsa_delete(stepped.mover);
}

static void test_small_operations_are_the_cpus(void **state)
{
	struct data_mover_dsa_cfg cfg = kit_mover_cfg(FUTURE_NOTIFIER_NONE);
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
	struct hl_dsa_device *device;
	char dest[100] = {0};

	(void)state;
	software.is_stepped = 1;
	cfg.cpu_below = 100;
	assert_int_equal(hl_dsa_software_open(&software, &device), 0);
	struct stepped stepped = kit_over(device, &cfg);
	struct vdm_operation_future small = vdm_memset(stepped.vdm, dest, 1, 99, 0);
	struct vdm_operation_future large = vdm_memset(stepped.vdm, dest, 2, 100, 0);
	const struct vdm_operation two[] = {vdm_operation_memset(dest, 3, 50, 0),
					    vdm_operation_memset(dest + 50, 4, 50, 0)};
	struct vdm_operation_output outputs[2];
	struct vdm_operation_future batch = vdm_batch(stepped.vdm, two, outputs, 2, 0);

	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&small), NULL), FUTURE_STATE_COMPLETE);
	assert_true(kit_all_bytes_are(dest, 1, 99));
	assert_int_equal(kit_stats(&stepped).by_cpu, 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&large), NULL), FUTURE_STATE_RUNNING);
	kit_finish(&stepped, &large);
	assert_true(kit_all_bytes_are(dest, 2, 100));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&batch), NULL), FUTURE_STATE_RUNNING);
	kit_finish(&stepped, &batch);
	assert_int_equal(FUTURE_OUTPUT(&batch)->result, VDM_SUCCESS);
	assert_true(kit_all_bytes_are(dest, 3, 50) && kit_all_bytes_are(dest + 50, 4, 50));
	assert_int_equal(kit_stats(&stepped).by_cpu, 1);
	assert_int_equal(kit_stats(&stepped).batches, 1);
	assert_int_equal(kit_stats(&stepped).cpu_below, 100);
	data_mover_dsa_delete(stepped.mover);
}

static void test_D6_a_full_queue_leaves_it_idle_and_cancellable(void **state)
{
	struct stepped stepped = kit_stepped(hl_dsa_software_cfg_default(1));
	char dest[10] = {0};
	char src[10] = "queue";
	struct vdm_operation_future future = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	struct vdm_operation_future other = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	struct future_notifier notifier = kit_notifier(NULL);

	(void)state;
	hl_dsa_software_force(stepped.device, HL_DSA_EVENT_RETRY, 4);
	for (unsigned turn = 0; turn < 3; turn++) {
		notifier.notifier_used = FUTURE_NOTIFIER_POLLER;
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_IDLE);
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_NONE);
		assert_int_not_equal(*notifier.poller.ptr_to_monitor, 0);
	}
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&other), NULL), FUTURE_STATE_IDLE);
	future_cancel(FUTURE_AS_RUNNABLE(&other));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&other), NULL), FUTURE_STATE_COMPLETE);
	assert_true(future_is_cancelled(FUTURE_AS_RUNNABLE(&other)));
	assert_int_equal(FUTURE_OUTPUT(&other)->result, VDM_ERROR_CANCELLED);
	assert_int_equal(kit_stats(&stepped).submitted, 0);
	assert_true(kit_all_bytes_are(dest, 0, sizeof(dest)));

	/* the other one is taken now, and a cancellation then comes too late */
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	future_cancel(FUTURE_AS_RUNNABLE(&future));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	kit_finish(&stepped, &future);
	assert_false(future_is_cancelled(FUTURE_AS_RUNNABLE(&future)));
	kit_assert_output(&future, VDM_OPERATION_MEMCPY, dest, VDM_SUCCESS);
	assert_string_equal(dest, "queue");
	assert_int_equal(kit_stats(&stepped).retries, 4);
	data_mover_dsa_delete(stepped.mover);
}

/* What has begun is RUNNING while it waits for the queue, and asks to be polled in turn. */
static void test_D5_a_full_queue_in_the_midst(void **state)
{
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
	struct future_notifier notifier = kit_notifier(NULL);
	char dest[1000] = {0};

	(void)state;
	software.capabilities &= ~HL_DSA_CAP_BLOCK_ON_FAULT;
	struct stepped stepped = kit_stepped(software);
	struct vdm_operation_future future = vdm_memset(stepped.vdm, dest, 7, sizeof(dest), 0);

	hl_dsa_software_force(stepped.device, HL_DSA_EVENT_PAGE_FAULT, 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
	assert_int_equal(hl_dsa_software_step(stepped.device), 1);
	hl_dsa_software_force(stepped.device, HL_DSA_EVENT_RETRY, 2);
	for (unsigned turn = 0; turn < 2; turn++) {
		notifier.notifier_used = FUTURE_NOTIFIER_POLLER;
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_NONE);
		assert_int_not_equal(*notifier.poller.ptr_to_monitor, 0);
	}
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
	assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_POLLER);
	assert_int_equal(*notifier.poller.ptr_to_monitor, 0);
	kit_finish(&stepped, &future);
	assert_true(kit_all_bytes_are(dest, 7, sizeof(dest)));
	assert_int_equal(kit_stats(&stepped).faults, 1);
	data_mover_dsa_delete(stepped.mover);
}

/* Moves between places that overlap: going on at a wrong byte, or in the wrong direction, would be seen. */
static void test_D2_after_a_fault_it_goes_on_behind_what_was_done(void **state)
{
	enum { SIZE = 10000, AREA = SIZE + 2000 };
	static unsigned char area[AREA], expected[AREA];
	uint64_t random = kit_seed();

	(void)state;
	for (unsigned turn = 0; turn < 200; turn++) {
		const size_t from = kit_random_below(&random, 2000);
		const size_t to = kit_random_below(&random, 2000);
		struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(kit_random(&random));

		software.capabilities &= ~HL_DSA_CAP_BLOCK_ON_FAULT;
		software.transfer_max = turn % 2 ? 1U << 20 : 3000;
		struct stepped stepped = kit_stepped(software);
		kit_fill_randomly(area, AREA, &random);
		memcpy(expected, area, AREA);
		memmove(expected + to, expected + from, SIZE);
		struct vdm_operation_future future = vdm_memmove(stepped.vdm, area + to, area + from, SIZE, 0);
		hl_dsa_software_force(stepped.device, HL_DSA_EVENT_PAGE_FAULT, 5);
		kit_finish(&stepped, &future);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
		assert_true(kit_equal(area, expected, AREA));
		assert_int_equal(kit_stats(&stepped).faults, 5);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 0);
		data_mover_dsa_delete(stepped.mover);
	}
}

static struct {
	unsigned char *page;
	hl_u32 count;
} segfaults;

static void on_segfault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if ((uintptr_t)info->si_addr - (uintptr_t)segfaults.page >= 4096)
		_exit(1); /* another address: a mistake in the test or the library */
	hl_u32_fetch_add_relaxed(&segfaults.count, 1);
	(void)mprotect(segfaults.page, 4096, PROT_READ | PROT_WRITE);
}

static void fault_at(struct fake *fake, const void *address, unsigned is_write, uint32_t done)
{
	fake_answer(fake, (struct dsa_completion_record){
				  .status = (uint8_t)(DSA_COMP_PAGE_FAULT_NOBOF | (is_write ? DSA_COMP_STATUS_WRITE : 0)),
				  .bytes_completed = done,
				  .fault_addr = hl_dsa_address(address)});
}

/* The page that the device did not find is one that the CPU may not access: it must be touched, and nothing else. */
static void test_D2_the_cpu_touches_the_page(void **state)
{
	unsigned char *const pages = mmap(NULL, 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char src[1000];
	struct sigaction action = {.sa_sigaction = on_segfault, .sa_flags = SA_SIGINFO};
	struct sigaction before;
	struct fake fake;

	(void)state;
	assert_true(pages != MAP_FAILED);
	segfaults.page = pages;
	hl_u32_store_relaxed(&segfaults.count, 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	fake_init(&fake);
	struct stepped stepped = fake_mover(&fake);
	struct vdm_operation_future future = vdm_memcpy(stepped.vdm, pages + 100, src, sizeof(src), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	fault_at(&fake, pages + 4096, 1, 0); /* the page behind is none of this operation's */
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.submissions, 2);
	assert_int_equal(hl_u32_load_relaxed(&segfaults.count), 0);
	fault_at(&fake, pages, 1, 10); /* the page's address, which lies before the operation's bytes */
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(hl_u32_load_relaxed(&segfaults.count), 1);
	assert_int_equal(fake.last.dst_addr, hl_dsa_address(pages + 110));
	assert_int_equal(fake.last.src_addr, hl_dsa_address(src + 10));
	assert_int_equal(fake.last.xfer_size, sizeof(src) - 10);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_SUCCESS});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);

	/* the same for what is read */
	assert_int_equal(mprotect(pages, 4096, PROT_NONE), 0);
	struct vdm_operation_future crc = vdm_crc32c(stepped.vdm, pages + 5, 1000, 0x1234, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&crc), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.crc_seed, 0x1234);
	fault_at(&fake, pages, 0, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&crc), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(hl_u32_load_relaxed(&segfaults.count), 2);
	assert_int_equal(fake.last.crc_seed, 0x1234);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_PAGE_FAULT_NOBOF, .bytes_completed = 1, .crc_val = 77});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&crc), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.crc_seed, 77);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_SUCCESS, .crc_val = 88});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&crc), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(FUTURE_OUTPUT(&crc)->output.crc32c.crc, 88);
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	data_mover_dsa_delete(stepped.mover);
	assert_int_equal(fake.closed, 1);
	munmap(pages, 2 * 4096);
}

/* Faults without end, and without progress: the CPU ends it. */
static void test_D4_faults_without_end(void **state)
{
	struct fake fake;
	char dest[100] = {0};
	char src[100];

	(void)state;
	memset(src, 9, sizeof(src));
	fake_init(&fake);
	struct stepped stepped = fake_mover(&fake);
	struct vdm_operation_future future = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	unsigned polls = 0;

	while (future_poll(FUTURE_AS_RUNNABLE(&future), NULL) != FUTURE_STATE_COMPLETE) {
		assert_true(polls++ < 100);
		fault_at(&fake, src, 0, 0);
	}
	kit_assert_output(&future, VDM_OPERATION_MEMCPY, dest, VDM_SUCCESS);
	assert_memory_equal(dest, src, sizeof(dest));
	assert_int_equal(kit_stats(&stepped).faults, polls);
	assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 1);
	data_mover_dsa_delete(stepped.mover);
}

/* ---- errors --------------------------------------------------------------------------------------- */

static void test_D1_after_any_error_the_cpu_does_it(void **state)
{
	(void)state;
	for (unsigned status = DSA_COMP_SUCCESS_PRED; status <= DSA_COMP_STATUS_MASK; status++) {
		struct fake fake;
		char dest[100] = {0};
		char src[100];

		if (status == DSA_COMP_PAGE_FAULT_NOBOF)
			continue;
		memset(src, 5, sizeof(src));
		fake_init(&fake);
		struct stepped stepped = fake_mover(&fake);
		struct vdm_operation_future future = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
		fake_answer(&fake, (struct dsa_completion_record){.status = (uint8_t)status, .bytes_completed = UINT32_MAX});
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
		kit_assert_output(&future, VDM_OPERATION_MEMCPY, dest, VDM_SUCCESS);
		assert_memory_equal(dest, src, sizeof(dest));
		assert_int_equal(kit_stats(&stepped).errors, 1);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 1);
		data_mover_dsa_delete(stepped.mover);
	}
}

/* Nobody knows what is left of the source. */
static void test_D1_an_overlapping_move_that_broke_off_has_failed(void **state)
{
	struct fake fake;
	char bytes[100] = "overlap";

	(void)state;
	fake_init(&fake);
	struct stepped stepped = fake_mover(&fake);
	for (unsigned status = DSA_COMP_BAD_OPCODE + 1; status <= DSA_COMP_TRANSLATION_FAIL; status++) {
		struct vdm_operation_future future = vdm_memmove(stepped.vdm, bytes + 1, bytes, 50, 0);

		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
		fake_answer(&fake, (struct dsa_completion_record){.status = (uint8_t)status});
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(FUTURE_OUTPUT(&future)->result,
				 status >= DSA_COMP_PFAULT_RDBA ? VDM_ERROR_JOB_CORRUPTED : VDM_SUCCESS);
	}
	data_mover_dsa_delete(stepped.mover);
}

/* The device says that it does not take some flags: it is asked again without them, and from then on. */
static void test_flags_that_are_refused_are_given_up(void **state)
{
	struct fake fake;
	char dest[100] = {0};
	char src[100] = {0};

	(void)state;
	fake_init(&fake);
	struct stepped stepped = fake_mover(&fake);
	struct vdm_operation_future future = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	struct vdm_operation_future hinted = vdm_memset(stepped.vdm, dest, 1, sizeof(src), VDM_F_NO_CACHE_HINT);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&hinted), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.flags, IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.flags, IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR | IDXD_OP_FLAG_CC);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_INVALID_FLAGS, .invalid_flags = IDXD_OP_FLAG_CC});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.flags, IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR);
	/* what is left can not be done without */
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_INVALID_FLAGS, .invalid_flags = IDXD_OP_FLAG_RCR});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	kit_assert_output(&future, VDM_OPERATION_MEMCPY, dest, VDM_SUCCESS);
	assert_int_equal(kit_stats(&stepped).errors, 2);
	assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 1);

	if (vdm_is_supported(stepped.vdm, VDM_F_MEM_DURABLE)) {
		const uint32_t all = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR | IDXD_OP_FLAG_CC | IDXD_OP_FLAG_DRDBK;
		struct vdm_operation_future flush = vdm_flush(stepped.vdm, dest, sizeof(dest), 0);

		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&flush), NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(fake.last.opcode, DSA_OPCODE_CFLUSH);
		assert_int_equal(fake.last.flags, all);
		fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_INVALID_FLAGS,
								  .invalid_flags = IDXD_OP_FLAG_DRDBK});
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&flush), NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(fake.last.flags, all & ~(uint32_t)IDXD_OP_FLAG_DRDBK);
		fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_SUCCESS});
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&flush), NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(FUTURE_OUTPUT(&flush)->result, VDM_SUCCESS);
	}
	data_mover_dsa_delete(stepped.mover);
}

static void test_an_opcode_that_is_not_known_is_asked_for_once(void **state)
{
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
	unsigned char bytes[9] = "123456789";

	(void)state;
	software.opcodes &= ~(UINT64_C(1) << DSA_OPCODE_CRCGEN);
	struct stepped stepped = kit_stepped(software);
	for (unsigned turn = 0; turn < 3; turn++) {
		struct vdm_operation_future future = vdm_crc32c(stepped.vdm, bytes, sizeof(bytes), 0, 0);

		kit_finish(&stepped, &future);
		assert_int_equal(FUTURE_OUTPUT(&future)->output.crc32c.crc, 0xe3069283U);
		assert_int_equal(kit_stats(&stepped).submitted, 1);
		assert_int_equal(kit_stats(&stepped).errors, 1);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, turn + 1);
	}
	data_mover_dsa_delete(stepped.mover);
}

/* Three scattered copies go as one batch; where batches are refused, and by a device that has none, as three. */
static void test_batches_where_there_are_such(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
		char src[30] = "a scatter-gather copy, thrice", dest[30] = {0};
		const struct vdm_segment segments[] = {
			{dest, src, 10}, {dest + 10, src + 10, 0}, {dest + 10, src + 10, 10}, {dest + 20, src + 20, 10}};

		software.batch_max = kind == 1 ? 1 : kind == 2 ? 2 : 32;
		struct stepped stepped = kit_stepped(software);
		hl_dsa_software_force(stepped.device, HL_DSA_EVENT_REFUSE_BATCH, kind == 3);
		for (unsigned turn = 0; turn < 2; turn++) {
			struct vdm_operation_future future = vdm_memcpyv(stepped.vdm, segments, KIT_COUNT(segments), 0);

			memset(dest, 0, sizeof(dest));
			kit_finish(&stepped, &future);
			assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
			assert_int_equal(FUTURE_OUTPUT(&future)->output.memcpyv.n, 30);
			assert_memory_equal(dest, src, sizeof(dest));
		}
		const struct data_mover_dsa_stats stats = kit_stats(&stepped);
		assert_int_equal(stats.batches, kind == 0 || kind == 2 ? 2 : 0);
		assert_int_equal(stats.submitted, kind == 0 ? 2 : kind == 2 ? 4 : 6);
		assert_int_equal(stats.refused, kind == 3);
		assert_int_equal(stats.pieces_by_cpu, 0);
		data_mover_dsa_delete(stepped.mover);
	}
}

static void test_a_batch_of_which_some_fail(void **state)
{
	static const enum hl_dsa_event events[] = {HL_DSA_EVENT_PAGE_FAULT, HL_DSA_EVENT_LIST_FAULT, HL_DSA_EVENT_INVALID_FLAGS};

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(events); i++) {
		enum { SIZE = 5000 };
		struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(i);
		static unsigned char src[SIZE], dest[SIZE];
		uint64_t random = i;

		software.capabilities &= ~HL_DSA_CAP_BLOCK_ON_FAULT;
		software.transfer_max = 700;
		software.reorder = 1;
		struct stepped stepped = kit_stepped(software);
		kit_fill_randomly(src, SIZE, &random);
		struct vdm_operation_future future = vdm_memcpy(stepped.vdm, dest, src, SIZE, 0);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
		hl_dsa_software_force(stepped.device, events[i], 2);
		kit_finish(&stepped, &future);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
		assert_true(kit_equal(dest, src, SIZE));
		assert_true(kit_stats(&stepped).submitted >= 2);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 0);
		data_mover_dsa_delete(stepped.mover);
	}
}

/* A batch whose answers the test makes up: one success, one error, one that was not reached. */
static void test_a_batch_that_stopped_in_its_midst(void **state)
{
	struct fake fake;
	char dest[300] = {0};
	char src[300];

	(void)state;
	memset(src, 6, sizeof(src));
	fake_init(&fake);
	fake.device.batch_max = 8;
	fake.device.transfer_max = 100;
	struct stepped stepped = fake_mover(&fake);
	struct vdm_operation_future future = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.opcode, DSA_OPCODE_BATCH);
	assert_int_equal(fake.last.desc_count, 3);
	const struct dsa_hw_desc *const list = hl_dsa_pointer(fake.last.desc_list_addr);
	memcpy(dest, src, 100);
	fake_answer_to(&list[0], &(struct dsa_completion_record){.status = DSA_COMP_SUCCESS});
	fake_answer_to(&list[1], &(struct dsa_completion_record){.status = DSA_COMP_HW_ERR1});
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_BATCH_FAIL, .bytes_completed = 2});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.opcode, DSA_OPCODE_MEMMOVE); /* only the third is left */
	assert_int_equal(fake.last.dst_addr, hl_dsa_address(dest + 200));
	assert_true(kit_all_bytes_are(dest, 6, 200));
	memcpy(dest + 200, src, 100);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_SUCCESS});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	assert_true(kit_all_bytes_are(dest, 6, 300));
	assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 1);

	/* the batch itself broke off: what has no answer is the CPU's, and what overlaps has failed */
	const struct vdm_operation two[] = {vdm_operation_memset(dest, 7, 100, 0), vdm_operation_memmove(src + 1, src, 99, 0)};
	struct vdm_operation_output outputs[2];
	struct vdm_operation_future broken = vdm_batch(stepped.vdm, two, outputs, 2, 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&broken), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.opcode, DSA_OPCODE_BATCH);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_HW_ERR1});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&broken), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(outputs[0].result, VDM_SUCCESS);
	assert_int_equal(outputs[1].result, VDM_ERROR_JOB_CORRUPTED);
	assert_int_equal(FUTURE_OUTPUT(&broken)->output.batch.failed, 1);
	assert_true(kit_all_bytes_are(dest, 7, 100));

	/* the same device does not know batches any more: singly, then and from then on */
	struct vdm_operation_future second = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&second), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(fake.last.opcode, DSA_OPCODE_BATCH);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_BAD_OPCODE});
	for (unsigned piece = 0; piece < 3; piece++) {
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&second), NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(fake.last.opcode, DSA_OPCODE_MEMMOVE);
		fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_SUCCESS});
	}
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&second), NULL), FUTURE_STATE_COMPLETE);
	data_mover_dsa_delete(stepped.mover);
}

static void test_a_submission_that_is_refused_is_the_cpus(void **state)
{
	struct stepped stepped = kit_stepped(hl_dsa_software_cfg_default(1));
	char dest[100] = {0};
	struct vdm_operation_future future = vdm_fill(stepped.vdm, dest, UINT64_C(0x0101010101010101), sizeof(dest), 0);

	(void)state;
	hl_dsa_software_force(stepped.device, HL_DSA_EVENT_REFUSE, 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
	assert_ptr_equal(FUTURE_OUTPUT(&future)->output.fill.dest, dest);
	assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
	assert_int_equal(kit_stats(&stepped).refused, 1);
	assert_int_equal(kit_stats(&stepped).submitted, 0);
	data_mover_dsa_delete(stepped.mover);
}

/* ---- durability ----------------------------------------------------------------------------------- */

static void test_durable_copies_are_written_back_after(void **state)
{
	(void)state;
	for (unsigned batches = 0; batches < 2; batches++) {
		struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
		char dest[100] = {0};

		software.batch_max = batches ? 8 : 0;
		software.reorder = 1;
		software.capabilities &= ~HL_DSA_CAP_BLOCK_ON_FAULT;
		struct stepped stepped = kit_stepped(software);
		if (!vdm_is_supported(stepped.vdm, VDM_F_MEM_DURABLE)) { /* a machine that cannot write its caches back */
			data_mover_dsa_delete(stepped.mover);
			return;
		}
		struct vdm_operation_future future = vdm_memset(stepped.vdm, dest, 1, sizeof(dest), VDM_F_MEM_DURABLE);
		hl_dsa_software_force(stepped.device, HL_DSA_EVENT_PAGE_FAULT, 1);
		kit_finish(&stepped, &future);
		assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
		assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
		const struct hl_dsa_software_stats stats = hl_dsa_software_statistics(stepped.device);
		assert_int_equal(stats.flushes, 1);
		assert_int_equal(stats.readbacks, 1);
		assert_int_equal(stats.batches, batches ? 2 : 0);
		assert_int_equal(stats.fences_stopped, batches);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 0);
		data_mover_dsa_delete(stepped.mover);
	}
}

/* A device without the opcode: the CPU writes back, but not before the copy is there. */
static void test_the_cpu_writes_back_after_the_copy(void **state)
{
	struct fake fake;
	char dest[100] = {0};
	char src[100] = {0};

	(void)state;
	fake_init(&fake);
	fake.device.batch_max = 8;
	struct stepped stepped = fake_mover(&fake);
	if (vdm_is_supported(stepped.vdm, VDM_F_MEM_DURABLE)) {
		struct vdm_operation_future flush = vdm_flush(stepped.vdm, dest, sizeof(dest), 0);
		struct vdm_operation_future copy = vdm_memcpy(stepped.vdm, dest, src, sizeof(src), VDM_F_MEM_DURABLE);

		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&flush), NULL), FUTURE_STATE_RUNNING);
		fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_BAD_OPCODE});
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&flush), NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 1);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy), NULL), FUTURE_STATE_RUNNING);
		assert_int_equal(fake.last.opcode, DSA_OPCODE_MEMMOVE);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 1);
		fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_SUCCESS});
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&copy), NULL), FUTURE_STATE_COMPLETE);
		assert_int_equal(kit_stats(&stepped).pieces_by_cpu, 2);
	}
	data_mover_dsa_delete(stepped.mover);
}

/* ---- answers that carry something ----------------------------------------------------------------- */

static void test_comparisons_and_crcs_in_pieces(void **state)
{
	enum { SIZE = 5000 };
	static unsigned char one[SIZE], other[SIZE];
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
	uint64_t random = kit_seed();

	(void)state;
	software.transfer_max = 600;
	software.capabilities &= ~HL_DSA_CAP_BLOCK_ON_FAULT;
	software.permille[HL_DSA_EVENT_PAGE_FAULT] = 300;
	struct data_mover_sync *const sync = data_mover_sync_new();
	assert_non_null(sync);
	for (unsigned turn = 0; turn < 100; turn++) {
		const size_t at = kit_random_below(&random, SIZE);
		const uint32_t seed = (uint32_t)kit_random(&random);

		software.seed = kit_random(&random);
		struct stepped stepped = kit_stepped(software);
		kit_fill_randomly(one, SIZE, &random);
		memcpy(other, one, SIZE);
		struct vdm_operation_future same = vdm_compare(stepped.vdm, one, other, SIZE, 0);
		kit_finish(&stepped, &same);
		assert_int_equal(FUTURE_OUTPUT(&same)->output.compare.offset, SIZE);
		other[at] ^= 1;
		other[SIZE - 1] ^= 2;
		struct vdm_operation_future differs = vdm_compare(stepped.vdm, one, other, SIZE, 0);
		kit_finish(&stepped, &differs);
		assert_int_equal(FUTURE_OUTPUT(&differs)->output.compare.offset, at);
		struct vdm_operation_future crc = vdm_crc32c(stepped.vdm, one, SIZE, seed, 0);
		struct vdm_operation_future expected = vdm_crc32c(data_mover_sync_get_vdm(sync), one, SIZE, seed, 0);
		kit_finish(&stepped, &crc);
		FUTURE_BUSY_POLL(&expected);
		assert_int_equal(FUTURE_OUTPUT(&crc)->output.crc32c.crc, FUTURE_OUTPUT(&expected)->output.crc32c.crc);
		data_mover_dsa_delete(stepped.mover);
	}
	data_mover_sync_delete(sync);
}

/* A device that says in which line the difference is, not in which byte. */
static void test_a_difference_is_found_to_the_byte(void **state)
{
	struct fake fake;
	char one[200] = {0};
	char other[200] = {0};

	(void)state;
	other[130] = 1;
	fake_init(&fake);
	struct stepped stepped = fake_mover(&fake);
	struct vdm_operation_future future = vdm_compare(stepped.vdm, one, other, sizeof(one), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	fake_answer(&fake, (struct dsa_completion_record){.status = DSA_COMP_SUCCESS, .result = 1, .bytes_completed = 128});
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(FUTURE_OUTPUT(&future)->output.compare.offset, 130);
	data_mover_dsa_delete(stepped.mover);
}

/* ---- the queue ------------------------------------------------------------------------------------ */

/* Those that are done keep nobody from a dedicated queue, whether they are polled or not. */
static void test_D4_a_dedicated_queue_is_never_overrun(void **state)
{
	enum { PLACES = 4, OPERATIONS = 40 };
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
	struct vdm_operation_future futures[OPERATIONS];
	char dest[OPERATIONS] = {0};
	unsigned started = 0;

	(void)state;
	software.is_dedicated = 1;
	software.queue_size = PLACES;
	struct stepped stepped = kit_stepped(software);
	for (unsigned i = 0; i < OPERATIONS; i++)
		futures[i] = vdm_memset(stepped.vdm, &dest[i], 1, 1, 0);
	for (unsigned turn = 0; turn < OPERATIONS; turn++) {
		for (unsigned tries = 0; tries < PLACES + 2 && started < OPERATIONS; tries++)
			started += future_poll(FUTURE_AS_RUNNABLE(&futures[started]), NULL) == FUTURE_STATE_RUNNING;
		assert_int_equal(started, turn + PLACES < OPERATIONS ? turn + PLACES : OPERATIONS);
		(void)hl_dsa_software_step(stepped.device);
	}
	for (unsigned i = 0; i < OPERATIONS; i++)
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL), FUTURE_STATE_COMPLETE);
	assert_true(kit_all_bytes_are(dest, 1, OPERATIONS));
	assert_int_equal(hl_dsa_software_statistics(stepped.device).lost, 0);
	assert_true(kit_stats(&stepped).retries > 0);
	data_mover_dsa_delete(stepped.mover);
}

static void test_operations_complete_out_of_order(void **state)
{
	enum { OPERATIONS = 20 };
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(5);
	struct vdm_operation_future futures[OPERATIONS];
	char dest[OPERATIONS] = {0};
	unsigned overtaken = 0;

	(void)state;
	software.reorder = 1;
	software.delay_max = 30;
	struct stepped stepped = kit_stepped(software);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		futures[i] = vdm_memset(stepped.vdm, &dest[i], 1, 1, 0);
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL), FUTURE_STATE_RUNNING);
	}
	for (unsigned step = 0, before = 0; step < 200; step++, before = 0) {
		(void)hl_dsa_software_step(stepped.device);
		for (unsigned i = 0; i < OPERATIONS; i++) {
			const int is_done = future_poll(FUTURE_AS_RUNNABLE(&futures[i]), NULL) == FUTURE_STATE_COMPLETE;

			assert_int_equal(is_done, dest[i]);
			overtaken += is_done && before;
			before |= !is_done;
		}
	}
	assert_true(kit_all_bytes_are(dest, 1, OPERATIONS));
	assert_true(overtaken > 0);
	data_mover_dsa_delete(stepped.mover);
}

/* ---- the end -------------------------------------------------------------------------------------- */

static void test_delete_waits_for_what_the_device_was_given(void **state)
{
	(void)state;
	for (unsigned is_stepped = 0; is_stepped < 2; is_stepped++) {
		enum { OPERATIONS = 30 };
		struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
		const struct data_mover_dsa_cfg cfg = kit_mover_cfg(FUTURE_NOTIFIER_WAKER);
		struct hl_dsa_device *device;
		static char dest[OPERATIONS][5000];

		software.is_stepped = (int)is_stepped;
		software.delay_max = 50;
		software.reorder = 1;
		memset(dest, 0, sizeof(dest));
		assert_int_equal(hl_dsa_software_open(&software, &device), 0);
		struct stepped stepped = kit_over(device, &cfg);
		for (unsigned i = 0; i < OPERATIONS; i++) {
			struct vdm_operation_future future = vdm_memset(stepped.vdm, dest[i], 3, sizeof(dest[i]), 0);

			(void)future_poll(FUTURE_AS_RUNNABLE(&future), NULL);
		}
		data_mover_dsa_delete(stepped.mover);
		assert_true(kit_all_bytes_are(dest, 3, sizeof(dest)));
	}
	data_mover_dsa_delete(NULL);
}

/* Nobody answers: delete gives up, and leaves the rest to the closing of the queue. */
static void test_D3_delete_does_not_wait_for_ever(void **state)
{
	struct fake fake;
	char dest[10];

	(void)state;
	for (unsigned full = 0; full < 2; full++) {
		fake_init(&fake);
		struct stepped stepped = fake_mover(&fake);
		struct vdm_operation_future future = vdm_memset(stepped.vdm, dest, 1, sizeof(dest), 0);

		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
		fake.next = full ? HL_DSA_RETRY : HL_DSA_ACCEPTED;
		data_mover_dsa_delete(stepped.mover);
		assert_int_equal(fake.closed, 1);
		assert_int_equal(fake.last.opcode, DSA_OPCODE_DRAIN);
	}
}

/* ---- wakers --------------------------------------------------------------------------------------- */

static struct stepped waker_mover(struct hl_dsa_software_cfg software, int is_stepped)
{
	const struct data_mover_dsa_cfg cfg = kit_mover_cfg(FUTURE_NOTIFIER_WAKER);
	struct hl_dsa_device *device;

	software.is_stepped = is_stepped;
	assert_int_equal(hl_dsa_software_open(&software, &device), 0);
	return kit_over(device, &cfg);
}

static void test_D5_the_last_polls_waker_is_called_once(void **state)
{
	struct stepped stepped = waker_mover(hl_dsa_software_cfg_default(1), 1);
	char dest[10] = {0};
	struct vdm_operation_future future = vdm_memset(stepped.vdm, dest, 1, sizeof(dest), 0);
	hl_u32 wakes[2] = {{0}, {0}};
	struct future_notifier first = kit_notifier(&wakes[0]);
	struct future_notifier last = kit_notifier(&wakes[1]);
	struct future_notifier none = {.notifier_used = FUTURE_NOTIFIER_POLLER};

	(void)state;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &first), FUTURE_STATE_RUNNING);
	assert_int_equal(first.notifier_used, FUTURE_NOTIFIER_WAKER);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &none), FUTURE_STATE_RUNNING);
	assert_int_equal(none.notifier_used, FUTURE_NOTIFIER_NONE);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &last), FUTURE_STATE_RUNNING);
	kit_sleep_us(2000);
	assert_int_equal(hl_u32_load_acquire(&wakes[0]) + hl_u32_load_acquire(&wakes[1]), 0);
	assert_int_equal(hl_dsa_software_step(stepped.device), 1);
	kit_wait_for(&wakes[1], 1);
	assert_true(kit_all_bytes_are(dest, 1, sizeof(dest)));
	FUTURE_BUSY_POLL(&future);
	kit_sleep_us(2000);
	assert_int_equal(hl_u32_load_acquire(&wakes[0]), 0);
	assert_int_equal(hl_u32_load_acquire(&wakes[1]), 1);
	assert_int_equal(kit_stats(&stepped).wakes, 1);

	/* a poll without a notifier at the end: nobody is called */
	struct vdm_operation_future silent = vdm_memset(stepped.vdm, dest, 2, sizeof(dest), 0);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&silent), &first), FUTURE_STATE_RUNNING);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&silent), NULL), FUTURE_STATE_RUNNING);
	assert_int_equal(hl_dsa_software_step(stepped.device), 1);
	kit_sleep_us(2000);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&silent), NULL), FUTURE_STATE_COMPLETE);
	assert_int_equal(hl_u32_load_acquire(&wakes[0]), 0);
	data_mover_dsa_delete(stepped.mover);
}

struct slow_wake {
	hl_u32 entered, leave, left;
};

static void slow_wake(void *data)
{
	struct slow_wake *const slow = data;

	hl_u32_fetch_add_release(&slow->entered, 1);
	kit_wait_for(&slow->leave, 1);
	hl_u32_fetch_add_release(&slow->left, 1);
}

/* While its waker is being called, an operation is not complete: the waker may live on the stack of who polls. */
static void test_D5_not_complete_while_the_waker_is_called(void **state)
{
	struct stepped stepped = waker_mover(hl_dsa_software_cfg_default(1), 1);
	char dest[10] = {0};
	struct vdm_operation_future future = vdm_memset(stepped.vdm, dest, 1, sizeof(dest), 0);
	struct slow_wake slow = {{0}, {0}, {0}};
	struct future_notifier notifier = {.waker = {&slow, slow_wake}};

	(void)state;
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
	assert_int_equal(hl_dsa_software_step(stepped.device), 1);
	kit_wait_for(&slow.entered, 1);
	for (unsigned turn = 0; turn < 3; turn++) {
		notifier.notifier_used = FUTURE_NOTIFIER_WAKER;
		assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), &notifier), FUTURE_STATE_RUNNING);
		assert_int_equal(notifier.notifier_used, FUTURE_NOTIFIER_NONE);
	}
	hl_u32_store_release(&slow.leave, 1);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(hl_u32_load_acquire(&slow.left), 1);
	assert_int_equal(hl_u32_load_acquire(&slow.entered), 1);
	data_mover_dsa_delete(stepped.mover);
}

struct stack_user {
	struct vdm *vdm;
	unsigned wrong;
};

/* Wakers on the stack, which is gone when the future is complete. */
static void *stack_user_run(void *arg)
{
	struct stack_user *const user = arg;

	for (unsigned turn = 0; turn < KIT_REPEAT(800); turn++) {
		hl_u32 wakes = {0};
		struct future_notifier notifier = kit_notifier(&wakes);
		uint64_t dest = 0;
		uint64_t src = turn + 1;
		struct vdm_operation_future future = vdm_memcpy(user->vdm, &dest, &src, sizeof(src), 0);

		while (future_poll(FUTURE_AS_RUNNABLE(&future), &notifier) != FUTURE_STATE_COMPLETE) {
			if (notifier.notifier_used == FUTURE_NOTIFIER_WAKER)
				kit_wait_for(&wakes, 1);
			else
				hl_yield();
			hl_u32_store_relaxed(&wakes, 0);
		}
		user->wrong += dest != src || FUTURE_OUTPUT(&future)->result != VDM_SUCCESS;
	}
	return NULL;
}

static void test_D5_no_wake_is_lost(void **state)
{
	struct hl_dsa_software_cfg software = hl_dsa_software_cfg_default(1);
	struct stack_user users[3];
	pthread_t threads[3];

	(void)state;
	software.capabilities &= ~HL_DSA_CAP_BLOCK_ON_FAULT;
	software.is_dedicated = 1;
	software.queue_size = 2;
	software.delay_max = 2;
	software.reorder = 1;
	software.permille[HL_DSA_EVENT_PAGE_FAULT] = 200;
	software.permille[HL_DSA_EVENT_RETRY] = 100;
	struct stepped stepped = waker_mover(software, 0);
	for (unsigned i = 0; i < KIT_COUNT(users); i++) {
		users[i] = (struct stack_user){stepped.vdm, 0};
		threads[i] = kit_start(stack_user_run, &users[i]);
	}
	for (unsigned i = 0; i < KIT_COUNT(users); i++) {
		kit_join(threads[i]);
		assert_int_equal(users[i].wrong, 0);
	}
	assert_int_equal(hl_dsa_software_statistics(stepped.device).lost, 0);
	data_mover_dsa_delete(stepped.mover);
}

/* ---- anything ------------------------------------------------------------------------------------- */

#define AREA_BYTES 20000
#define PART 4000 /* of the area: destination, source, and places that overlap */
#define BATCH_MAX 6

struct anything {
	unsigned char *area;
	struct vdm_operation operations[BATCH_MAX];
	struct vdm_operation_output outputs[BATCH_MAX];
	struct vdm_segment segments[BATCH_MAX];
};

/* One simple operation whose destination lies in its own part of the area. */
static struct vdm_operation any_simple(unsigned char *area, size_t part, uint64_t *random, unsigned flags)
{
	unsigned char *const dest = area + part * 500 + kit_random_below(random, 50);
	unsigned char *const src = area + 10000 + kit_random_below(random, 4000);
	const size_t n = kit_random_below(random, 400);

	switch (kit_random_below(random, 8)) {
	case 0:
		return vdm_operation_memcpy(dest, src, n, kit_random(random) & flags);
	case 1:
		return vdm_operation_memmove(dest + kit_random_below(random, 50), dest, n, kit_random(random) & flags);
	case 2:
		return vdm_operation_memset(dest, (int)kit_random(random), n, kit_random(random) & flags);
	case 3:
		return vdm_operation_flush(dest, n, kit_random(random) & flags & VDM_F_MEM_DURABLE);
	case 4:
		return vdm_operation_fill(dest, kit_random(random), n, kit_random(random) & flags);
	case 5:
		return vdm_operation_compare(src, src + (kit_random(random) & 1), n, kit_random_below(random, 20) == 0);
	case 6:
		return vdm_operation_crc32c(src, n, (uint32_t)kit_random(random), 0);
	default:
		return vdm_operation_memmove(dest, dest + kit_random_below(random, 50), n, kit_random(random) & flags);
	}
}

/* One operation of any kind and size; on each area the same. */
static struct vdm_operation any_operation(struct anything *any, uint64_t *random, unsigned flags)
{
	const size_t count = kit_random_below(random, BATCH_MAX + 1);
	const uint64_t wide_flags = kit_random(random) & flags;
	const size_t n = kit_random_below(random, PART);
	unsigned char *const area = any->area;

	for (size_t i = 0; i < BATCH_MAX; i++) {
		any->operations[i] = any_simple(area, i, random, flags);
		any->segments[i] = (struct vdm_segment){area + i * 500, area + 10000 + i * 500, kit_random_below(random, 500)};
	}
	switch (kit_random_below(random, 6)) {
	case 0:
		return vdm_operation_batch(any->operations, any->outputs, count, kit_random_below(random, 30) == 0);
	case 1:
		return vdm_operation_memcpyv(any->segments, count, wide_flags);
	case 2: /* a batch with scattered copies in it */
		any->operations[1] = vdm_operation_memcpyv(any->segments, 1, wide_flags);
		any->operations[0] = vdm_operation_crc32c(area + 15000, n, 1, 0);
		return vdm_operation_batch(any->operations, any->outputs, count, 0);
	case 3:
		return vdm_operation_memmove(area + kit_random_below(random, 3000), area + kit_random_below(random, 3000), n, wide_flags);
	case 4:
		return vdm_operation_crc32c(area + 15000, n, 7, 0);
	default:
		return any_simple(area, 0, random, flags);
	}
}

static int outputs_agree(const struct vdm_operation_output *one, const struct vdm_operation_output *other,
			 const struct vdm_operation *operation)
{
	if (one->type != other->type || one->result != other->result)
		return 0;
	switch (operation->type) {
	case VDM_OPERATION_COMPARE:
		return one->output.compare.offset == other->output.compare.offset;
	case VDM_OPERATION_CRC32C:
		return one->output.crc32c.crc == other->output.crc32c.crc;
	case VDM_OPERATION_MEMCPYV:
		return one->output.memcpyv.n == other->output.memcpyv.n;
	case VDM_OPERATION_BATCH:
		return one->output.batch.failed == other->output.batch.failed;
	default: /* addresses of two areas */
		return 1;
	}
}

/* Runs operations of a seed through a hostile device and through the CPU. Returns the device's digest; adds to events[]. */
static uint64_t run_anything(uint64_t seed, unsigned operations, uint64_t *events)
{
	struct anything mine = {.area = kit_zeroed(1, AREA_BYTES)};
	struct anything model = {.area = kit_zeroed(1, AREA_BYTES)};
	struct hl_dsa_software_cfg software = kit_hostile(seed);
	uint64_t random = seed;
	struct data_mover_sync *const sync = data_mover_sync_new();

	assert_non_null(sync);
	software.capabilities &= seed % 5 == 0 ? ~HL_DSA_CAP_OVERLAP : ~UINT64_C(0);
	software.is_dedicated = seed % 2 == 0;
	struct stepped stepped = kit_stepped(software);
	const unsigned flags = stepped.vdm->capabilities & VDM_F_VALID_FLAGS;
	kit_fill_randomly(mine.area, AREA_BYTES, &random);
	memcpy(model.area, mine.area, AREA_BYTES);
	for (unsigned i = 0; i < operations; i++) {
		uint64_t same = random;

		if (seed % 3 == 0 && i == operations / 2)
			hl_dsa_software_force(stepped.device, HL_DSA_EVENT_REFUSE_BATCH, 1);
		struct vdm_operation_future ours =
			vdm_operation_future_new(stepped.vdm, any_operation(&mine, &random, flags));
		struct vdm_operation_future theirs =
			vdm_operation_future_new(data_mover_sync_get_vdm(sync), any_operation(&model, &same, flags));
		const size_t count = ours.data.operation.type == VDM_OPERATION_BATCH && ours.data.operation.data.batch.flags == 0 ?
					     ours.data.operation.data.batch.count :
					     0;

		kit_finish(&stepped, &ours);
		FUTURE_BUSY_POLL(&theirs);
		assert_true(outputs_agree(FUTURE_OUTPUT(&ours), FUTURE_OUTPUT(&theirs), &ours.data.operation));
		for (size_t j = 0; j < count; j++)
			assert_true(outputs_agree(&mine.outputs[j], &model.outputs[j], &mine.operations[j]));
		assert_true(kit_equal(mine.area, model.area, AREA_BYTES));
	}
	const struct hl_dsa_software_stats stats = hl_dsa_software_statistics(stepped.device);
	assert_int_equal(stats.lost, 0);
	for (unsigned event = 0; event < HL_DSA_EVENTS; event++)
		events[event] += stats.events[event];
	data_mover_dsa_delete(stepped.mover);
	data_mover_sync_delete(sync);
	free(mine.area);
	free(model.area);
	return stats.digest;
}

static void test_D1_anything_over_hostile_devices(void **state)
{
	uint64_t seed = kit_seed();
	uint64_t events[HL_DSA_EVENTS] = {0};

	(void)state;
	for (unsigned turn = 0; turn < KIT_REPEAT(60); turn++) {
		/* all kinds of devices, which the seed's remainders name */
		const uint64_t this_seed = kit_random(&seed) / 30 * 30 + turn % 30;

		printf("run %llu\n", (unsigned long long)this_seed);
		(void)run_anything(this_seed, 300, events);
	}
	for (unsigned event = 0; event < HL_DSA_EVENTS; event++) /* all of it was really tried */
		assert_true(events[event] > 0);
}

static void test_a_stepped_device_repeats_itself(void **state)
{
	uint64_t once[HL_DSA_EVENTS] = {0}, again[HL_DSA_EVENTS] = {0}, other[HL_DSA_EVENTS] = {0};
	const uint64_t digest = run_anything(1, 100, once);

	(void)state;
	assert_true(run_anything(1, 100, again) == digest);
	assert_memory_equal(once, again, sizeof(once));
	assert_true(run_anything(2, 100, other) != digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_D5_the_word_of_a_poller),
		cmocka_unit_test(test_small_operations_are_the_cpus),
		cmocka_unit_test(test_D6_a_full_queue_leaves_it_idle_and_cancellable),
		cmocka_unit_test(test_D5_a_full_queue_in_the_midst),
		cmocka_unit_test(test_D2_after_a_fault_it_goes_on_behind_what_was_done),
		cmocka_unit_test(test_D2_the_cpu_touches_the_page),
		cmocka_unit_test(test_D4_faults_without_end),
		cmocka_unit_test(test_D1_after_any_error_the_cpu_does_it),
		cmocka_unit_test(test_D1_an_overlapping_move_that_broke_off_has_failed),
		cmocka_unit_test(test_flags_that_are_refused_are_given_up),
		cmocka_unit_test(test_an_opcode_that_is_not_known_is_asked_for_once),
		cmocka_unit_test(test_batches_where_there_are_such),
		cmocka_unit_test(test_a_batch_of_which_some_fail),
		cmocka_unit_test(test_a_batch_that_stopped_in_its_midst),
		cmocka_unit_test(test_a_submission_that_is_refused_is_the_cpus),
		cmocka_unit_test(test_durable_copies_are_written_back_after),
		cmocka_unit_test(test_the_cpu_writes_back_after_the_copy),
		cmocka_unit_test(test_comparisons_and_crcs_in_pieces),
		cmocka_unit_test(test_a_difference_is_found_to_the_byte),
		cmocka_unit_test(test_D4_a_dedicated_queue_is_never_overrun),
		cmocka_unit_test(test_operations_complete_out_of_order),
		cmocka_unit_test(test_delete_waits_for_what_the_device_was_given),
		cmocka_unit_test(test_D3_delete_does_not_wait_for_ever),
		cmocka_unit_test(test_D5_the_last_polls_waker_is_called_once),
		cmocka_unit_test(test_D5_not_complete_while_the_waker_is_called),
		cmocka_unit_test(test_D5_no_wake_is_lost),
		cmocka_unit_test(test_D1_anything_over_hostile_devices),
		cmocka_unit_test(test_a_stepped_device_repeats_itself),
	};

	return KIT_RUN(tests);
}
