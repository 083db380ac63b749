// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/backoff.h"
#include "fetch/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct address v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
	return (struct address){AF_INET, {a, b, c, d}};
}

static struct address v6(uint8_t net, uint8_t host) {
	return (struct address){AF_INET6, {0x20, 0x01, [5] = net, [15] = host}};
}

static uint8_t room(const struct limits *l, struct address a) {
	struct address out[TASK_ADDRESS_MAX];
	return limits_pick(l, &a, 1, out);
}

static void addresses_and_networks_are_bounded(void ** /*state*/) {
	struct limits *l = limits_new(16, 2, 3, 1);
	assert_non_null(l);
	struct address one = v4(192, 0, 2, 1);
	struct address two = v4(192, 0, 2, 2);
	limits_take(l, &one, 1);
	assert_int_equal(room(l, one), 1);
	limits_take(l, &one, 1);
	assert_int_equal(room(l, one), 0);
	assert_int_equal(room(l, two), 1);
	limits_take(l, &two, 1);
	assert_int_equal(room(l, v4(192, 0, 2, 3)), 0); // the /24
	assert_int_equal(room(l, v4(192, 0, 3, 1)), 1);
	limits_give(l, &one, 1);
	assert_int_equal(room(l, v4(192, 0, 2, 3)), 1);
	struct address six[] = {v6(1, 1), v6(1, 2), v6(1, 3), v6(2, 1)};
	limits_take(l, six, 1);
	limits_take(l, six + 1, 1);
	limits_take(l, six + 2, 1);
	assert_int_equal(room(l, v6(1, 4)), 0); // the /48
	struct address out[TASK_ADDRESS_MAX];
	assert_int_equal(limits_pick(l, six, 4, out), 1);
	assert_memory_equal(&out[0], &six[3], sizeof(out[0]));
	limits_free(l);
}

static void a_fetch_counts_once_on_a_network(void ** /*state*/) {
	struct limits *l = limits_new(16, 8, 2, 1);
	assert_non_null(l);
	struct address list[] = {v4(192, 0, 2, 1), v4(192, 0, 2, 2), v4(192, 0, 2, 3)};
	limits_take(l, list, 3);
	assert_int_equal(room(l, v4(192, 0, 2, 4)), 1);
	limits_give(l, list, 3);
	limits_free(l);
}

static void contention_needs_both_sides(void ** /*state*/) {
	struct limits *l = limits_new(16, 1, 8, 1);
	assert_non_null(l);
	struct address a = v4(192, 0, 2, 1);
	limits_take(l, &a, 1);
	assert_false(limits_contended(l, &a, 1));
	limits_want(l, &a, 1);
	assert_true(limits_contended(l, &a, 1));
	limits_unwant(l, &a, 1);
	assert_false(limits_contended(l, &a, 1));
	limits_give(l, &a, 1);
	limits_want(l, &a, 1);
	assert_false(limits_contended(l, &a, 1));
	limits_free(l);
}

#define SETS 64

// Nothing is lost or left behind, in whatever order sets come and go.
static void counts_return_to_nothing(void ** /*state*/) {
	struct limits *l = limits_new(SETS, 1, 1000, 3);
	assert_non_null(l);
	static struct address held[SETS][TASK_ADDRESS_MAX];
	bool taken[SETS] = {false};
	uint64_t random = 5;
	for (unsigned round = 0; round < 20000; round++) {
		size_t i = backoff_random(&random) % SETS;
		if (taken[i]) {
			limits_give(l, held[i], TASK_ADDRESS_MAX);
			taken[i] = false;
			assert_int_equal(room(l, held[i][0]), 1);
			continue;
		}
		for (uint8_t k = 0; k < TASK_ADDRESS_MAX; k++) {
			uint64_t r = backoff_random(&random);
			held[i][k] = v4((uint8_t)(r >> 8), (uint8_t)r, (uint8_t)i, k);
		}
		limits_take(l, held[i], TASK_ADDRESS_MAX);
		taken[i] = true;
		assert_int_equal(room(l, held[i][0]), 0);
	}
	limits_free(l);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_networks_are_bounded),
		cmocka_unit_test(a_fetch_counts_once_on_a_network),
		cmocka_unit_test(contention_needs_both_sides),
		cmocka_unit_test(counts_return_to_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
