#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# stsd over memif against an echo on the same path and the same core, in turn:
# answers a second, frames a second of the echo, and their ratio. Frames of the
# echo have the mean size of stsd's queries and answers, or that of queries.
#
# A pair of runs counts as `near` when a cache line takes at most --near
# nanoseconds from core to core and back before and after it; on virtual
# machines that changes by itself, and the rates with it.

set -eu
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

build=build
server_cpu=1
load_cpu=0
runs=5
seconds=5
policies=100000
none=1000000
zipf=0.99
seed=1
window=1024
burst=32
near=150
check_every=1024
frames=mean
names=
hugepages=1024
keep=
latency=0
extra=

usage() {
	cat <<-EOF
	usage: bench/memif.sh [OPTION=VALUE]...
	  build=$build  where stsd and stsbench were built
	  server_cpu=$server_cpu load_cpu=$load_cpu  one core each; stsd's control core is load_cpu
	  runs=$runs seconds=$seconds  pairs of runs, length of one
	  policies=$policies none=$none zipf=$zipf seed=$seed  names; zipf=0: uniform
	  names=FILE  instead of making them
	  window=$window burst=$burst  queries on their way, frames at once
	  check_every=$check_every  one answer of so many is compared
	  frames=$frames  size of the echo's: mean of queries and answers, or query
	  near=$near  nanoseconds, see above; 0: count every pair
	  hugepages=$hugepages  of 2 MiB, set up as root and given back
	  latency=$latency  seconds; then, open loop at half of stsd's median rate, so long each
	  extra='...'  more options of stsbench, for example --ipv6
	  keep=DIR  logs and figures stay there
	EOF
	exit "$1"
}

for word; do
	case $word in
	build=* | server_cpu=* | load_cpu=* | runs=* | seconds=* | policies=* | none=* | zipf=* | \
		seed=* | window=* | burst=* | near=* | check_every=* | frames=* | names=* | hugepages=* | \
		keep=* | latency=* | extra=*)
		name=${word%%=*}
		eval "$name=\${word#*=}"
		;;
	--help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
done
[ "$seconds" -ge 2 ] || { echo "memif.sh: seconds: at least 2" >&2; exit 2; }

bench=$build/bench/stsbench
stsd=$build/app/stsd
for tool in "$bench" "$stsd"; do
	[ -x "$tool" ] || { echo "memif.sh: $tool is not there" >&2; exit 2; }
done
need dpdk-testpmd

dir=${keep:-$(mktemp -d)}
mkdir -p "$dir"
server=
client=

stop() { # pid: ended if it still runs, and waited for
	[ -z "$1" ] || { kill "$1" 2>/dev/null || :; wait "$1" 2>/dev/null || :; }
}

