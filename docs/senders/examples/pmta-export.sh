#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes the domains whose policy is enforced as domain blocks of PowerMTA, or leaves
# the old file. Usage: pmta-export.sh [FILE]
set -eu
umask 022
file=${1:-/etc/pmta/sts.conf}

status=$(stsctl --json status)
[ "$(echo "$status" | jq '.serving and .load_complete')" = true ] || {
	echo 'stsd has not all of its policies: nothing written' >&2
	exit 1
}
stsctl export --plain >"$file.list"
awk '{ printf "<domain %s>\n  use-starttls yes\n  require-starttls yes\n</domain>\n", $1 }' "$file.list" >"$file.new"
rm "$file.list"
mv "$file.new" "$file"
