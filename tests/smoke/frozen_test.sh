#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: with the control thread frozen, and then the children stopped and
# killed, known domains go on being answered and unknown ones get `pending`;
# afterwards all is as before. Also: an idle appliance naps, and still answers
# the next question at once.
# Usage: frozen_test.sh [SECONDS-FROZEN] [SECONDS-IDLE]
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
frozen_s=${1:-5}
idle_s=${2:-12}

# A busy machine lets the kernel's side of the tap drop a datagram now and then.
rate() { # SECONDS -> questions a second, at most one in a thousand lost
	in_srv dnsperf -s 10.127.53.1 -p 5300 -d "$DIR/queries" -l "$1" -q 20 >"$DIR/dnsperf"
	awk '/Queries sent/ {s = $3} /Queries lost/ {l = $3} END {exit !(s > 0 && l * 1000 <= s)}' \
		"$DIR/dnsperf" || { cat "$DIR/dnsperf" >&2; exit 1; }
	awk '/per second/ {print int($4)}' "$DIR/dnsperf"
}

cpu_ticks() { awk '{print $14 + $15}' "/proc/$STSD/stat"; }

internet_up
stsd_config "log.level: info"
stsd_start
[[ $(ask good.test) == *r=policy* ]]
printf 'good.test.sts. TXT\n' >"$DIR/queries"
before=$(rate 2)

coproc FREEZE { "$BUILD/tests/freeze" "$STSD"; }
read -r word <&"${FREEZE[0]}"
[ "$word" = frozen ]
during=$(rate "$frozen_s")
[[ $(ask second.test) == *'r=pending; retry=2'* ]] || { echo 'unknown name not pending' >&2; exit 1; }
eval "exec ${FREEZE[1]}>&-"
wait "$FREEZE_PID"
echo "known domains: $before/s before, $during/s while frozen for $frozen_s s"

policy() { [[ $(ask "$1") == *r=policy* ]]; }
until_true 10 policy second.test

mapfile -t children < <(ctl --json status | jq -r '.children[]?.pid // empty' | sort -u)
[ "${#children[@]}" -ge 3 ]
kill -STOP "${children[@]}"
[[ $(ask third.test) == *'r=pending; retry=2'* ]]
echo "known domains: $(rate 2)/s with the children stopped"
kill -KILL "${children[@]}"
echo "known domains: $(rate 2)/s with the children killed"
settled() { [[ $(ask fourth.test) == *r=policy* ]]; }
until_true 20 settled
echo 'children are back'

naps() { ctl --json stats | jq '.stsd_naps_total'; }

# Figures are printed; what passes or fails is that it naps, and answers.
pause 11 # idle long enough to be drowsy
start=$(cpu_ticks)
first=$(naps)
pause "$idle_s"
slept=$(($(naps) - first))
percent=$((($(cpu_ticks) - start) * 100 / ($(getconf CLK_TCK) * idle_s)))
took=$(in_srv dig @10.127.53.1 -p 5300 +tries=1 good.test.sts. TXT | awk '/Query time/ {print $4}')
echo "idle: $percent % of a core, $((slept / idle_s)) naps a second; the next answer took $took ms"
[ $((slept / idle_s)) -ge 200 ]
