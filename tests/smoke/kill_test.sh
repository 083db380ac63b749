#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: kill -9 at a random moment, under questions and fetching, loses no
# policy that was answered. A recorder notes each answered policy and syncs the
# note before the next kill; after every restart all of them must be there.
# Usage: kill_test.sh [ROUNDS]
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
rounds=${1:-20}
domains=(good second third fourth fifth testing none)

internet_up
stsd_config "hold.stub: 1500ms"
RANDOM=${SEED:-1}
for ((round = 1; round <= rounds; round++)); do
	stsd_start
	# What was recorded must be in memory again before anybody asks.
	ctl --json dump | jq -r 'select(.kind == "policy") | "\(.domain) \(.id)"' | sort >"$DIR/kept"
	if [ -f "$DIR/recorded" ]; then
		sort -u "$DIR/recorded" >"$DIR/wanted" # a domain's id stays the same here
		missing=$(comm -23 "$DIR/wanted" "$DIR/kept")
		[ -z "$missing" ] || { echo "round $round: missing: $missing" >&2; exit 1; }
	fi
	# Names that change every round keep the store and the children busy.
	for i in {1..200}; do echo "n$i.r$round.test"; done >"$DIR/names"
	ctl prefetch "$DIR/names" >/dev/null 2>&1 &
	load=$!
	(
		for d in "${domains[@]}"; do
			# Forgotten first by the recorder, then by the appliance.
			if [ $((RANDOM % 3)) -eq 0 ] && [ -f "$DIR/recorded" ]; then
				sed -i "/^$d.test /d" "$DIR/recorded"
				ctl purge --force "$d.test" >/dev/null 2>&1 || true
			fi
			answer=$(ask "$d.test" +time=1)
			[[ $answer == *r=policy* ]] || continue
			id=${answer#*id=}
			echo "$d.test ${id%%;*}" >>"$DIR/recorded"
			sync "$DIR/recorded"
			echo >>"$DIR/answered"
		done
	) &
	asker=$!
	pause "0.$((RANDOM % 300 + 100))"
	stsd_stop KILL
	wait "$asker" "$load" 2>/dev/null || true
done
answered=$(wc -l <"$DIR/answered")
echo "$rounds rounds, $answered answers recorded, none missing"
[ "$answered" -ge "$rounds" ]
