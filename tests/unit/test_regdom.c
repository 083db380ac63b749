// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/regdom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void it_is_the_suffix_and_one_label(void ** /*state*/) {
	static const struct {
		const char *name;
		const char *own;
	} CASES[] = {
		{"example.com", "example.com"},
		{"mail.example.com", "example.com"},
		{"a.b.c.example.com", "example.com"},
		{"example.co.uk", "example.co.uk"},
		{"mail.example.co.uk", "example.co.uk"},
		{"co.uk", "co.uk"},
		// The private section: whoever registers below these owns a name.
		{"someone.github.io", "someone.github.io"},
		{"mail.someone.github.io", "someone.github.io"},
		// Wildcards and their exceptions.
		{"a.b.ck", "a.b.ck"},
		{"x.a.b.ck", "a.b.ck"},
		{"mail.www.ck", "www.ck"},
		// No rule for it: one label is the suffix.
		{"mail.example.no-such-tld", "example.no-such-tld"},
		{"n1.flood.example", "flood.example"},
		// A label of the list in its other spelling.
		{"mail.example.xn--55qx5d.cn", "example.xn--55qx5d.cn"},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct name n;
		size_t len;
		assert_int_equal(name_parse(CASES[i].name, strlen(CASES[i].name), &n), NAME_OK);
		const char *own = regdom_of(&n, &len);
		assert_string_equal(own, CASES[i].own);
		assert_int_equal(len, strlen(CASES[i].own));
		assert_ptr_equal(own + len, n.text + n.len);
	}
}

static void the_longest_name_is_taken(void ** /*state*/) {
	char text[NAME_DOMAIN_MAX + 1];
	size_t at = 0;
	while (at < NAME_DOMAIN_MAX - 4) {
		text[at] = at % 2 == 0 ? 'a' : '.';
		at++;
	}
	memcpy(text + at - 1, ".com", 5);
	struct name n;
	size_t len;
	assert_int_equal(name_parse(text, strlen(text), &n), NAME_OK);
	assert_string_equal(regdom_of(&n, &len), "a.com");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_suffix_and_one_label),
		cmocka_unit_test(the_longest_name_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
