#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A little internet of real servers in network namespaces, to be sourced:
#   internet_up     makes the namespaces $NET and $SRV and everything in $DIR
#   internet_down   ends and removes all of it (also by trap)
#   hosts_off, hosts_on     switches the policy hosts
#   hosts_answer            whether they do, whatever their certificate
#   good_certificate [openssl ca options]     issues nginx's certificate anew
#   set_id DOMAIN ID        changes the id of a TXT record, or puts it back
#   drop_txt DOMAIN         removes it
#   set_policy DOMAIN MODE MAX_AGE MX,MX...   changes what the policy host serves
# Of a TXT record all of them return when the recursive server has the news.
# In $NET: nsd (authoritative for test.), unbound (recursive), nginx (policy
# hosts by SNI under an own CA) and one scripted misbehaving host. The appliance
# runs in $SRV and is asked there.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
BUILD=$TOP/${STSD_BUILD:-build}
TAG=s$$
NET=$TAG-net
SRV=$TAG-srv
DNS=10.99.0.53
GOOD=10.99.0.80
MAIL=10.99.0.25
MAIL_WRONG=10.99.0.26
MAIL_EVIL=10.99.0.27
declare -A BAD=([wrong]=90 [cnonly]=91 [expired]=92 [hang]=93 [redirect]=94 [big]=95
	[plain]=96 [closes]=97 [slow]=98 [badbody]=99)
PIDS=()

# A pipe on which nothing ever comes: reading it with a time-out is a pause that
# makes no process (a new one for each pause can leave bash 5.2 waiting for it).
exec {QUIET}<> <(:)

pause() { # SECONDS
	read -r -t "$1" -u "$QUIET" || true
}

# Asks until it is answered: no waiting by the clock, but an end to it.
until_true() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		pause 0.05
	done
}

in_net() { ip netns exec "$NET" "$@"; }
in_srv() { ip netns exec "$SRV" "$@"; }

start_in_net() {
	ip netns exec "$NET" "$@" >>"$DIR/net.log" 2>&1 </dev/null &
	PIDS+=($!)
}

make_namespaces() {
	ip netns add "$NET"
	ip netns add "$SRV"
	ip -n "$NET" link set lo up
	ip -n "$SRV" link set lo up
	ip link add "$TAG-a" netns "$NET" type veth peer name "$TAG-b" netns "$SRV"
	ip -n "$NET" link set "$TAG-a" up
	ip -n "$SRV" link set "$TAG-b" up
	ip -n "$SRV" addr add 10.99.0.1/24 dev "$TAG-b"
	local a
	for a in "$DNS" "$GOOD" "$MAIL" "$MAIL_WRONG" "$MAIL_EVIL" 10.99.0.{90..99}; do
		ip -n "$NET" addr add "$a/24" dev "$TAG-a"
	done
}

# A third namespace with a sender, on a veth pair whose other end, $PORT in
# $SRV, is the appliance's port.
mta_up() {
	MTA=$TAG-mta
	PORT=$TAG-s
	ip netns add "$MTA"
	ip link add "$TAG-m" netns "$MTA" type veth peer name "$PORT" netns "$SRV"
	ip -n "$SRV" link set "$PORT" up
	ip -n "$MTA" link set lo up
	ip -n "$MTA" link set "$TAG-m" up
	ip -n "$MTA" addr add 10.98.0.2/24 dev "$TAG-m"
	ip -n "$MTA" addr add fd98::2/64 dev "$TAG-m" nodad
	# A veth leaves checksums to a card that is not there.
	ip netns exec "$MTA" ethtool -K "$TAG-m" tx off >/dev/null
}

certificate() { # FILE SUBJECT SAN-OR-EMPTY [openssl ca options]
	local out=$DIR/pki/$1 subject=$2 san=$3
	shift 3
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$subject" \
		-keyout "$out.key" -out "$out.csr" 2>/dev/null
	printf '[leaf]\nbasicConstraints=CA:FALSE\n' >"$out.ext"
	[ -z "$san" ] || echo "subjectAltName=$san" >>"$out.ext"
	openssl ca -batch -notext -config "$DIR/pki/ca.cnf" -extfile "$out.ext" -extensions leaf \
		-in "$out.csr" -out "$out.crt" "$@" 2>/dev/null
	cat "$DIR/pki/ca.crt" >>"$out.crt"
}

