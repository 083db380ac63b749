#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# What the scripts here have in common, to be sourced.

# What stsd is compared with, from Debian, beyond what tests/setup.sh installs.
# Unpacked below the build, not installed: no daemon starts by itself.
RIVAL_PACKAGES='knot liblmdb0 libzscanner4 rbldnsd postfix-mta-sts-resolver
	python3-aiodns python3-aiohttp python3-aioredis python3-aiosignal python3-aiosqlite
	python3-async-timeout python3-attr python3-charset-normalizer python3-frozenlist
	python3-hiredis python3-idna python3-multidict python3-pycares python3-typing-extensions
	python3-uvloop python3-yaml python3-yarl'

# The middle of the numbers on standard input, a line each.
median() {
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# Ends when a tool is missing, and says which package has it.
need() { # TOOL...
	for tool; do
		command -v "$tool" >/dev/null && continue
		case $tool in
		dig) package=bind9-dnsutils ;;
		dpdk-testpmd) package=dpdk-dev ;;
		ip) package=iproute2 ;;
		kxdpgun) package=knot-dnsutils ;;
		nginx) package=nginx-light ;;
		*) package=$tool ;;
		esac
		echo "${0##*/}: $tool is missing (package $package)" >&2
		exit 2
	done
}

# Sees to it that so many huge pages of 2 MiB are there; huge_pages_back gives
# back what had to be added.
HUGE=/proc/sys/vm/nr_hugepages
huge_before=
huge_pages() { # NUMBER
	if [ -w $HUGE ] && [ "$(cat $HUGE)" -lt "$1" ]; then
		huge_before=$(cat $HUGE)
		echo "$1" >$HUGE
	fi
}

huge_pages_back() {
	[ -z "$huge_before" ] || echo "$huge_before" >$HUGE
}

# Leaves the rivals' files in $RIVALS.
unpack_rivals() { # BUILD
	RIVALS=$1/bench/rivals
	[ "$(cat "$RIVALS/packages" 2>/dev/null)" != "$RIVAL_PACKAGES" ] || return 0
	rm -rf "$RIVALS"
	mkdir -p "$RIVALS/deb"
	# shellcheck disable=SC2086 # a list
	(cd "$RIVALS/deb" && apt-get -qq -o APT::Sandbox::User=root download $RIVAL_PACKAGES) ||
		{ echo "${0##*/}: these cannot be downloaded:" $RIVAL_PACKAGES >&2; exit 2; }
	for deb in "$RIVALS"/deb/*.deb; do
		dpkg-deb -x "$deb" "$RIVALS"
	done
	rm -r "$RIVALS/deb"
	echo "$RIVAL_PACKAGES" >"$RIVALS/packages"
}