clean_up() {
	trap - EXIT INT TERM
	stop "$client"
	stop "$server"
	huge_pages_back
	[ -n "$keep" ] || rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

huge_pages "$hugepages"
page_option=
if [ "$(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)" -lt 512 ]; then
	echo "memif.sh: fewer than 512 free huge pages: without them, and with copying" >&2
	page_option=--no-huge
fi

field() { # file, name: a number of a JSON line
	sed -n "s/.*\"$2\": \([0-9.]*\).*/\1/p" "$1"
}

apart() {
	"$bench" cores --cpu "$load_cpu" --with "$server_cpu" --ms 50
}

# Runs a client to the end of its measurement; it keeps the port, idle, until
# the server has gone: net_memif crashes who polls when its peer leaves.
measure() { # json file, words of stsbench
	rm -f "$dir/hold" "$dir/said"
	mkfifo "$dir/hold" "$dir/said"
	json=$1
	shift
	# shellcheck disable=SC2086 # both are lists of words
	"$bench" "$@" --device "$dir/memif.sock" --cpu "$load_cpu" --window "$window" \
		--burst "$burst" --seconds "$seconds" --json "$json" --hold $page_option $extra \
		<"$dir/hold" >"$dir/said" 2>>"$dir/client.log" &
	client=$!
	exec 7>"$dir/hold"
	done=
	while read -r line; do
		echo "$line" >>"$dir/client.log"
		[ "$line" != measuring ] || [ "$1" != echo ] || count_polls
		[ "$line" != "done" ] || { done=yes; break; }
	done <"$dir/said"
	[ -n "$done" ] || { echo "memif.sh: the client failed:" >&2; tail -5 "$dir/client.log" >&2; exit 1; }
}

# The echo's polls, from within the measured time only.
count_polls() {
	{
		echo 'clear fwd stats all'
		sleep "$((seconds - 1))"
		echo 'show fwd stats all'
	} >&8 &
	counting=$!
}

release_client() {
	exec 7>&-
	wait "$client" || client_status=$?
	client=
}

run_stsd() { # json file
	rm -f "$dir/memif.sock"
	"$stsd" -c "$dir/stsd.yaml" >>"$dir/stsd.log" 2>&1 &
	server=$!
	# NONE records come in the background: measured is what follows.
	until "$build/app/stsctl" --json -s "$dir/ctl/control.sock" status 2>/dev/null |
		grep -q '"warm":true'; do
		kill -0 "$server" || { tail -5 "$dir/stsd.log" >&2; exit 1; }
		sleep 0.1
	done
	measure "$1" load --names "$dir/names.tsv" --zipf "$zipf" --seed "$seed" \
		--check-every "$check_every" --to "$to" --from "$from" --wait 60
	kill "$server"
	wait "$server" || echo "memif.sh: stsd ended with status $?" >&2
	server=
	release_client
}

run_echo() { # json file, octets
	rm -f "$dir/words" "$dir/memif.sock"
	mkfifo "$dir/words"
	# shellcheck disable=SC2086 # a list of words
	dpdk-testpmd --lcores "0@$load_cpu,1@$server_cpu" --no-pci --no-telemetry \
		--file-prefix "echo$$" ${page_option:---in-memory} \
		--vdev "net_memif0,role=server,id=0,socket=$dir/memif.sock,socket-abstract=no,rsize=11" \
		-- -i --auto-start --forward-mode=5tswap --burst="$burst" --rxd=2048 --txd=2048 \
		--record-burst-stats --no-mlockall \
		<"$dir/words" >"$dir/testpmd.log" 2>&1 &
	server=$!
	exec 8>"$dir/words"
	counting=
	measure "$1" echo --size "$2"
	wait "$counting"
	echo stop >&8
	echo quit >&8
	wait "$server" || echo "memif.sh: testpmd ended with status $?" >&2
	server=
	exec 8>&-
	release_client
}

to=198.18.0.1
from=198.18.0.2
prefix=24
case $extra in
*--ipv6*) to=fd00:18::1 from=fd00:18::2 prefix=64 ;;
esac
cat >"$dir/stsd.yaml" <<-EOF
	port.driver: memif
	port.device: $dir/memif.sock
	listen.address: $to/$prefix
	store.directory: $dir/store
	clients.allow: [198.18.0.0/24, "fd00::/8"]
	control.core: $load_cpu
	dataplane.cores: [$server_cpu]
	control.socket: $dir/ctl/control.sock
EOF

if [ -n "$names" ]; then
	cp "$names" "$dir/names.tsv"
else
	"$bench" make --policies "$policies" --none "$none" --zipf "$zipf" --seed "$seed" \
		--out "$dir/names.tsv"
fi
"$bench" fill --in "$dir/names.tsv" --store "$dir/store"

