#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-readme.sh [TREE]: behind each line "<!-- FILE.c -->" of README.md and docs/*.md stands a fenced block with the
# content of that file, without its two lines of licence. There is at least one such block.
set -eu
cd "${1:-$(dirname "$0")/..}"

# shellcheck disable=SC2046
awk '
function fault(text)
{
	printf "%s:%d: %s\n", FILENAME, FNR, text
	faults++
	differs = 1
}

# the next line of the file into want; 0 at its end
function read_line()
{
	while ((status = (getline want <file)) > 0)
		if (want !~ /^\/\* (SPDX-License-Identifier: |Copyright )/)
			return 1
	if (status < 0)
		fault("cannot read " file)
	return 0
}

/^<!-- [^ ]+\.c -->$/ && file == "" {
	file = $2
	fence = differs = 0
	blocks++
	next
}

file != "" && !fence {
	if ($0 !~ /^```/)
		fault("no block with " file)
	fence = 1
	next
}

file != "" && /^```$/ {
	if (!differs && read_line())
		fault("the block ends before " file " does")
	close(file)
	file = ""
	next
}

file != "" && !differs {
	if (!read_line() || want != $0)
		fault("differs from " file)
}

END {
	if (blocks == 0)
		fault("has no block that is tested")
	if (file != "")
		fault("the block of " file " does not end")
	exit faults > 0
}
' README.md $(ls docs/*.md 2>/dev/null)
