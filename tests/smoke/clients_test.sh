#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: dig, kdig, drill, dnsperf, Python's and Node's resolvers get right
# answers over IPv4 and IPv6, with and without EDNS.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

V4=10.127.53.1
V6=fd00:127:53::1
WANT='r=policy; mode=enforce'

must() { # LABEL TEXT
	[[ $2 == *"$WANT"* ]] || { echo "$1: $2" >&2; exit 1; }
	echo "$1: right"
}

internet_up
stsd_config "log.level: info"
stsd_start
must first "$(ask good.test)"

for server in $V4 $V6; do
	must "dig $server" "$(in_srv dig @"$server" -p 5300 +tries=1 +short good.test.sts. TXT)"
	must "dig without EDNS $server" "$(in_srv dig @"$server" -p 5300 +noedns +tries=1 +short good.test.sts. TXT)"
	must "dig with NSID and cookie $server" "$(in_srv dig @"$server" -p 5300 +nsid +cookie +tries=1 good.test.sts. TXT)"
	must "kdig $server" "$(in_srv kdig @"$server" -p 5300 +retry=0 +short good.test.sts. TXT)"
	must "drill $server" "$(in_srv drill -p 5300 good.test.sts. @"$server" TXT)"
	must "python $server" "$(in_srv /usr/bin/python3 - "$server" <<-'EOF'
		import random, socket, struct, sys

		server = sys.argv[1]
		name = b"".join(bytes([len(l)]) + l for l in b"good.test.sts".split(b".")) + b"\0"
		ident = random.randrange(65536)
		s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
		s.settimeout(3)
		s.sendto(struct.pack("!HHHHHH", ident, 0x100, 1, 0, 0, 0) + name + b"\0\x10\0\1", (server, 5300))
		print(s.recv(4096)[12:].replace(b"\0", b".").decode("latin1"))
	EOF
	)"
	must "node $server" "$(in_srv node -e "
		const r = new (require('dns').promises.Resolver)();
		r.setServers([process.argv[1].includes(':') ? '[' + process.argv[1] + ']:5300' : process.argv[1] + ':5300']);
		r.resolveTxt('good.test.sts').then(a => console.log(a[0].join('')));
	" "$server")"
	printf 'good.test.sts. TXT\nnothing.test.sts. TXT\n' >"$DIR/queries"
	in_srv dnsperf -s "$server" -p 5300 -d "$DIR/queries" -n 2000 -q 50 >"$DIR/dnsperf"
	grep -E 'Queries (completed|lost)|per second' "$DIR/dnsperf"
	grep -qE 'Response codes: +NOERROR 4000 \(100' "$DIR/dnsperf"
done
