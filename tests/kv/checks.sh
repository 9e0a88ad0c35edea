# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# Sourced by the tests of `hashloom kv`. A check that fails says what was expected, what came, and
# ends the test.

# begin PROGRAM: sets what the tests and the checks use.
begin() {
	PROGRAM=$1
	[ -x "$PROGRAM" ] || fail "there is no program '$PROGRAM'"
	# A folder of the test's own.
	WORK=$(mktemp -d) || fail 'cannot make a folder'
	trap 'rm -rf "$WORK"' EXIT
	# How long one run of the program may take: it hangs if it needs more, under any sanitizer.
	SECONDS_MAX=60
	TAB=$(printf '\t')
	# What runs, for messages.
	RUN='the beginning'
	LC_ALL=C
	export LC_ALL PROGRAM WORK SECONDS_MAX TAB RUN
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# run_program STATUS ARGUMENT...: runs the program, with its input from $WORK/in if that is there,
# and checks its exit status. What it prints goes to $WORK/out and $WORK/err.
run_program() {
	status_expected=$1
	shift
	RUN="hashloom $*"
	input=/dev/null
	if [ -e "$WORK/in" ]; then
		input=$WORK/in
	fi
	status=0
	timeout "$SECONDS_MAX" "$PROGRAM" "$@" <"$input" >"$WORK/out" 2>"$WORK/err" || status=$?
	rm -f "$WORK/in"
	if [ "$status" -ne "$status_expected" ]; then
		cat "$WORK/out" "$WORK/err" >&2
		fail "$RUN: exit status $status, expected $status_expected"
	fi
}

# expect_file WHAT FILE_EXPECTED FILE: two files are the same.
expect_file() {
	if ! cmp -s "$2" "$3"; then
		diff -a "$2" "$3" >&2 || :
		fail "$RUN: $1 is not as expected"
	fi
}

# expect_out TEXT, expect_err TEXT: all that the last run printed; TEXT without its last newline, ''
# for nothing.
expect_out() {
	printf '%s' "${1:+$1
}" >"$WORK/expected"
	expect_file 'standard output' "$WORK/expected" "$WORK/out"
}

expect_err() {
	printf '%s' "${1:+$1
}" >"$WORK/expected"
	expect_file 'standard error' "$WORK/expected" "$WORK/err"
}

# expect_loaded RECORDS DUPLICATES REJECTED BYTES: the report, which is the first line.
expect_loaded() {
	head -n 1 "$WORK/out" >"$WORK/report"
	grep -qE "^loaded: $1 records, $2 duplicates, $3 rejected lines, $4 bytes moved, \
[0-9]+ operations/s, [0-9]+\.[0-9]{6} seconds\$" "$WORK/report" ||
		fail "$RUN: expected loaded $1, duplicates $2, rejected $3, bytes $4:" \
			"$(cat "$WORK/report")"
}

# expect_answers TEXT: all that the last run printed after the report.
expect_answers() {
	printf '%s' "${1:+$1
}" >"$WORK/expected"
	tail -n +2 "$WORK/out" >"$WORK/answers"
	expect_file 'the answers' "$WORK/expected" "$WORK/answers"
}

# commands TEXT...: what the next run reads, one command an argument.
commands() {
	printf '%s\n' "$@" >"$WORK/in"
}
