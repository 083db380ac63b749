// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/trust.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1700000000
#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static struct lookup_zone zone;
static struct trust trust;
static struct trust_counters counters;

static struct prefix prefix(const char *text, uint8_t bits) {
	struct prefix p = {.bits = bits};
	p.address.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(p.address.family, text, p.address.octets), 1);
	return p;
}

static int set_up(void ** /*state*/) {
	const struct prefix allow[] = {prefix("10.0.0.0", 8), prefix("2001:db8::", 32)};
	const struct prefix untrusted[] = {prefix("10.1.0.0", 16), prefix("10.3.0.0", 16)};
	const struct prefix wanted[] = {prefix("10.2.0.0", 15), prefix("2001:db8:2::", 48)};
	clients_init(&trust.allow, allow, 2);
	clients_init(&trust.untrusted, untrusted, 2);
	clients_init(&trust.cookies_required, wanted, 2);
	trust.cookies.count = 1;
	trust.keys.count = 1;
	zone.signatures = true;
	return lookup_zone_parse("sts.", &zone) + tsig_key_parse("mta1:" SECRET, &trust.keys.at[0]);
}

static void the_address(void ** /*state*/) {
	static const struct {
		const char *from;
		unsigned flags;
	} ROWS[] = {
		{"192.0.2.1", 0},
		{"10.0.0.1", TRUST_ALLOWED},
		{"10.1.0.1", TRUST_ALLOWED | TRUST_UNTRUSTED},
		{"10.2.0.1", TRUST_ALLOWED | TRUST_WANTS_COOKIE},
		{"10.3.0.1", TRUST_ALLOWED | TRUST_UNTRUSTED | TRUST_WANTS_COOKIE},
		{"2001:db9::1", 0},
		{"2001:db8::1", TRUST_ALLOWED},
		{"2001:db8:2::1", TRUST_ALLOWED | TRUST_WANTS_COOKIE},
	};
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct prefix p = prefix(ROWS[i].from, 0);
		unsigned flags = trust_of(&trust, p.address.family, p.address.octets);
		assert_int_equal(flags, ROWS[i].flags);
	}
}

// A message and what has become of it.
struct exchange {
	struct lookup_query q;
	size_t len;
	uint8_t octets[2048];
};

static void add(struct exchange *x, const void *octets, size_t len) {
	memcpy(x->octets + x->len, octets, len);
	x->len += len;
}

// @param question  Whether there is one. @param cookie  -1: no OPT.
static struct exchange query(bool question, const uint8_t *cookie, int cookie_len) {
	struct exchange x = {.octets = {0x12, 0x34, 1, 0, 0, question}, .len = 12};
	if (question) {
		add(&x, "\7example\3com\3sts\0\0\20\0\1", 21);
	}
	if (cookie_len >= 0) {
		x.octets[11] = 1;
		add(&x, "\0\0\51\4\320\0\0\0\0\0", 10);
		add(&x, &(uint8_t){(uint8_t)(cookie_len > 0 ? 4 + cookie_len : 0)}, 1);
		if (cookie_len > 0) {
			add(&x, (uint8_t[]){0, 10, 0, (uint8_t)cookie_len}, 4);
			add(&x, cookie, (size_t)cookie_len);
		}
	}
	return x;
}

static void judge(struct exchange *x, const char *from, bool tcp) {
	struct prefix p = prefix(from, 0);
	struct trust_sender s = {
		.family = p.address.family,
		.octets = p.address.octets,
		.flags = tcp ? TRUST_ALLOWED : trust_of(&trust, p.address.family, p.address.octets),
		.tcp = tcp,
	};
	memset(&x->q, 0xa5, sizeof(x->q));
	memset(&counters, 0, sizeof(counters));
	lookup_parse(&zone, x->octets, x->len, &x->q);
	if (trust_matters(&x->q, s.flags)) {
		trust_judge(&trust, &s, x->octets, NOW, &x->q);
		trust_admit(&trust, &s, &x->q, &counters);
	}
}

static unsigned rcode(const struct exchange *x) {
	return (unsigned)(x->q.edns_rcode << 4 | x->q.rcode);
}

