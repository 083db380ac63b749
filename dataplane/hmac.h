// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <mbedtls/sha256.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// HMAC-SHA256 (RFC 2104) over mbedTLS's SHA-256. mbedTLS's own HMAC allocates and
// keeps its state within the key; here a key is made once, is only read from then
// on, whatever the number of threads, and a message costs no memory.

#define HMAC_BYTES 32
#define HMAC_SECRET_MAX 64

struct hmac_key {
	mbedtls_sha256_context inner; // behind the first block of each
	mbedtls_sha256_context outer;
};

// A message on its way.
struct hmac {
	mbedtls_sha256_context inner;
	const struct hmac_key *key;
	bool ok;
};

// @param len  At most HMAC_SECRET_MAX.
// @return False when the library fails.
[[nodiscard]] bool hmac_key_init(struct hmac_key *key, const uint8_t *secret, size_t len);

void hmac_start(struct hmac *h, const struct hmac_key *key);
void hmac_add(struct hmac *h, const void *data, size_t len);
// @return False when the library has failed on the way: there is no code then.
[[nodiscard]] bool hmac_end(struct hmac *h, uint8_t out[HMAC_BYTES]);
