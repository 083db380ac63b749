// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "app/netstring.h"

#include <assert.h>

#define DIGITS_MAX (NETSTRING_HEAD_MAX - 1)

enum netstring_verdict
netstring_read(const uint8_t *buf, size_t len, size_t max, struct netstring *out) {
	size_t at = 0;
	size_t content = 0;
	while (at < len && buf[at] >= '0' && buf[at] <= '9') {
		if (at == DIGITS_MAX || (at == 1 && buf[0] == '0')) {
			return NETSTRING_BAD;
		}
		content = content * 10 + (buf[at++] - (size_t)'0');
		if (content > max) {
			return NETSTRING_BAD;
		}
	}
	if (at == len) {
		return NETSTRING_MORE;
	}
	if (at == 0 || buf[at] != ':') {
		return NETSTRING_BAD;
	}
	at++;
	if (len - at <= content) {
		return NETSTRING_MORE;
	}
	*out = (struct netstring){.at = buf + at, .len = content, .taken = at + content + 1};
	return buf[at + content] == ',' ? NETSTRING_WHOLE : NETSTRING_BAD;
}

uint8_t *netstring_frame(uint8_t *buf, size_t len, size_t *whole) {
	uint8_t *start = buf + NETSTRING_HEAD_MAX;
	start[len] = ',';
	*--start = ':';
	size_t left = len;
	do {
		assert(start > buf); // nobody makes an answer of a million octets
		*--start = (uint8_t)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	*whole = (size_t)(buf + NETSTRING_HEAD_MAX + len + 1 - start);
	return start;
}
