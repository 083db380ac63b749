// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/polparse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NONE "version: STSv1\nmode: none\nmax_age: 1\n"
#define ENFORCE "version: STSv1\nmode: enforce\nmax_age: 9\n"
#define L60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// clang-format off
// Bodies, and "mode max_age mx,..." of the accepted ones (RFC 8461 3.2).
static const struct {
	const char *text;
	const char *expected;
} bodies[] = {
	{"version: STSv1\nmode: testing\nmx: mx1.example.com\nmx: mx2.example.com\nmx: mx.backup-example.com\nmax_age: 1296000\n",
	 "testing 1296000 mx1.example.com,mx2.example.com,mx.backup-example.com"},
	{"version: STSv1\nmode: enforce\t\nmx: *.example.com \nmax_age: 0 \n",
	 "enforce 0 *.example.com"},
	{"version:STSv1\r\nmode:\tenforce\r\nmx:  \t\t *.example.com\nmax_age: 1\nmore:ext e  ns ion",
	 "enforce 1 *.example.com"},
	{"",
	 NULL},
	{"version:STSv0\nmode:none\nmax_age:0",
	 NULL},
	{"version:STSv10\nmode:none\nmax_age:0",
	 NULL},
	{"version:STSv2\nmode:none\nmax_age:0",
	 NULL},
	{"version:STSv1\nmax_age:0\nmx:example.com",
	 NULL},
	{"version:STSv1\nmode:none",
	 NULL},
	{"version:STSv1\nmax_age:0\nmode:enforce",
	 NULL},
	{"version:STSv1\nmax_age:0\nmode:testing",
	 NULL},
	{"max_age:0\nmode:none",
	 NULL},
	{"version:STSv1\nmode:none\nmax_age:01234567890",
	 NULL},
	{"version:STSv1\nmode:bad\nmax_age:1",
	 NULL},
	{"version:STSv1\nmode:none\nmax_age:a",
	 NULL},
	{"version:STSv1\nmode:enforce\nmax_age:0\nmx:",
	 NULL},
	{"version:STSv1\nmode:enforce\nmax_age:0\nmx:*.*.example",
	 NULL},
	{"version:STSv1\nmode:enforce\nmax_age:0\nmx:**.example",
	 NULL},
	{"version:STSv1\nmode:enforce\nmax_age:0\nmx:**.example-",
	 NULL},
	{"version:STSv1\nmode:enforce\nmax_age:0\nmx:test.example-",
	 NULL},
	{"version:STSv1\nmode:none\nmax_age:0\next:",
	 NULL},
	{"version:STSv1\nmode:none\nmax_age:0\na12345678901234567890123456789012:123",
	 NULL},
	{"version:STSv1\nmode:none\nmax_age:0\n_bad:test",
	 NULL},
	{"version:STSv1\nmode:none\nmax_age:0\nmx: m\xc3\xb8x.example",
	 NULL},
	{"version:STSv1\nmode:none\nmax_age:1",
	 "none 1 "},
	{"bogus",
	 NULL},
	{"version: STSv1\nmode: enforce\nmax_age: 1\nmx: a.example\nmx: *.b.example\n",
	 "enforce 1 a.example,*.b.example"},
	{"version: STSv1\nmode: enforce\nmx: mx.mox.example.com\nmax_age: 3600\n",
	 "enforce 3600 mx.mox.example.com"},
	{"version: STSv1\nmode: enforce\nmx: *.example.com\nmax_age: 0\n",
	 "enforce 0 *.example.com"},
	{"version:STSv1\nmode:none\nmax_age:0 ",
	 "none 0 "},
	{"version:STSv1\nmode:none\nmax_age:0\next:abc ",
	 "none 0 "},
	{"version:STSv1\nmode:none\nmax_age:0\next:a\t",
	 "none 0 "},
	{"version: STSv1\nmode: none\nmax_age: 31557600\n",
	 "none 31557600 "},
	{"version: STSv1\nmode: none\nmax_age: 31557601\n",
	 "none 31557600 "},
	{"version: STSv1\nmode: none\nmax_age: 2147483648\n",
	 "none 31557600 "},
	{"version: STSv1\nmode: none\nmax_age: 9999999999\n",
	 "none 31557600 "},
	{"version: STSv1\nmode: none\nmax_age: 00000000001\n",
	 NULL},
	{"version: STSv1\nmode: none\nmax_age: -1\n",
	 NULL},
	{"version: STSv1\nmode: none\nmax_age: 1.5\n",
	 NULL},
	{"version: STSv1\nmode: none\nmax_age: 1 2\n",
	 NULL},
	{"mode: none\nmax_age: 1\nversion: STSv1\n",
	 "none 1 "},
	{"version: STSv1\nmode: none\nmx: a.example\nmax_age: 1\n",
	 "none 1 a.example"},
	{"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\nmode: bogus\n",
	 "enforce 86400 a.example"},
	{"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\nmax_age: 5\n",
	 "enforce 86400 a.example"},
	{"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\nversion: STSv2\n",
	 "enforce 86400 a.example"},
	{"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n\n",
	 "enforce 86400 a.example"},
	{"version: STSv1\rmode: none\rmax_age: 1\r",
	 NULL},
	{"version: STSv1\r\nmode: none\r\nmax_age: 1\r\n",
	 "none 1 "},
	{"version : STSv1\nmode: none\nmax_age: 1\n",
	 NULL},
	{"\xef\xbb\xbfversion: STSv1\nmode: none\nmax_age: 1\n",
	 NULL},
	{"version: STSv1\nmode: None\nmax_age: 1\n",
	 NULL},
	{"version: STSv1\nmode: nonesuch\nmax_age: 1\n",
	 NULL},
	{"version: STSv1; mode: none; max_age: 1",
	 NULL},
	{"# c\nversion: STSv1\nmode: none\nmax_age: 1\n",
	 NULL},
	{"version: STSv1\nmode: none\nmax_age: 1\n-x: y\n",
	 NULL},
	{"version: STSv1\nmode: none\nmax_age: 1\nx: \xc3\xa9\xe4\xb8\xad\n",
	 "none 1 "},
	{"version: STSv1\nmode: none\nmax_age: 1\nx: a\x7f" "b\n",
	 NULL},
	{"version: STSv1\nmode: none\nmax_age: 1\nx: a\tb\n",
	 NULL},
	{"<html><body>version: STSv1</body></html>",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: MX1.Example.COM\nmax_age: 86400\n",
	 "enforce 86400 mx1.example.com"},
	{"version: STSv1\nmode: enforce\nmx: mx_1.example\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: *\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: *.com\nmax_age: 86400\n",
	 "enforce 86400 *.com"},
	{"version: STSv1\nmode: enforce\nmx: *a.example\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: localhost\nmax_age: 86400\n",
	 "enforce 86400 localhost"},
	{"version: STSv1\nmode: enforce\nmx: 192.0.2.1\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: -a.example\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: a..example\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: a.example, b.example\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: xn--mx-lka.example\nmax_age: 86400\n",
	 "enforce 86400 xn--mx-lka.example"},
	{"version: STSv1\nmode: enforce\nmx: xn--a.example\nmax_age: 86400\n",
	 "enforce 86400 xn--a.example"},
	{"version: STSv1\nmode: enforce\nmx: ab--cd.example\nmax_age: 86400\n",
	 "enforce 86400 ab--cd.example"},
	{"version: STSv1\nmode: enforce\nmx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example\nmax_age: 86400\n",
	 NULL},
	{"version: STSv1\nmode: enforce\nmx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example\nmax_age: 86400\n",
	 NULL},
	// one odd mx among good ones
	{ENFORCE "mx: a.example\nmx: b_c.example\n", "enforce 9 a.example"},
	{ENFORCE "mx:\nmx: a.example\n", "enforce 9 a.example"},
	{ENFORCE "mx: [192.0.2.1]\nmx: ::1\nmx: 192.0.2.1\nmx: a.example", "enforce 9 a.example"},
	{ENFORCE "mx: 10 a.example\nmx: a.example:25\nmx: b.example", "enforce 9 b.example"},
	{ENFORCE "mx: m\xc3\xb8x.example\nmx: a.example", "enforce 9 a.example"},
	{ENFORCE "mx: a\tb.example\nmx: a.example", "enforce 9 a.example"},
	{ENFORCE "mx: a.example.\nmx: *.b.example.\n", "enforce 9 a.example,*.b.example"},
	{ENFORCE "mx: a.example..\n", NULL},
	{ENFORCE "mx: .\n", NULL},
	{ENFORCE "mx: *.\n", NULL},
	{ENFORCE "mx: .example.com\n", NULL},
	{ENFORCE "mx: a.example\nmx: A.Example.\nmx: a.example", "enforce 9 a.example"},
	{ENFORCE "mx: a.example\nmx: a\x01.example\n", NULL},
	{ENFORCE "mx: 1.a.example", "enforce 9 1.a.example"},
	{ENFORCE "mx: " L60 "." L60 "." L60 "." L60 ".aaaaaaaaa", "enforce 9 " L60 "." L60 "." L60 "." L60 ".aaaaaaaaa"},
	{ENFORCE "mx: " L60 "." L60 "." L60 "." L60 ".aaaaaaaaaa", NULL},
	{ENFORCE "mx: *." L60 "." L60 "." L60 "." L60 ".aaaaaaa", "enforce 9 *." L60 "." L60 "." L60 "." L60 ".aaaaaaa"},
	{ENFORCE "mx: *." L60 "." L60 "." L60 "." L60 ".aaaaaaaa", NULL},
	// blank lines
	{NONE "\n \r\n\t\n", "none 1 "},
	{NONE "\nx: y\n", NULL},
	{"\n" NONE, NULL},
	{"\n", NULL},
	{" " NONE, NULL},
	{NONE " x: y\n", NULL},
	// lone carriage returns
	{NONE "x: y\r", NULL},
	{NONE "x: y\r\r\n", NULL},
	{NONE "x: y\rz: a\n", NULL},
	{NONE "\r", NULL},
	// duplicates need only the shape of a field
	{NONE "mode: \n", NULL},
	{NONE "max_age:\n", NULL},
	{NONE "version: one two\n", "none 1 "},
	{"version: STSv1\nmode: bogus\nmode: none\nmax_age: 1\n", NULL},
	{"version: STSv1\nmode: testing\nmode: enforce\nmax_age: 1\nmx: a.example\n", "testing 1 a.example"},
	// words
	{"version: stsv1\nmode: none\nmax_age: 1\n", NULL},
	{"Version: STSv1\nmode: none\nmax_age: 1\n", NULL},
	{"version: STSv1\nmode: [testing]\nmax_age: 1\nmx: a.example\n", NULL},
	{"version: STSv1\nmode: \"enforce\"\nmax_age: 1\nmx: a.example\n", NULL},
	{"version: STSv1\nmode: none\nmax_age: 18446744073709551616\n", NULL},
	{"version: STSv1\nmode: none\nmax_age: 86400s\n", NULL},
	{"version: STSv1\nmode: none\nmax_age: 1d\n", NULL},
	{"version: STSv1\nmode: none\nmax_age: 0000086400\n", "none 86400 "},
	{"version: STSv1\nmode: none\nmax_age: 0000000000\n", "none 0 "},
	// other fields
	{NONE "foo:\n", NULL},
	{NONE "foo bar\n", NULL},
	{NONE "a\n", NULL},
	{NONE ": x\n", NULL},
	{NONE "a2345678901234567890123456789012: x\n", "none 1 "},
	{NONE "x-report: hello: world\n", "none 1 "},
	{NONE "x: caf\xc3\xa9 \xf0\x9f\x93\xa7\n", "none 1 "},
	{NONE "x: caf\xe9\n", NULL},
	{NONE "x: \xc0\xaf\n", NULL},
	{NONE "x: \xed\xa0\x80\n", NULL},
	{NONE "x: \xf4\x90\x80\x80\n", NULL},
	{NONE "x: \xe2\x82\n", NULL},
	{"This website does not provide email services\n", NULL},
	{"{\"version\":\"STSv1\"}", NULL},
};

