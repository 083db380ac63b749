// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/frame.h"

#include "base/sum.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define ETH_BYTES 14
#define VLAN_BYTES 4
#define IP4_BYTES 20
#define IP6_BYTES 40
#define UDP_BYTES 8
#define HOPS 64

enum {
	ETHER_IP4 = 0x0800,
	ETHER_ARP = 0x0806,
	ETHER_VLAN = 0x8100,
	ETHER_QINQ = 0x88a8,
	ETHER_IP6 = 0x86dd
};
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58, PROTO_NONE6 = 59 };
enum { ECHO4 = 8, ECHO6 = 128, SOLICITATION = 135 };

static uint16_t be16(const uint8_t *p) {
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t v) {
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

int frame_address(const struct frame_owner *o, uint8_t family, const uint8_t *octets) {
	bool v4 = family == AF_INET;
	for (unsigned i = 0; i < o->address_count; i++) {
		const uint8_t *ours = o->addresses[i].octets;
		if (o->addresses[i].family == family
		    && (v4 ? memcmp(ours, octets, 4) : memcmp(ours, octets, 16)) == 0) {
			return (int)i;
		}
	}
	return -1;
}

bool frame_is_ours(const struct frame_owner *o, uint8_t family, const uint8_t *octets) {
	return frame_address(o, family, octets) >= 0;
}

// This network, loopback, multicast, class E and broadcast cannot be answered.
static bool is_martian4(const uint8_t *a) {
	return a[0] == 0 || a[0] == 127 || a[0] >= 224;
}

static bool is_martian6(const uint8_t *a) {
	static const uint8_t ZERO[15];
	bool low = memcmp(a, ZERO, 15) == 0 && a[15] <= 1; // unspecified, loopback
	static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return a[0] == 0xff || low || memcmp(a, MAPPED, 12) == 0;
}

// Echo, discard, daytime, quotd and chargen answer what they are sent: a query
// from there is bait for a loop.
static bool is_bad_source_port(uint16_t port) {
	return port == 0 || port == 7 || port == 13 || port == 17 || port == 19;
}

static enum frame_verdict parse_udp(
	const struct frame_owner *o,
	const uint8_t *ip,
	const uint8_t *udp,
	size_t l4_bytes,
	bool verified,
	struct frame_view *v
) {
	bool v4 = v->family == AF_INET;
	if (l4_bytes < UDP_BYTES) {
		return FRAME_DROP_SHORT;
	}
	size_t len = be16(udp + 4);
	if (len < UDP_BYTES || len > l4_bytes) {
		return FRAME_DROP_TRUNCATED;
	}
	if (be16(udp + 2) != o->udp_port) {
		return FRAME_DROP_PORT;
	}
	v->source_port = be16(udp);
	if (is_bad_source_port(v->source_port)) {
		return FRAME_DROP_SOURCE_PORT;
	}
	bool unsummed = udp[6] == 0 && udp[7] == 0;
	if (unsummed && !v4) {
		return FRAME_DROP_CHECKSUM;
	}
	if (!verified && !unsummed
	    && sum_fold(sum_octets(udp, len, sum_pseudo(v4, ip, PROTO_UDP, len))) != 0) {
		return FRAME_DROP_CHECKSUM;
	}
	v->payload = (uint16_t)(v->l4 + UDP_BYTES);
	v->payload_bytes = (uint16_t)(len - UDP_BYTES);
	return FRAME_QUERY;
}

static enum frame_verdict parse_icmp(const uint8_t *data, size_t l4_bytes, struct frame_view *v) {
	const uint8_t *icmp = data + v->l4;
	if (l4_bytes < 8) {
		return FRAME_DROP_SHORT;
	}
	v->payload = v->l4;
	v->payload_bytes = (uint16_t)l4_bytes;
	bool v4 = v->family == AF_INET;
	bool known = v4 ? icmp[0] == ECHO4 : icmp[0] == ECHO6 || icmp[0] == SOLICITATION;
	if (!known || icmp[1] != 0) {
		return FRAME_DROP_PROTOCOL;
	}
	uint64_t sum = v4 ? 0 : sum_pseudo(false, data + v->l3, PROTO_ICMP6, l4_bytes);
	if (sum_fold(sum_octets(icmp, l4_bytes, sum)) != 0) {
		return FRAME_DROP_CHECKSUM;
	}
	return v4 ? FRAME_ICMP4 : FRAME_ICMP6;
}

static enum frame_verdict parse_ip4(
	const struct frame_owner *o,
	const uint8_t *data,
	size_t len,
	bool verified,
	struct frame_view *v
) {
	const uint8_t *ip = data + v->l3;
	size_t left = len - v->l3;
	if (left < IP4_BYTES) {
		return FRAME_DROP_SHORT;
	}
	if (ip[0] != 0x45) {
		return ip[0] >> 4 == 4 && (ip[0] & 15) > 5 ? FRAME_DROP_OPTIONS : FRAME_DROP_IP;
	}
	if (ip[8] == 0) {
		return FRAME_DROP_IP;
	}
	if ((be16(ip + 6) & 0x3fff) != 0) {
		return FRAME_DROP_FRAGMENT;
	}
	size_t total = be16(ip + 2);
	if (total < IP4_BYTES) {
		return FRAME_DROP_IP;
	}
	if (total > left) {
		return FRAME_DROP_TRUNCATED;
	}
	if (!verified && sum_fold(sum_ip4(ip)) != 0) {
		return FRAME_DROP_CHECKSUM;
	}
	v->family = AF_INET;
	v->source = ip + 12;
	v->target = ip + 16;
	v->l4 = (uint16_t)(v->l3 + IP4_BYTES);
	if (is_martian4(v->source)) {
		return FRAME_DROP_MARTIAN;
	}
	if (!frame_is_ours(o, AF_INET, v->target)) {
		return FRAME_DROP_ADDRESS;
	}
	size_t bytes = total - IP4_BYTES;
	if (ip[9] == PROTO_UDP) {
		return parse_udp(o, ip, ip + IP4_BYTES, bytes, verified, v);
	}
	return ip[9] == PROTO_ICMP ? parse_icmp(data, bytes, v) : FRAME_DROP_PROTOCOL;
}

// Whether a solicited-node multicast address is that of one of ours, or of our
// link-local one (RFC 4291 2.7.1); which one is asked for, neigh looks at.
static bool is_solicited_node(const uint8_t *a) {
	static const uint8_t HEAD[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
	return memcmp(a, HEAD, sizeof(HEAD)) == 0;
}

static bool is_extension(uint8_t next) {
	return next == 0 || next == 43 || next == 50 || next == 51 || next == 60 || next == 135;
}

static enum frame_verdict parse_ip6(
	const struct frame_owner *o,
	const uint8_t *data,
	size_t len,
	bool verified,
	struct frame_view *v
) {
	const uint8_t *ip = data + v->l3;
	size_t left = len - v->l3;
	if (left < IP6_BYTES) {
		return FRAME_DROP_SHORT;
	}
	if (ip[0] >> 4 != 6 || ip[7] == 0) {
		return FRAME_DROP_IP;
	}
	size_t payload = be16(ip + 4);
	if (payload > left - IP6_BYTES) {
		return FRAME_DROP_TRUNCATED;
	}
	uint8_t next = ip[6];
	if (next == 44) {
		return FRAME_DROP_FRAGMENT;
	}
	if (is_extension(next)) {
		return FRAME_DROP_OPTIONS;
	}
	v->family = AF_INET6;
	v->source = ip + 8;
	v->target = ip + 24;
	v->l4 = (uint16_t)(v->l3 + IP6_BYTES);
	if (is_martian6(v->source)) {
		return FRAME_DROP_MARTIAN;
	}
	bool group = is_solicited_node(v->target);
	if (next == PROTO_UDP) {
		return frame_is_ours(o, AF_INET6, v->target)
			       ? parse_udp(o, ip, ip + IP6_BYTES, payload, verified, v)
			       : FRAME_DROP_ADDRESS;
	}
	// Whether the address is ours neigh judges too: link-local ones count there.
	if (next != PROTO_ICMP6) {
		return FRAME_DROP_PROTOCOL;
	}
	enum frame_verdict r = parse_icmp(data, payload, v);
	bool echo_to_group = r == FRAME_ICMP6 && data[v->l4] == ECHO6 && group;
	return echo_to_group ? FRAME_DROP_ADDRESS : r;
}

enum frame_verdict frame_parse(
	const struct frame_owner *o,
	const uint8_t *data,
	size_t len,
	bool verified,
	struct frame_view *v
) {
	if (len < ETH_BYTES) {
		return FRAME_DROP_SHORT;
	}
	uint16_t type = be16(data + 12);
	v->l3 = ETH_BYTES;
	if (type == ETHER_VLAN) {
		if (len < ETH_BYTES + VLAN_BYTES) {
			return FRAME_DROP_SHORT;
		}
		uint16_t tag = be16(data + 14) & 0x0fff;
		type = be16(data + 16);
		v->l3 = ETH_BYTES + VLAN_BYTES;
		if ((o->vlan != 0 && tag != o->vlan) || type == ETHER_VLAN) {
			return FRAME_DROP_VLAN;
		}
	} else if (o->vlan != 0 || type == ETHER_QINQ) {
		return FRAME_DROP_VLAN;
	}
	bool to_us = memcmp(data, o->mac, 6) == 0;
	bool to_group = (data[0] & 1) != 0;
	if ((data[6] & 1) != 0 || (!to_us && !to_group)) {
		return FRAME_DROP_LINK;
	}
	if (type == ETHER_ARP) {
		return FRAME_ARP;
	}
	enum frame_verdict r = type == ETHER_IP4   ? parse_ip4(o, data, len, verified, v)
			       : type == ETHER_IP6 ? parse_ip6(o, data, len, verified, v)
						   : FRAME_DROP_TYPE;
	// A group may only be asked for the owner of an address.
	bool asks_group = r == FRAME_QUERY || r == FRAME_ICMP4
			  || (r == FRAME_ICMP6 && data[v->l4] == ECHO6);
	return to_group && asks_group ? FRAME_DROP_LINK : r;
}

void frame_turn_link(uint8_t *data) {
	uint64_t target = 0;
	uint64_t source = 0;
	memcpy(&target, data, 6);
	memcpy(&source, data + 6, 6);
	memcpy(data, &source, 6);
	memcpy(data + 6, &target, 6);
}

// Both write the IP header round and return its part of the pseudo header's sum.
// No field is read after it was written: the processor would wait for it.

static uint64_t turn_ip4(uint8_t *ip, uint16_t total) {
	static const uint8_t FIXED[] = {0x40, 0, HOPS, PROTO_UDP}; // not to be fragmented
	uint32_t source;
	uint32_t target;
	uint32_t fixed;
	memcpy(&source, ip + 12, 4);
	memcpy(&target, ip + 16, 4);
	memcpy(&fixed, FIXED, 4);
	uint64_t addresses = (uint64_t)source + target;
	uint16_t sum = sum_fold(SUM_PAIR(0x45, 0) + htons(total) + fixed + addresses);
	ip[1] = 0;
	put16(ip + 2, total);
	memset(ip + 4, 0, 2);
	memcpy(ip + 6, &fixed, 4);
	memcpy(ip + 10, &sum, 2);
	memcpy(ip + 12, &target, 4);
	memcpy(ip + 16, &source, 4);
	return addresses;
}

static uint64_t turn_ip6(uint8_t *ip, size_t udp_bytes) {
	uint64_t a[4];
	memcpy(a, ip + 8, 32);
	memcpy(ip + 8, a + 2, 16);
	memcpy(ip + 24, a, 16);
	memcpy(ip, (uint8_t[]){0x60, 0, 0, 0}, 4);
	put16(ip + 4, udp_bytes);
	ip[7] = HOPS;
	uint64_t sum = 0;
	for (unsigned i = 0; i < 4; i++) {
		sum += (a[i] & 0xffffffff) + (a[i] >> 32);
	}
	return sum;
}

uint64_t frame_turn_ip(const struct frame_view *v, uint8_t *data, size_t udp_bytes) {
	uint8_t *ip = data + v->l3;
	frame_turn_link(data);
	return v->family == AF_INET ? turn_ip4(ip, (uint16_t)(IP4_BYTES + udp_bytes))
				    : turn_ip6(ip, udp_bytes);
}

size_t frame_turn(const struct frame_view *v, uint8_t *data, size_t payload_bytes) {
	uint8_t *udp = data + v->l4;
	size_t bytes = UDP_BYTES + payload_bytes;
	uint64_t sum = frame_turn_ip(v, data, bytes);
	uint32_t ports;
	memcpy(&ports, udp, 4);
	sum += sum_octets(udp + UDP_BYTES, payload_bytes, 0);
	uint16_t len = htons((uint16_t)bytes);
	uint16_t check = sum_fold(sum + ports + len + len + SUM_PAIR(0, PROTO_UDP));
	check = check == 0 ? 0xffff : check; // zero would say "not computed"
	ports = ports >> 16 | ports << 16;
	memcpy(udp, &ports, 4);
	memcpy(udp + 4, &len, 2);
	memcpy(udp + 6, &check, 2);
	return v->l4 + bytes;
}
