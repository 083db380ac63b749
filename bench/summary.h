// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/loadgen.h"

#include <stdbool.h>
#include <stdio.h>

// What a run came to, for people and for scripts.

struct summary_run {
	const char *command; // "load" or "echo"
	const char *path;    // driver or "socket"
	const char *order;   // "zipf 0.99", "uniform"
	uint64_t names;
	uint64_t seed;
	unsigned cpu;
	const struct loadgen_config *config;
	const struct loadgen_result *result;
};

void summary_text(const struct summary_run *run, FILE *out);

// One object on one line. Latencies are microseconds.
void summary_json(const struct summary_run *run, FILE *out);
