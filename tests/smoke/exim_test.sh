#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: Exim, with the configuration of docs/senders/exim.md and nothing else,
# delivers as RFC 8461 bids it, asking through unbound and through BIND.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
# shellcheck source=tests/internet/mail.sh
. "$(dirname "$0")/../internet/mail.sh"

download() { (cd "$DIR/deb" && apt-get -qq -o APT::Sandbox::User=root download "$1"); }

# The package is unpacked, not installed: it would put out another MTA.
unpack_exim() {
	mkdir -p "$DIR/deb" "$DIR/etc/exim4" "$DIR/exim"
	download exim4-daemon-light || { apt-get -qq update && download exim4-daemon-light; }
	dpkg-deb -x "$DIR"/deb/exim4-daemon-light*.deb "$DIR/deb"
	{ cat /etc/passwd; echo 'Debian-exim:x:60000:60000::/:/usr/sbin/nologin'; } >"$DIR/etc/passwd"
	{ cat /etc/group; echo 'Debian-exim:x:60000:'; } >"$DIR/etc/group"
	echo 'nameserver 127.0.0.1' >"$DIR/etc/resolv.conf"
	chown -R 60000:60000 "$DIR/exim"
	exim_block exim | sed "s|/etc/ssl/certs/ca-certificates.crt|$DIR/pki/ca.crt|" >"$DIR/exim.rules"
	{
		cat <<-EOF
			primary_hostname = sender.test
			spool_directory = $DIR/exim
			log_file_path = $DIR/exim/%slog
			exim_path = $DIR/deb/usr/sbin/exim4
			keep_environment =
			add_environment =
		EOF
		cat "$DIR/exim.rules"
	} >"$DIR/etc/exim4/exim4.conf"
}

# Exim with /etc as on the machine of a sender.
exim() {
	# shellcheck disable=SC2016 # for the inner shell
	ip netns exec "$SRV" unshare --mount bash -c '
		mount -t overlay overlay -o "lowerdir=$0/etc:/etc" /etc
		exec "$0/deb/usr/sbin/exim4" "$@"' "$DIR" "$@"
}

send() { # DOMAIN
	printf 'Subject: hello\n\nhello\n' | exim -odf -f me@sender.test "you@$1" || true
}

# Sends one message; what it came to stands in $NEWS: log, then what was taken.
try() { # DOMAIN
	local log=$DIR/exim/mainlog at=0 had
	[ ! -f "$log" ] || at=$(stat -c %s "$log")
	had=$(wc -l <"$DIR/taken")
	send "$1"
	NEWS=$(tail -c "+$((at + 1))" "$log"; tail -n "+$((had + 1))" "$DIR/taken" | sed 's/^/taken: /')
}

must() { # LABEL REGEX
	grep -qE -- "$2" <<<"$NEWS" || { printf '%s: no "%s" in:\n%s\n' "$1" "$2" "$NEWS" >&2; exit 1; }
}

delivered() { # DOMAIN HOST-AND-HOW TEXT-OF-LOG
	try "$1"
	must "$1" "^taken: you@$1 $2"
	must "$1" "=> you@$1 .*$3"
	[ "$(grep -c '^taken' <<<"$NEWS")" -eq 1 ]
	echo "$1: delivered, $2, $3"
}

deferred() { # DOMAIN TEXT-OF-LOG
	try "$1"
	must "$1" "$2"
	must "$1" "== you@$1 .*defer"
	! grep -q '^taken' <<<"$NEWS" || { printf '%s: taken\n%s\n' "$1" "$NEWS" >&2; exit 1; }
	echo "$1: deferred, $2"
}

deliveries() {
	delivered good.test 'mx1.good.test tls' 'CV=yes' # the first mail, to a cold domain
	delivered good.test 'mx1.good.test tls' 'CV=yes'
	deferred wrongmx.test 'certificate verification failed'
	delivered outside.test 'mx.outside.test tls' 'H=mx.outside.test'
	deferred nomx.test 'no MX host is in the MTA-STS policy'
	delivered testing.test '- tls' 'H=mx.testing.test'
	delivered badcert.test '- tls' 'H=mx.badcert.test'
	delivered nopolicy.test '- tls' 'H=mx.nopolicy.test'
}

unpack_named() {
	mkdir -p "$DIR/named"
	(cd "$DIR/deb" && for p in bind9 bind9-libs; do download $p; done)
	for p in "$DIR"/deb/bind9*.deb; do dpkg-deb -x "$p" "$DIR/named"; done
}

through_named() { # DOMAIN TEXT
	local got
	got=$(in_srv dig @127.0.0.1 +tries=1 +time=5 "$1.sts." TXT) || true
	[[ $got == *"$2"* ]] || { printf '%s through BIND: no "%s" in:\n%s\n' "$1" "$2" "$got" >&2; return 1; }
}

internet_up
unpack_exim
unpack_named
stsd_config "log.level: info" "$(exim_block stsd | sed 's|192.0.2.0/24|10.127.53.0/24|')"
stsd_start
mail_up

deliveries

hosts_off
deferred wrongmx.test 'certificate verification failed|retry time not reached'
delivered good.test 'mx1.good.test tls' 'CV=yes'
echo 'with the policy hosts off all is as before'

stsd_stop TERM
deferred good.test 'condition check lookup defer'
echo 'without the appliance mail waits'

# The same through BIND, from a cold domain on.
stsd_start
hosts_on
until_true 10 hosts_answer
until_true 10 in_srv bash -c ": </dev/tcp/10.99.0.${BAD[hang]}/443"
ctl purge --force good.test wrongmx.test outside.test nomx.test >/dev/null
rm -r "$DIR/exim/db" # what Exim knows of hosts that were tried
start_named "$DIR/named"
through_named hang.test 'r=pending; retry=2' # and does not keep it
deliveries
until_true 20 through_named hang.test 'r=failed; why=sts-policy-fetch-error'
echo 'through BIND all is as through unbound'

stsd_stop TERM
deferred second.test 'condition check lookup defer' # the others BIND still knows
echo 'without the appliance mail waits, through BIND too'
