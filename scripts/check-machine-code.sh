#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-machine-code.sh CC [HEADERS]: what the compiler makes of a typed map's find, at plain -O2, has no call through a pointer, and
# none at all on the way to a hit in the home group.
set -eu
cc=$1
include=${2:-$(dirname "$0")/../include}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat >"$tmp/find.c" <<'EOF'
#define ATOMIC_HASH_MAP_NAME map
#define ATOMIC_HASH_MAP_VALUE uint64_t
#include <hashloom/atomic_hash_map_typed.h>
uint64_t *find(const struct map *map, uint64_t key);
uint64_t *find(const struct map *map, uint64_t key)
{
	return map_find(map, key);
}
size_t find_batch(const struct map *map, const uint64_t *keys, uint64_t **values);
size_t find_batch(const struct map *map, const uint64_t *keys, uint64_t **values)
{
	return map_find_batch(map, keys, 128, values);
}
EOF
"$cc" -std=c11 -O2 -I"$include" -c "$tmp/find.c" -o "$tmp/find.o"
objdump -d --no-show-raw-insn "$tmp/find.o" >"$tmp/code"

case $(uname -m) in
x86_64) indirect='(call|jmp) +\*' call='call' ;;
aarch64) indirect='(blr|br) ' call='bl ' ;;
*) echo "no patterns for this machine: nothing was checked"; exit 0 ;;
esac
grep -q '<find>:' "$tmp/code" || { echo "no find in what was compiled"; exit 1; }
if grep -E "[[:space:]]$indirect" "$tmp/code"; then
	echo "the typed find calls through a pointer"
	exit 1
fi
if awk '/^[0-9a-f]+ <find>:/ { inside = 1 } /^$/ { inside = 0 } inside' "$tmp/code" | grep -E "[[:space:]]$call"; then
	echo "the typed find calls a function"
	exit 1
fi
