// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_series_is_splitmix64(void ** /*state*/) {
	struct dice d = {1234567};
	assert_int_equal(dice_next(&d), 6457827717110365317ULL);
	assert_int_equal(dice_next(&d), 3203168211198807973ULL);
}

static void numbers_stay_in_their_range(void ** /*state*/) {
	struct dice d = {1};
	unsigned seen[7] = {0};
	for (int i = 0; i < 7000; i++) {
		uint32_t n = dice_below(&d, 7);
		assert_in_range(n, 0, 6);
		seen[n]++;
		double u = dice_unit(&d);
		assert_true(u >= 0 && u < 1);
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(seen[i], 800, 1200);
}

static void a_coin_depends_on_seed_and_number(void ** /*state*/) {
	assert_int_equal(dice_hash(1, 2), dice_hash(1, 2));
	assert_int_not_equal(dice_hash(1, 2), dice_hash(1, 3));
	assert_int_not_equal(dice_hash(1, 2), dice_hash(2, 2));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_series_is_splitmix64),
		cmocka_unit_test(numbers_stay_in_their_range),
		cmocka_unit_test(a_coin_depends_on_seed_and_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
