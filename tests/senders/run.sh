#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The tests of senders that have to be fetched first: a Debian 13 for its Postfix, Haraka
# from the npm registry, Go. The last line is `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

missing=()
command -v debootstrap >/dev/null || missing+=(debootstrap)
command -v npm >/dev/null || missing+=(npm)
command -v go >/dev/null || missing+=(golang-go)
[ ${#missing[@]} -eq 0 ] ||
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }

passed=0
failed=0
test_of() { # COMMAND...
	if "$@"; then
		echo "ok $*"
		passed=$((passed + 1))
	else
		echo "not ok $*"
		failed=$((failed + 1))
	fi
}

for t in ./*_test.sh; do test_of "$t"; done
test_of ../smoke/programs_test.sh go

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
