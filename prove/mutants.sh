#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# mutants.sh BUILD [NAME...]: the negative controls. Builds the library with each mutation in turn (mutate.pl; or with those named),
# under BUILD, and runs the programs that are to catch it, until one does. Prints a line for each:
#
#     caught NAME by PROGRAM in SECONDS s
#     explained NAME: why nothing can catch it
#     SURVIVED NAME
#     nobody complains of the library as it is: that is tried first, if no NAME is given
#
# Status 1 if one survived or did not compile. WORKERS (default: the number of cores) builds are made at the same time.
set -eu
tree=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:?usage: mutants.sh BUILD [NAME...]}"
build=$(cd "$1" && pwd)
shift
workers=${WORKERS:-$(nproc)}
fixed_addresses=$(setarch "$(uname -m)" -R true 2>/dev/null && echo "setarch $(uname -m) -R" || true)
# Whatever the caller likes: a race and a wrong access end a program.
export TSAN_OPTIONS="${TSAN_OPTIONS:-}:exitcode=66" ASAN_OPTIONS="${ASAN_OPTIONS:-}:exitcode=1"
rm -f "$build/results"

configure() # DIRECTORY PRESET NAME
{
	cmake -S "$tree" --preset "$2" -B "$1" -DHASHLOOM_MUTATION="$3" -DHASHLOOM_PROGRAM=OFF -DHASHLOOM_BENCH=OFF \
		-DHASHLOOM_TREE_TESTS=OFF -DHASHLOOM_WERROR=OFF >"$1.log" 2>&1
}

# Scenarios are searched quickly first: nearly all mistakes show at once. Status 0; 1: the program has found a mistake; 2: it did not run.
run() # PROGRAM
{
	local status=0
	case ${1##*/} in
	scenarios_*)
		if [ "$mutation" = none ]; then
			$fixed_addresses timeout 600 "$1" --quick
		else
			$fixed_addresses timeout 600 "$1" --quick &&
				$fixed_addresses timeout 600 "$1" --random --schedules 20000 --seconds 10 &&
				$fixed_addresses timeout 600 "$1" --exhaustive --seconds 10
		fi ;;
	*) $fixed_addresses timeout 120 "$1" ;;
	esac || status=$?
	case $status in
	0) ;;
	2 | 124 | 126 | 127) return 2 ;;
	*) return 1 ;;
	esac
}

# Prints the program that catches the mutation; nothing if none does.
catch() # WORKER NAME PROGRAM...
{
	local directory preset worker=$1 name=$2 program status mutation=$2
	shift 2
	for program; do
		preset=release
		case $program in
		tsan:*) preset=tsan ;;
		asan:*) preset=asan ;;
		esac
		directory=$build/$worker-$preset
		mkdir -p "$directory"
		configure "$directory" $preset "$name" &&
			cmake --build "$directory" --target "${program#*:}" >>"$directory.log" 2>&1 ||
			{ cp "$directory.log" "$build/$name.log"; echo "nobody: it does not compile, see $build/$name.log"; return; }
		status=0
		run "$(find "$directory" -type f -name "${program#*:}")" >"$build/$name.log" 2>&1 || status=$?
		# a scenario that finds something says what
		[ $status -ne 1 ] || grep -q '^FAILED: \|WARNING: ThreadSanitizer\|ERROR: AddressSanitizer\|runtime error:\|: Assertion .* failed' "$build/$name.log" ||
			status=2
		case $status in
		1) echo "$program" && return ;;
		2) echo "nobody: $program did not run, see $build/$name.log" && return ;;
		esac
	done
}

try() # WORKER NAME PROGRAM...
{
	local begin=$SECONDS by
	by=$(catch "$@")
	case $by in
	'') [ "$2" = none ] && echo "nobody complains of the library as it is" || echo "SURVIVED $2" ;;
	nobody:*) echo "SURVIVED $2: ${by#nobody: }" ;;
	*) echo "caught $2 by $by in $((SECONDS - begin)) s" ;;
	esac
}

work() # WORKER
{
	local number=0 name programs why
	while read -r name programs; do
		number=$((number + 1))
		[ $((number % workers)) -eq "$1" ] || continue
		why=${programs#*# }
		programs=${programs%%#*}
		case $programs in
		none*) echo "explained $name: $why" ;;
		*) try "$1" "$name" $programs </dev/null ;;
		esac
	done <"$build/list"
}

"$tree/prove/mutate.pl" "$tree" --list >"$build/all"
if [ $# -gt 0 ]; then
	for name; do
		grep "^$name " "$build/all" || { echo "there is no mutation $name" >&2; exit 2; }
	done >"$build/list"
else
	# first of all the library as it is: a program that complains of that has found nothing in the others
	echo "none $(sed 's/#.*//; s/^[^ ]* //' "$build/all" | tr ' ' '\n' | sort -u | grep -v '^none$' | tr '\n' ' ')" >"$build/list"
	cat "$build/all" >>"$build/list"
fi
for worker in $(seq 0 $((workers - 1))); do
	work "$worker" &
done | tee "$build/results"
[ -s "$build/list" ] && [ "$(wc -l <"$build/results")" -eq "$(wc -l <"$build/list")" ] &&
	! grep -q '^SURVIVED\|^caught none ' "$build/results"
