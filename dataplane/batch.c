// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/batch.h"

#include <string.h>

// The record of a name is the one of its single answer under another owner.
// Names without a policy and policies that fit are written here; whatever else
// there is, lookup_answer_*() writes as for a single question, and the record is
// taken from there.

#define HEADER_BYTES 12
#define QUESTION_TAIL_BYTES 4 // QTYPE and QCLASS
#define ROOT_QUESTION_BYTES (1 + QUESTION_TAIL_BYTES)
#define POINTER_BYTES 2
#define FIXED_BYTES 10 // type, class, TTL, RDLENGTH
#define OPT_BYTES 17   // with the option of two octets
#define TYPE_TXT 16
#define TYPE_OPT 41
#define NONE "v=STSQ1; r=none"

_Static_assert(BATCH_NAMES_MAX <= UINT8_MAX, "count and index are octets on the wire");

// Reading.

// What lookup_parse() says of the name as a question of its own.
// @return False: it cannot be asked at all.
static bool judge_slowly(const struct lookup_zone *zone, struct batch *b, unsigned i) {
	struct batch_name *n = &b->names[i];
	uint8_t msg[HEADER_BYTES + NAME_DOMAIN_MAX + 12 + sizeof(zone->wire) + QUESTION_TAIL_BYTES];
	static const uint8_t HEAD[HEADER_BYTES] = {0, 0, 1, 0, 0, 1};
	static const uint8_t TAIL[QUESTION_TAIL_BYTES] = {0, TYPE_TXT, 0, 1};
	size_t labels = n->bytes - 1U;
	uint8_t *at = msg;
	memcpy(at, HEAD, sizeof(HEAD));
	at += sizeof(HEAD);
	memcpy(at, b->wire + n->at, labels);
	at += labels;
	memcpy(at, zone->wire, zone->wire_len);
	at += zone->wire_len;
	memcpy(at, TAIL, sizeof(TAIL));
	at += sizeof(TAIL);
	struct lookup_query q;
	lookup_parse(zone, msg, (size_t)(at - msg), &q);
	char *text = b->text + n->at;
	switch (q.kind) {
	case LOOKUP_VERDICT:
		n->fate = BATCH_DOMAIN;
		memcpy(text, q.domain, q.domain_len);
		b->keys[i] = (struct table_key){text, q.domain_len};
		return true;
	case LOOKUP_NAME_FAULT:
		n->fate = BATCH_FAULT;
		n->fault = q.fault;
		break;
	case LOOKUP_RECHECK:
	case LOOKUP_POLICY_TEXT:
		n->fate = BATCH_SPECIAL;
		break;
	default:
		return false;
	}
	b->keys[i] = (struct table_key){text, 0};
	return true;
}

// Octets of labels with the root label, 0 where they do not end.
static size_t walk(const uint8_t *wire, size_t left) {
	size_t at = 0;
	while (at < left && wire[at] != 0) {
		if (wire[at] > NAME_LABEL_MAX) {
			return 0;
		}
		at += 1U + wire[at];
	}
	return at < left ? at + 1 : 0;
}

// Reads the name at an offset of `wire`. @return Its octets, 0: malformed.
static size_t
read_name(const struct lookup_zone *zone, struct batch *b, unsigned i, size_t at, size_t end) {
	struct batch_name *n = &b->names[i];
	const uint8_t *wire = b->wire + at;
	char *text = b->text + at;
	n->at = (uint16_t)at;
	unsigned len = plain_read(wire, end - at, text);
	if (len > 0) {
		n->bytes = (uint8_t)(len + 2);
		n->shown = (uint16_t)(len + 1);
		n->fate = BATCH_DOMAIN;
		b->keys[i] = (struct table_key){text, len};
		return len + 2U;
	}
	size_t bytes = walk(wire, end - at);
	// Below the zone it is a name of at most 255 octets (RFC 1035 3.1).
	if (bytes < 2 || bytes - 1 + zone->wire_len > 255) {
		return 0;
	}
	n->bytes = (uint8_t)bytes;
	n->shown = (uint16_t)(bytes - 1);
	return judge_slowly(zone, b, i) ? bytes : 0;
}

