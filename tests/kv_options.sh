#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# kv_options.sh PROGRAM: the command line: every mistake ends with status 2, a message that names
# it, and nothing on standard output.
set -u
folder=$(dirname "$0")
# shellcheck source=/dev/null
. "$folder/kv/checks.sh"
begin "$1"

printf '1\tone\nA\tten\n' >"$WORK/data"

# refused MESSAGE ARGUMENT...: `hashloom kv ARGUMENT...`
refused() {
	expected_message=$1
	shift
	run_program 2 kv "$@"
	expect_out ''
	expect_err "hashloom kv: $expected_message"
}

test_numbers() {
	for number in 0 -1 65537 18446744073709551616 99999999999999999999 12x ' 3' '3 ' '' 1e3 0x10 +5 1.5; do
		refused "--in-flight '$number': expected a whole number from 1 to 65536" \
			"$WORK/data" --in-flight "$number"
	done
	for number in 0 -1 65536 18446744073709551617 x ''; do
		refused "--threads '$number': expected a whole number from 1 to 65535" \
			--threads "$number" "$WORK/data"
	done
	for number in 0 1 37 -16 18446744073709551626 sixteen ''; do
		refused "--key-base '$number': expected a whole number from 2 to 36" \
			"--key-base=$number" "$WORK/data"
	done
	for number in 0 -1 3000000001 18446744073709551617 x ''; do
		refused "--capacity '$number': expected a whole number from 1 to 3000000000" \
			"$WORK/data" --capacity "$number"
	done
}

test_words() {
	for word in '' Sync 'sync,' dml; do
		refused "--mover '$word': expected sync or threads" "$WORK/data" --mover "$word"
	done
	refused '--delimiter "": expected one character of one byte, or \t, and not a newline' \
		"$WORK/data" --delimiter ''
	refused '--delimiter ";;": expected one character of one byte, or \t, and not a newline' \
		"$WORK/data" --delimiter ';;'
	refused '--delimiter "\x0a": expected one character of one byte, or \t, and not a newline' \
		"$WORK/data" --delimiter '
'
	refused '--delimiter "\x5cn": expected one character of one byte, or \t, and not a newline' \
		"$WORK/data" --delimiter '\n'
	refused '--delimiter "\xe2\x86\x92": expected one character of one byte, or \t, and not a newline' \
		"$WORK/data" --delimiter "$(printf '\342\206\222')"
}

test_gets() {
	refused "--get 'x': key \"x\" is not a number in base 10" "$WORK/data" --get 1 --get x
	refused "--get '': the key is empty" "$WORK/data" --get ''
	refused "--get '18446744073709551612': key \"18446744073709551612\" is larger than 18446744073709551611" \
		"$WORK/data" --get 18446744073709551612
	# The base counts wherever it stands.
	run_program 0 kv --get 41 --key-base 16 "$WORK/data2"
	expect_out 'sixty-five'
	run_program 1 kv --get 41 --get 42 --get 41 --get 0043 --key-base 16 "$WORK/data2"
	expect_out 'sixty-five
sixty-five'
	expect_err 'not found: 42
not found: 0043'
}

test_arguments() {
	refused "FILE is missing; see 'hashloom kv --help'"
	refused "FILE is missing; see 'hashloom kv --help'" --in-flight 5
	refused "unexpected argument 'more': expected one FILE, which is '$WORK/data'" "$WORK/data" more
	refused "unknown or ambiguous option '--nonsense'; see 'hashloom kv --help'" "$WORK/data" --nonsense
	refused "unknown or ambiguous option '--nonsense=5'; see 'hashloom kv --help'" --nonsense=5 "$WORK/data"
	refused "unknown option '-x'; see 'hashloom kv --help'" "$WORK/data" -x
	for option in in-flight mover threads delimiter key-base capacity get; do
		refused "option '--$option' needs a value" "$WORK/data" "--$option"
	done
	refused "option '--help=now' takes no value" --help=now "$WORK/data"
	refused "option '--version=2' takes no value" --version=2
	# A name that looks like an option can be given.
	printf '1\tdash\n' >"$WORK/--get"
	(cd "$WORK" && timeout "$SECONDS_MAX" "$PROGRAM" kv --get 1 -- --get >out 2>err) ||
		fail "a file named --get behind -- is not taken"
	expect_out dash
}

test_good() {
	run_program 0 kv "$WORK/data" --mover sync --threads 4 --key-base 16 --get a
	expect_out ten
	# shellcheck disable=SC1003
	for delimiter in '\t' "$TAB"; do
		run_program 0 kv "$WORK/data" --delimiter "$delimiter" --key-base 16 --get 1
		expect_out one
	done
	printf '1\\backslash\n2\\3 4\n' >"$WORK/data3"
	# shellcheck disable=SC1003
	run_program 0 kv "$WORK/data3" --delimiter '\' --get 2
	expect_out '3 4'
	printf '1 2 3\n' >"$WORK/data3"
	run_program 0 kv "$WORK/data3" --delimiter ' ' --get 1
	expect_out '2 3'
	# The last one counts.
	run_program 0 kv "$WORK/data2" --key-base 10 --key-base 16 --get 41
	expect_out sixty-five
}

test_information() {
	run_program 0 kv --help
	grep -q '^usage: hashloom kv FILE' "$WORK/out" || fail 'kv --help has no usage'
	for option in in-flight mover threads delimiter key-base capacity get help version; do
		grep -q -- "--$option" "$WORK/out" || fail "kv --help does not tell --$option"
	done
	for command in get put remove count stats help quit; do
		grep -qE "^  $command " "$WORK/out" || fail "kv --help does not tell the command $command"
	done
	expect_err ''
	run_program 0 kv -h
	run_program 0 kv --version
	cp "$WORK/out" "$WORK/version"
	run_program 0 --version
	expect_file 'the version' "$WORK/version" "$WORK/out"
	list=$folder/../CMakeLists.txt
	if [ -r "$list" ]; then
		expect_out "hashloom $(sed -n 's/^project(hashloom VERSION \([0-9.]*\).*/\1/p' "$list")"
	fi
	run_program 0 --help
	grep -q '^usage: hashloom COMMAND' "$WORK/out" || fail '--help has no usage'
	expect_err ''
	run_program 2
	expect_out ''
	grep -q '^usage: hashloom COMMAND' "$WORK/err" || fail 'no command, and no usage either'
	run_program 2 nonsense
	expect_out ''
	expect_err "hashloom: unknown command 'nonsense': expected count or kv; see 'hashloom --help'"
}

printf '41\tsixty-five\n' >"$WORK/data2"
test_numbers
test_words
test_gets
test_arguments
test_good
test_information
