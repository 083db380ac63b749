// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// The fetch child, real and confined, against a policy host in a thread of this
// test whose certificates and answers are what the case says.

#include "fetch/fetch.h"
#include "fetch/fetchworker.h"
#include "fetch/tls.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/oid.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GUARD_S 60
#define PEM_MAX 4096
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define POLICY "version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 86400\n"
#define GOOD HEAD "Connection: close\r\n\r\n" POLICY

enum key { KEY_CA, KEY_OTHER_CA, KEY_LEAF, KEY_WEAK, KEYS };
enum manner {
	MANNER_TLS,	 // handshake, answer, close_notify
	MANNER_CUT,	 // the same without close_notify
	MANNER_OLD,	 // TLS 1.1 at most
	MANNER_NO_ECDHE, // static RSA or CBC only
	MANNER_RAW,	 // the answer's octets at once, without TLS
	MANNER_RESET,	 // handshake, answer, connection reset
	MANNER_AGAIN,	 // handshake, a wish for another one, answer
	MANNER_SILENT,	 // accepts, then nothing
	MANNER_NO_ANSWER // handshake, then nothing
};

enum flaw {
	FLAW_NONE,
	FLAW_SHA1, // signed with it
};

#define SAN(text) text, sizeof(text) - 1
#define DNS_GOOD "\x82\x13mta-sts.example.com"

struct certificate {
	const char *san; // entries as in DER, without the sequence around them
	size_t san_len;
	const char *from;
	const char *until;
	enum key key;
	enum key issuer;
	enum flaw flaw;
};

#define VALID "20200101000000", "20451231000000"

static const struct certificate FINE = {SAN(DNS_GOOD), VALID, KEY_LEAF, KEY_CA, FLAW_NONE};

struct host {
	const struct certificate *certificate;
	enum manner manner;
	const char *answer;
	size_t raw_len; // of the answer, for MANNER_RAW
	char request[2048];
};

static int spawner;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context rng;
static mbedtls_pk_context keys[KEYS];
static char ca_path[] = P_tmpdir "/stsd-roots-XXXXXX";
static int listener;
static uint16_t port;

// ---- certificates

static void make_keys(void) {
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&rng);
	assert_int_equal(mbedtls_ctr_drbg_seed(&rng, mbedtls_entropy_func, &entropy, NULL, 0), 0);
	for (int i = 0; i < KEYS; i++) {
		mbedtls_pk_type_t type = i == KEY_WEAK ? MBEDTLS_PK_RSA : MBEDTLS_PK_ECKEY;
		mbedtls_pk_init(&keys[i]);
		assert_int_equal(mbedtls_pk_setup(&keys[i], mbedtls_pk_info_from_type(type)), 0);
		int code = i == KEY_WEAK ? mbedtls_rsa_gen_key(
				   mbedtls_pk_rsa(keys[i]),
				   mbedtls_ctr_drbg_random,
				   &rng,
				   1024,
				   65537
			   )
					 : mbedtls_ecp_gen_key(
						 MBEDTLS_ECP_DP_SECP256R1,
						 mbedtls_pk_ec(keys[i]),
						 mbedtls_ctr_drbg_random,
						 &rng
					 );
		assert_int_equal(code, 0);
	}
}

static void add_names(mbedtls_x509write_cert *w, const struct certificate *c) {
	unsigned char der[128] = {0x30, (unsigned char)c->san_len};
	assert_true(c->san_len < 100);
	memcpy(der + 2, c->san, c->san_len);
	assert_int_equal(
		mbedtls_x509write_crt_set_extension(
			w,
			MBEDTLS_OID_SUBJECT_ALT_NAME,
			MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
			0,
			der,
			c->san_len + 2
		),
		0
	);
}

