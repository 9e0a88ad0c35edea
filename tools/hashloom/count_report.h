/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* count_report.h: sorts what was counted, and prints it. */
#ifndef HASHLOOM_TOOL_COUNT_REPORT_H
#define HASHLOOM_TOOL_COUNT_REPORT_H

#include <hashloom/intern.h>

#include "count_options.h"

/* The counts are the values. Returns the exit status; messages are printed. */
int count_report(const struct hashloom_intern *intern, const struct count_options *options);

#endif
