// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/dice.h"

static uint64_t mix(uint64_t z) {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t dice_next(struct dice *d) {
	d->state += 0x9e3779b97f4a7c15ULL;
	return mix(d->state);
}

uint32_t dice_below(struct dice *d, uint32_t n) {
	return (uint32_t)(((dice_next(d) >> 32) * n) >> 32);
}

double dice_unit(struct dice *d) {
	return (double)(dice_next(d) >> 11) * 0x1.0p-53;
}

uint64_t dice_hash(uint64_t seed, uint64_t n) {
	return mix(mix(seed + 0x9e3779b97f4a7c15ULL) ^ (n * 0xd1342543de82ef95ULL + 1));
}
