#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# kv_load.sh PROGRAM: what is loaded from a good file comes back byte for byte, whoever copies it
# and however many puts are in flight.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

# Calls a function with each mover and some numbers of puts in flight, as options in $load_options.
with_each_mover() {
	load_options='--mover threads --in-flight 1'
	"$@"
	with_fast_movers "$@"
}

# The same, without what takes two context switches a put.
with_fast_movers() {
	for load_options in '--mover sync --in-flight 1' '--mover sync --in-flight 5000' \
		'--mover threads --in-flight 5000' '--mover threads --threads 3 --in-flight 5'; do
		"$@"
	done
}

# kv STATUS ARGUMENT...: with $load_options, which are words.
kv() {
	kv_status=$1
	shift
	# shellcheck disable=SC2086
	run_program "$kv_status" kv $load_options "$@"
}

load_options=

test_plain() {
	printf '1\tone\n2\ttwo\twith a tab\n3\t\n4\t four \n' >"$WORK/data"
	commands 'get 1' 'get 2' 'get 3' 'get 4' 'get 5' count
	kv 0 "$WORK/data"
	expect_err ''
	expect_loaded 4 0 0 23
	expect_answers "one
two${TAB}with a tab

 four 
not found: 5
4"
}

test_empty() {
	: >"$WORK/data"
	commands count 'get 0' 'put 7 seven' 'get 7'
	kv 0 "$WORK/data"
	expect_err ''
	expect_loaded 0 0 0 0
	expect_answers '0
not found: 0
ok
seven'
}

test_ends() {
	printf '1\tno newline here' >"$WORK/data"
	kv 0 "$WORK/data" --get 1
	expect_out 'no newline here'
	printf '1\t' >"$WORK/data"
	kv 0 "$WORK/data" --get 1
	printf '\n' >"$WORK/expected"
	expect_file 'an empty value' "$WORK/expected" "$WORK/out"
	printf '1\tone\r\n2\ttwo\r\n' >"$WORK/data"
	kv 0 "$WORK/data" --get 2 --get 1
	printf 'two\r\none\r\n' >"$WORK/expected"
	expect_file 'a value that ends with CR' "$WORK/expected" "$WORK/out"
}

test_binary() {
	# All bytes but the newline, NUL first.
	i=0
	while [ "$i" -lt 256 ]; do
		[ "$i" -eq 10 ] || printf '%b' "\\0$(printf '%o' "$i")"
		i=$((i + 1))
	done >"$WORK/value"
	{
		printf '1\t'
		cat "$WORK/value"
		printf '\n2;\0\0\n'
	} >"$WORK/data"
	printf '\n' >>"$WORK/value"
	run_program 1 kv "$WORK/data" --get 1
	expect_file 'a value of all bytes' "$WORK/value" "$WORK/out"
	run_program 1 kv "$WORK/data" --get 2 --delimiter ';'
	printf '\0\0\n' >"$WORK/expected"
	expect_file 'a value of two NULs' "$WORK/expected" "$WORK/out"
}

test_long() {
	# Longer than any buffer of the program's, between short lines.
	{
		head -c 3000000 /dev/zero | tr '\0' 'a'
		head -c 17 /dev/zero | tr '\0' 'b'
		printf '\n'
	} >"$WORK/value"
	{
		printf '1\tbefore\n2\t'
		cat "$WORK/value"
		printf '3\tbetween\n4\t'
		cat "$WORK/value"
		printf '5\tafter\n'
	} >"$WORK/data"
	with_each_mover check_long
}

check_long() {
	commands 'get 1' 'get 3' 'get 5' 'get 4'
	kv 0 "$WORK/data"
	expect_loaded 5 0 0 6000052
	{
		printf 'before\nbetween\nafter\n'
		cat "$WORK/value"
	} >"$WORK/expected"
	tail -n +2 "$WORK/out" >"$WORK/answers"
	expect_file 'a value of three million bytes, or a short one' "$WORK/expected" "$WORK/answers"
}

test_duplicates() {
	# The first one takes long to copy; it is kept nevertheless.
	{
		printf '1\tfirst'
		head -c 3000000 /dev/zero | tr '\0' 'x'
		printf '\n'
		i=0
		while [ "$i" -lt 40 ]; do
			printf '1\tlater %d\n2\tsecond %d\n' "$i" "$i"
			i=$((i + 1))
		done
	} >"$WORK/data"
	with_each_mover check_duplicates
}

check_duplicates() {
	commands count 'get 2'
	kv 0 "$WORK/data"
	expect_err ''
	expect_loaded 2 79 0 3000013
	expect_answers '2
second 0'
	kv 0 "$WORK/data" --get 1
	[ "$(head -c 6 "$WORK/out")" = firstx ] || fail "$load_options: the first of two lines is not kept"
}

test_many() {
	# More than one buffer full, so that lines lie across the ends of buffers; values tell their keys.
	seq 1 4000 | awk '{ printf "%d\tvalue of%700d\n", $1, $1 }' >"$WORK/data"
	with_fast_movers check_many
}

check_many() {
	seq 1 4000 | sed 's/.*/get &/' >"$WORK/in"
	kv 0 "$WORK/data"
	expect_loaded 4000 0 0 2832000
	tail -n +2 "$WORK/out" >"$WORK/answers"
	cut -f 2 "$WORK/data" >"$WORK/expected"
	expect_file 'one of 4000 values' "$WORK/expected" "$WORK/answers"
}

with_each_mover test_plain
load_options='--in-flight 65536'
test_plain
load_options=
test_empty
test_ends
test_binary
test_long
test_duplicates
load_options=
test_many
