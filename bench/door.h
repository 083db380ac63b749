// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/packet.h"
#include "bench/question.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where queries leave and answers come in: a DPDK port or kernel sockets. One
// thread uses a door.

#define DOOR_BURST_MAX 64

// A query's tag is its DNS id and source port in one: id << port_bits | port.
// Names nobody has heard of are asked from ports of their own, because their
// answers may take seconds.
#define DOOR_PORT_BITS 3 // known names: 8 source ports
#define DOOR_UNHEARD_PORT_BITS 4

struct door_shot {
	const struct question *question;
	uint32_t tag;
	bool unheard_of;
};

struct door_reply {
	const uint8_t *msg;   // DNS; good until the next receive
	const uint8_t *frame; // NULL where the kernel has checked the sums
	uint16_t msg_len;
	uint16_t frame_len;
	uint32_t tag;
	bool unheard_of;
};

struct door;

struct door_ops {
	// @return How many of n were taken, the first ones.
	unsigned (*send)(struct door *d, const struct door_shot shots[], unsigned n);
	// @return Replies, 0 to max. What is no reply is dealt with or counted.
	unsigned (*receive)(struct door *d, struct door_reply replies[], unsigned max);
	void (*close)(struct door *d);
};

// First in every kind of door.
struct door {
	const struct door_ops *ops;
	unsigned port_bits;
	unsigned unheard_port_bits;
	unsigned overhead;  // octets in front of the question in a frame
	uint64_t strangers; // frames that were no reply
	uint64_t refused;   // queries the port did not take at once
};

struct door_config {
	struct packet_ends ends; // addresses, peer's port, flags; ports are filled in
	unsigned burst;
	// DPDK.
	const char *driver; // memif, af_packet, af_xdp, tap, pci
	const char *device;
	const char *device_args; // more of "key=value,...", or ""
	const char *vdev;	 // whole, instead of driver and device; or NULL
	unsigned cpu;
	unsigned queues;
	unsigned ring; // descriptors
	bool huge;
	bool zero_copy; // memif
	bool mac_known; // ends.peer_mac is set: nobody is asked for it
};
