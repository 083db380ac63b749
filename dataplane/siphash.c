// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/siphash.h"

#include <string.h>

static uint64_t load(const uint8_t *p) {
	uint64_t v = 0;
	for (int i = 7; i >= 0; i--) {
		v = v << 8 | p[i];
	}
	return v;
}

static uint64_t turned(uint64_t v, unsigned bits) {
	return v << bits | v >> (64 - bits);
}

static void rounds(uint64_t v[4], int n) {
	for (; n > 0; n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turned(v[1], 13) ^ v[0];
		v[3] = turned(v[3], 16) ^ v[2];
		v[0] = turned(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = turned(v[1], 17) ^ v[2];
		v[3] = turned(v[3], 21) ^ v[0];
		v[2] = turned(v[2], 32);
	}
}

static void take(uint64_t v[4], uint64_t word) {
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const uint8_t *data, size_t len) {
	uint64_t k0 = load(key);
	uint64_t k1 = load(key + 8);
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575,
		k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573,
	};
	const uint8_t *end = data + len - len % 8;
	for (; data < end; data += 8) {
		take(v, load(data));
	}
	uint8_t last[8] = {0};
	memcpy(last, data, len % 8);
	last[7] = (uint8_t)len;
	take(v, load(last));
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
