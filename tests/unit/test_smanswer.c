// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/smanswer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POSTFIX, POSTFIX39, SENDMAIL, STRICT, OLD };
static const struct smanswer_map MAPS[] = {
	[POSTFIX] = {.name = "postfix", .servername = true, .tlsrpt = true},
	[POSTFIX39] = {.name = "postfix39", .servername = true},
	[SENDMAIL] = {.name = "sendmail", .servername = true, .unknown_temp = true},
	[STRICT] = {.name = "strict", .servername = true, .tlsrpt = true, .strict_testing = true},
	[OLD] = {.name = "old"},
};
#define MAP_COUNT (sizeof(MAPS) / sizeof(MAPS[0]))

static struct lookup_zone zone(void) {
	struct lookup_zone z = {0};
	assert_int_equal(lookup_zone_parse("sts", &z), 0);
	z.allow_count = 1;
	z.allow[0] = (struct name){5, "local"};
	return z;
}

static enum smanswer_kind parse(const char *text, size_t len, struct smanswer_request *r) {
	const struct lookup_zone z = zone();
	return smanswer_parse(MAPS, MAP_COUNT, &z, (const uint8_t *)text, len, r);
}

static void keys(void ** /*state*/) {
	static const struct {
		const char *key;
		enum smanswer_kind kind;
		const char *domain;
	} CASES[] = {
		{"example.com", SMANSWER_ASK, "example.com"},
		{"EXAMPLE.Com", SMANSWER_ASK, "example.com"},
		{"example.com.", SMANSWER_ASK, "example.com"},
		{"example.com:587", SMANSWER_ASK, "example.com"},
		{"example.com:submission", SMANSWER_ASK, "example.com"},
		{"example.com.:smtp", SMANSWER_ASK, "example.com"},
		{"a.b.c.d.example.com", SMANSWER_ASK, "a.b.c.d.example.com"},
		{"xn--bcher-kva.example", SMANSWER_ASK, "xn--bcher-kva.example"},
		{"b\xc3\xbc"
		 "cher.example",
		 SMANSWER_ASK,
		 "xn--bcher-kva.example"},
		{"B\xc3\x9c"
		 "CHER.example:25",
		 SMANSWER_ASK,
		 "xn--bcher-kva.example"},
		{"\x62\x75\xcc\x88"
		 "cher.example",
		 SMANSWER_ASK,
		 "xn--bcher-kva.example"},			  // not NFC
		{"fa\xc3\x9f.de", SMANSWER_ASK, "xn--fa-hia.de"}, // not transitional: not fass.de
		{"\xe4\xbe\x8b\xe3\x80\x82"
		 "example",
		 SMANSWER_ASK,
		 "xn--fsq.example"},
		{"mail.local", SMANSWER_ASK, "mail.local"}, // an exception of the zone
		{"[mx.example.com]", SMANSWER_LOCAL, NULL},
		{"[mx.example.com]:25", SMANSWER_LOCAL, NULL},
		{"[192.0.2.1]", SMANSWER_LOCAL, NULL},
		{"[IPv6:2001:db8::1]", SMANSWER_LOCAL, NULL},
		{"192.0.2.1", SMANSWER_LOCAL, NULL},
		{"192.0.2.1:25", SMANSWER_LOCAL, NULL},
		{"2001:db8::1", SMANSWER_LOCAL, NULL},
		{".example.com", SMANSWER_LOCAL, NULL},
		{".com", SMANSWER_LOCAL, NULL},
		{".", SMANSWER_LOCAL, NULL},
		{"localhost", SMANSWER_LOCAL, NULL},
		{"a.onion", SMANSWER_LOCAL, NULL},
		{"", SMANSWER_NO_HOST, NULL},
		{":25", SMANSWER_NO_HOST, NULL},
		{"example.com:", SMANSWER_NO_HOST, NULL},
		{"example.com:25:25", SMANSWER_NO_HOST, NULL},
		{"example.com:25/tcp", SMANSWER_NO_HOST, NULL},
		{"example..com", SMANSWER_NO_HOST, NULL},
		{"exa mple.com", SMANSWER_NO_HOST, NULL},
		{"ex_ample.com", SMANSWER_NO_HOST, NULL},
		{"unix:/var/spool/private/x", SMANSWER_NO_HOST, NULL},
		{"/var/spool/postfix/private/lmtp", SMANSWER_NO_HOST, NULL},
		{"b\xfc"
		 "cher.example",
		 SMANSWER_NO_HOST,
		 NULL},							      // no UTF-8
		{"\xe2\x98\xa0\xef\xbf\xbe.example", SMANSWER_NO_HOST, NULL}, // no character
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char text[128];
		struct smanswer_request r = {0};
		int len = snprintf(text, sizeof(text), "postfix %s", CASES[i].key);
		enum smanswer_kind kind = parse(text, (size_t)len, &r);
		if (kind != CASES[i].kind) {
			fail_msg("\"%s\": %d, not %d", text, (int)kind, (int)CASES[i].kind);
		}
		assert_ptr_equal(r.map, &MAPS[POSTFIX]);
		if (CASES[i].domain != NULL) {
			assert_string_equal(r.domain.text, CASES[i].domain);
			assert_int_equal(r.domain.len, strlen(CASES[i].domain));
		}
	}
}

