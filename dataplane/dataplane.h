// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "cache/table.h"
#include "dataplane/lookup.h"
#include "dataplane/miss.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The data plane: ports, workers and the rings between them and the control
// core. EAL is up before dataplane_open() (app/eal.c).

enum dataplane_driver {
	DATAPLANE_TAP, // embedded default
	DATAPLANE_AF_PACKET,
	DATAPLANE_AF_XDP,
	DATAPLANE_MEMIF,
	DATAPLANE_PCI, // a NIC bound to vfio or uio, by PCI address
};

// "tap", "af_packet", "af_xdp", "memif", "pci".
const char *dataplane_driver_str(enum dataplane_driver d);
bool dataplane_driver_parse(const char *word, enum dataplane_driver *out);

struct dataplane_prefix {
	uint8_t family; // AF_INET or AF_INET6
	uint8_t bits;
	uint8_t octets[16];
};

#define DATAPLANE_WORKER_MAX 64
#define DATAPLANE_PREFIX_MAX 64
#define DATAPLANE_ADDRESS_MAX 8

struct dataplane_config {
	enum dataplane_driver driver;
	const char *device; // tap name, interface, memif socket path, PCI address
	// "key=value,..." added to the device arguments of the driver, or "".
	const char *device_args;
	bool force;	  // af_xdp also on the interface of the default route
	unsigned workers; // one queue pair each; lcore i+1 of EAL
	uint16_t udp_port;
	// Addresses the data plane owns and answers for, with on-link prefix.
	struct dataplane_prefix addresses[DATAPLANE_ADDRESS_MAX];
	unsigned address_count;
	// tap: addresses given to the kernel's side of the interface.
	struct dataplane_prefix host_addresses[DATAPLANE_ADDRESS_MAX];
	unsigned host_address_count;
	struct dataplane_prefix allow[DATAPLANE_PREFIX_MAX]; // who may ask
	unsigned allow_count;
	struct dataplane_prefix resolvers[DATAPLANE_PREFIX_MAX]; // short hold
	unsigned resolver_count;
	struct lookup_zone zone;
	uint16_t vlan;		   // 0: untagged and tagged frames are answered as they came
	uint32_t hold_stub_ms;	   // 1500
	uint32_t hold_resolver_ms; // 200
	uint32_t held_max;	   // held queries per worker, 4096
	uint32_t mbufs;		   // per worker; 0: chosen from queue and held sizes
	const char *version;
	const char *tcp; // for the apex TXT, or ""
};

struct dataplane;

// Makes pools, rings, the port and its queues; nothing polls yet.
// @return 0, ERR_PORT or negative errno; what failed has been logged.
// Context: EAL main lcore.
[[nodiscard]] int
dataplane_open(const struct dataplane_config *config, struct table *table, struct dataplane **out);
// Launches the workers on their lcores.
[[nodiscard]] int dataplane_start(struct dataplane *dp);
// Workers leave their loops and are waited for.
void dataplane_stop(struct dataplane *dp);
void dataplane_close(struct dataplane *dp);

// Until then every verdict is SERVFAIL with EDE 14 (policies are not loaded).
void dataplane_set_serving(struct dataplane *dp, bool serving);

// New prefixes; the workers see them at their next turn.
// @return 0 or -ENOMEM.
[[nodiscard]] int
dataplane_set_clients(struct dataplane *dp, const struct dataplane_config *config);

// Takes misses and rechecks first, then checks.
// @return How many were written to out.
size_t dataplane_misses(struct dataplane *dp, struct miss out[], size_t max);

// Gives a ready token to its worker. @return False when its ring is full.
bool dataplane_ready(struct dataplane *dp, unsigned worker, const struct ready *token);

// Waking. The control loop says it is about to wait, then looks at the rings
// once more (dataplane_misses), then waits for dataplane_wake_fd() to be
// readable; a worker that pushes while `asleep` is set writes to it once.
int dataplane_wake_fd(const struct dataplane *dp);
void dataplane_set_asleep(struct dataplane *dp, bool asleep);
void dataplane_wake_drain(struct dataplane *dp);

// Calls fn for every counter of every worker and of the port: a name in the
// style of stsd_drop_acl_total, a worker number or -1 for the port, one line of
// help, the value.
void dataplane_counters(
	const struct dataplane *dp,
	void (*fn)(void *arg, const char *name, int worker, const char *help, uint64_t value),
	void *arg
);

// Turns of each worker's loop so far: a worker whose number stands still hangs.
uint64_t dataplane_heartbeat(const struct dataplane *dp, unsigned worker);
