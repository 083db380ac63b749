// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/vet.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct address address(const char *text) {
	struct address a = {.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};
	assert_int_equal(inet_pton(a.family, text, a.octets), 1);
	return a;
}

// clang-format off
static const struct {
	const char *text;
	bool allowed;
} addresses[] = {
	{"0.0.0.0", false}, {"0.1.2.3", false}, {"1.0.0.0", true},
	{"9.255.255.255", true}, {"10.0.0.0", false}, {"10.255.255.255", false}, {"11.0.0.0", true},
	{"100.63.255.255", true}, {"100.64.0.0", false}, {"100.100.100.200", false}, {"100.127.255.255", false},
	{"100.128.0.0", true}, {"126.255.255.255", true}, {"127.0.0.1", false}, {"127.255.255.255", false},
	{"128.0.0.1", true}, {"168.63.129.16", false}, {"168.63.129.17", true},
	{"169.253.255.255", true}, {"169.254.0.1", false}, {"169.254.169.254", false}, {"169.255.0.0", true},
	{"172.15.255.255", true}, {"172.16.0.0", false}, {"172.31.255.255", false}, {"172.32.0.0", true},
	{"192.0.0.1", false}, {"192.0.0.192", false}, {"192.0.1.0", true}, {"192.0.2.1", false}, {"192.0.3.0", true},
	{"192.88.99.1", false}, {"192.167.255.255", true}, {"192.168.0.1", false}, {"192.169.0.0", true},
	{"198.17.255.255", true}, {"198.18.0.0", false}, {"198.19.255.255", false}, {"198.20.0.0", true},
	{"198.51.100.1", false}, {"203.0.113.1", false}, {"203.0.114.1", true}, {"223.255.255.255", true},
	{"224.0.0.1", false}, {"239.255.255.255", false}, {"240.0.0.1", false}, {"255.255.255.255", false},
	{"8.8.8.8", true},
	{"::", false}, {"::1", false}, {"::8.8.8.8", false}, {"100::1", false},
	{"::ffff:127.0.0.1", false}, {"::ffff:169.254.169.254", false}, {"::ffff:8.8.8.8", true},
	{"::ffff:0:8.8.8.8", false},
	{"64:ff9b::10.0.0.1", false}, {"64:ff9b::8.8.8.8", true}, {"64:ff9b:1::8.8.8.8", false},
	{"2002:a00:1::1", false}, {"2002:7f00:1::", false}, {"2002:808:808::1", true},
	{"2001::1", false}, {"2001:0:808:808::1", false}, {"2001:2::1", false}, {"2001:10::1", false},
	{"2001:20::1", false}, {"2001:1ff:ffff::1", false}, {"2001:200::1", true},
	{"2001:db8::1", false}, {"2001:db9::1", true}, {"2606:4700::1111", true}, {"2a00::1", true},
	{"3fff::1", false}, {"3fff:1000::1", true}, {"4000::1", false}, {"5f00::1", false},
	{"fc00::1", false}, {"fd00:ec2::254", false}, {"fe80::1", false}, {"fec0::1", false}, {"ff02::1", false},
};
// clang-format on

static void every_address_has_its_verdict(void ** /*state*/) {
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct address a = address(addresses[i].text);
		if (vet_address(&a, NULL, 0) != addresses[i].allowed) {
			fail_msg("%s", addresses[i].text);
		}
	}
}

static void other_families_are_refused(void ** /*state*/) {
	struct address a = address("8.8.8.8");
	a.family = AF_UNIX;
	struct prefix all = {a, 0};
	assert_false(vet_address(&a, &all, 1));
}

static void prefixes_make_exceptions(void ** /*state*/) {
	const struct prefix allow[] = {
		{address("127.0.0.2"), 32},
		{address("10.9.0.0"), 17},
		{address("fd00:1::"), 32},
	};
	static const struct {
		const char *text;
		bool allowed;
	} verdicts[] = {
		{"127.0.0.2", true},
		{"127.0.0.3", false},
		{"10.9.0.1", true},
		{"10.9.127.255", true},
		{"10.9.128.0", false},
		{"::ffff:10.9.0.1", true},
		{"::ffff:10.9.128.1", false},
		{"fd00:1:2::3", true},
		{"fd00:2::1", false},
	};
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		struct address a = address(verdicts[i].text);
		assert_true(vet_address(&a, allow, COUNT(allow)) == verdicts[i].allowed);
	}
}

static void prefixes_have_edges(void ** /*state*/) {
	struct address a = address("192.0.2.1");
	struct prefix p = {address("0.0.0.0"), 0};
	assert_true(vet_in_prefix(&a, &p));
	p = (struct prefix){a, 32};
	assert_true(vet_in_prefix(&a, &p));
	p.bits = 33;
	assert_false(vet_in_prefix(&a, &p));
	p = (struct prefix){address("::"), 0};
	assert_false(vet_in_prefix(&a, &p));
	a = address("2001:db8::1");
	assert_true(vet_in_prefix(&a, &p));
	p = (struct prefix){a, 128};
	assert_true(vet_in_prefix(&a, &p));
	p.bits = 129;
	assert_false(vet_in_prefix(&a, &p));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_has_its_verdict),
		cmocka_unit_test(other_families_are_refused),
		cmocka_unit_test(prefixes_make_exceptions),
		cmocka_unit_test(prefixes_have_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
