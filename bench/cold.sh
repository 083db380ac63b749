#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Cold domains a second: each is asked once, none has a TXT record, and the
# answer waits until that is known. nsd is the upstream, directly, of stsd (asked
# over UDP and by socketmap) and of postfix-mta-sts-resolver; then unbound before
# it, which is also asked for the same records by dnsperf. Every name is new.
#
# Usage: bench/cold.sh [OPTION=VALUE]...
#   build=build names=40000 (a run) runs=5 seconds=3 (a run of socketmap)
#   window=1024 (questions on their way) connections=16 depth=64 (of socketmap)
#   server_cpu=1 (control core, rival) load_cpu=0 (worker, nsd, load) json=FILE
set -euo pipefail
names=40000
runs=5
seconds=3
window=1024
connections=16
depth=64
json=
for word; do
	case $word in
	build=* | names=* | runs=* | seconds=* | window=* | connections=* | depth=* | server_cpu=* | \
		load_cpu=* | json=*) declare "$word" ;;
	*) sed -n '/^# Usage/,/^set/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
# shellcheck source=bench/veth.sh
. "$(dirname "$0")/veth.sh"
need nsd unbound dnsperf

RIVAL_PORT=8462
UNBOUND=$GOOD
seed=1

start_upstreams() {
	printf '%s\n' "\$TTL 3600" '. SOA ns.invalid. h.invalid. 1 3600 600 86400 3600' \
		'. NS ns.invalid.' >"$DIR/root.zone"
	cat >"$DIR/nsd.conf" <<-EOC
		server:
		  ip-address: $DNS
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
		  name: .
		  zonefile: root.zone
	EOC
	cat >"$DIR/unbound.conf" <<-EOC
		server:
		  interface: $UNBOUND
		  access-control: 0.0.0.0/0 allow
		  num-threads: 1
		  outgoing-range: 8192
		  num-queries-per-thread: 4096
		  msg-cache-size: 256m
		  rrset-cache-size: 256m
		  so-rcvbuf: 4m
		  so-sndbuf: 4m
		  username: ""
		  chroot: ""
		  directory: "$DIR"
		  pidfile: "$DIR/unbound.pid"
		  use-syslog: no
		  do-daemonize: no
		  module-config: "iterator"
		  local-zone: "." transparent
		forward-zone:
		  name: "."
		  forward-addr: $DNS
	EOC
	start_in_net taskset -c "$load_cpu" nsd -d -c "$DIR/nsd.conf"
	start_in_net unbound -d -c "$DIR/unbound.conf"
	local server
	for server in "$DNS" "$UNBOUND"; do
		until_true 10 dig_says_absent "$server"
	done
}

dig_says_absent() { in_srv dig +tries=1 +time=1 @"$1" "_mta-sts.first.com" TXT | grep -q NXDOMAIN; }

# $DIR/new: names that nobody has asked for.
new_names() { # NUMBER
	"$BUILD/bench/stsbench" make --none "$1" --zipf 0 --seed $((seed++)) --out "$DIR/new"
}

stsd_at() { # UPSTREAM
	rm -rf "$DIR/store"
	stsd_config_of af_packet
	sed -i "s/^control.core.*/control.core: $server_cpu/; s/^dataplane.cores.*/dataplane.cores: [$load_cpu]/" \
		"$DIR/stsd.yaml"
	cat >>"$DIR/stsd.yaml" <<-EOC
		resolver.upstreams: ["$1"]
		misses.per_client_per_s: 0
		misses.per_domain_per_s: 0
		socketmap.listen: [127.0.0.1@8461]
	EOC
	stsd_start
}

