#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# kv_terminal.sh PROGRAM: a session on a terminal, which script(1) provides: prompt, line editing,
# history, completion, and the progress bar. Keys are sent when the program has asked for them.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

if ! command -v script >/dev/null; then
	echo 'skipped: script is missing (package bsdutils)'
	exit 0
fi
if ! script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	echo 'skipped: no terminal can be opened here (is /dev/pts mounted?)'
	exit 0
fi
export TERM=xterm
# Markers around the prompt, which tell pasted text, would be in the way.
export INPUTRC="$WORK/inputrc"
echo 'set enable-bracketed-paste off' >"$INPUTRC"
screen=$WORK/screen
mkfifo "$WORK/keys" "$WORK/fifo"
printf '1\tone\n2\ttwo\n' >"$WORK/data"

# start COMMAND: runs a command line of the shell on a terminal.
start() {
	: >"$screen"
	{
		status=0
		timeout "$SECONDS_MAX" script -qefc "$1" "$screen" <"$WORK/keys" >/dev/null 2>&1 || status=$?
		echo "$status" >"$WORK/status"
	} &
	exec 3>"$WORK/keys"
}

# wait_for N WORD: until the word is on the screen N times.
wait_for() {
	tries=0
	# Ends: after twenty seconds.
	while [ "$(grep -ao -- "$2" "$screen" | wc -l)" -lt "$1" ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt 400 ]; then
			cat -v "$screen" >&2
			fail "the screen does not show '$2' $1 times"
		fi
		sleep 0.05
	done
}

# end STATUS: waits for the program to end.
end() {
	wait
	exec 3>&-
	[ "$(cat "$WORK/status")" -eq "$1" ] ||
		fail "on a terminal: exit status $(cat "$WORK/status"), expected $1"
}

# expect_line TEXT: one line of the screen is this.
expect_line() {
	if ! tr -d '\r' <"$screen" | grep -aqxF -- "$1"; then
		cat -v "$screen" >&2
		fail "the screen does not show the line '$1'"
	fi
}

prompts=0
# type_text TEXT: types, with \ sequences as of printf, when the next prompt is there.
type_text() {
	prompts=$((prompts + 1))
	wait_for "$prompts" '^hashloom> '
	printf '%b' "$1" >&3
}

test_editing() {
	start "'$PROGRAM' kv '$WORK/data'"
	wait_for 1 'loaded: 2 records'
	type_text 'get 1\r'
	wait_for 1 '^one'
	# Control-A, control-E, backspace: et 12 -> get 12 -> get 2
	type_text 'et 12\001g\005\0177\01772\r'
	wait_for 1 '^two'
	type_text 'put 3 one value\r'
	wait_for 1 '^ok'
	# Arrow up twice, and control-W takes the last word.
	type_text '\020\020\00273\r'
	wait_for 1 '^one value'
	# The tabulator completes.
	type_text 'rem\t3\r'
	wait_for 2 '^ok'
	type_text 'get 3\r'
	wait_for 1 '^not found: 3'
	type_text 'nonsense\r'
	wait_for 1 '^error: unknown command'
	type_text '\r'
	type_text 'count\r'
	wait_for 1 '^2'
	type_text 'quit\r'
	end 0
	for line in one two 'one value' 'not found: 3' 2; do
		expect_line "$line"
	done
}

test_end_of_input() {
	prompts=0
	start "'$PROGRAM' kv '$WORK/data'"
	type_text 'get 2\r'
	wait_for 1 '^two'
	type_text '\004'
	end 0
}

test_progress() {
	start "'$PROGRAM' kv '$WORK/fifo' --capacity 10 --get 3"
	{
		printf '1\tone\n'
		sleep 0.3
		printf '2\ttwo\n'
		sleep 0.3
		printf 'bad\n'
		sleep 0.3
		printf '3\tthree\n'
	} >"$WORK/fifo"
	end 1
	wait_for 2 'loading [0-9]* records'
	# The bar is gone before a message, a value, the end.
	tr '\r' '\n' <"$screen" >"$WORK/lines"
	grep -aqx "$WORK/fifo:3: no delimiter \"\\\\x09\" in the line" "$WORK/lines" ||
		fail 'a message does not stand on a line of its own'
	expect_line_after_bar three
	# With the size known, there is a bar and a percentage.
	seq 1 20000 | sed "s/\$/${TAB}some value/" >"$WORK/many"
	start "stty cols 30; '$PROGRAM' kv '$WORK/many' --get 3"
	end 0
	tr '\r' '\n' <"$screen" >"$WORK/lines"
	grep -aq '^loading \[' "$WORK/lines" || fail 'there is no bar on a narrow terminal'
	if grep -aE '^loading .{23}' "$WORK/lines"; then
		fail 'the bar is wider than the terminal'
	fi
	start "'$PROGRAM' kv '$WORK/many' --get 3"
	end 0
	grep -aqE 'loading \[[#-]+\] +[0-9]+%  [0-9]+ records  [0-9]+/s' "$screen" ||
		fail 'there is no bar with a percentage'
	# Not on a terminal, no bar.
	start "'$PROGRAM' kv '$WORK/many' --get 3 2>'$WORK/err'"
	end 0
	[ ! -s "$WORK/err" ] || fail 'the bar is drawn, and standard error is no terminal'
	if grep -aq loading "$screen"; then
		fail 'the bar goes to standard output'
	fi
}

expect_line_after_bar() {
	tr '\r' '\n' <"$screen" | grep -aqx "$1" || fail "'$1' does not stand on a line of its own"
}

test_data_from_terminal() {
	start "'$PROGRAM' kv - --delimiter ';'"
	printf '1;one\n2;two\n\004' >&3
	end 0
	wait_for 1 'loaded: 2 records'
	if grep -aq 'hashloom> ' "$screen"; then
		fail "commands are asked for behind '-'"
	fi
}

test_half_a_terminal() {
	# Keys from the terminal, answers to a file: no prompt gets into them.
	start "'$PROGRAM' kv '$WORK/data' >'$WORK/out'"
	printf 'get 1\ncount\nquit\n' >&3
	end 0
	export RUN="answers to a file"
	expect_answers 'one
2'
}

test_editing
test_end_of_input
test_progress
test_data_from_terminal
test_half_a_terminal
