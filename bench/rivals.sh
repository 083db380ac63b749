#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Answers a second of what a sender could ask instead of stsd: Knot DNS, NSD,
# unbound and rbldnsd, with the same names and TXT answers, over the kernel's
# sockets and a veth pair; stsd on the same pair by af_packet and af_xdp; and an
# echo over one socket, which no socket server can beat. One core for the server,
# one for the load; each is asked by both loaders (stsbench over sockets, kxdpgun)
# in turn, and the better rate counts.
#
# Usage: bench/rivals.sh [OPTION=VALUE]...
#   build=build names=100000 (a tenth with a policy) runs=5 seconds=3
#   window=128 (of stsbench) rates='400000 700000 1200000' (of kxdpgun)
#   server_cpu=1 load_cpu=0 json=FILE memif=FILE (results of bench/memif.sh)
set -euo pipefail
names=100000
runs=5
seconds=3
window=128
rates='400000 700000 1200000'
json=
memif=
for word; do
	case $word in
	build=* | names=* | runs=* | seconds=* | window=* | rates=* | server_cpu=* | load_cpu=* | \
		json=* | memif=*) declare "$word" ;;
	*) sed -n '/^# Usage/,/^set/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
# shellcheck source=bench/veth.sh
. "$(dirname "$0")/veth.sh"
need kxdpgun nsd unbound

declare -A SOCKETS=([echo]=5305 [knot]=5301 [nsd]=5302 [unbound]=5303 [rbldnsd]=5304)

start_knot() {
	mkdir "$DIR/knot"
	cat >"$DIR/knot.conf" <<-EOC
		server:
		  rundir: $DIR/knot
		  listen: $SOCKET_IP@${SOCKETS[knot]}
		  udp-workers: 1
		  tcp-workers: 1
		  background-workers: 1
		database:
		  storage: $DIR/knot
		log:
		  - target: stderr
		    any: warning
		zone:
		  - domain: sts.
		    file: $DIR/sts.zone
		    zonefile-sync: -1
		    journal-content: none
	EOC
	start_server "$DIR/knot.log" "$RIVALS/usr/sbin/knotd" -c "$DIR/knot.conf"
}

start_nsd() {
	cat >"$DIR/nsd.conf" <<-EOC
		server:
		  ip-address: $SOCKET_IP@${SOCKETS[nsd]}
		  server-count: 1
		  rrl-ratelimit: 0
		  username: ""
		  chroot: ""
		  zonesdir: "$DIR"
		  database: ""
		  pidfile: "$DIR/nsd.pid"
		  xfrdfile: "$DIR/xfrd.state"
		  zonelistfile: "$DIR/zone.list"
		remote-control:
		  control-enable: no
		zone:
		  name: sts
		  zonefile: sts.zone
	EOC
	start_server "$DIR/nsd.log" nsd -d -c "$DIR/nsd.conf"
}

start_unbound() {
	cat >"$DIR/unbound.conf" <<-EOC
		server:
		  interface: $SOCKET_IP@${SOCKETS[unbound]}
		  access-control: 0.0.0.0/0 allow
		  num-threads: 1
		  username: ""
		  chroot: ""
		  directory: "$DIR"
		  pidfile: "$DIR/unbound.pid"
		  use-syslog: no
		  do-daemonize: no
		  module-config: "iterator"
		  so-rcvbuf: 4m
		  so-sndbuf: 4m
		include: "$DIR/sts.local"
	EOC
	start_server "$DIR/unbound.log" unbound -d -c "$DIR/unbound.conf"
}

# It refuses to be root.
start_rbldnsd() {
	start_server "$DIR/rbldnsd.log" "$RIVALS/usr/sbin/rbldnsd" -n -a -c 0 -u nobody -w "$DIR" \
		-b "$SOCKET_IP/${SOCKETS[rbldnsd]}" sts:generic:sts.rbl
}

start_echo() {
	start_server "$DIR/echo.log" "$BUILD/bench/stsbench" reflect "$SOCKET_IP@${SOCKETS[echo]}"
}

