// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S CLOCK_NS_PER_S
#define PLACES 100

static struct name name(const char *text) {
	struct name n;
	assert_int_equal(name_parse(text, strlen(text), &n), NAME_OK);
	return n;
}

static struct quota *open_quota(uint32_t client_per_s, uint32_t domain_per_s) {
	const struct quota_config config = {
		.client_per_s = client_per_s,
		.domain_per_s = domain_per_s,
		.places = PLACES,
		.seed = 9,
	};
	struct quota *q = quota_new(&config);
	assert_non_null(q);
	return q;
}

// Asks for `n` names, none of which ends.
// @return How many may.
static unsigned
take(struct quota *q, uint64_t client, char kind, unsigned n, size_t *jobs, mono_ns_t now) {
	unsigned taken = 0;
	for (unsigned i = 0; i < n; i++) {
		char text[64];
		struct quota_ticket ticket;
		// v0.victim.example, v1.victim.example, but d0.example, d1.example
		const char *below = kind == 'v' ? "victim.example" : "example";
		(void)snprintf(text, sizeof(text), "%c%u.%s", kind, i, below);
		struct name domain = name(text);
		if (quota_take(q, client, &domain, *jobs, now, &ticket) == QUOTA_TAKEN) {
			taken++;
			(*jobs)++;
		}
	}
	return taken;
}

static void so_many_a_second(void ** /*state*/) {
	struct quota *q = open_quota(10, 0);
	size_t jobs = 0;
	// A second's worth at once, then as they come.
	assert_in_range(take(q, 1, 'd', 40, &jobs, 5 * S), 10, 11);
	assert_int_equal(take(q, 1, 'e', 40, &jobs, 5 * S + S / 2), 5);
	// Others, and those who are not limited, have their own.
	assert_in_range(take(q, 2, 'f', 40, &jobs, 5 * S + S / 2), 10, 11);
	assert_int_equal(take(q, 0, 'g', 40, &jobs, 5 * S + S / 2), 40);
	quota_free(q);
}

static void below_one_registered_domain(void ** /*state*/) {
	struct quota *q = open_quota(0, 10);
	size_t jobs = 0;
	assert_in_range(take(q, 1, 'v', 40, &jobs, 5 * S), 10, 11);
	struct quota_ticket ticket;
	struct name other = name("a.other.example");
	struct name victim = name("z.victim.example");
	assert_int_equal(quota_take(q, 1, &victim, jobs, 5 * S, &ticket), QUOTA_DOMAIN);
	assert_int_equal(quota_take(q, 1, &other, jobs, 5 * S, &ticket), QUOTA_TAKEN);
	quota_free(q);
}

// While places are many nobody is looked at; the last quarter is for those that
// have less than their share.
static void the_last_places_are_shared(void ** /*state*/) {
	struct quota *q = open_quota(0, 0);
	size_t jobs = 0;
	assert_int_equal(take(q, 1, 'd', 200, &jobs, 0), 75);
	assert_int_equal(take(q, 2, 'e', 200, &jobs, 0), 33);
	assert_int_equal(take(q, 3, 'f', 1, &jobs, 0), 1);
	quota_free(q);
}

static void what_is_given_back_can_be_taken(void ** /*state*/) {
	struct quota *q = open_quota(0, 0);
	struct quota_ticket tickets[80];
	struct name domain = name("a.example");
	for (size_t i = 0; i < 75; i++) {
		assert_int_equal(quota_take(q, 1, &domain, i, 0, &tickets[i]), QUOTA_TAKEN);
	}
	assert_int_equal(quota_take(q, 1, &domain, 75, 0, &tickets[75]), QUOTA_CLIENT);
	assert_int_equal(tickets[75].client, 0);
	assert_int_equal(quota_take(q, 0, &domain, 75, 0, &tickets[75]), QUOTA_DOMAIN);
	for (size_t i = 0; i < 75; i++) {
		quota_give(q, &tickets[i]);
		quota_give(q, &tickets[i]); // once only
	}
	// Places that others have: 80 of 100.
	assert_int_equal(quota_take(q, 1, &domain, 80, 0, &tickets[0]), QUOTA_TAKEN);
	quota_free(q);
}

// More clients than there is room for: those with jobs are not forgotten.
static void floods_forget_those_that_rest(void ** /*state*/) {
	struct quota *q = open_quota(0, 0);
	struct quota_ticket ticket;
	struct name domain = name("a.example");
	for (size_t i = 0; i < 60; i++) {
		assert_int_equal(quota_take(q, 1, &domain, i, 0, &ticket), QUOTA_TAKEN);
	}
	for (uint64_t client = 2; client < 100000; client++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "d%u.example", (unsigned)client);
		struct name other = name(text);
		assert_int_equal(quota_take(q, client, &other, 60, client, &ticket), QUOTA_TAKEN);
		quota_give(q, &ticket);
	}
	struct name fresh = name("b.example");
	assert_int_equal(quota_take(q, 1, &fresh, 90, 0, &ticket), QUOTA_CLIENT);
	quota_free(q);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_a_second),
		cmocka_unit_test(below_one_registered_domain),
		cmocka_unit_test(the_last_places_are_shared),
		cmocka_unit_test(what_is_given_back_can_be_taken),
		cmocka_unit_test(floods_forget_those_that_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
