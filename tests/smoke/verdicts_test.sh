#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: every kind of policy host gets its verdict, over a tap port with real
# servers; misbehaving hosts do not hold up other domains; an answer that was
# given is there again after kill -9 with the policy hosts off.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

expect() { # NAME WANTED-PATTERN
	local got
	got=$(ask "$1")
	if [[ ! $got =~ $2 ]]; then
		echo "$1: expected $2, got: $got" >&2
		exit 1
	fi
	echo "$1: $got"
}

settled() { [[ $(ask "$1") != *r=pending* ]]; }

internet_up
stsd_config "hold.stub: 1500ms"
stsd_start

# Hosts that keep their connection are asked first; good ones must not wait.
for d in hang slow; do expect "$d.test" 'r=pending; retry=2'; done
before=$(date +%s%N)
expect good.test '^v=STSQ1; r=policy; mode=enforce; id=1; exp=[0-9]+; fresh=1; n=2; mx=mx1.good.test; mx=\*.mail.good.test$'
expect second.test 'r=policy; mode=enforce'
after=$(date +%s%N)
[ $(((after - before) / 1000000)) -lt 3000 ] || { echo "held up by other hosts" >&2; exit 1; }

expect testing.test 'r=policy; mode=testing'
expect none.test 'r=policy; mode=none; id=1; exp=[0-9]+; fresh=1; n=0$'
expect nothing-here.test '^v=STSQ1; r=none$'
expect missing.test 'r=failed; why=sts-policy-fetch-error/no-policy-served\+404; retry=[0-9]+$'
expect badcert.test 'r=failed; why=sts-webpki-invalid/certificate-host-mismatch'
expect cnonly.test 'r=failed; why=sts-webpki-invalid/certificate-host-mismatch'
expect expired.test 'r=failed; why=sts-webpki-invalid/certificate-expired'
expect redirect.test 'r=failed; why=sts-policy-fetch-error/cannot-fetch-policy\+redirect'
expect big.test 'r=failed; why=sts-policy-invalid/policy-syntax-error\+too-large'
expect plain.test 'r=failed; why=sts-policy-fetch-error/cannot-fetch-policy'
expect closes.test 'r=failed; why=sts-policy-fetch-error/cannot-fetch-policy\+truncated'
expect badbody.test 'r=failed; why=sts-policy-invalid/policy-syntax-error'
until_true 30 settled hang.test
expect hang.test 'r=failed; why=sts-policy-fetch-error/cannot-fetch-policy'
until_true 30 settled slow.test
expect slow.test 'r=failed; why=sts-policy-fetch-error/cannot-fetch-policy'

# Names that cannot be mail domains, and what is asked of the zone.
expect localhost 'r=none; why=name/'
expect a_b.example 'r=none; why=name/not-ldh'
[[ $(ask _policy.good.test) == 'version: STSv1'* ]]
[[ $(in_srv dig @10.127.53.1 -p 5300 +tries=1 example.org. TXT) == *'status: REFUSED'* ]]
[[ $(in_srv dig @10.127.53.1 -p 5300 +tries=1 good.test.sts. MX) == *'status: NOERROR'* ]]

# A new id is fetched when the operator asks; a recheck then finds it confirmed.
set_id good.test 2
new_id() {
	ctl refresh good.test
	[[ $(ask good.test) == *'id=2;'* ]]
}
until_true 10 new_id
expect _recheck.good.test 'r=policy; mode=enforce; id=2; exp=[0-9]+; fresh=1'

# Killed and started again while no policy host answers.
hosts_off
stsd_stop KILL
stsd_start
expect good.test 'r=policy; mode=enforce; id=2'
expect second.test 'r=policy; mode=enforce; id=1'
expect testing.test 'r=policy; mode=testing'
ctl show good.test | grep -q '^mode .*enforce'
ctl dump --json | jq -es 'map(select(.kind == "policy")) | length == 4' >/dev/null
ctl purge --force second.test
status=0
ctl show second.test 2>/dev/null || status=$?
[ "$status" -eq 3 ]
stsd_stop TERM
