// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/roster.h"
#include "cache/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MEMBERS = 20000, STEPS = 200000 };

// Against a plain array: everybody who joined and did not leave is there, once,
// at the place that was told.
static void everybody_is_where_it_was_told(void ** /*state*/) {
	static struct entry members[MEMBERS];
	static uint32_t place[MEMBERS];
	static bool on[MEMBERS];
	struct roster r = {0};
	size_t count = 0;
	uint64_t random = 1;
	for (int step = 0; step < STEPS; step++) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		size_t i = random >> 33 & 0x7fffffff;
		// Grows over several chunks, then shrinks to nothing.
		bool growing = step < STEPS / 2;
		i = (growing ? i : i * 31) % MEMBERS;
		if (!on[i] && (growing || i % 8 == 0)) {
			assert_true(roster_reserve(&r));
			place[i] = roster_add(&r, &members[i]);
			on[i] = true;
			count++;
		} else if (on[i]) {
			const struct entry *moved = roster_remove(&r, place[i]);
			on[i] = false;
			count--;
			if (moved != NULL) {
				place[moved - members] = place[i];
			}
		}
		assert_int_equal(r.count, count);
	}
	for (size_t i = 0; i < MEMBERS; i++) {
		if (on[i]) {
			assert_ptr_equal(roster_at(&r, place[i]), &members[i]);
		}
	}
	roster_fini(&r);
}

static void the_hand_passes_everybody(void ** /*state*/) {
	static struct entry members[10];
	struct roster r = {0};
	assert_null(roster_pass(&r));
	for (size_t i = 0; i < 10; i++) {
		assert_true(roster_reserve(&r));
		assert_int_equal(roster_add(&r, &members[i]), i);
	}
	for (size_t i = 0; i < 25; i++) {
		assert_ptr_equal(roster_pass(&r), &members[i % 10]);
	}
	// It stands in the middle; who is left is passed all the same.
	for (size_t i = 10; i-- > 2;) {
		assert_null(roster_remove(&r, i));
	}
	assert_ptr_equal(roster_pass(&r), &members[0]);
	assert_ptr_equal(roster_pass(&r), &members[1]);
	roster_fini(&r);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_is_where_it_was_told),
		cmocka_unit_test(the_hand_passes_everybody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
