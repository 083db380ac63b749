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
	# It looks up its own name, and sleeps for a minute when that has no dot.
	echo 'hosts files' >"$DIR/switch"
	echo '127.0.0.1 sender.test localhost' >"$DIR/hosts"
	echo 'nameserver 127.0.0.1' >"$DIR/resolv.conf"
	download sendmail-bin || { apt-get -qq update && download sendmail-bin; }
	dpkg-deb -x "$DIR"/deb/sendmail-bin_*.deb "$DIR/deb"
	{
		printf 'V10/Berkeley\nDjsender.test\nO QueueDirectory=%s/queue\n' "$DIR"
		printf 'O ServiceSwitchFile=%s/switch\n' "$DIR"
		block sendmail.cf
		printf 'Mlocal, P=/bin/false, F=lsDFM, A=x\nMprog, P=/bin/sh, F=lsDFM, A=sh\nSparse=0\nS0\n'
	} >"$DIR/sendmail.cf"
}

look_up() { # KEY
	# shellcheck disable=SC2016 # for the inner shell
	echo "/map sts $1" | in_srv unshare --mount --uts bash -c '
		mount --bind "$0/resolv.conf" /etc/resolv.conf
		mount --bind "$0/hosts" /etc/hosts
		echo sender.test >/proc/sys/kernel/hostname
		exec "$0/deb/usr/libexec/sendmail/sendmail" -C "$0/sendmail.cf" -bt' "$DIR" 2>&1
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
must testing.test 'no match (68)'
must nopolicy.test 'no match (68)'
stsd_stop TERM
must good.test 'no match (75)' # EX_TEMPFAIL: mail waits
