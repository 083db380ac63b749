// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "cache/policy.h"

#include "base/name.h"

#include <string.h>
#include <strings.h>

#define PATTERN_MAX 253 // RFC 1035 3.1, as text

static const char *const mode_str[] = {
	[POLICY_MODE_NONE] = "none",
	[POLICY_MODE_TESTING] = "testing",
	[POLICY_MODE_ENFORCE] = "enforce",
};

const char *policy_mode_str(enum policy_mode mode) {
	return mode_str[mode];
}

bool policy_mode_parse(const char *word, size_t len, enum policy_mode *out) {
	for (enum policy_mode m = POLICY_MODE_NONE; m <= POLICY_MODE_ENFORCE; m++) {
		if (strlen(mode_str[m]) == len && memcmp(mode_str[m], word, len) == 0) {
			*out = m;
			return true;
		}
	}
	return false;
}

const char *policy_mx_next(const struct policy *policy, const uint8_t **at, size_t *len) {
	size_t left = policy->mx_bytes - (size_t)(*at - policy->mx);
	if (left == 0 || (size_t) * *at + 1 > left) {
		return NULL;
	}
	const uint8_t *text = *at + 1;
	*len = **at;
	*at = text + *len;
	return (const char *)text;
}

static bool is_wildcard(const char *pattern, size_t len) {
	return len > 2 && pattern[0] == '*' && pattern[1] == '.';
}

static bool has_upper(const char *text, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (text[i] >= 'A' && text[i] <= 'Z') {
			return true;
		}
	}
	return false;
}

static bool pattern_valid(const char *pattern, size_t len) {
	if (len > PATTERN_MAX || has_upper(pattern, len)) {
		return false;
	}
	size_t skip = is_wildcard(pattern, len) ? 2 : 0;
	return name_is_host(pattern + skip, len - skip);
}

bool policy_mx_valid(const struct policy *policy) {
	if (policy->mx_count > POLICY_MX_COUNT_MAX) {
		return false;
	}
	if (policy->mx_bytes == 0) {
		return policy->mx_count == 0;
	}
	const uint8_t *at = policy->mx;
	const char *text;
	size_t len;
	unsigned count = 0;
	while ((text = policy_mx_next(policy, &at, &len)) != NULL) {
		if (!pattern_valid(text, len)) {
			return false;
		}
		count++;
	}
	return count == policy->mx_count && at == policy->mx + policy->mx_bytes;
}

// "*" stands for the whole left-most label (RFC 8461 4.1, RFC 6125 6.4.3).
static bool pattern_matches(const char *pattern, size_t pattern_len, const char *host, size_t len) {
	if (is_wildcard(pattern, pattern_len)) {
		const char *dot = memchr(host, '.', len);
		if (dot == NULL || dot == host) {
			return false;
		}
		len -= (size_t)(dot - host);
		host = dot;
		pattern++;
		pattern_len--;
	}
	return len == pattern_len && strncasecmp(pattern, host, len) == 0;
}

bool policy_match_mx(const struct policy *policy, const char *host, size_t len) {
	if (len > 0 && host[len - 1] == '.') {
		len--;
	}
	if (len == 0 || policy->mx_bytes == 0) {
		return false;
	}
	const uint8_t *at = policy->mx;
	const char *pattern;
	size_t pattern_len;
	while ((pattern = policy_mx_next(policy, &at, &pattern_len)) != NULL) {
		if (pattern_matches(pattern, pattern_len, host, len)) {
			return true;
		}
	}
	return false;
}
