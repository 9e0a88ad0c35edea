/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * dsa_software.c: a device that is a piece of software in the same process.
 *
 * It takes descriptors as the hardware does, 64 bytes of which it makes a copy, and answers in completion records, so that all that
 * stands before it can be tested where there is no hardware. It looks at descriptors as strictly as the published layout allows:
 * reserved fields must be zero, flags must be known for the opcode, sizes in range.
 *
 *     submit ---> entries[], each with a step from which on it is due ---- step: one that is due ----> executed, answered
 *
 * One thread at a time executes, without the lock: its own, or whoever steps. Chance is drawn from the seed: for what happens at
 * the submission under the lock, and for each descriptor from a number that was drawn for it there; so a stepped device does the
 * same again when it is given the same.
 *
 *   tag    order                                pairs with                                       for
 *   DD-1   answer(): store word release         hl_dsa_completion_read(): load acquire           the record's rest, and the bytes
 */
#include "dsa_device.h"

#include <errno.h>
#include <stdlib.h>

#include "memory.h"
#include "thread.h"

#define ALWAYS 1000
#define PAGE UINT64_C(4096)
#define RESULT_BACKWARD 1
#define RESULT_DIFFERS 1
#define FLAGS_OF_ALL (IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR)
#define FLAGS_OPTIONAL (IDXD_OP_FLAG_BOF | IDXD_OP_FLAG_CC | IDXD_OP_FLAG_DRDBK)
#define OPERATION_SPECIFIC_BYTES 24

struct entry {
	struct dsa_hw_desc descriptor;
	uint64_t number; /* of all submissions */
	uint64_t random;
	uint64_t due;
};

struct software {
	struct hl_dsa_device device; /* first: found from it */
	struct hl_dsa_software_cfg cfg;
	pthread_mutex_t lock; /* guards what follows, up to the counts */
	pthread_cond_t submitted;
	struct entry *entries; /* in the order of submission */
	uint32_t entries_count;
	uint64_t numbers;
	uint64_t time;
	uint64_t random;
	int stop;
	pthread_t thread;
	hl_u32 forced[HL_DSA_EVENTS];
	hl_u64 counts[sizeof(struct hl_dsa_software_stats) / sizeof(uint64_t)]; /* as the struct */
};

#define COUNT(software, member) \
	hl_u64_fetch_add_relaxed(&(software)->counts[offsetof(struct hl_dsa_software_stats, member) / sizeof(uint64_t)], 1)

/* ---- chance --------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A number below limit, which is not 0 (splitmix64; Steele, Lea, Flood 2014). */
static uint64_t draw_below(uint64_t *random, uint64_t limit)
{
	hl_assert(limit > 0);
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return mix(*random) % limit;
}

static int is_forced(struct software *software, enum hl_dsa_event event)
{
	uint32_t left = hl_u32_load_relaxed(&software->forced[event]);

	while (left > 0) /* each turn is another's success */
		if (hl_u32_cas_relaxed(&software->forced[event], &left, left - 1))
			return 1;
	return 0;
}

static int happens(struct software *software, enum hl_dsa_event event, uint64_t *random)
{
	const uint32_t permille = software->cfg.permille[event];

	if (!is_forced(software, event) && (permille == 0 || draw_below(random, ALWAYS) >= permille))
		return 0;
	COUNT(software, events[event]);
	return 1;
}

/* ---- what a descriptor must be like --------------------------------------------------------------- */

static int is_known(const struct software *software, unsigned opcode)
{
	return opcode < 64 && (software->cfg.opcodes >> opcode & 1) != 0;
}

