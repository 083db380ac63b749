// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define S CLOCK_NS_PER_S

static const uint8_t ONE[4] = {192, 0, 2, 1};
static const uint8_t TWO[4] = {192, 0, 2, 2};

static void no_more_out_than_in(void ** /*state*/) {
	struct budget *b = budget_new(64);
	assert_false(budget_spend(b, AF_INET, ONE, 1, S));
	budget_earn(b, AF_INET, ONE, 60, S);
	assert_false(budget_spend(b, AF_INET, ONE, 61, S));
	assert_true(budget_spend(b, AF_INET, ONE, 60, S)); // a refusal costs nothing
	assert_false(budget_spend(b, AF_INET, ONE, 1, S));
	// Two questions pay for one answer.
	budget_earn(b, AF_INET, ONE, 60, 2 * S);
	budget_earn(b, AF_INET, ONE, 60, 3 * S);
	assert_true(budget_spend(b, AF_INET, ONE, 100, 3 * S));
	assert_false(budget_spend(b, AF_INET, ONE, 21, 3 * S));
	budget_free(b);
}

static void what_was_earned_ends_after_ten_seconds(void ** /*state*/) {
	struct budget *b = budget_new(64);
	budget_earn(b, AF_INET, ONE, 60, 5 * S);
	assert_true(budget_spend(b, AF_INET, ONE, 10, 15 * S - 1));
	assert_false(budget_spend(b, AF_INET, ONE, 10, 15 * S));
	budget_earn(b, AF_INET, ONE, 60, 15 * S);
	assert_true(budget_spend(b, AF_INET, ONE, 60, 15 * S));
	budget_free(b);
}

static void each_pays_for_itself(void ** /*state*/) {
	struct budget *b = budget_new(1U << 16);
	budget_earn(b, AF_INET, ONE, 60, S);
	assert_false(budget_spend(b, AF_INET, TWO, 60, S));
	uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8};
	memcpy(six, ONE, 4); // the same first octets in the other family
	assert_false(budget_spend(b, AF_INET6, six, 60, S));
	budget_free(b);
}

// Whoever has a /64 has all of its addresses.
static void a_network_of_ipv6_is_one(void ** /*state*/) {
	struct budget *b = budget_new(64);
	uint8_t here[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 1};
	uint8_t neighbour[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 2};
	uint8_t elsewhere[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 2, 1};
	budget_earn(b, AF_INET6, here, 60, S);
	assert_true(budget_spend(b, AF_INET6, neighbour, 60, S));
	assert_false(budget_spend(b, AF_INET6, here, 60, S));
	budget_earn(b, AF_INET6, here, 60, S);
	assert_false(budget_spend(b, AF_INET6, elsewhere, 1, S));
	budget_free(b);
}

// With one place for all: who comes back begins at nothing, so nobody gains.
static void a_collision_earns_nothing(void ** /*state*/) {
	struct budget *b = budget_new(1);
	uint64_t in = 0;
	uint64_t out = 0;
	uint32_t dice = 1;
	for (uint64_t i = 0; i < 100000; i++) {
		dice = dice * 1664525 + 1013904223;
		uint8_t from[4] = {10, 0, 0, (uint8_t)(dice >> 24 & 3)};
		size_t bytes = 30U + (dice >> 16 & 127U);
		mono_ns_t now = i * (S / 100);
		if ((dice >> 8 & 1) != 0) {
			budget_earn(b, AF_INET, from, bytes, now);
			in += bytes;
		} else if (budget_spend(b, AF_INET, from, bytes, now)) {
			out += bytes;
		}
		assert_true(out <= in);
	}
	assert_true(out > 0);
	budget_free(b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_out_than_in),
		cmocka_unit_test(what_was_earned_ends_after_ten_seconds),
		cmocka_unit_test(each_pays_for_itself),
		cmocka_unit_test(a_network_of_ipv6_is_one),
		cmocka_unit_test(a_collision_earns_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
