#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# prove.sh OUT: all that docs/proof.md says is proved, in less than an hour on two cores. Builds under OUT, writes what each
# part said to OUT/logs, and OUT/report.md. Status 0: no schedule and no history failed, and each mistake that was planted was found.
set -eu
tree=$(cd "$(dirname "$0")/.." && pwd)
rm -rf "$1/logs" "$1/status" "$1/mutants/results" "$1/report.md"
mkdir -p "$1/logs" "$1/status"
out=$(cd "$1" && pwd)
begin=$SECONDS
# Whatever the caller likes: a race ends a program.
export TSAN_OPTIONS="${TSAN_OPTIONS:-}:exitcode=66"
fixed_addresses=$(setarch "$(uname -m)" -R true 2>/dev/null && echo "setarch $(uname -m) -R" || true)

build() # PRESET
{
	cmake -S "$tree" --preset "$1" -B "$out/$1" -DHASHLOOM_PROGRAM=OFF -DHASHLOOM_BENCH=OFF -DHASHLOOM_TREE_TESTS=OFF
	cmake --build "$out/$1" --parallel "$(nproc)" --target prove_programs
}

# Each line: the name of the log, and a command. What takes longest comes first.
jobs()
{
	local program name memory
	programs | while read -r name program; do
		echo "search-$name-sc $out/release/prove/$program --memory sc --schedules 5000 --seconds 30 --whole"
	done
	programs | while read -r name program; do
		for memory in tso relaxed; do
			echo "search-$name-$memory $out/release/prove/$program --memory $memory --schedules 2000 --seconds 4"
		done
	done
	# these are about the scheduler, not the library
	programs | grep -v '^litmus\|^programs' | while read -r name program; do
		echo "races-$name $out/tsan/prove/$program --quick"
		echo "weaken-$name $out/release/prove/$program --weaken --memory relaxed --random --schedules 1000"
		echo "weaken-$name-races $out/tsan/prove/$program --weaken --random --schedules 100"
	done
	# Some orders are needed by one schedule in thousands of one scenario.
	while read -r name scenario; do
		echo "weaken-$name-deep $out/release/prove/scenarios_$name --weaken --memory relaxed --exhaustive --seconds 20 --scenario $scenario"
	done <<-end
		map_overflow overflow-tells-and-another-rises.any_key
		async_map absent-is-remembered
		intern intern-apart-in-one-chunk
		movers left-behind
	end
	# And others by rare schedules of a scenario that is too long to be searched.
	while read -r name scenario; do
		echo "weaken-$name-rare $out/release/prove/scenarios_$name --weaken --memory relaxed --random --schedules 20000 --scenario $scenario"
	done <<-end
		movers burst-for-two-workers
		executor shutdown-after-spawn
	end
	echo "wakes $out/release/prove/wakes --wakes 10000000"
	echo "wakes-races $out/tsan/prove/wakes --wakes 1000000"
	echo "histories-atomic $out/release/prove/prove_histories --histories 100000 --threads 3"
	echo "histories-tsc $out/release/prove/prove_histories --histories 100000 --threads 3 --clock tsc --seed 2"
}

programs()
{
	local program
	for program in "$out"/release/prove/scenarios_*; do
		echo "${program##*/scenarios_} ${program##*/}"
	done
}

run_job() # NAME COMMAND...
{
	local name=$1 begin=$SECONDS status=0
	shift
	$fixed_addresses timeout 1800 "$@" >"$out/logs/$name" 2>&1 || status=$?
	echo "$status" >"$out/status/$name"
	echo "$name: status $status, $((SECONDS - begin)) s"
}

build release
build tsan
export -f run_job
export out fixed_addresses
jobs >"$out/jobs"
xargs -a "$out/jobs" -P "$(nproc)" -L 1 bash -c 'run_job "$@"' run_job
status=0
"$tree/prove/mutants.sh" "$out/mutants" || status=1
echo "$status" >"$out/status/mutants"
echo mutants >>"$out/jobs"
"$tree/prove/report.sh" "$out" "$((SECONDS - begin))" >"$out/report.md" || status=1
cat "$out/report.md"
exit "$status"
