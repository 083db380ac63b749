// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/due.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define POLICIES 5000

static struct due_policy
policy(const char *text, enum policy_mode mode, uint32_t max_age_s, boot_s_t ends_at) {
	struct due_policy p = {.mode = mode, .max_age_s = max_age_s, .ends_at = ends_at};
	assert_int_equal(name_parse(text, strlen(text), &p.domain), NAME_OK);
	return p;
}

static void push(struct due *d, struct due_policy p, boot_s_t now) {
	assert_int_equal(due_push(d, &p, now), 0);
}

static void assert_next(struct due *d, const char *text) {
	struct name n;
	assert_true(due_pop(d, &n));
	assert_string_equal(n.text, text);
}

static void enforce_first_then_the_least_of_life(void ** /*state*/) {
	struct due *d = due_new(1);
	assert_non_null(d);
	push(d, policy("none.example", POLICY_MODE_NONE, 1000, 1), 0);
	push(d, policy("testing.example", POLICY_MODE_TESTING, 1000, 10), 0);
	push(d, policy("half.example", POLICY_MODE_ENFORCE, 100, 50), 0);
	push(d, policy("tenth.example", POLICY_MODE_ENFORCE, 1000, 100), 0);
	push(d, policy("third.example", POLICY_MODE_ENFORCE, 1000, 330), 0);
	assert_int_equal(due_count(d), 5);
	// Once each: judged anew.
	push(d, policy("third.example", POLICY_MODE_ENFORCE, 1000, 50), 0);
	assert_int_equal(due_count(d), 5);
	assert_next(d, "third.example");
	assert_next(d, "tenth.example");
	assert_next(d, "half.example");
	assert_next(d, "testing.example");
	assert_next(d, "none.example");
	struct name n;
	assert_false(due_pop(d, &n));
	due_free(d);
}

// A short life shrinks faster than a long one while both wait.
static void those_that_wait_age(void ** /*state*/) {
	struct due *d = due_new(1);
	assert_non_null(d);
	push(d, policy("long.example", POLICY_MODE_ENFORCE, 100000, 40000), 0);
	push(d, policy("short.example", POLICY_MODE_ENFORCE, 1000, 500), 0);
	due_age(d, 10, 300);
	assert_next(d, "short.example");
	assert_next(d, "long.example");
	due_free(d);
}

static void many_come_in_order(void ** /*state*/) {
	struct due *d = due_new(1);
	assert_non_null(d);
	uint64_t x = 7;
	for (unsigned i = 0; i < POLICIES; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "d%u.example", i);
		x = x * 6364136223846793005U + 1442695040888963407U;
		push(d,
		     policy(text,
			    (enum policy_mode)(x >> 33U) % 3,
			    65535,
			    (boot_s_t)(x >> 40U) % 65535),
		     0);
	}
	// Some go before their turn.
	for (unsigned i = 0; i < POLICIES; i += 3) {
		char text[32];
		struct name n;
		(void)snprintf(text, sizeof(text), "d%u.example", i);
		assert_int_equal(name_parse(text, strlen(text), &n), NAME_OK);
		assert_true(due_drop(d, &n));
		assert_false(due_drop(d, &n));
	}
	x = 7;
	boot_s_t ends[POLICIES];
	unsigned modes[POLICIES];
	for (unsigned i = 0; i < POLICIES; i++) {
		x = x * 6364136223846793005U + 1442695040888963407U;
		modes[i] = (unsigned)(x >> 33U) % 3;
		ends[i] = (boot_s_t)(x >> 40U) % 65535;
	}
	struct name n;
	unsigned popped = 0;
	unsigned last = POLICIES;
	for (; due_pop(d, &n); popped++) {
		unsigned i = (unsigned)strtoul(n.text + 1, NULL, 10);
		assert_true(i % 3 != 0);
		if (last < POLICIES) {
			assert_true(
				modes[last] > modes[i]
				|| (modes[last] == modes[i] && ends[last] <= ends[i])
			);
		}
		last = i;
	}
	assert_int_equal(popped, POLICIES - (POLICIES + 2) / 3);
	due_free(d);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enforce_first_then_the_least_of_life),
		cmocka_unit_test(those_that_wait_age),
		cmocka_unit_test(many_come_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
