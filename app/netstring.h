// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stddef.h>
#include <stdint.h>

// Netstrings, `<length>:<octets>,`, as the socketmap protocol has them: pure,
// octets in and out.

#define NETSTRING_HEAD_MAX 7 // "999999:"

enum netstring_verdict {
	NETSTRING_MORE,	 // not whole yet, right so far
	NETSTRING_WHOLE, // *out is filled
	NETSTRING_BAD,	 // whatever follows, it is none, or a longer one than allowed
};

struct netstring {
	const uint8_t *at; // into the buffer
	size_t len;
	size_t taken; // octets of the buffer, framing included
};

// Reads the one at the front of buf. Touches nothing beyond len, decides as soon
// as it can, and does constant work but for the caller's own reading of it.
// A length has no leading zero.
// @param max  Longest content, below 1000000.
enum netstring_verdict
netstring_read(const uint8_t *buf, size_t len, size_t max, struct netstring *out);

// Writes the framing around content that stands at buf + NETSTRING_HEAD_MAX, with
// room for one octet behind it.
// @return The start of the whole; *whole is its length.
uint8_t *netstring_frame(uint8_t *buf, size_t len, size_t *whole);
