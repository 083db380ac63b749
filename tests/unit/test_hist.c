// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_value_is_within_its_bucket(void ** /*state*/) {
	for (uint64_t v = 0; v < 1ULL << 40; v = v < 1000 ? v + 1 : v + v / 97) {
		unsigned b = hist_bucket(v);
		assert_true(b < HIST_BUCKETS);
		assert_true(v <= hist_upper_ns(b));
		if (b)
			assert_true(v > hist_upper_ns(b - 1));
		assert_true(hist_upper_ns(b) - v <= v / 32);
	}
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
}

static void percentiles_of_a_known_series(void ** /*state*/) {
	struct hist *h = calloc(1, sizeof(*h));
	assert_non_null(h);
	assert_int_equal(hist_percentile_ns(h, 0.5), 0);
	for (uint64_t v = 1; v <= 60; v++)
		hist_add(h, v);
	assert_int_equal(hist_percentile_ns(h, 0.5), 30);
	assert_int_equal(hist_percentile_ns(h, 0.9), 54);
	assert_int_equal(hist_percentile_ns(h, 1), 60);
	assert_int_equal(hist_percentile_ns(h, 0), 1);
	hist_add(h, 1000001);
	assert_int_equal(hist_percentile_ns(h, 1), 1000001);
	assert_int_equal(h->max_ns, 1000001);
	assert_int_equal(h->total, 61);
	free(h);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_is_within_its_bucket),
		cmocka_unit_test(percentiles_of_a_known_series),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
