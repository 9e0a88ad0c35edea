#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# kv_streams.sh PROGRAM: pipes as FILE and standard input, and readers of the output that go away.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

seq 1 8000 | awk '{ printf "%d\tvalue of %d ........................\n", $1, $1 }' >"$WORK/data"
values_bytes() {
	cut -f 2 | tr -d '\n' | wc -c
}
bytes=$(values_bytes <"$WORK/data")

test_fifo() {
	mkfifo "$WORK/fifo"
	for options in '' '--capacity 8000' '--mover threads --in-flight 5000'; do
		cat "$WORK/data" >"$WORK/fifo" &
		commands count 'get 1' 'get 8000'
		# shellcheck disable=SC2086
		run_program 0 kv "$WORK/fifo" $options
		wait
		expect_err ''
		expect_loaded 8000 0 0 "$bytes"
		expect_answers '8000
value of 1 ........................
value of 8000 ........................'
	done
	# In small pieces, that end anywhere: the line numbers are still right.
	{
		printf '1\tone\n2\tt'
		sleep 0.1
		printf 'wo\nba'
		sleep 0.1
		printf 'd\n\n3'
		sleep 0.1
		printf '\tthree'
	} >"$WORK/fifo" &
	commands 'get 1' 'get 2' 'get 3'
	run_program 1 kv "$WORK/fifo" --capacity 10
	wait
	expect_err "$WORK/fifo:3: no delimiter \"\\x09\" in the line
$WORK/fifo:4: no delimiter \"\\x09\" in the line"
	expect_answers 'one
two
three'
	# Nothing at all.
	: >"$WORK/fifo" &
	run_program 0 kv "$WORK/fifo"
	wait
	expect_loaded 0 0 0 0
}

test_standard_input() {
	cp "$WORK/data" "$WORK/in"
	run_program 0 kv - --get 777
	expect_out 'value of 777 ........................'
	# From a pipe; what could be commands is data.
	printf '1\tone\ncount\n' | timeout "$SECONDS_MAX" "$PROGRAM" kv - >"$WORK/out" 2>"$WORK/err"
	status=$?
	RUN='hashloom kv - from a pipe'
	[ "$status" -eq 1 ] || fail "$RUN: exit status $status, expected 1"
	expect_err '-:2: no delimiter "\x09" in the line'
	expect_loaded 1 0 1 3
	expect_answers ''
	# A regular file of which the first line was read by somebody else.
	{
		read -r line
		[ "$line" = "1${TAB}value of 1 ........................" ] || fail 'the shell reads too much'
		timeout "$SECONDS_MAX" "$PROGRAM" kv - >"$WORK/out" 2>"$WORK/err"
	} <"$WORK/data" || fail 'standard input in the middle of a file'
	RUN='hashloom kv - in the middle of a file'
	expect_loaded 7999 0 0 "$(tail -n +2 "$WORK/data" | values_bytes)"
	# None at all: no commands, but a value can be asked for.
	timeout "$SECONDS_MAX" "$PROGRAM" kv "$WORK/data" --get 5 <&- >"$WORK/out" 2>"$WORK/err" ||
		fail '--get without standard input'
	RUN='hashloom kv without standard input'
	expect_out 'value of 5 ........................'
	status=0
	timeout "$SECONDS_MAX" "$PROGRAM" kv "$WORK/data" <&- >"$WORK/out" 2>"$WORK/err" || status=$?
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	expect_err 'hashloom kv: cannot read commands from standard input: Bad file descriptor'
	status=0
	timeout "$SECONDS_MAX" "$PROGRAM" kv "$WORK/data" <"$WORK" >"$WORK/out" 2>"$WORK/err" || status=$?
	RUN='commands from a directory'
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	expect_err 'hashloom kv: cannot read commands from standard input: Is a directory'
}

