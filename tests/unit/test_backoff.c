// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void fetches_back_off_never_under_five_minutes(void ** /*state*/) {
	static const int64_t base[] = {300, 300, 600, 900, 900, 900};
	uint64_t random = 1;
	for (unsigned n = 1; n <= COUNT(base); n++) {
		for (unsigned i = 0; i < 1000; i++) {
			int64_t s = backoff_fetch_s(n, &random);
			assert_in_range(s, base[n - 1], base[n - 1] * 6 / 5);
		}
	}
	assert_in_range(backoff_fetch_s(255, &random), 900, 1080);
}

static void soft_failures_double(void ** /*state*/) {
	static const int64_t dns[] = {5, 10, 20, 40, 80, 160, 300, 300};
	static const int64_t local[] = {5, 10, 20, 40, 60, 60};
	for (unsigned n = 1; n <= COUNT(dns); n++) {
		assert_int_equal(backoff_dns_s(n), dns[n - 1]);
	}
	for (unsigned n = 1; n <= COUNT(local); n++) {
		assert_int_equal(backoff_local_s(n), local[n - 1]);
	}
	assert_int_equal(backoff_dns_s(0), 5);
	assert_int_equal(backoff_dns_s(255), 300);
}

static void times_to_live_are_clamped(void ** /*state*/) {
	assert_int_equal(backoff_interval_s(0), 300);
	assert_int_equal(backoff_interval_s(301), 301);
	assert_int_equal(backoff_interval_s(0x7fffffff), 3600);
	assert_int_equal(backoff_negative_s(0), 60);
	assert_int_equal(backoff_negative_s(61), 61);
	assert_int_equal(backoff_negative_s(UINT32_MAX), 3600);
}

static void refreshes_are_spread(void ** /*state*/) {
	static const struct {
		uint32_t max_age_s;
		int64_t base;
	} cases[] = {
		{1200, 600},
		{3600, 1800},
		{86400, 43200},
		{604800, 86400},
		{31557600, 86400},
	};
	uint64_t random = 9;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t least = INT64_MAX;
		int64_t most = 0;
		for (unsigned k = 0; k < 2000; k++) {
			int64_t s = backoff_refresh_s(cases[i].max_age_s, &random);
			least = s < least ? s : least;
			most = s > most ? s : most;
		}
		int64_t quarter = cases[i].base / 4;
		assert_in_range(least, cases[i].base - quarter, cases[i].base - quarter * 9 / 10);
		assert_in_range(most, cases[i].base + quarter * 9 / 10, cases[i].base + quarter);
	}
	assert_true(backoff_refresh_s(1199, &random) == CLOCK_NEVER);
	assert_true(backoff_refresh_s(0, &random) == CLOCK_NEVER);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetches_back_off_never_under_five_minutes),
		cmocka_unit_test(soft_failures_double),
		cmocka_unit_test(times_to_live_are_clamped),
		cmocka_unit_test(refreshes_are_spread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
