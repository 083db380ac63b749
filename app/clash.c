// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/clash.h"

#include "app/value.h"

#include <stdio.h>
#include <string.h>

static bool cpu_twice(const struct config_cpus *cpus, uint64_t control, unsigned *cpu) {
	for (unsigned i = 0; i < cpus->count; i++) {
		*cpu = cpus->at[i];
		bool twice = *cpu == control;
		for (unsigned j = 0; j < i; j++) {
			twice |= cpus->at[j] == *cpu;
		}
		if (twice) {
			return true;
		}
	}
	return false;
}

static bool same_address(const struct address *a, const struct address *b) {
	return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

static const struct fetch_upstream *self_asked(const struct config *c) {
	for (unsigned i = 0; i < c->upstream_count; i++) {
		const struct fetch_upstream *u = &c->upstreams[i];
		for (unsigned j = 0; j < c->addresses.count; j++) {
			if (u->port == c->port
			    && same_address(&u->address, &c->addresses.at[j].address)) {
				return u;
			}
		}
	}
	return NULL;
}

bool clash_find(const struct config *c, const char **key, char what[CLASH_TEXT_MAX]) {
	unsigned cpu;
	const struct fetch_upstream *self = self_asked(c);
	if (self != NULL) {
		char text[VALUE_TEXT_MAX];
		value_upstream_str(self, text);
		*key = "resolver.upstreams";
		(void
		)snprintf(what, CLASH_TEXT_MAX, "expected another server, got ourselves: %s", text);
		return true;
	}
	if (cpu_twice(&c->worker_cpus, c->control_cpu, &cpu)) {
		*key = "dataplane.cores";
		(void)snprintf(
			what,
			CLASH_TEXT_MAX,
			"expected CPUs used once and not by control.core, got %u",
			cpu
		);
		return true;
	}
	return false;
}