static uint32_t flags_allowed(const struct software *software, unsigned opcode, int in_batch)
{
	const uint64_t can = software->cfg.capabilities;
	uint32_t flags = FLAGS_OF_ALL;

	if (in_batch)
		flags |= IDXD_OP_FLAG_FENCE;
	if (opcode != DSA_OPCODE_NOOP && opcode != DSA_OPCODE_DRAIN && can & HL_DSA_CAP_BLOCK_ON_FAULT)
		flags |= IDXD_OP_FLAG_BOF;
	if (opcode == DSA_OPCODE_MEMMOVE || opcode == DSA_OPCODE_MEMFILL)
		flags |= can & HL_DSA_CAP_CACHE_CONTROL_MEMORY ? IDXD_OP_FLAG_CC : 0;
	if (opcode == DSA_OPCODE_CFLUSH)
		flags |= can & HL_DSA_CAP_CACHE_CONTROL_FLUSH ? IDXD_OP_FLAG_CC : 0;
	if (opcode == DSA_OPCODE_MEMMOVE || opcode == DSA_OPCODE_MEMFILL || opcode == DSA_OPCODE_CFLUSH)
		flags |= can & HL_DSA_CAP_READBACK ? IDXD_OP_FLAG_DRDBK : 0;
	return flags;
}

static int has_transfer(unsigned opcode)
{
	return opcode == DSA_OPCODE_MEMMOVE || opcode == DSA_OPCODE_MEMFILL || opcode == DSA_OPCODE_COMPARE ||
	       opcode == DSA_OPCODE_CRCGEN || opcode == DSA_OPCODE_CFLUSH;
}

/* All that this opcode does not use is zero. */
static int reserved_is_zero(const struct dsa_hw_desc *descriptor)
{
	const size_t used = descriptor->opcode == DSA_OPCODE_CRCGEN ? sizeof(descriptor->crc_seed) : 0;
	unsigned char sum = 0;

	for (size_t i = used; i < OPERATION_SPECIFIC_BYTES; i++)
		sum |= descriptor->op_specific[i];
	return descriptor->rsvd == 0 && descriptor->rsvd1 == 0 && descriptor->int_handle == 0 && sum == 0;
}

static int overlaps(const struct dsa_hw_desc *descriptor)
{
	return descriptor->dst_addr - descriptor->src_addr < descriptor->xfer_size ||
	       descriptor->src_addr - descriptor->dst_addr < descriptor->xfer_size;
}

static uint8_t check_batch(const struct software *software, const struct dsa_hw_desc *descriptor)
{
	if (descriptor->desc_count < 2 || descriptor->desc_count > software->cfg.batch_max)
		return DSA_COMP_DESC_CNT_ERANGE;
	return descriptor->desc_list_addr % HL_DSA_DESCRIPTOR_ALIGNMENT != 0 ? DSA_COMP_DESCLIST_ALIGN : DSA_COMP_NONE;
}

/* DSA_COMP_NONE, or what is wrong with the descriptor; then nothing is done. */
static uint8_t check(struct software *software, const struct dsa_hw_desc *descriptor, int in_batch, uint64_t *random,
		     struct dsa_completion_record *record)
{
	const unsigned opcode = descriptor->opcode;
	uint32_t wrong = descriptor->flags & ~flags_allowed(software, opcode, in_batch);

	if (!is_known(software, opcode) || (in_batch && opcode == DSA_OPCODE_BATCH))
		return DSA_COMP_BAD_OPCODE;
	if (descriptor->flags & FLAGS_OPTIONAL && happens(software, HL_DSA_EVENT_INVALID_FLAGS, random))
		wrong |= descriptor->flags & FLAGS_OPTIONAL;
	if (wrong != 0) {
		record->invalid_flags = wrong & 0xffffffU;
		return DSA_COMP_INVALID_FLAGS;
	}
	if (descriptor->priv)
		return DSA_COMP_PRIV_BAD;
	if (!reserved_is_zero(descriptor))
		return DSA_COMP_NOZERO_RESERVE;
	if (has_transfer(opcode) && (descriptor->xfer_size == 0 || descriptor->xfer_size > software->cfg.transfer_max))
		return DSA_COMP_XFER_ERANGE;
	if (opcode == DSA_OPCODE_MEMMOVE && overlaps(descriptor) && !(software->cfg.capabilities & HL_DSA_CAP_OVERLAP))
		return DSA_COMP_OVERLAP_BUFFERS;
	if (opcode == DSA_OPCODE_BATCH)
		return check_batch(software, descriptor);
	return happens(software, HL_DSA_EVENT_FAIL, random) ? software->cfg.fail_status : DSA_COMP_NONE;
}

