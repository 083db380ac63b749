// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/digits.h"
#include "dataplane/lookup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// Writes answers over the query. The header and the question stay where they
// are; everything behind the question is ours.

#define HEADER_BYTES 12
#define RR_BYTES 12 // owner as a pointer, type, class, TTL, RDLENGTH
#define OPT_BYTES 11
#define NONE "v=STSQ1; r=none"
#define NONE_BYTES (sizeof(NONE) - 1)
#define MORE "; more=1"
#define MORE_BYTES (sizeof(MORE) - 1)

enum { TYPE_A = 1, TYPE_NS = 2, TYPE_SOA = 6, TYPE_TXT = 16, TYPE_AAAA = 28, TYPE_OPT = 41 };
enum { OPTION_NSID = 3, OPTION_COOKIE = 10, OPTION_EDE = 15 };
enum { SERVFAIL = 2, EDE_NOT_READY = 14 };

struct answer {
	const struct lookup_query *q;
	const struct lookup_zone *zone;
	uint8_t *buf;
	uint8_t *at;
	uint16_t answers;
	uint16_t authorities;
	bool nsid; // still to be sent
	bool cookie;
	bool cut; // there was no room for all of it
	int ede;  // -1: none
};

static void put16(uint8_t **at, unsigned v) {
	*(*at)++ = (uint8_t)(v >> 8);
	*(*at)++ = (uint8_t)v;
}

static void put32(uint8_t **at, uint32_t v) {
	put16(at, v >> 16);
	put16(at, v & 0xffff);
}

static void put_octets(struct answer *a, const void *octets, size_t len) {
	memcpy(a->at, octets, len);
	a->at += len;
}

static struct answer
begin(const struct lookup_query *q, uint8_t *buf, const struct lookup_zone *zone) {
	return (struct answer){
		.q = q,
		.zone = zone,
		.buf = buf,
		.at = buf + HEADER_BYTES + (q->has_question ? q->question_bytes : 0),
		.nsid = q->wants_nsid && zone->nsid_len > 0,
		.cookie = q->claims && q->cookie.made,
		.ede = -1,
	};
}

// Octets that may still be written, with what follows the records set aside.
static size_t room(const struct answer *a) {
	size_t used = (size_t)(a->at - a->buf) + (a->q->has_opt ? OPT_BYTES : 0)
		      + (a->nsid ? 4U + a->zone->nsid_len : 0)
		      + (a->cookie ? 4U + COOKIE_BYTES : 0);
	return used < a->q->size_max ? a->q->size_max - used : 0;
}

static void put_opt(struct answer *a) {
	*a->at++ = 0;
	put16(&a->at, TYPE_OPT);
	put16(&a->at, LOOKUP_UDP_MAX);
	*a->at++ = a->q->edns_rcode;
	*a->at++ = 0;
	put16(&a->at, a->q->dnssec_ok ? 0x8000 : 0);
	uint8_t *length = a->at;
	a->at += 2;
	if (a->nsid) {
		put16(&a->at, OPTION_NSID);
		put16(&a->at, a->zone->nsid_len);
		put_octets(a, a->zone->nsid, a->zone->nsid_len);
	}
	if (a->cookie) {
		put16(&a->at, OPTION_COOKIE);
		put16(&a->at, COOKIE_BYTES);
		put_octets(a, a->q->cookie.octets, COOKIE_BYTES);
	}
	if (a->ede >= 0) {
		put16(&a->at, OPTION_EDE);
		put16(&a->at, 2);
		put16(&a->at, (unsigned)a->ede);
	}
	put16(&length, (unsigned)(a->at - length - 2));
}

// RD and CD are copied, QR is set, RA, AD and Z are not. TC sends the client to
// TCP at the same address: it is set where somebody listens there.
static size_t finish(struct answer *a, uint8_t rcode, bool authoritative) {
	if (a->q->has_opt) {
		put_opt(a);
	}
	uint8_t *h = a->buf;
	h[2] = (uint8_t
	)((h[2] & 0x79) | 0x80 | (authoritative ? 0x04 : 0) | (a->cut && a->q->tcp_here ? 0x02 : 0)
	);
	h[3] = (uint8_t)((h[3] & 0x10) | rcode);
	uint8_t *counts = h + 4;
	put16(&counts, a->q->has_question ? 1 : 0);
	put16(&counts, a->answers);
	put16(&counts, a->authorities);
	put16(&counts, a->q->has_opt ? 1 : 0);
	return (size_t)(a->at - a->buf);
}

// @return Where the RDLENGTH stands; it is filled by end_rr().
static uint8_t *begin_rr(struct answer *a, unsigned owner_at, unsigned type, uint32_t ttl) {
	put16(&a->at, 0xc000 | owner_at);
	put16(&a->at, type);
	put16(&a->at, 1);
	put32(&a->at, ttl);
	uint8_t *length = a->at;
	a->at += 2;
	return length;
}

