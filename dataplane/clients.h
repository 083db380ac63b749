// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

// Lists of prefixes that clients are compared with: masks made once, one or two
// words compared for each prefix.

#define CLIENTS_MAX 64

struct clients {
	unsigned count4;
	unsigned count6;
	struct {
		uint32_t mask;
		uint32_t bits;
	} at4[CLIENTS_MAX];
	struct {
		uint64_t mask[2];
		uint64_t bits[2];
	} at6[CLIENTS_MAX];
};

void clients_init(struct clients *c, const struct prefix *prefixes, unsigned count);

// @param octets  4 or 16, by family.
bool clients_match(const struct clients *c, uint8_t family, const uint8_t *octets);