/* ---- doing ---------------------------------------------------------------------------------------- */

/* Writes the record, its first word last. */
static void answer(struct software *software, const struct dsa_hw_desc *descriptor, const struct dsa_completion_record *record)
{
	struct hl_dsa_completion *const completion = hl_dsa_pointer(descriptor->completion_addr);
	uint64_t word;

	COUNT(software, answered);
	if (record->status == DSA_COMP_SUCCESS && !(descriptor->flags & IDXD_OP_FLAG_RCR))
		return;
	memcpy(completion->rest, (const char *)record + sizeof(word), sizeof(completion->rest));
	memcpy(&word, record, sizeof(word));
	/* release. pairs with [DD-1] in hl_dsa_completion_read(). if relaxed: the record's rest and the bytes may be old */
	hl_u64_store_release(&completion->word, word);
}

static int moves_backward(const struct dsa_hw_desc *descriptor)
{
	return descriptor->dst_addr > descriptor->src_addr && overlaps(descriptor);
}

/* The destination's last byte, once it is where it shall stay. */
static void read_back(struct software *software, const struct dsa_hw_desc *descriptor)
{
	(void)hl_u8_load_relaxed((const hl_u8 *)hl_dsa_pointer(descriptor->dst_addr + descriptor->xfer_size - 1));
	COUNT(software, readbacks);
}

/* Does the first n bytes; of a move that goes backward, the last. */
static void transfer(struct software *software, const struct dsa_hw_desc *descriptor, size_t n, struct dsa_completion_record *record)
{
	const size_t skipped = moves_backward(descriptor) ? descriptor->xfer_size - n : 0;
	void *const src = hl_dsa_pointer(descriptor->src_addr);
	void *const dst = hl_dsa_pointer(descriptor->dst_addr);

	record->bytes_completed = (uint32_t)n;
	switch (descriptor->opcode) {
	case DSA_OPCODE_MEMMOVE:
		memmove((char *)dst + skipped, (char *)src + skipped, n);
		record->result = moves_backward(descriptor) ? RESULT_BACKWARD : 0;
		break;
	case DSA_OPCODE_MEMFILL:
		hl_fill(dst, descriptor->pattern, n);
		break;
	case DSA_OPCODE_COMPARE:
		record->bytes_completed = (uint32_t)hl_compare(src, dst, n);
		record->result = record->bytes_completed < n ? RESULT_DIFFERS : 0;
		break;
	case DSA_OPCODE_CRCGEN:
		record->crc_val = hl_crc32c(descriptor->crc_seed, src, n);
		break;
	default:
		hl_flush(dst, n);
		COUNT(software, flushes);
	}
}

/* The page that was not there: that of the first byte that was not done. */
static void fault(const struct dsa_hw_desc *descriptor, size_t done, uint64_t *random, struct dsa_completion_record *record)
{
	const int only_reads = descriptor->opcode == DSA_OPCODE_CRCGEN || descriptor->opcode == DSA_OPCODE_COMPARE;
	const int only_writes = descriptor->opcode == DSA_OPCODE_MEMFILL || descriptor->opcode == DSA_OPCODE_CFLUSH;
	const int is_write = only_writes || (!only_reads && draw_below(random, 2));
	const uint64_t start = is_write ? descriptor->dst_addr : descriptor->src_addr;
	const size_t at = moves_backward(descriptor) ? descriptor->xfer_size - done - 1 : done;

	record->status = DSA_COMP_PAGE_FAULT_NOBOF | (is_write ? DSA_COMP_STATUS_WRITE : 0);
	record->fault_addr = (start + at) / PAGE * PAGE;
}

static void execute(struct software *software, const struct dsa_hw_desc *descriptor, int in_batch, uint64_t *random,
		    struct dsa_completion_record *record);