// The word for a fault.
static const struct {
	const char *text;
	const char *fault;
} faults[] = {
	{"", "empty"},
	{"x", "field-syntax"},
	{"mode: none\nmax_age: 1\n", "no-version"},
	{"version: STSv1\nmax_age: 1\n", "no-mode"},
	{"version: STSv1\nmode: none\n", "no-max-age"},
	{ENFORCE, "no-mx"},
	{ENFORCE "mx: *\n", "no-mx"},
	{NONE "mx: *\n", "no-mx"},
	{"version: STSv2\n", "version"},
	{"mode: some\n", "mode"},
	{"max_age: -1\n", "max-age"},
	{"version: STSv1\n\nmode: none\nmax_age: 1\n", "blank-line"},
};
// clang-format on

static bool parse(const char *text, size_t len, struct policy *p, const char **fault) {
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	uint8_t mended;
	bool good = polparse((const uint8_t *)text, len, mx, p, fault, &mended);
	assert_true(good == (*fault == NULL));
	if (good) {
		assert_true(policy_mx_valid(p));
	}
	return good;
}

static void summary(const struct policy *p, char *out, size_t cap) {
	int len = snprintf(out, cap, "%s %u ", policy_mode_str(p->mode), p->max_age_s);
	const uint8_t *at = p->mx;
	for (uint16_t i = 0; i < p->mx_count; i++) {
		size_t mx_len;
		const char *mx = policy_mx_next(p, &at, &mx_len);
		const char *comma = i > 0 ? "," : "";
		len += snprintf(out + len, cap - (size_t)len, "%s%.*s", comma, (int)mx_len, mx);
	}
}

