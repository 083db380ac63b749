#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The fair duel: stsd, Knot DNS in XDP mode and an echo (testpmd 5tswap) in turn
# on the same end of a veth pair by AF_XDP, asked by kxdpgun from another core.
# Then, open loop at a rate that all of them bear, how long an answer takes.
#
# Usage: bench/afxdp.sh [OPTION=VALUE]...
#   build=build names=100000 (a tenth with a policy) runs=5 seconds=3
#   rates='700000 1000000 1400000' (of kxdpgun; the best counts)
#   latency_rate=200000 (0: no latency) server_cpu=1 load_cpu=0 json=FILE
set -euo pipefail
names=100000
runs=5
seconds=3
rates='700000 1000000 1400000'
latency_rate=200000
json=
for word; do
	case $word in
	build=* | names=* | runs=* | seconds=* | rates=* | latency_rate=* | server_cpu=* | \
		load_cpu=* | json=*) declare "$word" ;;
	*) sed -n '/^# Usage/,/^set/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
# shellcheck source=bench/veth.sh
. "$(dirname "$0")/veth.sh"
need dpdk-testpmd kxdpgun

echo_on() {
	rm -f "$DIR/words"
	mkfifo "$DIR/words"
	: >"$DIR/testpmd.log"
	ip netns exec "$SRV" stdbuf -oL dpdk-testpmd --lcores "0@$load_cpu,1@$server_cpu" --no-pci --no-telemetry \
		--file-prefix "echo$$" --in-memory \
		--vdev "net_af_xdp0,iface=$PORT,start_queue=0,queue_count=1" \
		-- -i --auto-start --forward-mode=5tswap --burst=32 --rxd=2048 --txd=2048 --no-mlockall \
		<"$DIR/words" >>"$DIR/testpmd.log" 2>&1 &
	SERVER=$!
	PIDS+=("$SERVER")
	exec {WORDS}>"$DIR/words"
	until_true 30 grep -q 'Logical Core' "$DIR/testpmd.log"
}

echo_off() {
	printf 'stop\nquit\n' >&"$WORDS"
	exec {WORDS}>&-
	wait "$SERVER"
}

knot_on() {
	mkdir -p "$DIR/knot"
	cat >"$DIR/knot.conf" <<-EOC
		server:
		  rundir: $DIR/knot
		  udp-workers: 1
		  tcp-workers: 1
		  background-workers: 1
		xdp:
		  listen: $PORT@5300
		database:
		  storage: $DIR/knot
		log:
		  - target: stderr
		    any: info
		zone:
		  - domain: sts.
		    file: $DIR/sts.zone
		    zonefile-sync: -1
		    journal-content: none
	EOC
	: >"$DIR/knot.log"
	start_server "$DIR/knot.log" "$RIVALS/usr/sbin/knotd" -c "$DIR/knot.conf"
	until_true 60 grep -q 'server started' "$DIR/knot.log"
}

knot_off() { stop_server "$SERVER"; }

stsd_up() { stsd_on af_xdp; }
stsd_off() { stsd_stop TERM; }

latency() { # WHAT WORDS OF STSBENCH...
	local what=$1
	shift
	ip netns exec "$MTA" "$BUILD/bench/stsbench" "$@" --driver af_xdp --device "$TAG-m" \
		--device-args start_queue=0,queue_count=1 --to "$STSD_IP@5300" --from "$CLIENT_IP" \
		--dst-mac "$MAC" --cpu "$load_cpu" --rate "$latency_rate" --seconds "$seconds" \
		--json "$DIR/load.json" >>"$DIR/load.log" 2>&1
	jq -e '.wrong == 0' "$DIR/load.json" >/dev/null
	jq -r '[.p50_us, .p99_us, .p999_us] | @tsv' "$DIR/load.json" >>"$DIR/$what.latency"
}

run() {
	echo_on
	xdp_load "$STSD_IP" 5300 >>"$DIR/echo.rate"
	[ "$latency_rate" -eq 0 ] || latency echo echo --size 90
	echo_off
	xdp_off "$SRV" "$PORT"
	knot_on
	xdp_load "$SOCKET_IP" 5300 >>"$DIR/knot.rate"
	[ "$latency_rate" -eq 0 ] || latency knot load --names "$DIR/names.tsv" --to "$SOCKET_IP@5300"
	knot_off
	xdp_off "$SRV" "$PORT"
	stsd_up
	xdp_load "$STSD_IP" 5300 >>"$DIR/stsd.rate"
	[ "$latency_rate" -eq 0 ] || latency stsd load --names "$DIR/names.tsv" --check-every 1024
	stsd_off
	xdp_off "$SRV" "$PORT"
}

column() { cut -f "$1" "$2" | median; }

print() {
	local what rate echo knot
	echo=$(median <"$DIR/echo.rate")
	knot=$(median <"$DIR/knot.rate")
	printf '%-8s %12s %10s %10s %8s %8s %8s\n' server answers/s 'over echo' 'over Knot' 'p50 us' p99 p99.9
	for what in stsd knot echo; do
		rate=$(median <"$DIR/$what.rate")
		if [ "$latency_rate" -eq 0 ]; then
			set -- 0 0 0
		else
			set -- "$(column 1 "$DIR/$what.latency")" "$(column 2 "$DIR/$what.latency")" \
				"$(column 3 "$DIR/$what.latency")"
		fi
		awk -v w="$what" -v r="$rate" -v e="$echo" -v k="$knot" -v a="$1" -v b="$2" -v c="$3" \
			'BEGIN { printf "%-8s %12d %10.3f %10.2f %8.1f %8.1f %8.1f\n", w, r, r / e, r / k, a, b, c }'
		[ -z "$json" ] || awk -v w="$what" -v r="$rate" -v e="$echo" -v k="$knot" -v a="$1" -v b="$2" \
			-v c="$3" -v l="$latency_rate" -v n="$runs" 'BEGIN {
				printf "{\"bench\": \"afxdp\", \"server\": \"%s\", \"answers_per_s\": %d, ", w, r
				printf "\"over_echo\": %.3f, \"over_knot\": %.3f, \"latency_rate\": %d, ", r / e, r / k, l
				printf "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"runs\": %d}\n", a, b, c, n
			}' >>"$json"
	done
}

veth_up
unpack_rivals "$BUILD"
[ -z "$json" ] || rm -f "$json"
"$BUILD/bench/stsbench" make --policies $((names / 10)) --none $((names - names / 10)) --zipf 0 \
	--out "$DIR/names.tsv"
python3 "$(dirname "$0")/zones.py" "$DIR/names.tsv" "$DIR"
"$BUILD/bench/stsbench" fill --in "$DIR/names.tsv" --store "$DIR/store" >>"$DIR/load.log"
echo "server on CPU $server_cpu, load on CPU $load_cpu, $names names, $runs runs of $seconds s in turn, medians"
for _ in $(seq "$runs"); do run; done
print