static void end_rr(struct answer *a, uint8_t *length) {
	put16(&length, (unsigned)(a->at - length - 2));
}

// Where the zone's labels begin in the echoed question.
static unsigned zone_at(const struct answer *a) {
	return HEADER_BYTES + a->q->question_bytes - 4U - a->zone->wire_len;
}

static void put_label(struct answer *a, const char *label) {
	size_t len = strlen(label);
	*a->at++ = (uint8_t)len;
	put_octets(a, label, len);
	put16(&a->at, 0xc000 | zone_at(a));
}

static void put_soa(struct answer *a, uint32_t ttl) {
	uint8_t *length = begin_rr(a, zone_at(a), TYPE_SOA, ttl);
	put_label(a, "ns");
	put_label(a, "hostmaster");
	put32(&a->at, 1);
	put32(&a->at, 3600);
	put32(&a->at, 600);
	put32(&a->at, 86400);
	put32(&a->at, 60);
	end_rr(a, length);
}

static void put_addresses(struct answer *a) {
	bool v4 = a->q->qtype == TYPE_A;
	for (unsigned i = 0; i < a->zone->address_count; i++) {
		if ((a->zone->addresses[i].family == AF_INET) != v4) {
			continue;
		}
		uint8_t *length = begin_rr(a, HEADER_BYTES, a->q->qtype, 3600);
		size_t len = v4 ? 4 : 16;
		put_octets(a, a->zone->addresses[i].octets, len);
		end_rr(a, length);
		a->answers++;
	}
}

static void put_text(struct answer *a, const char *text, uint32_t ttl) {
	uint8_t *length = begin_rr(a, HEADER_BYTES, TYPE_TXT, ttl);
	size_t len = strnlen(text, 255);
	*a->at++ = (uint8_t)len;
	put_octets(a, text, len);
	end_rr(a, length);
	a->answers = 1;
}

size_t
lookup_answer_error(const struct lookup_query *q, uint8_t *buf, const struct lookup_zone *zone) {
	struct answer a = begin(q, buf, zone);
	return finish(&a, q->rcode, false);
}

size_t lookup_answer_zone(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *zone,
	const struct lookup_status *status
) {
	struct answer a = begin(q, buf, zone);
	char text[256];
	uint8_t *length;
	switch (q->kind) {
	case LOOKUP_SOA:
		put_soa(&a, 3600);
		a.answers = 1;
		break;
	case LOOKUP_NS:
		length = begin_rr(&a, HEADER_BYTES, TYPE_NS, 3600);
		put_label(&a, "ns");
		end_rr(&a, length);
		a.answers = 1;
		break;
	case LOOKUP_ADDRESS:
		put_addresses(&a);
		break;
	case LOOKUP_STATUS:
		snprintf(
			text,
			sizeof(text),
			"version=%s; uptime=%" PRIu64 "; entries=%" PRIu64 "%s%s",
			status->version,
			status->uptime_s,
			status->entries,
			status->tcp[0] != '\0' ? "; tcp=" : "",
			status->tcp
		);
		put_text(&a, text, 0);
		break;
	default:
		break;
	}
	if (a.answers == 0) {
		put_soa(&a, 60);
		a.authorities = 1;
	}
	return finish(&a, 0, true);
}

static void put_string(struct answer *a, const char *text, size_t len) {
	*a->at++ = (uint8_t)len;
	put_octets(a, text, len);
}

// How many octets of whole tags fit. A string of 255 octets goes on in the next
// one: no tag is cut there.
static size_t whole_strings(const struct entry_body *body, size_t fits) {
	size_t take = 1U + body->data[0];
	for (size_t at = take; at < body->answer_bytes;) {
		bool goes_on = body->data[at] == 255;
		at += 1U + body->data[at];
		if (at > fits) {
			break;
		}
		if (!goes_on) {
			take = at;
		}
	}
	return take;
}

// As many of the ready-made strings as fit; the first always does.
static void put_strings(struct answer *a, const struct entry_body *body) {
	if (room(a) < body->answer_bytes) {
		a->nsid = false;
	}
	size_t fits = room(a);
	size_t take = body->answer_bytes;
	if (fits < take) {
		take = whole_strings(body, fits > MORE_BYTES ? fits - 1 - MORE_BYTES : 0);
	}
	put_octets(a, body->data, take);
	if (take < body->answer_bytes) {
		a->cut = true;
		put_string(a, MORE, MORE_BYTES);
	}
}

