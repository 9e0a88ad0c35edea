#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# plot.sh RESULTS.TSV FOLDER: one SVG and one PNG for each bench (of maps: and number of threads), nanoseconds per operation
# against the number of entries (futures, tasks, bytes), a line for each implementation.
set -eu

tsv=${1:?usage: plot.sh RESULTS.TSV FOLDER}
folder=${2:?usage: plot.sh RESULTS.TSV FOLDER}
tab=$(printf '\t')

if ! command -v gnuplot >/dev/null; then
	echo "plot.sh: no plots, gnuplot is lacking" >&2
	exit 0
fi
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Those with at least two sizes; a line can be drawn through no fewer. How many threads a map is used by is the question; how many a runtime has, its answer.
benches()
{
	awk -F '\t' 'NR > 1 {
		threads = $1 ~ /^map_/ ? $2 : "all"
		if (!(($1, threads, $4) in seen)) { seen[$1, threads, $4] = 1; sizes[$1 FS threads]++ }
	}
	END { for (bench in sizes) if (sizes[bench] > 1) print bench }' "$tsv" | sort
}

# BENCH THREADS|all: blocks for gnuplot, each with its name first
blocks()
{
	awk -F '\t' -v bench="$1" -v threads="$2" '$1 == bench && ($2 == threads || threads == "all") {
		if ($3 != last) printf "%s\"%s\"\n", last == "" ? "" : "\n\n", $3
		last = $3
		print $4, $5
	}' "$tsv"
}

# The look of each line, the same in all plots. Reds and thick: ours; black: the reference; grey: the machine's limit.
styles()
{
	awk -F '\t' '
	BEGIN {
		others = split("1f77b4 2ca02c 9467bd 8c564b e377c2 17becf bcbd22 ff7f0e 393b79 637939 7b4173 3182bd", other, " ")
		ours = split("e31a1c 99000d fb6a4a fc9272 fdae61", our, " ")
	}
	NR == FNR && FNR > 1 && !($3 in colour) {
		width[$3] = 1.5
		point[$3] = ++points
		if ($3 ~ /^hashloom/ || $3 == "threads") { colour[$3] = our[o++ % ours + 1]; width[$3] = 3 }
		else if ($3 == "reference") { colour[$3] = "000000"; width[$3] = 3 }
		else if ($3 ~ /^machine/) colour[$3] = "999999"
		else colour[$3] = other[p++ % others + 1]
	}
	NR != FNR && /^"/ {
		name = substr($0, 2, length($0) - 2)
		printf "set linetype %d linecolor rgb \"#%s\" linewidth %s pointtype %d\n", ++lines, colour[name],
			width[name], point[name]
	}' "$tsv" "$work/blocks"
}

# TERMINAL FILE TITLE
draw()
{
	gnuplot <<-END
		set terminal $1
		set output "$2"
		set title "$3" noenhanced
		set xlabel "entries; futures, tasks; bytes copied"
		set ylabel "ns per operation (median)"
		set logscale xy
		set offsets graph 0.03, graph 0.03, graph 0.05, graph 0.05
		set format x "10^{%L}"
		set ytics add (2, 5, 20, 50, 200, 500, 2000, 5000)
		set grid
		set key outside right noenhanced
		set autoscale yfix
		$(styles)
		stats "$work/blocks" using 1 nooutput
		plot for [i = 0:STATS_blocks - 1] "$work/blocks" index i using 1:2 with linespoints \
			linetype i + 1 title columnheader(1)
	END
}

benches | while IFS=$tab read -r bench threads; do
	blocks "$bench" "$threads" >"$work/blocks"
	[ "$threads" = all ] && title=$bench || title="$bench, $threads thread(s)"
	draw 'svg size 1000,640 background "white"' "$folder/$bench-$threads.svg" "$title"
	draw 'pngcairo size 1000,640' "$folder/$bench-$threads.png" "$title"
done
echo "written: $folder/*.svg, *.png"
