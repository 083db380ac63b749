#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every lint, one line each: `ok NAME` or `not ok NAME` with the findings.
# Usage: tests/lint/all.sh [BUILDDIR]
# shellcheck disable=SC2317 # the checks are called by name
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
bad=0

check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1) && [ -z "$out" ]; then
		echo "ok lint-$name"
	else
		echo "not ok lint-$name"
		printf '%s\n' "$out" | head -40 | sed 's/^/  /'
		bad=1
	fi
}

sources() { git ls-files '*.[ch]'; }
scripts() { git ls-files '*.sh' .ci/run; }

format() { sources | xargs clang-format-14 --dry-run --Werror; }
floors() { sources | xargs awk -f tests/lint/floors.awk; }
stems() { tests/lint/stems.sh "$build"; }
spdx() { { sources; scripts; } | xargs grep -L 'SPDX-License-Identifier: BSD-3-Clause'; true; }
space() { ! git grep -nIE '[[:space:]]+$' -- '*.[ch]' '*.sh' '*.md' '*.build' '*.py' Makefile; }
long() { git ls-files '*.c' ':!tests' | xargs wc -l | awk '$2 != "total" && $1 > 600'; }
shell() { scripts | xargs shellcheck; }
spelling() { git ls-files '*.[ch]' '*.md' '*.sh' | xargs codespell -L inflight,ede,nd; }
banned() {
	! git grep -nE '\b(strcpy|strcat|sprintf|atoi|strtok|gets)\(' -- '*.c' &&
		! git grep -nE '\b(printf|malloc|sleep|usleep|time)\(' -- 'dataplane/*.c'
}

check format format
check floors floors
check stems stems
check spdx spdx
check space space
check long long
check shell shell
check spelling spelling
check banned banned
check examples tests/lint/examples.sh
check conformance tests/lint/conformance.sh
exit $bad