# The right text for a name that has a policy.
answers() { # IP PORT
	local name text got
	IFS=$'\t' read -r name text <"$DIR/probe"
	got=$(ip netns exec "$MTA" dig @"$1" -p "$2" +short +tries=1 +time=1 "$name.sts." TXT |
		sed 's/" "//g; s/^"//; s/"$//')
	[ "$got" = "$text" ] || { echo "$1@$2 says $got, not $text" >>"$DIR/probe.log"; return 1; }
}

# Every answer NOERROR, and the last octet of one in 1,024 of stsd's.
socket_load() { # IP PORT CHECK-EVERY
	in_mta "$BUILD/bench/stsbench" load --socket "$1@$2" --names "$DIR/names.tsv" \
		--cpu "$load_cpu" --window "$window" --seconds "$seconds" --json "$DIR/load.json" \
		--check-every "$3" >>"$DIR/load.log" 2>&1
	jq -e '(.rcodes | keys) == ["0"] and .wrong == 0' "$DIR/load.json" >/dev/null ||
		{ echo "not all answers are right: $(cat "$DIR/load.json")" >&2; return 1; }
	jq .answers_per_s "$DIR/load.json"
}

measure() { # WHAT IP PORT CHECK-EVERY
	socket_load "$2" "$3" "$4" >>"$DIR/$1.sockets"
	xdp_load "$2" "$3" >>"$DIR/$1.kxdpgun"
}

run() {
	local what
	for what in echo knot nsd unbound rbldnsd; do
		measure "$what" "$SOCKET_IP" "${SOCKETS[$what]}" 0
	done
	for what in af_packet af_xdp; do
		stsd_on "$what"
		answers "$STSD_IP" 5300
		measure "stsd-$what" "$STSD_IP" 5300 1024
		stsd_stop TERM
	done
}

# WHAT BY-SOCKETS BY-KXDPGUN BEST
figures() {
	local what a b
	for what in stsd-af_xdp stsd-af_packet knot nsd unbound rbldnsd echo; do
		a=$(median <"$DIR/$what.sockets")
		b=$(median <"$DIR/$what.kxdpgun")
		echo "$what $a $b" | awk '{ print $0, ($2 > $3 ? $2 : $3) }'
	done
}

rival_best() {
	awk '$1 !~ /^(stsd|echo)/ && $4 > best { best = $4; name = $1 } END { print name, best }' "$DIR/figures"
}

print() {
	local rival best
	read -r rival best < <(rival_best)
	printf '%-16s %12s %12s %12s  %s\n' server 'by stsbench' 'by kxdpgun' best "over $rival"
	awk -v best="$best" '{ printf "%-16s %12d %12d %12d  %.2f\n", $1, $2, $3, $4, $4 / best }' \
		"$DIR/figures"
	[ ! -s "$memif" ] || jq -r --argjson best "$best" --arg rival "$rival" \
		'"stsd over memif, \(.what): \(.stsd | round)/s, \(.stsd / $best * 10 | round / 10) times \($rival)"' \
		"$memif"
	[ -z "$json" ] || awk -v best="$best" -v rival="$rival" -v runs="$runs" '{
		printf "{\"bench\": \"rivals\", \"server\": \"%s\", \"sockets\": %d, \"kxdpgun\": %d, ", $1, $2, $3
		printf "\"best\": %d, \"rival\": \"%s\", \"over_rival\": %.3f, \"runs\": %d}\n", \
			$4, rival, $4 / best, runs
	}' "$DIR/figures" >"$json"
}

veth_up
unpack_rivals "$BUILD"
"$BUILD/bench/stsbench" make --policies $((names / 10)) --none $((names - names / 10)) --zipf 0 \
	--out "$DIR/names.tsv"
python3 "$(dirname "$0")/zones.py" "$DIR/names.tsv" "$DIR"
"$BUILD/bench/stsbench" fill --in "$DIR/names.tsv" --store "$DIR/store" >>"$DIR/load.log"
for server in echo knot nsd unbound rbldnsd; do "start_$server"; done
for server in knot nsd unbound rbldnsd; do
	until_true 60 answers "$SOCKET_IP" "${SOCKETS[$server]}" ||
		{ echo "$server does not give the right answer: $(tail -1 "$DIR/probe.log")" >&2; exit 1; }
done
echo "server on CPU $server_cpu, load on CPU $load_cpu, $names names, $runs runs of $seconds s in turn, medians"
for _ in $(seq "$runs"); do run; done
figures >"$DIR/figures"
print
