// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/tlsrpt.h"
#include "app/utf8.h"
#include "fetch/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// RFC 8460 4.4: what a report says for each outcome of a discovery, with and
// without a policy in force.

enum { NOW = 100000 };

static const char TEXT[] = "version: STSv1\r\nmode: enforce\r\nmx: mx.example\r\nmax_age: 86400\r\n";

static struct record record_of(enum record_kind kind, const char *why) {
	static const uint8_t MX[] = "\12mx.example\15*.far.example";
	struct record r = {.kind = kind, .ends_at = NOW + 500};
	assert_int_equal(name_parse("a.example", 9, &r.domain), NAME_OK);
	snprintf(r.failure.why, sizeof(r.failure.why), "%s", why);
	if (kind == RECORD_POLICY) {
		r.policy = (struct policy){
			.mode = POLICY_MODE_ENFORCE,
			.max_age_s = 86400,
			.mx_count = 2,
			.mx_bytes = sizeof(MX) - 1,
			.mx = MX,
		};
		r.text = (const uint8_t *)TEXT;
		r.text_len = sizeof(TEXT) - 1;
	}
	return r;
}

static const char *word(json_t *o, const char *key) {
	const char *text = json_string_value(json_object_get(o, key));
	assert_non_null(text);
	return text;
}

// Checks the whole shape, and gives type, line and host counts, and the failure.
struct found {
	char type[32];
	size_t lines;
	size_t hosts;
	char result[64]; // "" for no failure
	char reason[128];
};

static struct found look(const struct record *rec) {
	json_t *o = tlsrpt_policy(rec, NOW);
	assert_non_null(o);
	assert_int_equal(json_object_size(o), 3);
	json_t *policy = json_object_get(o, "policy");
	json_t *summary = json_object_get(o, "summary");
	json_t *details = json_object_get(o, "failure-details");
	assert_true(json_is_array(details));
	assert_string_equal(word(policy, "policy-domain"), "a.example");
	json_t *lines = json_object_get(policy, "policy-string");
	json_t *hosts = json_object_get(policy, "mx-host");
	assert_true(json_is_array(lines) && json_is_array(hosts));
	assert_int_equal(
		json_integer_value(json_object_get(summary, "total-successful-session-count")), 0
	);
	assert_int_equal(
		json_integer_value(json_object_get(summary, "total-failure-session-count")), 0
	);
	struct found f = {.lines = json_array_size(lines), .hosts = json_array_size(hosts)};
	snprintf(f.type, sizeof(f.type), "%s", word(policy, "policy-type"));
	assert_true(json_array_size(details) <= 1);
	if (json_array_size(details) == 1) {
		json_t *d = json_array_get(details, 0);
		snprintf(f.result, sizeof(f.result), "%s", word(d, "result-type"));
		snprintf(f.reason, sizeof(f.reason), "%s", word(d, "failure-reason-code"));
		assert_int_equal(json_integer_value(json_object_get(d, "failed-session-count")), 1);
		assert_string_equal(word(d, "sending-mta-ip"), "");
		assert_string_equal(word(d, "receiving-mx-hostname"), "");
		assert_string_equal(word(d, "receiving-ip"), "");
		assert_null(json_object_get(d, "receiving-mx-helo"));
	}
	json_decref(o);
	return f;
}

static bool is_registered(const char *type) { // RFC 8460 6.6
	return strcmp(type, "sts-policy-fetch-error") == 0
	       || strcmp(type, "sts-policy-invalid") == 0
	       || strcmp(type, "sts-webpki-invalid") == 0;
}

static void every_outcome(void ** /*state*/) {
	for (int code = 1; code < OUTCOME_COUNT; code++) {
		const struct outcome o = {.code = (enum outcome_code)code};
		char why[RECORD_REASON_MAX + 1];
		outcome_why(&o, why);
		print_message("%s\n", outcome_str(o.code));
		const char *slash = strchr(why, '/');
		assert_non_null(slash);
		bool ours = code == OUTCOME_LOCAL;
		struct record failed = record_of(RECORD_FAILED, why);
		struct found f = look(&failed);
		assert_string_equal(f.type, ours ? "no-policy-found" : "sts");
		assert_int_equal(f.lines + f.hosts, 0);
		assert_string_equal(f.reason, ours ? "" : slash + 1);
		assert_true(ours || is_registered(f.result));
		assert_true(ours || strncmp(why, f.result, strlen(f.result)) == 0);

		struct record cached = record_of(RECORD_POLICY, why);
		f = look(&cached);
		assert_string_equal(f.type, "sts");
		assert_int_equal(f.lines, 4);
		assert_int_equal(f.hosts, 2);
		char reason[128];
		snprintf(reason, sizeof(reason), "%s+fallback-to-cached-policy", slash + 1);
		assert_string_equal(f.reason, ours ? "" : reason);

		cached.policy.mode = POLICY_MODE_NONE; // RFC 8461 6
		f = look(&cached);
		assert_string_equal(f.type, "no-policy-found");
		assert_int_equal(f.lines + f.hosts, 0);
		assert_string_equal(f.result, "");

		cached = record_of(RECORD_POLICY, why);
		cached.ends_at = NOW; // no longer in force: no fallback
		f = look(&cached);
		assert_int_equal(f.lines + f.hosts, 0);
		assert_string_equal(f.reason, ours ? "" : slash + 1);
	}
}

