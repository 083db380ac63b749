// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/differential/grammar.h"

#include "tests/differential/abnf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_AGE_MOST_S 31557600U
#define NOTES_MAX 4096

enum tag { TAG_NAME = 1, TAG_VALUE, TAG_BLANK, TAG_JUNK };

// Rules as tables. The comments quote the RFC where a rule is put otherwise.
// clang-format off
#define WORD(name, text) static const struct abnf name = {.op = ABNF_WORD, .word = (text)}
#define SET(name, ...)                                          \
	static const bool name##_set[256] = {__VA_ARGS__};      \
	static const struct abnf name = {.op = ABNF_SET, .set = name##_set}
#define PARTS(...) \
	.parts = (const struct abnf *const[]){__VA_ARGS__}, \
	.count = sizeof((const struct abnf *const[]){__VA_ARGS__}) / sizeof(void *)
#define ALL(name, ...) static const struct abnf name = {.op = ABNF_ALL, PARTS(__VA_ARGS__)}
#define ANY(name, ...) static const struct abnf name = {.op = ABNF_ANY, PARTS(__VA_ARGS__)}
#define NOT(name, part) static const struct abnf name = {.op = ABNF_NOT, PARTS(part)}
#define TIMES(name, low, high, part) \
	static const struct abnf name = {.op = ABNF_TIMES, .min = (low), .max = (high), PARTS(part)}
#define NOTED(name, mark, ...) \
	static const struct abnf name = {.op = ABNF_ALL, .tag = (mark), PARTS(__VA_ARGS__)}
#define AT_MOST(name, octets, ...) \
	static const struct abnf name = {.op = ABNF_ALL, .most = (octets), PARTS(__VA_ARGS__)}

#define DIGITS ['0' ... '9'] = true
#define ALPHAS ['A' ... 'Z'] = true, ['a' ... 'z'] = true

static const struct abnf end = {.op = ABNF_END};
SET(wsp, [' '] = true, ['\t'] = true);
SET(digit, DIGITS);
SET(let_dig, DIGITS, ALPHAS);
TIMES(wsps, 0, ABNF_MANY, &wsp);

// RFC 8461 3.1
WORD(sts_version, "v=STSv1");
WORD(semicolon, ";");
WORD(equals, "=");
ALL(sts_field_delim, &wsps, &semicolon, &wsps);
SET(ext_name_char, DIGITS, ALPHAS, ['_'] = true, ['-'] = true, ['.'] = true);
TIMES(ext_name_rest, 0, 31, &ext_name_char);
NOTED(ext_name, TAG_NAME, &let_dig, &ext_name_rest); // also sts-policy-ext-name
SET(ext_value_char, [0x21 ... 0x3a] = true, [0x3c] = true, [0x3e ... 0x7e] = true);
TIMES(ext_value_chars, 1, ABNF_MANY, &ext_value_char);
NOTED(sts_ext_value, TAG_VALUE, &ext_value_chars);
ALL(sts_field, &ext_name, &equals, &sts_ext_value); // sts-id is one of its forms
ALL(sts_next_field, &sts_field_delim, &sts_field);
TIMES(sts_fields, 1, ABNF_MANY, &sts_next_field);
TIMES(sts_last_delim, 0, 1, &sts_field_delim);
ALL(sts_text_record, &sts_version, &sts_fields, &sts_last_delim, &end);

TIMES(id_chars, 1, 32, &let_dig);
ALL(sts_id_value, &id_chars, &end);
ALL(begins_exactly, &sts_version, &semicolon);
ALL(begins_loosely, &sts_version, &wsp, &wsps, &semicolon);

// RFC 3629 4
SET(utf8_tail, [0x80 ... 0xbf] = true);
SET(utf8_2_head, [0xc2 ... 0xdf] = true);
WORD(e0, "\xe0");
SET(e0_next, [0xa0 ... 0xbf] = true);
SET(utf8_3_head, [0xe1 ... 0xec] = true, [0xee ... 0xef] = true);
WORD(ed, "\xed");
SET(ed_next, [0x80 ... 0x9f] = true);
WORD(f0, "\xf0");
SET(f0_next, [0x90 ... 0xbf] = true);
SET(utf8_4_head, [0xf1 ... 0xf3] = true);
WORD(f4, "\xf4");
SET(f4_next, [0x80 ... 0x8f] = true);
ALL(utf8_2, &utf8_2_head, &utf8_tail);
ALL(utf8_3_e0, &e0, &e0_next, &utf8_tail);
ALL(utf8_3, &utf8_3_head, &utf8_tail, &utf8_tail);
ALL(utf8_3_ed, &ed, &ed_next, &utf8_tail);
ALL(utf8_4_f0, &f0, &f0_next, &utf8_tail, &utf8_tail);
ALL(utf8_4, &utf8_4_head, &utf8_tail, &utf8_tail, &utf8_tail);
ALL(utf8_4_f4, &f4, &f4_next, &utf8_tail, &utf8_tail);

// RFC 8461 3.2
SET(visible, [0x21 ... 0x7e] = true);
ANY(vchar, &visible, &utf8_2, &utf8_3, &utf8_3_e0, &utf8_3_ed, &utf8_4, &utf8_4_f0, &utf8_4_f4);
// [*(%x20 / vchar) vchar], without giving back
SET(space, [' '] = true);
TIMES(spaces, 0, ABNF_MANY, &space);
ALL(spaced_vchar, &spaces, &vchar);
TIMES(spaced_vchars, 0, ABNF_MANY, &spaced_vchar);
ALL(policy_ext_value, &vchar, &spaced_vchars, &end);

WORD(word_version, "STSv1");
WORD(word_testing, "testing");
WORD(word_enforce, "enforce");
WORD(word_none, "none");
ALL(version_value, &word_version, &end);
ALL(mode_testing, &word_testing, &end);
ALL(mode_enforce, &word_enforce, &end);
ALL(mode_none, &word_none, &end);
ANY(mode_value, &mode_testing, &mode_enforce, &mode_none);
TIMES(ten_digits, 1, 10, &digit);
ALL(max_age_value, &ten_digits, &end);
TIMES(many_digits, 11, ABNF_MANY, &digit);
ALL(max_age_too_long, &many_digits, &end);

// RFC 5321 4.1.2: sub-domain = Let-dig [Ldh-str], with the limits of RFC 1035
// 2.3.4. A last label of digits alone makes an address of it.
SET(hyphen, ['-'] = true);
TIMES(hyphens, 0, ABNF_MANY, &hyphen);
ALL(ldh_step, &hyphens, &let_dig);
TIMES(ldh_steps, 0, ABNF_MANY, &ldh_step);
AT_MOST(sub_domain, 63, &let_dig, &ldh_steps);
ALL(long_sub_domain, &let_dig, &ldh_steps);
WORD(dot, ".");
TIMES(maybe_dot, 0, 1, &dot);
NOT(not_end, &end);
ALL(sub_domain_ahead, &sub_domain, &dot, &not_end);
TIMES(sub_domains_ahead, 0, ABNF_MANY, &sub_domain_ahead);
TIMES(digits, 1, ABNF_MANY, &digit);
ALL(numeric, &sub_domains_ahead, &digits, &maybe_dot, &end);
NOT(not_numeric, &numeric);
ALL(dot_sub_domain, &dot, &sub_domain);
TIMES(dot_sub_domains, 0, ABNF_MANY, &dot_sub_domain);
ALL(domain, &not_numeric, &sub_domain, &dot_sub_domains);
WORD(star_dot, "*.");
TIMES(wildcard, 0, 1, &star_dot);
AT_MOST(pattern, 253, &wildcard, &domain);
ALL(mx_value, &pattern, &end);
ALL(mx_dotted, &pattern, &dot, &end);
ALL(dot_long_sub_domain, &dot, &long_sub_domain);
TIMES(dot_long_sub_domains, 0, ABNF_MANY, &dot_long_sub_domain);
ALL(mx_of_any_size, &wildcard, &long_sub_domain, &dot_long_sub_domains, &maybe_dot, &end);
ALL(mx_address, &wildcard, &numeric);

// What of a malformed mx may still be passed over: no control characters.
SET(printable, ['\t'] = true, [0x20 ... 0x7e] = true, [0x80 ... 0xff] = true);
TIMES(printables, 0, ABNF_MANY, &printable);
ALL(mx_odd, &printables, &end);

// Lines, good and bad, so that every decision is seen where it is made.
WORD(lf, "\n");
WORD(crlf, "\r\n");
ANY(term, &lf, &crlf);
ANY(term_or_end, &lf, &crlf, &end);
NOT(no_lf, &lf);
WORD(cr, "\r");
ALL(lone_cr, &cr, &no_lf);
SET(not_end_of_line, [0 ... 9] = true, [11 ... 12] = true, [14 ... 255] = true);
ANY(line_octet, &not_end_of_line, &lone_cr);
SET(not_wsp, [0 ... 8] = true, [11 ... 12] = true, [14 ... 31] = true, [33 ... 255] = true);
TIMES(some_not_wsp, 1, ABNF_MANY, &not_wsp);
ANY(solid, &some_not_wsp, &lone_cr);
ALL(spaced_solid, &wsps, &solid);
TIMES(solids, 0, ABNF_MANY, &spaced_solid);
NOTED(line_value, TAG_VALUE, &solids);
WORD(colon, ":");
ALL(field_line, &ext_name, &colon, &wsps, &line_value, &wsps, &term_or_end);
NOTED(blank, TAG_BLANK, &wsps);
ALL(blank_line, &blank, &term);
ALL(blank_rest, &blank, &end);
TIMES(line_octets, 0, ABNF_MANY, &line_octet);
NOTED(junk, TAG_JUNK, &line_octets);
ALL(junk_line, &junk, &term_or_end);
TIMES(name_tail, 32, ABNF_MANY, &ext_name_char);
ALL(name_too_long, &let_dig, &name_tail, &colon);
ANY(line_form, &blank_line, &blank_rest, &field_line, &junk_line);
ALL(line, &not_end, &line_form);
TIMES(policy_lines, 0, ABNF_MANY, &line);
// clang-format on

static const uint8_t *const EMPTY = (const uint8_t *)"";

static struct grammar_text text_of(const struct abnf_reader *r, const struct abnf_note *n) {
	return (struct grammar_text){n->len > 0 ? r->text + n->at : EMPTY, n->len};
}

static bool is(struct grammar_text t, const char *word) {
	return t.len == strlen(word) && memcmp(t.at, word, t.len) == 0;
}

static bool fits(const struct abnf *rule, struct grammar_text t) {
	return abnf_fits(rule, t.at, t.len);
}

static void decide(uint64_t *decisions, enum grammar_decision d) {
	*decisions |= 1ULL << d;
}

// The notes of one reading; one reading at a time.
static struct abnf_note notes[NOTES_MAX];

static struct abnf_reader reader(const uint8_t *text, size_t len) {
	return (struct abnf_reader){
		.text = text, .len = len, .notes = notes, .notes_max = NOTES_MAX};
}

static void need_notes(const struct abnf_reader *r) {
	if (r->overflow) {
		fprintf(stderr, "differential: more than %d notes\n", NOTES_MAX);
		abort();
	}
}

// ---- TXT

static bool read_record(struct grammar_text record, struct grammar_set *out) {
	struct abnf_reader r = reader(record.at, record.len);
	if (abnf_match(&r, &sts_text_record, 0) == ABNF_NO) {
		return false;
	}
	need_notes(&r);
	for (size_t i = 0; i < r.notes_count; i += 2) {
		struct grammar_text name = text_of(&r, &notes[i]);
		struct grammar_text value = text_of(&r, &notes[i + 1]);
		if (!is(name, "id")) {
			decide(&out->decisions, GRAMMAR_TXT_UNKNOWN);
			continue;
		}
		if (out->id[0] != '\0') {
			decide(&out->decisions, GRAMMAR_TXT_FIRST_ID);
			continue;
		}
		if (!fits(&sts_id_value, value)) {
			return false;
		}
		memcpy(out->id, value.at, value.len);
		out->id[value.len] = '\0';
	}
	return out->id[0] != '\0';
}

void grammar_read_set(const struct grammar_text records[], size_t count, struct grammar_set *out) {
	*out = (struct grammar_set){.verdict = GRAMMAR_TXT_ABSENT};
	size_t exact = 0;
	size_t loose = 0;
	for (size_t i = 0; i < count; i++) {
		exact += fits(&begins_exactly, records[i]);
		loose += fits(&begins_loosely, records[i]);
	}
	const struct abnf *taken = exact > 0 ? &begins_exactly : &begins_loosely;
	size_t alike = exact > 0 ? exact : loose;
	if (exact + loose < count) {
		decide(&out->decisions, GRAMMAR_TXT_FOREIGN);
	}
	if (exact > 0 && loose > 0) {
		decide(&out->decisions, GRAMMAR_TXT_DISCARDED);
	}
	if (alike != 1) {
		out->verdict = alike == 0 ? GRAMMAR_TXT_ABSENT : GRAMMAR_TXT_MANY;
		decide(&out->decisions, alike == 0 ? GRAMMAR_TXT_NONE : GRAMMAR_TXT_MULTIPLE);
		return;
	}
	decide(&out->decisions, exact > 0 ? GRAMMAR_TXT_EXACT : GRAMMAR_TXT_LOOSE);
	for (size_t i = 0; i < count; i++) {
		if (fits(taken, records[i])) {
			out->verdict = read_record(records[i], out) ? GRAMMAR_TXT_GOOD
								    : GRAMMAR_TXT_BAD;
		}
	}
	if (out->verdict == GRAMMAR_TXT_BAD) {
		decide(&out->decisions, GRAMMAR_TXT_SYNTAX);
		out->id[0] = '\0';
	}
}

// ---- policies

enum { VERSION, MODE, MAX_AGE, FIELDS };

// The fields that may stand once (RFC 8461 3.2, ABNF).
static const struct {
	const char *name;
	const struct abnf *value;
} ONCE[FIELDS] = {
	[VERSION] = {"version", &version_value},
	[MODE] = {"mode", &mode_value},
	[MAX_AGE] = {"max_age", &max_age_value},
};

struct policy_state {
	struct grammar_policy *out;
	bool seen[FIELDS];
	bool mx_seen;
	bool blank_seen;
};

// Why a line cannot be read, where that is one of the decisions.
static void decide_octets(uint64_t *decisions, struct grammar_text octets, bool first) {
	if (first && octets.len >= 3 && memcmp(octets.at, "\xef\xbb\xbf", 3) == 0) {
		decide(decisions, GRAMMAR_BOM);
	}
	if (memchr(octets.at, '\0', octets.len) != NULL) {
		decide(decisions, GRAMMAR_NUL);
	}
	if (memchr(octets.at, '\r', octets.len) != NULL) {
		decide(decisions, GRAMMAR_LONE_CR);
	}
}

static void decide_junk(uint64_t *decisions, struct grammar_text junk_octets, bool first) {
	decide_octets(decisions, junk_octets, first);
	if (fits(&name_too_long, junk_octets)) {
		decide(decisions, GRAMMAR_NAME_33);
	}
}

static uint32_t clamp_age(struct grammar_text value, struct grammar_policy *out) {
	uint64_t seconds = 0;
	for (size_t i = 0; i < value.len; i++) {
		seconds = seconds * 10 + (value.at[i] - (unsigned)'0');
	}
	if (value.len == 10) {
		decide(&out->decisions, GRAMMAR_AGE_TEN);
	}
	if (seconds == 0) {
		decide(&out->decisions, GRAMMAR_AGE_ZERO);
	}
	if (seconds > MAX_AGE_MOST_S) {
		decide(&out->decisions, GRAMMAR_AGE_CLAMPED);
		out->max_age_clamped = true;
		seconds = MAX_AGE_MOST_S;
	}
	return (uint32_t)seconds;
}

static bool take_first(struct policy_state *s, int field, struct grammar_text value) {
	struct grammar_policy *out = s->out;
	if (!fits(ONCE[field].value, value)) {
		if (field == MAX_AGE && fits(&max_age_too_long, value)) {
			decide(&out->decisions, GRAMMAR_AGE_ELEVEN);
		}
		decide_octets(&out->decisions, value, false);
		return false;
	}
	s->seen[field] = true;
	if (field == MODE) {
		out->mode = is(value, "none")	   ? GRAMMAR_MODE_NONE
			    : is(value, "testing") ? GRAMMAR_MODE_TESTING
						   : GRAMMAR_MODE_ENFORCE;
	}
	if (field == MAX_AGE) {
		out->max_age_s = clamp_age(value, out);
	}
	return true;
}

static bool take_other(struct policy_state *s, int field, struct grammar_text value) {
	uint64_t *decisions = &s->out->decisions;
	if (!fits(&policy_ext_value, value)) {
		decide_octets(decisions, value, false);
		if (fits(&mx_odd, value) && memchr(value.at, '\t', value.len) == NULL
		    && value.len > 0) {
			decide(decisions, GRAMMAR_UTF8_BAD);
		}
		if (field < FIELDS) {
			decide(decisions, GRAMMAR_LATER_BROKEN);
		}
		return false;
	}
	if (field == FIELDS) {
		decide(decisions, GRAMMAR_UNKNOWN);
		return true;
	}
	decide(decisions, GRAMMAR_FIRST_WINS);
	if (!fits(ONCE[field].value, value)) {
		decide(decisions, GRAMMAR_LATER_UNLIKE);
	}
	return true;
}

static bool drop_mx(struct policy_state *s, struct grammar_text value) {
	uint64_t *decisions = &s->out->decisions;
	if (!fits(&mx_odd, value)) {
		decide_octets(decisions, value, false);
		return false;
	}
	s->out->mx_dropped = true;
	if (fits(&mx_address, value)) {
		decide(decisions, GRAMMAR_MX_ADDRESS);
	} else if (fits(&mx_of_any_size, value)) {
		bool dotted = value.at[value.len - 1] == '.';
		bool long_name = value.len - dotted > 253;
		decide(decisions, long_name ? GRAMMAR_MX_NAME_254 : GRAMMAR_MX_LABEL_64);
	}
	return true;
}

static void decide_pattern(uint64_t *decisions, const char *mx) {
	size_t label = 0;
	for (const char *c = mx; *c != '\0'; c++) {
		label = *c == '.' ? 0 : label + 1;
		if (label == 63 && (c[1] == '.' || c[1] == '\0')) {
			decide(decisions, GRAMMAR_MX_LABEL_63);
		}
		if (label == 4 && memcmp(c - 3, "xn--", 4) == 0) {
			decide(decisions, GRAMMAR_MX_XN);
		}
	}
	if (strlen(mx) == 253) {
		decide(decisions, GRAMMAR_MX_NAME_253);
	}
}

static bool take_mx(struct policy_state *s, struct grammar_text value) {
	struct grammar_policy *out = s->out;
	s->mx_seen = true;
	bool dotted = fits(&mx_dotted, value);
	if (!dotted && !fits(&mx_value, value)) {
		return drop_mx(s, value);
	}
	char mx[254];
	size_t len = value.len - dotted;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = value.at[i];
		mx[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	mx[len] = '\0';
	if (dotted) {
		out->mx_dotted = true;
		decide(&out->decisions, GRAMMAR_MX_DOT);
	}
	decide_pattern(&out->decisions, mx);
	for (unsigned i = 0; i < out->mx_count; i++) {
		if (strcmp(out->mx[i], mx) == 0) {
			decide(&out->decisions, GRAMMAR_MX_TWICE);
			return true;
		}
	}
	if (out->mx_count == GRAMMAR_MX_MAX) {
		decide(&out->decisions, GRAMMAR_MX_129);
		return false;
	}
	memcpy(out->mx[out->mx_count++], mx, len + 1);
	return true;
}

static bool
take_field(struct policy_state *s, struct grammar_text name, struct grammar_text value) {
	if (is(name, "mx")) {
		return take_mx(s, value);
	}
	if (name.len == 32) {
		decide(&s->out->decisions, GRAMMAR_NAME_32);
	}
	int field = 0;
	while (field < FIELDS && !is(name, ONCE[field].name)) {
		field++;
	}
	return field < FIELDS && !s->seen[field] ? take_first(s, field, value)
						 : take_other(s, field, value);
}

static bool take_note(struct policy_state *s, const struct abnf_reader *r, size_t *i) {
	const struct abnf_note *n = &r->notes[(*i)++];
	if (n->tag == TAG_BLANK) {
		s->blank_seen = true;
		return true;
	}
	if (s->blank_seen) {
		decide(&s->out->decisions, GRAMMAR_BLANK_MIDDLE);
		return false;
	}
	if (n->tag == TAG_JUNK) {
		decide_junk(&s->out->decisions, text_of(r, n), n->at == 0);
		return false;
	}
	return take_field(s, text_of(r, n), text_of(r, &r->notes[(*i)++]));
}

static bool is_complete(struct policy_state *s) {
	struct grammar_policy *out = s->out;
	if (s->blank_seen) {
		decide(&out->decisions, GRAMMAR_BLANK_END);
	}
	for (int field = 0; field < FIELDS; field++) {
		if (!s->seen[field]) {
			return false;
		}
	}
	if (out->mx_count == 0 && s->mx_seen) {
		decide(&out->decisions, GRAMMAR_MX_NONE_LEFT);
	}
	if (out->mx_count > 0 && out->mx_dropped) {
		decide(&out->decisions, GRAMMAR_MX_DROPPED);
	}
	if (out->mx_count == GRAMMAR_MX_MAX) {
		decide(&out->decisions, GRAMMAR_MX_128);
	}
	return out->mx_count > 0 || (out->mode == GRAMMAR_MODE_NONE && !s->mx_seen);
}

void grammar_read_policy(const uint8_t *text, size_t len, struct grammar_policy *out) {
	struct policy_state s = {.out = out};
	out->good = false;
	out->mode = GRAMMAR_NO_MODE;
	out->max_age_s = 0;
	out->mx_count = 0;
	out->mx_dropped = out->mx_dotted = out->max_age_clamped = false;
	out->decisions = 0;
	struct abnf_reader r = reader(text, len);
	if (abnf_match(&r, &policy_lines, 0) != len) {
		fprintf(stderr, "differential: a body without lines\n");
		abort();
	}
	need_notes(&r);
	bool good = true;
	for (size_t i = 0; i < r.notes_count && good;) {
		good = take_note(&s, &r, &i);
	}
	out->good = good && is_complete(&s);
}
