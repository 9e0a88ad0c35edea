#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# count_keys.sh PROGRAM: `hashloom count` says, byte for byte, what awk, sort and uniq say: on small
# and odd inputs, for words, lines and fields, with 1 to 8 threads.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

# reference KEYS [DELIMITER] <INPUT: by other means. KEYS is as the option without dashes.
reference() {
	case $1 in
	words) tr -s ' \t' '\n\n' | grep -av '^$' ;;
	lines) cat ;;
	field*) awk ${2:+-F "[$2]"} "{ print \$${1#field } }" ;;
	esac | sort | uniq -c | sort -rn
}

# same KEYS [DELIMITER]: the program and the reference on $WORK/data, as a file and as a pipe.
same() {
	reference "$@" <"$WORK/data" >"$WORK/reference"
	# What is smaller than a block is one thread's in any case; the other one sorts a part.
	all_threads='2'
	[ "$(wc -c <"$WORK/data")" -gt 200000 ] && all_threads='1 2 8'
	for threads in $all_threads; do
		# shellcheck disable=SC2086
		set -- "$1" ${2+"$2"}
		options="--$1 --threads $threads"
		if [ $# -gt 1 ]; then
			# shellcheck disable=SC2086
			run_program 0 count $options --delimiter "$2" "$WORK/data"
		else
			# shellcheck disable=SC2086
			run_program 0 count $options "$WORK/data"
		fi
		expect_file 'the count' "$WORK/reference" "$WORK/out"
		expect_err ''
	done
	[ $# -gt 1 ] && return
	RUN="cat | hashloom count --$1"
	# shellcheck disable=SC2086,SC2002
	cat "$WORK/data" | timeout "$SECONDS_MAX" "$PROGRAM" count --$1 >"$WORK/out" || fail "$RUN: it fails"
	expect_file 'the count' "$WORK/reference" "$WORK/out"
}

all_keys() {
	for keys in words lines 'field 1' 'field 2' 'field 3'; do
		same "$keys"
	done
	same 'field 1' ,
	same 'field 2' ,
	same 'field 3' ' '
}

test_small() {
	printf 'to be or not to be\n' >"$WORK/data"
	all_keys
	printf 'no newline at the end' >"$WORK/data"
	all_keys
	printf '\n' >"$WORK/data"
	all_keys
	printf '\n\n \n\t\t\n  \t \n' >"$WORK/data"
	all_keys
	printf ' a  b\t\tc \n\ta,b,,c\n,,\na,b,c,' >"$WORK/data"
	all_keys
	printf 'x' >"$WORK/data"
	all_keys
	: >"$WORK/data"
	run_program 0 count "$WORK/data"
	expect_out ''
	run_program 0 count --lines "$WORK/data" "$WORK/data"
	expect_out ''
}

test_order() {
	# Ties: the greater bytes first, and of a key and its beginning the longer one.
	printf '%s\n' b a ab aa abcdefgh abcdefghi abcdefgi abcdefg B _ ~ A 10 9 1 -1 +1 0x1 1e3 . , >"$WORK/data"
	printf '\200\n\377\n\001\n\377\376\n\177\n' >>"$WORK/data"
	all_keys
	# Counts of one to five digits, several of each.
	awk 'BEGIN { for (i = 1; i < 400; i++) for (j = 0; j < i * i / 7; j += 19) print "key" i % 250 }' >"$WORK/data"
	same words
	# More than 65535 of several keys.
	awk 'BEGIN { for (i = 0; i < 65600; i++) print "all same", i % 2 ? "odd" : "even", i < 65535 ? "x" : "y", i < 65536 ? "v" : "w", i < 65537 ? "a" : "b" }' \
		>"$WORK/data"
	same words
	same lines
	same 'field 4'
}

test_any_bytes() {
	# tr, sort and uniq take zeros; awk may not.
	printf 'a\0b a\0c\na\0b\n\0\n\0\0\n\0 \0\n\r\n\v\f x\n\303\244 \240 \205\n' >"$WORK/data"
	same words
	same lines
	awk 'BEGIN { srand(1); for (i = 0; i < 30000; i++) printf "%c", int(rand() * 256) }' >"$WORK/data"
	same words
	same lines
}

test_long() {
	# Keys around the sizes of words, caches, and blocks; a key longer than all blocks.
	for length in 1 7 8 9 15 16 17 31 32 33 63 64 65 127 254 255 256 4095 65536 262143 262144 262145 600000; do
		for byte in x y; do
			head -c "$length" /dev/zero | tr '\0' "$byte"
			printf '\n%s two\n' "$length"
			head -c "$length" /dev/zero | tr '\0' "$byte"
			printf ' three\n'
		done
	done >"$WORK/data"
	same words
	same lines
	same 'field 1'
	head -c 3000000 /dev/zero | tr '\0' z >>"$WORK/data"
	same words
	same lines
	# No newline in many blocks, and none at all.
	seq 1 100000 | tr '\n' ' ' >"$WORK/data"
	same words
	same lines
	head -c 1000000 /dev/zero | tr '\0' ' ' >"$WORK/data"
	same words
	same lines
}

test_cuts() {
	# A key at the end of the first blocks, wherever they end.
	for shift in 0 1 2 5; do
		head -c "$((262140 + shift))" /dev/zero | tr '\0' ' '
		seq 1 20000
		printf 'end'
	done >"$WORK/data"
	same words
	same lines
	same 'field 1'
}

test_large() {
	awk 'BEGIN { srand(1); for (i = 0; i < 120000; i++) printf "%d%s", int(exp(rand() * 12)), i % 9 ? " " : "\n" }' >"$WORK/data"
	same words
	same lines
	same 'field 2'
	reference words <"$WORK/data" >"$WORK/reference"
	for threads in 3 4 5 6 7; do
		run_program 0 count --words --threads "$threads" "$WORK/data"
		expect_file 'the count' "$WORK/reference" "$WORK/out"
	done
}

test_top() {
	printf 'a b c a b a d e f' >"$WORK/data"
	reference words <"$WORK/data" >"$WORK/reference"
	for top in 1 2 5 6 7 18446744073709551615; do
		head -n "$(printf '%.4s' "$top")" "$WORK/reference" >"$WORK/head"
		for threads in 1 4; do
			run_program 0 count --top "$top" --threads "$threads" "$WORK/data"
			expect_file 'the top' "$WORK/head" "$WORK/out"
		done
	done
}

test_small
test_order
test_any_bytes
test_long
test_cuts
test_large
test_top
