#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: af_packet and af_xdp (`port.xdp: all`) serve a real client over a veth
# pair, IPv4 and IPv6, a cold domain included; two workers share af_packet by
# fan-out; a VLAN tag stays on the answers, and other VLANs meet silence.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

internet_up
mta_up

try() { # DRIVER WORKERS DOMAIN
	stsd_config "port.driver: $1" "port.xdp: all" "port.device: $PORT" \
		"dataplane.workers: $2" \
		"listen.address: [10.98.0.1/24, \"fd98::1/64\"]"
	stsd_start
	local server got
	for server in 10.98.0.1 fd98::1; do
		ip netns exec "$MTA" ping -q -c 1 -W 2 "$server" >/dev/null
		got=$(ip netns exec "$MTA" dig @"$server" -p 5300 +short +tries=2 +time=3 "$3.sts." TXT)
		[[ $got == *'r=policy; mode=enforce'* ]] || { echo "$1 $server: $got" >&2; exit 1; }
		printf '%s.sts. TXT\n' "$3" nothing.test >"$DIR/queries"
		ip netns exec "$MTA" dnsperf -s "$server" -p 5300 -d "$DIR/queries" -n 5000 -q 50 \
			>"$DIR/dnsperf"
		grep -qE 'Response codes: +NOERROR 10000 \(100' "$DIR/dnsperf"
		printf '%s, %s workers, %s: right,%s\n' "$1" "$2" "$server" \
			"$(grep 'per second' "$DIR/dnsperf")"
	done
	stsd_stop TERM
	[ "$(grep -c ' error ' "$DIR/stsd.log")" -eq 0 ]
}

try af_packet 1 good.test
try af_packet 2 second.test
try af_xdp 1 third.test

# The kernel need not know VLANs for this: a raw socket tags the frame itself.
ask_tagged() { # TAG
	ip netns exec "$MTA" /usr/bin/python3 "$HERE/tagged.py" "$TAG-m" \
		"$(in_srv cat "/sys/class/net/$PORT/address")" 10.98.0.2 10.98.0.1 "$1" good.test.sts.
}

stsd_config "port.driver: af_packet" "port.device: $PORT" "port.vlan: 100" \
	"listen.address: 10.98.0.1/24"
stsd_start
got=$(ask_tagged 100)
[[ $got == '100 '*'r=policy; mode=enforce'* ]] || { echo "VLAN 100: $got" >&2; exit 1; }
[ "$(ask_tagged 101)" = silence ]
if ip netns exec "$MTA" dig @10.98.0.1 -p 5300 +tries=1 +time=1 good.test.sts. TXT >/dev/null; then
	exit 1
fi
[ "$(ctl --json stats | jq '.stsd_drop_vlan_total > 0')" = true ]
echo 'af_packet, VLAN 100: right, others meet silence'
