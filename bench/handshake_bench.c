// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

// Bare TLS handshakes of mbedTLS, a few at a time: what the fetch of a
// policy costs beyond its handshake is measured against that. One suite and one
// curve; full handshakes, the chain and the name checked, no request.

#include "base/clock.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 8

struct bare {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_x509_crt roots;
	mbedtls_ssl_config config;
	const char *ip;
	const char *port;
	mbedtls_ecp_group_id curves[3];
};

static const int suites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0};

static int prepare(struct bare *b, const char *ca_file) {
	mbedtls_entropy_init(&b->entropy);
	mbedtls_ctr_drbg_init(&b->random);
	mbedtls_x509_crt_init(&b->roots);
	mbedtls_ssl_config_init(&b->config);
	int rc = mbedtls_x509_crt_parse_file(&b->roots, ca_file);
	if (!rc)
		rc = mbedtls_ctr_drbg_seed(&b->random, mbedtls_entropy_func, &b->entropy, NULL, 0);
	if (!rc)
		rc = mbedtls_ssl_config_defaults(
			&b->config,
			MBEDTLS_SSL_IS_CLIENT,
			MBEDTLS_SSL_TRANSPORT_STREAM,
			MBEDTLS_SSL_PRESET_DEFAULT
		);
	mbedtls_ssl_conf_curves(&b->config, b->curves);
	mbedtls_ssl_conf_ca_chain(&b->config, &b->roots, NULL);
	mbedtls_ssl_conf_ciphersuites(&b->config, suites);
	mbedtls_ssl_conf_rng(&b->config, mbedtls_ctr_drbg_random, &b->random);
	mbedtls_ssl_conf_session_tickets(&b->config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
	return rc;
}

static int shake(struct bare *b, mbedtls_ssl_context *ssl, const char *host) {
	int rc = mbedtls_ssl_setup(ssl, &b->config);
	if (!rc)
		rc = mbedtls_ssl_set_hostname(ssl, host);
	return rc ? rc : mbedtls_ssl_handshake(ssl);
}

static int shake_once(struct bare *b, const char *host) {
	mbedtls_net_context net;
	mbedtls_ssl_context ssl;
	mbedtls_net_init(&net);
	mbedtls_ssl_init(&ssl);
	int rc = mbedtls_net_connect(&net, b->ip, b->port, MBEDTLS_NET_PROTO_TCP);
	if (!rc) {
		(void)setsockopt(net.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
		rc = shake(b, &ssl, host);
	}
	if (!rc)
		(void)mbedtls_ssl_close_notify(&ssl);
	mbedtls_ssl_free(&ssl);
	mbedtls_net_free(&net);
	return rc;
}

// One host of so many, from a first one on. @return How many failed.
static int shake_some(struct bare *b, const char *path, unsigned first) {
	char host[256];
	int failed = 0;
	FILE *hosts = fopen(path, "r");
	// What was drawn before the fork must not be drawn by all.
	int rc = mbedtls_ctr_drbg_reseed(&b->random, (const unsigned char *)&first, sizeof(first));
	if (!hosts || rc)
		return 1;
	for (unsigned i = 0; fgets(host, sizeof(host), hosts); i++) {
		if (i % PROCESSES != first)
			continue;
		host[strcspn(host, "\n")] = '\0';
		rc = shake_once(b, host);
		if (rc) {
			char why[128];
			mbedtls_strerror(rc, why, sizeof(why));
			(void)fprintf(stderr, "handshake_bench: %s: %s\n", host, why);
			failed++;
		}
	}
	(void)fclose(hosts);
	return failed;
}

static unsigned count_lines(const char *path) {
	char line[256];
	unsigned count = 0;
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		count++;
	if (f)
		(void)fclose(f);
	return count;
}

// While one process waits for the server, another has the core: a core that
// sleeps between two handshakes is slower at both.
static int shake_all(struct bare *b, const char *path) {
	unsigned count = count_lines(path);
	int failed = count ? 0 : 1;
	mono_ns_t start = clock_mono_ns();
	for (unsigned i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(shake_some(b, path, i) ? 1 : 0);
		failed += pid < 0;
	}
	int status;
	while (wait(&status) > 0)
		failed += status != 0;
	double took = (double)(clock_mono_ns() - start) / 1e9;
	struct rusage u;
	(void)getrusage(RUSAGE_CHILDREN, &u);
	double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
		     + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	printf("{\"handshakes\": %u, \"seconds\": %.3f, \"cpu_s\": %.3f, \"per_cpu_s\": %.1f}\n",
	       count,
	       took,
	       cpu,
	       count / cpu);
	return failed;
}

int main(int argc, char **argv) {
	const mbedtls_ecp_curve_info *curve = argc == 6 ? mbedtls_ecp_curve_info_from_name(argv[5])
							: NULL;
	if (!curve) {
		(void
		)fputs("usage: handshake_bench IP PORT CA-FILE HOSTS-FILE CURVE\n"
		       "  with each host of the file once; CURVE as mbedTLS calls it\n",
		       stderr);
		return 2;
	}
	// The second one is that of the certificates.
	struct bare b = {
		.ip = argv[1],
		.port = argv[2],
		.curves = {curve->grp_id, MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_NONE},
	};
	int rc = prepare(&b, argv[3]);
	if (rc)
		(void)fprintf(stderr, "handshake_bench: %s: -%x\n", argv[3], (unsigned)-rc);
	else
		rc = shake_all(&b, argv[4]);
	mbedtls_ssl_config_free(&b.config);
	mbedtls_x509_crt_free(&b.roots);
	mbedtls_ctr_drbg_free(&b.random);
	mbedtls_entropy_free(&b.entropy);
	return rc ? 1 : 0;
}
