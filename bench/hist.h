// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdint.h>

// Counts of durations in buckets that grow with the value: 64 to each power of
// two, so a percentile is off by at most 1.6 %.

#define HIST_STEPS 64
#define HIST_BUCKETS (HIST_STEPS * 36) // up to 2^41 ns, over half an hour

struct hist {
	uint64_t total;
	uint64_t max_ns;
	uint64_t buckets[HIST_BUCKETS];
};

static inline unsigned hist_bucket(uint64_t ns) {
	if (ns < HIST_STEPS)
		return (unsigned)ns;
	unsigned power = 63 - (unsigned)__builtin_clzll(ns);
	unsigned at = (power - 6) * HIST_STEPS + (unsigned)(ns >> (power - 6));
	return at < HIST_BUCKETS ? at : HIST_BUCKETS - 1;
}

static inline void hist_add(struct hist *h, uint64_t ns) {
	h->total++;
	h->buckets[hist_bucket(ns)]++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

// @return The largest value of a bucket, nanoseconds.
uint64_t hist_upper_ns(unsigned bucket);

// @param share  0.5 for the median.
// @return The value at or below which that share lies, nanoseconds, rounded up
//         to its bucket's end but never above the maximum; 0 when empty.
uint64_t hist_percentile_ns(const struct hist *h, double share);
