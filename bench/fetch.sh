#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Policies fetched for a second of CPU time, beside bare mbedTLS handshakes in
# turn with the same nginx: same suite, curve, key and chain (root, intermediate,
# leaf; ECDSA P-256), full handshakes only. Each policy is of another domain,
# asked for over UDP and looked up in nsd; one process fetches. Its CPU time is
# compared, and then that of all of stsd.
#
# Usage: bench/fetch.sh [OPTION=VALUE]...
#   build=build domains=200 (a run) window=64 (asked for at once) runs=5
#   server_cpu=1 load_cpu=0 (nsd, nginx, load) json=FILE
set -euo pipefail
domains=200
window=64
runs=5
json=
for word; do
	case $word in
	build=* | domains=* | window=* | runs=* | server_cpu=* | load_cpu=* | json=*) declare "$word" ;;
	*) sed -n '/^# Usage/,/^set/s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
# shellcheck source=bench/veth.sh
. "$(dirname "$0")/veth.sh"
need nsd nginx openssl

SUITE=ECDHE-ECDSA-AES128-GCM-SHA256

issue() { # NAME ISSUER EXTENSION...
	local name=$1 issuer=$2 extension words=()
	shift 2
	[ "$issuer" = "$name" ] || words=(-CA "$DIR/pki/$issuer.crt" -CAkey "$DIR/pki/$issuer.key")
	for extension; do words+=(-addext "$extension"); done
	openssl req -x509 -new -config "$DIR/pki/req.cnf" -key "$DIR/pki/${KEY:-$name}.key" -days 30 \
		-subj "/CN=$name" "${words[@]}" -out "$DIR/pki/$name.crt"
}

make_chain() {
	local name i ca=basicConstraints=critical,CA:TRUE
	mkdir "$DIR/pki"
	printf '[req]\ndistinguished_name=dn\n[dn]\n' >"$DIR/pki/req.cnf"
	for name in root intermediate leaf; do
		openssl ecparam -genkey -noout -name prime256v1 -out "$DIR/pki/$name.key"
	done
	issue root root "$ca"
	issue intermediate root "$ca"
	for i in $(seq "$domains"); do
		name=mta-sts.d$i.test
		KEY=leaf issue "$name" intermediate basicConstraints=CA:FALSE "subjectAltName=DNS:$name"
		cat "$DIR/pki/intermediate.crt" >>"$DIR/pki/$name.crt"
		echo "$name" >>"$DIR/hosts"
		echo "d$i.test" >>"$DIR/names"
	done
}

make_zone() {
	{
		printf '%s\n' "\$TTL 300" 'test. SOA ns.test. h.test. 1 3600 600 86400 60' 'test. NS ns.test.'
		awk -v a="$GOOD" '{ print "_mta-sts." $1 ". TXT \"v=STSv1; id=1;\""; print "mta-sts." $1 ". A " a }' \
			"$DIR/names"
	} >"$DIR/test.zone"
}

start_upstreams() {
	cat >"$DIR/nsd.conf" <<-EOC
		server:
		  ip-address: $DNS
		  server-count: 1
		  rrl-ratelimit: 0
		  username: ""
		  chroot: ""
		  zonesdir: "$DIR"
		  database: ""
		  pidfile: "$DIR/nsd.pid"
		  xfrdfile: "$DIR/xfrd.state"
		  zonelistfile: "$DIR/zone.list"
		remote-control:
		  control-enable: no
		zone:
		  name: test.
		  zonefile: test.zone
	EOC
	mkdir -p "$DIR/www/.well-known"
	printf 'version: STSv1\nmode: enforce\nmx: mx1.mailhost.test\nmx: mx2.mailhost.test\nmax_age: 604800\n' \
		>"$DIR/www/.well-known/mta-sts.txt"
	cat >"$DIR/nginx.conf" <<-EOC
		daemon off;
		pid $DIR/nginx.pid;
		error_log $DIR/nginx.log warn;
		user root;
		events {}
		http {
		  log_format tls '\$ssl_cipher \$ssl_curve \$ssl_session_reused';
		  access_log $DIR/tls.log tls;
		  client_body_temp_path $DIR/tmp1;
		  proxy_temp_path $DIR/tmp2;
		  fastcgi_temp_path $DIR/tmp3;
		  uwsgi_temp_path $DIR/tmp4;
		  scgi_temp_path $DIR/tmp5;
		  types { text/plain txt; }
		  server {
		    listen $GOOD:443 ssl;
		    ssl_certificate $DIR/pki/\$ssl_server_name.crt;
		    ssl_certificate_key $DIR/pki/leaf.key;
		    root $DIR/www;
		  }
		}
	EOC
	start_in_net taskset -c "$load_cpu" nsd -d -c "$DIR/nsd.conf"
	start_in_net taskset -c "$load_cpu" nginx -e "$DIR/nginx.log" -c "$DIR/nginx.conf"
	until_true 10 in_srv curl -sf --cacert "$DIR/pki/root.crt" --resolve "mta-sts.d1.test:443:$GOOD" \
		https://mta-sts.d1.test/.well-known/mta-sts.txt
	until_true 10 in_srv dig +tries=1 +time=1 @"$DNS" _mta-sts.d1.test TXT
}

