// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/value.h"
#include "base/log.h"
#include "dataplane/port.h"
#include "dataplane/trust.h"
#include "fetch/fetch.h"
#include "fetch/sched.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// The configuration: one table of options reads the file (YAML), reads `-o`
// flags, prints the effective set and its help. Keys are dotted lower-case
// words; nested maps of the file are joined to dotted keys.

#define CONFIG_TEXT_MAX 256
#define CONFIG_LIST_MAX 64
#define CONFIG_CPU_MAX 64

struct config_cpus {
	unsigned count;
	unsigned at[CONFIG_CPU_MAX];
};

struct config_prefixes {
	unsigned count;
	struct prefix at[CONFIG_LIST_MAX];
};

enum config_hugepages { CONFIG_HUGEPAGES_AUTO, CONFIG_HUGEPAGES_YES, CONFIG_HUGEPAGES_NO };

enum config_unknown { CONFIG_UNKNOWN_NOTFOUND, CONFIG_UNKNOWN_TEMP };

// How a socketmap map answers.
struct config_map {
	uint64_t strict_testing;
	uint64_t servername;
	uint64_t tlsrpt;
	uint64_t unknown; // enum config_unknown
};

struct config {
	char zone[CONFIG_TEXT_MAX];
	char nsid[CONFIG_TEXT_MAX];
	struct config_prefixes addresses; // with on-link prefix
	uint64_t port;
	struct value_endpoints tcp_listen;
	uint64_t tcp_connections;
	uint64_t tcp_idle_ms;
	struct value_endpoints socketmap_listen;
	uint64_t socketmap_connections;
	uint64_t socketmap_idle_ms;
	uint64_t socketmap_hold_ms;
	struct config_map maps[3]; // postfix, postfix39, sendmail
	struct config_prefixes allow;
	struct config_prefixes resolvers;
	struct config_prefixes untrusted;
	struct cookie_secrets cookie_secrets; // none: a random one
	struct config_prefixes cookies_require;
	struct tsig_keys tsig_keys;
	uint64_t tsig_require_tcp;
	uint64_t tsig_udp;
	char names_allow[8][CONFIG_TEXT_MAX];
	unsigned names_allow_count;
	uint64_t driver; // enum port_driver
	char device[CONFIG_TEXT_MAX];
	char device_args[CONFIG_TEXT_MAX];
	struct config_prefixes host_addresses;
	uint64_t xdp; // enum port_xdp
	uint64_t force;
	uint64_t workers;
	struct config_cpus worker_cpus;
	uint64_t control_cpu;
	uint64_t held;
	uint64_t mbufs;
	uint64_t vlan;
	uint64_t hold_stub_ms;
	uint64_t hold_resolver_ms;
	uint64_t hugepages;    // enum config_hugepages
	uint64_t memory_bytes; // of EAL
	uint64_t cache_bytes;
	uint64_t share_failed; // per cent
	uint64_t share_none;
	char store_directory[CONFIG_TEXT_MAX];
	char control_socket[CONFIG_TEXT_MAX];
	struct fetch_upstream upstreams[FETCH_UPSTREAM_MAX];
	unsigned upstream_count;
	uint64_t fetch_workers;
	uint64_t fetch_connections; // in flight in all children
	char fetch_user[CONFIG_TEXT_MAX];
	char fetch_ca_file[CONFIG_TEXT_MAX];
	uint64_t fetch_port;
	uint64_t fetch_require_text_plain;
	struct config_prefixes allow_private;
	uint64_t fetch_connect_ms;
	uint64_t fetch_handshake_ms;
	uint64_t fetch_first_byte_ms;
	uint64_t fetch_total_ms;
	uint64_t jobs_max;
	uint64_t misses_per_client_per_s;
	uint64_t misses_per_domain_per_s;
	uint64_t refresh_per_s;
	uint64_t log_level; // enum log_level
};

// What was wrong, ready to print: "FILE:LINE: KEY: expected ..., got ...".
struct config_fault {
	char text[PATH_MAX + 512];
};

// Every option at its default.
void config_init(struct config *c);

// @return 0 or ERR_CONFIG with *fault filled; *c may be half set then.
[[nodiscard]] int config_read_file(struct config *c, const char *path, struct config_fault *fault);

// One `key=value` of the command line; lists are separated by commas.
[[nodiscard]] int config_set(struct config *c, const char *assignment, struct config_fault *fault);

// What only all options together can tell (e.g. a worker without a CPU).
[[nodiscard]] int config_check(const struct config *c, struct config_fault *fault);

// The effective set as YAML.
void config_print(const struct config *c, FILE *to);
