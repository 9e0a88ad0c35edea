/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * dsa_hardware.c: finding a work queue of the device through sysfs, and three ways to hand it a descriptor.
 *
 *     ROOT/sys/bus/dsa/devices/dsaX      the device: gen_cap (iaxX, the analytics engine, has queues there too, which are not ours)
 *     ROOT/sys/bus/dsa/devices/wqX.Y     a queue of it: state, type, mode, size, block_on_fault, max_transfer_size, max_batch_size
 *     ROOT/dev/dsa/wqX.Y                 its character device: mmap() gives its portal, write() takes descriptors
 *
 * (Documentation/ABI/stable/sysfs-driver-dma-idxd, drivers/dma/idxd/cdev.c.) The portal is a page of device memory; a store of 64 bytes
 * to it is a submission: MOVDIR64B to a dedicated queue's; ENQCMD to a shared one's, which also brings back whether the queue had
 * room (ZF clear) or not (ZF set). Both are ordered after earlier stores by the fence before them.
 */
#include "dsa_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SYSFS "/sys/bus/dsa/devices"
#define NODES "/dev/dsa"
#define PORTAL_BYTES 4096
#define TRANSFER_MAX_DEFAULT (2U << 20)
#define ENQCMD_TURNS 16

struct hardware {
	struct hl_dsa_device device; /* first: found from it */
	int fd;
	void *portal; /* NULL: not mapped */
};

/* ---- the processor's ways ------------------------------------------------------------------------- */

#if defined(__x86_64__)

#include <cpuid.h>
#include <emmintrin.h>

#define LEAF_EXTENDED_FEATURES 7
#define ECX_MOVDIR64B (1U << 28)
#define ECX_ENQCMD (1U << 29)

static unsigned portal_instructions(void)
{
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid_count(LEAF_EXTENDED_FEATURES, 0, &eax, &ebx, &ecx, &edx) ? ecx & (ECX_MOVDIR64B | ECX_ENQCMD) : 0;
}

/* By their bytes, for assemblers that do not know them. */
static void portal_movdir64b(void *portal, const struct dsa_hw_desc *descriptor)
{
	_mm_sfence();
	__asm__ __volatile__(".byte 0x66, 0x0f, 0x38, 0xf8, 0x02" /* movdir64b (%rdx), %rax */
			     :
			     : "a"(portal), "d"(descriptor)
			     : "memory");
}

/* Returns 1: the queue had no room. */
static int portal_enqcmd(void *portal, const struct dsa_hw_desc *descriptor)
{
	unsigned char full;

	_mm_sfence();
	__asm__ __volatile__(".byte 0xf2, 0x0f, 0x38, 0xf8, 0x02\n\t" /* enqcmd (%rdx), %rax */
			     "setz %0"
			     : "=&q"(full)
			     : "a"(portal), "d"(descriptor)
			     : "memory", "cc");
	return full;
}

#else

#define ECX_MOVDIR64B 1U
#define ECX_ENQCMD 2U

static unsigned portal_instructions(void)
{
	return 0;
}

static void portal_movdir64b(void *portal, const struct dsa_hw_desc *descriptor)
{
	(void)portal;
	(void)descriptor;
}

static int portal_enqcmd(void *portal, const struct dsa_hw_desc *descriptor)
{
	(void)portal;
	(void)descriptor;
	return 1;
}

#endif

static enum hl_dsa_submission submit_enqcmd(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor)
{
	struct hardware *const hardware = (struct hardware *)device;

	for (unsigned turn = 0; turn < ENQCMD_TURNS; turn++) {
		if (!portal_enqcmd(hardware->portal, descriptor))
			return HL_DSA_ACCEPTED;
		hl_relax();
	}
	return HL_DSA_RETRY;
}

static enum hl_dsa_submission submit_movdir64b(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor)
{
	portal_movdir64b(((struct hardware *)device)->portal, descriptor);
	return HL_DSA_ACCEPTED;
}

static enum hl_dsa_submission submit_write(struct hl_dsa_device *device, const struct dsa_hw_desc *descriptor)
{
	const ssize_t written = write(((struct hardware *)device)->fd, descriptor, sizeof(*descriptor));

	if (written == (ssize_t)sizeof(*descriptor))
		return HL_DSA_ACCEPTED;
	if (written >= 0) /* half a descriptor is none */
		errno = EIO;
	return errno == EAGAIN || errno == EINTR ? HL_DSA_RETRY : HL_DSA_REFUSED;
}

static void hardware_relax(struct hl_dsa_device *device)
{
	(void)device;
	hl_yield();
}

/* The kernel waits for what the process has in the queue when its last file is closed; the mapping counts as one. */
static void hardware_close(struct hl_dsa_device *device)
{
	struct hardware *const hardware = (struct hardware *)device;

	if (hardware->portal != NULL)
		(void)munmap(hardware->portal, PORTAL_BYTES);
	(void)close(hardware->fd);
	free(hardware);
}

/* ---- sysfs ---------------------------------------------------------------------------------------- */

