// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "base/name.h"
#include "cache/record.h"
#include "cache/table.h"
#include "dataplane/cookie.h"
#include "dataplane/tsig.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The lookup protocol as octets (docs/wire.md): DNS messages in and out, no
// mbuf and no socket, so that a TCP listener or a test speaks it too.

#define LOOKUP_UDP_MAX 1232
#define LOOKUP_FIRST_STRING_MAX 180
#define LOOKUP_POLICY_TEXT_MAX 60000
// The EDNS option of a batch (dataplane/batch.h): of the range for local and
// experimental use (RFC 6891 9).
#define LOOKUP_BATCH_OPTION 65461

// The zone as wire labels in lower case ("\3sts\0") and what its apex says.
struct lookup_zone {
	uint8_t wire[64];
	uint8_t wire_len; // with the root label
	// The same eight octets at a time, and which bits of them count: not the case.
	uint64_t words[8];
	uint64_t word_mask[8];
	bool signatures;  // a TSIG record is read; else it is an error
	uint8_t nsid_len; // 0: NSID is not answered
	uint8_t nsid[32];
	uint8_t address_count; // for ns.<zone> A and AAAA
	struct address addresses[8];
	// Endings under which a name may be a mail domain although name_check()
	// says special use or single label (names.allow): text, lower case.
	uint8_t allow_count;
	struct name allow[8];
};

// @param text  "sts." or "sts"; at most 62 octets.
// @return 0 or ERR_SYNTAX.
[[nodiscard]] int lookup_zone_parse(const char *text, struct lookup_zone *out);

// Whether a lower-case name without trailing dot can be a mail domain: the rules
// of name_check() and the zone's exceptions.
enum name_verdict lookup_judge(const struct lookup_zone *zone, const char *domain, size_t len);

enum lookup_kind {
	LOOKUP_DROP,   // never answered (QR=1, shorter than a header)
	LOOKUP_ERROR,  // answered with `rcode` alone
	LOOKUP_COOKIE, // no question but for a cookie (RFC 7873 5.4): the same
	LOOKUP_NODATA, // NOERROR, SOA in authority
	LOOKUP_SOA,
	LOOKUP_NS,
	LOOKUP_ADDRESS,	    // ns.<zone> A or AAAA
	LOOKUP_STATUS,	    // <zone> TXT
	LOOKUP_NAME_FAULT,  // TXT at a name that cannot be a mail domain
	LOOKUP_VERDICT,	    // <domain>.<zone> TXT
	LOOKUP_RECHECK,	    // _recheck.<domain>.<zone> TXT
	LOOKUP_POLICY_TEXT, // _policy.<domain>.<zone> TXT
};

struct lookup_query {
	enum lookup_kind kind;
	uint8_t rcode;	    // low four bits of the RCODE of LOOKUP_ERROR; BADVERS: edns_rcode 1
	uint8_t edns_rcode; // upper eight bits
	uint8_t fault;	    // enum name_verdict of LOOKUP_NAME_FAULT
	bool has_question;  // a whole question was read: it is echoed
	bool has_opt;
	bool dnssec_ok;
	bool wants_nsid;
	bool recursion_desired;
	bool any_type; // QTYPE ANY: from memory, never a fetch (RFC 8482)
	bool claims;   // it has a COOKIE option or a TSIG record
	bool tcp_here; // TCP is served where it came to: a cut answer says TC
	uint16_t qtype;
	uint16_t question_bytes; // behind the header
	uint16_t size_max;	 // largest answer: min(client's size, 1232) or 512
	uint16_t batch_at;	 // where the data of the batch option stands, 0: there is none
	uint16_t batch_bytes;
	uint8_t domain_len;
	char domain[NAME_DOMAIN_MAX + 1]; // lower case, for VERDICT, RECHECK, POLICY_TEXT
	// What it claims, as it was read; dataplane/trust.h judges it. Nothing is said
	// here of a query without claims: these lines are not touched for it.
	struct cookie cookie;
	uint16_t signed_max; // what size_max was before room was left for a signature
	struct tsig tsig;
};

// Makes room for a claim; who judges one calls it too, and finds none there.
void lookup_claim(struct lookup_query *q);

// Reads a query. Constant work for any input; nothing beyond len is touched.
// What it came to is not in it: tcp_here is false.
void lookup_parse(
	const struct lookup_zone *zone,
	const uint8_t *msg,
	size_t len,
	struct lookup_query *q
);

// What `<zone> TXT` tells.
struct lookup_status {
	const char *version;
	uint64_t uptime_s;
	uint64_t entries;
	const char *tcp; // "IP:PORT" or ""
};

// Time as a worker knows it, read once a burst.
struct lookup_now {
	uint32_t boot_s;
};

#define LOOKUP_TTL_MAX_S 60
#define LOOKUP_PENDING_RETRY_S 2 // what `pending` asks to wait

// The TTL of an answer from an entry: clamp(min(left, next check - now), 1, 60)
// seconds; that of a recheck is 0.
static inline uint8_t lookup_ttl(const struct entry *e, uint32_t now_s) {
	bool checked = e->kind == ENTRY_POLICY && e->check_s < e->ends_s;
	uint32_t until = checked ? e->check_s : e->ends_s;
	uint32_t left = until > now_s ? until - now_s : 1;
	return (uint8_t)(left < LOOKUP_TTL_MAX_S ? left : LOOKUP_TTL_MAX_S);
}

// Each writes a whole answer over the query, which stands in buf with the
// question at octet 12, and returns its length. buf has room for the query and
// for 1232 octets, and LOOKUP_SLACK more, which may be written too.
#define LOOKUP_SLACK 32
size_t lookup_answer_error(const struct lookup_query *q, uint8_t *buf, const struct lookup_zone *z);
size_t lookup_answer_zone( // NODATA, SOA, NS, ADDRESS, STATUS
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *z,
	const struct lookup_status *status
);
// From a table entry whose verdict is in force at `now`.
size_t lookup_answer_entry(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *z,
	const struct entry *e,
	struct lookup_now now
);
// A verdict without entry: "none", "failed", "unknown", "pending".
// @param why  "" for none. @param retry_s  0: no retry tag.
size_t lookup_answer_short(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *z,
	const char *verdict,
	const char *why,
	uint32_t retry_s
);
// LOOKUP_NAME_FAULT: none, or unknown where IDNA was forgotten.
size_t
lookup_answer_name_fault(const struct lookup_query *q, uint8_t *buf, const struct lookup_zone *z);
// _policy.: the text of the entry, or NODATA. e may be NULL.
size_t lookup_answer_policy_text(
	const struct lookup_query *q,
	uint8_t *buf,
	const struct lookup_zone *z,
	const struct entry *e,
	struct lookup_now now
);
// SERVFAIL with EDE 14 (Not Ready).
size_t
lookup_answer_not_ready(const struct lookup_query *q, uint8_t *buf, const struct lookup_zone *z);

// The ready-made answer of a record: TXT RDATA. Of NONE records only overridden
// ones need it. The
// first string (at most 180 octets) is the whole verdict, then one string per
// mx pattern. FAILED and UNKNOWN end where the digits of `retry=` are added.
// @param wall_shift_s  wall clock minus boot clock, for `exp`.
// @param fresh_at  Offset of the fresh digit, 0 where there is none.
// @return Octets written, or -ENOSPC.
[[nodiscard]] int lookup_render(
	const struct record *rec,
	int64_t wall_shift_s,
	boot_s_t now,
	uint8_t *buf,
	size_t cap,
	uint16_t *fresh_at
);
#define LOOKUP_RENDER_MAX 34000 // 128 patterns of 255 octets and the first string