/* Those of a batch from `first` on, up to the next fence, in an order of chance. Returns how many; adds to *failed. */
static uint32_t execute_group(struct software *software, const struct dsa_hw_desc *list, uint32_t first, uint32_t count, uint64_t *random,
			      uint32_t *failed)
{
	uint32_t end = first + 1;

	while (end < count && !(list[end].flags & IDXD_OP_FLAG_FENCE))
		end++;
	const uint32_t size = end - first;
	const uint32_t turn = software->cfg.reorder ? (uint32_t)draw_below(random, size) : 0;
	for (uint32_t i = 0; i < size; i++) {
		struct dsa_completion_record record = { .status = DSA_COMP_NONE };
		const struct dsa_hw_desc descriptor = list[first + (i + turn) % size];

		execute(software, &descriptor, 1, random, &record);
		*failed += record.status != DSA_COMP_SUCCESS;
		answer(software, &descriptor, &record);
	}
	return size;
}

static void execute_batch(struct software *software, const struct dsa_hw_desc *batch, uint64_t *random,
			  struct dsa_completion_record *record)
{
	const struct dsa_hw_desc *const list = hl_dsa_pointer(batch->desc_list_addr);
	const uint32_t count = batch->desc_count;
	uint32_t done = 0, failed = 0;

	COUNT(software, batches);
	record->status = DSA_COMP_SUCCESS;
	while (done < count && record->status == DSA_COMP_SUCCESS) {
		if (failed > 0) { /* a fence lets nothing pass then */
			COUNT(software, fences_stopped);
			break;
		}
		if (happens(software, HL_DSA_EVENT_LIST_FAULT, random)) {
			record->status = DSA_COMP_BATCH_PAGE_FAULT;
			record->fault_addr = hl_dsa_address(&list[done]) / PAGE * PAGE;
		} else {
			done += execute_group(software, list, done, count, random, &failed);
		}
	}
	record->bytes_completed = done;
	if (failed > 0)
		record->status = DSA_COMP_BATCH_FAIL;
}

static void execute(struct software *software, const struct dsa_hw_desc *descriptor, int in_batch, uint64_t *random,
		    struct dsa_completion_record *record)
{
	record->status = check(software, descriptor, in_batch, random, record);
	if (record->status != DSA_COMP_NONE)
		return;
	if (descriptor->opcode == DSA_OPCODE_BATCH) {
		execute_batch(software, descriptor, random, record);
		return;
	}
	record->status = DSA_COMP_SUCCESS;
	if (descriptor->opcode == DSA_OPCODE_DRAIN)
		COUNT(software, drains);
	if (!has_transfer(descriptor->opcode))
		return;
	if (!(descriptor->flags & IDXD_OP_FLAG_BOF) && happens(software, HL_DSA_EVENT_PAGE_FAULT, random)) {
		const size_t done = (size_t)draw_below(random, descriptor->xfer_size);

		transfer(software, descriptor, done, record);
		if (record->bytes_completed == done) /* a comparison may have found what it looked for */
			fault(descriptor, done, random, record);
		return;
	}
	transfer(software, descriptor, descriptor->xfer_size, record);
	if (descriptor->flags & IDXD_OP_FLAG_DRDBK)
		read_back(software, descriptor);
}

/* ---- the queue ------------------------------------------------------------------------------------ */

static int has_place_for_answer(const struct dsa_hw_desc *descriptor)
{
	return descriptor->flags & IDXD_OP_FLAG_CRAV && descriptor->completion_addr != 0 &&
	       descriptor->completion_addr % HL_DSA_COMPLETION_ALIGNMENT == 0;
}

static void note(struct software *software, const struct dsa_hw_desc *descriptor, const struct dsa_completion_record *record)
{
	hl_u64 *const digest = &software->counts[offsetof(struct hl_dsa_software_stats, digest) / sizeof(uint64_t)];
	const uint64_t what = (uint64_t)record->status << 32 | record->bytes_completed;

	/* by whoever executes, one at a time */
	hl_u64_store_relaxed(digest, mix(mix(mix(hl_u64_load_relaxed(digest) + descriptor->opcode + 1) + descriptor->xfer_size) + what));
}

static void do_entry(struct software *software, struct entry *entry)
{
	struct dsa_completion_record record = { .status = DSA_COMP_NONE };

	execute(software, &entry->descriptor, 0, &entry->random, &record);
	note(software, &entry->descriptor, &record);
	answer(software, &entry->descriptor, &record);
}

