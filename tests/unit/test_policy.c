// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define L63 "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaa"
#define L61 "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaaba"
#define L59 "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaa"

// Patterns parted by blanks, as a policy over `mx`.
static struct policy policy_of(const char *list, uint8_t *mx) {
	struct policy p = {.mode = POLICY_MODE_ENFORCE, .mx = mx};
	while (*list != '\0') {
		size_t len = strcspn(list, " ");
		mx[p.mx_bytes] = (uint8_t)len;
		memcpy(mx + p.mx_bytes + 1, list, len);
		p.mx_bytes += (uint32_t)len + 1;
		p.mx_count++;
		list += len + (list[len] == ' ' ? 1 : 0);
	}
	return p;
}

// Each decision of matching an MX host, with its section (of RFC 8461 where no
// other is named). More cases: tests/vectors/match.json.
static const struct {
	const char *section;
	const char *list;
	const char *host;
	bool match;
} matches[] = {
	// Equal, without regard to case; a trailing dot of the host does not count.
	{"4.1", "mx.example.com", "mx.example.com", true},
	{"4.1", "mx.example.com", "mx.example.co", false},
	{"4.1", "mx.example.com", "amx.example.com", false},
	{"4.1", "mx.example.com", "a.mx.example.com", false},
	{"4.1", "mx", "mx", true},
	{"RFC 6125 6.4.1", "mx.example.com", "MX.Example.COM", true},
	{"RFC 6125 6.4.2", "xn--mx-lka.example", "XN--MX-LKA.example", true},
	{"RFC 5321 2.3.5", "mx.example.com", "mx.example.com.", true},
	{"RFC 5321 2.3.5", "mx.example.com", "mx.example.com..", false},
	// The wildcard is exactly one label, whatever it is made of.
	{"4.1", "*.example.com", "mail.example.com", true},
	{"4.1", "*.example.com", "example.com", false},
	{"4.1", "*.example.com", "foo.bar.example.com", false},
	{"4.1", "*.example.com", ".example.com", false},
	{"4.1", "*.example.com", "mxexample.com", false},
	{"4.1", "*.com", "example.com", true},
	{"RFC 6125 6.4.3", "*.example.com", "MX.EXAMPLE.COM.", true},
	{"RFC 6125 6.4.3", "*.example.com", "my_mx.example.com", true},
	{"RFC 6125 6.4.3", "*.example.com", "xn--mx-lka.example.com", true},
	// One pattern of the list is enough; no pattern matches nothing.
	{"4.1", "a.example b.example *.c.example", "b.example", true},
	{"4.1", "a.example b.example *.c.example", "x.c.example", true},
	{"4.1", "a.example b.example *.c.example", "c.example", false},
	{"4.1", "mx", "", false},
	{"4.1", "mx", ".", false},
	{"4.1", "", "mx.example", false},
};

static void hosts_match_patterns(void ** /*state*/) {
	uint8_t mx[512];
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		struct policy p = policy_of(matches[i].list, mx);
		const char *host = matches[i].host;
		if (policy_match_mx(&p, host, strlen(host)) != matches[i].match) {
			fail_msg(
				"%s: \"%s\" against \"%s\"",
				matches[i].section,
				host,
				matches[i].list
			);
		}
	}
}

static const struct {
	const char *list;
	bool valid;
} lists[] = {
	{"", true},
	{"mx", true},
	{"mx.example.com", true},
	{"*.example.com", true},
	{"a.example *.b.example c.example", true},
	{"xn--nxasmq6b.example", true},
	{"192.0.2.1", true}, // a host by shape
	{L63 "." L63 "." L63 "." L61, true},
	{L63 "." L63 "." L63 "." L63, false},
	{"*." L63 "." L63 "." L63 "." L59, true},
	{"*." L63 "." L63 "." L63 "." L61, false},
	{L63 "a.example", false},
	{"MX.example", false},
	{"mx.example.", false},
	{"*.", false},
	{"*", false},
	{"**.example", false},
	{"a.*.example", false},
	{"*.*.example", false},
	{"*a.example", false},
	{".example.com", false},
	{"a..example", false},
	{"-a.example", false},
	{"a_b.example", false},
	{"a.example b_c.example", false},
};

static void lists_are_checked(void ** /*state*/) {
	uint8_t mx[512];
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct policy p = policy_of(lists[i].list, mx);
		if (policy_mx_valid(&p) != lists[i].valid) {
			fail_msg("%s", lists[i].list);
		}
	}
}

static void count_and_octets_must_agree(void ** /*state*/) {
	uint8_t mx[512];
	struct policy p = policy_of("a.example *.b.example", mx);
	p.mx_count++;
	assert_false(policy_mx_valid(&p));
	p.mx_count -= 2;
	assert_false(policy_mx_valid(&p));
	p.mx_count++;
	// Every cut but the whole: exact allocations, so that a sanitizer sees a
	// read beyond the end.
	for (uint32_t cut = 0; cut < p.mx_bytes; cut++) {
		uint8_t *copy = malloc(cut + (cut == 0));
		assert_non_null(copy);
		memcpy(copy, mx, cut);
		struct policy q = p;
		q.mx = copy;
		q.mx_bytes = cut;
		assert_false(policy_mx_valid(&q));
		assert_false(policy_match_mx(&q, "x.b.example", 11));
		free(copy);
	}
	mx[0] = 0;
	assert_false(policy_mx_valid(&p));
	mx[0] = 255;
	assert_false(policy_mx_valid(&p));
}

static void at_most_128_patterns(void ** /*state*/) {
	uint8_t mx[2 * (POLICY_MX_COUNT_MAX + 1)];
	for (size_t i = 0; i < sizeof(mx); i += 2) {
		mx[i] = 1;
		mx[i + 1] = 'a';
	}
	struct policy p = {.mx = mx, .mx_count = 128, .mx_bytes = 256};
	assert_true(policy_mx_valid(&p));
	p.mx_count++;
	p.mx_bytes += 2;
	assert_false(policy_mx_valid(&p));
}

static void walks_in_order(void ** /*state*/) {
	uint8_t mx[512];
	struct policy p = policy_of("a.example *.b.example", mx);
	const uint8_t *at = p.mx;
	size_t len;
	assert_memory_equal(policy_mx_next(&p, &at, &len), "a.example", 9);
	assert_int_equal(len, 9);
	assert_memory_equal(policy_mx_next(&p, &at, &len), "*.b.example", 11);
	assert_int_equal(len, 11);
	assert_null(policy_mx_next(&p, &at, &len));
	assert_null(policy_mx_next(&p, &at, &len));
}

static void modes(void ** /*state*/) {
	static const char *const words[] = {"none", "testing", "enforce"};
	for (enum policy_mode m = POLICY_MODE_NONE; m <= POLICY_MODE_ENFORCE; m++) {
		enum policy_mode got;
		assert_string_equal(policy_mode_str(m), words[m]);
		assert_true(policy_mode_parse(words[m], strlen(words[m]), &got));
		assert_int_equal(got, m);
	}
	enum policy_mode got;
	assert_false(policy_mode_parse("Enforce", 7, &got));
	assert_false(policy_mode_parse("enforc", 6, &got));
	assert_false(policy_mode_parse("enforced", 8, &got));
	assert_false(policy_mode_parse("", 0, &got));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_match_patterns),
		cmocka_unit_test(lists_are_checked),
		cmocka_unit_test(count_and_octets_must_agree),
		cmocka_unit_test(at_most_128_patterns),
		cmocka_unit_test(walks_in_order),
		cmocka_unit_test(modes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
