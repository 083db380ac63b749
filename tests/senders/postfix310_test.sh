#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: Postfix 3.10, Debian 13's, delivers by the map `postfix` as by `postfix39`,
# takes its attributes, keeps away from MX hosts outside the policy by them, and reports
# the policy by them (TLSRPT). Fetches a Debian 13 once, into $TRIXIE.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
# shellcheck source=tests/internet/mail.sh
. "$(dirname "$0")/../internet/mail.sh"
# shellcheck source=tests/internet/postfix.sh
. "$(dirname "$0")/../internet/postfix.sh"

TRIXIE=${TRIXIE:-$TOP/build-trixie}
MIRROR=${MIRROR:-http://deb.debian.org/debian}
MAP=postfix

fetch_trixie() {
	[ ! -e "$TRIXIE/fetched" ] || return 0
	rm -rf "$TRIXIE"
	debootstrap --variant=minbase trixie "$TRIXIE" "$MIRROR" >"$DIR/debootstrap.log" 2>&1 ||
		{ tail "$DIR/debootstrap.log" >&2; return 1; }
	# Nothing is started there.
	printf '#!/bin/sh\nexit 101\n' >"$TRIXIE/usr/sbin/policy-rc.d"
	chmod +x "$TRIXIE/usr/sbin/policy-rc.d"
	DEBIAN_FRONTEND=noninteractive chroot "$TRIXIE" apt-get install -y -qq --no-install-recommends \
		postfix >"$DIR/debootstrap.log" 2>&1 || { tail "$DIR/debootstrap.log" >&2; return 1; }
	touch "$TRIXIE/fetched"
}

sender_up() {
	sender_files "$TRIXIE"
	local f
	for f in dynamicmaps.cf postfix-files; do
		cp -r "$TRIXIE/etc/postfix/$f"* "$DIR/etc/postfix/"
	done
	# shellcheck disable=SC2016 # for the inner shell
	SENDER=(ip netns exec "$SRV" unshare --mount bash -c '
		mount -t tmpfs tmpfs "$1/tmp"
		mkdir "$1$0"
		mount --bind "$0" "$1$0"
		mount -t overlay overlay -o "lowerdir=$0/etc:$1/etc" "$1/etc"
		mount --bind /dev "$1/dev"
		mount -t proc proc "$1/proc"
		exec chroot "$@"' "$DIR" "$TRIXIE")
}

# Takes what Postfix has to report (TLSRPT), a line for each datagram.
collector_up() {
	python3 - "$DIR/postfix/spool/tlsrpt.sock" >>"$DIR/reports" 2>>"$DIR/net.log" <<-'END' &
		import os, socket, sys

		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		os.chmod(sys.argv[1], 0o666)
		while True:
		    print(s.recv(1 << 17).decode(), flush=True)
	END
	PIDS+=($!)
	until_true 10 [ -S "$DIR/postfix/spool/tlsrpt.sock" ]
	block tlsrpt >>"$DIR/etc/postfix/main.cf"
}

internet_up
fetch_trixie
sender_up
echo "Postfix $(on_sender /usr/sbin/postconf -h mail_version), Debian $(<"$TRIXIE/etc/debian_version")"
stsd_config "$(block stsd)"
stsd_start
mail_up
printf '_smtp._tls.%s.test. TXT "v=TLSRPTv1; rua=mailto:r@%s.test"\n' good good wrongmx wrongmx \
	nomx nomx >>"$DIR/zone.mail"
reload_zone
collector_up
postfix_up

# What the map says is in the reports: the policy, and for whom it failed.
reported() { # JQ-EXPRESSION
	jq -es "$1" "$DIR/reports" >/dev/null || { cat "$DIR/reports" >&2; exit 1; }
}

deliveries "MX name 'deep.mx.nomx.test' does not match STS MX pattern for 'nomx.test'"
grep -q "MX name 'evil.outside.test' does not match STS MX pattern" "$DIR/postfix/log"
grep -q 'TLSRPT: status=success, domain=good.test' "$DIR/postfix/log"
reported 'map(select(.d == "good.test")) | length == 2 and all(.policies[0] |
	.["policy-domain"] == "good.test" and .["mx-host"] == ["mx1.good.test", "*.mail.good.test"] and
	.["policy-string"] == ["version: STSv1", "mode: enforce", "mx: mx1.good.test",
		"mx: *.mail.good.test", "max_age: 86400"] and .f == 0)'
reported 'map(select(.d == "wrongmx.test")) | length == 1 and
	(.[0].policies[0] | .f == 1 and (.["failure-details"] | length == 1))'
echo 'reports: right'
without_hosts
without_appliance

# The map for older ones does as well, but names no policy in reports.
MAP=postfix39
sender_files "$TRIXIE"
block tlsrpt >>"$DIR/etc/postfix/main.cf"
on_sender /usr/sbin/postfix reload >>"$DIR/net.log" 2>&1
found "$SOCKETMAP:postfix39" good.test \
	'secure match=mx1.good.test:.mail.good.test servername=hostname'
: >"$DIR/reports"
deliveries 'Server certificate not verified'
reported 'map(select(.d == "good.test")) | length == 2 and all(.policies[0] | has("policy-string") | not)'
echo "the map postfix39: the same deliveries, no policy in reports"