static void long_keys(void ** /*state*/) {
	struct smanswer_request r;
	char text[SMANSWER_REQUEST_MAX];
	// 244 octets can have a policy, 245 cannot, and thousands are no host name.
	static const struct {
		size_t key;
		enum smanswer_kind kind;
	} CASES[] = {
		{244, SMANSWER_ASK},
		{245, SMANSWER_LOCAL},
		{1023, SMANSWER_LOCAL},
		{1024, SMANSWER_NO_HOST},
		{sizeof(text) - 8, SMANSWER_NO_HOST},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		memset(text, 'a', sizeof(text));
		memcpy(text, "postfix ", 8);
		for (size_t at = 8 + 60; at < 8 + CASES[i].key - 1; at += 61) {
			text[at] = '.';
		}
		assert_int_equal(parse(text, 8 + CASES[i].key, &r), CASES[i].kind);
	}
	assert_int_equal(parse("postfix a\0b.com", 15, &r), SMANSWER_NO_HOST);
}

static void requests(void ** /*state*/) {
	struct smanswer_request r;
	assert_int_equal(parse("", 0, &r), SMANSWER_BAD);
	assert_int_equal(parse("postfix", 7, &r), SMANSWER_BAD);
	assert_int_equal(parse(" example.com", 12, &r), SMANSWER_BAD);
	assert_int_equal(parse("QUERY example.com", 17, &r), SMANSWER_BAD_MAP);
	assert_int_equal(parse("postfi example.com", 18, &r), SMANSWER_BAD_MAP);
	assert_int_equal(parse("postfix3 example.com", 20, &r), SMANSWER_BAD_MAP);
	assert_int_equal(parse("Postfix example.com", 19, &r), SMANSWER_BAD_MAP);
	assert_int_equal(parse("sendmail example.com", 20, &r), SMANSWER_ASK);
	assert_ptr_equal(r.map, &MAPS[SENDMAIL]);
}

#define TEXT                                                                               \
	"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n" \
	"\r\nx-odd: {braces}\r\nx-tab:\tx\nx-high: \xc3\xbc\nmax_age: 604800"
#define MX "\20mail.example.com\15*.example.net"

static struct record record(enum policy_mode mode) {
	return (struct record){
		.kind = RECORD_POLICY,
		.domain = {11, "example.com"},
		.policy = {
			.mode = mode,
			.max_age_s = 604800,
			.mx_count = 2,
			.mx_bytes = sizeof(MX) - 1,
			.mx = (const uint8_t *)MX,
		},
		.text = (const uint8_t *)TEXT,
		.text_len = sizeof(TEXT) - 1,
	};
}

static uint8_t buf[SMANSWER_ROOM];

static void expect(int map, const struct record *rec, const char *want) {
	struct smanswer a = smanswer_record(&MAPS[map], rec, buf);
	if (a.len != strlen(want) || memcmp(a.at, want, a.len) != 0) {
		fail_msg("%.*s\nnot\n%s", (int)a.len, (const char *)a.at, want);
	}
}

#define MATCH "OK secure match=mail.example.com:.example.net"
#define LINES                                                                             \
	" { policy_string = version: STSv1 } { policy_string = mode: enforce }"           \
	" { policy_string = mx: mail.example.com } { policy_string = mx: *.example.net }" \
	" { policy_string = max_age: 604800 }"
