// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "fetch/polparse.h"

#include "base/name.h"

#include <string.h>

#define FIELD_NAME_MAX 32
#define MAX_AGE_DIGITS_MAX 10
#define MX_MAX 253 // with the wildcard; a longer one matches no host (RFC 1035 3.1)

struct span {
	const uint8_t *at;
	size_t len;
};

struct state {
	struct policy *out;
	uint8_t *mx; // where out->mx points
	uint8_t mended;
	bool has_version;
	bool has_mode;
	bool has_max_age;
	bool has_mx; // any line, good or bad
};

static bool is_alnum(uint8_t c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_wsp(uint8_t c) {
	return c == ' ' || c == '\t';
}

static bool equals(struct span s, const char *word) {
	return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

// sts-policy-ext-name
static bool is_field_name(struct span s) {
	if (s.len == 0 || s.len > FIELD_NAME_MAX || !is_alnum(s.at[0])) {
		return false;
	}
	for (size_t i = 1; i < s.len; i++) {
		uint8_t c = s.at[i];
		if (!is_alnum(c) && c != '_' && c != '-' && c != '.') {
			return false;
		}
	}
	return true;
}

// Octets of the UTF-8 sequence of two to four octets that begins at s.at
// (RFC 3629 4), or 0.
static size_t utf8_len(struct span s) {
	uint8_t c = s.at[0];
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || s.len < len) {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((s.at[i] & 0xc0U) != 0x80U) {
			return 0;
		}
	}
	// Overlong forms, surrogates and what is above U+10FFFF.
	uint8_t second = s.at[1];
	bool bad = (c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f)
		   || (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f);
	return bad ? 0 : len;
}

// sts-policy-ext-value, already without white space at its ends.
static bool is_field_value(struct span s) {
	if (s.len == 0) {
		return false;
	}
	size_t i = 0;
	while (i < s.len) {
		uint8_t c = s.at[i];
		if (c >= 0x20 && c < 0x7f) {
			i++;
			continue;
		}
		size_t step = c < 0x80 ? 0 : utf8_len((struct span){s.at + i, s.len - i});
		if (step == 0) {
			return false;
		}
		i += step;
	}
	return true;
}

static bool has_control(struct span s) {
	for (size_t i = 0; i < s.len; i++) {
		if ((s.at[i] < 0x20 && s.at[i] != '\t') || s.at[i] == 0x7f) {
			return true;
		}
	}
	return false;
}

// An address is no host name: it would never match one.
static bool last_label_is_number(const char *host, size_t len) {
	while (len > 0 && host[len - 1] >= '0' && host[len - 1] <= '9') {
		len--;
	}
	return len == 0 || host[len - 1] == '.';
}

// Whether the list has the pattern already.
static bool has_pattern(const struct policy *policy, const char *pattern, size_t len) {
	const uint8_t *at = policy->mx;
	for (uint16_t i = 0; i < policy->mx_count; i++) {
		if (at[0] == len && memcmp(at + 1, pattern, len) == 0) {
			return true;
		}
		at += 1 + at[0];
	}
	return false;
}

// Lowers a pattern and drops its trailing dot.
// @return Its length, 0 when it is no pattern.
static size_t normalize_mx(struct span value, char pattern[MX_MAX], bool *dotted) {
	*dotted = value.len > 0 && value.at[value.len - 1] == '.';
	size_t len = value.len - (*dotted ? 1 : 0);
	if (len > MX_MAX) {
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		uint8_t c = value.at[i];
		pattern[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	size_t skip = len > 2 && pattern[0] == '*' && pattern[1] == '.' ? 2 : 0;
	bool good = name_is_host(pattern + skip, len - skip)
		    && !last_label_is_number(pattern + skip, len - skip);
	return good ? len : 0;
}

// @return The fault, or NULL.
static const char *take_mx(struct state *s, struct span value) {
	s->has_mx = true;
	if (has_control(value)) {
		return "field-syntax";
	}
	char pattern[MX_MAX];
	bool dotted = false;
	size_t len = normalize_mx(value, pattern, &dotted);
	if (len == 0) {
		s->mended |= POLPARSE_MX_DROPPED;
		return NULL;
	}
	if (dotted) {
		s->mended |= POLPARSE_MX_DOTTED;
	}
	struct policy *policy = s->out;
	if (has_pattern(policy, pattern, len)) {
		return NULL;
	}
	if (policy->mx_count == POLICY_MX_COUNT_MAX) {
		return "too-many-mx";
	}
	s->mx[policy->mx_bytes] = (uint8_t)len;
	memcpy(s->mx + policy->mx_bytes + 1, pattern, len);
	policy->mx_bytes += (uint32_t)len + 1;
	policy->mx_count++;
	return NULL;
}

static const char *take_max_age(struct state *s, struct span value) {
	uint64_t seconds = 0;
	if (value.len == 0 || value.len > MAX_AGE_DIGITS_MAX) {
		return "max-age";
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9') {
			return "max-age";
		}
		seconds = seconds * 10 + (uint64_t)(value.at[i] - '0');
	}
	s->has_max_age = true;
	if (seconds > POLICY_MAX_AGE_S) {
		s->mended |= POLPARSE_MAX_AGE_CLAMPED;
		seconds = POLICY_MAX_AGE_S;
	}
	s->out->max_age_s = (uint32_t)seconds;
	return NULL;
}

static const char *take_mode(struct state *s, struct span value) {
	if (!policy_mode_parse((const char *)value.at, value.len, &s->out->mode)) {
		return "mode";
	}
	s->has_mode = true;
	return NULL;
}

static const char *take_version(struct state *s, struct span value) {
	s->has_version = equals(value, "STSv1");
	return s->has_version ? NULL : "version";
}

// One line without its end and without white space behind.
static const char *take_line(struct state *s, struct span line) {
	const uint8_t *colon = memchr(line.at, ':', line.len);
	if (colon == NULL) {
		return "field-syntax";
	}
	struct span name = {line.at, (size_t)(colon - line.at)};
	struct span value = {colon + 1, line.len - name.len - 1};
	while (value.len > 0 && is_wsp(value.at[0])) {
		value.at++;
		value.len--;
	}
	if (!is_field_name(name)) {
		return "field-syntax";
	}
	if (equals(name, "mx")) {
		return take_mx(s, value);
	}
	if (equals(name, "version") && !s->has_version) {
		return take_version(s, value);
	}
	if (equals(name, "mode") && !s->has_mode) {
		return take_mode(s, value);
	}
	if (equals(name, "max_age") && !s->has_max_age) {
		return take_max_age(s, value);
	}
	return is_field_value(value) ? NULL : "field-syntax";
}

static const char *missing(const struct state *s) {
	if (!s->has_version) {
		return "no-version";
	}
	if (!s->has_mode) {
		return "no-mode";
	}
	if (!s->has_max_age) {
		return "no-max-age";
	}
	bool needs_mx = s->has_mx || s->out->mode != POLICY_MODE_NONE;
	return needs_mx && s->out->mx_count == 0 ? "no-mx" : NULL;
}

// Cuts the next line off *rest: LF or CRLF ends it, the last one may go without.
static struct span next_line(struct span *rest) {
	const uint8_t *lf = memchr(rest->at, '\n', rest->len);
	struct span line = {rest->at, lf == NULL ? rest->len : (size_t)(lf - rest->at)};
	size_t used = line.len + (lf == NULL ? 0 : 1);
	rest->at += used;
	rest->len -= used;
	if (lf != NULL && line.len > 0 && line.at[line.len - 1] == '\r') {
		line.len--;
	}
	while (line.len > 0 && is_wsp(line.at[line.len - 1])) {
		line.len--;
	}
	return line;
}

static const char *take_lines(struct state *s, struct span rest) {
	bool blank = false;
	while (rest.len > 0) {
		struct span line = next_line(&rest);
		if (line.len == 0) {
			blank = true;
			continue;
		}
		const char *fault = blank ? "blank-line" : take_line(s, line);
		if (fault != NULL) {
			return fault;
		}
	}
	return missing(s);
}

bool polparse(
	const uint8_t *text,
	size_t len,
	uint8_t *mx, // NOLINT(readability-non-const-parameter): written through the state
	struct policy *out,
	const char **fault,
	uint8_t *mended
) {
	*out = (struct policy){.mx = mx};
	struct state s = {.out = out, .mx = mx};
	*fault = len == 0 ? "empty" : take_lines(&s, (struct span){text, len});
	*mended = s.mended;
	return *fault == NULL;
}
