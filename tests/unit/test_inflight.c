// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/inflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void answers_find_their_query_once(void ** /*state*/) {
	struct inflight f;
	struct inflight_slot s;
	assert_int_equal(inflight_init(&f, 8, 6), 0);
	uint32_t tag = inflight_tag(&f, 0);
	inflight_put(&f, 100, 7);
	assert_int_equal(f.count, 1);
	assert_false(inflight_take(&f, tag + 1, &s));
	assert_true(inflight_take(&f, tag, &s));
	assert_int_equal(s.at_ns, 100);
	assert_int_equal(s.index, 7);
	assert_false(inflight_take(&f, tag, &s));
	assert_int_equal(f.count, 0);
	inflight_fini(&f);
}

static void a_slot_needed_again_counts_as_lost(void ** /*state*/) {
	struct inflight f;
	struct inflight_slot s;
	assert_int_equal(inflight_init(&f, 4, 6), 0);
	for (uint32_t i = 0; i < 5; i++)
		inflight_put(&f, i, i);
	assert_int_equal(f.lost, 1);
	assert_int_equal(f.count, 4);
	assert_false(inflight_take(&f, 0, &s)); // too late
	assert_true(inflight_take(&f, 4, &s));
	assert_int_equal(s.index, 4);
	inflight_fini(&f);
}

static void what_is_too_old_is_given_up(void ** /*state*/) {
	struct inflight f;
	struct inflight_slot s;
	assert_int_equal(inflight_init(&f, 8, 6), 0);
	for (uint32_t i = 0; i < 6; i++)
		inflight_put(&f, 10ULL * i, i);
	assert_true(inflight_take(&f, 1, &s));
	inflight_expire(&f, 30);
	assert_int_equal(f.lost, 2);
	assert_int_equal(f.count, 3);
	assert_false(inflight_take(&f, 2, &s));
	assert_true(inflight_take(&f, 3, &s));
	inflight_expire(&f, UINT64_MAX);
	assert_int_equal(f.lost, 4);
	assert_int_equal(f.count, 0);
	inflight_fini(&f);
}

// Tags wrap many times: whatever happens, sent = taken + lost + on the way.
static void nothing_is_counted_twice(void ** /*state*/) {
	struct inflight f;
	struct inflight_slot s;
	uint64_t taken = 0;
	assert_int_equal(inflight_init(&f, 16, 6), 0);
	for (uint32_t i = 0; i < 10000; i++) {
		uint32_t tag = inflight_tag(&f, 0);
		inflight_put(&f, i, i);
		if (i % 3)
			taken += inflight_take(&f, tag, &s);
		if (i % 50 == 0)
			inflight_expire(&f, i - 10);
		assert_int_equal(f.next, taken + f.lost + f.count);
	}
	inflight_fini(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_find_their_query_once),
		cmocka_unit_test(a_slot_needed_again_counts_as_lost),
		cmocka_unit_test(what_is_too_old_is_given_up),
		cmocka_unit_test(nothing_is_counted_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
