// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/alert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
struct seen {
	unsigned count;
	enum record_alert level;
	char name[NAME_DOMAIN_MAX + 1];
};

static void risen(void *arg, const struct name *domain, enum record_alert level, int64_t left_s) {
	struct seen *s = arg;
	s->count++;
	s->level = level;
	assert_true(left_s > 0);
	memcpy(s->name, domain->text, (size_t)domain->len + 1);
}

static struct record failing(const char *text, boot_s_t since, boot_s_t ends_at) {
	struct record r = {
		.kind = RECORD_POLICY,
		.ends_at = ends_at,
		.policy = {.mode = POLICY_MODE_ENFORCE, .max_age_s = 100000},
		.failure = {.why = "x/y", .since = since},
	};
	assert_int_equal(name_parse(text, strlen(text), &r.domain), NAME_OK);
	return r;
}

static void levels_rise_once_each(void ** /*state*/) {
	struct alert *a = alert_new();
	assert_non_null(a);
	struct seen seen = {0};
	struct record r = failing("a.example", 0, 100000);
	alert_note(a, &r, 10);
	alert_turn(a, 10, risen, &seen);
	alert_turn(a, 20, risen, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.level, RECORD_ALERT_NOTICE);
	assert_int_equal(alert_count(a, RECORD_ALERT_NOTICE), 1);
	alert_turn(a, 50000, risen, &seen);
	assert_int_equal(seen.level, RECORD_ALERT_WARNING);
	alert_note(a, &r, 60000); // fails again
	alert_turn(a, 60000, risen, &seen);
	assert_int_equal(seen.count, 2);
	alert_turn(a, 75000, risen, &seen);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.level, RECORD_ALERT_CRITICAL);
	assert_string_equal(seen.name, "a.example");
	assert_int_equal(alert_count(a, RECORD_ALERT_NOTICE), 0);
	assert_int_equal(alert_count(a, RECORD_ALERT_CRITICAL), 1);
	// Renewed, though something else fails: lower, and said again when it rises.
	r.ends_at = 175000;
	alert_note(a, &r, 75001);
	alert_turn(a, 75001, risen, &seen);
	assert_int_equal(seen.count, 3);
	assert_int_equal(alert_count(a, RECORD_ALERT_NOTICE), 1);
	// All is well.
	r.failure.why[0] = '\0';
	alert_note(a, &r, 75002);
	assert_int_equal(alert_count(a, RECORD_ALERT_NOTICE), 0);
	alert_turn(a, 75002, risen, &seen);
	alert_free(a);
}

static void what_has_ended_is_forgotten(void ** /*state*/) {
	struct alert *a = alert_new();
	assert_non_null(a);
	struct seen seen = {0};
	for (unsigned i = 0; i < 500; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "d%u.example", i);
		struct record r = failing(text, 0, 100000 + i % 2);
		alert_note(a, &r, 10);
	}
	for (unsigned i = 0; i < 500 / 64 + 1; i++) {
		alert_turn(a, 10, risen, &seen);
	}
	assert_int_equal(alert_count(a, RECORD_ALERT_NOTICE), 500);
	assert_int_equal(seen.count, 500);
	for (unsigned i = 0; i < 500 / 64 + 1; i++) {
		alert_turn(a, 100000, risen, &seen);
	}
	assert_int_equal(alert_count(a, RECORD_ALERT_CRITICAL), 250);
	struct record r = failing("d1.example", 0, 100001);
	alert_forget(a, &r.domain);
	assert_int_equal(alert_count(a, RECORD_ALERT_CRITICAL), 249);
	alert_forget(a, &r.domain);
	// Each is looked at once a minute.
	alert_turn(a, 100059, risen, &seen);
	assert_int_equal(alert_count(a, RECORD_ALERT_CRITICAL), 249);
	alert_turn(a, 100060, risen, &seen);
	assert_int_equal(alert_count(a, RECORD_ALERT_CRITICAL), 249 - 64);
	for (unsigned i = 0; i < 500 / 64; i++) {
		alert_turn(a, 100060, risen, &seen);
	}
	for (int l = 0; l < RECORD_ALERT_LEVELS; l++) {
		assert_int_equal(alert_count(a, (enum record_alert)l), 0);
	}
	alert_free(a);
}

static void told_once_an_hour(void ** /*state*/) {
	struct alert *a = alert_new();
	assert_non_null(a);
	struct record r = failing("a.example", 0, 100000);
	alert_note(a, &r, 10);
	assert_true(alert_may_tell(a, &r.domain, 10));
	assert_false(alert_may_tell(a, &r.domain, 3609));
	assert_true(alert_may_tell(a, &r.domain, 3610));
	alert_free(a);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_rise_once_each),
		cmocka_unit_test(what_has_ended_is_forgotten),
		cmocka_unit_test(told_once_an_hour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
