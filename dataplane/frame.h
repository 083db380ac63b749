// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Ethernet frames as octets: checked on the way in, turned round in place on
// the way out. One VLAN tag is kept as it came. IPv4 options, IPv6 extension
// headers and fragments are dropped. Every length is checked against the octets
// that are really there.

// X(code, counter, help): why a frame is dropped.
// clang-format off
#define FRAME_DROP_LIST(X)                                                                   \
	X(SHORT,       "stsd_drop_short_total",        "shorter than its headers")           \
	X(TYPE,        "stsd_drop_type_total",         "neither IPv4, IPv6 nor ARP")         \
	X(VLAN,        "stsd_drop_vlan_total",         "another VLAN, or more than one tag") \
	X(LINK,        "stsd_drop_link_total",         "link-layer address not ours, or broadcast") \
	X(IP,          "stsd_drop_ip_total",           "bad IP header")                      \
	X(OPTIONS,     "stsd_drop_ip_options_total",   "IPv4 options or IPv6 extension headers") \
	X(FRAGMENT,    "stsd_drop_fragment_total",     "IP fragment")                        \
	X(TRUNCATED,   "stsd_drop_truncated_total",    "IP or UDP length beyond the frame")  \
	X(CHECKSUM,    "stsd_drop_checksum_total",     "bad IP or UDP checksum")             \
	X(MARTIAN,     "stsd_drop_martian_total",      "source that cannot be answered")     \
	X(ADDRESS,     "stsd_drop_address_total",      "not our address")                    \
	X(PROTOCOL,    "stsd_drop_protocol_total",     "neither UDP nor echo")               \
	X(PORT,        "stsd_drop_port_total",         "not our UDP port")                   \
	X(SOURCE_PORT, "stsd_drop_source_port_total",  "source port that must not be answered")
// clang-format on

enum frame_verdict {
#define FRAME_DROP_ENUM(code, counter, help) FRAME_DROP_##code,
	FRAME_DROP_LIST(FRAME_DROP_ENUM)
#undef FRAME_DROP_ENUM
		FRAME_DROP_COUNT,
	FRAME_QUERY = FRAME_DROP_COUNT, // UDP to our address and port
	FRAME_ARP,
	FRAME_ICMP4, // echo request to our address
	FRAME_ICMP6, // echo request or neighbour solicitation
};

#define FRAME_ADDRESS_MAX 8

// Whose frames are taken.
struct frame_owner {
	uint8_t mac[6];
	uint16_t udp_port;
	uint16_t vlan; // 0: any, as it came
	uint8_t address_count;
	struct address addresses[FRAME_ADDRESS_MAX];
};

struct frame_view {
	uint16_t l3;	  // offset of the IP or ARP header
	uint16_t l4;	  // offset of the UDP or ICMP header
	uint16_t payload; // offset behind the UDP header
	uint16_t payload_bytes;
	uint8_t family;
	const uint8_t *source; // 4 or 16 octets, within the frame
	const uint8_t *target; // right behind them
	uint16_t source_port;
};

// @param verified  The NIC has found both checksums good.
enum frame_verdict frame_parse(
	const struct frame_owner *o,
	const uint8_t *data,
	size_t len,
	bool verified,
	struct frame_view *v
);

// Makes the answer to a FRAME_QUERY around a payload that already stands where
// the query's stood: addresses and ports are swapped, lengths and checksums
// written.
// @return Octets of the whole frame.
size_t frame_turn(const struct frame_view *v, uint8_t *data, size_t payload_bytes);

// Only what stands before the UDP header.
// @return The addresses' part of the pseudo header's sum (base/sum.h).
uint64_t frame_turn_ip(const struct frame_view *v, uint8_t *data, size_t udp_bytes);

// Swaps the link-layer addresses.
void frame_turn_link(uint8_t *data);

// @return Which of the owner's addresses it is, or -1.
int frame_address(const struct frame_owner *o, uint8_t family, const uint8_t *octets);
bool frame_is_ours(const struct frame_owner *o, uint8_t family, const uint8_t *octets);