static void without_failure(void ** /*state*/) {
	struct record rec = record_of(RECORD_POLICY, "");
	struct found f = look(&rec);
	assert_string_equal(f.type, "sts");
	assert_int_equal(f.lines, 4);
	assert_string_equal(f.result, "");
	rec.policy.mode = POLICY_MODE_TESTING;
	f = look(&rec);
	assert_string_equal(f.type, "sts");
	rec = record_of(RECORD_NONE, "");
	f = look(&rec);
	assert_string_equal(f.type, "no-policy-found");
	assert_int_equal(f.lines + f.hosts, 0);
	assert_string_equal(f.result, "");
}

static void dns_and_our_own_faults(void ** /*state*/) {
	struct record rec = record_of(RECORD_UNKNOWN, "sts-policy-fetch-error/dns-lookup+timeout");
	struct found f = look(&rec);
	assert_string_equal(f.type, "sts");
	assert_string_equal(f.result, "sts-policy-fetch-error");
	assert_string_equal(f.reason, "dns-lookup+timeout");
	rec = record_of(RECORD_UNKNOWN, "local/temporary-fault+no-route");
	f = look(&rec);
	assert_string_equal(f.type, "no-policy-found");
	assert_string_equal(f.result, "");
}

// Lines as served; those of a body that failed too.
static void the_lines(void ** /*state*/) {
	static const struct {
		const char *text;
		size_t len;
		size_t count;
		const char *lines[4];
	} ROWS[] = {
		{"", 0, 0, {NULL}},
		{"\n", 1, 1, {""}},
		{"a", 1, 1, {"a"}},
		{"a\n", 2, 1, {"a"}},
		{"a\n\n", 3, 2, {"a", ""}},
		{"a\r\nb\r\n", 6, 2, {"a", "b"}},
		{"a\r\r\nb\r", 6, 2, {"a\r", "b"}},
		{"\r\nb", 3, 2, {"", "b"}},
		{"a\xff\n\xc3\xa9", 5, 2, {"a\xef\xbf\xbd", "\xc3\xa9"}},
	};
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct record rec = record_of(
			RECORD_FAILED, "sts-policy-invalid/policy-syntax-error"
		);
		rec.text = (const uint8_t *)ROWS[i].text;
		rec.text_len = (uint32_t)ROWS[i].len;
		print_message("row %zu\n", i);
		json_t *o = tlsrpt_policy(&rec, NOW);
		json_t *list = json_object_get(json_object_get(o, "policy"), "policy-string");
		assert_int_equal(json_array_size(list), ROWS[i].count);
		for (size_t k = 0; k < ROWS[i].count; k++) {
			assert_string_equal(
				json_string_value(json_array_get(list, k)), ROWS[i].lines[k]
			);
		}
		json_decref(o);
	}
}

static void only_what_i_json_allows(void ** /*state*/) {
#define FFFD "\xef\xbf\xbd"
	static const struct {
		const char *from;
		const char *to;
	} ROWS[] = {
		{"plain", "plain"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\x80", FFFD},
		{"\xc0\xaf", FFFD FFFD},		   // overlong
		{"\xe0\x80\xaf", FFFD FFFD FFFD},	   // overlong
		{"\xed\xa0\x80x", FFFD "x"},		   // surrogate
		{"\xef\xbf\xbf", FFFD},			   // U+FFFF
		{"\xef\xb7\x90", FFFD},			   // U+FDD0
		{"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD}, // above U+10FFFF
		{"\xe2\x82", FFFD FFFD},		   // cut off
	};
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		json_t *s = utf8_json(ROWS[i].from, strlen(ROWS[i].from));
		assert_string_equal(json_string_value(s), ROWS[i].to);
		json_decref(s);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_outcome),
		cmocka_unit_test(without_failure),
		cmocka_unit_test(dns_and_our_own_faults),
		cmocka_unit_test(the_lines),
		cmocka_unit_test(only_what_i_json_allows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
