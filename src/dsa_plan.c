/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * dsa_plan.c: cuts an operation into pieces, makes descriptors of them, and makes of the answers what is left.
 *
 *     operation --- cut ---> pieces[] --- describe ---> head (one piece), or head and list (a batch)
 *                              ^                          |
 *                              '--- what is left ----- answer
 *
 * A piece is a simple operation on bytes in a row, at most as many as the device takes at once. Its answer makes it vanish (done),
 * makes it shorter (a page fault: the page is touched here, so that it is there, and the piece goes on behind what was done),
 * leaves it as it is (a batch that did not get so far; flags that the device does not know and that we can do without), or has the
 * CPU do it (every other error). After SETBACKS_MAX answers that were not plain successes the CPU does all that is left, so each
 * operation ends.
 *
 * Order. Pieces of one submission are done in any order, but for those that are fenced: the write-back of what a copy wrote. Of an
 * operation whose pieces depend on each other (a CRC, a comparison, a move within overlapping places) there is one piece at a time.
 * A move whose destination lies behind its source is cut from its end, and the device does each piece from its end.
 *
 * A device that moved some bytes of overlapping places and then broke down has destroyed what would be needed to begin again: such
 * an operation has failed. All others can be done again from the start of their piece.
 *
 * Only the thread that polls the operation is here.
 */
#include "dsa_plan.h"

#include <errno.h>

#include "memory.h"

#define PAGE UINT64_C(4096)
#define SETBACKS_MAX 16
#define RESULT_BACKWARD 1
#define STATUS_AFTER_THE_FACT DSA_COMP_PFAULT_RDBA /* from here on something may have been done */

static const struct hl_vdm_functions own = { NULL, NULL, NULL };

/* ---- pieces --------------------------------------------------------------------------------------- */

/* The same operation on n of its bytes, from `at` on. */
static struct vdm_operation part_of(const struct vdm_operation *operation, size_t at, size_t n)
{
	struct vdm_operation part = *operation;

	switch (part.type) {
	case VDM_OPERATION_COMPARE:
		part.data.compare.first = (const char *)part.data.compare.first + at;
		part.data.compare.second = (const char *)part.data.compare.second + at;
		part.data.compare.n = n;
		return part;
	case VDM_OPERATION_CRC32C:
		part.data.crc32c.src = (const char *)part.data.crc32c.src + at;
		part.data.crc32c.n = n;
		return part;
	default:
		return hl_vdm_piece(operation, at, n);
	}
}

static int goes_backward(const struct vdm_operation *operation)
{
	const struct vdm_operation_data_memmove *const move = &operation->data.memmove;

	return operation->type == VDM_OPERATION_MEMMOVE && (uintptr_t)move->dest > (uintptr_t)move->src &&
	       !hl_vdm_can_be_split(operation);
}

static void count(hl_u64 *counter)
{
	hl_u64_fetch_add_relaxed(counter, 1);
}

static void note_difference(const struct hl_dsa_piece *piece, uint64_t offset)
{
	piece->output->output.compare.offset = piece->base + offset;
}

static void piece_by_cpu(const struct hl_dsa_piece *piece, struct hl_dsa_engine *engine)
{
	struct vdm_operation_output output;
	const enum vdm_operation_result result = hl_vdm_execute(&piece->part, &own, &output);

	count(&engine->pieces_by_cpu);
	if (result != VDM_SUCCESS)
		piece->output->result = result;
	else if (piece->part.type == VDM_OPERATION_CRC32C)
		piece->output->output.crc32c.crc = output.output.crc32c.crc;
	else if (piece->part.type == VDM_OPERATION_COMPARE && output.output.compare.offset < piece->part.data.compare.n)
		note_difference(piece, output.output.compare.offset);
}

/* ---- cutting -------------------------------------------------------------------------------------- */

static void enter(const struct vdm_operation *operation, struct vdm_operation_output *output)
{
	const int may_be = hl_vdm_is_known(operation) && operation->type != VDM_OPERATION_BATCH;

	hl_vdm_fill_output(output, operation, may_be ? VDM_SUCCESS : VDM_ERROR_JOB_CORRUPTED);
	if (may_be && operation->type == VDM_OPERATION_MEMCPYV)
		output->output.memcpyv.n = hl_vdm_bytes(operation);
}

