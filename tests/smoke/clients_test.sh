#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: dig, kdig, drill, dnsperf, Python's and Node's resolvers get right
# answers over tap and af_xdp, IPv4 and IPv6, with and without EDNS.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

WANT='r=policy; mode=enforce'

must() { # LABEL TEXT
	[[ $2 == *"$WANT"* ]] || { echo "$1: $2" >&2; exit 1; }
	echo "$1: right"
}

# A program of the standard library alone, as a sender without a resolver
# library would write it.
ask_python() { # SERVER
	python3 - "$1" <<-'EOF'
		import random, socket, struct, sys

		server = sys.argv[1]
		name = b"".join(bytes([len(l)]) + l for l in b"good.test.sts".split(b".")) + b"\0"
		ident = random.randrange(65536)
		s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(3)
		s.sendto(struct.pack("!HHHHHH", ident, 0x100, 1, 0, 0, 0) + name + b"\0\x10\0\1", (server, 5300))
		print(s.recv(4096)[12:].replace(b"\0", b".").decode("latin1"))
	EOF
}

ask_dnspython() { # SERVER
	/usr/bin/python3 - "$1" <<-'EOF'
		import sys

		import dns.resolver

		r = dns.resolver.Resolver(configure=False)
		r.nameservers = [sys.argv[1]]
		r.port = 5300
		print(b"".join(r.resolve("good.test.sts.", "TXT")[0].strings).decode())
	EOF
}

ask_node() { # SERVER
	node -e "
		const r = new (require('dns').promises.Resolver)();
		const s = process.argv[1];
		r.setServers([(s.includes(':') ? '[' + s + ']' : s) + ':5300']);
		r.resolveTxt('good.test.sts').then(a => console.log(a[0].join('')));
	" "$1"
}

clients() { # SERVER
	must "dig @$1" "$(dig @"$1" -p 5300 +tries=1 +short good.test.sts. TXT)"
	must "dig without EDNS @$1" "$(dig @"$1" -p 5300 +noedns +tries=1 +short good.test.sts. TXT)"
	must "dig with NSID and cookie @$1" "$(dig @"$1" -p 5300 +nsid +cookie +tries=1 good.test.sts. TXT)"
	must "kdig @$1" "$(kdig @"$1" -p 5300 +retry=0 +short good.test.sts. TXT)"
	must "drill @$1" "$(drill -p 5300 good.test.sts. @"$1" TXT)"
	must "python @$1" "$(ask_python "$1")"
	must "dnspython @$1" "$(ask_dnspython "$1")"
	must "node @$1" "$(ask_node "$1")"
	dnsperf -s "$1" -p 5300 -d "$DIR/queries" -n 2000 -q 50 >"$DIR/dnsperf"
	grep -qE 'Response codes: +NOERROR 4000 \(100' "$DIR/dnsperf"
	echo "dnsperf @$1: right,$(grep 'per second' "$DIR/dnsperf")"
}

# Called again within the namespace of the client.
if [ "${1:-}" = clients ]; then
	DIR=$2
	clients "$3"
	exit 0
fi

internet_up
mta_up
printf 'good.test.sts. TXT\nnothing.test.sts. TXT\n' >"$DIR/queries"

stsd_config "log.level: info"
stsd_start
must first "$(ask good.test)"
for server in 10.127.53.1 fd00:127:53::1; do in_srv "$0" clients "$DIR" "$server"; done
stsd_stop TERM

ip -n "$SRV" addr add 10.98.0.1/24 dev "$PORT"
ip -n "$SRV" addr add fd98::1/64 dev "$PORT" nodad
stsd_config "port.driver: af_xdp" "port.device: $PORT" \
	"listen.address: [10.98.0.1/24, \"fd98::1/64\"]"
stsd_start
for server in 10.98.0.1 fd98::1; do ip netns exec "$MTA" "$0" clients "$DIR" "$server"; done
