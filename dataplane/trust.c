// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/trust.h"

#include <string.h>
#include <sys/socket.h>

#define HEADER_BYTES 12

enum rcode { FORMERR = 1, REFUSED = 5, NOTAUTH = 9, BADCOOKIE = 23 };

unsigned trust_of(const struct trust *t, uint8_t family, const uint8_t *octets) {
	if (!clients_match(&t->allow, family, octets)) {
		return 0;
	}
	unsigned flags = TRUST_ALLOWED;
	flags |= clients_match(&t->untrusted, family, octets) ? TRUST_UNTRUSTED : 0;
	flags |= clients_match(&t->cookies_required, family, octets) ? TRUST_WANTS_COOKIE : 0;
	return flags;
}

void trust_judge(
	const struct trust *t,
	const struct trust_sender *from,
	const uint8_t *msg,
	wall_s_t now,
	struct lookup_query *q
) {
	lookup_claim(q);
	size_t address_bytes = from->family == AF_INET ? 4 : 16;
	cookie_judge(&t->cookies, from->octets, address_bytes, (uint32_t)now, &q->cookie);
	if (q->tsig.present) {
		tsig_verify(&t->keys, msg, now, &q->tsig);
		size_t bytes = tsig_bytes(&q->tsig);
		q->signed_max = q->size_max;
		q->size_max = (uint16_t)(q->size_max > bytes ? q->size_max - bytes : 0);
	}
}

static void refuse(struct lookup_query *q, unsigned rcode) {
	q->kind = LOOKUP_ERROR;
	q->rcode = rcode & 0x0f;
	q->edns_rcode = (uint8_t)(rcode >> 4);
}

static void count_cookie(const struct lookup_query *q, struct trust_counters *c) {
	counter_t *const BY_VERDICT[] = {
		[COOKIE_CLIENT] = &c->cookie_client,
		[COOKIE_BAD] = &c->cookie_bad,
		[COOKIE_GOOD] = &c->cookie_good,
	};
	if (q->cookie.malformed) {
		counter_add(&c->cookie_malformed, 1);
	} else if (q->cookie.verdict != COOKIE_NONE) {
		counter_add(BY_VERDICT[q->cookie.verdict], 1);
	}
}

// @return Whether the query is what its key's holder has asked now.
static bool admit_signature(struct lookup_query *q, struct trust_counters *c) {
	counter_t *const BY_VERDICT[] = {
		[TSIG_GOOD] = &c->tsig_good,
		[TSIG_SHORT] = &c->tsig_short,
		[TSIG_BADSIG] = &c->tsig_badsig,
		[TSIG_BADKEY] = &c->tsig_badkey,
		[TSIG_BADTIME] = &c->tsig_badtime,
		[TSIG_BADTRUNC] = &c->tsig_badtrunc,
	};
	counter_add(BY_VERDICT[q->tsig.verdict], 1);
	if (q->tsig.verdict == TSIG_GOOD) {
		return true;
	}
	bool is_short = q->tsig.verdict == TSIG_SHORT;
	refuse(q, is_short ? FORMERR : NOTAUTH);
	q->tsig.present = !is_short;
	return false;
}

// What is answered without a cookie too: an error starts nothing and is short.
static bool needs_cookie(const struct lookup_query *q) {
	return q->kind != LOOKUP_ERROR && q->kind != LOOKUP_COOKIE
	       && q->cookie.verdict != COOKIE_GOOD;
}

void trust_admit(
	const struct trust *t,
	const struct trust_sender *from,
	struct lookup_query *q,
	struct trust_counters *c
) {
	count_cookie(q, c);
	if (q->tsig.present && !admit_signature(q, c)) {
		return;
	}
	if (from->tcp && t->signed_tcp && !q->tsig.present && q->kind != LOOKUP_ERROR) {
		counter_add(&c->tsig_required, 1);
		refuse(q, REFUSED);
	} else if (q->kind == LOOKUP_COOKIE && q->cookie.verdict == COOKIE_BAD) {
		refuse(q, BADCOOKIE); // RFC 7873 5.4
	} else if (!from->tcp && (from->flags & TRUST_WANTS_COOKIE) != 0 && needs_cookie(q)) {
		counter_add(&c->cookie_required, 1);
		refuse(q, q->has_opt ? BADCOOKIE : REFUSED); // 23 is told in an OPT only
	}
}

size_t trust_sign(
	const struct trust *t,
	const struct lookup_query *q,
	uint8_t *msg,
	size_t len,
	wall_s_t now,
	struct trust_counters *c
) {
	if (!q->claims || !q->tsig.present) {
		return len;
	}
	if (len + tsig_bytes(&q->tsig) > q->signed_max) {
		counter_add(&c->tsig_cut, 1);
		msg[2] |= 0x02;
		memset(msg + 6, 0, 6); // counts but that of questions
		len = HEADER_BYTES + (q->has_question ? q->question_bytes : 0);
	}
	return tsig_sign(&t->keys, &q->tsig, msg, len, now);
}
