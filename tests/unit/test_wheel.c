// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/backoff.h"
#include "fetch/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct name numbered(unsigned i) {
	struct name n;
	char text[32];
	int len = snprintf(text, sizeof(text), "d%u.example", i);
	assert_int_equal(name_parse(text, (size_t)len, &n), NAME_OK);
	return n;
}

static void arm(struct wheel *w, unsigned i, boot_s_t at) {
	struct name n = numbered(i);
	assert_int_equal(wheel_arm(w, &n, at), 0);
}

static unsigned number_of(const struct name *n) {
	return (unsigned)strtoul(n->text + 1, NULL, 10);
}

// Times near the borders of every level, seen from hands near borders too.
static void every_distance_is_due_to_the_second(void ** /*state*/) {
	static const boot_s_t hands[] = {0, 1, 63, 64, 4095, 4096, 1000000, 16777215};
	static const boot_s_t gaps[] = {
		1,
		2,
		62,
		63,
		64,
		65,
		127,
		128,
		4031,
		4032,
		4095,
		4096,
		4097,
		262143,
		262144,
		262145,
	};
	for (size_t h = 0; h < COUNT(hands); h++) {
		struct wheel *w = wheel_new(h);
		struct name out;
		assert_non_null(w);
		assert_false(wheel_pop(w, hands[h], &out));
		for (unsigned g = 0; g < COUNT(gaps); g++) {
			arm(w, g, hands[h] + gaps[g]);
		}
		for (unsigned g = 0; g < COUNT(gaps); g++) {
			assert_false(wheel_pop(w, hands[h] + gaps[g] - 1, &out));
			assert_true(wheel_pop(w, hands[h] + gaps[g], &out));
			assert_int_equal(number_of(&out), g);
		}
		assert_int_equal(wheel_count(w), 0);
		wheel_free(w);
	}
}

static void far_times_come_round(void ** /*state*/) {
	struct wheel *w = wheel_new(1);
	struct name out;
	assert_non_null(w);
	assert_false(wheel_pop(w, 5, &out));
	boot_s_t far = 5 + (1 << 25) + 77; // two turns of the top ring
	arm(w, 1, far);
	assert_false(wheel_pop(w, far - 1, &out));
	assert_true(wheel_pop(w, far, &out));
	arm(w, 2, CLOCK_NEVER);
	assert_false(wheel_pop(w, far + 1000000, &out));
	wheel_free(w);
}

static void a_name_has_one_time(void ** /*state*/) {
	struct wheel *w = wheel_new(1);
	struct name out;
	assert_non_null(w);
	arm(w, 1, 50); // before the wheel knows where it begins
	arm(w, 2, 10);
	assert_true(wheel_pop(w, 20, &out));
	assert_int_equal(number_of(&out), 2);
	arm(w, 1, 30);
	assert_int_equal(wheel_count(w), 1);
	assert_true(wheel_pop(w, 30, &out));
	assert_false(wheel_pop(w, 60, &out));
	arm(w, 3, 40); // over already
	assert_true(wheel_pop(w, 60, &out));
	arm(w, 4, 70);
	struct name four = numbered(4);
	assert_true(wheel_disarm(w, &four));
	assert_false(wheel_disarm(w, &four));
	assert_false(wheel_pop(w, 100, &out));
	wheel_free(w);
}

#define NAMES 3000

// Against a plain array that is searched from end to end.
static void agrees_with_an_array(void ** /*state*/) {
	static boot_s_t at[NAMES];
	struct wheel *w = wheel_new(7);
	struct name out;
	assert_non_null(w);
	uint64_t random = 42;
	boot_s_t now = 1000;
	size_t armed = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		at[i] = -1;
	}
	assert_false(wheel_pop(w, now, &out));
	for (unsigned round = 0; round < 60000; round++) {
		unsigned i = (unsigned)(backoff_random(&random) % NAMES);
		struct name n = numbered(i);
		if (backoff_random(&random) % 8 == 0) {
			assert_true(wheel_disarm(w, &n) == (at[i] >= 0));
			armed -= at[i] >= 0 ? 1 : 0;
			at[i] = -1;
		} else {
			armed += at[i] >= 0 ? 0 : 1;
			at[i] = now + (boot_s_t)(backoff_random(&random) % (1U << (round % 20)));
			assert_int_equal(wheel_arm(w, &n, at[i]), 0);
		}
		now += (boot_s_t)(backoff_random(&random) % 3);
		while (wheel_pop(w, now, &out)) {
			unsigned k = number_of(&out);
			assert_true(at[k] >= 0 && at[k] <= now);
			at[k] = -1;
			armed--;
		}
		assert_int_equal(wheel_count(w), armed);
		if (round % 1000 == 0) {
			for (unsigned k = 0; k < NAMES; k++) {
				assert_true(at[k] < 0 || at[k] > now);
			}
		}
	}
	wheel_free(w);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_distance_is_due_to_the_second),
		cmocka_unit_test(far_times_come_round),
		cmocka_unit_test(a_name_has_one_time),
		cmocka_unit_test(agrees_with_an_array),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
