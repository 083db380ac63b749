// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/lookup.h"

#include "base/err.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

// RFC 1035 4.1, RFC 6891 6.1.

#define HEADER_BYTES 12
#define NAME_BYTES_MAX 255
#define LABELS_MAX 128

#define OPT_NSID 3    // RFC 5001
#define OPT_COOKIE 10 // RFC 7873

enum rr_type {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_SOA = 6,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_OPT = 41
};
enum rr_qtype { TYPE_TSIG = 250, TYPE_IXFR = 251, TYPE_AXFR = 252, TYPE_ANY = 255 };
enum rcode { FORMERR = 1, NOTIMP = 4, REFUSED = 5 };

// The question's name as it was walked: where its labels begin.
struct labels {
	const uint8_t *wire;	// of the message, at octet 12
	uint8_t count;		// without the root label
	uint16_t bytes;		// with the root label
	uint8_t at[LABELS_MAX]; // offsets from wire
};

static uint16_t be16(const uint8_t *p) {
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t lower(uint8_t c) {
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool equal_lower(const uint8_t *a, const uint8_t *low, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (lower(a[i]) != low[i]) {
			return false;
		}
	}
	return true;
}

int lookup_zone_parse(const char *text, struct lookup_zone *out) {
	size_t len = strlen(text);
	if (len > 0 && text[len - 1] == '.') {
		len--;
	}
	if (len == 0 || len + 2 > sizeof(out->wire) || !name_is_host(text, len)) {
		return ERR_SYNTAX;
	}
	uint8_t *start = out->wire; // the length octet of the label being copied
	uint8_t *at = out->wire + 1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			*start = (uint8_t)(at - start - 1);
			start = at++;
		} else {
			*at++ = lower((uint8_t)text[i]);
		}
	}
	*start = (uint8_t)(at - start - 1);
	*at++ = 0;
	out->wire_len = (uint8_t)(at - out->wire);
	uint8_t octets[sizeof(out->words)] = {0};
	uint8_t mask[sizeof(out->word_mask)] = {0};
	for (size_t i = 0; i < out->wire_len; i++) {
		bool letter = out->wire[i] >= 'a' && out->wire[i] <= 'z';
		mask[i] = letter ? 0xdf : 0xff; // either case
		octets[i] = out->wire[i] & mask[i];
	}
	memcpy(out->words, octets, sizeof(octets));
	memcpy(out->word_mask, mask, sizeof(mask));
	return 0;
}

// Reads the question's name. A compression pointer has nothing to point at.
static bool walk_name(const uint8_t *msg, size_t len, struct labels *l) {
	size_t at = HEADER_BYTES;
	l->wire = msg + HEADER_BYTES;
	l->count = 0;
	while (at < len && msg[at] != 0) {
		size_t next = at + 1U + msg[at];
		if (msg[at] > NAME_LABEL_MAX || next - HEADER_BYTES >= NAME_BYTES_MAX) {
			return false;
		}
		l->at[l->count++] = (uint8_t)(at - HEADER_BYTES);
		at = next;
	}
	l->bytes = (uint16_t)(at + 1 - HEADER_BYTES);
	return at < len;
}

void lookup_claim(struct lookup_query *q) {
	if (!q->claims) {
		memset(&q->cookie, 0, offsetof(struct cookie, octets));
		q->tsig.present = false;
		q->claims = true;
	}
}

// Of repeated options the first counts.
static bool
read_options(const uint8_t *msg, const uint8_t *at, const uint8_t *end, struct lookup_query *q) {
	while (at < end) {
		if (end - at < 4 || end - at - 4 < be16(at + 2)) {
			return false;
		}
		q->wants_nsid |= be16(at) == OPT_NSID;
		if (be16(at) == OPT_COOKIE) {
			lookup_claim(q);
			cookie_read(at + 4, be16(at + 2), &q->cookie);
		}
		if (be16(at) == LOOKUP_BATCH_OPTION && q->batch_at == 0) {
			q->batch_at = (uint16_t)(at + 4 - msg);
			q->batch_bytes = be16(at + 2);
		}
		at += 4 + be16(at + 2);
	}
	return true;
}

