// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/launch.h"

#define LOG_TOPIC "launch"
#include "app/believe.h"
#include "app/ctl.h"
#include "app/doors.h"
#include "app/eal.h"
#include "app/pump.h"
#include "app/report.h"
#include "base/err.h"
#include "base/log.h"
#include "fetch/spawn.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define TICK_MS 10
#define UNUSED_S (180 * 86400)
#define LATE_MS 10000

struct appliance {
	struct config *config;
	const char *path;
	int spawner;
	struct event_base *base;
	struct event *events[6];
	unsigned event_count;
	struct table *table;
	struct store *store;
	struct dataplane *dataplane;
	struct pump *pump;
	struct ctl *ctl;
	struct lookup_zone zone;
	uint8_t cookie_secret[COOKIE_SECRET_BYTES];
	struct trust trust;
	char tcp[VALUE_TEXT_MAX];
	struct doors *doors;
	struct report_source source;
	bool eal;
	bool stop;
};

static uint64_t random_seed(void) {
	uint64_t seed = 0;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
		seed = clock_mono_ns();
	}
	return seed;
}

// Abort: cookies of a secret that can be guessed prove nothing.
static void make_secret(uint8_t secret[COOKIE_SECRET_BYTES]) {
	if (getrandom(secret, COOKIE_SECRET_BYTES, 0) != COOKIE_SECRET_BYTES) {
		LOG(ERROR, "the kernel has no random octets for a secret");
		abort();
	}
}

// CPUs.

static void choose_cpus(struct config *c) {
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned cpus = online > 0 ? (unsigned)online : 1;
	if (c->control_cpu >= cpus) {
		LOG(WARN,
		    "control.core: CPU %u is not there, CPU 0 is taken",
		    (unsigned)c->control_cpu);
		c->control_cpu = 0;
	}
	if (c->worker_cpus.count == 0) {
		c->worker_cpus.count = (unsigned)c->workers;
		for (unsigned i = 0; i < c->workers; i++) {
			c->worker_cpus.at[i] = cpus - 1 - i % cpus;
		}
	}
	for (unsigned i = 0; i < c->workers; i++) {
		if (c->worker_cpus.at[i] >= cpus) {
			LOG(WARN,
			    "dataplane.cores: CPU %u is not there, CPU %u is taken",
			    c->worker_cpus.at[i],
			    cpus - 1);
			c->worker_cpus.at[i] = cpus - 1;
		}
	}
}

// All CPUs but the workers'; the control CPU when that leaves none.
static void other_cpus(const struct config *c, cpu_set_t *set) {
	CPU_ZERO(set);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	for (size_t i = 0; i < (size_t)online; i++) {
		CPU_SET(i, set);
	}
	for (unsigned i = 0; i < c->workers; i++) {
		CPU_CLR(c->worker_cpus.at[i], set);
	}
	if (CPU_COUNT(set) == 0) {
		CPU_SET(c->control_cpu, set);
	}
}