# CPU time by thread name, nanoseconds.
cpu_times() {
	local pid task
	for pid in $(ctl --json status | jq '.pid, .spawner_pid, .children[].pid') "${PIDS[@]}" \
		$(cat /proc/"${PIDS[0]}"/task/*/children); do
		for task in /proc/"$pid"/task/*; do
			printf '%s\t%s\n' "$(tr ' ' '_' <"$task/comm")" "$(cut -d ' ' -f 1 "$task/schedstat")"
		done
	done | awk '{ v[$1] += $2 } END { for (n in v) print n "\t" v[n] }' | sort
}

ask_stsd() { # FILE FOR THE RATE
	new_names "$names"
	cpu_times >"$DIR/cpu.before"
	in_mta "$BUILD/bench/stsbench" load --socket "$STSD_IP@5300" --nap 50 --names "$DIR/new" --check \
		--window "$window" --count "$names" --timeout 5 --json "$DIR/load.json" >"$DIR/load.out" 2>&1 ||
		{ cat "$DIR/load.out" >&2; return 1; }
	cpu_times >"$DIR/cpu.after"
	# Pending would be an answer too, but none that a domain was asked for.
	grep -qE '^verdicts +none [0-9]+, fresh' "$DIR/load.out" ||
		{ echo "not only 'none': $(grep verdicts "$DIR/load.out")" >&2; return 1; }
	jq .answers_per_s "$DIR/load.json" >>"$1"
	join -t "$(printf '\t')" "$DIR/cpu.before" "$DIR/cpu.after" |
		awk -v n="$names" '{ printf "%s\t%.2f\n", $1, ($3 - $2) / n / 1000 }' >"$1.cpu"
}

ask_socketmap() { # PORT FILE FOR THE RATE
	new_names 200000
	in_srv taskset -c "$load_cpu" "$BUILD/bench/stsbench" socketmap --names "$DIR/new" \
		--to "127.0.0.1@$1" --connections "$connections" --depth "$depth" --seconds "$seconds" \
		--warmup 0.5 --json "$DIR/load.json" >>"$DIR/load.log"
	# None found, none asked twice.
	jq -e '.answers > 0 and .answers < 150000 and .ok == 0 and .wrong == 0' "$DIR/load.json" >/dev/null ||
		{ echo "wrong answers: $(cat "$DIR/load.json")" >&2; return 1; }
	jq .answers_per_s "$DIR/load.json" >>"$2"
}

ask_unbound() {
	new_names "$names"
	awk '!/^#/ { print "_mta-sts." $1 " TXT" }' "$DIR/new" >"$DIR/queries"
	in_srv taskset -c "$load_cpu" dnsperf -s "$UNBOUND" -d "$DIR/queries" -n 1 -q "$window" >"$DIR/dnsperf.out"
	grep -qE 'Response codes: +NXDOMAIN [0-9]+ \(100' "$DIR/dnsperf.out"
	sed -n 's/^ *Queries per second: *//p' "$DIR/dnsperf.out" >>"$DIR/unbound"
}

start_rival() {
	echo "nameserver $DNS" >"$DIR/resolv.conf"
	cat >"$DIR/rival.yml" <<-EOC
		host: 127.0.0.1
		port: $RIVAL_PORT
		cache: {type: internal, options: {cache_size: 10000}}
		default_zone: {strict_testing: false, timeout: 4}
		zones: {postfix: {strict_testing: false, timeout: 4}}
	EOC
	# shellcheck disable=SC2016 # for the inner shell
	ip netns exec "$SRV" unshare --mount bash -c '
		mount --bind "$0/resolv.conf" /etc/resolv.conf
		export PYTHONPATH=$2/usr/lib/python3/dist-packages
		exec taskset -c "$1" /usr/bin/python3 "$2/usr/bin/mta-sts-daemon" -c "$0/rival.yml"' \
		"$DIR" "$server_cpu" "$RIVALS" >>"$DIR/rival.log" 2>&1 </dev/null &
	PIDS+=($!)
	until_true 20 in_srv bash -c ": </dev/tcp/127.0.0.1/$RIVAL_PORT"
}

run() {
	stsd_at "$DNS"
	ask_stsd "$DIR/direct"
	ask_socketmap 8461 "$DIR/socketmap"
	stsd_stop TERM
	ask_socketmap "$RIVAL_PORT" "$DIR/rival"
	stsd_at "$UNBOUND"
	ask_stsd "$DIR/through"
	stsd_stop TERM
	ask_unbound
}

print() {
	local what
	for what in direct socketmap rival through unbound; do
		declare "$what=$(median <"$DIR/$what")"
	done
	# shellcheck disable=SC2154 # declared in the loop
	awk -v d="$direct" -v s="$socketmap" -v r="$rival" -v t="$through" -v u="$unbound" 'BEGIN {
		printf "stsd, nsd upstream            %7.0f/s\n", d
		printf "the same by socketmap         %7.0f/s\n", s
		printf "postfix-mta-sts-resolver      %7.0f/s  stsd over it %.1f, by socketmap %.1f\n", r, d / r, s / r
		printf "stsd, unbound upstream        %7.0f/s\n", t
		printf "unbound itself, by dnsperf    %7.0f/s  stsd over it %.2f\n", u, t / u
	}'
	echo 'CPU time of a cold domain, microseconds, nsd upstream, last run:'
	awk '{ printf "  %-16s %6.2f\n", $1, $2; sum += $2 } END { printf "  %-16s %6.2f\n", "all", sum }' \
		"$DIR/direct.cpu"
	[ -z "$json" ] || jq -Rn --argjson d "$direct" --argjson s "$socketmap" --argjson r "$rival" \
		--argjson t "$through" --argjson u "$unbound" --argjson n "$runs" -c '{bench: "cold", direct: $d,
		socketmap: $s, rival: $r, through_unbound: $t, unbound: $u, over_rival: ($d / $r),
		over_unbound: ($t / $u), runs: $n,
		cpu_us: ([inputs | split("\t") | {(.[0]): (.[1] | tonumber)}] | add)}' "$DIR/direct.cpu" >"$json"
}

veth_up
unpack_rivals "$BUILD"
start_upstreams
start_rival
echo "control core and rival on CPU $server_cpu, worker, nsd and load on CPU $load_cpu, $runs runs in turn, medians"
for _ in $(seq "$runs"); do run; done
print
