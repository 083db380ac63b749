// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/sketch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 200000, HEAVY = 50 };

static uint64_t weight_of(int i) {
	return i < HEAVY ? 100000 : (uint64_t)(i % 7 + 1) * 50;
}

static size_t key_of(int i, char out[32]) {
	return (size_t)snprintf(out, 32, "d%d.example", i);
}

static void a_sum_is_never_less_and_hardly_more(void ** /*state*/) {
	struct sketch *s = sketch_new(7);
	assert_non_null(s);
	uint64_t all = 0;
	char key[32];
	for (int i = 0; i < KEYS; i++) {
		size_t len = key_of(i, key);
		sketch_add(s, key, len, weight_of(i));
		all += weight_of(i);
	}
	for (int i = 0; i < KEYS; i++) {
		size_t len = key_of(i, key);
		uint64_t sum = sketch_sum(s, key, len);
		assert_true(sum >= weight_of(i));
		assert_true(sum - weight_of(i) < all / 1000);
	}
	sketch_free(s);
}

static void what_is_taken_away_is_gone(void ** /*state*/) {
	struct sketch *s = sketch_new(7);
	char key[32];
	for (int i = 0; i < KEYS; i++) {
		size_t len = key_of(i, key);
		sketch_add(s, key, len, weight_of(i));
	}
	for (int i = 1; i < KEYS; i++) {
		size_t len = key_of(i, key);
		sketch_take(s, key, len, weight_of(i));
	}
	assert_int_equal(sketch_sum(s, key, key_of(0, key)), weight_of(0));
	assert_int_equal(sketch_sum(s, key, key_of(1, key)), 0);
	sketch_free(s);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_never_less_and_hardly_more),
		cmocka_unit_test(what_is_taken_away_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
