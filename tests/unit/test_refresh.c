// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/refresh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S ((mono_ns_t)CLOCK_NS_PER_S)
#define POLICIES 3000

struct world {
	struct refresh *r;
	boot_s_t now;
	mono_ns_t ns;
	struct record records[POLICIES];
};

static bool current(void *arg, const struct name *domain, struct record *out) {
	const struct world *w = arg;
	*out = w->records[strtoul(domain->text + 1, NULL, 10)];
	return true;
}

static struct name numbered(unsigned i, const char *suffix) {
	struct name n;
	char text[64];
	int len = snprintf(text, sizeof(text), "d%u.%s", i, suffix);
	assert_int_equal(name_parse(text, (size_t)len, &n), NAME_OK);
	return n;
}

static struct world *begin(uint32_t per_s) {
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->now = 100000;
	w->ns = S;
	const struct refresh_config config = {
		.per_s = per_s, .unused_s = 1000, .seed = 5, .current = current, .arg = w};
	w->r = refresh_new(&config);
	assert_non_null(w->r);
	return w;
}

static void end(struct world *w) {
	refresh_free(w->r);
	free(w);
}

static void
add(struct world *w, unsigned i, const char *suffix, enum policy_mode mode, boot_s_t left) {
	struct name n = numbered(i, suffix);
	w->records[i] = (struct record){
		.kind = RECORD_POLICY,
		.ends_at = w->now + left,
		.used_at = w->now,
		.policy = {.mode = mode, .max_age_s = 86400},
		.refresh_at = w->now - 10,
	};
	refresh_arm(w->r, &n, w->now - 10);
}

static bool next(struct world *w, unsigned *i) {
	struct name n;
	bool got = refresh_next(w->r, w->now, w->ns, &n);
	*i = got ? (unsigned)strtoul(n.text + 1, NULL, 10) : 0;
	return got;
}

static void pass(struct world *w, int seconds) {
	w->now += seconds;
	w->ns += (mono_ns_t)seconds * S;
	refresh_turn(w->r, w->now);
}

// After a restart: all are overdue. They are spread by the rate, and the one whose
// end is near comes first although it is the last of the wheel.
static void overdue_ones_are_spread_most_urgent_first(void ** /*state*/) {
	struct world *w = begin(10);
	for (unsigned i = 0; i < POLICIES; i++) {
		enum policy_mode mode = i % 2 == 0 ? POLICY_MODE_TESTING : POLICY_MODE_ENFORCE;
		char suffix[32];
		(void)snprintf(suffix, sizeof(suffix), "r%u.example", i);
		add(w, i, suffix, mode, 80000 - i);
	}
	for (unsigned i = 0; i < 3; i++) { // 1024 a turn
		refresh_turn(w->r, w->now);
	}
	assert_int_equal(refresh_stats(w->r).due, POLICIES);
	unsigned total = 0;
	unsigned last = POLICIES + 1;
	for (unsigned s = 0; s < 400 && total < POLICIES; s++) {
		unsigned in_second = 0;
		unsigned i;
		for (; next(w, &i); in_second++, total++) {
			bool enforce = total < POLICIES / 2;
			assert_int_equal(i % 2, enforce ? 1 : 0);
			// Shares are judged anew slice by slice: all but exactly.
			assert_true(total == POLICIES / 2 || i < last + 30);
			last = i;
		}
		assert_in_range(in_second, 1, 10);
		pass(w, 1);
	}
	assert_int_equal(total, POLICIES);
	assert_int_equal(refresh_stats(w->r).armed, 0);
	end(w);
}

static void a_registered_domain_gets_a_hundredth_when_short(void ** /*state*/) {
	struct world *w = begin(10);
	// The big one is more urgent in all its policies.
	for (unsigned i = 0; i < 1000; i++) {
		add(w, i, "big.example", POLICY_MODE_ENFORCE, 1000);
	}
	for (unsigned i = 1000; i < 2000; i++) {
		char suffix[32];
		(void)snprintf(suffix, sizeof(suffix), "r%u.example", i);
		add(w, i, suffix, POLICY_MODE_TESTING, 80000);
	}
	refresh_turn(w->r, w->now);
	refresh_turn(w->r, w->now);
	unsigned big = 0;
	unsigned small = 0;
	for (unsigned s = 0; s < 100; s++) {
		unsigned i;
		while (next(w, &i)) {
			*(i < 1000 ? &big : &small) += 1;
		}
		pass(w, 1);
	}
	assert_in_range(big, 10, 20); // 10 in each hundred seconds
	assert_true(small > 900);
	assert_true(refresh_stats(w->r).deferred > 900);
	// When nobody else waits it has all.
	for (unsigned s = 0; s < 600; s++) {
		unsigned i;
		while (next(w, &i)) {
			*(i < 1000 ? &big : &small) += 1;
		}
		pass(w, 1);
	}
	assert_int_equal(small, 1000);
	assert_int_equal(big, 1000);
	end(w);
}

static void only_what_is_in_force_and_used(void ** /*state*/) {
	struct world *w = begin(10);
	add(w, 0, "example", POLICY_MODE_ENFORCE, 0);
	add(w, 1, "example", POLICY_MODE_ENFORCE, 5000);
	w->records[1].used_at = w->now - 1001;
	add(w, 2, "example", POLICY_MODE_ENFORCE, 5000);
	w->records[2].kind = RECORD_FAILED;
	add(w, 3, "example", POLICY_MODE_ENFORCE, 5000);
	struct name gone = numbered(4, "example");
	add(w, 4, "example", POLICY_MODE_ENFORCE, 5000);
	refresh_turn(w->r, w->now);
	refresh_disarm(w->r, &gone);
	unsigned i;
	assert_true(next(w, &i));
	assert_int_equal(i, 3);
	pass(w, 1);
	assert_false(next(w, &i));
	// One that is armed anew while it is due has its later time.
	struct name later = numbered(3, "example");
	refresh_arm(w->r, &later, w->now);
	refresh_turn(w->r, w->now);
	refresh_arm(w->r, &later, w->now + 50);
	pass(w, 49);
	assert_false(next(w, &i));
	pass(w, 1);
	assert_true(next(w, &i));
	end(w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overdue_ones_are_spread_most_urgent_first),
		cmocka_unit_test(a_registered_domain_gets_a_hundredth_when_short),
		cmocka_unit_test(only_what_is_in_force_and_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
