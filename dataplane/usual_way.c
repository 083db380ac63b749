// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/digits.h"
#include "base/sum.h"
#include "dataplane/usual.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define UDP_BYTES 8
#define HEADER_BYTES 12
#define TEXT_AT 13	      // in the message, behind the first length octet
#define QUESTION_TAIL_BYTES 4 // QTYPE and QCLASS
#define OPT_BYTES 11
#define RR_BYTES 12 // owner as a pointer, type, class, TTL, RDLENGTH
#define TTL_AT 9    // the TTL's last octet, in the record
#define NONE "v=STSQ1; r=none"
#define NONE_BYTES sizeof(NONE) // with the length octet
#define UDP_MAX 128		// longer ones (a batch of names) are not looked at
#define LEAST_PORT 20		// some below are bait for a loop: see frame_parse()

#include <immintrin.h>

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

static uint16_t load16(const uint8_t *p) {
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static void store64(uint8_t *p, uint64_t v) {
	memcpy(p, &v, sizeof(v));
}

static void store16(uint8_t *p, uint16_t v) {
	memcpy(p, &v, sizeof(v));
}

static void copy16(uint8_t *to, const uint8_t *from) {
	memcpy(to, from, 16);
}

// A vector register's octets.
#ifdef __AVX2__

#define WAY usual_way_v3
#define LANE 32

typedef __m256i lane;
#define lane_all(octet) _mm256_set1_epi8((char)(octet))
#define lane_low_words() _mm256_set1_epi64x(0xffffffff)
#define lane_add8 _mm256_add_epi8
#define lane_add64 _mm256_add_epi64
#define lane_and _mm256_and_si256
#define lane_or _mm256_or_si256
#define lane_xor _mm256_xor_si256
#define lane_equal8 _mm256_cmpeq_epi8
#define lane_less8(a, b) _mm256_cmpgt_epi8(b, a)
#define lane_blend8 _mm256_blendv_epi8
#define lane_high_words(v) _mm256_srli_epi64(v, 32)
#define lane_bits(v) ((uint64_t)(uint32_t)_mm256_movemask_epi8(v))
#define lane_is_zero(v) (_mm256_testz_si256(v, v) != 0)

static lane lane_load(const void *p) {
	return _mm256_loadu_si256((const __m256i *)p);
}

static void lane_store(void *p, lane v) {
	_mm256_storeu_si256((__m256i *)p, v);
}

static uint64_t lane_sum64(lane v) {
	__m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half)));
}

#else

#define WAY usual_way_v2
#define LANE 16

typedef __m128i lane;
#define lane_all(octet) _mm_set1_epi8((char)(octet))
#define lane_low_words() _mm_set1_epi64x(0xffffffff)
#define lane_add8 _mm_add_epi8
#define lane_add64 _mm_add_epi64
#define lane_and _mm_and_si128
#define lane_or _mm_or_si128
#define lane_xor _mm_xor_si128
#define lane_equal8 _mm_cmpeq_epi8
#define lane_less8 _mm_cmplt_epi8
#define lane_blend8 _mm_blendv_epi8
#define lane_high_words(v) _mm_srli_epi64(v, 32)
#define lane_bits(v) ((uint64_t)(unsigned)_mm_movemask_epi8(v))
#define lane_is_zero(v) (_mm_testz_si128(v, v) != 0)

static lane lane_load(const void *p) {
	return _mm_loadu_si128((const __m128i *)p);
}

static void lane_store(void *p, lane v) {
	_mm_storeu_si128((__m128i *)p, v);
}

static uint64_t lane_sum64(lane v) {
	return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(v, _mm_unpackhi_epi64(v, v)));
}

#endif

static bool is_from(const struct usual_sender *s, const uint8_t *data) {
	lane off = lane_all(0);
	for (size_t i = 0; i < USUAL_HEAD_BYTES; i += LANE) {
		lane differs = lane_xor(lane_load(data + i), lane_load(s->head + i));
		off = lane_or(off, lane_and(differs, lane_load(s->mask + i)));
	}
	return s->l4 != 0 && lane_is_zero(off);
}

