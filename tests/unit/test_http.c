// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/http.h"
#include "tests/edge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define TYPE "Content-Type: text/plain\r\n"
#define CHUNKED OK TYPE "Transfer-Encoding: chunked\r\n\r\n"

enum ending { OPEN, ORDERLY, CUT };

struct response {
	const char *octets;
	size_t len;
	enum ending ending;
	enum http_state state;
	enum outcome_code outcome;
	const char *text; // the body, or the detail
};

#define S(text) text, sizeof(text) - 1

// clang-format off
static const struct response RESPONSES[] = {
	// bodies
	{S(OK TYPE "Content-Length: 2\r\n\r\nhi"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S(OK TYPE "Content-Length: 2\r\n\r\nhi, more"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S(OK TYPE "Content-Length: 0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, ""},
	{S(OK TYPE "Content-Length:2\t \r\nContent-Length: 2\r\n\r\nhi"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S(OK TYPE "Content-Length: 5\r\n\r\nhi"), ORDERLY, HTTP_FAILED, OUTCOME_HTTP_TRUNCATED, ""},
	{S(OK TYPE "Content-Length: 5\r\n\r\nhi"), CUT, HTTP_FAILED, OUTCOME_HTTP_TRUNCATED, ""},
	{S(OK TYPE "\r\nhi"), OPEN, HTTP_MORE, OUTCOME_OK, ""},
	{S(OK TYPE "\r\nhi"), ORDERLY, HTTP_DONE, OUTCOME_OK, "hi"},
	{S(OK TYPE "\r\nhi"), CUT, HTTP_FAILED, OUTCOME_HTTP_TRUNCATED, ""},
	{S("HTTP/1.0 200 OK\r\n" TYPE "\r\nhi"), ORDERLY, HTTP_DONE, OUTCOME_OK, "hi"},
	{S(OK TYPE), ORDERLY, HTTP_FAILED, OUTCOME_HTTP_TRUNCATED, ""},
	{S(""), ORDERLY, HTTP_FAILED, OUTCOME_HTTP_TRUNCATED, ""},
	{S("HTTP/1.1 200\r\n" TYPE "Content-Length: 2\r\n\r\nhi"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S("HTTP/1.1 200 \r\n" TYPE "Content-Length: 2\r\n\r\nhi"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 2\n\nhi"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	// interim responses
	{S("HTTP/1.1 100 Continue\r\nContent-Length: 99\r\n\r\n" OK TYPE "Content-Length: 2\r\n\r\nhi"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "interim-responses"},
	{S("HTTP/1.1 101 Switching\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_STATUS, "101"},
	// chunks
	{S(CHUNKED "2\r\nhi\r\n0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S(CHUNKED "1\r\nh\r\n1\r\ni\r\n01\r\n!\r\n0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, "hi!"},
	{S(CHUNKED "2;name=value\r\nhi\r\n0;x\r\nTrailer: x\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, "hi"},
	{S(CHUNKED "00000000000000A\r\n0123456789\r\n0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, "0123456789"},
	{S(CHUNKED "0\r\nContent-Encoding: gzip\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, ""},
	{S(CHUNKED "2\r\nhi\r\n"), ORDERLY, HTTP_FAILED, OUTCOME_HTTP_TRUNCATED, ""},
	{S(CHUNKED "2\r\nhi\r\n0\r\n"), ORDERLY, HTTP_FAILED, OUTCOME_HTTP_TRUNCATED, ""},
	{S(CHUNKED "2\r\nhi!\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "chunk"},
	{S(CHUNKED "\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "chunk"},
	{S(CHUNKED "-1\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "chunk"},
	{S(CHUNKED "0x2\r\nhi\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "chunk"},
	{S(CHUNKED "FFFFFFFFFFFFFFFF\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "chunk"},
	{S(CHUNKED "FFFFFFFFFFFFFFFFF\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "chunk"},
	{S(CHUNKED "FFFFFFFFFFFFFFF\r\n"), OPEN, HTTP_FAILED, OUTCOME_TOO_LARGE, ""},
	{S(CHUNKED "10001\r\n"), OPEN, HTTP_FAILED, OUTCOME_TOO_LARGE, ""},
	// other statuses
	{S("HTTP/1.1 404 Not Found\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_NOT_FOUND, ""},
	{S("HTTP/1.1 301 Moved\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_REDIRECT, "301"},
	{S("HTTP/1.1 308 Moved\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_REDIRECT, "308"},
	{S("HTTP/1.1 304 Not Modified\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_REDIRECT, "304"},
	{S("HTTP/1.1 500 Oh\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_STATUS, "500"},
	{S("HTTP/1.1 204 Empty\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_STATUS, "204"},
	{S("HTTP/1.1 206 Partial\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_STATUS, "206"},
	{S("HTTP/1.1 999 \r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_STATUS, "999"},
	// not HTTP
	{S("version: STSv1\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("HTTP/2 200\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("HTTP/1.2 200 OK\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("http/1.1 200 OK\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("HTTP/1.1  200 OK\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("HTTP/1.1 2000 OK\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("HTTP/1.1 20\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("\r\nHTTP/1.1 200 OK\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "status-line"},
	{S("\x00\x00\x12\x04\x00"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "control-character"},
	// fields
	{S(OK "Content-Length : 2\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "field"},
	{S(OK "X: a\r\n folded\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "field"},
	{S(OK "no colon\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "field"},
	{S(OK ": empty\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "field"},
	{S(OK "X: a\rb\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "control-character"},
	{S(OK "X: a\r\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "control-character"},
	{S(OK "X: a\x00" "b\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "control-character"},
	{S(OK "X: \xc3\xa9\t\r\n" TYPE "Content-Length: 0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, ""},
	// lengths
	{S(OK "Content-Length: -1\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length: +5\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length: 0x10\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length: 1e3\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length: 5 5\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length: 5, 5\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length:\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length: 18446744073709551616\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK "Content-Length: 2\r\nContent-Length: 3\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	{S(OK TYPE "Content-Length: 65537\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_TOO_LARGE, ""},
	{S(OK TYPE "Content-Length: 10000000000\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_TOO_LARGE, ""},
	{S(OK TYPE "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_SYNTAX, "content-length"},
	// codings
	{S(OK "Content-Encoding: gzip\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_CODING, ""},
	{S(OK "content-encoding: identity, br\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_CODING, ""},
	{S(OK TYPE "Content-Encoding: Identity\r\nContent-Length: 0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, ""},
	{S(OK "Transfer-Encoding: gzip, chunked\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_CODING, "transfer-coding"},
	{S(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_CODING, "transfer-coding"},
	{S("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_CODING, "transfer-coding"},
	// media types
	{S(OK "Content-Type: Text/Plain;CHARSET=US-ASCII\r\nContent-Length: 0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, ""},
	{S(OK "Content-Type: text/plain ; x\r\nContent-Length: 0\r\n\r\n"), OPEN, HTTP_DONE, OUTCOME_OK, ""},
	{S(OK "Content-Length: 0\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_MEDIA_TYPE, ""},
	{S(OK "Content-Type: text/html\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_MEDIA_TYPE, ""},
	{S(OK "Content-Type: text/plainer\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_MEDIA_TYPE, ""},
	{S(OK TYPE "Content-Type: text/html\r\n\r\n"), OPEN, HTTP_FAILED, OUTCOME_HTTP_MEDIA_TYPE, ""},
};
// clang-format on

static uint8_t body[POLICY_TEXT_MAX];

static enum http_state end(struct http *h, enum http_state state, enum ending ending) {
	return state == HTTP_MORE && ending != OPEN ? http_end(h, ending == ORDERLY) : state;
}

static void check(const struct response *r, const struct http *h, enum http_state state) {
	bool right = state == r->state;
	if (state == HTTP_FAILED) {
		right &= h->outcome == r->outcome && strcmp(h->detail, r->text) == 0;
	} else if (state == HTTP_DONE) {
		right &= h->body_len == strlen(r->text) && memcmp(body, r->text, h->body_len) == 0;
	}
	if (!right) {
		fail_msg("%s: state %d outcome %d+%s", r->octets, state, h->outcome, h->detail);
	}
}

static void responses_are_read(void ** /*state*/) {
	for (size_t i = 0; i < sizeof(RESPONSES) / sizeof(RESPONSES[0]); i++) {
		const struct response *r = &RESPONSES[i];
		struct http h;
		http_init(&h, true, body);
		check(r, &h, end(&h, http_feed(&h, r->octets, r->len), r->ending));
		// The same in single octets.
		http_init(&h, true, body);
		enum http_state state = HTTP_MORE;
		for (size_t at = 0; at < r->len; at++) {
			state = http_feed(&h, r->octets + at, 1);
		}
		check(r, &h, end(&h, state, r->ending));
	}
}

// Whatever is missing at the end, the rest is never taken for a whole; and no
// octet behind it is looked at.
static void no_prefix_is_a_policy(void ** /*state*/) {
	static const struct response whole[] = {
		{S(OK TYPE "Content-Length: 2\r\n\r\nhi"), ORDERLY, 0, 0, NULL},
		{S(CHUNKED "1\r\nh\r\n1\r\ni\r\n0\r\nX: y\r\n\r\n"), ORDERLY, 0, 0, NULL},
		{S(OK TYPE "\r\nhi"), CUT, 0, 0, NULL},
	};
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		for (size_t n = 0; n < whole[i].len; n++) {
			struct http h;
			http_init(&h, true, body);
			const uint8_t *at = edge_copy(whole[i].octets, n);
			assert_int_equal(http_feed(&h, at, n), HTTP_MORE);
			assert_int_equal(http_end(&h, whole[i].ending == ORDERLY), HTTP_FAILED);
			assert_int_equal(h.outcome, OUTCOME_HTTP_TRUNCATED);
		}
	}
}

static void odd_type_is_told(void ** /*state*/) {
	struct http h;
	http_init(&h, false, body);
	static const char html[] = OK "Content-Type: text/html\r\nContent-Length: 1\r\n\r\nx";
	assert_int_equal(http_feed(&h, html, sizeof(html) - 1), HTTP_DONE);
	assert_true(h.media_type_odd);
	http_init(&h, false, body);
	static const char plain[] = OK TYPE "Content-Length: 1\r\n\r\nx";
	assert_int_equal(http_feed(&h, plain, sizeof(plain) - 1), HTTP_DONE);
	assert_false(h.media_type_odd);
}

// Feeds a piece n times, or until it is settled.
static enum http_state repeat(struct http *h, const char *piece, size_t n) {
	enum http_state state = HTTP_MORE;
	for (size_t i = 0; i < n && state == HTTP_MORE; i++) {
		state = http_feed(h, piece, strlen(piece));
	}
	return state;
}

static void begin(struct http *h, const char *head) {
	http_init(h, true, body);
	assert_int_equal(http_feed(h, head, strlen(head)), HTTP_MORE);
}

static void amounts_are_bounded(void ** /*state*/) {
	struct http h;
	// Fields: TYPE is the first.
	begin(&h, OK TYPE);
	assert_int_equal(repeat(&h, "X: y\r\n", 99), HTTP_MORE);
	assert_int_equal(repeat(&h, "X: y\r\n", 1), HTTP_FAILED);
	assert_string_equal(h.detail, "too-many-fields");
	begin(&h, CHUNKED "0\r\n");
	assert_int_equal(repeat(&h, "X: y\r\n", 98), HTTP_MORE);
	assert_int_equal(repeat(&h, "X: y\r\n", 1), HTTP_FAILED);
	// One line without end, also the first.
	begin(&h, OK "X: ");
	assert_int_equal(repeat(&h, "y", HTTP_HEADER_BYTES_MAX), HTTP_FAILED);
	assert_string_equal(h.detail, "header-too-large");
	http_init(&h, true, body);
	assert_int_equal(repeat(&h, "y", HTTP_HEADER_BYTES_MAX), HTTP_MORE);
	assert_int_equal(repeat(&h, "y", 1), HTTP_FAILED);
	// A long value is no fault, nor is it mistaken for its beginning.
	begin(&h, OK "Content-Type: text/plain;");
	assert_int_equal(repeat(&h, "y", 2000), HTTP_MORE);
	assert_int_equal(repeat(&h, "\r\nContent-Length: 0\r\n\r\n", 1), HTTP_DONE);
	// Chunk lines.
	begin(&h, CHUNKED "1;");
	assert_int_equal(repeat(&h, "y", HTTP_CHUNK_LINE_MAX - 2), HTTP_MORE);
	assert_int_equal(repeat(&h, "y", 1), HTTP_FAILED);
	assert_string_equal(h.detail, "chunk-line");
}

static void body_is_bounded(void ** /*state*/) {
	static const char *const heads[] = {
		OK TYPE "\r\n",
		OK TYPE "Content-Length: 65536\r\n\r\n",
		CHUNKED "10000\r\n",
	};
	for (size_t i = 0; i < 3; i++) {
		struct http h;
		begin(&h, heads[i]);
		assert_int_equal(repeat(&h, "x", POLICY_TEXT_MAX - 1), HTTP_MORE);
		enum http_state state = repeat(&h, "x", 1);
		assert_int_equal(h.body_len, POLICY_TEXT_MAX);
		if (i == 0) {
			assert_int_equal(state, HTTP_MORE);
			assert_int_equal(repeat(&h, "x", 1), HTTP_FAILED);
			assert_int_equal(h.outcome, OUTCOME_TOO_LARGE);
		} else if (i == 1) {
			assert_int_equal(state, HTTP_DONE);
		} else {
			assert_int_equal(repeat(&h, "\r\n1\r\n", 1), HTTP_FAILED);
			assert_int_equal(h.outcome, OUTCOME_TOO_LARGE);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_are_read),
		cmocka_unit_test(no_prefix_is_a_policy),
		cmocka_unit_test(odd_type_is_told),
		cmocka_unit_test(amounts_are_bounded),
		cmocka_unit_test(body_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
