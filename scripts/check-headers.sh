#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-headers.sh CC CXX [TREE]: every public header compiles alone, twice in one file, without a
# warning, as strict C11, C17, C++17 and C++20.
set -eu
cc=$1 cxx=$2
cd "${3:-$(dirname "$0")/..}/include"

include() # HEADER NUMBER
{
	case $1 in
	*array_typed.h) # a template: each inclusion makes another array
		printf '#define ATOMIC_HASH_ARRAY_NAME map_%s\n#define ATOMIC_HASH_ARRAY_VALUE int\n' "$2" ;;
	*map_typed.h)
		printf '#define ATOMIC_HASH_MAP_NAME map_%s\n#define ATOMIC_HASH_MAP_VALUE int\n' "$2" ;;
	*map_urcu.h) # goes with any flavour of liburcu, which is the user's to include
		echo '#include <urcu-qsbr.h>' ;;
	esac
	printf '#include <%s>\n' "$1"
}

compile() # COMPILER LANGUAGE STANDARD HEADER
{
	{ include "$4" 1; include "$4" 2; } |
		"$1" -x "$2" "-std=$3" -Wall -Wextra -Wpedantic -Werror -I. -c -o /dev/null - ||
		echo "$4 does not stand alone as $3"
}

headers=$(find . -name '*.h' | sort)
[ -n "$headers" ] || { echo "no headers"; exit 1; }
failed=$(for header in $headers; do
	for standard in c11 c17; do compile "$cc" c "$standard" "${header#./}"; done
	for standard in c++17 c++20; do compile "$cxx" c++ "$standard" "${header#./}"; done
done)
[ -z "$failed" ] || { echo "$failed"; exit 1; }