// sum_octets(). Up to LANE octets behind len are read.
static uint64_t sum_lanes(const uint8_t *p, size_t len) {
	static const uint8_t KEEP[2 * LANE] = {[0 ... LANE - 1] = 0xff};
	lane low = lane_low_words();
	lane sum = lane_all(0);
	for (;; len -= LANE, p += LANE) {
		lane v = lane_load(p);
		if (len < LANE) {
			v = lane_and(v, lane_load(KEEP + LANE - len));
		}
		sum = lane_add64(sum, lane_add64(lane_and(v, low), lane_high_words(v)));
		if (len < LANE) {
			return lane_sum64(sum);
		}
	}
}

// The name's octets behind its first length octet, as sets: bit i stands for
// octet i, which becomes octet i of the text.
struct octets {
	uint64_t ldh;
	uint64_t hyphens;
	uint64_t low; // below '-': no LDH, but the length of a label under 45 octets
};

// Judges LANE octets and writes them in lower case: of those that are LDH, only
// letters lack the bit 0x20. Low ones become dots.
static inline __attribute__((always_inline)) void
judge(const uint8_t *text, unsigned at, struct octets *o, char *out) {
	lane x = lane_load(text + at);
	lane lower = lane_or(x, lane_all(0x20));
	lane hyphens = lane_equal8(x, lane_all('-'));
	lane low = lane_less8(x, lane_all('-'));
	// Each range is moved to the bottom of the signed octets.
	lane letters = lane_less8(lane_add8(lower, lane_all(128 - 'a')), lane_all(-128 + 26));
	lane digits = lane_less8(lane_add8(x, lane_all(128 - '0')), lane_all(-128 + 10));
	lane ldh = lane_or(lane_or(letters, digits), hyphens);
	lane_store(out + at, lane_blend8(lower, lane_all('.'), low));
	o->ldh |= lane_bits(ldh) << at;
	o->hyphens |= lane_bits(hyphens) << at;
	o->low |= lane_bits(low) << at;
}

// Whether a label may be a special-use name or a number: its first octets tell.
static bool may_be_special(const uint8_t *label) {
	uint32_t first = load32(label) | 0x20202020U;
	const uint8_t *heads = (const uint8_t *)"locaonioinvainte";
	__m128i same = _mm_cmpeq_epi32(
		_mm_set1_epi32((int)first), _mm_loadu_si128((const __m128i *)(const void *)heads)
	);
	return _mm_movemask_epi8(same) != 0 || first == load32((const uint8_t *)"arpa")
	       || (first & 0xffffff) == ('a' | 'l' << 8 | 't' << 16)
	       || (uint8_t)(label[0] - '0') < 10;
}

// Whether the zone begins at this border.
static bool is_zone(const struct lookup_zone *zone, const uint8_t *at) {
	uint64_t off = (load64(at) ^ zone->words[0]) & zone->word_mask[0];
	for (unsigned i = 8; i < zone->wire_len; i += 8) {
		off |= (load64(at + i) ^ zone->words[i / 8]) & zone->word_mask[i / 8];
	}
	return off == 0;
}

// Reads the name into u.
// @return Its octets with the root label but without the first length octet, or
//         0 for one that is not usual.
static inline unsigned
read_name(const struct lookup_zone *zone, const uint8_t *text, struct usual *u) {
	uint64_t borders = 0;
	unsigned end = text[-1];
	while (end < 64 && text[end] != 0) {
		borders |= (uint64_t)1 << end;
		end += 1U + text[end];
	}
	unsigned zone_at = end + 1U - zone->wire_len;
	// It wraps where the zone is longer.
	if (text[-1] == 0 || end >= 64 || zone_at > USUAL_NAME_MAX) {
		return 0;
	}
	struct octets o = {0};
	judge(text, 0, &o, u->name);
	for (unsigned at = LANE; at < zone_at; at += LANE) {
		judge(text, at, &o, u->name);
	}
	uint64_t inner = ((uint64_t)1 << zone_at) - 1;
	uint64_t dots = borders & inner;
	uint64_t edges = borders << 1 | borders >> 1 | 1;
	uint64_t bad = ~(o.ldh | dots) | (o.low ^ borders) | (o.hyphens & edges);
	if (dots == 0 || (bad & inner) != 0 || (borders >> zone_at & 1) == 0
	    || !is_zone(zone, text + zone_at)
	    || may_be_special(text + (64 - (unsigned)__builtin_clzll(dots)))) {
		return 0;
	}
	u->name_len = (uint8_t)zone_at;
	return end + 1;
}

