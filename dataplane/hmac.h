// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// HMAC-SHA256 (RFC 2104) over mbedTLS's SHA-256. mbedTLS's own HMAC allocates and
// keeps its state within the key; here a key is made once, is only read from then
// on, whatever the number of threads, and a message costs no memory.

#define HMAC_BYTES 32
#define HMAC_SECRET_MAX 64

// A hash on its way: room for the library's, whose type stays in the .c.
struct hmac_hash {
	uint64_t words[14];
};

struct hmac_key {
	struct hmac_hash inner; // behind the first block of each
	struct hmac_hash outer;
};

// A message on its way.
struct hmac {
	struct hmac_hash inner;
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
