// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/hist.h"

#include <math.h>

uint64_t hist_upper_ns(unsigned bucket) {
	if (bucket < HIST_STEPS)
		return bucket;
	unsigned shift = bucket / HIST_STEPS - 1;
	uint64_t low = (uint64_t)(HIST_STEPS + bucket % HIST_STEPS) << shift;
	return low + (1ULL << shift) - 1;
}

uint64_t hist_percentile_ns(const struct hist *h, double share) {
	uint64_t wanted = (uint64_t)ceil(share * (double)h->total);
	uint64_t seen = 0;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen && seen >= wanted) {
			uint64_t upper = hist_upper_ns(i);
			return upper < h->max_ns ? upper : h->max_ns;
		}
	}
	return h->max_ns;
}
