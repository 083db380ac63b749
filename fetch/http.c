// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum step {
	STEP_STATUS,
	STEP_FIELDS,
	STEP_BODY, // `left` octets
	STEP_BODY_UNTIL_END,
	STEP_CHUNK_LINE,
	STEP_CHUNK_DATA,
	STEP_CHUNK_END, // the empty line behind the data
	STEP_TRAILERS,
	STEP_DONE,
	STEP_FAILED,
};

#define LENGTH_DIGITS_MAX 19 // fits in 64 bits without a look at overflow
#define CHUNK_DIGITS_MAX 15

struct slice {
	const char *at;
	size_t len;
};

static void fail(struct http *h, enum outcome_code code, const char *detail) {
	h->step = STEP_FAILED;
	h->outcome = code;
	(void)snprintf(h->detail, sizeof(h->detail), "%s", detail);
}

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

// RFC 9110 5.6.2.
static bool is_token(char c) {
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
	       || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_blank(char c) {
	return c == ' ' || c == '\t';
}

static bool equals(struct slice s, const char *word) {
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

static struct slice trim(struct slice s) {
	while (s.len > 0 && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.at[s.len - 1])) {
		s.len--;
	}
	return s;
}

static void refuse_status(struct http *h, const char *digits) {
	const char code[] = {digits[0], digits[1], digits[2], '\0'};
	if (strcmp(code, "404") == 0) {
		fail(h, OUTCOME_HTTP_NOT_FOUND, "");
	} else if (code[0] == '3') {
		fail(h, OUTCOME_HTTP_REDIRECT, code);
	} else {
		fail(h, OUTCOME_HTTP_STATUS, code);
	}
}

// RFC 9112 4. The reason, and the blank before it, may be missing.
static void take_status(struct http *h) {
	const char *l = h->line;
	bool shaped = h->line_len >= 12 && memcmp(l, "HTTP/1.", 7) == 0
		      && (l[7] == '0' || l[7] == '1') && l[8] == ' ' && is_digit(l[9])
		      && is_digit(l[10]) && is_digit(l[11]) && (h->line_len == 12 || l[12] == ' ');
	if (!shaped) {
		fail(h, OUTCOME_HTTP_SYNTAX, "status-line");
		return;
	}
	h->keeps_alive = l[7] == '1';
	if (l[9] == '1' && memcmp(l + 9, "101", 3) != 0) {
		h->interim++;
		if (h->interim > HTTP_INTERIM_MAX) {
			fail(h, OUTCOME_HTTP_SYNTAX, "interim-responses");
			return;
		}
	} else if (memcmp(l + 9, "200", 3) == 0) {
		h->interim = 0;
	} else {
		refuse_status(h, l + 9);
		return;
	}
	h->step = STEP_FIELDS;
}

static void take_length(struct http *h, struct slice value) {
	bool digits = value.len > 0 && value.len <= LENGTH_DIGITS_MAX;
	uint64_t n = 0;
	for (size_t i = 0; i < value.len && digits; i++) {
		digits = is_digit(value.at[i]);
		n = n * 10 + (uint64_t)(value.at[i] - '0');
	}
	if (!digits || (h->has_length && n != h->left)) {
		fail(h, OUTCOME_HTTP_SYNTAX, "content-length");
		return;
	}
	h->has_length = true;
	h->left = n;
}

static void take_type(struct http *h, struct slice value) {
	size_t len = 0;
	while (len < value.len && value.at[len] != ';') {
		len++;
	}
	h->has_type = true;
	if (!equals(trim((struct slice){value.at, len}), "text/plain")) {
		h->media_type_odd = true;
	}
}

static void take_transfer(struct http *h, struct slice value) {
	if (h->chunked || !h->keeps_alive || !equals(value, "chunked")) {
		fail(h, OUTCOME_HTTP_CODING, "transfer-coding");
		return;
	}
	h->chunked = true;
}

static void take_known_field(struct http *h, struct slice name, struct slice value) {
	if (equals(name, "content-length")) {
		take_length(h, value);
	} else if (equals(name, "content-type")) {
		take_type(h, value);
	} else if (equals(name, "transfer-encoding")) {
		take_transfer(h, value);
	} else if (equals(name, "content-encoding") && value.len > 0 && !equals(value, "identity")) {
		fail(h, OUTCOME_HTTP_CODING, "");
	}
}

// RFC 9112 5: a token, a colon at once, a value. A fold starts with a blank,
// which is no token.
// @param obey  False in trailers and interim responses: nothing there counts.
static void take_field(struct http *h, bool obey) {
	size_t held = h->line_len < sizeof(h->line) ? h->line_len : sizeof(h->line);
	size_t name = 0;
	while (name < held && is_token(h->line[name])) {
		name++;
	}
	if (name == 0 || name == held || h->line[name] != ':') {
		fail(h, OUTCOME_HTTP_SYNTAX, "field");
		return;
	}
	if (++h->fields > HTTP_FIELDS_MAX) {
		fail(h, OUTCOME_HTTP_SYNTAX, "too-many-fields");
		return;
	}
	// A value longer than the buffer is cut, and so none of the words above.
	if (obey) {
		struct slice value = {h->line + name + 1, held - name - 1};
		take_known_field(h, (struct slice){h->line, name}, trim(value));
	}
}

static void end_header(struct http *h) {
	if (h->interim > 0) {
		h->step = STEP_STATUS;
		return;
	}
	if (!h->has_type || h->media_type_odd) {
		h->media_type_odd = true;
		if (h->require_text_plain) {
			fail(h, OUTCOME_HTTP_MEDIA_TYPE, "");
			return;
		}
	}
	if (h->chunked && h->has_length) {
		fail(h, OUTCOME_HTTP_SYNTAX, "content-length"); // RFC 9112 6.1: smuggling
	} else if (h->has_length && h->left > POLICY_TEXT_MAX) {
		fail(h, OUTCOME_TOO_LARGE, "");
	} else if (h->chunked) {
		h->step = STEP_CHUNK_LINE;
	} else if (h->has_length) {
		h->step = h->left > 0 ? STEP_BODY : STEP_DONE;
	} else {
		h->step = STEP_BODY_UNTIL_END;
	}
}

static int hex_digit(char c) {
	if (is_digit(c)) {
		return c - '0';
	}
	char low = (char)(c | 0x20);
	return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// RFC 9112 7.1: hexadecimal digits, then nothing or an extension.
static void take_chunk_line(struct http *h) {
	size_t n = 0;
	h->left = 0;
	while (n < h->line_len && n <= CHUNK_DIGITS_MAX && hex_digit(h->line[n]) >= 0) {
		h->left = h->left << 4 | (uint64_t)hex_digit(h->line[n]);
		n++;
	}
	bool ends = n == h->line_len || h->line[n] == ';' || is_blank(h->line[n]);
	if (n == 0 || n > CHUNK_DIGITS_MAX || !ends) {
		fail(h, OUTCOME_HTTP_SYNTAX, "chunk");
	} else if (h->left > POLICY_TEXT_MAX - h->body_len) {
		fail(h, OUTCOME_TOO_LARGE, "");
	} else {
		h->step = h->left > 0 ? STEP_CHUNK_DATA : STEP_TRAILERS;
	}
}

static void take_line(struct http *h) {
	const bool empty = h->line_len == 0;
	switch (h->step) {
	case STEP_STATUS:
		take_status(h);
		break;
	case STEP_FIELDS:
		if (empty) {
			end_header(h);
		} else {
			take_field(h, h->interim == 0);
		}
		break;
	case STEP_CHUNK_LINE:
		take_chunk_line(h);
		break;
	case STEP_CHUNK_END:
		if (empty) {
			h->step = STEP_CHUNK_LINE;
		} else {
			fail(h, OUTCOME_HTTP_SYNTAX, "chunk");
		}
		break;
	default: // STEP_TRAILERS
		if (empty) {
			h->step = STEP_DONE;
		} else {
			take_field(h, false);
		}
		break;
	}
	h->line_len = 0;
}

// What a line may not hold: NUL and other controls but the tab, and a CR that
// no LF follows.
static bool is_text(char c) {
	unsigned char u = (unsigned char)c;
	return c == '\t' || (u >= 0x20 && u != 0x7f);
}

static void take_line_octet(struct http *h, char c) {
	bool chunk = h->step == STEP_CHUNK_LINE || h->step == STEP_CHUNK_END;
	if (!chunk && ++h->header_bytes > HTTP_HEADER_BYTES_MAX) {
		fail(h, OUTCOME_HTTP_SYNTAX, "header-too-large");
		return;
	}
	if (c == '\n') {
		h->cr = false;
		take_line(h);
		return;
	}
	if (h->cr || (c != '\r' && !is_text(c))) {
		fail(h, OUTCOME_HTTP_SYNTAX, "control-character");
		return;
	}
	if (c == '\r') {
		h->cr = true;
		return;
	}
	if (h->line_len < sizeof(h->line)) {
		h->line[h->line_len] = c;
	}
	h->line_len++;
	if (chunk && h->line_len > HTTP_CHUNK_LINE_MAX) {
		fail(h, OUTCOME_HTTP_SYNTAX, "chunk-line");
	}
}

// @return Octets taken.
static size_t take_body(struct http *h, const uint8_t *octets, size_t len) {
	size_t room = POLICY_TEXT_MAX - h->body_len;
	size_t n = len;
	if (h->step == STEP_BODY_UNTIL_END) {
		if (len > room) {
			fail(h, OUTCOME_TOO_LARGE, "");
			return len;
		}
	} else {
		n = len < h->left ? len : (size_t)h->left;
		h->left -= n;
	}
	memcpy(h->body + h->body_len, octets, n);
	h->body_len += n;
	if (h->step != STEP_BODY_UNTIL_END && h->left == 0) {
		h->step = h->step == STEP_BODY ? STEP_DONE : STEP_CHUNK_END;
	}
	return n;
}

static enum http_state state_of(const struct http *h) {
	switch (h->step) {
	case STEP_DONE:
		return HTTP_DONE;
	case STEP_FAILED:
		return HTTP_FAILED;
	default:
		return HTTP_MORE;
	}
}

void http_init(struct http *h, bool require_text_plain, uint8_t *body) {
	memset(h, 0, sizeof(*h));
	h->step = STEP_STATUS;
	h->require_text_plain = require_text_plain;
	h->body = body;
}

enum http_state http_feed(struct http *h, const void *octets, size_t len) {
	const uint8_t *at = octets;
	const uint8_t *end = at + len;
	while (at < end && h->step < STEP_DONE) {
		if (h->step == STEP_BODY || h->step == STEP_BODY_UNTIL_END
		    || h->step == STEP_CHUNK_DATA) {
			at += take_body(h, at, (size_t)(end - at));
		} else {
			take_line_octet(h, (char)*at++);
		}
	}
	return state_of(h);
}

enum http_state http_end(struct http *h, bool orderly) {
	if (h->step == STEP_BODY_UNTIL_END && orderly) {
		h->step = STEP_DONE;
	} else if (h->step < STEP_DONE) {
		fail(h, OUTCOME_HTTP_TRUNCATED, "");
	}
	return state_of(h);
}