/* The simple operation that is being cut, and its output. Returns 0: all is cut. Each turn goes on by an operation. */
static int current(struct hl_dsa_plan *plan, struct vdm_operation *simple, struct vdm_operation_output **output)
{
	const int is_batch = plan->operation.type == VDM_OPERATION_BATCH;
	const size_t operations_count = is_batch ? plan->operation.data.batch.count : 1;

	for (; plan->at < operations_count; plan->at++, plan->segment = 0, plan->offset = 0) {
		*simple = is_batch ? plan->operation.data.batch.operations[plan->at] : plan->operation;
		*output = is_batch ? &plan->operation.data.batch.outputs[plan->at] : &plan->output;
		if (plan->segment == 0 && plan->offset == 0)
			enter(simple, *output);
		if ((*output)->result != VDM_SUCCESS)
			continue;
		plan->in_segments = simple->type == VDM_OPERATION_MEMCPYV;
		if (!plan->in_segments) {
			if (plan->offset < hl_vdm_bytes(simple))
				return 1;
		} else if (plan->segment < simple->data.memcpyv.count) {
			const struct vdm_segment segment = simple->data.memcpyv.segments[plan->segment];

			*simple = vdm_operation_memcpy(segment.dest, (void *)(uintptr_t)segment.src, segment.n,
						       simple->data.memcpyv.flags);
			return 1;
		}
	}
	return 0;
}

/* What the destination of a copy or fill still needs to be durable; the piece itself does not see to it any more. */
static struct vdm_operation take_off_flush(struct vdm_operation *part)
{
	switch (part->type) {
	case VDM_OPERATION_MEMCPY:
	case VDM_OPERATION_MEMMOVE: /* the same layout */
		if (!(part->data.memcpy.flags & VDM_F_MEM_DURABLE))
			break;
		part->data.memcpy.flags &= ~(uint64_t)VDM_F_MEM_DURABLE;
		return vdm_operation_flush(part->data.memcpy.dest, part->data.memcpy.n, 0);
	case VDM_OPERATION_MEMSET:
		if (!(part->data.memset.flags & VDM_F_MEM_DURABLE))
			break;
		part->data.memset.flags &= ~(uint64_t)VDM_F_MEM_DURABLE;
		return vdm_operation_flush(part->data.memset.str, part->data.memset.n, 0);
	case VDM_OPERATION_FILL:
		if (!(part->data.fill.flags & VDM_F_MEM_DURABLE))
			break;
		part->data.fill.flags &= ~(uint64_t)VDM_F_MEM_DURABLE;
		return vdm_operation_flush(part->data.fill.dest, part->data.fill.n, 0);
	default:
		break;
	}
	return vdm_operation_flush(NULL, 0, 0);
}

/* A comparison that has found a difference needs no more. */
static int is_answered(const struct vdm_operation *simple, const struct vdm_operation_output *output, size_t offset)
{
	return simple->type == VDM_OPERATION_COMPARE && output->output.compare.offset < offset;
}

static void go_on_by(struct hl_dsa_plan *plan, size_t size, size_t n)
{
	plan->offset += size;
	if (plan->in_segments && plan->offset == n) {
		plan->segment++;
		plan->offset = 0;
	}
}

/* The next piece. Returns 0: there is none, or not before those that are there are done. */
static int cut(struct hl_dsa_plan *plan, const struct hl_dsa_engine *engine, struct hl_dsa_piece *piece)
{
	struct vdm_operation simple;

	*piece = (struct hl_dsa_piece){ .part = plan->flush, .output = &plan->output, .is_after = 1 };
	plan->flush.data.flush.n = 0;
	if (piece->part.data.flush.n > 0)
		return 1;
	piece->is_after = 0;
	while (current(plan, &simple, &piece->output)) { /* ends: goes on by an operation or a segment */
		const size_t n = hl_vdm_bytes(&simple);
		const size_t left = n - plan->offset;
		const size_t size = left < engine->transfer_max ? left : engine->transfer_max;

		if (size == 0 || is_answered(&simple, piece->output, plan->offset)) {
			go_on_by(plan, left, n);
			continue;
		}
		if (plan->offset > 0 && plan->pieces_count > 0 && !hl_vdm_can_be_split(&simple))
			return 0;
		piece->base = plan->offset;
		piece->part = part_of(&simple, goes_backward(&simple) ? left - size : plan->offset, size);
		if (simple.type == VDM_OPERATION_CRC32C && plan->offset > 0)
			piece->part.data.crc32c.seed = piece->output->output.crc32c.crc;
		plan->flush = take_off_flush(&piece->part);
		go_on_by(plan, size, n);
		return 1;
	}
	return 0;
}

