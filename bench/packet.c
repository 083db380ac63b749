// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/packet.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define ETH 14
#define ARP_LEN 28
#define ND_LEN (40 + 24 + 8) // IPv6, solicitation or advertisement, one option
#define ICMP_SOLICIT 135
#define ICMP_ADVERTISE 136

static const uint8_t eth_ip4[2] = {0x08, 0x00};
static const uint8_t eth_ip6[2] = {0x86, 0xdd};
static const uint8_t eth_arp[2] = {0x08, 0x06};

static bool same(const void *a, const void *b, size_t len) {
	return memcmp(a, b, len) == 0;
}

static void put16(uint8_t *at, unsigned v) {
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *at) {
	return (unsigned)at[0] << 8 | at[1];
}

static void put_eth(uint8_t *out, const uint8_t *to, const uint8_t *from, const uint8_t type[2]) {
	memcpy(out, to, 6);
	memcpy(out + 6, from, 6);
	memcpy(out + 12, type, 2);
}

static uint16_t fold_all(uint64_t sum) {
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// Checksum words of addresses, protocol and length, and of the body behind.
static uint16_t
transport_sum(const uint8_t *frame, uint8_t proto, const uint8_t *body, size_t len) {
	bool v6 = same(frame + 12, eth_ip6, 2);
	uint64_t sum = v6 ? question_sum(frame + ETH + 8, 32) : question_sum(frame + ETH + 12, 8);
	sum += packet_swap16(proto);
	sum += packet_swap16((uint16_t)len);
	sum += question_sum(body, len);
	return fold_all(sum);
}

static void init_ip4(struct packet_proto *p) {
	uint8_t *ip = p->head + ETH;
	ip[0] = 0x45;
	ip[6] = 0x40; // don't fragment
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, p->ends.our_ip, 4);
	memcpy(ip + 16, p->ends.peer_ip, 4);
	p->udp_at = ETH + 20;
	p->ip_sum = question_sum(ip, 20);
	p->udp_sum = question_sum(ip + 12, 8);
}

static void init_ip6(struct packet_proto *p) {
	uint8_t *ip = p->head + ETH;
	ip[0] = 0x60;
	ip[6] = IPPROTO_UDP;
	ip[7] = 64;
	memcpy(ip + 8, p->ends.our_ip, 16);
	memcpy(ip + 24, p->ends.peer_ip, 16);
	p->udp_at = ETH + 40;
	p->udp_sum = question_sum(ip + 8, 32);
}

void packet_proto_init(struct packet_proto *p, const struct packet_ends *ends) {
	memset(p, 0, sizeof(*p));
	p->ends = *ends;
	put_eth(p->head, ends->peer_mac, ends->our_mac, ends->ipv6 ? eth_ip6 : eth_ip4);
	if (ends->ipv6)
		init_ip6(p);
	else
		init_ip4(p);
	uint8_t *udp = p->head + p->udp_at;
	put16(udp + 2, ends->peer_port);
	put16(udp + 10, ends->dns_flags);
	put16(udp + 12, 1);
	put16(udp + 18, ends->edns);
	p->head_len = p->udp_at + 20;
	p->udp_sum += packet_swap16(IPPROTO_UDP) + question_sum(udp, 20);
}

bool packet_read(
	const struct packet_proto *p,
	const uint8_t *frame,
	size_t len,
	struct packet_view *view
) {
	if (len < p->head_len)
		return false;
	const uint8_t *ip = frame + ETH;
	size_t ip_len;
	if (p->ends.ipv6) {
		if (!same(frame + 12, eth_ip6, 2) || ip[6] != IPPROTO_UDP)
			return false;
		if (!same(ip + 8, p->ends.peer_ip, 16) || !same(ip + 24, p->ends.our_ip, 16))
			return false;
		ip_len = 40U + get16(ip + 4);
	} else {
		if (!same(frame + 12, eth_ip4, 2) || ip[0] != 0x45 || ip[9] != IPPROTO_UDP)
			return false;
		if (!same(ip + 12, p->ends.peer_ip, 4) || !same(ip + 16, p->ends.our_ip, 4))
			return false;
		if (get16(ip + 6) & 0x3fff)
			return false;
		ip_len = get16(ip + 2);
	}
	const uint8_t *udp = frame + p->udp_at;
	unsigned udp_len = get16(udp + 4);
	unsigned port = get16(udp + 2) - p->ends.our_port;
	if (ip_len > len - ETH || udp_len < 20 || p->udp_at + udp_len != ETH + ip_len)
		return false;
	if (port >= p->ends.ports || get16(udp) != p->ends.peer_port)
		return false;
	view->msg = udp + 8;
	view->msg_len = (uint16_t)(udp_len - 8);
	view->port = (uint16_t)port;
	return true;
}

