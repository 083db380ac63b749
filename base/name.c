// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/name.h"

#include <string.h>

#define HOST_MAX 253

static const char *const SPECIAL_USE[] = {
	"localhost",
	"local",
	"onion",
	"invalid",
	"alt",
	"internal",
	"arpa",
};

static const char *const VERDICT_STR[] = {
	[NAME_OK] = "",
	[NAME_SINGLE_LABEL] = "single-label",
	[NAME_NOT_LDH] = "not-ldh",
	[NAME_ALL_DIGIT_TLD] = "all-digit-tld",
	[NAME_TOO_LONG] = "too-long",
	[NAME_SPECIAL_USE] = "special-use",
	[NAME_NOT_A_LABEL] = "not-an-a-label",
};

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ldh_label(const char *label, size_t len) {
	if (len == 0 || len > NAME_LABEL_MAX || label[0] == '-' || label[len - 1] == '-') {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(label[i]) && label[i] != '-') {
			return false;
		}
	}
	return true;
}

// Walks the labels; *last is where the last one begins.
static bool labels_are_ldh(const char *text, size_t len, size_t *last, unsigned *count) {
	size_t start = 0;
	*count = 0;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.') {
			continue;
		}
		if (!is_ldh_label(text + start, i - start)) {
			return false;
		}
		*last = start;
		(*count)++;
		start = i + 1;
	}
	return true;
}

static bool has_high_octet(const char *text, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80) {
			return true;
		}
	}
	return false;
}

static bool all_digits(const char *text, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i])) {
			return false;
		}
	}
	return true;
}

static bool is_special_use(const char *label, size_t len) {
	for (size_t i = 0; i < sizeof(SPECIAL_USE) / sizeof(SPECIAL_USE[0]); i++) {
		if (strlen(SPECIAL_USE[i]) == len && memcmp(SPECIAL_USE[i], label, len) == 0) {
			return true;
		}
	}
	return false;
}

enum name_verdict name_check(const char *text, size_t len) {
	if (has_high_octet(text, len)) {
		return NAME_NOT_A_LABEL;
	}
	if (len > NAME_DOMAIN_MAX) {
		return NAME_TOO_LONG;
	}
	size_t last = 0;
	unsigned count = 0;
	if (!labels_are_ldh(text, len, &last, &count)) {
		return NAME_NOT_LDH;
	}
	if (is_special_use(text + last, len - last)) {
		return NAME_SPECIAL_USE;
	}
	if (count < 2) {
		return NAME_SINGLE_LABEL;
	}
	return all_digits(text + last, len - last) ? NAME_ALL_DIGIT_TLD : NAME_OK;
}

const char *name_verdict_str(enum name_verdict v) {
	return VERDICT_STR[v];
}

enum name_verdict name_parse(const char *text, size_t len, struct name *out) {
	if (len > 0 && text[len - 1] == '.') {
		len--;
	}
	if (len > NAME_DOMAIN_MAX) {
		return has_high_octet(text, len) ? NAME_NOT_A_LABEL : NAME_TOO_LONG;
	}
	struct name low = {.len = (uint8_t)len};
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		low.text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	enum name_verdict v = name_check(low.text, len);
	if (v == NAME_OK) {
		*out = low;
	}
	return v;
}

bool name_equal(const struct name *a, const struct name *b) {
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

bool name_is_host(const char *text, size_t len) {
	size_t last;
	unsigned count;
	return len <= HOST_MAX && labels_are_ldh(text, len, &last, &count);
}
