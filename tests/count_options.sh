#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# count_options.sh PROGRAM: the command line of `hashloom count`: every mistake ends with status 2, a
# message that names it, and nothing on standard output.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

printf 'a,b c\na,c d\n' >"$WORK/data"

# refused MESSAGE ARGUMENT...: `hashloom count ARGUMENT...`
refused() {
	expected_message=$1
	shift
	run_program 2 count "$@"
	expect_out ''
	expect_err "hashloom count: $expected_message"
}

test_numbers() {
	for number in 0 -1 18446744073709551616 x '' 1.5 +1; do
		refused "--field '$number': expected a whole number from 1 to 18446744073709551615" --field "$number"
		refused "--top '$number': expected a whole number from 1 to 18446744073709551615" \
			"$WORK/data" --top "$number"
	done
	for number in 0 -1 1025 two ''; do
		refused "--threads '$number': expected a whole number from 1 to 1024" --threads "$number"
	done
}

test_arguments() {
	refused '--delimiter ";;": expected one character of one byte, or \t, and not a newline' \
		--field 1 --delimiter ';;' "$WORK/data"
	refused '--delimiter is of no use without --field' --delimiter , "$WORK/data"
	refused '--delimiter is of no use without --field' --field 2 --delimiter , --lines "$WORK/data"
	refused "unknown or ambiguous option '--nonsense'; see 'hashloom count --help'" --nonsense
	refused "unknown option '-x'; see 'hashloom count --help'" -x "$WORK/data"
	refused "option '--words=5' takes no value" --words=5 "$WORK/data"
	for option in field delimiter top threads; do
		refused "option '--$option' needs a value" "$WORK/data" "--$option"
	done
}

test_good() {
	run_program 0 count "$WORK/data"
	expect_out '      1 d
      1 c
      1 a,c
      1 a,b'
	cp "$WORK/out" "$WORK/words"
	run_program 0 count --lines --words "$WORK/data"
	expect_file 'the last of the options' "$WORK/words" "$WORK/out"
	run_program 0 count --words --lines "$WORK/data" --top 1
	expect_out '      1 a,c d'
	run_program 0 count --field 1 --field 2 --delimiter ';' --delimiter , "$WORK/data"
	expect_out '      1 c d
      1 b c'
	run_program 0 count --field 18446744073709551615 "$WORK/data"
	expect_out '      2 '
	printf 'x\ty\n' >"$WORK/tabs"
	# shellcheck disable=SC1003
	run_program 0 count --field 2 --delimiter '\t' "$WORK/tabs"
	expect_out '      1 y'
	# A name that looks like an option can be given.
	cp "$WORK/tabs" "$WORK/--top"
	(cd "$WORK" && timeout "$SECONDS_MAX" "$PROGRAM" count --lines -- --top >out 2>err) ||
		fail "a file named --top behind -- is not taken"
	expect_out "      1 x${TAB}y"
	run_program 0 count --threads 1024 "$WORK/data"
	expect_file 'the count with 1024 threads' "$WORK/words" "$WORK/out"
}

test_information() {
	run_program 0 count --help
	grep -q '^usage: hashloom count' "$WORK/out" || fail 'count --help has no usage'
	for option in words lines field delimiter top threads help version; do
		grep -q -- "--$option" "$WORK/out" || fail "count --help does not tell --$option"
	done
	expect_err ''
	run_program 0 count -h
	run_program 0 count --version
	cp "$WORK/out" "$WORK/version"
	run_program 0 --version
	expect_file 'the version' "$WORK/version" "$WORK/out"
	run_program 0 --help
	grep -q '^  count ' "$WORK/out" || fail '--help does not tell the command count'
}

test_numbers
test_arguments
test_good
test_information
