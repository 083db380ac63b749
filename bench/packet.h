// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/question.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Ethernet frames around DNS messages, built by copying a prepared head and
// patching it. Checksums are put together from sums made beforehand.

#define PACKET_HEAD_MAX 80    // 14 + 40 + 8 + 12, rounded up to 16
#define PACKET_FRAME_MAX 1514 // on the wire without checksum

struct packet_ends {
	bool ipv6;
	uint8_t our_mac[6];
	uint8_t peer_mac[6];
	uint8_t our_ip[16]; // the first four octets for IPv4
	uint8_t peer_ip[16];
	uint16_t our_port; // the first of `ports`
	uint16_t ports;
	uint16_t peer_port;
	uint16_t dns_flags; // of a query: 0x0100 is RD
	bool edns;	    // one additional record
};

struct packet_proto {
	_Alignas(16) uint8_t head[PACKET_HEAD_MAX];
	struct packet_ends ends;
	unsigned head_len;
	unsigned udp_at;
	uint32_t ip_sum;  // of the IPv4 header but for its length
	uint32_t udp_sum; // pseudo header and head but for lengths, our port and id
};

void packet_proto_init(struct packet_proto *p, const struct packet_ends *ends);

static inline uint16_t packet_fold(uint32_t sum) {
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

static inline uint16_t packet_swap16(uint16_t v) {
	return __builtin_bswap16(v);
}

// Writes a query. out has room for the head, the question rounded up to 64
// octets, and 16 more.
// @param port  Below ends.ports.
// @return The frame's length.
static inline unsigned packet_build(
	const struct packet_proto *p,
	uint8_t *out,
	const struct question *q,
	uint16_t port,
	uint16_t id
) {
	unsigned len = q->len;
	memcpy(out, p->head, PACKET_HEAD_MAX);
	if (len <= QUESTION_INLINE)
		memcpy(out + p->head_len, q->bytes, QUESTION_INLINE);
	else
		memcpy(out + p->head_len, (const uint8_t *)q + offsetof(struct question, bytes), len
		);

	uint16_t udp_len = packet_swap16((uint16_t)(8 + 12 + len));
	uint16_t sport = packet_swap16((uint16_t)(p->ends.our_port + port));
	uint16_t be_id = packet_swap16(id);
	uint8_t *udp = out + p->udp_at;
	if (p->ends.ipv6) {
		memcpy(out + 18, &udp_len, 2);
	} else {
		uint16_t total = packet_swap16((uint16_t)(20 + 8 + 12 + len));
		uint16_t check = (uint16_t)~packet_fold(p->ip_sum + total);
		memcpy(out + 16, &total, 2);
		memcpy(out + 24, &check, 2);
	}
	uint32_t sum = p->udp_sum + q->sum + 2U * udp_len + sport + be_id;
	uint16_t check = (uint16_t)~packet_fold(sum);
	if (!check)
		check = 0xffff;
	memcpy(udp, &sport, 2);
	memcpy(udp + 4, &udp_len, 2);
	memcpy(udp + 6, &check, 2);
	memcpy(udp + 8, &be_id, 2);
	return p->head_len + len;
}

struct packet_view {
	const uint8_t *msg; // the DNS message
	uint16_t msg_len;
	uint16_t port; // of ours, from 0
};

// Whether the frame is UDP from the peer's address and port to one of ours,
// whole and unfragmented. Checksums are another matter.
bool packet_read(
	const struct packet_proto *p,
	const uint8_t *frame,
	size_t len,
	struct packet_view *view
);

// Whether the checksums of a frame that packet_read() took are right. A zero
// UDP checksum is not: answers must have one.
bool packet_sums_good(const uint8_t *frame, size_t len);

// Neighbours: ARP (RFC 826) and neighbour discovery (RFC 4861).

// Writes a question for the peer's MAC into out (at least 128 octets).
// @return The frame's length.
unsigned packet_ask_neighbour(const struct packet_proto *p, uint8_t *out);

// @return True when the frame tells the peer's MAC.
bool packet_learn_neighbour(
	const struct packet_proto *p,
	const uint8_t *frame,
	size_t len,
	uint8_t mac[6]
);

// Turns a question for our own MAC into its answer, in place.
// @return The answer's length (at least 128 octets of room), 0: it is none.
unsigned packet_answer_neighbour(const struct packet_proto *p, uint8_t *frame, size_t len);
