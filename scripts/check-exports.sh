#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-exports.sh LIBRARY: the shared library exports something, and only names of the public API, and
# hl_ahm_, what the typed maps that are compiled into programs need of it.
set -eu
public='^(future|runtime|vdm|data_mover|atomic_hash_array|atomic_hash_map|async_hash_map|hashloom|hl_ahm)_'

names=$(nm -D --defined-only "$1" | awk '{ print $3 }')
[ -n "$names" ] || { echo "$1 exports nothing"; exit 1; }
if echo "$names" | grep -Ev "$public"; then
	echo "exported by $1, and not public"
	exit 1
fi
