#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Writes the domains whose policy is enforced as a map of Postfix, or leaves the old one.
# Usage: sts-export.sh [FILE], such as /etc/postfix/sts for hash:/etc/postfix/sts
set -eu
umask 022
map=${1:-/etc/postfix/sts}

# What a damaged store has lost would be missing here.
status=$(stsctl --json status)
[ "$(echo "$status" | jq '.serving and .load_complete')" = true ] || {
	echo 'stsd has not all of its policies: nothing written' >&2
	exit 1
}
stsctl export >"$map.new"
postmap "hash:$map.new"
mv "$map.new.db" "$map.db"
mv "$map.new" "$map"
