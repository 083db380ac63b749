#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: DNS over TCP gives the same answers as UDP, whole where UDP has to cut,
# to dig, kdig, dnspython and a raw client; limits, idling and faults are borne.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

ask_tcp() { # TOOL NAME [OPTIONS]: the strings of the answer, joined
	local tool=$1 name=$2
	shift 2
	in_srv "$tool" @127.0.0.1 -p 5353 +tcp +short "$@" "$name.sts." TXT |
		sed 's/" "//g; s/^"//; s/"$//'
}

must() { # LABEL GOT WANT
	[ "$2" = "$3" ] || { printf '%s: %s\nnot %s\n' "$1" "$2" "$3" >&2; exit 1; }
	echo "$1: right"
}

many_patterns() {
	printf 'version: STSv1\nmode: enforce\nmax_age: 86400\n'
	for i in $(seq 120); do printf 'mx: a-rather-long-name-of-a-host-%s.fifth.test\n' "$i"; done
}

internet_up
many_patterns >"$DIR/www/mta-sts.fifth.test/.well-known/mta-sts.txt"
stsd_config "listen.tcp: [127.0.0.1@5353, \"::1@5353\"]" "listen.tcp_idle: 1s" \
	"listen.tcp_connections: 1000" "clients.allow: [127.0.0.1, \"::1\", 10.127.53.0/24]"
stsd_start

# A cold domain is held, by every tool; then both ways say the same.
for tool in dig kdig; do
	for domain in good second; do
		got=$(ask_tcp $tool $domain.test)
		must "$tool $domain.test" "$got" "$(ask $domain.test)"
		[[ $got == 'v=STSQ1; r=policy; mode=enforce;'* ]]
	done
	for domain in nopolicy.test _recheck.good.test nosuch; do
		must "$tool $domain" "$(ask_tcp $tool $domain)" "$(ask $domain)"
	done
done
[[ $(ask_tcp dig slow.test +norecurse +time=5) == 'v=STSQ1; r=pending; retry=2' ]]
in_srv dig @127.0.0.1 -p 5353 +tcp good.test.sts. AXFR | grep -q 'Transfer failed'
[[ $(in_srv dig @127.0.0.1 -p 5353 +tcp +short sts. TXT) == *'tcp=127.0.0.1:5353"' ]]
[[ $(in_srv dig @10.127.53.1 -p 5300 +short sts. TXT) == *'tcp=127.0.0.1:5353"' ]]

# Whole, whatever size the client announces.
got=$(ask_tcp dig fifth.test +bufsize=512)
[ "$(grep -o '; mx=' <<<"$got" | wc -l)" -eq 120 ]
[[ $got != *more=1* ]]
[[ $(ask fifth.test) == *'; more=1' ]]
text=$(ask_tcp dig _policy.fifth.test | sed 's/\\010/\n/g')
must '_policy.fifth.test' "$text" "$(many_patterns)"

in_srv /usr/bin/python3 "$TOP/tests/smoke/tcp_client.py"
for name in refused_acl_total evicted_total bad_message_total forgotten_total idle_closed_total; do
	n=$(ctl stats | awk -v name="stsd_tcp_$name" '$1 == name { print $2 }')
	[ "$n" -ge 1 ] || { echo "stsd_tcp_$name: $n" >&2; exit 1; }
done
