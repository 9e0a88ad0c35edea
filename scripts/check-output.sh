#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-output.sh PROGRAM EXPECTED: the program succeeds, and what it prints is what the file says.
set -eu
output=$("$1" </dev/null)
printf '%s\n' "$output" | diff -u "$2" -
