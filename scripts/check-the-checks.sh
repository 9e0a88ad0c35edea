#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-the-checks.sh CC CXX: plants faults in copies of the tree; each check must find its own.
set -eu
cc=$1 cxx=$2
tree=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

expect_red() # WHAT-THE-CHECK-SAYS CHECK ARGUMENT...
{
	said=$1
	shift
	if "$@" >"$dir/log" 2>&1 || ! grep -qF "$said" "$dir/log"; then
		echo "no \"$said\" from: $*"
		cat "$dir/log"
		failed=1
	fi
}

fresh_copy()
{
	rm -rf "$dir/tree"
	mkdir "$dir/tree"
	cp -R "$tree/include" "$tree/src" "$tree/tools" "$dir/tree"
}

plant() # LINE FILE: becomes line 1 of the file in a fresh copy
{
	fresh_copy
	{ echo "$1"; cat "$tree/$2"; } >"$dir/tree/$2"
}

for fault in \
	'include/hashloom/vdm.h <hashloom/runtime.h>' \
	'include/hashloom/atomic_hash_array.h <hashloom/future.h>' \
	'src/runtime.c "memory.h"'
do
	file=${fault% *}
	plant "#include ${fault#* }" "$file"
	expect_red "$file:1: " "$tree/scripts/check-layers.sh" "$dir/tree"
done

plant 'static int uses(size_t n);' include/hashloom/base.h
expect_red 'hashloom/base.h does not stand alone as c11' \
	"$tree/scripts/check-headers.sh" "$cc" "$cxx" "$dir/tree"

echo 'int hl_stray(void); int hl_stray(void) { return 0; }' |
	"$cc" -x c -shared -fPIC -o "$dir/stray.so" -
expect_red hl_stray "$tree/scripts/check-exports.sh" "$dir/stray.so"

fresh_copy
sed -i 's/return policy->hash != NULL .*/uint64_t (*volatile hash)(uint64_t) = policy->hash; return hash(key);/' \
	"$dir/tree/include/hashloom/atomic_hash_array_core.h"
expect_red 'calls through a pointer' "$tree/scripts/check-machine-code.sh" "$cc" "$dir/tree/include"

exit $failed
