// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/polparse.h"
#include "tests/edge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NONE "version: STSv1\nmode: none\nmax_age: 1\n"
#define ENFORCE "version: STSv1\nmode: enforce\nmax_age: 9\n"
#define L60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// clang-format off
// Each decision of the grammar, with the section it is made for (of RFC 8461
// where no other is named), and "mode max_age mx,..." of the accepted bodies.
// More cases: tests/vectors/policy.json.
static const struct {
	const char *section;
	const char *text;
	const char *expected;
} decisions[] = {
	{"3.2", "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmx: backupmx.example.com\nmax_age: 604800\n", "enforce 604800 mail.example.com,*.example.net,backupmx.example.com"},
	// Lines end with LF or CRLF, the last one may go without.
	{"3.2", "version:STSv1\r\nmode:\tenforce\nmx:  \t *.example.com \r\nmax_age: 1\t", "enforce 1 *.example.com"},
	{"3.2", "mode: none\nmax_age: 1\nversion: STSv1", "none 1 "},
	// CR alone ends nothing; NUL and a byte order mark are no text.
	{"3.2", "version: STSv1\rmode: none\rmax_age: 1\r", NULL},
	{"3.2", NONE "x: y\r", NULL},
	{"3.2", NONE "x: y\r\r\n", NULL},
	{"3.2", NONE "\r", NULL},
	{"3.2", ENFORCE "mx: a.example\rmx: b.example\n", NULL},
	{"3.2", "\xef\xbb\xbf" NONE, NULL},
	// Blank lines: at the end accepted, elsewhere refused.
	{"3.2", NONE "\n", "none 1 "},
	{"3.2", NONE "\n \r\n\t\n ", "none 1 "},
	{"3.2", NONE "\nx: y\n", NULL},
	{"3.2", "version: STSv1\n \nmode: none\nmax_age: 1\n", NULL},
	{"3.2", "\n" NONE, NULL},
	{"3.2", "\n", NULL},
	// The first of duplicate fields wins. It must be good; later ones need only
	// be shaped like a field.
	{"3.2, last paragraph", "version: STSv1\nmode: testing\nmode: enforce\nmax_age: 1\nmx: a.example\n", "testing 1 a.example"},
	{"3.2, last paragraph", NONE "max_age: 5\n", "none 1 "},
	{"3.2, last paragraph", NONE "mode: bogus\nversion: STSv2\nmax_age: -1\n", "none 1 "},
	{"3.2, last paragraph", NONE "version: one two\n", "none 1 "},
	{"3.2, last paragraph", NONE "mode: \n", NULL},
	{"3.2, last paragraph", NONE "max_age: a\tb\n", NULL},
	{"3.2, last paragraph", "version: STSv1\nmode: bogus\nmode: none\nmax_age: 1\n", NULL},
	// max_age: one to ten digits, clamped; zero is good.
	{"3.2", "version: STSv1\nmode: none\nmax_age: 31557600\n", "none 31557600 "},
	{"3.2, erratum 7282", "version: STSv1\nmode: none\nmax_age: 31557601\n", "none 31557600 "},
	{"3.2, erratum 7282", "version: STSv1\nmode: none\nmax_age: 4294967296\n", "none 31557600 "},
	{"3.2, erratum 7282", "version: STSv1\nmode: none\nmax_age: 9999999999\n", "none 31557600 "},
	{"3.2", "version: STSv1\nmode: none\nmax_age: 0000086400\n", "none 86400 "},
	{"3.2", "version: STSv1\nmode: none\nmax_age: 00000086400\n", NULL},
	{"3.2", "version: STSv1\nmode: none\nmax_age: 0\n", "none 0 "},
	{"3.2", "version: STSv1\nmode: none\nmax_age: -1\n", NULL},
	{"3.2", "version: STSv1\nmode: none\nmax_age:\n", NULL},
	// version and mode are words whose case counts.
	{"3.2", "version: stsv1\nmode: none\nmax_age: 1\n", NULL},
	{"3.2", "version: STSv1\nmode: None\nmax_age: 1\n", NULL},
	{"3.2", "Version: STSv1\nmode: none\nmax_age: 1\n", NULL},
	// mx: needed unless the mode is none.
	{"3.2", NONE "mx: a.example\n", "none 1 a.example"},
	{"3.2", ENFORCE, NULL},
	{"3.2", "version: STSv1\nmode: testing\nmax_age: 1\n", NULL},
	// One malformed mx among good ones is dropped; none left is a fault.
	{"3.2", ENFORCE "mx: a.example\nmx: b_c.example\n", "enforce 9 a.example"},
	{"3.2", ENFORCE "mx:\nmx: a.example\n", "enforce 9 a.example"},
	{"3.2", ENFORCE "mx: a\tb.example\nmx: a.example", "enforce 9 a.example"},
	{"3.2", ENFORCE "mx: m\xc3\xb8x.example\nmx: a.example", "enforce 9 a.example"},
	{"3.2", ENFORCE "mx: b_c.example\n", NULL},
	{"3.2", NONE "mx: b_c.example\n", NULL},
	{"3.2", ENFORCE "mx: a.example\nmx: a\x01.example\n", NULL},
	{"3.4", ENFORCE "mx: [192.0.2.1]\nmx: ::1\nmx: 192.0.2.1\nmx: a.example", "enforce 9 a.example"},
	// The wildcard is a whole label, the first one.
	{"4.1", ENFORCE "mx: *.com", "enforce 9 *.com"},
	{"4.1", ENFORCE "mx: *", NULL},
	{"4.1", ENFORCE "mx: *.", NULL},
	{"4.1", ENFORCE "mx: *a.example", NULL},
	{"4.1", ENFORCE "mx: *.*.example", NULL},
	{"4.1", ENFORCE "mx: a.*.example", NULL},
	// A trailing dot is dropped, one.
	{"RFC 5321 2.3.5", ENFORCE "mx: a.example.\nmx: *.b.example.\n", "enforce 9 a.example,*.b.example"},
	{"RFC 5321 2.3.5", ENFORCE "mx: a.example..\n", NULL},
	// LDH labels; those that begin xn-- are opaque.
	{"RFC 5321 4.1.2", ENFORCE "mx: MX1.Example.COM", "enforce 9 mx1.example.com"},
	{"RFC 5321 4.1.2", ENFORCE "mx: localhost", "enforce 9 localhost"},
	{"RFC 5321 4.1.2", ENFORCE "mx: 1.ab--cd.example", "enforce 9 1.ab--cd.example"},
	{"RFC 5321 4.1.2", ENFORCE "mx: -a.example", NULL},
	{"RFC 5321 4.1.2", ENFORCE "mx: a..example", NULL},
	{"RFC 5890 2.3.1", ENFORCE "mx: xn--mx-lka.example\nmx: xn--a.example", "enforce 9 xn--mx-lka.example,xn--a.example"},
	// Labels of up to 63 octets, names of up to 253 with the wildcard.
	{"RFC 1035 2.3.4", ENFORCE "mx: aaa" L60 ".example", "enforce 9 aaa" L60 ".example"},
	{"RFC 1035 2.3.4", ENFORCE "mx: aaaa" L60 ".example", NULL},
	{"RFC 1035 2.3.4", ENFORCE "mx: " L60 "." L60 "." L60 "." L60 ".aaaaaaaaa", "enforce 9 " L60 "." L60 "." L60 "." L60 ".aaaaaaaaa"},
	{"RFC 1035 2.3.4", ENFORCE "mx: " L60 "." L60 "." L60 "." L60 ".aaaaaaaaaa", NULL},
	{"RFC 1035 2.3.4", ENFORCE "mx: *." L60 "." L60 "." L60 "." L60 ".aaaaaaa", "enforce 9 *." L60 "." L60 "." L60 "." L60 ".aaaaaaa"},
	{"RFC 1035 2.3.4", ENFORCE "mx: *." L60 "." L60 "." L60 "." L60 ".aaaaaaaa", NULL},
	// A pattern counts once.
	{"3.2", ENFORCE "mx: a.example\nmx: A.Example.\nmx: a.example", "enforce 9 a.example"},
	// Fields nobody knows are passed over: names of up to 32 octets,
	{"3.2", NONE "a2345678901234567890123456789012: x\n", "none 1 "},
	{"3.2", NONE "a23456789012345678901234567890123: x\n", NULL},
	{"3.2", NONE "-x: y\n", NULL},
	{"3.2", NONE "x : y\n", NULL},
	{"3.2", NONE " x: y\n", NULL},
	{"3.2", NONE "foo bar\n", NULL},
	// and values of visible characters, UTF-8 among them.
	{"3.2", NONE "x-report: hello: world\n", "none 1 "},
	{"3.2", NONE "foo:\n", NULL},
	{"3.2", NONE "x: a\tb\n", NULL},
	{"3.2", NONE "x: a\x7f" "b\n", NULL},
	{"RFC 3629 4", NONE "x: caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x93\xa7\n", "none 1 "},
	{"RFC 3629 4", NONE "x: caf\xe9\n", NULL},
	{"RFC 3629 4", NONE "x: \xc0\xaf\n", NULL},
	{"RFC 3629 4", NONE "x: \xed\xa0\x80\n", NULL},
	{"RFC 3629 4", NONE "x: \xf4\x90\x80\x80\n", NULL},
	{"RFC 3629 4", NONE "x: \xe2\x82\n", NULL},
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

static void every_decision_is_made(void ** /*state*/) {
	for (size_t i = 0; i < COUNT(decisions); i++) {
		struct policy p;
		const char *fault;
		char got[1024] = "refused";
		if (parse(decisions[i].text, strlen(decisions[i].text), &p, &fault)) {
			summary(&p, got, sizeof(got));
		}
		const char *want = decisions[i].expected != NULL ? decisions[i].expected
								 : "refused";
		if (strcmp(got, want) != 0) {
			fail_msg(
				"%s: %s\n-> %s, not %s",
				decisions[i].section,
				decisions[i].text,
				got,
				want
			);
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

static void read_body(void * /*arg*/, const uint8_t *at, size_t len) {
	struct policy p;
	const char *fault;
	(void)parse((const char *)at, len, &p, &fault);
}

static void nothing_is_read_behind_the_end(void ** /*state*/) {
	static const char full[] = "version: STSv1 \r\nmode: enforce\nmx: *.a.example.\n"
				   "max_age: 31557601\nx: caf\xc3\xa9 \xf0\x9f\x93\xa7\n\n";
	edge_try(full, sizeof(full) - 1, read_body, NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_decision_is_made),
		cmocka_unit_test(every_fault_has_its_word),
		cmocka_unit_test(mends_are_told),
		cmocka_unit_test(nul_is_refused),
		cmocka_unit_test(count_of_mx_is_bounded),
		cmocka_unit_test(long_lines_are_no_trouble),
		cmocka_unit_test(nothing_is_read_behind_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
