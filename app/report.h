// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "app/config.h"
#include "app/doors.h"
#include "app/pump.h"

#include <jansson.h>
#include <stdbool.h>

// What the appliance tells of itself, as JSON. Context: sts:main.

struct report_source {
	struct pump *pump;
	struct table *table;
	struct store *store;
	struct dataplane *dataplane;
	const struct doors *doors;
	const struct config *config;
	boot_s_t started;
	bool serving;
	mono_ns_t slice_ns_max; // CPU time of the longest slice of work over all domains
};

#define REPORT_VERSION "0.1.0"

// Each gives a new reference, or NULL when memory is short.
json_t *report_status(const struct report_source *s);
// Every counter by its metric name; of workers the sum.
json_t *report_stats(const struct report_source *s);
