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

MAP=socketmap:inet:127.0.0.1:8461

download() { (cd "$DIR/deb" && apt-get -qq -o APT::Sandbox::User=root download "$1"); }

block() { # KIND: what the page tells to write
	awk -v kind="\`\`\`$1" '$0 == kind { inside = 1; next } /^```$/ { inside = 0 } inside' \
		"$TOP/docs/senders/postfix.md"
}

master_cf() {
	cat <<-EOF
		pickup    unix  n - n 1 1 pickup
		cleanup   unix  n - n - 0 cleanup
		qmgr      unix  n - n 300 1 qmgr
		tlsmgr    unix  - - n 1000? 1 tlsmgr
		rewrite   unix  - - n - - trivial-rewrite
		bounce    unix  - - n - 0 bounce
		defer     unix  - - n - 0 bounce
		trace     unix  - - n - 0 bounce
		verify    unix  - - n - 1 verify
		flush     unix  n - n 1000? 0 flush
		proxymap  unix  - - n - - proxymap
		smtp      unix  - - n - - smtp
		relay     unix  - - n - - smtp
		showq     unix  n - n - - showq
		error     unix  - - n - - error
		retry     unix  - - n - - error
		discard   unix  - - n - - discard
		local     unix  - n n - - local
		anvil     unix  - - n - 1 anvil
		scache    unix  - - n - 1 scache
		postlog   unix-dgram n - n - 1 postlogd
	EOF
}