bool batch_read(
	const struct lookup_zone *zone,
	const struct lookup_query *q,
	const uint8_t *msg,
	struct batch *b
) {
	size_t own = (size_t)q->question_bytes - QUESTION_TAIL_BYTES - zone->wire_len;
	size_t end = own + 1 + q->batch_bytes;
	if (q->batch_bytes > BATCH_OPTION_MAX) {
		return false;
	}
	memcpy(b->wire, msg + HEADER_BYTES, own);
	b->wire[own] = 0;
	memcpy(b->wire + own + 1, msg + q->batch_at, q->batch_bytes);
	b->count = 0;
	for (size_t at = 0; at < end;) {
		size_t bytes = b->count < BATCH_NAMES_MAX ? read_name(zone, b, b->count, at, end)
							  : 0;
		if (bytes == 0) {
			return false;
		}
		b->count++;
		at += bytes;
	}
	b->names[0].shown = 0; // its owner is the question
	return true;
}

// Writing.

struct message {
	uint8_t *buf;
	uint8_t *at;
	uint8_t *end; // of the room for records
	uint16_t zone_pointer;
	bool empty; // no record yet
};

static uint8_t *put16(uint8_t *at, unsigned v) {
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

// Up to 31 octets too many are read and written.
static void copy_labels(uint8_t *to, const uint8_t *from, size_t len) {
	memcpy(to, from, 32);
	if (len > 32) {
		memcpy(to + 32, from + 32, len - 32);
	}
}

static inline uint8_t *put_owner(const struct message *m, const struct batch *b, unsigned i) {
	const struct batch_name *n = &b->names[i];
	copy_labels(m->at, b->wire + n->at, n->shown);
	return put16(m->at + n->shown, i == 0 ? 0xc000 | HEADER_BYTES : m->zone_pointer);
}

// The rest of a record: FIXED_BYTES and RDATA, at most `room` octets of it.
// @return Octets written to out.
static size_t rest_of_single(
	const struct batch *b,
	unsigned i,
	const struct lookup_zone *zone,
	struct lookup_now now,
	size_t room,
	uint8_t *out
) {
	const size_t before = HEADER_BYTES + ROOT_QUESTION_BYTES + POINTER_BYTES;
	const struct batch_name *n = &b->names[i];
	uint8_t buf[HEADER_BYTES + ROOT_QUESTION_BYTES + LOOKUP_UDP_MAX + LOOKUP_SLACK] = {0};
	struct lookup_query q = {
		.kind = LOOKUP_VERDICT,
		.fault = n->fault,
		.has_question = true,
		.qtype = TYPE_TXT,
		.question_bytes = ROOT_QUESTION_BYTES,
		.size_max = (uint16_t)(before + room),
	};
	size_t len = n->fate == BATCH_FAULT	? lookup_answer_name_fault(&q, buf, zone)
		     : n->fate == BATCH_SPECIAL ? lookup_answer_short(
			       &q, buf, zone, "unknown", "name/not-in-a-batch", 0
		       )
		     : b->found[i] == NULL ? lookup_answer_short(
			       &q, buf, zone, "pending", "", LOOKUP_PENDING_RETRY_S
		       )
					   : lookup_answer_entry(&q, buf, zone, b->found[i], now);
	memcpy(out, buf + before, len - before);
	return len - before;
}

// @return False: it does not fit.
static bool put_none(struct message *m, const struct batch *b, unsigned i, struct lookup_now now) {
	static const uint8_t REST[FIXED_BYTES + sizeof(NONE)] = "\0\x10\0\x01\0\0\0\0\0\x10\x0f" NONE;
	if ((size_t)(m->end - m->at) < b->names[i].shown + POINTER_BYTES + sizeof(REST)) {
		return false;
	}
	uint8_t *at = put_owner(m, b, i);
	memcpy(at, REST, sizeof(REST));
	at[7] = lookup_ttl(b->found[i], now.boot_s);
	m->at = at + sizeof(REST);
	return true;
}

// @return False: it does not fit.
static bool
put_policy(struct message *m, const struct batch *b, unsigned i, struct lookup_now now) {
	const struct entry *e = b->found[i];
	const struct entry_body *body = entry_body(e);
	size_t need = (size_t)b->names[i].shown + POINTER_BYTES + FIXED_BYTES + body->answer_bytes;
	if ((size_t)(m->end - m->at) < need) {
		return false;
	}
	uint8_t *at = put_owner(m, b, i);
	memcpy(at, "\0\x10\0\x01\0\0\0", 7);
	at[7] = lookup_ttl(e, now.boot_s);
	at = put16(at + 8, body->answer_bytes);
	memcpy(at, body->data, body->answer_bytes);
	if (body->fresh_at != 0 && now.boot_s >= e->check_s) {
		at[body->fresh_at] = '0';
	}
	m->at = at + body->answer_bytes;
	return true;
}

// What neither of the two above has written. The first record of a message is
// cut to what there is room for, any other waits for the next message.
static bool put_single(
	struct message *m,
	const struct batch *b,
	unsigned i,
	const struct lookup_zone *zone,
	struct lookup_now now
) {
	uint8_t rest[LOOKUP_UDP_MAX];
	size_t room = (size_t)(m->end - m->at);
	size_t owner = b->names[i].shown + (size_t)POINTER_BYTES;
	bool cut = m->empty && b->found[i] != NULL && b->found[i]->kind == ENTRY_POLICY;
	if (!cut && b->found[i] != NULL && b->found[i]->kind == ENTRY_POLICY) {
		return false;
	}
	size_t bytes = rest_of_single(
		b, i, zone, now, cut ? room - owner : sizeof(rest) - HEADER_BYTES, rest
	);
	if (owner + bytes > room) {
		return false;
	}
	uint8_t *at = put_owner(m, b, i);
	memcpy(at, rest, bytes);
	m->at = at + bytes;
	return true;
}

static bool
put(struct message *m,
    const struct batch *b,
    unsigned i,
    const struct lookup_zone *zone,
    struct lookup_now now) {
	const struct entry *e = b->found[i];
	if (e != NULL && e->kind == ENTRY_NONE) {
		return put_none(m, b, i, now);
	}
	if (e != NULL && e->kind == ENTRY_POLICY && put_policy(m, b, i, now)) {
		return true;
	}
	return put_single(m, b, i, zone, now);
}

// RD and CD are copied, QR and AA set, RA, AD, Z and TC are not.
static void put_ends(
	struct message *m,
	const struct batch *b,
	const struct lookup_query *q,
	unsigned first,
	unsigned records
) {
	uint8_t *h = m->buf;
	h[2] = (uint8_t)((h[2] & 0x79) | 0x84);
	h[3] &= 0x10;
	memcpy(h + 4, (uint8_t[]){0, 1, 0, (uint8_t)records, 0, 0, 0, 1}, 8);
	uint8_t *at = m->at;
	*at++ = 0;
	at = put16(at, TYPE_OPT);
	at = put16(at, LOOKUP_UDP_MAX);
	at = put16(at, 0);
	at = put16(at, q->dnssec_ok ? 0x8000 : 0);
	at = put16(at, 6);
	at = put16(at, LOOKUP_BATCH_OPTION);
	at = put16(at, 2);
	*at++ = (uint8_t)b->count;
	*at++ = (uint8_t)first;
	m->at = at;
}

size_t batch_write(
	const struct batch *b,
	const struct lookup_query *q,
	const struct lookup_zone *zone,
	struct lookup_now now,
	unsigned *next,
	uint8_t *buf
) {
	size_t head = HEADER_BYTES + (size_t)q->question_bytes;
	struct message m = {
		.buf = buf,
		.at = buf + head,
		.end = buf + LOOKUP_UDP_MAX - OPT_BYTES,
		.zone_pointer = (uint16_t)(0xc000 | (head - QUESTION_TAIL_BYTES - zone->wire_len)),
		.empty = true,
	};
	unsigned first = *next;
	unsigned i = first;
	while (i < b->count && put(&m, b, i, zone, now)) {
		m.empty = false;
		i++;
	}
	*next = i;
	put_ends(&m, b, q, first, i - first);
	return (size_t)(m.at - buf);
}