static enum hl_dsa_submission put(struct software *software, const struct dsa_hw_desc *descriptor)
{
	if (happens(software, HL_DSA_EVENT_REFUSE, &software->random)) {
		errno = EPERM;
		return HL_DSA_REFUSED;
	}
	if (descriptor->opcode == DSA_OPCODE_BATCH && happens(software, HL_DSA_EVENT_REFUSE_BATCH, &software->random)) {
		errno = EINVAL;
		return HL_DSA_REFUSED;
	}
	if (happens(software, HL_DSA_EVENT_RETRY, &software->random))
		return HL_DSA_RETRY;
	if (software->entries_count == software->cfg.queue_size && !software->cfg.is_dedicated)
		return HL_DSA_RETRY;
	COUNT(software, submitted);
	if (software->entries_count == software->cfg.queue_size || !has_place_for_answer(descriptor)) {
		COUNT(software, lost);
		return HL_DSA_ACCEPTED;
	}
	software->entries[software->entries_count++] =
		(struct entry){ .descriptor = *descriptor,
				.number = ++software->numbers,
				.random = draw_below(&software->random, UINT64_MAX),
				.due = software->time + 1 + draw_below(&software->random, (uint64_t)software->cfg.delay_max + 1) };
	return HL_DSA_ACCEPTED;
}

static enum hl_dsa_submission software_submit(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor)
{
	struct software *const software = (struct software *)device;

	pthread_mutex_lock(&software->lock);
	const enum hl_dsa_submission submission = put(software, descriptor);
	pthread_cond_signal(&software->submitted);
	pthread_mutex_unlock(&software->lock);
	return submission;
}

static int is_due(const struct software *software, uint32_t i)
{
	const int may_pass = software->cfg.reorder && software->entries[i].descriptor.opcode != DSA_OPCODE_DRAIN;

	return software->entries[i].due <= software->time && (i == 0 || may_pass);
}

/* Takes one that is due out of the queue. Returns 0: none is. */
static int take(struct software *software, struct entry *entry)
{
	uint32_t due = 0;

	for (uint32_t i = 0; i < software->entries_count; i++)
		due += (uint32_t)is_due(software, i);
	if (due == 0)
		return 0;
	uint64_t which = draw_below(&software->random, due);
	uint32_t at = 0;
	while (!is_due(software, at) || which-- > 0) /* ends: there are `due` of them */
		at++;
	*entry = software->entries[at];
	software->entries_count--;
	memmove(&software->entries[at], &software->entries[at + 1], (software->entries_count - at) * sizeof(*entry));
	return 1;
}

int hl_dsa_software_step(struct hl_dsa_device *device)
{
	struct software *const software = (struct software *)device;
	struct entry entry;

	pthread_mutex_lock(&software->lock);
	software->time++;
	const int taken = take(software, &entry);
	pthread_mutex_unlock(&software->lock);
	if (taken)
		do_entry(software, &entry);
	return taken;
}

static int is_empty(struct software *software)
{
	pthread_mutex_lock(&software->lock);
	const int empty = software->entries_count == 0;
	pthread_mutex_unlock(&software->lock);
	return empty;
}

/* Waits for descriptors. Returns 0: the device is being closed, and nothing is left. */
static int wait_for_entries(struct software *software)
{
	pthread_mutex_lock(&software->lock);
	while (software->entries_count == 0 && !software->stop)
		pthread_cond_wait(&software->submitted, &software->lock);
	const int some = software->entries_count > 0;
	pthread_mutex_unlock(&software->lock);
	return some;
}

static void *thread_main(void *arg)
{
	struct software *const software = arg;

	while (wait_for_entries(software))
		(void)hl_dsa_software_step(&software->device);
	return NULL;
}

static void software_relax(struct hl_dsa_device *device)
{
	if (((struct software *)device)->cfg.is_stepped)
		(void)hl_dsa_software_step(device);
	else
		hl_yield();
}

static void software_free(struct software *software)
{
	pthread_cond_destroy(&software->submitted);
	pthread_mutex_destroy(&software->lock);
	free(software->entries);
	free(software);
}