# The package is unpacked, not installed: it would put out another MTA.
unpack_postfix() {
	mkdir -p "$DIR/deb" "$DIR/postfix/lib" "$DIR/postfix/spool" "$DIR/etc/postfix"
	download postfix || { apt-get -qq update && download postfix; }
	dpkg-deb -x "$DIR"/deb/postfix_*.deb "$DIR/deb"
	{ cat /etc/passwd; echo 'postfix:x:60001:60001::/:/usr/sbin/nologin'; } >"$DIR/etc/passwd"
	{ cat /etc/group; printf 'postfix:x:60001:\npostdrop:x:60002:\n'; } >"$DIR/etc/group"
	echo 'nameserver 127.0.0.1' >"$DIR/etc/resolv.conf"
	chown 60001:60001 "$DIR/postfix/lib"
	cp -r "$DIR"/deb/etc/postfix/* "$DIR/etc/postfix/"
	master_cf >"$DIR/etc/postfix/master.cf"
	main_cf >"$DIR/etc/postfix/main.cf"
}

main_cf() {
	cat <<-EOF
		compatibility_level = 3.6
		myhostname = sender.test
		mydestination =
		inet_interfaces = loopback-only
		inet_protocols = ipv4
		queue_directory = $DIR/postfix/spool
		data_directory = $DIR/postfix/lib
		maillog_file = $DIR/postfix/log
		maillog_file_prefixes = $DIR
		default_destination_concurrency_failed_cohort_limit = 0
	EOF
	block main.cf | sed "s|/etc/ssl/certs/ca-certificates.crt|$DIR/pki/ca.crt|"
}

# A program of Postfix, with /etc and /usr as on the machine of a sender.
# shellcheck disable=SC2016 # for the inner shell
AS_SENDER='
	mount -t overlay overlay -o "lowerdir=$0/etc:/etc" /etc
	mount -t overlay overlay -o "lowerdir=$0/deb/usr:/usr" /usr
	exec "$@"'
on_sender() { ip netns exec "$SRV" unshare --mount bash -c "$AS_SENDER" "$DIR" "$@"; }

postfix_up() {
	on_sender /usr/sbin/postfix check
	ip netns exec "$SRV" unshare --mount bash -c "$AS_SENDER" "$DIR" \
		/usr/lib/postfix/sbin/master -d >>"$DIR/net.log" 2>&1 </dev/null &
	PIDS+=($!)
	until_true 20 grep -q 'daemon started' "$DIR/postfix/log"
}

has_status() { tail -c "+$AT" "$DIR/postfix/log" | grep -q "to=<you@$1>.*status="; }

# Sends one message; what it came to stands in $NEWS: log, then what was taken.
try() { # DOMAIN
	local had
	AT=$(($(stat -c %s "$DIR/postfix/log") + 1))
	had=$(wc -l <"$DIR/taken")
	printf 'Subject: hello\n\nhello\n' | on_sender /usr/sbin/sendmail -f me@sender.test "you@$1"
	until_true 60 has_status "$1" || { tail "$DIR/postfix/log" >&2; exit 1; }
	NEWS=$(tail -c "+$AT" "$DIR/postfix/log"; tail -n "+$((had + 1))" "$DIR/taken" | sed 's/^/taken: /')
	on_sender /usr/sbin/postsuper -d ALL >>"$DIR/net.log" 2>&1
}

must() { # LABEL REGEX
	grep -qE -- "$2" <<<"$NEWS" || { printf '%s: no "%s" in:\n%s\n' "$1" "$2" "$NEWS" >&2; exit 1; }
}

delivered() { # DOMAIN HOST-AND-HOW TEXT-OF-LOG
	try "$1"
	must "$1" "^taken: you@$1 $2"
	must "$1" "to=<you@$1>.*status=sent"
	must "$1" "$3"
	[ "$(grep -c '^taken' <<<"$NEWS")" -eq 1 ]
	echo "$1: delivered, $2, $3"
}

deferred() { # DOMAIN TEXT-OF-LOG
	try "$1"
	must "$1" "to=<you@$1>.*status=deferred"
	must "$1" "$2"
	! grep -q '^taken' <<<"$NEWS" || { printf '%s: taken\n%s\n' "$1" "$NEWS" >&2; exit 1; }
	echo "$1: deferred, $2"
}

found() { # MAP KEY VALUE
	local got
	got=$(on_sender /usr/sbin/postmap -q "$2" "$1")
	[ "$got" = "$3" ] || { echo "postmap -q $2 $1: $got, not $3" >&2; exit 1; }
}

absent() { # MAP KEY
	local got status=0
	got=$(on_sender /usr/sbin/postmap -q "$2" "$1") || status=$?
	[ "$status$got" = 1 ] || { echo "postmap -q $2 $1: $status $got" >&2; exit 1; }
}

postmap_rows() {
	local plain='secure match=mx1.good.test:.mail.good.test servername=hostname' key map
	for map in "$MAP" "socketmap:unix:$DIR/door/map.sock"; do
		found "$map:postfix39" good.test "$plain"
		found "$map:sendmail" good.test "$plain"
		found "$map:postfix" good.test "$plain policy_type=sts policy_domain=good.test mx_host_pattern=mx1.good.test mx_host_pattern=*.mail.good.test { policy_string = version: STSv1 } { policy_string = mode: enforce } { policy_string = mx: mx1.good.test } { policy_string = mx: *.mail.good.test } { policy_string = max_age: 86400 }"
	done
	for key in good.test:587 good.test:submission ｇood.test; do
		found "$MAP:postfix39" "$key" "$plain"
	done
	for key in .good.test .test '[good.test]' '[good.test]:25' 192.0.2.1 '[192.0.2.1]' \
		2001:db8::1 testing.test nopolicy.test badcert.test /some/path; do
		absent "$MAP:postfix39" "$key"
	done
	echo 'postmap: right'
}

internet_up
unpack_postfix
stsd_config "$(block stsd | sed "s|8461|8461, \"unix:$DIR/door/map.sock\"|")"
stsd_start
mail_up
postfix_up

delivered good.test 'mx1.good.test tls' 'Verified TLS connection' # the first mail, to a cold domain
delivered good.test 'mx1.good.test tls' 'Verified TLS connection'
deferred wrongmx.test 'Server certificate not verified'
delivered outside.test 'mx.outside.test tls' 'Verified TLS connection established to mx.outside'
deferred nomx.test 'Server certificate not verified'
delivered testing.test '- tls' 'Trusted TLS connection'
delivered badcert.test '- tls' 'Trusted TLS connection'
delivered nopolicy.test '- tls' 'Trusted TLS connection'
postmap_rows

hosts_off
deferred wrongmx.test 'Server certificate not verified'
delivered good.test 'mx1.good.test tls' 'Verified TLS connection'
echo 'with the policy hosts off all is as before'

stsd_stop TERM
deferred good.test 'lookup error'
must good.test 'dsn=4.7.5.*client TLS configuration problem'
deferred nopolicy.test 'client TLS configuration problem'
stsd_start
delivered good.test 'mx1.good.test tls' 'Verified TLS connection'
echo 'without the appliance mail waits'

# The wrong map for this Postfix: told on the page, and seen.
main_cf | sed 's/:postfix39$/:postfix/' >"$DIR/etc/postfix/main.cf" # the same inode
on_sender /usr/sbin/postfix reload >>"$DIR/net.log" 2>&1
deferred good.test 'invalid attribute name'
