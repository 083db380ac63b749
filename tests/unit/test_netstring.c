// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/netstring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX 100

// The text stands right before a page that cannot be read.
static enum netstring_verdict read_at_edge(const char *text, size_t len, struct netstring *out) {
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(
		NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
	);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	uint8_t *at = map + page - len;
	memcpy(at, text, len);
	enum netstring_verdict v = netstring_read(at, len, MAX, out);
	if (v == NETSTRING_WHOLE) {
		out->at = (const uint8_t *)text + (out->at - at);
	}
	munmap(map, 2 * page);
	return v;
}

static void whole(void ** /*state*/) {
	static const struct {
		const char *text;
		const char *content;
		size_t taken;
	} CASES[] = {
		{"0:,", "", 3},
		{"3:abc,", "abc", 6},
		{"19:postfix example.com,", "postfix example.com", 23},
		{"19:postfix example.com,3:a", "postfix example.com", 23},
		{"3:,,,,9", ",,,", 6},
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const char *text = CASES[i].text;
		struct netstring n;
		assert_int_equal(read_at_edge(text, strlen(text), &n), NETSTRING_WHOLE);
		assert_int_equal(n.taken, CASES[i].taken);
		assert_int_equal(n.len, strlen(CASES[i].content));
		assert_memory_equal(n.at, CASES[i].content, n.len);
		// Every shorter piece of it is not whole yet.
		for (size_t len = 0; len < CASES[i].taken; len++) {
			assert_int_equal(read_at_edge(text, len, &n), NETSTRING_MORE);
		}
	}
}

static void bad(void ** /*state*/) {
	static const char *const CASES[] = {
		":,",	      // no length
		"a",	      // no digit
		"-1:",	      //
		" 3:abc,",    //
		"03:abc,",    // leading zero
		"00:,",	      //
		"3 :abc,",    //
		"3;abc,",     //
		"3:abc;",     // no comma at the end
		"3:abcd",     //
		"0:x",	      //
		"101",	      // longer than allowed: known from the digits alone
		"9999999999", //
		"18446744073709551619:abc,",
		"GET / HTTP/1.1\r\n",
		"\x16\x03\x01", // TLS
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct netstring n;
		assert_int_equal(read_at_edge(CASES[i], strlen(CASES[i]), &n), NETSTRING_BAD);
	}
}

static void longest(void ** /*state*/) {
	char text[4 + MAX + 1];
	struct netstring n;
	memset(text, 'x', sizeof(text));
	memcpy(text, "100:", 4);
	text[4 + MAX] = ',';
	assert_int_equal(read_at_edge(text, sizeof(text), &n), NETSTRING_WHOLE);
	assert_int_equal(n.len, MAX);
	assert_int_equal(n.taken, sizeof(text));
}

static void framed(void ** /*state*/) {
	static const size_t LENGTHS[] = {0, 1, 9, 10, 99, 100, 9999, 100000, 999999};
	uint8_t *buf = malloc(NETSTRING_HEAD_MAX + 1000000);
	assert_non_null(buf);
	for (size_t i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
		size_t len;
		struct netstring n;
		memset(buf + NETSTRING_HEAD_MAX, 'y', LENGTHS[i]);
		const uint8_t *at = netstring_frame(buf, LENGTHS[i], &len);
		assert_int_equal(netstring_read(at, len, 999999, &n), NETSTRING_WHOLE);
		assert_int_equal(n.len, LENGTHS[i]);
		assert_int_equal(n.taken, len);
		assert_ptr_equal(n.at, buf + NETSTRING_HEAD_MAX);
	}
	free(buf);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(bad),
		cmocka_unit_test(longest),
		cmocka_unit_test(framed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
