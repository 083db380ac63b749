// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/simulate/zipf.h"

#include "fetch/backoff.h"

#include <stdlib.h>

// A column is one rank up to `level`, and another one above.
struct column {
	double level;
	size_t other;
};

struct zipf {
	size_t n;
	struct column columns[];
};

// Gives what the full columns have too much to those that have too little.
static void level_out(struct zipf *z, size_t *order) {
	size_t low = 0;
	size_t high = z->n;
	for (size_t i = 0; i < z->n; i++) {
		order[z->columns[i].level < 1 ? low++ : --high] = i;
	}
	while (low > 0 && high < z->n) {
		struct column *small = &z->columns[order[--low]];
		struct column *large = &z->columns[order[high]];
		small->other = order[high];
		large->level -= 1 - small->level;
		if (large->level < 1) {
			order[low++] = order[high++];
		}
	}
	// What is left misses 1 by nothing but rounding.
	while (low > 0) {
		z->columns[order[--low]].level = 1;
	}
}

struct zipf *zipf_new(size_t n) {
	struct zipf *z = calloc(1, sizeof(*z) + n * sizeof(z->columns[0]));
	size_t *order = calloc(n, sizeof(*order));
	if (z == NULL || order == NULL) {
		free(order);
		free(z);
		return NULL;
	}
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		sum += 1 / (double)(i + 1);
	}
	z->n = n;
	for (size_t i = 0; i < n; i++) {
		z->columns[i].level = (double)n / (double)(i + 1) / sum;
	}
	level_out(z, order);
	free(order);
	return z;
}

void zipf_free(struct zipf *z) {
	free(z);
}

size_t zipf_draw(const struct zipf *z, uint64_t *random) {
	uint64_t r = backoff_random(random);
	size_t at = (size_t)((r >> 32U) * z->n >> 32U);
	const struct column *c = &z->columns[at];
	double part = (double)(r & UINT32_MAX) / 4294967296.0;
	return part < c->level ? at : c->other;
}
