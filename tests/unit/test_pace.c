// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct name name(const char *text) {
	struct name n;
	assert_int_equal(name_parse(text, strlen(text), &n), NAME_OK);
	return n;
}

static void once_a_minute_and_ten_times_an_hour(void ** /*state*/) {
	struct pace *p = pace_new(1);
	assert_non_null(p);
	struct name a = name("a.example");
	struct name b = name("b.example");
	boot_s_t now = 100;
	assert_int_equal(pace_look(p, &a, now).wait_s, 0);
	for (unsigned i = 0; i < 9; i++) {
		pace_note(p, &a, now);
		assert_int_equal(pace_look(p, &a, now).wait_s, 60);
		assert_int_equal(pace_look(p, &a, now + 59).wait_s, 1);
		now += 60;
		assert_int_equal(pace_look(p, &a, now).wait_s, 0);
	}
	pace_note(p, &a, now);
	assert_int_equal(pace_look(p, &a, now).wait_s, 100 + 3600 - now);
	assert_int_equal(pace_look(p, &b, now).wait_s, 0);
	assert_int_equal(pace_look(p, &a, 100 + 3600).wait_s, 0);
	pace_note(p, &a, 100 + 3600);
	assert_int_equal(pace_look(p, &a, 100 + 3600).wait_s, 60);
	pace_free(p);
}

static void holds_end(void ** /*state*/) {
	struct pace *p = pace_new(1);
	assert_non_null(p);
	struct name a = name("a.example");
	assert_int_equal(pace_look(p, &a, 5).held_s, 0);
	pace_hold(p, &a, 305, 5);
	assert_int_equal(pace_look(p, &a, 5).held_s, 300);
	assert_int_equal(pace_look(p, &a, 6).wait_s, 299);
	assert_int_equal(pace_look(p, &a, 305).held_s, 0);
	pace_free(p);
}

static void back_offs_are_remembered_for_a_day(void ** /*state*/) {
	struct pace *p = pace_new(1);
	assert_non_null(p);
	struct name a = name("a.example");
	const struct record_backoff three = {"7", 3, 1000};
	pace_remember(p, &a, &(struct record_backoff){0}, 400);
	assert_int_equal(pace_look(p, &a, 400).backoff.id[0], '\0');
	pace_remember(p, &a, &three, 400);
	assert_string_equal(pace_look(p, &a, 400).backoff.id, "7");
	assert_int_equal(pace_look(p, &a, 1000 + 86399).backoff.attempts, 3);
	assert_int_equal(pace_look(p, &a, 1000 + 86400).backoff.id[0], '\0');
	pace_note(p, &a, 500); // another fetch does not wipe it out
	assert_int_equal(pace_look(p, &a, 600).backoff.retry_at, 1000);
	pace_remember(p, &a, &(struct record_backoff){0}, 700);
	assert_int_equal(pace_look(p, &a, 700).backoff.id[0], '\0');
	pace_free(p);
}

// More names than there is room for: memory stays, the newest are known.
static void floods_forget_the_quietest(void ** /*state*/) {
	struct pace *p = pace_new(1);
	assert_non_null(p);
	for (unsigned i = 0; i < 100000; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "d%u.example", i);
		struct name n = name(text);
		pace_note(p, &n, 1000 + (boot_s_t)(i / 1000));
		assert_int_equal(pace_look(p, &n, 1000 + (boot_s_t)(i / 1000)).wait_s, 60);
	}
	pace_free(p);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once_a_minute_and_ten_times_an_hour),
		cmocka_unit_test(holds_end),
		cmocka_unit_test(back_offs_are_remembered_for_a_day),
		cmocka_unit_test(floods_forget_the_quietest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
