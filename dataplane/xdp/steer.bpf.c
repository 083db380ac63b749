// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/xdp/service.h"

// The helpers want the kernel's types before them.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>

// The XDP program of `port.xdp: service`: UDP to the service goes to the socket
// of the queue, everything else to the kernel, as if nobody were here. Until
// `service` has been filled, that is everything, as its counts are 0.

#define QUEUES_MAX 64
#define VLAN_ID 0x0fff
#define NO_OPTIONS 0x45 // version 4, five words
#define FRAGMENT 0x3fff // more of them, or not the first

struct vlan_header {
	uint16_t tag;
	uint16_t type;
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES_MAX);
	__type(key, uint32_t);
	__type(value, uint32_t);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct steer_service);
} service SEC(".maps");

static __always_inline bool is_ip4(const struct steer_service *s, uint32_t address) {
#pragma unroll
	for (unsigned i = 0; i < STEER_ADDRESS_MAX; i++) {
		if (i < s->ip4_count && s->ip4[i] == address) {
			return true;
		}
	}
	return false;
}

static __always_inline bool is_ip6(const struct steer_service *s, const struct in6_addr *address) {
	const uint32_t *a = address->in6_u.u6_addr32;
#pragma unroll
	for (unsigned i = 0; i < STEER_ADDRESS_MAX; i++) {
		if (i < s->ip6_count && s->ip6[i][0] == a[0] && s->ip6[i][1] == a[1]
		    && s->ip6[i][2] == a[2] && s->ip6[i][3] == a[3]) {
			return true;
		}
	}
	return false;
}

// @return The UDP header of a datagram to one of the addresses, or NULL.
static __always_inline const struct udphdr *
udp_to_us(const struct steer_service *s, uint16_t type, const void *packet, const void *end) {
	const struct iphdr *ip4 = packet;
	const struct ipv6hdr *ip6 = packet;
	if (type == bpf_htons(ETH_P_IP)) {
		bool plain = (const void *)(ip4 + 1) <= end
			     && *(const uint8_t *)packet == NO_OPTIONS
			     && (ip4->frag_off & bpf_htons(FRAGMENT)) == 0
			     && ip4->protocol == IPPROTO_UDP && is_ip4(s, ip4->daddr);
		return plain ? (const void *)(ip4 + 1) : 0;
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		bool plain = (const void *)(ip6 + 1) <= end && ip6->nexthdr == IPPROTO_UDP
			     && is_ip6(s, &ip6->daddr);
		return plain ? (const void *)(ip6 + 1) : 0;
	}
	return 0;
}

static __always_inline bool
asks_us(const struct steer_service *s, const void *frame, const void *end) {
	const struct ethhdr *eth = frame;
	if ((const void *)(eth + 1) > end) {
		return false;
	}
	uint16_t type = eth->h_proto;
	uint16_t vlan = 0;
	const void *packet = eth + 1;
	if (type == bpf_htons(ETH_P_8021Q)) {
		const struct vlan_header *v = packet;
		if ((const void *)(v + 1) > end) {
			return false;
		}
		type = v->type;
		vlan = v->tag & bpf_htons(VLAN_ID);
		packet = v + 1;
	}
	if (s->vlan != 0 && s->vlan != vlan) {
		return false;
	}
	const struct udphdr *udp = udp_to_us(s, type, packet, end);
	return udp != 0 && (const void *)(udp + 1) <= end && udp->dest == s->port;
}

SEC("xdp") int stsd_steer(struct xdp_md *ctx) {
	const void *frame = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	uint32_t only = 0;
	const struct steer_service *s = bpf_map_lookup_elem(&service, &only);
	if (s == 0 || !asks_us(s, frame, end)) {
		return XDP_PASS;
	}
	// A queue without a socket leaves it to the kernel as well.
	return (int)bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
}

char stsd_license[] SEC("license") = "BSD";
