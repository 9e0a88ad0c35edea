#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-output.sh EXPECTED COMMAND...: the command succeeds, and what it prints is what the file says.
set -eu
expected=$1
shift
output=$("$@" </dev/null)
printf '%s\n' "$output" | diff -u "$expected" -