make_certificates() {
	local d=$DIR/pki domain host
	SAN=
	mkdir -p "$d/new"
	: >"$d/index"
	echo 01 >"$d/serial"
	cat >"$d/ca.cnf" <<-EOF
		[ca]
		default_ca = own
		[own]
		new_certs_dir = $d/new
		database = $d/index
		serial = $d/serial
		certificate = $d/ca.crt
		private_key = $d/ca.key
		default_md = sha256
		default_days = 30
		policy = any
		unique_subject = no
		[any]
		commonName = supplied
		[req]
		distinguished_name = dn
		[dn]
		[root]
		basicConstraints = critical,CA:TRUE
		keyUsage = critical,keyCertSign
	EOF
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj '/CN=stsd test root' -config "$d/ca.cnf" -extensions root \
		-keyout "$d/ca.key" -out "$d/ca.crt" 2>/dev/null
	while read -r domain host _; do
		case $host in
		cnonly) certificate cnonly "mta-sts.$domain" '' ;;
		expired) certificate expired "mta-sts.$domain" "DNS:mta-sts.$domain" \
			-startdate 20200101000000Z -enddate 20210101000000Z ;;
		wrong) certificate wrong elsewhere.test DNS:elsewhere.test ;;
		*) SAN+=${SAN:+,}DNS:mta-sts.$domain ;;
		esac
	done < <(grep -v '^#' "$HERE/domains.txt")
	good_certificate -days 30
	chmod -R a+rX "$d"
}

good_certificate() {
	certificate good mta-sts.good.test "$SAN" "$@"
}

make_zone() {
	local domain host
	{
		echo "\$ORIGIN test."
		echo "\$TTL 300"
		SERIAL=$((${SERIAL:-0} + 1))
		echo "@ SOA ns hostmaster $SERIAL 3600 600 86400 60"
		echo "@ NS ns"
		echo "ns A 127.0.0.1"
		while read -r domain host _; do
			local id=1 address=$GOOD
			[ ! -f "$DIR/id.$domain" ] || id=$(<"$DIR/id.$domain")
			[ -z "${BAD[$host]:-}" ] || address=10.99.0.${BAD[$host]}
			[ -f "$DIR/gone.$domain" ] || echo "_mta-sts.$domain. TXT \"v=STSv1; id=$id;\""
			echo "mta-sts.$domain. A $address"
		done < <(grep -v '^#' "$HERE/domains.txt")
		[ ! -f "$DIR/zone.mail" ] || cat "$DIR/zone.mail"
	} >"$DIR/test.zone"
}

make_policies() {
	local domain host mode max_age mx
	while read -r domain host mode max_age mx; do
		[ "$mode" = - ] || set_policy "$domain" "$mode" "$max_age" "$mx"
	done < <(grep -v '^#' "$HERE/domains.txt")
	chmod -R a+rX "$DIR/www"
}

