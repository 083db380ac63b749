#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Names a second in batches against single questions, in turn, on the same names
# and core: from a kernel socket, through a veth pair (af_packet), and over memif.
# As many names are on their way in both forms. One answer in 1,024 is compared.
# The socket's window is smaller than the rings of af_packet (512 frames): what is
# lost there would hold its place in the window for a second.
# Usage: bench/batch.sh [runs=5] [seconds=3] [batch=32] [only='socket memif']
#   [socket_window=256] [memif_window=1024]
#   [policies=100000] [none=1000000] [zipf=0.99] [server_cpu=1] [load_cpu=0] [build=build]
#   [hugepages=1024]
# Needs root. Rates move with the machine: the ratio of a pair counts.
set -euo pipefail

runs=5
seconds=3
batch=32
socket_window=256
memif_window=1024
only='socket memif'
policies=100000
none=1000000
zipf=0.99
server_cpu=1
load_cpu=0
build=build
hugepages=1024
for word; do
	case $word in
	runs=* | seconds=* | batch=* | socket_window=* | memif_window=* | only=* | policies=* | none=* | zipf=* | server_cpu=* | \
		load_cpu=* | build=* | hugepages=*) declare "$word" ;;
	*) sed -n '/^# Usage/,/^set/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done

bench=$build/bench/stsbench
dir=$(mktemp -d)
near=sb$$-near # the server's namespace
far=sb$$-far   # the sender's
server=
client=
huge=/proc/sys/vm/nr_hugepages
huge_before=

stop() { # pid: ended if it still runs, and waited for
	[ -z "$1" ] || { kill "$1" 2>/dev/null || :; wait "$1" 2>/dev/null || :; }
}

clean_up() {
	local status=$?
	trap - EXIT INT TERM
	[ "$status" -eq 0 ] || tail -n 5 "$dir"/*.log >&2 || :
	stop "$client"
	stop "$server"
	ip netns del "$near" 2>/dev/null || :
	ip netns del "$far" 2>/dev/null || :
	[ -z "$huge_before" ] || echo "$huge_before" >$huge
	rm -rf "$dir"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

median() {
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

field() { # FILE NAME: a number of a JSON line
	sed -n "s/.*\"$2\": \([0-9.]*\).*/\1/p" "$1"
}

start_stsd() { # COMMAND... in front of it
	"$@" "$build/app/stsd" -c "$dir/stsd.yaml" >>"$dir/stsd.log" 2>&1 &
	server=$!
	# NONE records come in the background: measured is what follows.
	until "$build/app/stsctl" --json -s "$dir/ctl/control.sock" status 2>/dev/null |
		grep -q '"warm":true'; do
		kill -0 "$server"
		sleep 0.1
	done
}

end_stsd() {
	kill "$server"
	wait "$server" || echo "batch.sh: stsd ended with status $?" >&2
	server=
}

config() { # LINES...
	printf '%s\n' "store.directory: $dir/store" 'clients.allow: [198.18.0.0/24]' \
		"control.core: $load_cpu" "dataplane.cores: [$server_cpu]" \
		"control.socket: $dir/ctl/control.sock" 'listen.address: [198.18.0.1/24]' \
		"$@" >"$dir/stsd.yaml"
}

# Options of the two forms: as many names on their way.
form() { # batch | single, WINDOW
	if [ "$1" = batch ]; then
		echo "--batch $batch --window $(($2 / batch))"
	else
		echo "--window $2"
	fi
}

# shellcheck disable=SC2046 # lists of words
load_socket() { # FORM
	ip netns exec "$far" "$bench" load --socket 198.18.0.1@5300 $(form "$1" "$socket_window") --names "$dir/names.tsv" \
		--zipf "$zipf" --seconds "$seconds" --check-every 1024 --cpu "$load_cpu" \
		--json "$dir/$1.json" >>"$dir/load.log"
}