static int start_eal(struct appliance *a) {
	struct eal_config eal = {
		.control_cpu = (unsigned)a->config->control_cpu,
		.worker_cpus = a->config->worker_cpus.at,
		.workers = (unsigned)a->config->workers,
		.hugepages = (int)a->config->hugepages,
		.memory_bytes = a->config->memory_bytes,
		.pci = a->config->driver == PORT_PCI ? a->config->device : NULL,
	};
	int rc = eal_start(&eal);
	a->eal = rc == 0;
	if (rc == 0) {
		// Threads made from now on, RocksDB's too, stay off the workers' CPUs.
		cpu_set_t set;
		other_cpus(a->config, &set);
		(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
		(void)pthread_setname_np(pthread_self(), "sts:main");
	}
	return rc;
}

// Configuration of the parts.

static void set_zone(const struct config *c, struct lookup_zone *z) {
	(void)lookup_zone_parse(c->zone, z); // config_check() has done it before
	z->signatures = c->tsig_udp != 0;
	z->nsid_len = (uint8_t)strnlen(c->nsid, sizeof(z->nsid));
	memcpy(z->nsid, c->nsid, z->nsid_len);
	for (unsigned i = 0; i < c->names_allow_count; i++) {
		struct name *n = &z->allow[z->allow_count++];
		n->len = (uint8_t)strnlen(c->names_allow[i], NAME_DOMAIN_MAX);
		memcpy(n->text, c->names_allow[i], n->len);
	}
}

// Which addresses of the data plane are named by listen.tcp with the same port.
// The kernel has them too where port.xdp leaves TCP to it.
static uint8_t tcp_at(const struct config *c) {
	uint8_t at = 0;
	bool kernel = c->driver == PORT_AF_XDP && c->xdp == PORT_XDP_SERVICE;
	for (unsigned i = 0; kernel && i < c->addresses.count; i++) {
		const struct address *ours = &c->addresses.at[i].address;
		for (unsigned j = 0; j < c->tcp_listen.count; j++) {
			const struct value_endpoint *t = &c->tcp_listen.at[j];
			bool here = t->port == c->port && t->address.family == ours->family
				    && memcmp(t->address.octets, ours->octets, 16) == 0;
			at |= here ? (uint8_t)(1U << i) : 0;
		}
	}
	return at;
}

static int open_dataplane(struct appliance *a) {
	const struct config *c = a->config;
	struct dataplane_config d = {
		.port = {
			.driver = (enum port_driver)c->driver,
			.device = c->device,
			.device_args = c->device_args,
			.xdp = (enum port_xdp)c->xdp,
			.force = c->force != 0,
			.queues = (unsigned)c->workers,
			.mbufs = (uint32_t)c->mbufs,
			.mbufs_kept = (uint32_t)c->held,
			.host_addresses = c->host_addresses.at,
			.host_address_count = c->host_addresses.count,
		},
		.udp_port = (uint16_t)c->port,
		.addresses = c->addresses.at,
		.address_count = c->addresses.count,
		.tcp_at = tcp_at(c),
		.trust = &a->trust,
		.vlan = (uint16_t)c->vlan,
		.hold_stub_ms = (uint32_t)c->hold_stub_ms,
		.hold_resolver_ms = (uint32_t)c->hold_resolver_ms,
		.held_max = (uint32_t)c->held,
		.version = REPORT_VERSION,
		.tcp = a->tcp,
	};
	doors_tcp_str(c, a->tcp);
	set_zone(c, &a->zone);
	d.zone = a->zone;
	return dataplane_open(&d, a->table, &a->dataplane);
}

static int open_pump(struct appliance *a) {
	const struct config *c = a->config;
	struct pump_config p = {
		.dataplane = a->dataplane,
		.table = a->table,
		.store = a->store,
		.store_directory = c->store_directory,
		.base = a->base,
		.spawner = a->spawner,
		.cache_bytes = c->cache_bytes,
		.share_failed = (unsigned)c->share_failed,
		.share_none = (unsigned)c->share_none,
		.seed = random_seed(),
	};
	p.fetch = (struct fetch_config){
		.workers = (unsigned)c->fetch_workers,
		.per_worker_max = (unsigned)(c->fetch_connections / c->fetch_workers + 1),
		.upstream_count = c->upstream_count,
		.ca_file = c->fetch_ca_file,
		.https_port = (uint16_t)c->fetch_port,
		.dns_try_ms = 5000,
		.dns_tries = 2,
		.connect_ms = (uint32_t)c->fetch_connect_ms,
		.handshake_ms = (uint32_t)c->fetch_handshake_ms,
		.first_byte_ms = (uint32_t)c->fetch_first_byte_ms,
		.total_ms = (uint32_t)c->fetch_total_ms,
		.late_ms = LATE_MS,
		.require_text_plain = c->fetch_require_text_plain != 0,
		.allow_private = c->allow_private.at,
		.allow_private_count = c->allow_private.count,
	};
	memcpy(p.fetch.upstreams, c->upstreams, sizeof(p.fetch.upstreams));
	p.sched = (struct sched_config){
		.jobs_max = c->jobs_max,
		.fetches_max = c->fetch_connections,
		.per_address_max = 8,
		.per_network_max = 32,
		.refresh_per_s = (uint32_t)c->refresh_per_s,
		.unused_s = UNUSED_S,
		.client_per_s = (uint32_t)c->misses_per_client_per_s,
		.domain_per_s = (uint32_t)c->misses_per_domain_per_s,
		.seed = random_seed(),
		.allow_private = c->allow_private.at,
		.allow_private_count = c->allow_private.count,
	};
	return pump_open(&p, &a->pump);
}

static int open_store(struct appliance *a) {
	struct store_config s = {.directory = a->config->store_directory};
	struct store_load_report report = {0};
	int rc = store_open(&s, &a->store, &report);
	if (rc < 0) {
		LOG(ERROR, "%s: %s %s", s.directory, err_str(rc), report.fault);
	} else if (report.fault[0] != '\0') {
		LOG(ERROR, "%s: %s", s.directory, report.fault);
	}
	return rc;
}

static int configure_children(struct appliance *a) {
	struct spawn_config s = {0};
	snprintf(s.user, sizeof(s.user), "%.32s", a->config->fetch_user);
	other_cpus(a->config, &s.cpus);
	int rc = spawn_configure(a->spawner, &s);
	if (rc < 0) {
		LOG(ERROR, "the spawner: %s", err_str(rc));
	}
	return rc;
}

// Reload.

static int reload(void *arg, char *note, size_t cap) {
	struct appliance *a = arg;
	struct config *fresh = calloc(1, sizeof(*fresh));
	struct config_fault fault = {""};
	if (fresh == NULL || a->path == NULL) {
		free(fresh);
		snprintf(note, cap, "no configuration file was given");
		return ERR_CONFIG;
	}
	config_init(fresh);
	int rc = config_read_file(fresh, a->path, &fault);
	rc = rc == 0 ? config_check(fresh, &fault) : rc;
	if (rc == 0) {
		a->config->allow = fresh->allow;
		a->config->resolvers = fresh->resolvers;
		a->config->untrusted = fresh->untrusted;
		a->config->cookie_secrets = fresh->cookie_secrets;
		a->config->cookies_require = fresh->cookies_require;
		a->config->tsig_keys = fresh->tsig_keys;
		a->config->tsig_require_tcp = fresh->tsig_require_tcp;
		a->config->log_level = fresh->log_level;
		log_set_level((enum log_level)fresh->log_level);
		believe_make(a->config, a->cookie_secret, &a->trust);
		rc = dataplane_set_trust(a->dataplane, &a->trust);
		doors_set_trust(a->doors, &a->trust);
		snprintf(
			note,
			cap,
			"clients.*, cookies.*, tsig.keys, tsig.require_tcp and log.level are in "
			"force; other keys want a restart"
		);
	} else {
		snprintf(note, cap, "%s", fault.text);
	}
	LOG(INFO, "reload: %s", note);
	free(fresh);
	return rc;
}

// Events.

static void on_stop(evutil_socket_t signal, short /*what*/, void *arg) {
	struct appliance *a = arg;
	LOG(INFO, "signal %d: stopping", (int)signal);
	a->stop = true;
}

static void on_reload(evutil_socket_t /*signal*/, short /*what*/, void *arg) {
	char note[1024];
	(void)reload(arg, note, sizeof(note));
}

static void on_wake(evutil_socket_t /*fd*/, short /*what*/, void *arg) {
	const struct appliance *a = arg;
	dataplane_wake_drain(a->dataplane);
}

// The store has confirmed something, or it is time to look: the turn that
// follows every wait does the work.
static void on_nothing(evutil_socket_t /*fd*/, short /*what*/, void * /*arg*/) {}

static bool add_event(struct appliance *a, evutil_socket_t fd, short what, event_callback_fn fn) {
	struct event *e = event_new(a->base, fd, what, fn, a);
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};
	bool ok = e != NULL && event_add(e, fd < 0 ? &tick : NULL) == 0;
	if (e != NULL) {
		a->events[a->event_count++] = e;
	}
	return ok;
}