// The sum of an OPT record at an even offset, but for its first two octets,
// which are zero, and its last, which is too.
static uint64_t sum_opt(const uint8_t *opt) {
	return sum_word(opt + 2);
}

// An OPT record (RFC 6891 6.1.2) of version 0 without options.
static bool read_opt(const uint8_t *opt, struct usual *u) {
	if ((load64(opt) & 0x7fffff0000ffffffULL) != 0x290000
	    || (load32(opt + 7) & 0xffffff00U) != 0) {
		return false;
	}
	unsigned size = (unsigned)(opt[3] << 8 | opt[4]);
	size = size < 512 ? 512 : size;
	u->size_max = (uint16_t)(size > LOOKUP_UDP_MAX ? LOOKUP_UDP_MAX : size);
	u->dnssec_ok = opt[7];
	return true;
}

// The header and the sums of the datagram.
static bool read_udp(
	const struct usual_sender *s,
	const uint8_t *data,
	const uint8_t *udp,
	size_t bytes,
	bool verified
) {
	const uint8_t *ip = data + s->l3;
	unsigned source_port = (unsigned)(udp[0] << 8 | udp[1]);
	size_t length = (size_t)(data[s->length_at] << 8 | data[s->length_at + 1]);
	if (length != bytes + s->length_more || source_port < LEAST_PORT || load16(udp + 6) == 0) {
		return false;
	}
	if (verified) {
		return true;
	}
	if (s->length_more != 0
	    && sum_fold((uint64_t)s->head_sum + load32(ip + 2) + load16(ip + 10)) != 0) {
		return false;
	}
	return sum_fold(s->pseudo_sum + load16(udp + 4) + sum_lanes(udp, bytes)) == 0;
}

static inline bool read_frame(
	const struct usual_sender *s,
	const struct lookup_zone *zone,
	const struct usual_frame *f,
	struct usual *u
) {
	const uint8_t *udp = f->data + s->l4;
	const uint8_t *msg = udp + UDP_BYTES;
	size_t bytes = (size_t)(udp[4] << 8 | udp[5]);
	if (!is_from(s, f->data) || s->l4 + bytes > f->len || bytes < UDP_BYTES + TEXT_AT
	    || bytes > UDP_MAX || !read_udp(s, f->data, udp, bytes, f->verified)) {
		return false;
	}
	unsigned name_bytes = read_name(zone, msg + TEXT_AT, u);
	const uint8_t *tail = msg + TEXT_AT + name_bytes;
	const uint8_t *opt = tail + QUESTION_TAIL_BYTES;
	unsigned opt_bytes = msg[11] != 0 ? OPT_BYTES : 0;
	if (name_bytes == 0 || load32(tail) != 0x01001000 || opt + opt_bytes != udp + bytes) {
		return false;
	}
	u->question_bytes = (uint8_t)(name_bytes + 1 + QUESTION_TAIL_BYTES);
	u->has_opt = msg[11];
	u->size_max = 512;
	u->dnssec_ok = 0;
	uint64_t left_out = 2 * (uint64_t)load16(udp + 4) + load16(msg + 2);
	if (u->has_opt != 0) {
		if (!read_opt(opt, u)) {
			return false;
		}
		left_out += sum_shifted(sum_opt(opt), u->question_bytes % 2 != 0);
	}
	// Far above what is taken away, and a multiple of 65535.
	u->sum = (0xffffULL << 32) + (uint16_t)~load16(udp + 6) - left_out;
	u->sender = s;
	return true;
}

static unsigned read_burst(
	const struct usual_sender senders[USUAL_SENDERS],
	const struct lookup_zone *zone,
	const struct usual_frame frames[],
	unsigned n,
	struct usual out[],
	struct table_key keys[]
) {
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++) {
		struct usual *u = &out[count];
		const struct usual_sender *s = &senders[usual_place(frames[i].data)];
		if (read_frame(s, zone, &frames[i], u)) {
			u->index = (uint8_t)i;
			keys[count++] = (struct table_key){u->name, u->name_len};
		}
	}
	return count;
}

