#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: the script of docs/senders/export.md makes a map that Postfix's postmap reads
# as the page says, replaces it whole or not at all, and keeps the old one when the
# appliance is not there, hangs up, or has lost policies; the lists of other senders too.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

EXAMPLES=$TOP/docs/senders/examples

fail() {
	echo "$*" >&2
	exit 1
}

download() { (cd "$DIR/deb" && apt-get -qq -o APT::Sandbox::User=root download "$1"); }

# The package is unpacked, not installed: it would put out another MTA.
unpack_postfix() {
	mkdir -p "$DIR/deb" "$DIR/etc/postfix" "$DIR/bin"
	download postfix || { apt-get -qq update && download postfix; }
	dpkg-deb -x "$DIR"/deb/postfix_*.deb "$DIR/deb"
	{ cat /etc/passwd; echo 'postfix:x:60001:60001::/:/usr/sbin/nologin'; } >"$DIR/etc/passwd"
	{ cat /etc/group; printf 'postfix:x:60001:\npostdrop:x:60002:\n'; } >"$DIR/etc/group"
	cp -r "$DIR"/deb/etc/postfix/* "$DIR/etc/postfix/"
	printf 'compatibility_level = 3.6\nmyhostname = sender.test\n' >"$DIR/etc/postfix/main.cf"
	printf '#!/bin/sh\nexec %s -s %s "$@"\n' "$BUILD/app/stsctl" "$DIR/ctl/control.sock" >"$DIR/bin/stsctl"
	chmod +x "$DIR/bin/stsctl"
}

# With /etc and /usr as on the machine of a sender.
on_sender() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount bash -c '
		mount -t overlay overlay -o "lowerdir=$0/etc:/etc" /etc
		mount -t overlay overlay -o "lowerdir=$0/deb/usr:/usr" /usr
		PATH=$0/bin:$PATH exec "$@"' "$DIR" "$@"
}

export_map() { on_sender "$EXAMPLES/sts-export.sh" "$DIR/sts"; }
query() { on_sender postmap -q "$1" "hash:$DIR/sts"; }

found() { # KEY VALUE
	[ "$(query "$1")" = "$2" ] || fail "$1: $(query "$1"), not $2"
	echo "$1: $2"
}

absent() { # KEY...
	local key status
	for key in "$@"; do
		status=0
		query "$key" || status=$?
		[ "$status" -eq 1 ] || fail "$key: status $status"
	done
}

# An export that must fail, and leave what was there.
refuses() { # WHY
	local before
	before=$(md5sum "$DIR/sts" "$DIR/sts.db" "$DIR/pmta")
	! export_map >"$DIR/said" 2>&1 || fail "$1: exported"
	! on_sender "$EXAMPLES/pmta-export.sh" "$DIR/pmta" >>"$DIR/said" 2>&1 || fail "$1: exported"
	[ "$(md5sum "$DIR/sts" "$DIR/sts.db" "$DIR/pmta")" = "$before" ] || fail "$1: touched"
	grep -q "$2" "$DIR/said" || fail "$1: $(<"$DIR/said")"
	found good.test 'secure match=mx1.good.test:.mail.good.test servername=hostname'
	echo "$1: the old map stands"
}

internet_up
unpack_postfix
stsd_config "log.level: info"
stsd_start
printf '%s.test\n' good second testing none nopolicy badcert third | ctl prefetch - >/dev/null
ctl override third.test none

export_map
found good.test 'secure match=mx1.good.test:.mail.good.test servername=hostname'
found second.test 'secure match=mx.second.test servername=hostname'
absent testing.test none.test nopolicy.test badcert.test third.test .good.test mail.good.test
[ ! -e "$DIR/sts.new" ]

# What a domain has changed, or the operator, is in the next one.
ctl override second.test testing
ctl override third.test --off
export_map
absent second.test
found third.test 'secure match=mx.third.test servername=hostname'

# Other senders' forms.
on_sender "$EXAMPLES/pmta-export.sh" "$DIR/pmta"
[ "$(grep -c '^<domain ' "$DIR/pmta")" -eq 2 ]
[ "$(grep -A3 '^<domain good.test>' "$DIR/pmta")" = '<domain good.test>
  use-starttls yes
  require-starttls yes
</domain>' ] || fail "$(<"$DIR/pmta")"

# The appliance hangs up in the middle: a control socket that says half an export.
mv "$DIR/bin/stsctl" "$DIR/bin/real"
cat >"$DIR/bin/stsctl" <<-END
	#!/bin/sh
	[ "\$1" != export ] || { echo 'half.test secure match=mx'; echo 'stsctl: the appliance hung up' >&2; exit 1; }
	exec $DIR/bin/real "\$@"
END
chmod +x "$DIR/bin/stsctl"
refuses 'hangs up' 'hung up'
mv "$DIR/bin/real" "$DIR/bin/stsctl"
export_map # as before

stsd_stop TERM
refuses 'is not there' 'stsctl:'

# Started on a store that has lost its policies, as its manifest tells.
rm -r "$DIR/store/db"
stsd_start
refuses 'has lost policies' 'has not all of its policies'