# status_in_pipe ARGUMENT...: the program writes to a reader that leaves after one line; its status
# goes to $WORK/status.
status_in_pipe() {
	{
		status=0
		timeout "$SECONDS_MAX" "$PROGRAM" "$@" 2>"$WORK/err" || status=$?
		echo "$status" >"$WORK/status"
	} | head -n 1 >"$WORK/out"
	status=$(cat "$WORK/status")
}

# Whether SIGPIPE is ignored, which a shell hands down to what it starts, and cannot change.
signal_is_ignored() {
	{
		yes 2>/dev/null
		echo "$?" >"$WORK/status"
	} | head -n 1 >/dev/null
	[ "$(cat "$WORK/status")" -ne 141 ]
}

test_closed_pipe() {
	seq 1 8000 | sed 's/.*/get &/' >"$WORK/gets"
	if signal_is_ignored; then
		echo 'skipped: death by SIGPIPE, which is ignored here'
	else
		# The signal ends the program, as it does others; 141 is how a shell tells it.
		status_in_pipe kv "$WORK/data" <"$WORK/gets"
		[ "$status" -eq 141 ] ||
			fail "closed pipe: exit status $status, expected that of SIGPIPE (141)"
		RUN='a reader that leaves'
		expect_err ''
		expect_loaded 8000 0 0 "$bytes"
	fi
	# Where the signal is ignored: one message, no storm.
	(
		trap '' PIPE
		status_in_pipe kv "$WORK/data" <"$WORK/gets"
		[ "$status" -eq 1 ] || fail "closed pipe, SIGPIPE ignored: exit status $status, expected 1"
	) || exit 1
	RUN='a reader that leaves, SIGPIPE ignored'
	expect_err 'hashloom kv: cannot write to standard output: Broken pipe'
}

# full STATUS ARGUMENT...: with standard output on a full device.
full() {
	status_expected=$1
	shift
	RUN="hashloom $* >/dev/full"
	status=0
	printf 'count\nbad\n' | timeout "$SECONDS_MAX" "$PROGRAM" "$@" >/dev/full 2>"$WORK/err" || status=$?
	[ "$status" -eq "$status_expected" ] ||
		fail "$RUN: exit status $status, expected $status_expected"
	expect_err 'hashloom kv: cannot write to standard output: No space left on device'
}

test_full_device() {
	if [ ! -w /dev/full ]; then
		echo 'skipped: /dev/full is missing'
		return
	fi
	full 1 kv "$WORK/data"
	full 1 kv "$WORK/data" --get 1
	full 1 kv "$WORK/data" --get 1 --get 2 --get 3
	full 1 kv --help
	full 1 kv --version
	full 1 --help
	full 1 --version
	# A value larger than the buffer of standard output.
	{
		printf '1\t'
		head -c 300000 /dev/zero | tr '\0' 'v'
	} >"$WORK/large"
	full 1 kv "$WORK/large" --get 1
	# No standard output at all.
	RUN='hashloom kv without standard output'
	status=0
	timeout "$SECONDS_MAX" "$PROGRAM" kv "$WORK/data" --get 1 >&- 2>"$WORK/err" || status=$?
	[ "$status" -eq 1 ] || fail "$RUN: exit status $status, expected 1"
	expect_err 'hashloom kv: cannot write to standard output: Bad file descriptor'
}

test_answers_at_once() {
	# Who sends a command may wait for the answer before sending the next one.
	mkfifo "$WORK/questions" "$WORK/replies"
	timeout "$SECONDS_MAX" "$PROGRAM" kv "$WORK/data" <"$WORK/questions" >"$WORK/replies" &
	exec 3>"$WORK/questions" 4<"$WORK/replies"
	read -r reply <&4
	for key in 1 2 3; do
		echo "get $key" >&3
		read -r reply <&4
		[ "$reply" = "value of $key ........................" ] || fail "question $key: answer '$reply'"
	done
	exec 3>&- 4<&-
	wait
}

test_fifo
test_standard_input
test_closed_pipe
test_full_device
test_answers_at_once