static int add_events(struct appliance *a) {
	// A client that hangs up while it is written to is told by the write.
	(void)signal(SIGPIPE, SIG_IGN);
	bool ok = add_event(a, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop)
		  && add_event(a, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop)
		  && add_event(a, SIGHUP, EV_SIGNAL | EV_PERSIST, on_reload)
		  && add_event(a, dataplane_wake_fd(a->dataplane), EV_READ | EV_PERSIST, on_wake)
		  && add_event(a, store_fd(a->store), EV_READ | EV_PERSIST, on_nothing)
		  && add_event(a, -1, EV_PERSIST, on_nothing);
	return ok ? 0 : -ENOMEM;
}

// The loop: before it waits it says so and looks once more, because a worker
// that pushed just before would not wake it.
static void run(struct appliance *a) {
	while (!a->stop) {
		(void)pump_turn(a->pump);
		dataplane_set_asleep(a->dataplane, true);
		bool work = pump_turn(a->pump);
		(void)event_base_loop(a->base, EVLOOP_ONCE | (work ? EVLOOP_NONBLOCK : 0));
		dataplane_set_asleep(a->dataplane, false);
	}
}

static int start(struct appliance *a) {
	struct table_config table = {
		.max_names = a->config->cache_bytes / EVICT_BYTES_MIN,
		.seed = random_seed(),
	};
	choose_cpus(a->config);
	make_secret(a->cookie_secret);
	believe_make(a->config, a->cookie_secret, &a->trust);
	int rc = configure_children(a);
	rc = rc == 0 ? start_eal(a) : rc;
	if (rc == 0) {
		a->base = event_base_new();
		a->table = table_new(&table);
		rc = a->base == NULL || a->table == NULL ? -ENOMEM : 0;
	}
	rc = rc == 0 ? open_dataplane(a) : rc;
	// Answers "not ready" from here on, not silence.
	rc = rc == 0 ? dataplane_start(a->dataplane) : rc;
	rc = rc == 0 ? open_store(a) : rc;
	rc = rc == 0 ? open_pump(a) : rc;
	rc = rc == 0 ? pump_load(a->pump) : rc;
	if (rc < 0) {
		return rc;
	}
	dataplane_zone(a->dataplane, &a->zone); // with the addresses of ns.<zone>
	a->zone.signatures = true;
	rc = doors_open(a->config, &a->trust, &a->zone, a->pump, a->table, a->base, &a->doors);
	if (rc < 0) {
		return rc;
	}
	a->source = (struct report_source){
		.pump = a->pump,
		.table = a->table,
		.store = a->store,
		.dataplane = a->dataplane,
		.doors = a->doors,
		.config = a->config,
		.started = clock_boot_s(),
		.serving = true,
	};
	rc = ctl_open(a->config->control_socket, a->base, &a->source, reload, a, &a->ctl);
	if (rc < 0) {
		LOG(ERROR, "%s: %s", a->config->control_socket, err_str(rc));
		return rc;
	}
	pump_set_door(a->pump, PUMP_OPERATOR, ctl_answer, a->ctl);
	pump_set_operated(a->pump, ctl_operated, a->ctl);
	return add_events(a);
}

