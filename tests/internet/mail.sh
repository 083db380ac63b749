#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Mail for the little internet: MX records, three SMTP sinks (one with the right
# certificate, one with another host's, one that intrudes), and a resolver on the sender's machine
# through which its MTA asks the appliance. Sourced after internet.sh.

# Who takes the mail of a domain: hosts of $MAIL show the right certificate, and
# so does the one of $MAIL_EVIL, who only is in no policy.
#   outside.test  its first MX is not in its policy, its second is
#   nomx.test     none of its MX hosts is
mail_records() {
	cat <<-EOF
		good.test. MX 10 mx1.good.test.
		mx1.good.test. A $MAIL
		wrongmx.test. MX 10 mx.wrongmx.test.
		mx.wrongmx.test. A $MAIL_WRONG
		outside.test. MX 10 evil.outside.test.
		outside.test. MX 20 mx.outside.test.
		evil.outside.test. A $MAIL_EVIL
		mx.outside.test. A $MAIL
		nomx.test. MX 10 evil.nomx.test.
		nomx.test. MX 20 deep.mx.nomx.test.
		evil.nomx.test. A $MAIL_EVIL
		deep.mx.nomx.test. A $MAIL
		testing.test. MX 10 mx.testing.test.
		mx.testing.test. A $MAIL_WRONG
		badcert.test. MX 10 mx.badcert.test.
		mx.badcert.test. A $MAIL_WRONG
		nopolicy.test. MX 10 mx.nopolicy.test.
		mx.nopolicy.test. A $MAIL_WRONG
	EOF
}

mail_up() {
	mail_records >"$DIR/zone.mail"
	make_zone
	kill -HUP "$(cat "$DIR/nsd.pid")"
	certificate mail mx1.good.test \
		DNS:mx1.good.test,DNS:mx.outside.test,DNS:deep.mx.nomx.test
	certificate evilmail evil.outside.test DNS:evil.outside.test,DNS:evil.nomx.test
	certificate othermail elsewhere.test DNS:elsewhere.test
	: >"$DIR/taken"
	start_sink "$MAIL" mail
	start_sink "$MAIL_WRONG" othermail
	start_sink "$MAIL_EVIL" evilmail
	start_resolver
	until_true 10 in_srv dig +tries=1 +time=1 @127.0.0.1 mx1.good.test
	until_true 10 in_srv dig +tries=1 +time=1 @127.0.0.1 nopolicy.test.sts. TXT
}

start_sink() { # ADDRESS CERTIFICATE
	ip netns exec "$NET" python3 "$HERE/sink.py" "$1" "$DIR/pki/$2.crt" "$DIR/pki/$2.key" \
		>>"$DIR/taken" 2>>"$DIR/net.log" </dev/null &
	PIDS+=($!)
	until_true 10 in_srv bash -c ": </dev/tcp/$1/25"
}

# What docs/senders/exim.md tells to put into unbound's configuration.
start_resolver() {
	cat >"$DIR/resolver.conf" <<-EOF
		server:
		  interface: 127.0.0.1
		  username: ""
		  chroot: ""
		  directory: "$DIR"
		  pidfile: "$DIR/resolver.pid"
		  use-syslog: no
		  do-daemonize: no
		  domain-insecure: "sts"
		  local-zone: "sts." nodefault
		  local-zone: "test." nodefault
		  do-not-query-localhost: no
		  serve-expired: no
		  cache-min-ttl: 0
		stub-zone:
		  name: "sts."
		  stub-addr: 10.127.53.1@5300
		  stub-no-cache: yes
		forward-zone:
		  name: "."
		  forward-addr: $DNS
	EOF
	ip netns exec "$SRV" unbound -d -c "$DIR/resolver.conf" >>"$DIR/net.log" 2>&1 </dev/null &
	PIDS+=($!)
}
