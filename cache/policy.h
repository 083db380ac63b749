// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An MTA-STS policy as it is kept (RFC 8461 3.2). The parser is in fetch/.

#define POLICY_MAX_AGE_S 31557600U // RFC 8461 3.2
#define POLICY_MX_COUNT_MAX 128
#define POLICY_ID_MAX 32 // RFC 8461 3.1
#define POLICY_TEXT_MAX 65536

enum policy_mode { POLICY_MODE_NONE, POLICY_MODE_TESTING, POLICY_MODE_ENFORCE };

// The mx patterns stand one behind the other in policy order, each as one
// octet of length and its text: lower-case A-labels, "*." for the wildcard.
struct policy {
	enum policy_mode mode;
	uint32_t max_age_s; // at most POLICY_MAX_AGE_S
	uint16_t mx_count;
	uint32_t mx_bytes;
	const uint8_t *mx; // borrowed
};

// "none", "testing", "enforce".
const char *policy_mode_str(enum policy_mode mode);

// @return False for any other word; case counts (RFC 8461 3.2).
bool policy_mode_parse(const char *word, size_t len, enum policy_mode *out);

// Steps through the patterns: *at starts as policy->mx and moves on.
// @return The pattern's text, which does not end with NUL, or NULL at the end.
const char *policy_mx_next(const struct policy *policy, const uint8_t **at, size_t *len);

// Whether the list is well formed: count and octets agree, every pattern is a
// lower-case host name of LDH labels, at most 253 octets, with or without "*."
// in front.
// For lists that come from disk or from another process.
bool policy_mx_valid(const struct policy *policy);

// Whether an MX host is allowed (RFC 8461 4.1): equal without case, or "*."
// standing for exactly one label. A trailing dot of the host does not count.
bool policy_match_mx(const struct policy *policy, const char *host, size_t len);