// @return Octets of the OPT record, or 0: it is none, or cannot be read.
static size_t read_opt(
	const uint8_t *msg,
	const uint8_t *at,
	const uint8_t *end,
	struct lookup_query *q,
	uint8_t *version
) {
	const size_t fixed = 11; // root, type, class, TTL, RDLENGTH
	if ((size_t)(end - at) < fixed || at[0] != 0 || be16(at + 1) != TYPE_OPT) {
		return 0;
	}
	uint16_t rdlen = be16(at + 9);
	if ((size_t)(end - at) - fixed < rdlen
	    || !read_options(msg, at + fixed, at + fixed + rdlen, q)) {
		return 0;
	}
	uint16_t size = be16(at + 3);
	q->size_max = size < 512 ? 512 : size > LOOKUP_UDP_MAX ? LOOKUP_UDP_MAX : size;
	q->has_opt = true;
	q->dnssec_ok = (at[7] & 0x80) != 0;
	*version = at[6];
	return fixed + rdlen;
}

// The additional records a query may have: an OPT, and behind it, where the zone
// takes one, a TSIG (RFC 8945 5.1). Octets behind them are ignored.
static bool read_additional(
	const struct lookup_zone *zone,
	const uint8_t *msg,
	size_t len,
	struct lookup_query *q,
	uint8_t *version
) {
	size_t at = HEADER_BYTES + (size_t)q->question_bytes;
	unsigned count = be16(msg + 10);
	for (unsigned i = 0; i < count; i++) {
		size_t bytes = q->has_opt ? 0 : read_opt(msg, msg + at, msg + len, q, version);
		if (bytes == 0 && zone->signatures && i + 1 == count) {
			lookup_claim(q);
			bytes = tsig_read(msg, len, at, &q->tsig);
		}
		if (bytes == 0) {
			q->has_opt = q->claims = false; // nothing that was read counts
			return false;
		}
		at += bytes;
	}
	return true;
}

static bool with_cookie(const struct lookup_query *q) {
	return q->claims && q->cookie.len > 0;
}

static void error(struct lookup_query *q, uint8_t rcode) {
	q->kind = LOOKUP_ERROR;
	q->rcode = rcode;
}

static bool ends_with(const char *text, size_t len, const struct name *ending) {
	return len >= ending->len
	       && memcmp(text + len - ending->len, ending->text, ending->len) == 0
	       && (len == ending->len || text[len - ending->len - 1] == '.');
}

// The verdict, or NAME_OK where an exception excuses it.
static enum name_verdict
excuse(const struct lookup_zone *zone, enum name_verdict v, const char *domain, size_t len) {
	if (v != NAME_SPECIAL_USE && v != NAME_SINGLE_LABEL) {
		return v;
	}
	for (unsigned i = 0; i < zone->allow_count; i++) {
		if (ends_with(domain, len, &zone->allow[i])) {
			return NAME_OK;
		}
	}
	return v;
}

enum name_verdict lookup_judge(const struct lookup_zone *zone, const char *domain, size_t len) {
	return excuse(zone, name_check(domain, len), domain, len);
}

// Makes octets lower case, BLOCK at a time: up to BLOCK - 1 more are touched.
// @return How many of those touched are dots.
#define BLOCK 16
static unsigned make_lower(uint8_t *text, size_t len) {
	unsigned dots = 0;
	for (size_t at = 0; at < len; at += BLOCK) {
		uint8_t is_dot[BLOCK];
		for (unsigned i = 0; i < BLOCK; i++) {
			uint8_t c = text[at + i];
			is_dot[i] = c == '.';
			text[at + i] = lower(c);
		}
		for (unsigned i = 0; i < BLOCK; i++) {
			dots += is_dot[i];
		}
	}
	return dots;
}

// Writes octets [from, to) of the name, which are whole labels, as lower-case
// text and judges them. The verdict is name_check()'s: but a dot or NUL within
// a label is told from a border here, where that can still be seen.
static enum name_verdict
read_domain(const struct labels *l, size_t from, size_t to, struct lookup_query *q) {
	uint8_t text[NAME_BYTES_MAX + BLOCK];
	size_t len = from < to ? to - from - 1 : 0;
	memcpy(text, l->wire + from + 1, len);
	memset(text + len, 0, BLOCK);
	unsigned dots = make_lower(text, len);
	for (size_t at = from + 1U + l->wire[from]; at < to; at += 1U + l->wire[at]) {
		dots -= l->wire[at] == '.'; // a length
		text[at - from - 1] = '.';
	}
	size_t kept = len > NAME_DOMAIN_MAX ? NAME_DOMAIN_MAX : len;
	memcpy(q->domain, text, kept);
	q->domain[kept] = '\0';
	q->domain_len = (uint8_t)kept;
	enum name_verdict v = name_check((const char *)text, len);
	return dots > 0 && v != NAME_NOT_A_LABEL && v != NAME_TOO_LONG ? NAME_NOT_LDH : v;
}

