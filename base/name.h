// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Mail domains as keys: lower-case text without a trailing dot.

// `_mta-sts.` in front must fit into 253 octets of text (RFC 1035 3.1).
#define NAME_DOMAIN_MAX 244
#define NAME_LABEL_MAX 63

struct name {
	uint8_t len;
	char text[NAME_DOMAIN_MAX + 1]; // ends with NUL
};

enum name_verdict {
	NAME_OK,
	NAME_SINGLE_LABEL,
	NAME_NOT_LDH, // also an empty label or one over 63 octets
	NAME_ALL_DIGIT_TLD,
	NAME_TOO_LONG,
	NAME_SPECIAL_USE,
	NAME_NOT_A_LABEL, // an octet >= 0x80: IDNA was forgotten
};

// Whether lower-case text can be a mail domain (RFC 1123 2.1, RFC 6761).
// NAME_NOT_A_LABEL wins over every other fault, because "no policy" must not
// be said of a name that is a domain in another spelling.
// Special-use endings are localhost local onion invalid alt internal arpa.
// @param text  Lower-case octets, no trailing dot; need not end with NUL.
// Context: any thread; neither blocks nor allocates.
enum name_verdict name_check(const char *text, size_t len);

// The reason after `name/` in a `why` tag; "" for NAME_OK.
const char *name_verdict_str(enum name_verdict v);

// Lowers, drops one trailing dot, checks and stores.
// @return NAME_OK or the reason; on a reason *out is untouched.
enum name_verdict name_parse(const char *text, size_t len, struct name *out);

bool name_equal(const struct name *a, const struct name *b);

// Whether text is LDH labels joined by dots, at most 253 octets in all: the
// shape of a host name. One label is enough; no rule on the last label.
bool name_is_host(const char *text, size_t len);

// A hash that whoever does not know the seed cannot aim at.
uint64_t name_hash(const char *text, size_t len, uint64_t seed);
