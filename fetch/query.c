// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/query.h"

#include "base/name.h"

#include <ldns/ldns.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define HEADER_BYTES 12

void query_random(void *to, size_t len) {
	// Requests up to 256 octets are never cut short once the pool is ready;
	// without randomness nothing may be asked at all.
	if (getrandom(to, len, 0) != (ssize_t)len) {
		abort();
	}
}

// ldns asserts on names it does not like, so they are checked before: LDH
// labels, but for an underscore at the very front.
static bool may_be_asked(const char *host) {
	size_t skip = host[0] == '_' ? 1 : 0;
	return name_is_host(host + skip, strlen(host + skip)) && strlen(host) <= 253;
}

// Draws the case of each letter (draft-vixie-dnsext-dns0x20).
static void mix_case(uint8_t *name, size_t len) {
	uint8_t bits[(GATE_NAME_MAX + 7) / 8];
	query_random(bits, sizeof(bits));
	for (size_t i = 0; i < len; i++) {
		bool letter = (name[i] >= 'a' && name[i] <= 'z')
			      || (name[i] >= 'A' && name[i] <= 'Z');
		if (letter && ((bits[i / 8] >> (i % 8)) & 1) != 0) {
			name[i] ^= 0x20;
		}
	}
}

static ldns_pkt *new_packet(const char *host, enum gate_type type, bool edns) {
	ldns_rdf *name = ldns_dname_new_frm_str(host);
	if (name == NULL) {
		return NULL;
	}
	ldns_pkt *pkt = ldns_pkt_query_new(name, (ldns_rr_type)type, LDNS_RR_CLASS_IN, LDNS_RD);
	if (pkt == NULL) {
		ldns_rdf_deep_free(name);
		return NULL;
	}
	if (edns) {
		ldns_pkt_set_edns_udp_size(pkt, QUERY_EDNS_BYTES);
	}
	return pkt;
}

static int finish(const uint8_t *wire, size_t len, uint8_t *buf, struct gate_question *q) {
	size_t name_len = strnlen((const char *)wire + HEADER_BYTES, len - HEADER_BYTES) + 1;
	if (len > QUERY_BYTES_MAX || name_len > GATE_NAME_MAX || HEADER_BYTES + name_len > len) {
		return -EMSGSIZE;
	}
	memcpy(buf, wire, len);
	query_random(&q->id, sizeof(q->id));
	buf[0] = (uint8_t)(q->id >> 8);
	buf[1] = (uint8_t)q->id;
	mix_case(buf + HEADER_BYTES, name_len);
	memcpy(q->name, buf + HEADER_BYTES, name_len);
	q->name_len = (uint8_t)name_len;
	return (int)len;
}

int query_build(
	const char *host,
	enum gate_type type,
	bool edns,
	uint8_t buf[QUERY_BYTES_MAX],
	struct gate_question *question
) {
	if (!may_be_asked(host)) {
		return -EINVAL;
	}
	ldns_pkt *pkt = new_packet(host, type, edns);
	if (pkt == NULL) {
		return -ENOMEM;
	}
	uint8_t *wire = NULL;
	size_t len = 0;
	int code = -ENOMEM;
	if (ldns_pkt2wire(&wire, pkt, &len) == LDNS_STATUS_OK) {
		question->type = type;
		code = finish(wire, len, buf, question);
	}
	free(wire);
	ldns_pkt_free(pkt);
	return code;
}
