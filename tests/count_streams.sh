#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# count_streams.sh PROGRAM: where `hashloom count` reads and writes: several files, pipes, standard input,
# files that cannot be read, outputs that cannot be written.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

printf 'one two\nthree' >"$WORK/first"
printf 'two three\n' >"$WORK/second"
expected='      2 two
      2 three
      1 one'

test_files() {
	run_program 0 count "$WORK/first" "$WORK/second"
	# "three" does not go on in the next file.
	expect_out "$expected"
	run_program 0 count --lines "$WORK/first" "$WORK/second"
	expect_out '      1 two three
      1 three
      1 one two'
	run_program 0 count "$WORK/second" "$WORK/second" "$WORK/second"
	expect_out '      3 two
      3 three'
	: >"$WORK/empty"
	run_program 0 count "$WORK/empty" "$WORK/first" "$WORK/empty" "$WORK/second" "$WORK/empty"
	expect_out "$expected"
}

test_standard_input() {
	cp "$WORK/first" "$WORK/in"
	run_program 0 count - "$WORK/second"
	expect_out "$expected"
	cp "$WORK/second" "$WORK/in"
	run_program 0 count "$WORK/first" - -
	expect_out "$expected"
	run_program 0 count
	expect_out ''
	# From where it stands.
	RUN='read line; hashloom count'
	{
		read -r line
		timeout "$SECONDS_MAX" "$PROGRAM" count >"$WORK/out"
	} <"$WORK/first"
	[ "$line" = 'one two' ] || fail "$RUN: '$line'"
	expect_out '      1 three'
}

test_fifo() {
	mkfifo "$WORK/fifo"
	# In pieces that end anywhere.
	{
		for piece in 'on' 'e tw' 'o' '
' 'thr' 'ee two' ' th' 'ree'; do
			printf %s "$piece"
			sleep 0.02
		done
	} >"$WORK/fifo" &
	run_program 0 count --threads 4 "$WORK/fifo"
	wait
	expect_out "$expected"
	seq 1 200000 >"$WORK/data"
	sort <"$WORK/data" | uniq -c | sort -rn >"$WORK/reference"
	cat "$WORK/data" >"$WORK/fifo" &
	run_program 0 count --lines --threads 4 "$WORK/fifo"
	wait
	expect_file 'the count' "$WORK/reference" "$WORK/out"
}

test_proc() {
	[ -r /proc/version ] || return 0
	run_program 0 count --lines /proc/version
	expect_out "      1 $(cat /proc/version)"
}

test_unreadable() {
	run_program 1 count "$WORK/none" "$WORK/first" "$WORK" "$WORK/second" "$WORK/none2"
	expect_out "$expected"
	expect_err "hashloom count: cannot read '$WORK/none': No such file or directory
hashloom count: cannot read '$WORK': Is a directory
hashloom count: cannot read '$WORK/none2': No such file or directory"
	run_program 1 count "$WORK/none"
	expect_out ''
	RUN='hashloom count without standard input'
	status=0
	timeout "$SECONDS_MAX" "$PROGRAM" count <&- >"$WORK/out" 2>"$WORK/err" || status=$?
	[ "$status" -eq 1 ] || fail "$RUN: exit status $status, expected 1"
	expect_err "hashloom count: cannot read '-': Bad file descriptor"
}

# left STATUS COMMAND: the reader of standard output goes away, after the command was run in the shell of the program.
left() {
	(
		eval "$2"
		status=0
		timeout "$SECONDS_MAX" "$PROGRAM" count "$WORK/data" 2>"$WORK/err" || status=$?
		echo "$status" >"$WORK/status"
	) | head -n 1 >"$WORK/out"
	[ "$(cat "$WORK/status")" -eq "$1" ] || fail "$RUN: exit status $(cat "$WORK/status"), expected $1"
}

test_closed_pipe() {
	seq 1 300000 >"$WORK/data"
	RUN='hashloom count | head'
	# The signal ends it: 128 + 13.
	left 141 :
	expect_err ''
	RUN='hashloom count | head, SIGPIPE ignored'
	left 1 "trap '' PIPE"
	expect_err 'hashloom count: cannot write to standard output: Broken pipe'
}

# full ARGUMENT...: with standard output on a full device.
full() {
	RUN="hashloom count $* >/dev/full"
	status=0
	timeout "$SECONDS_MAX" "$PROGRAM" count "$@" >/dev/full 2>"$WORK/err" || status=$?
	[ "$status" -eq 1 ] || fail "$RUN: exit status $status, expected 1"
	expect_err 'hashloom count: cannot write to standard output: No space left on device'
}

test_full_device() {
	if [ ! -w /dev/full ]; then
		echo 'skipped: /dev/full is missing'
		return
	fi
	full "$WORK/first"
	full "$WORK/data"
	full --help
	full --version
	# A key larger than the buffer of standard output.
	head -c 300000 /dev/zero | tr '\0' 'v' >"$WORK/large"
	full "$WORK/large"
	full "$WORK/first" "$WORK/large" "$WORK/data"
}

test_no_memory() {
	# Where memory can be limited: sanitizers want more than that.
	RUN='hashloom count with little memory'
	if ! (ulimit -v 200000 && "$PROGRAM" count --threads 1 "$WORK/first") >"$WORK/out" 2>&1; then
		echo 'skipped: the program does not run with little memory'
		return
	fi
	head -c 300000000 /dev/zero >"$WORK/zeros"
	status=0
	(ulimit -v 200000 && timeout "$SECONDS_MAX" "$PROGRAM" count --threads 1 "$WORK/zeros") \
		>"$WORK/out" 2>"$WORK/err" || status=$?
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	expect_out ''
	expect_err 'hashloom count: out of memory for a long key'
	rm "$WORK/zeros"
	seq 1 6000000 >"$WORK/data"
	status=0
	(ulimit -v 200000 && timeout "$SECONDS_MAX" "$PROGRAM" count --threads 2 "$WORK/data") \
		>"$WORK/out" 2>"$WORK/err" || status=$?
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	expect_out ''
	grep -q '^hashloom count: out of memory' "$WORK/err" || fail "$RUN: $(cat "$WORK/err")"
}

test_files
test_standard_input
test_fifo
test_proc
test_unreadable
test_closed_pipe
test_full_device
test_no_memory