static void stop(struct appliance *a) {
	if (a->dataplane != NULL) {
		dataplane_stop(a->dataplane);
	}
	ctl_close(a->ctl);
	doors_close(a->doors);
	for (unsigned i = 0; i < a->event_count; i++) {
		event_free(a->events[i]);
	}
	// Children first: no outcome may come when their jobs are gone.
	if (a->pump != NULL) {
		pump_close(a->pump);
	}
	if (a->store != NULL) {
		store_close(a->store);
	}
	if (a->dataplane != NULL) {
		dataplane_close(a->dataplane);
	}
	table_free(a->table);
	if (a->base != NULL) {
		event_base_free(a->base);
	}
	if (a->eal) {
		eal_stop();
	}
}

int launch_run(struct config *config, const char *path, int spawner) {
	struct appliance *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return 1;
	}
	// A client that left is found by the error of the write.
	(void)signal(SIGPIPE, SIG_IGN);
	a->config = config;
	a->path = path;
	a->spawner = spawner;
	int rc = start(a);
	if (rc == 0) {
		dataplane_set_serving(a->dataplane, true);
		LOG(INFO,
		    "ready: %s %s, port %u, zone %s",
		    port_driver_str((enum port_driver)config->driver),
		    config->device,
		    (unsigned)config->port,
		    config->zone);
		log_limit(true);
		run(a);
	} else {
		LOG(ERROR, "start failed: %s", err_str(rc));
	}
	stop(a);
	free(a);
	return rc == 0 ? 0 : 1;
}