/* ---- describing ----------------------------------------------------------------------------------- */

static enum dsa_opcode opcode_of(const struct hl_dsa_piece *piece)
{
	switch (piece->part.type) {
	case VDM_OPERATION_MEMCPY:
	case VDM_OPERATION_MEMMOVE:
		return DSA_OPCODE_MEMMOVE;
	case VDM_OPERATION_MEMSET:
	case VDM_OPERATION_FILL:
		return DSA_OPCODE_MEMFILL;
	case VDM_OPERATION_COMPARE:
		return DSA_OPCODE_COMPARE;
	case VDM_OPERATION_CRC32C:
		return DSA_OPCODE_CRCGEN;
	default:
		return DSA_OPCODE_CFLUSH;
	}
}

static int is_able(const struct hl_dsa_piece *piece, const struct hl_dsa_engine *engine)
{
	if (hl_u64_load_relaxed(&engine->opcodes_refused) >> opcode_of(piece) & 1)
		return 0;
	return piece->part.type != VDM_OPERATION_MEMMOVE || hl_vdm_can_be_split(&piece->part) ||
	       (hl_u64_load_relaxed(&engine->capabilities) & HL_DSA_CAP_OVERLAP) != 0;
}

static uint32_t flags_of(const struct hl_dsa_piece *piece, const struct hl_dsa_engine *engine)
{
	const uint64_t can = hl_u64_load_relaxed(&engine->capabilities);
	uint32_t flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR;
	uint64_t hint = 0;

	if (can & HL_DSA_CAP_BLOCK_ON_FAULT)
		flags |= IDXD_OP_FLAG_BOF;
	switch (piece->part.type) {
	case VDM_OPERATION_FLUSH:
		flags |= can & HL_DSA_CAP_CACHE_CONTROL_FLUSH ? IDXD_OP_FLAG_CC : 0;
		flags |= can & HL_DSA_CAP_READBACK ? IDXD_OP_FLAG_DRDBK : 0;
		return flags;
	case VDM_OPERATION_MEMCPY:
	case VDM_OPERATION_MEMMOVE:
		hint = piece->part.data.memcpy.flags;
		break;
	case VDM_OPERATION_MEMSET:
		hint = piece->part.data.memset.flags;
		break;
	case VDM_OPERATION_FILL:
		hint = piece->part.data.fill.flags;
		break;
	default: /* writes nothing */
		return flags;
	}
	if (can & HL_DSA_CAP_CACHE_CONTROL_MEMORY && !(hint & VDM_F_NO_CACHE_HINT))
		flags |= IDXD_OP_FLAG_CC;
	return flags;
}

/* No answer yet. */
static void expect(struct hl_dsa_completion *completion)
{
	memset(completion->rest, 0, sizeof(completion->rest));
	hl_u64_store_relaxed(&completion->word, 0);
}

static struct dsa_hw_desc describe(const struct hl_dsa_piece *piece, const struct hl_dsa_engine *engine,
				   struct hl_dsa_completion *completion)
{
	const struct vdm_operation *const part = &piece->part;
	struct dsa_hw_desc descriptor = { .opcode = opcode_of(piece) & 0xff,
					  .flags = flags_of(piece, engine) & 0xffffff,
					  .completion_addr = hl_dsa_address(completion),
					  .xfer_size = (uint32_t)hl_vdm_bytes(part) };

