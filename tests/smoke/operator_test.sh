#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: what the operator decides is answered at once, survives kill -9, ends by
# itself and gives way to the true answer without a fetch; stsctl tells why of
# every policy host; a dump has all forms and filters; a backup is a store that
# the appliance starts on.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

fail() {
	echo "$*" >&2
	exit 1
}

expect() { # NAME WANTED-PATTERN
	local got
	until_true 30 settled "$1"
	got=$(ask "$1")
	[[ $got =~ $2 ]] || fail "$1: expected $2, got: $got"
	echo "$1: $got"
}

is_warm() { ctl --json status | jq -e .warm; }

settled() { told "$1" 'r=(policy|none|failed)'; }
told() { [[ $(ask "$1") =~ $2 ]]; } # NAME PATTERN

status_of() { # COMMAND...
	local status=0
	"$@" >/dev/null 2>&1 || status=$?
	echo "$status"
}

json() { # JQ-EXPRESSION STSCTL-ARGUMENTS...: true of all lines together
	local expression=$1
	shift
	ctl --json "$@" | jq -es "$expression" >/dev/null || fail "$*: not $expression"
}

stalled=()
internet_up
stsd_config "hold.stub: 1500ms"
stsd_start

# An override of what nobody asked for is answered at once, while no host answers.
hosts_off
ctl override second.test none
expect second.test '^v=STSQ1; r=none; override=1$'
hosts_on
until_true 10 in_srv curl -sf --cacert "$DIR/pki/ca.crt" \
	--resolve "mta-sts.good.test:443:$GOOD" https://mta-sts.good.test/.well-known/mta-sts.txt

# Each way, over a policy in force; cleared without a fetch.
expect good.test 'r=policy; mode=enforce; id=1; exp=[0-9]+; fresh=1; n=2; mx='
fetches() { ctl --json stats | jq .stsd_jobs_prefetch_total+.stsd_jobs_miss_total; }
before=$(fetches)
ctl override good.test testing
expect good.test 'r=policy; mode=testing; id=1; exp=[0-9]+; fresh=1; n=2; override=1; mx=mx1'
ctl override good.test none
expect good.test '^v=STSQ1; r=none; override=1$'
expect _recheck.good.test '^v=STSQ1; r=none; override=1$'
ctl override good.test --off
expect good.test 'r=policy; mode=enforce; .*n=2; mx='
expect testing.test 'r=policy; mode=testing'
ctl override testing.test enforce
expect testing.test 'r=policy; mode=enforce; .*override=1'
[ "$(fetches)" -eq $((before + 1)) ] || fail "an override fetched: $before, $(fetches)"

# It stands when the policy is replaced.
set_id testing.test 2
refreshed() {
	ctl refresh testing.test >/dev/null
	told testing.test 'id=2;'
}
until_true 10 refreshed
expect testing.test 'mode=enforce; id=2; .*override=1'

# Without a policy in force there is nothing to enforce, and stsctl says so.
expect missing.test 'r=failed'
ctl override missing.test enforce | grep -q 'without effect'
expect missing.test 'r=failed; why=.*404'
ctl override --clear missing.test

# An end: seen to come by itself.
ctl override third.test none --for 3s
expect third.test 'r=none; override=1'
until_true 10 told third.test 'r=policy; mode=enforce'
expect third.test 'r=policy; mode=enforce'
json 'length == 2' overrides

# What is wrong is told.
[ "$(status_of ctl override good.test maybe)" -eq 2 ]
[ "$(status_of ctl override good.test none --for soon)" -eq 2 ]
[ "$(status_of ctl override good.test --off)" -eq 3 ]
[ "$(status_of ctl override localhost none)" -eq 2 ]
[ "$(status_of ctl dump --once)" -eq 2 ]
[ "$(status_of ctl nonsense)" -eq 2 ]
[ "$(status_of ctl why nobody-asked.test)" -eq 3 ]

# Killed: overrides and policies are there again, also with no host to ask.
ctl override fourth.test none --for 24h
hosts_off
stsd_stop KILL
stsd_start
expect second.test '^v=STSQ1; r=none; override=1$'
expect testing.test 'mode=enforce; id=2; .*override=1'
expect fourth.test 'r=none; override=1'
json 'map(.override.mode) | sort == ["enforce", "none", "none"]' overrides
json 'map(select(.override.ends_at != null)) | length == 1' overrides
json '.[0].stsd_overrides == 3' stats
ctl override testing.test --off
expect testing.test 'mode=testing; id=2'
hosts_on
until_true 10 in_srv curl -sf --cacert "$DIR/pki/ca.crt" \
	--resolve "mta-sts.good.test:443:$GOOD" https://mta-sts.good.test/.well-known/mta-sts.txt

