#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: of a table of frames the XDP program takes what it should; with af_xdp
# and `port.xdp: service` only UDP to the service is taken; the kernel answers
# ARP, neighbour discovery, ping, other UDP ports and TCP at the same addresses; a cut answer has TC where TCP is served at its very
# address, and dig, dnspython and Node then get it whole; the program leaves with
# stsd, killed or not.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

in_mta() { ip netns exec "$MTA" "$@"; }

must() { # LABEL GOT WANT
	[ "$2" = "$3" ] || { printf '%s: %s\nnot %s\n' "$1" "$2" "$3" >&2; exit 1; }
	echo "$1: $3"
}

many_patterns() {
	printf 'version: STSv1\nmode: enforce\nmax_age: 86400\n'
	for i in $(seq 120); do printf 'mx: a-rather-long-name-of-a-host-%s.fifth.test\n' "$i"; done
}

flags() { # SERVER NAME [OPTIONS]: of the header
	local server=$1 name=$2
	shift 2
	in_mta dig @"$server" -p 5300 +time=3 +tries=2 "$@" "$name.sts." TXT |
		sed -n 's/^;; flags: \(.*\);.*QUERY.*/\1/p'
}

patterns() { # SERVER [OPTIONS]: how many came
	local server=$1
	shift
	in_mta dig @"$server" -p 5300 +time=3 +tries=2 +short "$@" fifth.test.sts. TXT |
		grep -o '; mx=' | wc -l
}

dnspython_patterns() { # SERVER
	in_mta /usr/bin/python3 - "$1" <<-'EOP'
		import sys

		import dns.resolver

		r = dns.resolver.Resolver(configure=False)
		r.nameservers = [sys.argv[1]]
		r.port = 5300
		print(b"".join(r.resolve("fifth.test.sts.", "TXT")[0].strings).count(b"; mx="))
	EOP
}

node_patterns() { # SERVER
	in_mta node -e "
		const r = new (require('dns').promises.Resolver)();
		const s = process.argv[1];
		r.setServers([(s.includes(':') ? '[' + s + ']' : s) + ':5300']);
		r.resolveTxt('fifth.test.sts').then(
			a => console.log(a[0].join('').split('; mx=').length - 1));
	" "$1"
}

programs() { ip -n "$SRV" -d link show dev "$PORT" | grep -c 'prog/xdp' || true; }
none_left() { [ "$(programs)" = 0 ]; }

# UDP to another port: the kernel's echo gives back what it is sent.
other_port() { # SERVER
	in_mta /usr/bin/python3 - "$1" <<-'EOP'
		import socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		s = socket.socket(family, socket.SOCK_DGRAM)
		s.settimeout(5)
		s.sendto(b"to another port", (sys.argv[1], 5301))
		print(s.recv(100).decode())
	EOP
}

echo_up() {
	ip netns exec "$SRV" /usr/bin/python3 - "$DIR/echo" <<-'EOP' &
		import socket, sys
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
		s.bind(("::", 5301))
		open(sys.argv[1], "w").close()
		while True:
		    data, peer = s.recvfrom(100)
		    s.sendto(data, peer)
	EOP
	PIDS+=($!)
	until_true 10 test -e "$DIR/echo"
}

addresses_up() {
	ip -n "$SRV" addr add 10.98.0.1/24 dev "$PORT"
	ip -n "$SRV" addr add fd98::1/64 dev "$PORT" nodad
}

start() { # TCP
	stsd_config "port.driver: af_xdp" "port.device: $PORT" \
		"listen.address: [10.98.0.1/24, \"fd98::1/64\"]" "listen.tcp: [$1]" \
		"clients.allow: [10.98.0.0/24, \"fd98::/64\"]"
	stsd_start
}

both='10.98.0.1@5300, "fd98::1@5300"'

serves() { # SERVER
	ip -n "$MTA" neigh flush dev "$TAG-m"
	in_mta ping -q -c 1 -W 5 "$1" >/dev/null
	must "$1, another port" "$(other_port "$1")" 'to another port'
	[[ $(in_mta dig @"$1" -p 5300 +short +tries=2 +time=3 good.test.sts. TXT) == \
		*'r=policy; mode=enforce'* ]]
	must "$1, flags of a short answer" "$(flags "$1" good.test +ignore)" 'qr aa rd'
	must "$1, flags of a cut answer" "$(flags "$1" fifth.test +ignore)" 'qr aa tc rd'
	must "$1, flags of a cut text" "$(flags "$1" _policy.fifth.test +ignore)" 'qr aa tc rd'
	must "$1, patterns by dig" "$(patterns "$1")" 120
	must "$1, patterns by dnspython" "$(dnspython_patterns "$1")" 120
	must "$1, patterns by Node" "$(node_patterns "$1")" 120
}

# Neighbours, echoes and TCP are nothing stsd saw.
kernel_did_the_rest() {
	must 'neighbours answered by stsd' \
		"$(ctl --json stats | jq '.stsd_neighbour_answers_total')" 0
	[ "$(ctl --json stats | jq '.stsd_tcp_answers_policy_total')" -ge 2 ]
}

"$BUILD/tests/steered"

internet_up
mta_up
addresses_up
echo_up
many_patterns >"$DIR/www/mta-sts.fifth.test/.well-known/mta-sts.txt"

start "$both"
for server in 10.98.0.1 fd98::1; do serves "$server"; done
kernel_did_the_rest
must 'programs on the interface' "$(programs)" 1
stsd_stop TERM
until_true 10 none_left
echo 'after stsd ended: 0'
[ "$(grep -cE ' (error|warn) ' "$DIR/stsd.log")" -eq 0 ]

# Where only one of the addresses is served over TCP, only its answers say TC.
start 10.98.0.1@5300
must 'IPv4, flags' "$(flags 10.98.0.1 fifth.test +ignore)" 'qr aa tc rd'
must 'IPv6, flags' "$(flags fd98::1 fifth.test +ignore)" 'qr aa rd'
stsd_stop KILL
until_true 10 none_left
echo 'after stsd was killed: 0'

# Another port is another place.
start 10.98.0.1@5353
must 'TCP at another port, flags' "$(flags 10.98.0.1 fifth.test +ignore)" 'qr aa rd'
stsd_stop TERM

# Without the addresses nobody would find it: that is said.
ip -n "$SRV" addr flush dev "$PORT"
stsd_config "port.driver: af_xdp" "port.device: $PORT" "listen.address: 10.98.0.1/24"
stsd_start
grep -q '10.98.0.1 is on no interface' "$DIR/stsd.log"
stsd_stop TERM