static const uint8_t CLIENT[16] = "clientco";

// The cookie a client at this address has been given.
static void learn(const char *from, uint8_t cookie[COOKIE_BYTES]) {
	struct exchange x = query(true, CLIENT, 8);
	judge(&x, from, false);
	assert_true(x.q.cookie.made);
	memcpy(cookie, x.q.cookie.octets, COOKIE_BYTES);
}

// RFC 7873 5.2: by what the client sends, where no cookie is wanted and where one is.
static void who_is_answered(void ** /*state*/) {
	static const struct {
		const char *from;
		int sends; // octets of the cookie; 24: the one learned; 25: a strange one
		bool tcp;
		enum lookup_kind kind;
		unsigned rcode;
		bool limited;
	} ROWS[] = {
		{"10.0.0.1", -1, false, LOOKUP_VERDICT, 0, false},
		{"10.0.0.1", 0, false, LOOKUP_VERDICT, 0, false},
		{"10.0.0.1", 8, false, LOOKUP_VERDICT, 0, false},
		{"10.0.0.1", 24, false, LOOKUP_VERDICT, 0, false},
		{"10.0.0.1", 25, false, LOOKUP_VERDICT, 0, false},
		{"10.0.0.1", 7, false, LOOKUP_ERROR, 1, false},
		{"10.1.0.1", -1, false, LOOKUP_VERDICT, 0, true},
		{"10.1.0.1", 8, false, LOOKUP_VERDICT, 0, true},
		{"10.1.0.1", 25, false, LOOKUP_VERDICT, 0, true},
		{"10.1.0.1", 24, false, LOOKUP_VERDICT, 0, false},
		{"10.2.0.1", -1, false, LOOKUP_ERROR, 5, false},
		{"10.2.0.1", 0, false, LOOKUP_ERROR, 23, false},
		{"10.2.0.1", 8, false, LOOKUP_ERROR, 23, false},
		{"10.2.0.1", 25, false, LOOKUP_ERROR, 23, false},
		{"10.2.0.1", 24, false, LOOKUP_VERDICT, 0, false},
		{"10.2.0.1", -1, true, LOOKUP_VERDICT, 0, false},
		{"10.2.0.1", 25, true, LOOKUP_VERDICT, 0, false},
		{"10.3.0.1", 8, false, LOOKUP_ERROR, 23, true},
		{"10.3.0.1", 24, false, LOOKUP_VERDICT, 0, false},
		{"2001:db8:2::1", 8, false, LOOKUP_ERROR, 23, false},
		{"2001:db8:2::1", 24, false, LOOKUP_VERDICT, 0, false},
	};
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		uint8_t cookie[COOKIE_BYTES_MAX] = {0};
		learn(ROWS[i].from, cookie);
		cookie[20] ^= ROWS[i].sends == 25 ? 1 : 0;
		int len = ROWS[i].sends == 25 ? COOKIE_BYTES : ROWS[i].sends;
		struct exchange x = query(true, cookie, len);
		judge(&x, ROWS[i].from, ROWS[i].tcp);
		unsigned flags = trust_of(&trust, AF_INET, prefix(ROWS[i].from, 0).address.octets);
		if (ROWS[i].from[0] != '1') {
			flags = TRUST_ALLOWED | TRUST_WANTS_COOKIE;
		}
		bool limited = !ROWS[i].tcp && trust_is_limited(&x.q, flags);
		unsigned got = x.q.kind == LOOKUP_ERROR ? rcode(&x) : 0;
		if (x.q.kind != ROWS[i].kind || got != ROWS[i].rcode || limited != ROWS[i].limited
		    || (x.q.claims && x.q.cookie.made) != (len >= 8)) {
			fail_msg("row %zu: kind %d, RCODE %u", i, x.q.kind, got);
		}
		bool good = ROWS[i].sends == 24;
		assert_int_equal(counter_get(&counters.cookie_good), good ? 1 : 0);
		assert_int_equal(counter_get(&counters.cookie_bad), ROWS[i].sends == 25 ? 1 : 0);
		assert_int_equal(counter_get(&counters.cookie_client), len == 8 ? 1 : 0);
		assert_int_equal(counter_get(&counters.cookie_malformed), len == 7 ? 1 : 0);
		assert_int_equal(
			counter_get(&counters.cookie_required), got == 23 || got == 5 ? 1 : 0
		);
	}
}