#define RR_HEAD "\xc0\x0c\0\x10\0\x01\0\0\0\0\0"
#define RR_HEAD_SUM (SUM_PAIR(0xc0, 0x0c) + SUM_PAIR(0, 0x10) + SUM_PAIR(0, 1))
#define OPT "\0\0\x29\x04\xd0\0\0\0\0\0\0"
#define OPT_SUM (SUM_PAIR(0x29, 0x04) + SUM_PAIR(0xd0, 0))

static_assert(LOOKUP_UDP_MAX == 0x04d0);

// Each writes the record and OPT behind the question.
// @param sum  Takes the sum of what was written, as at an even offset.
// @return Octets of the record.

static uint64_t opt_sum(const struct usual *u) {
	return u->has_opt != 0 ? OPT_SUM + SUM_PAIR(0, u->dnssec_ok) : 0;
}

static size_t put_none(const struct usual *u, uint8_t *at, uint8_t ttl, uint64_t *sum) {
	static const uint8_t ANSWER[48] = RR_HEAD "\x10\x0f" NONE OPT;
	copy16(at, ANSWER);
	copy16(at + 16, ANSWER + 16);
	copy16(at + 32, ANSWER + 32);
	at[TTL_AT] = ttl;
	at[RR_BYTES + NONE_BYTES + 7] = u->dnssec_ok;
	*sum = RR_HEAD_SUM + SUM_PAIR(0, ttl) + SUM_PAIR(0, 0x10) + SUM_PAIR(0x0f, 'v')
	       + SUM_PAIR('=', 'S') + SUM_PAIR('T', 'S') + SUM_PAIR('Q', '1') + SUM_PAIR(';', ' ')
	       + SUM_PAIR('r', '=') + SUM_PAIR('n', 'o') + SUM_PAIR('n', 'e') + opt_sum(u);
	return RR_BYTES + NONE_BYTES;
}

// What stands round RDATA that was written already.
static size_t
put_round(const struct usual *u, uint8_t *at, uint8_t ttl, size_t rdata_bytes, uint64_t *sum) {
	static const uint8_t HEAD[16] = RR_HEAD;
	static const uint8_t OPT_RECORD[16] = OPT;
	uint16_t rdlength = htons((uint16_t)rdata_bytes);
	size_t bytes = RR_BYTES + rdata_bytes;
	memcpy(at, HEAD, RR_BYTES);
	at[TTL_AT] = ttl;
	store16(at + 10, rdlength);
	copy16(at + bytes, OPT_RECORD);
	at[bytes + 7] = u->dnssec_ok;
	*sum += RR_HEAD_SUM + SUM_PAIR(0, ttl) + rdlength + sum_shifted(opt_sum(u), bytes % 2 != 0);
	return bytes;
}

static void put_ready(uint8_t *rdata, const struct entry_body *body) {
	for (size_t i = 0; i < body->answer_bytes; i += 16) {
		copy16(rdata + i, body->data + i);
	}
}

static size_t put_policy(
	const struct usual *u,
	uint8_t *at,
	uint8_t ttl,
	const struct entry *e,
	bool stale,
	uint64_t *sum
) {
	const struct entry_body *body = entry_body(e);
	uint8_t *rdata = at + RR_BYTES;
	put_ready(rdata, body);
	*sum = body->answer_sum;
	if (stale && body->fresh_at != 0) {
		uint8_t less = (uint8_t)(rdata[body->fresh_at] - '0'); // it may be '0' already
		rdata[body->fresh_at] = '0';
		// Less than it was by this, modulo 65535.
		*sum += 0xffff00 - sum_shifted(SUM_PAIR(less, 0), body->fresh_at % 2 != 0);
	}
	return put_round(u, at, ttl, body->answer_bytes, sum);
}

