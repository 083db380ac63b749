// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/regdom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
static void registered_domains(void ** /*state*/) {
	static const struct {
		const char *name;
		const char *registered;
	} cases[] = {
		{"example.com", "example.com"},
		{"a.b.example.com", "example.com"},
		{"mail.example.co.uk", "example.co.uk"},
		{"co.uk", "co.uk"}, // a public suffix itself
		{"www.xn--fiqs8s", "www.xn--fiqs8s"},
		{"a.b.unheard-of", "b.unheard-of"}, // the rule for what is not listed
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct name n;
		assert_int_equal(name_parse(cases[i].name, strlen(cases[i].name), &n), NAME_OK);
		assert_string_equal(regdom_of(&n), cases[i].registered);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registered_domains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
