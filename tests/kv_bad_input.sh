#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# kv_bad_input.sh PROGRAM: what cannot be loaded is reported, line by line, and the rest is loaded;
# what cannot be read at all ends the program.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

test_lines() {
	data=$WORK/data
	{
		printf '1\tone\nno delimiter\n\n\tempty key\n12x\tno number\n'
		printf -- '-1\tsign\n 2\tblank\n2 \tblank\n0x3\tprefix\n+4\tsign\n'
		printf '18446744073709551611\tlargest\n18446744073709551612\ttoo large\n'
		printf '18446744073709551616\ttoo large\n99999999999999999999999999\ttoo large\n'
		printf '\001"\\\377\tbinary key\n'
		printf '0001\tduplicate\n000000000000000000000000005\tfive\nlast line'
	} >"$data"
	commands count 'get 1' 'get 5' 'get 18446744073709551611' 'get 2'
	run_program 1 kv "$data"
	expect_err "$data:2: no delimiter \"\\x09\" in the line
$data:3: no delimiter \"\\x09\" in the line
$data:4: the key is empty
$data:5: key \"12x\" is not a number in base 10
$data:6: key \"-1\" is not a number in base 10
$data:7: key \" 2\" is not a number in base 10
$data:8: key \"2 \" is not a number in base 10
$data:9: key \"0x3\" is not a number in base 10
$data:10: key \"+4\" is not a number in base 10
$data:12: key \"18446744073709551612\" is larger than 18446744073709551611
$data:13: key \"18446744073709551616\" is larger than 18446744073709551611
$data:14: key \"99999999999999999999999999\" is larger than 18446744073709551611
$data:15: key \"\\x01\\x22\\x5c\\xff\" is not a number in base 10
$data:18: no delimiter \"\\x09\" in the line"
	expect_loaded 3 1 14 14
	expect_answers '3
one
five
largest
not found: 2'
}

test_long_bad_line() {
	# Shown cut, and counted as one line.
	{
		head -c 3000000 /dev/zero | tr '\0' 'k'
		printf '\tvalue\n7\tseven\nx\n'
	} >"$WORK/data"
	run_program 1 kv "$WORK/data" --key-base 36 --get 7
	kkkk=$(head -c 64 /dev/zero | tr '\0' 'k')
	expect_err "$WORK/data:1: key \"$kkkk\"... is larger than 3W5E11264SGSB
$WORK/data:3: no delimiter \"\\x09\" in the line"
	expect_out seven
}

test_bases() {
	printf '11111111111111111111111111111111111111111111111111111111111110112\ttoo long\n' >"$WORK/data"
	printf '1111111111111111111111111111111111111111111111111111111111111011\tmax\n101\tfive\n2\tno\n' \
		>>"$WORK/data"
	run_program 1 kv "$WORK/data" --key-base 2 --get 101 \
		--get 1111111111111111111111111111111111111111111111111111111111111011
	expect_err "$WORK/data:1: key \"1111111111111111111111111111111111111111111111111111111111111011\"... is not a number in base 2
$WORK/data:4: key \"2\" is not a number in base 2"
	expect_out 'five
max'
	printf 'FFFFFFFFFFFFFFFB,max\nfffffffffffffffc,more\nG,no\n' >"$WORK/data"
	run_program 1 kv "$WORK/data" --key-base 16 --delimiter , --get fffffffffffffffb
	expect_err "$WORK/data:2: key \"fffffffffffffffc\" is larger than FFFFFFFFFFFFFFFB
$WORK/data:3: key \"G\" is not a number in base 16"
	expect_out max
	printf 'zZ;1\n' >"$WORK/data"
	run_program 0 kv "$WORK/data" --key-base 36 --delimiter ';' --get Zz
	expect_out 1
}

