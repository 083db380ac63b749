// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/ask.h"
#include "app/stream.h"
#include "dataplane/lookup.h"
#include "dataplane/trust.h"

// The lookup protocol over TCP (docs/wire.md, RFC 7766): the same questions and
// answers as over UDP, whole whatever their size. Context: sts:main.

struct dnstcp_config {
	struct ask *ask;
	struct event_base *base;
	struct table *table; // its size is told at the apex
	const struct value_endpoints *listen;
	const struct trust *trust; // outlives it, and may change between two calls
	const struct lookup_zone *zone;
	const char *version;
	const char *tcp; // for the apex
	size_t connections_max;
	uint32_t idle_ms;
	uint32_t hold_stub_ms;
	uint32_t hold_resolver_ms;
};

struct dnstcp;

// @return 0 or a negative code; what failed has been logged.
[[nodiscard]] int dnstcp_open(const struct dnstcp_config *config, struct dnstcp **out);
void dnstcp_close(struct dnstcp *d);

void dnstcp_counters(const struct dnstcp *d, stream_counter_fn *fn, void *arg);