static void software_close(struct hl_dsa_device *device)
{
	struct software *const software = (struct software *)device;

	if (software->cfg.is_stepped) {
		while (!is_empty(software)) /* ends: each is due after delay_max steps at most */
			(void)hl_dsa_software_step(device);
	} else {
		pthread_mutex_lock(&software->lock);
		software->stop = 1;
		pthread_cond_signal(&software->submitted);
		pthread_mutex_unlock(&software->lock);
		pthread_join(software->thread, NULL);
	}
	software_free(software);
}

/* ---- API ------------------------------------------------------------------------------------------ */

struct hl_dsa_software_cfg hl_dsa_software_cfg_default(uint64_t seed)
{
	return (struct hl_dsa_software_cfg){
		.seed = seed,
		.capabilities = HL_DSA_CAP_BLOCK_ON_FAULT | HL_DSA_CAP_OVERLAP | HL_DSA_CAP_CACHE_CONTROL_MEMORY |
				HL_DSA_CAP_CACHE_CONTROL_FLUSH | HL_DSA_CAP_READBACK,
		.queue_size = 64,
		.batch_max = 32,
		.transfer_max = 2U << 20,
		.opcodes = UINT64_C(1) << DSA_OPCODE_NOOP | UINT64_C(1) << DSA_OPCODE_BATCH | UINT64_C(1) << DSA_OPCODE_DRAIN |
			   UINT64_C(1) << DSA_OPCODE_MEMMOVE | UINT64_C(1) << DSA_OPCODE_MEMFILL | UINT64_C(1) << DSA_OPCODE_COMPARE |
			   UINT64_C(1) << DSA_OPCODE_CRCGEN | (hl_flush_is_supported() ? UINT64_C(1) << DSA_OPCODE_CFLUSH : 0),
		.fail_status = DSA_COMP_HW_ERR1,
	};
}

int hl_dsa_software_open(const struct hl_dsa_software_cfg *cfg, struct hl_dsa_device **device)
{
	static const struct hl_dsa_functions functions = { software_submit, software_relax, software_close };
	struct software *const software = calloc(1, sizeof(*software));

	hl_assert(cfg->queue_size > 0);
	if (software == NULL)
		return ENOMEM;
	software->device = (struct hl_dsa_device){ .functions = &functions,
						   .capabilities = cfg->capabilities,
						   .queue_size = cfg->is_dedicated ? cfg->queue_size : 0,
						   .batch_max = cfg->batch_max,
						   .transfer_max = cfg->transfer_max,
						   .path = DATA_MOVER_DSA_IN_PROCESS };
	software->cfg = *cfg;
	software->random = cfg->seed;
	pthread_mutex_init(&software->lock, NULL);
	pthread_cond_init(&software->submitted, NULL);
	software->entries = calloc(cfg->queue_size, sizeof(*software->entries));
	const int error = software->entries == NULL ? ENOMEM :
			  cfg->is_stepped	    ? 0 :
						      hl_thread_start(&software->thread, NULL, thread_main, software);
	if (error != 0) {
		software_free(software);
		return error;
	}
	*device = &software->device;
	return 0;
}

void hl_dsa_software_force(struct hl_dsa_device *device, enum hl_dsa_event event, uint32_t count)
{
	hl_u32_store_relaxed(&((struct software *)device)->forced[event], count);
}

struct hl_dsa_software_stats hl_dsa_software_statistics(struct hl_dsa_device *device)
{
	struct software *const software = (struct software *)device;
	uint64_t counts[sizeof(struct hl_dsa_software_stats) / sizeof(uint64_t)];
	struct hl_dsa_software_stats stats;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		counts[i] = hl_u64_load_relaxed(&software->counts[i]);
	memcpy(&stats, counts, sizeof(stats));
	return stats;
}

void hl_dsa_software_execute(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor)
{
	struct software *const software = (struct software *)device;
	struct entry entry = { .descriptor = *descriptor, .random = software->cfg.seed };

	if (has_place_for_answer(descriptor))
		do_entry(software, &entry);
}
