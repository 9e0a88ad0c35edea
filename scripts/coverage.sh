#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# coverage.sh OUT [CTEST-ARGUMENT...]: which lines and branches of the library its tests run. Builds the preset "coverage" under
# OUT/build, runs ctest there, prints a table of files, writes OUT/html/index.html and OUT/summary.json. Status 1 if a test
# fails, or if fewer than 95 % of the lines or 85 % of the branches have run.
#
# The library is src/ and include/hashloom/. Assertions (hl_assert) are not compiled in and so are no branches. Headers count
# wherever they are compiled: in the library, in its copy for the scheduler of prove/, in tests and examples.
set -eu
lines_min=95
branches_min=85

out=${1:?usage: coverage.sh OUT [CTEST-ARGUMENT...]}
shift
mkdir -p "$out/html"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."

# A function pasted into its callers would have branches anew in each of them, and one that nobody calls would not be there
# to be missed. Counters that threads share are counted right. What is compiled as C++ is not counted: its calls may throw, so
# that its branches are others. The scheduler's own test is left out: it wants to see the lines that inline functions are called
# from. The tests repeat as often as on an emulated machine, because they are about as slow.
flags='-O0 -g -Dalways_inline=unused -DKIT_EMULATED'
counted='--coverage -fprofile-update=atomic -fkeep-static-functions -fkeep-inline-functions'
cmake --preset coverage -B "$out/build" -DHASHLOOM_PROGRAM=OFF \
	-DCMAKE_C_FLAGS="$flags $counted" -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_EXE_LINKER_FLAGS=--coverage >"$out/build.log"
cmake --build "$out/build" --parallel "${JOBS:-1}" >>"$out/build.log" 2>&1 || { tail -n 30 "$out/build.log" && exit 1; }
find "$out/build" -name '*.gcda' -exec rm {} +
status=0
ctest --test-dir "$out/build" --parallel "${JOBS:-1}" --exclude-regex '^prove_scheduler$' --output-on-failure "$@" >"$out/test.log" 2>&1 || status=1
tail -n 30 "$out/test.log"

root=$PWD
cd "$out" # gcov leaves files where it is called
# A function that is there twice, once for the scheduler, stands in two lines. gcovr 5 asserts that there is one, later ones ask.
merge=
gcovr --help | grep -q merge-mode-functions && merge=--merge-mode-functions=separate
# shellcheck disable=SC2086
PYTHONOPTIMIZE=1 gcovr $merge --root "$root" --filter "$root/src/" --filter "$root/include/hashloom/" \
	--exclude-throw-branches --exclude-unreachable-branches \
	--json-summary summary.json --html-details html/index.html --fail-under-line $lines_min --fail-under-branch $branches_min \
	build >gcovr.log || { cat gcovr.log && status=1; }

python3 - summary.json <<'PRINT'
import json, sys
summary = json.load(open(sys.argv[1]))
total = dict(summary, filename='all')
print('%-44s %7s %6s %9s %6s' % ('file', 'lines', '%', 'branches', '%'))
for file in sorted(summary['files'], key=lambda file: file['filename']) + [total]:
    percent = lambda what: 100.0 * file[what + '_covered'] / (file[what + '_total'] or 1)
    print('%-44s %7d %6.1f %9d %6.1f' % (file['filename'], file['line_total'], percent('line'),
                                         file['branch_total'], percent('branch')))
PRINT
exit $status
