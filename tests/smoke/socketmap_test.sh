#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: the socketmap door answers every kind of request octet for octet, in
# order, holds cold ones, and bears slow, idle, faulty and many clients.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

ulimit -n "$(ulimit -Hn)"

client() { in_srv python3 "$TOP/tests/smoke/socketmap_client.py" "$DIR/door/map.sock" "$@"; }
counter() { ctl stats | awk -v name="stsd_socketmap_$1" '$1 == name { print $2 }'; }
counts() { [ "$(counter "$1")" -ge "$2" ] || { echo "$1: $(counter "$1"), not $2" >&2; exit 1; }; }

internet_up

stsd_config "socketmap.listen: [127.0.0.1@8461, \"::1@8461\", \"unix:$DIR/door/map.sock\"]" \
	"socketmap.hold: 1s" "socketmap.sendmail.unknown: temp" \
	"clients.allow: [127.0.0.1, \"::1\"]"
stsd_start
client rows
client strangers
client hangups
client crowd 10000
counts answers_policy_total 10
counts refused_acl_total 1
counts forgotten_total 41 # the other 9 had asked more than is taken at once
counts evicted_total 1
counts hold_over_total 2
counts bad_map_total 1
counts bad_request_total 5
until_true 10 ctl status
stsd_stop TERM
[ ! -e "$DIR/door/map.sock" ]

stsd_config "socketmap.listen: [127.0.0.1@8461, \"unix:$DIR/door/map.sock\"]" \
	"socketmap.idle: 1s" "socketmap.postfix.strict_testing: yes" \
	"socketmap.postfix.tlsrpt: no" "socketmap.postfix.servername: no"
stsd_start
client options
client slow
counts idle_closed_total 3
# The socket that a killed appliance leaves is in nobody's way.
stsd_stop KILL
[ -e "$DIR/door/map.sock" ]
stsd_start
client options
