// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdint.h>

// What the XDP program and stsd share: the one value of the map `service`.

#define STEER_ADDRESS_MAX 8

// Whose frames are taken. All of it in network order.
struct steer_service {
	uint32_t ip4[STEER_ADDRESS_MAX];
	uint32_t ip6[STEER_ADDRESS_MAX][4];
	uint16_t port;
	uint16_t vlan; // 0: any, and none
	uint16_t ip4_count;
	uint16_t ip6_count;
};