# Why, for each bad host, in words and as a TLS report says it.
why() { # DOMAIN WORDS POLICY-TYPE RESULT-TYPE REASON-PATTERN
	until_true 30 settled "$1"
	ctl why "$1" | grep -q "$2" || fail "why $1: not \"$2\": $(ctl why "$1")"
	ctl --json why "$1" | jq -e --arg type "$3" --arg result "$4" --arg reason "$5" '
		.tlsrpt | .policy["policy-type"] == $type and .policy["policy-domain"] == "'"$1"'"
		and (.["failure-details"] | if $result == "" then length == 0 else length == 1
			and .[0]["result-type"] == $result
			and (.[0]["failure-reason-code"] | test("^" + $reason)) end)
	' >/dev/null || fail "why $1: $(ctl --json why "$1")"
}
fetch=sts-policy-fetch-error
why good.test 'deliver by the policy' sts '' ''
why none.test 'taking it down' no-policy-found '' ''
why nothing-here.test 'no MTA-STS TXT record' no-policy-found '' ''
why missing.test 'host has no policy' sts $fetch 'no-policy-served\+404$'
why badcert.test 'for other names' sts sts-webpki-invalid 'certificate-host-mismatch'
why cnonly.test 'for other names' sts sts-webpki-invalid 'certificate-host-mismatch'
why expired.test 'not valid at this time' sts sts-webpki-invalid 'certificate-expired'
why redirect.test 'could not be fetched' sts $fetch 'cannot-fetch-policy\+redirect'
why big.test 'breaks the rules' sts sts-policy-invalid 'policy-syntax-error\+too-large'
why plain.test 'could not be fetched' sts $fetch 'cannot-fetch-policy'
why closes.test 'could not be fetched' sts $fetch 'cannot-fetch-policy\+truncated'
why badbody.test 'breaks the rules' sts sts-policy-invalid 'policy-syntax-error'
why hang.test 'could not be fetched' sts $fetch 'cannot-fetch-policy'
why slow.test 'could not be fetched' sts $fetch 'cannot-fetch-policy'
ctl --json show badbody.test | jq -e '.tlsrpt.policy["policy-string"] | length > 0' >/dev/null
ctl --json show good.test | jq -e '.tlsrpt.policy["policy-string"][0] == "version: STSv1"
	and (.tlsrpt.policy["mx-host"] == ["mx1.good.test", "*.mail.good.test"])' >/dev/null
ctl show good.test | grep -q '^mode .*enforce'

# The dump: each name once, policies first and in order; forms and filters.
json 'map(.domain) | length == (unique | length)' dump
json '[.[].kind] | (rindex("policy") // 0) < (index("none") // 1000)' dump
json 'map(select(.kind != "none")) | [.[] | [.used_at, .domain]] | . == (sort | reverse)' dump
json 'map(.domain) | index("good.test") and index("nothing-here.test")' dump
json 'length > 0 and all(.mode == "enforce")' dump --mode enforce
json 'length > 0 and all(.kind == "failed")' dump --kind failed
json 'length == 3 and all(.domain | test("^(bad|big)"))' dump --match 'b*.test'
json 'length == 2' dump --overrides
json 'length == 0' dump --expired --mode enforce
ctl dump --csv >"$DIR/dump.csv"
python3 - "$DIR/dump.csv" <<-'EOP'
	import csv, sys
	raw = open(sys.argv[1], newline="").read()
	assert raw.count("\r\n") == raw.count("\n"), "lines end with CRLF"
	rows = list(csv.DictReader(raw.splitlines(keepends=True)))
	titles = list(rows[0])
	assert titles[:12] == ["LastUse", "Domain", "Backoff", "RecordID", "Version", "Mode", "MX",
		"MaxAgeSeconds", "Extensions", "ValidEnd", "LastUpdate", "Inserted"], titles
	good = [r for r in rows if r["Domain"] == "good.test"]
	assert len(good) == 1 and good[0]["MX"] == "mx1.good.test *.mail.good.test", good
	assert good[0]["Version"] == "STSv1" and good[0]["MaxAgeSeconds"] == "86400", good
	bad = [r for r in rows if r["Domain"] == "badcert.test"]
	assert bad[0]["Backoff"] == "true" and "host-mismatch" in bad[0]["FailureReason"], bad
	over = [r for r in rows if r["Domain"] == "second.test"]
	assert over[0]["Override"] == "none" and over[0]["Answer"] == "none", over