// The digits of `retry=` complete the one string of FAILED and UNKNOWN.
static void put_retry(struct answer *a, const struct entry_body *body, uint32_t retry_s) {
	uint8_t *string = a->at;
	put_octets(a, body->data, body->answer_bytes);
	a->at += digits_put(a->at, retry_s);
	string[0] = (uint8_t)(a->at - string - 1);
}

size_t lookup_answer_entry(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *zone,
	const struct entry *e,
	struct lookup_now now
) {
	struct answer a = begin(q, buf, zone);
	uint8_t ttl = q->kind == LOOKUP_RECHECK ? 0 : lookup_ttl(e, now.boot_s);
	uint8_t *length = begin_rr(&a, HEADER_BYTES, TYPE_TXT, ttl);
	uint8_t *rdata = a.at;
	const struct entry_body *body = entry_body(e);
	switch (e->kind) {
	case ENTRY_NONE:
		put_string(&a, NONE, NONE_BYTES);
		break;
	case ENTRY_POLICY:
		put_strings(&a, body);
		// A recheck that asks for any type is not held: no id was read for it.
		if (body->fresh_at != 0
		    && (now.boot_s >= e->check_s || (q->kind == LOOKUP_RECHECK && q->any_type))) {
			rdata[body->fresh_at] = '0';
		}
		break;
	default:
		put_retry(&a, body, e->ends_s > now.boot_s ? e->ends_s - now.boot_s : 1);
		break;
	}
	end_rr(&a, length);
	a.answers = 1;
	return finish(&a, 0, true);
}

size_t lookup_answer_short(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *zone,
	const char *verdict,
	const char *why,
	uint32_t retry_s
) {
	struct answer a = begin(q, buf, zone);
	bool pending = verdict[0] == 'p';
	uint32_t ttl = retry_s == 0 || retry_s > LOOKUP_TTL_MAX_S ? LOOKUP_TTL_MAX_S : retry_s;
	ttl = pending || q->kind == LOOKUP_RECHECK ? 0 : ttl;
	uint8_t *length = begin_rr(&a, HEADER_BYTES, TYPE_TXT, ttl);
	uint8_t *string = a.at++;
	put_octets(&a, "v=STSQ1; r=", 11);
	put_octets(&a, verdict, strlen(verdict));
	if (why[0] != '\0') {
		put_octets(&a, "; why=", 6);
		put_octets(&a, why, strnlen(why, RECORD_WHY_MAX));
	}
	if (retry_s > 0) {
		put_octets(&a, "; retry=", 8);
		a.at += digits_put(a.at, retry_s);
	}
	string[0] = (uint8_t)(a.at - string - 1);
	end_rr(&a, length);
	a.answers = 1;
	return finish(&a, 0, true);
}

size_t lookup_answer_name_fault(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *zone
) {
	enum name_verdict fault = (enum name_verdict)q->fault;
	char why[RECORD_WHY_MAX + 1] = "name/";
	strncat(why, name_verdict_str(fault), sizeof(why) - sizeof("name/"));
	const char *verdict = fault == NAME_NOT_A_LABEL ? "unknown" : "none";
	return lookup_answer_short(q, buf, zone, verdict, why, 0);
}

size_t lookup_answer_policy_text(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *zone,
	const struct entry *e,
	struct lookup_now now
) {
	struct answer a = begin(q, buf, zone);
	bool has = e != NULL && e->kind != ENTRY_NONE && entry_body(e)->text_bytes > 0
		   && (e->kind != ENTRY_POLICY || e->ends_s > now.boot_s);
	if (!has) {
		put_soa(&a, 60);
		a.authorities = 1;
		return finish(&a, 0, true);
	}
	const struct entry_body *body = entry_body(e);
	const uint8_t *text = body->data + body->answer_bytes + body->text_at;
	size_t left = body->text_bytes < LOOKUP_POLICY_TEXT_MAX ? body->text_bytes
								: LOOKUP_POLICY_TEXT_MAX;
	a.nsid = false;
	if (room(&a) < RR_BYTES + 2) { // beside a long name and a signature
		size_t n = finish(&a, 0, true);
		buf[2] |= 0x02; // TC
		return n;
	}
	uint8_t *length = begin_rr(&a, HEADER_BYTES, TYPE_TXT, 0);
	while (left > 0 && room(&a) > 1) {
		size_t len = left < 255 ? left : 255;
		len = len < room(&a) - 1 ? len : room(&a) - 1;
		*a.at++ = (uint8_t)len;
		memcpy(a.at, text, len);
		a.at += len;
		text += len;
		left -= len;
	}
	a.cut = left > 0;
	end_rr(&a, length);
	a.answers = 1;
	return finish(&a, 0, true);
}

size_t lookup_answer_not_ready(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *zone
) {
	struct answer a = begin(q, buf, zone);
	a.ede = EDE_NOT_READY;
	a.nsid = false;
	return finish(&a, SERVFAIL, false);
}
