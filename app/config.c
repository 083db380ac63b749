// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/config.h"

#include "app/believe.h"
#include "app/clash.h"
#include "app/config_inner.h"
#include "base/err.h"
#include "dataplane/lookup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct config, field)
#define PRIVATE_NETS \
	"127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1/128,fc00::/7,fe80::/10"

// clang-format off
static const struct option OPTIONS[] = {
	{"zone", TYPE_TEXT, AT(zone), 1, 62, "sts.", "zone under which domains are asked"},
	{"nsid", TYPE_TEXT, AT(nsid), 0, 32, "", "name server id (RFC 5001), empty: none"},
	{"listen.address", TYPE_PREFIXES, AT(addresses), 1, 8, "10.127.53.1/24,fd00:127:53::1/64", "addresses the data plane owns, with on-link prefix"},
	{"listen.tcp", TYPE_ENDPOINTS, AT(tcp_listen), 0, 8, "", "ADDRESS@PORT of the kernel where DNS over TCP is served"},
	{"listen.tcp_connections", TYPE_NUMBER, AT(tcp_connections), 1, 100000, "1000", "most of them at once"},
	{"listen.tcp_idle", TYPE_MS, AT(tcp_idle_ms), 1000, 3600000, "10s", "one without a whole question for so long is closed"},
	{"listen.port", TYPE_NUMBER, AT(port), 1, 65535, "5300", "UDP port"},
	{"clients.allow", TYPE_PREFIXES, AT(allow), 0, 64, PRIVATE_NETS, "who may ask; everybody else meets silence"},
	{"clients.resolvers", TYPE_PREFIXES, AT(resolvers), 0, 64, "", "clients that get the short hold"},
	{"clients.untrusted", TYPE_PREFIXES, AT(untrusted), 0, 64, "", "clients that may be forged: without a cookie no more octets out than in"},
	{"cookies.secrets", TYPE_SECRETS, AT(cookie_secrets), 0, COOKIE_SECRETS_MAX, "", "secrets of DNS cookies, 32 hex digits each; the first makes them, both are accepted; empty: a random one each start"},
	{"cookies.require", TYPE_PREFIXES, AT(cookies_require), 0, 64, "", "clients that are answered over UDP only with a good cookie"},
	{"tsig.keys", TYPE_KEYS, AT(tsig_keys), 0, TSIG_KEYS_MAX, "", "NAME:SECRET, the secret in base64, for HMAC-SHA256"},
	{"tsig.require_tcp", TYPE_BOOL, AT(tsig_require_tcp), 0, 0, "no", "over TCP only signed questions are answered"},
	{"tsig.udp", TYPE_BOOL, AT(tsig_udp), 0, 0, "no", "signed questions are answered over UDP too"},
	{"names.allow", TYPE_NAMES, AT(names_allow), 0, 8, "", "endings allowed although they are special use"},
	{"socketmap.listen", TYPE_ENDPOINTS, AT(socketmap_listen), 0, 8, "", "ADDRESS@PORT or unix:PATH for Postfix and Sendmail"},
	{"socketmap.connections", TYPE_NUMBER, AT(socketmap_connections), 1, 100000, "10000", "most of them at once"},
	{"socketmap.idle", TYPE_MS, AT(socketmap_idle_ms), 1000, 3600000, "60s", "one without a whole request for so long is closed"},
	{"socketmap.hold", TYPE_MS, AT(socketmap_hold_ms), 1, 90000, "20s", "how long a cold domain is waited for"},
	{"socketmap.postfix.strict_testing", TYPE_BOOL, AT(maps[0].strict_testing), 0, 0, "no", "testing policies are enforced"},
	{"socketmap.postfix.servername", TYPE_BOOL, AT(maps[0].servername), 0, 0, "yes", "answers have servername=hostname (Postfix 3.4)"},
	{"socketmap.postfix.tlsrpt", TYPE_BOOL, AT(maps[0].tlsrpt), 0, 0, "yes", "answers have TLSRPT attributes (Postfix 3.10)"},
	{"socketmap.postfix.unknown", TYPE_UNKNOWN, AT(maps[0].unknown), 0, 0, "notfound", "notfound or temp (mail waits) while nobody can say"},
	{"socketmap.postfix39.strict_testing", TYPE_BOOL, AT(maps[1].strict_testing), 0, 0, "no", "testing policies are enforced"},
	{"socketmap.postfix39.servername", TYPE_BOOL, AT(maps[1].servername), 0, 0, "yes", "answers have servername=hostname (Postfix 3.4)"},
	{"socketmap.postfix39.tlsrpt", TYPE_BOOL, AT(maps[1].tlsrpt), 0, 0, "no", "answers have TLSRPT attributes (Postfix 3.10)"},
	{"socketmap.postfix39.unknown", TYPE_UNKNOWN, AT(maps[1].unknown), 0, 0, "notfound", "notfound or temp (mail waits) while nobody can say"},
	{"socketmap.sendmail.strict_testing", TYPE_BOOL, AT(maps[2].strict_testing), 0, 0, "no", "testing policies are enforced"},
	{"socketmap.sendmail.servername", TYPE_BOOL, AT(maps[2].servername), 0, 0, "yes", "answers have servername=hostname (Postfix 3.4)"},
	{"socketmap.sendmail.tlsrpt", TYPE_BOOL, AT(maps[2].tlsrpt), 0, 0, "no", "answers have TLSRPT attributes (Postfix 3.10)"},
	{"socketmap.sendmail.unknown", TYPE_UNKNOWN, AT(maps[2].unknown), 0, 0, "notfound", "notfound or temp (mail waits) while nobody can say"},
	{"port.driver", TYPE_DRIVER, AT(driver), 0, 0, "tap", "tap, af_packet, af_xdp, memif or pci"},
	{"port.device", TYPE_TEXT, AT(device), 1, 255, "sts0", "tap name, interface, memif socket or PCI address"},
	{"port.args", TYPE_TEXT, AT(device_args), 0, 255, "", "further device arguments, key=value,..."},
	{"port.host_address", TYPE_PREFIXES, AT(host_addresses), 0, 8, "10.127.53.2/24,fd00:127:53::2/64", "tap: addresses of the kernel's side"},
	{"port.xdp", TYPE_XDP, AT(xdp), 0, 0, "service", "service (UDP to listen.port at listen.address, the rest is the kernel's) or all: what af_xdp takes"},
	{"port.force", TYPE_BOOL, AT(force), 0, 0, "no", "port.xdp: all also on the interface of the default route"},
	{"port.vlan", TYPE_NUMBER, AT(vlan), 0, 4094, "0", "answer only this VLAN; 0: any, as it came"},
	{"dataplane.workers", TYPE_NUMBER, AT(workers), 1, 64, "1", "poll loops, one queue pair each"},
	{"dataplane.cores", TYPE_CPUS, AT(worker_cpus), 0, 1023, "", "CPUs of the workers; empty: from the last one down"},
	{"dataplane.held", TYPE_NUMBER, AT(held), 16, 65536, "4096", "held queries per worker"},
	{"dataplane.mbufs", TYPE_NUMBER, AT(mbufs), 0, 1048576, "0", "packet buffers per worker; 0: chosen"},
	{"control.core", TYPE_NUMBER, AT(control_cpu), 0, 1023, "0", "CPU of the control core"},
	{"control.socket", TYPE_TEXT, AT(control_socket), 1, 100, "/run/stsd/control.sock", "UNIX socket of stsctl"},
	{"hold.stub", TYPE_MS, AT(hold_stub_ms), 1, 10000, "1500ms", "how long a cold question is held"},
	{"hold.resolver", TYPE_MS, AT(hold_resolver_ms), 1, 10000, "200ms", "the same for resolvers"},
	{"eal.hugepages", TYPE_HUGEPAGES, AT(hugepages), 0, 0, "auto", "auto, yes or no"},
	{"eal.memory", TYPE_BYTES, AT(memory_bytes), 64ULL << 20, 64ULL << 30, "512MiB", "memory of the packet buffers"},
	{"cache.max_bytes", TYPE_BYTES, AT(cache_bytes), 64ULL << 20, 256ULL << 30, "1GiB", "memory for what is known of domains, all in"},
	{"cache.share_failed", TYPE_NUMBER, AT(share_failed), 1, 45, "10", "per cent of it for failures"},
	{"cache.share_none", TYPE_NUMBER, AT(share_none), 5, 90, "40", "per cent of it for domains without a policy; policies have the rest"},
	{"store.directory", TYPE_TEXT, AT(store_directory), 1, 200, "/var/lib/stsd", "where policies are kept over restarts"},
	{"resolver.upstreams", TYPE_UPSTREAMS, AT(upstreams), 0, FETCH_UPSTREAM_MAX, "", "DNS servers; empty: /etc/resolv.conf"},
	{"misses.per_client_per_s", TYPE_NUMBER, AT(misses_per_client_per_s), 0, 100000000, "20000", "discoveries one client (IPv6: /64) may start a second; 0: no limit"},
	{"misses.per_domain_per_s", TYPE_NUMBER, AT(misses_per_domain_per_s), 0, 100000000, "1000", "the same for the names below one registered domain"},
	{"fetch.workers", TYPE_NUMBER, AT(fetch_workers), 1, 64, "2", "processes that fetch policies"},
	{"fetch.connections", TYPE_NUMBER, AT(fetch_connections), 1, 4096, "256", "fetches at once in all"},
	{"fetch.user", TYPE_TEXT, AT(fetch_user), 1, 32, "nobody", "account of the children"},
	{"fetch.port", TYPE_NUMBER, AT(fetch_port), 1, 65535, "443", "HTTPS port of policy hosts"},
	{"fetch.ca_file", TYPE_TEXT, AT(fetch_ca_file), 1, 255, "/etc/ssl/certs/ca-certificates.crt", "trusted roots (PEM)"},
	{"fetch.allow_private", TYPE_PREFIXES, AT(allow_private), 0, 64, "", "private networks policy hosts may be in"},
	{"fetch.require_text_plain", TYPE_BOOL, AT(fetch_require_text_plain), 0, 0, "no", "refuse other media types"},
	{"fetch.connect_timeout", TYPE_MS, AT(fetch_connect_ms), 100, 60000, "10s", "TCP connect"},
	{"fetch.handshake_timeout", TYPE_MS, AT(fetch_handshake_ms), 100, 60000, "15s", "TLS handshake"},
	{"fetch.first_byte_timeout", TYPE_MS, AT(fetch_first_byte_ms), 100, 60000, "15s", "first octet of the response"},
	{"fetch.timeout", TYPE_MS, AT(fetch_total_ms), 1000, 300000, "60s", "a fetch in all (RFC 8461 3.3)"},
	{"fetch.jobs", TYPE_NUMBER, AT(jobs_max), 16, 1000000, "16384", "discoveries at once"},
	{"refresh.per_second", TYPE_NUMBER, AT(refresh_per_s), 1, 10000, "50", "proactive fetches a second"},
	{"log.level", TYPE_LEVEL, AT(log_level), 0, 0, "info", "error, warn, info or debug"},
};
// clang-format on

