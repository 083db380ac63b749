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
refused 'just words\n' 'c.yaml:1: expected lines of KEY: VALUE'
if "$STSD" --check -c "$dir/none.yaml" 2>"$dir/err"; then exit 1; fi
grep -q 'none.yaml: cannot be opened' "$dir/err"

"$STSD" --dump-config -o hold.stub=2s >"$dir/dump.yaml"
grep -q '^hold.stub: 2s$' "$dir/dump.yaml"
"$STSD" --check -c "$dir/dump.yaml"
"$STSD" --dump-config -c "$dir/dump.yaml" | cmp - "$dir/dump.yaml"
