// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "base/name.h"

#include <string.h>

#define HOST_MAX 253

static const struct {
	size_t len;
	const char *text;
} SPECIAL_USE[] = {
	{9, "localhost"},
	{5, "local"},
	{5, "onion"},
	{7, "invalid"},
	{3, "alt"},
	{8, "internal"},
	{4, "arpa"},
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

// What an octet may be within a label.
enum { LDH = 1, DIGIT = 2, HYPHEN = 4 };

#define LETTERS(c)                                                                            \
	[c] = LDH, [c + 1] = LDH, [c + 2] = LDH, [c + 3] = LDH, [c + 4] = LDH, [c + 5] = LDH, \
	[c + 6] = LDH, [c + 7] = LDH, [c + 8] = LDH, [c + 9] = LDH, [c + 10] = LDH,           \
	[c + 11] = LDH, [c + 12] = LDH

static const uint8_t CLASS[256] = {
	LETTERS('a'),
	LETTERS('n'),
	LETTERS('A'),
	LETTERS('N'),
	['-'] = LDH | HYPHEN,
	['0'] = LDH | DIGIT,
	['1'] = LDH | DIGIT,
	['2'] = LDH | DIGIT,
	['3'] = LDH | DIGIT,
	['4'] = LDH | DIGIT,
	['5'] = LDH | DIGIT,
	['6'] = LDH | DIGIT,
	['7'] = LDH | DIGIT,
	['8'] = LDH | DIGIT,
	['9'] = LDH | DIGIT,
};

static uint8_t class_of(char c) {
	return CLASS[(unsigned char)c];
}

static bool is_edge_right(const char *label, size_t len) {
	return len > 0 && len <= NAME_LABEL_MAX
	       && ((class_of(label[0]) | class_of(label[len - 1])) & HYPHEN) == 0;
}

// Walks the labels; *last is where the last one begins.
static bool labels_are_ldh(const char *text, size_t len, size_t *last, unsigned *count) {
	size_t start = 0;
	*count = 1;
	for (size_t i = 0; i < len; i++) {
		if (class_of(text[i]) != 0) {
			continue;
		}
		if (text[i] != '.' || !is_edge_right(text + start, i - start)) {
			return false;
		}
		(*count)++;
		start = i + 1;
	}
	*last = start;
	return is_edge_right(text + start, len - start);
}

static bool has_high_octet(const char *text, size_t len) {
	unsigned all = 0;
	for (size_t i = 0; i < len; i++) {
		all |= (unsigned char)text[i];
	}
	return all >= 0x80;
}

static bool all_digits(const char *text, size_t len) {
	size_t i = 0;
	while (i < len && (class_of(text[i]) & DIGIT) != 0) {
		i++;
	}
	return i == len;
}

static bool is_special_use(const char *label, size_t len) {
	for (size_t i = 0; i < sizeof(SPECIAL_USE) / sizeof(SPECIAL_USE[0]); i++) {
		if (SPECIAL_USE[i].len == len && memcmp(SPECIAL_USE[i].text, label, len) == 0) {
			return true;
		}
	}
	return false;
}

enum name_verdict name_check(const char *text, size_t len) {
	size_t last;
	unsigned count;
	if (len > NAME_DOMAIN_MAX || !labels_are_ldh(text, len, &last, &count)) {
		return has_high_octet(text, len) ? NAME_NOT_A_LABEL
		       : len > NAME_DOMAIN_MAX	 ? NAME_TOO_LONG
						 : NAME_NOT_LDH;
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

// splitmix64's finish, eight octets at a time.
uint64_t name_hash(const char *text, size_t len, uint64_t seed) {
	uint64_t h = seed ^ len;
	while (len > 0) {
		uint64_t word = 0;
		size_t part = len < sizeof(word) ? len : sizeof(word);
		memcpy(&word, text, part);
		h = (h ^ word) + 0x9e3779b97f4a7c15ULL;
		h = (h ^ h >> 30U) * 0xbf58476d1ce4e5b9ULL;
		h = (h ^ h >> 27U) * 0x94d049bb133111ebULL;
		h ^= h >> 31U;
		text += part;
		len -= part;
	}
	return h;
}