#define OPTION_COUNT (sizeof(OPTIONS) / sizeof(OPTIONS[0]))
_Static_assert(OPTION_COUNT <= CONFIG_OPTIONS_MAX, "the reader of files keeps a mark of each");

size_t config_option_index(const struct option *o) {
	return (size_t)(o - OPTIONS);
}

int config_refuse(const struct config_place *p, const char *key, const char *fmt, ...) {
	char what[384];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	char line[24] = "";
	if (p->line > 0) {
		snprintf(line, sizeof(line), ":%zu", p->line);
	}
	snprintf(
		p->fault->text,
		sizeof(p->fault->text),
		"%s%s: %s%s%s",
		p->source,
		line,
		key,
		key[0] != '\0' ? ": " : "",
		what
	);
	return ERR_CONFIG;
}

const struct option *config_option(const char *key) {
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strcmp(OPTIONS[i].key, key) == 0) {
			return &OPTIONS[i];
		}
	}
	return NULL;
}

static int set_number(
	const struct config_place *p,
	const struct option *o,
	const char *text,
	const struct value_unit *units,
	uint64_t *out
) {
	uint64_t v;
	const char *kind = o->type == TYPE_MS	   ? "a time such as 1500ms or 2s"
			   : o->type == TYPE_BYTES ? "a size such as 64MiB"
						   : "a number";
	if (!value_number(text, units, &v)) {
		return config_refuse(p, o->key, "expected %s, got \"%s\"", kind, text);
	}
	if (v < o->min || v > o->max) {
		return config_refuse(
			p,
			o->key,
			"expected %" PRIu64 " to %" PRIu64 "%s, got \"%s\"",
			o->min,
			o->max,
			o->type == TYPE_MS	? " ms"
			: o->type == TYPE_BYTES ? " octets"
						: "",
			text
		);
	}
	*out = v;
	return 0;
}

