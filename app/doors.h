// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/config.h"
#include "app/pump.h"
#include "app/stream.h"
#include "dataplane/trust.h"

// The doors of the control core, as configured: socketmap and DNS over TCP.
// Context: sts:main.

struct doors;

// @param zone  With its exceptions; outlives the doors.
// @return 0 or a negative code; what failed has been logged.
[[nodiscard]] int doors_open(
	const struct config *config,
	const struct trust *trust, // copied
	const struct lookup_zone *zone,
	struct pump *pump,
	struct table *table,
	struct event_base *base,
	struct doors **out
);
void doors_close(struct doors *d);

// Whom to believe from now on, copied: for new connections and questions.
void doors_set_trust(struct doors *d, const struct trust *trust);

void doors_counters(const struct doors *d, stream_counter_fn *fn, void *arg);

// "IP:PORT" of the first TCP listener, for the apex TXT; "" where there is none.
void doors_tcp_str(const struct config *config, char out[VALUE_TEXT_MAX]);
