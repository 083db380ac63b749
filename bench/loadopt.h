// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/door.h"

#include <stdbool.h>
#include <stdint.h>

// The options of `stsbench load` and `stsbench echo`.

struct loadopt {
	bool echo;
	bool help;
	struct door_config door;
	bool over_socket;
	const char *names;  // file, or NULL
	uint32_t made_none; // without a file: so many names are made up
	uint32_t made_policies;
	uint64_t seed;
	const char *zone;
	uint16_t edns_bytes;
	bool mixed_case;
	bool no_recursion;
	unsigned batch; // names in a request; 0: a question for each
	double zipf;	// 0: uniform
	uint32_t draws;
	double unknown;
	const char *unknown_suffix;
	unsigned window;
	double rate;
	double seconds;
	double warmup;
	uint64_t count;
	double timeout;
	uint32_t nap_us;
	double wait;
	uint32_t check_every;
	unsigned frame_bytes; // echo: size of the frames
	const char *json;     // file, "-" or NULL
	bool hold;
};

// Reads the words behind the command. Faults are told on standard error.
// @return 0 or -EINVAL.
[[nodiscard]] int loadopt_parse(int argc, char **argv, bool echo, struct loadopt *out);

void loadopt_usage(bool echo);
