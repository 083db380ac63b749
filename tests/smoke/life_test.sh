#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves, with real servers, what becomes of a policy that is kept: a new id brings
# the new policy by a recheck, by `stsctl refresh` and by a check on use; a policy
# that changed under its old id is seen by a refresh alone; a host that is gone, an
# expired certificate and a TXT record that is gone leave an enforce policy in
# force, and `stsctl why` tells; mode none is seen, and then goes without a word.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

fail() {
	echo "$*" >&2
	exit 1
}

told() { [[ $(ask "$1") =~ $2 ]]; } # NAME PATTERN

expect() { # NAME WANTED-PATTERN
	until_true 20 told "$1" "$2" || fail "$1: expected $2, got: $(ask "$1")"
	echo "$1: $(ask "$1")"
}

# The first answer counts.
at_once() { # NAME WANTED-PATTERN
	local got
	got=$(ask "$1")
	[[ $got =~ $2 ]] || fail "$1: expected $2, got: $got"
	echo "$1: $got"
}

why() { # DOMAIN WORDS...
	local domain=$1 words text
	shift
	text=$(ctl why "$domain")
	for words in "$@"; do
		grep -q -- "$words" <<<"$text" || fail "why $domain: no \"$words\": $text"
	done
}

why_json() { # DOMAIN JQ-EXPRESSION [jq options]
	local domain=$1 expression=$2
	shift 2
	ctl --json why "$domain" | jq -e "$@" "$expression" >/dev/null ||
		fail "why $domain: not $expression: $(ctl --json why "$domain")"
}

stat_of() { ctl --json stats | jq ".[\"$1\"]"; }
stat_is() { [ "$(stat_of "$1")" -eq "$2" ]; }

internet_up
stsd_config "hold.stub: 1500ms"
stsd_start
for d in good second third fourth fifth wrongmx outside nomx; do
	expect "$d.test" 'r=policy; mode=enforce; id=1; exp=[0-9]+; fresh=1'
done
# A domain is fetched at most once a minute by its TXT; a new process knows of none.
stsd_stop TERM
stsd_start

# To be found by a check on use, at the end: after one that failed the next is due
# in a minute.
drop_txt fourth.test
at_once _recheck.fourth.test 'r=policy; mode=enforce; id=1; exp=[0-9]+; fresh=0'
set_policy fourth.test enforce 604800 mx.used.fourth.test
set_id fourth.test 2

# A new id: by a recheck, and by the operator.
set_policy good.test enforce 86400 mx9.good.test
set_id good.test 2
expect _recheck.good.test 'r=policy; mode=enforce; id=2; exp=[0-9]+; fresh=1; n=1; mx=mx9.good.test$'
why good.test 'deliver by the policy' 'mode enforce, TXT id 2' 'mx9.good.test' 'policy-type sts$'
why_json good.test '.id == "2" and .mx == ["mx9.good.test"] and .failure == null and .alert == "ok"'
set_policy second.test testing 604800 mx9.second.test
set_id second.test 2
at_once second.test 'mode=enforce; id=1'
ctl refresh second.test >/dev/null
expect second.test 'r=policy; mode=testing; id=2; exp=[0-9]+; fresh=1; n=1; mx=mx9.second.test$'
why second.test 'report, deliver anyway' 'mode testing, TXT id 2'
why_json second.test '.id == "2" and .mode == "testing" and .mx == ["mx9.second.test"]'

# Another policy under the old id: TXT alone does not show it, a refresh does.
set_policy third.test enforce 604800 mx9.third.test
at_once _recheck.third.test 'mode=enforce; id=1; exp=[0-9]+; fresh=1; n=1; mx=mx.third.test$'
why_json third.test '.mx == ["mx.third.test"]'
ctl refresh third.test >/dev/null
expect third.test 'mode=enforce; id=1; exp=[0-9]+; fresh=1; n=1; mx=mx9.third.test$'
why third.test 'TXT id 1' 'mx9.third.test'
why_json third.test '.id == "1" and .mx == ["mx9.third.test"] and .failure == null'

