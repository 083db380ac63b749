// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/tls.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#define ALERT_HANDSHAKE_FAILURE 40
#define ALERT_PROTOCOL_VERSION 70

// clang-format off
static const int SUITES[] = {
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	0,
};
// clang-format on

// Servers follow the client's order. The library's own begins with the largest
// curve, with which a handshake costs a quarter more; these are all that it
// takes in certificates, too.
static const mbedtls_ecp_group_id CURVES[] = {
	MBEDTLS_ECP_DP_SECP256R1,
	MBEDTLS_ECP_DP_CURVE25519,
	MBEDTLS_ECP_DP_SECP384R1,
	MBEDTLS_ECP_DP_SECP521R1,
	MBEDTLS_ECP_DP_BP256R1,
	MBEDTLS_ECP_DP_BP384R1,
	MBEDTLS_ECP_DP_BP512R1,
	MBEDTLS_ECP_DP_SECP256K1,
	MBEDTLS_ECP_DP_NONE,
};

struct tls {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_x509_crt roots;
	mbedtls_ssl_config config;
	const char *alpn[2]; // the library keeps the pointer
};

struct tls_conn {
	mbedtls_ssl_context ssl;
	int fd;
	int code; // the last one of the library
	char host[254];
};

static int read_roots(struct tls *t, const char *ca_file) {
	// Above zero: how many could not be read.
	int code = mbedtls_x509_crt_parse_file(&t->roots, ca_file);
	if (code == MBEDTLS_ERR_X509_ALLOC_FAILED) {
		return ENOMEM;
	}
	return code < 0 || t->roots.raw.p == NULL ? ENOENT : 0;
}

