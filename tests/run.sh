#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds and tests everything (warnings of sanitizer builds are gcc's own false
# alarms, so there they are no errors); one line per test, evidence only for failures.
# The last line is `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0

count() { # RESULT NAME
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $2"
	else
		failed=$((failed + 1))
		echo "not ok $2"
	fi
}

# Runs a step that prints nothing unless it fails.
step() {
	local name=$1 log
	shift
	log=$(mktemp)
	"$@" >"$log" 2>&1
	local rc=$?
	count $rc "$name"
	[ $rc -eq 0 ] || tail -40 "$log" | sed 's/^/  /'
	rm -f "$log"
	return $rc
}

build() { # DIR MESON-OPTION...
	local dir=$1
	shift
	[ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" || return 1
	ninja -C "$dir"
}

run_suite() { # DIR
	rm -f "$1/meson-logs/testlog.json"
	meson test -C "$1" --no-rebuild --print-errorlogs --timeout-multiplier 3 >"$1/tests.out" 2>&1
}

# Counts every test of a build by meson's own log.
count_suite() { # DIR LABEL
	local dir=$1 label=$2 line name result
	while IFS=$'\t' read -r name result; do
		[ "$result" = OK ]
		count $? "$label: $name"
	done < <(jq -r '[.name, .result] | @tsv' "$dir/meson-logs/testlog.json")
	[ -s "$dir/meson-logs/testlog.json" ] || count 1 "$label: meson test"
	if grep -qE '^(Fail|Timeout): +[1-9]' "$dir/tests.out"; then
		while IFS= read -r line; do echo "  $line"; done < <(tail -60 "$dir/tests.out")
	fi
}

lints() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) count 0 "${line#ok }" ;;
		"not ok "*) count 1 "${line#not ok }" ;;
		*) echo "$line" ;;
		esac
	done < <(tests/lint/all.sh build)
}

smoke() { # BINDIR LABEL
	local t
	for t in tests/smoke/*_test.sh; do
		[ -e "$t" ] || continue
		STSD_BUILD=$1 step "$2: $(basename "$t" .sh)" timeout 300 "$t"
	done
}

later=$(mktemp -d)
trap 'rm -rf "$later"' EXIT

# The other builds, made and tested while the smoke tests wait for time to pass.
other_builds() {
	CC=clang-14 build build-clang >"$later/clang" 2>&1
	echo $? >"$later/clang.rc"
	build build-asan -Db_sanitize=address,undefined -Dwerror=false >"$later/asan" 2>&1
	local rc=$?
	echo $rc >"$later/asan.rc"
	[ $rc -ne 0 ] || run_suite build-asan
}

finished() { # NAME
	cat "$later/$1"
	return "$(cat "$later/$1.rc")"
}

if step "build with gcc" build build; then
	run_suite build
	count_suite build gcc
	(renice -n 19 "$BASHPID" >/dev/null && other_builds) &
	smoke build smoke
	wait $!
else
	other_builds
fi
step "build with clang" finished clang
lints
if step "build with sanitizers" finished asan; then
	count_suite build-asan sanitized
	smoke build-asan sanitized
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
