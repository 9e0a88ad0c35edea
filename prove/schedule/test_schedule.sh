#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# test_schedule.sh PROGRAM: what the scheduler says of broken scenarios (broken.c), and that it says the same again.

set -u
program=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
faults=0
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:exitcode=1 TSAN_OPTIONS=${TSAN_OPTIONS:-}:exitcode=66

fault() {
	echo "FAULT: $*"
	faults=$((faults + 1))
}

# expect STATUS ARGUMENT...: runs the program; its output is in $work/out
expect() {
	wanted=$1
	shift
	"$program" "$@" >"$work/out" 2>"$work/err"
	status=$?
	[ $status -eq "$wanted" ] || fault "status $status, not $wanted: $*"
}

has() {
	grep -q -e "$1" "$work/out" "$work/err" || fault "no '$1' in what $2 prints"
}

# What a failing schedule prints, without what differs from run to run: how it was found, and where the program lies in memory.
steps() {
	sed -n '/^FAILED/,$p' "$work/out" | sed -e '/^schedule /d' -e '/^again: /d' -e 's/0x[0-9a-f]\{8,\} */ADDRESS /'
}

# The same schedule, step by step, by what the failure has said of how to have it again.
again() {
	steps >"$work/first"
	sed -n 's/^again: //p' "$work/out" >"$work/arguments"
	eval "expect 1 $(cat "$work/arguments")"
	steps >"$work/second"
	cmp -s "$work/first" "$work/second" || fault "another schedule for: $(cat "$work/arguments")"
}

# fails SCENARIO TEXT [MEMORY]: in both searches, with source lines, and the same again
fails() {
	for search in --exhaustive --random; do
		expect 1 --scenario "$1" --memory "${3:-sc}" $search
		has "FAILED: $1: .*$2" "$1 $search"
		has '^again: ' "$1 $search"
		again
	done
}

fails lost-update 'does not hold: .* == 2 (broken.c:'
has 'lost_update broken.c:' lost-update
has '\* there are 1' lost-update
fails lost-update 'does not hold: .* == 2' tso
fails lost-update 'does not hold: .* == 2' relaxed
fails deadlock 'nobody can go on'
fails lost-wake 'nobody can go on'
fails no-second-look 'does not hold'
fails too-sure 'does not hold'
fails livelock 'a livelock'
fails use-after-free 'an access to freed memory'
fails out-of-bounds 'an access behind the end of a block'
fails double-free 'not the beginning of a block'
fails leak '[12] blocks were not freed'
fails not-joined 'T4 is '
fails still-there 'T4 is still there'
fails unlock-of-others 'by a task that has it not'
expect 1 --scenario no-repeat --exhaustive --memory sc
has 'did not do the same in the same schedule' no-repeat

# a crash has its schedule, too
if grep -q -e __asan_init -e __tsan_init "$program"; then
	"$program" --scenario crash --memory sc >"$work/out" 2>"$work/err" && fault "crash does not fail"
else
	expect 1 --scenario crash --memory sc
	has 'FAILED: crash: signal 11' crash
fi
has '^again: ' crash

# a race is ThreadSanitizer's to see
if grep -q __tsan_init "$program"; then
	expect 66 --scenario race
	has 'data race' race
else
	expect 0 --scenario race --memory sc
fi
expect 0 --scenario published
expect 0 --scenario fenced --memory all

# each operation that is needed, and no other
expect 0 --scenario published --memory all --weaken
has '^weakened caught broken.c:[0-9]* release' 'published --weaken'
has '^weakened caught broken.c:[0-9]* acquire' 'published --weaken'
grep -q survived "$work/out" && fault "survived in published: $(grep survived "$work/out")"
expect 0 --scenario published --weaken
grep -q survived "$work/out" && fault "survived in published: $(grep survived "$work/out")"
expect 0 --scenario fenced --memory tso --weaken
has '^weakened caught .* seq_cst' 'fenced --weaken'
has '^weakened survived .* acq_rel' 'fenced --weaken'
expect 1 --scenario lost-update --weaken

for arguments in --what '--memory x86' '--bound x' '--bound -1' '--schedules 1x' '--seed -1' '--seconds x' '--scenario nothing' \
	'--scenario nothing --weaken' 'leak' '--bound'; do
	# shellcheck disable=SC2086
	expect 2 $arguments
done
expect 0 --help
has '^usage: ' --help
expect 0 --list
has '^livelock .*shows the scheduler' --list

[ $faults -eq 0 ] && echo "all as it should be"
exit $((faults > 0))