static int configure(struct tls *t) {
	int code = mbedtls_ssl_config_defaults(
		&t->config,
		MBEDTLS_SSL_IS_CLIENT,
		MBEDTLS_SSL_TRANSPORT_STREAM,
		MBEDTLS_SSL_PRESET_DEFAULT
	);
	t->alpn[0] = "http/1.1";
	if (code != 0 || mbedtls_ssl_conf_alpn_protocols(&t->config, t->alpn) != 0) {
		return ENOMEM;
	}
	mbedtls_ssl_conf_authmode(&t->config, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(&t->config, &t->roots, NULL);
	mbedtls_ssl_conf_ciphersuites(&t->config, SUITES);
	mbedtls_ssl_conf_curves(&t->config, CURVES);
	mbedtls_ssl_conf_min_version(
		&t->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3
	);
	mbedtls_ssl_conf_renegotiation(&t->config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
	mbedtls_ssl_conf_rng(&t->config, mbedtls_ctr_drbg_random, &t->random);
	mbedtls_ssl_conf_session_tickets(&t->config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
	return 0;
}

struct tls *tls_new(const char *ca_file) {
	struct tls *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return NULL;
	}
	mbedtls_entropy_init(&t->entropy);
	mbedtls_ctr_drbg_init(&t->random);
	mbedtls_x509_crt_init(&t->roots);
	mbedtls_ssl_config_init(&t->config);
	// Validity is judged by gmtime_r(), whose first call reads the time zone file.
	struct tm tm;
	(void)gmtime_r(&(time_t){0}, &tm);
	int code = read_roots(t, ca_file);
	if (code == 0) {
		int seed = mbedtls_ctr_drbg_seed(
			&t->random, mbedtls_entropy_func, &t->entropy, NULL, 0
		);
		code = seed == 0 ? configure(t) : EIO;
	}
	if (code != 0) {
		tls_free(t);
		errno = code;
		return NULL;
	}
	return t;
}

void tls_free(struct tls *t) {
	if (t == NULL) {
		return;
	}
	mbedtls_ssl_config_free(&t->config);
	mbedtls_x509_crt_free(&t->roots);
	mbedtls_ctr_drbg_free(&t->random);
	mbedtls_entropy_free(&t->entropy);
	free(t);
}

bool tls_name_matches(const uint8_t *name, size_t len, const char *host) {
	// Lengths are compared, so a NUL within a name matches nothing.
	const char *text = (const char *)name;
	if (len > 2 && text[0] == '*' && text[1] == '.') {
		const char *rest = strchr(host, '.');
		return rest != NULL && strlen(rest) == len - 1
		       && strncasecmp(rest, text + 1, len - 1) == 0;
	}
	return strlen(host) == len && strncasecmp(host, text, len) == 0;
}

static bool has_name(const mbedtls_x509_crt *crt, const char *host) {
	for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next) {
		bool is_dns = (s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK)
			      == MBEDTLS_X509_SAN_DNS_NAME;
		if (is_dns && s->buf.p != NULL && tls_name_matches(s->buf.p, s->buf.len, host)) {
			return true;
		}
	}
	return false;
}

// RFC 8461 3.3: only a DNS-ID counts; no common name, no address.
static int verify(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags) {
	const struct tls_conn *c = arg;
	if (depth == 0 && !has_name(crt, c->host)) {
		*flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
	}
	return 0;
}

static int bio_send(void *arg, const unsigned char *buf, size_t len) {
	const struct tls_conn *c = arg;
	ssize_t n = send(c->fd, buf, len, MSG_NOSIGNAL);
	if (n >= 0) {
		return (int)n;
	}
	return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE
						 : MBEDTLS_ERR_NET_CONN_RESET;
}

static int bio_recv(void *arg, unsigned char *buf, size_t len) {
	const struct tls_conn *c = arg;
	ssize_t n = recv(c->fd, buf, len, 0);
	if (n >= 0) {
		return (int)n;
	}
	return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ
						 : MBEDTLS_ERR_NET_CONN_RESET;
}

struct tls_conn *tls_open(struct tls *t, const char *host, int fd) {
	struct tls_conn *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return NULL;
	}
	c->fd = fd;
	mbedtls_ssl_init(&c->ssl);
	int len = snprintf(c->host, sizeof(c->host), "%s", host);
	if (len >= (int)sizeof(c->host) || mbedtls_ssl_setup(&c->ssl, &t->config) != 0
	    || mbedtls_ssl_set_hostname(&c->ssl, c->host) != 0) {
		mbedtls_ssl_free(&c->ssl);
		free(c);
		errno = ENOMEM;
		return NULL;
	}
	// Without a name set the library takes any host's certificate (CVE-2025-27809).
	assert(c->ssl.hostname != NULL && strcmp(c->ssl.hostname, host) == 0);
	mbedtls_ssl_set_verify(&c->ssl, verify, c);
	mbedtls_ssl_set_bio(&c->ssl, c, bio_send, bio_recv, NULL);
	return c;
}

void tls_close(struct tls_conn *c) {
	if (c == NULL) {
		return;
	}
	if (c->ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER) {
		(void)mbedtls_ssl_close_notify(&c->ssl);
	}
	mbedtls_ssl_free(&c->ssl);
	free(c);
}

static enum tls_result result(struct tls_conn *c, int code, size_t *done) {
	c->code = code;
	if (code > 0 && done != NULL) {
		*done = (size_t)code;
		return TLS_DONE;
	}
	switch (code) {
	case MBEDTLS_ERR_SSL_WANT_READ:
		return TLS_WANT_READ;
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		return TLS_WANT_WRITE;
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		return TLS_CLOSED;
	case 0:
	case MBEDTLS_ERR_SSL_CONN_EOF:
	case MBEDTLS_ERR_NET_CONN_RESET:
		return TLS_CUT;
	default:
		return TLS_FAILED;
	}
}

enum tls_result tls_handshake(struct tls_conn *c) {
	c->code = mbedtls_ssl_handshake(&c->ssl);
	if (c->code == 0) {
		// Belt and braces: VERIFY_REQUIRED leaves no other way here.
		return mbedtls_ssl_get_verify_result(&c->ssl) == 0 ? TLS_DONE : TLS_FAILED;
	}
	enum tls_result r = result(c, c->code, NULL);
	return r == TLS_WANT_READ || r == TLS_WANT_WRITE ? r : TLS_FAILED;
}

