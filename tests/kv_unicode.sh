#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# kv_unicode.sh PROGRAM: a real file with a delimiter and hexadecimal keys: the Unicode character
# table.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/kv/checks.sh"
begin "$1"

unicode_data=/usr/share/unicode/UnicodeData.txt
if [ ! -r "$unicode_data" ]; then
	echo "skipped: $unicode_data is missing (package unicode-data)"
	exit 0
fi
lines=$(wc -l <"$unicode_data")
smiley=$(sed -n 's/^1F600;//p' "$unicode_data")
letter=$(sed -n 's/^0041;//p' "$unicode_data")

for options in '' '--mover threads' '--in-flight 5000'; do
	commands count 'get 1F600' 'get 1f600' 'get 41' 'get 0041' 'get FFFFF'
	# shellcheck disable=SC2086
	run_program 0 kv "$unicode_data" --delimiter ';' --key-base 16 $options
	expect_err ''
	expect_loaded "$lines" 0 0 "[0-9]+"
	expect_answers "$lines
$smiley
$smiley
$letter
$letter
not found: FFFFF"
done
