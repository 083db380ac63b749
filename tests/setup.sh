#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs what building and testing need on Debian 12; does nothing when all
# of it is there.
set -euo pipefail

packages=(
	bind9-dnsutils ca-certificates clang-14 clang-format-14 codespell curl dnsperf dpdk-dev
	ethtool gcc git iproute2 iputils-ping jq knot-dnsutils ldnsutils libclang-rt-14-dev libcmocka-dev
	libdb5.3 libdpdk-dev libevent-dev libgnutls-dane0 libidn12 libicu72 libbpf-dev libidn2-dev libjansson-dev libldap-2.5-0 libldns-dev liblmdb0 libmbedtls-dev libnsl2 libpcre2-8-0 libpsl-dev librocksdb-dev
	libsasl2-2 libseccomp-dev liburcu-dev libwrap0 libxxhash-dev libyaml-dev lua5.4 make meson nftables nginx-light
	ninja-build nodejs nsd openssl pkg-config procps python3 python3-dnspython scdoc shellcheck
	unbound valgrind
)

missing=()
for p in "${packages[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] ||
		missing+=("$p")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "these packages are missing, and only root can install them: ${missing[*]}" >&2
	exit 1
fi
echo "installing ${#missing[@]} packages"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