static void write_certificate(const struct certificate *c, bool ca, char pem[PEM_MAX]) {
	mbedtls_x509write_cert w;
	mbedtls_mpi serial;
	mbedtls_x509write_crt_init(&w);
	mbedtls_mpi_init(&serial);
	mbedtls_mpi_lset(&serial, 1);
	mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(
		&w, c->flaw == FLAW_SHA1 ? MBEDTLS_MD_SHA1 : MBEDTLS_MD_SHA256
	);
	mbedtls_x509write_crt_set_serial(&w, &serial);
	mbedtls_x509write_crt_set_validity(&w, c->from, c->until);
	mbedtls_x509write_crt_set_subject_key(&w, &keys[c->key]);
	mbedtls_x509write_crt_set_issuer_key(&w, &keys[c->issuer]);
	mbedtls_x509write_crt_set_basic_constraints(&w, ca, -1);
	// The name of the issuer tells nothing: only the key does.
	assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&w, "CN=Root"), 0);
	assert_int_equal(
		mbedtls_x509write_crt_set_subject_name(
			&w, ca ? "CN=Root" : "CN=mta-sts.example.com"
		),
		0
	);
	if (c->san_len > 0) {
		add_names(&w, c);
	}
	assert_int_equal(
		mbedtls_x509write_crt_pem(
			&w, (unsigned char *)pem, PEM_MAX, mbedtls_ctr_drbg_random, &rng
		),
		0
	);
	mbedtls_mpi_free(&serial);
	mbedtls_x509write_crt_free(&w);
}

static void write_roots(void) {
	const struct certificate root = {"", 0, VALID, KEY_CA, KEY_CA, FLAW_NONE};
	char pem[PEM_MAX];
	write_certificate(&root, true, pem);
	int fd = mkstemp(ca_path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pem, strlen(pem)), strlen(pem));
	assert_int_equal(fchmod(fd, 0644), 0); // the child is nobody
	close(fd);
}

// ---- the policy host

static void read_request(struct host *h, mbedtls_ssl_context *ssl) {
	size_t at = 0;
	while (strstr(h->request, "\r\n\r\n") == NULL && at < sizeof(h->request) - 1) {
		int n = mbedtls_ssl_read(
			ssl, (unsigned char *)h->request + at, sizeof(h->request) - 1 - at
		);
		if (n <= 0) {
			return;
		}
		at += (size_t)n;
	}
}

// Closing then drops what is queued and resets.
static void reset_at_close(int fd) {
	const struct linger at_once = {.l_onoff = 1};
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
}

static void answer(struct host *h, mbedtls_ssl_context *ssl) {
	read_request(h, ssl);
	if (h->manner == MANNER_AGAIN) {
		// The hello request goes out; what comes of it is read with the answer.
		(void)mbedtls_ssl_renegotiate(ssl);
	}
	size_t len = strlen(h->answer);
	for (size_t at = 0; at < len;) {
		int n = mbedtls_ssl_write(ssl, (const unsigned char *)h->answer + at, len - at);
		if (n <= 0) {
			return;
		}
		at += (size_t)n;
	}
	if (h->manner == MANNER_TLS) {
		mbedtls_ssl_close_notify(ssl);
	}
}

static void wait_for_end(int fd) {
	char octet;
	while (recv(fd, &octet, 1, 0) > 0) {}
}

