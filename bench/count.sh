#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# count.sh PROGRAM [TEXT]: how fast `hashloom count --words` is, beside an array of awk in one thread, and beside
# sort and uniq. TEXT is a file; without it, the kernel's documentation of Debian's package linux-doc, some 40 MB, is
# fetched once, to build/bench/. Five times each in turns, wall clock, output to a file; first it is seen to that all
# say the same. Prints a table of seconds, medians, and how many times as long as hashloom each one takes.
set -eu
program=${1:?usage: count.sh PROGRAM [TEXT]}
repetitions=5
folder=$(cd "$(dirname "$0")/.." && pwd)/build/bench
LC_ALL=C
export LC_ALL

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() # TEXT
{
	package=$(apt-cache depends linux-doc | sed -n 's/^ *Depends: //p' | head -n 1)
	(cd "$work" && apt-get download "${package:?no package linux-doc; apt-get update?}" >&2)
	dpkg -x "$work"/"$package"_*.deb "$work/doc"
	mkdir -p "$(dirname "$1")"
	find "$work/doc" -path '*/Documentation/*' -name '*.gz' | sort | xargs zcat >"$1.part"
	mv "$1.part" "$1"
	rm -rf "$work"/*.deb "$work/doc"
}

text=${2:-$folder/linux-doc.txt}
[ -s "$text" ] || fetch "$text"

# The peers, each a function that prints lines "COUNT KEY" of the text's words, in any order and width.
awk_program='{ for (i = 1; i <= NF; i++) c[$i]++ } END { for (k in c) print c[k], k }'
# shellcheck disable=SC2317
hashloom() { "$program" count --words "$text"; }
# shellcheck disable=SC2317
hashloom_1() { "$program" count --words --threads 1 "$text"; }
# shellcheck disable=SC2317
mawk_array() { mawk "$awk_program" "$text"; }
# shellcheck disable=SC2317
gawk_array() { gawk "$awk_program" "$text"; }
# shellcheck disable=SC2317
sort_uniq() { tr -s ' \t' '\n\n' <"$text" | sed '/^$/d' | sort | uniq -c | sort -rn; }

peers='hashloom hashloom_1 sort_uniq'
for awk in mawk gawk; do
	if command -v "$awk" >/dev/null; then
		peers="$peers ${awk}_array"
	else
		echo "$awk is not installed" >&2
	fi
done

# As uniq -c writes it, in the order of sort -rn.
normal() { sed 's/^ *//' | awk '{ n = $1; sub(/^[0-9]* /, ""); printf "%7d %s\n", n, $0 }' | sort -rn; }

hashloom >"$work/expected"
for peer in $peers; do
	"$peer" | normal | cmp - "$work/expected" || { echo "$peer says something else" >&2; exit 1; }
done
normal <"$work/expected" | cmp - "$work/expected"

i=0
while [ "$i" -lt "$repetitions" ]; do
	for peer in $peers; do
		start=$(date +%s%N)
		"$peer" >"$work/out"
		echo "$peer $((($(date +%s%N) - start) / 1000))" >>"$work/times"
	done
	i=$((i + 1))
done

echo "$(uname -m), $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1); $("$program" --version)"
echo "$text: $(wc -c <"$text") bytes, $(wc -w <"$text") words, $(wc -l <"$work/expected") different; seconds"
sort -k1,1 -k2,2n "$work/times" | awk '
{ list[$1] = list[$1] sprintf(" %.3f", $2 / 1e6); n[$1]++; times[$1, n[$1]] = $2 / 1e6 }
END {
	for (peer in n)
		median[peer] = times[peer, int((n[peer] + 1) / 2)]
	for (peer in n)
		printf "%-12s median %.3f  x %5.2f   %s\n", peer, median[peer], median[peer] / median["hashloom"], list[peer]
}' | sort -k3,3n