EOP
ctl dump | grep -q '^good.test .* policy .* enforce'
ctl export | grep -qx 'good.test secure match=mx1.good.test:.mail.good.test servername=hostname'
[ "$(ctl export)" = "$(ctl dump --postfix)" ]
! ctl export | grep -q '^second.test' || fail "an override none is exported"
ctl export --plain | grep -qx 'good.test mx1.good.test \*.mail.good.test'

# U-labels are domains too.
[ "$(ctl --json override bücher.test none | jq -r .domain)" = xn--bcher-kva.test ]
expect xn--bcher-kva.test 'r=none; override=1'
ctl override bücher.test --off

# Purge: not an enforce policy that stands, unless forced.
[ "$(status_of ctl purge good.test)" -eq 1 ]
expect good.test 'r=policy; mode=enforce'
ctl purge --dry-run missing.test | grep -q 'would be purged'
expect missing.test 'r=failed'
ctl purge missing.test | grep -q 'purged'
[ "$(status_of ctl show missing.test)" -eq 3 ]
[ "$(status_of ctl purge nobody-asked.test)" -eq 3 ]
ctl purge --expired --dry-run >/dev/null
ctl purge fourth.test
expect fourth.test 'r=none; override=1'

# Refresh all, prefetch, top.
json 'map(.domain) | index("good.test") and index("testing.test")' refresh --all
json 'map(.domain) | (index("badcert.test") != null) and (index("good.test") == null)' refresh --stale
printf 'fifth.test # one\n\nbücher.test\n' >"$DIR/names"
json 'map(.domain) == ["fifth.test", "xn--bcher-kva.test"] or
	map(.domain) == ["xn--bcher-kva.test", "fifth.test"]' prefetch "$DIR/names"
json 'length == 1 and (.[0] | has("stsd_queries_per_s"))' top --once
ctl top --once | grep -q '^questions/s'

# A backup is a store: policies, overrides and the clock are in it.
ctl backup "$DIR/copy"
[ "$(status_of ctl backup "$DIR/copy")" -eq 1 ] || fail "a backup over another one"
kept=$(ctl --json dump --kind policy | jq -r .domain | sort)
stsd_stop KILL
sed -i "s|^store.directory:.*|store.directory: $DIR/copy|" "$DIR/stsd.yaml"
hosts_off
stsd_start
[ "$(ctl --json dump --kind policy | jq -r .domain | sort)" = "$kept" ]
[ "$(ctl --json status | jq .load_complete)" = true ]
expect good.test 'r=policy; mode=enforce'
expect second.test 'r=none; override=1'
stsd_stop TERM

# A big dump, while readers stall, names come, go and change: each name that is
# kept throughout is given exactly once.
"$BUILD/bench/stsbench" make --policies 5000 --none 60000 --out "$DIR/many" >/dev/null
"$BUILD/bench/stsbench" fill --in "$DIR/many" --store "$DIR/many.store"
sed -i "s|^store.directory:.*|store.directory: $DIR/many.store|" "$DIR/stsd.yaml"
stsd_start
until_true 60 is_warm
ctl --json dump | jq -r .domain | sort >"$DIR/throughout"
[ "$(wc -l <"$DIR/throughout")" -eq 65000 ] || fail "$(wc -l <"$DIR/throughout") names"
[ -z "$(uniq -d "$DIR/throughout")" ]
mapfile -t changed < <(ctl --json dump --kind none | head -40 | jq -r .domain)
for ((i = 0; i < 5; i++)); do
	ctl --json dump | { read -r _ && pause 600; } &
	stalled+=($!)
done
(
	for ((i = 0; i < 3000; i++)); do echo "n$i.new.test"; done | ctl prefetch - >/dev/null
	for d in "${changed[@]}"; do ctl override "$d" none >/dev/null; done
) &
change=$!
for ((i = 0; i < 3; i++)); do
	ctl --json dump | jq -r .domain | sort >"$DIR/now"
	[ -z "$(uniq -d "$DIR/now")" ] || fail "twice: $(uniq -d "$DIR/now" | head -3)"
	[ -z "$(comm -23 "$DIR/throughout" "$DIR/now")" ] || fail "a name is missing"
done
wait "$change"
json 'length == 40' overrides
echo "longest slice of a dump: $(ctl --json stats | jq .stsd_dump_slice_ns_max) ns"
grep VmRSS "/proc/$STSD/status"
kill "${stalled[@]}"
stsd_stop TERM
