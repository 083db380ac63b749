// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/sketch.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

#define ROWS 4
#define CELLS 16384 // a row; 14 bits of the hash choose one

struct sketch {
	uint64_t seed;
	uint64_t cells[ROWS][CELLS];
};

struct sketch *sketch_new(uint64_t seed) {
	struct sketch *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->seed = seed;
	}
	return s;
}

void sketch_free(struct sketch *s) {
	free(s);
}

static uint64_t hash_of(const struct sketch *s, const char *key, size_t len) {
	return XXH3_64bits_withSeed(key, len, s->seed);
}

static size_t cell_of(uint64_t hash, unsigned row) {
	return hash >> (14 * row) & (CELLS - 1);
}

void sketch_add(struct sketch *s, const char *key, size_t len, uint64_t amount) {
	uint64_t hash = hash_of(s, key, len);
	for (unsigned row = 0; row < ROWS; row++) {
		s->cells[row][cell_of(hash, row)] += amount;
	}
}

void sketch_take(struct sketch *s, const char *key, size_t len, uint64_t amount) {
	uint64_t hash = hash_of(s, key, len);
	for (unsigned row = 0; row < ROWS; row++) {
		uint64_t *cell = &s->cells[row][cell_of(hash, row)];
		assert(*cell >= amount);
		*cell -= amount;
	}
}

uint64_t sketch_sum(const struct sketch *s, const char *key, size_t len) {
	uint64_t hash = hash_of(s, key, len);
	uint64_t least = UINT64_MAX;
	for (unsigned row = 0; row < ROWS; row++) {
		uint64_t cell = s->cells[row][cell_of(hash, row)];
		least = cell < least ? cell : least;
	}
	return least;
}
