#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A Postfix that delivers to the sinks of mail.sh, with the configuration of
# docs/senders/postfix.md. Sourced after mail.sh by a test that has
#   MAP       the map of main.cf: postfix or postfix39
#   SENDER    an array of words that run a program of Postfix when it stands behind them, with
#             $DIR/etc/postfix as its /etc/postfix; their pid is the program's

# Two tests ask it by postmap.
# shellcheck disable=SC2034
SOCKETMAP=socketmap:inet:127.0.0.1:8461

on_sender() { "${SENDER[@]}" "$@"; }

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

# What Postfix's programs find on the machine of a sender.
# @param 1  Where the machine's own /etc is, if not here.
sender_files() { # [ROOT]
	local root=${1:-}
	mkdir -p "$DIR/postfix/lib" "$DIR/postfix/spool" "$DIR/etc/postfix"
	add_account passwd postfix:x:60001:60001::/:/usr/sbin/nologin
	add_account group postfix:x:60001: postdrop:x:60002:
	echo 'nameserver 127.0.0.1' >"$DIR/etc/resolv.conf"
	chown "$(awk -F: '$1 == "postfix" { print $3 }' "$DIR/etc/passwd")" "$DIR/postfix/lib"
	master_cf >"$DIR/etc/postfix/master.cf"
	main_cf >"$DIR/etc/postfix/main.cf"
}

add_account() { # FILE LINE...: those that are not in it
	local file=$1 line
	shift
	cp "$root/etc/$file" "$DIR/etc/$file"
	for line in "$@"; do
		grep -q "^${line%%:*}:" "$DIR/etc/$file" || echo "$line" >>"$DIR/etc/$file"
	done
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
	block main.cf | sed "s|/etc/ssl/certs/ca-certificates.crt|$DIR/pki/ca.crt|; s|:postfix39\$|:$MAP|"
}

postfix_up() {
	on_sender /usr/sbin/postfix check
	"${SENDER[@]}" /usr/lib/postfix/sbin/master -d >>"$DIR/net.log" 2>&1 </dev/null &
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


# @param 1  What the log says of a host that is not in the policy.
deliveries() { # REGEX
	delivered good.test 'mx1.good.test tls' 'Verified TLS connection' # the first mail, to a cold domain
	delivered good.test 'mx1.good.test tls' 'Verified TLS connection'
	deferred wrongmx.test 'Server certificate not verified'
	delivered outside.test 'mx.outside.test tls' 'Verified TLS connection established to mx.outside'
	deferred nomx.test "$1"
	delivered testing.test '- tls' 'Trusted TLS connection'
	delivered badcert.test '- tls' 'Trusted TLS connection'
	delivered nopolicy.test '- tls' 'Trusted TLS connection'
}

without_hosts() {
	hosts_off
	deferred wrongmx.test 'Server certificate not verified'
	delivered good.test 'mx1.good.test tls' 'Verified TLS connection'
	echo 'with the policy hosts off all is as before'
}

without_appliance() {
	stsd_stop TERM
	deferred good.test 'lookup error'
	must good.test 'dsn=4.7.5.*client TLS configuration problem'
	deferred nopolicy.test 'client TLS configuration problem'
	stsd_start
	delivered good.test 'mx1.good.test tls' 'Verified TLS connection'
	echo 'without the appliance mail waits'
}
