// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "base/clock.h"
#include "dataplane/hmac.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// TSIG (RFC 8945) with HMAC-SHA256, at the octets: the record of a query is read
// where it lies, judged, and one is put behind the answer. Nothing allocates.

#define TSIG_KEYS_MAX 16
#define TSIG_NAME_MAX 255
#define TSIG_ALGORITHM_MAX 64 // longer names are of none that exists
#define TSIG_SECRET_MIN 16

struct tsig_key {
	uint8_t name_len;
	uint8_t name[TSIG_NAME_MAX]; // wire, lower case
	struct hmac_key hmac;
};

struct tsig_keys {
	unsigned count;
	struct tsig_key at[TSIG_KEYS_MAX];
};

enum tsig_verdict {
	TSIG_NONE,
	TSIG_GOOD,
	TSIG_SHORT, // a MAC of a length that none has: FORMERR (RFC 8945 5.2.2.1)
	TSIG_BADSIG,
	TSIG_BADKEY,
	TSIG_BADTIME,
	TSIG_BADTRUNC, // good as far as it goes; only whole ones are taken
};

// The record of a query, and what has become of it.
struct tsig {
	bool present;
	uint8_t verdict;
	uint8_t name_len;
	uint8_t algorithm_len;
	uint16_t at;	    // where it stands in the query
	uint16_t tail_at;   // of its original id and what follows
	uint16_t mac_bytes; // as sent; at most HMAC_BYTES of them are kept
	uint16_t fudge_s;
	wall_s_t time_s;
	uint8_t name[TSIG_NAME_MAX]; // wire, lower case, as is the next
	uint8_t algorithm[TSIG_ALGORITHM_MAX];
	uint8_t mac[HMAC_BYTES];
};

// @param text  NAME:SECRET or hmac-sha256:NAME:SECRET, as `dig -y` has it; the secret
//              in base64, of 16 to 64 octets.
// @return 0 or ERR_SYNTAX.
[[nodiscard]] int tsig_key_parse(const char *text, struct tsig_key *out);

// Reads the record at msg[at].
// @return Octets of it, or 0: it is no TSIG, or cannot be read.
size_t tsig_read(const uint8_t *msg, size_t len, size_t at, struct tsig *t);

// Fills the verdict on a record that was read in this message.
void tsig_verify(const struct tsig_keys *keys, const uint8_t *msg, wall_s_t now, struct tsig *t);

// How long the record of the answer is.
size_t tsig_bytes(const struct tsig *t);

// Puts it behind an answer: signed with the query's MAC before it, but for those
// without a signature that was found good (RFC 8945 5.3.2).
// @return Octets of the whole message.
size_t tsig_sign(
	const struct tsig_keys *keys,
	const struct tsig *t,
	uint8_t *msg,
	size_t len,
	wall_s_t now
);
