/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_io_old_kernel.c: epoll where the kernel, or the kind of file, knows no reads and writes that do not wait (RWF_NOWAIT), and without
 * liburing.
 *
 * Method: the tests of test_io.c, with the backend compiled into them and a flag that no kernel knows.
 */
#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64
#include <sys/uio.h>

#undef RWF_NOWAIT
#define RWF_NOWAIT 0x40000000
#undef HASHLOOM_IO_HAS_URING
#include "io.c"
#include "io_epoll.c"

#include "test_io.c"
