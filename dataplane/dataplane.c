// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/dataplane.h"

#define LOG_TOPIC "dataplane"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/worker.h"

#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_ring_elem.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define MISS_RING 16384
#define READY_RING 8192
#define BUDGETS 4096 // untrusted sources a worker tells apart

struct dataplane {
	struct worker_shared shared;
	unsigned count;
	bool running;
	struct worker *workers[PORT_QUEUES_MAX];
};

int dataplane_set_trust(struct dataplane *dp, const struct trust *trust) {
	struct worker_clients *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return -ENOMEM;
	}
	c->trust = *trust;
	c->older = atomic_load_explicit(&dp->shared.clients, memory_order_relaxed);
	atomic_store_explicit(&dp->shared.clients, c, memory_order_release);
	return 0;
}

static int make_rings(struct dataplane *dp) {
	const unsigned flags = RING_F_SC_DEQ;
	struct worker_shared *s = &dp->shared;
	const int socket = SOCKET_ID_ANY;
	s->misses = rte_ring_create_elem(
		"fetch.miss", sizeof(struct miss), MISS_RING, socket, flags
	);
	s->rechecks = rte_ring_create_elem(
		"fetch.recheck", sizeof(struct miss), MISS_RING / 4, socket, flags
	);
	s->checks = rte_ring_create_elem(
		"fetch.check", sizeof(struct miss), MISS_RING, socket, flags
	);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->misses == NULL || s->rechecks == NULL || s->checks == NULL || s->wake_fd < 0
		       ? -ENOMEM
		       : 0;
}

static int make_worker(struct dataplane *dp, const struct dataplane_config *c, unsigned i) {
	struct worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	if (w == NULL) {
		return -ENOMEM;
	}
	memset(w, 0, sizeof(*w));
	uint32_t seed = 0;
	(void)getrandom(&seed, sizeof(seed), 0);
	char name[RTE_RING_NAMESIZE];
	snprintf(name, sizeof(name), "dp%u.ready", i);
	w->shared = &dp->shared;
	w->index = i;
	w->held = held_new(
		c->held_max,
		c->hold_stub_ms * CLOCK_NS_PER_MS,
		c->hold_resolver_ms * CLOCK_NS_PER_MS,
		seed
	);
	w->ready = rte_ring_create_elem(
		name, sizeof(struct ready), READY_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ
	);
	w->budget = budget_new(BUDGETS);
	dp->workers[i] = w;
	dp->count = i + 1;
	return w->held == NULL || w->ready == NULL || w->budget == NULL ? -ENOMEM : 0;
}

static void set_owner(struct dataplane *dp, const struct dataplane_config *c) {
	struct frame_owner *o = &dp->shared.owner;
	struct lookup_zone *z = &dp->shared.zone;
	*z = c->zone;
	memcpy(o->mac, dp->shared.port.mac, sizeof(o->mac));
	o->udp_port = c->udp_port;
	o->vlan = c->vlan;
	for (unsigned i = 0; i < c->address_count; i++) {
		o->addresses[i] = z->addresses[i] = c->addresses[i].address;
	}
	o->address_count = (uint8_t)c->address_count;
	dp->shared.tcp_at = c->tcp_at;
	z->address_count = (uint8_t)c->address_count;
}

int dataplane_open(
	const struct dataplane_config *config,
	struct table *table,
	struct dataplane **out
) {
	struct dataplane *dp = calloc(1, sizeof(*dp));
	if (dp == NULL) {
		return -ENOMEM;
	}
	dp->shared.wake_fd = -1;
	dp->shared.table = table;
	dp->shared.version = config->version;
	dp->shared.tcp = config->tcp;
	dp->shared.started = clock_boot_s();
	int rc = port_open(&config->port, &dp->shared.port);
	if (rc < 0) {
		free(dp);
		return rc;
	}
	set_owner(dp, config);
	rc = port_take(&dp->shared.port, &dp->shared.owner);
	if (rc < 0) {
		dataplane_close(dp);
		return rc;
	}
	rc = make_rings(dp);
	for (unsigned i = 0; rc == 0 && i < config->port.queues; i++) {
		rc = make_worker(dp, config, i);
	}
	if (rc == 0) {
		rc = dataplane_set_trust(dp, config->trust);
	}
	if (rc < 0) {
		LOG(ERROR, "no memory for rings and held queries");
		dataplane_close(dp);
		return rc;
	}
	*out = dp;
	return 0;
}

int dataplane_start(struct dataplane *dp) {
	for (unsigned i = 0; i < dp->count; i++) {
		if (rte_eal_remote_launch(worker_main, dp->workers[i], i + 1) < 0) {
			LOG(ERROR, "lcore %u of a worker is not there", i + 1);
			return ERR_EAL;
		}
	}
	dp->running = true;
	return 0;
}

