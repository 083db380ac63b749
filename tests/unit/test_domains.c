// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/name.h"
#include "bench/domains.h"
#include "bench/draw.h"
#include "bench/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAMES 20000

static void names_are_mail_domains_and_all_different(void ** /*state*/) {
	char(*names)[DOMAINS_NAME_MAX] = calloc(NAMES, DOMAINS_NAME_MAX);
	assert_non_null(names);
	size_t octets = 0;
	unsigned usual = 0;
	for (uint32_t r = 0; r < NAMES; r++) {
		unsigned len = domains_name(1, r, names[r]);
		assert_int_equal(len, strlen(names[r]));
		assert_int_equal(name_check(names[r], len), NAME_OK);
		octets += len;
		usual += len >= 10 && len <= 20;
	}
	assert_in_range(octets / NAMES, 13, 17);
	assert_in_range(usual, NAMES * 9 / 10, NAMES);
	qsort(names, NAMES, DOMAINS_NAME_MAX, (int (*)(const void *, const void *))strcmp);
	for (uint32_t r = 1; r < NAMES; r++)
		assert_string_not_equal(names[r - 1], names[r]);
	free(names);
}

static void policies_are_so_many_and_hit_so_often(void ** /*state*/) {
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct domains_config c = {
			.seed = seed,
			.policies = 2000,
			.none = NAMES - 2000,
			.exponent = 0.99,
			.share = 0.45,
		};
		double share = 0;
		bool *has = domains_assign(&c, &share);
		assert_non_null(has);
		double total = 0;
		double hit = 0;
		unsigned given = 0;
		for (uint32_t r = 0; r < NAMES; r++) {
			total += draw_weight(r, 0.99);
			if (!has[r])
				continue;
			given++;
			hit += draw_weight(r, 0.99);
		}
		assert_int_equal(given, 2000);
		assert_true(share - hit / total < 1e-9 && hit / total - share < 1e-9);
		assert_true(share > 0.44 && share < 0.46);
		free(has);
	}
}

static void the_file_can_be_read_back(void ** /*state*/) {
	struct domains_config c = {.seed = 2, .policies = 5000, .none = 1500, .now_s = 1700000000};
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);
	assert_non_null(f);
	assert_int_equal(domains_write(&c, f), 0);
	assert_int_equal(fclose(f), 0);
	struct expect_set set;
	uint64_t line = 0;
	assert_int_equal(expect_take(text, bytes, &set, &line), 0);
	assert_int_equal(set.count, 6500);
	assert_int_equal(set.policies, 5000);
	for (uint32_t i = 0; i < set.count; i++) {
		struct expect e = expect_get(&set, i);
		if (e.kind != EXPECT_POLICY)
			continue;
		assert_in_range(e.mx_count, 1, DOMAINS_MX_MAX);
		assert_int_equal(e.exp_s, 1700000000 + e.max_age_s);
		assert_in_range(e.max_age_s, 86400, 31557600);
	}
	expect_close(&set);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_mail_domains_and_all_different),
		cmocka_unit_test(policies_are_so_many_and_hit_so_often),
		cmocka_unit_test(the_file_can_be_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
