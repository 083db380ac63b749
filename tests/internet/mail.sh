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

exim_block() { # KIND: what docs/senders/exim.md tells to write, with the appliance's address
	awk -v kind="\`\`\`$1" '$0 == kind { inside = 1; next } /^```$/ { inside = 0 } inside' \
		"$TOP/docs/senders/exim.md" | sed 's/192\.0\.2\.53/10.127.53.1/'
}

start_resolver() {
	{
		exim_block unbound
		cat <<-EOF
			server:
			  interface: 127.0.0.1
			  username: ""
			  chroot: ""
			  directory: "$DIR"
			  pidfile: "$DIR/resolver.pid"
			  use-syslog: no
			  do-daemonize: no
			  local-zone: "test." nodefault
			forward-zone:
			  name: "."
			  forward-addr: $DNS
		EOF
	} >"$DIR/resolver.conf"
	ip netns exec "$SRV" unbound -d -c "$DIR/resolver.conf" >>"$DIR/net.log" 2>&1 </dev/null &
	RESOLVER=$!
	PIDS+=("$RESOLVER")
}

# BIND in the place of unbound. What it cannot validate here is `test`, too.
# @param 1  Where the package is unpacked.
start_named() { # ROOT
	mkdir -p "$DIR/bind"
	kill "$RESOLVER"
	wait "$RESOLVER" 2>/dev/null || true
	{
		exim_block named | sed "s|/var/cache/bind|$DIR/bind|; s|validate-except {|& \"test\";|
			s|^options {|& pid-file \"$DIR/named.pid\"; session-keyfile \"$DIR/bind/key\"; forwarders { $DNS; }; forward only;|"
		echo 'controls { };'
	} >"$DIR/named.conf"
	ip netns exec "$SRV" env LD_LIBRARY_PATH="$1/usr/lib/$(uname -m)-linux-gnu" "$1/usr/sbin/named" \
		-g -c "$DIR/named.conf" >>"$DIR/named.log" 2>&1 </dev/null &
	RESOLVER=$!
	PIDS+=("$RESOLVER")
	until_true 10 in_srv dig +tries=1 +time=1 @127.0.0.1 mx1.good.test
}