test_full() {
	printf '1\ta\n2\tb\n3\tc\n1\tagain\n4\td\n' >"$WORK/data"
	commands count 'get 2' 'get 3' 'put 9 x' 'remove 1' 'put 9 x' 'get 9' 'put 2 y'
	run_program 1 kv "$WORK/data" --capacity 2 --in-flight 1
	expect_err "$WORK/data:3: the map is full (capacity 2)
$WORK/data:5: the map is full (capacity 2)"
	expect_loaded 2 1 2 2
	expect_answers '2
b
not found: 3
error: the map is full (capacity 2)
ok
ok
x
exists: 2'
	# With several in flight each line without room is reported, in whatever order.
	seq 1 3000 | sed "s/\$/${TAB}v/" >"$WORK/data"
	for options in '--mover sync --in-flight 64' '--mover threads --in-flight 5000'; do
		commands count
		# shellcheck disable=SC2086
		run_program 1 kv "$WORK/data" --capacity 1000 $options
		expect_loaded 1000 0 2000 1000
		expect_answers 1000
		[ "$(sed 's/^.*:\([0-9]*\): the map is full (capacity 1000)$/\1/' "$WORK/err" |
			sort -un | wc -l)" -eq 2000 ] ||
			fail "$options: expected 2000 different lines to be reported as full"
	done
}

test_unreadable() {
	run_program 2 kv "$WORK/absent"
	expect_out ''
	expect_err "hashloom kv: cannot read '$WORK/absent': No such file or directory"
	run_program 2 kv ''
	expect_err "hashloom kv: cannot read '': No such file or directory"
	run_program 2 kv "$WORK"
	expect_out ''
	expect_err "hashloom kv: cannot read '$WORK': Is a directory"
	if [ -r /proc/self/mem ]; then
		for options in '' '--capacity 5'; do
			# shellcheck disable=SC2086
			run_program 2 kv /proc/self/mem $options
			expect_out ''
			expect_err "hashloom kv: cannot read '/proc/self/mem': Input/output error"
		done
	fi
	printf '1\tone\n' >"$WORK/data"
	chmod a-r "$WORK/data"
	if [ -r "$WORK/data" ]; then
		echo 'skipped: a file without permission, as this user may read every file'
	else
		run_program 2 kv "$WORK/data"
		expect_err "hashloom kv: cannot read '$WORK/data': Permission denied"
	fi
	chmod u+r "$WORK/data"
}

# limited KILOBYTES ARGUMENT...: the program with so much memory.
limited() (
	# shellcheck disable=SC3045
	ulimit -v "$1" && shift && exec "$PROGRAM" "$@"
)

test_memory() {
	if ! limited 100000 --version >/dev/null 2>&1; then
		echo 'skipped: little memory, as the program cannot be started with it (a sanitizer)'
		return
	fi
	printf '1\tone\n' >"$WORK/data"
	status=0
	limited 100000 kv "$WORK/data" --capacity 3000000000 >"$WORK/out" 2>"$WORK/err" || status=$?
	RUN='little memory for the map'
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	expect_err 'hashloom kv: out of memory for a map of 3000000000 keys'
	expect_out ''

	status=0
	head -c 150000000 /dev/zero |
		limited 100000 kv - --capacity 5 >"$WORK/out" 2>"$WORK/err" || status=$?
	RUN='little memory for a line'
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	grep -q "^hashloom kv: out of memory while reading '-'" "$WORK/err" || fail "$RUN: no message"

	status=0
	seq 1 40000 | awk '{ printf "%d\t%4000d\n", $1, $1 }' |
		limited 100000 kv - --capacity 40000 >"$WORK/out" 2>"$WORK/err" || status=$?
	RUN='little memory for the values'
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	grep -qE '^hashloom kv: out of memory: [0-9]+ records are loaded' "$WORK/err" ||
		fail "$RUN: no message"
	expect_out ''
}

test_threads() {
	if ! limited 100000 --version >/dev/null 2>&1; then
		echo 'skipped: too many threads, as the program cannot be started with little memory'
		return
	fi
	printf '1\tone\n' >"$WORK/data"
	status=0
	limited 100000 kv "$WORK/data" --mover threads --threads 2000 >"$WORK/out" 2>"$WORK/err" || status=$?
	export RUN="too many threads"
	[ "$status" -eq 2 ] || fail "$RUN: exit status $status, expected 2"
	grep -q '^hashloom kv: cannot start the mover with --threads 2000: ' "$WORK/err" ||
		fail "$RUN: no message"
	expect_out ''
}

test_lines
test_long_bad_line
test_bases
test_full
test_unreadable
test_memory
test_threads