set_policy() { # DOMAIN MODE MAX_AGE MX,MX...
	local m place=$DIR/www/mta-sts.$1/.well-known
	mkdir -p "$place"
	{
		printf 'version: STSv1\nmode: %s\n' "$2"
		for m in ${4//,/ }; do [ "$m" = - ] || printf 'mx: %s\n' "$m"; done
		printf 'max_age: %s\n' "$3"
	} >"$place/new"
	mv "$place/new" "$place/mta-sts.txt"
}

start_servers() {
	cat >"$DIR/nsd.conf" <<-EOF
		server:
		  ip-address: 127.0.0.1@5353
		  username: ""
		  chroot: ""
		  zonesdir: "$DIR"
		  database: ""
		  pidfile: "$DIR/nsd.pid"
		  xfrdfile: "$DIR/xfrd.state"
		  zonelistfile: "$DIR/zone.list"
		  verbosity: 0
		remote-control:
		  control-enable: no
		zone:
		  name: test
		  zonefile: test.zone
	EOF
	cat >"$DIR/unbound.conf" <<-EOF
		server:
		  interface: $DNS
		  access-control: 0.0.0.0/0 allow
		  username: ""
		  chroot: ""
		  directory: "$DIR"
		  pidfile: "$DIR/unbound.pid"
		  use-syslog: no
		  do-daemonize: no
		  do-not-query-localhost: no
		  module-config: "iterator"
		  local-zone: "test." nodefault
		  cache-max-ttl: 1
		  cache-max-negative-ttl: 1
		stub-zone:
		  name: "test."
		  stub-addr: 127.0.0.1@5353
	EOF
	cat >"$DIR/nginx.conf" <<-EOF
		daemon off;
		pid $DIR/nginx.pid;
		error_log $DIR/nginx.log warn;
		user root;
		events {}
		http {
		  access_log off;
		  client_body_temp_path $DIR/tmp1;
		  proxy_temp_path $DIR/tmp2;
		  fastcgi_temp_path $DIR/tmp3;
		  uwsgi_temp_path $DIR/tmp4;
		  scgi_temp_path $DIR/tmp5;
		  types { text/plain txt; }
		  server {
		    listen $GOOD:443 ssl;
		    ssl_certificate $DIR/pki/good.crt;
		    ssl_certificate_key $DIR/pki/good.key;
		    root $DIR/www/\$host;
		  }
		}
	EOF
	start_in_net nsd -d -c "$DIR/nsd.conf"
	start_in_net unbound -d -c "$DIR/unbound.conf"
	hosts_on
}

# A simple command in the background: `ip netns exec` becomes the server, so
# that its pid is the server's.
hosts_on() {
	start_in_net nginx -e "$DIR/nginx.log" -c "$DIR/nginx.conf"
	NGINX=$!
	start_in_net python3 "$HERE/badhost.py" "$DIR/pki"
	BADHOST=$!
}

hosts_off() {
	kill "$NGINX" "$BADHOST"
	wait "$NGINX" "$BADHOST" 2>/dev/null || true
}

hosts_answer() {
	in_srv curl -skf --resolve "mta-sts.good.test:443:$GOOD" \
		https://mta-sts.good.test/.well-known/mta-sts.txt
}

reload_zone() {
	make_zone
	kill -HUP "$(cat "$DIR/nsd.pid")"
}

set_id() {
	echo "$2" >"$DIR/id.$1"
	rm -f "$DIR/gone.$1"
	reload_zone
	until_true 10 txt_is "$1" "id=$2;"
}

drop_txt() {
	touch "$DIR/gone.$1"
	reload_zone
	until_true 10 txt_is "$1" 'NXDOMAIN'
}

txt_is() { # DOMAIN TEXT: as the recursive server says
	in_srv dig +tries=1 +time=1 @"$DNS" "_mta-sts.$1" TXT | grep -q "$2"
}

internet_up() {
	DIR=$(mktemp -d /tmp/stsd-test.XXXXXX)
	chmod 755 "$DIR"
	trap internet_down EXIT
	make_namespaces
	make_certificates
	make_zone
	make_policies
	start_servers
	until_true 10 in_srv dig +short +tries=1 +time=1 @"$DNS" _mta-sts.good.test TXT
	until_true 10 in_srv curl -sf --cacert "$DIR/pki/ca.crt" \
		--resolve "mta-sts.good.test:443:$GOOD" \
		https://mta-sts.good.test/.well-known/mta-sts.txt
}

internet_down() {
	local status=$? p
	trap - EXIT
	[ "$status" -eq 0 ] || [ ! -f "$DIR/stsd.log" ] || tail -25 "$DIR/stsd.log" >&2
	stsd_stop TERM || true
	for p in "${PIDS[@]}"; do kill "$p" 2>/dev/null || true; done
	for p in "${PIDS[@]}"; do wait "$p" 2>/dev/null || true; done
	ip netns del "$NET" 2>/dev/null || true
	ip netns del "$SRV" 2>/dev/null || true
	[ -z "${MTA:-}" ] || ip netns del "$MTA" 2>/dev/null || true
	rm -rf "$DIR"
	exit "$status"
}

# The appliance.

stsd_config() { # MORE LINES...
	cat >"$DIR/stsd.yaml" <<-EOF
		store.directory: $DIR/store
		control.socket: $DIR/ctl/control.sock
		resolver.upstreams: ["$DNS"]
		fetch.allow_private: [10.99.0.0/24]
		fetch.ca_file: $DIR/pki/ca.crt
		fetch.connect_timeout: 3s
		fetch.handshake_timeout: 3s
		fetch.first_byte_timeout: 3s
		fetch.timeout: 10s
		eal.memory: 256MiB
		eal.hugepages: no
	EOF
	printf '%s\n' "$@" >>"$DIR/stsd.yaml"
}

stsd_start() {
	: >"$DIR/stsd.log"
	ip netns exec "$SRV" "$BUILD/app/stsd" -c "$DIR/stsd.yaml" >"$DIR/stsd.log" 2>&1 </dev/null &
	STSD=$!
	until_true 30 grep -q 'launch: ready' "$DIR/stsd.log"
}

stsd_stop() { # SIGNAL
	[ -n "${STSD:-}" ] || return 0
	kill -s "$1" "$STSD" 2>/dev/null || true
	wait "$STSD" 2>/dev/null || true
	STSD=
}

ctl() { "$BUILD/app/stsctl" -s "$DIR/ctl/control.sock" "$@"; }

# Strings of the TXT answer, joined.
ask() { # NAME [dig options]
	local name=$1
	shift
	in_srv dig @10.127.53.1 -p 5300 +short +tries=1 +time=3 "$@" "$name.sts." TXT |
		sed 's/" "//g; s/^"//; s/"$//'
}
