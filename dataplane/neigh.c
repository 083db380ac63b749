// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/neigh.h"

#include "base/sum.h"

#include <string.h>
#include <sys/socket.h>

#define ARP_BYTES 28
#define ADVERTISEMENT_BYTES 32 // with the link-layer option
#define ECHO_BYTES_MAX 1500

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { ECHO_REPLY4 = 0, ECHO6 = 128, ECHO_REPLY6 = 129, ADVERTISEMENT = 136 };

static size_t
answer_arp(const struct frame_owner *o, const struct frame_view *v, uint8_t *data, size_t len) {
	static const uint8_t HEAD[8] = {0, 1, 8, 0, 6, 4, 0, ARP_REQUEST};
	if (len < (size_t)v->l3 + ARP_BYTES) {
		return 0;
	}
	uint8_t *arp = data + v->l3;
	uint8_t *sender = arp + 8; // hardware and protocol address, 10 octets
	uint8_t *target = arp + 18;
	if (memcmp(arp, HEAD, sizeof(HEAD)) != 0 || !frame_is_ours(o, AF_INET, target + 6)
	    || (sender[0] & 1) != 0) {
		return 0;
	}
	uint8_t ours[4];
	memcpy(ours, target + 6, 4);
	arp[7] = ARP_REPLY;
	memcpy(target, sender, 10);
	memcpy(sender, o->mac, 6);
	memcpy(sender + 6, ours, 4);
	memcpy(data, data + 6, 6);
	memcpy(data + 6, o->mac, 6);
	return (size_t)v->l3 + ARP_BYTES;
}

// fe80:: with the interface identifier of the link-layer address (RFC 4291 A).
static bool is_our_link_local(const struct frame_owner *o, const uint8_t *a) {
	uint8_t own[16] = {0xfe, 0x80};
	own[8] = o->mac[0] ^ 2;
	own[9] = o->mac[1];
	own[10] = o->mac[2];
	own[11] = 0xff;
	own[12] = 0xfe;
	memcpy(own + 13, o->mac + 3, 3);
	return memcmp(a, own, sizeof(own)) == 0;
}

static bool is_ours6(const struct frame_owner *o, const uint8_t *a) {
	return frame_is_ours(o, AF_INET6, a) || is_our_link_local(o, a);
}

static void sum_icmp6(const struct frame_view *v, uint8_t *data, size_t bytes) {
	uint8_t *icmp = data + v->l4;
	memset(icmp + 2, 0, 2);
	uint16_t sum = sum_fold(sum_octets(icmp, bytes, sum_pseudo(false, data + v->l3, 58, bytes))
	);
	memcpy(icmp + 2, &sum, 2);
}

static size_t
advertise(const struct frame_owner *o, const struct frame_view *v, uint8_t *data, size_t cap) {
	uint8_t *ip = data + v->l3;
	uint8_t *icmp = data + v->l4;
	size_t bytes = (size_t)v->l4 + ADVERTISEMENT_BYTES;
	// RFC 4861 7.1.1: from the link itself, for a target of ours.
	if (v->payload_bytes < 24 || ip[7] != 255 || cap < bytes || !is_ours6(o, icmp + 8)) {
		return 0;
	}
	memcpy(ip + 24, ip + 8, 16);
	memcpy(ip + 8, icmp + 8, 16);
	ip[4] = 0;
	ip[5] = ADVERTISEMENT_BYTES;
	icmp[0] = ADVERTISEMENT;
	memset(icmp + 4, 0, 4);
	icmp[4] = 0x60; // solicited, override
	icmp[24] = 2;	// target link-layer address
	icmp[25] = 1;
	memcpy(icmp + 26, o->mac, 6);
	sum_icmp6(v, data, ADVERTISEMENT_BYTES);
	memcpy(data, data + 6, 6);
	memcpy(data + 6, o->mac, 6);
	return bytes;
}

static size_t echo6(const struct frame_owner *o, const struct frame_view *v, uint8_t *data) {
	uint8_t *ip = data + v->l3;
	if (!is_ours6(o, v->target) || v->payload_bytes > ECHO_BYTES_MAX) {
		return 0;
	}
	uint8_t source[16];
	memcpy(source, ip + 8, 16);
	memcpy(ip + 8, ip + 24, 16);
	memcpy(ip + 24, source, 16);
	ip[7] = 64;
	data[v->l4] = ECHO_REPLY6;
	sum_icmp6(v, data, v->payload_bytes);
	frame_turn_link(data);
	return (size_t)(v->l4 + v->payload_bytes);
}

static size_t echo4(const struct frame_view *v, uint8_t *data) {
	uint8_t *ip = data + v->l3;
	uint8_t *icmp = data + v->l4;
	if (v->payload_bytes > ECHO_BYTES_MAX) {
		return 0;
	}
	uint8_t source[4];
	memcpy(source, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, source, 4);
	ip[8] = 64;
	memset(ip + 10, 0, 2);
	uint16_t sum = sum_fold(sum_ip4(ip));
	memcpy(ip + 10, &sum, 2);
	icmp[0] = ECHO_REPLY4;
	memset(icmp + 2, 0, 2);
	sum = sum_fold(sum_octets(icmp, v->payload_bytes, 0));
	memcpy(icmp + 2, &sum, 2);
	frame_turn_link(data);
	return (size_t)(v->l4 + v->payload_bytes);
}

size_t neigh_answer(
	const struct frame_owner *o,
	enum frame_verdict kind,
	const struct frame_view *v,
	uint8_t *data,
	size_t len,
	size_t cap
) {
	switch (kind) {
	case FRAME_ARP:
		return answer_arp(o, v, data, len);
	case FRAME_ICMP4:
		return echo4(v, data);
	default:
		return data[v->l4] == ECHO6 ? echo6(o, v, data) : advertise(o, v, data, cap);
	}
}
