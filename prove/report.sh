#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# report.sh OUT SECONDS: what prove.sh has found out, as Markdown. Status 1 if something failed, or a mistake was not found.
set -eu
tree=$(cd "$(dirname "$0")/.." && pwd)
out=$1
faults=$out/faults
: >"$faults"

heading()
{
	printf '\n## %s\n\n' "$1"
}

# The results of searches, one row each: scenario, memory, threads, way, schedules, seconds, guarantees.
searches() # PREFIX
{
	echo '| scenario | memory | threads | schedules | of them distinct | seconds | shows |'
	echo '|---|---|---|---|---|---|---|'
	cat "$out"/logs/"$1"-* | sed -n 's/^\([^ ]*\)  *\(sc\|tso\|relaxed\)  *\([0-9]*\) threads  *\(.*[^ ]\)  *\([0-9]*\) schedules  *\([0-9.]*\) s\(  (cut short)\)\{0,1\}\(  (large)\)\{0,1\}  \(.*\)$/| \1 | \2 | \3 | \4\7\8 | \5 | \6 | \9 |/p'
}

# All schedules of two threads with up to three preemptions, and of three with two, were seen, but of scenarios that say that they are large.
bounds()
{
	cat "$out"/logs/search-*-sc | awk '
	$2 == "sc" && $4 == "threads" && $5 != "random" && !/  \(large\)  / {
		searched++
		bound = $5 == "all," ? $7 + 0 : -1
		if (($3 == 2 && bound < 3) || ($3 == 3 && bound < 2))
			print $1 " was searched with too few preemptions: " $0
	}
	END { if (searched == 0) print "no scenario was searched" }' >>"$faults"
}

# Every job has run, and ended as it should.
statuses()
{
	while read -r name _; do
		status=$(cat "$out/status/$name" 2>/dev/null || echo missing)
		[ "$status" = 0 ] || echo "$name ended with status $status: see $out/logs/$name" >>"$faults"
	done <"$out/jobs"
	grep -q . "$out/jobs" || echo 'nothing was run' >>"$faults"
}

# Each order of the library that the scenarios use, whether some program noticed that it was gone.
orders()
{
	cat "$out"/logs/weaken-* | awk '
	$1 == "weakened" {
		order[$3] = $4
		if ($2 == "caught")
			caught[$3] = 1
	}
	END {
		for (place in order)
			print place, order[place], (place in caught) ? "caught" : "survived"
		if (NR == 0 || length(order) == 0)
			print "nothing:0 relaxed survived"
	}' | sort | while read -r place order verdict; do
		file=$(find "$tree/include" "$tree/src" "$tree/prove" -name "${place%:*}")
		[ -n "$file" ] || echo "there is no file ${place%:*}, an order of which was relaxed" >>"$faults"
		case $file in
		'' | "$tree"/prove/*) continue ;; # orders of the scenarios themselves
		esac
		text=$(sed -n "${place#*:}p" "$file" | sed 's/^[ \t]*//')
		why=
		[ "$verdict" = caught ] || why=$(awk -F ' \\| ' -v file="${place%:*}" -v text="$text" \
			'$1 == file && $2 == text { print $3; exit }' "$tree/prove/mutations/orders.list")
		[ "$verdict" = caught ] || [ -n "$why" ] ||
			echo "nobody noticed that the order of $place was relaxed: $text" >>"$faults"
		echo "| $place | $order | \`$text\` | $verdict${why:+: $why} |"
	done
}

echo "# What make prove found"
echo
echo "$(git -C "$tree" describe --always --dirty 2>/dev/null), $(uname -m), $(nproc) cores, $(($2 / 60)) minutes."
heading 'Schedules'
searches search
bounds
heading 'Schedules that ThreadSanitizer watched'
searches races
heading 'Histories of threads'
echo '```'
cat "$out"/logs/histories-*
echo '```'
heading 'Orders, each relaxed in turn'
echo '| place | order | line | verdict |'
echo '|---|---|---|---|'
orders
heading 'Mistakes that were planted'
sed 's/^/- /' "$out/mutants/results"
grep '^SURVIVED\|^caught none' "$out/mutants/results" >>"$faults" || true
statuses
heading 'Verdict'
if [ -s "$faults" ]; then
	sed 's/^/- /' "$faults"
	exit 1
fi
echo 'Nothing failed; each mistake was found or is explained.'
