// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Grammars as tables, and the one engine that reads by them.
//
// A table is a rule of RFC 5234 with two restrictions: choices are ordered, and
// a repetition takes as much as it can and gives nothing back. The rules of RFC
// 8461 can all be put so.

enum abnf_op {
	ABNF_WORD,  // these octets; case counts (RFC 7405)
	ABNF_SET,   // one octet of a set
	ABNF_ALL,   // one part behind the other
	ABNF_ANY,   // the first part that fits
	ABNF_TIMES, // parts[0], min to max times
	ABNF_NOT,   // takes nothing, and only where parts[0] does not fit
	ABNF_END,   // the end of the text
};

#define ABNF_MANY UINT32_MAX

struct abnf {
	enum abnf_op op;
	const char *word;
	const bool *set; // 256
	const struct abnf *const *parts;
	unsigned count; // of parts
	unsigned min;
	unsigned max;
	size_t most; // octets the rule may take; 0: any number
	int tag;     // not 0: it is noted where the rule stood
};

struct abnf_note {
	int tag;
	size_t at;
	size_t len;
};

struct abnf_reader {
	const uint8_t *text;
	size_t len;
	struct abnf_note *notes; // the caller's
	size_t notes_max;
	size_t notes_count;
	bool overflow; // notes were too few: the result is worth nothing
};

#define ABNF_NO SIZE_MAX

// @return Where the rule ends that begins at `at`, or ABNF_NO.
size_t abnf_match(struct abnf_reader *r, const struct abnf *rule, size_t at);

// Whether the rule fits from the beginning of a text on, without notes.
bool abnf_fits(const struct abnf *rule, const uint8_t *text, size_t len);
