#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# socketmap answers a second: stsd and postfix-mta-sts-resolver in turn, on the
# same policies of a little internet, asked with the same octets. Both have all
# of them in memory before, and the rival is told never to check them again.
#
# Usage: bench/socketmap.sh [OPTION=VALUE]...
#   build=build runs=5 seconds=3 server_cpu=1 load_cpu=0 json=FILE
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../tests/internet/internet.sh"
# shellcheck source=bench/lib.sh
. "$(dirname "$0")/lib.sh"

runs=5
seconds=3
server_cpu=1
load_cpu=0
json=
for word; do
	case $word in
	build=* | runs=* | seconds=* | server_cpu=* | load_cpu=* | json=*) declare "$word" ;;
	*) sed -n '/^# Usage/,/^set/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
BUILD=${build:-$BUILD}
RIVAL_PORT=8462

configure_rival() {
	echo 'nameserver 10.99.0.53' >"$DIR/resolv.conf"
	cat >"$DIR/rival.yml" <<-EOF
		host: 127.0.0.1
		port: $RIVAL_PORT
		cache_grace: 1000000
		cache: {type: internal, options: {cache_size: 10000}}
		default_zone: {strict_testing: false, timeout: 4}
		zones: {postfix: {strict_testing: false, timeout: 4}}
	EOF
}

start_rival() {
	# shellcheck disable=SC2016 # for the inner shell
	ip netns exec "$SRV" unshare --mount bash -c '
		mount --bind "$0/resolv.conf" /etc/resolv.conf
		export PYTHONPATH=$2/usr/lib/python3/dist-packages SSL_CERT_FILE=$0/pki/ca.crt
		exec taskset -c "$1" /usr/bin/python3 "$2/usr/bin/mta-sts-daemon" -c "$0/rival.yml"' \
		"$DIR" "$server_cpu" "$RIVALS" >>"$DIR/net.log" 2>&1 </dev/null &
	PIDS+=($!)
	until_true 20 in_srv bash -c ": </dev/tcp/127.0.0.1/$RIVAL_PORT"
}

load() { # PORT CONNECTIONS DEPTH SECONDS
	in_srv taskset -c "$load_cpu" "$BUILD/bench/stsbench" socketmap --names "$DIR/names" \
		--to "127.0.0.1@$1" --connections "$2" --depth "$3" --seconds "$4" --warmup 0.5 \
		--json "$DIR/figures" >>"$DIR/net.log"
	# Every answer is the policy, or the figures are worth nothing.
	jq -e '.ok > 0 and .ok == .answers and .wrong == 0' "$DIR/figures" >/dev/null ||
		{ echo "wrong answers: $(cat "$DIR/figures")" >&2; return 1; }
	jq -r '[.answers_per_s, .p50_us, .p99_us] | @tsv' "$DIR/figures"
}

column() { # NUMBER FILE
	cut -f "$1" "$2" | median
}

pair() { # CONNECTIONS DEPTH
	local run
	rm -f "$DIR"/stsd.tsv "$DIR"/rival.tsv
	for run in $(seq "$runs"); do
		echo "run $run" >>"$DIR/net.log"
		load 8461 "$1" "$2" "$seconds" >>"$DIR/stsd.tsv"
		load "$RIVAL_PORT" "$1" "$2" "$seconds" >>"$DIR/rival.tsv"
	done
	awk -v c="$1" -v d="$2" -v n="$runs" -v json="${json:-/dev/null}" \
		-v s="$(column 1 "$DIR/stsd.tsv")" -v s50="$(column 2 "$DIR/stsd.tsv")" -v s99="$(column 3 "$DIR/stsd.tsv")" \
		-v r="$(column 1 "$DIR/rival.tsv")" -v r50="$(column 2 "$DIR/rival.tsv")" -v r99="$(column 3 "$DIR/rival.tsv")" \
		'BEGIN {
			printf "%2d x %2d  stsd %7.0f/s p50 %5.0f p99 %5.0f us   ", c, d, s, s50, s99
			printf "rival %7.0f/s p50 %5.0f p99 %5.0f us   ratio %.1f\n", r, r50, r99, s / r
			printf "{\"bench\": \"socketmap\", \"connections\": %d, \"depth\": %d, \"stsd\": %d, ", c, d, s >>json
			printf "\"stsd_p99_us\": %.1f, \"rival\": %d, \"rival_p99_us\": %.1f, ", s99, r, r99 >>json
			printf "\"ratio\": %.2f, \"runs\": %d}\n", s / r, n >>json
		}'
}

internet_up
[ -z "$json" ] || rm -f "$json"
unpack_rivals "$BUILD"
configure_rival
printf '%s.test\n' good second third fourth wrongmx outside nomx >"$DIR/names"
stsd_config "socketmap.listen: [127.0.0.1@8461]" "socketmap.postfix.tlsrpt: no" \
	"dataplane.cores: [$load_cpu]" "control.core: $server_cpu"
stsd_start
start_rival
for port in 8461 "$RIVAL_PORT"; do load "$port" 1 1 1 >"$DIR/warm.$port"; done
echo "server on CPU $server_cpu, load on CPU $load_cpu, $runs runs of $seconds s each in turn, medians"
for connections in 1 16; do
	for depth in 1 16; do pair "$connections" "$depth"; done
done