enum tls_result tls_write(struct tls_conn *c, const void *octets, size_t len, size_t *done) {
	return result(c, mbedtls_ssl_write(&c->ssl, octets, len), done);
}

enum tls_result tls_read(struct tls_conn *c, void *buf, size_t cap, size_t *done) {
	return result(c, mbedtls_ssl_read(&c->ssl, buf, cap), done);
}

static void put_detail(char detail[33], const char *text) {
	(void)snprintf(detail, 33, "%s", text);
}

// The first that applies, in the order in which a reader of the report would
// mend them.
enum outcome_code tls_judge(uint32_t flags, char detail[33]) {
	const uint32_t usage = MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE
			       | MBEDTLS_X509_BADCERT_NS_CERT_TYPE;
	const uint32_t key = MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY;
	if ((flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) != 0) {
		return OUTCOME_CERT_EXPIRED;
	}
	if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) {
		return OUTCOME_CERT_NAME;
	}
	if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
		return OUTCOME_CERT_UNTRUSTED;
	}
	if ((flags & usage) != 0) {
		put_detail(detail, "incompatible-key-usage");
		return OUTCOME_CERT_UNTRUSTED;
	}
	if ((flags & key) != 0) {
		put_detail(detail, "weak-key");
	} else if ((flags & MBEDTLS_X509_BADCERT_BAD_MD) != 0) {
		put_detail(detail, "weak-hash");
	} else if ((flags & MBEDTLS_X509_BADCERT_MISSING) != 0) {
		put_detail(detail, "no-certificate");
	}
	return OUTCOME_CERT_INVALID;
}

// An alert is two octets, and the record it came in is still there. A server
// that knows TLS 1.1 at most finds no suite among ours and says so in a record
// of its own version.
static enum outcome_code explain_alert(const struct tls_conn *c, char detail[33]) {
	unsigned alert = c->ssl.in_msg != NULL ? c->ssl.in_msg[1] : 0;
	unsigned minor = c->ssl.in_hdr != NULL ? c->ssl.in_hdr[2] : MBEDTLS_SSL_MINOR_VERSION_3;
	bool old = alert == ALERT_HANDSHAKE_FAILURE && minor < MBEDTLS_SSL_MINOR_VERSION_3;
	if (alert == ALERT_PROTOCOL_VERSION || old) {
		return OUTCOME_TLS_VERSION;
	}
	(void)snprintf(detail, 33, "alert-%u", alert);
	return OUTCOME_TLS;
}

enum outcome_code tls_explain(const struct tls_conn *c, char detail[33]) {
	detail[0] = '\0';
	switch (c->code) {
	case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
	case MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE:
		return tls_judge(mbedtls_ssl_get_verify_result(&c->ssl), detail);
	case MBEDTLS_ERR_X509_FATAL_ERROR:
		// What the library says of a chain longer than it follows.
		put_detail(detail, "too-many-intermediates");
		return OUTCOME_CERT_UNTRUSTED;
	case MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION:
		return OUTCOME_TLS_VERSION;
	case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
		return explain_alert(c, detail);
	case MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE:
		// 2.28 does not join handshake messages split over records.
		put_detail(detail, "fragment");
		return OUTCOME_TLS;
	case 0:
	case MBEDTLS_ERR_SSL_CONN_EOF:
		put_detail(detail, "closed");
		return OUTCOME_TLS;
	case MBEDTLS_ERR_NET_CONN_RESET:
		put_detail(detail, "reset");
		return OUTCOME_TLS;
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
		put_detail(detail, "no-memory");
		return OUTCOME_LOCAL;
	case MBEDTLS_ERR_SSL_INVALID_RECORD:
		put_detail(detail, "not-tls");
		return OUTCOME_TLS;
	default:
		(void)snprintf(detail, 33, "error-%x", (unsigned)-c->code);
		return OUTCOME_TLS;
	}
}