void dataplane_stop(struct dataplane *dp) {
	if (dp->running) {
		atomic_store_explicit(&dp->shared.stop, true, memory_order_relaxed);
		rte_eal_mp_wait_lcore();
		dp->running = false;
	}
}

void dataplane_close(struct dataplane *dp) {
	for (unsigned i = 0; i < dp->count; i++) {
		held_free(dp->workers[i]->held);
		budget_free(dp->workers[i]->budget);
		rte_ring_free(dp->workers[i]->ready);
		free(dp->workers[i]);
	}
	rte_ring_free(dp->shared.misses);
	rte_ring_free(dp->shared.rechecks);
	rte_ring_free(dp->shared.checks);
	port_close(&dp->shared.port);
	if (dp->shared.wake_fd >= 0) {
		close(dp->shared.wake_fd);
	}
	struct worker_clients *c = atomic_load_explicit(&dp->shared.clients, memory_order_relaxed);
	while (c != NULL) {
		struct worker_clients *older = c->older;
		free(c);
		c = older;
	}
	free(dp);
}

void dataplane_set_serving(struct dataplane *dp, bool serving) {
	atomic_store_explicit(&dp->shared.serving, serving, memory_order_release);
}

size_t dataplane_misses(struct dataplane *dp, struct miss out[], size_t max) {
	struct rte_ring *const FROM[] = {dp->shared.misses, dp->shared.rechecks, dp->shared.checks};
	size_t n = 0;
	for (size_t i = 0; i < sizeof(FROM) / sizeof(FROM[0]) && n < max; i++) {
		n += rte_ring_sc_dequeue_burst_elem(
			FROM[i], out + n, sizeof(out[0]), (unsigned)(max - n), NULL
		);
	}
	atomic_store_explicit(
		&dp->shared.entries, table_stats(dp->shared.table).names, memory_order_relaxed
	);
	return n;
}

bool dataplane_ready(struct dataplane *dp, unsigned worker, const struct ready *token) {
	struct ready copy = *token; // rte_ring takes no const
	return worker < dp->count
	       && rte_ring_sp_enqueue_elem(dp->workers[worker]->ready, &copy, sizeof(copy)) == 0;
}

int dataplane_wake_fd(const struct dataplane *dp) {
	return dp->shared.wake_fd;
}

void dataplane_zone(const struct dataplane *dp, struct lookup_zone *out) {
	*out = dp->shared.zone;
}

void dataplane_set_asleep(struct dataplane *dp, bool asleep) {
	// Ordered before the caller's last look at the rings.
	atomic_store_explicit(&dp->shared.asleep, asleep, memory_order_seq_cst);
	atomic_thread_fence(memory_order_seq_cst);
}

void dataplane_wake_drain(struct dataplane *dp) {
	uint64_t count;
	ssize_t done = read(dp->shared.wake_fd, &count, sizeof(count));
	(void)done;
}

typedef void counter_fn(void *arg, const char *name, int worker, const char *help, uint64_t value);

static void worker_values(const struct worker *w, counter_fn *fn, void *arg) {
	const struct worker_counters *c = &w->counters;
	int i = (int)w->index;
#define GIVE(field, counter, help) fn(arg, counter, i, help, counter_get(&c->field));
	WORKER_COUNTER_LIST(GIVE)
#undef GIVE
#define GIVE(code, counter, help) \
	fn(arg, counter, i, help, counter_get(&c->drops[FRAME_DROP_##code]));
	FRAME_DROP_LIST(GIVE)
#undef GIVE
#define GIVE(field, counter, help) fn(arg, "stsd_" counter, i, help, counter_get(&c->trust.field));
	TRUST_COUNTER_LIST(GIVE)
#undef GIVE
}

void dataplane_counters(const struct dataplane *dp, counter_fn *fn, void *arg) {
	for (unsigned i = 0; i < dp->count; i++) {
		worker_values(dp->workers[i], fn, arg);
	}
	struct rte_eth_stats s;
	if (rte_eth_stats_get(dp->shared.port.id, &s) == 0) {
		fn(arg, "stsd_port_rx_total", -1, "frames received", s.ipackets);
		fn(arg, "stsd_port_tx_total", -1, "frames sent", s.opackets);
		fn(arg, "stsd_port_missed_total", -1, "frames lost to a full queue", s.imissed);
		fn(arg, "stsd_port_rx_errors_total", -1, "frames received with an error", s.ierrors
		);
		fn(arg, "stsd_port_tx_errors_total", -1, "frames not sent", s.oerrors);
		fn(arg,
		   "stsd_port_no_buffer_total",
		   -1,
		   "frames lost for want of a buffer",
		   s.rx_nombuf);
	}
}

uint64_t dataplane_heartbeat(const struct dataplane *dp, unsigned worker) {
	return counter_get(&dp->workers[worker]->heartbeat);
}
