#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: a bad configuration is refused with file, line and key; what is
# printed can be read again.
set -euo pipefail
TOP=$(cd "$(dirname "$0")/../.." && pwd)
STSD=$TOP/${STSD_BUILD:-build}/app/stsd
dir=$(mktemp -d /tmp/stsd-test.XXXXXX)
trap 'rm -rf "$dir"' EXIT

refused() { # TEXT PATTERN
	local got
	printf '%b' "$1" >"$dir/c.yaml"
	if got=$("$STSD" --check -c "$dir/c.yaml" 2>&1); then
		echo "accepted: $1" >&2
		exit 1
	fi
	[[ $got =~ $2 ]] || { echo "$1: expected $2, got: $got" >&2; exit 1; }
	echo "$got"
}

refused 'zone: sts.\nlisten.port: 99999\n' 'c.yaml:2: listen.port: expected 1 to 65535'
refused 'listen:\n  port: many\n' 'c.yaml:2: listen.port: expected a number'
refused 'hold.stub: 3\n' 'c.yaml:1: hold.stub: expected a time'
refused 'colour: red\n' 'c.yaml:1: colour: no such option'
refused 'zone: a.\nzone: b.\n' 'c.yaml:2: zone: given twice'
refused 'listen.address: [10.0.0.1/33]\n' 'c.yaml:1: listen.address: expected ADDRESS'
refused 'port.driver: bridge\n' 'c.yaml:1: port.driver: expected tap'
refused 'zone: "a\n' 'c.yaml:[0-9]+: expected YAML'
refused 'dataplane.workers: 2\ndataplane.cores: [1]\n' 'dataplane.cores: expected a CPU for each'
refused 'cache.max_bytes: 1MiB\n' 'c.yaml:1: cache.max_bytes: expected 67108864 to 274877906944 octets'
refused 'cache.share_failed: 40\ncache.share_none: 60\n' 'cache.share_none: expected 5 per cent left for policies'
refused 'cookies.secrets: [00ff]\n' 'c.yaml:1: cookies.secrets: expected one or two secrets of 32 hex digits$'
secret=00112233445566778899aabbccddeeff
refused "cookies.secrets: [$secret, $secret, $secret]\n" 'c.yaml:1: cookies.secrets: expected one or two secrets'
refused 'tsig.keys: ["mta1:AAEC"]\n' 'c.yaml:1: tsig.keys: expected up to 16 NAME:SECRET, the secret 16 to 64 octets in base64$'
refused 'tsig.udp: yes\n' 'configuration: tsig.udp: expected keys \(tsig.keys\)'
refused 'tsig.require_tcp: yes\n' 'configuration: tsig.require_tcp: expected keys'
key=MDEyMzQ1Njc4OWFiY2RlZg==
refused "tsig.keys: [a:$key, A.:$key]\n" 'configuration: tsig.keys: expected each name once'
refused 'clients.allow: [10.0.0.0/8]\nclients.untrusted: [192.0.2.0/24]\n' 'configuration: clients.untrusted: expected networks within clients.allow'
refused 'clients.allow: [10.0.0.0/8]\ncookies.require: ["2001:db8::/32"]\n' 'configuration: cookies.require: expected networks within'
refused 'just words\n' 'c.yaml:1: expected lines of KEY: VALUE'
if "$STSD" --check -c "$dir/none.yaml" 2>"$dir/err"; then exit 1; fi
grep -q 'none.yaml: cannot be opened' "$dir/err"

# Networks of which only a part is allowed will do. Secrets are not shown.
"$STSD" --dump-config -o "cookies.secrets=$secret" -o "tsig.keys=mta1:$key" \
	-o clients.untrusted=0.0.0.0/0 -o clients.allow=10.0.0.0/8 >"$dir/dump.yaml"
grep -q '^cookies.secrets: \["(not shown)"\]$' "$dir/dump.yaml"
grep -q '^tsig.keys: \["(not shown)"\]$' "$dir/dump.yaml"
[ "$(grep -c -e "$secret" -e "$key" "$dir/dump.yaml")" -eq 0 ]

"$STSD" --dump-config -o hold.stub=2s >"$dir/dump.yaml"
grep -q '^hold.stub: 2s$' "$dir/dump.yaml"
"$STSD" --check -c "$dir/dump.yaml"
"$STSD" --dump-config -c "$dir/dump.yaml" | cmp - "$dir/dump.yaml"
