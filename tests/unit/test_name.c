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

#define L60 "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaab"

// clang-format off
// Each decision on a name, with its section. More cases: tests/vectors/name.json.
static const struct {
	const char *section;
	const char *text;
	enum name_verdict verdict;
} CASES[] = {
	// LDH labels, two or more; a domain is its own, never its parent.
	{"RFC 1123 2.1", "example.com", NAME_OK},
	{"RFC 1123 2.1", "1.example", NAME_OK},
	{"RFC 1123 2.1", "a-b.example", NAME_OK},
	{"RFC 1123 2.1", "-a.example", NAME_NOT_LDH},
	{"RFC 1123 2.1", "a-.example", NAME_NOT_LDH},
	{"RFC 1123 2.1", "a_b.example", NAME_NOT_LDH},
	{"RFC 1123 2.1", "a b.example", NAME_NOT_LDH},
	{"RFC 8461 3.4", "user@example.com", NAME_NOT_LDH},
	{"RFC 8461 3.4", "mail.example.com", NAME_OK},
	{"RFC 5321 2.3.5", "com", NAME_SINGLE_LABEL},
	// Case and one trailing dot do not count.
	{"RFC 4343 3", "Example.COM.", NAME_OK},
	{"RFC 1034 3.1", "", NAME_NOT_LDH},
	{"RFC 1034 3.1", ".", NAME_NOT_LDH},
	{"RFC 1034 3.1", "a..b", NAME_NOT_LDH},
	{"RFC 1034 3.1", ".example.com", NAME_NOT_LDH},
	{"RFC 1034 3.1", "example.com..", NAME_NOT_LDH},
	// Labels of up to 63 octets, names of up to 244 (`_mta-sts.` in front).
	{"RFC 1035 2.3.4", L63 ".example", NAME_OK},
	{"RFC 1035 2.3.4", L63 "a.example", NAME_NOT_LDH},
	{"RFC 8461 3.1", L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", NAME_OK},
	{"RFC 8461 3.1", L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", NAME_TOO_LONG},
	// An address is no domain.
	{"RFC 8461 3.4", "192.0.2.1", NAME_ALL_DIGIT_TLD},
	{"RFC 8461 3.4", "[192.0.2.1]", NAME_NOT_LDH},
	// Endings that no mail is sent to.
	{"RFC 6761 6.3", "localhost", NAME_SPECIAL_USE},
	{"RFC 6762 3", "a.local", NAME_SPECIAL_USE},
	{"RFC 7686 2", "a.onion", NAME_SPECIAL_USE},
	{"RFC 6761 6.4", "a.invalid", NAME_SPECIAL_USE},
	{"RFC 9476 2", "a.alt", NAME_SPECIAL_USE},
	{"RFC 6761", "a.internal", NAME_SPECIAL_USE},
	{"RFC 3172 2", "1.0.0.127.in-addr.arpa", NAME_SPECIAL_USE},
	{"RFC 6761 6.3", "a.localhost.example", NAME_OK},
	// A-labels are opaque; an octet of another alphabet wins over every fault.
	{"RFC 5890 2.3.2.1", "xn--nxasmq6b.example", NAME_OK},
	{"RFC 5890 2.3.2.1", "b\xc3\xbc" "cher.example", NAME_NOT_A_LABEL},
	{"RFC 5890 2.3.2.1", "\xff", NAME_NOT_A_LABEL},
	{"RFC 5890 2.3.2.1", "\xff.local", NAME_NOT_A_LABEL},
	{"RFC 5890 2.3.2.1", "\xff." L60 "." L60 "." L60 "." L60 "." L60, NAME_NOT_A_LABEL},
};
// clang-format on

static void every_name_has_its_verdict(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct name out = {0};
		enum name_verdict v = name_parse(CASES[i].text, strlen(CASES[i].text), &out);
		if (v != CASES[i].verdict) {
			fail_msg(
				"%s: %s: %s", CASES[i].section, CASES[i].text, name_verdict_str(v)
			);
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
