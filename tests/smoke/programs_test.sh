#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: the programs of docs/senders/ (Node, Python with and without dnspython) read
# every kind of answer alike, ask again while it is pending, take no hosts that the
# policy does not name, and wait, instead of reading "none", when nobody answers.
# Usage: programs_test.sh [PROGRAM...], of node python alone go.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

EXAMPLES=$TOP/docs/senders/examples
PROGRAMS=("$@")
[ $# -gt 0 ] || PROGRAMS=(node python alone)

fail() {
	echo "$*" >&2
	exit 1
}

program() { # PROGRAM DOMAIN: what it prints, then `, status N`
	local status=0 out command
	case $1 in
	node) command=(node "$EXAMPLES/sts-ask.mjs") ;;
	python) command=(/usr/bin/python3 "$EXAMPLES/sts.py") ;;
	alone) command=(/usr/bin/python3 "$EXAMPLES/sts_alone.py") ;;
	go) command=("$DIR/sts-go") ;;
	esac
	out=$(in_srv env STSD=10.127.53.1:5300 "${command[@]}" "$2" 2>&1) || status=$?
	echo "$out, status $status"
}

says() { # DOMAIN REGEX: by all programs at once
	local p asking=()
	for p in "${PROGRAMS[@]}"; do
		program "$p" "$1" >"$DIR/said.$p" &
		asking+=($!)
	done
	wait "${asking[@]}"
	for p in "${PROGRAMS[@]}"; do
		[[ $(<"$DIR/said.$p") =~ ^$2$ ]] || fail "$p: $1: $(<"$DIR/said.$p"), not $2"
	done
	echo "$1: $(<"$DIR/said.${PROGRAMS[0]}")"
}

pending() { ctl --json stats | jq .stsd_answers_pending_total; }

allows() { # PATTERN HOST WHETHER: as the functions of that name say
	local got
	got=$(node -e '
		import(process.argv[1]).then((m) => console.log(m.allows([process.argv[2]], process.argv[3])))
	' "$EXAMPLES/sts.mjs" "$1" "$2")
	[ "$got" = "$3" ] || fail "node: $1 $2: $got"
	got=$(cd "$EXAMPLES" && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import sys, sts
print(str(sts.allows([sys.argv[1]], sys.argv[2])).lower())' "$1" "$2")
	[ "$got" = "$3" ] || fail "python: $1 $2: $got"
}

internet_up
case " ${PROGRAMS[*]} " in
*' go '*) (cd "$DIR" && HOME=$DIR GOFLAGS=-trimpath go build -o "$DIR/sts-go" "$EXAMPLES/sts.go") ;;
esac

# Nothing is held: the first answer to a cold domain is `pending`.
stsd_config "hold.stub: 1ms"
stsd_start
cold=(second third fourth fifth)
before=$(pending)
for i in "${!PROGRAMS[@]}"; do
	program "${PROGRAMS[i]}" "${cold[i]}.test" >"$DIR/cold.$i" &
	asking+=($!)
done
wait "${asking[@]}"
for i in "${!PROGRAMS[@]}"; do
	[ "$(<"$DIR/cold.$i")" = "enforce mx.${cold[i]}.test, status 0" ] ||
		fail "${PROGRAMS[i]}: ${cold[i]}.test: $(<"$DIR/cold.$i")"
done
[ "$(pending)" -ge $((before + ${#PROGRAMS[@]})) ] || fail 'no answer was pending'
echo "cold domains: pending, then right"

printf '%s\n' {good,testing,none,nopolicy,badcert}.test nobody-knows.example | ctl prefetch - >/dev/null
says good.test 'enforce mx1.good.test \*.mail.good.test, status 0'
says GOOD.Test 'enforce mx1.good.test \*.mail.good.test, status 0'
says testing.test 'testing mx.testing.test, status 0'
says none.test 'none, status 0'
says nopolicy.test 'none, status 0'
says badcert.test 'failed sts-webpki-invalid/certificate-host-mismatch, status 0'
says localhost 'none name/[a-z-]+, status 0'
says a_b.example 'none name/not-ldh, status 0'
says nobody-knows.example 'unknown sts-policy-fetch-error/dns-lookup\+[a-z]+, status 75'

allows mx1.good.test MX1.good.test. true
allows '*.good.test' mx.good.test true
allows '*.good.test' a.mx.good.test false
allows '*.good.test' good.test false
allows good.test mx.good.test false
echo 'hosts: right'

# Silence, and then nobody there at all.
kill -s STOP "$STSD"
says good.test 'wait: .+, status 75'
kill -s CONT "$STSD"
stsd_stop TERM
says nopolicy.test 'wait: .+, status 75'
