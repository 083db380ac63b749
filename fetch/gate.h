// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The reader of DNS replies: strict, without allocation, in bounded time.
//
// Nothing a stranger sends is given to a DNS library, whose readers allocate by
// the lengths a message claims and print what they should not. What this one
// does not take is not an answer.
//
//  1. A message counts only if it answers the question: id, name byte for byte
//     (the case of its letters is part of the secret), type, class.
//  2. At most 4 KiB, 64 records in all, 16 strings in a TXT record. Names: 255
//     octets, 127 labels, pointers strictly backward, so they end. No TSIG, no
//     SIG(0). Every octet belongs to a record.
//  3. Data counts only at the end of the CNAME chain that starts at the
//     question, within the answer section.

#define GATE_BYTES_MAX 4096
#define GATE_RECORDS_MAX 64
#define GATE_STRINGS_MAX 16
#define GATE_CHAIN_MAX 8
#define GATE_NAME_MAX 255
#define GATE_NEGATIVE_TTL_S 60 // no SOA to believe
#define GATE_ADDRESS_MAX 8

enum gate_type {
	GATE_A = 1,
	GATE_CNAME = 5,
	GATE_SOA = 6,
	GATE_TXT = 16,
	GATE_AAAA = 28,
};

struct gate_question {
	uint16_t id;
	enum gate_type type;
	uint8_t name_len;
	uint8_t name[GATE_NAME_MAX]; // wire form, letters as sent
};

enum gate_verdict {
	GATE_ANSWER,	// *out is filled in
	GATE_WRONG_ID,	// somebody guesses
	GATE_STRANGER,	// no answer to this question; go on waiting
	GATE_TRUNCATED, // ask again over TCP
	GATE_BROKEN,	// an answer, but beyond the bounds above
};

enum gate_rcode {
	GATE_NOERROR = 0,
	GATE_FORMERR = 1,
	GATE_SERVFAIL = 2,
	GATE_NXDOMAIN = 3,
	GATE_NOTIMP = 4,
	GATE_REFUSED = 5,
	GATE_BADVERS = 16,
};

// One TXT record: its strings, each behind its length octet, as RDATA has them.
struct gate_txt {
	const uint8_t *strings;
	uint16_t len;
};

struct gate_answer {
	uint16_t rcode; // extended by the OPT record (RFC 6891 6.1.3)
	bool has_ede;	// an extended error (RFC 8914), the first one
	uint16_t ede;
	bool chain_too_long;	 // more CNAMEs than GATE_CHAIN_MAX; nothing else counts
	size_t count;		 // of txt or addresses; 0: NODATA, or rcode says why
	uint32_t ttl_s;		 // the least of the chain and the set
	uint32_t negative_ttl_s; // RFC 2308 5, from an SOA above the name, else the default
	union {
		struct gate_txt txt[GATE_RECORDS_MAX];	 // point into the message
		uint8_t addresses[GATE_ADDRESS_MAX][16]; // A uses the first four octets
	};
};

// @param question  Asked in class IN.
// @param len  What arrived, which may be more than msg holds when above
//             GATE_BYTES_MAX.
// @return GATE_ANSWER for replies that count, also those that say no.
enum gate_verdict gate_read(
	const struct gate_question *question,
	const void *msg,
	size_t len,
	struct gate_answer *out
);
