// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 1000
#define DRAWS 400000

// How often each of the first ranks comes up, against its share by the law.
static void ranks_come_up_by_their_weight(void ** /*state*/) {
	static const double exponents[] = {0.5, 0.99, 1.0, 1.5};
	for (size_t e = 0; e < sizeof(exponents) / sizeof(exponents[0]); e++) {
		uint32_t *ranks = draw_zipf(N, exponents[e], DRAWS, 7 + e);
		assert_non_null(ranks);
		double total = 0;
		unsigned seen[N] = {0};
		for (uint32_t r = 0; r < N; r++)
			total += draw_weight(r, exponents[e]);
		for (size_t i = 0; i < DRAWS; i++) {
			assert_true(ranks[i] < N);
			seen[ranks[i]]++;
		}
		for (uint32_t r = 0; r < 20; r++) {
			double want = DRAWS * draw_weight(r, exponents[e]) / total;
			// Eight standard deviations: the seed is fixed, chance plays no part.
			double off = (double)seen[r] - want;
			assert_true(off * off <= 64 * want);
		}
		free(ranks);
	}
}

static void one_name_is_always_drawn(void ** /*state*/) {
	uint32_t *ranks = draw_zipf(1, 0.99, 100, 1);
	assert_non_null(ranks);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ranks[i], 0);
	free(ranks);
}

static void a_permutation_has_every_number_once(void ** /*state*/) {
	uint32_t *all = draw_permutation(N, 3);
	assert_non_null(all);
	unsigned seen[N] = {0};
	unsigned home = 0;
	for (uint32_t i = 0; i < N; i++) {
		assert_true(all[i] < N);
		seen[all[i]]++;
		home += all[i] == i;
	}
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(seen[i], 1);
	assert_true(home < 20);
	free(all);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_come_up_by_their_weight),
		cmocka_unit_test(one_name_is_always_drawn),
		cmocka_unit_test(a_permutation_has_every_number_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
