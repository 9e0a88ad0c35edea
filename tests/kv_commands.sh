#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# kv_commands.sh PROGRAM: a session on a pipe: each command, each mistake, in order, without prompt
# or echo.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

printf '1\tone\n2\ttwo\n' >"$WORK/data"

test_good() {
	commands 'get 1' 'get 3' 'put 3 three  and more ' 'get 3' 'put 3 again' 'get 3' count 'remove 3' 'remove 3' \
		'get 3' 'put 3 new' 'get 3' 'put 4 ' 'get 4' "put 5$TAB tabs$TAB" 'get 5' '' '   ' "  get${TAB} 0001 $TAB" \
		'put 18446744073709551611 largest' 'get 18446744073709551611' count quit 'get 1'
	run_program 0 kv "$WORK/data" "$@"
	expect_err ''
	expect_answers "one
not found: 3
ok
three  and more 
exists: 3
three  and more 
3
ok
not found: 3
not found: 3
ok
new
ok

ok
 tabs$TAB
one
ok
largest
6"
}

test_wrong() {
	commands nonsense GET get 'get ' 'get 1 2' 'get x' 'get -1' 'get 18446744073709551612' 'put' 'put 1' 'put x y' \
		'put 18446744073709551612 x' remove 'remove 1 2' 'remove x' 'count 1' 'stats 1' 'help me' 'quit now' count
	run_program 1 kv "$WORK/data"
	expect_err ''
	expected='expected get, put, remove, count, stats, help or quit'
	expect_answers "error: unknown command \"nonsense\": $expected
error: unknown command \"GET\": $expected
error: expected: get KEY
error: expected: get KEY
error: expected: get KEY
error: key \"x\" is not a number in base 10
error: key \"-1\" is not a number in base 10
error: key \"18446744073709551612\" is larger than 18446744073709551611
error: expected: put KEY VALUE
error: expected: put KEY VALUE
error: key \"x\" is not a number in base 10
error: key \"18446744073709551612\" is larger than 18446744073709551611
error: expected: remove KEY
error: expected: remove KEY
error: key \"x\" is not a number in base 10
error: expected: count
error: expected: stats
error: expected: help
error: expected: quit
2"
}

test_binary() {
	# CR and NUL in a value stay, CR behind a command without value does not count; no newline at the end.
	printf 'put 7 a\0b\r\nget 7\r\nget\0 7\ncount\r\nput 8 last' >"$WORK/in"
	run_program 1 kv "$WORK/data"
	{
		printf 'ok\na\0b\r\n'
		printf 'error: unknown command "get\\x00": expected get, put, remove, count, stats, help or quit\n'
		printf '3\nok\n'
	} >"$WORK/expected"
	tail -n +2 "$WORK/out" >"$WORK/answers"
	expect_file 'the answers' "$WORK/expected" "$WORK/answers"
}

test_long() {
	head -c 3000000 /dev/zero | tr '\0' 'v' >"$WORK/value"
	{
		printf 'put 9 '
		cat "$WORK/value"
		printf '\nget 9\n'
	} >"$WORK/in"
	run_program 0 kv "$WORK/data" "$@"
	{
		printf 'ok\n'
		cat "$WORK/value"
		printf '\n'
	} >"$WORK/expected"
	tail -n +2 "$WORK/out" >"$WORK/answers"
	expect_file 'a value of three million bytes' "$WORK/expected" "$WORK/answers"
}

test_base() {
	printf '41;A\n' >"$WORK/data16"
	commands 'get 41' 'get 65' 'put fF x' 'get Ff' 'get 0xff' 'remove 041' count
	run_program 1 kv "$WORK/data16" --key-base 16 --delimiter ';'
	expect_answers 'A
not found: 65
ok
x
error: key "0xff" is not a number in base 16
ok
1'
}

test_stats() {
	commands 'get 1' 'get 9' 'put 3 four4' 'put 3 x' 'remove 1' 'remove 1' stats
	run_program 0 kv "$WORK/data" --capacity 50 --in-flight 7
	expect_answers 'one
not found: 9
ok
exists: 3
ok
not found: 1
records: 2
capacity: 50
in flight: 7
mover: sync
bytes present: 8
bytes moved: 14
put ok: 3
put exists: 1
get ok: 1
get not found: 1
remove ok: 1
remove not found: 1'
	commands stats
	run_program 0 kv "$WORK/data" --mover threads
	expect_answers 'records: 2
capacity: 1026
in flight: 64
mover: threads
threads: default
bytes present: 6
bytes moved: 6
put ok: 2
get ok: 0
remove ok: 0'
	commands stats
	run_program 0 kv "$WORK/data" --mover threads --threads 2
	grep -qx 'threads: 2' "$WORK/out" || fail 'stats does not tell the number of threads'
}

test_help() {
	commands help
	run_program 0 kv "$WORK/data"
	for usage in 'get KEY' 'put KEY VALUE' 'remove KEY' count stats help quit; do
		grep -qE "^$usage +[a-z]" "$WORK/out" || fail "help does not tell '$usage'"
	done
}

test_room_again() {
	# Puts and removes without end do not fill the map.
	i=0
	while [ "$i" -lt 5000 ]; do
		echo "put 1$i value $i"
		echo "remove 1$i"
		i=$((i + 1))
	done >"$WORK/in"
	run_program 0 kv "$WORK/data" --capacity 3
	[ "$(tail -n +2 "$WORK/out" | grep -cx ok)" -eq 10000 ] || fail 'a put or a remove failed'
}

test_good
test_good --mover threads
test_wrong
test_binary
test_long
test_long --mover threads
test_base
test_stats
test_help
test_room_again