	expect(completion);
	switch (part->type) {
	case VDM_OPERATION_MEMCPY:
	case VDM_OPERATION_MEMMOVE:
		descriptor.src_addr = hl_dsa_address(part->data.memcpy.src);
		descriptor.dst_addr = hl_dsa_address(part->data.memcpy.dest);
		break;
	case VDM_OPERATION_MEMSET:
		descriptor.pattern = (unsigned char)part->data.memset.c * UINT64_C(0x0101010101010101);
		descriptor.dst_addr = hl_dsa_address(part->data.memset.str);
		break;
	case VDM_OPERATION_FILL:
		descriptor.pattern = part->data.fill.pattern;
		descriptor.dst_addr = hl_dsa_address(part->data.fill.dest);
		break;
	case VDM_OPERATION_COMPARE:
		descriptor.src_addr = hl_dsa_address(part->data.compare.first);
		descriptor.src2_addr = hl_dsa_address(part->data.compare.second);
		break;
	case VDM_OPERATION_CRC32C:
		descriptor.src_addr = hl_dsa_address(part->data.crc32c.src);
		descriptor.crc_seed = part->data.crc32c.seed;
		break;
	default:
		descriptor.dst_addr = hl_dsa_address(part->data.flush.dest);
	}
	return descriptor;
}

static void describe_batch(struct hl_dsa_plan *plan, const struct hl_dsa_engine *engine)
{
	for (unsigned i = 0; i < plan->pieces_count; i++) {
		plan->list[i] = describe(&plan->pieces[i], engine, &plan->completions[i]);
		if (plan->pieces[i].is_after && i > 0)
			plan->list[i].flags |= IDXD_OP_FLAG_FENCE;
	}
	plan->head = (struct dsa_hw_desc){ .opcode = DSA_OPCODE_BATCH,
					   .flags = IDXD_OP_FLAG_CRAV | IDXD_OP_FLAG_RCR,
					   .completion_addr = hl_dsa_address(&plan->completion),
					   .desc_list_addr = hl_dsa_address(plan->list),
					   .desc_count = plan->pieces_count };
	expect(&plan->completion);
}

/* ---- answers -------------------------------------------------------------------------------------- */

static int reads_from(const struct dsa_hw_desc *descriptor)
{
	return descriptor->opcode != DSA_OPCODE_MEMFILL && descriptor->opcode != DSA_OPCODE_CFLUSH;
}

/* Touches the page if n bytes from start on lie in it. Returns whether they do. */
static int touch(uint64_t page, uint64_t start, uint64_t n, int is_write)
{
	const uint64_t at = page > start ? page : start;

	if (at >= start + n || at >= page + PAGE)
		return 0;
	hl_u8 *const byte = hl_dsa_pointer(at);
	if (is_write)
		(void)hl_u8_fetch_or_relaxed(byte, 0);
	else
		(void)hl_u8_load_relaxed(byte);
	return 1;
}

/* The CPU's access makes the kernel bring the page that the device did not find. Nothing else than the operation's bytes is touched. */
static void touch_fault(const struct dsa_hw_desc *descriptor, const struct dsa_completion_record *answer)
{
	const uint64_t page = answer->fault_addr / PAGE * PAGE;
	const int is_write = (answer->status & DSA_COMP_STATUS_WRITE) != 0;

	if (is_write && (descriptor->opcode == DSA_OPCODE_COMPARE || descriptor->opcode == DSA_OPCODE_CRCGEN))
		return;
	if (!is_write && reads_from(descriptor) && touch(page, descriptor->src_addr, descriptor->xfer_size, 0))
		return;
	if (descriptor->opcode != DSA_OPCODE_CRCGEN)
		(void)touch(page, descriptor->dst_addr, descriptor->xfer_size, is_write);
}

/* Takes off a piece what was done of it. */
static void shorten(struct hl_dsa_piece *piece, const struct dsa_completion_record *answer)
{
	const size_t n = hl_vdm_bytes(&piece->part);
	const size_t done = answer->bytes_completed < n ? answer->bytes_completed : n;
	const int from_end = answer->result == RESULT_BACKWARD && goes_backward(&piece->part);

	piece->part = part_of(&piece->part, from_end ? 0 : done, n - done);
	piece->base += done;
	if (piece->part.type == VDM_OPERATION_CRC32C && done > 0)
		piece->part.data.crc32c.seed = (uint32_t)answer->crc_val;
}

