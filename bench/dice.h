// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdint.h>

// Random numbers that are the same on every machine for the same seed
// (splitmix64). Not for secrets.

struct dice {
	uint64_t state;
};

uint64_t dice_next(struct dice *d);
// @return 0 to n - 1, evenly but for a bias under n / 2^32.
uint32_t dice_below(struct dice *d, uint32_t n);
// @return 0 inclusive to 1 exclusive.
double dice_unit(struct dice *d);

// A number that depends on seed and n alone: the n-th coin of a series.
uint64_t dice_hash(uint64_t seed, uint64_t n);
