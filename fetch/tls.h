// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "fetch/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The TLS client of the policy fetch (RFC 8461 3.3): TLS 1.2 or newer, ECDHE
// with AEAD only, no tickets, no renegotiation, the chain to a root of the CA
// file, and a dNSName of the certificate that is the host or "*." for its first
// label. The library's own name check also takes the common name, so ours
// comes on top of it.

struct tls;
struct tls_conn;

enum tls_result {
	TLS_DONE,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_CLOSED, // by close_notify
	TLS_CUT,    // without it
	TLS_FAILED,
};

// Reads the CA store and draws the random seed.
// @param ca_file  PEM; certificates that cannot be read are passed over.
// @return NULL with errno set: ENOENT also when there is not one certificate.
// Context: opens files; nothing later does.
struct tls *tls_new(const char *ca_file);
void tls_free(struct tls *t);

// @param host  Lower case, no trailing dot; for SNI and the certificate.
// @param fd  Connected, non-blocking; stays the caller's.
// @return NULL with errno set.
struct tls_conn *tls_open(struct tls *t, const char *host, int fd);

// Says goodbye, as far as the socket takes it at once.
void tls_close(struct tls_conn *c);

// @return TLS_DONE, a TLS_WANT_ (call again when the socket is ready) or
//         TLS_FAILED.
enum tls_result tls_handshake(struct tls_conn *c);

// @param done  Octets taken, with TLS_DONE.
enum tls_result tls_write(struct tls_conn *c, const void *octets, size_t len, size_t *done);

// @param done  Octets read, with TLS_DONE; more than none.
enum tls_result tls_read(struct tls_conn *c, void *buf, size_t cap, size_t *done);

// What the last TLS_FAILED or TLS_CUT was.
// @param detail  May become "".
enum outcome_code tls_explain(const struct tls_conn *c, char detail[33]);

// What the library's verification flags (MBEDTLS_X509_BADCERT_*) come to.
// @param detail  Left alone when there is nothing to add.
enum outcome_code tls_judge(uint32_t flags, char detail[33]);

// Whether a certificate name stands for a host (RFC 6125 6.4): equal without
// case, or "*" for the whole first label of it.
bool tls_name_matches(const uint8_t *name, size_t len, const char *host);
