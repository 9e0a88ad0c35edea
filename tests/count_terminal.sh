#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# count_terminal.sh PROGRAM: the progress of `hashloom count` on a terminal, which script(1) provides.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

if ! script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	echo 'skipped: no terminal can be opened here (package bsdutils, /dev/pts)'
	exit 0
fi
export TERM=xterm
screen=$WORK/screen

# on_terminal COMMAND: runs a command line of the shell; what is to be seen goes to $screen.
on_terminal() {
	RUN=$1
	timeout "$SECONDS_MAX" script -qefc "$1" "$screen" </dev/null >/dev/null 2>&1 || fail "$RUN: it fails"
}

test_size_known() {
	seq 1 300000 >"$WORK/data"
	on_terminal "'$PROGRAM' count '$WORK/data' >'$WORK/out'"
	grep -aqE 'counting \[[#-]+\] +[0-9]+%  [0-9]+ keys  [0-9]+/s' "$screen" || fail "$RUN: no bar"
	[ "$(wc -l <"$WORK/out")" -eq 300000 ] || fail "$RUN: the bar goes to standard output"
}

test_size_unknown() {
	on_terminal "{ seq 1 100000; sleep 0.3; seq 1 100000; } | '$PROGRAM' count --top 1"
	grep -aqE 'counting [0-9]+ keys  [0-9]+/s' "$screen" || fail "$RUN: no progress"
	# It is gone before the first line.
	tr '\r' '\n' <"$screen" | grep -aqx '      2 99999' || fail "$RUN: the result does not stand on a line of its own"
}

test_message() {
	on_terminal "'$PROGRAM' count --top 1 '$WORK/none' '$WORK/data' 2>&1 || true"
	tr '\r' '\n' <"$screen" | grep -aqx "hashloom count: cannot read '$WORK/none': No such file or directory" ||
		fail "$RUN: the message does not stand on a line of its own"
}

test_not_a_terminal() {
	on_terminal "'$PROGRAM' count '$WORK/data' >'$WORK/out' 2>'$WORK/err'"
	[ ! -s "$WORK/err" ] || fail 'the bar is drawn, and standard error is no terminal'
}

test_size_known
test_size_unknown
test_message
test_not_a_terminal
