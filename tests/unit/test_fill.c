// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "bench/fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S 1767000000
#define LINE(text) \
	{ text, sizeof(text) - 1 }

static struct expect policy(void) {
	return (struct expect){
		.kind = EXPECT_POLICY,
		.name = LINE("example.com"),
		.mode = LINE("enforce"),
		.id = LINE("2016Z"),
		.exp_s = NOW_S + 1000,
		.max_age_s = 86400,
		.mx_count = 2,
		.mx = LINE("a.example,*.b.example"),
	};
}

static void a_policy_survives_the_way_to_disk(void ** /*state*/) {
	static const char text[] = "version: STSv1\nmode: enforce\nmx: a.example\nmx: *.b.example\nmax_age: 86400\n";
	static struct fill_room room;
	static uint8_t value[RECORD_BYTES_MAX];
	struct expect e = policy();
	struct record rec;
	assert_int_equal(fill_record(&e, NOW_S, 60, &room, &rec), 0);
	int len = record_encode(&rec, 0, value, sizeof(value));
	assert_true(len > 0);
	struct record back = {.domain = rec.domain};
	assert_int_equal(record_decode(value, (size_t)len, 0, &back), 0);
	assert_int_equal(back.kind, RECORD_POLICY);
	assert_string_equal(back.domain.text, "example.com");
	assert_string_equal(back.id, "2016Z");
	assert_int_equal(back.ends_at, NOW_S + 1000);
	assert_int_equal(back.fetched_at, NOW_S + 1000 - 86400);
	assert_true(back.next_check_at > NOW_S && back.refresh_at > NOW_S);
	assert_int_equal(back.policy.mode, POLICY_MODE_ENFORCE);
	assert_int_equal(back.policy.mx_count, 2);
	assert_memory_equal(back.policy.mx, "\11a.example\13*.b.example", 22);
	assert_int_equal(back.text_len, sizeof(text) - 1);
	assert_memory_equal(back.text, text, sizeof(text) - 1);
}

static void a_none_holds_as_long_as_told(void ** /*state*/) {
	static struct fill_room room;
	struct expect e = {.kind = EXPECT_NONE, .name = LINE("example.org")};
	struct record rec;
	assert_int_equal(fill_record(&e, NOW_S, 60, &room, &rec), 0);
	assert_int_equal(rec.kind, RECORD_NONE);
	assert_int_equal(rec.ends_at, NOW_S + 60);
	assert_true(rec.next_check_at == CLOCK_NEVER);
}

static void what_is_no_record_is_refused(void ** /*state*/) {
	static struct fill_room room;
	struct record rec;
	struct expect e = {.kind = EXPECT_ANY, .name = LINE("example.org")};
	assert_true(fill_record(&e, NOW_S, 60, &room, &rec) < 0);
	e = (struct expect){.kind = EXPECT_NONE, .name = LINE("localhost")};
	assert_true(fill_record(&e, NOW_S, 60, &room, &rec) < 0);
	e = policy();
	e.mx = (struct expect_text)LINE("a.example,not a host");
	assert_true(fill_record(&e, NOW_S, 60, &room, &rec) < 0);
	e = policy();
	e.max_age_s = POLICY_MAX_AGE_S + 1;
	assert_true(fill_record(&e, NOW_S, 60, &room, &rec) < 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_survives_the_way_to_disk),
		cmocka_unit_test(a_none_holds_as_long_as_told),
		cmocka_unit_test(what_is_no_record_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
