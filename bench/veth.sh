#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A server and a client in two network namespaces with a veth pair between them,
# one core for each; to be sourced by the scripts that measure over it.
#   veth_up         makes all of it in $DIR; gone by trap
#   stsd_on DRIVER  starts stsd on the server's end; stsd_stop TERM ends it
# stsd is 10.98.0.1, what serves from sockets of the kernel is 10.98.0.3.
# shellcheck source=tests/internet/internet.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tests/internet/internet.sh"
# shellcheck source=bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build=${build:-$BUILD}
server_cpu=${server_cpu:-1}
load_cpu=${load_cpu:-0}
rates=${rates:-}
seconds=${seconds:-3}
STSD_IP=10.98.0.1
SOCKET_IP=10.98.0.3
CLIENT_IP=10.98.0.2

in_mta() { ip netns exec "$MTA" taskset -c "$load_cpu" "$@"; }

# In the background on the server's core, until the end.
start_server() { # LOG COMMAND...
	local log=$1
	shift
	ip netns exec "$SRV" taskset -c "$server_cpu" "$@" >>"$log" 2>&1 </dev/null &
	SERVER=$!
	PIDS+=("$SERVER")
}

stop_server() { # PID
	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

veth_down() {
	local status=$?
	set +e
	huge_pages_back
	[ "$status" -eq 0 ] || tail -n 5 "$DIR"/*.log >&2
	(exit "$status") # for internet_down to see
	internet_down
}

veth_up() {
	need ip ethtool jq dig
	BUILD=$build
	DIR=$(mktemp -d /tmp/stsd-bench.XXXXXX)
	chmod 755 "$DIR"
	trap veth_down EXIT
	huge_pages 1024
	ulimit -l unlimited 2>/dev/null || true
	make_namespaces
	mta_up
	ip -n "$SRV" addr add "$SOCKET_IP/24" dev "$PORT"
	# Frames of a server in user space carry no ARP: both ends are told.
	MAC=$(in_srv cat "/sys/class/net/$PORT/address")
	CLIENT_MAC=$(ip netns exec "$MTA" cat "/sys/class/net/$TAG-m/address")
	local address
	for address in "$STSD_IP" "$SOCKET_IP"; do
		ip -n "$MTA" neigh replace "$address" lladdr "$MAC" dev "$TAG-m"
	done
	ip -n "$SRV" neigh replace "$CLIENT_IP" lladdr "$CLIENT_MAC" dev "$PORT"
}

# What a user of AF_XDP has left on an interface keeps the next one out.
xdp_off() { # NAMESPACE DEVICE
	ip -n "$1" link set dev "$2" xdpdrv off
	ip -n "$1" link set dev "$2" xdpgeneric off
}

stsd_config_of() { # DRIVER
	cat >"$DIR/stsd.yaml" <<-EOC
		port.driver: $1
		port.xdp: all
		port.device: $PORT
		listen.address: $STSD_IP/24
		clients.allow: [10.98.0.0/24, 127.0.0.0/8]
		store.directory: $DIR/store
		control.socket: $DIR/ctl/control.sock
		control.core: $load_cpu
		dataplane.cores: [$server_cpu]
		cache.max_bytes: 4GiB
	EOC
}

stsd_on() { # DRIVER
	stsd_config_of "$1"
	stsd_start
	until_true 120 stsd_warm
}

# NONE records come in the background.
stsd_warm() {
	ctl --json status | jq -e .warm
}

# Answers of kxdpgun's best rate: what came back of what was sent.
xdp_load() { # IP PORT
	local rate best=0 got
	for rate in $rates; do
		in_mta kxdpgun -t "$seconds" -Q "$rate" -b 32 -p "$2" -i "$DIR/queries" \
			-F "${load_cpu}s1" -I "$TAG-m" -l "$CLIENT_IP" -L "$CLIENT_MAC" -R "$MAC" "$1" \
			>"$DIR/kxdpgun.out" 2>&1 || { cat "$DIR/kxdpgun.out" >&2; return 1; }
		got=$(sed -n 's/^total replies: *[0-9]* (\([0-9]*\) pps).*/\1/p' "$DIR/kxdpgun.out")
		[ "${got:-0}" -le "$best" ] || best=$got
	done
	xdp_off "$MTA" "$TAG-m"
	echo "$best"
}
