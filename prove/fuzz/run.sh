#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# run.sh [MINUTES [TARGET...]]: fuzzes each target (default: all) for MINUTES (default: 8, shared by all) with libFuzzer, under
# AddressSanitizer and UndefinedBehaviorSanitizer, and as long with AFL++ where that is installed. Builds and finds go to
# build/fuzz; the corpora of the tree are only read. Stops at the first crash, with status 1, the input's path
# and the command that replays it. At the end a table says what was done.
#
# run.sh --merge [TARGET...] writes to the tree's corpora what of the finds covers more.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
build=$root/build/fuzz
corpora=$root/prove/fuzz/corpus
length_max=1024
# Sanitizers map fixed regions of memory, which a highly randomised address space can occupy.
fixed=$(setarch "$(uname -m)" -R true 2>/dev/null && echo "setarch $(uname -m) -R" || true)

# Comparisons are not traced: the inputs are numbers of calls, and the group probes would be all that was traced.
flags='-O2 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-sanitize-coverage=trace-cmp -DHASHLOOM_DEBUG=1'

fail()
{
	echo "run.sh: $*" >&2
	exit 1
}

make_build() # DIRECTORY COMPILER FLAGS TARGET...
{
	directory=$1
	compiler=$2
	compiler_flags=$3
	shift 3
	cmake -S "$root" -B "$build/$directory" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER="$compiler" \
		-DCMAKE_C_FLAGS="$compiler_flags" -DHASHLOOM_FUZZ=engine -DHASHLOOM_TESTS=OFF >"$build/$directory.log" 2>&1 &&
		cmake --build "$build/$directory" --parallel "${JOBS:-$(nproc)}" --target "$@" >>"$build/$directory.log" 2>&1 ||
		fail "the build failed: see $build/$directory.log"
}

# Each engine build has the targets as programs.
programs() # DIRECTORY
{
	echo "$build/$1/prove/fuzz"
}

report_crash() # TARGET INPUT
{
	echo "fuzz_$1 failed. The input: $2" >&2
	echo "To replay it: $fixed $(programs libfuzzer)/fuzz_$1 $2" >&2
	exit 1
}

# Sanitizers have 25 MB of shadow and keep what was freed: no limit on memory, one on time.
libfuzzer() # TARGET SECONDS
{
	found=$build/found/$1
	log=$build/$1.libfuzzer.log
	mkdir -p "$found"
	$fixed "$(programs libfuzzer)/fuzz_$1" -max_total_time="$2" -max_len=$length_max -timeout=20 -rss_limit_mb=0 \
		-print_final_stats=1 -artifact_prefix="$build/crash-$1-" "$found" "$corpora/$1" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		report_crash "$1" "$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
	}
	awk -v target="$1" '/ cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "corp:") corpus = $(i + 1) } }
		/number_of_executed_units/ { runs = $2 }
		END { printf "%-12s %-9s %10d runs  %6d edges  corpus %s\n", target, "libFuzzer", runs, edges, corpus }' "$log"
}

afl() # TARGET SECONDS
{
	out=$build/afl-out/$1
	log=$build/$1.afl.log
	rm -rf "$out"
	mkdir -p "$out"
	# It asks for settings of the machine that are not ours to change, and draws on the terminal.
	AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
		ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0 \
		$fixed afl-fuzz -V "$2" -G $length_max -t 20000 -m none -i "$corpora/$1" -o "$out" -- "$(programs afl)/fuzz_$1" \
		>"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "afl-fuzz failed: see $log"; }
	crash=$(find "$out" -path '*crashes*' -name 'id:*' | head -n 1)
	[ -z "$crash" ] || report_crash "$1" "$crash"
	awk -F' *: *' -v target="$1" '$1 == "execs_done" { runs = $2 } $1 == "edges_found" { edges = $2 } $1 == "corpus_count" { corpus = $2 }
		END { printf "%-12s %-9s %10d runs  %6d edges  corpus %s\n", target, "AFL++", runs, edges, corpus }' \
		"$out/default/fuzzer_stats"
	mkdir -p "$build/found/$1"
	cp -- "$out"/default/queue/id:* "$build/found/$1/" 2>/dev/null || true
}

all_targets()
{
	for source in "$root"/prove/fuzz/fuzz_*.c; do
		basename "$source" .c | sed 's/^fuzz_//'
	done
}

merge=
minutes=8
case ${1-} in
--merge) merge=1 && shift ;;
'') ;;
*) minutes=$1 && shift ;;
esac
# word splitting is meant: one target, one word
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(all_targets)

command -v clang >/dev/null || fail 'clang is needed'
mkdir -p "$build"
# shellcheck disable=SC2046
make_build libfuzzer clang "$flags" $(printf 'fuzz_%s ' "$@")
if [ -n "$merge" ]; then
	for target; do
		mkdir -p "$corpora/$target" "$build/found/$target"
		$fixed "$(programs libfuzzer)/fuzz_$target" -merge=1 -max_len=$length_max -rss_limit_mb=0 "$corpora/$target" "$build/found/$target" \
			>"$build/$target.merge.log" 2>&1 || fail "the merge failed: see $build/$target.merge.log"
	done
	exit 0
fi
seconds=$(awk -v minutes="$minutes" -v targets=$# 'BEGIN { s = int(minutes * 60 / targets); print s < 1 ? 1 : s }')
for target; do
	libfuzzer "$target" "$seconds"
done
if ! command -v afl-fuzz >/dev/null || ! command -v afl-clang-fast >/dev/null; then
	echo 'AFL++ is not installed: that was libFuzzer alone'
	exit 0
fi
# shellcheck disable=SC2046
make_build afl afl-clang-fast "$(echo "$flags" | sed 's/fuzzer-no-link,//; s/-fno-sanitize-coverage=trace-cmp//')" $(printf 'fuzz_%s ' "$@")
for target; do
	afl "$target" "$seconds"
done