// RFC 7873 5.4.
static void without_a_question(void ** /*state*/) {
	uint8_t cookie[COOKIE_BYTES];
	learn("10.2.0.1", cookie);
	struct exchange x = query(false, CLIENT, 8);
	judge(&x, "10.2.0.1", false);
	assert_int_equal(x.q.kind, LOOKUP_COOKIE);
	assert_int_equal(lookup_answer_error(&x.q, x.octets, &zone), 12 + 11 + 4 + 24);
	assert_memory_equal(x.octets, "\x12\x34\x81\0\0\0\0\0\0\0\0\1", 12);
	assert_memory_equal(x.octets + 27, cookie, COOKIE_BYTES);
	x = query(false, cookie, COOKIE_BYTES);
	judge(&x, "10.2.0.1", false);
	assert_int_equal(x.q.kind, LOOKUP_COOKIE);
	judge(&x, "10.2.0.2", false); // somebody else's
	assert_int_equal(x.q.kind, LOOKUP_ERROR);
	assert_int_equal(rcode(&x), 23);
	x = query(false, cookie, 0);
	judge(&x, "10.0.0.1", false);
	assert_int_equal(rcode(&x), 1);
	x = query(false, cookie, -1);
	judge(&x, "10.0.0.1", false);
	assert_int_equal(rcode(&x), 1);
}

// A query with an OPT, signed at this time by us as a client would.
static void sign(struct exchange *x, wall_s_t time_s) {
	struct tsig t = {.present = true, .verdict = TSIG_NONE, .name_len = 6, .algorithm_len = 13};
	memcpy(t.name, "\4mta1", 6);
	memcpy(t.algorithm, "\013hmac-sha256", 13);
	// The code of a query is that of an answer to nothing.
	uint8_t rest[8] = {0, 0, 0, 0, 0, 0, 1, 44};
	for (int i = 0; i < 6; i++) {
		rest[i] = (uint8_t)(time_s >> (40 - 8 * i));
	}
	struct hmac h;
	uint8_t mac[HMAC_BYTES];
	hmac_start(&h, &trust.keys.at[0].hmac);
	hmac_add(&h, x->octets, x->len);
	hmac_add(&h, t.name, 6);
	hmac_add(&h, "\0\377\0\0\0\0", 6);
	hmac_add(&h, t.algorithm, 13);
	hmac_add(&h, rest, 8);
	hmac_add(&h, "\0\0\0\0", 4);
	assert_true(hmac_end(&h, mac));
	x->octets[11]++;
	add(x, t.name, 6);
	add(x, "\0\372\0\377\0\0\0\0\0\75", 10);
	add(x, t.algorithm, 13);
	add(x, rest, 8);
	add(x, "\0\40", 2);
	add(x, mac, sizeof(mac));
	add(x, x->octets, 2);
	add(x, "\0\0\0\0", 4);
}

