// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/query.h"

#include <ldns/ldns.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char HOST[] = "_mta-sts.example.com";

// ldns reads what was built with it: our own messages are no strangers'.
static void fields_are_set(void ** /*state*/) {
	uint8_t buf[QUERY_BYTES_MAX];
	struct gate_question q;
	int len = query_build(HOST, GATE_TXT, true, buf, &q);
	assert_true(len > 0);
	ldns_pkt *pkt = NULL;
	assert_int_equal(ldns_wire2pkt(&pkt, buf, (size_t)len), LDNS_STATUS_OK);
	assert_int_equal(ldns_pkt_id(pkt), q.id);
	assert_true(ldns_pkt_rd(pkt));
	assert_false(ldns_pkt_qr(pkt));
	assert_false(ldns_pkt_cd(pkt));
	assert_true(ldns_pkt_edns(pkt));
	assert_false(ldns_pkt_edns_do(pkt));
	assert_int_equal(ldns_pkt_edns_udp_size(pkt), QUERY_EDNS_BYTES);
	assert_int_equal(ldns_pkt_qdcount(pkt), 1);
	const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);
	assert_int_equal(ldns_rr_get_type(rr), LDNS_RR_TYPE_TXT);
	assert_int_equal(ldns_rr_get_class(rr), LDNS_RR_CLASS_IN);
	ldns_pkt_free(pkt);
	assert_int_equal(q.type, GATE_TXT);
	assert_int_equal(q.name_len, sizeof(HOST) + 1);
	assert_memory_equal(q.name, buf + 12, q.name_len);
	len = query_build(HOST, GATE_A, false, buf, &q);
	assert_int_equal(len, 12 + q.name_len + 4);
	assert_int_equal(buf[11], 0);
}

static void names_are_checked(void ** /*state*/) {
	static const char *const bad[] = {
		"",
		".",
		".host",
		"host.",
		"a..b",
		"a b.example",
		"_",
		"a._b.example",
		"\x80.example",
	};
	uint8_t buf[QUERY_BYTES_MAX];
	struct gate_question q;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(query_build(bad[i], GATE_TXT, true, buf, &q), -EINVAL);
	}
	char name[256];
	for (size_t i = 0; i < 255; i++) {
		name[i] = i % 64 == 63 ? '.' : 'a';
	}
	name[253] = '\0';
	assert_true(query_build(name, GATE_TXT, true, buf, &q) > 0);
	assert_int_equal(q.name_len, 255);
	name[253] = 'a';
	name[254] = '\0';
	assert_int_equal(query_build(name, GATE_TXT, true, buf, &q), -EINVAL);
}

// Each bit of the id and the case of each letter comes out both ways. The odds
// of a false alarm are 33 in 2^200.
static void secrets_vary(void ** /*state*/) {
	uint16_t ones = 0;
	uint16_t zeros = 0;
	uint8_t upper[32] = {0};
	uint8_t lower[32] = {0};
	for (unsigned i = 0; i < 200; i++) {
		uint8_t buf[QUERY_BYTES_MAX];
		struct gate_question q;
		assert_true(query_build(HOST, GATE_TXT, true, buf, &q) > 0);
		ones |= q.id;
		zeros |= (uint16_t)~q.id;
		for (size_t at = 0; at < q.name_len; at++) {
			upper[at] |= q.name[at] >= 'A' && q.name[at] <= 'Z';
			lower[at] |= q.name[at] >= 'a' && q.name[at] <= 'z';
		}
	}
	assert_int_equal(ones, 0xffff);
	assert_int_equal(zeros, 0xffff);
	unsigned letters = 0;
	for (size_t at = 0; at < sizeof(upper); at++) {
		assert_int_equal(upper[at], lower[at]);
		letters += upper[at];
	}
	assert_int_equal(letters, 16);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_set),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(secrets_vary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
