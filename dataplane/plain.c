// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/plain.h"

#ifdef __SSE2__

#include <emmintrin.h>
#include <stdbool.h>
#include <string.h>

// The octets behind the first length octet are looked at as sets: bit i stands
// for octet i, which becomes octet i of the text.

#define OCTETS 64
#define LOWER 0x20202020U

struct octets {
	uint64_t ldh;
	uint64_t hyphens;
};

static uint32_t load32(const void *p) {
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

// Judges 16 octets and writes them in lower case: of those that are LDH, only
// capital letters lack the bit 0x20.
static inline __attribute__((always_inline)) void
judge16(const uint8_t *octets, unsigned at, struct octets *o, char *text) {
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(octets + at));
	__m128i low = _mm_or_si128(x, _mm_set1_epi8(0x20));
	// Each range is moved to the bottom of the signed octets.
	__m128i letters = _mm_cmplt_epi8(
		_mm_add_epi8(low, _mm_set1_epi8((char)(128 - 'a'))), _mm_set1_epi8(-128 + 26)
	);
	__m128i digits = _mm_cmplt_epi8(
		_mm_add_epi8(x, _mm_set1_epi8((char)(128 - '0'))), _mm_set1_epi8(-128 + 10)
	);
	__m128i hyphens = _mm_cmpeq_epi8(x, _mm_set1_epi8('-'));
	__m128i ldh = _mm_or_si128(_mm_or_si128(letters, digits), hyphens);
	_mm_storeu_si128((__m128i *)(void *)(text + at), low);
	o->ldh |= (uint64_t)(unsigned)_mm_movemask_epi8(ldh) << at;
	o->hyphens |= (uint64_t)(unsigned)_mm_movemask_epi8(hyphens) << at;
}

// Whether the last label may be one that no mail domain ends with: of digits, or
// of special use. Its first octets tell.
static bool may_be_no_end(const uint8_t *label) {
	uint32_t first = load32(label) | LOWER;
	__m128i heads = _mm_loadu_si128((const __m128i *)(const void *)"locaonioinvainte");
	__m128i same = _mm_cmpeq_epi32(_mm_set1_epi32((int)first), heads);
	return _mm_movemask_epi8(same) != 0 || first == load32("arpa")
	       || (first & 0xffffff) == ('a' | 'l' << 8 | 't' << 16)
	       || (uint8_t)(label[0] - '0') < 10;
}

unsigned plain_read(const uint8_t *wire, size_t left, char *text) {
	const uint8_t *octets = wire + 1;
	struct octets o = {0};
	// Most names are no longer; this does not wait for where the labels end.
	judge16(octets, 0, &o, text);
	judge16(octets, 16, &o, text);
	uint64_t dots = 0;
	unsigned end = wire[0]; // where the next length octet stands
	unsigned last = 0;	// where the last label begins
	while (end < OCTETS - 1 && octets[end] != 0) {
		dots |= (uint64_t)1 << end;
		text[end] = '.';
		last = end + 1;
		end += 1U + octets[end];
	}
	if (wire[0] == 0 || last == 0 || end >= OCTETS - 1 || end + 2U > left) {
		return 0;
	}
	if (end > 32) {
		judge16(octets, 32, &o, text);
		judge16(octets, 48, &o, text);
		for (uint64_t d = dots >> 32; d != 0; d &= d - 1) {
			text[32 + __builtin_ctzll(d)] = '.';
		}
	}
	uint64_t inner = ((uint64_t)1 << end) - 1;
	uint64_t edges = dots << 1 | dots >> 1 | 1 | (uint64_t)1 << (end - 1);
	bool good = (~(o.ldh | dots) & inner) == 0 && (o.hyphens & edges & ~dots & inner) == 0
		    && !may_be_no_end(octets + last);
	return good ? end : 0;
}

#else

unsigned plain_read(const uint8_t * /*wire*/, size_t /*left*/, char * /*text*/) {
	return 0;
}

#endif