open_socket() {
	ip netns add "$near"
	ip netns add "$far"
	ip link add sb-far netns "$far" type veth peer name sb-near netns "$near"
	ip -n "$near" link set sb-near up
	ip -n "$far" link set sb-far up
	ip -n "$far" addr add 198.18.0.2/24 dev sb-far
	# A veth leaves checksums to a card that is not there.
	ip netns exec "$far" ethtool -K sb-far tx off >/dev/null
	config 'port.driver: af_packet' 'port.device: sb-near'
	start_stsd ip netns exec "$near"
}

close_socket() {
	end_stsd
}

open_memif() {
	if [ -w $huge ] && [ "$(cat $huge)" -lt "$hugepages" ]; then
		huge_before=$(cat $huge)
		echo "$hugepages" >$huge
	fi
	config 'port.driver: memif' "port.device: $dir/memif.sock"
}

close_memif() { :; }

# The client keeps its port, idle, until the server has gone: net_memif crashes who
# polls when its peer leaves.
# shellcheck disable=SC2046 # lists of words
load_memif() { # FORM
	rm -f "$dir/memif.sock" "$dir/hold" "$dir/said"
	mkfifo "$dir/hold" "$dir/said"
	start_stsd
	"$bench" load --device "$dir/memif.sock" --to 198.18.0.1 --from 198.18.0.2 $(form "$1" "$memif_window") \
		--names "$dir/names.tsv" --zipf "$zipf" --seconds "$seconds" --check-every 1024 \
		--cpu "$load_cpu" --wait 60 --json "$dir/$1.json" --hold \
		<"$dir/hold" >"$dir/said" 2>>"$dir/load.log" &
	client=$!
	exec 7>"$dir/hold"
	local line last=
	while read -r line; do
		last=$line
		[ "$line" != "done" ] || break
	done <"$dir/said"
	[ "$last" = "done" ]
	end_stsd
	exec 7>&-
	wait "$client"
	client=
}

measure() { # socket | memif
	local run
	rm -f "$dir"/pairs
	"open_$1"
	for run in $(seq "$runs"); do
		"load_$1" single
		"load_$1" batch
		for form in single batch; do
			[ "$(field "$dir/$form.json" wrong)" = 0 ] || { echo "wrong answers" >&2; exit 1; }
		done
		awk -v way="$1" -v run="$run" \
			-v s="$(field "$dir/single.json" answers_per_s)" \
			-v b="$(field "$dir/batch.json" answers_per_s)" \
			-v out="$(field "$dir/batch.json" mean_out)" -v in_="$(field "$dir/batch.json" mean_in)" \
			-v es="$(field "$dir/single.json" empty_share)" -v eb="$(field "$dir/batch.json" empty_share)" \
			-v ls="$(field "$dir/single.json" lost)" -v lb="$(field "$dir/batch.json" lost)" 'BEGIN {
				printf "%-6s %d  single %9.0f/s  batch %9.0f/s  ratio %5.2f  octets of a batch %.0f/%.0f  empty polls of the generator %.0f/%.0f %%  lost %d/%d\n",
					way, run, s, b, b / s, out, in_, 100 * es, 100 * eb, ls, lb
			}' | tee -a "$dir/pairs"
	done
	"close_$1"
	printf '%-6s median of %d: single %.0f/s, batch of %d %.0f/s, ratio %.2f\n' "$1" "$runs" \
		"$(awk '{ sub(/\/s/, "", $4); print $4 }' "$dir/pairs" | median)" "$batch" \
		"$(awk '{ sub(/\/s/, "", $6); print $6 }' "$dir/pairs" | median)" \
		"$(awk '{ print $8 }' "$dir/pairs" | median)"
}

"$bench" make --policies "$policies" --none "$none" --zipf "$zipf" --out "$dir/names.tsv" >>"$dir/load.log"
"$bench" fill --in "$dir/names.tsv" --store "$dir/store" >>"$dir/load.log"
for way in $only; do measure "$way"; done