bool packet_sums_good(const uint8_t *frame, size_t len) {
	bool v6 = same(frame + 12, eth_ip6, 2);
	const uint8_t *ip = frame + ETH;
	const uint8_t *udp = ip + (v6 ? 40 : 20);
	size_t udp_len = get16(udp + 4);
	if (!v6 && fold_all(question_sum(ip, 20)) != 0xffff)
		return false;
	return udp + udp_len <= frame + len && get16(udp + 6)
	       && transport_sum(frame, IPPROTO_UDP, udp, udp_len) == 0xffff;
}

static unsigned ask_arp(const struct packet_proto *p, uint8_t *out) {
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t fixed[8] = {0, 1, 8, 0, 6, 4, 0, 1};
	put_eth(out, broadcast, p->ends.our_mac, eth_arp);
	uint8_t *arp = out + ETH;
	memset(arp, 0, ARP_LEN);
	memcpy(arp, fixed, 8);
	memcpy(arp + 8, p->ends.our_mac, 6);
	memcpy(arp + 14, p->ends.our_ip, 4);
	memcpy(arp + 24, p->ends.peer_ip, 4);
	return ETH + ARP_LEN;
}

// Both messages end with one option that gives the sender's MAC.
static unsigned
put_nd(uint8_t *out,
       uint8_t type,
       const uint8_t *from,
       const uint8_t *to,
       const uint8_t *target,
       const uint8_t *mac) {
	uint8_t *ip = out + ETH;
	memset(ip, 0, ND_LEN);
	ip[0] = 0x60;
	put16(ip + 4, ND_LEN - 40);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = 255;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
	uint8_t *icmp = ip + 40;
	icmp[0] = type;
	if (type == ICMP_ADVERTISE)
		icmp[4] = 0x60; // solicited, override
	memcpy(icmp + 8, target, 16);
	icmp[24] = type == ICMP_SOLICIT ? 1 : 2;
	icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
	uint16_t check = (uint16_t)~transport_sum(out, IPPROTO_ICMPV6, icmp, ND_LEN - 40);
	memcpy(icmp + 2, &check, 2);
	return ETH + ND_LEN;
}

static unsigned ask_nd(const struct packet_proto *p, uint8_t *out) {
	uint8_t group[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
	memcpy(group + 13, p->ends.peer_ip + 13, 3);
	uint8_t mac[6] = {0x33, 0x33};
	memcpy(mac + 2, group + 12, 4);
	put_eth(out, mac, p->ends.our_mac, eth_ip6);
	return put_nd(out, ICMP_SOLICIT, p->ends.our_ip, group, p->ends.peer_ip, p->ends.our_mac);
}

unsigned packet_ask_neighbour(const struct packet_proto *p, uint8_t *out) {
	return p->ends.ipv6 ? ask_nd(p, out) : ask_arp(p, out);
}

bool packet_learn_neighbour(
	const struct packet_proto *p,
	const uint8_t *frame,
	size_t len,
	uint8_t mac[6]
) {
	const uint8_t *body = frame + ETH;
	if (!p->ends.ipv6) {
		if (len < ETH + ARP_LEN || !same(frame + 12, eth_arp, 2) || get16(body + 6) != 2)
			return false;
		if (!same(body + 14, p->ends.peer_ip, 4))
			return false;
		memcpy(mac, body + 8, 6);
		return true;
	}
	const uint8_t *icmp = body + 40;
	if (len < ETH + ND_LEN || !same(frame + 12, eth_ip6, 2) || body[6] != IPPROTO_ICMPV6)
		return false;
	if (icmp[0] != ICMP_ADVERTISE || icmp[24] != 2 || !same(icmp + 8, p->ends.peer_ip, 16))
		return false;
	memcpy(mac, icmp + 26, 6);
	return true;
}

unsigned packet_answer_neighbour(const struct packet_proto *p, uint8_t *frame, size_t len) {
	uint8_t *body = frame + ETH;
	uint8_t mac[6];
	memcpy(mac, frame + 6, 6);
	if (!p->ends.ipv6) {
		if (len < ETH + ARP_LEN || !same(frame + 12, eth_arp, 2) || get16(body + 6) != 1)
			return 0;
		if (!same(body + 24, p->ends.our_ip, 4))
			return 0;
		put_eth(frame, mac, p->ends.our_mac, eth_arp);
		put16(body + 6, 2);
		memcpy(body + 18, body + 8, 10);
		memcpy(body + 8, p->ends.our_mac, 6);
		memcpy(body + 14, p->ends.our_ip, 4);
		return ETH + ARP_LEN;
	}
	if (len < ETH + 40 + 24 || !same(frame + 12, eth_ip6, 2) || body[6] != IPPROTO_ICMPV6)
		return 0;
	if (body[40] != ICMP_SOLICIT || !same(body + 48, p->ends.our_ip, 16))
		return 0;
	uint8_t asker[16];
	memcpy(asker, body + 8, 16);
	put_eth(frame, mac, p->ends.our_mac, eth_ip6);
	return put_nd(
		frame, ICMP_ADVERTISE, p->ends.our_ip, asker, p->ends.our_ip, p->ends.our_mac
	);
}
