#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# prove.sh OUT: all that docs/proof.md says is proved, in less than an hour on two cores. Builds under OUT, writes what each
# part said to OUT/logs, and OUT/report.md. Status 0: no schedule and no history failed, and each mistake that was planted was found.
set -eu
tree=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/logs"
out=$(cd "$1" && pwd)
rm -f "$out"/logs/*
begin=$SECONDS
fixed_addresses=$(setarch "$(uname -m)" -R true 2>/dev/null && echo "setarch $(uname -m) -R" || true)

build() # PRESET
{
	cmake -S "$tree" --preset "$1" -B "$out/$1" -DHASHLOOM_PROGRAM=OFF -DHASHLOOM_BENCH=OFF -DHASHLOOM_TREE_TESTS=OFF
	cmake --build "$out/$1" --parallel "$(nproc)" --target prove_programs
}

# One line: the name of the log, and a command.
jobs()
{
	local program name memory
	for program in "$out"/release/prove/scenarios_*; do
		[ -f "$program" ] || continue
		name=${program##*/scenarios_}
		for memory in sc tso relaxed; do
			echo "search-$name-$memory $program --memory $memory --schedules 50000 --seconds 120"
		done
		echo "races-$name $out/tsan/prove/scenarios_$name --seconds 20 --schedules 20000"
		echo "weaken-$name $program --weaken --memory relaxed --random --schedules 1000"
		echo "weakentsan-$name $out/tsan/prove/scenarios_$name --weaken --random --schedules 200"
	done
	histories
}

# 10^5 histories of three threads, over all maps.
histories()
{
	local map reuse
	for map in typed erased array async; do
		for reuse in never same_key any_key; do
			echo "histories-$map-$reuse $out/release/prove/prove_histories --map $map --reuse $reuse --histories 12000 --threads 3"
		done
	done
}

run_job() # NAME COMMAND...
{
	local name=$1 begin=$SECONDS status=0
	shift
	$fixed_addresses "$@" >"$out/logs/$name" 2>&1 || status=$?
	echo "$status $((SECONDS - begin)) s" >"$out/logs/$name.status"
	echo "$name: status $status, $((SECONDS - begin)) s"
}

build release
build tsan
export -f run_job
export out fixed_addresses
jobs | xargs -P "$(nproc)" -L 1 bash -c 'run_job "$@"' run_job
status=0
"$tree/prove/mutants.sh" "$out/mutants" || status=1
"$tree/prove/report.sh" "$out" "$((SECONDS - begin))" >"$out/report.md" || status=1
cat "$out/report.md"
exit "$status"
