// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "fetch/outcome.h"
#include "fetch/polparse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t patterns[] = "\x09"
				  "a.example\x0b*.b.example";

static struct outcome sample(void) {
	struct outcome o = {
		.task = 0x0102030405060708ULL,
		.code = OUTCOME_OK,
		.detail = "403",
		.id = "20160831085700Z",
		.ttl_s = 3600,
		.address_count = 2,
		.policy = {.mode = POLICY_MODE_ENFORCE, .max_age_s = 86400, .mx_count = 2},
		.media_type_odd = true,
		.mended = POLPARSE_MX_DOTTED,
		.text = (const uint8_t *)"version: STSv1\n",
		.text_len = 15,
	};
	o.addresses[0] = (struct address){AF_INET, {192, 0, 2, 1}};
	o.addresses[1] = (struct address){AF_INET6, {0x20, 0x01, [15] = 1}};
	o.policy.mx = patterns;
	o.policy.mx_bytes = sizeof(patterns) - 1;
	return o;
}

static void every_code_has_its_words(void ** /*state*/) {
	for (unsigned c = 0; c < OUTCOME_COUNT; c++) {
		const char *name = outcome_str((enum outcome_code)c);
		assert_true(strlen(name) > 0);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		struct outcome o = {.code = (enum outcome_code)c};
		char why[RECORD_REASON_MAX + 1];
		outcome_why(&o, why);
		assert_true((strchr(why, '/') != NULL) == (c != OUTCOME_OK));
		assert_true(strlen(name) <= RECORD_CLASS_MAX);
		// With the longest detail and what record_why() adds it is still whole.
		assert_true(strlen(why) + 1 + OUTCOME_DETAIL_MAX + 35 <= RECORD_REASON_MAX);
	}
}

static void reasons_are_those_of_rfc_8460(void ** /*state*/) {
	static const struct {
		enum outcome_code code;
		const char *detail;
		const char *why;
	} cases[] = {
		{OUTCOME_TXT_MULTIPLE, "", "sts-policy-fetch-error/multiple-mta-sts-records"},
		{OUTCOME_DNS_FAILED, "servfail", "sts-policy-fetch-error/dns-lookup+servfail"},
		{OUTCOME_HTTP_STATUS,
		 "503",
		 "sts-policy-fetch-error/cannot-fetch-policy+status+503"},
		{OUTCOME_CERT_EXPIRED, "", "sts-webpki-invalid/certificate-expired"},
		{OUTCOME_BAD_BODY,
		 "too-many-mx",
		 "sts-policy-invalid/policy-syntax-error+too-many-mx"},
		{OUTCOME_LOCAL, "no-route", "local/temporary-fault+no-route"},
		{OUTCOME_BLOCKED_ADDRESS,
		 "not-cut-however-long-it-is",
		 "sts-policy-fetch-error/cannot-fetch-policy+address-not-allowed"
		 "+not-cut-however-long-it-is"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o = {.code = cases[i].code};
		memcpy(o.detail, cases[i].detail, strlen(cases[i].detail) + 1);
		char why[RECORD_REASON_MAX + 1];
		outcome_why(&o, why);
		assert_string_equal(why, cases[i].why);
	}
}

static void outcomes_survive_the_way(void ** /*state*/) {
	struct outcome o = sample();
	uint8_t buf[512];
	int len = outcome_encode(&o, buf, sizeof(buf));
	assert_true(len > 0);
	struct outcome back;
	assert_int_equal(outcome_decode(buf, (size_t)len, &back), 0);
	assert_true(back.task == o.task);
	assert_int_equal(back.code, o.code);
	assert_string_equal(back.detail, o.detail);
	assert_string_equal(back.id, o.id);
	assert_int_equal(back.ttl_s, o.ttl_s);
	assert_int_equal(back.address_count, 2);
	assert_memory_equal(back.addresses, o.addresses, sizeof(o.addresses));
	assert_int_equal(back.policy.mode, o.policy.mode);
	assert_int_equal(back.policy.max_age_s, o.policy.max_age_s);
	assert_int_equal(back.policy.mx_count, 2);
	assert_memory_equal(back.policy.mx, patterns, sizeof(patterns) - 1);
	assert_true(back.media_type_odd);
	assert_int_equal(back.mended, o.mended);
	assert_int_equal(back.text_len, o.text_len);
	assert_memory_equal(back.text, o.text, o.text_len);
	for (int cap = 0; cap < len; cap++) {
		assert_int_equal(outcome_encode(&o, buf, (size_t)cap), -ENOSPC);
	}
}

// Whatever one octet becomes, what is decoded keeps the promises.
static void damage_is_noticed_or_harmless(void ** /*state*/) {
	struct outcome o = sample();
	uint8_t buf[512];
	int encoded = outcome_encode(&o, buf, sizeof(buf));
	assert_true(encoded > 0);
	size_t len = (size_t)encoded;
	for (size_t i = 0; i < len * 256; i++) {
		uint8_t *exact = malloc(len);
		assert_non_null(exact);
		memcpy(exact, buf, len);
		exact[i / 256] = (uint8_t)i;
		struct outcome back;
		if (outcome_decode(exact, len, &back) == 0) {
			assert_true(back.code < OUTCOME_COUNT);
			assert_true(strlen(back.id) <= POLICY_ID_MAX);
			assert_true(policy_mx_valid(&back.policy));
			assert_true(back.policy.max_age_s <= POLICY_MAX_AGE_S);
		}
		free(exact);
	}
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut + 1);
		assert_non_null(exact);
		memcpy(exact, buf, cut);
		struct outcome back;
		assert_int_equal(outcome_decode(exact, cut, &back), ERR_SYNTAX);
		free(exact);
	}
}

static void the_largest_policy_fits(void ** /*state*/) {
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	static uint8_t text[POLICY_TEXT_MAX];
	static uint8_t buf[OUTCOME_BYTES_MAX];
	struct outcome o = sample();
	memset(mx, 'a', sizeof(mx));
	o.policy.mx = mx;
	o.policy.mx_bytes = sizeof(mx);
	o.text = text;
	o.text_len = sizeof(text);
	assert_true(outcome_encode(&o, buf, sizeof(buf)) > 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_words),
		cmocka_unit_test(reasons_are_those_of_rfc_8460),
		cmocka_unit_test(outcomes_survive_the_way),
		cmocka_unit_test(damage_is_noticed_or_harmless),
		cmocka_unit_test(the_largest_policy_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
