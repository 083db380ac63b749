#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: the Lua of docs/senders/kumomta.md chooses TLS and MX hosts by the answers of
# a real stsd, and waits when there is none. KumoMTA itself is not run: its functions
# are stood in for by tests/smoke/kumomta_stub.lua.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
# shellcheck source=tests/internet/mail.sh
. "$(dirname "$0")/../internet/mail.sh"

decides() { # DOMAIN TEXT
	local got
	got=$(in_srv env STSD=10.127.53.1 MX_SERVER="$DNS" lua5.4 "$HERE/../smoke/kumomta_stub.lua" \
		"$TOP/docs/senders/examples" "$1" 2>&1)
	[[ $got == "$2" ]] || { printf '%s: %s\nnot %s\n' "$1" "$got" "$2" >&2; exit 1; }
	echo "$1: $got"
}

internet_up
mail_records >"$DIR/zone.mail"
reload_zone
stsd_config "hold.stub: 1ms" # a cold domain is `pending` at first
stsd_start

decides good.test $'Required\tmx1.good.test.'
printf '%s.test\n' outside nomx testing none nopolicy badcert | ctl prefetch - >/dev/null
decides outside.test $'Required\tmx.outside.test.'
decides nomx.test 'wait: MTA-STS of nomx.test: no MX host is in the policy'
for domain in testing none nopolicy badcert; do
	decides $domain.test $'OpportunisticInsecure\tits MX hosts'
done
decides nobody-knows.example 'wait: MTA-STS of nobody-knows.example: sts-policy-fetch-error/dns-lookup+servfail'
stsd_stop TERM
decides good.test 'wait: good.test.sts.: no answer'
decides nopolicy.test 'wait: nopolicy.test.sts.: no answer'
