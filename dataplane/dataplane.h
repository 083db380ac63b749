// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "cache/table.h"
#include "dataplane/lookup.h"
#include "dataplane/miss.h"
#include "dataplane/port.h"
#include "dataplane/trust.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The data plane: ports, workers and the rings between them and the control
// core. EAL is up before dataplane_open() (app/eal.c).

struct dataplane_config {
	struct port_config port;
	uint16_t udp_port;
	// Addresses the data plane owns and answers for, with on-link prefix.
	const struct prefix *addresses;
	unsigned address_count;
	// Bit i: TCP to address i and the port is served, by the kernel.
	uint8_t tcp_at;
	const struct trust *trust; // borrowed until dataplane_open() returns
	struct lookup_zone zone;
	uint16_t vlan;		   // 0: untagged and tagged frames are answered as they came
	uint32_t hold_stub_ms;	   // 1500
	uint32_t hold_resolver_ms; // 200
	uint32_t held_max;	   // held queries per worker, 4096
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

// The zone as the workers answer it: the configured one, with its addresses.
void dataplane_zone(const struct dataplane *dp, struct lookup_zone *out);

// Until then every verdict is SERVFAIL with EDE 14 (policies are not loaded).
void dataplane_set_serving(struct dataplane *dp, bool serving);

// Whom to believe from now on, copied; the workers see it at their next turn.
// @return 0 or -ENOMEM.
[[nodiscard]] int dataplane_set_trust(struct dataplane *dp, const struct trust *trust);

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
