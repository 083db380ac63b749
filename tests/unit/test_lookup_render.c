// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "dataplane/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The ready-made answer, with and without an override.

enum { NOW = 1000, SHIFT = 1700000000 };

static struct record policy(void) {
	static const uint8_t MX[] = "\12mx.example\15*.far.example";
	struct record r = {
		.kind = RECORD_POLICY,
		.ends_at = NOW + 500,
		.next_check_at = NOW + 100,
		.checked_at = NOW - 10,
		.id = "1",
		.policy = {.mode = POLICY_MODE_ENFORCE, .max_age_s = 500, .mx_count = 2, .mx_bytes = 25, .mx = MX},
	};
	return r;
}

static uint8_t answer[LOOKUP_RENDER_MAX];
static uint16_t fresh_at;

// The strings joined; that of the first one is checked.
static const char *text_of(const struct record *rec) {
	static char text[1024];
	int n = lookup_render(rec, SHIFT, NOW, answer, sizeof(answer), &fresh_at);
	assert_true(n > 0);
	assert_true(answer[0] <= LOOKUP_FIRST_STRING_MAX);
	size_t at = 0;
	for (int i = 0; i < n; i += 1 + answer[i]) {
		memcpy(text + at, answer + i + 1, answer[i]);
		at += answer[i];
	}
	text[at] = '\0';
	return text;
}

static void a_policy(void ** /*state*/) {
	struct record r = policy();
	assert_string_equal(
		text_of(&r),
		"v=STSQ1; r=policy; mode=enforce; id=1; exp=1700001500; fresh=1; n=2; "
		"mx=mx.example; mx=*.far.example"
	);
	assert_int_equal(answer[fresh_at], '1');
	r.overridden = true;
	r.policy.mode = POLICY_MODE_TESTING;
	assert_string_equal(
		text_of(&r),
		"v=STSQ1; r=policy; mode=testing; id=1; exp=1700001500; fresh=1; n=2; override=1; "
		"mx=mx.example; mx=*.far.example"
	);
	assert_int_equal(answer[fresh_at], '1');
}

static void no_policy_by_the_operators_word(void ** /*state*/) {
	struct record r = {.kind = RECORD_NONE, .overridden = true};
	assert_string_equal(text_of(&r), "v=STSQ1; r=none; override=1");
	assert_int_equal(fresh_at, 0);
}

// The longest id, reason and count: the first string stays within its bound, and
// is whole but for the last part of the reason when an override stands before it.
static void the_longest(void ** /*state*/) {
	struct record r = policy();
	memset(r.id, 'x', POLICY_ID_MAX);
	memset(r.failure.why, 'y', RECORD_WHY_MAX);
	r.failure.why[50] = '+';
	r.failure.at = NOW;
	r.policy.mx_count = POLICY_MX_COUNT_MAX;
	r.policy.mode = POLICY_MODE_TESTING;
	const char *text = text_of(&r);
	assert_non_null(strstr(text, r.failure.why));
	r.overridden = true;
	text = text_of(&r);
	assert_non_null(strstr(text, "; n=128; override=1; why=yyy"));
	assert_null(strchr(text, '+'));
	r.failure.why[50] = '\0';
	assert_non_null(strstr(text, r.failure.why));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy),
		cmocka_unit_test(no_policy_by_the_operators_word),
		cmocka_unit_test(the_longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
