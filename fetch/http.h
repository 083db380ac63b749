// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include "cache/policy.h"
#include "fetch/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The reader of one HTTP/1.x response to one GET (RFC 9112), octets in as they
// come. Only what RFC 8461 3.3 lets count gets through: status 200, no content
// coding, a body of at most POLICY_TEXT_MAX octets whose end was told and not
// merely met. Stricter than the RFC where leniency only serves attackers: no
// folded fields, no lone CR, Content-Length once and not with chunks.

#define HTTP_HEADER_BYTES_MAX 16384 // all lines of all headers and trailers
#define HTTP_FIELDS_MAX 100
#define HTTP_CHUNK_LINE_MAX 256
#define HTTP_INTERIM_MAX 4 // 1xx responses before the real one

enum http_state {
	HTTP_MORE, // octets are missing
	HTTP_DONE, // the body is whole
	HTTP_FAILED,
};

struct http {
	// Results. outcome and detail with HTTP_FAILED; body with HTTP_DONE.
	enum outcome_code outcome;
	char detail[33];
	bool media_type_odd; // not text/plain
	size_t body_len;
	uint8_t *body; // the caller's, POLICY_TEXT_MAX octets

	// Private.
	int step;
	bool require_text_plain;
	bool keeps_alive; // HTTP/1.1, where chunks are allowed
	bool chunked;
	bool has_length;
	bool has_type;
	bool cr; // the last octet was one
	unsigned interim;
	unsigned fields;
	size_t header_bytes;
	uint64_t left;	 // octets of the body or the chunk
	size_t line_len; // may exceed what the buffer holds
	char line[512];
};

// @param body  Room for POLICY_TEXT_MAX octets; borrowed.
void http_init(struct http *h, bool require_text_plain, uint8_t *body);

// Takes the next octets; what follows the end of the response is ignored.
enum http_state http_feed(struct http *h, const void *octets, size_t len);

// The connection has ended.
// @param orderly  By a close_notify alert. Anything else may be an attacker's
//                 cut (RFC 8446 6.1), so a body without length needs it.
enum http_state http_end(struct http *h, bool orderly);