client_status=0
i=0
echo "empty polls, percent: of the generator with stsd / with the echo / of the echo itself"
printf 'pair  cores ns  stsd/s      p99 us  echo/s      octets  ratio  empty polls\n'
while [ $i -lt "$runs" ]; do
	i=$((i + 1))
	before=$(apart)
	run_stsd "$dir/stsd$i.json"
	octets=$(awk -v f="$frames" -v a="$(field "$dir/stsd$i.json" mean_out)" \
		-v b="$(field "$dir/stsd$i.json" mean_in)" 'BEGIN { printf "%.0f", (f == "query" ? a : (a + b) / 2) }')
	between=$(apart)
	run_echo "$dir/echo$i.json" "$octets"
	after=$(apart)
	# The line after `show` says nothing of empty polls when there were none.
	idle=$(sed -n 's/.*RX-bursts : [0-9]* \[\([0-9]*\)% of 0 pkts.*/\1/p' "$dir/testpmd.log" |
		head -1)
	awk -v i="$i" -v a="$before" -v b="$between" -v c="$after" -v o="$octets" \
		-v s="$(field "$dir/stsd$i.json" answers_per_s)" \
		-v p="$(field "$dir/stsd$i.json" p99_us)" \
		-v e="$(field "$dir/echo$i.json" answers_per_s)" -v near="$near" \
		-v g="$(field "$dir/stsd$i.json" empty_share)" \
		-v h="$(field "$dir/echo$i.json" empty_share)" -v idle="${idle:-0}" 'BEGIN {
			far = near && (a > near || b > near || c > near)
			printf "%-4d  %d/%d/%d  %.0f  %.1f  %.0f  %d  %.3f  %.0f/%.0f/%d%s%s\n",
				i, a, b, c, s, p, e, o, s / e, 100 * g, 100 * h, idle,
				(idle > 2 ? "  generator-bound" : ""), (far ? "  far" : "")
		}' | tee -a "$dir/pairs"
done

echo
for which in near all; do
	[ $which = all ] && pattern='' || pattern='far$'
	grep -v "${pattern:-^#}" "$dir/pairs" >"$dir/chosen" || :
	awk -v w=$which -v n="$(wc -l <"$dir/chosen")" \
		-v s="$(awk '{ print $3 }' "$dir/chosen" | median)" \
		-v e="$(awk '{ print $5 }' "$dir/chosen" | median)" \
		-v r="$(awk '{ print $7 }' "$dir/chosen" | median)" 'BEGIN {
			printf "median of %d %s pairs: ", n, w
			if (n) printf "stsd %.0f/s, echo %.0f/s, ratio %.3f\n", s, e, r
			else print "none"
		}'
done
cat "$dir"/stsd*.json | awk '{
	match($0, /"checked": [0-9]+/); c += substr($0, RSTART + 11, RLENGTH - 11)
	match($0, /"wrong": [0-9]+/); w += substr($0, RSTART + 9, RLENGTH - 9)
	match($0, /"lost": [0-9]+/); l += substr($0, RSTART + 8, RLENGTH - 8)
	match($0, /"sent": [0-9]+/); s += substr($0, RSTART + 8, RLENGTH - 8)
} END { printf "sent %d, lost %d, compared %d, wrong %d\n", s, l, c, w }'

# Stands last: it changes what is measured, and for how long.
latencies() {
	half=$(awk '{ print $3 }' "$dir/pairs" | median | awk '{ printf "%d", $1 / 2 }')
	seconds=$latency
	extra="$extra --rate $half --window 32768"
	for i in $(seq "$runs"); do
		run_stsd "$dir/open.stsd.$i.json"
		run_echo "$dir/open.echo.$i.json" "$octets"
	done
	printf 'open loop, %d/s:' "$half"
	for side in stsd echo; do
		printf ' %s' $side
		for which in p50 p99 p999; do
			value=$(for i in $(seq "$runs"); do field "$dir/open.$side.$i.json" ${which}_us; done | median)
			printf ' %s %s us' $which "$value"
		done
	done
	echo
}
[ "$latency" -eq 0 ] || latencies
[ "$client_status" -eq 0 ] || { grep -A 2 '^wrong' "$dir/client.log" >&2; exit 1; }
