// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/lookup_usual.h"

#include <string.h>

// The usual question read in one pass over the name. The slow loop this stands
// for is lookup_parse(): what is taken here gives the very same query, and
// everything out of the ordinary (errors, other types, options, long labels,
// names that cannot be mail domains, `_recheck.` and `_policy.`) is left to it.

#ifdef __SSE2__

#include <emmintrin.h>

#define HEADER_BYTES 12
#define TEXT_AT 13	      // behind the first length octet
#define QUESTION_TAIL_BYTES 4 // QTYPE and QCLASS
#define OPT_BYTES 11
#define LOWER64 0x2020202020202020ULL
#define LOWER32 0x20202020U

// The name's octets behind its first length octet, as sets: bit i stands for
// octet i, which becomes octet i of the text.
struct octets {
	uint64_t borders; // length octets
	uint64_t ldh;
	uint64_t digits;
	uint64_t hyphens;
	unsigned end; // the root label
};

static uint64_t load64(const uint8_t *p) {
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t load32(const uint8_t *p) {
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

// The bits under n.
static uint64_t under(unsigned n) {
	return ((uint64_t)1 << n) - 1;
}

// Finds the borders. @return False for a name that does not end within
// LOOKUP_PAD octets.
static bool walk(const uint8_t *text, struct octets *o) {
	uint64_t borders = 0;
	unsigned at = text[-1];
	while (at < LOOKUP_PAD && text[at] != 0) {
		borders |= (uint64_t)1 << at;
		at += 1U + text[at];
	}
	o->borders = borders;
	o->end = at;
	return at < LOOKUP_PAD;
}

// Judges 16 octets and writes them in lower case: of those that are LDH, only
// letters lack the bit 0x20.
static inline __attribute__((always_inline)) void
judge16(const uint8_t *text, unsigned at, struct octets *o, char *out) {
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(text + at));
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
	_mm_storeu_si128((__m128i *)(void *)(out + at), low);
	o->ldh |= (uint64_t)(unsigned)_mm_movemask_epi8(ldh) << at;
	o->digits |= (uint64_t)(unsigned)_mm_movemask_epi8(digits) << at;
	o->hyphens |= (uint64_t)(unsigned)_mm_movemask_epi8(hyphens) << at;
}

static void judge(const uint8_t *text, struct octets *o, char *out) {
	o->ldh = o->digits = o->hyphens = 0;
	judge16(text, 0, o, out);
	judge16(text, 16, o, out);
	if (o->end > 32) {
		judge16(text, 32, o, out);
		judge16(text, 48, o, out);
	}
}

// Whether a label may be a special-use name: its first octets tell.
static bool may_be_special(const uint8_t *label) {
	uint32_t first = load32(label) | LOWER32;
	const char *const heads = "locaonioinvainte";
	__m128i same = _mm_cmpeq_epi32(
		_mm_set1_epi32((int)first), _mm_loadu_si128((const __m128i *)(const void *)heads)
	);
	return _mm_movemask_epi8(same) != 0 || first == load32((const uint8_t *)"arpa")
	       || (first & 0xffffff) == ('a' | 'l' << 8 | 't' << 16);
}

// Whether the octets before the zone, at which a border stands, are a mail
// domain. Its dots are set in `out` then.
static bool is_domain(const uint8_t *text, const struct octets *o, unsigned zone_at, char *out) {
	uint64_t inner = under(zone_at);
	uint64_t dots = o->borders & inner;
	uint64_t edges = o->borders << 1 | o->borders >> 1 | 1;
	if (dots == 0 || (~(o->ldh | dots) & inner) != 0
	    || (o->hyphens & edges & inner & ~dots) != 0) {
		return false;
	}
	unsigned last = 64U - (unsigned)__builtin_clzll(dots);
	if ((~o->digits & inner & ~under(last)) == 0 || may_be_special(text + last)) {
		return false;
	}
	for (; dots != 0; dots &= dots - 1) {
		out[__builtin_ctzll(dots)] = '.';
	}
	out[zone_at] = '\0';
	return true;
}

// Whether the zone begins at this border. The bit 0x20 tells lower from upper
// case in letters; where it tells anything else apart, the labels would not end
// as they do.
static bool is_zone(const struct lookup_zone *zone, const uint8_t *at) {
	uint64_t off = 0;
	for (unsigned i = 0; i < zone->wire_len; i += 8) {
		off |= ((load64(at + i) | LOWER64) ^ zone->low[i / 8]) & zone->low_mask[i / 8];
	}
	return off == 0;
}

// An OPT record (RFC 6891 6.1.2) of version 0 without options.
static bool read_opt(const uint8_t *opt, struct lookup_query *q) {
	if ((load32(opt) & 0xffffff) != 0x290000 || (opt[6] | opt[9] | opt[10]) != 0) {
		return false;
	}
	unsigned size = (unsigned)(opt[3] << 8 | opt[4]);
	size = size < 512 ? 512 : size;
	q->size_max = (uint16_t)(size > LOOKUP_UDP_MAX ? LOOKUP_UDP_MAX : size);
	q->dnssec_ok = (opt[7] & 0x80) != 0;
	return true;
}

bool lookup_usual_read(
	const struct lookup_zone *zone,
	const uint8_t *msg,
	size_t len,
	struct lookup_query *q
) {
	const uint8_t *text = msg + TEXT_AT;
	struct octets o;
	// A query with one question, no answers, no authority, at most an OPT.
	bool usual = len > TEXT_AT && (load64(msg + 2) & 0xffffffffffff00f8ULL) == 0x01000000
		     && msg[10] == 0 && msg[11] <= 1;
	if (!usual || text[-1] == 0 || !walk(text, &o)) {
		return false;
	}
	bool has_opt = msg[11] == 1;
	size_t question_bytes = o.end + 2U + QUESTION_TAIL_BYTES;
	if (len < HEADER_BYTES + question_bytes + (has_opt ? OPT_BYTES : 0)
	    || load32(text + o.end + 1) != 0x01001000 || o.end < zone->wire_len) {
		return false;
	}
	unsigned zone_at = o.end + 1U - zone->wire_len;
	judge(text, &o, q->domain);
	if ((o.borders >> zone_at & 1) == 0 || !is_zone(zone, text + zone_at)
	    || !is_domain(text, &o, zone_at, q->domain)) {
		return false;
	}
	q->size_max = 512;
	q->dnssec_ok = false;
	if (has_opt && !read_opt(text + question_bytes - 1, q)) {
		return false;
	}
	q->kind = LOOKUP_VERDICT;
	q->rcode = q->edns_rcode = 0;
	q->has_question = true;
	q->has_opt = has_opt;
	q->wants_nsid = q->any_type = q->claims = false;
	q->recursion_desired = (msg[2] & 1) != 0;
	q->qtype = 16;
	q->question_bytes = (uint16_t)question_bytes;
	q->domain_len = (uint8_t)zone_at;
	return true;
}

#else

bool lookup_usual_read(
	const struct lookup_zone * /*zone*/,
	const uint8_t * /*msg*/,
	size_t /*len*/,
	struct lookup_query * /*q*/
) {
	return false;
}

#endif
