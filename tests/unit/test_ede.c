// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/ede.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
static void codes_have_words(void ** /*state*/) {
	static const struct {
		uint16_t code;
		const char *detail;
	} cases[] = {
		{0, "dns-extended-error-0-other-error"},
		{6, "dns-extended-error-6-dnssec-bogus"},
		{24, "dns-extended-error-24-invalid-data"},
		{25, "dns-extended-error-25"},
		{65535, "dns-extended-error-65535"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char detail[OUTCOME_DETAIL_MAX + 1];
		ede_detail(cases[i].code, detail);
		assert_string_equal(detail, cases[i].detail);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
