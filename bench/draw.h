// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// In which order names are asked, worked out beforehand so that the sending
// loop only walks through an array.

// The weight of a rank under Zipf's law, unnormalised: 1 / (rank + 1)^exponent.
double draw_weight(uint32_t rank, double exponent);

// `count` ranks below n drawn by Zipf's law: exact, by rejection-inversion
// (Hoermann and Derflinger 1996), without a table of n entries.
// @param exponent  Above 0.
// @return An array for free(), or NULL: out of memory.
uint32_t *draw_zipf(uint32_t n, double exponent, size_t count, uint64_t seed);

// All numbers below n in random order.
// @return An array of n for free(), or NULL: out of memory.
uint32_t *draw_permutation(uint32_t n, uint64_t seed);