static void every_body_has_its_verdict(void ** /*state*/) {
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct policy p;
		const char *fault;
		char got[1024] = "refused";
		if (parse(bodies[i].text, strlen(bodies[i].text), &p, &fault)) {
			summary(&p, got, sizeof(got));
		}
		const char *want = bodies[i].expected != NULL ? bodies[i].expected : "refused";
		if (strcmp(got, want) != 0) {
			fail_msg("%s\n-> %s, not %s", bodies[i].text, got, want);
		}
	}
}

static void every_fault_has_its_word(void ** /*state*/) {
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct policy p;
		const char *fault;
		assert_false(parse(faults[i].text, strlen(faults[i].text), &p, &fault));
		assert_string_equal(fault, faults[i].fault);
	}
}

static void mends_are_told(void ** /*state*/) {
	static uint8_t mx[POLPARSE_MX_BYTES_MAX];
	static const struct {
		const char *text;
		uint8_t mended;
	} cases[] = {
		{NONE, 0},
		{ENFORCE "mx: a.example\nmx: *\n", POLPARSE_MX_DROPPED},
		{ENFORCE "mx: a.example.\n", POLPARSE_MX_DOTTED},
		{"version: STSv1\nmode: none\nmax_age: 31557601\n", POLPARSE_MAX_AGE_CLAMPED},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct policy p;
		const char *fault;
		uint8_t mended;
		const uint8_t *text = (const uint8_t *)cases[i].text;
		assert_true(polparse(text, strlen(cases[i].text), mx, &p, &fault, &mended));
		assert_int_equal(mended, cases[i].mended);
	}
}

