// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/ask.h"
#include "app/smanswer.h"
#include "app/stream.h"

// The socketmap door, for Postfix and Sendmail (docs/senders/): requests as
// netstrings, answered in order. Context: sts:main.

#define SOCKETMAP_MAPS 4 // postfix, postfix39, sendmail; sts, as Sendmail calls it

struct socketmap_config {
	struct ask *ask;
	struct event_base *base;
	const struct value_endpoints *listen;
	const struct clients *allow;	// outlives it
	const struct lookup_zone *zone; // its exceptions to the rules of names; outlives it
	size_t connections_max;
	uint32_t idle_ms;
	uint32_t hold_ms;
	struct smanswer_map maps[SOCKETMAP_MAPS];
};

struct socketmap;

// @return 0 or a negative code; what failed has been logged.
[[nodiscard]] int socketmap_open(const struct socketmap_config *config, struct socketmap **out);
void socketmap_close(struct socketmap *m);

void socketmap_counters(const struct socketmap *m, stream_counter_fn *fn, void *arg);