static void signed_questions(void ** /*state*/) {
	static const struct {
		int off_s;
		int flip; // an octet of the message that is changed, or -1
		enum lookup_kind kind;
		unsigned rcode;
		unsigned error;
		bool is_signed;
	} ROWS[] = {
		{0, -1, LOOKUP_VERDICT, 0, 0, true},
		{300, -1, LOOKUP_VERDICT, 0, 0, true},
		{301, -1, LOOKUP_ERROR, 9, 18, true},
		{-301, -1, LOOKUP_ERROR, 9, 18, true},
		{0, 13, LOOKUP_ERROR, 9, 16, false}, // the name that is asked
		{0, 45, LOOKUP_ERROR, 9, 17, false}, // the name of the key
	};
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct exchange x = query(true, CLIENT, 0);
		sign(&x, NOW + ROWS[i].off_s);
		if (ROWS[i].flip >= 0) {
			x.octets[ROWS[i].flip] ^= 1;
		}
		judge(&x, "10.0.0.1", false);
		assert_int_equal(x.q.kind, ROWS[i].kind);
		unsigned got = ROWS[i].kind == LOOKUP_ERROR ? rcode(&x) : 0;
		assert_int_equal(got, ROWS[i].rcode);
		size_t n = got != 0 ? lookup_answer_error(&x.q, x.octets, &zone)
				    : lookup_answer_short(&x.q, x.octets, &zone, "none", "", 0);
		size_t all = trust_sign(&trust, &x.q, x.octets, n, NOW, &counters);
		assert_int_equal(all, n + tsig_bytes(&x.q.tsig));
		struct tsig t = {0};
		assert_int_equal(tsig_read(x.octets, all, n, &t), all - n);
		assert_int_equal(t.mac_bytes, ROWS[i].is_signed ? HMAC_BYTES : 0);
		assert_int_equal(x.octets[t.tail_at + 3], ROWS[i].error);
		assert_int_equal(x.octets[11], 2);
		assert_int_equal(counter_get(&counters.tsig_good), got == 0 ? 1 : 0);
		assert_int_equal(counter_get(&counters.tsig_badtime), ROWS[i].error == 18);
		assert_int_equal(counter_get(&counters.tsig_badsig), ROWS[i].error == 16);
		assert_int_equal(counter_get(&counters.tsig_badkey), ROWS[i].error == 17);
	}
}

// RFC 8945 5.1: one, and the last.
static void where_a_signature_may_stand(void ** /*state*/) {
	struct exchange x = query(true, CLIENT, -1);
	sign(&x, NOW);
	struct exchange twice = x;
	sign(&twice, NOW);
	judge(&twice, "10.0.0.1", false);
	assert_int_equal(rcode(&twice), 1);
	struct exchange before = x;
	before.octets[11]++;
	add(&before, "\0\0\51\4\320\0\0\0\0\0\0", 11);
	judge(&before, "10.0.0.1", false);
	assert_int_equal(rcode(&before), 1);
	zone.signatures = false;
	judge(&x, "10.0.0.1", false);
	zone.signatures = true;
	assert_int_equal(rcode(&x), 1);
	assert_false(x.q.claims && x.q.tsig.present);
}

static void over_tcp_a_signature_may_be_required(void ** /*state*/) {
	trust.signed_tcp = true;
	struct exchange x = query(true, CLIENT, 8);
	judge(&x, "10.0.0.1", false);
	assert_int_equal(x.q.kind, LOOKUP_VERDICT);
	judge(&x, "10.0.0.1", true);
	assert_int_equal(rcode(&x), 5);
	assert_int_equal(counter_get(&counters.tsig_required), 1);
	x = query(true, CLIENT, 8);
	sign(&x, NOW);
	judge(&x, "10.0.0.1", true);
	assert_int_equal(x.q.kind, LOOKUP_VERDICT);
	assert_int_equal(x.q.cookie.verdict, COOKIE_CLIENT);
	trust.signed_tcp = false;
}

// RFC 8945 5.3: where it does not fit, the question and the signature.
static void an_answer_without_room(void ** /*state*/) {
	struct exchange x = query(true, CLIENT, -1);
	sign(&x, NOW);
	judge(&x, "10.0.0.1", false);
	size_t bytes = tsig_bytes(&x.q.tsig);
	assert_int_equal(x.q.size_max, 512 - bytes);
	(void)lookup_answer_short(&x.q, x.octets, &zone, "none", "", 0);
	struct exchange fits = x;
	assert_int_equal(
		trust_sign(&trust, &fits.q, fits.octets, 512 - bytes, NOW, &counters), 512
	);
	assert_int_equal(fits.octets[2] & 0x02, 0);
	size_t n = trust_sign(&trust, &x.q, x.octets, 513 - bytes, NOW, &counters);
	assert_int_equal(n, 12U + x.q.question_bytes + bytes);
	assert_memory_equal(x.octets + 2, "\x87\0\0\1\0\0\0\0\0\1", 10);
	assert_int_equal(counter_get(&counters.tsig_cut), 1);
}

