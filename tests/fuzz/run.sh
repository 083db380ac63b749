#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Fuzzes every target with clang's libFuzzer, ASan and UBSan for SECONDS each,
# starting from the corpus. What crashes is left in build-fuzz/found/.
# Usage: tests/fuzz/run.sh [SECONDS [TARGET...]]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift $(($# > 0 ? 1 : 0))
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
	for f in tests/fuzz/fuzz_*.c; do
		t=${f##*/fuzz_}
		targets+=("${t%.c}")
	done
fi

[ -f build-fuzz/build.ninja ] || CC=clang-14 meson setup build-fuzz -Dfuzz=true \
	-Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false >/dev/null
ninja -C build-fuzz "${targets[@]/#/tests/fuzz_}" >/dev/null
for t in "${targets[@]}"; do
	mkdir -p "build-fuzz/found/$t"
	echo "$t"
	# The first folder takes what is new.
	nice build-fuzz/tests/fuzz_"$t" -max_total_time="$seconds" -max_len=4096 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="build-fuzz/found/$t-" \
		"build-fuzz/found/$t" "tests/fuzz/corpus/$t"
done
