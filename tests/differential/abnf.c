// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The stsd authors

#include "tests/differential/abnf.h"

#include <string.h>

static size_t match_word(const struct abnf_reader *r, const char *word, size_t at) {
	size_t len = strlen(word);
	return len <= r->len - at && memcmp(r->text + at, word, len) == 0 ? at + len : ABNF_NO;
}

static size_t match_all(struct abnf_reader *r, const struct abnf *rule, size_t at) {
	for (unsigned i = 0; i < rule->count && at != ABNF_NO; i++) {
		at = abnf_match(r, rule->parts[i], at);
	}
	return at;
}

static size_t match_any(struct abnf_reader *r, const struct abnf *rule, size_t at) {
	size_t end = ABNF_NO;
	for (unsigned i = 0; i < rule->count && end == ABNF_NO; i++) {
		end = abnf_match(r, rule->parts[i], at);
	}
	return end;
}

// match_times() of a set, which takes most octets of all.
static size_t match_octets(const struct abnf_reader *r, const struct abnf *rule, size_t at) {
	const bool *set = rule->parts[0]->set;
	size_t start = at;
	while (at < r->len && at - start < rule->max && set[r->text[at]]) {
		at++;
	}
	return at - start >= rule->min ? at : ABNF_NO;
}

static size_t match_times(struct abnf_reader *r, const struct abnf *rule, size_t at) {
	const struct abnf *part = rule->parts[0];
	if (part->op == ABNF_SET && part->tag == 0) {
		return match_octets(r, rule, at);
	}
	unsigned n = 0;
	while (n < rule->max) {
		size_t end = abnf_match(r, part, at);
		if (end == ABNF_NO) {
			break;
		}
		n++;
		// What takes nothing would be repeated for ever.
		if (end == at) {
			n = n < rule->min ? rule->min : n;
			break;
		}
		at = end;
	}
	return n >= rule->min ? at : ABNF_NO;
}

static size_t match_op(struct abnf_reader *r, const struct abnf *rule, size_t at) {
	switch (rule->op) {
	case ABNF_WORD:
		return match_word(r, rule->word, at);
	case ABNF_SET:
		return at < r->len && rule->set[r->text[at]] ? at + 1 : ABNF_NO;
	case ABNF_ALL:
		return match_all(r, rule, at);
	case ABNF_ANY:
		return match_any(r, rule, at);
	case ABNF_TIMES:
		return match_times(r, rule, at);
	case ABNF_NOT:
		return abnf_match(r, rule->parts[0], at) == ABNF_NO ? at : ABNF_NO;
	default:
		return at == r->len ? at : ABNF_NO;
	}
}

static void note(struct abnf_reader *r, int tag, size_t at, size_t len) {
	if (r->notes_count == r->notes_max) {
		r->overflow = r->notes_max > 0;
		return;
	}
	r->notes[r->notes_count++] = (struct abnf_note){tag, at, len};
}

size_t abnf_match(struct abnf_reader *r, const struct abnf *rule, size_t at) {
	size_t kept = r->notes_count;
	size_t end = match_op(r, rule, at);
	if (end == ABNF_NO || (rule->most != 0 && end - at > rule->most)) {
		r->notes_count = kept;
		return ABNF_NO;
	}
	if (rule->op == ABNF_NOT) {
		r->notes_count = kept;
	}
	if (rule->tag != 0) {
		note(r, rule->tag, at, end - at);
	}
	return end;
}

bool abnf_fits(const struct abnf *rule, const uint8_t *text, size_t len) {
	struct abnf_reader r = {.text = text, .len = len};
	return abnf_match(&r, rule, 0) != ABNF_NO;
}
