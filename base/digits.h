// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGITS_MAX 10

// Writes a number in decimal, up to DIGITS_MAX digits and nothing behind them.
// @return How many.
static inline size_t digits_put(uint8_t *to, uint32_t v) {
	uint8_t last[DIGITS_MAX];
	size_t n = 0;
	do {
		last[n++] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	for (size_t i = 0; i < n; i++) {
		to[i] = last[n - 1 - i];
	}
	return n;
}
