#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# From the start of stsd to its first right answer with a policy, on af_packet,
# all policies loaded and the page cache warm; and EAL's share of it. What it
# takes to enter the namespace and execute stsd is in it.
#
# Usage: bench/restart.sh [OPTION=VALUE]...
#   build=build policies='100000' (or more numbers) runs=5
#   server_cpu=1 load_cpu=0 json=FILE
set -euo pipefail
policies=100000
runs=5
json=
for word; do
	case $word in
	build=* | policies=* | runs=* | server_cpu=* | load_cpu=* | json=*) declare "$word" ;;
	*) sed -n '/^# Usage/,/^set/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
# shellcheck source=bench/veth.sh
. "$(dirname "$0")/veth.sh"

start_once() {
	in_mta python3 "$(dirname "$0")/restart.py" "$DIR/names.tsv" "$STSD_IP@5300" "$DIR/stsd.log" \
		"$BUILD/app/stsctl" -s "$DIR/ctl/control.sock" -- \
		ip netns exec "$SRV" "$BUILD/app/stsd" -c "$DIR/stsd.yaml"
}

measure() { # POLICIES
	local first eal
	rm -rf "$DIR/store" "$DIR"/times
	"$BUILD/bench/stsbench" make --policies "$1" --zipf 0 --out "$DIR/names.tsv"
	"$BUILD/bench/stsbench" fill --in "$DIR/names.tsv" --store "$DIR/store" >>"$DIR/fill.log"
	# This one warms the page cache.
	start_once >/dev/null
	for _ in $(seq "$runs"); do start_once >>"$DIR/times"; done
	first=$(cut -f 1 "$DIR/times" | median)
	eal=$(cut -f 2 "$DIR/times" | median)
	printf '%s policies: first right answer after %s s (%s to %s), %s s of it EAL\n' "$1" "$first" \
		"$(sort -n "$DIR/times" | head -1 | cut -f 1)" "$(sort -n "$DIR/times" | tail -1 | cut -f 1)" "$eal"
	[ -z "$json" ] || printf '{"bench": "restart", "policies": %s, "first_s": %s, "eal_s": %s, "runs": %s}\n' \
		"$1" "$first" "$eal" "$runs" >>"$json"
}

veth_up
stsd_config_of af_packet
[ -z "$json" ] || rm -f "$json"
for number in $policies; do measure "$number"; done
