// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "client/stsq.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char text[8192];

static int parse(const char *from, struct stsq_text *out) {
	size_t len = strlen(from);
	memcpy(text, from, len);
	text[len] = 'x'; // the library ends the text itself
	return stsq_parse(text, len, out);
}

static void a_policy_is_read(void ** /*state*/) {
	struct stsq_text t;
	assert_int_equal(
		parse("v=STSQ1; r=policy; mode=enforce; id=20160831085700Z; exp=1767225600; "
		      "fresh=1; n=3; mx=mail.example.com; mx=*.example.net; more=1",
		      &t),
		0
	);
	assert_int_equal(t.verdict, STSQ_POLICY);
	assert_int_equal(t.mode, STSQ_MODE_ENFORCE);
	assert_string_equal(t.id, "20160831085700Z");
	assert_int_equal(t.exp, 1767225600);
	assert_true(t.fresh && t.more && !t.override);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.mx_count, 2);
	assert_string_equal(t.mx[0], "mail.example.com");
	assert_string_equal(t.mx[1], "*.example.net");
	assert_string_equal(t.why, "");
}

static void other_verdicts_are_read(void ** /*state*/) {
	struct stsq_text t;
	assert_int_equal(parse("v=STSQ1; r=none", &t), 0);
	assert_int_equal(t.verdict, STSQ_NONE);
	assert_int_equal(parse("v=STSQ1; r=none; override=1", &t), 0);
	assert_true(t.override);
	assert_int_equal(
		parse("v=STSQ1; r=failed; why=sts-webpki-invalid/certificate-expired; retry=308",
		      &t),
		0
	);
	assert_int_equal(t.verdict, STSQ_FAILED);
	assert_string_equal(t.why, "sts-webpki-invalid/certificate-expired");
	assert_int_equal(t.retry_s, 308);
	assert_int_equal(parse("v=STSQ1; r=pending; retry=2", &t), 0);
	assert_int_equal(t.verdict, STSQ_PENDING);
	assert_int_equal(parse("v=STSQ1; new=thing; r=unknown", &t), 0);
	assert_int_equal(t.verdict, STSQ_UNKNOWN);
}

static void other_texts_are_refused(void ** /*state*/) {
	static const char *const BAD[] = {
		"",
		"v=STSQ1",
		"v=STSQ1; ",
		"v=STSQ2; r=none",
		"r=none; v=STSQ1",
		"v=STSQ1; r=nothing",
		"v=STSQ1; mode=enforce",
		"v=STSQ1; r=policy",
		"v=STSQ1; r=policy; mode=force",
		"v=STSQ1; r=none; ",
		"v=STSQ1; r=none; x",
		"v=STSQ1; r=policy; mode=none; exp=",
		"v=STSQ1; r=policy; mode=none; exp=1x",
		"v=STSQ1; r=policy; mode=none; exp=99999999999999999999",
		"v=STSQ1; r=policy; mode=none; n=70000",
		"v=STSQ1; r=pending; retry=4294967296",
		"v=STSQ1; r=policy; mode=none; fresh=2",
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		struct stsq_text t;
		if (parse(BAD[i], &t) != -EINVAL) {
			fail_msg("%s", BAD[i]);
		}
	}
	struct stsq_text t;
	char zero[] = "v=STSQ1; r=none\0; n=1";
	assert_int_equal(stsq_parse(zero, sizeof(zero) - 1, &t), -EINVAL);
}

static void more_patterns_than_there_is_room_for(void ** /*state*/) {
	char many[4096];
	size_t n = (size_t)snprintf(many, sizeof(many), "v=STSQ1; r=policy; mode=testing; n=130");
	for (int i = 0; i < STSQ_MX_MAX + 2; i++) {
		n += (size_t)snprintf(many + n, sizeof(many) - n, "; mx=m%d.example", i);
	}
	struct stsq_text t;
	assert_int_equal(parse(many, &t), 0);
	assert_int_equal(t.mx_count, STSQ_MX_MAX);
	assert_true(t.more);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_is_read),
		cmocka_unit_test(other_verdicts_are_read),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(more_patterns_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
