#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: dig, kdig and dnspython get cookies and signatures that they find good;
# who has to show a cookie gets BADCOOKIE and no fetch without one; who may be
# forged gets no more octets than it sent; secrets and keys change by a reload.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

A=000102030405060708090a0b0c0d0e0f
B=f0e0d0c0b0a090807060504030201000
KEY=mta1.example
SECRET=MDEyMzQ1Njc4OWFiY2RlZkZFRENCQTk4NzY1NDMyMTA=
POLICY='v=STSQ1; r=policy; mode=enforce;'

client() { in_srv /usr/bin/python3 "$TOP/tests/smoke/auth_client.py" "$@"; }
udp() { in_srv "$1" @10.127.53.1 -p 5300 "${@:2}"; }
tcp() { in_srv "$1" @127.0.0.1 -p 5353 +tcp "${@:2}"; }

says() { # LABEL PATTERN TEXT
	[[ $3 == *"$2"* ]] || { printf '%s: no "%s" in:\n%s\n' "$1" "$2" "$3" >&2; exit 1; }
	echo "$1: right"
}

counter() { ctl stats | awk -v name="stsd_$1" '$1 == name { print $2 }'; }

config() { # MORE LINES...
	stsd_config "listen.tcp: [127.0.0.1@5353]" "clients.allow: [127.0.0.1, 10.127.53.0/24, \"fd00:127:53::/64\"]" \
		"tsig.keys: [\"$KEY:$SECRET\"]" "$@"
}

reload() { # MORE LINES...
	config "$@"
	ctl reload >/dev/null
}

internet_up

# Without a secret in the configuration, and without TSIG over UDP.
config
stsd_start
says warm "$POLICY" "$(ask good.test)"
for tool in dig kdig; do
	says "$tool: a cookie" "$POLICY" "$(udp $tool +cookie good.test.sts. TXT)"
	says "$tool: a cookie over TCP" "$POLICY" "$(tcp $tool +cookie good.test.sts. TXT)"
	says "$tool: signed over TCP" "$POLICY" \
		"$(tcp $tool -y "hmac-sha256:$KEY:$SECRET" good.test.sts. TXT)"
done
says 'dig: it is good' '(good)' "$(udp dig +cookie good.test.sts. TXT)"
says 'no TSIG over UDP' FORMERR "$(udp dig -y "hmac-sha256:$KEY:$SECRET" good.test.sts. TXT)"
stsd_stop TERM

config "cookies.secrets: [$A]" "tsig.udp: yes"
stsd_start
client alone
client tsig "$KEY" "$SECRET"
for tool in dig kdig; do
	for way in udp tcp; do
		got=$($way $tool -y "hmac-sha256:$KEY:$SECRET" good.test.sts. TXT 2>&1)
		says "$tool $way: signed" "$POLICY" "$got"
		says "$tool $way: by our key" "$KEY." "$(grep TSIG <<<"$got")"
		[[ $got != *verify* && $got != *validated* ]] || { echo "$got" >&2; exit 1; }
		got=$($way $tool -y "hmac-sha256:other.example:$SECRET" good.test.sts. TXT 2>&1 || true)
		says "$tool $way: another key" BADKEY "$got"
		got=$($way $tool -y "hmac-sha256:$KEY:${SECRET/MDEy/MDEx}" good.test.sts. TXT 2>&1 || true)
		says "$tool $way: another secret" BADSIG "$got"
	done
done
# Cold domains: the question is held, and what it claimed with it.
for tool in dig kdig; do
	[ $tool = dig ] && domains=(third fourth) || domains=(fifth outside)
	for way in udp tcp; do
		got=$($way $tool +cookie -y "hmac-sha256:$KEY:$SECRET" "${domains[0]}.test.sts." TXT 2>&1)
		says "$tool $way: signed and cold" "$POLICY" "$got"
		says "$tool $way: signed and cold" "$KEY." "$(grep TSIG <<<"$got")"
		says "$tool $way: with a cookie" COOKIE "$got"
		[[ $got != *verify* && $got != *validated* ]] || { echo "$got" >&2; exit 1; }
		domains=("${domains[@]:1}")
	done
done
got=$(in_srv dig @fd00:127:53::1 -p 5300 +cookie -y "hmac-sha256:$KEY:$SECRET" good.test.sts. TXT)
says 'dig by IPv6' "$POLICY" "$got"
says 'dig by IPv6: the cookie is good' '(good)' "$got"
for name in cookies_good cookies_bad cookies_client cookies_malformed tsig_good tsig_badkey \
	tsig_badsig tsig_badtime tcp_tsig_good tcp_tsig_badtime tcp_cookies_client; do
	[ "$(counter ${name}_total)" -ge 1 ] || { echo "stsd_${name}_total is 0" >&2; exit 1; }
done

# Secrets are rolled over; only those in the configuration count.
old=$(client learn)
client use "$old" same
reload "cookies.secrets: [$B, $A]"
client use "$old" renewed
new=$(client learn)
client use "$new" same
reload "cookies.secrets: [$B]" "cookies.require: [10.127.53.0/24]"
client use "$new" same
client use "$old" BADCOOKIE

# Who has to show one: BADCOOKIE, then dig asks again with what it got.
says 'BADCOOKIE' 'status: BADCOOKIE' "$(udp dig +cookie +nobadcookie good.test.sts. TXT)"
got=$(udp dig +cookie +badcookie good.test.sts. TXT)
says 'asked again' "$POLICY" "$got"
says 'dig: it is good' '(good)' "$got"
says 'kdig' "$POLICY" "$(udp kdig +cookie +badcookie good.test.sts. TXT)"
says 'without a cookie' 'status: BADCOOKIE' "$(udp dig +nocookie good.test.sts. TXT)"
says 'without EDNS' 'status: REFUSED' "$(udp dig +noedns good.test.sts. TXT)"
says 'over TCP without one' "$POLICY" "$(tcp dig +nocookie good.test.sts. TXT)"
jobs=$(counter jobs_miss_total)
says 'unknown domain' 'status: BADCOOKIE' "$(udp dig +cookie +nobadcookie second.test.sts. TXT)"
[ "$(counter jobs_miss_total)" -eq "$jobs" ]
says 'unknown domain' "$POLICY" "$(udp dig +cookie second.test.sts. TXT)"
[ "$(counter jobs_miss_total)" -eq $((jobs + 1)) ]

# Who may be forged: no more out than in.
reload "cookies.secrets: [$B]" "clients.untrusted: [10.127.53.2]"
client untrusted
[ "$(counter drop_untrusted_total)" -ge 1 ]

# Over TCP only signed questions, and only by keys that are there.
reload "tsig.require_tcp: yes"
says 'not signed' 'status: REFUSED' "$(tcp dig good.test.sts. TXT)"
says 'signed' "$POLICY" "$(tcp dig -y "hmac-sha256:$KEY:$SECRET" good.test.sts. TXT)"
says 'not signed, by UDP' "$POLICY" "$(udp dig good.test.sts. TXT)"
stsd_config "listen.tcp: [127.0.0.1@5353]" "tsig.keys: [\"mta2:$SECRET\"]"
ctl reload >/dev/null
says 'a key that went' BADKEY \
	"$(tcp dig -y "hmac-sha256:$KEY:$SECRET" good.test.sts. TXT 2>&1 || true)"
says 'a key that came' "$POLICY" "$(tcp dig -y "hmac-sha256:mta2:$SECRET" good.test.sts. TXT)"
