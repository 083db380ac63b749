// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "dataplane/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// DNS Cookies (RFC 7873) whose server part all makes of servers understand alike
// (RFC 9018): a client that sends one back has been at its address within the
// last hour. No state is kept for it.

#define COOKIE_SECRET_BYTES SIPHASH_KEY_BYTES
#define COOKIE_SECRETS_MAX 2
#define COOKIE_CLIENT_BYTES 8
#define COOKIE_BYTES 24 // client and server cookie, as we make them
#define COOKIE_BYTES_MAX 40

// The first makes cookies, all are accepted: so secrets are rolled over.
struct cookie_secrets {
	unsigned count;
	uint8_t at[COOKIE_SECRETS_MAX][COOKIE_SECRET_BYTES];
};

enum cookie_verdict {
	COOKIE_NONE,   // no COOKIE option
	COOKIE_CLIENT, // the client's part alone
	COOKIE_BAD,    // not ours, too old, or from the future: as if it were not there
	COOKIE_GOOD,
};

struct cookie {
	bool malformed; // of a length that none has
	bool made;	// `octets` are those of the answer
	uint8_t len;	// of the option; 0: none
	uint8_t verdict;
	uint8_t octets[COOKIE_BYTES_MAX];
};

// Takes the data of a COOKIE option; of a second one nothing.
void cookie_read(const uint8_t *data, size_t len, struct cookie *c);

// Judges the server's part by RFC 9018 4.3 and makes what the answer says: the
// same cookie, or a fresh one where it is no good, older than half an hour, or
// made by a secret other than the first. COOKIE_NONE stays as it is.
// @param address  4 or 16 octets, of the client.
// @param now_s    Wall clock, modulo 2^32.
void cookie_judge(
	const struct cookie_secrets *secrets,
	const uint8_t *address,
	size_t address_bytes,
	uint32_t now_s,
	struct cookie *c
);
