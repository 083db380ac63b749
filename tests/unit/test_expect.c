// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/err.h"
#include "bench/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int take(const char *text, struct expect_set *set, uint64_t *line) {
	char *copy = strdup(text);
	assert_non_null(copy);
	return expect_take(copy, strlen(copy), set, line);
}

static void lines_are_read(void ** /*state*/) {
	struct expect_set set;
	uint64_t line = 0;
	assert_int_equal(
		take("# made\n"
		     "example.com\tp\tenforce\t2016Z\t1767225600\t604800\ta.example,*.b.example\n"
		     "\n"
		     "example.org\tn\n"
		     "example.net",
		     &set,
		     &line),
		0
	);
	assert_int_equal(set.count, 3);
	assert_int_equal(set.policies, 1);
	assert_int_equal(set.ends_first_s, 1767225600);
	struct expect e = expect_get(&set, 0);
	assert_int_equal(e.kind, EXPECT_POLICY);
	assert_int_equal(e.exp_s, 1767225600);
	assert_int_equal(e.max_age_s, 604800);
	assert_int_equal(e.mx_count, 2);
	assert_memory_equal(e.id.at, "2016Z", e.id.len);
	size_t at = 0;
	struct expect_text mx = expect_mx_next(&e, &at);
	assert_memory_equal(mx.at, "a.example", mx.len);
	mx = expect_mx_next(&e, &at);
	assert_int_equal(mx.len, 11);
	assert_memory_equal(mx.at, "*.b.example", mx.len);
	assert_null(expect_mx_next(&e, &at).at);
	assert_int_equal(expect_get(&set, 1).kind, EXPECT_NONE);
	e = expect_get(&set, 2);
	assert_int_equal(e.kind, EXPECT_ANY);
	assert_memory_equal(e.name.at, "example.net", e.name.len);
	expect_close(&set);
}

static void faults_are_refused_with_their_line(void ** /*state*/) {
	static const char *const bad[] = {
		"a.example\tx\n",
		"a.example\tn\tmore\n",
		"a.example\tp\n",
		"a.example\tp\tEnforce\t1\t1\t1\ta.b\n",
		"a.example\tp\tenforce\t\t1\t1\ta.b\n",
		"a.example\tp\tenforce\t1\tx\t1\ta.b\n",
		"a.example\tp\tenforce\t1\t1\t4294967296\ta.b\n",
		"a.example\tp\tenforce\t1\t1\t1\ta.b,,c.d\n",
		"\tn\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct expect_set set;
		uint64_t line = 0;
		char text[256] = "good.example\tn\n";
		strncat(text, bad[i], sizeof(text) - strlen(text) - 1);
		assert_int_equal(take(text, &set, &line), ERR_SYNTAX);
		assert_int_equal(line, 2);
	}
}

static void a_policy_may_have_no_mx(void ** /*state*/) {
	struct expect_set set;
	uint64_t line = 0;
	assert_int_equal(take("a.example\tp\tnone\t1\t1\t1\n", &set, &line), 0);
	assert_int_equal(expect_get(&set, 0).mx_count, 0);
	expect_close(&set);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(faults_are_refused_with_their_line),
		cmocka_unit_test(a_policy_may_have_no_mx),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
