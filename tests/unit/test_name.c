// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define L63 "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaa"

// RFC 1123 2.1, RFC 6761, RFC 5890 2.3.2.1.
static const struct {
	const char *text;
	enum name_verdict verdict;
} CASES[] = {
	{"example.com", NAME_OK},
	{"Example.COM.", NAME_OK},
	{"1.example", NAME_OK},
	{"a-b.example", NAME_OK},
	{"xn--nxasmq6b.example", NAME_OK},
	{L63 ".example", NAME_OK},
	{L63 "a.example", NAME_NOT_LDH},
	{"com", NAME_SINGLE_LABEL},
	{"", NAME_NOT_LDH},
	{".", NAME_NOT_LDH},
	{"a..b", NAME_NOT_LDH},
	{".example.com", NAME_NOT_LDH},
	{"example.com..", NAME_NOT_LDH},
	{"-a.example", NAME_NOT_LDH},
	{"a-.example", NAME_NOT_LDH},
	{"a_b.example", NAME_NOT_LDH},
	{"a b.example", NAME_NOT_LDH},
	{"user@example.com", NAME_NOT_LDH},
	{"192.0.2.1", NAME_ALL_DIGIT_TLD},
	{"localhost", NAME_SPECIAL_USE},
	{"a.local", NAME_SPECIAL_USE},
	{"a.onion", NAME_SPECIAL_USE},
	{"a.invalid", NAME_SPECIAL_USE},
	{"a.alt", NAME_SPECIAL_USE},
	{"a.internal", NAME_SPECIAL_USE},
	{"1.0.0.127.in-addr.arpa", NAME_SPECIAL_USE},
	{"a.localhost.example", NAME_OK},
	{"b\xc3\xbc"
	 "cher.example",
	 NAME_NOT_A_LABEL},
	{"\xff", NAME_NOT_A_LABEL},
	// 244 and 245 octets
	{L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", NAME_OK},
	{L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
	 NAME_TOO_LONG},
};

static void every_name_has_its_verdict(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct name out = {0};
		enum name_verdict v = name_parse(CASES[i].text, strlen(CASES[i].text), &out);
		if (v != CASES[i].verdict) {
			fail_msg("%s: %s", CASES[i].text, name_verdict_str(v));
		}
		assert_int_equal(out.len, strlen(out.text));
		assert_true((v == NAME_OK) == (out.len > 0));
	}
}

static void parsing_lowers(void ** /*state*/) {
	struct name a;
	struct name b;
	assert_int_equal(name_parse("MiXeD.Example.", 14, &a), NAME_OK);
	assert_int_equal(name_parse("mixed.example", 13, &b), NAME_OK);
	assert_string_equal(a.text, "mixed.example");
	assert_true(name_equal(&a, &b));
}

static void hosts(void ** /*state*/) {
	assert_true(name_is_host("mx", 2));
	assert_true(name_is_host("mx1.example.com", 15));
	assert_false(name_is_host("mx1.example.com.", 16));
	assert_false(name_is_host("*.example.com", 13));
	assert_false(name_is_host("", 0));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_has_its_verdict),
		cmocka_unit_test(parsing_lowers),
		cmocka_unit_test(hosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
