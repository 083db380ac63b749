// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The second reader of TXT sets and policies (RFC 8461 3.1, 3.2). It is written
// from the ABNF alone and shares nothing with the reader it is compared to.

// Every point on which readers of MTA-STS differ: X(name, section, what we do).
// clang-format off
#define GRAMMAR_DECISIONS(X)                                                                       \
	X(TXT_EXACT,      "3.1",         "a record that begins `v=STSv1;` is taken")              \
	X(TXT_LOOSE,      "3.1 (6285)",  "white space before `;`: taken when no other is there")  \
	X(TXT_DISCARDED,  "3.1 (6285)",  "white space before `;`: discarded beside an exact one") \
	X(TXT_FOREIGN,    "3.1",         "any other record is discarded")                         \
	X(TXT_NONE,       "3.1",         "none remains: absent")                                  \
	X(TXT_MULTIPLE,   "3.1",         "more than one remains: no policy, whatever they say")   \
	X(TXT_SYNTAX,     "3.1",         "the one that remains must parse")                       \
	X(TXT_FIRST_ID,   "3.2",         "the first id wins, later ones are mere fields")         \
	X(TXT_UNKNOWN,    "3.2",         "unknown fields are ignored")                            \
	X(FIRST_WINS,     "3.2",         "the first of duplicate fields wins")                    \
	X(LATER_UNLIKE,   "3.2",         "later ones need no good value")                         \
	X(LATER_BROKEN,   "3.2",         "but must be shaped like a field")                       \
	X(AGE_CLAMPED,    "3.2 (7282)",  "max_age above 31557600 is clamped")                     \
	X(AGE_TEN,        "3.2",         "max_age of ten digits is read")                         \
	X(AGE_ELEVEN,     "3.2",         "max_age of more digits is refused")                     \
	X(AGE_ZERO,       "3.2",         "max_age of zero is good")                               \
	X(BLANK_END,      "3.2",         "blank lines at the end are accepted")                   \
	X(BLANK_MIDDLE,   "3.2",         "blank lines elsewhere are refused")                     \
	X(MX_DROPPED,     "3.2",         "a malformed mx among good ones is dropped")             \
	X(MX_NONE_LEFT,   "3.2",         "mx lines but no good one: refused")                     \
	X(MX_DOT,         "RFC 5321 2.3.5", "the trailing dot of an mx is dropped")               \
	X(MX_XN,          "RFC 5890 2.3.1", "xn-- labels are opaque")                             \
	X(MX_LABEL_63,    "RFC 1035 2.3.4", "labels have up to 63 octets")                        \
	X(MX_LABEL_64,    "RFC 1035 2.3.4", "an mx with a longer label is malformed")             \
	X(MX_NAME_253,    "RFC 1035 2.3.4", "an mx has up to 253 octets")                         \
	X(MX_NAME_254,    "RFC 1035 2.3.4", "a longer one is malformed")                          \
	X(MX_ADDRESS,     "3.4",         "an address is no mx")                                   \
	X(MX_TWICE,       "3.2",         "an mx that is there already counts once")               \
	X(MX_128,         "3.2",         "128 different mx are accepted")                         \
	X(MX_129,         "3.2",         "more are refused")                                      \
	X(BOM,            "3.2",         "a byte order mark is refused")                          \
	X(NUL,            "3.2",         "NUL is refused")                                        \
	X(LONE_CR,        "3.2",         "CR without LF is refused")                              \
	X(UTF8_BAD,       "RFC 3629 4",  "values of other fields must be UTF-8")                  \
	X(UNKNOWN,        "3.2",         "unknown fields are ignored")                            \
	X(NAME_32,        "3.2",         "names of fields have up to 32 octets")                  \
	X(NAME_33,        "3.2",         "longer ones are refused")
// clang-format on

enum grammar_decision {
#define GRAMMAR_ENUM(name, section, what) GRAMMAR_##name,
	GRAMMAR_DECISIONS(GRAMMAR_ENUM)
#undef GRAMMAR_ENUM
		GRAMMAR_COUNT
};

#define GRAMMAR_ID_MAX 32
#define GRAMMAR_MX_MAX 128

struct grammar_text {
	const uint8_t *at;
	size_t len;
};

enum grammar_txt { GRAMMAR_TXT_GOOD, GRAMMAR_TXT_ABSENT, GRAMMAR_TXT_MANY, GRAMMAR_TXT_BAD };
enum grammar_mode {
	GRAMMAR_NO_MODE,
	GRAMMAR_MODE_NONE,
	GRAMMAR_MODE_TESTING,
	GRAMMAR_MODE_ENFORCE
};

struct grammar_set {
	enum grammar_txt verdict;
	char id[GRAMMAR_ID_MAX + 1];
	uint64_t decisions; // 1 << enum grammar_decision, as they were made
};

struct grammar_policy {
	bool good;
	// Of a good one.
	enum grammar_mode mode;
	uint32_t max_age_s;
	unsigned mx_count;
	char mx[GRAMMAR_MX_MAX][254]; // lower case, end with NUL
	bool mx_dropped;
	bool mx_dotted;
	bool max_age_clamped;
	uint64_t decisions;
};

void grammar_read_set(const struct grammar_text records[], size_t count, struct grammar_set *out);

void grammar_read_policy(const uint8_t *text, size_t len, struct grammar_policy *out);