// An entry whose first string is of 180 octets, with so many patterns behind it.
static const struct entry *policy(unsigned patterns) {
	static _Alignas(8) uint8_t memory[8192];
	memset(memory, 0, sizeof(memory));
	struct entry *e = (struct entry *)(void *)memory;
	e->kind = ENTRY_POLICY;
	e->ends_s = e->check_s = 5000;
	struct entry_body *body = (struct entry_body *)(uintptr_t)entry_body(e);
	uint8_t *at = body->data;
	*at++ = LOOKUP_FIRST_STRING_MAX;
	at = (uint8_t *)memset(at, 'v', LOOKUP_FIRST_STRING_MAX) + LOOKUP_FIRST_STRING_MAX;
	for (unsigned i = 0; i < patterns; i++) {
		*at++ = 40;
		at = (uint8_t *)memset(at, 'm', 40) + 40;
	}
	body->answer_bytes = (uint16_t)(at - body->data);
	return e;
}

// The one record of an answer is whole strings, and the last one says what is missing.
static void must_be_whole(const struct exchange *x, unsigned patterns) {
	const uint8_t *rr = x->octets + 12 + x->q.question_bytes;
	const uint8_t *at = rr + 12;
	const uint8_t *end = at + (rr[10] << 8 | rr[11]);
	const uint8_t *last = at;
	for (; at < end; at += 1U + *at) {
		last = at;
	}
	assert_ptr_equal(at, end);
	bool whole = end - (rr + 12) == 181 + 41 * (long)patterns;
	assert_true(whole || (last[0] == 8 && memcmp(last + 1, "; more=1", 8) == 0));
}

// Whatever stands beside it, an answer is no longer than the client takes, and the
// longest name with the longest verdict fits in 512 octets with a cookie.
static void what_is_beside_takes_its_room(void ** /*state*/) {
	zone.nsid_len = 32;
	for (unsigned i = 0; i < 2U * 2 * 2 * 2 * 40; i++) {
		struct exchange x = {.octets = {0x12, 0x34, 1, 0, 0, 1}, .len = 12};
		for (int label = 0; label < (i & 1 ? 4 : 1); label++) {
			uint8_t n = label == 3 ? 48 : i & 1 ? 63 : 7;
			add(&x, &n, 1);
			memset(x.octets + x.len, 'a', n);
			x.len += n;
		}
		add(&x, "\3com\3sts\0\0\20\0\1", 13);
		bool nsid = (i & 2) != 0;
		size_t size = i & 4 ? 1232 : 512;
		x.octets[11] = 1;
		add(&x, "\0\0\51", 3);
		add(&x, (uint8_t[]){(uint8_t)(size >> 8), (uint8_t)size, 0, 0, 0, 0, 0}, 7);
		add(&x, &(uint8_t){nsid ? 16 : 12}, 1);
		add(&x, "\0\12\0\10clientco\0\3\0", nsid ? 16 : 12);
		if ((i & 8) != 0) {
			sign(&x, NOW);
		}
		judge(&x, "10.0.0.1", false);
		assert_int_equal(x.q.kind, LOOKUP_VERDICT);
		struct lookup_now now = {.boot_s = 1000};
		size_t n = lookup_answer_entry(&x.q, x.octets, &zone, policy(i / 16), now);
		must_be_whole(&x, i / 16);
		n = trust_sign(&trust, &x.q, x.octets, n, NOW, &counters);
		bool cut = (x.octets[2] & 0x02) != 0;
		assert_true(n <= size);
		assert_int_equal(cut, (i & 1) && !(i & 4) && (i & 8)); // the one case without room
		assert_int_equal(x.octets[11], cut || !(i & 8) ? 1 : 2);
	}
	zone.nsid_len = 0;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address),
		cmocka_unit_test(who_is_answered),
		cmocka_unit_test(without_a_question),
		cmocka_unit_test(signed_questions),
		cmocka_unit_test(where_a_signature_may_stand),
		cmocka_unit_test(over_tcp_a_signature_may_be_required),
		cmocka_unit_test(an_answer_without_room),
		cmocka_unit_test(what_is_beside_takes_its_room),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