static bool label_is(const struct labels *l, unsigned index, const char *low) {
	const uint8_t *label = l->wire + l->at[index];
	size_t len = strlen(low);
	return label[0] == len && equal_lower(label + 1, (const uint8_t *)low, len);
}

static void classify_apex(struct lookup_query *q) {
	switch (q->qtype) {
	case TYPE_SOA:
		q->kind = LOOKUP_SOA;
		break;
	case TYPE_NS:
		q->kind = LOOKUP_NS;
		break;
	case TYPE_TXT:
	case TYPE_ANY:
		q->kind = LOOKUP_STATUS;
		break;
	default:
		q->kind = LOOKUP_NODATA;
		break;
	}
}

static void classify(
	const struct lookup_zone *zone,
	const struct labels *l,
	unsigned below,
	struct lookup_query *q
) {
	if (below == 0) {
		classify_apex(q);
		return;
	}
	if (below == 1 && (q->qtype == TYPE_A || q->qtype == TYPE_AAAA) && label_is(l, 0, "ns")) {
		q->kind = LOOKUP_ADDRESS;
		return;
	}
	q->any_type = q->qtype == TYPE_ANY;
	if (q->qtype != TYPE_TXT && !q->any_type) {
		q->kind = LOOKUP_NODATA;
		return;
	}
	unsigned first = 1;
	if (label_is(l, 0, "_recheck")) {
		q->kind = LOOKUP_RECHECK;
	} else if (label_is(l, 0, "_policy")) {
		q->kind = LOOKUP_POLICY_TEXT;
	} else {
		q->kind = LOOKUP_VERDICT;
		first = 0;
	}
	size_t end = l->bytes - (size_t)zone->wire_len;
	enum name_verdict v = read_domain(l, first < below ? l->at[first] : end, end, q);
	v = excuse(zone, v, q->domain, q->domain_len);
	if (v != NAME_OK) {
		q->kind = LOOKUP_NAME_FAULT;
		q->fault = (uint8_t)v;
	}
}

// How many labels stand below the zone, or -1 outside it.
static int labels_below(const struct lookup_zone *zone, const struct labels *l) {
	if (l->bytes < zone->wire_len) {
		return -1;
	}
	size_t at = l->bytes - (size_t)zone->wire_len;
	if (!equal_lower(l->wire + at, zone->wire, zone->wire_len)) {
		return -1;
	}
	for (int i = l->count - 1; i >= 0; i--) {
		if (l->at[i] == at) {
			return i;
		}
	}
	return -1;
}

void lookup_parse(
	const struct lookup_zone *zone,
	const uint8_t *msg,
	size_t len,
	struct lookup_query *q
) {
	q->kind = LOOKUP_DROP;
	q->rcode = 0;
	q->edns_rcode = 0;
	q->has_question = q->has_opt = q->dnssec_ok = q->wants_nsid = q->any_type = q->claims = false;
	q->tcp_here = false;
	q->question_bytes = 0;
	q->size_max = 512;
	q->batch_at = 0;
	q->domain_len = 0;
	q->qtype = 0;
	if (len < HEADER_BYTES || (msg[2] & 0x80) != 0) {
		return;
	}
	q->recursion_desired = (msg[2] & 1) != 0;
	struct labels l;
	if (be16(msg + 4) == 1 && walk_name(msg, len, &l)
	    && len >= HEADER_BYTES + (size_t)l.bytes + 4) {
		q->has_question = true;
		q->question_bytes = (uint16_t)(l.bytes + 4);
		q->qtype = be16(l.wire + l.bytes);
	}
	uint8_t version = 0;
	bool asks = q->has_question || be16(msg + 4) == 0;
	bool counts = be16(msg + 6) == 0 && be16(msg + 8) == 0;
	if ((msg[2] & 0x78) != 0) {
		error(q, NOTIMP);
	} else if (!asks || !counts || !read_additional(zone, msg, len, q, &version) || q->qtype == TYPE_OPT || q->qtype == TYPE_TSIG) {
		error(q, FORMERR);
	} else if (version > 0) {
		error(q, 0); // BADVERS is 16: its low four bits are zero
		q->edns_rcode = 1;
	} else if ((q->claims && q->cookie.malformed) || (!q->has_question && !with_cookie(q))) {
		error(q, FORMERR);
	} else if (!q->has_question) {
		q->kind = LOOKUP_COOKIE;
	} else {
		int below = labels_below(zone, &l);
		if (below < 0 || be16(l.wire + l.bytes + 2) != 1 || q->qtype == TYPE_AXFR
		    || q->qtype == TYPE_IXFR) {
			error(q, REFUSED);
		} else {
			classify(zone, &l, (unsigned)below, q);
		}
	}
}