static void speak_tls(struct host *h, int fd) {
	static const int no_ecdhe[] = {
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
		MBEDTLS_TLS_RSA_WITH_AES_128_CBC_SHA,
		0};
	char pem[PEM_MAX];
	mbedtls_net_context net = {.fd = fd};
	mbedtls_x509_crt crt;
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	mbedtls_x509_crt_init(&crt);
	mbedtls_ssl_config_init(&config);
	mbedtls_ssl_init(&ssl);
	write_certificate(h->certificate, false, pem);
	assert_int_equal(
		mbedtls_x509_crt_parse(&crt, (const unsigned char *)pem, strlen(pem) + 1), 0
	);
	mbedtls_ssl_config_defaults(
		&config,
		MBEDTLS_SSL_IS_SERVER,
		MBEDTLS_SSL_TRANSPORT_STREAM,
		MBEDTLS_SSL_PRESET_DEFAULT
	);
	mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &rng);
	mbedtls_ssl_conf_own_cert(&config, &crt, &keys[h->certificate->key]);
	if (h->manner == MANNER_OLD) {
		mbedtls_ssl_conf_max_version(
			&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_2
		);
	}
	if (h->manner == MANNER_NO_ECDHE) {
		mbedtls_ssl_conf_ciphersuites(&config, no_ecdhe);
	}
	if (h->manner == MANNER_AGAIN) {
		mbedtls_ssl_conf_renegotiation(&config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
	}
	assert_int_equal(mbedtls_ssl_setup(&ssl, &config), 0);
	mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
	if (mbedtls_ssl_handshake(&ssl) == 0) {
		if (h->manner == MANNER_NO_ANSWER) {
			wait_for_end(fd);
		} else {
			answer(h, &ssl);
		}
	}
	mbedtls_ssl_free(&ssl);
	mbedtls_ssl_config_free(&config);
	mbedtls_x509_crt_free(&crt);
}

static void *serve(void *arg) {
	struct host *h = arg;
	int fd = accept(listener, NULL, NULL);
	if (h->manner == MANNER_RAW) {
		(void)!send(fd, h->answer, h->raw_len, MSG_NOSIGNAL);
		wait_for_end(fd);
	} else if (h->manner == MANNER_SILENT) {
		wait_for_end(fd);
	} else {
		speak_tls(h, fd);
	}
	if (h->manner == MANNER_RESET) {
		reset_at_close(fd);
	} else {
		// What the client still sends must not become a reset that overtakes
		// the answer.
		shutdown(fd, SHUT_WR);
		wait_for_end(fd);
	}
	close(fd);
	return NULL;
}

static void open_listener(void) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
}

// ---- the world

struct world {
	struct event_base *base;
	struct event *guard;
	struct prefix allow;
	struct fetch_config config;
	struct fetch *fetch;
	struct outcome last;
	char text[POLICY_TEXT_MAX + 1];
	bool there;
};

static void on_outcome(void *arg, const struct outcome *o) {
	struct world *w = arg;
	w->last = *o;
	if (o->text_len > 0) {
		memcpy(w->text, o->text, o->text_len);
	}
	w->text[o->text_len] = '\0';
	w->there = true;
}

static void on_guard(evutil_socket_t /*fd*/, short /*what*/, void * /*arg*/) {
	fail_msg("nothing happens any more");
}

static void set_up(struct world *w) {
	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	w->guard = evtimer_new(w->base, on_guard, NULL);
	evtimer_add(w->guard, &(struct timeval){.tv_sec = GUARD_S});
	w->allow = (struct prefix){{.family = AF_INET, .octets = {127}}, 8};
	w->config = (struct fetch_config){
		.workers = 1,
		.per_worker_max = 64,
		.ca_file = ca_path,
		.https_port = port,
		.dns_try_ms = 1000,
		.dns_tries = 1,
		.connect_ms = 20000,
		.handshake_ms = 20000,
		.first_byte_ms = 20000,
		.total_ms = 40000,
		.late_ms = 20000,
		.allow_private = &w->allow,
		.allow_private_count = 1,
	};
}

static void open_fetch(struct world *w) {
	assert_int_equal(fetch_open(&w->config, w->base, spawner, on_outcome, w, &w->fetch), 0);
}

static void tear_down(struct world *w) {
	fetch_close(w->fetch);
	event_free(w->guard);
	event_base_free(w->base);
}

static uint64_t next_id = 1;

static void start(struct world *w, const uint8_t hosts[], uint8_t count) {
	struct task t = {.id = next_id++, .kind = TASK_POLICY, .address_count = count};
	assert_int_equal(name_parse("example.com", 11, &t.domain), NAME_OK);
	for (uint8_t i = 0; i < count; i++) {
		t.addresses[i] = (struct address){
			.family = AF_INET, .octets = {127, 0, 0, hosts[i]}};
	}
	w->there = false;
	assert_true(fetch_submit(w->fetch, &t));
}

