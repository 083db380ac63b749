// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

// The Internet checksum (RFC 1071) in the machine's own byte order. Words of 32
// bits are added into 64: 2^16 leaves 1 modulo 65535, so the sum is folded once,
// at the end, and no carry is lost before 2^32 words.

static inline uint64_t sum_word(const uint8_t *p) {
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return (v & 0xffffffff) + (v >> 32);
}

// Less than 8 octets.
static inline uint64_t sum_rest(const uint8_t *p, size_t len) {
	uint64_t sum = 0;
	uint32_t word;
	uint16_t half;
	if ((len & 4) != 0) {
		memcpy(&word, p, sizeof(word));
		sum += word;
		p += 4;
	}
	if ((len & 2) != 0) {
		memcpy(&half, p, sizeof(half));
		sum += half;
		p += 2;
	}
	if ((len & 1) != 0) {
		half = 0;
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

// The sum of len octets, added to `sum`.
static inline uint64_t sum_octets(const uint8_t *p, size_t len, uint64_t sum) {
#ifdef __SSE2__
	__m128i zero = _mm_setzero_si128();
	__m128i low = zero;
	__m128i high = zero;
	for (; len >= 16; len -= 16, p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		low = _mm_add_epi64(low, _mm_unpacklo_epi32(v, zero));
		high = _mm_add_epi64(high, _mm_unpackhi_epi32(v, zero));
	}
	low = _mm_add_epi64(low, high);
	low = _mm_add_epi64(low, _mm_unpackhi_epi64(low, low));
	sum += (uint64_t)_mm_cvtsi128_si64(low);
#endif
	for (; len >= 8; len -= 8, p += 8) {
		sum += sum_word(p);
	}
	return sum + sum_rest(p, len);
}

// A word of the sum by its two octets, so that the sum of constants is one.
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SUM_PAIR(first, second) ((uint64_t)(first) | (uint64_t)(second) << 8)
#else
#define SUM_PAIR(first, second) ((uint64_t)(first) << 8 | (uint64_t)(second))
#endif

// The sum of octets that stand at an odd offset, from their own.
static inline uint64_t sum_shifted(uint64_t sum, bool odd) {
	return odd ? sum << 8 : sum;
}

// An IPv4 header without options.
static inline uint64_t sum_ip4(const uint8_t *ip) {
	return sum_word(ip) + sum_word(ip + 8) + sum_rest(ip + 16, 4);
}

// The pseudo header (RFC 768, RFC 8200 8.1): the addresses stand side by side in
// the IP header.
static inline uint64_t sum_pseudo(bool v4, const uint8_t *ip, uint8_t protocol, size_t l4_bytes) {
	uint64_t addresses = v4 ? sum_word(ip + 12) : sum_octets(ip + 8, 32, 0);
	return addresses + htons(protocol) + htons((uint16_t)l4_bytes);
}

// The checksum as it is written, in the machine's own byte order; 0 for octets
// that contain a right one.
static inline uint16_t sum_fold(uint64_t sum) {
	sum += sum << 32 | sum >> 32; // the upper half takes the lower one's carry
	uint32_t half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t) ~(half >> 16);
}
