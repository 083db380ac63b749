#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Everything that is measured here, in one run: instructions, the table beside
# its rivals, frames replayed through a worker, stsd over memif beside an echo,
# batches beside single questions, what a sender could ask instead, the duel over
# AF_XDP, the start, cold domains, fetched policies, and socketmap.
# Results are lines of JSON in DIR; bench/report.py makes docs/performance.md and
# its pictures of them.
#
# Usage: bench/all.sh [full] [WORD=VALUE]...
#   full            sizes up to ten million names in place of one, a million policies
#                   at the start, latency for half a minute each, more runs: an hour
#   build=build     where stsd and stsbench were built
#   dir=DIR         results (BUILD/bench/results)
#   runs=5          of each, in turn; medians count
#   seconds=3       length of one
#   only='instructions table replay memif batch rivals afxdp restart cold fetch socketmap report'

set -eu
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

build=build
dir=
full=
only='instructions table replay memif batch rivals afxdp restart cold fetch socketmap report'
runs=5
seconds=3
for word; do
	case $word in
	full) full=yes ;;
	build=*) build=${word#*=} ;;
	dir=*) dir=${word#*=} ;;
	runs=*) runs=${word#*=} ;;
	seconds=*) seconds=${word#*=} ;;
	only=*) only=${word#*=} ;;
	*) sed -n '/^# Usage/,/^$/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
dir=${dir:-$build/bench/results}
mkdir -p "$dir"
sizes='1000 1000000'
table_sizes='1000 100000 1000000'
if [ -n "$full" ]; then
	sizes="$sizes 10000000"
	table_sizes="$table_sizes 10000000"
fi
# What has many candidates gets fewer runs when time is short.
few=$runs
latency=5
if [ -z "$full" ]; then
	[ "$few" -lt 3 ] || few=3
else
	latency=30
fi
huge_pages 1024
trap 'huge_pages_back; rm -f "$dir"/names.*' EXIT

# A tenth of the names has a policy.
names_of() { # names, exponent
	[ -e "$dir/names.$1" ] ||
		"$build/bench/stsbench" make --policies $(($1 / 10)) --none $(($1 - $1 / 10)) \
			--zipf 0 --out "$dir/names.$1"
}

machine() {
	{
		sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1
		echo "$(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
		cc --version | head -1
		echo "DPDK $(pkg-config --modversion libdpdk), Linux $(uname -r | cut -d- -f1)"
		date -u +%Y-%m-%d
	} >"$dir/machine"
}

instructions() {
	bench/instructions.sh "$build" | tee "$dir/instructions"
}

table() {
	rm -f "$dir/table.json"
	# shellcheck disable=SC2086 # a list of numbers
	"$build/bench/table_bench" --json "$dir/table.json" $table_sizes 2>"$dir/table.log" ||
		{ cat "$dir/table.log" >&2; exit 1; }
}

# The worker's rate by its own CPU time.
replay_once() { # names, records a second
	"$build/bench/stsbench" replay --names "$dir/names.$1" --publish "$2" --seconds "$seconds" \
		2>>"$dir/replay.log" | sed -n 's/.*queries\/s, \([0-9.]*\) M a second of CPU.*/\1/p'
}

replay() {
	rm -f "$dir/replay.json" "$dir/replay.log"
	for n in $sizes; do
		names_of "$n"
		: >"$dir/quiet"
		: >"$dir/busy"
		: >"$dir/ratio"
		i=0
		while [ $i -lt "$runs" ]; do
			i=$((i + 1))
			quiet=$(replay_once "$n" 0)
			busy=$(replay_once "$n" 100000)
			echo "$quiet" >>"$dir/quiet"
			echo "$busy" >>"$dir/busy"
			awk -v q="$quiet" -v b="$busy" 'BEGIN { print b / q }' >>"$dir/ratio"
		done
		printf '{"bench": "replay", "names": %d, "quiet": %s, "busy": %s, "ratio": %s}\n' \
			"$n" "$(median <"$dir/quiet")" "$(median <"$dir/busy")" \
			"$(median <"$dir/ratio")" | tee -a "$dir/replay.json"
	done
}

memif_once() { # label, words of memif.sh
	label=$1
	shift
	bench/memif.sh build="$build" runs="$runs" seconds="$seconds" "$@" >"$dir/memif.$label" \
		2>>"$dir/memif.log" || { tail -20 "$dir/memif.log" "$dir/memif.$label" >&2; exit 1; }
	awk -v label="$label" '/^median of/ && /ratio/ && !done {
			done = 1
			gsub(/[\/s,]/, "")
			printf "{\"bench\": \"memif\", \"what\": \"%s\", \"pairs\": %d, \"near\": %s, ",
				label, $3, $4 == "near" ? "true" : "false"
			for (i = 5; i < NF; i++)
				if ($i ~ /^(td|echo|ratio)$/)
					v[$i] = $(i + 1)
			printf "\"stsd\": %s, \"echo\": %s, \"ratio\": %s", v["td"], v["echo"], v["ratio"]
		}
		/^[0-9]+ .*generator-bound/ { bound++ }
		/^sent/ { gsub(/,/, ""); lost = $4; compared = $6; wrong = $8 }
		END { printf ", \"bound\": %d, \"lost\": %d, \"compared\": %d, \"wrong\": %d}\n",
			bound, lost, compared, wrong }' "$dir/memif.$label" | tee -a "$dir/memif.json"
}

memif() {
	rm -f "$dir/memif.json" "$dir/memif.log"
	for n in $sizes; do
		names_of "$n"
		memif_once "uniform-$n" names="$dir/names.$n" zipf=0 frames=query
	done
	memif_once zipf-1100000 zipf=0.99 latency=$latency
	awk -v seconds=$latency '/^open loop/ {
			gsub(/[,:]|\/s/, "")
			printf "{\"bench\": \"latency\", \"rate\": %d, \"seconds\": %d", $3, seconds
			for (i = 4; i <= NF; i++)
				if ($i ~ /^(stsd|echo)$/) side = $i
				else if ($i ~ /^p/) printf ", \"%s_%s_us\": %s", side, $i, $(i + 1)
			print "}"
		}' "$dir/memif.zipf-1100000" | tee "$dir/latency.json"
}

# The scripts that print their own figures and write their own lines.
beside() { # name, runs, words of the script
	what=$1
	count=$2
	shift 2
	bench/"$what".sh build="$build" runs="$count" json="$dir/$what.json" "$@" >"$dir/$what.out" \
		2>"$dir/$what.log" || { tail -20 "$dir/$what.log" >&2; exit 1; }
	cat "$dir/$what.out"
}

rivals() {
	beside rivals "$few" seconds=2 rates="600000${full:+ 350000}" memif="$dir/memif.json"
}

afxdp() {
	beside afxdp "$few" seconds="$seconds" rates='800000 1200000'
}

restart() {
	beside restart "$runs" policies="100000${full:+ 1000000}"
}

socketmap() {
	beside socketmap "$few" seconds=2
}

cold() {
	beside cold "$few"
}

fetch() {
	beside fetch "$runs"
}

batch() {
	bench/batch.sh build="$build" runs="$runs" seconds="$seconds" | tee "$dir/batch"
}

report() {
	python3 bench/report.py "$dir" docs
}

machine
for step in $only; do
	echo "== $step"
	$step
done