# A policy stands beside what fails; told are what, since when, and the fall-back.
stands() { # DOMAIN RESULT-TYPE REASON-PATTERN WORDS DOWNGRADE-CAUSE
	local key="stsd_possible_downgrades_total{$5}" counted
	local before ends
	counted=$(stat_of "$key")
	before=$(date +%s)
	ends=$(ctl --json why "$1" | jq .ends_at)
	expect "_recheck.$1" 'r=policy; mode=enforce; id=1; exp=[0-9]+; fresh=0; .*mx='
	at_once "$1" 'r=policy; mode=enforce; id=1; exp=[0-9]+; fresh=0; .*mx='
	why "$1" 'mode=enforce; fresh=0: deliver by the policy' "failed: .*$4" 'since: ' \
		"TLS report: .*policy-type sts, $2: $3.*+fallback-to-cached-policy"
	# shellcheck disable=SC2016 # the variables are of jq
	why_json "$1" '(.failure | (.why | test("^" + $type + "/" + $reason))
		and .since >= $before - 1 and .since <= now + 1 and .attempts >= 1)
		and .alert == "notice" and .sender.mode == "enforce" and .sender.fresh == false
		and ((.ends_at - $ends) | fabs) <= 1 and (.tlsrpt
			| .policy["policy-type"] == "sts" and (.policy["mx-host"] | length > 0)
			and (.["failure-details"] | length == 1 and .[0]["result-type"] == $type
			and (.[0]["failure-reason-code"]
				| test("^" + $reason + ".*[+]fallback-to-cached-policy$"))))' \
		--arg type "$2" --arg reason "$3" --argjson before "$before" --argjson ends "$ends"
	[ "$(stat_of "$key")" -gt "$counted" ] || fail "$1: $key is $counted as before"
	grep -q "possible downgrade of $1 ($5, .*its policy stands" "$DIR/stsd.log" ||
		fail "$1: no possible downgrade ($5) in the log"
}

well_again() { # DOMAIN ID
	ctl refresh "$1" >/dev/null
	expect "$1" "r=policy; mode=enforce; id=$2; exp=[0-9]+; fresh=1"
	why_json "$1" '.failure == null and .alert == "ok"'
}

# The host is gone.
set_id fifth.test 2
hosts_off
stands fifth.test sts-policy-fetch-error cannot-fetch-policy 'could not be fetched' fetch-failed
until_true 10 stat_is 'stsd_policies_alert{notice}' 2 || fail "no notice counted"

# It is back with a certificate that has expired.
good_certificate -startdate 20200101000000Z -enddate 20210101000000Z
hosts_on
until_true 10 hosts_answer
set_id wrongmx.test 2
stands wrongmx.test sts-webpki-invalid certificate-expired 'not valid at this time' fetch-failed

# And with a good one.
hosts_off
good_certificate
hosts_on
until_true 10 hosts_answer
well_again fifth.test 2
well_again wrongmx.test 2

# The owner takes it down as RFC 8461 8.3 says: mode none, then no TXT record.
downgrades=$(stat_of stsd_possible_downgrades_total)
set_policy outside.test none 86400 -
set_id outside.test 2
expect _recheck.outside.test 'r=policy; mode=none; id=2; exp=[0-9]+; fresh=1; n=0$'
why outside.test 'taking it down' 'mode none, TXT id 2' 'policy-type no-policy-found$'
why_json outside.test '.mode == "none" and .mx == []'
drop_txt outside.test
expect _recheck.outside.test '^v=STSQ1; r=none$'
expect outside.test '^v=STSQ1; r=none$'
why outside.test 'deliver as without MTA-STS' 'policy-type no-policy-found$'
why_json outside.test '.sender.r == "none" and .mode == null and .failure == null'
stat_is stsd_possible_downgrades_total "$downgrades" || fail "mode none counted as downgraded"

# Nobody said so: the TXT record alone is gone.
drop_txt nomx.test
stands nomx.test sts-policy-fetch-error no-mta-sts-dns-txt-record 'no MTA-STS TXT record' txt-absent
set_id nomx.test 1
well_again nomx.test 1

# Asked for and nothing else, until its check is due.
until_true 90 told fourth.test 'id=2; exp=[0-9]+; fresh=1; n=1; mx=mx.used.fourth.test$' ||
	fail "no check on use: $(ask fourth.test)"
why fourth.test 'TXT id 2' 'mx.used.fourth.test'
why_json fourth.test '.failure == null and .alert == "ok"'
stsd_stop TERM