stsd_cold() {
	rm -rf "$DIR/store"
	stsd_config_of af_packet
	sed -i "s/^control.core.*/control.core: $server_cpu/; s/^dataplane.cores.*/dataplane.cores: [$load_cpu]/" \
		"$DIR/stsd.yaml"
	cat >>"$DIR/stsd.yaml" <<-EOC
		resolver.upstreams: ["$DNS"]
		misses.per_client_per_s: 0
		misses.per_domain_per_s: 0
		hold.stub: 10s
		fetch.ca_file: $DIR/pki/root.crt
		fetch.allow_private: [10.99.0.0/24]
		fetch.workers: 1
	EOC
	stsd_start
}

# Milliseconds of CPU time of these processes, with threads that have ended.
cpu_ms() { # PID...
	local pid
	for pid; do sed 's/.*) //' "/proc/$pid/stat"; done |
		awk -v hz="$(getconf CLK_TCK)" '{ s += $12 + $13 } END { printf "%d\n", s * 1000 / hz }'
}

fetch_all() {
	local fetcher all one others
	stsd_cold
	: >"$DIR/tls.log"
	fetcher=$(ctl --json status | jq '.children[] | select(.kind == "fetch") | .pid')
	all=$(ctl --json status | jq '.pid, .children[].pid' | tr '\n' ' ')
	one=$(cpu_ms "$fetcher")
	# shellcheck disable=SC2086 # a list
	others=$(cpu_ms $all)
	in_mta "$BUILD/bench/stsbench" load --socket "$STSD_IP@5300" --nap 50 --names "$DIR/names" --check \
		--window "$window" --count "$domains" --timeout 20 --json "$DIR/load.json" >"$DIR/load.out" 2>&1 ||
		{ cat "$DIR/load.out" >&2; return 1; }
	one=$(($(cpu_ms "$fetcher") - one))
	# shellcheck disable=SC2086
	others=$(($(cpu_ms $all) - others))
	[ "$(ctl --json status | jq .policies)" -eq "$domains" ]
	stsd_stop TERM
	# One full handshake for each, and which.
	[ "$(wc -l <"$DIR/tls.log")" -eq "$domains" ]
	[ "$(sort -u "$DIR/tls.log" | wc -l)" -eq 1 ]
	read -r suite curve reused <"$DIR/tls.log"
	[[ $suite == "$SUITE" && $reused == . ]] || { echo "TLS: $(head -1 "$DIR/tls.log")" >&2; return 1; }
	awk -v d="$domains" -v a="$one" -v b="$others" -v w="$(jq .answers_per_s "$DIR/load.json")" \
		'BEGIN { printf "%.1f\t%.1f\t%.1f\n", d / a * 1000, d / b * 1000, w }' >>"$DIR/fetches"
}

# OpenSSL's names of curves, and mbedTLS's.
curve_name() {
	case $1 in
	prime256v1) echo secp256r1 ;;
	X25519) echo x25519 ;;
	*) echo "$1" ;;
	esac
}

shake_all() {
	in_srv taskset -c "$server_cpu" "$BUILD/bench/handshake_bench" "$GOOD" 443 "$DIR/pki/root.crt" \
		"$DIR/hosts" "$(curve_name "$curve")" >"$DIR/bare.json"
	jq .per_cpu_s "$DIR/bare.json" >>"$DIR/bare"
	printf 'a CPU second: policies %s (all of stsd %s), bare handshakes %s\n' \
		"$(tail -n 1 "$DIR/fetches" | cut -f 1)" "$(tail -n 1 "$DIR/fetches" | cut -f 2)" \
		"$(tail -n 1 "$DIR/bare")"
}

print() {
	local fetch all wall bare
	fetch=$(cut -f 1 "$DIR/fetches" | median)
	all=$(cut -f 2 "$DIR/fetches" | median)
	wall=$(cut -f 3 "$DIR/fetches" | median)
	bare=$(median <"$DIR/bare")
	awk -v f="$fetch" -v a="$all" -v w="$wall" -v b="$bare" -v s="$suite" -v c="$curve" 'BEGIN {
		printf "%s, %s; for a second of CPU time:\n", s, c
		printf "  bare handshakes                 %7.1f\n", b
		printf "  policies, the fetching process  %7.1f  ratio %.3f\n", f, f / b
		printf "  policies, all of stsd           %7.1f  ratio %.3f\n", a, a / b
		printf "  by the clock %.1f policies/s\n", w
	}'
	[ -z "$json" ] || awk -v f="$fetch" -v a="$all" -v w="$wall" -v b="$bare" -v s="$suite" -v c="$curve" \
		-v n="$runs" 'BEGIN {
			printf "{\"bench\": \"fetch\", \"suite\": \"%s\", \"curve\": \"%s\", \"bare\": %s, ", s, c, b
			printf "\"fetch\": %s, \"all\": %s, \"wall\": %s, \"ratio\": %.3f, \"ratio_all\": %.3f, \"runs\": %d}\n", \
				f, a, w, f / b, a / b, n
		}' >"$json"
}

veth_up
make_chain
make_zone
start_upstreams
echo "$domains domains, $runs runs in turn, medians"
for _ in $(seq "$runs"); do
	fetch_all
	shake_all
done
print