static int
set_bool(const struct config_place *p, const struct option *o, const char *text, uint64_t *out) {
	bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;
	if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0) {
		return config_refuse(p, o->key, "expected yes or no, got \"%s\"", text);
	}
	*out = yes;
	return 0;
}

static const char *const HUGE[] = {"auto", "yes", "no", NULL};
static const char *const UNKNOWN[] = {"notfound", "temp", NULL}; // enum config_unknown
static const char *const XDP[] = {"all", "service", NULL};	 // enum port_xdp
static const char *const NO_WORDS[] = {NULL};

static int
set_word(const struct config_place *p, const struct option *o, const char *text, uint64_t *out) {
	enum port_driver driver;
	enum log_level level;
	if (o->type == TYPE_DRIVER && port_driver_parse(text, &driver)) {
		*out = driver;
		return 0;
	}
	if (o->type == TYPE_LEVEL && log_level_parse(text, &level) == 0) {
		*out = level;
		return 0;
	}
	const char *const *words = o->type == TYPE_HUGEPAGES ? HUGE
				   : o->type == TYPE_UNKNOWN ? UNKNOWN
				   : o->type == TYPE_XDP     ? XDP
							     : NO_WORDS;
	for (uint64_t i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return config_refuse(p, o->key, "expected %s, got \"%s\"", o->help, text);
}

static int add_secret(
	const struct config_place *p,
	const struct option *o,
	const char *text,
	struct cookie_secrets *secrets
) {
	if (secrets->count >= o->max
	    || !value_secret(text, secrets->at[secrets->count], COOKIE_SECRET_BYTES)) {
		return config_refuse(p, o->key, "expected one or two secrets of 32 hex digits");
	}
	secrets->count++;
	return 0;
}

static int
add_key(const struct config_place *p,
	const struct option *o,
	const char *text,
	struct tsig_keys *keys) {
	if (keys->count >= o->max || tsig_key_parse(text, &keys->at[keys->count]) < 0) {
		return config_refuse(
			p,
			o->key,
			"expected up to 16 NAME:SECRET, the secret 16 to 64 octets in base64"
		);
	}
	keys->count++;
	return 0;
}

// Adds one item to a list option.
int config_add_item(
	const struct config_place *p,
	const struct option *o,
	const char *text,
	struct config *c
) {
	void *field = (char *)c + o->offset;
	struct config_prefixes *prefixes = field;
	struct config_cpus *cpus = field;
	struct value_endpoints *endpoints = field;
	uint64_t cpu;
	switch (o->type) {
	case TYPE_PREFIXES:
		if (prefixes->count >= o->max) {
			return config_refuse(
				p, o->key, "expected at most %" PRIu64 " items", o->max
			);
		}
		if (!value_prefix(text, &prefixes->at[prefixes->count])) {
			return config_refuse(
				p, o->key, "expected ADDRESS or ADDRESS/BITS, got \"%s\"", text
			);
		}
		prefixes->count++;
		return 0;
	case TYPE_CPUS:
		if (!value_number(text, VALUE_PLAIN, &cpu) || cpu > o->max
		    || cpus->count >= CONFIG_CPU_MAX) {
			return config_refuse(p, o->key, "expected a CPU number, got \"%s\"", text);
		}
		cpus->at[cpus->count++] = (unsigned)cpu;
		return 0;
	case TYPE_ENDPOINTS:
		if (endpoints->count >= o->max
		    || !value_endpoint(text, &endpoints->at[endpoints->count])) {
			return config_refuse(
				p,
				o->key,
				"expected up to 8 ADDRESS@PORT or unix:PATH, got \"%s\"",
				text
			);
		}
		endpoints->count++;
		return 0;
	case TYPE_NAMES:
		if (c->names_allow_count >= o->max || !name_is_host(text, strlen(text))) {
			return config_refuse(p, o->key, "expected up to 8 names, got \"%s\"", text);
		}
		snprintf(c->names_allow[c->names_allow_count++], CONFIG_TEXT_MAX, "%s", text);
		return 0;
	case TYPE_SECRETS:
		return add_secret(p, o, text, field);
	case TYPE_KEYS:
		return add_key(p, o, text, field);
	default:
		if (c->upstream_count >= o->max
		    || !value_upstream(text, &c->upstreams[c->upstream_count])) {
			return config_refuse(
				p, o->key, "expected up to 8 ADDRESS[@PORT], got \"%s\"", text
			);
		}
		c->upstream_count++;
		return 0;
	}
}

bool config_is_list(const struct option *o) {
	return o->type >= TYPE_PREFIXES;
}

void config_clear_list(const struct option *o, struct config *c) {
	void *field = (char *)c + o->offset;
	switch (o->type) {
	case TYPE_PREFIXES:
		((struct config_prefixes *)field)->count = 0;
		break;
	case TYPE_CPUS:
		((struct config_cpus *)field)->count = 0;
		break;
	case TYPE_ENDPOINTS:
		((struct value_endpoints *)field)->count = 0;
		break;
	case TYPE_NAMES:
		c->names_allow_count = 0;
		break;
	case TYPE_SECRETS:
		((struct cookie_secrets *)field)->count = 0;
		break;
	case TYPE_KEYS:
		((struct tsig_keys *)field)->count = 0;
		break;
	default:
		c->upstream_count = 0;
		break;
	}
}

static int set_scalar(
	const struct config_place *p,
	const struct option *o,
	const char *text,
	struct config *c
) {
	void *field = (char *)c + o->offset;
	size_t len = strlen(text);
	switch (o->type) {
	case TYPE_TEXT:
		if (len < o->min || len > o->max) {
			return config_refuse(
				p,
				o->key,
				"expected %" PRIu64 " to %" PRIu64 " characters, got \"%.80s\"",
				o->min,
				o->max,
				text
			);
		}
		memcpy(field, text, len + 1);
		return 0;
	case TYPE_NUMBER:
		return set_number(p, o, text, VALUE_PLAIN, field);
	case TYPE_MS:
		return set_number(p, o, text, VALUE_MS, field);
	case TYPE_BYTES:
		return set_number(p, o, text, VALUE_BYTES, field);
	case TYPE_BOOL:
		return set_bool(p, o, text, field);
	default:
		return set_word(p, o, text, field);
	}
}

int config_set_text(
	const struct config_place *p,
	const struct option *o,
	const char *text,
	struct config *c
) {
	if (!config_is_list(o)) {
		return set_scalar(p, o, text, c);
	}
	config_clear_list(o, c);
	char copy[1024];
	snprintf(copy, sizeof(copy), "%s", text);
	char *rest = copy;
	char *item;
	while ((item = strsep(&rest, ",")) != NULL) {
		int rc = item[0] == '\0' ? 0 : config_add_item(p, o, item, c);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

void config_init(struct config *c) {
	memset(c, 0, sizeof(*c));
	struct config_fault fault;
	struct config_place p = {.source = "default", .fault = &fault};
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (config_set_text(&p, &OPTIONS[i], OPTIONS[i].def, c) < 0) {
			fprintf(stderr, "%s\n", fault.text);
			abort(); // a default of ours that does not fit its own row
		}
	}
}

int config_set(struct config *c, const char *assignment, struct config_fault *fault) {
	struct config_place p = {.source = "command line", .fault = fault};
	const char *mark = strchr(assignment, '=');
	char key[64];
	if (mark == NULL || (size_t)(mark - assignment) >= sizeof(key)) {
		return config_refuse(&p, "", "expected KEY=VALUE, got \"%s\"", assignment);
	}
	memcpy(key, assignment, (size_t)(mark - assignment));
	key[mark - assignment] = '\0';
	const struct option *o = config_option(key);
	if (o == NULL) {
		return config_refuse(&p, key, "no such option");
	}
	return config_set_text(&p, o, mark + 1, c);
}

// Printing, and what only all options together can tell.

static void print_list(const struct config *c, const struct option *o, FILE *to) {
	const void *field = (const char *)c + o->offset;
	const struct config_prefixes *prefixes = field;
	const struct config_cpus *cpus = field;
	const struct value_endpoints *endpoints = field;
	const struct cookie_secrets *secrets = field;
	const struct tsig_keys *keys = field;
	char text[VALUE_TEXT_MAX];
	const char *comma = "";
	unsigned n = o->type == TYPE_PREFIXES	 ? prefixes->count
		     : o->type == TYPE_CPUS	 ? cpus->count
		     : o->type == TYPE_ENDPOINTS ? endpoints->count
		     : o->type == TYPE_NAMES	 ? c->names_allow_count
		     : o->type == TYPE_SECRETS	 ? secrets->count
		     : o->type == TYPE_KEYS	 ? keys->count
						 : c->upstream_count;
	fprintf(to, "[");
	for (unsigned i = 0; i < n; i++, comma = ", ") {
		switch (o->type) {
		case TYPE_PREFIXES:
			value_prefix_str(&prefixes->at[i], text);
			break;
		case TYPE_CPUS:
			snprintf(text, sizeof(text), "%u", cpus->at[i]);
			break;
		case TYPE_ENDPOINTS:
			value_endpoint_str(&endpoints->at[i], text);
			break;
		case TYPE_NAMES:
			snprintf(text, sizeof(text), "%.60s", c->names_allow[i]);
			break;
		case TYPE_SECRETS:
		case TYPE_KEYS:
			snprintf(text, sizeof(text), "(not shown)");
			break;
		default:
			value_upstream_str(&c->upstreams[i], text);
			break;
		}
		fprintf(to, "%s\"%s\"", comma, text);
	}
	fprintf(to, "]\n");
}

static void print_scalar(const struct config *c, const struct option *o, FILE *to) {
	static const char *const LEVEL[] = {"error", "warn", "info", "debug"};
	const void *field = (const char *)c + o->offset;
	const uint64_t *number = field;
	char text[VALUE_TEXT_MAX];
	switch (o->type) {
	case TYPE_TEXT:
		fprintf(to, "\"%s\"\n", (const char *)field);
		return;
	case TYPE_MS:
		value_number_str(*number, VALUE_MS, text);
		break;
	case TYPE_BYTES:
		value_number_str(*number, VALUE_BYTES, text);
		break;
	case TYPE_BOOL:
		snprintf(text, sizeof(text), "%s", *number != 0 ? "yes" : "no");
		break;
	case TYPE_DRIVER:
		snprintf(text, sizeof(text), "%s", port_driver_str((enum port_driver) * number));
		break;
	case TYPE_HUGEPAGES:
		snprintf(text, sizeof(text), "%s", HUGE[*number]);
		break;
	case TYPE_UNKNOWN:
		snprintf(text, sizeof(text), "%s", UNKNOWN[*number]);
		break;
	case TYPE_XDP:
		snprintf(text, sizeof(text), "%s", XDP[*number]);
		break;
	case TYPE_LEVEL:
		snprintf(text, sizeof(text), "%s", LEVEL[*number]);
		break;
	default:
		snprintf(text, sizeof(text), "%" PRIu64, *number);
		break;
	}
	fprintf(to, "%s\n", text);
}

void config_print(const struct config *c, FILE *to) {
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		fprintf(to, "# %s\n%s: ", OPTIONS[i].help, OPTIONS[i].key);
		if (config_is_list(&OPTIONS[i])) {
			print_list(c, &OPTIONS[i], to);
		} else {
			print_scalar(c, &OPTIONS[i], to);
		}
	}
}

int config_check(const struct config *c, struct config_fault *fault) {
	struct config_place p = {.source = "configuration", .fault = fault};
	struct lookup_zone zone;
	if (lookup_zone_parse(c->zone, &zone) < 0) {
		return config_refuse(&p, "zone", "expected a domain name, got \"%s\"", c->zone);
	}
	if (c->worker_cpus.count > 0 && c->worker_cpus.count < c->workers) {
		return config_refuse(
			&p,
			"dataplane.cores",
			"expected a CPU for each of %" PRIu64 " workers, got %u",
			c->workers,
			c->worker_cpus.count
		);
	}
	if (c->share_failed + c->share_none > 95) {
		return config_refuse(
			&p, "cache.share_none", "expected 5 per cent left for policies"
		);
	}
	for (unsigned i = 0; i < c->tcp_listen.count; i++) {
		if (c->tcp_listen.at[i].path[0] != '\0') {
			return config_refuse(&p, "listen.tcp", "expected ADDRESS@PORT, got a path");
		}
	}
	if (c->addresses.count == 0) {
		return config_refuse(&p, "listen.address", "expected at least one address");
	}
	const char *key;
	const char *doubt = believe_fault(c, &key);
	if (doubt != NULL) {
		return config_refuse(&p, key, "%s", doubt);
	}
	char what[CLASH_TEXT_MAX];
	return clash_find(c, &key, what) ? config_refuse(&p, key, "%s", what) : 0;
}
