// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "dataplane/dataplane.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

// One Ethernet device of any of the drivers, with a queue pair per worker.

struct port {
	uint16_t id;
	uint8_t mac[6];
	bool rx_checksums;				 // the NIC tells good from bad
	struct rte_mempool *pools[DATAPLANE_WORKER_MAX]; // one per worker
	char vdev[64];					 // name of the virtual device, "" for a NIC
};

// Makes the device, its pools and queues, and starts it.
// @return 0 or ERR_PORT; what failed has been logged.
// Context: EAL's main lcore.
[[nodiscard]] int port_open(const struct dataplane_config *c, struct port *out);
void port_close(struct port *p);
