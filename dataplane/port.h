// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/address.h"
#include "dataplane/frame.h"
#include "dataplane/steer.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

// One Ethernet device of any of the drivers, with a queue pair per worker.

enum port_driver {
	PORT_TAP, // embedded default
	PORT_AF_PACKET,
	PORT_AF_XDP,
	PORT_MEMIF,
	PORT_PCI, // a NIC bound to vfio or uio, by PCI address
};

// "tap", "af_packet", "af_xdp", "memif", "pci".
const char *port_driver_str(enum port_driver d);
bool port_driver_parse(const char *word, enum port_driver *out);

// What AF_XDP takes from the kernel.
enum port_xdp {
	PORT_XDP_ALL,	  // every frame of its queues
	PORT_XDP_SERVICE, // UDP to the service (dataplane/steer.h)
};

#define PORT_QUEUES_MAX 64

struct port_config {
	enum port_driver driver;
	const char *device; // tap name, interface, memif socket path, PCI address
	// "key=value,..." added to the device arguments of the driver, or "".
	const char *device_args;
	enum port_xdp xdp;   // of af_xdp
	bool force;	     // PORT_XDP_ALL also on the interface of the default route
	unsigned queues;     // pairs of them, at most PORT_QUEUES_MAX
	uint32_t mbufs;	     // per queue pair; 0: chosen by the queues' sizes
	uint32_t mbufs_kept; // of them the owner may keep so many
	// tap: addresses given to the kernel's side of the interface. Borrowed until
	// port_open() returns.
	const struct prefix *host_addresses;
	unsigned host_address_count;
};

struct port {
	uint16_t id;
	uint8_t mac[6];
	bool rx_checksums;			    // the NIC tells good from bad
	struct rte_mempool *pools[PORT_QUEUES_MAX]; // one per queue pair
	char vdev[64];				    // name of the virtual device, "" for a NIC
	struct steer steer;			    // of PORT_XDP_SERVICE
};

// Makes the device, its pools and queues, and starts it. Frames come after
// port_take().
// @return 0 or ERR_PORT; what failed has been logged.
// Context: EAL's main lcore.
[[nodiscard]] int port_open(const struct port_config *c, struct port *out);

// Says whose frames the port is for: with PORT_XDP_SERVICE only those come.
// @return 0 or ERR_PORT; what failed has been logged.
[[nodiscard]] int port_take(struct port *p, const struct frame_owner *owner);
void port_close(struct port *p);
