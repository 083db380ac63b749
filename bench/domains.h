// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// Recipient domains and policies as large senders see them, made from a seed:
// names of 10 to 20 octets with a thin tail below 60, policies with the modes,
// mx counts and max_age found in the wild.

#define DOMAINS_MAX (1U << 25) // the number is spelled in five letters of every name
#define DOMAINS_NAME_MAX 64
#define DOMAINS_MX_MAX 8

struct domains_config {
	uint64_t seed;
	uint32_t policies;
	uint32_t none;
	// Names stand in order of popularity. With an exponent the policies are
	// given so that about `share` of the queries drawn by Zipf's law hit one;
	// with 0 they are spread evenly.
	double exponent;
	double share;
	int64_t now_s; // wall clock: policies were fetched then
};

// The name of a rank. @return Its length.
unsigned domains_name(uint64_t seed, uint32_t rank, char out[DOMAINS_NAME_MAX]);

// Which ranks have a policy: exactly config->policies of them.
// @param hit_share  The share of queries that hit one, as it came out.
// @return An array of one octet per rank for free(), or NULL: out of memory.
bool *domains_assign(const struct domains_config *config, double *hit_share);

// Writes the whole file of names (bench/expect.h).
// @return 0 or negative errno.
[[nodiscard]] int domains_write(const struct domains_config *config, FILE *out);
