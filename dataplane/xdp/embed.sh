#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Compiles an XDP program and writes its object as the octets of a C array.
# Usage: embed.sh OUT DEPFILE COMPILER [OPTION...]
set -eu
out=$1
dependencies=$2
shift 2
"$@" -MD -MF "$dependencies" -MT "$out" -o "$out.o"
od -An -v -tu1 "$out.o" | sed 's/ *\([0-9][0-9]*\)/\1,/g' >"$out"
