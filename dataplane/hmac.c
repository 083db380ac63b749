// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/hmac.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include <string.h>

#if MBEDTLS_VERSION_MAJOR >= 3
#define sha256_starts mbedtls_sha256_starts
#define sha256_update mbedtls_sha256_update
#define sha256_finish mbedtls_sha256_finish
#else
#define sha256_starts mbedtls_sha256_starts_ret
#define sha256_update mbedtls_sha256_update_ret
#define sha256_finish mbedtls_sha256_finish_ret
#endif

#define BLOCK_BYTES 64

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(struct hmac_hash), "room for a hash");

static mbedtls_sha256_context *open_hash(struct hmac_hash *h) {
	return (mbedtls_sha256_context *)(void *)h;
}

static bool start(struct hmac_hash *h, const uint8_t *secret, size_t len, uint8_t pad) {
	mbedtls_sha256_context *c = open_hash(h);
	uint8_t block[BLOCK_BYTES] = {0};
	memcpy(block, secret, len);
	for (size_t i = 0; i < sizeof(block); i++) {
		block[i] ^= pad;
	}
	mbedtls_sha256_init(c);
	bool ok = sha256_starts(c, 0) == 0 && sha256_update(c, block, sizeof(block)) == 0;
	mbedtls_platform_zeroize(block, sizeof(block));
	return ok;
}

bool hmac_key_init(struct hmac_key *key, const uint8_t *secret, size_t len) {
	return start(&key->inner, secret, len, 0x36) && start(&key->outer, secret, len, 0x5c);
}

void hmac_start(struct hmac *h, const struct hmac_key *key) {
	h->inner = key->inner; // what mbedtls_sha256_clone() does
	h->key = key;
	h->ok = true;
}

void hmac_add(struct hmac *h, const void *data, size_t len) {
	h->ok = h->ok && sha256_update(open_hash(&h->inner), data, len) == 0;
}

bool hmac_end(struct hmac *h, uint8_t out[HMAC_BYTES]) {
	uint8_t digest[HMAC_BYTES];
	struct hmac_hash outer = h->key->outer;
	h->ok = h->ok && sha256_finish(open_hash(&h->inner), digest) == 0
		&& sha256_update(open_hash(&outer), digest, sizeof(digest)) == 0
		&& sha256_finish(open_hash(&outer), out) == 0;
	mbedtls_sha256_free(open_hash(&h->inner));
	mbedtls_sha256_free(open_hash(&outer));
	return h->ok;
}