// FAILED and UNKNOWN: one string, which ends where the digits of `retry=` go.
static size_t put_retry(
	const struct usual *u,
	uint8_t *at,
	uint8_t ttl,
	const struct entry *e,
	uint32_t retry_s,
	uint64_t *sum
) {
	const struct entry_body *body = entry_body(e);
	uint8_t *rdata = at + RR_BYTES;
	put_ready(rdata, body);
	size_t bytes = body->answer_bytes + digits_put(rdata + body->answer_bytes, retry_s);
	rdata[0] = (uint8_t)(bytes - 1);
	*sum = sum_octets(rdata, bytes, 0);
	return put_round(u, at, ttl, bytes, sum);
}

// Whether what is ready, digits and OPT fit for certain.
static bool fits(const struct usual *u, const struct entry *e) {
	return HEADER_BYTES + u->question_bytes + RR_BYTES + entry_body(e)->answer_bytes
		       + DIGITS_MAX + OPT_BYTES
	       <= u->size_max;
}

// The headers, around a message of so many octets.
static size_t
turn(const struct usual_sender *s, uint8_t *data, uint32_t ports, size_t bytes, uint64_t sum) {
	copy16(data, s->reply);
	copy16(data + 16, s->reply + 16);
	copy16(data + s->l4 - 32, s->reply + s->l4 - 32);
	copy16(data + s->l4 - 16, s->reply + s->l4 - 16);
	uint16_t total = htons((uint16_t)(bytes + s->length_more));
	store16(data + s->length_at, total);
	if (s->length_more != 0) {
		store16(data + s->l3 + 10, sum_fold((uint64_t)s->reply_sum + total));
	}
	uint16_t length = htons((uint16_t)bytes);
	uint64_t check = sum_fold(sum + length + length);
	check = check == 0 ? 0xffff : check; // zero would say "not computed"
	ports = ports >> 16 | ports << 16;
	store64(data + s->l4, check << 48 | (uint64_t)length << 32 | ports);
	return s->l4 + bytes;
}

static inline size_t
answer(const struct usual *u, uint8_t *data, const struct entry *e, struct lookup_now now) {
	const struct usual_sender *s = u->sender;
	uint8_t *msg = data + s->l4 + UDP_BYTES;
	uint8_t *at = msg + HEADER_BYTES + u->question_bytes;
	uint8_t ttl = lookup_ttl(e, now.boot_s);
	uint64_t sum;
	size_t bytes;
	if (e->kind == ENTRY_NONE) {
		bytes = put_none(u, at, ttl, &sum);
	} else if (!fits(u, e)) {
		return 0;
	} else if (e->kind == ENTRY_POLICY) {
		bytes = put_policy(u, at, ttl, e, now.boot_s >= e->check_s, &sum);
	} else {
		bytes = put_retry(u, at, ttl, e, e->ends_s - now.boot_s, &sum);
	}
	bytes += UDP_BYTES + HEADER_BYTES + (size_t)u->question_bytes;
	bytes += u->has_opt != 0 ? OPT_BYTES : 0;
	// RD and CD are copied, QR and AA set; one question, one answer.
	uint64_t flags = (load16(msg + 2) & SUM_PAIR(0x79, 0x10)) | SUM_PAIR(0x84, 0);
	sum = u->sum + sum_shifted(sum, u->question_bytes % 2 != 0) + flags + SUM_PAIR(0, 1);
	uint32_t ports = load32(data + s->l4);
	store64(msg, load16(msg) | flags << 16 | SUM_PAIR(0, 1) << 32 | SUM_PAIR(0, 1) << 48);
	return turn(s, data, ports, bytes, sum);
}

static void answer_burst(
	const struct usual_frame frames[],
	const struct usual questions[],
	const struct entry *const found[],
	unsigned n,
	struct lookup_now now,
	uint16_t bytes[]
) {
	for (unsigned i = 0; i < n; i++) {
		const struct usual *u = &questions[i];
		const struct entry *e = found[i];
		bool in_force = e != NULL && e->ends_s > now.boot_s;
		uint8_t *data = frames[u->index].data;
		bytes[i] = in_force ? (uint16_t)answer(u, data, e, now) : 0;
	}
}

const struct usual_way WAY = {.read = read_burst, .answer = answer_burst};
