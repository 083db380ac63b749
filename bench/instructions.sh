#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Instructions per answered query, counted by callgrind between frames received
# and frames sent, on a fixed trace: no noise of the machine in it. Callgrind
# knows no AVX-512; what is counted is what a processor without it would do.
#
# Then the same for each case of queries that are tested, right and wrong: no
# stranger can make a query cost much more than the usual one.
#
# Usage: bench/instructions.sh [--record] [BUILDDIR]
# Prints what is counted beside bench/instructions.txt, which --record writes.

set -eu

record=
[ "${1-}" != --record ] || { record=yes; shift; }
build=${1:-build}
kept=bench/instructions.txt
count=32000
times=64 # what stsbench gives each message
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v valgrind >/dev/null || { echo "instructions.sh: valgrind is missing" >&2; exit 2; }
"$build/bench/stsbench" make --policies 500 --none 500 --zipf 0 --out "$dir/names.tsv"

replay() { # words of stsbench replay
	valgrind --tool=callgrind --collect-atstart=no --combine-dumps=yes \
		--callgrind-out-file="$dir/callgrind" "$build/bench/stsbench" replay \
		--no-huge --cpu 0 "$@" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
}

counted() { # name of the figure, words of stsbench replay
	what=$1
	shift
	replay --names "$dir/names.tsv" --count $count "$@"
	awk -v n=$count -v what="$what" \
		'/Collected :/ { printf "%s %.0f\n", what, $4 / n }' "$dir/log"
}

usual() {
	for which in none policy unknown; do
		counted $which/IPv4 --ask $which --edns 0
		counted $which/IPv4+EDNS --ask $which
		counted $which/IPv6 --ask $which --edns 0 --ipv6
		counted $which/IPv6+EDNS --ask $which --ipv6
	done
}

cases() {
	python3 bench/messages.py tests/vectors/query.json "$dir/messages" "$dir/asked.tsv"
	replay --names "$dir/asked.tsv" --messages "$dir/messages"
	awk -v times=$times 'NR == FNR { name[NR - 1] = $1; next }
		/^desc: Trigger: Client Request: frame/ { at = $NF }
		/^totals:/ && at != "" { printf "%s %.0f\n", name[at], $2 / times; at = "" }' \
		"$dir/messages" "$dir/callgrind" | sort -k 2,2n >"$dir/cases"
	awk '{ v[NR] = $2; name[NR] = $1 }
		END {
			median = v[int((NR + 1) / 2)]
			print "cases/median", median
			print "cases/most/" name[NR], v[NR]
			printf "cases/most-to-median-percent %.0f\n", 100 * v[NR] / median
		}' "$dir/cases"
}

{ usual; cases; } >"$dir/now"
if [ -n "$record" ]; then
	cp "$dir/now" $kept
fi
awk 'NR == FNR { was[$1] = $2; next }
	FNR == 1 { printf "%-44s %8s %8s\n", "instructions a query", "now", "recorded" }
	{
		printf "%-44s %8d", $1, $2
		if ($1 in was) printf " %8d %+7.1f %%\n", was[$1], 100 * ($2 / was[$1] - 1)
		else print "        -"
	}' $kept "$dir/now"
echo
echo "the dearest cases:"
tail -5 "$dir/cases"
