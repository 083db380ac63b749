#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Instructions per answered query, counted by callgrind between frames received
# and frames sent, on a fixed trace: no noise of the machine in it. Callgrind
# knows no AVX-512; what is counted is what a processor without it would do.

set -eu

build=${1:-build}
count=32000
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v valgrind >/dev/null || { echo "instructions.sh: valgrind is missing" >&2; exit 2; }
"$build/bench/stsbench" make --policies 500 --none 500 --zipf 0 --out "$dir/names.tsv"

counted() { # words of stsbench replay
	valgrind --tool=callgrind --collect-atstart=no --callgrind-out-file=/dev/null \
		"$build/bench/stsbench" replay --names "$dir/names.tsv" --no-huge \
		--cpu 0 --count $count "$@" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
	awk -v n=$count '/Collected :/ { printf "%.0f", $4 / n }' "$dir/log"
}

printf 'answer   IPv4  IPv4+EDNS  IPv6  IPv6+EDNS\n'
for which in none policy unknown; do
	printf '%-8s %4s  %9s  %4s  %9s\n' $which \
		"$(counted --ask $which --edns 0)" "$(counted --ask $which)" \
		"$(counted --ask $which --edns 0 --ipv6)" "$(counted --ask $which --ipv6)"
done
