/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* hashloom.h: everything, in the order of the layers. */
#ifndef HASHLOOM_H
#define HASHLOOM_H

#include <hashloom/base.h>
#include <hashloom/atomic.h>
#include <hashloom/alloc.h>
#include <hashloom/future.h>
#include <hashloom/runtime.h>
#include <hashloom/timers.h>
#include <hashloom/combine.h>
#include <hashloom/poller.h>
#include <hashloom/vdm.h>
#include <hashloom/data_mover_sync.h>
#include <hashloom/data_mover_threads.h>
#include <hashloom/data_mover_dsa.h>
#include <hashloom/data_mover_dml.h>
#include <hashloom/data_mover_sim.h>
#include <hashloom/future_test.h>
#include <hashloom/atomic_hash_map.h>
#include <hashloom/atomic_hash_array.h>
#include <hashloom/intern.h>
#include <hashloom/async_hash_map.h>

#endif
