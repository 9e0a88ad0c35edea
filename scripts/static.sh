#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# static.sh OUT [TREE [FILE...]]: what programs find by reading the code: gcc -fanalyzer, clang-tidy (its checks stand in
# .clang-tidy) and cppcheck over src/ and tools/ or the files named, then the exported names and the headers. Logs are
# written under OUT. Status 1, and what was found is in OUT/findings, if a tool found something, if one did not come to
# its end, or if a finding that scripts/static-suppressions.txt explains away is no longer there. Each run first
# shows each tool a file with faults, which it must find.
set -eu

out=${1:?usage: static.sh OUT [TREE [FILE...]]}
scripts=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "${2:-$scripts/..}"
shift $(($# < 2 ? $# : 2))
is_whole=$(($# == 0))
[ $# -gt 0 ] || set -- src/*.c tools/hashloom/*.c

# What is always_inline would be pasted into all its callers, and gcc would look at each copy: for hours instead of minutes.
flags='-std=gnu11 -Iinclude -Isrc -Dalways_inline=unused'
seconds_max=1800 # of processor time, for a tool and a file

# Each of these prints FILE:LINE:COLUMN: warning: TEXT [CHECK], among other lines.
run_gcc() # FILE
{
	# word splitting is meant, here and below
	# shellcheck disable=SC2086
	LC_ALL=C gcc $flags -O0 -fanalyzer -fdiagnostics-plain-output -c -o /dev/null "$1" 2>&1
}

run_clang_tidy() # FILE
{
	# shellcheck disable=SC2086
	clang-tidy --quiet --config-file="$scripts/../.clang-tidy" "$1" -- $flags 2>&1
}

run_cppcheck() # FILE
{
	cppcheck --enable=warning,performance,portability --std=c11 --language=c -Iinclude -Isrc -D__x86_64__ -D__linux__ \
		--quiet --template='{file}:{line}:{column}: warning: {message} [{id}]' --template-location='' "$1" 2>&1
}

# Lines FILE:LINE<tab>CHECK<tab>TEXT, each once. A path within the tree is told from its root.
findings_in() # LOG
{
	sed -n -E -e "s,^($PWD/)?,," -e 's/^([^: ]+:[0-9]+):[0-9]+: (warning|error|fatal error): (.*)$/\1\t\3/p' "$1" |
		awk -F '\t' '{
			check = "error"
			if (match($2, / \[[^][ ]*\]$/)) {
				check = substr($2, RSTART + 2, RLENGTH - 3)
				$2 = substr($2, 1, RSTART - 1)
			}
			sub(/^-W/, "", check)
			printf "%s\t%s\t%s\n", $1, check, $2
		}' | sort -u
}

# FILE: the file that has been looked at
run_tool() # TOOL LOG FILE
{
	# POSIX has no -t; dash and bash have
	# shellcheck disable=SC3045
	(ulimit -t $seconds_max && "run_$1" "$3") >"$2" || echo "$3:1:1: warning: status $? of $1 [failed]" >>"$2"
}

# Drops what the list explains, and notes which of its lines that took. The list: see its head.
explain() # FINDINGS USED
{
	awk -F '\t' -v used="$2" '
	FILENAME == ARGV[1] {
		if ($0 ~ /^[^#[:space:]]/ && split($0, part, / *[|] */) == 4) {
			n++
			check[n] = part[1]
			file[n] = part[2]
			text[n] = part[3]
		}
		next
	}
	{
		split($1, place, ":")
		line = ""
		for (i = 0; i < place[2] && (getline line < place[1]) > 0; i++)
			;
		close(place[1])
		for (i = 1; i <= n; i++) {
			if ($2 == check[i] && index(place[1], file[i]) == 1 && index(line, text[i])) {
				print check[i] " | " file[i] " | " text[i] >>used
				next
			}
		}
		print
	}' "$scripts/static-suppressions.txt" "$1"
}

# The tools must find what is in this file.
control()
{
	cat >"$out/control.c" <<'FAULTS'
#include <stdlib.h>
int leak(int n);
int null(int n);
int leak(int n)
{
	int *const p = malloc(sizeof(*p));

	if (p == NULL)
		return 0;
	*p = n;
	return *p;
}
int null(int n)
{
	int *p = NULL;

	if (n > 3)
		p = &n;
	return *p;
}
FAULTS
	for tool in gcc clang_tidy cppcheck; do
		run_tool $tool "$out/control.log" "$out/control.c"
		for fault in '[lL]eak' '[nN]ull.*[pP]ointer|NULL'; do
			findings_in "$out/control.log" | grep -qE "$fault" && continue
			echo "$tool does not find what it should, see $out/control.log"
			exit 1
		done
	done
}

control
: >"$out/findings"
: >"$out/used"
printf '%-12s %6s %9s %10s %8s\n' tool files findings explained seconds
for tool in gcc clang_tidy cppcheck; do
	since=$(date +%s)
	: >"$out/found"
	for file; do
		log=$out/$tool-$(echo "$file" | tr / _).log
		run_tool $tool "$log" "$file"
		findings_in "$log" >>"$out/found"
	done
	sort -u "$out/found" >"$out/found-once"
	explain "$out/found-once" "$out/used" >"$out/left"
	sed "s/\$/ ($tool)/" "$out/left" >>"$out/findings"
	all=$(wc -l <"$out/found-once") left=$(wc -l <"$out/left")
	printf '%-12s %6d %9d %10d %8d\n' $tool $# "$left" $((all - left)) $(($(date +%s) - since))
done

if [ $is_whole = 1 ]; then
	sed -n -E 's/^([^#|]+ \| [^|]+ \| [^|]*[^| ]) +\| .*/\1/p' "$scripts/static-suppressions.txt" | while read -r line; do
		grep -qF -- "$line" "$out/used" || echo "explained, but not found: $line" >>"$out/findings"
	done
	cmake -S . -B "$out/build" -DCMAKE_BUILD_TYPE=None -DHASHLOOM_PROGRAM=OFF >"$out/build.log" &&
		cmake --build "$out/build" --target hashloom_shared >>"$out/build.log" &&
		"$scripts/check-exports.sh" "$out/build/src/libhashloom.so" >>"$out/findings" 2>&1 ||
		echo "check-exports.sh failed" >>"$out/findings"
	"$scripts/check-headers.sh" gcc g++ "$PWD" >>"$out/findings" 2>&1 || echo "check-headers.sh failed" >>"$out/findings"
	echo "exported names and headers: checked"
fi

cat "$out/findings"
[ ! -s "$out/findings" ]
