#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: libstsq asks many domains in few datagrams and has the right verdict of
# each, known, cold or unfit; what a lost datagram had is asked again; a DNS server
# that knows no batches is asked one by one; dig reads a batch's answer, and sees
# what it always saw where it asks for none.
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"

# Domains from standard input; answers sorted, ends of policies left out. What the
# library counted is in $DIR/stats.
list() { # SERVER PORT BATCH [DEADLINE]
	in_srv "$BUILD/client/stsq_list" "$@" 2>"$DIR/stats" | sed -E 's/\t[0-9]{10}\t/\tEXP\t/' |
		LC_ALL=C sort
}

must() { # LABEL WANTED GOT
	[ "$2" = "$3" ] || { printf '%s: wanted\n%s\ngot\n%s\n' "$1" "$2" "$3" >&2; exit 1; }
	echo "$1: right"
}

counted() { # LABEL REGEX
	grep -qE "$2" "$DIR/stats" || { echo "$1: no \"$2\" in: $(cat "$DIR/stats")" >&2; exit 1; }
}

counter() { ctl stats | awk -v n="$1" 'index($1, n) == 1 { s += $NF } END { print s + 0 }'; }

hex() { # NAME...: as labels
	local name label
	for name; do
		for label in ${name//./ }; do
			printf '%02x%s' "${#label}" "$(printf %s "$label" | od -An -tx1 | tr -d ' \n')"
		done
		printf 00
	done
}

dig_option() { # HEX QUESTION [dig options]
	local option=$1 name=$2
	shift 2
	in_srv dig @10.127.53.1 -p 5300 +nocookie +tries=1 +time=3 "$@" +ednsopt="65461:$option" "$name.sts." TXT
}

internet_up
stsd_config "log.level: info"
stsd_start

# All of them are unknown: the last verdict needs what fetching a policy takes.
cat >"$DIR/domains" <<-EOF
	good.test
	Second.Test
	nopolicy.test
	badcert.test
	missing.test
	testing.test
	none.test
	localhost
	a_b.test
	mail.local
	1.2.3.4
	bücher.test
EOF
want=$(printf '%b\n' \
	'1.2.3.4\tnone\tname/all-digit-tld' \
	'Second.Test\tpolicy\tenforce\t1\tEXP\tmx.second.test' \
	'a_b.test\tnone\tname/not-ldh' \
	'badcert.test\tfailed\tsts-webpki-invalid/certificate-host-mismatch' \
	'bücher.test\tunknown\tname/not-an-a-label' \
	'good.test\tpolicy\tenforce\t1\tEXP\tmx1.good.test,*.mail.good.test' \
	'localhost\tnone\tname/special-use' \
	'mail.local\tnone\tname/special-use' \
	'missing.test\tfailed\tsts-policy-fetch-error/no-policy-served+404' \
	'none.test\tpolicy\tnone\t1\tEXP\t' \
	'nopolicy.test\tnone' \
	'testing.test\tpolicy\ttesting\t1\tEXP\tmx.testing.test' | LC_ALL=C sort)
must "cold names in a batch" "$want" "$(list 10.127.53.1 5300 32 20000 <"$DIR/domains")"
counted "cold names" 'batches yes$'
before=$(counter stsd_queries_total)
must "known names in a batch" "$want" "$(list 10.127.53.1 5300 32 <"$DIR/domains")"
counted "known names" '^1 requests, .* 12 records, 0 timeouts, 0 strangers'
[ "$(counter stsd_queries_total)" -eq $((before + 1)) ]
must "known names one by one" "$want" "$(list 10.127.53.1 5300 1 <"$DIR/domains")"
counted "known names one by one" '^12 requests, 12 datagrams, 12 records'

# A second datagram that never comes.
for i in $(seq 60); do echo "n$i.test"; done >"$DIR/many"
want=$(sed $'s/$/\tnone/' "$DIR/many" | LC_ALL=C sort)
must "sixty names, cold" "$want" "$(list 10.127.53.1 5300 64 20000 <"$DIR/many")"
must "sixty names" "$want" "$(list 10.127.53.1 5300 64 <"$DIR/many")"
counted "sixty names" '^1 requests, [2-9] datagrams, 60 records, 0 timeouts'
in_srv nft -f - <<-EOF
	table inet lossy {
		chain in {
			type filter hook input priority 0;
			udp sport 5300 numgen inc mod 100000 1 counter drop
		}
	}
EOF
must "with a lost datagram" "$want" "$(list 10.127.53.1 5300 64 <"$DIR/many")"
counted "with a lost datagram" '^2 requests, [2-9] datagrams, 60 records, 1 timeouts, 0 strangers'
[[ $(in_srv nft list table inet lossy) == *'counter packets 1 '* ]]
in_srv nft delete table inet lossy

# dig, with a batch and without.
got=$(dig_option "$(hex second.test N1.test a_b.test _recheck.good.test)" good.test)
for owner in good.test second.test N1.test a_b.test _recheck.good.test; do
	grep -qE "^$owner.sts.\s.*TXT\s+\"v=STSQ1; r=" <<<"$got" ||
		{ echo "dig: no $owner in: $got" >&2; exit 1; }
done
[[ $got == *'OPT=65461: 05 00'* && $got == *'ANSWER: 5,'* ]]
[[ $got == *'r=unknown; why=name/not-in-a-batch'* ]]
[[ $(dig_option 0161 good.test) == *'status: FORMERR'* ]]
[[ $(dig_option 016100 good.test +bufsize=512) == *'ANSWER: 1,'* ]]
[[ $(ask good.test) == 'v=STSQ1; r=policy; mode=enforce; id=1; '*'; mx=mx1.good.test; mx=*.mail.good.test' ]]
echo "dig: right"

# What a sender makes of the answers, from an event loop of its own.
got=$(in_srv "$BUILD/client/stsq_decide" 10.127.53.1 5300 good.test nopolicy.test testing.test)
must decisions "$(printf '%s\n' 'good.test: verified TLS, only to mx1.good.test *.mail.good.test' \
	'nopolicy.test: deliver' 'testing.test: deliver (policy of mode testing)')" "$got"

# The same zone from a server that was never told of batches.
cat >"$DIR/sts.zone" <<-EOF
	\$ORIGIN sts.
	@ 60 SOA ns hostmaster 1 3600 600 86400 60
	@ 60 NS ns
	ns 60 A 127.0.0.1
	good.test 60 TXT "v=STSQ1; r=policy; mode=enforce; id=1; exp=1767225600; fresh=1; n=1" "; mx=mx.good.test"
	* 60 TXT "v=STSQ1; r=none"
	*.test 60 TXT "v=STSQ1; r=none"
EOF
sed -e 's/127.0.0.1@5353/127.0.0.1@5399/; s/name: test/name: sts/; s/test.zone/sts.zone/' \
	-e 's/nsd.pid/nsd2.pid/; s/xfrd.state/xfrd2.state/; s/zone.list/zone2.list/' \
	"$DIR/nsd.conf" >"$DIR/nsd2.conf"
ip netns exec "$SRV" nsd -d -c "$DIR/nsd2.conf" >>"$DIR/net.log" 2>&1 </dev/null &
PIDS+=($!)
until_true 10 in_srv dig @127.0.0.1 -p 5399 +short +tries=1 +time=1 sts. SOA
want=$({ printf '%b\n' 'good.test\tpolicy\tenforce\t1\tEXP\tmx.good.test'; sed $'s/$/\tnone/' "$DIR/many"; } |
	LC_ALL=C sort)
got=$({ echo good.test; cat "$DIR/many"; } | list 127.0.0.1 5399 32)
must "a server without batches" "$want" "$got"
counted "a server without batches" 'batches no$'
