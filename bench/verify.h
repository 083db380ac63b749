// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "bench/expect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Reads an answer strictly and compares it with what is expected. A second
// reading of the protocol: no code is shared with the server's.

// clang-format off
#define VERIFY_FAULTS(X) \
	X(OK, "right") \
	X(SHORT, "shorter than a header and the question") \
	X(ID, "another id") \
	X(FLAGS, "header flags") \
	X(RCODE, "rcode") \
	X(COUNTS, "section counts") \
	X(QUESTION, "question not echoed octet for octet") \
	X(RECORD, "answer record malformed") \
	X(STRINGS, "first string over 180 octets or cut within a verdict") \
	X(TAGS, "tag list malformed") \
	X(VERDICT, "another verdict") \
	X(MODE, "mode") \
	X(ID_TAG, "policy id") \
	X(EXP, "exp") \
	X(FRESH, "fresh") \
	X(N, "n") \
	X(MX, "mx patterns") \
	X(MORE, "more=1 without need, or missing") \
	X(RETRY, "retry") \
	X(TTL, "ttl out of range") \
	X(OPT, "OPT record") \
	X(TRAILING, "octets behind the message") \
	X(SIZE, "larger than the client allows") \
	X(SUM, "checksum")
// clang-format on

enum verify_fault {
#define X(name, text) VERIFY_##name,
	VERIFY_FAULTS(X)
#undef X
		VERIFY_COUNT
};

const char *verify_fault_str(enum verify_fault fault);

enum verify_verdict {
	VERIFY_POLICY,
	VERIFY_NONE,
	VERIFY_FAILED,
	VERIFY_UNKNOWN,
	VERIFY_PENDING,
	VERIFY_VERDICTS,
};

// "policy", "none", "failed", "unknown", "pending".
const char *verify_verdict_str(enum verify_verdict v);

struct verify_query {
	const uint8_t *question; // QNAME, QTYPE, QCLASS
	size_t question_len;
	uint16_t id;
	uint16_t flags;	     // of the query's header
	uint16_t edns_bytes; // 0: no OPT was sent
	uint64_t now_s;	     // wall clock
	bool unheard_of;     // a name nobody has a policy for: any verdict but policy
};

struct verify_seen {
	enum verify_verdict verdict;
	uint32_t ttl_s;
	bool fresh;
	bool more;
};

// One message of the answer to a batch (docs/wire.md, Batches). The records are
// judged as those of single answers.
struct verify_batch {
	unsigned count;	      // names asked
	size_t zone_at;	      // where the zone stands in the message
	const uint8_t *names; // all but the first, as labels with the root label
	// What is expected of the index-th.
	struct expect (*expect)(const void *arg, unsigned index);
	const void *arg;
};

// @param seen  Room for b->count; those of the names of this message are filled.
// @param first, records  Which ones those are; records is 0 on a fault of the form.
enum verify_fault verify_batch(
	const struct verify_query *q,
	const struct verify_batch *b,
	const uint8_t *msg,
	size_t len,
	struct verify_seen seen[],
	unsigned *first,
	unsigned *records
);

// @param expect  EXPECT_ANY: only the form counts.
// @param seen    Filled as far as the answer could be read.
enum verify_fault verify_answer(
	const struct verify_query *q,
	const uint8_t *msg,
	size_t len,
	const struct expect *expect,
	struct verify_seen *seen
);
