#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: Sendmail's map, as docs/senders/sendmail.md defines it, gets answers.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

download() { (cd "$DIR/deb" && apt-get -qq -o APT::Sandbox::User=root download "$1"); }

block() { # KIND: what the page tells to write
	awk -v kind="\`\`\`$1" '$0 == kind { inside = 1; next } /^```$/ { inside = 0 } inside' \
		"$TOP/docs/senders/sendmail.md"
}

unpack_sendmail() {
	mkdir -p "$DIR/deb" "$DIR/queue"
	echo 'hosts files' >"$DIR/switch" # it looks up its own name
	download sendmail-bin || { apt-get -qq update && download sendmail-bin; }
	dpkg-deb -x "$DIR"/deb/sendmail-bin_*.deb "$DIR/deb"
	{
		printf 'V10/Berkeley\nDjsender.test\nO QueueDirectory=%s/queue\n' "$DIR"
		printf 'O ServiceSwitchFile=%s/switch\n' "$DIR"
		block sendmail.cf
		printf 'Mlocal, P=/bin/false, F=lsDFM, A=x\nMprog, P=/bin/sh, F=lsDFM, A=sh -c $u\nSparse=0\nS0\n'
	} >"$DIR/sendmail.cf"
}

look_up() { # KEY
	echo "/map sts $1" | in_srv "$DIR/deb/usr/libexec/sendmail/sendmail" -C "$DIR/sendmail.cf" -bt 2>&1
}

must() { # KEY TEXT
	local got
	got=$(look_up "$1") || true
	[[ $got == *"$2"* ]] || { echo "$1: $got" >&2; exit 1; }
	echo "$1: $2"
}

internet_up
unpack_sendmail
stsd_config "$(block stsd)"
stsd_start
must good.test 'returns secure match=mx1.good.test:.mail.good.test servername=hostname'
must testing.test 'no match (0)'
must nopolicy.test 'no match (0)'
stsd_stop TERM
must good.test 'no match (75)' # EX_TEMPFAIL: mail waits