/* Flags that the device refused are not used again. Returns 1: without them the descriptor may be taken. */
static int give_up_flags(const struct hl_dsa_piece *piece, struct hl_dsa_engine *engine, const struct dsa_hw_desc *descriptor,
			 uint32_t refused)
{
	const uint32_t invalid = refused & descriptor->flags;
	const uint64_t cache = piece->part.type == VDM_OPERATION_FLUSH ? HL_DSA_CAP_CACHE_CONTROL_FLUSH : HL_DSA_CAP_CACHE_CONTROL_MEMORY;
	const uint64_t given_up = (invalid & IDXD_OP_FLAG_BOF ? HL_DSA_CAP_BLOCK_ON_FAULT : 0) |
				  (invalid & IDXD_OP_FLAG_CC ? cache : 0) | (invalid & IDXD_OP_FLAG_DRDBK ? HL_DSA_CAP_READBACK : 0);

	(void)hl_u64_fetch_and_relaxed(&engine->capabilities, ~given_up);
	return given_up != 0;
}

static void take_success(const struct hl_dsa_piece *piece, const struct dsa_completion_record *answer)
{
	const struct vdm_operation_data_compare *const compare = &piece->part.data.compare;

	if (piece->part.type == VDM_OPERATION_CRC32C)
		piece->output->output.crc32c.crc = (uint32_t)answer->crc_val;
	if (piece->part.type != VDM_OPERATION_COMPARE || answer->result == 0)
		return;
	/* the device says where, but may say so roughly: the bytes before are equal */
	const size_t equal = answer->bytes_completed < compare->n ? answer->bytes_completed : 0;
	note_difference(piece, equal + hl_compare((const char *)compare->first + equal, (const char *)compare->second + equal,
						  compare->n - equal));
}

/* An error for which the CPU stands in. */
static void take_error(const struct hl_dsa_piece *piece, struct hl_dsa_engine *engine, unsigned status)
{
	count(&engine->errors);
	if (status == DSA_COMP_BAD_OPCODE)
		(void)hl_u64_fetch_or_relaxed(&engine->opcodes_refused, UINT64_C(1) << opcode_of(piece));
	if (status >= STATUS_AFTER_THE_FACT && piece->part.type == VDM_OPERATION_MEMMOVE && !hl_vdm_can_be_split(&piece->part))
		piece->output->result = VDM_ERROR_JOB_CORRUPTED;
	else
		piece_by_cpu(piece, engine);
}

/* Returns 1: there is something left of the piece. */
static int take_piece(struct hl_dsa_piece *piece, struct hl_dsa_engine *engine, const struct dsa_hw_desc *descriptor,
		      const struct dsa_completion_record *answer)
{
	const unsigned status = answer->status & DSA_COMP_STATUS_MASK;

	switch (status) {
	case DSA_COMP_NONE: /* its batch did not get so far */
		return 1;
	case DSA_COMP_SUCCESS:
		take_success(piece, answer);
		return 0;
	case DSA_COMP_PAGE_FAULT_NOBOF:
		count(&engine->faults);
		touch_fault(descriptor, answer);
		shorten(piece, answer);
		return hl_vdm_bytes(&piece->part) > 0;
	case DSA_COMP_INVALID_FLAGS:
		if (give_up_flags(piece, engine, descriptor, answer->invalid_flags)) {
			count(&engine->errors);
			return 1;
		}
		take_error(piece, engine, status);
		return 0;
	default:
		take_error(piece, engine, status);
		return 0;
	}
}

/* What a batch's own answer says. Returns its status. */
static unsigned take_batch(const struct hl_dsa_plan *plan, struct hl_dsa_engine *engine)
{
	const struct dsa_completion_record answer = hl_dsa_completion_read(&plan->completion);
	const unsigned status = answer.status & DSA_COMP_STATUS_MASK;

	switch (status) {
	case DSA_COMP_SUCCESS:
	case DSA_COMP_BATCH_FAIL:
		break;
	case DSA_COMP_BATCH_PAGE_FAULT:
		count(&engine->faults);
		(void)touch(answer.fault_addr / PAGE * PAGE, plan->head.desc_list_addr, sizeof(plan->list), 0);
		break;
	case DSA_COMP_BAD_OPCODE: /* it takes no batches, or not ours */
	case DSA_COMP_INVALID_FLAGS:
	case DSA_COMP_DESC_CNT_ERANGE:
		hl_u32_store_relaxed(&engine->batch_max, 0);
		count(&engine->errors);
		break;
	default:
		count(&engine->errors);
	}
	return status;
}

/* ---- API ------------------------------------------------------------------------------------------ */

