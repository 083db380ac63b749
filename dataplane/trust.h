// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "base/counter.h"
#include "dataplane/clients.h"
#include "dataplane/cookie.h"
#include "dataplane/lookup.h"
#include "dataplane/tsig.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How far a sender is believed: by its address, by a cookie (RFC 7873), by a
// signature (RFC 8945); and what becomes of a query that proves too little. For
// the data plane and for DNS over TCP alike.

// As configured. Read by all, written by nobody once it is in use.
struct trust {
	struct clients allow;
	struct clients resolvers;
	struct clients untrusted;	 // no more octets out than in without a cookie
	struct clients cookies_required; // no answer without a cookie
	struct cookie_secrets cookies;	 // at least one
	struct tsig_keys keys;
	bool signed_tcp; // over TCP no answer without a signature
};

// What the address alone tells. TRUST_ALLOWED by itself: nothing more is asked of
// this sender, and it may be remembered as one that is answered.
enum trust_flag {
	TRUST_ALLOWED = 1,
	TRUST_UNTRUSTED = 2,
	TRUST_WANTS_COOKIE = 4,
};

// @param octets  4 or 16, by family.
// @return Flags; 0: outside clients.allow, who meets silence.
unsigned trust_of(const struct trust *t, uint8_t family, const uint8_t *octets);

// X(field, counter, help); the counter's name follows "stsd_" or "stsd_tcp_".
// clang-format off
#define TRUST_COUNTER_LIST(X)                                                                \
	X(cookie_client,    "cookies_client_total",    "queries with a client cookie alone") \
	X(cookie_good,      "cookies_good_total",      "queries with a good server cookie")  \
	X(cookie_bad,       "cookies_bad_total",       "server cookies not ours, too old or from the future") \
	X(cookie_malformed, "cookies_malformed_total", "COOKIE options of a wrong length: FORMERR") \
	X(cookie_required,  "cookies_required_total",  "no answer for want of a good cookie: BADCOOKIE, or REFUSED without EDNS") \
	X(tsig_good,        "tsig_good_total",         "signatures found good")              \
	X(tsig_short,       "tsig_short_total",        "MACs of a wrong length: FORMERR")    \
	X(tsig_badsig,      "tsig_badsig_total",       "signatures that are wrong: BADSIG")  \
	X(tsig_badkey,      "tsig_badkey_total",       "signatures by unknown keys: BADKEY") \
	X(tsig_badtime,     "tsig_badtime_total",      "signatures of another time: BADTIME") \
	X(tsig_badtrunc,    "tsig_badtrunc_total",     "signatures cut short: BADTRUNC")     \
	X(tsig_required,    "tsig_required_total",     "no answer for want of a signature: REFUSED") \
	X(tsig_cut,         "tsig_cut_total",          "answers that left no room for the signature: TC")
// clang-format on

struct trust_counters {
#define TRUST_COUNTER_FIELD(field, counter, help) counter_t field;
	TRUST_COUNTER_LIST(TRUST_COUNTER_FIELD)
#undef TRUST_COUNTER_FIELD
};

// Whose query it is.
struct trust_sender {
	uint8_t family;
	const uint8_t *octets;
	unsigned flags; // of trust_of()
	bool tcp;
};

// Whether a query has to be judged at all: it claims or lacks something.
static inline bool trust_matters(const struct lookup_query *q, unsigned flags) {
	return flags != TRUST_ALLOWED || q->claims;
}

// Judges cookie and signature of a query that has just been read, and sets aside
// what the signature of the answer takes of its size. q->size_max is final before.
void trust_judge(
	const struct trust *t,
	const struct trust_sender *from,
	const uint8_t *msg,
	wall_s_t now,
	struct lookup_query *q
);

// Turns a judged query that proves too little into one that is answered with an
// error, and counts what it proves.
void trust_admit(
	const struct trust *t,
	const struct trust_sender *from,
	struct lookup_query *q,
	struct trust_counters *c
);

// Whether the answer may be no larger than what came from there.
static inline bool trust_is_limited(const struct lookup_query *q, unsigned flags) {
	return (flags & TRUST_UNTRUSTED) != 0 && q->cookie.verdict != COOKIE_GOOD;
}

// Signs the answer to a judged query with a signature; others stay as they are.
// Where it does not fit, nothing but the question is answered, with TC (RFC 8945
// 5.3). @return Octets of the whole answer.
size_t trust_sign(
	const struct trust *t,
	const struct lookup_query *q,
	uint8_t *msg,
	size_t len,
	wall_s_t now,
	struct trust_counters *c
);