static void nul_is_refused(void ** /*state*/) {
	struct policy p;
	const char *fault;
	static const char inside[] = "version: STSv1\nmode: none\0\nmax_age: 1\n";
	assert_false(parse(inside, sizeof(inside) - 1, &p, &fault));
	static const char behind[] = NONE "\0garbage";
	assert_false(parse(behind, sizeof(behind) - 1, &p, &fault));
	static const char in_mx[] = ENFORCE "mx: a.example\0\nmx: b.example";
	assert_false(parse(in_mx, sizeof(in_mx) - 1, &p, &fault));
}

// n different patterns of the greatest length, the whole list `repeat` times.
static char *many_mx(unsigned n, unsigned repeat) {
	static char text[2 * POLICY_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "%s", ENFORCE);
	for (unsigned i = 0; i < n * repeat; i++) {
		len += snprintf(
			text + len,
			sizeof(text) - (size_t)len,
			"mx: m%03u." L60 "." L60 "." L60 "." L60 ".aaaa\n",
			i % n
		);
	}
	return text;
}

static void count_of_mx_is_bounded(void ** /*state*/) {
	struct policy p;
	const char *fault;
	const char *text = many_mx(POLICY_MX_COUNT_MAX, 1);
	assert_true(parse(text, strlen(text), &p, &fault));
	assert_int_equal(p.mx_count, POLICY_MX_COUNT_MAX);
	assert_int_equal(p.mx_bytes, POLICY_MX_COUNT_MAX * 254);
	text = many_mx(POLICY_MX_COUNT_MAX, 2);
	assert_true(parse(text, strlen(text), &p, &fault));
	assert_int_equal(p.mx_count, POLICY_MX_COUNT_MAX);
	text = many_mx(POLICY_MX_COUNT_MAX + 1, 1);
	assert_false(parse(text, strlen(text), &p, &fault));
	assert_string_equal(fault, "too-many-mx");
}

static void long_lines_are_no_trouble(void ** /*state*/) {
	static char text[POLICY_TEXT_MAX];
	struct policy p;
	const char *fault;
	memset(text, 'a', sizeof(text));
	assert_false(parse(text, sizeof(text), &p, &fault));
	memcpy(text, NONE "x: ", sizeof(NONE "x: ") - 1);
	assert_true(parse(text, sizeof(text), &p, &fault));
}

// Each prefix of a body, the octet behind it unmapped.
static void prefixes_stay_inside(void ** /*state*/) {
	static const char full[] = "version: STSv1 \r\nmode: enforce\nmx: *.a.example.\n"
				   "max_age: 31557601\nx: caf\xc3\xa9 \xf0\x9f\x93\xa7\n\n";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *map = mmap(
		NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
	);
	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	for (size_t len = 0; len < sizeof(full); len++) {
		char *at = map + page - len;
		memcpy(at, full, len);
		struct policy p;
		const char *fault;
		(void)parse(at, len, &p, &fault);
	}
	munmap(map, 2 * page);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_body_has_its_verdict),
		cmocka_unit_test(every_fault_has_its_word),
		cmocka_unit_test(mends_are_told),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(count_of_mx_is_bounded),
		cmocka_unit_test(long_lines_are_no_trouble),
		cmocka_unit_test(prefixes_stay_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
