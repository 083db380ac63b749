#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: Postfix, with the configuration of docs/senders/postfix.md, delivers as
# RFC 8461 bids it, and postmap gets the answers of the page.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
# shellcheck source=tests/internet/mail.sh
. "$(dirname "$0")/../internet/mail.sh"
# shellcheck source=tests/internet/postfix.sh
. "$(dirname "$0")/../internet/postfix.sh"

MAP=postfix39

download() { (cd "$DIR/deb" && apt-get -qq -o APT::Sandbox::User=root download "$1"); }

# The package is unpacked, not installed: it would put out another MTA.
unpack_postfix() {
	mkdir -p "$DIR/deb" "$DIR/etc/postfix"
	download postfix || { apt-get -qq update && download postfix; }
	dpkg-deb -x "$DIR"/deb/postfix_*.deb "$DIR/deb"
	cp -r "$DIR"/deb/etc/postfix/* "$DIR/etc/postfix/"
	sender_files ""
	# shellcheck disable=SC2016 # for the inner shell
	SENDER=(ip netns exec "$SRV" unshare --mount bash -c '
		mount -t overlay overlay -o "lowerdir=$0/etc:/etc" /etc
		mount -t overlay overlay -o "lowerdir=$0/deb/usr:/usr" /usr
		exec "$@"' "$DIR")
}

postmap_rows() {
	local plain='secure match=mx1.good.test:.mail.good.test servername=hostname' key map
	for map in "$SOCKETMAP" "socketmap:unix:$DIR/door/map.sock"; do
		found "$map:postfix39" good.test "$plain"
		found "$map:sendmail" good.test "$plain"
		found "$map:postfix" good.test "$plain policy_type=sts policy_domain=good.test mx_host_pattern=mx1.good.test mx_host_pattern=*.mail.good.test { policy_string = version: STSv1 } { policy_string = mode: enforce } { policy_string = mx: mx1.good.test } { policy_string = mx: *.mail.good.test } { policy_string = max_age: 86400 }"
	done
	for key in good.test:587 good.test:submission ｇood.test; do
		found "$SOCKETMAP:postfix39" "$key" "$plain"
	done
	for key in .good.test .test '[good.test]' '[good.test]:25' 192.0.2.1 '[192.0.2.1]' \
		2001:db8::1 testing.test nopolicy.test badcert.test /some/path; do
		absent "$SOCKETMAP:postfix39" "$key"
	done
	echo 'postmap: right'
}

internet_up
unpack_postfix
stsd_config "$(block stsd | sed "s|8461|8461, \"unix:$DIR/door/map.sock\"|")"
stsd_start
mail_up
postfix_up

deliveries 'Server certificate not verified'
postmap_rows
without_hosts
without_appliance

# The wrong map for this Postfix: told on the page, and seen.
MAP=postfix
main_cf >"$DIR/etc/postfix/main.cf" # the same inode
on_sender /usr/sbin/postfix reload >>"$DIR/net.log" 2>&1
deferred good.test 'invalid attribute name'
