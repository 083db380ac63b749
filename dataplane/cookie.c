// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/cookie.h"

#include <string.h>

#define VERSION 1
#define HEAD_BYTES 8 // version, reserved, timestamp (RFC 9018 4)
#define HASH_BYTES 8
#define SERVER_BYTES_MIN 8
#define AGE_MAX_S 3600
#define AHEAD_MAX_S 300
#define RENEW_S 1800

void cookie_read(const uint8_t *data, size_t len, struct cookie *c) {
	if (c->len > 0 || c->malformed) {
		return;
	}
	if (len != COOKIE_CLIENT_BYTES
	    && (len < COOKIE_CLIENT_BYTES + SERVER_BYTES_MIN || len > COOKIE_BYTES_MAX)) {
		c->malformed = true; // RFC 7873 5.2.2
		return;
	}
	c->len = (uint8_t)len;
	memcpy(c->octets, data, len);
}

// RFC 9018 4.4, over the client's part and the head that stand in `octets`.
static uint64_t
hash(const uint8_t secret[COOKIE_SECRET_BYTES],
     const uint8_t *octets,
     const uint8_t *address,
     size_t address_bytes) {
	uint8_t data[COOKIE_CLIENT_BYTES + HEAD_BYTES + 16];
	memcpy(data, octets, COOKIE_CLIENT_BYTES + HEAD_BYTES);
	memcpy(data + COOKIE_CLIENT_BYTES + HEAD_BYTES, address, address_bytes);
	return siphash(secret, data, COOKIE_CLIENT_BYTES + HEAD_BYTES + address_bytes);
}

static void put_hash(uint8_t *at, uint64_t h) {
	for (int i = 0; i < HASH_BYTES; i++) {
		at[i] = (uint8_t)(h >> 8 * i);
	}
}

static uint64_t get_hash(const uint8_t *at) {
	uint64_t h = 0;
	for (int i = 0; i < HASH_BYTES; i++) {
		h |= (uint64_t)at[i] << 8 * i;
	}
	return h;
}

// Seconds since it was made, negative in the future: serial arithmetic (RFC 1982).
static int32_t age_of(const struct cookie *c, uint32_t now_s) {
	const uint8_t *t = c->octets + COOKIE_CLIENT_BYTES + 4;
	uint32_t made = (uint32_t)t[0] << 24 | (uint32_t)t[1] << 16 | (uint32_t)t[2] << 8 | t[3];
	return (int32_t)(now_s - made);
}

// @return Which of the secrets made it, or -1.
static int maker_of(
	const struct cookie_secrets *secrets,
	const uint8_t *address,
	size_t address_bytes,
	const struct cookie *c
) {
	uint64_t h = get_hash(c->octets + COOKIE_CLIENT_BYTES + HEAD_BYTES);
	for (unsigned i = 0; i < secrets->count; i++) {
		if (hash(secrets->at[i], c->octets, address, address_bytes) == h) {
			return (int)i;
		}
	}
	return -1;
}

void cookie_judge(
	const struct cookie_secrets *secrets,
	const uint8_t *address,
	size_t address_bytes,
	uint32_t now_s,
	struct cookie *c
) {
	if (c->len == 0) {
		return;
	}
	int maker = -1;
	int32_t age = 0;
	c->verdict = c->len == COOKIE_CLIENT_BYTES ? COOKIE_CLIENT : COOKIE_BAD;
	if (c->len == COOKIE_BYTES && c->octets[COOKIE_CLIENT_BYTES] == VERSION) {
		age = age_of(c, now_s);
		maker = maker_of(secrets, address, address_bytes, c);
	}
	if (maker >= 0 && age <= AGE_MAX_S && age >= -AHEAD_MAX_S) {
		c->verdict = COOKIE_GOOD;
	}
	c->made = true;
	c->len = COOKIE_BYTES;
	if (c->verdict == COOKIE_GOOD && maker == 0 && age <= RENEW_S) {
		return;
	}
	uint8_t *head = c->octets + COOKIE_CLIENT_BYTES;
	memcpy(head, (uint8_t[]){VERSION, 0, 0, 0}, 4);
	for (int i = 0; i < 4; i++) {
		head[4 + i] = (uint8_t)(now_s >> (24 - 8 * i));
	}
	put_hash(head + HEAD_BYTES, hash(secrets->at[0], c->octets, address, address_bytes));
}