/* A file of one line, without its end. Returns 0: it cannot be read, or is too long. */
static int read_line(const char *root, const char *name, const char *attribute, char *line, size_t size)
{
	char path[PATH_MAX];
	const int length = snprintf(path, sizeof(path), "%s" SYSFS "/%s/%s", root, name, attribute);
	const int fd = length > 0 && (size_t)length < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return 0;
	const ssize_t n = read(fd, line, size);
	(void)close(fd);
	if (n < 0 || (size_t)n == size)
		return 0;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 1;
}

static int attribute_is(const char *root, const char *name, const char *attribute, const char *value)
{
	char line[64];

	return read_line(root, name, attribute, line, sizeof(line)) && strcmp(line, value) == 0;
}

static uint64_t attribute_number(const char *root, const char *name, const char *attribute, uint64_t otherwise)
{
	char line[64];
	char *end;

	if (!read_line(root, name, attribute, line, sizeof(line)))
		return otherwise;
	const uint64_t number = strtoull(line, &end, 0);
	return end == line || *end != '\0' ? otherwise : number;
}

static uint32_t limited(uint64_t number)
{
	return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* The name of the device that a queue belongs to: "wq0.1" -> "dsa0". Returns 0: not a queue. */
static int device_of(const char *queue, char *name, size_t size)
{
	unsigned device, number;
	char rest;

	if (sscanf(queue, "wq%u.%u%c", &device, &number, &rest) != 2)
		return 0;
	(void)snprintf(name, size, "dsa%u", device);
	return 1;
}

static int is_usable(const char *root, const char *queue, const char *device)
{
	char line[64];

	return read_line(root, device, "gen_cap", line, sizeof(line)) && attribute_is(root, queue, "state", "enabled") &&
	       attribute_is(root, queue, "type", "user");
}

/* ---- opening -------------------------------------------------------------------------------------- */

static void choose_path(struct hardware *hardware, int is_shared)
{
	static const struct hl_dsa_functions by_enqcmd = { submit_enqcmd, hardware_relax, hardware_close };
	static const struct hl_dsa_functions by_movdir64b = { submit_movdir64b, hardware_relax, hardware_close };
	static const struct hl_dsa_functions by_write = { submit_write, hardware_relax, hardware_close };
	const unsigned wanted = is_shared ? ECX_ENQCMD : ECX_MOVDIR64B;

	hardware->device.functions = &by_write;
	hardware->device.path = DATA_MOVER_DSA_WRITE;
	if (!(portal_instructions() & wanted))
		return;
	void *const portal = mmap(NULL, PORTAL_BYTES, PROT_WRITE, MAP_SHARED, hardware->fd, 0);
	if (portal == MAP_FAILED)
		return;
	hardware->portal = portal;
	hardware->device.functions = is_shared ? &by_enqcmd : &by_movdir64b;
	hardware->device.path = is_shared ? DATA_MOVER_DSA_ENQCMD : DATA_MOVER_DSA_MOVDIR64B;
}

/* Returns 0, or an errno. */
static int open_queue(const char *root, const char *queue, const char *device, struct hl_dsa_device **opened)
{
	char path[PATH_MAX];
	const int length = snprintf(path, sizeof(path), "%s" NODES "/%s", root, queue);
	const int is_shared = attribute_is(root, queue, "mode", "shared");
	const uint64_t block_on_fault = attribute_number(root, queue, "block_on_fault", 0);
	const uint64_t capabilities = attribute_number(root, device, "gen_cap", 0);

	if (length < 0 || (size_t)length >= sizeof(path))
		return ENAMETOOLONG;
	const int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno;
	struct hardware *const hardware = calloc(1, sizeof(*hardware));
	if (hardware == NULL) {
		(void)close(fd);
		return ENOMEM;
	}
	hardware->fd = fd;
	hardware->device = (struct hl_dsa_device){
		.capabilities = block_on_fault ? capabilities : capabilities & ~HL_DSA_CAP_BLOCK_ON_FAULT,
		.queue_size = is_shared ? 0 : limited(attribute_number(root, queue, "size", 1)),
		.batch_max = limited(attribute_number(root, queue, "max_batch_size", 0)),
		.transfer_max = limited(attribute_number(root, queue, "max_transfer_size", TRANSFER_MAX_DEFAULT)),
	};
	if (!is_shared && hardware->device.queue_size == 0)
		hardware->device.queue_size = 1;
	if (hardware->device.transfer_max == 0)
		hardware->device.transfer_max = TRANSFER_MAX_DEFAULT;
	choose_path(hardware, is_shared);
	*opened = &hardware->device;
	return 0;
}

int hl_dsa_hardware_open(const char *root, struct hl_dsa_device **device)
{
	char path[PATH_MAX], name[32];
	struct dirent **entries;
	const int length = snprintf(path, sizeof(path), "%s" SYSFS, root);
	const int count = length > 0 && (size_t)length < sizeof(path) ? scandir(path, &entries, NULL, alphasort) : -1;
	int error = ENODEV;
	int is_open = 0;

	if (count < 0)
		return ENODEV;
	for (int i = 0; i < count; i++) {
		const char *const queue = entries[i]->d_name;

		if (!is_open && device_of(queue, name, sizeof(name)) && is_usable(root, queue, name)) {
			const int failed = open_queue(root, queue, name, device);

			is_open = failed == 0;
			if (error == ENODEV) /* the first queue's is told */
				error = failed;
		}
		free(entries[i]);
	}
	free(entries);
	return is_open ? 0 : error;
}
