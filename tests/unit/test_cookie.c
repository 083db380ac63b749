// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/cookie.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1559731985U

static size_t unhex(const char *text, uint8_t *out) {
	size_t n = 0;
	unsigned octet;
	for (; sscanf(text + 2 * n, "%2x", &octet) == 1; n++) {
		out[n] = (uint8_t)octet;
	}
	return n;
}

static size_t address(const char *text, uint8_t out[16]) {
	bool v6 = strchr(text, ':') != NULL;
	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, text, out), 1);
	return v6 ? 16 : 4;
}

static struct cookie read_hex(const char *text) {
	uint8_t octets[64];
	struct cookie c = {0};
	cookie_read(octets, unhex(text, octets), &c);
	return c;
}

static void must_be(const struct cookie *c, const char *text) {
	uint8_t octets[64];
	assert_true(c->made);
	assert_int_equal(c->len, COOKIE_BYTES);
	assert_int_equal(unhex(text, octets), COOKIE_BYTES);
	assert_memory_equal(c->octets, octets, COOKIE_BYTES);
}

#define FIRST "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define OLD "dd3bdf9344b678b185a6f5cb60fca715"
#define NEW "445536bcd2513298075a5d379663c962"

// RFC 9018 Appendix A.
static const struct {
	const char *secrets[2];
	const char *client;
	uint32_t now_s;
	const char *sent;
	enum cookie_verdict verdict;
	const char *answer;
} VECTORS[] = {
	{{FIRST, NULL},
	 "198.51.100.100",
	 1559731985,
	 "2464c4abcf10c957",
	 COOKIE_CLIENT,
	 "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
	{{FIRST, NULL},
	 "198.51.100.100",
	 1559734385,
	 "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
	 COOKIE_GOOD,
	 "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
	// Reserved octets that are set, and almost two hours old: the hash is right (the
	// next test), but its time is over.
	{{FIRST, NULL},
	 "203.0.113.203",
	 1559734700,
	 "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
	 COOKIE_BAD,
	 "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
	{{NEW, OLD},
	 "2001:db8:220:1:59de:d0f4:8769:82b8",
	 1559741961,
	 "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
	 COOKIE_GOOD,
	 "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
	// The old secret is gone.
	{{NEW, NULL},
	 "2001:db8:220:1:59de:d0f4:8769:82b8",
	 1559741961,
	 "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
	 COOKIE_BAD,
	 "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
};

static struct cookie_secrets secrets_of(const char *const from[2]) {
	struct cookie_secrets s = {0};
	for (; s.count < 2 && from[s.count] != NULL; s.count++) {
		assert_int_equal(unhex(from[s.count], s.at[s.count]), COOKIE_SECRET_BYTES);
	}
	return s;
}

static void the_vectors_of_the_rfc(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(VECTORS) / sizeof(VECTORS[0]); i++) {
		struct cookie_secrets s = secrets_of(VECTORS[i].secrets);
		uint8_t from[16];
		size_t n = address(VECTORS[i].client, from);
		struct cookie c = read_hex(VECTORS[i].sent);
		cookie_judge(&s, from, n, VECTORS[i].now_s, &c);
		assert_int_equal(c.verdict, VECTORS[i].verdict);
		must_be(&c, VECTORS[i].answer);
	}
}

// RFC 9018 4.2: they are not looked at, but hashed.
static void reserved_octets_may_be_set(void ** /*state*/) {
	struct cookie_secrets s = secrets_of((const char *const[]){FIRST, NULL});
	uint8_t from[16];
	size_t n = address("203.0.113.203", from);
	const char *sent = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
	struct cookie c = read_hex(sent);
	cookie_judge(&s, from, n, 1559727985 + 60, &c);
	assert_int_equal(c.verdict, COOKIE_GOOD);
	must_be(&c, sent);
}

// RFC 7873 5.2.2: 8, or 16 to 40.
static void every_length(void ** /*state*/) {
	const uint8_t octets[64] = {1, 2, 3};
	for (size_t len = 0; len <= 41; len++) {
		struct cookie c = {0};
		bool right = len == 8 || (len >= 16 && len <= 40);
		cookie_read(octets, len, &c);
		assert_int_equal(c.malformed, !right);
		assert_int_equal(c.len, right ? len : 0);
		// None but the interoperable form can be ours.
		struct cookie_secrets s = {.count = 1};
		cookie_judge(&s, octets, 4, NOW, &c);
		assert_int_equal(c.made, right);
		assert_int_equal(
			c.verdict,
			!right	   ? COOKIE_NONE
			: len == 8 ? COOKIE_CLIENT
				   : COOKIE_BAD
		);
	}
}

static void the_first_of_two_counts(void ** /*state*/) {
	struct cookie c = read_hex("2464c4abcf10c957");
	cookie_read((const uint8_t *)"12345678", 8, &c);
	cookie_read((const uint8_t *)"1234567", 7, &c);
	assert_int_equal(c.octets[0], 0x24);
	assert_false(c.malformed);
}

// RFC 9018 4.3.
static void time_rules(void ** /*state*/) {
	static const struct {
		int age_s;
		bool good;
		bool renewed;
	} RULES[] = {
		{0, true, false},
		{1800, true, false},
		{1801, true, true},
		{3600, true, true},
		{3601, false, true},
		{-1, true, false},
		{-300, true, false},
		{-301, false, true},
		{INT32_MAX, false, true},
		{INT32_MIN, false, true},
	};
	const struct cookie_secrets s = {.count = 1, .at = {{7}}};
	const uint8_t from[4] = {192, 0, 2, 1};
	// Also where the seconds begin anew.
	static const uint32_t STARTS[] = {NOW, 0, 100, UINT32_MAX};
	for (size_t i = 0; i < sizeof(RULES) / sizeof(RULES[0]); i++) {
		for (size_t j = 0; j < 4; j++) {
			struct cookie c = read_hex("2464c4abcf10c957");
			cookie_judge(&s, from, 4, STARTS[j], &c);
			struct cookie sent = {0};
			cookie_read(c.octets, COOKIE_BYTES, &sent);
			cookie_judge(&s, from, 4, STARTS[j] + (uint32_t)RULES[i].age_s, &sent);
			assert_int_equal(sent.verdict, RULES[i].good ? COOKIE_GOOD : COOKIE_BAD);
			assert_int_equal(
				memcmp(sent.octets, c.octets, COOKIE_BYTES) != 0, RULES[i].renewed
			);
		}
	}
}

// RFC 9018 5: a fleet whose appliances are not switched over at the same instant.
static void secrets_are_rolled_over(void ** /*state*/) {
	static const struct cookie_secrets STAGES[] = {
		{.count = 1, .at = {{1}}},
		{.count = 2, .at = {{1}, {2}}},
		{.count = 2, .at = {{2}, {1}}},
		{.count = 1, .at = {{2}}},
	};
	const uint8_t from[4] = {192, 0, 2, 1};
	for (size_t made = 0; made < 4; made++) {
		for (size_t met = 0; met < 4; met++) {
			struct cookie c = read_hex("2464c4abcf10c957");
			cookie_judge(&STAGES[made], from, 4, NOW, &c);
			struct cookie sent = {0};
			cookie_read(c.octets, COOKIE_BYTES, &sent);
			cookie_judge(&STAGES[met], from, 4, NOW + 1, &sent);
			// Stages side by side bear with each other.
			bool near = made > met ? made - met <= 1 : met - made <= 1;
			bool same = STAGES[made].at[0][0] == STAGES[met].at[0][0];
			bool both = STAGES[met].count == 2;
			assert_int_equal(sent.verdict, same || both ? COOKIE_GOOD : COOKIE_BAD);
			assert_true(!near || sent.verdict == COOKIE_GOOD);
			// Where another secret makes them now, it has made this one.
			assert_int_equal(memcmp(sent.octets, c.octets, COOKIE_BYTES) == 0, same);
		}
	}
}

// Each octet of it, and the address, is what the hash is of.
static void another_octet_is_another_cookie(void ** /*state*/) {
	const struct cookie_secrets s = {.count = 1, .at = {{7}}};
	const uint8_t from[4] = {192, 0, 2, 1};
	struct cookie c = read_hex("2464c4abcf10c957");
	cookie_judge(&s, from, 4, NOW, &c);
	for (size_t bit = 0; bit < 8U * COOKIE_BYTES; bit++) {
		struct cookie sent = {0};
		cookie_read(c.octets, COOKIE_BYTES, &sent);
		sent.octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
		cookie_judge(&s, from, 4, NOW, &sent);
		assert_int_equal(sent.verdict, COOKIE_BAD);
	}
	struct cookie sent = {0};
	cookie_read(c.octets, COOKIE_BYTES, &sent);
	cookie_judge(&s, (const uint8_t[]){192, 0, 2, 2}, 4, NOW, &sent);
	assert_int_equal(sent.verdict, COOKIE_BAD);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc),
		cmocka_unit_test(reserved_octets_may_be_set),
		cmocka_unit_test(every_length),
		cmocka_unit_test(the_first_of_two_counts),
		cmocka_unit_test(time_rules),
		cmocka_unit_test(secrets_are_rolled_over),
		cmocka_unit_test(another_octet_is_another_cookie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