static void finish(struct hl_dsa_plan *plan)
{
	const struct vdm_operation_data_batch *const batch = &plan->operation.data.batch;

	if (plan->operation.type != VDM_OPERATION_BATCH)
		return;
	hl_vdm_fill_output(&plan->output, &plan->operation, VDM_SUCCESS);
	plan->output.output.batch.failed = 0;
	for (size_t i = 0; i < batch->count; i++)
		plan->output.output.batch.failed += batch->outputs[i].result != VDM_SUCCESS;
	if (plan->output.output.batch.failed > 0)
		plan->output.result = VDM_ERROR_JOB_CORRUPTED;
}

/* All that is left. */
static void rest_by_cpu(struct hl_dsa_plan *plan, struct hl_dsa_engine *engine)
{
	struct hl_dsa_piece piece;

	for (unsigned i = 0; i < plan->pieces_count; i++)
		piece_by_cpu(&plan->pieces[i], engine);
	plan->pieces_count = 0;
	while (cut(plan, engine, &piece)) /* ends with the operation's bytes */
		piece_by_cpu(&piece, engine);
	plan->is_begun = 1;
}

void hl_dsa_plan_begin(struct hl_dsa_plan *plan, const struct vdm_operation *operation)
{
	plan->operation = *operation;
	plan->flush = vdm_operation_flush(NULL, 0, 0);
	plan->at = plan->segment = plan->offset = 0;
	plan->pieces_count = plan->described = plan->setbacks = 0;
	plan->is_begun = 0;
}

int hl_dsa_plan_next(struct hl_dsa_plan *plan, struct hl_dsa_engine *engine)
{
	const uint32_t batch_max = hl_u32_load_relaxed(&engine->batch_max);
	const unsigned width = batch_max < 2 ? 1 : batch_max < HL_DSA_PIECES ? batch_max : HL_DSA_PIECES;
	struct hl_dsa_piece piece;

	while (plan->pieces_count < width && cut(plan, engine, &piece)) {
		if (is_able(&piece, engine)) {
			plan->pieces[plan->pieces_count++] = piece;
			continue;
		}
		if (piece.is_after && plan->pieces_count > 0) {
			plan->flush = piece.part;
			break;
		}
		piece_by_cpu(&piece, engine);
		plan->is_begun = 1;
	}
	if (plan->pieces_count == 0) {
		finish(plan);
		return 0;
	}
	if (plan->pieces_count > 1 && width > 1) {
		plan->described = plan->pieces_count;
		describe_batch(plan, engine);
	} else {
		plan->described = 1;
		plan->head = describe(&plan->pieces[0], engine, &plan->completion);
	}
	return 1;
}

void hl_dsa_plan_take_answer(struct hl_dsa_plan *plan, struct hl_dsa_engine *engine)
{
	const int is_batch = plan->described > 1;
	const unsigned batch_status = is_batch ? take_batch(plan, engine) : DSA_COMP_SUCCESS;
	int setback = batch_status != DSA_COMP_SUCCESS;
	unsigned kept = 0;

	plan->is_begun = 1;
	for (unsigned i = 0; i < plan->described; i++) {
		struct dsa_completion_record answer = hl_dsa_completion_read(is_batch ? &plan->completions[i] : &plan->completion);

		if (answer.status == DSA_COMP_NONE && batch_status >= STATUS_AFTER_THE_FACT)
			answer.status = (uint8_t)batch_status; /* nobody knows whether it was begun */
		if (take_piece(&plan->pieces[i], engine, is_batch ? &plan->list[i] : &plan->head, &answer)) {
			plan->pieces[kept++] = plan->pieces[i];
			setback = 1;
		}
	}
	for (unsigned i = plan->described; i < plan->pieces_count; i++)
		plan->pieces[kept++] = plan->pieces[i];
	plan->pieces_count = kept;
	plan->setbacks += (unsigned)setback;
	if (plan->setbacks >= SETBACKS_MAX)
		rest_by_cpu(plan, engine);
}

void hl_dsa_plan_refused(struct hl_dsa_plan *plan, struct hl_dsa_engine *engine, int error)
{
	if (plan->described > 1 && error == EINVAL)
		hl_u32_store_relaxed(&engine->batch_max, 0);
	else
		rest_by_cpu(plan, engine);
}
