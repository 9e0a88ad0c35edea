/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * version.h: what --version prints. The build may define it; tests/kv_options.sh compares it with
 * CMakeLists.txt.
 */
#ifndef HASHLOOM_TOOL_VERSION_H
#define HASHLOOM_TOOL_VERSION_H

#ifndef HASHLOOM_VERSION
#define HASHLOOM_VERSION "0.1.0"
#endif

#endif