static void wait_for_outcome(struct world *w) {
	while (!w->there) {
		event_base_loop(w->base, EVLOOP_ONCE);
	}
}

static void fetch_from(struct world *w, struct host *h) {
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, serve, h), 0);
	start(w, (const uint8_t[]){1}, 1);
	wait_for_outcome(w);
	pthread_join(thread, NULL);
}

static void
check(const char *name, const struct world *w, enum outcome_code code, const char *detail) {
	if (w->last.code != code || strcmp(w->last.detail, detail) != 0) {
		fail_msg("%s: %s+%s", name, outcome_str(w->last.code), w->last.detail);
	}
}

static void certificates_are_judged(void ** /*state*/) {
	// clang-format off
	static const struct {
		const char *name;
		struct certificate certificate;
		enum outcome_code code;
		const char *detail;
	} cases[] = {
		{"good", {SAN(DNS_GOOD), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_OK, ""},
		{"wildcard", {SAN("\x82\x0d*.example.com"), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_OK, ""},
		{"capitals", {SAN("\x82\x13MTA-STS.Example.COM"), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_OK, ""},
		{"second name", {SAN("\x82\x05" "a.net" DNS_GOOD), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_OK, ""},
		{"expired", {SAN(DNS_GOOD), "20200101000000", "20201231000000", KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_EXPIRED, ""},
		{"not yet valid", {SAN(DNS_GOOD), "20450101000000", "20451231000000", KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_EXPIRED, ""},
		{"another name", {SAN("\x82\x0b" "example.com"), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_NAME, ""},
		{"common name only", {"", 0, VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_NAME, ""},
		{"address only", {SAN("\x87\x04\x7f\x00\x00\x01"), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_NAME, ""},
		{"part of a label", {SAN("\x82\x11mta-*.example.com"), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_NAME, ""},
		{"two labels", {SAN("\x82\x05*.com"), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_NAME, ""},
		{"NUL within", {SAN("\x82\x1dmta-sts.example.com\x00.evil.net"), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_NAME, ""},
		{"trailing dot", {SAN("\x82\x14mta-sts.example.com."), VALID, KEY_LEAF, KEY_CA, FLAW_NONE}, OUTCOME_CERT_NAME, ""},
		{"unknown root", {SAN(DNS_GOOD), VALID, KEY_LEAF, KEY_OTHER_CA, FLAW_NONE}, OUTCOME_CERT_UNTRUSTED, ""},
		{"self-signed", {SAN(DNS_GOOD), VALID, KEY_LEAF, KEY_LEAF, FLAW_NONE}, OUTCOME_CERT_UNTRUSTED, ""},
		{"SHA-1", {SAN(DNS_GOOD), VALID, KEY_LEAF, KEY_CA, FLAW_SHA1}, OUTCOME_CERT_INVALID, "weak-hash"},
		{"RSA of 1024 bits", {SAN(DNS_GOOD), VALID, KEY_WEAK, KEY_CA, FLAW_NONE}, OUTCOME_CERT_INVALID, "weak-key"},
	};
	// clang-format on
	struct world w;
	set_up(&w);
	open_fetch(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host h = {.certificate = &cases[i].certificate, .answer = GOOD};
		fetch_from(&w, &h);
		check(cases[i].name, &w, cases[i].code, cases[i].detail);
		assert_int_equal(h.request[0] != '\0', cases[i].code == OUTCOME_OK);
	}
	tear_down(&w);
}

// What no host of ours can be made to show.
static void verification_has_words(void ** /*state*/) {
	static const struct {
		uint32_t flags;
		enum outcome_code code;
		const char *detail;
	} cases[] = {
		{MBEDTLS_X509_BADCERT_EXT_KEY_USAGE,
		 OUTCOME_CERT_UNTRUSTED,
		 "incompatible-key-usage"},
		{MBEDTLS_X509_BADCERT_KEY_USAGE, OUTCOME_CERT_UNTRUSTED, "incompatible-key-usage"},
		{MBEDTLS_X509_BADCERT_BAD_MD, OUTCOME_CERT_INVALID, "weak-hash"},
		{MBEDTLS_X509_BADCERT_BAD_PK, OUTCOME_CERT_INVALID, "weak-key"},
		{MBEDTLS_X509_BADCERT_MISSING, OUTCOME_CERT_INVALID, "no-certificate"},
		{MBEDTLS_X509_BADCERT_OTHER, OUTCOME_CERT_INVALID, ""},
		// Of several the one that is mended first.
		{MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_NOT_TRUSTED,
		 OUTCOME_CERT_EXPIRED,
		 ""},
		{MBEDTLS_X509_BADCERT_CN_MISMATCH | MBEDTLS_X509_BADCERT_BAD_KEY,
		 OUTCOME_CERT_NAME,
		 ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char detail[33] = "";
		assert_int_equal(tls_judge(cases[i].flags, detail), cases[i].code);
		assert_string_equal(detail, cases[i].detail);
	}
}

static void connections_are_judged(void ** /*state*/) {
	// clang-format off
	static const struct {
		const char *name;
		enum manner manner;
		const char *answer;
		enum outcome_code code;
		const char *detail;
	} cases[] = {
		{"good", MANNER_TLS, GOOD, OUTCOME_OK, ""},
		{"TLS 1.1", MANNER_OLD, GOOD, OUTCOME_TLS_VERSION, ""},
		{"no ECDHE with AEAD", MANNER_NO_ECDHE, GOOD, OUTCOME_TLS, "alert-40"},
		{"connection reset", MANNER_RESET, HEAD "Content-Length: 65\r\n\r\n", OUTCOME_HTTP_TRUNCATED, ""},
		{"renegotiation", MANNER_AGAIN, HEAD "Content-Length: 65\r\n\r\n" POLICY, OUTCOME_OK, ""},
		{"cut, length unknown", MANNER_CUT, GOOD, OUTCOME_HTTP_TRUNCATED, ""},
		{"cut, length known", MANNER_CUT, HEAD "Content-Length: 65\r\n\r\n" POLICY, OUTCOME_OK, ""},
		{"length not reached", MANNER_TLS, HEAD "Content-Length: 999\r\n\r\n" POLICY, OUTCOME_HTTP_TRUNCATED, ""},
		{"chunks", MANNER_CUT, HEAD "Transfer-Encoding: chunked\r\n\r\n41\r\n" POLICY "\r\n0\r\n\r\n", OUTCOME_OK, ""},
		{"closed at once", MANNER_TLS, "", OUTCOME_HTTP_TRUNCATED, ""},
		{"404", MANNER_TLS, "HTTP/1.1 404 No\r\n\r\n", OUTCOME_HTTP_NOT_FOUND, ""},
		{"302", MANNER_TLS, "HTTP/1.1 302 Go\r\nLocation: https://www.example.com/\r\n\r\n", OUTCOME_HTTP_REDIRECT, "302"},
		{"503", MANNER_TLS, "HTTP/1.1 503 Later\r\n\r\n", OUTCOME_HTTP_STATUS, "503"},
		{"not HTTP", MANNER_TLS, POLICY, OUTCOME_HTTP_SYNTAX, "status-line"},
		{"gzip", MANNER_TLS, HEAD "Content-Encoding: gzip\r\n\r\n", OUTCOME_HTTP_CODING, ""},
		{"too large", MANNER_TLS, HEAD "Content-Length: 65537\r\n\r\n", OUTCOME_TOO_LARGE, ""},
	};
	// clang-format on
	struct world w;
	set_up(&w);
	open_fetch(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host h = {
			.certificate = &FINE,
			.manner = cases[i].manner,
			.answer = cases[i].answer,
		};
		fetch_from(&w, &h);
		check(cases[i].name, &w, cases[i].code, cases[i].detail);
	}
	tear_down(&w);
}

// What stands for a server's first octets, unencrypted (RFC 5246 6.2.1, 7.2).
static void first_octets_are_judged(void ** /*state*/) {
	// clang-format off
	static const struct {
		const char *name;
		const char *octets;
		size_t len;
		const char *detail; // NULL: any
	} cases[] = {
		{"HTTP", SAN("HTTP/1.1 400 Bad Request\r\n\r\n"), "not-tls"},
		{"handshake_failure", SAN("\x15\x03\x03\x00\x02\x02\x28"), "alert-40"},
		{"unrecognized_name", SAN("\x15\x03\x03\x00\x02\x02\x70"), "alert-112"},
		{"hello cut short", SAN("\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03"), NULL},
		{"hello of a part", SAN("\x16\x03\x03\x00\x08\x02\x00\x40\x00\x03\x03\x00\x00"), "fragment"},
		{"heartbeat", SAN("\x18\x03\x03\x00\x03\x01\x40\x00"), "not-tls"},
	};
	// clang-format on
	struct world w;
	set_up(&w);
	open_fetch(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host h = {
			.manner = MANNER_RAW,
			.answer = cases[i].octets,
			.raw_len = cases[i].len,
		};
		fetch_from(&w, &h);
		const char *detail = cases[i].detail;
		check(cases[i].name, &w, OUTCOME_TLS, detail != NULL ? detail : w.last.detail);
	}
	tear_down(&w);
}

static void policy_comes_whole(void ** /*state*/) {
	struct world w;
	set_up(&w);
	open_fetch(&w);
	struct host h = {.certificate = &FINE, .answer = GOOD};
	fetch_from(&w, &h);
	check("good", &w, OUTCOME_OK, "");
	assert_string_equal(w.text, POLICY);
	assert_int_equal(w.last.policy.mode, POLICY_MODE_ENFORCE);
	assert_int_equal(w.last.policy.max_age_s, 86400);
	assert_int_equal(w.last.policy.mx_count, 1);
	assert_false(w.last.media_type_odd);
	char host[64];
	(void)snprintf(host, sizeof(host), "\r\nHost: mta-sts.example.com:%u\r\n", port);
	assert_ptr_equal(strstr(h.request, "GET /.well-known/mta-sts.txt HTTP/1.1\r\n"), h.request);
	assert_non_null(strstr(h.request, host));
	assert_non_null(strstr(h.request, "\r\nAccept-Encoding: identity\r\n"));
	// A body that is no policy is kept as it came.
	struct host bad = {
		.certificate = &FINE,
		.answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
	};
	fetch_from(&w, &bad);
	assert_int_equal(w.last.code, OUTCOME_BAD_BODY);
	assert_true(w.last.media_type_odd);
	assert_string_equal(w.text, "hello");
	tear_down(&w);
}

static void media_type_can_be_required(void ** /*state*/) {
	struct world w;
	set_up(&w);
	w.config.require_text_plain = true;
	open_fetch(&w);
	struct host h = {
		.certificate = &FINE,
		.answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
	};
	fetch_from(&w, &h);
	check("text/html", &w, OUTCOME_HTTP_MEDIA_TYPE, "");
	tear_down(&w);
}

static void silence_ends(void ** /*state*/) {
	static const struct {
		enum manner manner;
		uint32_t handshake_ms;
		uint32_t first_byte_ms;
		uint32_t total_ms;
		const char *detail;
	} cases[] = {
		{MANNER_SILENT, 50, 20000, 40000, "handshake"},
		{MANNER_SILENT, 20000, 20000, 50, "handshake"},
		{MANNER_NO_ANSWER, 20000, 50, 40000, "first-byte"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		set_up(&w);
		w.config.handshake_ms = cases[i].handshake_ms;
		w.config.first_byte_ms = cases[i].first_byte_ms;
		w.config.total_ms = cases[i].total_ms;
		open_fetch(&w);
		struct host h = {.certificate = &FINE, .manner = cases[i].manner};
		fetch_from(&w, &h);
		check("silence", &w, OUTCOME_TIMED_OUT, cases[i].detail);
		tear_down(&w);
	}
}

// A listener whose queue is full: what else comes there gets no answer.
static int open_deaf_host(uint8_t last, int callers[], size_t count) {
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl((127U << 24) | last),
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < count; i++) {
		// The first is taken into the queue and waited for.
		callers[i] = socket(AF_INET, SOCK_STREAM | (i > 0 ? SOCK_NONBLOCK : 0), 0);
		int rc = connect(callers[i], (struct sockaddr *)&a, sizeof(a));
		assert_true(i > 0 || rc == 0);
	}
	return fd;
}

static void connecting_ends(void ** /*state*/) {
	int callers[4];
	int deaf = open_deaf_host(9, callers, 4);
	struct world w;
	set_up(&w);
	w.config.connect_ms = 50;
	open_fetch(&w);
	start(&w, (const uint8_t[]){9}, 1);
	wait_for_outcome(&w);
	check("connecting", &w, OUTCOME_TIMED_OUT, "connect");
	tear_down(&w);
	for (size_t i = 0; i < 4; i++) {
		close(callers[i]);
	}
	close(deaf);
}

// Nobody listens at the other addresses of the loopback network.
static void addresses_are_tried_in_turn(void ** /*state*/) {
	struct world w;
	set_up(&w);
	open_fetch(&w);
	start(&w, (const uint8_t[]){2, 3}, 2);
	wait_for_outcome(&w);
	check("closed", &w, OUTCOME_CANNOT_CONNECT, "refused");
	struct host h = {.certificate = &FINE, .answer = GOOD};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, serve, &h), 0);
	start(&w, (const uint8_t[]){2, 1}, 2);
	wait_for_outcome(&w);
	pthread_join(thread, NULL);
	check("second", &w, OUTCOME_OK, "");
	start(&w, NULL, 0);
	wait_for_outcome(&w);
	check("none", &w, OUTCOME_LOCAL, "no-address");
	tear_down(&w);
}

static void addresses_are_vetted_again(void ** /*state*/) {
	struct world w;
	set_up(&w);
	w.config.allow_private_count = 0;
	open_fetch(&w);
	start(&w, (const uint8_t[]){1, 2}, 2);
	wait_for_outcome(&w);
	check("loopback", &w, OUTCOME_BLOCKED_ADDRESS, "");
	tear_down(&w);
}

static int make_world(void ** /*state*/) {
	(void)signal(SIGPIPE, SIG_IGN); // the child hangs up on bad certificates
	make_keys();
	write_roots();
	open_listener();
	return 0;
}

static int end_world(void ** /*state*/) {
	unlink(ca_path);
	close(listener);
	for (int i = 0; i < KEYS; i++) {
		mbedtls_pk_free(&keys[i]);
	}
	mbedtls_ctr_drbg_free(&rng);
	mbedtls_entropy_free(&entropy);
	return 0;
}

int main(void) {
	spawner = spawn_start("nobody");
	if (spawner < 0) {
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_are_judged),
		cmocka_unit_test(verification_has_words),
		cmocka_unit_test(connections_are_judged),
		cmocka_unit_test(first_octets_are_judged),
		cmocka_unit_test(policy_comes_whole),
		cmocka_unit_test(media_type_can_be_required),
		cmocka_unit_test(silence_ends),
		cmocka_unit_test(connecting_ends),
		cmocka_unit_test(addresses_are_tried_in_turn),
		cmocka_unit_test(addresses_are_vetted_again),
	};
	return cmocka_run_group_tests(tests, make_world, end_world);
}
