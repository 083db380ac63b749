#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves: every one of a million answers is what the input file says (RCODE,
# id, question, r, mode, id tag, mx, exp; TTL and fresh by range), alone and in batches, read by code
# that the server does not share. Names come from the store, as after a restart.
# Usage: answers_test.sh [QUESTIONS]
set -euo pipefail
# shellcheck source=tests/internet/internet.sh
. "$(dirname "$0")/../internet/internet.sh"
count=${1:-1000000}

warm() { ctl --json status | jq -e .warm; }

internet_up
"$BUILD/bench/stsbench" make --policies 20000 --none 100000 --seed 7 --out "$DIR/names.tsv"
"$BUILD/bench/stsbench" fill --in "$DIR/names.tsv" --store "$DIR/store"
stsd_config "log.level: info"
stsd_start
until_true 60 warm
in_srv "$BUILD/bench/stsbench" load --socket 10.127.53.1@5300 --names "$DIR/names.tsv" \
	--count "$count" --window 256 --check --mixed-case --cpu 0 | tee "$DIR/load.out"
grep -qE 'wrong 0$' "$DIR/load.out"
# The same in batches: a tenth of it, as requests of 32 names.
in_srv "$BUILD/bench/stsbench" load --socket 10.127.53.1@5300 --names "$DIR/names.tsv" --batch 32 \
	--count "$((count / 320))" --window 8 --check --mixed-case --cpu 0 | tee "$DIR/load.out"
grep -qE 'wrong 0$' "$DIR/load.out"
