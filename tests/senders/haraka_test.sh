#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: Haraka, with the plugin and the configuration of docs/senders/haraka.md,
# delivers as RFC 8461 bids it. Fetches Haraka from the npm registry.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
# shellcheck source=tests/internet/mail.sh
. "$(dirname "$0")/../internet/mail.sh"

VERSION=${HARAKA_VERSION:-3.3.4}

block() { # KIND: what the page tells to write
	awk -v kind="\`\`\`$1" '$0 == kind { inside = 1; next } /^```$/ { inside = 0 } inside' \
		"$TOP/docs/senders/haraka.md"
}

fetch_haraka() {
	mkdir -p "$DIR/npm" "$DIR/etc"
	(cd "$DIR/npm" && npm install --no-save --no-audit --no-fund --omit=optional --ignore-scripts \
		"Haraka@$VERSION" >>"$DIR/net.log" 2>&1)
	node "$DIR/npm/node_modules/.bin/haraka" -i "$DIR/haraka" >>"$DIR/net.log" 2>&1
}

configure_haraka() {
	local c=$DIR/haraka/config
	cp "$TOP/docs/senders/examples/haraka-sts.js" "$DIR/haraka/plugins/sts.js"
	block config/stsd | sed 's/^.*:5300$/10.127.53.1:5300/' >"$c/stsd"
	block config/outbound.ini >"$c/outbound.ini"
	echo 'local_mx_ok=true' >>"$c/outbound.ini"
	# What a sender has anyhow: here everybody may send.
	block config/plugins >"$c/plugins"
	echo 'everybody' >>"$c/plugins"
	cat >"$DIR/haraka/plugins/everybody.js" <<-'END'
		exports.hook_connect = (next, connection) => {
		  connection.relaying = true
		  next()
		}
		exports.hook_rcpt = (next) => next(OK)
	END
	printf '[main]\nlevel=info\n' >"$c/log.ini"
	echo 'listen=127.0.0.1:2525' >"$c/smtp.ini"
	echo sender.test >"$c/me"
	echo 'nameserver 127.0.0.1' >"$DIR/etc/resolv.conf"
}

haraka_up() {
	# shellcheck disable=SC2016 # for the inner shell
	ip netns exec "$SRV" unshare --mount bash -c '
		mount -t overlay overlay -o "lowerdir=$0/etc:/etc" /etc
		export NODE_EXTRA_CA_CERTS=$0/pki/ca.crt
		exec node "$0/npm/node_modules/.bin/haraka" -c "$0/haraka"' "$DIR" \
		>"$DIR/haraka/log" 2>&1 </dev/null &
	PIDS+=($!)
	until_true 30 in_srv bash -c ': </dev/tcp/127.0.0.1/2525' || { tail "$DIR/haraka/log" >&2; exit 1; }
}

send() { # DOMAIN
	in_srv python3 - "$1" <<-'END'
		import smtplib, sys

		with smtplib.SMTP("127.0.0.1", 2525, timeout=30) as s:
		    s.sendmail("me@sender.test", "you@" + sys.argv[1], "Subject: hello\r\n\r\nhello\r\n")
	END
}

news() { tail -c "+$AT" "$DIR/haraka/log"; }
has_news() { news | grep -qE 'delivered file=|Temp failing|bounc'; }

# Sends one message; what it came to stands in $NEWS: log, then what was taken.
try() { # DOMAIN
	local had
	AT=$(($(stat -c %s "$DIR/haraka/log") + 1))
	had=$(wc -l <"$DIR/taken")
	send "$1" || { news >&2; exit 1; }
	until_true 60 has_news || { news >&2; exit 1; }
	NEWS=$(news; tail -n "+$((had + 1))" "$DIR/taken" | sed 's/^/taken: /')
}

must() { # LABEL REGEX
	grep -qE -- "$2" <<<"$NEWS" || { printf '%s: no "%s" in:\n%s\n' "$1" "$2" "$NEWS" >&2; exit 1; }
}

delivered() { # DOMAIN HOST-AND-HOW TEXT-OF-LOG
	try "$1"
	must "$1" "^taken: you@$1 $2"
	must "$1" "$3"
	[ "$(grep -c '^taken' <<<"$NEWS")" -eq 1 ]
	echo "$1: delivered, $2, $3"
}

deferred() { # DOMAIN TEXT-OF-LOG
	try "$1"
	must "$1" "Temp failing"
	must "$1" "$2"
	! grep -q '^taken' <<<"$NEWS" || { printf '%s: taken\n%s\n' "$1" "$NEWS" >&2; exit 1; }
	echo "$1: deferred, $2"
}

internet_up
fetch_haraka
configure_haraka
stsd_config "log.level: info" "hold.stub: 1ms" # a cold domain is `pending` at first
stsd_start
mail_up
haraka_up

delivered good.test 'mx1.good.test tls' 'verified=true' # the first mail, to a cold domain
delivered good.test 'mx1.good.test tls' 'verified=true'
deferred wrongmx.test 'Tried all MXs'
delivered outside.test 'mx.outside.test tls' 'verified=true'
deferred nomx.test 'no MX host is in the policy'
delivered testing.test 'mx.testing.test tls' 'verified=false'
delivered badcert.test 'mx.badcert.test tls' 'verified=false'
delivered nopolicy.test 'mx.nopolicy.test tls' 'verified=false'
deferred nobody-knows.example 'MTA-STS of nobody-knows.example'

hosts_off
deferred wrongmx.test 'Tried all MXs'
delivered good.test 'mx1.good.test tls' 'verified=true'
echo 'with the policy hosts off all is as before'

kill -s STOP "$STSD"
deferred good.test 'MTA-STS of good.test: queryTxt ETIMEOUT'
kill -s CONT "$STSD"
stsd_stop TERM
deferred nopolicy.test 'MTA-STS of nopolicy.test: queryTxt ECONNREFUSED'
echo 'without the appliance mail waits'
