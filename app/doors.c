// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/doors.h"

#define LOG_TOPIC "doors"
#include "app/ask.h"
#include "app/dnstcp.h"
#include "app/report.h"
#include "app/socketmap.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define OTHER_DESCRIPTORS 1024

struct doors {
	struct trust trust;
	char tcp[VALUE_TEXT_MAX];
	struct ask *ask;
	struct socketmap *socketmap;
	struct dnstcp *dnstcp;
};

void doors_tcp_str(const struct config *config, char out[VALUE_TEXT_MAX]) {
	out[0] = '\0';
	if (config->tcp_listen.count > 0) {
		char text[VALUE_TEXT_MAX];
		value_endpoint_str(&config->tcp_listen.at[0], text);
		int address = (int)strcspn(text, "@");
		bool v6 = config->tcp_listen.at[0].address.family == AF_INET6;
		snprintf(
			out,
			VALUE_TEXT_MAX,
			v6 ? "[%.*s]:%u" : "%.*s:%u",
			address,
			text,
			(unsigned)config->tcp_listen.at[0].port
		);
	}
}

void doors_set_trust(struct doors *d, const struct trust *trust) {
	d->trust = *trust;
}

// Every connection is a descriptor.
static void raise_limit(const struct config *c) {
	struct rlimit limit;
	rlim_t want = c->socketmap_connections + c->tcp_connections + OTHER_DESCRIPTORS;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want) {
		return;
	}
	struct rlimit raised = {
		.rlim_cur = want,
		.rlim_max = limit.rlim_max < want ? want : limit.rlim_max,
	};
	if (setrlimit(RLIMIT_NOFILE, &raised) < 0) {
		limit.rlim_cur = limit.rlim_max; // as many as we may
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		LOG(WARN,
		    "descriptors allowed: %" PRIu64 ", fewer than configured connections",
		    (uint64_t)limit.rlim_cur);
	}
}

static int open_socketmap(struct doors *d, const struct config *c, struct socketmap_config *s) {
	// FEATURE(`sts') of Sendmail asks for a map of this name.
	static const struct {
		const char *name;
		unsigned settings;
	} MAPS[SOCKETMAP_MAPS] = {{"postfix", 0}, {"postfix39", 1}, {"sendmail", 2}, {"sts", 2}};
	for (unsigned i = 0; i < SOCKETMAP_MAPS; i++) {
		const struct config_map *m = &c->maps[MAPS[i].settings];
		s->maps[i] = (struct smanswer_map){
			.name = MAPS[i].name,
			.strict_testing = m->strict_testing != 0,
			.servername = m->servername != 0,
			.tlsrpt = m->tlsrpt != 0,
			.unknown_temp = m->unknown == CONFIG_UNKNOWN_TEMP,
		};
	}
	s->listen = &c->socketmap_listen;
	s->connections_max = c->socketmap_connections;
	s->idle_ms = (uint32_t)c->socketmap_idle_ms;
	s->hold_ms = (uint32_t)c->socketmap_hold_ms;
	return socketmap_open(s, &d->socketmap);
}

static int open_dnstcp(struct doors *d, const struct config *c, struct dnstcp_config *t) {
	doors_tcp_str(c, d->tcp);
	t->listen = &c->tcp_listen;
	t->version = REPORT_VERSION;
	t->tcp = d->tcp;
	t->connections_max = c->tcp_connections;
	t->idle_ms = (uint32_t)c->tcp_idle_ms;
	t->hold_stub_ms = (uint32_t)c->hold_stub_ms;
	t->hold_resolver_ms = (uint32_t)c->hold_resolver_ms;
	return dnstcp_open(t, &d->dnstcp);
}

int doors_open(
	const struct config *config,
	const struct trust *trust,
	const struct lookup_zone *zone,
	struct pump *pump,
	struct table *table,
	struct event_base *base,
	struct doors **out
) {
	struct doors *d = calloc(1, sizeof(*d));
	if (d == NULL) {
		return -ENOMEM;
	}
	doors_set_trust(d, trust);
	d->ask = ask_new(pump, table, base);
	struct socketmap_config s = {
		.ask = d->ask, .base = base, .allow = &d->trust.allow, .zone = zone};
	struct dnstcp_config t = {
		.ask = d->ask, .base = base, .table = table, .trust = &d->trust, .zone = zone};
	int rc = d->ask != NULL ? 0 : -ENOMEM;
	if (config->socketmap_listen.count + config->tcp_listen.count > 0) {
		raise_limit(config);
	}
	if (rc == 0 && config->socketmap_listen.count > 0) {
		rc = open_socketmap(d, config, &s);
	}
	if (rc == 0 && config->tcp_listen.count > 0) {
		rc = open_dnstcp(d, config, &t);
	}
	if (rc < 0) {
		doors_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

void doors_close(struct doors *d) {
	if (d != NULL) {
		socketmap_close(d->socketmap);
		dnstcp_close(d->dnstcp);
		ask_free(d->ask);
		free(d);
	}
}

void doors_counters(const struct doors *d, stream_counter_fn *fn, void *arg) {
	if (d->socketmap != NULL) {
		socketmap_counters(d->socketmap, fn, arg);
	}
	if (d->dnstcp != NULL) {
		dnstcp_counters(d->dnstcp, fn, arg);
	}
}