#define ATTRIBUTES                                                                    \
	" policy_type=sts policy_domain=example.com mx_host_pattern=mail.example.com" \
	" mx_host_pattern=*.example.net"

static void answers(void ** /*state*/) {
	struct record enforce = record(POLICY_MODE_ENFORCE);
	struct record testing = record(POLICY_MODE_TESTING);
	struct record none = record(POLICY_MODE_NONE);
	struct record failed = {.kind = RECORD_FAILED};
	struct record unknown = {.kind = RECORD_UNKNOWN};
	struct record absent = {.kind = RECORD_NONE};
	static const char FULL[] = "354:" MATCH " servername=hostname" ATTRIBUTES LINES ",";
	expect(POSTFIX, &enforce, FULL);
	expect(POSTFIX39, &enforce, "65:" MATCH " servername=hostname,");
	expect(SENDMAIL, &enforce, "65:" MATCH " servername=hostname,");
	expect(OLD, &enforce, "45:" MATCH ",");
	expect(STRICT, &enforce, FULL);
	expect(STRICT, &testing, FULL); // the same text here
	for (int map = 0; map < (int)MAP_COUNT; map++) {
		if (map != STRICT) {
			expect(map, &testing, "9:NOTFOUND ,");
		}
		expect(map, &none, "9:NOTFOUND ,");
		expect(map, &failed, "9:NOTFOUND ,");
		expect(map, &absent, "9:NOTFOUND ,");
		expect(map, &unknown, map == SENDMAIL ? "5:TEMP ," : "9:NOTFOUND ,");
	}
}

static void words(void ** /*state*/) {
	static const char *const WORDS[] = {
		[SMANSWER_NOTFOUND] = "9:NOTFOUND ,",
		[SMANSWER_TEMP] = "5:TEMP ,",
		[SMANSWER_PERM_MAP] = "16:PERM unknown map,",
		[SMANSWER_PERM_REQUEST] = "25:PERM expected map and key,",
		[SMANSWER_PERM_NETSTRING] = "23:PERM expected netstring,",
	};
	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
		struct smanswer a = smanswer_word((enum smanswer_word)i);
		assert_int_equal(a.len, strlen(WORDS[i]));
		assert_memory_equal(a.at, WORDS[i], a.len);
	}
}

// The most a policy can have: its lines go, its patterns stay.
static void longest(void ** /*state*/) {
	static uint8_t mx[POLICY_MX_COUNT_MAX * 254];
	static uint8_t text[POLICY_TEXT_MAX];
	struct record rec = record(POLICY_MODE_ENFORCE);
	for (size_t i = 0; i < POLICY_MX_COUNT_MAX; i++) {
		uint8_t *at = mx + i * 254;
		memset(at, 'a', 254);
		at[0] = 253;
		for (int dot = 1; dot <= 4; dot++) {
			at[dot * 60] = '.';
		}
	}
	memset(text, 'x', sizeof(text));
	rec.policy.mx = mx;
	rec.policy.mx_bytes = sizeof(mx);
	rec.policy.mx_count = POLICY_MX_COUNT_MAX;
	rec.text = text;
	rec.text_len = sizeof(text);
	struct smanswer a = smanswer_record(&MAPS[POSTFIX], &rec, buf);
	char *whole = strndup((const char *)a.at, a.len);
	assert_non_null(whole);
	assert_in_range(a.len, 60000, SMANSWER_BYTES_MAX + 8);
	size_t patterns = 0;
	for (const char *at = whole; (at = strstr(at, " mx_host_pattern=")) != NULL; at++) {
		patterns++;
	}
	assert_int_equal(patterns, POLICY_MX_COUNT_MAX);
	assert_null(strstr(whole, "policy_string"));
	free(whole);
	// The text alone fits.
	rec = record(POLICY_MODE_ENFORCE);
	rec.text = text;
	rec.text_len = sizeof(text);
	a = smanswer_record(&MAPS[POSTFIX], &rec, buf);
	assert_true(a.len > sizeof(text));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(long_keys),
		cmocka_unit_test(requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(words),
		cmocka_unit_test(longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
